/*
 * The contract of counts of indexes that are written later than their entries: whatever was settled and
 * whatever is only in the journal, counts are right, for readers and after the store was closed.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <storefs/query.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"
#include "index/table.h"

#define OBJECTS 400
#define KEYS 60

static void define(struct case_store *c)
{
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	const char *text =
		"{\"indexes\": {\"v\": \"value\", \"words\": {\"extract\": \"keywords\", "
		"\"from\": [\"text\"], \"min\": 1}}}";
	assert_int_equal(sfs_class_define(c->store, &make, sfs_span_str(text), NULL), 0);
}

/* --- a model --- */

struct model {
	int value[OBJECTS]; /* -1: no such object */
	uint64_t random;
};

static unsigned pick(struct model *m, unsigned below)
{
	m->random = m->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(m->random >> 33) % below;
}

static void put(struct case_store *c, struct sfs_batch *batch, int object, int value)
{
	char oid[16], text[96];
	struct sfs_put put = { .class_id = c->articles };
	snprintf(oid, sizeof oid, "o%d", object);
	snprintf(text, sizeof text, "{\"v\": [%d, \"all\"], \"text\": \"w%d x%d x%d every\"}",
		 value, value, value % 7, object % 5);
	put.oid = sfs_span_str(oid);
	put.text = sfs_span_str(text);
	assert_int_equal(batch ? sfs_batch_put(batch, &put, NULL)
			       : sfs_object_put(c->store, &put, NULL, NULL),
			 0);
}

static void change(struct case_store *c, struct model *m)
{
	char oid[16];
	int object = (int)pick(m, OBJECTS), value = (int)pick(m, KEYS);
	if (pick(m, 4) == 0 && m->value[object] >= 0) {
		snprintf(oid, sizeof oid, "o%d", object);
		assert_int_equal(sfs_object_remove(c->store, c->articles, sfs_span_str(oid), 0), 0);
		m->value[object] = -1;
		return;
	}
	put(c, NULL, object, value);
	m->value[object] = value;
}

static void change_many(struct case_store *c, struct model *m, int count)
{
	struct sfs_batch *batch;
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	for (int i = 0; i < count; i++) {
		int object = (int)pick(m, OBJECTS), value = (int)pick(m, KEYS);
		put(c, batch, object, value);
		m->value[object] = value;
	}
	assert_int_equal(sfs_batch_commit(batch, NULL), 0);
}

static uint64_t count(struct case_store *c, const char *index, const char *key)
{
	uint64_t n = UINT64_MAX;
	assert_int_equal(sfs_index_count(c->store, c->articles, sfs_span_str(index),
					 sfs_span_str(key), &n, NULL),
			 0);
	return n;
}

struct listed {
	uint64_t counts[KEYS], all;
};

static int list_key(void *arg, struct sfs_span key, uint64_t n)
{
	struct listed *listed = arg;
	if (sfs_span_equal(key, SPAN("all")))
		listed->all = n;
	else
		listed->counts[atoi(key.data)] = n;
	return 0;
}

static void verify(struct case_store *c, const struct model *m)
{
	struct listed listed = { .all = 0 };
	struct sfs_index_window all = { .limit = UINT64_MAX };
	uint64_t counts[KEYS] = { 0 }, objects = 0;
	for (int i = 0; i < OBJECTS; i++) {
		objects += m->value[i] >= 0;
		if (m->value[i] >= 0)
			counts[m->value[i]]++;
	}
	assert_int_equal(
		sfs_index_keys(c->store, c->articles, SPAN("v"), &all, list_key, &listed, NULL), 0);
	for (int i = 0; i < KEYS; i++) {
		char key[16];
		assert_int_equal(listed.counts[i], counts[i]);
		snprintf(key, sizeof key, "%d", i);
		assert_int_equal(count(c, "v", key), counts[i]);
		snprintf(key, sizeof key, "w%d", i);
		assert_int_equal(count(c, "words", key), counts[i]);
	}
	assert_int_equal(listed.all, objects);
	assert_int_equal(count(c, "words", "every"), objects);
	struct sfs_index_info info;
	assert_int_equal(sfs_index_find(c->store, c->articles, SPAN("v"), &info), 0);
	assert_int_equal(info.entries, 2 * objects);
	assert_string_equal(check_run(c), "");
}

static struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof *m);
	assert_non_null(m);
	m->random = 42;
	for (int i = 0; i < OBJECTS; i++)
		m->value[i] = -1;
	return m;
}

static struct sfsi_class *articles(struct case_store *c)
{
	struct sfsi_class *class = sfsi_class_ref(c->store, c->articles);
	assert_non_null(class);
	return class;
}

/** More commits than the journal has slots, more changes than it keeps. */
static void a_journal_goes_round(void **state)
{
	struct case_store *c = *state;
	struct model *m = model_new();
	define(c);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SFSI_INDEX_SLOTS * 2 / 5; i++)
			change(c, m);
		verify(c, m);
		case_reopen(c);
		if (!case_durable())
			continue;
		verify(c, m);
	}
	for (int i = 0; i < 8; i++) {
		change_many(c, m, 3000);
		for (int k = 0; k < 100; k++)
			change(c, m);
		assert_true(articles(c)->tables.journal.changes <
			    (uint64_t)3 * SFSI_INDEX_CHANGES_MAX);
	}
	verify(c, m);
	case_reopen(c);
	if (case_durable())
		verify(c, m);
	free(m);
}

/** A change that is too large for the journal, and small ones around it. */
static void a_large_change_is_not_journaled(void **state)
{
	struct case_store *c = *state;
	struct model *m = model_new();
	define(c);
	for (int i = 0; i < 50; i++)
		change(c, m);
	change_many(c, m, 6000);
	verify(c, m);
	for (int i = 0; i < 50; i++)
		change(c, m);
	case_reopen(c);
	if (case_durable())
		verify(c, m);
	free(m);
}

static void settle(struct case_store *c)
{
	struct sfsi_txn_class *copy;
	struct sfsi_txn txn;
	assert_int_equal(sfsi_txn_begin(c->store, &txn), 0);
	int err = sfsi_txn_class(&txn, c->articles, &copy);
	if (!err)
		err = sfsi_index_settle(&txn, articles(c));
	assert_int_equal(sfsi_txn_end(&txn, err), 0);
	assert_int_equal(articles(c)->tables.journal.changes, 0);
}

static void what_is_settled_is_not_counted_twice(void **state)
{
	struct case_store *c = *state;
	struct model *m = model_new();
	define(c);
	for (int i = 0; i < 300; i++)
		change(c, m);
	settle(c);
	verify(c, m);
	case_reopen(c);
	if (!case_durable()) {
		free(m);
		return;
	}
	verify(c, m);
	for (int i = 0; i < 300; i++)
		change(c, m);
	case_reopen(c);
	verify(c, m);
	free(m);
}

/* --- stores of an older format, damage --- */

struct old_rows {
	struct sfsi_op ops[4096];
	struct sfsi_index_row keys[4096];
	uint8_t values[4096][17];
	size_t count;
};

/** A row of a count as format 2 had it: without a commit. The journal goes. */
static int make_old(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct old_rows *rows = arg;
	struct sfsi_index_tally tally = { 0 };
	char table = *(const char *)key.data,
	     letter = table == 'H' ? 'H' : ((const char *)key.data)[5];
	uint8_t *value = rows->values[rows->count], *end = sfsi_put_u8(value, 1);
	struct sfsi_op *op = &rows->ops[rows->count];
	if (letter != 'H' && letter != 'K' && letter != 'B')
		return 0;
	if (letter == 'K')
		assert_int_equal(sfsi_index_count_decode(val, &tally.entries, &tally.commit), 0);
	if (letter == 'B')
		assert_int_equal(sfsi_index_block_decode(val, &tally), 0);
	end = sfsi_put_u64(end, tally.entries);
	if (letter == 'B')
		end = sfsi_put_u64(end, tally.keys);
	memcpy(rows->keys[rows->count].data, key.data, key.len);
	rows->keys[rows->count].len = key.len;
	op->key = sfsi_index_row_span(&rows->keys[rows->count]);
	op->remove = letter == 'H';
	if (!op->remove)
		op->val = (struct sfs_span){ value, (size_t)(end - value) };
	rows->count++;
	return rows->count == 4096;
}

static void a_store_of_format_2_counts_on(void **state)
{
	struct case_store *c = *state;
	struct model *m = model_new();
	struct old_rows *rows = calloc(1, sizeof *rows);
	const char *file = case_mirrored() ? ".storefs/store" : "storefs.json";
	char line[300];
	define(c);
	for (int i = 0; i < 300; i++)
		change(c, m);
	/* Nobody divides blocks while their rows are written. */
	assert_int_equal(sfsi_indexer_finish(c->store, articles(c), 1000), 0);
	settle(c);
	struct sfsi_scan scan = { .partition = c->articles, .prefix = SPAN("I") };
	assert_int_equal(sfsi_backend_scan(c->store->backend, &scan, make_old, rows), 0);
	scan.prefix = SPAN("H");
	assert_int_equal(sfsi_backend_scan(c->store->backend, &scan, make_old, rows), 0);
	for (size_t i = 0; i < rows->count; i++)
		rows->ops[i].partition = c->articles;
	assert_int_equal(sfsi_backend_write(c->store->backend, rows->ops, rows->count), 0);
	free(rows);
	verify(c, m);
	if (case_durable()) {
		snprintf(
			line, sizeof line,
			"sed -i 's/\"format\": %d/\"format\": 2/; /\"sum\"/d; s/\\(\"backend\": .*\\),/\\1/' %s/%s",
			SFS_STORE_FORMAT, c->path, file);
		assert_int_equal(system(line), 0);
		case_reopen(c);
		snprintf(line, sizeof line, "grep -q '\"format\": %d' %s/%s", SFS_STORE_FORMAT,
			 c->path, file);
		assert_int_equal(system(line), 0);
		verify(c, m);
		for (int i = 0; i < 300; i++)
			change(c, m);
		case_reopen(c);
		verify(c, m);
	}
	free(m);
}

static void an_unreadable_journal_means_new_indexes(void **state)
{
	struct case_store *c = *state;
	struct model *m = model_new();
	struct sfsi_key key;
	define(c);
	for (int i = 0; i < 100; i++)
		change(c, m);
	sfsi_index_row_journal(&key, 3);
	check_put_row(c, c->articles, &key, SPAN("\x01garbage"));
	assert_string_equal(check_run(c),
			    "index-count index-count index-count index-count index-row");
	case_reopen(c);
	if (case_durable()) {
		assert_int_equal(sfs_index_wait(c->store, c->articles, NULL, NULL, NULL), 0);
		verify(c, m);
		case_reopen(c);
		assert_int_equal(sfs_index_wait(c->store, c->articles, NULL, NULL, NULL), 0);
		verify(c, m);
	}
	free(m);
}

static void a_class_takes_its_journal_along(void **state)
{
	struct case_store *c = *state;
	struct model *m = model_new();
	define(c);
	for (int i = 0; i < 100; i++)
		change(c, m);
	for (int i = 0; i < OBJECTS; i++) {
		char oid[16];
		snprintf(oid, sizeof oid, "o%d", i);
		if (m->value[i] >= 0)
			assert_int_equal(
				sfs_object_remove(c->store, c->articles, sfs_span_str(oid), 0), 0);
	}
	assert_int_equal(sfs_class_remove(c->store, SPAN("Article")), 0);
	assert_string_equal(check_run(c), "");
	case_reopen(c);
	assert_string_equal(check_run(c), "");
	free(m);
}

/** Blocks go when nothing is left in them: what moves through an index leaves nothing behind. */
static void empty_blocks_go(void **state)
{
	struct case_store *c = *state;
	define(c);
	for (int round = 0; round < 6; round++) {
		struct sfs_batch *batch;
		assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
		for (int i = 0; i < 2000; i++)
			put(c, batch, i, round * 2000 + i);
		assert_int_equal(sfs_batch_commit(batch, NULL), 0);
	}
	assert_int_equal(sfsi_indexer_finish(c->store, articles(c), 100000), 0);
	assert_string_equal(check_run(c), "");
	struct sfsi_index_table *table = sfsi_index_named(c->store, articles(c), SPAN("v"));
	assert_non_null(table);
	assert_true(table->blocks_len >= 4000 / SFSI_INDEX_BLOCK_MAX);
	assert_true(table->blocks_len < 32);
	uint64_t before = 0;
	struct sfs_buf boundary = SFS_BUF_INIT;
	assert_int_equal(
		sfsi_index_seek(c->store, table, SFSI_INDEX_ENTRIES, 3999, &boundary, &before), 0);
	assert_int_equal(
		sfsi_index_seek(c->store, table, SFSI_INDEX_ENTRIES, 4000, &boundary, &before),
		SFS_ERR_NOT_FOUND);
	sfs_buf_fini(&boundary);
	case_reopen(c);
	assert_string_equal(check_run(c), "");
}

/* --- readers --- */

struct reader {
	struct case_store *c;
	_Atomic bool stop;
	bool failed;
};

static int see_all(void *arg, struct sfs_span key, uint64_t n)
{
	if (sfs_span_equal(key, SPAN("all")))
		*(uint64_t *)arg = n;
	return 0;
}

/** A count that only grows is never seen to be less than before. */
static void *read_counts(void *arg)
{
	struct reader *reader = arg;
	struct sfs_index_window all = { .limit = UINT64_MAX };
	uint64_t last = 0, n = 0;
	while (!atomic_load(&reader->stop) && !reader->failed) {
		int err = sfs_index_keys(reader->c->store, reader->c->articles, SPAN("v"), &all,
					 see_all, &n, NULL);
		reader->failed = err || n < last;
		last = n;
		if (!err)
			err = sfs_index_count(reader->c->store, reader->c->articles, SPAN("v"),
					      SPAN("all"), &n, NULL);
		reader->failed |= err || n < last;
		last = n;
	}
	return NULL;
}

static void readers_see_counts_grow(void **state)
{
	struct case_store *c = *state;
	struct reader reader = { .c = c };
	pthread_t thread;
	define(c);
	put(c, NULL, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, read_counts, &reader), 0);
	for (int i = 1; i < 1500; i++) {
		put(c, NULL, i, i % KEYS);
		if (i % 50 == 0)
			settle(c);
	}
	atomic_store(&reader.stop, true);
	pthread_join(thread, NULL);
	assert_false(reader.failed);
	assert_int_equal(count(c, "v", "all"), 1500);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_index_journal(const char *backend)
{
	static const struct CMUnitTest tests[] = {
		CASE(a_journal_goes_round),
		CASE(a_large_change_is_not_journaled),
		CASE(what_is_settled_is_not_counted_twice),
		CASE(a_store_of_format_2_counts_on),
		CASE(an_unreadable_journal_means_new_indexes),
		CASE(a_class_takes_its_journal_along),
		CASE(empty_blocks_go),
		CASE(readers_see_counts_grow),
	};
	case_backend = backend;
	return cmocka_run_group_tests_name("index_journal", tests, NULL, NULL);
}
