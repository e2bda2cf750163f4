/*
 * Python's JSON to msgpack: see json_python.h. The text is made UTF-8 first; then one pass over it, with a
 * header put before each container when its end is known.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>
#include <storefs/store.h>
#include "base/array.h"
#include "base/cleanup.h"
#include "document/integer.h"
#include "document/json_python.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "document/utf8.h"
#include "hash.h"

/** A pair of the object that is read; offsets into out. */
struct pair {
	uint64_t hash; /* of the key */
	size_t key, key_end, value, end;
};

struct reader {
	const char *start, *at, *end; /* end[0] is NUL */
	struct sfs_buf *out;
	struct sfsi_msgpack_writer writer; /* to out */
	struct sfs_buf text;               /* a string in the making */
	struct pair *pairs;                /* of all open objects, [len] */
	size_t len, cap;
	unsigned depth;
	struct sfs_diag *diag;
};

/* --- encodings --- */

static int put_code(struct sfs_buf *ret, uint32_t code)
{
	char bytes[4];
	size_t len;
	if (code < 0x80) {
		bytes[0] = (char)code;
		len = 1;
	} else if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		len = 2;
	} else if (code < 0x10000) {
		bytes[0] = (char)(0xe0 | code >> 12);
		bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (code & 0x3f));
		len = 3;
	} else {
		bytes[0] = (char)(0xf0 | code >> 18);
		bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
		bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[3] = (char)(0x80 | (code & 0x3f));
		len = 4;
	}
	return sfs_buf_append(ret, bytes, len);
}

/** One unit of an encoding with units of so many bytes. */
static uint32_t unit_at(const uint8_t *at, unsigned width, bool big)
{
	uint32_t unit = 0;
	for (unsigned i = 0; i < width; i++)
		unit = unit << 8 | at[big ? i : width - 1 - i];
	return unit;
}

static int from_units(struct sfs_span text, unsigned width, bool big, struct sfs_buf *ret)
{
	const uint8_t *at = text.data;
	size_t count = text.len / width;
	int err = text.len % width ? SFS_ERR_BAD_DOCUMENT : 0;
	for (size_t i = 0; i < count && !err; i++) {
		uint32_t code = unit_at(at + i * width, width, big);
		if (width == 2 && code >> 10 == 0x36 && i + 1 < count) {
			uint32_t low = unit_at(at + (i + 1) * width, width, big);
			if (low >> 10 == 0x37) {
				code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
				i++;
			}
		}
		err = code > 0x10ffff ? SFS_ERR_BAD_DOCUMENT : put_code(ret, code);
	}
	return err;
}

/** As json.detect_encoding(): by a byte order mark, or by where the zeros are. */
static int to_utf8(struct sfs_span text, struct sfs_buf *ret)
{
	const uint8_t *b = text.data;
	size_t len = text.len;
	if (len >= 4 && memcmp(b, "\xff\xfe\0\0", 4) == 0)
		return from_units((struct sfs_span){ b + 4, len - 4 }, 4, false, ret);
	if (len >= 4 && memcmp(b, "\0\0\xfe\xff", 4) == 0)
		return from_units((struct sfs_span){ b + 4, len - 4 }, 4, true, ret);
	if (len >= 2 && (memcmp(b, "\xff\xfe", 2) == 0 || memcmp(b, "\xfe\xff", 2) == 0))
		return from_units((struct sfs_span){ b + 2, len - 2 }, 2, b[0] == 0xfe, ret);
	if (len >= 3 && memcmp(b, "\xef\xbb\xbf", 3) == 0)
		return sfs_buf_append(ret, b + 3, len - 3);
	if (len >= 4 && !b[0])
		return from_units(text, b[1] ? 2 : 4, true, ret);
	if (len >= 4 && !b[1])
		return from_units(text, b[2] || b[3] ? 2 : 4, false, ret);
	if (len == 2 && (!b[0] || !b[1]))
		return from_units(text, 2, !b[0], ret);
	return sfs_buf_append(ret, b, len);
}

/* --- faults --- */

static int fail(struct reader *r, const char *what)
{
	uint32_t line = 1;
	const char *from = r->start;
	for (const char *at = r->start; at < r->at; at++) {
		if (*at == '\n') {
			line++;
			from = at + 1;
		}
	}
	if (r->diag) {
		r->diag->line = line;
		r->diag->column = (uint32_t)(r->at - from) + 1;
		r->diag->offset = (uint64_t)(r->at - r->start);
	}
	return sfs_diag_set(r->diag, SFS_ERR_BAD_DOCUMENT, "%s", what);
}

static void skip_space(struct reader *r)
{
	while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
		r->at++;
}

/* --- strings --- */

static bool hex4(const char *at, uint32_t *ret)
{
	uint32_t value = 0;
	for (int i = 0; i < 4; i++) {
		char c = at[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
							: 16;
		/* A text that ends here has a NUL, which is no digit. */
		if (digit > 15)
			return false;
		value = value << 4 | digit;
	}
	*ret = value;
	return true;
}

static int read_escape(struct reader *r)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	uint32_t code, low;
	const char *found = *r->at ? strchr(names, *r->at) : NULL;
	if (found) {
		r->at++;
		return sfs_buf_append(&r->text, &bytes[found - names], 1);
	}
	if (*r->at != 'u' || !hex4(r->at + 1, &code))
		return fail(r, "bad escape in a string");
	r->at += 5;
	if (code >> 10 == 0x36 && r->at[0] == '\\' && r->at[1] == 'u' && hex4(r->at + 2, &low) &&
	    low >> 10 == 0x37) {
		code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
		r->at += 6;
	}
	return put_code(&r->text, code);
}

/** A surrogate as UTF-8 would have it, if there were any. */
static bool is_surrogate(const char *at)
{
	const uint8_t *b = (const uint8_t *)at;
	return b[0] == 0xed && b[1] >= 0xa0 && b[1] <= 0xbf && b[2] >= 0x80 && b[2] <= 0xbf;
}

/** What is between two escapes. */
static int read_run(struct reader *r)
{
	const char *from = r->at;
	while (r->at < r->end && *r->at != '"' && *r->at != '\\') {
		uint8_t c = (uint8_t)*r->at;
		if (c < 0x20)
			return fail(r, "a control character in a string, expected an escape");
		size_t step = c < 0x80 ? 1 : sfsi_utf8_next(r->at, (size_t)(r->end - r->at));
		if (!step && is_surrogate(r->at))
			step = 3;
		if (!step)
			return fail(r, "invalid UTF-8");
		r->at += step;
	}
	return sfs_buf_append(&r->text, from, (size_t)(r->at - from));
}

/** The text of a string into r->text; at stands behind its opening quote. */
static int read_text(struct reader *r)
{
	int err = 0;
	r->text.len = 0;
	for (;;) {
		err = read_run(r);
		if (err < 0)
			return err;
		if (r->at == r->end)
			return fail(r, "the text ends inside a string");
		if (*r->at++ == '"')
			return 0;
		err = read_escape(r);
		if (err < 0)
			return err;
	}
}

static int read_string(struct reader *r)
{
	struct sfsi_sink *sink = &r->writer.sink;
	int err = read_text(r);
	struct sfs_span text = sfs_buf_span(&r->text);
	if (err < 0)
		return err;
	return sfsi_utf8_valid(text) ? sink->ops->string(sink, text)
				     : sink->ops->ext(sink, SFSI_EXT_SURROGATES, text);
}

/* --- numbers and words --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/** The end of a number; *ret_real: it has a fraction or an exponent. */
static const char *number_end(const char *at, bool *ret_real)
{
	if (*at == '-')
		at++;
	if (!is_digit(*at))
		return NULL;
	if (*at == '0')
		at++;
	else
		while (is_digit(*at))
			at++;
	if (at[0] == '.' && is_digit(at[1])) {
		*ret_real = true;
		for (at++; is_digit(*at);)
			at++;
	}
	if (*at == 'e' || *at == 'E') {
		const char *digits = at[1] == '+' || at[1] == '-' ? at + 2 : at + 1;
		if (is_digit(*digits)) {
			*ret_real = true;
			for (at = digits; is_digit(*at);)
				at++;
		}
	}
	return at;
}

static int put_real(struct reader *r, const char *end)
{
	yyjson_val number;
	char first = *r->at;
	const char *stop = yyjson_read_number(r->at, &number, 0, NULL, NULL);
	/* Beyond a double is infinite, as in Python. */
	double value = stop == end ? yyjson_get_num(&number) : first == '-' ? -INFINITY : INFINITY;
	return r->writer.sink.ops->real(&r->writer.sink, value);
}

static int read_number(struct reader *r)
{
	bool real = false;
	struct sfsi_sink *sink = &r->writer.sink;
	const char *end = number_end(r->at, &real);
	if (!end)
		return fail(r, "expected a value");
	struct sfs_span text = { r->at, (size_t)(end - r->at) };
	struct sfsi_integer integer = { .kind = SFSI_INTEGER_NONE };
	int err;
	if (!real)
		integer = sfsi_integer_read(text);
	if (real)
		err = put_real(r, end);
	else if (integer.kind == SFSI_INTEGER_NATURAL)
		err = sink->ops->natural(sink, integer.natural);
	else if (integer.kind == SFSI_INTEGER_BIG)
		err = sink->ops->bigint(sink, text);
	else /* -0 is no integer of its own */
		err = sink->ops->integer(sink, integer.value);
	r->at = end;
	return err;
}

/** null, true, NaN, …; SFS_ERR_NOT_FOUND: none of them. */
static int read_word(struct reader *r)
{
	static const struct {
		const char *text;
		double real;
	} words[] = { { "null", 0 },
		      { "true", 0 },
		      { "false", 0 },
		      { "NaN", (double)NAN },
		      { "Infinity", (double)INFINITY },
		      { "-Infinity", (double)-INFINITY } };
	struct sfsi_sink *sink = &r->writer.sink;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t len = strlen(words[i].text);
		if ((size_t)(r->end - r->at) < len || memcmp(r->at, words[i].text, len) != 0)
			continue;
		r->at += len;
		if (i == 0)
			return sink->ops->null(sink);
		return i < 3 ? sink->ops->boolean(sink, i == 1)
			     : sink->ops->real(sink, words[i].real);
	}
	return SFS_ERR_NOT_FOUND;
}

/* --- containers --- */

/** Put what was written since from behind a header that is not written yet. */
static int put_before(struct reader *r, size_t from, const struct sfs_buf *head)
{
	size_t len = r->out->len - from;
	int err = sfs_buf_append(r->out, head->data, head->len);
	if (err < 0)
		return err;
	char *bytes = r->out->data;
	memmove(bytes + from + head->len, bytes + from, len);
	memcpy(bytes + from, head->data, head->len);
	return 0;
}

static int read_value(struct reader *r);

static int read_array(struct reader *r)
{
	SFSI_AUTO_BUF struct sfs_buf head = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	size_t from = r->out->len;
	uint32_t count = 0;
	skip_space(r);
	if (*r->at == ']') {
		r->at++;
		return r->writer.sink.ops->array_begin(&r->writer.sink, 0);
	}
	for (;; r->at++) {
		int err = read_value(r);
		if (err < 0)
			return err;
		count++;
		skip_space(r);
		if (*r->at == ']')
			break;
		if (*r->at != ',')
			return fail(r, "expected ',' or ']'");
	}
	r->at++;
	sfsi_msgpack_writer_init(&writer, &head);
	int err = writer.sink.ops->array_begin(&writer.sink, count);
	return err < 0 ? err : put_before(r, from, &head);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *one = a, *two = b;
	if (one->hash != two->hash)
		return one->hash < two->hash ? -1 : 1;
	return (one->key > two->key) - (one->key < two->key);
}

static int compare_places(const void *a, const void *b)
{
	const struct pair *one = a, *two = b;
	return (one->key > two->key) - (one->key < two->key);
}

static bool same_key(const struct reader *r, const struct pair *one, const struct pair *two)
{
	const char *bytes = r->out->data;
	size_t len = one->key_end - one->key;
	return one->hash == two->hash && len == two->key_end - two->key &&
	       memcmp(bytes + one->key, bytes + two->key, len) == 0;
}

/** Of pairs with one key the value of the last at the place of the first. Returns how many stay. */
static size_t unite(const struct reader *r, struct pair *pairs, size_t count)
{
	size_t kept = 0;
	qsort(pairs, count, sizeof *pairs, compare_pairs);
	for (size_t i = 0; i < count; i++) {
		if (kept && same_key(r, &pairs[kept - 1], &pairs[i])) {
			pairs[kept - 1].value = pairs[i].value;
			pairs[kept - 1].end = pairs[i].end;
		} else {
			pairs[kept++] = pairs[i];
		}
	}
	qsort(pairs, kept, sizeof *pairs, compare_places);
	return kept;
}

/** May two of the keys be the same one? */
static bool may_repeat(const struct pair *pairs, size_t count)
{
	if (count > 16)
		return true;
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (pairs[i].hash == pairs[j].hash)
				return true;
	return false;
}

/** Only the last of equal keys counts: write the pairs anew, if there are some. */
static int drop_repeated(struct reader *r, size_t from, struct pair *pairs, size_t *count)
{
	SFSI_AUTO_BUF struct sfs_buf made = SFS_BUF_INIT;
	if (!may_repeat(pairs, *count))
		return 0;
	size_t kept = unite(r, pairs, *count);
	if (kept == *count)
		return 0;
	const char *bytes = r->out->data;
	int err = 0;
	for (size_t i = 0; i < kept && !err; i++) {
		err = sfs_buf_append(&made, bytes + pairs[i].key, pairs[i].key_end - pairs[i].key);
		if (!err)
			err = sfs_buf_append(&made, bytes + pairs[i].value,
					     pairs[i].end - pairs[i].value);
	}
	*count = kept;
	r->out->len = from;
	return err < 0 ? err : sfs_buf_append(r->out, made.data, made.len);
}

/** One of the words of documents, that stands for what is no object. */
static int take_word(struct reader *r, size_t from, const struct pair *pair, bool *ret_done)
{
	SFSI_AUTO_BUF struct sfs_buf made = SFS_BUF_INIT;
	const char *bytes = r->out->data;
	struct sfs_span value = { bytes + pair->value, pair->end - pair->value };
	struct sfsi_head head;
	*ret_done = false;
	if (sfsi_head_read((struct sfs_span){ bytes + pair->key, pair->key_end - pair->key },
			   &head) != SFSI_HEAD_GOOD ||
	    head.kind != SFSI_HEAD_STRING || !sfsi_json_python_is_word(head.body, value))
		return 0;
	int err = sfsi_json_python_word(head.body, value, &made);
	if (err)
		return err == SFS_ERR_INVALID ? 0 : err;
	*ret_done = true;
	r->out->len = from;
	return sfs_buf_append(r->out, made.data, made.len);
}

static int read_pair(struct reader *r)
{
	size_t key = r->out->len;
	skip_space(r);
	if (*r->at != '"')
		return fail(r, "expected a string as key");
	r->at++;
	int err = read_string(r);
	size_t value = r->out->len;
	skip_space(r);
	if (!err && *r->at != ':')
		return fail(r, "expected ':'");
	r->at++;
	if (!err)
		err = read_value(r);
	if (!err)
		err = sfsi_array_grow(&r->pairs, r->len, &r->cap, sizeof *r->pairs);
	if (err < 0)
		return err;
	struct sfs_span name = { (const char *)r->out->data + key, value - key };
	r->pairs[r->len++] = (struct pair){ sfsi_hash(name, 0), key, value, value, r->out->len };
	return 0;
}

static int end_object(struct reader *r, size_t from, size_t first)
{
	SFSI_AUTO_BUF struct sfs_buf head = SFS_BUF_INIT;
	struct pair *pairs = r->pairs + first;
	size_t count = r->len - first;
	bool done = false;
	r->len = first;
	int err = drop_repeated(r, from, pairs, &count);
	if (!err && count == 1 && r->depth > 1)
		err = take_word(r, from, &pairs[0], &done);
	if (err < 0 || done)
		return err;
	err = sfsi_msgpack_map_header(&head, (uint32_t)count);
	return err < 0 ? err : put_before(r, from, &head);
}

static int read_object(struct reader *r)
{
	size_t from = r->out->len, first = r->len;
	skip_space(r);
	if (*r->at == '}') {
		r->at++;
		return r->writer.sink.ops->map_begin(&r->writer.sink, 0);
	}
	for (;; r->at++) {
		int err = read_pair(r);
		if (err < 0)
			return err;
		skip_space(r);
		if (*r->at == '}')
			break;
		if (*r->at != ',')
			return fail(r, "expected ',' or '}'");
	}
	r->at++;
	return end_object(r, from, first);
}

static int read_container(struct reader *r, bool object)
{
	if (r->depth == SFS_DEPTH_MAX)
		return sfs_diag_set(r->diag, SFS_ERR_LIMIT, "nested more than %d levels deep",
				    SFS_DEPTH_MAX);
	r->at++;
	r->depth++;
	int err = object ? read_object(r) : read_array(r);
	r->depth--;
	return err;
}

static int read_value(struct reader *r)
{
	skip_space(r);
	if (*r->at == '{' || *r->at == '[')
		return read_container(r, *r->at == '{');
	if (*r->at == '"') {
		r->at++;
		return read_string(r);
	}
	int err = read_word(r);
	return err == SFS_ERR_NOT_FOUND ? read_number(r) : err;
}

/* --- all of it --- */

static int read_all(struct reader *r)
{
	int err = read_value(r);
	if (err < 0)
		return err;
	skip_space(r);
	return r->at == r->end ? 0 : fail(r, "text after the value");
}

int sfsi_json_python_read(struct sfs_span text, struct sfs_buf *ret, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf utf8 = SFS_BUF_INIT;
	size_t before = ret->len;
	if (text.len > SFSI_JSON_PYTHON_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "more than %zu bytes",
				    SFSI_JSON_PYTHON_MAX);
	int err = to_utf8(text, &utf8);
	if (err == SFS_ERR_BAD_DOCUMENT)
		sfs_diag_set(diag, err, "invalid UTF-16 or UTF-32");
	size_t len = utf8.len;
	if (!err)
		err = sfs_buf_append(&utf8, "", 1);
	if (err < 0)
		return err;
	struct reader r = { .start = utf8.data, .at = utf8.data, .out = ret, .diag = diag };
	r.end = r.start + len;
	sfsi_msgpack_writer_init(&r.writer, ret);
	err = read_all(&r);
	sfs_buf_fini(&r.text);
	free(r.pairs);
	if (err < 0)
		ret->len = before;
	return err;
}
