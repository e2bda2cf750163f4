/*
 * The pair backend: see pair.h. One lock orders the writes, so that both have them in the same order; it is
 * held while a page is matched, so that nothing is written behind the back of the comparison.
 */
#include "backend/pair.h"
#include "backend/wrap.h"
#include "base/cleanup.h"

#define PAGE_ROWS 256
#define PAGE_BYTES ((size_t)4 << 20)

struct pair {
	struct sfsi_backend base;
	struct sfsi_backend *first, *second;
	pthread_mutex_t lock; /* orders writes; protects fn and arg */
	atomic_bool behind;
	sfsi_pair_behind_fn *fn;
	void *arg;
};

static struct pair *pair_of(struct sfsi_backend *b)
{
	return (struct pair *)b;
}

static void pair_close(struct sfsi_backend *b)
{
	struct pair *pair = pair_of(b);
	sfsi_backend_close(pair->second);
	sfsi_backend_close(pair->first);
	pthread_mutex_destroy(&pair->lock);
}

/** Did a read get no answer that the other one may have? */
static bool is_no_answer(const struct pair *pair, int err)
{
	return (err == SFS_ERR_IO || err == SFS_ERR_CORRUPT) && !atomic_load(&pair->behind);
}

static void fall_behind_locked(struct pair *pair, int err)
{
	if (!atomic_exchange(&pair->behind, true) && pair->fn)
		pair->fn(pair->arg, err);
}

/* --- reading --- */

static int pair_get(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		    struct sfs_buf *ret)
{
	struct pair *pair = pair_of(b);
	size_t len = ret->len;
	int err = sfsi_backend_get(pair->first, partition, key, ret);
	if (!is_no_answer(pair, err))
		return err;
	ret->len = len;
	int other = sfsi_backend_get(pair->second, partition, key, ret);
	return other == 0 || other == SFS_ERR_NOT_FOUND ? other : err;
}

/** A scan that goes on in the second one where the first one stopped to answer. */
struct passing {
	sfsi_scan_fn *fn;
	void *arg;
	struct sfs_buf last; /* key of the last pair that was given */
	size_t given;
	int err;
	bool stopped;
};

static int pass(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct passing *passing = arg;
	passing->last.len = 0;
	passing->err = sfs_buf_append(&passing->last, key.data, key.len);
	if (passing->err < 0)
		return 1;
	passing->given++;
	passing->stopped = passing->fn(passing->arg, key, val);
	return passing->stopped;
}

static int pair_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
		     void *arg)
{
	struct pair *pair = pair_of(b);
	struct passing passing = { .fn = fn, .arg = arg };
	int err = sfsi_backend_scan(pair->first, scan, pass, &passing);
	if (err == SFS_ERR_CANCELLED && passing.err < 0)
		err = passing.err;
	struct sfsi_scan rest = *scan;
	if (passing.given)
		rest.after = sfs_buf_span(&passing.last);
	if (scan->limit)
		rest.limit = scan->limit - passing.given;
	bool whole = scan->limit && !rest.limit;
	if (is_no_answer(pair, err) && !whole && !passing.stopped)
		err = sfsi_backend_scan(pair->second, &rest, fn, arg);
	sfs_buf_fini(&passing.last);
	return err;
}

/* --- writing --- */

static int pair_write(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count)
{
	struct pair *pair = pair_of(b);
	SFSI_LOCK_SCOPE(&pair->lock);
	int err = sfsi_backend_write(pair->first, ops, count);
	if (err < 0 || atomic_load(&pair->behind))
		return err;
	int other = sfsi_backend_write(pair->second, ops, count);
	if (other < 0)
		fall_behind_locked(pair, other);
	return 0;
}

static int pair_sync(struct sfsi_backend *b)
{
	struct pair *pair = pair_of(b);
	int err = sfsi_backend_sync(pair->first);
	int other = atomic_load(&pair->behind) ? 0 : sfsi_backend_sync(pair->second);
	if (other < 0) {
		SFSI_LOCK_SCOPE(&pair->lock);
		fall_behind_locked(pair, other);
	}
	return err;
}

static int pair_stat(struct sfsi_backend *b, struct sfsi_backend_stat *ret)
{
	return sfsi_backend_stat(pair_of(b)->first, ret);
}

static int pair_mark(struct sfsi_backend *b, struct sfs_span note)
{
	struct pair *pair = pair_of(b);
	int err = sfsi_backend_mark(pair->first, note);
	if (err < 0 || atomic_load(&pair->behind))
		return err;
	int other = sfsi_backend_mark(pair->second, note);
	if (other < 0 && other != SFS_ERR_UNSUPPORTED) {
		SFSI_LOCK_SCOPE(&pair->lock);
		fall_behind_locked(pair, other);
	}
	return err;
}

static int pair_marked(struct sfsi_backend *b, struct sfs_buf *ret)
{
	return sfsi_backend_marked(pair_of(b)->first, ret);
}

/** The second one is on a disk of its own; what it lacks it gets by catching up, not by this. */
static int pair_compact(struct sfsi_backend *b, const struct sfsi_compact *compact)
{
	int err = sfsi_backend_compact(pair_of(b)->first, compact);
	if (!err && !sfsi_backend_pair_is_behind(b))
		err = sfsi_backend_compact(pair_of(b)->second, compact);
	return err;
}

static int pair_prepare(struct sfsi_backend *b)
{
	return sfsi_backend_prepare(pair_of(b)->first);
}

static int pair_snapshot(struct sfsi_backend *b, const struct sfsi_snapshot_wanted *snapshot)
{
	return sfsi_backend_snapshot(pair_of(b)->first, snapshot);
}

/* --- matching --- */

struct row {
	size_t off, key_len, val_len; /* in bytes of the page */
};

/** Rows of one of both from a key on, copied. */
struct page {
	struct sfs_buf bytes;
	struct row rows[PAGE_ROWS];
	size_t count;
	int err;
};

static struct sfs_span key_of(const struct page *page, size_t i)
{
	return (struct sfs_span){ (char *)page->bytes.data + page->rows[i].off,
				  page->rows[i].key_len };
}

static struct sfs_span val_of(const struct page *page, size_t i)
{
	const struct row *row = &page->rows[i];
	return (struct sfs_span){ (char *)page->bytes.data + row->off + row->key_len,
				  row->val_len };
}

static int take_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct page *page = arg;
	struct row row = { page->bytes.len, key.len, val.len };
	page->err = sfs_buf_append(&page->bytes, key.data, key.len);
	if (!page->err)
		page->err = sfs_buf_append(&page->bytes, val.data, val.len);
	if (page->err < 0)
		return 1;
	page->rows[page->count++] = row;
	return page->count == PAGE_ROWS || page->bytes.len >= PAGE_BYTES;
}

/** *ret_end: there is nothing behind the page. */
static int read_page(struct sfsi_backend *b, uint32_t partition, const struct sfs_buf *after,
		     struct page *page, bool *ret_end)
{
	const struct sfsi_scan scan = { .partition = partition,
					.after = sfs_buf_span(after),
					.once = true };
	page->count = page->bytes.len = 0;
	page->err = 0;
	int err = sfsi_backend_scan(b, &scan, take_row, page);
	*ret_end = err == 0;
	return err == SFS_ERR_CANCELLED ? page->err : err;
}

static int order(struct sfs_span a, struct sfs_span b)
{
	int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/** What the second one needs to become the first, as far as both pages go. */
struct match {
	struct page first, second;
	struct sfsi_op ops[2 * PAGE_ROWS];
	size_t count;
	struct sfs_buf after; /* both are the same up to here */
	bool end;
};

static void match_rows(struct match *match, uint32_t partition, bool first_end, bool second_end)
{
	const struct page *a = &match->first, *b = &match->second;
	size_t i = 0, j = 0;
	match->count = 0;
	while ((i < a->count || first_end) && (j < b->count || second_end) &&
	       (i < a->count || j < b->count)) {
		int which = i == a->count   ? 1
			    : j == b->count ? -1
					    : order(key_of(a, i), key_of(b, j));
		struct sfsi_op op = { .partition = partition,
				      .key = which > 0 ? key_of(b, j) : key_of(a, i),
				      .remove = which > 0 };
		if (which <= 0)
			op.val = val_of(a, i);
		if (which != 0 || !sfs_span_equal(val_of(a, i), val_of(b, j)))
			match->ops[match->count++] = op;
		i += which <= 0;
		j += which >= 0;
	}
	match->end = first_end && second_end;
}

/** The page that ends first says how far this step goes. */
static int set_after(struct match *match, bool first_end, bool second_end)
{
	const struct page *a = &match->first, *b = &match->second;
	struct sfs_span last = first_end ? key_of(b, b->count - 1) : key_of(a, a->count - 1);
	if (!first_end && !second_end && order(key_of(b, b->count - 1), last) < 0)
		last = key_of(b, b->count - 1);
	match->after.len = 0;
	return sfs_buf_append(&match->after, last.data, last.len);
}

static int match_page(struct pair *pair, struct match *match, uint32_t partition, bool repair,
		      uint64_t *ret_differs)
{
	bool first_end, second_end;
	SFSI_LOCK_SCOPE(&pair->lock);
	int err = read_page(pair->first, partition, &match->after, &match->first, &first_end);
	if (err < 0)
		return err;
	err = read_page(pair->second, partition, &match->after, &match->second, &second_end);
	if (!err)
		match_rows(match, partition, first_end, second_end);
	if (!err && repair && match->count)
		err = sfsi_backend_write(pair->second, match->ops, match->count);
	if (err < 0) {
		fall_behind_locked(pair, err);
		return err;
	}
	*ret_differs += match->count;
	return match->end ? 0 : set_after(match, first_end, second_end);
}

int sfsi_backend_pair_match(struct sfsi_backend *b, uint32_t partition, bool repair,
			    uint64_t *ret_differs)
{
	struct pair *pair = pair_of(b);
	SFSI_AUTO_FREE struct match *match = calloc(1, sizeof *match);
	int err = match ? 0 : SFS_ERR_NO_MEMORY;
	while (!err && !match->end)
		err = match_page(pair, match, partition, repair, ret_differs);
	if (match) {
		sfs_buf_fini(&match->first.bytes);
		sfs_buf_fini(&match->second.bytes);
		sfs_buf_fini(&match->after);
	}
	return err;
}

/* --- the state of the second one --- */

bool sfsi_backend_pair_is_behind(struct sfsi_backend *b)
{
	return atomic_load(&pair_of(b)->behind);
}

void sfsi_backend_pair_set_behind(struct sfsi_backend *b)
{
	atomic_store(&pair_of(b)->behind, true);
}

void sfsi_backend_pair_resume(struct sfsi_backend *b)
{
	struct pair *pair = pair_of(b);
	SFSI_LOCK_SCOPE(&pair->lock);
	atomic_store(&pair->behind, false);
}

void sfsi_backend_pair_tell(struct sfsi_backend *b, sfsi_pair_behind_fn *fn, void *arg)
{
	struct pair *pair = pair_of(b);
	SFSI_LOCK_SCOPE(&pair->lock);
	pair->fn = fn;
	pair->arg = arg;
}

int sfsi_backend_pair_marked(struct sfsi_backend *b, struct sfs_buf *ret)
{
	return sfsi_backend_marked(pair_of(b)->second, ret);
}

/* For whoever asks it is its first one: the store's file names that. */
static const struct sfsi_backend_ops pair_ops = {
	.name = "kv",
	.caps = SFSI_CAP_DURABLE | SFSI_CAP_OWN_LOCKS | SFSI_CAP_CROSS_PARTITION,
	.size = sizeof(struct pair),
	.close = pair_close,
	.get = pair_get,
	.scan = pair_scan,
	.write = pair_write,
	.sync = pair_sync,
	.stat = pair_stat,
	.mark = pair_mark,
	.marked = pair_marked,
	.snapshot = pair_snapshot,
	.prepare = pair_prepare,
	.compact = pair_compact,
};

int sfsi_backend_pair_wrap(struct sfsi_backend *first, struct sfsi_backend *second,
			   struct sfsi_backend **ret)
{
	struct sfsi_backend *b = sfsi_backend_new(&pair_ops, first->read_only);
	if (!b)
		return SFS_ERR_NO_MEMORY;
	struct pair *pair = pair_of(b);
	pair->first = first;
	pair->second = second;
	pthread_mutex_init(&pair->lock, NULL);
	*ret = b;
	return 0;
}
