/*
 * Rows of indexes, in the partition of their class:
 *
 *   J                                 next id u32
 *   J  id u32                         head: what is indexed, and how far that is
 *   I  id u32  E  key cookie u64 oid  entry: the object's serial
 *   I  id u32  K  key                 key: how many entries it has
 *   I  id u32  B  boundary            block: how many entries and keys are from here to the next one
 *   H  slot u32                       the journal: what commits did to counts (journal.h)
 *
 * A key (key.h) says where it ends. Objects without keys have the one that no value has,
 * SFSI_INDEX_NO_KEY, before all others. A boundary is a key and a cookie, so that it comes before the
 * entries that it begins with. What follows the letter is called the tail of a row. Counts say as of
 * which commit they are right; a row of version 1 is right as of all commits that are not in the journal.
 */
#ifndef SFSI_INDEX_ROW_H
#define SFSI_INDEX_ROW_H

#include "backend/backend.h"
#include "backend/key.h"
#include "bytes.h"
#include "index/key.h"
#include "keys.h"

/** What is before the tail in a row of I. */
#define SFSI_INDEX_PREFIX 6
/** The key of objects without keys. */
#define SFSI_INDEX_NO_KEY ((struct sfs_span){ "\1", 1 })

/** A row's key in the making. */
struct sfsi_index_row {
	size_t len;
	uint8_t data[SFSI_INDEX_PREFIX + SFSI_INDEX_KEY_MAX + 8 + SFS_OID_MAX];
};

static inline struct sfs_span sfsi_index_row_span(const struct sfsi_index_row *row)
{
	return (struct sfs_span){ row->data, row->len };
}

/** What follows the letter of a row. */
static inline struct sfs_span sfsi_index_row_tail(struct sfs_span key)
{
	return (struct sfs_span){ (const uint8_t *)key.data + SFSI_INDEX_PREFIX,
				  key.len - SFSI_INDEX_PREFIX };
}

/** @tail  what follows the prefix, at most what a row has room for. */
void sfsi_index_row(struct sfsi_index_row *row, uint32_t id, char table, struct sfs_span tail);
/** The row of an entry. */
void sfsi_index_row_entry(struct sfsi_index_row *row, uint32_t id, struct sfs_span key,
			  uint64_t cookie, struct sfs_span oid);
/** The head of an index; id 0: where the next id is kept. */
void sfsi_index_row_head(struct sfsi_key *key, uint32_t id);
/** A row of the journal. */
void sfsi_index_row_journal(struct sfsi_key *key, uint32_t slot);
/** Its slot; false: it is another row. */
bool sfsi_index_row_slot(struct sfs_span key, uint32_t *ret);

/** Length of the key that a tail begins with; 0: there is none. */
size_t sfsi_index_key_len(struct sfs_span tail);

/** An entry, decoded; spans point into the row. */
struct sfsi_index_entry {
	struct sfs_span key, oid;
	uint64_t cookie, serial;
};
/** @tail  of the row. SFS_ERR_CORRUPT, SFS_ERR_VERSION. */
SFS_MUST_CHECK int sfsi_index_entry_decode(struct sfs_span tail, struct sfs_span val,
					   struct sfsi_index_entry *ret);
#define SFSI_INDEX_ENTRY_SIZE 9
size_t sfsi_index_entry_encode(uint64_t serial, uint8_t ret[SFSI_INDEX_ENTRY_SIZE]);

#define SFSI_INDEX_COUNT_SIZE 17
size_t sfsi_index_count_encode(uint64_t entries, uint64_t commit,
			       uint8_t ret[SFSI_INDEX_COUNT_SIZE]);
SFS_MUST_CHECK int sfsi_index_count_decode(struct sfs_span val, uint64_t *ret,
					   uint64_t *ret_commit);

/** Entries and keys of a block, as of a commit. */
struct sfsi_index_tally {
	uint64_t entries, keys, commit;
};
#define SFSI_INDEX_BLOCK_SIZE 25
size_t sfsi_index_block_encode(const struct sfsi_index_tally *tally,
			       uint8_t ret[SFSI_INDEX_BLOCK_SIZE]);
SFS_MUST_CHECK int sfsi_index_block_decode(struct sfs_span val, struct sfsi_index_tally *ret);

enum sfsi_index_state {
	SFSI_INDEX_BUILDING = 1, /* objects up to the cursor are in it */
	SFSI_INDEX_READY = 2,
	SFSI_INDEX_DROPPING = 3, /* nobody uses it, its rows go */
};

/** Head of an index. */
struct sfsi_index_head {
	enum sfsi_index_state state;
	bool multi;           /* objects with more than one key were seen */
	uint64_t generation;  /* how often it was built */
	uint64_t built;       /* objects */
	uint64_t fingerprint; /* sfsi_index_fingerprint() of what is indexed */
	struct sfs_span name;
	struct sfs_span cursor; /* BUILDING: oid of the last object that is in it */
};
SFS_MUST_CHECK int sfsi_index_head_encode(const struct sfsi_index_head *head, struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_index_head_decode(struct sfs_span val, struct sfsi_index_head *ret);

#endif
