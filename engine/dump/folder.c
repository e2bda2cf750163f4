/*
 * A dump as a folder: each member is a file. Folders on the way to one are opened one by one and no symlink is
 * followed, so that nothing leads out, and a path may be longer than the system's longest one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/dir.h"
#include "base/errno.h"
#include "base/file.h"
#include "copy/copy.h"
#include "dump/dump.h"

struct folder {
	union {
		struct sfsi_dump_out out;
		struct sfsi_dump_in in;
	} base;
	int root, file; /* descriptors; file -1: no member is open */
	struct sfsi_dump_member member;
	char *path; /* of the member */
	uint64_t done;
};

static struct folder *of_out(struct sfsi_dump_out *out)
{
	return (struct folder *)out;
}

static struct folder *of_in(struct sfsi_dump_in *in)
{
	return (struct folder *)in;
}

static int failed(const char *path, struct sfs_diag *diag)
{
	int error = errno, err = sfsi_err_from_errno(error);
	return sfs_diag_set(diag, err, "%.300s: %s", path, strerror(error));
}

/** The folder that a member is in; made, where make says so. *ret_name: the last component. */
static int open_parent(struct folder *folder, const char *path, bool make, const char **ret_name,
		       int *ret)
{
	int dir = fcntl(folder->root, F_DUPFD_CLOEXEC, 0);
	const char *slash;
	while (dir >= 0 && (slash = strchr(path, '/'))) {
		char name[NAME_MAX + 1];
		size_t len = (size_t)(slash - path);
		int next = -1;
		errno = ENAMETOOLONG;
		if (len <= NAME_MAX) {
			memcpy(name, path, len);
			name[len] = 0;
			if (!make || mkdirat(dir, name, 0700) == 0 || errno == EEXIST)
				next = openat(dir, name,
					      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		int error = errno;
		close(dir);
		errno = error;
		dir = next;
		path = slash + 1;
	}
	*ret_name = path;
	*ret = dir;
	return dir < 0 ? -1 : 0;
}

/* --- writing --- */

static int begin(struct sfsi_dump_out *out, const struct sfsi_dump_member *member,
		 struct sfs_diag *diag)
{
	struct folder *folder = of_out(out);
	const char *name;
	int dir;
	if (open_parent(folder, member->path, true, &name, &dir) < 0)
		return failed(member->path, diag);
	folder->file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			      0600);
	int error = errno;
	close(dir);
	errno = error;
	if (folder->file < 0)
		return failed(member->path, diag);
	free(folder->path);
	folder->path = strdup(member->path);
	folder->member = *member;
	folder->done = 0;
	return folder->path ? 0 : SFS_ERR_NO_MEMORY;
}

static int write_some(struct sfsi_dump_out *out, struct sfs_span bytes, struct sfs_diag *diag)
{
	struct folder *folder = of_out(out);
	/* A file with holes has them again: its size is set at the end. */
	int err = sfsi_copy_is_hole(bytes)
			  ? 0
			  : sfsi_pwrite_all(folder->file, bytes.data, bytes.len, folder->done);
	folder->done += bytes.len;
	return err < 0 ? sfs_diag_set(diag, err, "%.300s: %s", folder->path, sfs_err_text(err)) : 0;
}

static int end(struct sfsi_dump_out *out, struct sfs_diag *diag)
{
	struct folder *folder = of_out(out);
	int64_t ns = folder->member.mtime_ns;
	int64_t seconds = ns / 1000000000 - (ns % 1000000000 < 0);
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = (time_t)seconds, .tv_nsec = (long)(ns - seconds * 1000000000) },
	};
	int err = 0;
	if (ftruncate(folder->file, (off_t)folder->member.size) < 0 ||
	    (ns && futimens(folder->file, times) < 0))
		err = failed(folder->path, diag);
	if (close(folder->file) < 0 && !err)
		err = failed(folder->path, diag);
	folder->file = -1;
	return err;
}

/** Only what survives a power cut is a dump. */
static int finish(struct sfsi_dump_out *out, struct sfs_diag *diag)
{
	return syncfs(of_out(out)->root) < 0 ? failed("sync", diag) : 0;
}

static void free_folder(struct folder *folder)
{
	if (folder->file >= 0)
		close(folder->file);
	close(folder->root);
	free(folder->path);
	free(folder);
}

static void free_out(struct sfsi_dump_out *out)
{
	free_folder(of_out(out));
}

static const struct sfsi_dump_out_ops out_ops = {
	.begin = begin,
	.write = write_some,
	.end = end,
	.finish = finish,
	.free = free_out,
};

/** NULL: *ret_err says why. */
static struct folder *open_root(const char *path, int *ret_err, struct sfs_diag *diag)
{
	struct folder *folder = calloc(1, sizeof *folder);
	*ret_err = SFS_ERR_NO_MEMORY;
	if (!folder)
		return NULL;
	folder->file = -1;
	folder->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->root >= 0)
		return folder;
	*ret_err = failed(path, diag);
	free(folder);
	return NULL;
}

int sfsi_dump_folder_out(const char *path, struct sfsi_dump_out **ret, struct sfs_diag *diag)
{
	int err;
	struct folder *folder = open_root(path, &err, diag);
	if (!folder)
		return err;
	if (!sfsi_dir_is_empty(folder->root)) {
		free_folder(folder);
		return sfs_diag_set(diag, SFS_ERR_NOT_EMPTY, "%.300s is not empty", path);
	}
	folder->base.out.ops = &out_ops;
	*ret = &folder->base.out;
	return 0;
}

/* --- reading --- */

static int open_member(struct sfsi_dump_in *in, const char *path, uint64_t *ret_size,
		       struct sfs_diag *diag)
{
	struct folder *folder = of_in(in);
	const char *name;
	struct stat stat;
	int dir;
	if (folder->file >= 0)
		close(folder->file);
	folder->file = -1;
	if (open_parent(folder, path, false, &name, &dir) == 0) {
		/* Not a pipe that nobody writes to. */
		folder->file = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		int error = errno;
		close(dir);
		errno = error;
	}
	if (folder->file < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "%.300s is missing: the dump is not whole", path);
	if (folder->file < 0 || fstat(folder->file, &stat) < 0)
		return failed(path, diag);
	if (!S_ISREG(stat.st_mode))
		return sfs_diag_set(diag, SFS_ERR_CORRUPT, "%.300s is no regular file", path);
	*ret_size = (uint64_t)stat.st_size;
	folder->done = 0;
	return 0;
}

static int read_some(struct sfsi_dump_in *in, void *dst, size_t len, size_t *ret_len,
		     struct sfs_diag *diag)
{
	struct folder *folder = of_in(in);
	int err = sfsi_pread_all(folder->file, dst, len, folder->done, ret_len);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	folder->done += *ret_len;
	return 0;
}

static void free_in(struct sfsi_dump_in *in)
{
	free_folder(of_in(in));
}

static const struct sfsi_dump_in_ops in_ops = {
	.open = open_member,
	.read = read_some,
	.free = free_in,
};

int sfsi_dump_folder_in(const char *path, struct sfsi_dump_in **ret, struct sfs_diag *diag)
{
	int err;
	struct folder *folder = open_root(path, &err, diag);
	if (!folder)
		return err;
	folder->base.in.ops = &in_ops;
	*ret = &folder->base.in;
	return 0;
}
