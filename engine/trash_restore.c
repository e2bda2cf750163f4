/*
 * Out of the trash: the object or raw is what it was, in one commit. What has its name now is refused, or
 * goes into the trash in its place.
 */
#include "departed.h"
#include "document/document.h"
#include "mirror/mirror.h"
#include "object.h"
#include "raw_index.h"
#include "raw_name.h"
#include "trash.h"

/* --- objects --- */

/** Another oid: a kept text may state the old one, and is then made canonical. */
static int rename_text(const struct sfsi_class *class, struct sfs_span oid,
		       struct sfsi_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_document_rules rules = { .oid = oid, .any_type = true };
	if (!record->has_text || class->database)
		return 0;
	int err = sfsi_document_parse(record->text_format, record->text, &rules, &body, NULL);
	if (err != SFS_ERR_BAD_DOCUMENT)
		return err;
	record->has_text = false;
	record->text = (struct sfs_span){ "", 0 };
	return sfsi_object_canonical(record);
}

/** What has the oid now goes; who refers to it refers to what comes back. */
static int replace_object(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
			  bool replace)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_derive_side was = { oid, &record }, gone = { oid, NULL };
	int err = sfsi_object_load(txn, class_id, oid, &buf, &record);
	if (err)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	if (!replace)
		return SFS_ERR_EXISTS;
	err = sfsi_trash_object(txn, class_id, oid, &record);
	return err < 0 ? err : sfsi_object_change(txn, class_id, &was, &gone);
}

/** The number that it gets: its own, but in a database, where numbers say the order of the file. */
static int set_number(struct sfsi_txn *txn, uint32_t class_id, struct sfsi_record *record)
{
	struct sfsi_txn_class *class;
	int err = sfsi_txn_class(txn, class_id, &class);
	if (err < 0 || !class->class->database)
		return err;
	record->object.serial = record->object.number = sfsi_class_serial(class->class);
	return record->object.serial ? 0 : SFS_ERR_LIMIT;
}

static int restore_object(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_trash *trash,
			  const struct sfs_trash_restore *restore, struct sfs_attr *ret)
{
	struct sfs_span oid = restore->name.len ? restore->name : trash->name;
	const struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	struct sfsi_record record;
	struct sfsi_key key;
	struct sfsi_derive_side none = { oid, NULL }, side = { oid, &record };
	sfsi_trash_what_key(&key, trash->serial);
	int err = sfsi_oid_check(oid);
	if (!err)
		err = sfsi_record_decode(trash->what, sfsi_key_span(&key), &record);
	if (!err && !sfs_span_equal(oid, trash->name))
		err = rename_text(class, oid, &record);
	if (!err)
		err = replace_object(txn, class_id, oid, restore->replace);
	if (!err)
		err = set_number(txn, class_id, &record);
	if (err < 0)
		return err;
	record.object.ctime_ns = txn->now_ns;
	record.object.revision = txn->commit;
	err = sfsi_object_change(txn, class_id, &none, &side);
	if (!err)
		err = sfsi_refused_drop(txn, class_id, oid);
	sfsi_object_attr(class_id, &record.object, ret);
	return err;
}

/* --- raws --- */

/** The directory of a step of the path: the one that is there, or a new one. */
static int enter(struct sfsi_txn *txn, uint64_t *dir, struct sfs_span name,
		 const struct sfsi_inode *inode)
{
	const struct sfs_raw_make make = {
		.type = SFS_NODE_DIR, .mode = 0755, .uid = inode->uid, .gid = inode->gid
	};
	struct sfsi_inode made;
	struct sfsi_name found;
	int err = sfsi_name_check(name);
	if (!err)
		err = sfsi_name_load(txn, *dir, name, &found);
	if (err == SFS_ERR_NOT_FOUND) {
		err = sfsi_raw_make_in(txn, *dir, name, &make, &made);
		found = (struct sfsi_name){ made.serial, SFS_NODE_DIR };
	}
	if (!err && found.type != SFS_NODE_DIR)
		err = SFS_ERR_NOT_DIR;
	if (!err)
		*dir = sfs_ino_make(sfs_ino_class(*dir), found.serial);
	return err;
}

/** Where a path leads: its directory, which is made, and its last name. */
static int place_of(struct sfsi_txn *txn, struct sfs_span path, const struct sfsi_inode *inode,
		    struct sfsi_raw_at *ret)
{
	const char *at = path.data, *end = at + path.len;
	int err = 0;
	for (const char *slash; !err && (slash = memchr(at, '/', (size_t)(end - at)));
	     at = slash + 1)
		err = enter(txn, &ret->dir, (struct sfs_span){ at, (size_t)(slash - at) }, inode);
	ret->name = (struct sfs_span){ at, (size_t)(end - at) };
	return err < 0 ? err : sfsi_name_check(ret->name);
}

/** What a restored raw takes the place of. */
struct replaced {
	struct sfsi_inode inode;
	bool orphan, kept;
};

static int replace_raw(struct sfsi_txn *txn, const struct sfsi_raw_at *at, bool replace,
		       struct replaced *ret)
{
	struct sfsi_name found;
	int err = sfsi_name_load(txn, at->dir, at->name, &found);
	if (err)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	if (!replace)
		return SFS_ERR_EXISTS;
	if (found.type == SFS_NODE_DIR)
		return SFS_ERR_IS_DIR;
	return sfsi_raw_remove_in(txn, at->dir, at->name, found.serial, &ret->inode, &ret->orphan,
				  &ret->kept);
}

static int name_raw(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_raw_at *at,
		    struct sfsi_inode *inode)
{
	struct sfsi_txn_class *class;
	inode->parent = sfsi_ino_serial(at->dir);
	inode->name = at->name;
	inode->nlink = 1;
	inode->ctime_ns = txn->now_ns;
	inode->revision = txn->commit;
	int err = sfsi_inode_store(txn, class_id, inode);
	if (!err)
		err = sfsi_name_store(txn, at->dir, at->name,
				      (struct sfsi_name){ inode->serial, inode->type });
	if (!err)
		err = sfsi_dir_touch(txn, at->dir, 0);
	if (!err)
		err = sfsi_txn_class(txn, class_id, &class);
	if (!err)
		class->state.files++;
	return err < 0 ? err : sfsi_raw_index_again(txn, class_id, inode->serial);
}

/** Files of other programs: it has a place there again. Directories that are made here have no path yet. */
static int note(struct sfsi_txn *txn, const struct sfs_trash_restore *restore,
		const struct sfsi_trash *trash, const struct sfsi_raw_at *at,
		const struct sfsi_inode *inode)
{
	uint64_t ino = sfs_ino_make(sfs_ino_class(at->dir), inode->serial);
	if (restore->dir)
		return sfsi_raw_note_path(txn, at->dir, at->name, inode);
	return sfsi_mirror_note_raw(txn, ino, restore->name.len ? restore->name : trash->name);
}

static int restore_raw(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_trash *trash,
		       const struct sfs_trash_restore *restore, struct replaced *replaced,
		       struct sfs_attr *ret)
{
	struct sfsi_raw_at at = { sfs_ino_make(class_id, SFSI_SERIAL_ROOT), restore->name };
	struct sfsi_inode inode;
	int err = sfsi_inode_decode(trash->what, trash->serial, &inode);
	if (err < 0)
		return err;
	if (restore->dir) {
		at.dir = restore->dir;
		err = sfs_ino_class(at.dir) == class_id ? sfsi_name_check(at.name) : SFS_ERR_CROSS;
	} else {
		err = place_of(txn, restore->name.len ? restore->name : trash->name, &inode, &at);
	}
	if (!err)
		err = replace_raw(txn, &at, restore->replace, replaced);
	if (!err)
		err = name_raw(txn, class_id, &at, &inode);
	if (!err && inode.type == SFS_NODE_FILE)
		err = note(txn, restore, trash, &at, &inode);
	return err < 0 ? err : sfsi_inode_attr(txn->store, class_id, &inode, ret);
}

/* --- both --- */

static int restore_in(struct sfsi_txn *txn, const struct sfs_trash_restore *restore,
		      struct replaced *replaced, struct sfs_attr *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	uint32_t class_id = sfs_ino_class(restore->ino);
	struct sfsi_trash trash;
	if (!class_id || !sfsi_class_ref(txn->store, class_id))
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_trash_load(txn, class_id, sfsi_ino_serial(restore->ino), &buf, &trash);
	/* First: what is replaced may go into the trash under the same oid, in the same second. */
	struct sfs_trashed item = { .ino = restore->ino };
	if (!err) {
		item.removed_ns = trash.removed_ns;
		item.cookie = sfsi_cookie(txn->store, trash.name);
		item.bytes = trash.bytes;
		err = sfsi_trash_drop(txn, class_id, &item, &trash);
	}
	if (!err)
		err = trash.type == SFS_NODE_OBJECT
			      ? restore_object(txn, class_id, &trash, restore, ret)
			      : restore_raw(txn, class_id, &trash, restore, replaced, ret);
	return err;
}

int sfs_trash_restore(struct sfs_store *store, const struct sfs_trash_restore *restore,
		      struct sfs_attr *ret, struct sfs_diag *diag)
{
	struct replaced replaced = { .orphan = false };
	struct sfs_attr attr;
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	if (!err)
		err = sfsi_txn_end(&txn, restore_in(&txn, restore, &replaced, &attr));
	if (err < 0)
		return sfs_diag_set(diag, err, "%s",
				    err == SFS_ERR_NOT_FOUND ? "it is not in the trash"
							     : sfs_err_text(err));
	uint32_t class_id = sfs_ino_class(restore->ino);
	if (replaced.inode.serial)
		sfsi_raw_settle(store, class_id, &replaced.inode, replaced.orphan, replaced.kept);
	if (attr.type != SFS_NODE_OBJECT) {
		sfsi_open_named(store, attr.ino);
		sfs_raw_forget(store, attr.ino);
	}
	if (ret)
		*ret = attr;
	return 0;
}
