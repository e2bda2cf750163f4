/*
 * The storefs command: finds the verb and runs it. The verbs are in verbs.h.
 */
#include <fcntl.h>
#include <signal.h>
#include "cli.h"
#include "verbs.h"

#define ADDRESS(name) &cli_cmd_##name,
const struct cli_cmd *const cli_cmds[] = { CLI_VERBS(ADDRESS) NULL };

const struct cli_cmd *cli_cmd_find(const char *name)
{
	for (const struct cli_cmd *const *cmd = cli_cmds; *cmd; cmd++)
		if (strcmp((*cmd)->name, name) == 0)
			return *cmd;
	return NULL;
}

/* Options that stand where the verb should be. */
static const char *verb_name(const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return "help";
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		return "version";
	return word;
}

static int run(struct cli_ctx *ctx, int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(ctx, "a verb is missing");
	ctx->cmd = cli_cmd_find(verb_name(argv[1]));
	if (!ctx->cmd)
		return cli_usage(ctx, "'%s' is no verb", argv[1]);
	return cli_run(ctx, argc - 1, argv + 1);
}

/* A descriptor that is closed would be taken by the next open, of the store for instance. */
static bool open_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	const int fds[4] = { 0, 1, 2, AT_FDCWD };
	struct cli_ctx ctx;
	signal(SIGPIPE, SIG_IGN);
	if (!open_standard() || cli_ctx_init(&ctx, fds, &cli_interrupted) < 0)
		return CLI_FAILED;
	return cli_ctx_fini(&ctx, run(&ctx, argc, argv));
}
