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

/** .storefs/export (view_export.c). */
int fs_view_export_begin(struct fs *fs, uint64_t dir, struct sfs_span name,
			 struct fs_view_spec *ret);

/** Attributes of a directory of views that nobody changes, with the times of another node. (view_export.c) */
int fs_view_dir_attr(struct fs *fs, uint64_t like, struct sfs_attr *ret);
/** The same of a directory of a class: who may not read that may not read this. */
int fs_view_class_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret);

/** .storefs/history (view_history.c). */
int fs_view_history_begin(struct fs *fs, uint64_t dir, struct sfs_span name,
			  struct fs_view_spec *ret);

/** .storefs/meta (view_meta.c). */
int fs_view_meta_begin(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret);

/** .storefs/databases (view_databases.c). */
int fs_view_databases_begin(struct fs *fs, uint64_t dir, struct sfs_span name,
			    struct fs_view_spec *ret);

/** .storefs/backups and CLASS/.at (view_backups.c). */
int fs_view_backups_begin(struct fs *fs, uint64_t dir, struct sfs_span name,
			  struct fs_view_spec *ret);
int fs_at_begin(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret);
/** .storefs/trash (view_trash.c). */
int fs_view_trash_begin(struct fs *fs, uint64_t dir, struct sfs_span name,
			struct fs_view_spec *ret);

/** .storefs/diff (view_diff.c). */
int fs_view_diff_begin(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret);

/** Take one more reference. */
void fs_view_ref(struct fs *fs, struct fs_view *view);

#endif
