/*
 * The first handshake with the kernel, and replies. The handlers are in op_*.c, their table is in route.c.
 */
#include "op.h"
#include "view_trash.h"
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
		fs_refusal_add(fs_of(req), error);
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
	/* Removed while somebody was about to change it: the name that it was reached by is gone. */
	if (err == SFS_ERR_READ_ONLY && fs_view_trash_is_stale(fs_of(req), fs_refusal_about()))
		err = SFS_ERR_NOT_FOUND;
	fs_reply_errno(req, err == SFS_ERR_NOT_FOUND ? ESTALE : fs_errno(err));
}

static double time_to_keep(const struct fs *fs, uint64_t node, bool keep)
{
	if (keep)
		return fs->policy.forever;
	return fs_node_is_door(node) ? fs->policy.brief : fs->policy.never;
}

void fs_entry_fill(const struct fs *fs, const struct fs_found *found, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){
		.ino = found->node | fs->slot,
		.generation = 1,
		.attr = found->stat,
		.attr_timeout = time_to_keep(fs, found->node, found->keep_attr),
		.entry_timeout = time_to_keep(fs, found->node, found->keep_entry),
	};
	ret->attr.st_ino = fs_number(fs, found->stat.st_ino);
}

void fs_reply_found(fuse_req_t req, const struct fs_found *found)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param entry;
	uint64_t node = found->node;
	fs_entry_fill(fs, found, &entry);
	/* A reply that nobody got is not forgotten by the kernel. */
	if (fuse_reply_entry(req, &entry) != 0)
		fs_view_forget(fs, node, 1);
	else if (fs->slot)
		atomic_fetch_add(&fs->known, 1);
}

void fs_reply_attr(fuse_req_t req, const struct fs_found *found)
{
	const struct fs *fs = fs_of(req);
	struct stat stat = found->stat;
	stat.st_ino = fs_number(fs, stat.st_ino);
	fuse_reply_attr(req, &stat, time_to_keep(fs, found->node, found->keep_attr));
}

void fs_reply_made(fuse_req_t req, const struct fs_place *place, int err)
{
	struct fs *fs = fs_of(req);
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
	struct fs *fs = fs_of(req);
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

void fs_op_init(void *userdata, struct fuse_conn_info *conn)
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
