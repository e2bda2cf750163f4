/*
 * A new folder that gets its name when it is whole: what convert, load and dump make. Until then it is
 * DIR/.NAME.SUFFIX beside it; what a kill left there is removed by the next try.
 */
#ifndef CLI_NEWSTORE_H
#define CLI_NEWSTORE_H

#include "cli.h"
#include "progress.h"

/** What makes it. */
struct cli_newstore_how {
	const char *suffix; /* of the other name, as "converting" */
	const char *word;   /* as "conversion" */
	bool store;         /* a store, which has locks of its own; else the folder is locked */
};

struct cli_newstore {
	struct cli_ctx *ctx;
	const struct cli_newstore_how *how;
	char *target, *part; /* absolute */
	bool made;           /* the part is ours */
	int lock_fd;
};

/** The absolute path of a path of the caller, whose folder is an open descriptor. NULL: no memory. */
char *cli_caller_path(const struct cli_ctx *ctx, const char *path);

/**
 * Prepare a new folder: its target does not exist or is empty, what an earlier try left is removed, and the folder
 * is there under its other name, and empty.
 * Returns 0, or an exit code after saying why. End it with cli_newstore_end() in any case.
 */
SFS_MUST_CHECK int cli_newstore_begin(struct cli_newstore *new, struct cli_ctx *ctx,
				      const char *argument, const struct cli_newstore_how *how);
/** Give it its name (code 0), or remove it. Returns code, or another one after saying why. */
SFS_MUST_CHECK int cli_newstore_end(struct cli_newstore *new, int code);

/** What was made, for a person or with --json. */
struct cli_made {
	const char *key, *name; /* "store" or "dump", and how it is called */
	const char *backend;    /* NULL: none */
	uint64_t classes, objects, raws, bytes;
	const char *remark; /* behind the figures of a line */
};
void cli_put_made(struct cli_ctx *ctx, const struct cli_made *made);

/** Wait for the indexes of all classes of a store; ticks progress. Returns 0 or the error. */
SFS_MUST_CHECK int cli_build_indexes(struct sfs_store *store, struct cli_progress *progress,
				     struct sfs_diag *diag);

#endif
