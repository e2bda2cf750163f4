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
#include <unistd.h>
#include <storefs/database.h>
#include "measure.h"

struct moment {
	double wall, cpu;
};

static struct moment begin(void)
{
	return (struct moment){ now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID) };
}

static void row(const char *what, struct moment from)
{
	struct moment to = begin();
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	printf("%-34s %9.1f ms wall %9.1f ms CPU   %ld MiB peak\n", what,
	       (to.wall - from.wall) / 1e3, (to.cpu - from.cpu) / 1e3, usage.ru_maxrss / 1024);
}

static void put_text(struct sfs_buf *buf, const char *text)
{
	size_t len = strlen(text);
	uint8_t head[2] = { 0xd9, (uint8_t)len };
	uint8_t small = (uint8_t)(0xa0 | len);
	check(len < 32 ? sfs_buf_append(buf, &small, 1) : sfs_buf_append(buf, head, 2), "memory",
	      NULL);
	check(sfs_buf_append(buf, text, len), "memory", NULL);
}

/** In the shortest form, as Python writes it. */
static void put_number(struct sfs_buf *buf, uint32_t n)
{
	uint8_t bytes[5] = { 0xce, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
			     (uint8_t)n };
	size_t len = n < 0x80 ? 1 : n < 0x100 ? 2 : n < 0x10000 ? 3 : 5;
	uint8_t *at = bytes + sizeof bytes - len;
	if (len == 2 || len == 3)
		*at = len == 2 ? 0xcc : 0xcd;
	check(sfs_buf_append(buf, at, len), "memory", NULL);
}

/** keyNNNNNN: {"n": …, "name": "user N", "tags": ["a", "b"]} */
static void make_file(const char *path, uint32_t keys)
{
	struct sfs_buf buf = SFS_BUF_INIT;
	uint8_t head[5] = { 0xdf, (uint8_t)(keys >> 24), (uint8_t)(keys >> 16),
			    (uint8_t)(keys >> 8), (uint8_t)keys };
	check(sfs_buf_append(&buf, head, 5), "memory", NULL);
	for (uint32_t i = 0; i < keys; i++) {
		char text[40];
		snprintf(text, sizeof text, "key%06" PRIu32, i);
		put_text(&buf, text);
		check(sfs_buf_append(&buf, "\x83", 1), "memory", NULL);
		put_text(&buf, "n");
		put_number(&buf, i);
		put_text(&buf, "name");
		snprintf(text, sizeof text, "user %" PRIu32, i);
		put_text(&buf, text);
		put_text(&buf, "tags");
		check(sfs_buf_append(&buf,
				     "\x92\xa1"
				     "a\xa1"
				     "b",
				     5),
		      "memory", NULL);
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, buf.data, buf.len) != (ssize_t)buf.len)
		check(SFS_ERR_IO, path, NULL);
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
	check(err, folder, NULL);
	return store;
}

static void set_and_flush(struct sfs_store *store, uint32_t id, const char *oid, const char *text)
{
	struct sfs_put put = { .class_id = id,
			       .oid = sfs_span_str(oid),
			       .text = sfs_span_str(text) };
	struct moment from = begin();
	check(sfs_object_put(store, &put, NULL, NULL), "set", NULL);
	row("set", from);
	check(sfs_database_flush(store, id, NULL), "flush", NULL);
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
	struct moment from = begin();
	struct sfs_store *store = open_store(argv[1]);
	row("first open, all is taken in", from);
	check(sfs_class_find(store, sfs_span_str("db"), &class), "db", NULL);
	set_and_flush(store, class.id, "key000500", "{\"n\": -1}");
	set_and_flush(store, class.id, "key000500", "{\"n\": -2}");
	set_and_flush(store, class.id, "a new one", "{\"n\": -3}");
	from = begin();
	check(sfs_database_flush(store, class.id, NULL), "flush", NULL);
	row("flush of an unchanged one", from);
	check(sfs_store_close(store), "close", NULL);
	from = begin();
	store = open_store(argv[1]);
	row("open", from);
	check(sfs_store_close(store), "close", NULL);
	check(truncate(path, 1000) < 0 ? SFS_ERR_IO : 0, path, NULL);
	sleep(2);
	from = begin();
	store = open_store(argv[1]);
	row("open, the file is damaged", from);
	from = begin();
	check(sfs_store_close(store), "close", NULL);
	row("… and close", from);
	return 0;
}
