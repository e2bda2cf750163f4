/*
 * .storefs/history/CLASS/42/2026-11-22T010203.123456Z.json: earlier versions of an object, also of one that is
 * gone (storefs/history.h). Knows no FUSE.
 *
 * A version never changes, so neither does what is at a name while it is there. A directory of versions lists them; those above it
 * are only ways to it.
 */
#include <stdio.h>
#include <storefs/history.h>
#include <storefs/time.h>
#include "class_name.h"
#include "field.h"
#include "name.h"
#include "place.h"
#include "view_table.h"

#define COOKIE_FIRST 3

/* --- a version: the id is its time, as in its name --- */

static int read_version(struct fs *fs, const struct fs_view *view, struct sfs_version *ret,
			struct sfs_buf *ret_json)
{
	int64_t time_ns;
	int err = sfs_time_parse(view->id, 0, &time_ns, NULL);
	if (err < 0)
		return SFS_ERR_NOT_FOUND;
	return sfs_history_get(fs->store, view->class_id, view->parent->id, time_ns, ret, ret_json);
}

static int version_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	return read_version(fs, view, NULL, ret);
}

static int version_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_version version;
	int err = read_version(fs, view, &version, NULL);
	if (err < 0)
		return err;
	ret->mode = version.mode & 0444;
	ret->uid = version.uid;
	ret->gid = version.gid;
	ret->size = version.size;
	ret->atime_ns = ret->mtime_ns = version.time_ns;
	ret->ctime_ns = version.until_ns;
	return 0;
}

static const struct fs_view_ops version_ops = {
	.kind = "version",
	.type = S_IFREG,
	.attr = version_attr,
	.text = version_text,
};

/* --- those of an object: the id is its oid --- */

static int version_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			struct fs_view_spec *ret)
{
	char stem[SFS_VERSION_NAME_SIZE];
	int64_t time_ns;
	const size_t len = sizeof stem - 1;
	if (name.len != len + 5 || memcmp((const char *)name.data + len, ".json", 5) != 0 ||
	    sfs_time_parse((struct sfs_span){ name.data, len }, 0, &time_ns, NULL) < 0)
		return SFS_ERR_NOT_FOUND;
	/* Of all spellings of a time, one is a name. */
	sfs_version_name(time_ns, stem);
	if (memcmp(stem, name.data, len) != 0)
		return SFS_ERR_NOT_FOUND;
	int err = sfs_history_get(fs->store, dir->class_id, dir->id, time_ns, NULL, NULL);
	if (err < 0)
		return err;
	ret->ops = &version_ops;
	return sfs_buf_append(&ret->id, stem, len);
}

struct listing {
	uint64_t number; /* st_ino of the directory */
	uint64_t cookie;
	fs_view_list_fn *fn;
	void *arg;
};

static int list_version(void *arg, const struct sfs_version *version)
{
	struct listing *listing = arg;
	char name[SFS_VERSION_NAME_SIZE + 5];
	sfs_version_name(version->time_ns, name);
	struct sfs_span id = { name, SFS_VERSION_NAME_SIZE - 1 };
	uint64_t number = fs_view_number(listing->number, &version_ops, id);
	memcpy(name + id.len, ".json", 6);
	return listing->fn(listing->arg, name, S_IFREG, number, listing->cookie++);
}

static int version_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
			fs_view_list_fn *fn, void *arg)
{
	struct listing listing = { dir->number, COOKIE_FIRST, fn, arg };
	(void)after;
	int err = sfs_history_each(fs->store, dir->class_id, dir->id, list_version, &listing);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

static int note_newest(void *arg, const struct sfs_version *version)
{
	*(int64_t *)arg = version->until_ns;
	return 0;
}

static int object_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	int64_t newest_ns = 0;
	int err = fs_view_class_attr(fs, view, ret);
	if (!err)
		err = sfs_history_each(fs->store, view->class_id, view->id, note_newest,
				       &newest_ns);
	if (!err && newest_ns)
		ret->atime_ns = ret->mtime_ns = ret->ctime_ns = newest_ns;
	return err;
}

static const struct fs_view_ops object_ops = {
	.kind = "versions",
	.type = S_IFDIR,
	.whole = true,
	.attr = object_attr,
	.find = version_find,
	.list = version_list,
};

/* --- the objects of a class --- */

/** Is there an object of this oid, or was there one? */
static int is_known(struct fs *fs, uint32_t class_id, struct sfs_span oid)
{
	int64_t newest_ns = 0;
	if (sfs_object_has(fs->store, class_id, oid))
		return 0;
	int err = sfs_history_each(fs->store, class_id, oid, note_newest, &newest_ns);
	return !err && !newest_ns ? SFS_ERR_NOT_FOUND : err;
}

/** A name that is cut stands for an object that is there only. */
static int find_long(struct fs *fs, uint32_t class_id, struct sfs_span name, struct sfs_buf *ret)
{
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	int err = fs_field_begin(fs, sfs_ino_make(class_id, 1), name, &spec);
	if (!err)
		*ret = sfs_buf_take(&spec.id);
	sfs_buf_fini(&spec.id);
	return err;
}

static int object_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		       struct fs_view_spec *ret)
{
	char file[SFS_NAME_MAX + 1];
	struct fs_name parsed;
	int len = snprintf(file, sizeof file, "%.*s.json", (int)name.len, (const char *)name.data);
	if (len < 0 || (size_t)len >= sizeof file)
		return SFS_ERR_NOT_FOUND;
	fs_name_parse((struct sfs_span){ file, (size_t)len }, &parsed);
	if (!parsed.object || !parsed.canonical)
		return SFS_ERR_NOT_FOUND;
	ret->ops = &object_ops;
	int err = is_known(fs, dir->class_id, (struct sfs_span){ parsed.oid, parsed.oid_len });
	if (err == SFS_ERR_NOT_FOUND && parsed.hashed)
		return find_long(fs, dir->class_id, name, &ret->id);
	return err < 0 ? err : sfs_buf_append(&ret->id, parsed.oid, parsed.oid_len);
}

static const struct fs_view_ops class_ops = {
	.kind = "history class",
	.type = S_IFDIR,
	.attr = fs_view_class_attr,
	.find = object_find,
};

/* --- the classes --- */

static int class_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct fs_view_spec *ret)
{
	struct sfs_class_info info;
	(void)dir;
	int err = fs_class_find(fs->store, name, &info);
	if (!err && info.kind != SFS_CLASS_OBJECT)
		err = SFS_ERR_NOT_FOUND;
	if (err < 0)
		return err;
	ret->ops = &class_ops;
	ret->class_id = info.id;
	return sfs_buf_printf(&ret->id, "%u", info.id);
}

const struct fs_view_ops fs_view_history_ops = {
	.kind = "history",
	.type = S_IFDIR,
	.attr = fs_view_root_attr,
	.find = class_find,
};
