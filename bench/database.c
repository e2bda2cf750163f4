/*
 * Databases through the library, with the records of the reference figures (89 ms for set and flush, 801 ms for open,
 * 1,004 ms for falling back to a backup, at 100,000 keys): `database_bench FOLDER [KEYS]`.
 *
 * FOLDER is made and removed. Each row: wall milliseconds, and CPU of all threads.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <storefs/database.h>

struct moment {
	double wall, cpu;
};

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static struct moment now(void)
{
	struct timespec wall;
	struct rusage usage;
	clock_gettime(CLOCK_MONOTONIC, &wall);
	getrusage(RUSAGE_SELF, &usage);
	return (struct moment){ (double)wall.tv_sec + (double)wall.tv_nsec / 1e9,
				seconds(usage.ru_utime) + seconds(usage.ru_stime) };
}

static void row(const char *what, struct moment from)
{
	struct moment to = now();
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	printf("%-34s %9.1f ms wall %9.1f ms CPU   %ld MiB peak\n", what,
	       (to.wall - from.wall) * 1e3, (to.cpu - from.cpu) * 1e3, usage.ru_maxrss / 1024);
}

static void need(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, sfs_err_text(err));
	exit(1);
}

static void put_text(struct sfs_buf *buf, const char *text)
{
	size_t len = strlen(text);
	uint8_t head[2] = { 0xd9, (uint8_t)len };
	uint8_t small = (uint8_t)(0xa0 | len);
	need(len < 32 ? sfs_buf_append(buf, &small, 1) : sfs_buf_append(buf, head, 2), "memory");
	need(sfs_buf_append(buf, text, len), "memory");
}

/** keyNNNNNN: {"n": …, "name": "user N", "tags": ["a", "b"]} */
static void make_file(const char *path, uint32_t keys)
{
	struct sfs_buf buf = SFS_BUF_INIT;
	uint8_t head[5] = { 0xdf, (uint8_t)(keys >> 24), (uint8_t)(keys >> 16),
			    (uint8_t)(keys >> 8), (uint8_t)keys };
	need(sfs_buf_append(&buf, head, 5), "memory");
	for (uint32_t i = 0; i < keys; i++) {
		char text[40];
		uint8_t number[5] = { 0xce, (uint8_t)(i >> 24), (uint8_t)(i >> 16),
				      (uint8_t)(i >> 8), (uint8_t)i };
		snprintf(text, sizeof text, "key%06" PRIu32, i);
		put_text(&buf, text);
		need(sfs_buf_append(&buf, "\x83", 1), "memory");
		put_text(&buf, "n");
		need(sfs_buf_append(&buf, number, 5), "memory");
		put_text(&buf, "name");
		snprintf(text, sizeof text, "user %" PRIu32, i);
		put_text(&buf, text);
		put_text(&buf, "tags");
		need(sfs_buf_append(&buf,
				    "\x92\xa1"
				    "a\xa1"
				    "b",
				    5),
		     "memory");
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, buf.data, buf.len) != (ssize_t)buf.len)
		need(SFS_ERR_IO, path);
	close(fd);
	sfs_buf_fini(&buf);
}

static struct sfs_store *open_store(const char *folder)
{
	struct sfs_store *store;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store_config config = { .path = folder, .save_interval_s = 1000000 };
	int err = sfs_store_open(&config, &store, &diag);
	if (err < 0)
		fprintf(stderr, "%s\n", diag.text);
	need(err, folder);
	return store;
}

static void set_and_flush(struct sfs_store *store, uint32_t id, const char *oid, const char *text)
{
	struct sfs_put put = { .class_id = id,
			       .oid = sfs_span_str(oid),
			       .text = sfs_span_str(text) };
	struct moment from = now();
	need(sfs_object_put(store, &put, NULL, NULL), "set");
	row("set", from);
	need(sfs_database_flush(store, id, NULL), "flush");
	row("set and flush", from);
}

int main(int argc, char **argv)
{
	struct sfs_class_info class;
	uint32_t keys = argc > 2 ? (uint32_t)atoi(argv[2]) : 100000;
	char path[4096];
	if (argc < 2 || mkdir(argv[1], 0755) < 0) {
		fprintf(stderr,
			"usage: database_bench FOLDER [KEYS], of a folder that is not there\n");
		return 2;
	}
	snprintf(path, sizeof path, "%s/db.mpack", argv[1]);
	make_file(path, keys);
	struct moment from = now();
	struct sfs_store *store = open_store(argv[1]);
	row("first open, all is taken in", from);
	need(sfs_class_find(store, sfs_span_str("db"), &class), "db");
	set_and_flush(store, class.id, "key000500", "{\"n\": -1}");
	set_and_flush(store, class.id, "key000500", "{\"n\": -2}");
	set_and_flush(store, class.id, "a new one", "{\"n\": -3}");
	from = now();
	need(sfs_database_flush(store, class.id, NULL), "flush");
	row("flush of an unchanged one", from);
	need(sfs_store_close(store), "close");
	from = now();
	store = open_store(argv[1]);
	row("open", from);
	need(sfs_store_close(store), "close");
	need(truncate(path, 1000) < 0 ? SFS_ERR_IO : 0, path);
	sleep(2);
	from = now();
	store = open_store(argv[1]);
	row("open, the file is damaged", from);
	from = now();
	need(sfs_store_close(store), "close");
	row("… and close", from);
	return 0;
}
