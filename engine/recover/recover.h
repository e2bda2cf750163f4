/*
 * Inside of sfs_store_recover().
 *
 *   recover.c  what is done in which order
 *   source.c   the damaged store and the backup: what they are, how much can be believed
 *   merge.c    rows of both become those of the new store
 *   missing.c  what is known to have been there, and is not
 *   object.c   entries and inodes of objects, rows of relations
 *   tree.c     names and inodes of trees
 *   past.c     trash and history
 *   state.c    classes, counters
 *   rows.c     reading and writing the new rows
 *   files.c    the new store as a store: indexes, plain files
 *   report.c   what a person is told
 *   place.c    the new rows take the place of the old ones
 *   sidecar.c  the same for what is kept beside files of other programs
 */
#ifndef SFSI_RECOVER_H
#define SFSI_RECOVER_H

#include <stdio.h>
#include <storefs/recover.h>
#include "backend/key.h"
#include "backend/kv_salvage.h"
#include "backup/bring.h"
#include "base/map.h"
#include "keys.h"
#include "record.h"
#include "store_private.h"

/** Where the new rows are built, in the store's folder… */
#define SFSI_RECOVER_NEW "db.recovering"
/** …and where the damaged ones are read. */
#define SFSI_RECOVER_WORK "db.salvage"
/** In the new rows' folder: they are whole; its text is the name of the folder for what is set aside. */
#define SFSI_RECOVER_DONE "recovered"

/** Room for "damaged/2026-11-22T010203Z". */
#define SFSI_RECOVER_NAME_MAX 64

/** A class, as it is found out. */
struct sfsi_recover_class {
	uint32_t id;
	bool there; /* it is a class of the new store */
	enum sfs_class_kind kind;
	char name[SFS_CLASS_NAME_MAX + 1];
	bool suspect; /* of the damaged store: rows may be missing anywhere */
	/* What the damaged store has, by counting. */
	uint64_t found_objects, found_files;
	bool has_state;          /* state is what the damaged store says, or the backup */
	bool state_damaged;      /* it is that of the damaged store */
	struct sfsi_state state; /* as it was */
	uint64_t max_serial, max_revision;
	/* What the new store has. */
	uint64_t objects, files, refused, subdirs;
	uint64_t lost_objects, unsure_objects; /* that were named */
	uint64_t lost_found;                   /* serial of its lost+found; 0: none yet */
};

/** A name of an entry, and where it is: by the uuid of its store. */
struct sfsi_recover_name {
	uint64_t cookie;
	struct sfs_buf name;
};
#define SFSI_RECOVER_NAMES 8

/** Rows that wait to be written. */
struct sfsi_recover_row {
	uint32_t partition;
	bool remove;
	size_t key_off, key_len, val_off, val_len;
};

struct sfsi_recovery {
	const struct sfs_recover_config *config;
	struct sfs_recover_result result;
	struct sfs_diag *diag;
	char *path; /* absolute */
	int dir_fd, lock_fd;
	int new_fd; /* of SFSI_RECOVER_NEW; of a sidecar: where what was there is set aside */
	struct sfsi_store_file file;
	bool file_lost;     /* storefs.json is made anew */
	bool sidecar;       /* it is what is kept beside files of another program */
	uint64_t hash_seed; /* of cookies in the new rows */
	char started[SFS_BACKUP_NAME_SIZE];

	struct sfsi_salvage *damaged, *backup; /* NULL: there is none */
	char *backup_path;                     /* folder of that backup */
	struct sfsi_bringing bringing;         /* plain files from there */
	uint64_t commit;                       /* the highest that is known of */
	uint64_t marked;                       /* the damaged store was synced at; 0: not known */
	uint64_t found_commit, backup_commit;  /* the highest that each of them has */

	struct sfsi_recover_class
		*classes; /* [len], in the order of ids; the first is the catalogue */
	size_t classes_len, classes_cap;
	struct sfsi_map named; /* objects that were reported */
	/* Some of the damaged store's. */
	struct sfsi_recover_name names[SFSI_RECOVER_NAMES];
	size_t names_len;

	struct sfsi_backend *to;
	struct sfs_buf bytes;
	struct sfsi_recover_row *rows;
	size_t rows_len, rows_cap;
	uint64_t seen; /* rows, for progress */

	FILE *text, *json, *strays; /* the report; plain files to be set aside */
};

/* --- source.c --- */

/** Open both, and find out what the damaged one has. */
SFS_MUST_CHECK int sfsi_recover_sources(struct sfsi_recovery *rec);
/** Made if it is new; NULL: no memory. Valid until the next call. */
struct sfsi_recover_class *sfsi_recover_class(struct sfsi_recovery *rec, uint32_t id);
/** Does the damaged store decide alone what is, and what is not, under this key? */
bool sfsi_recover_trusts(struct sfsi_recovery *rec, struct sfs_span full);

/**
 * Where its backups are, with a NUL. Who is told nothing looks where the schedule has them taken, and in the store's
 * own folder. *ret_told: somebody has said that they are there.
 */
SFS_MUST_CHECK int sfsi_recover_backups_folder(struct sfsi_recovery *rec, struct sfs_buf *ret,
					       bool *ret_told);

/** A full key, taken apart. False: it is none of ours. */
struct sfsi_recover_key {
	uint32_t partition;
	uint8_t letter;
	struct sfs_span key;
};
bool sfsi_recover_key(struct sfs_span full, struct sfsi_recover_key *ret);

/* --- merge.c, missing.c, object.c, tree.c, state.c --- */
SFS_MUST_CHECK int sfsi_recover_merge(struct sfsi_recovery *rec);
SFS_MUST_CHECK int sfsi_recover_missing(struct sfsi_recovery *rec);
SFS_MUST_CHECK int sfsi_recover_objects(struct sfsi_recovery *rec,
					struct sfsi_recover_class *class);
SFS_MUST_CHECK int sfsi_recover_tree(struct sfsi_recovery *rec, struct sfsi_recover_class *class);
SFS_MUST_CHECK int sfsi_recover_past(struct sfsi_recovery *rec, struct sfsi_recover_class *class);
/** The rows of classes and their states. */
SFS_MUST_CHECK int sfsi_recover_class_row(struct sfsi_recovery *rec,
					  const struct sfsi_recover_key *key, struct sfs_span val);
SFS_MUST_CHECK int sfsi_recover_class_guess(struct sfsi_recovery *rec,
					    struct sfsi_recover_class *class);
SFS_MUST_CHECK int sfsi_recover_states(struct sfsi_recovery *rec);

/* --- rows.c --- */

/** Write a row, soon; sfsi_recover_flush() before it can be read. */
SFS_MUST_CHECK int sfsi_recover_put(struct sfsi_recovery *rec, uint32_t partition,
				    struct sfs_span key, struct sfs_span val);
SFS_MUST_CHECK int sfsi_recover_drop(struct sfsi_recovery *rec, uint32_t partition,
				     struct sfs_span key);
SFS_MUST_CHECK int sfsi_recover_flush(struct sfsi_recovery *rec);
typedef int sfsi_recover_fn(void *arg, struct sfs_span key, struct sfs_span val);
/** New rows of a partition, in pages: fn may write. Nonzero stops, and is returned. */
SFS_MUST_CHECK int sfsi_recover_each(struct sfsi_recovery *rec, uint32_t partition,
				     struct sfs_span prefix, sfsi_recover_fn *fn, void *arg);
/** Count a row that was looked at. SFS_ERR_CANCELLED. */
SFS_MUST_CHECK int sfsi_recover_tick(struct sfsi_recovery *rec);
uint64_t sfsi_recover_cookie(const struct sfsi_recovery *rec, struct sfs_span name);

/* --- report.c --- */
SFS_MUST_CHECK int sfsi_recover_report_open(struct sfsi_recovery *rec);
SFS_MUST_CHECK int sfsi_recover_report_close(struct sfsi_recovery *rec);
/** SFS_ERR_CANCELLED, SFS_ERR_IO. */
SFS_MUST_CHECK int sfsi_recover_tell(struct sfsi_recovery *rec,
				     const struct sfs_recover_item *item);
/** Something about an object or a raw of a class. */
SFS_MUST_CHECK int sfsi_recover_say(struct sfsi_recovery *rec, enum sfs_recover_kind kind,
				    uint32_t class_id, struct sfs_span oid, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/** The same once for each object. */
SFS_MUST_CHECK int sfsi_recover_say_object(struct sfsi_recovery *rec, enum sfs_recover_kind kind,
					   uint32_t class_id, struct sfs_span oid,
					   const char *text);

/* --- files.c --- */

/** Open the new rows as the store that they will be, make what follows from them, look for plain files. */
SFS_MUST_CHECK int sfsi_recover_finish_rows(struct sfsi_recovery *rec);

/* --- sidecar.c --- */

/** Is it a folder, or a file, of another program with a sidecar that is damaged? @err  of opening it, or 0. */
bool sfsi_recover_can_sidecar(const char *path, int err);
/** Is it such a folder at all? */
bool sfsi_recover_is_sidecar(const char *path);
/** rec->path is one; locked by nobody. */
SFS_MUST_CHECK int sfsi_recover_sidecar(struct sfsi_recovery *rec);
/** Without storefs.json: is it what is left of a store? */
bool sfsi_recover_lost_file(const char *path);

/* --- place.c --- */

/** A folder below SFS_RECOVER_FOLDER that is free. */
SFS_MUST_CHECK int sfsi_recover_name(const struct sfsi_recovery *rec,
				     char ret[SFSI_RECOVER_NAME_MAX]);
/** It and the folder above it, made if need be. -1: errno says why. */
int sfsi_recover_open_damaged(int dir_fd, const char *name);

/** What an earlier attempt left: finish it if its rows are in place, else remove it. The store is locked. */
SFS_MUST_CHECK int sfsi_recover_settle(int dir_fd);
/** Is there anything that sfsi_recover_settle() would do? */
bool sfsi_recover_is_pending(int dir_fd);
/** The new rows are whole: make them the store's. */
SFS_MUST_CHECK int sfsi_recover_swap(struct sfsi_recovery *rec);

#endif
