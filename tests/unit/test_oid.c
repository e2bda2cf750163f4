/* New oids: exact digits, the node, and that no two are alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "oid.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void the_text_of_figures_is_exact(void **state)
{
	static const struct {
		enum sfs_oid_kind kind;
		struct sfsi_oid_parts parts;
		const char *text;
	} table[] = {
		{ SFS_OID_OID,
		  { 1763769721123456789, 0, 7, 0xabcdef },
		  "00026I5D1tFhS9-0007-lF4p" },
		{ SFS_OID_OID,
		  { 1763769721123456790, 0, 7, 0xabcdef },
		  "00026I5D1tFhSA-0007-lF4p" },
		{ SFS_OID_OID, { 0, 0, 0, 0 }, "00000000000000-0000-0000" },
		{ SFS_OID_OID,
		  { UINT64_MAX, 0, SFSI_OID_NODE_MAX, SFSI_OID_NODE_MAX },
		  "000LygHa16AHYF-zzzz-zzzz" },
		{ SFS_OID_STAMP, { 0, 1735787045678901, 0, 0 }, "7891022456780000000" },
		{ SFS_OID_STAMP, { 0, 1735787045678901, 42, 7 }, "7891022456780042007" },
		{ SFS_OID_STAMP, { 0, 946684800000000, 1, 999 }, "1999" },
		{ SFS_OID_STAMP, { 0, 1903899600000000, 12345, 1 }, "9572148000002345001" },
		{ SFS_OID_STAMP, { 0, 253402300799999999, 9999, 999 }, "2524556159999999999999" },
		{ SFS_OID_TIMESTAMP,
		  { 0, 1735787045678901, 42, 7 },
		  "202501020304056789010042007" },
		{ SFS_OID_TIMESTAMP,
		  { 0, 946684800000000, 1, 999 },
		  "200001010000000000000001999" },
		{ SFS_OID_TIMESTAMP,
		  { 0, 253402300799999999, 9999, 999 },
		  "999912312359599999999999999" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char text[SFS_OID_MADE_SIZE];
		sfsi_oid_text(table[i].kind, &table[i].parts, text);
		assert_string_equal(text, table[i].text);
	}
}

static void the_node_is_of_the_environment_or_the_host(void **state)
{
	static const struct {
		const char *env, *host;
		uint32_t node;
	} table[] = {
		{ NULL, "web-7\n", 7 },       { NULL, "web-07.example.com\n", 7 },
		{ NULL, "web\n", 0 },         { NULL, "web-a\n", 0 },
		{ NULL, "web.a-7\n", 0 },     { NULL, "", 0 },
		{ NULL, "web-\n", 0 },        { NULL, "a-1-22\n", 22 },
		{ "5", "web-7\n", 5 },        { "", "web-7\n", 0 },
		{ "x", "web-7\n", 0 },        { "-1", "web-7\n", 0 },
		{ "14776335", "", 14776335 }, { "14776336", "", 0 },
		{ "99999999999999", "", 0 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		assert_int_equal(sfsi_oid_node(table[i].env, table[i].host), table[i].node);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void no_two_are_alike(void **state)
{
	enum { MADE = 5000 };
	char(*oids)[SFS_OID_MADE_SIZE] = calloc(MADE, sizeof *oids);
	assert_non_null(oids);
	(void)state;
	for (int kind = SFS_OID_OID; kind <= SFS_OID_UUID; kind++) {
		for (int i = 0; i < MADE; i++)
			assert_int_equal(sfs_oid_make_kind((enum sfs_oid_kind)kind, oids[i]), 0);
		/* Oids sort in the order in which they were made. */
		for (int i = 1; i < MADE && kind == SFS_OID_OID; i++)
			assert_true(strcmp(oids[i - 1], oids[i]) < 0);
		qsort(oids, MADE, sizeof *oids, compare);
		for (int i = 1; i < MADE; i++)
			assert_string_not_equal(oids[i - 1], oids[i]);
	}
	assert_int_equal(sfs_oid_make_kind((enum sfs_oid_kind)9, oids[0]), SFS_ERR_INVALID);
	free(oids);
}

static void each_kind_has_its_shape(void **state)
{
	char oid[SFS_OID_MADE_SIZE];
	(void)state;
	assert_int_equal(sfs_oid_make_kind(SFS_OID_OID, oid), 0);
	assert_int_equal(strlen(oid), 24);
	assert_memory_equal(oid, "000", 3);
	assert_int_equal(oid[14], '-');
	assert_int_equal(oid[19], '-');
	assert_int_equal(sfs_oid_make_kind(SFS_OID_STAMP, oid), 0);
	assert_int_equal(strspn(oid, "0123456789"), strlen(oid));
	assert_true(strlen(oid) >= 19);
	assert_int_equal(sfs_oid_make_kind(SFS_OID_TIMESTAMP, oid), 0);
	assert_int_equal(strlen(oid), 27);
	assert_memory_equal(oid, "20", 2);
	assert_int_equal(sfs_oid_make_kind(SFS_OID_UUID, oid), 0);
	assert_int_equal(strlen(oid), 36);
	assert_int_equal(oid[14], '4');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_of_figures_is_exact),
		cmocka_unit_test(the_node_is_of_the_environment_or_the_host),
		cmocka_unit_test(no_two_are_alike),
		cmocka_unit_test(each_kind_has_its_shape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
