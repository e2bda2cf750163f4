/*
 * What a class does that is a database (backend mpack), where other groups say what a class of
 * objects does: values of any kind, the order of the file, what is refused, and what is in the file afterwards.
 */
#include <fcntl.h>
#include <unistd.h>
#include <storefs/database.h>
#include <storefs/query.h>
#include <storefs/relation.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"

/** The bytes of Article.mpack. */
static size_t file_bytes(struct case_store *c, unsigned char *ret, size_t size)
{
	char path[128];
	snprintf(path, sizeof path, "%s/Article.mpack", c->path);
	assert_int_equal(sfs_database_flush(c->store, c->articles, NULL), 0);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t got = read(fd, ret, size);
	assert_true(got >= 0);
	close(fd);
	return (size_t)got;
}

static void assert_file(struct case_store *c, const char *bytes, size_t len)
{
	unsigned char found[4096];
	assert_int_equal(file_bytes(c, found, sizeof found), len);
	assert_memory_equal(found, bytes, len);
}

#define FILE_IS(c, text) assert_file(c, text, sizeof text - 1)

static void values_are_of_any_kind(void **state)
{
	struct case_store *c = *state;
	static const char *const values[] = { "null",     "true", "-5",    "1.5",
					      "\"text\"", "[]",   "[1,2]", "{\"a\": 1}" };
	char oid[2] = "a";
	for (size_t i = 0; i < sizeof values / sizeof *values; i++, oid[0]++)
		assert_int_equal(case_put(c, oid, values[i], 0), 0);
	case_reopen(c);
	assert_string_equal(case_oids(c), "a b c d e f g h");
	assert_string_equal(case_get(c, "d", SFS_FORMAT_JSON), "1.5\n");
	assert_string_equal(case_get(c, "e", SFS_FORMAT_JSON), "\"text\"\n");
	FILE_IS(c, "\x88\xa1"
		   "a\xc0\xa1"
		   "b\xc3\xa1"
		   "c\xfb\xa1"
		   "d\xcb\x3f\xf8\0\0\0\0\0\0\xa1"
		   "e\xa4text\xa1"
		   "f\x90\xa1g\x92\1\2\xa1h\x81\xa1"
		   "a\1");
}

static void oid_and_type_are_members_like_others(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "k", "{\"oid\": 7, \"type\": \"Other\"}", 0), 0);
	assert_string_equal(case_get(c, "k", SFS_FORMAT_JSON),
			    "{\n  \"oid\": 7,\n  \"type\": \"Other\"\n}\n");
	FILE_IS(c, "\x81\xa1k\x82\xa3oid\7\xa4type\xa5Other");
}

static void what_storify_could_not_read_is_refused(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "a", "1", 0), 0);
	assert_int_equal(case_put(c, "a", "18446744073709551616", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(case_put(c, "a", "{\"$map\": [[1, 2]]}", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(case_put(c, "a", "[1", 0), SFS_ERR_BAD_DOCUMENT);
	struct sfs_put put = { .class_id = c->articles, .oid = { "\xff", 1 }, .text = { "1", 1 } };
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), SFS_ERR_NAME);
	put.oid = (struct sfs_span){ "", 0 };
	assert_int_not_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	assert_string_equal(case_get(c, "a", SFS_FORMAT_JSON), "1\n");
	FILE_IS(c, "\x81\xa1"
		   "a\1");
}

static void keys_have_the_order_of_the_file(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "z", "1", 0), 0);
	assert_int_equal(case_put(c, "a", "2", 0), 0);
	assert_int_equal(case_put(c, "m", "3", 0), 0);
	/* One that is saved again stays where it is; one that is removed and comes back is the last. */
	assert_int_equal(case_put(c, "z", "4", 0), 0);
	FILE_IS(c, "\x83\xa1z\4\xa1"
		   "a\2\xa1m\3");
	assert_int_equal(sfs_object_remove(c->store, c->articles, sfs_span_str("z"), 0), 0);
	case_reopen(c);
	assert_int_equal(case_put(c, "z", "5", 0), 0);
	FILE_IS(c, "\x83\xa1"
		   "a\2\xa1m\3\xa1z\5");
}

static void there_are_no_raws(void **state)
{
	struct case_store *c = *state;
	const struct sfs_class_make make = { .name = sfs_span_str("Image"),
					     .kind = SFS_CLASS_RAW,
					     .mode = 0755 };
	struct sfs_class_info info;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfs_class_create(c->store, &make, &info, &diag), SFS_ERR_UNSUPPORTED);
	assert_int_equal(sfs_class_find(c->store, make.name, &info), SFS_ERR_NOT_FOUND);
	const struct sfs_class_make article = { .name = sfs_span_str("Article"), .mode = 0755 };
	assert_int_equal(
		sfs_class_define(c->store, &article, sfs_span_str("{\"kind\": \"raw\"}"), &diag),
		SFS_ERR_UNSUPPORTED);
	assert_int_equal(case_put(c, "a", "1", 0), 0);
	/* Scratch files, as of any class, are not in the file. */
	struct sfs_attr attr = case_make(c, c->scratch, "notes.txt", SFS_NODE_FILE);
	case_write(c, attr.ino, "scratch");
	case_reopen(c);
	assert_string_equal(case_read(c, attr.ino), "scratch");
	FILE_IS(c, "\x81\xa1"
		   "a\1");
}

static int define_article(struct case_store *c, const char *text)
{
	const struct sfs_class_make make = { .name = sfs_span_str("Article"), .mode = 0755 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	return sfs_class_define(c->store, &make, sfs_span_str(text), &diag);
}

static void a_definition_names_its_backend_and_relations(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf text = SFS_BUF_INIT;
	const struct sfs_class_make account = { .name = sfs_span_str("Account"),
						.kind = SFS_CLASS_OBJECT,
						.mode = 0755 };
	struct sfs_class_info info;
	assert_int_equal(sfs_class_create(c->store, &account, &info, NULL), 0);
	const struct sfs_put seven = { .class_id = info.id,
				       .oid = sfs_span_str("7"),
				       .text = sfs_span_str("{}") };
	assert_int_equal(sfs_object_put(c->store, &seven, NULL, NULL), 0);
	assert_int_equal(case_put(c, "x", "1", 0), 0);
	assert_int_equal(case_put(c, "old", "{\"by\": {\"oid\": 7, \"type\": \"m.Account\"}}", 0),
			 0);
	assert_int_equal(sfs_class_schema(c->store, c->articles, &text), 0);
	assert_int_equal(sfs_buf_append(&text, "", 1), 0);
	assert_non_null(strstr(text.data, "\"backend\": \"mpack\""));
	sfs_buf_fini(&text);
	assert_int_equal(define_article(c, "{\"backend\": \"directory\"}"), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(define_article(c, "{\"backend\": \"mpack\", \"relations\":"
					   " {\"by\": \"Account\", \"others\": [\"Article\"]}}"),
			 0);
	/* Storify knows no types: what a program states is as good as the name. */
	assert_int_equal(case_put(c, "a",
				  "{\"by\": {\"oid\": 7, \"type\": \"m.Account\"},"
				  " \"others\": [\"old\", {\"oid\": \"x\", \"type\":"
				  " \"m.Article\"}]}",
				  0),
			 0);
	case_reopen(c);
	assert_string_equal(check_run(c), "");
	assert_int_equal(case_put(c, "b", "{\"by\": {\"oid\": 7, \"type\": \"m.Other\"}}", 0),
			 SFS_ERR_BAD_DOCUMENT);
}

static int count_hit(struct sfs_query *query)
{
	struct sfs_query_hit hit;
	int count = 0;
	while (sfs_query_next(query, &hit, NULL) == 0)
		count++;
	return count;
}

static void definitions_and_indexes_are_beside_the_file(void **state)
{
	struct case_store *c = *state;
	const struct sfs_class_make make = { .name = sfs_span_str("Article"),
					     .kind = SFS_CLASS_OBJECT,
					     .mode = 0755 };
	static const char definition[] =
		"{\"properties\": {\"n\": \"int\"}, \"indexes\": {\"n\": \"value\"}}";
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_query *query;
	assert_int_equal(sfs_class_define(c->store, &make, sfs_span_str(definition), &diag), 0);
	assert_int_equal(case_put(c, "a", "{\"n\": 1}", 0), 0);
	assert_int_equal(case_put(c, "b", "{\"n\": 1}", 0), 0);
	assert_int_equal(case_put(c, "b", "{\"n\": 2}", 0), 0);
	assert_int_equal(case_put(c, "c", "{\"n\": \"x\"}", 0), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(case_put(c, "d", "[1]", 0), 0);
	case_reopen(c);
	const struct sfs_span one = sfs_span_str("1");
	assert_int_equal(sfs_query_new(c->store, c->articles, &query), 0);
	assert_int_equal(sfs_query_where(query, sfs_span_str("n"), SFS_QUERY_EQ, &one, 1, &diag),
			 0);
	assert_int_equal(count_hit(query), 1);
	sfs_query_free(query);
	FILE_IS(c, "\x83\xa1"
		   "a\x81\xa1n\1\xa1"
		   "b\x81\xa1n\2\xa1"
		   "d\x91\1");
}

static void classes_are_files(void **state)
{
	struct case_store *c = *state;
	char path[128];
	assert_int_equal(case_put(c, "a", "1", 0), 0);
	assert_int_equal(sfs_class_rename(c->store, sfs_span_str("Article"), sfs_span_str("Other")),
			 0);
	snprintf(path, sizeof path, "%s/Other.mpack", c->path);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(sfs_class_remove(c->store, sfs_span_str("Other")), SFS_ERR_NOT_EMPTY);
	assert_int_equal(sfs_object_remove(c->store, c->articles, sfs_span_str("a"), 0), 0);
	assert_int_equal(sfs_class_remove(c->store, sfs_span_str("Other")), 0);
	assert_int_equal(access(path, F_OK), -1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_databases(const char *backend)
{
	static const struct CMUnitTest tests[] = {
		CASE(values_are_of_any_kind),
		CASE(oid_and_type_are_members_like_others),
		CASE(what_storify_could_not_read_is_refused),
		CASE(keys_have_the_order_of_the_file),
		CASE(there_are_no_raws),
		CASE(definitions_and_indexes_are_beside_the_file),
		CASE(a_definition_names_its_backend_and_relations),
		CASE(classes_are_files),
	};
	case_backend = backend;
	return cmocka_run_group_tests_name("databases", tests, NULL, NULL);
}
