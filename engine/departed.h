/*
 * Objects that a moment ago were renamed to scratch files. Many editors save that way: 42.json
 * becomes 42.json~, and a new 42.json is written. An object that comes back under its oid within a
 * minute is the same one, so what it was is remembered so long, in memory only: bounded in bytes,
 * oldest out first.
 */
#ifndef SFSI_DEPARTED_H
#define SFSI_DEPARTED_H

#include "record.h"

/** So long an object can come back. */
#define SFSI_DEPARTED_NS INT64_C(60000000000)
/** At most so many bytes are remembered (and always the last object). */
#define SFSI_DEPARTED_BYTES ((size_t)32 << 20)

struct sfsi_departed;

SFS_MUST_CHECK int sfsi_departed_new(struct sfsi_departed **ret);
/** Accepts NULL. */
void sfsi_departed_free(struct sfsi_departed *departed);

/** A clock for these functions that nobody sets. */
int64_t sfsi_departed_clock(void);

/**
 * Remember an object; replaces what was known of the oid. Without memory nothing is remembered.
 * @record  its kept text is left out.
 */
void sfsi_departed_add(struct sfsi_departed *departed, int64_t now_ns, uint32_t class_id,
		       struct sfs_span oid, const struct sfsi_record *record);

/** It can come back no more. */
void sfsi_departed_drop(struct sfsi_departed *departed, uint32_t class_id, struct sfs_span oid);

/**
 * What an object was that departed within the last minute.
 * @buf  empty, the caller's; ret points into it.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_departed_get(struct sfsi_departed *departed, int64_t now_ns,
				     uint32_t class_id, struct sfs_span oid, struct sfs_buf *buf,
				     struct sfsi_record *ret);

/** The number that it showed; 0: there is none. */
uint64_t sfsi_departed_number(struct sfsi_departed *departed, int64_t now_ns, uint32_t class_id,
			      struct sfs_span oid);

#endif
