/*
 * The storefs command: finds the verb and runs it. The table of verbs is here.
 */
#include <fcntl.h>
#include <signal.h>
#include "cli.h"
#include "verbs.h"

/* One a line, however many there are. */
/* clang-format off */
const struct cli_cmd *const cli_cmds[] = {
	&cli_cmd_init,
	&cli_cmd_mount,
	&cli_cmd_umount,
	&cli_cmd_status,
	&cli_cmd_import,
	&cli_cmd_export,
	&cli_cmd_get,
	&cli_cmd_put,
	&cli_cmd_rm,
	&cli_cmd_ls,
	&cli_cmd_class,
	&cli_cmd_rel,
	&cli_cmd_refs,
	&cli_cmd_query,
	&cli_cmd_index,
	&cli_cmd_reindex,
	&cli_cmd_db,
	&cli_cmd_flush,
	&cli_cmd_why,
	&cli_cmd_check,
	&cli_cmd_diff,
	&cli_cmd_gc,
	&cli_cmd_trash,
	&cli_cmd_backup,
	&cli_cmd_restore,
	&cli_cmd_config,
	&cli_cmd_convert,
	&cli_cmd_dump,
	&cli_cmd_load,
	&cli_cmd_version,
	&cli_cmd_help,
	NULL,
};
/* clang-format on */

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
