/*
 * The sidecar of a mirror: where it is, and how it gets there.
 *
 * It is a folder as that of any store, but for the names: "store" is what storefs.json is elsewhere,
 * for no file of ours may end in .json. It is ROOT/.storefs (of a single file NAME: .NAME.storefs beside
 * it) once somebody has changed something through us (settled). Until then, and for a folder that takes no writes, it is in the user's
 * cache folder, named by the device and inode of the root; only what derives from the files is in it then.
 * The command socket of a daemon is in the cache folder in any case.
 */
#ifndef SFSI_SIDECAR_H
#define SFSI_SIDECAR_H

#include <limits.h>
#include "mirror/mirror.h"

#define SFSI_SIDECAR_NAME ".storefs"
#define SFSI_SIDECAR_FILE "store"
/** There while one is moved into the root. */
#define SFSI_SIDECAR_SETTLING "settling"

/** A path that may be a mirror. */
struct sfsi_sidecar_place {
	int root_fd;
	char *root;           /* absolute */
	char *file;           /* NULL, or the path was a file: its name */
	struct sfs_buf cache; /* path of its folder in the cache, with a NUL */
};
/** Errors of open(2), with a sentence. */
SFS_MUST_CHECK int sfsi_sidecar_place(const char *path, struct sfsi_sidecar_place *ret,
				      struct sfs_diag *diag);
void sfsi_sidecar_place_fini(struct sfsi_sidecar_place *place);

/**
 * The folder of the sidecar that there is. *ret_fd -1: there is none yet.
 * SFS_ERR_NOT_STORE: it is not the place of a mirror.
 */
SFS_MUST_CHECK int sfsi_sidecar_peek(const char *path, int *ret_fd, struct sfs_diag *diag);

/**
 * Find or make the sidecar of a path; sets the mirror, folder, lock and identity of the store.
 * @ret_create  its backend is to be made.
 * SFS_ERR_NOT_STORE: nothing there is of any kind.
 */
SFS_MUST_CHECK int sfsi_sidecar_attach(struct sfs_store *store,
				       const struct sfs_store_config *config, bool *ret_create,
				       struct sfs_diag *diag);
/** Its backend is made: from now on it counts. */
SFS_MUST_CHECK int sfsi_sidecar_complete(struct sfs_store *store, struct sfs_diag *diag);
/** Move it into the root. Commit lock held. Errors of the file system: it stays where it is. */
SFS_MUST_CHECK int sfsi_sidecar_settle(struct sfs_store *store);
/** Is a folder what is left of a sidecar that has lost the file that makes it one? */
bool sfsi_sidecar_lost_file(int dir_fd);
/** In a sidecar: it and the files of the root were put there from a backup. */
#define SFSI_SIDECAR_RESTORED "restored"
/** What a sidecar is called in the root. @file  NULL, or the one file that it is of. */
void sfsi_sidecar_name(const char *file, char ret[NAME_MAX + 1]);
/** Make ROOT and an empty sidecar in it. Errors as sfs_store_init(). */
SFS_MUST_CHECK int sfsi_sidecar_init(const struct sfs_store_config *config, struct sfs_diag *diag);

#endif
