/*
 * Rows of the damaged store and of the backup, side by side in the order of their keys, become those of the new
 * store. Only what is no consequence of other rows: entries and inodes of objects, positions, indexes,
 * references back and counters are made anew afterwards.
 *
 * Where both have a row the damaged store's is taken, if it is whole and not the older one. Where only the
 * backup has it, it was removed since, unless the damaged store can not be read there.
 */
#include <inttypes.h>
#include "recover/recover.h"

/** One key, and what both have under it; data NULL: nothing. */
struct pair {
	struct sfs_span full;
	struct sfsi_recover_key key;
	struct sfs_span damaged, backup;
};

static bool is_derived(const struct pair *pair)
{
	const uint8_t *at = pair->key.key.data;
	switch (pair->key.letter) {
	case 'P':
	case 'I':
	case 'H':
	case 'J':
	case 'B':
	case 'A':
	case 'K': return true;
	/* Which references back are to be made right: all are. */
	case 'M': return pair->key.partition == 0;
	case 'D':
		return pair->key.key.len > SFSI_ENTRY_NAME &&
		       sfsi_get_be64(at + 1) == SFSI_DIR_OBJECTS;
	default: return false;
	}
}

static bool has_damage(const struct sfsi_recovery *rec)
{
	const struct sfsi_salvage_facts *facts = sfsi_salvage_facts(rec->damaged);
	return !facts->opened || facts->remade || sfsi_salvage_has_holes(rec->damaged);
}

/* --- objects --- */

static bool revision_of(struct sfs_span key, struct sfs_span val, uint64_t *ret)
{
	struct sfsi_record record;
	if (!val.data || sfsi_record_decode(val, key, &record) < 0)
		return false;
	*ret = record.object.revision;
	return true;
}

/** When was the object saved that the damaged store had? False: it does not say. */
static bool entry_of(struct sfsi_recovery *rec, const struct pair *pair, struct sfs_span oid,
		     struct sfsi_object *ret)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	struct sfsi_full_key full;
	sfsi_key_entry(&key, SFSI_DIR_OBJECTS, sfsi_recover_cookie(rec, oid), oid);
	sfsi_full_key_set(&full, pair->key.partition, sfsi_key_span(&key));
	return sfsi_salvage_get(rec->damaged, sfsi_full_key_span(&full), &val) == 0 &&
	       sfsi_entry_decode(sfs_buf_span(&val), ret) == 0;
}

/** An object comes from the backup alone: what is known about that? */
static int tell_backup(struct sfsi_recovery *rec, const struct pair *pair, uint64_t revision)
{
	struct sfs_span oid = sfsi_span_skip(pair->key.key, 1);
	struct sfsi_object entry;
	char text[160];
	bool known = entry_of(rec, pair, oid, &entry);
	rec->result.from_backup++;
	if (known && entry.revision == revision)
		return 0;
	if (known)
		snprintf(text, sizeof text,
			 "as it was in backup %s: what commit %" PRIu64 " saved is gone",
			 rec->result.backup, entry.revision);
	else
		snprintf(text, sizeof text,
			 "as it was in backup %s: it may have been changed or removed since",
			 rec->result.backup);
	return sfsi_recover_say_object(rec, known ? SFS_RECOVER_OLDER : SFS_RECOVER_BACKUP,
				       pair->key.partition, oid, text);
}

static int merge_object(struct sfsi_recovery *rec, const struct pair *pair)
{
	SFSI_AUTO_BUF struct sfs_buf got = SFS_BUF_INIT;
	struct sfs_span damaged = pair->damaged;
	uint64_t ours = 0, theirs = 0;
	bool trusted = sfsi_recover_trusts(rec, pair->full);
	bool in_backup = revision_of(pair->key.key, pair->backup, &theirs);
	/* A scan can not see it; a look at just this key may, where a newer table has it. */
	if (!damaged.data && !trusted && sfsi_salvage_get(rec->damaged, pair->full, &got) == 0)
		damaged = sfs_buf_span(&got);
	bool in_damaged = revision_of(pair->key.key, damaged, &ours);
	if (in_damaged && (!in_backup || ours >= theirs))
		return sfsi_recover_put(rec, pair->key.partition, pair->key.key, damaged);
	/* Removed since; of one that is there and not whole the backup's is better than nothing. */
	if (!in_backup || (trusted && !damaged.data))
		return 0;
	int err = tell_backup(rec, pair, theirs);
	return err < 0 ? err
		       : sfsi_recover_put(rec, pair->key.partition, pair->key.key, pair->backup);
}

/* --- other rows --- */

/** Put a row under the key that it has in the new store: cookies follow from the store's uuid. */
static int put_row(struct sfsi_recovery *rec, const struct pair *pair, struct sfs_span val)
{
	const uint8_t *at = pair->key.key.data;
	size_t len = pair->key.key.len;
	struct sfsi_key key;
	if (pair->key.letter == 'D' && len > SFSI_ENTRY_NAME &&
	    len <= SFSI_ENTRY_NAME + SFS_OID_MAX) {
		struct sfs_span name = sfsi_span_skip(pair->key.key, SFSI_ENTRY_NAME);
		sfsi_key_entry(&key, sfsi_get_be64(at + 1), sfsi_recover_cookie(rec, name), name);
		return sfsi_recover_put(rec, pair->key.partition, sfsi_key_span(&key), val);
	}
	return sfsi_recover_put(rec, pair->key.partition, pair->key.key, val);
}

/** An inode of a tree: the newer one. */
static bool backup_is_newer(const struct pair *pair)
{
	struct sfsi_inode ours, theirs;
	if (pair->key.letter != 'N' || !pair->damaged.data || !pair->backup.data)
		return false;
	if (sfsi_inode_decode(pair->damaged, 0, &ours) < 0)
		return true;
	return sfsi_inode_decode(pair->backup, 0, &theirs) == 0 && theirs.revision > ours.revision;
}

static bool is_object_inode(const struct pair *pair)
{
	struct sfsi_inode inode;
	struct sfs_span val = pair->damaged.data ? pair->damaged : pair->backup;
	return pair->key.letter == 'N' && sfsi_inode_decode(val, 0, &inode) == 0 &&
	       inode.type == SFS_NODE_OBJECT;
}

/** A raw whose inode comes from the backup: is it known to be older? */
static int tell_inode(struct sfsi_recovery *rec, const struct pair *pair)
{
	struct sfsi_inode inode;
	rec->result.from_backup++;
	if (pair->key.letter != 'N' || sfsi_inode_decode(pair->backup, 0, &inode) < 0)
		return 0;
	char text[160];
	const struct sfsi_recover_class *class = sfsi_recover_class(rec, pair->key.partition);
	snprintf(text, sizeof text,
		 "its attributes are those of backup %s: they may have been changed since",
		 rec->result.backup);
	const struct sfs_recover_item item = {
		.kind = SFS_RECOVER_BACKUP,
		.class_name = class ? class->name : "",
		.oid = inode.name.len ? inode.name : (struct sfs_span){ "", 0 },
		.ino = sfs_ino_make(pair->key.partition,
				    sfsi_get_be64((const uint8_t *)pair->key.key.data + 1)),
		.text = text,
	};
	return sfsi_recover_tell(rec, &item);
}

static int merge_other(struct sfsi_recovery *rec, const struct pair *pair)
{
	SFSI_AUTO_BUF struct sfs_buf got = SFS_BUF_INIT;
	if (is_object_inode(pair))
		return 0;
	if (pair->damaged.data && !backup_is_newer(pair))
		return put_row(rec, pair, pair->damaged);
	if (!pair->damaged.data && sfsi_recover_trusts(rec, pair->full))
		return 0;
	if (!pair->damaged.data && sfsi_salvage_get(rec->damaged, pair->full, &got) == 0)
		return put_row(rec, pair, sfs_buf_span(&got));
	int err = tell_inode(rec, pair);
	return err < 0 ? err : put_row(rec, pair, pair->backup);
}

/* --- classes --- */

static int merge_class(struct sfsi_recovery *rec, const struct pair *pair)
{
	SFSI_AUTO_BUF struct sfs_buf got = SFS_BUF_INIT;
	if (pair->damaged.data)
		return sfsi_recover_class_row(rec, &pair->key, pair->damaged);
	if (sfsi_recover_trusts(rec, pair->full))
		return 0;
	if (sfsi_salvage_get(rec->damaged, pair->full, &got) == 0)
		return sfsi_recover_class_row(rec, &pair->key, sfs_buf_span(&got));
	return sfsi_recover_class_row(rec, &pair->key, pair->backup);
}

/**
 * Is the row one of a class that the new store has? What only a backup has of a class that was removed is
 * not; what the damaged store has of one whose record is lost is, and it gets a name.
 */
static int has_class(struct sfsi_recovery *rec, const struct pair *pair, bool *ret)
{
	struct sfsi_recover_class *class = sfsi_recover_class(rec, pair->key.partition);
	int err = class ? 0 : SFS_ERR_NO_MEMORY;
	bool removal = pair->key.letter == 'Z';
	if (!err && pair->key.partition && !class->there && pair->damaged.data && !removal)
		err = sfsi_recover_class_guess(rec, class);
	if (!err)
		*ret = pair->key.partition == 0 || class->there || (removal && pair->damaged.data);
	return err;
}

static int merge_row(struct sfsi_recovery *rec, struct pair *pair)
{
	bool there = false;
	int err = sfsi_recover_tick(rec);
	if (!sfsi_recover_key(pair->full, &pair->key) || err < 0)
		return err;
	if (pair->key.partition == 0 && pair->key.letter == 'C')
		return merge_class(rec, pair);
	err = has_class(rec, pair, &there);
	if (err < 0 || !there || is_derived(pair))
		return err;
	return pair->key.letter == 'O' ? merge_object(rec, pair) : merge_other(rec, pair);
}

/* --- side by side --- */

struct side {
	struct sfsi_salvage *source; /* NULL: there is none */
	struct sfs_span key, val;
	bool there; /* a row; false: none is left */
};

static int side_next(struct side *side)
{
	int got = side->source ? sfsi_salvage_next(side->source, &side->key, &side->val) : 1;
	side->there = got == 0;
	return got < 0 ? got : 0;
}

static int side_begin(struct side *side)
{
	if (side->source)
		sfsi_salvage_rewind(side->source);
	return side_next(side);
}

static int step(struct sfsi_recovery *rec, struct side *damaged, struct side *backup)
{
	int order = !backup->there    ? -1
		    : !damaged->there ? 1
				      : sfsi_span_compare(damaged->key, backup->key);
	const struct sfs_span none = { NULL, 0 };
	struct pair pair = {
		.full = order <= 0 ? damaged->key : backup->key,
		.damaged = order <= 0 ? damaged->val : none,
		.backup = order >= 0 ? backup->val : none,
	};
	int err = merge_row(rec, &pair);
	if (!err && order <= 0)
		err = side_next(damaged);
	if (!err && order >= 0)
		err = side_next(backup);
	return err;
}

/** What could not be read, by table: which rows those were nobody knows. */
static int tell_holes(struct sfsi_recovery *rec)
{
	if (!has_damage(rec))
		return 0;
	const struct sfsi_salvage_facts *facts = sfsi_salvage_facts(rec->damaged);
	if (!facts->opened || facts->remade)
		return sfsi_recover_say(rec, SFS_RECOVER_NOTE, 0, (struct sfs_span){ "", 0 },
					facts->opened ? "the list of tables in db/ was made anew"
						      : "nothing in db/ can be read");
	return sfsi_recover_say(rec, SFS_RECOVER_NOTE, 0, (struct sfs_span){ "", 0 },
				"parts of db/ can not be read");
}

int sfsi_recover_merge(struct sfsi_recovery *rec)
{
	struct side damaged = { .source = rec->damaged }, backup = { .source = rec->backup };
	int err = side_begin(&damaged);
	if (!err)
		err = side_begin(&backup);
	while (!err && (damaged.there || backup.there))
		err = step(rec, &damaged, &backup);
	if (!err)
		err = sfsi_recover_flush(rec);
	return err < 0 ? err : tell_holes(rec);
}
