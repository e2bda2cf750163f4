/*
 * Inside of an open store, shared by the files of the engine core.
 *
 * Locks, in the order in which they are taken (docs/locking.md):
 *   commit_lock     one writer: held from the first read of a change to its commit
 *   catalogue_lock  classes and their states: shared for reading, exclusive for a moment at commit
 *   index_lock      what readers see of indexes: shared for reading, exclusive for a moment at commit
 *   open_lock       table of open raw files
 *   cache, departed, syncer   locks of their own, innermost, never held across other calls
 */
#ifndef SFSI_STORE_PRIVATE_H
#define SFSI_STORE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <storefs/raw.h>
#include "backend/backend.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "index/journal.h"
#include "position.h"
#include "record.h"
#include "settings.h"

struct sfsi_cache;
struct sfsi_memo;
struct sfsi_departed;
struct sfsi_txn_room;
struct sfsi_schema;
struct sfsi_open_table;
struct sfsi_gone;
struct sfsi_syncer;
struct sfsi_scheduler;
struct sfsi_trash_keeper;
struct sfsi_index_table;
struct sfsi_indexer;
struct sfsi_mirror;
struct sfsi_twin;
struct sfsi_mirror_class;

/** Tables of the indexes of a class (index/table.h). */
struct sfsi_index_set {
	uint32_t next_id;                /* protected by commit_lock */
	struct sfsi_index_table **items; /* [len]; protected by index_lock */
	size_t len, cap;
	struct sfsi_index_journal journal; /* protected by commit_lock */
};

/** A class of the catalogue. Lives until the store is closed. */
struct sfsi_class {
	uint32_t id;
	bool removed;                      /* protected by catalogue_lock */
	enum sfs_class_kind kind;          /* protected by catalogue_lock */
	char name[SFS_CLASS_NAME_MAX + 1]; /* protected by catalogue_lock */
	char type[SFS_CLASS_NAME_MAX + 1]; /* protected by catalogue_lock */
	struct sfsi_state state;           /* protected by catalogue_lock; as of the last commit;
					     * next_serial lives below */
	struct sfsi_schema *schema;        /* NULL: no definition; protected by catalogue_lock */
	uint64_t schema_number;            /* counts definitions; protected by catalogue_lock */
	struct sfsi_index_set tables;
	bool unreferred; /* no back-reference is stored in it; false: perhaps. Protected by commit_lock */
	struct sfs_buf bad_definition; /* one that could not be read when the store was opened */
	/* Whose files it is made of (mirror/mirror.h); NULL: nobody's. Set before it is in the catalogue; a rename sets another
	 * one, and leaves the old one to those that are reading. */
	struct sfsi_mirror_class *_Atomic mirror;
	struct sfsi_database *database; /* NULL: it is none (database/database.h); set likewise */
	_Atomic uint64_t next_serial;
	struct sfsi_positions positions; /* says itself what protects it */
};

/** The last refused operations (errors.c): lines of JSON, the newest last. */
struct sfsi_errors {
	pthread_mutex_t lock; /* protects all below */
	bool loaded;
	struct sfs_buf text; /* whole lines */
	size_t lines;
	int64_t last_ns;     /* time of the last line; 0: none */
	int fd;              /* of the file, for appending; -1: not open */
	uint64_t file_bytes; /* its length */
};

/** How databases are kept. */
struct sfsi_database_config {
	unsigned save_interval_s, backups;
	sfs_log_fn *log; /* may be NULL */
	void *log_arg;
};

/** Raws whose plain files were missed since the store was opened (raw_missing.h). */
struct sfsi_missing {
	pthread_mutex_t lock; /* protects all below */
	uint64_t *inos;       /* [len]; NULL: none yet */
	size_t len;
};

struct sfs_store {
	char *path;        /* absolute, or "memory:" */
	char *home;        /* where its own files are: path, but for a mirror; NULL: memory */
	int dir_fd;        /* of home; -1: memory */
	const char *aside; /* folder of the backend while it is not the store's yet; NULL: it is */
	int lock_fd;       /* holds the flock; -1: memory */
	atomic_bool read_only; /* a mirror knows it only when its other threads have begun */
	bool share_cache;      /* of blocks, with others that are open so */
	char uuid[37];
	uint32_t format;
	uint64_t hash_seed; /* of cookies; from the uuid, fixed for ever */
	struct sfsi_backend *backend;

	pthread_mutex_t commit_lock;
	_Atomic uint64_t commit;        /* number of the last commit */
	_Atomic uint64_t commits;       /* since open */
	uint64_t marked;                /* commit of the last mark when it was opened */
	struct sfs_listener listener;   /* changed is NULL: none. Protected by commit_lock */
	struct sfsi_txn_room *txn_room; /* protected by commit_lock */

	pthread_rwlock_t catalogue_lock;
	struct sfsi_class **by_id; /* [by_id_len], index = id; 0 is the catalogue itself */
	size_t by_id_len;
	struct sfsi_class **by_name; /* [by_name_len], sorted, without the catalogue */
	size_t by_name_len;

	pthread_rwlock_t index_lock; /* what readers see of indexes: index/table.h */
	struct sfsi_indexer *indexer;

	struct sfsi_cache *cache;
	struct sfsi_departed *departed; /* renamed to scratch files a moment ago */
	struct sfsi_departed *removed;  /* removed a moment ago */
	struct sfsi_memo *memo;
	struct sfsi_syncer *syncer;
	struct sfsi_scheduler *scheduler;       /* NULL: no backups by themselves */
	struct sfsi_trash_keeper *trash_keeper; /* NULL: nothing goes by itself */

	int raw_fd;     /* folder of the plain files */
	char *raw_temp; /* memory store: that folder, removed at close */
	pthread_mutex_t open_lock;
	struct sfsi_open_table *open; /* protected by open_lock */
	struct sfsi_reaped *reaped;   /* Z records that can go; protected by commit_lock */
	struct sfsi_gone *gone;       /* NULL: nobody asks; see raw_gone.c */

	struct sfsi_errors errors;     /* has its own lock, the innermost */
	struct sfsi_settings settings; /* likewise */
	struct sfsi_missing missing;   /* likewise */

	sfs_log_fn *log; /* of messages about the store itself; NULL: nobody is told */
	void *log_arg;
	struct sfsi_database_config databases;
	struct sfsi_twin *twin;     /* NULL: it has no mirror of its own (twin.h) */
	struct sfsi_mirror *mirror; /* NULL: it is no mirror (mirror/mirror.h) */
	char *owner_note;           /* of a mirror; may be NULL */
};

/** Wall clock in nanoseconds. */
static inline int64_t sfsi_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/** Place of a name in a directory: 16 .. 2^62-1. */
uint64_t sfsi_cookie(const struct sfs_store *store, struct sfs_span name);

/** Hash of an oid for keys: nobody can choose oids that collide. */
uint64_t sfsi_oid_hash(const struct sfs_store *store, struct sfs_span oid);

/** The serial of an inode number. */
static inline uint64_t sfsi_ino_serial(uint64_t ino)
{
	return ino & (((uint64_t)1 << 36) - 1);
}

/* --- store.c --- */

struct sfsi_store_file;
/**
 * Open rows that lie in a folder of the store besides its own ones, as if they were these: what is in raw/
 * stays as it is. The caller holds the lock of the store.
 * @name  of the folder; must live as long as the store is open.
 */
SFS_MUST_CHECK int sfsi_store_open_aside(const char *path, const char *name,
					 const struct sfsi_store_file *file, struct sfs_store **ret,
					 struct sfs_diag *diag);

/* --- class.c --- */

/** Load the catalogue from the backend; makes it in a new store. */
SFS_MUST_CHECK int sfsi_catalogue_load(struct sfs_store *store, bool create, struct sfs_diag *diag);
void sfsi_catalogue_free(struct sfs_store *store);

/** A change of the catalogue that becomes visible with its commit. */
enum sfsi_edit_type {
	SFSI_EDIT_NONE = 0,
	SFSI_EDIT_ADD,
	SFSI_EDIT_CHANGE,
	SFSI_EDIT_REMOVE,
};
struct sfsi_class_edit {
	enum sfsi_edit_type type;
	struct sfsi_class *class;
	enum sfs_class_kind kind; /* CHANGE: the new values */
	char name[SFS_CLASS_NAME_MAX + 1];
	char type_name[SFS_CLASS_NAME_MAX + 1];
	struct sfsi_schema *schema; /* CHANGE: NULL keeps the old one; borrowed */
};
/** Called at commit with catalogue_lock held exclusively; can not fail. */
void sfsi_catalogue_apply_locked(struct sfs_store *store, const struct sfsi_class_edit *edit);
/** A class that is not removed, or NULL. Id 0 is the catalogue. Takes catalogue_lock shared. */
struct sfsi_class *sfsi_class_ref(struct sfs_store *store, uint32_t id);
/** Its state as of the last commit. */
void sfsi_class_state(struct sfs_store *store, const struct sfsi_class *class,
		      struct sfsi_state *ret);
/** Attributes of its root directory. */
void sfsi_class_attr(struct sfs_store *store, const struct sfsi_class *class, struct sfs_attr *ret);
/**
 * A reference to the schema of a class, which may be NULL, and its number. Given back with
 * sfsi_schema_unref().
 */
struct sfsi_schema *sfsi_class_schema(struct sfs_store *store, const struct sfsi_class *class,
				      uint64_t *ret_number);
/** A fresh serial; 0 when there is none left. */
uint64_t sfsi_class_serial(struct sfsi_class *class);
/** The first of so many fresh ones; 0 likewise. */
uint64_t sfsi_class_serials(struct sfsi_class *class, uint64_t count);
/** Apply the mode, owner and time members of a change to a state. */
void sfsi_state_set(struct sfsi_state *state, const struct sfs_setattr *set, int64_t now_ns);

/* --- store_folder.c: what a store's folder holds besides the backend --- */

/** Contents of storefs.json. */
struct sfsi_store_file {
	uint32_t format;
	char uuid[37];
	char backend[16];
	char sum[17]; /* as it was read; "": it had none. Made anew when it is written. */
};
#define SFSI_STORE_FILE "storefs.json"
/** @name  SFSI_STORE_FILE, or what a sidecar has instead. */
SFS_MUST_CHECK int sfsi_store_file_read(int dir_fd, const char *name, const char *path,
					struct sfsi_store_file *ret, struct sfs_diag *diag);
SFS_MUST_CHECK int sfsi_store_file_write(int dir_fd, const char *name, const char *path,
					 const struct sfsi_store_file *file, struct sfs_diag *diag);
/** Random uuid, version 4. */
SFS_MUST_CHECK int sfsi_uuid_make(char ret[37]);
/** With the lock: has the folder that was opened its name still? SFS_ERR_BUSY: a restore has replaced it meanwhile. */
SFS_MUST_CHECK int sfsi_folder_check(int dir_fd, const char *path, struct sfs_diag *diag);
/** Take the lock file. *ret_fd holds it until closed. SFS_ERR_BUSY: diag says who has it. */
SFS_MUST_CHECK int sfsi_store_lock(int dir_fd, const struct sfs_store_config *config, int *ret_fd,
				   struct sfs_diag *diag);

/* --- damage.c: a store that turns out to be damaged while it is open --- */

/** From now on the first read that fails makes it read-only, and leaves a note in its folder. */
void sfsi_damage_watch(struct sfs_store *store, const struct sfs_store_config *config);
/** Was there such a note when somebody had it open before? SFS_ERR_CORRUPT and a sentence. */
SFS_MUST_CHECK int sfsi_damage_check(const struct sfs_store *store, struct sfs_diag *diag);
/** Is storefs.json that of these records? Where the names of entries are follows from its uuid. */
SFS_MUST_CHECK int sfsi_damage_names(struct sfs_store *store, struct sfs_diag *diag);

/* --- backup/schedule.c --- */

/** Ends the thread, and a backup that it is taking. */
void sfsi_backup_schedule_stop(struct sfs_store *store);

/* --- errors.c --- */

void sfsi_errors_init(struct sfs_store *store);
void sfsi_errors_fini(struct sfs_store *store);
/** The store's own folder is about to be another one. */
void sfsi_errors_moved(struct sfs_store *store);

/* --- sync.c: group commit and the background sync --- */

SFS_MUST_CHECK int sfsi_syncer_start(struct sfs_store *store, unsigned sync_ms);
/** Stops the thread; does a last sync and mark. Returns its error. */
int sfsi_syncer_stop(struct sfs_store *store);
/** A commit was made: the tail is not empty. */
void sfsi_syncer_dirty(struct sfs_store *store);
/** The commit number in a mark. SFS_ERR_CORRUPT. */
SFS_MUST_CHECK int sfsi_mark_decode(struct sfs_span note, uint64_t *ret);
/** A plain file was written by this commit: sync it before the log. */
void sfsi_syncer_file(struct sfs_store *store, uint64_t ino);
/** All commits up to this one survive a power cut. */
uint64_t sfsi_syncer_synced(struct sfs_store *store);
/** A round soon; does not wait for it. */
void sfsi_syncer_ask(struct sfs_store *store);
struct sfsi_sync_stat {
	uint64_t synced, syncs;
};
void sfsi_syncer_stat(struct sfs_store *store, struct sfsi_sync_stat *ret);

#endif
