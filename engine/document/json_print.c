/*
 * Prints a logged value as JSON text. Every line break and space of the canonical form is made
 * here, so that it is the same with every release of every library; yyjson only finds the shortest
 * digits of a double.
 */
#include <math.h>
#include <stdio.h>
#include <storefs/store.h>
#include <yyjson.h>
#include "document/base64.h"
#include "document/integer.h"
#include "document/json_print.h"
#include "document/msgpack_head.h"

enum frame_kind {
	IN_ARRAY,
	IN_OBJECT,
	IN_PAIRS, /* of a {"$map": …} */
};

/* A container that is open. */
struct frame {
	enum frame_kind kind;
	bool first;     /* nothing was printed in it */
	bool at_value;  /* map: the next one is a value */
	uint64_t left;  /* values and keys that are not printed yet */
	unsigned level; /* of the container itself */
};

struct printer {
	struct sfs_buf *out;
	bool pretty;
	struct sfs_span rest; /* log that is not printed yet */
	const uint8_t *maps;  /* what the next map is */
	const uint8_t *maps_end;
	unsigned level; /* of what is printed now */
	unsigned depth;
	struct frame frames[SFS_DEPTH_MAX];
};

static int put(struct printer *printer, const char *text)
{
	return sfs_buf_append(printer->out, text, strlen(text));
}

/* A line break and the indent of a level. */
static int put_line(struct printer *printer, unsigned level)
{
	if (!printer->pretty)
		return 0;
	size_t need = 1 + 2 * (size_t)level;
	int err = sfs_buf_reserve(printer->out, need);
	if (err < 0)
		return err;
	char *end = (char *)printer->out->data + printer->out->len;
	end[0] = '\n';
	memset(end + 1, ' ', need - 1);
	printer->out->len += need;
	return 0;
}

/* text, and then a line break and the indent of a level. */
static int put_then_line(struct printer *printer, const char *text, unsigned level)
{
	int err = put(printer, text);
	return err < 0 ? err : put_line(printer, level);
}

/* A line break and the indent of a level, and then text. */
static int put_on_line(struct printer *printer, unsigned level, const char *text)
{
	int err = put_line(printer, level);
	return err < 0 ? err : put(printer, text);
}

static int put_colon(struct printer *printer)
{
	return put(printer, printer->pretty ? ": " : ":");
}

static int put_quoted(struct printer *printer, const char *word)
{
	return sfsi_json_quote(printer->out, sfs_span_str(word));
}

/* The beginning of {word: …; what follows is one level deeper. */
static int open_word(struct printer *printer, const char *word, unsigned level)
{
	int err = put_then_line(printer, "{", level + 1);
	if (err == 0)
		err = put_quoted(printer, word);
	return err < 0 ? err : put_colon(printer);
}

static int close_word(struct printer *printer, unsigned level)
{
	return put_on_line(printer, level, "}");
}

static int put_integer(struct printer *printer, bool minus, uint64_t magnitude)
{
	char digits[24];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + magnitude % 10);
		magnitude /= 10;
	} while (magnitude);
	if (minus)
		digits[--at] = '-';
	return sfs_buf_append(printer->out, digits + at, sizeof digits - at);
}

static int put_signed(struct printer *printer, int64_t value)
{
	return put_integer(printer, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

int sfsi_json_print_real(double value, struct sfs_buf *ret)
{
	_Alignas(max_align_t) char memory[1024];
	yyjson_alc pool;
	yyjson_val number = { 0 };
	size_t len = 0;
	if (!yyjson_alc_pool_init(&pool, memory, sizeof memory) || !yyjson_set_real(&number, value))
		return SFS_ERR_INVALID;
	const char *text = yyjson_val_write_opts(&number, 0, &pool, &len, NULL);
	return text ? sfs_buf_append(ret, text, len) : SFS_ERR_NO_MEMORY;
}

static int put_real(struct printer *printer, double value)
{
	if (isfinite(value))
		return sfsi_json_print_real(value, printer->out);
	int err = open_word(printer, "$float", printer->level);
	if (err == 0)
		err = put_quoted(printer, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
	return err < 0 ? err : close_word(printer, printer->level);
}

static int put_base64(struct printer *printer, struct sfs_span bytes)
{
	int err = put(printer, "\"");
	if (err == 0)
		err = sfsi_base64_encode(printer->out, bytes);
	return err < 0 ? err : put(printer, "\"");
}

static int put_binary(struct printer *printer, struct sfs_span bytes)
{
	int err = open_word(printer, "$bin", printer->level);
	if (err == 0)
		err = put_base64(printer, bytes);
	return err < 0 ? err : close_word(printer, printer->level);
}

static int put_ext(struct printer *printer, int64_t type, struct sfs_span bytes)
{
	unsigned level = printer->level;
	if (type == SFSI_EXT_BIGINT && sfsi_integer_read(bytes).kind == SFSI_INTEGER_BIG)
		return sfs_buf_append(printer->out, bytes.data, bytes.len);
	int err = open_word(printer, "$ext", level);
	if (err == 0)
		err = put_then_line(printer, "[", level + 2);
	if (err == 0)
		err = put_signed(printer, type);
	if (err == 0)
		err = put_then_line(printer, ",", level + 2);
	if (err == 0)
		err = put_base64(printer, bytes);
	if (err == 0)
		err = put_on_line(printer, level + 1, "]");
	return err < 0 ? err : close_word(printer, level);
}

static int push(struct printer *printer, enum frame_kind kind, uint64_t left)
{
	if (printer->depth == SFS_DEPTH_MAX)
		return SFS_ERR_LIMIT;
	printer->frames[printer->depth++] = (struct frame){
		.kind = kind,
		.first = true,
		.left = left,
		.level = printer->level,
	};
	return 0;
}

static int open_array(struct printer *printer, uint32_t count)
{
	int err = put(printer, "[");
	return err < 0 ? err : push(printer, IN_ARRAY, count);
}

static int open_map(struct printer *printer, uint32_t count)
{
	if (printer->maps == printer->maps_end)
		return SFS_ERR_INVALID;
	bool pairs = *printer->maps++;
	int err = put(printer, "{");
	if (err == 0 && pairs)
		err = put_line(printer, printer->level + 1);
	if (err == 0 && pairs)
		err = put(printer, printer->pretty ? "\"$map\": [" : "\"$map\":[");
	return err < 0 ? err : push(printer, pairs ? IN_PAIRS : IN_OBJECT, 2 * (uint64_t)count);
}

/* What stands before a value or key inside a container; sets the level of what follows. */
static int lead_in(struct printer *printer, struct frame *frame)
{
	unsigned level = frame->level + (frame->kind == IN_PAIRS ? 3 : 1);
	bool value = frame->at_value;
	printer->level = level;
	if (frame->kind != IN_ARRAY)
		frame->at_value = !value;
	if (value)
		return frame->kind == IN_OBJECT ? put_colon(printer)
						: put_then_line(printer, ",", level);
	int err = frame->first ? 0 : put(printer, ",");
	frame->first = false;
	if (err == 0 && frame->kind == IN_PAIRS)
		err = put_on_line(printer, level - 1, "[");
	return err < 0 ? err : put_line(printer, level);
}

static int put_value(struct printer *printer, const struct sfsi_head *head)
{
	switch (head->kind) {
	case SFSI_HEAD_NULL: return put(printer, "null");
	case SFSI_HEAD_BOOLEAN: return put(printer, head->integer ? "true" : "false");
	case SFSI_HEAD_INTEGER: return put_signed(printer, head->integer);
	case SFSI_HEAD_NATURAL: return put_integer(printer, false, head->natural);
	case SFSI_HEAD_REAL: return put_real(printer, head->real);
	case SFSI_HEAD_STRING: return sfsi_json_quote(printer->out, head->body);
	case SFSI_HEAD_BINARY: return put_binary(printer, head->body);
	case SFSI_HEAD_EXT: return put_ext(printer, head->integer, head->body);
	case SFSI_HEAD_ARRAY: return open_array(printer, head->count);
	case SFSI_HEAD_MAP: return open_map(printer, head->count);
	}
	return SFS_ERR_INVALID;
}

static int close_frame(struct printer *printer, const struct frame *frame)
{
	int err = 0;
	if (frame->kind == IN_PAIRS) {
		err = put_on_line(printer, frame->level + 1, "]");
		return err < 0 ? err : put_on_line(printer, frame->level, "}");
	}
	if (!frame->first)
		err = put_line(printer, frame->level);
	return err < 0 ? err : put(printer, frame->kind == IN_ARRAY ? "]" : "}");
}

/* A value is complete: close the pair, and the containers, that are complete with it. */
static int after_value(struct printer *printer)
{
	while (printer->depth > 0) {
		struct frame *frame = &printer->frames[printer->depth - 1];
		int err = 0;
		if (frame->kind == IN_PAIRS && !frame->at_value && !frame->first)
			err = put_on_line(printer, frame->level + 2, "]");
		if (err < 0 || frame->left > 0)
			return err;
		printer->depth--;
		err = close_frame(printer, frame);
		if (err < 0)
			return err;
	}
	return 0;
}

static int print_next(struct printer *printer)
{
	struct sfsi_head head;
	int err = 0;
	if (sfsi_head_read(printer->rest, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_INVALID;
	printer->rest.data = (const uint8_t *)printer->rest.data + head.len;
	printer->rest.len -= head.len;
	if (printer->depth > 0) {
		struct frame *frame = &printer->frames[printer->depth - 1];
		frame->left--;
		err = lead_in(printer, frame);
	}
	if (err == 0)
		err = put_value(printer, &head);
	bool opened = (head.kind == SFSI_HEAD_ARRAY || head.kind == SFSI_HEAD_MAP) &&
		      head.count > 0;
	if (err < 0 || opened)
		return err;
	return after_value(printer);
}

static int print(struct printer *printer)
{
	int err;
	do
		err = print_next(printer);
	while (err == 0 && printer->depth > 0);
	if (err == 0 && printer->rest.len > 0)
		return SFS_ERR_INVALID;
	if (err == 0 && printer->pretty)
		err = put(printer, "\n");
	return err;
}

/* As print(), but forget the text piece by piece: for values whose text may be huge. */
static int measure(struct printer *printer)
{
	uint64_t total = 1;
	int err;
	do {
		err = print_next(printer);
		total += printer->out->len;
		printer->out->len = 0;
		if (err == 0 && total > SFS_BUF_MAX)
			err = SFS_ERR_LIMIT;
	} while (err == 0 && printer->depth > 0);
	return err;
}

/* Frames are written before they are read: clearing them would cost more than printing a small
 * document does. */
static void printer_init(struct printer *printer, const struct sfsi_json_log *log,
			 enum sfsi_json_style style, struct sfs_buf *out)
{
	printer->out = out;
	printer->pretty = style == SFSI_JSON_PRETTY;
	printer->rest = sfs_buf_span(&log->values);
	printer->maps = log->maps.data;
	printer->maps_end = printer->maps ? printer->maps + log->maps.len : NULL;
	printer->level = 0;
	printer->depth = 0;
}

int sfsi_json_print(const struct sfsi_json_log *log, enum sfsi_json_style style,
		    struct sfs_buf *ret)
{
	struct printer printer;
	size_t old = ret->len;
	printer_init(&printer, log, style, ret);
	int err = print(&printer);
	if (err < 0)
		ret->len = old;
	return err;
}

int sfsi_json_print_check(const struct sfsi_json_log *log, enum sfsi_json_style style)
{
	struct printer printer;
	struct sfs_buf piece = SFS_BUF_INIT;
	printer_init(&printer, log, style, &piece);
	int err = measure(&printer);
	sfs_buf_fini(&piece);
	return err;
}
