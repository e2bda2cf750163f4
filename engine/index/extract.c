/* The functions of indexes: values of properties to keys. extract.h says which keys. */
#include "index/extract.h"
#include <math.h>
#include <storefs/field.h>
#include "document/msgpack.h"
#include "document/utf8.h"
#include "index/fold.h"
#include "index/key.h"
#include "index/keylist.h"
#include "index/own.h"
#include "index/python.h"
#include "schema/schema.h"

/* More bytes than this are not made into paths: a path of n parts costs n²/2 of them. */
#define PATHS_BYTES ((uint64_t)1 << 30)

struct extraction {
	const struct sfsi_index_input *input;
	struct sfsi_index_keys *keys;
	const struct sfsi_index_rule *rule;
	bool compatible;
};

/* A value of a property. bytes is empty in a string that stands in no document: an oid. */
struct value {
	struct sfsi_head head;
	struct sfs_span bytes;
};

static struct value string_value(struct sfs_span text)
{
	return (struct value){ .head = { .kind = SFSI_HEAD_STRING, .body = text } };
}

static struct value null_value(void)
{
	return (struct value){ .head = { .kind = SFSI_HEAD_NULL }, .bytes = { "\xc0", 1 } };
}

static int read_value(struct sfs_span bytes, struct value *ret)
{
	ret->bytes = bytes;
	return sfsi_head_read(bytes, &ret->head) == SFSI_HEAD_GOOD ? 0 : SFS_ERR_CORRUPT;
}

/* Take the next value of a container. */
static int next_value(struct sfsi_cursor *cursor, struct value *ret)
{
	struct sfs_span bytes;
	int err = sfsi_cursor_skip(cursor, &bytes);
	return err < 0 ? err : read_value(bytes, ret);
}

/* Empty in the way of Python. */
static bool is_falsy(const struct value *value)
{
	switch (value->head.kind) {
	case SFSI_HEAD_NULL: return true;
	case SFSI_HEAD_BOOLEAN:
	case SFSI_HEAD_INTEGER: return value->head.integer == 0;
	case SFSI_HEAD_NATURAL: return value->head.natural == 0;
	case SFSI_HEAD_REAL: return value->head.real == 0;
	case SFSI_HEAD_STRING:
	case SFSI_HEAD_BINARY: return value->head.body.len == 0;
	case SFSI_HEAD_EXT: return false;
	case SFSI_HEAD_ARRAY:
	case SFSI_HEAD_MAP: return value->head.count == 0;
	}
	return false;
}

/* --- references --- */

/* {"oid", "type"}, with or without "updates": its oid. */
static bool read_reference(const struct value *value, struct sfs_span *ret_oid)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	bool oid = false, type = false;
	if (value->head.kind != SFSI_HEAD_MAP || value->head.count < 2 || value->head.count > 3 ||
	    sfsi_msgpack_map_init(&map, value->bytes) < 0)
		return false;
	while (sfsi_msgpack_map_next(&map, &pair) == 0) {
		struct value member;
		if (read_value(pair.value, &member) < 0)
			return false;
		bool is_string = member.head.kind == SFSI_HEAD_STRING;
		if (is_string && sfs_span_equal(pair.name, sfs_span_str("oid"))) {
			*ret_oid = member.head.body;
			oid = true;
		} else if (is_string && sfs_span_equal(pair.name, sfs_span_str("type"))) {
			type = true;
		} else if (!sfs_span_equal(pair.name, sfs_span_str("updates"))) {
			return false;
		}
	}
	return oid && type;
}

/* Does an array hold nothing but references? */
static bool is_references(const struct value *value)
{
	struct sfsi_cursor cursor = sfsi_cursor(value->bytes);
	struct sfsi_head head;
	struct value item;
	struct sfs_span oid;
	if (value->head.kind != SFSI_HEAD_ARRAY || value->head.count == 0 ||
	    sfsi_cursor_next(&cursor, &head) < 0)
		return false;
	for (uint32_t i = 0; i < head.count; i++)
		if (next_value(&cursor, &item) < 0 || !read_reference(&item, &oid))
			return false;
	return true;
}

/* --- functions of one value --- */

typedef int value_fn(struct extraction *x, const struct value *value);

/* A reference is its oid. */
static int call(struct extraction *x, const struct value *value, value_fn *fn)
{
	struct sfs_span oid;
	if (x->compatible || !read_reference(value, &oid))
		return fn(x, value);
	struct value string = string_value(oid);
	return fn(x, &string);
}

static int each_item(struct extraction *x, const struct value *value, value_fn *fn)
{
	struct sfsi_cursor cursor = sfsi_cursor(value->bytes);
	struct sfsi_head head;
	struct value item;
	int err = sfsi_cursor_next(&cursor, &head);
	for (uint32_t i = 0; !err && i < head.count; i++) {
		err = next_value(&cursor, &item);
		if (!err)
			err = call(x, &item, fn);
	}
	return err;
}

/* Values of a map. */
static int each_member(struct extraction *x, const struct value *value, value_fn *fn)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	struct value member;
	int err = sfsi_msgpack_map_init(&map, value->bytes);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		err = read_value(pair.value, &member);
		if (!err)
			err = fn(x, &member);
	}
	if (err == SFS_ERR_BAD_DOCUMENT)
		err = SFS_ERR_CORRUPT;
	return err < 0 ? err : 0;
}

/* An empty scratch buffer. */
static struct sfs_buf *scratch_of(struct extraction *x)
{
	x->keys->scratch.len = 0;
	return &x->keys->scratch;
}

static int emit_scratch(struct extraction *x)
{
	return sfsi_keylist_string(x->keys, sfs_buf_span(&x->keys->scratch));
}

static int emit_scalar(struct extraction *x, const struct value *value)
{
	if (value->head.kind == SFSI_HEAD_STRING)
		return sfsi_keylist_string(x->keys, value->head.body);
	return sfsi_keylist_value(x->keys, value->bytes);
}

/* The nine numbers of a time as its text; midnight as its day. */
static int emit_time(struct extraction *x, const struct value *value)
{
	struct sfsi_cursor cursor = sfsi_cursor(value->bytes);
	struct sfsi_head head;
	int64_t parts[6] = { 0 };
	int err = sfsi_cursor_next(&cursor, &head);
	for (int i = 0; i < 6 && !err; i++) {
		err = sfsi_cursor_next(&cursor, &head);
		if (!err && !sfsi_head_integer(&head, &parts[i]))
			err = SFS_ERR_CORRUPT;
	}
	if (err < 0)
		return err;
	struct sfs_buf *text = scratch_of(x);
	err = sfs_buf_printf(text, "%04d-%02d-%02d", (int)parts[0], (int)parts[1], (int)parts[2]);
	if (!err && (parts[3] || parts[4] || parts[5]))
		err = sfs_buf_printf(text, "T%02d:%02d:%02d", (int)parts[3], (int)parts[4],
				     (int)parts[5]);
	return err < 0 ? err : emit_scratch(x);
}

static int do_value(struct extraction *x, const struct value *value)
{
	if (value->head.kind != SFSI_HEAD_ARRAY)
		return emit_scalar(x, value);
	if (!x->compatible && sfsi_is_time_list(value->bytes))
		return emit_time(x, value);
	return each_item(x, value, emit_scalar);
}

/* What Python's str() makes of a value. *ret borrows from the value or from temporary. */
static int text_of(const struct value *value, struct sfs_buf *temporary, struct sfs_span *ret)
{
	*ret = value->head.body;
	if (value->head.kind == SFSI_HEAD_STRING)
		return 0;
	int err = sfsi_python_text(value->bytes, SFSI_PYTHON_STR, temporary);
	*ret = sfs_buf_span(temporary);
	return err;
}

static int fold_text(struct extraction *x, const struct value *value,
		     int (*fold)(struct sfs_span text, struct sfs_buf *ret))
{
	struct sfs_buf temporary = SFS_BUF_INIT;
	struct sfs_span text;
	int err = text_of(value, &temporary, &text);
	if (!err)
		err = fold(text, scratch_of(x));
	sfs_buf_fini(&temporary);
	return err < 0 ? err : emit_scratch(x);
}

static int do_normalize(struct extraction *x, const struct value *value)
{
	struct value empty = string_value((struct sfs_span){ NULL, 0 });
	return fold_text(x, is_falsy(value) ? &empty : value, sfsi_fold_normalize);
}

static int do_noaccents(struct extraction *x, const struct value *value)
{
	/* Who names the property writes NoAccents(obj.title or "") in the original. */
	struct value empty = string_value((struct sfs_span){ NULL, 0 });
	bool is_empty = x->compatible && x->rule->from_count && value->head.kind == SFSI_HEAD_NULL;
	return fold_text(x, is_empty ? &empty : value, sfsi_fold_noaccents);
}

static bool is_text(const struct value *value)
{
	return value->head.kind == SFSI_HEAD_STRING ||
	       (value->head.kind == SFSI_HEAD_BINARY && sfsi_utf8_valid(value->head.body));
}

static int keyword_of_text(struct extraction *x, const struct value *value)
{
	if (!is_text(value))
		return 0;
	int err = sfsi_fold_keyword(value->head.body, scratch_of(x));
	return err < 0 ? err : emit_scratch(x);
}

static int do_keyword(struct extraction *x, const struct value *value)
{
	struct value empty = string_value((struct sfs_span){ NULL, 0 });
	if (value->head.kind == SFSI_HEAD_ARRAY)
		return each_item(x, value, keyword_of_text);
	return keyword_of_text(x, value->head.kind == SFSI_HEAD_NULL ? &empty : value);
}

/* The words between single spaces, each as a keyword. A keyword is ASCII: bytes are characters. */
static int split_words(struct extraction *x, const struct value *value)
{
	struct sfs_span text = value->head.body;
	if (value->head.kind != SFSI_HEAD_STRING || text.len == 0)
		return 0;
	const char *at = text.data, *end = at + text.len;
	for (;;) {
		const char *space = memchr(at, ' ', (size_t)(end - at));
		const char *stop = space ? space : end;
		struct sfs_buf *word = scratch_of(x);
		int err = sfsi_fold_keyword((struct sfs_span){ at, (size_t)(stop - at) }, word);
		if (!err && word->len >= x->rule->min)
			err = emit_scratch(x);
		if (err < 0 || !space)
			return err;
		at = space + 1;
	}
}

/* Words of a text, or of each text of a map: one text for each language. */
static int split_translations(struct extraction *x, const struct value *value)
{
	if (value->head.kind == SFSI_HEAD_MAP)
		return each_member(x, value, split_words);
	return split_words(x, value);
}

static int do_keywords(struct extraction *x, const struct value *value)
{
	if (value->head.kind == SFSI_HEAD_ARRAY)
		return each_item(x, value, split_translations);
	return split_translations(x, value);
}

/* a/b/c: a, a/b, a/b/c. What is between two separators may be nothing, and is then passed over. */
static int split_path(struct extraction *x, const struct value *value)
{
	struct sfs_span separator = x->rule->separator, text = value->head.body;
	if (value->head.kind != SFSI_HEAD_STRING || text.len == 0)
		return 0;
	const char *at = text.data, *end = at + text.len;
	struct sfs_buf *path = scratch_of(x);
	uint64_t made = 0;
	int err = 0;
	while (!err && at) {
		const char *next = memmem(at, (size_t)(end - at), separator.data, separator.len);
		size_t len = (size_t)((next ? next : end) - at);
		if (len && path->len)
			err = sfs_buf_append(path, separator.data, separator.len);
		if (!err)
			err = sfs_buf_append(path, at, len);
		made += path->len;
		if (!err && made > PATHS_BYTES)
			err = SFS_ERR_LIMIT;
		if (!err && len)
			err = emit_scratch(x);
		at = next ? next + separator.len : NULL;
	}
	return err;
}

static int do_paths(struct extraction *x, const struct value *value)
{
	if (value->head.kind == SFSI_HEAD_ARRAY)
		return each_item(x, value, split_path);
	return split_path(x, value);
}

/* --- objects --- */

/* A number of more than 64 bits; 0: it never changed. */
static int do_update_time(struct extraction *x)
{
	char digits[SFS_STAMP_SIZE] = "0";
	if (x->input->updated_ns > 0)
		sfs_stamp_text(x->input->updated_ns, digits);
	return sfsi_keylist_digits(x->keys, sfs_span_str(digits));
}

/* 0: found, 1: there is none. "oid" and "type" are not in the body. */
static int find_property(struct extraction *x, struct sfs_span name, struct value *ret)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	if (sfs_span_equal(name, sfs_span_str("oid"))) {
		*ret = string_value(x->input->oid);
		return 0;
	}
	if (sfs_span_equal(name, sfs_span_str("type"))) {
		*ret = string_value(x->input->type);
		return 0;
	}
	int err = sfsi_msgpack_body_init(&map, x->input->body);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0)
		if (pair.name.data && sfs_span_equal(pair.name, name))
			return read_value(pair.value, ret);
	return err < 0 ? SFS_ERR_CORRUPT : 1;
}

static int do_property(struct extraction *x, struct sfs_span name)
{
	static value_fn *const functions[SFSI_INDEX_FUNCTIONS] = {
		[SFSI_INDEX_VALUE] = do_value,         [SFSI_INDEX_NORMALIZE] = do_normalize,
		[SFSI_INDEX_NOACCENTS] = do_noaccents, [SFSI_INDEX_KEYWORD] = do_keyword,
		[SFSI_INDEX_KEYWORDS] = do_keywords,   [SFSI_INDEX_PATHS] = do_paths,
	};
	struct value value;
	int found = find_property(x, name, &value);
	if (found < 0 || (found == 1 && !x->compatible))
		return found < 0 ? found : 0;
	if (found == 1 || (x->compatible && is_falsy(&value)))
		value = null_value();
	value_fn *fn = functions[x->rule->function];
	if (!x->compatible && is_references(&value))
		return each_item(x, &value, fn);
	return call(x, &value, fn);
}

static int do_rule(struct extraction *x, const struct sfsi_index_rule *rule);

/* Each property by a function of its own. Parts have no parts. */
static int do_parts(struct extraction *x, const struct sfsi_index_rule *rule)
{
	int err = 0;
	for (uint32_t i = 0; i < rule->parts_count && !err; i++)
		err = do_rule(x, &rule->parts[i]);
	return err;
}

static int do_rule(struct extraction *x, const struct sfsi_index_rule *rule)
{
	int err = 0;
	x->rule = rule;
	if (rule->function == SFSI_INDEX_PROPERTIES)
		return do_parts(x, rule);
	if (rule->function == SFSI_INDEX_OWN)
		return sfsi_own_call(rule->own, x->input, x->keys);
	if (rule->function == SFSI_INDEX_UPDATE_TIME)
		return do_update_time(x);
	if (rule->from_count == 0)
		return do_property(x, rule->name);
	for (uint32_t i = 0; i < rule->from_count && !err; i++)
		err = do_property(x, rule->from[i]);
	return err;
}

int sfsi_index_keys_get(const struct sfsi_index_rule *rule, const struct sfsi_index_input *input,
			struct sfsi_index_keys *ret)
{
	struct extraction x = { .input = input, .keys = ret, .compatible = rule->compatible };
	sfsi_keylist_clear(ret);
	int err = do_rule(&x, rule);
	if (err < 0)
		sfsi_keylist_clear(ret);
	else
		sfsi_keylist_finish(ret);
	return err;
}

int sfsi_index_extract(const struct sfsi_index_rule *rule, const struct sfsi_index_input *input,
		       sfsi_index_emit_fn *fn, void *arg)
{
	struct sfsi_index_keys keys = { .count = 0 };
	int err = sfsi_index_keys_get(rule, input, &keys);
	for (size_t i = 0; i < keys.count && !err; i++)
		err = fn(arg, sfsi_index_keys_at(&keys, i));
	sfsi_index_keys_fini(&keys);
	return err;
}

int sfsi_index_parse(const struct sfsi_index_rule *rule, struct sfs_span text, struct sfs_buf *ret)
{
	bool quoted = text.len && *(const char *)text.data == '"';
	if (sfsi_index_is_text(rule) && !quoted)
		return sfsi_index_key_string(text, ret);
	return sfsi_index_key_parse(text, ret);
}
