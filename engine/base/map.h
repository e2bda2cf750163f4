/*
 * Ordered map of bytes to bytes, in memory: a skip list.
 *
 * Making an entry can fail, putting it in can not: a caller that must change
 * several entries at once makes all of them first and then puts them in. Keys
 * are ordered by memcmp, the shorter first. No locks: the caller has them.
 */
#ifndef SFSI_MAP_H
#define SFSI_MAP_H

#include <storefs/buf.h>

/** Highest tower: enough for 4^16 entries. */
#define SFSI_MAP_LEVELS 16

struct sfsi_map_entry;

/** A map; set up by sfsi_map_init(). */
struct sfsi_map {
	struct sfsi_map_entry *head[SFSI_MAP_LEVELS];
	size_t count;    /* entries */
	size_t bytes;    /* of keys and values */
	uint64_t random; /* state of the tower heights */
};

/** An empty map. Ends with sfsi_map_fini(). */
void sfsi_map_init(struct sfsi_map *map);
/** Free all entries. Accepts a zeroed map. */
void sfsi_map_fini(struct sfsi_map *map);

/**
 * Make an entry that is not in the map yet; key and value are copied.
 * Returns the entry, to be put in or freed, or NULL when there is no memory.
 */
struct sfsi_map_entry *sfsi_map_entry_new(struct sfsi_map *map, struct sfs_span key,
					  struct sfs_span val);
/** Accepts NULL. The entry must not be in a map. */
void sfsi_map_entry_free(struct sfsi_map_entry *entry);

/** Put an entry in, in place of one with the same key: that is returned (else NULL) to be freed. */
struct sfsi_map_entry *sfsi_map_put(struct sfsi_map *map, struct sfsi_map_entry *entry);
/** Take an entry out; returned to be freed. NULL: there is none. */
struct sfsi_map_entry *sfsi_map_take(struct sfsi_map *map, struct sfs_span key);

/** First entry whose key is not below the given one; NULL: none. Valid until it is taken out. */
const struct sfsi_map_entry *sfsi_map_seek(const struct sfsi_map *map, struct sfs_span key);
/** The next one in order; NULL at the end. */
const struct sfsi_map_entry *sfsi_map_next(const struct sfsi_map_entry *entry);

/** Borrowed until the entry is freed. */
struct sfs_span sfsi_map_key(const struct sfsi_map_entry *entry);
struct sfs_span sfsi_map_value(const struct sfsi_map_entry *entry);

#endif
