/*
 * Attributes of whatever is in a tree: owner and mode are a commit, size and times of a file live where its bytes
 * are.
 */
#include "raw.h"
#include "trash.h"

static void set_inode(struct sfsi_inode *inode, const struct sfs_setattr *set, int64_t now_ns)
{
	if (set->mask & SFS_SET_MODE)
		inode->mode = set->mode & 07777;
	if (set->mask & SFS_SET_UID)
		inode->uid = set->uid;
	if (set->mask & SFS_SET_GID)
		inode->gid = set->gid;
	if (set->mask & SFS_SET_ATIME)
		inode->atime_ns = set->atime_ns;
	if (set->mask & SFS_SET_MTIME)
		inode->mtime_ns = set->mtime_ns;
	inode->ctime_ns = now_ns;
}

/** Size and times of a file live where its bytes are. */
static int set_bytes(struct sfs_store *store, uint64_t ino, const struct sfs_setattr *set,
		     struct sfs_buf *buf, struct sfsi_inode *inode)
{
	if (!(set->mask & (SFS_SET_SIZE | SFS_SET_ATIME | SFS_SET_MTIME)))
		return 0;
	return inode->small ? sfsi_small_set(store, ino, set, buf, inode)
			    : sfsi_bytes_set(store, ino, set);
}

/** Owner and mode inside a change; a file without names only exists in the table of open files. */
static int setattr_in(struct sfsi_txn *txn, uint64_t ino, const struct sfs_setattr *set)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	int err = sfsi_inode_load(txn, ino, &buf, &inode);
	bool orphan = err == SFS_ERR_NOT_FOUND;
	if (orphan)
		err = sfsi_open_orphan_get(txn->store, ino, &inode);
	if (err == SFS_ERR_NOT_FOUND &&
	    sfsi_trash_has(txn->store, sfs_ino_class(ino), sfsi_ino_serial(ino)))
		err = SFS_ERR_READ_ONLY;
	if (!err && inode.type != SFS_NODE_FILE && (set->mask & SFS_SET_SIZE))
		err = inode.type == SFS_NODE_DIR ? SFS_ERR_IS_DIR : SFS_ERR_INVALID;
	if (!err && inode.type == SFS_NODE_FILE)
		err = set_bytes(txn->store, ino, set, &buf, &inode);
	if (err < 0)
		return err;
	set_inode(&inode, set, txn->now_ns);
	inode.revision = txn->commit;
	if (orphan) {
		inode.text = inode.name = (struct sfs_span){ "", 0 };
		return sfsi_open_orphan_set(txn->store, ino, &inode);
	}
	/* Size and times alone are the plain file's own business: no commit. */
	bool only_bytes = !(set->mask & (SFS_SET_MODE | SFS_SET_UID | SFS_SET_GID));
	if (inode.type == SFS_NODE_FILE && !inode.small && only_bytes)
		return 0;
	err = sfsi_inode_store(txn, sfs_ino_class(ino), &inode);
	struct sfsi_txn_class *class;
	if (!err)
		err = sfsi_txn_class(txn, sfs_ino_class(ino), &class);
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_NODE, ino, 0, false,
				    (struct sfs_span){ "", 0 });
	if (!err && !only_bytes && inode.type == SFS_NODE_FILE && !inode.small)
		sfsi_bytes_dress(txn->store, ino, &inode);
	return err;
}

static int setattr_root(struct sfs_store *store, uint64_t ino, const struct sfs_setattr *set,
			struct sfs_attr *ret)
{
	int err = sfs_class_setattr(store, sfs_ino_class(ino), set, ret);
	return err == SFS_ERR_INVALID ? SFS_ERR_IS_DIR : err;
}

/** A small file can not become so large: it gets a plain file first. */
static int outgrow(struct sfs_store *store, uint64_t ino)
{
	struct sfs_raw_file *file;
	int err = sfs_raw_open(store, ino, true, &file);
	/* What it is that has no bytes is said by the change. */
	if (err == SFS_ERR_IS_DIR || err == SFS_ERR_INVALID)
		return 0;
	if (err < 0)
		return err;
	err = sfs_raw_plain(file);
	sfs_raw_close(file);
	return err;
}

int sfs_raw_setattr(struct sfs_store *store, uint64_t ino, const struct sfs_setattr *set,
		    struct sfs_attr *ret)
{
	if (sfsi_ino_serial(ino) == SFSI_SERIAL_ROOT)
		return setattr_root(store, ino, set, ret);
	struct sfsi_txn txn;
	int err = 0;
	if ((set->mask & SFS_SET_SIZE) && set->size > SFSI_SMALL_MAX)
		err = outgrow(store, ino);
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	err = sfsi_txn_end(&txn, setattr_in(&txn, ino, set));
	return !err && ret ? sfs_raw_stat(store, ino, ret) : err;
}
