/*
 * Events to JSON text: a tree of yyjson values, because only the end of a map tells whether it is an
 * object or {"$map": …}, and because yyjson prints numbers in their shortest form.
 *
 * Pretty text of a small but deep document can be huge, so its size is estimated while the tree grows
 * and refused before it is made.
 */
#include <math.h>
#include <stdlib.h>
#include <yyjson.h>
#include <storefs/store.h>
#include "document/base64.h"
#include "document/json.h"
#include "document/json_word.h"
#include "document/utf8.h"

/* A container that is open. */
struct frame {
	yyjson_mut_val *container;   /* array; object; or the array of pairs of a $map */
	yyjson_mut_val *key;         /* map: key that waits for its value */
	uint64_t values;             /* writer->values when it was opened */
	unsigned levels;             /* JSON levels around its items */
	enum { IN_ARRAY, IN_OBJECT, IN_PAIRS } kind;
};

struct sfsi_json_writer {
	struct sfsi_sink sink;
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;
	struct sfs_buf base64;
	uint64_t values;             /* values and keys so far */
	uint64_t estimate;           /* bytes of the pretty text */
	unsigned depth;
	struct frame frames[SFS_DEPTH_MAX];
};

static struct sfsi_json_writer *writer_of(struct sfsi_sink *sink)
{
	return (struct sfsi_json_writer *)(void *)sink;
}

static struct frame *top(struct sfsi_json_writer *writer)
{
	return writer->depth ? &writer->frames[writer->depth - 1] : NULL;
}

/* Count one more value: its own bytes, a separator, a line break and the indent. */
static int estimate(struct sfsi_json_writer *writer, uint64_t len)
{
	unsigned levels = writer->depth ? writer->frames[writer->depth - 1].levels : 0;
	writer->values++;
	writer->estimate += len + 2 + 2 * (uint64_t)levels;
	return writer->estimate > SFS_BUF_MAX ? SFS_ERR_LIMIT : 0;
}

/* The brackets and line breaks of one pair of a $map. */
static void estimate_pair(struct sfsi_json_writer *writer, const struct frame *frame)
{
	writer->estimate += 4 * (uint64_t)frame->levels + 8;
}

static yyjson_mut_val *pair_of(struct sfsi_json_writer *writer, yyjson_mut_val *key,
			       yyjson_mut_val *val)
{
	yyjson_mut_val *pair = yyjson_mut_arr(writer->doc);
	if (!yyjson_mut_arr_append(pair, key) || !yyjson_mut_arr_append(pair, val))
		return NULL;
	return pair;
}

/* The map turns out not to be an object: make pairs of the members so far. */
static int to_pairs(struct sfsi_json_writer *writer, struct frame *frame)
{
	yyjson_mut_val *pairs = yyjson_mut_arr(writer->doc);
	yyjson_mut_obj_iter iter = yyjson_mut_obj_iter_with(frame->container);
	yyjson_mut_val *key;
	writer->estimate += 4 * (writer->values - frame->values) + 16;
	frame->levels += 2;
	while ((key = yyjson_mut_obj_iter_next(&iter))) {
		yyjson_mut_val *val = yyjson_mut_obj_iter_remove(&iter);
		if (!yyjson_mut_arr_append(pairs, pair_of(writer, key, val)))
			return SFS_ERR_NO_MEMORY;
		estimate_pair(writer, frame);
	}
	if (!pairs)
		return SFS_ERR_NO_MEMORY;
	frame->container = pairs;
	frame->kind = IN_PAIRS;
	return 0;
}

static int add_member(struct sfsi_json_writer *writer, struct frame *frame, yyjson_mut_val *val)
{
	yyjson_mut_val *key = frame->key;
	if (!key) {
		frame->key = val;
		return frame->kind == IN_OBJECT && !yyjson_mut_is_str(val) ? to_pairs(writer, frame) : 0;
	}
	frame->key = NULL;
	if (frame->kind == IN_OBJECT)
		return yyjson_mut_obj_add(frame->container, key, val) ? 0 : SFS_ERR_NO_MEMORY;
	estimate_pair(writer, frame);
	yyjson_mut_val *pair = pair_of(writer, key, val);
	return yyjson_mut_arr_append(frame->container, pair) ? 0 : SFS_ERR_NO_MEMORY;
}

/* Put a finished value where it belongs. */
static int add(struct sfsi_json_writer *writer, yyjson_mut_val *val)
{
	struct frame *frame = top(writer);
	if (!val)
		return SFS_ERR_NO_MEMORY;
	if (frame && frame->kind != IN_ARRAY)
		return add_member(writer, frame, val);
	if (frame)
		return yyjson_mut_arr_append(frame->container, val) ? 0 : SFS_ERR_NO_MEMORY;
	if (writer->root)
		return SFS_ERR_INVALID;
	writer->root = val;
	return 0;
}

/* {word: val} */
static yyjson_mut_val *word_object(struct sfsi_json_writer *writer, const char *word,
				   yyjson_mut_val *val)
{
	yyjson_mut_val *object = yyjson_mut_obj(writer->doc);
	return yyjson_mut_obj_add(object, yyjson_mut_str(writer->doc, word), val) ? object : NULL;
}

static int write_null(struct sfsi_sink *sink)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	int err = estimate(writer, 4);
	return err < 0 ? err : add(writer, yyjson_mut_null(writer->doc));
}

static int write_boolean(struct sfsi_sink *sink, bool value)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	int err = estimate(writer, 5);
	return err < 0 ? err : add(writer, yyjson_mut_bool(writer->doc, value));
}

static int write_integer(struct sfsi_sink *sink, int64_t value)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	int err = estimate(writer, value > -10 && value < 100 ? 2 : 20);
	return err < 0 ? err : add(writer, yyjson_mut_sint(writer->doc, value));
}

static int write_natural(struct sfsi_sink *sink, uint64_t value)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	int err = estimate(writer, 20);
	return err < 0 ? err : add(writer, yyjson_mut_uint(writer->doc, value));
}

static int write_bigint(struct sfsi_sink *sink, struct sfs_span digits)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	int err = estimate(writer, digits.len);
	return err < 0 ? err : add(writer, yyjson_mut_rawncpy(writer->doc, digits.data, digits.len));
}

static int write_real(struct sfsi_sink *sink, double value)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	int err = estimate(writer, 25);
	if (err < 0)
		return err;
	if (isfinite(value))
		return add(writer, yyjson_mut_real(writer->doc, value));
	const char *name = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
	return add(writer, word_object(writer, "$float", yyjson_mut_str(writer->doc, name)));
}

static int write_string(struct sfsi_sink *sink, struct sfs_span text)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	int err = estimate(writer, text.len + 2);
	const char *bytes = text.len ? text.data : "";
	return err < 0 ? err : add(writer, yyjson_mut_strncpy(writer->doc, bytes, text.len));
}

static yyjson_mut_val *base64_value(struct sfsi_json_writer *writer, struct sfs_span bytes)
{
	writer->base64.len = 0;
	if (sfsi_base64_encode(&writer->base64, bytes) < 0)
		return NULL;
	const char *text = writer->base64.len ? writer->base64.data : "";
	return yyjson_mut_strncpy(writer->doc, text, writer->base64.len);
}

static int write_binary(struct sfsi_sink *sink, struct sfs_span bytes)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	int err = estimate(writer, (uint64_t)bytes.len / 3 * 4 + 24 + 4 * (uint64_t)writer->depth);
	if (err < 0)
		return err;
	return add(writer, word_object(writer, "$bin", base64_value(writer, bytes)));
}

static int write_ext(struct sfsi_sink *sink, int8_t type, struct sfs_span bytes)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	int err = estimate(writer, (uint64_t)bytes.len / 3 * 4 + 40 + 12 * (uint64_t)writer->depth);
	if (err < 0)
		return err;
	yyjson_mut_val *pair = pair_of(writer, yyjson_mut_sint(writer->doc, type),
				       base64_value(writer, bytes));
	return add(writer, word_object(writer, "$ext", pair));
}

static int open_container(struct sfsi_json_writer *writer, yyjson_mut_val *container, int kind)
{
	if (!container)
		return SFS_ERR_NO_MEMORY;
	if (writer->depth == SFS_DEPTH_MAX)
		return SFS_ERR_LIMIT;
	/* Two brackets, the closing one on a line of its own. */
	unsigned levels = writer->depth ? top(writer)->levels : 0;
	int err = estimate(writer, 3 + 2 * (uint64_t)levels);
	if (err < 0)
		return err;
	writer->frames[writer->depth++] = (struct frame){
		.container = container,
		.values = writer->values,
		.levels = levels + 1,
		.kind = kind,
	};
	return 0;
}

static int begin_array(struct sfsi_sink *sink, uint32_t count)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	(void)count;
	return open_container(writer, yyjson_mut_arr(writer->doc), IN_ARRAY);
}

static int begin_map(struct sfsi_sink *sink, uint32_t count)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	(void)count;
	return open_container(writer, yyjson_mut_obj(writer->doc), IN_OBJECT);
}

static int end_array(struct sfsi_sink *sink)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	if (!writer->depth)
		return SFS_ERR_INVALID;
	yyjson_mut_val *container = top(writer)->container;
	writer->depth--;
	return add(writer, container);
}

/* Would the object be read as one of the words? */
static bool is_word(const struct frame *frame)
{
	if (frame->kind != IN_OBJECT || yyjson_mut_obj_size(frame->container) != 1)
		return false;
	yyjson_mut_obj_iter iter = yyjson_mut_obj_iter_with(frame->container);
	yyjson_mut_val *key = yyjson_mut_obj_iter_next(&iter);
	struct sfs_span text = { yyjson_mut_get_str(key), yyjson_mut_get_len(key) };
	return sfsi_json_word_of(text) != SFSI_WORD_NONE;
}

static int end_map(struct sfsi_sink *sink)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	struct frame *frame = top(writer);
	if (!frame || frame->key)
		return SFS_ERR_INVALID;
	int err = is_word(frame) ? to_pairs(writer, frame) : 0;
	if (err < 0)
		return err;
	writer->depth--;
	if (frame->kind == IN_PAIRS)
		return add(writer, word_object(writer, "$map", frame->container));
	return add(writer, frame->container);
}

static const struct sfsi_sink_ops writer_ops = {
	.null = write_null,
	.boolean = write_boolean,
	.integer = write_integer,
	.natural = write_natural,
	.bigint = write_bigint,
	.real = write_real,
	.string = write_string,
	.binary = write_binary,
	.ext = write_ext,
	.array_begin = begin_array,
	.array_end = end_array,
	.map_begin = begin_map,
	.map_end = end_map,
};

int sfsi_json_writer_new(struct sfsi_json_writer **ret)
{
	struct sfsi_json_writer *writer = malloc(sizeof *writer);
	if (!writer)
		return SFS_ERR_NO_MEMORY;
	/* Frames are written before they are read; clearing 20 KiB would cost more than small
	 * documents do. */
	writer->sink.ops = &writer_ops;
	writer->root = NULL;
	writer->base64 = (struct sfs_buf)SFS_BUF_INIT;
	writer->values = 0;
	writer->estimate = 0;
	writer->depth = 0;
	writer->doc = yyjson_mut_doc_new(NULL);
	if (!writer->doc) {
		free(writer);
		return SFS_ERR_NO_MEMORY;
	}
	*ret = writer;
	return 0;
}

void sfsi_json_writer_free(struct sfsi_json_writer *writer)
{
	if (!writer)
		return;
	yyjson_mut_doc_free(writer->doc);
	sfs_buf_fini(&writer->base64);
	free(writer);
}

struct sfsi_sink *sfsi_json_writer_sink(struct sfsi_json_writer *writer)
{
	return &writer->sink;
}

static int write_error(const yyjson_write_err *error)
{
	if (error->code == YYJSON_WRITE_ERROR_MEMORY_ALLOCATION)
		return SFS_ERR_NO_MEMORY;
	return SFS_ERR_INVALID;
}

int sfsi_json_writer_finish(struct sfsi_json_writer *writer, enum sfsi_json_style style,
			    struct sfs_buf *ret)
{
	yyjson_write_err error = { 0 };
	yyjson_write_flag flags = 0;
	size_t len = 0;
	if (style == SFSI_JSON_PRETTY)
		flags = YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END;
	if (!writer->root || writer->depth)
		return SFS_ERR_INVALID;
	yyjson_mut_doc_set_root(writer->doc, writer->root);
	char *text = yyjson_mut_write_opts(writer->doc, flags, NULL, &len, &error);
	if (!text)
		return write_error(&error);
	int err = sfs_buf_append(ret, text, len);
	free(text);
	return err;
}

/* A character that JSON strings escape. */
static int quote_special(struct sfs_buf *ret, uint8_t c)
{
	static const char letters[] = "\b\t\n\f\r\"\\";
	static const char names[] = "btnfr\"\\";
	const char *at = c ? strchr(letters, c) : NULL;
	if (at)
		return sfs_buf_printf(ret, "\\%c", names[at - letters]);
	return sfs_buf_printf(ret, "\\u%04X", c);
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

int sfsi_json_quote(struct sfs_buf *ret, struct sfs_span text)
{
	const uint8_t *p = text.data;
	size_t old = ret->len, at = 0;
	int err = sfs_buf_append(ret, "\"", 1);
	while (err == 0 && at < text.len) {
		size_t run = at, step = 1;
		while (run < text.len && is_plain(p[run]) &&
		       (step = sfsi_utf8_next(p + run, text.len - run)) > 0)
			run += step;
		err = sfs_buf_append(ret, p + at, run - at);
		if (err == 0 && run < text.len) {
			err = step ? quote_special(ret, p[run]) : sfs_buf_append(ret, "\xef\xbf\xbd", 3);
			run++;
		}
		at = run;
	}
	if (err == 0)
		err = sfs_buf_append(ret, "\"", 1);
	if (err < 0)
		ret->len = old;
	return err;
}
