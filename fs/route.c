/*
 * The table of handlers. What is in a backup goes to the same handlers as everything else, with the
 * struct fs of that backup (backups.h); what would change something there is refused here. Of nodes of the
 * live store this costs a comparison.
 */
#include <fcntl.h>
#include "backups.h"
#include "op.h"
#include "view.h"

#define REFUSAL "a backup does not change: copy it out of .storefs/backups, and change the copy"

_Thread_local struct fs *fs_visited;

/** The request was replied to, so it is no more. */
static void depart(struct fs_backup *backup)
{
	if (!backup)
		return;
	fs_visited = NULL;
	fs_backups_leave(backup);
}

/** Go where a node is. False: it is gone, or can not be opened, and that was replied. */
static bool arrive_away(fuse_req_t req, fuse_ino_t *node, struct fs_backup **ret)
{
	uint64_t inside = *node;
	int err = fs_backups_enter(fuse_req_userdata(req), &inside, ret);
	if (err < 0) {
		/* What there is to say was said where it was found out. */
		fuse_reply_err(req, err == SFS_ERR_NOT_FOUND ? ESTALE : fs_errno(err));
		return false;
	}
	if (!*ret)
		return true;
	fs_visited = fs_backup_fs(*ret);
	*node = inside;
	return true;
}

/** The same with a node of any kind, which becomes the one that the handler knows. depart() must follow. */
static inline bool arrive(fuse_req_t req, fuse_ino_t *node, struct fs_backup **ret)
{
	*ret = NULL;
	return fs_node_slot(*node) < FS_SLOT_FIRST || arrive_away(req, node, ret);
}

/** The same for what is asked of a directory: that of a backup is one of the live store, its content is not. */
static inline bool arrive_in(fuse_req_t req, fuse_ino_t *dir, struct fs_backup **ret)
{
	*ret = NULL;
	return !fs_node_leads_away(*dir) || arrive_away(req, dir, ret);
}

/* --- what would change something --- */

/** @name  in the directory node, or NULL: the node itself. */
static void refuse(fuse_req_t req, enum fs_request kind, fuse_ino_t node, const char *name)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_begin(req, kind);
	if (name)
		fs_refusal_name(node, name);
	else
		fs_refusal_node(node);
	if (kind == FS_REQUEST_OPEN)
		fs_refusal_operation("open");
	fs_refusal_because(REFUSAL);
	fs_reply_errno(req, EROFS);
	depart(backup);
}

static void route_setattr(fuse_req_t req, fuse_ino_t node, struct stat *attr, int mask,
			  struct fuse_file_info *fi)
{
	if (fs_node_leads_away(node))
		refuse(req, FS_REQUEST_SETATTR, node, NULL);
	else
		fs_op_setattr(req, node, attr, mask, fi);
}

static void route_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			dev_t rdev)
{
	if (fs_node_leads_away(parent))
		refuse(req, FS_REQUEST_MKNOD, parent, name);
	else
		fs_op_mknod(req, parent, name, mode, rdev);
}

static void route_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	if (fs_node_leads_away(parent))
		refuse(req, FS_REQUEST_MKDIR, parent, name);
	else
		fs_op_mkdir(req, parent, name, mode);
}

static void route_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	if (fs_node_leads_away(parent))
		refuse(req, FS_REQUEST_SYMLINK, parent, name);
	else
		fs_op_symlink(req, target, parent, name);
}

static void route_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char *name)
{
	if (fs_node_leads_away(parent))
		refuse(req, FS_REQUEST_LINK, parent, name);
	else if (fs_node_leads_away(node))
		refuse(req, FS_REQUEST_LINK, node, NULL);
	else
		fs_op_link(req, node, parent, name);
}

static void route_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (fs_node_leads_away(parent))
		refuse(req, FS_REQUEST_UNLINK, parent, name);
	else
		fs_op_unlink(req, parent, name);
}

static void route_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (fs_node_leads_away(parent))
		refuse(req, FS_REQUEST_RMDIR, parent, name);
	else
		fs_op_rmdir(req, parent, name);
}

static void route_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
			 const char *new_name, unsigned flags)
{
	if (fs_node_leads_away(parent))
		refuse(req, FS_REQUEST_RENAME, parent, name);
	else if (fs_node_leads_away(new_parent))
		refuse(req, FS_REQUEST_RENAME, new_parent, new_name);
	else
		fs_op_rename(req, parent, name, new_parent, new_name, flags);
}

static void route_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			 struct fuse_file_info *fi)
{
	if (fs_node_leads_away(parent))
		refuse(req, FS_REQUEST_CREATE, parent, name);
	else
		fs_op_create(req, parent, name, mode, fi);
}

static void route_setxattr(fuse_req_t req, fuse_ino_t node, const char *name, const char *value,
			   size_t size, int flags)
{
	if (fs_node_leads_away(node))
		refuse(req, FS_REQUEST_SETXATTR, node, NULL);
	else
		fs_op_setxattr(req, node, name, value, size, flags);
}

static void route_removexattr(fuse_req_t req, fuse_ino_t node, const char *name)
{
	if (fs_node_leads_away(node))
		refuse(req, FS_REQUEST_REMOVEXATTR, node, NULL);
	else
		fs_op_removexattr(req, node, name);
}

/* --- what reads; writing, fallocate and copying into need a file that is open for writing: it is live --- */

static void route_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_backup *backup;
	if (!arrive_in(req, &parent, &backup))
		return;
	fs_op_lookup(req, parent, name);
	depart(backup);
}

static void route_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_op_getattr(req, node, fi);
	depart(backup);
}

static void route_readlink(fuse_req_t req, fuse_ino_t node)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_op_readlink(req, node);
	depart(backup);
}

static void route_statfs(fuse_req_t req, fuse_ino_t node)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_op_statfs(req, node);
	depart(backup);
}

static void route_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs_backup *backup;
	bool away = fs_node_slot(node) >= FS_SLOT_FIRST;
	if (away && ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC))) {
		refuse(req, FS_REQUEST_OPEN, node, NULL);
		return;
	}
	if (!arrive(req, &node, &backup))
		return;
	fs_op_open(req, node, fi);
	depart(backup);
}

static void route_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_op_read(req, node, size, off, fi);
	depart(backup);
}

static void route_flush(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	if (fs_node_slot(node) >= FS_SLOT_FIRST)
		fuse_reply_err(req, 0);
	else
		fs_op_flush(req, node, fi);
}

/** What is in a backup is on the disk. */
static void route_fsync(fuse_req_t req, fuse_ino_t node, int only_data, struct fuse_file_info *fi)
{
	if (fs_node_slot(node) >= FS_SLOT_FIRST)
		fuse_reply_err(req, 0);
	else
		fs_op_fsync(req, node, only_data, fi);
}

static void route_fsyncdir(fuse_req_t req, fuse_ino_t node, int only_data,
			   struct fuse_file_info *fi)
{
	if (fs_node_leads_away(node))
		fuse_reply_err(req, 0);
	else
		fs_op_fsyncdir(req, node, only_data, fi);
}

static void route_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_op_release(req, node, fi);
	depart(backup);
}

static void route_lseek(fuse_req_t req, fuse_ino_t node, off_t off, int whence,
			struct fuse_file_info *fi)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_op_lseek(req, node, off, whence, fi);
	depart(backup);
}

static void route_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs_backup *backup;
	if (!arrive_in(req, &node, &backup))
		return;
	fs_op_opendir(req, node, fi);
	depart(backup);
}

static void route_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
			  struct fuse_file_info *fi)
{
	struct fs_backup *backup;
	if (!arrive_in(req, &node, &backup))
		return;
	fs_op_readdir(req, node, size, off, fi);
	depart(backup);
}

static void route_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
			      struct fuse_file_info *fi)
{
	struct fs_backup *backup;
	if (!arrive_in(req, &node, &backup))
		return;
	fs_op_readdirplus(req, node, size, off, fi);
	depart(backup);
}

/** The directory of a backup itself needs no handle: so the live one gives back nothing. */
static void route_releasedir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_op_releasedir(req, node, fi);
	depart(backup);
}

static void route_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_op_getxattr(req, node, name, size);
	depart(backup);
}

static void route_listxattr(fuse_req_t req, fuse_ino_t node, size_t size)
{
	struct fs_backup *backup;
	if (!arrive(req, &node, &backup))
		return;
	fs_op_listxattr(req, node, size);
	depart(backup);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = fs_op_init,
	.lookup = route_lookup,
	.forget = fs_op_forget,
	.forget_multi = fs_op_forget_multi,
	.getattr = route_getattr,
	.setattr = route_setattr,
	.readlink = route_readlink,
	.statfs = route_statfs,
	.mknod = route_mknod,
	.mkdir = route_mkdir,
	.symlink = route_symlink,
	.link = route_link,
	.unlink = route_unlink,
	.rmdir = route_rmdir,
	.rename = route_rename,
	.open = route_open,
	.create = route_create,
	.read = route_read,
	.write_buf = fs_op_write_buf,
	.flush = route_flush,
	.fsync = route_fsync,
	.release = route_release,
	.fallocate = fs_op_fallocate,
	.lseek = route_lseek,
	.copy_file_range = fs_op_copy_file_range,
	.opendir = route_opendir,
	.readdir = route_readdir,
	.readdirplus = route_readdirplus,
	.releasedir = route_releasedir,
	.fsyncdir = route_fsyncdir,
	.setxattr = route_setxattr,
	.getxattr = route_getxattr,
	.listxattr = route_listxattr,
	.removexattr = route_removexattr,
};
