/* Bytes and metadata between descriptors and raws. See raws.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "raws.h"

#define PIECE ((size_t)1 << 20)
#define VALUE_MAX 65536

void cli_temporary_name(char *ret, size_t len)
{
	static atomic_uint serial;
	snprintf(ret, len, ".storefs-%ld-%u", (long)getpid(), atomic_fetch_add(&serial, 1));
}

int cli_raw_begin(struct cli_ctx *ctx, uint64_t dir, struct sfs_span name, uint32_t mode,
		  struct cli_raw_new *ret)
{
	struct sfs_raw_make make = {
		.type = SFS_NODE_FILE,
		.mode = mode,
		.uid = geteuid(),
		.gid = getegid(),
	};
	*ret = (struct cli_raw_new){ .dir = dir, .name = name };
	int err;
	do {
		cli_temporary_name(ret->temporary, sizeof ret->temporary);
		err = sfs_raw_make(ctx->store, dir, sfs_span_str(ret->temporary), &make,
				   &ret->attr);
	} while (err == SFS_ERR_EXISTS);
	if (err < 0)
		return err;
	err = sfs_raw_open(ctx->store, ret->attr.ino, true, &ret->file);
	if (err < 0)
		cli_raw_abort(ctx, ret);
	return err;
}

/*
 * The next piece with data at or after *off in a plain file that may have holes: moves *off to its
 * start and returns its length, at most max. 0: there is none, and *off is the end of the file.
 */
static size_t next_data(int fd, uint64_t *off, size_t max)
{
	off_t data = lseek(fd, (off_t)*off, SEEK_DATA);
	if (data < 0 && errno == ENXIO) {
		off_t end = lseek(fd, 0, SEEK_END);
		if (end > (off_t)*off)
			*off = (uint64_t)end;
		return 0;
	}
	if (data < 0)
		return max;
	*off = (uint64_t)data;
	off_t hole = lseek(fd, data, SEEK_HOLE);
	return hole > data && (uint64_t)(hole - data) < max ? (size_t)(hole - data) : max;
}

static bool is_seekable(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0;
}

static int fill(struct cli_ctx *ctx, struct cli_raw_new *raw, int fd, char *piece, int *ret_errno)
{
	bool seekable = is_seekable(fd);
	for (;;) {
		size_t len = seekable ? next_data(fd, &raw->bytes, PIECE) : PIECE;
		if (seekable)
			lseek(fd, (off_t)raw->bytes, SEEK_SET);
		if (atomic_load(ctx->cancelled))
			return SFS_ERR_CANCELLED;
		ssize_t got = len > 0 ? cli_read(ctx, fd, piece, len) : 0;
		if (got < 0) {
			*ret_errno = errno;
			return errno == ECANCELED ? SFS_ERR_CANCELLED : SFS_ERR_IO;
		}
		if (got == 0)
			return 0;
		size_t wrote = 0;
		int err = sfs_raw_write(raw->file, raw->bytes, piece, (size_t)got, &wrote);
		if (err < 0)
			return err;
		raw->bytes += (uint64_t)got;
	}
}

int cli_raw_fill(struct cli_ctx *ctx, struct cli_raw_new *raw, int fd, int *ret_errno)
{
	char *piece = malloc(PIECE);
	*ret_errno = 0;
	if (!piece)
		return SFS_ERR_NO_MEMORY;
	int err = fill(ctx, raw, fd, piece, ret_errno);
	free(piece);
	return err;
}

static int take_xattr(struct cli_ctx *ctx, uint64_t ino, int fd, const char *name, char *value,
		      struct sfs_diag *diag)
{
	/* user.storefs.* is what another mount computes, not data. */
	if (strncmp(name, "user.", 5) != 0 || strncmp(name, "user.storefs.", 13) == 0)
		return 0;
	ssize_t len = fgetxattr(fd, name, value, VALUE_MAX);
	if (len < 0)
		return 0;
	struct sfs_span bytes = { value, (size_t)len };
	return sfs_raw_meta_set(ctx->store, ino, sfs_span_str(name + 5), bytes, 0, diag);
}

int cli_raw_take_xattrs(struct cli_ctx *ctx, uint64_t ino, int fd, struct sfs_diag *diag)
{
	ssize_t len = flistxattr(fd, NULL, 0);
	if (len <= 0)
		return 0;
	/* The list may have grown meanwhile; then the file is being changed, and none is taken. */
	char *names = malloc((size_t)len + VALUE_MAX);
	if (!names)
		return SFS_ERR_NO_MEMORY;
	ssize_t got = flistxattr(fd, names, (size_t)len);
	int err = 0;
	for (ssize_t at = 0; err == 0 && at < got; at += (ssize_t)strlen(names + at) + 1)
		err = take_xattr(ctx, ino, fd, names + at, names + len, diag);
	free(names);
	return err;
}

int cli_raw_commit(struct cli_ctx *ctx, struct cli_raw_new *raw, const struct sfs_setattr *set)
{
	struct sfs_setattr change = set ? *set : (struct sfs_setattr){ 0 };
	struct sfs_attr attr;
	int err = sfs_raw_file_stat(raw->file, &attr);
	if (err == 0 && attr.size != raw->bytes) {
		/* A hole at the end. */
		change.mask |= SFS_SET_SIZE;
		change.size = raw->bytes;
	}
	sfs_raw_close(raw->file);
	raw->file = NULL;
	if (err == 0 && change.mask)
		err = sfs_raw_setattr(ctx->store, raw->attr.ino, &change, &attr);
	if (err == 0)
		err = sfs_raw_rename(ctx->store, raw->dir, sfs_span_str(raw->temporary), raw->dir,
				     raw->name, 0);
	if (err < 0)
		cli_raw_abort(ctx, raw);
	return err;
}

void cli_raw_abort(struct cli_ctx *ctx, struct cli_raw_new *raw)
{
	sfs_raw_close(raw->file);
	raw->file = NULL;
	/* It is on the way out of an error that is being reported. */
	int err = sfs_raw_unlink(ctx->store, raw->dir, sfs_span_str(raw->temporary));
	(void)err;
}

static int step_into(struct cli_ctx *ctx, uint64_t *dir, struct sfs_span name, bool make)
{
	struct sfs_attr attr;
	int err = sfs_raw_find(ctx->store, *dir, name, &attr);
	if (err == SFS_ERR_NOT_FOUND && make) {
		struct sfs_raw_make node = {
			.type = SFS_NODE_DIR,
			.mode = 0755,
			.uid = geteuid(),
			.gid = getegid(),
		};
		err = sfs_raw_make(ctx->store, *dir, name, &node, &attr);
		if (err == SFS_ERR_EXISTS)
			err = sfs_raw_find(ctx->store, *dir, name, &attr);
	}
	if (err == 0 && attr.type != SFS_NODE_DIR)
		err = SFS_ERR_NOT_DIR;
	if (err == 0)
		*dir = attr.ino;
	return err;
}

int cli_raw_parent(struct cli_ctx *ctx, uint32_t class_id, struct sfs_span path, bool make,
		   uint64_t *ret_dir, struct sfs_span *ret_name)
{
	uint64_t dir = sfs_ino_make(class_id, 1);
	const char *at = path.data, *end = at + path.len, *slash;
	while ((slash = memchr(at, '/', (size_t)(end - at)))) {
		struct sfs_span name = { at, (size_t)(slash - at) };
		int err = step_into(ctx, &dir, name, make);
		if (err < 0)
			return err;
		at = slash + 1;
	}
	*ret_dir = dir;
	*ret_name = (struct sfs_span){ at, (size_t)(end - at) };
	return ret_name->len ? 0 : SFS_ERR_NAME;
}

static int send(struct cli_ctx *ctx, struct sfs_raw_file *file, int fd, char *piece, int *ret_errno)
{
	struct stat st;
	bool holes = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0 &&
		     st.st_size == 0;
	int err = 0, plain_fd = sfs_raw_fd(file);
	uint64_t off = 0;
	while (err == 0) {
		size_t got = 0, len = PIECE;
		if (holes && plain_fd >= 0) {
			len = next_data(plain_fd, &off, PIECE);
			lseek(fd, (off_t)off, SEEK_SET);
		}
		if (cli_stopped(ctx))
			return SFS_ERR_CANCELLED;
		err = sfs_raw_read(file, off, piece, len, &got);
		if (err < 0 || got == 0)
			break;
		off += got;
		if (cli_write_all(ctx, fd, piece, got) < 0) {
			*ret_errno = errno;
			return SFS_ERR_IO;
		}
	}
	if (err == 0 && holes && ftruncate(fd, (off_t)off) < 0) {
		*ret_errno = errno;
		return SFS_ERR_IO;
	}
	return err;
}

int cli_raw_send(struct cli_ctx *ctx, uint64_t ino, int fd, int *ret_errno)
{
	struct sfs_raw_file *file = NULL;
	*ret_errno = 0;
	int err = sfs_raw_open(ctx->store, ino, false, &file);
	if (err < 0)
		return err;
	char *piece = malloc(PIECE);
	err = piece ? send(ctx, file, fd, piece, ret_errno) : SFS_ERR_NO_MEMORY;
	free(piece);
	sfs_raw_close(file);
	return err;
}

int cli_raw_meta_each(struct cli_ctx *ctx, uint64_t ino, cli_meta_fn *fn, void *arg)
{
	struct sfs_buf keys = SFS_BUF_INIT, value = SFS_BUF_INIT;
	int err = sfs_raw_meta_list(ctx->store, ino, &keys);
	for (size_t at = 0; err == 0 && at < keys.len;) {
		struct sfs_span name = sfs_span_str((const char *)keys.data + at);
		at += name.len + 1;
		value.len = 0;
		err = sfs_raw_meta_get(ctx->store, ino, name, &value);
		if (err == 0)
			err = fn(arg, name, sfs_buf_span(&value));
		else if (err == SFS_ERR_NOT_FOUND)
			err = 0; /* removed since it was listed */
	}
	sfs_buf_fini(&value);
	sfs_buf_fini(&keys);
	return err;
}

struct copy {
	struct sfs_store *store;
	uint64_t to;
};

static int copy_meta(void *arg, struct sfs_span key, struct sfs_span value)
{
	struct copy *copy = arg;
	return sfs_raw_meta_set(copy->store, copy->to, key, value, 0, NULL);
}

int cli_raw_copy_meta(struct cli_ctx *ctx, uint64_t from, uint64_t to)
{
	struct copy copy = { ctx->store, to };
	return cli_raw_meta_each(ctx, from, copy_meta, &copy);
}

struct sfs_setattr cli_raw_setattr_of(const struct stat *st)
{
	struct sfs_setattr set = {
		.mask = SFS_SET_MODE | SFS_SET_ATIME | SFS_SET_MTIME,
		.mode = st->st_mode & 07777,
		.atime_ns = (int64_t)st->st_atim.tv_sec * 1000000000 + st->st_atim.tv_nsec,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
	};
	if (geteuid() == 0) {
		set.mask |= SFS_SET_UID | SFS_SET_GID;
		set.uid = st->st_uid;
		set.gid = st->st_gid;
	}
	return set;
}
