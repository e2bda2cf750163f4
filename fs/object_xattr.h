/*
 * Extended attributes user.storefs.* of objects. They can be asked for and are not listed: who copies
 * all that is listed would be refused when it sets them on the copy.
 */
#ifndef FS_OBJECT_XATTR_H
#define FS_OBJECT_XATTR_H

#include "daemon.h"

#define FS_XATTR_RESERVED "user.storefs."

/**
 * One attribute of an object: oid, type, revision, updated, updated.NAME.
 * @name  with FS_XATTR_RESERVED. @ret  appended to. Returns 0, SFS_ERR_NOT_FOUND or an error of the
 * store.
 */
int fs_object_xattr(struct fs *fs, uint32_t class_id, struct sfs_span oid, const char *name,
		    struct sfs_buf *ret);

/**
 * user.storefs.* of the directory of a database: recovered_from, conflict, error, path, model.
 * Returns 0, SFS_ERR_NOT_FOUND, errors of the store.
 */
int fs_database_xattr(struct fs *fs, uint32_t class_id, const char *name, struct sfs_buf *ret);

#endif
