/*
 * Which backup an argument means: a word that names one of a store, or a path. Asked where the argument was
 * given: in a daemon a relative path means something else.
 */
#ifndef CLI_BACKUP_PATH_H
#define CLI_BACKUP_PATH_H

#include "cli.h"

/**
 * The folder of the backup of a store that a word means: its name, "latest", or a time (the one that was in
 * force then). *ret is the caller's. Returns 0, -1 (it means none), or an exit code after saying why.
 */
SFS_MUST_CHECK int cli_backup_of(struct cli_ctx *ctx, const char *store, const char *word,
				 char **ret);

/**
 * The folder of the store, or of the backup, that a path leads to; below .storefs/backups of a mount it is that of
 * the backup there. *ret is the caller's. Returns 0, or an exit code after saying why.
 */
SFS_MUST_CHECK int cli_backup_path(struct cli_ctx *ctx, const char *path, char **ret);

#endif
