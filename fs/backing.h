/*
 * Pass-through: which raws the kernel reads and writes itself, in their plain files, and which go
 * through the daemon. docs/raw.md is for users.
 *
 * All opens of a file at a time must go the same way, or the kernel refuses them with EIO. So the way
 * belongs to the file as long as it is open; a file of which pages are in the page cache is one that goes
 * through the daemon.
 *
 * The kernel knows of a write that it passed on, and asks for the attributes again. It does not know of a
 * write through a shared mapping, and such a mapping outlives its descriptor; so as long as there can be one the
 * kernel must not keep the attributes.
 */
#ifndef FS_BACKING_H
#define FS_BACKING_H

#include "handle.h"

struct fuse_file_info;

/** After the handshake with the kernel. */
int fs_backing_start(struct fs *fs);
void fs_backing_stop(struct fs *fs);

/**
 * Choose the way of a raw that was opened (handle->raw), and what the kernel may cache of it.
 * Returns 0 or SFS_ERR_NO_MEMORY.
 */
int fs_backing_open(struct fs *fs, struct fs_handle *handle, struct fuse_file_info *fi);
/** The same handle is going; closes handle->raw. */
void fs_backing_close(struct fs *fs, struct fs_handle *handle);

/** May the kernel keep attributes of this node that were read before? */
bool fs_backing_is_quiet(struct fs *fs, uint64_t node);

/**
 * The kernel forgot a node: what a shared mapping left is over, and nobody may ever ask for its attributes
 * again.
 */
void fs_backing_forget(struct fs *fs, uint64_t node);

/** Does new work pass through? *ret_why: why, or why not, as a sentence without an end. */
bool fs_backing_is_used(const struct fs *fs, const char **ret_why);
/** How many opens passed through so far. */
uint64_t fs_backing_count(const struct fs *fs);

#endif
