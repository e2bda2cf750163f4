/*
 * Places: see place.h. The one place that knows how the tree of the mount is laid out.
 */
#include "place.h"
#include "by.h"
#include "class_name.h"
#include "loop.h"
#include "meta.h"
#include "missing.h"
#include "new.h"
#include "newborn.h"
#include "rejected.h"
#include "view.h"

struct long_search {
	struct sfs_span name;
	struct fs_place *place;
	bool found;
};

static int long_compare(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	struct long_search *search = arg;
	char name[SFS_NAME_MAX + 1];
	(void)doc;
	size_t len = fs_name_make(oid, search->place->format, name);
	if (!sfs_span_equal((struct sfs_span){ name, len }, search->name))
		return 0;
	memcpy(search->place->oid, oid.data, oid.len);
	search->place->oid_len = oid.len;
	search->found = true;
	return 1;
}

/** Find the oid that a shortened name stands for; without one, the name means itself. */
static int resolve_long(struct fs *fs, struct fs_place *place)
{
	struct sfs_attr attr;
	if (sfs_object_find(fs->store, place->class_id, fs_place_oid(place), &attr) == 0)
		return 0;
	struct long_search search = { .name = place->name, .place = place };
	int err = 0;
	for (unsigned number = 0; number < 2 && !search.found && !err; number++) {
		unsigned char prefix[SFS_NAME_MAX];
		size_t len = fs_name_prefix(place->name, number, prefix);
		if (!len)
			continue;
		fs_loop_block_begin(fs->loop);
		err = sfs_object_scan(fs->store, place->class_id, (struct sfs_span){ prefix, len },
				      (struct sfs_span){ NULL, 0 }, 0, place->format, long_compare,
				      &search, NULL);
		fs_loop_block_end(fs->loop);
		if (err == SFS_ERR_CANCELLED)
			err = 0;
	}
	return err;
}

static int resolve_in_class(struct fs *fs, struct fs_place *place)
{
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, sfs_ino_class(place->dir), &info);
	if (err < 0)
		return err;
	place->class_id = info.id;
	place->kind = FS_PLACE_RAW;
	/*
	 * A scratch file that is renamed onto an object takes the kernel's name with it, which then
	 * must be looked up anew; so the names of scratch files are not kept.
	 */
	place->keep = info.kind == SFS_CLASS_RAW;
	if (place->keep) {
		/* There may be a view of this name, and none before or afterwards. */
		place->keep_missing = !fs_by_is_reserved(place->name);
		return 0;
	}
	if (sfs_span_equal(place->name, sfs_span_str(FS_NEW_NAME))) {
		place->kind = FS_PLACE_NEW;
		place->keep = place->keep_missing = false;
		return 0;
	}
	if (fs_by_is_reserved(place->name)) {
		place->kind = FS_PLACE_VIEW;
		place->keep = place->keep_missing = false;
		return 0;
	}
	struct fs_name name;
	fs_name_parse(place->name, &name);
	if (!name.object) {
		place->keep_missing = fs_missing_keep(fs, place->dir, place->name);
		return 0;
	}
	place->kind = FS_PLACE_OBJECT;
	place->format = name.format;
	place->keep = name.canonical && name.format == fs->options->format;
	place->keep_missing = place->keep;
	memcpy(place->oid, name.oid, name.oid_len);
	place->oid_len = name.oid_len;
	return name.hashed ? resolve_long(fs, place) : 0;
}

int fs_place_resolve(struct fs *fs, uint64_t dir, const char *name, struct fs_place *ret)
{
	size_t len = strlen(name);
	if (len > SFS_NAME_MAX)
		return SFS_ERR_LIMIT;
	ret->dir = dir;
	ret->name = (struct sfs_span){ name, len };
	ret->keep = ret->keep_missing = true;
	ret->oid_len = 0;
	ret->class_id = 0;
	switch (fs_node_kind(dir)) {
	case FS_NODE_ROOT:
		ret->kind = strcmp(name, ".storefs") == 0 ? FS_PLACE_META : FS_PLACE_CLASS;
		return 0;
	case FS_NODE_META_DIR: ret->kind = FS_PLACE_META; return 0;
	case FS_NODE_SCHEMA_DIR:
		ret->kind = FS_PLACE_SCHEMA;
		ret->keep = ret->keep_missing = false;
		return 0;
	case FS_NODE_REJECTED_DIR:
	case FS_NODE_REJECTED_CLASS:
		ret->kind = FS_PLACE_REJECTED;
		ret->keep = ret->keep_missing = false;
		return 0;
	case FS_NODE_CLASS: return resolve_in_class(fs, ret);
	case FS_NODE_VIEW:
		ret->kind = FS_PLACE_VIEW;
		ret->keep = ret->keep_missing = false;
		return 0;
	case FS_NODE_THING:
		ret->kind = FS_PLACE_RAW;
		ret->class_id = sfs_ino_class(fs_node_ino(dir));
		return dir == fs_node_ino(dir) ? 0 : SFS_ERR_NOT_DIR;
	case FS_NODE_META_FILE:
	case FS_NODE_JSON_SCHEMA:
	case FS_NODE_NEW:
	case FS_NODE_REJECTED:
	case FS_NODE_SCHEMA: return SFS_ERR_NOT_DIR;
	case FS_NODE_NONE: break;
	}
	return SFS_ERR_NOT_FOUND;
}

static int find_class(struct fs *fs, const struct fs_place *place, struct fs_found *ret)
{
	struct sfs_class_info info;
	int err = fs_class_find(fs->store, place->name, &info);
	if (!err)
		err = fs_attr_load(fs, info.attr.ino, NULL, 0, ret);
	return err;
}

static int find_object(struct fs *fs, const struct fs_place *place, pid_t pid, struct fs_found *ret)
{
	struct sfs_attr attr;
	int err = fs_newborn_find(fs, place->class_id, fs_place_oid(place), &attr);
	if (!err) {
		fs_attr_object(fs, fs_node_document(attr.ino, place->format), &attr, 0, pid, ret);
		ret->keep_attr = ret->keep_entry = false;
		return 0;
	}
	/*
	 * Which counter belongs to the object is known only afterwards; the one of the directory
	 * says whether there was a commit in between. If so, look again.
	 */
	uint64_t before = fs_sequence(fs, place->dir);
	err = sfs_object_find(fs->store, place->class_id, fs_place_oid(place), &attr);
	if (err < 0)
		return err;
	uint64_t ino = attr.ino, sequence = fs_sequence(fs, ino);
	if (before != fs_sequence(fs, place->dir))
		err = sfs_object_stat(fs->store, ino, &attr, NULL);
	if (!err)
		fs_attr_object(fs, fs_node_document(ino, place->format), &attr, sequence, pid, ret);
	return err;
}

static int find_raw(struct fs *fs, const struct fs_place *place, struct fs_found *ret)
{
	struct sfs_attr attr;
	int err = sfs_raw_find(fs->store, fs_node_ino(place->dir), place->name, &attr);
	if (err < 0)
		return err;
	/* Only a regular file can be renamed onto an object. */
	ret->keep_entry = place->keep || attr.type != SFS_NODE_FILE;
	/* The kernel itself notices what outdates a file's attributes; not so a directory's. */
	if (attr.type == SFS_NODE_DIR)
		return fs_attr_load(fs, attr.ino, NULL, 0, ret);
	fs_attr_thing(fs, &attr, fs_sequence(fs, attr.ino), ret);
	return 0;
}

int fs_place_find(struct fs *fs, const struct fs_place *place, pid_t pid, struct fs_found *ret)
{
	ret->keep_entry = place->keep;
	switch (place->kind) {
	case FS_PLACE_CLASS: return find_class(fs, place, ret);
	case FS_PLACE_META:
	case FS_PLACE_SCHEMA: return fs_meta_find(fs, place->dir, place->name, ret);
	case FS_PLACE_NEW: return fs_new_attr(fs, fs_new_node(place->class_id), NULL, pid, ret);
	case FS_PLACE_REJECTED: return fs_rejected_find(fs, place->dir, place->name, ret);
	case FS_PLACE_OBJECT: return find_object(fs, place, pid, ret);
	case FS_PLACE_RAW: return find_raw(fs, place, ret);
	case FS_PLACE_VIEW: return fs_view_find(fs, place->dir, place->name, pid, ret);
	}
	return SFS_ERR_NOT_FOUND;
}
