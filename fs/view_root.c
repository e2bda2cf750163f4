/*
 * Where views begin: names in directories that have records of their own, where nothing else has
 * that name. A new kind of views adds a line here.
 */
#include "by.h"
#include "field.h"
#include "view_table.h"

/** What begins in a directory under a name. SFS_ERR_NOT_FOUND: nothing does. */
typedef int begin_fn(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret);

static const struct {
	enum fs_node_kind in;
	begin_fn *begin;
} roots[] = {
	{ FS_NODE_CLASS, fs_by_begin },
	{ FS_NODE_CLASS, fs_at_begin },
	{ FS_NODE_CLASS, fs_field_begin },
	{ FS_NODE_META_DIR, fs_view_export_begin },
	{ FS_NODE_META_DIR, fs_view_history_begin },
	{ FS_NODE_META_DIR, fs_view_meta_begin },
	{ FS_NODE_META_DIR, fs_view_databases_begin },
	{ FS_NODE_META_DIR, fs_view_backups_begin },
	{ FS_NODE_META_DIR, fs_view_trash_begin },
	{ FS_NODE_META_DIR, fs_view_diff_begin },
};
#define ROOTS (sizeof roots / sizeof roots[0])

int fs_view_root(struct fs *fs, uint64_t dir, struct sfs_span name, pid_t pid, struct fs_found *ret)
{
	int err = SFS_ERR_NOT_FOUND;
	for (size_t i = 0; i < ROOTS && err == SFS_ERR_NOT_FOUND; i++) {
		struct fs_view_spec spec = { .id = SFS_BUF_INIT };
		if (roots[i].in != fs_node_kind(dir))
			continue;
		err = roots[i].begin(fs, dir, name, &spec);
		if (!err)
			err = fs_view_give(fs, dir, NULL, name, &spec, pid, ret);
		sfs_buf_fini(&spec.id);
	}
	return err;
}
