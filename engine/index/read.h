/* Reading indexes, shared by the library's functions (read.c, keys.c) and queries. */
#ifndef SFSI_INDEX_READ_H
#define SFSI_INDEX_READ_H

#include <storefs/index.h>
#include "index/table.h"

/** The table of a name that is ready. SFS_ERR_NOT_FOUND, SFS_ERR_NOT_READY, SFS_ERR_UNSUPPORTED: diag. */
SFS_MUST_CHECK int sfsi_index_open(struct sfs_store *store, struct sfsi_class *class,
				   struct sfs_span name, struct sfsi_index_table **ret,
				   struct sfs_diag *diag);
/** Append the key that a text means. SFS_ERR_INVALID, SFS_ERR_LIMIT: diag. */
SFS_MUST_CHECK int sfsi_index_text_key(const struct sfsi_index_table *table, struct sfs_span text,
				       struct sfs_buf *ret, struct sfs_diag *diag);
/** Number of entries of a key, also when the table is replaced meanwhile. */
SFS_MUST_CHECK int sfsi_index_counted(struct sfs_store *store, struct sfsi_index_table *table,
				      struct sfs_span key, uint64_t *ret);
/** Has an object this key? */
SFS_MUST_CHECK int sfsi_index_lookup(struct sfs_store *store, struct sfsi_index_table *table,
				     struct sfs_span key, struct sfs_span oid, bool *ret);

/* --- keys.c --- */

/** Like sfs_index_key_fn, with the key itself. */
typedef int sfsi_index_key_fn(void *arg, struct sfs_span key, uint64_t count);
/** The keys of a window. SFS_ERR_CANCELLED: fn stopped it. */
SFS_MUST_CHECK int sfsi_index_keys_walk(struct sfs_store *store, struct sfsi_index_table *table,
					const struct sfs_index_window *window,
					sfsi_index_key_fn *fn, void *arg);
/** The keys behind one, upwards; after empty: from the first one. limit 0: all. */
SFS_MUST_CHECK int sfsi_index_keys_from(struct sfs_store *store, struct sfsi_index_table *table,
					struct sfs_span after, size_t limit, sfsi_index_key_fn *fn,
					void *arg);

#endif
