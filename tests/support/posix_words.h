/*
 * What scripts of posix.c are made of: words for flags, and descriptors that have a name.
 */
#ifndef POSIX_WORDS_H
#define POSIX_WORDS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define OUT_SIZE 4096
#define LINE_SIZE 4096
#define WORDS_MAX 16
#define KEPT_MAX 64

/** A call: 0, or -1 with errno; what it gives is printed to out (OUT_SIZE). */
struct call {
	const char *name;
	int least; /* arguments */
	int (*play)(char **arg, int count, char *out);
};

/* The name under which the call keeps what it opens, or NULL. */
static const char *keep_as;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/* --- words --- */

struct word {
	const char *name;
	long value;
};

static const struct word names[] = {
	{ "O_RDONLY", O_RDONLY },
	{ "O_WRONLY", O_WRONLY },
	{ "O_RDWR", O_RDWR },
	{ "O_CREAT", O_CREAT },
	{ "O_EXCL", O_EXCL },
	{ "O_TRUNC", O_TRUNC },
	{ "O_APPEND", O_APPEND },
	{ "O_DIRECTORY", O_DIRECTORY },
	{ "O_NOFOLLOW", O_NOFOLLOW },
	{ "O_NONBLOCK", O_NONBLOCK },
	{ "O_PATH", O_PATH },
	{ "O_DIRECT", O_DIRECT },
	{ "O_NOATIME", O_NOATIME },
	{ "O_TMPFILE", O_TMPFILE },
	{ "NOREPLACE", RENAME_NOREPLACE },
	{ "EXCHANGE", RENAME_EXCHANGE },
	{ "WHITEOUT", RENAME_WHITEOUT },
	{ "FOLLOW", AT_SYMLINK_FOLLOW },
	{ "NOFOLLOW", AT_SYMLINK_NOFOLLOW },
	{ "CREATE", XATTR_CREATE },
	{ "REPLACE", XATTR_REPLACE },
	{ "SET", SEEK_SET },
	{ "CUR", SEEK_CUR },
	{ "END", SEEK_END },
	{ "DATA", SEEK_DATA },
	{ "HOLE", SEEK_HOLE },
	{ "KEEP_SIZE", FALLOC_FL_KEEP_SIZE },
	{ "PUNCH", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE },
	{ "PUNCH_ALONE", FALLOC_FL_PUNCH_HOLE },
	{ "ZERO", FALLOC_FL_ZERO_RANGE },
	{ "COLLAPSE", FALLOC_FL_COLLAPSE_RANGE },
	{ "INSERT", FALLOC_FL_INSERT_RANGE },
	{ "SH", LOCK_SH | LOCK_NB },
	{ "EX", LOCK_EX | LOCK_NB },
	{ "UN", LOCK_UN },
	{ "RDLCK", F_RDLCK },
	{ "WRLCK", F_WRLCK },
	{ "UNLCK", F_UNLCK },
	{ "R_OK", R_OK },
	{ "W_OK", W_OK },
	{ "X_OK", X_OK },
	{ "F_OK", F_OK },
	{ "fifo", S_IFIFO },
	{ "file", S_IFREG },
	{ "socket", S_IFSOCK },
	{ "char", S_IFCHR },
	{ "block", S_IFBLK },
};

/** Names joined by |, or a number (octal with a leading 0). */
static long number(const char *text)
{
	char copy[256];
	long all = 0;
	if ((text[0] >= '0' && text[0] <= '9') || text[0] == '-')
		return strtol(text, NULL, 0);
	snprintf(copy, sizeof copy, "%s", text);
	for (char *part = strtok(copy, "|"); part; part = strtok(NULL, "|")) {
		size_t i = 0, count = sizeof names / sizeof names[0];
		while (i < count && strcmp(names[i].name, part) != 0)
			i++;
		if (i == count)
			die("what is %s?", part);
		all |= names[i].value;
	}
	return all;
}

/* --- descriptors that have a name --- */

static struct {
	char name[16];
	int fd;
} kept[KEPT_MAX];

static int *kept_place(const char *name)
{
	for (size_t i = 0; i < KEPT_MAX; i++) {
		if (strcmp(kept[i].name, name) == 0)
			return &kept[i].fd;
	}
	return NULL;
}

static int fd_of(const char *name)
{
	const int *fd = kept_place(name);
	if (!fd)
		die("no descriptor is called %s", name);
	return *fd;
}

/** Keep a new descriptor under its name, or close it. */
static int keep(int fd)
{
	if (fd < 0)
		return -1;
	if (!keep_as)
		return close(fd);
	for (size_t i = 0; i < KEPT_MAX; i++) {
		if (kept[i].name[0])
			continue;
		snprintf(kept[i].name, sizeof kept[i].name, "%s", keep_as);
		kept[i].fd = fd;
		return 0;
	}
	die("too many descriptors");
}

static int call_close(char **arg, int count, char *out)
{
	int fd = fd_of(arg[0]);
	(void)count, (void)out;
	for (size_t i = 0; i < KEPT_MAX; i++) {
		if (strcmp(kept[i].name, arg[0]) == 0)
			kept[i].name[0] = '\0';
	}
	return close(fd);
}

#endif
