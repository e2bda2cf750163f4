/* What documents write as an object of one word, in files of Python: see json_python.h. */
#include "base/cleanup.h"
#include "document/base64.h"
#include "document/integer.h"
#include "document/json_python.h"
#include "document/json_word.h"
#include "document/msgpack.h"
#include "schema/value.h"

/** A text at the cursor. */
static bool take_text(struct sfsi_cursor *cursor, struct sfs_span *ret)
{
	struct sfsi_head head;
	if (sfsi_cursor_next(cursor, &head) < 0 || head.kind != SFSI_HEAD_STRING)
		return false;
	*ret = head.body;
	return true;
}

static int put_bin(struct sfs_span text, struct sfsi_msgpack_writer *writer)
{
	SFSI_AUTO_BUF struct sfs_buf bytes = SFS_BUF_INIT;
	int err = sfsi_base64_decode(&bytes, text);
	return err < 0 ? err : writer->sink.ops->binary(&writer->sink, sfs_buf_span(&bytes));
}

static int put_ext(struct sfsi_cursor *cursor, struct sfsi_msgpack_writer *writer)
{
	SFSI_AUTO_BUF struct sfs_buf bytes = SFS_BUF_INIT;
	struct sfsi_head head;
	struct sfs_span text;
	int64_t type;
	if (sfsi_cursor_next(cursor, &head) < 0 || !sfsi_head_integer(&head, &type) ||
	    type < -128 || type > 127 || !take_text(cursor, &text))
		return SFS_ERR_INVALID;
	int err = sfsi_base64_decode(&bytes, text);
	if (!err && type == SFSI_EXT_BIGINT &&
	    sfsi_integer_read(sfs_buf_span(&bytes)).kind == SFSI_INTEGER_BIG)
		return writer->sink.ops->bigint(&writer->sink, sfs_buf_span(&bytes));
	return err < 0 ? err
		       : writer->sink.ops->ext(&writer->sink, (int8_t)type, sfs_buf_span(&bytes));
}

/** A map of any keys, each once. */
static int put_map(struct sfsi_cursor *cursor, uint32_t count, struct sfs_buf *ret)
{
	size_t from = ret->len;
	int err = sfsi_msgpack_map_header(ret, count);
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfsi_head head;
		struct sfs_span key, value;
		if (sfsi_cursor_next(cursor, &head) < 0 || head.kind != SFSI_HEAD_ARRAY ||
		    head.count != 2 || sfsi_cursor_skip(cursor, &key) < 0 ||
		    sfsi_cursor_skip(cursor, &value) < 0)
			return SFS_ERR_INVALID;
		err = sfs_buf_append(ret, key.data, key.len);
		if (!err)
			err = sfs_buf_append(ret, value.data, value.len);
	}
	if (err < 0)
		return err;
	struct sfs_span made = { (const char *)ret->data + from, ret->len - from };
	err = sfsi_msgpack_read(made, &sfsi_sink_null, NULL, NULL);
	return err && err != SFS_ERR_NO_MEMORY ? SFS_ERR_INVALID : err;
}

static int put_float(struct sfs_span text, struct sfsi_msgpack_writer *writer)
{
	const struct sfsi_sink_ops *ops = writer->sink.ops;
	if (sfs_span_equal(text, sfs_span_str("nan")))
		return ops->real(&writer->sink, __builtin_nan(""));
	if (sfs_span_equal(text, sfs_span_str("inf")))
		return ops->real(&writer->sink, __builtin_inf());
	if (sfs_span_equal(text, sfs_span_str("-inf")))
		return ops->real(&writer->sink, -__builtin_inf());
	return SFS_ERR_INVALID;
}

int sfsi_json_python_word(struct sfs_span key, struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_msgpack_writer writer;
	struct sfsi_head head;
	enum sfsi_json_word word = sfsi_json_word_of(key);
	sfsi_msgpack_writer_init(&writer, ret);
	if (word == SFSI_WORD_NONE || sfsi_cursor_next(&cursor, &head) < 0)
		return SFS_ERR_INVALID;
	if (word == SFSI_WORD_BIN && head.kind == SFSI_HEAD_STRING)
		return put_bin(head.body, &writer);
	if (word == SFSI_WORD_FLOAT && head.kind == SFSI_HEAD_STRING)
		return put_float(head.body, &writer);
	if (word == SFSI_WORD_EXT && head.kind == SFSI_HEAD_ARRAY && head.count == 2)
		return put_ext(&cursor, &writer);
	if (word == SFSI_WORD_MAP && head.kind == SFSI_HEAD_ARRAY)
		return put_map(&cursor, head.count, ret);
	return SFS_ERR_INVALID;
}

bool sfsi_json_python_is_word(struct sfs_span key, struct sfs_span value)
{
	SFSI_AUTO_BUF struct sfs_buf made = SFS_BUF_INIT;
	return sfsi_json_word_of(key) != SFSI_WORD_NONE &&
	       sfsi_json_python_word(key, value, &made) == 0;
}
