/*
 * A mirror in a backup: sidecar and files as they were (backup/taking.h). It is opened as a store, and
 * nothing of it is taken in, watched or written.
 */
#ifndef SFSI_FROZEN_H
#define SFSI_FROZEN_H

#include "mirror/mirror.h"

/** In the folder of the backup. */
#define SFSI_FROZEN_NOTE "origin"
#define SFSI_FROZEN_FILES "files"
/** Room for the path of a file in a backup. */
#define SFSI_FROZEN_PATH 4352

/** Is it the folder of one? */
bool sfsi_frozen_is(int dir_fd);
/** Its single file; *ret NULL: it is a folder. free() it. SFS_ERR_CORRUPT. */
SFS_MUST_CHECK int sfsi_frozen_file(int dir_fd, char **ret);
/** Give the store, whose folder is open, the mirror of its backup. */
SFS_MUST_CHECK int sfsi_frozen_attach(struct sfs_store *store, struct sfs_diag *diag);

/** Where in the backup a path of the root is. SFS_ERR_LIMIT: it is too long. */
SFS_MUST_CHECK int sfsi_frozen_path(const char *path, char ret[SFSI_FROZEN_PATH]);
/** The path of the root, of one in the backup below SFSI_FROZEN_FILES. */
void sfsi_frozen_unpath(const char *place, char ret[SFSI_FROZEN_PATH]);

#endif
