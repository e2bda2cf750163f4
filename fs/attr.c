/*
 * Attributes of nodes: see attr.h. The engine says what is saved, handle_cache.c what is open.
 */
#include "attr.h"
#include "backing.h"
#include "meta.h"
#include "new.h"
#include "newborn.h"
#include "notify.h"
#include "rejected.h"
#include "save.h"
#include "table.h"
#include "view.h"

/** Fill found for an object; @handle who asks, or NULL. */
static void fill_object(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
			struct sfs_attr *attr, uint64_t sequence, struct fs_found *ret)
{
	bool keep = fs_open_overlay(fs, node, handle, pid, attr);
	fs_node_stat(node, attr, &ret->stat);
	ret->node = node;
	/* A handle's own version is for it alone, unless it is the one that is saved. */
	if (handle)
		keep = keep && handle->doc && handle->doc->attr.revision == attr->revision;
	/* The order matters: first the open handles, then whether there was a commit meanwhile. */
	ret->keep_attr = keep && node == fs_primary_node(fs, fs_node_ino(node)) &&
			 sequence == fs_sequence(fs, fs_node_ino(node));
}

void fs_attr_object(struct fs *fs, uint64_t node, struct sfs_attr *attr, uint64_t sequence,
		    pid_t pid, struct fs_found *ret)
{
	if (fs_open_is_outdated(fs, node, attr->revision)) {
		node |= FS_NODE_AGAIN;
		ret->keep_entry = false;
	}
	fill_object(fs, node, NULL, pid, attr, sequence, ret);
}

/**
 * Times of a raw in a backup that stand still. Backups share files: who comes or goes moves their time of
 * change, who reads one that of access.
 */
static void freeze(const struct fs *fs, struct stat *stat)
{
	stat->st_ctim = (struct timespec){ .tv_sec = fs->backup_ns / 1000000000 };
	stat->st_atim = stat->st_mtim;
}

void fs_attr_thing(struct fs *fs, const struct sfs_attr *attr, uint64_t sequence,
		   struct fs_found *ret)
{
	fs_node_stat(attr->ino, attr, &ret->stat);
	if (fs->live && attr->type == SFS_NODE_FILE)
		freeze(fs, &ret->stat);
	ret->node = attr->ino;
	ret->keep_attr = fs_backing_is_quiet(fs, attr->ino) &&
			 sequence == fs_sequence(fs, attr->ino);
	/* The directory changes when a newborn is saved, which the kernel can not know. */
	if (attr->type == SFS_NODE_DIR && fs_newborn_any(fs, sfs_ino_class(attr->ino)))
		ret->keep_attr = false;
}

/** Attributes of an object that the engine does not know under this inode number. */
static int unsaved_attr(struct fs *fs, uint64_t ino, struct sfs_attr *ret)
{
	struct fs_open *open = fs_open_find(fs, ino);
	if (!open)
		return SFS_ERR_NOT_FOUND;
	int err = SFS_ERR_NOT_FOUND;
	pthread_mutex_lock(&fs->table->lock);
	uint64_t object_ino = open->object_ino, raw_ino = open->raw_ino;
	pthread_mutex_unlock(&fs->table->lock);
	if (raw_ino)
		err = sfs_raw_stat(fs->store, raw_ino, ret);
	else if (object_ino != ino)
		err = sfs_object_stat(fs->store, object_ino, ret, NULL);
	if (err == SFS_ERR_NOT_FOUND)
		err = fs_open_attr(fs, ino, ret);
	fs_open_unref(fs, open);
	return err;
}

/** An object, if the class has objects and this is one. */
static int object_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
		       struct fs_found *ret)
{
	uint64_t ino = fs_node_ino(node), sequence = fs_sequence(fs, ino);
	struct sfs_attr attr;
	int err = SFS_ERR_NOT_FOUND;
	/* A newborn, which is asked for when it is made, is not in the store. */
	if (handle && handle->open && fs_open_is_newborn(fs, handle->open))
		err = fs_open_attr(fs, ino, &attr);
	if (err < 0 || attr.nlink == 0)
		err = sfs_object_stat(fs->store, ino, &attr, NULL);
	if (err == SFS_ERR_NOT_FOUND)
		err = unsaved_attr(fs, ino, &attr);
	if (err < 0)
		return err;
	fill_object(fs, node, handle, pid, &attr, sequence, ret);
	return 0;
}

static int thing_attr(struct fs *fs, uint64_t ino, struct fs_found *ret)
{
	uint64_t sequence = fs_sequence(fs, ino);
	struct sfs_attr attr;
	int err = sfs_raw_stat(fs->store, ino, &attr);
	if (!err)
		fs_attr_thing(fs, &attr, sequence, ret);
	return err;
}

static bool has_objects(struct fs *fs, uint64_t ino)
{
	struct sfs_class_info info;
	return sfs_class_get(fs->store, sfs_ino_class(ino), &info) == 0 &&
	       info.kind == SFS_CLASS_OBJECT;
}

int fs_attr_load(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
		 struct fs_found *ret)
{
	int err = SFS_ERR_NOT_FOUND;
	switch (fs_node_kind(node)) {
	case FS_NODE_ROOT:
	case FS_NODE_CLASS: return thing_attr(fs, node, ret);
	case FS_NODE_META_DIR:
	case FS_NODE_META_FILE:
	case FS_NODE_SCHEMA_DIR:
	case FS_NODE_JSON_SCHEMA:
	case FS_NODE_SCHEMA: return fs_meta_attr(fs, node, handle, ret);
	case FS_NODE_NEW: return fs_new_attr(fs, node, handle, pid, ret);
	case FS_NODE_REJECTED_DIR:
	case FS_NODE_REJECTED_CLASS:
	case FS_NODE_REJECTED: return fs_rejected_attr(fs, node, handle, ret);
	case FS_NODE_VIEW: return fs_view_attr(fs, node, handle, pid, ret);
	case FS_NODE_THING:
		if (!(handle && handle->kind == FS_HANDLE_RAW) &&
		    has_objects(fs, fs_node_ino(node)))
			err = object_attr(fs, node, handle, pid, ret);
		if (err == SFS_ERR_NOT_FOUND && node == fs_node_ino(node))
			err = thing_attr(fs, node, ret);
		return err;
	case FS_NODE_NONE: break;
	}
	return err;
}

/* --- changing --- */

/** Is there text in a draft that was not saved yet? Then times wait for the save. */
static bool has_unsaved(struct fs *fs, const struct fs_open *open)
{
	bool found = false;
	pthread_mutex_lock(&fs->table->lock);
	for (const struct fs_handle *handle = open->handles; handle; handle = handle->sibling) {
		if (handle->kind == FS_HANDLE_WRITER && atomic_load(&handle->draft.dirty))
			found = true;
	}
	pthread_mutex_unlock(&fs->table->lock);
	return found;
}

static void set_pending(struct fs *fs, struct fs_open *open, const struct sfs_setattr *set)
{
	pthread_mutex_lock(&fs->table->lock);
	if (set->mask & SFS_SET_ATIME)
		open->pending.atime_ns = set->atime_ns;
	if (set->mask & SFS_SET_MTIME)
		open->pending.mtime_ns = set->mtime_ns;
	open->pending.mask |= set->mask & (SFS_SET_ATIME | SFS_SET_MTIME);
	pthread_mutex_unlock(&fs->table->lock);
}

/** Mode, owner and times of an object that is open; open->save is held. */
static int set_open(struct fs *fs, struct fs_open *open, struct sfs_setattr *set)
{
	if (open->newborn) {
		fs_newborn_set(fs, open, set);
		return 0;
	}
	if (open->removed)
		return 0;
	if (open->raw_ino)
		return sfs_raw_setattr(fs->store, open->raw_ino, set, NULL);
	if (has_unsaved(fs, open)) {
		set_pending(fs, open, set);
		set->mask &= ~(unsigned)(SFS_SET_ATIME | SFS_SET_MTIME);
	}
	if (!set->mask)
		return 0;
	return sfs_object_setattr(fs->store, open->object_ino, set, NULL);
}

static int set_object(struct fs *fs, uint64_t node, struct fs_handle *handle,
		      const struct sfs_setattr *given)
{
	struct sfs_setattr set = *given;
	uint64_t ino = fs_node_ino(node);
	int err = 0;
	if (set.mask & SFS_SET_SIZE) {
		err = fs_save_resize(fs, node, handle, set.size);
		set.mask &= ~(unsigned)SFS_SET_SIZE;
	}
	if (err < 0 || !set.mask)
		return err;
	struct fs_mark mark = { .nodes = { node } };
	fs_mark_begin(&mark);
	struct fs_open *open = fs_open_find(fs, ino);
	if (open) {
		pthread_mutex_lock(&open->save);
		err = set_open(fs, open, &set);
		pthread_mutex_unlock(&open->save);
		fs_open_unref(fs, open);
	} else {
		err = sfs_object_setattr(fs->store, ino, &set, NULL);
	}
	fs_mark_end();
	return err;
}

static int set_thing(struct fs *fs, uint64_t node, const struct sfs_setattr *set)
{
	struct fs_mark mark = { .nodes = { node } };
	fs_mark_begin(&mark);
	int err = sfs_raw_setattr(fs->store, node, set, NULL);
	fs_mark_end();
	return err;
}

static bool is_object(struct fs *fs, uint64_t ino)
{
	struct sfs_attr attr;
	if (!has_objects(fs, ino))
		return false;
	if (sfs_object_stat(fs->store, ino, &attr, NULL) == 0)
		return true;
	return fs_open_attr(fs, ino, &attr) == 0;
}

int fs_attr_set(struct fs *fs, uint64_t node, struct fs_handle *handle, pid_t pid,
		const struct sfs_setattr *set)
{
	switch (fs_node_kind(node)) {
	case FS_NODE_ROOT:
	case FS_NODE_CLASS: return set_thing(fs, node, set);
	case FS_NODE_META_DIR:
	case FS_NODE_META_FILE:
	case FS_NODE_SCHEMA_DIR:
	case FS_NODE_JSON_SCHEMA:
	case FS_NODE_SCHEMA: return fs_meta_set(fs, node, handle, set);
	case FS_NODE_NEW:
		/* Open for writing it is the object that is made. */
		if (handle && handle->kind == FS_HANDLE_WRITER)
			return set_object(fs, handle->node, handle, set);
		return fs_new_set(fs, node, pid, set);
	case FS_NODE_REJECTED_DIR:
	case FS_NODE_REJECTED_CLASS:
	case FS_NODE_REJECTED: return SFS_ERR_READ_ONLY;
	case FS_NODE_VIEW: return fs_view_set(fs, node, handle, set);
	case FS_NODE_THING:
		if (is_object(fs, fs_node_ino(node)))
			return set_object(fs, node, handle, set);
		return node == fs_node_ino(node) ? set_thing(fs, node, set) : SFS_ERR_NOT_FOUND;
	case FS_NODE_NONE: break;
	}
	return SFS_ERR_NOT_FOUND;
}
