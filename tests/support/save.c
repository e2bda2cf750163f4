/*
 * Save a file the way a careful program does, and say what each call returned.
 *
 *     save [-t] [-a] [-x] [-r] [-n] [-l] [-b] [-o OFFSET] [-s SIZE] [-f] [-d] FILE <BYTES
 *
 * Opens FILE for writing (-t O_TRUNC, -a O_APPEND, -x O_CREAT|O_EXCL, -r O_RDWR; O_CREAT always,
 * but not with -n), writes standard input (at OFFSET; -l: a line at a time, with an fsync after
 * each), reads it back through the same descriptor (-b), cuts to SIZE (-s), fsyncs (-f) or fdatasyncs (-d) and closes.
 * Prints one word for each call: "open=ok write=ok fsync=EBADMSG close=EBADMSG".
 * Exits 0 when every call succeeded, else 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job {
	const char *path;
	int flags;
	off_t offset, size; /* -1: not asked for */
	bool fsync, fdatasync, lines, read_back;
};

static bool failed;

static void say(const char *call, long result)
{
	printf("%s=%s ", call, result < 0 ? strerrorname_np(errno) : "ok");
	if (result < 0)
		failed = true;
}

static long write_all(int fd, const char *data, size_t len, off_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = offset < 0 ? write(fd, data + done, len - done)
				       : pwrite(fd, data + done, len - done, offset + (off_t)done);
		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

static void write_lines(int fd, const char *data, size_t len)
{
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t line = end ? (size_t)(end - data) + 1 : len;
		say("write", write_all(fd, data, line, -1));
		say("fsync", fsync(fd));
		data += line;
		len -= line;
	}
}

static long read_back(int fd, const char *data, size_t len, off_t offset)
{
	char *got = malloc(len + 1);
	ssize_t n = got ? pread(fd, got, len + 1, offset < 0 ? 0 : offset) : -1;
	bool equal = n >= (ssize_t)len && memcmp(got, data, len) == 0;

	free(got);
	if (n >= 0 && !equal)
		errno = EILSEQ;
	return equal ? 0 : -1;
}

static void fill(int fd, const struct job *job, const char *data, size_t len)
{
	if (job->lines)
		write_lines(fd, data, len);
	else if (len > 0)
		say("write", write_all(fd, data, len, job->offset));
	if (job->read_back)
		say("read", read_back(fd, data, len, job->offset));
}

static char *read_input(size_t *ret_len)
{
	size_t len = 0, cap = 1 << 16;
	char *data = malloc(cap);
	ssize_t n;

	while (data && (n = read(STDIN_FILENO, data + len, cap - len)) > 0) {
		len += (size_t)n;
		if (len == cap)
			data = realloc(data, cap *= 2);
	}
	*ret_len = len;
	return data;
}

static int save(const struct job *job)
{
	size_t len;
	char *data = read_input(&len);
	int fd;

	if (!data)
		return 2;
	fd = open(job->path, job->flags, 0644);
	say("open", fd);
	if (fd >= 0) {
		fill(fd, job, data, len);
		if (job->size >= 0)
			say("truncate", ftruncate(fd, job->size));
		if (job->fsync)
			say("fsync", fsync(fd));
		if (job->fdatasync)
			say("fdatasync", fdatasync(fd));
		say("close", close(fd));
	}
	putchar('\n');
	free(data);
	return failed;
}

int main(int argc, char **argv)
{
	struct job job = { .flags = O_WRONLY | O_CREAT, .offset = -1, .size = -1 };
	int option;

	while ((option = getopt(argc, argv, "taxrnlbo:s:fd")) != -1) {
		switch (option) {
		case 't': job.flags |= O_TRUNC; break;
		case 'a': job.flags |= O_APPEND; break;
		case 'x': job.flags |= O_EXCL; break;
		case 'r': job.flags = (job.flags & ~O_ACCMODE) | O_RDWR; break;
		case 'n': job.flags &= ~O_CREAT; break;
		case 'l': job.lines = true; break;
		case 'b': job.read_back = true; break;
		case 'o': job.offset = atoll(optarg); break;
		case 's': job.size = atoll(optarg); break;
		case 'f': job.fsync = true; break;
		case 'd': job.fdatasync = true; break;
		default: return 2;
		}
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: save [-taxrnlbfd] [-o OFFSET] [-s SIZE] FILE <BYTES\n");
		return 2;
	}
	job.path = argv[optind];
	return save(&job);
}
