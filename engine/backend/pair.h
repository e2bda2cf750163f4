/*
 * A backend of two: writes go to both, reads to the first that answers.
 *
 * The first one decides: what it refuses is refused, and the second one is not asked. When the second one
 * fails it is behind from then on and left alone, and the pair goes on with the first; catching up
 * makes it the same again, partition by partition, while the pair is in use.
 */
#ifndef SFSI_BACKEND_PAIR_H
#define SFSI_BACKEND_PAIR_H

#include "backend/backend.h"

/** The second one fell behind: called once, before the write that found it out returns. */
typedef void sfsi_pair_behind_fn(void *arg, int err);

/**
 * Put a pair around two open backends.
 * @first, @second  taken: closed with the pair. On failure they stay the caller's.
 * Returns 0 or SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_backend_pair_wrap(struct sfsi_backend *first, struct sfsi_backend *second,
					  struct sfsi_backend **ret);
void sfsi_backend_pair_tell(struct sfsi_backend *pair, sfsi_pair_behind_fn *fn, void *arg);

/** Is the second one known not to have everything? */
bool sfsi_backend_pair_is_behind(struct sfsi_backend *pair);
/** Say so, without a failure. */
void sfsi_backend_pair_set_behind(struct sfsi_backend *pair);

/** From now on writes go to both again: the partitions can be caught up, one after the other. */
void sfsi_backend_pair_resume(struct sfsi_backend *pair);
/**
 * Make a partition of the second one that of the first, or compare them.
 * @repair       false: change nothing.
 * @ret_differs  rows that differ; added to.
 * Returns 0, or the error of reading the first or of writing the second (which is then behind).
 */
SFS_MUST_CHECK int sfsi_backend_pair_match(struct sfsi_backend *pair, uint32_t partition,
					   bool repair, uint64_t *ret_differs);
/** The note of the second one's last sync, as sfsi_backend_marked(). */
SFS_MUST_CHECK int sfsi_backend_pair_marked(struct sfsi_backend *pair, struct sfs_buf *ret);

#endif
