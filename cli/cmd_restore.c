/*
 * storefs restore: make a store from a backup.
 */
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <storefs/backup.h>
#include "progress.h"
#include "verbs.h"

struct restoring {
	struct cli_ctx *ctx;
	struct cli_progress progress;
};

static int tell(void *arg, uint64_t files, uint64_t bytes)
{
	struct restoring *restoring = arg;
	restoring->progress.count = files;
	restoring->progress.done = bytes;
	cli_progress_tick(&restoring->progress);
	return cli_stopped(restoring->ctx);
}

static int restore(struct restoring *restoring, char *folder, const char *name)
{
	struct cli_ctx *ctx = restoring->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_backup_config config = { .folder = folder, .progress = tell, .arg = restoring };
	int err = sfs_backup_restore(&config, name, ctx->argv[1], &diag);
	cli_progress_clear(&restoring->progress);
	if (err < 0) {
		int code = cli_fail(ctx, err, ctx->argv[0], &diag);
		return err == SFS_ERR_CORRUPT ? CLI_DAMAGED : code;
	}
	fprintf(ctx->out, "%s: %" PRIu64 " files\n", ctx->argv[1], restoring->progress.count);
	return CLI_OK;
}

static int run(struct cli_ctx *ctx)
{
	struct restoring restoring = { .ctx = ctx };
	char *for_dir = strdup(ctx->argv[0]), *for_base = strdup(ctx->argv[0]);
	cli_progress_init(&restoring.progress, ctx, "restoring", "files");
	int code = for_dir && for_base ? restore(&restoring, dirname(for_dir), basename(for_base))
				       : cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	free(for_dir);
	free(for_base);
	return code;
}

static const struct cli_option options[] = {
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_restore = {
	.name = "restore",
	.synopsis = "BACKUP STORE",
	.summary = "make a store from a backup",
	.details =
		"BACKUP is the folder of one backup, as STORE/backups/2026-11-22T010203Z. STORE must not\n"
		"exist yet. Every file is compared with its hash while it is copied, and the copy is\n"
		"opened and read before it gets its name.",
	.options = options,
	.examples = "storefs restore /srv/blog/backups/2026-11-22T010203Z /srv/blog.then",
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_DAMAGED,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
