/* Definitions of classes: what they mean, and every way to get them wrong, with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "schema/schema.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct sfsi_schema *parse(const char *text)
{
	struct sfsi_schema *schema = NULL;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_schema_parse(sfs_span_str(text), "kv", &schema, &diag);
	if (err)
		fail_msg("%s: %u:%u: %s", text, diag.line, diag.column, diag.text);
	return schema;
}

static void a_definition_says_what_a_class_is(void **state)
{
	(void)state;
	const char *text =
		"{ \"kind\": \"object\", \"type\": \"blog.Article\", \"backend\": \"kv\",\n"
		"  \"oid\": \"uuid\", \"extra\": \"drop\", \"validate\": \"warn\",\n"
		"  \"on_remove\": \"clear\",\n"
		"  \"properties\": { \"title\": \"string\", \"rank\": \"int:0-100\" },\n"
		"  \"relations\": { \"author\": \"Account\", \"files\": [\"File\"], \"up\": \"¤\" },\n"
		"  \"indexes\": { \"title\": \"normalize\", \"words\": \"keywords:title,text\",\n"
		"    \"k\": { \"extract\": \"keywords\", \"from\": [\"title\"], \"min\": 4 } } }";
	struct sfsi_schema *schema = parse(text);
	assert_true(sfs_span_equal(schema->text, sfs_span_str(text)));
	assert_int_equal(schema->kind, SFS_CLASS_OBJECT);
	assert_true(sfs_span_equal(schema->type, sfs_span_str("blog.Article")));
	assert_int_equal(schema->oid, SFS_OID_UUID);
	assert_int_equal(schema->extra, SFSI_EXTRA_DROP);
	assert_int_equal(schema->validate, SFSI_VALIDATE_WARN);
	assert_int_equal(schema->on_remove, SFSI_REMOVE_CLEAR);
	assert_int_equal(schema->properties_count, 2);
	assert_int_equal(schema->relations_count, 3);
	assert_false(schema->relations[0].many);
	assert_true(schema->relations[1].many);
	assert_int_equal(schema->relations[2].target.len, 0);
	assert_int_equal(sfsi_schema_find(schema, sfs_span_str("rank")), 1);
	assert_int_equal(sfsi_schema_find(schema, sfs_span_str("files")), 3);
	assert_int_equal(sfsi_schema_find(schema, sfs_span_str("none")), SFSI_SCHEMA_NONE);
	assert_int_equal(schema->indexes_count, 3);
	assert_int_equal(schema->indexes[1].from_count, 2);
	assert_true(sfs_span_equal(schema->indexes[1].from[1], sfs_span_str("text")));
	assert_int_equal(schema->indexes[2].min, 4);
	assert_int_equal(schema->indexes[0].min, 3);
	sfsi_schema_unref(schema);
}

static void an_empty_definition_has_no_rules(void **state)
{
	(void)state;
	struct sfsi_schema *schema = parse("{}");
	assert_int_equal(schema->kind, SFS_CLASS_OBJECT);
	assert_int_equal(schema->oid, SFS_OID_OID);
	assert_int_equal(schema->type.len, 0);
	assert_int_equal(schema->validate, SFSI_VALIDATE_STRICT);
	assert_false(sfsi_schema_has_rules(schema));
	sfsi_schema_unref(schema);
	schema = parse("{\"kind\": \"raw\"}");
	assert_int_equal(schema->oid, SFS_OID_STAMP);
	sfsi_schema_unref(schema);
}

static void types_are_read_and_written(void **state)
{
	/* The notation, and how it is written when that is not the same. */
	static const char *const table[][2] = {
		{ "\"any\"", "any" },
		{ "\"bool\"", "bool" },
		{ "\"int>0\"", "int>0" },
		{ "\"string:i18n\"", "string:i18n" },
		{ "\"[any]\"", "[any]" },
		{ "\"[[int]]\"", "[[int]]" },
		{ "\"(int,string)\"", "(int,string)" },
		{ "\"( int , string )\"", "(int,string)" },
		{ "\"(string|int)\"", "(string|int)" },
		{ "\"(draft|published)\"", "(draft|published)" },
		{ "\"(draft|int|[string])\"", "(draft|int|[string])" },
		{ "\"(Account|draft)\"", "(Account|draft)" },
		{ "\"(one)\"", "(one)" },
		{ "\"{name=string,age=int}\"", "{name=string,age=int}" },
		{ "\"{}\"", "{}" },
		{ "\"{a={b=[(x|y)]}}\"", "{a={b=[(x|y)]}}" },
		{ "\"Account\"", "Account" },
		{ "\"blog.Account\"", "blog.Account" },
		{ "\"¤\"", "¤" },
		{ "\"int:0-100\"", "int:0-100" },
		{ "\"int:-5-5\"", "int:-5-5" },
		{ "\"int:-10--5\"", "int:-10--5" },
		{ "\"float:0-0.5\"", "float:0-0.5" },
		{ "\"number:-1e3-1e3\"", "number:-1000-1000" },
		{ "{\"enum\": [\"draft\", \"int\", 1, true]}", "(draft|\"int\"|1|true)" },
		{ "{\"one_of\": [\"string\", {\"reference\": \"Account\"}]}", "(string|Account)" },
		{ "{\"map\": {\"a b\": \"int\"}}", "{a b=int}" },
		{ "{\"list\": {\"enum\": [\"a\"]}}", "[(a)]" },
		{ "{\"tuple\": [\"int\", \"any\"]}", "(int,any)" },
		{ "{\"range\": [0, 100, \"int\"]}", "int:0-100" },
		{ "{\"range\": [-5, 5]}", "int:-5-5" },
		{ "{\"range\": [0.5, 1, \"float\"]}", "float:0.5-1" },
		{ "{\"reference\": \"account\"}", "account" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char text[200];
		struct sfs_buf written = SFS_BUF_INIT;
		snprintf(text, sizeof text, "{\"properties\": {\"p\": %s}}", table[i][0]);
		struct sfsi_schema *schema = parse(text);
		assert_int_equal(sfsi_type_text(&schema->properties[0].type, &written), 0);
		assert_int_equal(sfs_buf_append(&written, "", 1), 0);
		assert_string_equal(written.data, table[i][1]);
		sfs_buf_fini(&written);
		sfsi_schema_unref(schema);
	}
}

static void bad_definitions_say_where_and_what(void **state)
{
	static const struct {
		const char *text;
		uint32_t line, column;
		const char *says;
	} table[] = {
		{ "[]", 1, 1, "expected a JSON object" },
		{ "{\n \"colour\": 1}", 2, 2, "member \"colour\": not known" },
		{ "{\"kind\":\"x\"}", 1, 9, "expected \"object\" or \"raw\", found string \"x\"" },
		{ "{\"kind\":1}", 1, 9, "expected \"object\" or \"raw\", found number 1" },
		{ "{\"type\":\"\"}", 1, 9, "1 to 128 bytes" },
		{ "{\"backend\":\"memory\"}", 1, 12, "expected \"kv\"" },
		{ "{\"oid\":\"x\"}", 1, 8, "\"oid\", \"stamp\"" },
		{ "{\"extra\":\"x\"}", 1, 10, "\"keep\", \"drop\"" },
		{ "{\"validate\":null}", 1, 13, "found null" },
		{ "{\"on_remove\":\"x\"}", 1, 14, "\"clear\"" },
		{ "{\"properties\":[]}", 1, 15, "an object of names and types" },
		{ "{\"properties\":{\n  \"a\": \"int\",\n  \"b\": \"strin\"}}", 3, 8,
		  "member \"properties.b\": expected a type" },
		{ "{\"properties\":{\"a\":\"[int\"}}", 1, 20, "expected ']' at the end" },
		{ "{\"properties\":{\"a\":\"(int,\"}}", 1, 20, "at the end" },
		{ "{\"properties\":{\"a\":\"int]\"}}", 1, 20, "expected nothing more at ']'" },
		{ "{\"properties\":{\"a\":\"{=int}\"}}", 1, 20, "NAME=TYPE" },
		{ "{\"properties\":{\"a\":\"{b=int,b=int}\"}}", 1, 20, "not there before" },
		{ "{\"properties\":{\"a\":\"int:5-1\"}}", 1, 20, "expected a type" },
		{ "{\"properties\":{\"a\":\"\"}}", 1, 20, "expected a type" },
		{ "{\"properties\":{\"a\":1}}", 1, 20, "expected a type: a text" },
		{ "{\"properties\":{\"a\":{}}}", 1, 20, "an object of 0 members" },
		{ "{\"properties\":{\"a\":{\"enum\":[]}}}", 1, 28, "something in it" },
		{ "{\"properties\":{\"a\":{\"enum\":[1,null]}}}", 1, 31, "found null" },
		{ "{\"properties\":{\"a\":{\"enum\":[1,1]}}}", 1, 31, "twice" },
		{ "{\"properties\":{\"a\":{\"oneof\":[1]}}}", 1, 21, "one_of" },
		{ "{\"properties\":{\"a\":{\"range\":[1]}}}", 1, 29, "[LOWEST, HIGHEST]" },
		{ "{\"properties\":{\"a\":{\"range\":[9,1]}}}", 1, 29, "above" },
		{ "{\"properties\":{\"a\":{\"range\":[0.5,1]}}}", 1, 29, "whole bounds" },
		{ "{\"properties\":{\"a\":{\"range\":[0,1e300]}}}", 1, 29, "whole bounds" },
		{ "{\"properties\":{\"a\":{\"range\":[0,\"x\"]}}}", 1, 32, "a number" },
		{ "{\"properties\":{\"a\":{\"range\":[0,1,\"bool\"]}}}", 1, 34, "\"int\"" },
		{ "{\"properties\":{\"a\":{\"map\":{\"b\":\"x\"}}}}", 1, 32,
		  "member \"properties.a.map.b\"" },
		{ "{\"properties\":{\"oid\":\"int\"}}", 1, 16, "reserved" },
		{ "{\"properties\":{\"type\":\"int\"}}", 1, 16, "reserved" },
		{ "{\"relations\":{\"updates\":\"A\"}}", 1, 15, "reserved" },
		{ "{\"properties\":{\"\":\"int\"}}", 1, 16, "1 to 255 bytes" },
		{ "{\"properties\":{\"a\":\"int\",\n\"a\":\"int\"}}", 2, 1, "duplicate key" },
		{ "{\"properties\":{\"a\":\"int\"},\n\"relations\":{\"a\":\"A\"}}", 2, 14,
		  "there is a property of this name" },
		{ "{\"relations\":{\"a\":\"two words\"}}", 1, 19, "the name of a class" },
		{ "{\"relations\":{\"a\":[]}}", 1, 19, "[\"Account\"]" },
		{ "{\"relations\":{\"a\":[\"A\",\"B\"]}}", 1, 19, "[\"Account\"]" },
		{ "{\"relations\":{\"a\":[1]}}", 1, 20, "member \"relations.a[0]\"" },
		{ "{\"indexes\":{\"a\":\"x\"}}", 1, 17, "update_time" },
		{ "{\"indexes\":{\"a\":\"keywords:a,,b\"}}", 1, 17, "name of a property" },
		{ "{\"indexes\":{\"a\":{}}}", 1, 17, "extract" },
		{ "{\"indexes\":{\"a\":{\"extract\":\"value\",\"x\":1}}}", 1, 36, "separator" },
		{ "{\"indexes\":{\"a\":{\"extract\":\"value\",\"min\":256}}}", 1, 42, "0 to 255" },
		{ "{\"indexes\":{\"a\":\"own\"}}", 1, 17, "\"function\"" },
		{ "{\"indexes\":{\"a\":\"own:A\"}}", 1, 17, "a small letter" },
		{ "{\"indexes\":{\"a\":\"properties\"}}", 1, 17, "\"properties\"" },
		{ "{\"indexes\":{\"a\":{\"properties\":{}}}}", 1, 31, "their functions" },
		{ "{\"indexes\":{\"a\":{\"properties\":{\"b\":\"x\"}}}}", 1, 36, "paths" },
		{ "{\"indexes\":{\"a\":{\"properties\":{\"b\":{\"extract\":\"properties\","
		  "\"properties\":{\"c\":\"value\"}}}}}}",
		  1, 36, "inside of properties" },
		{ "{\"indexes\":{\"a\":{\"compatible\":1}}}", 1, 31, "true or false" },
		{ "{\"kind\":\"raw\",\"properties\":{}}", 1, 15, "a raw class has none" },
		{ "{\"kind\":\"object\",}", 1, 18, "after a comma" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct sfsi_schema *schema = NULL;
		struct sfs_diag diag = SFS_DIAG_INIT;
		int err = sfsi_schema_parse(sfs_span_str(table[i].text), "kv", &schema, &diag);
		if (err != SFS_ERR_BAD_DOCUMENT || !strstr(diag.text, table[i].says) ||
		    diag.line != table[i].line || diag.column != table[i].column)
			fail_msg("%s: %d, %u:%u: %s", table[i].text, err, diag.line, diag.column,
				 diag.text);
	}
}

static void nesting_is_bounded(void **state)
{
	char text[2000] = "{\"properties\":{\"a\":\"";
	struct sfsi_schema *schema = NULL;
	struct sfs_diag diag = SFS_DIAG_INIT;
	(void)state;
	memset(text + strlen(text), '[', 1000);
	strcat(text, "\"}}");
	assert_int_equal(sfsi_schema_parse(sfs_span_str(text), "kv", &schema, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_non_null(strstr(diag.text, "64 levels"));
	text[0] = '\0';
	strcat(text, "{\"properties\":{\"a\":");
	for (int i = 0; i < 70; i++)
		strcat(text, "{\"list\":");
	strcat(text, "\"int\"");
	for (int i = 0; i < 72; i++)
		strcat(text, "}");
	assert_int_equal(sfsi_schema_parse(sfs_span_str(text), "kv", &schema, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_non_null(strstr(diag.text, "64 levels"));
}

static void many_properties_are_found_by_name(void **state)
{
	struct sfs_buf text = SFS_BUF_INIT;
	char name[20];
	(void)state;
	assert_int_equal(sfs_buf_printf(&text, "{\"properties\":{\"p0\":\"int\""), 0);
	for (int i = 1; i < 10000; i++)
		assert_int_equal(sfs_buf_printf(&text, ",\"p%d\":\"string\"", i), 0);
	assert_int_equal(sfs_buf_append(&text, "}}", 3), 0);
	struct sfsi_schema *schema = parse(text.data);
	for (uint32_t i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "p%u", i);
		assert_int_equal(sfsi_schema_find(schema, sfs_span_str(name)), i);
	}
	sfsi_schema_unref(schema);
	sfs_buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_definition_says_what_a_class_is),
		cmocka_unit_test(an_empty_definition_has_no_rules),
		cmocka_unit_test(types_are_read_and_written),
		cmocka_unit_test(bad_definitions_say_where_and_what),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(many_properties_are_found_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
