/*
 * .storefs: see meta.h. Generated files are made when they are looked at, and an open within a
 * second reads what stat said the size of; they change nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <storefs/errors.h>
#include "class_name.h"
#include "meta_private.h"
#include "rejected.h"

#define PAGE_FRESH_NS 1000000000
#define COOKIE_FIRST 3

static const struct {
	const char *name;
	uint64_t node;
	bool directory;
} files[] = {
	{ "README", FS_META_README, false },        { "status", FS_META_STATUS, false },
	{ "metrics", FS_META_METRICS, false },      { "schema", FS_META_SCHEMA, true },
	{ "errors.ndjson", FS_META_ERRORS, false }, { "rejected", FS_META_REJECTED, true },
};
#define FILES (sizeof files / sizeof files[0])

int fs_meta_start(struct fs *fs)
{
	fs->meta = calloc(1, sizeof *fs->meta);
	if (!fs->meta)
		return SFS_ERR_NO_MEMORY;
	pthread_mutex_init(&fs->meta->lock, NULL);
	return 0;
}

void fs_meta_stop(struct fs *fs)
{
	struct fs_meta *meta = fs->meta;
	if (!meta)
		return;
	for (size_t i = 0; i < sizeof meta->pages / sizeof meta->pages[0]; i++)
		sfs_buf_fini(&meta->pages[i].text);
	while (meta->schemas) {
		struct fs_schema *schema = meta->schemas;
		meta->schemas = schema->next;
		free(schema);
	}
	pthread_mutex_destroy(&meta->lock);
	free(meta);
	fs->meta = NULL;
}

/* --- names --- */

static uint64_t schema_node(uint32_t class_id, bool json_schema)
{
	return fs_node_make(FS_VIEW_SCHEMA,
			    sfs_ino_make(class_id, json_schema ? FS_SERIAL_JSON_SCHEMA : 1));
}

static int find_schema(struct fs *fs, struct sfs_span file, uint64_t *ret)
{
	struct sfs_class_info info;
	struct sfs_span name;
	bool json_schema;
	int err = fs_schema_split(file, &name, &json_schema);
	if (err < 0)
		return SFS_ERR_NOT_FOUND;
	err = fs_class_find(fs->store, name, &info);
	if (!err)
		*ret = schema_node(info.id, json_schema);
	else if (json_schema)
		err = SFS_ERR_NOT_FOUND;
	else
		err = fs_schema_find(fs, name, ret);
	return err;
}

int fs_meta_find(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_found *ret)
{
	uint64_t node = 0;
	int err = 0;
	if (dir == SFS_INO_ROOT)
		node = FS_META_DIR;
	else if (dir == FS_META_SCHEMA)
		err = find_schema(fs, name, &node);
	for (size_t i = 0; dir == FS_META_DIR && i < FILES; i++) {
		if (sfs_span_equal(name, sfs_span_str(files[i].name)))
			node = files[i].node;
	}
	if (err < 0 || !node)
		return SFS_ERR_NOT_FOUND;
	if (fs_node_kind(node) == FS_NODE_META_FILE) {
		ret->keep_entry = false;
		pthread_mutex_lock(&fs->meta->lock);
		fs->meta->pages[node - FS_META_README].made_ns = 0;
		pthread_mutex_unlock(&fs->meta->lock);
	}
	if (fs_node_kind(node) == FS_NODE_REJECTED_DIR)
		return fs_rejected_attr(fs, node, NULL, ret);
	return fs_meta_attr(fs, node, NULL, ret);
}

/** Two files for each class; their cookies are twice its id and one more, from 18 on. */
static void list_schemas(struct fs *fs, uint64_t after, fs_meta_list_fn *fn, void *arg)
{
	static const char *const extensions[] = { "json", "schema.json" };
	struct sfs_class_info info = { .id = after < 20 ? 0 : (uint32_t)(after / 2 - 9) };
	while (sfs_class_next(fs->store, info.id, &info) == 0) {
		for (unsigned i = 0; i < 2; i++) {
			char name[SFS_NAME_MAX + 1], file[SFS_NAME_MAX + 16];
			uint64_t cookie = ((uint64_t)info.id + 8) * 2 + i;
			fs_class_name(info.name, name);
			snprintf(file, sizeof file, "%s.%s", name, extensions[i]);
			if (cookie > after && fn(arg, file, schema_node(info.id, i), false, cookie))
				return;
		}
	}
}

void fs_meta_list(struct fs *fs, uint64_t dir, uint64_t after, fs_meta_list_fn *fn, void *arg)
{
	for (size_t i = 0; dir == FS_META_DIR && i < FILES; i++) {
		uint64_t cookie = COOKIE_FIRST + i;
		if (cookie > after &&
		    fn(arg, files[i].name, files[i].node, files[i].directory, cookie))
			return;
	}
	if (dir == FS_META_SCHEMA)
		list_schemas(fs, after, fn, arg);
}

/* --- content --- */

/** schema/C.json or schema/C.schema.json? */
static bool is_schema(uint64_t node)
{
	return fs_node_kind(node) == FS_NODE_SCHEMA || fs_node_kind(node) == FS_NODE_JSON_SCHEMA;
}

static int make_page(struct fs *fs, uint64_t node, struct sfs_buf *ret)
{
	switch (node) {
	case FS_META_README: return fs_text_readme(fs, ret);
	case FS_META_STATUS: return fs_text_status(fs, ret);
	case FS_META_METRICS: return fs_text_metrics(fs, ret);
	case FS_META_ERRORS: return sfs_errors_text(fs->store, ret, NULL);
	default: return SFS_ERR_NOT_FOUND;
	}
}

/**
 * The page of a file, made anew when it is older than a second. A name that is looked up gets a new
 * one always; fstat and open, which follow, then agree with it. meta->lock is held.
 */
static int fresh_page_locked(struct fs *fs, uint64_t node, struct fs_page **ret)
{
	struct fs_page *page = &fs->meta->pages[node - FS_META_README];
	int64_t now = fs_now_ns();
	*ret = page;
	if (page->made_ns && now - page->made_ns < PAGE_FRESH_NS && now >= page->made_ns)
		return 0;
	struct sfs_buf text = SFS_BUF_INIT;
	int err = make_page(fs, node, &text);
	if (err < 0) {
		sfs_buf_fini(&text);
		return err;
	}
	sfs_buf_fini(&page->text);
	page->text = text;
	page->made_ns = now;
	return 0;
}

static int schema_text(struct fs *fs, uint64_t node, struct sfs_buf *ret)
{
	char name[SFS_CLASS_NAME_MAX + 1];
	uint32_t class_id = sfs_ino_class(fs_node_ino(node));
	if (fs_node_kind(node) == FS_NODE_JSON_SCHEMA)
		return sfs_class_json_schema(fs->store, class_id, ret);
	return class_id ? sfs_class_schema(fs->store, class_id, ret)
			: fs_schema_peek(fs, node, name);
}

int fs_meta_text(struct fs *fs, uint64_t node, struct sfs_buf *ret)
{
	if (is_schema(node))
		return schema_text(fs, node, ret);
	struct fs_page *page;
	pthread_mutex_lock(&fs->meta->lock);
	int err = fresh_page_locked(fs, node, &page);
	if (!err)
		err = sfs_buf_append(ret, page->text.data, page->text.len);
	pthread_mutex_unlock(&fs->meta->lock);
	return err;
}

/* --- attributes --- */

/** It changed when its last line came. */
static void set_errors_time(struct fs *fs, struct sfs_attr *attr)
{
	struct sfs_buf text = SFS_BUF_INIT;
	int64_t when = 0;
	if (sfs_errors_text(fs->store, &text, &when) == 0 && when)
		attr->mtime_ns = attr->ctime_ns = attr->atime_ns = when;
	sfs_buf_fini(&text);
}

static int page_attr(struct fs *fs, uint64_t node, struct sfs_attr *attr)
{
	struct fs_page *page;
	pthread_mutex_lock(&fs->meta->lock);
	int err = fresh_page_locked(fs, node, &page);
	if (!err) {
		attr->size = page->text.len;
		if (node == FS_META_ERRORS)
			set_errors_time(fs, attr);
		else if (node != FS_META_README)
			attr->mtime_ns = attr->ctime_ns = attr->atime_ns = page->made_ns;
	}
	pthread_mutex_unlock(&fs->meta->lock);
	return err;
}

static int schema_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle,
		       struct sfs_attr *attr)
{
	struct sfs_class_info info;
	struct sfs_buf text = SFS_BUF_INIT;
	int err = schema_text(fs, node, &text);
	attr->mode = fs_node_kind(node) == FS_NODE_SCHEMA ? 0644 : 0444;
	attr->size = text.len;
	sfs_buf_fini(&text);
	if (handle && handle->kind == FS_HANDLE_SCHEMA)
		attr->size = fs_draft_size(&handle->draft);
	if (sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(node)), &info) == 0)
		attr->mtime_ns = attr->ctime_ns = attr->atime_ns = info.attr.ctime_ns;
	return err;
}

/**
 * Times that stand still: the list of classes changes with the root, the rest is as old as the
 * store.
 */
static void set_times(struct fs *fs, uint64_t node, struct sfs_attr *attr)
{
	struct sfs_attr root;
	int64_t when = fs->started_ns;
	/* Reading does not move the root's access time, so it is when the store was made. */
	if (sfs_raw_stat(fs->store, SFS_INO_ROOT, &root) == 0)
		when = node == FS_META_SCHEMA ? root.mtime_ns : root.atime_ns;
	attr->atime_ns = attr->mtime_ns = attr->ctime_ns = when;
}

int fs_meta_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle, struct fs_found *ret)
{
	struct sfs_attr attr = {
		.ino = node,
		.type = SFS_NODE_FILE,
		.mode = 0444,
		.nlink = 1,
		.uid = fs->uid,
		.gid = fs->gid,
	};
	int err = 0;
	set_times(fs, node, &attr);
	ret->keep_attr = false;
	if (fs_node_kind(node) == FS_NODE_META_FILE) {
		err = page_attr(fs, node, &attr);
	} else if (is_schema(node)) {
		err = schema_attr(fs, node, handle, &attr);
	} else {
		attr.type = SFS_NODE_DIR;
		attr.mode = node == FS_META_SCHEMA ? 0755 : 0555;
		attr.nlink = node == FS_META_SCHEMA ? 2 : 4;
		ret->keep_attr = node != FS_META_SCHEMA;
	}
	attr.blocks = (attr.size + 511) / 512;
	ret->node = node;
	fs_node_stat(node, &attr, &ret->stat);
	ret->stat.st_size = (off_t)attr.size;
	return err;
}

int fs_meta_set(struct fs *fs, uint64_t node, struct fs_handle *handle,
		const struct sfs_setattr *set)
{
	struct fs_found found;
	int err = fs_meta_attr(fs, node, handle, &found);
	if (err < 0)
		return err;
	bool writable = handle && handle->kind == FS_HANDLE_SCHEMA;
	if ((set->mask & SFS_SET_SIZE) && !writable && set->size != (uint64_t)found.stat.st_size)
		return SFS_ERR_WRONG_KIND;
	if ((set->mask & SFS_SET_MODE) && (set->mode & 07777) != (found.stat.st_mode & 07777))
		return SFS_ERR_WRONG_KIND;
	if (((set->mask & SFS_SET_UID) && set->uid != found.stat.st_uid) ||
	    ((set->mask & SFS_SET_GID) && set->gid != found.stat.st_gid))
		return SFS_ERR_WRONG_KIND;
	return (set->mask & SFS_SET_SIZE) && writable ? fs_draft_resize(&handle->draft, set->size)
						      : 0;
}
