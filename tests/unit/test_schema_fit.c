/* Values against types: what every type accepts and refuses, and the canonical form of a body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "document/document.h"
#include "schema/schema.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define VALUES 16

static struct sfs_buf body_of(const char *json)
{
	struct sfsi_document_rules rules = { .any_type = true };
	struct sfs_buf body = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_document_parse(SFS_FORMAT_JSON, sfs_span_str(json), &rules, &body, &diag);
	if (err)
		fail_msg("%s: %s", json, diag.text);
	return body;
}

static struct sfsi_schema *schema_of(const char *text)
{
	struct sfsi_schema *schema = NULL;
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfsi_schema_parse(sfs_span_str(text), "kv", &schema, &diag))
		fail_msg("%s: %s", text, diag.text);
	return schema;
}

/** What was reported: "path: expected …, found …" in lines. */
static char said[2000];

static int say(void *arg, const struct sfsi_misfit *misfit)
{
	char path[SFSI_PATH_SIZE];
	size_t len = strlen(said);
	(void)arg;
	snprintf(said + len, sizeof said - len, "%s%s: expected %s, found %s", len ? "\n" : "",
		 sfsi_path_text(path, misfit->path), misfit->expected, misfit->found);
	return 0;
}

static enum sfsi_reference_type is_type(void *arg, struct sfs_span class_name, struct sfs_span type)
{
	(void)arg;
	if (!sfs_span_equal(class_name, sfs_span_str("Account")))
		return SFSI_REFERENCE_OTHER;
	if (sfs_span_equal(type, sfs_span_str("old.Account")))
		return SFSI_REFERENCE_STATED;
	return sfs_span_equal(type, sfs_span_str("blog.Account")) ? SFSI_REFERENCE_ITS
								  : SFSI_REFERENCE_OTHER;
}

/** Fit a document; returns the canonical JSON, valid until the next call. */
static const char *fit(struct sfsi_schema *schema, const char *json, struct sfsi_fitted *ret)
{
	static char text[4000];
	struct sfs_buf body = body_of(json), rendered = SFS_BUF_INIT;
	struct sfsi_fit how = {
		.schema = schema,
		.body = sfs_buf_span(&body),
		.class_name = sfs_span_str("Article"),
		.is_type = is_type,
		.misfit = say,
	};
	said[0] = '\0';
	assert_int_equal(sfsi_schema_fit(&how, ret), 0);
	struct sfs_span made = sfs_buf_span(ret->body.len ? &ret->body : &body);
	assert_int_equal(sfsi_document_render(SFS_FORMAT_JSON, made, &rendered), 0);
	assert_true(rendered.len < sizeof text);
	size_t len = 0;
	for (size_t i = 0; i < rendered.len; i++) {
		char c = ((const char *)rendered.data)[i];
		if (c != '\n' && c != ' ')
			text[len++] = c;
	}
	text[len] = '\0';
	bool same = false;
	if (!ret->dropped)
		assert_int_equal(sfsi_schema_same(made, sfs_buf_span(&body), &same), 0);
	assert_true(same || ret->dropped);
	sfs_buf_fini(&ret->body);
	sfs_buf_fini(&body);
	sfs_buf_fini(&rendered);
	return text;
}

static const struct {
	const char *type;
	const char *good[VALUES], *bad[VALUES];
} types[] = {
	{ "\"any\"", { "1", "\"\"", "[]", "{}", "{\"$bin\":\"\"}", "null" }, { NULL } },
	{ "\"bool\"", { "true", "false", "null" }, { "0", "1", "\"true\"", "[]", "{}", "1.0" } },
	{ "\"int\"",
	  { "0", "-1", "9223372036854775807", "18446744073709551615",
	    "123456789012345678901234567890", "-123456789012345678901234567890" },
	  { "1.0", "1.5", "\"1\"", "true", "[1]", "{\"$float\":\"nan\"}" } },
	{ "\"int>0\"",
	  { "1", "18446744073709551615", "123456789012345678901234567890" },
	  { "0", "-1", "1.5", "-123456789012345678901234567890", "\"1\"" } },
	{ "\"float\"",
	  { "1.5", "0", "-1", "1e300", "{\"$float\":\"inf\"}", "{\"$float\":\"nan\"}" },
	  { "\"1.5\"", "true", "[]" } },
	{ "\"number\"", { "1", "1.5", "123456789012345678901234567890" }, { "\"1\"", "false" } },
	{ "\"string\"", { "\"\"", "\"a\\nb\"" }, { "1", "true", "[]", "{}", "{\"$bin\":\"\"}" } },
	{ "\"string:line\"", { "\"\"", "\"a b\\t\"" }, { "\"a\\nb\"", "\"a\\r\"", "1" } },
	{ "\"string:richtext\"", { "\"a\\nb\"" }, { "1" } },
	{ "\"string:markdown\"", { "\"# a\\n\"" }, { "[]" } },
	{ "\"string:html\"", { "\"<p>\\n\"" }, { "{}" } },
	{ "\"string:password\"", { "\"\"", "\"a b\"" }, { "7" } },
	{ "\"string:email\"",
	  { "\"a@b\"", "\"user@example.com\"", "\"é@x.y\"", "\"\\\"a@b\\\"@c\"" },
	  { "\"\"", "\"a\"", "\"@b\"", "\"a@\"", "\"a b@c\"", "\"a@b@c\"", "\"a@b..c\"", "\"a@.b\"",
	    "\"a@b.\"", "1" } },
	{ "\"string:url\"",
	  { "\"http://a/b?c\"", "\"mailto:a@b\"", "\"urn:x:y\"", "\"a+b.c-d:x\"" },
	  { "\"\"", "\"/a\"", "\"a\"", "\"http:\"", "\"http://a b\"", "\"1http:x\"", "1" } },
	{ "\"string:path\"", { "\"a/b\"", "\"/\"", "\"..\"" }, { "\"\"", "\"a\\u0000\"", "1" } },
	{ "\"string:id\"",
	  { "\"7\"", "\"a/b\"", "\"é\"" },
	  { "\"\"", "\"a b\"", "\"a\\n\"", "7" } },
	{ "\"string:i18n\"",
	  { "{}", "{\"en\":\"a\"}", "{\"en\":\"a\",\"fr-CA\":\"\",\"zh_Hant_TW\":null}" },
	  { "\"a\"", "{\"en\":1}", "{\"\":\"a\"}", "{\"a b\":\"a\"}", "{\"-en\":\"a\"}", "[]",
	    "{\"verylonglanguage\":\"a\"}" } },
	{ "\"date\"",
	  { "\"2025-01-02\"", "\"2024-02-29\"", "[2025,1,2,3,4,5,3,2,-1]" },
	  { "\"2025-1-2\"", "\"2025-02-29\"", "\"2025-13-01\"", "\"2025-01-02T00:00\"", "\"\"",
	    "20250102", "[2025,1,2]", "[2025,2,30,0,0,0,0,1,0]", "[2025,1,2,3,4,5,3,2,2]",
	    "[2025.0,1,2,3,4,5,3,2,-1]", "\"0000-01-01\"" } },
	{ "\"time\"",
	  { "\"23:59\"", "\"23:59:59\"", "\"00:00:00.000001Z\"", "\"12:00+02:00\"",
	    "\"12:00-0230\"", "[1900,1,1,3,4,5,0,1,-1]" },
	  { "\"24:00\"", "\"1:00\"", "\"12:60\"", "\"12:00:61\"", "\"12:00:00.\"", "\"12:00+2\"",
	    "12", "\"\"" } },
	{ "\"datetime\"",
	  { "\"2025-01-02T03:04:05Z\"", "\"2025-01-02 03:04\"",
	    "\"2025-01-02t03:04:05.678901+01:00\"", "[2025,1,2,3,4,5,3,2,-1]" },
	  { "\"2025-01-02\"", "\"03:04\"", "\"2025-01-02T\"", "\"2025-01-02T03:04x\"", "0",
	    "[]" } },
	{ "\"bin\"",
	  { "{\"$bin\":\"AAE=\"}", "\"AAE=\"", "\"\"" },
	  { "\"AAE\"", "\"a b\"", "[0,1]", "1", "{}" } },
	{ "\"[string]\"", { "[]", "[\"a\",\"b\"]" }, { "\"a\"", "[1]", "[\"a\",null]", "{}" } },
	{ "\"[any]\"", { "[]", "[1,\"a\",null]" }, { "1", "{}" } },
	{ "\"[[int]]\"", { "[]", "[[]]", "[[1],[2,3]]" }, { "[1]", "[[\"a\"]]" } },
	{ "\"(int,string)\"",
	  { "[1,\"a\"]" },
	  { "[]", "[1]", "[\"a\",1]", "[1,\"a\",2]", "1", "\"a\"" } },
	{ "\"(string|int)\"", { "1", "\"int\"" }, { "1.5", "true", "[]" } },
	{ "\"(draft|published)\"", { "\"draft\"", "\"published\"" }, { "\"Draft\"", "\"\"", "1" } },
	{ "\"(draft|int)\"", { "\"draft\"", "7" }, { "\"int\"", "1.5" } },
	{ "\"(date|[int])\"", { "\"2025-01-02\"", "[1]" }, { "\"date\"", "[\"a\"]" } },
	{ "{\"enum\":[\"date\",\"int\",5,true]}",
	  { "\"date\"", "\"int\"", "5", "true" },
	  { "\"2025-01-02\"", "6", "5.0", "false" } },
	{ "\"{name=string,age=int}\"",
	  { "{}", "{\"name\":\"a\"}", "{\"age\":1,\"name\":\"a\"}" },
	  { "{\"nam\":\"a\"}", "{\"age\":\"1\"}", "[]", "\"a\"", "{\"$map\":[[1,2]]}" } },
	{ "\"{}\"", { "{}", "{\"a\":1}", "{\"$map\":[[1,2]]}" }, { "[]", "1" } },
	{ "\"Account\"",
	  { "\"7\"", "7", "{\"oid\":\"7\",\"type\":\"Account\"}",
	    "{\"oid\":7,\"type\":\"blog.Account\"}", "{\"oid\":\"7\"}",
	    "{\"oid\":\"7\",\"type\":\"Account\",\"updates\":{}}" },
	  { "\"\"", "{\"type\":\"Account\"}", "{\"oid\":\"7\",\"type\":\"Image\"}",
	    "{\"oid\":\"\"}", "true", "[\"7\"]", "{\"oid\":[]}" } },
	{ "\"¤\"",
	  { "{\"oid\":\"7\",\"type\":\"Article\"}" },
	  { "{\"oid\":\"7\",\"type\":\"Account\"}" } },
	{ "\"int:0-100\"",
	  { "0", "100" },
	  { "-1", "101", "5.5", "\"5\"", "123456789012345678901234567890" } },
	{ "\"int:-5-5\"", { "-5", "5", "0" }, { "-6", "6", "-123456789012345678901234567890" } },
	{ "\"int:-10--5\"", { "-10", "-5" }, { "-4", "-11", "0" } },
	{ "\"float:-0.5-0.5\"", { "0", "0.5", "-0.5" }, { "0.51", "1", "{\"$float\":\"nan\"}" } },
	{ "{\"range\":[0,9007199254740993,\"number\"]}",
	  { "9007199254740993", "1.5" },
	  { "9007199254740994", "-1" } },
};

static void every_type_accepts_and_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		char text[300];
		struct sfsi_fitted fitted;
		snprintf(text, sizeof text, "{\"properties\":{\"p\":%s}}", types[i].type);
		struct sfsi_schema *schema = schema_of(text);
		for (size_t k = 0; k < VALUES && types[i].good[k]; k++) {
			snprintf(text, sizeof text, "{\"p\":%s}", types[i].good[k]);
			fit(schema, text, &fitted);
			if (fitted.misfits)
				fail_msg("%s refuses %s: %s", types[i].type, text, said);
		}
		for (size_t k = 0; k < VALUES && types[i].bad[k]; k++) {
			snprintf(text, sizeof text, "{\"p\":%s}", types[i].bad[k]);
			fit(schema, text, &fitted);
			if (!fitted.misfits || !strstr(said, "p") || !strstr(said, "found"))
				fail_msg("%s accepts %s", types[i].type, text);
		}
		sfsi_schema_unref(schema);
	}
}

static void refusals_name_path_type_and_value(void **state)
{
	static const char *const table[][3] = {
		{ "\"int\"", "\"a\"", "p: expected int, found string \"a\"" },
		{ "\"[string]\"", "[\"a\",1,2]",
		  "p[1]: expected string, found number 1\np[2]: expected string, found number 2" },
		{ "\"{a={b=[int]}}\"", "{\"a\":{\"b\":[1,true]}}",
		  "p.a.b[1]: expected int, found true" },
		{ "\"{a=int}\"", "{\"odd name\":1}",
		  "p[\"odd name\"]: expected a name that the type has, found string \"odd name\"" },
		{ "\"(draft|int)\"", "1.5", "p: expected (draft|int), found number 1.5" },
		{ "\"int:0-100\"", "200", "p: expected int:0-100, found number 200" },
		{ "\"(int,int)\"", "[1]", "p: expected (int,int), found an array of 1 item" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char text[300];
		struct sfsi_fitted fitted;
		snprintf(text, sizeof text, "{\"properties\":{\"p\":%s}}", table[i][0]);
		struct sfsi_schema *schema = schema_of(text);
		snprintf(text, sizeof text, "{\"p\":%s}", table[i][1]);
		fit(schema, text, &fitted);
		assert_string_equal(said, table[i][2]);
		sfsi_schema_unref(schema);
	}
}

static void bodies_get_their_canonical_form(void **state)
{
	static const char *const table[][2] = {
		{ "{}", "{}" },
		{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}" },
		{ "{\"b\":2,\"a\":1}", "{\"a\":1,\"b\":2}" },
		{ "{\"z\":0,\"b\":2,\"y\":0,\"a\":1}", "{\"a\":1,\"b\":2,\"z\":0,\"y\":0}" },
		{ "{\"one\":\"7\",\"z\":1,\"a\":1}",
		  "{\"a\":1,\"z\":1,\"one\":{\"oid\":\"7\",\"type\":\"Account\"}}" },
		{ "{\"one\":{\"type\":\"blog.Account\",\"oid\":7}}",
		  "{\"one\":{\"oid\":\"7\",\"type\":\"Account\"}}" },
		{ "{\"one\":[\"7\"]}", "{\"one\":{\"oid\":\"7\",\"type\":\"Account\"}}" },
		{ "{\"one\":[]}", "{\"one\":null}" },
		{ "{\"one\":null}", "{\"one\":null}" },
		{ "{\"many\":[]}", "{\"many\":[]}" },
		{ "{\"many\":\"7\"}", "{\"many\":[{\"oid\":\"7\",\"type\":\"Article\"}]}" },
		{ "{\"many\":[\"7\",{\"oid\":\"8\"},\"7\"],\"one\":\"1\"}",
		  "{\"one\":{\"oid\":\"1\",\"type\":\"Account\"},\"many\":["
		  "{\"oid\":\"7\",\"type\":\"Article\"},{\"oid\":\"8\",\"type\":\"Article\"},"
		  "{\"oid\":\"7\",\"type\":\"Article\"}]}" },
		{ "{\"bytes\":\"AAE=\",\"a\":1}", "{\"a\":1,\"bytes\":{\"$bin\":\"AAE=\"}}" },
		{ "{\"list\":[\"AA==\",{\"$bin\":\"AQ==\"},\"Ag==\"]}",
		  "{\"list\":[{\"$bin\":\"AA==\"},{\"$bin\":\"AQ==\"},{\"$bin\":\"Ag==\"}]}" },
		{ "{\"either\":[\"AA==\",1]}", "{\"either\":[\"AA==\",1]}" },
	};
	struct sfsi_schema *schema = schema_of(
		"{\"properties\":{\"a\":\"any\",\"b\":\"int\",\"bytes\":\"bin\","
		"\"list\":\"[bin]\",\"either\":\"([bin]|[any])\"},"
		"\"relations\":{\"one\":\"Account\",\"many\":[\"¤\"]}}");
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct sfsi_fitted fitted;
		const char *made = fit(schema, table[i][0], &fitted);
		assert_string_equal(made, table[i][1]);
		assert_string_equal(said, "");
		assert_false(fitted.dropped);
	}
	sfsi_schema_unref(schema);
}

static void relations_refuse_other_classes(void **state)
{
	static const char *const bad[] = {
		"{\"one\":{\"oid\":\"7\",\"type\":\"Image\"}}",
		"{\"one\":[\"7\",\"8\"]}",
		"{\"one\":true}",
		"{\"one\":{}}",
		"{\"one\":\"\"}",
		"{\"many\":[null]}",
		"{\"many\":[\"7\",{\"oid\":\"8\",\"type\":\"Account\"}]}",
	};
	struct sfsi_schema *schema = schema_of(
		"{\"relations\":{\"one\":\"Account\",\"many\":[\"¤\"]}}");
	struct sfsi_fitted fitted;
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		fit(schema, bad[i], &fitted);
		if (!fitted.misfits)
			fail_msg("accepted: %s", bad[i]);
	}
	fit(schema, bad[6], &fitted);
	assert_string_equal(said,
			    "many[1]: expected {\"oid\": …, \"type\": \"Article\"} or an oid, "
			    "found an object of 2 members");
	/* What is embedded in a reference is left out, and that is said. */
	assert_string_equal(fit(schema,
				"{\"one\":{\"oid\":\"7\",\"type\":\"Account\",\"name\":\"n\"}}",
				&fitted),
			    "{\"one\":{\"oid\":\"7\",\"type\":\"Account\"}}");
	assert_true(fitted.dropped);
	sfsi_schema_unref(schema);
}

static void unknown_properties_are_kept_dropped_or_refused(void **state)
{
	struct sfsi_fitted fitted;
	struct sfsi_schema *schema = schema_of(
		"{\"properties\":{\"a\":\"int\"},\"extra\":\"drop\"}");
	(void)state;
	assert_string_equal(fit(schema, "{\"b\":1,\"a\":1,\"c\":{}}", &fitted), "{\"a\":1}");
	assert_true(fitted.dropped);
	assert_int_equal(fitted.misfits, 0);
	sfsi_schema_unref(schema);
	schema = schema_of("{\"properties\":{\"a\":\"int\"},\"extra\":\"refuse\"}");
	assert_string_equal(fit(schema, "{\"b\":1}", &fitted), "{\"b\":1}");
	assert_string_equal(said,
			    "b: expected a property or relation of the class, found number 1");
	sfsi_schema_unref(schema);
}

static void places_are_found_in_the_text(void **state)
{
	const char *text = "{\n  \"a\": {\"x\": [1, {\"$map\": [[[1], 2], [\"k\", 5]]}]},\n"
			   "  \"b\": {\"$bin\": \"\"}, \"c\": 7\n}";
	struct sfsi_path a = { .name = sfs_span_str("a") }, c = { .name = sfs_span_str("c") };
	struct sfsi_path x = { .up = &a, .name = sfs_span_str("x") };
	struct sfsi_path one = { .up = &x, .index = 1 };
	struct sfsi_path k = { .up = &one, .name = sfs_span_str("k") };
	struct sfsi_path none = { .up = &x, .index = 9 };
	const struct {
		struct sfsi_path *path;
		bool key;
		uint32_t line, column;
	} table[] = {
		{ NULL, false, 1, 1 },  { &a, true, 2, 3 },     { &a, false, 2, 8 },
		{ &x, false, 2, 14 },   { &one, false, 2, 18 }, { &k, false, 2, 44 },
		{ &k, true, 2, 39 },    { &c, true, 3, 22 },    { &c, false, 3, 27 },
		{ &none, false, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		sfsi_path_locate(table[i].path, table[i].key, sfs_span_str(text), &diag);
		if (diag.line != table[i].line || diag.column != table[i].column)
			fail_msg("%zu: %u:%u", i, diag.line, diag.column);
	}
}

static void bodies_that_say_something_else_are_not_the_same(void **state)
{
	static const char *const table[][2] = {
		{ "{\"a\":1}", "{\"a\":2}" },
		{ "{\"a\":1}", "{\"b\":1}" },
		{ "{\"a\":1}", "{\"a\":1,\"b\":1}" },
		{ "{\"a\":{\"$bin\":\"AAE=\"}}", "{\"a\":\"AAA=\"}" },
		{ "{\"a\":{\"oid\":\"7\",\"type\":\"A\"}}", "{\"a\":\"8\"}" },
		{ "{\"a\":[1,2]}", "{\"a\":[2,1]}" },
		{ "{\"a\":null}", "{\"a\":[1]}" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct sfs_buf a = body_of(table[i][0]), b = body_of(table[i][1]);
		bool same = true;
		assert_int_equal(sfsi_schema_same(sfs_buf_span(&a), sfs_buf_span(&b), &same), 0);
		assert_false(same);
		sfs_buf_fini(&a);
		sfs_buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_accepts_and_refuses),
		cmocka_unit_test(refusals_name_path_type_and_value),
		cmocka_unit_test(bodies_get_their_canonical_form),
		cmocka_unit_test(relations_refuse_other_classes),
		cmocka_unit_test(unknown_properties_are_kept_dropped_or_refused),
		cmocka_unit_test(places_are_found_in_the_text),
		cmocka_unit_test(bodies_that_say_something_else_are_not_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
