/*
 * Handlers of extended attributes: user.* of raws are their metadata. Other name spaces are
 * answered without asking the store, because the kernel asks for security.capability before each
 * write. Of objects there are user.storefs.* alone; they are not listed, so that nobody copies
 * them.
 */
#include <sys/xattr.h>
#include "object_xattr.h"
#include "op.h"
#include "raw_xattr.h"
#include "rejected.h"
#include "view_trash.h"

#define USER "user."
#define USER_LEN 5
#define ERROR_NAME "user.storefs.error"

/** ENOSYS once, and the kernel never asks again. Returns whether it was answered. */
static bool refuse_all(fuse_req_t req)
{
	const struct fs *fs = fs_of(req);
	if (fs->policy.xattr)
		return false;
	fs_reply_errno(req, ENOSYS);
	return true;
}

/** Can a node have metadata? Directories and files of a class's tree can. */
static bool is_raw(struct fs *fs, uint64_t node)
{
	struct sfs_attr attr;
	if (fs_node_kind(node) != FS_NODE_THING || node != fs_node_ino(node))
		return false;
	return sfs_raw_stat(fs->store, node, &attr) == 0;
}

static bool is_user(const char *name)
{
	return strncmp(name, USER, USER_LEN) == 0 && name[USER_LEN];
}

static bool is_reserved(const char *name)
{
	return strncmp(name, FS_XATTR_RESERVED, sizeof FS_XATTR_RESERVED - 1) == 0;
}

static struct sfs_span key_of(const char *name)
{
	return sfs_span_str(name + USER_LEN);
}

static void reply_value(fuse_req_t req, struct sfs_span value, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, value.len);
	else if (value.len > size)
		fs_reply_errno(req, ERANGE);
	else
		fuse_reply_buf(req, value.data, value.len);
}

/** The errno of a failed call on metadata: what is not there is no data. */
static void reply_meta(fuse_req_t req, int err)
{
	switch (err) {
	case SFS_ERR_NOT_FOUND: fs_reply_errno(req, ENODATA); break;
	case SFS_ERR_LIMIT: fs_reply_errno(req, ENOSPC); break;
	default: fs_reply(req, err); break;
	}
}

/**
 * user.storefs.error: why the last save of an object was refused. Without refused texts in its
 * class, no look-up.
 */
static int object_error(struct fs *fs, uint64_t node, struct sfs_buf *ret)
{
	struct sfs_class_info info;
	struct sfs_refused refused;
	struct sfs_attr attr;
	struct sfs_buf oid = SFS_BUF_INIT;
	if (fs_node_kind(node) != FS_NODE_THING ||
	    sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(node)), &info) < 0 || !info.refused)
		return SFS_ERR_NOT_FOUND;
	int err = sfs_object_stat(fs->store, fs_node_ino(node), &attr, &oid);
	if (!err)
		err = sfs_refused_find(fs->store, info.id, sfs_buf_span(&oid), &refused);
	if (!err)
		err = fs_rejected_sentence(&refused, ret);
	sfs_buf_fini(&oid);
	return err;
}

/** What the store knows of an object, or of a raw. */
static int known_value(struct fs *fs, uint64_t node, const char *name, struct sfs_buf *ret)
{
	struct sfs_class_info info;
	if (sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(node)), &info) == 0 &&
	    info.kind == SFS_CLASS_RAW)
		return is_raw(fs, node) ? fs_raw_xattr(fs, node, name, ret) : SFS_ERR_NOT_FOUND;
	struct sfs_attr attr;
	struct sfs_buf oid = SFS_BUF_INIT;
	uint64_t ino = fs_node_ino(node);
	int err = sfs_object_stat(fs->store, ino, &attr, &oid);
	if (!err)
		err = fs_object_xattr(fs, sfs_ino_class(ino), sfs_buf_span(&oid), name, ret);
	sfs_buf_fini(&oid);
	return err;
}

static int get_value(struct fs *fs, uint64_t node, const char *name, struct sfs_buf *ret)
{
	if (!is_user(name))
		return SFS_ERR_NOT_FOUND;
	if (fs_node_kind(node) == FS_NODE_CLASS && is_reserved(name))
		return fs_database_xattr(fs, sfs_ino_class(fs_node_ino(node)), name, ret);
	if (strcmp(name, ERROR_NAME) == 0)
		return object_error(fs, node, ret);
	if (fs_node_kind(node) == FS_NODE_VIEW)
		return fs_view_xattr(fs, node, name, ret);
	if (fs_node_kind(node) != FS_NODE_THING)
		return SFS_ERR_NOT_FOUND;
	if (is_reserved(name))
		return known_value(fs, node, name, ret);
	return node == fs_node_ino(node) ? sfs_raw_meta_get(fs->store, node, key_of(name), ret)
					 : SFS_ERR_NOT_FOUND;
}

void fs_op_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_GETXATTR, node);
	struct sfs_buf value = SFS_BUF_INIT;
	if (refuse_all(req))
		return;
	int err = get_value(fs, node, name, &value);
	if (err < 0)
		reply_meta(req, err);
	else
		reply_value(req, sfs_buf_span(&value), size);
	sfs_buf_fini(&value);
}

/** Names with their prefix, each with a NUL at its end. */
static int list_names(struct fs *fs, uint64_t node, struct sfs_buf *ret)
{
	struct sfs_buf keys = SFS_BUF_INIT;
	int err = sfs_raw_meta_list(fs->store, node, &keys);
	const char *key = keys.data;
	for (size_t at = 0, len; at < keys.len && !err; at += len) {
		len = strnlen(key + at, keys.len - at) + 1;
		err = sfs_buf_append(ret, USER, USER_LEN);
		if (!err)
			err = sfs_buf_append(ret, key + at, len);
	}
	sfs_buf_fini(&keys);
	return err;
}

void fs_op_listxattr(fuse_req_t req, fuse_ino_t node, size_t size)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_LISTXATTR, node);
	struct sfs_buf names = SFS_BUF_INIT;
	if (refuse_all(req))
		return;
	int err = is_raw(fs, node) ? list_names(fs, node, &names) : 0;
	if (err && err != SFS_ERR_NOT_FOUND)
		fs_reply(req, err);
	else
		reply_value(req, sfs_buf_span(&names), size);
	sfs_buf_fini(&names);
}

/** May this attribute be changed? Answers when not. */
static bool check_change(fuse_req_t req, uint64_t node, const char *name)
{
	if (refuse_all(req))
		return false;
	if (strcmp(name, USER) == 0) {
		fs_reply_errno(req, EINVAL);
		return false;
	}
	if (is_reserved(name)) {
		fs_refusal_because("attributes user.storefs.* are computed and read-only");
		fs_reply_errno(req, EPERM);
		return false;
	}
	if (!is_user(name)) {
		fs_reply_errno(req, ENOTSUP);
		return false;
	}
	if (is_raw(fs_of(req), node))
		return true;
	struct fs_found found;
	if (fs_attr_load(fs_of(req), node, NULL, fs_pid(req), &found) == SFS_ERR_NOT_FOUND) {
		fs_reply_node(req, SFS_ERR_NOT_FOUND);
		return false;
	}
	fs_refusal_because("only raws, scratch files and directories have user.* "
			   "attributes, an object has properties");
	fs_reply_errno(req, ENOTSUP);
	return false;
}

/** The end of a change; what was not found may be the raw itself, removed meanwhile. */
static void reply_change(fuse_req_t req, uint64_t node, int err)
{
	struct fs *fs = fs_of(req);
	struct sfs_attr attr = { .nlink = 1 };
	int there = err == SFS_ERR_NOT_FOUND ? sfs_raw_stat(fs->store, node, &attr) : 0;
	if (!there && err == SFS_ERR_NOT_FOUND && fs_view_trash_has(fs, node))
		there = SFS_ERR_READ_ONLY;
	if (there < 0)
		fs_reply_node(req, there);
	else if (attr.nlink == 0)
		fs_reply_errno(req, ENOENT);
	else
		reply_meta(req, err);
}

void fs_op_setxattr(fuse_req_t req, fuse_ino_t node, const char *name, const char *value,
		    size_t size, int flags)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_SETXATTR, node);
	if (!check_change(req, node, name))
		return;
	unsigned how = (flags & XATTR_CREATE ? SFS_META_CREATE : 0) |
		       (flags & XATTR_REPLACE ? SFS_META_REPLACE : 0);
	struct fs_mark mark = { .nodes = { node } };
	fs_loop_block_begin(fs->loop);
	fs_mark_begin(&mark);
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_raw_meta_set(fs->store, node, key_of(name), (struct sfs_span){ value, size },
				   how, &diag);
	if (err == SFS_ERR_INVALID)
		fs_refusal_diag(&diag);
	fs_mark_end();
	fs_loop_block_end(fs->loop);
	reply_change(req, node, err);
}

void fs_op_removexattr(fuse_req_t req, fuse_ino_t node, const char *name)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_REMOVEXATTR, node);
	if (!check_change(req, node, name))
		return;
	struct fs_mark mark = { .nodes = { node } };
	fs_loop_block_begin(fs->loop);
	fs_mark_begin(&mark);
	int err = sfs_raw_meta_remove(fs->store, node, key_of(name));
	fs_mark_end();
	fs_loop_block_end(fs->loop);
	reply_change(req, node, err);
}
