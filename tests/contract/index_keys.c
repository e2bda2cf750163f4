/*
 * The contract of indexes with keys of every awkward form, with very many keys of one object, and with
 * rows that are damaged.
 */
#include <storefs/query.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"
#include "index/row.h"

static void define(struct case_store *c, const char *text)
{
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_class_define(c->store, &make, sfs_span_str(text), &diag))
		fail_msg("%s", diag.text);
}

static int copy_key(void *arg, struct sfs_span key, uint64_t count)
{
	struct sfs_buf *buf = arg;
	assert_int_equal(count, 1);
	assert_int_equal(buf->len, 0);
	assert_int_equal(sfs_buf_append(buf, key.data, key.len), 0);
	return 0;
}

/** What the only key of the index is shown as. */
static struct sfs_buf only_key(struct case_store *c)
{
	struct sfs_index_window all = { .limit = UINT64_MAX };
	struct sfs_buf key = SFS_BUF_INIT;
	assert_int_equal(
		sfs_index_keys(c->store, c->articles, SPAN("v"), &all, copy_key, &key, NULL), 0);
	return key;
}

static uint64_t count(struct case_store *c, struct sfs_span key)
{
	uint64_t n = UINT64_MAX;
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_index_count(c->store, c->articles, SPAN("v"), key, &n, &diag))
		fail_msg("%s", diag.text);
	return n;
}

static void save(struct case_store *c, const char *oid, struct sfs_span json)
{
	struct sfs_put put = { .class_id = c->articles, .oid = sfs_span_str(oid), .text = json };
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_object_put(c->store, &put, NULL, &diag))
		fail_msg("%s", diag.text);
}

/** A key of a text goes in, is shown, found under what was shown, and goes again. */
static void round_trip(struct case_store *c, struct sfs_span json)
{
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_buf_printf(&text, "{\"v\": "), 0);
	assert_int_equal(sfs_buf_append(&text, json.data, json.len), 0);
	assert_int_equal(sfs_buf_append(&text, "}", 1), 0);
	save(c, "1", sfs_buf_span(&text));
	struct sfs_buf shown = only_key(c);
	if (shown.len < 900)
		assert_int_equal(count(c, sfs_buf_span(&shown)), 1);
	assert_int_equal(count(c, json), 1);
	sfs_buf_fini(&shown);
	sfs_buf_fini(&text);
}

static void keys_of_every_form_are_found_again(void **state)
{
	struct case_store *c = *state;
	static const char *const awkward[] = {
		"\"\"",
		"\"a/b/c\"",
		"\".\"",
		"\"..\"",
		"\".hidden\"",
		"\"a\\nb\\r\\t\"",
		"\"a\\u0000b\"",
		"\"\\u0000\"",
		"\"%2F\"",
		"\"\\\"quoted\\\"\"",
		"\"\\ud83d\\ude00\"",
		"\"10\"",
		"\"null\"",
		"\"[1]\"",
		"\" spaces \"",
		"\"a,b\"",
		"\"=<>!^\"",
		"null",
		"true",
		"false",
		"0",
		"-0.0",
		"1e300",
		"-1.5e-300",
		"123456789012345678901234567890",
		"-123456789012345678901234567890",
		"18446744073709551615",
		"{\"a\": [1]}",
	};
	define(c, "{\"indexes\": {\"v\": \"value\"}}");
	for (size_t i = 0; i < sizeof awkward / sizeof *awkward; i++)
		round_trip(c, sfs_span_str(awkward[i]));
	assert_string_equal(check_run(c), "");
}

static void keys_of_every_length_are_found_again(void **state)
{
	struct case_store *c = *state;
	static const size_t lengths[] = {
		1, 254, 255, 256, 930, 936, 937, 960, 2048, 65535, 65536
	};
	static char json[65536 + 3];
	define(c, "{\"indexes\": {\"v\": \"value\"}}");
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		size_t len = lengths[i];
		memset(json, 'x', sizeof json);
		json[0] = json[len + 1] = '"';
		round_trip(c, (struct sfs_span){ json, len + 2 });
		/* Another end is another key, however far behind it is. */
		json[len] = 'y';
		assert_int_equal(count(c, (struct sfs_span){ json, len + 2 }), 0);
		round_trip(c, (struct sfs_span){ json, len + 2 });
	}
	assert_string_equal(check_run(c), "");
}

static int count_hit(void *arg, const struct sfs_index_entry *entry)
{
	(void)entry;
	++*(size_t *)arg;
	return 0;
}

#define KEYS 100000

static void an_object_may_have_a_hundred_thousand_keys(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_index_window window = { .start = KEYS / 2, .limit = 10 };
	struct sfs_index_info info;
	size_t seen = 0;
	define(c, "{\"indexes\": {\"v\": \"value\"}}");
	assert_int_equal(sfs_buf_printf(&text, "{\"v\": [0"), 0);
	for (int i = 1; i < KEYS; i++)
		assert_int_equal(sfs_buf_printf(&text, ",%d", i), 0);
	assert_int_equal(sfs_buf_printf(&text, ",7,7,8]}"), 0);
	save(c, "1", sfs_buf_span(&text));
	sfs_buf_fini(&text);
	assert_int_equal(sfs_index_find(c->store, c->articles, SPAN("v"), &info), 0);
	assert_int_equal(info.keys, KEYS);
	assert_int_equal(info.entries, KEYS);
	assert_int_equal(
		sfs_index_list(c->store, c->articles, SPAN("v"), &window, count_hit, &seen, NULL),
		0);
	assert_int_equal(seen, 10);
	/* It is one result, whatever finds it. */
	struct sfs_query *query;
	struct sfs_query_hit hit;
	uint64_t n;
	assert_int_equal(sfs_query_new(c->store, c->articles, &query), 0);
	assert_int_equal(sfs_query_parse(query, SPAN("v>=1000"), NULL), 0);
	assert_int_equal(sfs_query_sort(query, SPAN("v"), true, NULL), 0);
	assert_int_equal(sfs_query_count(query, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(sfs_query_next(query, &hit, NULL), 0);
	sfs_query_free(query);
	assert_string_equal(check_run(c), "");
	save(c, "1", SPAN("{\"v\": [5, 6]}"));
	assert_int_equal(sfs_index_find(c->store, c->articles, SPAN("v"), &info), 0);
	assert_int_equal(info.entries, 2);
	assert_string_equal(check_run(c), "");
}

static void a_relation_can_be_indexed(void **state)
{
	struct case_store *c = *state;
	define(c, "{\"relations\": {\"up\": \"Article\", \"all\": [\"Article\"]},"
		  " \"indexes\": {\"v\": \"value:up\", \"w\": \"value:all\"}}");
	for (const char *target = "789"; *target; target++)
		save(c, (char[]){ *target, 0 }, SPAN("{}"));
	save(c, "1", SPAN("{\"up\": \"7\", \"all\": [\"8\", \"9\"]}"));
	save(c, "2", SPAN("{\"up\": {\"oid\": \"7\", \"type\": \"Article\"}}"));
	assert_int_equal(count(c, SPAN("\"7\"")), 2);
	bool has = false;
	assert_int_equal(sfs_index_has(c->store, c->articles, SPAN("w"), SPAN("\"9\""), SPAN("1"),
				       &has, NULL),
			 0);
	assert_true(has);
	assert_string_equal(check_run(c), "");
}

static void questions_out_of_range_are_refused_or_empty(void **state)
{
	struct case_store *c = *state;
	struct sfs_query *query;
	struct sfs_query_hit hit;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_span values[] = { SPAN("1"), SPAN("\"broken") };
	define(c, "{\"indexes\": {\"v\": \"value\"}}");
	save(c, "1", SPAN("{\"v\": 1}"));
	assert_int_equal(sfs_query_new(c->store, 4711, &query), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_query_new(c->store, c->articles, &query), 0);
	assert_int_equal(sfs_query_where(query, SPAN("v"), SFS_QUERY_EQ, values, 2, &diag),
			 SFS_ERR_INVALID);
	assert_int_equal(sfs_query_where(query, SPAN("v"), SFS_QUERY_IN, values, 0, &diag),
			 SFS_ERR_INVALID);
	assert_int_equal(sfs_query_where(query, SPAN("v"), SFS_QUERY_MISSING, values, 1, &diag),
			 SFS_ERR_INVALID);
	assert_int_equal(sfs_query_where(query, SPAN("v"), (enum sfs_query_op)99, values, 1, &diag),
			 SFS_ERR_INVALID);
	assert_int_equal(sfs_query_where(query, SPAN("v"), SFS_QUERY_EQ, values + 1, 1, &diag),
			 SFS_ERR_INVALID);
	assert_int_equal(sfs_query_where(query, SPAN(""), SFS_QUERY_EQ, values, 1, &diag),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_query_sort(query, SPAN("w"), false, &diag), SFS_ERR_NOT_FOUND);
	sfs_query_offset(query, UINT64_MAX);
	sfs_query_offset(query, 5);
	assert_int_equal(sfs_query_next(query, &hit, &diag), 1);
	uint64_t n = 9;
	assert_int_equal(sfs_query_count(query, &n, &diag), 0);
	assert_int_equal(n, 0);
	assert_int_equal(sfs_query_where(query, SPAN("v"), SFS_QUERY_EQ, values, 1, &diag), 0);
	sfs_query_free(query);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sfs_query_new(c->store, c->articles, &query), 0);
		sfs_query_limit(query, i ? UINT64_MAX : 0);
		assert_int_equal(sfs_query_next(query, &hit, &diag), i ? 0 : 1);
		assert_int_equal(sfs_query_where(query, SPAN("v"), SFS_QUERY_EQ, values, 1, &diag),
				 SFS_ERR_INVALID);
		sfs_query_free(query);
	}
	struct sfs_index_window window = { .start = UINT64_MAX, .limit = UINT64_MAX };
	size_t seen = 0;
	for (int order = SFS_ORDER_UP; order <= SFS_ORDER_JSON_DOWN; order++) {
		window.order = (enum sfs_index_order)order;
		assert_int_equal(sfs_index_list(c->store, c->articles, SPAN("v"), &window,
						count_hit, &seen, NULL),
				 0);
	}
	window.order = (enum sfs_index_order)77;
	assert_int_equal(
		sfs_index_list(c->store, c->articles, SPAN("v"), &window, count_hit, &seen, NULL),
		SFS_ERR_INVALID);
	assert_int_equal(seen, 0);
}

/* --- damage --- */

static void damage_fill(struct case_store *c)
{
	char oid[16], text[64];
	define(c, "{\"indexes\": {\"v\": \"value\"}}");
	for (int i = 0; i < 50; i++) {
		snprintf(oid, sizeof oid, "%d", i);
		snprintf(text, sizeof text, "{\"v\": %d}", i % 5);
		save(c, oid, sfs_span_str(text));
	}
	assert_string_equal(check_run(c), "");
}

static struct sfsi_key row_key(const struct sfsi_index_row *row)
{
	struct sfsi_key key = { .len = row->len };
	assert_true(row->len <= sizeof key.data);
	memcpy(key.data, row->data, row->len);
	return key;
}

static struct sfsi_key entry_key(struct case_store *c, uint32_t id, const char *value,
				 const char *oid)
{
	struct sfsi_index_row row;
	struct sfs_buf key = SFS_BUF_INIT;
	assert_int_equal(sfsi_index_key_parse(sfs_span_str(value), &key), 0);
	sfsi_index_row_entry(&row, id, sfs_buf_span(&key), sfsi_cookie(c->store, sfs_span_str(oid)),
			     sfs_span_str(oid));
	sfs_buf_fini(&key);
	return row_key(&row);
}

static struct sfsi_key count_key(uint32_t id, const char *value)
{
	struct sfsi_index_row row;
	struct sfs_buf key = SFS_BUF_INIT;
	assert_int_equal(sfsi_index_key_parse(sfs_span_str(value), &key), 0);
	sfsi_index_row(&row, id, 'K', sfs_buf_span(&key));
	sfs_buf_fini(&key);
	return row_key(&row);
}

static uint32_t index_id(struct case_store *c)
{
	struct sfs_index_info info;
	assert_int_equal(sfs_index_find(c->store, c->articles, SPAN("v"), &info), 0);
	return info.id;
}

static void rebuilt(struct case_store *c)
{
	assert_int_equal(
		sfs_index_rebuild(c->store, c->articles, SPAN("v"), NULL, NULL, NULL, NULL), 0);
	assert_int_equal(sfs_index_wait(c->store, c->articles, NULL, NULL, NULL), 0);
	assert_string_equal(check_run(c), "");
	assert_int_equal(count(c, SPAN("3")), 10);
}

static void a_check_finds_what_is_wrong_and_a_rebuild_repairs_it(void **state)
{
	struct case_store *c = *state;
	damage_fill(c);
	/* An entry is missing. */
	struct sfsi_key key = entry_key(c, index_id(c), "3", "8");
	check_drop_row(c, c->articles, &key);
	assert_string_equal(check_run(c), "index index-count index-count");
	rebuilt(c);
	/* One too many: of another key, and of an object that is not there. */
	key = entry_key(c, index_id(c), "4", "8");
	check_put_row(c, c->articles, &key, SPAN("\x01\x05"));
	key = entry_key(c, index_id(c), "4", "gone");
	check_put_row(c, c->articles, &key, SPAN("\x01\x05"));
	assert_string_equal(check_run(c), "index index index-count index-count");
	rebuilt(c);
	/* A count is wrong, a row can not be read, an index does not exist. */
	key = count_key(index_id(c), "2");
	uint8_t bytes[SFSI_INDEX_COUNT_SIZE];
	size_t len = sfsi_index_count_encode(11, UINT64_MAX, bytes);
	check_put_row(c, c->articles, &key, (struct sfs_span){ bytes, len });
	assert_string_equal(check_run(c), "index-count");
	check_put_row(c, c->articles, &key, SPAN("\x01\x0b"));
	assert_string_equal(check_run(c), "index-count index-count index-row");
	rebuilt(c);
	key = count_key(4711, "2");
	check_put_row(c, c->articles, &key, SPAN("\x01\x0b\0\0\0\0\0\0\0"));
	assert_string_equal(check_run(c), "index-row");
	check_drop_row(c, c->articles, &key);
	assert_string_equal(check_run(c), "");
}

static void an_index_that_fails_an_object_is_built_anew(void **state)
{
	struct case_store *c = *state;
	damage_fill(c);
	uint32_t id = index_id(c);
	struct sfsi_key key = entry_key(c, id, "3", "8");
	check_drop_row(c, c->articles, &key);
	/* The save of the object finds out, and goes on. */
	save(c, "8", SPAN("{\"v\": 9}"));
	assert_int_equal(sfs_index_wait(c->store, c->articles, NULL, NULL, NULL), 0);
	assert_true(index_id(c) != id);
	assert_int_equal(count(c, SPAN("9")), 1);
	assert_int_equal(count(c, SPAN("3")), 9);
	assert_string_equal(check_run(c), "");
}

int contract_index_keys(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(keys_of_every_form_are_found_again),
		CASE(keys_of_every_length_are_found_again),
		CASE(an_object_may_have_a_hundred_thousand_keys),
		CASE(a_relation_can_be_indexed),
		CASE(questions_out_of_range_are_refused_or_empty),
		CASE(a_check_finds_what_is_wrong_and_a_rebuild_repairs_it),
		CASE(an_index_that_fails_an_object_is_built_anew),
	};
	return cmocka_run_group_tests_name("index_keys", tests, NULL, NULL);
}
