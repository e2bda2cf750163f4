/*
 * Fields: reading properties of an object one at a time, and when they changed.
 */
#include <stdlib.h>
#include "document/document.h"
#include "document/msgpack_head.h"
#include "field.h"

static int read_record(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		       struct sfs_buf *buf, struct sfsi_record *ret)
{
	struct sfsi_class *class;
	int err = sfsi_object_class(store, class_id, &class);
	if (!err && (oid.len == 0 || oid.len > SFS_OID_MAX))
		err = SFS_ERR_NOT_FOUND;
	if (err < 0)
		return err;
	return sfsi_object_read(store, class_id, oid, buf, ret);
}

/* --- members --- */

int sfsi_members_init(struct sfsi_members *members, const struct sfsi_record *record)
{
	sfsi_updates_init(&members->updates, record);
	return sfsi_msgpack_body_init(&members->map, record->body) < 0 ? SFS_ERR_CORRUPT : 0;
}

int sfsi_members_next(struct sfsi_members *members, struct sfsi_msgpack_pair *ret,
		      int64_t *ret_updated_ns)
{
	int err = sfsi_msgpack_map_next(&members->map, ret);
	if (!err)
		*ret_updated_ns = sfsi_updates_next(&members->updates);
	return err < 0 ? SFS_ERR_CORRUPT : err;
}

int sfsi_member_find(const struct sfsi_record *record, struct sfs_span name,
		     struct sfs_span *ret_value, int64_t *ret_updated_ns)
{
	struct sfsi_members members;
	struct sfsi_msgpack_pair pair;
	int64_t updated_ns;
	int err = sfsi_members_init(&members, record);
	while (!err && (err = sfsi_members_next(&members, &pair, &updated_ns)) == 0) {
		if (!pair.name.data || !sfs_span_equal(pair.name, name))
			continue;
		*ret_value = pair.value;
		*ret_updated_ns = updated_ns;
		return 0;
	}
	return err < 0 ? err : SFS_ERR_NOT_FOUND;
}

/* --- values --- */

int sfsi_field_render(struct sfs_span value, enum sfs_field_form form, struct sfs_buf *ret)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	if (form == SFS_FIELD_TEXT && head.kind == SFSI_HEAD_BINARY)
		return sfs_buf_append(ret, head.body.data, head.body.len);
	int err = form == SFS_FIELD_TEXT && head.kind == SFSI_HEAD_STRING
			  ? sfs_buf_append(ret, head.body.data, head.body.len)
			  : sfsi_value_json(value, ret);
	return err || form == SFS_FIELD_JSON ? err : sfs_buf_append(ret, "\n", 1);
}

static enum sfs_field_kind kind_of(struct sfs_span value)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_FIELD_VALUE;
	return head.kind == SFSI_HEAD_STRING   ? SFS_FIELD_STRING
	       : head.kind == SFSI_HEAD_BINARY ? SFS_FIELD_BYTES
					       : SFS_FIELD_VALUE;
}

static void set_relation(const struct sfsi_schema *schema, struct sfs_span name,
			 struct sfs_field *ret)
{
	uint32_t number = schema ? sfsi_schema_find(schema, name) : SFSI_SCHEMA_NONE;
	ret->relation = number != SFSI_SCHEMA_NONE && number >= schema->properties_count;
	ret->many = ret->relation && schema->relations[number - schema->properties_count].many;
}

/** The schema of a class, with a reference; NULL: it has none. */
static struct sfsi_schema *schema_of(struct sfs_store *store, uint32_t class_id)
{
	uint64_t number;
	struct sfsi_class *class = sfsi_class_ref(store, class_id);
	return class ? sfsi_class_schema(store, class, &number) : NULL;
}

bool sfs_field_is_declared(struct sfs_store *store, uint32_t class_id, struct sfs_span name)
{
	struct sfsi_schema *schema = schema_of(store, class_id);
	bool declared = schema && sfsi_schema_find(schema, name) != SFSI_SCHEMA_NONE;
	sfsi_schema_unref(schema);
	return declared;
}

int sfs_field_stat(struct sfs_store *store, const struct sfs_field_of *of, struct sfs_field *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfs_span value;
	struct sfs_field field = { .size = 0 };
	int err = read_record(store, of->class_id, of->oid, &buf, &record);
	if (!err)
		err = sfsi_member_find(&record, of->name, &value, &field.updated_ns);
	if (!err)
		err = sfsi_field_render(value, SFS_FIELD_TEXT, &text);
	if (err < 0)
		return err;
	struct sfsi_schema *schema = schema_of(store, of->class_id);
	set_relation(schema, of->name, &field);
	sfsi_schema_unref(schema);
	field.kind = kind_of(value);
	field.size = text.len;
	sfsi_object_attr(of->class_id, &record.object, &field.attr);
	*ret = field;
	return 0;
}

int sfs_field_get(struct sfs_store *store, const struct sfs_field_of *of, enum sfs_field_form form,
		  struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfs_span value;
	int64_t updated_ns;
	int err = read_record(store, of->class_id, of->oid, &buf, &record);
	if (!err)
		err = sfsi_member_find(&record, of->name, &value, &updated_ns);
	return err < 0 ? err : sfsi_field_render(value, form, ret);
}

int sfs_object_updated(struct sfs_store *store, const struct sfs_field_of *of, int64_t *ret_ns)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfs_span value;
	int64_t updated_ns;
	int err = read_record(store, of->class_id, of->oid, &buf, &record);
	if (!err && sfs_span_equal(of->name, sfs_span_str("oid")))
		updated_ns = record.updated_ns;
	else if (!err)
		err = sfsi_member_find(&record, of->name, &value, &updated_ns);
	if (!err)
		*ret_ns = updated_ns;
	return err;
}

/* --- listing --- */

/** A member of a page. */
struct member {
	uint64_t cookie;
	struct sfs_span name, value;
	int64_t updated_ns;
};

struct page {
	struct member *members; /* [count] */
	size_t count;
};

static int compare_members(const void *a, const void *b)
{
	const struct member *one = a, *other = b;
	if (one->cookie != other->cookie)
		return one->cookie < other->cookie ? -1 : 1;
	size_t len = one->name.len < other->name.len ? one->name.len : other->name.len;
	int order = len ? memcmp(one->name.data, other->name.data, len) : 0;
	return order ? order
		     : (one->name.len > other->name.len) - (one->name.len < other->name.len);
}

/** All that come after a cookie, in order. */
static int collect(const struct sfs_store *store, const struct sfsi_record *record, uint64_t after,
		   struct page *ret)
{
	struct sfsi_members members;
	struct sfsi_msgpack_pair pair;
	struct member member;
	int err = sfsi_members_init(&members, record);
	ret->members = err ? NULL : calloc((size_t)members.map.left + 1, sizeof *ret->members);
	if (!err && !ret->members)
		err = SFS_ERR_NO_MEMORY;
	while (!err && (err = sfsi_members_next(&members, &pair, &member.updated_ns)) == 0) {
		if (!pair.name.data)
			continue;
		member.cookie = sfsi_cookie(store, pair.name);
		member.name = pair.name;
		member.value = pair.value;
		if (member.cookie > after)
			ret->members[ret->count++] = member;
	}
	if (err < 0)
		return err;
	qsort(ret->members, ret->count, sizeof *ret->members, compare_members);
	return 0;
}

int sfs_field_list(struct sfs_store *store, uint32_t class_id, struct sfs_span oid, uint64_t after,
		   sfs_field_list_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct page page = { .count = 0 };
	int err = read_record(store, class_id, oid, &buf, &record);
	if (!err)
		err = collect(store, &record, after, &page);
	struct sfsi_schema *schema = err ? NULL : schema_of(store, class_id);
	struct sfs_field field = { .size = 0 };
	if (!err)
		sfsi_object_attr(class_id, &record.object, &field.attr);
	for (size_t i = 0; i < page.count && !err; i++) {
		const struct member *member = &page.members[i];
		set_relation(schema, member->name, &field);
		field.kind = kind_of(member->value);
		field.updated_ns = member->updated_ns;
		if (fn(arg, member->name, &field, member->cookie))
			err = SFS_ERR_CANCELLED;
	}
	sfsi_schema_unref(schema);
	free(page.members);
	return err;
}
