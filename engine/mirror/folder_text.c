/*
 * Objects as the text of a file, and back: see folder.h.
 *
 * Update times of a file may be what a record can not say: some are missing, some are no times. What
 * differs is kept in the row of the file, for each a name, the time that the record has instead, and the
 * value in the file (null: it is missing); in msgpack, one after the other. It counts as long as
 * the record has that time.
 */
#include <inttypes.h>
#include <stdio.h>
#include "document/integer.h"
#include "document/json_python.h"
#include "document/msgpack.h"
#include "export.h"
#include "mirror/folder.h"
#include "object.h"
#include "schema/value.h"
#include "stamp.h"

/** An update time that is not that of the record. */
struct exception {
	struct sfs_span name, value;
	int64_t ns;
	bool absent;
	struct sfs_span all; /* its bytes */
};

/** 0: one, 1: the end. */
static int next_exception(struct sfsi_cursor *cursor, struct exception *ret)
{
	struct sfsi_head name, ns, value;
	const uint8_t *from = cursor->at;
	if (cursor->at == cursor->end)
		return 1;
	if (sfsi_cursor_next(cursor, &name) < 0 || name.kind != SFSI_HEAD_STRING ||
	    sfsi_cursor_next(cursor, &ns) < 0 || !sfsi_head_integer(&ns, &ret->ns) ||
	    sfsi_cursor_skip(cursor, &ret->value) < 0 ||
	    sfsi_head_read(ret->value, &value) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	ret->name = name.body;
	ret->absent = value.kind == SFSI_HEAD_NULL;
	ret->all = (struct sfs_span){ from, (size_t)(cursor->at - from) };
	return 0;
}

/** The exception of a name, if it counts. */
static bool find_exception(struct sfs_span list, struct sfs_span name, int64_t ns,
			   struct exception *ret)
{
	struct sfsi_cursor cursor = sfsi_cursor(list);
	while (next_exception(&cursor, ret) == 0)
		if (sfs_span_equal(ret->name, name))
			return ret->ns == ns;
	return false;
}

static int put_string(struct sfs_buf *ret, struct sfs_span text)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	return writer.sink.ops->string(&writer.sink, text);
}

/* --- writing --- */

struct times {
	struct sfs_span list; /* exceptions */
	struct sfs_buf pairs;
	uint32_t count;
	struct sfs_buf *kept; /* exceptions that count */
};

static int put_time(struct times *times, struct sfs_span name, int64_t ns)
{
	struct exception exception;
	bool found = find_exception(times->list, name, ns, &exception);
	int err = found ? sfs_buf_append(times->kept, exception.all.data, exception.all.len) : 0;
	if (err < 0 || (found && exception.absent))
		return err;
	times->count++;
	err = put_string(&times->pairs, name);
	if (err < 0)
		return err;
	return found ? sfs_buf_append(&times->pairs, exception.value.data, exception.value.len)
		     : sfsi_stamp_put(&times->pairs, ns);
}

/** {"name": time, …, "oid": time of the object} */
static int render_updates(const struct sfsi_record *record, struct times *times,
			  struct sfs_buf *ret)
{
	struct sfsi_updates updates;
	struct sfsi_msgpack_map body;
	struct sfsi_msgpack_pair pair;
	sfsi_updates_init(&updates, record);
	int err = sfsi_msgpack_map_init(&body, record->body);
	while (!err && (err = sfsi_msgpack_map_next(&body, &pair)) == 0)
		err = put_time(times, pair.name, sfsi_updates_next(&updates));
	err = err == 1 ? 0 : err;
	if (!err)
		err = put_time(times, sfs_span_str("oid"), record->updated_ns);
	if (!err)
		err = sfsi_msgpack_map_header(ret, times->count);
	return err < 0 ? err : sfs_buf_append(ret, times->pairs.data, times->pairs.len);
}

/** An oid that was a number stays one. */
static int render_oid(struct sfs_span oid, unsigned flags, struct sfs_buf *ret)
{
	struct sfsi_integer integer = sfsi_integer_read(oid);
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	const struct sfsi_sink_ops *ops = writer.sink.ops;
	if (!(flags & SFSI_FOLDER_NUMBER) || integer.kind == SFSI_INTEGER_NONE)
		return ops->string(&writer.sink, oid);
	if (integer.kind == SFSI_INTEGER_SIGNED)
		return ops->integer(&writer.sink, integer.value);
	if (integer.kind == SFSI_INTEGER_NATURAL)
		return ops->natural(&writer.sink, integer.natural);
	return ops->bigint(&writer.sink, oid);
}

static int render_pair(const struct sfsi_msgpack_pair *pair, struct sfs_span oid,
		       const struct sfsi_record *record, const struct sfsi_folder_row *row,
		       struct sfs_buf *ret, struct sfs_buf *ret_updates)
{
	int err = sfs_buf_append(ret, pair->key.data, pair->key.len);
	if (err < 0)
		return err;
	if (sfs_span_equal(pair->name, sfs_span_str("oid")))
		return render_oid(oid, row->flags, ret);
	if (sfs_span_equal(pair->name, sfs_span_str("type")) && row->type.len)
		return put_string(ret, row->type);
	if (sfs_span_equal(pair->name, sfs_span_str("updates"))) {
		struct times times = { .list = row->updates, .kept = ret_updates };
		err = render_updates(record, &times, ret);
		sfs_buf_fini(&times.pairs);
		return err;
	}
	return sfs_buf_append(ret, pair->value.data, pair->value.len);
}

int sfsi_folder_render(struct sfs_store *store, const struct sfsi_class *class, struct sfs_span oid,
		       const struct sfsi_record *record, const struct sfsi_folder_row *row,
		       struct sfs_buf *ret, struct sfs_buf *ret_updates)
{
	SFSI_AUTO_BUF struct sfs_buf plain = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf made = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_export_record(store, class, oid, record, &plain);
	if (!err)
		err = sfsi_msgpack_map_init(&map, sfs_buf_span(&plain));
	if (!err)
		err = sfsi_msgpack_map_header(&made, map.left);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0)
		err = render_pair(&pair, oid, record, row, &made, ret_updates);
	err = err == 1 ? 0 : err;
	return err < 0 ? err : sfsi_json_python_write(sfs_buf_span(&made), ret);
}

/* --- reading --- */

static int fail(struct sfs_diag *diag, const char *text)
{
	return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT, "%s", text);
}

static int take_oid(struct sfs_span value, struct sfsi_folder_parsed *ret, struct sfs_diag *diag)
{
	struct sfsi_head head;
	int64_t number;
	bool minus;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	ret->oid.len = 0;
	ret->number = head.kind != SFSI_HEAD_STRING;
	if (head.kind == SFSI_HEAD_STRING || sfsi_head_bigint(&head, &minus)) {
		if (head.body.len > SFS_OID_MAX)
			return fail(diag, "the oid is too long");
		return sfs_buf_append(&ret->oid, head.body.data, head.body.len);
	}
	if (sfsi_head_integer(&head, &number))
		return sfs_buf_printf(&ret->oid, "%" PRId64, number);
	if (head.kind == SFSI_HEAD_NATURAL)
		return sfs_buf_printf(&ret->oid, "%" PRIu64, head.natural);
	return fail(diag, "\"oid\" is neither a string nor an integer");
}

static bool is_good_time(void *arg, const struct sfsi_msgpack_pair *pair)
{
	int64_t ns;
	(void)arg;
	return pair->name.data && sfsi_stamp_read(pair->value, &ns);
}

/** Of the update times those that are some. */
static int put_good_times(struct sfs_span updates, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf pairs = SFS_BUF_INIT;
	uint32_t count = 0;
	int err = sfsi_msgpack_map_select(updates, is_good_time, NULL, &pairs, &count);
	if (!err)
		err = sfsi_msgpack_map_header(ret, count);
	return err < 0 ? err : sfs_buf_append(ret, pairs.data, pairs.len);
}

/* --- relations: the original embeds what they lead to --- */

/** An exported object: oid, type of a module, and if there is more then update times. */
static bool is_export(struct sfs_span value, struct sfs_span *ret_oid, struct sfs_span *ret_type)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	struct sfsi_head head;
	bool more = false, updates = false;
	*ret_oid = *ret_type = (struct sfs_span){ NULL, 0 };
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD || head.kind != SFSI_HEAD_MAP ||
	    sfsi_msgpack_map_init(&map, value) < 0)
		return false;
	while (sfsi_msgpack_map_next(&map, &pair) == 0) {
		if (sfs_span_equal(pair.name, sfs_span_str("oid")))
			*ret_oid = pair.value;
		else if (sfs_span_equal(pair.name, sfs_span_str("type")))
			*ret_type = pair.value;
		else if (sfs_span_equal(pair.name, sfs_span_str("updates")))
			updates = true;
		else
			more = true;
	}
	return ret_oid->data && ret_type->data && (updates || !more) &&
	       sfsi_head_read(*ret_type, &head) == SFSI_HEAD_GOOD &&
	       head.kind == SFSI_HEAD_STRING && memchr(head.body.data, '.', head.body.len);
}

static int put_reference(struct sfs_span oid, struct sfs_span type, struct sfs_buf *ret)
{
	int err = sfsi_msgpack_map_header(ret, 2);
	if (!err)
		err = put_string(ret, sfs_span_str("oid"));
	if (!err)
		err = sfs_buf_append(ret, oid.data, oid.len);
	if (!err)
		err = put_string(ret, sfs_span_str("type"));
	return err < 0 ? err : sfs_buf_append(ret, type.data, type.len);
}

/** An array of exported objects becomes one of references; all else stays as it is. */
static int put_value(struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_msgpack_writer writer;
	struct sfsi_head head;
	size_t before = ret->len;
	int err = sfsi_cursor_next(&cursor, &head);
	if (err < 0 || head.kind != SFSI_HEAD_ARRAY || head.count == 0)
		return err < 0 ? err : sfs_buf_append(ret, value.data, value.len);
	sfsi_msgpack_writer_init(&writer, ret);
	err = writer.sink.ops->array_begin(&writer.sink, head.count);
	for (uint32_t i = 0; i < head.count && !err; i++) {
		struct sfs_span item, oid, type;
		err = sfsi_cursor_skip(&cursor, &item);
		if (!err && !is_export(item, &oid, &type)) {
			ret->len = before;
			return sfs_buf_append(ret, value.data, value.len);
		}
		if (!err)
			err = put_reference(oid, type, ret);
	}
	return err;
}

static int take_member(const struct sfsi_msgpack_pair *pair, struct sfsi_folder_parsed *ret,
		       struct sfs_buf *pairs, uint32_t *count, struct sfs_diag *diag)
{
	struct sfsi_head head;
	if (sfsi_head_read(pair->value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	if (sfs_span_equal(pair->name, sfs_span_str("oid")))
		return take_oid(pair->value, ret, diag);
	if (sfs_span_equal(pair->name, sfs_span_str("type"))) {
		ret->type = head.body;
		return head.kind == SFSI_HEAD_STRING ? 0 : fail(diag, "\"type\" is no string");
	}
	bool times = sfs_span_equal(pair->name, sfs_span_str("updates"));
	if (times && head.kind != SFSI_HEAD_MAP)
		return fail(diag, "\"updates\" is no object");
	if (times)
		ret->updates = pair->value;
	++*count;
	int err = sfs_buf_append(pairs, pair->key.data, pair->key.len);
	if (err < 0)
		return err;
	return times ? put_good_times(pair->value, pairs) : put_value(pair->value, pairs);
}

int sfsi_folder_parse(struct sfs_span text, struct sfsi_folder_parsed *ret, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf pairs = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	struct sfsi_head head;
	uint32_t count = 0;
	*ret = (struct sfsi_folder_parsed){ .null = false };
	int err = sfsi_json_python_read(text, &ret->whole, diag);
	if (err < 0)
		return err;
	if (sfsi_head_read(sfs_buf_span(&ret->whole), &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	ret->null = head.kind == SFSI_HEAD_NULL;
	if (ret->null)
		return 0;
	if (head.kind != SFSI_HEAD_MAP)
		return fail(diag, "expected an object");
	err = sfsi_msgpack_map_init(&map, sfs_buf_span(&ret->whole));
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0)
		err = take_member(&pair, ret, &pairs, &count, diag);
	err = err == 1 ? 0 : err;
	if (!err)
		err = sfsi_msgpack_map_header(&ret->document, count);
	return err < 0 ? err : sfs_buf_append(&ret->document, pairs.data, pairs.len);
}

void sfsi_folder_parsed_fini(struct sfsi_folder_parsed *parsed)
{
	sfs_buf_fini(&parsed->whole);
	sfs_buf_fini(&parsed->oid);
	sfs_buf_fini(&parsed->document);
}

/* --- what a record does not say --- */

/** The value of a name in a map; {NULL, 0}: it is not there. */
static struct sfs_span value_of(struct sfs_span map, struct sfs_span name)
{
	struct sfsi_msgpack_map walk;
	struct sfsi_msgpack_pair pair;
	int err = map.len ? sfsi_msgpack_map_init(&walk, map) : 1;
	while (!err && (err = sfsi_msgpack_map_next(&walk, &pair)) == 0)
		if (sfs_span_equal(pair.name, name))
			return pair.value;
	return (struct sfs_span){ NULL, 0 };
}

/** Keep what the file has for a name, unless it is what would be written for this time. */
static int compare_time(struct sfs_span name, int64_t ns, struct sfs_span updates,
			struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf stamp = SFS_BUF_INIT;
	struct sfs_span value = value_of(updates, name);
	struct sfsi_msgpack_writer writer;
	int err = sfsi_stamp_put(&stamp, ns);
	if (err < 0 || (value.data && sfs_span_equal(value, sfs_buf_span(&stamp))))
		return err;
	sfsi_msgpack_writer_init(&writer, ret);
	err = put_string(ret, name);
	if (!err)
		err = writer.sink.ops->integer(&writer.sink, ns);
	if (!err && !value.data)
		return writer.sink.ops->null(&writer.sink);
	return err < 0 ? err : sfs_buf_append(ret, value.data, value.len);
}

int sfsi_folder_updates(const struct sfsi_record *record, struct sfs_span updates,
			struct sfs_buf *ret)
{
	struct sfsi_updates times;
	struct sfsi_msgpack_map body;
	struct sfsi_msgpack_pair pair;
	sfsi_updates_init(&times, record);
	int err = sfsi_msgpack_map_init(&body, record->body);
	while (!err && (err = sfsi_msgpack_map_next(&body, &pair)) == 0)
		err = compare_time(pair.name, sfsi_updates_next(&times), updates, ret);
	err = err == 1 ? 0 : err;
	return err < 0 ? err : compare_time(sfs_span_str("oid"), record->updated_ns, updates, ret);
}
