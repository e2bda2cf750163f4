/*
 * Folders of objects as files (backend directory) through the library: `folder_bench [-k] FOLDER [OBJECTS]`.
 *
 * The reference figures are those of the Python storage module for such records: create 117 to 186 µs CPU, get 42
 * to 76 µs, a page of a listing 202 ms and a count 189 ms at 100,000 objects, a removal 30 ms.
 *
 * FOLDER is made, of backend kv with -k, and is not removed. Each row: microseconds for one operation,
 * wall and CPU of all threads, background work included.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <storefs/object.h>
#include "measure.h"

struct bench {
	struct sfs_store *store;
	uint32_t class_id;
	unsigned long objects;
};

static struct {
	double wall, cpu;
} from;

static void begin(void)
{
	from.wall = now(CLOCK_MONOTONIC);
	from.cpu = now(CLOCK_PROCESS_CPUTIME_ID);
}

static void row(const char *what, unsigned long count)
{
	double wall = now(CLOCK_MONOTONIC) - from.wall;
	double cpu = now(CLOCK_PROCESS_CPUTIME_ID) - from.cpu;
	printf("%-22s %11.1f us wall %11.1f us CPU\n", what, wall / (double)count,
	       cpu / (double)count);
	fflush(stdout);
}

static void open_store(struct bench *b, const char *path)
{
	const struct sfs_store_config config = { .path = path };
	struct sfs_diag diag = SFS_DIAG_INIT;
	check(sfs_store_open(&config, &b->store, &diag), path, &diag);
}

static struct sfs_span oid(unsigned long i, char ret[32])
{
	int len = snprintf(ret, 32, "o%lu", i);
	return (struct sfs_span){ ret, (size_t)len };
}

static void put_all(struct bench *b, const char *name)
{
	char text[200], id[32];
	for (unsigned long i = 0; i < b->objects; i++) {
		snprintf(text, sizeof text,
			 "{\"name\": \"%s %lu\", \"email\": \"user%lu@example.org\", \"n\": %lu}",
			 name, i, i, i);
		const struct sfs_put put = { .class_id = b->class_id,
					     .oid = oid(i, id),
					     .text = sfs_span_str(text) };
		check(sfs_object_put(b->store, &put, NULL, NULL), "put", NULL);
	}
}

static void get_all(struct bench *b)
{
	char id[32];
	for (unsigned long i = 0; i < b->objects; i++) {
		struct sfs_attr attr;
		struct sfs_doc *doc;
		check(sfs_object_find(b->store, b->class_id, oid(i, id), &attr), "find", NULL);
		check(sfs_object_get(b->store, attr.ino, SFS_FORMAT_JSON, &doc), "get", NULL);
		sfs_doc_unref(doc);
	}
}

static int see(void *arg, struct sfs_span name, const struct sfs_attr *attr, uint64_t cookie)
{
	(void)name, (void)attr;
	*(uint64_t *)arg = cookie;
	return 0;
}

static void list(struct bench *b)
{
	uint64_t cookie = 0;
	begin();
	check(sfs_object_list(b->store, b->class_id, cookie, 20, see, &cookie), "list", NULL);
	row("a page of 20", 1);
	struct sfs_class_info info;
	begin();
	for (int i = 0; i < 1000; i++)
		check(sfs_class_get(b->store, b->class_id, &info), "count", NULL);
	row("count", 1000);
}

static void remove_some(struct bench *b, unsigned long count)
{
	char id[32];
	for (unsigned long i = 0; i < count; i++)
		check(sfs_object_remove(b->store, b->class_id, oid(i, id), 0), "remove", NULL);
}

static void run(struct bench *b, const char *path)
{
	begin();
	put_all(b, "first");
	check(sfs_store_sync(b->store), "sync", NULL);
	row("create", b->objects);
	begin();
	put_all(b, "second");
	check(sfs_store_sync(b->store), "sync", NULL);
	row("change", b->objects);
	begin();
	get_all(b);
	row("get", b->objects);
	list(b);
	check(sfs_store_close(b->store), "close", NULL);
	begin();
	open_store(b, path);
	row("open", 1);
	begin();
	get_all(b);
	row("get, after opening", b->objects);
	begin();
	remove_some(b, b->objects / 10);
	row("remove", b->objects / 10);
	check(sfs_store_close(b->store), "close", NULL);
}

int main(int argc, char **argv)
{
	struct bench b = { .objects = 10000 };
	struct sfs_class_info info;
	struct sfs_diag diag = SFS_DIAG_INIT;
	bool plain = argc > 1 && strcmp(argv[1], "-k") == 0;
	argv += plain;
	argc -= plain;
	if (argc > 2)
		b.objects = strtoul(argv[2], NULL, 10);
	if (argc < 2 || b.objects < 10) {
		fprintf(stderr, "usage: folder_bench [-k] FOLDER [OBJECTS]\n");
		return 2;
	}
	const struct sfs_store_config config = { .path = argv[1],
						 .backend = plain ? "kv" : "directory" };
	check(sfs_store_init(&config, &diag), argv[1], &diag);
	open_store(&b, argv[1]);
	const struct sfs_class_make make = { .name = sfs_span_str("Account"),
					     .kind = SFS_CLASS_OBJECT,
					     .mode = 0755 };
	check(sfs_class_create(b.store, &make, &info, &diag), "class", &diag);
	b.class_id = info.id;
	run(&b, argv[1]);
	return 0;
}
