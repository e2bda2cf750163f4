/*
 * Storing bodies with relations to many targets: which relations get rows, and which rows differ from
 * those that are there. Of a changed order the longest part that kept its order keeps its rows, and
 * the others go in between.
 */
#include <stdlib.h>
#include "backend/key.h"
#include "base/array.h"
#include "document/msgpack.h"
#include "index/table.h"
#include "rows.h"
#include "schema/reference.h"

/** A target before or after, with its place among the others. */
struct place {
	struct sfs_span oid;
	uint64_t position; /* 0: none yet */
	size_t index;
};

struct places {
	struct place *list; /* [count] */
	size_t count, cap;
};

/** One relation that is stored. */
struct storing {
	struct sfsi_txn *txn;
	uint32_t class_id;
	uint64_t serial;
	struct sfs_span name;
	struct places before, after;
	struct sfs_buf oids; /* of before */
	int err;
};

static void storing_fini(struct storing *storing)
{
	free(storing->before.list);
	free(storing->after.list);
	sfs_buf_fini(&storing->oids);
}

static int places_add(struct places *places, struct place place)
{
	int err = sfsi_array_grow(&places->list, places->count, &places->cap, sizeof *places->list);
	if (err < 0)
		return err;
	place.index = places->count;
	places->list[places->count++] = place;
	return 0;
}

static int compare_oids(const void *a, const void *b)
{
	return sfsi_span_compare(((const struct place *)a)->oid, ((const struct place *)b)->oid);
}

static int compare_indexes(const void *a, const void *b)
{
	size_t x = ((const struct place *)a)->index, y = ((const struct place *)b)->index;
	return (x > y) - (x < y);
}

static void sort(struct places *places, int (*compare)(const void *, const void *))
{
	if (places->count)
		qsort(places->list, places->count, sizeof *places->list, compare);
}

/* --- may a relation have rows? --- */

/** Its targets in canonical form, each once, all of one type? Then after has them, in order. */
static int read_after(struct storing *storing, struct sfs_span value, struct sfs_span *ret_type,
		      bool *ret_fits)
{
	static const struct sfsi_reference_rule any = { .any_type = true };
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	SFSI_AUTO_BUF struct sfs_buf canonical = SFS_BUF_INIT;
	int err = sfsi_cursor_next(&cursor, &head);
	bool fits = head.kind == SFSI_HEAD_ARRAY;
	for (uint32_t i = 0; i < head.count && fits && !err; i++) {
		struct sfsi_reference reference;
		struct sfs_span item;
		err = sfsi_cursor_skip(&cursor, &item);
		fits = !err && sfsi_reference_read(&any, item, &reference) &&
		       (i == 0 || sfs_span_equal(*ret_type, reference.type));
		if (err < 0 || !fits)
			break;
		*ret_type = reference.type;
		canonical.len = 0;
		err = sfsi_reference_put(&canonical, reference.oid, reference.type);
		fits = sfs_span_equal(sfs_buf_span(&canonical), item);
		if (!err && fits)
			err = places_add(&storing->after, (struct place){ reference.oid, 0, 0 });
	}
	sort(&storing->after, compare_oids);
	for (size_t i = 1; i < storing->after.count && fits; i++)
		fits = compare_oids(&storing->after.list[i - 1], &storing->after.list[i]) != 0;
	*ret_fits = fits && ret_type->len <= UINT8_MAX;
	return err;
}

/* --- what is there --- */

static int read_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct storing *storing = arg;
	struct sfs_span oid;
	storing->err = sfsi_rows_oid(key, val, &oid);
	/* An offset for now: the buffer may move. */
	struct place place = { { NULL, oid.len }, sfsi_rows_key_position(key), 0 };
	if (!storing->err)
		storing->err = places_add(&storing->before, place);
	if (!storing->err)
		storing->err = sfs_buf_append(&storing->oids, oid.data, oid.len);
	return storing->err < 0;
}

static int read_before(struct storing *storing)
{
	struct sfsi_key prefix;
	sfsi_rows_prefix('P', storing->serial, storing->name, &prefix);
	struct sfsi_scan scan = {
		.partition = storing->class_id,
		.prefix = sfsi_key_span(&prefix),
	};
	int err = sfsi_txn_scan(storing->txn, &scan, read_row, storing);
	const char *at = storing->oids.data;
	for (size_t i = 0; i < storing->before.count; i++) {
		storing->before.list[i].oid.data = at;
		at += storing->before.list[i].oid.len;
	}
	return err == SFS_ERR_CANCELLED ? storing->err : err;
}

static int drop_before(struct storing *storing)
{
	int err = read_before(storing);
	for (size_t i = 0; i < storing->before.count && !err; i++)
		err = sfsi_rows_drop(storing->txn, storing->class_id, storing->serial,
				     storing->name, storing->before.list[i].position,
				     storing->before.list[i].oid);
	return err;
}

/* --- which rows stay --- */

/** Give targets that were there the position that they had. Both are sorted by oid. */
static void match(struct places *before, struct places *after)
{
	size_t b = 0;
	for (size_t a = 0; a < after->count; a++) {
		while (b < before->count && compare_oids(&before->list[b], &after->list[a]) < 0)
			b++;
		if (b < before->count && compare_oids(&before->list[b], &after->list[a]) == 0)
			after->list[a].position = before->list[b].position;
	}
}

/** Of the positions of after, in order, leave a longest ascending part, and make the others 0. */
static int keep_ascending(struct places *after)
{
	struct place *list = after->list;
	SFSI_AUTO_FREE size_t *ends = calloc(after->count + 1, sizeof *ends);
	SFSI_AUTO_FREE size_t *previous = calloc(after->count + 1, sizeof *previous);
	size_t longest = 0;
	if (!ends || !previous)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < after->count; i++) {
		size_t low = 0, high = longest;
		if (!list[i].position)
			continue;
		while (low < high) {
			size_t mid = low + (high - low) / 2;
			if (list[ends[mid]].position < list[i].position)
				low = mid + 1;
			else
				high = mid;
		}
		previous[i] = low ? ends[low - 1] : SIZE_MAX;
		ends[low] = i;
		longest += low == longest;
	}
	size_t keep = longest ? ends[longest - 1] : SIZE_MAX;
	for (size_t i = after->count; i-- > 0;) {
		if (i == keep)
			keep = previous[i];
		else
			list[i].position = 0;
	}
	return 0;
}

/** Positions for those from first to end (not included) between two that stay. False: no room. */
static bool fill_gap(struct places *after, size_t first, size_t end, uint64_t low)
{
	uint64_t count = end - first;
	bool last = end == after->count;
	uint64_t high = last ? 0 : after->list[end].position;
	uint64_t step = last ? SFSI_ROWS_STRIDE : (high - low) / (count + 1);
	if (step == 0 || (last && count > (UINT64_MAX - low) / step))
		return false;
	for (size_t i = first; i < end; i++)
		after->list[i].position = low += step;
	return true;
}

static bool fill_gaps(struct places *after)
{
	uint64_t low = 0;
	for (size_t i = 0; i < after->count; i++) {
		size_t end = i;
		while (end < after->count && !after->list[end].position)
			end++;
		if (end > i && !fill_gap(after, i, end, low))
			return false;
		i = end > i ? end - 1 : i;
		low = after->list[i].position;
	}
	return true;
}

static int place_all(struct storing *storing)
{
	struct places *before = &storing->before, *after = &storing->after;
	sort(before, compare_oids);
	match(before, after);
	sort(after, compare_indexes);
	int err = keep_ascending(after);
	if (err < 0 || fill_gaps(after))
		return err;
	for (size_t i = 0; i < after->count; i++)
		after->list[i].position = (i + 1) * SFSI_ROWS_STRIDE;
	return 0;
}

/** Write what differs. Both sorted by oid afterwards. */
static int write_rows(struct storing *storing)
{
	struct places *before = &storing->before, *after = &storing->after;
	size_t b = 0, a = 0;
	int err = 0;
	sort(after, compare_oids);
	/* First what goes: a position may be given to another target. */
	for (; b < before->count && !err; b++) {
		const struct place *was = &before->list[b];
		while (a < after->count && compare_oids(&after->list[a], was) < 0)
			a++;
		bool stays = a < after->count && compare_oids(&after->list[a], was) == 0 &&
			     after->list[a].position == was->position;
		if (stays)
			after->list[a].index = SIZE_MAX; /* it is there */
		else
			err = sfsi_rows_drop(storing->txn, storing->class_id, storing->serial,
					     storing->name, was->position, was->oid);
	}
	for (a = 0; a < after->count && !err; a++)
		if (after->list[a].index != SIZE_MAX)
			err = sfsi_rows_add(storing->txn, storing->class_id, storing->serial,
					    storing->name, after->list[a].position,
					    after->list[a].oid);
	return err;
}

static void describe(const struct storing *storing, struct sfsi_rows *ret)
{
	const struct places *after = &storing->after;
	ret->name = storing->name;
	ret->count = after->count;
	ret->regular = true;
	ret->next = 0;
	for (size_t i = 0; i < after->count; i++) {
		ret->regular &= after->list[i].position == (i + 1) * SFSI_ROWS_STRIDE;
		ret->next = after->list[i].position + SFSI_ROWS_STRIDE;
	}
}

/* --- a record --- */

struct record_storing {
	struct sfsi_txn *txn;
	uint32_t class_id;
	const struct sfsi_class *class; /* NULL: it does not exist */
	const struct sfsi_record *before, *after;
	struct sfs_buf *body, *list;
};

/** A relation to many that may have rows? */
static bool is_many(const struct record_storing *record, struct sfs_span name)
{
	const struct sfsi_schema *schema = record->class ? record->class->schema : NULL;
	const struct sfsi_relation *relation = schema ? sfsi_schema_relation(schema, name) : NULL;
	/* What an index reads it must find in the body. */
	return relation && relation->many && !sfsi_index_class_reads(record->class, name);
}

/** Should this value get rows, as far as can be seen without reading it? */
static bool is_large(const struct record_storing *record, struct sfs_span name,
		     struct sfs_span value, bool had)
{
	struct sfsi_head head;
	return sfsi_head_read(value, &head) == SFSI_HEAD_GOOD && head.kind == SFSI_HEAD_ARRAY &&
	       head.count >= (had ? SFSI_ROWS_KEEP : SFSI_ROWS_FROM) && is_many(record, name);
}

static bool had_rows(const struct record_storing *record, struct sfs_span name)
{
	struct sfsi_rows rows;
	return record->before && sfsi_rows_valid(record->before) &&
	       sfsi_rows_find(record->before, name, &rows);
}

/** Store a value in rows if it can. *ret_done: it is, and the body gets an empty array. */
static int store_value(struct record_storing *record, struct sfs_span name, struct sfs_span value,
		       bool *ret_done)
{
	bool had = had_rows(record, name);
	struct sfsi_rows rows = { .type = { "", 0 } };
	struct storing storing = {
		.txn = record->txn,
		.class_id = record->class_id,
		.serial = record->after->object.serial,
		.name = name,
	};
	int err = 0;
	*ret_done = is_large(record, name, value, had);
	if (*ret_done)
		err = read_after(&storing, value, &rows.type, ret_done);
	if (!err && !*ret_done && had)
		err = drop_before(&storing);
	if (!err && *ret_done && had)
		err = read_before(&storing);
	if (!err && *ret_done)
		err = place_all(&storing);
	if (!err && *ret_done) {
		describe(&storing, &rows);
		err = sfsi_rows_put(record->list, &rows);
	}
	if (!err && *ret_done)
		err = write_rows(&storing);
	storing_fini(&storing);
	return err;
}

static int store_body(struct record_storing *record)
{
	static const uint8_t none[] = { 0x90 }; /* an empty array */
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_init(&map, record->after->body);
	if (!err)
		err = sfsi_msgpack_map_header(record->body, map.left);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		bool done = false;
		if (pair.name.data)
			err = store_value(record, pair.name, pair.value, &done);
		if (!err)
			err = sfs_buf_append(record->body, pair.key.data, pair.key.len);
		if (!err && done)
			err = sfs_buf_append(record->body, none, sizeof none);
		else if (!err)
			err = sfs_buf_append(record->body, pair.value.data, pair.value.len);
	}
	return err < 0 ? err : 0;
}

/** Relations of before that the new body does not have at all, or all of them. */
static int drop_others(const struct record_storing *record, bool all)
{
	struct sfsi_reader reader = sfsi_reader(record->before->rows.list);
	struct sfsi_rows rows;
	int err = 0;
	while (!err && sfsi_rows_next(&reader, &rows)) {
		struct storing storing = {
			.txn = record->txn,
			.class_id = record->class_id,
			.serial = record->before->object.serial,
			.name = rows.name,
		};
		struct sfsi_msgpack_map map;
		struct sfsi_msgpack_pair pair;
		bool there = false;
		err = all ? 0 : sfsi_msgpack_map_init(&map, record->after->body);
		while (!all && !err && sfsi_msgpack_map_next(&map, &pair) == 0)
			there |= pair.name.data && sfs_span_equal(pair.name, rows.name);
		if (!err && !there)
			err = drop_before(&storing);
		storing_fini(&storing);
	}
	return err;
}

/** Is there anything to do: rows that are there, or a relation that is large enough? */
static bool needs_rows(const struct record_storing *record)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	const struct sfsi_schema *schema = record->class ? record->class->schema : NULL;
	if (!schema || !schema->relations_count || record->class->database ||
	    record->after->body.len < (size_t)SFSI_ROWS_FROM * 2 ||
	    sfsi_msgpack_map_init(&map, record->after->body) < 0)
		return false;
	while (sfsi_msgpack_map_next(&map, &pair) == 0)
		if (pair.name.data && is_large(record, pair.name, pair.value, false))
			return true;
	return false;
}

int sfsi_rows_store(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_record *before,
		    const struct sfsi_record *after, struct sfs_buf bufs[2],
		    struct sfsi_record *ret)
{
	struct record_storing record = {
		.txn = txn,
		.class_id = class_id,
		.class = sfsi_class_ref(txn->store, class_id),
		.before = before,
		.after = after,
		.body = &bufs[0],
		.list = &bufs[1],
	};
	bool had = before && sfsi_rows_valid(before);
	bool same = before && after && before->object.serial == after->object.serial;
	int err = 0;
	if (after)
		*ret = *after;
	/* The rows are as the record says already. */
	if (after && sfsi_rows_valid(after) && (!before || same))
		return 0;
	if (had && !same) {
		err = drop_others(&record, true);
		record.before = NULL;
		had = false;
	}
	if (err < 0 || !after || (!had && !needs_rows(&record)))
		return err;
	if (had)
		err = drop_others(&record, false);
	if (!err)
		err = store_body(&record);
	if (!err && record.list->len)
		ret->rows = (struct sfsi_record_rows){
			.list = sfs_buf_span(record.list),
			.stored = sfs_buf_span(record.body),
			.whole = after->body,
			.serial = after->object.serial,
		};
	return err;
}
