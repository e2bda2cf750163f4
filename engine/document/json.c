/*
 * JSON text to events. yyjson reads the text (numbers stay text, so none loses digits); this walks
 * what it read and adds the rules that it does not know: duplicate keys, depth, the {"$bin": …}
 * words, numbers beyond a double. json_writer.c is the way back, json_where.c finds positions.
 *
 * yyjson keeps the values of a text in one array, in the order of the text: the index of a value is
 * how many values and keys start before it, which is all that a position needs.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <yyjson.h>
#include <storefs/store.h>
#include "document/base64.h"
#include "document/integer.h"
#include "document/json.h"
#include "document/json_where.h"
#include "document/json_word.h"
#include "document/keyset.h"
#include "document/msgpack.h"
#include "document/utf8.h"

struct reader {
	yyjson_val *root;
	yyjson_val *at;                     /* what is read now: for positions */
	struct sfsi_msgpack_writer encoder; /* canonical forms of keys, into keys.encoded */
	struct sfsi_keyset keys;
	struct sfs_buf bytes; /* decoded base64 */
	unsigned depth;
	bool keys_known; /* a key that was checked is emitted again */
	struct sfs_diag *diag;
};

static int walk(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink);

/* Refuse what val says. */
__attribute__((format(printf, 4, 5))) static int fail(struct reader *reader, yyjson_val *val,
						      int err, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(reader->diag->text, sizeof reader->diag->text, fmt, args);
	va_end(args);
	reader->diag->err = err;
	reader->at = val;
	return err;
}

static struct sfs_span text_of(yyjson_val *val)
{
	return (struct sfs_span){ yyjson_get_str(val), yyjson_get_len(val) };
}

static int enter(struct reader *reader, yyjson_val *val)
{
	if (reader->depth == SFS_DEPTH_MAX)
		return fail(reader, val, SFS_ERR_LIMIT, "nested more than %d levels deep",
			    SFS_DEPTH_MAX);
	reader->depth++;
	return 0;
}

static int walk_real(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	yyjson_val number;
	const char *raw = yyjson_get_raw(val);
	size_t len = yyjson_get_len(val);
	const char *end = yyjson_read_number(raw, &number, 0, NULL, NULL);
	if (end != raw + len) {
		char shown[SFSI_SHOW_SIZE];
		sfsi_utf8_show(shown, (struct sfs_span){ raw, len });
		return fail(reader, val, SFS_ERR_BAD_DOCUMENT,
			    "number %s is beyond what a double holds", shown);
	}
	return sink->ops->real(sink, yyjson_get_num(&number));
}

static int walk_number(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	struct sfs_span raw = { yyjson_get_raw(val), yyjson_get_len(val) };
	struct sfsi_integer integer = sfsi_integer_read(raw);
	switch (integer.kind) {
	case SFSI_INTEGER_SIGNED: return sink->ops->integer(sink, integer.value);
	case SFSI_INTEGER_NATURAL: return sink->ops->natural(sink, integer.natural);
	case SFSI_INTEGER_BIG: return sink->ops->bigint(sink, raw);
	case SFSI_INTEGER_NONE: break;
	}
	if (sfs_span_equal(raw, sfs_span_str("-0")))
		return sink->ops->integer(sink, 0);
	return walk_real(reader, val, sink);
}

/* Decode val into reader->bytes. */
static int read_base64(struct reader *reader, yyjson_val *val, const char *word)
{
	reader->bytes.len = 0;
	int err = yyjson_is_str(val) ? sfsi_base64_decode(&reader->bytes, text_of(val))
				     : SFS_ERR_INVALID;
	if (err != SFS_ERR_INVALID)
		return err;
	return fail(reader, val, SFS_ERR_BAD_DOCUMENT,
		    "bad bytes in %s, expected a string of base64 with its padding", word);
}

static int walk_bin(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	int err = read_base64(reader, val, "$bin");
	return err < 0 ? err : sink->ops->binary(sink, sfs_buf_span(&reader->bytes));
}

static bool is_ext_type(yyjson_val *val, int8_t *ret)
{
	if (!yyjson_is_raw(val))
		return false;
	struct sfsi_integer integer = sfsi_integer_read(
		(struct sfs_span){ yyjson_get_raw(val), yyjson_get_len(val) });
	if (integer.kind != SFSI_INTEGER_SIGNED || integer.value < -128 || integer.value > 127)
		return false;
	*ret = (int8_t)integer.value;
	return true;
}

static int walk_ext(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	int8_t type = 0;
	if (!yyjson_is_arr(val) || yyjson_arr_size(val) != 2)
		return fail(reader, val, SFS_ERR_BAD_DOCUMENT,
			    "bad $ext, expected an array of a type and a string of base64");
	yyjson_val *first = yyjson_arr_get_first(val);
	if (!is_ext_type(first, &type))
		return fail(reader, first, SFS_ERR_BAD_DOCUMENT,
			    "bad type in $ext, expected an integer from -128 to 127");
	int err = read_base64(reader, yyjson_arr_get_last(val), "$ext");
	if (err < 0)
		return err;
	struct sfs_span bytes = sfs_buf_span(&reader->bytes);
	if (type == SFSI_EXT_BIGINT && sfsi_integer_read(bytes).kind == SFSI_INTEGER_BIG)
		return sink->ops->bigint(sink, bytes);
	return sink->ops->ext(sink, type, bytes);
}

static int walk_float(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	if (yyjson_equals_str(val, "nan"))
		return sink->ops->real(sink, __builtin_nan(""));
	if (yyjson_equals_str(val, "inf"))
		return sink->ops->real(sink, __builtin_inf());
	if (yyjson_equals_str(val, "-inf"))
		return sink->ops->real(sink, -__builtin_inf());
	return fail(reader, val, SFS_ERR_BAD_DOCUMENT,
		    "bad $float, expected \"nan\", \"inf\" or \"-inf\"");
}

static int check_string_key(struct reader *reader, struct sfsi_keyset_map *map, yyjson_val *key)
{
	if (reader->keys_known)
		return 0;
	int err = sfsi_keyset_add(&reader->keys, map, text_of(key));
	if (err != SFS_ERR_EXISTS)
		return err;
	char shown[SFSI_SHOW_SIZE];
	return fail(reader, key, SFS_ERR_BAD_DOCUMENT, "duplicate key \"%s\"",
		    sfsi_utf8_show(shown, text_of(key)));
}

/* Encode a key to its canonical form, and see whether the map has it. */
static int check_encoded_key(struct reader *reader, struct sfsi_keyset_map *map, yyjson_val *key)
{
	size_t off = reader->keys.encoded.len;
	int err = walk(reader, key, &reader->encoder.sink);
	if (err == 0)
		err = sfsi_keyset_add_encoded(&reader->keys, map, off);
	if (err != SFS_ERR_EXISTS)
		return err;
	return fail(reader, key, SFS_ERR_BAD_DOCUMENT, "duplicate key in $map");
}

/*
 * A key of $map. One that is not a string is walked twice, once for its encoding and once for the
 * sink; inside such a key everything is walked once, so that the cost stays linear.
 */
static int walk_map_key(struct reader *reader, struct sfsi_keyset_map *map, yyjson_val *key,
			struct sfsi_sink *sink)
{
	int err = 0;
	reader->at = key;
	if (yyjson_is_str(key)) {
		err = check_string_key(reader, map, key);
		return err < 0 ? err : sink->ops->string(sink, text_of(key));
	}
	if (reader->keys_known)
		return walk(reader, key, sink);
	err = check_encoded_key(reader, map, key);
	if (err < 0 || sink == &reader->encoder.sink)
		return err;
	reader->keys_known = true;
	err = walk(reader, key, sink);
	reader->keys_known = false;
	return err;
}

static int walk_pair(struct reader *reader, struct sfsi_keyset_map *map, yyjson_val *pair,
		     struct sfsi_sink *sink)
{
	if (!yyjson_is_arr(pair) || yyjson_arr_size(pair) != 2)
		return fail(reader, pair, SFS_ERR_BAD_DOCUMENT,
			    "bad pair in $map, expected an array of a key and a value");
	int err = walk_map_key(reader, map, yyjson_arr_get_first(pair), sink);
	return err < 0 ? err : walk(reader, yyjson_arr_get_last(pair), sink);
}

static int walk_pairs(struct reader *reader, yyjson_val *pairs, struct sfsi_sink *sink)
{
	struct sfsi_keyset_map map;
	size_t encoded = reader->keys.encoded.len;
	yyjson_val *pair;
	yyjson_arr_iter iter = yyjson_arr_iter_with(pairs);
	int err = sink->ops->map_begin(sink, (uint32_t)yyjson_arr_size(pairs));
	sfsi_keyset_open(&reader->keys, &map);
	while (err == 0 && (pair = yyjson_arr_iter_next(&iter)))
		err = walk_pair(reader, &map, pair, sink);
	sfsi_keyset_close(&reader->keys, &map);
	if (sink != &reader->encoder.sink && !reader->keys_known)
		reader->keys.encoded.len = encoded;
	return err < 0 ? err : sink->ops->map_end(sink);
}

static int walk_map(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	if (!yyjson_is_arr(val))
		return fail(reader, val, SFS_ERR_BAD_DOCUMENT,
			    "bad $map, expected an array of pairs");
	int err = enter(reader, val);
	if (err < 0)
		return err;
	err = walk_pairs(reader, val, sink);
	reader->depth--;
	return err;
}

static int walk_members(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	struct sfsi_keyset_map map;
	yyjson_val *key;
	yyjson_obj_iter iter = yyjson_obj_iter_with(val);
	int err = sink->ops->map_begin(sink, (uint32_t)yyjson_obj_size(val));
	sfsi_keyset_open(&reader->keys, &map);
	while (err == 0 && (key = yyjson_obj_iter_next(&iter))) {
		reader->at = key;
		err = check_string_key(reader, &map, key);
		if (err == 0)
			err = sink->ops->string(sink, text_of(key));
		if (err == 0)
			err = walk(reader, yyjson_obj_iter_get_val(key), sink);
	}
	sfsi_keyset_close(&reader->keys, &map);
	return err < 0 ? err : sink->ops->map_end(sink);
}

static int walk_object(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	if (yyjson_obj_size(val) == 1) {
		yyjson_obj_iter iter = yyjson_obj_iter_with(val);
		yyjson_val *key = yyjson_obj_iter_next(&iter);
		yyjson_val *only = yyjson_obj_iter_get_val(key);
		switch (sfsi_json_word_of(text_of(key))) {
		case SFSI_WORD_BIN: return walk_bin(reader, only, sink);
		case SFSI_WORD_EXT: return walk_ext(reader, only, sink);
		case SFSI_WORD_MAP: return walk_map(reader, only, sink);
		case SFSI_WORD_FLOAT: return walk_float(reader, only, sink);
		case SFSI_WORD_NONE: break;
		}
	}
	int err = enter(reader, val);
	if (err < 0)
		return err;
	err = walk_members(reader, val, sink);
	reader->depth--;
	return err;
}

static int walk_array(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	yyjson_val *item;
	yyjson_arr_iter iter = yyjson_arr_iter_with(val);
	int err = enter(reader, val);
	if (err < 0)
		return err;
	err = sink->ops->array_begin(sink, (uint32_t)yyjson_arr_size(val));
	while (err == 0 && (item = yyjson_arr_iter_next(&iter)))
		err = walk(reader, item, sink);
	reader->depth--;
	return err < 0 ? err : sink->ops->array_end(sink);
}

/* Recursion is bounded by enter(). */
static int walk(struct reader *reader, yyjson_val *val, struct sfsi_sink *sink)
{
	reader->at = val;
	switch (yyjson_get_type(val)) {
	case YYJSON_TYPE_NULL: return sink->ops->null(sink);
	case YYJSON_TYPE_BOOL: return sink->ops->boolean(sink, yyjson_get_bool(val));
	case YYJSON_TYPE_RAW: return walk_number(reader, val, sink);
	case YYJSON_TYPE_STR: return sink->ops->string(sink, text_of(val));
	case YYJSON_TYPE_ARR: return walk_array(reader, val, sink);
	case YYJSON_TYPE_OBJ: return walk_object(reader, val, sink);
	default: return SFS_ERR_CORRUPT;
	}
}

static int emit(yyjson_doc *doc, struct sfs_span text, struct sfsi_sink *sink,
		struct sfs_diag *diag)
{
	struct reader reader = { .root = yyjson_doc_get_root(doc), .diag = diag };
	sfsi_keyset_init(&reader.keys);
	sfsi_msgpack_writer_init(&reader.encoder, &reader.keys.encoded);
	int err = walk(&reader, reader.root, sink);
	if (err < 0)
		sfsi_json_where_value(text, (size_t)(reader.at - reader.root), diag);
	sfsi_keyset_fini(&reader.keys);
	sfs_buf_fini(&reader.bytes);
	return err;
}

static int parse_fault(struct sfs_span text, const yyjson_read_err *error, struct sfs_diag *diag)
{
	if (error->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY,
				    "not enough memory for a document of "
				    "%zu bytes",
				    text.len);
	return sfsi_json_where_fault(text, error->pos, error->msg, diag);
}

int sfsi_json_read(struct sfs_span text, struct sfsi_sink *sink, struct sfs_diag *diag)
{
	/* So that everything below always has a diagnostic to fill. */
	struct sfs_diag local = SFS_DIAG_INIT;
	yyjson_read_err error = { 0 };
	if (!diag)
		diag = &local;
	if (text.len > SFS_DOCUMENT_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "the text has %zu bytes, the limit is %zu",
				    text.len, SFS_DOCUMENT_MAX);
	/* The parser's parameter is not const for the sake of another mode; it copies the text. */
	const union {
		const void *borrowed;
		char *text;
	} bytes = { text.data };
	yyjson_doc *doc = yyjson_read_opts(bytes.text, text.len, YYJSON_READ_NUMBER_AS_RAW, NULL,
					   &error);
	if (!doc)
		return parse_fault(text, &error, diag);
	int err = emit(doc, text, sink, diag);
	yyjson_doc_free(doc);
	if (err < 0 && diag->err != err)
		sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	return err;
}
