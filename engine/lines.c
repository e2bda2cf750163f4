/*
 * Objects as lines: see storefs/lines.h. Lines are made of the record, not of a kept text, so one
 * object looks the same in all of them.
 */
#include <stdlib.h>
#include <storefs/lines.h>
#include "base/array.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "document/utf8.h"
#include "object.h"
#include "raw_index.h"

struct sfs_lines {
	struct sfs_store *store;
	const struct sfsi_class *class;
	enum sfs_lines_form form;
	struct sfs_buf names;   /* of the columns */
	struct column *columns; /* [count] */
	size_t count, cap;
	bool begun;  /* the header was given */
	bool values; /* the class is a database */
	struct sfs_buf record, line;
};

/* Where its name is in names. */
struct column {
	size_t off, len;
};

static int add_column(struct sfs_lines *lines, struct sfs_span name)
{
	int err = sfsi_array_grow(&lines->columns, lines->count, &lines->cap,
				  sizeof *lines->columns);
	if (err < 0)
		return err;
	lines->columns[lines->count] = (struct column){ lines->names.len, name.len };
	err = sfs_buf_append(&lines->names, name.data, name.len);
	lines->count += !err;
	return err;
}

static int columns_of_class(struct sfs_lines *lines, const struct sfsi_class *class)
{
	uint64_t number;
	struct sfsi_schema *schema = sfsi_class_schema(lines->store, class, &number);
	int err = 0;
	for (uint32_t i = 0; schema && i < schema->properties_count && !err; i++)
		err = add_column(lines, schema->properties[i].name);
	for (uint32_t i = 0; schema && i < schema->relations_count && !err; i++)
		err = add_column(lines, schema->relations[i].name);
	sfsi_schema_unref(schema);
	return err;
}

int sfs_lines_new(struct sfs_store *store, uint32_t class_id, enum sfs_lines_form form,
		  struct sfs_lines **ret)
{
	struct sfsi_class *class;
	int err = sfsi_indexed_class(store, class_id, &class);
	if (!err && (unsigned)form > SFS_LINES_CSV)
		err = SFS_ERR_INVALID;
	if (err < 0)
		return err;
	struct sfs_lines *lines = calloc(1, sizeof *lines);
	if (!lines)
		return SFS_ERR_NO_MEMORY;
	lines->store = store;
	lines->class = class;
	lines->form = form;
	lines->values = class->database;
	if (form == SFS_LINES_CSV)
		err = columns_of_class(lines, class);
	if (err < 0)
		sfs_lines_free(lines);
	else
		*ret = lines;
	return err;
}

void sfs_lines_free(struct sfs_lines *lines)
{
	if (!lines)
		return;
	sfs_buf_fini(&lines->names);
	sfs_buf_fini(&lines->record);
	sfs_buf_fini(&lines->line);
	free(lines->columns);
	free(lines);
}

/** Append a msgpack value as JSON on one line. */
static int put_json(struct sfs_buf *ret, struct sfs_span value)
{
	struct sfsi_json_writer *writer;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_json_writer_new(&writer);
	if (err < 0)
		return err;
	err = sfsi_msgpack_read(value, sfsi_json_writer_sink(writer), NULL, &diag);
	if (!err)
		err = sfsi_json_writer_finish(writer, SFSI_JSON_COMPACT, ret);
	sfsi_json_writer_free(writer);
	return err;
}

/* --- JSON lines --- */

static int put_member(struct sfs_buf *map, struct sfs_span key, struct sfs_span value)
{
	int err = sfs_buf_append(map, key.data, key.len);
	return err < 0 ? err : sfs_buf_append(map, value.data, value.len);
}

static int put_oid(struct sfs_buf *map, struct sfs_span oid)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, map);
	int err = writer.sink.ops->string(&writer.sink, sfs_span_str("oid"));
	if (err < 0)
		return err;
	return sfsi_utf8_valid(oid) ? writer.sink.ops->string(&writer.sink, oid)
				    : writer.sink.ops->binary(&writer.sink, oid);
}

/** Of a database: any value, and a map may have members of any name. */
static int value_line(struct sfs_span oid, struct sfs_span body, struct sfs_buf *line)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, line);
	int err = sfsi_msgpack_map_header(line, 2);
	if (!err)
		err = put_oid(line, oid);
	if (!err)
		err = writer.sink.ops->string(&writer.sink, sfs_span_str("value"));
	return err < 0 ? err : sfs_buf_append(line, body.data, body.len);
}

static int json_line(struct sfs_lines *lines, struct sfs_span oid, struct sfs_span body)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	struct sfs_buf *line = &lines->line;
	line->len = 0;
	if (lines->values)
		return value_line(oid, body, line);
	int err = sfsi_msgpack_body_init(&map, body);
	if (!err)
		err = sfsi_msgpack_map_header(line, map.left + 1);
	if (!err)
		err = put_oid(line, oid);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0)
		err = put_member(line, pair.key, pair.value);
	return err < 0 ? err : 0;
}

/* --- CSV --- */

/** Append a field, in quotation marks when it must be. */
static int put_field(struct sfs_buf *ret, struct sfs_span text)
{
	const char *at = text.data;
	bool quote = false;
	for (size_t i = 0; i < text.len && !quote; i++)
		quote = at[i] == ',' || at[i] == '"' || at[i] == '\r' || at[i] == '\n';
	if (!quote)
		return sfs_buf_append(ret, text.data, text.len);
	int err = sfs_buf_append(ret, "\"", 1);
	for (size_t i = 0; i < text.len && !err; i++)
		err = at[i] == '"' ? sfs_buf_append(ret, "\"\"", 2)
				   : sfs_buf_append(ret, at + i, 1);
	return err < 0 ? err : sfs_buf_append(ret, "\"", 1);
}

static int put_value(struct sfs_buf *ret, struct sfs_span value)
{
	SFSI_AUTO_BUF struct sfs_buf json = SFS_BUF_INIT;
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	if (head.kind == SFSI_HEAD_NULL)
		return 0;
	if (head.kind == SFSI_HEAD_STRING)
		return put_field(ret, head.body);
	int err = put_json(&json, value);
	return err < 0 ? err : put_field(ret, sfs_buf_span(&json));
}

static int put_column(struct sfs_buf *ret, struct sfs_span body, struct sfs_span name)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_body_init(&map, body);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		if (sfs_span_equal(pair.name, name))
			return put_value(ret, pair.value);
	}
	return err < 0 ? err : 0;
}

static struct sfs_span column_name(const struct sfs_lines *lines, size_t i)
{
	return (struct sfs_span){ (const char *)lines->names.data + lines->columns[i].off,
				  lines->columns[i].len };
}

static int put_header(struct sfs_lines *lines, struct sfs_buf *ret)
{
	int err = sfs_buf_append(ret, "oid", 3);
	for (size_t i = 0; i < lines->count && !err; i++) {
		err = sfs_buf_append(ret, ",", 1);
		if (!err)
			err = put_field(ret, column_name(lines, i));
	}
	lines->begun = true;
	return err < 0 ? err : sfs_buf_append(ret, "\r\n", 2);
}

static int columns_of_body(struct sfs_lines *lines, struct sfs_span body)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_body_init(&map, body);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0)
		err = add_column(lines, pair.name);
	return err < 0 ? err : 0;
}

static int csv_line(struct sfs_lines *lines, struct sfs_span oid, struct sfs_span body,
		    struct sfs_buf *ret)
{
	int err = 0;
	if (!lines->begun && lines->count == 0)
		err = columns_of_body(lines, body);
	if (!err && !lines->begun)
		err = put_header(lines, ret);
	if (!err)
		err = put_field(ret, oid);
	for (size_t i = 0; i < lines->count && !err; i++) {
		err = sfs_buf_append(ret, ",", 1);
		if (!err)
			err = put_column(ret, body, column_name(lines, i));
	}
	return err < 0 ? err : sfs_buf_append(ret, "\r\n", 2);
}

/* --- lines --- */

static int oid_line(struct sfs_span oid, struct sfs_buf *ret)
{
	int err = sfs_buf_append(ret, oid.data, oid.len);
	return err < 0 ? err : sfs_buf_append(ret, "\n", 1);
}

/** What an object has; of a raw its metadata. */
static int read_record(struct sfs_lines *lines, struct sfs_span oid, struct sfsi_record *ret)
{
	const struct sfsi_class *class = lines->class;
	struct sfsi_raw_id buf;
	struct sfs_span id;
	if (class->kind == SFS_CLASS_OBJECT)
		return sfsi_oid_check(oid) < 0 ? SFS_ERR_NOT_FOUND
					       : sfsi_object_read(lines->store, class->id, oid,
								  &lines->record, ret);
	int err = sfsi_thing_id(lines->store, class, oid, &buf, &id, NULL);
	return err < 0 ? err
		       : sfsi_raw_record_read(lines->store, class->id, id, &lines->record, ret);
}

int sfs_lines_put(struct sfs_lines *lines, struct sfs_span oid, struct sfs_buf *ret)
{
	struct sfsi_record record;
	size_t before = ret->len;
	if (lines->form == SFS_LINES_OIDS)
		return oid_line(oid, ret);
	lines->record.len = 0;
	int err = read_record(lines, oid, &record);
	if (!err && lines->form == SFS_LINES_CSV)
		err = csv_line(lines, oid, record.body, ret);
	else if (!err)
		err = json_line(lines, oid, record.body);
	if (!err && lines->form == SFS_LINES_JSONL)
		err = put_json(ret, sfs_buf_span(&lines->line));
	if (!err && lines->form == SFS_LINES_JSONL)
		err = sfs_buf_append(ret, "\n", 1);
	if (err < 0)
		ret->len = before;
	return err;
}

int sfs_lines_end(struct sfs_lines *lines, struct sfs_buf *ret)
{
	return lines->form == SFS_LINES_CSV && !lines->begun ? put_header(lines, ret) : 0;
}
