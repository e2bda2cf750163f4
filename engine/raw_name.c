/*
 * Names of inodes in raw classes: see raw_name.h. What is read is checked against the entry of the name,
 * so a note that is wrong is only slow: then the class's entries are looked through.
 */
#include "backend/key.h"
#include "memo.h"
#include "raw_name.h"

#define DEPTH_MAX 512

static void another_key(struct sfsi_key *key, uint64_t serial, const struct sfsi_raw_at *at)
{
	sfsi_key_serial(key, 'A', serial);
	sfsi_put_be64(key->data + key->len, sfsi_ino_serial(at->dir));
	key->len = SFSI_ANOTHER_NAME;
	sfsi_key_append(key, at->name);
}

/** Is this the name that the inode notes? */
static bool is_noted(const struct sfsi_inode *inode, const struct sfsi_raw_at *at)
{
	return inode->parent == sfsi_ino_serial(at->dir) && sfs_span_equal(inode->name, at->name);
}

int sfsi_raw_name_add(struct sfsi_txn *txn, struct sfsi_inode *inode, uint64_t dir,
		      struct sfs_span name)
{
	const struct sfsi_raw_at at = { dir, name };
	const struct sfsi_class *class = sfsi_class_ref(txn->store, sfs_ino_class(dir));
	struct sfsi_key key;
	/* The first one: it was made without. */
	if (inode->nlink == 1 && class && class->kind == SFS_CLASS_RAW) {
		inode->parent = sfsi_ino_serial(dir);
		inode->name = name;
		return 0;
	}
	if (!inode->name.len)
		return 0;
	another_key(&key, inode->serial, &at);
	return sfsi_txn_put(txn, sfs_ino_class(dir), sfsi_key_span(&key),
			    (struct sfs_span){ "", 0 });
}

/** The first of the other names becomes the noted one. */
struct first {
	struct sfs_buf key;
	int err;
};

static int take_first(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct first *first = arg;
	(void)val;
	first->err = sfs_buf_append(&first->key, key.data, key.len);
	return 1;
}

static int note_another(struct sfsi_txn *txn, uint32_t class_id, struct sfsi_inode *inode)
{
	struct first first = { .err = SFS_ERR_NOT_FOUND };
	struct sfsi_key prefix;
	sfsi_key_serial(&prefix, 'A', inode->serial);
	struct sfsi_scan scan = { .partition = class_id, .prefix = sfsi_key_span(&prefix) };
	int err = sfsi_txn_scan(txn, &scan, take_first, &first);
	err = err == SFS_ERR_CANCELLED ? first.err : err;
	struct sfs_span key = sfs_buf_span(&first.key);
	/* None is noted: it is found by looking. */
	inode->name = (struct sfs_span){ "", 0 };
	if (!err && key.len > SFSI_ANOTHER_NAME) {
		inode->parent = sfsi_get_be64((const uint8_t *)key.data + 9);
		inode->name = sfsi_span_skip(key, SFSI_ANOTHER_NAME);
		err = sfsi_txn_remove(txn, class_id, key);
	}
	if (!err)
		err = sfsi_inode_store(txn, class_id, inode);
	sfs_buf_fini(&first.key);
	return err;
}

int sfsi_raw_name_drop(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	const struct sfsi_raw_at at = { dir, name };
	uint32_t class_id = sfs_ino_class(dir);
	struct sfsi_inode inode;
	struct sfsi_key key;
	int err = sfsi_inode_load(txn, sfs_ino_make(class_id, serial), &buf, &inode);
	if (err < 0 || !inode.name.len || inode.type == SFS_NODE_DIR || inode.nlink <= 1)
		return err;
	if (is_noted(&inode, &at))
		return note_another(txn, class_id, &inode);
	another_key(&key, serial, &at);
	return sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
}

int sfsi_raw_name_move(struct sfsi_txn *txn, struct sfsi_inode *inode,
		       const struct sfsi_raw_at *from, const struct sfsi_raw_at *to)
{
	const struct sfsi_class *class = sfsi_class_ref(txn->store, sfs_ino_class(to->dir));
	struct sfsi_key key;
	if (!class || class->kind != SFS_CLASS_RAW)
		return 0;
	bool alone = inode->type == SFS_NODE_DIR || inode->nlink <= 1;
	if (alone || is_noted(inode, from)) {
		inode->parent = sfsi_ino_serial(to->dir);
		inode->name = to->name;
		return 0;
	}
	another_key(&key, inode->serial, from);
	int err = sfsi_txn_remove(txn, class->id, sfsi_key_span(&key));
	another_key(&key, inode->serial, to);
	return err < 0 ? err
		       : sfsi_txn_put(txn, class->id, sfsi_key_span(&key),
				      (struct sfs_span){ "", 0 });
}

/* --- paths --- */

int sfsi_path_front(struct sfs_buf *path, struct sfs_span name)
{
	SFSI_AUTO_BUF struct sfs_buf longer = SFS_BUF_INIT;
	int err = sfs_buf_append(&longer, name.data, name.len);
	if (!err && path->len)
		err = sfs_buf_append(&longer, "/", 1);
	if (!err)
		err = sfs_buf_append(&longer, path->data, path->len);
	if (err < 0)
		return err;
	sfs_buf_fini(path);
	*path = sfs_buf_take(&longer);
	return 0;
}

struct search {
	uint64_t serial;
	struct sfs_buf key;
	int err;
};

static int search_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct search *search = arg;
	struct sfsi_name entry;
	if (key.len <= SFSI_ENTRY_NAME || sfsi_name_decode(val, &entry) < 0 ||
	    entry.serial != search->serial)
		return 0;
	search->err = sfs_buf_append(&search->key, key.data, key.len);
	return 1;
}

/** A name of an inode that notes none: one look at every entry of the class. */
static int search_name(struct sfs_store *store, uint32_t class_id, uint64_t serial,
		       struct sfs_buf *path, uint64_t *ret_dir)
{
	struct search search = { .serial = serial };
	struct sfsi_scan scan = { .partition = class_id, .prefix = { "D", 1 }, .once = true };
	int err = sfsi_backend_scan(store->backend, &scan, search_row, &search);
	err = err == SFS_ERR_CANCELLED ? search.err : err < 0 ? err : SFS_ERR_NOT_FOUND;
	struct sfs_span key = sfs_buf_span(&search.key);
	if (!err) {
		*ret_dir = sfsi_get_be64((const uint8_t *)key.data + 1);
		err = sfsi_path_front(path, sfsi_span_skip(key, SFSI_ENTRY_NAME));
	}
	sfs_buf_fini(&search.key);
	return err;
}

/** Is it really called so? */
static bool is_called(struct sfs_store *store, uint32_t class_id, const struct sfsi_inode *inode)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	struct sfsi_name entry;
	if (!inode->name.len)
		return false;
	sfsi_key_entry(&key, inode->parent, sfsi_cookie(store, inode->name), inode->name);
	return sfsi_memo_get(store, class_id, sfsi_key_span(&key), &value) == 0 &&
	       sfsi_name_decode(sfs_buf_span(&value), &entry) == 0 && entry.serial == inode->serial;
}

static int path_step(struct sfs_store *store, uint32_t class_id, uint64_t serial,
		     struct sfs_buf *path, uint64_t *ret_dir)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	struct sfsi_inode inode;
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_memo_get(store, class_id, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(&value), serial, &inode);
	if (err < 0)
		return err;
	if (!is_called(store, class_id, &inode))
		return search_name(store, class_id, serial, path, ret_dir);
	*ret_dir = inode.parent;
	return sfsi_path_front(path, inode.name);
}

int sfsi_raw_path_of(struct sfs_store *store, uint32_t class_id, uint64_t serial,
		     struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	int err = 0;
	for (unsigned depth = 0; !err && serial != SFSI_SERIAL_ROOT; depth++)
		err = depth < DEPTH_MAX ? path_step(store, class_id, serial, &path, &serial)
					: SFS_ERR_NOT_FOUND;
	return err < 0 ? err : sfs_buf_append(ret, path.data, path.len);
}

int sfs_raw_path(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	return sfsi_raw_path_of(store, sfs_ino_class(ino), sfsi_ino_serial(ino), ret);
}
