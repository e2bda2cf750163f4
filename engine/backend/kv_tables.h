/* Which tables of a folder can be read, for a list of them that is made anew. */
#ifndef SFSI_KV_TABLES_H
#define SFSI_KV_TABLES_H

#include <rocksdb/c.h>
#include "backend/kv_list.h"
#include "backend/kv_salvage.h"

/** Where to look, and what is known already. Everything is borrowed. */
struct sfsi_kv_search {
	const rocksdb_options_t *options;
	const char *work;                       /* the folder; it is ours alone */
	const struct sfsi_salvage_table *known; /* [known_len] that the old list had */
	size_t known_len;
};

/** Write a list of all tables of the folder that can be read, at least in part. */
SFS_MUST_CHECK int sfsi_kv_tables_list(const struct sfsi_kv_search *search);

#endif
