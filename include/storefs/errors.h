/*
 * The last refused operations of a store, a line of JSON each: errors.ndjson in the store's folder.
 *
 * It is a help for people, not data: bounded, never synced, and nothing fails because a line can
 * not be written (then it is only remembered until the store is closed, as in a memory store or a
 * store that is open read-only). What was written survives a kill -9.
 *
 * A line has the members "time" (RFC 3339, nanoseconds, UTC), "class", "name" (the file name, as
 * a mount shows it), "oid" (objects), "operation", "errno" (null: the operation itself
 * succeeded), "line" and "column" (where there is one) and "message". Bytes that are no UTF-8
 * are shown as U+FFFD.
 */
#ifndef STOREFS_ERRORS_H
#define STOREFS_ERRORS_H

#include <storefs/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/** So many lines are remembered, and so many bytes. */
#define SFS_ERRORS_LINES 1000
#define SFS_ERRORS_BYTES ((size_t)512 << 10)

/** A refused operation. Spans may be empty. */
struct sfs_error {
	int64_t time_ns; /* sfs_errors_add(): 0 means now */
	struct sfs_span class_name, name, oid;
	struct sfs_span operation;  /* "save", "rename", … */
	struct sfs_span errno_name; /* "EBADMSG", …; empty: it succeeded */
	uint32_t line, column;      /* 0: not applicable */
	struct sfs_span message;    /* one sentence: what was expected */
};

/** Remember one. Never fails; takes a moment. */
SFS_API void sfs_errors_add(struct sfs_store *store, const struct sfs_error *error);

/**
 * All lines that are remembered, the newest last.
 * @ret       appended to.
 * @ret_time  NULL, or the time of the newest; 0: there is none.
 * Returns 0 or SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_errors_text(struct sfs_store *store, struct sfs_buf *ret,
					   int64_t *ret_time);

/**
 * The newest refused operation of all, of a class, or of a name in it.
 * @class_name  empty: of all.
 * @name, @oid  both empty: of the whole class; else lines that have this name, or this oid.
 * @ret_text    appended to: holds what ret points to.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_errors_last(struct sfs_store *store, struct sfs_span class_name,
					   struct sfs_span name, struct sfs_span oid,
					   struct sfs_error *ret, struct sfs_buf *ret_text);

#ifdef __cplusplus
}
#endif
#endif
