/*
 * Comparing two stores: the classes of both, by name, and what is told of a difference.
 */
#include <stdio.h>
#include <storefs/backup.h>
#include "base/array.h"
#include "copy/copy.h"
#include "diff/diff.h"
#include "document/json.h"

/* --- telling --- */

int sfsi_diff_fail(struct sfsi_diffing *diffing, int err, struct sfs_span what)
{
	const struct sfs_class_info *class =
		diffing->a.class.id ? &diffing->a.class : &diffing->b.class;
	if (err == SFS_ERR_CANCELLED || (diffing->diag && diffing->diag->text[0]))
		return err;
	return sfs_diag_set(diffing->diag, err, "%s%s%.*s: %s", class->name, what.len ? "/" : "",
			    (int)(what.len < 100 ? what.len : 100),
			    what.len ? (const char *)what.data : "", sfs_err_text(err));
}

int sfsi_diff_step(struct sfsi_diffing *diffing, uint64_t *count)
{
	++*count;
	if (!diffing->how->progress || *count % 64)
		return 0;
	return diffing->how->progress(diffing->how->arg, &diffing->done, diffing->expected)
		       ? SFS_ERR_CANCELLED
		       : 0;
}

/** The members as the callback wants them: spans of the one buffer, which does not move any more. */
static int show_members(struct sfsi_diff_members *members)
{
	if (members->shown_cap < members->cap) {
		void *more = realloc(members->shown, members->cap * sizeof *members->shown);
		if (!more)
			return SFS_ERR_NO_MEMORY;
		members->shown = more;
		members->shown_cap = members->cap;
	}
	const char *text = members->text.data;
	for (size_t i = 0; i < members->count; i++) {
		const struct sfsi_diff_member *from = &members->items[i];
		const char *before = text + from->at + from->name;
		const char *after = before + from->before;
		members->shown[i] = (struct sfs_diff_member){
			.aspect = from->aspect,
			.name = { text + from->at, from->name },
			.before = { from->has_before ? before : NULL, from->before },
			.after = { from->has_after ? after : NULL, from->after },
		};
	}
	return 0;
}

static int give(struct sfsi_diffing *diffing, struct sfs_difference *difference)
{
	struct sfs_diff_result *done = &diffing->done;
	uint64_t *const counts[] = { NULL, &done->added, &done->removed, &done->changed };
	const struct sfs_class_info *class =
		diffing->a.class.id ? &diffing->a.class : &diffing->b.class;
	int err = show_members(&diffing->members);
	if (err < 0)
		return err;
	difference->class_name = class->name;
	difference->members = diffing->members.shown;
	difference->count = diffing->members.count;
	++*counts[difference->change];
	if (diffing->how->differs && diffing->how->differs(diffing->how->arg, difference))
		err = SFS_ERR_CANCELLED;
	return err;
}

int sfsi_diff_tell(struct sfsi_diffing *diffing, struct sfs_difference *difference)
{
	if (!diffing->exact)
		sfsi_diff_drop_times(&diffing->members);
	int err = diffing->members.count ? give(diffing, difference) : 0;
	diffing->members.count = diffing->members.text.len = 0;
	return err;
}

int sfsi_diff_tell_alone(struct sfsi_diffing *diffing, enum sfs_diff_thing thing, bool is_after,
			 struct sfs_span name, const struct sfs_attr *attr)
{
	struct sfs_difference difference = {
		.change = is_after ? SFS_DIFF_ADDED : SFS_DIFF_REMOVED,
		.thing = thing,
		.name = name,
	};
	*(is_after ? &difference.after : &difference.before) = *attr;
	return give(diffing, &difference);
}

/* --- definitions --- */

/** Members of a definition that are maps of their own: each of their members is told. */
struct level {
	struct sfsi_diffing *diffing;
	const char *above; /* "" or "properties." */
};

static int compare_definitions(struct sfsi_diffing *diffing, const char *above,
			       struct sfs_span before, struct sfs_span after);

static bool is_group(struct sfs_span name)
{
	static const char *const groups[] = { "properties", "relations", "indexes", "meta" };
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (sfs_span_equal(name, sfs_span_str(groups[i])))
			return true;
	return false;
}

static int compare_group(struct sfsi_diffing *diffing, const struct sfsi_diff_pair *a,
			 const struct sfsi_diff_pair *b, struct sfs_span name)
{
	static const struct sfs_span none = { "\x80", 1 };
	char above[32];
	snprintf(above, sizeof above, "%.*s.", (int)name.len, (const char *)name.data);
	return compare_definitions(diffing, above, a ? a->value : none, b ? b->value : none);
}

static int compare_rule(void *arg, const struct sfsi_diff_pair *a, const struct sfsi_diff_pair *b)
{
	const struct level *level = arg;
	struct sfs_span name = a ? a->name : b->name;
	char path[64 + SFS_OID_MAX];
	if (a && b && sfs_span_equal(a->value, b->value))
		return 0;
	/* The definition of a class that was made without one says no more than these. */
	if (!level->above[0] && (sfs_span_equal(name, sfs_span_str("backend")) ||
				 ((!a || !b) && (sfs_span_equal(name, sfs_span_str("kind")) ||
						 sfs_span_equal(name, sfs_span_str("type"))))))
		return 0;
	bool maps = (!a || sfsi_msgpack_is_map(a->value)) && (!b || sfsi_msgpack_is_map(b->value));
	if (!level->above[0] && maps && is_group(name))
		return compare_group(level->diffing, a, b, name);
	bool index = strcmp(level->above, "indexes.") == 0;
	snprintf(path, sizeof path, "%s%.*s", index ? "" : level->above,
		 (int)(name.len < SFS_OID_MAX ? name.len : SFS_OID_MAX), (const char *)name.data);
	return sfsi_diff_add(
		&level->diffing->members, index ? SFS_DIFF_INDEX : SFS_DIFF_DEFINITION,
		sfs_span_str(path),
		(struct sfsi_diff_values){ a ? &a->value : NULL, b ? &b->value : NULL });
}

static int compare_definitions(struct sfsi_diffing *diffing, const char *above,
			       struct sfs_span before, struct sfs_span after)
{
	struct level level = { diffing, above };
	struct sfsi_diff_map left = { .items = NULL }, right = { .items = NULL };
	int err = sfsi_diff_map_init(&left, before, NULL);
	if (!err)
		err = sfsi_diff_map_init(&right, after, NULL);
	if (!err)
		err = sfsi_diff_map_merge(&left, &right, compare_rule, &level);
	sfsi_diff_map_fini(&left);
	sfsi_diff_map_fini(&right);
	return err;
}

/** A definition in msgpack. */
static int read_definition(const struct sfsi_diff_side *side, struct sfs_buf *text,
			   struct sfs_buf *ret)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	int err = sfs_class_schema(side->store, side->class.id, text);
	return err < 0 ? err : sfsi_json_read(sfs_buf_span(text), &writer.sink, NULL);
}

static int compare_schemas(struct sfsi_diffing *diffing)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf before = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
	size_t found = diffing->members.count;
	int err = read_definition(&diffing->a, &left, &before);
	if (!err)
		err = read_definition(&diffing->b, &right, &after);
	if (!err)
		err = sfsi_copy_same_definition(sfs_buf_span(&left), sfs_buf_span(&right));
	if (err != SFS_ERR_NOT_FOUND)
		return err;
	err = compare_definitions(diffing, "", sfs_buf_span(&before), sfs_buf_span(&after));
	/* The order of properties is that of documents. */
	if (!err && diffing->members.count == found)
		err = sfsi_diff_add_texts(&diffing->members, SFS_DIFF_TEXT, sfs_buf_span(&left),
					  sfs_buf_span(&right));
	return err;
}

/* --- classes --- */

static struct sfs_span kind_text(enum sfs_class_kind kind)
{
	return sfs_span_str(kind == SFS_CLASS_RAW ? "raw" : "object");
}

static int compare_directories(struct sfsi_diffing *diffing)
{
	const struct sfs_class_info *a = &diffing->a.class, *b = &diffing->b.class;
	struct sfs_attr alike = b->attr;
	if (!diffing->exact)
		alike.mtime_ns = a->attr.mtime_ns;
	return sfsi_diff_add_attributes(&diffing->members, &a->attr, &alike);
}

static int tell_class(struct sfsi_diffing *diffing)
{
	const struct sfs_class_info *a = &diffing->a.class, *b = &diffing->b.class;
	const struct sfs_span none = { "", 0 };
	struct sfs_difference difference = { .change = SFS_DIFF_CHANGED,
					     .thing = SFS_DIFF_CLASS,
					     .name = none,
					     .before = a->attr,
					     .after = b->attr };
	int err = 0;
	if (!a->id || !b->id)
		return sfsi_diff_tell_alone(diffing, SFS_DIFF_CLASS, !a->id, none,
					    a->id ? &a->attr : &b->attr);
	if (a->kind != b->kind)
		err = sfsi_diff_add_texts(&diffing->members, SFS_DIFF_KIND, kind_text(a->kind),
					  kind_text(b->kind));
	if (!err)
		err = compare_schemas(diffing);
	if (!err)
		err = compare_directories(diffing);
	return err < 0 ? err : sfsi_diff_tell(diffing, &difference);
}

static bool is_wanted(const struct sfs_diff *how, const char *name)
{
	bool wanted = how->class_count == 0;
	for (size_t i = 0; i < how->class_count && !wanted; i++)
		wanted = strcmp(how->classes[i], name) == 0;
	return wanted;
}

static int compare_class(struct sfsi_diffing *diffing)
{
	const struct sfs_span none = { "", 0 };
	unsigned flags = diffing->how->flags;
	int err = tell_class(diffing);
	if (!err && !(flags & SFS_DIFF_NO_OBJECTS))
		err = sfsi_diff_objects(diffing);
	if (!err && !(flags & SFS_DIFF_NO_TREES))
		err = sfsi_diff_tree(diffing);
	diffing->done.classes++;
	return err < 0 ? sfsi_diff_fail(diffing, err, none) : 0;
}

static int find_class(struct sfsi_diff_side *side, const char *name)
{
	int err = sfs_class_find(side->store, sfs_span_str(name), &side->class);
	if (err == SFS_ERR_NOT_FOUND)
		side->class = (struct sfs_class_info){ .id = 0 };
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

/** Classes of the first store, each with that of the second one; then those that only that one has. */
static int compare_classes(struct sfsi_diffing *diffing)
{
	struct sfs_class_info at = { .id = 0 };
	int err = 0;
	while (!err && sfs_class_next(diffing->a.store, at.id, &at) == 0) {
		diffing->a.class = at;
		err = find_class(&diffing->b, at.name);
		if (!err && is_wanted(diffing->how, at.name))
			err = compare_class(diffing);
	}
	at.id = 0;
	while (!err && sfs_class_next(diffing->b.store, at.id, &at) == 0) {
		diffing->b.class = at;
		err = find_class(&diffing->a, at.name);
		if (!err && !diffing->a.class.id && is_wanted(diffing->how, at.name))
			err = compare_class(diffing);
	}
	return err;
}

static int check_classes(struct sfsi_diffing *diffing)
{
	for (size_t i = 0; i < diffing->how->class_count; i++) {
		const char *name = diffing->how->classes[i];
		int err = find_class(&diffing->a, name);
		if (!err)
			err = find_class(&diffing->b, name);
		if (err < 0)
			return err;
		if (!diffing->a.class.id && !diffing->b.class.id)
			return sfs_diag_set(diffing->diag, SFS_ERR_NOT_FOUND,
					    "neither has a class '%.128s'", name);
	}
	return 0;
}

/** Are they two states of one store? Then numbers mean the same things. */
static int find_related(struct sfsi_diffing *diffing)
{
	struct sfs_store_stat a, b;
	int err = sfs_store_stat(diffing->a.store, &a);
	if (!err)
		err = sfs_store_stat(diffing->b.store, &b);
	if (err < 0)
		return err;
	diffing->related = strcmp(a.uuid, b.uuid) == 0;
	diffing->a.frozen = sfs_backup_is(sfs_store_path(diffing->a.store));
	diffing->b.frozen = sfs_backup_is(sfs_store_path(diffing->b.store));
	diffing->expected = a.objects > b.objects ? a.objects : b.objects;
	diffing->expected += a.raws > b.raws ? a.raws : b.raws;
	return 0;
}

int sfs_store_diff(struct sfs_store *before, struct sfs_store *after, const struct sfs_diff *diff,
		   struct sfs_diff_result *ret, struct sfs_diag *diag)
{
	struct sfsi_diffing diffing = {
		.how = diff,
		.a.store = before,
		.b.store = after,
		.exact = diff->flags & SFS_DIFF_EXACT,
		.diag = diag,
	};
	int err = find_related(&diffing);
	if (!err)
		err = check_classes(&diffing);
	if (!err)
		err = compare_classes(&diffing);
	free(diffing.members.items);
	free(diffing.members.shown);
	sfs_buf_fini(&diffing.members.text);
	if (!err && ret)
		*ret = diffing.done;
	return err;
}
