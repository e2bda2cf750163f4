/*
 * The calls that scripts of posix.c know: a function and a line of the table for each.
 */
#ifndef POSIX_CALLS_H
#define POSIX_CALLS_H

#include "posix_words.h"

/* --- open, read, write --- */

static int call_open(char **arg, int count, char *out)
{
	(void)out;
	return keep(open(arg[0], (int)number(arg[1]) | O_CLOEXEC,
			 count > 2 ? (mode_t)number(arg[2]) : 0));
}

static int call_openat(char **arg, int count, char *out)
{
	(void)out;
	return keep(openat(fd_of(arg[0]), arg[1], (int)number(arg[2]) | O_CLOEXEC,
			   count > 3 ? (mode_t)number(arg[3]) : 0));
}

static int show_bytes(const char *bytes, ssize_t len, char *out)
{
	size_t at = 0;
	if (len < 0)
		return -1;
	snprintf(out, OUT_SIZE, "%s", len ? "" : "nothing");
	for (ssize_t i = 0; i < len && at + 2 < OUT_SIZE; i++)
		out[at++] = bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '.';
	if (len)
		out[at] = '\0';
	return 0;
}

static int call_read(char **arg, int count, char *out)
{
	char bytes[1024];
	(void)count;
	return show_bytes(bytes, read(fd_of(arg[0]), bytes, (size_t)number(arg[1])), out);
}

static int call_pread(char **arg, int count, char *out)
{
	char bytes[1024];
	(void)count;
	return show_bytes(bytes,
			  pread(fd_of(arg[0]), bytes, (size_t)number(arg[2]), number(arg[1])), out);
}

/** The whole of a small file. */
static int call_cat(char **arg, int count, char *out)
{
	char bytes[1024];
	(void)count;
	int fd = open(arg[0], O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
	if (fd >= 0)
		close(fd);
	return show_bytes(bytes, got, out);
}

static int done_whole(ssize_t done, size_t len, char *out)
{
	if (done >= 0 && (size_t)done != len)
		snprintf(out, OUT_SIZE, "%zd", done);
	return done < 0 ? -1 : 0;
}

static int call_write(char **arg, int count, char *out)
{
	size_t len = strlen(arg[1]);
	(void)count;
	return done_whole(write(fd_of(arg[0]), arg[1], len), len, out);
}

static int call_pwrite(char **arg, int count, char *out)
{
	size_t len = strlen(arg[2]);
	(void)count;
	return done_whole(pwrite(fd_of(arg[0]), arg[2], len, number(arg[1])), len, out);
}

/** put PATH TEXT: the file's bytes are this text. */
static int call_put(char **arg, int count, char *out)
{
	int fd = open(arg[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t len = count > 1 ? strlen(arg[1]) : 0;
	if (fd < 0)
		return -1;
	int err = done_whole(len ? write(fd, arg[1], len) : 0, len, out);
	return close(fd) < 0 ? -1 : err;
}

static int call_lseek(char **arg, int count, char *out)
{
	(void)count;
	off_t at = lseek(fd_of(arg[0]), number(arg[1]), (int)number(arg[2]));
	if (at >= 0)
		snprintf(out, OUT_SIZE, "%lld", (long long)at);
	return at < 0 ? -1 : 0;
}

static int call_truncate(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return truncate(arg[0], number(arg[1]));
}

static int call_ftruncate(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return ftruncate(fd_of(arg[0]), number(arg[1]));
}

static int call_fallocate(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return fallocate(fd_of(arg[0]), (int)number(arg[1]), number(arg[2]), number(arg[3]));
}

static int call_copy(char **arg, int count, char *out)
{
	off_t from = number(arg[1]), to = number(arg[3]);
	(void)count;
	ssize_t done = copy_file_range(fd_of(arg[0]), &from, fd_of(arg[2]), &to,
				       (size_t)number(arg[4]), 0);
	if (done >= 0)
		snprintf(out, OUT_SIZE, "%zd", done);
	return done < 0 ? -1 : 0;
}

static int call_clone(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return ioctl(fd_of(arg[1]), FICLONE, fd_of(arg[0]));
}

static int call_fsync(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return fsync(fd_of(arg[0]));
}

/** mapput PATH OFFSET TEXT: through a shared mapping. */
static int call_mapput(char **arg, int count, char *out)
{
	struct stat st;
	(void)count, (void)out;
	int fd = open(arg[0], O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	char *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -1;
	memcpy(map + number(arg[1]), arg[2], strlen(arg[2]));
	return munmap(map, (size_t)st.st_size);
}

/* --- names --- */

static int call_mkdir(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return mkdir(arg[0], count > 1 ? (mode_t)number(arg[1]) : 0755);
}

static int call_rmdir(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return rmdir(arg[0]);
}

static int call_unlink(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return unlink(arg[0]);
}

static int call_rename(char **arg, int count, char *out)
{
	(void)out;
	return renameat2(AT_FDCWD, arg[0], AT_FDCWD, arg[1],
			 count > 2 ? (unsigned)number(arg[2]) : 0);
}

static int call_link(char **arg, int count, char *out)
{
	(void)out;
	return linkat(AT_FDCWD, arg[0], AT_FDCWD, arg[1], count > 2 ? (int)number(arg[2]) : 0);
}

/** linkfd FD PATH: a name for what is open. */
static int call_linkfd(char **arg, int count, char *out)
{
	char path[64];
	(void)count, (void)out;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd_of(arg[0]));
	return linkat(AT_FDCWD, path, AT_FDCWD, arg[1], AT_SYMLINK_FOLLOW);
}

static int call_symlink(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return symlink(arg[0], arg[1]);
}

static int call_readlink(char **arg, int count, char *out)
{
	char target[OUT_SIZE];
	(void)count;
	return show_bytes(target, readlink(arg[0], target, sizeof target), out);
}

static int call_mkfifo(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return mkfifo(arg[0], (mode_t)number(arg[1]));
}

static int call_mknod(char **arg, int count, char *out)
{
	(void)out;
	return mknod(arg[0], (mode_t)(number(arg[1]) | number(arg[2])),
		     count > 4 ? makedev((unsigned)number(arg[3]), (unsigned)number(arg[4])) : 0);
}

static int at_socket(const char *path, int (*use)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	if (fd < 0 || use(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
	    (use == bind && listen(fd, 8) < 0)) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return keep(fd);
}

static int call_bind(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return at_socket(arg[0], bind);
}

static int call_connect(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return at_socket(arg[0], connect);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/** Names with the types that readdir gives, sorted; without . and .. */
static int show_dir(int fd, bool types, char *out)
{
	static const char *const type_names[16] = { [DT_REG] = "file",
						    [DT_DIR] = "dir",
						    [DT_LNK] = "link",
						    [DT_FIFO] = "fifo",
						    [DT_SOCK] = "socket" };
	char *found[256];
	size_t count = 0, at = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	if (!dir)
		return -1;
	while (count < 256 && (entry = readdir(dir))) {
		const char *type = type_names[entry->d_type & 15];
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (asprintf(&found[count++], "%s%s%s", entry->d_name, types ? ":" : "",
			     !types ? ""
			     : type ? type
				    : "?") < 0)
			die("no memory");
	}
	closedir(dir);
	qsort(found, count, sizeof found[0], by_text);
	snprintf(out, OUT_SIZE, "nothing");
	for (size_t i = 0; i < count; i++) {
		at += (size_t)snprintf(out + at, OUT_SIZE - at, "%s%s", i ? " " : "", found[i]);
		free(found[i]);
	}
	return 0;
}

static int call_ls(char **arg, int count, char *out)
{
	(void)count;
	return show_dir(open(arg[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC), false, out);
}

static int call_types(char **arg, int count, char *out)
{
	(void)count;
	return show_dir(open(arg[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC), true, out);
}

static int call_lsfd(char **arg, int count, char *out)
{
	int fd = dup(fd_of(arg[0]));
	(void)count;
	lseek(fd, 0, SEEK_SET);
	return show_dir(fd, false, out);
}

static int call_chdir(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return chdir(arg[0]);
}

static int call_fchdir(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return fchdir(fd_of(arg[0]));
}

/* --- attributes --- */

static int call_chmod(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return chmod(arg[0], (mode_t)number(arg[1]));
}

static int call_fchmod(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return fchmod(fd_of(arg[0]), (mode_t)number(arg[1]));
}

static int call_chown(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return chown(arg[0], (uid_t)number(arg[1]), (gid_t)number(arg[2]));
}

static int call_lchown(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return lchown(arg[0], (uid_t)number(arg[1]), (gid_t)number(arg[2]));
}

static int call_fchown(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return fchown(fd_of(arg[0]), (uid_t)number(arg[1]), (gid_t)number(arg[2]));
}

/** "now", "omit", or seconds and a fraction. */
static struct timespec time_word(const char *text)
{
	char *end;
	if (strcmp(text, "now") == 0)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (strcmp(text, "omit") == 0)
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	struct timespec time = { .tv_sec = strtoll(text, &end, 10) };
	long place = 100000000;
	for (end += *end == '.'; *end; end++, place /= 10)
		time.tv_nsec += (*end - '0') * place;
	return time;
}

/** utimens PATH ATIME MTIME [NOFOLLOW], or utimens PATH null. */
static int call_utimens(char **arg, int count, char *out)
{
	(void)out;
	if (strcmp(arg[1], "null") == 0)
		return utimensat(AT_FDCWD, arg[0], NULL, 0);
	struct timespec times[2] = { time_word(arg[1]), time_word(arg[count > 2 ? 2 : 1]) };
	return utimensat(AT_FDCWD, arg[0], times, count > 3 ? (int)number(arg[3]) : 0);
}

static int call_futimens(char **arg, int count, char *out)
{
	(void)count, (void)out;
	struct timespec times[2] = { time_word(arg[1]), time_word(arg[2]) };
	return futimens(fd_of(arg[0]), times);
}

static size_t show_time(struct timespec time, char *out, size_t size)
{
	return (size_t)snprintf(out, size, "%lld.%09ld", (long long)time.tv_sec, time.tv_nsec);
}

static const char *type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFDIR: return "dir";
	case S_IFLNK: return "link";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	case S_IFCHR: return "char";
	case S_IFBLK: return "block";
	default: return "?";
	}
}

static size_t show_field(const struct stat *st, const char *field, char *out, size_t size)
{
	if (strcmp(field, "type") == 0)
		return (size_t)snprintf(out, size, "%s", type_of(st->st_mode));
	if (strcmp(field, "mode") == 0)
		return (size_t)snprintf(out, size, "%04o", (unsigned)(st->st_mode & 07777));
	if (strcmp(field, "nlink") == 0)
		return (size_t)snprintf(out, size, "%lu", (unsigned long)st->st_nlink);
	if (strcmp(field, "uid") == 0)
		return (size_t)snprintf(out, size, "%u", st->st_uid);
	if (strcmp(field, "gid") == 0)
		return (size_t)snprintf(out, size, "%u", st->st_gid);
	if (strcmp(field, "size") == 0)
		return (size_t)snprintf(out, size, "%lld", (long long)st->st_size);
	if (strcmp(field, "kib") == 0)
		return (size_t)snprintf(out, size, "%lld", (long long)st->st_blocks / 2);
	if (strcmp(field, "atime") == 0)
		return show_time(st->st_atim, out, size);
	if (strcmp(field, "mtime") == 0)
		return show_time(st->st_mtim, out, size);
	die("no field of stat: %s", field);
}

/** Fields with commas between them. */
static int show_stat(const struct stat *st, const char *fields, char *out)
{
	char copy[128];
	size_t at = 0;
	snprintf(copy, sizeof copy, "%s", fields);
	for (char *field = strtok(copy, ","); field; field = strtok(NULL, ",")) {
		if (at)
			out[at++] = ',';
		at += show_field(st, field, out + at, OUT_SIZE - at);
	}
	return 0;
}

static int call_stat(char **arg, int count, char *out)
{
	struct stat st;
	if (stat(arg[0], &st) < 0)
		return -1;
	return count > 1 ? show_stat(&st, arg[1], out) : 0;
}

static int call_lstat(char **arg, int count, char *out)
{
	struct stat st;
	if (lstat(arg[0], &st) < 0)
		return -1;
	return count > 1 ? show_stat(&st, arg[1], out) : 0;
}

static int call_fstat(char **arg, int count, char *out)
{
	struct stat st;
	if (fstat(fd_of(arg[0]), &st) < 0)
		return -1;
	return count > 1 ? show_stat(&st, arg[1], out) : 0;
}

/** same PATH PATH: is it one inode? */
static int call_same(char **arg, int count, char *out)
{
	struct stat a, b;
	(void)count;
	if (lstat(arg[0], &a) < 0 || lstat(arg[1], &b) < 0)
		return -1;
	snprintf(out, OUT_SIZE, "%s", a.st_ino == b.st_ino && a.st_dev == b.st_dev ? "yes" : "no");
	return 0;
}

static struct {
	char path[64];
	struct stat st;
} noted[8];

/** note PATH…: remember times, and wait until a change would show. */
static int call_note(char **arg, int count, char *out)
{
	(void)out;
	memset(noted, 0, sizeof noted);
	for (int i = 0; i < count && i < 8; i++) {
		snprintf(noted[i].path, sizeof noted[i].path, "%s", arg[i]);
		if (lstat(arg[i], &noted[i].st) < 0)
			return -1;
	}
	nanosleep(&(struct timespec){ .tv_nsec = 12000000 }, NULL);
	return 0;
}

static bool later(struct timespec now, struct timespec then)
{
	return now.tv_sec != then.tv_sec ? now.tv_sec > then.tv_sec : now.tv_nsec > then.tv_nsec;
}

/** since PATH [NOTED AS]: which of mtime and ctime are later than they were. */
static int call_since(char **arg, int count, char *out)
{
	const char *as = arg[count > 1 ? 1 : 0];
	struct stat now;
	size_t i = 0;
	while (i < 8 && strcmp(noted[i].path, as) != 0)
		i++;
	if (i == 8)
		die("%s was not noted", as);
	if (lstat(arg[0], &now) < 0)
		return -1;
	const struct stat *then = &noted[i].st;
	snprintf(out, OUT_SIZE, "%s%s", later(now.st_mtim, then->st_mtim) ? "m" : "",
		 later(now.st_ctim, then->st_ctim) ? "c" : "");
	if (!out[0])
		snprintf(out, OUT_SIZE, "none");
	return 0;
}

static int call_access(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return access(arg[0], (int)number(arg[1]));
}

static int call_umask(char **arg, int count, char *out)
{
	(void)count, (void)out;
	umask((mode_t)number(arg[0]));
	return 0;
}

static int call_exec(char **arg, int count, char *out)
{
	char *const args[] = { arg[0], NULL }, *const none[] = { NULL };
	int status;
	(void)count, (void)out;
	pid_t pid = fork();
	if (pid == 0) {
		execve(arg[0], args, none);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return errno ? -1 : 0;
}

static int call_statvfs(char **arg, int count, char *out)
{
	struct statvfs st;
	(void)count;
	if (statvfs(arg[0], &st) < 0)
		return -1;
	bool sound = st.f_bsize && st.f_frsize && st.f_blocks >= st.f_bfree &&
		     st.f_bfree >= st.f_bavail && st.f_files >= st.f_ffree;
	snprintf(out, OUT_SIZE, "%lu %s", st.f_namemax, sound ? "sound" : "unsound");
	return 0;
}

/** limit BYTES: of a file (RLIMIT_FSIZE); 0: none. */
static int call_limit(char **arg, int count, char *out)
{
	(void)count, (void)out;
	rlim_t bytes = number(arg[0]) ? (rlim_t)number(arg[0]) : RLIM_INFINITY;
	return setrlimit(RLIMIT_FSIZE, &(struct rlimit){ bytes, RLIM_INFINITY });
}

/* --- extended attributes --- */

static int call_setxattr(char **arg, int count, char *out)
{
	(void)out;
	return setxattr(arg[0], arg[1], arg[2], strlen(arg[2]),
			count > 3 ? (int)number(arg[3]) : 0);
}

static int call_lsetxattr(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return lsetxattr(arg[0], arg[1], arg[2], strlen(arg[2]), 0);
}

static int call_fsetxattr(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return fsetxattr(fd_of(arg[0]), arg[1], arg[2], strlen(arg[2]), 0);
}

/** setzeros PATH NAME LENGTH: a value of so many bytes. */
static int call_setzeros(char **arg, int count, char *out)
{
	size_t len = (size_t)number(arg[2]);
	char *zeros = calloc(1, len + 1);
	(void)count, (void)out;
	int err = setxattr(arg[0], arg[1], zeros, len, 0);
	free(zeros);
	return err;
}

/** getxattr PATH NAME [SIZE]: with size 0 how long it is. */
static int call_getxattr(char **arg, int count, char *out)
{
	char value[1024];
	size_t size = count > 2 ? (size_t)number(arg[2]) : sizeof value;
	ssize_t len = getxattr(arg[0], arg[1], value, size);
	if (len >= 0 && size == 0)
		return snprintf(out, OUT_SIZE, "%zd", len) < 0;
	return show_bytes(value, len, out);
}

static int call_fgetxattr(char **arg, int count, char *out)
{
	char value[1024];
	(void)count;
	return show_bytes(value, fgetxattr(fd_of(arg[0]), arg[1], value, sizeof value), out);
}

/** Names of attributes, sorted; what a security module sets by itself left out. */
static int call_listxattr(char **arg, int count, char *out)
{
	char list[OUT_SIZE], *found[64];
	size_t size = count > 1 ? (size_t)number(arg[1]) : sizeof list, at = 0, all = 0;
	ssize_t len = listxattr(arg[0], list, size);
	if (len >= 0 && size == 0)
		return snprintf(out, OUT_SIZE, "%zd", len) < 0;
	for (ssize_t i = 0; i < len && all < 64; i += (ssize_t)strlen(list + i) + 1) {
		if (strcmp(list + i, "security.selinux") != 0)
			found[all++] = list + i;
	}
	qsort(found, all, sizeof found[0], by_text);
	snprintf(out, OUT_SIZE, "nothing");
	for (size_t i = 0; i < all; i++)
		at += (size_t)snprintf(out + at, OUT_SIZE - at, "%s%s", i ? " " : "", found[i]);
	return len < 0 ? -1 : 0;
}

static int call_removexattr(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return removexattr(arg[0], arg[1]);
}

/* --- locks --- */

static int call_flock(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return flock(fd_of(arg[0]), (int)number(arg[1]));
}

/** flockpath PATH OPERATION: with a descriptor of its own, for a moment. */
static int call_flockpath(char **arg, int count, char *out)
{
	(void)count, (void)out;
	int fd = open(arg[0], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int err = flock(fd, (int)number(arg[1])), error = errno;
	close(fd);
	errno = error;
	return err;
}

static int lock_range(int fd, int how, char **arg)
{
	struct flock lock = {
		.l_type = (short)number(arg[0]),
		.l_whence = SEEK_SET,
		.l_start = number(arg[1]),
		.l_len = number(arg[2]),
	};
	return fcntl(fd, how, &lock);
}

/** lock FD TYPE START LENGTH: of this process. */
static int call_lock(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return lock_range(fd_of(arg[0]), F_SETLK, arg + 1);
}

/** ofdlock FD TYPE START LENGTH: of this open file. */
static int call_ofdlock(char **arg, int count, char *out)
{
	(void)count, (void)out;
	return lock_range(fd_of(arg[0]), F_OFD_SETLK, arg + 1);
}

static const struct call calls[] = {
	{ "access", 2, call_access },
	{ "bind", 1, call_bind },
	{ "cat", 1, call_cat },
	{ "chdir", 1, call_chdir },
	{ "chmod", 2, call_chmod },
	{ "chown", 3, call_chown },
	{ "clone", 2, call_clone },
	{ "close", 1, call_close },
	{ "connect", 1, call_connect },
	{ "copy", 5, call_copy },
	{ "exec", 1, call_exec },
	{ "fallocate", 4, call_fallocate },
	{ "fchdir", 1, call_fchdir },
	{ "fchmod", 2, call_fchmod },
	{ "fchown", 3, call_fchown },
	{ "fgetxattr", 2, call_fgetxattr },
	{ "flock", 2, call_flock },
	{ "flockpath", 2, call_flockpath },
	{ "fsetxattr", 3, call_fsetxattr },
	{ "fstat", 1, call_fstat },
	{ "fsync", 1, call_fsync },
	{ "ftruncate", 2, call_ftruncate },
	{ "futimens", 3, call_futimens },
	{ "getxattr", 2, call_getxattr },
	{ "lchown", 3, call_lchown },
	{ "limit", 1, call_limit },
	{ "link", 2, call_link },
	{ "linkfd", 2, call_linkfd },
	{ "listxattr", 1, call_listxattr },
	{ "lock", 4, call_lock },
	{ "ls", 1, call_ls },
	{ "lseek", 3, call_lseek },
	{ "lsetxattr", 3, call_lsetxattr },
	{ "lsfd", 1, call_lsfd },
	{ "lstat", 1, call_lstat },
	{ "mapput", 3, call_mapput },
	{ "mkdir", 1, call_mkdir },
	{ "mkfifo", 2, call_mkfifo },
	{ "mknod", 3, call_mknod },
	{ "note", 1, call_note },
	{ "ofdlock", 4, call_ofdlock },
	{ "open", 2, call_open },
	{ "openat", 3, call_openat },
	{ "pread", 3, call_pread },
	{ "put", 1, call_put },
	{ "pwrite", 3, call_pwrite },
	{ "read", 2, call_read },
	{ "readlink", 1, call_readlink },
	{ "removexattr", 2, call_removexattr },
	{ "rename", 2, call_rename },
	{ "rmdir", 1, call_rmdir },
	{ "same", 2, call_same },
	{ "setxattr", 3, call_setxattr },
	{ "setzeros", 3, call_setzeros },
	{ "since", 1, call_since },
	{ "stat", 1, call_stat },
	{ "statvfs", 1, call_statvfs },
	{ "symlink", 2, call_symlink },
	{ "truncate", 2, call_truncate },
	{ "types", 1, call_types },
	{ "umask", 1, call_umask },
	{ "unlink", 1, call_unlink },
	{ "utimens", 2, call_utimens },
	{ "write", 2, call_write },
	{ NULL, 0, NULL },
};

#endif
