/*
 * The splitter: records and positions of every form of text, whatever the pieces it comes in.
 * The source is included: the command is a program, not a library that a test could link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../cli/splitter.c" /* NOLINT(bugprone-suspicious-include) */

/* What came out, as text: "number line:column offset <record>" a line each, then "error …". */
static void note(struct sfs_buf *out, const struct cli_record *record)
{
	assert_int_equal(sfs_buf_printf(out, "%d %d:%d @%d <%.*s>%s\n", (int)record->number,
					(int)record->line, (int)record->column, (int)record->offset,
					(int)record->text.len, (const char *)record->text.data,
					record->too_long ? " too long" : ""),
			 0);
}

static int feed(struct cli_splitter *splitter, struct sfs_span piece, struct sfs_buf *out,
		struct sfs_diag *diag)
{
	int got = 0;
	while (piece.len > 0) {
		struct cli_record record = { 0 };
		size_t used = 0;
		got = cli_splitter_feed(splitter, piece, &used, &record, diag);
		assert_true(used <= piece.len);
		if (got < 0)
			return got;
		if (got > 0)
			note(out, &record);
		else
			assert_int_equal(used, piece.len);
		piece.data = (const char *)piece.data + used;
		piece.len -= used;
	}
	return 0;
}

/* Split a text that comes in pieces of a size; *out is NUL-terminated. */
static void split(struct sfs_span text, size_t size, enum cli_split mode, const char *member,
		  size_t max, struct sfs_buf *out)
{
	struct cli_splitter splitter;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int got = 0;
	cli_splitter_init(&splitter, mode, member, max);
	for (size_t at = 0; got == 0 && at < text.len; at += size) {
		size_t left = text.len - at;
		/* A copy of its own: reading past a piece is an error that sanitizers see. */
		size_t len = left < size ? left : size;
		char *piece = malloc(len);
		assert_non_null(piece);
		memcpy(piece, (const char *)text.data + at, len);
		got = feed(&splitter, (struct sfs_span){ piece, len }, out, &diag);
		free(piece);
	}
	struct cli_record record = { 0 };
	while (got == 0 && (got = cli_splitter_end(&splitter, &record, &diag)) > 0) {
		note(out, &record);
		got = 0;
	}
	if (got < 0)
		assert_int_equal(sfs_buf_printf(out, "error %d:%d @%d %s\n", (int)diag.line,
						(int)diag.column, (int)diag.offset, diag.text),
				 0);
	assert_int_equal(sfs_buf_append(out, "", 1), 0);
	cli_splitter_fini(&splitter);
}

/* The same result, however the text is cut: at every place into two, and into pieces of each size. */
static void check(const char *text, enum cli_split mode, const char *member, const char *expected)
{
	struct sfs_span span = sfs_span_str(text);
	for (size_t size = 1; size <= span.len + 1; size++) {
		struct sfs_buf out = SFS_BUF_INIT;
		split(span, size, mode, member, 1000, &out);
		assert_string_equal(out.data, expected);
		sfs_buf_fini(&out);
	}
}

static void array_elements_come_one_by_one(void **state)
{
	(void)state;
	check("[]", CLI_SPLIT_AUTO, NULL, "");
	check(" [ ] \n", CLI_SPLIT_ARRAY, NULL, "");
	check("[{\"id\":1}]", CLI_SPLIT_AUTO, NULL, "1 1:2 @1 <{\"id\":1}>\n");
	check("[{\"a\":[1,{}]} ,\n  {\"b\":\"]},{\\\"\"}\n]\n", CLI_SPLIT_AUTO, NULL,
	      "1 1:2 @1 <{\"a\":[1,{}]}>\n2 2:3 @18 <{\"b\":\"]},{\\\"\"}>\n");
}

static void elements_that_are_no_objects_are_records_too(void **state)
{
	(void)state;
	check("[1, true ,\"x\\\\\",[2],nul]", CLI_SPLIT_AUTO, NULL,
	      "1 1:2 @1 <1>\n2 1:5 @4 <true>\n3 1:11 @10 <\"x\\\\\">\n4 1:17 @16 <[2]>\n"
	      "5 1:21 @20 <nul>\n");
}

static void a_bad_element_leaves_the_next_one_intact(void **state)
{
	(void)state;
	check("[{\"a\":}, {]}, {\"b\":1}]", CLI_SPLIT_AUTO, NULL,
	      "1 1:2 @1 <{\"a\":}>\n2 1:10 @9 <{]>\n"
	      "error 1:12 @11 found '}', expected ',' or ']' after the record\n");
	check("[{\"a\" 1}, {], {\"b\":1}]", CLI_SPLIT_AUTO, NULL,
	      "1 1:2 @1 <{\"a\" 1}>\n2 1:11 @10 <{]>\n3 1:15 @14 <{\"b\":1}>\n");
}

static void broken_arrays_end_with_a_position(void **state)
{
	(void)state;
	check("[{} {}]", CLI_SPLIT_AUTO, NULL,
	      "1 1:2 @1 <{}>\nerror 1:5 @4 found '{', expected ',' or ']' after the record\n");
	check("[{},\n]", CLI_SPLIT_AUTO, NULL,
	      "1 1:2 @1 <{}>\nerror 2:1 @5 found ']', expected a record\n");
	check("[,]", CLI_SPLIT_AUTO, NULL, "error 1:2 @1 found ',', expected a record\n");
	check("[{}] x", CLI_SPLIT_AUTO, NULL,
	      "1 1:2 @1 <{}>\nerror 1:6 @5 found 'x', expected nothing after the end\n");
	check("{}", CLI_SPLIT_ARRAY, NULL,
	      "error 1:1 @0 found '{', expected '[': an array of objects\n");
	check("\x01", CLI_SPLIT_ARRAY, NULL,
	      "error 1:1 @0 found byte 0x01, expected '[': an array of objects\n");
}

static void text_that_ends_too_early_says_where(void **state)
{
	(void)state;
	check("", CLI_SPLIT_ARRAY, NULL, "error 1:1 @0 the text is empty, expected an array\n");
	check("[", CLI_SPLIT_AUTO, NULL,
	      "error 1:2 @1 the text ends inside the array, expected ']'\n");
	check("[{}", CLI_SPLIT_AUTO, NULL,
	      "1 1:2 @1 <{}>\nerror 1:4 @3 the text ends inside the array, expected ']'\n");
	check("[{},\n {\"a\":\"]}", CLI_SPLIT_AUTO, NULL,
	      "1 1:2 @1 <{}>\nerror 2:10 @14 the text ends inside record 2, which begins at line 2, "
	      "column 2\n");
	check("[12", CLI_SPLIT_AUTO, NULL,
	      "error 1:4 @3 the text ends inside record 1, which begins at line 1, column 2\n");
}

static void lines_are_records(void **state)
{
	(void)state;
	check("", CLI_SPLIT_AUTO, NULL, "");
	check("\n \n", CLI_SPLIT_LINES, NULL, "");
	check("{\"id\":1}\n\n  {\"id\":2} \r\n{\"id\":3}", CLI_SPLIT_AUTO, NULL,
	      "1 1:1 @0 <{\"id\":1}>\n2 3:3 @12 <{\"id\":2}>\n3 4:1 @23 <{\"id\":3}>\n");
	check("[1]\nx", CLI_SPLIT_LINES, NULL, "1 1:1 @0 <[1]>\n2 2:1 @4 <x>\n");
}

static void a_bad_first_line_is_not_the_end(void **state)
{
	(void)state;
	check("{\"id\":\n{\"id\":2}\n", CLI_SPLIT_AUTO, NULL,
	      "1 1:1 @0 <{\"id\":>\n2 2:1 @7 <{\"id\":2}>\n");
	check("{\"id\":\n", CLI_SPLIT_AUTO, NULL, "1 1:1 @0 <{\"id\":>\n");
	check("{\n \"id\": 1\n}\n", CLI_SPLIT_LINES, NULL,
	      "1 1:1 @0 <{>\n2 2:2 @3 <\"id\": 1>\n3 3:1 @11 <}>\n");
}

static void an_object_over_several_lines_is_no_list(void **state)
{
	(void)state;
	check(" {\n \"id\": 1\n}\n", CLI_SPLIT_AUTO, NULL,
	      "error 1:2 @1 one object over several lines, expected an array or one object a line "
	      "(--at MEMBER imports the array in one of its members)\n");
}

static void the_array_may_be_a_member(void **state)
{
	(void)state;
	check("{\"3166-1\": [ {\"a\":1},\n{} ], \"x\": 1}", CLI_SPLIT_AUTO, "3166-1",
	      "1 1:14 @13 <{\"a\":1}>\n2 2:1 @22 <{}>\n");
	check("{\"x\":{\"list\":[1]},\"y\":\"[\",\"list\":[2],\"list\":[3]}", CLI_SPLIT_AUTO,
	      "list", "1 1:35 @34 <2>\n");
	check("{}", CLI_SPLIT_AUTO, "list", "error 1:3 @2 the object has no such member\n");
	check("{\"list\":{}}", CLI_SPLIT_AUTO, "list",
	      "error 1:9 @8 found '{', expected '[': the member asked for must be an array\n");
	check("[]", CLI_SPLIT_AUTO, "list",
	      "error 1:1 @0 found '[', expected '{': an object with the member asked for\n");
}

static void broken_objects_around_the_array_are_found(void **state)
{
	(void)state;
	check("{\"list\" [1]}", CLI_SPLIT_AUTO, "list",
	      "error 1:9 @8 found '[', expected ':' after the key\n");
	check("{list:[1]}", CLI_SPLIT_AUTO, "list",
	      "error 1:2 @1 found 'l', expected a key in quotes\n");
	check("{\"list\":[1]", CLI_SPLIT_AUTO, "list",
	      "1 1:10 @9 <1>\nerror 1:12 @11 the text ends inside the object, expected '}'\n");
	check("{\"list\":[1],}", CLI_SPLIT_AUTO, "list",
	      "1 1:10 @9 <1>\nerror 1:13 @12 found '}', expected a key in quotes\n");
	check("{\"x\":,}", CLI_SPLIT_AUTO, "list", "error 1:6 @5 found ',', expected a value\n");
	check("{\"x\":[", CLI_SPLIT_AUTO, "list", "error 1:7 @6 the text ends inside a value\n");
}

static void a_byte_order_mark_is_stepped_over(void **state)
{
	(void)state;
	check("\xef\xbb\xbf[{}]", CLI_SPLIT_AUTO, NULL, "1 1:5 @4 <{}>\n");
	check("\xef\xbb\xbf{\"id\":1}\n", CLI_SPLIT_AUTO, NULL, "1 1:4 @3 <{\"id\":1}>\n");
	check("\xef\xbb[]", CLI_SPLIT_AUTO, NULL, "error 1:3 @2 found '[', expected UTF-8 text\n");
}

static void a_record_over_the_limit_is_skipped_alone(void **state)
{
	(void)state;
	static const char array[] = "[{\"a\":\"0123456789\"},{\"b\":1}]";
	static const char lines[] = "{\"a\":\"0123456789\"}\n{\"b\":1}\n";
	for (size_t size = 1; size < sizeof array; size++) {
		struct sfs_buf out = SFS_BUF_INIT;
		split(sfs_span_str(array), size, CLI_SPLIT_AUTO, NULL, 10, &out);
		assert_string_equal(out.data, "1 1:2 @1 <> too long\n2 1:21 @20 <{\"b\":1}>\n");
		out.len = 0;
		split(sfs_span_str(lines), size, CLI_SPLIT_AUTO, NULL, 10, &out);
		assert_string_equal(out.data, "1 1:1 @0 <> too long\n2 2:1 @19 <{\"b\":1}>\n");
		sfs_buf_fini(&out);
	}
}

static void a_record_of_just_the_limit_is_kept(void **state)
{
	(void)state;
	struct sfs_buf out = SFS_BUF_INIT;
	split(sfs_span_str("[{\"b\":1},{\"b\":12}]"), 3, CLI_SPLIT_AUTO, NULL, 7, &out);
	assert_string_equal(out.data, "1 1:2 @1 <{\"b\":1}>\n2 1:10 @9 <> too long\n");
	sfs_buf_fini(&out);
}

static void an_error_stays(void **state)
{
	(void)state;
	struct cli_splitter splitter;
	struct cli_record record = { 0 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	size_t used;
	cli_splitter_init(&splitter, CLI_SPLIT_ARRAY, NULL, 100);
	assert_int_equal(cli_splitter_feed(&splitter, sfs_span_str("x"), &used, &record, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(cli_splitter_feed(&splitter, sfs_span_str("[]"), &used, &record, &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(cli_splitter_end(&splitter, &record, &diag), SFS_ERR_BAD_DOCUMENT);
	cli_splitter_fini(&splitter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(array_elements_come_one_by_one),
		cmocka_unit_test(elements_that_are_no_objects_are_records_too),
		cmocka_unit_test(a_bad_element_leaves_the_next_one_intact),
		cmocka_unit_test(broken_arrays_end_with_a_position),
		cmocka_unit_test(text_that_ends_too_early_says_where),
		cmocka_unit_test(lines_are_records),
		cmocka_unit_test(a_bad_first_line_is_not_the_end),
		cmocka_unit_test(an_object_over_several_lines_is_no_list),
		cmocka_unit_test(the_array_may_be_a_member),
		cmocka_unit_test(broken_objects_around_the_array_are_found),
		cmocka_unit_test(a_byte_order_mark_is_stepped_over),
		cmocka_unit_test(a_record_over_the_limit_is_skipped_alone),
		cmocka_unit_test(a_record_of_just_the_limit_is_kept),
		cmocka_unit_test(an_error_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
