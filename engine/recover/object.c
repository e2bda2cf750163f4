/*
 * Objects of the new store: each record gets its entry and its inode. The rows of a relation to many have
 * to be what the record says of them, else the record says what they are.
 *
 * Two records with one serial are one object that was renamed: a backup brought back the older one.
 */
#include <inttypes.h>
#include "recover/recover.h"
#include "rows.h"

struct making {
	struct sfsi_recovery *rec;
	struct sfsi_recover_class *class;
};

/* --- rows of relations --- */

/** The targets of one relation, as they are. */
struct targets {
	struct sfsi_recovery *rec;
	uint32_t partition;
	uint64_t serial;
	struct sfs_span name;
	uint64_t count, last;
	bool wrong; /* a row of one kind lacks that of the other */
};

static int see_target(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct targets *targets = arg;
	SFSI_AUTO_BUF struct sfs_buf other = SFS_BUF_INIT;
	struct sfs_span oid;
	struct sfsi_key at;
	uint64_t position = 0;
	int err = sfsi_rows_oid(key, val, &oid);
	if (!err) {
		sfsi_rows_target(targets->serial, targets->name, oid, &at);
		err = sfsi_backend_get(targets->rec->to, targets->partition, sfsi_key_span(&at),
				       &other);
	}
	if (!err)
		err = sfsi_rows_position(sfsi_key_span(&at), sfs_buf_span(&other), &position);
	if (!err && position == sfsi_rows_key_position(key)) {
		targets->count++;
		targets->last = position;
		return 0;
	}
	if (err && err != SFS_ERR_NOT_FOUND && err != SFS_ERR_CORRUPT)
		return err;
	targets->wrong = true;
	return sfsi_recover_drop(targets->rec, targets->partition, key);
}

static int drop_lone(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct targets *targets = arg;
	SFSI_AUTO_BUF struct sfs_buf other = SFS_BUF_INIT;
	uint64_t position;
	struct sfsi_key at;
	if (sfsi_rows_position(key, val, &position) == 0) {
		sfsi_rows_place(targets->serial, targets->name, position, &at);
		if (sfsi_backend_get(targets->rec->to, targets->partition, sfsi_key_span(&at),
				     &other) == 0)
			return 0;
	}
	return sfsi_recover_drop(targets->rec, targets->partition, key);
}

static int count_targets(struct targets *targets)
{
	struct sfsi_key prefix;
	sfsi_rows_prefix('P', targets->serial, targets->name, &prefix);
	int err = sfsi_recover_each(targets->rec, targets->partition, sfsi_key_span(&prefix),
				    see_target, targets);
	sfsi_rows_prefix('T', targets->serial, targets->name, &prefix);
	return err < 0 ? err
		       : sfsi_recover_each(targets->rec, targets->partition, sfsi_key_span(&prefix),
					   drop_lone, targets);
}

/** Make the list of the record say what there is. *ret_list is appended to. */
static int fix_list(struct making *making, const struct sfsi_record *record, struct sfs_span oid,
		    struct sfs_buf *ret_list, bool *ret_changed)
{
	struct sfsi_reader reader = sfsi_reader(record->rows.list);
	struct sfsi_rows rows;
	int err = 0;
	while (!err && sfsi_rows_next(&reader, &rows)) {
		struct targets targets = {
			.rec = making->rec,
			.partition = making->class->id,
			.serial = record->object.serial,
			.name = rows.name,
		};
		err = count_targets(&targets);
		if (!err && targets.count != rows.count) {
			err = sfsi_recover_say(
				making->rec, SFS_RECOVER_LOST, making->class->id, oid,
				"relation %.*s has %" PRIu64 " targets, %" PRIu64 " were saved",
				(int)rows.name.len, (const char *)rows.name.data, targets.count,
				rows.count);
			rows.count = targets.count;
			rows.regular = false;
			*ret_changed = true;
		}
		if (rows.next <= targets.last) {
			rows.next = targets.last + SFSI_ROWS_STRIDE;
			*ret_changed = true;
		}
		if (!err)
			err = sfsi_rows_put(ret_list, &rows);
	}
	return err;
}

static int fix_rows(struct making *making, struct sfs_span key, const struct sfsi_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf list = SFS_BUF_INIT, val = SFS_BUF_INIT;
	bool changed = false;
	int err = fix_list(making, record, sfsi_span_skip(key, 1), &list, &changed);
	if (err < 0 || !changed)
		return err;
	struct sfsi_record fixed = *record;
	fixed.rows.list = sfs_buf_span(&list);
	err = sfsi_record_encode(&fixed, key, &val);
	return err < 0 ? err
		       : sfsi_recover_put(making->rec, making->class->id, key, sfs_buf_span(&val));
}

/* --- entries and inodes --- */

static int put_entry(struct making *making, struct sfs_span oid, const struct sfsi_object *object)
{
	uint8_t bytes[SFSI_ENTRY_SIZE];
	struct sfsi_key key;
	size_t len = sfsi_entry_encode(object, bytes);
	sfsi_key_entry(&key, SFSI_DIR_OBJECTS, sfsi_recover_cookie(making->rec, oid), oid);
	return sfsi_recover_put(making->rec, making->class->id, sfsi_key_span(&key),
				(struct sfs_span){ bytes, len });
}

static int put_inode(struct making *making, struct sfs_span oid, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	const struct sfsi_inode inode = {
		.type = SFS_NODE_OBJECT,
		.serial = serial,
		.text = oid,
	};
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_inode_encode(&inode, &val);
	return err < 0 ? err
		       : sfsi_recover_put(making->rec, making->class->id, sfsi_key_span(&key),
					  sfs_buf_span(&val));
}

static int drop_object(struct making *making, struct sfs_span oid)
{
	struct sfsi_key key;
	making->class->objects--;
	sfsi_key_object(&key, oid);
	int err = sfsi_recover_drop(making->rec, making->class->id, sfsi_key_span(&key));
	sfsi_key_entry(&key, SFSI_DIR_OBJECTS, sfsi_recover_cookie(making->rec, oid), oid);
	return err < 0 ? err
		       : sfsi_recover_drop(making->rec, making->class->id, sfsi_key_span(&key));
}

static int revision_of(struct making *making, struct sfs_span oid, uint64_t *ret)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_key key;
	sfsi_key_object(&key, oid);
	int err = sfsi_backend_get(making->rec->to, making->class->id, sfsi_key_span(&key), &val);
	if (!err)
		err = sfsi_record_decode(sfs_buf_span(&val), sfsi_key_span(&key), &record);
	if (!err)
		*ret = record.object.revision;
	return err;
}

/** Has another object the serial? Then the older one of the two goes; *ret_drop: this one. */
static int settle_serial(struct making *making, struct sfs_span oid,
			 const struct sfsi_object *object, bool *ret_drop)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_inode inode;
	struct sfsi_key key;
	uint64_t other = 0;
	/* Only what a backup brought back can be there twice. */
	if (!making->rec->result.from_backup)
		return 0;
	sfsi_key_serial(&key, 'N', object->serial);
	int err = sfsi_recover_flush(making->rec);
	if (!err)
		err = sfsi_backend_get(making->rec->to, making->class->id, sfsi_key_span(&key),
				       &val);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(&val), object->serial, &inode);
	if (err < 0 || inode.type != SFS_NODE_OBJECT)
		return err;
	err = revision_of(making, inode.text, &other);
	if (err < 0)
		return err;
	*ret_drop = other > object->revision;
	struct sfs_span gone = *ret_drop ? oid : inode.text, stays = *ret_drop ? inode.text : oid;
	err = sfsi_recover_say(making->rec, SFS_RECOVER_NOTE, making->class->id, gone,
			       "it is called %.*s now", (int)stays.len, (const char *)stays.data);
	return err < 0 ? err : drop_object(making, gone);
}

static int make_one(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct making *making = arg;
	struct sfs_span oid = sfsi_span_skip(key, 1);
	struct sfsi_record record;
	bool drop = false;
	int err = sfsi_record_decode(val, key, &record);
	if (err < 0 || !oid.len || oid.len > SFS_OID_MAX)
		return sfsi_recover_drop(making->rec, making->class->id, key);
	making->class->objects++;
	err = settle_serial(making, oid, &record.object, &drop);
	if (err < 0 || drop)
		return err;
	if (record.rows.list.len)
		err = fix_rows(making, key, &record);
	if (!err)
		err = put_entry(making, oid, &record.object);
	return err < 0 ? err : put_inode(making, oid, record.object.serial);
}

/* --- rows that belong to nothing --- */

/** Has this serial an object? */
static int owner(struct making *making, uint64_t serial, struct sfs_buf *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', serial);
	return sfsi_backend_get(making->rec->to, making->class->id, sfsi_key_span(&key), ret);
}

static int sweep_rows(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct making *making = arg;
	SFSI_AUTO_BUF struct sfs_buf inode = SFS_BUF_INIT;
	(void)val;
	int err = key.len > 10 ? owner(making, sfsi_get_be64((const uint8_t *)key.data + 2), &inode)
			       : SFS_ERR_NOT_FOUND;
	return err == SFS_ERR_NOT_FOUND ? sfsi_recover_drop(making->rec, making->class->id, key)
					: err;
}

/* --- refused texts --- */

static int part_is_whole(struct making *making, char part, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfs_span content;
	struct sfsi_key key;
	sfsi_key_refused_part(&key, part, serial);
	int err = sfsi_backend_get(making->rec->to, making->class->id, sfsi_key_span(&key), &val);
	return err < 0 ? err
		       : sfsi_sealed_decode(sfs_buf_span(&val), sfsi_key_span(&key), &content);
}

static bool is_gone(int err)
{
	return err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT || err == SFS_ERR_VERSION;
}

/** Cookies follow from the store's uuid, and that may be a new one. */
static int rekey_refused(struct making *making, struct sfs_span key, struct sfs_span oid,
			 const struct sfsi_refused *refused)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key now;
	sfsi_key_refused(&now, sfsi_recover_cookie(making->rec, oid), oid);
	if (sfs_span_equal(key, sfsi_key_span(&now))) {
		making->class->refused++;
		return 0;
	}
	/* It is met again, and counted, if it is ahead. */
	making->class->refused += sfsi_span_compare(sfsi_key_span(&now), key) < 0;
	int err = sfsi_refused_encode(refused, sfsi_key_span(&now), &val);
	if (!err)
		err = sfsi_recover_put(making->rec, making->class->id, sfsi_key_span(&now),
				       sfs_buf_span(&val));
	return err < 0 ? err : sfsi_recover_drop(making->rec, making->class->id, key);
}

static int see_refused(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct making *making = arg;
	struct sfsi_refused refused;
	struct sfs_span oid = sfsi_span_skip(key, key.len < SFSI_REFUSED_NAME ? key.len
									      : SFSI_REFUSED_NAME);
	int err = sfsi_refused_decode(val, key, &refused);
	if (!err)
		err = part_is_whole(making, 'T', refused.serial);
	if (!err)
		err = part_is_whole(making, 'N', refused.serial);
	if (!err && refused.removed)
		err = part_is_whole(making, 'T', refused.removed);
	if (!err && refused.removed)
		err = part_is_whole(making, 'N', refused.removed);
	if (!err)
		return rekey_refused(making, key, oid, &refused);
	if (!is_gone(err))
		return err;
	err = sfsi_recover_say(making->rec, SFS_RECOVER_LOST, making->class->id, oid,
			       "the text of a save that was refused");
	return err < 0 ? err : sfsi_recover_drop(making->rec, making->class->id, key);
}

/** The entry of the oid that a part says: does it name the part? */
static int names_part(struct making *making, struct sfs_span oid, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_refused refused;
	struct sfsi_key key;
	if (!oid.len || oid.len > SFS_OID_MAX)
		return SFS_ERR_NOT_FOUND;
	sfsi_key_refused(&key, sfsi_recover_cookie(making->rec, oid), oid);
	int err = sfsi_backend_get(making->rec->to, making->class->id, sfsi_key_span(&key), &val);
	if (!err)
		err = sfsi_refused_decode(sfs_buf_span(&val), sfsi_key_span(&key), &refused);
	return !err && refused.serial != serial && refused.removed != serial ? SFS_ERR_NOT_FOUND
									     : err;
}

/** A part whose entry is gone: nobody would find it. */
static int sweep_part(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct making *making = arg;
	SFSI_AUTO_BUF struct sfs_buf name = SFS_BUF_INIT;
	struct sfs_span oid;
	struct sfsi_key at;
	int err = SFS_ERR_NOT_FOUND;
	(void)val;
	if (key.len == 10) {
		uint64_t serial = sfsi_get_be64((const uint8_t *)key.data + 2);
		sfsi_key_refused_part(&at, 'N', serial);
		err = sfsi_backend_get(making->rec->to, making->class->id, sfsi_key_span(&at),
				       &name);
		if (!err)
			err = sfsi_sealed_decode(sfs_buf_span(&name), sfsi_key_span(&at), &oid);
		if (!err)
			err = names_part(making, oid, serial);
	}
	return is_gone(err) ? sfsi_recover_drop(making->rec, making->class->id, key) : err;
}

static int make_refused(struct making *making)
{
	struct sfsi_recovery *rec = making->rec;
	int err = sfsi_recover_each(rec, making->class->id, sfs_span_str("RE"), see_refused,
				    making);
	/* The name of a text is asked for when the text is looked at: it goes last. */
	if (!err)
		err = sfsi_recover_each(rec, making->class->id, sfs_span_str("RT"), sweep_part,
					making);
	return err < 0 ? err
		       : sfsi_recover_each(rec, making->class->id, sfs_span_str("RN"), sweep_part,
					   making);
}

int sfsi_recover_objects(struct sfsi_recovery *rec, struct sfsi_recover_class *class)
{
	struct making making = { .rec = rec, .class = class };
	int err = sfsi_recover_each(rec, class->id, sfs_span_str("O"), make_one, &making);
	if (!err)
		err = sfsi_recover_each(rec, class->id, sfs_span_str("L"), sweep_rows, &making);
	return err < 0 ? err : make_refused(&making);
}
