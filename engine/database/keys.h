/*
 * Keys that repeat in one map, resolved as the Python program does it in two steps: bytes and text
 * are different keys at first, the last value wins, at the place of the first. Then bytes become
 * text; a later value wins over an earlier one unless it is an empty string, bytes, list or map. In a mixed image
 * (some string is not UTF-8) text is bytes from the start.
 */
#ifndef SFSI_DATABASE_KEYS_H
#define SFSI_DATABASE_KEYS_H

#include "base/arena.h"
#include "database/image.h"

/** One pair of a map. */
struct sfsi_pair {
	struct sfs_span name, key, value;
	bool binary, number;
	bool left_out;  /* another one has its place */
	uint32_t place; /* in the map */
};

/** Pairs of one map. Zeroed: none. */
struct sfsi_pairs {
	struct sfsi_pair *items; /* [count] */
	size_t count, cap;
	bool mixed;                /* of the image */
	struct sfsi_arena numbers; /* names that are numbers */
};

void sfsi_pairs_fini(struct sfsi_pairs *pairs);
/** Add a pair behind the others. SFS_ERR_NO_MEMORY. */
SFS_MUST_CHECK int sfsi_pairs_add(struct sfsi_pairs *pairs, const struct sfsi_item *item);

/** Mark the pairs that are left out, and give the others the value that wins. SFS_ERR_NO_MEMORY. */
SFS_MUST_CHECK int sfsi_pairs_resolve(struct sfsi_pairs *pairs);

/** Hashes of keys, to see whether one may repeat: cheaper than resolving, and mostly enough. */
struct sfsi_seen {
	uint64_t *slots; /* 0: free */
	uint64_t seed;   /* may be set after init: then nobody can choose names that collide */
	size_t mask;
};
/** For at most count keys. SFS_ERR_NO_MEMORY. */
SFS_MUST_CHECK int sfsi_seen_init(struct sfsi_seen *seen, size_t count);
void sfsi_seen_fini(struct sfsi_seen *seen);
/** Add a name; true: one with its hash was there. */
bool sfsi_seen_add(struct sfsi_seen *seen, struct sfs_span name);
/** Was one with its hash added? */
bool sfsi_seen_has(const struct sfsi_seen *seen, struct sfs_span name);

#endif
