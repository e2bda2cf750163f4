/*
 * Relations of an object in its directory: a symlink for a relation to one, a directory of symlinks
 * for a relation to many, and .referrers, who refers to it (docs/fields.md).
 */
#ifndef FS_RELATION_H
#define FS_RELATION_H

#include "view.h"

/** Does the class of an object declare a relation of this name? */
bool fs_relation_is(struct fs *fs, const struct fs_view *object, struct sfs_span property);

/**
 * What the name of a relation means in the directory of an object.
 * @name  of the file; @property  what it means. SFS_ERR_NOT_FOUND: the relation leads to nothing.
 */
int fs_relation_find(struct fs *fs, const struct fs_view *object, struct sfs_span property,
		     struct fs_view_spec *ret);

/** Number of relations to many: each is a directory. */
uint32_t fs_relation_dirs(struct fs *fs, const struct fs_view *object);

/** List relations, each under a cookie from base on. */
int fs_relation_list(struct fs *fs, const struct fs_view *object, uint64_t after, uint64_t base,
		     fs_view_list_fn *fn, void *arg);

/**
 * Set a relation to one, or replace what it leads to.
 * @target  text of a symlink in the directory dir.
 */
int fs_relation_set(struct fs *fs, const struct fs_view *object, struct sfs_span property,
		    struct sfs_span target, bool replace);
/** A relation to one leads to nothing; of one to many SFS_ERR_IS_DIR. */
int fs_relation_unlink(struct fs *fs, const struct fs_view *object, struct sfs_span property);

/** .referrers in the directory of an object. */
#define FS_REFERRERS_NAME ".referrers"
extern const struct fs_view_ops fs_referrers_ops;

/* --- shared by relation.c and referrers.c --- */

/** A symlink to an object or raw. Its id is a key, a NUL, and where it leads. */
extern const struct fs_view_ops fs_relation_link_ops;

/** Attributes of the object or raw that a view is of: its id is the oid. */
int fs_relation_holder(struct fs *fs, const struct fs_view *object, struct sfs_attr *ret);

/**
 * Fill in a symlink to an object or raw.
 * @key   what it is called in its directory. @depth  directories from there up to the mount point.
 */
int fs_relation_link(struct fs *fs, const char *class_name, bool object, struct sfs_span oid,
		     struct sfs_span key, unsigned depth, struct fs_view_spec *ret);

#endif
