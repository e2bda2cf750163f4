/*
 * Notation to types: "[string]", "(int,string)", "(draft|published)", "{name=string}",
 * "int:0-100", "Account", "¤".
 *
 * An enum looks like one of several types: between '|' a word that is a type means the type, any
 * other word means itself. So a class can stand there only in the object form.
 */
#include <stdio.h>
#include <stdlib.h>
#include "document/utf8.h"
#include "schema/type.h"

struct parser {
	struct sfsi_arena *arena;
	const char *at, *end;
	unsigned depth;
	char *why; /* [200] */
};

static int parse(struct parser *parser, bool alternative, struct sfsi_type *ret);

static char peek(const struct parser *parser)
{
	return parser->at < parser->end ? *parser->at : '\0';
}

static void skip_space(struct parser *parser)
{
	while (peek(parser) == ' ')
		parser->at++;
}

/** Go over a character, and spaces around it. */
static bool take(struct parser *parser, char c)
{
	skip_space(parser);
	if (peek(parser) != c || parser->at == parser->end)
		return false;
	parser->at++;
	skip_space(parser);
	return true;
}

static int refuse(struct parser *parser, const char *expected)
{
	char shown[SFSI_SHOW_SIZE];
	struct sfs_span rest = { parser->at, (size_t)(parser->end - parser->at) };
	if (rest.len)
		snprintf(parser->why, 200, "expected %s at '%s'", expected,
			 sfsi_utf8_show(shown, rest));
	else
		snprintf(parser->why, 200, "expected %s at the end", expected);
	return SFS_ERR_BAD_DOCUMENT;
}

/** Items as they are read; moved to the arena when their number is known. */
struct items {
	struct sfsi_type *types;
	struct sfs_span *names;
	uint32_t count, cap;
};

static int items_grow(struct items *items)
{
	if (items->count < items->cap)
		return 0;
	uint32_t cap = items->cap ? items->cap * 2 : 8;
	struct sfsi_type *types = realloc(items->types, cap * sizeof *types);
	if (!types)
		return SFS_ERR_NO_MEMORY;
	items->types = types;
	struct sfs_span *names = realloc(items->names, cap * sizeof *names);
	if (!names)
		return SFS_ERR_NO_MEMORY;
	items->names = names;
	items->cap = cap;
	return 0;
}

/** Give the items to a type. */
static int items_end(struct parser *parser, struct items *items, int err, struct sfsi_type *ret)
{
	if (!err) {
		struct sfsi_type *types = sfsi_arena_alloc(parser->arena, items->count + 1,
							   sizeof *types);
		struct sfs_span *names = sfsi_arena_alloc(parser->arena, items->count + 1,
							  sizeof *names);
		if (types && names && items->count) {
			memcpy(types, items->types, items->count * sizeof *types);
			memcpy(names, items->names, items->count * sizeof *names);
		}
		ret->items = types;
		ret->names = ret->kind == SFSI_TYPE_MAP ? names : NULL;
		ret->count = items->count;
		err = types && names ? 0 : SFS_ERR_NO_MEMORY;
	}
	free(items->types);
	free(items->names);
	return err;
}

static int add_item(struct parser *parser, struct items *items, bool alternative)
{
	int err = items_grow(items);
	if (err < 0)
		return err;
	items->names[items->count] = (struct sfs_span){ "", 0 };
	err = parse(parser, alternative, &items->types[items->count]);
	items->count += !err;
	return err;
}

static int parse_list(struct parser *parser, struct sfsi_type *ret)
{
	struct items items = { .count = 0 };
	ret->kind = SFSI_TYPE_LIST;
	int err = add_item(parser, &items, false);
	if (!err && !take(parser, ']'))
		err = refuse(parser, "']'");
	return items_end(parser, &items, err, ret);
}

/** Is this group of alternatives, not of places? Looks for '|' or ',' in it, at its own level. */
static bool is_alternatives(const struct parser *parser)
{
	int depth = 0;
	for (const char *at = parser->at; at < parser->end; at++) {
		if (strchr("([{", *at))
			depth++;
		else if (strchr(")]}", *at) && depth-- == 0)
			return true;
		else if (depth == 0 && (*at == '|' || *at == ','))
			return *at == '|';
	}
	return true;
}

static int parse_group(struct parser *parser, struct sfsi_type *ret)
{
	struct items items = { .count = 0 };
	bool alternatives = is_alternatives(parser);
	ret->kind = alternatives ? SFSI_TYPE_ONE_OF : SFSI_TYPE_TUPLE;
	int err;
	do
		err = add_item(parser, &items, alternatives);
	while (!err && take(parser, alternatives ? '|' : ','));
	if (!err && !take(parser, ')'))
		err = refuse(parser, alternatives ? "'|' or ')'" : "',' or ')'");
	return items_end(parser, &items, err, ret);
}

static int parse_name(struct parser *parser, struct items *items)
{
	const char *start = parser->at;
	while (parser->at < parser->end && !strchr("=,{}()[]|", *parser->at))
		parser->at++;
	struct sfs_span name = { start, (size_t)(parser->at - start) };
	if (name.len == 0 || !take(parser, '='))
		return refuse(parser, "NAME=TYPE");
	for (uint32_t i = 0; i < items->count; i++)
		if (sfs_span_equal(items->names[i], name))
			return refuse(parser, "a name that was not there before");
	int err = add_item(parser, items, false);
	if (!err && !sfsi_arena_copy(parser->arena, name, &items->names[items->count - 1]))
		err = SFS_ERR_NO_MEMORY;
	return err;
}

static int parse_map(struct parser *parser, struct sfsi_type *ret)
{
	struct items items = { .count = 0 };
	int err = 0;
	ret->kind = SFSI_TYPE_MAP;
	if (take(parser, '}'))
		return items_end(parser, &items, 0, ret);
	do
		err = parse_name(parser, &items);
	while (!err && take(parser, ','));
	if (!err && !take(parser, '}'))
		err = refuse(parser, "',' or '}'");
	return items_end(parser, &items, err, ret);
}

/** One bound of a range: "-5", "100", "0.5", "1e-3". */
static bool parse_bound(const char **at, bool whole, long double *ret)
{
	char text[64];
	const char *from = *at, *to = from;
	size_t digits;
	if (*to == '-')
		to++;
	digits = strspn(to, "0123456789");
	to += digits;
	if (digits && !whole && *to == '.' && strspn(to + 1, "0123456789"))
		to += 1 + strspn(to + 1, "0123456789");
	if (digits && !whole && (*to == 'e' || *to == 'E')) {
		const char *exponent = to + 1 + (to[1] == '-' || to[1] == '+');
		size_t len = strspn(exponent, "0123456789");
		to = len ? exponent + len : to;
	}
	if (digits == 0 || digits > 18 || (size_t)(to - from) >= sizeof text)
		return false;
	memcpy(text, from, (size_t)(to - from));
	text[to - from] = '\0';
	*ret = strtold(text, NULL);
	*at = to;
	return true;
}

/** "int:0-100": false when the word is no range. */
static bool parse_range(struct sfs_span word, struct sfsi_type *ret)
{
	static const enum sfsi_type_kind bases[] = { SFSI_TYPE_INT, SFSI_TYPE_FLOAT,
						     SFSI_TYPE_NUMBER };
	char text[140];
	const char *at = text;
	if (word.len >= sizeof text)
		return false;
	memcpy(text, word.data, word.len);
	text[word.len] = '\0';
	for (size_t i = 0; i < 3; i++) {
		const char *name = sfsi_type_words[bases[i]];
		size_t len = strlen(name);
		if (strncmp(text, name, len) != 0 || text[len] != ':')
			continue;
		at = text + len + 1;
		*ret = (struct sfsi_type){ .kind = SFSI_TYPE_RANGE, .base = bases[i] };
		bool whole = bases[i] == SFSI_TYPE_INT;
		return parse_bound(&at, whole, &ret->low) && *at++ == '-' &&
		       parse_bound(&at, whole, &ret->high) && !*at && ret->low <= ret->high;
	}
	return false;
}

/** A class in notation begins with a capital letter, or has a dot as the names of Python types. */
static bool is_class(struct sfs_span word)
{
	const char *text = word.data;
	bool dot = false;
	for (size_t i = 0; i < word.len; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
		if (!letter && !(later && i > 0))
			return false;
		dot = dot || c == '.';
	}
	return word.len && word.len <= 128 && (dot || (text[0] >= 'A' && text[0] <= 'Z'));
}

static int parse_literal(struct parser *parser, struct sfs_span word, struct sfsi_type *ret)
{
	struct sfs_buf value = SFS_BUF_INIT;
	ret->kind = SFSI_TYPE_LITERAL;
	int err = sfsi_literal_string(&value, word);
	if (!err && !sfsi_arena_copy(parser->arena, sfs_buf_span(&value), &ret->text))
		err = SFS_ERR_NO_MEMORY;
	sfs_buf_fini(&value);
	return err;
}

static int parse_word(struct parser *parser, bool alternative, struct sfsi_type *ret)
{
	const char *start = parser->at;
	while (parser->at < parser->end && !strchr("|,()[]{}=", *parser->at))
		parser->at++;
	const char *stop = parser->at;
	while (stop > start && stop[-1] == ' ')
		stop--;
	struct sfs_span word = { start, (size_t)(stop - start) };
	enum sfsi_type_kind kind = sfsi_type_word(word);
	if (kind != SFSI_TYPE_WORDS) {
		ret->kind = kind;
		return 0;
	}
	if (sfs_span_equal(word, sfs_span_str("¤"))) {
		*ret = (struct sfsi_type){ .kind = SFSI_TYPE_REFERENCE, .text = { "", 0 } };
		return 0;
	}
	if (parse_range(word, ret))
		return 0;
	*ret = (struct sfsi_type){ .kind = SFSI_TYPE_REFERENCE };
	if (alternative && word.len)
		return parse_literal(parser, word, ret);
	if (is_class(word))
		return sfsi_arena_copy(parser->arena, word, &ret->text) ? 0 : SFS_ERR_NO_MEMORY;
	parser->at = start;
	return refuse(parser, "a type (any, bool, int, int>0, float, number, string, date, time, "
			      "datetime, bin, … or a class)");
}

/** @alternative  it stands between '|'. */
static int parse(struct parser *parser, bool alternative, struct sfsi_type *ret)
{
	*ret = (struct sfsi_type){ .kind = SFSI_TYPE_ANY };
	if (parser->depth == SFSI_TYPE_DEPTH) {
		snprintf(parser->why, 200, "expected a type of at most %d levels", SFSI_TYPE_DEPTH);
		return SFS_ERR_BAD_DOCUMENT;
	}
	parser->depth++;
	int err;
	if (take(parser, '['))
		err = parse_list(parser, ret);
	else if (take(parser, '('))
		err = parse_group(parser, ret);
	else if (take(parser, '{'))
		err = parse_map(parser, ret);
	else
		err = parse_word(parser, alternative, ret);
	parser->depth--;
	return err;
}

int sfsi_type_parse(struct sfsi_arena *arena, struct sfs_span notation, unsigned depth,
		    struct sfsi_type *ret, char why[200])
{
	struct parser parser = { .arena = arena, .depth = depth, .why = why };
	parser.at = notation.len ? notation.data : "";
	parser.end = parser.at + notation.len;
	int err = parse(&parser, false, ret);
	skip_space(&parser);
	if (!err && parser.at != parser.end)
		err = refuse(&parser, "nothing more");
	return err;
}
