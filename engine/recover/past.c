/*
 * What is kept of the past in the new store: the trash and the history of objects. What is in the trash has two
 * rows, which must both be there; of the versions of an object its head names those that are.
 */
#include <inttypes.h>
#include "history.h"
#include "recover/recover.h"
#include "trash.h"

/* Behind "VS" and the slot. */
#define SLOT_OID 3

struct past {
	struct sfsi_recovery *rec;
	struct sfsi_recover_class *class;
	struct sfs_trash_stat trash;
};

static int get(struct past *past, const struct sfsi_key *key, struct sfs_buf *ret)
{
	int err = sfsi_recover_flush(past->rec);
	return err < 0 ? err
		       : sfsi_backend_get(past->rec->to, past->class->id, sfsi_key_span(key), ret);
}

static int drop(struct past *past, struct sfs_span key)
{
	return sfsi_recover_drop(past->rec, past->class->id, key);
}

static bool is_gone(int err)
{
	return err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT || err == SFS_ERR_VERSION;
}

/* --- the trash --- */

/** Is what an entry lists there, and nothing else under its number? */
static int what_is_there(struct past *past, const struct sfsi_trash_entry *entry)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT, alive = SFS_BUF_INIT;
	struct sfsi_trash trash;
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', entry->serial);
	int err = get(past, &key, &alive);
	if (err != SFS_ERR_NOT_FOUND)
		return err < 0 ? err : SFS_ERR_NOT_FOUND;
	sfsi_trash_what_key(&key, entry->serial);
	err = get(past, &key, &val);
	if (!err)
		err = sfsi_trash_decode(sfs_buf_span(&val), sfsi_key_span(&key), &trash);
	if (!err && (trash.removed_ns != entry->removed_ns || trash.bytes != entry->bytes ||
		     trash.type != entry->type || !sfs_span_equal(trash.name, entry->name)))
		err = SFS_ERR_CORRUPT;
	return err;
}

static int see_entry(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct past *past = arg;
	SFSI_AUTO_BUF struct sfs_buf moved = SFS_BUF_INIT;
	struct sfsi_trash_entry entry;
	struct sfsi_key now;
	int err = sfsi_trash_entry_decode(val, key, &entry);
	if (!err)
		err = what_is_there(past, &entry);
	if (is_gone(err))
		return drop(past, key);
	if (err < 0)
		return err;
	/* Cookies follow from the store's uuid, and that may be a new one. */
	entry.cookie = sfsi_recover_cookie(past->rec, entry.name);
	sfsi_trash_entry_key(&now, sfsi_trash_second(entry.removed_ns), entry.cookie, entry.serial);
	if (sfs_span_equal(sfsi_key_span(&now), key))
		return 0;
	err = sfsi_trash_entry_encode(&entry, sfsi_key_span(&now), &moved);
	if (!err)
		err = sfsi_recover_put(past->rec, past->class->id, sfsi_key_span(&now),
				       sfs_buf_span(&moved));
	return err < 0 ? err : drop(past, key);
}

/** What nothing lists nobody would find. */
static int see_what(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct past *past = arg;
	SFSI_AUTO_BUF struct sfs_buf entry = SFS_BUF_INIT;
	struct sfsi_trash trash = { .name = { "", 0 } };
	struct sfsi_key at;
	int err = sfsi_trash_decode(val, key, &trash);
	if (!err) {
		sfsi_trash_entry_key(&at, sfsi_trash_second(trash.removed_ns),
				     sfsi_recover_cookie(past->rec, trash.name), trash.serial);
		err = get(past, &at, &entry);
	}
	if (!err) {
		past->trash.entries++;
		past->trash.bytes += trash.bytes;
	}
	if (!is_gone(err))
		return err;
	err = sfsi_recover_say(past->rec, SFS_RECOVER_NOTE, past->class->id, trash.name,
			       "what the trash had of it is lost");
	return err < 0 ? err : drop(past, key);
}

static int make_trash(struct past *past)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	int err = sfsi_recover_each(past->rec, past->class->id, sfs_span_str(SFSI_TRASH_ENTRIES),
				    see_entry, past);
	if (!err)
		err = sfsi_recover_each(past->rec, past->class->id, sfs_span_str(SFSI_TRASH_WHAT),
					see_what, past);
	sfsi_trash_count_key(&key);
	if (err < 0)
		return err;
	if (!past->trash.entries)
		return drop(past, sfsi_key_span(&key));
	err = sfsi_trash_count_encode(&past->trash, sfsi_key_span(&key), &val);
	return err < 0 ? err
		       : sfsi_recover_put(past->rec, past->class->id, sfsi_key_span(&key),
					  sfs_buf_span(&val));
}

/* --- history --- */

/** What a version has in the trash. */
static int bytes_are_there(struct past *past, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_trash trash;
	struct sfsi_key key;
	sfsi_trash_what_key(&key, serial);
	int err = get(past, &key, &val);
	if (!err)
		err = sfsi_trash_decode(sfs_buf_span(&val), sfsi_key_span(&key), &trash);
	return !err && trash.type != SFS_NODE_OBJECT ? SFS_ERR_NOT_FOUND : err;
}

static int version_is_there(struct past *past, struct sfs_span oid,
			    const struct sfsi_version *version)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_version_row row;
	struct sfsi_key key;
	sfsi_history_slot_key(&key, version->slot, oid);
	int err = get(past, &key, &val);
	if (!err)
		err = sfsi_version_decode(sfs_buf_span(&val), sfsi_key_span(&key), &row);
	if (!err && row.time_ns != version->time_ns)
		return SFS_ERR_NOT_FOUND;
	return !err && row.trash ? bytes_are_there(past, row.trash) : err;
}

/** The head keeps the versions that are there. */
static int see_head(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct past *past = arg;
	SFSI_AUTO_BUF struct sfs_buf fixed = SFS_BUF_INIT;
	SFSI_AUTO_FREE struct sfsi_history *history = calloc(1, sizeof *history);
	struct sfs_span oid = sfsi_span_skip(key, 2);
	if (!history)
		return SFS_ERR_NO_MEMORY;
	if (!oid.len || oid.len > SFS_OID_MAX || sfsi_history_decode(val, key, history) < 0)
		return drop(past, key);
	size_t count = 0;
	for (size_t i = 0; i < history->count; i++) {
		int err = version_is_there(past, oid, &history->items[i]);
		if (!err)
			history->items[count++] = history->items[i];
		else if (!is_gone(err))
			return err;
	}
	if (count == history->count)
		return 0;
	int err = sfsi_recover_say(past->rec, SFS_RECOVER_NOTE, past->class->id, oid,
				   "%zu of its earlier versions are lost", history->count - count);
	history->count = count;
	if (err < 0 || !count)
		return err < 0 ? err : drop(past, key);
	err = sfsi_history_encode(history, key, &fixed);
	return err < 0 ? err
		       : sfsi_recover_put(past->rec, past->class->id, key, sfs_buf_span(&fixed));
}

/** A version that no head names. */
static int see_version(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct past *past = arg;
	SFSI_AUTO_BUF struct sfs_buf head = SFS_BUF_INIT;
	SFSI_AUTO_FREE struct sfsi_history *history = calloc(1, sizeof *history);
	struct sfsi_version_row row;
	struct sfsi_key at;
	int err = history ? 0 : SFS_ERR_NO_MEMORY;
	if (!err && (key.len <= SLOT_OID || key.len > SLOT_OID + SFS_OID_MAX))
		return drop(past, key);
	if (!err) {
		sfsi_history_key(&at, sfsi_span_skip(key, SLOT_OID));
		err = get(past, &at, &head);
	}
	if (!err)
		err = sfsi_history_decode(sfs_buf_span(&head), sfsi_key_span(&at), history);
	if (!err)
		err = sfsi_version_decode(val, key, &row);
	bool named = false;
	for (size_t i = 0; !err && i < history->count; i++)
		named |= history->items[i].slot == ((const uint8_t *)key.data)[2] &&
			 history->items[i].time_ns == row.time_ns;
	if (err && !is_gone(err))
		return err;
	return named ? 0 : drop(past, key);
}

int sfsi_recover_past(struct sfsi_recovery *rec, struct sfsi_recover_class *class)
{
	struct past past = { .rec = rec, .class = class };
	int err = make_trash(&past);
	if (!err)
		err = sfsi_recover_each(rec, class->id, sfs_span_str("VH"), see_head, &past);
	return err < 0 ? err
		       : sfsi_recover_each(rec, class->id, sfs_span_str("VS"), see_version, &past);
}
