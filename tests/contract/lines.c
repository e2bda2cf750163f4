/*
 * The contract of lines: an object as a line of JSON or CSV; and of keys in full,
 * by which also those are found whose text is cut.
 */
#include <storefs/query.h>
#include <storefs/lines.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"

#define DEFINITION                                                   \
	"{\"properties\": {\"title\": \"string\", \"n\": \"any\"}, " \
	"\"indexes\": {\"title\": \"value\", \"n\": \"value\"}}"

static void define(struct case_store *c, const char *text)
{
	struct sfs_class_make make = { .name = sfs_span_str("Article") };
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfs_class_define(c->store, &make, sfs_span_str(text), &diag), 0);
	assert_int_equal(sfs_index_wait(c->store, c->articles, NULL, NULL, &diag), 0);
}

/** The lines of some oids in a form. */
static const char *all_of(struct case_store *c, enum sfs_lines_form form, const char *const *oids)
{
	static char text[4096];
	struct sfs_lines *lines;
	struct sfs_buf ret = SFS_BUF_INIT;
	assert_int_equal(sfs_lines_new(c->store, c->articles, form, &lines), 0);
	for (; *oids; oids++)
		assert_int_equal(sfs_lines_put(lines, sfs_span_str(*oids), &ret), 0);
	assert_int_equal(sfs_lines_end(lines, &ret), 0);
	assert_true(ret.len < sizeof text);
	memcpy(text, ret.len ? ret.data : "", ret.len);
	text[ret.len] = '\0';
	sfs_buf_fini(&ret);
	sfs_lines_free(lines);
	return text;
}

static void an_object_is_a_line(void **state)
{
	struct case_store *c = *state;
	static const char *const both[] = { "a", "b,\"", NULL }, *const none[] = { NULL };
	define(c, DEFINITION);
	assert_int_equal(case_put(c, "a", "{ \"n\": [1, 2.50], \"title\": \"x\\ny\" }", 0), 0);
	assert_int_equal(case_put(c, "b,\"", "{\"more\": {}, \"n\": null}", 0), 0);
	assert_string_equal(all_of(c, SFS_LINES_OIDS, both), "a\nb,\"\n");
	assert_string_equal(all_of(c, SFS_LINES_JSONL, both),
			    "{\"oid\":\"a\",\"title\":\"x\\ny\",\"n\":[1,2.5]}\n"
			    "{\"oid\":\"b,\\\"\",\"n\":null,\"more\":{}}\n");
	assert_string_equal(all_of(c, SFS_LINES_CSV, both),
			    "oid,title,n\r\na,\"x\ny\",\"[1,2.5]\"\r\n\"b,\"\"\",,\r\n");
	assert_string_equal(all_of(c, SFS_LINES_CSV, none), "oid,title,n\r\n");
	assert_string_equal(all_of(c, SFS_LINES_JSONL, none), "");
}

static void without_a_definition_the_first_object_names_the_columns(void **state)
{
	struct case_store *c = *state;
	static const char *const both[] = { "1", "2", NULL };
	assert_int_equal(case_put(c, "1", "{\"b\": 1, \"a\": true}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"a\": \"z\", \"c\": 3}", 0), 0);
	assert_string_equal(all_of(c, SFS_LINES_CSV, both), "oid,b,a\r\n1,1,true\r\n2,,z\r\n");
}

/** The last key that was given. */
struct last {
	struct sfs_buf bytes;
	bool cut;
	size_t count;
};

static int keep(void *arg, const struct sfs_index_key *key)
{
	struct last *last = arg;
	last->bytes.len = 0;
	last->cut = key->cut;
	last->count++;
	return sfs_buf_append(&last->bytes, key->bytes.data, key->bytes.len) < 0;
}

static void a_cut_key_is_found_by_its_bytes(void **state)
{
	struct case_store *c = *state;
	struct sfs_span title = sfs_span_str("title"), none = { "", 0 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct last last = { .count = 0 };
	char text[5000];
	define(c, DEFINITION);
	for (int i = 0; i < 3; i++) {
		char oid[] = { (char)('a' + i), '\0' };
		snprintf(text, sizeof text, "{\"title\": \"%04000d%d\"}", 0, i);
		assert_int_equal(case_put(c, oid, text, 0), 0);
	}
	/* One after the other, resumed by their bytes. */
	for (size_t i = 1; i <= 3; i++) {
		struct sfs_span after = i == 1 ? none : sfs_buf_span(&last.bytes);
		struct sfs_buf copy = SFS_BUF_INIT;
		assert_int_equal(sfs_buf_append(&copy, after.data, after.len), 0);
		assert_int_equal(sfs_index_keys_from(c->store, c->articles, title,
						     sfs_buf_span(&copy), false, 1, keep, &last,
						     &diag),
				 0);
		sfs_buf_fini(&copy);
		assert_int_equal(last.count, i);
		assert_true(last.cut);
		struct sfs_query *query;
		uint64_t count;
		assert_int_equal(sfs_query_new(c->store, c->articles, &query), 0);
		assert_int_equal(
			sfs_query_where_key(query, title, sfs_buf_span(&last.bytes), &diag), 0);
		assert_int_equal(sfs_query_count(query, &count, &diag), 0);
		assert_int_equal(count, 1);
		assert_int_equal(sfs_query_where_key(query, title, sfs_span_str("\x60no"), &diag),
				 SFS_ERR_INVALID);
		sfs_query_free(query);
	}
	/* A key that nothing has is told of, too. */
	assert_int_equal(sfs_index_key_of(c->store, c->articles, sfs_span_str("n"),
					  sfs_span_str("5"), keep, &last, &diag),
			 0);
	assert_int_equal(last.count, 4);
	sfs_buf_fini(&last.bytes);
}

int contract_lines(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_object_is_a_line),
		CASE(without_a_definition_the_first_object_names_the_columns),
		CASE(a_cut_key_is_found_by_its_bytes),
	};
	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
