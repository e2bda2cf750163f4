/*
 * Write files until something fails, and note each one whose close(2) succeeded.
 *
 *     acknowledged document|raw DIR BYTES FIRST LAST >LOG
 *
 * document: DIR/i<number>.json, {"number": N, "text": "…"} with BYTES letters that follow from the number.
 * raw: DIR/r<number>, BYTES bytes that follow from the number. One line "number" in LOG for each
 * acknowledged file, written at once. At the first failure prints "stopped at N: ERRNO in CALL"
 * to standard error and exits 1.
 *
 *     acknowledged check-document|check-raw DIR BYTES <LOG
 *
 * Checks that each file of the log holds what was written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kind {
	const char *path_format;
	size_t (*fill)(char *data, size_t bytes, long number);
};

static unsigned long next(unsigned long state)
{
	return state * 6364136223846793005u + 1442695040888963407u;
}

/* Letters in disorder: what is compressed well takes long to fill a disk. */
static size_t fill_document(char *data, size_t bytes, long number)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
	unsigned long state = next((unsigned long)number);
	size_t len = (size_t)sprintf(data, "{\"number\": %ld, \"text\": \"", number);

	for (size_t i = 0; i < bytes; i++) {
		state = next(state);
		data[len++] = letters[state >> 58];
	}
	return len + (size_t)sprintf(data + len, "\"}\n");
}

static size_t fill_raw(char *data, size_t bytes, long number)
{
	unsigned long state = (unsigned long)number * 2654435761u + 1;

	for (size_t i = 0; i < bytes; i++) {
		state = next(state);
		data[i] = (char)(state >> 56);
	}
	return bytes;
}

static const struct kind document = { "%s/i%ld.json", fill_document };
static const struct kind raw = { "%s/r%ld", fill_raw };

static int stopped(long number, const char *call)
{
	fprintf(stderr, "stopped at %ld: %s in %s\n", number, strerrorname_np(errno), call);
	return 1;
}

static int write_one(const struct kind *kind, const char *dir, char *data, size_t bytes,
		     long number)
{
	size_t len = kind->fill(data, bytes, number);
	char path[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), kind->path_format, dir, number);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return stopped(number, "open");
	for (size_t done = 0; done < len; done += (size_t)n) {
		n = write(fd, data + done, len - done);
		if (n < 0) {
			int failed = stopped(number, "write");
			close(fd);
			return failed;
		}
	}
	if (close(fd) < 0)
		return stopped(number, "close");
	printf("%ld\n", number);
	fflush(stdout);
	return 0;
}

static int check_one(const struct kind *kind, const char *dir, char *data, char *got, size_t bytes,
		     long number)
{
	size_t len = kind->fill(data, bytes, number);
	char path[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), kind->path_format, dir, number);
	file = fopen(path, "r");
	if (!file)
		return fprintf(stderr, "%s: %s\n", path, strerror(errno)), 1;
	n = fread(got, 1, len + 1, file);
	fclose(file);
	if (n == len && memcmp(got, data, len) == 0)
		return 0;
	fprintf(stderr, "%s: %zu bytes that are not what was written (%zu)\n", path, n, len);
	return 1;
}

static int check_all(const struct kind *kind, const char *dir, char *data, char *got, size_t bytes)
{
	long number;
	int failed = 0;

	while (scanf("%ld", &number) == 1)
		failed |= check_one(kind, dir, data, got, bytes, number);
	return failed;
}

static int write_all(const struct kind *kind, const char *dir, char *data, size_t bytes, long first,
		     long last)
{
	for (long number = first; number <= last; number++)
		if (write_one(kind, dir, data, bytes, number) != 0)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	bool check = argc == 4 && strncmp(argv[1], "check-", 6) == 0;
	const struct kind *kind;
	size_t bytes;
	char *data, *got;

	if (!check && argc != 6) {
		fprintf(stderr,
			"usage: acknowledged [check-]document|raw DIR BYTES [FIRST LAST]\n");
		return 2;
	}
	kind = strstr(argv[1], "raw") ? &raw : &document;
	bytes = strtoul(argv[3], NULL, 10);
	data = malloc(bytes + 128);
	got = malloc(bytes + 129);
	if (!data || !got)
		return 2;
	if (check)
		return check_all(kind, argv[2], data, got, bytes);
	return write_all(kind, argv[2], data, bytes, atol(argv[4]), atol(argv[5]));
}
