/* XXH3, header inline. The only place in the engine core that includes xxhash. */
#ifndef SFSI_HASH_H
#define SFSI_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <storefs/buf.h>

/** XXH3-64 of some bytes. */
static inline uint64_t sfsi_hash(struct sfs_span bytes, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes.data, bytes.len, seed);
}

/** XXH3-64 of two byte ranges, one after the other. */
static inline uint64_t sfsi_hash2(struct sfs_span a, struct sfs_span b, uint64_t seed)
{
	XXH3_state_t state;
	XXH3_INITSTATE(&state);
	XXH3_64bits_reset_withSeed(&state, seed);
	XXH3_64bits_update(&state, a.data, a.len);
	XXH3_64bits_update(&state, b.data, b.len);
	return XXH3_64bits_digest(&state);
}

#endif
