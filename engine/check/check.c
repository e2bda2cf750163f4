/*
 * Checking a store: the order of things, pages, findings. See check.h.
 *
 * Nothing is reported inside a scan or with a lock held. What a scan finds is only a reason to look
 * again: with the commit lock, so that nobody changes what is compared.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include "check/check.h"
#include "twin.h"

#define PAGE_ROWS 1024
#define PAGE_BYTES ((size_t)4 << 20)

/* A table that is added gets a line here, and a file or a part of one. */
static const struct sfsi_check_table *const class_tables[] = {
	&sfsi_check_entry,       &sfsi_check_state,     &sfsi_check_inode,
	&sfsi_check_object,      &sfsi_check_meta,      &sfsi_check_removal,
	&sfsi_check_refused,     &sfsi_check_positions, &sfsi_check_index_rows,
	&sfsi_check_index_heads, &sfsi_check_backref,   &sfsi_check_rows,
	&sfsi_check_another,     &sfsi_check_content,   &sfsi_check_index_journal,
	&sfsi_check_database,    &sfsi_check_outside,   &sfsi_check_history,
	&sfsi_check_trash,
};
static const struct sfsi_check_table *const catalogue_tables[] = {
	&sfsi_check_catalogue_class, &sfsi_check_catalogue_state,   &sfsi_check_pending,
	&sfsi_check_removal,         &sfsi_check_catalogue_outside,
};

static const char *const kind_texts[] = {
	[SFS_CHECK_RECORD] = "record",
	[SFS_CHECK_BODY] = "body",
	[SFS_CHECK_TEXT] = "text",
	[SFS_CHECK_SIZE] = "size",
	[SFS_CHECK_UPDATES] = "updates",
	[SFS_CHECK_RECORD_MISSING] = "record-missing",
	[SFS_CHECK_ENTRY_MISSING] = "entry-missing",
	[SFS_CHECK_ENTRY_DIFFERS] = "entry-differs",
	[SFS_CHECK_INODE_DIFFERS] = "inode-differs",
	[SFS_CHECK_ENTRY] = "entry",
	[SFS_CHECK_ENTRY_STRAY] = "entry-stray",
	[SFS_CHECK_INODE] = "inode",
	[SFS_CHECK_INODE_MISSING] = "inode-missing",
	[SFS_CHECK_TYPE] = "type",
	[SFS_CHECK_LINKS] = "links",
	[SFS_CHECK_PARENT] = "parent",
	[SFS_CHECK_CYCLE] = "cycle",
	[SFS_CHECK_UNREACHABLE] = "unreachable",
	[SFS_CHECK_META] = "meta",
	[SFS_CHECK_META_STRAY] = "meta-stray",
	[SFS_CHECK_REMOVAL] = "removal",
	[SFS_CHECK_FILE_MISSING] = "file-missing",
	[SFS_CHECK_FILE_STRAY] = "file-stray",
	[SFS_CHECK_BYTES] = "data",
	[SFS_CHECK_STATE] = "state",
	[SFS_CHECK_COUNTER] = "counter",
	[SFS_CHECK_SERIAL] = "serial",
	[SFS_CHECK_COMMIT] = "commit",
	[SFS_CHECK_CLASS] = "class",
	[SFS_CHECK_PARTITION] = "partition",
	[SFS_CHECK_TABLE] = "table",
	[SFS_CHECK_UNREADABLE] = "unreadable",
	[SFS_CHECK_SCHEMA] = "schema",
	[SFS_CHECK_REFUSED] = "refused",
	[SFS_CHECK_BACKREF] = "backref",
	[SFS_CHECK_DANGLING] = "dangling",
	[SFS_CHECK_ROWS] = "rows",
	[SFS_CHECK_HISTORY] = "history",
	[SFS_CHECK_INDEX] = "index",
	[SFS_CHECK_INDEX_COUNT] = "index-count",
	[SFS_CHECK_INDEX_ROW] = "index-row",
	[SFS_CHECK_MIRROR] = "mirror",
	[SFS_CHECK_OUTSIDE] = "outside",
	[SFS_CHECK_TRASH] = "trash",
};

const char *sfs_check_kind_text(enum sfs_check_kind kind)
{
	size_t count = sizeof kind_texts / sizeof *kind_texts;
	return (size_t)kind < count && kind_texts[kind] ? kind_texts[kind] : "unknown";
}

/* --- findings --- */

struct sfs_check_problem *sfsi_check_found(struct sfsi_check *check, enum sfs_check_kind kind,
					   const char *fmt, ...)
{
	/* More than a row can have: the last one is said instead. */
	if (check->found_count == SFSI_CHECK_FOUND_MAX)
		check->found_count--;
	struct sfsi_check_finding *finding = &check->found[check->found_count++];
	va_list args;
	va_start(args, fmt);
	vsnprintf(finding->text, sizeof finding->text, fmt, args);
	va_end(args);
	finding->problem = (struct sfs_check_problem){
		.kind = kind,
		.severity = kind == SFS_CHECK_FILE_STRAY || kind == SFS_CHECK_DANGLING
				    ? SFS_CHECK_NOTE
				    : SFS_CHECK_DAMAGE,
		.class_id = check->partition,
		.class_name = check->class.info.name,
		.oid = { "", 0 },
		.name = { "", 0 },
		.text = finding->text,
	};
	return &finding->problem;
}

int sfsi_check_report(struct sfsi_check *check)
{
	int err = 0;
	for (size_t i = 0; i < check->found_count && !err; i++) {
		const struct sfs_check_problem *problem = &check->found[i].problem;
		if (problem->severity == SFS_CHECK_NOTE)
			check->result.notes++;
		else
			check->result.problems++;
		if (check->wanted->problem(check->wanted->arg, problem))
			err = SFS_ERR_CANCELLED;
	}
	check->found_count = 0;
	return err;
}

int sfsi_check_tick(struct sfsi_check *check)
{
	if (!check->wanted->progress)
		return 0;
	return check->wanted->progress(check->wanted->arg, &check->result) ? SFS_ERR_CANCELLED : 0;
}

int sfsi_check_get(struct sfsi_check *check, struct sfs_span key, struct sfs_buf *ret)
{
	int err = sfsi_backend_get(check->store->backend, check->partition, key, ret);
	if (err == SFS_ERR_CORRUPT)
		sfsi_check_found(check, SFS_CHECK_UNREADABLE,
				 "a record of table %c can not be read from the backend's files",
				 *(const char *)key.data);
	else if (err < 0 && err != SFS_ERR_NOT_FOUND)
		check->err = err;
	return err;
}

bool sfsi_check_has_class(struct sfsi_check *check)
{
	return check->partition == 0 || sfsi_class_ref(check->store, check->partition);
}

int sfsi_check_confirm(struct sfsi_check *check, struct sfs_span key, sfsi_check_fn *fn)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	check->found_count = 0;
	pthread_mutex_lock(&check->store->commit_lock);
	check->locked = true;
	if (sfsi_check_has_class(check) && sfsi_check_get(check, key, &val) == 0) {
		struct sfsi_check_row row = { key, sfs_buf_span(&val) };
		fn(check, &row);
	}
	check->locked = false;
	pthread_mutex_unlock(&check->store->commit_lock);
	return check->err < 0 ? check->err : sfsi_check_report(check);
}

/* --- pages --- */

/** A row that must be looked at outside of the scan; offsets into bytes. */
struct kept_row {
	size_t key_off, key_len, val_off, val_len;
	sfsi_check_fn *fn;
	bool bad; /* by itself: only to be confirmed */
};

struct page {
	struct sfsi_check *check;
	const struct sfsi_check_table *const *tables;
	size_t tables_count;
	bool second;  /* pass 2 */
	bool damaged; /* the last page ended where the backend can not read */
	struct kept_row rows[PAGE_ROWS];
	size_t rows_len, seen;
	struct sfs_buf bytes; /* of kept rows */
	size_t weight;        /* of all rows */
	struct sfs_buf last;  /* key */
	int err;
};

static const struct sfsi_check_table *find_table(const struct page *page, struct sfs_span key)
{
	for (size_t i = 0; i < page->tables_count; i++)
		if (page->tables[i]->letter == *(const uint8_t *)key.data)
			return page->tables[i];
	return NULL;
}

/** Keep a row for after the scan; of a bad one the key is enough. */
static int keep_row(struct page *page, const struct sfsi_check_row *row, sfsi_check_fn *fn,
		    bool bad)
{
	struct kept_row kept = { page->bytes.len, row->key.len, 0, 0, fn, bad };
	int err = sfs_buf_append(&page->bytes, row->key.data, row->key.len);
	if (!err && !bad) {
		kept.val_off = page->bytes.len;
		kept.val_len = row->val.len;
		err = sfs_buf_append(&page->bytes, row->val.data, row->val.len);
	}
	if (!err)
		page->rows[page->rows_len++] = kept;
	return err;
}

static void unknown_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint8_t letter = *(const uint8_t *)row->key.data;
	if (letter > 0x20 && letter < 0x7f)
		sfsi_check_found(check, SFS_CHECK_TABLE, "records of an unknown table '%c'",
				 letter);
	else
		sfsi_check_found(check, SFS_CHECK_TABLE, "records of an unknown table 0x%02x",
				 letter);
}

static int see_unknown(struct page *page, const struct sfsi_check_row *row)
{
	bool *told = &page->check->class.tables[*(const uint8_t *)row->key.data];
	if (*told)
		return 0;
	*told = true;
	return keep_row(page, row, unknown_row, true);
}

static int see_first(struct page *page, const struct sfsi_check_table *table,
		     const struct sfsi_check_row *row)
{
	struct sfsi_check *check = page->check;
	check->result.bytes += row->key.len + row->val.len;
	check->found_count = 0;
	table->row(check, row);
	if (check->found_count)
		return keep_row(page, row, table->row, true);
	if (table->take)
		table->take(check, row);
	if (table->needs && table->needs(check, row))
		return keep_row(page, row, table->relate, false);
	return 0;
}

static int see_second(struct page *page, const struct sfsi_check_table *table,
		      const struct sfsi_check_row *row)
{
	if (table->suspect && table->suspect(page->check, row))
		return keep_row(page, row, table->settle, false);
	return 0;
}

static int see_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct page *page = arg;
	struct sfsi_check_row row = { key, val };
	const struct sfsi_check_table *table = find_table(page, key);
	page->last.len = 0;
	page->err = sfs_buf_append(&page->last, key.data, key.len);
	if (!page->err && !table && !page->second)
		page->err = see_unknown(page, &row);
	else if (!page->err && table && !page->second)
		page->err = see_first(page, table, &row);
	else if (!page->err && table)
		page->err = see_second(page, table, &row);
	page->seen++;
	page->weight += val.len;
	return page->err < 0 || page->weight >= PAGE_BYTES;
}

/** Look at what a scan kept, and confirm what does not agree. */
static int settle_page(struct page *page)
{
	struct sfsi_check *check = page->check;
	const char *bytes = page->bytes.data;
	int err = 0;
	for (size_t i = 0; i < page->rows_len && !err; i++) {
		const struct kept_row *kept = &page->rows[i];
		struct sfsi_check_row row = {
			{ bytes + kept->key_off, kept->key_len },
			{ kept->val_len ? bytes + kept->val_off : "", kept->val_len },
		};
		check->found_count = 0;
		if (!kept->bad)
			kept->fn(check, &row);
		err = check->err;
		if (!err && (kept->bad || check->found_count))
			err = sfsi_check_confirm(check, row.key, kept->fn);
	}
	return err;
}

/**
 * Where to go on behind a place that can not be read: behind all keys that have one byte less in
 * common with the last one, each time it fails again. False: there is nothing behind.
 */
static bool skip_key(struct sfs_buf *last)
{
	uint8_t *bytes = last->data;
	while (last->len > 1) {
		if (bytes[--last->len] != 0xff) {
			bytes[last->len++] = 0xff;
			return true;
		}
	}
	/* The next table. The room is there: a key had at least one byte. */
	if (last->len == 0 || bytes[0] == 0xff)
		return false;
	bytes[0]++;
	return true;
}

/** The backend can not read on: say so once, and go on behind that place. */
static int skip_damage(struct page *page, bool *ret_more)
{
	struct sfsi_check *check = page->check;
	bool again = page->damaged && page->seen == 0;
	check->found_count = 0;
	if (!again && !page->second)
		sfsi_check_found(check, SFS_CHECK_UNREADABLE,
				 "the backend's files are damaged in table 0x%02x; "
				 "what lies there is not checked",
				 page->last.len ? *(uint8_t *)page->last.data : 0);
	page->damaged = true;
	check->skipped = true;
	int err = page->last.len ? 0 : sfs_buf_append(&page->last, "A", 1);
	*ret_more = !err && skip_key(&page->last);
	return err < 0 ? err : sfsi_check_report(check);
}

static int scan_page(struct page *page, bool *ret_more)
{
	struct sfsi_scan scan = {
		.partition = page->check->partition,
		.after = sfs_buf_span(&page->last),
		.limit = PAGE_ROWS,
		.once = true,
	};
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	int err = sfs_buf_append(&after, page->last.data, page->last.len);
	if (err < 0)
		return err;
	scan.after = sfs_buf_span(&after);
	page->rows_len = page->seen = page->weight = page->bytes.len = 0;
	err = sfsi_backend_scan(page->check->store->backend, &scan, see_row, page);
	*ret_more = err == SFS_ERR_CANCELLED || page->seen == PAGE_ROWS;
	if (err == SFS_ERR_CANCELLED)
		err = page->err;
	if (err && err != SFS_ERR_CORRUPT)
		return err;
	if (!err)
		page->damaged = false;
	int settled = settle_page(page);
	if (!settled && err == SFS_ERR_CORRUPT)
		settled = skip_damage(page, ret_more);
	return settled;
}

static int walk(struct page *page)
{
	bool more = true;
	int err = 0;
	page->last.len = 0;
	while (more && !err) {
		err = scan_page(page, &more);
		if (!err)
			err = sfsi_check_tick(page->check);
	}
	sfs_buf_fini(&page->bytes);
	sfs_buf_fini(&page->last);
	return err;
}

static int walk_partition(struct sfsi_check *check, const struct sfsi_check_table *const *tables,
			  size_t count, int pass)
{
	struct page *page = calloc(1, sizeof *page);
	if (!page)
		return SFS_ERR_NO_MEMORY;
	page->check = check;
	page->tables = tables;
	page->tables_count = count;
	page->second = pass == 2;
	int err = walk(page);
	free(page);
	return err;
}

/* --- the order of things --- */

static int check_tables(struct sfsi_check *check)
{
	size_t count = sizeof class_tables / sizeof *class_tables;
	memset(check->sums->objects, 0, sizeof check->sums->objects);
	memset(check->sums->tree, 0, sizeof check->sums->tree);
	memset(check->sums->seen, 0, sizeof check->sums->seen);
	uint64_t problems = check->result.problems;
	int err = walk_partition(check, class_tables, count, 1);
	if (!err && (sfsi_check_objects_suspect(check) || sfsi_check_index_suspect(check)))
		err = walk_partition(check, class_tables, count, 2);
	if (!err)
		err = sfsi_check_index_counts(check);
	if (!err)
		err = sfsi_check_names(check);
	if (!err)
		err = sfsi_check_class_state(check);
	if (!err && check->result.problems == problems)
		err = sfsi_check_ranges(check);
	if (!err)
		err = sfsi_check_files(check);
	return err;
}

static int check_class(struct sfsi_check *check, const struct sfs_class_info *info)
{
	check->partition = info->id;
	check->class = (struct sfsi_check_class){ .info = *info };
	int err = sfsi_check_schema_begin(check);
	if (!err)
		err = sfsi_check_schema_class(check);
	if (!err)
		err = sfsi_check_index_begin(check);
	if (!err)
		err = check_tables(check);
	if (!err && (check->wanted->flags & SFS_CHECK_DATA))
		err = sfsi_check_data(check);
	sfsi_check_index_end(check);
	sfsi_check_schema_end(check);
	check->result.classes += !err;
	return err;
}

/** Is the mirror the same? Files that were written a moment ago come with a sync. */
static int check_mirror(struct sfsi_check *check)
{
	uint64_t rows = 0, files = 0;
	int err = sfs_store_sync(check->store);
	if (!err)
		err = sfsi_twin_compare(check->store, &rows, &files);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (err < 0)
		sfsi_check_found(check, SFS_CHECK_MIRROR, "the mirror can not be read: %s",
				 sfs_err_text(err));
	else if (rows || files)
		sfsi_check_found(check, SFS_CHECK_MIRROR,
				 "in the mirror %llu rows and %llu files differ",
				 (unsigned long long)rows, (unsigned long long)files);
	return sfsi_check_report(check);
}

static int check_store(struct sfsi_check *check)
{
	check->partition = 0;
	check->class = (struct sfsi_check_class){ .info.id = 0 };
	int err = walk_partition(check, catalogue_tables,
				 sizeof catalogue_tables / sizeof *catalogue_tables, 1);
	if (!err)
		err = sfsi_check_catalogue(check);
	if (!err)
		err = sfsi_check_partitions(check);
	if (!err)
		err = sfsi_check_file_folders(check);
	if (!err)
		err = check_mirror(check);
	return err;
}

static int check_wanted(struct sfsi_check *check)
{
	struct sfs_class_info info;
	for (size_t i = 0; i < check->wanted->class_count; i++) {
		int err = sfs_class_get(check->store, check->wanted->classes[i], &info);
		if (!err)
			err = check_class(check, &info);
		if (err < 0)
			return err;
	}
	return 0;
}

static int check_all(struct sfsi_check *check)
{
	struct sfs_class_info info = { 0 };
	int err = check_store(check);
	for (uint32_t id = 0; !err && sfs_class_next(check->store, id, &info) == 0; id = info.id)
		err = check_class(check, &info);
	return err;
}

static bool is_wanted(const struct sfs_check *wanted, uint32_t id)
{
	bool is = wanted->class_count == 0;
	for (size_t i = 0; i < wanted->class_count && !is; i++)
		is = wanted->classes[i] == id;
	return is;
}

int sfs_store_check(struct sfs_store *store, const struct sfs_check *wanted,
		    struct sfs_check_result *ret, struct sfs_diag *diag)
{
	struct sfsi_check *check = calloc(1, sizeof *check);
	struct sfsi_check_sums *sums = calloc(1, sizeof *sums);
	int err = check && sums ? 0 : SFS_ERR_NO_MEMORY;
	if (!err) {
		check->store = store;
		check->wanted = wanted;
		check->sums = sums;
		sums->seed = (uint64_t)sfsi_now_ns();
		/* Without it the time is good enough: the sums find accidents. */
		(void)!getrandom(&sums->seed, sizeof sums->seed, GRND_NONBLOCK);
		struct sfs_class_info info = { 0 };
		for (uint32_t id = 0; sfs_class_next(store, id, &info) == 0; id = info.id)
			if (is_wanted(wanted, info.id))
				check->result.expected += info.objects + info.files;
		err = wanted->class_count ? check_wanted(check) : check_all(check);
		check->result.complete = !err && !check->skipped;
		*ret = check->result;
	}
	free(sums);
	free(check);
	return err < 0 ? sfs_diag_set(diag, err, "%s", sfs_err_text(err)) : 0;
}
