/*
 * Targets of relations, as they stand in bodies.
 *
 * What stands in a relation leads to an object of the relation's class, in whichever of the forms of
 * documents it is written, and whatever type it states: objects may be older than the definition.
 * Values that are no reference at all are passed over; a check reports them.
 */
#ifndef SFSI_TARGETS_H
#define SFSI_TARGETS_H

#include "schema/reference.h"
#include "schema/schema.h"

/** A walk over the targets of one relation. */
struct sfsi_targets {
	struct sfsi_cursor cursor;
	uint32_t left;
	struct sfsi_reference now;
};

/** @value  of the relation, as msgpack; empty: it has none. */
void sfsi_targets_init(struct sfsi_targets *targets, struct sfs_span value);
/** Next oid, valid until the next call. False at the end. */
bool sfsi_targets_next(struct sfsi_targets *targets, struct sfs_span *ret);

/** The value of a member of a body; empty when there is none. SFS_ERR_CORRUPT: no map. */
SFS_MUST_CHECK int sfsi_body_member(struct sfs_span body, struct sfs_span name,
				    struct sfs_span *ret);

/** The oids of one value. */
struct sfsi_target_set {
	struct sfs_span
		*oids; /* [count] sorted, each once; they point into the value or into digits */
	size_t count;
	struct sfs_buf digits;
};

/** Collect and sort. ret: zeroed; the caller ends it. SFS_ERR_NO_MEMORY. */
SFS_MUST_CHECK int sfsi_target_set_make(struct sfs_span value, struct sfsi_target_set *ret);
void sfsi_target_set_fini(struct sfsi_target_set *set);

#endif
