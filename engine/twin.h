/*
 * A store that is kept twice: its mirror is a second folder, on another disk as a rule, with the same records
 * and the same plain files, which opens as a store by itself when the first one is lost.
 *
 * Records go to both backends in every commit (backend/pair.h), plain files at every sync and when the store
 * is closed. While the store is open, and after it did not end well, the mirror counts as behind: the next
 * open compares both and makes it the same. A mirror that fails or is not there never stops the store.
 */
#ifndef SFSI_TWIN_H
#define SFSI_TWIN_H

#include "store_private.h"

/** In the store's folder: the path of its mirror, and a newline. */
#define SFSI_TWIN_FILE "mirror"
/** There while the mirror may lack something. */
#define SFSI_TWIN_BEHIND "mirror.behind"

/** A new store gets a mirror: an empty folder, or one that does not exist. It is filled at the next open. */
SFS_MUST_CHECK int sfsi_twin_init(int dir_fd, const char *path, struct sfs_diag *diag);

/** After the first backend was opened: if there is a mirror, the store's backend becomes a pair. */
SFS_MUST_CHECK int sfsi_twin_attach(struct sfs_store *store, const struct sfs_store_config *config,
				    struct sfs_diag *diag);
/** The catalogue is there: make the mirror the same where it is behind. SFS_ERR_CONFLICT: it is newer. */
SFS_MUST_CHECK int sfsi_twin_catch_up(struct sfs_store *store, struct sfs_diag *diag);
/** The store is of a newer format now: so is the mirror, as it has the same records. */
void sfsi_twin_upgraded(struct sfs_store *store, const struct sfsi_store_file *file);
/** Everything is synced: the mirror gets what it lacks, and is no longer behind. */
void sfsi_twin_close(struct sfs_store *store);
/** After the backend was closed. */
void sfsi_twin_free(struct sfs_store *store);

/** A plain file was synced, or is gone. @path  below raw/. */
void sfsi_twin_file(struct sfs_store *store, const char *path);
void sfsi_twin_file_gone(struct sfs_store *store, const char *path);
/** Any of them may have changed. */
void sfsi_twin_files(struct sfs_store *store);

/** Where it is, and whether it is behind: the members of a status. */
void sfsi_twin_stat(struct sfs_store *store, struct sfs_store_stat *ret);

/** Rows and plain files that differ, added to. SFS_ERR_NOT_FOUND: there is no mirror. */
SFS_MUST_CHECK int sfsi_twin_compare(struct sfs_store *store, uint64_t *ret_rows,
				     uint64_t *ret_files);

#endif
