/* UTF-8: every two-, three- and four-byte sequence against the definition, and what is shown. */
#include "document_check.h"

/* The definition: decode by the bit pattern, and refuse what another form or no character says. */
static size_t reference_next(const uint8_t *p, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t need = p[0] < 0x80       ? 1
		      : p[0] >> 5 == 6  ? 2
		      : p[0] >> 4 == 14 ? 3
		      : p[0] >> 3 == 30 ? 4
					: 0;
	if (need <= 1 || need > len)
		return need > len ? 0 : need;
	uint32_t value = p[0] & (0x7f >> need);
	for (size_t i = 1; i < need; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		value = value << 6 | (p[i] & 0x3f);
	}
	bool bad = value < least[need] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff);
	return bad ? 0 : need;
}

static void every_sequence_is_judged_by_the_definition(void **state)
{
	(void)state;
	for (uint32_t head = 0; head < 0x10000; head++) {
		static const uint8_t tails[] = { 0x00, 0x41, 0x7f, 0x80, 0x9f,
						 0xa0, 0xbf, 0xc0, 0xff };
		for (size_t i = 0; i < ARRAY_SIZE(tails) * ARRAY_SIZE(tails); i++) {
			const uint8_t bytes[4] = { (uint8_t)(head >> 8), (uint8_t)head,
						   tails[i / ARRAY_SIZE(tails)],
						   tails[i % ARRAY_SIZE(tails)] };
			for (size_t len = 1; len <= 4; len++)
				if (sfsi_utf8_next(bytes, len) != reference_next(bytes, len))
					fail_msg("%08x of length %zu", head, len);
		}
	}
	assert_int_equal(sfsi_utf8_next("", 0), 0);
}

static void the_valid_beginning_ends_at_the_first_fault(void **state)
{
	static const struct {
		struct sfs_span text;
		size_t valid;
	} table[] = {
		{ { NULL, 0 }, 0 },
		{ { "abc", 3 }, 3 },
		{ { "a\0b", 3 }, 3 },
		{ { "\xff", 1 }, 0 },
		{ { "12345678\xff", 9 }, 8 },
		{ { "1234567\xff", 8 }, 7 },
		{ { "123456789\xc3\xa9\xc3", 12 }, 11 },
		{ { "\xf0\x9f\x98\x80\xf0\x9f\x98", 7 }, 4 },
		{ { "\xed\xa0\x80", 3 }, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_int_equal(sfsi_utf8_prefix(table[i].text), table[i].valid);
		assert_int_equal(sfsi_utf8_valid(table[i].text),
				 table[i].valid == table[i].text.len);
	}
}

static void shown_text_is_one_clean_short_line(void **state)
{
	static const struct {
		struct sfs_span text;
		const char *shown;
	} table[] = {
		{ { NULL, 0 }, "" },
		{ { "plain é €", 12 }, "plain é €" },
		{ { "a\nb\0\x7f", 5 }, "a\\x0ab\\x00\\x7f" },
		{ { "\xff\xc2\x85", 3 }, "\\xff\\xc2\\x85" },
		{ { "123456789012345678901234567890123456789012345678901234567890", 60 },
		  "123456789012345678901234567890123456789012345678901234567890" },
		{ { "1234567890123456789012345678901234567890123456789012345678901", 61 },
		  "123456789012345678901234567890123456789012345678901234567890…" },
		{ { "12345678901234567890123456789012345678901234567890123456789é", 61 },
		  "12345678901234567890123456789012345678901234567890123456789…" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char shown[SFSI_SHOW_SIZE];
		assert_string_equal(sfsi_utf8_show(shown, table[i].text), table[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sequence_is_judged_by_the_definition),
		cmocka_unit_test(the_valid_beginning_ends_at_the_first_fault),
		cmocka_unit_test(shown_text_is_one_clean_short_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
