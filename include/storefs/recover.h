/*
 * Recovering a store that is damaged, and repairing one that does not agree with itself.
 *
 * Both build the records of the store anew beside the old ones: what can be read of the damaged store, what the
 * newest valid backup has where that can not be read, and everything that follows from these two (entries, indexes,
 * positions, references back, counters). The new records take the place of the old ones in one step, so
 * whatever interrupts it leaves the store as it was, or recovered. Nothing is deleted: what was there is
 * set aside in damaged/TIME/ of the store's folder, with a report (docs/recovery.md).
 */
#ifndef STOREFS_RECOVER_H
#define STOREFS_RECOVER_H

#include <storefs/backup.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Folder of a store in which what was damaged is. */
#define SFS_RECOVER_FOLDER "damaged"
/** There while a store that is open, or was, is known to be damaged: the next mount recovers it. */
#define SFS_RECOVER_NOTE_FILE "damage"

/** What is said of something. */
enum sfs_recover_kind {
	SFS_RECOVER_LOST = 1, /* it is gone */
	SFS_RECOVER_OLDER,    /* it is as it was in the backup; what was saved later is gone */
	SFS_RECOVER_BACKUP, /* it is as it was in the backup; whether it changed later is not known */
	SFS_RECOVER_FOUND, /* it had lost its name, or its attributes */
	SFS_RECOVER_ASIDE, /* a plain file that belongs to nothing, and was set aside */
	SFS_RECOVER_NOTE,  /* something about the whole */
};

/** One line of the report. Everything is borrowed for the call. */
struct sfs_recover_item {
	enum sfs_recover_kind kind;
	const char *class_name; /* "": the store */
	struct sfs_span oid;    /* of an object, or path of a raw; empty: neither */
	uint64_t ino;           /* inode number of a raw; 0: none */
	/* LOST as a whole: these commits, or some of them; 0: no such. NOTE: if there were any from that on */
	uint64_t commit_from, commit_to;
	const char *text; /* one sentence */
};

enum sfs_recover_flags {
	SFS_RECOVER_DRY_RUN = 1u << 0,   /* build it and report, then remove it again */
	SFS_RECOVER_NO_BACKUP = 1u << 1, /* only what the store itself has: a repair */
};

/** What to recover, and whom to tell. */
struct sfs_recover_config {
	const char *path;       /* folder of the store */
	unsigned flags;         /* enum sfs_recover_flags */
	const char *backups;    /* folder of backups; NULL: that of its schedule, else its own */
	const char *owner_note; /* for others who find it owned meanwhile; NULL: none */
	/* NULL, or called for each line of the report. Nonzero stops. */
	int (*item)(void *arg, const struct sfs_recover_item *item);
	/* NULL, or called every thousand rows or so. Nonzero stops. */
	int (*progress)(void *arg, uint64_t rows);
	void *arg;
};

/** What became of it. */
struct sfs_recover_result {
	char backup[SFS_BACKUP_NAME_SIZE]; /* whose records were used; "": none */
	/* What was set aside, and the report: below the store's folder, of a folder of another program
	 * an absolute path. "": nothing was changed. */
	char folder[1024];
	char why[200];                /* what was wrong; "": nothing that can be seen */
	uint64_t objects, files;      /* that the store has now */
	uint64_t from_backup;         /* rows that only the backup had */
	uint64_t lost, older, unsure; /* lines of the report, LOST, OLDER, BACKUP */
	uint64_t found, aside;        /* FOUND, ASIDE */
	uint64_t left;                /* problems that a check still finds */
};

/**
 * Recover a store, or repair it. Nobody may have it open. A valid backup is used where the store
 * itself can not be read; one that is damaged is passed over, for the next older one.
 * Of a folder or a database of another program what storefs keeps beside the files is made anew, if it can not be
 * opened: from a backup what only storefs knew, and the rest from the files, which are not touched.
 *
 * @ret  written also on failure.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NOT_STORE, SFS_ERR_BUSY (diag says who owns it),
 * SFS_ERR_VERSION (of a newer format), SFS_ERR_UNSUPPORTED (backend memory), SFS_ERR_NO_SPACE,
 * SFS_ERR_CANCELLED, SFS_ERR_CORRUPT (neither the store nor a backup has a record),
 * SFS_ERR_PERMISSION, SFS_ERR_READ_ONLY, SFS_ERR_IO. After any failure the store is as it was. Threads: any.
 */
SFS_API SFS_MUST_CHECK int sfs_store_recover(const struct sfs_recover_config *config,
					     struct sfs_recover_result *ret, struct sfs_diag *diag);

/**
 * Is there a store, or what is left of one, that recovering may help: one whose folder says so
 * (SFS_RECOVER_NOTE_FILE), that has lost storefs.json, or that was just refused with this error?
 */
SFS_API bool sfs_store_can_recover(const char *path, int err);

/** Short name of a kind, as "lost". Static. */
SFS_API const char *sfs_recover_kind_text(enum sfs_recover_kind kind);

#ifdef __cplusplus
}
#endif
#endif
