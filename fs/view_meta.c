/*
 * .storefs/meta/CLASS/holiday/a.jpg.json: all metadata of a raw as one document. Knows no FUSE.
 *
 * Directories are those of the class; each raw has its document in the place of itself. A save
 * replaces the metadata, and is judged as one of an object is. What programs make beside a document while
 * they save it are scratch files (scratch.h): any name that is no document's. What was refused is kept as
 * one, too: .a.jpg.json.rejected.
 *
 * Lookup-only: a.jpg/.referrers/CLASS.RELATION/, who refers to the raw.
 */
#include <stdio.h>
#include "class_name.h"
#include "name.h"
#include "refusal.h"
#include "relation.h"
#include "scratch.h"
#include "view_table.h"

#define EXTENSION ".json"
#define EXTENSION_LEN 5
/* Raws and directories: the cookie of the engine / 2; then scratch files, by serial. */
#define COOKIE_SCRATCH ((uint64_t)1 << 61)
#define COOKIE_FIRST 3

static const struct fs_view_ops document_ops, directory_ops;

static uint64_t ino_of(const struct fs_view *view)
{
	uint64_t ino;
	memcpy(&ino, view->id.data, sizeof ino);
	return ino;
}

static int put_ino(struct sfs_buf *id, uint64_t ino)
{
	id->len = 0;
	return sfs_buf_append(id, &ino, sizeof ino);
}

/* --- documents --- */

static int document_text(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	return sfs_raw_meta_document(fs->store, ino_of(view), SFS_FORMAT_JSON, ret);
}

static int document_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_raw_updates updates;
	struct sfs_attr attr;
	int err = sfs_raw_stat(fs->store, ino_of(view), &attr);
	if (!err)
		err = sfs_raw_updated(fs->store, ino_of(view), &updates);
	if (!err)
		err = document_text(fs, view, &text);
	if (!err) {
		ret->mode = attr.mode & 0666;
		ret->uid = attr.uid;
		ret->gid = attr.gid;
		ret->size = text.len;
		ret->atime_ns = ret->mtime_ns = ret->ctime_ns = updates.saved_ns;
	}
	sfs_buf_fini(&text);
	return err;
}

/** One save, whatever led to it. */
static int put(struct fs *fs, uint64_t ino, struct sfs_span text)
{
	const struct sfs_raw_meta_put how = { SFS_FORMAT_JSON, text, SFS_PUT_KEEP_TEXT };
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_raw_meta_put(fs->store, ino, &how, &diag);
	if (diag.text[0])
		fs_refusal_diag(&diag);
	return err;
}

/** Where a refused text is kept. False: it would be too long. */
static bool rejected_name(const char *name, char ret[SFS_NAME_MAX + 1])
{
	int len = snprintf(ret, SFS_NAME_MAX + 1, ".%s.rejected", name);
	return len > 0 && len <= SFS_NAME_MAX;
}

/** Save, and keep what was refused, or forget what was refused before. @dir  the directory. */
static int save_document(struct fs *fs, const struct fs_view *dir, const char *name, uint64_t ino,
			 struct sfs_span text)
{
	char rejected[SFS_NAME_MAX + 1];
	bool named = rejected_name(name, rejected);
	int err = put(fs, ino, text);
	if (named && !err)
		(void)fs_scratch_remove(fs, dir, sfs_span_str(rejected));
	else if (named && text.len && (err == SFS_ERR_BAD_DOCUMENT || err == SFS_ERR_LIMIT) &&
		 fs_scratch_put(fs, dir, sfs_span_str(rejected), text) < 0)
		fs_log(LOG_ERR, "a refused text of metadata could not be kept");
	return err;
}

static int document_save(struct fs *fs, const struct fs_view *view, const struct fs_view_save *save)
{
	if (save->text.len == 0) {
		fs_refusal_because("it was closed while it was empty, which is no document: the "
				   "metadata stayed as it was (\"{}\" removes all of it)");
		fs_refusal_add(fs, 0);
		return 0;
	}
	int err = save_document(fs, view->parent, view->name, ino_of(view), save->text);
	/* It was removed while it was open. */
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

/** truncate(2) by name: read, cut, save. */
static int resize(struct fs *fs, const struct fs_view *view, uint64_t size)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int err = size > SFS_DOCUMENT_MAX ? SFS_ERR_LIMIT : document_text(fs, view, &text);
	if (!err && size && text.len != size) {
		err = sfs_buf_resize(&text, (size_t)size);
		if (!err)
			err = put(fs, ino_of(view), sfs_buf_span(&text));
	}
	sfs_buf_fini(&text);
	return err;
}

static int document_set(struct fs *fs, const struct fs_view *view, const struct sfs_setattr *set)
{
	struct sfs_attr now = { .mode = 0 };
	uint64_t size;
	int err = document_attr(fs, view, &now);
	/* Who saves a file sets its mode and owner meanwhile: they are part of that. */
	if (!err && !fs_view_draft_size(fs, view, 0, &size))
		err = fs_view_owner(set, &now,
				    "the document of a raw's metadata has the mode and the owner "
				    "of the raw: change those");
	if (!err && (set->mask & SFS_SET_SIZE))
		err = resize(fs, view, set->size);
	return err;
}

static const struct fs_view_ops document_ops = {
	.kind = "metadata",
	.type = S_IFREG,
	.attr = document_attr,
	.set = document_set,
	.text = document_text,
	.save = document_save,
};

/* --- names --- */

/** The file name of a raw's document. */
static void document_name(struct sfs_span raw, char ret[SFS_NAME_MAX + 1])
{
	/* What is too long is shortened as oids are. */
	if (raw.len + EXTENSION_LEN > SFS_NAME_MAX)
		fs_name_make(raw, SFS_FORMAT_JSON, ret);
	else
		snprintf(ret, SFS_NAME_MAX + 1, "%.*s" EXTENSION, (int)raw.len,
			 (const char *)raw.data);
}

/** Cut the extension off. False: the name has none, or nothing else. */
static bool cut(struct sfs_span name, struct sfs_span *ret)
{
	const char *bytes = name.data;
	if (name.len <= EXTENSION_LEN ||
	    memcmp(bytes + name.len - EXTENSION_LEN, EXTENSION, EXTENSION_LEN) != 0)
		return false;
	*ret = (struct sfs_span){ bytes, name.len - EXTENSION_LEN };
	return true;
}

struct search {
	struct sfs_span name;
	uint64_t ino;
};

static int compare_long(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
			uint64_t cookie)
{
	struct search *search = arg;
	char file[SFS_NAME_MAX + 1];
	(void)cookie;
	if (type != SFS_NODE_FILE || name.len + EXTENSION_LEN <= SFS_NAME_MAX)
		return 0;
	document_name(name, file);
	if (!sfs_span_equal(sfs_span_str(file), search->name))
		return 0;
	search->ino = ino;
	return 1;
}

/** The raw whose document's name is shortened to this. */
static int find_long(struct fs *fs, uint64_t dir, struct sfs_span name, uint64_t *ret)
{
	struct search search = { .name = name };
	int err = sfs_raw_list(fs->store, dir, 0, 0, compare_long, &search);
	if (err && err != SFS_ERR_CANCELLED)
		return err;
	*ret = search.ino;
	return search.ino ? 0 : SFS_ERR_NOT_FOUND;
}

/** The raw that a name is the document of. */
static int find_document(struct fs *fs, uint64_t dir, struct sfs_span name, uint64_t *ret)
{
	struct sfs_attr attr;
	struct sfs_span raw;
	if (!cut(name, &raw))
		return SFS_ERR_NOT_FOUND;
	int err = sfs_raw_find(fs->store, dir, raw, &attr);
	*ret = attr.ino;
	if (!err && attr.type != SFS_NODE_FILE)
		err = SFS_ERR_NOT_FOUND;
	if (err == SFS_ERR_NOT_FOUND && fs_name_is_hashed(raw))
		err = find_long(fs, dir, name, ret);
	return err;
}

static int find_directory(struct fs *fs, uint64_t dir, struct sfs_span name, uint64_t *ret)
{
	struct sfs_attr attr;
	int err = sfs_raw_find(fs->store, dir, name, &attr);
	*ret = attr.ino;
	return !err && attr.type != SFS_NODE_DIR ? SFS_ERR_NOT_FOUND : err;
}

/* --- a raw as a directory: who refers to it --- */

static int raw_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_attr attr;
	int err = sfs_raw_find_path(fs->store, view->class_id, view->id, &attr);
	if (err < 0)
		return err == SFS_ERR_NOT_DIR ? SFS_ERR_NOT_FOUND : err;
	ret->mode = 0555;
	ret->uid = attr.uid;
	ret->gid = attr.gid;
	ret->nlink = 3;
	ret->atime_ns = attr.atime_ns;
	ret->mtime_ns = attr.mtime_ns;
	ret->ctime_ns = attr.ctime_ns;
	return 0;
}

static int raw_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		    struct fs_view_spec *ret)
{
	(void)fs, (void)dir;
	if (!sfs_span_equal(name, sfs_span_str(FS_REFERRERS_NAME)))
		return SFS_ERR_NOT_FOUND;
	ret->ops = &fs_referrers_ops;
	return 0;
}

/* Its id is its path, as that of an object is its oid. */
static const struct fs_view_ops raw_ops = {
	.kind = "raw",
	.type = S_IFDIR,
	.is_object = true,
	.attr = raw_attr,
	.find = raw_find,
};

/** The raw of a name itself. */
static int find_raw(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret)
{
	struct sfs_attr attr;
	int err = sfs_raw_find(fs->store, dir, name, &attr);
	if (!err && attr.type != SFS_NODE_FILE)
		err = SFS_ERR_NOT_FOUND;
	ret->ops = &raw_ops;
	ret->id.len = 0;
	if (!err)
		err = sfs_raw_path(fs->store, dir, &ret->id);
	if (!err && ret->id.len)
		err = sfs_buf_append(&ret->id, "/", 1);
	return err < 0 ? err : sfs_buf_append(&ret->id, name.data, name.len);
}

/* --- what a name in a directory means --- */

static int directory_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
			  struct fs_view_spec *ret)
{
	uint64_t ino;
	int err = find_document(fs, ino_of(dir), name, &ino);
	ret->ops = &document_ops;
	if (err == SFS_ERR_NOT_FOUND) {
		err = find_directory(fs, ino_of(dir), name, &ino);
		ret->ops = &directory_ops;
	}
	if (!err)
		return put_ino(&ret->id, ino);
	if (err == SFS_ERR_NOT_FOUND)
		err = find_raw(fs, ino_of(dir), name, ret);
	ret->id.len = err < 0 ? 0 : ret->id.len;
	return err == SFS_ERR_NOT_FOUND ? fs_scratch_find(fs, dir, name, ret) : err;
}

/* --- directories --- */

static int directory_attr(struct fs *fs, const struct fs_view *view, struct sfs_attr *ret)
{
	struct sfs_attr attr;
	int err = sfs_raw_stat(fs->store, ino_of(view), &attr);
	if (err < 0)
		return err;
	ret->mode = attr.mode & 0777;
	ret->uid = attr.uid;
	ret->gid = attr.gid;
	ret->nlink = attr.nlink;
	ret->atime_ns = attr.atime_ns;
	ret->mtime_ns = attr.mtime_ns;
	ret->ctime_ns = attr.ctime_ns;
	return 0;
}

struct listing {
	uint64_t number; /* st_ino of the directory */
	fs_view_list_fn *fn;
	void *arg;
};

static int list_entry(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
		      uint64_t cookie)
{
	const struct listing *listing = arg;
	char file[SFS_NAME_MAX + 1];
	bool dir = type == SFS_NODE_DIR;
	const struct fs_view_ops *ops = dir ? &directory_ops : &document_ops;
	if (!dir && type != SFS_NODE_FILE)
		return 0;
	if (dir)
		snprintf(file, sizeof file, "%.*s", (int)name.len, (const char *)name.data);
	else
		document_name(name, file);
	uint64_t number = fs_view_number(listing->number, ops,
					 (struct sfs_span){ &ino, sizeof ino });
	return listing->fn(listing->arg, file, ops->type, number, cookie >> 1);
}

static int directory_list(struct fs *fs, const struct fs_view *dir, uint64_t after,
			  fs_view_list_fn *fn, void *arg)
{
	struct listing listing = { dir->number, fn, arg };
	int err = 0;
	if (after < COOKIE_SCRATCH)
		err = sfs_raw_list(fs->store, ino_of(dir),
				   after < COOKIE_FIRST ? 0 : after << 1 | 1, 0, list_entry,
				   &listing);
	if (!err)
		err = fs_scratch_list(fs, dir, after, COOKIE_SCRATCH, fn, arg);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}

/** May a name be that of a scratch file? One that would be a document's if there were a raw must look it. */
static bool is_scratch(const struct fs_view_make *make)
{
	struct sfs_span raw;
	return fs_scratch_is(make, false) || !cut(make->name, &raw);
}

static int no_raw(struct sfs_span name)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	sfs_diag_set(&diag, SFS_ERR_NOT_FOUND,
		     "there is no raw whose metadata '%.*s' would be: make the raw first",
		     (int)(name.len < 200 ? name.len : 200), (const char *)name.data);
	fs_refusal_diag(&diag);
	return SFS_ERR_NOT_FOUND;
}

static int directory_create(struct fs *fs, const struct fs_view *dir,
			    const struct fs_view_make *make, struct fs_view_spec *ret)
{
	int err = directory_find(fs, dir, make->name, ret);
	if (!err)
		return SFS_ERR_EXISTS;
	if (err != SFS_ERR_NOT_FOUND)
		return err;
	/* vim asks like this whether it may rename files here; it shall write them in place. */
	if (make->exclusive && sfs_span_equal(make->name, sfs_span_str("4913")))
		return SFS_ERR_UNSUPPORTED;
	if (!is_scratch(make))
		return no_raw(make->name);
	ret->ops = &fs_scratch_view_ops;
	ret->id.len = 0;
	err = fs_scratch_create(fs, dir, make);
	return err < 0 ? err : sfs_buf_append(&ret->id, make->name.data, make->name.len);
}

/** Locks of editors are links. */
static int directory_symlink(struct fs *fs, const struct fs_view *dir,
			     const struct fs_view_make *make)
{
	struct fs_view_spec spec = { .id = SFS_BUF_INIT };
	int err = directory_find(fs, dir, make->name, &spec);
	sfs_buf_fini(&spec.id);
	if (!err)
		return SFS_ERR_EXISTS;
	return fs_scratch_is(make, false) ? fs_scratch_create(fs, dir, make) : SFS_ERR_READ_ONLY;
}

static int directory_unlink(struct fs *fs, const struct fs_view *dir, struct sfs_span name)
{
	uint64_t ino;
	if (find_document(fs, ino_of(dir), name, &ino) == 0) {
		fs_refusal_because("a raw always has metadata, if only {}: write \"{}\" to remove "
				   "all of it, or remove the raw");
		return SFS_ERR_READ_ONLY;
	}
	return fs_scratch_remove(fs, dir, name);
}

/** A scratch file becomes the document of a raw: it is saved, and gone then. */
static int scratch_to_document(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
			       struct sfs_span to, uint64_t ino)
{
	struct sfs_buf text = SFS_BUF_INIT;
	char name[SFS_NAME_MAX + 1];
	snprintf(name, sizeof name, "%.*s", (int)to.len, (const char *)to.data);
	int err = fs_scratch_latest(fs, dir, from, &text);
	if (!err)
		err = save_document(fs, dir, name, ino, sfs_buf_span(&text));
	if (!err)
		err = fs_scratch_remove(fs, dir, from);
	atomic_fetch_add(err == SFS_ERR_BAD_DOCUMENT ? &fs->refused : &fs->saves, 1);
	sfs_buf_fini(&text);
	return err;
}

/** A backup by renaming: a copy is left behind, as a raw can not be without its metadata. */
static int document_to_scratch(struct fs *fs, const struct fs_view *dir, uint64_t ino,
			       struct sfs_span to)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int err = sfs_raw_meta_document(fs->store, ino, SFS_FORMAT_JSON, &text);
	if (!err)
		err = fs_scratch_put(fs, dir, to, sfs_buf_span(&text));
	sfs_buf_fini(&text);
	return err;
}

static int directory_rename(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
			    struct sfs_span to, unsigned flags)
{
	const struct fs_view_make make = { .name = to, .mode = 0666 };
	uint64_t from_ino = 0, to_ino = 0;
	bool from_document = find_document(fs, ino_of(dir), from, &from_ino) == 0;
	bool to_document = find_document(fs, ino_of(dir), to, &to_ino) == 0;
	if (flags & SFS_RENAME_EXCHANGE)
		return SFS_ERR_INVALID;
	if (to_document && (flags & SFS_RENAME_NOREPLACE))
		return SFS_ERR_EXISTS;
	if (!from_document && to_document)
		return scratch_to_document(fs, dir, from, to, to_ino);
	if (!to_document && !is_scratch(&make))
		return no_raw(to);
	if (from_document && !to_document)
		return document_to_scratch(fs, dir, from_ino, to);
	if (!from_document)
		return fs_scratch_rename(fs, dir, from, to, flags);
	fs_refusal_because("metadata does not move from one raw to another: copy it");
	return SFS_ERR_WRONG_KIND;
}

static const struct fs_view_ops directory_ops = {
	.kind = "metadata directory",
	.type = S_IFDIR,
	.attr = directory_attr,
	.find = directory_find,
	.list = directory_list,
	.create = directory_create,
	.symlink = directory_symlink,
	.unlink = directory_unlink,
	.rename = directory_rename,
};

/* --- the raw classes --- */

static int root_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		     struct fs_view_spec *ret)
{
	struct sfs_class_info info;
	(void)dir;
	int err = fs_class_find(fs->store, name, &info);
	if (!err && info.kind != SFS_CLASS_RAW)
		err = SFS_ERR_NOT_FOUND;
	if (err < 0)
		return err;
	ret->ops = &directory_ops;
	ret->class_id = info.id;
	return put_ino(&ret->id, info.attr.ino);
}

static int root_list(struct fs *fs, const struct fs_view *dir, uint64_t after, fs_view_list_fn *fn,
		     void *arg)
{
	struct sfs_class_info info = { .id = after < COOKIE_FIRST ? 0 : (uint32_t)(after - 2) };
	while (sfs_class_next(fs->store, info.id, &info) == 0) {
		const struct sfs_span id = { &info.attr.ino, sizeof info.attr.ino };
		char name[SFS_NAME_MAX + 1];
		fs_class_name(info.name, name);
		if (info.kind == SFS_CLASS_RAW &&
		    fn(arg, name, S_IFDIR, fs_view_number(dir->number, &directory_ops, id),
		       (uint64_t)info.id + 2))
			break;
	}
	return 0;
}

const struct fs_view_ops fs_view_meta_ops = {
	.kind = "metadata classes",
	.type = S_IFDIR,
	.attr = fs_view_root_attr,
	.find = root_find,
	.list = root_list,
};
