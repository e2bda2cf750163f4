/*
 * Names of classes as names of directories. A class that the rules of ours allow is called what it is; one
 * that another program named ("sub/list", "my class", ".x") is escaped as an oid is (name.h).
 */
#ifndef FS_CLASS_NAME_H
#define FS_CLASS_NAME_H

#include <storefs/class.h>

#include "name.h"

/** Its directory's name, NUL-terminated; with ".schema.json" behind it, it still is one. Returns the length. */
size_t fs_class_name(const char *name, char ret[SFS_NAME_MAX + 1]);

/** The class of a directory's name. Errors as sfs_class_find(); SFS_ERR_NOT_FOUND also of other spellings. */
int fs_class_find(struct sfs_store *store, struct sfs_span name, struct sfs_class_info *ret);

#endif
