/*
 * References back after a change of the catalogue: see backref.h. A class is marked to be filled (all
 * that its relations lead to gets its rows) or swept (rows through relations that do not lead here any
 * more go). Both look at what is there now, so they can be broken off, begun again, and done twice.
 */
#include <stdlib.h>
#include "backref.h"
#include "class_private.h"
#include "object.h"

#define VERSION 1
#define PAGE_ROWS 512

enum mark_flags {
	MARK_FILL = 1u << 0,
	MARK_SWEEP = 1u << 1,
};
#define MARK_SIZE 10

/* --- marking --- */

static int mark(struct sfsi_txn *txn, uint32_t class_id, uint8_t flags)
{
	struct sfsi_key key;
	uint8_t value[MARK_SIZE];
	SFSI_AUTO_BUF struct sfs_buf old = SFS_BUF_INIT;
	sfsi_key_serial(&key, 'M', class_id);
	int err = sfsi_txn_get(txn, 0, sfsi_key_span(&key), &old);
	if (!err && old.len == MARK_SIZE)
		flags |= ((const uint8_t *)old.data)[1];
	sfsi_put_u64(sfsi_put_u8(sfsi_put_u8(value, VERSION), flags), txn->commit);
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	return sfsi_txn_put(txn, 0, sfsi_key_span(&key), (struct sfs_span){ value, MARK_SIZE });
}

/** A name is given to a class, or taken from it: relations of others lead here now, or no more. */
static int mark_others(struct sfsi_txn *txn, const struct sfsi_class *class, struct sfs_span name,
		       bool given)
{
	struct sfs_store *store = txn->store;
	int err = 0;
	/* The commit lock is held: the catalogue does not change. */
	for (size_t id = 1; id < store->by_id_len && !err; id++) {
		const struct sfsi_class *other = store->by_id[id];
		const struct sfsi_schema *schema = other && !other->removed ? other->schema : NULL;
		uint32_t count = schema ? schema->relations_count : 0, i = 0;
		while (i < count && !sfs_span_equal(schema->relations[i].target, name))
			i++;
		if (i == count)
			continue;
		if (given)
			err = mark(txn, other->id, MARK_FILL);
		else if (class)
			err = mark(txn, class->id, MARK_SWEEP);
	}
	return err;
}

/** Relations that one definition has and the other has not, or not to the same class. */
static int mark_relations(struct sfsi_txn *txn, const struct sfsi_class *class,
			  const struct sfsi_schema *has, const struct sfsi_schema *other,
			  bool given)
{
	int err = 0;
	for (uint32_t i = 0; has && i < has->relations_count && !err; i++) {
		const struct sfsi_relation *relation = &has->relations[i];
		const struct sfsi_relation *same = sfsi_schema_relation(other, relation->name);
		if (same && sfs_span_equal(same->target, relation->target))
			continue;
		const struct sfsi_class *target = sfsi_relation_class(txn->store, class, relation);
		if (given)
			err = mark(txn, class->id, MARK_FILL);
		else if (target)
			err = mark(txn, target->id, MARK_SWEEP);
	}
	return err;
}

/** The class goes: nobody can refer to what is in it, until another one has its name. */
static int drop_all(struct sfsi_txn *txn, uint32_t class_id)
{
	struct sfsi_key mark_key;
	int err = sfsi_txn_remove_all(txn, class_id, sfs_span_str("B"), 0, NULL);
	sfsi_key_serial(&mark_key, 'M', class_id);
	return err < 0 ? err : sfsi_txn_remove(txn, 0, sfsi_key_span(&mark_key));
}

int sfsi_backrefs_mark(struct sfsi_txn *txn, const struct sfsi_class *class, struct sfs_span name,
		       const struct sfsi_schema *schema)
{
	if (!class)
		return mark_others(txn, NULL, name, true);
	if (!name.len)
		return drop_all(txn, class->id);
	struct sfs_span old_name = sfs_span_str(class->name);
	int err = 0;
	if (!sfs_span_equal(name, old_name)) {
		err = mark_others(txn, class, old_name, false);
		if (!err)
			err = mark_others(txn, class, name, true);
	}
	if (!err && schema != class->schema) {
		err = mark_relations(txn, class, class->schema, schema, false);
		if (!err)
			err = mark_relations(txn, class, schema, class->schema, true);
	}
	return err;
}

int sfsi_backrefs_mark_all(struct sfs_store *store)
{
	struct sfsi_txn txn;
	struct sfsi_txn_class *root;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	/* The commit lock is held: the catalogue does not change. */
	for (size_t id = 1; id < store->by_id_len && !err; id++) {
		const struct sfsi_class *class = store->by_id[id];
		if (class && !class->removed && class->schema && class->schema->relations_count)
			err = mark(&txn, class->id, MARK_FILL);
	}
	/* A commit is known by the state of a class that it touched. */
	if (!err && txn.ops_len)
		err = sfsi_txn_class(&txn, 0, &root);
	return sfsi_txn_end(&txn, err);
}

/* --- settling --- */

/** Keys of a page, each with its length before it. */
struct page {
	struct sfs_buf keys;
	struct sfsi_key last;
	size_t count;
	int err;
};

static int page_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct page *page = arg;
	uint32_t len = (uint32_t)key.len;
	(void)val;
	page->err = key.len > sizeof page->last.data ? SFS_ERR_CORRUPT : 0;
	if (!page->err)
		page->err = sfs_buf_append(&page->keys, &len, sizeof len);
	if (!page->err)
		page->err = sfs_buf_append(&page->keys, key.data, key.len);
	if (page->err)
		return 1;
	page->last.len = 0;
	sfsi_key_append(&page->last, key);
	page->count++;
	return 0;
}

static struct sfs_span page_next(const struct page *page, size_t *at)
{
	uint32_t len;
	const char *bytes = page->keys.data;
	memcpy(&len, bytes + *at, sizeof len);
	struct sfs_span key = { bytes + *at + sizeof len, len };
	*at += sizeof len + len;
	return key;
}

typedef int row_fn(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span key);

static int settle_page(struct sfs_store *store, uint32_t class_id, const struct page *page,
		       row_fn *fn)
{
	struct sfsi_txn txn;
	size_t at = 0;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	while (at < page->keys.len && !err)
		err = fn(&txn, class_id, page_next(page, &at));
	/* A commit is known by the state of a class that it touched. */
	struct sfsi_txn_class *class;
	if (!err && txn.ops_len)
		err = sfsi_txn_class(&txn, class_id, &class);
	err = sfsi_txn_end(&txn, err);
	return err == SFS_ERR_NOT_FOUND ? 0 : err; /* the class went meanwhile */
}

/** All rows of a table, in pages, each in a commit of its own. */
static int settle_rows(struct sfs_store *store, uint32_t class_id, char table, row_fn *fn)
{
	struct page page = { .count = PAGE_ROWS };
	int err = 0;
	while (!err && page.count == PAGE_ROWS && sfsi_class_ref(store, class_id)) {
		struct sfsi_key last = page.last;
		struct sfsi_scan scan = {
			.partition = class_id,
			.prefix = { &table, 1 },
			.after = sfsi_key_span(&last),
			.limit = PAGE_ROWS,
			.keys_only = true,
			.once = true,
		};
		page.keys.len = 0;
		page.count = 0;
		err = sfsi_backend_scan(store->backend, &scan, page_row, &page);
		if (err == SFS_ERR_CANCELLED)
			err = page.err;
		if (!err && page.count)
			err = settle_page(store, class_id, &page, fn);
	}
	sfs_buf_fini(&page.keys);
	return err;
}

/** An object: rows for all that it refers to. One that can not be read refers to nothing. */
static int fill_row(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span key)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	const struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	struct sfs_span oid = { (const char *)key.data + 1, key.len - 1 };
	if (!class || !class->schema || !class->schema->relations_count)
		return 0;
	int err = sfsi_object_load(txn, class_id, oid, &buf, &record);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT ? 0 : err;
	struct sfsi_derive_side before = { oid, NULL }, after = { oid, &record };
	return sfsi_backrefs_derive(txn, class, &before, &after);
}

static int sweep_row(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span key)
{
	struct sfsi_backref backref;
	if (sfsi_backref_decode(key, &backref) &&
	    sfsi_backref_leads(txn->store, class_id, &backref))
		return 0;
	return sfsi_txn_remove(txn, class_id, key);
}

/** A mark, as it was read. */
struct pending {
	bool found;
	uint32_t class_id;
	uint8_t value[MARK_SIZE];
};

static int read_mark(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct pending *pending = arg;
	if (key.len != 9 || val.len != MARK_SIZE)
		return 0; /* a check reports it */
	pending->found = true;
	pending->class_id = (uint32_t)sfsi_get_be64((const uint8_t *)key.data + 1);
	memcpy(pending->value, val.data, MARK_SIZE);
	return 1;
}

/** Take a mark away, unless the class was marked once more meanwhile. */
static int unmark(struct sfs_store *store, const struct pending *pending)
{
	struct sfsi_key key;
	struct sfsi_txn txn;
	SFSI_AUTO_BUF struct sfs_buf now = SFS_BUF_INIT;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	sfsi_key_serial(&key, 'M', pending->class_id);
	err = sfsi_txn_get(&txn, 0, sfsi_key_span(&key), &now);
	struct sfs_span was = { pending->value, MARK_SIZE };
	struct sfsi_txn_class *root;
	if (!err && sfs_span_equal(sfs_buf_span(&now), was)) {
		err = sfsi_txn_remove(&txn, 0, sfsi_key_span(&key));
		if (!err)
			err = sfsi_txn_class(&txn, 0, &root);
	}
	return sfsi_txn_end(&txn, err == SFS_ERR_NOT_FOUND ? 0 : err);
}

int sfsi_backrefs_settle(struct sfs_store *store)
{
	while (!store->read_only) {
		struct pending pending = { .found = false };
		struct sfsi_scan scan = { .partition = 0, .prefix = { "M", 1 } };
		int err = sfsi_backend_scan(store->backend, &scan, read_mark, &pending);
		if (!pending.found)
			return err;
		err = 0;
		if (pending.value[1] & MARK_SWEEP)
			err = settle_rows(store, pending.class_id, 'B', sweep_row);
		if (!err && (pending.value[1] & MARK_FILL))
			err = settle_rows(store, pending.class_id, 'O', fill_row);
		if (!err)
			err = unmark(store, &pending);
		if (err < 0)
			return err;
	}
	return 0;
}
