/*
 * Types in definitions: a text in notation, or an object with one member that says what kind of
 * type it is: enum, one_of, list, tuple, map, range, reference.
 */
#include "schema/define.h"

#define ENUM_MAX 10000

typedef int read_fn(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		    unsigned depth, struct sfsi_type *ret);

static int read_notation(struct sfsi_define *def, const struct sfsi_path *path,
			 struct sfs_span notation, unsigned depth, struct sfsi_type *ret)
{
	char why[200];
	int err = sfsi_type_parse(&def->schema->arena, notation, depth, ret, why);
	return err == SFS_ERR_BAD_DOCUMENT ? sfsi_define_refuse(def, path, false, "%s", why) : err;
}

static bool is_literal(struct sfs_span value)
{
	struct sfsi_head head;
	bool minus;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return false;
	return head.kind == SFSI_HEAD_STRING || head.kind == SFSI_HEAD_BOOLEAN ||
	       head.kind == SFSI_HEAD_INTEGER || head.kind == SFSI_HEAD_NATURAL ||
	       head.kind == SFSI_HEAD_REAL || sfsi_head_bigint(&head, &minus);
}

static int read_literal(struct sfsi_define *def, const struct sfsi_path *path,
			struct sfs_span value, unsigned depth, struct sfsi_type *ret)
{
	(void)depth;
	ret->kind = SFSI_TYPE_LITERAL;
	if (!is_literal(value))
		return sfsi_define_expected(def, path, value, "a text, a number, true or false");
	return sfsi_arena_copy(&def->schema->arena, value, &ret->text) ? 0 : SFS_ERR_NO_MEMORY;
}

/** An array of types or literals. */
static int read_items(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      unsigned depth, read_fn *read, struct sfsi_type *ret)
{
	struct sfsi_path item = { .up = path };
	struct sfsi_cursor cursor;
	uint32_t count = 0;
	int err = sfsi_define_open(def, path, value, SFSI_HEAD_ARRAY, "an array", &cursor, &count);
	if (!err && count == 0)
		err = sfsi_define_expected(def, path, value, "an array with something in it");
	if (err < 0)
		return err;
	struct sfsi_type *items = sfsi_arena_alloc(&def->schema->arena, count,
						   sizeof(struct sfsi_type));
	if (!items)
		return SFS_ERR_NO_MEMORY;
	ret->items = items;
	ret->count = count;
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfs_span type;
		item.index = i;
		err = sfsi_cursor_skip(&cursor, &type);
		if (!err)
			err = read(def, &item, type, depth, &items[i]);
	}
	return err;
}

static int read_enum(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     unsigned depth, struct sfsi_type *ret)
{
	ret->kind = SFSI_TYPE_ONE_OF;
	int err = read_items(def, path, value, depth, read_literal, ret);
	if (!err && ret->count > ENUM_MAX)
		err = sfsi_define_refuse(def, path, false, "expected at most %d values", ENUM_MAX);
	for (uint32_t i = 0; i < ret->count && !err; i++) {
		struct sfsi_path item = { .up = path, .index = i };
		for (uint32_t k = 0; k < i && !err; k++)
			if (sfs_span_equal(ret->items[i].text, ret->items[k].text))
				err = sfsi_define_refuse(def, &item, false, "stands there twice");
	}
	return err;
}

static int read_one_of(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		       unsigned depth, struct sfsi_type *ret)
{
	ret->kind = SFSI_TYPE_ONE_OF;
	return read_items(def, path, value, depth, sfsi_define_type, ret);
}

static int read_tuple(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      unsigned depth, struct sfsi_type *ret)
{
	ret->kind = SFSI_TYPE_TUPLE;
	return read_items(def, path, value, depth, sfsi_define_type, ret);
}

static int read_list(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     unsigned depth, struct sfsi_type *ret)
{
	struct sfsi_type *item = sfsi_arena_alloc(&def->schema->arena, 1, sizeof *item);
	if (!item)
		return SFS_ERR_NO_MEMORY;
	*ret = (struct sfsi_type){ .kind = SFSI_TYPE_LIST, .items = item, .count = 1 };
	return sfsi_define_type(def, path, value, depth, item);
}

static int read_map(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		    unsigned depth, struct sfsi_type *ret)
{
	struct sfsi_path member = { .up = path };
	struct sfsi_cursor cursor;
	uint32_t count = 0;
	int err = sfsi_define_open(def, path, value, SFSI_HEAD_MAP, "an object of names and types",
				   &cursor, &count);
	if (err < 0)
		return err;
	struct sfsi_arena *arena = &def->schema->arena;
	struct sfsi_type *items = sfsi_arena_alloc(arena, (size_t)count + 1, sizeof *items);
	struct sfs_span *names = sfsi_arena_alloc(arena, (size_t)count + 1, sizeof *names);
	if (!items || !names)
		return SFS_ERR_NO_MEMORY;
	*ret = (struct sfsi_type){
		.kind = SFSI_TYPE_MAP, .items = items, .names = names, .count = count
	};
	for (uint32_t i = 0; i < count && !err; i++) {
		struct sfs_span type;
		err = sfsi_define_pair(def, &cursor, &member, &type);
		if (!err)
			err = sfsi_define_type(def, &member, type, depth, &items[i]);
		if (!err && !sfsi_arena_copy(arena, member.name, &names[i]))
			err = SFS_ERR_NO_MEMORY;
	}
	return err;
}

static int read_bound(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      long double *ret)
{
	struct sfsi_head head;
	int64_t integer = 0;
	int err = sfsi_head_read(value, &head) == SFSI_HEAD_GOOD ? 0 : SFS_ERR_CORRUPT;
	if (err < 0)
		return err;
	if (sfsi_head_integer(&head, &integer))
		*ret = (long double)integer;
	else if (head.kind == SFSI_HEAD_REAL && __builtin_isfinite(head.real))
		*ret = (long double)head.real;
	else
		return sfsi_define_expected(def, path, value, "a number below 2^63");
	return 0;
}

static bool is_whole(long double value)
{
	return value >= -0x1p63L && value < 0x1p63L && value == (long double)(int64_t)value;
}

static int read_base(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     struct sfsi_type *ret)
{
	static const char expected[] = "\"int\", \"float\" or \"number\"";
	struct sfs_span word;
	int err = sfsi_define_string(def, path, value, expected, &word);
	if (err < 0)
		return err;
	ret->base = sfsi_type_word(word);
	if (ret->base != SFSI_TYPE_INT && ret->base != SFSI_TYPE_FLOAT &&
	    ret->base != SFSI_TYPE_NUMBER)
		err = sfsi_define_expected(def, path, value, expected);
	return err;
}

static int read_range(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		      unsigned depth, struct sfsi_type *ret)
{
	static const char expected[] = "[LOWEST, HIGHEST] or [LOWEST, HIGHEST, TYPE]";
	struct sfsi_path item = { .up = path };
	struct sfsi_cursor cursor;
	uint32_t count = 0;
	(void)depth;
	*ret = (struct sfsi_type){ .kind = SFSI_TYPE_RANGE, .base = SFSI_TYPE_INT };
	int err = sfsi_define_open(def, path, value, SFSI_HEAD_ARRAY, expected, &cursor, &count);
	if (!err && count != 2 && count != 3)
		err = sfsi_define_expected(def, path, value, expected);
	for (; item.index < count && !err; item.index++) {
		struct sfs_span part;
		err = sfsi_cursor_skip(&cursor, &part);
		if (!err && item.index == 2)
			err = read_base(def, &item, part, ret);
		else if (!err)
			err = read_bound(def, &item, part, item.index ? &ret->high : &ret->low);
	}
	bool whole = is_whole(ret->low) && is_whole(ret->high);
	if (!err && ret->base == SFSI_TYPE_INT && !whole)
		err = sfsi_define_refuse(def, path, false, "expected whole bounds for int");
	if (!err && ret->low > ret->high)
		err = sfsi_define_refuse(def, path, false, "the lowest is above the highest");
	return err;
}

static int read_reference(struct sfsi_define *def, const struct sfsi_path *path,
			  struct sfs_span value, unsigned depth, struct sfsi_type *ret)
{
	static const char expected[] = "the name of a class";
	(void)depth;
	ret->kind = SFSI_TYPE_REFERENCE;
	int err = sfsi_define_string(def, path, value, expected, &ret->text);
	if (!err && sfs_span_equal(ret->text, sfs_span_str("¤")))
		ret->text = (struct sfs_span){ "", 0 };
	else if (!err && (ret->text.len == 0 || ret->text.len > SFS_CLASS_NAME_MAX))
		err = sfsi_define_expected(def, path, value, expected);
	return err;
}

static const struct {
	const char *name;
	read_fn *read;
} forms[] = {
	{ "enum", read_enum },           { "one_of", read_one_of }, { "list", read_list },
	{ "tuple", read_tuple },         { "map", read_map },       { "range", read_range },
	{ "reference", read_reference },
};

static int read_form(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     unsigned depth, struct sfsi_type *ret)
{
	static const char expected[] = "a type: a text, or an object with one of the members enum, "
				       "one_of, list, tuple, map, range and reference";
	struct sfsi_path member = { .up = path };
	struct sfsi_cursor cursor;
	struct sfs_span inner;
	uint32_t count;
	int err = sfsi_define_open(def, path, value, SFSI_HEAD_MAP, expected, &cursor, &count);
	if (!err && count != 1)
		err = sfsi_define_expected(def, path, value, expected);
	if (!err)
		err = sfsi_define_pair(def, &cursor, &member, &inner);
	if (err < 0)
		return err;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if (sfs_span_equal(member.name, sfs_span_str(forms[i].name)))
			return forms[i].read(def, &member, inner, depth, ret);
	return sfsi_define_refuse(def, &member, true, "expected %s", expected);
}

int sfsi_define_type(struct sfsi_define *def, const struct sfsi_path *path, struct sfs_span value,
		     unsigned depth, struct sfsi_type *ret)
{
	struct sfsi_head head;
	*ret = (struct sfsi_type){ .kind = SFSI_TYPE_ANY };
	if (depth == SFSI_TYPE_DEPTH)
		return sfsi_define_refuse(def, path, false, "expected a type of at most %d levels",
					  SFSI_TYPE_DEPTH);
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	if (head.kind == SFSI_HEAD_STRING)
		return read_notation(def, path, head.body, depth, ret);
	return read_form(def, path, value, depth + 1, ret);
}
