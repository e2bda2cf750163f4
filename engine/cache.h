/*
 * Cache of objects by inode number: oid, attributes and documents, least recently used first out,
 * bounded in bytes. Coherent: sfsi_cache_drop() at commit also defeats inserts that
 * were read before it.
 */
#ifndef SFSI_CACHE_H
#define SFSI_CACHE_H

#include <storefs/object.h>

struct sfsi_cache;

SFS_MUST_CHECK int sfsi_cache_new(size_t max_bytes, struct sfsi_cache **ret);
void sfsi_cache_free(struct sfsi_cache *cache);

/** A mark to take before reading what will be inserted. */
uint64_t sfsi_cache_mark(struct sfsi_cache *cache);

/** Attributes and oid. ret_oid may be NULL, else it is appended to. SFS_ERR_NOT_FOUND: not cached. */
SFS_MUST_CHECK int sfsi_cache_stat(struct sfsi_cache *cache, uint64_t ino, struct sfs_attr *ret,
				   struct sfs_buf *ret_oid);
/** A cached document, with a reference for the caller. NULL: not cached. */
struct sfs_doc *sfsi_cache_doc(struct sfsi_cache *cache, uint64_t ino, enum sfs_format format);

/**
 * Remember an object, and a document of it. Nothing happens when the object was dropped since the mark,
 * or memory is short. @doc may be NULL; a reference is taken.
 */
void sfsi_cache_insert(struct sfsi_cache *cache, uint64_t mark, const struct sfs_attr *attr,
		       struct sfs_span oid, struct sfs_doc *doc);
/** Forget an object. */
void sfsi_cache_drop(struct sfsi_cache *cache, uint64_t ino);

struct sfsi_cache_stat {
	uint64_t bytes, hits, misses;
};
void sfsi_cache_stats(struct sfsi_cache *cache, struct sfsi_cache_stat *ret);

#endif
