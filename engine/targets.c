/* Targets of relations: see targets.h. */
#include "targets.h"
#include <stdlib.h>
#include "backend/key.h"
#include "document/msgpack.h"

static const struct sfsi_reference_rule any_reference = { .any_type = true };

void sfsi_targets_init(struct sfsi_targets *targets, struct sfs_span value)
{
	struct sfsi_head head = { .kind = SFSI_HEAD_NULL };
	struct sfsi_cursor cursor = sfsi_cursor(value);
	targets->cursor = cursor;
	targets->left = value.len ? 1 : 0;
	if (value.len && sfsi_cursor_next(&cursor, &head) == 0 && head.kind == SFSI_HEAD_ARRAY) {
		targets->cursor = cursor;
		targets->left = head.count;
	}
}

bool sfsi_targets_next(struct sfsi_targets *targets, struct sfs_span *ret)
{
	while (targets->left) {
		struct sfs_span value;
		targets->left--;
		if (sfsi_cursor_skip(&targets->cursor, &value) < 0)
			targets->left = 0;
		else if (sfsi_reference_read(&any_reference, value, &targets->now)) {
			*ret = targets->now.oid;
			return true;
		}
	}
	return false;
}

int sfsi_body_member(struct sfs_span body, struct sfs_span name, struct sfs_span *ret)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_body_init(&map, body);
	*ret = (struct sfs_span){ NULL, 0 };
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		if (pair.name.data && sfs_span_equal(pair.name, name)) {
			*ret = pair.value;
			return 0;
		}
	}
	return err < 0 ? SFS_ERR_CORRUPT : 0;
}

static int compare(const void *a, const void *b)
{
	return sfsi_span_compare(*(const struct sfs_span *)a, *(const struct sfs_span *)b);
}

/** Count targets, and copy the digits of those that are written as numbers. */
static int measure(struct sfs_span value, struct sfsi_target_set *set)
{
	struct sfsi_targets targets;
	struct sfs_span oid;
	int err = 0;
	sfsi_targets_init(&targets, value);
	while (!err && sfsi_targets_next(&targets, &oid)) {
		set->count++;
		if (oid.data == targets.now.digits)
			err = sfs_buf_append(&set->digits, oid.data, oid.len);
	}
	return err;
}

static void fill(struct sfs_span value, struct sfsi_target_set *set)
{
	struct sfsi_targets targets;
	const char *digits = set->digits.data;
	size_t count = 0;
	sfsi_targets_init(&targets, value);
	while (sfsi_targets_next(&targets, &set->oids[count])) {
		struct sfs_span *oid = &set->oids[count++];
		if (oid->data != targets.now.digits)
			continue;
		oid->data = digits;
		digits += oid->len;
	}
	qsort(set->oids, count, sizeof *set->oids, compare);
	set->count = 0;
	for (size_t i = 0; i < count; i++)
		if (i == 0 || compare(&set->oids[i], &set->oids[i - 1]) != 0)
			set->oids[set->count++] = set->oids[i];
}

int sfsi_target_set_make(struct sfs_span value, struct sfsi_target_set *ret)
{
	int err = measure(value, ret);
	if (err < 0 || ret->count == 0)
		return err;
	/* One more: the walk writes before it knows that it is at the end. */
	ret->oids = calloc(ret->count + 1, sizeof *ret->oids);
	if (!ret->oids)
		return SFS_ERR_NO_MEMORY;
	fill(value, ret);
	return 0;
}

void sfsi_target_set_fini(struct sfsi_target_set *set)
{
	free(set->oids);
	sfs_buf_fini(&set->digits);
	*set = (struct sfsi_target_set){ .count = 0 };
}
