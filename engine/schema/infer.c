/*
 * Guessing a definition: see infer.h. For each property a set of types that no value has ruled out
 * yet; in the end the narrowest that is left. A guess that is too wide is corrected by hand; one
 * that is too narrow would refuse tomorrow's documents, so lists of words need many witnesses.
 */
#include "schema/infer.h"
#include <stdlib.h>
#include "document/json.h"

#define NAMES_MAX 4096
#define DEPTH_MAX 3
#define WORDS_MAX 8        /* distinct words of an enum */
#define WORD_WITNESSES 20  /* values that an enum needs … */
#define WORD_REPETITIONS 4 /* … and how often each word stands there on average */

/** What all values seen have in common. */
struct shape {
	uint32_t fits; /* bit of each kind in `candidates` */
	uint32_t count;
	bool other;      /* a value that is no list, or no reference */
	bool list, refs; /* all are lists; all are references */
	bool any_real;
	struct shape *item; /* of lists */
	struct sfs_span ref_type;
	struct sfs_span words[WORDS_MAX];
	uint32_t words_count; /* WORDS_MAX + 1: too many, or not words */
};

struct sfsi_infer {
	struct sfsi_arena arena;
	struct {
		struct sfs_span name;
		struct shape shape;
	} names[NAMES_MAX];
	uint32_t count;
};

/* Narrowest first. */
static const enum sfsi_type_kind candidates[] = {
	SFSI_TYPE_BOOL,     SFSI_TYPE_INT,    SFSI_TYPE_NUMBER, SFSI_TYPE_DATE,
	SFSI_TYPE_DATETIME, SFSI_TYPE_TIME,   SFSI_TYPE_EMAIL,  SFSI_TYPE_URL,
	SFSI_TYPE_LINE,     SFSI_TYPE_STRING, SFSI_TYPE_BIN,    SFSI_TYPE_I18N,
};
#define CANDIDATES (sizeof candidates / sizeof candidates[0])

int sfsi_infer_new(struct sfsi_infer **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : SFS_ERR_NO_MEMORY;
}

void sfsi_infer_free(struct sfsi_infer *infer)
{
	if (!infer)
		return;
	sfsi_arena_fini(&infer->arena);
	free(infer);
}

/* --- one value --- */

/** Text that only looks like bytes or a list that only looks like a time is not taken for it. */
static bool fits(enum sfsi_type_kind kind, const struct sfsi_head *head, struct sfs_span value)
{
	struct sfsi_type type = { .kind = kind };
	if (kind == SFSI_TYPE_BIN)
		return head->kind == SFSI_HEAD_BINARY;
	if (head->kind == SFSI_HEAD_ARRAY)
		return false;
	return sfsi_scalar_fits(&type, value);
}

/** {"oid", "type"}, maybe with "updates": gives the type. */
static bool is_reference(struct sfs_span value, struct sfs_span *ret_type)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head map, key, head;
	bool oid = false;
	*ret_type = (struct sfs_span){ NULL, 0 };
	if (sfsi_cursor_next(&cursor, &map) < 0 || map.kind != SFSI_HEAD_MAP)
		return false;
	for (uint32_t i = 0; i < map.count; i++) {
		struct sfs_span part;
		if (sfsi_cursor_next(&cursor, &key) < 0 || key.kind != SFSI_HEAD_STRING ||
		    sfsi_cursor_skip(&cursor, &part) < 0 ||
		    sfsi_head_read(part, &head) != SFSI_HEAD_GOOD)
			return false;
		if (sfs_span_equal(key.body, sfs_span_str("oid")))
			oid = true;
		else if (sfs_span_equal(key.body, sfs_span_str("type")))
			*ret_type = head.kind == SFSI_HEAD_STRING ? head.body : *ret_type;
		else if (!sfs_span_equal(key.body, sfs_span_str("updates")))
			return false;
	}
	return oid && ret_type->len > 0 && ret_type->len <= SFS_CLASS_NAME_MAX;
}

static int see_reference(struct sfsi_infer *infer, struct shape *shape, struct sfs_span value)
{
	struct sfs_span type;
	if (!is_reference(value, &type))
		shape->refs = false;
	else if (!shape->ref_type.data)
		return sfsi_arena_copy(&infer->arena, type, &shape->ref_type) ? 0
									      : SFS_ERR_NO_MEMORY;
	else if (!sfs_span_equal(type, shape->ref_type))
		shape->refs = false;
	return 0;
}

/** Letters, digits, '_' and '-'. */
static bool is_word(struct sfs_span text)
{
	const char *at = text.data;
	for (size_t i = 0; i < text.len; i++) {
		char c = at[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-'))
			return false;
	}
	return text.len > 0 && text.len <= 32;
}

static int see_word(struct sfsi_infer *infer, struct shape *shape, const struct sfsi_head *head)
{
	if (shape->words_count > WORDS_MAX)
		return 0;
	if (head->kind != SFSI_HEAD_STRING || !is_word(head->body)) {
		shape->words_count = WORDS_MAX + 1;
		return 0;
	}
	for (uint32_t i = 0; i < shape->words_count; i++)
		if (sfs_span_equal(shape->words[i], head->body))
			return 0;
	if (shape->words_count++ == WORDS_MAX)
		return 0;
	return sfsi_arena_copy(&infer->arena, head->body, &shape->words[shape->words_count - 1])
		       ? 0
		       : SFS_ERR_NO_MEMORY;
}

static int see(struct sfsi_infer *infer, struct shape *shape, struct sfs_span value,
	       unsigned depth);

static int see_items(struct sfsi_infer *infer, struct shape *shape, struct sfs_span value,
		     uint32_t count, unsigned depth)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head head;
	int err = sfsi_cursor_next(&cursor, &head);
	if (!err && !shape->item)
		shape->item = sfsi_arena_alloc(&infer->arena, 1, sizeof *shape->item);
	if (!err && !shape->item)
		return SFS_ERR_NO_MEMORY;
	for (uint32_t i = 0; i < count && !err; i++) {
		err = sfsi_cursor_skip(&cursor, &value);
		if (!err)
			err = see(infer, shape->item, value, depth + 1);
	}
	return err;
}

/** Nesting is followed for DEPTH_MAX levels. */
static int see(struct sfsi_infer *infer, struct shape *shape, struct sfs_span value, unsigned depth)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	if (head.kind == SFSI_HEAD_NULL && depth == 0)
		return 0;
	if (shape->count++ == 0) {
		shape->fits = (1u << CANDIDATES) - 1;
		shape->list = shape->refs = true;
	}
	for (size_t i = 0; i < CANDIDATES; i++)
		if ((shape->fits & 1u << i) && !fits(candidates[i], &head, value))
			shape->fits &= ~(1u << i);
	shape->any_real = shape->any_real || head.kind == SFSI_HEAD_REAL;
	shape->list = shape->list && head.kind == SFSI_HEAD_ARRAY;
	int err = see_word(infer, shape, &head);
	if (!err && shape->refs)
		err = see_reference(infer, shape, value);
	if (!err && shape->list && depth < DEPTH_MAX)
		err = see_items(infer, shape, value, head.count, depth);
	return err;
}

int sfsi_infer_see(struct sfsi_infer *infer, struct sfs_span body)
{
	struct sfsi_cursor cursor = sfsi_cursor(body);
	struct sfsi_head map, key;
	int err = sfsi_cursor_next(&cursor, &map);
	for (uint32_t i = 0, at = 0; i < map.count && !err; i++, at++) {
		struct sfs_span value;
		err = sfsi_cursor_next(&cursor, &key);
		if (!err)
			err = sfsi_cursor_skip(&cursor, &value);
		/* Most objects have the same names in the same order. */
		if (!err &&
		    (at >= infer->count || !sfs_span_equal(infer->names[at].name, key.body)))
			for (at = 0;
			     at < infer->count && !sfs_span_equal(infer->names[at].name, key.body);)
				at++;
		if (err < 0 || at == NAMES_MAX)
			continue;
		if (at == infer->count) {
			if (!sfsi_arena_copy(&infer->arena, key.body, &infer->names[at].name))
				return SFS_ERR_NO_MEMORY;
			infer->count++;
		}
		err = see(infer, &infer->names[at].shape, value, 0);
	}
	return err;
}

/* --- the definition --- */

static int put(struct sfs_buf *ret, const char *text)
{
	return sfs_buf_append(ret, text, strlen(text));
}

/** Words that are nothing narrower, as dates are. */
static bool is_enum(const struct shape *shape)
{
	size_t first = 0;
	while (first < CANDIDATES && !(shape->fits & 1u << first))
		first++;
	return first < CANDIDATES && candidates[first] == SFSI_TYPE_LINE &&
	       shape->words_count > 0 && shape->words_count <= WORDS_MAX &&
	       shape->count >= WORD_WITNESSES &&
	       shape->count >= shape->words_count * WORD_REPETITIONS;
}

/** Notation of a type. */
static int put_notation(const struct shape *shape, struct sfs_buf *ret)
{
	if (shape->count && shape->list) {
		int err = put(ret, "[");
		if (!err)
			err = shape->item ? put_notation(shape->item, ret) : put(ret, "any");
		return err < 0 ? err : put(ret, "]");
	}
	for (size_t i = 0; shape->count && i < CANDIDATES; i++) {
		if (!(shape->fits & 1u << i))
			continue;
		/* Line by line: text of one line today says nothing about tomorrow. */
		if (candidates[i] == SFSI_TYPE_LINE)
			continue;
		return put(ret, sfsi_type_words[candidates[i]]);
	}
	return put(ret, "any");
}

static int put_enum(const struct shape *shape, struct sfs_buf *ret)
{
	int err = put(ret, "{ \"enum\": [");
	for (uint32_t i = 0; i < shape->words_count && !err; i++) {
		err = i ? put(ret, ", ") : 0;
		if (!err)
			err = sfsi_json_quote(ret, shape->words[i]);
	}
	return err < 0 ? err : put(ret, "] }");
}

static int put_type(const struct shape *shape, struct sfs_buf *ret)
{
	struct sfs_buf notation = SFS_BUF_INIT;
	if (is_enum(shape))
		return put_enum(shape, ret);
	int err = put_notation(shape, &notation);
	if (!err)
		err = sfsi_json_quote(ret, sfs_buf_span(&notation));
	sfs_buf_fini(&notation);
	return err;
}

struct ending {
	const struct sfsi_infer *infer;
	bool (*class_name)(void *arg, struct sfs_span type, char ret[SFS_CLASS_NAME_MAX + 1]);
	void *arg;
	struct sfs_buf *ret;
};

/** The class that all values lead to. */
static bool target_of(const struct ending *ending, const struct shape *shape, bool *ret_many,
		      char ret[SFS_CLASS_NAME_MAX + 1])
{
	*ret_many = shape->count && shape->list && shape->item;
	const struct shape *refs = *ret_many ? shape->item : shape;
	return refs->count && refs->refs && refs->ref_type.data &&
	       ending->class_name(ending->arg, refs->ref_type, ret);
}

/** Reserved names stay what they are: a definition can not have them. */
static bool can_be_named(struct sfs_span name)
{
	return name.len && name.len <= SFSI_SCHEMA_NAME_MAX &&
	       !sfs_span_equal(name, sfs_span_str("oid")) &&
	       !sfs_span_equal(name, sfs_span_str("type")) &&
	       !sfs_span_equal(name, sfs_span_str("updates"));
}

/** One member with its properties or its relations; nothing when there are none. */
static int put_members(const struct ending *ending, bool relations)
{
	const struct sfsi_infer *infer = ending->infer;
	struct sfs_buf *ret = ending->ret;
	char target[SFS_CLASS_NAME_MAX + 1];
	bool any = false, many;
	int err = 0;
	for (uint32_t i = 0; i < infer->count && !err; i++) {
		const struct shape *shape = &infer->names[i].shape;
		if (target_of(ending, shape, &many, target) != relations ||
		    !can_be_named(infer->names[i].name))
			continue;
		err = put(ret, any         ? ",\n    "
			       : relations ? ",\n  \"relations\": {\n    "
					   : ",\n  \"properties\": {\n    ");
		any = true;
		if (!err)
			err = sfsi_json_quote(ret, infer->names[i].name);
		if (!err)
			err = put(ret, ": ");
		if (!err && !relations)
			err = put_type(shape, ret);
		else if (!err)
			err = sfs_buf_printf(ret, many ? "[\"%s\"]" : "\"%s\"", target);
	}
	return !err && any ? put(ret, "\n  }") : err;
}

int sfsi_infer_end(const struct sfsi_infer *infer, struct sfs_span type,
		   bool (*class_name)(void *arg, struct sfs_span type,
				      char ret[SFS_CLASS_NAME_MAX + 1]),
		   void *arg, struct sfs_buf *ret)
{
	struct ending ending = { infer, class_name, arg, ret };
	int err = put(ret, "{\n  \"kind\": \"object\",\n  \"type\": ");
	if (!err)
		err = sfsi_json_quote(ret, type);
	if (!err)
		err = put_members(&ending, false);
	if (!err)
		err = put_members(&ending, true);
	return err < 0 ? err : put(ret, "\n}\n");
}
