/*
 * What is done for tables besides changes of objects, a step at a time: building a new one, removing
 * the rows of one that is dropped, dividing large blocks. A step holds the commit lock for some
 * milliseconds, and leaves everything so that another process could go on with the next one.
 *
 * A table is built in the order of the oids. Its cursor says how far that is: changes of objects up to
 * there keep it right, objects behind it are not in it yet.
 */
#include "index/table.h"
#include "object.h"
#include "raw_index.h"

#define BATCH 32
#define BATCH_LOCKED 16
#define BATCH_BYTES ((size_t)4 << 20)
#define DROP_ROWS 500

/* --- building --- */

struct item {
	size_t oid_off, oid_len;
	uint64_t serial;
	struct sfsi_index_keys keys;
	bool readable;
	bool whole; /* the record must be made whole first, which a scan can not do */
};

/** Objects behind the cursor, and their keys. */
struct batch {
	struct sfsi_index_table *table;
	struct sfsi_index_names names;
	struct item items[BATCH];
	size_t count, limit, weight;
	struct sfs_buf oids;
	int err;
};

static int take_keys(struct batch *batch, struct item *item, struct sfs_span oid,
		     const struct sfsi_record *record)
{
	item->serial = record->object.serial;
	int err = sfsi_index_keys_had(batch->table, &batch->names, oid, record, &item->keys);
	if (err == SFS_ERR_CORRUPT)
		item->readable = false;
	batch->weight += item->keys.bytes.len + record->body.len;
	return err == SFS_ERR_CORRUPT ? 0 : err;
}

static int take_object(struct batch *batch, struct item *item, struct sfs_span oid,
		       struct sfs_span key, struct sfs_span val)
{
	struct sfsi_record record;
	item->oid_off = batch->oids.len;
	item->oid_len = oid.len;
	int err = sfs_buf_append(&batch->oids, oid.data, oid.len);
	if (err < 0)
		return err;
	/* A record that can not be read is for a check to report. */
	item->readable = sfsi_record_decode(val, key, &record) == 0;
	item->whole = item->readable && sfsi_index_needs_rows(batch->table, &record);
	return !item->readable || item->whole ? 0 : take_keys(batch, item, oid, &record);
}

static int take_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct batch *batch = arg;
	struct sfs_span oid = { (const char *)key.data + 1, key.len - 1 };
	batch->err = take_object(batch, &batch->items[batch->count], oid, key, val);
	batch->count++;
	return batch->err < 0 || batch->weight >= BATCH_BYTES;
}

/** A raw: what it has is elsewhere. */
static int take_inode(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct batch *batch = arg;
	struct item *item = &batch->items[batch->count];
	struct sfsi_raw_id buf;
	struct sfsi_inode inode;
	uint64_t serial = key.len == 9 ? sfsi_get_be64((const uint8_t *)key.data + 1) : 0;
	struct sfs_span id = sfsi_raw_id(serial, &buf);
	item->oid_off = batch->oids.len;
	item->oid_len = id.len;
	item->whole = item->readable = serial && sfsi_inode_decode(val, serial, &inode) == 0 &&
				       inode.type != SFS_NODE_DIR;
	batch->err = sfs_buf_append(&batch->oids, id.data, id.len);
	batch->count++;
	return batch->err < 0;
}

static struct sfs_span oid_of(const struct batch *batch, const struct item *item)
{
	return (struct sfs_span){ (const char *)batch->oids.data + item->oid_off, item->oid_len };
}

/** Keys of an object with targets in rows. @txn  NULL: no lock is held. */
static int take_whole(struct sfs_store *store, struct sfsi_txn *txn, struct batch *batch,
		      struct item *item)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	uint32_t class_id = batch->table->class->id;
	struct sfs_span oid = oid_of(batch, item);
	bool raw = batch->table->class->kind == SFS_CLASS_RAW;
	int err = raw   ? sfsi_raw_record_read(store, class_id, oid, &buf, &record)
		  : txn ? sfsi_object_load(txn, class_id, oid, &buf, &record)
			: sfsi_object_read(store, class_id, oid, &buf, &record);
	/* Removed since: then the class has changed, and the batch is taken again. */
	item->readable = err != SFS_ERR_NOT_FOUND && err != SFS_ERR_CORRUPT;
	if (!item->readable)
		return 0;
	return err < 0 ? err : take_keys(batch, item, oid, &record);
}

static int take_rest(struct sfs_store *store, struct sfsi_txn *txn, struct batch *batch)
{
	int err = 0;
	size_t i = 0;
	/* Those of the scan are in memory anyway: at least one of these is taken besides. */
	batch->weight = 0;
	for (; i < batch->count && !err && batch->weight < BATCH_BYTES; i++)
		if (batch->items[i].whole)
			err = take_whole(store, txn, batch, &batch->items[i]);
	/* The others are for the next batch. */
	batch->count = i;
	return err;
}

/** @ret_end  there is nothing behind the batch. */
static int take_batch(struct sfs_store *store, struct sfsi_txn *txn, struct batch *batch,
		      struct sfs_span cursor, bool *ret_end)
{
	struct sfsi_key prefix, after;
	struct sfs_span none = { "", 0 };
	if (cursor.len > SFS_OID_MAX)
		return SFS_ERR_CORRUPT;
	bool raw = batch->table->class->kind == SFS_CLASS_RAW;
	uint64_t serial = 0;
	if (raw && cursor.len && !sfsi_raw_id_read(cursor, &serial))
		return SFS_ERR_CORRUPT;
	sfsi_key_object(&prefix, none);
	sfsi_key_object(&after, cursor);
	if (raw) {
		prefix.data[0] = 'N';
		sfsi_key_serial(&after, 'N', serial);
	}
	struct sfsi_scan scan = {
		.partition = batch->table->class->id,
		.prefix = sfsi_key_span(&prefix),
		.after = cursor.len ? sfsi_key_span(&after) : none,
		.limit = batch->limit,
		.once = true,
	};
	batch->count = batch->weight = batch->oids.len = 0;
	batch->err = 0;
	int err = sfsi_backend_scan(store->backend, &scan, raw ? take_inode : take_row, batch);
	bool all = err == 0 && batch->count < batch->limit;
	if (err == SFS_ERR_CANCELLED)
		err = batch->err;
	size_t count = batch->count;
	if (!err)
		err = take_rest(store, txn, batch);
	*ret_end = all && batch->count == count;
	return err;
}

/** The table is whole: it takes the place of others of its name. */
static int make_ready(struct sfsi_txn *txn, struct sfsi_index_table *table)
{
	const struct sfsi_index_set *set = &table->class->tables;
	struct sfsi_index_edit *edit;
	int err = sfsi_index_edit(txn, table, &edit);
	if (err < 0)
		return err;
	edit->state = SFSI_INDEX_READY;
	edit->cursor.len = 0;
	for (size_t i = 0; i < set->len && !err; i++) {
		struct sfsi_index_table *other = set->items[i];
		if (other == table || other->state == SFSI_INDEX_DROPPING ||
		    other->name_len != table->name_len ||
		    memcmp(other->name, table->name, table->name_len) != 0)
			continue;
		err = sfsi_index_edit(txn, other, &edit);
		if (!err)
			edit->state = SFSI_INDEX_DROPPING;
	}
	return err;
}

static int insert_batch(struct sfsi_txn *txn, struct batch *batch)
{
	struct sfsi_index_edit *edit;
	struct sfs_span oid = { "", 0 };
	size_t others = 0; /* directories of raws */
	int err = 0;
	for (size_t i = 0; i < batch->count && !err; i++) {
		struct item *item = &batch->items[i];
		oid = oid_of(batch, item);
		others += !item->readable && batch->table->class->kind == SFS_CLASS_RAW;
		if (item->readable)
			err = sfsi_index_insert(txn, batch->table, oid, item->serial, &item->keys);
	}
	if (err || !batch->count)
		return err;
	err = sfsi_index_edit(txn, batch->table, &edit);
	if (err < 0)
		return err;
	edit->built += batch->count - others;
	edit->cursor.len = 0;
	return sfs_buf_append(&edit->cursor, oid.data, oid.len);
}

/** A copy of the cursor, and the last commit that touched the class. SFS_ERR_NOT_FOUND: not building. */
static int look(struct sfs_store *store, const struct sfsi_index_table *table,
		struct sfs_buf *ret_cursor, uint64_t *ret_commit)
{
	struct sfsi_state state;
	sfsi_class_state(store, table->class, &state);
	*ret_commit = state.commit;
	pthread_rwlock_rdlock(&store->index_lock);
	int err = table->state == SFSI_INDEX_BUILDING ? 0 : SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfs_buf_append(ret_cursor, table->cursor.data, table->cursor.len);
	pthread_rwlock_unlock(&store->index_lock);
	return err;
}

static int build_in(struct sfsi_txn *txn, struct batch *batch, struct sfs_span cursor,
		    uint64_t commit, bool end)
{
	struct sfsi_index_table *table = batch->table;
	struct sfsi_txn_class *copy;
	int err = sfsi_txn_class(txn, table->class->id, &copy);
	if (err < 0)
		return err;
	if (table->state != SFSI_INDEX_BUILDING)
		return SFS_ERR_NOT_FOUND;
	/* Somebody changed the class since the batch was taken: look again, nobody changes it now. */
	if (table->class->state.commit != commit ||
	    !sfs_span_equal(sfs_buf_span(&table->cursor), cursor)) {
		batch->limit = BATCH_LOCKED;
		err = take_batch(txn->store, txn, batch, sfs_buf_span(&table->cursor), &end);
	}
	if (!err)
		err = insert_batch(txn, batch);
	return !err && end ? make_ready(txn, table) : err;
}

static int build_step(struct sfs_store *store, struct sfsi_index_table *table)
{
	SFSI_AUTO_BUF struct sfs_buf cursor = SFS_BUF_INIT;
	SFSI_AUTO_FREE struct batch *batch = calloc(1, sizeof *batch);
	uint64_t commit;
	bool end = false;
	if (!batch)
		return SFS_ERR_NO_MEMORY;
	batch->table = table;
	batch->limit = BATCH;
	sfsi_index_names(store, table->class, &batch->names);
	struct sfsi_txn txn;
	int err = look(store, table, &cursor, &commit);
	if (!err)
		err = take_batch(store, NULL, batch, sfs_buf_span(&cursor), &end);
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (!err)
		err = sfsi_txn_end(&txn, build_in(&txn, batch, sfs_buf_span(&cursor), commit, end));
	for (size_t i = 0; i < BATCH; i++)
		sfsi_index_keys_fini(&batch->items[i].keys);
	sfs_buf_fini(&batch->oids);
	return err;
}

/* --- dropping --- */

static int drop_in(struct sfsi_txn *txn, struct sfsi_index_table *table)
{
	size_t count;
	struct sfsi_txn_class *copy;
	struct sfsi_index_row row;
	if (table->gone)
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_txn_class(txn, table->class->id, &copy);
	if (err < 0)
		return err;
	sfsi_index_row(&row, table->id, 0, (struct sfs_span){ "", 0 });
	err = sfsi_txn_remove_all(txn, table->class->id, (struct sfs_span){ row.data, row.len - 1 },
				  DROP_ROWS, &count);
	struct sfsi_index_edit *edit = NULL;
	if (!err && count < DROP_ROWS)
		err = sfsi_index_edit(txn, table, &edit);
	if (!err && edit)
		edit->gone = true;
	return err;
}

static int drop_step(struct sfs_store *store, struct sfsi_index_table *table)
{
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	return err < 0 ? err : sfsi_txn_end(&txn, drop_in(&txn, table));
}

/* --- dividing --- */

static int divide_step(struct sfs_store *store, struct sfsi_index_table *table)
{
	struct sfsi_txn txn;
	struct sfsi_txn_class *copy;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	err = sfsi_txn_class(&txn, table->class->id, &copy);
	if (!err && table->state == SFSI_INDEX_DROPPING)
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfsi_index_divide(&txn, table);
	return sfsi_txn_end(&txn, err);
}

int sfsi_index_step(struct sfs_store *store, struct sfsi_index_table *table)
{
	int err = SFS_ERR_NOT_FOUND;
	pthread_rwlock_rdlock(&store->index_lock);
	enum sfsi_index_state state = table->state;
	bool divide = table->waiting, gone = table->gone;
	pthread_rwlock_unlock(&store->index_lock);
	if (state == SFSI_INDEX_DROPPING)
		return gone ? err : drop_step(store, table);
	if (divide)
		err = divide_step(store, table);
	if (err == SFS_ERR_NOT_FOUND && state == SFSI_INDEX_BUILDING)
		err = build_step(store, table);
	return err;
}
