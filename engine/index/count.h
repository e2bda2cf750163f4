/*
 * How many entries keys have, in memory. A count that changes is not written to its row at once: what
 * a commit changes is one row of the journal (journal.h), and the row of the count is said to lag. So a
 * table remembers all counts whose rows lag, and of the others those that were used last.
 *
 * Changed by who holds the commit lock, and, as far as readers see it, under index_lock.
 */
#ifndef SFSI_INDEX_COUNT_H
#define SFSI_INDEX_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <storefs/buf.h>

struct sfs_store;
struct sfsi_index_table;

/** First member of what is counted: a key, or a block. */
struct sfsi_index_lag {
	struct sfsi_index_lag *older, *newer;
	uint64_t since;   /* commit since which its row is not right; 0: it is */
	uint64_t written; /* commit as of which its row is right */
	bool writes;      /* the change in the making writes the row; commit_lock */
};

/** A list of them; the commits of those that lag ascend. */
struct sfsi_index_lags {
	struct sfsi_index_lag *oldest, *newest;
};
void sfsi_index_lag_push(struct sfsi_index_lags *list, struct sfsi_index_lag *lag);
void sfsi_index_lag_unlink(struct sfsi_index_lags *list, struct sfsi_index_lag *lag);

/** The entries of a key. */
struct sfsi_index_count {
	struct sfsi_index_lag lag;
	struct sfsi_index_count *chain; /* next in the bucket */
	uint64_t hash;
	uint64_t entries; /* protected by index_lock */
	int64_t more;     /* of the change in the making; commit_lock */
	bool touched;     /* …and is it part of it? commit_lock */
	size_t len;
	uint8_t key[];
};

/** All that are known of a table; protected by index_lock. */
struct sfsi_index_counts {
	struct sfsi_index_count **buckets; /* [buckets_len], a power of two, or none */
	size_t buckets_len, len;
	struct sfsi_index_lags lagging, right; /* right: used last is the newest */
	size_t right_len;
	uint64_t
		forgotten; /* highest commit as of which one was right that is not known any more */
};

/** The count of a key, for a change. commit_lock is held; valid until the change is over. */
SFS_MUST_CHECK int sfsi_index_count_get(struct sfs_store *store, struct sfsi_index_table *table,
					struct sfs_span key, struct sfsi_index_count **ret);
/** Is it known? index_lock or commit_lock is held. */
bool sfsi_index_count_known(const struct sfs_store *store, const struct sfsi_index_table *table,
			    struct sfs_span key, uint64_t *ret);
/** Its row lags since a commit, or is right as of one. index_lock is held exclusively. */
void sfsi_index_count_lags_locked(struct sfsi_index_table *table, struct sfsi_index_count *count,
				  uint64_t since);
void sfsi_index_count_right_locked(struct sfsi_index_table *table, struct sfsi_index_count *count,
				   uint64_t written);
/**
 * A change that counted a key is over. What is right as of no commit (there was no row before) is
 * forgotten: most keys that are new are those of one object.
 */
void sfsi_index_count_put(struct sfs_store *store, struct sfsi_index_table *table,
			  struct sfsi_index_count *count);
/** Forget what is right and was not used lately. No change is in the making. */
void sfsi_index_counts_trim(struct sfs_store *store, struct sfsi_index_table *table);
void sfsi_index_counts_free_locked(struct sfsi_index_table *table);

#endif
