/*
 * Do one simple thing many times without anything around it, to count its requests.
 *
 *     repeat stat|missing|access|read|pread|pwrite|readlink|create|overwrite FILE COUNT
 *
 * stat, access, readlink: of FILE; missing: stat that must say ENOENT; read: open, read all,
 * close; pread, pwrite: of one open descriptor; create: FILE.0.json, FILE.1.json, … with a small
 * document (open, write, close); overwrite: O_TRUNC, a document with the number, close.
 * Exits 1 at the first surprise.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int action_fn(const char *path, long i);

static char buffer[1 << 20];

static int do_stat(const char *path, long i)
{
	struct stat st;

	(void)i;
	return stat(path, &st);
}

static int do_missing(const char *path, long i)
{
	struct stat st;

	(void)i;
	return stat(path, &st) < 0 && errno == ENOENT ? 0 : -1;
}

static int do_access(const char *path, long i)
{
	(void)i;
	return access(path, R_OK);
}

static int do_readlink(const char *path, long i)
{
	(void)i;
	return readlink(path, buffer, sizeof(buffer)) > 0 ? 0 : -1;
}

static int do_read(const char *path, long i)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	(void)i;
	if (fd < 0)
		return -1;
	n = read(fd, buffer, sizeof(buffer));
	return close(fd) == 0 && n > 0 ? 0 : -1;
}

static int do_pread(const char *path, long i)
{
	static int fd = -1;

	(void)i;
	if (fd < 0)
		fd = open(path, O_RDONLY);
	return pread(fd, buffer, 64, 0) > 0 ? 0 : -1;
}

static int do_pwrite(const char *path, long i)
{
	static int fd = -1;

	(void)i;
	if (fd < 0)
		fd = open(path, O_RDWR);
	return pwrite(fd, buffer, 64, 0) == 64 ? 0 : -1;
}

static int write_document(const char *path, int flags, long i)
{
	int len = snprintf(buffer, sizeof(buffer), "{\"number\": %ld}\n", i);
	int fd = open(path, flags, 0644);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, buffer, (size_t)len);
	return close(fd) == 0 && n == len ? 0 : -1;
}

static int do_create(const char *path, long i)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s.%ld.json", path, i);
	return write_document(name, O_WRONLY | O_CREAT | O_EXCL, i);
}

static int do_overwrite(const char *path, long i)
{
	return write_document(path, O_WRONLY | O_TRUNC, i);
}

static const struct {
	const char *name;
	action_fn *fn;
} actions[] = {
	{ "stat", do_stat },         { "missing", do_missing },     { "access", do_access },
	{ "readlink", do_readlink }, { "read", do_read },           { "pread", do_pread },
	{ "create", do_create },     { "overwrite", do_overwrite }, { "pwrite", do_pwrite },
};

static int run(action_fn *fn, const char *path, long count)
{
	for (long i = 0; i < count; i++) {
		if (fn(path, i) == 0)
			continue;
		fprintf(stderr, "%s, time %ld: %s\n", path, i, strerror(errno));
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 4 && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(argv[1], actions[i].name) == 0)
			return run(actions[i].fn, argv[2], atol(argv[3]));
	fprintf(stderr, "usage: repeat ACTION FILE COUNT\n");
	return 2;
}
