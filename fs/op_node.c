/*
 * Handlers for what is known of a node: its name, its attributes, the target of a symlink; and df.
 */
#include "backing.h"
#include "backups.h"
#include "op.h"
#include "privilege.h"
#include "view.h"
#include "wire.h"

void fs_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_begin_name(req, FS_REQUEST_LOOKUP, parent, name);
	struct fs_place place;
	struct fs_found found;
	int err = fs_place_resolve(fs, parent, name, &place);
	bool resolved = !err;
	if (!err)
		err = fs_place_find(fs, &place, fs_pid(req), &found);
	if (err == SFS_ERR_NOT_FOUND && resolved)
		err = fs_view_root(fs, parent, place.name, fs_pid(req), &found);
	if (!err) {
		fs_reply_found(req, &found);
	} else if (err == SFS_ERR_NOT_FOUND && resolved && place.keep_missing) {
		struct fuse_entry_param nothing = { .entry_timeout = fs->policy.forever };
		fuse_reply_entry(req, &nothing);
	} else {
		fs_reply_name(req, err);
	}
}

/** The kernel lets go of a node: also of a directory that was removed while somebody was in it. */
static void forget(struct fs *fs, uint64_t node, uint64_t count)
{
	if (fs_node_slot(node) >= FS_SLOT_FIRST) {
		fs_backups_forget(fs, node, count);
		return;
	}
	fs_view_forget(fs, node, count);
	if (fs_node_kind(node) != FS_NODE_THING)
		return;
	sfs_raw_forget(fs->store, fs_node_ino(node));
	fs_backing_forget(fs, node);
}

void fs_op_forget(fuse_req_t req, fuse_ino_t node, uint64_t count)
{
	struct fs *fs = fs_begin(req, FS_REQUEST_FORGET);
	forget(fs, node, count);
	fuse_reply_none(req);
}

void fs_op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct fs *fs = fs_begin(req, FS_REQUEST_FORGET);
	for (size_t i = 0; i < count; i++)
		forget(fs, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static struct fs_handle *handle_of(const struct fuse_file_info *fi)
{
	return fi ? fs_handle_of(fi->fh) : NULL;
}

void fs_op_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_GETATTR, node);
	struct fs_found found;
	int err = fs_attr_load(fs, node, handle_of(fi), fs_pid(req), &found);
	if (err < 0)
		fs_reply_node(req, err);
	else
		fs_reply_attr(req, &found);
}

static int64_t time_ns(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/** Seconds that fit into nanoseconds of 64 bits. */
static bool time_fits(const struct timespec *time)
{
	return time->tv_sec < INT64_MAX / 1000000000 && time->tv_sec > INT64_MIN / 1000000000;
}

static int decode_set(const struct stat *attr, int mask, struct sfs_setattr *ret)
{
	int64_t now = fs_now_ns();
	*ret = (struct sfs_setattr){
		.mode = attr->st_mode & 07777,
		.uid = attr->st_uid,
		.gid = attr->st_gid,
		.size = (uint64_t)attr->st_size,
	};
	if (mask & FUSE_SET_ATTR_MODE)
		ret->mask |= SFS_SET_MODE;
	if (mask & FUSE_SET_ATTR_UID)
		ret->mask |= SFS_SET_UID;
	if (mask & FUSE_SET_ATTR_GID)
		ret->mask |= SFS_SET_GID;
	if (mask & FUSE_SET_ATTR_SIZE)
		ret->mask |= SFS_SET_SIZE;
	if (mask & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))
		ret->mask |= SFS_SET_ATIME;
	if (mask & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
		ret->mask |= SFS_SET_MTIME;
	bool atime_now = mask & FUSE_SET_ATTR_ATIME_NOW, mtime_now = mask & FUSE_SET_ATTR_MTIME_NOW;
	if (((ret->mask & SFS_SET_ATIME) && !atime_now && !time_fits(&attr->st_atim)) ||
	    ((ret->mask & SFS_SET_MTIME) && !mtime_now && !time_fits(&attr->st_mtim)))
		return SFS_ERR_INVALID;
	if (ret->mask & SFS_SET_ATIME)
		ret->atime_ns = atime_now ? now : time_ns(&attr->st_atim);
	if (ret->mask & SFS_SET_MTIME)
		ret->mtime_ns = mtime_now ? now : time_ns(&attr->st_mtim);
	return attr->st_size < 0 && (mask & FUSE_SET_ATTR_SIZE) ? SFS_ERR_INVALID : 0;
}

void fs_op_setattr(fuse_req_t req, fuse_ino_t node, struct stat *attr, int mask,
		   struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_SETATTR, node);
	struct fs_handle *handle = handle_of(fi);
	struct sfs_setattr set;
	struct fs_found found;
	if (mask & FUSE_SET_ATTR_SIZE)
		fs_refusal_operation("truncate");
	int err = decode_set(attr, mask, &set);
	fs_loop_block_begin(fs->loop);
	if (!err && fs_wire_drops_privileges())
		err = fs_privilege_fold(fs, node, handle, fs_pid(req), &set);
	if (!err && set.mask)
		err = fs_attr_set(fs, node, handle, fs_pid(req), &set);
	if (!err)
		err = fs_attr_load(fs, node, handle, fs_pid(req), &found);
	fs_loop_block_end(fs->loop);
	if (err < 0)
		fs_reply_node(req, err);
	else
		fs_reply_attr(req, &found);
}

void fs_op_readlink(fuse_req_t req, fuse_ino_t node)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_READLINK, node);
	struct sfs_buf target = SFS_BUF_INIT;
	int err = fs_node_kind(node) == FS_NODE_VIEW
			  ? fs_view_readlink(fs, node, &target)
			  : sfs_raw_readlink(fs->store, fs_node_ino(node), &target);
	if (!err)
		err = sfs_buf_append(&target, "", 1);
	if (err < 0)
		fs_reply_node(req, err);
	else
		fuse_reply_readlink(req, target.data);
	sfs_buf_fini(&target);
}

void fs_op_statfs(fuse_req_t req, fuse_ino_t node)
{
	struct fs *fs = fs_begin(req, FS_REQUEST_STATFS);
	struct sfs_store_stat stat;
	(void)node;
	int err = sfs_store_stat(fs->store, &stat);
	if (err < 0) {
		fs_reply(req, err);
		return;
	}
	unsigned block = fs->policy.block_size;
	uint64_t files = stat.objects + stat.raws + stat.scratch;
	struct statvfs ret = {
		.f_bsize = block,
		.f_frsize = block,
		.f_namemax = SFS_NAME_MAX,
		.f_blocks = stat.fs_total / block,
		.f_bfree = stat.fs_free / block,
		.f_bavail = stat.fs_avail / block,
		.f_files = files + stat.fs_files_free,
		.f_ffree = stat.fs_files_free,
		.f_favail = stat.fs_files_free,
	};
	fuse_reply_statfs(req, &ret);
}
