/*
 * Indexes: named lookups of an object class. An index maps keys to objects; the class's definition says
 * which keys an object has (docs/queries.md). It is kept in the commit of each object, by whatever door
 * the object changes.
 *
 * Keys are given and shown as text: numbers, true, false and null as JSON; a string as it is, but as
 * JSON when its text is JSON itself or starts with '"'. So 10 is the number and "10" (with quotation
 * marks) the string. Of a key of more than 900 bytes or so only the beginning is shown.
 *
 * Order of keys: null, false, true, numbers by value, strings by bytes, others by their JSON text.
 * Objects of one key are in the order of their cookies, as in listings (object.h): what is resumed by
 * its cookie delivers every object that has the key throughout exactly once.
 *
 * An index that is new or was changed is built in the background, while objects are saved. Until it is
 * ready, reading from it is SFS_ERR_NOT_READY; diag says how far it is. One that is built anew
 * (sfs_index_rebuild) goes on serving meanwhile.
 *
 * No lock is held while a callback runs, unless it says so: it may call the store.
 */
#ifndef STOREFS_INDEX_H
#define STOREFS_INDEX_H

#include <stdbool.h>
#include <storefs/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest name of an index. */
#define SFS_INDEX_NAME_LEN 255

enum sfs_index_state {
	SFS_INDEX_BUILDING = 1, /* not ready yet */
	SFS_INDEX_READY = 2,
	SFS_INDEX_FAILED = 3, /* can not be built here: the program lacks its function, or damage */
};

struct sfs_index_info {
	uint32_t id; /* never 0, never given again in its class; a rebuilt index has another one */
	char name[SFS_INDEX_NAME_LEN + 1]; /* up to the first NUL, should it have one */
	size_t name_len;
	enum sfs_index_state state;
	uint64_t generation; /* how often it was built */
	uint64_t keys;       /* different ones */
	uint64_t entries;    /* pairs of key and object */
	uint64_t missing;    /* objects without a key */
	uint64_t built;      /* building: objects that are in it; else 0 */
	uint64_t expected;   /* objects of the class */
};

/**
 * Next index of a class, in the order in which they were made.
 * @after  0 for the first one, else its id. Indexes that are dropped or wait to replace another are not
 * shown. Returns 0, SFS_ERR_NOT_FOUND (the end, or no such class), SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_index_next(struct sfs_store *store, uint32_t class_id,
					  uint32_t after, struct sfs_index_info *ret);
/** Find an index by name. Returns as sfs_index_next(). */
SFS_API SFS_MUST_CHECK int sfs_index_find(struct sfs_store *store, uint32_t class_id,
					  struct sfs_span name, struct sfs_index_info *ret);

/** An entry of an index. Borrowed for the call. */
struct sfs_index_entry {
	struct sfs_span key; /* as text */
	struct sfs_span oid;
	uint64_t ino;    /* for sfs_object_get() and sfs_object_stat() */
	uint64_t cookie; /* of the oid */
};
/** Nonzero stops: that entry then does not count as delivered. */
typedef int sfs_index_entry_fn(void *arg, const struct sfs_index_entry *entry);

/**
 * The objects of a key, in order of cookies.
 * @after  0, or a cookie: what comes after it.
 * @limit  at most so many, rounded up to the end of those that share a cookie; 0: no limit.
 * Returns 0, SFS_ERR_CANCELLED (fn stopped it), SFS_ERR_NOT_FOUND (class or index), SFS_ERR_NOT_READY,
 * SFS_ERR_INVALID (the text is no key; diag), SFS_ERR_CORRUPT, SFS_ERR_IO, SFS_ERR_NO_MEMORY. An
 * object may be gone when its entry is delivered.
 */
SFS_API SFS_MUST_CHECK int sfs_index_get(struct sfs_store *store, uint32_t class_id,
					 struct sfs_span index, struct sfs_span key, uint64_t after,
					 size_t limit, sfs_index_entry_fn *fn, void *arg,
					 struct sfs_diag *diag);

/**
 * The n-th object of a key (n from 0), in order of cookies.
 * @ret_oid  appended to. @ret_ino  may be NULL.
 * Returns as sfs_index_get(); SFS_ERR_NOT_FOUND also when the key has no so many objects.
 */
SFS_API SFS_MUST_CHECK int sfs_index_one(struct sfs_store *store, uint32_t class_id,
					 struct sfs_span index, struct sfs_span key, uint64_t n,
					 struct sfs_buf *ret_oid, uint64_t *ret_ino,
					 struct sfs_diag *diag);

/** How many objects have a key; 0 when none has. One lookup, however many they are. */
SFS_API SFS_MUST_CHECK int sfs_index_count(struct sfs_store *store, uint32_t class_id,
					   struct sfs_span index, struct sfs_span key,
					   uint64_t *ret, struct sfs_diag *diag);

/** Has the object of an oid this key? One lookup. */
SFS_API SFS_MUST_CHECK int sfs_index_has(struct sfs_store *store, uint32_t class_id,
					 struct sfs_span index, struct sfs_span key,
					 struct sfs_span oid, bool *ret, struct sfs_diag *diag);

enum sfs_index_order {
	SFS_ORDER_UP = 0,
	SFS_ORDER_DOWN = 1,
	/* By the bytes of the key as JSON with \u escapes, as Python's storage module sorts them: "B" <
	 * "a" < -1 < 10 < 9 < null. Looks at every key of the index. */
	SFS_ORDER_JSON_UP = 2,
	SFS_ORDER_JSON_DOWN = 3,
};

/** Which part of a list. */
struct sfs_index_window {
	uint64_t start; /* position of the first one */
	uint64_t limit; /* at most so many; UINT64_MAX: all */
	enum sfs_index_order order;
};

/** A key of an index, and how many objects have it. Borrowed for the call. Nonzero stops. */
typedef int sfs_index_key_fn(void *arg, struct sfs_span key, uint64_t count);

/**
 * The keys of an index. In the orders UP and DOWN a window costs what is in it, wherever it is.
 * Returns as sfs_index_get().
 */
SFS_API SFS_MUST_CHECK int sfs_index_keys(struct sfs_store *store, uint32_t class_id,
					  struct sfs_span index,
					  const struct sfs_index_window *window,
					  sfs_index_key_fn *fn, void *arg, struct sfs_diag *diag);

/**
 * The keys that come after one, upwards: for listings that are resumed by key.
 * @after  a key as text; NULL: from the first one.
 */
SFS_API SFS_MUST_CHECK int sfs_index_keys_after(struct sfs_store *store, uint32_t class_id,
						struct sfs_span index, const struct sfs_span *after,
						size_t limit, sfs_index_key_fn *fn, void *arg,
						struct sfs_diag *diag);

/** What a key stands for. */
enum sfs_index_kind {
	SFS_INDEX_NULL = 0,
	SFS_INDEX_BOOLEAN,
	SFS_INDEX_NUMBER,
	SFS_INDEX_STRING,
	SFS_INDEX_OTHER,
};

/** A key in full. Borrowed for the call. */
struct sfs_index_key {
	struct sfs_span bytes; /* what it is known by: they sort as keys do, up to 960 of them */
	struct sfs_span text;  /* of a cut key only its beginning */
	bool cut;              /* its value is too long to be in it */
	uint64_t hash;         /* XXH3-64 of the whole text */
	enum sfs_index_kind kind;
	uint64_t count; /* objects that have it */
};
typedef int sfs_index_key_full_fn(void *arg, const struct sfs_index_key *key);

/**
 * The keys from one on, upwards, in full.
 * @after  bytes of a key, which is not given; empty: from the first one.
 * @down   from the last one on, downwards; after must then be empty.
 */
SFS_API SFS_MUST_CHECK int sfs_index_keys_from(struct sfs_store *store, uint32_t class_id,
					       struct sfs_span index, struct sfs_span after,
					       bool down, size_t limit, sfs_index_key_full_fn *fn,
					       void *arg, struct sfs_diag *diag);

/**
 * The key that a text means in an index: one key is given, whether or not objects have it (count 0).
 * Returns as sfs_index_get().
 */
SFS_API SFS_MUST_CHECK int sfs_index_key_of(struct sfs_store *store, uint32_t class_id,
					    struct sfs_span index, struct sfs_span text,
					    sfs_index_key_full_fn *fn, void *arg,
					    struct sfs_diag *diag);

/**
 * The entries of an index: the objects of one key after those of another, an object once for each of
 * its keys. Costs as sfs_index_keys(). Returns as sfs_index_get().
 */
SFS_API SFS_MUST_CHECK int sfs_index_list(struct sfs_store *store, uint32_t class_id,
					  struct sfs_span index,
					  const struct sfs_index_window *window,
					  sfs_index_entry_fn *fn, void *arg, struct sfs_diag *diag);

/** How far a rebuild is. Nonzero: do not wait any longer; it goes on in the background. */
typedef int sfs_index_progress_fn(void *arg, uint64_t built, uint64_t expected);

/**
 * Build an index anew, while it and the store are in use, and wait until it is ready.
 * @fn   NULL, or called every few hundred objects.
 * @ret  NULL, or how many objects were looked at.
 * Returns 0, SFS_ERR_CANCELLED (fn stopped waiting), SFS_ERR_NOT_FOUND, SFS_ERR_UNSUPPORTED (its
 * function is not there), SFS_ERR_READ_ONLY, errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_index_rebuild(struct sfs_store *store, uint32_t class_id,
					     struct sfs_span index, sfs_index_progress_fn *fn,
					     void *arg, uint64_t *ret, struct sfs_diag *diag);

/**
 * Wait until no index of a class is being built any more (without building any anew).
 * Returns 0, SFS_ERR_CANCELLED, SFS_ERR_NOT_FOUND, and what makes the building fail.
 */
SFS_API SFS_MUST_CHECK int sfs_index_wait(struct sfs_store *store, uint32_t class_id,
					  sfs_index_progress_fn *fn, void *arg,
					  struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
