/* Times as people type them: each spelling, its moment, and what is no time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <storefs/time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND ((int64_t)1000000000)
/** 2026-11-22T16:30:15.25Z, a Sunday */
#define DAY ((int64_t)1795305600)
#define NOW ((DAY + 59415) * SECOND + 250000000)

static void every_spelling_is_its_moment(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} table[] = {
		{ "2026-11-22", DAY * SECOND },
		{ "20261122", DAY * SECOND },
		{ "2026-11-22T01", (DAY + 3600) * SECOND },
		{ "2026-11-22T01:02", (DAY + 3720) * SECOND },
		{ "2026-11-22 01:02", (DAY + 3720) * SECOND },
		{ "2026-11-22T01:02:03", (DAY + 3723) * SECOND },
		{ "2026-11-22t01:02:03z", (DAY + 3723) * SECOND },
		{ "2026-11-22 01:02:03Z", (DAY + 3723) * SECOND },
		{ "2026-11-22 01:02:03 UTC", (DAY + 3723) * SECOND },
		{ "2026-11-22T01:02:03.5Z", (DAY + 3723) * SECOND + 500000000 },
		{ "2026-11-22T01:02:03.1234567899", (DAY + 3723) * SECOND + 123456789 },
		{ "2026-11-22T01:02:03+01:00", (DAY + 123) * SECOND },
		{ "2026-11-22 01:02:03 +0100", (DAY + 123) * SECOND },
		{ "2026-11-22T01:02+01", (DAY + 120) * SECOND },
		{ "2026-11-22T01:02:03-05:30", (DAY + 3723 + 19800) * SECOND },
		{ "2026-11-22T010203Z", (DAY + 3723) * SECOND },
		{ "20261122T010203Z", (DAY + 3723) * SECOND },
		{ "20261122T0102", (DAY + 3720) * SECOND },
		{ "20261122010203", (DAY + 3723) * SECOND },
		{ "20261122010203456789", (DAY + 3723) * SECOND + 456789999 },
		{ "2026-11-21T23:59:60Z", DAY * SECOND },
		{ "2024-02-29", 1709164800 * SECOND },
		{ "2000-02-29", 951782400 * SECOND },
		{ "1970-01-01", 0 },
		{ "1969-12-31T23:59:59Z", -SECOND },
		{ "1700-03-01", -8515238400 * SECOND },
		{ "now", NOW },
		{ "Now", NOW },
		{ "today", DAY * SECOND },
		{ "yesterday", (DAY - 86400) * SECOND },
		{ "YESTERDAY", (DAY - 86400) * SECOND },
		{ "tomorrow", (DAY + 86400) * SECOND },
		{ "yesterday 14:00", (DAY - 36000) * SECOND },
		{ "todayT09:30Z", (DAY + 34200) * SECOND },
		{ "-30s", NOW - 30 * SECOND },
		{ "-90m", NOW - 5400 * SECOND },
		{ "-2h", NOW - 7200 * SECOND },
		{ "-3d", NOW - 259200 * SECOND },
		{ "-1w", NOW - 604800 * SECOND },
		{ "-1d12h", NOW - 129600 * SECOND },
		{ "-0s", NOW },
		{ "@0", 0 },
		{ "@1795309323", 1795309323 * SECOND },
		{ "@1795309323.5", 1795309323 * SECOND + 500000000 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		int64_t ns = -1;
		struct sfs_diag diag = SFS_DIAG_INIT;
		int err = sfs_time_parse(sfs_span_str(table[i].text), NOW, &ns, &diag);
		if (err || ns != table[i].ns)
			print_error("%s: %d, %lld, expected %lld\n", table[i].text, err,
				    (long long)ns, (long long)table[i].ns);
		assert_int_equal(err, 0);
		assert_true(ns == table[i].ns);
		assert_int_equal(diag.err, 0);
	}
}

static void what_is_no_time_is_refused_with_what_was_expected(void **state)
{
	static const char *const table[] = {
		"",
		" ",
		"2026",
		"2026-11",
		"2026-1-2",
		"2026-13-01",
		"2026-00-01",
		"2026-02-29",
		"1900-02-29",
		"2026-11-31",
		"2026-11-22T",
		"2026-11-22T24:00",
		"2026-11-22T01:60",
		"2026-11-22T01:02:61",
		"2026-11-22T01:0203",
		"2026-11-22T0102:03",
		"2026-11-22T01:02:03.",
		"2026-11-22T01:02:03X",
		"2026-11-22T01:02:03+1",
		"2026-11-22T01:02:03+24:00",
		"2026-11-22T01:02:03Z ",
		"2026-11-22  01:02",
		"2026-11-22Z",
		"202611-22",
		"2026-1122",
		"0000-01-01",
		"1677-01-01",
		"2262-05-01",
		"9999-12-31",
		"201311020304056789012",
		"2026112201020345678",
		"noon",
		"nowhere",
		"yesterdays",
		"yesterday 25:00",
		"-",
		"-2",
		"-h",
		"-2y",
		"-2H",
		"--2h",
		"2h",
		"+2h",
		"-2h ",
		"-2h3",
		"-99999999999999999999s",
		"-9223372036854775807w",
		"-9223372036s-9223372036s",
		"@",
		"@-1",
		"@1.",
		"@99999999999",
		"@99999999999999999999",
		"\xff\xfe",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		int64_t ns = 42;
		struct sfs_diag diag = SFS_DIAG_INIT;
		int err = sfs_time_parse(sfs_span_str(table[i]), NOW, &ns, &diag);
		if (err != SFS_ERR_INVALID)
			print_error("'%s' was taken\n", table[i]);
		assert_int_equal(err, SFS_ERR_INVALID);
		assert_int_equal(ns, 42);
		assert_non_null(strstr(diag.text, "expected 2026-11-22"));
		assert_non_null(strstr(diag.text, "yesterday"));
	}
}

static void bytes_after_the_text_are_not_read(void **state)
{
	int64_t ns;
	(void)state;
	assert_int_equal(sfs_time_parse((struct sfs_span){ "2026-11-22T01", 10 }, NOW, &ns, NULL),
			 0);
	assert_true(ns == DAY * SECOND);
	assert_int_equal(sfs_time_parse((struct sfs_span){ NULL, 0 }, NOW, &ns, NULL),
			 SFS_ERR_INVALID);
	assert_int_equal(sfs_time_parse((struct sfs_span){ "now\0", 4 }, NOW, &ns, NULL),
			 SFS_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_is_its_moment),
		cmocka_unit_test(what_is_no_time_is_refused_with_what_was_expected),
		cmocka_unit_test(bytes_after_the_text_are_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
