/*
 * What the kernel offers and older releases of libfuse do not: the flags of the first handshake
 * that the library has no names for, and bits of requests that it does not hand on. Where the
 * library has an interface of its own, that is used.
 */
#ifndef FS_WIRE_H
#define FS_WIRE_H

#include <stdbool.h>

struct fs;
struct fuse_conn_info;
struct fuse_file_info;

/** In use on this mount; struct fs, features. */
enum fs_feature {
	/* The daemon drops set-id bits; the kernel does not look for them before each write. */
	FS_FEATURE_KILLPRIV = 1u << 0,
	/* The kernel reads and writes plain files itself. */
	FS_FEATURE_PASS = 1u << 1,
};

/** See the requests of a session that is mounted, before its first one. Returns 0 or -1. */
int fs_wire_start(struct fs *fs);

/** In the handler of INIT: ask for all features that the kernel offers. */
void fs_wire_negotiate(struct fs *fs, struct fuse_conn_info *conn);

/**
 * Does the request that this thread handles come with the order to drop set-id bits? The kernel
 * says so for who has no CAP_FSETID, and for each change of an owner.
 */
bool fs_wire_drops_privileges(void);

/*
 * Pass-through (FS_FEATURE_PASS): a plain file is registered with the kernel, and an open that is
 * replied with its id reads and writes that file without the daemon.
 */

/** Register. Returns an id (> 0), or -errno: EPERM (not allowed), ELOOP (on a stacked file system). */
int fs_wire_register(struct fs *fs, int fd);
/** What has it open keeps it. */
void fs_wire_unregister(struct fs *fs, int id);
/** The open that this thread handles passes through; call before the reply. */
void fs_wire_pass(struct fuse_file_info *fi, int id);

#endif
