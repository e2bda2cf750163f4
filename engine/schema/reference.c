/* References and relations: see reference.h. */
#include "schema/reference.h"
#include <stdio.h>
#include <storefs/store.h>
#include "document/msgpack.h"

/** An oid is a text; a number stands for its digits. */
static bool read_oid(const struct sfsi_head *head, struct sfsi_reference *ret)
{
	int64_t number;
	bool minus;
	if (head->kind == SFSI_HEAD_STRING || sfsi_head_bigint(head, &minus)) {
		ret->oid = head->body;
	} else if (sfsi_head_integer(head, &number)) {
		int len = snprintf(ret->digits, sizeof ret->digits, "%lld", (long long)number);
		ret->oid = (struct sfs_span){ ret->digits, (size_t)len };
	} else if (head->kind == SFSI_HEAD_NATURAL) {
		int len = snprintf(ret->digits, sizeof ret->digits, "%llu",
				   (unsigned long long)head->natural);
		ret->oid = (struct sfs_span){ ret->digits, (size_t)len };
	} else {
		return false;
	}
	return ret->oid.len > 0 && ret->oid.len <= SFS_OID_MAX;
}

static bool type_fits(const struct sfsi_reference_rule *rule, struct sfs_span type,
		      struct sfsi_reference *ret)
{
	if (rule->any_type || sfs_span_equal(type, rule->target))
		return true;
	enum sfsi_reference_type is = rule->is_type ? rule->is_type(rule->arg, rule->target, type)
						    : SFSI_REFERENCE_OTHER;
	ret->stated = is == SFSI_REFERENCE_STATED;
	return is != SFSI_REFERENCE_OTHER;
}

/** The members oid and type of an object; type may be missing. */
static bool read_members(const struct sfsi_reference_rule *rule, struct sfsi_cursor *cursor,
			 uint32_t count, struct sfsi_reference *ret)
{
	bool has_oid = false;
	for (uint32_t i = 0; i < count; i++) {
		struct sfsi_head key, head;
		struct sfs_span value;
		if (sfsi_cursor_next(cursor, &key) < 0 || key.kind != SFSI_HEAD_STRING ||
		    sfsi_cursor_skip(cursor, &value) < 0 ||
		    sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
			return false;
		if (sfs_span_equal(key.body, sfs_span_str("oid"))) {
			has_oid = read_oid(&head, ret);
		} else if (sfs_span_equal(key.body, sfs_span_str("type"))) {
			if (head.kind != SFSI_HEAD_STRING || !type_fits(rule, head.body, ret))
				return false;
			ret->type = head.body;
		} else {
			ret->more = true;
		}
	}
	return has_oid;
}

bool sfsi_reference_read(const struct sfsi_reference_rule *rule, struct sfs_span value,
			 struct sfsi_reference *ret)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head head;
	ret->more = ret->stated = false;
	ret->oid = ret->type = (struct sfs_span){ "", 0 };
	if (sfsi_cursor_next(&cursor, &head) < 0)
		return false;
	if (head.kind == SFSI_HEAD_MAP)
		return read_members(rule, &cursor, head.count, ret);
	return read_oid(&head, ret);
}

static int put_string(struct sfs_buf *ret, struct sfs_span text)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return writer.sink.ops->string(&writer.sink, text);
}

int sfsi_reference_put(struct sfs_buf *ret, struct sfs_span oid, struct sfs_span type)
{
	int err = sfsi_msgpack_map_header(ret, 2);
	if (!err)
		err = put_string(ret, sfs_span_str("oid"));
	if (!err)
		err = put_string(ret, oid);
	if (!err)
		err = put_string(ret, sfs_span_str("type"));
	return err < 0 ? err : put_string(ret, type);
}

static int put_one(const struct sfsi_reference_rule *rule, const struct sfsi_path *path,
		   struct sfs_span value, struct sfs_buf *ret, bool *ret_dropped)
{
	struct sfsi_reference reference;
	if (sfsi_reference_read(rule, value, &reference)) {
		*ret_dropped = *ret_dropped || reference.more;
		return sfsi_reference_put(ret, reference.oid,
					  reference.stated ? reference.type : rule->target);
	}
	char expected[240];
	snprintf(expected, sizeof expected, "{\"oid\": …, \"type\": \"%.*s\"} or an oid",
		 (int)(rule->target.len < 128 ? rule->target.len : 128),
		 (const char *)rule->target.data);
	rule->report(rule->report_arg, path, expected, value);
	return 0;
}

int sfsi_relation_canonical(const struct sfsi_reference_rule *rule, bool many,
			    const struct sfsi_path *path, struct sfs_span value,
			    struct sfs_buf *ret, bool *ret_dropped)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	struct sfsi_path item = { .up = path };
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	int err = sfsi_cursor_next(&cursor, &head);
	bool array = head.kind == SFSI_HEAD_ARRAY;
	if (!err && !many && array && head.count > 1) {
		rule->report(rule->report_arg, path, "one reference", value);
		return 0;
	}
	if (!err && !many && array && head.count == 0)
		return writer.sink.ops->null(&writer.sink);
	if (!err && many)
		err = writer.sink.ops->array_begin(&writer.sink, array ? head.count : 1);
	if (!array)
		return err < 0 ? err : put_one(rule, path, value, ret, ret_dropped);
	for (; item.index < head.count && !err; item.index++) {
		err = sfsi_cursor_skip(&cursor, &value);
		if (!err)
			err = put_one(rule, &item, value, ret, ret_dropped);
	}
	return err;
}
