/*
 * Small work on JSON text of the command: members, compact text, strings, base64.
 * The source is included: the command is a program, not a library that a test could link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "../../cli/text.c" /* NOLINT(bugprone-suspicious-include) */

static void is_text(struct sfs_buf *buf, const char *expected)
{
	assert_int_equal(sfs_buf_append(buf, "", 1), 0);
	assert_string_equal(buf->data, expected);
	sfs_buf_fini(buf);
}

/* The members of a text as "key=value;"…, and how the walk ended. */
static void check_members(const char *text, const char *expected)
{
	struct sfs_buf out = SFS_BUF_INIT;
	struct cli_members members;
	struct cli_member member;
	/* No NUL behind it, and no byte to read past the end. */
	char *copy = malloc(strlen(text) + 1);
	assert_non_null(copy);
	memcpy(copy, text, strlen(text));
	int got = cli_members_init(&members, (struct sfs_span){ copy, strlen(text) });
	while (got == 0 && (got = cli_members_next(&members, &member)) > 0) {
		assert_int_equal(sfs_buf_printf(&out, "%.*s=%.*s;", (int)member.key.len,
						(const char *)member.key.data,
						(int)member.value.len,
						(const char *)member.value.data),
				 0);
		got = 0;
	}
	if (got < 0)
		assert_int_equal(sfs_buf_printf(&out, "malformed"), 0);
	free(copy);
	is_text(&out, expected);
}

static void members_are_walked_in_order(void **state)
{
	(void)state;
	check_members("{}", "");
	check_members(" { } ", "");
	check_members("{\"a\":1}", "\"a\"=1;");
	check_members("{ \"a\" : [1, {\"x\":\"]}\"}] ,\n\"b\\\"\":\"\\\\\" , \"c\":null }",
		      "\"a\"=[1, {\"x\":\"]}\"}];\"b\\\"\"=\"\\\\\";\"c\"=null;");
}

static void malformed_text_ends_the_walk(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",          "x",           "[]",
		"{",         "{\"",         "{\"a",
		"{\"a\"",    "{\"a\":",     "{\"a\":\"",
		"{\"a\":[",  "{\"a\":\"\\", "{,}",
		"{\"a\" 1}", "{a:1}",       "{\"a\":,\"b\":1}",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_members(texts[i], "malformed");
	check_members("{\"a\":1 \"b\":2}", "\"a\"=1;malformed");
	check_members("{\"a\":1,}", "\"a\"=1;malformed");
}

static void a_member_is_found_by_what_its_key_says(void **state)
{
	(void)state;
	const struct sfs_span text = sfs_span_str("{\"x\":{\"oid\":1},\"\\u006fid\": \"7\" }");
	struct sfs_span value;
	assert_int_equal(cli_member_find(text, "oid", &value), 0);
	assert_true(sfs_span_equal(value, sfs_span_str("\"7\"")));
	assert_int_equal(cli_member_find(text, "id", &value), SFS_ERR_NOT_FOUND);
	assert_int_equal(cli_member_find(sfs_span_str("[1]"), "id", &value), SFS_ERR_BAD_DOCUMENT);
}

static void strings_are_unquoted(void **state)
{
	(void)state;
	struct sfs_buf out = SFS_BUF_INIT;
	assert_int_equal(cli_text_unquote(&out, sfs_span_str("\"a\\n\\u00e9\\ud83d\\ude00\"")), 0);
	is_text(&out, "a\n\xc3\xa9\xf0\x9f\x98\x80");
	assert_int_equal(cli_text_unquote(&out, sfs_span_str("\"\\ud800\"")), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(cli_text_unquote(&out, sfs_span_str("7")), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(cli_text_unquote(&out, sfs_span_str("")), SFS_ERR_BAD_DOCUMENT);
	sfs_buf_fini(&out);
}

static void strings_are_quoted(void **state)
{
	(void)state;
	struct sfs_buf out = SFS_BUF_INIT;
	const struct sfs_span bytes = { "a\"\\\n\t\0\x1f\x7f\xc3\xa9\xff\xed\xa0\x80", 14 };
	assert_int_equal(cli_text_quote(&out, bytes), 0);
	is_text(&out, "\"a\\\"\\\\\\n\\t\\u0000\\u001f\\u007f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd"
		      "\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void utf8_is_recognised(void **state)
{
	(void)state;
	static const char *const good[] = { "",
					    "a",
					    "\xc2\x80",
					    "\xdf\xbf",
					    "\xe0\xa0\x80",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xc2",
					   "\xe0\x9f\xbf",
					   "\xed\xa0\x80",
					   "\xe2\x82",
					   "\xf0\x8f\xbf\xbf",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "\xf0\x9f\x98",
					   "a\xff" };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(cli_text_is_utf8(sfs_span_str(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(cli_text_is_utf8(sfs_span_str(bad[i])));
}

static void compact_text_keeps_white_space_in_strings(void **state)
{
	(void)state;
	struct sfs_buf out = SFS_BUF_INIT;
	assert_int_equal(cli_text_compact(&out, sfs_span_str("{ \"a b\\\" \" :\n\t[ 1 , 2 ]\r\n}")),
			 0);
	is_text(&out, "{\"a b\\\" \":[1,2]}");
	assert_int_equal(cli_text_compact(&out, sfs_span_str("")), 0);
	is_text(&out, "");
}

static void base64_has_its_padding(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *text;
	} cases[] = {
		{ "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe\xfd", "//79" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sfs_buf out = SFS_BUF_INIT;
		assert_int_equal(cli_text_base64(&out, sfs_span_str(cases[i].bytes)), 0);
		is_text(&out, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_walked_in_order),
		cmocka_unit_test(malformed_text_ends_the_walk),
		cmocka_unit_test(a_member_is_found_by_what_its_key_says),
		cmocka_unit_test(strings_are_unquoted),
		cmocka_unit_test(strings_are_quoted),
		cmocka_unit_test(utf8_is_recognised),
		cmocka_unit_test(compact_text_keeps_white_space_in_strings),
		cmocka_unit_test(base64_has_its_padding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
