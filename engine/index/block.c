/*
 * Blocks: how many entries are where. A table is a row of blocks of some hundred entries; how many each
 * holds is written in the commits of its entries. So the position of an entry, and the entry at a
 * position, cost a look at the blocks, which are kept in memory (a few bytes for a hundred entries), and
 * a scan of one of them. Blocks that grew too large are divided later, and empty ones removed, by the
 * worker: only it may scan, since a change in the making is not visible to scans.
 */
#include "base/array.h"
#include "index/table.h"

struct sfsi_index_block *sfsi_index_block_new(struct sfs_span boundary)
{
	struct sfsi_index_block *block = calloc(1, sizeof *block + boundary.len);
	if (!block)
		return NULL;
	block->len = boundary.len;
	if (boundary.len)
		memcpy(block->boundary, boundary.data, boundary.len);
	return block;
}

size_t sfsi_index_block_of(const struct sfsi_index_table *table, struct sfs_span tail)
{
	size_t low = 1, high = table->blocks_len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct sfsi_index_block *block = table->blocks[mid];
		struct sfs_span boundary = { block->boundary, block->len };
		if (sfsi_span_compare(boundary, tail) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low - 1;
}

void sfsi_index_block_lags_locked(struct sfsi_index_table *table, struct sfsi_index_block *block,
				  uint64_t since)
{
	if (block->lag.since)
		return;
	block->lag.since = since;
	sfsi_index_lag_push(&table->lagging, &block->lag);
}

void sfsi_index_block_right_locked(struct sfsi_index_table *table, struct sfsi_index_block *block,
				   uint64_t written)
{
	if (block->lag.since)
		sfsi_index_lag_unlink(&table->lagging, &block->lag);
	block->lag.since = 0;
	block->lag.written = written;
}

/* --- counts of blocks, and what follows from them --- */

static bool must_wait(const struct sfsi_index_block *block)
{
	if (block->entries > SFSI_INDEX_BLOCK_MAX)
		return !block->solid;
	/* The first block stays. */
	return block->entries == 0 && block->keys == 0 && block->len > 0;
}

void sfsi_index_block_settled_locked(struct sfsi_index_table *table, struct sfsi_index_block *block)
{
	if (!block->waits)
		return;
	*(block->waits_newer ? &block->waits_newer->waits_older
			     : &table->waiting_newest) = block->waits_older;
	*(block->waits_older ? &block->waits_older->waits_newer
			     : &table->waiting) = block->waits_newer;
	block->waits = false;
}

static void wait_locked(struct sfsi_index_table *table, struct sfsi_index_block *block)
{
	if (block->waits || !must_wait(block))
		return;
	block->waits = true;
	block->waits_newer = NULL;
	block->waits_older = table->waiting_newest;
	*(table->waiting_newest ? &table->waiting_newest->waits_newer : &table->waiting) = block;
	table->waiting_newest = block;
}

void sfsi_index_block_count_locked(struct sfsi_index_table *table, size_t number, int64_t entries,
				   int64_t keys)
{
	struct sfsi_index_block *block = table->blocks[number];
	struct sfsi_index_sum *sum = &table->sums[number / SFSI_INDEX_SUMMED];
	block->entries += (uint64_t)entries;
	block->keys += (uint64_t)keys;
	table->tallies[number] = (struct sfsi_index_sum){ block->entries, block->keys };
	sum->entries += (uint64_t)entries;
	sum->keys += (uint64_t)keys;
	wait_locked(table, block);
}

void sfsi_index_blocks_sum_locked(struct sfsi_index_table *table, size_t number)
{
	for (size_t i = number - number % SFSI_INDEX_SUMMED; i < table->blocks_len; i++) {
		struct sfsi_index_sum *sum = &table->sums[i / SFSI_INDEX_SUMMED];
		if (i % SFSI_INDEX_SUMMED == 0)
			*sum = (struct sfsi_index_sum){ 0, 0 };
		sum->entries += table->tallies[i].entries;
		sum->keys += table->tallies[i].keys;
	}
}

static int grow(void *array, size_t count, size_t size)
{
	void *moved = reallocarray(*(void **)array, count, size);
	if (!moved)
		return SFS_ERR_NO_MEMORY;
	*(void **)array = moved;
	return 0;
}

int sfsi_index_blocks_reserve_locked(struct sfsi_index_table *table, size_t more)
{
	if (table->blocks_cap - table->blocks_len >= more)
		return 0;
	size_t cap = table->blocks_cap * 2 > table->blocks_len + more
			     ? table->blocks_cap * 2
			     : table->blocks_len + more + 4;
	int err = grow(&table->blocks, cap, sizeof(struct sfsi_index_block *));
	if (!err)
		err = grow(&table->tallies, cap, sizeof *table->tallies);
	if (!err)
		err = grow(&table->sums, cap / SFSI_INDEX_SUMMED + 1, sizeof *table->sums);
	if (!err)
		table->blocks_cap = cap;
	return err;
}

void sfsi_index_blocks_free_locked(struct sfsi_index_table *table)
{
	for (size_t i = 0; i < table->blocks_len; i++)
		free(table->blocks[i]);
	free(table->blocks);
	free(table->tallies);
	free(table->sums);
	table->blocks = NULL;
	table->tallies = table->sums = NULL;
	table->waiting = table->waiting_newest = NULL;
	table->blocks_len = table->blocks_cap = 0;
	table->lagging = (struct sfsi_index_lags){ .oldest = NULL };
	table->loaded = false;
}

/* --- loading --- */

struct load {
	struct sfsi_index_table *table; /* only its blocks are used */
	int err;
};

static int push(struct sfsi_index_table *table, struct sfs_span boundary,
		const struct sfsi_index_tally *tally)
{
	int err = sfsi_index_blocks_reserve_locked(table, 1);
	struct sfsi_index_block *block = err < 0 ? NULL : sfsi_index_block_new(boundary);
	if (!block)
		return SFS_ERR_NO_MEMORY;
	block->entries = tally->entries;
	block->keys = tally->keys;
	block->lag.written = tally->commit;
	table->tallies[table->blocks_len] = (struct sfsi_index_sum){ block->entries, block->keys };
	table->blocks[table->blocks_len++] = block;
	return 0;
}

static int load_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct load *load = arg;
	struct sfs_span boundary = sfsi_index_row_tail(key), none = { "", 0 };
	struct sfsi_index_tally tally, nothing = { 0 };
	load->err = sfsi_index_block_decode(val, &tally);
	/* There always is a first block, but it may have nothing in it. */
	if (!load->err && load->table->blocks_len == 0 && boundary.len)
		load->err = push(load->table, none, &nothing);
	if (!load->err)
		load->err = push(load->table, boundary, &tally);
	return load->err < 0;
}

int sfsi_index_blocks_load_locked(struct sfs_store *store, struct sfsi_index_table *table)
{
	if (table->loaded)
		return 0;
	struct sfsi_index_table loaded = { .id = table->id };
	struct load load = { .table = &loaded };
	struct sfsi_index_row row;
	struct sfs_span none = { "", 0 };
	struct sfsi_index_tally nothing = { 0 };
	sfsi_index_row(&row, table->id, 'B', none);
	struct sfsi_scan scan = { .partition = table->class->id,
				  .prefix = sfsi_index_row_span(&row) };
	int err = sfsi_backend_scan(store->backend, &scan, load_row, &load);
	if (err == SFS_ERR_CANCELLED)
		err = load.err;
	if (!err && loaded.blocks_len == 0)
		err = push(&loaded, none, &nothing);
	if (err < 0) {
		sfsi_index_blocks_free_locked(&loaded);
		return err;
	}
	pthread_rwlock_wrlock(&store->index_lock);
	table->blocks = loaded.blocks;
	table->tallies = loaded.tallies;
	table->sums = loaded.sums;
	table->blocks_len = loaded.blocks_len;
	table->blocks_cap = loaded.blocks_cap;
	sfsi_index_blocks_sum_locked(table, 0);
	for (size_t i = 0; i < table->blocks_len; i++)
		wait_locked(table, table->blocks[i]);
	table->loaded = true;
	pthread_rwlock_unlock(&store->index_lock);
	return 0;
}

int sfsi_index_blocks_load(struct sfs_store *store, struct sfsi_index_table *table)
{
	pthread_rwlock_rdlock(&store->index_lock);
	bool loaded = table->loaded;
	pthread_rwlock_unlock(&store->index_lock);
	if (loaded)
		return 0;
	SFSI_LOCK_SCOPE(&store->commit_lock);
	return sfsi_index_blocks_load_locked(store, table);
}

/* --- dividing --- */

/**
 * The parts of a block, as a scan of it finds them. What the block counts is right: the last part has
 * what is left, so that the scan ends where that is not too large any more.
 */
struct divide {
	struct sfsi_index_block *block;
	struct sfs_span end; /* boundary of the next block; empty: there is none */
	struct sfsi_index_block **parts;
	size_t count, cap;
	uint64_t entries, keys; /* of all parts so far */
	struct sfs_buf last;    /* key and cookie of the last entry */
	int err;
};

static struct sfs_span boundary_of(const struct sfsi_index_block *block)
{
	return (struct sfs_span){ block->boundary, block->len };
}

static int add_part(struct divide *divide, struct sfs_span boundary)
{
	if (sfsi_array_grow(&divide->parts, divide->count, &divide->cap, sizeof *divide->parts) < 0)
		return SFS_ERR_NO_MEMORY;
	divide->parts[divide->count] = sfsi_index_block_new(boundary);
	return divide->parts[divide->count++] ? 0 : SFS_ERR_NO_MEMORY;
}

/** Is it the key of the last entry, or of the boundary? */
static bool is_last_key(const struct divide *divide, struct sfs_span key)
{
	const struct sfs_buf *last = &divide->last;
	return last->len == key.len + 8 && memcmp(last->data, key.data, key.len) == 0;
}

static int divide_entry(struct divide *divide, struct sfs_span tail)
{
	size_t len = sfsi_index_key_len(tail);
	if (!len || tail.len < len + 8)
		return SFS_ERR_CORRUPT;
	struct sfs_span key = { tail.data, len }, place = { tail.data, len + 8 };
	struct sfsi_index_block *part = divide->parts[divide->count - 1];
	/* A key comes before its first entry, so it is in the part that ends there. */
	bool new_key = !is_last_key(divide, key);
	part->keys += new_key;
	divide->keys += new_key;
	int err = 0;
	/* Entries of one key and cookie stay together: no boundary can be between them. */
	if (part->entries >= SFSI_INDEX_BLOCK_MAX / 2 &&
	    !sfs_span_equal(place, sfs_buf_span(&divide->last)))
		err = add_part(divide, place);
	if (err < 0)
		return err;
	divide->parts[divide->count - 1]->entries++;
	divide->entries++;
	divide->last.len = 0;
	return sfs_buf_append(&divide->last, place.data, place.len);
}

static int divide_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct divide *divide = arg;
	struct sfs_span tail = sfsi_index_row_tail(key);
	(void)val;
	if (divide->end.len && sfsi_span_compare(tail, divide->end) >= 0)
		return 1;
	divide->err = divide_entry(divide, tail);
	return divide->err < 0 ||
	       (divide->parts[divide->count - 1]->entries == 1 && divide->count > 1 &&
		divide->block->entries - divide->entries < SFSI_INDEX_BLOCK_MAX);
}

static int divide_scan(struct sfs_store *store, const struct sfsi_index_table *table,
		       struct divide *divide)
{
	struct sfsi_index_row prefix, after;
	struct sfs_span boundary = boundary_of(divide->block);
	sfsi_index_row(&prefix, table->id, 'E', (struct sfs_span){ "", 0 });
	sfsi_index_row(&after, table->id, 'E', boundary);
	struct sfsi_scan scan = {
		.partition = table->class->id,
		.prefix = sfsi_index_row_span(&prefix),
		.after = sfsi_index_row_span(&after),
		.keys_only = true,
	};
	/* The boundary's key is in an earlier block. */
	int err = sfs_buf_append(&divide->last, boundary.data, boundary.len);
	if (!err)
		err = sfsi_backend_scan(store->backend, &scan, divide_row, divide);
	return err == SFS_ERR_CANCELLED ? divide->err : err;
}

static void divide_rest(struct divide *divide)
{
	struct sfsi_index_block *part = divide->parts[divide->count - 1];
	part->entries += divide->block->entries - divide->entries;
	part->keys += divide->block->keys - divide->keys;
	part->solid = divide->count == 1;
}

static int divide_block(struct sfsi_txn *txn, struct sfsi_index_table *table, size_t number)
{
	struct divide divide = { .block = table->blocks[number] };
	if (number + 1 < table->blocks_len)
		divide.end = boundary_of(table->blocks[number + 1]);
	int err = add_part(&divide, boundary_of(divide.block));
	if (!err)
		err = divide_scan(txn->store, table, &divide);
	if (!err) {
		divide_rest(&divide);
		struct sfsi_index_replaced replaced = { table, number, 1, divide.parts,
							divide.count };
		err = sfsi_index_block_replace(txn, &replaced);
	}
	if (err < 0) {
		for (size_t i = 0; i < divide.count; i++)
			free(divide.parts[i]);
		free(divide.parts);
	}
	sfs_buf_fini(&divide.last);
	return err;
}

/** A block without anything in it: its range is that of the one before it from now on. */
static int drop_block(struct sfsi_txn *txn, struct sfsi_index_table *table, size_t number)
{
	const struct sfsi_index_block *before = table->blocks[number - 1];
	struct sfsi_index_block *block = sfsi_index_block_new(boundary_of(before));
	struct sfsi_index_block **parts = malloc(sizeof(struct sfsi_index_block *));
	struct sfsi_index_replaced replaced = { table, number - 1, 2, parts, 1 };
	int err = SFS_ERR_NO_MEMORY;
	if (block && parts) {
		block->entries = before->entries;
		block->keys = before->keys;
		block->solid = before->solid;
		parts[0] = block;
		err = sfsi_index_block_replace(txn, &replaced);
	}
	if (err < 0) {
		free(block);
		free(parts);
	}
	return err;
}

int sfsi_index_divide(struct sfsi_txn *txn, struct sfsi_index_table *table)
{
	int err = sfsi_index_blocks_load_locked(txn->store, table);
	while (!err && table->waiting) {
		struct sfsi_index_block *block = table->waiting;
		size_t number = sfsi_index_block_of(table, boundary_of(block));
		if (must_wait(block))
			return block->entries ? divide_block(txn, table, number)
					      : drop_block(txn, table, number);
		pthread_rwlock_wrlock(&txn->store->index_lock);
		sfsi_index_block_settled_locked(table, block);
		pthread_rwlock_unlock(&txn->store->index_lock);
	}
	return err < 0 ? err : SFS_ERR_NOT_FOUND;
}
