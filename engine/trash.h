/*
 * Inside of the trash. Three kinds of rows of table W in the partition of the class:
 *
 *   W  E  second u64  cookie u64  serial u64    what is listed: type, time, attributes, name
 *   W  R  serial u64                            all of it: the record of an object, the inode of a raw
 *   W  S                                        how many, and how many bytes
 *
 * Metadata and hash of a raw (X, Y) and its plain file stay where they are; only its name and inode go.
 */
#ifndef SFSI_TRASH_H
#define SFSI_TRASH_H

#include <storefs/trash.h>
#include "raw.h"

/** One of them. */
struct sfsi_trash {
	uint64_t serial;
	enum sfs_node_type type; /* SFS_NODE_OBJECT, or what a raw is */
	int64_t removed_ns;
	uint64_t bytes;       /* the same as in its entry */
	struct sfs_span name; /* oid or path */
	struct sfs_span what; /* encoded record or inode */
};

/** What is listed of one. */
struct sfsi_trash_entry {
	uint64_t serial, cookie;
	enum sfs_node_type type;
	int64_t removed_ns, mtime_ns;
	uint64_t revision; /* commit that removed it */
	uint64_t bytes;    /* that it counts with */
	uint64_t size, size_msgpack;
	uint32_t mode, uid, gid;
	struct sfs_span name;
};

/* --- keys and values (trash_row.c) --- */

/** The second that a removal is listed under; times before 1970 are in the first one. */
uint64_t sfsi_trash_second(int64_t removed_ns);
void sfsi_trash_entry_key(struct sfsi_key *key, uint64_t second, uint64_t cookie, uint64_t serial);
void sfsi_trash_what_key(struct sfsi_key *key, uint64_t serial);
void sfsi_trash_count_key(struct sfsi_key *key);
/** Prefixes of the tables. */
#define SFSI_TRASH_ENTRIES "WE"
#define SFSI_TRASH_WHAT "WR"

/** SFS_ERR_CORRUPT, SFS_ERR_VERSION. ret points into the bytes. */
SFS_MUST_CHECK int sfsi_trash_decode(struct sfs_span bytes, struct sfs_span key,
				     struct sfsi_trash *ret);
SFS_MUST_CHECK int sfsi_trash_encode(const struct sfsi_trash *trash, struct sfs_span key,
				     struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_trash_entry_decode(struct sfs_span bytes, struct sfs_span key,
					   struct sfsi_trash_entry *ret);
SFS_MUST_CHECK int sfsi_trash_entry_encode(const struct sfsi_trash_entry *entry,
					   struct sfs_span key, struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_trash_count_decode(struct sfs_span bytes, struct sfs_span key,
					   struct sfs_trash_stat *ret);
SFS_MUST_CHECK int sfsi_trash_count_encode(const struct sfs_trash_stat *stat, struct sfs_span key,
					   struct sfs_buf *ret);

/* --- changes (trash.c) --- */

/** An object is about to be removed. The record is whole. */
SFS_MUST_CHECK int sfsi_trash_object(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
				     const struct sfsi_record *record);
/**
 * A name is about to be removed: if it is the last one of a raw, keep that. Before anything is changed.
 * @ret_kept  metadata, hash and bytes stay.
 */
SFS_MUST_CHECK int sfsi_trash_raw(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
				  uint64_t serial, bool *ret_kept);
/** Read one inside a change; ret points into buf, which is empty before. */
SFS_MUST_CHECK int sfsi_trash_load(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial,
				   struct sfs_buf *buf, struct sfsi_trash *ret);
/** Is this still listed? SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_trash_listed(struct sfsi_txn *txn, uint32_t class_id,
				     const struct sfs_trashed *item);
/**
 * Its rows go; what stayed of a raw is not touched. Of item: ino, removed_ns, cookie and bytes.
 * @trash  what was loaded; NULL: it can not be read.
 */
SFS_MUST_CHECK int sfsi_trash_drop(struct sfsi_txn *txn, uint32_t class_id,
				   const struct sfs_trashed *item, const struct sfsi_trash *trash);
/** The record of an object in the trash: it points into buf, which is empty before. SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_trash_record(struct sfs_store *store, uint32_t class_id, uint64_t serial,
				     struct sfs_buf *buf, struct sfsi_record *ret);
/** What the row of an object holds. */
SFS_MUST_CHECK int sfsi_trash_record_decode(const struct sfsi_trash *trash,
					    struct sfsi_record *ret);
/** The inode of a raw in the trash; text points into buf. SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_trash_inode(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
				    struct sfsi_inode *ret);
/** Is there a row that a plain file may belong to? What can not be read counts as one. */
bool sfsi_trash_has(struct sfs_store *store, uint32_t class_id, uint64_t serial);

/* --- trash_empty.c --- */

/** The class goes: whether its trash is empty. SFS_ERR_CONFLICT: it is not. */
SFS_MUST_CHECK int sfsi_trash_none(struct sfs_store *store, uint32_t class_id);
/** It is kept for another time from now on. */
void sfsi_trash_wake(struct sfs_store *store);
/** Ends the thread. */
void sfsi_trash_stop(struct sfs_store *store);

#endif
