/*
 * Files that are made without a name, and perhaps get one later. Until then such a file is what a file
 * is whose last name went while it was open: bytes, a Z record, and its inode in memory. A crash leaves
 * nothing of it.
 */
#include "raw_refs.h"

static int check_dir(struct sfsi_txn *txn, uint64_t dir)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	if (sfsi_ino_serial(dir) == SFSI_SERIAL_ROOT)
		return 0;
	int err = sfsi_inode_load(txn, dir, &buf, &inode);
	return !err && inode.type != SFS_NODE_DIR ? SFS_ERR_NOT_DIR : err;
}

static int put_bytes_record(struct sfsi_txn *txn, uint64_t ino)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'Z', sfsi_ino_serial(ino));
	return sfsi_txn_put(txn, sfs_ino_class(ino), sfsi_key_span(&key),
			    (struct sfs_span){ "", 0 });
}

static int make_in(struct sfsi_txn *txn, uint64_t dir, const struct sfs_raw_make *make,
		   struct sfsi_inode *ret)
{
	struct sfsi_txn_class *class;
	uint32_t class_id = sfs_ino_class(dir);
	int err = class_id ? check_dir(txn, dir) : SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfsi_txn_class(txn, class_id, &class);
	if (err < 0)
		return err;
	*ret = (struct sfsi_inode){
		.type = SFS_NODE_FILE,
		.serial = sfsi_class_serial(class->class),
		.mode = make->mode & 07777,
		.uid = make->uid,
		.gid = make->gid,
		.revision = txn->commit,
		.text = { "", 0 },
		.name = { "", 0 },
		.atime_ns = txn->now_ns,
		.mtime_ns = txn->now_ns,
		.ctime_ns = txn->now_ns,
	};
	if (!ret->serial)
		return SFS_ERR_LIMIT;
	uint64_t ino = sfs_ino_make(class_id, ret->serial);
	err = put_bytes_record(txn, ino);
	return err < 0 ? err : sfsi_raw_bytes_new(txn, ino);
}

int sfs_raw_make_unnamed(struct sfs_store *store, uint64_t dir, const struct sfs_raw_make *make,
			 struct sfs_raw_file **ret)
{
	struct sfsi_inode inode = { .serial = 0 };
	struct sfsi_txn txn;
	int err = make->type == SFS_NODE_FILE ? sfsi_txn_begin(store, &txn) : SFS_ERR_INVALID;
	if (err < 0)
		return err;
	err = sfsi_txn_end(&txn, make_in(&txn, dir, make, &inode));
	uint64_t ino = sfs_ino_make(sfs_ino_class(dir), inode.serial);
	if (err < 0) {
		if (inode.serial)
			sfsi_bytes_remove(store, ino);
		return err;
	}
	err = sfsi_open_unnamed(store, ino, &inode);
	if (err < 0) {
		sfsi_bytes_unwanted(store, ino, inode.revision);
		return err;
	}
	err = sfs_raw_open(store, ino, true, ret);
	sfsi_open_release(store, ino, false);
	return err;
}
