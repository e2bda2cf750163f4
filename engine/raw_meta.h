/*
 * Inside of metadata: raw_meta.c reads it, raw_value.c knows its types, raw_meta_change.c changes it.
 *
 * A value of table X is the byte c1, which no msgpack begins with; update time and time of the last save
 * i64 (ns); length of the map u32; the map; and the text of the document, where it was saved as one and
 * is not canonical. One that is only a map is from before that.
 */
#ifndef SFSI_RAW_META_H
#define SFSI_RAW_META_H

#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "raw.h"

#define SFSI_META_KEY_MAX 255
#define SFSI_META_VALUE_MAX ((size_t)64 << 10)
#define SFSI_META_MAX ((size_t)1 << 20)

/** The metadata of an inode. Spans point into the bytes. */
struct sfsi_meta {
	int64_t updated_ns; /* 0: never */
	int64_t saved_ns;   /* when a document was saved last, or metadata changed otherwise */
	struct sfs_span map;
	struct sfs_span text; /* empty: the document is canonical */
};
SFS_MUST_CHECK int sfsi_meta_decode(struct sfs_span bytes, struct sfsi_meta *ret);
SFS_MUST_CHECK int sfsi_meta_encode(const struct sfsi_meta *meta, struct sfs_buf *ret);
/** What an inode has; without any an empty map. buf is empty before. */
SFS_MUST_CHECK int sfsi_meta_load(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
				  struct sfsi_meta *ret);

/** The same as a change would leave it. */
SFS_MUST_CHECK int sfsi_meta_load_in(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf,
				     struct sfsi_meta *ret);

/** Next key, and value as msgpack: 0 pair, 1 end, <0 error. */
int sfsi_meta_next(struct sfsi_msgpack_map *map, struct sfs_span *key, struct sfs_span *value);
/** Append a pair. @value  msgpack. */
SFS_MUST_CHECK int sfsi_meta_pair(struct sfs_buf *to, struct sfs_span key, struct sfs_span value);

/** Append the metadata as the body of a document: bytes that are text are text to everybody. */
SFS_MUST_CHECK int sfsi_meta_body(struct sfs_span map, struct sfs_buf *ret);
/**
 * The other way round, appended to ret: keys as bytes; a text as bytes, but where the class gives its
 * key a type. SFS_ERR_LIMIT, SFS_ERR_NAME (a key that can not be), diag says which.
 */
SFS_MUST_CHECK int sfsi_meta_map(struct sfs_store *store, uint32_t class_id, struct sfs_span body,
				 struct sfs_buf *ret, struct sfs_diag *diag);

/** May a key be set? SFS_ERR_LIMIT, SFS_ERR_INVALID (a reserved one); diag says why not. */
SFS_MUST_CHECK int sfsi_meta_key_check(struct sfs_span key, struct sfs_diag *diag);
/** A text as it is stored, appended: typed where the definition of the class says so, else bytes. */
SFS_MUST_CHECK int sfsi_meta_value(struct sfs_store *store, uint32_t class_id, struct sfs_span key,
				   struct sfs_span text, struct sfs_buf *ret,
				   struct sfs_diag *diag);
/**
 * A document as a map of metadata, appended. *ret_keep: its text says the same as the canonical one, in
 * other words; what says more than is kept is not kept as it is. Errors as sfs_raw_meta_put().
 */
SFS_MUST_CHECK int sfsi_meta_parse(struct sfs_store *store, const struct sfs_put *put,
				   struct sfs_buf *ret_map, bool *ret_keep, struct sfs_diag *diag);
/**
 * The metadata of an inode that was made in this change: those of another one (NULL: none), with those of a
 * map merged in.
 */
SFS_MUST_CHECK int sfsi_meta_adopt(struct sfsi_txn *txn, uint64_t ino, const struct sfsi_meta *old,
				   struct sfs_span map);
/** An import says when the metadata changed last. */
SFS_MUST_CHECK int sfsi_meta_set_time(struct sfs_store *store, uint64_t ino, int64_t time_ns);
/** Append bytes as msgpack. */
SFS_MUST_CHECK int sfsi_meta_binary(struct sfs_buf *ret, struct sfs_span bytes);

#endif
