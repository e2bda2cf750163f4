/*
 * What a store has on record as synced. Include it behind cmocka.h.
 */
#ifndef TEST_MARKED_H
#define TEST_MARKED_H

#include <unistd.h>
#include "store_private.h"

/** The last commit that is known to be on disk: its loss is noticed. */
static inline uint64_t marked_now(struct sfs_store *store)
{
	uint64_t marked = 0;
	struct sfs_buf note = SFS_BUF_INIT;
	if (sfsi_backend_marked(store->backend, &note) == 0)
		assert_int_equal(sfsi_mark_decode(sfs_buf_span(&note), &marked), 0);
	sfs_buf_fini(&note);
	return marked;
}

/** Until all that was saved is. */
static inline void wait_for_mark(struct sfs_store *store)
{
	uint64_t marked = 0;
	for (int i = 0; i < 3000 && marked < atomic_load(&store->commit); i++) {
		marked = marked_now(store);
		usleep(20000);
	}
	assert_int_equal(marked, atomic_load(&store->commit));
}

#endif
