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

extern const struct fs_view_ops fs_object_view_ops, fs_field_view_ops;

#endif
