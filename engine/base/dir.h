/*
 * Folders. What is in one, an entry at a time:
 *
 *	SFSI_AUTO_DIR DIR *dir = NULL;
 *	int err = sfsi_dir_open(at, name, &dir);
 *	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
 *		err = see(dirfd(dir), entry->d_name);
 */
#ifndef SFSI_BASE_DIR_H
#define SFSI_BASE_DIR_H

#include <dirent.h>
#include <stdbool.h>
#include <storefs/buf.h>

static inline void sfsi_dir_close(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define SFSI_AUTO_DIR __attribute__((cleanup(sfsi_dir_close)))

/**
 * Open a folder below another one; at its end is no symlink.
 * @name  "." is the folder at itself, read on its own: others may read it meanwhile.
 * Returns 0 or an error of the system: SFS_ERR_NOT_FOUND, SFS_ERR_NOT_DIR (a symlink, too)...
 */
SFS_MUST_CHECK int sfsi_dir_open(int at, const char *name, DIR **ret);
/**
 * The next entry but "." and "..", which is good until the next call; NULL at the end, or with
 * *ret_err set: it could not be read. Without an error *ret_err is left alone.
 */
const struct dirent *sfsi_dir_next(DIR *dir, int *ret_err);
/** Is there nothing in it? One that can not be read counts as full. */
bool sfsi_dir_is_empty(int dir_fd);

/** Remove a folder and all in it, or a file, below dir_fd. Best effort. */
void sfsi_remove_tree(int dir_fd, const char *name);

#endif
