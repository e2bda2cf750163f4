/*
 * .storefs: the virtual files of the mount, and the definitions of classes as files. Knows no FUSE.
 */
#ifndef FS_META_H
#define FS_META_H

#include "attr.h"

int fs_meta_start(struct fs *fs);
void fs_meta_stop(struct fs *fs);

/** Find a name in .storefs or .storefs/schema; or .storefs itself, with the root as dir. */
int fs_meta_find(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_found *ret);

/** Attributes of a virtual file or directory. */
int fs_meta_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle,
		 struct fs_found *ret);

/** Only the size of an open definition can be set; times are taken and have no effect. */
int fs_meta_set(struct fs *fs, uint64_t node, struct fs_handle *handle,
		const struct sfs_setattr *set);

/** Append what a virtual file holds now. */
int fs_meta_text(struct fs *fs, uint64_t node, struct sfs_buf *ret);

/** One entry of a virtual directory. Nonzero stops. */
typedef int fs_meta_list_fn(void *arg, const char *name, uint64_t node, bool directory,
			    uint64_t cookie);
/** List .storefs or .storefs/schema after a cookie; cookies are from 3. */
void fs_meta_list(struct fs *fs, uint64_t dir, uint64_t after, fs_meta_list_fn *fn, void *arg);

/* --- definitions open for writing (meta_schema.c) --- */

/**
 * The name of the class's directory in "NAME.json" or "NAME.schema.json"; it points into file.
 * Returns 0 or SFS_ERR_NOT_FOUND (no such form).
 */
int fs_schema_split(struct sfs_span file, struct sfs_span *ret, bool *ret_json_schema);

/**
 * A definition that was created and not saved yet. SFS_ERR_EXISTS, SFS_ERR_NAME,
 * SFS_ERR_WRONG_KIND.
 */
int fs_schema_create(struct fs *fs, struct sfs_span file, uint64_t *ret_node);
/** Node of such a definition by class name. Returns 0 or SFS_ERR_NOT_FOUND. */
int fs_schema_find(struct fs *fs, struct sfs_span class_name, uint64_t *ret_node);
/** Its class name by node. Returns 0 or SFS_ERR_NOT_FOUND. */
int fs_schema_peek(struct fs *fs, uint64_t node, char ret[SFS_CLASS_NAME_MAX + 1]);

/** Apply the draft of a handle if it changed. @mode, @uid, @gid of a class that it makes. */
int fs_schema_save(struct fs *fs, struct fs_handle *handle);
/** The handle is closed: an empty new definition makes a class without rules. */
void fs_schema_close(struct fs *fs, struct fs_handle *handle);

#endif
