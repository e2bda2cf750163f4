/*
 * Streams: what is read from its start on and made while it is read, so that its length costs no memory: a
 * listing or a file of a view (the functions open, next, read of fs_view_ops); and what is written from
 * its start on (take). Knows no FUSE.
 *
 * A stream is one open(2). It keeps what it gave last, so that a reader may go back a little; one that goes
 * back further starts it again.
 */
#ifndef FS_STREAM_H
#define FS_STREAM_H

#include "view.h"

struct fs_stream;

/** @view  borrowed: must live as long as the stream. @write  for fs_stream_take(). Errors of open. */
int fs_stream_new(struct fs *fs, const struct fs_view *view, bool write, struct fs_stream **ret);
/** Accepts NULL. */
void fs_stream_free(struct fs_stream *stream);

/** Entries after a cookie; 0 starts again, and sees what has changed. */
int fs_stream_list(struct fs_stream *stream, uint64_t after, fs_view_list_fn *fn, void *arg);
/** Append up to size bytes from an offset. */
int fs_stream_read(struct fs_stream *stream, uint64_t off, size_t size, struct sfs_buf *ret);

/** Take what is written, in order. SFS_ERR_INVALID: it was not written behind the last. */
int fs_stream_take(struct fs_stream *stream, uint64_t off, struct sfs_span data);
/** What there is to say of all that was taken. @closing  nothing more will come. */
int fs_stream_verdict(struct fs_stream *stream, bool closing);

#endif
