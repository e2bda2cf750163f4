/*
 * Changing trees: make, link, remove, rename (attributes: raw_attr.c). Every function is one commit;
 * bytes are made before the commit that names them and removed after the one that
 * forgets them.
 */
#include <sys/stat.h>
#include "memo.h"
#include "mirror/mirror.h"
#include "raw_index.h"
#include "raw_name.h"
#include "raw_refs.h"
#include "trash.h"

int sfsi_inode_read(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf, struct sfsi_inode *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', sfsi_ino_serial(ino));
	int err = sfsi_txn_get(txn, sfs_ino_class(ino), sfsi_key_span(&key), buf);
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(buf), sfsi_ino_serial(ino), ret);
	if (!err && ret->type == SFS_NODE_OBJECT)
		err = SFS_ERR_NOT_FOUND;
	return err;
}

int sfsi_inode_load(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf, struct sfsi_inode *ret)
{
	int err = sfsi_inode_read(txn, ino, buf, ret);
	if (!err && ret->small)
		err = sfsi_small_overlay(txn->store, ino, buf, ret);
	return err;
}

int sfsi_inode_store(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_inode *inode)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_key_serial(&key, 'N', inode->serial);
	int err = sfsi_inode_encode(inode, &value);
	if (!err)
		err = sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&value));
	return err;
}

static void entry_key(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
		      struct sfsi_key *ret)
{
	sfsi_key_entry(ret, sfsi_ino_serial(dir), sfsi_cookie(txn->store, name), name);
}

int sfsi_name_load(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name, struct sfsi_name *ret)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	entry_key(txn, dir, name, &key);
	int err = sfsi_txn_get(txn, sfs_ino_class(dir), sfsi_key_span(&key), &value);
	return err < 0 ? err : sfsi_name_decode(sfs_buf_span(&value), ret);
}

int sfsi_name_store(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
		    struct sfsi_name value)
{
	struct sfsi_key key;
	uint8_t bytes[SFSI_NAME_SIZE];
	size_t len = sfsi_name_encode(value, bytes);
	entry_key(txn, dir, name, &key);
	int err = sfsi_txn_put(txn, sfs_ino_class(dir), sfsi_key_span(&key),
			       (struct sfs_span){ bytes, len });
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_ADDED,
				    sfs_ino_make(sfs_ino_class(dir), value.serial), dir, false,
				    name);
	return err;
}

int sfsi_name_erase(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name)
{
	struct sfsi_key key;
	struct sfsi_name was;
	int err = sfsi_name_load(txn, dir, name, &was);
	if (err < 0)
		return err;
	entry_key(txn, dir, name, &key);
	err = sfsi_txn_remove(txn, sfs_ino_class(dir), sfsi_key_span(&key));
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_REMOVED,
				    sfs_ino_make(sfs_ino_class(dir), was.serial), dir, false, name);
	return err;
}

int sfsi_inode_touch(struct sfsi_txn *txn, uint64_t ino)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	struct sfsi_txn_class *class;
	int err = sfsi_inode_load(txn, ino, &buf, &inode);
	if (err < 0)
		return err;
	inode.ctime_ns = txn->now_ns;
	inode.revision = txn->commit;
	err = sfsi_inode_store(txn, sfs_ino_class(ino), &inode);
	if (!err)
		err = sfsi_txn_class(txn, sfs_ino_class(ino), &class);
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_NODE, ino, 0, false,
				    (struct sfs_span){ "", 0 });
	return err;
}

int sfsi_dir_touch(struct sfsi_txn *txn, uint64_t dir, int subdirs)
{
	struct sfsi_txn_class *class;
	int err = sfsi_txn_class(txn, sfs_ino_class(dir), &class);
	if (err < 0)
		return err;
	if (sfsi_ino_serial(dir) == SFSI_SERIAL_ROOT) {
		class->state.mtime_ns = class->state.ctime_ns = txn->now_ns;
		class->state.nlink = (uint32_t)((int64_t)class->state.nlink + subdirs);
		return 0;
	}
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	err = sfsi_inode_load(txn, dir, &buf, &inode);
	if (!err && inode.type != SFS_NODE_DIR)
		err = SFS_ERR_NOT_DIR;
	if (err < 0)
		return err;
	inode.mtime_ns = inode.ctime_ns = txn->now_ns;
	inode.nlink = (uint32_t)((int64_t)inode.nlink + subdirs);
	return sfsi_inode_store(txn, sfs_ino_class(dir), &inode);
}

/** 0 when a name is free, else SFS_ERR_EXISTS or the error of looking. */
static int check_free(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name)
{
	struct sfsi_name taken;
	int err = sfsi_name_load(txn, dir, name, &taken);
	if (!err)
		return SFS_ERR_EXISTS;
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int count_file(struct sfsi_txn *txn, uint32_t class_id, int change)
{
	struct sfsi_txn_class *class;
	int err = sfsi_txn_class(txn, class_id, &class);
	if (!err)
		class->state.files = (uint64_t)((int64_t)class->state.files + change);
	return err;
}

/** @kept  it is in the trash now: what it has besides stays. */
static int erase_inode(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial, bool has_bytes,
		       bool kept)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	if (kept)
		return err;
	sfsi_key_serial(&key, 'X', serial);
	if (!err && !sfsi_txn_lacks(txn, class_id, sfsi_key_span(&key)))
		err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	sfsi_key_serial(&key, 'Y', serial);
	if (!err && has_bytes)
		err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	sfsi_key_serial(&key, 'Z', serial);
	if (!err && has_bytes)
		err = sfsi_txn_put(txn, class_id, sfsi_key_span(&key), (struct sfs_span){ "", 0 });
	return err;
}

static int unref(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial, bool kept,
		 struct sfsi_inode *ret, bool *ret_orphan)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	int err = sfsi_inode_load(txn, sfs_ino_make(class_id, serial), &buf, &inode);
	if (err < 0)
		return err;
	inode.ctime_ns = txn->now_ns;
	inode.revision = txn->commit;
	if (inode.type == SFS_NODE_FILE)
		err = sfsi_mirror_note_raw(txn, sfs_ino_make(class_id, serial),
					   (struct sfs_span){ "", 0 });
	if (err < 0)
		return err;
	bool last = inode.type == SFS_NODE_DIR || inode.nlink <= 1;
	inode.nlink = last ? 0 : inode.nlink - 1;
	if (!last) {
		err = sfsi_inode_store(txn, class_id, &inode);
	} else {
		if (inode.type != SFS_NODE_DIR)
			err = sfsi_raw_unindex(txn, class_id, serial);
		if (!err)
			err = erase_inode(txn, class_id, serial,
					  inode.type == SFS_NODE_FILE && !inode.small, kept);
		if (!err && inode.type != SFS_NODE_DIR)
			err = count_file(txn, class_id, -1);
	}
	inode.text = inode.name = (struct sfs_span){ "", 0 };
	*ret = inode;
	*ret_orphan = last && inode.type == SFS_NODE_FILE;
	return err;
}

int sfsi_inode_unref(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial,
		     struct sfsi_inode *ret, bool *ret_orphan)
{
	return unref(txn, class_id, serial, false, ret, ret_orphan);
}

/* --- make --- */

static int make_check(const struct sfs_raw_make *make)
{
	switch (make->type) {
	case SFS_NODE_FILE:
	case SFS_NODE_DIR:
	case SFS_NODE_FIFO:
	case SFS_NODE_SOCKET: return 0;
	case SFS_NODE_SYMLINK:
		if (make->target.len == 0 || memchr(make->target.data, '\0', make->target.len))
			return SFS_ERR_INVALID;
		return make->target.len > 4095 ? SFS_ERR_LIMIT : 0;
	case SFS_NODE_OBJECT: break;
	}
	return SFS_ERR_INVALID;
}

int sfsi_raw_bytes_new(struct sfsi_txn *txn, uint64_t ino)
{
	int err = sfsi_bytes_create(txn->store, ino);
	/* Before the commit: see round_locked(). */
	if (!err)
		sfsi_syncer_file(txn->store, ino);
	return err;
}

/** It has no metadata: who removes it a moment later need not remove what was never there. */
static void learn_new(struct sfs_store *store, uint32_t class_id, uint64_t serial)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', serial);
	sfsi_memo_learn_lack(store->memo, class_id, sfsi_key_span(&key));
}

int sfsi_raw_note_path(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
		       const struct sfsi_inode *inode)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	const struct sfsi_class *class = sfsi_class_ref(txn->store, sfs_ino_class(dir));
	if (!class || !class->mirror || class->kind != SFS_CLASS_RAW || txn->inward)
		return 0;
	int err = sfsi_raw_path(txn, dir, name, &path);
	return err < 0 ? err
		       : sfsi_mirror_note_raw(txn, sfs_ino_make(class->id, inode->serial),
					      sfs_buf_span(&path));
}

/** Can a raw of this class have only one name, and a folder of them not be moved as a whole? */
static bool is_mirrored(const struct sfs_store *store, uint64_t dir)
{
	const struct sfsi_class *class = sfsi_class_ref((struct sfs_store *)(uintptr_t)store,
							sfs_ino_class(dir));
	return class && class->mirror && class->kind == SFS_CLASS_RAW;
}

int sfsi_raw_make_in(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
		     const struct sfs_raw_make *make, struct sfsi_inode *ret)
{
	struct sfsi_txn_class *class;
	bool is_dir = make->type == SFS_NODE_DIR;
	uint32_t class_id = sfs_ino_class(dir);
	int err = class_id ? sfsi_dir_touch(txn, dir, is_dir) : SFS_ERR_NOT_FOUND;
	if (!err)
		err = check_free(txn, dir, name);
	if (!err)
		err = sfsi_txn_class(txn, class_id, &class);
	if (err < 0)
		return err;
	bool named = class->class->kind == SFS_CLASS_RAW;
	struct sfsi_inode inode = {
		.type = make->type,
		.serial = sfsi_class_serial(class->class),
		.parent = is_dir || named ? sfsi_ino_serial(dir) : 0,
		.name = named ? name : (struct sfs_span){ "", 0 },
		.mode = make->mode & 07777,
		.uid = make->uid,
		.gid = make->gid,
		.nlink = is_dir ? 2 : 1,
		.revision = txn->commit,
		.text = make->target,
		/* Most scratch files are renamed onto an object, or removed, before they are large. */
		.small = make->type == SFS_NODE_FILE && class->class->kind == SFS_CLASS_OBJECT,
		.atime_ns = txn->now_ns,
		.mtime_ns = txn->now_ns,
		.ctime_ns = txn->now_ns,
	};
	if (!inode.serial)
		return SFS_ERR_LIMIT;
	if (make->type != SFS_NODE_SYMLINK)
		inode.text = (struct sfs_span){ "", 0 };
	if (inode.small)
		learn_new(txn->store, class_id, inode.serial);
	/* Those of what others wrote are there already. */
	if (make->type == SFS_NODE_FILE && !inode.small && !txn->inward)
		err = sfsi_raw_bytes_new(txn, sfs_ino_make(class_id, inode.serial));
	if (!err)
		err = sfsi_inode_store(txn, class_id, &inode);
	if (!err)
		err = sfsi_name_store(txn, dir, name,
				      (struct sfsi_name){ inode.serial, make->type });
	if (!err && !is_dir)
		err = count_file(txn, class_id, 1);
	if (!err && !is_dir)
		err = sfsi_raw_index_new(txn, class_id, inode.serial);
	*ret = inode;
	return err < 0 || make->type != SFS_NODE_FILE ? err
						      : sfsi_raw_note_path(txn, dir, name, ret);
}

int sfs_raw_make(struct sfs_store *store, uint64_t dir, struct sfs_span name,
		 const struct sfs_raw_make *make, struct sfs_attr *ret)
{
	int err = sfsi_name_check(name);
	if (!err)
		err = make_check(make);
	struct sfsi_txn txn;
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	struct sfsi_inode inode = { 0 };
	err = sfsi_raw_make_in(&txn, dir, name, make, &inode);
	txn.deferred = make->flushed_later && inode.small;
	err = sfsi_txn_end(&txn, err);
	uint64_t ino = sfs_ino_make(sfs_ino_class(dir), inode.serial);
	if (inode.serial && inode.type == SFS_NODE_FILE && !inode.small && err < 0 &&
	    err != SFS_ERR_EXISTS)
		sfsi_bytes_remove(store, ino);
	if (!err && ret)
		err = sfsi_inode_attr(store, sfs_ino_class(dir), &inode, ret);
	return err;
}

/** The first name of a file that was made without one: its bytes stay. */
static int first_name(struct sfsi_txn *txn, uint64_t ino)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'Z', sfsi_ino_serial(ino));
	int err = sfsi_txn_remove(txn, sfs_ino_class(ino), sfsi_key_span(&key));
	if (!err)
		err = count_file(txn, sfs_ino_class(ino), 1);
	return err < 0 ? err : sfsi_raw_index_new(txn, sfs_ino_class(ino), sfsi_ino_serial(ino));
}

static int link_in(struct sfsi_txn *txn, uint64_t ino, uint64_t dir, struct sfs_span name,
		   bool unnamed)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	int err = sfsi_inode_load(txn, ino, &buf, &inode);
	unnamed = unnamed && err == SFS_ERR_NOT_FOUND;
	if (unnamed)
		err = sfsi_open_orphan_get(txn->store, ino, &inode);
	if (!err && inode.type == SFS_NODE_DIR)
		err = SFS_ERR_IS_DIR;
	if (!err && !unnamed && is_mirrored(txn->store, dir))
		err = SFS_ERR_UNSUPPORTED;
	if (!err && inode.nlink >= SFS_LINKS_MAX)
		err = SFS_ERR_LIMIT;
	if (!err)
		err = sfsi_dir_touch(txn, dir, 0);
	if (!err)
		err = check_free(txn, dir, name);
	if (err < 0)
		return err;
	inode.nlink++;
	inode.ctime_ns = txn->now_ns;
	inode.revision = txn->commit;
	err = sfsi_raw_name_add(txn, &inode, dir, name);
	if (!err)
		err = sfsi_inode_store(txn, sfs_ino_class(ino), &inode);
	if (!err && unnamed)
		err = first_name(txn, ino);
	if (!err)
		err = sfsi_name_store(txn, dir, name,
				      (struct sfsi_name){ inode.serial, inode.type });
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_NODE, ino, dir, false, name);
	return err < 0 || !unnamed ? err : sfsi_raw_note_path(txn, dir, name, &inode);
}

int sfs_raw_link(struct sfs_store *store, uint64_t ino, uint64_t dir, struct sfs_span name,
		 struct sfs_attr *ret)
{
	int err = sfsi_name_check(name);
	if (!err && sfs_ino_class(ino) != sfs_ino_class(dir))
		err = SFS_ERR_CROSS;
	struct sfsi_txn txn;
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	/* Held, so that its last close can not come between the commit and its being told. */
	bool unnamed = sfsi_open_hold(store, ino);
	err = sfsi_txn_end(&txn, link_in(&txn, ino, dir, name, unnamed));
	if (unnamed)
		sfsi_open_release(store, ino, !err);
	return !err && ret ? sfs_raw_stat(store, ino, ret) : err;
}

/* --- remove --- */

/**
 * After the commit: a file without names loses its bytes now or at its last close; of anything else
 * somebody may ask on.
 */
static void settle(struct sfs_store *store, uint32_t class_id, const struct sfsi_inode *inode,
		   bool orphan)
{
	if (orphan)
		sfsi_open_orphan(store, sfs_ino_make(class_id, inode->serial), inode);
	else if (inode->serial && !inode->nlink)
		sfsi_gone_add(store, sfs_ino_make(class_id, inode->serial), inode);
}

/** Commit or abort, and settle what lost its last name before the commit lock goes. */
static int end_settled(struct sfsi_txn *txn, int err, uint32_t class_id,
		       const struct sfsi_inode *gone, bool orphan)
{
	struct sfs_store *store = txn->store;
	err = sfsi_txn_end(txn, err);
	if (!err)
		settle(store, class_id, gone, orphan);
	return err;
}

void sfsi_raw_settle(struct sfs_store *store, uint32_t class_id, const struct sfsi_inode *inode,
		     bool orphan, bool kept)
{
	if (orphan && kept)
		sfsi_open_kept(store, sfs_ino_make(class_id, inode->serial), inode);
	else
		settle(store, class_id, inode, orphan);
}

int sfsi_raw_remove_in(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name, uint64_t serial,
		       struct sfsi_inode *ret_gone, bool *ret_orphan, bool *ret_kept)
{
	int err = sfsi_trash_raw(txn, dir, name, serial, ret_kept);
	if (!err)
		err = sfsi_raw_name_drop(txn, dir, name, serial);
	if (!err)
		err = unref(txn, sfs_ino_class(dir), serial, *ret_kept, ret_gone, ret_orphan);
	if (!err)
		err = sfsi_name_erase(txn, dir, name);
	return err < 0 ? err : sfsi_dir_touch(txn, dir, 0);
}

int sfs_raw_unlink(struct sfs_store *store, uint64_t dir, struct sfs_span name)
{
	struct sfsi_txn txn;
	struct sfsi_name entry;
	struct sfsi_inode gone;
	bool orphan = false, kept = false;
	int err = sfsi_name_check(name);
	if (err < 0)
		return err == SFS_ERR_NAME ? SFS_ERR_NOT_FOUND : err;
	err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	err = sfsi_name_load(&txn, dir, name, &entry);
	if (!err && entry.type == SFS_NODE_DIR)
		err = SFS_ERR_IS_DIR;
	if (!err)
		err = sfsi_raw_removed(&txn, dir, name);
	if (!err)
		err = sfsi_raw_remove_in(&txn, dir, name, entry.serial, &gone, &orphan, &kept);
	err = sfsi_txn_end(&txn, err);
	if (!err)
		sfsi_raw_settle(store, sfs_ino_class(dir), &gone, orphan, kept);
	return err;
}

static int stop_at_first(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)arg, (void)key, (void)val;
	return 1;
}

/** A directory that is to go must have no entries. */
static int check_empty(struct sfs_store *store, uint32_t class_id, uint64_t serial)
{
	struct sfsi_key prefix;
	sfsi_key_entries(&prefix, serial);
	struct sfsi_scan scan = { .partition = class_id,
				  .prefix = sfsi_key_span(&prefix),
				  .keys_only = true };
	int err = sfsi_backend_scan(store->backend, &scan, stop_at_first, NULL);
	return err == SFS_ERR_CANCELLED ? SFS_ERR_NOT_EMPTY : err;
}

int sfs_raw_rmdir(struct sfs_store *store, uint64_t dir, struct sfs_span name)
{
	struct sfsi_txn txn;
	struct sfsi_name entry;
	struct sfsi_inode gone;
	bool orphan = false;
	int err = sfsi_name_check(name);
	if (err < 0)
		return err == SFS_ERR_NAME ? SFS_ERR_NOT_FOUND : err;
	err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	err = sfsi_name_load(&txn, dir, name, &entry);
	if (!err && entry.type != SFS_NODE_DIR)
		err = SFS_ERR_NOT_DIR;
	if (!err)
		err = check_empty(store, sfs_ino_class(dir), entry.serial);
	if (!err)
		err = sfsi_inode_unref(&txn, sfs_ino_class(dir), entry.serial, &gone, &orphan);
	if (!err)
		err = sfsi_name_erase(&txn, dir, name);
	if (!err)
		err = sfsi_dir_touch(&txn, dir, -1);
	return end_settled(&txn, err, sfs_ino_class(dir), &gone, orphan);
}

/* --- rename --- */

struct move {
	uint64_t dir, new_dir;
	struct sfs_span name, new_name;
	struct sfsi_name from, to;
	bool replaces;          /* to is there */
	struct sfsi_inode gone; /* what the rename replaced */
	bool orphan;
};

/** Would serial, a directory, become its own ancestor below new_dir? */
static int check_loop(struct sfsi_txn *txn, uint64_t new_dir, uint64_t serial)
{
	uint64_t at = sfsi_ino_serial(new_dir);
	while (at != SFSI_SERIAL_ROOT) {
		if (at == serial)
			return SFS_ERR_LOOP;
		SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
		struct sfsi_inode inode;
		int err = sfsi_inode_load(txn, sfs_ino_make(sfs_ino_class(new_dir), at), &buf,
					  &inode);
		if (err < 0)
			return err;
		if (inode.type != SFS_NODE_DIR || inode.parent == at)
			return SFS_ERR_CORRUPT;
		at = inode.parent;
	}
	return 0;
}

static int check_replace(struct sfsi_txn *txn, const struct move *move)
{
	bool from_dir = move->from.type == SFS_NODE_DIR, to_dir = move->to.type == SFS_NODE_DIR;
	if (from_dir && !to_dir)
		return SFS_ERR_NOT_DIR;
	if (!from_dir && to_dir)
		return SFS_ERR_IS_DIR;
	return to_dir ? check_empty(txn->store, sfs_ino_class(move->new_dir), move->to.serial) : 0;
}

/** A moved inode: its ctime, where it is, and its name. */
static int moved(struct sfsi_txn *txn, const struct sfsi_raw_at *from, const struct sfsi_raw_at *to,
		 struct sfsi_name what)
{
	uint64_t new_dir = to->dir;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	uint32_t class_id = sfs_ino_class(new_dir);
	int err = sfsi_inode_load(txn, sfs_ino_make(class_id, what.serial), &buf, &inode);
	if (err < 0)
		return err;
	inode.ctime_ns = txn->now_ns;
	inode.revision = txn->commit;
	if (inode.type == SFS_NODE_DIR)
		inode.parent = sfsi_ino_serial(new_dir);
	err = sfsi_raw_name_move(txn, &inode, from, to);
	if (!err)
		err = sfsi_inode_store(txn, class_id, &inode);
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_NODE, sfs_ino_make(class_id, what.serial),
				    new_dir, false, (struct sfs_span){ "", 0 });
	return err < 0 || inode.type != SFS_NODE_FILE
		       ? err
		       : sfsi_raw_note_path(txn, new_dir, to->name, &inode);
}

static int exchange(struct sfsi_txn *txn, struct move *move)
{
	bool from_dir = move->from.type == SFS_NODE_DIR, to_dir = move->to.type == SFS_NODE_DIR;
	int err = to_dir ? check_loop(txn, move->dir, move->to.serial) : 0;
	if (!err)
		err = sfsi_name_store(txn, move->dir, move->name, move->to);
	if (!err)
		err = sfsi_name_store(txn, move->new_dir, move->new_name, move->from);
	const struct sfsi_raw_at from = { move->dir, move->name },
				 to = { move->new_dir, move->new_name };
	if (!err)
		err = moved(txn, &from, &to, move->from);
	if (!err)
		err = moved(txn, &to, &from, move->to);
	if (!err)
		err = sfsi_dir_touch(txn, move->dir, to_dir - from_dir);
	if (!err)
		err = sfsi_dir_touch(txn, move->new_dir, from_dir - to_dir);
	return err;
}

static int replace(struct sfsi_txn *txn, struct move *move)
{
	bool is_dir = move->from.type == SFS_NODE_DIR;
	int err = move->replaces ? check_replace(txn, move) : 0;
	if (!err && move->replaces)
		err = sfsi_raw_name_drop(txn, move->new_dir, move->new_name, move->to.serial);
	if (!err && move->replaces)
		err = sfsi_inode_unref(txn, sfs_ino_class(move->new_dir), move->to.serial,
				       &move->gone, &move->orphan);
	if (!err && move->replaces)
		err = sfsi_name_erase(txn, move->new_dir, move->new_name);
	if (!err)
		err = sfsi_name_erase(txn, move->dir, move->name);
	if (!err)
		err = sfsi_name_store(txn, move->new_dir, move->new_name, move->from);
	const struct sfsi_raw_at from = { move->dir, move->name },
				 to = { move->new_dir, move->new_name };
	if (!err)
		err = moved(txn, &from, &to, move->from);
	if (!err)
		err = sfsi_dir_touch(txn, move->dir, -is_dir);
	if (!err)
		err = sfsi_dir_touch(txn, move->new_dir, is_dir - (is_dir && move->replaces));
	return err;
}

static int rename_in(struct sfsi_txn *txn, struct move *move, unsigned flags)
{
	int err = sfsi_name_load(txn, move->dir, move->name, &move->from);
	if (err < 0)
		return err;
	err = sfsi_name_load(txn, move->new_dir, move->new_name, &move->to);
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	move->replaces = !err;
	if (move->replaces && (flags & SFS_RENAME_NOREPLACE))
		return SFS_ERR_EXISTS;
	if (!move->replaces && (flags & SFS_RENAME_EXCHANGE))
		return SFS_ERR_NOT_FOUND;
	/* Two names of one file: nothing to do, as rename(2) says. */
	if (move->replaces && move->from.serial == move->to.serial)
		return 0;
	if (move->from.type == SFS_NODE_DIR) {
		err = check_loop(txn, move->new_dir, move->from.serial);
		/* Each raw in it has a folder of its own: who moves it copies them. */
		if (!err && is_mirrored(txn->store, move->dir) &&
		    check_empty(txn->store, sfs_ino_class(move->dir), move->from.serial))
			err = SFS_ERR_CROSS;
		if (err < 0)
			return err;
	}
	if ((flags & SFS_RENAME_EXCHANGE) && is_mirrored(txn->store, move->dir))
		return SFS_ERR_UNSUPPORTED;
	/* Both names stay: who refers to one of them goes on doing so. */
	if (flags & SFS_RENAME_EXCHANGE)
		return exchange(txn, move);
	struct sfsi_raw_move refs = { .referred = false };
	err = sfsi_raw_move_begin(txn, move->dir, move->name, move->new_dir, move->new_name, &refs);
	if (!err)
		err = replace(txn, move);
	if (!err)
		err = sfsi_raw_moved(txn, sfs_ino_class(move->new_dir),
				     move->from.type == SFS_NODE_DIR, &refs);
	sfsi_raw_move_end(&refs);
	return err;
}

/**
 * A raw that is moved over another is synced before: after a power cut there is the old or the new
 * one, never a name with half of its bytes. Without the commit lock, which must not wait for a disk.
 */
static int sync_before(struct sfs_store *store, uint64_t dir, struct sfs_span name,
		       uint64_t new_dir, struct sfs_span new_name)
{
	struct sfs_attr from, to = { .ino = 0 };
	if (!(store->backend->ops->caps & SFSI_CAP_DURABLE))
		return 0;
	/* Most new names are free. */
	int err = sfs_raw_find(store, new_dir, new_name, &to);
	/* One whose bytes are gone can be replaced: nothing else brings it back. */
	bool lost = err == SFS_ERR_CORRUPT;
	if (!err || lost)
		err = sfs_raw_find(store, dir, name, &from);
	/* What is wrong with the names is found by the rename. */
	if (err < 0)
		return err <= SFS_ERR_IO ? err : 0;
	if (from.type != SFS_NODE_FILE || from.ino == to.ino || (!lost && to.type != SFS_NODE_FILE))
		return 0;
	return sfsi_bytes_sync(store, from.ino);
}

int sfs_raw_rename(struct sfs_store *store, uint64_t dir, struct sfs_span name, uint64_t new_dir,
		   struct sfs_span new_name, unsigned flags)
{
	int err = sfsi_name_check(name);
	if (!err)
		err = sfsi_name_check(new_name);
	if (!err && sfs_ino_class(dir) != sfs_ino_class(new_dir))
		err = SFS_ERR_CROSS;
	if (!err && (flags & SFS_RENAME_NOREPLACE) && (flags & SFS_RENAME_EXCHANGE))
		err = SFS_ERR_INVALID;
	if (!err && !flags)
		err = sync_before(store, dir, name, new_dir, new_name);
	struct sfsi_txn txn;
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	struct move move = { .dir = dir, .new_dir = new_dir, .name = name, .new_name = new_name };
	err = rename_in(&txn, &move, flags);
	return end_settled(&txn, err, sfs_ino_class(new_dir), &move.gone, move.orphan);
}
