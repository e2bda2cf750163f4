/*
 * The contract of indexes: their entries, keys and counts are what the objects say, through every door,
 * while definitions change, and after a restart.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <storefs/index.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"
#include "index/table.h"

#define DEFINITION                                                               \
	"{\"indexes\": {\"status\": \"value\", \"rank\": \"value\", \"words\": " \
	"{\"extract\": \"keywords\", \"from\": [\"title\"], \"min\": 1}, \"tags\": \"value\"}}"

static void define(struct case_store *c, const char *text)
{
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_class_define(c->store, &make, sfs_span_str(text), &diag))
		fail_msg("%s", diag.text);
}

static void ready(struct case_store *c)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_index_wait(c->store, c->articles, NULL, NULL, &diag))
		fail_msg("%s", diag.text);
}

/* --- what a callback gives, as text --- */

static char shown[1 << 16];

static void show(const char *text, size_t len)
{
	size_t at = strlen(shown);
	assert_true(at + len + 64 < sizeof shown);
	snprintf(shown + at, sizeof shown - at, "%s%.*s", at ? " " : "", (int)len, text);
}

static int show_key(void *arg, struct sfs_span key, uint64_t count)
{
	char number[32];
	(void)arg;
	show(key.data, key.len);
	snprintf(number, sizeof number, ":%llu", (unsigned long long)count);
	strcat(shown, number);
	return 0;
}

static int show_entry(void *arg, const struct sfs_index_entry *entry)
{
	(void)arg;
	show(entry->oid.data, entry->oid.len);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/** The words of shown in order. */
static const char *sorted(void)
{
	static char copy[sizeof shown];
	char *words[4096], *save, *word = strtok_r(strcpy(copy, shown), " ", &save);
	size_t count = 0;
	for (; word; word = strtok_r(NULL, " ", &save))
		words[count++] = strdup(word);
	qsort(words, count, sizeof *words, compare);
	copy[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		strcat(strcat(copy, i ? " " : ""), words[i]);
		free(words[i]);
	}
	return copy;
}

static const char *keys(struct case_store *c, const char *index, enum sfs_index_order order)
{
	struct sfs_index_window all = { .limit = UINT64_MAX, .order = order };
	shown[0] = '\0';
	assert_int_equal(sfs_index_keys(c->store, c->articles, sfs_span_str(index), &all, show_key,
					NULL, NULL),
			 0);
	return shown;
}

static const char *get(struct case_store *c, const char *index, const char *key)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	shown[0] = '\0';
	if (sfs_index_get(c->store, c->articles, sfs_span_str(index), sfs_span_str(key), 0, 0,
			  show_entry, NULL, &diag))
		fail_msg("%s", diag.text);
	return sorted();
}

static uint64_t count(struct case_store *c, const char *index, const char *key)
{
	uint64_t n = 0;
	assert_int_equal(sfs_index_count(c->store, c->articles, sfs_span_str(index),
					 sfs_span_str(key), &n, NULL),
			 0);
	return n;
}

static struct sfs_index_info info(struct case_store *c, const char *index)
{
	struct sfs_index_info found;
	assert_int_equal(sfs_index_find(c->store, c->articles, sfs_span_str(index), &found), 0);
	return found;
}

/* --- cases --- */

static void entries_follow_every_change_of_an_object(void **state)
{
	struct case_store *c = *state;
	define(c, DEFINITION);
	assert_int_equal(case_put(c, "1", "{\"status\": \"new\", \"rank\": 1}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"status\": \"new\", \"rank\": \"1\"}", 0), 0);
	assert_int_equal(case_put(c, "3", "{\"rank\": 1.0, \"title\": \"Hello hello World\"}", 0),
			 0);
	assert_string_equal(get(c, "status", "new"), "1 2");
	assert_string_equal(get(c, "rank", "1"), "1");
	assert_string_equal(get(c, "rank", "\"1\""), "2");
	assert_string_equal(get(c, "words", "hello"), "3");
	assert_string_equal(keys(c, "words", SFS_ORDER_UP), "hello:1 world:1");
	assert_int_equal(info(c, "status").missing, 1);
	assert_int_equal(info(c, "words").missing, 2);
	/* Overwritten, renamed onto another, renamed away, removed. */
	assert_int_equal(case_put(c, "2", "{\"status\": \"old\", \"title\": \"hello\"}", 0), 0);
	assert_string_equal(keys(c, "status", SFS_ORDER_UP), "new:1 old:1");
	assert_string_equal(get(c, "words", "hello"), "2 3");
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("2"), SPAN("1"), 0, NULL),
			 0);
	assert_string_equal(get(c, "status", "new"), "");
	assert_string_equal(get(c, "status", "old"), "1");
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("3"), SPAN("1"),
					   SFS_RENAME_EXCHANGE, NULL),
			 0);
	assert_string_equal(get(c, "status", "old"), "3");
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("3"), SPAN("4"), 0, NULL),
			 0);
	assert_string_equal(get(c, "status", "old"), "4");
	assert_int_equal(sfs_object_to_raw(c->store, c->articles, SPAN("4"), SFS_FORMAT_JSON,
					   c->scratch, SPAN("tmp"), NULL),
			 0);
	assert_string_equal(get(c, "status", "old"), "");
	struct sfs_put put = { .class_id = c->articles, .oid = SPAN("5") };
	assert_int_equal(sfs_object_put_raw(c->store, &put, c->scratch, SPAN("tmp"), NULL, NULL),
			 0);
	assert_string_equal(get(c, "status", "old"), "5");
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("5"), 0), 0);
	assert_string_equal(keys(c, "status", SFS_ORDER_UP), "");
	assert_string_equal(keys(c, "words", SFS_ORDER_UP), "hello:1 world:1");
	case_reopen(c);
	if (case_durable())
		assert_string_equal(get(c, "words", "world"), "1");
	assert_string_equal(check_run(c), "");
}

static void keys_have_an_order_of_values_and_that_of_json(void **state)
{
	struct case_store *c = *state;
	static const char *const values[] = { "null",  "true",  "false",        "10",
					      "9",     "-1",    "1.5",          "\"a\"",
					      "\"B\"", "\"z\"", "\"\xc3\xa9\"", "\"a b\"" };
	define(c, "{\"indexes\": {\"v\": \"value\"}}");
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char oid[8], text[64];
		snprintf(oid, sizeof oid, "%zu", i);
		snprintf(text, sizeof text, "{\"v\": %s}", values[i]);
		assert_int_equal(case_put(c, oid, text, 0), 0);
	}
	assert_string_equal(
		keys(c, "v", SFS_ORDER_UP),
		"null:1 false:1 true:1 -1:1 1.5:1 9:1 10:1 B:1 a:1 a b:1 z:1 \xc3\xa9:1");
	assert_string_equal(
		keys(c, "v", SFS_ORDER_DOWN),
		"\xc3\xa9:1 z:1 a b:1 a:1 B:1 10:1 9:1 1.5:1 -1:1 true:1 false:1 null:1");
	assert_string_equal(
		keys(c, "v", SFS_ORDER_JSON_UP),
		"B:1 \xc3\xa9:1 a b:1 a:1 z:1 -1:1 1.5:1 10:1 9:1 false:1 null:1 true:1");
	struct sfs_index_window part = { .start = 2, .limit = 3, .order = SFS_ORDER_JSON_DOWN };
	shown[0] = '\0';
	assert_int_equal(
		sfs_index_keys(c->store, c->articles, SPAN("v"), &part, show_key, NULL, NULL), 0);
	assert_string_equal(shown, "false:1 9:1 10:1");
}

/* Many objects: blocks are divided, and positions go on being right. */

#define MANY 3000

static void put_many(struct case_store *c, int from, int to)
{
	struct sfs_batch *batch;
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	for (int i = from; i < to; i++) {
		char oid[16], text[128];
		snprintf(oid, sizeof oid, "%05d", i);
		snprintf(text, sizeof text,
			 "{\"rank\": %d, \"status\": \"%s\", \"title\": \"w%d x\"}", i,
			 i % 3 ? "hot" : "cold", i % 7);
		struct sfs_put put = { .class_id = c->articles,
				       .oid = sfs_span_str(oid),
				       .text = sfs_span_str(text) };
		assert_int_equal(sfs_batch_put(batch, &put, NULL), 0);
	}
	assert_int_equal(sfs_batch_commit(batch, NULL), 0);
}

static void check_many(struct case_store *c)
{
	assert_int_equal(count(c, "status", "hot"), MANY - MANY / 3);
	assert_int_equal(count(c, "words", "x"), MANY);
	assert_int_equal(info(c, "rank").keys, MANY);
	assert_int_equal(info(c, "words").entries, 2 * MANY);
	for (int start = 0; start < MANY; start += 377) {
		char expected[64];
		struct sfs_index_window window = { .start = (uint64_t)start, .limit = 2 };
		snprintf(expected, sizeof expected, "%05d%s%05d", start,
			 start + 1 < MANY ? " " : "", start + 1);
		shown[0] = '\0';
		assert_int_equal(sfs_index_list(c->store, c->articles, SPAN("rank"), &window,
						show_entry, NULL, NULL),
				 0);
		assert_string_equal(shown, expected);
		window.order = SFS_ORDER_DOWN;
		snprintf(expected, sizeof expected, "%05d %05d", MANY - 1 - start,
			 MANY - 2 - start);
		shown[0] = '\0';
		assert_int_equal(sfs_index_list(c->store, c->articles, SPAN("rank"), &window,
						show_entry, NULL, NULL),
				 0);
		assert_string_equal(shown, expected);
		snprintf(expected, sizeof expected, "%d:1 %d:1", MANY - 1 - start,
			 MANY - 2 - start);
		shown[0] = '\0';
		assert_int_equal(sfs_index_keys(c->store, c->articles, SPAN("rank"), &window,
						show_key, NULL, NULL),
				 0);
		assert_string_equal(shown, expected);
		window.order = SFS_ORDER_UP;
		snprintf(expected, sizeof expected, "%d:1 %d:1", start, start + 1);
		shown[0] = '\0';
		assert_int_equal(sfs_index_keys(c->store, c->articles, SPAN("rank"), &window,
						show_key, NULL, NULL),
				 0);
		assert_string_equal(shown, expected);
	}
}

static void a_position_is_found_in_a_large_index(void **state)
{
	struct case_store *c = *state;
	define(c, DEFINITION);
	for (int i = 0; i < MANY; i += 500)
		put_many(c, i, i + 500);
	check_many(c);
	case_reopen(c);
	if (case_durable())
		check_many(c);
	/* The n-th object of a hot key is the one that a listing gives as such. */
	static const uint64_t places[] = { 0, 1, 511, 1024, MANY - MANY / 3 - 1 };
	char *save = NULL;
	shown[0] = '\0';
	assert_int_equal(sfs_index_get(c->store, c->articles, SPAN("status"), SPAN("hot"), 0, 0,
				       show_entry, NULL, NULL),
			 0);
	static char all[sizeof shown];
	char *word = strtok_r(strcpy(all, shown), " ", &save);
	for (uint64_t i = 0, k = 0; word; word = strtok_r(NULL, " ", &save), i++) {
		struct sfs_buf oid = SFS_BUF_INIT;
		if (k == 5 || places[k] != i)
			continue;
		assert_int_equal(sfs_index_one(c->store, c->articles, SPAN("status"), SPAN("hot"),
					       i, &oid, NULL, NULL),
				 0);
		assert_true(sfs_span_equal(sfs_buf_span(&oid), sfs_span_str(word)));
		sfs_buf_fini(&oid);
		k++;
	}
	assert_string_equal(check_run(c), "");
}

static void an_index_is_built_of_what_is_there(void **state)
{
	struct case_store *c = *state;
	for (int i = 0; i < MANY; i += 500)
		put_many(c, i, i + 500);
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t n;
	assert_int_equal(sfs_index_count(c->store, c->articles, SPAN("rank"), SPAN("1"), &n, &diag),
			 SFS_ERR_NOT_FOUND);
	assert_string_equal(diag.text, "there is no index rank");
	define(c, DEFINITION);
	ready(c);
	check_many(c);
	struct sfs_index_info before = info(c, "rank");
	/* Another definition of one of them; the others stay as they are. */
	define(c,
	       "{\"indexes\": {\"status\": \"value\", \"rank\": \"value\", \"words\": \"value:title\"}}");
	ready(c);
	assert_int_equal(info(c, "rank").id, before.id);
	assert_int_equal(count(c, "words", "x"), 0);
	assert_int_equal(count(c, "words", "w3 x"), MANY / 7 + 1);
	/* Anew, by hand. */
	uint64_t built = 0;
	assert_int_equal(
		sfs_index_rebuild(c->store, c->articles, SPAN("rank"), NULL, NULL, &built, NULL),
		0);
	assert_int_equal(built, MANY);
	assert_true(info(c, "rank").id != before.id);
	assert_int_equal(info(c, "rank").generation, before.generation + 1);
	assert_int_equal(info(c, "rank").keys, MANY);
	define(c, "{}");
	assert_int_equal(sfs_index_count(c->store, c->articles, SPAN("rank"), SPAN("1"), &n, NULL),
			 SFS_ERR_NOT_FOUND);
	case_reopen(c);
	if (case_durable())
		assert_string_equal(check_run(c), "");
}

struct saver {
	struct case_store *c;
	atomic_bool stop;
	int saves;
};

static void *save_on(void *arg)
{
	struct saver *saver = arg;
	for (int i = 0; !atomic_load(&saver->stop); i++) {
		char oid[16], text[128];
		snprintf(oid, sizeof oid, "%05d", (i * 7919) % (2 * MANY));
		snprintf(text, sizeof text, "{\"rank\": %d, \"status\": \"hot\"}", i % 50);
		if (i % 5 == 4) {
			(void)!sfs_object_remove(saver->c->store, saver->c->articles,
						 sfs_span_str(oid), 0);
			continue;
		}
		struct sfs_put put = { .class_id = saver->c->articles,
				       .oid = sfs_span_str(oid),
				       .text = sfs_span_str(text) };
		assert_int_equal(sfs_object_put(saver->c->store, &put, NULL, NULL), 0);
		saver->saves++;
	}
	return NULL;
}

static void an_index_is_built_while_objects_are_saved(void **state)
{
	struct case_store *c = *state;
	struct saver saver = { .c = c };
	pthread_t thread;
	for (int i = 0; i < MANY; i += 500)
		put_many(c, i, i + 500);
	assert_int_equal(pthread_create(&thread, NULL, save_on, &saver), 0);
	define(c, DEFINITION);
	ready(c);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sfs_index_rebuild(c->store, c->articles, SPAN("rank"), NULL, NULL,
						   NULL, NULL),
				 0);
	atomic_store(&saver.stop, true);
	pthread_join(thread, NULL);
	assert_true(saver.saves > 0);
	struct sfs_class_info class;
	assert_int_equal(sfs_class_get(c->store, c->articles, &class), 0);
	struct sfs_index_info rank = info(c, "rank"), status = info(c, "status");
	assert_int_equal(rank.entries + rank.missing, class.objects);
	assert_int_equal(status.entries + status.missing, class.objects);
	assert_int_equal(count(c, "status", "hot") + count(c, "status", "cold"), class.objects);
	assert_string_equal(check_run(c), "");
}

static void a_class_with_indexes_can_be_emptied_and_removed(void **state)
{
	struct case_store *c = *state;
	put_many(c, 0, 2500);
	define(c, DEFINITION);
	define(c, "{\"indexes\": {\"other\": \"value:rank\"}}");
	ready(c);
	for (int i = 0; i < 2500; i++) {
		char oid[16];
		snprintf(oid, sizeof oid, "%05d", i);
		assert_int_equal(sfs_object_remove(c->store, c->articles, sfs_span_str(oid), 0), 0);
	}
	assert_int_equal(info(c, "other").entries, 0);
	assert_int_equal(info(c, "other").keys, 0);
	assert_int_equal(sfs_class_remove(c->store, SPAN("Article")), 0);
	struct sfs_class_info gone;
	assert_int_equal(sfs_class_find(c->store, SPAN("Article"), &gone), SFS_ERR_NOT_FOUND);
	assert_string_equal(check_run(c), "");
}

static void an_index_of_the_type_follows_the_class(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* a class keeps its type, which its files state */
	define(c, "{\"indexes\": {\"type\": \"value\", \"rank\": \"value\"}}");
	assert_int_equal(case_put(c, "1", "{\"rank\": 1}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"rank\": 1}", 0), 0);
	assert_string_equal(get(c, "type", "Article"), "1 2");
	uint64_t generation = info(c, "rank").generation;
	assert_int_equal(sfs_class_rename(c->store, SPAN("Article"), SPAN("Piece")), 0);
	ready(c);
	assert_string_equal(get(c, "type", "Piece"), "1 2");
	assert_string_equal(get(c, "type", "Article"), "");
	assert_int_equal(case_put(c, "2", "{\"rank\": 2}", 0), 0);
	assert_string_equal(keys(c, "type", SFS_ORDER_UP), "Piece:2");
	assert_int_equal(sfs_class_rename(c->store, SPAN("Piece"), SPAN("Article")), 0);
	define(c,
	       "{\"type\": \"app.Article\", \"indexes\": {\"type\": \"value\", \"rank\": \"value\"}}");
	ready(c);
	assert_string_equal(keys(c, "type", SFS_ORDER_UP), "app.Article:2");
	/* What has nothing to do with it stays as it is. */
	assert_int_equal(info(c, "rank").generation, generation);
	assert_string_equal(check_run(c), "");
}

static int any_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)val;
	*(char *)arg = *(const char *)key.data;
	return 0;
}

static void a_class_that_had_indexes_leaves_nothing_behind(void **state)
{
	struct case_store *c = *state;
	char found = 0;
	define(c, DEFINITION);
	define(c, "{}");
	ready(c);
	/* The rows of tables that are dropped go before the store is closed. */
	assert_int_equal(
		sfsi_indexer_finish(c->store, sfsi_class_ref(c->store, c->articles), SIZE_MAX), 0);
	case_reopen(c);
	assert_int_equal(sfs_class_remove(c->store, SPAN("Article")), 0);
	struct sfsi_scan scan = { .partition = c->articles };
	assert_int_equal(sfsi_backend_scan(c->store->backend, &scan, any_row, &found), 0);
	assert_int_equal(found, 0);
}

int contract_index(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(entries_follow_every_change_of_an_object),
		CASE(keys_have_an_order_of_values_and_that_of_json),
		CASE(a_position_is_found_in_a_large_index),
		CASE(an_index_is_built_of_what_is_there),
		CASE(an_index_is_built_while_objects_are_saved),
		CASE(a_class_with_indexes_can_be_emptied_and_removed),
		CASE(an_index_of_the_type_follows_the_class),
		CASE(a_class_that_had_indexes_leaves_nothing_behind),
	};
	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
