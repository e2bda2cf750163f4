/*
 * Loading a database: its file, or the newest backup that can be read.
 */
#ifndef SFSI_DATABASE_LOAD_H
#define SFSI_DATABASE_LOAD_H

#include "database/backups.h"
#include "database/file.h"
#include "database/image.h"
#include "database/tell.h"

/** Where a database lives. */
struct sfsi_home {
	int root_fd;    /* of the folder of the databases; owned */
	int dir_fd;     /* of the folder of the file; owned */
	char *name;     /* as "todo" or "sub/inner"; owned */
	char file[256]; /* as "inner.mpack", in dir_fd */
	unsigned keep;  /* backups; 0: SFSI_BACKUPS_KEEP */
	bool read_only;
	struct sfsi_teller teller;
};

/**
 * @root_fd  borrowed.
 * Returns 0, SFS_ERR_NAME (empty, ".." or "." between slashes, a NUL), SFS_ERR_LIMIT, SFS_ERR_NOT_FOUND (no such
 * folder), SFS_ERR_IO and the like.
 */
SFS_MUST_CHECK int sfsi_home_open(int root_fd, struct sfs_span name, struct sfsi_home *ret);
/** Accepts a zeroed home. */
void sfsi_home_close(struct sfsi_home *home);

/** Longest name of a file set aside. */
#define SFSI_ASIDE_MAX 320

/** What was loaded. */
struct sfsi_loaded {
	bool missing;                        /* there is no file: the database is new and empty */
	struct sfsi_snapshot snapshot;       /* of the file, or of the backup */
	struct sfsi_image image;             /* of the snapshot */
	char from[SFSI_BACKUP_NAME_MAX + 1]; /* name of the backup; empty: the file itself */
	char why[200]; /* what is wrong with the file, where a backup was taken */
};
void sfsi_loaded_fini(struct sfsi_loaded *loaded);

/**
 * Load a database; changes nothing.
 * @temp_fd  as sfsi_snapshot_read().
 * @hot      it may still be being written: one that is damaged is SFS_ERR_BUSY.
 * Returns 0; SFS_ERR_CORRUPT: "Could not load db:NAME", neither the file nor a backup can be read;
 * SFS_ERR_LIMIT, SFS_ERR_BUSY, SFS_ERR_PERMISSION, …: the file can not be read now, backups are not looked at.
 */
SFS_MUST_CHECK int sfsi_database_load(const struct sfsi_home *home, int temp_fd, bool hot,
				      struct sfsi_loaded *ret, struct sfs_diag *diag);

/**
 * Set the file aside as FILE.corrupt (FILE.corrupt.1, … where there is one), never among the backups.
 * @bytes  what takes its place; data NULL: nothing does.
 * @ret    stamp of the new file. @ret_aside  NULL, or the name that the old one has now.
 */
SFS_MUST_CHECK int sfsi_database_set_aside(const struct sfsi_home *home, struct sfs_span bytes,
					   struct sfsi_file_stamp *ret,
					   char ret_aside[SFSI_ASIDE_MAX]);

#endif
