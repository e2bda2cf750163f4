/*
 * Keys of backends that keep all partitions in one ordered map: the partition,
 * big-endian, and the key behind it. So one partition's keys lie together.
 */
#ifndef SFSI_BACKEND_KEY_H
#define SFSI_BACKEND_KEY_H

#include "backend/backend.h"

#define SFSI_PARTITION_LEN 4
/** Longest of these keys. */
#define SFSI_FULL_KEY_MAX (SFSI_PARTITION_LEN + SFSI_KEY_MAX)

/** A full key, on the stack. */
struct sfsi_full_key {
	size_t len;
	unsigned char bytes[SFSI_FULL_KEY_MAX];
};

static inline void sfsi_partition_put(unsigned char *to, uint32_t partition)
{
	to[0] = (unsigned char)(partition >> 24);
	to[1] = (unsigned char)(partition >> 16);
	to[2] = (unsigned char)(partition >> 8);
	to[3] = (unsigned char)partition;
}

/** Join partition and key; the key is at most SFSI_KEY_MAX bytes (the wrapper has checked). */
static inline void sfsi_full_key_set(struct sfsi_full_key *full, uint32_t partition,
				     struct sfs_span key)
{
	sfsi_partition_put(full->bytes, partition);
	if (key.len)
		memcpy(full->bytes + SFSI_PARTITION_LEN, key.data, key.len);
	full->len = SFSI_PARTITION_LEN + key.len;
}

static inline struct sfs_span sfsi_full_key_span(const struct sfsi_full_key *full)
{
	return (struct sfs_span){ full->bytes, full->len };
}

static inline struct sfs_span sfsi_span_skip(struct sfs_span span, size_t len)
{
	return (struct sfs_span){ (const char *)span.data + len, span.len - len };
}

static inline bool sfsi_span_starts(struct sfs_span span, struct sfs_span prefix)
{
	return span.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(span.data, prefix.data, prefix.len) == 0);
}

/** Order of keys: memcmp, the shorter first. */
static inline int sfsi_span_compare(struct sfs_span a, struct sfs_span b)
{
	size_t shared = a.len < b.len ? a.len : b.len;
	int order = shared ? memcmp(a.data, b.data, shared) : 0;
	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

/**
 * Where a scan begins: at its prefix or, when that lies further on, at after itself
 * (which is to be passed over when it is there).
 */
static inline void sfsi_full_key_start(struct sfsi_full_key *full, const struct sfsi_scan *scan)
{
	bool from_after = sfsi_span_compare(scan->after, scan->prefix) >= 0;
	sfsi_full_key_set(full, scan->partition, from_after ? scan->after : scan->prefix);
}

/** Is this the key that the scan is to begin behind? */
static inline bool sfsi_scan_is_after(const struct sfsi_scan *scan, struct sfs_span full)
{
	return scan->after.len &&
	       sfs_span_equal(sfsi_span_skip(full, SFSI_PARTITION_LEN), scan->after);
}

/**
 * Make a prefix the smallest key above all keys that start with it.
 * Returns false when there is no such key (all bytes are ff).
 */
static inline bool sfsi_full_key_bound(struct sfsi_full_key *full)
{
	while (full->len && full->bytes[full->len - 1] == 0xff)
		full->len--;
	if (full->len == 0)
		return false;
	full->bytes[full->len - 1]++;
	return true;
}

#endif
