/* Compacting a store: see storefs/compact.h. */
#include <storefs/compact.h>
#include "store_private.h"

static uint64_t bytes_of(struct sfs_store *store)
{
	struct sfsi_backend_stat stat = { .bytes = 0 };
	return sfsi_backend_stat(store->backend, &stat) == 0 ? stat.bytes : 0;
}

int sfs_store_compact(struct sfs_store *store, const struct sfs_compact *compact,
		      uint64_t *ret_before, uint64_t *ret_after, struct sfs_diag *diag)
{
	const struct sfsi_compact wanted = {
		.rate = compact->rate,
		.progress = compact->progress,
		.arg = compact->arg,
	};
	uint64_t before = bytes_of(store);
	int err = store->read_only ? SFS_ERR_READ_ONLY
				   : sfsi_backend_compact(store->backend, &wanted);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s can not be compacted: %s", store->path,
				    sfs_err_text(err));
	if (ret_before)
		*ret_before = before;
	if (ret_after)
		*ret_after = bytes_of(store);
	return 0;
}
