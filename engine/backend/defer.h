/* Rows of a backend that wait for its next write; for backend.c only. */
#ifndef SFSI_BACKEND_DEFER_H
#define SFSI_BACKEND_DEFER_H

#include "backend/backend.h"

void sfsi_defer_init(struct sfsi_deferred *deferred);
void sfsi_defer_fini(struct sfsi_deferred *deferred);

/** Keep copies of all rows, or (too many, too large, no memory) of none. */
bool sfsi_defer_keep(struct sfsi_deferred *deferred, const struct sfsi_op *ops, size_t count);

/** Does a key wait? Then *ret_err is the answer of a get: 0 (appended to ret) or an error. */
bool sfsi_defer_get(struct sfsi_deferred *deferred, uint32_t partition, struct sfs_span key,
		    struct sfs_buf *ret, int *ret_err);

typedef int sfsi_defer_write_fn(void *arg, const struct sfsi_op *ops, size_t count);
/**
 * Write what waits and behind it these rows with one call of fn, none when there is nothing. When it fails
 * they go on waiting.
 */
SFS_MUST_CHECK int sfsi_defer_write(struct sfsi_deferred *deferred, sfsi_defer_write_fn *fn,
				    void *arg, const struct sfsi_op *ops, size_t count);

#endif
