/*
 * What is known to have been there, and is not: each object of the damaged store had an entry and an inode
 * besides its record. Where its record is gone these say what it was called, and which commit saved it.
 */
#include <inttypes.h>
#include "recover/recover.h"

/** The revision of the object in the new store; 0: there is none. */
static int revision_now(struct sfsi_recovery *rec, uint32_t partition, struct sfs_span oid,
			uint64_t *ret)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_key key;
	*ret = 0;
	if (!oid.len || oid.len > SFS_OID_MAX)
		return 0;
	sfsi_key_object(&key, oid);
	int err = sfsi_backend_get(rec->to, partition, sfsi_key_span(&key), &val);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (!err)
		err = sfsi_record_decode(sfs_buf_span(&val), sfsi_key_span(&key), &record);
	if (!err)
		*ret = record.object.revision;
	return err;
}

/** @revision  that the damaged store had; 0: it does not say. */
static int look(struct sfsi_recovery *rec, uint32_t partition, struct sfs_span oid,
		uint64_t revision)
{
	uint64_t now;
	char text[160];
	int err = revision_now(rec, partition, oid, &now);
	if (err < 0 || !oid.len || (now && now >= revision))
		return err;
	if (now)
		snprintf(text, sizeof text, "what commit %" PRIu64 " saved is gone", revision);
	else
		snprintf(text, sizeof text, "its record can not be read, and no backup has it");
	return sfsi_recover_say_object(rec, now ? SFS_RECOVER_OLDER : SFS_RECOVER_LOST, partition,
				       oid, text);
}

static int look_at(struct sfsi_recovery *rec, const struct sfsi_recover_key *key,
		   struct sfs_span val)
{
	const uint8_t *at = key->key.data;
	struct sfsi_object object;
	struct sfsi_inode inode;
	if (key->letter == 'D' && key->key.len > SFSI_ENTRY_NAME &&
	    sfsi_get_be64(at + 1) == SFSI_DIR_OBJECTS && sfsi_entry_decode(val, &object) == 0)
		return look(rec, key->partition, sfsi_span_skip(key->key, SFSI_ENTRY_NAME),
			    object.revision);
	if (key->letter == 'N' && key->key.len == 9 &&
	    sfsi_inode_decode(val, sfsi_get_be64(at + 1), &inode) == 0 &&
	    inode.type == SFS_NODE_OBJECT)
		return look(rec, key->partition, inode.text, 0);
	/* A record that is there, and not whole. */
	if (key->letter == 'O')
		return look(rec, key->partition, sfsi_span_skip(key->key, 1), 0);
	return 0;
}

static int look_through(struct sfsi_recovery *rec)
{
	struct sfs_span full, val;
	struct sfsi_recover_key key;
	int got, err = 0;
	sfsi_salvage_rewind(rec->damaged);
	while (!err && (got = sfsi_salvage_next(rec->damaged, &full, &val)) == 0) {
		if (sfsi_recover_key(full, &key))
			err = look_at(rec, &key, val);
		if (!err)
			err = sfsi_recover_tick(rec);
	}
	return err < 0 ? err : got < 0 ? got : 0;
}

int sfsi_recover_missing(struct sfsi_recovery *rec)
{
	return sfsi_salvage_facts(rec->damaged)->opened ? look_through(rec) : 0;
}
