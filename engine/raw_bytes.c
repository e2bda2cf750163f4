/*
 * The bytes of raws: plain files, one for each inode number, in raw/CLASS/SHARD/SERIAL (hexadecimal; a
 * shard holds 1,024 serials); those of a mirrored class are files of others.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/errno.h"
#include "mirror/mirror.h"
#include "open.h"
#include "raw.h"
#include "raw_missing.h"
#include "twin.h"

/** So many hexadecimal digits, and what ends them. */
static char *put_hex(char *at, uint64_t value, unsigned digits, char end)
{
	for (unsigned i = digits; i > 0; i--, value >>= 4)
		at[i - 1] = "0123456789abcdef"[value & 15];
	at[digits] = end;
	return at + digits + 1;
}

void sfsi_bytes_path(uint64_t ino, char ret[SFSI_BYTES_PATH])
{
	uint64_t serial = sfsi_ino_serial(ino);
	char *at = put_hex(ret, sfs_ino_class(ino), 6, '/');
	at = put_hex(at, serial >> 10, 7, '/');
	put_hex(at, serial, 9, '\0');
}

static int make_folders(struct sfs_store *store, const char *path)
{
	char folder[SFSI_BYTES_PATH];
	snprintf(folder, sizeof folder, "%.6s", path);
	if (mkdirat(store->raw_fd, folder, 0700) < 0 && errno != EEXIST)
		return sfsi_err_from_errno(errno);
	snprintf(folder, sizeof folder, "%.14s", path);
	if (mkdirat(store->raw_fd, folder, 0700) < 0 && errno != EEXIST)
		return sfsi_err_from_errno(errno);
	return 0;
}

int sfsi_bytes_create(struct sfs_store *store, uint64_t ino)
{
	char path[SFSI_BYTES_PATH];
	sfsi_bytes_path(ino, path);
	int flags = O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(store->raw_fd, path, flags, 0600);
	if (fd < 0 && errno == ENOENT) {
		int err = make_folders(store, path);
		if (err < 0)
			return err;
		fd = openat(store->raw_fd, path, flags, 0600);
	}
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	close(fd);
	return 0;
}

/** A place where bytes may be. */
struct place {
	int dir_fd;
	struct sfs_buf mirrored;
	char own[SFSI_BYTES_PATH];
	const char *path;
	bool none; /* a raw without bytes, and without a file */
	int err;   /* where they are can not be read */
};

/**
 * Where the bytes of an inode number are. In a mirror they move there, and away, in the moment after a commit:
 * so one place is looked at after the other. False: there is no such place.
 */
static bool place_of(struct sfs_store *store, uint64_t ino, unsigned number, struct place *ret)
{
	ret->mirrored.len = 0;
	ret->none = false;
	if (number > 2)
		return false;
	int err = number == 1 ? SFS_ERR_NOT_FOUND
			      : sfsi_mirror_bytes(store, ino, &ret->mirrored, &ret->none);
	ret->err = err == SFS_ERR_NOT_FOUND ? 0 : err;
	if (ret->err < 0)
		return false;
	if (!err) {
		ret->dir_fd = store->mirror->root_fd;
		ret->path = ret->mirrored.data;
		return true;
	}
	sfsi_bytes_path(ino, ret->own);
	ret->dir_fd = store->raw_fd;
	ret->path = ret->own;
	return number == 1 || !store->mirror || number == 0;
}

int sfsi_bytes_open(struct sfs_store *store, uint64_t ino, bool writable, int *ret_fd)
{
	struct place place = { .mirrored = SFS_BUF_INIT };
	int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW;
	int fd = -1;
	errno = ENOENT;
	for (unsigned i = 0; fd < 0 && errno == ENOENT && place_of(store, ino, i, &place); i++) {
		bool none = place.none && i == 0;
		fd = openat(place.dir_fd, place.path, flags | (none && writable ? O_CREAT : 0),
			    0666);
		if (fd < 0 && errno == ENOENT && none && !writable)
			fd = open("/dev/null", flags);
		/* Elsewhere than in a mirror there is one place. */
		if (!store->mirror)
			break;
	}
	int error = errno;
	sfs_buf_fini(&place.mirrored);
	if (fd < 0 && place.err < 0)
		return place.err;
	if (fd < 0 && error == ENOENT)
		sfsi_missing_note(store, ino);
	if (fd < 0)
		return error == ENOENT ? SFS_ERR_CORRUPT : sfsi_err_from_errno(error);
	*ret_fd = fd;
	return 0;
}

/** A raw without bytes is as old as what is said of it. */
static int stat_none(const struct place *place, struct stat *ret)
{
	char path[4200];
	const char *slash = strrchr(place->path, '/');
	snprintf(path, sizeof path, "%.*s", slash ? (int)(slash - place->path) : 0, place->path);
	if (fstatat(place->dir_fd, path, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	ret->st_mode = (ret->st_mode & 0666u) | S_IFREG;
	ret->st_size = 0;
	ret->st_blocks = 0;
	return 0;
}

int sfsi_bytes_stat(struct sfs_store *store, uint64_t ino, struct stat *ret)
{
	struct place place = { .mirrored = SFS_BUF_INIT };
	int got = -1;
	errno = ENOENT;
	for (unsigned i = 0; got < 0 && errno == ENOENT && place_of(store, ino, i, &place); i++) {
		got = fstatat(place.dir_fd, place.path, ret, AT_SYMLINK_NOFOLLOW);
		if (got < 0 && errno == ENOENT && place.none)
			got = stat_none(&place, ret);
		if (!store->mirror)
			break;
	}
	int error = errno;
	sfs_buf_fini(&place.mirrored);
	if (got == 0)
		return 0;
	if (place.err < 0)
		return place.err;
	if (error == ENOENT)
		sfsi_missing_note(store, ino);
	return error == ENOENT ? SFS_ERR_CORRUPT : sfsi_err_from_errno(error);
}

int sfsi_bytes_place(struct sfs_store *store, uint64_t ino, int root_fd, const char *path)
{
	char own[SFSI_BYTES_PATH];
	sfsi_bytes_path(ino, own);
	return renameat(store->raw_fd, own, root_fd, path) < 0 ? sfsi_err_from_errno(errno) : 0;
}

int sfsi_bytes_adopt(struct sfs_store *store, uint64_t ino, int root_fd, const char *path)
{
	char own[SFSI_BYTES_PATH];
	sfsi_bytes_path(ino, own);
	int err = make_folders(store, own);
	if (!err && renameat(root_fd, path, store->raw_fd, own) < 0)
		err = sfsi_err_from_errno(errno);
	return err;
}

void sfsi_bytes_dress(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	bool none;
	if (sfsi_mirror_bytes(store, ino, &path, &none) < 0)
		return;
	int root_fd = store->mirror->root_fd;
	(void)!fchmodat(root_fd, path.data, inode->mode, 0);
	(void)!fchownat(root_fd, path.data, inode->uid, inode->gid, AT_SYMLINK_NOFOLLOW);
}

void sfsi_bytes_remove(struct sfs_store *store, uint64_t ino)
{
	char path[SFSI_BYTES_PATH];
	sfsi_bytes_path(ino, path);
	unlinkat(store->raw_fd, path, 0);
	sfsi_twin_file_gone(store, path);
}

static int64_t time_ns(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

void sfsi_bytes_attr(const struct stat *stat, struct sfs_attr *attr)
{
	int64_t changed = time_ns(&stat->st_ctim);
	attr->size = (uint64_t)stat->st_size;
	attr->blocks = (uint64_t)stat->st_blocks;
	attr->atime_ns = time_ns(&stat->st_atim);
	attr->mtime_ns = time_ns(&stat->st_mtim);
	if (attr->ctime_ns < changed)
		attr->ctime_ns = changed;
}

static struct timespec spec_of(int64_t ns, bool given)
{
	struct timespec spec = { .tv_nsec = UTIME_OMIT };
	if (given) {
		spec.tv_sec = ns / 1000000000;
		spec.tv_nsec = ns % 1000000000;
		if (spec.tv_nsec < 0) {
			spec.tv_nsec += 1000000000;
			spec.tv_sec--;
		}
	}
	return spec;
}

bool sfsi_bytes_times(const struct sfs_setattr *set, struct timespec ret[2])
{
	ret[0] = spec_of(set->atime_ns, set->mask & SFS_SET_ATIME);
	ret[1] = spec_of(set->mtime_ns, set->mask & SFS_SET_MTIME);
	return set->mask & (SFS_SET_ATIME | SFS_SET_MTIME);
}

int sfsi_bytes_set(struct sfs_store *store, uint64_t ino, const struct sfs_setattr *set)
{
	SFSI_AUTO_FD int fd = -1;
	if (set->mask & SFS_SET_SIZE && set->size > INT64_MAX)
		return SFS_ERR_LIMIT;
	int err = sfsi_bytes_open(store, ino, set->mask & SFS_SET_SIZE, &fd);
	if (err < 0)
		return err;
	if ((set->mask & SFS_SET_SIZE) && ftruncate(fd, (off_t)set->size) < 0)
		return sfsi_err_from_errno(errno);
	struct timespec times[2];
	if (sfsi_bytes_times(set, times) && futimens(fd, times) < 0)
		return sfsi_err_from_errno(errno);
	if (store->mirror)
		sfsi_mirror_wrote_bytes(store, ino, fd);
	return 0;
}

static int sync_folder(struct sfs_store *store, const char *path)
{
	SFSI_AUTO_FD int fd = openat(store->raw_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	return fsync(fd) < 0 ? sfsi_err_from_errno(errno) : 0;
}

/** … where others see them. */
static int sync_mirrored(struct sfs_store *store, const char *path)
{
	int root_fd = store->mirror->root_fd;
	SFSI_AUTO_FD int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	SFSI_AUTO_FREE char *above = strndup(path, (size_t)(strrchr(path, '/') - path));
	if (fd < 0 || !above)
		return fd < 0 && errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	SFSI_AUTO_FD int dir_fd = openat(root_fd, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fsync(fd) < 0 || (dir_fd >= 0 && fsync(dir_fd) < 0) ? sfsi_err_from_errno(errno) : 0;
}

static int sync_bytes(struct sfs_store *store, uint64_t ino)
{
	SFSI_AUTO_BUF struct sfs_buf mirrored = SFS_BUF_INIT;
	char path[SFSI_BYTES_PATH];
	bool none;
	int found = sfsi_mirror_bytes(store, ino, &mirrored, &none);
	if (found != SFS_ERR_NOT_FOUND)
		return found < 0 ? found : sync_mirrored(store, mirrored.data);
	sfsi_bytes_path(ino, path);
	SFSI_AUTO_FD int fd = openat(store->raw_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	if (fsync(fd) < 0)
		return sfsi_err_from_errno(errno);
	sfsi_twin_file(store, path);
	return 0;
}

/** The folders of a plain file, as far as those of the next one are others. @next  0: it is the last. */
static int sync_folders(struct sfs_store *store, uint64_t ino, uint64_t next)
{
	char path[SFSI_BYTES_PATH], other[SFSI_BYTES_PATH];
	sfsi_bytes_path(ino, path);
	sfsi_bytes_path(next, other);
	int err = 0;
	if (memcmp(path, other, 14) != 0 || !next) {
		path[14] = '\0';
		err = sync_folder(store, path);
	}
	if (!err && (memcmp(path, other, 6) != 0 || !next)) {
		path[6] = '\0';
		err = sync_folder(store, path);
	}
	return err;
}

static int compare_inos(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

int sfsi_bytes_sync_all(struct sfs_store *store, uint64_t *inos, size_t count)
{
	int err = 0;
	if (count == 0)
		return 0;
	/* A file that was made and closed is there twice, and neighbours share their folders. */
	qsort(inos, count, sizeof *inos, compare_inos);
	for (size_t i = 0; i < count && !err; i++) {
		uint64_t next = i + 1 < count ? inos[i + 1] : 0;
		if (next == inos[i])
			continue;
		err = sync_bytes(store, inos[i]);
		if (!err)
			err = sync_folders(store, inos[i], next);
	}
	if (!err && fsync(store->raw_fd) < 0)
		err = sfsi_err_from_errno(errno);
	return err;
}

int sfsi_bytes_sync(struct sfs_store *store, uint64_t ino)
{
	return sfsi_bytes_sync_all(store, &ino, 1);
}
