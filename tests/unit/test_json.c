/*
 * JSON text to values: what is read, what is refused and where. Values are compared through their
 * msgpack encoding, which is one string of bytes for each value.
 */
#include "document_check.h"
#include <locale.h>

struct reading {
	const char *json;
	const char *hex;
};

static void check_readings(const struct reading *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sfs_buf out = SFS_BUF_INIT;
		struct sfs_buf expected = from_hex(table[i].hex);
		struct sfs_diag diag = SFS_DIAG_INIT;
		int err = json_to_msgpack(sfs_span_str(table[i].json), &out, &diag);
		if (err < 0)
			print_error("%s: %s\n", table[i].json, diag.text);
		assert_int_equal(err, 0);
		char *found_hex = to_hex(sfs_buf_span(&out));
		char *expected_hex = to_hex(sfs_buf_span(&expected));
		assert_string_equal(found_hex, expected_hex);
		assert_int_equal(diag.err, 0);
		free(found_hex);
		free(expected_hex);
		sfs_buf_fini(&out);
		sfs_buf_fini(&expected);
	}
}

static void integers_keep_every_digit(void **state)
{
	static const struct reading table[] = {
		{ "0", "00" },
		{ "-0", "00" },
		{ "127", "7f" },
		{ "128", "cc80" },
		{ "-1", "ff" },
		{ "-33", "d0df" },
		{ "9007199254740993", "cf0020000000000001" },
		{ "9223372036854775807", "cf7fffffffffffffff" },
		{ "-9223372036854775808", "d38000000000000000" },
		{ "9223372036854775808", "cf8000000000000000" },
		{ "18446744073709551615", "cfffffffffffffffff" },
		{ "18446744073709551616", "c7144e3138343436373434303733373039353531363136" },
		{ "-9223372036854775809", "c7144e2d39323233333732303336383534373735383039" },
		{ "99999999999999999999999",
		  "c7174e3939393939393939393939393939393939393939393939" },
	};
	(void)state;
	check_readings(table, ARRAY_SIZE(table));
}

static void other_numbers_become_the_nearest_double(void **state)
{
	static const struct reading table[] = {
		{ "0.0", "cb0000000000000000" },
		{ "-0.0", "cb8000000000000000" },
		{ "1.0", "cb3ff0000000000000" },
		{ "1e0", "cb3ff0000000000000" },
		{ "0.1", "cb3fb999999999999a" },
		{ "1.7976931348623157e308", "cb7fefffffffffffff" },
		{ "5e-324", "cb0000000000000001" },
		{ "1e-400", "cb0000000000000000" },
		{ "-1e-400", "cb8000000000000000" },
		{ "9007199254740993.0", "cb4340000000000000" },
		{ "18446744073709551616.0", "cb43f0000000000000" },
	};
	(void)state;
	check_readings(table, ARRAY_SIZE(table));
}

static void doubles_agree_with_strtod(void **state)
{
	uint64_t random = 42;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[64];
		struct sfs_buf out = SFS_BUF_INIT;
		snprintf(text, sizeof text, "%llu.%llue%d",
			 (unsigned long long)(next_random(&random) >> next_random(&random) % 60),
			 (unsigned long long)next_random(&random),
			 (int)(next_random(&random) % 560) - 270);
		assert_int_equal(json_to_msgpack(sfs_span_str(text), &out, NULL), 0);
		double expected = strtod(text, NULL);
		uint64_t bits, found = 0;
		memcpy(&bits, &expected, sizeof bits);
		assert_int_equal(out.len, 9);
		for (int j = 1; j < 9; j++)
			found = found << 8 | ((uint8_t *)out.data)[j];
		assert_int_equal(found, bits);
		sfs_buf_fini(&out);
	}
}

static void values_of_every_type_are_read(void **state)
{
	static const struct reading table[] = {
		{ "null", "c0" },
		{ "true", "c3" },
		{ "false", "c2" },
		{ "\"\"", "a0" },
		{ "\"a\\u0000b\"", "a3610062" },
		{ "\"\\ud83d\\ude00\"", "a4f09f9880" },
		{ "[]", "90" },
		{ "{}", "80" },
		{ " [ 1 , [ ] , { } ] ", "93019080" },
		{ "{\"b\":1,\"a\":{\"b\":2}}", "82a16201a16181a16202" },
	};
	(void)state;
	check_readings(table, ARRAY_SIZE(table));
}

static void words_become_what_json_can_not_say(void **state)
{
	static const struct reading table[] = {
		{ "{\"$bin\":\"\"}", "c400" },
		{ "{\"$bin\":\"AAH/\"}", "c4030001ff" },
		{ "{\"$bin\":\"AA==\"}", "c40100" },
		{ "{\"$ext\":[5,\"AA==\"]}", "d40500" },
		{ "{\"$ext\":[-128,\"\"]}", "c70080" },
		{ "{\"$ext\":[127,\"AAAA\"]}", "c7037f000000" },
		{ "{\"$ext\":[78,\"MTIz\"]}", "c7034e313233" },
		{ "{\"$ext\":[78,\"MTg0NDY3NDQwNzM3MDk1NTE2MTY=\"]}",
		  "c7144e3138343436373434303733373039353531363136" },
		{ "{\"$float\":\"nan\"}", "cb7ff8000000000000" },
		{ "{\"$float\":\"inf\"}", "cb7ff0000000000000" },
		{ "{\"$float\":\"-inf\"}", "cbfff0000000000000" },
		{ "{\"$map\":[]}", "80" },
		{ "{\"$map\":[[1,2],[\"a\",3]]}", "820102a16103" },
		{ "{\"$map\":[[{\"$map\":[[1,2]]},{\"$map\":[[null,{\"$bin\":\"\"}]]}]]}",
		  "8181010281c0c400" },
		{ "{\"$map\":[[\"$bin\",1]]}", "81a42462696e01" },
		{ "{\"$bin\":1,\"a\":2}", "82a42462696e01a16102" },
		{ "{\"$other\":1}", "81a6246f7468657201" },
		{ "{\"$bi\":1}", "81a324626901" },
		{ "{\"$\":1}", "81a12401" },
	};
	(void)state;
	check_readings(table, ARRAY_SIZE(table));
}

struct refusal {
	const char *json;
	uint32_t line, column;
	const char *text;
};

static void check_refusals(const struct refusal *table, size_t count, int expected)
{
	for (size_t i = 0; i < count; i++) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		int err = sfsi_json_read(sfs_span_str(table[i].json), &sfsi_sink_null, &diag);
		if (err != expected || strcmp(diag.text, table[i].text) != 0)
			print_error("case: %s\n", table[i].json);
		assert_int_equal(err, expected);
		assert_string_equal(diag.text, table[i].text);
		assert_int_equal(diag.line, table[i].line);
		assert_int_equal(diag.column, table[i].column);
		assert_diag_good(&diag, expected);
	}
}

static void refusals_say_where_what_and_what_was_expected(void **state)
{
	static const struct refusal table[] = {
		{ "", 1, 1, "empty document: expected a JSON object" },
		{ " \n ", 2, 2, "empty document: expected a JSON object" },
		{ "{", 1, 2, "unexpected end of the text, expected a key in double quotes or '}'" },
		{ "[", 1, 2, "unexpected end of the text, expected a value or ']'" },
		{ "[1", 1, 3, "unexpected end of the text, expected ',' or ']'" },
		{ "{\"a\":1", 1, 7, "unexpected end of the text, expected ',' or '}'" },
		{ "{\"a\"", 1, 5, "unexpected end of the text, expected ':' after the key" },
		{ "{\n  \"a\": 1,\n}", 3, 1,
		  "unexpected character '}', expected a key in double quotes "
		  "(after a comma another one follows)" },
		{ "[1,]", 1, 4,
		  "unexpected character ']', expected a value (after a comma another one follows)" },
		{ "[1,,2]", 1, 4, "unexpected character ',', expected a value" },
		{ "{\"é\":[\n1 2]}", 2, 3, "unexpected number 2, expected ',' or ']'" },
		{ "{\"é\" 1}", 1, 7, "unexpected number 1, expected ':' after the key" },
		{ "{a:1}", 1, 2, "unexpected word 'a', expected a key in double quotes or '}'" },
		{ "{}x", 1, 3, "unexpected word 'x', expected the end of the text" },
		{ "[1}", 1, 3, "unexpected character '}', expected ',' or ']'" },
		{ "[nul]", 1, 2, "unexpected word 'nul', expected a value or ']'" },
		{ "[\"a\" \"b\"]", 1, 6, "unexpected string \"b\", expected ',' or ']'" },
		{ "[NaN]", 1, 2,
		  "unexpected word 'NaN', expected a value or ']' (write {\"$float\": "
		  "\"nan\"}, \"inf\" or \"-inf\")" },
		{ "// x", 1, 1,
		  "unexpected character '/', expected a value (JSON has no comments)" },
		{ "['a']", 1, 2,
		  "unexpected character ''', expected a value or ']' (strings stand in "
		  "double quotes)" },
		{ "[\xff]", 1, 2, "unexpected byte 0xff, expected a value or ']'" },
		{ "[\f1]", 1, 2, "unexpected byte 0x0c, expected a value or ']'" },
		{ "[“a”]", 1, 2, "unexpected character '“', expected a value or ']'" },
		{ "[\"abc", 1, 2,
		  "a string without an end, expected '\"' before the end of the text" },
		{ "[\"a\tb\"]", 1, 4,
		  "a control character in a string, expected the escape \\u0009 or "
		  "the end of the string" },
		{ "[\"\\x\"]", 1, 3,
		  "an unknown escape, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r "
		  "\\t \\u" },
		{ "[\"\\u12\"]", 1, 3,
		  "a broken escape, expected four hexadecimal digits after \\u" },
		{ "[\"\\ud800\"]", 1, 3,
		  "half of a surrogate pair, expected \\ud800-\\udbff followed by "
		  "\\udc00-\\udfff" },
		{ "[\"a\xff\"]", 1, 4,
		  "invalid UTF-8 in a string (byte 0xff), expected a UTF-8 character" },
		{ "[01]", 1, 2, "a number with a leading zero, expected another first digit" },
		{ "[-x]", 1, 3, "a minus sign without a number, expected a digit after it" },
		{ "[1.]", 1, 4, "a number that ends with its point, expected a digit" },
		{ "[1e+]", 1, 5, "an exponent without digits, expected a digit" },
		{ "\xef\xbb\xbf{}", 1, 1,
		  "a byte order mark at the start, expected UTF-8 without one" },
		{ "\xff\xfe{", 1, 1, "the text is UTF-16 or UTF-32, expected UTF-8" },
	};
	(void)state;
	check_refusals(table, ARRAY_SIZE(table), SFS_ERR_BAD_DOCUMENT);
}

static void faults_of_values_are_found_exactly(void **state)
{
	static const struct refusal table[] = {
		{ "{\"a\":1,\n \"b\":[1,{}],\n \"a\":2}", 3, 2, "duplicate key \"a\"" },
		{ "[{\"x\\n\":\"\\\"[{\",\"x\\n\":1}]", 1, 16, "duplicate key \"x\\x0a\"" },
		{ "{\"a\":{\"$bin\":\"A\"}}", 1, 14,
		  "bad bytes in $bin, expected a string of base64 with its padding" },
		{ "{\"a\":{\"$bin\":[ 1 ]}}", 1, 14,
		  "bad bytes in $bin, expected a string of base64 with its padding" },
		{ "{\"$ext\":[128,\"\"]}", 1, 10,
		  "bad type in $ext, expected an integer from -128 to 127" },
		{ "{\"$ext\":[1,\"*\"]}", 1, 12,
		  "bad bytes in $ext, expected a string of base64 with its padding" },
		{ "{\"$ext\": 1}", 1, 10,
		  "bad $ext, expected an array of a type and a string of base64" },
		{ "[null,true,{\"$float\":\n 1}]", 2, 2,
		  "bad $float, expected \"nan\", \"inf\" or \"-inf\"" },
		{ "{\"$map\":[[1,2],[3]]}", 1, 16,
		  "bad pair in $map, expected an array of a key and a value" },
		{ "{\"$map\":[[1,2],[1,3]]}", 1, 17, "duplicate key in $map" },
		{ "{\"$map\":[[\"k\",2],[1,1],[\"k\",3]]}", 1, 25, "duplicate key \"k\"" },
		{ "{\"$map\": false}", 1, 10, "bad $map, expected an array of pairs" },
		{ "[1.5,-2e999]", 1, 6, "number -2e999 is beyond what a double holds" },
	};
	(void)state;
	check_refusals(table, ARRAY_SIZE(table), SFS_ERR_BAD_DOCUMENT);
}

static void long_and_wild_keys_are_shown_short_and_clean(void **state)
{
	char json[1000], key[401];
	struct sfs_diag diag = SFS_DIAG_INIT;
	(void)state;
	for (size_t i = 0; i + 2 < sizeof key; i += 2)
		memcpy(key + i, i < 8 ? "\xc2\x9b" : "é", 2);
	key[400] = 0;
	snprintf(json, sizeof json, "{\"%s\":1,\"%s\":2}", key, key);
	assert_int_equal(sfsi_json_read(sfs_span_str(json), &sfsi_sink_null, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_diag_good(&diag, SFS_ERR_BAD_DOCUMENT);
	assert_true(strlen(diag.text) < 90);
	assert_non_null(strstr(diag.text, "\\xc2\\x9b\\xc2\\x9b"));
	assert_non_null(strstr(diag.text, "…\""));
	assert_int_equal(diag.column, 407);
}

/* start × levels, middle, end × levels */
static struct sfs_buf nested(const char *start, unsigned levels, const char *middle,
			     const char *end)
{
	struct sfs_buf buf = SFS_BUF_INIT;
	for (unsigned i = 0; i < levels; i++)
		assert_int_equal(sfs_buf_append(&buf, start, strlen(start)), 0);
	assert_int_equal(sfs_buf_append(&buf, middle, strlen(middle)), 0);
	for (unsigned i = 0; i < levels; i++)
		assert_int_equal(sfs_buf_append(&buf, end, strlen(end)), 0);
	return buf;
}

static void depth_490_is_read_and_491_is_not(void **state)
{
	static const struct {
		const char *start, *middle, *end;
		uint32_t column; /* of the container that is too deep */
	} table[] = {
		{ "[", "", "]", 491 },
		{ "{\"a\":", "0", "}", 490 * 5 + 1 },
		{ "{\"$map\":[[1,", "0", "]]}", 490 * 12 + 9 },
		{ "{\"$map\":[[", "0", ",1]]}", 490 * 10 + 9 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		struct sfs_buf good = nested(table[i].start, 490, table[i].middle, table[i].end);
		struct sfs_buf bad = nested(table[i].start, 491, table[i].middle, table[i].end);
		assert_int_equal(sfsi_json_read(sfs_buf_span(&good), &sfsi_sink_null, &diag), 0);
		assert_int_equal(sfsi_json_read(sfs_buf_span(&bad), &sfsi_sink_null, &diag),
				 SFS_ERR_LIMIT);
		assert_string_equal(diag.text, "nested more than 490 levels deep");
		assert_int_equal(diag.line, 1);
		assert_int_equal(diag.column, table[i].column);
		sfs_buf_fini(&good);
		sfs_buf_fini(&bad);
	}
}

static void a_word_at_the_deepest_level_is_a_value(void **state)
{
	struct sfs_buf text = nested("[", 490, "{\"$bin\":\"\"}", "]");
	struct sfs_buf body = SFS_BUF_INIT, again = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(json_to_msgpack(sfs_buf_span(&text), &body, NULL), 0);
	assert_int_equal(msgpack_to_json(sfs_buf_span(&body), SFSI_JSON_COMPACT, &again), 0);
	assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&text));
	sfs_buf_fini(&text);
	sfs_buf_fini(&body);
	sfs_buf_fini(&again);
}

static void maps_of_490_levels_are_written_and_read_again(void **state)
{
	struct sfs_buf text = nested("{\"$map\":[[1,", 490, "0", "]]}");
	struct sfs_buf body = SFS_BUF_INIT, pretty = SFS_BUF_INIT, again = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(json_to_msgpack(sfs_buf_span(&text), &body, NULL), 0);
	assert_int_equal(msgpack_to_json(sfs_buf_span(&body), SFSI_JSON_PRETTY, &pretty), 0);
	assert_int_equal(json_to_msgpack(sfs_buf_span(&pretty), &again, NULL), 0);
	assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&body));
	sfs_buf_fini(&text);
	sfs_buf_fini(&body);
	sfs_buf_fini(&pretty);
	sfs_buf_fini(&again);
}

static void the_longest_text_is_64_mib(void **state)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	char *text = malloc(SFS_DOCUMENT_MAX + 1);
	(void)state;
	assert_non_null(text);
	memset(text, 'a', SFS_DOCUMENT_MAX + 1);
	text[0] = text[SFS_DOCUMENT_MAX - 1] = '"';
	struct sfs_span span = { text, SFS_DOCUMENT_MAX };
	assert_int_equal(sfsi_json_read(span, &sfsi_sink_null, &diag), 0);
	text[SFS_DOCUMENT_MAX - 1] = 'a';
	text[SFS_DOCUMENT_MAX] = '"';
	span.len++;
	assert_int_equal(sfsi_json_read(span, &sfsi_sink_null, &diag), SFS_ERR_LIMIT);
	assert_string_equal(diag.text, "the text has 67108865 bytes, the limit is 67108864");
	free(text);
}

static void a_million_keys_are_checked_in_linear_time(void **state)
{
	struct sfs_buf text = SFS_BUF_INIT, body = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	(void)state;
	assert_int_equal(sfs_buf_printf(&text, "{"), 0);
	for (int i = 0; i < 1000000; i++)
		assert_int_equal(sfs_buf_printf(&text, "\"key%d\":%d,", i, i), 0);
	size_t before_last = text.len;
	assert_int_equal(sfs_buf_printf(&text, "\"x\":0}"), 0);
	assert_int_equal(json_to_msgpack(sfs_buf_span(&text), &body, NULL), 0);
	text.len = before_last;
	assert_int_equal(sfs_buf_printf(&text, "\"key777777\":0}"), 0);
	assert_int_equal(sfsi_json_read(sfs_buf_span(&text), &sfsi_sink_null, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_string_equal(diag.text, "duplicate key \"key777777\"");
	assert_int_equal(diag.offset, before_last);
	sfs_buf_fini(&text);
	sfs_buf_fini(&body);
}

static void check_good(const char *name, struct sfs_span bytes)
{
	struct sfs_buf body = SFS_BUF_INIT, text = SFS_BUF_INIT, again = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = json_to_msgpack(bytes, &body, &diag);
	if (err < 0)
		print_error("%s: %s\n", name, diag.text);
	assert_int_equal(err, 0);
	assert_int_equal(msgpack_to_json(sfs_buf_span(&body), SFSI_JSON_PRETTY, &text), 0);
	assert_int_equal(json_to_msgpack(sfs_buf_span(&text), &again, NULL), 0);
	assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&body));
	sfs_buf_fini(&body);
	sfs_buf_fini(&text);
	sfs_buf_fini(&again);
}

static void check_bad(const char *name, struct sfs_span bytes)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_json_read(bytes, &sfsi_sink_null, &diag);
	if (err == 0)
		print_error("%s is read\n", name);
	assert_true(err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT);
	assert_diag_good(&diag, err);
	assert_true(diag.line >= 1 && diag.column >= 1 && diag.offset <= bytes.len);
	assert_int_equal(sfsi_json_read(bytes, &sfsi_sink_null, NULL), err);
}

static void the_corpus_is_judged_as_its_names_say(void **state)
{
	(void)state;
	assert_true(each_file("json", "good-", check_good) >= 60);
	assert_true(each_file("json", "should-fail-", check_bad) >= 240);
}

/* Every beginning of a text is refused with a position inside it, or is a text itself. */
static void every_cut_of_a_text_is_handled(void **state)
{
	static const char whole[] =
		"{\"a\":[1.5e+3,-0,true,null,\"\\ud83d\\ude00é\\n\"],"
		"\"b\":{\"$map\":[[{\"$bin\":\"AA==\"},{\"$float\":\"-inf\"}]]}}";
	(void)state;
	for (size_t len = 0; len < sizeof whole - 1; len++) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		char *copy = malloc(len + 1);
		assert_non_null(copy);
		memcpy(copy, whole, len);
		int err = sfsi_json_read((struct sfs_span){ copy, len }, &sfsi_sink_null, &diag);
		assert_int_equal(err, SFS_ERR_BAD_DOCUMENT);
		assert_true(diag.offset <= len);
		assert_diag_good(&diag, err);
		free(copy);
	}
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
	static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8",  "fr_FR.UTF-8",
					     "de_AT.UTF-8", "ru_RU.UTF-8", "es_ES.UTF-8",
					     "it_IT.UTF-8", "de_DE" };
	const char *found = NULL;
	(void)state;
	for (size_t i = 0; !found && i < ARRAY_SIZE(names); i++)
		found = setlocale(LC_NUMERIC, names[i]);
	if (!found)
		skip();
	assert_string_equal(localeconv()->decimal_point, ",");
	static const struct reading table[] = { { "1.5", "cb3ff8000000000000" } };
	struct sfs_buf bytes = from_hex("cb3ff8000000000000"), text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	check_readings(table, 1);
	assert_int_equal(msgpack_to_json(sfs_buf_span(&bytes), SFSI_JSON_COMPACT, &text), 0);
	assert_span_equal(sfs_buf_span(&text), sfs_span_str("1.5"));
	assert_int_equal(sfsi_json_read(sfs_span_str("1,5"), &sfsi_sink_null, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	setlocale(LC_NUMERIC, "C");
	sfs_buf_fini(&bytes);
	sfs_buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_keep_every_digit),
		cmocka_unit_test(other_numbers_become_the_nearest_double),
		cmocka_unit_test(doubles_agree_with_strtod),
		cmocka_unit_test(values_of_every_type_are_read),
		cmocka_unit_test(words_become_what_json_can_not_say),
		cmocka_unit_test(refusals_say_where_what_and_what_was_expected),
		cmocka_unit_test(faults_of_values_are_found_exactly),
		cmocka_unit_test(long_and_wild_keys_are_shown_short_and_clean),
		cmocka_unit_test(depth_490_is_read_and_491_is_not),
		cmocka_unit_test(a_word_at_the_deepest_level_is_a_value),
		cmocka_unit_test(maps_of_490_levels_are_written_and_read_again),
		cmocka_unit_test(the_longest_text_is_64_mib),
		cmocka_unit_test(a_million_keys_are_checked_in_linear_time),
		cmocka_unit_test(the_corpus_is_judged_as_its_names_say),
		cmocka_unit_test(every_cut_of_a_text_is_handled),
		cmocka_unit_test(numbers_do_not_depend_on_the_locale),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
