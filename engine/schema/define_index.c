/*
 * The member "indexes": a name and what is extracted, "normalize" or "keywords:title,content", or
 * {"extract": "keywords", "from": ["title", "content"], "min": 3}. Checked and kept.
 */
#include "schema/define.h"

static const char *const extracts[] = { "value",    "normalize",   "noaccents", "keyword",
					"keywords", "update_time", "paths" };
#define EXTRACTS "value, normalize, noaccents, keyword, keywords, update_time or paths"
#define KEYWORD_MIN 3

static int check_extract(struct sfsi_define *def, const struct sfsi_path *path,
			 struct sfs_span extract)
{
	for (size_t i = 0; i < sizeof extracts / sizeof extracts[0]; i++)
		if (sfs_span_equal(extract, sfs_span_str(extracts[i])))
			return 0;
	return sfsi_define_refuse(def, path, false, "expected one of %s", EXTRACTS);
}

static int check_from(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span name)
{
	if (name.len == 0 || name.len > SFSI_SCHEMA_NAME_MAX)
		return sfsi_define_refuse(def, path, false,
					  "expected the name of a property, 1 to %d bytes",
					  SFSI_SCHEMA_NAME_MAX);
	return 0;
}

/** "title,content": the names after the colon. They point into the arena already. */
static int split_from(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span list,
		      struct sfsi_index_rule *ret)
{
	const char *at = list.data, *end = at + list.len;
	size_t commas = 0;
	for (const char *c = at; c < end; c++)
		commas += *c == ',';
	struct sfs_span *from = sfsi_arena_alloc(&def->schema->arena, commas + 1, sizeof *from);
	if (!from)
		return SFS_ERR_NO_MEMORY;
	ret->from = from;
	int err = 0;
	for (size_t i = 0; i <= commas && !err; i++) {
		const char *stop = memchr(at, ',', (size_t)(end - at));
		stop = stop ? stop : end;
		from[i] = (struct sfs_span){ at, (size_t)(stop - at) };
		err = check_from(def, path, from[i]);
		at = stop + 1;
	}
	ret->from_count = (uint32_t)commas + 1;
	return err;
}

static int read_short(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      struct sfsi_index_rule *ret)
{
	struct sfs_span text;
	int err = sfsi_define_string(def, path, value, EXTRACTS ", or an object", &text);
	if (err < 0)
		return err;
	const char *start = text.data, *colon = memchr(start, ':', text.len);
	ret->extract = text;
	if (colon) {
		ret->extract.len = (size_t)(colon - start);
		text.len -= ret->extract.len + 1;
		text.data = colon + 1;
		err = split_from(def, path, text, ret);
	}
	return err < 0 ? err : check_extract(def, path, ret->extract);
}

static int read_from(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     struct sfsi_index_rule *ret)
{
	static const char expected[] = "the name of a property, or an array of names";
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_path item = { .up = path };
	int err = sfsi_cursor_next(&cursor, &head);
	bool array = head.kind == SFSI_HEAD_ARRAY;
	uint32_t count = array ? head.count : 1;
	struct sfs_span *from = sfsi_arena_alloc(&def->schema->arena, count + 1, sizeof *from);
	if (!from)
		return SFS_ERR_NO_MEMORY;
	ret->from = from;
	ret->from_count = count;
	if (!err && count == 0)
		err = sfsi_define_expected(def, path, value, expected);
	for (; item.index < count && !err; item.index++) {
		const struct sfsi_path *where = array ? &item : path;
		if (array)
			err = sfsi_cursor_skip(&cursor, &value);
		if (!err)
			err = sfsi_define_string(def, where, value, expected, &from[item.index]);
		if (!err)
			err = check_from(def, where, from[item.index]);
	}
	return err;
}

static int read_min(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		    struct sfsi_index_rule *ret)
{
	struct sfsi_head head;
	int64_t min = 0;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD || !sfsi_head_integer(&head, &min) ||
	    min < 0 || min > 255)
		return sfsi_define_expected(def, path, value, "a number from 0 to 255");
	ret->min = (uint32_t)min;
	return 0;
}

static int read_part(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     struct sfsi_index_rule *ret)
{
	static const char expected[] = "a text";
	int err;
	if (sfs_span_equal(path->name, sfs_span_str("extract"))) {
		err = sfsi_define_string(def, path, value, EXTRACTS, &ret->extract);
		return err < 0 ? err : check_extract(def, path, ret->extract);
	}
	if (sfs_span_equal(path->name, sfs_span_str("from")))
		return read_from(def, path, value, ret);
	if (sfs_span_equal(path->name, sfs_span_str("min")))
		return read_min(def, path, value, ret);
	if (!sfs_span_equal(path->name, sfs_span_str("separator")))
		return sfsi_define_refuse(def, path, true,
					  "not known; an index has the members extract, from, min "
					  "and separator");
	err = sfsi_define_string(def, path, value, expected, &ret->separator);
	if (!err && ret->separator.len == 0)
		err = sfsi_define_expected(def, path, value, "a text that is not empty");
	return err;
}

static int read_index(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      struct sfsi_index_rule *ret)
{
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	struct sfsi_path member = { .up = path };
	struct sfsi_cursor cursor = sfsi_cursor(value);
	int err = sfsi_cursor_next(&cursor, &head);
	ret->min = KEYWORD_MIN;
	ret->separator = sfs_span_str("/");
	if (!err && head.kind != SFSI_HEAD_MAP)
		return read_short(def, path, value, ret);
	for (uint32_t i = 0; i < head.count && !err; i++) {
		struct sfs_span part;
		err = sfsi_define_pair(def, &cursor, &member, &part);
		if (!err)
			err = read_part(def, &member, part, ret);
	}
	if (!err && ret->extract.len == 0)
		err = sfsi_define_refuse(def, path, false, "expected a member \"extract\"");
	return err;
}

int sfsi_define_indexes(struct sfsi_define *def, const struct sfsi_path *path,
			struct sfs_span value)
{
	struct sfsi_schema *schema = def->schema;
	struct sfsi_path member = { .up = path };
	struct sfsi_cursor cursor;
	uint32_t count;
	int err = sfsi_define_open(def, path, value, SFSI_HEAD_MAP,
				   "an object of names and indexes", &cursor, &count);
	if (err < 0)
		return err;
	struct sfsi_index_rule *list = sfsi_arena_alloc(&schema->arena, (size_t)count + 1,
							sizeof *list);
	if (!list)
		return SFS_ERR_NO_MEMORY;
	schema->indexes = list;
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfs_span rule;
		err = sfsi_define_pair(def, &cursor, &member, &rule);
		if (!err && (member.name.len == 0 || member.name.len > SFSI_SCHEMA_NAME_MAX))
			err = sfsi_define_refuse(def, &member, true,
						 "expected a name of 1 to %d bytes",
						 SFSI_SCHEMA_NAME_MAX);
		if (!err)
			err = read_index(def, &member, rule, &list[i]);
		if (!err && !sfsi_arena_copy(&schema->arena, member.name, &list[i].name))
			err = SFS_ERR_NO_MEMORY;
		schema->indexes_count += !err;
	}
	return err;
}
