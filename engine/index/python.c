/* Values as Python writes them: see python.h. One walk for the three styles, which differ in words. */
#include <math.h>
#include <stdio.h>
#include <storefs/store.h>
#include "base/cleanup.h"
#include "document/json_print.h"
#include "document/sink.h"
#include "index/python.h"
#include "index/unicode.h"
#include "schema/value.h"

struct writer {
	struct sfs_buf *out;
	struct sfsi_cursor rest;
	bool json;
};

static int put(struct writer *writer, const char *text)
{
	return sfs_buf_append(writer->out, text, strlen(text));
}

static int put_word(struct writer *writer, const char *python, const char *json)
{
	return put(writer, writer->json ? json : python);
}

/* --- doubles --- */

/* Digits of a double without point, exponent and zeros at the ends: 0.digits × 10^exponent. */
struct digits {
	char text[40];
	int len, exponent;
	bool minus;
};

static void read_digits(struct sfs_span text, struct digits *ret)
{
	const char *p = text.data;
	size_t i = 0;
	int point = -1, exponent = 0;
	*ret = (struct digits){ .minus = text.len && p[0] == '-' };
	for (i = ret->minus; i < text.len && p[i] != 'e' && p[i] != 'E'; i++) {
		if (p[i] == '.')
			point = ret->len;
		else if (ret->len < (int)sizeof ret->text)
			ret->text[ret->len++] = p[i];
	}
	bool down = i + 1 < text.len && p[i + 1] == '-';
	for (i++; i < text.len; i++)
		if (p[i] >= '0' && p[i] <= '9')
			exponent = exponent * 10 + (p[i] - '0');
	ret->exponent = (point < 0 ? ret->len : point) + (down ? -exponent : exponent);
	int zeros = 0;
	while (zeros < ret->len && ret->text[zeros] == '0')
		zeros++;
	memmove(ret->text, ret->text + zeros, (size_t)(ret->len - zeros));
	ret->len -= zeros;
	ret->exponent -= zeros;
	while (ret->len && ret->text[ret->len - 1] == '0')
		ret->len--;
	if (!ret->len) {
		ret->text[ret->len++] = '0';
		ret->exponent = 1;
	}
}

/* 1.5, 100.0, 0.001 */
static int put_plain(struct sfs_buf *out, const struct digits *d)
{
	static const char zeros[] = "0000000000000000";
	int whole = d->exponent > 0 ? d->exponent : 0;
	int shown = whole < d->len ? whole : d->len;
	if (d->exponent <= 0)
		return sfs_buf_printf(out, "0.%.*s%.*s", -d->exponent, zeros, d->len, d->text);
	return sfs_buf_printf(out, "%.*s%.*s.%.*s%s", shown, d->text, whole - shown, zeros,
			      d->len - shown, d->text + shown, d->len > shown ? "" : "0");
}

static int put_real(struct writer *writer, double value)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct digits d;
	if (isnan(value))
		return put_word(writer, "nan", "NaN");
	if (isinf(value))
		return value > 0 ? put_word(writer, "inf", "Infinity")
				 : put_word(writer, "-inf", "-Infinity");
	int err = sfsi_json_print_real(value, &text);
	if (err < 0)
		return err;
	read_digits(sfs_buf_span(&text), &d);
	if (d.minus)
		err = put(writer, "-");
	if (err < 0 || (d.exponent > -4 && d.exponent <= 16))
		return err < 0 ? err : put_plain(writer->out, &d);
	return sfs_buf_printf(writer->out, "%c%s%.*se%c%02d", d.text[0], d.len > 1 ? "." : "",
			      d.len - 1, d.text + 1, d.exponent > 0 ? '+' : '-',
			      abs(d.exponent - 1));
}

/* --- strings --- */

static int put_unit(struct writer *writer, uint32_t unit)
{
	return sfs_buf_printf(writer->out, "\\u%04x", unit);
}

static int put_json_code(struct writer *writer, uint32_t code)
{
	static const char letters[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
	const char *at = code && code < 0x80 ? strchr(letters, (int)code) : NULL;
	if (at)
		return sfs_buf_printf(writer->out, "\\%c", names[at - letters]);
	if (code >= 0x20 && code < 0x7f)
		return sfs_buf_printf(writer->out, "%c", (int)code);
	/* As Python reads the name of a file that is no UTF-8. */
	if (code >= SFSI_UNICODE_BAD)
		return put_unit(writer, 0xdc00 + (code & 0xff));
	if (code < 0x10000)
		return put_unit(writer, code);
	int err = put_unit(writer, 0xd800 + ((code - 0x10000) >> 10));
	return err < 0 ? err : put_unit(writer, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

static int put_repr_code(struct writer *writer, uint32_t code, char quote)
{
	uint8_t bytes[4];
	if (code == (uint8_t)quote || code == '\\')
		return sfs_buf_printf(writer->out, "\\%c", (int)code);
	if (code == '\t' || code == '\n' || code == '\r')
		return put(writer, code == '\t' ? "\\t" : code == '\n' ? "\\n" : "\\r");
	if (sfsi_unicode_is_printable(code))
		return sfs_buf_append(writer->out, bytes, sfsi_unicode_put(bytes, code));
	if (code >= SFSI_UNICODE_BAD || code < 0x100)
		return sfs_buf_printf(writer->out, "\\x%02x", code & 0xff);
	return sfs_buf_printf(writer->out, code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
}

/* The quotation mark that Python takes: the single one, if the text has not only that. */
static char quote_of(struct writer *writer, struct sfs_span text)
{
	if (writer->json)
		return '"';
	bool is_single = text.len && memchr(text.data, '\'', text.len);
	bool is_double = text.len && memchr(text.data, '"', text.len);
	return is_single && !is_double ? '"' : '\'';
}

static int put_string(struct writer *writer, struct sfs_span text)
{
	const uint8_t *p = text.len ? text.data : (const uint8_t *)"", *end = p + text.len;
	char quote = quote_of(writer, text);
	int err = sfs_buf_append(writer->out, &quote, 1);
	while (p < end && !err) {
		uint32_t code;
		p += sfsi_unicode_next(p, end, &code);
		err = writer->json ? put_json_code(writer, code)
				   : put_repr_code(writer, code, quote);
	}
	return err < 0 ? err : sfs_buf_append(writer->out, &quote, 1);
}

/* b'…': as the repr() of a text, each byte a character, those from 0x7f on escaped. */
static int put_bytes(struct writer *writer, struct sfs_span bytes)
{
	const uint8_t *p = bytes.data;
	char quote = quote_of(writer, bytes);
	int err = writer->json ? 0 : put(writer, "b");
	if (!err)
		err = sfs_buf_append(writer->out, &quote, 1);
	for (size_t i = 0; i < bytes.len && !err; i++)
		err = p[i] >= 0x7f   ? sfs_buf_printf(writer->out,
                                                    writer->json ? "\\u%04x" : "\\x%02x", p[i])
		      : writer->json ? put_json_code(writer, p[i])
				     : put_repr_code(writer, p[i], quote);
	return err < 0 ? err : sfs_buf_append(writer->out, &quote, 1);
}

/* --- values --- */

static int put_ext(struct writer *writer, const struct sfsi_head *head)
{
	bool minus;
	if (sfsi_head_bigint(head, &minus))
		return sfs_buf_append(writer->out, head->body.data, head->body.len);
	if (writer->json)
		return put_bytes(writer, head->body);
	int err = sfs_buf_printf(writer->out, "ExtType(code=%d, data=", (int)head->integer);
	if (!err)
		err = put_bytes(writer, head->body);
	return err < 0 ? err : put(writer, ")");
}

static int put_scalar(struct writer *writer, const struct sfsi_head *head)
{
	switch ((int)head->kind) {
	case SFSI_HEAD_NULL: return put_word(writer, "None", "null");
	case SFSI_HEAD_BOOLEAN:
		return head->integer ? put_word(writer, "True", "true")
				     : put_word(writer, "False", "false");
	case SFSI_HEAD_INTEGER:
		return sfs_buf_printf(writer->out, "%lld", (long long)head->integer);
	case SFSI_HEAD_NATURAL:
		return sfs_buf_printf(writer->out, "%llu", (unsigned long long)head->natural);
	case SFSI_HEAD_REAL: return put_real(writer, head->real);
	case SFSI_HEAD_STRING: return put_string(writer, head->body);
	case SFSI_HEAD_BINARY: return put_bytes(writer, head->body);
	default: return put_ext(writer, head);
	}
}

/* A name in JSON is a string: 1 becomes "1". Strings and containers stay as they are. */
static bool is_bare_name(const struct writer *writer, const struct sfsi_head *head)
{
	return writer->json && head->kind != SFSI_HEAD_STRING && head->kind != SFSI_HEAD_BINARY &&
	       head->kind != SFSI_HEAD_ARRAY && head->kind != SFSI_HEAD_MAP;
}

static int put_value(struct writer *writer, unsigned depth, bool name);

static int put_container(struct writer *writer, const struct sfsi_head *head, unsigned depth)
{
	bool map = head->kind == SFSI_HEAD_MAP;
	int err = depth < SFS_DEPTH_MAX ? put(writer, map ? "{" : "[") : SFS_ERR_LIMIT;
	for (uint32_t i = 0; i < head->count && !err; i++) {
		if (i > 0)
			err = put(writer, ", ");
		if (!err && map)
			err = put_value(writer, depth + 1, true);
		if (!err && map)
			err = put(writer, ": ");
		if (!err)
			err = put_value(writer, depth + 1, false);
	}
	return err < 0 ? err : put(writer, map ? "}" : "]");
}

static int put_value(struct writer *writer, unsigned depth, bool name)
{
	struct sfsi_head head;
	int err = sfsi_cursor_next(&writer->rest, &head);
	if (err < 0)
		return err;
	if (head.kind == SFSI_HEAD_ARRAY || head.kind == SFSI_HEAD_MAP)
		return put_container(writer, &head, depth);
	bool quoted = name && is_bare_name(writer, &head);
	if (quoted)
		err = put(writer, "\"");
	if (!err)
		err = put_scalar(writer, &head);
	return err < 0 || !quoted ? err : put(writer, "\"");
}

int sfsi_python_text(struct sfs_span value, enum sfsi_python_style style, struct sfs_buf *ret)
{
	struct writer writer = { ret, sfsi_cursor(value), style == SFSI_PYTHON_JSON };
	struct sfsi_head head;
	if (style == SFSI_PYTHON_STR && sfsi_head_read(value, &head) == SFSI_HEAD_GOOD &&
	    head.kind == SFSI_HEAD_STRING)
		return sfs_buf_append(ret, head.body.data, head.body.len);
	return put_value(&writer, 0, false);
}
