/*
 * A change in the making: collected operations that become one commit.
 *
 * Holds the commit lock from begin to commit or abort, so what was read inside stays
 * true. Reads see what the change itself has written so far.
 */
#ifndef SFSI_TXN_H
#define SFSI_TXN_H

#include "keys.h"
#include "store_private.h"

struct sfsi_txn_op {
	uint32_t partition;
	bool remove;
	size_t key_off, key_len, val_off, val_len; /* in bytes */
	uint64_t hash;
};

/** Working copy of a class that the change touches. */
struct sfsi_txn_class {
	struct sfsi_class *class;
	struct sfsi_state state;
};

/** A change to tell the cache and the listener. */
struct sfsi_txn_note {
	enum sfs_change_type type;
	uint64_t ino, dir;
	bool object;
	size_t name_off, name_len;
};

struct sfsi_txn;

/** A range of positions that the change counts in. */
struct sfsi_txn_range {
	struct sfsi_class *class;
	struct sfsi_range *range;
};

struct sfsi_bulk;
struct sfsi_index_stage;
struct sfsi_mirror_stage;

/** Rows that were made aside (backend/bulk.h), and are there with the commit. */
struct sfsi_txn_bulk {
	struct sfsi_bulk *bulk; /* ends with the commit; NULL: none */
	/* Tell the listener of them, when it is done; commit lock held. */
	void (*tell)(void *arg, struct sfsi_txn *txn);
	void *arg;
};

struct sfsi_txn {
	struct sfs_store *store;
	uint64_t commit; /* number that this change will have */
	int64_t now_ns;  /* one time for all of it */
	struct sfs_buf bytes;
	struct sfsi_txn_op *ops;
	size_t ops_len, ops_cap;
	uint32_t *index; /* open addressing: op number + 1, or 0 */
	size_t index_cap;
	struct sfsi_txn_class *classes;
	size_t classes_len, classes_cap;
	struct sfsi_txn_note *notes;
	size_t notes_len, notes_cap;
	struct sfsi_txn_range *ranges;
	size_t ranges_len, ranges_cap;
	struct sfsi_division division;    /* of at most one class */
	struct sfsi_class_edit edit;      /* at most one change of the catalogue */
	struct sfsi_index_stage *indexes; /* what becomes of tables of indexes; NULL: nothing */
	struct sfsi_txn_bulk bulk;
	struct sfsi_mirror_stage *mirror; /* what is to be written out; NULL: nothing */
	bool inward;                      /* takes in what others wrote: nothing is written out */
	bool deferred;                    /* a kill may take it until the next one is written */
};

/** Take the commit lock. SFS_ERR_READ_ONLY: the lock is not held then. */
SFS_MUST_CHECK int sfsi_txn_begin(struct sfs_store *store, struct sfsi_txn *ret);
/**
 * The same for a change that takes in what others did to the files of a mirror: also where nobody may
 * change the store. Nothing of it is written out.
 */
void sfsi_txn_begin_inward(struct sfs_store *store, struct sfsi_txn *ret);
/** Write everything in one batch, tell cache and listener, give the lock back. Frees txn. */
SFS_MUST_CHECK int sfsi_txn_commit(struct sfsi_txn *txn);
/** Forget everything and give the lock back. */
void sfsi_txn_abort(struct sfsi_txn *txn);
/** commit when err is 0, else abort; returns the error. */
SFS_MUST_CHECK int sfsi_txn_end(struct sfsi_txn *txn, int err);

/** Append the value of a key, as this change would leave it. */
SFS_MUST_CHECK int sfsi_txn_get(struct sfsi_txn *txn, uint32_t partition, struct sfs_span key,
				struct sfs_buf *ret);
/** Is it known, without asking the backend, that there is no such row, and not in this change? */
bool sfsi_txn_lacks(const struct sfsi_txn *txn, uint32_t partition, struct sfs_span key);
/** Does this change write such a row? */
bool sfsi_txn_puts(const struct sfsi_txn *txn, uint32_t partition, struct sfs_span key);
SFS_MUST_CHECK int sfsi_txn_put(struct sfsi_txn *txn, uint32_t partition, struct sfs_span key,
				struct sfs_span val);
SFS_MUST_CHECK int sfsi_txn_remove(struct sfsi_txn *txn, uint32_t partition, struct sfs_span key);

/**
 * Rows of a partition, as this change would leave them; fn may go on changing. A scan with a limit may
 * deliver fewer rows than that only at the end. (txn_scan.c)
 */
SFS_MUST_CHECK int sfsi_txn_scan(struct sfsi_txn *txn, const struct sfsi_scan *scan,
				 sfsi_scan_fn *fn, void *arg);

/**
 * Remove rows of the backend; what this change itself has written is not looked at. (txn_scan.c)
 *
 * @limit      at most so many; 0 = all.
 * @ret_count  how many were removed; may be NULL.
 */
SFS_MUST_CHECK int sfsi_txn_remove_all(struct sfsi_txn *txn, uint32_t partition,
				       struct sfs_span prefix, size_t limit, size_t *ret_count);

/**
 * Working copy of a class's state; it is written with the commit. SFS_ERR_NOT_FOUND when the class is
 * gone. The pointer is valid until the next call of sfsi_txn_class().
 */
SFS_MUST_CHECK int sfsi_txn_class(struct sfsi_txn *txn, uint32_t class_id,
				  struct sfsi_txn_class **ret);

/** Remember a change for cache and listener. name is copied. */
SFS_MUST_CHECK int sfsi_txn_note(struct sfsi_txn *txn, enum sfs_change_type type, uint64_t ino,
				 uint64_t dir, bool object, struct sfs_span name);

/** The class goes, and all its refused texts with it (refused.c). */
SFS_MUST_CHECK int sfsi_refused_drop_all(struct sfsi_txn *txn, const struct sfsi_class *class);

/* --- txn_room.c --- */

/** Give a change that begins the memory of the last one. */
void sfsi_txn_room_take(struct sfsi_txn *txn);
/** Keep its memory, or (much, or no memory for that) free it. */
void sfsi_txn_room_give(struct sfsi_txn *txn);
/** At the end of a store. */
void sfsi_txn_room_free(struct sfs_store *store);

#endif
