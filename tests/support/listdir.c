/*
 * List a directory as the kernel gives it, with a chosen buffer, from a chosen cookie.
 *
 *     listdir [-b BYTES] [-c COOKIE] [-n COUNT] [-w FILE] [-l] [-t] [-k] DIR
 *
 * Prints the names in order ("." and ".." left out). -b size of the getdents64 buffer (default
 * 1024); -c start at that cookie (lseek); -n stop after COUNT names and print "cookie N" to
 * standard error; -w after the first buffer wait until FILE exists; -l lines of
 * "name type inode cookie" instead of names; -t compare d_type and d_ino with lstat and complain
 * on standard error; -k after the listing seek to each cookie and check that it goes on
 * with the entry that followed. Exits 1 when a comparison failed or a call did.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct entry {
	uint64_t ino;
	int64_t cookie;
	unsigned short size;
	unsigned char type;
	char name[];
};

struct seen {
	char *name;
	int64_t cookie;
};

struct listing {
	int fd;
	size_t buffer_len;
	char *buffer;
	long limit; /* -1: none */
	const char *wait_for;
	bool long_lines, check_types, check_cookies;
	bool failed;
	int64_t cookie; /* of the last entry delivered */
	struct seen *seen;
	size_t seen_len, seen_cap;
};

static long next_buffer(struct listing *list)
{
	long n = syscall(SYS_getdents64, list->fd, list->buffer, list->buffer_len);

	if (n < 0) {
		fprintf(stderr, "getdents64: %s\n", strerrorname_np(errno));
		list->failed = true;
	}
	return n;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void check_entry(struct listing *list, const struct entry *entry)
{
	struct stat st;

	if (fstatat(list->fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		fprintf(stderr, "%s: %s\n", entry->name, strerrorname_np(errno));
		list->failed = true;
		return;
	}
	if (entry->type != IFTODT(st.st_mode)) {
		fprintf(stderr, "%s: d_type %d, mode %o\n", entry->name, entry->type, st.st_mode);
		list->failed = true;
	}
	if (entry->ino != st.st_ino) {
		fprintf(stderr, "%s: d_ino %ju, st_ino %ju\n", entry->name, (uintmax_t)entry->ino,
			(uintmax_t)st.st_ino);
		list->failed = true;
	}
}

static void remember(struct listing *list, const struct entry *entry)
{
	if (list->seen_len == list->seen_cap) {
		list->seen_cap = list->seen_cap * 2 + 64;
		list->seen = realloc(list->seen, list->seen_cap * sizeof(*list->seen));
		if (!list->seen)
			abort();
	}
	list->seen[list->seen_len++] = (struct seen){ strdup(entry->name), entry->cookie };
}

static void deliver(struct listing *list, const struct entry *entry)
{
	if (list->check_types)
		check_entry(list, entry);
	if (list->check_cookies)
		remember(list, entry);
	if (list->long_lines)
		printf("%s %d %ju %jd\n", entry->name, entry->type, (uintmax_t)entry->ino,
		       (intmax_t)entry->cookie);
	else
		puts(entry->name);
	list->cookie = entry->cookie;
}

static void wait_for(struct listing *list)
{
	struct stat st;

	fflush(stdout);
	while (list->wait_for && stat(list->wait_for, &st) < 0)
		usleep(10000);
	list->wait_for = NULL;
}

/* Returns false when the limit is reached. */
static bool deliver_buffer(struct listing *list, long len)
{
	for (long at = 0; at < len;) {
		const struct entry *entry = (const struct entry *)(list->buffer + at);
		at += entry->size;
		if (is_dots(entry->name))
			continue;
		if (list->limit == 0)
			return false;
		if (list->limit > 0)
			list->limit--;
		deliver(list, entry);
	}
	return true;
}

static void list_all(struct listing *list)
{
	long len;

	while ((len = next_buffer(list)) > 0) {
		if (!deliver_buffer(list, len) || list->limit == 0)
			break;
		wait_for(list);
	}
	if (list->limit >= 0)
		fprintf(stderr, "cookie %jd\n", (intmax_t)list->cookie);
}

static const char *first_name(struct listing *list, int64_t cookie)
{
	long len;

	if (lseek(list->fd, cookie, SEEK_SET) < 0)
		return "lseek failed";
	while ((len = next_buffer(list)) > 0) {
		for (long at = 0; at < len;) {
			const struct entry *entry = (const struct entry *)(list->buffer + at);
			if (!is_dots(entry->name))
				return entry->name;
			at += entry->size;
		}
	}
	return "";
}

static void check_cookies(struct listing *list)
{
	for (size_t i = list->seen_len; i-- > 0;) {
		const char *wanted = i + 1 < list->seen_len ? list->seen[i + 1].name : "";
		const char *got = first_name(list, list->seen[i].cookie);
		if (strcmp(got, wanted) != 0) {
			fprintf(stderr, "after %s comes %s, was %s\n", list->seen[i].name, got,
				wanted);
			list->failed = true;
		}
	}
}

static int run(struct listing *list, const char *dir, int64_t cookie)
{
	list->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list->buffer = malloc(list->buffer_len);
	if (list->fd < 0 || !list->buffer || lseek(list->fd, cookie, SEEK_SET) < 0) {
		perror(dir);
		return 1;
	}
	list_all(list);
	if (list->check_cookies)
		check_cookies(list);
	for (size_t i = 0; i < list->seen_len; i++)
		free(list->seen[i].name);
	free(list->seen);
	free(list->buffer);
	close(list->fd);
	return list->failed;
}

int main(int argc, char **argv)
{
	struct listing list = { .buffer_len = 1024, .limit = -1 };
	int64_t cookie = 0;
	int option;

	while ((option = getopt(argc, argv, "b:c:n:w:ltk")) != -1) {
		switch (option) {
		case 'b': list.buffer_len = strtoul(optarg, NULL, 10); break;
		case 'c': cookie = strtoll(optarg, NULL, 10); break;
		case 'n': list.limit = strtol(optarg, NULL, 10); break;
		case 'w': list.wait_for = optarg; break;
		case 'l': list.long_lines = true; break;
		case 't': list.check_types = true; break;
		case 'k': list.check_cookies = true; break;
		default: return 2;
		}
	}
	if (optind != argc - 1) {
		fprintf(stderr,
			"usage: listdir [-b BYTES] [-c COOKIE] [-n COUNT] [-w FILE] [-ltk] DIR\n");
		return 2;
	}
	return run(&list, argv[optind], cookie);
}
