/*
 * Inside of the kv backend; for kv_*.c only.
 *
 * Its folder:
 *   db/       RocksDB's own files
 *   STATE     what a complete store holds (kv_state.h)
 *   bulk/     tables in the making (kv_bulk.c); only for that time
 *   preopen/  only during an open: hard links to the files of db/; kept as
 *             preopen.kept/ when that open has damaged them
 *
 *   kv.c          the operations
 *   kv_open.c     options, open and close
 *   kv_check.c    is what is on disk complete? asked before anything may change it
 *   kv_guard.c    the write-ahead log around power cuts, and what goes into STATE when
 *   kv_state.c    the STATE file
 *   kv_snapshot.c a copy of it all, for backups
 *   kv_files.c    which tables there are, and their sums
 *   kv_log.c      the log as it lies on disk
 *   kv_bulk.c     many rows at once
 *   kv_compact.c  the room of rows that are gone
 *   kv_salvage.c  what can still be read of a damaged one
 *   kv_tables.c   which of its tables can be read
 *   kv_list.c     a list of those, made anew
 *   kv_error.c    RocksDB's error texts to codes
 */
#ifndef SFSI_KV_H
#define SFSI_KV_H

#include <pthread.h>
#include <rocksdb/c.h>
#include "backend/backend.h"
#include "backend/kv_state.h"

struct kv {
	struct sfsi_backend base;
	char *path;    /* absolute */
	char *db_path; /* path/db */
	int dir_fd;    /* of path */
	int db_fd;     /* of path/db */
	/*
	 * Whoever makes a table of what was written last has it; a snapshot for as long as it needs to be without
	 * what came after it. Taken after write_lock.
	 */
	pthread_mutex_t table_lock;
	uint64_t table_errors; /* RocksDB's failures before the last seal; with table_lock */
	/* Shared by who uses db, so that a writer can open it again. Taken after write_lock and table_lock. */
	pthread_rwlock_t use;
	rocksdb_t *db; /* NULL: it could not be opened again */
	rocksdb_options_t *options;
	rocksdb_cache_t *cache;
	bool shares_cache; /* with all that were opened so */
	rocksdb_readoptions_t *get_options;
	rocksdb_writeoptions_t *write_options;
	rocksdb_flushoptions_t *flush_options;

	pthread_mutex_t write_lock;  /* one writer: protects the five below */
	rocksdb_writebatch_t *batch; /* empty; NULL: to be made */
	size_t unflushed;            /* about how much the active memtable holds */
	size_t deletes;              /* in the active memtable */
	_Atomic int
		failed; /* error of the last write or switch of the log; 0: it was good; read also without */
	int64_t reopened_ms; /* when it was tried last */
	/* A sync of a log failed: the kernel says so once, and what it did not write is not on disk
	 * although the next sync is good. Everything goes into tables first. */
	_Atomic bool sync_failed;
	/* RocksDB's sequence number after the last good write. Set under write_lock; a sync
	 * reads it without, so that it does not wait for a writer that is held up. */
	_Atomic uint64_t written;
	/* Logs up to this number are on disk and get no more changes. Set under write_lock. */
	_Atomic uint64_t log_closed;

	pthread_mutex_t state_lock; /* protects all below; taken after write_lock */
	struct sfsi_kv_state state;
	uint64_t synced;            /* RocksDB's sequence number known to be on disk */
	_Atomic uint64_t log_named; /* logs up to this number have their names on disk */
};

/* kv_open.c */
int sfsi_kv_open(struct sfsi_backend *b, const struct sfsi_backend_config *cfg,
		 struct sfs_diag *diag);
void sfsi_kv_close(struct sfsi_backend *b);
/** The parts of an open, for kv_salvage.c: a zeroed kv; its options; everything that it holds is given back. */
void sfsi_kv_init(struct kv *kv);
SFS_MUST_CHECK int sfsi_kv_options_make(struct kv *kv, const struct sfsi_backend_config *cfg,
					struct sfs_diag *diag);
void sfsi_kv_release(struct kv *kv);
/** Options for a table that is made aside: its format alone, without what counts deletes. */
rocksdb_options_t *sfsi_kv_table_options(const struct kv *kv);
/**
 * Close RocksDB and open it, when it can not go on by itself. SFS_ERR_BUSY: not so soon after the last
 * time. Caller holds write_lock.
 */
SFS_MUST_CHECK int sfsi_kv_reopen(struct kv *kv);
/** Options for an iterator; end them with rocksdb_readoptions_destroy(). */
rocksdb_readoptions_t *sfsi_kv_iterator_options(void);

/* kv_error.c */
/** Code of RocksDB's error text, which is freed; 0 when it is NULL. */
SFS_MUST_CHECK int sfsi_kv_error(char *text);
/** The same, with a sentence: what failed, then RocksDB's own words. */
SFS_MUST_CHECK int sfsi_kv_error_diag(char *text, struct sfs_diag *diag, const char *what);

/* kv_check.c */
/** MANIFEST in use: its number and size. SFS_ERR_CORRUPT and a sentence when there is none. */
SFS_MUST_CHECK int sfsi_kv_manifest(const struct kv *kv, uint64_t *ret_number, uint64_t *ret_size,
				    struct sfs_diag *diag);
/** Compare what is on disk with STATE. Changes nothing. *ret_sequence: what can be recovered. */
SFS_MUST_CHECK int sfsi_kv_check(struct kv *kv, uint64_t *ret_sequence, struct sfs_diag *diag);
/** Hard-link all files of db/ into preopen/, emptied before. */
SFS_MUST_CHECK int sfsi_kv_preopen_make(const struct kv *kv, struct sfs_diag *diag);
void sfsi_kv_preopen_drop(const struct kv *kv);
/** Set preopen/ aside: RocksDB has damaged db/ after the check had found it well. */
void sfsi_kv_preopen_keep(const struct kv *kv);
#define SFSI_KV_KEPT "preopen.kept"

/* kv_snapshot.c */
SFS_MUST_CHECK int sfsi_kv_snapshot(struct sfsi_backend *b,
				    const struct sfsi_snapshot_wanted *snapshot);
SFS_MUST_CHECK int sfsi_kv_prepare(struct sfsi_backend *b);

/* kv_files.c */
SFS_MUST_CHECK int sfsi_kv_files(struct sfsi_backend *b, sfsi_backend_file_fn *fn, void *arg);

/** The newest change in any table; 0: it is not known. */
uint64_t sfsi_kv_newest_in_tables(const struct kv *kv);
/** Number of the oldest log that counts: what is in older ones is in tables. 0: all may. */
uint64_t sfsi_kv_oldest_log(const struct kv *kv);

/* kv_log.c */
/** Is a part of the log not what was written? The end of one that a power cut has cut may be so, too. */
bool sfsi_kv_log_is_bad(int db_fd);
/**
 * Is there damage in the logs, before changes that are known to be on disk (up to synced)? RocksDB passes over zeros
 * as if nothing had ever been there. SFS_ERR_CORRUPT and a sentence.
 */
SFS_MUST_CHECK int sfsi_kv_log_check(const struct kv *kv, uint64_t synced, struct sfs_diag *diag);

/* kv_compact.c */
SFS_MUST_CHECK int sfsi_kv_compact(struct sfsi_backend *b, const struct sfsi_compact *compact);

/* kv_bulk.c */
SFS_MUST_CHECK int sfsi_kv_bulk_begin(struct sfsi_backend *b, struct sfsi_bulk **ret);
SFS_MUST_CHECK int sfsi_kv_bulk_end(struct sfsi_backend *b, struct sfsi_bulk *bulk);
/** Remove what a kill left of one. */
void sfsi_kv_bulk_clean(const struct kv *kv);

/* kv_guard.c */
/** Before a write of so many bytes (see sfsi_kv_weight()). Caller holds write_lock. */
SFS_MUST_CHECK int sfsi_kv_guard_locked(struct kv *kv, size_t weight);
/** After a good write. Caller holds write_lock. */
void sfsi_kv_wrote_locked(struct kv *kv, size_t weight, size_t deletes);
/**
 * What is in memory gets no more of what is written, and is on its way into tables. Caller holds write_lock and
 * table_lock. Errors of writing.
 */
SFS_MUST_CHECK int sfsi_kv_seal_locked(struct kv *kv);
/** Wait until it is in tables. Caller holds table_lock, and not write_lock. SFS_ERR_IO: that failed, or took too long. */
SFS_MUST_CHECK int sfsi_kv_sealed_wait(struct kv *kv);
/** Is anything that is sealed not in tables yet? */
bool sfsi_kv_is_writing_out(struct kv *kv);
/** Begin to write out what is in memory; writers go on meanwhile. Caller holds write_lock. */
SFS_MUST_CHECK int sfsi_kv_roll_locked(struct kv *kv);
/** Write everything out, so that the next open replays nothing. */
SFS_MUST_CHECK int sfsi_kv_settle(struct kv *kv);
/** The same. Caller holds write_lock. */
SFS_MUST_CHECK int sfsi_kv_settle_locked(struct kv *kv);
/** Make everything written so far survive a power cut. */
SFS_MUST_CHECK int sfsi_kv_sync(struct kv *kv);
/** Write what is known now into STATE; note NULL: the last one. */
SFS_MUST_CHECK int sfsi_kv_record(struct kv *kv, const struct sfs_span *note);
/** The same, for who has state_lock. */
SFS_MUST_CHECK int sfsi_kv_record_locked(struct kv *kv, const struct sfs_span *note);

/** About how much memory a change takes in a memtable: its bytes and the skip list's node. */
static inline size_t sfsi_kv_weight(const struct sfsi_op *op)
{
	return op->key.len + (op->remove ? 0 : op->val.len) + 96;
}

/**
 * A memtable of this size would make RocksDB switch files by itself; kv_guard.c stays at half. After a
 * full disk RocksDB goes on when so much is free.
 */
#define SFSI_KV_WRITE_BUFFER ((size_t)16 << 20)

#endif
