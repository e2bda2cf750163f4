/*
 * Backups: consistent copies of a whole store, in a folder of their own.
 *
 * A backup is the store as it was at one moment: records, indexes and everything else of one commit,
 * and the bytes of all raws. It shares nothing with the files of the store that could be damaged with
 * them, and shares what did not change with the backups before it, so it costs what changed. It is a
 * store itself: sfs_store_open() opens its folder, always read-only.
 *
 *   FOLDER/2026-11-22T010203Z/   a backup: db/, raw/, storefs.json, files.ndjson (its files, their sizes
 *                                and hashes), VALID (it was verified after it was written)
 *   FOLDER/pool/                 the files that backups share, by hard links
 *   FOLDER/lock                  held while backups are taken or removed
 *
 * One file belongs to many backups: what is in FOLDER is never written to again.
 */
#ifndef STOREFS_BACKUP_H
#define STOREFS_BACKUP_H

#include <storefs/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Folder of a store that its backups are in when no other one is named. */
#define SFS_BACKUP_FOLDER "backups"
/** Length of a backup's name, as "2026-11-22T010203Z", with its NUL. */
#define SFS_BACKUP_NAME_SIZE 19

/** One backup. */
struct sfs_backup {
	char name[SFS_BACKUP_NAME_SIZE]; /* UTC */
	int64_t time_ns;                 /* when it was begun, from its name: whole seconds */
	uint64_t number;                 /* counts the backups of a folder: 1, 2, … */
	uint64_t commit;                 /* the store's last commit in it */
	uint64_t objects, raws;
	uint64_t files, bytes;         /* what it holds */
	uint64_t new_files, new_bytes; /* what had to be copied for it */
	int64_t read_ns; /* when all records were read last, of it or of one that it goes back to; 0: not known */
	bool valid; /* it was verified, and nothing was wrong */
};

/** How many backups are kept. Each is kept for the first of these reasons that holds. */
struct sfs_backup_keep {
	unsigned newest; /* so many; 0 with all others 0: all are kept */
	unsigned hourly; /* of each of the last so many hours that have one: the newest */
	unsigned daily;  /* days, weeks and months likewise, in UTC; weeks begin on Monday */
	unsigned weekly;
	unsigned monthly;
};

/** How to take or restore a backup. Zeroed members mean the default. */
struct sfs_backup_config {
	const char *folder; /* where backups are; take: NULL = SFS_BACKUP_FOLDER of the store */
	struct sfs_backup_keep keep;
	uint64_t bytes_per_second; /* at most so much is copied; 0 = no limit */
	/* NULL, or called every MiB or so with what was copied so far. Nonzero stops. */
	int (*progress)(void *arg, uint64_t files, uint64_t bytes);
	void *arg;
};

/**
 * Take a backup of an open store. Others may go on reading and changing it.
 *
 * The folder is made when it is missing; its parent must exist. The backup is verified before it
 * gets its name: it is opened, what is new in it is read back, and every record if the setting
 * backup_read (settings.h) says so. Then backups that config.keep does not name are removed; the last
 * valid one never is.
 *
 * @ret  what was taken.
 * Returns 0, SFS_ERR_UNSUPPORTED (a memory store; a folder whose file system has no hard links),
 * SFS_ERR_BUSY (somebody else takes one), SFS_ERR_NO_SPACE (it would not leave 64 MiB free),
 * SFS_ERR_CORRUPT (the backup is damaged, so the store is: it stays, not valid), SFS_ERR_CANCELLED,
 * SFS_ERR_PERMISSION, SFS_ERR_READ_ONLY, SFS_ERR_IO. After any failure what was copied is used by the
 * next one, or removed by it. Threads: any, one at a time for each folder.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_take(struct sfs_store *store,
					   const struct sfs_backup_config *config,
					   struct sfs_backup *ret, struct sfs_diag *diag);

/**
 * Backups of a folder, in the order in which they were taken, whatever clocks said. What is in it that is no backup is passed over.
 * @fn  nonzero stops.
 * Returns 0, SFS_ERR_NOT_FOUND (no such folder), SFS_ERR_CANCELLED, SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_each(const char *folder,
					   int (*fn)(void *arg, const struct sfs_backup *backup),
					   void *arg);

/**
 * The folder that the backups of a store are in when no other one is named, with a NUL: SFS_BACKUP_FOLDER in the
 * store's folder, and for a folder of another program in what storefs keeps there for itself. @path  of a
 * store, which need not open. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_folder(const char *path, struct sfs_buf *ret);

/** Told of a backup and the folder that it is in. Nonzero stops. */
typedef int sfs_backup_of_fn(void *arg, const char *folder, const struct sfs_backup *backup);

/**
 * All backups of a store: those of its own folder, and those of the folder of its schedule. In each folder in the order in
 * which they were taken. A folder that does not exist has none.
 *
 * @store   path of a store, which need not open.
 * @folder  NULL, or the one folder to look into instead.
 * Returns 0, SFS_ERR_CANCELLED (fn stopped it), SFS_ERR_NOT_FOUND (no such store or folder), SFS_ERR_CORRUPT (the
 * schedule can not be read; the others were told), SFS_ERR_IO, SFS_ERR_NO_MEMORY. Threads: any.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_each_of(const char *store, const char *folder,
					      sfs_backup_of_fn *fn, void *arg);

/**
 * The backup of a store that a word means: the one of that name, "latest" (the valid one that was taken last), or
 * the valid one that was in force at a time (time.h; the newest that was not taken later).
 *
 * @store, @folder  as of sfs_backup_each_of().
 * @now_ns          of times as "-2h" and "yesterday".
 * @ret             its path, with a NUL.
 * Returns 0, SFS_ERR_NOT_FOUND (there is none), SFS_ERR_INVALID (the word is no time), errors of
 * sfs_backup_each_of(). diag says what was looked for. Threads: any.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_find(const char *store, const char *folder, const char *word,
					   int64_t now_ns, struct sfs_buf *ret,
					   struct sfs_diag *diag);

/** Is this folder one backup? It shares files with others, so it is opened read-only, whatever is asked for. */
SFS_API bool sfs_backup_is(const char *path);

/**
 * Read a backup whole: every file's hash, every record. Changes VALID: what is found damaged loses it.
 *
 * @name  of the backup.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT (diag says the first thing that is wrong),
 * SFS_ERR_CANCELLED, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_verify(const struct sfs_backup_config *config,
					     const char *name, struct sfs_diag *diag);

/**
 * Remove backups that config.keep does not name, and what only they needed.
 * @ret_removed  how many; may be NULL.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_BUSY, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_prune(const struct sfs_backup_config *config,
					    uint64_t *ret_removed, struct sfs_diag *diag);

/**
 * Make a store from a backup, in a folder that does not exist yet.
 *
 * Every file is copied, with its hash compared, and the new store is opened and read before it gets its
 * name: there is a whole store at that path or none.
 *
 * @path  of the new store; its parent exists.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_EXISTS (path is taken), SFS_ERR_CORRUPT (diag says which file),
 * SFS_ERR_NO_SPACE, SFS_ERR_CANCELLED, SFS_ERR_PERMISSION, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_restore(const struct sfs_backup_config *config,
					      const char *name, const char *path,
					      struct sfs_diag *diag);

/**
 * The same in the place of a store that nobody has open. A backup of the present is taken first, if the store does so;
 * a store that can not be opened is set aside instead, as path.damaged. The new store is made as path.restoring
 * and changes names with the old one at once, so there is the one or the other under its name whenever it is
 * interrupted. Backups, schedule and settings stay those of the store.
 *
 * config.folder may be the store's own.
 * Returns as sfs_backup_restore(); SFS_ERR_BUSY (somebody has the store), SFS_ERR_NOT_STORE (also: a single
 * database), SFS_ERR_WRONG_KIND (the backup is of another kind), SFS_ERR_EXISTS (path.damaged is there already), errors of
 * taking a backup.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_restore_in_place(const struct sfs_backup_config *config,
						       const char *name, const char *path,
						       struct sfs_diag *diag);

/**
 * Do what a kill left of a restore in place: backups, schedule and settings move over from the old store, which then goes. Opening
 * a store to write does it too; ask for it before its backups are looked for.
 * Returns 0, also where there is nothing to do or somebody has the store, who did it; errors of the file system.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_restore_settle(const char *path, struct sfs_diag *diag);

/** What is to be restored of a backup. */
struct sfs_backup_part {
	struct sfs_span class_name;
	/* An oid, or a path in a class of raws (of a directory: with all that is in it); empty: the whole class. */
	struct sfs_span name;
};

enum sfs_restore_flags {
	/* Of a class, or a directory: what the backup does not have is removed, and goes into the trash. */
	SFS_RESTORE_EXACT = 1u << 0,
};

/** What a restore did. What was as in the backup already does not count. */
struct sfs_restored {
	uint64_t objects, raws;
	uint64_t removed; /* with SFS_RESTORE_EXACT */
};

/**
 * Restore parts of a backup into a store, which others may go on using. Objects become what they were: texts, update
 * times, relations, modes, owners and times; one that is there keeps its inode number. Raws are replaced. A whole
 * class gets the definition that it had, and is made when it is missing; scratch files stay as they are.
 *
 * First a backup of the present is taken, if the store does so. Each object and raw is whole at any moment, and many objects
 * are one commit; a class as a whole is not: do it again after an interruption. The classes are checked afterwards.
 *
 * @from   a backup, or any other store, open.
 * @ret    what was done.
 * Returns 0, SFS_ERR_NOT_FOUND (the backup does not have it), SFS_ERR_WRONG_KIND (the class is of another
 * kind now), SFS_ERR_NOT_EMPTY, SFS_ERR_CORRUPT (the check found something), errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_restore_parts(struct sfs_store *from, struct sfs_store *to,
						    const struct sfs_backup_part *parts,
						    size_t count, unsigned flags,
						    struct sfs_restored *ret,
						    struct sfs_diag *diag);

/** Backups by themselves. */
struct sfs_backup_schedule {
	uint32_t every_s;  /* seconds from one to the next; 0: none are taken */
	char folder[1024]; /* absolute; empty: SFS_BACKUP_FOLDER of the store */
	struct sfs_backup_keep keep;
};

/** The schedule of a store; all 0 when it has none. Returns 0, SFS_ERR_CORRUPT, SFS_ERR_IO. */
SFS_API SFS_MUST_CHECK int sfs_backup_schedule_get(struct sfs_store *store,
						   struct sfs_backup_schedule *ret,
						   struct sfs_diag *diag);

/**
 * Set the schedule; it is kept with the store, and counts at once where it runs.
 * Returns 0, SFS_ERR_UNSUPPORTED (a memory store), SFS_ERR_READ_ONLY, SFS_ERR_INVALID (a relative path),
 * SFS_ERR_NO_SPACE, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_schedule_set(struct sfs_store *store,
						   const struct sfs_backup_schedule *schedule,
						   struct sfs_diag *diag);

/**
 * From now until the store is closed, take backups by its schedule, and remove versions of objects that are
 * too old (history.h), in a thread of their own. A backup that
 * fails leaves a line in errors.ndjson and is tried again after ten minutes at most. Does nothing for a
 * memory store and a read-only one. Not while another thread may do the same.
 */
SFS_API SFS_MUST_CHECK int sfs_backup_schedule_run(struct sfs_store *store);

#ifdef __cplusplus
}
#endif
#endif
