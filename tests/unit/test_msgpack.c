/*
 * msgpack: what is read and which canonical bytes it becomes, what is refused and at which offset,
 * and the walk over the pairs of a map.
 */
#include "document_check.h"

struct reading {
	const char *hex;
	const char *canonical;
};

static void check_readings(const struct reading *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sfs_buf bytes = from_hex(table[i].hex), out = SFS_BUF_INIT;
		struct sfs_diag diag = SFS_DIAG_INIT;
		int err = msgpack_to_msgpack(sfs_buf_span(&bytes), &out, &diag);
		if (err < 0)
			print_error("%s: %s\n", table[i].hex, diag.text);
		assert_int_equal(err, 0);
		char *found = to_hex(sfs_buf_span(&out));
		assert_string_equal(found, table[i].canonical);
		free(found);
		sfs_buf_fini(&bytes);
		sfs_buf_fini(&out);
	}
}

static void every_form_of_a_value_becomes_the_shortest(void **state)
{
	static const struct reading table[] = {
		{ "c0", "c0" },
		{ "c2", "c2" },
		{ "c3", "c3" },
		{ "7f", "7f" },
		{ "e0", "e0" },
		{ "cc05", "05" },
		{ "cd0005", "05" },
		{ "ce00000005", "05" },
		{ "cf0000000000000005", "05" },
		{ "d005", "05" },
		{ "d10005", "05" },
		{ "d200000005", "05" },
		{ "d30000000000000005", "05" },
		{ "d3ffffffffffffffff", "ff" },
		{ "d0df", "d0df" },
		{ "d1ff7f", "d1ff7f" },
		{ "d1ff80", "d080" },
		{ "d2ffff7fff", "d2ffff7fff" },
		{ "d3ffffffff7fffffff", "d3ffffffff7fffffff" },
		{ "d38000000000000000", "d38000000000000000" },
		{ "d300000000ffffffff", "ceffffffff" },
		{ "cc80", "cc80" },
		{ "cd00ff", "ccff" },
		{ "cd0100", "cd0100" },
		{ "ce00010000", "ce00010000" },
		{ "cf0000000100000000", "cf0000000100000000" },
		{ "cf7fffffffffffffff", "cf7fffffffffffffff" },
		{ "cf8000000000000000", "cf8000000000000000" },
		{ "cfffffffffffffffff", "cfffffffffffffffff" },
		{ "ca3fc00000", "cb3ff8000000000000" },
		{ "ca00000001", "cb36a0000000000000" },
		{ "caff800000", "cbfff0000000000000" },
		{ "cb8000000000000000", "cb8000000000000000" },
		{ "cbfff8000000000001", "cb7ff8000000000000" },
		{ "cb7ff0000000000001", "cb7ff8000000000000" },
		{ "ca7fc00000", "cb7ff8000000000000" },
		{ "d90161", "a161" },
		{ "da000161", "a161" },
		{ "db0000000161", "a161" },
		{ "c400", "c400" },
		{ "c5000161", "c40161" },
		{ "c60000000161", "c40161" },
		{ "c70105aa", "d405aa" },
		{ "c8000205aabb", "d505aabb" },
		{ "c90000000405aabbccdd", "d605aabbccdd" },
		{ "c700ff", "c700ff" },
		{ "c70305aabbcc", "c70305aabbcc" },
		{ "dc0000", "90" },
		{ "dd0000000101", "9101" },
		{ "de0000", "80" },
		{ "df00000001a16101", "81a16101" },
		{ "81cc05d00a", "81050a" },
		{ "8192cc01d90161c0", "819201a161c0" },
		{ "8181cd0001de000001", "8181018001" },
	};
	(void)state;
	check_readings(table, ARRAY_SIZE(table));
}

static void lengths_switch_forms_where_they_must(void **state)
{
	static const struct {
		size_t len;
		const char *string, *binary, *ext;
	} table[] = {
		{ 0, "a0", "c400", "c70005" },
		{ 1, "a1", "c401", "d405" },
		{ 2, "a2", "c402", "d505" },
		{ 3, "a3", "c403", "c70305" },
		{ 16, "b0", "c410", "d805" },
		{ 31, "bf", "c41f", "c71f05" },
		{ 32, "d920", "c420", "c72005" },
		{ 255, "d9ff", "c4ff", "c7ff05" },
		{ 256, "da0100", "c50100", "c8010005" },
		{ 65535, "daffff", "c5ffff", "c8ffff05" },
		{ 65536, "db00010000", "c600010000", "c90001000005" },
	};
	static char text[65536];
	(void)state;
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *expected[] = { table[i].string, table[i].binary, table[i].ext };
		for (int kind = 0; kind < 3; kind++) {
			struct sfs_buf out = SFS_BUF_INIT, again = SFS_BUF_INIT;
			struct sfsi_msgpack_writer writer;
			struct sfs_span span = { text, table[i].len };
			sfsi_msgpack_writer_init(&writer, &out);
			struct sfsi_sink *sink = &writer.sink;
			int err = kind == 0   ? sink->ops->string(sink, span)
				  : kind == 1 ? sink->ops->binary(sink, span)
					      : sink->ops->ext(sink, 5, span);
			assert_int_equal(err, 0);
			struct sfs_buf head = from_hex(expected[kind]);
			assert_int_equal(out.len, head.len + span.len);
			assert_memory_equal(out.data, head.data, head.len);
			assert_int_equal(msgpack_to_msgpack(sfs_buf_span(&out), &again, NULL), 0);
			assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&out));
			sfs_buf_fini(&out);
			sfs_buf_fini(&again);
			sfs_buf_fini(&head);
		}
	}
}

static void big_integers_are_one_value_in_both_directions(void **state)
{
	static const struct {
		const char *hex, *json;
	} table[] = {
		{ "c7144e3138343436373434303733373039353531363136", "18446744073709551616" },
		{ "c7144e2d39323233333732303336383534373735383039", "-9223372036854775809" },
		/* Digits that fit, or are not canonical, are an extension like any other. */
		{ "c7144e3138343436373434303733373039353531363135",
		  "{\"$ext\":[78,\"MTg0NDY3NDQwNzM3MDk1NTE2MTU=\"]}" },
		{ "c7144e2d39323233333732303336383534373735383038",
		  "{\"$ext\":[78,\"LTkyMjMzNzIwMzY4NTQ3NzU4MDg=\"]}" },
		{ "c7034e2d2d31", "{\"$ext\":[78,\"LS0x\"]}" },
		{ "d44e2d", "{\"$ext\":[78,\"LQ==\"]}" },
		{ "c7004e", "{\"$ext\":[78,\"\"]}" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf bytes = from_hex(table[i].hex), text = SFS_BUF_INIT,
			       out = SFS_BUF_INIT;
		assert_int_equal(msgpack_to_json(sfs_buf_span(&bytes), SFSI_JSON_COMPACT, &text),
				 0);
		assert_span_equal(sfs_buf_span(&text), sfs_span_str(table[i].json));
		assert_int_equal(json_to_msgpack(sfs_buf_span(&text), &out, NULL), 0);
		assert_span_equal(sfs_buf_span(&out), sfs_buf_span(&bytes));
		sfs_buf_fini(&bytes);
		sfs_buf_fini(&text);
		sfs_buf_fini(&out);
	}
}

static void refusals_say_at_which_offset(void **state)
{
	static const struct {
		const char *hex;
		uint64_t offset;
		const char *text;
	} table[] = {
		{ "", 0, "unexpected end of the data, expected a value" },
		{ "9201", 0,
		  "unexpected end of the data, the array needs more than the 1 bytes left" },
		{ "920192", 2,
		  "unexpected end of the data, the array needs more than the 0 bytes left" },
		{ "cd01", 0, "unexpected end of the data, expected the rest of a value" },
		{ "82a16101cb", 4, NULL },
		{ "a561", 0, NULL },
		{ "dbffffffff61", 0, NULL },
		{ "ddffffffffc0", 0, NULL },
		{ "dfffffffffc0c0", 0, NULL },
		{ "91c1", 1, "unexpected byte 0xc1, expected a value" },
		{ "c0c0c0", 1, "2 bytes after the document, expected its end" },
		{ "92a161a3616280", 6, "invalid UTF-8 in a string (byte 0x80)" },
		{ "82a2610a01a2610a02", 5, "duplicate key \"a\\x0a\"" },
		{ "81a17882cc0501cd000502", 7, "duplicate key in a map" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf bytes = from_hex(table[i].hex);
		struct sfs_diag diag = SFS_DIAG_INIT;
		assert_int_equal(
			sfsi_msgpack_read(sfs_buf_span(&bytes), &sfsi_sink_null, NULL, &diag),
			SFS_ERR_BAD_DOCUMENT);
		assert_diag_good(&diag, SFS_ERR_BAD_DOCUMENT);
		if (table[i].text)
			assert_string_equal(diag.text, table[i].text);
		assert_int_equal(diag.offset, table[i].offset);
		assert_int_equal(diag.line, 0);
		sfs_buf_fini(&bytes);
	}
}

static void one_value_of_many_can_be_read(void **state)
{
	struct sfs_buf bytes = from_hex("82 a1 61 01 05 c0 ff c1");
	size_t len = 0;
	(void)state;
	assert_int_equal(sfsi_msgpack_read(sfs_buf_span(&bytes), &sfsi_sink_null, &len, NULL), 0);
	assert_int_equal(len, 6);
	struct sfs_span rest = { (char *)bytes.data + 6, 2 };
	assert_int_equal(sfsi_msgpack_read(rest, &sfsi_sink_null, &len, NULL), 0);
	assert_int_equal(len, 1);
	len = 77;
	rest = (struct sfs_span){ (char *)bytes.data + 7, 1 };
	assert_int_equal(sfsi_msgpack_read(rest, &sfsi_sink_null, &len, NULL),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(len, 77);
	sfs_buf_fini(&bytes);
}

static void depth_490_is_read_and_491_is_not(void **state)
{
	static const struct {
		const char *open, *last, *after;
	} table[] = {
		{ "91", "90", "" },
		{ "81a161", "80", "" },
		{ "8105", "80", "" },
		{ "81", "80", "01" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		for (int levels = 489; levels <= 490; levels++) {
			char hex[490 * 10 + 10] = "";
			struct sfs_diag diag = SFS_DIAG_INIT;
			size_t len = 0;
			for (int j = 0; j < levels; j++)
				len += (size_t)snprintf(hex + len, sizeof hex - len, "%s",
							table[i].open);
			len += (size_t)snprintf(hex + len, sizeof hex - len, "%s", table[i].last);
			for (int j = 0; j < levels; j++)
				len += (size_t)snprintf(hex + len, sizeof hex - len, "%s",
							table[i].after);
			struct sfs_buf bytes = from_hex(hex);
			assert_int_equal(sfsi_msgpack_read(sfs_buf_span(&bytes), &sfsi_sink_null,
							   NULL, &diag),
					 levels == 489 ? 0 : SFS_ERR_LIMIT);
			if (levels == 490)
				assert_string_equal(diag.text, "nested more than 490 levels deep");
			sfs_buf_fini(&bytes);
		}
	}
}

/* Maps as keys of maps as keys …, each with two keys: must not cost two to the power of depth. */
static void maps_as_keys_cost_linear_time(void **state)
{
	struct sfs_buf bytes = SFS_BUF_INIT, out = SFS_BUF_INIT, text = SFS_BUF_INIT,
		       again = SFS_BUF_INIT;
	(void)state;
	for (int i = 0; i < 489; i++)
		assert_int_equal(sfs_buf_append(&bytes, "\x82", 1), 0);
	assert_int_equal(sfs_buf_append(&bytes, "\x80", 1), 0);
	for (int i = 0; i < 489; i++)
		assert_int_equal(sfs_buf_append(&bytes, "\x01\x07\x02", 3), 0);
	assert_int_equal(msgpack_to_msgpack(sfs_buf_span(&bytes), &out, NULL), 0);
	assert_span_equal(sfs_buf_span(&out), sfs_buf_span(&bytes));
	assert_int_equal(msgpack_to_json(sfs_buf_span(&bytes), SFSI_JSON_PRETTY, &text), 0);
	assert_int_equal(json_to_msgpack(sfs_buf_span(&text), &again, NULL), 0);
	assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&bytes));
	sfs_buf_fini(&bytes);
	sfs_buf_fini(&out);
	sfs_buf_fini(&text);
	sfs_buf_fini(&again);
}

static void generated_values_survive(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		uint64_t random = seed * UINT64_C(0x2545f4914f6cdd1d);
		struct sfs_buf bytes = SFS_BUF_INIT, out = SFS_BUF_INIT, text = SFS_BUF_INIT,
			       again = SFS_BUF_INIT;
		struct sfsi_msgpack_writer writer;
		sfsi_msgpack_writer_init(&writer, &bytes);
		assert_int_equal(emit_value(&random, &writer.sink, 5), 0);
		assert_int_equal(msgpack_to_msgpack(sfs_buf_span(&bytes), &out, NULL), 0);
		assert_span_equal(sfs_buf_span(&out), sfs_buf_span(&bytes));
		assert_int_equal(msgpack_to_json(sfs_buf_span(&bytes), SFSI_JSON_PRETTY, &text), 0);
		assert_int_equal(json_to_msgpack(sfs_buf_span(&text), &again, NULL), 0);
		assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&bytes));
		sfs_buf_fini(&bytes);
		sfs_buf_fini(&out);
		sfs_buf_fini(&text);
		sfs_buf_fini(&again);
	}
}

static void every_cut_of_a_value_is_refused(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
		struct sfs_buf bytes = SFS_BUF_INIT;
		struct sfsi_msgpack_writer writer;
		sfsi_msgpack_writer_init(&writer, &bytes);
		assert_int_equal(emit_value(&random, &writer.sink, 3), 0);
		for (size_t len = 0; len < bytes.len; len++) {
			struct sfs_diag diag = SFS_DIAG_INIT;
			char *copy = malloc(len ? len : 1);
			assert_non_null(copy);
			memcpy(copy, bytes.data, len);
			assert_int_equal(sfsi_msgpack_read((struct sfs_span){ copy, len },
							   &sfsi_sink_null, NULL, &diag),
					 SFS_ERR_BAD_DOCUMENT);
			assert_true(diag.offset <= len);
			assert_diag_good(&diag, SFS_ERR_BAD_DOCUMENT);
			free(copy);
		}
		sfs_buf_fini(&bytes);
	}
}

static void check_good(const char *name, struct sfs_span bytes)
{
	struct sfs_buf out = SFS_BUF_INIT, text = SFS_BUF_INIT, again = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = msgpack_to_msgpack(bytes, &out, &diag);
	if (err < 0)
		print_error("%s: %s\n", name, diag.text);
	assert_int_equal(err, 0);
	assert_int_equal(msgpack_to_json(bytes, SFSI_JSON_PRETTY, &text), 0);
	assert_int_equal(json_to_msgpack(sfs_buf_span(&text), &again, NULL), 0);
	assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&out));
	sfs_buf_fini(&out);
	sfs_buf_fini(&text);
	sfs_buf_fini(&again);
}

static void check_bad(const char *name, struct sfs_span bytes)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_msgpack_read(bytes, &sfsi_sink_null, NULL, &diag);
	if (err == 0)
		print_error("%s is read\n", name);
	assert_true(err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT);
	assert_diag_good(&diag, err);
	assert_true(diag.offset <= bytes.len);
	assert_int_equal(sfsi_msgpack_read(bytes, &sfsi_sink_null, NULL, NULL), err);
}

static void the_corpus_is_judged_as_its_names_say(void **state)
{
	(void)state;
	assert_true(each_file("msgpack", "good-", check_good) >= 50);
	assert_true(each_file("msgpack", "should-fail-", check_bad) >= 90);
}

static void a_map_is_walked_pair_by_pair(void **state)
{
	struct sfs_buf bytes = from_hex(
		"84 a1 61 92 01 81 02 03 a0 c0 c4 01 61 a1 7a 05 d6 01 00000000");
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	static const struct {
		const char *key, *name, *value;
	} expected[] = {
		{ "a161", "a", "9201810203" },
		{ "a0", "", "c0" },
		{ "c40161", NULL, "a17a" },
		{ "05", NULL, "d60100000000" },
	};
	(void)state;
	assert_int_equal(sfsi_msgpack_map_init(&map, sfs_buf_span(&bytes)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(map.left, 4 - i);
		assert_int_equal(sfsi_msgpack_map_next(&map, &pair), 0);
		struct sfs_buf key = from_hex(expected[i].key), value = from_hex(expected[i].value);
		assert_span_equal(pair.key, sfs_buf_span(&key));
		assert_span_equal(pair.value, sfs_buf_span(&value));
		if (expected[i].name) {
			assert_non_null(pair.name.data);
			assert_span_equal(pair.name, sfs_span_str(expected[i].name));
		} else {
			assert_null(pair.name.data);
		}
		sfs_buf_fini(&key);
		sfs_buf_fini(&value);
	}
	assert_int_equal(sfsi_msgpack_map_next(&map, &pair), 1);
	assert_int_equal(sfsi_msgpack_map_next(&map, &pair), 1);
	sfs_buf_fini(&bytes);
}

static void a_walk_over_damaged_bytes_ends_with_an_error(void **state)
{
	static const char *const not_maps[] = {
		"", "90", "c0", "a0", "de00", "81", "dfffffffffc0"
	};
	static const char *const cut[] = { "81a161c1",       "81a16192", "81a1",
					   "82a16101a16292", "81c1c0",   "81a161dbffffffff" };
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(not_maps); i++) {
		struct sfs_buf bytes = from_hex(not_maps[i]);
		assert_int_equal(sfsi_msgpack_map_init(&map, sfs_buf_span(&bytes)),
				 SFS_ERR_BAD_DOCUMENT);
		sfs_buf_fini(&bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(cut); i++) {
		struct sfs_buf bytes = from_hex(cut[i]);
		int err = sfsi_msgpack_map_init(&map, sfs_buf_span(&bytes));
		while (err == 0)
			err = sfsi_msgpack_map_next(&map, &pair);
		assert_int_equal(err, SFS_ERR_BAD_DOCUMENT);
		sfs_buf_fini(&bytes);
	}
}

static void heads_of_maps_are_shortest(void **state)
{
	static const struct {
		uint32_t count;
		const char *hex;
	} table[] = { { 0, "80" },
		      { 15, "8f" },
		      { 16, "de0010" },
		      { 65535, "deffff" },
		      { 65536, "df00010000" },
		      { UINT32_MAX, "dfffffffff" } };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf out = SFS_BUF_INIT;
		assert_int_equal(sfsi_msgpack_map_header(&out, table[i].count), 0);
		char *hex = to_hex(sfs_buf_span(&out));
		assert_string_equal(hex, table[i].hex);
		free(hex);
		sfs_buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_value_becomes_the_shortest),
		cmocka_unit_test(lengths_switch_forms_where_they_must),
		cmocka_unit_test(big_integers_are_one_value_in_both_directions),
		cmocka_unit_test(refusals_say_at_which_offset),
		cmocka_unit_test(one_value_of_many_can_be_read),
		cmocka_unit_test(depth_490_is_read_and_491_is_not),
		cmocka_unit_test(maps_as_keys_cost_linear_time),
		cmocka_unit_test(generated_values_survive),
		cmocka_unit_test(every_cut_of_a_value_is_refused),
		cmocka_unit_test(the_corpus_is_judged_as_its_names_say),
		cmocka_unit_test(a_map_is_walked_pair_by_pair),
		cmocka_unit_test(a_walk_over_damaged_bytes_ends_with_an_error),
		cmocka_unit_test(heads_of_maps_are_shortest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
