/*
 * Targets of relations to many (L): each of the two rows of one can be read, has the other one, and
 * belongs to an object that says that the relation has rows. That they are as many as it says is found
 * with the object.
 */
#include "check/check.h"
#include "object.h"
#include "rows.h"

/** A row, taken apart. */
struct target_row {
	uint64_t serial, position;
	struct sfs_span name, oid;
	bool by_place; /* else by target */
};

static bool decode_row(const struct sfsi_check_row *row, struct target_row *ret)
{
	const uint8_t *at = row->key.data;
	if (row->key.len < 11 || (at[1] != 'P' && at[1] != 'T'))
		return false;
	size_t used = 11 + (size_t)at[10];
	if (row->key.len <= used)
		return false;
	*ret = (struct target_row){
		.serial = sfsi_get_be64(at + 2),
		.name = { at + 11, at[10] },
		.by_place = at[1] == 'P',
	};
	struct sfs_span rest = { at + used, row->key.len - used };
	if (ret->by_place) {
		ret->position = sfsi_rows_key_position(row->key);
		return rest.len == 8 && sfsi_rows_oid(row->key, row->val, &ret->oid) == 0;
	}
	ret->oid = rest;
	return rest.len <= SFS_OID_MAX &&
	       sfsi_rows_position(row->key, row->val, &ret->position) == 0;
}

static void rows_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct target_row target;
	if (!decode_row(row, &target))
		sfsi_check_found(check, SFS_CHECK_ROWS,
				 "a target of a relation to many can not be read");
}

static bool rows_needs(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	(void)row;
	return !(check->wanted->flags & SFS_CHECK_QUICK);
}

/** Does the object of a serial say that the relation has rows? */
static bool is_owned(struct sfsi_check *check, const struct target_row *target)
{
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_attr attr;
	struct sfsi_record record;
	struct sfsi_rows rows;
	int err = sfs_object_stat(check->store, sfs_ino_make(check->partition, target->serial),
				  &attr, &oid);
	if (!err)
		err = sfsi_object_read_stored(check->store, check->partition, sfs_buf_span(&oid),
					      &buf, &record);
	/* What can not be read is reported with the object. */
	return (err < 0 && err != SFS_ERR_NOT_FOUND) ||
	       (!err && sfsi_rows_find(&record, target->name, &rows));
}

static void rows_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct target_row target, other;
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	if (!decode_row(row, &target))
		return;
	if (target.by_place)
		sfsi_rows_target(target.serial, target.name, target.oid, &key);
	else
		sfsi_rows_place(target.serial, target.name, target.position, &key);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	struct sfsi_check_row row_of_other = { sfsi_key_span(&key), sfs_buf_span(&val) };
	bool good = !err && decode_row(&row_of_other, &other) &&
		    other.position == target.position && sfs_span_equal(other.oid, target.oid);
	if (err && err != SFS_ERR_NOT_FOUND)
		return;
	if (!good || !is_owned(check, &target))
		sfsi_check_found(check, SFS_CHECK_ROWS,
				 "a target of a relation to many that belongs to nothing")
			->ino = sfs_ino_make(check->partition, target.serial);
}

const struct sfsi_check_table sfsi_check_rows = {
	.letter = 'L',
	.row = rows_row,
	.needs = rows_needs,
	.relate = rows_relate,
};
