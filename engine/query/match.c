/* Does a candidate satisfy conditions? Single values are looked up in the index, others in its keys. */
#include "object.h"
#include "query/query.h"
#include "raw_index.h"

/** Values that are looked up one by one; of more the object's keys are made. */
#define LOOKUPS_MAX 4

static int read_record(struct sfs_query *query, struct sfs_span oid)
{
	struct sfsi_query_record *record = &query->record;
	struct sfsi_key key;
	if (record->read && sfs_span_equal(sfs_buf_span(&record->oid), oid))
		return 0;
	record->read = record->whole = false;
	record->table = NULL;
	record->bytes.len = record->oid.len = 0;
	sfsi_key_object(&key, oid);
	record->whole = false;
	int err = sfs_buf_append(&record->oid, oid.data, oid.len);
	if (err < 0)
		return err;
	bool raw = query->class->kind == SFS_CLASS_RAW;
	if (raw)
		err = sfsi_raw_record_read(query->store, query->class->id, oid, &record->bytes,
					   &record->record);
	else
		err = sfsi_backend_get(query->store->backend, query->class->id, sfsi_key_span(&key),
				       &record->bytes);
	record->found = !err;
	if (!err && !raw)
		err = sfsi_record_decode(sfs_buf_span(&record->bytes), sfsi_key_span(&key),
					 &record->record);
	if (err == SFS_ERR_NOT_FOUND)
		err = 0;
	record->read = !err;
	return err;
}

/** Of an object with targets in rows the table may have keys that the record alone does not show. */
static int make_whole(struct sfs_query *query, const struct sfsi_index_table *table,
		      struct sfs_span oid)
{
	struct sfsi_query_record *record = &query->record;
	if (record->whole || !sfsi_index_needs_rows(table, &record->record))
		return 0;
	int err = sfsi_object_read(query->store, query->class->id, oid, &record->bytes,
				   &record->record);
	record->found = record->whole = !err;
	if (err == SFS_ERR_NOT_FOUND)
		err = 0;
	record->read = !err;
	return err;
}

int sfsi_query_keys(struct sfs_query *query, const struct sfsi_index_table *table,
		    const struct sfsi_query_candidate *candidate, bool *ret_found)
{
	int err = read_record(query, candidate->oid);
	if (!err && query->record.found)
		err = make_whole(query, table, candidate->oid);
	*ret_found = !err && query->record.found;
	if (err < 0 || !*ret_found || query->record.table == table)
		return err;
	query->record.table = NULL;
	err = sfsi_index_keys_had(table, &query->names, candidate->oid, &query->record.record,
				  &query->keys);
	if (!err)
		query->record.table = table;
	return err;
}

/** Forget what was read of an object: it may have changed since. */
void sfsi_query_forget(struct sfs_query *query)
{
	query->record.read = false;
	query->record.table = NULL;
}

static bool in_range(const struct sfsi_query_range *range, struct sfs_span key)
{
	return sfsi_span_compare(key, sfs_buf_span(&range->low)) >= 0 &&
	       (!range->high.len || sfsi_span_compare(key, sfs_buf_span(&range->high)) < 0);
}

static bool in_ranges(const struct sfsi_query_condition *condition, struct sfs_span key)
{
	for (size_t i = 0; i < condition->ranges_count; i++)
		if (in_range(&condition->ranges[i], key))
			return true;
	return false;
}

static int matches_keys(struct sfs_query *query, const struct sfsi_query_condition *condition,
			const struct sfsi_query_candidate *candidate, bool *ret)
{
	bool found;
	int err = sfsi_query_keys(query, condition->table, candidate, &found);
	*ret = false;
	for (size_t i = 0; !err && found && i < query->keys.count && !*ret; i++)
		*ret = in_ranges(condition, sfsi_index_keys_at(&query->keys, i));
	return err;
}

static int looked_up(struct sfs_query *query, const struct sfsi_query_condition *condition,
		     const struct sfsi_query_candidate *candidate, bool *ret)
{
	int err = 0;
	*ret = false;
	for (size_t i = 0; i < condition->keys_count && !err && !*ret; i++)
		err = sfsi_index_lookup(query->store, condition->table,
					sfs_buf_span(&condition->keys[i]), candidate->oid, ret);
	return err;
}

/** It has keys, and none of them is the value. */
static int differs(struct sfs_query *query, const struct sfsi_query_condition *condition,
		   const struct sfsi_query_candidate *candidate, bool *ret)
{
	bool equal, missing = false;
	int err = looked_up(query, condition, candidate, &equal);
	if (!err && !equal)
		err = sfsi_index_lookup(query->store, condition->table, SFSI_INDEX_NO_KEY,
					candidate->oid, &missing);
	*ret = !equal && !missing;
	return err;
}

int sfsi_query_matches(struct sfs_query *query, const struct sfsi_query_condition *condition,
		       const struct sfsi_query_candidate *candidate, bool *ret)
{
	switch (condition->op) {
	case SFS_QUERY_NE: return differs(query, condition, candidate, ret);
	case SFS_QUERY_MISSING:
		return sfsi_index_lookup(query->store, condition->table, SFSI_INDEX_NO_KEY,
					 candidate->oid, ret);
	case SFS_QUERY_EQ:
	case SFS_QUERY_IN:
		if (condition->keys_count <= LOOKUPS_MAX)
			return looked_up(query, condition, candidate, ret);
		break;
	case SFS_QUERY_LT:
	case SFS_QUERY_LE:
	case SFS_QUERY_GT:
	case SFS_QUERY_GE:
	case SFS_QUERY_PREFIX: break;
	}
	return matches_keys(query, condition, candidate, ret);
}

/** Where a key is among those of an object, or would be. */
static size_t place_of(const struct sfsi_index_keys *keys, struct sfs_span key)
{
	size_t low = 0, high = keys->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (sfsi_span_compare(sfsi_index_keys_at(keys, mid), key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/** Of the entries of one object only the first that is read counts. */
static int is_first(struct sfs_query *query, const struct sfsi_query_candidate *candidate,
		    bool *ret)
{
	const struct sfsi_query_condition *condition = query->read == SFSI_READ_CONDITION
							       ? &query->conditions[query->driver]
							       : NULL;
	bool found, down = query->down && !query->collect;
	int err = sfsi_query_keys(query, sfsi_query_source_table(query), candidate, &found);
	*ret = false;
	if (err < 0 || !found)
		return err;
	/* It is, unless one that comes before it, in the order of reading, was read as well. */
	size_t count = query->keys.count, place = place_of(&query->keys, candidate->key);
	*ret = place < count &&
	       sfs_span_equal(sfsi_index_keys_at(&query->keys, place), candidate->key);
	size_t before = down ? place + 1 : place - 1;
	for (; *ret && before < count; before += down ? 1 : (size_t)-1) {
		struct sfs_span key = sfsi_index_keys_at(&query->keys, before);
		*ret = condition && !in_ranges(condition, key);
		/* A range has no holes but where single keys are left out or chosen. */
		if (condition && condition->ranges_count == 1)
			break;
	}
	return 0;
}

int sfsi_query_accepts(struct sfs_query *query, const struct sfsi_query_candidate *candidate,
		       bool *ret)
{
	int err = 0;
	bool reads = query->read == SFSI_READ_CONDITION, repeats = sfsi_query_repeats(query);
	*ret = true;
	if (repeats && !sfs_span_equal(candidate->key, SFSI_INDEX_NO_KEY))
		err = is_first(query, candidate, ret);
	for (size_t i = 0; i < query->count && !err && *ret; i++) {
		const struct sfsi_query_condition *condition = &query->conditions[i];
		/* What is read satisfies its condition; but not having a value is said of all keys. */
		bool settled = reads && i == query->driver &&
			       (condition->op != SFS_QUERY_NE || !repeats);
		if (!settled)
			err = sfsi_query_matches(query, condition, candidate, ret);
	}
	return err;
}
