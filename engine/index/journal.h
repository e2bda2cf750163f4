/*
 * The journal of a class's indexes: what commits did to counts, one row for each commit. The rows of
 * the counts themselves are written later, many changes at once: each says as of which commit it is
 * right, and counts only with the changes of later commits in the journal. Whoever opens the store
 * reads the journal, so nothing is lost with a process, and nothing is to be repaired.
 *
 * A row is
 *
 *   version u8, commit u64, begin u64   rows of commits before begin are over: their changes are in
 *                                       the rows of the counts
 *   changes: kind and what follows u8   1 a table's id u32, 2 a cookie u64; else those of the last one
 *            len u16, key
 *
 * Rows are written into slots in turn, so that a row takes the place of one that is over and nothing
 * is ever deleted. (A deleted row costs as much as one that is written, and slows scans down.) They
 * have a table of their own, so each is written where the last one was.
 */
#ifndef SFSI_INDEX_JOURNAL_H
#define SFSI_INDEX_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <storefs/buf.h>

struct sfs_store;
struct sfsi_class;

/** Most rows that are not over, changes in them, and bytes. Beyond, the oldest are settled. */
#define SFSI_INDEX_SLOTS 8192u
#define SFSI_INDEX_CHANGES_MAX 65536u
#define SFSI_INDEX_JOURNAL_BYTES ((size_t)4 << 20)

/** What a change does to the count of its key. */
enum sfsi_index_change_kind {
	SFSI_INDEX_MORE = 0,
	SFSI_INDEX_LESS = 1,
	SFSI_INDEX_FIRST = 2, /* it had none: one now, whatever was counted before */
	SFSI_INDEX_LAST = 3,  /* none now */
};

/** Rows that are not over; protected by commit_lock. */
struct sfsi_index_journal {
	struct sfsi_index_journal_row {
		uint64_t commit;
		uint32_t changes, bytes;
	} *rows; /* [first, first + len) in order of commits */
	size_t first, len, cap;
	uint64_t changes, bytes; /* of all of them */
	uint32_t next, used;     /* slot of the next row; slots that have one */
	bool bad; /* it could not be read: all of it goes when indexes are built anew */
};

/** A change in a journal row. */
struct sfsi_index_journal_change {
	enum sfsi_index_change_kind kind;
	uint32_t table;
	uint64_t cookie;
	struct sfs_span key;
};

/** What a change of the store writes into the journal of one class. */
struct sfsi_index_note {
	struct sfsi_class *class;
	struct sfs_buf bytes;
	struct sfsi_index_journal_change last;
	size_t changes;
	bool direct; /* too much: counts are written at once */
	bool settle; /* nothing is left in the journal */
	size_t over; /* rows that are over with this change */
};

/** Append a change. */
SFS_MUST_CHECK int sfsi_index_note_add(struct sfsi_index_note *note,
				       const struct sfsi_index_journal_change *change);

/** Value of a row, read change by change. */
struct sfsi_index_journal_reader {
	struct sfs_span rest;
	struct sfsi_index_journal_change change;
	uint64_t commit, begin;
};
SFS_MUST_CHECK int sfsi_index_journal_open(struct sfs_span value,
					   struct sfsi_index_journal_reader *ret);
/** The next change: 0, 1 (the end), SFS_ERR_CORRUPT. */
SFS_MUST_CHECK int sfsi_index_journal_next(struct sfsi_index_journal_reader *reader);

/** Room for one more row. */
SFS_MUST_CHECK int sfsi_index_journal_reserve(struct sfsi_index_journal *journal);
/** How many rows must be over so that a note fits in; must: they have to be, for lack of slots. */
size_t sfsi_index_journal_excess(const struct sfsi_index_journal *journal,
				 const struct sfsi_index_note *note, bool *ret_must);
/** Write a note, after what it settles was staged; room was made. */
struct sfsi_txn;
SFS_MUST_CHECK int sfsi_index_journal_write(struct sfsi_txn *txn,
					    const struct sfsi_index_note *note);
/** The note was committed. */
void sfsi_index_journal_wrote(struct sfsi_index_journal *journal,
			      const struct sfsi_index_note *note, uint64_t commit);
/** Rows of the journal of a class that goes. */
SFS_MUST_CHECK int sfsi_index_journal_forget(struct sfsi_txn *txn, const struct sfsi_class *class);

/** Replay the journal when a class is loaded. SFS_ERR_CORRUPT: its counts are not to be trusted. */
SFS_MUST_CHECK int sfsi_index_journal_load(struct sfs_store *store, struct sfsi_class *class);

#endif
