/*
 * The door to all backends: which there are, and what each call has in common.
 *
 * A backend behind it may rely on this: keys are 1..SFSI_KEY_MAX bytes, values
 * and batches are within their limits, a read-only backend is never written, a
 * batch of a backend without SFSI_CAP_CROSS_PARTITION names one partition, and a
 * backend without SFSI_CAP_OWN_LOCKS has one writer or many readers at a time.
 */
#include <stdlib.h>
#include "backend/backend.h"
#include "backend/defer.h"
#include "backend/wrap.h"

/** Longest note that a backend keeps for the core. */
#define NOTE_MAX ((size_t)64 << 10)

const struct sfsi_backend_ops *const sfsi_backends[] = {
	&sfsi_backend_kv,
	&sfsi_backend_memory,
	NULL,
};

const struct sfsi_backend_ops *sfsi_backend_find(const char *name)
{
	for (size_t i = 0; sfsi_backends[i]; i++)
		if (strcmp(sfsi_backends[i]->name, name) == 0)
			return sfsi_backends[i];
	return NULL;
}

/* Writers first: a stream of scans must not keep a commit waiting for ever. */
static int lock_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;
	if (pthread_rwlockattr_init(&attr))
		return -1;
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	int failed = pthread_rwlock_init(lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return failed ? -1 : 0;
}

struct sfsi_backend *sfsi_backend_new(const struct sfsi_backend_ops *ops, bool read_only)
{
	struct sfsi_backend *b = calloc(1, ops->size);
	if (!b)
		return NULL;
	if (lock_init(&b->lock)) {
		free(b);
		return NULL;
	}
	sfsi_defer_init(&b->deferred);
	b->ops = ops;
	b->read_only = read_only || !ops->write;
	return b;
}

static void backend_free(struct sfsi_backend *b)
{
	sfsi_defer_fini(&b->deferred);
	pthread_rwlock_destroy(&b->lock);
	free(b);
}

int sfsi_backend_open(const struct sfsi_backend_ops *ops, const struct sfsi_backend_config *cfg,
		      struct sfsi_backend **ret, struct sfs_diag *diag)
{
	if (cfg->read_only && cfg->create)
		return sfs_diag_set(diag, SFS_ERR_INVALID,
				    "a new %s backend can not be opened read-only", ops->name);
	struct sfsi_backend *b = sfsi_backend_new(ops, cfg->read_only);
	if (!b)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "no memory to open the %s backend",
				    ops->name);
	int err = ops->open(b, cfg, diag);
	if (err < 0) {
		backend_free(b);
		return err;
	}
	*ret = b;
	return 0;
}

void sfsi_backend_close(struct sfsi_backend *b)
{
	if (!b)
		return;
	/* Nobody was promised what is lost when this fails. */
	if (!b->read_only)
		(void)!sfsi_backend_settle(b);
	b->ops->close(b);
	backend_free(b);
}

static bool locks_itself(const struct sfsi_backend *b)
{
	return b->ops->caps & SFSI_CAP_OWN_LOCKS;
}

static void lock_shared(struct sfsi_backend *b)
{
	if (!locks_itself(b))
		pthread_rwlock_rdlock(&b->lock);
}

static void lock_exclusive(struct sfsi_backend *b)
{
	if (!locks_itself(b))
		pthread_rwlock_wrlock(&b->lock);
}

static void unlock(struct sfsi_backend *b)
{
	if (!locks_itself(b))
		pthread_rwlock_unlock(&b->lock);
}

static void count(_Atomic uint64_t *counter, uint64_t by)
{
	atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

void sfsi_backend_watch(struct sfsi_backend *b, void (*on_damage)(void *arg), void *arg)
{
	b->on_damage = on_damage;
	b->on_damage_arg = arg;
}

/** RocksDB goes on after damage that it met while reading, and would compact it away. */
static int look_at(struct sfsi_backend *b, int err)
{
	if (err == SFS_ERR_CORRUPT && b->on_damage && !atomic_exchange(&b->damaged, true))
		b->on_damage(b->on_damage_arg);
	return err;
}

int sfsi_backend_get(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		     struct sfs_buf *ret)
{
	if (key.len == 0 || key.len > SFSI_KEY_MAX)
		return SFS_ERR_LIMIT;
	int err;
	if (sfsi_defer_get(&b->deferred, partition, key, ret, &err))
		return err;
	count(&b->count.gets, 1);
	lock_shared(b);
	err = b->ops->get(b, partition, key, ret);
	unlock(b);
	return look_at(b, err);
}

int sfsi_backend_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
		      void *arg)
{
	if (scan->prefix.len > SFSI_KEY_MAX || scan->after.len > SFSI_KEY_MAX)
		return SFS_ERR_LIMIT;
	/* A disk that is full must not keep anybody from reading. */
	(void)!sfsi_backend_settle(b);
	count(&b->count.scans, 1);
	lock_shared(b);
	int err = b->ops->scan(b, scan, fn, arg);
	unlock(b);
	return look_at(b, err);
}

static int check_batch(const struct sfsi_backend *b, const struct sfsi_op *ops, size_t count_ops)
{
	bool cross = b->ops->caps & SFSI_CAP_CROSS_PARTITION;
	size_t left = SFSI_BATCH_MAX;
	for (size_t i = 0; i < count_ops; i++) {
		const struct sfsi_op *op = &ops[i];
		size_t val_len = op->remove ? 0 : op->val.len;
		if (op->key.len == 0 || op->key.len > SFSI_KEY_MAX || val_len > SFSI_VALUE_MAX)
			return SFS_ERR_LIMIT;
		if (op->key.len + val_len > left)
			return SFS_ERR_LIMIT;
		left -= op->key.len + val_len;
		if (!cross && op->partition != ops[0].partition)
			return SFS_ERR_UNSUPPORTED;
	}
	return 0;
}

static int write_now(void *arg, const struct sfsi_op *ops, size_t count_ops)
{
	struct sfsi_backend *b = arg;
	count(&b->count.writes, 1);
	count(&b->count.ops, count_ops);
	lock_exclusive(b);
	int err = b->ops->write(b, ops, count_ops);
	unlock(b);
	return look_at(b, err);
}

int sfsi_backend_settle(struct sfsi_backend *b)
{
	if (atomic_load(&b->deferred.len) == 0)
		return 0;
	return sfsi_defer_write(&b->deferred, write_now, b, NULL, 0);
}

int sfsi_backend_write(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count_ops)
{
	if (b->read_only || atomic_load(&b->damaged))
		return SFS_ERR_READ_ONLY;
	if (count_ops == 0)
		return 0;
	int err = check_batch(b, ops, count_ops);
	if (err < 0)
		return err;
	if (atomic_load(&b->deferred.len) == 0)
		return write_now(b, ops, count_ops);
	return sfsi_defer_write(&b->deferred, write_now, b, ops, count_ops);
}

int sfsi_backend_defer(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count_ops)
{
	/* Rows of several partitions could not be written together. */
	if (b->read_only || !(b->ops->caps & SFSI_CAP_CROSS_PARTITION))
		return sfsi_backend_write(b, ops, count_ops);
	int err = check_batch(b, ops, count_ops);
	if (err < 0 || sfsi_defer_keep(&b->deferred, ops, count_ops))
		return err;
	return sfsi_backend_write(b, ops, count_ops);
}

int sfsi_backend_sync(struct sfsi_backend *b)
{
	if (b->read_only)
		return 0;
	int err = sfsi_backend_settle(b);
	if (err < 0 || !b->ops->sync)
		return err;
	count(&b->count.syncs, 1);
	lock_exclusive(b);
	err = b->ops->sync(b);
	unlock(b);
	return err;
}

int sfsi_backend_stat(struct sfsi_backend *b, struct sfsi_backend_stat *ret)
{
	struct sfsi_backend_stat stat = { 0 };
	lock_shared(b);
	int err = b->ops->stat ? b->ops->stat(b, &stat) : 0;
	unlock(b);
	if (err == 0)
		*ret = stat;
	return err;
}

int sfsi_backend_mark(struct sfsi_backend *b, struct sfs_span note)
{
	if (b->read_only)
		return SFS_ERR_READ_ONLY;
	if (note.len > NOTE_MAX)
		return SFS_ERR_LIMIT;
	if (!b->ops->mark)
		return 0;
	lock_exclusive(b);
	int err = b->ops->mark(b, note);
	unlock(b);
	return err;
}

int sfsi_backend_marked(struct sfsi_backend *b, struct sfs_buf *ret)
{
	if (!b->ops->marked)
		return SFS_ERR_NOT_FOUND;
	lock_shared(b);
	int err = b->ops->marked(b, ret);
	unlock(b);
	return err;
}

int sfsi_backend_snapshot(struct sfsi_backend *b, const struct sfsi_snapshot_wanted *snapshot)
{
	if (!b->ops->snapshot || b->read_only)
		return sfs_diag_set(snapshot->diag, SFS_ERR_UNSUPPORTED,
				    b->read_only ? "the store is open read-only"
						 : "backend %s has no files to copy",
				    b->ops->name);
	int err = sfsi_backend_settle(b);
	if (err < 0)
		return sfs_diag_set(snapshot->diag, err, "what waits to be written can not be: %s",
				    sfs_err_text(err));
	lock_exclusive(b);
	err = b->ops->snapshot(b, snapshot);
	unlock(b);
	return err;
}

int sfsi_backend_prepare(struct sfsi_backend *b)
{
	return b->ops->prepare && !b->read_only ? b->ops->prepare(b) : 0;
}

int sfsi_backend_files(struct sfsi_backend *b, sfsi_backend_file_fn *fn, void *arg)
{
	return b->ops->files ? b->ops->files(b, fn, arg) : SFS_ERR_UNSUPPORTED;
}

int sfsi_backend_compact(struct sfsi_backend *b, const struct sfsi_compact *compact)
{
	if (b->read_only)
		return SFS_ERR_READ_ONLY;
	return b->ops->compact ? b->ops->compact(b, compact) : SFS_ERR_UNSUPPORTED;
}
