/*
 * treebench: one kind of work on many small files, and what one of them cost.
 *
 * Usage: treebench COUNT WORKLOAD DIR
 *
 * Files are DIR/f0, DIR/f1, … of 4 KiB, directories DIR/d0, …; rename moves a file to
 * another name and back. Each workload finds what an earlier one left: the caller (bench/raw) keeps the order.
 *
 * Prints: WORKLOAD OPERATIONS WALL_NS CPU_NS          (ns for one operation; CPU of this process)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SIZE 4096

static char buffer[SIZE];

typedef int work_fn(int dir, const char *name, long i);

static int do_create(int dir, const char *name, long i)
{
	memset(buffer, (int)('a' + i % 26), sizeof(buffer));
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	ssize_t done = write(fd, buffer, sizeof(buffer));
	return close(fd) < 0 || done != SIZE ? -1 : 0;
}

static int do_overwrite(int dir, const char *name, long i)
{
	memset(buffer, (int)('A' + i % 26), sizeof(buffer));
	int fd = openat(dir, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t done = write(fd, buffer, sizeof(buffer));
	return close(fd) < 0 || done != SIZE ? -1 : 0;
}

static int do_read(int dir, const char *name, long i)
{
	(void)i;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t done = read(fd, buffer, sizeof(buffer));
	return close(fd) < 0 || done != SIZE ? -1 : 0;
}

static int do_stat(int dir, const char *name, long i)
{
	struct stat st;
	(void)i;
	return fstatat(dir, name, &st, 0) < 0 || st.st_size != SIZE ? -1 : 0;
}

static int do_rename(int dir, const char *name, long i)
{
	char other[32];
	snprintf(other, sizeof(other), "g%ld", i);
	return renameat(dir, name, dir, other) < 0 ? -1 : renameat(dir, other, dir, name);
}

static int do_unlink(int dir, const char *name, long i)
{
	(void)i;
	return unlinkat(dir, name, 0);
}

static int do_mkdir(int dir, const char *name, long i)
{
	(void)i;
	return mkdirat(dir, name, 0755);
}

static int do_rmdir(int dir, const char *name, long i)
{
	(void)i;
	return unlinkat(dir, name, AT_REMOVEDIR);
}

static const struct workload {
	const char *name;
	char letter; /* names begin with it */
	work_fn *fn;
} workloads[] = {
	{ "create", 'f', do_create }, { "overwrite", 'f', do_overwrite },
	{ "read", 'f', do_read },     { "stat", 'f', do_stat },
	{ "rename", 'f', do_rename }, { "unlink", 'f', do_unlink },
	{ "mkdir", 'd', do_mkdir },   { "rmdir", 'd', do_rmdir },
};

static double since(clockid_t clock, const struct timespec *then)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)(now.tv_sec - then->tv_sec) * 1e9 + (double)(now.tv_nsec - then->tv_nsec);
}

static int run(const struct workload *work, long count, int dir)
{
	struct timespec wall, cpu;
	clock_gettime(CLOCK_MONOTONIC, &wall);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	for (long i = 0; i < count; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%c%ld", work->letter, i);
		if (work->fn(dir, name, i) == 0)
			continue;
		fprintf(stderr, "treebench: %s %s: %s\n", work->name, name, strerror(errno));
		return 1;
	}
	double used = since(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	printf("%s %ld %.0f %.0f\n", work->name, count,
	       since(CLOCK_MONOTONIC, &wall) / (double)count, used / (double)count);
	return 0;
}

int main(int argc, char **argv)
{
	long count = argc == 4 ? atol(argv[1]) : 0;
	int dir = count > 0 ? open(argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	for (size_t i = 0; dir >= 0 && i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (strcmp(workloads[i].name, argv[2]) == 0)
			return run(&workloads[i], count, dir);
	fprintf(stderr, "usage: treebench COUNT WORKLOAD DIR\n");
	return 2;
}
