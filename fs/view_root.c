/*
 * Where views begin: names in directories that have records of their own, where nothing else has
 * that name. A new kind of views adds a line here.
 */
#include "by.h"
#include "field.h"
#include "view_table.h"

/** Names that are the same in each directory of a kind. */
static const struct {
	enum fs_node_kind in;
	bool live; /* not in a backup, where such a thing would lead out of it */
	const char *name;
	const struct fs_view_ops *ops;
} names[] = {
	{ FS_NODE_CLASS, true, FS_AT_NAME, &fs_view_at_ops },
	{ FS_NODE_META_DIR, false, "export", &fs_view_export_ops },
	{ FS_NODE_META_DIR, false, "history", &fs_view_history_ops },
	{ FS_NODE_META_DIR, false, "meta", &fs_view_meta_ops },
	{ FS_NODE_META_DIR, false, "databases", &fs_view_databases_ops },
	{ FS_NODE_META_DIR, false, "trash", &fs_view_trash_ops },
	{ FS_NODE_META_DIR, true, FS_BACKUPS_NAME, &fs_view_backups_ops },
	{ FS_NODE_META_DIR, true, "diff", &fs_view_diff_ops },
};
#define NAMES (sizeof names / sizeof names[0])

/** What begins under a name. SFS_ERR_NOT_FOUND: nothing does. */
static int begin(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret)
{
	enum fs_node_kind kind = fs_node_kind(dir);
	for (size_t i = 0; i < NAMES; i++) {
		if (names[i].in != kind || (names[i].live && fs->live) ||
		    !sfs_span_equal(name, sfs_span_str(names[i].name)))
			continue;
		ret->ops = names[i].ops;
		return 0;
	}
	if (kind != FS_NODE_CLASS)
		return SFS_ERR_NOT_FOUND;
	int err = fs_by_begin(fs, dir, name, ret);
	return err == SFS_ERR_NOT_FOUND ? fs_field_begin(fs, dir, name, ret) : err;
}

int fs_view_root(struct fs *fs, uint64_t dir, struct sfs_span name, pid_t pid, struct fs_found *ret)
{
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	int err = begin(fs, dir, name, &spec);
	if (!err)
		err = fs_view_give(fs, dir, NULL, name, &spec, pid, ret);
	sfs_buf_fini(&spec.id);
	return err;
}
