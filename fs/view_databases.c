/*
 * .storefs/databases/NAME.mpack: a database as the one file that it is, with what was saved and is not in its
 * file yet; writing it makes the database what is written. .storefs/databases/NAME/: its backups. Knows no
 * FUSE.
 */
#include <stdio.h>
#include <storefs/database.h>
#include "class_name.h"
#include "refusal.h"
#include "view_table.h"

#define EXTENSION ".mpack"
#define COOKIE_FIRST 3

static int dir_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_attr root;
	int err = sfs_raw_stat(
		fs->store, view->class_id ? sfs_ino_make(view->class_id, 1) : SFS_INO_ROOT, &root);
	if (err < 0)
		return err;
	ret->type = SFS_NODE_DIR;
	ret->mode = view->class_id ? 0500 : 0555;
	ret->uid = fs->uid;
	ret->gid = fs->gid;
	ret->nlink = 2;
	ret->atime_ns = root.atime_ns;
	ret->mtime_ns = root.mtime_ns;
	ret->ctime_ns = root.ctime_ns;
	return 0;
}

static void file_of(const struct fs *fs, uint32_t mode, uint64_t size, int64_t time_ns,
		    struct sfs_attr *ret)
{
	*ret = (struct sfs_attr){
		.type = SFS_NODE_FILE,
		.mode = mode,
		.uid = fs->uid,
		.gid = fs->gid,
		.nlink = 1,
		.size = size,
		.size_msgpack = size,
		.atime_ns = time_ns,
		.mtime_ns = time_ns,
		.ctime_ns = time_ns,
	};
}

/* --- backups --- */

struct search {
	struct sfs_span name;
	uint64_t size;
	int64_t mtime_ns;
};

static int compare_backup(void *arg, const char *name, uint64_t size, int64_t mtime_ns)
{
	struct search *search = arg;
	if (!sfs_span_equal(sfs_span_str(name), search->name))
		return 0;
	search->size = size;
	search->mtime_ns = mtime_ns;
	return 1;
}

static int backup_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct search search = { .name = view->id };
	int err = sfs_database_backups(fs->store, view->class_id, compare_backup, &search);
	if (err != SFS_ERR_CANCELLED)
		return err < 0 ? err : SFS_ERR_NOT_FOUND;
	file_of(fs, 0400, search.size, search.mtime_ns, ret);
	return 0;
}

static int backup_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	char name[SFS_BACKUP_NAME_MAX + 1];
	if (view->id.len > SFS_BACKUP_NAME_MAX)
		return SFS_ERR_NOT_FOUND;
	snprintf(name, sizeof name, "%.*s", (int)view->id.len, (const char *)view->id.data);
	return sfs_database_backup(fs->store, view->class_id, name, ret);
}

static const struct fs_view_ops backup_ops = {
	.kind = "database backup",
	.type = S_IFREG,
	.attr = backup_attr,
	.text = backup_text,
};

static int backups_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			struct fs_view_spec *ret)
{
	struct search search = { .name = name };
	int err = sfs_database_backups(fs->store, dir->class_id, compare_backup, &search);
	if (err != SFS_ERR_CANCELLED)
		return err < 0 ? err : SFS_ERR_NOT_FOUND;
	ret->ops = &backup_ops;
	return sfs_buf_append(&ret->id, name.data, name.len);
}

struct listing {
	const struct fs_view *dir;
	fs_view_list_fn *fn;
	void *arg;
	uint64_t cookie;
};

static int list_backup(void *arg, const char *name, uint64_t size, int64_t mtime_ns)
{
	struct listing *listing = arg;
	(void)size, (void)mtime_ns;
	uint64_t number = fs_view_number(listing->dir->number, &backup_ops, sfs_span_str(name));
	return listing->fn(listing->arg, name, S_IFREG, number, listing->cookie++);
}

static int backups_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
			fs_view_list_fn *fn, void *arg)
{
	struct listing listing = { dir, fn, arg, COOKIE_FIRST };
	(void)after;
	int err = sfs_database_backups(fs->store, dir->class_id, list_backup, &listing);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

static const struct fs_view_ops backups_ops = {
	.kind = "database backups",
	.type = S_IFDIR,
	.whole = true,
	.attr = dir_attr,
	.find = backups_find,
	.list = backups_list,
};

/* --- the file --- */

static int image_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	return sfs_database_image(fs->store, view->class_id, ret);
}

static int image_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_buf image = SFS_BUF_INIT;
	struct sfs_database_info info;
	struct sfs_attr root;
	int err = sfs_database_get(fs->store, view->class_id, &info);
	if (!err)
		err = sfs_raw_stat(fs->store, sfs_ino_make(view->class_id, 1), &root);
	uint64_t size = info.file_bytes;
	/* What is not written yet has to be made to know its length. */
	if (!err && !info.fault && (info.changed || !info.exists)) {
		err = image_text(fs, view, &image);
		size = image.len;
	}
	sfs_buf_fini(&image);
	if (!err)
		file_of(fs, 0600, size, info.changed ? root.mtime_ns : info.written_ns, ret);
	return err;
}

static int image_save(struct fs *fs, const struct fs_view *view, const struct fs_view_save *save)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_database_load(fs->store, view->class_id, save->text, &diag);
	if (err < 0)
		fs_refusal_diag(&diag);
	return err;
}

static const struct fs_view_ops image_ops = {
	.kind = "database",
	.type = S_IFREG,
	.attr = image_attr,
	.text = image_text,
	.save = image_save,
};

/* --- all of them --- */

static int find_class(struct fs *fs, struct sfs_span name, struct sfs_class_info *ret)
{
	int err = fs_class_find(fs->store, name, ret);
	return !err && !ret->database ? SFS_ERR_NOT_FOUND : err;
}

static int put_id(uint32_t class_id, struct sfs_buf *ret)
{
	ret->len = 0;
	return sfs_buf_append(ret, &class_id, sizeof class_id);
}

static int databases_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			  struct fs_view_spec *ret)
{
	size_t end = sizeof EXTENSION - 1;
	const char *text = name.data;
	struct sfs_class_info info;
	(void)dir;
	bool image = name.len > end && memcmp(text + name.len - end, EXTENSION, end) == 0;
	int err = image ? find_class(fs, (struct sfs_span){ text, name.len - end }, &info)
			: find_class(fs, name, &info);
	if (err < 0)
		return err;
	ret->ops = image ? &image_ops : &backups_ops;
	ret->class_id = info.id;
	return put_id(info.id, &ret->id);
}

/** Two entries for each; their cookies are twice the id of the class, and one more. */
static int databases_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
			  fs_view_list_fn *fn, void *arg)
{
	struct sfs_class_info info = { .id = after < 4 ? 0 : (uint32_t)(after / 2 - 2) };
	struct sfs_buf id = SFS_BUF_INIT;
	int err = 0;
	while (!err && sfs_class_next(fs->store, info.id, &info) == 0) {
		char name[SFS_NAME_MAX + 1], file[SFS_NAME_MAX + 16];
		uint64_t cookie = ((uint64_t)info.id + 1) * 2;
		if (!info.database)
			continue;
		fs_class_name(info.name, name);
		snprintf(file, sizeof file, "%s" EXTENSION, name);
		err = put_id(info.id, &id);
		uint64_t image = fs_view_number(dir->number, &image_ops, sfs_buf_span(&id));
		uint64_t backups = fs_view_number(dir->number, &backups_ops, sfs_buf_span(&id));
		if (!err && cookie > after && fn(arg, file, S_IFREG, image, cookie))
			break;
		if (!err && cookie + 1 > after && fn(arg, name, S_IFDIR, backups, cookie + 1))
			break;
	}
	sfs_buf_fini(&id);
	return err;
}

const struct fs_view_ops fs_view_databases_ops = {
	.kind = "databases",
	.type = S_IFDIR,
	.attr = dir_attr,
	.find = databases_find,
	.list = databases_list,
};
