/*
 * index_bench: what indexes cost and what they give, in a store of a given size.
 *
 * Usage: index_bench [-p] [-n OPERATIONS] [-o NAME] PATH OBJECTS
 *
 * PATH is a folder to make a store in ("memory:" for the memory backend); -p: plain, without indexes, and
 * only saves are measured; -o: one operation alone, or "building": how long saves take while an index is
 * built, and for comparison after it. OBJECTS documents of 1 KiB are loaded in batches: a status that half of
 * them share, a rank that is different in each, a title of five words out of two thousand (a keyword
 * index), and a word that every 50,000th has.
 *
 * Prints lines of "KEY VALUE" and, for each operation, "op NAME WALL_US CPU_US": the median of slices,
 * microseconds for one operation; CPU of the whole process, background work included.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <storefs/query.h>
#include "measure.h"

#define DOCUMENT 1024
#define BATCH 1000
#define SLICES 20
#define WORDS 2000
#define RARE 50000 /* every so many objects have the rare word */
#define PAGE 20
#define SAVES 1000000 /* most that are measured one by one */

static const char definition[] =
	"{\"indexes\": {\"status\": \"value\", \"rank\": \"value\", \"words\": "
	"{\"extract\": \"keywords\", \"from\": [\"title\"]}}}";

/* The same, and an index of keywords that is built while objects are saved. */
static const char larger_definition[] =
	"{\"indexes\": {\"status\": \"value\", \"rank\": \"value\", \"words\": "
	"{\"extract\": \"keywords\", \"from\": [\"title\"]}, \"again\": "
	"{\"extract\": \"keywords\", \"from\": [\"title\"], \"min\": 2}}}";

struct bench {
	struct sfs_store *store;
	struct sfs_class_info class;
	unsigned long objects, operations;
	unsigned revision;
	uint64_t random;
	const char *only; /* NULL, or the one operation that is measured */
};

struct operation {
	const char *name;
	void (*run)(struct bench *b, unsigned long i);
	unsigned long divide; /* run so many times fewer */
	int plain;            /* without indexes, too */
};

static void oid_of(unsigned long i, char ret[20])
{
	snprintf(ret, 20, "%016llx", (unsigned long long)mix(i + 1));
}

static void fill(const struct bench *b, unsigned long i, char document[DOCUMENT])
{
	uint64_t words = mix(i + 7);
	int len = snprintf(
		document, DOCUMENT,
		"{\n  \"title\": \"w%llu w%llu w%llu w%llu w%llu%s\",\n"
		"  \"status\": \"%s\",\n  \"rank\": %lu,\n  \"revision\": %u,\n"
		"  \"body\": \"",
		(unsigned long long)(words % WORDS), (unsigned long long)((words >> 12) % WORDS),
		(unsigned long long)((words >> 24) % WORDS),
		(unsigned long long)((words >> 36) % WORDS),
		(unsigned long long)((words >> 48) % WORDS), i % RARE == 17 ? " rareword" : "",
		(i + b->revision) % 2 ? "published"
		: i % 4               ? "draft"
				      : "old",
		i * 2654435761u % 1000000007u, b->revision);
	for (size_t at = (size_t)len; at < DOCUMENT - 4; at++)
		document[at] = (char)('a' + (at * 7 + i) % 26);
	memcpy(document + DOCUMENT - 4, "\"\n}\n", 4);
}

/* --- loading --- */

static void load_batch(struct bench *b, unsigned long from, unsigned long to)
{
	char document[DOCUMENT], oid[20];
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_batch *batch;
	check(sfs_batch_begin(b->store, &batch), "batch", NULL);
	for (unsigned long i = from; i < to; i++) {
		oid_of(i, oid);
		fill(b, i, document);
		struct sfs_put put = { .class_id = b->class.id,
				       .oid = sfs_span_str(oid),
				       .text = { document, DOCUMENT },
				       .flags = SFS_PUT_CREATE };
		check(sfs_batch_put(batch, &put, &diag), "batch put", &diag);
	}
	check(sfs_batch_commit(batch, NULL), "batch commit", NULL);
}

static void load(struct bench *b)
{
	double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	double objects = (double)b->objects;
	for (unsigned long i = 0; i < b->objects; i += BATCH)
		load_batch(b, i, i + BATCH < b->objects ? i + BATCH : b->objects);
	check(sfs_store_sync(b->store), "sync", NULL);
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

/* --- operations --- */

static void save(struct bench *b, unsigned long i, unsigned flags)
{
	char document[DOCUMENT], oid[20];
	struct sfs_diag diag = SFS_DIAG_INIT;
	oid_of(i, oid);
	fill(b, i, document);
	struct sfs_put put = { .class_id = b->class.id,
			       .oid = sfs_span_str(oid),
			       .text = { document, DOCUMENT },
			       .flags = flags | SFS_PUT_KEEP_TEXT };
	check(sfs_object_put(b->store, &put, NULL, &diag), "put", &diag);
}

static void run_put(struct bench *b, unsigned long i)
{
	save(b, b->objects + i, SFS_PUT_CREATE);
}

/* Another status, the same rank and words. */
static void run_change(struct bench *b, unsigned long i)
{
	b->revision = 1;
	save(b, pick(&b->random, b->objects), 0);
	(void)i;
}

static int on_entry(void *arg, const struct sfs_index_entry *entry)
{
	(void)entry;
	++*(unsigned long *)arg;
	return 0;
}

static void get(struct bench *b, const char *index, const char *key, size_t limit,
		unsigned long least)
{
	unsigned long seen = 0;
	check(sfs_index_get(b->store, b->class.id, sfs_span_str(index), sfs_span_str(key), 0, limit,
			    on_entry, &seen, NULL),
	      index, NULL);
	if (seen < least) {
		fprintf(stderr, "index_bench: %s %s: %lu entries\n", index, key, seen);
		exit(1);
	}
}

static void run_lookup(struct bench *b, unsigned long i)
{
	char key[32];
	(void)i;
	snprintf(key, sizeof key, "%lu", pick(&b->random, b->objects) * 2654435761u % 1000000007u);
	get(b, "rank", key, 0, 1);
}

static void run_first(struct bench *b, unsigned long i)
{
	(void)i;
	get(b, "status", "published", 1, 1);
}

static void run_count(struct bench *b, unsigned long i)
{
	uint64_t count;
	(void)i;
	check(sfs_index_count(b->store, b->class.id, sfs_span_str("status"),
			      sfs_span_str("published"), &count, NULL),
	      "count", NULL);
}

static void query(struct bench *b, const char *text, const char *sort, bool down, uint64_t offset)
{
	struct sfs_query *query;
	struct sfs_query_hit hit;
	struct sfs_diag diag = SFS_DIAG_INIT;
	unsigned long seen = 0;
	check(sfs_query_new(b->store, b->class.id, &query), "query", NULL);
	check(sfs_query_parse(query, sfs_span_str(text), &diag), "parse", &diag);
	if (sort)
		check(sfs_query_sort(query, sfs_span_str(sort), down, &diag), "sort", &diag);
	sfs_query_offset(query, offset);
	sfs_query_limit(query, PAGE);
	for (int err = 0; err == 0; seen += err == 0) {
		err = sfs_query_next(query, &hit, &diag);
		check(err, text, &diag);
	}
	if (!seen)
		check(SFS_ERR_NOT_FOUND, text, NULL);
	sfs_query_free(query);
}

static void run_page(struct bench *b, unsigned long i)
{
	(void)i;
	query(b, "", "rank", false, b->objects / 2 + pick(&b->random, b->objects / 4));
}

static void run_newest(struct bench *b, unsigned long i)
{
	(void)i;
	query(b, "", "rank", true, 0);
}

static void run_hot_page(struct bench *b, unsigned long i)
{
	(void)i;
	query(b, "status=published", NULL, false,
	      b->objects / 4 + pick(&b->random, b->objects / 8));
}

static void run_sorted(struct bench *b, unsigned long i)
{
	(void)i;
	query(b, "status=published", "rank", true, 0);
}

static void run_and(struct bench *b, unsigned long i)
{
	(void)i;
	query(b, "status.in=published,draft,old words=rareword", NULL, false, 0);
}

static const struct operation operations[] = {
	{ "put", run_put, 1, 1 },       { "change", run_change, 1, 1 },
	{ "lookup", run_lookup, 1, 0 }, { "first", run_first, 1, 0 },
	{ "count", run_count, 1, 0 },   { "page", run_page, 5, 0 },
	{ "newest", run_newest, 5, 0 }, { "hot-page", run_hot_page, 5, 0 },
	{ "sorted", run_sorted, 5, 0 }, { "and", run_and, 5, 0 },
};

static void measure(struct bench *b, const struct operation *op)
{
	double wall[SLICES], cpu[SLICES];
	unsigned long each = b->operations / op->divide / SLICES + 1, i = 0;
	/* Caches, and the blocks of the indexes. */
	op->run(b, 10 * b->operations);
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

static void rebuild(struct bench *b, const char *index)
{
	double start = now(CLOCK_MONOTONIC);
	uint64_t objects = 0;
	check(sfs_index_rebuild(b->store, b->class.id, sfs_span_str(index), NULL, NULL, &objects,
				NULL),
	      "rebuild", NULL);
	printf("rebuild_%s_per_second %.0f\n", index,
	       (double)objects / (now(CLOCK_MONOTONIC) - start) * 1e6);
}

/* --- saves while an index is built --- */

struct waits {
	double *us; /* [SAVES] */
	unsigned long count;
};

static bool is_building(struct bench *b, const char *index)
{
	struct sfs_index_info info;
	check(sfs_index_find(b->store, b->class.id, sfs_span_str(index), &info), "find", NULL);
	return info.state == SFS_INDEX_BUILDING;
}

/* Save for as long as the index is built; without one, so many times. A save every millisecond. */
static double save_during(struct bench *b, struct waits *waits, const char *index,
			  unsigned long count)
{
	double start = now(CLOCK_MONOTONIC);
	waits->count = 0;
	while (index ? is_building(b, index) : waits->count < count) {
		double before = now(CLOCK_MONOTONIC);
		run_change(b, 0);
		if (waits->count < SAVES)
			waits->us[waits->count++] = now(CLOCK_MONOTONIC) - before;
		usleep(1000);
	}
	return (now(CLOCK_MONOTONIC) - start) / 1e6;
}

static void print_waits(const char *when, struct waits *waits)
{
	unsigned long n = waits->count;
	if (n == 0)
		return;
	qsort(waits->us, n, sizeof(*waits->us), measure_order);
	printf("%s_saves %lu\n%s_median_us %.0f\n%s_p99_us %.0f\n%s_longest_us %.0f\n", when, n,
	       when, waits->us[n / 2], when, waits->us[n - 1 - n / 100], when, waits->us[n - 1]);
}

static void build_during_saves(struct bench *b)
{
	struct waits waits = { .us = malloc(SAVES * sizeof(double)) };
	struct sfs_class_make make = { .name = sfs_span_str("Bench"), .mode = 0755 };
	if (!waits.us)
		check(SFS_ERR_NO_MEMORY, "saves", NULL);
	check(sfs_class_define(b->store, &make, sfs_span_str(larger_definition), NULL), "define",
	      NULL);
	double seconds = save_during(b, &waits, "again", 0);
	printf("building_per_second %.0f\n", (double)b->objects / seconds);
	unsigned long count = waits.count;
	print_waits("building", &waits);
	settle();
	save_during(b, &waits, NULL, count);
	print_waits("quiet", &waits);
	free(waits.us);
}

static void print_memory(void)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status)) {
		unsigned long kib;
		if (sscanf(line, "VmRSS: %lu", &kib) == 1)
			printf("rss_kib %lu\n", kib);
	}
	if (status)
		fclose(status);
}

static void open_store(struct bench *b, const char *path, int plain)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store_config config = { .path = path };
	if (strcmp(path, "memory:") != 0)
		check(sfs_store_init(&config, &diag), "init", &diag);
	check(sfs_store_open(&config, &b->store, &diag), "open", &diag);
	struct sfs_class_make make = { .name = sfs_span_str("Bench"), .mode = 0755 };
	check(sfs_class_define(b->store, &make, sfs_span_str(plain ? "{}" : definition), &diag),
	      "define", &diag);
	check(sfs_class_find(b->store, make.name, &b->class), "class", NULL);
}

static void run_all(struct bench *b, int plain)
{
	struct sfs_store_stat stat;
	load(b);
	settle();
	check(sfs_store_stat(b->store, &stat), "stat", NULL);
	printf("backend_bytes %llu\n", (unsigned long long)stat.backend_bytes);
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		if ((plain && !operations[i].plain) ||
		    (b->only && strcmp(b->only, operations[i].name) != 0))
			continue;
		settle();
		measure(b, &operations[i]);
	}
	if (!plain && !b->only) {
		rebuild(b, "rank");
		rebuild(b, "words");
	}
	if (!plain && (!b->only || strcmp(b->only, "building") == 0))
		build_during_saves(b);
	print_memory();
}

static int usage(void)
{
	fprintf(stderr, "usage: index_bench [-p] [-n OPERATIONS] [-o NAME] PATH|memory: OBJECTS\n");
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
	int c, plain = 0;
	while ((c = getopt(argc, argv, "pn:o:")) != -1) {
		if (c == 'p')
			plain = 1;
		else if (c == 'o')
			b.only = optarg;
		else if (c == 'n')
			b.operations = number(optarg);
		else
			return usage();
	}
	if (argc - optind != 2)
		return usage();
	b.objects = number(argv[optind + 1]);
	if (b.objects < 1000 || b.operations == 0)
		return usage();
	open_store(&b, argv[optind], plain);
	run_all(&b, plain);
	check(sfs_store_close(b.store), "close", NULL);
	return 0;
}
