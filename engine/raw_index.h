/*
 * Raws in the indexes of their class. There a raw is known by its number, as nine hexadecimal digits (so
 * is its plain file): what it is called, and how often, is nothing to an index, and a rename changes
 * none. Its metadata is what an object's properties are. Whatever is no directory is in an index.
 */
#ifndef SFSI_RAW_INDEX_H
#define SFSI_RAW_INDEX_H

#include "raw_meta.h"

/** The number of a raw as rows of indexes have it. */
struct sfsi_raw_id {
	char text[16];
};
#define SFSI_RAW_ID_LEN 9
struct sfs_span sfsi_raw_id(uint64_t serial, struct sfsi_raw_id *ret);
/** The serial of one. False: it is none. */
bool sfsi_raw_id_read(struct sfs_span id, uint64_t *ret);

/**
 * What an index sees of a raw: a record whose body is its metadata. ret points into buf, which is empty
 * before.
 */
SFS_MUST_CHECK int sfsi_raw_record_of(const struct sfsi_meta *meta, uint64_t serial,
				      struct sfs_buf *buf, struct sfsi_record *ret);
/** The same by its number. SFS_ERR_NOT_FOUND: there is none, or it is a directory. */
SFS_MUST_CHECK int sfsi_raw_record_read(struct sfs_store *store, uint32_t class_id,
					struct sfs_span id, struct sfs_buf *buf,
					struct sfsi_record *ret);

/** A raw is new: without metadata. */
SFS_MUST_CHECK int sfsi_raw_index_new(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial);
/** Its metadata changes. */
SFS_MUST_CHECK int sfsi_raw_index_change(struct sfsi_txn *txn, uint64_t ino,
					 const struct sfsi_meta *before,
					 const struct sfsi_meta *after);
/** It is there again, with the metadata that it has. */
SFS_MUST_CHECK int sfsi_raw_index_again(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial);
/** It goes. */
SFS_MUST_CHECK int sfsi_raw_unindex(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial);

/** A class that can have indexes. SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_indexed_class(struct sfs_store *store, uint32_t class_id,
				      struct sfsi_class **ret);
/** How many things the indexes of a class are about: objects, or raws. */
uint64_t sfsi_class_things(const struct sfsi_class *class, const struct sfsi_state *state);

/* --- names: what an index calls a thing, and what it is called outside --- */

/** The id in rows of an object or raw that is called so: *ret borrows from either. SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_thing_id(struct sfs_store *store, const struct sfsi_class *class,
				 struct sfs_span oid, struct sfsi_raw_id *buf, struct sfs_span *ret,
				 uint64_t *ret_ino);
/**
 * What a thing is called: *ret borrows the id (of an object), or buf, which is emptied first.
 * SFS_ERR_NOT_FOUND: it is gone.
 */
SFS_MUST_CHECK int sfsi_thing_oid(struct sfs_store *store, const struct sfsi_class *class,
				  struct sfs_span id, struct sfs_buf *buf, struct sfs_span *ret);

#endif
