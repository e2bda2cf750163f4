/*
 * Handlers on open files: read, write, flush, fsync, release.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <storefs/database.h>
#include <unistd.h>
#include "meta.h"
#include "op.h"
#include "privilege.h"
#include "save.h"
#include "stream.h"
#include "view.h"
#include "wire.h"

/*
 * The page cache of a plain file gets pages as large as what is written at once. A later write of 4 KiB
 * looks at all blocks of its page: ext4 takes 27 µs for that in one of 1 MiB, 4 µs in one of this size, and writes
 * new files as fast by such pieces as by whole requests.
 */
#define RAW_PIECE ((size_t)64 << 10)

/* --- read --- */

static void reply_span(fuse_req_t req, struct sfs_span text, size_t size, off_t off)
{
	size_t at = off < 0 || (uint64_t)off > text.len ? text.len : (size_t)off;
	size_t len = text.len - at < size ? text.len - at : size;
	fuse_reply_buf(req, len ? (const char *)text.data + at : NULL, len);
}

/** Once the kernel has the bytes the file can be closed, before the reply has returned here. */
static void read_document(fuse_req_t req, struct fs_handle *handle, size_t size, off_t off)
{
	struct sfs_doc *doc = sfs_doc_ref(handle->doc);
	fs_handle_was_opened(fs_of(req), handle);
	reply_span(req, doc->bytes, size, off);
	sfs_doc_unref(doc);
}

/** The same for a text that only the handle has. */
static void read_text(fuse_req_t req, const struct fs_handle *handle, size_t size, off_t off)
{
	struct sfs_buf copy = SFS_BUF_INIT;
	size_t text = handle->text.len;
	size_t at = off < 0 || (uint64_t)off > text ? text : (size_t)off;
	int err = sfs_buf_append(&copy, text ? (const char *)handle->text.data + at : "",
				 text - at < size ? text - at : size);
	if (err < 0)
		fs_reply(req, err);
	else
		fuse_reply_buf(req, copy.data, copy.len);
	sfs_buf_fini(&copy);
}

static void read_stream(fuse_req_t req, struct fs_handle *handle, size_t size, off_t off)
{
	struct fs *fs = fs_of(req);
	struct sfs_buf part = SFS_BUF_INIT;
	fs_loop_block_begin(fs->loop);
	int err = fs_stream_read(handle->stream, (uint64_t)off, size, &part);
	fs_loop_block_end(fs->loop);
	if (err < 0)
		fs_reply_node(req, err);
	else
		fuse_reply_buf(req, part.data, part.len);
	sfs_buf_fini(&part);
}

static void read_draft(fuse_req_t req, struct fs_handle *handle, size_t size, off_t off)
{
	struct sfs_buf part = SFS_BUF_INIT;
	int err = fs_draft_read(&handle->draft, (uint64_t)off, size, &part);
	if (err < 0)
		fs_reply(req, err);
	else
		fuse_reply_buf(req, part.data, part.len);
	sfs_buf_fini(&part);
}

/** A raw without a plain file behind it. */
static void read_raw_copy(fuse_req_t req, struct fs_handle *handle, size_t size, off_t off)
{
	size_t len = 0;
	void *part = malloc(size ? size : 1);
	int err = part ? sfs_raw_read(handle->raw, (uint64_t)off, part, size, &len)
		       : SFS_ERR_NO_MEMORY;
	if (err < 0)
		fs_reply(req, err);
	else
		fuse_reply_buf(req, part, len);
	free(part);
}

static void read_raw(fuse_req_t req, struct fs_handle *handle, size_t size, off_t off)
{
	struct fs *fs = fs_of(req);
	int fd = sfs_raw_fd(handle->raw);
	fs_loop_block_begin(fs->loop);
	if (fd < 0) {
		read_raw_copy(req, handle, size, off);
	} else {
		struct fuse_bufvec part = FUSE_BUFVEC_INIT(size);
		part.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK | FUSE_BUF_FD_RETRY;
		part.buf[0].fd = fd;
		part.buf[0].pos = off;
		fuse_reply_data(req, &part, 0);
	}
	fs_loop_block_end(fs->loop);
}

void fs_op_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	fs_begin_node(req, FS_REQUEST_READ, node);
	struct fs_handle *handle = fs_handle_of(fi->fh);
	switch (handle->kind) {
	case FS_HANDLE_READER:
		if (handle->doc)
			read_document(req, handle, size, off);
		else
			read_text(req, handle, size, off);
		break;
	case FS_HANDLE_TEXT: read_text(req, handle, size, off); break;
	case FS_HANDLE_STREAM: read_stream(req, handle, size, off); break;
	case FS_HANDLE_TAKER: fs_reply_errno(req, EBADF); break;
	case FS_HANDLE_WRITER:
	case FS_HANDLE_VIEW:
	case FS_HANDLE_SCHEMA: read_draft(req, handle, size, off); break;
	case FS_HANDLE_RAW: read_raw(req, handle, size, off); break;
	}
}

/* --- write --- */

static void write_draft(fuse_req_t req, struct fs_handle *handle, struct sfs_span data,
			const struct fuse_file_info *fi, off_t off)
{
	struct fs *fs = fs_of(req);
	bool take = handle->kind == FS_HANDLE_TAKER;
	atomic_store(&handle->flushed_ns, 0);
	if (take)
		fs_loop_block_begin(fs->loop);
	int err = take ? fs_stream_take(handle->stream, (uint64_t)off, data)
		       : fs_save_write(fs, handle, (uint64_t)off, data, fi->flags & O_APPEND);
	if (take)
		fs_loop_block_end(fs->loop);
	if (err < 0)
		fs_reply(req, err);
	else
		fuse_reply_write(req, data.len);
}

/** The bytes of a request in one piece, *copy to be freed; NULL: no memory. */
static const void *in_one_piece(struct fuse_bufvec *in, size_t size, void **copy)
{
	*copy = NULL;
	if (in->count == 1 && !(in->buf[0].flags & FUSE_BUF_IS_FD) && in->off == 0)
		return in->buf[0].mem;
	*copy = malloc(size ? size : 1);
	if (!*copy)
		return NULL;
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(size);
	out.buf[0].mem = *copy;
	return fuse_buf_copy(&out, in, 0) == (ssize_t)size ? *copy : NULL;
}

static void write_copy(fuse_req_t req, struct fs_handle *handle, struct fuse_bufvec *in, off_t off,
		       const struct fuse_file_info *fi)
{
	size_t size = fuse_buf_size(in), done = 0;
	void *copy;
	const void *data = in_one_piece(in, size, &copy);
	if (!data) {
		fs_reply(req, SFS_ERR_NO_MEMORY);
	} else if (handle->kind != FS_HANDLE_RAW) {
		write_draft(req, handle, (struct sfs_span){ data, size }, fi, off);
	} else {
		int err = sfs_raw_write(handle->raw, (uint64_t)off, data, size, &done);
		if (err < 0 && done == 0)
			fs_reply(req, err);
		else
			fuse_reply_write(req, done);
	}
	free(copy);
}

/** How much of a request is written at once: up to the next multiple of RAW_PIECE. */
static size_t raw_piece(off_t off, size_t left)
{
	size_t piece = RAW_PIECE - (size_t)(off & (RAW_PIECE - 1));
	return piece < left ? piece : left;
}

/** Returns 0 or errno; *ret_done bytes are written, also before an error. */
static int write_pieces(int fd, const char *data, size_t size, off_t off, size_t *ret_done)
{
	size_t done = 0;
	int error = 0;
	while (done < size && !error) {
		off_t at = off + (off_t)done;
		ssize_t put = pwrite(fd, data + done, raw_piece(at, size - done), at);
		if (put > 0)
			done += (size_t)put;
		else if (put == 0 || errno != EINTR)
			error = put == 0 ? EIO : errno;
	}
	*ret_done = done;
	return error;
}

static void write_plain(fuse_req_t req, int fd, struct fuse_bufvec *in, off_t off)
{
	size_t size = fuse_buf_size(in), done = 0;
	void *copy;
	const char *data = in_one_piece(in, size, &copy);
	int error = data ? write_pieces(fd, data, size, off, &done) : ENOMEM;
	if (error && !done)
		fs_reply_errno(req, error);
	else
		fuse_reply_write(req, done);
	free(copy);
}

void fs_op_write_buf(fuse_req_t req, fuse_ino_t node, struct fuse_bufvec *in, off_t off,
		     struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_WRITE, node);
	struct fs_handle *handle = fs_handle_of(fi->fh);
	int err = fs_wire_drops_privileges() ? fs_privilege_drop(fs, node, handle, fs_pid(req)) : 0;
	if (err < 0) {
		fs_reply(req, err);
		return;
	}
	switch (handle->kind) {
	case FS_HANDLE_READER:
	case FS_HANDLE_STREAM:
	case FS_HANDLE_TEXT: fs_reply_errno(req, EBADF); break;
	case FS_HANDLE_TAKER:
	case FS_HANDLE_WRITER:
	case FS_HANDLE_VIEW:
	case FS_HANDLE_SCHEMA: write_copy(req, handle, in, off, fi); break;
	case FS_HANDLE_RAW:
		fs_loop_block_begin(fs->loop);
		if (sfs_raw_fd(handle->raw) < 0)
			write_copy(req, handle, in, off, fi);
		else
			write_plain(req, sfs_raw_fd(handle->raw), in, off);
		fs_loop_block_end(fs->loop);
		break;
	}
}

/* --- flush, fsync, release --- */

/** Nothing changes that somebody could see, and so nobody is told. */
static int save_raw(struct fs *fs, struct fs_handle *handle)
{
	if (sfs_raw_fd(handle->raw) >= 0)
		return 0;
	fs_loop_block_begin(fs->loop);
	int err = sfs_raw_flush(handle->raw);
	fs_loop_block_end(fs->loop);
	return err;
}

/** What became of the lines that were written. */
static int close_taker(struct fs *fs, struct fs_handle *handle, bool closing)
{
	fs_refusal_operation("import");
	fs_loop_block_begin(fs->loop);
	int err = fs_stream_verdict(handle->stream, closing);
	fs_loop_block_end(fs->loop);
	/* Each line that was refused has its own sentence. */
	if (err < 0)
		fs_refusal_repeats();
	return err;
}

/**
 * Save what was written and not judged yet. A text that was refused is refused each time: some
 * programs only log what fsync says, and believe close.
 */
static int save(struct fs *fs, struct fs_handle *handle)
{
	int err = 0;
	bool draft = handle->kind == FS_HANDLE_WRITER || handle->kind == FS_HANDLE_SCHEMA ||
		     handle->kind == FS_HANDLE_VIEW;
	if (draft && handle->kind != FS_HANDLE_SCHEMA)
		fs_refusal_operation("save");
	if (handle->kind == FS_HANDLE_RAW)
		return save_raw(fs, handle);
	if (handle->kind == FS_HANDLE_TAKER)
		return close_taker(fs, handle, false);
	if (!draft)
		return 0;
	if (!atomic_load(&handle->draft.dirty)) {
		err = atomic_load(&handle->draft.verdict);
		if (err < 0)
			fs_refusal_repeats();
		return err;
	}
	fs_loop_block_begin(fs->loop);
	if (handle->kind == FS_HANDLE_WRITER)
		err = fs_save_flush(fs, handle);
	else if (handle->kind == FS_HANDLE_VIEW)
		err = fs_view_flush(fs, handle);
	else
		err = fs_schema_save(fs, handle);
	fs_loop_block_end(fs->loop);
	return err;
}

void fs_op_flush(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_FLUSH, node);
	struct fs_handle *handle = fs_handle_of(fi->fh);
	int err = save(fs, handle);
	if (handle->kind == FS_HANDLE_WRITER)
		fs_handle_flushed(handle);
	fs_reply(req, err);
}

/** A document of a database is there for other programs when its file is. */
static int flush_database(struct fs *fs, uint64_t node)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (fs_node_kind(node) != FS_NODE_THING)
		return 0;
	int err = sfs_database_flush(fs->store, sfs_ino_class(fs_node_ino(node)), &diag);
	if (err < 0)
		fs_refusal_diag(&diag);
	return err;
}

void fs_op_fsync(fuse_req_t req, fuse_ino_t node, int only_data, struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_FSYNC, node);
	struct fs_handle *handle = fs_handle_of(fi->fh);
	(void)only_data;
	int err = save(fs, handle);
	fs_loop_wait_begin(fs->loop);
	if (!err && handle->kind == FS_HANDLE_RAW)
		err = sfs_raw_sync(handle->raw);
	else if (!err)
		err = sfs_store_sync(fs->store);
	if (!err)
		err = flush_database(fs, node);
	fs_loop_block_end(fs->loop);
	fs_reply(req, err);
}

/**
 * Nobody hears of errors any more: what matters was said by flush. A text of which that said that it could
 * not be saved is not tried again: somebody may have saved something else because of that.
 */
static void close_document(struct fs *fs, struct fs_handle *handle)
{
	int err = handle->kind == FS_HANDLE_WRITER ? atomic_load(&handle->draft.verdict) : 0;
	if (err < 0)
		fs_refusal_repeats();
	else
		err = save(fs, handle);
	fs_save_close(fs, handle);
	struct fs_open *open = fs_handle_free(fs, handle);
	bool settle = open && fs_open_is_newborn(fs, open);
	if (settle)
		fs_loop_block_begin(fs->loop);
	if (settle && !err)
		err = fs_save_settle(fs, open);
	else if (settle)
		fs_save_settle(fs, open);
	if (settle)
		fs_loop_block_end(fs->loop);
	if (err < 0) {
		fs_refusal_operation("save");
		fs_refusal_add(fs, fs_errno(err));
		fs_log(LOG_DEBUG, "closed without a save: %s", sfs_err_text(err));
	}
	fs_open_unref(fs, open);
}

/** The same for a file of a view, whose last save also counts when it is empty. */
static void close_view(struct fs *fs, struct fs_handle *handle)
{
	fs_refusal_operation("save");
	fs_loop_block_begin(fs->loop);
	int err = fs_view_close(fs, handle);
	fs_loop_block_end(fs->loop);
	if (err < 0)
		fs_refusal_add(fs, fs_errno(err));
	fs_handle_free(fs, handle);
}

/** What was written after the last flush, through a mapping. */
static void close_raw(struct fs *fs, struct fs_handle *handle)
{
	int err = save_raw(fs, handle);
	if (err < 0)
		fs_log(LOG_ERR, "node %#llx: what was written last is lost: %s",
		       (unsigned long long)handle->node, sfs_err_text(err));
	fs_handle_free(fs, handle);
}

void fs_op_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_RELEASE, node);
	struct fs_handle *handle = fs_handle_of(fi->fh);
	switch (handle->kind) {
	case FS_HANDLE_READER:
	case FS_HANDLE_WRITER: close_document(fs, handle); break;
	case FS_HANDLE_VIEW: close_view(fs, handle); break;
	case FS_HANDLE_TAKER:
		close_taker(fs, handle, true);
		fs_handle_free(fs, handle);
		break;
	case FS_HANDLE_SCHEMA:
		fs_schema_close(fs, handle);
		fs_handle_free(fs, handle);
		break;
	case FS_HANDLE_RAW: close_raw(fs, handle); break;
	case FS_HANDLE_STREAM:
	case FS_HANDLE_TEXT: fs_handle_free(fs, handle); break;
	}
	fuse_reply_err(req, 0);
}
