/* Around a change that may lose something: a backup before it, a look at the result. */
#ifndef SFSI_BACKUP_BEFORE_H
#define SFSI_BACKUP_BEFORE_H

#include <storefs/store.h>

/**
 * Take a backup of an open store before something that may lose what is there. Does nothing for a store that holds
 * nothing, can have no backups, is read-only, or has the setting backup_before=0. No lock is held.
 *
 * @why    "a restore": for the sentence.
 * @mends  it puts damage right: then a backup with the damage in it, which is not valid, will do.
 * Returns 0, or why there is none: do nothing then.
 */
SFS_MUST_CHECK int sfsi_backup_before(struct sfs_store *store, const char *why, bool mends,
				      struct sfs_diag *diag);

/** Is a class of an open store whole? SFS_ERR_CORRUPT: diag says what is not. (verify.c) */
SFS_MUST_CHECK int sfsi_backup_check_class(struct sfs_store *store, uint32_t class_id,
					   struct sfs_diag *diag);

#endif
