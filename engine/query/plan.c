/*
 * Planning: which index is read, and in which direction. Costs are counted in entries that are read and
 * lookups that they need; both are about the same work.
 */
#include <inttypes.h>
#include "query/query.h"
#include "raw_index.h"

bool sfsi_query_is_multi(struct sfs_store *store, const struct sfsi_index_table *table)
{
	pthread_rwlock_rdlock(&store->index_lock);
	bool multi = table->multi;
	pthread_rwlock_unlock(&store->index_lock);
	return multi;
}

bool sfsi_query_repeats(const struct sfs_query *query)
{
	if (query->read == SFSI_READ_CLASS)
		return false;
	if (query->read == SFSI_READ_CONDITION) {
		const struct sfsi_query_condition *condition = &query->conditions[query->driver];
		if (condition->op == SFS_QUERY_EQ || condition->op == SFS_QUERY_MISSING ||
		    (condition->op == SFS_QUERY_IN && condition->keys_count == 1))
			return false;
	}
	return sfsi_query_is_multi(query->store, sfsi_query_source_table(query));
}

/** Entries of single keys are counted with them. */
static int count_keys(struct sfs_query *query, const struct sfsi_query_condition *condition,
		      uint64_t *ret)
{
	uint64_t entries;
	int err = 0;
	*ret = 0;
	for (size_t i = 0; i < condition->keys_count && !err; i++) {
		err = sfsi_index_counted(query->store, condition->table,
					 sfs_buf_span(&condition->keys[i]), &entries);
		*ret += err < 0 ? 0 : entries;
	}
	return err;
}

int sfsi_query_entries(struct sfs_query *query, const struct sfsi_query_condition *condition,
		       bool exact, uint64_t *ret)
{
	uint64_t entries;
	int err = 0;
	if (condition->op == SFS_QUERY_EQ || condition->op == SFS_QUERY_IN)
		return count_keys(query, condition, ret);
	if (condition->op == SFS_QUERY_MISSING)
		return sfsi_index_counted(query->store, condition->table, SFSI_INDEX_NO_KEY, ret);
	*ret = 0;
	for (size_t i = 0; i < condition->ranges_count && !err; i++) {
		struct sfsi_index_range range = { sfs_buf_span(&condition->ranges[i].low),
						  sfs_buf_span(&condition->ranges[i].high) };
		err = sfsi_index_range_count(query->store, condition->table, &range, exact,
					     &entries);
		*ret += err < 0 ? 0 : entries;
	}
	return err;
}

/* --- choosing --- */

/** How often something must be read to find so many of a part of all. */
static uint64_t to_find(uint64_t wanted, uint64_t part, uint64_t all)
{
	if (wanted >= part)
		return all;
	double reads = (double)wanted * (double)all / (double)(part ? part : 1);
	return reads < (double)all ? (uint64_t)reads : all;
}

struct choice {
	uint64_t cost;
	enum sfsi_query_read read;
	size_t driver;
	bool collect;
};

static void choose(struct choice *best, struct choice other)
{
	if (other.cost < best->cost)
		*best = other;
}

static uint64_t wanted_of(const struct sfs_query *query)
{
	return query->limit > UINT64_MAX - query->offset ? UINT64_MAX
							 : query->offset + query->limit;
}

/** With an order and conditions: sort what the rarest one finds, or look through what is in order. */
static int plan_sorted(struct sfs_query *query, size_t rarest, struct choice *best)
{
	uint64_t least = query->conditions[rarest].about, all, keys, wanted = wanted_of(query);
	int err = sfsi_index_totals(query->store, query->sort, &all, &keys);
	if (err < 0)
		return err;
	*best = (struct choice){ to_find(wanted, least, all) * (1 + query->count), SFSI_READ_SORT,
				 0, false };
	if (wanted <= SFSI_QUERY_COLLECT || least <= SFSI_QUERY_COLLECT)
		choose(best, (struct choice){ least * (1 + query->count), SFSI_READ_CONDITION,
					      rarest, true });
	/* By the smallest of its keys an object is sorted, not by the first that is in the range. */
	for (size_t i = 0; i < query->count && !sfsi_query_is_multi(query->store, query->sort);
	     i++) {
		const struct sfsi_query_condition *condition = &query->conditions[i];
		if (condition->table == query->sort)
			choose(best, (struct choice){ to_find(wanted, least, condition->about) *
							      query->count,
						      SFSI_READ_CONDITION, i, false });
	}
	return 0;
}

int sfsi_query_plan(struct sfs_query *query, struct sfs_diag *diag)
{
	struct choice best = { 0, query->sort ? SFSI_READ_SORT : SFSI_READ_CLASS, 0, false };
	size_t rarest = 0;
	int err = 0;
	if (query->planned)
		return 0;
	for (size_t i = 0; i < query->count && !err; i++) {
		err = sfsi_query_entries(query, &query->conditions[i], false,
					 &query->conditions[i].about);
		if (query->conditions[i].about < query->conditions[rarest].about)
			rarest = i;
	}
	if (!err && query->count)
		best = (struct choice){ 0, SFSI_READ_CONDITION, rarest, false };
	if (!err && query->count && query->sort)
		err = plan_sorted(query, rarest, &best);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	struct sfsi_state state;
	sfsi_class_state(query->store, query->class, &state);
	query->about = query->count ? query->conditions[rarest].about
				    : sfsi_class_things(query->class, &state);
	query->read = best.read;
	query->driver = best.driver;
	query->collect = best.collect;
	query->planned = true;
	return 0;
}

/* --- explain --- */

static int say_read(const struct sfs_query *query, struct sfs_buf *ret)
{
	const char *way = query->down && !query->collect ? "downwards" : "upwards";
	const struct sfsi_query_condition *condition = &query->conditions[query->driver];
	switch (query->read) {
	case SFSI_READ_CLASS:
		return sfs_buf_printf(ret, "read: all objects of the class, about %" PRIu64 "\n",
				      query->about);
	case SFSI_READ_SORT:
		return sfs_buf_printf(ret, "read: index %s, %s, all of it\n", query->sort->name,
				      way);
	case SFSI_READ_CONDITION:
		return sfs_buf_printf(ret, "read: index %s, %s, %.*s, about %" PRIu64 " entries\n",
				      condition->table->name, way, (int)condition->shown.len,
				      (const char *)condition->shown.data, condition->about);
	}
	return 0;
}

/** How many entries are read, and how many lookups they need. */
static uint64_t touched(const struct sfs_query *query)
{
	uint64_t entries = query->about, wanted = wanted_of(query), keys;
	bool filtered = query->count > (query->read == SFSI_READ_CONDITION ? 1 : 0);
	if (query->read == SFSI_READ_CONDITION)
		entries = query->conditions[query->driver].about;
	if (query->read == SFSI_READ_SORT &&
	    sfsi_index_totals(query->store, query->sort, &entries, &keys) < 0)
		return 0;
	/* An offset is not read where nothing is filtered. */
	if (!filtered && !query->collect)
		return query->limit < entries ? query->limit : entries;
	return query->collect ? entries : to_find(wanted, query->about, entries);
}

int sfs_query_explain(struct sfs_query *query, struct sfs_buf *ret, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	int err = sfsi_query_plan(query, diag);
	if (err < 0)
		return err;
	err = say_read(query, &text);
	for (size_t i = 0; i < query->count && !err; i++) {
		const struct sfsi_query_condition *condition = &query->conditions[i];
		if (query->read == SFSI_READ_CONDITION && i == query->driver)
			continue;
		err = sfs_buf_printf(&text, "check: %.*s, about %" PRIu64 " entries\n",
				     (int)condition->shown.len, (const char *)condition->shown.data,
				     condition->about);
	}
	if (!err && query->sort)
		err = sfs_buf_printf(&text, "sort: by %s, %s, %s\n", query->sort->name,
				     query->down ? "downwards" : "upwards",
				     query->collect ? "in memory" : "as it is read");
	if (!err && (query->offset || query->limit != UINT64_MAX))
		err = sfs_buf_printf(&text, "window: %" PRIu64 " from position %" PRIu64 "\n",
				     query->limit, query->offset);
	if (!err)
		err = sfs_buf_printf(&text, "entries: about %" PRIu64 " are read\n",
				     touched(query));
	if (!err)
		err = sfs_buf_append(ret, text.data, text.len);
	return err < 0 ? sfs_diag_set(diag, err, "%s", sfs_err_text(err)) : 0;
}
