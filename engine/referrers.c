/*
 * Who refers to an object: pages of references back, read without a lock, each with the oid of who
 * refers. A row of somebody who is gone, or whose relation leads elsewhere now, is passed over.
 */
#include <storefs/relation.h>
#include "backref.h"
#include "document/utf8.h"
#include "object.h"

#define PAGE_ROWS 256

struct page {
	struct sfs_buf keys; /* [count] struct sfsi_key */
	size_t count, wanted;
};

static int page_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct page *page = arg;
	struct sfsi_key copy = { .len = 0 };
	(void)val;
	if (key.len > sizeof copy.data)
		return 0; /* a check reports it */
	sfsi_key_append(&copy, key);
	if (sfs_buf_append(&page->keys, &copy, sizeof copy) < 0)
		return 1;
	page->count++;
	return 0;
}

struct list {
	struct sfs_store *store;
	uint32_t class_id;
	struct sfs_span oid;
	size_t limit, given;
	sfs_referrer_fn *fn;
	void *arg;
};

static int give(struct list *list, const struct sfsi_key *key)
{
	struct sfsi_backref backref;
	struct sfs_attr attr;
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	if (!sfsi_backref_decode(sfsi_key_span(key), &backref) ||
	    !sfs_span_equal(backref.oid, list->oid) ||
	    !sfsi_backref_leads(list->store, list->class_id, &backref))
		return 0;
	uint64_t ino = sfs_ino_make(backref.class_id, backref.serial);
	int err = sfs_object_stat(list->store, ino, &attr, &oid);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	struct sfs_referrer referrer = {
		.class_id = backref.class_id,
		.relation = backref.relation,
		.ino = ino,
		.oid = sfs_buf_span(&oid),
	};
	if (list->fn(list->arg, &referrer))
		return SFS_ERR_CANCELLED;
	list->given++;
	return 0;
}

/** @after  at or before which nothing is given. */
static int list_rows(struct list *list, const struct sfsi_key *prefix, struct sfsi_key *after)
{
	struct page page = { .wanted = PAGE_ROWS };
	int err = 0;
	bool more = true;
	while (!err && more && (!list->limit || list->given < list->limit)) {
		struct sfsi_scan scan = {
			.partition = list->class_id,
			.prefix = sfsi_key_span(prefix),
			.after = sfsi_key_span(after),
			.limit = page.wanted,
			.keys_only = true,
		};
		page.keys.len = page.count = 0;
		err = sfsi_backend_scan(list->store->backend, &scan, page_row, &page);
		more = page.count == page.wanted;
		const struct sfsi_key *keys = page.keys.data;
		for (size_t i = 0; i < page.count && !err; i++)
			if (!list->limit || list->given < list->limit)
				err = give(list, &keys[i]);
		if (page.count)
			*after = keys[page.count - 1];
	}
	sfs_buf_fini(&page.keys);
	return err;
}

static bool in_range(struct sfs_span oid)
{
	return oid.len > 0 && oid.len <= SFS_OID_MAX;
}

int sfs_referrers_list(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		       const struct sfs_referrer *after, size_t limit, sfs_referrer_fn *fn,
		       void *arg)
{
	struct sfsi_key prefix, from = { .len = 0 };
	struct list list = { store, class_id, oid, limit, 0, fn, arg };
	if (!class_id || !sfsi_class_ref(store, class_id))
		return SFS_ERR_NOT_FOUND;
	if (!in_range(oid) || (after && after->relation.len > SFS_RELATION_NAME_MAX))
		return 0;
	sfsi_backref_prefix(store, oid, &prefix);
	if (after) {
		from = prefix;
		sfsi_key_backref_relation(&from, after->class_id, after->relation);
		sfsi_key_backref_serial(&from, sfsi_ino_serial(after->ino), oid);
	}
	return list_rows(&list, &prefix, &from);
}

int sfs_referrers_of(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		     uint32_t source_class_id, struct sfs_span relation, uint64_t after,
		     size_t limit, sfs_referrer_fn *fn, void *arg)
{
	struct sfsi_key prefix, from = { .len = 0 };
	struct list list = { store, class_id, oid, limit, 0, fn, arg };
	if (!class_id || !sfsi_class_ref(store, class_id))
		return SFS_ERR_NOT_FOUND;
	if (!in_range(oid) || relation.len > SFS_RELATION_NAME_MAX)
		return 0;
	sfsi_backref_prefix(store, oid, &prefix);
	sfsi_key_backref_relation(&prefix, source_class_id, relation);
	if (after) {
		from = prefix;
		sfsi_key_backref_serial(&from, sfsi_ino_serial(after), oid);
	}
	return list_rows(&list, &prefix, &from);
}

/* --- a sentence --- */

/** So many are named, and so many counted. */
#define NAMED_MAX 3
#define COUNTED_MAX 1000

struct explaining {
	struct sfs_store *store;
	struct sfs_buf names;
	size_t count;
	int err;
};

static int name_one(void *arg, const struct sfs_referrer *referrer)
{
	struct explaining *explaining = arg;
	char oid[SFSI_SHOW_SIZE], relation[SFSI_SHOW_SIZE];
	struct sfs_class_info info;
	if (explaining->count++ >= NAMED_MAX ||
	    sfs_class_get(explaining->store, referrer->class_id, &info) < 0)
		return 0;
	explaining->err = sfs_buf_printf(
		&explaining->names, "%s%.60s/%s (%s)", explaining->count > 1 ? ", " : "", info.name,
		sfsi_utf8_show(oid, referrer->oid), sfsi_utf8_show(relation, referrer->relation));
	return explaining->err < 0;
}

int sfs_referrers_explain(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
			  struct sfs_diag *diag)
{
	struct explaining explaining = { .store = store };
	int err = sfs_referrers_list(store, class_id, oid, NULL, COUNTED_MAX + 1, name_one,
				     &explaining);
	size_t count = explaining.count;
	if (err == SFS_ERR_CANCELLED)
		err = explaining.err;
	if (!err && count)
		err = sfs_diag_set(diag, SFS_ERR_BUSY, "%s%zu reference%s to it: from %.*s%s",
				   count > COUNTED_MAX ? "more than " : "",
				   count > COUNTED_MAX ? COUNTED_MAX : count, count > 1 ? "s" : "",
				   (int)explaining.names.len, (const char *)explaining.names.data,
				   count > NAMED_MAX ? ", …" : "");
	sfs_buf_fini(&explaining.names);
	return err;
}
