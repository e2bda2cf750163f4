/* Walking over entries: see walk.h. Backwards a block is read at a time: backends only scan forwards. */
#include "base/array.h"
#include "index/walk.h"

#define PAGE_FIRST 32
#define PAGE_MOST 512

void sfsi_index_page_fini(struct sfsi_index_page *page)
{
	sfs_buf_fini(&page->bytes);
	free(page->items);
	*page = (struct sfsi_index_page){ .count = 0 };
}

static int page_add(struct sfsi_index_page *page, struct sfs_span tail, size_t key_len,
		    uint64_t serial)
{
	if (sfsi_array_grow(&page->items, page->count, &page->cap, sizeof *page->items) < 0)
		return SFS_ERR_NO_MEMORY;
	struct sfsi_index_page_item item = { page->bytes.len, tail.len, key_len, serial };
	int err = sfs_buf_append(&page->bytes, tail.data, tail.len);
	if (!err)
		page->items[page->count++] = item;
	return err;
}

static struct sfs_span item_tail(const struct sfsi_index_page *page, size_t i)
{
	return (struct sfs_span){ (const char *)page->bytes.data + page->items[i].off,
				  page->items[i].len };
}

int sfsi_index_key_end(struct sfs_span key, struct sfs_buf *ret)
{
	/* Cookies are below 2^62: this is above all of them, and below every other key. */
	int err = sfs_buf_append(ret, key.data, key.len);
	return err < 0 ? err : sfs_buf_append(ret, "\x40", 1);
}

int sfsi_index_table_follow(struct sfs_store *store, struct sfsi_index_table **table)
{
	struct sfsi_index_table *old = *table;
	if (sfsi_index_state(store, old) == SFSI_INDEX_READY)
		return 0;
	struct sfsi_index_table *new = sfsi_index_named(
		store, old->class, (struct sfs_span){ old->name, old->name_len });
	if (!new || new->fingerprint != old->fingerprint ||
	    sfsi_index_state(store, new) != SFSI_INDEX_READY)
		return SFS_ERR_NOT_READY;
	*table = new;
	return 0;
}

/* --- a walk --- */

int sfsi_index_walk_init(struct sfsi_index_walk *walk, struct sfs_store *store,
			 struct sfsi_index_table *table, const struct sfsi_index_range *range,
			 bool down)
{
	*walk = (struct sfsi_index_walk){
		.store = store,
		.table = table,
		.down = down,
		.has_high = range->high.len > 0,
		.wanted = PAGE_FIRST,
	};
	int err = sfs_buf_append(&walk->low, range->low.data, range->low.len);
	if (!err)
		err = sfs_buf_append(&walk->high, range->high.data, range->high.len);
	if (err < 0)
		sfsi_index_walk_fini(walk);
	return err;
}

void sfsi_index_walk_fini(struct sfsi_index_walk *walk)
{
	sfs_buf_fini(&walk->low);
	sfs_buf_fini(&walk->high);
	sfsi_index_page_fini(&walk->page);
}

struct reading {
	struct sfsi_index_walk *walk;
	struct sfs_span low; /* downwards: of the range, in the block that is read */
	size_t limit;        /* 0: none */
	int err;
	bool full;
};

static int read_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct reading *reading = arg;
	struct sfsi_index_walk *walk = reading->walk;
	struct sfs_span tail = sfsi_index_row_tail(key);
	struct sfsi_index_entry entry;
	if (walk->has_high && sfsi_span_compare(tail, sfs_buf_span(&walk->high)) >= 0)
		return 1;
	if (sfsi_span_compare(tail, reading->low) < 0)
		return 0;
	reading->err = sfsi_index_entry_decode(tail, val, &entry);
	if (!reading->err)
		reading->err = page_add(&walk->page, tail, entry.key.len, entry.serial);
	reading->full = reading->limit && walk->page.count >= reading->limit;
	return reading->err < 0 || reading->full;
}

/** Read the rows behind a tail into the page, as far as the range goes. */
static int read_rows(struct sfsi_index_walk *walk, struct sfs_span from, struct sfs_span low,
		     size_t limit, bool *ret_full)
{
	struct sfsi_index_row prefix, after;
	struct reading reading = { .walk = walk, .low = low, .limit = limit };
	sfsi_index_row(&prefix, walk->table->id, 'E', (struct sfs_span){ "", 0 });
	sfsi_index_row(&after, walk->table->id, 'E', from);
	struct sfsi_scan scan = {
		.partition = walk->table->class->id,
		.prefix = sfsi_index_row_span(&prefix),
		.after = sfsi_index_row_span(&after),
	};
	int err = sfsi_backend_scan(walk->store->backend, &scan, read_row, &reading);
	*ret_full = reading.full;
	return err == SFS_ERR_CANCELLED ? reading.err : err;
}

static int set(struct sfs_buf *buf, struct sfs_span bytes)
{
	buf->len = 0;
	return sfs_buf_append(buf, bytes.data, bytes.len);
}

static int page_up(struct sfsi_index_walk *walk)
{
	bool full;
	struct sfs_span none = { "", 0 };
	int err = read_rows(walk, sfs_buf_span(&walk->low), none, walk->wanted, &full);
	if (!err && walk->page.count)
		err = set(&walk->low, item_tail(&walk->page, walk->page.count - 1));
	walk->end = !full;
	return err;
}

/** Is there anything of the range before high? Downwards high is always known after the first page. */
static int page_down(struct sfsi_index_walk *walk)
{
	static const uint8_t behind_all[] = { 0xff };
	SFSI_AUTO_BUF struct sfs_buf boundary = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf low = SFS_BUF_INIT;
	struct sfs_span high = { behind_all, sizeof behind_all };
	bool full;
	if (walk->has_high)
		high = sfs_buf_span(&walk->high);
	int err = sfsi_index_block_before(walk->store, walk->table, high, &boundary);
	if (!err)
		err = sfs_buf_append(&low, walk->low.data, walk->low.len);
	/* Before the range: what is left of it is all in this block. */
	bool last = sfsi_span_compare(sfs_buf_span(&boundary), sfs_buf_span(&low)) <= 0;
	if (!err)
		err = read_rows(walk, last ? sfs_buf_span(&low) : sfs_buf_span(&boundary),
				sfs_buf_span(&low), 0, &full);
	if (!err)
		err = set(&walk->high, sfs_buf_span(last ? &low : &boundary));
	walk->has_high = true;
	walk->end = last;
	return err;
}

static int page_read(struct sfsi_index_walk *walk)
{
	struct sfs_span none = { "", 0 };
	SFSI_AUTO_BUF struct sfs_buf low = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf high = SFS_BUF_INIT;
	bool has_high = walk->has_high;
	int err = sfs_buf_append(&low, walk->low.data, walk->low.len);
	if (!err)
		err = sfs_buf_append(&high, walk->high.data, walk->high.len);
	walk->page.count = walk->page.bytes.len = walk->at = 0;
	if (!err)
		err = walk->down ? page_down(walk) : page_up(walk);
	/* Was it all there while it was read? If not, again in the table that replaces it. */
	struct sfsi_index_table *table = walk->table;
	if (!err)
		err = sfsi_index_table_follow(walk->store, &walk->table);
	if (!err && table != walk->table) {
		walk->page.count = 0;
		walk->end = false;
		walk->has_high = has_high;
		err = set(&walk->low, sfs_buf_span(&low));
		if (!err)
			err = set(&walk->high, has_high ? sfs_buf_span(&high) : none);
	}
	if (walk->wanted < PAGE_MOST)
		walk->wanted *= 2;
	return err;
}

int sfsi_index_walk_next(struct sfsi_index_walk *walk, struct sfsi_index_entry *ret)
{
	const struct sfsi_index_page *page = &walk->page;
	while (walk->at == page->count) {
		if (walk->end)
			return 1;
		int err = page_read(walk);
		if (err < 0)
			return err;
	}
	size_t number = walk->down ? page->count - 1 - walk->at : walk->at;
	const struct sfsi_index_page_item *item = &page->items[number];
	const uint8_t *tail = item_tail(page, number).data;
	*ret = (struct sfsi_index_entry){
		.key = { tail, item->key_len },
		.cookie = sfsi_get_be64(tail + item->key_len),
		.oid = { tail + item->key_len + 8, item->len - item->key_len - 8 },
		.serial = item->serial,
	};
	walk->at++;
	return 0;
}

/* --- positions --- */

static int count_range(struct sfs_store *store, struct sfsi_index_table *table,
		       const struct sfsi_index_range *range, bool exact, uint64_t *ret)
{
	uint64_t low, high, keys;
	int err = sfsi_index_rank(store, table, range->low, exact, &low);
	if (!err && range->high.len)
		err = sfsi_index_rank(store, table, range->high, exact, &high);
	else if (!err)
		err = sfsi_index_totals(store, table, &high, &keys);
	if (!err)
		*ret = high > low ? high - low : 0;
	return err;
}

int sfsi_index_range_count(struct sfs_store *store, struct sfsi_index_table *table,
			   const struct sfsi_index_range *range, bool exact, uint64_t *ret)
{
	struct sfsi_index_table *counted;
	int err;
	do {
		counted = table;
		err = count_range(store, table, range, exact, ret);
		if (!err)
			err = sfsi_index_table_follow(store, &table);
	} while (!err && table != counted);
	return err;
}

static int step_over(struct sfsi_index_walk *walk, uint64_t count)
{
	struct sfsi_index_entry entry;
	int err = 0;
	for (uint64_t i = 0; i < count && !err; i++)
		err = sfsi_index_walk_next(walk, &entry);
	return err < 0 ? err : 0;
}

/** Upwards: begin at the block where the position is. */
static int skip_up(struct sfsi_index_walk *walk, uint64_t count)
{
	SFSI_AUTO_BUF struct sfs_buf boundary = SFS_BUF_INIT;
	uint64_t low, before;
	int err = sfsi_index_rank(walk->store, walk->table, sfs_buf_span(&walk->low), true, &low);
	if (!err && count > UINT64_MAX - low)
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfsi_index_seek(walk->store, walk->table, SFSI_INDEX_ENTRIES, low + count,
				      &boundary, &before);
	if (err == SFS_ERR_NOT_FOUND) {
		walk->end = true;
		return 0;
	}
	if (err < 0)
		return err;
	if (before < low)
		return step_over(walk, count);
	err = set(&walk->low, sfs_buf_span(&boundary));
	return err < 0 ? err : step_over(walk, low + count - before);
}

/** Downwards: end at the entry behind the first one that is wanted. */
static int skip_down(struct sfsi_index_walk *walk, uint64_t count)
{
	SFSI_AUTO_BUF struct sfs_buf boundary = SFS_BUF_INIT;
	struct sfsi_index_range range = { sfs_buf_span(&walk->low), sfs_buf_span(&walk->high) };
	uint64_t low, have, before;
	if (!walk->has_high)
		range.high.len = 0;
	int err = count_range(walk->store, walk->table, &range, true, &have);
	if (!err && count >= have) {
		walk->end = true;
		return 0;
	}
	if (!err)
		err = sfsi_index_rank(walk->store, walk->table, range.low, true, &low);
	/* The entry that comes last before those that are wanted. */
	uint64_t position = err < 0 ? 0 : low + have - count;
	if (!err)
		err = sfsi_index_seek(walk->store, walk->table, SFSI_INDEX_ENTRIES, position,
				      &boundary, &before);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	struct sfsi_index_walk up;
	struct sfsi_index_entry entry;
	struct sfsi_index_range block = { sfs_buf_span(&boundary), { "", 0 } };
	err = sfsi_index_walk_init(&up, walk->store, walk->table, &block, false);
	if (err < 0)
		return err;
	err = step_over(&up, position - before);
	if (!err)
		err = sfsi_index_walk_next(&up, &entry);
	if (!err) {
		walk->has_high = true;
		err = set(&walk->high,
			  (struct sfs_span){ entry.key.data, entry.key.len + 8 + entry.oid.len });
	}
	sfsi_index_walk_fini(&up);
	return err < 0 ? err : 0;
}

int sfsi_index_walk_skip(struct sfsi_index_walk *walk, uint64_t count)
{
	struct sfsi_index_table *table;
	int err = 0;
	if (count == 0)
		return 0;
	do {
		table = walk->table;
		err = sfsi_index_table_follow(walk->store, &walk->table);
	} while (!err && table != walk->table);
	if (err < 0)
		return err;
	return walk->down ? skip_down(walk, count) : skip_up(walk, count);
}
