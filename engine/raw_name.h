/*
 * From an inode of a raw class back to its path. Each notes what it is called and where; a file with
 * several names notes one of them, and has a row of table A for each of the others:
 *
 *   A  serial u64  directory u64  name     another name of a file
 */
#ifndef SFSI_RAW_NAME_H
#define SFSI_RAW_NAME_H

#include "raw.h"

/** What is before the name in a key of table A. */
#define SFSI_ANOTHER_NAME 17

/** A name in a directory. */
struct sfsi_raw_at {
	uint64_t dir;
	struct sfs_span name;
};

/** An inode gets one more name, and counts it already. It is stored by the caller, and borrows the name. */
SFS_MUST_CHECK int sfsi_raw_name_add(struct sfsi_txn *txn, struct sfsi_inode *inode, uint64_t dir,
				     struct sfs_span name);
/** An inode loses a name, and may have others. Before it does, and is stored. */
SFS_MUST_CHECK int sfsi_raw_name_drop(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
				      uint64_t serial);
/** A name of an inode moves. The inode is stored by the caller; it borrows the new name. */
SFS_MUST_CHECK int sfsi_raw_name_move(struct sfsi_txn *txn, struct sfsi_inode *inode,
				      const struct sfsi_raw_at *from, const struct sfsi_raw_at *to);

/**
 * The path in its class of what has a number, appended to ret; of several one. SFS_ERR_NOT_FOUND:
 * there is none (any more).
 */
SFS_MUST_CHECK int sfsi_raw_path_of(struct sfs_store *store, uint32_t class_id, uint64_t serial,
				    struct sfs_buf *ret);
/** Put a name and a '/' in front of a path, or the name alone if it is empty. */
SFS_MUST_CHECK int sfsi_path_front(struct sfs_buf *path, struct sfs_span name);

#endif
