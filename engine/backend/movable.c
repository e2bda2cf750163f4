/*
 * The movable backend: see movable.h. All calls go to the inner backend under a lock that is shared but
 * for the moment of the move.
 */
#include "backend/bulk.h"
#include "backend/movable.h"
#include "backend/wrap.h"
#include "base/cleanup.h"

struct movable {
	struct sfsi_backend base;
	struct sfsi_backend *inner; /* protected by base.lock; NULL: it could not be opened again */
	uint64_t moves;             /* protected by base.lock */
};

static const struct sfsi_backend_ops movable_ops;

static struct movable *movable_of(struct sfsi_backend *b)
{
	return (struct movable *)b;
}

static struct sfsi_backend *enter(struct sfsi_backend *b)
{
	pthread_rwlock_rdlock(&b->lock);
	return movable_of(b)->inner;
}

static int leave(struct sfsi_backend *b, int err)
{
	pthread_rwlock_unlock(&b->lock);
	return err;
}

static void movable_close(struct sfsi_backend *b)
{
	sfsi_backend_close(movable_of(b)->inner);
}

static int movable_get(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		       struct sfs_buf *ret)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_get(inner, partition, key, ret) : SFS_ERR_IO);
}

static int movable_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
			void *arg)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_scan(inner, scan, fn, arg) : SFS_ERR_IO);
}

static int movable_write(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_write(inner, ops, count) : SFS_ERR_IO);
}

static int movable_sync(struct sfsi_backend *b)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_sync(inner) : SFS_ERR_IO);
}

static int movable_stat(struct sfsi_backend *b, struct sfsi_backend_stat *ret)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_stat(inner, ret) : SFS_ERR_IO);
}

static int movable_mark(struct sfsi_backend *b, struct sfs_span note)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_mark(inner, note) : SFS_ERR_IO);
}

static int movable_marked(struct sfsi_backend *b, struct sfs_buf *ret)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_marked(inner, ret) : SFS_ERR_IO);
}

static int movable_prepare(struct sfsi_backend *b)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_prepare(inner) : SFS_ERR_IO);
}

static int movable_snapshot(struct sfsi_backend *b, const struct sfsi_snapshot_wanted *snapshot)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_snapshot(inner, snapshot) : SFS_ERR_IO);
}

static int movable_compact(struct sfsi_backend *b, const struct sfsi_compact *compact)
{
	struct sfsi_backend *inner = enter(b);
	return leave(b, inner ? sfsi_backend_compact(inner, compact) : SFS_ERR_IO);
}

static int movable_bulk_begin(struct sfsi_backend *b, struct sfsi_bulk **ret)
{
	struct sfsi_backend *inner = enter(b);
	int err = inner ? sfsi_bulk_begin(inner, ret) : SFS_ERR_IO;
	if (!err)
		(*ret)->moves = movable_of(b)->moves;
	return leave(b, err);
}

static int movable_bulk_end(struct sfsi_backend *b, struct sfsi_bulk *bulk)
{
	struct sfsi_backend *inner = enter(b);
	/* What was made for the backend of then lies where that was. */
	if (inner && bulk->moves == movable_of(b)->moves)
		return leave(b, sfsi_bulk_end(inner, bulk));
	sfsi_bulk_abort(bulk);
	return leave(b, SFS_ERR_BUSY);
}

/* The inner backend has its own limits and rules, as those of fault.c. */
static const struct sfsi_backend_ops movable_ops = {
	.name = "kv",
	.caps = SFSI_CAP_DURABLE | SFSI_CAP_OWN_LOCKS | SFSI_CAP_CROSS_PARTITION,
	.size = sizeof(struct movable),
	.close = movable_close,
	.get = movable_get,
	.scan = movable_scan,
	.write = movable_write,
	.sync = movable_sync,
	.stat = movable_stat,
	.mark = movable_mark,
	.marked = movable_marked,
	.snapshot = movable_snapshot,
	.prepare = movable_prepare,
	.compact = movable_compact,
	.bulk_begin = movable_bulk_begin,
	.bulk_end = movable_bulk_end,
};

int sfsi_backend_movable_wrap(struct sfsi_backend *inner, struct sfsi_backend **ret)
{
	struct sfsi_backend *b = sfsi_backend_new(&movable_ops, inner->read_only);
	if (!b)
		return SFS_ERR_NO_MEMORY;
	movable_of(b)->inner = inner;
	*ret = b;
	return 0;
}

int sfsi_backend_move(struct sfsi_backend *b, const struct sfsi_backend_config *from,
		      const struct sfsi_backend_config *to, int (*move)(void *arg), void *arg)
{
	struct movable *movable = movable_of(b);
	pthread_rwlock_wrlock(&b->lock);
	const struct sfsi_backend_ops *ops = movable->inner ? movable->inner->ops : NULL;
	int err = ops ? sfsi_backend_sync(movable->inner) : SFS_ERR_IO;
	if (!err) {
		struct sfsi_backend *opened = NULL;
		sfsi_backend_close(movable->inner);
		err = move(arg);
		if (!err)
			err = sfsi_backend_open(ops, to, &opened, NULL);
		if (!opened && sfsi_backend_open(ops, from, &opened, NULL) < 0)
			opened = NULL;
		movable->inner = opened;
		movable->moves++;
	}
	pthread_rwlock_unlock(&b->lock);
	return err;
}
