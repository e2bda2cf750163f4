/*
 * Events to JSON text, first half: a log of the value. Only the end of a map tells whether it is
 * an object or {"$map": …}, so nothing can be printed before it; the log is msgpack, about a byte
 * for each small value, and a byte for each map that says which of the two it is.
 * docs/decisions/0007-json-text-is-ours.md says why it is not a tree of yyjson.
 */
#include <stdlib.h>
#include <storefs/store.h>
#include "document/json.h"
#include "document/json_print.h"
#include "document/json_word.h"
#include "document/msgpack.h"

/* A container that is open. */
struct frame {
	uint64_t left; /* values and keys that have not come yet */
	size_t map;    /* its place in log.maps */
	bool is_map;
	bool only; /* a map with one key */
};

struct sfsi_json_writer {
	struct sfsi_sink sink;
	struct sfsi_msgpack_writer packer; /* into log.values */
	struct sfsi_json_log log;
	bool whole; /* one value is complete */
	unsigned depth;
	struct frame frames[SFS_DEPTH_MAX];
};

static struct sfsi_json_writer *writer_of(struct sfsi_sink *sink)
{
	return (struct sfsi_json_writer *)sink;
}

static struct sfsi_sink *packer_of(struct sfsi_sink *sink)
{
	return &writer_of(sink)->packer.sink;
}

static void make_pairs(struct sfsi_json_writer *writer, const struct frame *frame)
{
	((char *)writer->log.maps.data)[frame->map] = 1;
}

/* A value or key comes; name is NULL when it is not a string. */
static int note(struct sfsi_json_writer *writer, const struct sfs_span *name)
{
	if (writer->depth == 0) {
		if (writer->whole)
			return SFS_ERR_INVALID;
		writer->whole = true;
		return 0;
	}
	struct frame *frame = &writer->frames[writer->depth - 1];
	if (frame->left == 0)
		return SFS_ERR_INVALID;
	bool is_key = frame->is_map && frame->left % 2 == 0;
	frame->left--;
	if (is_key && (!name || (frame->only && sfsi_json_word_of(*name) != SFSI_WORD_NONE)))
		make_pairs(writer, frame);
	return 0;
}

static int log_null(struct sfsi_sink *sink)
{
	int err = note(writer_of(sink), NULL);
	return err < 0 ? err : packer_of(sink)->ops->null(packer_of(sink));
}

static int log_boolean(struct sfsi_sink *sink, bool value)
{
	int err = note(writer_of(sink), NULL);
	return err < 0 ? err : packer_of(sink)->ops->boolean(packer_of(sink), value);
}

static int log_integer(struct sfsi_sink *sink, int64_t value)
{
	int err = note(writer_of(sink), NULL);
	return err < 0 ? err : packer_of(sink)->ops->integer(packer_of(sink), value);
}

static int log_natural(struct sfsi_sink *sink, uint64_t value)
{
	int err = note(writer_of(sink), NULL);
	return err < 0 ? err : packer_of(sink)->ops->natural(packer_of(sink), value);
}

static int log_bigint(struct sfsi_sink *sink, struct sfs_span digits)
{
	int err = note(writer_of(sink), NULL);
	return err < 0 ? err : packer_of(sink)->ops->bigint(packer_of(sink), digits);
}

static int log_real(struct sfsi_sink *sink, double value)
{
	int err = note(writer_of(sink), NULL);
	return err < 0 ? err : packer_of(sink)->ops->real(packer_of(sink), value);
}

static int log_string(struct sfsi_sink *sink, struct sfs_span text)
{
	int err = note(writer_of(sink), &text);
	return err < 0 ? err : packer_of(sink)->ops->string(packer_of(sink), text);
}

static int log_binary(struct sfsi_sink *sink, struct sfs_span bytes)
{
	int err = note(writer_of(sink), NULL);
	return err < 0 ? err : packer_of(sink)->ops->binary(packer_of(sink), bytes);
}

static int log_ext(struct sfsi_sink *sink, int8_t type, struct sfs_span bytes)
{
	int err = note(writer_of(sink), NULL);
	return err < 0 ? err : packer_of(sink)->ops->ext(packer_of(sink), type, bytes);
}

static int push(struct sfsi_json_writer *writer, struct frame frame)
{
	if (writer->depth == SFS_DEPTH_MAX)
		return SFS_ERR_LIMIT;
	int err = note(writer, NULL);
	if (err == 0)
		writer->frames[writer->depth++] = frame;
	return err;
}

static int begin_array(struct sfsi_sink *sink, uint32_t count)
{
	int err = push(writer_of(sink), (struct frame){ .left = count });
	return err < 0 ? err : packer_of(sink)->ops->array_begin(packer_of(sink), count);
}

static int begin_map(struct sfsi_sink *sink, uint32_t count)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	struct frame frame = {
		.left = 2 * (uint64_t)count,
		.map = writer->log.maps.len,
		.is_map = true,
		.only = count == 1,
	};
	int err = push(writer, frame);
	if (err == 0)
		err = sfs_buf_append(&writer->log.maps, "", 1);
	return err < 0 ? err : packer_of(sink)->ops->map_begin(packer_of(sink), count);
}

static int end_container(struct sfsi_sink *sink)
{
	struct sfsi_json_writer *writer = writer_of(sink);
	if (writer->depth == 0 || writer->frames[writer->depth - 1].left > 0)
		return SFS_ERR_INVALID;
	writer->depth--;
	return 0;
}

static const struct sfsi_sink_ops writer_ops = {
	.null = log_null,
	.boolean = log_boolean,
	.integer = log_integer,
	.natural = log_natural,
	.bigint = log_bigint,
	.real = log_real,
	.string = log_string,
	.binary = log_binary,
	.ext = log_ext,
	.array_begin = begin_array,
	.array_end = end_container,
	.map_begin = begin_map,
	.map_end = end_container,
};

int sfsi_json_writer_new(struct sfsi_json_writer **ret)
{
	/* Not cleared as a whole: frames are written before they are read. */
	struct sfsi_json_writer *writer = malloc(sizeof *writer);
	if (!writer)
		return SFS_ERR_NO_MEMORY;
	writer->sink.ops = &writer_ops;
	writer->log = (struct sfsi_json_log){ SFS_BUF_INIT, SFS_BUF_INIT };
	writer->whole = false;
	writer->depth = 0;
	sfsi_msgpack_writer_init(&writer->packer, &writer->log.values);
	*ret = writer;
	return 0;
}

void sfsi_json_writer_free(struct sfsi_json_writer *writer)
{
	if (!writer)
		return;
	sfs_buf_fini(&writer->log.values);
	sfs_buf_fini(&writer->log.maps);
	free(writer);
}

struct sfsi_sink *sfsi_json_writer_sink(struct sfsi_json_writer *writer)
{
	return &writer->sink;
}

int sfsi_json_writer_finish(struct sfsi_json_writer *writer, enum sfsi_json_style style,
			    struct sfs_buf *ret)
{
	if (!writer->whole || writer->depth > 0)
		return SFS_ERR_INVALID;
	return ret ? sfsi_json_print(&writer->log, style, ret)
		   : sfsi_json_print_check(&writer->log, style);
}
