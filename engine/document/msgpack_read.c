/*
 * msgpack to events, and walks over stored maps. Written by hand rather than with the unpack
 * template of msgpack-c: docs/decisions/0003-msgpack-reader.md says why.
 *
 * Nothing is allocated for a value. Keys that are not strings are read twice, first for their
 * canonical form, as two spellings of one key are one key.
 */
#include <stdarg.h>
#include <stdio.h>
#include <storefs/store.h>
#include "document/integer.h"
#include "document/keyset.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "document/utf8.h"

struct reader {
	struct sfs_span bytes;
	size_t at;                          /* the next head */
	size_t fault;                       /* where the value starts that is read now */
	struct sfsi_msgpack_writer encoder; /* canonical forms of keys, into keys.encoded */
	struct sfsi_keyset keys;
	unsigned depth;
	bool keys_known; /* a key that was checked is emitted again */
	struct sfs_diag *diag;
};

static int walk(struct reader *reader, struct sfsi_sink *sink);

__attribute__((format(printf, 3, 4))) static int fail(struct reader *reader, int err,
						      const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(reader->diag->text, sizeof reader->diag->text, fmt, args);
	va_end(args);
	reader->diag->err = err;
	return err;
}

static struct sfs_span rest(const struct reader *reader)
{
	const uint8_t *start = reader->bytes.data;
	return (struct sfs_span){ start + reader->at, reader->bytes.len - reader->at };
}

static const char *kind_name(enum sfsi_head_kind kind)
{
	switch (kind) {
	case SFSI_HEAD_NULL: return "nil";
	case SFSI_HEAD_BOOLEAN: return "boolean";
	case SFSI_HEAD_INTEGER:
	case SFSI_HEAD_NATURAL: return "integer";
	case SFSI_HEAD_REAL: return "float";
	case SFSI_HEAD_STRING: return "string";
	case SFSI_HEAD_BINARY: return "binary";
	case SFSI_HEAD_EXT: return "extension";
	case SFSI_HEAD_ARRAY: return "array";
	case SFSI_HEAD_MAP: return "map";
	}
	return "value";
}

static int read_head(struct reader *reader, struct sfsi_head *head)
{
	reader->fault = reader->at;
	switch (sfsi_head_read(rest(reader), head)) {
	case SFSI_HEAD_GOOD: reader->at += head->len; return 0;
	case SFSI_HEAD_CUT:
		return fail(reader, SFS_ERR_BAD_DOCUMENT, "unexpected end of the data, expected %s",
			    reader->at < reader->bytes.len ? "the rest of a value" : "a value");
	case SFSI_HEAD_SHORT:
		return fail(reader, SFS_ERR_BAD_DOCUMENT,
			    "unexpected end of the data, the %s needs more "
			    "than the %zu bytes left",
			    kind_name(head->kind), reader->bytes.len - reader->at - head->len);
	case SFSI_HEAD_UNUSED: break;
	}
	return fail(reader, SFS_ERR_BAD_DOCUMENT, "unexpected byte 0xc1, expected a value");
}

static int walk_natural(struct sfsi_sink *sink, uint64_t value)
{
	if (value <= INT64_MAX)
		return sink->ops->integer(sink, (int64_t)value);
	return sink->ops->natural(sink, value);
}

static int check_utf8(struct reader *reader, struct sfs_span text)
{
	size_t good = sfsi_utf8_prefix(text);
	if (good == text.len)
		return 0;
	reader->fault = reader->at - text.len + good;
	return fail(reader, SFS_ERR_BAD_DOCUMENT, "invalid UTF-8 in a string (byte 0x%02x)",
		    ((const uint8_t *)text.data)[good]);
}

static int walk_string(struct reader *reader, struct sfs_span text, struct sfsi_sink *sink)
{
	int err = check_utf8(reader, text);
	return err < 0 ? err : sink->ops->string(sink, text);
}

static int walk_ext(const struct sfsi_head *head, struct sfsi_sink *sink)
{
	if (head->integer == SFSI_EXT_BIGINT &&
	    sfsi_integer_read(head->body).kind == SFSI_INTEGER_BIG)
		return sink->ops->bigint(sink, head->body);
	return sink->ops->ext(sink, (int8_t)head->integer, head->body);
}

static int enter(struct reader *reader)
{
	if (reader->depth == SFS_DEPTH_MAX)
		return fail(reader, SFS_ERR_LIMIT, "nested more than %d levels deep",
			    SFS_DEPTH_MAX);
	reader->depth++;
	return 0;
}

static int walk_array(struct reader *reader, uint32_t count, struct sfsi_sink *sink)
{
	int err = enter(reader);
	if (err < 0)
		return err;
	err = sink->ops->array_begin(sink, count);
	for (uint32_t i = 0; err == 0 && i < count; i++)
		err = walk(reader, sink);
	reader->depth--;
	return err < 0 ? err : sink->ops->array_end(sink);
}

static int walk_string_key(struct reader *reader, struct sfsi_keyset_map *map, struct sfs_span text,
			   struct sfsi_sink *sink)
{
	int err = check_utf8(reader, text);
	if (err == 0 && !reader->keys_known)
		err = sfsi_keyset_add(&reader->keys, map, text);
	if (err == SFS_ERR_EXISTS) {
		char shown[SFSI_SHOW_SIZE];
		return fail(reader, SFS_ERR_BAD_DOCUMENT, "duplicate key \"%s\"",
			    sfsi_utf8_show(shown, text));
	}
	return err < 0 ? err : sink->ops->string(sink, text);
}

/* Encode the key at reader->at to its canonical form, and see whether the map has it. */
static int check_encoded_key(struct reader *reader, struct sfsi_keyset_map *map)
{
	size_t off = reader->keys.encoded.len, start = reader->at;
	int err = walk(reader, &reader->encoder.sink);
	if (err == 0)
		err = sfsi_keyset_add_encoded(&reader->keys, map, off);
	if (err != SFS_ERR_EXISTS)
		return err;
	reader->fault = start;
	return fail(reader, SFS_ERR_BAD_DOCUMENT, "duplicate key in a map");
}

/* Inside a key that is being encoded everything is walked once, so that the cost stays linear. */
static int walk_key(struct reader *reader, struct sfsi_keyset_map *map, struct sfsi_sink *sink)
{
	struct sfsi_head head;
	size_t start = reader->at;
	int err = read_head(reader, &head);
	if (err < 0)
		return err;
	if (head.kind == SFSI_HEAD_STRING)
		return walk_string_key(reader, map, head.body, sink);
	reader->at = start;
	if (reader->keys_known)
		return walk(reader, sink);
	err = check_encoded_key(reader, map);
	if (err < 0 || sink == &reader->encoder.sink)
		return err;
	reader->at = start;
	reader->keys_known = true;
	err = walk(reader, sink);
	reader->keys_known = false;
	return err;
}

static int walk_pairs(struct reader *reader, uint32_t count, struct sfsi_sink *sink)
{
	struct sfsi_keyset_map map;
	size_t encoded = reader->keys.encoded.len;
	int err = sink->ops->map_begin(sink, count);
	sfsi_keyset_open(&reader->keys, &map);
	for (uint32_t i = 0; err == 0 && i < count; i++) {
		err = walk_key(reader, &map, sink);
		if (err == 0)
			err = walk(reader, sink);
	}
	sfsi_keyset_close(&reader->keys, &map);
	if (sink != &reader->encoder.sink && !reader->keys_known)
		reader->keys.encoded.len = encoded;
	return err < 0 ? err : sink->ops->map_end(sink);
}

static int walk_map(struct reader *reader, uint32_t count, struct sfsi_sink *sink)
{
	int err = enter(reader);
	if (err < 0)
		return err;
	err = walk_pairs(reader, count, sink);
	reader->depth--;
	return err;
}

/* Recursion is bounded by enter(). */
static int walk(struct reader *reader, struct sfsi_sink *sink)
{
	struct sfsi_head head;
	int err = read_head(reader, &head);
	if (err < 0)
		return err;
	switch (head.kind) {
	case SFSI_HEAD_NULL: return sink->ops->null(sink);
	case SFSI_HEAD_BOOLEAN: return sink->ops->boolean(sink, head.integer != 0);
	case SFSI_HEAD_INTEGER: return sink->ops->integer(sink, head.integer);
	case SFSI_HEAD_NATURAL: return walk_natural(sink, head.natural);
	case SFSI_HEAD_REAL: return sink->ops->real(sink, head.real);
	case SFSI_HEAD_STRING: return walk_string(reader, head.body, sink);
	case SFSI_HEAD_BINARY: return sink->ops->binary(sink, head.body);
	case SFSI_HEAD_EXT: return walk_ext(&head, sink);
	case SFSI_HEAD_ARRAY: return walk_array(reader, head.count, sink);
	case SFSI_HEAD_MAP: return walk_map(reader, head.count, sink);
	}
	return SFS_ERR_CORRUPT;
}

static int check_end(struct reader *reader)
{
	if (reader->at == reader->bytes.len)
		return 0;
	reader->fault = reader->at;
	return fail(reader, SFS_ERR_BAD_DOCUMENT, "%zu bytes after the document, expected its end",
		    reader->bytes.len - reader->at);
}

int sfsi_msgpack_read(struct sfs_span bytes, struct sfsi_sink *sink, size_t *ret_len,
		      struct sfs_diag *diag)
{
	struct sfs_diag local = SFS_DIAG_INIT;
	struct reader reader = { .bytes = bytes, .diag = diag ? diag : &local };
	if (!bytes.data)
		reader.bytes = sfs_span_str("");
	sfsi_keyset_init(&reader.keys);
	sfsi_msgpack_writer_init(&reader.encoder, &reader.keys.encoded);
	int err = walk(&reader, sink);
	if (err == 0 && !ret_len)
		err = check_end(&reader);
	sfsi_keyset_fini(&reader.keys);
	if (err < 0) {
		if (reader.diag->err != err)
			sfs_diag_set(reader.diag, err, "%s", sfs_err_text(err));
		reader.diag->offset = reader.fault;
		return err;
	}
	if (ret_len)
		*ret_len = reader.at;
	return 0;
}

size_t sfsi_msgpack_len(struct sfs_span bytes)
{
	struct sfs_span left = bytes;
	struct sfsi_head head;
	uint64_t pending = 1;
	for (; pending > 0; pending--) {
		if (sfsi_head_read(left, &head) != SFSI_HEAD_GOOD)
			return 0;
		if (head.kind == SFSI_HEAD_ARRAY)
			pending += head.count;
		else if (head.kind == SFSI_HEAD_MAP)
			pending += 2 * (uint64_t)head.count;
		left.data = (const uint8_t *)left.data + head.len;
		left.len -= head.len;
	}
	return bytes.len - left.len;
}

int sfsi_msgpack_map_init(struct sfsi_msgpack_map *map, struct sfs_span bytes)
{
	struct sfsi_head head;
	if (sfsi_head_read(bytes, &head) != SFSI_HEAD_GOOD || head.kind != SFSI_HEAD_MAP)
		return SFS_ERR_BAD_DOCUMENT;
	map->rest = (struct sfs_span){ (const uint8_t *)bytes.data + head.len,
				       bytes.len - head.len };
	map->left = head.count;
	return 0;
}

int sfsi_msgpack_body_init(struct sfsi_msgpack_map *map, struct sfs_span body)
{
	struct sfsi_head head;
	if (sfsi_head_read(body, &head) == SFSI_HEAD_GOOD && head.kind != SFSI_HEAD_MAP) {
		*map = (struct sfsi_msgpack_map){ .left = 0 };
		return 0;
	}
	return sfsi_msgpack_map_init(map, body);
}

/* Split the next value off; returns it, with len 0 when there is none. */
static struct sfs_span take_value(struct sfsi_msgpack_map *map)
{
	struct sfs_span value = { map->rest.data, sfsi_msgpack_len(map->rest) };
	map->rest.data = (const uint8_t *)map->rest.data + value.len;
	map->rest.len -= value.len;
	return value;
}

int sfsi_msgpack_map_next(struct sfsi_msgpack_map *map, struct sfsi_msgpack_pair *ret)
{
	struct sfsi_head head;
	if (map->left == 0)
		return 1;
	struct sfs_span key = take_value(map);
	struct sfs_span value = take_value(map);
	if (key.len == 0 || value.len == 0 || sfsi_head_read(key, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_BAD_DOCUMENT;
	map->left--;
	*ret = (struct sfsi_msgpack_pair){ .key = key, .value = value };
	if (head.kind == SFSI_HEAD_STRING)
		ret->name = head.body;
	return 0;
}

int sfsi_msgpack_map_select(struct sfs_span map,
			    bool (*keep)(void *arg, const struct sfsi_msgpack_pair *pair),
			    void *arg, struct sfs_buf *ret_pairs, uint32_t *count)
{
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_init(&walk, map);
	while (!err && (err = sfsi_msgpack_map_next(&walk, &pair)) == 0) {
		if (!keep(arg, &pair))
			continue;
		(*count)++;
		err = sfs_buf_append(ret_pairs, pair.key.data, pair.key.len);
		if (!err)
			err = sfs_buf_append(ret_pairs, pair.value.data, pair.value.len);
	}
	return err == 1 ? 0 : err;
}
