/*
 * The table of handlers, the first handshake with the kernel, and replies. The handlers themselves
 * are in op_*.c.
 */
#include "op.h"
#include "view.h"
#include "wire.h"

/** A fault of the store is worth a line; what a caller did wrong is not. */
static void log_fault(int err)
{
	if (err <= SFS_ERR_IO && err != SFS_ERR_NO_SPACE && err != SFS_ERR_PERMISSION)
		fs_log(LOG_ERR, "request failed: %s", sfs_err_text(err));
}

void fs_reply_errno(fuse_req_t req, int error)
{
	if (error)
		fs_refusal_add(fuse_req_userdata(req), error);
	fuse_reply_err(req, error);
}

void fs_reply(fuse_req_t req, int err)
{
	log_fault(err);
	fs_reply_errno(req, fs_errno(err));
}

void fs_reply_name(fuse_req_t req, int err)
{
	log_fault(err);
	fs_reply_errno(req, fs_errno_name(err));
}

void fs_reply_node(fuse_req_t req, int err)
{
	log_fault(err);
	fs_reply_errno(req, err == SFS_ERR_NOT_FOUND ? ESTALE : fs_errno(err));
}

void fs_entry_fill(const struct fs *fs, const struct fs_found *found, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){
		.ino = found->node,
		.generation = 1,
		.attr = found->stat,
		.attr_timeout = found->keep_attr ? fs->policy.forever : fs->policy.never,
		.entry_timeout = found->keep_entry ? fs->policy.forever : fs->policy.never,
	};
}

void fs_reply_found(fuse_req_t req, const struct fs_found *found)
{
	struct fs *fs = fuse_req_userdata(req);
	struct fuse_entry_param entry;
	uint64_t node = found->node;
	fs_entry_fill(fs, found, &entry);
	/* A reply that nobody got is not forgotten by the kernel. */
	if (fuse_reply_entry(req, &entry) != 0)
		fs_view_forget(fs, node, 1);
}

void fs_reply_attr(fuse_req_t req, const struct fs_found *found)
{
	const struct fs *fs = fuse_req_userdata(req);
	fuse_reply_attr(req, &found->stat,
			found->keep_attr ? fs->policy.forever : fs->policy.never);
}

void fs_reply_made(fuse_req_t req, const struct fs_place *place, int err)
{
	struct fs *fs = fuse_req_userdata(req);
	struct fs_found found;
	if (!err)
		err = fs_place_find(fs, place, fs_pid(req), &found);
	if (err < 0)
		fs_reply_name(req, err);
	else
		fs_reply_found(req, &found);
}

struct fs_owner fs_owner_in(fuse_req_t req, uint64_t dir)
{
	struct fs *fs = fuse_req_userdata(req);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct fs_owner owner = { .uid = ctx->uid, .gid = ctx->gid };
	struct sfs_attr attr;
	if (sfs_raw_stat(fs->store, fs_node_ino(dir), &attr) == 0 && (attr.mode & S_ISGID)) {
		owner.gid = attr.gid;
		owner.set_gid = true;
	}
	return owner;
}

/* --- the handshake --- */

static void want(struct fuse_conn_info *conn, unsigned capability)
{
#ifdef HAVE_FUSE_SET_FEATURE_FLAG
	fuse_set_feature_flag(conn, capability);
#else
	conn->want |= conn->capable & capability;
#endif
}

static void refuse(struct fuse_conn_info *conn, unsigned capability)
{
#ifdef HAVE_FUSE_SET_FEATURE_FLAG
	fuse_unset_feature_flag(conn, capability);
#else
	conn->want &= ~capability;
#endif
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	static const unsigned wanted[] = {
		FUSE_CAP_AUTO_INVAL_DATA, FUSE_CAP_ATOMIC_O_TRUNC, FUSE_CAP_PARALLEL_DIROPS,
		FUSE_CAP_CACHE_SYMLINKS,  FUSE_CAP_READDIRPLUS,    FUSE_CAP_READDIRPLUS_AUTO,
		FUSE_CAP_SPLICE_WRITE,    FUSE_CAP_ASYNC_READ,
	};
	/* The kernel drops setuid bits itself; requests are read, not spliced: most are small. */
	static const unsigned refused[] = {
		FUSE_CAP_WRITEBACK_CACHE, FUSE_CAP_SPLICE_READ,     FUSE_CAP_SPLICE_MOVE,
		FUSE_CAP_EXPORT_SUPPORT,  FUSE_CAP_HANDLE_KILLPRIV,
	};
	struct fs *fs = userdata;
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		want(conn, wanted[i]);
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		refuse(conn, refused[i]);
	fs_wire_negotiate(fs, conn);
	if (conn->max_write > fs->policy.max_write)
		conn->max_write = fs->policy.max_write;
#ifdef HAVE_FUSE_SET_FEATURE_FLAG
	atomic_store(&fs->capabilities, (unsigned)(conn->want_ext & conn->capable_ext));
#else
	atomic_store(&fs->capabilities, conn->want & conn->capable);
#endif
	atomic_store(&fs->ready, true);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = op_init,
	.lookup = fs_op_lookup,
	.forget = fs_op_forget,
	.forget_multi = fs_op_forget_multi,
	.getattr = fs_op_getattr,
	.setattr = fs_op_setattr,
	.readlink = fs_op_readlink,
	.statfs = fs_op_statfs,
	.mknod = fs_op_mknod,
	.mkdir = fs_op_mkdir,
	.symlink = fs_op_symlink,
	.link = fs_op_link,
	.unlink = fs_op_unlink,
	.rmdir = fs_op_rmdir,
	.rename = fs_op_rename,
	.open = fs_op_open,
	.create = fs_op_create,
	.read = fs_op_read,
	.write_buf = fs_op_write_buf,
	.flush = fs_op_flush,
	.fsync = fs_op_fsync,
	.release = fs_op_release,
	.fallocate = fs_op_fallocate,
	.lseek = fs_op_lseek,
	.copy_file_range = fs_op_copy_file_range,
	.opendir = fs_op_opendir,
	.readdir = fs_op_readdir,
	.readdirplus = fs_op_readdirplus,
	.releasedir = fs_op_releasedir,
	.fsyncdir = fs_op_fsyncdir,
	.setxattr = fs_op_setxattr,
	.getxattr = fs_op_getxattr,
	.listxattr = fs_op_listxattr,
	.removexattr = fs_op_removexattr,
};
