/*
 * The member "indexes": a name and what is extracted, "normalize" or "keywords:title,content", or
 * {"extract": "keywords", "from": ["title", "content"], "min": 3}. index/extract.c makes the keys.
 */
#include <storefs/index_function.h>
#include "schema/define.h"

#define EXTRACTS \
	"value, normalize, noaccents, keyword, keywords, update_time, paths, properties or own"
#define KEYWORD_MIN 3

static int read_extract(struct sfsi_define *def, const struct sfsi_path *path,
			struct sfs_span extract, struct sfsi_index_rule *ret)
{
	ret->function = sfsi_index_function_find(extract);
	return ret->function < SFSI_INDEX_FUNCTIONS
		       ? 0
		       : sfsi_define_refuse(def, path, false, "expected one of %s", EXTRACTS);
}

static int read_own(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span name,
		    struct sfsi_index_rule *ret)
{
	ret->own = name;
	if (sfs_index_name_valid(name))
		return 0;
	return sfsi_define_refuse(def, path, false,
				  "expected the name of a program's function: a small letter, then "
				  "small letters, digits, '_', '.' and '-', at most %d bytes",
				  SFS_INDEX_NAME_MAX);
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

/** "paths:/": what is no name must be the separator. */
static bool is_separator(struct sfs_span text)
{
	const unsigned char *at = text.data;
	for (size_t i = 0; i < text.len; i++)
		if (at[i] >= 0x80 || at[i] == '_' || (at[i] >= '0' && at[i] <= '9') ||
		    (at[i] >= 'A' && at[i] <= 'Z') || (at[i] >= 'a' && at[i] <= 'z'))
			return false;
	return text.len > 0;
}

/** What stands behind the colon of "keywords:title,content". */
static int read_rest(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span rest,
		     struct sfsi_index_rule *ret)
{
	if (ret->function == SFSI_INDEX_OWN)
		return read_own(def, path, rest, ret);
	if (ret->function != SFSI_INDEX_PATHS || !is_separator(rest))
		return split_from(def, path, rest, ret);
	ret->separator = rest;
	return 0;
}

static int read_short(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      struct sfsi_index_rule *ret)
{
	struct sfs_span text, rest = { NULL, 0 };
	int err = sfsi_define_string(def, path, value, EXTRACTS ", or an object", &text);
	if (err < 0)
		return err;
	const char *start = text.data, *colon = memchr(start, ':', text.len);
	if (colon) {
		rest = (struct sfs_span){ colon + 1, (size_t)(start + text.len - colon - 1) };
		text.len = (size_t)(colon - start);
	}
	err = read_extract(def, path, text, ret);
	return err < 0 || !colon ? err : read_rest(def, path, rest, ret);
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

static int read_separator(struct sfsi_define *def, const struct sfsi_path *path,
			  struct sfs_span value, struct sfsi_index_rule *ret)
{
	int err = sfsi_define_string(def, path, value, "a text", &ret->separator);
	if (!err && ret->separator.len == 0)
		err = sfsi_define_expected(def, path, value, "a text that is not empty");
	return err;
}

static int read_compatible(struct sfsi_define *def, const struct sfsi_path *path,
			   struct sfs_span value, struct sfsi_index_rule *ret)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD || head.kind != SFSI_HEAD_BOOLEAN)
		return sfsi_define_expected(def, path, value, "true or false");
	ret->compatible = head.integer != 0;
	return 0;
}

static int read_index(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      struct sfsi_index_rule *ret);

/** "properties": {"title": "keyword", …}: what is made of each. */
static int read_parts(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      struct sfsi_index_rule *ret)
{
	static const char expected[] = "an object of properties and their functions";
	struct sfsi_path member = { .up = path };
	struct sfsi_cursor cursor;
	uint32_t count;
	int err = sfsi_define_open(def, path, value, SFSI_HEAD_MAP, expected, &cursor, &count);
	if (!err && count == 0)
		err = sfsi_define_expected(def, path, value, expected);
	if (err < 0)
		return err;
	struct sfsi_index_rule *parts = sfsi_arena_alloc(&def->schema->arena, count, sizeof *parts);
	if (!parts)
		return SFS_ERR_NO_MEMORY;
	ret->parts = parts;
	ret->parts_count = count;
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfs_span part;
		err = sfsi_define_pair(def, &cursor, &member, &part);
		if (!err)
			err = check_from(def, &member, member.name);
		if (!err)
			err = read_index(def, &member, part, &parts[i]);
		if (!err && parts[i].function == SFSI_INDEX_PROPERTIES)
			err = sfsi_define_refuse(def, &member, false,
						 "properties can not be inside of properties");
		if (!err && !sfsi_arena_copy(&def->schema->arena, member.name, &parts[i].name))
			err = SFS_ERR_NO_MEMORY;
	}
	return err;
}

static int read_name(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     struct sfsi_index_rule *ret)
{
	struct sfs_span text;
	int err = sfsi_define_string(def, path, value, "the name of a program's function", &text);
	return err < 0 ? err : read_own(def, path, text, ret);
}

static int read_function(struct sfsi_define *def, const struct sfsi_path *path,
			 struct sfs_span value, struct sfsi_index_rule *ret)
{
	struct sfs_span text;
	int err = sfsi_define_string(def, path, value, EXTRACTS, &text);
	return err < 0 ? err : read_extract(def, path, text, ret);
}

static int read_part(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     struct sfsi_index_rule *ret)
{
	static const struct {
		const char *name;
		int (*read)(struct sfsi_define *def, const struct sfsi_path *path,
			    struct sfs_span value, struct sfsi_index_rule *ret);
	} members[] = {
		{ "extract", read_function },
		{ "from", read_from },
		{ "min", read_min },
		{ "separator", read_separator },
		{ "properties", read_parts },
		{ "function", read_name },
		{ "compatible", read_compatible },
	};
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		if (sfs_span_equal(path->name, sfs_span_str(members[i].name)))
			return members[i].read(def, path, value, ret);
	return sfsi_define_refuse(def, path, true,
				  "not known; an index has the members extract, from, min, "
				  "separator, properties, function and compatible");
}

/** What a function can not do without. */
static int check_index(struct sfsi_define *def, const struct sfsi_path *path,
		       const struct sfsi_index_rule *rule)
{
	const char *missing = NULL;
	if (rule->function == SFSI_INDEX_FUNCTIONS)
		missing = "extract";
	else if (rule->function == SFSI_INDEX_PROPERTIES && !rule->parts_count)
		missing = "properties";
	else if (rule->function == SFSI_INDEX_OWN && !rule->own.len)
		missing = "function";
	return missing ? sfsi_define_refuse(def, path, false, "expected a member \"%s\"", missing)
		       : 0;
}

static int read_index(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      struct sfsi_index_rule *ret)
{
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	struct sfsi_path member = { .up = path };
	struct sfsi_cursor cursor = sfsi_cursor(value);
	int err = sfsi_cursor_next(&cursor, &head);
	ret->function = SFSI_INDEX_FUNCTIONS;
	ret->min = KEYWORD_MIN;
	ret->separator = sfs_span_str("/");
	if (!err && head.kind != SFSI_HEAD_MAP)
		err = read_short(def, path, value, ret);
	for (uint32_t i = 0; head.kind == SFSI_HEAD_MAP && i < head.count && !err; i++) {
		struct sfs_span part;
		err = sfsi_define_pair(def, &cursor, &member, &part);
		if (!err)
			err = read_part(def, &member, part, ret);
	}
	return err < 0 ? err : check_index(def, path, ret);
}

static int read_rule(struct sfsi_define *def, const struct sfsi_path *member, struct sfs_span value,
		     void *item)
{
	struct sfsi_index_rule *rule = item;
	rule->name = member->name;
	return read_index(def, member, value, rule);
}

int sfsi_define_indexes(struct sfsi_define *def, const struct sfsi_path *path,
			struct sfs_span value)
{
	void *list = NULL;
	int err = sfsi_define_items(def, path, value, "an object of names and indexes",
				    sizeof(struct sfsi_index_rule), read_rule, &list,
				    &def->schema->indexes_count);
	def->schema->indexes = list;
	return err;
}
