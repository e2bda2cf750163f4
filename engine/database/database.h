/*
 * Databases: classes that are kept as one Storify file each; a kind of mirror (mirror/mirror.h).
 *
 * The rows of the sidecar are the working copy and the journal in one: a save is a commit there. The file is
 * written by a flush: from the file as it was (the base, known by its stamp) and the keys that
 * changed since, which table Q has:
 *
 *   Q S       state: stamp and kind of the base                          (state.c)
 *   Q C oid   the key changed since the base: what it was there
 *
 * When the file is another one than the base somebody else wrote it: take.c takes it in, keeps what we
 * changed, and puts aside what both changed. flush.c writes.
 *
 * The lock of a database comes before the commit lock of the store. It is held by who takes in or writes
 * its file, so the base stays.
 */
#ifndef SFSI_DATABASE_H
#define SFSI_DATABASE_H

#include "database/load.h"
#include "txn.h"

struct sfsi_mirror;

/** What is known of the base. Zeroed: there is no file yet. */
struct sfsi_database_state {
	struct sfsi_file_stamp stamp;
	enum sfsi_root root;
	bool mixed;           /* of the image */
	bool plain;           /* the file's keys are as they stand: patching it is possible */
	uint64_t last_number; /* highest number of a key that the file has */
	int64_t written_ns;   /* when it was read or written by us */
	char from[SFSI_BACKUP_NAME_MAX + 1]; /* backup that it was recovered from, last time */
};
SFS_MUST_CHECK int sfsi_database_state_encode(const struct sfsi_database_state *state,
					      struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_database_state_decode(struct sfs_span bytes,
					      struct sfsi_database_state *ret);

/** What a key was in the base. */
struct sfsi_database_change {
	bool existed;
	uint64_t hash;   /* of its body */
	uint64_t number; /* that it had */
};
#define SFSI_DATABASE_CHANGE_SIZE 18
void sfsi_database_change_encode(const struct sfsi_database_change *change,
				 uint8_t ret[SFSI_DATABASE_CHANGE_SIZE]);
SFS_MUST_CHECK int sfsi_database_change_decode(struct sfs_span bytes,
					       struct sfsi_database_change *ret);
void sfsi_database_change_key(struct sfs_span oid, struct sfsi_key *ret);
void sfsi_database_state_key(struct sfsi_key *ret);

/** A database of an open store. Lives until the store is closed. */
struct sfsi_database {
	struct sfs_store *store;
	struct sfsi_class *class; /* NULL: it is gone */
	pthread_mutex_t lock;
	struct sfsi_home home;            /* protected by lock */
	struct sfsi_database_state state; /* protected by lock */
	_Atomic int fault;                /* it can not be loaded: what all calls return */
	_Atomic bool changed;             /* there are changes since the base */
	_Atomic bool recovered;           /* state.from is of this opening */
	_Atomic int64_t flushed_ns;       /* by the monotonic clock */
	char *why;                        /* why of fault; protected by lock */
	char *conflict;                   /* last file of ours put aside; protected by lock */
	_Atomic int64_t gone_ns;          /* its file was missed; 0: it is there */
	struct sfsi_kept {
		struct sfsi_kept *next;
		void *memory;
	} *kept; /* what the class had before it was renamed; the commit lock is held */
};

static inline int sfsi_database_fault(const struct sfsi_database *database)
{
	return database->fault;
}

/** Is the folder one of databases, and of nothing else? */
bool sfsi_databases_only(const struct sfsi_mirror *mirror);

/** May this be the value of a key? Errors with a sentence, as sfs_object_put(). */
SFS_MUST_CHECK int sfsi_database_check(const struct sfsi_database *database, struct sfs_span oid,
				       struct sfs_span body, struct sfs_diag *diag);

/** Make what a class has as a database; for one that was loaded or made with that kind. */
SFS_MUST_CHECK int sfsi_database_attach(struct sfs_store *store, struct sfsi_class *class);
void sfsi_database_free(struct sfsi_database *database);

/** The class goes: so do its rows Q. */
SFS_MUST_CHECK int sfsi_database_forget(struct sfsi_txn *txn, const struct sfsi_class *class);
/** Its file is gone: so are class and keys. lock is held. SFS_ERR_NOT_EMPTY: it has scratch files. */
SFS_MUST_CHECK int sfsi_database_drop(struct sfsi_database *database);

/** The file is one that a backup had, under another inode: it is the base. lock is held, or nobody has it yet. */
SFS_MUST_CHECK int sfsi_database_again(struct sfsi_database *database);
/** Write its state, in a change. lock is held. */
SFS_MUST_CHECK int sfsi_database_put_state(struct sfsi_txn *txn,
					   const struct sfsi_database *database);

/** It can not be loaded, or can be again (err 0). diag: why. */
void sfsi_database_set_fault(struct sfsi_database *database, int err, const struct sfs_diag *diag);
/** What we had of some keys was put aside in a file, as somebody else changed them too. */
void sfsi_database_note_conflict(struct sfsi_database *database, const char *file, size_t keys);

/** Hash of a body, as changes have it. */
uint64_t sfsi_database_hash(struct sfs_span body);

/* --- take.c --- */

/**
 * Take in the file when it is not the base. lock is held.
 * Returns 0, SFS_ERR_CORRUPT (nothing can be loaded: it has a fault from now on), or an error of the
 * system.
 */
SFS_MUST_CHECK int sfsi_database_take(struct sfsi_database *database, struct sfs_diag *diag);
/** The same with an image from elsewhere, which replaces all that there is; the file is not looked at. */
SFS_MUST_CHECK int sfsi_database_take_image(struct sfsi_database *database,
					    const struct sfsi_image *image, struct sfs_diag *diag);

/* --- flush.c --- */

/** Write the file if it differs from what is there. lock is held. */
SFS_MUST_CHECK int sfsi_database_flush(struct sfsi_database *database, struct sfs_diag *diag);

/** Let these bytes, which were taken in just now, be the file. lock is held. */
SFS_MUST_CHECK int sfsi_database_rewrite(struct sfsi_database *database, struct sfs_span bytes,
					 struct sfs_diag *diag);
/** Give it another name: file, backups and class. Errors as sfs_class_rename(). (api.c) */
SFS_MUST_CHECK int sfsi_database_rename(struct sfsi_database *database, struct sfs_span new_name);
/** Free this with the database. */
void sfsi_database_keep(struct sfsi_database *database, void *memory);
/** Its class was removed, as it was empty: so is its file, which becomes a backup. (api.c) */
void sfsi_database_class_removed(struct sfsi_database *database);

/** Append the image of a database as it is now. lock is held. */
SFS_MUST_CHECK int sfsi_database_render(struct sfsi_database *database, struct sfs_buf *ret);

#endif
