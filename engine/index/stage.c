/*
 * What a change does to heads and blocks of tables. It is collected here, written with the rest of the
 * change, and becomes visible with its commit. Everything that can fail comes before the commit. What it
 * does to counts is in tally.c.
 */
#include "index/stage.h"
#include "base/array.h"

struct sfsi_index_stage *sfsi_index_stage_of(struct sfsi_txn *txn)
{
	if (!txn->indexes)
		txn->indexes = calloc(1, sizeof *txn->indexes);
	return txn->indexes;
}

/* --- collecting --- */

static struct sfsi_index_edit *find_edit(const struct sfsi_index_stage *stage,
					 const struct sfsi_index_table *table)
{
	for (size_t i = 0; stage && i < stage->edits_len; i++)
		if (stage->edits[i].table == table)
			return &stage->edits[i];
	return NULL;
}

int sfsi_index_edit(struct sfsi_txn *txn, struct sfsi_index_table *table,
		    struct sfsi_index_edit **ret)
{
	struct sfsi_index_stage *stage = sfsi_index_stage_of(txn);
	*ret = find_edit(stage, table);
	if (*ret)
		return 0;
	int err = stage ? sfsi_array_grow(&stage->edits, stage->edits_len, &stage->edits_cap,
					  sizeof *stage->edits)
			: SFS_ERR_NO_MEMORY;
	if (err < 0)
		return err;
	struct sfsi_index_edit edit = {
		.table = table,
		.state = table->state,
		.multi = table->multi,
		.built = table->built,
		.cursor = SFS_BUF_INIT,
	};
	err = sfs_buf_append(&edit.cursor, table->cursor.data, table->cursor.len);
	if (err < 0)
		return err;
	*ret = &stage->edits[stage->edits_len++];
	**ret = edit;
	return 0;
}

enum sfsi_index_state sfsi_index_staged_state(struct sfsi_txn *txn,
					      const struct sfsi_index_table *table)
{
	const struct sfsi_index_edit *edit = find_edit(txn->indexes, table);
	return edit ? edit->state : table->state;
}

int sfsi_index_block_replace(struct sfsi_txn *txn, const struct sfsi_index_replaced *replaced)
{
	struct sfsi_index_stage *stage = sfsi_index_stage_of(txn);
	int err = stage ? sfsi_array_grow(&stage->replaced, stage->replaced_len,
					  &stage->replaced_cap, sizeof *stage->replaced)
			: SFS_ERR_NO_MEMORY;
	if (!err) {
		pthread_rwlock_wrlock(&txn->store->index_lock);
		err = sfsi_index_blocks_reserve_locked(replaced->table, replaced->count);
		pthread_rwlock_unlock(&txn->store->index_lock);
	}
	if (!err)
		stage->replaced[stage->replaced_len++] = *replaced;
	return err;
}

/* --- writing --- */

static int write_head(struct sfsi_txn *txn, const struct sfsi_index_edit *edit)
{
	const struct sfsi_index_table *table = edit->table;
	struct sfsi_index_head head = {
		.state = edit->state,
		.multi = edit->multi,
		.generation = table->generation,
		.built = edit->built,
		.fingerprint = table->fingerprint,
		.name = { table->name, table->name_len },
		.cursor = sfs_buf_span(&edit->cursor),
	};
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_index_row_head(&key, table->id);
	if (edit->gone)
		return sfsi_txn_remove(txn, table->class->id, sfsi_key_span(&key));
	int err = sfsi_index_head_encode(&head, &value);
	return err < 0 ? err
		       : sfsi_txn_put(txn, table->class->id, sfsi_key_span(&key),
				      sfs_buf_span(&value));
}

static int write_replaced(struct sfsi_txn *txn, const struct sfsi_index_replaced *replaced)
{
	const struct sfsi_index_table *table = replaced->table;
	struct sfsi_index_row row;
	int err = 0;
	for (size_t i = 0; i < replaced->old && !err; i++) {
		const struct sfsi_index_block *block = table->blocks[replaced->number + i];
		sfsi_index_row(&row, table->id, 'B',
			       (struct sfs_span){ block->boundary, block->len });
		err = sfsi_txn_remove(txn, table->class->id, sfsi_index_row_span(&row));
	}
	for (size_t i = 0; i < replaced->count && !err; i++)
		err = sfsi_index_block_write(txn, table, replaced->parts[i]);
	return err;
}

/** Room for the tables that come: they are shown when nothing can fail any more. */
static int make_room(struct sfsi_txn *txn, const struct sfsi_index_stage *stage)
{
	int err = 0;
	for (size_t i = 0; i < stage->edits_len && !err; i++) {
		if (!stage->edits[i].add)
			continue;
		pthread_rwlock_wrlock(&txn->store->index_lock);
		err = sfsi_index_set_reserve(&stage->edits[i].table->class->tables,
					     stage->edits_len);
		pthread_rwlock_unlock(&txn->store->index_lock);
	}
	return err;
}

int sfsi_index_stage_write(struct sfsi_txn *txn)
{
	struct sfsi_index_stage *stage = txn->indexes;
	int err = 0;
	if (!stage)
		return 0;
	err = sfsi_index_tally_write(txn, stage);
	for (size_t i = 0; i < stage->replaced_len && !err; i++)
		err = write_replaced(txn, &stage->replaced[i]);
	for (size_t i = 0; i < stage->edits_len && !err; i++)
		err = write_head(txn, &stage->edits[i]);
	return err < 0 ? err : make_room(txn, stage);
}

/* --- showing --- */

static void show_edit(struct sfsi_index_edit *edit)
{
	struct sfsi_index_table *table = edit->table;
	table->state = edit->state;
	table->multi = edit->multi;
	table->built = edit->built;
	table->gone = edit->gone;
	sfs_buf_fini(&table->cursor);
	table->cursor = sfs_buf_take(&edit->cursor);
	if (edit->add) {
		struct sfsi_index_set *set = &table->class->tables;
		set->items[set->len++] = table;
		edit->add = false;
	}
	if (table->gone)
		sfsi_index_blocks_free_locked(table);
}

static void show_replaced(struct sfsi_index_replaced *replaced, uint64_t commit)
{
	struct sfsi_index_table *table = replaced->table;
	struct sfsi_index_block **at = table->blocks + replaced->number;
	for (size_t i = 0; i < replaced->old; i++) {
		sfsi_index_block_right_locked(table, at[i], commit);
		sfsi_index_block_settled_locked(table, at[i]);
		free(at[i]);
	}
	memmove(at + replaced->count, at + replaced->old,
		(table->blocks_len - replaced->number - replaced->old) *
			sizeof(struct sfsi_index_block *));
	memcpy(at, replaced->parts, replaced->count * sizeof(struct sfsi_index_block *));
	struct sfsi_index_sum *tallies = table->tallies + replaced->number;
	memmove(tallies + replaced->count, tallies + replaced->old,
		(table->blocks_len - replaced->number - replaced->old) * sizeof *tallies);
	for (size_t i = 0; i < replaced->count; i++)
		tallies[i] = (struct sfsi_index_sum){ at[i]->entries, at[i]->keys };
	table->blocks_len = table->blocks_len - replaced->old + replaced->count;
	sfsi_index_blocks_sum_locked(table, replaced->number);
	for (size_t i = 0; i < replaced->count; i++) {
		sfsi_index_block_right_locked(table, at[i], commit);
		at[i]->lag.writes = false;
		sfsi_index_block_count_locked(table, replaced->number + i, 0, 0);
	}
	replaced->count = 0;
}

void sfsi_index_stage_publish(struct sfsi_txn *txn)
{
	struct sfsi_index_stage *stage = txn->indexes;
	bool work;
	if (!stage)
		return;
	pthread_rwlock_wrlock(&txn->store->index_lock);
	work = sfsi_index_tally_show_locked(stage, txn->commit);
	for (size_t i = 0; i < stage->replaced_len; i++)
		show_replaced(&stage->replaced[i], txn->commit);
	for (size_t i = 0; i < stage->edits_len; i++) {
		work |= stage->edits[i].state != SFSI_INDEX_READY;
		show_edit(&stage->edits[i]);
	}
	pthread_rwlock_unlock(&txn->store->index_lock);
	sfsi_index_tally_wrote(stage, txn->commit);
	stage->published = true;
	if (work)
		sfsi_indexer_wake(txn->store);
}

/** A table that is dropped counts no more. */
static void forget_counts(struct sfs_store *store, struct sfsi_index_table *table)
{
	pthread_rwlock_wrlock(&store->index_lock);
	while (table->lagging.oldest)
		sfsi_index_block_right_locked(table,
					      (struct sfsi_index_block *)table->lagging.oldest, 0);
	sfsi_index_counts_free_locked(table);
	pthread_rwlock_unlock(&store->index_lock);
}

static void fini_edit(struct sfs_store *store, struct sfsi_index_edit *edit, bool published)
{
	if (published && edit->state == SFSI_INDEX_DROPPING)
		forget_counts(store, edit->table);
	sfs_buf_fini(&edit->cursor);
	if (edit->add)
		sfsi_index_table_free(edit->table);
}

void sfsi_index_stage_fini(struct sfsi_txn *txn)
{
	struct sfsi_index_stage *stage = txn->indexes;
	if (!stage)
		return;
	sfsi_index_tally_fini(txn->store, stage);
	for (size_t i = 0; i < stage->replaced_len; i++) {
		for (size_t k = 0; k < stage->replaced[i].count; k++)
			free(stage->replaced[i].parts[k]);
		free(stage->replaced[i].parts);
	}
	for (size_t i = 0; i < stage->edits_len; i++)
		fini_edit(txn->store, &stage->edits[i], stage->published);
	free(stage->edits);
	free(stage->replaced);
	free(stage);
	txn->indexes = NULL;
}
