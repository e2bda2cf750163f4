/* Keys: from values and back. key_number.c has numbers, key_text.c what is shown and typed. */
#include "index/key.h"
#include <storefs/store.h>
#include "base/cleanup.h"
#include "bytes.h"
#include "document/document.h"
#include "document/integer.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "hash.h"
#include "index/key_private.h"
#include "schema/value.h"

_Static_assert(1 + SFSI_INDEX_WHOLE_MAX + 2 + HASHES <= SFSI_INDEX_KEY_MAX, "strings fit");
_Static_assert(1 + 4 + SFSI_INDEX_WHOLE_MAX + 1 + HASHES <= SFSI_INDEX_KEY_MAX, "numbers fit");

void sfsi_key_hashes(struct sfs_span shown, uint8_t ret[HASHES])
{
	sfsi_put_be64(ret, sfsi_hash(shown, 0));
	sfsi_put_be64(ret + 8, sfsi_hash(shown, 1));
}

/* --- strings and others: escaped bytes and an end --- */

/* Append len escaped bytes at most, never half an escape. Returns how much of text went in. */
static size_t put_escaped(struct sfs_span text, size_t max, struct sfs_buf *ret)
{
	const uint8_t *p = text.data;
	uint8_t *out = (uint8_t *)ret->data + ret->len;
	size_t at = 0, len = 0;
	while (at < text.len) {
		size_t left = text.len - at < max - len ? text.len - at : max - len;
		const uint8_t *zero = memchr(p + at, 0, left);
		size_t run = zero ? (size_t)(zero - (p + at)) : left;
		memcpy(out + len, p + at, run);
		at += run;
		len += run;
		if (!zero || max - len < 2)
			break;
		out[len++] = 0;
		out[len++] = END_ESCAPED;
		at++;
	}
	ret->len += len;
	return at;
}

static int put_bytes(uint8_t kind, struct sfs_span text, bool quoted, struct sfs_span shown,
		     struct sfs_buf *ret)
{
	uint8_t end[2 + HASHES] = { 0, END_WHOLE };
	int err = sfs_buf_reserve(ret, SFSI_INDEX_KEY_MAX);
	if (err < 0)
		return err;
	((uint8_t *)ret->data)[ret->len++] = kind;
	if (text.len == 0 || put_escaped(text, SFSI_INDEX_WHOLE_MAX, ret) == text.len)
		return sfs_buf_append(ret, end, 2);
	end[1] = quoted ? END_CUT_QUOTED : END_CUT;
	sfsi_key_hashes(shown, end + 2);
	return sfs_buf_append(ret, end, sizeof end);
}

int sfsi_index_key_string(struct sfs_span text, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf shown = SFS_BUF_INIT;
	bool quoted = false;
	int err = 0;
	/* Only of one that may be cut it matters how it is shown. */
	if (text.len > SFSI_INDEX_WHOLE_MAX / 2)
		err = sfsi_key_needs_quotes(text, &quoted);
	if (!err && quoted)
		err = sfsi_json_quote(&shown, text);
	if (err < 0)
		return err;
	return put_bytes(KIND_STRING, text, quoted, quoted ? sfs_buf_span(&shown) : text, ret);
}

int sfsi_key_put_other(struct sfs_span json, struct sfs_buf *ret)
{
	return put_bytes(KIND_OTHER, json, false, json, ret);
}

int sfsi_index_key_prefix(struct sfs_span text, struct sfs_buf *ret)
{
	size_t old = ret->len;
	int err = sfs_buf_reserve(ret, SFSI_INDEX_KEY_MAX);
	if (err < 0)
		return err;
	((uint8_t *)ret->data)[ret->len++] = KIND_STRING;
	if (text.len == 0 || put_escaped(text, SFSI_INDEX_WHOLE_MAX, ret) == text.len)
		return 0;
	ret->len = old;
	return SFS_ERR_LIMIT;
}

int sfsi_key_text_read(struct sfs_span bytes, struct sfsi_key_text *ret)
{
	const uint8_t *start = bytes.data, *end = start + bytes.len, *at = start + 1;
	if (bytes.len == 0 || (start[0] != KIND_STRING && start[0] != KIND_OTHER))
		return SFS_ERR_CORRUPT;
	for (;;) {
		at = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
		if (!at || end - at < 2 || (at[1] > END_CUT_QUOTED && at[1] != END_ESCAPED))
			return SFS_ERR_CORRUPT;
		if (at[1] != END_ESCAPED)
			break;
		at += 2;
	}
	size_t len = (size_t)(at - start) - 1;
	ret->cut = at[1] != END_WHOLE;
	ret->quoted = at[1] == END_CUT_QUOTED;
	ret->escaped = (struct sfs_span){ start + 1, len };
	ret->hashes = at + 2;
	/* A cut one is as long as it can be: an escape may have been too much by one. */
	if (len > SFSI_INDEX_WHOLE_MAX || (ret->cut && len < SFSI_INDEX_WHOLE_MAX - 1) ||
	    (ret->cut && end - at < 2 + HASHES) || (ret->quoted && start[0] == KIND_OTHER))
		return SFS_ERR_CORRUPT;
	ret->len = len + 3 + (ret->cut ? HASHES : 0);
	return 0;
}

int sfsi_key_text_put(const struct sfsi_key_text *text, struct sfs_buf *ret)
{
	const uint8_t *p = text->escaped.data, *end = p + text->escaped.len;
	int err = 0;
	while (p < end && !err) {
		const uint8_t *zero = memchr(p, 0, (size_t)(end - p));
		size_t run = (size_t)((zero ? zero + 1 : end) - p);
		err = sfs_buf_append(ret, p, run);
		p += run + (zero ? 1 : 0); /* the zero is part of it, the ff behind it is not */
	}
	return err;
}

/* --- values --- */

/* Text of any value as compact JSON, and from there its key. */
static int encode_other(struct sfs_span value, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf json = SFS_BUF_INIT;
	int err = sfsi_value_json(value, &json);
	if (err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_INVALID)
		err = SFS_ERR_CORRUPT;
	return err < 0 ? err : sfsi_key_put_other(sfs_buf_span(&json), ret);
}

static int encode_ext(struct sfs_span value, const struct sfsi_head *head, struct sfs_buf *ret)
{
	if (head->integer == SFSI_EXT_BIGINT &&
	    sfsi_integer_read(head->body).kind == SFSI_INTEGER_BIG)
		return sfsi_key_put_bigint(head->body, ret);
	return encode_other(value, ret);
}

static int encode(struct sfs_span value, const struct sfsi_head *head, struct sfs_buf *ret)
{
	uint8_t kind = KIND_NULL;
	switch (head->kind) {
	case SFSI_HEAD_BOOLEAN: kind = head->integer ? KIND_TRUE : KIND_FALSE; break;
	case SFSI_HEAD_INTEGER:
		return sfsi_key_put_integer(head->integer < 0,
					    head->integer < 0 ? -(uint64_t)head->integer
							      : (uint64_t)head->integer,
					    ret);
	case SFSI_HEAD_NATURAL: return sfsi_key_put_integer(false, head->natural, ret);
	case SFSI_HEAD_REAL: return sfsi_key_put_real(head->real, ret);
	case SFSI_HEAD_STRING: return sfsi_index_key_string(head->body, ret);
	case SFSI_HEAD_EXT: return encode_ext(value, head, ret);
	case SFSI_HEAD_BINARY:
	case SFSI_HEAD_ARRAY:
	case SFSI_HEAD_MAP: return encode_other(value, ret);
	case SFSI_HEAD_NULL: break;
	}
	return sfs_buf_append(ret, &kind, 1);
}

int sfsi_index_key_encode(struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_head head;
	size_t old = ret->len;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	int err = encode(value, &head, ret);
	if (err < 0)
		ret->len = old;
	return err;
}

static int decode_number(struct sfs_span bytes, struct sfsi_sink *sink, size_t *ret_len)
{
	SFSI_AUTO_BUF struct sfs_buf digits = SFS_BUF_INIT;
	struct sfsi_key_number number;
	double real = 0;
	int err = sfsi_key_number_read(bytes, &number);
	bool large = number.count == NUMBER_LARGE && !number.is_nan;
	*ret_len = number.len;
	if (!err && sink && number.cut)
		err = SFS_ERR_LIMIT;
	if (!err && sink && number.real) {
		err = sfsi_key_number_real(&number, &real);
		if (!err)
			err = sink->ops->real(sink, real);
	} else if (!err && sink && large) {
		err = sfsi_key_number_digits(&number, &digits);
		if (!err)
			err = sink->ops->bigint(sink, sfs_buf_span(&digits));
	} else if (!err && sink && number.minus && number.whole > (uint64_t)INT64_MAX + 1) {
		SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
		err = sfs_buf_printf(&text, "-%llu", (unsigned long long)number.whole);
		if (!err)
			err = sink->ops->bigint(sink, sfs_buf_span(&text));
	} else if (!err && sink) {
		err = number.minus || number.whole <= INT64_MAX
			      ? sink->ops->integer(sink, (int64_t)(number.minus ? -number.whole
										: number.whole))
			      : sink->ops->natural(sink, number.whole);
	}
	sfs_buf_fini(&number.bcd);
	return err;
}

static int decode_text(struct sfs_span bytes, struct sfsi_sink *sink, size_t *ret_len)
{
	SFSI_AUTO_BUF struct sfs_buf plain = SFS_BUF_INIT;
	struct sfsi_key_text text;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_key_text_read(bytes, &text);
	if (err < 0)
		return err;
	*ret_len = text.len;
	if (!sink || text.cut)
		return sink ? SFS_ERR_LIMIT : 0;
	err = sfsi_key_text_put(&text, &plain);
	if (!err && *(const uint8_t *)bytes.data == KIND_STRING)
		return sink->ops->string(sink, sfs_buf_span(&plain));
	if (!err)
		err = sfsi_json_read(sfs_buf_span(&plain), sink, &diag);
	return err == SFS_ERR_BAD_DOCUMENT ? SFS_ERR_CORRUPT : err;
}

static int decode(struct sfs_span bytes, struct sfsi_sink *sink, size_t *ret_len)
{
	uint8_t kind = bytes.len ? *(const uint8_t *)bytes.data : 0;
	*ret_len = 1;
	switch (kind) {
	case KIND_NULL: return sink ? sink->ops->null(sink) : 0;
	case KIND_FALSE:
	case KIND_TRUE: return sink ? sink->ops->boolean(sink, kind == KIND_TRUE) : 0;
	case KIND_STRING:
	case KIND_OTHER: return decode_text(bytes, sink, ret_len);
	default: return decode_number(bytes, sink, ret_len);
	}
}

int sfsi_index_key_decode(struct sfs_span bytes, struct sfs_buf *ret_value, size_t *ret_len)
{
	struct sfsi_msgpack_writer writer;
	size_t old = ret_value ? ret_value->len : 0, len = 0;
	if (ret_value)
		sfsi_msgpack_writer_init(&writer, ret_value);
	int err = decode(bytes, ret_value ? &writer.sink : NULL, &len);
	if (err < 0 && ret_value)
		ret_value->len = old;
	if ((err == 0 || err == SFS_ERR_LIMIT) && ret_len)
		*ret_len = len;
	return err;
}

/* --- questions --- */

bool sfsi_index_key_is_cut(struct sfs_span key)
{
	struct sfsi_key_number number;
	struct sfsi_key_text text;
	if (sfsi_index_key_kind(key) != SFSI_INDEX_KEY_NUMBER)
		return sfsi_key_text_read(key, &text) == 0 && text.cut;
	bool cut = sfsi_key_number_read(key, &number) == 0 && number.cut;
	sfs_buf_fini(&number.bcd);
	return cut;
}

enum sfsi_index_key_kind sfsi_index_key_kind(struct sfs_span key)
{
	uint8_t kind = key.len ? *(const uint8_t *)key.data : 0;
	switch (kind) {
	case KIND_NULL: return SFSI_INDEX_KEY_NULL;
	case KIND_FALSE:
	case KIND_TRUE: return SFSI_INDEX_KEY_BOOLEAN;
	case KIND_STRING: return SFSI_INDEX_KEY_STRING;
	case KIND_OTHER: return SFSI_INDEX_KEY_OTHER;
	default: break;
	}
	return kind >= KIND_NUMBER_MIN && kind <= KIND_NAN ? SFSI_INDEX_KEY_NUMBER
							   : SFSI_INDEX_KEY_NONE;
}

void sfsi_index_key_range(enum sfsi_index_key_kind kind, uint8_t *ret_low, uint8_t *ret_high)
{
	static const uint8_t ranges[][2] = {
		[SFSI_INDEX_KEY_NULL] = { KIND_NULL, KIND_NULL + 1 },
		[SFSI_INDEX_KEY_BOOLEAN] = { KIND_FALSE, KIND_TRUE + 1 },
		[SFSI_INDEX_KEY_NUMBER] = { KIND_NUMBER_MIN, KIND_NAN + 1 },
		[SFSI_INDEX_KEY_STRING] = { KIND_STRING, KIND_STRING + 1 },
		[SFSI_INDEX_KEY_OTHER] = { KIND_OTHER, KIND_OTHER + 1 },
	};
	*ret_low = ranges[kind][0];
	*ret_high = ranges[kind][1];
}
