/* Moments on the command line. See moment.h. */
#include "moment.h"
#include <string.h>
#include <time.h>

#define SECOND 1000000000

struct scan {
	const char *at;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/** Take so many digits, of a number from low to high. */
static bool take(struct scan *scan, int digits, int low, int high, int *ret)
{
	int value = 0;
	for (int i = 0; i < digits; i++) {
		if (!is_digit(scan->at[i]))
			return false;
		value = value * 10 + (scan->at[i] - '0');
	}
	scan->at += digits;
	*ret = value;
	return value >= low && value <= high;
}

static bool take_char(struct scan *scan, const char *any)
{
	if (!*scan->at || !strchr(any, *scan->at))
		return false;
	scan->at++;
	return true;
}

/** ".5": nanoseconds; further digits are cut. Nothing: 0. */
static bool take_fraction(struct scan *scan, int64_t *ret)
{
	int64_t unit = SECOND;
	*ret = 0;
	if (!take_char(scan, "."))
		return true;
	if (!is_digit(*scan->at))
		return false;
	for (; is_digit(*scan->at); scan->at++) {
		unit /= 10;
		*ret += unit * (*scan->at - '0');
	}
	return true;
}

static bool join(int64_t seconds, int64_t ns, int64_t *ret)
{
	return !__builtin_mul_overflow(seconds, (int64_t)SECOND, ret) &&
	       !__builtin_add_overflow(*ret, ns, ret);
}

/** The day exists: 30 February becomes another day. */
static bool join_date(struct tm *tm, int64_t ns, int64_t *ret)
{
	int day = tm->tm_mday, month = tm->tm_mon;
	time_t seconds = timegm(tm);
	return tm->tm_mday == day && tm->tm_mon == month && join(seconds, ns, ret);
}

static bool read_date(const char *text, int64_t *ret)
{
	struct scan scan = { text };
	struct tm tm = { 0 };
	int64_t ns = 0;
	if (!take(&scan, 4, 1, 9999, &tm.tm_year) || !take_char(&scan, "-") ||
	    !take(&scan, 2, 1, 12, &tm.tm_mon) || !take_char(&scan, "-") ||
	    !take(&scan, 2, 1, 31, &tm.tm_mday))
		return false;
	if (take_char(&scan, "Tt ")) {
		if (!take(&scan, 2, 0, 23, &tm.tm_hour) || !take_char(&scan, ":") ||
		    !take(&scan, 2, 0, 59, &tm.tm_min))
			return false;
		if (take_char(&scan, ":") &&
		    (!take(&scan, 2, 0, 60, &tm.tm_sec) || !take_fraction(&scan, &ns)))
			return false;
		take_char(&scan, "Zz");
	}
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return !*scan.at && join_date(&tm, ns, ret);
}

/** 20250102030405678901 */
static bool read_stamp(const char *text, int64_t *ret)
{
	struct scan scan = { text };
	struct tm tm = { 0 };
	int us;
	if (!take(&scan, 4, 1, 9999, &tm.tm_year) || !take(&scan, 2, 1, 12, &tm.tm_mon) ||
	    !take(&scan, 2, 1, 31, &tm.tm_mday) || !take(&scan, 2, 0, 23, &tm.tm_hour) ||
	    !take(&scan, 2, 0, 59, &tm.tm_min) || !take(&scan, 2, 0, 60, &tm.tm_sec) ||
	    !take(&scan, 6, 0, 999999, &us) || *scan.at)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return join_date(&tm, (int64_t)us * 1000 + 999, ret);
}

/** @1795309323.5 */
static bool read_seconds(const char *text, int64_t *ret)
{
	struct scan scan = { text + 1 };
	int64_t seconds = 0, ns;
	bool digits = is_digit(*scan.at);
	for (; is_digit(*scan.at); scan.at++)
		if (__builtin_mul_overflow(seconds, (int64_t)10, &seconds) ||
		    __builtin_add_overflow(seconds, (int64_t)(*scan.at - '0'), &seconds))
			return false;
	return digits && take_fraction(&scan, &ns) && !*scan.at && join(seconds, ns, ret);
}

bool cli_moment_read(const char *text, int64_t *ret)
{
	if (text[0] == '@')
		return read_seconds(text, ret);
	return strspn(text, "0123456789") == 20 ? read_stamp(text, ret) : read_date(text, ret);
}
