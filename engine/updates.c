/*
 * Update times of properties.
 *
 * A record stores one time for the object (updated_ns) and, for each property in the order
 * of the body, how long before that it last changed: a little-endian base-128 number of
 * nanoseconds. All zero is stored as nothing, which is how every object starts.
 */
#include "document/msgpack.h"
#include "hash.h"
#include "object.h"

/** A property of the old body. */
struct old_property {
	struct sfs_span key, value;
	uint64_t age_ns; /* before the old updated_ns */
};

struct old_properties {
	struct old_property *items; /* [count], in the order of the body */
	uint32_t *index;            /* [index_cap] item + 1 or 0; made when the order differs */
	size_t count, index_cap;
};

static uint64_t read_age(struct sfs_span *updates)
{
	uint64_t age = 0;
	const uint8_t *at = updates->data;
	size_t used = 0;
	while (used < updates->len && used < 10) {
		uint8_t byte = at[used];
		age |= (uint64_t)(byte & 0x7f) << (7 * used);
		used++;
		if (!(byte & 0x80))
			break;
	}
	*updates = (struct sfs_span){ at ? at + used : NULL, updates->len - used };
	return age;
}

void sfsi_updates_init(struct sfsi_updates *updates, const struct sfsi_record *record)
{
	updates->rest = record->updates;
	updates->updated_ns = record->updated_ns;
}

int64_t sfsi_updates_next(struct sfsi_updates *updates)
{
	return (int64_t)((uint64_t)updates->updated_ns - read_age(&updates->rest));
}

int sfsi_updates_put_age(struct sfs_buf *ret, uint64_t age)
{
	uint8_t bytes[10];
	size_t len = 0;
	do {
		bytes[len] = (uint8_t)(age & 0x7f);
		age >>= 7;
		if (age)
			bytes[len] |= 0x80;
		len++;
	} while (age);
	return sfs_buf_append(ret, bytes, len);
}

static int load_old(const struct sfsi_record *old, struct old_properties *ret)
{
	struct sfsi_msgpack_map map;
	int err = sfsi_msgpack_body_init(&map, old->body);
	if (err < 0)
		return SFS_ERR_CORRUPT;
	ret->items = calloc(map.left + 1, sizeof *ret->items);
	if (!ret->items)
		return SFS_ERR_NO_MEMORY;
	struct sfs_span updates = old->updates;
	struct sfsi_msgpack_pair pair;
	while ((err = sfsi_msgpack_map_next(&map, &pair)) == 0)
		ret->items[ret->count++] = (struct old_property){ pair.key, pair.value,
								  read_age(&updates) };
	return err < 0 ? SFS_ERR_CORRUPT : 0;
}

static int make_index(struct old_properties *old)
{
	old->index_cap = 16;
	while (old->index_cap < old->count * 2)
		old->index_cap *= 2;
	old->index = calloc(old->index_cap, sizeof *old->index);
	if (!old->index)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < old->count; i++) {
		size_t at = sfsi_hash(old->items[i].key, 0) & (old->index_cap - 1);
		while (old->index[at])
			at = (at + 1) & (old->index_cap - 1);
		old->index[at] = (uint32_t)i + 1;
	}
	return 0;
}

/** The old property of a key; guess is where it stands when the order did not change. */
static int find_old(struct old_properties *old, struct sfs_span key, size_t guess,
		    const struct old_property **ret)
{
	*ret = NULL;
	if (guess < old->count && sfs_span_equal(old->items[guess].key, key)) {
		*ret = &old->items[guess];
		return 0;
	}
	if (!old->index) {
		int err = make_index(old);
		if (err < 0)
			return err;
	}
	for (size_t at = sfsi_hash(key, 0) & (old->index_cap - 1); old->index[at];
	     at = (at + 1) & (old->index_cap - 1)) {
		const struct old_property *item = &old->items[old->index[at] - 1];
		if (sfs_span_equal(item->key, key)) {
			*ret = item;
			break;
		}
	}
	return 0;
}

/** Absolute time of each new property into times; *ret_same counts those found in old. */
static int match(struct old_properties *old, const struct sfsi_record *record, struct sfs_span body,
		 int64_t now_ns, int64_t *times, size_t *ret_found, bool *ret_changed)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_body_init(&map, body);
	size_t i = 0;
	*ret_found = 0;
	*ret_changed = false;
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		const struct old_property *was;
		err = find_old(old, pair.key, i, &was);
		if (err < 0)
			return err;
		bool same = was && sfs_span_equal(was->value, pair.value);
		times[i++] = same ? record->updated_ns - (int64_t)was->age_ns : now_ns;
		*ret_found += was != NULL;
		*ret_changed |= !same;
	}
	return err < 0 ? err : 0;
}

int sfsi_updates_make(const struct sfsi_record *old, struct sfs_span body, int64_t now_ns,
		      int64_t *ret_updated_ns, struct sfs_buf *ret_updates)
{
	if (!old) {
		*ret_updated_ns = now_ns;
		return 0;
	}
	/* Times never go back, also when the clock does. */
	if (now_ns < old->updated_ns)
		now_ns = old->updated_ns;
	struct sfsi_msgpack_map map;
	int err = sfsi_msgpack_body_init(&map, body);
	if (err < 0)
		return err;
	size_t count = map.left;
	if (count == 0) {
		bool same = sfs_span_equal(old->body, body);
		*ret_updated_ns = same ? old->updated_ns : now_ns;
		return 0;
	}
	struct old_properties before = { 0 };
	int64_t *times = calloc(count + 1, sizeof *times);
	size_t found = 0;
	bool changed = false;
	err = times ? load_old(old, &before) : SFS_ERR_NO_MEMORY;
	if (!err)
		err = match(&before, old, body, now_ns, times, &found, &changed);
	if (!err) {
		bool removed = found < before.count;
		*ret_updated_ns = changed || removed ? now_ns : old->updated_ns;
		bool all_equal = true;
		for (size_t i = 0; i < count; i++)
			all_equal &= times[i] == *ret_updated_ns;
		for (size_t i = 0; i < count && !all_equal && !err; i++)
			err = sfsi_updates_put_age(ret_updates,
						   (uint64_t)(*ret_updated_ns - times[i]));
	}
	free(times);
	free(before.items);
	free(before.index);
	return err;
}

int sfsi_updates_touch(const struct sfsi_record *record, struct sfs_span name, int64_t now_ns,
		       int64_t *ret_updated_ns, struct sfs_buf *ret_updates)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	struct sfsi_updates updates;
	size_t start = ret_updates->len;
	bool all_equal = true;
	/* Times never go back, also when the clock does. */
	int64_t updated_ns = now_ns < record->updated_ns ? record->updated_ns : now_ns;
	int err = sfsi_msgpack_body_init(&map, record->body);
	sfsi_updates_init(&updates, record);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		int64_t time = sfsi_updates_next(&updates);
		if (pair.name.data && sfs_span_equal(pair.name, name))
			time = updated_ns;
		all_equal &= time == updated_ns;
		err = sfsi_updates_put_age(ret_updates, (uint64_t)(updated_ns - time));
	}
	if (err < 0)
		return err;
	if (all_equal)
		ret_updates->len = start;
	*ret_updated_ns = updated_ns;
	return 0;
}
