/* msgpack to JSON as Python writes it: see json_python.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <storefs/store.h>
#include "base/cleanup.h"
#include "document/base64.h"
#include "document/json_print.h"
#include "document/json_python.h"
#include "document/utf8.h"
#include "schema/value.h"

struct writer {
	struct sfs_buf *out;
	struct sfsi_cursor cursor;
	unsigned depth;
};

static int put(struct writer *w, const char *text)
{
	return sfs_buf_append(w->out, text, strlen(text));
}

/* --- strings --- */

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/** A character that is not plain; @at  UTF-8, or a surrogate written as if it were. */
static int put_code(struct sfs_buf *out, const uint8_t *at, size_t len)
{
	static const uint8_t lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = at[0] & lead[len];
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (at[i] & 0x3f);
	if (code < 0x10000)
		return sfs_buf_printf(out, "\\u%04x", code);
	code -= 0x10000;
	return sfs_buf_printf(out, "\\u%04x\\u%04x", 0xd800 + (code >> 10),
			      0xdc00 + (code & 0x3ff));
}

static int put_escape(struct sfs_buf *out, uint8_t c)
{
	static const char letters[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	const uint8_t byte[1] = { c };
	const char *found = c ? strchr(letters, c) : NULL;
	if (!found)
		return put_code(out, byte, 1);
	const char text[2] = { '\\', names[found - letters] };
	return sfs_buf_append(out, text, 2);
}

static int put_string(struct sfs_buf *out, struct sfs_span text)
{
	const uint8_t *at = text.data, *end = at + text.len;
	int err = sfs_buf_append(out, "\"", 1);
	while (at < end && !err) {
		const uint8_t *run = at;
		while (at < end && is_plain(*at))
			at++;
		err = sfs_buf_append(out, run, (size_t)(at - run));
		if (err < 0 || at == end)
			break;
		if (*at < 0x80) {
			err = put_escape(out, *at++);
			continue;
		}
		size_t step = sfsi_utf8_next(at, (size_t)(end - at));
		/* A surrogate has three bytes too. */
		if (!step)
			step = end - at >= 3 && (*at & 0xf0) == 0xe0 ? 3 : 0;
		err = step ? put_code(out, at, step) : SFS_ERR_CORRUPT;
		at += step;
	}
	return err < 0 ? err : sfs_buf_append(out, "\"", 1);
}

/* --- numbers --- */

/** Digits and exponent of a number's shortest text: 0.DIGITS * 10^exponent. */
static void split_real(const char *text, char digits[40], int *ret_exponent)
{
	size_t len = 0;
	int point = 0;
	bool behind = false;
	for (; *text && *text != 'e' && *text != 'E'; text++) {
		if (*text == '.') {
			behind = true;
			continue;
		}
		/* Zeros at the beginning only move the point. */
		if (*text == '0' && len == 0) {
			point -= behind;
			continue;
		}
		if (len < 39)
			digits[len++] = *text;
		point += !behind;
	}
	while (len && digits[len - 1] == '0')
		len--;
	digits[len] = '\0';
	*ret_exponent = point + (*text ? atoi(text + 1) : 0);
}

/** As repr(): with an exponent below -4 and from 16 on. */
static int put_digits(struct sfs_buf *out, const char *digits, int exponent)
{
	int len = (int)strlen(digits);
	int shown = exponent - 1;
	if (shown < -4 || shown >= 16) {
		int err = sfs_buf_printf(out, "%c%s%s", digits[0], len > 1 ? "." : "", digits + 1);
		return err < 0 ? err
			       : sfs_buf_printf(out, "e%c%02d", shown < 0 ? '-' : '+', abs(shown));
	}
	if (exponent <= 0)
		return sfs_buf_printf(out, "0.%.*s%s", -exponent, "0000", digits);
	if (len <= exponent)
		return sfs_buf_printf(out, "%s%.*s.0", digits, exponent - len, "0000000000000000");
	return sfs_buf_printf(out, "%.*s.%s", exponent, digits, digits + exponent);
}

static int put_real(struct sfs_buf *out, double value)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	char digits[40];
	int exponent;
	if (isnan(value))
		return sfs_buf_append(out, "NaN", 3);
	int err = signbit(value) ? sfs_buf_append(out, "-", 1) : 0;
	if (!err && isinf(value))
		return sfs_buf_append(out, "Infinity", 8);
	if (!err && value == 0)
		return sfs_buf_append(out, "0.0", 3);
	if (!err)
		err = sfsi_json_print_real(fabs(value), &text);
	if (!err)
		err = sfs_buf_append(&text, "", 1);
	if (err < 0 || !text.data)
		return err;
	split_real(text.data, digits, &exponent);
	return put_digits(out, digits, exponent);
}

/* --- containers, and what JSON can not say --- */

static int write_value(struct writer *w);

static int put_base64(struct writer *w, struct sfs_span bytes)
{
	int err = put(w, "\"");
	if (!err)
		err = sfsi_base64_encode(w->out, bytes);
	return err < 0 ? err : put(w, "\"");
}

static int write_binary(struct writer *w, struct sfs_span bytes)
{
	int err = put(w, "{\"$bin\": ");
	if (!err)
		err = put_base64(w, bytes);
	return err < 0 ? err : put(w, "}");
}

static int write_ext(struct writer *w, const struct sfsi_head *head)
{
	bool minus;
	if (sfsi_head_bigint(head, &minus))
		return sfs_buf_append(w->out, head->body.data, head->body.len);
	if (head->integer == SFSI_EXT_SURROGATES)
		return put_string(w->out, head->body);
	int err = sfs_buf_printf(w->out, "{\"$ext\": [%d, ", (int)head->integer);
	if (!err)
		err = put_base64(w, head->body);
	return err < 0 ? err : put(w, "]}");
}

static int write_array(struct writer *w, uint32_t count)
{
	int err = put(w, "[");
	for (uint32_t i = 0; i < count && !err; i++) {
		err = i ? put(w, ", ") : 0;
		if (!err)
			err = write_value(w);
	}
	return err < 0 ? err : put(w, "]");
}

/** Is every key a string, and is it not to be taken for a word? */
static int is_object(struct sfsi_cursor cursor, uint32_t count, bool *ret)
{
	*ret = true;
	for (uint32_t i = 0; i < count && *ret; i++) {
		struct sfsi_head head;
		struct sfs_span value;
		if (sfsi_cursor_next(&cursor, &head) < 0)
			return SFS_ERR_CORRUPT;
		bool text = head.kind == SFSI_HEAD_STRING ||
			    (head.kind == SFSI_HEAD_EXT && head.integer == SFSI_EXT_SURROGATES);
		if (!text) {
			*ret = false;
			return 0;
		}
		/* A container as value is gone over, so that the cursor comes to the next key. */
		if (sfsi_cursor_skip(&cursor, &value) < 0)
			return SFS_ERR_CORRUPT;
		if (count == 1 && sfsi_json_python_is_word(head.body, value))
			*ret = false;
	}
	return 0;
}

static int write_map(struct writer *w, uint32_t count)
{
	bool object;
	int err = is_object(w->cursor, count, &object);
	/* The object itself is none of those. */
	object = object || w->depth == 1;
	if (!err)
		err = put(w, object ? "{" : "{\"$map\": [");
	for (uint32_t i = 0; i < count && !err; i++) {
		err = i ? put(w, ", ") : 0;
		if (!err && !object)
			err = put(w, "[");
		if (!err)
			err = write_value(w);
		if (!err)
			err = put(w, object ? ": " : ", ");
		if (!err)
			err = write_value(w);
		if (!err && !object)
			err = put(w, "]");
	}
	return err < 0 ? err : put(w, object ? "}" : "]}");
}

static int write_container(struct writer *w, const struct sfsi_head *head)
{
	if (w->depth == SFS_DEPTH_MAX)
		return SFS_ERR_LIMIT;
	w->depth++;
	int err = head->kind == SFSI_HEAD_MAP ? write_map(w, head->count)
					      : write_array(w, head->count);
	w->depth--;
	return err;
}

static int write_value(struct writer *w)
{
	struct sfsi_head head;
	if (sfsi_cursor_next(&w->cursor, &head) < 0)
		return SFS_ERR_CORRUPT;
	switch (head.kind) {
	case SFSI_HEAD_NULL: return put(w, "null");
	case SFSI_HEAD_BOOLEAN: return put(w, head.integer ? "true" : "false");
	case SFSI_HEAD_INTEGER: return sfs_buf_printf(w->out, "%lld", (long long)head.integer);
	case SFSI_HEAD_NATURAL:
		return sfs_buf_printf(w->out, "%llu", (unsigned long long)head.natural);
	case SFSI_HEAD_REAL: return put_real(w->out, head.real);
	case SFSI_HEAD_STRING: return put_string(w->out, head.body);
	case SFSI_HEAD_BINARY: return write_binary(w, head.body);
	case SFSI_HEAD_EXT: return write_ext(w, &head);
	case SFSI_HEAD_ARRAY:
	case SFSI_HEAD_MAP: return write_container(w, &head);
	}
	return SFS_ERR_CORRUPT;
}

int sfsi_json_python_write(struct sfs_span value, struct sfs_buf *ret)
{
	struct writer w = { .out = ret, .cursor = sfsi_cursor(value) };
	size_t before = ret->len;
	int err = write_value(&w);
	if (!err && w.cursor.at != w.cursor.end)
		err = SFS_ERR_CORRUPT;
	if (err < 0)
		ret->len = before;
	return err;
}
