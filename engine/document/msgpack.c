/*
 * Events to msgpack, with the pack template of msgpack-c: headers in their shortest form. Only the
 * template is used, so no library is linked. msgpack_read.c is the way back.
 */
#include <math.h>
#include <msgpack/pack_define.h>
#include <msgpack/timestamp.h>
#include "document/msgpack.h"

#define msgpack_pack_inline_func(name) static inline int msgpack_pack##name
#define msgpack_pack_inline_func_cint(name) static inline int msgpack_pack##name
#define msgpack_pack_inline_func_fixint(name) static inline int msgpack_pack_fix##name
#define msgpack_pack_user struct sfs_buf *
#define msgpack_pack_append_buffer(out, bytes, len) return sfs_buf_append(out, bytes, len)
#include <msgpack/pack_template.h>

static struct sfs_buf *out_of(struct sfsi_sink *sink)
{
	return ((struct sfsi_msgpack_writer *)sink)->out;
}

static int write_null(struct sfsi_sink *sink)
{
	return msgpack_pack_nil(out_of(sink));
}

static int write_boolean(struct sfsi_sink *sink, bool value)
{
	return value ? msgpack_pack_true(out_of(sink)) : msgpack_pack_false(out_of(sink));
}

static int write_integer(struct sfsi_sink *sink, int64_t value)
{
	return msgpack_pack_int64(out_of(sink), value);
}

static int write_natural(struct sfsi_sink *sink, uint64_t value)
{
	return msgpack_pack_uint64(out_of(sink), value);
}

static int write_ext(struct sfsi_sink *sink, int8_t type, struct sfs_span bytes)
{
	if (bytes.len > UINT32_MAX)
		return SFS_ERR_LIMIT;
	int err = msgpack_pack_ext(out_of(sink), bytes.len, type);
	return err < 0 ? err : sfs_buf_append(out_of(sink), bytes.data, bytes.len);
}

static int write_bigint(struct sfsi_sink *sink, struct sfs_span digits)
{
	return write_ext(sink, SFSI_EXT_BIGINT, digits);
}

static int write_real(struct sfsi_sink *sink, double value)
{
	/* One NaN: sign and payload mean nothing here, and would make equal values differ. */
	return msgpack_pack_double(out_of(sink), isnan(value) ? (double)NAN : value);
}

static int write_string(struct sfsi_sink *sink, struct sfs_span text)
{
	if (text.len > UINT32_MAX)
		return SFS_ERR_LIMIT;
	int err = msgpack_pack_str(out_of(sink), text.len);
	return err < 0 ? err : sfs_buf_append(out_of(sink), text.data, text.len);
}

static int write_binary(struct sfsi_sink *sink, struct sfs_span bytes)
{
	if (bytes.len > UINT32_MAX)
		return SFS_ERR_LIMIT;
	int err = msgpack_pack_bin(out_of(sink), bytes.len);
	return err < 0 ? err : sfs_buf_append(out_of(sink), bytes.data, bytes.len);
}

static int begin_array(struct sfsi_sink *sink, uint32_t count)
{
	return msgpack_pack_array(out_of(sink), count);
}

static int begin_map(struct sfsi_sink *sink, uint32_t count)
{
	return msgpack_pack_map(out_of(sink), count);
}

static int end_container(struct sfsi_sink *sink)
{
	(void)sink;
	return 0;
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
	.array_end = end_container,
	.map_begin = begin_map,
	.map_end = end_container,
};

void sfsi_msgpack_writer_init(struct sfsi_msgpack_writer *writer, struct sfs_buf *out)
{
	writer->sink.ops = &writer_ops;
	writer->out = out;
}

int sfsi_msgpack_map_header(struct sfs_buf *ret, uint32_t count)
{
	return msgpack_pack_map(ret, count);
}

int sfsi_msgpack_list_header(struct sfs_buf *ret, uint32_t count)
{
	return msgpack_pack_array(ret, count);
}
