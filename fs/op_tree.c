/*
 * Handlers that make and remove names: classes in the root, objects and everything else in classes.
 */
#include <storefs/relation.h>
#include "class_name.h"
#include "newborn.h"
#include "op.h"
#include "rejected.h"
#include "save.h"
#include "view.h"

/** Refuse to make something that only a class's directory tree can hold. */
static int check_raw(struct fs *fs, const struct fs_place *place)
{
	struct fs_found found;
	if (place->kind == FS_PLACE_RAW)
		return 0;
	if (place->kind == FS_PLACE_VIEW)
		return SFS_ERR_READ_ONLY;
	if (fs_place_find(fs, place, 0, &found) == 0)
		return SFS_ERR_EXISTS;
	return place->kind == FS_PLACE_REJECTED ? SFS_ERR_READ_ONLY : SFS_ERR_WRONG_KIND;
}

static int make_raw(fuse_req_t req, const struct fs_place *place, struct sfs_raw_make *make)
{
	struct fs *fs = fs_of(req);
	struct sfs_attr attr;
	int err = check_raw(fs, place);
	if (err < 0)
		return err;
	struct fs_owner owner = fs_owner_in(req, place->dir);
	make->uid = owner.uid;
	make->gid = owner.gid;
	if (owner.set_gid && make->type == SFS_NODE_DIR)
		make->mode |= S_ISGID;
	struct fs_mark mark = FS_MARK_NAME(place);
	fs_loop_block_begin(fs->loop);
	fs_mark_begin(&mark);
	err = sfs_raw_make(fs->store, fs_node_ino(place->dir), place->name, make, &attr);
	fs_mark_end();
	fs_loop_block_end(fs->loop);
	return err;
}

/** A new object without open(2): it is there, and empty, at once. */
static int make_object(fuse_req_t req, const struct fs_place *place, mode_t mode)
{
	struct fs *fs = fs_of(req);
	struct fs_owner owner = fs_owner_in(req, place->dir);
	struct fs_birth birth = {
		.class_id = place->class_id,
		.oid = fs_place_oid(place),
		.mode = mode & 07777,
		.uid = owner.uid,
		.gid = owner.gid,
		.name_known = place->keep,
	};
	struct fs_found found;
	struct fs_open *open;
	if (fs_place_find(fs, place, 0, &found) == 0)
		return SFS_ERR_EXISTS;
	int err = fs_newborn_create(fs, &birth, &open);
	if (err < 0)
		return err;
	fs_loop_block_begin(fs->loop);
	err = fs_save_settle(fs, open);
	fs_loop_block_end(fs->loop);
	fs_open_unref(fs, open);
	return err;
}

static int mknod_at(fuse_req_t req, const struct fs_place *place, mode_t mode)
{
	struct sfs_raw_make make = { .mode = mode & 07777 };
	if (place->kind == FS_PLACE_OBJECT && S_ISREG(mode))
		return make_object(req, place, mode);
	if (S_ISREG(mode))
		make.type = SFS_NODE_FILE;
	else if (S_ISFIFO(mode))
		make.type = SFS_NODE_FIFO;
	else if (S_ISSOCK(mode))
		make.type = SFS_NODE_SOCKET;
	else
		return SFS_ERR_WRONG_KIND; /* devices */
	return make_raw(req, place, &make);
}

void fs_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fs *fs = fs_begin_name(req, FS_REQUEST_MKNOD, parent, name);
	struct fs_place place;
	(void)rdev;
	int err = fs_place_resolve(fs, parent, name, &place);
	if (!err)
		err = mknod_at(req, &place, mode);
	fs_reply_made(req, &place, err);
}

static int make_class(fuse_req_t req, const struct fs_place *place, mode_t mode)
{
	struct fs *fs = fs_of(req);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct sfs_class_make make = {
		.name = place->name,
		.kind = SFS_CLASS_OBJECT,
		.mode = mode & 07777,
		.uid = ctx->uid,
		.gid = ctx->gid,
	};
	struct sfs_class_info info;
	struct fs_mark mark = FS_MARK_NAME(place);
	if (place->name.len > SFS_CLASS_NAME_MAX)
		return SFS_ERR_LIMIT;
	fs_loop_block_begin(fs->loop);
	fs_mark_begin(&mark);
	int err = sfs_class_create(fs->store, &make, &info, NULL);
	fs_mark_end();
	fs_loop_block_end(fs->loop);
	return err;
}

void fs_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs *fs = fs_begin_name(req, FS_REQUEST_MKDIR, parent, name);
	struct sfs_raw_make make = { .type = SFS_NODE_DIR, .mode = mode & 07777 };
	struct fs_place place;
	int err = fs_place_resolve(fs, parent, name, &place);
	if (!err && place.kind == FS_PLACE_CLASS)
		err = make_class(req, &place, mode);
	else if (!err)
		err = make_raw(req, &place, &make);
	fs_reply_made(req, &place, err);
}

static int make_in_view(fuse_req_t req, const struct fs_place *place, struct sfs_span target)
{
	struct fs *fs = fs_of(req);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct fs_view_make make = {
		.name = place->name,
		.mode = 0777,
		.uid = ctx->uid,
		.gid = ctx->gid,
		.target = target,
	};
	fs_loop_block_begin(fs->loop);
	int err = fs->options->read_only ? SFS_ERR_READ_ONLY
					 : fs_view_symlink(fs, place->dir, &make);
	fs_loop_block_end(fs->loop);
	return err;
}

void fs_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_begin_name(req, FS_REQUEST_SYMLINK, parent, name);
	struct sfs_raw_make make = {
		.type = SFS_NODE_SYMLINK,
		.mode = 0777,
		.target = sfs_span_str(target),
	};
	struct fs_place place;
	int err = fs_place_resolve(fs, parent, name, &place);
	if (!err && place.kind == FS_PLACE_VIEW)
		err = make_in_view(req, &place, sfs_span_str(target));
	else if (!err)
		err = make_raw(req, &place, &make);
	fs_reply_made(req, &place, err);
}

void fs_op_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_begin_name(req, FS_REQUEST_LINK, parent, name);
	struct fs_place place;
	struct sfs_attr attr;
	int err = fs_place_resolve(fs, parent, name, &place);
	if (!err)
		err = check_raw(fs, &place);
	/* An object has one name. */
	if (!err && (fs_node_kind(node) != FS_NODE_THING || node != fs_node_ino(node) ||
		     sfs_raw_stat(fs->store, node, &attr) != 0))
		err = SFS_ERR_WRONG_KIND;
	if (!err) {
		struct fs_mark mark = FS_MARK_NAME(&place);
		mark.nodes[0] = node;
		fs_loop_block_begin(fs->loop);
		fs_mark_begin(&mark);
		err = sfs_raw_link(fs->store, node, fs_node_ino(parent), place.name, &attr);
		fs_mark_end();
		fs_loop_block_end(fs->loop);
	}
	/* A name that is too long was refused before. */
	if (err == SFS_ERR_LIMIT && place.name.len <= SFS_NAME_MAX)
		fs_reply_errno(req, EMLINK);
	else
		fs_reply_made(req, &place, err);
}

/* --- removing --- */

/** Remove an object, or the newborn of that oid. */
static int remove_object(struct fs *fs, const struct fs_place *place)
{
	struct sfs_span oid = fs_place_oid(place);
	struct fs_open *open = fs_newborn_get(fs, place->class_id, oid);
	bool newborn = false;
	if (open) {
		pthread_mutex_lock(&open->save);
		newborn = open->newborn;
		if (newborn)
			fs_newborn_end(fs, open, true);
		pthread_mutex_unlock(&open->save);
		fs_open_unref(fs, open);
	}
	/* Saved just now, or never a newborn: it is in the store. */
	int err = newborn ? 0 : sfs_object_remove(fs->store, place->class_id, oid, 0);
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (err == SFS_ERR_BUSY &&
	    sfs_referrers_explain(fs->store, place->class_id, oid, &diag) == SFS_ERR_BUSY)
		fs_refusal_diag(&diag);
	return err;
}

static int unlink_at(struct fs *fs, const struct fs_place *place)
{
	switch (place->kind) {
	case FS_PLACE_OBJECT: return remove_object(fs, place);
	case FS_PLACE_RAW: return sfs_raw_unlink(fs->store, fs_node_ino(place->dir), place->name);
	case FS_PLACE_REJECTED: return fs_rejected_remove(fs, place->dir, place->name);
	case FS_PLACE_VIEW: return fs_view_unlink(fs, place->dir, place->name);
	case FS_PLACE_CLASS: return SFS_ERR_IS_DIR;
	case FS_PLACE_META:
	case FS_PLACE_NEW:
	case FS_PLACE_SCHEMA: break;
	}
	return SFS_ERR_WRONG_KIND;
}

static int remove_class(struct fs *fs, const struct fs_place *place)
{
	struct sfs_class_info info;
	int err = fs_class_find(fs->store, place->name, &info);
	if (err < 0)
		return err;
	if (fs_newborn_any(fs, info.id))
		return SFS_ERR_NOT_EMPTY;
	return sfs_class_remove(fs->store, sfs_span_str(info.name));
}

/** A directory of a tree; what begins a view can not be removed. */
static int remove_directory(struct fs *fs, const struct fs_place *place)
{
	struct fs_found found;
	int err = sfs_raw_rmdir(fs->store, fs_node_ino(place->dir), place->name);
	if (err != SFS_ERR_NOT_FOUND || fs_view_root(fs, place->dir, place->name, 0, &found) != 0)
		return err;
	fs_view_forget(fs, found.node, 1);
	return SFS_ERR_READ_ONLY;
}

static int rmdir_at(struct fs *fs, const struct fs_place *place)
{
	switch (place->kind) {
	case FS_PLACE_CLASS: return remove_class(fs, place);
	case FS_PLACE_RAW: return remove_directory(fs, place);
	case FS_PLACE_OBJECT: return SFS_ERR_NOT_DIR;
	case FS_PLACE_VIEW:
	case FS_PLACE_REJECTED: return SFS_ERR_READ_ONLY;
	case FS_PLACE_META:
	case FS_PLACE_NEW:
	case FS_PLACE_SCHEMA: break;
	}
	return SFS_ERR_WRONG_KIND;
}

static void remove_name(fuse_req_t req, uint64_t parent, const char *name,
			int (*remove)(struct fs *fs, const struct fs_place *place))
{
	struct fs *fs = fs_of(req);
	struct fs_place place;
	int err = fs_place_resolve(fs, parent, name, &place);
	if (!err) {
		struct fs_mark mark = FS_MARK_NAME(&place);
		fs_loop_block_begin(fs->loop);
		fs_mark_begin(&mark);
		err = remove(fs, &place);
		fs_mark_end();
		fs_loop_block_end(fs->loop);
	}
	fs_reply_name(req, err);
}

void fs_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fs_begin_name(req, FS_REQUEST_UNLINK, parent, name);
	remove_name(req, parent, name, unlink_at);
}

void fs_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fs_begin_name(req, FS_REQUEST_RMDIR, parent, name);
	remove_name(req, parent, name, rmdir_at);
}
