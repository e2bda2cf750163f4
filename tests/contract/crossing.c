/*
 * Where parts of the engine meet: indexes that read relations whose targets are rows of their own, and
 * rows in memory under changes of all kinds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <storefs/query.h>
#include "backend/backend.h"
#include "memo.h"
#include "relation_case.h"
#include "rows.h"

#define DEFINE(indexes)                              \
	"{\"properties\": {\"title\": \"string\"}, " \
	"\"relations\": {\"author\": \"Account\", \"replies\": [\"Account\"]}" indexes "}"
#define PLAIN DEFINE("")
/* Read by name, by from, and as a part. */
#define INDEXED                                                                                                     \
	DEFINE(", \"indexes\": {\"title\": \"value\", \"replies\": \"value\", \"who\": "                            \
	       "\"keyword:title,replies\", \"parts\": {\"extract\": \"properties\", \"properties\": {\"replies\": " \
	       "\"value\"}}}")

static void save(struct case_store *c, const char *oid, int first, int count)
{
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_buf_printf(&text, "{\"title\": \"%s\", \"replies\": [", oid), 0);
	for (int i = 0; i < count; i++)
		assert_int_equal(sfs_buf_printf(&text,
						"%s{\"oid\": \"a%d\", \"type\": \"Account\"}",
						i ? ", " : "", first + i),
				 0);
	assert_int_equal(sfs_buf_append(&text, "]}", 3), 0);
	assert_int_equal(case_put(c, oid, text.data, 0), 0);
	sfs_buf_fini(&text);
}

static void ready(struct case_store *c)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_index_wait(c->store, c->articles, NULL, NULL, &diag))
		fail_msg("%s", diag.text);
}

static uint64_t count(struct case_store *c, const char *index, const char *key)
{
	uint64_t n = 0;
	assert_int_equal(sfs_index_count(c->store, c->articles, sfs_span_str(index),
					 sfs_span_str(key), &n, NULL),
			 0);
	return n;
}

static uint64_t asked(struct case_store *c, const char *text)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_query *query;
	uint64_t n = 0;
	assert_int_equal(sfs_query_new(c->store, c->articles, &query), 0);
	if (sfs_query_parse(query, sfs_span_str(text), &diag) || sfs_query_count(query, &n, &diag))
		fail_msg("%s: %s", text, diag.text);
	sfs_query_free(query);
	return n;
}

static int count_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)key, (void)val;
	++*(uint64_t *)arg;
	return 0;
}

/** Rows of relations in Article. */
static uint64_t rows(struct case_store *c)
{
	uint64_t n = 0;
	struct sfsi_scan scan = { .partition = c->articles, .prefix = SPAN("L") };
	assert_int_equal(sfsi_backend_scan(c->store->backend, &scan, count_row, &n), 0);
	return n;
}

/** Two objects with rows, made before the index was declared, and one without. */
static void fill(struct case_store *c)
{
	relation_define(c, "Account", "{}");
	relation_define(c, "Article", PLAIN);
	save(c, "big", 0, 100);
	save(c, "small", 0, 5);
	save(c, "wide", 50, 400);
	assert_int_equal(rows(c), 2 * 500);
}

static void see_all(struct case_store *c)
{
	static const char *const indexes[] = { "replies", "who", "parts" };
	for (int i = 0; i < 3; i++) {
		assert_int_equal(count(c, indexes[i], "a3"), 2);
		assert_int_equal(count(c, indexes[i], "a60"), 2);
		assert_int_equal(count(c, indexes[i], "a449"), 1);
		assert_int_equal(count(c, indexes[i], "a450"), 0);
	}
	assert_int_equal(count(c, "who", "wide"), 1);
	relation_sound(c);
}

static void an_index_that_comes_after_the_rows(void **state)
{
	struct case_store *c = *state;
	fill(c);
	relation_define(c, "Article", INDEXED);
	ready(c);
	see_all(c);
	/* Conditions are looked up in keys that are made of the record. */
	assert_int_equal(asked(c, "title=wide replies^=a44"), 1);
	assert_int_equal(asked(c, "title=wide replies>=a98 replies<=a99"), 1);
	assert_int_equal(asked(c, "title=small replies^=a44"), 0);
	assert_int_equal(asked(c, "replies^=a"), 3);
	case_reopen(c);
	if (!case_durable())
		return;
	see_all(c);
}

/** More than a step of building takes: one is taken all the same. */
static void an_index_of_large_objects_behind_the_rows(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf text = SFS_BUF_INIT;
	fill(c);
	assert_int_equal(
		sfs_buf_printf(&text, "{\"title\": \"fat\", \"rest\": \"%0*d\"}", 5 << 20, 0), 0);
	assert_int_equal(sfs_buf_append(&text, "", 1), 0);
	assert_int_equal(case_put(c, "fat", text.data, 0), 0);
	sfs_buf_fini(&text);
	relation_define(c, "Article", INDEXED);
	ready(c);
	assert_int_equal(count(c, "title", "fat"), 1);
	see_all(c);
}

static void changes_of_an_object_whose_rows_are_indexed(void **state)
{
	struct case_store *c = *state;
	fill(c);
	relation_define(c, "Article", INDEXED);
	ready(c);
	assert_int_equal(relation_add(c, "big", "replies", "new"), 0);
	assert_int_equal(relation_remove(c, "big", "replies", "a3"), 0);
	assert_int_equal(count(c, "replies", "new"), 1);
	assert_int_equal(count(c, "replies", "a3"), 1);
	assert_int_equal(rows(c), 2 * 400);
	relation_sound(c);
	/* Attributes alone, and another name, leave what there is. */
	struct sfs_setattr set = { .mask = SFS_SET_MODE, .mode = 0600 };
	assert_int_equal(sfs_object_setattr(c->store, case_attr(c, "wide").ino, &set, NULL), 0);
	assert_int_equal(
		sfs_object_rename(c->store, c->articles, SPAN("wide"), SPAN("other"), 0, NULL), 0);
	assert_int_equal(count(c, "replies", "a449"), 1);
	assert_int_equal(asked(c, "replies^=a44"), 2);
	relation_sound(c);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("other"), 0), 0);
	assert_int_equal(count(c, "replies", "a449"), 0);
	/* Saved with the index: it is not given rows at all. */
	save(c, "late", 0, 100);
	assert_int_equal(rows(c), 0);
	assert_int_equal(count(c, "parts", "a99"), 2);
	relation_sound(c);
	/* Without the index they are given rows again. */
	relation_define(c, "Article", PLAIN);
	save(c, "late", 0, 101);
	assert_int_equal(rows(c), 2 * 101);
	relation_sound(c);
}

static void an_old_table_serves_until_the_new_one_is_there(void **state)
{
	struct case_store *c = *state;
	fill(c);
	relation_define(c, "Article", DEFINE(", \"indexes\": {\"i\": \"value:replies\"}"));
	ready(c);
	relation_define(c, "Article", DEFINE(", \"indexes\": {\"i\": \"value:title\"}"));
	/* Whichever of the two serves now, it follows, and so does the other one. */
	assert_int_equal(relation_add(c, "wide", "replies", "new"), 0);
	save(c, "big", 0, 120);
	relation_sound(c);
	ready(c);
	assert_int_equal(count(c, "i", "wide"), 1);
	relation_sound(c);
	relation_define(c, "Article", DEFINE(", \"indexes\": {\"i\": \"value:replies\"}"));
	assert_int_equal(relation_add(c, "wide", "replies", "newer"), 0);
	ready(c);
	assert_int_equal(count(c, "i", "new"), 1);
	assert_int_equal(count(c, "i", "newer"), 1);
	assert_int_equal(count(c, "i", "a119"), 2);
	relation_sound(c);
}

static void adding_costs_the_same_with_an_index_of_something_else(void **state)
{
	struct case_store *c = *state;
	fill(c);
	relation_define(c, "Article", DEFINE(", \"indexes\": {\"title\": \"value\"}"));
	ready(c);
	uint64_t before = c->store->backend->count.ops;
	assert_int_equal(relation_add(c, "wide", "replies", "new"), 0);
	/* Two of them are the version before (history.h). */
	assert_true(c->store->backend->count.ops - before <= (case_mirrored() ? 72 : 8));
	assert_int_equal(rows(c), 2 * 501);
	relation_sound(c);
}

/* --- rows in memory --- */

#define OIDS 30
#define KEYS_MAX 100000

/** All keys that were ever seen, and what is done to them. */
struct memo_case {
	struct case_store *c;
	struct sfs_buf keys[KEYS_MAX]; /* partition, key */
	size_t count;
	atomic_bool stop;
	uint64_t random;
};

static unsigned pick(struct memo_case *memo, unsigned below)
{
	memo->random = memo->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(memo->random >> 33) % below;
}

struct seeing {
	struct memo_case *memo;
	uint32_t partition;
};

static int see_key(void *arg, struct sfs_span key, struct sfs_span val)
{
	const struct seeing *seeing = arg;
	struct memo_case *memo = seeing->memo;
	(void)val;
	assert_true(memo->count < KEYS_MAX);
	struct sfs_buf *buf = &memo->keys[memo->count++];
	return sfs_buf_append(buf, &seeing->partition, sizeof seeing->partition) < 0 ||
	       sfs_buf_append(buf, key.data, key.len) < 0;
}

static void see_keys(struct memo_case *memo)
{
	for (uint32_t partition = 0; partition < 8; partition++) {
		struct seeing seeing = { memo, partition };
		struct sfsi_scan scan = { .partition = partition, .keys_only = true, .once = true };
		assert_int_equal(
			sfsi_backend_scan(memo->c->store->backend, &scan, see_key, &seeing), 0);
	}
}

static int compare(const void *a, const void *b)
{
	const struct sfs_buf *x = a, *y = b;
	int order = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void each_once(struct memo_case *memo)
{
	size_t kept = 0;
	qsort(memo->keys, memo->count, sizeof *memo->keys, compare);
	for (size_t i = 0; i < memo->count; i++) {
		if (kept && compare(&memo->keys[i], &memo->keys[kept - 1]) == 0) {
			sfs_buf_fini(&memo->keys[i]);
			continue;
		}
		struct sfs_buf key = memo->keys[i];
		memo->keys[i] = (struct sfs_buf)SFS_BUF_INIT;
		memo->keys[kept++] = key;
	}
	memo->count = kept;
}

/** What is remembered of every key is what the backend has. Nobody may commit between the two. */
static void compare_rows(struct memo_case *memo)
{
	struct sfs_store *store = memo->c->store;
	see_keys(memo);
	each_once(memo);
	pthread_mutex_lock(&store->commit_lock);
	for (size_t i = 0; i < memo->count; i++) {
		struct sfs_buf there = SFS_BUF_INIT, known = SFS_BUF_INIT;
		const char *bytes = memo->keys[i].data;
		uint32_t partition;
		memcpy(&partition, bytes, sizeof partition);
		struct sfs_span key = { bytes + sizeof partition,
					memo->keys[i].len - sizeof partition };
		int err = sfsi_backend_get(store->backend, partition, key, &there);
		assert_int_equal(sfsi_memo_get(store, partition, key, &known), err);
		assert_true(sfs_span_equal(sfs_buf_span(&there), sfs_buf_span(&known)));
		if (err != SFS_ERR_NOT_FOUND)
			assert_false(sfsi_memo_lack(store->memo, partition, key));
		sfs_buf_fini(&there);
		sfs_buf_fini(&known);
	}
	pthread_mutex_unlock(&store->commit_lock);
}

/** Looks at objects and questions all the time. */
static void *look(void *arg)
{
	struct memo_case *memo = arg;
	struct case_store *c = memo->c;
	for (unsigned i = 0; !atomic_load(&memo->stop); i++) {
		char oid[16];
		struct sfs_attr attr;
		struct sfs_doc *doc;
		snprintf(oid, sizeof oid, "o%u", i % OIDS);
		if (sfs_object_find(c->store, c->articles, sfs_span_str(oid), &attr) == 0 &&
		    sfs_object_get(c->store, attr.ino, SFS_FORMAT_JSON, &doc) == 0)
			sfs_doc_unref(doc);
		struct timespec moment = { 0, 200000 };
		nanosleep(&moment, NULL);
	}
	return NULL;
}

static void do_raw(struct memo_case *memo, const char *name)
{
	struct case_store *c = memo->c;
	struct sfs_span span = sfs_span_str(name);
	struct sfs_attr attr;
	if (sfs_raw_find(c->store, c->root, span, &attr) < 0)
		attr = case_make(c, c->root, name, SFS_NODE_FILE);
	else if (pick(memo, 3) == 0)
		assert_int_equal(sfs_raw_unlink(c->store, c->root, span), 0);
	else
		case_write(c, attr.ino, name);
}

static void do_one(struct memo_case *memo)
{
	struct case_store *c = memo->c;
	char oid[16], other[16];
	snprintf(oid, sizeof oid, "o%u", pick(memo, OIDS));
	snprintf(other, sizeof other, "o%u", pick(memo, OIDS));
	switch (pick(memo, 9)) {
	case 0: (void)!sfs_object_remove(c->store, c->articles, sfs_span_str(oid), 0); break;
	case 1:
		(void)!sfs_object_rename(c->store, c->articles, sfs_span_str(oid),
					 sfs_span_str(other), 0, NULL);
		break;
	case 2: (void)!relation_add(c, oid, "replies", other); break;
	case 3: (void)!relation_remove(c, oid, "replies", other); break;
	case 4: do_raw(memo, oid); break;
	case 5: (void)!relation_add(c, oid, "replies", "a3"); break;
	case 6:
		if (pick(memo, 6) == 0)
			relation_define(c, "Article", pick(memo, 2) ? PLAIN : INDEXED);
		break;
	default: save(c, oid, (int)pick(memo, 20), (int)pick(memo, 2) ? 80 : 3);
	}
}

static void rows_in_memory_are_those_of_the_backend(void **state)
{
	static struct memo_case memo;
	struct case_store *c = *state;
	pthread_t thread;
	memo = (struct memo_case){ .c = c, .random = 815 };
	relation_define(c, "Account", "{}");
	relation_define(c, "Article", INDEXED);
	assert_int_equal(pthread_create(&thread, NULL, look, &memo), 0);
	for (int i = 0; i < 400; i++) {
		do_one(&memo);
		if (i % 40 == 39)
			compare_rows(&memo);
	}
	atomic_store(&memo.stop, true);
	pthread_join(thread, NULL);
	ready(c);
	compare_rows(&memo);
	relation_sound(c);
	for (size_t i = 0; i < memo.count; i++)
		sfs_buf_fini(&memo.keys[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_crossing(const char *backend)
{
	static const struct CMUnitTest tests[] = {
		CASE(an_index_that_comes_after_the_rows),
		CASE(an_index_of_large_objects_behind_the_rows),
		CASE(changes_of_an_object_whose_rows_are_indexed),
		CASE(an_old_table_serves_until_the_new_one_is_there),
		CASE(adding_costs_the_same_with_an_index_of_something_else),
		CASE(rows_in_memory_are_those_of_the_backend),
	};
	case_backend = backend;
	return cmocka_run_group_tests_name("crossing", tests, NULL, NULL);
}
