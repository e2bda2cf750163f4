/*
 * Skip list: each entry has a tower of links, one in four entries is one level
 * higher. Search goes right while the next key is smaller, then down. The
 * heights come from a fixed seed, so a run can be repeated exactly.
 */
#include <stdlib.h>
#include "base/map.h"

struct sfsi_map_entry {
	size_t key_len, val_len;
	unsigned levels;               /* height of the tower, 1..SFSI_MAP_LEVELS */
	struct sfsi_map_entry *next[]; /* [levels], then the bytes of key and value */
};

static char *bytes_of(struct sfsi_map_entry *entry)
{
	return (char *)&entry->next[entry->levels];
}

struct sfs_span sfsi_map_key(const struct sfsi_map_entry *entry)
{
	return (struct sfs_span){ &entry->next[entry->levels], entry->key_len };
}

struct sfs_span sfsi_map_value(const struct sfsi_map_entry *entry)
{
	const char *bytes = (const char *)&entry->next[entry->levels];
	return (struct sfs_span){ bytes + entry->key_len, entry->val_len };
}

const struct sfsi_map_entry *sfsi_map_next(const struct sfsi_map_entry *entry)
{
	return entry->next[0];
}

static int compare(struct sfs_span a, struct sfs_span b)
{
	size_t shared = a.len < b.len ? a.len : b.len;
	int order = shared ? memcmp(a.data, b.data, shared) : 0;
	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

void sfsi_map_init(struct sfsi_map *map)
{
	*map = (struct sfsi_map){ .random = 0x9e3779b97f4a7c15u };
}

void sfsi_map_fini(struct sfsi_map *map)
{
	struct sfsi_map_entry *entry = map->head[0];
	while (entry) {
		struct sfsi_map_entry *next = entry->next[0];
		free(entry);
		entry = next;
	}
	sfsi_map_init(map);
}

/* Each level has a quarter of the entries of the one below: two bits decide. */
static unsigned tower_height(struct sfsi_map *map)
{
	map->random ^= map->random << 13;
	map->random ^= map->random >> 7;
	map->random ^= map->random << 17;
	uint64_t bits = map->random >> 16;
	unsigned levels = 1;
	while (levels < SFSI_MAP_LEVELS && (bits & 3) == 0) {
		levels++;
		bits >>= 2;
	}
	return levels;
}

struct sfsi_map_entry *sfsi_map_entry_new(struct sfsi_map *map, struct sfs_span key,
					  struct sfs_span val)
{
	unsigned levels = tower_height(map);
	size_t size = sizeof(struct sfsi_map_entry) + levels * sizeof(struct sfsi_map_entry *);
	if (__builtin_add_overflow(size, key.len, &size) ||
	    __builtin_add_overflow(size, val.len, &size))
		return NULL;
	struct sfsi_map_entry *entry = malloc(size);
	if (!entry)
		return NULL;
	entry->key_len = key.len;
	entry->val_len = val.len;
	entry->levels = levels;
	if (key.len)
		memcpy(bytes_of(entry), key.data, key.len);
	if (val.len)
		memcpy(bytes_of(entry) + key.len, val.data, val.len);
	return entry;
}

void sfsi_map_entry_free(struct sfsi_map_entry *entry)
{
	free(entry);
}

/*
 * For each level: the link that points to the first entry whose key is not
 * below the given one.
 */
static void find_links(struct sfsi_map *map, struct sfs_span key,
		       struct sfsi_map_entry **links[SFSI_MAP_LEVELS])
{
	struct sfsi_map_entry **tower = map->head;
	for (unsigned level = SFSI_MAP_LEVELS; level-- > 0;) {
		while (tower[level] && compare(sfsi_map_key(tower[level]), key) < 0)
			tower = tower[level]->next;
		links[level] = &tower[level];
	}
}

static struct sfsi_map_entry *take_at(struct sfsi_map *map, struct sfs_span key,
				      struct sfsi_map_entry **links[SFSI_MAP_LEVELS])
{
	struct sfsi_map_entry *entry = *links[0];
	if (!entry || compare(sfsi_map_key(entry), key) != 0)
		return NULL;
	for (unsigned level = 0; level < entry->levels; level++)
		*links[level] = entry->next[level];
	map->count--;
	map->bytes -= entry->key_len + entry->val_len;
	return entry;
}

struct sfsi_map_entry *sfsi_map_take(struct sfsi_map *map, struct sfs_span key)
{
	struct sfsi_map_entry **links[SFSI_MAP_LEVELS];
	find_links(map, key, links);
	return take_at(map, key, links);
}

struct sfsi_map_entry *sfsi_map_put(struct sfsi_map *map, struct sfsi_map_entry *entry)
{
	struct sfsi_map_entry **links[SFSI_MAP_LEVELS];
	find_links(map, sfsi_map_key(entry), links);
	/* The links that led to the old entry lead to the place of the new one. */
	struct sfsi_map_entry *old = take_at(map, sfsi_map_key(entry), links);
	for (unsigned level = 0; level < entry->levels; level++) {
		entry->next[level] = *links[level];
		*links[level] = entry;
	}
	map->count++;
	map->bytes += entry->key_len + entry->val_len;
	return old;
}

const struct sfsi_map_entry *sfsi_map_seek(const struct sfsi_map *map, struct sfs_span key)
{
	struct sfsi_map_entry *const *tower = map->head;
	for (unsigned level = SFSI_MAP_LEVELS; level-- > 0;)
		while (tower[level] && compare(sfsi_map_key(tower[level]), key) < 0)
			tower = tower[level]->next;
	return tower[0];
}
