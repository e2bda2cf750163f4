/*
 * Handlers that only raws have: holes, and copying inside the store. They are the plain file's
 * own business.
 */
#include <fcntl.h>
#include <unistd.h>
#include "op.h"

/** The descriptor of an open raw; -1: it is something else. */
static int raw_fd(const struct fuse_file_info *fi)
{
	const struct fs_handle *handle = fs_handle_of(fi->fh);
	return handle->kind == FS_HANDLE_RAW ? sfs_raw_fd(handle->raw) : -1;
}

void fs_op_fallocate(fuse_req_t req, fuse_ino_t node, int mode, off_t off, off_t len,
		     struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_FALLOCATE, node);
	const struct fs_handle *handle = fs_handle_of(fi->fh);
	if (handle->kind != FS_HANDLE_RAW) {
		fs_reply_errno(req, EOPNOTSUPP);
		return;
	}
	fs_loop_block_begin(fs->loop);
	/* Holes are a plain file's. */
	int error = 0, err = sfs_raw_plain(handle->raw);
	if (err < 0)
		error = fs_errno(err);
	else if (fallocate(sfs_raw_fd(handle->raw), mode, off, len) < 0)
		error = errno;
	fs_loop_block_end(fs->loop);
	fs_reply_errno(req, error);
}

/** A document has no holes. */
static void seek_document(fuse_req_t req, uint64_t node, off_t off, int whence,
			  struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct fs_found found;
	int err = fs_attr_load(fs, node, fs_handle_of(fi->fh), fs_pid(req), &found);
	if (err < 0)
		fs_reply_node(req, err);
	else if (off < 0 || off >= found.stat.st_size)
		fs_reply_errno(req, ENXIO);
	else
		fuse_reply_lseek(req, whence == SEEK_HOLE ? found.stat.st_size : off);
}

void fs_op_lseek(fuse_req_t req, fuse_ino_t node, off_t off, int whence, struct fuse_file_info *fi)
{
	fs_begin(req, FS_REQUEST_LSEEK);
	int fd = raw_fd(fi);
	if (whence != SEEK_DATA && whence != SEEK_HOLE) {
		fs_reply_errno(req, EINVAL);
		return;
	}
	if (fd < 0) {
		seek_document(req, node, off, whence, fi);
		return;
	}
	/* All other calls on the descriptor name their offset. */
	off_t found = lseek(fd, off, whence);
	if (found < 0)
		fs_reply_errno(req, errno);
	else
		fuse_reply_lseek(req, found);
}

void fs_op_copy_file_range(fuse_req_t req, fuse_ino_t node_in, off_t off_in,
			   struct fuse_file_info *fi_in, fuse_ino_t node_out, off_t off_out,
			   struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_COPY_FILE_RANGE, node_out);
	int in = raw_fd(fi_in), out = raw_fd(fi_out);
	(void)node_in;
	/* The kernel then copies by reading and writing. */
	if (in < 0 || out < 0 || flags) {
		fs_reply_errno(req, EOPNOTSUPP);
		return;
	}
	fs_loop_block_begin(fs->loop);
	ssize_t done = copy_file_range(in, &off_in, out, &off_out, len, 0);
	int error = errno;
	fs_loop_block_end(fs->loop);
	if (done < 0)
		fs_reply_errno(req, error == EXDEV || error == EINVAL ? EOPNOTSUPP : error);
	else
		fuse_reply_write(req, (size_t)done);
}
