/*
 * Tables of a class's indexes: keys taken from objects (extract.h), kept as rows (row.h) that are
 * written in the commit of the object. An index that is built anew has two tables for a while: the old
 * one serves until the new one is ready.
 *
 *   table.c    which tables a class has: heads, definitions
 *   stage.c    what a change does to heads and blocks, until it is committed; tally.c: to counts
 *   count.c    how many entries keys have, in memory
 *   journal.c  what commits did to counts whose rows are written later
 *   block.c    how many entries are where
 *   update.c   entries of an object that changes
 *   whole.c    which relations are read, so that their targets must be in the body
 *   build.c    building, dropping, dividing: one step each; worker.c the thread that takes them
 *   rank.c     positions
 *   read.c     the library: entries and keys, page by page
 *
 * Writers hold the commit lock, and change what readers see when the commit is done: under index_lock,
 * which comes after commit_lock and catalogue_lock. Readers hold it shared, for a moment.
 */
#ifndef SFSI_INDEX_TABLE_H
#define SFSI_INDEX_TABLE_H

#include "derive.h"
#include "index/count.h"
#include "index/extract.h"
#include "index/row.h"
#include "schema/schema.h"
#include "txn.h"

/** A block with more entries than this is divided; the parts have half of it. */
#define SFSI_INDEX_BLOCK_MAX 512

/** Counts of blocks are summed up for so many at a time. */
#define SFSI_INDEX_SUMMED 128

/** Entries and keys from a boundary up to the next one. */
struct sfsi_index_block {
	struct sfsi_index_lag lag;
	struct sfsi_index_block *waits_older, *waits_newer; /* protected by index_lock */
	bool waits;             /* it is to be divided, or to go; protected by index_lock */
	uint64_t entries, keys; /* protected by index_lock */
	int64_t more_entries, more_keys; /* of the change in the making; commit_lock */
	bool touched;                    /* …and is it part of it? commit_lock */
	bool solid;                      /* can not be divided; commit_lock */
	size_t len;
	uint8_t boundary[]; /* empty: the first block */
};

/** A table. Lives until the store is closed; changed by commits alone. */
struct sfsi_index_table {
	uint32_t id;
	struct sfsi_class *class;
	uint64_t generation, fingerprint;
	struct sfsi_schema *schema; /* a reference: what rule is part of; NULL: it is dropped */
	const struct sfsi_index_rule *rule;
	char name[SFSI_SCHEMA_NAME_MAX + 1];
	size_t name_len;
	/* Protected by index_lock. */
	enum sfsi_index_state state;
	bool gone;  /* the last row was removed */
	bool multi; /* objects with several keys were seen */
	uint64_t built;
	struct sfs_buf cursor;
	int error; /* of the last step of its building */
	bool loaded;
	struct sfsi_index_block **blocks; /* [blocks_len], in order; at least one once loaded */
	size_t blocks_len, blocks_cap;
	struct sfsi_index_sum {
		uint64_t entries, keys;
	} *tallies, *sums; /* of each block; of SFSI_INDEX_SUMMED at a time */
	struct sfsi_index_block *waiting, *waiting_newest; /* blocks to be divided, or to go */
	struct sfsi_index_lags lagging;                    /* blocks whose rows lag */
	struct sfsi_index_counts counts;
};

/* --- table.c --- */

/** Load the heads of a class. */
SFS_MUST_CHECK int sfsi_index_load(struct sfs_store *store, struct sfsi_class *class);
/** The store is being closed: settle what would take long to replay. */
void sfsi_index_close(struct sfs_store *store);
/** The store is open: plan what declared indexes lack, and go on with what is not done. */
SFS_MUST_CHECK int sfsi_index_adopt(struct sfs_store *store);
void sfsi_index_set_fini(struct sfsi_index_set *set);
/** Room for more tables; index_lock is held exclusively, or nobody looks yet. */
SFS_MUST_CHECK int sfsi_index_set_reserve(struct sfsi_index_set *set, size_t more);
void sfsi_index_table_free(struct sfsi_index_table *table);
/**
 * Make the tables of a class those of its new definition: of what is declared as before they stay,
 * others go, new ones are built. Called in the change that writes the definition.
 */
SFS_MUST_CHECK int sfsi_index_define(struct sfsi_txn *txn, struct sfsi_class *class,
				     struct sfsi_schema *schema);
/**
 * A new table for the index of a table. @keep  the old one is used until the new one is ready; else it
 * is wrong, and goes now.
 */
SFS_MUST_CHECK int sfsi_index_renew(struct sfsi_txn *txn, struct sfsi_class *class,
				    struct sfsi_index_table *old, bool keep, uint32_t *ret_id);
/** The class gets another name or type: tables whose keys may have it are built anew. */
SFS_MUST_CHECK int sfsi_index_retype(struct sfsi_txn *txn, struct sfsi_class *class);
/** All rows that the tables of an empty class can have. */
SFS_MUST_CHECK int sfsi_index_forget(struct sfsi_txn *txn, struct sfsi_class *class);

/** The table that serves an index; or, when there is none yet, the one that is being built; or NULL. */
struct sfsi_index_table *sfsi_index_named(struct sfs_store *store, struct sfsi_class *class,
					  struct sfs_span name);
/** Table number n of a class, NULL behind the last one. */
struct sfsi_index_table *sfsi_index_at(struct sfs_store *store, struct sfsi_class *class, size_t n);
/** What readers may know of a table at this moment. */
enum sfsi_index_state sfsi_index_state(struct sfs_store *store,
				       const struct sfsi_index_table *table);

/* --- stage.c --- */

/** What becomes of a head with the change. */
struct sfsi_index_edit {
	struct sfsi_index_table *table;
	enum sfsi_index_state state;
	bool multi, gone;
	bool add; /* it is a new table */
	uint64_t built;
	struct sfs_buf cursor;
};
/** The edit of a table in this change: as it is now when there was none. Valid until the next call. */
SFS_MUST_CHECK int sfsi_index_edit(struct sfsi_txn *txn, struct sfsi_index_table *table,
				   struct sfsi_index_edit **ret);
/** The state that a table will have as far as the change goes. */
enum sfsi_index_state sfsi_index_staged_state(struct sfsi_txn *txn,
					      const struct sfsi_index_table *table);
/**
 * Count an entry, written or removed: of its key, in its block, for the journal.
 * @tail  of the entry; it begins with the key. @more  1 or -1.
 * Returns 0, SFS_ERR_NOT_FOUND (the key has none that could go), or an error of a read.
 */
SFS_MUST_CHECK int sfsi_index_tally(struct sfsi_txn *txn, struct sfsi_index_table *table,
				    struct sfs_span tail, size_t key_len, int more);
/** Write what the journal of a class has to its counts, with the change. */
SFS_MUST_CHECK int sfsi_index_settle(struct sfsi_txn *txn, struct sfsi_class *class);
/** Some blocks, one behind the other, become others. */
struct sfsi_index_replaced {
	struct sfsi_index_table *table;
	size_t number, old;              /* the first of them, how many */
	struct sfsi_index_block **parts; /* [count] */
	size_t count;
};
/** The parts are taken over by the change; the old blocks go when it is committed. */
SFS_MUST_CHECK int sfsi_index_block_replace(struct sfsi_txn *txn,
					    const struct sfsi_index_replaced *replaced);

/* txn.c calls these. */
/** Write heads and blocks of the change. */
SFS_MUST_CHECK int sfsi_index_stage_write(struct sfsi_txn *txn);
/** The change is committed: show it to readers. commit_lock is held. */
void sfsi_index_stage_publish(struct sfsi_txn *txn);
/** The change is over. */
void sfsi_index_stage_fini(struct sfsi_txn *txn);

/* --- block.c --- */

struct sfsi_index_block *sfsi_index_block_new(struct sfs_span boundary);
/** Number of the block that a tail belongs to. The blocks are loaded, index_lock or commit_lock held. */
size_t sfsi_index_block_of(const struct sfsi_index_table *table, struct sfs_span tail);
/** Make sure that the blocks are loaded; commit_lock is held. */
SFS_MUST_CHECK int sfsi_index_blocks_load_locked(struct sfs_store *store,
						 struct sfsi_index_table *table);
/** The same for readers, with no lock held. */
SFS_MUST_CHECK int sfsi_index_blocks_load(struct sfs_store *store, struct sfsi_index_table *table);
void sfsi_index_blocks_free_locked(struct sfsi_index_table *table);
/** Its row lags since a commit. index_lock is held exclusively. */
void sfsi_index_block_lags_locked(struct sfsi_index_table *table, struct sfsi_index_block *block,
				  uint64_t since);
/** Its row is right as of a commit. index_lock is held exclusively. */
void sfsi_index_block_right_locked(struct sfsi_index_table *table, struct sfsi_index_block *block,
				   uint64_t written);
/**
 * So much more is counted in a block: itself, and in sums. A block that has become too large, or empty,
 * waits for being divided, or going. index_lock is held exclusively.
 */
void sfsi_index_block_count_locked(struct sfsi_index_table *table, size_t number, int64_t entries,
				   int64_t keys);
/** It waits no longer. */
void sfsi_index_block_settled_locked(struct sfsi_index_table *table,
				     struct sfsi_index_block *block);
/** Blocks from number on are others, or in other places. */
void sfsi_index_blocks_sum_locked(struct sfsi_index_table *table, size_t number);
/** Room for more blocks; index_lock is held exclusively. */
SFS_MUST_CHECK int sfsi_index_blocks_reserve_locked(struct sfsi_index_table *table, size_t more);
/** Divide a block that is too large, or remove an empty one. SFS_ERR_NOT_FOUND: there is none. */
SFS_MUST_CHECK int sfsi_index_divide(struct sfsi_txn *txn, struct sfsi_index_table *table);

/* --- update.c --- */

/** What functions of indexes may know of the class. */
struct sfsi_index_names {
	char name[SFS_CLASS_NAME_MAX + 1], type[SFS_CLASS_NAME_MAX + 1];
};
/** A copy, as of now. */
void sfsi_index_names(struct sfs_store *store, const struct sfsi_class *class,
		      struct sfsi_index_names *ret);
/**
 * The keys of an object in a table; count 0: it has none. @ret is emptied first. SFS_ERR_LIMIT: more
 * than an index can hold, which refuses its save.
 */
SFS_MUST_CHECK int sfsi_index_keys_of(const struct sfsi_index_table *table,
				      const struct sfsi_index_names *names, struct sfs_span oid,
				      const struct sfsi_record *record,
				      struct sfsi_index_keys *ret);
/** The same of an object that was saved already: one with too many keys has none in an index made later. */
SFS_MUST_CHECK int sfsi_index_keys_had(const struct sfsi_index_table *table,
				       const struct sfsi_index_names *names, struct sfs_span oid,
				       const struct sfsi_record *record,
				       struct sfsi_index_keys *ret);
/** An object changes: its entries in all tables of the class. derive.c calls it. */
SFS_MUST_CHECK int sfsi_index_change(struct sfsi_txn *txn, struct sfsi_class *class,
				     const struct sfsi_derive_side *before,
				     const struct sfsi_derive_side *after);
/** Add the entries of an object that a table does not have yet. */
SFS_MUST_CHECK int sfsi_index_insert(struct sfsi_txn *txn, struct sfsi_index_table *table,
				     struct sfs_span oid, uint64_t serial,
				     const struct sfsi_index_keys *keys);

/* --- whole.c --- */

/** Does an index of the class, as it is or is declared, read a member? commit_lock is held. */
bool sfsi_index_class_reads(const struct sfsi_class *class, struct sfs_span name);
/** Does the table read targets that the record, as it is stored, has in rows (rows.h)? */
bool sfsi_index_needs_rows(const struct sfsi_index_table *table, const struct sfsi_record *record);

/* --- build.c, worker.c --- */

/** One step of what is to be done for a table. Returns 0, SFS_ERR_NOT_FOUND (nothing), or an error. */
SFS_MUST_CHECK int sfsi_index_step(struct sfs_store *store, struct sfsi_index_table *table);

SFS_MUST_CHECK int sfsi_indexer_new(struct sfs_store *store);
/** Stops the thread: what is not done goes on at the next open. */
void sfsi_indexer_free(struct sfs_store *store);
/** There is something to do. From any thread, whatever lock it holds. */
void sfsi_indexer_wake(struct sfs_store *store);
/** References back are late (backref.h): they are made right as soon as that can be done. */
void sfsi_indexer_settle(struct sfs_store *store);
/** sfsi_index_step() in this thread, in turn with the worker. commit_lock is not held. */
SFS_MUST_CHECK int sfsi_indexer_step(struct sfs_store *store, struct sfsi_index_table *table);
/** Do what is to be done for a class, in so many rounds over its tables at most. */
SFS_MUST_CHECK int sfsi_indexer_finish(struct sfs_store *store, struct sfsi_class *class,
				       size_t rounds);

/* --- rank.c --- */

/** How many entries come before a tail. @exact  false: off by a block at most, nothing is read. */
SFS_MUST_CHECK int sfsi_index_rank(struct sfs_store *store, struct sfsi_index_table *table,
				   struct sfs_span tail, bool exact, uint64_t *ret);
/** Entries and keys in all, objects without keys and their key among them. */
SFS_MUST_CHECK int sfsi_index_totals(struct sfs_store *store, struct sfsi_index_table *table,
				     uint64_t *ret_entries, uint64_t *ret_keys);
enum sfsi_index_unit { SFSI_INDEX_ENTRIES, SFSI_INDEX_KEYS };
/**
 * The block with the entry (or key) at a position: its boundary, appended to ret, and how many of
 * them come before it. SFS_ERR_NOT_FOUND: there is no such position.
 */
SFS_MUST_CHECK int sfsi_index_seek(struct sfs_store *store, struct sfsi_index_table *table,
				   enum sfsi_index_unit unit, uint64_t position,
				   struct sfs_buf *ret, uint64_t *ret_before);
/**
 * Boundary of the last block that begins before a tail, appended to ret: for walking backwards.
 * SFS_ERR_NOT_FOUND: tail is in the first block's boundary.
 */
SFS_MUST_CHECK int sfsi_index_block_before(struct sfs_store *store, struct sfsi_index_table *table,
					   struct sfs_span tail, struct sfs_buf *ret);
/** Number of entries of a key; 0 when there is none. */
SFS_MUST_CHECK int sfsi_index_count_of(struct sfs_store *store,
				       const struct sfsi_index_table *table, struct sfs_span key,
				       uint64_t *ret);

#endif
