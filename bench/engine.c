/*
 * engine_bench: what the engine's own operations cost in a store of a given size.
 *
 * Usage: engine_bench [-n OPERATIONS] PATH OBJECTS
 *
 * PATH is a folder to make a store in ("memory:" for the memory backend). Loads OBJECTS documents of
 * 1 KiB in batches, then measures single operations through the public library. Oids are scattered,
 * so that neighbours in time are not neighbours in the store.
 *
 * Prints lines of "KEY VALUE" and, for each operation, "op NAME WALL_US CPU_US": the median of slices,
 * microseconds for one operation; CPU of the whole process, background work included.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <storefs/object.h>
#include "measure.h"

#define DOCUMENT 1024
#define BATCH 1000  /* documents in one commit while loading */
#define SLICES 20   /* the median is taken over these */
#define PAGE 500    /* entries of one page of a listing */
#define COOKIES 256 /* places in the listing that pages start from */
#define HOT 200     /* objects that are read again and again */

struct bench {
	struct sfs_store *store;
	struct sfs_class_info class;
	unsigned long objects;    /* loaded */
	unsigned long operations; /* of each kind */
	unsigned revision;        /* content of what is saved */
	uint64_t random;          /* state of the generator */
	uint64_t cookies[COOKIES];
	size_t cookie_count;
};

struct operation {
	const char *name;
	void (*run)(struct bench *b, unsigned long i);
	unsigned long divide; /* run so many times fewer */
};

/* Names and content. mix() is a bijection: no two numbers share an oid. */

struct oid {
	char text[20];
};

static struct oid oid_of(unsigned long i)
{
	struct oid oid;
	snprintf(oid.text, sizeof(oid.text), "%016llx", (unsigned long long)mix(i + 1));
	return oid;
}

static void fill(const struct bench *b, unsigned long i, char document[DOCUMENT])
{
	static const char words[] = "the quick brown fox jumps over a lazy dog and ";
	int len = snprintf(document, DOCUMENT,
			   "{\n  \"number\": %lu,\n  \"revision\": %u,\n  \"ratio\": %lu.25,\n"
			   "  \"tags\": [\"alpha\", \"beta\", \"%lu\"],\n  \"open\": true,\n"
			   "  \"body\": \"",
			   i, b->revision, i % 97, i % 13);
	size_t at = (size_t)len;
	for (size_t k = (size_t)i; at < DOCUMENT - 4; k++)
		document[at++] = words[k % (sizeof(words) - 1)];
	memcpy(document + at, "\"\n}\n", 4);
}

static struct sfs_put put_of(const struct bench *b, const struct oid *oid, const char *document,
			     unsigned flags)
{
	return (struct sfs_put){
		.class_id = b->class.id,
		.oid = sfs_span_str(oid->text),
		.format = SFS_FORMAT_JSON,
		.text = { document, DOCUMENT },
		.flags = flags,
	};
}

/* Loading. */

static void load_batch(struct bench *b, unsigned long from, unsigned long to)
{
	char document[DOCUMENT];
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_batch *batch;
	check(sfs_batch_begin(b->store, &batch), "batch", NULL);
	for (unsigned long i = from; i < to; i++) {
		struct oid oid = oid_of(i);
		fill(b, i, document);
		struct sfs_put put = put_of(b, &oid, document, SFS_PUT_CREATE);
		check(sfs_batch_put(batch, &put, &diag), "batch put", &diag);
	}
	check(sfs_batch_commit(batch, NULL), "batch commit", NULL);
}

static void load(struct bench *b)
{
	double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned long i = 0; i < b->objects; i += BATCH)
		load_batch(b, i, i + BATCH < b->objects ? i + BATCH : b->objects);
	check(sfs_store_sync(b->store), "sync", NULL);
	double objects = (double)b->objects;
	printf("load_per_second %.0f\n", objects / (now(CLOCK_MONOTONIC) - start) * 1e6);
	printf("load_cpu_us %.2f\n", (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / objects);
}

/* Wait, a minute at most, until the store has used no CPU for half a second. */
static void settle(void)
{
	int quiet = 0;
	for (int i = 0; i < 600 && quiet < 5; i++) {
		double before = now(CLOCK_PROCESS_CPUTIME_ID);
		usleep(100000);
		quiet = now(CLOCK_PROCESS_CPUTIME_ID) - before < 1000 ? quiet + 1 : 0;
	}
}

/* Keep about COOKIES cookies, evenly spread. */
struct walk {
	struct bench *b;
	unsigned long seen, every;
};

static int on_entry(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct walk *walk = arg;
	(void)oid;
	(void)attr;
	if (walk->seen++ % walk->every == 0 && walk->b->cookie_count < COOKIES)
		walk->b->cookies[walk->b->cookie_count++] = cookie;
	return 0;
}

static void walk_all(struct bench *b)
{
	struct walk walk = { b, 0, b->objects / COOKIES + 1 };
	double start = now(CLOCK_MONOTONIC);
	check(sfs_object_list(b->store, b->class.id, 0, 0, on_entry, &walk), "list", NULL);
	if (walk.seen != b->objects) {
		fprintf(stderr, "engine_bench: %lu objects listed\n", walk.seen);
		exit(1);
	}
	printf("list_all_us %.3f\n", (now(CLOCK_MONOTONIC) - start) / (double)walk.seen);
}

/* Operations. */

static void save(struct bench *b, unsigned long i, unsigned flags)
{
	char document[DOCUMENT];
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct oid oid = oid_of(i);
	fill(b, i, document);
	struct sfs_put put = put_of(b, &oid, document, flags);
	check(sfs_object_put(b->store, &put, NULL, &diag), "put", &diag);
}

static void run_put(struct bench *b, unsigned long i)
{
	save(b, b->objects + i, SFS_PUT_CREATE | SFS_PUT_KEEP_TEXT);
}

/* The content differs from the last one by its revision. */
static void run_overwrite(struct bench *b, unsigned long i)
{
	b->revision = (unsigned)i + 1;
	save(b, pick(&b->random, b->objects), SFS_PUT_UPDATE | SFS_PUT_KEEP_TEXT);
}

static void get(struct bench *b, unsigned long i)
{
	struct sfs_attr attr;
	struct sfs_doc *doc;
	struct oid oid = oid_of(i);
	check(sfs_object_find(b->store, b->class.id, sfs_span_str(oid.text), &attr), "find", NULL);
	check(sfs_object_get(b->store, attr.ino, SFS_FORMAT_JSON, &doc), "get", NULL);
	sfs_doc_unref(doc);
}

static void run_get(struct bench *b, unsigned long i)
{
	(void)i;
	get(b, pick(&b->random, b->objects));
}

static void run_get_hot(struct bench *b, unsigned long i)
{
	get(b, i % HOT);
}

static void run_missing(struct bench *b, unsigned long i)
{
	struct sfs_attr attr;
	struct oid oid = oid_of(i);
	oid.text[0] = 'x';
	int err = sfs_object_find(b->store, b->class.id, sfs_span_str(oid.text), &attr);
	check(err == SFS_ERR_NOT_FOUND ? 0 : SFS_ERR_EXISTS, "missing", NULL);
}

static int on_page_entry(void *arg, struct sfs_span oid, const struct sfs_attr *attr,
			 uint64_t cookie)
{
	(void)oid;
	(void)attr;
	(void)cookie;
	++*(size_t *)arg;
	return 0;
}

static void run_page(struct bench *b, unsigned long i)
{
	size_t seen = 0;
	(void)i;
	/* Early cookies only, so that every page is full. */
	uint64_t after = b->cookies[pick(&b->random, (b->cookie_count + 1) / 2)];
	check(sfs_object_list(b->store, b->class.id, after, PAGE, on_page_entry, &seen), "page",
	      NULL);
	if (seen < PAGE && b->objects >= (uint64_t)2 * PAGE + 2 * b->objects / COOKIES) {
		fprintf(stderr, "engine_bench: a page of %zu entries\n", seen);
		exit(1);
	}
}

static int on_window_entry(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	size_t *seen = arg;
	(void)oid, (void)doc;
	++*seen;
	return 0;
}

/* The page of 20 that begins nine tenths into the class. */
static void run_window(struct bench *b, unsigned long i)
{
	size_t seen = 0;
	struct sfs_span all = { NULL, 0 };
	struct sfs_window window = { 20, (int64_t)(b->objects / 10 * 9), -1 };
	(void)i;
	check(sfs_object_window(b->store, b->class.id, all, &window, SFS_FORMAT_MSGPACK,
				on_window_entry, &seen, NULL),
	      "window", NULL);
	if (seen != 20) {
		fprintf(stderr, "engine_bench: a window of %zu objects\n", seen);
		exit(1);
	}
}

static void run_count(struct bench *b, unsigned long i)
{
	struct sfs_class_info info;
	(void)i;
	check(sfs_class_get(b->store, b->class.id, &info), "count", NULL);
	if (info.objects < b->objects)
		check(SFS_ERR_CORRUPT, "count", NULL);
}

static void run_remove(struct bench *b, unsigned long i)
{
	struct oid oid = oid_of(b->objects + i);
	check(sfs_object_remove(b->store, b->class.id, sfs_span_str(oid.text), 0), "remove", NULL);
}

static const struct operation operations[] = {
	{ "put", run_put, 1 },         { "overwrite", run_overwrite, 1 },
	{ "get", run_get, 1 },         { "get-hot", run_get_hot, 1 },
	{ "missing", run_missing, 1 }, { "page", run_page, 10 },
	{ "window", run_window, 20 },  { "count", run_count, 1 },
	{ "remove", run_remove, 1 },
};

static void measure(struct bench *b, const struct operation *op)
{
	double wall[SLICES], cpu[SLICES];
	unsigned long each = b->operations / op->divide / SLICES + 1, i = 0;
	for (int slice = 0; slice < SLICES; slice++) {
		double w = now(CLOCK_MONOTONIC), c = now(CLOCK_PROCESS_CPUTIME_ID);
		for (unsigned long end = i + each; i < end; i++)
			op->run(b, i);
		wall[slice] = (now(CLOCK_MONOTONIC) - w) / (double)each;
		cpu[slice] = (now(CLOCK_PROCESS_CPUTIME_ID) - c) / (double)each;
	}
	printf("op %s %.2f %.2f\n", op->name, median(wall, SLICES), median(cpu, SLICES));
	fflush(stdout);
}

/* The store. */

static void print_memory(void)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status)) {
		unsigned long kib;
		if (sscanf(line, "VmRSS: %lu", &kib) == 1)
			printf("rss_kib %lu\n", kib);
		else if (sscanf(line, "RssAnon: %lu", &kib) == 1)
			printf("anon_kib %lu\n", kib);
	}
	if (status)
		fclose(status);
}

static void open_store(struct bench *b, const char *path)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store_config config = { .path = path };
	if (strcmp(path, "memory:") != 0)
		check(sfs_store_init(&config, &diag), "init", &diag);
	check(sfs_store_open(&config, &b->store, &diag), "open", &diag);
	struct sfs_class_make make = { .name = sfs_span_str("Bench"),
				       .kind = SFS_CLASS_OBJECT,
				       .mode = 0755 };
	check(sfs_class_create(b->store, &make, &b->class, &diag), "class", &diag);
}

static void run_all(struct bench *b)
{
	struct sfs_store_stat stat;
	load(b);
	settle();
	walk_all(b);
	print_memory();
	check(sfs_store_stat(b->store, &stat), "stat", NULL);
	printf("backend_bytes %llu\n", (unsigned long long)stat.backend_bytes);
	fflush(stdout);
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		settle();
		measure(b, &operations[i]);
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: engine_bench [-n OPERATIONS] PATH|memory: OBJECTS\n");
	return 2;
}

static unsigned long number(const char *text)
{
	char *end;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	return errno || end == text || *end || value > 100000000 ? 0 : value;
}

int main(int argc, char **argv)
{
	struct bench b = { .operations = 5000, .random = 1 };
	int c;
	while ((c = getopt(argc, argv, "n:")) != -1) {
		if (c != 'n')
			return usage();
		b.operations = number(optarg);
	}
	if (argc - optind != 2)
		return usage();
	b.objects = number(argv[optind + 1]);
	if (b.objects < HOT || b.operations == 0)
		return usage();
	open_store(&b, argv[optind]);
	run_all(&b);
	check(sfs_store_close(b.store), "close", NULL);
	return 0;
}
