/*
 * Bytes: a borrowed span and an owned, growing buffer.
 */
#ifndef STOREFS_BUF_H
#define STOREFS_BUF_H

#include <stddef.h>
#include <string.h>
#include <storefs/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Borrowed bytes; not NUL-terminated. data may be NULL when len is 0. */
struct sfs_span {
	const void *data;
	size_t len;
};

/** Owned bytes. {NULL, 0, 0} is the valid empty buffer. */
struct sfs_buf {
	void *data; /* [cap] bytes, the first len are valid */
	size_t len;
	size_t cap;
};

#define SFS_BUF_INIT { NULL, 0, 0 }

/** Largest buffer that the library grows: 1 GiB. */
#define SFS_BUF_MAX ((size_t)1 << 30)

/** Span of a NUL-terminated string, without the NUL. */
static inline struct sfs_span sfs_span_str(const char *text)
{
	struct sfs_span span = { text, strlen(text) };
	return span;
}

/** Span of what a buffer holds; valid until the buffer changes. */
static inline struct sfs_span sfs_buf_span(const struct sfs_buf *buf)
{
	struct sfs_span span = { buf->data, buf->len };
	return span;
}

/** Nonzero when both spans hold the same bytes. */
static inline int sfs_span_equal(struct sfs_span a, struct sfs_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/**
 * Free what a buffer holds and make it empty. Accepts a zeroed buffer.
 */
SFS_API void sfs_buf_fini(struct sfs_buf *buf);

/**
 * Make room for at least more bytes after len.
 * Returns 0, SFS_ERR_LIMIT (would pass SFS_BUF_MAX) or SFS_ERR_NO_MEMORY; on
 * failure the buffer is as it was.
 */
SFS_API SFS_MUST_CHECK int sfs_buf_reserve(struct sfs_buf *buf, size_t more);

/**
 * Append bytes. Errors and failure behaviour of sfs_buf_reserve().
 * @data  must not point into the buffer itself.
 */
SFS_API SFS_MUST_CHECK int sfs_buf_append(struct sfs_buf *buf, const void *data, size_t len);

/**
 * Append formatted text (no NUL is counted). Errors of sfs_buf_reserve().
 */
SFS_API SFS_MUST_CHECK int sfs_buf_printf(struct sfs_buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Set the length; new bytes are zero. Errors of sfs_buf_reserve().
 */
SFS_API SFS_MUST_CHECK int sfs_buf_resize(struct sfs_buf *buf, size_t len);

/**
 * Move the bytes out: returns the content and leaves the buffer empty.
 */
static inline struct sfs_buf sfs_buf_take(struct sfs_buf *buf)
{
	struct sfs_buf taken = *buf;
	*buf = (struct sfs_buf)SFS_BUF_INIT;
	return taken;
}

#ifdef __cplusplus
}
#endif
#endif
