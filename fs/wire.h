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

/** In use on this mount; struct fs, features. */
enum fs_feature {
	/* The daemon drops set-id bits; the kernel does not look for them before each write. */
	FS_FEATURE_KILLPRIV = 1u << 0,
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

#endif
