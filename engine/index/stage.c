/*
 * What a change does to heads and blocks of tables. It is collected here, written with the rest of the
 * change, and becomes visible with its commit. Everything that can fail comes before the commit.
 */
#include "index/table.h"
#include "base/array.h"
#include "hash.h"

struct touched {
	struct sfsi_index_table *table;
	struct sfsi_index_block *block;
};

/** Counts of so many keys are remembered. */
#define KNOWN 8192

struct sfsi_index_known *sfsi_index_known(struct sfs_store *store, uint32_t class_id,
					  struct sfs_span row, uint64_t ret_hash[2])
{
	/* Ids of indexes are those of their class. */
	XXH128_hash_t hash = XXH3_128bits_withSeed(row.data, row.len, store->hash_seed + class_id);
	ret_hash[0] = hash.low64;
	/* Never that of an empty place. */
	ret_hash[1] = hash.high64 | 1;
	return &store->index_known[hash.low64 % KNOWN];
}

int sfsi_index_known_new(struct sfs_store *store)
{
	store->index_known = calloc(KNOWN, sizeof *store->index_known);
	return store->index_known ? 0 : SFS_ERR_NO_MEMORY;
}

struct replaced {
	struct sfsi_index_table *table;
	struct sfsi_index_block *block;
	struct sfsi_index_block **parts; /* [count] */
	size_t count;
};

/** Of one change. */
struct sfsi_index_stage {
	struct sfsi_index_edit *edits;
	size_t edits_len, edits_cap;
	struct touched *touched;
	size_t touched_len, touched_cap;
	struct replaced *replaced;
	size_t replaced_len, replaced_cap;
	bool published;
};

static struct sfsi_index_stage *stage_of(struct sfsi_txn *txn)
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
	struct sfsi_index_stage *stage = stage_of(txn);
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

int sfsi_index_block_add(struct sfsi_txn *txn, struct sfsi_index_table *table, struct sfs_span tail,
			 int entries, int keys)
{
	struct sfsi_index_stage *stage = stage_of(txn);
	if (!stage)
		return SFS_ERR_NO_MEMORY;
	struct sfsi_index_block *block = table->blocks[sfsi_index_block_of(table, tail)];
	if (!block->touched) {
		int err = sfsi_array_grow(&stage->touched, stage->touched_len, &stage->touched_cap,
					  sizeof *stage->touched);
		if (err < 0)
			return err;
		stage->touched[stage->touched_len++] = (struct touched){ table, block };
		block->touched = true;
	}
	block->more_entries += entries;
	block->more_keys += keys;
	return 0;
}

int sfsi_index_block_replace(struct sfsi_txn *txn, struct sfsi_index_table *table,
			     struct sfsi_index_block *block, struct sfsi_index_block **parts,
			     size_t count)
{
	struct sfsi_index_stage *stage = stage_of(txn);
	int err = stage ? sfsi_array_grow(&stage->replaced, stage->replaced_len,
					  &stage->replaced_cap, sizeof *stage->replaced)
			: SFS_ERR_NO_MEMORY;
	if (!err) {
		pthread_rwlock_wrlock(&txn->store->index_lock);
		err = sfsi_index_blocks_reserve_locked(table, count);
		pthread_rwlock_unlock(&txn->store->index_lock);
	}
	if (!err)
		stage->replaced[stage->replaced_len++] = (struct replaced){ table, block, parts,
									    count };
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

/** A block without anything in it has no row. */
static int write_block(struct sfsi_txn *txn, const struct sfsi_index_table *table,
		       const struct sfsi_index_block *block)
{
	struct sfsi_index_row row;
	uint8_t value[SFSI_INDEX_BLOCK_SIZE];
	uint64_t entries = block->entries + (uint64_t)block->more_entries;
	uint64_t keys = block->keys + (uint64_t)block->more_keys;
	sfsi_index_row(&row, table->id, 'B', (struct sfs_span){ block->boundary, block->len });
	if (entries == 0 && keys == 0)
		return sfsi_txn_remove(txn, table->class->id, sfsi_index_row_span(&row));
	size_t len = sfsi_index_block_encode(entries, keys, value);
	return sfsi_txn_put(txn, table->class->id, sfsi_index_row_span(&row),
			    (struct sfs_span){ value, len });
}

static int write_replaced(struct sfsi_txn *txn, const struct replaced *replaced)
{
	struct sfsi_index_row row;
	sfsi_index_row(&row, replaced->table->id, 'B',
		       (struct sfs_span){ replaced->block->boundary, replaced->block->len });
	int err = sfsi_txn_remove(txn, replaced->table->class->id, sfsi_index_row_span(&row));
	for (size_t i = 0; i < replaced->count && !err; i++)
		err = write_block(txn, replaced->table, replaced->parts[i]);
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
	for (size_t i = 0; i < stage->touched_len && !err; i++)
		err = write_block(txn, stage->touched[i].table, stage->touched[i].block);
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

static void show_replaced(struct replaced *replaced)
{
	struct sfsi_index_table *table = replaced->table;
	size_t at = sfsi_index_block_of(
		table, (struct sfs_span){ replaced->block->boundary, replaced->block->len });
	memmove(table->blocks + at + replaced->count, table->blocks + at + 1,
		(table->blocks_len - at - 1) * sizeof(struct sfsi_index_block *));
	memcpy(table->blocks + at, replaced->parts,
	       replaced->count * sizeof(struct sfsi_index_block *));
	table->blocks_len += replaced->count - 1;
	free(replaced->block);
	replaced->count = 0;
}

void sfsi_index_stage_publish(struct sfsi_txn *txn)
{
	struct sfsi_index_stage *stage = txn->indexes;
	bool work = false;
	if (!stage)
		return;
	pthread_rwlock_wrlock(&txn->store->index_lock);
	for (size_t i = 0; i < stage->touched_len; i++) {
		struct sfsi_index_block *block = stage->touched[i].block;
		block->entries += (uint64_t)block->more_entries;
		block->keys += (uint64_t)block->more_keys;
		if (block->entries > SFSI_INDEX_BLOCK_MAX)
			work = stage->touched[i].table->divide = true;
	}
	for (size_t i = 0; i < stage->replaced_len; i++)
		show_replaced(&stage->replaced[i]);
	for (size_t i = 0; i < stage->edits_len; i++) {
		work |= stage->edits[i].state != SFSI_INDEX_READY;
		show_edit(&stage->edits[i]);
	}
	pthread_rwlock_unlock(&txn->store->index_lock);
	stage->published = true;
	if (work)
		sfsi_indexer_wake(txn->store);
}

void sfsi_index_stage_fini(struct sfsi_txn *txn)
{
	struct sfsi_index_stage *stage = txn->indexes;
	if (!stage)
		return;
	if (!stage->published)
		memset(txn->store->index_known, 0, KNOWN * sizeof *txn->store->index_known);
	for (size_t i = 0; i < stage->touched_len; i++) {
		struct sfsi_index_block *block = stage->touched[i].block;
		block->more_entries = block->more_keys = 0;
		block->touched = false;
	}
	for (size_t i = 0; i < stage->replaced_len; i++) {
		for (size_t k = 0; k < stage->replaced[i].count; k++)
			free(stage->replaced[i].parts[k]);
		free(stage->replaced[i].parts);
	}
	for (size_t i = 0; i < stage->edits_len; i++) {
		sfs_buf_fini(&stage->edits[i].cursor);
		if (stage->edits[i].add)
			sfsi_index_table_free(stage->edits[i].table);
	}
	free(stage->edits);
	free(stage->touched);
	free(stage->replaced);
	free(stage);
	txn->indexes = NULL;
}
