/*
 * LD_PRELOADed into the daemon: records every change of the store's files (CRASH_LOG), and makes
 * calls fail (CRASH_CONTROL). Both only below the folder CRASH_ROOT. Sees what the daemon and
 * RocksDB do alike.
 *
 * A change and its record are made under one lock: the log is the order in which things
 * happened. A sync runs without it, and its record says where it began: only what was written
 * before that is known to be on disk.
 *
 * Bytes that the kernel moves (splice, copy_file_range, sendfile) are refused in the way that makes
 * the caller use write(2) instead. Writes through mmap are not seen: nothing here makes any.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "control.h"
#include "log.h"

#define FDS 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_len;
static int log_fd = -1;
static struct control *control;
static _Atomic uint64_t inos[FDS]; /* of descriptors below the root; 0: elsewhere */

/** The function that this one stands in front of. */
#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* --- what is ours --- */

static bool below_root(int fd)
{
	char link[64], path[PATH_MAX];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = root_len ? readlink(link, path, sizeof path - 1) : -1;
	if (len < 0 || (size_t)len < root_len || memcmp(path, root, root_len) != 0)
		return false;
	path[len] = '\0';
	return path[root_len] == '/' || path[root_len] == '\0';
}

static uint64_t ino_of(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/** The inode number of a descriptor of the store; 0: it is not. A number may have been used again. */
static uint64_t ours(int fd)
{
	int saved = errno;
	uint64_t ino = fd >= 0 && fd < FDS ? atomic_load(&inos[fd]) : 0;
	if (ino && ino_of(fd) != ino)
		ino = 0;
	errno = saved;
	return ino;
}

/** Where a path points: its folder and its last name. */
struct place {
	uint64_t dir; /* 0: not below the root */
	const char *name;
};

static struct place place_of(int dir_fd, const char *path)
{
	int saved = errno;
	const char *slash = strrchr(path, '/');
	struct place place = { 0, slash ? slash + 1 : path };
	char folder[PATH_MAX];
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	int fd = (int)syscall(SYS_openat, dir_fd, slash == path ? "/" : folder,
			      O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		place.dir = below_root(fd) ? ino_of(fd) : 0;
		syscall(SYS_close, fd);
	}
	errno = saved;
	return place;
}

static uint64_t ino_at(int dir_fd, const char *path)
{
	struct stat st;
	int saved = errno;
	uint64_t ino = fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
	errno = saved;
	return ino;
}

/* --- records --- */

static void record(const struct log_record *what)
{
	int saved = errno;
	if (log_fd >= 0 && !log_append(log_fd, what))
		abort(); /* a hole in the log would make every result wrong */
	errno = saved;
}

static void record_name(enum log_type type, uint64_t ino, struct place place, bool is_dir)
{
	struct log_record made = { .head = { .type = (uint8_t)type,
					     .is_dir = is_dir,
					     .name_len = (uint16_t)strlen(place.name),
					     .ino = ino,
					     .dir = place.dir },
				   .name = place.name };
	record(&made);
}

static void record_size(uint64_t ino, off_t size)
{
	record(&(struct log_record){ .head = { .type = LOG_SIZE, .ino = ino, .off = size } });
}

static void record_write(uint64_t ino, off_t off, const void *data, ssize_t len)
{
	if (len > 0)
		record(&(struct log_record){ .head = { .type = LOG_WRITE,
						       .ino = ino,
						       .off = off,
						       .data_len = (uint64_t)len },
					     .data = data });
}

static int64_t log_position(void)
{
	struct stat st;
	return log_fd >= 0 && fstat(log_fd, &st) == 0 ? st.st_size : 0;
}

static void record_sync(uint64_t ino, int64_t began)
{
	record(&(struct log_record){ .head = { .type = LOG_SYNC, .ino = ino, .off = began } });
}

/* --- the store as it is when the recording begins: all of it on disk --- */

static void snapshot_file(int fd, uint64_t ino)
{
	char bytes[65536];
	ssize_t len;
	for (off_t off = 0; (len = pread(fd, bytes, sizeof bytes, off)) > 0; off += len)
		record_write(ino, off, bytes, len);
}

static void snapshot(int dir_fd, uint64_t dir)
{
	DIR *list = fdopendir(dir_fd);
	const struct dirent *entry;
	while (list && (entry = readdir(list))) {
		struct stat st;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
			continue;
		struct place place = { dir, entry->d_name };
		record_name(LOG_MAKE, st.st_ino, place, S_ISDIR(st.st_mode));
		int fd = (int)syscall(SYS_openat, dir_fd, entry->d_name, O_RDONLY | O_CLOEXEC);
		if (S_ISDIR(st.st_mode)) {
			snapshot(fd, st.st_ino);
		} else {
			snapshot_file(fd, st.st_ino);
			syscall(SYS_close, fd);
		}
	}
	if (list)
		closedir(list);
}

static void start_log(const char *path)
{
	log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (log_fd < 0 || log_position() > 0)
		return;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t ino = ino_of(fd);
	record_name(LOG_MAKE, ino, (struct place){ 0, "" }, true);
	snapshot(fd, ino);
	record_sync(0, log_position());
}

__attribute__((constructor)) static void start(void)
{
	const char *folder = getenv("CRASH_ROOT"), *log = getenv("CRASH_LOG");
	const char *shared = getenv("CRASH_CONTROL");
	if (!folder || !realpath(folder, root))
		return;
	root_len = strlen(root);
	if (log)
		start_log(log);
	int fd = shared ? (int)syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED
			   : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		control = map;
}

/* --- faults --- */

/** Is this the call that fails? Then errno is set; 2: a write that is to be short. */
static int fault(int kind, const char *call)
{
	if (!control || !(atomic_load(&control->kinds) & kind))
		return 0;
	int seen = atomic_fetch_add(&control->seen, 1) + 1, first = atomic_load(&control->first);
	int count = atomic_load(&control->count);
	if (seen < first || (count >= 0 && seen >= first + count))
		return 0;
	if (atomic_fetch_add(&control->fired, 1) == 0)
		snprintf(control->call, sizeof control->call, "%s", call);
	int error = atomic_load(&control->error);
	if (!error)
		return kind == FAULT_WRITE ? 2 : 0;
	errno = error;
	return 1;
}

/* --- open and close --- */

static void opened(int fd, int dir_fd, const char *path, int flags, bool existed)
{
	if (!below_root(fd) || fd >= FDS)
		return;
	uint64_t ino = ino_of(fd);
	atomic_store(&inos[fd], ino);
	if ((flags & O_CREAT) && !existed)
		record_name(LOG_MAKE, ino, place_of(dir_fd, path), false);
	else if (flags & O_TRUNC)
		record_size(ino, 0);
}

static int open_any(int dir_fd, const char *path, int flags, mode_t mode)
{
	static __typeof__(&openat) next;
	if (!next)
		next = REAL(openat);
	bool making = (flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE;
	if (control && place_of(dir_fd, path).dir &&
	    (fault(FAULT_OPEN, "open") || ((flags & O_CREAT) && fault(FAULT_CREATE, "create"))))
		return -1;
	if (making)
		pthread_mutex_lock(&lock);
	bool existed = making && ino_at(dir_fd, path);
	int fd = next(dir_fd, path, flags, mode);
	if (fd >= 0) {
		int saved = errno;
		opened(fd, dir_fd, path, making ? flags : flags & ~(O_CREAT | O_TRUNC), existed);
		errno = saved;
	}
	if (making)
		pthread_mutex_unlock(&lock);
	return fd;
}

static mode_t mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = mode_of(flags, arguments);
	va_end(arguments);
	return open_any(AT_FDCWD, path, flags, mode);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = mode_of(flags, arguments);
	va_end(arguments);
	return open_any(dir_fd, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
	return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int fd)
{
	static __typeof__(&close) next;
	if (!next)
		next = REAL(close);
	if (fd >= 0 && fd < FDS)
		atomic_store(&inos[fd], 0);
	return next(fd);
}

/* --- bytes --- */

/** Where write(2) will put its bytes. */
static off_t next_offset(int fd)
{
	struct stat st;
	if (!(fcntl(fd, F_GETFL) & O_APPEND))
		return lseek(fd, 0, SEEK_CUR);
	return fstat(fd, &st) == 0 ? st.st_size : 0;
}

/** All writes come here; off -1: where the descriptor stands. */
static ssize_t write_any(int fd, const void *data, size_t len, off_t off)
{
	uint64_t ino = ours(fd);
	int failed = ino ? fault(FAULT_WRITE, "write") : 0;
	if (failed == 1)
		return -1;
	if (failed == 2 && len > 1)
		len /= 2;
	if (!ino)
		return off < 0 ? syscall(SYS_write, fd, data, len)
			       : syscall(SYS_pwrite64, fd, data, len, off);
	pthread_mutex_lock(&lock);
	off_t at = off < 0 ? next_offset(fd) : off;
	ssize_t done = off < 0 ? syscall(SYS_write, fd, data, len)
			       : syscall(SYS_pwrite64, fd, data, len, off);
	record_write(ino, at, data, done);
	pthread_mutex_unlock(&lock);
	return done;
}

ssize_t write(int fd, const void *data, size_t len)
{
	return write_any(fd, data, len, -1);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t off)
{
	return write_any(fd, data, len, off);
}

/** A file gets the parts one by one: the same bytes, more records. */
static ssize_t writev_any(int fd, const struct iovec *parts, int count, off_t off)
{
	ssize_t done = 0;
	for (int i = 0; i < count; i++) {
		ssize_t put = write_any(fd, parts[i].iov_base, parts[i].iov_len,
					off < 0 ? -1 : off + done);
		if (put < 0)
			return done ? done : -1;
		done += put;
		if ((size_t)put < parts[i].iov_len)
			break;
	}
	return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	return ours(fd) ? writev_any(fd, parts, count, -1) : syscall(SYS_writev, fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t off)
{
	static __typeof__(&pwritev) next;
	if (!next)
		next = REAL(pwritev);
	return ours(fd) ? writev_any(fd, parts, count, off) : next(fd, parts, count, off);
}

int ftruncate(int fd, off_t size)
{
	uint64_t ino = ours(fd);
	if (!ino)
		return (int)syscall(SYS_ftruncate, fd, size);
	if (fault(FAULT_TRUNCATE, "ftruncate"))
		return -1;
	pthread_mutex_lock(&lock);
	int err = (int)syscall(SYS_ftruncate, fd, size);
	if (err == 0)
		record_size(ino, size);
	pthread_mutex_unlock(&lock);
	return err;
}

/** Growing is recorded; a hole is recorded as zeros. */
static void record_fallocate(uint64_t ino, int fd, int mode, off_t off, off_t len)
{
	char zeros[4096] = { 0 };
	struct stat st;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		for (off_t at = 0; at < len; at += (off_t)sizeof zeros)
			record_write(ino, off + at, zeros,
				     len - at < (off_t)sizeof zeros ? len - at
								    : (off_t)sizeof zeros);
	if (fstat(fd, &st) == 0)
		record_size(ino, st.st_size);
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	uint64_t ino = ours(fd);
	if (!ino)
		return (int)syscall(SYS_fallocate, fd, mode, off, len);
	if (fault(FAULT_TRUNCATE, "fallocate"))
		return -1;
	pthread_mutex_lock(&lock);
	int err = (int)syscall(SYS_fallocate, fd, mode, off, len);
	if (err == 0)
		record_fallocate(ino, fd, mode, off, len);
	pthread_mutex_unlock(&lock);
	return err;
}

int posix_fallocate(int fd, off_t off, off_t len)
{
	return fallocate(fd, 0, off, len) == 0 ? 0 : errno;
}

/* --- bytes that the kernel moves --- */

ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t len, unsigned flags)
{
	if (!ours(out))
		return syscall(SYS_splice, in, in_off, out, out_off, len, flags);
	errno = EINVAL;
	return -1;
}

ssize_t copy_file_range(int in, off64_t *in_off, int out, off64_t *out_off, size_t len,
			unsigned flags)
{
	if (!ours(out))
		return syscall(SYS_copy_file_range, in, in_off, out, out_off, len, flags);
	errno = EXDEV;
	return -1;
}

ssize_t sendfile(int out, int in, off_t *off, size_t len)
{
	if (!ours(out))
		return syscall(SYS_sendfile, out, in, off, len);
	errno = EINVAL;
	return -1;
}

/* --- syncs (sync_file_range() promises nothing: it is left alone) --- */

static int64_t sync_begins(void)
{
	pthread_mutex_lock(&lock);
	int64_t began = log_position();
	pthread_mutex_unlock(&lock);
	return began;
}

static int sync_any(int fd, bool all, const char *call)
{
	uint64_t ino = ours(fd);
	if (!ino)
		return (int)syscall(all ? SYS_syncfs : SYS_fsync, fd);
	if (fault(FAULT_SYNC, call))
		return -1;
	int64_t began = sync_begins();
	int err = (int)syscall(all ? SYS_syncfs : SYS_fsync, fd);
	if (log_fd >= 0)
		usleep(300); /* a disk takes time: others write meanwhile */
	pthread_mutex_lock(&lock);
	if (err == 0)
		record_sync(all ? 0 : ino, began);
	pthread_mutex_unlock(&lock);
	return err;
}

int fsync(int fd)
{
	return sync_any(fd, false, "fsync");
}

int fdatasync(int fd)
{
	return sync_any(fd, false, "fdatasync");
}

int syncfs(int fd)
{
	return sync_any(fd, true, "syncfs");
}

/* --- names --- */

static int unlink_any(int dir_fd, const char *path, int flags)
{
	struct place place = place_of(dir_fd, path);
	if (!place.dir)
		return (int)syscall(SYS_unlinkat, dir_fd, path, flags);
	if (fault(FAULT_UNLINK, flags ? "rmdir" : "unlink"))
		return -1;
	pthread_mutex_lock(&lock);
	uint64_t ino = ino_at(dir_fd, path);
	int err = (int)syscall(SYS_unlinkat, dir_fd, path, flags);
	if (err == 0)
		record_name(LOG_UNLINK, ino, place, flags);
	pthread_mutex_unlock(&lock);
	return err;
}

int unlink(const char *path)
{
	return unlink_any(AT_FDCWD, path, 0);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
	return unlink_any(dir_fd, path, flags);
}

int rmdir(const char *path)
{
	return unlink_any(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
	struct place place = place_of(dir_fd, path);
	if (!place.dir)
		return (int)syscall(SYS_mkdirat, dir_fd, path, mode);
	if (fault(FAULT_MKDIR, "mkdir"))
		return -1;
	pthread_mutex_lock(&lock);
	int err = (int)syscall(SYS_mkdirat, dir_fd, path, mode);
	if (err == 0)
		record_name(LOG_MAKE, ino_at(dir_fd, path), place, true);
	pthread_mutex_unlock(&lock);
	return err;
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	struct place place = place_of(to_fd, to);
	if (!place.dir)
		return (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
	if (fault(FAULT_RENAME, "link"))
		return -1;
	pthread_mutex_lock(&lock);
	int err = (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
	if (err == 0)
		record_name(LOG_LINK, ino_at(to_fd, to), place, false);
	pthread_mutex_unlock(&lock);
	return err;
}

int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void record_rename(uint64_t ino, struct place from, struct place to)
{
	record(&(struct log_record){ .head = { .type = LOG_RENAME,
					       .name_len = (uint16_t)strlen(from.name),
					       .ino = ino,
					       .dir = from.dir,
					       .off = (int64_t)to.dir,
					       .data_len = strlen(to.name) },
				     .name = from.name,
				     .data = to.name });
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	struct place source = place_of(from_fd, from), target = place_of(to_fd, to);
	if (!source.dir || !target.dir)
		return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
	if (fault(FAULT_RENAME, "rename"))
		return -1;
	pthread_mutex_lock(&lock);
	int err = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
	if (err == 0)
		record_rename(ino_at(to_fd, to), source, target);
	pthread_mutex_unlock(&lock);
	return err;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, 0);
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* --- other names of the same functions (off_t has 64 bits) --- */

_Static_assert(sizeof(off_t) == 8, "the aliases below need a 64-bit off_t");

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dir_fd, const char *path, int flags, ...) __attribute__((alias("openat")));
int creat64(const char *path, mode_t mode) __attribute__((alias("creat")));
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t off)
	__attribute__((alias("pwrite")));
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t off)
	__attribute__((alias("pwritev")));
int ftruncate64(int fd, off64_t size) __attribute__((alias("ftruncate")));
int fallocate64(int fd, int mode, off64_t off, off64_t len) __attribute__((alias("fallocate")));
int posix_fallocate64(int fd, off64_t off, off64_t len) __attribute__((alias("posix_fallocate")));

/* What a fortified program calls instead of open(2) without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags) __attribute__((alias("__open_2")));
int __openat_2(int dir_fd, const char *path, int flags);
int __openat64_2(int dir_fd, const char *path, int flags) __attribute__((alias("__openat_2")));

int __open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir_fd, const char *path, int flags)
{
	return open_any(dir_fd, path, flags, 0);
}
