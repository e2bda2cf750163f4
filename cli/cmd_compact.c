/* storefs compact: give back the room of what was removed or replaced. */
#include <inttypes.h>
#include <storefs/compact.h>
#include "progress.h"
#include "rate.h"
#include "verbs.h"

static int run(struct cli_ctx *ctx)
{
	struct cli_progress progress;
	struct sfs_compact compact = { .progress = cli_progress_built, .arg = &progress };
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t before = 0, after = 0;
	int code = cli_rate(ctx, &compact.rate);
	if (code != 0)
		return code;
	cli_progress_init(&progress, ctx, "compacting", "bytes");
	int err = sfs_store_compact(ctx->store, &compact, &before, &after, &diag);
	cli_progress_clear(&progress);
	if (err == SFS_ERR_CANCELLED)
		return CLI_FAILED;
	if (err < 0)
		return cli_fail(ctx, err, sfs_store_path(ctx->store), &diag);
	fprintf(ctx->out, "%s: %.1f MiB of tables, %.1f MiB before\n", sfs_store_path(ctx->store),
		(double)after / (1 << 20), (double)before / (1 << 20));
	return CLI_OK;
}

static const struct cli_option options[] = {
	{ "rate", 'r', "BYTES", "rewrite at most so many bytes a second (500K, 20M)" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_compact = {
	.name = "compact",
	.synopsis = "[--rate BYTES] STORE",
	.summary = "give back the room of what was removed",
	.details =
		"Rewrites the tables of the records without what was removed or replaced. The engine\n"
		"does that by itself in time; this does all of it now. The store may be in use:\n"
		"now and then a save waits some tenths of a second.",
	.options = options,
	.examples = "storefs compact /srv/blog\n"
		    "storefs compact --rate 20M /mnt/blog",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = 0,
	.run = run,
};
