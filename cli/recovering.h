/* Recovering a store, as mount, recover and repair do it. */
#ifndef CLI_RECOVERING_H
#define CLI_RECOVERING_H

#include "progress.h"

struct cli_recovering {
	struct cli_ctx *ctx;
	FILE *out; /* for the lines of the report and the summary */
	struct cli_progress progress;
};

/**
 * Recover, and say what became of it.
 * @backups  NULL: where the store has them. @flags  enum sfs_recover_flags. Returns an exit code.
 */
int cli_recover(struct cli_recovering *recovering, const char *store, const char *backups,
		unsigned flags);

#endif
