/*
 * Opening and closing RocksDB: its options, and the order of things at start.
 *
 * Options hold memory small and the same for any size of store: one cache for data,
 * indexes and filters, two or three memtables, a bound on open files. The formats are
 * pinned so that older and newer RocksDB can read each other's files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include "backend/kv.h"
#include "base/cleanup.h"
#include "base/errno.h"

#define MIB ((size_t)1 << 20)
#define CACHE_DEFAULT (32 * MIB)
/*
 * rocksdb/c.h has no name for it; it is part of the file format, and each file says which it has. A build
 * for any processor (Debian's) computes CRC32C, the other choice, by tables: 7 µs for a block.
 */
#define CHECKSUM_XXH3 4
/* Above all levels of messages. */
#define LEVEL_HEADER 5
#define PROBE "probe"
/* Between two attempts to open it again. */
#define REOPEN_MS 500
/* To begin a MANIFEST, a log and LOG. */
#define OPEN_NEEDS (1 * MIB)

/* Has no setter in rocksdb/c.h. */
static const char extra_options[] =
	"memtable_protection_bytes_per_key=8;"
	/* A row often goes where the last one of its table (the partition and the
				     * first byte of the key) went: the state of a class always does. */
	"memtable_insert_with_hint_prefix_extractor=fixed:5;"
	/* A log would claim more than a memtable's room before
				     * it holds anything: on a small disk, what is free. */
	"allow_fallocate=false;"
	"track_and_verify_wals_in_manifest=false;"
	/* A sum of each table as it was written: a backup compares its copy with it (kv_files.c). */
	"file_checksum_gen_factory=FileChecksumGenCrc32cFactory";

static void table_options(rocksdb_options_t *options, rocksdb_cache_t *cache)
{
	rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
	rocksdb_block_based_options_set_block_cache(table, cache);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
	rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
	/* Filters and indexes in small blocks. A whole filter of a file with short values is
	 * larger than a shard of the cache: it would be read again for every lookup. */
	rocksdb_block_based_options_set_index_type(
		table, rocksdb_block_based_table_index_type_two_level_index_search);
	rocksdb_block_based_options_set_partition_filters(table, 1);
	rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);
	rocksdb_block_based_options_set_block_size(table, 8 << 10);
	rocksdb_block_based_options_set_format_version(table, 5);
	rocksdb_block_based_options_set_checksum(table, CHECKSUM_XXH3);
	/* The options own the filter policy. */
	rocksdb_block_based_options_set_filter_policy(table,
						      rocksdb_filterpolicy_create_bloom_full(10));
	rocksdb_options_set_block_based_table_factory(options, table);
	rocksdb_block_based_options_destroy(table);
}

static void memory_options(rocksdb_options_t *options)
{
	rocksdb_options_set_write_buffer_size(options, SFSI_KV_WRITE_BUFFER);
	/* Who makes an object asks first whether it is there: mostly not, and the filter says so. */
	rocksdb_options_set_memtable_whole_key_filtering(options, 1);
	rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, 0.01);
	rocksdb_options_set_max_write_buffer_number(options, 3);
	rocksdb_options_set_max_open_files(options, 256);
	rocksdb_options_set_max_background_jobs(options, 3);
	rocksdb_options_set_max_subcompactions(options, 2);
	rocksdb_options_compaction_readahead_size(options, 1 * MIB);
	rocksdb_options_set_stats_dump_period_sec(options, 0);
	rocksdb_options_set_stats_persist_period_sec(options, 0);
}

static void file_options(rocksdb_options_t *options)
{
	rocksdb_options_set_compression(options, rocksdb_lz4_compression);
	/* Rows of indexes are scattered: each merge of new files rewrites most of what is below them. Six and not
	 * four of them take a fifth off a save with indexes; each more that a lookup passes costs it 1.5 us. */
	rocksdb_options_set_level0_file_num_compaction_trigger(options, 6);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
	rocksdb_options_set_target_file_size_base(options, 32 * MIB);
	rocksdb_options_set_max_bytes_for_level_base(options, 128 * MIB);
	rocksdb_options_set_max_manifest_file_size(options, 16 * MIB);
	rocksdb_options_set_bytes_per_sync(options, 1 * MIB);
	/* Files in which 2,048 of 4,096 neighbours are deletes are compacted soon. */
	rocksdb_options_add_compact_on_deletion_collector_factory(options, 4096, 2048);
}

/*
 * RocksDB's own text log, LOG: as good as off. When the disk is full its writer fails,
 * and where RocksDB is built with asserts (Debian) the line after that aborts the
 * process. So nothing is logged but the header of each open, and an open for writing
 * makes sure that there is room for that.
 */
static void text_log_options(rocksdb_options_t *options)
{
	rocksdb_options_set_info_log_level(options, LEVEL_HEADER);
	rocksdb_options_set_max_log_file_size(options, 1 * MIB);
	rocksdb_options_set_keep_log_file_num(options, 2);
}

/* Far above what kv_guard.c allows, so that RocksDB never switches the log by itself. */
static void log_options(rocksdb_options_t *options)
{
	rocksdb_options_set_max_total_wal_size(options, 1024 * MIB);
	rocksdb_options_set_wal_recovery_mode(options, rocksdb_point_in_time_recovery);
	rocksdb_options_set_recycle_log_file_num(options, 0);
	rocksdb_options_set_manual_wal_flush(options, 0);
	rocksdb_options_set_paranoid_checks(options, 1);
}

/* Few shards: a small cache in 64 of them can not hold a large block. */
static rocksdb_cache_t *cache_make(size_t bytes)
{
	rocksdb_lru_cache_options_t *options = rocksdb_lru_cache_options_create();
	rocksdb_lru_cache_options_set_capacity(options, bytes);
	rocksdb_lru_cache_options_set_num_shard_bits(options, 2);
	rocksdb_cache_t *cache = rocksdb_cache_create_lru_opts(options);
	rocksdb_lru_cache_options_destroy(options);
	return cache;
}

/*
 * Stores that are opened so have one cache together: backups, of which many can be looked into at once, and
 * memory shall not grow with them. A block of a table that several of them have is in it once; so nothing that
 * verifies a backup reads through it.
 */
static struct {
	pthread_mutex_t lock; /* protects all below */
	rocksdb_cache_t *cache;
	unsigned users;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static rocksdb_cache_t *shared_take(void)
{
	SFSI_LOCK_SCOPE(&shared.lock);
	if (shared.users++ == 0)
		shared.cache = cache_make(CACHE_DEFAULT);
	return shared.cache;
}

static void shared_give(void)
{
	SFSI_LOCK_SCOPE(&shared.lock);
	if (--shared.users == 0)
		rocksdb_cache_destroy(shared.cache);
}

rocksdb_options_t *sfsi_kv_table_options(const struct kv *kv)
{
	rocksdb_options_t *options = rocksdb_options_create();
	rocksdb_options_set_compression(options, rocksdb_lz4_compression);
	table_options(options, kv->cache);
	return options;
}

int sfsi_kv_options_make(struct kv *kv, const struct sfsi_backend_config *cfg,
			 struct sfs_diag *diag)
{
	kv->shares_cache = cfg->share_cache;
	kv->cache = kv->shares_cache
			    ? shared_take()
			    : cache_make(cfg->cache_bytes ? cfg->cache_bytes : CACHE_DEFAULT);
	rocksdb_options_t *base = rocksdb_options_create();
	rocksdb_options_set_create_if_missing(base, cfg->create);
	rocksdb_options_set_error_if_exists(base, cfg->create);
	memory_options(base);
	file_options(base);
	log_options(base);
	text_log_options(base);
	kv->options = rocksdb_options_create();
	char *text = NULL;
	rocksdb_get_options_from_string(base, extra_options, kv->options, &text);
	rocksdb_options_destroy(base);
	/* Last: parsing options makes a new table factory. */
	table_options(kv->options, kv->cache);

	kv->get_options = rocksdb_readoptions_create();
	rocksdb_readoptions_set_verify_checksums(kv->get_options, 1);
	kv->write_options = rocksdb_writeoptions_create();
	kv->flush_options = rocksdb_flushoptions_create();
	rocksdb_flushoptions_set_wait(kv->flush_options, 0);
	return sfsi_kv_error_diag(text, diag, "RocksDB refuses its options");
}

rocksdb_readoptions_t *sfsi_kv_iterator_options(void)
{
	rocksdb_readoptions_t *options = rocksdb_readoptions_create();
	rocksdb_readoptions_set_verify_checksums(options, 1);
	/* RocksDB before 8.7 ends an iterator early and silently at a damaged first block
	 * of a file, unless range deletions (which are never used here) are ignored. */
	rocksdb_readoptions_set_ignore_range_deletions(options, 1);
	return options;
}

static int folder_open(struct kv *kv, const struct sfsi_backend_config *cfg, struct sfs_diag *diag)
{
	if (!cfg->path)
		return sfs_diag_set(diag, SFS_ERR_INVALID, "the kv backend needs a folder");
	/* Absolute: RocksDB opens files by name later, and the process may change its folder. */
	kv->path = realpath(cfg->path, NULL);
	if (!kv->path)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno), "can not open '%s': %s",
				    cfg->path, strerror(errno));
	if (asprintf(&kv->db_path, "%s/db", kv->path) < 0) {
		kv->db_path = NULL;
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "no memory to open '%s'", kv->path);
	}
	kv->dir_fd = open(kv->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (kv->dir_fd < 0)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno), "can not open '%s': %s",
				    kv->path, strerror(errno));
	return 0;
}

static int db_folder_open(struct kv *kv, bool create, struct sfs_diag *diag)
{
	if (create && mkdirat(kv->dir_fd, "db", 0700) < 0)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno), "can not make '%s': %s",
				    kv->db_path, strerror(errno));
	kv->db_fd = openat(kv->dir_fd, "db", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (kv->db_fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "'%s' is %s, expected the folder of RocksDB", kv->db_path,
				    errno == ENOENT ? "missing" : "no folder");
	if (kv->db_fd < 0)
		return sfs_diag_set(diag, sfsi_err_from_errno(errno), "can not open '%s': %s",
				    kv->db_path, strerror(errno));
	return 0;
}

/** Does the disk take writes at all? */
static int probe(const struct kv *kv)
{
	static const char bytes[65536];
	SFSI_AUTO_FD int fd = openat(kv->dir_fd, PROBE,
				     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	ssize_t put = write(fd, bytes, sizeof bytes);
	int err = put < 0 ? sfsi_err_from_errno(errno) : 0;
	if (unlinkat(kv->dir_fd, PROBE, 0) < 0 && err == 0)
		err = sfsi_err_from_errno(errno);
	if (err < 0)
		return err;
	return put < (ssize_t)sizeof bytes ? SFS_ERR_NO_SPACE : 0;
}

/** A write that fails during an open aborts the process: see text_log_options(). */
static int room_check(const struct kv *kv, struct sfs_diag *diag)
{
	struct statvfs st;
	/* What is in the log may be written out. */
	uint64_t needs = OPEN_NEEDS + 2 * (uint64_t)kv->unflushed;
	bool room = fstatvfs(kv->dir_fd, &st) < 0 || st.f_bavail >= needs / st.f_frsize;
	int err = room ? probe(kv) : SFS_ERR_NO_SPACE;
	if (err == 0)
		return 0;
	if (err != SFS_ERR_NO_SPACE)
		return sfs_diag_set(diag, err, "the disk of '%s' takes no writes: %s", kv->path,
				    sfs_err_text(err));
	return sfs_diag_set(
		diag, SFS_ERR_NO_SPACE,
		"the disk of '%s' is full: opening it for writing needs 1 MiB, read-only it "
		"opens as it is",
		kv->path);
}

static int db_open(struct kv *kv, struct sfs_diag *diag)
{
	int err = room_check(kv, diag);
	if (err < 0)
		return err;
	char *text = NULL;
	kv->db = rocksdb_open(kv->options, kv->db_path, &text);
	return kv->db ? 0 : sfsi_kv_error_diag(text, diag, "can not open db/");
}

/* From here on STATE speaks of the MANIFEST that this open has begun. */
static int opened_record(struct kv *kv, struct sfs_diag *diag)
{
	/* Where it is opened again others mark and sync meanwhile. */
	SFSI_LOCK_SCOPE(&kv->state_lock);
	kv->written = rocksdb_get_latest_sequence_number(kv->db);
	kv->synced = kv->state.facts.sequence;
	int err = sfsi_kv_record_locked(kv, NULL);
	if (err == 0)
		err = sfsi_kv_state_double(&kv->state);
	return err < 0 ? sfs_diag_set(diag, err, "can not write STATE: %s", sfs_err_text(err)) : 0;
}

/** What it was told is there; or else it must take no more. */
static int reopen(struct kv *kv)
{
	if (kv->db)
		rocksdb_close(kv->db);
	kv->db = NULL;
	rocksdb_options_set_create_if_missing(kv->options, 0);
	rocksdb_options_set_error_if_exists(kv->options, 0);
	int err = db_open(kv, NULL);
	if (err == 0 && rocksdb_get_latest_sequence_number(kv->db) < kv->written) {
		rocksdb_close(kv->db);
		kv->db = NULL;
		err = SFS_ERR_CORRUPT;
	}
	if (err < 0) {
		char *text = NULL;
		kv->db = rocksdb_open_for_read_only(kv->options, kv->db_path, 0, &text);
		rocksdb_free(text);
	}
	return err;
}

int sfsi_kv_reopen(struct kv *kv)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t now_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (kv->reopened_ms && now_ms - kv->reopened_ms < REOPEN_MS)
		return SFS_ERR_BUSY;
	int err = room_check(kv, NULL);
	if (err < 0)
		return err;
	kv->reopened_ms = now_ms;
	pthread_mutex_lock(&kv->table_lock);
	pthread_rwlock_wrlock(&kv->use);
	err = reopen(kv);
	pthread_rwlock_unlock(&kv->use);
	pthread_mutex_unlock(&kv->table_lock);
	if (err < 0)
		return err;
	kv->unflushed = kv->deletes = 0;
	/* An open writes what the logs hold into tables, and syncs those. */
	atomic_store(&kv->sync_failed, false);
	return opened_record(kv, NULL);
}

static int create(struct kv *kv, struct sfs_diag *diag)
{
	int err = sfsi_kv_state_create(kv->dir_fd, diag);
	if (err == 0)
		err = sfsi_kv_state_open(&kv->state, kv->dir_fd, false, diag);
	if (err == 0)
		err = db_folder_open(kv, true, diag);
	if (err == 0)
		err = db_open(kv, diag);
	if (err == 0)
		err = opened_record(kv, diag);
	/* The name of db/. */
	if (err == 0 && fsync(kv->dir_fd) < 0)
		err = sfs_diag_set(diag, sfsi_err_from_errno(errno), "can not sync '%s': %s",
				   kv->path, strerror(errno));
	return err;
}

/* The check has passed; a read-write open that recovers less than it did must not stand. */
static int open_checked(struct kv *kv, uint64_t sequence, struct sfs_diag *diag)
{
	int err = sfsi_kv_preopen_make(kv, diag);
	if (err < 0)
		return err;
	err = db_open(kv, diag);
	if (err == 0 && rocksdb_get_latest_sequence_number(kv->db) < sequence)
		err = sfs_diag_set(diag, SFS_ERR_CORRUPT,
				   "db/ lost changes while it was opened; " SFSI_KV_KEPT
				   "/ has all files as they were");
	if (err == SFS_ERR_CORRUPT)
		sfsi_kv_preopen_keep(kv);
	else
		sfsi_kv_preopen_drop(kv);
	return err < 0 ? err : opened_record(kv, diag);
}

static int open_existing(struct kv *kv, struct sfs_diag *diag)
{
	int err = sfsi_kv_state_open(&kv->state, kv->dir_fd, kv->base.read_only, diag);
	if (err == 0)
		err = db_folder_open(kv, false, diag);
	uint64_t sequence = 0;
	if (err == 0 && !kv->base.read_only)
		sfsi_kv_bulk_clean(kv);
	if (err == 0)
		err = sfsi_kv_check(kv, &sequence, diag);
	if (err == 0 && !kv->base.read_only)
		err = open_checked(kv, sequence, diag);
	return err;
}

void sfsi_kv_release(struct kv *kv)
{
	if (kv->db)
		rocksdb_close(kv->db);
	if (kv->batch)
		rocksdb_writebatch_destroy(kv->batch);
	if (kv->flush_options)
		rocksdb_flushoptions_destroy(kv->flush_options);
	if (kv->write_options)
		rocksdb_writeoptions_destroy(kv->write_options);
	if (kv->get_options)
		rocksdb_readoptions_destroy(kv->get_options);
	if (kv->options)
		rocksdb_options_destroy(kv->options);
	if (kv->cache && kv->shares_cache)
		shared_give();
	else if (kv->cache)
		rocksdb_cache_destroy(kv->cache);
	sfsi_kv_state_close(&kv->state);
	sfsi_close_fd(&kv->db_fd);
	sfsi_close_fd(&kv->dir_fd);
	free(kv->db_path);
	free(kv->path);
	pthread_rwlock_destroy(&kv->use);
	pthread_mutex_destroy(&kv->state_lock);
	pthread_mutex_destroy(&kv->write_lock);
	pthread_mutex_destroy(&kv->table_lock);
}

void sfsi_kv_init(struct kv *kv)
{
	kv->dir_fd = kv->db_fd = -1;
	kv->state = (struct sfsi_kv_state)SFSI_KV_STATE_INIT;
	pthread_mutex_init(&kv->write_lock, NULL);
	pthread_mutex_init(&kv->table_lock, NULL);
	pthread_mutex_init(&kv->state_lock, NULL);
	pthread_rwlock_init(&kv->use, NULL);
}

int sfsi_kv_open(struct sfsi_backend *b, const struct sfsi_backend_config *cfg,
		 struct sfs_diag *diag)
{
	struct kv *kv = (struct kv *)b;
	sfsi_kv_init(kv);
	int err = folder_open(kv, cfg, diag);
	if (err == 0)
		err = sfsi_kv_options_make(kv, cfg, diag);
	if (err == 0)
		err = cfg->create ? create(kv, diag) : open_existing(kv, diag);
	if (err < 0)
		sfsi_kv_release(kv);
	return err;
}

/* On a full disk nothing of this works, and nothing of it is needed: the log has everything. */
static void finish(struct kv *kv)
{
	if (!kv->db)
		return;
	int err = sfsi_kv_settle(kv);
	rocksdb_cancel_all_background_work(kv->db, 1);
	if (err == 0)
		err = sfsi_kv_record(kv, NULL);
	if (err == 0)
		err = sfsi_kv_state_double(&kv->state);
	(void)err;
}

void sfsi_kv_close(struct sfsi_backend *b)
{
	struct kv *kv = (struct kv *)b;
	if (!b->read_only)
		finish(kv);
	sfsi_kv_release(kv);
}
