/*
 * Index functions against what the Python original made of the same values, and where that has no
 * answer. tests/data/index/README.md says what the samples are.
 */
#include "index_check.h"

#define LINE_MAX (1 << 16)

/* --- samples --- */

static struct sfs_span next_of(struct sfsi_cursor *cursor)
{
	struct sfs_span value;
	assert_int_equal(sfsi_cursor_skip(cursor, &value), 0);
	return value;
}

static struct sfs_span string_of(struct sfs_span value)
{
	struct sfsi_head head;
	assert_int_equal(sfsi_head_read(value, &head), SFSI_HEAD_GOOD);
	assert_int_equal(head.kind, SFSI_HEAD_STRING);
	return head.body;
}

static uint32_t open_of(struct sfsi_cursor *cursor)
{
	struct sfsi_head head;
	assert_int_equal(sfsi_cursor_next(cursor, &head), 0);
	assert_true(head.kind == SFSI_HEAD_ARRAY || head.kind == SFSI_HEAD_MAP);
	return head.count;
}

static int compare_items(const void *a, const void *b)
{
	const struct sfs_buf *left = a, *right = b;
	size_t least = left->len < right->len ? left->len : right->len;
	int order = memcmp(left->data, right->data, least);
	return order ? order : (left->len > right->len) - (left->len < right->len);
}

/* The keys of a list of values, sorted, each once. */
static size_t expected_keys(struct sfs_span list, struct sfs_buf ret[100])
{
	struct sfsi_cursor cursor = sfsi_cursor(list);
	uint32_t count = open_of(&cursor);
	size_t kept = 0;
	assert_true(count <= 100);
	for (uint32_t i = 0; i < count; i++) {
		ret[i] = (struct sfs_buf)SFS_BUF_INIT;
		assert_int_equal(sfsi_index_key_encode(next_of(&cursor), &ret[i]), 0);
	}
	qsort(ret, count, sizeof *ret, compare_items);
	for (uint32_t i = 0; i < count; i++)
		if (kept && compare_items(&ret[kept - 1], &ret[i]) == 0)
			sfs_buf_fini(&ret[i]);
		else
			ret[kept++] = ret[i];
	return kept;
}

static void assert_extracts(const struct sfsi_index_rule *rule,
			    const struct sfsi_index_input *input, struct sfs_span list,
			    const char *line)
{
	struct sfsi_index_keys keys = { .count = 0 };
	struct sfs_buf expected[100];
	size_t count = expected_keys(list, expected);
	assert_int_equal(sfsi_index_keys_get(rule, input, &keys), 0);
	if (keys.count != count)
		fail_msg("%.*s: %zu keys: %s", (int)rule->name.len, (const char *)rule->name.data,
			 keys.count, line);
	for (size_t i = 0; i < count; i++) {
		if (!sfs_span_equal(sfsi_index_keys_at(&keys, i), sfs_buf_span(&expected[i])))
			fail_msg("%.*s: key %zu: %s", (int)rule->name.len,
				 (const char *)rule->name.data, i, line);
		sfs_buf_fini(&expected[i]);
	}
	sfsi_index_keys_fini(&keys);
}

/* Call fn with each line of a file, as a cursor inside of its array. */
static unsigned each_line(const char *path,
			  void (*fn)(struct sfsi_cursor *cursor, const char *line))
{
	FILE *file = fopen(path, "r");
	static char line[LINE_MAX];
	unsigned count = 0;
	assert_non_null(file);
	while (fgets(line, sizeof line, file)) {
		struct sfs_buf value = msgpack_of(sfs_span_str(line));
		struct sfsi_cursor cursor = sfsi_cursor(sfs_buf_span(&value));
		open_of(&cursor);
		fn(&cursor, line);
		sfs_buf_fini(&value);
		count++;
	}
	fclose(file);
	return count;
}

static void check_function(struct sfsi_cursor *cursor, const char *line)
{
	struct sfsi_index_rule rule = { .name = sfs_span_str("p") };
	struct sfs_span name = string_of(next_of(cursor)), value = next_of(cursor);
	struct sfs_span parameter = next_of(cursor);
	struct sfsi_head head;
	struct sfs_buf body = SFS_BUF_INIT;
	rule.function = sfsi_index_function_find(name);
	assert_true(rule.function < SFSI_INDEX_FUNCTIONS);
	assert_int_equal(sfsi_head_read(parameter, &head), SFSI_HEAD_GOOD);
	if (head.kind == SFSI_HEAD_STRING)
		rule.separator = head.body;
	else
		rule.min = (uint32_t)head.integer;
	assert_int_equal(sfs_buf_append(&body, "\x81\xa1p", 3), 0);
	assert_int_equal(sfs_buf_append(&body, value.data, value.len), 0);
	struct sfsi_index_input input = { .body = sfs_buf_span(&body) };
	assert_extracts(&rule, &input, next_of(cursor), line);
	sfs_buf_fini(&body);
}

static void every_sample_of_a_function_gives_its_keys(void **state)
{
	(void)state;
	assert_int_equal(each_line(TEST_DATA "/index/functions.ndjson", check_function), 6679);
}

static struct sfsi_schema *sample_schema;

static const char sample_definition[] =
	"{ \"indexes\": {"
	" \"email\": { \"extract\": \"normalize\", \"compatible\": true },"
	" \"name\": { \"extract\": \"normalize\", \"compatible\": true },"
	" \"status\": { \"extract\": \"normalize\", \"compatible\": true },"
	" \"rank\": { \"extract\": \"value\", \"compatible\": true },"
	" \"path\": \"paths:/\","
	" \"title\": { \"extract\": \"keyword\", \"compatible\": true },"
	" \"tags\": { \"extract\": \"value\", \"compatible\": true },"
	" \"keywords\": \"keywords:title,content,i18n\","
	" \"updated\": \"updatetime\","
	" \"noaccents\": { \"extract\": \"noaccents\", \"from\": \"title\", \"compatible\": true },"
	" \"_\": \"value:oid\" } }";

static const struct sfsi_index_rule *rule_of(struct sfs_span name)
{
	for (uint32_t i = 0; i < sample_schema->indexes_count; i++)
		if (sfs_span_equal(sample_schema->indexes[i].name, name))
			return &sample_schema->indexes[i];
	fail();
	return NULL;
}

static void check_object(struct sfsi_cursor *cursor, const char *line)
{
	struct sfsi_index_input input = { .class_name = string_of(next_of(cursor)) };
	struct sfsi_head head;
	input.oid = string_of(next_of(cursor));
	assert_int_equal(sfsi_head_read(next_of(cursor), &head), SFSI_HEAD_GOOD);
	assert_true(sfsi_head_integer(&head, &input.updated_ns));
	input.body = next_of(cursor);
	for (uint32_t count = open_of(cursor); count; count--) {
		const struct sfsi_index_rule *rule = rule_of(string_of(next_of(cursor)));
		assert_extracts(rule, &input, next_of(cursor), line);
	}
}

static void objects_of_the_original_have_the_keys_of_its_files(void **state)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	(void)state;
	if (sfsi_schema_parse(sfs_span_str(sample_definition), "kv", &sample_schema, &diag) < 0)
		fail_msg("%s", diag.text);
	assert_int_equal(each_line(TEST_DATA "/index/objects.ndjson", check_object), 10);
	sfsi_schema_unref(sample_schema);
}

/* --- what the original has no answer to --- */

struct sample {
	const char *rule, *body, *keys;
};

static void assert_samples(const struct sample *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_keys(table[i].rule, table[i].body, table[i].keys);
}

static void a_missing_property_has_no_key(void **state)
{
	static const struct sample table[] = {
		{ "\"value\"", "{}", "" },
		{ "\"normalize\"", "{\"x\":1}", "" },
		{ "\"noaccents\"", "{}", "" },
		{ "\"keyword\"", "{}", "" },
		{ "\"keywords\"", "{}", "" },
		{ "\"paths\"", "{}", "" },
		{ "\"value\"", "{\"i\":null}", "<null>" },
		{ "\"normalize\"", "{\"i\":null}", "<\"\">" },
		{ "\"noaccents\"", "{\"i\":null}", "<None>" },
		{ "\"keyword\"", "{\"i\":null}", "<\"\">" },
		{ "\"keywords\"", "{\"i\":null}", "" },
		{ "\"value:a,b\"", "{\"b\":1}", "<1>" },
		{ "{\"extract\":\"value\",\"compatible\":true}", "{}", "<null>" },
		{ "{\"extract\":\"value\",\"compatible\":true}", "{\"i\":0}", "<null>" },
		{ "{\"extract\":\"value\",\"compatible\":true}", "{\"i\":[]}", "<null>" },
		{ "{\"extract\":\"value\",\"compatible\":true}", "{\"i\":-0.0}", "<null>" },
		{ "{\"extract\":\"normalize\",\"compatible\":true}", "{}", "<\"\">" },
		{ "{\"extract\":\"noaccents\",\"compatible\":true}", "{\"i\":\"\"}", "<None>" },
		{ "{\"extract\":\"keyword\",\"compatible\":true}", "{}", "<\"\">" },
		{ "{\"extract\":\"keywords\",\"compatible\":true}", "{}", "" },
		{ "{\"extract\":\"paths\",\"compatible\":true}", "{}", "" },
	};
	(void)state;
	assert_samples(table, ARRAY_SIZE(table));
}

static void values_of_every_kind_have_keys(void **state)
{
	static const struct sample table[] = {
		{ "\"value\"", "{\"i\":false}", "<false>" },
		{ "\"value\"", "{\"i\":0}", "<0>" },
		{ "\"value\"", "{\"i\":[3,\"a\",3,null,true,3.0]}", "<null><true><3><3.0><a>" },
		{ "\"value\"", "{\"i\":[]}", "" },
		{ "\"value\"", "{\"i\":[[1],{\"a\":1}]}", "<[1]><{\"a\":1}>" },
		{ "\"value\"", "{\"i\":{\"k\":[1]}}", "<{\"k\":[1]}>" },
		{ "\"value\"", "{\"i\":{\"$bin\":\"AQI=\"}}", "<{\"$bin\":\"AQI=\"}>" },
		{ "\"value\"", "{\"i\":{\"$float\":\"nan\"}}", "<{\"$float\":\"nan\"}>" },
		{ "\"value\"", "{\"i\":-0.0}", "<-0.0>" },
		{ "\"value\"", "{\"i\":123456789012345678901234567890}",
		  "<123456789012345678901234567890>" },
		{ "\"normalize\"", "{\"i\":[1, \"É\", null, {\"k\": 2.50}]}",
		  "<[1, 'é', none, {'k': 2.5}]>" },
		{ "\"normalize\"", "{\"i\":[\"it's\", \"a\\\\b\", \"\\u200b\\n\\u00ad\"]}",
		  "<[\"it's\", 'a\\\\b', '\\u200b\\n\\xad']>" },
		{ "\"normalize\"", "{\"i\":{\"$bin\":\"QQBC/w==\"}}", "<b'a\\x00b\\xff'>" },
		{ "\"normalize\"", "{\"i\":123456789012345678901}", "<\"123456789012345678901\">" },
		{ "\"normalize\"", "{\"i\":1e16}", "<\"1e+16\">" },
		{ "\"normalize\"", "{\"i\":{\"$float\":\"nan\"}}", "<nan>" },
		{ "\"noaccents\"", "{\"i\":[null,true,1.0]}", "<[None, True, 1.0]>" },
		{ "\"noaccents\"", "{\"i\":0}", "<\"0\">" },
		{ "\"keyword\"", "{\"i\":5}", "" },
		{ "\"keyword\"", "{\"i\":[\"A-b\",5,null,\"C\",\"c\"]}", "<a b><c>" },
		{ "\"keyword\"", "{\"i\":{\"$bin\":\"w4k=\"}}", "<e>" },
		{ "\"keyword\"", "{\"i\":{\"$bin\":\"/w==\"}}", "" },
		{ "\"keywords\"", "{\"i\":5}", "" },
		{ "\"keywords\"", "{\"i\":[5,[\"nested\"],{\"en\":null,\"fr\":\"le chat\"}]}",
		  "<chat>" },
		{ "{\"extract\":\"keywords\",\"from\":[\"a\",\"b\"],\"min\":0}",
		  "{\"a\":\"x  y\",\"b\":[\"x z\"]}", "<\"\"><x><y><z>" },
		{ "\"paths\"", "{\"i\":5}", "" },
		{ "\"paths\"", "{\"i\":[\"a/b\",\"a/c\",7]}", "<a><a/b><a/c>" },
		{ "\"paths:::\"", "{\"i\":\"a::b:c\"}", "<a><a::b:c>" },
		{ "\"paths:where\"", "{\"where\":\"a/b\"}", "<a><a/b>" },
		{ "\"value:oid\"", "{}", "<\"42\">" },
		{ "\"value:type\"", "{}", "<blog.Article>" },
		{ "\"update_time\"", "{}", "<20250102030405678901>" },
	};
	(void)state;
	assert_samples(table, ARRAY_SIZE(table));
}

static void references_are_found_by_their_oid(void **state)
{
	static const struct sample table[] = {
		{ "\"value\"", "{\"i\":{\"oid\":\"7\",\"type\":\"Account\"}}", "<\"7\">" },
		{ "\"value\"",
		  "{\"i\":[{\"oid\":\"b\",\"type\":\"A\"},{\"type\":\"A\",\"oid\":\"a\",\"updates\":{}}]}",
		  "<a><b>" },
		{ "\"normalize\"",
		  "{\"i\":[{\"oid\":\"B\",\"type\":\"A\"},{\"oid\":\"c\",\"type\":\"A\"}]}",
		  "<b><c>" },
		{ "\"value\"", "{\"i\":{\"oid\":\"7\",\"type\":\"A\",\"x\":1}}",
		  "<{\"oid\":\"7\",\"type\":\"A\",\"x\":1}>" },
		{ "\"value\"", "{\"i\":{\"oid\":7,\"type\":\"A\"}}",
		  "<{\"oid\":7,\"type\":\"A\"}>" },
	};
	(void)state;
	assert_samples(table, ARRAY_SIZE(table));
}

static void both_forms_of_a_time_have_one_key(void **state)
{
	static const struct sample table[] = {
		{ "\"value\"", "{\"i\":\"2025-01-31\"}", "<2025-01-31>" },
		{ "\"value\"", "{\"i\":[2025,1,31,0,0,0,4,31,-1]}", "<2025-01-31>" },
		{ "\"value\"", "{\"i\":[2025,1,2,3,4,5,3,2,-1]}", "<2025-01-02T03:04:05>" },
		{ "\"normalize\"", "{\"i\":[2025,1,2,3,4,5,3,2,-1]}",
		  "<\"[2025, 1, 2, 3, 4, 5, 3, 2, -1]\">" },
		{ "{\"extract\":\"value\",\"compatible\":true}", "{\"i\":[2025,1,2,3,4,5,3,2,-1]}",
		  "<-1><1><2><3><4><5><2025>" },
		{ "\"value\"", "{\"i\":[2025,13,2,3,4,5,3,2,-1]}", "<-1><2><3><4><5><13><2025>" },
	};
	(void)state;
	assert_samples(table, ARRAY_SIZE(table));
}

static void properties_have_functions_of_their_own(void **state)
{
	static const char rule[] = "{\"extract\":\"properties\",\"properties\":"
				   "{\"title\":\"keyword\",\"tags\":\"value\","
				   "\"text\":{\"extract\":\"keywords\",\"min\":5}}}";
	(void)state;
	assert_keys(rule,
		    "{\"title\":\"A-B\",\"tags\":[\"x\",\"a b\"],\"text\":\"lorem is ipsum\"}",
		    "<a b><ipsum><lorem><x>");
	assert_keys(rule, "{}", "");
}

/* --- limits and bad input --- */

static void a_hundred_thousand_keys_are_each_there_once(void **state)
{
	struct sfsi_schema *schema = schema_of("\"value\"");
	struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_index_keys keys = { .count = 0 };
	(void)state;
	assert_int_equal(sfs_buf_append(&body, "\x81\xa1i\xdd\x00\x03\x0d\x40", 8), 0);
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t number = (i * 7919u) % 100000;
		uint8_t bytes[5] = { 0xce, (uint8_t)(number >> 24), (uint8_t)(number >> 16),
				     (uint8_t)(number >> 8), (uint8_t)number };
		assert_int_equal(sfs_buf_append(&body, bytes, 5), 0);
	}
	struct sfsi_index_input input = { .body = sfs_buf_span(&body) };
	assert_int_equal(sfsi_index_keys_get(&schema->indexes[0], &input, &keys), 0);
	assert_int_equal(keys.count, 100000);
	for (size_t i = 0; i < keys.count; i++) {
		struct sfs_buf shown = SFS_BUF_INIT;
		assert_int_equal(sfsi_index_key_show(sfsi_index_keys_at(&keys, i), &shown), 0);
		assert_int_equal(sfs_buf_append(&shown, "", 1), 0);
		assert_int_equal(strtoul(shown.data, NULL, 10), i);
		sfs_buf_fini(&shown);
	}
	sfsi_index_keys_fini(&keys);
	sfs_buf_fini(&body);
	sfsi_schema_unref(schema);
}

/* A string of len characters, by a function, of a body {"i": …}. */
static int keys_of_text(const char *rule, struct sfs_span text, struct sfsi_index_keys *ret)
{
	struct sfsi_schema *schema = schema_of(rule);
	struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	assert_int_equal(sfs_buf_append(&body, "\x81\xa1i", 3), 0);
	sfsi_msgpack_writer_init(&writer, &body);
	assert_int_equal(writer.sink.ops->string(&writer.sink, text), 0);
	struct sfsi_index_input input = { .body = sfs_buf_span(&body) };
	int err = sfsi_index_keys_get(&schema->indexes[0], &input, ret);
	sfs_buf_fini(&body);
	sfsi_schema_unref(schema);
	return err;
}

static void paths_that_never_end_are_refused(void **state)
{
	struct sfsi_index_keys keys = { .count = 0 };
	struct sfs_buf text = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(sfs_buf_resize(&text, 4 << 20), 0);
	for (size_t i = 0; i < text.len; i++)
		((char *)text.data)[i] = i % 2 ? '/' : 'a';
	/* 20,000 parts are deep, but can be had. */
	struct sfs_span some = { text.data, 40000 };
	assert_int_equal(keys_of_text("\"paths\"", some, &keys), 0);
	assert_int_equal(keys.count, 20000);
	assert_int_equal(keys_of_text("\"paths\"", sfs_buf_span(&text), &keys), SFS_ERR_LIMIT);
	assert_int_equal(keys.count, 0);
	/* The list is good for more. */
	assert_int_equal(keys_of_text("\"paths\"", some, &keys), 0);
	assert_int_equal(keys.count, 20000);
	sfsi_index_keys_fini(&keys);
	sfs_buf_fini(&text);
}

static void a_long_text_and_its_beginning_have_different_keys(void **state)
{
	static const char *const rules[] = { "\"value\"", "\"normalize\"", "\"noaccents\"",
					     "\"keyword\"", "\"keywords\"" };
	struct sfs_buf text = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(sfs_buf_resize(&text, 65536), 0);
	memset(text.data, 'k', text.len);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct sfsi_index_keys one = { .count = 0 }, two = { .count = 0 };
		struct sfs_span less = { text.data, text.len - 1 };
		assert_int_equal(keys_of_text(rules[i], sfs_buf_span(&text), &one), 0);
		assert_int_equal(keys_of_text(rules[i], less, &two), 0);
		assert_int_equal(one.count, 1);
		assert_int_equal(two.count, 1);
		assert_true(sfsi_index_key_is_cut(sfsi_index_keys_at(&one, 0)));
		assert_false(
			sfs_span_equal(sfsi_index_keys_at(&one, 0), sfsi_index_keys_at(&two, 0)));
		sfsi_index_keys_fini(&one);
		sfsi_index_keys_fini(&two);
	}
	sfs_buf_fini(&text);
}

static void a_nul_is_a_character(void **state)
{
	struct sfsi_index_keys keys = { .count = 0 };
	struct sfs_buf shown = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(keys_of_text("\"value\"", (struct sfs_span){ "A\0B", 3 }, &keys), 0);
	assert_int_equal(sfsi_index_key_show(sfsi_index_keys_at(&keys, 0), &shown), 0);
	assert_span_equal(sfs_buf_span(&shown), (struct sfs_span){ "A\0B", 3 });
	shown.len = 0;
	assert_int_equal(keys_of_text("\"normalize\"", (struct sfs_span){ "A\0B", 3 }, &keys), 0);
	assert_int_equal(sfsi_index_key_show(sfsi_index_keys_at(&keys, 0), &shown), 0);
	assert_span_equal(sfs_buf_span(&shown), (struct sfs_span){ "a\0b", 3 });
	shown.len = 0;
	assert_int_equal(keys_of_text("\"keyword\"", (struct sfs_span){ "A\0B", 3 }, &keys), 0);
	assert_int_equal(sfsi_index_key_show(sfsi_index_keys_at(&keys, 0), &shown), 0);
	assert_span_equal(sfs_buf_span(&shown), sfs_span_str("a b"));
	sfsi_index_keys_fini(&keys);
	sfs_buf_fini(&shown);
}

static void broken_bodies_are_corrupt(void **state)
{
	static const char *const bodies[] = {
		"", "c1", "a1", "81", "81 a1 69", "81 a1 69 a5 61", "81 a1 69 92 01"
	};
	static const char *const rules[] = { "\"value\"", "\"normalize\"", "\"keywords\"" };
	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rules); r++)
		for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
			struct sfsi_schema *schema = schema_of(rules[r]);
			struct sfs_buf body = from_hex(bodies[i]);
			struct sfs_buf shown = shown_keys(&schema->indexes[0], sfs_buf_span(&body));
			assert_span_equal(sfs_buf_span(&shown),
					  sfs_span_str(sfs_err_text(SFS_ERR_CORRUPT)));
			sfs_buf_fini(&shown);
			sfs_buf_fini(&body);
			sfsi_schema_unref(schema);
		}
}

static int stop_at_two(void *arg, struct sfs_span key)
{
	unsigned *count = arg;
	assert_true(key.len > 0);
	return ++*count == 2 ? SFS_ERR_CANCELLED : 0;
}

static void a_caller_can_stop(void **state)
{
	struct sfsi_schema *schema = schema_of("\"value\"");
	struct sfs_buf body = msgpack_of(sfs_span_str("{\"i\":[1,2,3]}"));
	struct sfsi_index_input input = { .body = sfs_buf_span(&body) };
	unsigned count = 0;
	(void)state;
	assert_int_equal(sfsi_index_extract(&schema->indexes[0], &input, stop_at_two, &count),
			 SFS_ERR_CANCELLED);
	assert_int_equal(count, 2);
	sfs_buf_fini(&body);
	sfsi_schema_unref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sample_of_a_function_gives_its_keys),
		cmocka_unit_test(objects_of_the_original_have_the_keys_of_its_files),
		cmocka_unit_test(a_missing_property_has_no_key),
		cmocka_unit_test(values_of_every_kind_have_keys),
		cmocka_unit_test(references_are_found_by_their_oid),
		cmocka_unit_test(both_forms_of_a_time_have_one_key),
		cmocka_unit_test(properties_have_functions_of_their_own),
		cmocka_unit_test(a_hundred_thousand_keys_are_each_there_once),
		cmocka_unit_test(paths_that_never_end_are_refused),
		cmocka_unit_test(a_long_text_and_its_beginning_have_different_keys),
		cmocka_unit_test(a_nul_is_a_character),
		cmocka_unit_test(broken_bodies_are_corrupt),
		cmocka_unit_test(a_caller_can_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
