/*
 * Values to JSON text: the canonical form byte for byte, what JSON can not say, sizes that are
 * refused, quoting; and values of every shape that go to text and back.
 */
#include "document_check.h"

static void pretty_text_is_canonical(void **state)
{
	static const char canonical[] = "{\n"
					"  \"title\": \"Ünï/cödé \\\"q\\\" \\\\ \\u0001\\n\",\n"
					"  \"empty\": {},\n"
					"  \"none\": [],\n"
					"  \"numbers\": [\n"
					"    0,\n"
					"    -9223372036854775808,\n"
					"    18446744073709551615,\n"
					"    -123456789012345678901234567890,\n"
					"    1.0,\n"
					"    -0.0,\n"
					"    0.1,\n"
					"    1e22,\n"
					"    5e-324\n"
					"  ],\n"
					"  \"nested\": {\n"
					"    \"a\": [\n"
					"      [\n"
					"        null,\n"
					"        true\n"
					"      ]\n"
					"    ]\n"
					"  },\n"
					"  \"bin\": {\n"
					"    \"$bin\": \"AAEC\"\n"
					"  },\n"
					"  \"map\": {\n"
					"    \"$map\": [\n"
					"      [\n"
					"        1,\n"
					"        \"x\"\n"
					"      ]\n"
					"    ]\n"
					"  },\n"
					"  \"nan\": {\n"
					"    \"$float\": \"nan\"\n"
					"  },\n"
					"  \"ext\": {\n"
					"    \"$ext\": [\n"
					"      -1,\n"
					"      \"AA==\"\n"
					"    ]\n"
					"  }\n"
					"}\n";
	struct sfs_buf body = SFS_BUF_INIT, text = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(json_to_msgpack(sfs_span_str(canonical), &body, NULL), 0);
	assert_int_equal(msgpack_to_json(sfs_buf_span(&body), SFSI_JSON_PRETTY, &text), 0);
	assert_span_equal(sfs_buf_span(&text), sfs_span_str(canonical));
	sfs_buf_fini(&body);
	sfs_buf_fini(&text);
}

struct writing {
	const char *hex;
	const char *json;
};

static void compact_text_says_what_json_can_not(void **state)
{
	static const struct writing table[] = {
		{ "c0", "null" },
		{ "82a16101a16202", "{\"a\":1,\"b\":2}" },
		{ "80", "{}" },
		{ "810102", "{\"$map\":[[1,2]]}" },
		{ "82a161010203", "{\"$map\":[[\"a\",1],[2,3]]}" },
		{ "83a16101a162020304", "{\"$map\":[[\"a\",1],[\"b\",2],[3,4]]}" },
		{ "8302030405a16101", "{\"$map\":[[2,3],[4,5],[\"a\",1]]}" },
		{ "81a42462696e01", "{\"$map\":[[\"$bin\",1]]}" },
		{ "81a4246d617090", "{\"$map\":[[\"$map\",[]]]}" },
		{ "81a424657874c0", "{\"$map\":[[\"$ext\",null]]}" },
		{ "81a624666c6f6174a36e616e", "{\"$map\":[[\"$float\",\"nan\"]]}" },
		{ "82a42462696e01a424657874c0", "{\"$bin\":1,\"$ext\":null}" },
		{ "81a424626967c0", "{\"$big\":null}" },
		{ "81c40161c401ff", "{\"$map\":[[{\"$bin\":\"YQ==\"},{\"$bin\":\"/w==\"}]]}" },
		{ "8181010280", "{\"$map\":[[{\"$map\":[[1,2]]},{}]]}" },
		{ "ca3fc00000", "1.5" },
		{ "cb7ff0000000000000", "{\"$float\":\"inf\"}" },
		{ "cbfff0000000000000", "{\"$float\":\"-inf\"}" },
		{ "cbfff8000000000123", "{\"$float\":\"nan\"}" },
		{ "cfffffffffffffffff", "18446744073709551615" },
		{ "c7144e3138343436373434303733373039353531363136", "18446744073709551616" },
		{ "c7034e313233", "{\"$ext\":[78,\"MTIz\"]}" },
		{ "a5612f22c3a9", "\"a/\\\"é\"" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf bytes = from_hex(table[i].hex), text = SFS_BUF_INIT;
		assert_int_equal(msgpack_to_json(sfs_buf_span(&bytes), SFSI_JSON_COMPACT, &text),
				 0);
		assert_span_equal(sfs_buf_span(&text), sfs_span_str(table[i].json));
		sfs_buf_fini(&bytes);
		sfs_buf_fini(&text);
	}
}

static void a_writer_without_a_whole_value_has_no_text(void **state)
{
	struct sfsi_json_writer *writer;
	struct sfs_buf text = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(sfsi_json_writer_new(&writer), 0);
	assert_int_equal(sfsi_json_writer_finish(writer, SFSI_JSON_PRETTY, &text), SFS_ERR_INVALID);
	struct sfsi_sink *sink = sfsi_json_writer_sink(writer);
	assert_int_equal(sink->ops->array_begin(sink, 0), 0);
	assert_int_equal(sfsi_json_writer_finish(writer, SFSI_JSON_PRETTY, &text), SFS_ERR_INVALID);
	assert_int_equal(sink->ops->array_end(sink), 0);
	assert_int_equal(sink->ops->null(sink), SFS_ERR_INVALID);
	assert_int_equal(sfsi_json_writer_finish(writer, SFSI_JSON_COMPACT, &text), 0);
	assert_span_equal(sfs_buf_span(&text), sfs_span_str("[]"));
	sfsi_json_writer_free(writer);
	sfsi_json_writer_free(NULL);
	sfs_buf_fini(&text);
}

static void a_writer_finds_out_that_a_text_would_be_huge(void **state)
{
	struct sfsi_json_writer *writer;
	(void)state;
	for (uint32_t count = 1000000; count <= 1200000; count += 200000) {
		assert_int_equal(sfsi_json_writer_new(&writer), 0);
		struct sfsi_sink *sink = sfsi_json_writer_sink(writer);
		for (int i = 0; i < SFS_DEPTH_MAX; i++)
			assert_int_equal(
				sink->ops->array_begin(sink, i < SFS_DEPTH_MAX - 1 ? 1 : count), 0);
		assert_int_equal(sink->ops->array_begin(sink, 0), SFS_ERR_LIMIT);
		for (uint32_t i = 0; i < count; i++)
			assert_int_equal(sink->ops->null(sink), 0);
		for (int i = 0; i < SFS_DEPTH_MAX; i++)
			assert_int_equal(sink->ops->array_end(sink), 0);
		/* A line of 986 bytes each: 1 GiB is passed between the two counts. */
		assert_int_equal(sfsi_json_writer_finish(writer, SFSI_JSON_PRETTY, NULL),
				 count == 1000000 ? 0 : SFS_ERR_LIMIT);
		assert_int_equal(sfsi_json_writer_finish(writer, SFSI_JSON_COMPACT, NULL), 0);
		sfsi_json_writer_free(writer);
	}
}

static void quoting_agrees_with_the_writer(void **state)
{
	(void)state;
	for (unsigned c = 1; c < 0x120; c++) {
		char utf8[4] = { (char)c };
		if (c >= 0x80)
			snprintf(utf8, sizeof utf8, "%c%c", (int)(0xc0 | c >> 6),
				 (int)(0x80 | (c & 63)));
		struct sfs_buf quoted = SFS_BUF_INIT, body = SFS_BUF_INIT, text = SFS_BUF_INIT;
		struct sfsi_msgpack_writer writer;
		sfsi_msgpack_writer_init(&writer, &body);
		assert_int_equal(writer.sink.ops->string(&writer.sink, sfs_span_str(utf8)), 0);
		assert_int_equal(msgpack_to_json(sfs_buf_span(&body), SFSI_JSON_COMPACT, &text), 0);
		assert_int_equal(sfsi_json_quote(&quoted, sfs_span_str(utf8)), 0);
		assert_span_equal(sfs_buf_span(&quoted), sfs_buf_span(&text));
		sfs_buf_fini(&quoted);
		sfs_buf_fini(&body);
		sfs_buf_fini(&text);
	}
}

/* A byte among letters is quoted as it is alone, wherever it stands. */
static void quoting_finds_a_byte_at_every_place(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		struct sfs_buf alone = SFS_BUF_INIT;
		const char byte = (char)c;
		assert_int_equal(sfsi_json_quote(&alone, (struct sfs_span){ &byte, 1 }), 0);
		for (size_t at = 0; at < 20; at++) {
			char text[20];
			struct sfs_buf quoted = SFS_BUF_INIT, expected = SFS_BUF_INIT;
			memset(text, 'a', sizeof text);
			text[at] = byte;
			assert_int_equal(
				sfsi_json_quote(&quoted, (struct sfs_span){ text, sizeof text }),
				0);
			assert_int_equal(sfs_buf_printf(&expected, "\"%.*s%.*s%.*s\"", (int)at,
							"aaaaaaaaaaaaaaaaaaaa", (int)alone.len - 2,
							(char *)alone.data + 1, 19 - (int)at,
							"aaaaaaaaaaaaaaaaaaaa"),
					 0);
			assert_span_equal(sfs_buf_span(&quoted), sfs_buf_span(&expected));
			sfs_buf_fini(&quoted);
			sfs_buf_fini(&expected);
		}
		sfs_buf_fini(&alone);
	}
}

static void quoting_replaces_what_is_not_utf8(void **state)
{
	static const struct {
		struct sfs_span text;
		const char *quoted;
	} table[] = {
		{ { "", 0 }, "\"\"" },
		{ { NULL, 0 }, "\"\"" },
		{ { "a\0b", 3 }, "\"a\\u0000b\"" },
		{ { "\xff", 1 }, "\"\xef\xbf\xbd\"" },
		{ { "a\xc3", 2 }, "\"a\xef\xbf\xbd\"" },
		{ { "\xed\xa0\x80!", 4 }, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!\"" },
		{ { "\"\\\b\f\n\r\t/", 8 }, "\"\\\"\\\\\\b\\f\\n\\r\\t/\"" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf quoted = SFS_BUF_INIT;
		assert_int_equal(sfsi_json_quote(&quoted, table[i].text), 0);
		assert_span_equal(sfs_buf_span(&quoted), sfs_span_str(table[i].quoted));
		sfs_buf_fini(&quoted);
	}
}

static void generated_values_survive_json(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15), same = random;
		struct sfsi_json_writer *writer;
		struct sfsi_msgpack_writer packer;
		struct sfs_buf direct = SFS_BUF_INIT, text = SFS_BUF_INIT, body = SFS_BUF_INIT,
			       again = SFS_BUF_INIT;
		enum sfsi_json_style style = seed % 2 ? SFSI_JSON_PRETTY : SFSI_JSON_COMPACT;
		sfsi_msgpack_writer_init(&packer, &direct);
		assert_int_equal(emit_value(&random, &packer.sink, 5), 0);
		assert_int_equal(sfsi_json_writer_new(&writer), 0);
		assert_int_equal(emit_value(&same, sfsi_json_writer_sink(writer), 5), 0);
		assert_int_equal(sfsi_json_writer_finish(writer, style, &text), 0);
		assert_int_equal(json_to_msgpack(sfs_buf_span(&text), &body, NULL), 0);
		assert_span_equal(sfs_buf_span(&body), sfs_buf_span(&direct));
		assert_int_equal(msgpack_to_json(sfs_buf_span(&body), style, &again), 0);
		assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&text));
		sfsi_json_writer_free(writer);
		sfs_buf_fini(&direct);
		sfs_buf_fini(&text);
		sfs_buf_fini(&body);
		sfs_buf_fini(&again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pretty_text_is_canonical),
		cmocka_unit_test(compact_text_says_what_json_can_not),
		cmocka_unit_test(a_writer_without_a_whole_value_has_no_text),
		cmocka_unit_test(a_writer_finds_out_that_a_text_would_be_huge),
		cmocka_unit_test(quoting_agrees_with_the_writer),
		cmocka_unit_test(quoting_finds_a_byte_at_every_place),
		cmocka_unit_test(quoting_replaces_what_is_not_utf8),
		cmocka_unit_test(generated_values_survive_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
