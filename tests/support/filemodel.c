/*
 * Does random things to one file and to an array of bytes, which must stay the same.
 *
 *   filemodel PATH SEED COUNT
 *
 * Reads and writes through two descriptors (the one that only writes has no page cache in the kernel) and
 * through mappings; truncates, punches, zeroes, allocates and copies ranges; syncs, closes and
 * opens again. After each of COUNT operations the size must be right, after a read the bytes; in the end all of
 * them. What went before is printed when something is wrong; the same SEED does the same again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_BYTES (256 * 1024)
#define LENGTH_MAX 20000
#define LOG_LINES 40

struct file {
	const char *path;
	int fd, write_fd;
	size_t size;
	unsigned char bytes[SIZE_MAX_BYTES];
	unsigned char got[SIZE_MAX_BYTES];
	uint64_t random;
	unsigned long number; /* of the operation */
	char log[LOG_LINES][120];
};

static struct file file;

__attribute__((noreturn, format(printf, 1, 2))) static void wrong(const char *format, ...)
{
	va_list args;
	for (unsigned long i = 1; i <= LOG_LINES; i++)
		fputs(file.log[(file.number + i) % LOG_LINES], stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (%s)\n", strerror(errno));
	exit(1);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char *line = file.log[file.number % LOG_LINES];
	int len = snprintf(line, sizeof file.log[0], "%lu: ", file.number);
	va_list args;
	va_start(args, format);
	vsnprintf(line + len, sizeof file.log[0] - (size_t)len, format, args);
	va_end(args);
}

static size_t below(size_t limit)
{
	file.random ^= file.random << 13;
	file.random ^= file.random >> 7;
	file.random ^= file.random << 17;
	return limit ? (size_t)(file.random % limit) : 0;
}

static void open_again(void)
{
	if (file.fd > 0)
		close(file.fd);
	if (file.write_fd > 0)
		close(file.write_fd);
	file.fd = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	file.write_fd = open(file.path, O_WRONLY | O_CLOEXEC);
	if (file.fd < 0 || file.write_fd < 0)
		wrong("open %s", file.path);
}

/** The bytes from off on as they are now in the array. */
static void compare(const void *got, size_t off, size_t len)
{
	const unsigned char *bytes = got;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != file.bytes[off + i])
			wrong("at %zu there is %02x, not %02x", off + i, bytes[i],
			      file.bytes[off + i]);
	}
}

static void grow(size_t end)
{
	if (end > file.size)
		file.size = end;
}

static void fill(size_t off, size_t len)
{
	for (size_t i = 0; i < len; i++)
		file.bytes[off + i] = (unsigned char)(file.number + i * 7);
}

static void do_read(size_t off, size_t len)
{
	say("read %zu+%zu\n", off, len);
	size_t want = off < file.size ? file.size - off < len ? file.size - off : len : 0;
	ssize_t got = pread(file.fd, file.got, len, (off_t)off);
	if (got != (ssize_t)want)
		wrong("read gave %zd, not %zu", got, want);
	compare(file.got, off, want);
}

static void do_write(size_t off, size_t len)
{
	int fd = below(2) ? file.fd : file.write_fd;
	say("write %zu+%zu%s\n", off, len, fd == file.fd ? "" : " write-only");
	fill(off, len);
	if (pwrite(fd, file.bytes + off, len, (off_t)off) != (ssize_t)len)
		wrong("write");
	if (len)
		grow(off + len);
}

static void do_truncate(size_t size)
{
	say("truncate %zu -> %zu\n", file.size, size);
	if ((below(2) ? ftruncate(file.fd, (off_t)size) : truncate(file.path, (off_t)size)) < 0)
		wrong("truncate");
	if (size < file.size)
		memset(file.bytes + size, 0, file.size - size);
	file.size = size;
}

static void do_map(size_t off, size_t len, bool put)
{
	if (off >= file.size)
		return;
	if (len > file.size - off)
		len = file.size - off;
	say("map%s %zu+%zu\n", put ? "write" : "read", off, len);
	int protection = put ? PROT_READ | PROT_WRITE : PROT_READ;
	unsigned char *map = mmap(NULL, file.size, protection, MAP_SHARED, file.fd, 0);
	if (map == MAP_FAILED)
		wrong("mmap");
	if (put) {
		fill(off, len);
		memcpy(map + off, file.bytes + off, len);
		if (below(256) == 0 && msync(map, file.size, MS_SYNC) < 0)
			wrong("msync");
	}
	compare(map + off, off, len);
	munmap(map, file.size);
}

static void do_allocate(size_t off, size_t len, int mode)
{
	bool keeps = mode & FALLOC_FL_KEEP_SIZE;
	if (!len)
		return;
	say("fallocate %x %zu+%zu\n", (unsigned)mode, off, len);
	if (fallocate(file.fd, mode, (off_t)off, (off_t)len) < 0) {
		if (errno == EOPNOTSUPP)
			return;
		wrong("fallocate");
	}
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(file.bytes + off, 0, len);
	if (!keeps)
		grow(off + len);
}

static void do_copy(size_t from, size_t len, size_t to)
{
	size_t left = from < file.size ? file.size - from : 0;
	off_t in = (off_t)from, out = (off_t)to;
	if (len > left)
		len = left;
	if (from < to + len && to < from + len)
		return;
	say("copy %zu+%zu to %zu\n", from, len, to);
	for (size_t done = 0; done < len;) {
		ssize_t step = copy_file_range(file.fd, &in, file.fd, &out, len - done, 0);
		if (step <= 0)
			wrong("copy_file_range gave %zd of %zu", step, len - done);
		done += (size_t)step;
	}
	memcpy(file.bytes + to, file.bytes + from, len);
	if (len)
		grow(to + len);
}

static void check_size(void)
{
	struct stat st;
	if (fstat(file.fd, &st) < 0 || (size_t)st.st_size != file.size)
		wrong("the size is %lld, not %zu", (long long)st.st_size, file.size);
}

static void operate(void)
{
	size_t off = below(SIZE_MAX_BYTES - LENGTH_MAX), len = below(LENGTH_MAX);
	if (below(4) == 0)
		off &= ~(size_t)4095;
	if (below(4) == 0)
		len &= ~(size_t)4095;
	switch (below(16)) {
	case 0:
	case 1:
	case 2: do_read(off, len); break;
	case 3:
	case 4:
	case 5:
	case 6: do_write(off, len); break;
	case 7: do_truncate(off); break;
	case 8: do_map(off, len, false); break;
	case 9:
	case 10: do_map(off, len, true); break;
	case 11: do_allocate(off, len, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE); break;
	case 12: do_allocate(off, len, below(2) ? FALLOC_FL_ZERO_RANGE : 0); break;
	case 13:
		do_allocate(off, len, FALLOC_FL_KEEP_SIZE | (below(2) ? FALLOC_FL_ZERO_RANGE : 0));
		break;
	case 14: do_copy(off, len, below(SIZE_MAX_BYTES - LENGTH_MAX)); break;
	default:
		say("open again\n");
		if (below(256) == 0)
			fsync(file.fd);
		open_again();
	}
	check_size();
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: filemodel PATH SEED COUNT\n");
		return 2;
	}
	file.path = argv[1];
	file.random = strtoull(argv[2], NULL, 10) * 2654435761u + 88172645463325252u;
	open_again();
	unsigned long count = strtoul(argv[3], NULL, 10);
	for (file.number = 1; file.number <= count; file.number++)
		operate();
	open_again();
	do_read(0, SIZE_MAX_BYTES);
	printf("%lu operations\n", count);
	return 0;
}
