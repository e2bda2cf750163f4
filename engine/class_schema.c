/*
 * Class definitions as texts: the file .storefs/schema/CLASS.json.
 */
#include <stdio.h>
#include "backup/before.h"
#include "class_private.h"
#include "database/database.h"
#include "document/json.h"
#include "index/table.h"
#include "mirror/mirror.h"
#include "schema/json_schema.h"

#define BUILD_AT_ONCE 2000
#define BUILD_ROUNDS 64

/** The backend that a definition may name. @class  NULL: it is to be made. */
static const char *backend_of(const struct sfs_store *store, const struct sfsi_class *class)
{
	const struct sfsi_mirror *mirror = store->mirror;
	if (class && class->mirror)
		return class->mirror->kind->name;
	if (!class && mirror && !mirror->file && sfsi_databases_only(mirror))
		return sfsi_mirror_mpack.name;
	return sfsi_store_backend_name(store);
}

/** The definition of a class that was made without one. */
static int plain_definition(struct sfs_store *store, const struct sfs_class_info *info,
			    struct sfs_buf *ret)
{
	int err = sfs_buf_printf(ret, "{\n  \"kind\": \"%s\",\n  \"type\": ",
				 info->kind == SFS_CLASS_RAW ? "raw" : "object");
	if (!err)
		err = sfsi_json_quote(ret, sfs_span_str(info->type));
	return err < 0 ? err
		       : sfs_buf_printf(ret, ",\n  \"backend\": \"%s\"\n}\n",
					backend_of(store, sfsi_class_ref(store, info->id)));
}

/** A copy of what was written; empty when nothing was. */
static int written_definition(struct sfs_store *store, uint32_t id, struct sfs_buf *ret)
{
	const struct sfsi_class *class = sfsi_class_ref(store, id);
	if (!class)
		return SFS_ERR_NOT_FOUND;
	pthread_rwlock_rdlock(&store->catalogue_lock);
	struct sfs_span text = sfsi_class_definition(class);
	int err = sfs_buf_append(ret, text.data, text.len);
	pthread_rwlock_unlock(&store->catalogue_lock);
	return err;
}

int sfs_class_schema(struct sfs_store *store, uint32_t id, struct sfs_buf *ret)
{
	struct sfs_class_info info;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	int err = sfs_class_get(store, id, &info);
	if (!err)
		err = written_definition(store, id, &text);
	if (!err && !text.len)
		err = plain_definition(store, &info, &text);
	return err < 0 ? err : sfs_buf_append(ret, text.data, text.len);
}

int sfsi_class_missing(struct sfs_store *store, const struct sfsi_schema *schema, uint32_t *at)
{
	struct sfs_class_info info;
	for (; *at < schema->relations_count; ++*at) {
		struct sfs_span target = schema->relations[*at].target;
		if (target.len && sfs_class_find(store, target, &info) < 0)
			return 0;
	}
	return SFS_ERR_NOT_FOUND;
}

/** A relation may lead to a class that is made later; who defines it may have mistyped it. */
static void remark_missing(struct sfs_store *store, const struct sfsi_schema *schema,
			   struct sfs_diag *diag)
{
	uint32_t at = 0;
	if (sfsi_class_missing(store, schema, &at) < 0)
		return;
	const struct sfsi_relation *relation = &schema->relations[at];
	(void)sfs_diag_set(diag, 0, "member \"relations.%.*s\": there is no class %.*s yet",
			   (int)relation->name.len, (const char *)relation->name.data,
			   (int)relation->target.len, (const char *)relation->target.data);
}

/** Indexes of a class that is not large are there when it is defined; those of others come later. */
static void build_small(struct sfs_store *store, struct sfs_span name)
{
	struct sfs_class_info info;
	struct sfsi_class *class = sfs_class_find(store, name, &info) < 0
					   ? NULL
					   : sfsi_class_ref(store, info.id);
	/* What fails is tried again by the worker. */
	if (class && info.objects <= BUILD_AT_ONCE)
		(void)!sfsi_indexer_finish(store, class, BUILD_ROUNDS);
}

/** Will saves drop what they kept until now? old may be NULL. */
static bool drops(const struct sfsi_schema *old, const struct sfsi_schema *new)
{
	if (new->kind != SFS_CLASS_OBJECT || new->extra != SFSI_EXTRA_DROP)
		return false;
	if (!old || old->extra != SFSI_EXTRA_DROP)
		return true;
	for (uint32_t i = 0; i < old->properties_count; i++)
		if (sfsi_schema_find(new, old->properties[i].name) == SFSI_SCHEMA_NONE)
			return true;
	for (uint32_t i = 0; i < old->relations_count; i++)
		if (sfsi_schema_find(new, old->relations[i].name) == SFSI_SCHEMA_NONE)
			return true;
	return false;
}

/** Objects that are there stay as they are, but their next save may lose something. */
static int backup_before(struct sfs_store *store, struct sfs_span name,
			 const struct sfsi_schema *schema, struct sfs_diag *diag)
{
	struct sfs_class_info info;
	uint64_t number;
	const struct sfsi_class *class = sfs_class_find(store, name, &info) < 0
						 ? NULL
						 : sfsi_class_ref(store, info.id);
	if (!class || !info.objects)
		return 0;
	struct sfsi_schema *old = sfsi_class_schema(store, class, &number);
	bool lossy = drops(old, schema);
	sfsi_schema_unref(old);
	return lossy ? sfsi_backup_before(store, "the definition", false, diag) : 0;
}

int sfs_class_define(struct sfs_store *store, const struct sfs_class_make *make,
		     struct sfs_span json, struct sfs_diag *diag)
{
	struct sfsi_schema *schema;
	struct sfs_class_info info;
	const struct sfsi_class *class = sfs_class_find(store, make->name, &info) < 0
						 ? NULL
						 : sfsi_class_ref(store, info.id);
	int err = sfsi_schema_parse(json, backend_of(store, class), &schema, diag);
	if (err < 0)
		return err;
	err = backup_before(store, make->name, schema, diag);
	if (!err)
		err = sfsi_class_define(store, make, schema, diag);
	if (!err) {
		remark_missing(store, schema, diag);
		build_small(store, make->name);
	}
	sfsi_schema_unref(schema);
	return err;
}

int sfs_class_json_schema(struct sfs_store *store, uint32_t id, struct sfs_buf *ret)
{
	struct sfs_class_info info;
	uint64_t number;
	int err = sfs_class_get(store, id, &info);
	const struct sfsi_class *class = err < 0 ? NULL : sfsi_class_ref(store, id);
	if (!class)
		return SFS_ERR_NOT_FOUND;
	struct sfsi_schema *schema = sfsi_class_schema(store, class, &number);
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	err = sfsi_schema_json(schema, sfs_span_str(info.name), sfs_span_str(info.type), &text);
	sfsi_schema_unref(schema);
	return err < 0 ? err : sfs_buf_append(ret, text.data, text.len);
}
