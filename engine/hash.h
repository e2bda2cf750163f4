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

/** XXH3-128 of a stream: _init(), _add() piece by piece, _end(). */
struct sfsi_hash_stream {
	XXH3_state_t state;
};

static inline void sfsi_hash_stream_init(struct sfsi_hash_stream *stream)
{
	XXH3_INITSTATE(&stream->state);
	XXH3_128bits_reset(&stream->state);
}

static inline void sfsi_hash_stream_add(struct sfsi_hash_stream *stream, struct sfs_span bytes)
{
	XXH3_128bits_update(&stream->state, bytes.data, bytes.len);
}

/** The 16 bytes in the order in which xxh128sum prints them. */
static inline void sfsi_hash_stream_end(const struct sfsi_hash_stream *stream,
					unsigned char ret[16])
{
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&stream->state));
	memcpy(ret, canonical.digest, sizeof canonical.digest);
}

#endif
