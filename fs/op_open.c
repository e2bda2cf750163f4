/*
 * Handlers that open and create files, and the choice of how the kernel may cache what is read.
 */
#include <fcntl.h>
#include <stdlib.h>
#include "backing.h"
#include "meta.h"
#include "new.h"
#include "newborn.h"
#include "op.h"
#include "privilege.h"
#include "rejected.h"
#include "save.h"
#include "view.h"
#include "wire.h"

/** The name with which the kernel makes what shall have none. */
#define FS_NAME_NONE "/"

static bool for_writing(const struct fuse_file_info *fi)
{
	return (fi->flags & O_ACCMODE) != O_RDONLY;
}

/** Give up a handle that was made but not given to the kernel. */
static void discard(struct fs *fs, struct fs_handle *handle)
{
	if (handle->kind == FS_HANDLE_SCHEMA)
		fs_schema_close(fs, handle);
	struct fs_open *open = fs_handle_free(fs, handle);
	if (fs_save_settle(fs, open) < 0)
		fs_log(LOG_DEBUG, "an open that nobody got: not saved");
	fs_open_unref(fs, open);
}

/* --- documents --- */

/** Read a saved version: the page cache serves all readers of it. */
static void cache_reader(struct fs *fs, struct fs_handle *handle, uint64_t sequence,
			 struct fuse_file_info *fi)
{
	fi->noflush = 1;
	switch (fs_handle_cache_mode(fs, handle, sequence)) {
	case FS_CACHE_KEEP: fi->keep_cache = 1; break;
	case FS_CACHE_DROP: break;
	case FS_CACHE_AVOID: fi->direct_io = 1; break;
	}
}

static int open_reader(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
		       struct fs_handle **ret)
{
	fs_open_wait_for_release(fs, node);
	uint64_t sequence = fs_sequence(fs, fs_node_ino(node));
	struct sfs_doc *doc;
	struct fs_open *open;
	int err = sfs_object_get(fs->store, fs_node_ino(node), fs_node_format(node), &doc);
	if (err < 0)
		return err;
	err = fs_open_get(fs, &doc->attr, &open);
	struct fs_handle *handle = err ? NULL : fs_handle_new(FS_HANDLE_READER, node, pid);
	if (!handle) {
		fs_open_unref(fs, err ? NULL : open);
		sfs_doc_unref(doc);
		return SFS_ERR_NO_MEMORY;
	}
	handle->doc = doc;
	fs_handle_attach(fs, handle, open);
	cache_reader(fs, handle, sequence, fi);
	*ret = handle;
	return 0;
}

/**
 * A private text. @base the saved version, or NULL. Takes over both references, also on failure.
 */
static int open_writer(struct fs *fs, uint64_t node, pid_t pid, struct fs_open *open,
		       struct sfs_doc *base, struct fs_handle **ret)
{
	struct fs_handle *handle = fs_handle_new(FS_HANDLE_WRITER, node, pid);
	if (!handle) {
		fs_open_unref(fs, open);
		sfs_doc_unref(base);
		return SFS_ERR_NO_MEMORY;
	}
	fs_draft_fini(&handle->draft);
	fs_draft_init(&handle->draft, base);
	fs_handle_attach(fs, handle, open);
	*ret = handle;
	return 0;
}

static int open_saved(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
		      struct fs_handle **ret)
{
	struct sfs_doc *base = NULL;
	struct sfs_attr attr;
	struct fs_open *open;
	int err;
	if (!for_writing(fi) && !(fi->flags & O_TRUNC))
		return open_reader(fs, node, pid, fi, ret);
	if (fs->options->read_only)
		return SFS_ERR_READ_ONLY;
	if (fi->flags & O_TRUNC) {
		err = sfs_object_stat(fs->store, fs_node_ino(node), &attr, NULL);
	} else {
		err = sfs_object_get(fs->store, fs_node_ino(node), fs_node_format(node), &base);
		if (!err)
			attr = base->attr;
	}
	if (err < 0)
		return err;
	err = fs_open_get(fs, &attr, &open);
	if (err < 0) {
		sfs_doc_unref(base);
		return err;
	}
	fi->direct_io = 1;
	err = open_writer(fs, node, pid, open, base, ret);
	if (!err) {
		fs_loop_block_begin(fs->loop);
		fs_open_wait_for_readers(fs, open, pid);
		fs_loop_block_end(fs->loop);
	}
	return err;
}

/** Takes over the reference of open, also on failure. */
static int open_newborn(struct fs *fs, struct fs_open *open, uint64_t node, pid_t pid,
			struct fuse_file_info *fi, struct fs_handle **ret)
{
	fi->direct_io = 1;
	if (for_writing(fi))
		return open_writer(fs, node, pid, open, NULL, ret);
	struct fs_handle *handle = fs_handle_new(FS_HANDLE_READER, node, pid);
	if (!handle) {
		fs_open_unref(fs, open);
		return SFS_ERR_NO_MEMORY;
	}
	/* Nothing was saved: it reads as empty. */
	fi->noflush = 1;
	fs_handle_attach(fs, handle, open);
	*ret = handle;
	return 0;
}

/** An object; SFS_ERR_NOT_FOUND also for what is none. */
static int open_document(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
			 struct fs_handle **ret)
{
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(node)), &info);
	if (err < 0 || info.kind != SFS_CLASS_OBJECT)
		return SFS_ERR_NOT_FOUND;
	err = open_saved(fs, node, pid, fi, ret);
	if (err != SFS_ERR_NOT_FOUND)
		return err;
	struct fs_open *open = fs_open_find(fs, fs_node_ino(node));
	if (open && fs_open_is_newborn(fs, open))
		return open_newborn(fs, open, node, pid, fi, ret);
	fs_open_unref(fs, open);
	return SFS_ERR_NOT_FOUND;
}

/* --- everything else --- */

static int open_raw(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
		    struct fs_handle **ret)
{
	bool writable = for_writing(fi);
	struct sfs_setattr empty = { .mask = SFS_SET_SIZE };
	struct fs_handle *handle = fs_handle_new(FS_HANDLE_RAW, node, pid);
	if (!handle)
		return SFS_ERR_NO_MEMORY;
	int err = node == fs_node_ino(node) ? 0 : SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfs_raw_open(fs->store, node, writable || (fi->flags & O_TRUNC),
				   &handle->raw);
	if (!err && (fi->flags & O_TRUNC))
		err = sfs_raw_setattr(fs->store, node, &empty, NULL);
	if (!err)
		err = fs_backing_open(fs, handle, fi);
	if (err < 0) {
		fs_handle_free(fs, handle);
		return err;
	}
	fs_handle_attach(fs, handle, NULL);
	*ret = handle;
	return 0;
}

/** Give out a handle whose text was made, or with an error free it. */
static int give_text(struct fs *fs, struct fs_handle *handle, int err, struct fuse_file_info *fi,
		     struct fs_handle **ret)
{
	if (err < 0) {
		fs_handle_free(fs, handle);
		return err;
	}
	/* The text of this very moment, whatever the page cache holds. */
	fi->direct_io = 1;
	fi->noflush = 1;
	fs_handle_attach(fs, handle, NULL);
	*ret = handle;
	return 0;
}

static int open_text(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
		     struct fs_handle **ret)
{
	bool rejected = fs_node_kind(node) == FS_NODE_REJECTED;
	if (for_writing(fi) || (fi->flags & O_TRUNC))
		return rejected ? SFS_ERR_READ_ONLY : SFS_ERR_WRONG_KIND;
	struct fs_handle *handle = fs_handle_new(FS_HANDLE_TEXT, node, pid);
	int err = SFS_ERR_NO_MEMORY;
	if (handle)
		err = rejected ? fs_rejected_text(fs, node, &handle->text)
			       : fs_meta_text(fs, node, &handle->text);
	return give_text(fs, handle, err, fi, ret);
}

/** .new open for reading: the name of the last object that was made. */
static int open_last(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
		     struct fs_handle **ret)
{
	struct fs_handle *handle = fs_handle_new(FS_HANDLE_TEXT, node, pid);
	int err = handle ? fs_new_text(fs, node, pid, &handle->text) : SFS_ERR_NO_MEMORY;
	return give_text(fs, handle, err, fi, ret);
}

/** The class that a definition's node belongs to. */
static int schema_class(struct fs *fs, uint64_t node, char ret[SFS_CLASS_NAME_MAX + 1])
{
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(node)), &info);
	if (err < 0)
		return fs_schema_peek(fs, node, ret);
	memcpy(ret, info.name, sizeof info.name);
	return 0;
}

static int open_schema(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
		       struct fs_handle **ret)
{
	struct sfs_buf text = SFS_BUF_INIT;
	if (!for_writing(fi))
		return open_text(fs, node, pid, fi, ret);
	if (fs->options->read_only)
		return SFS_ERR_READ_ONLY;
	struct fs_handle *handle = fs_handle_new(FS_HANDLE_SCHEMA, node, pid);
	int err = handle ? schema_class(fs, node, handle->class_name) : SFS_ERR_NO_MEMORY;
	if (!err && !(fi->flags & O_TRUNC))
		err = fs_meta_text(fs, node, &text);
	if (!err && text.len)
		err = fs_draft_write(&handle->draft, 0, sfs_buf_span(&text), false);
	sfs_buf_fini(&text);
	if (err < 0) {
		fs_handle_free(fs, handle);
		return err;
	}
	atomic_store(&handle->draft.dirty, false);
	fi->direct_io = 1;
	fs_handle_attach(fs, handle, NULL);
	*ret = handle;
	return 0;
}

/** Each reader has a text of its own, so the page cache is not used. */
static int open_view(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
		     struct fs_handle **ret)
{
	unsigned how = (for_writing(fi) ? FS_VIEW_WRITE : 0) |
		       (fi->flags & O_TRUNC ? FS_VIEW_WRITE | FS_VIEW_TRUNCATE : 0);
	fs_loop_block_begin(fs->loop);
	int err = fs_view_open(fs, node, pid, how, ret);
	fs_loop_block_end(fs->loop);
	fi->direct_io = 1;
	fi->noflush = how == FS_VIEW_READ;
	return err;
}

int fs_open_node(struct fs *fs, uint64_t node, pid_t pid, struct fuse_file_info *fi,
		 struct fs_handle **ret)
{
	int err;
	switch (fs_node_kind(node)) {
	case FS_NODE_JSON_SCHEMA:
	case FS_NODE_META_FILE:
	case FS_NODE_REJECTED: return open_text(fs, node, pid, fi, ret);
	case FS_NODE_NEW: return open_last(fs, node, pid, fi, ret);
	case FS_NODE_SCHEMA: return open_schema(fs, node, pid, fi, ret);
	case FS_NODE_VIEW: return open_view(fs, node, pid, fi, ret);
	case FS_NODE_THING:
		err = open_document(fs, node, pid, fi, ret);
		return err == SFS_ERR_NOT_FOUND ? open_raw(fs, node, pid, fi, ret) : err;
	case FS_NODE_ROOT:
	case FS_NODE_META_DIR:
	case FS_NODE_SCHEMA_DIR:
	case FS_NODE_REJECTED_DIR:
	case FS_NODE_REJECTED_CLASS:
	case FS_NODE_CLASS: return SFS_ERR_IS_DIR;
	case FS_NODE_NONE: break;
	}
	return SFS_ERR_NOT_FOUND;
}

/** .new open for writing: an object is made, under a new oid. */
static int open_new(fuse_req_t req, uint64_t node, struct fuse_file_info *fi,
		    struct fs_handle **ret)
{
	struct fs *fs = fs_of(req);
	char oid[SFS_OID_MADE_SIZE];
	uint32_t class_id = sfs_ino_class(fs_node_ino(node));
	int err = fs->options->read_only ? SFS_ERR_READ_ONLY : 0;
	if (!err)
		err = sfs_oid_make(fs->store, class_id, oid);
	if (err < 0)
		return err;
	struct fs_owner owner = fs_owner_in(req, sfs_ino_make(class_id, 1));
	struct fs_birth birth = {
		.class_id = class_id,
		.oid = sfs_span_str(oid),
		.mode = FS_NEW_MODE,
		.uid = owner.uid,
		.gid = owner.gid,
	};
	struct fs_open *open;
	err = fs_newborn_create(fs, &birth, &open);
	if (!err)
		err = open_newborn(fs, open, fs_node_document(open->ino, SFS_FORMAT_JSON),
				   fs_pid(req), fi, ret);
	if (!err)
		fs_new_made(fs, class_id, oid, fs_pid(req), fuse_req_ctx(req)->uid);
	return err;
}

void fs_op_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_node(req, FS_REQUEST_OPEN, node);
	struct fs_handle *handle;
	if (for_writing(fi) || (fi->flags & O_TRUNC))
		fs_refusal_operation("open");
	bool new = fs_node_kind(node) == FS_NODE_NEW && (for_writing(fi) || fi->flags & O_TRUNC);
	int err = fs_wire_drops_privileges() ? fs_privilege_drop(fs, node, NULL, fs_pid(req)) : 0;
	if (!err)
		err = new ? open_new(req, node, fi, &handle)
			  : fs_open_node(fs, node, fs_pid(req), fi, &handle);
	if (err < 0) {
		fs_reply_node(req, err);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)handle;
	/* Interrupted: the kernel will not release what it did not get. */
	if (fuse_reply_open(req, fi) == -ENOENT)
		discard(fs, handle);
}

/* --- create --- */

static int create_object(fuse_req_t req, const struct fs_place *place, mode_t mode,
			 struct fuse_file_info *fi, struct fs_handle **ret)
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
	struct fs_open *open;
	struct sfs_attr attr;
	if (fs->options->read_only)
		return SFS_ERR_READ_ONLY;
	if (sfs_object_find(fs->store, place->class_id, birth.oid, &attr) == 0)
		return SFS_ERR_EXISTS;
	int err = fs_newborn_create(fs, &birth, &open);
	if (err < 0)
		return err;
	return open_newborn(fs, open, fs_node_document(open->ino, place->format), fs_pid(req), fi,
			    ret);
}

static int create_raw(fuse_req_t req, const struct fs_place *place, mode_t mode,
		      struct fuse_file_info *fi, struct fs_handle **ret)
{
	struct fs *fs = fs_of(req);
	struct fs_owner owner = fs_owner_in(req, place->dir);
	struct sfs_raw_make make = {
		.type = SFS_NODE_FILE,
		.mode = mode & 07777,
		.uid = owner.uid,
		.gid = owner.gid,
		/* The kernel asks for a flush of what can be written, and only of that. */
		.flushed_later = for_writing(fi),
	};
	struct sfs_attr attr;
	struct fs_mark mark = FS_MARK_NAME(place);
	fs_loop_block_begin(fs->loop);
	fs_mark_begin(&mark);
	int err = sfs_raw_make(fs->store, fs_node_ino(place->dir), place->name, &make, &attr);
	fs_mark_end();
	fs_loop_block_end(fs->loop);
	return err ? err : open_raw(fs, attr.ino, fs_pid(req), fi, ret);
}

static int create_schema(fuse_req_t req, const struct fs_place *place, struct fuse_file_info *fi,
			 struct fs_handle **ret)
{
	struct fs *fs = fs_of(req);
	uint64_t node;
	if (fs->options->read_only)
		return SFS_ERR_READ_ONLY;
	int err = fs_schema_create(fs, place->name, &node);
	return err ? err : open_schema(fs, node, fs_pid(req), fi, ret);
}

/** Make a file in a view, or open what is there. */
static int create_view(fuse_req_t req, const struct fs_place *place, mode_t mode,
		       struct fuse_file_info *fi, struct fs_handle **ret)
{
	struct fs *fs = fs_of(req);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct fs_view_make make = {
		.name = place->name,
		.mode = mode & 07777,
		.uid = ctx->uid,
		.gid = ctx->gid,
		.exclusive = fi->flags & O_EXCL,
	};
	struct fs_found found;
	fs_loop_block_begin(fs->loop);
	int err = fs_view_create(fs, place->dir, &make, fs_pid(req), ret);
	fs_loop_block_end(fs->loop);
	fi->direct_io = 1;
	if (err != SFS_ERR_EXISTS || make.exclusive)
		return err;
	err = fs_view_find(fs, place->dir, place->name, 0, &found);
	if (err < 0)
		return err;
	err = fs_open_node(fs, found.node, fs_pid(req), fi, ret);
	fs_view_forget(fs, found.node, 1);
	return err;
}

static int create_at(fuse_req_t req, const struct fs_place *place, mode_t mode,
		     struct fuse_file_info *fi, struct fs_handle **ret)
{
	switch (place->kind) {
	case FS_PLACE_OBJECT: return create_object(req, place, mode, fi, ret);
	case FS_PLACE_RAW: return create_raw(req, place, mode, fi, ret);
	case FS_PLACE_SCHEMA: return create_schema(req, place, fi, ret);
	case FS_PLACE_NEW: return SFS_ERR_EXISTS; /* always there */
	case FS_PLACE_REJECTED: return SFS_ERR_READ_ONLY;
	case FS_PLACE_VIEW: return create_view(req, place, mode, fi, ret);
	case FS_PLACE_CLASS:
	case FS_PLACE_META: break;
	}
	return SFS_ERR_WRONG_KIND;
}

/** Create it, or open what is there. */
static int create_or_open(fuse_req_t req, const struct fs_place *place, mode_t mode,
			  struct fuse_file_info *fi, struct fs_handle **ret)
{
	struct fs *fs = fs_of(req);
	struct fs_found found;
	int err = create_at(req, place, mode, fi, ret);
	if (err != SFS_ERR_EXISTS || (fi->flags & O_EXCL) || place->kind == FS_PLACE_VIEW)
		return err;
	err = fs_place_find(fs, place, 0, &found);
	if (!err && !S_ISREG(found.stat.st_mode))
		err = SFS_ERR_EXISTS;
	if (!err && fs_wire_drops_privileges())
		err = fs_privilege_drop(fs, found.node, NULL, fs_pid(req));
	return err ? err : fs_open_node(fs, found.node, fs_pid(req), fi, ret);
}

/** O_TMPFILE: a file without a name, in the class of a directory. */
static int create_unnamed(fuse_req_t req, uint64_t dir, mode_t mode, struct fuse_file_info *fi,
			  struct fs_handle **ret)
{
	struct fs *fs = fs_of(req);
	enum fs_node_kind kind = fs_node_kind(dir);
	if (kind != FS_NODE_CLASS && kind != FS_NODE_THING)
		return SFS_ERR_UNSUPPORTED;
	struct fs_owner owner = fs_owner_in(req, dir);
	struct sfs_raw_make make = {
		.type = SFS_NODE_FILE,
		.mode = mode & 07777,
		.uid = owner.uid,
		.gid = owner.gid,
	};
	struct sfs_raw_file *file = NULL;
	struct sfs_attr attr;
	fs_loop_block_begin(fs->loop);
	int err = sfs_raw_make_unnamed(fs->store, fs_node_ino(dir), &make, &file);
	fs_loop_block_end(fs->loop);
	if (!err)
		err = sfs_raw_file_stat(file, &attr);
	if (!err)
		err = open_raw(fs, attr.ino, fs_pid(req), fi, ret);
	sfs_raw_close(file);
	return err;
}

void fs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		  struct fuse_file_info *fi)
{
	struct fs *fs = fs_begin_name(req, FS_REQUEST_CREATE, parent, name);
	struct fs_handle *handle = NULL;
	struct fs_place place = { .keep = false };
	struct fs_found found;
	bool unnamed = strcmp(name, FS_NAME_NONE) == 0;
	int err = unnamed ? create_unnamed(req, parent, mode, fi, &handle)
			  : fs_place_resolve(fs, parent, name, &place);
	if (!err && !unnamed)
		err = create_or_open(req, &place, mode, fi, &handle);
	if (!err)
		err = fs_attr_load(fs, handle->node, handle, fs_pid(req), &found);
	if (err < 0) {
		if (handle)
			discard(fs, handle);
		fs_reply_name(req, err);
		return;
	}
	struct fuse_entry_param entry;
	/* A newborn may vanish when it is closed: its name is asked for again each time. */
	found.keep_entry = place.keep && place.kind == FS_PLACE_RAW;
	fs_entry_fill(fs, &found, &entry);
	/* open(2) itself looks at the attributes once more; it shall not have to ask. */
	if (!found.keep_attr)
		entry.attr_timeout = fs->policy.moment;
	fi->fh = (uint64_t)(uintptr_t)handle;
	uint64_t node = handle->node;
	if (handle->view)
		fs_view_looked_up(fs, handle->view);
	if (fuse_reply_create(req, &entry, fi) == -ENOENT) {
		fs_view_forget(fs, node, 1);
		discard(fs, handle);
	}
}
