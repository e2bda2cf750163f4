/*
 * Exports: see storefs/export.h. The document is put together as msgpack, piece by piece, and shown as JSON
 * at the end. The depth is bounded, so cycles end.
 */
#include <stdio.h>
#include <storefs/export.h>
#include "document/base64.h"
#include "document/document.h"
#include "document/msgpack.h"
#include "document/utf8.h"
#include "export.h"
#include "object.h"
#include "raw.h"
#include "schema/reference.h"
#include "stamp.h"

/** One export. */
struct export
{
	struct sfs_span module; /* of types that state none; empty: they stay so */
	struct sfs_store *store;
	const struct sfs_export *how;
	size_t limit;
	int64_t *newest_ns; /* when the last change of anything in it was */
};

/** A map in the making: pairs, without the header that counts them. */
struct map {
	struct sfs_buf pairs;
	uint32_t count;
};

static int put_text(struct sfs_buf *ret, struct sfs_span text)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return sfsi_utf8_valid(text) ? writer.sink.ops->string(&writer.sink, text)
				     : writer.sink.ops->binary(&writer.sink, text);
}

/** Begin a pair; what is appended to map->pairs next is its value. */
static int map_key(struct map *map, struct sfs_span key)
{
	map->count++;
	return put_text(&map->pairs, key);
}

static int map_put(struct map *map, struct sfs_span key, struct sfs_span value)
{
	int err = map_key(map, key);
	return err < 0 ? err : sfs_buf_append(&map->pairs, value.data, value.len);
}

/** Append the whole map to ret, and free it. */
static int map_end(struct map *map, int err, struct sfs_buf *ret)
{
	if (!err)
		err = sfsi_msgpack_map_header(ret, map->count);
	if (!err)
		err = sfs_buf_append(ret, map->pairs.data, map->pairs.len);
	sfs_buf_fini(&map->pairs);
	return err;
}

static int map_begin(struct map *map, struct sfs_span oid, const char *type)
{
	*map = (struct map){ .count = 0 };
	int err = map_key(map, sfs_span_str("oid"));
	if (!err)
		err = put_text(&map->pairs, oid);
	if (!err)
		err = map_key(map, sfs_span_str("type"));
	return err < 0 ? err : put_text(&map->pairs, sfs_span_str(type));
}

static int map_time(struct map *map, struct sfs_span name, int64_t ns)
{
	int err = map_key(map, name);
	return err < 0 ? err : sfsi_stamp_put(&map->pairs, ns);
}

/** Is there room? Checked where something of unknown size was added. */
static int check_limit(const struct export *export, const struct sfs_buf *ret)
{
	return ret->len > export->limit ? SFS_ERR_LIMIT : 0;
}

/* --- raws --- */

static int put_bytes(const struct export *export, struct sfs_span bytes, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	if (export->how->format == SFS_FORMAT_MSGPACK)
		return writer.sink.ops->binary(&writer.sink, bytes);
	int err = sfsi_base64_encode(&text, bytes);
	return err < 0 ? err : writer.sink.ops->string(&writer.sink, sfs_buf_span(&text));
}

static int raw_data(const struct export *export, const struct sfs_attr *attr, struct map *map)
{
	SFSI_AUTO_BUF struct sfs_buf bytes = SFS_BUF_INIT;
	struct sfs_raw_file *file;
	size_t len = 0;
	if (attr->size > export->limit)
		return SFS_ERR_LIMIT;
	int err = sfs_raw_open(export->store, attr->ino, false, &file);
	if (err < 0)
		return err;
	err = sfs_buf_resize(&bytes, (size_t)attr->size);
	if (!err)
		err = sfs_raw_read(file, 0, bytes.data, bytes.len, &len);
	sfs_raw_close(file);
	if (!err)
		err = map_key(map, sfs_span_str("data"));
	return err < 0 ? err : put_bytes(export, (struct sfs_span){ bytes.data, len }, &map->pairs);
}

/** Reserved names are not metadata, whoever set them. */
static bool is_reserved(struct sfs_span key)
{
	return sfs_span_equal(key, sfs_span_str("oid")) ||
	       sfs_span_equal(key, sfs_span_str("type")) ||
	       sfs_span_equal(key, sfs_span_str("updates")) ||
	       sfs_span_equal(key, sfs_span_str("data"));
}

static int put_meta(void *arg, struct sfs_span key, struct sfs_span value)
{
	struct map *map = arg;
	return is_reserved(key) ? 0 : map_put(map, key, value);
}

static int raw_updates(struct sfs_store *store, const struct sfs_attr *attr, struct map *map)
{
	struct map updates = { .count = 0 };
	struct sfs_raw_updates times;
	int err = sfs_raw_updated(store, attr->ino, &times);
	if (!err)
		err = map_key(map, sfs_span_str("updates"));
	if (!err)
		err = map_time(&updates, sfs_span_str("data"), times.data_ns);
	if (!err && times.meta_ns)
		err = map_time(&updates, sfs_span_str("meta"), times.meta_ns);
	if (!err)
		err = map_time(&updates, sfs_span_str("oid"), times.oid_ns);
	return map_end(&updates, err, &map->pairs);
}

static int export_raw(const struct export *export, const struct sfs_class_info *class,
		      struct sfs_span oid, unsigned depth, struct sfs_buf *ret,
		      struct sfs_attr *ret_attr)
{
	struct sfs_attr attr;
	struct map map;
	int err = sfs_raw_find_path(export->store, class->id, oid, &attr);
	if (err == SFS_ERR_NOT_DIR)
		err = SFS_ERR_NOT_FOUND;
	if (!err && attr.type != SFS_NODE_FILE)
		err = SFS_ERR_IS_DIR;
	if (err < 0)
		return err;
	err = map_begin(&map, oid, class->type);
	if (!err)
		err = raw_updates(export->store, &attr, &map);
	if (!err && depth > 0)
		err = sfsi_meta_each(export->store, attr.ino, put_meta, &map);
	if (!err && depth > 0 && (export->how->flags & SFS_EXPORT_DATA))
		err = raw_data(export, &attr, &map);
	*ret_attr = attr;
	return map_end(&map, err, ret);
}

/* --- references --- */

static int export_one(const struct export *export, uint32_t class_id, struct sfs_span oid,
		      unsigned depth, struct sfs_buf *ret, struct sfs_attr *ret_attr);

static enum sfsi_reference_type is_type(void *arg, struct sfs_span class_name, struct sfs_span type)
{
	struct sfs_class_info info;
	bool its = sfs_class_find(arg, class_name, &info) == 0 &&
		   sfs_span_equal(sfs_span_str(info.type), type);
	return its ? SFSI_REFERENCE_ITS : SFSI_REFERENCE_OTHER;
}

/** A reference to an object of a class, or at depth 2 the object itself, if it is there. */
static int put_target(const struct export *export, struct sfs_span target, struct sfs_span oid,
		      struct sfs_buf *ret)
{
	struct sfs_class_info info;
	struct map map;
	char type[2 * SFS_CLASS_NAME_MAX + 2];
	bool known = sfs_class_find(export->store, target, &info) == 0;
	if (known && export->how->depth > 1) {
		struct sfs_attr attr;
		int err = export_one(export, info.id, oid, 1, ret, &attr);
		if (!err)
			err = check_limit(export, ret);
		if (err != SFS_ERR_NOT_FOUND && err != SFS_ERR_IS_DIR)
			return err;
	}
	snprintf(type, sizeof type, "%.*s",
		 (int)(target.len < SFS_CLASS_NAME_MAX ? target.len : SFS_CLASS_NAME_MAX),
		 (const char *)target.data);
	if (known)
		memcpy(type, info.type, sizeof info.type);
	if (export->module.len && !strchr(type, '.'))
		snprintf(type, sizeof type, "%.*s.%.*s", (int)export->module.len,
			 (const char *)export->module.data, (int)target.len,
			 (const char *)target.data);
	int err = map_begin(&map, oid, type);
	return map_end(&map, err, ret);
}

static int put_reference(const struct export *export, const struct sfsi_reference_rule *rule,
			 struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_reference reference;
	/* What was saved before the definition, or with "warn", may be something else. */
	if (!sfsi_reference_read(rule, value, &reference))
		return sfs_buf_append(ret, value.data, value.len);
	return put_target(export, rule->target, reference.oid, ret);
}

/** Always an array, as the Python systems have it. @value  empty: there is none. */
static int put_relation(const struct export *export, const struct sfsi_reference_rule *rule,
			struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	int err = value.len ? sfsi_cursor_next(&cursor, &head) : 0;
	bool array = head.kind == SFSI_HEAD_ARRAY;
	uint32_t count = array ? head.count : head.kind != SFSI_HEAD_NULL;
	if (!err)
		err = writer.sink.ops->array_begin(&writer.sink, count);
	if (!array)
		return err < 0 || !count ? err : put_reference(export, rule, value, ret);
	for (uint32_t i = 0; i < count && !err; i++) {
		err = sfsi_cursor_skip(&cursor, &value);
		if (!err)
			err = put_reference(export, rule, value, ret);
	}
	return err;
}

/* --- objects --- */

/** An object with its class and what there is to know about it. */
struct object {
	const struct sfs_class_info *class;
	struct sfsi_schema *schema; /* may be NULL */
	struct sfsi_record record;
	bool value; /* of a database */
};

static const struct sfsi_relation *relation_of(const struct object *object, struct sfs_span name)
{
	const struct sfsi_schema *schema = object->schema;
	uint32_t number = schema ? sfsi_schema_find(schema, name) : SFSI_SCHEMA_NONE;
	if (number == SFSI_SCHEMA_NONE || number < schema->properties_count)
		return NULL;
	return &schema->relations[number - schema->properties_count];
}

static const struct sfsi_type *type_of(const struct object *object, struct sfs_span name)
{
	const struct sfsi_schema *schema = object->schema;
	uint32_t number = schema ? sfsi_schema_find(schema, name) : SFSI_SCHEMA_NONE;
	return number < (schema ? schema->properties_count : 0) ? &schema->properties[number].type
								: NULL;
}

static struct sfsi_reference_rule rule_for(const struct export *export, const struct object *object,
					   struct sfs_span target)
{
	return (struct sfsi_reference_rule){
		.target = target.len ? target : sfs_span_str(object->class->name),
		.is_type = is_type,
		.arg = export->store,
	};
}

static int put_property(const struct export *export, const struct object *object, unsigned depth,
			const struct sfsi_msgpack_pair *pair, struct map *map)
{
	const struct sfsi_type *type = type_of(object, pair->name);
	struct sfsi_head head;
	if (sfsi_head_read(pair->value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	if (head.kind == SFSI_HEAD_NULL)
		return 0;
	int err = map_key(map, pair->name);
	if (err < 0)
		return err;
	if (type && type->kind == SFSI_TYPE_BIN && head.kind == SFSI_HEAD_BINARY)
		return put_bytes(export, head.body, &map->pairs);
	/* An oid alone is only a value. */
	if (type && type->kind == SFSI_TYPE_REFERENCE && head.kind == SFSI_HEAD_MAP && depth > 1) {
		struct sfsi_reference_rule rule = rule_for(export, object, type->text);
		return put_reference(export, &rule, pair->value, &map->pairs);
	}
	return sfs_buf_append(&map->pairs, pair->value.data, pair->value.len);
}

static int put_properties(const struct export *export, const struct object *object, unsigned depth,
			  struct map *map)
{
	struct sfsi_msgpack_map body;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_body_init(&body, object->record.body);
	while (!err && (err = sfsi_msgpack_map_next(&body, &pair)) == 0) {
		if (!relation_of(object, pair.name))
			err = put_property(export, object, depth, &pair, map);
		if (!err)
			err = check_limit(export, &map->pairs);
	}
	return err == 1 ? 0 : err;
}

static int find_value(const struct object *object, struct sfs_span name, struct sfs_span *ret)
{
	struct sfsi_msgpack_map body;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_body_init(&body, object->record.body);
	*ret = (struct sfs_span){ "", 0 };
	while (!err && (err = sfsi_msgpack_map_next(&body, &pair)) == 0) {
		if (sfs_span_equal(pair.name, name)) {
			*ret = pair.value;
			return 0;
		}
	}
	return err == 1 ? 0 : err;
}

static int put_relations(const struct export *export, const struct object *object, unsigned depth,
			 struct map *map)
{
	struct sfs_export shallow = *export->how;
	struct export inner = *export;
	const struct sfsi_schema *schema = object->schema;
	int err = 0;
	shallow.depth = depth;
	inner.how = &shallow;
	for (uint32_t i = 0; schema && i < schema->relations_count && !err; i++) {
		const struct sfsi_relation *relation = &schema->relations[i];
		struct sfsi_reference_rule rule = rule_for(export, object, relation->target);
		struct sfs_span value;
		err = find_value(object, relation->name, &value);
		if (!err)
			err = map_key(map, relation->name);
		if (!err)
			err = put_relation(&inner, &rule, value, &map->pairs);
		if (!err)
			err = check_limit(export, &map->pairs);
	}
	return err;
}

/** {"name": time, …, "oid": time of the object} */
static int put_updates(const struct sfsi_record *record, struct map *map)
{
	struct sfsi_updates times;
	struct map updates = { .count = 0 };
	struct sfsi_msgpack_map body;
	struct sfsi_msgpack_pair pair;
	sfsi_updates_init(&times, record);
	int err = map_key(map, sfs_span_str("updates"));
	if (!err)
		err = sfsi_msgpack_body_init(&body, record->body);
	while (!err && (err = sfsi_msgpack_map_next(&body, &pair)) == 0)
		err = map_time(&updates, pair.name, sfsi_updates_next(&times));
	err = err == 1 ? 0 : err;
	if (!err)
		err = map_time(&updates, sfs_span_str("oid"), record->updated_ns);
	return map_end(&updates, err, &map->pairs);
}

/** Of a database: any value, and a map may have members of any name. */
static int put_whole(const struct sfsi_record *record, struct map *map)
{
	int err = map_key(map, sfs_span_str("value"));
	return err < 0 ? err : sfs_buf_append(&map->pairs, record->body.data, record->body.len);
}

static int put_object(const struct export *export, const struct object *object, struct sfs_span oid,
		      unsigned depth, struct sfs_buf *ret)
{
	struct map map;
	int err = map_begin(&map, oid, object->class->type);
	if (!err)
		err = put_updates(&object->record, &map);
	if (!err && depth > 0 && object->value)
		err = put_whole(&object->record, &map);
	else if (!err && depth > 0)
		err = put_properties(export, object, depth, &map);
	if (!err && depth > 0 && !object->value)
		err = put_relations(export, object, depth, &map);
	return map_end(&map, err, ret);
}

static int export_object(const struct export *export, const struct sfs_class_info *class,
			 struct sfs_span oid, unsigned depth, struct sfs_buf *ret,
			 struct sfs_attr *ret_attr)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	const struct sfsi_class *held = sfsi_class_ref(export->store, class->id);
	struct object object = { .class = class, .value = held && held->database };
	uint64_t number;
	if (!held || sfsi_oid_check(oid) < 0)
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_object_read(export->store, class->id, oid, &value, &object.record);
	if (err < 0)
		return err;
	object.schema = sfsi_class_schema(export->store, held, &number);
	err = put_object(export, &object, oid, depth, ret);
	sfsi_schema_unref(object.schema);
	sfsi_object_attr(class->id, &object.record.object, ret_attr);
	return err;
}

static int export_one(const struct export *export, uint32_t class_id, struct sfs_span oid,
		      unsigned depth, struct sfs_buf *ret, struct sfs_attr *ret_attr)
{
	struct sfs_class_info info;
	int err = sfs_class_get(export->store, class_id, &info);
	if (err < 0)
		return err;
	err = info.kind == SFS_CLASS_RAW ? export_raw(export, &info, oid, depth, ret, ret_attr)
					 : export_object(export, &info, oid, depth, ret, ret_attr);
	if (!err && ret_attr->mtime_ns > *export->newest_ns)
		*export->newest_ns = ret_attr->mtime_ns;
	return err;
}

int sfsi_export_record(struct sfs_store *store, const struct sfsi_class *class, struct sfs_span oid,
		       const struct sfsi_record *record, struct sfs_buf *ret)
{
	const struct sfs_export how = { .depth = 1, .format = SFS_FORMAT_JSON };
	struct sfs_class_info info;
	int64_t newest_ns;
	uint64_t number;
	int err = sfs_class_get(store, class->id, &info);
	if (err < 0)
		return err;
	const char *dot = strrchr(info.type, '.');
	struct export export = {
		.module = { info.type, dot ? (size_t)(dot - info.type) : 0 },
		.store = store,
		.how = &how,
		.limit = SFS_BUF_MAX,
		.newest_ns = &newest_ns,
	};
	struct object object = {
		.class = &info,
		.schema = sfsi_class_schema(store, class, &number),
		.record = *record,
	};
	err = put_object(&export, &object, oid, 1, ret);
	sfsi_schema_unref(object.schema);
	return err;
}

int sfs_export(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
	       const struct sfs_export *how, struct sfs_buf *ret, struct sfs_attr *ret_attr,
	       struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfs_export bounded = *how;
	struct sfs_attr attr;
	int64_t newest_ns = INT64_MIN;
	struct export export = { .store = store, .how = &bounded, .newest_ns = &newest_ns };
	bounded.depth = how->depth < 2 ? how->depth : 2;
	export.limit = how->limit ? how->limit : SFS_DOCUMENT_MAX;
	size_t before = ret->len;
	int err = export_one(&export, class_id, oid, bounded.depth, &body, &attr);
	if (!err)
		err = sfsi_document_render(how->format, sfs_buf_span(&body), ret);
	if (!err && ret->len - before > export.limit)
		err = SFS_ERR_LIMIT;
	attr.mtime_ns = newest_ns;
	if (!err && ret_attr)
		*ret_attr = attr;
	if (!err)
		return 0;
	ret->len = before;
	if (err == SFS_ERR_LIMIT)
		return sfs_diag_set(diag, err,
				    "the export has more than %zu bytes, or is nested too deep",
				    export.limit);
	return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
}
