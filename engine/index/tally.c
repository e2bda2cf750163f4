/*
 * What a change does to counts of keys and blocks. Of a count that changes only the journal's row is
 * written, unless there is no row of it yet, or it is to go: so the rows of keys say at any time which
 * keys there are. With each commit that makes the journal too long, counts that lag since its oldest
 * rows are written.
 */
#include "base/array.h"
#include "index/stage.h"

/** A change of more entries than this writes its counts at once. */
#define NOTE_MAX 16384
/** A change settles at most so many old counts, and twice as many as it makes. */
#define SETTLE_LEAST 64
/** More changes than this are not left to be replayed when the store is opened next. */
#define CLOSE_MAX 1024

/* --- counting --- */

static struct sfsi_index_note *find_note(const struct sfsi_index_stage *stage,
					 const struct sfsi_class *class)
{
	for (size_t i = 0; i < stage->notes_len; i++)
		if (stage->notes[i].class == class)
			return &stage->notes[i];
	return NULL;
}

static bool is_direct(const struct sfsi_index_stage *stage, const struct sfsi_class *class)
{
	const struct sfsi_index_note *note = find_note(stage, class);
	return note && note->direct;
}

/** The note of a class; valid until the next call. */
static int note_of(struct sfsi_txn *txn, struct sfsi_class *class, struct sfsi_index_note **ret)
{
	struct sfsi_index_stage *stage = sfsi_index_stage_of(txn);
	*ret = stage ? find_note(stage, class) : NULL;
	if (*ret)
		return 0;
	int err = stage ? sfsi_array_grow(&stage->notes, stage->notes_len, &stage->notes_cap,
					  sizeof *stage->notes)
			: SFS_ERR_NO_MEMORY;
	if (err < 0)
		return err;
	*ret = &stage->notes[stage->notes_len++];
	**ret = (struct sfsi_index_note){ .class = class };
	return 0;
}

static int block_add(struct sfsi_index_stage *stage, struct sfsi_index_table *table,
		     struct sfs_span tail, int entries, int keys)
{
	size_t number = sfsi_index_block_of(table, tail);
	struct sfsi_index_block *block = table->blocks[number];
	if (!block->touched) {
		int err = sfsi_array_grow(&stage->touched, stage->touched_len, &stage->touched_cap,
					  sizeof *stage->touched);
		if (err < 0)
			return err;
		stage->touched[stage->touched_len++] = (struct sfsi_index_touched){ table, block,
										    number };
		block->touched = true;
	}
	block->more_entries += entries;
	block->more_keys += keys;
	return 0;
}

static int key_add(struct sfsi_index_stage *stage, struct sfsi_index_table *table,
		   struct sfsi_index_count *count, int more)
{
	if (!count->touched) {
		int err = sfsi_array_grow(&stage->keys, stage->keys_len, &stage->keys_cap,
					  sizeof *stage->keys);
		if (err < 0)
			return err;
		stage->keys[stage->keys_len++] = (struct sfsi_index_touched_key){ table, count };
		count->touched = true;
	}
	count->more += more;
	return 0;
}

static int note_change(struct sfsi_index_note *note, const struct sfsi_index_journal_change *change)
{
	if (!note->direct && note->changes >= NOTE_MAX) {
		note->direct = true;
		sfs_buf_fini(&note->bytes);
	}
	return note->direct ? 0 : sfsi_index_note_add(note, change);
}

int sfsi_index_tally(struct sfsi_txn *txn, struct sfsi_index_table *table, struct sfs_span tail,
		     size_t key_len, int more)
{
	struct sfsi_index_journal_change change = {
		.table = table->id,
		.cookie = sfsi_get_be64((const uint8_t *)tail.data + key_len),
		.key = { tail.data, key_len },
	};
	struct sfsi_index_count *count;
	struct sfsi_index_note *note;
	int err = sfsi_index_count_get(txn->store, table, change.key, &count);
	if (!err)
		err = note_of(txn, table->class, &note);
	if (err < 0)
		return err;
	uint64_t entries = count->entries + (uint64_t)count->more;
	if (more < 0 && entries == 0)
		return SFS_ERR_NOT_FOUND;
	bool whole = entries == (more > 0 ? 0 : 1);
	if (more > 0)
		change.kind = whole ? SFSI_INDEX_FIRST : SFSI_INDEX_MORE;
	else
		change.kind = whole ? SFSI_INDEX_LAST : SFSI_INDEX_LESS;
	err = note_change(note, &change);
	if (!err)
		err = key_add(txn->indexes, table, count, more);
	if (!err)
		err = block_add(txn->indexes, table, tail, more, 0);
	/* A key comes before its entries: maybe in the block before theirs. */
	return !err && whole ? block_add(txn->indexes, table, change.key, 0, more) : err;
}

int sfsi_index_settle(struct sfsi_txn *txn, struct sfsi_class *class)
{
	struct sfsi_index_note *note;
	int err = note_of(txn, class, &note);
	if (!err)
		note->settle = true;
	return err;
}

void sfsi_index_close(struct sfs_store *store)
{
	struct sfsi_txn_class *copy;
	struct sfsi_txn txn;
	for (size_t id = 0; store->syncer && id < store->by_id_len; id++) {
		struct sfsi_class *class = store->by_id[id];
		if (!class || class->tables.journal.changes <= CLOSE_MAX ||
		    sfsi_txn_begin(store, &txn) < 0)
			continue;
		int err = sfsi_txn_class(&txn, class->id, &copy);
		if (!err)
			err = sfsi_index_settle(&txn, class);
		/* If it can not be done now, it is read from the journal. */
		(void)!sfsi_txn_end(&txn, err);
	}
}

/* --- writing --- */

int sfsi_index_block_write(struct sfsi_txn *txn, const struct sfsi_index_table *table,
			   struct sfsi_index_block *block)
{
	struct sfsi_index_row row;
	uint8_t value[SFSI_INDEX_BLOCK_SIZE];
	struct sfsi_index_tally tally = {
		.entries = block->entries + (uint64_t)block->more_entries,
		.keys = block->keys + (uint64_t)block->more_keys,
		.commit = txn->commit,
	};
	block->lag.writes = true;
	sfsi_index_row(&row, table->id, 'B', (struct sfs_span){ block->boundary, block->len });
	size_t len = sfsi_index_block_encode(&tally, value);
	return sfsi_txn_put(txn, table->class->id, sfsi_index_row_span(&row),
			    (struct sfs_span){ value, len });
}

/** A key without entries has no row. */
static int write_count(struct sfsi_txn *txn, const struct sfsi_index_table *table,
		       struct sfsi_index_count *count)
{
	struct sfsi_index_row row;
	uint8_t value[SFSI_INDEX_COUNT_SIZE];
	uint64_t entries = count->entries + (uint64_t)count->more;
	count->lag.writes = true;
	sfsi_index_row(&row, table->id, 'K', (struct sfs_span){ count->key, count->len });
	if (entries == 0)
		return sfsi_txn_remove(txn, table->class->id, sfsi_index_row_span(&row));
	size_t len = sfsi_index_count_encode(entries, txn->commit, value);
	return sfsi_txn_put(txn, table->class->id, sfsi_index_row_span(&row),
			    (struct sfs_span){ value, len });
}

/** Which keys there are is seen in the rows: must this one be written, or go? */
static bool is_due(const struct sfsi_index_count *count, bool direct)
{
	uint64_t entries = count->entries + (uint64_t)count->more;
	return entries == 0 ? count->entries > 0 : direct || count->entries == 0;
}

/** What lags since a commit or longer is written, as far as the budget goes. Returns what is left. */
static int settle_list(struct sfsi_index_stage *stage, struct sfsi_index_table *table, bool is_key,
		       uint64_t until, size_t *budget, uint64_t *left)
{
	const struct sfsi_index_lags *list = is_key ? &table->counts.lagging : &table->lagging;
	for (struct sfsi_index_lag *lag = list->oldest; lag && lag->since <= until;
	     lag = lag->newer) {
		if (*budget == 0) {
			*left = lag->since < *left ? lag->since : *left;
			break;
		}
		int err = sfsi_array_grow(&stage->settled, stage->settled_len, &stage->settled_cap,
					  sizeof *stage->settled);
		if (err < 0)
			return err;
		stage->settled[stage->settled_len++] = (struct sfsi_index_settled){ table, lag,
										    is_key };
		lag->writes = true;
		--*budget;
	}
	return 0;
}

/** Choose what is settled, so that old rows of the journal are over. */
static int settle_class(struct sfsi_txn *txn, struct sfsi_index_note *note)
{
	const struct sfsi_index_set *set = &note->class->tables;
	const struct sfsi_index_journal *journal = &set->journal;
	bool must;
	size_t over = sfsi_index_journal_excess(journal, note, &must);
	size_t budget = must ? SIZE_MAX : SETTLE_LEAST + 2 * note->changes;
	if (!over)
		return 0;
	uint64_t until = journal->rows[journal->first + over - 1].commit, left = UINT64_MAX;
	int err = 0;
	for (size_t i = 0; i < set->len && !err; i++) {
		struct sfsi_index_table *table = set->items[i];
		if (sfsi_index_staged_state(txn, table) == SFSI_INDEX_DROPPING)
			continue;
		err = settle_list(txn->indexes, table, false, until, &budget, &left);
		if (!err)
			err = settle_list(txn->indexes, table, true, until, &budget, &left);
	}
	while (note->over < over && journal->rows[journal->first + note->over].commit < left)
		note->over++;
	return err;
}

static int write_settled(struct sfsi_txn *txn, const struct sfsi_index_settled *settled)
{
	if (settled->is_key)
		return write_count(txn, settled->table, (struct sfsi_index_count *)settled->lag);
	return sfsi_index_block_write(txn, settled->table, (struct sfsi_index_block *)settled->lag);
}

static int write_touched(struct sfsi_txn *txn, const struct sfsi_index_stage *stage)
{
	int err = 0;
	for (size_t i = 0; i < stage->touched_len && !err; i++) {
		const struct sfsi_index_touched *touched = &stage->touched[i];
		if (!touched->block->lag.writes && is_direct(stage, touched->table->class))
			err = sfsi_index_block_write(txn, touched->table, touched->block);
	}
	for (size_t i = 0; i < stage->keys_len && !err; i++) {
		const struct sfsi_index_touched_key *key = &stage->keys[i];
		if (!key->count->lag.writes &&
		    is_due(key->count, is_direct(stage, key->table->class)))
			err = write_count(txn, key->table, key->count);
	}
	return err;
}

int sfsi_index_tally_write(struct sfsi_txn *txn, struct sfsi_index_stage *stage)
{
	int err = 0;
	for (size_t i = 0; i < stage->notes_len && !err; i++)
		if (!stage->notes[i].direct)
			err = settle_class(txn, &stage->notes[i]);
	for (size_t i = 0; i < stage->settled_len && !err; i++)
		err = write_settled(txn, &stage->settled[i]);
	if (!err)
		err = write_touched(txn, stage);
	for (size_t i = 0; i < stage->notes_len && !err; i++) {
		struct sfsi_index_note *note = &stage->notes[i];
		if (note->direct)
			continue;
		err = sfsi_index_journal_reserve(&note->class->tables.journal);
		if (!err)
			err = sfsi_index_journal_write(txn, note);
	}
	return err;
}

/* --- showing --- */

static void show_key(const struct sfsi_index_touched_key *touched, uint64_t commit)
{
	struct sfsi_index_count *count = touched->count;
	/* Nobody has seen another count of it: it need not be remembered. */
	bool rare = count->entries == 0 && count->more == 1 && count->lag.written == 0;
	count->entries += (uint64_t)count->more;
	if (count->lag.writes)
		sfsi_index_count_right_locked(touched->table, count, rare ? 0 : commit);
	else if (count->more)
		sfsi_index_count_lags_locked(touched->table, count, commit);
}

/** Returns whether something is to be done about the block. */
static bool show_block(const struct sfsi_index_touched *touched, uint64_t commit)
{
	struct sfsi_index_block *block = touched->block;
	if (block->lag.writes)
		sfsi_index_block_right_locked(touched->table, block, commit);
	else if (block->more_entries || block->more_keys)
		sfsi_index_block_lags_locked(touched->table, block, commit);
	sfsi_index_block_count_locked(touched->table, touched->number, block->more_entries,
				      block->more_keys);
	return block->waits;
}

static void show_settled(const struct sfsi_index_settled *settled, uint64_t commit)
{
	if (settled->is_key)
		sfsi_index_count_right_locked(settled->table,
					      (struct sfsi_index_count *)settled->lag, commit);
	else
		sfsi_index_block_right_locked(settled->table,
					      (struct sfsi_index_block *)settled->lag, commit);
}

static void reset(const struct sfsi_index_stage *stage)
{
	for (size_t i = 0; i < stage->settled_len; i++)
		stage->settled[i].lag->writes = false;
	for (size_t i = 0; i < stage->touched_len; i++) {
		struct sfsi_index_block *block = stage->touched[i].block;
		block->more_entries = block->more_keys = 0;
		block->touched = block->lag.writes = false;
	}
	for (size_t i = 0; i < stage->keys_len; i++) {
		struct sfsi_index_count *count = stage->keys[i].count;
		count->more = 0;
		count->touched = count->lag.writes = false;
	}
}

bool sfsi_index_tally_show_locked(struct sfsi_index_stage *stage, uint64_t commit)
{
	bool divide = false;
	for (size_t i = 0; i < stage->keys_len; i++)
		show_key(&stage->keys[i], commit);
	for (size_t i = 0; i < stage->touched_len; i++)
		divide |= show_block(&stage->touched[i], commit);
	for (size_t i = 0; i < stage->settled_len; i++)
		show_settled(&stage->settled[i], commit);
	return divide;
}

void sfsi_index_tally_wrote(struct sfsi_index_stage *stage, uint64_t commit)
{
	for (size_t i = 0; i < stage->notes_len; i++) {
		struct sfsi_index_note *note = &stage->notes[i];
		if (!note->direct)
			sfsi_index_journal_wrote(&note->class->tables.journal, note, commit);
	}
}

void sfsi_index_tally_fini(struct sfs_store *store, struct sfsi_index_stage *stage)
{
	reset(stage);
	for (size_t i = 0; i < stage->keys_len; i++) {
		const struct sfsi_index_touched_key *key = &stage->keys[i];
		sfsi_index_count_put(store, key->table, key->count);
	}
	for (size_t i = 0; i < stage->keys_len; i++)
		sfsi_index_counts_trim(store, stage->keys[i].table);
	for (size_t i = 0; i < stage->notes_len; i++)
		sfs_buf_fini(&stage->notes[i].bytes);
	free(stage->touched);
	free(stage->keys);
	free(stage->settled);
	free(stage->notes);
}
