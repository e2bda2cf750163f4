/* JSON as Python reads and writes it, against files and samples that Python wrote. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <yyjson.h>
#include "document/json_python.h"
#include "document/msgpack.h"

static void assert_same(const char *from, size_t from_len, const char *to, size_t to_len)
{
	struct sfs_buf value = SFS_BUF_INIT, text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfsi_json_python_read((struct sfs_span){ from, from_len }, &value, &diag))
		fail_msg("%.*s: %s", (int)from_len, from, diag.text);
	assert_int_equal(sfsi_json_python_write(sfs_buf_span(&value), &text), 0);
	if (!sfs_span_equal(sfs_buf_span(&text), (struct sfs_span){ to, to_len }))
		fail_msg("%.*s became %.*s, expected %.*s", (int)from_len, from, (int)text.len,
			 (char *)text.data, (int)to_len, to);
	sfs_buf_fini(&value);
	sfs_buf_fini(&text);
}

static void same(const char *from, const char *to)
{
	assert_same(from, strlen(from), to, strlen(to));
}

static void refused(const char *text)
{
	struct sfs_buf value = SFS_BUF_INIT;
	int err = sfsi_json_python_read(sfs_span_str(text), &value, NULL);
	if (err != SFS_ERR_BAD_DOCUMENT)
		fail_msg("%s: %d", text, err);
	assert_int_equal(value.len, 0);
	sfs_buf_fini(&value);
}

static char *read_file(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	*ret_len = (size_t)ftell(file);
	assert_int_equal(fseek(file, 0, SEEK_SET), 0);
	char *bytes = malloc(*ret_len + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *ret_len, file), *ret_len);
	fclose(file);
	return bytes;
}

/* Every object file as Python wrote it: read and written it is the same. */
static void files_of_python_stay_the_same_bytes(void **state)
{
	(void)state;
	glob_t found = { 0 };
	static const char *const patterns[] = { "obj_[elnrtu]*/*/*.json", "raw_all/*/*/meta.json",
						"raw_all/*/*/*/meta.json" };
	size_t count = 0;
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		char pattern[512];
		snprintf(pattern, sizeof pattern, "%s/vectors/%s", TEST_DATA, patterns[i]);
		assert_int_equal(glob(pattern, i ? GLOB_APPEND : 0, NULL, &found), 0);
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t len;
		/* Written by hand: spaces and marks that Python does not write. */
		if (strstr(found.gl_pathv[i], "handwritten"))
			continue;
		char *bytes = read_file(found.gl_pathv[i], &len);
		assert_same(bytes, len, bytes, len);
		free(bytes);
		count++;
	}
	assert_true(count > 25);
	globfree(&found);
}

static void floats_are_written_as_repr_does(void **state)
{
	(void)state;
	char path[512];
	snprintf(path, sizeof path, "%s/vectors/functions.json", TEST_DATA);
	yyjson_doc *doc = yyjson_read_file(path, 0, NULL, NULL);
	assert_non_null(doc);
	yyjson_val *samples = yyjson_obj_get(yyjson_doc_get_root(doc), "json_float"), *sample;
	size_t at, max, count = 0;
	yyjson_arr_foreach(samples, at, max, sample)
	{
		const char *text = yyjson_get_str(yyjson_arr_get_last(sample));
		if (!text)
			text = yyjson_get_str(sample);
		assert_non_null(text);
		same(text, text);
		count++;
	}
	assert_int_equal(count, 258);
	yyjson_doc_free(doc);
}

static void what_python_accepts_is_read(void **state)
{
	(void)state;
	same(" { \"a\" :\t[ ] , \"b\":{ }\r\n}", "{\"a\": [], \"b\": {}}");
	same("{\"a\": 1, \"b\": 2, \"a\": 3}", "{\"a\": 3, \"b\": 2}");
	same("\"\xc3\xa9\xf0\x9f\x98\x80\x7f/\"", "\"\\u00e9\\ud83d\\ude00\\u007f/\"");
	same("\"\\ud800x\"", "\"\\ud800x\"");
	same("\"\xed\xa0\x80\"", "\"\\ud800\"");
	same("[NaN, -Infinity, 1e999, -0, -0.0]", "[NaN, -Infinity, Infinity, 0, -0.0]");
	same("[18446744073709551616, 1E2]", "[18446744073709551616, 100.0]");
	same("\xef\xbb\xbf[1]", "[1]");
	assert_same("\xff\xfe[\0001\000]\0", 8, "[1]", 3);
	assert_same("\0[\0001\0]", 6, "[1]", 3);
	assert_same("[\0\0\0001\0\0\0]\0\0\0", 12, "[1]", 3);
}

static void what_json_can_not_say_comes_back(void **state)
{
	(void)state;
	same("[{\"$bin\": \"AAE=\"}]", "[{\"$bin\": \"AAE=\"}]");
	same("[{\"$bin\": \"no base64\"}]", "[{\"$bin\": \"no base64\"}]");
	same("[{\"$ext\": [5, \"AA==\"]}]", "[{\"$ext\": [5, \"AA==\"]}]");
	same("[{\"$map\": [[1, 2]]}]", "[{\"$map\": [[1, 2]]}]");
	same("[{\"$map\": [[1, 2], [1, 3]]}]", "[{\"$map\": [[1, 2], [1, 3]]}]");
	same("[{\"$float\": \"nan\"}]", "[NaN]");
	same("{\"$bin\": \"AAE=\"}", "{\"$bin\": \"AAE=\"}");
}

static void what_is_no_json_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",       "{",      "[1,]",      "{\"a\"}",   "{\"a\": 1,}", "[1] x", "\"\\x\"",
		"\"a",    "\"\n\"", "\"\xff\"",  "01",        "1.",          "-",     "nul",
		"{1: 2}", "[1 2]",  "\"\\u12\"", "\xff\xfe[", "\xff",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		refused(texts[i]);
}

static void a_fault_says_where_it_is(void **state)
{
	(void)state;
	struct sfs_buf value = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfsi_json_python_read(sfs_span_str("{\n \"a\": ?}"), &value, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(diag.line, 2);
	assert_int_equal(diag.column, 7);
	assert_string_equal(diag.text, "expected a value");
	sfs_buf_fini(&value);
}

static void many_keys_and_levels(void **state)
{
	(void)state;
	struct sfs_buf text = SFS_BUF_INIT, value = SFS_BUF_INIT;
	assert_int_equal(sfs_buf_append(&text, "{", 1), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(sfs_buf_printf(&text, "%s\"k%d\": %d", i ? ", " : "", i, i), 0);
	assert_int_equal(sfs_buf_append(&text, "}", 1), 0);
	assert_same(text.data, text.len, text.data, text.len);
	text.len = 0;
	for (int i = 0; i < 491; i++)
		assert_int_equal(sfs_buf_append(&text, "[", 1), 0);
	assert_int_equal(sfsi_json_python_read(sfs_buf_span(&text), &value, NULL), SFS_ERR_LIMIT);
	sfs_buf_fini(&value);
	sfs_buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_python_stay_the_same_bytes),
		cmocka_unit_test(floats_are_written_as_repr_does),
		cmocka_unit_test(what_python_accepts_is_read),
		cmocka_unit_test(what_json_can_not_say_comes_back),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(a_fault_says_where_it_is),
		cmocka_unit_test(many_keys_and_levels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
