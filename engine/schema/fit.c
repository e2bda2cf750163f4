/*
 * A body against a schema, in one walk: what does not fit is reported, what has another form than
 * the canonical one is rewritten.
 *
 * Most bodies are in canonical form already, and are not copied: `copied` says up to where the
 * value in hand was taken over into `work`, and nothing is copied before something must be replaced.
 */
#include <stdlib.h>
#include "document/base64.h"
#include "document/msgpack.h"
#include "schema/reference.h"
#include "schema/schema.h"

/** A value of a member after the walk: in the body, or in work (then data is NULL). */
struct member {
	bool there;
	struct sfs_span key, value;
	size_t work_off;
};

struct walk {
	const struct sfsi_fit *fit;
	struct sfsi_fitted *ret;
	struct sfsi_cursor cursor;
	struct sfs_buf work;
	const uint8_t *copied;
	bool changed; /* the value in hand: work has its new form */
	unsigned quiet;
	bool enough; /* no more misfits are wanted */
	int err;
};

static bool fit_value(struct walk *walk, const struct sfsi_type *type,
		      const struct sfsi_path *path);

/** Say that a value does not fit. Returns false. */
static bool misfit(struct walk *walk, const struct sfsi_path *path, bool key, const char *expected,
		   struct sfs_span value)
{
	char found[SFSI_FOUND_SIZE];
	if (walk->quiet)
		return false;
	walk->ret->misfits++;
	if (!walk->fit->misfit || walk->enough)
		return false;
	struct sfsi_misfit what = { path, key, expected, sfsi_value_text(found, value) };
	walk->enough = walk->fit->misfit(walk->fit->arg, &what);
	return false;
}

static bool misfit_type(struct walk *walk, const struct sfsi_path *path,
			const struct sfsi_type *type, struct sfs_span value)
{
	struct sfs_buf text = SFS_BUF_INIT;
	if (walk->quiet)
		return false;
	if (sfsi_type_text(type, &text) < 0 || sfs_buf_append(&text, "", 1) < 0)
		walk->err = SFS_ERR_NO_MEMORY;
	else
		misfit(walk, path, false, text.data, value);
	sfs_buf_fini(&text);
	return false;
}

/** Put other bytes in the place of a part of the value in hand. */
static void replace(struct walk *walk, struct sfs_span part, struct sfs_span with)
{
	const uint8_t *start = part.data;
	int err = sfs_buf_append(&walk->work, walk->copied, (size_t)(start - walk->copied));
	if (!err)
		err = sfs_buf_append(&walk->work, with.data, with.len);
	walk->copied = start + part.len;
	walk->changed = true;
	if (err < 0)
		walk->err = err;
}

static void skip(struct walk *walk, struct sfs_span *ret)
{
	if (sfsi_cursor_skip(&walk->cursor, ret) < 0) {
		walk->err = SFS_ERR_CORRUPT;
		*ret = (struct sfs_span){ walk->cursor.at, 0 };
	}
}

/* --- single values --- */

/** Text of base64 becomes the bytes. */
static void rewrite_binary(struct walk *walk, struct sfs_span value)
{
	struct sfs_buf bytes = SFS_BUF_INIT, encoded = SFS_BUF_INIT;
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD || head.kind != SFSI_HEAD_STRING)
		return;
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, &encoded);
	int err = sfsi_base64_decode(&bytes, head.body);
	if (!err)
		err = writer.sink.ops->binary(&writer.sink, sfs_buf_span(&bytes));
	if (err < 0)
		walk->err = err;
	else
		replace(walk, value, sfs_buf_span(&encoded));
	sfs_buf_fini(&bytes);
	sfs_buf_fini(&encoded);
}

static bool fit_scalar(struct walk *walk, const struct sfsi_type *type,
		       const struct sfsi_path *path)
{
	struct sfs_span value;
	skip(walk, &value);
	if (!sfsi_scalar_fits(type, value))
		return misfit_type(walk, path, type, value);
	if (type->kind == SFSI_TYPE_BIN)
		rewrite_binary(walk, value);
	return true;
}

static struct sfsi_reference_rule rule_of(const struct walk *walk, struct sfs_span target)
{
	return (struct sfsi_reference_rule){
		.target = target.len ? target : walk->fit->class_name,
		.is_type = walk->fit->is_type,
		.arg = walk->fit->arg,
	};
}

/** A property that refers to an object is kept as it is written: it is no relation. */
static bool fit_reference(struct walk *walk, const struct sfsi_type *type,
			  const struct sfsi_path *path)
{
	struct sfsi_reference_rule rule = rule_of(walk, type->text);
	struct sfsi_reference reference;
	struct sfs_span value;
	skip(walk, &value);
	if (sfsi_reference_read(&rule, value, &reference))
		return true;
	return misfit_type(walk, path, type, value);
}

/* --- composed values --- */

static bool fit_list(struct walk *walk, const struct sfsi_type *type, const struct sfsi_path *path)
{
	struct sfsi_cursor start = walk->cursor;
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	bool tuple = type->kind == SFSI_TYPE_TUPLE, fits = true;
	bool good = sfsi_cursor_next(&walk->cursor, &head) == 0 && head.kind == SFSI_HEAD_ARRAY;
	if (!good || (tuple && head.count != type->count)) {
		struct sfs_span value;
		walk->cursor = start;
		skip(walk, &value);
		return misfit_type(walk, path, type, value);
	}
	struct sfsi_path item = { .up = path };
	for (; item.index < head.count && !walk->err; item.index++)
		if (!fit_value(walk, &type->items[tuple ? item.index : 0], &item))
			fits = false;
	return fits;
}

static const struct sfsi_type *map_item(const struct sfsi_type *type, struct sfs_span name)
{
	for (uint32_t i = 0; i < type->count; i++)
		if (sfs_span_equal(type->names[i], name))
			return &type->items[i];
	return NULL;
}

/** One member of an object. */
static bool fit_pair(struct walk *walk, const struct sfsi_type *type, const struct sfsi_path *path)
{
	struct sfsi_path member = { .up = path };
	struct sfsi_head head;
	struct sfs_span key, value;
	struct sfsi_cursor at = walk->cursor;
	skip(walk, &key);
	bool named = sfsi_cursor_next(&at, &head) == 0 && head.kind == SFSI_HEAD_STRING;
	if (named && walk->err == 0) {
		member.name = head.body;
		const struct sfsi_type *item = map_item(type, head.body);
		if (item)
			return fit_value(walk, item, &member);
	}
	skip(walk, &value);
	return named ? misfit(walk, &member, true, "a name that the type has", key)
		     : misfit(walk, path, false, "names that are strings", key);
}

static bool fit_map(struct walk *walk, const struct sfsi_type *type, const struct sfsi_path *path)
{
	struct sfsi_cursor start = walk->cursor;
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	bool good = sfsi_cursor_next(&walk->cursor, &head) == 0 && head.kind == SFSI_HEAD_MAP;
	bool fits = true;
	if (!good || type->count == 0) {
		struct sfs_span value;
		walk->cursor = start;
		skip(walk, &value);
		return good || misfit_type(walk, path, type, value);
	}
	for (uint32_t i = 0; i < head.count && !walk->err; i++)
		if (!fit_pair(walk, type, path))
			fits = false;
	return fits;
}

/** The first alternative that fits. */
static bool fit_one_of(struct walk *walk, const struct sfsi_type *type,
		       const struct sfsi_path *path)
{
	struct walk before = *walk;
	struct sfs_span value;
	walk->quiet++;
	for (uint32_t i = 0; i < type->count && !walk->err; i++) {
		if (fit_value(walk, &type->items[i], path)) {
			walk->quiet--;
			return true;
		}
		walk->cursor = before.cursor;
		walk->copied = before.copied;
		walk->changed = before.changed;
		walk->work.len = before.work.len;
	}
	walk->quiet--;
	skip(walk, &value);
	return misfit_type(walk, path, type, value);
}

/** Does the next value fit? Goes over it in any case. Recursion is bounded by the type's depth. */
static bool fit_value(struct walk *walk, const struct sfsi_type *type, const struct sfsi_path *path)
{
	switch ((int)type->kind) {
	case SFSI_TYPE_LIST:
	case SFSI_TYPE_TUPLE: return fit_list(walk, type, path);
	case SFSI_TYPE_ONE_OF: return fit_one_of(walk, type, path);
	case SFSI_TYPE_MAP: return fit_map(walk, type, path);
	case SFSI_TYPE_REFERENCE: return fit_reference(walk, type, path);
	default: return fit_scalar(walk, type, path);
	}
}

/* --- relations --- */

static void report_reference(void *arg, const struct sfsi_path *path, const char *expected,
			     struct sfs_span value)
{
	misfit(arg, path, false, expected, value);
}

static void fit_relation(struct walk *walk, const struct sfsi_relation *relation,
			 const struct sfsi_path *path)
{
	struct sfsi_reference_rule rule = rule_of(walk, relation->target);
	struct sfs_buf canonical = SFS_BUF_INIT;
	struct sfs_span value;
	bool dropped = false;
	rule.report = report_reference;
	rule.report_arg = walk;
	skip(walk, &value);
	int err = walk->err;
	uint32_t before = walk->ret->misfits;
	if (!err)
		err = sfsi_relation_canonical(&rule, relation->many, path, value, &canonical,
					      &dropped);
	/* What does not fit stays as it is: nothing of it may get lost. */
	bool fits = walk->ret->misfits == before;
	if (!err && fits && !sfs_span_equal(sfs_buf_span(&canonical), value)) {
		replace(walk, value, sfs_buf_span(&canonical));
		walk->ret->dropped = walk->ret->dropped || dropped;
	}
	sfs_buf_fini(&canonical);
	if (err < 0)
		walk->err = err;
}

/* --- the top --- */

/** The value of a property or relation; null means that there is none. */
static void fit_member(struct walk *walk, uint32_t number, struct sfs_span name, struct member *ret)
{
	const struct sfsi_schema *schema = walk->fit->schema;
	const uint8_t *start = walk->cursor.at;
	struct sfsi_path path = { .name = name };
	size_t off = walk->work.len;
	struct sfsi_head head;
	struct sfs_span value;
	struct sfsi_cursor peek = walk->cursor;
	walk->copied = start;
	walk->changed = false;
	if (sfsi_cursor_next(&peek, &head) == 0 && head.kind == SFSI_HEAD_NULL)
		skip(walk, &value);
	else if (number < schema->properties_count)
		fit_value(walk, &schema->properties[number].type, &path);
	else
		fit_relation(walk, &schema->relations[number - schema->properties_count], &path);
	ret->value = (struct sfs_span){ start, (size_t)(walk->cursor.at - start) };
	if (walk->changed && !walk->err) {
		int err = sfs_buf_append(&walk->work, walk->copied,
					 (size_t)(walk->cursor.at - walk->copied));
		walk->err = err;
		ret->value = (struct sfs_span){ NULL, walk->work.len - off };
		ret->work_off = off;
	}
}

/** What the top level is, pair by pair. */
struct top {
	struct member *members; /* [properties + relations] */
	struct member *others;  /* [others_count] */
	uint32_t others_count, count;
	bool moved; /* something is not in its place, or has another form */
};

/** Goes over one pair. */
static void fit_pair_at_top(struct walk *walk, struct top *top, uint32_t *last)
{
	const struct sfsi_schema *schema = walk->fit->schema;
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	struct sfs_span key, value;
	struct sfsi_cursor at = walk->cursor;
	skip(walk, &key);
	if (walk->err || sfsi_cursor_next(&at, &head) < 0 || head.kind != SFSI_HEAD_STRING) {
		walk->err = walk->err ? walk->err : SFS_ERR_CORRUPT;
		return;
	}
	uint32_t number = sfsi_schema_find(schema, head.body);
	/* Places: properties, then others, then relations. */
	uint32_t place = number < schema->properties_count ? number : schema->properties_count;
	if (number != SFSI_SCHEMA_NONE && number >= schema->properties_count)
		place = number + 1;
	top->moved = top->moved || place < *last;
	*last = place;
	if (number != SFSI_SCHEMA_NONE) {
		struct member *member = &top->members[number];
		*member = (struct member){ .there = true, .key = key };
		fit_member(walk, number, head.body, member);
		top->moved = top->moved || !member->value.data;
		top->count++;
		return;
	}
	skip(walk, &value);
	if (schema->extra == SFSI_EXTRA_DROP) {
		walk->ret->dropped = top->moved = true;
		return;
	}
	struct sfsi_path path = { .name = head.body };
	if (schema->extra == SFSI_EXTRA_REFUSE)
		misfit(walk, &path, true, "a property or relation of the class", value);
	top->others[top->others_count++] =
		(struct member){ .there = true, .key = key, .value = value };
	top->count++;
}

static int put_member(const struct walk *walk, const struct member *member, struct sfs_buf *ret)
{
	if (!member->there)
		return 0;
	struct sfs_span value = member->value;
	if (!value.data)
		value.data = (const uint8_t *)walk->work.data + member->work_off;
	int err = sfs_buf_append(ret, member->key.data, member->key.len);
	return err < 0 ? err : sfs_buf_append(ret, value.data, value.len);
}

static int put_top(const struct walk *walk, const struct top *top, struct sfs_buf *ret)
{
	const struct sfsi_schema *schema = walk->fit->schema;
	uint32_t all = schema->properties_count + schema->relations_count, i = 0;
	int err = sfsi_msgpack_map_header(ret, top->count);
	for (; i < schema->properties_count && !err; i++)
		err = put_member(walk, &top->members[i], ret);
	for (uint32_t k = 0; k < top->others_count && !err; k++)
		err = put_member(walk, &top->others[k], ret);
	for (; i < all && !err; i++)
		err = put_member(walk, &top->members[i], ret);
	return err;
}

#define MEMBERS_FEW 64

/** Room for members and others is the caller's. */
static int fit_top(struct walk *walk, uint32_t count, struct top *top)
{
	uint32_t last = 0;
	for (uint32_t i = 0; i < count && !walk->err; i++)
		fit_pair_at_top(walk, top, &last);
	if (walk->err)
		return walk->err;
	int err = top->moved ? put_top(walk, top, &walk->ret->body) : 0;
	if (err < 0)
		sfs_buf_fini(&walk->ret->body);
	return err;
}

int sfsi_schema_fit(const struct sfsi_fit *fit, struct sfsi_fitted *ret)
{
	struct member few[MEMBERS_FEW] = { { 0 } }, *more = NULL;
	struct walk walk = { .fit = fit, .ret = ret, .cursor = sfsi_cursor(fit->body) };
	struct sfsi_head head;
	*ret = (struct sfsi_fitted){ .body = SFS_BUF_INIT };
	if (sfsi_cursor_next(&walk.cursor, &head) < 0 || head.kind != SFSI_HEAD_MAP)
		return SFS_ERR_CORRUPT;
	size_t known = (size_t)fit->schema->properties_count + fit->schema->relations_count;
	if (known + head.count > MEMBERS_FEW) {
		more = calloc(known + head.count, sizeof *more);
		if (!more)
			return SFS_ERR_NO_MEMORY;
	}
	struct top top = { .members = more ? more : few };
	top.others = top.members + known;
	int err = fit_top(&walk, head.count, &top);
	sfs_buf_fini(&walk.work);
	free(more);
	return err;
}
