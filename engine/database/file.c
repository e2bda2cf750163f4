/* Reading and writing of whole files: see file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include "base/cleanup.h"
#include "base/errno.h"
#include "base/file.h"
#include "database/file.h"
#include "hash.h"

static int64_t time_ns(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void sfsi_file_stamp_of(const struct stat *stat, struct sfsi_file_stamp *ret)
{
	*ret = (struct sfsi_file_stamp){
		.device = stat->st_dev,
		.inode = stat->st_ino,
		.size = (uint64_t)stat->st_size,
		.mtime_ns = time_ns(stat->st_mtim),
		.ctime_ns = time_ns(stat->st_ctim),
	};
}

int sfsi_file_stamp_read(int dir_fd, const char *name, struct sfsi_file_stamp *ret)
{
	struct stat stat;
	*ret = (struct sfsi_file_stamp){ 0 };
	if (fstatat(dir_fd, name, &stat, 0) < 0)
		return errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	sfsi_file_stamp_of(&stat, ret);
	return 0;
}

/* --- reading --- */

/** Files from here on are copied to a file and mapped: they would not do the heap good. */
#define LARGE ((size_t)16 << 20)

/** A file without a name, as large as the other one; -1: not possible here. */
static int unnamed_file(int temp_fd, size_t size)
{
	int fd = temp_fd < 0 ? -1 : openat(temp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 && ftruncate(fd, (off_t)size) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool copy_range(int from, int to, size_t size)
{
	size_t done = 0;
	while (done < size) {
		off_t at = (off_t)done, to_at = at;
		ssize_t got = copy_file_range(from, &at, to, &to_at, size - done, 0);
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

static bool map_copy(int fd, int temp_fd, struct sfsi_snapshot *ret)
{
	size_t size = ret->stamp.size;
	SFSI_AUTO_FD int copy = unnamed_file(temp_fd, size);
	if (copy < 0 || !copy_range(fd, copy, size))
		return false;
	void *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE, copy, 0);
	if (memory == MAP_FAILED)
		return false;
	ret->memory = memory;
	ret->mapped = true;
	ret->bytes = (struct sfs_span){ memory, size };
	return true;
}

static int read_copy(int fd, int temp_fd, struct sfsi_snapshot *ret)
{
	size_t size = ret->stamp.size, len = 0;
	if (size > SFS_BUF_MAX)
		return SFS_ERR_LIMIT;
	if (size >= LARGE && map_copy(fd, temp_fd, ret))
		return 0;
	ret->memory = malloc(size + 1);
	if (!ret->memory)
		return SFS_ERR_NO_MEMORY;
	int err = sfsi_pread_all(fd, ret->memory, size, 0, &len);
	ret->bytes = (struct sfs_span){ ret->memory, err ? 0 : len };
	return err;
}

static int read_once(int fd, int temp_fd, struct sfsi_snapshot *ret)
{
	struct stat before, after;
	struct sfsi_file_stamp stamp;
	if (fstat(fd, &before) < 0)
		return sfsi_err_from_errno(errno);
	if (!S_ISREG(before.st_mode))
		return S_ISDIR(before.st_mode) ? SFS_ERR_IS_DIR : SFS_ERR_UNSUPPORTED;
	*ret = (struct sfsi_snapshot){ .mode = before.st_mode & 07777,
				       .uid = before.st_uid,
				       .gid = before.st_gid };
	sfsi_file_stamp_of(&before, &ret->stamp);
	int err = read_copy(fd, temp_fd, ret);
	if (!err && fstat(fd, &after) < 0)
		err = sfsi_err_from_errno(errno);
	if (!err)
		sfsi_file_stamp_of(&after, &stamp);
	if (!err && !sfsi_file_stamp_equal(&stamp, &ret->stamp))
		err = SFS_ERR_BUSY;
	if (err < 0)
		sfsi_snapshot_fini(ret);
	return err;
}

/** So often is a file read that somebody writes meanwhile. */
#define READS_MAX 8

int sfsi_snapshot_read(int dir_fd, const char *name, int temp_fd, struct sfsi_snapshot *ret)
{
	struct sfsi_snapshot snapshot = { .mode = 0 };
	SFSI_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err = fd < 0 ? sfsi_err_from_errno(errno) : SFS_ERR_BUSY;
	for (int i = 0; fd >= 0 && err == SFS_ERR_BUSY && i < READS_MAX; i++) {
		if (i)
			nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		err = read_once(fd, temp_fd, &snapshot);
	}
	if (!err)
		*ret = snapshot;
	return err;
}

void sfsi_snapshot_fini(struct sfsi_snapshot *snapshot)
{
	if (snapshot->mapped)
		munmap(snapshot->memory, snapshot->bytes.len);
	else
		free(snapshot->memory);
	*snapshot = (struct sfsi_snapshot){ .mode = 0 };
}

/* --- writing --- */

#define WRITE_BYTES ((size_t)1 << 20)

/** Short, hidden, and the same one each time: what a crash leaves is used again. */
static void temp_name(const char *name, char ret[static 40])
{
	snprintf(ret, 40, ".storefs-%016llx.tmp",
		 (unsigned long long)sfsi_hash(sfs_span_str(name), 0));
}

int sfsi_file_begin(int dir_fd, const char *name, struct sfs_span old, struct sfsi_file_writer *ret)
{
	struct sfsi_file_writer writer = { .dir_fd = dir_fd, .old = old, .same = old.data };
	temp_name(name, writer.temp);
	if (unlinkat(dir_fd, writer.temp, 0) < 0 && errno != ENOENT)
		return sfsi_err_from_errno(errno);
	writer.fd = openat(dir_fd, writer.temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (writer.fd < 0)
		return sfsi_err_from_errno(errno);
	*ret = writer;
	return 0;
}

static int write_bytes(int fd, const void *data, size_t len)
{
	const char *at = data;
	while (len) {
		ssize_t put = write(fd, at, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return sfsi_err_from_errno(errno);
		at += put;
		len -= (size_t)put;
	}
	return 0;
}

static int drain(struct sfsi_file_writer *writer)
{
	int err = write_bytes(writer->fd, writer->buf.data, writer->buf.len);
	writer->buf.len = 0;
	return err;
}

int sfsi_file_put(struct sfsi_file_writer *writer, struct sfs_span bytes)
{
	if (writer->same)
		writer->same = bytes.len <= writer->old.len - writer->len &&
			       memcmp((const char *)writer->old.data + writer->len, bytes.data,
				      bytes.len) == 0;
	writer->len += bytes.len;
	if (bytes.len >= WRITE_BYTES) {
		int err = drain(writer);
		return err < 0 ? err : write_bytes(writer->fd, bytes.data, bytes.len);
	}
	int err = sfs_buf_append(&writer->buf, bytes.data, bytes.len);
	return !err && writer->buf.len >= WRITE_BYTES ? drain(writer) : err;
}

bool sfsi_file_is_same(const struct sfsi_file_writer *writer)
{
	return writer->same && writer->len == writer->old.len;
}

static void end(struct sfsi_file_writer *writer)
{
	close(writer->fd);
	writer->fd = -1;
	sfs_buf_fini(&writer->buf);
}

void sfsi_file_abort(struct sfsi_file_writer *writer)
{
	unlinkat(writer->dir_fd, writer->temp, 0);
	end(writer);
}

/** Who may not give files away leaves the owner as it is. */
static int set_attributes(int fd, const struct sfsi_snapshot *like)
{
	bool was = like->stamp.inode != 0;
	mode_t mask = 0;
	if (!was) {
		mask = umask(0);
		umask(mask);
	}
	if (was && fchown(fd, like->uid, like->gid) < 0 && errno != EPERM)
		return sfsi_err_from_errno(errno);
	if (fchmod(fd, was ? like->mode : 0666 & ~mask) < 0)
		return sfsi_err_from_errno(errno);
	return fsync(fd) < 0 ? sfsi_err_from_errno(errno) : 0;
}

int sfsi_file_swap(int dir, const char *temp, const char *name)
{
	char side[48];
	if (renameat2(dir, temp, dir, name, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return sfsi_err_from_errno(errno);
	snprintf(side, sizeof side, "%s~", temp);
	if (renameat(dir, name, dir, side) < 0)
		return sfsi_err_from_errno(errno);
	if (renameat(dir, temp, dir, name) < 0) {
		int err = sfsi_err_from_errno(errno);
		renameat(dir, side, dir, name);
		return err;
	}
	return renameat(dir, side, dir, temp) < 0 ? sfsi_err_from_errno(errno) : 0;
}

static int put_in_place(const struct sfsi_file_writer *writer, const char *name, bool was)
{
	int dir = writer->dir_fd;
	if (was)
		return sfsi_file_swap(dir, writer->temp, name);
	if (renameat2(dir, writer->temp, dir, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return sfsi_err_from_errno(errno);
	return renameat(dir, writer->temp, dir, name) < 0 ? sfsi_err_from_errno(errno) : 0;
}

int sfsi_file_commit(struct sfsi_file_writer *writer, const char *name,
		     const struct sfsi_snapshot *like, struct sfsi_file_stamp *ret)
{
	struct stat stat;
	int err = drain(writer);
	if (!err)
		err = set_attributes(writer->fd, like);
	if (!err)
		err = put_in_place(writer, name, like->stamp.inode != 0);
	if (err < 0) {
		sfsi_file_abort(writer);
		return err;
	}
	if (fsync(writer->dir_fd) < 0 || fstat(writer->fd, &stat) < 0)
		err = sfsi_err_from_errno(errno);
	else
		sfsi_file_stamp_of(&stat, ret);
	end(writer);
	return err;
}

/** A temporary file of the Python program that is older than this is not being written. */
#define ABANDONED_SECONDS 60

void sfsi_file_clean(int dir_fd, const char *name)
{
	char temp[40], python[300];
	struct stat stat;
	temp_name(name, temp);
	unlinkat(dir_fd, temp, 0);
	int len = snprintf(python, sizeof python, "%s.tmp", name);
	if (len < (int)sizeof python && fstatat(dir_fd, python, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(stat.st_mode) &&
	    (stat.st_size == 0 || stat.st_mtim.tv_sec + ABANDONED_SECONDS < time(NULL)))
		unlinkat(dir_fd, python, 0);
}
