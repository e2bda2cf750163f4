/*
 * Read a document again and again while others save it, and see that each reading is one version.
 *
 *     readers FILE STOP BYTES
 *
 * Opens FILE, reads it in pieces of BYTES, closes it, until the file STOP exists. Now and then it
 * asks for the size, not to be told what the kernel remembers of it. Each version
 * must be an array of one number that ends as a document does: {"a": [N, N, … N]}. Complains
 * about each reading that is cut, longer than its version, or made of two. Exits 1 then.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char text[1 << 20];

static bool read_all(const char *path, size_t piece, size_t *ret_len)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n = -1;

	if (fd < 0)
		return false;
	while (len + piece < sizeof(text) && (n = read(fd, text + len, piece)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	*ret_len = len;
	return close(fd) == 0 && n == 0;
}

static void ask_for_size(const char *path)
{
	struct statx now;
	(void)!statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_SIZE, &now);
}

/* Is it one whole version? */
static bool is_whole(size_t len)
{
	char *at = strchr(text, '['), *end;
	long first, number;

	if (strlen(text) != len || !at)
		return false;
	first = strtol(at + 1, NULL, 10);
	for (at++;; at = end + 1) {
		number = strtol(at, &end, 10);
		end += strspn(end, " \n");
		if (number != first || *end != ',')
			break;
	}
	return number == first && *end == ']' && end[1 + strspn(end + 1, " \n")] == '}';
}

static void complain(size_t len)
{
	size_t shown = strlen(text);
	const char *end = text + (shown > 20 ? shown - 20 : 0);

	fprintf(stderr, "torn: %zu bytes, %zu of text, begins %.20s ends %s\n", len, shown, text,
		end);
}

int main(int argc, char **argv)
{
	long readings = 0, torn = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: readers FILE STOP BYTES\n");
		return 2;
	}
	while (access(argv[2], F_OK) < 0) {
		size_t len;
		if (!read_all(argv[1], strtoul(argv[3], NULL, 10), &len)) {
			perror(argv[1]);
			return 1;
		}
		if (++readings % 4 == 0)
			ask_for_size(argv[1]);
		if (is_whole(len))
			continue;
		if (torn++ < 5)
			complain(len);
	}
	fprintf(stderr, "%ld readings, %ld torn\n", readings, torn);
	return torn > 0;
}
