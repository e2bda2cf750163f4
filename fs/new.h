/*
 * CLASS/.new: writing it makes an object under a new oid, reading it gives the name of the object
 * that was made last. By whom? By the process that reads, or by one that is near to it; else by
 * its user. Knows no FUSE.
 */
#ifndef FS_NEW_H
#define FS_NEW_H

#include "attr.h"

#define FS_NEW_NAME ".new"
#define FS_NEW_MODE 0644u

int fs_new_start(struct fs *fs);
void fs_new_stop(struct fs *fs);

static inline uint64_t fs_new_node(uint32_t class_id)
{
	return fs_node_make(FS_VIEW_SCHEMA, sfs_ino_make(class_id, FS_SERIAL_NEW));
}

/** Remember what was made, and by whom. */
void fs_new_made(struct fs *fs, uint32_t class_id, const char *oid, pid_t pid, uid_t uid);

/**
 * Append the name of the last object that pid made, as a line; nothing when there is none.
 * Errors of sfs_buf_append().
 */
int fs_new_text(struct fs *fs, uint64_t node, pid_t pid, struct sfs_buf *ret);

/** Attributes as pid sees them; of a handle that makes an object those of its draft. */
int fs_new_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
		struct fs_found *ret);

/**
 * What cp -p sets while pid has it open is for the object that it makes. Otherwise times are taken and
 * have no effect, and nothing else can be set.
 */
int fs_new_set(struct fs *fs, uint64_t node, pid_t pid, const struct sfs_setattr *set);

#endif
