/*
 * Objects inside a change: reading a record, and making of an object what it becomes. All that
 * saves, moves and removes objects goes through sfsi_object_change(), so that nothing can be written
 * without what follows from it.
 */
#include "departed.h"
#include "derive.h"
#include "history.h"
#include "mirror/mirror.h"
#include "object.h"
#include "rows.h"

int sfsi_object_load_stored(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
			    struct sfs_buf *buf, struct sfsi_record *ret)
{
	struct sfsi_key key, entry;
	const struct sfsi_class *class = sfsi_class_ref(txn->store, class_id);
	bool database = class && class->database;
	sfsi_key_object(&key, oid);
	sfsi_key_entry(&entry, SFSI_DIR_OBJECTS, sfsi_cookie(txn->store, oid), oid);
	/* Who makes an object has looked for its entry just now; record and entry go together. */
	if (sfsi_txn_lacks(txn, class_id, sfsi_key_span(database ? &key : &entry)))
		return SFS_ERR_NOT_FOUND;
	int err = sfsi_txn_get(txn, class_id, sfsi_key_span(&key), buf);
	if (!err)
		err = sfsi_record_decode(sfs_buf_span(buf), sfsi_key_span(&key), ret);
	return err;
}

static int scan_rows(void *arg, const struct sfsi_scan *scan, sfsi_scan_fn *fn, void *fn_arg)
{
	return sfsi_txn_scan(arg, scan, fn, fn_arg);
}

int sfsi_object_load(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		     struct sfs_buf *buf, struct sfsi_record *ret)
{
	int err = sfsi_object_load_stored(txn, class_id, oid, buf, ret);
	if (!err && sfsi_rows_valid(ret))
		err = sfsi_rows_assemble(class_id, scan_rows, txn, buf, ret);
	return err;
}

static void entry_key(const struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		      const struct sfsi_record *record, struct sfsi_key *ret)
{
	sfsi_object_entry(txn->store, sfsi_class_ref(txn->store, class_id), oid,
			  record->object.number, ret);
}

/** Write a record and its entry. */
static int store_record(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
			const struct sfsi_record *record)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_key_object(&key, oid);
	int err = sfsi_record_encode(record, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&value));
	if (err < 0)
		return err;
	uint8_t entry[SFSI_ENTRY_SIZE];
	size_t len = sfsi_entry_encode(&record->object, entry);
	entry_key(txn, class_id, oid, record, &key);
	return sfsi_txn_put(txn, class_id, sfsi_key_span(&key), (struct sfs_span){ entry, len });
}

/** Write the inode that leads from the number to the oid. */
static int store_inode(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial,
		       struct sfs_span oid)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_inode inode = { .type = SFS_NODE_OBJECT, .serial = serial, .text = oid };
	int err = sfsi_inode_encode(&inode, &value);
	sfsi_key_serial(&key, 'N', serial);
	if (!err)
		err = sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&value));
	return err;
}

static int note(struct sfsi_txn *txn, enum sfs_change_type type, uint32_t class_id,
		const struct sfsi_derive_side *side)
{
	return sfsi_txn_note(txn, type, sfs_ino_make(class_id, side->record->object.serial),
			     sfs_ino_make(class_id, SFSI_SERIAL_ROOT), true, side->oid);
}

/** Remove record, entry and inode. */
static int remove_rows(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_derive_side *side)
{
	struct sfsi_key key;
	sfsi_key_object(&key, side->oid);
	int err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	entry_key(txn, class_id, side->oid, side->record, &key);
	if (!err)
		err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	sfsi_key_serial(&key, 'N', side->record->object.serial);
	if (!err)
		err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	sfsi_departed_drop(txn->store->departed, class_id, side->oid);
	return err;
}

/** An oid that is not that of an object any more, or is one now. Counted with the class. */
static int change_name(struct sfsi_txn *txn, uint32_t class_id,
		       const struct sfsi_derive_side *before, const struct sfsi_derive_side *after)
{
	struct sfsi_txn_class *class;
	int err = 0;
	if (before->record)
		err = remove_rows(txn, class_id, before);
	if (!err && after->record)
		err = store_inode(txn, class_id, after->record->object.serial, after->oid);
	if (!err)
		err = sfsi_txn_class(txn, class_id, &class);
	if (err)
		return err;
	class->state.objects += (after->record ? 1 : 0);
	class->state.objects -= (before->record ? 1 : 0);
	class->state.mtime_ns = class->state.ctime_ns = txn->now_ns;
	if (before->record)
		err = sfsi_positions_count(txn, class->class, before->oid, -1);
	if (!err && after->record)
		err = sfsi_positions_count(txn, class->class, after->oid, 1);
	if (!err && before->record)
		err = note(txn, SFS_CHANGE_REMOVED, class_id, before);
	return !err && after->record ? note(txn, SFS_CHANGE_ADDED, class_id, after) : err;
}

/** The record, with the rows of its relations. */
static int store_body(struct sfsi_txn *txn, uint32_t class_id,
		      const struct sfsi_derive_side *before, const struct sfsi_derive_side *after)
{
	struct sfs_buf bufs[2] = { SFS_BUF_INIT, SFS_BUF_INIT };
	struct sfsi_record record;
	int err = sfsi_rows_store(txn, class_id, before->record, after->record, bufs, &record);
	/* In a database the entry may be at another place. */
	if (!err && after->record && before->record &&
	    before->record->object.number != after->record->object.number) {
		struct sfsi_key key;
		entry_key(txn, class_id, before->oid, before->record, &key);
		err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	}
	if (!err && after->record)
		err = store_record(txn, class_id, after->oid, &record);
	sfs_buf_fini(&bufs[0]);
	sfs_buf_fini(&bufs[1]);
	return err;
}

int sfsi_object_change(struct sfsi_txn *txn, uint32_t class_id,
		       const struct sfsi_derive_side *before, const struct sfsi_derive_side *after)
{
	struct sfsi_txn_class *class;
	bool same_name = before->record && after->record && sfs_span_equal(before->oid, after->oid);
	/* The class takes part in the commit, whatever becomes of the object. */
	int err = sfsi_txn_class(txn, class_id, &class);
	if (!err)
		err = sfsi_history_keep(txn, class_id, before, after);
	if (!err && !same_name)
		err = change_name(txn, class_id, before, after);
	if (!err)
		err = store_body(txn, class_id, before, after);
	if (!err && same_name)
		err = note(txn, SFS_CHANGE_NODE, class_id, after);
	if (!err && before->record)
		err = sfsi_mirror_note_object(txn, class_id, before->oid);
	if (!err && after->record && !same_name)
		err = sfsi_mirror_note_object(txn, class_id, after->oid);
	return err < 0 ? err : sfsi_derive(txn, class_id, before, after);
}
