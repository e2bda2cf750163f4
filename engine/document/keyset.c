/*
 * Duplicate keys, for both readers. Users choose the keys, so the hash (XXH3-64) is seeded with a
 * secret of the process: nobody can prepare a document whose keys all collide.
 */
#define XXH_INLINE_ALL
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <xxhash.h>
#include "document/keyset.h"

/* Maps with more keys than this get a hash table. */
#define SMALL_MAX 12

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seed; /* written once, under seed_once */

static void seed_make(void)
{
	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
		return;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	seed = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uintptr_t)&now;
}

void sfsi_keyset_init(struct sfsi_keyset *set)
{
	set->keys = set->few;
	set->count = 0;
	set->cap = SFSI_KEYSET_FEW;
	set->encoded = (struct sfs_buf)SFS_BUF_INIT;
}

void sfsi_keyset_fini(struct sfsi_keyset *set)
{
	if (set->keys != set->few)
		free(set->keys);
	sfs_buf_fini(&set->encoded);
}

void sfsi_keyset_open(struct sfsi_keyset *set, struct sfsi_keyset_map *map)
{
	*map = (struct sfsi_keyset_map){ .first = set->count };
}

void sfsi_keyset_close(struct sfsi_keyset *set, struct sfsi_keyset_map *map)
{
	set->count = map->first;
	free(map->slots);
	map->slots = NULL;
}

static const void *bytes_of(const struct sfsi_keyset *set, const struct sfsi_key *key)
{
	return key->text ? key->text : (const char *)set->encoded.data + key->off;
}

static bool is_same(const struct sfsi_keyset *set, const struct sfsi_key *a,
		    const struct sfsi_key *b)
{
	return a->len == b->len && !a->text == !b->text &&
	       memcmp(bytes_of(set, a), bytes_of(set, b), a->len) == 0;
}

static void hash_key(const struct sfsi_keyset *set, struct sfsi_key *key)
{
	key->hash = (uint32_t)XXH3_64bits_withSeed(bytes_of(set, key), key->len, seed);
}

static int grow_keys(struct sfsi_keyset *set)
{
	size_t cap = set->cap * 2;
	bool few = set->keys == set->few;
	struct sfsi_key *keys = realloc(few ? NULL : set->keys, cap * sizeof *keys);
	if (!keys)
		return SFS_ERR_NO_MEMORY;
	if (few)
		memcpy(keys, set->few, sizeof set->few);
	set->keys = keys;
	set->cap = cap;
	return 0;
}

static void place(struct sfsi_keyset_map *map, uint32_t hash, size_t number)
{
	uint32_t at = hash & map->mask;
	while (map->slots[at])
		at = (at + 1) & map->mask;
	map->slots[at] = (uint32_t)number + 1;
}

/* Make the table, or double it. Keys get their hash when there is a table for the first time. */
static int grow_slots(struct sfsi_keyset *set, struct sfsi_keyset_map *map)
{
	size_t count = set->count - map->first;
	size_t size = map->slots ? ((size_t)map->mask + 1) * 2 : 64;
	if (size > UINT32_MAX / 2)
		return SFS_ERR_LIMIT;
	uint32_t *slots = calloc(size, sizeof *slots);
	if (!slots)
		return SFS_ERR_NO_MEMORY;
	if (!map->slots) {
		pthread_once(&seed_once, seed_make);
		for (size_t i = 0; i < count; i++)
			hash_key(set, &set->keys[map->first + i]);
	}
	free(map->slots);
	map->slots = slots;
	map->mask = (uint32_t)size - 1;
	for (size_t i = 0; i < count; i++)
		place(map, set->keys[map->first + i].hash, i);
	return 0;
}

static bool has_small(const struct sfsi_keyset *set, const struct sfsi_keyset_map *map,
		      const struct sfsi_key *key)
{
	for (size_t i = map->first; i < set->count; i++)
		if (is_same(set, &set->keys[i], key))
			return true;
	return false;
}

static bool has_hashed(const struct sfsi_keyset *set, const struct sfsi_keyset_map *map,
		       const struct sfsi_key *key)
{
	for (uint32_t at = key->hash & map->mask; map->slots[at]; at = (at + 1) & map->mask) {
		const struct sfsi_key *other = &set->keys[map->first + map->slots[at] - 1];
		if (other->hash == key->hash && is_same(set, other, key))
			return true;
	}
	return false;
}

static int add(struct sfsi_keyset *set, struct sfsi_keyset_map *map, struct sfsi_key *key)
{
	size_t count = set->count - map->first;
	int err = set->count == set->cap ? grow_keys(set) : 0;
	if (err == 0 && count >= SMALL_MAX && (!map->slots || count > map->mask / 2))
		err = grow_slots(set, map);
	if (err < 0)
		return err;
	if (!map->slots) {
		if (has_small(set, map, key))
			return SFS_ERR_EXISTS;
	} else {
		hash_key(set, key);
		if (has_hashed(set, map, key))
			return SFS_ERR_EXISTS;
		place(map, key->hash, count);
	}
	set->keys[set->count++] = *key;
	return 0;
}

int sfsi_keyset_add(struct sfsi_keyset *set, struct sfsi_keyset_map *map, struct sfs_span text)
{
	if (text.len > UINT32_MAX)
		return SFS_ERR_LIMIT;
	struct sfsi_key key = { .text = text.len ? text.data : "", .len = (uint32_t)text.len };
	return add(set, map, &key);
}

int sfsi_keyset_add_encoded(struct sfsi_keyset *set, struct sfsi_keyset_map *map, size_t off)
{
	struct sfsi_key key = { .off = off, .len = (uint32_t)(set->encoded.len - off) };
	return add(set, map, &key);
}
