/* Results of a query: in order, within the window; how many; whether an object is one; facets. */
#include "base/array.h"
#include "query/query.h"
#include "raw_index.h"
#include "base/map.h"
#include "object.h"

#define FACETS_MAX ((size_t)1 << 20)

static int fail(struct sfs_diag *diag, int err)
{
	return err < 0 && err != SFS_ERR_CANCELLED
		       ? sfs_diag_set(diag, err, "%s", sfs_err_text(err))
		       : err;
}

/* --- matching candidates, as they are read --- */

static int next_match(struct sfs_query *query, struct sfsi_query_candidate *ret)
{
	bool accepted = false;
	int err = 0;
	while (!err && !accepted) {
		err = sfsi_query_candidate(query, ret);
		if (!err)
			err = sfsi_query_accepts(query, ret, &accepted);
	}
	return err;
}

/* --- sorting --- */

static struct sfs_span item_key(const struct sfs_query *query, const struct sfsi_query_item *item)
{
	return (struct sfs_span){ (const char *)query->items_bytes.data + item->off,
				  item->key_len };
}

static struct sfs_span item_oid(const struct sfs_query *query, const struct sfsi_query_item *item)
{
	return (struct sfs_span){ (const char *)query->items_bytes.data + item->off + item->key_len,
				  item->oid_len };
}

static int compare_items(const void *a, const void *b, void *arg)
{
	const struct sfs_query *query = arg;
	const struct sfsi_query_item *x = a, *y = b;
	/* Without a key: last, in both directions. */
	if (!x->key_len != !y->key_len)
		return x->key_len ? -1 : 1;
	int order = sfsi_span_compare(item_key(query, x), item_key(query, y));
	if (!order)
		order = (x->cookie > y->cookie) - (x->cookie < y->cookie);
	if (!order)
		order = sfsi_span_compare(item_oid(query, x), item_oid(query, y));
	return query->down ? -order : order;
}

/** Sort what was collected, and forget what is not wanted. */
static int cut_items(struct sfs_query *query)
{
	if (query->items_len)
		qsort_r(query->items, query->items_len, sizeof *query->items, compare_items, query);
	if (query->items_len <= query->wanted)
		return 0;
	query->items_len = (size_t)query->wanted;
	SFSI_AUTO_BUF struct sfs_buf bytes = SFS_BUF_INIT;
	for (size_t i = 0; i < query->items_len; i++) {
		struct sfsi_query_item *item = &query->items[i];
		size_t off = bytes.len;
		int err = sfs_buf_append(&bytes, item_key(query, item).data,
					 item->key_len + item->oid_len);
		if (err < 0)
			return err;
		item->off = off;
	}
	sfs_buf_fini(&query->items_bytes);
	query->items_bytes = sfs_buf_take(&bytes);
	return 0;
}

static int add_item(struct sfs_query *query, const struct sfsi_query_candidate *candidate,
		    struct sfs_span key)
{
	if (sfsi_array_grow(&query->items, query->items_len, &query->items_cap,
			    sizeof *query->items) < 0)
		return SFS_ERR_NO_MEMORY;
	/* Those of one key have the order of an index, also where a database was listed in its own. */
	struct sfsi_query_item item = {
		.off = query->items_bytes.len,
		.key_len = key.len,
		.oid_len = candidate->oid.len,
		.cookie = query->class->database ? sfsi_cookie(query->store, candidate->oid)
						 : candidate->cookie,
		.serial = candidate->serial,
	};
	int err = sfs_buf_append(&query->items_bytes, key.data, key.len);
	if (!err)
		err = sfs_buf_append(&query->items_bytes, candidate->oid.data, candidate->oid.len);
	if (err < 0)
		return err;
	query->items[query->items_len++] = item;
	if (query->wanted <= SFSI_QUERY_COLLECT && query->items_len >= 2 * query->wanted + 64)
		return cut_items(query);
	/* More than was expected when this way was chosen. */
	return query->items_len > 4 * (size_t)SFSI_QUERY_COLLECT ? SFS_ERR_LIMIT : 0;
}

/** The key that an object is sorted by. */
static int collect_match(struct sfs_query *query, const struct sfsi_query_candidate *candidate)
{
	struct sfs_span key = { "", 0 };
	bool found;
	int err = sfsi_query_keys(query, query->sort, candidate, &found);
	if (err < 0 || !found)
		return err;
	if (query->keys.count)
		key = sfsi_index_keys_at(&query->keys, query->down ? query->keys.count - 1 : 0);
	return add_item(query, candidate, key);
}

static int collect(struct sfs_query *query)
{
	struct sfsi_query_candidate candidate;
	int err = 0;
	query->wanted = query->limit > UINT64_MAX - query->offset ? UINT64_MAX
								  : query->offset + query->limit;
	query->items_len = query->items_at = query->items_bytes.len = 0;
	while (!err) {
		err = next_match(query, &candidate);
		if (!err)
			err = collect_match(query, &candidate);
	}
	return err < 0 ? err : cut_items(query);
}

/* --- the window --- */

/** Is every entry that is read a result? */
static bool is_plain(const struct sfs_query *query)
{
	size_t settled = query->read == SFSI_READ_CONDITION ? 1 : 0;
	return query->read != SFSI_READ_CLASS && !query->collect && query->count == settled &&
	       !sfsi_query_repeats(query);
}

static int begin(struct sfs_query *query)
{
	int err = 0;
	uint64_t skip = query->offset + query->given;
	if (skip < query->offset)
		skip = UINT64_MAX;
	sfsi_query_source_end(query);
	query->passed = 0;
	if (query->collect)
		err = collect(query);
	else if (is_plain(query)) {
		err = sfsi_query_source_skip(query, skip);
		query->passed = skip;
	}
	query->running = !err;
	return err;
}

static int next_any(struct sfs_query *query, struct sfsi_query_candidate *ret)
{
	if (!query->collect)
		return next_match(query, ret);
	if (query->items_at == query->items_len)
		return 1;
	const struct sfsi_query_item *item = &query->items[query->items_at++];
	*ret = (struct sfsi_query_candidate){ item_key(query, item), item_oid(query, item),
					      item->cookie, item->serial };
	return 0;
}

/** What the result is called outside, in last. One that is gone has no name: it is an empty one. */
static int keep_oid(struct sfs_query *query, struct sfs_span id)
{
	struct sfs_span oid;
	query->last.len = 0;
	int err = sfsi_thing_oid(query->store, query->class, id, &query->last, &oid);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	return err < 0 || query->last.len ? err : sfs_buf_append(&query->last, oid.data, oid.len);
}

int sfs_query_next(struct sfs_query *query, struct sfs_query_hit *ret, struct sfs_diag *diag)
{
	struct sfsi_query_candidate candidate;
	int err = sfsi_query_plan(query, diag);
	if (err < 0)
		return err;
	if (query->given >= query->limit)
		return 1;
	if (!query->running)
		err = begin(query);
	uint64_t first = query->offset + query->given;
	if (first < query->offset)
		return 1;
	do {
		if (!err)
			err = next_any(query, &candidate);
	} while (!err && query->passed++ < first);
	if (!err)
		err = keep_oid(query, candidate.oid);
	if (err)
		return fail(diag, err);
	*ret = (struct sfs_query_hit){
		.oid = sfs_buf_span(&query->last),
		.ino = sfs_ino_make(query->class->id, candidate.serial),
		.cookie = candidate.cookie,
		.position = query->given++,
	};
	return 0;
}

void sfs_query_seek(struct sfs_query *query, uint64_t position)
{
	if (query->running && position == query->given)
		return;
	query->given = position;
	query->running = false;
}

/* --- how many --- */

static uint64_t in_window(const struct sfs_query *query, uint64_t count)
{
	uint64_t left = count > query->offset ? count - query->offset : 0;
	return left < query->limit ? left : query->limit;
}

/** Objects that have keys, less those that have one. */
static int count_unequal(struct sfs_query *query, const struct sfsi_query_condition *condition,
			 uint64_t *ret)
{
	struct sfsi_state state;
	uint64_t missing, equal;
	sfsi_class_state(query->store, query->class, &state);
	uint64_t all = sfsi_class_things(query->class, &state);
	int err = sfsi_index_counted(query->store, condition->table, SFSI_INDEX_NO_KEY, &missing);
	if (!err)
		err = sfsi_index_counted(query->store, condition->table,
					 sfs_buf_span(&condition->keys[0]), &equal);
	if (!err)
		*ret = all > missing + equal ? all - missing - equal : 0;
	return err;
}

static int count_by_reading(struct sfs_query *query, uint64_t *ret)
{
	struct sfsi_query_candidate candidate;
	uint64_t count = 0, wanted = query->limit > UINT64_MAX - query->offset
					     ? UINT64_MAX
					     : query->offset + query->limit;
	int err = 0;
	while (!err && count < wanted) {
		err = next_match(query, &candidate);
		count += !err;
	}
	*ret = count;
	return err < 0 ? err : 0;
}

/** What must not be done twice while the order does not matter. */
struct order {
	struct sfsi_index_table *sort;
	bool down;
};

/** Plan without the order: what is rarest is read. Ends with order_restore() in any case. */
static int order_forget(struct sfs_query *query, struct order *ret, struct sfs_diag *diag)
{
	*ret = (struct order){ query->sort, query->down };
	sfsi_query_source_end(query);
	query->running = query->planned = query->down = false;
	query->sort = NULL;
	return sfsi_query_plan(query, diag);
}

static void order_restore(struct sfs_query *query, const struct order *order)
{
	sfsi_query_source_end(query);
	query->sort = order->sort;
	query->down = order->down;
	query->planned = false;
}

/** Is every entry of a condition another object? */
static bool counts_objects(const struct sfs_query *query,
			   const struct sfsi_query_condition *condition)
{
	return condition->op == SFS_QUERY_EQ || condition->op == SFS_QUERY_MISSING ||
	       !sfsi_query_is_multi(query->store, condition->table);
}

static int count_results(struct sfs_query *query, uint64_t *ret)
{
	struct sfsi_state state;
	if (query->count == 1 && query->conditions->op == SFS_QUERY_NE)
		return count_unequal(query, query->conditions, ret);
	if (query->count == 1 && counts_objects(query, query->conditions))
		return sfsi_query_entries(query, query->conditions, true, ret);
	if (query->count)
		return count_by_reading(query, ret);
	sfsi_class_state(query->store, query->class, &state);
	*ret = sfsi_class_things(query->class, &state);
	return 0;
}

int sfs_query_count(struct sfs_query *query, uint64_t *ret, struct sfs_diag *diag)
{
	struct order order;
	uint64_t count = 0;
	int err = order_forget(query, &order, diag);
	if (!err)
		err = fail(diag, count_results(query, &count));
	order_restore(query, &order);
	if (!err)
		*ret = in_window(query, count);
	return err;
}

/* --- whether --- */

/** With a window: look for it among the results. */
static int has_in_window(struct sfs_query *query, struct sfs_span oid, bool *ret,
			 struct sfs_diag *diag)
{
	struct sfs_query_hit hit;
	uint64_t given = query->given;
	int err;
	sfs_query_seek(query, 0);
	query->running = false;
	*ret = false;
	do {
		err = sfs_query_next(query, &hit, diag);
		*ret = !err && sfs_span_equal(hit.oid, oid);
	} while (!err && !*ret);
	query->running = false;
	query->given = given;
	return err < 0 ? err : 0;
}

int sfs_query_has(struct sfs_query *query, struct sfs_span oid, bool *ret, struct sfs_diag *diag)
{
	struct sfsi_raw_id buf;
	struct sfsi_query_candidate candidate = { .oid = oid };
	uint64_t ino = 0;
	bool is = true;
	int err = sfsi_query_plan(query, diag);
	if (err < 0)
		return err;
	err = sfsi_thing_id(query->store, query->class, oid, &buf, &candidate.oid, &ino);
	if (err == SFS_ERR_NOT_FOUND) {
		*ret = false;
		return 0;
	}
	/* The record of the candidate that was read last is not that of this one. */
	sfsi_query_forget(query);
	candidate.serial = sfsi_ino_serial(ino);
	for (size_t i = 0; i < query->count && !err && is; i++)
		err = sfsi_query_matches(query, &query->conditions[i], &candidate, &is);
	sfsi_query_forget(query);
	if (!err && is && (query->offset || query->limit != UINT64_MAX))
		return has_in_window(query, oid, ret, diag);
	if (!err)
		*ret = is;
	return fail(diag, err);
}

/* --- facets --- */

static int tally(struct sfsi_map *map, struct sfs_span key)
{
	uint64_t count = 1;
	const struct sfsi_map_entry *old = sfsi_map_seek(map, key);
	if (old && sfs_span_equal(sfsi_map_key(old), key)) {
		memcpy(&count, sfsi_map_value(old).data, sizeof count);
		count++;
	} else if (map->count >= FACETS_MAX) {
		return SFS_ERR_LIMIT;
	}
	struct sfsi_map_entry *entry = sfsi_map_entry_new(
		map, key, (struct sfs_span){ &count, sizeof count });
	if (!entry)
		return SFS_ERR_NO_MEMORY;
	sfsi_map_entry_free(sfsi_map_put(map, entry));
	return 0;
}

static int tally_all(struct sfs_query *query, const struct sfsi_index_table *table,
		     struct sfsi_map *map)
{
	struct sfsi_query_candidate candidate;
	int err = 0;
	while (!err) {
		bool found = false;
		err = next_match(query, &candidate);
		if (!err)
			err = sfsi_query_keys(query, table, &candidate, &found);
		for (size_t i = 0; !err && found && i < query->keys.count; i++)
			err = tally(map, sfsi_index_keys_at(&query->keys, i));
	}
	return err < 0 ? err : 0;
}

static int give_facets(const struct sfsi_map *map, sfs_index_key_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf shown = SFS_BUF_INIT;
	const struct sfsi_map_entry *entry = sfsi_map_seek(map, (struct sfs_span){ "", 0 });
	int err = 0;
	for (; entry && !err; entry = sfsi_map_next(entry)) {
		uint64_t count;
		memcpy(&count, sfsi_map_value(entry).data, sizeof count);
		shown.len = 0;
		err = sfsi_index_key_show(sfsi_map_key(entry), &shown);
		if (!err && fn(arg, sfs_buf_span(&shown), count))
			err = SFS_ERR_CANCELLED;
	}
	return err;
}

int sfs_query_facets(struct sfs_query *query, struct sfs_span index, sfs_index_key_fn *fn,
		     void *arg, struct sfs_diag *diag)
{
	struct sfs_index_window all = { .limit = UINT64_MAX };
	struct sfsi_index_table *table;
	struct sfsi_map map;
	struct order order;
	int err = sfsi_index_open(query->store, query->class, index, &table, diag);
	if (err < 0)
		return err;
	if (query->count == 0)
		return sfs_index_keys(query->store, query->class->id, index, &all, fn, arg, diag);
	sfsi_map_init(&map);
	err = order_forget(query, &order, diag);
	if (!err)
		err = fail(diag, tally_all(query, table, &map));
	order_restore(query, &order);
	if (!err)
		err = fail(diag, give_facets(&map, fn, arg));
	sfsi_map_fini(&map);
	return err;
}
