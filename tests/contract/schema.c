/* The contract of definitions: what saves do with them, and that nothing is lost when they change. */
#include "case.h"
#include "check_case.h"
#include "contract.h"

static int define(struct case_store *c, const char *name, const char *text, struct sfs_diag *diag)
{
	struct sfs_class_make make = { .name = sfs_span_str(name), .mode = 0755 };
	struct sfs_diag local = SFS_DIAG_INIT;
	int err = sfs_class_define(c->store, &make, sfs_span_str(text), diag ? diag : &local);
	if (err && !diag)
		print_error("%s\n", local.text);
	return err;
}

static int put(struct case_store *c, const char *oid, const char *text, unsigned flags,
	       struct sfs_diag *diag)
{
	struct sfs_put what = {
		.class_id = c->articles,
		.oid = sfs_span_str(oid),
		.text = sfs_span_str(text),
		.flags = flags,
	};
	*diag = (struct sfs_diag)SFS_DIAG_INIT;
	return sfs_object_put(c->store, &what, NULL, diag);
}

static const char *definition(struct case_store *c, uint32_t id)
{
	static char text[4096];
	struct sfs_buf buf = SFS_BUF_INIT;
	assert_int_equal(sfs_class_schema(c->store, id, &buf), 0);
	assert_true(buf.len < sizeof text);
	memcpy(text, buf.data, buf.len);
	text[buf.len] = '\0';
	sfs_buf_fini(&buf);
	return text;
}

#define RULES                                                                  \
	"{\"properties\": {\"title\": \"string\", \"rank\": \"int:0-100\"},\n" \
	" \"relations\": {\"author\": \"Account\", \"replies\": [\"\xc2\xa4\"]} }\n"

static void a_definition_is_kept_byte_for_byte(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(define(c, "Article", RULES, NULL), 0);
	assert_string_equal(definition(c, c->articles), RULES);
	struct sfs_class_info before, after;
	assert_int_equal(sfs_class_get(c->store, c->articles, &before), 0);
	assert_int_equal(define(c, "Article", RULES, NULL), 0);
	assert_int_equal(sfs_class_get(c->store, c->articles, &after), 0);
	assert_int_equal(before.attr.revision, after.attr.revision);
	case_reopen(c);
	assert_string_equal(definition(c, c->articles), RULES);
	struct sfs_diag diag;
	assert_int_equal(put(c, "1", "{\"rank\": 101}", 0, &diag), SFS_ERR_BAD_DOCUMENT);
	/* A rename takes it along. */
	assert_int_equal(sfs_class_rename(c->store, SPAN("Article"), SPAN("Paper")), 0);
	case_reopen(c);
	assert_string_equal(definition(c, c->articles), RULES);
	assert_int_equal(put(c, "1", "{\"rank\": 101}", 0, &diag), SFS_ERR_BAD_DOCUMENT);
}

static void a_refused_definition_changes_nothing(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(define(c, "Article", RULES, NULL), 0);
	assert_int_equal(define(c, "Article", "{\n \"properties\": {\"a\": \"strin\"}}", &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(diag.line, 2);
	assert_int_equal(diag.column, 22);
	assert_non_null(strstr(diag.text, "properties.a"));
	assert_string_equal(definition(c, c->articles), RULES);
	struct sfs_class_info info;
	assert_int_equal(define(c, "New", "{\"properties\": 1}", &diag), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(sfs_class_find(c->store, SPAN("New"), &info), SFS_ERR_NOT_FOUND);
}

static void a_value_that_does_not_fit_is_refused_with_its_place(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag;
	assert_int_equal(define(c, "Article", RULES, NULL), 0);
	assert_int_equal(put(c, "1", "{\"title\": \"a\",\n \"rank\": 200}", 0, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(diag.text, "rank: expected int:0-100, found number 200");
	assert_int_equal(diag.line, 2);
	assert_int_equal(diag.column, 10);
	assert_int_equal(put(c, "1", "{\"title\": 1,\n \"rank\": \"x\"}", 0, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(diag.text, "title: expected string, found number 1 (and 1 more)");
	assert_string_equal(case_oids(c), "");
	/* Every door: msgpack, a batch, a scratch file. */
	struct sfs_put msgpack = {
		.class_id = c->articles,
		.oid = SPAN("1"),
		.format = SFS_FORMAT_MSGPACK,
		.text = SPAN("\x81\xa5title\x01"),
	};
	assert_int_equal(sfs_object_put(c->store, &msgpack, NULL, &diag), SFS_ERR_BAD_DOCUMENT);
	struct sfs_batch *batch;
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	assert_int_equal(sfs_batch_put(batch, &msgpack, &diag), SFS_ERR_BAD_DOCUMENT);
	sfs_batch_abort(batch);
	uint64_t ino = case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino;
	case_write(c, ino, "{\"title\": 1}");
	assert_int_equal(
		sfs_object_put_raw(c->store, &msgpack, c->scratch, SPAN("tmp"), NULL, &diag),
		SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(case_oids(c), "");
	assert_string_equal(case_names(c, c->scratch), "tmp");
}

static void the_canonical_form_has_the_order_of_the_definition(void **state)
{
	struct case_store *c = *state;
	const char *typed = "{\"author\": \"7\", \"x\": 1, \"rank\": 5, \"title\": \"a\"}";
	assert_int_equal(define(c, "Article", RULES, NULL), 0);
	assert_int_equal(case_put(c, "1", typed, SFS_PUT_KEEP_TEXT), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), typed);
	assert_int_equal(case_put(c, "2", typed, 0), 0);
	assert_string_equal(case_get(c, "2", SFS_FORMAT_JSON),
			    "{\n  \"title\": \"a\",\n  \"rank\": 5,\n  \"x\": 1,\n  \"author\": {\n"
			    "    \"oid\": \"7\",\n    \"type\": \"Account\"\n  }\n}\n");
	assert_string_equal(check_run(c), "schema");
	assert_int_equal(define(c, "Account", "{\"type\": \"blog.Account\"}", NULL), 0);
	/* There is no Account/7. */
	assert_string_equal(check_run(c), "dangling dangling");
	assert_int_equal(
		case_put(c, "3", "{\"author\": {\"oid\": \"7\", \"type\": \"blog.Account\"}}", 0),
		0);
	assert_int_equal(case_put(c, "3", "{\"author\": {\"oid\": \"7\", \"type\": \"Image\"}}", 0),
			 SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(check_run(c), "dangling dangling dangling");
}

static void warn_saves_and_leaves_a_remark(void **state)
{
	struct case_store *c = *state;
	struct report report;
	struct sfs_diag diag;
	assert_int_equal(define(c, "Article",
				"{\"validate\": \"warn\", \"properties\": {\"n\": \"int\"}}", NULL),
			 0);
	assert_int_equal(put(c, "1", "{\n\"n\": \"x\"}", 0, &diag), 0);
	assert_int_equal(diag.err, 0);
	assert_string_equal(diag.text, "n: expected int, found string \"x\"");
	assert_int_equal(diag.line, 2);
	assert_int_equal(put(c, "2", "{\"n\": 1}", 0, &diag), 0);
	assert_string_equal(diag.text, "");
	assert_string_equal(check_run_flags(c, 0, &report), "schema");
	assert_int_equal(report.result.problems, 0);
	assert_int_equal(report.result.notes, 1);
	assert_int_equal(define(c, "Article",
				"{\"validate\": \"off\", \"properties\": {\"n\": \"int\"}}", NULL),
			 0);
	assert_int_equal(put(c, "3", "{\"n\": \"x\"}", 0, &diag), 0);
	assert_string_equal(diag.text, "");
	assert_string_equal(check_run(c), "");
}

static void unknown_properties_are_kept_dropped_or_refused(void **state)
{
	struct case_store *c = *state;
	struct sfs_diag diag;
	const char *typed = "{\"a\":1, \"n\":2}";
	assert_int_equal(define(c, "Article", "{\"properties\": {\"n\": \"int\"}}", NULL), 0);
	assert_int_equal(put(c, "1", typed, SFS_PUT_KEEP_TEXT, &diag), 0);
	assert_int_equal(define(c, "Article",
				"{\"properties\": {\"n\": \"int\"}, \"extra\": \"drop\"}", NULL),
			 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), typed);
	assert_int_equal(put(c, "2", typed, SFS_PUT_KEEP_TEXT, &diag), 0);
	assert_string_equal(case_get(c, "2", SFS_FORMAT_JSON), "{\n  \"n\": 2\n}\n");
	assert_int_equal(case_attr(c, "2").size, 13);
	assert_int_equal(define(c, "Article",
				"{\"properties\": {\"n\": \"int\"}, \"extra\": \"refuse\"}", NULL),
			 0);
	assert_int_equal(put(c, "3", typed, 0, &diag), SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(diag.text,
			    "a: expected a property or relation of the class, found number 1");
	assert_int_equal(diag.column, 2);
	assert_string_equal(check_run(c), "schema");
}

static void objects_that_no_longer_fit_are_kept_and_listed(void **state)
{
	struct case_store *c = *state;
	struct report report;
	struct sfs_diag diag;
	assert_int_equal(put(c, "1", "{\"n\": \"x\", \"m\": [1]}", SFS_PUT_KEEP_TEXT, &diag), 0);
	assert_int_equal(put(c, "2", "{\"n\": 2}", 0, &diag), 0);
	assert_int_equal(define(c, "Article",
				"{\"properties\": {\"n\": \"int\", \"m\": \"[string]\"}}", NULL),
			 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{\"n\": \"x\", \"m\": [1]}");
	assert_string_equal(check_run_flags(c, 0, &report), "schema schema");
	assert_int_equal(report.result.problems, 2);
	assert_non_null(strstr(report.last, "m[0]: expected string, found number 1"));
	assert_string_equal(check_run_flags(c, SFS_CHECK_QUICK, &report), "");
	/* It can be renamed and removed; and saved again when it fits. */
	assert_int_equal(sfs_object_rename(c->store, c->articles, SPAN("1"), SPAN("9"), 0, &diag),
			 0);
	assert_string_equal(case_oids(c), "2 9");
	case_reopen(c);
	assert_string_equal(check_run(c), "schema schema");
	assert_int_equal(put(c, "9", "{\"n\": 1, \"m\": [\"1\"]}", 0, &diag), 0);
	assert_string_equal(check_run(c), "");
}

static void a_relation_may_lead_to_a_class_that_is_made_later(void **state)
{
	struct case_store *c = *state;
	struct report report;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(define(c, "Article", "{\"relations\": {\"author\": \"Person\"}}", &diag),
			 0);
	assert_string_equal(diag.text, "member \"relations.author\": there is no class Person yet");
	assert_string_equal(check_run_flags(c, 0, &report), "schema");
	assert_int_equal(report.result.notes, 1);
	assert_int_equal(report.result.problems, 0);
	assert_int_equal(put(c, "1", "{\"author\": \"1\"}", 0, &diag), 0);
	assert_int_equal(define(c, "Person", "{}", NULL), 0);
	assert_string_equal(check_run(c), "dangling");
}

static int count_refusal(void *arg, const struct sfs_refusal *refusal)
{
	unsigned *sum = arg;
	*sum = *sum * 100 + refusal->line * 10 + refusal->column;
	assert_non_null(strstr("a b[1]", refusal->path));
	assert_non_null(refusal->expected);
	assert_non_null(refusal->found);
	return 0;
}

static void a_document_can_be_compared_without_saving(void **state)
{
	struct case_store *c = *state;
	struct sfs_put what = {
		.class_id = c->articles,
		.oid = SPAN("1"),
		.text = SPAN("{\"a\":1,\n\"b\":[1,2]}"),
	};
	struct sfs_diag diag = SFS_DIAG_INIT;
	unsigned sum = 0;
	assert_int_equal(sfs_object_fit(c->store, &what, count_refusal, &sum, &diag), 0);
	assert_int_equal(define(c, "Article",
				"{\"validate\": \"off\", \"properties\": {\"a\": \"bool\", "
				"\"b\": \"(int,bool)\"}}",
				NULL),
			 0);
	assert_int_equal(sfs_object_fit(c->store, &what, count_refusal, &sum, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(sum, 1628);
	assert_string_equal(diag.text, "2 values do not fit");
	assert_string_equal(case_oids(c), "");
}

static void a_batch_meets_the_definition_of_its_commit(void **state)
{
	struct case_store *c = *state;
	struct sfs_batch *batch;
	struct sfs_put what = {
		.class_id = c->articles,
		.oid = SPAN("1"),
		.text = SPAN("{\"b\":1,\"a\":2}"),
		.flags = SFS_PUT_KEEP_TEXT,
	};
	size_t failed = 7;
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	assert_int_equal(sfs_batch_put(batch, &what, NULL), 0);
	assert_int_equal(define(c, "Article", "{\"properties\": {\"a\": \"bool\"}}", NULL), 0);
	assert_int_equal(sfs_batch_commit(batch, &failed), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(failed, 0);
	assert_string_equal(case_oids(c), "");
	assert_int_equal(sfs_batch_begin(c->store, &batch), 0);
	assert_int_equal(define(c, "Article", "{}", NULL), 0);
	assert_int_equal(sfs_batch_put(batch, &what, NULL), 0);
	assert_int_equal(define(c, "Article", "{\"properties\": {\"a\": \"int\"}}", NULL), 0);
	assert_int_equal(sfs_batch_commit(batch, &failed), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{\"b\":1,\"a\":2}");
	assert_string_equal(case_get(c, "1", SFS_FORMAT_MSGPACK), "\x82\xa1"
								  "a\x02\xa1"
								  "b\x01");
	assert_string_equal(check_run(c), "");
}

static void a_document_of_10000_properties(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_put what = { .class_id = c->articles, .oid = SPAN("1") };
	assert_int_equal(
		define(c, "Article",
		       "{\"properties\": {\"p7\": \"int\"}, \"relations\": {\"p8\": [\"Article\"]}}",
		       NULL),
		0);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(sfs_buf_printf(&text, "%s\"p%d\": %d", i ? ",\n" : "{", i, i), 0);
	assert_int_equal(sfs_buf_append(&text, "}", 1), 0);
	what.text = sfs_buf_span(&text);
	assert_int_equal(sfs_object_put(c->store, &what, NULL, NULL), 0);
	assert_string_equal(check_run(c), "dangling");
	sfs_buf_fini(&text);
}

static void documents_have_a_json_schema(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(define(c, "Article", RULES, NULL), 0);
	assert_int_equal(sfs_class_json_schema(c->store, c->articles, &text), 0);
	assert_int_equal(sfs_buf_append(&text, "", 1), 0);
	assert_non_null(strstr(text.data, "https://json-schema.org/draft/2020-12/schema"));
	assert_non_null(strstr(text.data, "\"minimum\": 0, \"maximum\": 100"));
	/* It is a JSON text, and says so of a class without a definition too. */
	struct sfs_put what = { .class_id = c->articles, .oid = SPAN("1") };
	struct sfs_class_make make = { .name = SPAN("Plain"), .kind = SFS_CLASS_OBJECT };
	struct sfs_class_info info;
	assert_int_equal(sfs_class_create(c->store, &make, &info, NULL), 0);
	sfs_buf_fini(&text);
	assert_int_equal(sfs_class_json_schema(c->store, info.id, &text), 0);
	what.class_id = info.id;
	what.text = sfs_buf_span(&text);
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfs_object_put(c->store, &what, NULL, &diag), SFS_ERR_BAD_DOCUMENT);
	assert_non_null(strstr(diag.text, "\"type\" is \"object\""));
	assert_int_equal(sfs_class_json_schema(c->store, 99, &text), SFS_ERR_NOT_FOUND);
	sfs_buf_fini(&text);
}

static void oids_are_made_as_the_definition_says(void **state)
{
	struct case_store *c = *state;
	char oid[SFS_OID_MADE_SIZE], other[SFS_OID_MADE_SIZE];
	assert_int_equal(sfs_oid_make(c->store, c->articles, oid), 0);
	assert_int_equal(sfs_oid_make(c->store, c->articles, other), 0);
	assert_int_equal(strlen(oid), 24);
	assert_true(strcmp(oid, other) < 0);
	assert_int_equal(sfs_oid_make(c->store, c->images, oid), 0);
	assert_true(strlen(oid) == strspn(oid, "0123456789"));
	assert_int_equal(define(c, "Article", "{\"oid\": \"uuid\"}", NULL), 0);
	assert_int_equal(sfs_oid_make(c->store, c->articles, oid), 0);
	assert_int_equal(strlen(oid), 36);
	assert_int_equal(define(c, "Article", "{\"oid\": \"timestamp\"}", NULL), 0);
	assert_int_equal(sfs_oid_make(c->store, c->articles, oid), 0);
	assert_int_equal(strlen(oid), 27);
	assert_int_equal(sfs_oid_make(c->store, 99, oid), SFS_ERR_NOT_FOUND);
}

static void a_definition_is_proposed_from_objects(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct report report;
	for (int i = 0; i < 30; i++) {
		char oid[16], doc[400];
		snprintf(oid, sizeof oid, "%d", i);
		snprintf(doc, sizeof doc,
			 "{\"n\":%d,\"x\":%s,\"ok\":true,\"t\":\"text %d\",\"s\":\"%s\","
			 "\"l\":[\"a\",\"b\"],\"e\":[],\"d\":\"2025-01-02\",\"b\":{\"$bin\":\"\"},"
			 "\"m\":{\"q\":1},\"mix\":%s,\"nul\":null,"
			 "\"who\":{\"oid\":\"7\",\"type\":\"blog.Account\"},"
			 "\"all\":[{\"oid\":\"8\",\"type\":\"Image\"}]}",
			 i, i % 2 ? "1" : "0.5", i, i % 3 ? "draft" : "done", i ? "1" : "\"a\"");
		assert_int_equal(case_put(c, oid, doc, 0), 0);
	}
	assert_int_equal(sfs_class_infer(c->store, c->articles, 0, &text, &diag), 0);
	assert_int_equal(sfs_buf_append(&text, "", 1), 0);
	assert_string_equal(
		text.data,
		"{\n  \"kind\": \"object\",\n  \"type\": \"Article\",\n  \"properties\": {\n"
		"    \"n\": \"int\",\n    \"x\": \"number\",\n    \"ok\": \"bool\",\n"
		"    \"t\": \"string\",\n    \"s\": { \"enum\": [\"done\", \"draft\"] },\n"
		"    \"l\": \"[string]\",\n    \"e\": \"[any]\",\n    \"d\": \"date\",\n"
		"    \"b\": \"bin\",\n    \"m\": \"any\",\n    \"mix\": \"any\",\n"
		"    \"nul\": \"any\"\n  },\n  \"relations\": {\n    \"who\": \"Account\",\n"
		"    \"all\": [\"Image\"]\n  }\n}\n");
	/* What is proposed can be used, and all objects fit but for the type of a class that is missing. */
	assert_int_equal(define(c, "Account", "{\"type\": \"blog.Account\"}", NULL), 0);
	assert_int_equal(define(c, "Article", text.data, NULL), 0);
	check_run_flags(c, 0, &report);
	assert_int_equal(report.result.problems, 0);
	assert_int_equal(report.result.notes, 60); /* Account/7 and Image/8 do not exist */
	sfs_buf_fini(&text);
	assert_int_equal(sfs_class_infer(c->store, c->images, 0, &text, &diag), SFS_ERR_WRONG_KIND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_schema(const char *backend)
{
	case_backend = backend;
	const struct CMUnitTest tests[] = {
		CASE(a_definition_is_kept_byte_for_byte),
		CASE(a_refused_definition_changes_nothing),
		CASE(a_value_that_does_not_fit_is_refused_with_its_place),
		CASE(the_canonical_form_has_the_order_of_the_definition),
		CASE(warn_saves_and_leaves_a_remark),
		CASE(unknown_properties_are_kept_dropped_or_refused),
		CASE(objects_that_no_longer_fit_are_kept_and_listed),
		CASE(a_relation_may_lead_to_a_class_that_is_made_later),
		CASE(a_document_can_be_compared_without_saving),
		CASE(a_batch_meets_the_definition_of_its_commit),
		CASE(a_document_of_10000_properties),
		CASE(documents_have_a_json_schema),
		CASE(oids_are_made_as_the_definition_says),
		CASE(a_definition_is_proposed_from_objects),
	};
	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
