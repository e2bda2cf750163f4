/*
 * Does a single value fit? Numbers, the kinds of text, dates and times in both of their forms: a
 * text, and the list of nine numbers that Python writes.
 */
#include <stdlib.h>
#include "document/base64.h"
#include "document/sink.h"
#include "schema/schema.h"

/* --- numbers --- */

/** A number as a long double: exact for 64 bits, near enough beyond. */
static bool number_of(const struct sfsi_head *head, long double *ret)
{
	int64_t integer;
	bool minus;
	if (sfsi_head_integer(head, &integer))
		*ret = (long double)integer;
	else if (head->kind == SFSI_HEAD_NATURAL)
		*ret = (long double)head->natural;
	else if (head->kind == SFSI_HEAD_REAL)
		*ret = (long double)head->real;
	else if (sfsi_head_bigint(head, &minus))
		/* Bounds have 64 bits at most, or are doubles that so many digits do not tell apart. */
		*ret = minus ? -__builtin_infl() : __builtin_infl();
	else
		return false;
	return true;
}

static bool is_integer(const struct sfsi_head *head)
{
	long double value;
	return head->kind != SFSI_HEAD_REAL && number_of(head, &value);
}

static bool in_range(const struct sfsi_type *type, const struct sfsi_head *head)
{
	long double value;
	if (!number_of(head, &value) || (type->base == SFSI_TYPE_INT && !is_integer(head)))
		return false;
	return value >= type->low && value <= type->high;
}

/* --- text --- */

/** Bytes of white space and control characters. */
static bool has_space(struct sfs_span text)
{
	const unsigned char *at = text.data;
	for (size_t i = 0; i < text.len; i++)
		if (at[i] <= ' ' || at[i] == 0x7f)
			return true;
	return false;
}

static bool is_line(struct sfs_span text)
{
	return !text.len ||
	       (!memchr(text.data, '\n', text.len) && !memchr(text.data, '\r', text.len));
}

static bool is_email(struct sfs_span text)
{
	const char *start = text.data, *end = start + text.len;
	const char *at = text.len ? memrchr(start, '@', text.len) : NULL;
	if (!at || at == start || has_space(text))
		return false;
	struct sfs_span domain = { at + 1, (size_t)(end - at - 1) };
	return domain.len && at[1] != '.' && end[-1] != '.' &&
	       !memmem(domain.data, domain.len, "..", 2) &&
	       (start[0] == '"' || !memchr(start, '@', (size_t)(at - start)));
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/** A scheme, a colon, and something behind it. */
static bool is_url(struct sfs_span text)
{
	const char *at = text.data;
	size_t i = 0;
	if (!text.len || !is_letter(at[0]) || has_space(text))
		return false;
	while (i < text.len && (is_letter(at[i]) || is_digit(at[i]) || strchr("+-.", at[i])))
		i++;
	return i + 1 < text.len && at[i] == ':';
}

static bool is_path(struct sfs_span text)
{
	return text.len && !memchr(text.data, '\0', text.len);
}

static bool is_id(struct sfs_span text)
{
	return text.len && text.len <= SFS_OID_MAX && !has_space(text);
}

/** A tag of a language: "en", "fr-CA", "zh_Hant_TW". */
static bool is_language(struct sfs_span text)
{
	const char *at = text.data;
	size_t part = 0;
	for (size_t i = 0; i < text.len; i++) {
		if ((at[i] == '-' || at[i] == '_') && part)
			part = 0;
		else if (is_letter(at[i]) || (is_digit(at[i]) && part < i))
			part++;
		else
			return false;
		if (part > 8)
			return false;
	}
	return part > 0;
}

/** Texts by language; a text that is missing may be null. */
static bool is_i18n(struct sfs_span value)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head map, head;
	if (sfsi_cursor_next(&cursor, &map) < 0 || map.kind != SFSI_HEAD_MAP)
		return false;
	for (uint32_t i = 0; i < map.count; i++) {
		if (sfsi_cursor_next(&cursor, &head) < 0 || head.kind != SFSI_HEAD_STRING ||
		    !is_language(head.body))
			return false;
		if (sfsi_cursor_next(&cursor, &head) < 0 ||
		    (head.kind != SFSI_HEAD_STRING && head.kind != SFSI_HEAD_NULL))
			return false;
	}
	return true;
}

/* --- dates and times --- */

static int days_of(int64_t year, int64_t month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

bool sfsi_is_time_list(struct sfs_span value)
{
	/* Year, month, day, hour, minute, second, weekday, day of the year, summer time. */
	static const int64_t low[9] = { 1, 1, 1, 0, 0, 0, 0, 1, -1 };
	static const int64_t high[9] = { 9999, 12, 31, 23, 59, 61, 6, 366, 1 };
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head head;
	int64_t parts[9];
	if (sfsi_cursor_next(&cursor, &head) < 0 || head.kind != SFSI_HEAD_ARRAY || head.count != 9)
		return false;
	for (int i = 0; i < 9; i++)
		if (sfsi_cursor_next(&cursor, &head) < 0 || !sfsi_head_integer(&head, &parts[i]) ||
		    parts[i] < low[i] || parts[i] > high[i])
			return false;
	return parts[2] <= days_of(parts[0], parts[1]);
}

/** A text that is taken apart. */
struct scan {
	const char *at, *end;
};

/** Take so many digits; false when they are not there, or are out of bounds. */
static bool take_digits(struct scan *scan, int count, int low, int high, int *ret)
{
	int value = 0;
	if (scan->end - scan->at < count)
		return false;
	for (int i = 0; i < count; i++) {
		if (!is_digit(scan->at[i]))
			return false;
		value = value * 10 + (scan->at[i] - '0');
	}
	scan->at += count;
	*ret = value;
	return value >= low && value <= high;
}

static bool take_char(struct scan *scan, const char *any)
{
	if (scan->at == scan->end || !*scan->at || !strchr(any, *scan->at))
		return false;
	scan->at++;
	return true;
}

/** 2025-01-31 */
static bool take_date(struct scan *scan)
{
	int year, month, day;
	return take_digits(scan, 4, 1, 9999, &year) && take_char(scan, "-") &&
	       take_digits(scan, 2, 1, 12, &month) && take_char(scan, "-") &&
	       take_digits(scan, 2, 1, 31, &day) && day <= days_of(year, month);
}

/** Nothing, Z, +02:00 or +0200. */
static bool take_zone(struct scan *scan)
{
	int part;
	if (scan->at == scan->end || take_char(scan, "Zz"))
		return true;
	if (!take_char(scan, "+-") || !take_digits(scan, 2, 0, 23, &part))
		return false;
	take_char(scan, ":");
	return take_digits(scan, 2, 0, 59, &part);
}

/** 23:59, 23:59:59, 23:59:59.123, and a zone. */
static bool take_time(struct scan *scan)
{
	int part;
	if (!take_digits(scan, 2, 0, 23, &part) || !take_char(scan, ":") ||
	    !take_digits(scan, 2, 0, 59, &part))
		return false;
	if (take_char(scan, ":")) {
		if (!take_digits(scan, 2, 0, 60, &part))
			return false;
		if (take_char(scan, ".,")) {
			const char *from = scan->at;
			while (scan->at < scan->end && is_digit(*scan->at))
				scan->at++;
			if (scan->at == from)
				return false;
		}
	}
	return take_zone(scan);
}

static bool is_moment(enum sfsi_type_kind kind, const struct sfsi_head *head, struct sfs_span value)
{
	if (head->kind != SFSI_HEAD_STRING)
		return sfsi_is_time_list(value);
	const char *text = head->body.data;
	struct scan scan = { text, text + head->body.len };
	bool fits = kind == SFSI_TYPE_TIME ? take_time(&scan) : take_date(&scan);
	if (kind == SFSI_TYPE_DATETIME)
		fits = fits && take_char(&scan, "Tt ") && take_time(&scan);
	return fits && scan.at == scan.end;
}

/** Bytes, or text of base64: so they stand in JSON that others wrote. */
static bool is_binary(const struct sfsi_head *head)
{
	struct sfs_buf bytes = SFS_BUF_INIT;
	if (head->kind == SFSI_HEAD_BINARY)
		return true;
	bool is = head->kind == SFSI_HEAD_STRING && sfsi_base64_decode(&bytes, head->body) == 0;
	sfs_buf_fini(&bytes);
	return is;
}

static bool string_fits(enum sfsi_type_kind kind, struct sfs_span text)
{
	switch ((int)kind) {
	case SFSI_TYPE_LINE: return is_line(text);
	case SFSI_TYPE_EMAIL: return is_email(text);
	case SFSI_TYPE_URL: return is_url(text);
	case SFSI_TYPE_PATH: return is_path(text);
	case SFSI_TYPE_ID: return is_id(text);
	default: return true;
	}
}

bool sfsi_scalar_fits(const struct sfsi_type *type, struct sfs_span value)
{
	struct sfsi_head head;
	long double number;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return false;
	switch ((int)type->kind) {
	case SFSI_TYPE_ANY: return true;
	case SFSI_TYPE_BOOL: return head.kind == SFSI_HEAD_BOOLEAN;
	case SFSI_TYPE_INT: return is_integer(&head);
	case SFSI_TYPE_POSITIVE:
		return is_integer(&head) && number_of(&head, &number) && number > 0;
	case SFSI_TYPE_FLOAT:
	case SFSI_TYPE_NUMBER: return number_of(&head, &number);
	case SFSI_TYPE_I18N: return is_i18n(value);
	case SFSI_TYPE_DATE:
	case SFSI_TYPE_TIME:
	case SFSI_TYPE_DATETIME: return is_moment(type->kind, &head, value);
	case SFSI_TYPE_BIN: return is_binary(&head);
	case SFSI_TYPE_LITERAL: return sfs_span_equal(type->text, value);
	case SFSI_TYPE_RANGE: return in_range(type, &head);
	default: return head.kind == SFSI_HEAD_STRING && string_fits(type->kind, head.body);
	}
}
