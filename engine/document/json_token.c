/*
 * A strict scanner of JSON tokens. The parser decides whether a text is JSON; this finds out what
 * to tell the person who wrote it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "document/json_token.h"
#include "document/utf8.h"

/* Text that is scanned; p never passes end. */
struct scan {
	const uint8_t *start, *p, *end;
	struct sfsi_token *token;
};

static bool is_digit(const struct scan *scan)
{
	return scan->p < scan->end && *scan->p >= '0' && *scan->p <= '9';
}

static bool is_letter(const struct scan *scan)
{
	return scan->p < scan->end && ((*scan->p >= 'a' && *scan->p <= 'z') ||
				       (*scan->p >= 'A' && *scan->p <= 'Z') || *scan->p == '_');
}

static bool is_char(const struct scan *scan, char c)
{
	return scan->p < scan->end && *scan->p == (uint8_t)c;
}

static bool skip_char(struct scan *scan, char c)
{
	bool is = is_char(scan, c);
	scan->p += is;
	return is;
}

static void skip_digits(struct scan *scan)
{
	while (is_digit(scan))
		scan->p++;
}

static void bad(struct scan *scan, const uint8_t *where, const char *fault)
{
	scan->token->kind = SFSI_TOKEN_BAD;
	scan->token->off = (size_t)(where - scan->start);
	snprintf(scan->token->fault, sizeof scan->token->fault, "%s", fault);
}

static void scan_number(struct scan *scan)
{
	scan->token->kind = SFSI_TOKEN_NUMBER;
	skip_char(scan, '-');
	if (!is_digit(scan)) {
		bad(scan, scan->p, "a minus sign without a number, expected a digit after it");
		return;
	}
	const uint8_t *first = scan->p;
	skip_digits(scan);
	if (*first == '0' && scan->p - first > 1) {
		bad(scan, first, "a number with a leading zero, expected another first digit");
		return;
	}
	if (skip_char(scan, '.') && !is_digit(scan)) {
		bad(scan, scan->p, "a number that ends with its point, expected a digit");
		return;
	}
	skip_digits(scan);
	if (is_char(scan, 'e') || is_char(scan, 'E')) {
		scan->p++;
		if (!skip_char(scan, '+'))
			skip_char(scan, '-');
		if (!is_digit(scan)) {
			bad(scan, scan->p, "an exponent without digits, expected a digit");
			return;
		}
		skip_digits(scan);
	}
}

/* Value of the four hexadecimal digits after \u, or -1; p stays before the backslash. */
static int32_t unicode_escape(const struct scan *scan, const uint8_t *p)
{
	int32_t value = 0;
	if (scan->end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		int digit = p[i] >= '0' && p[i] <= '9'   ? p[i] - '0'
			    : p[i] >= 'a' && p[i] <= 'f' ? p[i] - 'a' + 10
			    : p[i] >= 'A' && p[i] <= 'F' ? p[i] - 'A' + 10
							 : -1;
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static bool is_low_surrogate(int32_t unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

static bool scan_unicode(struct scan *scan)
{
	int32_t unit = unicode_escape(scan, scan->p);
	size_t used = 6;
	if (unit < 0) {
		bad(scan, scan->p, "a broken escape, expected four hexadecimal digits after \\u");
		return false;
	}
	bool high = unit >= 0xd800 && unit <= 0xdbff;
	if (is_low_surrogate(unit) ||
	    (high && !is_low_surrogate(unicode_escape(scan, scan->p + 6)))) {
		bad(scan, scan->p,
		    "half of a surrogate pair, expected \\ud800-\\udbff followed by "
		    "\\udc00-\\udfff");
		return false;
	}
	if (high)
		used = 12;
	scan->p += used;
	return true;
}

static bool scan_escape(struct scan *scan)
{
	if (scan->end - scan->p < 2) {
		scan->p = scan->end;
		return true;
	}
	if (scan->p[1] == 'u')
		return scan_unicode(scan);
	if (scan->p[1] == 0 || !strchr("\"\\/bfnrt", scan->p[1])) {
		bad(scan, scan->p,
		    "an unknown escape, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t "
		    "\\u");
		return false;
	}
	scan->p += 2;
	return true;
}

static bool scan_raw_character(struct scan *scan)
{
	char fault[100];
	size_t step = sfsi_utf8_next(scan->p, (size_t)(scan->end - scan->p));
	if (step == 0) {
		snprintf(fault, sizeof fault,
			 "invalid UTF-8 in a string (byte 0x%02x), expected a "
			 "UTF-8 character",
			 *scan->p);
		bad(scan, scan->p, fault);
		return false;
	}
	if (*scan->p < 0x20) {
		snprintf(fault, sizeof fault,
			 "a control character in a string, expected the escape "
			 "\\u%04x or the end of the string",
			 *scan->p);
		bad(scan, scan->p, fault);
		return false;
	}
	scan->p += step;
	return true;
}

static void scan_string(struct scan *scan)
{
	const uint8_t *quote = scan->p++;
	scan->token->kind = SFSI_TOKEN_STRING;
	while (scan->p < scan->end && *scan->p != '"') {
		bool good = *scan->p == '\\' ? scan_escape(scan) : scan_raw_character(scan);
		if (!good)
			return;
	}
	if (!skip_char(scan, '"'))
		bad(scan, quote,
		    "a string without an end, expected '\"' before the end of the text");
}

static void scan_word(struct scan *scan)
{
	const uint8_t *first = scan->p;
	while (is_letter(scan) || is_digit(scan))
		scan->p++;
	struct sfs_span word = { first, (size_t)(scan->p - first) };
	bool literal = sfs_span_equal(word, sfs_span_str("true")) ||
		       sfs_span_equal(word, sfs_span_str("false")) ||
		       sfs_span_equal(word, sfs_span_str("null"));
	scan->token->kind = literal ? SFSI_TOKEN_LITERAL : SFSI_TOKEN_WORD;
}

static void scan_token(struct scan *scan)
{
	if (scan->p == scan->end) {
		scan->token->kind = SFSI_TOKEN_END;
	} else if (*scan->p == '"') {
		scan_string(scan);
	} else if (*scan->p == '-' || is_digit(scan)) {
		scan_number(scan);
	} else if (is_letter(scan)) {
		scan_word(scan);
	} else if (*scan->p && strchr("{}[]:,", *scan->p)) {
		scan->token->kind = SFSI_TOKEN_PUNCTUATION;
		scan->p++;
	} else {
		size_t step = sfsi_utf8_next(scan->p, (size_t)(scan->end - scan->p));
		scan->token->kind = SFSI_TOKEN_OTHER;
		scan->p += step ? step : 1;
	}
}

void sfsi_token_next(struct sfs_span text, size_t off, struct sfsi_token *ret)
{
	static const uint8_t nothing[1];
	const uint8_t *start = text.data ? text.data : nothing;
	struct scan scan = { start, start + off, start + text.len, ret };
	while (is_char(&scan, ' ') || is_char(&scan, '\t') || is_char(&scan, '\n') ||
	       is_char(&scan, '\r'))
		scan.p++;
	const uint8_t *first = scan.p;
	ret->off = (size_t)(first - start);
	ret->fault[0] = 0;
	scan_token(&scan);
	ret->span = (struct sfs_span){ first, (size_t)(scan.p - first) };
}
