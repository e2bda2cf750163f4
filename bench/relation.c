/*
 * relation_bench: what relations and definitions cost.
 *
 * Usage: relation_bench PATH
 *
 * PATH is a folder to make a store in ("memory:" for the memory backend). Saves documents of 20
 * properties in a class with a definition and in one without, in turns; and adds targets to relations
 * that have 10, 1,000 and 100,000. Prints "op NAME WALL_US CPU_US": the median of slices, microseconds
 * for one operation; CPU of the whole process, background work included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <storefs/relation.h>
#include "measure.h"

#define SLICES 21 /* the median is taken over these */
#define SAVES 200 /* of each kind in a slice */
#define ADDS 50   /* targets that are added in a slice */
#define BATCH 5000

static const char definition[] =
	"{\"properties\": {\"title\": \"string:line\", \"status\": \"(draft|published)\", \"rank\": \"int\","
	" \"score\": \"float\", \"at\": \"datetime\", \"day\": \"date\", \"mail\": \"string:email\","
	" \"link\": \"string:url\", \"ok\": \"bool\", \"tags\": \"[string]\", \"p10\": \"string\","
	" \"p11\": \"string\", \"p12\": \"string\", \"p13\": \"int\", \"p14\": \"int\", \"p15\": \"number\","
	" \"p16\": \"string\", \"p17\": \"string\", \"p18\": \"[int]\", \"p19\": \"any\"},"
	" \"relations\": {\"author\": \"Defined\", \"many\": [\"Defined\"]}}";
static const char document[] =
	"{\"title\": \"A title of some words\", \"status\": \"draft\", \"rank\": %u, \"score\": 0.5,"
	" \"at\": \"2026-11-22T01:02:03\", \"day\": \"2026-11-22\", \"mail\": \"a@example.com\","
	" \"link\": \"https://example.com/a\", \"ok\": true, \"tags\": [\"one\", \"two\"],"
	" \"p10\": \"some text\", \"p11\": \"some text\", \"p12\": \"some text\", \"p13\": 13, \"p14\": 14,"
	" \"p15\": 15.5, \"p16\": \"some text\", \"p17\": \"some text\", \"p18\": [1, 2, 3], \"p19\": null}";

struct bench {
	struct sfs_store *store;
	uint32_t defined, plain;
	unsigned revision, target;
	double wall[SLICES], cpu[SLICES];
};

static void report(const char *name, double *wall, double *cpu)
{
	printf("op %s %.2f %.2f\n", name, median(wall, SLICES), median(cpu, SLICES));
}

static void save(struct bench *b, uint32_t class_id, unsigned i)
{
	char oid[16], text[1200];
	snprintf(oid, sizeof oid, "%u", i);
	snprintf(text, sizeof text, document, b->revision++);
	struct sfs_put put = {
		.class_id = class_id,
		.oid = sfs_span_str(oid),
		.text = sfs_span_str(text),
		.flags = SFS_PUT_KEEP_TEXT,
	};
	check(sfs_object_put(b->store, &put, NULL, NULL), "put", NULL);
}

static void measure_saves(struct bench *b)
{
	double wall[2][SLICES], cpu[2][SLICES];
	for (int slice = 0; slice < SLICES; slice++) {
		for (int kind = 0; kind < 2; kind++) {
			double w = now(CLOCK_MONOTONIC), c = now(CLOCK_PROCESS_CPUTIME_ID);
			for (unsigned i = 0; i < SAVES; i++)
				save(b, kind ? b->defined : b->plain, i);
			wall[kind][slice] = (now(CLOCK_MONOTONIC) - w) / SAVES;
			cpu[kind][slice] = (now(CLOCK_PROCESS_CPUTIME_ID) - c) / SAVES;
		}
	}
	report("save-plain", wall[0], cpu[0]);
	report("save-defined", wall[1], cpu[1]);
}

static void add(struct bench *b, struct sfs_batch *batch, const struct sfs_relation *relation)
{
	char oid[16];
	snprintf(oid, sizeof oid, "t%u", b->target++);
	struct sfs_target target = { 0, sfs_span_str(oid) };
	if (batch)
		check(sfs_batch_relation_add(batch, relation, &target), "add to a batch", NULL);
	else
		check(sfs_relation_add(b->store, relation, &target, NULL), "add", NULL);
}

/** Fill the relation of an object, and add one by one. */
static void measure_adds(struct bench *b, unsigned count, const char *name)
{
	struct sfs_batch *batch;
	unsigned step = count < 1000 ? 1 : ADDS;
	for (int slice = 0; slice < SLICES; slice++) {
		double w = 0, c = 0;
		for (unsigned i = 0; i < ADDS; i += step) {
			char oid[24];
			/* One object for all slices when it has many; a fresh one when it has few. */
			snprintf(oid, sizeof oid, "%s-%u", name,
				 step == 1 ? (unsigned)slice * ADDS + i : 0);
			struct sfs_relation relation = { b->defined, sfs_span_str(oid),
							 sfs_span_str("many") };
			struct sfs_put put = { .class_id = b->defined,
					       .oid = sfs_span_str(oid),
					       .text = sfs_span_str("{}"),
					       .flags = SFS_PUT_CREATE };
			int fresh = sfs_object_put(b->store, &put, NULL, NULL) == 0;
			for (unsigned k = 0; fresh && k < count; k += BATCH) {
				check(sfs_batch_begin(b->store, &batch), "batch", NULL);
				for (unsigned n = k; n < count && n < k + BATCH; n++)
					add(b, batch, &relation);
				check(sfs_batch_commit(batch, NULL), "commit", NULL);
			}
			w -= now(CLOCK_MONOTONIC);
			c -= now(CLOCK_PROCESS_CPUTIME_ID);
			for (unsigned k = 0; k < step; k++)
				add(b, NULL, &relation);
			w += now(CLOCK_MONOTONIC);
			c += now(CLOCK_PROCESS_CPUTIME_ID);
		}
		b->wall[slice] = w / ADDS;
		b->cpu[slice] = c / ADDS;
	}
	report(name, b->wall, b->cpu);
}

static uint32_t make_class(struct bench *b, const char *name, const char *text)
{
	struct sfs_class_make make = { .name = sfs_span_str(name), .mode = 0755 };
	struct sfs_class_info info;
	check(sfs_class_define(b->store, &make, sfs_span_str(text), NULL), "define", NULL);
	check(sfs_class_find(b->store, make.name, &info), "find the class", NULL);
	return info.id;
}

int main(int argc, char **argv)
{
	struct bench b = { .revision = 1 };
	if (argc != 2) {
		fprintf(stderr, "usage: relation_bench PATH\n");
		return 2;
	}
	struct sfs_store_config config = { .path = argv[1] };
	if (strcmp(argv[1], "memory:") != 0)
		check(sfs_store_init(&config, NULL), "init", NULL);
	check(sfs_store_open(&config, &b.store, NULL), "open", NULL);
	b.plain = make_class(&b, "Plain", "{}");
	b.defined = make_class(&b, "Defined", definition);
	measure_saves(&b);
	measure_adds(&b, 10, "add-10");
	measure_adds(&b, 1000, "add-1000");
	measure_adds(&b, 100000, "add-100000");
	return sfs_store_close(b.store) < 0;
}
