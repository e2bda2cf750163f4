/*
 * Scans inside a change: rows of the backend, with what the change itself has written so far. They are
 * copied first, so that whoever looks at them may go on changing.
 */
#include "backend/key.h"
#include "base/map.h"
#include "txn.h"

/** Rows of one scan, ordered by key. */
struct rows {
	struct sfsi_map map;
	size_t wanted, seen;  /* of the backend; wanted 0: all */
	struct sfsi_key last; /* of the backend */
};

static int put_row(struct rows *rows, struct sfs_span key, struct sfs_span val)
{
	struct sfsi_map_entry *entry = sfsi_map_entry_new(&rows->map, key, val);
	if (!entry)
		return SFS_ERR_NO_MEMORY;
	sfsi_map_entry_free(sfsi_map_put(&rows->map, entry));
	return 0;
}

static int backend_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct rows *rows = arg;
	rows->seen++;
	rows->last.len = 0;
	if (key.len <= sizeof rows->last.data)
		sfsi_key_append(&rows->last, key);
	return put_row(rows, key, val) < 0;
}

static struct sfs_span bytes_at(const struct sfsi_txn *txn, size_t off, size_t len)
{
	return (struct sfs_span){ len ? (const char *)txn->bytes.data + off : "", len };
}

/** The key of an operation that the scan would see; false: it is none. */
static bool op_in_scan(const struct sfsi_txn *txn, const struct sfsi_txn_op *op,
		       const struct sfsi_scan *scan, struct sfs_span *ret)
{
	if (op->partition != scan->partition)
		return false;
	*ret = bytes_at(txn, op->key_off, op->key_len);
	return sfsi_span_starts(*ret, scan->prefix) && sfsi_span_compare(*ret, scan->after) > 0;
}

static int overlay(const struct sfsi_txn *txn, const struct sfsi_scan *scan, struct rows *rows)
{
	/* Behind the last row that was read others may lie: nothing can be said about it yet. */
	bool all = !rows->wanted || rows->seen < rows->wanted;
	int err = 0;
	for (size_t i = 0; i < txn->ops_len && !err; i++) {
		const struct sfsi_txn_op *op = &txn->ops[i];
		struct sfs_span key;
		if (!op_in_scan(txn, op, scan, &key))
			continue;
		if (op->remove)
			sfsi_map_entry_free(sfsi_map_take(&rows->map, key));
		else if (all || sfsi_span_compare(key, sfsi_key_span(&rows->last)) <= 0)
			err = put_row(rows, key, bytes_at(txn, op->val_off, op->val_len));
	}
	return err;
}

static size_t count_removed(const struct sfsi_txn *txn, const struct sfsi_scan *scan)
{
	size_t count = 0;
	struct sfs_span key;
	for (size_t i = 0; i < txn->ops_len; i++)
		count += txn->ops[i].remove && op_in_scan(txn, &txn->ops[i], scan, &key);
	return count;
}

static int deliver(const struct rows *rows, size_t limit, sfsi_scan_fn *fn, void *arg)
{
	const struct sfsi_map_entry *entry = sfsi_map_seek(&rows->map, (struct sfs_span){ "", 0 });
	for (size_t given = 0; entry && (!limit || given < limit); given++) {
		if (fn(arg, sfsi_map_key(entry), sfsi_map_value(entry)))
			return SFS_ERR_CANCELLED;
		entry = sfsi_map_next(entry);
	}
	return 0;
}

int sfsi_txn_scan(struct sfsi_txn *txn, const struct sfsi_scan *scan, sfsi_scan_fn *fn, void *arg)
{
	struct rows rows = { .seen = 0 };
	struct sfsi_scan below = *scan;
	if (scan->limit)
		rows.wanted = below.limit = scan->limit + count_removed(txn, scan);
	sfsi_map_init(&rows.map);
	int err = sfsi_backend_scan(txn->store->backend, &below, backend_row, &rows);
	if (err == SFS_ERR_CANCELLED)
		err = SFS_ERR_NO_MEMORY;
	if (!err)
		err = overlay(txn, scan, &rows);
	if (!err)
		err = deliver(&rows, scan->limit, fn, arg);
	sfsi_map_fini(&rows.map);
	return err;
}

struct removal {
	struct sfsi_txn *txn;
	uint32_t partition;
	size_t count;
	int err;
};

static int remove_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct removal *removal = arg;
	(void)val;
	removal->err = sfsi_txn_remove(removal->txn, removal->partition, key);
	removal->count += !removal->err;
	return removal->err < 0;
}

int sfsi_txn_remove_all(struct sfsi_txn *txn, uint32_t partition, struct sfs_span prefix,
			size_t limit, size_t *ret_count)
{
	struct removal removal = { .txn = txn, .partition = partition };
	struct sfsi_scan scan = {
		.partition = partition,
		.prefix = prefix,
		.limit = limit,
		.keys_only = true,
		.once = true,
	};
	int err = sfsi_backend_scan(txn->store->backend, &scan, remove_row, &removal);
	if (err)
		return err == SFS_ERR_CANCELLED ? removal.err : err;
	if (ret_count)
		*ret_count = removal.count;
	return 0;
}
