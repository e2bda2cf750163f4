/*
 * The guard of the write-ahead log, and the bookkeeping that goes into STATE.
 *
 * RocksDB switches to a new log when a memtable is full, without syncing the old
 * one. A power cut may then keep the new log's records and lose the end of the
 * old one: newer commits without older ones, which nothing notices. So RocksDB is never
 * let to switch by itself: at half of its limit the log is synced and then switched
 * here, while no write runs. For the same reason nothing here calls
 * rocksdb_compact_range(): it switches the log too.
 *
 * Many deletes make scans slow until they are compacted away: after DELETES of them
 * the memtable is written out, and the deletion collector (kv_open.c) has RocksDB
 * compact files that are full of them.
 */
#include "backend/kv.h"
#include "base/cleanup.h"

#define GUARD (SFSI_KV_WRITE_BUFFER / 2)
#define DELETES 20000

static int wal_sync(struct kv *kv, uint64_t sequence)
{
	char *text = NULL;
	rocksdb_flush_wal(kv->db, 1, &text);
	int err = sfsi_kv_error(text);
	if (err < 0)
		return err;
	SFSI_LOCK_SCOPE(&kv->state_lock);
	if (sequence > kv->synced)
		kv->synced = sequence;
	return 0;
}

static int roll_locked(struct kv *kv)
{
	int err = wal_sync(kv, kv->written);
	if (err < 0)
		return err;
	char *text = NULL;
	rocksdb_flush(kv->db, kv->flush_options, &text);
	err = sfsi_kv_error(text);
	if (err < 0)
		return err;
	kv->unflushed = 0;
	kv->deletes = 0;
	/* An older STATE is true as well, and the next one comes with the next mark. */
	err = sfsi_kv_record(kv, NULL);
	(void)err;
	return 0;
}

int sfsi_kv_guard_locked(struct kv *kv, size_t weight)
{
	if (kv->deletes < DELETES && (!kv->unflushed || weight <= GUARD - kv->unflushed))
		return 0;
	return roll_locked(kv);
}

void sfsi_kv_wrote_locked(struct kv *kv, size_t weight, size_t deletes)
{
	kv->written = rocksdb_get_latest_sequence_number(kv->db);
	kv->deletes += deletes;
	kv->unflushed += weight;
	if (kv->unflushed < GUARD)
		return;
	/* A batch larger than all that is allowed: get rid of it now. The batch itself is safe;
	 * when this fails the next write tries again before it writes. */
	int err = roll_locked(kv);
	(void)err;
	if (kv->unflushed > GUARD)
		kv->unflushed = GUARD;
}

int sfsi_kv_settle(struct kv *kv)
{
	SFSI_LOCK_SCOPE(&kv->write_lock);
	int err = wal_sync(kv, kv->written);
	if (err < 0)
		return err;
	rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
	rocksdb_flushoptions_set_wait(options, 1);
	char *text = NULL;
	rocksdb_flush(kv->db, options, &text);
	rocksdb_flushoptions_destroy(options);
	return sfsi_kv_error(text);
}

/* Commits go on meanwhile: only what was written before the sync began counts as synced. */
int sfsi_kv_sync(struct kv *kv)
{
	return wal_sync(kv, kv->written);
}

int sfsi_kv_record(struct kv *kv, const struct sfs_span *note)
{
	SFSI_LOCK_SCOPE(&kv->state_lock);
	struct sfsi_kv_facts facts = { .sequence = kv->synced };
	int err = sfsi_kv_manifest(kv, &facts.manifest, &facts.manifest_size, NULL);
	if (err < 0)
		return err;
	return sfsi_kv_state_write(&kv->state, &facts, note);
}
