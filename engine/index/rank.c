/* Positions in a table: blocks in memory say how many entries come before one, a scan of one block the rest. */
#include "index/table.h"

static uint64_t of_sum(const struct sfsi_index_sum *sum, enum sfsi_index_unit unit)
{
	return unit == SFSI_INDEX_KEYS ? sum->keys : sum->entries;
}

/** Totals of the blocks before number. index_lock is held. */
static uint64_t sum_before(const struct sfsi_index_table *table, size_t number,
			   enum sfsi_index_unit unit)
{
	size_t summed = number / SFSI_INDEX_SUMMED;
	uint64_t sum = 0;
	for (size_t i = 0; i < summed; i++)
		sum += of_sum(&table->sums[i], unit);
	for (size_t i = summed * SFSI_INDEX_SUMMED; i < number; i++)
		sum += of_sum(&table->tallies[i], unit);
	return sum;
}

/** The block with a position, and how many come before it; blocks_len: none. index_lock is held. */
static size_t block_with(const struct sfsi_index_table *table, enum sfsi_index_unit unit,
			 uint64_t position, uint64_t *ret_before)
{
	uint64_t before = 0, count;
	size_t number = 0;
	for (; number < table->blocks_len; number += SFSI_INDEX_SUMMED) {
		count = of_sum(&table->sums[number / SFSI_INDEX_SUMMED], unit);
		if (position - before < count)
			break;
		before += count;
	}
	for (; number < table->blocks_len; number++) {
		count = of_sum(&table->tallies[number], unit);
		if (position - before < count)
			break;
		before += count;
	}
	*ret_before = before;
	return number < table->blocks_len ? number : table->blocks_len;
}

struct counting {
	struct sfs_span end; /* whole key of a row: counted is what comes before it */
	uint64_t count;
};

static int count_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct counting *counting = arg;
	(void)val;
	if (sfsi_span_compare(key, counting->end) >= 0)
		return 1;
	counting->count++;
	return 0;
}

/** Entries from a boundary up to a tail. */
static int count_from(struct sfs_store *store, const struct sfsi_index_table *table,
		      struct sfs_span boundary, struct sfs_span tail, uint64_t *ret)
{
	struct sfsi_index_row prefix, after, end;
	sfsi_index_row(&prefix, table->id, 'E', (struct sfs_span){ "", 0 });
	sfsi_index_row(&after, table->id, 'E', boundary);
	sfsi_index_row(&end, table->id, 'E', tail);
	struct counting counting = { .end = sfsi_index_row_span(&end) };
	struct sfsi_scan scan = {
		.partition = table->class->id,
		.prefix = sfsi_index_row_span(&prefix),
		.after = sfsi_index_row_span(&after),
		.keys_only = true,
	};
	int err = sfsi_backend_scan(store->backend, &scan, count_row, &counting);
	*ret = counting.count;
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

int sfsi_index_rank(struct sfs_store *store, struct sfsi_index_table *table, struct sfs_span tail,
		    bool exact, uint64_t *ret)
{
	SFSI_AUTO_BUF struct sfs_buf boundary = SFS_BUF_INIT;
	uint64_t before, rest = 0;
	int err = sfsi_index_blocks_load(store, table);
	if (err < 0)
		return err;
	pthread_rwlock_rdlock(&store->index_lock);
	if (!table->loaded) {
		pthread_rwlock_unlock(&store->index_lock);
		*ret = 0;
		return 0;
	}
	size_t number = sfsi_index_block_of(table, tail);
	const struct sfsi_index_block *block = table->blocks[number];
	before = sum_before(table, number, SFSI_INDEX_ENTRIES);
	if (exact)
		err = sfs_buf_append(&boundary, block->boundary, block->len);
	else
		rest = block->entries / 2;
	pthread_rwlock_unlock(&store->index_lock);
	if (!err && exact)
		err = count_from(store, table, sfs_buf_span(&boundary), tail, &rest);
	if (!err)
		*ret = before + rest;
	return err;
}

int sfsi_index_totals(struct sfs_store *store, struct sfsi_index_table *table,
		      uint64_t *ret_entries, uint64_t *ret_keys)
{
	int err = sfsi_index_blocks_load(store, table);
	if (err < 0)
		return err;
	pthread_rwlock_rdlock(&store->index_lock);
	*ret_entries = sum_before(table, table->blocks_len, SFSI_INDEX_ENTRIES);
	*ret_keys = sum_before(table, table->blocks_len, SFSI_INDEX_KEYS);
	pthread_rwlock_unlock(&store->index_lock);
	return 0;
}

int sfsi_index_seek(struct sfs_store *store, struct sfsi_index_table *table,
		    enum sfsi_index_unit unit, uint64_t position, struct sfs_buf *ret,
		    uint64_t *ret_before)
{
	uint64_t before;
	int err = sfsi_index_blocks_load(store, table);
	if (err < 0)
		return err;
	err = SFS_ERR_NOT_FOUND;
	pthread_rwlock_rdlock(&store->index_lock);
	size_t number = block_with(table, unit, position, &before);
	if (number < table->blocks_len) {
		const struct sfsi_index_block *block = table->blocks[number];
		err = sfs_buf_append(ret, block->boundary, block->len);
		*ret_before = before;
	}
	pthread_rwlock_unlock(&store->index_lock);
	return err;
}

int sfsi_index_block_before(struct sfs_store *store, struct sfsi_index_table *table,
			    struct sfs_span tail, struct sfs_buf *ret)
{
	int err = sfsi_index_blocks_load(store, table);
	if (err < 0)
		return err;
	pthread_rwlock_rdlock(&store->index_lock);
	size_t number = table->loaded ? sfsi_index_block_of(table, tail) : 0;
	if (table->loaded) {
		const struct sfsi_index_block *block = table->blocks[number];
		/* What begins with the tail has nothing before it. */
		if (number > 0 && block->len == tail.len &&
		    memcmp(block->boundary, tail.data, tail.len) == 0)
			block = table->blocks[--number];
		err = tail.len ? sfs_buf_append(ret, block->boundary, block->len)
			       : SFS_ERR_NOT_FOUND;
	}
	pthread_rwlock_unlock(&store->index_lock);
	return err;
}

int sfsi_index_count_of(struct sfs_store *store, const struct sfsi_index_table *table,
			struct sfs_span key, uint64_t *ret)
{
	struct sfsi_index_row row;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	uint64_t commit;
	pthread_rwlock_rdlock(&store->index_lock);
	bool known = sfsi_index_count_known(store, table, key, ret);
	pthread_rwlock_unlock(&store->index_lock);
	if (known)
		return 0;
	/* What is not known does not lag; if it does since just now, it was right just now. */
	sfsi_index_row(&row, table->id, 'K', key);
	int err = sfsi_backend_get(store->backend, table->class->id, sfsi_index_row_span(&row),
				   &value);
	if (err == SFS_ERR_NOT_FOUND) {
		*ret = 0;
		return 0;
	}
	return err < 0 ? err : sfsi_index_count_decode(sfs_buf_span(&value), ret, &commit);
}
