/* Plain files of raws out of a backup, for those that are gone from the store. */
#ifndef SFSI_BACKUP_BRING_H
#define SFSI_BACKUP_BRING_H

#include "backup/backup.h"
#include "base/map.h"

/** A backup that files are brought from. */
struct sfsi_bringing {
	const char *backup; /* its folder; borrowed */
	struct sfsi_copying copying;
	struct sfsi_map hashes; /* path below raw/ to hash; filled when the first one is wanted */
	bool loaded;
};

/** @store_fd  a folder of the disk that it is written to. */
void sfsi_bringing_init(struct sfsi_bringing *bringing, const char *backup, int store_fd);
/** Accepts a zeroed one. */
void sfsi_bringing_fini(struct sfsi_bringing *bringing);
/**
 * Copy a plain file into an empty one, and sync that.
 *
 * @path  below raw/.
 * Returns 0, SFS_ERR_NOT_FOUND (the backup has no such file), SFS_ERR_CORRUPT (it is not what was copied: what
 * is in the file then is nothing), SFS_ERR_NO_SPACE, SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_bring(struct sfsi_bringing *bringing, const char *path, int to);

#endif
