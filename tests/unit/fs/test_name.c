/*
 * Names of objects: every oid has exactly one name, every name means exactly one oid.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "name.h"

static struct sfs_span span(const char *text)
{
	return sfs_span_str(text);
}

static void check_name(struct sfs_span oid, const char *want)
{
	char name[SFS_NAME_MAX + 1];
	struct fs_name parsed;
	size_t len = fs_name_make(oid, SFS_FORMAT_JSON, name);
	assert_string_equal(name, want);
	assert_int_equal(len, strlen(want));
	fs_name_parse(span(name), &parsed);
	assert_true(parsed.object);
	assert_true(parsed.canonical);
	assert_int_equal(parsed.oid_len, oid.len);
	assert_memory_equal(parsed.oid, oid.data, oid.len);
}

static void a_plain_oid_is_its_own_name(void **state)
{
	(void)state;
	check_name(span("42"), "42.json");
	check_name(span("a b"), "a b.json");
	check_name(span("x.json"), "x.json.json");
	check_name(span("Zürich"), "Zürich.json");
	check_name(span("a.b#c"), "a.b#c.json");
	check_name(span("~"), "~.json");
}

static void percent_stays_where_it_means_itself(void **state)
{
	(void)state;
	check_name(span("100%"), "100%.json");
	check_name(span("%zz"), "%zz.json");
	check_name(span("%2f"), "%2f.json"); /* only upper case is an escape */
	check_name(span("%41"), "%41.json"); /* 'A' needs no escape, so this is none */
}

static void what_looks_like_an_escape_is_escaped(void **state)
{
	(void)state;
	check_name(span("100%25"), "100%2525.json");
	check_name(span("%2F"), "%252F.json");
	check_name(span("a%00"), "a%2500.json");
}

static void bytes_that_no_file_name_has_are_escaped(void **state)
{
	(void)state;
	check_name(span("a/b"), "a%2Fb.json");
	check_name(span(".hidden"), "%2Ehidden.json");
	check_name(span("#1"), "%231.json");
	check_name(span("a\nb"), "a%0Ab.json");
	check_name(span("\x7f"), "%7F.json");
	check_name((struct sfs_span){ "a\0b", 3 }, "a%00b.json");
	check_name(span("50%/x"), "50%25%2Fx.json");
}

static void invalid_utf8_is_escaped(void **state)
{
	(void)state;
	check_name(span("\xff"), "%FF.json");
	check_name(span("a\xc3"), "a%C3.json");
	check_name(span("\xc0\xaf"), "%C0%AF.json");        /* overlong */
	check_name(span("\xed\xa0\x80"), "%ED%A0%80.json"); /* surrogate */
	check_name(span("\xf4\x90\x80\x80"), "%F4%90%80%80.json");
	check_name(span("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf.json");
}

static void check_scratch(const char *name)
{
	struct fs_name parsed;
	fs_name_parse(span(name), &parsed);
	assert_false(parsed.object);
}

static void names_of_editors_are_scratch(void **state)
{
	(void)state;
	check_scratch("4913");
	check_scratch(".42.json.swp");
	check_scratch(".42.json");
	check_scratch("#42.json#");
	check_scratch("#42.json");
	check_scratch("42.json~");
	check_scratch("sedAbCdEf");
	check_scratch("42.jso");
	check_scratch(".json");
	check_scratch(".msgpack");
	check_scratch("");
}

static void the_extension_says_the_format(void **state)
{
	(void)state;
	struct fs_name parsed;
	fs_name_parse(span("42.msgpack"), &parsed);
	assert_true(parsed.object);
	assert_int_equal(parsed.format, SFS_FORMAT_MSGPACK);
	assert_int_equal(parsed.oid_len, 2);
	fs_name_parse(span("42.msgpack.json"), &parsed);
	assert_int_equal(parsed.format, SFS_FORMAT_JSON);
	assert_int_equal(parsed.oid_len, strlen("42.msgpack"));
}

static void a_name_with_raw_bytes_is_an_alias(void **state)
{
	(void)state;
	struct fs_name parsed;
	fs_name_parse(span("a\nb.json"), &parsed);
	assert_true(parsed.object);
	assert_false(parsed.canonical);
	assert_int_equal(parsed.oid_len, 3);
}

static void long_oids_get_a_hash(void **state)
{
	(void)state;
	char oid[SFS_OID_MAX], name[SFS_NAME_MAX + 1];
	memset(oid, 'x', sizeof oid);
	for (size_t len = 1; len <= sizeof oid; len++) {
		size_t got = fs_name_make((struct sfs_span){ oid, len }, SFS_FORMAT_JSON, name);
		assert_int_equal(got, strlen(name));
		assert_true(got <= SFS_NAME_MAX);
		if (len + 5 <= SFS_NAME_MAX) {
			assert_int_equal(got, len + 5);
			continue;
		}
		struct fs_name parsed;
		unsigned char prefix[SFS_NAME_MAX];
		fs_name_parse(span(name), &parsed);
		assert_true(parsed.object && parsed.hashed);
		size_t prefix_len = fs_name_prefix(span(name), 0, prefix);
		assert_true(prefix_len > 200 && prefix_len < len);
		assert_memory_equal(prefix, oid, prefix_len);
		assert_int_equal(fs_name_prefix(span(name), 1, prefix), 0);
	}
}

static void a_cut_splits_no_character_and_no_escape(void **state)
{
	(void)state;
	char oid[SFS_OID_MAX], name[SFS_NAME_MAX + 1];
	for (size_t shift = 0; shift < 4; shift++) {
		memset(oid, 'x', sizeof oid);
		for (size_t at = shift; at + 4 <= 400; at += 4)
			memcpy(oid + at, "\xf0\x9f\x98\x80", 4);
		fs_name_make((struct sfs_span){ oid, 400 }, SFS_FORMAT_JSON, name);
		unsigned char prefix[SFS_NAME_MAX];
		size_t len = fs_name_prefix(span(name), 0, prefix);
		assert_int_equal((len - shift) % 4, 0);
		assert_memory_equal(prefix, oid, len);

		memset(oid, '/', sizeof oid);
		memset(oid, 'x', shift);
		fs_name_make((struct sfs_span){ oid, 400 }, SFS_FORMAT_MSGPACK, name);
		len = fs_name_prefix(span(name), 1, prefix);
		assert_true(len > 60);
		assert_memory_equal(prefix, oid, len);
	}
}

/** Names of all short oids over an awkward alphabet: unique, and each means its oid. */
static void every_short_oid_comes_back(void **state)
{
	(void)state;
	static const char alphabet[] = "a%2F5/.#\xc3\xbc\xff\n\x7f";
	const size_t base = sizeof alphabet; /* with the NUL */
	for (size_t number = 0; number < base * base * base * base; number++) {
		char oid[4];
		size_t rest = number, len = 1 + number % 4;
		for (size_t i = 0; i < len; i++, rest /= base)
			oid[i] = alphabet[rest % base];
		char name[SFS_NAME_MAX + 1];
		struct fs_name parsed;
		size_t got = fs_name_make((struct sfs_span){ oid, len }, SFS_FORMAT_JSON, name);
		assert_null(memchr(name, '/', got));
		fs_name_parse((struct sfs_span){ name, got }, &parsed);
		assert_true(parsed.object && parsed.canonical);
		assert_int_equal(parsed.oid_len, len);
		assert_memory_equal(parsed.oid, oid, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_oid_is_its_own_name),
		cmocka_unit_test(percent_stays_where_it_means_itself),
		cmocka_unit_test(what_looks_like_an_escape_is_escaped),
		cmocka_unit_test(bytes_that_no_file_name_has_are_escaped),
		cmocka_unit_test(invalid_utf8_is_escaped),
		cmocka_unit_test(names_of_editors_are_scratch),
		cmocka_unit_test(the_extension_says_the_format),
		cmocka_unit_test(a_name_with_raw_bytes_is_an_alias),
		cmocka_unit_test(long_oids_get_a_hash),
		cmocka_unit_test(a_cut_splits_no_character_and_no_escape),
		cmocka_unit_test(every_short_oid_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
