/* storefs help: the list of verbs, or the help of one. */
#include "verbs.h"

static int run(struct cli_ctx *ctx)
{
	if (ctx->argc == 0) {
		cli_help_all(ctx);
		return 0;
	}
	const struct cli_cmd *cmd = cli_cmd_find(ctx->argv[0]);
	if (!cmd)
		return cli_usage(ctx, "'%s' is no verb", ctx->argv[0]);
	cli_help(ctx, cmd);
	return 0;
}

static const struct cli_option options[] = {
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_help = {
	.name = "help",
	.synopsis = "[VERB]",
	.summary = "show this list, or the help of a verb",
	.details = "The same as storefs --help and storefs VERB --help.",
	.options = options,
	.examples = "storefs help import",
	.min_args = 0,
	.max_args = 1,
	.run = run,
};
