/*
 * Walking over the entries of a table, upwards or downwards, a page at a time. A place in a table means
 * the same in the table that replaces it: a walk goes on there when its table is dropped for a new one.
 */
#ifndef SFSI_INDEX_WALK_H
#define SFSI_INDEX_WALK_H

#include "index/table.h"

/** Tails from low (or what begins with it) up to high, which is not in it; high empty: to the end. */
struct sfsi_index_range {
	struct sfs_span low, high;
};

/** A page of entries, copied. */
struct sfsi_index_page {
	struct sfs_buf bytes; /* tails */
	struct sfsi_index_page_item {
		size_t off, len, key_len;
		uint64_t serial;
	} *items; /* [count] */
	size_t count, cap;
};
void sfsi_index_page_fini(struct sfsi_index_page *page);

/** A walk over one range. */
struct sfsi_index_walk {
	struct sfs_store *store;
	struct sfsi_index_table *table;
	bool down;
	struct sfs_buf low, high; /* what is left of the range */
	bool has_high;
	struct sfsi_index_page page;
	size_t at;     /* items of the page that were delivered */
	size_t wanted; /* size of the next page */
	bool end;      /* there is nothing behind the page */
};

/** Begin; spans are copied. */
SFS_MUST_CHECK int sfsi_index_walk_init(struct sfsi_index_walk *walk, struct sfs_store *store,
					struct sfsi_index_table *table,
					const struct sfsi_index_range *range, bool down);
void sfsi_index_walk_fini(struct sfsi_index_walk *walk);
/**
 * The next entry; valid until the next call.
 * Returns 0, 1 (the end), SFS_ERR_NOT_READY (the index is gone or is built anew from nothing), or an
 * error of a read.
 */
SFS_MUST_CHECK int sfsi_index_walk_next(struct sfsi_index_walk *walk, struct sfsi_index_entry *ret);
/** Go over so many entries; costs a look at the blocks. Only at the start of a walk. */
SFS_MUST_CHECK int sfsi_index_walk_skip(struct sfsi_index_walk *walk, uint64_t count);

/** Entries in a range, exactly or about. */
SFS_MUST_CHECK int sfsi_index_range_count(struct sfs_store *store, struct sfsi_index_table *table,
					  const struct sfsi_index_range *range, bool exact,
					  uint64_t *ret);

/** A table was dropped: the one that took its place, or SFS_ERR_NOT_READY. 0 as well when it serves. */
SFS_MUST_CHECK int sfsi_index_table_follow(struct sfs_store *store,
					   struct sfsi_index_table **table);

/** The range of one key: low is the key, high is made in a buffer, appended to. */
SFS_MUST_CHECK int sfsi_index_key_end(struct sfs_span key, struct sfs_buf *ret);
/** Where the keys of values begin: what is before has SFSI_INDEX_NO_KEY. */
#define SFSI_INDEX_FIRST_KEY ((struct sfs_span){ "\2", 1 })

#endif
