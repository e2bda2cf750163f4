/*
 * Attributes of nodes: reading them exactly, and changing them. Knows no FUSE.
 */
#ifndef FS_ATTR_H
#define FS_ATTR_H

#include "handle.h"

/** A node as a reply needs it. */
struct fs_found {
	uint64_t node;
	struct stat stat;
	bool keep_entry; /* the kernel may keep the name for ever */
	bool keep_attr;  /* … and the attributes */
};

/**
 * Attributes of a node.
 * @handle  the open file that asks, or NULL. @pid  who asks, 0: nobody in particular.
 * Returns 0, SFS_ERR_NOT_FOUND (the node is gone) or an error of the store. keep_entry is not set.
 */
int fs_attr_load(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
		 struct fs_found *ret);

/**
 * Fill found for an object that was looked up by name, with the node to use for it (see
 * FS_NODE_AGAIN).
 * @sequence  was taken before the attributes were read.
 */
void fs_attr_object(struct fs *fs, uint64_t node, struct sfs_attr *attr, uint64_t sequence,
		    pid_t pid, struct fs_found *ret);

/** Fill found for anything else of a class. */
void fs_attr_thing(struct fs *fs, const struct sfs_attr *attr, uint64_t sequence,
		   struct fs_found *ret);

/**
 * Change attributes of a node. Errors of fs_attr_load(), SFS_ERR_BAD_DOCUMENT (cutting a document
 * so that it is none any more), SFS_ERR_WRONG_KIND (a virtual file) and the errors of a commit.
 */
int fs_attr_set(struct fs *fs, uint64_t node, struct fs_handle *handle, pid_t pid,
		const struct sfs_setattr *set);

#endif
