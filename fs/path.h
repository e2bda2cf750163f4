/*
 * Where a path leads inside the mount: for symlinks that are made in views, which stand for objects. Knows
 * no FUSE, and asks nothing of the kernel.
 */
#ifndef FS_PATH_H
#define FS_PATH_H

#include "view.h"

/** What a path leads to. */
struct fs_path_end {
	uint32_t class_id;
	bool object;
	struct sfs_buf oid; /* of an object; the path of a raw in its class */
};

/**
 * Follow the text of a symlink.
 * @dir   the view that the symlink is in. @text  relative to it, or absolute and below the mount point.
 * @ret   oid is empty and the caller's. The object or raw need not be there, all before it must.
 * Returns 0; SFS_ERR_INVALID: it leads out of the mount, to nothing, or to what is neither object nor
 * raw, as diag says; or an error of the store.
 */
int fs_path_follow(struct fs *fs, const struct fs_view *dir, struct sfs_span text,
		   struct fs_path_end *ret, struct sfs_diag *diag);

#endif
