/*
 * A program's own index functions: which keys an object has in an index, in code.
 *
 * A definition names one with {"extract": "own", "function": "NAME"} or "own:NAME". Register it before
 * the store is opened. Any program can open, read and change a store whose indexes have functions that
 * it did not register: saves go on, and such an index goes stale. A stale index answers with
 * SFS_ERR_UNSUPPORTED and a sentence; nothing else is affected, and no object is lost to it. When a
 * program that has the function opens the store, the index is built anew. The same happens when a
 * function is registered under another version: raise it whenever the same object may get other keys.
 *
 * Registered functions belong to the process, for all its stores. Any thread may register.
 */
#ifndef STOREFS_INDEX_FUNCTION_H
#define STOREFS_INDEX_FUNCTION_H

#include <stdbool.h>
#include <storefs/buf.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest name of a function. */
#define SFS_INDEX_NAME_MAX 64
/** So many may be registered. */
#define SFS_INDEX_FUNCTIONS_MAX 256

/** The object that keys are made of. Borrowed for the call. */
struct sfs_index_object {
	struct sfs_span class_name, type, oid;
	struct sfs_span msgpack; /* its document, without "oid" and "type": a map */
	int64_t updated_ns;      /* when it last changed; 0: never */
};

/** Where a function puts its keys. */
struct sfs_index_emitter;

/**
 * Make the keys of an object. It may run in any thread, in several at once, and inside a save:
 * it must be fast, say the same whenever it is asked, and not call the store.
 *
 * Returns 0, or a negative enum sfs_err, which refuses the save that it runs in (a rebuild then
 * stops). Pass on what sfs_index_emit_*() returned. Any other value counts as SFS_ERR_INVALID.
 */
typedef int sfs_index_fn(void *arg, const struct sfs_index_object *object,
			 struct sfs_index_emitter *emitter);

/**
 * Register a function, or replace the one of that name.
 * @name     a small letter, then small letters, digits, '_', '.' and '-'; copied.
 * @version  of what it does.
 * @arg      for fn; must live as long as the process or until the next registration under the name.
 * Returns 0, SFS_ERR_NAME, SFS_ERR_INVALID (no fn), SFS_ERR_LIMIT (too many).
 */
SFS_API SFS_MUST_CHECK int sfs_index_register(const char *name, uint32_t version, sfs_index_fn *fn,
					      void *arg);

/** Is this a name that a function can have? */
SFS_API bool sfs_index_name_valid(struct sfs_span name);

/*
 * Add one key. The same key twice counts once; the order does not matter. Text is bytes of UTF-8.
 * Return 0, SFS_ERR_LIMIT (over a million keys of one object), SFS_ERR_BAD_DOCUMENT (json: no JSON),
 * SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_index_emit_null(struct sfs_index_emitter *emitter);
SFS_API SFS_MUST_CHECK int sfs_index_emit_boolean(struct sfs_index_emitter *emitter, bool value);
SFS_API SFS_MUST_CHECK int sfs_index_emit_integer(struct sfs_index_emitter *emitter, int64_t value);
SFS_API SFS_MUST_CHECK int sfs_index_emit_real(struct sfs_index_emitter *emitter, double value);
SFS_API SFS_MUST_CHECK int sfs_index_emit_text(struct sfs_index_emitter *emitter,
					       struct sfs_span text);
/** Any value, as JSON text. */
SFS_API SFS_MUST_CHECK int sfs_index_emit_json(struct sfs_index_emitter *emitter,
					       struct sfs_span json);

/**
 * The object's document as canonical JSON, for functions that would rather read that.
 * @ret  appended to. Returns 0, SFS_ERR_CORRUPT, SFS_ERR_LIMIT, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_index_object_json(const struct sfs_index_object *object,
						 struct sfs_buf *ret);

#ifdef __cplusplus
}
#endif
#endif
