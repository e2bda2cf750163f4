/*
 * What follows from the content of objects, and is written in the same commit: references back
 * from the targets of relations, entries of indexes.
 *
 * sfsi_object_change() is the one place through which objects are added, replaced, renamed and
 * removed, and the one caller.
 */
#ifndef SFSI_DERIVE_H
#define SFSI_DERIVE_H

#include "record.h"

struct sfsi_txn;

/** One side of a change: an object as it was, or as it becomes. */
struct sfsi_derive_side {
	struct sfs_span
		oid; /* without a record: of what it went to; that of the other side: it is removed */
	const struct sfsi_record *record; /* NULL: there is no object on this side */
};

/**
 * Write what follows from an object's content; not both sides are without an object. A class whose
 * definition derives nothing pays for one look at it.
 */
SFS_MUST_CHECK int sfsi_derive(struct sfsi_txn *txn, uint32_t class_id,
			       const struct sfsi_derive_side *before,
			       const struct sfsi_derive_side *after);

#endif
