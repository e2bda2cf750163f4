/*
 * Definitions of classes as files: .storefs/schema/C.json. A save defines the class, creating a
 * file makes one.
 */
#include <stdlib.h>
#include "class_name.h"
#include "meta_private.h"
#include "notify.h"
#include "refusal.h"

#define CLASS_MODE 0755

/** Cut an extension off; false when the name has none, or nothing else. */
static bool cut(struct sfs_span *name, const char *extension)
{
	size_t len = strlen(extension);
	const char *bytes = name->data;
	if (name->len <= len || memcmp(bytes + name->len - len, extension, len) != 0)
		return false;
	name->len -= len;
	return true;
}

int fs_schema_split(struct sfs_span file, struct sfs_span *ret, bool *ret_json_schema)
{
	struct sfs_span name = file;
	if (!cut(&name, ".json"))
		return SFS_ERR_NOT_FOUND;
	*ret_json_schema = cut(&name, ".schema");
	*ret = name;
	return 0;
}

static struct fs_schema *find_locked(const struct fs_meta *meta, struct sfs_span class_name)
{
	struct fs_schema *schema = meta->schemas;
	while (schema && !sfs_span_equal(sfs_span_str(schema->class_name), class_name))
		schema = schema->next;
	return schema;
}

int fs_schema_find(struct fs *fs, struct sfs_span class_name, uint64_t *ret_node)
{
	pthread_mutex_lock(&fs->meta->lock);
	const struct fs_schema *schema = find_locked(fs->meta, class_name);
	if (schema)
		*ret_node = schema->node;
	pthread_mutex_unlock(&fs->meta->lock);
	return schema ? 0 : SFS_ERR_NOT_FOUND;
}

int fs_schema_peek(struct fs *fs, uint64_t node, char ret[SFS_CLASS_NAME_MAX + 1])
{
	pthread_mutex_lock(&fs->meta->lock);
	const struct fs_schema *schema = fs->meta->schemas;
	while (schema && schema->node != node)
		schema = schema->next;
	if (schema)
		memcpy(ret, schema->class_name, sizeof schema->class_name);
	pthread_mutex_unlock(&fs->meta->lock);
	return schema ? 0 : SFS_ERR_NOT_FOUND;
}

int fs_schema_create(struct fs *fs, struct sfs_span file, uint64_t *ret_node)
{
	struct sfs_class_info info;
	struct sfs_span name;
	bool json_schema = false;
	int err = fs_schema_split(file, &name, &json_schema);
	if (!err && fs_class_find(fs->store, name, &info) == 0)
		return SFS_ERR_EXISTS;
	/* What is made here is named by our rules. */
	if (!err && !sfs_class_name_valid(name))
		return SFS_ERR_NAME;
	if (err < 0 || json_schema)
		return SFS_ERR_WRONG_KIND;
	struct fs_schema *schema = calloc(1, sizeof *schema);
	if (!schema)
		return SFS_ERR_NO_MEMORY;
	memcpy(schema->class_name, name.data, name.len);
	pthread_mutex_lock(&fs->meta->lock);
	bool taken = find_locked(fs->meta, name);
	if (!taken) {
		schema->node = fs_node_make(FS_VIEW_SCHEMA, ++fs->meta->last_serial);
		schema->next = fs->meta->schemas;
		fs->meta->schemas = schema;
		*ret_node = schema->node;
	}
	pthread_mutex_unlock(&fs->meta->lock);
	if (taken)
		free(schema);
	return taken ? SFS_ERR_EXISTS : 0;
}

static int define(struct fs *fs, const struct fs_handle *handle, struct sfs_span text)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_class_make make = {
		.name = sfs_span_str(handle->class_name),
		.kind = SFS_CLASS_OBJECT,
		.mode = CLASS_MODE,
		.uid = fs->uid,
		.gid = fs->gid,
	};
	struct fs_mark mark = { .nodes = { handle->node } };
	fs_mark_begin(&mark);
	int err = sfs_class_define(fs->store, &make, text, &diag);
	fs_mark_end();
	if (err < 0)
		fs_refusal_diag(&diag);
	if (err < 0)
		fs_log(LOG_INFO, "schema/%s.json: refused: line %u, column %u: %s",
		       handle->class_name, diag.line, diag.column, diag.text);
	return err;
}

int fs_schema_save(struct fs *fs, struct fs_handle *handle)
{
	struct fs_draft *draft = &handle->draft;
	int err = 0;
	pthread_mutex_lock(&draft->lock);
	struct sfs_span text = fs_draft_span_locked(draft);
	if (atomic_load(&draft->dirty) && text.len) {
		err = define(fs, handle, text);
		atomic_store(&draft->verdict, err);
		atomic_store(&draft->dirty, false);
	}
	pthread_mutex_unlock(&draft->lock);
	return err;
}

/** Forget the new definition of a node. Returns whether there was one. */
static bool forget(struct fs_meta *meta, uint64_t node)
{
	pthread_mutex_lock(&meta->lock);
	struct fs_schema **at = &meta->schemas;
	while (*at && (*at)->node != node)
		at = &(*at)->next;
	struct fs_schema *schema = *at;
	if (schema)
		*at = schema->next;
	pthread_mutex_unlock(&meta->lock);
	free(schema);
	return schema;
}

void fs_schema_close(struct fs *fs, struct fs_handle *handle)
{
	if (fs_schema_save(fs, handle) < 0)
		fs_log(LOG_DEBUG, "schema/%s.json: closed without a save", handle->class_name);
	bool untouched = fs_draft_size(&handle->draft) == 0;
	if (forget(fs->meta, handle->node) && untouched &&
	    define(fs, handle, sfs_span_str("{}")) < 0)
		fs_log(LOG_DEBUG, "schema/%s.json: no class was made", handle->class_name);
}
