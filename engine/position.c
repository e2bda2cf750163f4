/*
 * Table P, in memory and in commits: see position.h. Reading by position is in object_scan.c.
 */
#include "position.h"
#include "backend/key.h"
#include "base/array.h"
#include "object.h"

#define RANGE_MAX 1024
#define RANGE_HALF (RANGE_MAX / 2)

static struct sfs_span after_of(const struct sfsi_range *range)
{
	return (struct sfs_span){ range->after, range->len };
}

static struct sfsi_range *range_new(struct sfs_span after, uint64_t count)
{
	struct sfsi_range *range = malloc(sizeof *range + after.len);
	if (!range)
		return NULL;
	*range = (struct sfsi_range){ .count = count, .len = after.len };
	if (after.len)
		memcpy(range->after, after.data, after.len);
	return range;
}

/** Ranges in the making. */
struct list {
	struct sfsi_range **ranges;
	size_t count, cap;
};

static int list_add(struct list *list, struct sfsi_range *range)
{
	int err = sfsi_array_grow(&list->ranges, list->count, &list->cap,
				  sizeof(struct sfsi_range *));
	if (!err)
		list->ranges[list->count++] = range;
	return err;
}

static int list_make(struct list *list, struct sfs_span after, uint64_t count)
{
	struct sfsi_range *range = range_new(after, count);
	int err = range ? list_add(list, range) : SFS_ERR_NO_MEMORY;
	if (err < 0)
		free(range);
	return err;
}

/** The last range that begins below an oid; the first one begins below all. */
static size_t range_of(const struct sfsi_positions *positions, struct sfs_span oid)
{
	size_t low = 1, high = positions->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (sfsi_span_compare(after_of(positions->ranges[mid]), oid) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low - 1;
}

void sfsi_positions_fini(struct sfsi_positions *positions)
{
	for (size_t i = 0; i < positions->count; i++)
		free(positions->ranges[i]);
	free(positions->ranges);
	*positions = (struct sfsi_positions){ .count = 0 };
}

/* --- loading --- */

struct load {
	struct list list;
	uint64_t sum;
	bool bad; /* not what this version writes */
	int err;
};

int sfsi_range_decode(struct sfs_span val, uint64_t *ret)
{
	struct sfsi_reader r = sfsi_reader(val);
	uint8_t version = sfsi_read_u8(&r);
	*ret = sfsi_read_u64(&r);
	return r.bad || r.left || version != 1 || !*ret ? SFS_ERR_CORRUPT : 0;
}

static int load_range(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct load *load = arg;
	struct sfs_span after = { (const char *)key.data + 1, key.len - 1 };
	uint64_t count;
	if (sfsi_range_decode(val, &count) < 0) {
		load->bad = true;
		return 1;
	}
	/* The first range has no row while it is empty. */
	if (load->list.count == 0 && after.len)
		load->err = list_make(&load->list, (struct sfs_span){ "", 0 }, 0);
	if (!load->err)
		load->err = list_make(&load->list, after, count);
	load->sum += count;
	return load->err < 0;
}

static void list_free(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->ranges[i]);
	free(list->ranges);
	*list = (struct list){ .count = 0 };
}

int sfsi_positions_load(struct sfs_store *store, struct sfsi_class *class)
{
	struct load load = { .sum = 0 };
	struct sfsi_scan scan = { .partition = class->id, .prefix = sfs_span_str("P") };
	int err = sfsi_backend_scan(store->backend, &scan, load_range, &load);
	if (load.err)
		err = load.err;
	/* What can not be read is made anew: it says nothing that the objects do not say. */
	bool stale = load.bad || load.sum != class->state.objects || err == SFS_ERR_CORRUPT;
	if (err < 0 && !stale) {
		list_free(&load.list);
		return err;
	}
	if (stale)
		list_free(&load.list);
	err = 0;
	if (load.list.count == 0)
		err = list_make(&load.list, (struct sfs_span){ "", 0 }, class->state.objects);
	class->positions = (struct sfsi_positions){
		.ranges = load.list.ranges,
		.count = load.list.count,
		.stale = stale,
		.coarse = stale,
	};
	return err;
}

/* --- counting --- */

static int note_range(struct sfsi_txn *txn, struct sfsi_class *class, struct sfsi_range *range)
{
	int err = sfsi_array_grow(&txn->ranges, txn->ranges_len, &txn->ranges_cap,
				  sizeof *txn->ranges);
	if (err < 0)
		return err;
	txn->ranges[txn->ranges_len++] = (struct sfsi_txn_range){ class, range };
	range->touched = true;
	return 0;
}

/** The first object of a class that was made while the store is open. */
static int first_range(struct sfsi_class *class, struct sfs_store *store)
{
	struct list list = { .count = 0 };
	int err = list_make(&list, (struct sfs_span){ "", 0 }, 0);
	if (err < 0)
		return err;
	pthread_rwlock_wrlock(&store->catalogue_lock);
	class->positions.ranges = list.ranges;
	class->positions.count = list.count;
	pthread_rwlock_unlock(&store->catalogue_lock);
	return 0;
}

int sfsi_positions_count(struct sfsi_txn *txn, struct sfsi_class *class, struct sfs_span oid,
			 int delta)
{
	int err = class->positions.count ? 0 : first_range(class, txn->store);
	if (err < 0)
		return err;
	struct sfsi_range *range = class->positions.ranges[range_of(&class->positions, oid)];
	if (!range->touched)
		err = note_range(txn, class, range);
	if (!err)
		range->delta += delta;
	return err;
}

/* --- in a commit --- */

static uint64_t count_after(const struct sfsi_range *range)
{
	if (range->delta < 0 && range->count < (uint64_t)-range->delta)
		return 0;
	return range->count + (uint64_t)range->delta;
}

static int write_range(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_range *range,
		       uint64_t count)
{
	struct sfsi_key key;
	uint8_t val[9] = { 1 };
	sfsi_key_range(&key, after_of(range));
	if (!count)
		return sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	sfsi_put_u64(val + 1, count);
	return sfsi_txn_put(txn, class_id, sfsi_key_span(&key),
			    (struct sfs_span){ val, sizeof val });
}

int sfsi_positions_write(struct sfsi_txn *txn)
{
	int err = 0;
	for (size_t i = 0; i < txn->ranges_len && !err; i++) {
		const struct sfsi_txn_range *ref = &txn->ranges[i];
		if (ref->range->delta && !ref->class->positions.stale)
			err = write_range(txn, ref->class->id, ref->range, count_after(ref->range));
	}
	return err;
}

/** Ranges that are empty now go, but for the first. */
static void drop_empty(struct sfsi_positions *positions)
{
	size_t kept = 1;
	for (size_t i = 1; i < positions->count; i++) {
		if (positions->ranges[i]->count)
			positions->ranges[kept++] = positions->ranges[i];
		else
			free(positions->ranges[i]);
	}
	positions->count = kept;
}

static void publish_division(const struct sfsi_division *division)
{
	struct sfsi_positions *positions = &division->class->positions;
	size_t at = 0;
	/* Both lists are in order: what is not in the new one has been divided. */
	for (size_t i = 0; i < positions->count; i++) {
		while (at < division->count && positions->ranges[i] != division->ranges[at] &&
		       sfsi_span_compare(after_of(division->ranges[at]),
					 after_of(positions->ranges[i])) <= 0)
			at++;
		if (at == division->count || positions->ranges[i] != division->ranges[at])
			free(positions->ranges[i]);
	}
	free(positions->ranges);
	*positions = (struct sfsi_positions){
		.ranges = division->ranges,
		.count = division->count,
	};
}

void sfsi_positions_publish_locked(struct sfsi_txn *txn)
{
	bool empty = false;
	for (size_t i = 0; i < txn->ranges_len; i++) {
		struct sfsi_range *range = txn->ranges[i].range;
		range->count = count_after(range);
		range->delta = 0;
		range->touched = false;
		empty = empty || (!range->count && range->len);
		if (range->count > RANGE_MAX)
			txn->ranges[i].class->positions.coarse = true;
	}
	for (size_t i = 0; empty && i < txn->classes_len; i++)
		if (txn->classes[i].class->positions.count)
			drop_empty(&txn->classes[i].class->positions);
	txn->ranges_len = 0;
	if (txn->division.class)
		publish_division(&txn->division);
	txn->division.class = NULL;
}

/** Free what the class does not have. */
static void drop_division(const struct sfsi_division *division)
{
	const struct sfsi_positions *positions = &division->class->positions;
	size_t at = 0;
	for (size_t i = 0; i < division->count; i++) {
		struct sfsi_range *range = division->ranges[i];
		while (at < positions->count && range != positions->ranges[at] &&
		       sfsi_span_compare(after_of(positions->ranges[at]), after_of(range)) < 0)
			at++;
		if (at == positions->count || range != positions->ranges[at])
			free(range);
	}
	free(division->ranges);
}

void sfsi_positions_forget(struct sfsi_txn *txn)
{
	for (size_t i = 0; i < txn->ranges_len; i++) {
		txn->ranges[i].range->delta = 0;
		txn->ranges[i].range->touched = false;
	}
	txn->ranges_len = 0;
	if (!txn->division.class)
		return;
	drop_division(&txn->division);
	txn->division.class->positions.failed = true;
	txn->division.class = NULL;
}

/* --- dividing --- */

struct divide {
	struct list *list;
	uint64_t count; /* in the last range of the list, so far */
	uint64_t left;
	int err;
};

static int divide_at(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct divide *divide = arg;
	struct list *list = divide->list;
	struct sfs_span oid = { (const char *)key.data + 1, key.len - 1 };
	(void)val;
	list->ranges[list->count - 1]->count = ++divide->count;
	divide->left--;
	if (divide->count == RANGE_HALF && divide->left) {
		divide->count = 0;
		divide->err = list_make(list, oid, 0);
	}
	return divide->err < 0;
}

/** Put smaller ranges in the place of one, and write their rows. */
static int divide_range(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_range *range,
			struct list *list)
{
	struct divide divide = { .list = list, .left = range->count };
	struct sfsi_key after;
	size_t first = list->count;
	int err = list_make(list, after_of(range), 0);
	if (err < 0)
		return err;
	sfsi_key_object(&after, after_of(range));
	struct sfsi_scan scan = {
		.partition = class_id,
		.prefix = sfs_span_str("O"),
		.after = sfsi_key_span(&after),
		.limit = range->count,
		.keys_only = true,
		.once = true,
	};
	err = sfsi_backend_scan(txn->store->backend, &scan, divide_at, &divide);
	if (divide.err)
		err = divide.err;
	if (!err && divide.left)
		err = SFS_ERR_CORRUPT;
	for (size_t i = first; i < list->count && !err; i++)
		err = write_range(txn, class_id, list->ranges[i], list->ranges[i]->count);
	return err;
}

static int divide_class(struct sfsi_txn *txn, struct sfsi_class *class, struct list *list)
{
	const struct sfsi_positions *positions = &class->positions;
	struct sfsi_txn_class *state;
	int err = sfsi_txn_class(txn, class->id, &state);
	if (!err && positions->stale) {
		/* A table that does not add up goes before it is made anew. */
		err = sfsi_txn_remove_all(txn, class->id, sfs_span_str("P"), 0, NULL);
	}
	for (size_t i = 0; i < positions->count && !err; i++) {
		struct sfsi_range *range = positions->ranges[i];
		if (range->count > RANGE_MAX || positions->stale)
			err = divide_range(txn, class->id, range, list);
		else
			err = list_add(list, range);
	}
	return err;
}

int sfsi_positions_fill(struct sfsi_txn *txn, struct sfsi_class *class, size_t count,
			sfsi_oid_at_fn *oid_at, void *arg)
{
	struct list list = { .count = 0 };
	int err = 0;
	for (size_t at = 0; !err && (at < count || at == 0); at += RANGE_HALF) {
		struct sfs_span after = at ? oid_at(arg, at - 1) : (struct sfs_span){ "", 0 };
		size_t here = count - at < RANGE_HALF ? count - at : RANGE_HALF;
		err = after.data ? list_make(&list, after, here) : SFS_ERR_NO_MEMORY;
		if (!err)
			err = write_range(txn, class->id, list.ranges[list.count - 1], here);
	}
	if (err < 0)
		list_free(&list);
	else
		txn->division = (struct sfsi_division){ class, list.ranges, list.count };
	return err;
}

void sfsi_positions_tidy(struct sfs_store *store, uint32_t class_id)
{
	struct sfsi_txn txn;
	struct list list = { .count = 0 };
	if (sfsi_txn_begin(store, &txn) < 0)
		return;
	struct sfsi_class *class = sfsi_class_ref(store, class_id);
	int err = SFS_ERR_NOT_FOUND;
	if (class && class->positions.coarse && !class->positions.failed) {
		err = divide_class(&txn, class, &list);
		txn.division = (struct sfsi_division){ class, list.ranges, list.count };
	}
	/* Without it the table is right all the same. */
	err = sfsi_txn_end(&txn, err);
	(void)err;
}

/* --- reading --- */

int sfsi_positions_find(struct sfs_store *store, const struct sfsi_class *class, uint64_t position,
			struct sfs_buf *ret_after, uint64_t *ret_skip)
{
	int err = 0;
	pthread_rwlock_rdlock(&store->catalogue_lock);
	const struct sfsi_positions *positions = &class->positions;
	size_t i = 0;
	for (; i + 1 < positions->count && position >= positions->ranges[i]->count; i++)
		position -= positions->ranges[i]->count;
	if (positions->count)
		err = sfs_buf_append(ret_after, positions->ranges[i]->after,
				     positions->ranges[i]->len);
	pthread_rwlock_unlock(&store->catalogue_lock);
	*ret_skip = position;
	return err;
}

int sfsi_positions_rank(struct sfs_store *store, const struct sfsi_class *class,
			struct sfs_span oid, struct sfs_buf *ret_after, uint64_t *ret_before)
{
	int err = 0;
	uint64_t before = 0;
	pthread_rwlock_rdlock(&store->catalogue_lock);
	const struct sfsi_positions *positions = &class->positions;
	size_t at = positions->count ? range_of(positions, oid) : 0;
	for (size_t i = 0; i < at; i++)
		before += positions->ranges[i]->count;
	if (positions->count)
		err = sfs_buf_append(ret_after, positions->ranges[at]->after,
				     positions->ranges[at]->len);
	pthread_rwlock_unlock(&store->catalogue_lock);
	*ret_before = before;
	return err;
}
