/*
 * Rows of the backend that were read or written lately, also those that are known not to be there: a
 * save looks at the same few rows again and again, and each look into a backend costs more than all
 * else that it does. Least recently used first out, bounded in bytes.
 *
 * Coherent: a commit puts its rows here as soon as the backend has them, and defeats inserts of what
 * was read before it.
 */
#ifndef SFSI_MEMO_H
#define SFSI_MEMO_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/store.h>

struct sfs_store;
struct sfsi_op;
struct sfsi_memo;

SFS_MUST_CHECK int sfsi_memo_new(size_t max_bytes, struct sfsi_memo **ret);
void sfsi_memo_free(struct sfsi_memo *rows);

/** sfsi_backend_get() through the rows: 0 (appended to ret), SFS_ERR_NOT_FOUND, errors of the backend. */
SFS_MUST_CHECK int sfsi_memo_get(struct sfs_store *store, uint32_t partition, struct sfs_span key,
				 struct sfs_buf *ret);
/** The same for what is not likely to be wanted again: what the rows do not have they do not learn. */
SFS_MUST_CHECK int sfsi_memo_peek(struct sfs_store *store, uint32_t partition, struct sfs_span key,
				  struct sfs_buf *ret);

/** There is no such row: nothing was written under this number yet. */
void sfsi_memo_learn_lack(struct sfsi_memo *rows, uint32_t partition, struct sfs_span key);
/** Is it known, without asking the backend, that there is no such row? */
bool sfsi_memo_lack(struct sfsi_memo *rows, uint32_t partition, struct sfs_span key);

/** The backend has written this batch. */
void sfsi_memo_wrote(struct sfsi_memo *rows, const struct sfsi_op *ops, size_t count);
/** The backend may or may not have it: nothing is known, until the next batch that is written. */
void sfsi_memo_doubt(struct sfsi_memo *rows);

#endif
