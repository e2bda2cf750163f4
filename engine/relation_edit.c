/*
 * Changing one relation of an object: the value in its body is made anew, and the object changes as
 * by a save that changes nothing else. Of many targets that are rows only those concerned are touched
 * (relation_rows.c).
 */
#include <stdlib.h>
#include "backend/key.h"
#include "base/cleanup.h"
#include "document/document.h"
#include "document/msgpack.h"
#include "document/utf8.h"
#include "relation_rows.h"
#include "schema/reference.h"
#include "targets.h"

/** One item of a relation's value. */
struct item {
	struct sfs_span value; /* as it stands there; empty: to be written */
	struct sfs_span oid;   /* empty: it is no reference, and stays */
};

struct items {
	struct item *list; /* [count] */
	size_t count;
	struct sfs_buf digits; /* of oids that are written as numbers */
};

/** A change of a relation under way. */
struct editing {
	const struct sfsi_relation_edit *edit;
	struct sfsi_relation_of of;
	struct items items;
	bool changed;
	struct sfs_diag *diag;
};

/* --- the items that are there --- */

static const struct sfsi_reference_rule any_reference = { .any_type = true };

static int read_item(struct sfs_span value, struct items *items, struct item *ret)
{
	struct sfsi_reference reference;
	*ret = (struct item){ .value = value };
	if (!sfsi_reference_read(&any_reference, value, &reference))
		return 0;
	ret->oid = reference.oid;
	if (reference.oid.data != reference.digits)
		return 0;
	/* Room was made for all of them: the buffer does not move. */
	ret->oid.data = (const char *)items->digits.data + items->digits.len;
	return sfs_buf_append(&items->digits, reference.digits, reference.oid.len);
}

/** @more  room for so many items besides. */
static int read_items(struct sfs_span value, size_t more, struct items *ret)
{
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	struct sfsi_cursor cursor = sfsi_cursor(value), inside = cursor;
	size_t count = 0;
	if (value.len && sfsi_cursor_next(&inside, &head) < 0)
		return SFS_ERR_CORRUPT;
	if (value.len && head.kind != SFSI_HEAD_NULL)
		count = head.kind == SFSI_HEAD_ARRAY ? head.count : 1;
	if (head.kind == SFSI_HEAD_ARRAY)
		cursor = inside;
	ret->list = calloc(count + more + 1, sizeof *ret->list);
	int err = ret->list ? sfs_buf_reserve(&ret->digits, count * 24 + 1) : SFS_ERR_NO_MEMORY;
	for (; ret->count < count && !err; ret->count += !err) {
		err = sfsi_cursor_skip(&cursor, &value);
		if (!err)
			err = read_item(value, ret, &ret->list[ret->count]);
	}
	return err;
}

static size_t find_item(const struct items *items, struct sfs_span oid)
{
	size_t i = 0;
	while (i < items->count && !sfs_span_equal(items->list[i].oid, oid))
		i++;
	return i;
}

static void drop_item(struct items *items, size_t at)
{
	items->count--;
	memmove(items->list + at, items->list + at + 1, (items->count - at) * sizeof *items->list);
}

/* --- what the change makes of them --- */

static int add(struct editing *editing)
{
	struct items *items = &editing->items;
	struct sfs_span oid = editing->edit->targets[0].oid;
	char name[SFSI_SHOW_SIZE];
	if (find_item(items, oid) < items->count)
		return 0;
	if (!editing->of.relation->many && items->count)
		return sfs_diag_set(editing->diag, SFS_ERR_EXISTS,
				    "relation %s leads to one, and has another target",
				    sfsi_utf8_show(name, editing->of.relation->name));
	items->list[items->count++] = (struct item){ .oid = oid };
	editing->changed = true;
	return 0;
}

static int no_target(const struct editing *editing)
{
	char shown[SFSI_SHOW_SIZE];
	return sfs_diag_set(editing->diag, SFS_ERR_NOT_FOUND, "there is no target %s in it",
			    sfsi_utf8_show(shown, editing->edit->targets[0].oid));
}

static int take_out(struct editing *editing)
{
	struct items *items = &editing->items;
	struct sfs_span oid = editing->edit->targets[0].oid;
	for (size_t at; (at = find_item(items, oid)) < items->count; editing->changed = true)
		drop_item(items, at);
	return editing->changed || editing->edit->quiet ? 0 : no_target(editing);
}

/** The first of them becomes the new oid, unless that is there already. */
static int follow(struct editing *editing)
{
	struct items *items = &editing->items;
	const struct sfs_target *targets = editing->edit->targets;
	bool there = find_item(items, targets[1].oid) < items->count;
	for (size_t at; (at = find_item(items, targets[0].oid)) < items->count; there = true) {
		if (there)
			drop_item(items, at);
		else
			items->list[at] = (struct item){ .oid = targets[1].oid };
		editing->changed = true;
	}
	return 0;
}

static int compare_items(const void *a, const void *b)
{
	const struct sfs_target *const *one = a, *const *other = b;
	int order = sfsi_span_compare((*one)->oid, (*other)->oid);
	return order ? order : (*one > *other) - (*one < *other);
}

/** Which targets were given before: keep[i] says whether the i-th counts. */
static int mark_first(const struct sfs_target *targets, size_t count, bool *keep)
{
	SFSI_AUTO_FREE const struct sfs_target **sorted = calloc(count + 1, sizeof *sorted);
	if (!sorted)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &targets[i];
	qsort(sorted, count, sizeof *sorted, compare_items);
	for (size_t i = 0; i < count; i++)
		keep[sorted[i] - targets] = i == 0 ||
					    !sfs_span_equal(sorted[i]->oid, sorted[i - 1]->oid);
	return 0;
}

static int set(struct editing *editing)
{
	const struct sfsi_relation_edit *edit = editing->edit;
	struct items *items = &editing->items;
	char name[SFSI_SHOW_SIZE];
	SFSI_AUTO_FREE bool *keep = calloc(edit->count + 1, sizeof *keep);
	int err = keep ? mark_first(edit->targets, edit->count, keep) : SFS_ERR_NO_MEMORY;
	size_t before = items->count, count = 0;
	bool same = true;
	for (size_t i = 0; i < edit->count && !err; i++) {
		if (!keep[i])
			continue;
		struct sfs_span oid = edit->targets[i].oid;
		same = same && count < before && sfs_span_equal(items->list[count].oid, oid);
		items->list[count++] = (struct item){ .oid = oid };
	}
	if (!err && count > 1 && !editing->of.relation->many)
		return sfs_diag_set(editing->diag, SFS_ERR_INVALID,
				    "relation %s leads to one, and %zu targets were given",
				    sfsi_utf8_show(name, editing->of.relation->name), count);
	editing->changed = !(same && count == before);
	items->count = count;
	return err;
}

static int make_change(struct editing *editing)
{
	switch (editing->edit->kind) {
	case SFSI_RELATION_SET: return set(editing);
	case SFSI_RELATION_ADD: return add(editing);
	case SFSI_RELATION_REMOVE: return take_out(editing);
	case SFSI_RELATION_FOLLOW: return follow(editing);
	}
	return SFS_ERR_INVALID;
}

/* --- the new body --- */

static int put_item(const struct editing *editing, const struct item *item, struct sfs_buf *ret)
{
	if (item->value.len)
		return sfs_buf_append(ret, item->value.data, item->value.len);
	return sfsi_reference_put(ret, item->oid, editing->of.type);
}

/** Append the new value; of a relation to one there may be nothing to append. */
static int put_value(const struct editing *editing, struct sfs_buf *ret)
{
	const struct items *items = &editing->items;
	struct sfsi_msgpack_writer writer;
	int err = 0;
	sfsi_msgpack_writer_init(&writer, ret);
	if (editing->of.relation->many || items->count > 1)
		err = writer.sink.ops->array_begin(&writer.sink, (uint32_t)items->count);
	for (size_t i = 0; i < items->count && !err; i++)
		err = put_item(editing, &items->list[i], ret);
	return err;
}

/** Place of a member in canonical order: relations are last, in the order of the definition. */
static uint32_t place_of(const struct sfsi_schema *schema, struct sfs_span name)
{
	uint32_t number = name.data ? sfsi_schema_find(schema, name) : SFSI_SCHEMA_NONE;
	if (number == SFSI_SCHEMA_NONE || number < schema->properties_count)
		return 0;
	return number - schema->properties_count + 1;
}

static int put_member(const struct editing *editing, struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	int err = value.len ? writer.sink.ops->string(&writer.sink, editing->of.relation->name) : 0;
	return err < 0 ? err : sfs_buf_append(ret, value.data, value.len);
}

/** Members of the new body behind its header. *ret_count: how many. */
static int put_members(const struct editing *editing, struct sfs_span body, struct sfs_span value,
		       struct sfs_buf *ret, uint32_t *ret_count)
{
	const struct sfsi_schema *schema = editing->of.schema;
	struct sfs_span name = editing->of.relation->name;
	uint32_t place = place_of(schema, name);
	bool done = false;
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_init(&map, body);
	*ret_count = 0;
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		bool own = pair.name.data && sfs_span_equal(pair.name, name);
		if (!done && (own || place_of(schema, pair.name) > place)) {
			done = true;
			*ret_count += value.len > 0;
			err = put_member(editing, value, ret);
		}
		if (own || err < 0)
			continue;
		++*ret_count;
		err = sfs_buf_append(ret, pair.key.data, pair.key.len);
		if (!err)
			err = sfs_buf_append(ret, pair.value.data, pair.value.len);
	}
	if (err < 0 || done)
		return err < 0 ? err : 0;
	*ret_count += value.len > 0;
	return put_member(editing, value, ret);
}

static int make_body(const struct editing *editing, struct sfs_span body, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf members = SFS_BUF_INIT;
	uint32_t count;
	int err = put_value(editing, &value);
	if (!err)
		err = put_members(editing, body, sfs_buf_span(&value), &members, &count);
	if (!err)
		err = sfsi_msgpack_map_header(ret, count);
	return err < 0 ? err : sfs_buf_append(ret, members.data, members.len);
}

/* --- the change of the object --- */

static int store(struct sfsi_txn *txn, const struct editing *editing, const struct sfsi_record *old,
		 struct sfs_span body)
{
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	const struct sfs_relation *relation = &editing->edit->relation;
	struct sfsi_record record = *old;
	struct sfsi_derive_side was = { relation->oid, old }, is = { relation->oid, &record };
	record.body = body;
	int err = sfsi_object_canonical(&record);
	/* A target that got another oid is the same one: the relation did not change. */
	if (!err && editing->edit->kind != SFSI_RELATION_FOLLOW) {
		err = sfsi_updates_make(old, body, txn->now_ns, &record.updated_ns, &updates);
		record.updates = sfs_buf_span(&updates);
	}
	struct sfsi_object *object = &record.object;
	object->mtime_ns = object->atime_ns = object->ctime_ns = txn->now_ns;
	object->revision = txn->commit;
	return err < 0 ? err : sfsi_object_change(txn, relation->class_id, &was, &is);
}

static int edit_rows(struct sfsi_txn *txn, struct editing *editing,
		     const struct sfsi_record *record, const struct sfsi_rows *rows)
{
	char shown[SFSI_SHOW_SIZE];
	int err = sfsi_relation_rows_edit(txn, editing->edit, &editing->of, record, rows);
	if (err == SFS_ERR_NOT_FOUND)
		return no_target(editing);
	if (err == SFS_ERR_LIMIT)
		return sfs_diag_set(editing->diag, err,
				    "relation %s has as many targets as a document can show",
				    sfsi_utf8_show(shown, editing->of.relation->name));
	return err;
}

static int edit_object(struct sfsi_txn *txn, struct editing *editing)
{
	const struct sfs_relation *relation = &editing->edit->relation;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_rows rows;
	struct sfs_span value;
	int err = sfsi_object_load_stored(txn, relation->class_id, relation->oid, &buf, &record);
	if (!err && sfsi_relation_rows_can(editing->edit, editing->of.class, &record, &rows))
		return edit_rows(txn, editing, &record, &rows);
	if (!err && sfsi_rows_valid(&record)) {
		buf.len = 0;
		err = sfsi_object_load(txn, relation->class_id, relation->oid, &buf, &record);
	}
	if (!err)
		err = sfsi_body_member(record.body, relation->name, &value);
	if (!err)
		err = read_items(value, editing->edit->count, &editing->items);
	if (!err)
		err = make_change(editing);
	if (err < 0 || !editing->changed)
		return err;
	err = make_body(editing, record.body, &body);
	return err < 0 ? err : store(txn, editing, &record, sfs_buf_span(&body));
}

int sfsi_relation_edit(struct sfsi_txn *txn, const struct sfsi_relation_edit *edit,
		       struct sfs_diag *diag)
{
	struct editing editing = { .edit = edit, .diag = diag };
	int err = sfsi_oid_check(edit->relation.oid);
	if (err < 0)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "there is no such object");
	err = sfsi_relation_begin(txn->store, &edit->relation, &editing.of, diag);
	if (err < 0)
		return err;
	for (size_t i = 0; i < edit->count && !err; i++)
		err = sfsi_relation_check(txn->store, &editing.of, &edit->targets[i], diag);
	if (!err) {
		err = edit_object(txn, &editing);
		if (err < 0 && diag && !diag->err)
			(void)sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	}
	sfsi_relation_end(&editing.of);
	free(editing.items.list);
	sfs_buf_fini(&editing.items.digits);
	return err;
}

/* --- the four changes --- */

static int change(struct sfs_store *in, const struct sfsi_relation_edit *edit,
		  struct sfs_diag *diag)
{
	struct sfsi_txn txn;
	struct sfs_diag why = SFS_DIAG_INIT;
	int err = sfsi_txn_begin(in, &txn);
	if (!err)
		err = sfsi_txn_end(&txn, sfsi_relation_edit(&txn, edit, &why));
	if (!err)
		return 0;
	return sfs_diag_set(diag, err, "%s", why.err ? why.text : sfs_err_text(err));
}

int sfs_relation_set(struct sfs_store *store, const struct sfs_relation *relation,
		     const struct sfs_target *targets, size_t count, struct sfs_diag *diag)
{
	struct sfsi_relation_edit edit = { SFSI_RELATION_SET, *relation, targets, count, false };
	return change(store, &edit, diag);
}

int sfs_relation_add(struct sfs_store *store, const struct sfs_relation *relation,
		     const struct sfs_target *target, struct sfs_diag *diag)
{
	struct sfsi_relation_edit edit = { SFSI_RELATION_ADD, *relation, target, 1, false };
	return change(store, &edit, diag);
}

int sfs_relation_remove(struct sfs_store *store, const struct sfs_relation *relation,
			const struct sfs_target *target, struct sfs_diag *diag)
{
	struct sfsi_relation_edit edit = { SFSI_RELATION_REMOVE, *relation, target, 1, false };
	return change(store, &edit, diag);
}

int sfs_relation_clear(struct sfs_store *store, const struct sfs_relation *relation,
		       struct sfs_diag *diag)
{
	struct sfsi_relation_edit edit = { SFSI_RELATION_SET, *relation, NULL, 0, false };
	return change(store, &edit, diag);
}
