/*
 * Mounted stores, from the kernel's list of mounts, and where a STORE argument leads.
 */
#ifndef CLI_MOUNTS_H
#define CLI_MOUNTS_H

#include <stdbool.h>
#include <storefs/err.h>
#include <stddef.h>

/** A file system in the list. */
struct cli_mount {
	char *place;    /* the mount point */
	char *store;    /* folder of the store; NULL: something else is mounted there */
	unsigned minor; /* of the device number: the name of the kernel's connection */
};

struct cli_mounts {
	struct cli_mount *items;
	size_t count;
};

/** All mounts that this process sees, in order of mounting. Returns 0 or the error. */
SFS_MUST_CHECK int cli_mounts_get(struct cli_mounts *ret);
void cli_mounts_fini(struct cli_mounts *mounts);
/** The mount that a path is in (absolute, no symlinks), or NULL. */
const struct cli_mount *cli_mounts_find(const struct cli_mounts *mounts, const char *path);

/**
 * The absolute path of a path of this process. Works for a mount whose daemon has died.
 * Returns 0 (*ret is the caller's, free it), or the error.
 */
SFS_MUST_CHECK int cli_absolute(const char *path, char **ret);

/**
 * The folder of the store that a STORE argument means: itself, or what is mounted there; below .storefs/backups/NAME of a
 * mount, and through CLASS/.at/TIME, that backup.
 * *ret is the caller's. A path that does not exist is given back as it is.
 */
SFS_MUST_CHECK int cli_locate(const char *arg, char **ret);
/**
 * Is the store of this folder mounted somewhere? A daemon that serves it read-only shares it with others who only
 * read, and still is the one to ask.
 */
bool cli_is_mounted(const char *store);
/** Does this argument lead to a store? */
bool cli_is_store(const char *arg);

#endif
