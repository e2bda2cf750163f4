/* What a change does to tables, until it is committed: shared by stage.c (heads, blocks) and tally.c (counts). */
#ifndef SFSI_INDEX_STAGE_H
#define SFSI_INDEX_STAGE_H

#include "index/table.h"

/** A block, or a key, that the change counts in. */
struct sfsi_index_touched {
	struct sfsi_index_table *table;
	struct sfsi_index_block *block;
	size_t number; /* of the block */
};

struct sfsi_index_touched_key {
	struct sfsi_index_table *table;
	struct sfsi_index_count *count;
};

/** A count that lags, and is written with the change. */
struct sfsi_index_settled {
	struct sfsi_index_table *table;
	struct sfsi_index_lag *lag;
	bool is_key;
};

/** Of one change. */
struct sfsi_index_stage {
	struct sfsi_index_edit *edits;
	size_t edits_len, edits_cap;
	struct sfsi_index_touched *touched;
	size_t touched_len, touched_cap;
	struct sfsi_index_touched_key *keys;
	size_t keys_len, keys_cap;
	struct sfsi_index_settled *settled;
	size_t settled_len, settled_cap;
	struct sfsi_index_note *notes; /* of each class that the change counts in */
	size_t notes_len, notes_cap;
	struct sfsi_index_replaced *replaced;
	size_t replaced_len, replaced_cap;
	bool published;
};

/** That of a change; NULL: no memory. */
struct sfsi_index_stage *sfsi_index_stage_of(struct sfsi_txn *txn);

/* --- tally.c --- */

/** Write the row of a block, as the change leaves it. */
SFS_MUST_CHECK int sfsi_index_block_write(struct sfsi_txn *txn,
					  const struct sfsi_index_table *table,
					  struct sfsi_index_block *block);
/** Write rows of counts that are due, and the journal. */
SFS_MUST_CHECK int sfsi_index_tally_write(struct sfsi_txn *txn, struct sfsi_index_stage *stage);
/** Show counts to readers. Returns whether a block is too large now. */
bool sfsi_index_tally_show_locked(struct sfsi_index_stage *stage, uint64_t commit);
/** The journal was written. */
void sfsi_index_tally_wrote(struct sfsi_index_stage *stage, uint64_t commit);
/** The change is over. */
void sfsi_index_tally_fini(struct sfs_store *store, struct sfsi_index_stage *stage);

#endif
