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
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "backend/kv.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/errno.h"

#define GUARD (SFSI_KV_WRITE_BUFFER / 2)
#define DELETES 20000
/* A batch that is looked at before it is written. */
#define LARGE ((size_t)256 << 10)
/* So long the disk may need for a memtable. */
#define TABLE_STEPS 100000
#define TABLE_STEP_US 300

/* Number of a log from its name, as "000012.log"; 0: it is not one. */
static uint64_t log_number(const char *name)
{
	char *end;
	uint64_t number = strtoull(name, &end, 10);
	return end != name && strcmp(end, ".log") == 0 ? number : 0;
}

static int log_sync(int db_fd, const char *name)
{
	SFSI_AUTO_FD int fd = openat(db_fd, name, O_RDONLY | O_CLOEXEC);
	/* RocksDB deletes logs whose changes have reached table files. */
	if (fd < 0)
		return errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	return fdatasync(fd) < 0 ? sfsi_err_from_errno(errno) : 0;
}

/* Sync all logs above a number; *ret_newest is the largest number of all. */
static int logs_sync(int db_fd, uint64_t above, uint64_t *ret_newest)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	uint64_t newest = 0;
	int err = sfsi_dir_open(db_fd, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));) {
		uint64_t number = log_number(entry->d_name);
		if (number > above)
			err = log_sync(db_fd, entry->d_name);
		if (number > newest)
			newest = number;
	}
	if (!err)
		*ret_newest = newest;
	return err;
}

/*
 * Not rocksdb_flush_wal(): after a write that failed, as on a full disk, that one
 * aborts the process where RocksDB is built with asserts (Debian). RocksDB hands
 * each batch to the kernel before the write returns, so syncing the files is the same.
 */
static int wal_sync(struct kv *kv, uint64_t sequence, uint64_t *ret_newest)
{
	int err = logs_sync(kv->db_fd, kv->log_closed, ret_newest);
	/* A new log is safe when its name is. */
	if (err == 0 && *ret_newest > kv->log_named && fsync(kv->db_fd) < 0)
		err = sfsi_err_from_errno(errno);
	if (err < 0) {
		atomic_store(&kv->sync_failed, true);
		return err;
	}
	SFSI_LOCK_SCOPE(&kv->state_lock);
	if (*ret_newest > kv->log_named)
		kv->log_named = *ret_newest;
	if (sequence > kv->synced)
		kv->synced = sequence;
	return 0;
}

/*
 * Logs up to this number are synced. They are closed as well once a newer one exists:
 * RocksDB does not switch when its memtable is empty.
 */
static void log_close(struct kv *kv, uint64_t synced)
{
	uint64_t newest;
	int err = logs_sync(kv->db_fd, UINT64_MAX, &newest);
	if (err == 0 && newest > synced)
		kv->log_closed = synced;
}

static int flush_and_wait(struct kv *kv)
{
	SFSI_LOCK_SCOPE(&kv->table_lock);
	rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
	rocksdb_flushoptions_set_wait(options, 1);
	char *text = NULL;
	rocksdb_flush(kv->db, options, &text);
	rocksdb_flushoptions_destroy(options);
	return sfsi_kv_error(text);
}

/**
 * Into tables, which are synced: then it does not matter that a sync of the log failed. Not after a write
 * that failed (resume_locked()).
 */
static int write_out_locked(struct kv *kv)
{
	int err = kv->failed = flush_and_wait(kv);
	if (err == 0)
		atomic_store(&kv->sync_failed, false);
	return err;
}

static int switch_log(struct kv *kv)
{
	char *text = NULL;
	rocksdb_flush(kv->db, kv->flush_options, &text);
	return sfsi_kv_error(text);
}

/** Of RocksDB; 0 while it is not open. */
static uint64_t number_of(struct kv *kv, const char *property)
{
	uint64_t number = 0;
	pthread_rwlock_rdlock(&kv->use);
	if (kv->db && rocksdb_property_int(kv->db, property, &number) != 0)
		number = 0;
	pthread_rwlock_unlock(&kv->use);
	return number;
}

bool sfsi_kv_is_writing_out(struct kv *kv)
{
	return number_of(kv, "rocksdb.num-immutable-mem-table") > 0;
}

static uint64_t errors_of(struct kv *kv)
{
	return number_of(kv, "rocksdb.background-errors");
}

int sfsi_kv_sealed_wait(struct kv *kv)
{
	for (int i = 0; i < TABLE_STEPS; i++) {
		bool done = !sfsi_kv_is_writing_out(kv);
		if (atomic_load(&kv->failed) || errors_of(kv) != kv->table_errors)
			return SFS_ERR_IO;
		if (done)
			return 0;
		usleep(TABLE_STEP_US);
	}
	return SFS_ERR_IO;
}

int sfsi_kv_seal_locked(struct kv *kv)
{
	uint64_t newest = 0;
	int err = kv->failed;
	/* Of a log that can not be synced nothing is known. */
	if (err == 0 && atomic_load(&kv->sync_failed))
		err = SFS_ERR_IO;
	if (err == 0)
		err = wal_sync(kv, kv->written, &newest);
	if (err < 0)
		return err;
	kv->table_errors = errors_of(kv);
	err = kv->failed = switch_log(kv);
	if (err < 0)
		return err;
	log_close(kv, newest);
	kv->unflushed = 0;
	kv->deletes = 0;
	return 0;
}

static int roll_locked(struct kv *kv)
{
	int err = atomic_load(&kv->sync_failed) ? write_out_locked(kv) : 0;
	if (err < 0)
		return err;
	pthread_mutex_lock(&kv->table_lock);
	err = sfsi_kv_seal_locked(kv);
	pthread_mutex_unlock(&kv->table_lock);
	if (err < 0)
		return err;
	/* An older STATE is true as well, and the next one comes with the next mark. */
	err = sfsi_kv_record(kv, NULL);
	(void)err;
	return 0;
}

/*
 * After a failure RocksDB refuses all writes until it has recovered, which from a full disk it tries by
 * itself. But it may go on with the log that failed, and aborts the process then where it is built
 * with asserts (Debian); and of other errors it does not recover. So nothing is written to it any
 * more: as soon as the disk takes writes and has room it is opened again.
 */
static int resume_locked(struct kv *kv)
{
	int err = sfsi_kv_reopen(kv);
	if (err == 0)
		kv->failed = 0;
	return err == SFS_ERR_BUSY || err == SFS_ERR_IO ? kv->failed : err;
}

/**
 * A large batch that does not fit is refused before RocksDB sees it: what it had written of it to its log
 * would go on filling the disk.
 */
static bool has_room(const struct kv *kv, size_t weight)
{
	struct statvfs st;
	return weight < LARGE || fstatvfs(kv->dir_fd, &st) < 0 ||
	       st.f_bavail > (weight + LARGE) / st.f_frsize;
}

int sfsi_kv_guard_locked(struct kv *kv, size_t weight)
{
	if (!has_room(kv, weight))
		return SFS_ERR_NO_SPACE;
	if (kv->failed)
		return resume_locked(kv);
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

int sfsi_kv_roll_locked(struct kv *kv)
{
	return kv->failed || !kv->unflushed ? 0 : roll_locked(kv);
}

int sfsi_kv_settle_locked(struct kv *kv)
{
	uint64_t newest = 0;
	/* What the log holds is not on disk, and can not be written out: STATE must not say so. */
	if (kv->failed && atomic_load(&kv->sync_failed))
		return kv->failed;
	int err = wal_sync(kv, kv->written, &newest);
	if (err < 0 || kv->failed)
		return err;
	err = flush_and_wait(kv);
	if (err == 0)
		kv->unflushed = kv->deletes = 0;
	return err;
}

int sfsi_kv_settle(struct kv *kv)
{
	SFSI_LOCK_SCOPE(&kv->write_lock);
	return sfsi_kv_settle_locked(kv);
}

/* Commits go on meanwhile: only what was written before the sync began counts as synced. */
int sfsi_kv_sync(struct kv *kv)
{
	uint64_t newest = 0;
	if (atomic_load(&kv->sync_failed)) {
		SFSI_LOCK_SCOPE(&kv->write_lock);
		int err = kv->failed ? resume_locked(kv) : write_out_locked(kv);
		if (err < 0)
			return err;
	}
	return wal_sync(kv, kv->written, &newest);
}

int sfsi_kv_record(struct kv *kv, const struct sfs_span *note)
{
	SFSI_LOCK_SCOPE(&kv->state_lock);
	return sfsi_kv_record_locked(kv, note);
}

int sfsi_kv_record_locked(struct kv *kv, const struct sfs_span *note)
{
	struct sfsi_kv_facts facts = { .sequence = kv->synced };
	int err = sfsi_kv_manifest(kv, &facts.manifest, &facts.manifest_size, NULL);
	if (err < 0)
		return err;
	return sfsi_kv_state_write(&kv->state, &facts, note);
}
