/*
 * Positions (P): each range counts the objects that it has. A wrong number makes windows over lists begin in
 * the wrong place; nothing is lost, and opening the store notices most of it.
 */
#include "backend/key.h"
#include "check/check.h"

static struct sfs_span after_of(struct sfs_span key)
{
	return (struct sfs_span){ (const char *)key.data + 1, key.len - 1 };
}

static void range_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint64_t count;
	if (row->key.len - 1 > SFS_OID_MAX || sfsi_range_decode(row->val, &count) < 0)
		sfsi_check_found(check, SFS_CHECK_COUNTER, "a range of positions can not be read");
}

struct counting {
	struct sfsi_key last; /* of the range, included */
	bool bounded;
	uint64_t count;
};

/** Where the next range begins, this one ends. */
static int take_next(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct counting *counting = arg;
	(void)val;
	counting->bounded = key.len - 1 <= SFS_OID_MAX;
	if (counting->bounded)
		sfsi_key_object(&counting->last, after_of(key));
	return 1;
}

static int count_object(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct counting *counting = arg;
	(void)val;
	if (counting->bounded && sfsi_span_compare(key, sfsi_key_span(&counting->last)) > 0)
		return 1;
	counting->count++;
	return 0;
}

/** What the backend can not read is reported where it is read for itself. */
static void note_error(struct sfsi_check *check, int err)
{
	if (err == SFS_ERR_CORRUPT)
		check->skipped = true;
	else
		check->err = err;
}

static void range_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_backend *backend = check->store->backend;
	struct counting counting = { .count = 0 };
	struct sfsi_key from;
	uint64_t said;
	if (sfsi_range_decode(row->val, &said) < 0)
		return;
	struct sfsi_scan next = {
		.partition = check->partition,
		.prefix = sfs_span_str("P"),
		.after = row->key,
	};
	int err = sfsi_backend_scan(backend, &next, take_next, &counting);
	sfsi_key_object(&from, after_of(row->key));
	struct sfsi_scan objects = {
		.partition = check->partition,
		.prefix = sfs_span_str("O"),
		.after = sfsi_key_span(&from),
		.keys_only = true,
		.once = true,
	};
	if (err == 0 || err == SFS_ERR_CANCELLED)
		err = sfsi_backend_scan(backend, &objects, count_object, &counting);
	if (err && err != SFS_ERR_CANCELLED)
		note_error(check, err);
	else if (counting.count != said)
		sfsi_check_found(check, SFS_CHECK_COUNTER,
				 "a range of positions counts %llu objects, there are %llu",
				 (unsigned long long)said, (unsigned long long)counting.count)
			->oid = after_of(row->key);
}

struct next_row {
	struct sfs_buf key, val;
	int err;
};

static int take_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct next_row *next = arg;
	next->key.len = next->val.len = 0;
	next->err = sfs_buf_append(&next->key, key.data, key.len);
	if (!next->err)
		next->err = sfs_buf_append(&next->val, val.data, val.len);
	return 1;
}

/** The range after a key; confirmed when it is wrong. 1: there is none. */
static int check_next(struct sfsi_check *check, struct next_row *next)
{
	SFSI_AUTO_BUF struct sfs_buf after = sfs_buf_take(&next->key);
	struct sfsi_scan scan = {
		.partition = check->partition,
		.prefix = sfs_span_str("P"),
		.after = sfs_buf_span(&after),
	};
	int err = sfsi_backend_scan(check->store->backend, &scan, take_row, next);
	if (err && err != SFS_ERR_CANCELLED)
		note_error(check, err);
	if (err != SFS_ERR_CANCELLED || next->err)
		return next->err ? next->err : 1;
	struct sfsi_check_row row = { sfs_buf_span(&next->key), sfs_buf_span(&next->val) };
	check->found_count = 0;
	range_relate(check, &row);
	if (check->err < 0)
		return check->err;
	err = check->found_count ? sfsi_check_confirm(check, row.key, range_relate) : 0;
	return err < 0 ? err : sfsi_check_tick(check);
}

int sfsi_check_ranges(struct sfsi_check *check)
{
	struct next_row next = { .err = 0 };
	int err = 0;
	while (!err)
		err = check_next(check, &next);
	sfs_buf_fini(&next.key);
	sfs_buf_fini(&next.val);
	return err < 0 ? err : check->err;
}

const struct sfsi_check_table sfsi_check_positions = {
	.letter = 'P',
	.row = range_row,
};
