/*
 * Times as people type them: see storefs/time.h.
 *
 * A text is scanned from the left by functions that take what they know and say whether it was there;
 * it is a time when one of the forms took all of it.
 */
#include <storefs/time.h>
#include <stdbool.h>
#include <strings.h>

#define SECOND ((int64_t)1000000000)
#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400

struct scan {
	const char *at, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char peek(const struct scan *scan)
{
	return scan->at < scan->end ? *scan->at : '\0';
}

static bool ended(const struct scan *scan)
{
	return scan->at == scan->end;
}

static bool take_char(struct scan *scan, const char *any)
{
	char c = peek(scan);
	if (!c || !strchr(any, c))
		return false;
	scan->at++;
	return true;
}

/** So many digits, of a number from low to high. */
static bool take(struct scan *scan, int digits, int low, int high, int *ret)
{
	int value = 0;
	if (scan->end - scan->at < digits)
		return false;
	for (int i = 0; i < digits; i++) {
		if (!is_digit(scan->at[i]))
			return false;
		value = value * 10 + (scan->at[i] - '0');
	}
	scan->at += digits;
	*ret = value;
	return value >= low && value <= high;
}

/** Any number of digits, but at least one. */
static bool take_number(struct scan *scan, int64_t *ret)
{
	int64_t value = 0;
	if (!is_digit(peek(scan)))
		return false;
	for (; is_digit(peek(scan)); scan->at++)
		if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
		    __builtin_add_overflow(value, (int64_t)(*scan->at - '0'), &value))
			return false;
	*ret = value;
	return true;
}

/** ".5": nanoseconds; further digits are cut. Nothing: 0. */
static bool take_fraction(struct scan *scan, int64_t *ret)
{
	int64_t unit = SECOND;
	*ret = 0;
	if (!take_char(scan, "."))
		return true;
	if (!is_digit(peek(scan)))
		return false;
	for (; is_digit(peek(scan)); scan->at++) {
		unit /= 10;
		*ret += unit * (*scan->at - '0');
	}
	return true;
}

static bool take_word(struct scan *scan, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(scan->end - scan->at) < len || strncasecmp(scan->at, word, len) != 0)
		return false;
	scan->at += len;
	return true;
}

static bool join(int64_t seconds, int64_t ns, int64_t *ret)
{
	return !__builtin_mul_overflow(seconds, SECOND, ret) &&
	       !__builtin_add_overflow(*ret, ns, ret);
}

/* --- days --- */

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/** Days from 1970 to the first of a year. */
static int64_t days_to(int year)
{
	int64_t before = year - 1;
	return before * 365 + before / 4 - before / 100 + before / 400 - 719162;
}

static bool day_of(int year, int month, int day, int64_t *ret_s)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t days = days_to(year) + day - 1;
	if (day > lengths[month - 1] + (month == 2 && is_leap(year)))
		return false;
	for (int i = 1; i < month; i++)
		days += lengths[i - 1] + (i == 2 && is_leap(year));
	*ret_s = days * DAY_S;
	return true;
}

/** "2026-11-22" or "20261122" */
static bool take_date(struct scan *scan, int64_t *ret_s)
{
	int year, month, day;
	if (!take(scan, 4, 1, 9999, &year))
		return false;
	bool dashes = take_char(scan, "-");
	return take(scan, 2, 1, 12, &month) && (!dashes || take_char(scan, "-")) &&
	       take(scan, 2, 1, 31, &day) && day_of(year, month, day, ret_s);
}

/** The begin of a day that a word names. */
static bool take_day(struct scan *scan, int64_t now_ns, int64_t *ret_s)
{
	static const struct {
		const char *word;
		int64_t days;
	} words[] = { { "today", 0 }, { "yesterday", -1 }, { "tomorrow", 1 } };
	int64_t now_s = now_ns / SECOND - (now_ns % SECOND < 0);
	int64_t rest = (now_s % DAY_S + DAY_S) % DAY_S;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!take_word(scan, words[i].word))
			continue;
		*ret_s = now_s - rest + words[i].days * DAY_S;
		return true;
	}
	return false;
}

/* --- times of a day --- */

/** "01:02:03.5", "010203", without seconds, or the hour alone. A leap second is the next second. */
static bool take_clock(struct scan *scan, int64_t *seconds, int64_t *ret_ns)
{
	int hour, minute = 0, second = 0;
	if (!take(scan, 2, 0, 23, &hour))
		return false;
	bool colons = take_char(scan, ":");
	if (colons || is_digit(peek(scan))) {
		if (!take(scan, 2, 0, 59, &minute))
			return false;
		if (colons ? take_char(scan, ":") : is_digit(peek(scan))) {
			if (!take(scan, 2, 0, 60, &second) || !take_fraction(scan, ret_ns))
				return false;
		}
	}
	*seconds += hour * HOUR_S + minute * MINUTE_S + second;
	return true;
}

/** "Z", "UTC", "+01", "+0100", "-05:30"; a blank may be before it. Nothing: UTC. */
static bool take_zone(struct scan *scan, int64_t *seconds)
{
	int hours, minutes = 0;
	if (ended(scan))
		return true;
	take_char(scan, " ");
	if (take_char(scan, "Zz") || take_word(scan, "utc"))
		return true;
	bool east = peek(scan) == '+';
	if (!take_char(scan, "+-") || !take(scan, 2, 0, 23, &hours))
		return false;
	bool colon = take_char(scan, ":");
	if ((colon || !ended(scan)) && !take(scan, 2, 0, 59, &minutes))
		return false;
	int64_t offset = hours * HOUR_S + minutes * MINUTE_S;
	*seconds += east ? -offset : offset;
	return true;
}

/* --- forms --- */

static bool read_day(struct scan scan, int64_t now_ns, int64_t *ret)
{
	int64_t seconds, ns = 0;
	if (!take_day(&scan, now_ns, &seconds) && !take_date(&scan, &seconds))
		return false;
	if (take_char(&scan, "Tt ") &&
	    (!take_clock(&scan, &seconds, &ns) || !take_zone(&scan, &seconds)))
		return false;
	return ended(&scan) && join(seconds, ns, ret);
}

/** 20250102030405, with the microseconds of an update time or without. */
static bool read_stamp(struct scan scan, int64_t *ret)
{
	int64_t seconds, ns = 0;
	int us;
	if (!take_date(&scan, &seconds) || !take_clock(&scan, &seconds, &ns))
		return false;
	if (!ended(&scan)) {
		if (!take(&scan, 6, 0, 999999, &us))
			return false;
		ns = (int64_t)us * 1000 + 999;
	}
	return ended(&scan) && join(seconds, ns, ret);
}

/** @1795309323.5 */
static bool read_seconds(struct scan scan, int64_t *ret)
{
	int64_t seconds, ns;
	return take_char(&scan, "@") && take_number(&scan, &seconds) && take_fraction(&scan, &ns) &&
	       ended(&scan) && join(seconds, ns, ret);
}

static int64_t unit_of(char letter)
{
	switch (letter) {
	case 's': return 1;
	case 'm': return MINUTE_S;
	case 'h': return HOUR_S;
	case 'd': return DAY_S;
	case 'w': return 7 * (int64_t)DAY_S;
	default: return 0;
	}
}

/** -2h, -1d12h */
static bool read_before(struct scan scan, int64_t now_ns, int64_t *ret)
{
	int64_t sum = 0;
	if (!take_char(&scan, "-"))
		return false;
	do {
		int64_t count;
		if (!take_number(&scan, &count))
			return false;
		int64_t unit = unit_of(peek(&scan));
		if (!unit || __builtin_mul_overflow(count, unit, &count) ||
		    __builtin_add_overflow(sum, count, &sum))
			return false;
		scan.at++;
	} while (!ended(&scan));
	return !__builtin_mul_overflow(sum, SECOND, &sum) &&
	       !__builtin_sub_overflow(now_ns, sum, ret);
}

static bool read_now(struct scan scan, int64_t now_ns, int64_t *ret)
{
	*ret = now_ns;
	return take_word(&scan, "now") && ended(&scan);
}

static bool read_any(struct scan scan, int64_t now_ns, int64_t *ret)
{
	size_t len = (size_t)(scan.end - scan.at), digits = 0;
	while (digits < len && is_digit(scan.at[digits]))
		digits++;
	if (digits == len && (len == 14 || len == 20))
		return read_stamp(scan, ret);
	return read_day(scan, now_ns, ret) || read_now(scan, now_ns, ret) ||
	       read_before(scan, now_ns, ret) || read_seconds(scan, ret);
}

/** What was typed, as far as it can be shown. */
static void show(struct sfs_span text, char ret[64])
{
	const char *bytes = text.data;
	size_t len = text.len < 60 ? text.len : 60;
	for (size_t i = 0; i < len; i++)
		ret[i] = bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?';
	ret[len] = '\0';
}

int sfs_time_parse(struct sfs_span text, int64_t now_ns, int64_t *ret_ns, struct sfs_diag *diag)
{
	const char *bytes = text.len ? text.data : "";
	char shown[64];
	int64_t ns;
	if (read_any((struct scan){ bytes, bytes + text.len }, now_ns, &ns)) {
		*ret_ns = ns;
		return 0;
	}
	show(text, shown);
	return sfs_diag_set(diag, SFS_ERR_INVALID,
			    "'%s' is no moment, expected 2026-11-22, 2026-11-22T01:02:03Z (seconds "
			    "and zone may be missing), 20261122T010203Z, -2h, -90m, -3d, -1w, now, "
			    "today, yesterday, @SECONDS or the 20 digits of an update time",
			    shown);
}
