/*
 * Objects: structured records of an object class, seen as documents.
 *
 * A document is the text of an object: JSON, or msgpack. Both are views of one
 * object. A document that was saved as text is given back byte for byte until
 * the object changes by another door; otherwise it is canonical: JSON with
 * two-space indent, properties in the order of the class's definition, then others in insertion
 * order, then relations, a newline at the end;
 * msgpack in shortest encoding.
 *
 * What JSON can not say: {"$bin": base64}, {"$ext": [type, base64]},
 * {"$map": [[key, value], …]} (a map with keys that are not strings, or with
 * just one key that is one of these four words), {"$float": "nan|inf|-inf"}.
 * Integers beyond 64 bits are ext type 78 with their decimal digits in msgpack.
 *
 * Refused: duplicate keys, invalid UTF-8, text after the document, nesting over
 * SFS_DEPTH_MAX, more than SFS_DOCUMENT_MAX bytes, numbers beyond a double,
 * a top level that is not a map with string keys, a top-level "oid" or "type"
 * that is wrong, "updates" at the top.
 */
#ifndef STOREFS_OBJECT_H
#define STOREFS_OBJECT_H

#include <storefs/class.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sfs_format {
	SFS_FORMAT_JSON = 0,
	SFS_FORMAT_MSGPACK = 1,
};

/**
 * One saved version of an object in one format: immutable, reference-counted,
 * safe to share between threads. Members are read-only for callers.
 */
struct sfs_doc {
	struct sfs_span bytes; /* the document */
	struct sfs_attr attr;  /* the object's attributes at that version */
	enum sfs_format format;
	unsigned refs; /* private, atomic */
};

/** Take one more reference; returns doc. */
SFS_API struct sfs_doc *sfs_doc_ref(struct sfs_doc *doc);
/** Give a reference back; the last one frees it. Accepts NULL. */
SFS_API void sfs_doc_unref(struct sfs_doc *doc);

/**
 * Find an object by oid.
 * @ret  its attributes.
 * Returns 0, SFS_ERR_NOT_FOUND (no class with that id, or no such object),
 * SFS_ERR_CORRUPT, SFS_ERR_IO. Costs one lookup in the entry table.
 */
SFS_API SFS_MUST_CHECK int sfs_object_find(struct sfs_store *store, uint32_t class_id,
					   struct sfs_span oid, struct sfs_attr *ret);

/**
 * Attributes of an object by inode number.
 * @ret_oid  NULL, or an empty buffer that the caller owns afterwards.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_object_stat(struct sfs_store *store, uint64_t ino,
					   struct sfs_attr *ret, struct sfs_buf *ret_oid);

/**
 * The document of an object as last saved.
 * @ret  a reference that the caller gives back with sfs_doc_unref().
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT, SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_object_get(struct sfs_store *store, uint64_t ino,
					  enum sfs_format format, struct sfs_doc **ret);

enum sfs_put_flags {
	SFS_PUT_CREATE = 1u << 0,    /* SFS_ERR_EXISTS when the oid is taken */
	SFS_PUT_UPDATE = 1u << 1,    /* SFS_ERR_NOT_FOUND when there is no such object */
	SFS_PUT_KEEP_TEXT = 1u << 2, /* give these very bytes back on reading */
	/* The text may have "updates" at the top: update times (export.h). */
	SFS_PUT_IMPORT = 1u << 8,
	/* Of an object that is there, set the members that the text has; the others stay. */
	SFS_PUT_MERGE = 1u << 9,
};

/** One save. */
struct sfs_put {
	uint32_t class_id;
	struct sfs_span oid;
	enum sfs_format format; /* of text */
	struct sfs_span text;
	unsigned flags; /* enum sfs_put_flags */
	/* 0; or, for a new object, a number from sfs_ino_reserve(); or, for an existing one, the
	 * ino that it must have, else SFS_ERR_CONFLICT. */
	uint64_t ino;
	/* NULL, or attributes to set in the same commit (a new object needs mode, uid, gid;
	 * without them: 0644, the process's ids). */
	const struct sfs_setattr *attr;
};

/**
 * Save a document: validate it, and replace the object in one commit.
 *
 * Bytes equal to the current document: no commit, times and revision stay.
 * Otherwise mtime becomes now (or attr's mtime); only properties that changed
 * get a new update time.
 *
 * @ret   NULL, or the attributes after the save.
 * The document must fit the definition of the class (docs/classes.md), and takes its canonical form
 * from there. What "extra": "drop" left out is not in the document that is read back.
 *
 * @diag  line, column and what was expected, for SFS_ERR_BAD_DOCUMENT. When it is saved, a remark: in a
 *        class with "validate": "warn" the same sentence about what does not fit, with err 0.
 *
 * Returns 0, SFS_ERR_BAD_DOCUMENT (nothing changed), SFS_ERR_LIMIT (oid or
 * document too long), SFS_ERR_NAME (empty oid), SFS_ERR_WRONG_KIND (a raw class),
 * SFS_ERR_NOT_FOUND, SFS_ERR_EXISTS, SFS_ERR_CONFLICT, SFS_ERR_READ_ONLY,
 * SFS_ERR_NO_SPACE, SFS_ERR_NO_MEMORY, SFS_ERR_CORRUPT, SFS_ERR_IO.
 * When it returned 0, a kill -9 loses nothing; sfs_store_sync() adds power cuts.
 */
SFS_API SFS_MUST_CHECK int sfs_object_put(struct sfs_store *store, const struct sfs_put *put,
					  struct sfs_attr *ret, struct sfs_diag *diag);

/**
 * Check a document without saving it. Errors as sfs_object_put().
 */
SFS_API SFS_MUST_CHECK int sfs_object_check(struct sfs_store *store, const struct sfs_put *put,
					    struct sfs_diag *diag);

/** One value of a document that does not fit the class. Valid during the call. */
struct sfs_refusal {
	const char *path;      /* as "tags[2]" or "address.city" */
	const char *expected;  /* a type, in the notation of definitions, or a sentence */
	const char *found;     /* "number 200", "string \"abc\"", "an array of 3 items" */
	uint32_t line, column; /* in a JSON text; else 0 */
	uint64_t offset;
};
/** Nonzero stops. fn must not call the store. */
typedef int sfs_refusal_fn(void *arg, const struct sfs_refusal *refusal);

/**
 * Compare a document with the definition of its class, and report every value that does not fit,
 * whatever the class's "validate" says. Saves nothing.
 * @put  class_id, oid, format and text are looked at.
 * Returns 0 (all of it fits), SFS_ERR_BAD_DOCUMENT (something was reported, or the text is no document:
 * diag), SFS_ERR_CANCELLED (fn stopped it), SFS_ERR_NOT_FOUND, SFS_ERR_WRONG_KIND, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_object_fit(struct sfs_store *store, const struct sfs_put *put,
					  sfs_refusal_fn *fn, void *arg, struct sfs_diag *diag);

/**
 * Save the content of a scratch file as an object and remove the scratch file,
 * in one commit (what a rename of a temporary file onto an object means). The
 * object keeps its identity; mode, owner and mtime become those of the scratch file.
 *
 * @dir, @name  the scratch file: a regular file of the same class.
 * @put         text and attr are ignored.
 * Errors as sfs_object_put(), and SFS_ERR_CROSS, SFS_ERR_IS_DIR (not a regular file).
 */
SFS_API SFS_MUST_CHECK int sfs_object_put_raw(struct sfs_store *store, const struct sfs_put *put,
					      uint64_t dir, struct sfs_span name,
					      struct sfs_attr *ret, struct sfs_diag *diag);

/**
 * Turn an object into a scratch file that holds its document, in one commit
 * (what a rename of an object to another name means). An existing scratch file
 * of that name is replaced. An object that comes back under its oid within a minute, by whatever
 * door, is the same one: the attribute number and the update times are as if it had been saved in
 * place. (ino is another one: what the old one led to is the scratch file now.)
 *
 * @format  which document. @dir  a directory of the same class.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_CROSS, SFS_ERR_IS_DIR, SFS_ERR_LIMIT (name),
 * errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_object_to_raw(struct sfs_store *store, uint32_t class_id,
					     struct sfs_span oid, enum sfs_format format,
					     uint64_t dir, struct sfs_span name,
					     struct sfs_attr *ret);

/**
 * Change mode, owner or times of an object. ctime becomes now.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_INVALID (SFS_SET_SIZE), errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_object_setattr(struct sfs_store *store, uint64_t ino,
					      const struct sfs_setattr *set, struct sfs_attr *ret);

/**
 * Remove an object. What becomes of references to it the definition of its class says ("on_remove").
 * @ino  0, or the inode number that it must have, else SFS_ERR_CONFLICT.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_CONFLICT, SFS_ERR_BUSY (others refer to it, and the class refuses:
 * sfs_referrers_explain()), errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_object_remove(struct sfs_store *store, uint32_t class_id,
					     struct sfs_span oid, uint64_t ino);

enum sfs_rename_flags {
	SFS_RENAME_NOREPLACE = 1u << 0, /* SFS_ERR_EXISTS when the target exists */
	SFS_RENAME_EXCHANGE = 1u << 1,  /* both exist and change places */
};

/**
 * Give an object another oid in its class. An existing object of that oid keeps
 * its identity and takes over the document; the source is then removed.
 * With EXCHANGE both keep their identity and change documents.
 * References to the object get the new oid in the same commit, without a new update time.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_EXISTS, SFS_ERR_LIMIT, SFS_ERR_NAME, SFS_ERR_BAD_DOCUMENT
 * (the kept text names its own oid), errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_object_rename(struct sfs_store *store, uint32_t class_id,
					     struct sfs_span oid, struct sfs_span new_oid,
					     unsigned flags, struct sfs_diag *diag);

/**
 * One entry of a listing. cookie resumes after this entry.
 * Nonzero stops; that entry then does not count as delivered.
 * oid and attr are valid during the call; fn must not call the store.
 */
typedef int sfs_object_list_fn(void *arg, struct sfs_span oid, const struct sfs_attr *attr,
			       uint64_t cookie);

/**
 * List the objects of a class from the entry table, in cookie order.
 *
 * The order is fixed by the names alone, so that a listing resumed by its cookie
 * sees every entry that is there throughout exactly once, whatever is inserted
 * or removed meanwhile, and after a restart.
 *
 * Two entries may share one cookie (once in a very long while). A caller that
 * stops and resumes by cookie must therefore resume with the cookie of the last
 * entry before those that share it; sfs_object_list() never ends a page of its own
 * inside such a group.
 *
 * @after  0 for the start, else a cookie. Cookies are 16..INT64_MAX.
 * @limit  at most so many entries (rounded up to the end of a group); 0 = no limit.
 * Returns 0 at the end of the page or of the class, SFS_ERR_CANCELLED when fn
 * stopped it, SFS_ERR_NOT_FOUND (class), SFS_ERR_CORRUPT, SFS_ERR_IO. Memory is
 * independent of the size of the class.
 */
SFS_API SFS_MUST_CHECK int sfs_object_list(struct sfs_store *store, uint32_t class_id,
					   uint64_t after, size_t limit, sfs_object_list_fn *fn,
					   void *arg);

/** One object of a scan by oid. Nonzero stops. fn must not call the store. */
typedef int sfs_object_scan_fn(void *arg, struct sfs_span oid, struct sfs_span doc);

/**
 * Walk the objects of a class with their documents, in byte order of the oids.
 * @prefix  only oids that start with it; empty: all.
 * @after   only oids after it; empty: from the start.
 * @limit   at most so many; 0 = no limit.
 * Returns 0, SFS_ERR_CANCELLED (fn stopped it), SFS_ERR_NOT_FOUND (class),
 * SFS_ERR_CORRUPT (diag names the oid), SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_object_scan(struct sfs_store *store, uint32_t class_id,
					   struct sfs_span prefix, struct sfs_span after,
					   size_t limit, enum sfs_format format,
					   sfs_object_scan_fn *fn, void *arg,
					   struct sfs_diag *diag);

/**
 * Which part of a list: a window over positions, the first object has position 0.
 * end below 0: count objects from start on (count below 0: all of them, count 0: none). Else
 * those from start to before end, of which at most count when count is above 0. start below 0: 0.
 */
struct sfs_window {
	int64_t count, start, end;
};

/** All of it. */
#define SFS_WINDOW_ALL { -1, 0, -1 }

/** What a window means: the first position and how many; UINT64_MAX: all that follow. */
SFS_API void sfs_window_range(const struct sfs_window *window, uint64_t *ret_first,
			      uint64_t *ret_count);

/**
 * Walk a window of the objects of a class, in byte order of the oids, as sfs_object_scan(). The first
 * one is found by counters, so that a page costs what is in it, wherever it begins. Positions
 * move when objects are added or removed: to go on where a page ended while others change the class,
 * use sfs_object_scan() with the last oid.
 * @prefix  positions are those among the oids that start with it; empty: all.
 */
SFS_API SFS_MUST_CHECK int sfs_object_window(struct sfs_store *store, uint32_t class_id,
					     struct sfs_span prefix,
					     const struct sfs_window *window,
					     enum sfs_format format, sfs_object_scan_fn *fn,
					     void *arg, struct sfs_diag *diag);

/**
 * How many objects come before an oid, which need not exist: its position. Cheap, as
 * sfs_object_window(). Returns 0, SFS_ERR_NOT_FOUND (class), SFS_ERR_WRONG_KIND, SFS_ERR_LIMIT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_object_rank(struct sfs_store *store, uint32_t class_id,
					   struct sfs_span oid, uint64_t *ret);

/** How many objects a class has whose oids start with a prefix (empty: all). Cheap; as above. */
SFS_API SFS_MUST_CHECK int sfs_object_count(struct sfs_store *store, uint32_t class_id,
					    struct sfs_span prefix, uint64_t *ret);

/**
 * Walk the objects whose update time is after a moment, in byte order of the oids, as
 * sfs_object_scan(). Looks at all objects of the class: memory is bounded, time is not.
 */
SFS_API SFS_MUST_CHECK int sfs_object_since(struct sfs_store *store, uint32_t class_id,
					    int64_t since_ns, struct sfs_span after, size_t limit,
					    enum sfs_format format, sfs_object_scan_fn *fn,
					    void *arg, struct sfs_diag *diag);

/** Is there such an object? False also for what can not be an oid. */
SFS_API bool sfs_object_has(struct sfs_store *store, uint32_t class_id, struct sfs_span oid);

/**
 * Get or create: an object that is there stays as it is, else put->text (empty: "{}") is saved. When
 * several do it at once, one makes it. For an object under a new oid call sfs_oid_make() first.
 * An object that shall come into being with its first save alone needs no call: sfs_object_put() makes it.
 * @ret       NULL, or its attributes. @ret_made  NULL, or whether it was made.
 * Errors as sfs_object_put(), but for SFS_ERR_EXISTS and SFS_ERR_NOT_FOUND.
 */
SFS_API SFS_MUST_CHECK int sfs_object_ensure(struct sfs_store *store, const struct sfs_put *put,
					     struct sfs_attr *ret, bool *ret_made,
					     struct sfs_diag *diag);

/**
 * A fresh inode number of a class, for an object that will be put later.
 * @oid         of that object.
 * @ret_number  the attribute number that it will have: *ret, or that of the object of this oid that
 *              sfs_object_to_raw() took away within the last minute. May be NULL.
 * Not durable: unused numbers may come again after a restart.
 * Returns 0 or SFS_ERR_NOT_FOUND, SFS_ERR_LIMIT (68 billion things were made).
 */
SFS_API SFS_MUST_CHECK int sfs_ino_reserve(struct sfs_store *store, uint32_t class_id,
					   struct sfs_span oid, uint64_t *ret,
					   uint64_t *ret_number);

/*
 * Batches: many changes in one atomic commit, also of several classes: all of them, or none. They are
 * applied in the order in which they were added, each on what those before it left.
 * A batch belongs to one thread. storefs/relation.h has the changes of relations.
 */
struct sfs_batch;

/** Start a batch; end it with commit or abort. Returns 0 or SFS_ERR_NO_MEMORY. */
SFS_API SFS_MUST_CHECK int sfs_batch_begin(struct sfs_store *store, struct sfs_batch **ret);

/**
 * Add one save: the document is validated and copied now, applied at commit.
 * put.attr and put.ino are as for sfs_object_put(). Errors leave the batch as it was.
 * SFS_ERR_LIMIT: the batch holds 64 MiB, commit it first.
 */
SFS_API SFS_MUST_CHECK int sfs_batch_put(struct sfs_batch *batch, const struct sfs_put *put,
					 struct sfs_diag *diag);

/** Add a removal, as sfs_object_remove(). SFS_ERR_NOT_FOUND: no object can have this oid. */
SFS_API SFS_MUST_CHECK int sfs_batch_remove(struct sfs_batch *batch, uint32_t class_id,
					    struct sfs_span oid, uint64_t ino);

/** How many changes wait in the batch. */
SFS_API size_t sfs_batch_count(const struct sfs_batch *batch);

/**
 * Apply all changes in one commit, or none. The batch is freed in any case.
 * @ret_failed  NULL, or the index (0..count-1, in order of adding) of the change
 *              that failed (SFS_PUT_CREATE/UPDATE, conflict, what is removed is not there, …);
 *              SIZE_MAX when it was none.
 * Errors as sfs_object_put(), sfs_object_remove() and the changes of relations.
 */
SFS_API SFS_MUST_CHECK int sfs_batch_commit(struct sfs_batch *batch, size_t *ret_failed);

/** Forget a batch. Accepts NULL. */
SFS_API void sfs_batch_abort(struct sfs_batch *batch);

#ifdef __cplusplus
}
#endif
#endif
