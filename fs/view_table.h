/* Inside of views: for view.c and view_table.c. */
#ifndef FS_VIEW_TABLE_H
#define FS_VIEW_TABLE_H

#include "view.h"

/**
 * Make the view that a name stands for, and give it out as fs_view_find() does.
 * @parent  the directory as a view, or NULL. @spec  filled by a kind of views.
 */
int fs_view_give(struct fs *fs, uint64_t dir, struct fs_view *parent, struct sfs_span name,
		 struct fs_view_spec *spec, pid_t pid, struct fs_found *ret);

/* What begins under one name, which is said in view_root.c; each in the file of its name. */
extern const struct fs_view_ops fs_view_export_ops, fs_view_history_ops, fs_view_meta_ops,
	fs_view_databases_ops, fs_view_backups_ops, fs_view_trash_ops, fs_view_diff_ops;
/** CLASS/.at (view_backups.c). */
extern const struct fs_view_ops fs_view_at_ops;

/** Attributes of a directory of views that nobody changes, with the times of another node. (view_export.c) */
int fs_view_dir_attr(struct fs *fs, uint64_t like, struct sfs_attr *ret);
/** The same with the times of the root. */
int fs_view_root_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret);
/** The same of a directory of a class: who may not read that may not read this. */
int fs_view_class_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret);

/** Take one more reference. */
void fs_view_ref(struct fs *fs, struct fs_view *view);

#endif
