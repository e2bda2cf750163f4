/*
 * A backup that is being taken, shared by take.c and origin.c.
 *
 * A store that is a folder of another program (mirror/mirror.h) has, besides the sidecar, the files of that
 * program in its backups:
 *
 *   store, db/, raw/   the sidecar
 *   origin             "folder", or "file NAME" of a single database
 *   files/             the other program's files; a name that ends in ".json" has a "~" behind it, for what
 *                      is below the root with that ending would be taken for an object
 *
 * Each is as its record is in the sidecar: what did not change since is copied, for what did the text
 * is made from the record again.
 */
#ifndef SFSI_TAKING_H
#define SFSI_TAKING_H

#include "backup/backup.h"
#include "base/map.h"
#include "mirror/sidecar.h"

struct sfsi_taking {
	struct sfs_store *store;
	const struct sfs_backup_config *config;
	struct sfsi_backup_place place;
	struct sfsi_copying copying;
	struct sfsi_backup_writer writer;
	struct sfsi_map
		before; /* of the last backup: path and stamp to pool name, hash, size and how it was seen */
	struct sfs_backup base; /* that one; all 0: none */
	struct sfs_backup last; /* of the folder; all 0: none */
	struct sfs_backup backup;
	char temp[SFS_BACKUP_NAME_SIZE + sizeof SFSI_BACKUP_TEMP];
	int dir_fd;                 /* of temp */
	struct sfsi_origin *origin; /* of a mirror; NULL: none */
	struct sfs_diag *diag;
};

/** A file, by its descriptor: linked from the pool, which gets it if need be. @table  it never changes. */
SFS_MUST_CHECK int sfsi_taking_pooled(struct sfsi_taking *taking, int from, bool table,
				      const char *path);

/* --- origin.c: all do nothing for a store that is no mirror --- */

/** Where the backups of a mirror go its sidecar is in its folder. @folder  where they go; NULL: there. */
SFS_MUST_CHECK int sfsi_origin_settle(struct sfs_store *store, const char *folder,
				      struct sfs_diag *diag);
/** Write out what is not in files yet, and hold these until … */
SFS_MUST_CHECK int sfsi_origin_begin(struct sfsi_taking *taking);
/** … it is fixed which records the backup has: a file that is changed later is not what it has. */
void sfsi_origin_unlock(struct sfsi_taking *taking);
/** Copy the files: db/ and raw/ are there. */
SFS_MUST_CHECK int sfsi_origin_take(struct sfsi_taking *taking);
void sfsi_origin_end(struct sfsi_taking *taking);

#endif
