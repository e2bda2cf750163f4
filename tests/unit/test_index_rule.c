/* Rules of indexes: functions that programs register, fingerprints, what a typed key means. */
#include <storefs/index_function.h>
#include "index_check.h"

/* --- functions of programs --- */

static int emit_all(void *arg, const struct sfs_index_object *object,
		    struct sfs_index_emitter *keys)
{
	struct sfs_buf json = SFS_BUF_INIT;
	unsigned *calls = arg;
	++*calls;
	assert_span_equal(object->oid, sfs_span_str("42"));
	assert_int_equal(sfs_index_object_json(object, &json), 0);
	assert_span_equal(sfs_buf_span(&json), sfs_span_str("{\n  \"a\": 1\n}\n"));
	sfs_buf_fini(&json);
	assert_int_equal(sfs_index_emit_json(keys, sfs_span_str("[1")), SFS_ERR_BAD_DOCUMENT);
	int err = sfs_index_emit_text(keys, sfs_span_str("text"));
	if (!err)
		err = sfs_index_emit_integer(keys, -5);
	if (!err)
		err = sfs_index_emit_real(keys, 1.5);
	if (!err)
		err = sfs_index_emit_boolean(keys, true);
	if (!err)
		err = sfs_index_emit_json(keys, sfs_span_str("\"text\""));
	return err < 0 ? err : sfs_index_emit_null(keys);
}

static int refuse(void *arg, const struct sfs_index_object *object, struct sfs_index_emitter *keys)
{
	(void)object;
	(void)keys;
	return *(const int *)arg;
}

static void a_program_has_functions_of_its_own(void **state)
{
	struct sfsi_schema *schema = schema_of("\"own:test.slug\"");
	const struct sfsi_index_rule *rule = &schema->indexes[0];
	unsigned calls = 0;
	(void)state;
	assert_false(sfsi_index_is_known(rule));
	assert_keys("\"own:test.slug\"", "{\"a\":1}", sfs_err_text(SFS_ERR_UNSUPPORTED));
	assert_int_equal(sfs_index_register("test.slug", 1, emit_all, &calls), 0);
	assert_true(sfsi_index_is_known(rule));
	assert_keys("\"own:test.slug\"", "{\"a\":1}", "<null><true><-5><1.5><text>");
	assert_keys("{\"extract\":\"own\",\"function\":\"test.slug\"}", "{\"a\":1}",
		    "<null><true><-5><1.5><text>");
	assert_int_equal(calls, 2);
	uint64_t print = sfsi_index_fingerprint(rule);
	assert_int_equal(sfs_index_register("test.slug", 2, emit_all, &calls), 0);
	assert_true(sfsi_index_fingerprint(rule) != print);
	sfsi_schema_unref(schema);
}

static void what_a_function_returns_is_passed_on(void **state)
{
	static const int given[] = { SFS_ERR_NO_MEMORY, SFS_ERR_UNSUPPORTED, 1,
				     SFS_ERR_BAD_DOCUMENT };
	static const int expected[] = { SFS_ERR_NO_MEMORY, SFS_ERR_INVALID, SFS_ERR_INVALID,
					SFS_ERR_BAD_DOCUMENT };
	int result;
	(void)state;
	assert_int_equal(sfs_index_register("test.refuse", 1, refuse, &result), 0);
	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		result = given[i];
		assert_keys("\"own:test.refuse\"", "{}", sfs_err_text(expected[i]));
	}
}

static void functions_have_good_names(void **state)
{
	static const char *const bad[] = {
		"",
		"A",
		"1a",
		"a b",
		"a/b",
		"é",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};
	char name[20];
	int err = 0;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(sfs_index_register(bad[i], 1, refuse, NULL), SFS_ERR_NAME);
	assert_int_equal(sfs_index_register("a", 1, NULL, NULL), SFS_ERR_INVALID);
	for (int i = 0; i <= SFS_INDEX_FUNCTIONS_MAX && !err; i++) {
		snprintf(name, sizeof name, "many%d", i);
		err = sfs_index_register(name, 1, refuse, NULL);
	}
	assert_int_equal(err, SFS_ERR_LIMIT);
	assert_int_equal(sfs_index_register("many0", 2, refuse, NULL), 0);
}

/* --- rules --- */

static void rules_that_make_other_keys_have_other_fingerprints(void **state)
{
	static const char *const rules[] = {
		"\"value\"",
		"\"normalize\"",
		"\"value:a\"",
		"\"value:a,b\"",
		"\"value:ab\"",
		"\"keywords\"",
		"{\"extract\":\"keywords\",\"min\":4}",
		"\"paths\"",
		"\"paths:::\"",
		"\"update_time\"",
		"{\"extract\":\"value\",\"compatible\":true}",
		"{\"extract\":\"properties\",\"properties\":{\"a\":\"value\"}}",
		"{\"extract\":\"properties\",\"properties\":{\"b\":\"value\"}}",
	};
	uint64_t prints[ARRAY_SIZE(rules)];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct sfsi_schema *schema = schema_of(rules[i]);
		prints[i] = sfsi_index_fingerprint(&schema->indexes[0]);
		sfsi_schema_unref(schema);
		for (size_t k = 0; k < i; k++)
			assert_true(prints[i] != prints[k]);
	}
	/* Another way to say the same. */
	struct sfsi_schema *schema = schema_of("{\"from\":[\"i\"],\"extract\":\"value\"}");
	struct sfsi_schema *same = schema_of("\"value:i\"");
	assert_true(sfsi_index_fingerprint(&schema->indexes[0]) ==
		    sfsi_index_fingerprint(&same->indexes[0]));
	sfsi_schema_unref(schema);
	sfsi_schema_unref(same);
}

static void assert_typed(const char *rule, const char *text, enum sfsi_index_key_kind kind)
{
	struct sfsi_schema *schema = schema_of(rule);
	struct sfs_buf key = SFS_BUF_INIT;
	assert_int_equal(sfsi_index_parse(&schema->indexes[0], sfs_span_str(text), &key), 0);
	assert_int_equal(sfsi_index_key_kind(sfs_buf_span(&key)), kind);
	sfs_buf_fini(&key);
	sfsi_schema_unref(schema);
}

static void where_all_keys_are_strings_a_number_is_one(void **state)
{
	(void)state;
	assert_typed("\"keywords\"", "2025", SFSI_INDEX_KEY_STRING);
	assert_typed("\"keywords\"", "\"2025\"", SFSI_INDEX_KEY_STRING);
	assert_typed("\"value\"", "2025", SFSI_INDEX_KEY_NUMBER);
	assert_typed("\"value\"", "\"2025\"", SFSI_INDEX_KEY_STRING);
	assert_typed("\"update_time\"", "20250102030405678901", SFSI_INDEX_KEY_NUMBER);
	assert_typed("{\"extract\":\"properties\",\"properties\":{\"a\":\"keyword\"}}", "null",
		     SFSI_INDEX_KEY_STRING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_has_functions_of_its_own),
		cmocka_unit_test(what_a_function_returns_is_passed_on),
		cmocka_unit_test(functions_have_good_names),
		cmocka_unit_test(rules_that_make_other_keys_have_other_fingerprints),
		cmocka_unit_test(where_all_keys_are_strings_a_number_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
