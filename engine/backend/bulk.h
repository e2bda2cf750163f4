/*
 * Many rows at once: made in files aside, sorted, and there all together or not at all.
 *
 * It is for tables that have nothing yet: between the rows of one of its tables (the first byte of the key) a
 * backend should have none, or they are merged later. It costs a tenth of what commits cost, and is not in the log.
 */
#ifndef SFSI_BACKEND_BULK_H
#define SFSI_BACKEND_BULK_H

#include "backend/backend.h"

/** Base member of what a backend makes. */
struct sfsi_bulk {
	int (*put)(struct sfsi_bulk *bulk, const struct sfsi_op *op);
	void (*drop)(struct sfsi_bulk *bulk); /* the backend need not be there any more */
	uint64_t moves;                       /* movable.c: where the backend was when it began */
};

/** SFS_ERR_UNSUPPORTED: the backend can not. End it with sfsi_bulk_end() or sfsi_bulk_abort(). */
SFS_MUST_CHECK int sfsi_bulk_begin(struct sfsi_backend *b, struct sfsi_bulk **ret);
/**
 * Add a row, or a removal. Those of one table of one partition come in ascending order, each once; others may come
 * between. Of few tables only. SFS_ERR_NO_SPACE, SFS_ERR_LIMIT and the like.
 */
SFS_MUST_CHECK int sfsi_bulk_put(struct sfsi_bulk *bulk, const struct sfsi_op *op);
/**
 * All of it is there and survives a power cut, or nothing is. The bulk has ended in any case.
 * SFS_ERR_BUSY: the backend was moved meanwhile.
 */
SFS_MUST_CHECK int sfsi_bulk_end(struct sfsi_backend *b, struct sfsi_bulk *bulk);
/** Accepts NULL. */
void sfsi_bulk_abort(struct sfsi_bulk *bulk);

#endif
