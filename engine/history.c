/*
 * What a change keeps of an object: the version before it, in the same commit.
 *
 * Not every state is worth a version. A program that saves a hundred times a second would push out all that
 * was there before within a moment; so a state that was in force for less than the setting
 * history_every is kept only when none was kept for SPACING times as long, and one that was never committed is not kept.
 * What is removed is kept in any case, in the place of another one that lived as shortly.
 */
#include "history.h"
#include "object.h"
#include "rows.h"
#include "trash.h"

/** A program that never stops saving gets a version once in so many times history_every. */
#define SPACING 60
/** An object with more targets in rows is read whole for a version once a minute at most. */
#define ROWS_MANY 1024
#define ROWS_SPACING_NS ((int64_t)60 * 1000000000)

/** A version in the making. */
struct keeping {
	struct sfsi_txn *txn;
	uint32_t class_id;
	const struct sfsi_derive_side *before;
	bool gone;    /* the object goes… */
	bool renamed; /* …to another name */
	struct sfs_settings settings;
	struct sfsi_history history;
};

/* --- what is there --- */

int64_t sfsi_history_since(const struct sfsi_history *history, const struct sfsi_record *record)
{
	/* mtime is the user's to set. A change of white space alone shows in the end of the version before. */
	int64_t since = record->updated_ns;
	if (history->count && history->items[history->count - 1].until_ns > since)
		since = history->items[history->count - 1].until_ns;
	return since < record->object.ctime_ns ? since : record->object.ctime_ns;
}

size_t sfsi_history_spent(const struct sfsi_history *history, const struct sfs_settings *settings,
			  int64_t now_ns, size_t room)
{
	const int64_t age = (int64_t)settings->history_for_s * 1000000000;
	size_t count = 0;
	while (count < history->count && (history->count - count + room > settings->history ||
					  history->items[count].until_ns < now_ns - age))
		count++;
	return count;
}

int sfsi_history_drop(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		      struct sfsi_history *history, size_t count, int keep)
{
	struct sfsi_key key;
	int err = 0;
	for (size_t i = 0; i < count && !err; i++) {
		if (history->items[i].slot == keep)
			continue;
		sfsi_history_slot_key(&key, history->items[i].slot, oid);
		err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	}
	history->count -= count;
	memmove(history->items, history->items + count, history->count * sizeof *history->items);
	return err;
}

/** A head that can not be read keeps no object from being saved: its versions are lost as they are. */
static int load_head(struct keeping *keeping)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_history_key(&key, keeping->before->oid);
	int err = sfsi_txn_get(keeping->txn, keeping->class_id, sfsi_key_span(&key), &val);
	if (!err)
		err = sfsi_history_decode(sfs_buf_span(&val), sfsi_key_span(&key),
					  &keeping->history);
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT || err == SFS_ERR_VERSION) {
		keeping->history.count = 0;
		err = 0;
	}
	return err;
}

/* --- is it worth a version? --- */

static bool same_document(const struct sfsi_record *one, const struct sfsi_record *other)
{
	if (one->has_text != other->has_text ||
	    (one->has_text && one->text_format != other->text_format))
		return false;
	if (one->has_text && !sfs_span_equal(one->text, other->text))
		return false;
	return sfs_span_equal(one->body, other->body) &&
	       sfs_span_equal(one->rows.list, other->rows.list);
}

/** Is the record as it is stored, without the targets that have rows? */
static bool is_partial(const struct sfsi_record *record)
{
	return sfsi_rows_valid(record) && record->rows.stored.data == record->body.data;
}

static uint64_t count_targets(const struct sfsi_record *record)
{
	struct sfsi_reader reader = sfsi_reader(record->rows.list);
	struct sfsi_rows rows;
	uint64_t count = 0;
	while (sfsi_rows_next(&reader, &rows))
		count += rows.count;
	return count;
}

/** What came of the last change, by its clock; one of the future was set wrong, and is long ago. */
static int64_t since_last(const struct keeping *keeping)
{
	const struct sfsi_history *history = &keeping->history;
	if (!history->count)
		return INT64_MAX;
	int64_t until_ns = history->items[history->count - 1].until_ns;
	return until_ns > keeping->txn->now_ns ? INT64_MAX : keeping->txn->now_ns - until_ns;
}

static bool is_short(const struct keeping *keeping, int64_t since_ns, int64_t until_ns)
{
	return until_ns >= since_ns &&
	       until_ns - since_ns < (int64_t)keeping->settings.history_every_s * 1000000000;
}

static bool is_last_short(const struct keeping *keeping)
{
	const struct sfsi_history *history = &keeping->history;
	const struct sfsi_version *last = history->items + history->count - 1;
	return history->count && is_short(keeping, last->time_ns, last->until_ns);
}

static int64_t spacing(const struct keeping *keeping)
{
	return SPACING * (int64_t)keeping->settings.history_every_s * 1000000000;
}

static bool is_wanted(const struct keeping *keeping, bool brief)
{
	const struct sfsi_record *record = keeping->before->record;
	if (is_partial(record) && count_targets(record) > ROWS_MANY &&
	    since_last(keeping) < ROWS_SPACING_NS)
		return false;
	if (!brief || (keeping->gone && !keeping->renamed))
		return true;
	return keeping->history.count ? since_last(keeping) >= spacing(keeping) : !keeping->renamed;
}

/* --- keeping it --- */

static int64_t free_time(const struct sfsi_history *history, int64_t time_ns)
{
	time_ns -= ((time_ns % 1000) + 1000) % 1000;
	for (size_t i = history->count; i > 0; i--)
		if (history->items[i - 1].time_ns == time_ns) {
			time_ns += 1000;
			i = history->count + 1;
		}
	return time_ns;
}

static uint8_t free_slot(const struct sfsi_history *history)
{
	bool taken[SFSI_HISTORY_MAX] = { false };
	uint8_t slot = 0;
	for (size_t i = 0; i < history->count; i++)
		taken[history->items[i].slot] = true;
	while (taken[slot])
		slot++;
	return slot;
}

/** Does this commit put the object into the trash? Then it is kept there, once. */
static bool is_in_trash(const struct keeping *keeping, const struct sfsi_record *record)
{
	struct sfsi_key key;
	sfsi_trash_what_key(&key, record->object.serial);
	return sfsi_txn_puts(keeping->txn, keeping->class_id, sfsi_key_span(&key));
}

static int put_version(const struct keeping *keeping, const struct sfsi_record *record,
		       const struct sfsi_version *version)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	struct sfsi_version_row row = {
		.time_ns = version->time_ns,
		.mode = record->object.mode,
		.uid = record->object.uid,
		.gid = record->object.gid,
	};
	sfsi_version_fill(&row, record);
	if (version->gone && is_in_trash(keeping, record))
		row.trash = record->object.serial;
	sfsi_history_slot_key(&key, version->slot, keeping->before->oid);
	int err = sfsi_version_encode(&row, sfsi_key_span(&key), &val);
	return err < 0 ? err
		       : sfsi_txn_put(keeping->txn, keeping->class_id, sfsi_key_span(&key),
				      sfs_buf_span(&val));
}

static int put_head(const struct keeping *keeping)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_history_key(&key, keeping->before->oid);
	int err = sfsi_history_encode(&keeping->history, sfsi_key_span(&key), &val);
	return err < 0 ? err
		       : sfsi_txn_put(keeping->txn, keeping->class_id, sfsi_key_span(&key),
				      sfs_buf_span(&val));
}

/** Make room, and put it there. @record  whole. */
static int add(struct keeping *keeping, const struct sfsi_record *record, bool brief)
{
	struct sfsi_history *history = &keeping->history;
	struct sfsi_version version = {
		.gone = keeping->gone,
		.time_ns = sfsi_history_since(history, record),
		.until_ns = keeping->txn->now_ns,
	};
	/* One that lived as shortly, a moment ago, is no loss. */
	bool replaces = brief && is_last_short(keeping) && since_last(keeping) < spacing(keeping);
	if (replaces)
		version.slot = history->items[--history->count].slot;
	size_t spent = sfsi_history_spent(history, &keeping->settings, version.until_ns, 1);
	if (!replaces)
		version.slot = spent ? history->items[0].slot : free_slot(history);
	int err = sfsi_history_drop(keeping->txn, keeping->class_id, keeping->before->oid, history,
				    spent, version.slot);
	if (err < 0)
		return err;
	version.time_ns = free_time(history, version.time_ns);
	history->items[history->count++] = version;
	err = put_version(keeping, record, &version);
	return err < 0 ? err : put_head(keeping);
}

/** A record that has rows, as of the last commit: the change may have written some of them already. */
static int add_whole(struct keeping *keeping, bool brief)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	int err = sfsi_object_read(keeping->txn->store, keeping->class_id, keeping->before->oid,
				   &buf, &record);
	if (err == SFS_ERR_CORRUPT)
		return 0;
	return err < 0 ? err : add(keeping, &record, brief);
}

int sfsi_history_keep(struct sfsi_txn *txn, uint32_t class_id,
		      const struct sfsi_derive_side *before, const struct sfsi_derive_side *after)
{
	const struct sfsi_record *record = before->record;
	/* A state that no commit has is none; what is left of a damaged record has no update time. */
	if (!record || record->object.revision == txn->commit || !record->updated_ns)
		return 0;
	struct keeping keeping = {
		.txn = txn,
		.class_id = class_id,
		.before = before,
		.renamed = !sfs_span_equal(before->oid, after->oid),
		.settings = sfsi_settings_now(txn->store),
	};
	keeping.gone = keeping.renamed || !after->record;
	if (!keeping.settings.history || (!keeping.gone && same_document(record, after->record)))
		return 0;
	int err = load_head(&keeping);
	if (err < 0)
		return err;
	bool brief = is_short(&keeping, sfsi_history_since(&keeping.history, record), txn->now_ns);
	if (!is_wanted(&keeping, brief))
		return 0;
	return is_partial(record) ? add_whole(&keeping, brief) : add(&keeping, record, brief);
}

/* --- what leaves the trash --- */

/** The version of an object that went at this moment, or NULL. */
static const struct sfsi_version *find_gone(const struct sfsi_history *history, int64_t removed_ns)
{
	for (size_t i = 0; i < history->count; i++)
		if (history->items[i].gone && history->items[i].until_ns == removed_ns)
			return &history->items[i];
	return NULL;
}

int sfsi_history_leave(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		       int64_t removed_ns, const struct sfsi_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	const struct sfsi_derive_side before = { oid, record };
	struct keeping keeping = { .txn = txn, .class_id = class_id, .before = &before };
	struct sfsi_version_row row;
	struct sfsi_key key;
	int err = load_head(&keeping);
	const struct sfsi_version *version = err ? NULL : find_gone(&keeping.history, removed_ns);
	if (!version)
		return err;
	sfsi_history_slot_key(&key, version->slot, oid);
	err = sfsi_txn_get(txn, class_id, sfsi_key_span(&key), &val);
	if (!err)
		err = sfsi_version_decode(sfs_buf_span(&val), sfsi_key_span(&key), &row);
	/* One that is damaged is for sfs_store_check() to tell. */
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT || err == SFS_ERR_VERSION)
		return 0;
	if (err < 0 || row.trash != record->object.serial)
		return err;
	row.trash = 0;
	sfsi_version_fill(&row, record);
	val.len = 0;
	err = sfsi_version_encode(&row, sfsi_key_span(&key), &val);
	return err < 0 ? err : sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&val));
}
