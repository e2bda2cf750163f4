/* Compacting a store: the room of what was removed or replaced is given back. */
#ifndef STOREFS_COMPACT_H
#define STOREFS_COMPACT_H

#include <storefs/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How to compact. Zeroed members mean the default. */
struct sfs_compact {
	uint64_t rate; /* at most so many bytes of tables a second; 0: no limit */
	/* NULL, or called now and then with how many bytes of how many are done. Nonzero stops. */
	int (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

/**
 * Rewrite all tables of the engine without what is gone. Others may go on reading and changing the store; a
 * commit may wait some tenths of a second.
 *
 * @ret_before, @ret_after  bytes of tables; may be NULL.
 * Returns 0, SFS_ERR_UNSUPPORTED (a memory store), SFS_ERR_READ_ONLY, SFS_ERR_CANCELLED,
 * SFS_ERR_NO_SPACE, SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_store_compact(struct sfs_store *store,
					     const struct sfs_compact *compact,
					     uint64_t *ret_before, uint64_t *ret_after,
					     struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
