/* Keys that repeat: see keys.h. Sorting keeps a hostile map from costing the square of its size. */
#include <stdlib.h>
#include "base/array.h"
#include "database/keys.h"
#include "document/msgpack_head.h"
#include "hash.h"

void sfsi_pairs_fini(struct sfsi_pairs *pairs)
{
	free(pairs->items);
	sfsi_arena_fini(&pairs->numbers);
}

int sfsi_pairs_add(struct sfsi_pairs *pairs, const struct sfsi_item *item)
{
	struct sfsi_pair pair = {
		.name = item->name,
		.key = item->key,
		.value = item->value,
		.binary = item->binary,
		.number = item->number,
		.place = (uint32_t)pairs->count,
	};
	if (item->number && !sfsi_arena_copy(&pairs->numbers, item->name, &pair.name))
		return SFS_ERR_NO_MEMORY;
	int err = sfsi_array_grow(&pairs->items, pairs->count, &pairs->cap, sizeof pair);
	if (!err)
		pairs->items[pairs->count++] = pair;
	return err;
}

static int compare_spans(struct sfs_span a, struct sfs_span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.data, b.data, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/** By name; of one name text before bytes; then by place. */
static int by_name(const void *left, const void *right)
{
	const struct sfsi_pair *a = *(struct sfsi_pair *const *)left;
	const struct sfsi_pair *b = *(struct sfsi_pair *const *)right;
	int order = compare_spans(a->name, b->name);
	if (!order)
		order = (int)a->binary - (int)b->binary;
	return order ? order : (a->place > b->place) - (a->place < b->place);
}

static bool is_empty(struct sfs_span value)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return false;
	if (head.kind == SFSI_HEAD_STRING || head.kind == SFSI_HEAD_BINARY)
		return head.body.len == 0;
	return (head.kind == SFSI_HEAD_ARRAY || head.kind == SFSI_HEAD_MAP) && head.count == 0;
}

static bool same_key(const struct sfsi_pair *a, const struct sfsi_pair *b)
{
	return a->binary == b->binary && sfs_span_equal(a->name, b->name);
}

/** One key, from first on: its first pair takes the last value. Returns how many pairs it has. */
static size_t take_last(struct sfsi_pair **first, size_t count)
{
	size_t same = 1;
	while (same < count && same_key(first[0], first[same])) {
		first[same]->left_out = true;
		same++;
	}
	first[0]->value = first[same - 1]->value;
	return same;
}

/** Text and bytes of one name. */
static void join(struct sfsi_pair *text, struct sfsi_pair *bytes)
{
	struct sfsi_pair *first = text->place < bytes->place ? text : bytes;
	struct sfsi_pair *second = first == text ? bytes : text;
	second->left_out = true;
	if (!is_empty(second->value))
		first->value = second->value;
}

static void resolve(struct sfsi_pair **sorted, size_t count)
{
	struct sfsi_pair *before = NULL;
	for (size_t at = 0; at < count;) {
		struct sfsi_pair *first = sorted[at];
		at += take_last(sorted + at, count - at);
		if (before && sfs_span_equal(before->name, first->name))
			join(before, first);
		before = first;
	}
}

int sfsi_pairs_resolve(struct sfsi_pairs *pairs)
{
	struct sfsi_pair **sorted = calloc(pairs->count + 1, sizeof(struct sfsi_pair *));
	if (!sorted)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < pairs->count; i++) {
		sorted[i] = &pairs->items[i];
		if (pairs->mixed)
			pairs->items[i].binary = false;
	}
	qsort(sorted, pairs->count, sizeof(struct sfsi_pair *), by_name);
	resolve(sorted, pairs->count);
	free(sorted);
	return 0;
}

int sfsi_seen_init(struct sfsi_seen *seen, size_t count)
{
	size_t cap = 16;
	while (cap < count + count / 2)
		cap *= 2;
	seen->seed = 0;
	seen->mask = cap - 1;
	seen->slots = calloc(cap, sizeof *seen->slots);
	return seen->slots ? 0 : SFS_ERR_NO_MEMORY;
}

void sfsi_seen_fini(struct sfsi_seen *seen)
{
	free(seen->slots);
	seen->slots = NULL;
}

static uint64_t *seen_slot(const struct sfsi_seen *seen, struct sfs_span name, uint64_t *ret_hash)
{
	uint64_t hash = sfsi_hash(name, seen->seed);
	hash += hash == 0;
	size_t at = hash & seen->mask;
	while (seen->slots[at] && seen->slots[at] != hash)
		at = (at + 1) & seen->mask;
	*ret_hash = hash;
	return &seen->slots[at];
}

bool sfsi_seen_add(struct sfsi_seen *seen, struct sfs_span name)
{
	uint64_t hash, *slot = seen_slot(seen, name, &hash);
	bool there = *slot != 0;
	*slot = hash;
	return there;
}

bool sfsi_seen_has(const struct sfsi_seen *seen, struct sfs_span name)
{
	uint64_t hash;
	return *seen_slot(seen, name, &hash) != 0;
}
