/*
 * Definition documents to schemas.
 *
 * The text becomes msgpack first, and is walked as that; what is refused is found again in the text
 * by its path, for line and column. types_read.c reads the types of properties.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "document/json.h"
#include "document/msgpack.h"
#include "document/utf8.h"
#include "hash.h"
#include "schema/define.h"

int sfsi_define_refuse(struct sfsi_define *def, const struct sfsi_path *path, bool key,
		       const char *fmt, ...)
{
	char where[SFSI_PATH_SIZE], why[300];
	va_list args;
	va_start(args, fmt);
	vsnprintf(why, sizeof why, fmt, args);
	va_end(args);
	if (def->diag)
		sfsi_path_locate(path, key, def->text, def->diag);
	return sfs_diag_set(def->diag, SFS_ERR_BAD_DOCUMENT, "member \"%s\": %s",
			    sfsi_path_text(where, path), why);
}

int sfsi_define_expected(struct sfsi_define *def, const struct sfsi_path *path,
			 struct sfs_span value, const char *expected)
{
	char found[SFSI_FOUND_SIZE];
	return sfsi_define_refuse(def, path, false, "expected %s, found %s", expected,
				  sfsi_value_text(found, value));
}

int sfsi_define_string(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		       const char *expected, struct sfs_span *ret)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD || head.kind != SFSI_HEAD_STRING)
		return sfsi_define_expected(def, path, value, expected);
	if (!sfsi_arena_copy(&def->schema->arena, head.body, ret))
		return SFS_ERR_NO_MEMORY;
	return 0;
}

int sfsi_define_open(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     enum sfsi_head_kind kind, const char *expected, struct sfsi_cursor *ret,
		     uint32_t *ret_count)
{
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	*ret = sfsi_cursor(value);
	if (sfsi_cursor_next(ret, &head) < 0 || head.kind != kind)
		return sfsi_define_expected(def, path, value, expected);
	*ret_count = head.count;
	return 0;
}

int sfsi_define_pair(struct sfsi_define *def, struct sfsi_cursor *cursor, struct sfsi_path *path,
		     struct sfs_span *ret_value)
{
	struct sfsi_head head;
	if (sfsi_cursor_next(cursor, &head) < 0)
		return SFS_ERR_CORRUPT;
	if (head.kind != SFSI_HEAD_STRING)
		return sfsi_define_refuse(def, path->up, false, "expected names that are strings");
	path->name = head.body;
	return sfsi_cursor_skip(cursor, ret_value);
}

static int read_name(struct sfsi_define *def, struct sfsi_path *member)
{
	if (member->name.len == 0 || member->name.len > SFSI_SCHEMA_NAME_MAX)
		return sfsi_define_refuse(def, member, true, "expected a name of 1 to %d bytes",
					  SFSI_SCHEMA_NAME_MAX);
	return sfsi_arena_copy(&def->schema->arena, member->name, &member->name)
		       ? 0
		       : SFS_ERR_NO_MEMORY;
}

int sfsi_define_items(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      const char *expected, size_t size, sfsi_define_item_fn *read, void **ret,
		      uint32_t *ret_count)
{
	struct sfsi_path member = { .up = path };
	struct sfsi_cursor cursor;
	uint32_t count;
	int err = sfsi_define_open(def, path, value, SFSI_HEAD_MAP, expected, &cursor, &count);
	if (err < 0)
		return err;
	char *items = sfsi_arena_alloc(&def->schema->arena, (size_t)count + 1, size);
	if (!items)
		return SFS_ERR_NO_MEMORY;
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfs_span item;
		err = sfsi_define_pair(def, &cursor, &member, &item);
		if (!err)
			err = read_name(def, &member);
		if (!err)
			err = read(def, &member, item, items + i * size);
	}
	if (err < 0)
		return err;
	*ret = items;
	*ret_count = count;
	return 0;
}

/* --- members with a word --- */

/** Number of a word in a NULL-ended list. */
static int read_word(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     const char *const *words, const char *expected, unsigned *ret)
{
	struct sfs_span word;
	int err = sfsi_define_string(def, path, value, expected, &word);
	if (err < 0)
		return err;
	for (unsigned i = 0; words[i]; i++) {
		if (sfs_span_equal(word, sfs_span_str(words[i]))) {
			*ret = i;
			return 0;
		}
	}
	return sfsi_define_expected(def, path, value, expected);
}

static int read_kind(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value)
{
	static const char *const words[] = { "object", "raw", NULL };
	unsigned word = 0;
	int err = read_word(def, path, value, words, "\"object\" or \"raw\"", &word);
	def->schema->kind = word ? SFS_CLASS_RAW : SFS_CLASS_OBJECT;
	return err;
}

static int read_type(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value)
{
	static const char expected[] = "a text of 1 to 128 bytes";
	int err = sfsi_define_string(def, path, value, expected, &def->schema->type);
	if (!err && (def->schema->type.len == 0 || def->schema->type.len > SFS_CLASS_NAME_MAX))
		err = sfsi_define_expected(def, path, value, expected);
	return err;
}

static int read_backend(struct sfsi_define *def, const struct sfsi_path *path,
			struct sfs_span value)
{
	struct sfs_span name;
	char expected[80];
	snprintf(expected, sizeof expected, "\"%s\", the backend of this class",
		 def->backend ? def->backend : "");
	int err = sfsi_define_string(def, path, value, expected, &name);
	if (!err && def->backend && !sfs_span_equal(name, sfs_span_str(def->backend)))
		err = sfsi_define_expected(def, path, value, expected);
	return err;
}

static int read_oid(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value)
{
	static const char *const words[] = { "oid", "stamp", "timestamp", "uuid", NULL };
	unsigned word = 0;
	int err = read_word(def, path, value, words,
			    "\"oid\", \"stamp\", \"timestamp\" or \"uuid\"", &word);
	def->schema->oid = (enum sfs_oid_kind)(word + 1);
	return err;
}

static int read_extra(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value)
{
	static const char *const words[] = { "keep", "drop", "refuse", NULL };
	unsigned word = 0;
	int err = read_word(def, path, value, words, "\"keep\", \"drop\" or \"refuse\"", &word);
	def->schema->extra = (enum sfsi_extra)word;
	return err;
}

static int read_validate(struct sfsi_define *def, const struct sfsi_path *path,
			 struct sfs_span value)
{
	static const char *const words[] = { "strict", "warn", "off", NULL };
	unsigned word = 0;
	int err = read_word(def, path, value, words, "\"strict\", \"warn\" or \"off\"", &word);
	def->schema->validate = (enum sfsi_validate)word;
	return err;
}

static int read_on_remove(struct sfsi_define *def, const struct sfsi_path *path,
			  struct sfs_span value)
{
	static const char *const words[] = { "keep", "refuse", "clear", NULL };
	unsigned word = 0;
	int err = read_word(def, path, value, words, "\"keep\", \"refuse\" or \"clear\"", &word);
	def->schema->on_remove = (enum sfsi_on_remove)word;
	return err;
}

/* --- properties and relations --- */

static int check_reserved(struct sfsi_define *def, const struct sfsi_path *path)
{
	if (sfs_span_equal(path->name, sfs_span_str("oid")) ||
	    sfs_span_equal(path->name, sfs_span_str("type")) ||
	    sfs_span_equal(path->name, sfs_span_str("updates")))
		return sfsi_define_refuse(def, path, true,
					  "the names oid, type and updates are reserved");
	return 0;
}

static int read_property(struct sfsi_define *def, const struct sfsi_path *member,
			 struct sfs_span value, void *item)
{
	struct sfsi_property *property = item;
	property->name = member->name;
	int err = check_reserved(def, member);
	return err < 0 ? err : sfsi_define_type(def, member, value, 0, &property->type);
}

static int read_properties(struct sfsi_define *def, const struct sfsi_path *path,
			   struct sfs_span value)
{
	void *list = NULL;
	int err = sfsi_define_items(def, path, value, "an object of names and types",
				    sizeof(struct sfsi_property), read_property, &list,
				    &def->schema->properties_count);
	def->schema->properties = list;
	return err;
}

/** "Account", or "¤" for the class itself. */
static int read_target(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		       struct sfs_span *ret)
{
	static const char expected[] = "the name of a class, or an array of one for many";
	int err = sfsi_define_string(def, path, value, expected, ret);
	if (err < 0)
		return err;
	if (sfs_span_equal(*ret, sfs_span_str("¤")))
		*ret = (struct sfs_span){ "", 0 };
	else if (!sfs_class_name_valid(*ret))
		return sfsi_define_expected(def, path, value, expected);
	return 0;
}

static int read_relation(struct sfsi_define *def, const struct sfsi_path *path,
			 struct sfs_span value, void *list_item)
{
	struct sfsi_relation *relation = list_item;
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_path item = { .up = path };
	relation->name = path->name;
	int err = check_reserved(def, path);
	if (!err)
		err = sfsi_cursor_next(&cursor, &head);
	if (err < 0 || head.kind != SFSI_HEAD_ARRAY)
		return err < 0 ? err : read_target(def, path, value, &relation->target);
	relation->many = true;
	if (head.count != 1)
		return sfsi_define_expected(def, path, value,
					    "an array of one name of a class, as [\"Account\"]");
	err = sfsi_cursor_skip(&cursor, &value);
	return err < 0 ? err : read_target(def, &item, value, &relation->target);
}

static int read_relations(struct sfsi_define *def, const struct sfsi_path *path,
			  struct sfs_span value)
{
	void *list = NULL;
	int err = sfsi_define_items(def, path, value, "an object of names and classes",
				    sizeof(struct sfsi_relation), read_relation, &list,
				    &def->schema->relations_count);
	def->schema->relations = list;
	return err;
}

/* --- the top --- */

/** Metadata of raws: names and types, kept as properties are. */
static int read_meta(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value)
{
	return read_properties(def, path, value);
}

/** Which kinds of classes have a member. */
enum owner { OWNER_BOTH, OWNER_OBJECT, OWNER_RAW };

static const struct {
	const char *name;
	enum owner owner;
	int (*read)(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value);
} members[] = {
	{ "kind", OWNER_BOTH, read_kind },
	{ "type", OWNER_BOTH, read_type },
	{ "backend", OWNER_BOTH, read_backend },
	{ "oid", OWNER_BOTH, read_oid },
	{ "on_remove", OWNER_BOTH, read_on_remove },
	{ "extra", OWNER_OBJECT, read_extra },
	{ "validate", OWNER_OBJECT, read_validate },
	{ "properties", OWNER_OBJECT, read_properties },
	{ "relations", OWNER_OBJECT, read_relations },
	{ "indexes", OWNER_BOTH, sfsi_define_indexes },
	{ "meta", OWNER_RAW, read_meta },
};
#define MEMBERS (sizeof members / sizeof members[0])

static int read_member(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		if (!sfs_span_equal(path->name, sfs_span_str(members[i].name)))
			continue;
		def->seen |= 1u << i;
		return members[i].read(def, path, value);
	}
	return sfsi_define_refuse(def, path, true,
				  "not known; a definition has the members kind, type, backend, "
				  "oid, extra, validate, on_remove, properties, relations, "
				  "indexes and meta");
}

static int read_top(struct sfsi_define *def, struct sfs_span body)
{
	struct sfsi_path path = { .up = NULL };
	struct sfsi_cursor cursor;
	uint32_t count;
	struct sfsi_head head;
	if (sfsi_head_read(body, &head) != SFSI_HEAD_GOOD || head.kind != SFSI_HEAD_MAP) {
		if (def->diag)
			sfsi_path_locate(NULL, false, def->text, def->diag);
		return sfs_diag_set(def->diag, SFS_ERR_BAD_DOCUMENT,
				    "expected a JSON object, the definition of a class");
	}
	int err = sfsi_define_open(def, NULL, body, SFSI_HEAD_MAP, "an object", &cursor, &count);
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfs_span value;
		err = sfsi_define_pair(def, &cursor, &path, &value);
		if (!err)
			err = read_member(def, &path, value);
	}
	for (size_t i = 0; i < MEMBERS && !err; i++) {
		path.name = sfs_span_str(members[i].name);
		bool raw = def->schema->kind == SFS_CLASS_RAW;
		if (!(def->seen & 1u << i))
			continue;
		if (raw && members[i].owner == OWNER_OBJECT)
			err = sfsi_define_refuse(def, &path, true, "a raw class has none");
		else if (!raw && members[i].owner == OWNER_RAW)
			err = sfsi_define_refuse(def, &path, true,
						 "only a raw class has metadata; objects have "
						 "properties");
	}
	return err;
}

/* --- names --- */

static struct sfs_span slot_name(const struct sfsi_schema *schema, uint32_t number)
{
	return number < schema->properties_count
		       ? schema->properties[number].name
		       : schema->relations[number - schema->properties_count].name;
}

/** The slot of a name: its own, or the free one where it would be. */
static uint32_t *slot_of(const struct sfsi_schema *schema, struct sfs_span name)
{
	uint32_t at = (uint32_t)sfsi_hash(name, 0) & schema->slots_mask;
	while (schema->slots[at] && !sfs_span_equal(slot_name(schema, schema->slots[at] - 1), name))
		at = (at + 1) & schema->slots_mask;
	return &schema->slots[at];
}

uint32_t sfsi_schema_find(const struct sfsi_schema *schema, struct sfs_span name)
{
	uint32_t slot = *slot_of(schema, name);
	return slot ? slot - 1 : SFSI_SCHEMA_NONE;
}

static int index_names(struct sfsi_define *def)
{
	struct sfsi_schema *schema = def->schema;
	uint32_t count = schema->properties_count + schema->relations_count, size = 4;
	while (size < count * 2)
		size *= 2;
	schema->slots = sfsi_arena_alloc(&schema->arena, size, sizeof *schema->slots);
	if (!schema->slots)
		return SFS_ERR_NO_MEMORY;
	schema->slots_mask = size - 1;
	for (uint32_t i = 0; i < count; i++) {
		struct sfs_span name = slot_name(schema, i);
		uint32_t *slot = slot_of(schema, name);
		struct sfsi_path top = { .name = sfs_span_str("relations") };
		struct sfsi_path path = { .up = &top, .name = name };
		/* In one object the reader has refused duplicates. */
		if (*slot)
			return sfsi_define_refuse(def, &path, true,
						  "there is a property of this name");
		*slot = i + 1;
	}
	return 0;
}

/* --- a schema --- */

struct sfsi_schema *sfsi_schema_ref(struct sfsi_schema *schema)
{
	if (schema)
		__atomic_fetch_add(&schema->refs, 1, __ATOMIC_RELAXED);
	return schema;
}

void sfsi_schema_unref(struct sfsi_schema *schema)
{
	if (!schema || __atomic_sub_fetch(&schema->refs, 1, __ATOMIC_ACQ_REL))
		return;
	sfsi_arena_fini(&schema->arena);
	free(schema);
}

static int parse(struct sfsi_define *def)
{
	struct sfsi_schema *schema = def->schema;
	struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, &body);
	int err = sfsi_json_read(def->text, &writer.sink, def->diag);
	if (!err)
		err = read_top(def, sfs_buf_span(&body));
	if (!err)
		err = index_names(def);
	sfs_buf_fini(&body);
	if (!err && !schema->oid)
		schema->oid = schema->kind == SFS_CLASS_RAW ? SFS_OID_STAMP : SFS_OID_OID;
	if (!err && !sfsi_arena_copy(&schema->arena, def->text, &schema->text))
		err = SFS_ERR_NO_MEMORY;
	return err;
}

int sfsi_schema_parse(struct sfs_span text, const char *backend, struct sfsi_schema **ret,
		      struct sfs_diag *diag)
{
	if (text.len > SFSI_SCHEMA_TEXT_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT,
				    "a definition has at most %zu bytes, this one has %zu",
				    SFSI_SCHEMA_TEXT_MAX, text.len);
	struct sfsi_schema *schema = calloc(1, sizeof *schema);
	if (!schema)
		return SFS_ERR_NO_MEMORY;
	schema->refs = 1;
	schema->kind = SFS_CLASS_OBJECT;
	struct sfsi_define def = {
		.schema = schema,
		.text = text,
		.backend = backend,
		.diag = diag,
	};
	int err = parse(&def);
	if (err < 0)
		sfsi_schema_unref(schema);
	else
		*ret = schema;
	return err;
}
