/* Unicode tables: every code point against sums that Python 3.11 made, and folding around them. */
#include "document_check.h"
#include "index/fold.h"
#include "index/unicode.h"

static uint32_t crc32_of(uint32_t crc, struct sfs_span bytes)
{
	const uint8_t *p = bytes.data;
	crc = ~crc;
	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static int put_lower(struct sfs_buf *ret, uint32_t code)
{
	uint8_t bytes[8];
	size_t len = sfsi_unicode_put(bytes, sfsi_unicode_lower_of(code));
	if (code == 0x130)
		len += sfsi_unicode_put(bytes + len, 0x307);
	return sfs_buf_append(ret, bytes, len);
}

/* "e9 é e 1001": lower case, ASCII, whether it is cased, ignorable, not printable, a space. */
static void put_line(struct sfs_buf *ret, uint32_t code)
{
	uint8_t ascii = (uint8_t)code;
	struct sfs_span plain = sfsi_unicode_plain_of(code);
	if (code < 0x80)
		plain = (struct sfs_span){ &ascii, 1 };
	assert_int_equal(sfs_buf_printf(ret, "%x ", code), 0);
	assert_int_equal(put_lower(ret, code), 0);
	assert_int_equal(sfs_buf_append(ret, " ", 1), 0);
	assert_int_equal(sfs_buf_append(ret, plain.data, plain.len), 0);
	assert_int_equal(sfs_buf_printf(ret, " %d%d%d%d\n", sfsi_unicode_is_cased(code),
					sfsi_unicode_is_ignorable(code),
					!sfsi_unicode_is_printable(code),
					sfsi_unicode_is_space(code)),
			 0);
}

static void every_code_point_is_as_in_python(void **state)
{
	FILE *file = fopen(TEST_DATA "/index/unicode.txt", "r");
	char line[200];
	unsigned first, sum, blocks = 0;
	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof line, file)) {
		struct sfs_buf text = SFS_BUF_INIT;
		if (line[0] == '#')
			continue;
		assert_int_equal(sscanf(line, "%x %x", &first, &sum), 2);
		assert_int_equal(first, blocks * 0x1000);
		for (uint32_t code = first; code < first + 0x1000; code++)
			if (code < 0xd800 || code > 0xdfff)
				put_line(&text, code);
		if (crc32_of(0, sfs_buf_span(&text)) != sum)
			fail_msg("code points from U+%04X on differ", first);
		sfs_buf_fini(&text);
		blocks++;
	}
	fclose(file);
	assert_int_equal(blocks, 0x110);
}

static void characters_survive_the_way_to_bytes_and_back(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 0x110000; code++) {
		uint8_t bytes[4];
		uint32_t found;
		if (code >= 0xd800 && code <= 0xdfff)
			continue;
		size_t len = sfsi_unicode_put(bytes, code);
		assert_int_equal(sfsi_unicode_next(bytes, bytes + len, &found), len);
		assert_int_equal(found, code);
		assert_int_equal(sfsi_unicode_before(bytes, bytes + len, &found), len);
		assert_int_equal(found, code);
	}
}

/* What a function makes of "b", a character and "C": the characters around it stay apart from it. */
static void folding_takes_each_character_by_itself(void **state)
{
	struct sfs_buf found = SFS_BUF_INIT, expected = SFS_BUF_INIT;
	(void)state;
	for (uint32_t code = 0x80; code < 0x110000; code++) {
		uint8_t text[6] = "b";
		if (code >= 0xd800 && code <= 0xdfff)
			continue;
		size_t len = 1 + sfsi_unicode_put(text + 1, code);
		text[len++] = 'C';
		struct sfs_span span = { text, len }, plain = sfsi_unicode_plain_of(code);
		found.len = expected.len = 0;
		assert_int_equal(sfsi_fold_normalize(span, &found), 0);
		assert_int_equal(sfs_buf_append(&expected, "b", 1), 0);
		if (sfsi_unicode_is_space(code))
			assert_int_equal(sfs_buf_append(&expected, " ", 1), 0);
		else
			assert_int_equal(put_lower(&expected, code), 0);
		assert_int_equal(sfs_buf_append(&expected, "c", 1), 0);
		assert_span_equal(sfs_buf_span(&found), sfs_buf_span(&expected));
		found.len = expected.len = 0;
		assert_int_equal(sfsi_fold_noaccents(span, &found), 0);
		assert_int_equal(sfs_buf_printf(&expected, "b%.*sC", (int)plain.len,
						plain.len ? (const char *)plain.data : ""),
				 0);
		assert_span_equal(sfs_buf_span(&found), sfs_buf_span(&expected));
	}
	sfs_buf_fini(&found);
	sfs_buf_fini(&expected);
}

static void bytes_that_are_no_text_do_no_harm(void **state)
{
	static const struct {
		struct sfs_span text;
		const char *normalize, *noaccents, *keyword;
	} table[] = {
		{ { "A\xff"
		    "B",
		    3 },
		  "a\xff"
		  "b",
		  "AB",
		  "ab" },
		{ { "\xc3", 1 }, "\xc3", "", "" },
		{ { "\xce\xa3\xff", 3 }, "\xcf\x83\xff", "", "" },
		{ { "\xed\xa0\x80", 3 }, "\xed\xa0\x80", "", "" },
		{ { NULL, 0 }, "", "", "" },
		{ { "   ", 3 }, "", "   ", "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf found = SFS_BUF_INIT;
		assert_int_equal(sfsi_fold_normalize(table[i].text, &found), 0);
		assert_span_equal(sfs_buf_span(&found), sfs_span_str(table[i].normalize));
		found.len = 0;
		assert_int_equal(sfsi_fold_noaccents(table[i].text, &found), 0);
		assert_span_equal(sfs_buf_span(&found), sfs_span_str(table[i].noaccents));
		found.len = 0;
		assert_int_equal(sfsi_fold_keyword(table[i].text, &found), 0);
		assert_span_equal(sfs_buf_span(&found), sfs_span_str(table[i].keyword));
		sfs_buf_fini(&found);
	}
}

static void a_megabyte_of_sigmas_takes_a_moment(void **state)
{
	struct sfs_buf text = SFS_BUF_INIT, found = SFS_BUF_INIT;
	(void)state;
	/* A sigma among ignorable marks, which are walked over to find its neighbours. */
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(sfs_buf_append(&text, "\xce\xa3", 2), 0);
		for (int k = 0; k < 500; k++)
			assert_int_equal(sfs_buf_append(&text, "\xcc\x81", 2), 0);
	}
	assert_int_equal(sfsi_fold_normalize(sfs_buf_span(&text), &found), 0);
	assert_int_equal(found.len, text.len);
	assert_memory_equal((char *)found.data + text.len - 1002, "\xcf\x82", 2);
	assert_memory_equal(found.data, "\xcf\x83", 2);
	sfs_buf_fini(&text);
	sfs_buf_fini(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_is_as_in_python),
		cmocka_unit_test(characters_survive_the_way_to_bytes_and_back),
		cmocka_unit_test(folding_takes_each_character_by_itself),
		cmocka_unit_test(bytes_that_are_no_text_do_no_harm),
		cmocka_unit_test(a_megabyte_of_sigmas_takes_a_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
