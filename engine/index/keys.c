/*
 * The keys of a table: rows K, page by page. Downwards a block's keys are read at a time; the order of
 * JSON texts, which no table has, is made by going over all keys as often as needed, keeping the
 * next ones in order each time, so that memory stays bounded.
 */
#include "base/array.h"
#include "index/read.h"
#include "index/walk.h"

#define PAGE_KEYS 256
#define JSON_KEEP 65536

/** Keys of a page, copied. */
struct page {
	struct sfs_buf bytes;
	struct page_item {
		size_t off, len;
		uint64_t count;
	} *items;
	size_t len, cap, limit;
	struct sfs_span end; /* tail that ends it; empty: none */
	int err;
};

static void page_fini(struct page *page)
{
	sfs_buf_fini(&page->bytes);
	free(page->items);
}

static struct sfs_span page_key(const struct page *page, size_t i)
{
	return (struct sfs_span){ (const char *)page->bytes.data + page->items[i].off,
				  page->items[i].len };
}

static int page_add(struct page *page, struct sfs_span key, uint64_t count)
{
	if (sfsi_array_grow(&page->items, page->len, &page->cap, sizeof *page->items) < 0)
		return SFS_ERR_NO_MEMORY;
	page->items[page->len] = (struct page_item){ page->bytes.len, key.len, count };
	int err = sfs_buf_append(&page->bytes, key.data, key.len);
	page->len += !err;
	return err;
}

static int page_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct page *page = arg;
	struct sfs_span tail = sfsi_index_row_tail(key);
	uint64_t count, commit;
	if (page->end.len && sfsi_span_compare(tail, page->end) >= 0)
		return 1;
	/* Objects without keys have no key to show. */
	if (sfs_span_equal(tail, SFSI_INDEX_NO_KEY))
		return 0;
	page->err = sfsi_index_count_decode(val, &count, &commit);
	if (!page->err)
		page->err = page_add(page, tail, count);
	return page->err < 0 || (page->limit && page->len == page->limit);
}

/**
 * What the rows of keys counted is put right. False: some counts may be neither in the rows, as they
 * were when they were read after a commit, nor in memory any more.
 */
static bool page_count(struct sfs_store *store, const struct sfsi_index_table *table,
		       struct page *page, uint64_t commit)
{
	pthread_rwlock_rdlock(&store->index_lock);
	bool right = table->counts.forgotten <= commit;
	for (size_t i = 0; i < page->len; i++)
		sfsi_index_count_known(store, table, page_key(page, i), &page->items[i].count);
	pthread_rwlock_unlock(&store->index_lock);
	return right;
}

/** Keys above a tail; also when the table is replaced meanwhile. */
static int page_read(struct sfs_store *store, struct sfsi_index_table **table,
		     struct sfs_span after, struct page *page)
{
	struct sfsi_index_table *read;
	bool right;
	int err;
	do {
		struct sfsi_index_row prefix, from;
		read = *table;
		uint64_t commit = atomic_load(&store->commit);
		sfsi_index_row(&prefix, read->id, 'K', (struct sfs_span){ "", 0 });
		sfsi_index_row(&from, read->id, 'K', after);
		struct sfsi_scan scan = {
			.partition = read->class->id,
			.prefix = sfsi_index_row_span(&prefix),
			.after = sfsi_index_row_span(&from),
		};
		page->len = page->bytes.len = 0;
		page->err = 0;
		err = sfsi_backend_scan(store->backend, &scan, page_row, page);
		if (err == SFS_ERR_CANCELLED)
			err = page->err;
		right = page_count(store, read, page, commit);
		if (!err)
			err = sfsi_index_table_follow(store, table);
	} while (!err && (read != *table || !right));
	return err;
}

static int set(struct sfs_buf *buf, struct sfs_span bytes)
{
	buf->len = 0;
	return sfs_buf_append(buf, bytes.data, bytes.len);
}

/** @skip  so many are not given, @left so many are. */
static int keys_up(struct sfs_store *store, struct sfsi_index_table *table, struct sfs_buf *after,
		   uint64_t skip, uint64_t left, sfsi_index_key_fn *fn, void *arg)
{
	struct page page = { .limit = PAGE_KEYS };
	int err = 0;
	do {
		err = page_read(store, &table, sfs_buf_span(after), &page);
		for (size_t i = 0; i < page.len && !err && left; i++) {
			if (skip) {
				skip--;
				continue;
			}
			left--;
			if (fn(arg, page_key(&page, i), page.items[i].count))
				err = SFS_ERR_CANCELLED;
		}
		if (!err && page.len)
			err = set(after, page_key(&page, page.len - 1));
	} while (!err && left && page.len == page.limit);
	page_fini(&page);
	return err;
}

int sfsi_index_keys_from(struct sfs_store *store, struct sfsi_index_table *table,
			 struct sfs_span after, size_t limit, sfsi_index_key_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf from = SFS_BUF_INIT;
	int err = sfs_buf_append(&from, after.data, after.len);
	return err < 0 ? err : keys_up(store, table, &from, 0, limit ? limit : UINT64_MAX, fn, arg);
}

/** From a position on, upwards. The table counts objects without keys as a key, too. */
static int window_up(struct sfs_store *store, struct sfsi_index_table *table, uint64_t start,
		     uint64_t limit, sfsi_index_key_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	uint64_t missing, before = 0;
	int err = sfsi_index_counted(store, table, SFSI_INDEX_NO_KEY, &missing);
	if (!err && start > UINT64_MAX - 1)
		return 0;
	uint64_t shift = err < 0 || missing == 0 ? 0 : 1;
	if (!err && start)
		err = sfsi_index_seek(store, table, SFSI_INDEX_KEYS, start + shift, &after,
				      &before);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	/* In the first block objects without keys come first, and are not seen. */
	uint64_t skip = before ? start + shift - before : start;
	/* A boundary may be a key itself only with its cookie: the key before it is in another block. */
	return err < 0 ? err : keys_up(store, table, &after, skip, limit, fn, arg);
}

/** Downwards: the keys of one block after the other, below a tail. */
static int keys_down(struct sfs_store *store, struct sfsi_index_table *table, struct sfs_buf *end,
		     uint64_t left, sfsi_index_key_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf boundary = SFS_BUF_INIT;
	struct page page = { .limit = 0 };
	int err = 0;
	while (!err && left && end->len) {
		boundary.len = 0;
		err = sfsi_index_block_before(store, table, sfs_buf_span(end), &boundary);
		page.end = sfs_buf_span(end);
		if (!err)
			err = page_read(store, &table, sfs_buf_span(&boundary), &page);
		for (size_t i = page.len; i > 0 && !err && left; i--) {
			left--;
			if (fn(arg, page_key(&page, i - 1), page.items[i - 1].count))
				err = SFS_ERR_CANCELLED;
		}
		if (!err)
			err = set(end, sfs_buf_span(&boundary));
	}
	page_fini(&page);
	return err;
}

static int copy_key(void *arg, struct sfs_span key, uint64_t count)
{
	(void)count;
	return set(arg, key) < 0;
}

static int window_down(struct sfs_store *store, struct sfsi_index_table *table, uint64_t start,
		       uint64_t limit, sfsi_index_key_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf end = SFS_BUF_INIT;
	uint64_t entries, keys, missing;
	int err = sfsi_index_totals(store, table, &entries, &keys);
	if (!err)
		err = sfsi_index_counted(store, table, SFSI_INDEX_NO_KEY, &missing);
	if (err < 0)
		return err;
	keys -= missing && keys ? 1 : 0;
	if (start >= keys)
		return 0;
	/* The key that comes last before those that are wanted. */
	err = sfs_buf_append(&end, "\xff", 1);
	if (!err && start)
		err = window_up(store, table, keys - start, 1, copy_key, &end);
	return err < 0 ? err : keys_down(store, table, &end, limit, fn, arg);
}

/* --- the order of JSON texts --- */

struct json_key {
	struct sfs_buf json, key;
	uint64_t count;
};

struct json_keys {
	struct json_key *items; /* [2 * JSON_KEEP] */
	size_t len;
	struct json_key last; /* the last one that was given */
	bool any, down, more;
	int err;
};

static void json_key_fini(struct json_key *key)
{
	sfs_buf_fini(&key->json);
	sfs_buf_fini(&key->key);
}

static int json_up(const void *a, const void *b)
{
	const struct json_key *x = a, *y = b;
	int order = sfsi_span_compare(sfs_buf_span(&x->json), sfs_buf_span(&y->json));
	return order ? order : sfsi_span_compare(sfs_buf_span(&x->key), sfs_buf_span(&y->key));
}

static int json_down(const void *a, const void *b)
{
	return json_up(b, a);
}

static void json_cut(struct json_keys *keys)
{
	qsort(keys->items, keys->len, sizeof *keys->items, keys->down ? json_down : json_up);
	while (keys->len > JSON_KEEP) {
		json_key_fini(&keys->items[--keys->len]);
		keys->more = true;
	}
}

static int json_see(void *arg, struct sfs_span key, uint64_t count)
{
	struct json_keys *keys = arg;
	struct json_key *item = &keys->items[keys->len];
	*item = (struct json_key){ .count = count };
	int err = sfsi_index_key_json(key, &item->json);
	/* Of a cut key its beginning is what is known. */
	if (err == SFS_ERR_LIMIT)
		err = sfsi_index_key_show(key, &item->json);
	if (!err)
		err = sfs_buf_append(&item->key, key.data, key.len);
	int order = keys->any ? json_up(item, &keys->last) : 0;
	bool later = !keys->any || (keys->down ? order < 0 : order > 0);
	keys->err = err;
	if (err < 0 || !later)
		json_key_fini(item);
	else if (++keys->len == 2 * (size_t)JSON_KEEP)
		json_cut(keys);
	return err < 0;
}

static int json_round(struct sfs_store *store, struct sfsi_index_table *table,
		      struct json_keys *keys)
{
	struct sfs_span none = { "", 0 };
	keys->more = false;
	int err = sfsi_index_keys_from(store, table, none, 0, json_see, keys);
	if (err == SFS_ERR_CANCELLED)
		err = keys->err;
	if (!err)
		json_cut(keys);
	if (!err && keys->len) {
		keys->any = true;
		err = set(&keys->last.json, sfs_buf_span(&keys->items[keys->len - 1].json));
		if (!err)
			err = set(&keys->last.key, sfs_buf_span(&keys->items[keys->len - 1].key));
	}
	return err;
}

static void json_clear(struct json_keys *keys)
{
	for (size_t i = 0; i < keys->len; i++)
		json_key_fini(&keys->items[i]);
	keys->len = 0;
}

static int window_json(struct sfs_store *store, struct sfsi_index_table *table,
		       const struct sfs_index_window *window, sfsi_index_key_fn *fn, void *arg)
{
	struct json_keys keys = { .down = window->order == SFS_ORDER_JSON_DOWN };
	uint64_t skip = window->start, left = window->limit;
	keys.items = malloc(2 * (size_t)JSON_KEEP * sizeof *keys.items);
	int err = keys.items ? 0 : SFS_ERR_NO_MEMORY;
	do {
		if (!err)
			err = json_round(store, table, &keys);
		for (size_t i = 0; i < keys.len && !err && left; i++) {
			if (skip) {
				skip--;
				continue;
			}
			left--;
			if (fn(arg, sfs_buf_span(&keys.items[i].key), keys.items[i].count))
				err = SFS_ERR_CANCELLED;
		}
		json_clear(&keys);
	} while (!err && left && keys.more);
	free(keys.items);
	json_key_fini(&keys.last);
	return err;
}

int sfsi_index_keys_walk(struct sfs_store *store, struct sfsi_index_table *table,
			 const struct sfs_index_window *window, sfsi_index_key_fn *fn, void *arg)
{
	if (window->limit == 0)
		return 0;
	switch (window->order) {
	case SFS_ORDER_UP: return window_up(store, table, window->start, window->limit, fn, arg);
	case SFS_ORDER_DOWN:
		return window_down(store, table, window->start, window->limit, fn, arg);
	case SFS_ORDER_JSON_UP:
	case SFS_ORDER_JSON_DOWN: break;
	}
	return window_json(store, table, window, fn, arg);
}
