/*
 * Backups of a database: .backups/NAME/<number>, copies of its earlier files.
 *
 * The names are whole numbers of any size and the larger one is the newer one. Ours are moments,
 * YYYYMMDDhhmmssuuuuuu in UTC, so they are both numbers and times. The Python program lists, rotates and
 * loads them; it fails where anything else lies in that folder, so nothing else is ever put there.
 */
#ifndef SFSI_DATABASE_BACKUPS_H
#define SFSI_DATABASE_BACKUPS_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

/** How many are kept. */
#define SFSI_BACKUPS_KEEP 5
/** Folder of the backups of all databases. */
#define SFSI_BACKUPS_FOLDER ".backups"
/** Longest number that is looked at. */
#define SFSI_BACKUP_NAME_MAX 63

struct sfsi_backup {
	char name[SFSI_BACKUP_NAME_MAX + 1];
	uint64_t size;
	int64_t mtime_ns;
};

/** Those of one database, newest first. Zeroed: none. */
struct sfsi_backups {
	struct sfsi_backup *items; /* [count] */
	size_t count, cap;
};

/**
 * Open the folder of the backups of a database; made when it is not there and create is set.
 * @root_fd  folder of the databases. @name  may have slashes.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_LIMIT (name), SFS_ERR_IO and the like.
 */
SFS_MUST_CHECK int sfsi_backups_open(int root_fd, const char *name, bool create, int *ret_fd);

/** List them; names that are no numbers are passed over. @fd  -1: there are none. */
SFS_MUST_CHECK int sfsi_backups_list(int fd, struct sfsi_backups *ret);
void sfsi_backups_fini(struct sfsi_backups *backups);

/** Name of the next one: now, or one more than the newest when that is not below. */
void sfsi_backups_next(const struct sfsi_backups *backups, int64_t now_ns,
		       char ret[SFSI_BACKUP_NAME_MAX + 1]);

/**
 * Move (or copy, on another file system) a file there as the newest one, and remove the oldest until keep are left.
 * @keep  0: SFSI_BACKUPS_KEEP.
 */
SFS_MUST_CHECK int sfsi_backups_take(int fd, int dir_fd, const char *name, int64_t now_ns,
				     unsigned keep);

#endif
