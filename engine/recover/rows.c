/* Reading and writing the new rows, in batches and pages: no row is read while rows are walked over. */
#include "base/array.h"
#include "hash.h"
#include "recover/recover.h"

#define BATCH_BYTES ((size_t)1 << 20)
#define BATCH_ROWS 4096
#define PAGE_BYTES ((size_t)1 << 20)
#define TICK_ROWS 1024

uint64_t sfsi_recover_cookie(const struct sfsi_recovery *rec, struct sfs_span name)
{
	/* The same as sfsi_cookie(), which asks an open store. */
	const struct sfs_store seeded = { .hash_seed = rec->hash_seed };
	return sfsi_cookie(&seeded, name);
}

int sfsi_recover_tick(struct sfsi_recovery *rec)
{
	const struct sfs_recover_config *config = rec->config;
	if (++rec->seen % TICK_ROWS || !config->progress)
		return 0;
	return config->progress(config->arg, rec->seen) ? SFS_ERR_CANCELLED : 0;
}

/* --- writing --- */

int sfsi_recover_flush(struct sfsi_recovery *rec)
{
	if (!rec->rows_len)
		return 0;
	SFSI_AUTO_FREE struct sfsi_op *ops = calloc(rec->rows_len, sizeof *ops);
	const char *bytes = rec->bytes.data;
	if (!ops)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < rec->rows_len; i++) {
		const struct sfsi_recover_row *row = &rec->rows[i];
		ops[i] = (struct sfsi_op){
			.partition = row->partition,
			.key = { bytes + row->key_off, row->key_len },
			.val = { row->val_len ? bytes + row->val_off : "", row->val_len },
			.remove = row->remove,
		};
	}
	int err = sfsi_backend_write(rec->to, ops, rec->rows_len);
	rec->rows_len = rec->bytes.len = 0;
	return err;
}

static int add(struct sfsi_recovery *rec, const struct sfsi_recover_row *given, struct sfs_span key,
	       struct sfs_span val)
{
	struct sfsi_recover_row row = *given;
	int err = sfsi_array_grow(&rec->rows, rec->rows_len, &rec->rows_cap, sizeof *rec->rows);
	row.key_off = rec->bytes.len;
	row.key_len = key.len;
	if (!err)
		err = sfs_buf_append(&rec->bytes, key.data, key.len);
	row.val_off = rec->bytes.len;
	row.val_len = val.len;
	if (!err)
		err = sfs_buf_append(&rec->bytes, val.data, val.len);
	if (err < 0)
		return err;
	rec->rows[rec->rows_len++] = row;
	return rec->rows_len == BATCH_ROWS || rec->bytes.len >= BATCH_BYTES
		       ? sfsi_recover_flush(rec)
		       : 0;
}

int sfsi_recover_put(struct sfsi_recovery *rec, uint32_t partition, struct sfs_span key,
		     struct sfs_span val)
{
	const struct sfsi_recover_row row = { .partition = partition };
	return add(rec, &row, key, val);
}

int sfsi_recover_drop(struct sfsi_recovery *rec, uint32_t partition, struct sfs_span key)
{
	const struct sfsi_recover_row row = { .partition = partition, .remove = true };
	return add(rec, &row, key, (struct sfs_span){ "", 0 });
}

/* --- reading --- */

struct page {
	struct sfs_buf bytes;
	struct sfsi_recover_row *rows;
	size_t len, cap;
	int err;
};

static int keep(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct page *page = arg;
	struct sfsi_recover_row row = { .key_off = page->bytes.len, .key_len = key.len };
	page->err = sfsi_array_grow(&page->rows, page->len, &page->cap, sizeof *page->rows);
	if (!page->err)
		page->err = sfs_buf_append(&page->bytes, key.data, key.len);
	row.val_off = page->bytes.len;
	row.val_len = val.len;
	if (!page->err)
		page->err = sfs_buf_append(&page->bytes, val.data, val.len);
	if (page->err)
		return 1;
	page->rows[page->len++] = row;
	return page->bytes.len >= PAGE_BYTES;
}

static struct sfs_span page_span(const struct page *page, size_t off, size_t len)
{
	return (struct sfs_span){ len ? (const char *)page->bytes.data + off : "", len };
}

static int give_page(struct sfsi_recovery *rec, const struct page *page, sfsi_recover_fn *fn,
		     void *arg)
{
	int err = 0;
	for (size_t i = 0; i < page->len && !err; i++) {
		const struct sfsi_recover_row *row = &page->rows[i];
		err = fn(arg, page_span(page, row->key_off, row->key_len),
			 page_span(page, row->val_off, row->val_len));
		if (!err)
			err = sfsi_recover_tick(rec);
	}
	return err;
}

int sfsi_recover_each(struct sfsi_recovery *rec, uint32_t partition, struct sfs_span prefix,
		      sfsi_recover_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf last = SFS_BUF_INIT;
	struct page page = { .err = 0 };
	int err = sfsi_recover_flush(rec);
	bool more = !err;
	while (more && !err) {
		struct sfsi_scan scan = {
			.partition = partition,
			.prefix = prefix,
			.after = sfs_buf_span(&last),
			.once = true,
		};
		page.len = page.bytes.len = 0;
		err = sfsi_backend_scan(rec->to, &scan, keep, &page);
		more = err == SFS_ERR_CANCELLED;
		if (more)
			err = page.err;
		if (!err && page.len) {
			const struct sfsi_recover_row *row = &page.rows[page.len - 1];
			last.len = 0;
			err = sfs_buf_append(&last, (char *)page.bytes.data + row->key_off,
					     row->key_len);
		}
		if (!err)
			err = give_page(rec, &page, fn, arg);
		/* What fn has written is not behind what is read next unless it wants that. */
		if (!err)
			err = sfsi_recover_flush(rec);
	}
	sfs_buf_fini(&page.bytes);
	free(page.rows);
	return err;
}
