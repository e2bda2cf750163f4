/*
 * .storefs/rejected: see rejected.h.
 */
#include <stdio.h>
#include "class_name.h"
#include "name.h"
#include "refusal.h"
#include "rejected.h"
#include "table.h"

#define DIR_MODE 0755
#define FILE_MODE 0644

/* --- texts --- */

int fs_rejected_sentence(const struct sfs_refused *refused, struct sfs_buf *ret)
{
	time_t seconds = (time_t)(refused->time_ns / 1000000000);
	struct tm tm = { 0 };
	char when[32] = "";
	if (gmtime_r(&seconds, &tm))
		strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	int err = sfs_buf_printf(ret, "refused %s: ", when);
	if (!err && refused->diag.line)
		err = sfs_buf_printf(ret, "line %u, column %u: ", refused->diag.line,
				     refused->diag.column);
	else if (!err && refused->format == SFS_FORMAT_MSGPACK)
		err = sfs_buf_printf(ret, "byte %llu: ", (unsigned long long)refused->diag.offset);
	return err ? err : sfs_buf_printf(ret, "%s", refused->diag.text);
}

/** The file OID.json.error. */
static int error_text(struct fs *fs, const struct sfs_refused *refused, struct sfs_span oid,
		      struct sfs_buf *ret)
{
	struct sfs_class_info info;
	char name[SFS_NAME_MAX + 1], class_file[SFS_NAME_MAX + 1];
	int err = sfs_class_get(fs->store, sfs_ino_class(refused->ino), &info);
	if (err < 0)
		return err;
	fs_class_name(info.name, class_file);
	fs_name_make(oid, refused->format, name);
	err = sfs_buf_printf(ret, "%s/%s: ", class_file, name);
	if (!err)
		err = fs_rejected_sentence(refused, ret);
	if (!err)
		err = sfs_buf_printf(
			ret,
			"\n\nThe text is kept beside this file, as %s. Copy it, correct "
			"it, and copy it\nto %s/%s: the next good save removes both. "
			"Or remove it.\n",
			name, class_file, name);
	if (err || !refused->removed_ino)
		return err;
	fs_name_make_removed(oid, name);
	return sfs_buf_printf(ret,
			      "\nThe object was removed just before: its text is kept too, as %s.\n"
			      "Copied to its place it is the object again.\n",
			      name);
}

int fs_rejected_text(struct fs *fs, uint64_t node, struct sfs_buf *ret)
{
	uint64_t ino = fs_node_ino(node);
	struct sfs_refused refused;
	struct sfs_buf oid = SFS_BUF_INIT;
	if (!(node & FS_NODE_ERROR))
		return sfs_refused_get(fs->store, ino, ret);
	int err = sfs_refused_stat(fs->store, ino, &refused, &oid);
	if (!err)
		err = error_text(fs, &refused, sfs_buf_span(&oid), ret);
	sfs_buf_fini(&oid);
	return err;
}

/* --- attributes --- */

static void fill(struct fs *fs, uint64_t node, struct sfs_attr *attr, int64_t when,
		 struct fs_found *ret)
{
	attr->ino = node;
	attr->uid = fs->uid;
	attr->gid = fs->gid;
	attr->blocks = (attr->size + 511) / 512;
	attr->atime_ns = attr->mtime_ns = attr->ctime_ns = when;
	ret->node = node;
	ret->keep_attr = ret->keep_entry = false;
	fs_node_stat(node, attr, &ret->stat);
}

static void fill_dir(struct fs *fs, uint64_t node, uint32_t nlink, int64_t when,
		     struct fs_found *ret)
{
	struct sfs_attr attr = { .type = SFS_NODE_DIR, .mode = DIR_MODE, .nlink = nlink };
	fill(fs, node, &attr, when, ret);
}

/** rejected/: as new as the newest of its directories. */
static void root_attr(struct fs *fs, struct fs_found *ret)
{
	struct sfs_class_info info = { .id = 0 };
	struct sfs_attr root;
	uint32_t nlink = 2;
	int64_t when = 0;
	if (sfs_raw_stat(fs->store, SFS_INO_ROOT, &root) == 0)
		when = root.atime_ns;
	while (sfs_class_next(fs->store, info.id, &info) == 0) {
		nlink += info.refused > 0;
		when = info.refused_ns > when ? info.refused_ns : when;
	}
	fill_dir(fs, FS_META_REJECTED, nlink, when, ret);
}

static int class_attr(struct fs *fs, uint64_t node, struct fs_found *ret)
{
	struct sfs_class_info info;
	int err = sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(node)), &info);
	if (!err && !info.refused)
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		fill_dir(fs, node, 2, info.refused_ns, ret);
	return err;
}

/**
 * Where there are other users: who may read the object may read its text, and of an object that is not
 * there only whoever mounted the store.
 */
static void keep_private(struct fs *fs, uint32_t class_id, struct sfs_span oid,
			 struct fs_found *ret)
{
	struct sfs_attr object;
	if (!fs->options->allow_other)
		return;
	bool there = sfs_object_find(fs->store, class_id, oid, &object) == 0;
	ret->stat.st_mode = S_IFREG | (there ? object.mode & 0444 : 0400);
	if (there) {
		ret->stat.st_uid = object.uid;
		ret->stat.st_gid = object.gid;
	}
}

static int file_attr(struct fs *fs, uint64_t node, const struct sfs_refused *refused,
		     struct sfs_span oid, struct fs_found *ret)
{
	struct sfs_attr attr = { .type = SFS_NODE_FILE, .mode = FILE_MODE, .nlink = 1 };
	struct sfs_buf text = SFS_BUF_INIT;
	int err = 0;
	bool is_removed = fs_node_ino(node) == refused->removed_ino;
	attr.size = is_removed ? refused->removed_size : refused->size;
	if (node & FS_NODE_ERROR) {
		err = error_text(fs, refused, oid, &text);
		attr.size = text.len;
	}
	sfs_buf_fini(&text);
	fill(fs, node, &attr, refused->time_ns, ret);
	keep_private(fs, sfs_ino_class(fs_node_ino(node)), oid, ret);
	return err;
}

/** It is gone, but somebody reads it still: the size that it has for them. */
static int read_still(struct fs *fs, uint64_t node, struct fs_found *ret)
{
	struct sfs_attr attr = { .type = SFS_NODE_FILE, .mode = FILE_MODE };
	pthread_mutex_lock(&fs->table->lock);
	const struct fs_handle *handle = fs->table->handles;
	while (handle && handle->node != node)
		handle = handle->next;
	if (handle)
		attr.size = handle->text.len;
	pthread_mutex_unlock(&fs->table->lock);
	if (!handle)
		return SFS_ERR_NOT_FOUND;
	fill(fs, node, &attr, fs->started_ns, ret);
	return 0;
}

int fs_rejected_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle,
		     struct fs_found *ret)
{
	struct sfs_refused refused;
	struct sfs_buf oid = SFS_BUF_INIT;
	if (node == FS_META_REJECTED) {
		root_attr(fs, ret);
		return 0;
	}
	if (fs_node_kind(node) == FS_NODE_REJECTED_CLASS)
		return class_attr(fs, node, ret);
	int err = sfs_refused_stat(fs->store, fs_node_ino(node), &refused, &oid);
	if (!err)
		err = file_attr(fs, node, &refused, sfs_buf_span(&oid), ret);
	sfs_buf_fini(&oid);
	if (err == SFS_ERR_NOT_FOUND)
		err = read_still(fs, node, ret);
	/* The version that it reads. */
	if (!err && handle)
		ret->stat.st_size = (off_t)handle->text.len;
	return err;
}

/* --- names --- */

/** The text, why it was refused, and what was removed before. */
#define FILES_MAX 3

struct file {
	char name[SFS_NAME_MAX + 1];
	uint64_t node;
};

/** A name in rejected/CLASS that is looked for. */
struct search {
	struct sfs_span name;
	uint64_t node; /* 0: not found */
	struct sfs_refused refused;
	struct sfs_buf oid;
	int err;
};

/** The files of a refused text. Returns how many. */
static size_t files_of(struct sfs_span oid, const struct sfs_refused *refused,
		       struct file ret[FILES_MAX])
{
	uint64_t node = fs_node_make(FS_VIEW_REJECTED, refused->ino);
	fs_name_make(oid, refused->format, ret[0].name);
	fs_name_make_error(oid, refused->format, ret[1].name);
	fs_name_make_removed(oid, ret[2].name);
	ret[0].node = node;
	ret[1].node = node | FS_NODE_ERROR;
	ret[2].node = fs_node_make(FS_VIEW_REJECTED, refused->removed_ino);
	return refused->removed_ino ? 3 : 2;
}

/** Is one of its files the one? */
static bool is_named(struct search *search, struct sfs_span oid, const struct sfs_refused *refused)
{
	struct file files[FILES_MAX];
	size_t count = files_of(oid, refused, files);
	for (size_t i = 0; i < count && !search->node; i++) {
		if (sfs_span_equal(sfs_span_str(files[i].name), search->name))
			search->node = files[i].node;
	}
	if (!search->node)
		return false;
	search->refused = *refused;
	search->err = sfs_buf_append(&search->oid, oid.data, oid.len);
	return true;
}

static int compare(void *arg, struct sfs_span oid, const struct sfs_refused *refused,
		   uint64_t cookie)
{
	(void)cookie;
	return is_named(arg, oid, refused);
}

static struct sfs_span without(struct sfs_span name, struct sfs_span ending)
{
	if (name.len > ending.len &&
	    memcmp((const char *)name.data + name.len - ending.len, ending.data, ending.len) == 0)
		name.len -= ending.len;
	return name;
}

/** The text's own name: without what the names of the other files add. */
static struct sfs_span text_name(struct sfs_span name)
{
	struct sfs_span text = without(name, sfs_span_str(FS_NAME_ERROR));
	return text.len < name.len ? text : without(name, sfs_span_str(FS_NAME_REMOVED));
}

/** Finds by the oid that the name says; only shortened names need to be compared with all. */
static int find(struct fs *fs, uint32_t class_id, struct search *search)
{
	struct fs_name name;
	struct sfs_refused refused;
	fs_name_parse(text_name(search->name), &name);
	if (!name.object)
		return SFS_ERR_NOT_FOUND;
	struct sfs_span oid = { name.oid, name.oid_len };
	int err = sfs_refused_find(fs->store, class_id, oid, &refused);
	if (!err && is_named(search, oid, &refused))
		return search->err;
	if (search->name.len < SFS_NAME_MAX - 32)
		return err ? err : SFS_ERR_NOT_FOUND;
	err = sfs_refused_list(fs->store, class_id, 0, 0, compare, search);
	if (err == SFS_ERR_CANCELLED)
		return search->err;
	return err ? err : SFS_ERR_NOT_FOUND;
}

static int find_class(struct fs *fs, struct sfs_span name, struct fs_found *ret)
{
	struct sfs_class_info info;
	int err = fs_class_find(fs->store, name, &info);
	return err ? err : class_attr(fs, fs_node_make(FS_VIEW_REJECTED, info.attr.ino), ret);
}

int fs_rejected_find(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_found *ret)
{
	if (dir == FS_META_REJECTED)
		return find_class(fs, name, ret);
	struct search search = { .name = name };
	int err = find(fs, sfs_ino_class(fs_node_ino(dir)), &search);
	if (!err)
		err = file_attr(fs, search.node, &search.refused, sfs_buf_span(&search.oid), ret);
	sfs_buf_fini(&search.oid);
	return err;
}

int fs_rejected_remove(struct fs *fs, uint64_t dir, struct sfs_span name)
{
	uint32_t class_id = sfs_ino_class(fs_node_ino(dir));
	struct search search = { .name = name };
	if (dir == FS_META_REJECTED)
		return SFS_ERR_READ_ONLY;
	int err = find(fs, class_id, &search);
	if (!err && search.node != fs_node_make(FS_VIEW_REJECTED, search.refused.ino)) {
		fs_refusal_because("it goes with the text beside it, which can be removed");
		err = SFS_ERR_READ_ONLY;
	}
	if (!err)
		err = sfs_refused_remove(fs->store, class_id, sfs_buf_span(&search.oid));
	sfs_buf_fini(&search.oid);
	return err;
}

/* --- listing --- */

struct listing {
	fs_meta_list_fn *fn;
	void *arg;
};

/** All files of a text: they share a cookie, so a listing shows all or goes on before them. */
static int list_text(void *arg, struct sfs_span oid, const struct sfs_refused *refused,
		     uint64_t cookie)
{
	const struct listing *listing = arg;
	struct file files[FILES_MAX];
	size_t count = files_of(oid, refused, files);
	for (size_t i = 0; i < count; i++) {
		if (listing->fn(listing->arg, files[i].name, files[i].node, false, cookie >> 1))
			return 1;
	}
	return 0;
}

int fs_rejected_list(struct fs *fs, uint64_t dir, uint64_t after, fs_meta_list_fn *fn, void *arg)
{
	if (dir == FS_META_REJECTED) {
		struct sfs_class_info info = { .id = after < 16 ? 0 : (uint32_t)(after - 16) };
		while (sfs_class_next(fs->store, info.id, &info) == 0) {
			char file[SFS_NAME_MAX + 1];
			fs_class_name(info.name, file);
			if (info.refused &&
			    fn(arg, file, fs_node_make(FS_VIEW_REJECTED, info.attr.ino), true,
			       (uint64_t)info.id + 16))
				break;
		}
		return 0;
	}
	struct listing listing = { fn, arg };
	uint64_t engine = after <= 2 ? 0 : after << 1 | 1;
	int err = sfs_refused_list(fs->store, sfs_ino_class(fs_node_ino(dir)), engine, 0, list_text,
				   &listing);
	return err == SFS_ERR_CANCELLED ? 0 : err;
}
