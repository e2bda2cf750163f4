/*
 * Handlers of requests: what all of them need. Each handler decodes, makes one call below,
 * and replies exactly once on every path, holding no lock.
 */
#ifndef FS_OP_H
#define FS_OP_H

#include <errno.h>
#include <fuse_lowlevel.h>
#include "daemon.h"
#include "fs_errno.h"
#include "loop.h"
#include "notify.h"
#include "place.h"
#include "refusal.h"

/** The backup that the request of this thread is about; NULL: none. route.c alone sets it. */
extern _Thread_local struct fs *fs_visited;

/** What a request is about: the daemon's store, or a backup. */
static inline struct fs *fs_of(fuse_req_t req)
{
	return fs_visited ? fs_visited : fuse_req_userdata(req);
}

/** Count a request and give its daemon. */
static inline struct fs *fs_begin(fuse_req_t req, enum fs_request kind)
{
	struct fs *fs = fuse_req_userdata(req);
	atomic_fetch_add_explicit(&fs->requests[kind], 1, memory_order_relaxed);
	fs_refusal_begin(kind);
	return fs_visited ? fs_visited : fs;
}

/** The same for a request about a name, or about a node. */
static inline struct fs *fs_begin_name(fuse_req_t req, enum fs_request kind, uint64_t dir,
				       const char *name)
{
	struct fs *fs = fs_begin(req, kind);
	fs_refusal_name(dir, name);
	return fs;
}

static inline struct fs *fs_begin_node(fuse_req_t req, enum fs_request kind, uint64_t node)
{
	struct fs *fs = fs_begin(req, kind);
	fs_refusal_node(node);
	return fs;
}

static inline pid_t fs_pid(fuse_req_t req)
{
	return fuse_req_ctx(req)->pid;
}

/*
 * Errors are replied by these functions alone: they also leave the line in errors.ndjson
 * (refusal.h says which do).
 */

/** Reply with an errno, or 0. */
void fs_reply_errno(fuse_req_t req, int error);
/** Reply with an engine error (or success); faults are logged once, here. */
void fs_reply(fuse_req_t req, int err);
/** The same where too long can only be a name. */
void fs_reply_name(fuse_req_t req, int err);
/**
 * The same for a node id: one that is gone is stale, so that the kernel looks its name up again.
 */
void fs_reply_node(fuse_req_t req, int err);

/** A node and its attributes in the form of libfuse. */
void fs_entry_fill(const struct fs *fs, const struct fs_found *found, struct fuse_entry_param *ret);
void fs_reply_found(fuse_req_t req, const struct fs_found *found);
void fs_reply_attr(fuse_req_t req, const struct fs_found *found);
/** Find what was just made at a place and reply with it, or with err. */
void fs_reply_made(fuse_req_t req, const struct fs_place *place, int err);

/** Who owns what a request makes in a directory. */
struct fs_owner {
	uint32_t uid, gid;
	bool set_gid; /* directories inherit the bit */
};
struct fs_owner fs_owner_in(fuse_req_t req, uint64_t dir);

/* The mark of a handler that changes one or two names. */
#define FS_MARK_NAME(place) \
	((struct fs_mark){ .names = { { .dir = (place)->dir, .name = (place)->name } } })

extern const struct fuse_lowlevel_ops fs_ops;

/* op.c */
void fs_op_init(void *userdata, struct fuse_conn_info *conn);

/* op_node.c */
void fs_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_op_forget(fuse_req_t req, fuse_ino_t node, uint64_t count);
void fs_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void fs_op_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void fs_op_setattr(fuse_req_t req, fuse_ino_t node, struct stat *attr, int mask,
		   struct fuse_file_info *fi);
void fs_op_readlink(fuse_req_t req, fuse_ino_t node);
void fs_op_statfs(fuse_req_t req, fuse_ino_t node);

/* op_tree.c */
void fs_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void fs_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void fs_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void fs_op_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char *name);
void fs_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);

/* op_rename.c */
void fs_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		  const char *new_name, unsigned flags);

/* op_open.c */
void fs_op_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void fs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		  struct fuse_file_info *fi);
/** Open a node for a handler. *ret is attached; fi gets its cache flags. */
int fs_open_node(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
		 struct fs_handle **ret);

/* op_file.c */
void fs_op_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi);
void fs_op_write_buf(fuse_req_t req, fuse_ino_t node, struct fuse_bufvec *in, off_t off,
		     struct fuse_file_info *fi);
void fs_op_flush(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void fs_op_fsync(fuse_req_t req, fuse_ino_t node, int only_data, struct fuse_file_info *fi);
void fs_op_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);

/* op_raw.c */
void fs_op_fallocate(fuse_req_t req, fuse_ino_t node, int mode, off_t off, off_t len,
		     struct fuse_file_info *fi);
void fs_op_lseek(fuse_req_t req, fuse_ino_t node, off_t off, int whence, struct fuse_file_info *fi);
void fs_op_copy_file_range(fuse_req_t req, fuse_ino_t node_in, off_t off_in,
			   struct fuse_file_info *fi_in, fuse_ino_t node_out, off_t off_out,
			   struct fuse_file_info *fi_out, size_t len, int flags);

/* op_dir.c */
void fs_op_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void fs_op_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
		   struct fuse_file_info *fi);
void fs_op_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
		       struct fuse_file_info *fi);
void fs_op_releasedir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void fs_op_fsyncdir(fuse_req_t req, fuse_ino_t node, int only_data, struct fuse_file_info *fi);

/* op_xattr.c */
void fs_op_setxattr(fuse_req_t req, fuse_ino_t node, const char *name, const char *value,
		    size_t size, int flags);
void fs_op_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size);
void fs_op_listxattr(fuse_req_t req, fuse_ino_t node, size_t size);
void fs_op_removexattr(fuse_req_t req, fuse_ino_t node, const char *name);

#endif
