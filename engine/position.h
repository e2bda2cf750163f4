/*
 * Positions: which object is the n-th of its class in byte order of the oids, without counting them all.
 *
 * Table P divides the oids of a class into ranges and says how many objects are in each; it is
 * changed in the commit that adds or removes an object. It is small (a row for some hundred objects) and
 * is kept in memory. A range that grew too large is divided by a commit of its own, right after
 * the one that filled it.
 *
 * The table is derived: where it does not add up to the number of objects (a store of an older
 * version) it is taken for one large range, and made anew by the next change.
 */
#ifndef SFSI_POSITION_H
#define SFSI_POSITION_H

#include <storefs/store.h>

struct sfsi_txn;
struct sfsi_class;

/** A range of oids: those above `after` and not above that of the next range. */
struct sfsi_range {
	uint64_t count; /* objects, as of the last commit; protected by catalogue_lock */
	int64_t delta;  /* by the change in the making; protected by commit_lock */
	bool touched;   /* … which has it in its list */
	size_t len;
	uint8_t after[];
};

/**
 * The ranges of a class. Written with commit_lock and catalogue_lock held, so either is enough to
 * read them.
 */
struct sfsi_positions {
	struct sfsi_range **ranges; /* [count], in order; the first one has an empty after */
	size_t count;
	bool stale;  /* the table must be made anew */
	bool coarse; /* a range is too large */
	bool failed; /* dividing failed: not again while the store is open */
};

/** A range that is divided: what takes its place becomes visible with the commit. */
struct sfsi_division {
	struct sfsi_class *class; /* NULL: none */
	struct sfsi_range *
		*ranges; /* [count], all of the class; those that are there already and new ones */
	size_t count;
};

/** How many objects a row says. SFS_ERR_CORRUPT. */
SFS_MUST_CHECK int sfsi_range_decode(struct sfs_span val, uint64_t *ret);

/** Read the table of a class when the store is opened; class->state is known. */
SFS_MUST_CHECK int sfsi_positions_load(struct sfs_store *store, struct sfsi_class *class);
void sfsi_positions_fini(struct sfsi_positions *positions);

/** The oid at a place in their order, valid until the next call; data NULL: no memory. */
typedef struct sfs_span sfsi_oid_at_fn(void *arg, size_t place);
/** A class that has nothing gets all its objects at once. */
SFS_MUST_CHECK int sfsi_positions_fill(struct sfsi_txn *txn, struct sfsi_class *class, size_t count,
				       sfsi_oid_at_fn *oid_at, void *arg);

/** Count an object that is added (1) or removed (-1). */
SFS_MUST_CHECK int sfsi_positions_count(struct sfsi_txn *txn, struct sfsi_class *class,
					struct sfs_span oid, int delta);
/* The steps of a commit (txn.c): write the rows; show them, with catalogue_lock held; or forget. */
SFS_MUST_CHECK int sfsi_positions_write(struct sfsi_txn *txn);
void sfsi_positions_publish_locked(struct sfsi_txn *txn);
void sfsi_positions_forget(struct sfsi_txn *txn);
/** Divide what grew too large. No lock is held. A failure costs speed, nothing else. */
void sfsi_positions_tidy(struct sfs_store *store, uint32_t class_id);

/**
 * Where to start to find the object at a position: skip so many that come after this oid.
 * @ret_after  appended to. @position  may be behind the end.
 */
SFS_MUST_CHECK int sfsi_positions_find(struct sfs_store *store, const struct sfsi_class *class,
				       uint64_t position, struct sfs_buf *ret_after,
				       uint64_t *ret_skip);
/** How many objects are in the ranges before the one of an oid; the others come after *ret_after. */
SFS_MUST_CHECK int sfsi_positions_rank(struct sfs_store *store, const struct sfsi_class *class,
				       struct sfs_span oid, struct sfs_buf *ret_after,
				       uint64_t *ret_before);

#endif
