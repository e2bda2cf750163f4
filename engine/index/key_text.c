/* Keys as text: how one is shown, what a typed one means, JSON of the original; and equal numbers. */
#include <math.h>
#include "base/cleanup.h"
#include "bytes.h"
#include "document/json.h"
#include "document/json_print.h"
#include "document/msgpack.h"
#include "document/utf8.h"
#include "hash.h"
#include "index/key_private.h"
#include "index/python.h"

/* --- which texts are JSON --- */

static size_t digits_at(const char *p, size_t len)
{
	size_t count = 0;
	while (count < len && p[count] >= '0' && p[count] <= '9')
		count++;
	return count;
}

/* As RFC 8259 has numbers: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool is_number(const char *p, size_t len)
{
	size_t at = len && p[0] == '-', count = digits_at(p + at, len - at);
	if (count == 0 || (count > 1 && p[at] == '0'))
		return false;
	at += count;
	if (at < len && p[at] == '.') {
		count = digits_at(p + at + 1, len - at - 1);
		if (count == 0)
			return false;
		at += 1 + count;
	}
	if (at < len && (p[at] == 'e' || p[at] == 'E')) {
		at++;
		at += at < len && (p[at] == '+' || p[at] == '-');
		count = digits_at(p + at, len - at);
		if (count == 0)
			return false;
		at += count;
	}
	return at == len;
}

/* Read JSON into msgpack. */
static int read_json(struct sfs_span text, struct sfs_buf *ret)
{
	struct sfsi_msgpack_writer writer;
	struct sfs_diag diag = SFS_DIAG_INIT;
	sfsi_msgpack_writer_init(&writer, ret);
	return sfsi_json_read(text, &writer.sink, &diag);
}

/* An array or an object? Without white space around it. */
static int is_container(struct sfs_span text, bool *ret)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	const char *p = text.data;
	*ret = false;
	if (p[text.len - 1] != (p[0] == '{' ? '}' : ']'))
		return 0;
	int err = read_json(text, &value);
	*ret = err == 0;
	return err == SFS_ERR_NO_MEMORY ? err : 0;
}

int sfsi_key_needs_quotes(struct sfs_span text, bool *ret)
{
	const char *p = text.data;
	*ret = text.len == 0; /* nothing is no name */
	if (text.len == 0)
		return 0;
	switch (p[0]) {
	case '"': *ret = true; return 0;
	case 't': *ret = sfs_span_equal(text, sfs_span_str("true")); return 0;
	case 'f': *ret = sfs_span_equal(text, sfs_span_str("false")); return 0;
	case 'n': *ret = sfs_span_equal(text, sfs_span_str("null")); return 0;
	case '{':
	case '[': return is_container(text, ret);
	default: *ret = is_number(p, text.len); return 0;
	}
}

/* --- showing --- */

static int show_quoted(struct sfs_span text, bool cut, struct sfs_buf *ret)
{
	int err = sfsi_json_quote(ret, text);
	ret->len -= !err && cut; /* its end is not known */
	return err;
}

static int show_text(struct sfs_span key, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf plain = SFS_BUF_INIT;
	struct sfsi_key_text text;
	int err = sfsi_key_text_read(key, &text);
	if (!err)
		err = sfsi_key_text_put(&text, &plain);
	if (err < 0)
		return err;
	struct sfs_span shown = sfs_buf_span(&plain);
	bool quoted = text.quoted;
	if (text.cut) {
		size_t whole = sfsi_utf8_prefix(shown);
		shown.len = shown.len - whole < 4 ? whole : shown.len;
	} else if (*(const uint8_t *)key.data == KIND_STRING) {
		err = sfsi_key_needs_quotes(shown, &quoted);
	}
	if (err < 0)
		return err;
	return quoted ? show_quoted(shown, text.cut, ret)
		      : sfs_buf_append(ret, shown.data, shown.len);
}

static int show_real(double value, struct sfs_buf *ret)
{
	if (isfinite(value))
		return sfsi_json_print_real(value, ret);
	return sfs_buf_printf(ret, "{\"$float\":\"%s\"}",
			      isnan(value) ? "nan"
			      : value > 0  ? "inf"
					   : "-inf");
}

static int show_number(struct sfs_span key, struct sfs_buf *ret)
{
	struct sfsi_key_number number;
	double real = 0;
	int err = sfsi_key_number_read(key, &number);
	if (!err && number.real) {
		err = sfsi_key_number_real(&number, &real);
		if (!err)
			err = show_real(real, ret);
	} else if (!err && number.count == NUMBER_LARGE) {
		err = sfsi_key_number_digits(&number, ret);
	} else if (!err) {
		err = sfs_buf_printf(ret, "%s%llu", number.minus ? "-" : "",
				     (unsigned long long)number.whole);
	}
	sfs_buf_fini(&number.bcd);
	return err;
}

int sfsi_index_key_show(struct sfs_span key, struct sfs_buf *ret)
{
	size_t old = ret->len;
	int err = 0;
	switch (sfsi_index_key_kind(key)) {
	case SFSI_INDEX_KEY_NULL: return sfs_buf_append(ret, "null", 4);
	case SFSI_INDEX_KEY_BOOLEAN:
		return *(const uint8_t *)key.data == KIND_TRUE ? sfs_buf_append(ret, "true", 4)
							       : sfs_buf_append(ret, "false", 5);
	case SFSI_INDEX_KEY_NUMBER: err = show_number(key, ret); break;
	case SFSI_INDEX_KEY_STRING:
	case SFSI_INDEX_KEY_OTHER: err = show_text(key, ret); break;
	case SFSI_INDEX_KEY_NONE: return SFS_ERR_CORRUPT;
	}
	if (err < 0)
		ret->len = old;
	return err;
}

/* The first of the hashes that a cut key has. False: it is not cut. */
static bool hash_of_cut(struct sfs_span key, uint64_t *ret)
{
	struct sfsi_key_number number;
	struct sfsi_key_text text;
	if (!sfsi_index_key_is_cut(key))
		return false;
	if (sfsi_key_text_read(key, &text) == 0) {
		*ret = sfsi_get_be64(text.hashes);
		return true;
	}
	bool found = sfsi_key_number_read(key, &number) == 0;
	*ret = sfsi_get_be64(number.hashes);
	sfs_buf_fini(&number.bcd);
	return found;
}

int sfsi_index_key_hash(struct sfs_span key, uint64_t *ret)
{
	SFSI_AUTO_BUF struct sfs_buf shown = SFS_BUF_INIT;
	if (hash_of_cut(key, ret))
		return 0;
	int err = sfsi_index_key_show(key, &shown);
	if (!err)
		*ret = sfsi_hash(sfs_buf_span(&shown), 0);
	return err;
}

int sfsi_index_key_json(struct sfs_span key, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	size_t old = ret->len;
	int err = sfsi_index_key_decode(key, &value, NULL);
	if (!err)
		err = sfsi_python_text(sfs_buf_span(&value), SFSI_PYTHON_JSON, ret);
	if (err < 0)
		ret->len = old;
	return err;
}

/* --- typing --- */

int sfsi_index_key_parse(struct sfs_span text, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	bool json = false;
	int err = sfsi_key_needs_quotes(text, &json);
	if (err < 0)
		return err;
	if (text.len == 0 || !json)
		return sfsi_index_key_string(text, ret);
	err = read_json(text, &value);
	if (err == SFS_ERR_BAD_DOCUMENT)
		return *(const char *)text.data == '"' ? SFS_ERR_INVALID : SFS_ERR_LIMIT;
	return err < 0 ? err : sfsi_index_key_encode(sfs_buf_span(&value), ret);
}

/* --- equal numbers --- */

/* A number without fraction, as a key with another tail. */
static int put_with_tail(struct sfs_span key, bool minus, uint8_t tail, struct sfs_buf *ret)
{
	uint8_t last = minus ? (uint8_t)~tail : tail;
	int err = sfs_buf_append(ret, key.data, key.len - 1);
	return err < 0 ? err : sfs_buf_append(ret, &last, 1);
}

static int put_same(struct sfs_span key, bool minus, struct sfs_buf *ret_first,
		    struct sfs_buf *ret_last)
{
	int err = put_with_tail(key, minus, minus ? TAIL_REAL : TAIL_INTEGER, ret_first);
	return err < 0 ? err
		       : put_with_tail(key, minus, minus ? TAIL_INTEGER : TAIL_REAL, ret_last);
}

int sfsi_index_key_same(struct sfs_span key, struct sfs_buf *ret_first, struct sfs_buf *ret_last)
{
	struct sfsi_key_number number = { .count = NUMBER_INFINITE };
	int err = 0;
	if (sfsi_index_key_kind(key) == SFSI_INDEX_KEY_NUMBER)
		err = sfsi_key_number_read(key, &number);
	bool whole = number.count < NUMBER_INFINITE && !number.cut && !(number.fraction > 0);
	sfs_buf_fini(&number.bcd);
	if (err < 0)
		return err;
	if (whole && number.count == 0) {
		err = sfsi_key_put_real(-0.0, ret_first);
		return err < 0 ? err : sfsi_key_put_real(0.0, ret_last);
	}
	if (whole)
		return put_same((struct sfs_span){ key.data, number.len }, number.minus, ret_first,
				ret_last);
	err = sfs_buf_append(ret_first, key.data, key.len);
	return err < 0 ? err : sfs_buf_append(ret_last, key.data, key.len);
}
