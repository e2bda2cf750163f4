/*
 * Counts of indexes (K and B of I) against the entries that there are: one scan of all rows of H and I
 * of a class, which sees one state. What rows of counts say is put right by the journal, as it is when a store
 * is opened. The journal comes first in the scan; of each table blocks, then entries, then keys.
 */
#include "base/array.h"
#include "check/check.h"
#include "hash.h"
#include "index/table.h"

struct block {
	struct sfs_buf boundary;
	uint64_t entries, keys; /* that it says, less those that there are */
	uint64_t commit;
};

/** A change of the journal. */
struct change {
	uint32_t table;
	enum sfsi_index_change_kind kind;
	uint64_t commit, cookie;
	size_t number;   /* in its commit */
	size_t off, len; /* of the key */
};

/** What was found of a table. */
struct verdict {
	uint32_t table;
	size_t wrong, blocks;
	bool keys_wrong;
};

struct counting {
	uint64_t seed;
	struct change *changes; /* of the journal; once it was read: by table, key, commit */
	size_t changes_len, changes_cap, change_at;
	struct sfs_buf keys; /* their keys */
	uint64_t begin;
	bool sorted;
	/* The table that is read. */
	uint32_t table;
	struct block *blocks;
	size_t len, cap, at;
	char letter;
	uint64_t keys_sum; /* entries less what keys count, over hashes of the keys */
	struct verdict *verdicts;
	size_t verdicts_len, verdicts_cap;
	int err;
};

/* --- the journal --- */

static struct sfs_span key_of(const struct counting *counting, const struct change *change)
{
	return (struct sfs_span){ (const char *)counting->keys.data + change->off, change->len };
}

static int add_change(struct counting *counting, const struct sfsi_index_journal_reader *reader,
		      size_t number)
{
	struct change change = {
		.table = reader->change.table,
		.kind = reader->change.kind,
		.commit = reader->commit,
		.cookie = reader->change.cookie,
		.number = number,
		.off = counting->keys.len,
		.len = reader->change.key.len,
	};
	int err = sfsi_array_grow(&counting->changes, counting->changes_len, &counting->changes_cap,
				  sizeof *counting->changes);
	if (!err)
		err = sfs_buf_append(&counting->keys, reader->change.key.data, change.len);
	if (!err)
		counting->changes[counting->changes_len++] = change;
	return err;
}

/** What can not be read was reported where rows are looked at. */
static int take_journal(struct counting *counting, struct sfs_span val)
{
	struct sfsi_index_journal_reader reader;
	int err = sfsi_index_journal_open(val, &reader);
	if (!err && reader.begin > counting->begin)
		counting->begin = reader.begin;
	for (size_t number = 0; !err; number++) {
		err = sfsi_index_journal_next(&reader);
		if (!err)
			err = add_change(counting, &reader, number);
	}
	return err == SFS_ERR_NO_MEMORY || err == SFS_ERR_LIMIT ? err : 0;
}

static int order_changes(const void *a, const void *b, void *arg)
{
	const struct counting *counting = arg;
	const struct change *x = a, *y = b;
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	int order = sfsi_span_compare(key_of(counting, x), key_of(counting, y));
	if (!order)
		order = (x->commit > y->commit) - (x->commit < y->commit);
	return order ? order : (x->number > y->number) - (x->number < y->number);
}

static void sort_changes(struct counting *counting)
{
	size_t kept = 0;
	for (size_t i = 0; i < counting->changes_len; i++)
		if (counting->changes[i].commit >= counting->begin)
			counting->changes[kept++] = counting->changes[i];
	counting->changes_len = kept;
	if (kept)
		qsort_r(counting->changes, kept, sizeof *counting->changes, order_changes,
			counting);
	counting->sorted = true;
}

/* --- a table --- */

static int add_block(struct counting *counting, struct sfs_span boundary,
		     const struct sfsi_index_tally *tally)
{
	int err = sfsi_array_grow(&counting->blocks, counting->len, &counting->cap,
				  sizeof *counting->blocks);
	struct block block = {
		.boundary = SFS_BUF_INIT,
		.entries = tally->entries,
		.keys = tally->keys,
		.commit = tally->commit,
	};
	if (!err)
		err = sfs_buf_append(&block.boundary, boundary.data, boundary.len);
	if (!err)
		counting->blocks[counting->len++] = block;
	return err;
}

static struct block *block_of(const struct counting *counting, struct sfs_span tail)
{
	size_t low = 1, high = counting->len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (sfsi_span_compare(sfs_buf_span(&counting->blocks[mid].boundary), tail) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return &counting->blocks[low - 1];
}

/** The block of a tail, in the order of a scan. */
static struct block *block_at(struct counting *counting, struct sfs_span tail)
{
	while (counting->at + 1 < counting->len &&
	       sfsi_span_compare(sfs_buf_span(&counting->blocks[counting->at + 1].boundary),
				 tail) <= 0)
		counting->at++;
	return &counting->blocks[counting->at];
}

static void change_block(const struct counting *counting, const struct change *change,
			 struct sfs_span tail, uint64_t entries, uint64_t keys)
{
	bool more = change->kind == SFSI_INDEX_MORE || change->kind == SFSI_INDEX_FIRST;
	struct block *block = block_of(counting, tail);
	if (change->commit <= block->commit)
		return;
	block->entries += more ? entries : -entries;
	block->keys += more ? keys : -keys;
}

/** All blocks of the table are known: what the journal has of them. */
static void change_blocks(struct counting *counting)
{
	uint8_t tail[SFSI_INDEX_KEY_MAX + 8];
	for (size_t i = counting->change_at; i < counting->changes_len; i++) {
		const struct change *change = &counting->changes[i];
		struct sfs_span key = key_of(counting, change);
		if (change->table != counting->table)
			break;
		memcpy(tail, key.data, key.len);
		sfsi_put_be64(tail + key.len, change->cookie);
		change_block(counting, change, (struct sfs_span){ tail, key.len + 8 }, 1, 0);
		if (change->kind == SFSI_INDEX_FIRST || change->kind == SFSI_INDEX_LAST)
			change_block(counting, change, key, 0, 1);
	}
}

/** What the journal makes of the count that a row of a key has as of a commit. */
static uint64_t replay(struct counting *counting, struct sfs_span key, uint64_t entries,
		       uint64_t commit)
{
	for (; counting->change_at < counting->changes_len; counting->change_at++) {
		const struct change *change = &counting->changes[counting->change_at];
		if (change->table != counting->table ||
		    !sfs_span_equal(key_of(counting, change), key))
			break;
		if (change->commit <= commit)
			continue;
		switch (change->kind) {
		case SFSI_INDEX_MORE: entries++; break;
		case SFSI_INDEX_LESS: entries--; break;
		case SFSI_INDEX_FIRST: entries = 1; break;
		case SFSI_INDEX_LAST: entries = 0; break;
		}
	}
	return entries;
}

/** Keys before one (none: all of the table) that the journal has, and that have no row. */
static void count_rowless(struct counting *counting, const struct sfs_span *before)
{
	while (counting->change_at < counting->changes_len) {
		const struct change *change = &counting->changes[counting->change_at];
		struct sfs_span key = key_of(counting, change);
		if (change->table != counting->table ||
		    (before && sfsi_span_compare(key, *before) >= 0))
			break;
		counting->keys_sum -= replay(counting, key, 0, 0) * sfsi_hash(key, counting->seed);
	}
}

static int count_tail(struct counting *counting, char letter, struct sfs_span tail,
		      struct sfs_span val)
{
	struct sfsi_index_tally tally = { 0 };
	struct sfs_span none = { "", 0 };
	int err = 0;
	/* There always is a first block, but it may have no row. */
	if (counting->len == 0 && (letter != 'B' || tail.len))
		err = add_block(counting, none, &tally);
	if (err < 0)
		return err;
	if (letter != 'B' && counting->letter == 'B')
		change_blocks(counting);
	if (letter != counting->letter)
		counting->at = 0;
	counting->letter = letter;
	if (letter == 'B') {
		err = sfsi_index_block_decode(val, &tally) < 0 ? 0
							       : add_block(counting, tail, &tally);
	} else if (letter == 'E') {
		struct sfs_span own = { tail.data, sfsi_index_key_len(tail) };
		block_at(counting, tail)->entries--;
		counting->keys_sum += sfsi_hash(own, counting->seed);
	} else if (letter == 'K') {
		count_rowless(counting, &tail);
		bool good = sfsi_index_count_decode(val, &tally.entries, &tally.commit) == 0;
		uint64_t entries = replay(counting, tail, tally.entries, tally.commit);
		if (good) {
			block_at(counting, tail)->keys--;
			counting->keys_sum -= entries * sfsi_hash(tail, counting->seed);
		}
	}
	return err;
}

/** The table is over: what is wrong with it? */
static int end_table(struct counting *counting)
{
	struct verdict verdict = { .table = counting->table, .blocks = counting->len };
	int err = 0;
	if (counting->table && counting->letter == 'B')
		change_blocks(counting);
	count_rowless(counting, NULL);
	for (size_t i = 0; i < counting->len; i++) {
		verdict.wrong += counting->blocks[i].entries || counting->blocks[i].keys;
		sfs_buf_fini(&counting->blocks[i].boundary);
	}
	verdict.keys_wrong = counting->keys_sum != 0;
	if (verdict.wrong || verdict.keys_wrong)
		err = sfsi_array_grow(&counting->verdicts, counting->verdicts_len,
				      &counting->verdicts_cap, sizeof *counting->verdicts);
	if (!err && (verdict.wrong || verdict.keys_wrong))
		counting->verdicts[counting->verdicts_len++] = verdict;
	counting->len = counting->at = 0;
	counting->keys_sum = 0;
	return err;
}

static int begin_table(struct counting *counting, uint32_t table)
{
	int err = end_table(counting);
	counting->table = table;
	counting->letter = 'B';
	/* Tables that the journal has, and that have no row, are gone or have nothing. */
	while (counting->change_at < counting->changes_len &&
	       counting->changes[counting->change_at].table < table)
		counting->change_at++;
	return err;
}

static int count_row(struct counting *counting, struct sfs_span key, struct sfs_span val)
{
	uint32_t slot, table;
	if (sfsi_index_row_slot(key, &slot))
		return take_journal(counting, val);
	if (key.len < SFSI_INDEX_PREFIX)
		return 0;
	if (!counting->sorted)
		sort_changes(counting);
	table = sfsi_get_be32((const uint8_t *)key.data + 1);
	int err = table != counting->table ? begin_table(counting, table) : 0;
	return err < 0 ? err
		       : count_tail(counting, ((const char *)key.data)[5], sfsi_index_row_tail(key),
				    val);
}

static int on_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct counting *counting = arg;
	bool over = *(const char *)key.data > 'I';
	counting->err = over ? 0 : count_row(counting, key, val);
	return over || counting->err < 0;
}

/* --- */

static int scan(struct sfsi_check *check, struct counting *counting)
{
	/* Two tables, side by side. */
	struct sfsi_scan scan = {
		.partition = check->partition,
		.after = sfs_span_str("H"),
		.once = true,
	};
	int err = sfsi_backend_scan(check->store->backend, &scan, on_row, counting);
	if (err == SFS_ERR_CANCELLED)
		err = counting->err;
	return err < 0 ? err : end_table(counting);
}

static int report(struct sfsi_check *check, const struct verdict *verdict)
{
	const struct sfsi_index_table *table = sfsi_check_index_serving(check, verdict->table);
	if (!table)
		return 0;
	check->found_count = 0;
	if (verdict->wrong)
		sfsi_check_found(check, SFS_CHECK_INDEX_COUNT,
				 "index %s: %zu of %zu blocks do not count what there is",
				 table->name, verdict->wrong, verdict->blocks);
	if (verdict->keys_wrong)
		sfsi_check_found(check, SFS_CHECK_INDEX_COUNT,
				 "index %s: keys do not count the objects that they have",
				 table->name);
	return sfsi_check_report(check);
}

int sfsi_check_index_counts(struct sfsi_check *check)
{
	struct counting counting = { .seed = check->sums->seed };
	int err = scan(check, &counting);
	/* Damage of the backend's files was reported where rows are looked at. */
	if (err == SFS_ERR_CORRUPT) {
		check->skipped = true;
		err = 0;
	} else {
		for (size_t i = 0; i < counting.verdicts_len && !err; i++)
			err = report(check, &counting.verdicts[i]);
	}
	for (size_t i = 0; i < counting.len; i++)
		sfs_buf_fini(&counting.blocks[i].boundary);
	free(counting.blocks);
	free(counting.changes);
	sfs_buf_fini(&counting.keys);
	free(counting.verdicts);
	return err < 0 ? err : sfsi_check_tick(check);
}
