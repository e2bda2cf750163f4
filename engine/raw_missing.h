/* Raws whose plain files are gone: they come back from a backup. */
#ifndef SFSI_RAW_MISSING_H
#define SFSI_RAW_MISSING_H

#include "store_private.h"

/** Somebody wanted the bytes of a raw, and there is no file: the next open for writing looks for it in backups. */
void sfsi_missing_note(struct sfs_store *store, uint64_t ino);
/**
 * Bring back what was noted, from the newest valid backup that has it. Best effort: what no backup has stays as it
 * is, until it is missed again.
 */
void sfsi_missing_bring(struct sfs_store *store);

#endif
