/* Values to bodies: see value.h. Recursion is bounded: values are checked, bodies are documents. */
#include <storefs/store.h>
#include "base/cleanup.h"
#include "database/keys.h"
#include "database/value.h"
#include "document/integer.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "document/utf8.h"

struct maker {
	struct sfsi_msgpack_writer writer;
	bool mixed;
	unsigned models; /* that it is inside of */
};

static int make(struct maker *maker, struct sfs_span *rest);

static void skip(struct sfs_span *rest, size_t len)
{
	rest->data = (const uint8_t *)rest->data + len;
	rest->len -= len;
}

static int make_string(struct maker *maker, const struct sfsi_head *head)
{
	struct sfsi_sink *sink = &maker->writer.sink;
	bool text = sfsi_utf8_valid(head->body);
	if (text && head->kind == SFSI_HEAD_BINARY && maker->models)
		text = false;
	return text ? sink->ops->string(sink, head->body) : sink->ops->binary(sink, head->body);
}

static int make_integer(struct maker *maker, const struct sfsi_head *head)
{
	struct sfsi_sink *sink = &maker->writer.sink;
	if (head->kind == SFSI_HEAD_NATURAL && head->natural > INT64_MAX)
		return sink->ops->natural(sink, head->natural);
	return sink->ops->integer(sink, head->kind == SFSI_HEAD_NATURAL ? (int64_t)head->natural
									: head->integer);
}

static int make_list(struct maker *maker, uint32_t count, struct sfs_span *rest)
{
	struct sfsi_sink *sink = &maker->writer.sink;
	int err = sink->ops->array_begin(sink, count);
	for (uint32_t i = 0; !err && i < count; i++)
		err = make(maker, rest);
	return err;
}

#define FEW 8

static bool few_differ(const struct sfsi_image *map)
{
	struct sfsi_image_cursor cursor = SFSI_IMAGE_CURSOR_INIT(map);
	struct sfsi_item items[FEW];
	for (uint32_t i = 0; i < map->count; i++) {
		if (sfsi_image_next(map, &cursor, &items[i]) != 0)
			return false;
		for (uint32_t k = 0; k < i; k++)
			if (sfs_span_equal(items[k].name, items[i].name))
				return false;
	}
	return true;
}

/** Is no key like another one? Then the map is as it stands. (Alike hashes count as alike.) */
static int is_plain(const struct sfsi_image *map, bool *ret)
{
	struct sfsi_image_cursor cursor = SFSI_IMAGE_CURSOR_INIT(map);
	if (map->count <= FEW) {
		*ret = few_differ(map);
		return 0;
	}
	struct sfsi_item item;
	struct sfsi_seen seen;
	int err = sfsi_seen_init(&seen, map->count);
	if (err < 0)
		return err;
	*ret = true;
	while (*ret && sfsi_image_next(map, &cursor, &item) == 0)
		*ret = !sfsi_seen_add(&seen, item.name);
	sfsi_seen_fini(&seen);
	return 0;
}

static int make_pair(struct maker *maker, struct sfs_span name, struct sfs_span value)
{
	struct sfsi_sink *sink = &maker->writer.sink;
	int err = sink->ops->string(sink, name);
	return err < 0 ? err : make(maker, &value);
}

static int make_plain(struct maker *maker, const struct sfsi_image *map)
{
	struct sfsi_sink *sink = &maker->writer.sink;
	struct sfsi_image_cursor cursor = SFSI_IMAGE_CURSOR_INIT(map);
	struct sfsi_item item;
	int err = sink->ops->map_begin(sink, map->count);
	while (!err && sfsi_image_next(map, &cursor, &item) == 0)
		err = make_pair(maker, item.name, item.value);
	return err;
}

static int make_pairs(struct maker *maker, const struct sfsi_pairs *pairs)
{
	struct sfsi_sink *sink = &maker->writer.sink;
	uint32_t count = 0;
	for (size_t i = 0; i < pairs->count; i++)
		count += !pairs->items[i].left_out;
	int err = sink->ops->map_begin(sink, count);
	for (size_t i = 0; !err && i < pairs->count; i++)
		if (!pairs->items[i].left_out)
			err = make_pair(maker, pairs->items[i].name, pairs->items[i].value);
	return err;
}

static int make_resolved(struct maker *maker, const struct sfsi_image *map)
{
	struct sfsi_pairs pairs = { .mixed = map->mixed };
	struct sfsi_image_cursor cursor = SFSI_IMAGE_CURSOR_INIT(map);
	struct sfsi_item item;
	int err = 0;
	while (!err && sfsi_image_next(map, &cursor, &item) == 0)
		err = sfsi_pairs_add(&pairs, &item);
	if (!err)
		err = sfsi_pairs_resolve(&pairs);
	if (!err)
		err = make_pairs(maker, &pairs);
	sfsi_pairs_fini(&pairs);
	return err;
}

static int make_map(struct maker *maker, struct sfs_span bytes, const struct sfsi_head *head)
{
	struct sfsi_image map = {
		.bytes = bytes,
		.root = SFSI_ROOT_MAP,
		.count = head->count,
		.first = head->len,
		.mixed = maker->mixed,
	};
	bool plain = true, model = sfsi_model_name(bytes).data;
	int err = head->count > 1 ? is_plain(&map, &plain) : 0;
	if (err < 0)
		return err;
	maker->models += model;
	err = plain ? make_plain(maker, &map) : make_resolved(maker, &map);
	maker->models -= model;
	return err;
}

/** Make what is at the start of rest, and take it off. */
static int make(struct maker *maker, struct sfs_span *rest)
{
	struct sfsi_sink *sink = &maker->writer.sink;
	struct sfs_span bytes = *rest;
	struct sfsi_head head;
	if (sfsi_head_read(bytes, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	skip(rest, head.len);
	switch (head.kind) {
	case SFSI_HEAD_NULL: return sink->ops->null(sink);
	case SFSI_HEAD_BOOLEAN: return sink->ops->boolean(sink, head.integer != 0);
	case SFSI_HEAD_INTEGER:
	case SFSI_HEAD_NATURAL: return make_integer(maker, &head);
	case SFSI_HEAD_REAL: return sink->ops->real(sink, head.real);
	case SFSI_HEAD_STRING:
	case SFSI_HEAD_BINARY: return make_string(maker, &head);
	case SFSI_HEAD_EXT: return sink->ops->ext(sink, (int8_t)head.integer, head.body);
	case SFSI_HEAD_ARRAY: return make_list(maker, head.count, rest);
	case SFSI_HEAD_MAP: break;
	}
	int err = make_map(maker, bytes, &head);
	*rest = bytes;
	skip(rest, sfsi_msgpack_len(bytes));
	return err;
}

int sfsi_value_body(struct sfs_span value, bool mixed, struct sfs_buf *ret)
{
	struct maker maker = { .mixed = mixed };
	sfsi_msgpack_writer_init(&maker.writer, ret);
	return make(&maker, &value);
}

/* --- what is saved --- */

static int check_ext(const struct sfsi_head *head, struct sfs_diag *diag)
{
	size_t len = head->body.len;
	if (head->integer == SFSI_EXT_BIGINT &&
	    sfsi_integer_read(head->body).kind == SFSI_INTEGER_BIG)
		return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
				    "the integer %.*s does not fit a database, expected one from "
				    "-2^63 to 2^64-1",
				    len < 40 ? (int)len : 40, (const char *)head->body.data);
	if (head->integer < -1)
		return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
				    "an extension of type %lld does not fit a database, expected "
				    "a type from 0 to 127",
				    (long long)head->integer);
	struct sfsi_image image;
	uint8_t bytes[16];
	if (head->integer >= 0)
		return 0;
	if (len == 4 || len == 8 || len == 12) {
		struct sfs_buf encoded = { bytes, 0, sizeof bytes };
		struct sfsi_msgpack_writer writer;
		sfsi_msgpack_writer_init(&writer, &encoded);
		int err = writer.sink.ops->ext(&writer.sink, -1, head->body);
		if (!err && sfsi_image_check(sfs_buf_span(&encoded), &image, NULL) == 0)
			return 0;
	}
	return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
			    "an extension of type -1 that is no time, expected 4, 8 or 12 bytes "
			    "of which nanoseconds are below 10^9");
}

/** A walk over all heads of a value, which knows what is a key. */
struct heads {
	struct sfs_span rest;
	unsigned depth;
	struct place {
		uint64_t left;
		bool map;
	} places[SFS_DEPTH_MAX + 1];
};

static void heads_begin(struct heads *heads, struct sfs_span value)
{
	heads->rest = value;
	heads->depth = 0;
	heads->places[0] = (struct place){ .left = 1 };
}

/** 0: a head, 1: the end, below 0: an error. */
static int heads_next(struct heads *heads, struct sfsi_head *ret, bool *ret_key)
{
	while (heads->depth && heads->places[heads->depth].left == 0)
		heads->depth--;
	struct place *place = &heads->places[heads->depth];
	if (place->left == 0)
		return 1;
	if (sfsi_head_read(heads->rest, ret) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	*ret_key = place->map && place->left % 2 == 0;
	place->left--;
	skip(&heads->rest, ret->len);
	bool map = ret->kind == SFSI_HEAD_MAP;
	if (!map && ret->kind != SFSI_HEAD_ARRAY)
		return 0;
	if (heads->depth == SFS_DEPTH_MAX)
		return SFS_ERR_LIMIT;
	heads->places[++heads->depth] =
		(struct place){ .left = (uint64_t)ret->count * (map ? 2 : 1), .map = map };
	return 0;
}

int sfsi_value_check(struct sfs_span body, struct sfs_diag *diag)
{
	struct heads heads;
	struct sfsi_head head;
	bool key;
	int err;
	heads_begin(&heads, body);
	while ((err = heads_next(&heads, &head, &key)) == 0) {
		if (key && head.kind != SFSI_HEAD_STRING)
			return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
					    "a key that is not a string does not fit a database, "
					    "expected strings as keys");
		err = head.kind == SFSI_HEAD_EXT ? check_ext(&head, diag) : 0;
		if (err < 0)
			return err;
	}
	return err < 0 ? err : 0;
}

/* --- what is written --- */

/** Deeper parts are written anew when anything in them changed: each level reads the value once. */
#define GRAFT_DEPTH 8

struct graft {
	bool mixed;
	struct sfs_buf *out;
};

static int graft_value(const struct graft *graft, struct sfs_span was, struct sfs_span body,
		       unsigned depth);

static int append(const struct graft *graft, struct sfs_span bytes)
{
	return sfs_buf_append(graft->out, bytes.data, bytes.len);
}

/** Items of both are taken in order; one that was not there before is new. */
static int graft_map(const struct graft *graft, const struct sfsi_image *was,
		     const struct sfsi_image *body, unsigned depth)
{
	struct sfsi_image_cursor at = SFSI_IMAGE_CURSOR_INIT(body),
				 old_at = SFSI_IMAGE_CURSOR_INIT(was);
	struct sfsi_item item, old;
	int err = sfsi_msgpack_map_header(graft->out, body->count);
	while (!err && sfsi_image_next(body, &at, &item) == 0) {
		struct sfsi_image_cursor look = old_at;
		bool found = false;
		while (!found && look.seen - old_at.seen < 16 &&
		       sfsi_image_next(was, &look, &old) == 0)
			found = !old.number && sfs_span_equal(old.name, item.name);
		if (found)
			old_at = look;
		err = append(graft, found ? old.key : item.key);
		if (!err)
			err = found ? graft_value(graft, old.value, item.value, depth + 1)
				    : append(graft, item.value);
	}
	return err;
}

static int graft_list(const struct graft *graft, const struct sfsi_image *was,
		      const struct sfsi_image *body, unsigned depth)
{
	struct sfsi_image_cursor at = SFSI_IMAGE_CURSOR_INIT(body),
				 old_at = SFSI_IMAGE_CURSOR_INIT(was);
	struct sfsi_item item, old;
	int err = sfsi_msgpack_list_header(graft->out, body->count);
	while (!err && sfsi_image_next(body, &at, &item) == 0)
		err = sfsi_image_next(was, &old_at, &old) == 0
			      ? graft_value(graft, old.value, item.value, depth + 1)
			      : append(graft, item.value);
	return err;
}

/** A value as an image of its own. */
static struct sfsi_image image_of(struct sfs_span value, bool mixed)
{
	struct sfsi_head head;
	struct sfsi_image image = {
		.bytes = value, .root = SFSI_ROOT_SCALAR, .count = 1, .mixed = mixed
	};
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return image;
	if (head.kind != SFSI_HEAD_MAP && head.kind != SFSI_HEAD_ARRAY)
		return image;
	image.root = head.kind == SFSI_HEAD_MAP ? SFSI_ROOT_MAP : SFSI_ROOT_LIST;
	image.count = head.count;
	image.first = head.len;
	return image;
}

/** Integer keys are never written again: the Python program could not read the file. */
static bool has_numbers(struct sfs_span value)
{
	struct heads heads;
	struct sfsi_head head;
	bool key;
	heads_begin(&heads, value);
	while (heads_next(&heads, &head, &key) == 0)
		if (key && head.kind != SFSI_HEAD_STRING && head.kind != SFSI_HEAD_BINARY)
			return true;
	return false;
}

static int graft_value(const struct graft *graft, struct sfs_span was, struct sfs_span body,
		       unsigned depth)
{
	SFSI_AUTO_BUF struct sfs_buf known = SFS_BUF_INIT;
	int err = sfsi_value_body(was, graft->mixed, &known);
	if (err < 0)
		return err;
	if (sfs_span_equal(sfs_buf_span(&known), body) && !has_numbers(was))
		return append(graft, was);
	struct sfsi_image old = image_of(was, graft->mixed), new = image_of(body, false);
	if (depth == GRAFT_DEPTH || old.root != new.root || new.root == SFSI_ROOT_SCALAR)
		return append(graft, body);
	return new.root == SFSI_ROOT_MAP ? graft_map(graft, &old, &new, depth)
					 : graft_list(graft, &old, &new, depth);
}

int sfsi_value_graft(struct sfs_span was, bool mixed, struct sfs_span body, struct sfs_buf *ret)
{
	struct graft graft = { .mixed = mixed, .out = ret };
	return graft_value(&graft, was, body, 0);
}
