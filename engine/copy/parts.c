/*
 * Parts of a backup into a store that is in use: single objects and raws, or whole classes. Objects come as the records
 * that they were, with texts and update times; an object that is there becomes that one and stays itself.
 *
 * Objects are written many in a commit, raws one by one under another name first. So each is whole at any
 * moment; a restore that was interrupted is done again.
 */
#include <storefs/backup.h>
#include "backup/before.h"
#include "copy/copy.h"
#include "object.h"

#define TEMPORARY ".restoring~"
/** Objects of one commit have about so many bytes at most. */
#define COMMIT_BYTES ((size_t)4 << 20)

struct parts {
	struct sfsi_copying copying; /* the stores and the class at hand */
	unsigned flags;
	struct sfs_restored done;
	struct sfs_diag *diag;
};

static int failed(struct parts *parts, int err, struct sfs_span what)
{
	return sfsi_copy_fail(&parts->copying, err, what);
}

/* --- objects --- */

static bool same_record(const struct sfsi_record *a, const struct sfsi_record *b)
{
	return sfs_span_equal(a->body, b->body) && sfs_span_equal(a->updates, b->updates) &&
	       a->updated_ns == b->updated_ns && a->has_text == b->has_text &&
	       (!a->has_text ||
		(a->text_format == b->text_format && sfs_span_equal(a->text, b->text))) &&
	       a->object.mode == b->object.mode && a->object.uid == b->object.uid &&
	       a->object.gid == b->object.gid && a->object.mtime_ns == b->object.mtime_ns;
}

/** Who the object will be: what is there under that oid, or a new one. */
static int identify(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_object *old,
		    struct sfsi_object *object)
{
	struct sfsi_txn_class *class;
	int err = sfsi_txn_class(txn, class_id, &class);
	if (err < 0)
		return err;
	object->serial = old ? old->serial : sfsi_class_serial(class->class);
	object->number = old ? old->number : object->serial;
	object->ctime_ns = txn->now_ns;
	object->revision = txn->commit;
	return object->serial ? 0 : SFS_ERR_LIMIT;
}

static int put_object(struct parts *parts, struct sfsi_txn *txn, struct sfs_span oid,
		      struct sfsi_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	uint32_t class_id = parts->copying.target.id;
	struct sfsi_record old;
	int err = sfsi_object_load(txn, class_id, oid, &buf, &old);
	/* What can not be read is removed before: it says not even which rows it has. */
	bool damaged = err == SFS_ERR_CORRUPT || err == SFS_ERR_VERSION;
	if (damaged)
		err = sfsi_object_remove(txn, class_id, oid, 0);
	bool exists = !err && !damaged;
	if (err < 0 && err != SFS_ERR_NOT_FOUND)
		return err;
	if (exists && same_record(record, &old))
		return 0;
	memset(&record->rows, 0, sizeof record->rows);
	err = identify(txn, class_id, exists ? &old.object : NULL, &record->object);
	struct sfsi_derive_side was = { oid, exists ? &old : NULL }, is = { oid, record };
	if (!err)
		err = sfsi_object_change(txn, class_id, &was, &is);
	if (!err)
		err = sfsi_refused_drop(txn, class_id, oid);
	parts->done.objects += !err;
	return err;
}

static int restore_object(struct parts *parts, struct sfsi_txn *txn, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	const struct sfsi_copying *copying = &parts->copying;
	struct sfsi_record record;
	int err = sfsi_object_read(copying->from, copying->source.id, oid, &buf, &record);
	return err < 0 ? err : put_object(parts, txn, oid, &record);
}

/** From an item of a page on, until a commit is large enough. */
static int restore_some(struct parts *parts, const struct sfsi_copy_page *page, size_t *at)
{
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(parts->copying.to, &txn);
	if (err < 0)
		return err;
	while (!err && *at < page->count && txn.bytes.len < COMMIT_BYTES) {
		struct sfs_span oid = sfsi_copy_page_oid(page, *at);
		err = restore_object(parts, &txn, oid);
		if (err < 0)
			err = failed(parts, err, oid);
		++*at;
	}
	return sfsi_txn_end(&txn, err);
}

/** Remove what the backup does not have. */
static int remove_others(struct parts *parts, const struct sfsi_copy_page *page)
{
	struct sfsi_copying *copying = &parts->copying;
	int err = 0;
	for (size_t i = 0; i < page->count && !err; i++) {
		struct sfs_span oid = sfsi_copy_page_oid(page, i);
		struct sfs_attr attr;
		err = sfs_object_find(copying->from, copying->source.id, oid, &attr);
		if (err != SFS_ERR_NOT_FOUND)
			continue;
		err = sfs_object_remove(copying->to, copying->target.id, oid, 0);
		parts->done.removed += !err;
		if (err < 0)
			err = failed(parts, err, oid);
	}
	return err;
}

/** Page by page: those of the backup are restored, or others of the store removed. */
static int each_page(struct parts *parts, bool others)
{
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	struct sfsi_copying *copying = &parts->copying;
	struct sfsi_copy_page page = { .count = 0 };
	int err = 0;
	do {
		err = sfsi_copy_page(others ? copying->to : copying->from,
				     others ? copying->target.id : copying->source.id, &after,
				     &page);
		if (!err && others)
			err = remove_others(parts, &page);
		for (size_t at = 0; !err && !others && at < page.count;)
			err = restore_some(parts, &page, &at);
		if (!err)
			err = sfsi_copy_page_end(&page, &after);
	} while (!err && page.count);
	sfs_buf_fini(&page.oids);
	return err;
}

/* --- raws --- */

/** A raw under another name first, then in its place. */
static int restore_node(struct parts *parts, const struct sfs_attr *from, uint64_t dir,
			struct sfs_span name)
{
	const struct sfs_span temporary = sfs_span_str(TEMPORARY);
	struct sfs_store *to = parts->copying.to;
	uint64_t made;
	int err = sfs_raw_unlink(to, dir, temporary);
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	err = sfsi_copy_node(&parts->copying, from, dir, temporary, &made);
	if (!err)
		err = sfs_raw_rename(to, dir, temporary, dir, name, 0);
	if (err < 0)
		(void)!sfs_raw_unlink(to, dir, temporary);
	parts->done.raws += !err;
	return err;
}

/** The directory of a name in the store, made when it is missing. */
static int enter(struct parts *parts, const struct sfs_attr *from, uint64_t dir,
		 struct sfs_span name, uint64_t *ret)
{
	const struct sfs_raw_make make = {
		.type = SFS_NODE_DIR, .mode = from->mode, .uid = from->uid, .gid = from->gid
	};
	struct sfs_attr attr;
	int err = sfs_raw_find(parts->copying.to, dir, name, &attr);
	if (err == SFS_ERR_NOT_FOUND)
		err = sfs_raw_make(parts->copying.to, dir, name, &make, &attr);
	if (!err && attr.type != SFS_NODE_DIR)
		err = SFS_ERR_NOT_DIR;
	*ret = err < 0 ? 0 : attr.ino;
	return err;
}

/** Remove a name of the store, and all below it. */
static int remove_entry(struct parts *parts, uint64_t dir, const struct sfsi_copy_entry *entry)
{
	const struct sfs_span name = { entry->name, entry->len };
	int err = sfs_raw_unlink(parts->copying.to, dir, name);
	if (err == SFS_ERR_IS_DIR)
		err = sfs_raw_rmdir(parts->copying.to, dir, name);
	/* What the backup does not have either was emptied before, or is left with what is in it. */
	if (err == SFS_ERR_NOT_EMPTY)
		return 0;
	parts->done.removed += !err;
	return err;
}

static int remove_other_entries(struct parts *parts, struct sfsi_copy_walk *walk,
				struct sfsi_copy_pair dir)
{
	struct sfsi_copy_entries entries;
	int err = sfsi_copy_list(parts->copying.to, dir.to, 0, 0, &entries);
	for (size_t i = 0; !err && i < entries.count; i++) {
		const struct sfsi_copy_entry *entry = &entries.items[i];
		const struct sfs_span name = { entry->name, entry->len };
		struct sfs_attr attr, mine;
		bool gone = !dir.from ||
			    sfs_raw_find(parts->copying.from, dir.from, name, &attr) < 0;
		err = gone ? sfs_raw_stat(parts->copying.to, entry->ino, &mine) : 0;
		if (!err && gone && mine.type == SFS_NODE_DIR)
			err = sfsi_copy_walk_add(walk, 0, entry->ino);
		else if (!err && gone)
			err = remove_entry(parts, dir.to, entry);
	}
	free(entries.items);
	return err;
}

static int restore_entry(struct parts *parts, struct sfsi_copy_walk *walk, uint64_t dir,
			 const struct sfsi_copy_entry *entry)
{
	const struct sfs_span name = { entry->name, entry->len };
	struct sfs_attr from;
	uint64_t to;
	int err = sfs_raw_stat(parts->copying.from, entry->ino, &from);
	if (!err && from.type != SFS_NODE_DIR)
		err = restore_node(parts, &from, dir, name);
	else if (!err) {
		err = enter(parts, &from, dir, name, &to);
		if (!err)
			err = sfsi_copy_walk_add(walk, from.ino, to);
	}
	return err < 0 ? failed(parts, err, name) : 0;
}

static int restore_dir(struct parts *parts, struct sfsi_copy_walk *walk, struct sfsi_copy_pair dir)
{
	struct sfsi_copy_entries entries = { .items = NULL };
	int err = dir.from ? sfsi_copy_list(parts->copying.from, dir.from, 0, 0, &entries) : 0;
	for (size_t i = 0; !err && i < entries.count; i++)
		err = restore_entry(parts, walk, dir.to, &entries.items[i]);
	free(entries.items);
	if (!err && (parts->flags & SFS_RESTORE_EXACT))
		err = remove_other_entries(parts, walk, dir);
	return err;
}

/** Directories that only the store has are empty now; the innermost goes first. */
static int remove_dirs(struct parts *parts, const struct sfsi_copy_walk *walk)
{
	int err = 0;
	for (size_t i = walk->count; i > 0 && !err; i--) {
		SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
		if (walk->dirs[i - 1].from)
			continue;
		err = sfs_raw_path(parts->copying.to, walk->dirs[i - 1].to, &path);
		const char *text = path.data;
		const char *slash = path.len ? memrchr(text, '/', path.len) : NULL;
		size_t end = slash ? (size_t)(slash - text) : 0, last = slash ? end + 1 : 0;
		struct sfs_attr parent;
		if (!err)
			err = sfs_raw_find_path(parts->copying.to, parts->copying.target.id,
						(struct sfs_span){ text, end }, &parent);
		if (!err)
			err = sfs_raw_rmdir(parts->copying.to, parent.ino,
					    (struct sfs_span){ text + last, path.len - last });
		parts->done.removed += !err;
		err = err == SFS_ERR_NOT_EMPTY ? 0 : err;
	}
	return err;
}

static int restore_tree(struct parts *parts, uint64_t from, uint64_t to)
{
	struct sfsi_copy_walk walk = { .copying = &parts->copying };
	int err = sfsi_copy_walk_add(&walk, from, to);
	for (size_t i = 0; i < walk.count && !err; i++)
		err = restore_dir(parts, &walk, walk.dirs[i]);
	if (!err)
		err = remove_dirs(parts, &walk);
	free(walk.dirs);
	return err;
}

/** One raw, or a directory with all that is in it; directories above it are made. */
static int restore_path(struct parts *parts, struct sfs_span path)
{
	struct sfsi_copying *copying = &parts->copying;
	const char *text = path.data, *slash;
	uint64_t dir = sfs_ino_make(copying->target.id, 1);
	struct sfs_attr from;
	int err = 0;
	for (size_t at = 0; !err && (slash = memchr(text + at, '/', path.len - at));
	     at = (size_t)(slash - text) + 1) {
		err = sfs_raw_find_path(copying->from, copying->source.id,
					(struct sfs_span){ text, (size_t)(slash - text) }, &from);
		if (!err)
			err = enter(parts, &from, dir,
				    (struct sfs_span){ text + at, (size_t)(slash - text) - at },
				    &dir);
	}
	slash = memrchr(text, '/', path.len);
	size_t start = slash ? (size_t)(slash - text) + 1 : 0;
	const struct sfs_span name = { text + start, path.len - start };
	if (!err)
		err = sfs_raw_find_path(copying->from, copying->source.id, path, &from);
	if (!err && from.type != SFS_NODE_DIR)
		return restore_node(parts, &from, dir, name);
	if (!err)
		err = enter(parts, &from, dir, name, &dir);
	return err < 0 ? err : restore_tree(parts, from.ino, dir);
}

/* --- classes --- */

/** The class as the backup has it: made when it is missing, defined when @whole. */
static int prepare_class(struct parts *parts, bool whole)
{
	struct sfsi_copying *copying = &parts->copying;
	const struct sfs_class_make make = {
		.name = sfs_span_str(copying->source.name),
		.kind = copying->source.kind,
		.type = sfs_span_str(copying->source.type),
		.mode = copying->source.attr.mode,
		.uid = copying->source.attr.uid,
		.gid = copying->source.attr.gid,
	};
	SFSI_AUTO_BUF struct sfs_buf theirs = SFS_BUF_INIT, ours = SFS_BUF_INIT;
	int err = sfs_class_find(copying->to, make.name, &copying->target);
	bool missing = err == SFS_ERR_NOT_FOUND;
	if (missing)
		err = sfs_class_create(copying->to, &make, &copying->target, parts->diag);
	if (!err && copying->target.kind != make.kind)
		err = SFS_ERR_WRONG_KIND;
	if (err < 0 || !(whole || missing))
		return err;
	err = sfs_class_schema(copying->from, copying->source.id, &theirs);
	if (!err)
		err = sfs_class_schema(copying->to, copying->target.id, &ours);
	if (!err && !sfs_span_equal(sfs_buf_span(&theirs), sfs_buf_span(&ours)))
		err = sfs_class_define(copying->to, &make, sfs_buf_span(&theirs), parts->diag);
	return err;
}

static int restore_class(struct parts *parts)
{
	const struct sfsi_copying *copying = &parts->copying;
	if (copying->source.kind == SFS_CLASS_RAW)
		return restore_tree(parts, sfs_ino_make(copying->source.id, 1),
				    sfs_ino_make(copying->target.id, 1));
	int err = each_page(parts, false);
	return err < 0 || !(parts->flags & SFS_RESTORE_EXACT) ? err : each_page(parts, true);
}

static int restore_one_object(struct parts *parts, struct sfs_span oid)
{
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(parts->copying.to, &txn);
	return err < 0 ? err : sfsi_txn_end(&txn, restore_object(parts, &txn, oid));
}

static int restore_part(struct parts *parts, const struct sfs_backup_part *part)
{
	struct sfsi_copying *copying = &parts->copying;
	int err = sfs_class_find(copying->from, part->class_name, &copying->source);
	if (err == SFS_ERR_NOT_FOUND)
		return sfs_diag_set(parts->diag, err, "the backup has no class %.*s",
				    (int)part->class_name.len, (const char *)part->class_name.data);
	if (!err)
		err = prepare_class(parts, !part->name.len);
	if (!err && !part->name.len)
		err = restore_class(parts);
	else if (!err && copying->source.kind == SFS_CLASS_RAW)
		err = restore_path(parts, part->name);
	else if (!err)
		err = restore_one_object(parts, part->name);
	if (err == SFS_ERR_NOT_FOUND && !parts->diag->text[0])
		return sfs_diag_set(parts->diag, err, "%.*s/%.*s: the backup has none",
				    (int)part->class_name.len, (const char *)part->class_name.data,
				    (int)(part->name.len < 100 ? part->name.len : 100),
				    (const char *)part->name.data);
	return err < 0 && !parts->diag->text[0] ? failed(parts, err, part->name) : err;
}

int sfs_backup_restore_parts(struct sfs_store *from, struct sfs_store *to,
			     const struct sfs_backup_part *items, size_t count, unsigned flags,
			     struct sfs_restored *ret, struct sfs_diag *diag)
{
	struct sfs_diag own = SFS_DIAG_INIT;
	struct parts parts = { .flags = flags, .diag = &own };
	parts.copying.from = from;
	parts.copying.to = to;
	parts.copying.diag = &own;
	int err = to->read_only ? SFS_ERR_READ_ONLY
				: sfsi_backup_before(to, "a restore", true, &own);
	for (size_t i = 0; i < count && !err; i++) {
		sfsi_map_init(&parts.copying.links);
		err = restore_part(&parts, &items[i]);
		sfsi_map_fini(&parts.copying.links);
		if (!err)
			err = sfsi_backup_check_class(to, parts.copying.target.id, &own);
	}
	if (!err)
		err = sfs_store_sync(to);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", own.text[0] ? own.text : sfs_err_text(err));
	*ret = parts.done;
	return 0;
}
