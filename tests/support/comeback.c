/*
 * comeback DIR ROUNDS: an object is renamed to a scratch file, made again at once, and then the
 * scratch file is written, all as fast as can be; each time both hold what was written to them.
 * Prints what went wrong, and fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char object[4096], scratch[4096];

static void fail(int round, const char *what)
{
	printf("round %d: %s: %s\n", round, what, strerror(errno));
	exit(1);
}

static void save(int round, const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		fail(round, path);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail(round, "write");
	if (close(fd) < 0)
		fail(round, "close");
}

static void expect(int round, const char *path, const char *text)
{
	char got[256];
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		fail(round, path);
	ssize_t len = read(fd, got, sizeof got - 1);
	close(fd);
	got[len < 0 ? 0 : len] = '\0';
	if (strcmp(got, text) == 0)
		return;
	printf("round %d: %s holds '%s', expected '%s'\n", round, path, got, text);
	exit(1);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	snprintf(object, sizeof object, "%s/x.json", argv[1]);
	snprintf(scratch, sizeof scratch, "%s/y.tmp", argv[1]);
	for (int round = 0; round < atoi(argv[2]); round++) {
		char old[64], new[64], other[64];
		snprintf(old, sizeof old, "{\"round\": %d, \"which\": \"the old one\"}\n", round);
		snprintf(new, sizeof new, "{\"round\": %d}\n", round);
		snprintf(other, sizeof other, "{\"scratch\": %d}\n", round);
		save(round, object, old);
		if (rename(object, scratch) < 0)
			fail(round, "rename");
		save(round, object, new);
		if (round % 2)
			expect(round, scratch, old);
		save(round, scratch, other);
		expect(round, object, new);
		expect(round, scratch, other);
		if (unlink(scratch) < 0)
			fail(round, "unlink");
	}
	return 0;
}
