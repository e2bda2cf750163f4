/*
 * Fields: CLASS/42/, a directory of the properties and relations of the object 42 (docs/fields.md).
 */
#ifndef FS_FIELD_H
#define FS_FIELD_H

#include <storefs/field.h>
#include "view.h"

/** The fields of an object begin in the directory of its class, under its oid. */
int fs_field_begin(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret);

/** Which field a view is; a view of a field is in that of its object. */
static inline struct sfs_field_of fs_field_of(const struct fs_view *view)
{
	return (struct sfs_field_of){ view->class_id, view->parent->id, view->id };
}

/* --- between field.c and field_rename.c --- */

/** The property that a file name means, whether it is there or not. @ret  id. */
int fs_field_name(struct sfs_span name, struct fs_view_spec *ret);
/** A property that is there. @ret  ops and id. SFS_ERR_NOT_FOUND. */
int fs_field_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		  struct fs_view_spec *ret);
/** The relation that a file name means, if the class declares one. False: it does not. */
bool fs_field_name_relation(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			    struct fs_view_spec *ret);
/** One save, whatever led to it. @dir  the object. @flags  enum sfs_put_flags. */
int fs_field_put(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		 struct sfs_span text, unsigned flags);
/** fs_view_ops.rename of the directory of an object. */
int fs_field_rename(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
		    struct sfs_span to, unsigned flags);

extern const struct fs_view_ops fs_object_view_ops, fs_field_view_ops;

#endif
