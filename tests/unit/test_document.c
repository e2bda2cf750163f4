/*
 * Documents: what the top level may be, what is left out of the body, the limits, and that a body
 * and its two documents say the same.
 */
#include "document_check.h"
#include "document/document.h"

static const struct sfsi_document_rules rules = {
	.oid = { "42", 2 },
	.type = { "blog.Article", 12 },
	.class_name = { "Article", 7 },
};

static void documents_become_canonical_bodies(void **state)
{
	static const struct {
		const char *json, *body;
	} table[] = {
		{ "{}", "80" },
		{ "{\"a\":1}", "81a16101" },
		{ "{\"oid\":\"42\"}", "80" },
		{ "{\"oid\":42}", "80" },
		{ "{\"type\":\"blog.Article\"}", "80" },
		{ "{\"type\":\"Article\",\"a\":1,\"oid\":\"42\",\"b\":2}", "82a16101a16202" },
		{ "{\"b\":2,\"a\":1}", "82a16202a16101" },
		{ "{\"a\":{\"oid\":\"7\",\"type\":\"Account\",\"updates\":{}}}",
		  "81a16183a36f6964a137a474797065a74163636f756e74a77570646174657380" },
		{ "{\"$map\":[[\"a\",1]]}", "81a16101" },
		{ "{\"$map\":[]}", "80" },
		{ "{\"$map\":[[\"$bin\",1]]}", "81a42462696e01" },
		{ "{\"oid\":\"42\",\"$bin\":1}", "81a42462696e01" },
		{ "{\"a\":{\"$map\":[[1,{\"$bin\":\"\"}]]}}", "81a1618101c400" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf body = SFS_BUF_INIT;
		struct sfs_diag diag = SFS_DIAG_INIT;
		int err = sfsi_document_parse(SFS_FORMAT_JSON, sfs_span_str(table[i].json), &rules,
					      &body, &diag);
		if (err < 0)
			print_error("%s: %s\n", table[i].json, diag.text);
		assert_int_equal(err, 0);
		char *hex = to_hex(sfs_buf_span(&body));
		assert_string_equal(hex, table[i].body);
		free(hex);
		sfs_buf_fini(&body);
	}
}

static void refused_documents_say_why_and_where(void **state)
{
	static const struct {
		const char *json;
		uint32_t line, column;
		const char *text;
	} table[] = {
		{ "", 1, 1, "empty document: expected a JSON object" },
		{ "[]", 1, 1, "a document is a JSON object, found an array" },
		{ "null", 1, 1, "a document is a JSON object, found null" },
		{ "true", 1, 1, "a document is a JSON object, found true" },
		{ " 1", 1, 2, "a document is a JSON object, found a number" },
		{ "1.5", 1, 1, "a document is a JSON object, found a number with a fraction" },
		{ "\"x\"", 1, 1, "a document is a JSON object, found a string" },
		{ "18446744073709551615", 1, 1, "a document is a JSON object, found a number" },
		{ "18446744073709551616", 1, 1, "a document is a JSON object, found a number" },
		{ "{\"$bin\":\"\"}", 1, 1, "a document is a JSON object, found binary data" },
		{ "{\"$ext\":[1,\"\"]}", 1, 1, "a document is a JSON object, found an extension" },
		{ "{\"$map\":[[1,2]]}", 1, 11,
		  "the keys of a document are strings, found a number" },
		{ "{\"$map\":[[\"a\",2],[[],2]]}", 1, 19,
		  "the keys of a document are strings, found an array" },
		{ "{\"$map\":[[{},2]]}", 1, 11,
		  "the keys of a document are strings, found an object" },
		{ "{\n \"oid\": \"43\"}", 2, 9, "\"oid\" is \"43\", expected \"42\"" },
		{ "{\"oid\":43}", 1, 8, "\"oid\" is \"43\", expected \"42\"" },
		{ "{\"oid\":42.0}", 1, 8,
		  "\"oid\" is a number with a fraction, expected a string" },
		{ "{\"oid\":null}", 1, 8, "\"oid\" is null, expected a string" },
		{ "{\"oid\":[\"42\"]}", 1, 8, "\"oid\" is an array, expected a string" },
		{ "{\"oid\":{}}", 1, 8, "\"oid\" is an object, expected a string" },
		{ "{\"oid\":\"042\"}", 1, 8, "\"oid\" is \"042\", expected \"42\"" },
		{ "{\"type\":\"article\"}", 1, 9,
		  "\"type\" is \"article\", expected \"blog.Article\"" },
		{ "{\"type\":7}", 1, 9, "\"type\" is a number, expected a string" },
		{ "{\"type\":\"a\\nb\"}", 1, 9,
		  "\"type\" is \"a\\x0ab\", expected \"blog.Article\"" },
		{ "{\"a\":1,\n\"updates\":{}}", 2, 1,
		  "\"updates\" is reserved, expected another name" },
		{ "{\"oid\":\"42\",\"oid\":\"42\"}", 1, 13, "duplicate key \"oid\"" },
		{ "{\"a\":1}\n{}", 2, 1, "unexpected character '{', expected the end of the text" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf body = SFS_BUF_INIT;
		struct sfs_diag diag = SFS_DIAG_INIT;
		assert_int_equal(sfs_buf_append(&body, "kept", 4), 0);
		assert_int_equal(sfsi_document_parse(SFS_FORMAT_JSON, sfs_span_str(table[i].json),
						     &rules, &body, &diag),
				 SFS_ERR_BAD_DOCUMENT);
		assert_string_equal(diag.text, table[i].text);
		assert_int_equal(diag.line, table[i].line);
		assert_int_equal(diag.column, table[i].column);
		assert_diag_good(&diag, SFS_ERR_BAD_DOCUMENT);
		assert_span_equal(sfs_buf_span(&body), sfs_span_str("kept"));
		sfs_buf_fini(&body);
	}
}

static void oids_may_be_spelled_by_any_integer(void **state)
{
	static const struct {
		const char *oid, *json;
		int err;
	} table[] = {
		{ "-7", "{\"oid\":-7}", 0 },
		{ "18446744073709551615", "{\"oid\":18446744073709551615}", 0 },
		{ "18446744073709551616", "{\"oid\":18446744073709551616}", 0 },
		{ "1e2", "{\"oid\":1e2}", SFS_ERR_BAD_DOCUMENT },
		{ "07", "{\"oid\":7}", SFS_ERR_BAD_DOCUMENT },
		{ "é", "{\"oid\":\"\\u00e9\"}", 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfsi_document_rules other = rules;
		struct sfs_buf body = SFS_BUF_INIT;
		other.oid = sfs_span_str(table[i].oid);
		assert_int_equal(sfsi_document_parse(SFS_FORMAT_JSON, sfs_span_str(table[i].json),
						     &other, &body, NULL),
				 table[i].err);
		sfs_buf_fini(&body);
	}
}

static void msgpack_documents_follow_the_same_rules(void **state)
{
	static const struct {
		const char *hex;
		int err;
		const char *result; /* body, or sentence */
		uint64_t offset;
	} table[] = {
		{ "81a16101", 0, "81a16101", 0 },
		{ "df00000002a36f6964a23432d90161cc01", 0, "81a16101", 0 },
		{ "81a36f69642a", 0, "80", 0 },
		{ "90", SFS_ERR_BAD_DOCUMENT, "a document is a JSON object, found an array", 0 },
		{ "81a36f69642b", SFS_ERR_BAD_DOCUMENT, "\"oid\" is \"43\", expected \"42\"", 5 },
		{ "810102", SFS_ERR_BAD_DOCUMENT,
		  "the keys of a document are strings, found a number", 1 },
		{ "81a77570646174657380", SFS_ERR_BAD_DOCUMENT,
		  "\"updates\" is reserved, expected another name", 1 },
		{ "8000", SFS_ERR_BAD_DOCUMENT, "1 bytes after the document, expected its end", 1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf bytes = from_hex(table[i].hex), body = SFS_BUF_INIT;
		struct sfs_diag diag = SFS_DIAG_INIT;
		assert_int_equal(sfsi_document_parse(SFS_FORMAT_MSGPACK, sfs_buf_span(&bytes),
						     &rules, &body, &diag),
				 table[i].err);
		if (table[i].err == 0) {
			char *hex = to_hex(sfs_buf_span(&body));
			assert_string_equal(hex, table[i].result);
			free(hex);
		} else {
			assert_string_equal(diag.text, table[i].result);
			assert_int_equal(diag.offset, table[i].offset);
		}
		sfs_buf_fini(&bytes);
		sfs_buf_fini(&body);
	}
}

/* The head of the body shrinks when members are left out, also where its form changes. */
static void heads_of_bodies_count_what_is_left(void **state)
{
	static const unsigned counts[] = { 0, 1, 13, 14, 15, 16, 17, 65534, 65535, 65536 };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct sfs_buf plain = SFS_BUF_INIT, full = SFS_BUF_INIT;
		struct sfs_buf body = SFS_BUF_INIT, other = SFS_BUF_INIT;
		const char *comma = "";
		assert_int_equal(sfs_buf_printf(&plain, "{"), 0);
		assert_int_equal(sfs_buf_printf(&full, "{\"oid\":\"42\",\"type\":\"Article\""), 0);
		for (unsigned j = 0; j < counts[i]; j++, comma = ",") {
			assert_int_equal(sfs_buf_printf(&plain, "%s\"k%u\":%u", comma, j, j), 0);
			assert_int_equal(sfs_buf_printf(&full, ",\"k%u\":%u", j, j), 0);
		}
		assert_int_equal(sfs_buf_printf(&plain, "}"), 0);
		assert_int_equal(sfs_buf_printf(&full, "}"), 0);
		assert_int_equal(sfs_buf_append(&other, "kept", 4), 0);
		assert_int_equal(sfsi_document_parse(SFS_FORMAT_JSON, sfs_buf_span(&plain), &rules,
						     &body, NULL),
				 0);
		assert_int_equal(sfsi_document_parse(SFS_FORMAT_JSON, sfs_buf_span(&full), &rules,
						     &other, NULL),
				 0);
		assert_memory_equal(other.data, "kept", 4);
		assert_span_equal((struct sfs_span){ (char *)other.data + 4, other.len - 4 },
				  sfs_buf_span(&body));
		sfs_buf_fini(&plain);
		sfs_buf_fini(&full);
		sfs_buf_fini(&body);
		sfs_buf_fini(&other);
	}
}

static void a_document_may_have_64_mib_and_not_a_byte_more(void **state)
{
	static const char start[] = "{\"a\":\"";
	struct sfs_buf body = SFS_BUF_INIT, text = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	(void)state;
	assert_int_equal(sfs_buf_resize(&text, SFS_DOCUMENT_MAX), 0);
	memset(text.data, 'x', text.len);
	memcpy(text.data, start, sizeof start - 1);
	memcpy((char *)text.data + text.len - 2, "\"}", 2);
	assert_int_equal(
		sfsi_document_parse(SFS_FORMAT_JSON, sfs_buf_span(&text), &rules, &body, &diag), 0);
	assert_int_equal(body.len, text.len);
	body.len = 0;
	assert_int_equal(sfs_buf_append(&text, " ", 1), 0);
	assert_int_equal(
		sfsi_document_parse(SFS_FORMAT_JSON, sfs_buf_span(&text), &rules, &body, &diag),
		SFS_ERR_LIMIT);
	assert_string_equal(diag.text, "the document has 67108865 bytes, the limit is 67108864");
	assert_int_equal(body.len, 0);
	sfs_buf_fini(&body);
	sfs_buf_fini(&text);
}

static void a_msgpack_document_may_have_64_mib_and_not_a_byte_more(void **state)
{
	struct sfs_buf body = SFS_BUF_INIT, bytes = from_hex("81 a1 61 c6 03 ff ff f8");
	(void)state;
	assert_int_equal(sfs_buf_resize(&bytes, SFS_DOCUMENT_MAX), 0);
	assert_int_equal(
		sfsi_document_parse(SFS_FORMAT_MSGPACK, sfs_buf_span(&bytes), &rules, &body, NULL),
		0);
	assert_span_equal(sfs_buf_span(&body), sfs_buf_span(&bytes));
	body.len = 0;
	((uint8_t *)bytes.data)[7]++;
	assert_int_equal(sfs_buf_resize(&bytes, SFS_DOCUMENT_MAX + 1), 0);
	assert_int_equal(
		sfsi_document_parse(SFS_FORMAT_MSGPACK, sfs_buf_span(&bytes), &rules, &body, NULL),
		SFS_ERR_LIMIT);
	sfs_buf_fini(&body);
	sfs_buf_fini(&bytes);
}

/* 2.4 MB of msgpack whose indented JSON has more than 1 GiB: refused, as it could not be shown. */
static void what_could_not_be_shown_is_refused(void **state)
{
	struct sfs_buf body = SFS_BUF_INIT, bytes = from_hex("81 a1 61");
	struct sfs_diag diag = SFS_DIAG_INIT;
	(void)state;
	for (int i = 0; i < 488; i++)
		assert_int_equal(sfs_buf_append(&bytes, "\x91", 1), 0);
	assert_int_equal(sfs_buf_append(&bytes, "\xdd\x00\x12\x4f\x80", 5), 0);
	size_t before = bytes.len;
	assert_int_equal(sfs_buf_resize(&bytes, before + 0x124f80), 0);
	assert_int_equal(
		sfsi_document_parse(SFS_FORMAT_MSGPACK, sfs_buf_span(&bytes), &rules, &body, &diag),
		SFS_ERR_LIMIT);
	assert_non_null(strstr(diag.text, "indented JSON"));
	assert_int_equal(body.len, 0);
	/* A third of it is shown, though the cheap estimate is not sure. */
	memcpy((char *)bytes.data + before - 4, "\x00\x06\x1a\x80", 4);
	bytes.len = before + 0x61a80;
	assert_int_equal(
		sfsi_document_parse(SFS_FORMAT_MSGPACK, sfs_buf_span(&bytes), &rules, &body, &diag),
		0);
	sfs_buf_fini(&body);
	sfs_buf_fini(&bytes);
}

static void both_documents_of_a_body_give_the_body_again(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 1500; seed++) {
		uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
		struct sfs_buf body = SFS_BUF_INIT, json = SFS_BUF_INIT, packed = SFS_BUF_INIT,
			       again = SFS_BUF_INIT, shown = SFS_BUF_INIT;
		struct sfsi_msgpack_writer writer;
		sfsi_msgpack_writer_init(&writer, &body);
		assert_int_equal(writer.sink.ops->map_begin(&writer.sink, 2), 0);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(writer.sink.ops->string(&writer.sink,
								 sfs_span_str(i ? "$bin" : "x")),
					 0);
			assert_int_equal(emit_value(&random, &writer.sink, 4), 0);
		}
		assert_int_equal(sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(&body), &json),
				 0);
		assert_int_equal(
			sfsi_document_render(SFS_FORMAT_MSGPACK, sfs_buf_span(&body), &packed), 0);
		assert_span_equal(sfs_buf_span(&packed), sfs_buf_span(&body));
		assert_int_equal(((char *)json.data)[json.len - 1], '\n');
		assert_int_equal(sfsi_document_parse(SFS_FORMAT_JSON, sfs_buf_span(&json), &rules,
						     &again, NULL),
				 0);
		assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&body));
		again.len = 0;
		assert_int_equal(sfsi_document_parse(SFS_FORMAT_MSGPACK, sfs_buf_span(&packed),
						     &rules, &again, NULL),
				 0);
		assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&body));
		assert_int_equal(
			sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(&again), &shown), 0);
		assert_span_equal(sfs_buf_span(&shown), sfs_buf_span(&json));
		sfs_buf_fini(&body);
		sfs_buf_fini(&json);
		sfs_buf_fini(&packed);
		sfs_buf_fini(&again);
		sfs_buf_fini(&shown);
	}
}

static void the_deepest_document_is_shown(void **state)
{
	struct sfs_buf body = from_hex("81 a1 61"), json = SFS_BUF_INIT, again = SFS_BUF_INIT;
	(void)state;
	for (int i = 0; i < 488; i++)
		assert_int_equal(sfs_buf_append(&body, "\x81\x01", 2), 0);
	assert_int_equal(sfs_buf_append(&body, "\x81\x01\xc4", 4), 0);
	assert_int_equal(sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(&body), &json), 0);
	assert_int_equal(
		sfsi_document_parse(SFS_FORMAT_JSON, sfs_buf_span(&json), &rules, &again, NULL), 0);
	assert_span_equal(sfs_buf_span(&again), sfs_buf_span(&body));
	sfs_buf_fini(&body);
	sfs_buf_fini(&json);
	sfs_buf_fini(&again);
}

static void a_body_that_is_damaged_is_not_shown(void **state)
{
	static const char *const damaged[] = { "", "82a16101", "81c1c0", "81a1ff01" };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		struct sfs_buf body = from_hex(damaged[i]), json = SFS_BUF_INIT;
		assert_int_equal(sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(&body), &json),
				 SFS_ERR_BAD_DOCUMENT);
		assert_int_equal(json.len, 0);
		sfs_buf_fini(&body);
		sfs_buf_fini(&json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_become_canonical_bodies),
		cmocka_unit_test(refused_documents_say_why_and_where),
		cmocka_unit_test(oids_may_be_spelled_by_any_integer),
		cmocka_unit_test(msgpack_documents_follow_the_same_rules),
		cmocka_unit_test(heads_of_bodies_count_what_is_left),
		cmocka_unit_test(a_document_may_have_64_mib_and_not_a_byte_more),
		cmocka_unit_test(a_msgpack_document_may_have_64_mib_and_not_a_byte_more),
		cmocka_unit_test(what_could_not_be_shown_is_refused),
		cmocka_unit_test(both_documents_of_a_body_give_the_body_again),
		cmocka_unit_test(the_deepest_document_is_shown),
		cmocka_unit_test(a_body_that_is_damaged_is_not_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
