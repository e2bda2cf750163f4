/*
 * The keys of the maps that a reader is inside of: finds duplicates.
 *
 * Maps nest, so keys are kept as a stack: a map that is opened last is closed first. Costs a few
 * comparisons for small maps and one hash for each key of large ones.
 */
#ifndef SFSI_KEYSET_H
#define SFSI_KEYSET_H

#include <stdint.h>
#include <storefs/buf.h>

/** Private: one key. Strings and encoded keys are never equal to each other. */
struct sfsi_key {
	const void *text; /* string: borrowed bytes; NULL: encoded[off] */
	size_t off;
	uint32_t len;
	uint32_t hash;
};

#define SFSI_KEYSET_FEW 16

struct sfsi_keyset {
	struct sfsi_key *keys; /* [cap], of all open maps, outermost first */
	size_t count, cap;
	struct sfs_buf encoded; /* canonical msgpack of keys that are not strings; the reader
				  * appends and truncates */
	struct sfsi_key few[SFSI_KEYSET_FEW]; /* spares small documents an allocation */
};

/** One open map. */
struct sfsi_keyset_map {
	size_t first;    /* its first key */
	uint32_t *slots; /* NULL while it is small; key number from first + 1, 0 = free */
	uint32_t mask;   /* number of slots - 1 */
};

void sfsi_keyset_init(struct sfsi_keyset *set);
/** All maps must be closed. */
void sfsi_keyset_fini(struct sfsi_keyset *set);

void sfsi_keyset_open(struct sfsi_keyset *set, struct sfsi_keyset_map *map);
void sfsi_keyset_close(struct sfsi_keyset *set, struct sfsi_keyset_map *map);

/**
 * Add a string key to the map opened last.
 * @text  borrowed until the map is closed.
 * Returns 0, SFS_ERR_EXISTS (a duplicate), SFS_ERR_LIMIT or SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_keyset_add(struct sfsi_keyset *set, struct sfsi_keyset_map *map,
				   struct sfs_span text);

/** Add the key whose encoding is everything in set->encoded from off on. */
SFS_MUST_CHECK int sfsi_keyset_add_encoded(struct sfsi_keyset *set, struct sfsi_keyset_map *map,
					   size_t off);

#endif
