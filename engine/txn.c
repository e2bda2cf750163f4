/*
 * Transactions of the engine core: see txn.h. The one place that writes to the
 * backend while a store is in use, so the one place that numbers commits.
 */
#include "txn.h"
#include "backend/bulk.h"
#include "backend/key.h"
#include "base/array.h"
#include "cache.h"
#include "hash.h"
#include "index/table.h"
#include "mirror/mirror.h"
#include "open.h"
#include "memo.h"

static void begin(struct sfs_store *store, bool inward, struct sfsi_txn *ret)
{
	pthread_mutex_lock(&store->commit_lock);
	*ret = (struct sfsi_txn){
		.store = store,
		.commit = atomic_load(&store->commit) + 1,
		.now_ns = sfsi_now_ns(),
		.inward = inward,
	};
	sfsi_txn_room_take(ret);
}

int sfsi_txn_begin(struct sfs_store *store, struct sfsi_txn *ret)
{
	if (store->read_only)
		return SFS_ERR_READ_ONLY;
	begin(store, false, ret);
	return 0;
}

void sfsi_txn_begin_inward(struct sfs_store *store, struct sfsi_txn *ret)
{
	begin(store, true, ret);
}

static void txn_fini(struct sfsi_txn *txn)
{
	sfsi_index_stage_fini(txn);
	sfsi_mirror_txn_fini(txn);
	sfsi_bulk_abort(txn->bulk.bulk);
	sfsi_txn_room_give(txn);
	sfsi_positions_forget(txn);
	free(txn->ranges);
	pthread_mutex_unlock(&txn->store->commit_lock);
}

void sfsi_txn_abort(struct sfsi_txn *txn)
{
	txn_fini(txn);
}

int sfsi_txn_end(struct sfsi_txn *txn, int err)
{
	if (!err)
		return sfsi_txn_commit(txn);
	sfsi_txn_abort(txn);
	return err;
}

static struct sfs_span bytes_at(const struct sfsi_txn *txn, size_t off, size_t len)
{
	return (struct sfs_span){ len ? (const char *)txn->bytes.data + off : "", len };
}

static uint64_t key_hash(uint32_t partition, struct sfs_span key)
{
	return sfsi_hash(key, partition);
}

static void index_insert(struct sfsi_txn *txn, size_t number)
{
	size_t at = txn->ops[number].hash & (txn->index_cap - 1);
	while (txn->index[at])
		at = (at + 1) & (txn->index_cap - 1);
	txn->index[at] = (uint32_t)number + 1;
}

static int index_grow(struct sfsi_txn *txn)
{
	if ((txn->ops_len + 1) * 2 <= txn->index_cap)
		return 0;
	size_t cap = txn->index_cap ? txn->index_cap * 2 : 32;
	uint32_t *index = calloc(cap, sizeof *index);
	if (!index)
		return SFS_ERR_NO_MEMORY;
	free(txn->index);
	txn->index = index;
	txn->index_cap = cap;
	for (size_t i = 0; i < txn->ops_len; i++)
		index_insert(txn, i);
	return 0;
}

static struct sfsi_txn_op *find_op(const struct sfsi_txn *txn, uint32_t partition,
				   struct sfs_span key, uint64_t hash)
{
	if (!txn->index_cap)
		return NULL;
	for (size_t at = hash & (txn->index_cap - 1); txn->index[at];
	     at = (at + 1) & (txn->index_cap - 1)) {
		struct sfsi_txn_op *op = &txn->ops[txn->index[at] - 1];
		if (op->hash == hash && op->partition == partition &&
		    sfs_span_equal(bytes_at(txn, op->key_off, op->key_len), key))
			return op;
	}
	return NULL;
}

int sfsi_txn_get(struct sfsi_txn *txn, uint32_t partition, struct sfs_span key, struct sfs_buf *ret)
{
	const struct sfsi_txn_op *op = find_op(txn, partition, key, key_hash(partition, key));
	if (!op)
		return sfsi_memo_get(txn->store, partition, key, ret);
	if (op->remove)
		return SFS_ERR_NOT_FOUND;
	return sfs_buf_append(ret, bytes_at(txn, op->val_off, op->val_len).data, op->val_len);
}

bool sfsi_txn_lacks(const struct sfsi_txn *txn, uint32_t partition, struct sfs_span key)
{
	return !find_op(txn, partition, key, key_hash(partition, key)) &&
	       sfsi_memo_lack(txn->store->memo, partition, key);
}

bool sfsi_txn_puts(const struct sfsi_txn *txn, uint32_t partition, struct sfs_span key)
{
	const struct sfsi_txn_op *op = find_op(txn, partition, key, key_hash(partition, key));
	return op && !op->remove;
}

static int op_for(struct sfsi_txn *txn, uint32_t partition, struct sfs_span key,
		  struct sfsi_txn_op **ret)
{
	uint64_t hash = key_hash(partition, key);
	struct sfsi_txn_op *op = find_op(txn, partition, key, hash);
	if (!op) {
		int err = index_grow(txn);
		if (!err)
			err = sfsi_array_grow(&txn->ops, txn->ops_len, &txn->ops_cap,
					      sizeof *txn->ops);
		size_t off = txn->bytes.len;
		if (!err)
			err = sfs_buf_append(&txn->bytes, key.data, key.len);
		if (err < 0)
			return err;
		op = &txn->ops[txn->ops_len];
		*op = (struct sfsi_txn_op){ .partition = partition,
					    .remove = true,
					    .hash = hash,
					    .key_off = off,
					    .key_len = key.len };
		index_insert(txn, txn->ops_len++);
	}
	*ret = op;
	return 0;
}

int sfsi_txn_put(struct sfsi_txn *txn, uint32_t partition, struct sfs_span key, struct sfs_span val)
{
	struct sfsi_txn_op *op;
	int err = op_for(txn, partition, key, &op);
	if (err < 0)
		return err;
	size_t off = txn->bytes.len;
	err = sfs_buf_append(&txn->bytes, val.data, val.len);
	if (err < 0)
		return err;
	op->remove = false;
	op->val_off = off;
	op->val_len = val.len;
	return 0;
}

int sfsi_txn_remove(struct sfsi_txn *txn, uint32_t partition, struct sfs_span key)
{
	struct sfsi_txn_op *op;
	int err = op_for(txn, partition, key, &op);
	if (!err)
		op->remove = true;
	return err;
}

int sfsi_txn_class(struct sfsi_txn *txn, uint32_t class_id, struct sfsi_txn_class **ret)
{
	for (size_t i = 0; i < txn->classes_len; i++) {
		if (txn->classes[i].class->id == class_id) {
			*ret = &txn->classes[i];
			return 0;
		}
	}
	struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	if (!class)
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_array_grow(&txn->classes, txn->classes_len, &txn->classes_cap,
				  sizeof *txn->classes);
	if (err < 0)
		return err;
	struct sfsi_txn_class *copy = &txn->classes[txn->classes_len++];
	copy->class = class;
	sfsi_class_state(txn->store, class, &copy->state);
	*ret = copy;
	return 0;
}

int sfsi_txn_note(struct sfsi_txn *txn, enum sfs_change_type type, uint64_t ino, uint64_t dir,
		  bool object, struct sfs_span name)
{
	int err = sfsi_array_grow(&txn->notes, txn->notes_len, &txn->notes_cap, sizeof *txn->notes);
	size_t off = txn->bytes.len;
	if (!err)
		err = sfs_buf_append(&txn->bytes, name.data, name.len);
	if (!err)
		txn->notes[txn->notes_len++] = (struct sfsi_txn_note){
			.type = type,
			.ino = ino,
			.dir = dir,
			.object = object,
			.name_off = off,
			.name_len = name.len,
		};
	return err;
}

static int put_states(struct sfsi_txn *txn)
{
	struct sfsi_key key;
	sfsi_key_state(&key);
	for (size_t i = 0; i < txn->classes_len; i++) {
		struct sfsi_txn_class *copy = &txn->classes[i];
		copy->state.commit = txn->commit;
		copy->state.next_serial = atomic_load(&copy->class->next_serial);
		uint8_t bytes[SFSI_STATE_SIZE];
		size_t len = sfsi_state_encode(&copy->state, bytes);
		int err = sfsi_txn_put(txn, copy->class->id, sfsi_key_span(&key),
				       (struct sfs_span){ bytes, len });
		if (err < 0)
			return err;
	}
	return 0;
}

/** Classes that get back-references are no longer known to have none. */
static void note_references(struct sfsi_txn *txn, const struct sfsi_op *ops)
{
	for (size_t i = 0; i < txn->ops_len; i++) {
		if (ops[i].remove || !ops[i].key.len || *(const char *)ops[i].key.data != 'B')
			continue;
		struct sfsi_class *class = sfsi_class_ref(txn->store, ops[i].partition);
		if (class)
			class->unreferred = false;
	}
}

static int by_key(const void *left, const void *right)
{
	const struct sfsi_op *a = left, *b = right;
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	return sfsi_span_compare(a->key, b->key);
}

/** With what was made aside: all at once. */
static int write_bulk(struct sfsi_txn *txn, struct sfsi_op *ops)
{
	struct sfsi_bulk *bulk = txn->bulk.bulk;
	int err = 0;
	qsort(ops, txn->ops_len, sizeof *ops, by_key);
	for (size_t i = 0; !err && i < txn->ops_len; i++)
		err = sfsi_bulk_put(bulk, &ops[i]);
	if (err < 0)
		return err;
	txn->bulk.bulk = NULL;
	err = sfsi_bulk_end(txn->store->backend, bulk);
	/* Any row may be another one now. */
	sfsi_memo_doubt(txn->store->memo);
	return err;
}

static int write_ops(struct sfsi_txn *txn)
{
	SFSI_AUTO_FREE struct sfsi_op *ops = calloc(txn->ops_len, sizeof *ops);
	if (!ops)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < txn->ops_len; i++) {
		const struct sfsi_txn_op *op = &txn->ops[i];
		ops[i] = (struct sfsi_op){
			.partition = op->partition,
			.key = bytes_at(txn, op->key_off, op->key_len),
			.remove = op->remove,
		};
		if (!op->remove)
			ops[i].val = bytes_at(txn, op->val_off, op->val_len);
	}
	note_references(txn, ops);
	if (txn->bulk.bulk)
		return write_bulk(txn, ops);
	struct sfsi_backend *backend = txn->store->backend;
	int err = txn->deferred ? sfsi_backend_defer(backend, ops, txn->ops_len)
				: sfsi_backend_write(backend, ops, txn->ops_len);
	if (err < 0)
		sfsi_memo_doubt(txn->store->memo);
	else
		sfsi_memo_wrote(txn->store->memo, ops, txn->ops_len);
	return err;
}

/** The commit is on its way to the disk: show it to readers, then to the listener. */
static void publish(struct sfsi_txn *txn)
{
	struct sfs_store *store = txn->store;
	pthread_rwlock_wrlock(&store->catalogue_lock);
	for (size_t i = 0; i < txn->classes_len; i++)
		txn->classes[i].class->state = txn->classes[i].state;
	sfsi_positions_publish_locked(txn);
	sfsi_catalogue_apply_locked(store, &txn->edit);
	pthread_rwlock_unlock(&store->catalogue_lock);
	sfsi_index_stage_publish(txn);
	for (size_t i = 0; i < txn->notes_len; i++)
		sfsi_cache_drop(store->cache, txn->notes[i].ino);
	atomic_store(&store->commit, txn->commit);
	atomic_fetch_add(&store->commits, 1);
	const struct sfs_listener *listener = &store->listener;
	for (size_t i = 0; listener->changed && i < txn->notes_len; i++) {
		const struct sfsi_txn_note *note = &txn->notes[i];
		struct sfs_change change = {
			.type = note->type,
			.ino = note->ino,
			.dir = note->dir,
			.object = note->object,
			.revision = txn->commit,
			.name = bytes_at(txn, note->name_off, note->name_len),
		};
		listener->changed(listener->arg, &change);
	}
	if (listener->changed && txn->bulk.tell)
		txn->bulk.tell(txn->bulk.arg, txn);
	sfsi_syncer_dirty(store);
}

/** Tell of each inode in it that the commit begins, or ends. */
static void tell_of(const struct sfsi_txn *txn, void (*fn)(void *arg, uint64_t ino))
{
	for (size_t i = 0; fn && i < txn->notes_len; i++)
		fn(txn->store->listener.arg, txn->notes[i].ino);
}

static int write_and_publish(struct sfsi_txn *txn)
{
	tell_of(txn, txn->store->listener.begins);
	int err = write_ops(txn);
	if (!err)
		publish(txn);
	tell_of(txn, txn->store->listener.ends);
	return err;
}

/** A class whose positions have become coarse with this change; 0: none. Others wait for their next. */
static uint32_t coarse_class(const struct sfsi_txn *txn)
{
	for (size_t i = 0; i < txn->classes_len; i++) {
		const struct sfsi_class *class = txn->classes[i].class;
		if (class->positions.coarse && !class->positions.failed)
			return class->id;
	}
	return 0;
}

int sfsi_txn_commit(struct sfsi_txn *txn)
{
	int err = sfsi_mirror_stage(txn);
	if (!err)
		err = sfsi_reaped_collect(txn);
	if (!err)
		err = sfsi_positions_write(txn);
	if (!err)
		err = sfsi_index_stage_write(txn);
	if (!err)
		err = put_states(txn);
	if (!err && txn->ops_len)
		err = write_and_publish(txn);
	if (err < 0)
		sfsi_reaped_restore(txn);
	else
		sfsi_reaped_done(txn);
	if (err < 0)
		sfsi_mirror_abort(txn);
	else
		sfsi_mirror_publish(txn);
	struct sfs_store *store = txn->store;
	uint32_t coarse = err < 0 ? 0 : coarse_class(txn);
	txn_fini(txn);
	if (coarse)
		sfsi_positions_tidy(store, coarse);
	return err;
}
