/*
 * Queries: objects of a class by conditions on its indexes, sorted, paged, counted.
 *
 * A query reads one index (or the listing of the class) and looks its other conditions up for each object
 * that it finds: the one with the fewest entries is read, so a hot and a rare key together cost the rare
 * one. It streams: memory does not grow with the result, but for a result that must be sorted and can
 * not be read in order, of at most 65,536 objects (of more, the index of the order is read).
 *
 * While others change the store: an object that matches, and keeps the key that it is found or sorted by,
 * from the first call to the last is delivered exactly once. One that changes meanwhile may be
 * delivered or not. What is delivered may be gone a moment later.
 *
 * An object with several keys in an index satisfies a condition when one of them does (NE: when it
 * has keys, and none of them is the value), and is delivered once. It is sorted by the smallest of its
 * keys, downwards by the largest. Objects without a key in the index that sorts come last. Those with
 * the same key are in the order of their cookies, downwards the other way round.
 *
 * docs/queries.md has the grammar of sfs_query_parse(). A query belongs to one thread.
 */
#ifndef STOREFS_QUERY_H
#define STOREFS_QUERY_H

#include <storefs/index.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sfs_query;

enum sfs_query_op {
	SFS_QUERY_EQ = 0, /* one value */
	SFS_QUERY_LT,     /* comparisons: one value; only keys of its kind (numbers, strings, …) */
	SFS_QUERY_LE,
	SFS_QUERY_GT,
	SFS_QUERY_GE,
	SFS_QUERY_NE,      /* one value */
	SFS_QUERY_PREFIX,  /* one value: strings that begin with it */
	SFS_QUERY_IN,      /* values: one of them */
	SFS_QUERY_MISSING, /* no value: objects without a key */
};

/** Most conditions of a query, and most values of one. */
#define SFS_QUERY_CONDITIONS_MAX 64
#define SFS_QUERY_VALUES_MAX 1024

/**
 * Start a query for all objects of a class.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_WRONG_KIND, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_query_new(struct sfs_store *store, uint32_t class_id,
					 struct sfs_query **ret);
/** Accepts NULL. */
SFS_API void sfs_query_free(struct sfs_query *query);

/**
 * Add a condition: all of them must hold.
 * @values  texts of keys (index.h). PREFIX: the beginning of a string, as it is or as JSON.
 * Returns 0, SFS_ERR_NOT_FOUND (no such index), SFS_ERR_NOT_READY, SFS_ERR_UNSUPPORTED, SFS_ERR_INVALID
 * (number of values, or no key), SFS_ERR_LIMIT, SFS_ERR_NO_MEMORY; diag says which and why.
 */
SFS_API SFS_MUST_CHECK int sfs_query_where(struct sfs_query *query, struct sfs_span index,
					   enum sfs_query_op op, const struct sfs_span *values,
					   size_t count, struct sfs_diag *diag);
/**
 * Add the condition that an object has a key.
 * @key  its bytes (struct sfs_index_key): also of one whose text is only its beginning.
 */
SFS_API SFS_MUST_CHECK int sfs_query_where_key(struct sfs_query *query, struct sfs_span index,
					       struct sfs_span key, struct sfs_diag *diag);
/** Add the conditions of a text, as "status=published date>=2025-01-01". diag: column. */
SFS_API SFS_MUST_CHECK int sfs_query_parse(struct sfs_query *query, struct sfs_span text,
					   struct sfs_diag *diag);
/** Split "status.ge": the operator that a name ends in. EQ, and the whole name: it ends in none. */
SFS_API enum sfs_query_op sfs_query_suffix(struct sfs_span name, struct sfs_span *ret_index);

/** Sort by an index. Returns as sfs_query_where(). */
SFS_API SFS_MUST_CHECK int sfs_query_sort(struct sfs_query *query, struct sfs_span index, bool down,
					  struct sfs_diag *diag);
/** Deliver at most so many; UINT64_MAX: all. The smallest of several limits counts. */
SFS_API void sfs_query_limit(struct sfs_query *query, uint64_t limit);
/** Leave out so many from the start. Several add up. */
SFS_API void sfs_query_offset(struct sfs_query *query, uint64_t offset);

/** A result. */
struct sfs_query_hit {
	struct sfs_span oid; /* valid until the next call */
	uint64_t ino;
	uint64_t cookie;   /* of the oid */
	uint64_t position; /* 0 for the first one that is delivered */
};

/**
 * The next result. The first call plans the query: it takes no more conditions then.
 * Returns 0, 1 (the end), or an error: SFS_ERR_NOT_READY (an index went away meanwhile),
 * SFS_ERR_LIMIT (too many results to be sorted), SFS_ERR_CORRUPT, SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_query_next(struct sfs_query *query, struct sfs_query_hit *ret,
					  struct sfs_diag *diag);
/** From the start again, or (further on) at a position: as if what comes before had been delivered. */
SFS_API void sfs_query_seek(struct sfs_query *query, uint64_t position);

/** How many results there are, within offset and limit. Often without reading them. */
SFS_API SFS_MUST_CHECK int sfs_query_count(struct sfs_query *query, uint64_t *ret,
					   struct sfs_diag *diag);
/** Is the object of an oid among the results? */
SFS_API SFS_MUST_CHECK int sfs_query_has(struct sfs_query *query, struct sfs_span oid, bool *ret,
					 struct sfs_diag *diag);

/**
 * For each key of an index how many of the objects that satisfy the conditions have it, upwards.
 * Offset and limit do not count. SFS_ERR_LIMIT: over a million different keys.
 */
SFS_API SFS_MUST_CHECK int sfs_query_facets(struct sfs_query *query, struct sfs_span index,
					    sfs_index_key_fn *fn, void *arg, struct sfs_diag *diag);

/**
 * Say what will be read, in which direction and about how much of it: a few lines of "word: text".
 * @ret  appended to.
 */
SFS_API SFS_MUST_CHECK int sfs_query_explain(struct sfs_query *query, struct sfs_buf *ret,
					     struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
