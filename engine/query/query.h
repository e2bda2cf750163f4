/*
 * Inside of a query.
 *
 *   build.c    conditions, order, window
 *   parse.c    the grammar of texts
 *   plan.c     what is read; explain
 *   source.c   what is read, candidate by candidate
 *   match.c    does a candidate satisfy the other conditions?
 *   run.c      results: sorting, window; count, has, facets
 */
#ifndef SFSI_QUERY_H
#define SFSI_QUERY_H

#include <storefs/query.h>
#include "index/read.h"
#include "index/walk.h"

/** Results that are sorted in memory. */
#define SFSI_QUERY_COLLECT 65536

/** A range whose ends are its own. */
struct sfsi_query_range {
	struct sfs_buf low, high; /* high empty: to the end */
};

struct sfsi_query_condition {
	struct sfsi_index_table *table;
	enum sfs_query_op op;
	struct sfs_buf *keys; /* [keys_count] EQ, NE, IN: in order, each once */
	size_t keys_count;
	struct sfsi_query_range *ranges; /* [ranges_count] where its entries are, in order */
	size_t ranges_count;
	struct sfs_buf shown; /* for explain */
	uint64_t about;       /* entries, when it was planned */
};

enum sfsi_query_read {
	SFSI_READ_CLASS,     /* the listing of the class */
	SFSI_READ_CONDITION, /* the entries of a condition */
	SFSI_READ_SORT,      /* all entries of the index that sorts */
};

/** An object that may be a result; spans are valid until the next one. */
struct sfsi_query_candidate {
	struct sfs_span key; /* of the entry that was read; empty: of the listing */
	struct sfs_span oid;
	uint64_t cookie, serial;
};

/**
 * The record of the candidate, read when it is first needed, and its keys in one table. They are used
 * again for the next candidate when that is the same object.
 */
struct sfsi_query_record {
	bool read, found;
	struct sfs_buf oid;
	const struct sfsi_index_table *table; /* of the keys; NULL: none were made */
	bool whole;                           /* targets in rows are in its body */
	struct sfs_buf bytes;
	struct sfsi_record record;
};

/** A result that waits for its turn. */
struct sfsi_query_item {
	size_t off, key_len, oid_len; /* key_len 0: it has none */
	uint64_t cookie, serial;
};

struct sfs_query {
	struct sfs_store *store;
	struct sfsi_class *class;
	struct sfsi_index_names names;
	struct sfsi_query_condition *conditions; /* [count] */
	size_t count;
	struct sfsi_index_table *sort; /* NULL: none */
	bool down;
	uint64_t offset, limit;

	bool planned;
	enum sfsi_query_read read;
	size_t driver;  /* number of the condition that is read */
	bool collect;   /* results are sorted in memory */
	uint64_t about; /* results */

	/* source.c */
	struct sfsi_index_walk walk;
	bool walking, ended;
	size_t range;        /* number of the range that is walked, in the order of the walk */
	uint64_t after;      /* cookie of the listing */
	struct sfs_buf page; /* oids of a page of it */
	struct sfsi_query_item *page_items;
	size_t page_len, page_cap, page_at;

	/* run.c */
	bool running;
	uint64_t passed, given; /* results before the window, and in it */
	struct sfs_buf items_bytes;
	struct sfsi_query_item *items; /* collected */
	size_t items_len, items_cap, items_at;
	uint64_t wanted;     /* so many of them are kept */
	struct sfs_buf last; /* oid that was given last */

	/* match.c */
	struct sfsi_query_record record;
	struct sfsi_index_keys keys;
};

/* --- plan.c --- */
SFS_MUST_CHECK int sfsi_query_plan(struct sfs_query *query, struct sfs_diag *diag);
/** May entries that are read be of the same object twice? */
bool sfsi_query_repeats(const struct sfs_query *query);
bool sfsi_query_is_multi(struct sfs_store *store, const struct sfsi_index_table *table);
/** Entries of a condition, exactly or about. */
SFS_MUST_CHECK int sfsi_query_entries(struct sfs_query *query,
				      const struct sfsi_query_condition *condition, bool exact,
				      uint64_t *ret);

/* --- source.c --- */
void sfsi_query_source_end(struct sfs_query *query);
/** The next candidate. 0, 1: the end. */
SFS_MUST_CHECK int sfsi_query_candidate(struct sfs_query *query, struct sfsi_query_candidate *ret);
/** Go over so many candidates without looking at them; only before the first one. */
SFS_MUST_CHECK int sfsi_query_source_skip(struct sfs_query *query, uint64_t count);
/** The n-th range of what is read, in the order of reading. False: there is none. */
bool sfsi_query_source_range(const struct sfs_query *query, size_t n, struct sfsi_index_range *ret);
/** The table that is read. */
struct sfsi_index_table *sfsi_query_source_table(const struct sfs_query *query);

/* --- match.c --- */
/** Does it satisfy a condition? */
SFS_MUST_CHECK int sfsi_query_matches(struct sfs_query *query,
				      const struct sfsi_query_condition *condition,
				      const struct sfsi_query_candidate *candidate, bool *ret);
/** Is it a result: of the other conditions, and not one that was or will be found by another key? */
SFS_MUST_CHECK int sfsi_query_accepts(struct sfs_query *query,
				      const struct sfsi_query_candidate *candidate, bool *ret);
/** What was read of the last candidate counts no more. */
void sfsi_query_forget(struct sfs_query *query);
/** Its keys in a table, in query->keys. *ret_found false: it is gone. */
SFS_MUST_CHECK int sfsi_query_keys(struct sfs_query *query, const struct sfsi_index_table *table,
				   const struct sfsi_query_candidate *candidate, bool *ret_found);

#endif
