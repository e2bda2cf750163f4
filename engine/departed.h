/*
 * Objects that went a moment ago: for a minute what they were is remembered, in memory only, bounded in
 * bytes, oldest out first. A store has two of these.
 *
 * One is of objects that were renamed to scratch files. Many editors save that way: 42.json becomes
 * 42.json~, and a new 42.json is written. An object that comes back under its oid is the same one.
 *
 * The other is of objects that were removed, with their texts. Many programs save that way too: they
 * remove 42.json and write a new one. That is a new object; but when it is refused, the text of the old
 * one is kept beside the refused one (refused.c).
 */
#ifndef SFSI_DEPARTED_H
#define SFSI_DEPARTED_H

#include "record.h"

/** So long an object is remembered. */
#define SFSI_DEPARTED_NS INT64_C(60000000000)
/** At most so many bytes are (and always the last object): of objects that were renamed away, … */
#define SFSI_DEPARTED_BYTES ((size_t)32 << 20)
/** … and of those that were removed. */
#define SFSI_REMOVED_BYTES ((size_t)8 << 20)

struct sfsi_departed;

/** @texts  remember the kept texts too. */
SFS_MUST_CHECK int sfsi_departed_new(size_t max_bytes, bool texts, struct sfsi_departed **ret);
/** Accepts NULL. */
void sfsi_departed_free(struct sfsi_departed *departed);

/** A clock for these functions that nobody sets. */
int64_t sfsi_departed_clock(void);

/** Remember an object; replaces what was known of the oid. Without memory nothing is remembered. */
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
