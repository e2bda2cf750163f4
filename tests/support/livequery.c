/*
 * livequery CLASS COUNT READERS: objects 0..COUNT-1 of a mounted class have the status "stay" when their
 * number is even, else "on" or "off". Turn each of the odd ones while so many processes list the three
 * directories and follow what they list. Prints how much was looked at; exits with 1 and a sentence when a
 * listing lacks an object that stayed, shows a name twice, leads nowhere, or is not of this moment.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *class_dir;
static int count;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void path_of(char ret[4096], const char *status, int number)
{
	if (status)
		snprintf(ret, 4096, "%s/by/status/%s/%d.json", class_dir, status, number);
	else
		snprintf(ret, 4096, "%s/%d.json", class_dir, number);
}

/** Read a document; returns its length, or -1 with errno. */
static ssize_t document(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	ssize_t len = read(fd, ret, size - 1);
	close(fd);
	if (len >= 0)
		ret[len] = '\0';
	return len;
}

/** One listing; each name once. Returns how many names there were. */
static int list(const char *status, unsigned char *seen, bool follow)
{
	char dir_path[4096], path[4096], text[256];
	int found = 0, number;
	snprintf(dir_path, sizeof dir_path, "%s/by/status/%s", class_dir, status);
	DIR *dir = opendir(dir_path);
	if (!dir)
		fail("%s: %s", dir_path, strerror(errno));
	memset(seen, 0, (size_t)count);
	errno = 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (sscanf(entry->d_name, "%d.json", &number) != 1)
			continue;
		if (number < 0 || number >= count || seen[number]++)
			fail("%s lists %s twice", dir_path, entry->d_name);
		found++;
		if (!follow || number % 16)
			continue;
		path_of(path, status, number);
		if (document(path, text, sizeof text) < 0)
			fail("%s: %s", path, strerror(errno));
		if (!strstr(text, status))
			fail("%s holds %s", path, text);
	}
	if (errno)
		fail("reading %s: %s", dir_path, strerror(errno));
	closedir(dir);
	return found;
}

static void read_on(void)
{
	unsigned char *seen = calloc((size_t)count, 1);
	int stay = (count + 1) / 2;
	for (;;) {
		int found = list("stay", seen, true);
		if (found != stay)
			fail("%d of %d objects that stay are listed", found, stay);
		if (list("on", seen, false) > count / 2 || list("off", seen, false) > count / 2)
			fail("more objects than there are");
	}
}

static void save(int number, const char *status)
{
	char path[4096], text[64];
	path_of(path, NULL, number);
	int fd = open(path, O_WRONLY | O_TRUNC);
	int len = snprintf(text, sizeof text, "{\"status\": \"%s\"}\n", status);
	if (fd < 0 || write(fd, text, (size_t)len) != len || close(fd) < 0)
		fail("saving %s: %s", path, strerror(errno));
}

static void check(int number, const char *status, bool there)
{
	char path[4096];
	struct stat st;
	path_of(path, status, number);
	if ((lstat(path, &st) == 0) != there)
		fail("%s is %s", path, there ? "missing" : "stale");
}

static void turn(void)
{
	for (int number = 1; number < count; number += 2) {
		save(number, "on");
		check(number, "on", true);
		check(number, "off", false);
	}
}

int main(int argc, char **argv)
{
	pid_t readers[64];
	int status, many = argc == 4 ? atoi(argv[3]) : 0;
	if (many < 1 || many > 64)
		return 2;
	class_dir = argv[1];
	count = atoi(argv[2]);
	for (int i = 0; i < many; i++) {
		readers[i] = fork();
		if (readers[i] == 0)
			read_on();
	}
	turn();
	for (int i = 0; i < many; i++) {
		/* One that has ended has found something. */
		bool ended = waitpid(readers[i], &status, WNOHANG) != 0;
		kill(readers[i], SIGKILL);
		if (ended)
			return 1;
		waitpid(readers[i], &status, 0);
	}
	unsigned char *seen = calloc((size_t)count, 1);
	printf("%d %d %d\n", list("stay", seen, true), list("on", seen, true),
	       list("off", seen, true));
	free(seen);
	return 0;
}
