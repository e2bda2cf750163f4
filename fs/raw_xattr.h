/* What the store knows of a raw, as extended attributes: computed, read-only, and not listed. */
#ifndef FS_RAW_XATTR_H
#define FS_RAW_XATTR_H

#include "object_xattr.h"

/**
 * One attribute of a raw: oid, type, updated, updated.data, updated.meta, size, xxh3, mime, path; of a
 * directory of raws oid and type. It may take as long as reading all bytes.
 * @name  with FS_XATTR_RESERVED. @ret  appended to. Returns 0, SFS_ERR_NOT_FOUND or an error of the
 * store.
 */
int fs_raw_xattr(struct fs *fs, uint64_t ino, const char *name, struct sfs_buf *ret);

#endif
