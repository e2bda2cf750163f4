/*
 * The kv backend: all partitions in one column family of RocksDB.
 *
 * The key in RocksDB is the partition, big-endian, and the key. Only C is used here
 * and only rocksdb/c.h; what RocksDB needs to be safe around power cuts and damage is
 * in kv_guard.c, kv_check.c and kv_open.c.
 *
 * A fork() must not happen while it is open: RocksDB's threads do not survive it.
 */
#include <assert.h>
#include "backend/backend.h"
#include "backend/key.h"
#include "backend/kv.h"
#include "base/cleanup.h"
#include "base/quiet.h"

/** The memory of a larger batch is given back. */
#define BATCH_KEPT ((size_t)64 << 10)
/** So many are told before others are let to the processor, where a scan is quiet work. */
#define ROWS_AT_ONCE 64

static struct kv *kv_of(struct sfsi_backend *b)
{
	assert(b->ops == &sfsi_backend_kv);
	return (struct kv *)b;
}

/* The one copy of the value goes from RocksDB's cache straight into ret. */
static int get(const struct kv *kv, const struct sfsi_full_key *full, struct sfs_buf *ret)
{
	char *text = NULL;
	rocksdb_pinnableslice_t *val = rocksdb_get_pinned(
		kv->db, kv->get_options, (const char *)full->bytes, full->len, &text);
	if (text)
		return sfsi_kv_error(text);
	if (!val)
		return SFS_ERR_NOT_FOUND;
	size_t len;
	const char *data = rocksdb_pinnableslice_value(val, &len);
	int err = sfs_buf_append(ret, data, len);
	rocksdb_pinnableslice_destroy(val);
	return err;
}

static int kv_get(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		  struct sfs_buf *ret)
{
	struct kv *kv = kv_of(b);
	struct sfsi_full_key full;
	sfsi_full_key_set(&full, partition, key);
	pthread_rwlock_rdlock(&kv->use);
	/* Of the calling thread: RocksDB would count each comparison of keys, which nobody asks for. */
	rocksdb_set_perf_level(rocksdb_disable);
	int err = kv->db ? get(kv, &full, ret) : SFS_ERR_IO;
	pthread_rwlock_unlock(&kv->use);
	return err;
}

static struct sfs_span iterator_key(const rocksdb_iterator_t *it)
{
	struct sfs_span key;
	key.data = rocksdb_iter_key(it, &key.len);
	return key;
}

static struct sfs_span iterator_value(const rocksdb_iterator_t *it)
{
	struct sfs_span val;
	val.data = rocksdb_iter_value(it, &val.len);
	return val;
}

/* Returns SFS_ERR_CANCELLED when fn stopped it; damage is in the iterator. */
static int scan_loop(rocksdb_iterator_t *it, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
		     void *arg)
{
	struct sfsi_full_key prefix, start;
	sfsi_full_key_set(&prefix, scan->partition, scan->prefix);
	sfsi_full_key_start(&start, scan);
	rocksdb_iter_seek(it, (const char *)start.bytes, start.len);
	if (rocksdb_iter_valid(it) && sfsi_scan_is_after(scan, iterator_key(it)))
		rocksdb_iter_next(it);
	for (size_t given = 0; rocksdb_iter_valid(it); given++) {
		struct sfs_span key = iterator_key(it);
		if (!sfsi_span_starts(key, sfsi_full_key_span(&prefix)))
			break;
		if (fn(arg, sfsi_span_skip(key, SFSI_PARTITION_LEN), iterator_value(it)))
			return SFS_ERR_CANCELLED;
		if (scan->limit && given + 1 == scan->limit)
			break;
		if (given % ROWS_AT_ONCE == ROWS_AT_ONCE - 1)
			sfsi_quiet_pause();
		rocksdb_iter_next(it);
	}
	return 0;
}

static int scan_all(const struct kv *kv, const struct sfsi_scan *scan, sfsi_scan_fn *fn, void *arg)
{
	rocksdb_readoptions_t *options = sfsi_kv_iterator_options();
	struct sfsi_full_key bound;
	sfsi_full_key_set(&bound, scan->partition, scan->prefix);
	/* Without a bound a seek would walk on over deleted keys of the next partition. */
	if (sfsi_full_key_bound(&bound))
		rocksdb_readoptions_set_iterate_upper_bound(options, (const char *)bound.bytes,
							    bound.len);
	if (scan->once) {
		rocksdb_readoptions_set_fill_cache(options, 0);
		rocksdb_readoptions_set_readahead_size(options, 256 << 10);
	}
	rocksdb_iterator_t *it = rocksdb_create_iterator(kv->db, options);
	int err = scan_loop(it, scan, fn, arg);
	char *text = NULL;
	rocksdb_iter_get_error(it, &text);
	rocksdb_iter_destroy(it);
	rocksdb_readoptions_destroy(options);
	int damage = sfsi_kv_error(text);
	return damage < 0 ? damage : err;
}

static int kv_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
		   void *arg)
{
	struct kv *kv = kv_of(b);
	pthread_rwlock_rdlock(&kv->use);
	int err = kv->db ? scan_all(kv, scan, fn, arg) : SFS_ERR_IO;
	pthread_rwlock_unlock(&kv->use);
	return err;
}

static void batch_add(rocksdb_writebatch_t *batch, const struct sfsi_op *op)
{
	unsigned char partition[SFSI_PARTITION_LEN];
	sfsi_partition_put(partition, op->partition);
	const char *const key[] = { (const char *)partition, op->key.data };
	const size_t key_len[] = { sizeof partition, op->key.len };
	const char *const val[] = { op->val.data };
	if (op->remove)
		rocksdb_writebatch_deletev(batch, 2, key, key_len);
	else
		rocksdb_writebatch_putv(batch, 2, key, key_len, 1, val, &op->val.len);
}

/** The batch is made once, and keeps its memory from one small commit to the next. */
static int write_locked(struct kv *kv, const struct sfsi_op *ops, size_t count, size_t weight)
{
	char *text = NULL;
	if (!kv->batch)
		kv->batch = rocksdb_writebatch_create();
	for (size_t i = 0; i < count; i++)
		batch_add(kv->batch, &ops[i]);
	rocksdb_set_perf_level(rocksdb_disable);
	rocksdb_write(kv->db, kv->write_options, kv->batch, &text);
	rocksdb_writebatch_clear(kv->batch);
	if (weight > BATCH_KEPT) {
		rocksdb_writebatch_destroy(kv->batch);
		kv->batch = NULL;
	}
	return sfsi_kv_error(text);
}

static int kv_write(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count)
{
	struct kv *kv = kv_of(b);
	size_t weight = 0, deletes = 0;
	for (size_t i = 0; i < count; i++) {
		weight += sfsi_kv_weight(&ops[i]);
		deletes += ops[i].remove;
	}
	pthread_mutex_lock(&kv->write_lock);
	int err = sfsi_kv_guard_locked(kv, weight);
	if (err == 0)
		err = kv->failed = write_locked(kv, ops, count, weight);
	if (err == 0)
		sfsi_kv_wrote_locked(kv, weight, deletes);
	pthread_mutex_unlock(&kv->write_lock);
	return err;
}

static int kv_sync(struct sfsi_backend *b)
{
	return sfsi_kv_sync(kv_of(b));
}

static uint64_t property(const struct kv *kv, const char *name)
{
	uint64_t value;
	return kv->db && rocksdb_property_int(kv->db, name, &value) == 0 ? value : 0;
}

static int kv_stat(struct sfsi_backend *b, struct sfsi_backend_stat *ret)
{
	struct kv *kv = kv_of(b);
	pthread_rwlock_rdlock(&kv->use);
	uint64_t memtables = property(kv, "rocksdb.cur-size-all-mem-tables");
	ret->bytes = property(kv, "rocksdb.live-sst-files-size") + memtables;
	ret->memory_bytes = memtables + property(kv, "rocksdb.block-cache-usage") +
			    property(kv, "rocksdb.estimate-table-readers-mem");
	pthread_rwlock_unlock(&kv->use);
	return 0;
}

static int kv_mark(struct sfsi_backend *b, struct sfs_span note)
{
	return sfsi_kv_record(kv_of(b), &note);
}

static int kv_marked(struct sfsi_backend *b, struct sfs_buf *ret)
{
	struct kv *kv = kv_of(b);
	SFSI_LOCK_SCOPE(&kv->state_lock);
	if (!kv->state.has_note)
		return SFS_ERR_NOT_FOUND;
	return sfs_buf_append(ret, kv->state.note.data, kv->state.note.len);
}

const struct sfsi_backend_ops sfsi_backend_kv = {
	.name = "kv",
	.caps = SFSI_CAP_DURABLE | SFSI_CAP_OWN_LOCKS | SFSI_CAP_CROSS_PARTITION,
	.size = sizeof(struct kv),
	.open = sfsi_kv_open,
	.close = sfsi_kv_close,
	.get = kv_get,
	.scan = kv_scan,
	.write = kv_write,
	.sync = kv_sync,
	.stat = kv_stat,
	.mark = kv_mark,
	.marked = kv_marked,
	.snapshot = sfsi_kv_snapshot,
	.prepare = sfsi_kv_prepare,
	.files = sfsi_kv_files,
	.compact = sfsi_kv_compact,
	.bulk_begin = sfsi_kv_bulk_begin,
	.bulk_end = sfsi_kv_bulk_end,
};
