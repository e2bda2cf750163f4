/* The layout of JSON texts: every canonical text has it, and what is written otherwise mostly not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "document/document.h"
#include "document/json_layout.h"

static bool looks(const char *text)
{
	return sfsi_json_layout_is_canonical(sfs_span_str(text));
}

static void every_canonical_text_has_the_layout(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"a\": 1}",
		"{\"a\": [], \"b\": {}, \"c\": [[], {}]}",
		"{\"a\": [1, -2.5, true, null, \"x\"], \"b\": {\"c\": {\"d\": [[1], [2]]}}}",
		"{\"a\": \"comma, colon: {bracket [quote \\\" backslash \\\\\"}",
		"{\"\\\\\": \"\\\\\\\\\", \"\\\"\": \"\\\\\\\"\", \"e\": \"\"}",
		"{\"a\": {\"$bin\": \"AAEC\"}, \"b\": {\"$ext\": [5, \"AA==\"]}}",
		"{\"a\": {\"$map\": [[1, 2], [[3], {\"k\": 4}]]}, \"b\": {\"$map\": []}}",
		"{\"a\": {\"$float\": \"nan\"}, \"b\": 123456789012345678901234567890}",
	};
	struct sfsi_document_rules rules = { .any_type = true };
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct sfs_buf body = SFS_BUF_INIT, json = SFS_BUF_INIT;
		struct sfs_diag diag = SFS_DIAG_INIT;
		assert_int_equal(sfsi_document_parse(SFS_FORMAT_JSON, sfs_span_str(texts[i]),
						     &rules, &body, &diag),
				 0);
		assert_int_equal(sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(&body), &json),
				 0);
		assert_true(sfsi_json_layout_is_canonical(sfs_buf_span(&json)));
		sfs_buf_fini(&body);
		sfs_buf_fini(&json);
	}
}

static void other_layouts_are_seen(void **state)
{
	(void)state;
	assert_true(looks("{}\n"));
	assert_true(looks("{\n  \"a\": 1\n}\n"));
	assert_false(looks("{}"));
	assert_false(looks("{ }\n"));
	assert_false(looks(" {}\n"));
	assert_false(looks("{\n  \"a\": 1\n}"));
	assert_false(looks("{\n  \"a\": 1\n}\n\n"));
	assert_false(looks("{\"a\": 1\n}\n"));
	assert_false(looks("{\n  \"a\":1\n}\n"));
	assert_false(looks("{\n  \"a\":  1\n}\n"));
	assert_false(looks("{\n  \"a\": 1, \"b\": 2\n}\n"));
	assert_false(looks("{\n  \"a\": [1,\n 2]\n}\n"));
	assert_false(looks("{\n  \"a\": \"\\\\\", \"b\": 2\n}\n"));
	assert_true(looks("{\n  \"a\": \"\\\", \"\n}\n"));
}

static void the_end_of_a_text_is_not_passed(void **state)
{
	(void)state;
	/* Not well-formed: nothing is promised but that it ends. */
	assert_false(looks(""));
	assert_false(looks("{"));
	looks("{\"\"}\n");
	looks("{\n\"a\\\"}\n");
	looks("{\n\"\\\\\\\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_canonical_text_has_the_layout),
		cmocka_unit_test(other_layouts_are_seen),
		cmocka_unit_test(the_end_of_a_text_is_not_passed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
