/*
 * Inside of trees: names and inodes, shared by raw.c (reading), raw_change.c (changing),
 * raw_file.c (bytes) and raw_meta.c (metadata).
 */
#ifndef SFSI_RAW_H
#define SFSI_RAW_H

#include "open.h"
#include "txn.h"

/** SFS_ERR_NAME: empty, ".", "..", with '/' or NUL. SFS_ERR_LIMIT: over SFS_NAME_MAX. */
SFS_MUST_CHECK int sfsi_name_check(struct sfs_span name);

/** The inode of a number inside a change; text points into buf. The root directory has none. */
SFS_MUST_CHECK int sfsi_inode_load(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf,
				   struct sfsi_inode *ret);
/** The same as it is stored: without what is open and not stored of a small file. */
SFS_MUST_CHECK int sfsi_inode_read(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf,
				   struct sfsi_inode *ret);
SFS_MUST_CHECK int sfsi_inode_store(struct sfsi_txn *txn, uint32_t class_id,
				    const struct sfsi_inode *inode);
/** What a name means inside a change. SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_name_load(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
				  struct sfsi_name *ret);
SFS_MUST_CHECK int sfsi_name_store(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
				   struct sfsi_name value);
SFS_MUST_CHECK int sfsi_name_erase(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name);

/** One entry of a directory. Not 0: an error, which stops. */
typedef int sfsi_entry_fn(void *arg, struct sfs_span name, struct sfs_span val, uint64_t cookie);
/**
 * Entries of a directory behind a cookie, at least limit of them (0: all): names with the same cookie come
 * together. Of an object class the directory SFSI_DIR_OBJECTS has its objects.
 */
SFS_MUST_CHECK int sfsi_entries_list(struct sfs_store *store, uint64_t dir, uint64_t after,
				     size_t limit, sfsi_entry_fn *fn, void *arg);

/** What is said of a raw changed, not its bytes: its ctime. */
SFS_MUST_CHECK int sfsi_inode_touch(struct sfsi_txn *txn, uint64_t ino);
/** A directory gained or lost an entry: its times, and subdirs added to nlink. */
SFS_MUST_CHECK int sfsi_dir_touch(struct sfsi_txn *txn, uint64_t dir, int subdirs);

/** One name of an inode less; with the last one the inode goes. *ret_orphan: its bytes go too. */
SFS_MUST_CHECK int sfsi_inode_unref(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial,
				    struct sfsi_inode *ret, bool *ret_orphan);

/**
 * Remove a name; the last one of a raw goes into the trash with what it names. References to it are the
 * caller's. After the commit: sfsi_raw_settle().
 */
SFS_MUST_CHECK int sfsi_raw_remove_in(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
				      uint64_t serial, struct sfsi_inode *ret_gone,
				      bool *ret_orphan, bool *ret_kept);
/** A raw has this name now: the mirror, if there is one, is told its path. */
SFS_MUST_CHECK int sfsi_raw_note_path(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
				      const struct sfsi_inode *inode);
/** What lost its last name with the newest commit: its bytes go, or are kept, and who holds it may go on. */
void sfsi_raw_settle(struct sfs_store *store, uint32_t class_id, const struct sfsi_inode *inode,
		     bool orphan, bool kept);

/** Attributes of an inode: of a file, with size and times of its bytes. */
SFS_MUST_CHECK int sfsi_inode_attr(struct sfs_store *store, uint32_t class_id,
				   const struct sfsi_inode *inode, struct sfs_attr *ret);

/** Make an empty plain file for a file of this change. */
SFS_MUST_CHECK int sfsi_raw_bytes_new(struct sfsi_txn *txn, uint64_t ino);
/** Make name, inode and (for a file) bytes inside a change. The name must be free. */
SFS_MUST_CHECK int sfsi_raw_make_in(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
				    const struct sfs_raw_make *make, struct sfsi_inode *ret);

/** A key with its value as msgpack. Nonzero stops and is returned; 1 is for the walk itself. */
typedef int sfsi_meta_fn(void *arg, struct sfs_span key, struct sfs_span value);
/** Walk all metadata; bytes that are UTF-8 come as strings. */
SFS_MUST_CHECK int sfsi_meta_each(struct sfs_store *store, uint64_t ino, sfsi_meta_fn *fn,
				  void *arg);

/** The same as a change would leave it. */
SFS_MUST_CHECK int sfsi_meta_each_in(struct sfsi_txn *txn, uint64_t ino, sfsi_meta_fn *fn,
				     void *arg);

/** Can a stored metadata record be read: keys and values, each within its limits? */
SFS_MUST_CHECK int sfsi_meta_check(struct sfs_span meta);

#endif
