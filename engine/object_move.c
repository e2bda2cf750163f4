/*
 * Objects that change their name, or change from and into scratch files: what
 * rename(2) means in an object class. Each is one commit.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "base/errno.h"
#include "base/file.h"
#include "departed.h"
#include "document/document.h"
#include "follow.h"
#include "object.h"
#include "raw.h"
#include "trash.h"

/* --- object to object --- */

/**
 * A kept text may name its oid: check it against the new one. It is not validated otherwise: an object
 * that does not fit the schema any more can be renamed all the same.
 */
static int check_text(const struct sfsi_class *class, const struct sfsi_record *record,
		      struct sfs_span oid, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_document_rules rules = { .oid = oid, .any_type = true };
	if (!record->has_text || class->database)
		return 0;
	return sfsi_document_parse(record->text_format, record->text, &rules, &body, diag);
}

/** Give the record of one object to the name of another that is there: identity stays. */
static int take_over(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		     const struct sfsi_record *source, const struct sfsi_record *target)
{
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	struct sfsi_record record = *source;
	struct sfsi_derive_side was = { oid, target }, is = { oid, &record };
	record.object.serial = target->object.serial;
	record.object.number = target->object.number;
	record.object.ctime_ns = txn->now_ns;
	record.object.revision = txn->commit;
	int err = sfsi_updates_make(target, source->body, txn->now_ns, &record.updated_ns,
				    &updates);
	record.updates = sfs_buf_span(&updates);
	return err < 0 ? err : sfsi_object_change(txn, class_id, &was, &is);
}

/**
 * The object moves to a free name, and keeps its number. When the object of that name was renamed away
 * a moment ago, what it still holds of that keeps its update times.
 */
static int move_to(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		   struct sfs_span new_oid, const struct sfsi_record *source)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	struct sfsi_record record = *source, departed;
	struct sfsi_derive_side was = { oid, source }, is = { new_oid, &record };
	int err = 0;
	record.object.ctime_ns = txn->now_ns;
	record.object.revision = txn->commit;
	if (sfsi_object_departed(txn, class_id, new_oid, &buf, &departed) == 0) {
		err = sfsi_updates_make(&departed, record.body, txn->now_ns, &record.updated_ns,
					&updates);
		record.updates = sfs_buf_span(&updates);
	}
	return err < 0 ? err : sfsi_object_change(txn, class_id, &was, &is);
}

static int rename_in(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		     struct sfs_span new_oid, unsigned flags, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf source_buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf target_buf = SFS_BUF_INIT;
	struct sfsi_record source, target;
	int err = sfsi_object_load(txn, class_id, oid, &source_buf, &source);
	if (err < 0)
		return err;
	err = sfsi_object_load(txn, class_id, new_oid, &target_buf, &target);
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	bool exists = !err;
	bool swap = flags & SFS_RENAME_EXCHANGE;
	if (exists && (flags & SFS_RENAME_NOREPLACE))
		return SFS_ERR_EXISTS;
	if (!exists && swap)
		return SFS_ERR_NOT_FOUND;
	const struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	err = check_text(class, &source, new_oid, diag);
	if (!err && swap)
		err = check_text(class, &target, oid, diag);
	if (err < 0)
		return err;
	err = sfsi_refused_drop(txn, class_id, new_oid);
	if (!err && swap)
		err = sfsi_refused_drop(txn, class_id, oid);
	if (err < 0)
		return err;
	struct sfsi_derive_side was = { oid, &source }, gone = { new_oid, NULL };
	err = exists ? take_over(txn, class_id, new_oid, &source, &target)
		     : move_to(txn, class_id, oid, new_oid, &source);
	if (err < 0)
		return err;
	/* Both keep their identity: who refers to one of them goes on doing so. */
	if (swap)
		return take_over(txn, class_id, oid, &target, &source);
	if (exists)
		err = sfsi_object_change(txn, class_id, &was, &gone);
	return err < 0 ? err : sfsi_references_follow(txn, class_id, oid, new_oid);
}

int sfs_object_rename(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		      struct sfs_span new_oid, unsigned flags, struct sfs_diag *diag)
{
	struct sfsi_class *class;
	int err = sfsi_object_class(store, class_id, &class);
	if (!err)
		err = sfsi_oid_check(new_oid);
	if (!err && (flags & SFS_RENAME_NOREPLACE) && (flags & SFS_RENAME_EXCHANGE))
		err = SFS_ERR_INVALID;
	if (!err && oid.len > SFS_OID_MAX)
		err = SFS_ERR_NOT_FOUND;
	if (!err && sfs_span_equal(oid, new_oid)) {
		struct sfs_attr attr;
		return sfs_object_find(store, class_id, oid, &attr);
	}
	struct sfsi_txn txn;
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	err = sfsi_txn_end(&txn, rename_in(&txn, class_id, oid, new_oid, flags, diag));
	if (err < 0 && err != SFS_ERR_BAD_DOCUMENT)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	return err;
}

/**
 * The record of an object that is to go: of one that is damaged or missing what its entry says. A whole
 * one is remembered: what is removed now may be on its way to being replaced.
 */
static int load_going(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		      struct sfs_buf *buf, struct sfsi_record *ret, bool *ret_whole)
{
	static const uint8_t nothing[] = { 0x80 }; /* an empty map */
	SFSI_AUTO_BUF struct sfs_buf entry = SFS_BUF_INIT;
	struct sfsi_key key;
	const struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	bool database = class && class->database;
	sfsi_key_entry(&key, SFSI_DIR_OBJECTS, sfsi_cookie(txn->store, oid), oid);
	/* In a database the record says where the entry is. */
	int err = database ? 0 : sfsi_txn_get(txn, class_id, sfsi_key_span(&key), &entry);
	if (err < 0)
		return err;
	err = sfsi_object_load(txn, class_id, oid, buf, ret);
	*ret_whole = !err;
	if (!err)
		sfsi_departed_add(txn->store->removed, sfsi_departed_clock(), class_id, oid, ret);
	if (database)
		return err;
	if (err != SFS_ERR_CORRUPT && err != SFS_ERR_VERSION && err != SFS_ERR_NOT_FOUND)
		return err;
	*ret = (struct sfsi_record){ .body = { nothing, sizeof nothing } };
	return sfsi_entry_decode(sfs_buf_span(&entry), &ret->object);
}

int sfsi_object_remove(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid, uint64_t ino)
{
	struct sfsi_class *class;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_derive_side was = { oid, &record }, gone = { oid, NULL };
	bool whole = false;
	int err = sfsi_object_class(txn->store, class_id, &class);
	if (!err)
		err = load_going(txn, class_id, oid, &buf, &record, &whole);
	if (!err && ino && ino != sfs_ino_make(class_id, record.object.serial))
		err = SFS_ERR_CONFLICT;
	if (!err)
		err = sfsi_references_removed(txn, class_id, oid, record.object.serial);
	if (!err && whole)
		err = sfsi_trash_object(txn, class_id, oid, &record);
	return err < 0 ? err : sfsi_object_change(txn, class_id, &was, &gone);
}

int sfs_object_remove(struct sfs_store *store, uint32_t class_id, struct sfs_span oid, uint64_t ino)
{
	struct sfsi_class *class;
	int err = sfsi_object_class(store, class_id, &class);
	if (!err && (oid.len == 0 || oid.len > SFS_OID_MAX))
		err = SFS_ERR_NOT_FOUND;
	struct sfsi_txn txn;
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	return err < 0 ? err : sfsi_txn_end(&txn, sfsi_object_remove(&txn, class_id, oid, ino));
}

/* --- scratch file to object --- */

/** All bytes of a scratch file; more than a document can have is SFS_ERR_LIMIT. */
static int read_file(struct sfs_raw_file *file, const struct sfs_attr *attr, struct sfs_buf *ret)
{
	if (attr->size > SFS_DOCUMENT_MAX)
		return SFS_ERR_LIMIT;
	int err = sfs_buf_reserve(ret, (size_t)attr->size + 1);
	size_t len = 0;
	if (!err)
		err = sfs_raw_read(file, 0, ret->data, (size_t)attr->size, &len);
	ret->len = len;
	return err;
}

struct incoming {
	uint64_t dir;
	struct sfs_span name;
	struct sfs_attr attr;   /* of the scratch file */
	struct sfs_setattr set; /* what the object takes over from it */
	struct sfsi_inode gone;
	bool orphan;
};

static int put_raw_in(struct sfsi_txn *txn, const struct sfs_put *put,
		      const struct sfsi_prepared *prepared, struct incoming *in,
		      struct sfs_attr *ret)
{
	struct sfsi_name entry;
	int err = sfsi_name_load(txn, in->dir, in->name, &entry);
	if (!err && entry.serial != sfsi_ino_serial(in->attr.ino))
		err = SFS_ERR_CONFLICT;
	if (!err)
		err = sfsi_object_apply(txn, put, prepared, ret);
	if (!err)
		err = sfsi_inode_unref(txn, put->class_id, entry.serial, &in->gone, &in->orphan);
	if (!err)
		err = sfsi_name_erase(txn, in->dir, in->name);
	if (!err)
		err = sfsi_dir_touch(txn, in->dir, 0);
	return err;
}

static int put_raw(struct sfs_store *store, struct sfs_put *put, struct incoming *in,
		   struct sfs_attr *ret, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_raw_file *file;
	int err = sfs_raw_open(store, in->attr.ino, false, &file);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	err = read_file(file, &in->attr, &text);
	sfs_raw_close(file);
	if (err < 0)
		return sfs_diag_set(diag, err, "the scratch file can not be read as a document: %s",
				    sfs_err_text(err));
	struct sfsi_prepared prepared;
	put->text = sfs_buf_span(&text);
	put->attr = &in->set;
	err = sfsi_object_prepare(store, put, &prepared, diag);
	if (err < 0)
		return err;
	struct sfsi_txn txn;
	err = sfsi_txn_begin(store, &txn);
	if (!err)
		err = sfsi_txn_end(&txn, put_raw_in(&txn, put, &prepared, in, ret));
	sfs_buf_fini(&prepared.body);
	if (!err && in->orphan)
		sfsi_open_orphan(store, in->attr.ino, &in->gone);
	return err < 0 ? sfs_diag_set(diag, err, "%s", sfs_err_text(err)) : 0;
}

int sfs_object_put_raw(struct sfs_store *store, const struct sfs_put *put, uint64_t dir,
		       struct sfs_span name, struct sfs_attr *ret, struct sfs_diag *diag)
{
	if (sfs_ino_class(dir) != put->class_id)
		return sfs_diag_set(diag, SFS_ERR_CROSS, "%s", sfs_err_text(SFS_ERR_CROSS));
	struct incoming in = { .dir = dir, .name = name };
	int err = sfs_raw_find(store, dir, name, &in.attr);
	if (!err && in.attr.type != SFS_NODE_FILE)
		err = SFS_ERR_IS_DIR;
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	in.set = (struct sfs_setattr){
		.mask = SFS_SET_MODE | SFS_SET_UID | SFS_SET_GID | SFS_SET_MTIME | SFS_SET_ATIME,
		.mode = in.attr.mode,
		.uid = in.attr.uid,
		.gid = in.attr.gid,
		.mtime_ns = in.attr.mtime_ns,
		.atime_ns = in.attr.atime_ns,
	};
	struct sfs_put with = *put;
	struct sfs_attr attr;
	err = put_raw(store, &with, &in, &attr, diag);
	if (!err && ret)
		*ret = attr;
	return err;
}

/* --- object to scratch file --- */

struct outgoing {
	uint64_t dir;
	struct sfs_span name;
	enum sfs_format format;
	struct sfsi_inode made; /* the new scratch file */
	struct sfsi_inode gone; /* what it replaced */
	bool orphan;
};

static int write_bytes(struct sfs_store *store, uint64_t ino, struct sfs_span bytes,
		       const struct sfsi_object *object)
{
	SFSI_AUTO_FD int fd = -1;
	int err = sfsi_bytes_open(store, ino, true, &fd);
	if (!err)
		err = sfsi_pwrite_all(fd, bytes.data, bytes.len, 0);
	struct sfs_setattr times = {
		.mask = SFS_SET_MTIME | SFS_SET_ATIME,
		.mtime_ns = object->mtime_ns,
		.atime_ns = object->atime_ns,
	};
	return err < 0 ? err : sfsi_bytes_set(store, ino, &times);
}

/** A small text goes into the new inode, a larger one into a plain file. */
static int store_text(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span text,
		      const struct sfsi_object *object, struct sfsi_inode *made)
{
	uint64_t ino = sfs_ino_make(class_id, made->serial);
	int err = 0;
	made->small = text.len <= SFSI_SMALL_MAX;
	made->mtime_ns = object->mtime_ns;
	made->atime_ns = object->atime_ns;
	if (made->small)
		made->text = text;
	else
		err = sfsi_raw_bytes_new(txn, ino);
	if (!err && !made->small)
		err = write_bytes(txn->store, ino, text, object);
	/* The text must be on the disk before its object can be gone from there. */
	if (!err && !made->small && txn->store->backend->ops->caps & SFSI_CAP_DURABLE)
		err = sfsi_bytes_sync(txn->store, ino);
	if (!err)
		err = sfsi_inode_store(txn, class_id, made);
	made->text = (struct sfs_span){ "", 0 };
	return err;
}

static int replace_target(struct sfsi_txn *txn, struct outgoing *out)
{
	struct sfsi_name entry;
	int err = sfsi_name_load(txn, out->dir, out->name, &entry);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (!err && entry.type == SFS_NODE_DIR)
		err = SFS_ERR_IS_DIR;
	if (!err)
		err = sfsi_inode_unref(txn, sfs_ino_class(out->dir), entry.serial, &out->gone,
				       &out->orphan);
	return err < 0 ? err : sfsi_name_erase(txn, out->dir, out->name);
}

static int to_raw_in(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		     struct outgoing *out)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_record record;
	int err = sfsi_object_load(txn, class_id, oid, &buf, &record);
	if (!err)
		err = sfsi_object_render(&record, out->format, &text);
	if (!err)
		err = replace_target(txn, out);
	if (err < 0)
		return err;
	struct sfs_raw_make make = {
		.type = SFS_NODE_FILE,
		.mode = record.object.mode,
		.uid = record.object.uid,
		.gid = record.object.gid,
	};
	err = sfsi_raw_make_in(txn, out->dir, out->name, &make, &out->made);
	if (!err)
		err = store_text(txn, class_id, sfs_buf_span(&text), &record.object, &out->made);
	struct sfsi_derive_side was = { oid, &record }, gone = { { "", 0 }, NULL };
	if (!err)
		err = sfsi_object_change(txn, class_id, &was, &gone);
	/* If this commit fails the object is still there, and what is remembered is not looked at. */
	if (!err)
		sfsi_departed_add(txn->store->departed, sfsi_departed_clock(), class_id, oid,
				  &record);
	return err;
}

int sfs_object_to_raw(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		      enum sfs_format format, uint64_t dir, struct sfs_span name,
		      struct sfs_attr *ret)
{
	struct sfsi_class *class;
	int err = sfsi_object_class(store, class_id, &class);
	if (!err && sfs_ino_class(dir) != class_id)
		err = SFS_ERR_CROSS;
	if (!err)
		err = sfsi_name_check(name);
	if (!err && (oid.len == 0 || oid.len > SFS_OID_MAX))
		err = SFS_ERR_NOT_FOUND;
	struct sfsi_txn txn;
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	struct outgoing out = { .dir = dir, .name = name, .format = format };
	err = sfsi_txn_end(&txn, to_raw_in(&txn, class_id, oid, &out));
	uint64_t made = sfs_ino_make(class_id, out.made.serial);
	if (err < 0 && out.made.serial && !out.made.small)
		sfsi_bytes_remove(store, made);
	if (err < 0)
		return err;
	if (out.orphan)
		sfsi_open_orphan(store, sfs_ino_make(class_id, out.gone.serial), &out.gone);
	return ret ? sfs_raw_stat(store, made, ret) : 0;
}
