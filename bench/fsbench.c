/*
 * fsbench: runs one workload of file operations on a directory and prints what one operation cost.
 *
 * Usage: fsbench [-n COUNT] [-r REPEAT] [-b BASE] [-s SEED] [-m MIB] [-j WRITERS] WORKLOAD DIR
 *
 * Documents are DIR/BASE.json, DIR/BASE+1.json, …: valid JSON of exactly 1 KiB, whose content
 * depends on number and SEED. Every workload opens DIR once and works relative to it, so that the
 * depth of the path does not count. Preparation and cleaning up are workloads of their own: the
 * caller (bench/run) decides what is warm, and can count requests around one process.
 *
 * Prints: WORKLOAD OPERATIONS WALL_NS CPU_NS          (ns for one operation; CPU of this process)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DOCUMENT 1024 /* bytes of one document */
#define MIB ((size_t)1 << 20)
#define PAGE 4096

struct bench {
	int dir;       /* O_PATH descriptor of DIR */
	long count;    /* documents, or repetitions on one of them */
	long repeat;   /* go over the documents so many times (stat, missing) */
	long base;     /* number of the first document */
	unsigned seed; /* content of what is written */
	long mib;      /* size of the large file */
	long writers;  /* threads of fsync */

	long ops;                  /* what was done between start and stop */
	struct timespec wall, cpu; /* at start */
	double wall_ns, cpu_ns;    /* spent, set by stop */
};

struct workload {
	const char *name, *help;
	void (*run)(struct bench *b);
};

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "fsbench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double since(clockid_t clock, const struct timespec *then)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)(now.tv_sec - then->tv_sec) * 1e9 + (double)(now.tv_nsec - then->tv_nsec);
}

static void start(struct bench *b)
{
	clock_gettime(CLOCK_MONOTONIC, &b->wall);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b->cpu);
}

static void stop(struct bench *b, long ops)
{
	b->wall_ns = since(CLOCK_MONOTONIC, &b->wall);
	b->cpu_ns = since(CLOCK_PROCESS_CPUTIME_ID, &b->cpu);
	b->ops = ops;
}

/* Names and content. */

struct name {
	char text[32];
};

static struct name name_of(const struct bench *b, long i)
{
	struct name name;
	snprintf(name.text, sizeof(name.text), "%ld.json", b->base + i);
	return name;
}

/* Fill a document: a few typed fields, then a text that pads it to its size. */
static void fill(const struct bench *b, long i, char document[DOCUMENT])
{
	static const char words[] = "the quick brown fox jumps over a lazy dog and ";
	int len = snprintf(document, DOCUMENT,
			   "{\n  \"number\": %ld,\n  \"revision\": %u,\n  \"ratio\": %ld.25,\n"
			   "  \"tags\": [\"alpha\", \"beta\", \"%ld\"],\n  \"open\": true,\n"
			   "  \"body\": \"",
			   b->base + i, b->seed, i % 97, i % 13);
	size_t at = (size_t)len;
	for (size_t k = (size_t)i; at < DOCUMENT - 4; k++)
		document[at++] = words[k % (sizeof(words) - 1)];
	memcpy(document + at, "\"\n}\n", 4);
}

static int open_at(const struct bench *b, const char *name, int flags)
{
	int fd = openat(b->dir, name, flags | O_CLOEXEC, 0644);
	if (fd < 0)
		fail(name);
	return fd;
}

static void close_checked(int fd, const char *name)
{
	if (close(fd) < 0)
		fail(name);
}

static void write_document(const struct bench *b, long i, const char *name, int flags)
{
	char document[DOCUMENT];
	fill(b, i, document);
	int fd = open_at(b, name, O_WRONLY | flags);
	if (write(fd, document, sizeof(document)) != DOCUMENT)
		fail(name);
	close_checked(fd, name);
}

/* Workloads on documents. */

static void run_create(struct bench *b)
{
	start(b);
	for (long i = 0; i < b->count; i++)
		write_document(b, i, name_of(b, i).text, O_CREAT | O_EXCL);
	stop(b, b->count);
}

static void run_overwrite(struct bench *b)
{
	start(b);
	for (long i = 0; i < b->count; i++)
		write_document(b, i, name_of(b, i).text, O_TRUNC);
	stop(b, b->count);
}

static void run_replace(struct bench *b)
{
	start(b);
	for (long i = 0; i < b->count; i++) {
		struct name name = name_of(b, i);
		write_document(b, i, "saving.tmp", O_CREAT | O_EXCL);
		if (renameat(b->dir, "saving.tmp", b->dir, name.text) < 0)
			fail(name.text);
	}
	stop(b, b->count);
}

static void run_append(struct bench *b)
{
	start(b);
	for (long i = 0; i < b->count; i++) {
		struct name name = name_of(b, i);
		int fd = open_at(b, name.text, O_WRONLY | O_APPEND);
		if (write(fd, "\n", 1) != 1)
			fail(name.text);
		close_checked(fd, name.text);
	}
	stop(b, b->count);
}

static void save_synced(const struct bench *b, long i)
{
	char document[DOCUMENT];
	struct name name = name_of(b, i);
	fill(b, i, document);
	int fd = open_at(b, name.text, O_WRONLY | O_TRUNC);
	if (write(fd, document, sizeof(document)) != DOCUMENT || fsync(fd) < 0)
		fail(name.text);
	close_checked(fd, name.text);
}

/* One of the writers: every so many documents. */
struct writer {
	const struct bench *bench;
	long first;
	pthread_t thread;
};

static void *write_synced(void *arg)
{
	const struct writer *writer = arg;
	const struct bench *b = writer->bench;
	for (long i = writer->first; i < b->count; i += b->writers)
		save_synced(b, i);
	return NULL;
}

static void run_fsync(struct bench *b)
{
	struct writer *writers = calloc((size_t)b->writers, sizeof(*writers));
	if (!writers)
		fail("memory");
	start(b);
	for (long i = 0; i < b->writers; i++) {
		writers[i] = (struct writer){ .bench = b, .first = i };
		errno = pthread_create(&writers[i].thread, NULL, write_synced, &writers[i]);
		if (errno)
			fail("thread");
	}
	for (long i = 0; i < b->writers; i++)
		pthread_join(writers[i].thread, NULL);
	stop(b, b->count);
	free(writers);
}

static void run_stat(struct bench *b)
{
	struct stat st;
	start(b);
	for (long i = 0; i < b->count * b->repeat; i++) {
		struct name name = name_of(b, i % b->count);
		if (fstatat(b->dir, name.text, &st, AT_SYMLINK_NOFOLLOW) < 0)
			fail(name.text);
		if (st.st_size < DOCUMENT)
			fail("size of a document");
	}
	stop(b, b->count * b->repeat);
}

static void run_missing(struct bench *b)
{
	struct stat st;
	start(b);
	for (long i = 0; i < b->count * b->repeat; i++) {
		char name[32];
		snprintf(name, sizeof(name), "none-%ld.json", i % b->count);
		if (fstatat(b->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
			fail(name);
	}
	stop(b, b->count * b->repeat);
}

static void run_read(struct bench *b)
{
	char text[2 * DOCUMENT];
	start(b);
	for (long i = 0; i < b->count; i++) {
		struct name name = name_of(b, i);
		int fd = open_at(b, name.text, O_RDONLY);
		if (read(fd, text, sizeof(text)) != DOCUMENT)
			fail(name.text);
		close(fd);
	}
	stop(b, b->count);
}

static void run_pread(struct bench *b)
{
	char text[DOCUMENT];
	struct name name = name_of(b, 0);
	int fd = open_at(b, name.text, O_RDONLY);
	if (pread(fd, text, sizeof(text), 0) != DOCUMENT)
		fail(name.text);
	start(b);
	for (long i = 0; i < b->count; i++)
		if (pread(fd, text, sizeof(text), 0) != DOCUMENT)
			fail(name.text);
	stop(b, b->count);
	close(fd);
}

static void run_unlink(struct bench *b)
{
	start(b);
	for (long i = 0; i < b->count; i++) {
		struct name name = name_of(b, i);
		if (unlinkat(b->dir, name.text, 0) < 0)
			fail(name.text);
	}
	stop(b, b->count);
}

/* Workloads on a whole directory. */

static void stat_entry(const struct bench *b, const char *name)
{
	struct stat st;
	if (fstatat(b->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail(name);
}

/* List the directory; with_stat: and stat each entry as it comes, as ls -l does. */
static long list(const struct bench *b, bool with_stat)
{
	_Alignas(struct dirent64) char buf[32 << 10];
	int fd = open_at(b, ".", O_RDONLY | O_DIRECTORY);
	long entries = 0;
	ssize_t len;
	while ((len = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < len;) {
			const struct dirent64 *e = (const void *)(buf + at);
			at += e->d_reclen;
			if (e->d_name[0] == '.')
				continue;
			if (with_stat)
				stat_entry(b, e->d_name);
			entries++;
		}
	}
	if (len < 0)
		fail("listing");
	close(fd);
	return entries;
}

static void run_listing(struct bench *b, bool with_stat)
{
	start(b);
	stop(b, list(b, with_stat));
	if (b->ops != b->count) {
		fprintf(stderr, "fsbench: %ld entries listed, expected %ld\n", b->ops, b->count);
		exit(1);
	}
}

static void run_list(struct bench *b)
{
	run_listing(b, false);
}

static void run_liststat(struct bench *b)
{
	run_listing(b, true);
}

/* Workloads on the large file. */

#define LARGE "large.bin"

static void run_write(struct bench *b)
{
	char *block = malloc(MIB);
	if (!block)
		fail("memory");
	memset(block, 0x5a, MIB);
	if (unlinkat(b->dir, LARGE, 0) < 0 && errno != ENOENT)
		fail(LARGE);
	start(b);
	int fd = open_at(b, LARGE, O_WRONLY | O_CREAT | O_EXCL);
	for (long i = 0; i < b->mib; i++) {
		memcpy(block, &i, sizeof(i));
		if (write(fd, block, MIB) != (ssize_t)MIB)
			fail(LARGE);
	}
	close_checked(fd, LARGE);
	stop(b, b->mib);
	free(block);
}

static void run_readseq(struct bench *b)
{
	char *block = malloc(MIB);
	if (!block)
		fail("memory");
	start(b);
	int fd = open_at(b, LARGE, O_RDONLY);
	for (long i = 0; i < b->mib; i++) {
		long mark;
		if (read(fd, block, MIB) != (ssize_t)MIB)
			fail(LARGE);
		memcpy(&mark, block, sizeof(mark));
		if (mark != i)
			fail("content of " LARGE);
	}
	close(fd);
	stop(b, b->mib);
	free(block);
}

/* Different pages in a scattered order: the factor is odd and the number of pages a power of two. */
static void run_random(struct bench *b)
{
	char page[PAGE];
	uint64_t pages = (uint64_t)b->mib * (MIB / PAGE);
	int fd = open_at(b, LARGE, O_RDONLY);
	start(b);
	for (long i = 0; i < b->count; i++) {
		uint64_t at = (uint64_t)i * 40503 % pages;
		if (pread(fd, page, PAGE, (off_t)(at * PAGE)) != PAGE)
			fail(LARGE);
	}
	stop(b, b->count);
	close(fd);
}

/* Not measured: write back what is dirty and give up the cached pages of the documents. */
static void run_forget(struct bench *b)
{
	int self = open_at(b, ".", O_RDONLY | O_DIRECTORY);
	if (syncfs(self) < 0)
		fail("syncfs");
	close(self);
	start(b);
	for (long i = 0; i < b->count; i++) {
		struct name name = name_of(b, i);
		int fd = open_at(b, name.text, O_RDONLY);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
	stop(b, b->count);
}

static const struct workload workloads[] = {
	{ "create", "make documents: open O_EXCL, write, close", run_create },
	{ "overwrite", "open O_TRUNC, write, close", run_overwrite },
	{ "replace", "write saving.tmp and rename it onto a document", run_replace },
	{ "append", "open O_APPEND, write one byte, close", run_append },
	{ "fsync", "open O_TRUNC, write, fsync, close, by -j threads at a time", run_fsync },
	{ "stat", "stat documents", run_stat },
	{ "missing", "stat names that are not there", run_missing },
	{ "read", "open, read, close documents", run_read },
	{ "pread", "read one open document again and again", run_pread },
	{ "unlink", "remove documents", run_unlink },
	{ "list", "list a directory of -n entries", run_list },
	{ "liststat", "list a directory and stat every entry", run_liststat },
	{ "write", "write a new " LARGE " of -m MiB, 1 MiB at a time", run_write },
	{ "readseq", "read it in sequence, 1 MiB at a time", run_readseq },
	{ "random", "read -n scattered pages of 4 KiB of it", run_random },
	{ "forget", "sync, and drop cached pages of documents", run_forget },
};

#define WORKLOADS (sizeof(workloads) / sizeof(*workloads))

__attribute__((noreturn)) static void usage(void)
{
	fprintf(stderr, "usage: fsbench [-n COUNT] [-r REPEAT] [-b BASE] [-s SEED] "
			"[-m MIB] [-j WRITERS] WORKLOAD DIR\n");
	for (size_t i = 0; i < WORKLOADS; i++)
		fprintf(stderr, "  %-10s %s\n", workloads[i].name, workloads[i].help);
	exit(2);
}

static long number(const char *text)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 0 || value > 1000000000)
		usage();
	return value;
}

static void parse(struct bench *b, int argc, char **argv)
{
	int c;
	while ((c = getopt(argc, argv, "n:r:b:s:m:j:")) != -1) {
		if (c == 'n')
			b->count = number(optarg);
		else if (c == 'r')
			b->repeat = number(optarg);
		else if (c == 'b')
			b->base = number(optarg);
		else if (c == 's')
			b->seed = (unsigned)number(optarg);
		else if (c == 'm')
			b->mib = number(optarg);
		else if (c == 'j')
			b->writers = number(optarg);
		else
			usage();
	}
	if (argc - optind != 2 || b->count < 1 || b->repeat < 1 || b->mib < 1 || b->writers < 1)
		usage();
}

int main(int argc, char **argv)
{
	struct bench b = { .count = 1000, .repeat = 1, .mib = 256, .writers = 1 };
	parse(&b, argc, argv);
	const struct workload *w = workloads;
	while (w < workloads + WORKLOADS && strcmp(w->name, argv[optind]) != 0)
		w++;
	if (w == workloads + WORKLOADS)
		usage();
	b.dir = open(argv[optind + 1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b.dir < 0)
		fail(argv[optind + 1]);
	w->run(&b);
	double ops = b.ops > 0 ? (double)b.ops : 1;
	printf("%s %ld %.1f %.1f\n", w->name, b.ops, b.wall_ns / ops, b.cpu_ns / ops);
	return 0;
}
