/* Queries in the making: conditions, order, window. */
#include "query/query.h"
#include "raw_index.h"

int sfs_query_new(struct sfs_store *store, uint32_t class_id, struct sfs_query **ret)
{
	struct sfsi_class *class;
	int err = sfsi_indexed_class(store, class_id, &class);
	if (err < 0)
		return err;
	struct sfs_query *query = calloc(1, sizeof *query);
	if (!query)
		return SFS_ERR_NO_MEMORY;
	query->store = store;
	query->class = class;
	query->limit = UINT64_MAX;
	sfsi_index_names(store, class, &query->names);
	*ret = query;
	return 0;
}

static void condition_fini(struct sfsi_query_condition *condition)
{
	for (size_t i = 0; i < condition->keys_count; i++)
		sfs_buf_fini(&condition->keys[i]);
	for (size_t i = 0; i < condition->ranges_count; i++) {
		sfs_buf_fini(&condition->ranges[i].low);
		sfs_buf_fini(&condition->ranges[i].high);
	}
	free(condition->keys);
	free(condition->ranges);
	sfs_buf_fini(&condition->shown);
}

void sfs_query_free(struct sfs_query *query)
{
	if (!query)
		return;
	for (size_t i = 0; i < query->count; i++)
		condition_fini(&query->conditions[i]);
	free(query->conditions);
	sfsi_query_source_end(query);
	sfs_buf_fini(&query->page);
	free(query->page_items);
	sfs_buf_fini(&query->items_bytes);
	free(query->items);
	sfs_buf_fini(&query->last);
	sfs_buf_fini(&query->record.bytes);
	sfs_buf_fini(&query->record.oid);
	sfsi_index_keys_fini(&query->keys);
	free(query);
}

/* --- where the entries of a condition are --- */

static int set(struct sfs_buf *buf, struct sfs_span bytes)
{
	buf->len = 0;
	return sfs_buf_append(buf, bytes.data, bytes.len);
}

/** One more range, empty so far. NULL: no memory. */
static struct sfsi_query_range *add_range(struct sfsi_query_condition *condition)
{
	size_t size = sizeof *condition->ranges;
	struct sfsi_query_range *ranges = realloc(condition->ranges,
						  (condition->ranges_count + 1) * size);
	if (!ranges)
		return NULL;
	condition->ranges = ranges;
	ranges[condition->ranges_count] = (struct sfsi_query_range){ .low = SFS_BUF_INIT };
	return &ranges[condition->ranges_count++];
}

/** Entries of one key. */
static int range_of_key(struct sfsi_query_condition *condition, struct sfs_span key)
{
	struct sfsi_query_range *range = add_range(condition);
	int err = range ? set(&range->low, key) : SFS_ERR_NO_MEMORY;
	return err < 0 ? err : sfsi_index_key_end(key, &range->high);
}

static int range_of_keys(struct sfsi_query_condition *condition)
{
	int err = 0;
	for (size_t i = 0; i < condition->keys_count && !err; i++)
		err = range_of_key(condition, sfs_buf_span(&condition->keys[i]));
	return err;
}

/** All keys but one: before it and behind it. */
static int range_but_key(struct sfsi_query_condition *condition, struct sfs_span key)
{
	struct sfsi_query_range *range = add_range(condition);
	int err = range ? set(&range->low, SFSI_INDEX_FIRST_KEY) : SFS_ERR_NO_MEMORY;
	if (!err)
		err = set(&range->high, key);
	range = err < 0 ? NULL : add_range(condition);
	if (!range)
		return err < 0 ? err : SFS_ERR_NO_MEMORY;
	return sfsi_index_key_end(key, &range->low);
}

/** Keys of the same kind that are below or above one. */
static int range_compared(struct sfsi_query_condition *condition, struct sfs_span key)
{
	SFSI_AUTO_BUF struct sfs_buf first = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf last = SFS_BUF_INIT;
	struct sfsi_query_range *range = add_range(condition);
	uint8_t low, high;
	int err = range ? sfsi_index_key_same(key, &first, &last) : SFS_ERR_NO_MEMORY;
	if (err < 0)
		return err;
	sfsi_index_key_range(sfsi_index_key_kind(key), &low, &high);
	bool below = condition->op == SFS_QUERY_LT || condition->op == SFS_QUERY_LE;
	struct sfs_buf *moving = below ? &range->high : &range->low;
	err = below ? sfs_buf_append(&range->low, &low, 1) : sfs_buf_append(&range->high, &high, 1);
	if (err < 0)
		return err;
	/* Below or from a value on: at its first form; up to it or above it: behind its last one. */
	return condition->op == SFS_QUERY_LT || condition->op == SFS_QUERY_GE
		       ? set(moving, sfs_buf_span(&first))
		       : sfsi_index_key_end(sfs_buf_span(&last), moving);
}

/** The least that is above all that begins with some bytes. */
static int prefix_end(struct sfs_span prefix, struct sfs_buf *ret)
{
	const uint8_t *bytes = prefix.data;
	size_t len = prefix.len;
	while (len && bytes[len - 1] == 0xff)
		len--;
	if (!len)
		return 0;
	uint8_t last = (uint8_t)(bytes[len - 1] + 1);
	int err = sfs_buf_append(ret, bytes, len - 1);
	return err < 0 ? err : sfs_buf_append(ret, &last, 1);
}

/** What keys begin with whose strings begin with a text, which may be JSON. */
static int prefix_of(struct sfs_span text, struct sfs_buf *ret)
{
	if (!text.len || *(const char *)text.data != '"')
		return sfsi_index_key_prefix(text, ret);
	int err = sfsi_index_key_parse(text, ret);
	if (err < 0)
		return err;
	if (sfsi_index_key_kind(sfs_buf_span(ret)) != SFSI_INDEX_KEY_STRING)
		return SFS_ERR_INVALID;
	if (sfsi_index_key_is_cut(sfs_buf_span(ret)))
		return SFS_ERR_LIMIT;
	ret->len -= 2; /* the end of a string */
	return 0;
}

static int range_prefix(struct sfsi_query_condition *condition, struct sfs_span text)
{
	struct sfsi_query_range *range = add_range(condition);
	int err = range ? prefix_of(text, &range->low) : SFS_ERR_NO_MEMORY;
	return err < 0 ? err : prefix_end(sfs_buf_span(&range->low), &range->high);
}

/* --- adding a condition --- */

static int compare_keys(const void *a, const void *b)
{
	return sfsi_span_compare(sfs_buf_span(a), sfs_buf_span(b));
}

/** In order, each once. */
static void sort_keys(struct sfsi_query_condition *condition)
{
	size_t kept = 0;
	if (condition->keys_count < 2)
		return;
	qsort(condition->keys, condition->keys_count, sizeof *condition->keys, compare_keys);
	for (size_t i = 1; i < condition->keys_count; i++) {
		if (compare_keys(&condition->keys[kept], &condition->keys[i]) == 0)
			sfs_buf_fini(&condition->keys[i]);
		else
			condition->keys[++kept] = condition->keys[i];
	}
	condition->keys_count = kept + 1;
}

static int read_keys(struct sfsi_query_condition *condition, const struct sfs_span *values,
		     size_t count, struct sfs_diag *diag)
{
	int err = 0;
	condition->keys = calloc(count + 1, sizeof *condition->keys);
	if (!condition->keys)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < count && !err; i++) {
		condition->keys_count++;
		err = sfsi_index_text_key(condition->table, values[i], &condition->keys[i], diag);
	}
	if (!err)
		sort_keys(condition);
	return err;
}

static int find_ranges(struct sfsi_query_condition *condition, const struct sfs_span *values)
{
	struct sfs_span key = condition->keys_count ? sfs_buf_span(&condition->keys[0])
						    : (struct sfs_span){ "", 0 };
	switch (condition->op) {
	case SFS_QUERY_EQ:
	case SFS_QUERY_IN: return range_of_keys(condition);
	case SFS_QUERY_NE: return range_but_key(condition, key);
	case SFS_QUERY_LT:
	case SFS_QUERY_LE:
	case SFS_QUERY_GT:
	case SFS_QUERY_GE: return range_compared(condition, key);
	case SFS_QUERY_PREFIX: return range_prefix(condition, values[0]);
	case SFS_QUERY_MISSING: return range_of_key(condition, SFSI_INDEX_NO_KEY);
	}
	return SFS_ERR_INVALID;
}

static const char *const op_texts[] = {
	[SFS_QUERY_EQ] = "=",
	[SFS_QUERY_LT] = "<",
	[SFS_QUERY_LE] = "<=",
	[SFS_QUERY_GT] = ">",
	[SFS_QUERY_GE] = ">=",
	[SFS_QUERY_NE] = "!=",
	[SFS_QUERY_PREFIX] = ".prefix=",
	[SFS_QUERY_IN] = ".in=",
	[SFS_QUERY_MISSING] = ".missing",
};

static int show(struct sfsi_query_condition *condition, const struct sfs_span *values, size_t count)
{
	struct sfs_buf *shown = &condition->shown;
	int err = sfs_buf_printf(shown, "%s%s", condition->table->name, op_texts[condition->op]);
	for (size_t i = 0; i < count && !err; i++) {
		size_t len = values[i].len < 100 ? values[i].len : 100;
		if (i)
			err = sfs_buf_append(shown, ",", 1);
		if (!err)
			err = sfs_buf_append(shown, values[i].data, len);
		if (!err && len < values[i].len)
			err = sfs_buf_append(shown, "...", 3);
	}
	return err;
}

static int check_count(enum sfs_query_op op, size_t count, struct sfs_diag *diag)
{
	bool good = op == SFS_QUERY_IN        ? count > 0
		    : op == SFS_QUERY_MISSING ? count == 0
					      : count == 1;
	if ((unsigned)op > SFS_QUERY_MISSING || !good)
		return sfs_diag_set(diag, SFS_ERR_INVALID,
				    "a condition has one value; .in has some, .missing has none");
	if (count > SFS_QUERY_VALUES_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "at most %d values", SFS_QUERY_VALUES_MAX);
	return 0;
}

static int too_late(const struct sfs_query *query, struct sfs_diag *diag)
{
	return query->planned ? sfs_diag_set(diag, SFS_ERR_INVALID, "the query has begun") : 0;
}

static int fill(struct sfsi_query_condition *condition, const struct sfs_span *values, size_t count,
		struct sfs_diag *diag)
{
	int err = condition->op == SFS_QUERY_PREFIX ? 0 : read_keys(condition, values, count, diag);
	if (err < 0)
		return err;
	err = find_ranges(condition, values);
	if (!err)
		err = show(condition, values, count);
	return err < 0 ? sfs_diag_set(diag, err, "a value of index %s: %s", condition->table->name,
				      sfs_err_text(err))
		       : 0;
}

/** Make room for one more condition, and find its index. */
static int begin(struct sfs_query *query, struct sfs_span index,
		 struct sfsi_query_condition *condition, struct sfs_diag *diag)
{
	int err = 0;
	if (query->count == SFS_QUERY_CONDITIONS_MAX)
		err = sfs_diag_set(diag, SFS_ERR_LIMIT, "at most %d conditions",
				   SFS_QUERY_CONDITIONS_MAX);
	if (!err)
		err = sfsi_index_open(query->store, query->class, index, &condition->table, diag);
	if (err < 0)
		return err;
	struct sfsi_query_condition *conditions = realloc(query->conditions,
							  (query->count + 1) * sizeof *conditions);
	if (!conditions)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	query->conditions = conditions;
	return 0;
}

/** Take a condition that is complete. */
static int end(struct sfs_query *query, struct sfsi_query_condition *condition, int err)
{
	if (err < 0)
		condition_fini(condition);
	else
		query->conditions[query->count++] = *condition;
	return err;
}

int sfs_query_where(struct sfs_query *query, struct sfs_span index, enum sfs_query_op op,
		    const struct sfs_span *values, size_t count, struct sfs_diag *diag)
{
	struct sfsi_query_condition condition = { .op = op };
	int err = too_late(query, diag);
	if (!err)
		err = check_count(op, count, diag);
	if (!err)
		err = begin(query, index, &condition, diag);
	return err < 0 ? err : end(query, &condition, fill(&condition, values, count, diag));
}

static int fill_key(struct sfsi_query_condition *condition, struct sfs_span key)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	size_t len;
	int err = sfsi_index_key_decode(key, NULL, &len);
	if (err < 0 || len != key.len)
		return SFS_ERR_INVALID;
	condition->keys = calloc(1, sizeof *condition->keys);
	if (!condition->keys)
		return SFS_ERR_NO_MEMORY;
	condition->keys_count = 1;
	err = sfs_buf_append(&condition->keys[0], key.data, key.len);
	if (!err)
		err = range_of_keys(condition);
	if (!err)
		err = sfsi_index_key_show(key, &text);
	struct sfs_span shown = sfs_buf_span(&text);
	return err < 0 ? err : show(condition, &shown, 1);
}

int sfs_query_where_key(struct sfs_query *query, struct sfs_span index, struct sfs_span key,
			struct sfs_diag *diag)
{
	struct sfsi_query_condition condition = { .op = SFS_QUERY_EQ };
	int err = too_late(query, diag);
	if (!err)
		err = begin(query, index, &condition, diag);
	if (err < 0)
		return err;
	err = fill_key(&condition, key);
	if (err < 0)
		sfs_diag_set(diag, err, "a key of index %s: %s", condition.table->name,
			     sfs_err_text(err));
	return end(query, &condition, err);
}

int sfs_query_sort(struct sfs_query *query, struct sfs_span index, bool down, struct sfs_diag *diag)
{
	int err = too_late(query, diag);
	if (!err)
		err = sfsi_index_open(query->store, query->class, index, &query->sort, diag);
	query->down = down && !err;
	return err;
}

void sfs_query_limit(struct sfs_query *query, uint64_t limit)
{
	if (limit < query->limit)
		query->limit = limit;
}

void sfs_query_offset(struct sfs_query *query, uint64_t offset)
{
	query->offset = offset > UINT64_MAX - query->offset ? UINT64_MAX : query->offset + offset;
}
