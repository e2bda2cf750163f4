/* Base64: the vectors of RFC 4648, every length in both directions, and everything not canonical. */
#include "document_check.h"
#include "document/base64.h"

static void the_vectors_of_the_rfc_hold(void **state)
{
	static const struct {
		const char *bytes, *text;
	} table[] = { { "", "" },
		      { "f", "Zg==" },
		      { "fo", "Zm8=" },
		      { "foo", "Zm9v" },
		      { "foob", "Zm9vYg==" },
		      { "fooba", "Zm9vYmE=" },
		      { "foobar", "Zm9vYmFy" } };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sfs_buf text = SFS_BUF_INIT, bytes = SFS_BUF_INIT;
		assert_int_equal(sfsi_base64_encode(&text, sfs_span_str(table[i].bytes)), 0);
		assert_span_equal(sfs_buf_span(&text), sfs_span_str(table[i].text));
		assert_int_equal(sfsi_base64_decode(&bytes, sfs_span_str(table[i].text)), 0);
		assert_span_equal(sfs_buf_span(&bytes), sfs_span_str(table[i].bytes));
		sfs_buf_fini(&text);
		sfs_buf_fini(&bytes);
	}
}

static void bytes_of_every_length_survive(void **state)
{
	uint8_t bytes[300];
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len <= sizeof bytes; len++) {
		struct sfs_buf text = SFS_BUF_INIT, again = SFS_BUF_INIT;
		struct sfs_span span = { bytes, len };
		assert_int_equal(sfsi_base64_encode(&text, span), 0);
		assert_int_equal(sfsi_base64_decode(&again, sfs_buf_span(&text)), 0);
		assert_span_equal(sfs_buf_span(&again), span);
		sfs_buf_fini(&text);
		sfs_buf_fini(&again);
	}
}

static void only_the_canonical_text_is_read(void **state)
{
	static const char *const bad[] = {
		"A",      "AA",   "AAA",  "AA=",        "A===",     "====",  "=AAA",
		"A=AA",   "AA=A", "AB==", "AAB=",       "AA==AAAA", "AAAAA", "AAAA====",
		"AAAA\n", " AAA", "-_-_", "AA\xc3\xa9", "AAAA=",    "AAA==", "AAAAAA==A"
	};
	struct sfs_buf bytes = SFS_BUF_INIT;
	(void)state;
	assert_int_equal(sfs_buf_append(&bytes, "kept", 4), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(sfsi_base64_decode(&bytes, sfs_span_str(bad[i])), SFS_ERR_INVALID);
	assert_span_equal(sfs_buf_span(&bytes), sfs_span_str("kept"));
	sfs_buf_fini(&bytes);
}

/* Of all four-character texts, exactly those that encode() makes are read. */
static void every_last_group_has_one_spelling(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	unsigned good = 0;
	(void)state;
	for (size_t i = 0; i < (size_t)65 * 65 * 65; i++) {
		const char text[4] = { 'x', alphabet[i % 65], alphabet[i / 65 % 65],
				       alphabet[i / 65 / 65] };
		struct sfs_buf bytes = SFS_BUF_INIT, again = SFS_BUF_INIT;
		struct sfs_span span = { text, sizeof text };
		if (sfsi_base64_decode(&bytes, span) == 0) {
			good++;
			assert_int_equal(sfsi_base64_encode(&again, sfs_buf_span(&bytes)), 0);
			assert_span_equal(sfs_buf_span(&again), span);
		}
		sfs_buf_fini(&bytes);
		sfs_buf_fini(&again);
	}
	/* x fixes 6 bits of the 24, 16 or 8 of three, two or one bytes. */
	assert_int_equal(good, (1 << 18) + (1 << 10) + (1 << 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_hold),
		cmocka_unit_test(bytes_of_every_length_survive),
		cmocka_unit_test(only_the_canonical_text_is_read),
		cmocka_unit_test(every_last_group_has_one_spelling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
