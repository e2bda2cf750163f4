/*
 * Comparing the objects of a class: both sides' records in byte order of their oids, a page at a time, and
 * of those that may differ what they say.
 */
#include "backend/key.h"
#include "base/array.h"
#include "copy/copy.h"
#include "diff/diff.h"

#define PAGE 128

/* --- one side's records in order --- */

/** What tells whether two records can differ, without their bodies. */
struct row {
	size_t end; /* of its oid, in oids */
	struct sfsi_object object;
	int64_t updated_ns;
};

/** Records from a place on. */
struct cursor {
	struct sfsi_diff_side *side;
	struct sfs_buf oids; /* of the page, one behind the other */
	struct row rows[PAGE];
	size_t count, at;
	struct sfsi_key last;  /* key of the last record of the page; len 0: the first page */
	struct sfs_buf failed; /* oid of a record that can not be read */
	int err;
	bool ended;
};

static int take_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct cursor *cursor = arg;
	struct sfs_span oid = { (const char *)key.data + 1, key.len - 1 };
	struct sfsi_record record;
	cursor->err = sfsi_record_decode(val, key, &record);
	if (cursor->err < 0) {
		if (sfs_buf_append(&cursor->failed, oid.data, oid.len) < 0)
			cursor->err = SFS_ERR_NO_MEMORY;
		return 1;
	}
	cursor->err = sfs_buf_append(&cursor->oids, oid.data, oid.len);
	if (cursor->err < 0)
		return 1;
	cursor->rows[cursor->count++] = (struct row){
		.end = cursor->oids.len,
		.object = record.object,
		.updated_ns = record.updated_ns,
	};
	return 0;
}

static struct sfs_span row_oid(const struct cursor *cursor)
{
	size_t start = cursor->at ? cursor->rows[cursor->at - 1].end : 0;
	return (struct sfs_span){ (const char *)cursor->oids.data + start,
				  cursor->rows[cursor->at].end - start };
}

static int next_page(struct cursor *cursor)
{
	struct sfsi_scan scan = {
		.partition = cursor->side->class.id,
		.prefix = sfs_span_str("O"),
		.after = sfsi_key_span(&cursor->last),
		.limit = PAGE,
		.once = true,
	};
	if (cursor->count) {
		cursor->at = cursor->count - 1;
		sfsi_key_object(&cursor->last, row_oid(cursor));
		scan.after = sfsi_key_span(&cursor->last);
	}
	cursor->count = cursor->at = cursor->oids.len = 0;
	int err = sfsi_backend_scan(cursor->side->store->backend, &scan, take_row, cursor);
	cursor->ended = cursor->count < PAGE;
	return err == SFS_ERR_CANCELLED ? cursor->err : err;
}

/** *ret: the oid of the record at hand; data NULL at the end. */
static int peek(struct cursor *cursor, struct sfs_span *ret)
{
	int err = 0;
	if (cursor->at == cursor->count && !cursor->ended)
		err = next_page(cursor);
	*ret = cursor->at < cursor->count ? row_oid(cursor) : (struct sfs_span){ NULL, 0 };
	return err;
}

static void start(struct cursor *cursor, struct sfsi_diff_side *side, struct sfs_span after)
{
	if (after.len && after.len <= SFS_OID_MAX)
		sfsi_key_object(&cursor->last, after);
	cursor->side = side;
	cursor->ended = side->class.id == 0 || side->class.kind != SFS_CLASS_OBJECT;
}

/* --- two objects --- */

struct pairing {
	struct sfsi_diffing *diffing;
	struct sfsi_schema *before, *after; /* of the class */
};

static bool is_relation(const struct pairing *pairing, struct sfs_span name)
{
	return sfsi_schema_relation(pairing->after, name) ||
	       (!pairing->after && sfsi_schema_relation(pairing->before, name));
}

/** Times of an export are those to the microsecond: a copy has no others. */
static bool same_time(int64_t a, int64_t b)
{
	int64_t left = a / 1000 - (a % 1000 < 0), right = b / 1000 - (b % 1000 < 0);
	return left == right;
}

static int compare_pair(void *arg, const struct sfsi_diff_pair *a, const struct sfsi_diff_pair *b)
{
	struct pairing *pairing = arg;
	struct sfsi_diff_members *members = &pairing->diffing->members;
	const struct sfsi_diff_pair *either = a ? a : b;
	struct sfs_span name = either->name.data ? either->name : either->key;
	int err = 0;
	if (!a || !b || !sfs_span_equal(a->value, b->value))
		err = sfsi_diff_add(
			members, is_relation(pairing, name) ? SFS_DIFF_RELATION : SFS_DIFF_PROPERTY,
			name,
			(struct sfsi_diff_values){ a ? &a->value : NULL, b ? &b->value : NULL });
	if (!err && a && b && !same_time(a->updated_ns, b->updated_ns))
		err = sfsi_diff_add_times(members, SFS_DIFF_UPDATED, name, a->updated_ns,
					  b->updated_ns);
	return err;
}

static int compare_bodies(struct pairing *pairing, const struct sfsi_record *a,
			  const struct sfsi_record *b)
{
	struct sfsi_diff_map left = { .items = NULL }, right = { .items = NULL };
	int err = sfsi_diff_map_init(&left, a->body, a);
	if (!err)
		err = sfsi_diff_map_init(&right, b->body, b);
	if (!err)
		err = sfsi_diff_map_merge(&left, &right, compare_pair, pairing);
	if (!err && !same_time(a->updated_ns, b->updated_ns))
		err = sfsi_diff_add_times(&pairing->diffing->members, SFS_DIFF_UPDATED,
					  (struct sfs_span){ "", 0 }, a->updated_ns, b->updated_ns);
	sfsi_diff_map_fini(&left);
	sfsi_diff_map_fini(&right);
	return err;
}

/** A text that was saved must be there, byte for byte, if the class can still have it. */
static bool text_excused(struct sfsi_diffing *diffing, struct sfs_span oid,
			 const struct sfsi_record *a, const struct sfsi_record *b)
{
	if (!diffing->exact)
		return false;
	/* What is canonical in one definition's order may be no more in another one's. */
	if (!a->has_text)
		return !sfs_span_equal(a->body, b->body);
	return !b->has_text && sfsi_copy_refuses_text(diffing->b.store, diffing->b.class.id, oid,
						      a->text_format, a->text);
}

static int compare_texts(struct sfsi_diffing *diffing, struct sfs_span oid,
			 const struct sfsi_record *a, const struct sfsi_record *b)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	if (a->has_text == b->has_text && (!a->has_text || (a->text_format == b->text_format &&
							    sfs_span_equal(a->text, b->text))))
		return 0;
	/* A text follows from a content that changed. */
	if (!diffing->exact && diffing->members.count)
		return 0;
	if (text_excused(diffing, oid, a, b))
		return 0;
	int err = sfsi_object_render(a, SFS_FORMAT_JSON, &left);
	if (!err)
		err = sfsi_object_render(b, SFS_FORMAT_JSON, &right);
	return err < 0 ? err
		       : sfsi_diff_add_texts(&diffing->members, SFS_DIFF_TEXT, sfs_buf_span(&left),
					     sfs_buf_span(&right));
}

/** Collect what differs. SFS_ERR_NOT_FOUND: one of them was removed meanwhile. */
static int compare_objects(struct pairing *pairing, struct sfs_span oid, struct sfs_attr *ret_a,
			   struct sfs_attr *ret_b)
{
	SFSI_AUTO_BUF struct sfs_buf left = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf right = SFS_BUF_INIT;
	struct sfsi_diffing *diffing = pairing->diffing;
	struct sfsi_record a, b;
	int err = sfsi_object_read(diffing->a.store, diffing->a.class.id, oid, &left, &a);
	if (!err)
		err = sfsi_object_read(diffing->b.store, diffing->b.class.id, oid, &right, &b);
	if (err < 0)
		return err;
	sfsi_object_attr(diffing->a.class.id, &a.object, ret_a);
	sfsi_object_attr(diffing->b.class.id, &b.object, ret_b);
	err = compare_bodies(pairing, &a, &b);
	if (!err)
		err = compare_texts(diffing, oid, &a, &b);
	return err < 0 ? err : sfsi_diff_add_attributes(&diffing->members, ret_a, ret_b);
}

/* --- the merge --- */

/**
 * The same record: of the same object, written by the same commit. A commit's number alone would not say it:
 * a store that was restored gives the same numbers to other commits, though not at the same nanosecond.
 */
static bool same_record(const struct sfsi_diffing *diffing, const struct row *a,
			const struct row *b)
{
	const struct sfsi_object *left = &a->object, *right = &b->object;
	return !diffing->exact && diffing->related && left->serial == right->serial &&
	       left->revision == right->revision && left->ctime_ns == right->ctime_ns &&
	       left->mtime_ns == right->mtime_ns && left->size == right->size &&
	       a->updated_ns == b->updated_ns;
}

static int both(struct pairing *pairing, const struct row *a, const struct row *b,
		struct sfs_span oid)
{
	struct sfsi_diffing *diffing = pairing->diffing;
	struct sfs_difference difference = { .change = SFS_DIFF_CHANGED,
					     .thing = SFS_DIFF_OBJECT,
					     .name = oid };
	if (same_record(diffing, a, b)) {
		diffing->done.same++;
		return 0;
	}
	int err = compare_objects(pairing, oid, &difference.before, &difference.after);
	if (err == SFS_ERR_NOT_FOUND) {
		diffing->members.count = diffing->members.text.len = 0;
		return 0;
	}
	return err < 0 ? err : sfsi_diff_tell(diffing, &difference);
}

static int alone(struct sfsi_diffing *diffing, const struct row *row, bool is_after,
		 struct sfs_span oid)
{
	const struct sfsi_diff_side *side = is_after ? &diffing->b : &diffing->a;
	struct sfs_attr attr;
	sfsi_object_attr(side->class.id, &row->object, &attr);
	return sfsi_diff_tell_alone(diffing, SFS_DIFF_OBJECT, is_after, oid, &attr);
}

/** The lower oid of the two sides. *ret_end: there is none any more. */
static int merge_one(struct pairing *pairing, struct cursor *a, struct cursor *b, bool *ret_end)
{
	struct sfs_span left, right;
	int err = peek(a, &left);
	if (!err)
		err = peek(b, &right);
	*ret_end = err < 0 || (!left.data && !right.data);
	if (*ret_end)
		return err;
	int order = !left.data ? 1 : !right.data ? -1 : sfsi_span_compare(left, right);
	if (order == 0)
		err = both(pairing, &a->rows[a->at], &b->rows[b->at], left);
	else
		err = alone(pairing->diffing, order < 0 ? &a->rows[a->at] : &b->rows[b->at],
			    order > 0, order < 0 ? left : right);
	if (err < 0)
		return sfsi_diff_fail(pairing->diffing, err, order <= 0 ? left : right);
	a->at += order <= 0;
	b->at += order >= 0;
	return sfsi_diff_step(pairing->diffing, &pairing->diffing->done.objects);
}

static struct sfsi_schema *schema_of(const struct sfsi_diff_side *side, struct sfsi_object_fit *fit)
{
	struct sfsi_class *class;
	if (!side->class.id || sfsi_object_class(side->store, side->class.id, &class) < 0)
		return NULL;
	sfsi_object_fit_begin(side->store, class, fit);
	return fit->schema;
}

/** One record of a side. SFS_ERR_NOT_FOUND: it has none. */
static int read_row(const struct sfsi_diff_side *side, struct sfs_span oid, struct row *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	if (side->class.id == 0 || side->class.kind != SFS_CLASS_OBJECT)
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_object_read_stored(side->store, side->class.id, oid, &buf, &record);
	if (err < 0)
		return err;
	*ret = (struct row){ .object = record.object, .updated_ns = record.updated_ns };
	return 0;
}

/** The object of one oid. */
static int compare_one(struct pairing *pairing, struct sfs_span oid)
{
	struct sfsi_diffing *diffing = pairing->diffing;
	struct row before, after;
	int a = read_row(&diffing->a, oid, &before), b = read_row(&diffing->b, oid, &after);
	int err = a && a != SFS_ERR_NOT_FOUND ? a : 0;
	if (!err && b && b != SFS_ERR_NOT_FOUND)
		err = b;
	if (!err && !a && !b)
		err = both(pairing, &before, &after, oid);
	else if (!err && (!a || !b))
		err = alone(diffing, a ? &after : &before, a != 0, oid);
	return err < 0 ? sfsi_diff_fail(diffing, err, oid) : 0;
}

int sfsi_diff_objects(struct sfsi_diffing *diffing)
{
	struct sfsi_object_fit fits[2] = { { .schema = NULL }, { .schema = NULL } };
	struct cursor *cursors = calloc(2, sizeof *cursors);
	struct pairing pairing = { .diffing = diffing };
	bool end = diffing->how->only.len;
	if (!cursors)
		return SFS_ERR_NO_MEMORY;
	pairing.before = schema_of(&diffing->a, &fits[0]);
	pairing.after = schema_of(&diffing->b, &fits[1]);
	start(&cursors[0], &diffing->a, diffing->how->after);
	start(&cursors[1], &diffing->b, diffing->how->after);
	int err = end ? compare_one(&pairing, diffing->how->only) : 0;
	while (!err && !end)
		err = merge_one(&pairing, &cursors[0], &cursors[1], &end);
	for (size_t i = 0; i < 2; i++) {
		if (err < 0 && cursors[i].failed.len)
			err = sfsi_diff_fail(diffing, err, sfs_buf_span(&cursors[i].failed));
		sfs_buf_fini(&cursors[i].oids);
		sfs_buf_fini(&cursors[i].failed);
		sfsi_object_fit_end(&fits[i]);
	}
	free(cursors);
	return err;
}
