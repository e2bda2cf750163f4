/*
 * Inside of the history of objects. Rows of table V, in the partition of the class:
 *
 *   V  H  oid              which versions there are, and when they were in force (the "head")
 *   V  S  slot u8  oid     one version
 *
 * A version that goes gives its slot to the one that comes: rows are overwritten, not removed, and no save
 * looks for them. Only the head is read; what is kept was read by the save anyway.
 *
 *   history.c         what a change keeps
 *   history_row.c     keys and values
 *   history_read.c    versions as others see them
 *   history_expire.c  what is too old
 */
#ifndef SFSI_HISTORY_H
#define SFSI_HISTORY_H

#include <storefs/history.h>
#include "derive.h"
#include "settings.h"
#include "txn.h"

/** Most versions that one object can have. */
#define SFSI_HISTORY_MAX 100

/** One version, as the head has it. */
struct sfsi_version {
	uint8_t slot;
	bool gone;                 /* the object went when the version ended */
	int64_t time_ns, until_ns; /* since when (whole microseconds), and when it ended */
};

/** The head of an object: the oldest version first. */
struct sfsi_history {
	size_t count;
	struct sfsi_version items[SFSI_HISTORY_MAX];
};

/** The row of a version. */
struct sfsi_version_row {
	int64_t time_ns; /* that of the head: else it is another version's by now */
	uint32_t mode, uid, gid;
	uint64_t size;         /* of the JSON document */
	uint64_t trash;        /* what the object was is there, under this serial; 0: here */
	bool text;             /* bytes are that document; else they are a body */
	struct sfs_span bytes; /* points into the encoded row */
};

/* --- history_row.c --- */

/** @oid  at most SFS_OID_MAX bytes; empty: the prefix of all heads. */
void sfsi_history_key(struct sfsi_key *key, struct sfs_span oid);
void sfsi_history_slot_key(struct sfsi_key *key, uint8_t slot, struct sfs_span oid);
SFS_MUST_CHECK int sfsi_history_encode(const struct sfsi_history *history, struct sfs_span key,
				       struct sfs_buf *ret);
/** SFS_ERR_CORRUPT: also when two versions have one slot. */
SFS_MUST_CHECK int sfsi_history_decode(struct sfs_span bytes, struct sfs_span key,
				       struct sfsi_history *ret);
SFS_MUST_CHECK int sfsi_version_encode(const struct sfsi_version_row *row, struct sfs_span key,
				       struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_version_decode(struct sfs_span bytes, struct sfs_span key,
				       struct sfsi_version_row *ret);

/* --- history.c --- */

/** Keep what an object was, if the change makes another one of it: part of sfsi_object_change(). */
SFS_MUST_CHECK int sfsi_history_keep(struct sfsi_txn *txn, uint32_t class_id,
				     const struct sfsi_derive_side *before,
				     const struct sfsi_derive_side *after);

/** What was removed leaves the trash: a version that has its bytes there gets its own. The record is whole. */
SFS_MUST_CHECK int sfsi_history_leave(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
				      int64_t removed_ns, const struct sfsi_record *record);

/** When what a record holds came into force, by what is known. */
int64_t sfsi_history_since(const struct sfsi_history *history, const struct sfsi_record *record);

/** How many of the oldest versions do not count any more; room: so many more are to come. */
size_t sfsi_history_spent(const struct sfsi_history *history, const struct sfs_settings *settings,
			  int64_t now_ns, size_t room);
/** Take the oldest versions out, and remove their rows but for that of the slot keep (-1: none). */
SFS_MUST_CHECK int sfsi_history_drop(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
				     struct sfsi_history *history, size_t count, int keep);

/* --- history_read.c --- */

/** Of a row that leads into the trash: what it says of this record, which is there. */
void sfsi_version_fill(struct sfsi_version_row *row, const struct sfsi_record *record);

/* --- history_expire.c --- */

/** The class is about to go: remove its history in small commits, but for what comes meanwhile. */
SFS_MUST_CHECK int sfsi_history_forget(struct sfs_store *store, uint32_t class_id);

#endif
