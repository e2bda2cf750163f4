/*
 * Rows that wait for the next write: what nobody was promised to survive a kill yet (a temporary file
 * that was just created) costs no write of its own. Every read sees them, every write, scan, sync and
 * close takes them along first, in the order in which they were given; so a store never holds a
 * commit without the ones before it.
 */
#include <stdlib.h>
#include "backend/defer.h"
#include "base/cleanup.h"

/** A row of more bytes is not worth keeping. */
#define ROW_MAX ((size_t)4096)

void sfsi_defer_init(struct sfsi_deferred *deferred)
{
	pthread_mutex_init(&deferred->lock, NULL);
}

static void clear_locked(struct sfsi_deferred *deferred)
{
	for (size_t i = 0; i < atomic_load(&deferred->len); i++)
		free(deferred->blocks[i]);
	atomic_store(&deferred->len, 0);
}

void sfsi_defer_fini(struct sfsi_deferred *deferred)
{
	clear_locked(deferred);
	pthread_mutex_destroy(&deferred->lock);
}

static bool is_same(const struct sfsi_op *a, const struct sfsi_op *b)
{
	return a->partition == b->partition && sfs_span_equal(a->key, b->key);
}

static size_t find_locked(const struct sfsi_deferred *deferred, const struct sfsi_op *op)
{
	size_t i = 0;
	while (i < atomic_load(&deferred->len) && !is_same(&deferred->ops[i], op))
		i++;
	return i;
}

/** Is there room for all of them, and are they small? */
static bool have_room_locked(const struct sfsi_deferred *deferred, const struct sfsi_op *ops,
			     size_t count)
{
	if (count > SFSI_DEFER_MAX - atomic_load(&deferred->len))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!ops[i].remove && ops[i].val.len > ROW_MAX)
			return false;
	return true;
}

/** A copy of a row, in a block of its own. */
static char *copy_row(const struct sfsi_op *op, struct sfsi_op *ret)
{
	size_t val_len = op->remove ? 0 : op->val.len;
	char *block = malloc(op->key.len + val_len);
	if (!block)
		return NULL;
	memcpy(block, op->key.data, op->key.len);
	if (val_len)
		memcpy(block + op->key.len, op->val.data, val_len);
	*ret = *op;
	ret->key.data = block;
	ret->val = (struct sfs_span){ block + op->key.len, val_len };
	return block;
}

static void keep_locked(struct sfsi_deferred *deferred, const struct sfsi_op *op, char *block)
{
	size_t at = find_locked(deferred, op);
	if (at < atomic_load(&deferred->len))
		free(deferred->blocks[at]);
	else
		atomic_fetch_add(&deferred->len, 1);
	deferred->ops[at] = *op;
	deferred->blocks[at] = block;
}

bool sfsi_defer_keep(struct sfsi_deferred *deferred, const struct sfsi_op *ops, size_t count)
{
	struct sfsi_op rows[SFSI_DEFER_MAX];
	char *blocks[SFSI_DEFER_MAX];
	size_t copied = 0;
	SFSI_LOCK_SCOPE(&deferred->lock);
	if (!have_room_locked(deferred, ops, count))
		return false;
	while (copied < count && (blocks[copied] = copy_row(&ops[copied], &rows[copied])))
		copied++;
	if (copied < count) {
		while (copied > 0)
			free(blocks[--copied]);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		keep_locked(deferred, &rows[i], blocks[i]);
	return true;
}

bool sfsi_defer_get(struct sfsi_deferred *deferred, uint32_t partition, struct sfs_span key,
		    struct sfs_buf *ret, int *ret_err)
{
	const struct sfsi_op row = { .partition = partition, .key = key };
	if (atomic_load(&deferred->len) == 0)
		return false;
	SFSI_LOCK_SCOPE(&deferred->lock);
	size_t at = find_locked(deferred, &row);
	if (at == atomic_load(&deferred->len))
		return false;
	const struct sfsi_op *op = &deferred->ops[at];
	*ret_err = op->remove ? SFS_ERR_NOT_FOUND : sfs_buf_append(ret, op->val.data, op->val.len);
	return true;
}

/** Is the row written by these as well? */
static bool is_among(const struct sfsi_op *op, const struct sfsi_op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_same(op, &ops[i]))
			return true;
	return false;
}

int sfsi_defer_write(struct sfsi_deferred *deferred, sfsi_defer_write_fn *fn, void *arg,
		     const struct sfsi_op *ops, size_t count)
{
	SFSI_LOCK_SCOPE(&deferred->lock);
	size_t len = atomic_load(&deferred->len), merged = 0;
	if (len + count == 0)
		return 0;
	SFSI_AUTO_FREE struct sfsi_op *all = malloc((len + count) * sizeof *all);
	if (!all)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < len; i++)
		if (!is_among(&deferred->ops[i], ops, count))
			all[merged++] = deferred->ops[i];
	if (count)
		memcpy(all + merged, ops, count * sizeof *all);
	int err = fn(arg, all, merged + count);
	if (!err)
		clear_locked(deferred);
	return err;
}
