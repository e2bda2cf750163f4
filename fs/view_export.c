/*
 * .storefs/export/DEPTH/CLASS/42.json: objects as other programs want them (storefs/export.h). Knows no
 * FUSE.
 *
 * A text is made each time that its size is asked for, so the size is right; how much is made at once has
 * a limit.
 */
#include <storefs/export.h>
#include "class_name.h"
#include "name.h"
#include "refusal.h"
#include "view_table.h"

#define TEXT_MAX ((size_t)256 << 20)
#define DEPTHS 3
#define COOKIE_FIRST 3

int fs_view_dir_attr(struct fs *fs, uint64_t like, struct sfs_attr *ret)
{
	struct sfs_attr attr;
	int err = sfs_raw_stat(fs->store, like, &attr);
	if (err < 0)
		return err;
	ret->type = SFS_NODE_DIR;
	ret->mode = 0555;
	ret->uid = fs->uid;
	ret->gid = fs->gid;
	ret->nlink = 2;
	ret->atime_ns = attr.atime_ns;
	ret->mtime_ns = attr.mtime_ns;
	ret->ctime_ns = attr.ctime_ns;
	return 0;
}

int fs_view_root_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	(void)view;
	return fs_view_dir_attr(fs, SFS_INO_ROOT, ret);
}

/* --- one object --- */

static unsigned depth_of(const struct fs_view *view)
{
	return (unsigned)(*(const char *)view->id.data - '0');
}

static int make(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret,
		struct sfs_attr *ret_attr)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_export how = { .depth = depth_of(view->parent), .limit = TEXT_MAX };
	int err = sfs_export(fs->store, view->class_id, view->id, &how, ret, ret_attr, &diag);
	if (err == SFS_ERR_LIMIT)
		fs_refusal_diag(&diag);
	return err;
}

static int file_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	return make(fs, view, ret, NULL);
}

/**
 * An export with other objects in it has no owner but who mounted the store: each of those may be
 * for its own owner only.
 */
static void keep_private(const struct fs *fs, unsigned depth, struct sfs_attr *attr)
{
	if (!fs->options->allow_other || depth < 2)
		return;
	attr->mode = 0400;
	attr->uid = fs->uid;
	attr->gid = fs->gid;
}

static int file_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_attr attr;
	int err = make(fs, view, &text, &attr);
	if (!err) {
		*ret = attr;
		ret->type = SFS_NODE_FILE;
		ret->mode = attr.mode & 0444;
		ret->nlink = 1;
		ret->size = ret->size_msgpack = text.len;
		keep_private(fs, depth_of(view->parent), ret);
	}
	sfs_buf_fini(&text);
	return err;
}

static const struct fs_view_ops file_ops = {
	.kind = "export",
	.type = S_IFREG,
	.is_object = true,
	.attr = file_attr,
	.text = file_text,
};

/* --- the objects of a class --- */

int fs_view_class_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_attr class;
	int err = sfs_raw_stat(fs->store, sfs_ino_make(view->class_id, 1), &class);
	if (!err)
		err = fs_view_dir_attr(fs, sfs_ino_make(view->class_id, 1), ret);
	if (err < 0)
		return err;
	/* No way around the class's own directory. */
	ret->mode = class.mode & 0555;
	ret->uid = class.uid;
	ret->gid = class.gid;
	return 0;
}

struct search {
	struct sfs_span name;
	struct sfs_buf *id;
	bool found;
};

static int compare_long(void *arg, struct sfs_span oid, struct sfs_span doc)
{
	struct search *search = arg;
	char name[SFS_NAME_MAX + 1];
	(void)doc;
	size_t len = fs_name_make(oid, SFS_FORMAT_JSON, name);
	if (!sfs_span_equal((struct sfs_span){ name, len }, search->name))
		return 0;
	search->id->len = 0;
	search->found = sfs_buf_append(search->id, oid.data, oid.len) == 0;
	return 1;
}

/** The oid that a shortened name stands for. */
static int find_long(struct fs *fs, uint32_t class_id, struct sfs_span name, struct sfs_buf *id)
{
	struct search search = { .name = name, .id = id };
	for (unsigned number = 0; number < 2 && !search.found; number++) {
		unsigned char prefix[SFS_NAME_MAX];
		size_t len = fs_name_prefix(name, number, prefix);
		int err = len ? sfs_object_scan(fs->store, class_id,
						(struct sfs_span){ prefix, len },
						(struct sfs_span){ NULL, 0 }, 0, SFS_FORMAT_MSGPACK,
						compare_long, &search, NULL)
			      : 0;
		if (err < 0 && err != SFS_ERR_CANCELLED)
			return err;
	}
	return search.found ? 0 : SFS_ERR_NOT_FOUND;
}

static int class_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct fs_view_spec *ret)
{
	struct fs_name parsed;
	fs_name_parse(name, &parsed);
	if (!parsed.object || parsed.format != SFS_FORMAT_JSON)
		return SFS_ERR_NOT_FOUND;
	ret->ops = &file_ops;
	int err = sfs_buf_append(&ret->id, parsed.oid, parsed.oid_len);
	if (err < 0 || sfs_object_has(fs->store, dir->class_id, sfs_buf_span(&ret->id)))
		return err;
	return parsed.hashed ? find_long(fs, dir->class_id, name, &ret->id) : SFS_ERR_NOT_FOUND;
}

struct listing {
	uint64_t number; /* st_ino of the directory */
	fs_view_list_fn *fn;
	void *arg;
};

static int list_object(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct listing *listing = arg;
	char name[SFS_NAME_MAX + 1];
	(void)attr;
	fs_name_make(oid, SFS_FORMAT_JSON, name);
	return listing->fn(listing->arg, name, S_IFREG,
			   fs_view_number(listing->number, &file_ops, oid), cookie);
}

static int class_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		      void *arg)
{
	struct listing listing = { dir->number, fn, arg };
	int err = sfs_object_list(fs->store, dir->class_id, after < COOKIE_FIRST ? 0 : after, 0,
				  list_object, &listing);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

static const struct fs_view_ops class_ops = {
	.kind = "export class",
	.type = S_IFDIR,
	.attr = fs_view_class_attr,
	.find = class_find,
	.list = class_list,
};

/* --- the classes of a depth --- */

/** A class's directory is told from its sisters by depth and class id; the depth comes first. */
static int class_id(const struct fs_view *dir, const struct sfs_class_info *info,
		    struct sfs_buf *ret)
{
	ret->len = 0;
	return sfs_buf_printf(ret, "%u/%u", depth_of(dir), info->id);
}

static int depth_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct fs_view_spec *ret)
{
	struct sfs_class_info info;
	int err = fs_class_find(fs->store, name, &info);
	if (!err && info.kind != SFS_CLASS_OBJECT)
		err = SFS_ERR_NOT_FOUND;
	if (err < 0)
		return err;
	ret->ops = &class_ops;
	ret->class_id = info.id;
	return class_id(dir, &info, &ret->id);
}

static int depth_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		      void *arg)
{
	struct sfs_class_info info = { .id = after < COOKIE_FIRST ? 0 : (uint32_t)(after - 2) };
	struct sfs_buf id = SFS_BUF_INIT;
	char name[SFS_NAME_MAX + 1];
	int err = 0;
	while (!err && sfs_class_next(fs->store, info.id, &info) == 0) {
		if (info.kind != SFS_CLASS_OBJECT)
			continue;
		err = class_id(dir, &info, &id);
		fs_class_name(info.name, name);
		if (!err && fn(arg, name, S_IFDIR,
			       fs_view_number(dir->number, &class_ops, sfs_buf_span(&id)),
			       (uint64_t)info.id + 2))
			break;
	}
	sfs_buf_fini(&id);
	return err;
}

static const struct fs_view_ops depth_ops = {
	.kind = "export depth",
	.type = S_IFDIR,
	.attr = fs_view_root_attr,
	.find = depth_find,
	.list = depth_list,
};

/* --- the depths --- */

static int export_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		       struct fs_view_spec *ret)
{
	(void)fs, (void)dir;
	const char *digit = name.data;
	if (name.len != 1 || *digit < '0' || *digit >= '0' + DEPTHS)
		return SFS_ERR_NOT_FOUND;
	ret->ops = &depth_ops;
	return sfs_buf_append(&ret->id, digit, 1);
}

static int export_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
		       fs_view_list_fn *fn, void *arg)
{
	static const char *const names[DEPTHS] = { "0", "1", "2" };
	(void)fs;
	for (unsigned i = after < COOKIE_FIRST ? 0 : (unsigned)(after - 2); i < DEPTHS; i++) {
		uint64_t number = fs_view_number(dir->number, &depth_ops, sfs_span_str(names[i]));
		if (fn(arg, names[i], S_IFDIR, number, COOKIE_FIRST + i))
			break;
	}
	return 0;
}

const struct fs_view_ops fs_view_export_ops = {
	.kind = "exports",
	.type = S_IFDIR,
	.attr = fs_view_root_attr,
	.find = export_find,
	.list = export_list,
};
