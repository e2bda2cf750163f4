/*
 * Backups by their names, "latest", or a time, wherever a verb takes one: in the folder of a store, in that of its schedule,
 * or in --backups DIR.
 */
#ifndef CLI_BACKUPS_H
#define CLI_BACKUPS_H

#include <storefs/backup.h>
#include "cli.h"

/** For the table of options of a verb whose locate() calls cli_backups_locate(). */
#define CLI_BACKUPS_OPTION \
	{ "backups", 'b', "DIR", "the folder of backups (as storefs backup --to)" }

/** In a locate(): --backups becomes an absolute path. Returns 0, or an exit code after saying why. */
SFS_MUST_CHECK int cli_backups_locate(struct cli_ctx *ctx);

/**
 * The path of the backup that a word means: --backups is looked into, else the folders of the store.
 * @store  NULL: only --backups can be meant.
 * @ret    the caller's; free it.
 * Returns 0; -1: the word means none, and diag says why; or an exit code after saying why.
 */
SFS_MUST_CHECK int cli_backups_find(struct cli_ctx *ctx, const char *store, const char *word,
				    char **ret, struct sfs_diag *diag);

/**
 * The folder of the store that a verb is about to work on: --store, the first argument if it leads to one,
 * $STOREFS_STORE. *ret is the caller's, and NULL when there is none. Returns 0, or an exit code after saying why.
 */
SFS_MUST_CHECK int cli_backups_store(struct cli_ctx *ctx, char **ret);
/** The same, of a word that the verb has found itself; NULL: $STOREFS_STORE. */
SFS_MUST_CHECK int cli_backups_store_of(struct cli_ctx *ctx, const char *word, char **ret);

#endif
