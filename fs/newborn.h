/*
 * Newborns: objects that were created by open(2) and not saved yet. They exist in this mount only,
 * as fs_open with newborn set, under an inode number that stays theirs when they are saved.
 */
#ifndef FS_NEWBORN_H
#define FS_NEWBORN_H

#include "handle.h"

/** What a new object gets. */
struct fs_birth {
	uint32_t class_id;
	struct sfs_span oid;
	uint32_t mode, uid, gid;
	bool name_known; /* it is created under its primary name */
};

/**
 * Make one. *ret comes with a reference.
 * Returns 0, SFS_ERR_EXISTS (a newborn has that oid), SFS_ERR_NO_MEMORY or the engine's error.
 */
int fs_newborn_create(struct fs *fs, const struct fs_birth *birth, struct fs_open **ret);

/** Attributes by oid. Returns 0 or SFS_ERR_NOT_FOUND. */
int fs_newborn_find(struct fs *fs, uint32_t class_id, struct sfs_span oid, struct sfs_attr *ret);

/** The newborn of an oid, with a reference, or NULL. */
struct fs_open *fs_newborn_get(struct fs *fs, uint32_t class_id, struct sfs_span oid);

/** Has the class any? */
bool fs_newborn_any(struct fs *fs, uint32_t class_id);

/**
 * The next newborn of a class in order of serials.
 * @after  a serial, 0 for the first.
 * @oid    empty buffer, the caller's.
 * Returns 0, SFS_ERR_NOT_FOUND at the end, SFS_ERR_NO_MEMORY.
 */
int fs_newborn_next(struct fs *fs, uint32_t class_id, uint64_t after, struct sfs_attr *ret,
		    struct sfs_buf *oid);

/**
 * It is one no longer. @removed  saves of its handles go nowhere from now on. open->save is held.
 */
void fs_newborn_end(struct fs *fs, struct fs_open *open, bool removed);

/** Give it another oid; open->save is held. Returns 0 or SFS_ERR_NO_MEMORY. */
int fs_newborn_rename(struct fs *fs, struct fs_open *open, struct sfs_span oid);

/** Change mode, owner and times. */
void fs_newborn_set(struct fs *fs, struct fs_open *open, const struct sfs_setattr *set);

#endif
