/* Keys: bytes sort as values do, are the value again, and are typed as they are shown. */
#include "document_check.h"
#include "index/key.h"

/* The key of a value in JSON. */
static struct sfs_buf key_of_json(const char *json)
{
	struct sfs_buf value = SFS_BUF_INIT, key = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	struct sfs_diag diag = SFS_DIAG_INIT;
	sfsi_msgpack_writer_init(&writer, &value);
	if (sfsi_json_read(sfs_span_str(json), &writer.sink, &diag) < 0)
		fail_msg("%s: %s", json, diag.text);
	assert_int_equal(sfsi_index_key_encode(sfs_buf_span(&value), &key), 0);
	sfs_buf_fini(&value);
	return key;
}

static int order_of(struct sfs_span a, struct sfs_span b)
{
	size_t least = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.data, b.data, least);
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static void assert_ascending(const char *const *json, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sfs_buf left = key_of_json(json[i]);
		assert_true(left.len <= SFSI_INDEX_KEY_MAX);
		for (size_t k = 0; k < count; k++) {
			struct sfs_buf right = key_of_json(json[k]);
			int order = order_of(sfs_buf_span(&left), sfs_buf_span(&right));
			if ((order > 0) - (order < 0) != (i > k) - (i < k))
				fail_msg("%s and %s", json[i], json[k]);
			/* No key is the beginning of another. */
			if (i != k && left.len <= right.len)
				assert_memory_not_equal(left.data, right.data, left.len);
			sfs_buf_fini(&right);
		}
		sfs_buf_fini(&left);
	}
}

static void values_of_all_kinds_are_in_order(void **state)
{
	static const char *const ascending[] = {
		"null",
		"false",
		"true",
		"{\"$float\":\"-inf\"}",
		"-1e300",
		"-100000000000000000000",
		"-18446744073709551617",
		"-18446744073709551616",
		"-18446744073709551615",
		"-9223372036854775809",
		"-9223372036854775808",
		"-9007199254740993",
		"-9007199254740992.0",
		"-9007199254740992",
		"-256",
		"-255",
		"-1.5",
		"-1.0",
		"-1",
		"-0.5",
		"-5e-324",
		"-0.0",
		"0",
		"0.0",
		"5e-324",
		"1e-300",
		"0.1",
		"0.5",
		"1",
		"1.0",
		"1.0000000000000002",
		"1.5",
		"2",
		"9",
		"10",
		"255",
		"256",
		"65535",
		"65536",
		"9007199254740991",
		"9007199254740992",
		"9007199254740992.0",
		"9007199254740993",
		"9223372036854775807",
		"9223372036854775808",
		"9223372036854775808.0",
		"9223372036854775809",
		"18446744073709551615",
		"18446744073709551616",
		"18446744073709551616.0",
		"18446744073709551617",
		"20250102030405678901",
		"20250102030405678902",
		"99999999999999999999",
		"100000000000000000000",
		"1e20",
		"100000000000000000001",
		"1e300",
		"1.7976931348623157e308",
		"{\"$float\":\"inf\"}",
		"{\"$float\":\"nan\"}",
		"\"\"",
		"\"\\u0000\"",
		"\"\\u0000\\u0000\"",
		"\"\\u0000a\"",
		"\"\\u0001\"",
		"\" \"",
		"\"10\"",
		"\"9\"",
		"\"A\"",
		"\"a\"",
		"\"a\\u0000\"",
		"\"a\\u0000b\"",
		"\"a\\u0001\"",
		"\"ab\"",
		"\"b\"",
		"\"é\"",
		"\"\U0001F600\"",
		"[1,2]",
		"[1]",
		"[2]",
		"{\"$bin\":\"AAA=\"}",
		"{\"a\":1}",
	};
	(void)state;
	assert_ascending(ascending, ARRAY_SIZE(ascending));
}

/* --- random numbers against an order of another kind --- */

/* A number as text of JSON; often near others, and near powers of two. */
static void random_number(uint64_t *random, char ret[400])
{
	uint64_t bits = next_random(random) >> (next_random(random) % 64);
	int64_t near = (int64_t)((UINT64_C(1) << next_random(random) % 64) +
				 next_random(random) % 5 - 2);
	const char *minus = next_random(random) % 2 ? "-" : "";
	double real;
	switch (next_random(random) % 7) {
	case 0: snprintf(ret, 400, "%lld", (long long)near); return;
	case 1: snprintf(ret, 400, "%llu", (unsigned long long)bits); return;
	case 2: real = (double)near; break;
	case 3: real = (double)(int64_t)bits / 1024; break;
	case 4: real = ldexp((double)near, (int)(next_random(random) % 200) - 100); break;
	case 5: snprintf(ret, 400, "%s1%019llu", minus, (unsigned long long)(bits >> 4)); return;
	default:
		snprintf(ret, 400, "%s1844674407370955%04d", minus,
			 (int)(next_random(random) % 10000));
		return;
	}
	snprintf(ret, 400, "%.17g", real);
	if (!strpbrk(ret, ".e"))
		strncat(ret, ".0", 3);
}

/* The number as exact decimal digits: 400 before the point, 1100 behind it. */
static void expand(const char *json, char ret[1600], bool *ret_minus)
{
	bool real = strpbrk(json, ".e") != NULL;
	char text[1600];
	if (real)
		snprintf(text, sizeof text, "%.1100f", strtod(json, NULL));
	else
		snprintf(text, sizeof text, "%s.%01100d", json, 0);
	*ret_minus = text[0] == '-';
	const char *digits = text + *ret_minus;
	size_t whole = (size_t)(strchr(digits, '.') - digits);
	memset(ret, '0', 400 - whole);
	strcpy(ret + 400 - whole, digits);
}

static int compare_exactly(const char *a, const char *b)
{
	char left[1600], right[1600];
	bool minus_a, minus_b;
	expand(a, left, &minus_a);
	expand(b, right, &minus_b);
	int order = strcmp(left, right);
	bool zero = !strpbrk(left, "123456789") && !strpbrk(right, "123456789");
	if (zero)
		return 0;
	if (minus_a != minus_b)
		return minus_a ? -1 : 1;
	return minus_a ? -order : order;
}

static void random_numbers_sort_by_their_values(void **state)
{
	uint64_t random = 20261122;
	char a[400], b[400];
	int equal = 0;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		random_number(&random, a);
		random_number(&random, b);
		/* The same as a double, or the double beside it. */
		if (i % 50 == 0 && !strpbrk(a, ".e"))
			snprintf(b, sizeof b, "%.390s.0", a);
		struct sfs_buf left = key_of_json(a), right = key_of_json(b), first = SFS_BUF_INIT,
			       last = SFS_BUF_INIT;
		int order = order_of(sfs_buf_span(&left), sfs_buf_span(&right));
		int exact = compare_exactly(a, b);
		assert_int_equal(sfsi_index_key_same(sfs_buf_span(&right), &first, &last), 0);
		bool same = order_of(sfs_buf_span(&left), sfs_buf_span(&first)) >= 0 &&
			    order_of(sfs_buf_span(&left), sfs_buf_span(&last)) <= 0;
		if (same != (exact == 0) || (exact != 0 && (order < 0) != (exact < 0)))
			fail_msg("%s and %s: %d, expected %d", a, b, order, exact);
		equal += exact == 0;
		sfs_buf_fini(&left);
		sfs_buf_fini(&right);
		sfs_buf_fini(&first);
		sfs_buf_fini(&last);
	}
	assert_true(equal > 20);
}

/* A text of few different bytes, so that many begin alike. */
static size_t few_bytes(uint64_t *random, uint8_t *ret, size_t max)
{
	static const uint8_t bytes[] = { 0, 0, 1, 0x41, 0x42, 0x7f, 0xc3, 0xff };
	size_t len = next_random(random) % (max + 1);
	for (size_t i = 0; i < len; i++)
		ret[i] = bytes[next_random(random) % sizeof bytes];
	return len;
}

static void random_texts_sort_by_their_bytes(void **state)
{
	uint64_t random = 5;
	uint8_t a[8], b[8];
	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct sfs_span left = { a, few_bytes(&random, a, sizeof a) };
		struct sfs_span right = { b, few_bytes(&random, b, sizeof b) };
		struct sfs_buf key_a = SFS_BUF_INIT, key_b = SFS_BUF_INIT, prefix = SFS_BUF_INIT;
		assert_int_equal(sfsi_index_key_string(left, &key_a), 0);
		assert_int_equal(sfsi_index_key_string(right, &key_b), 0);
		int order = order_of(sfs_buf_span(&key_a), sfs_buf_span(&key_b));
		int expected = order_of(left, right);
		assert_int_equal((order > 0) - (order < 0), (expected > 0) - (expected < 0));
		assert_int_equal(sfsi_index_key_prefix(right, &prefix), 0);
		bool begins = left.len >= right.len && memcmp(a, b, right.len) == 0;
		bool found = key_a.len >= prefix.len &&
			     memcmp(key_a.data, prefix.data, prefix.len) == 0;
		assert_int_equal(begins, found);
		sfs_buf_fini(&key_a);
		sfs_buf_fini(&key_b);
		sfs_buf_fini(&prefix);
	}
}

/* --- there and back --- */

static void assert_comes_back(const char *json, const char *shown)
{
	struct sfs_buf key = key_of_json(json), value = SFS_BUF_INIT, again = SFS_BUF_INIT,
		       text = SFS_BUF_INIT, typed = SFS_BUF_INIT;
	size_t len = 0, old = key.len;
	/* What stands behind a key is not part of it. */
	assert_int_equal(sfs_buf_append(&key, "\0\1xyz", 5), 0);
	assert_int_equal(sfsi_index_key_decode(sfs_buf_span(&key), &value, &len), 0);
	assert_int_equal(len, old);
	key.len = old;
	assert_int_equal(sfsi_index_key_encode(sfs_buf_span(&value), &again), 0);
	assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&key));
	assert_int_equal(sfsi_index_key_show(sfs_buf_span(&key), &text), 0);
	assert_span_equal(sfs_buf_span(&text), sfs_span_str(shown));
	assert_int_equal(sfsi_index_key_parse(sfs_buf_span(&text), &typed), 0);
	assert_span_equal(sfs_buf_span(&typed), sfs_buf_span(&key));
	assert_false(sfsi_index_key_is_cut(sfs_buf_span(&key)));
	sfs_buf_fini(&key);
	sfs_buf_fini(&value);
	sfs_buf_fini(&again);
	sfs_buf_fini(&text);
	sfs_buf_fini(&typed);
}

static void keys_are_typed_as_they_are_shown(void **state)
{
	static const struct {
		const char *json, *shown;
	} table[] = {
		{ "10", "10" },
		{ "\"10\"", "\"10\"" },
		{ "\"draft\"", "draft" },
		{ "\"\"", "\"\"" },
		{ "null", "null" },
		{ "\"null\"", "\"null\"" },
		{ "true", "true" },
		{ "\"true\"", "\"true\"" },
		{ "\"True\"", "True" },
		{ "false", "false" },
		{ "\"false\"", "\"false\"" },
		{ "0", "0" },
		{ "-0.0", "-0.0" },
		{ "0.0", "0.0" },
		{ "1.0", "1.0" },
		{ "1.5", "1.5" },
		{ "-1", "-1" },
		{ "0.1", "0.1" },
		{ "1e300", "1e300" },
		{ "18446744073709551616.0", "18446744073709552000.0" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "-9223372036854775809", "-9223372036854775809" },
		{ "-18446744073709551615", "-18446744073709551615" },
		{ "18446744073709551615", "18446744073709551615" },
		{ "20250102030405678901", "20250102030405678901" },
		{ "-123456789012345678901234567890", "-123456789012345678901234567890" },
		{ "{\"$float\": \"nan\"}", "{\"$float\":\"nan\"}" },
		{ "{\"$float\": \"-inf\"}", "{\"$float\":\"-inf\"}" },
		{ "\"-\"", "-" },
		{ "\"01\"", "01" },
		{ "\"1.\"", "1." },
		{ "\"1e5\"", "\"1e5\"" },
		{ "\"1e400\"", "\"1e400\"" },
		{ "\" 1\"", " 1" },
		{ "\"1 \"", "1 " },
		{ "\"\\\"x\"", "\"\\\"x\"" },
		{ "\"a\\\"x\"", "a\"x" },
		{ "\"a/b\\n\"", "a/b\n" },
		{ "\"[1]\"", "\"[1]\"" },
		{ "\"[x]\"", "[x]" },
		{ "\"[\"", "[" },
		{ "\"{}\"", "\"{}\"" },
		{ "[1, \"a\"]", "[1,\"a\"]" },
		{ "{\"k\": null}", "{\"k\":null}" },
		{ "{\"$bin\": \"AQI=\"}", "{\"$bin\":\"AQI=\"}" },
		{ "{\"$ext\": [5, \"AQI=\"]}", "{\"$ext\":[5,\"AQI=\"]}" },
		{ "\"é中\"", "é中" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_comes_back(table[i].json, table[i].shown);
}

static void random_numbers_come_back(void **state)
{
	uint64_t random = 99;
	char json[400];
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct sfs_buf shown = SFS_BUF_INIT;
		random_number(&random, json);
		struct sfs_buf key = key_of_json(json);
		assert_int_equal(sfsi_index_key_show(sfs_buf_span(&key), &shown), 0);
		assert_int_equal(sfs_buf_append(&shown, "", 1), 0);
		assert_comes_back(json, shown.data);
		sfs_buf_fini(&key);
		sfs_buf_fini(&shown);
	}
}

static void a_nul_in_a_string_is_part_of_it(void **state)
{
	struct sfs_buf key = SFS_BUF_INIT, shown = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(sfsi_index_key_string((struct sfs_span){ "a\0b\0", 4 }, &key), 0);
	assert_int_equal(sfsi_index_key_show(sfs_buf_span(&key), &shown), 0);
	assert_span_equal(sfs_buf_span(&shown), (struct sfs_span){ "a\0b\0", 4 });
	sfs_buf_fini(&key);
	sfs_buf_fini(&shown);
}

static void texts_that_mean_no_key_are_refused(void **state)
{
	struct sfs_buf key = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(sfsi_index_key_parse(sfs_span_str("\"abc"), &key), SFS_ERR_INVALID);
	assert_int_equal(sfsi_index_key_parse(sfs_span_str("\""), &key), SFS_ERR_INVALID);
	assert_int_equal(sfsi_index_key_parse(sfs_span_str("\"a\"b"), &key), SFS_ERR_INVALID);
	assert_int_equal(sfsi_index_key_parse(sfs_span_str("\"\xff\""), &key), SFS_ERR_INVALID);
	assert_int_equal(sfsi_index_key_parse(sfs_span_str("1e400"), &key), SFS_ERR_LIMIT);
	assert_int_equal(key.len, 0);
	/* Any other bytes are a string, also those that no document can hold. */
	assert_int_equal(sfsi_index_key_parse(sfs_span_str("\xff\xfe"), &key), 0);
	sfs_buf_fini(&key);
}

static void json_of_a_key_is_that_of_the_original(void **state)
{
	static const struct {
		const char *value, *json;
	} table[] = {
		{ "\"hello\"", "\"hello\"" },
		{ "\"café\"", "\"caf\\u00e9\"" },
		{ "\"\U0001F600\"", "\"\\ud83d\\ude00\"" },
		{ "\"a\\u007f\\u0001\\n\\\"\"", "\"a\\u007f\\u0001\\n\\\"\"" },
		{ "null", "null" },
		{ "true", "true" },
		{ "1", "1" },
		{ "1.0", "1.0" },
		{ "1e22", "1e+22" },
		{ "1e-5", "1e-05" },
		{ "1e16", "1e+16" },
		{ "123456789012345.0", "123456789012345.0" },
		{ "0.0001", "0.0001" },
		{ "1.5e-7", "1.5e-07" },
		{ "{\"$float\":\"nan\"}", "NaN" },
		{ "{\"$float\":\"-inf\"}", "-Infinity" },
		{ "20250102030405678901", "20250102030405678901" },
		{ "[1,{\"a\":null}]", "[1, {\"a\": null}]" },
		{ "{\"$map\":[[1,2]]}", "{\"1\": 2}" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf key = key_of_json(table[i].value), json = SFS_BUF_INIT;
		assert_int_equal(sfsi_index_key_json(sfs_buf_span(&key), &json), 0);
		assert_span_equal(sfs_buf_span(&json), sfs_span_str(table[i].json));
		sfs_buf_fini(&key);
		sfs_buf_fini(&json);
	}
}

/* --- long ones --- */

static struct sfs_buf long_text(size_t len, char last)
{
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_buf_resize(&text, len), 0);
	memset(text.data, 'x', len);
	((char *)text.data)[len - 1] = last;
	return text;
}

static void long_strings_are_cut_and_told_apart(void **state)
{
	static const size_t lengths[] = { SFSI_INDEX_WHOLE_MAX - 1, SFSI_INDEX_WHOLE_MAX,
					  SFSI_INDEX_WHOLE_MAX + 1, 65536, 1 << 20 };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct sfs_buf a = long_text(lengths[i], 'a'), b = long_text(lengths[i], 'b');
		struct sfs_buf left = SFS_BUF_INIT, right = SFS_BUF_INIT, shown = SFS_BUF_INIT;
		struct sfs_buf value = SFS_BUF_INIT, short_key = SFS_BUF_INIT;
		bool cut = lengths[i] > SFSI_INDEX_WHOLE_MAX;
		uint64_t hash;
		size_t len = 0;
		assert_int_equal(sfsi_index_key_string(sfs_buf_span(&a), &left), 0);
		assert_int_equal(sfsi_index_key_string(sfs_buf_span(&b), &right), 0);
		assert_true(left.len <= SFSI_INDEX_KEY_MAX);
		assert_int_not_equal(order_of(sfs_buf_span(&left), sfs_buf_span(&right)), 0);
		assert_int_equal(sfsi_index_key_is_cut(sfs_buf_span(&left)), cut);
		assert_int_equal(sfsi_index_key_decode(sfs_buf_span(&left), &value, &len),
				 cut ? SFS_ERR_LIMIT : 0);
		assert_int_equal(len, left.len);
		assert_int_equal(sfsi_index_key_show(sfs_buf_span(&left), &shown), 0);
		assert_int_equal(shown.len, cut ? SFSI_INDEX_WHOLE_MAX : lengths[i]);
		assert_memory_equal(shown.data, a.data, shown.len);
		assert_int_equal(sfsi_index_key_hash(sfs_buf_span(&left), &hash), 0);
		/* Behind the string that it begins with, before what comes after it. */
		assert_int_equal(
			sfsi_index_key_string((struct sfs_span){ a.data, 900 }, &short_key), 0);
		assert_true(order_of(sfs_buf_span(&left), sfs_buf_span(&short_key)) > 0);
		short_key.len = 0;
		assert_int_equal(sfsi_index_key_string(sfs_span_str("xy"), &short_key), 0);
		assert_true(order_of(sfs_buf_span(&left), sfs_buf_span(&short_key)) < 0);
		sfs_buf_fini(&a);
		sfs_buf_fini(&b);
		sfs_buf_fini(&left);
		sfs_buf_fini(&right);
		sfs_buf_fini(&shown);
		sfs_buf_fini(&value);
		sfs_buf_fini(&short_key);
	}
}

/* JSON: so many digits behind a bracket, none or both. */
static struct sfs_buf long_json(size_t digits, const char *before, const char *behind)
{
	struct sfs_buf json = SFS_BUF_INIT;
	assert_int_equal(sfs_buf_printf(&json, "%s", before), 0);
	for (size_t i = 0; i < digits; i++)
		assert_int_equal(sfs_buf_append(&json, i % 10 ? "0" : "7", 1), 0);
	assert_int_equal(sfs_buf_append(&json, behind, strlen(behind) + 1), 0);
	return json;
}

static void other_long_values_are_cut_too(void **state)
{
	static const char *const around[][2] = {
		{ "", "" }, { "-", "" }, { "[", "]" }, { "\"", "\"" }, { "\"[", "]\"" }
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(around); i++) {
		struct sfs_buf a = long_json(5000, around[i][0], around[i][1]);
		struct sfs_buf b = long_json(5010, around[i][0], around[i][1]);
		struct sfs_buf left = key_of_json(a.data), right = key_of_json(b.data);
		struct sfs_buf shown = SFS_BUF_INIT;
		assert_true(sfsi_index_key_is_cut(sfs_buf_span(&left)));
		assert_true(left.len <= SFSI_INDEX_KEY_MAX);
		if (i < 2)
			assert_true((order_of(sfs_buf_span(&left), sfs_buf_span(&right)) < 0) ==
				    (i == 0));
		assert_int_not_equal(order_of(sfs_buf_span(&left), sfs_buf_span(&right)), 0);
		assert_int_equal(sfsi_index_key_show(sfs_buf_span(&left), &shown), 0);
		/* As it is typed: strings that are JSON begin with a quotation mark. */
		assert_memory_equal(shown.data, a.data, 900);
		sfs_buf_fini(&a);
		sfs_buf_fini(&b);
		sfs_buf_fini(&left);
		sfs_buf_fini(&right);
		sfs_buf_fini(&shown);
	}
}

static void a_cut_key_never_shows_half_a_character(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		struct sfs_buf text = SFS_BUF_INIT, key = SFS_BUF_INIT, shown = SFS_BUF_INIT;
		assert_int_equal(sfs_buf_append(&text, "abc", shift), 0);
		for (int i = 0; i < 1000; i++)
			assert_int_equal(sfs_buf_append(&text, "中", 3), 0);
		assert_int_equal(sfsi_index_key_string(sfs_buf_span(&text), &key), 0);
		assert_int_equal(sfsi_index_key_show(sfs_buf_span(&key), &shown), 0);
		assert_true(sfsi_utf8_valid(sfs_buf_span(&shown)));
		assert_true(shown.len > SFSI_INDEX_WHOLE_MAX - 3);
		sfs_buf_fini(&text);
		sfs_buf_fini(&key);
		sfs_buf_fini(&shown);
	}
}

static void a_prefix_beyond_a_key_is_refused(void **state)
{
	struct sfs_buf text = long_text(SFSI_INDEX_WHOLE_MAX + 1, 'a'), ret = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(sfsi_index_key_prefix(sfs_buf_span(&text), &ret), SFS_ERR_LIMIT);
	assert_int_equal(ret.len, 0);
	text.len--;
	assert_int_equal(sfsi_index_key_prefix(sfs_buf_span(&text), &ret), 0);
	sfs_buf_fini(&text);
	sfs_buf_fini(&ret);
}

static void bytes_that_are_no_key_are_found_out(void **state)
{
	static const char *const table[] = {
		"",
		"00",
		"11",
		"22",
		"34",
		"4c",
		"60",
		"60 41",
		"60 41 00",
		"60 41 00 03",
		"60 00 01",
		"41 00 00",
		"41 05",
		"41 05 03",
		"42 00 05 00",
		"40 02",
		"3f ff",
		"49 00 00",
		"70 00",
		"40 02 00 00 00 00 00 00 00 00",
		"49 00 00 00 01 10 00",
		"40 02 3f f0 00 00 00 00 00 00",
		"49 00 00 00 14 18 44 67 44 07 37 09 55 16 15 00",
		"49 00 00 00 14 18 44 67 44 07 37 09 55 16 17 01",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf bytes = from_hex(table[i]), value = SFS_BUF_INIT;
		if (sfsi_index_key_decode(sfs_buf_span(&bytes), &value, NULL) != SFS_ERR_CORRUPT)
			fail_msg("%s is taken for a key", table[i]);
		assert_int_equal(value.len, 0);
		sfs_buf_fini(&bytes);
		sfs_buf_fini(&value);
	}
}

static void kinds_are_ranges_of_bytes(void **state)
{
	static const char *const samples[] = { "null", "true", "-5", "\"x\"", "[]" };
	(void)state;
	for (int kind = SFSI_INDEX_KEY_NULL; kind < SFSI_INDEX_KEY_NONE; kind++) {
		struct sfs_buf key = key_of_json(samples[kind]);
		uint8_t low, high, first = *(uint8_t *)key.data;
		sfsi_index_key_range((enum sfsi_index_key_kind)kind, &low, &high);
		assert_true(first >= low && first < high);
		assert_int_equal(sfsi_index_key_kind(sfs_buf_span(&key)), kind);
		sfs_buf_fini(&key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_all_kinds_are_in_order),
		cmocka_unit_test(random_numbers_sort_by_their_values),
		cmocka_unit_test(random_texts_sort_by_their_bytes),
		cmocka_unit_test(keys_are_typed_as_they_are_shown),
		cmocka_unit_test(random_numbers_come_back),
		cmocka_unit_test(a_nul_in_a_string_is_part_of_it),
		cmocka_unit_test(texts_that_mean_no_key_are_refused),
		cmocka_unit_test(json_of_a_key_is_that_of_the_original),
		cmocka_unit_test(long_strings_are_cut_and_told_apart),
		cmocka_unit_test(other_long_values_are_cut_too),
		cmocka_unit_test(a_cut_key_never_shows_half_a_character),
		cmocka_unit_test(a_prefix_beyond_a_key_is_refused),
		cmocka_unit_test(bytes_that_are_no_key_are_found_out),
		cmocka_unit_test(kinds_are_ranges_of_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
