/*
 * Dropping set-id bits: see privilege.h. The rules are those of any local file system: the set-user
 * bit of a file goes always, the set-group bit where the group may execute it.
 */
#include <fuse_lowlevel.h>
#include <sys/stat.h>
#include "privilege.h"

int fs_privilege_fold(struct fs *fs, uint64_t node, struct fs_handle *handle, pid_t pid,
		      struct sfs_setattr *set)
{
	struct fs_found found;
	/* Virtual files have none. */
	if (set->mask & SFS_SET_MODE || fs_node_kind(node) != FS_NODE_THING)
		return 0;
	int err = fs_attr_load(fs, node, handle, pid, &found);
	if (err < 0 || !S_ISREG(found.stat.st_mode))
		return err;
	unsigned bits = S_ISUID | (found.stat.st_mode & S_IXGRP ? S_ISGID : 0);
	if (!(found.stat.st_mode & bits))
		return 0;
	set->mask |= SFS_SET_MODE;
	set->mode = found.stat.st_mode & 07777 & ~bits;
	return 0;
}

int fs_privilege_drop(struct fs *fs, uint64_t node, struct fs_handle *handle, pid_t pid)
{
	struct sfs_setattr set = { .mask = 0 };
	/* Nothing was committed about this raw since it was found to have none. Odd: a number taken. */
	bool raw = handle && handle->kind == FS_HANDLE_RAW;
	uint64_t now = fs_sequence(fs, fs_node_ino(node)) << 1 | 1;
	if (raw && atomic_load(&handle->plain_mode) == now)
		return 0;
	int err = fs_privilege_fold(fs, node, handle, pid, &set);
	if (!err && !set.mask && raw)
		atomic_store(&handle->plain_mode, now);
	if (err < 0 || !set.mask)
		return err;
	err = fs_attr_set(fs, node, handle, pid, &set);
	/* The mode is not what it asks for again after a write. Attributes alone wait for no lock. */
	fuse_lowlevel_notify_inval_inode(fs->session, node, -1, 0);
	return err;
}
