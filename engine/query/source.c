/* What a query reads, candidate by candidate: the listing of the class, or ranges of one index. */
#include "base/array.h"
#include "query/query.h"
#include "raw_index.h"
#include "raw_page.h"

#define PAGE 256

struct sfsi_index_table *sfsi_query_source_table(const struct sfs_query *query)
{
	switch (query->read) {
	case SFSI_READ_CONDITION: return query->conditions[query->driver].table;
	case SFSI_READ_SORT: return query->sort;
	case SFSI_READ_CLASS: break;
	}
	return NULL;
}

/** Downwards only where that is the order that is wanted. */
static bool reads_down(const struct sfs_query *query)
{
	return query->down && !query->collect;
}

bool sfsi_query_source_range(const struct sfs_query *query, size_t n, struct sfsi_index_range *ret)
{
	struct sfs_span none = { "", 0 };
	if (query->read == SFSI_READ_SORT) {
		/* Objects without keys come last, in both directions. */
		*ret = n == 0 ? (struct sfsi_index_range){ SFSI_INDEX_FIRST_KEY, none }
			      : (struct sfsi_index_range){ SFSI_INDEX_NO_KEY,
							   SFSI_INDEX_FIRST_KEY };
		return n < 2;
	}
	const struct sfsi_query_condition *condition = &query->conditions[query->driver];
	if (query->read == SFSI_READ_CLASS || n >= condition->ranges_count)
		return false;
	size_t number = reads_down(query) ? condition->ranges_count - 1 - n : n;
	*ret = (struct sfsi_index_range){ sfs_buf_span(&condition->ranges[number].low),
					  sfs_buf_span(&condition->ranges[number].high) };
	return true;
}

void sfsi_query_source_end(struct sfs_query *query)
{
	if (query->walking)
		sfsi_index_walk_fini(&query->walk);
	query->walking = query->ended = false;
	sfsi_query_forget(query);
	query->range = 0;
	query->after = 0;
	query->page_len = query->page_at = query->page.len = 0;
}

/* --- the listing --- */

struct listing {
	struct sfs_query *query;
	int err;
};

static int add_item(struct sfs_query *query, struct sfs_span oid, uint64_t serial, uint64_t cookie)
{
	if (sfsi_array_grow(&query->page_items, query->page_len, &query->page_cap,
			    sizeof *query->page_items) < 0)
		return SFS_ERR_NO_MEMORY;
	query->page_items[query->page_len++] = (struct sfsi_query_item){
		.off = query->page.len,
		.oid_len = oid.len,
		.cookie = cookie,
		.serial = serial,
	};
	return sfs_buf_append(&query->page, oid.data, oid.len);
}

static int add_listed(void *arg, struct sfs_span oid, const struct sfs_attr *attr, uint64_t cookie)
{
	struct listing *listing = arg;
	listing->err = add_item(listing->query, oid, sfsi_ino_serial(attr->ino), cookie);
	return listing->err < 0;
}

/** Raws are listed by their numbers. */
static int add_raws(struct sfs_query *query, const struct sfsi_raw_page *page)
{
	int err = 0;
	for (size_t i = 0; i < page->count && !err; i++) {
		struct sfsi_raw_id buf;
		struct sfs_span id = sfsi_raw_id(page->serials[i], &buf);
		err = add_item(query, id, page->serials[i], sfsi_cookie(query->store, id));
	}
	return err;
}

/** A page of inodes may have nothing but directories: then the next one. */
static int list_raws(struct sfs_query *query)
{
	struct sfsi_raw_page page = { .after = query->after };
	int err = 0;
	while (!err && !query->page_len) {
		err = sfsi_raw_page_next(query->store, query->class->id, &page);
		if (!err)
			err = add_raws(query, &page);
	}
	query->after = page.after;
	return err < 0 ? err : 0;
}

static int list_page(struct listing *listing)
{
	struct sfs_query *query = listing->query;
	if (query->class->kind == SFS_CLASS_RAW)
		return list_raws(query);
	int err = sfs_object_list(query->store, query->class->id, query->after, PAGE, add_listed,
				  listing);
	if (query->page_len)
		query->after = query->page_items[query->page_len - 1].cookie;
	return err;
}

static int next_listed(struct sfs_query *query, struct sfsi_query_candidate *ret)
{
	if (query->page_at == query->page_len) {
		struct listing listing = { .query = query };
		query->page_at = query->page_len = query->page.len = 0;
		int err = list_page(&listing);
		if (err < 0)
			return err == SFS_ERR_CANCELLED ? listing.err : err;
		if (!query->page_len)
			return 1;
	}
	const struct sfsi_query_item *item = &query->page_items[query->page_at++];
	*ret = (struct sfsi_query_candidate){
		.key = { "", 0 },
		.oid = { (const char *)query->page.data + item->off, item->oid_len },
		.cookie = item->cookie,
		.serial = item->serial,
	};
	return 0;
}

/* --- an index --- */

/** Begin to walk the range that is next. 1: there is none. */
static int begin_range(struct sfs_query *query)
{
	struct sfsi_index_range range;
	if (!sfsi_query_source_range(query, query->range, &range))
		return 1;
	int err = sfsi_index_walk_init(&query->walk, query->store, sfsi_query_source_table(query),
				       &range, reads_down(query));
	query->walking = !err;
	query->range += !err;
	return err;
}

static int next_entry(struct sfs_query *query, struct sfsi_query_candidate *ret)
{
	struct sfsi_index_entry entry;
	for (;;) {
		int err = query->walking ? 0 : begin_range(query);
		if (!err)
			err = sfsi_index_walk_next(&query->walk, &entry);
		if (err <= 0 || !query->walking) {
			if (!err)
				*ret = (struct sfsi_query_candidate){ entry.key, entry.oid,
								      entry.cookie, entry.serial };
			return err;
		}
		sfsi_index_walk_fini(&query->walk);
		query->walking = false;
	}
}

int sfsi_query_candidate(struct sfs_query *query, struct sfsi_query_candidate *ret)
{
	if (query->ended)
		return 1;
	int err = query->read == SFSI_READ_CLASS ? next_listed(query, ret) : next_entry(query, ret);
	query->ended = err > 0;
	return err;
}

int sfsi_query_source_skip(struct sfs_query *query, uint64_t count)
{
	struct sfsi_index_range range;
	uint64_t entries = 0;
	while (count && sfsi_query_source_range(query, query->range, &range)) {
		int err = sfsi_index_range_count(query->store, sfsi_query_source_table(query),
						 &range, true, &entries);
		if (err < 0)
			return err;
		if (entries <= count) {
			count -= entries;
			query->range++;
			continue;
		}
		err = begin_range(query);
		return err < 0 ? err : sfsi_index_walk_skip(&query->walk, count);
	}
	return 0;
}
