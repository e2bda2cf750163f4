/* Decimal text: the borders of the three kinds, and what is no integer. */
#include "document_check.h"
#include "document/integer.h"

static void borders_are_exact(void **state)
{
	static const struct {
		const char *text;
		enum sfsi_integer_kind kind;
		int64_t value;
		uint64_t natural;
	} table[] = {
		{ "0", SFSI_INTEGER_SIGNED, 0, 0 },
		{ "-1", SFSI_INTEGER_SIGNED, -1, 0 },
		{ "9223372036854775807", SFSI_INTEGER_SIGNED, INT64_MAX, 0 },
		{ "-9223372036854775807", SFSI_INTEGER_SIGNED, -INT64_MAX, 0 },
		{ "-9223372036854775808", SFSI_INTEGER_SIGNED, INT64_MIN, 0 },
		{ "9223372036854775808", SFSI_INTEGER_NATURAL, 0, (uint64_t)INT64_MAX + 1 },
		{ "18446744073709551615", SFSI_INTEGER_NATURAL, 0, UINT64_MAX },
		{ "18446744073709551616", SFSI_INTEGER_BIG, 0, 0 },
		{ "99999999999999999999", SFSI_INTEGER_BIG, 0, 0 },
		{ "100000000000000000000", SFSI_INTEGER_BIG, 0, 0 },
		{ "-9223372036854775809", SFSI_INTEGER_BIG, 0, 0 },
		{ "-18446744073709551616", SFSI_INTEGER_BIG, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfsi_integer found = sfsi_integer_read(sfs_span_str(table[i].text));
		assert_int_equal(found.kind, table[i].kind);
		assert_true(found.value == table[i].value);
		assert_true(found.natural == table[i].natural);
	}
}

static void other_text_is_no_integer(void **state)
{
	static const char *const table[] = {
		"",    "-",   "-0",  "00",  "01", "-01", "+1",  " 1", "1 ",
		"1.0", "1e1", "0x1", "--1", "1-", "a",   "1\n", "１", "99999999999999999999999x"
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(sfsi_integer_read(sfs_span_str(table[i])).kind, SFSI_INTEGER_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(borders_are_exact),
		cmocka_unit_test(other_text_is_no_integer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
