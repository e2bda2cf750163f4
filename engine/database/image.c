/*
 * Images: the one pass that checks everything, and walks over what was checked. Which bytes the Python
 * program calls corrupt is what its reader does, limit by limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <storefs/store.h>
#include "database/image.h"
#include "database/keys.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "document/utf8.h"

/**
 * How deep the Python program reads: 495 lists or 991 maps, as a list costs it two calls and a map one.
 */
#define PYTHON_CALLS 991

/** A container that the check is inside of. */
struct level {
	uint64_t left; /* values that follow in it */
	bool map;
};

struct check {
	struct sfs_span bytes;
	size_t at;
	struct level levels[PYTHON_CALLS + 1];
	unsigned depth, calls;
	bool deep; /* deeper than a document can be */
	bool mixed;
	struct sfs_diag *diag;
};

static int corrupt(struct check *check, const char *what)
{
	if (check->diag)
		check->diag->offset = check->at;
	return sfs_diag_set(check->diag, SFS_ERR_CORRUPT, "%s at byte %zu", what, check->at);
}

static bool is_key(const struct check *check)
{
	const struct level *level = &check->levels[check->depth];
	return check->depth && level->map && level->left % 2 == 0;
}

static int check_key(struct check *check, const struct sfsi_head *head)
{
	if (head->kind == SFSI_HEAD_INTEGER || head->kind == SFSI_HEAD_NATURAL)
		return 0;
	if (head->kind != SFSI_HEAD_STRING && head->kind != SFSI_HEAD_BINARY)
		return corrupt(check, "a key that is not a string");
	return sfsi_utf8_valid(head->body) ? 0 : corrupt(check, "a key that is not UTF-8");
}

/** What the Python program knows of extensions: 0 to 127, and -1 for a moment in time. */
static int check_ext(struct check *check, const struct sfsi_head *head)
{
	size_t len = head->body.len;
	const uint8_t *p = head->body.data;
	if (head->integer >= 0)
		return 0;
	if (head->integer != -1)
		return corrupt(check, "an extension of a type below -1");
	if (len != 4 && len != 8 && len != 12)
		return corrupt(check, "a time that has not 4, 8 or 12 bytes");
	uint32_t ns = 0;
	if (len > 4)
		ns = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	if (len == 8)
		ns >>= 2;
	return ns > 999999999 ? corrupt(check, "a time with a second's fraction above 1") : 0;
}

static int enter(struct check *check, const struct sfsi_head *head)
{
	bool map = head->kind == SFSI_HEAD_MAP;
	unsigned calls = check->calls + (map ? 1 : 2);
	if (calls > PYTHON_CALLS)
		return corrupt(check, "nested too deep");
	/* The root is none of a document's levels. */
	check->deep |= check->depth > SFS_DEPTH_MAX;
	if (head->count == 0)
		return 0;
	check->calls = calls;
	check->levels[++check->depth] =
		(struct level){ .left = map ? 2 * (uint64_t)head->count : head->count, .map = map };
	return 0;
}

/** A value ended: so may the containers that it is the last one of. */
static void leave(struct check *check)
{
	while (check->depth && check->levels[check->depth].left == 0) {
		check->calls -= check->levels[check->depth].map ? 1 : 2;
		check->depth--;
	}
}

static int check_value(struct check *check, const struct sfsi_head *head)
{
	int err = is_key(check) ? check_key(check, head) : 0;
	if (err < 0)
		return err;
	if (check->depth)
		check->levels[check->depth].left--;
	if (head->kind == SFSI_HEAD_ARRAY || head->kind == SFSI_HEAD_MAP)
		err = enter(check, head);
	else if (head->kind == SFSI_HEAD_EXT)
		err = check_ext(check, head);
	else if (head->kind == SFSI_HEAD_STRING && !check->mixed)
		check->mixed = !sfsi_utf8_valid(head->body);
	leave(check);
	return err;
}

static struct sfs_span from(struct sfs_span bytes, size_t at)
{
	return (struct sfs_span){ (const uint8_t *)bytes.data + at, bytes.len - at };
}

static int check_all(struct check *check)
{
	do {
		struct sfsi_head head;
		switch (sfsi_head_read(from(check->bytes, check->at), &head)) {
		case SFSI_HEAD_GOOD: break;
		case SFSI_HEAD_UNUSED: return corrupt(check, "a byte 0xc1, expected a value");
		case SFSI_HEAD_CUT:
		case SFSI_HEAD_SHORT: return corrupt(check, "cut off");
		}
		int err = check_value(check, &head);
		if (err < 0)
			return err;
		check->at += head.len;
	} while (check->depth);
	if (check->at < check->bytes.len)
		return corrupt(check, "bytes after the end");
	return 0;
}

int sfsi_image_check(struct sfs_span bytes, struct sfsi_image *ret, struct sfs_diag *diag)
{
	struct check *check = malloc(sizeof *check);
	if (!check)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	*check = (struct check){ .bytes = bytes, .diag = diag };
	int err = bytes.len ? check_all(check) : corrupt(check, "an empty file");
	if (!err && check->deep)
		err = sfs_diag_set(diag, SFS_ERR_LIMIT,
				   "a value is nested more than %d levels deep", SFS_DEPTH_MAX);
	bool mixed = check->mixed;
	free(check);
	return err < 0 ? err : sfsi_image_known(bytes, mixed, ret);
}

int sfsi_image_known(struct sfs_span bytes, bool mixed, struct sfsi_image *ret)
{
	struct sfsi_head head;
	if (sfsi_head_read(bytes, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	bool map = head.kind == SFSI_HEAD_MAP, list = head.kind == SFSI_HEAD_ARRAY;
	*ret = (struct sfsi_image){
		.bytes = bytes,
		.root = map    ? SFSI_ROOT_MAP
			: list ? SFSI_ROOT_LIST
			       : SFSI_ROOT_SCALAR,
		.count = map || list ? head.count : 1,
		.first = map || list ? head.len : 0,
		.mixed = mixed,
	};
	return 0;
}

static struct sfs_span take_value(const struct sfsi_image *image, struct sfsi_image_cursor *cursor)
{
	struct sfs_span rest = from(image->bytes, cursor->at);
	struct sfs_span value = { rest.data, sfsi_msgpack_len(rest) };
	cursor->at += value.len;
	return value;
}

static void name_number(struct sfsi_item *item, const struct sfsi_head *head)
{
	int len = head->kind == SFSI_HEAD_NATURAL
			  ? snprintf(item->digits, sizeof item->digits, "%llu",
				     (unsigned long long)head->natural)
			  : snprintf(item->digits, sizeof item->digits, "%lld",
				     (long long)head->integer);
	item->name = (struct sfs_span){ item->digits, (size_t)len };
}

static void name_key(struct sfsi_item *item)
{
	struct sfsi_head head;
	item->number = item->binary = false;
	/* The image was checked: a key is whole. */
	if (sfsi_head_read(item->key, &head) != SFSI_HEAD_GOOD)
		head = (struct sfsi_head){ .kind = SFSI_HEAD_STRING };
	item->binary = head.kind == SFSI_HEAD_BINARY;
	item->number = head.kind == SFSI_HEAD_INTEGER || head.kind == SFSI_HEAD_NATURAL;
	if (item->number)
		name_number(item, &head);
	else
		item->name = head.body;
}

int sfsi_image_next(const struct sfsi_image *image, struct sfsi_image_cursor *cursor,
		    struct sfsi_item *ret)
{
	if (cursor->seen == image->count)
		return 1;
	ret->key = (struct sfs_span){ NULL, 0 };
	ret->number = ret->binary = false;
	if (image->root == SFSI_ROOT_MAP) {
		ret->key = take_value(image, cursor);
		name_key(ret);
	} else if (image->root == SFSI_ROOT_LIST) {
		struct sfsi_head head = { .kind = SFSI_HEAD_NATURAL, .natural = cursor->seen };
		name_number(ret, &head);
	} else {
		ret->name = sfs_span_str(SFSI_SCALAR_NAME);
	}
	ret->value = take_value(image, cursor);
	cursor->seen++;
	return 0;
}

static int may_repeat(const struct sfsi_image *image, bool *ret)
{
	struct sfsi_image_cursor cursor = SFSI_IMAGE_CURSOR_INIT(image);
	struct sfsi_item item;
	struct sfsi_seen seen;
	*ret = false;
	if (image->root != SFSI_ROOT_MAP)
		return 0;
	int err = sfsi_seen_init(&seen, image->count);
	while (!err && !*ret && sfsi_image_next(image, &cursor, &item) == 0)
		*ret = sfsi_seen_add(&seen, item.name);
	if (!err)
		sfsi_seen_fini(&seen);
	return err;
}

static int each_pair(const struct sfsi_pairs *pairs, sfsi_item_fn *fn, void *arg)
{
	int stop = 0;
	for (size_t i = 0; !stop && i < pairs->count; i++) {
		const struct sfsi_pair *pair = &pairs->items[i];
		struct sfsi_item item = {
			.name = pair->name,
			.key = pair->key,
			.value = pair->value,
			.binary = pair->binary,
			.number = pair->number,
		};
		if (!pair->left_out)
			stop = fn(arg, &item);
	}
	return stop;
}

static int each_resolved(const struct sfsi_image *image, sfsi_item_fn *fn, void *arg)
{
	struct sfsi_pairs pairs = { .mixed = image->mixed };
	struct sfsi_image_cursor cursor = SFSI_IMAGE_CURSOR_INIT(image);
	struct sfsi_item item;
	int err = 0;
	while (!err && sfsi_image_next(image, &cursor, &item) == 0)
		err = sfsi_pairs_add(&pairs, &item);
	if (!err)
		err = sfsi_pairs_resolve(&pairs);
	if (!err)
		err = each_pair(&pairs, fn, arg);
	sfsi_pairs_fini(&pairs);
	return err;
}

int sfsi_image_each(const struct sfsi_image *image, sfsi_item_fn *fn, void *arg)
{
	struct sfsi_image_cursor cursor = SFSI_IMAGE_CURSOR_INIT(image);
	struct sfsi_item item;
	bool repeat;
	int stop = may_repeat(image, &repeat);
	if (!stop && repeat)
		return each_resolved(image, fn, arg);
	while (!stop && sfsi_image_next(image, &cursor, &item) == 0)
		stop = fn(arg, &item);
	return stop;
}

struct sfs_span sfsi_model_name(struct sfs_span value)
{
	struct sfsi_head map, key;
	struct sfs_span none = { NULL, 0 };
	if (sfsi_head_read(value, &map) != SFSI_HEAD_GOOD || map.kind != SFSI_HEAD_MAP ||
	    map.count != 1 || sfsi_head_read(from(value, map.len), &key) != SFSI_HEAD_GOOD ||
	    key.kind != SFSI_HEAD_STRING || key.body.len < 5)
		return none;
	const char *text = key.body.data;
	size_t len = key.body.len;
	if (memcmp(text, "__", 2) != 0 || memcmp(text + len - 2, "__", 2) != 0)
		return none;
	return (struct sfs_span){ text + 2, len - 4 };
}

int sfsi_image_head(struct sfs_buf *ret, enum sfsi_root root, uint32_t count)
{
	if (root == SFSI_ROOT_SCALAR)
		return 0;
	return root == SFSI_ROOT_MAP ? sfsi_msgpack_map_header(ret, count)
				     : sfsi_msgpack_list_header(ret, count);
}
