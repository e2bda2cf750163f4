/*
 * Where a verb runs: here, on a store that this process opens, or in the daemon that owns it.
 *
 * A store that is owned by a process that is no daemon (another command) is waited for a moment:
 * most commands are short. What goes to the daemon is rebuilt from what was parsed, with the store
 * named by --store: $STOREFS_STORE and relative store paths are this process's.
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <storefs/recover.h>
#include "cli.h"
#include "fs.h"
#include "mounts.h"

#define WAIT_MS 3000 /* for another command to give the store back */
#define WAIT_STEP_MS 20

atomic_bool cli_interrupted;

static void interrupt(int number)
{
	(void)number;
	atomic_store(&cli_interrupted, true);
}

/* The first signal asks the verb to stop between records, the second one ends the process. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND };
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void wait_ms(long ms)
{
	struct timespec step = { ms / 1000, ms % 1000 * 1000000 };
	nanosleep(&step, NULL);
}

/* Which argument or variable names the store? Returns -1 to go on, or an exit code. */
static int take_store(struct cli_ctx *ctx)
{
	if (ctx->store_arg)
		return -1;
	const char *fallback = getenv("STOREFS_STORE");
	if (fallback && !*fallback)
		fallback = NULL;
	if (ctx->argc > 0 && (!fallback || cli_is_store(ctx->argv[0]))) {
		ctx->store_arg = *ctx->argv++;
		ctx->argc--;
		return -1;
	}
	ctx->store_arg = fallback;
	if (!fallback && !(ctx->cmd->flags & CLI_LISTS))
		return cli_usage(ctx, "STORE is missing");
	return -1;
}

/* The word that says what a verb with several forms does. Returns -1 to go on, or an exit code. */
static int take_action(struct cli_ctx *ctx)
{
	const struct cli_action *action = ctx->cmd->actions;
	if (!action)
		return -1;
	if (ctx->argc == 0)
		return cli_usage(ctx, "what to do is missing");
	while (action->name && strcmp(action->name, ctx->argv[0]) != 0)
		action++;
	if (!action->name)
		return cli_usage(ctx, "'%s' is nothing that it does", ctx->argv[0]);
	ctx->action = action;
	ctx->argv++;
	ctx->argc--;
	return -1;
}

static bool reads(const struct cli_ctx *ctx)
{
	if (ctx->cmd->writes && cli_option(ctx, ctx->cmd->writes))
		return false;
	if (ctx->cmd->reads)
		return ctx->cmd->reads(ctx);
	return ctx->action ? ctx->action->reads : ctx->cmd->flags & CLI_READS;
}

static int run_verb(struct cli_ctx *ctx)
{
	return ctx->action ? ctx->action->run(ctx) : ctx->cmd->run(ctx);
}

static int check_count(struct cli_ctx *ctx)
{
	int min = ctx->action ? ctx->action->min_args : ctx->cmd->min_args;
	int max = ctx->action ? ctx->action->max_args : ctx->cmd->max_args;
	if (ctx->argc < min)
		return cli_usage(ctx, "too few arguments");
	if (max >= 0 && ctx->argc > max)
		return cli_usage(ctx, "too many arguments: '%s'", ctx->argv[max]);
	int code = ctx->cmd->check ? ctx->cmd->check(ctx) : 0;
	return code == 0 ? -1 : code;
}

/* The arguments for the daemon. *ret has one block of memory behind it: free(*ret). */
static int forward_args(struct cli_ctx *ctx, const char *store, char ***ret)
{
	size_t count = 4 + (size_t)ctx->given_count + (size_t)ctx->argc;
	char **args = calloc(count + 1, sizeof *args);
	if (!args)
		return -1;
	int done = 0;
	bool ok = (args[done++] = strdup(ctx->cmd->name)) != NULL;
	ok = asprintf(&args[done++], "--store=%s", store) >= 0 && ok;
	for (int i = 0; i < ctx->given_count; i++) {
		const struct cli_given *given = &ctx->given[i];
		ok = asprintf(&args[done++], "--%s%s%s", given->option->name,
			      given->option->value ? "=" : "", given->value) >= 0 &&
		     ok;
	}
	ok = (args[done++] = strdup("--")) && ok;
	if (ctx->action)
		ok = (args[done++] = strdup(ctx->action->name)) && ok;
	for (int i = 0; i < ctx->argc; i++)
		ok = (args[done++] = strdup(ctx->argv[i])) && ok;
	*ret = args;
	return ok ? done : -1;
}

static void free_args(char **args)
{
	for (char **arg = args; arg && *arg; arg++)
		free(*arg);
	free(args);
}

/* Ask the daemon. Returns an exit code, or -1: no daemon listens there. */
static int forward(struct cli_ctx *ctx, const char *store)
{
	char **args = NULL;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int code = CLI_FAILED;
	int count = forward_args(ctx, store, &args);
	int err = count < 0 ? SFS_ERR_NO_MEMORY : fs_client_run(store, count, args, &code, &diag);
	free_args(args);
	if (err == SFS_ERR_NOT_FOUND)
		return -1;
	if (err < 0) {
		code = cli_fail(ctx, err, store, &diag);
		if (err == SFS_ERR_PERMISSION || err == SFS_ERR_VERSION)
			code = CLI_OWNED;
	}
	return code;
}

int cli_fail_no_store(struct cli_ctx *ctx, int err, const char *path, const struct sfs_diag *diag)
{
	struct sfs_diag hint = *diag;
	sfs_diag_set(&hint, err, "%s%s('storefs init %s' makes a store)", diag->text,
		     diag->text[0] ? " " : "", path);
	return cli_fail(ctx, err, path, &hint);
}

static int open_failed(struct cli_ctx *ctx, int err, const char *path, const struct sfs_diag *diag)
{
	bool writes = !reads(ctx);
	if ((err == SFS_ERR_CORRUPT || err == SFS_ERR_NOT_STORE) &&
	    sfs_store_can_recover(path, err)) {
		struct sfs_diag hint = *diag;
		sfs_diag_set(&hint, err, "%.300s ('storefs recover %.120s' recovers it)",
			     diag->text, path);
		return cli_fail(ctx, SFS_ERR_CORRUPT, path, &hint);
	}
	if (writes && (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_NOT_STORE))
		return cli_fail_no_store(ctx, err, path, diag);
	return cli_fail(ctx, err, path, diag);
}

/* Open the store, or have its daemon run the verb. Returns -1: opened; else an exit code. */
static int open_store(struct cli_ctx *ctx, const char *path)
{
	struct sfs_store_config config = {
		.path = path,
		.flags = reads(ctx) ? SFS_STORE_READ_ONLY | SFS_STORE_TAKE_IN : 0,
		.owner_note = "a storefs command",
	};
	struct sfs_diag diag = SFS_DIAG_INIT;
	int first = cli_is_mounted(path) ? forward(ctx, path) : -1;
	if (first >= 0)
		return first;
	int err = sfs_store_open(&config, &ctx->store, &diag);
	for (long waited = 0; err == SFS_ERR_BUSY && waited < WAIT_MS; waited += WAIT_STEP_MS) {
		int code = forward(ctx, path);
		if (code >= 0)
			return code;
		wait_ms(WAIT_STEP_MS);
		diag = (struct sfs_diag)SFS_DIAG_INIT;
		err = sfs_store_open(&config, &ctx->store, &diag);
	}
	return err < 0 ? open_failed(ctx, err, path, &diag) : -1;
}

static int run_here(struct cli_ctx *ctx, const char *path)
{
	int code = open_store(ctx, path);
	if (code >= 0)
		return code;
	catch_signals();
	code = run_verb(ctx);
	int err = sfs_store_close(ctx->store);
	ctx->store = NULL;
	if (err < 0)
		return cli_fail(ctx, err, path, NULL);
	return code;
}

int cli_run(struct cli_ctx *ctx, int argc, char **argv)
{
	int code = cli_parse(ctx, argc, argv);
	if (code < 0)
		code = take_action(ctx);
	if (code < 0 && ctx->cmd->locate)
		code = ctx->cmd->locate(ctx);
	if (code < 0 && ctx->cmd->flags & CLI_OPENS)
		code = take_store(ctx);
	if (code < 0)
		code = check_count(ctx);
	if (code >= 0)
		return code;
	if (!ctx->store_arg)
		return run_verb(ctx);
	char *path = NULL;
	int err = cli_locate(ctx->store_arg, &path);
	if (err < 0)
		return cli_fail(ctx, err, ctx->store_arg, NULL);
	code = run_here(ctx, path);
	free(path);
	return code;
}

static int serve(struct cli_ctx *ctx, int argc, char **argv)
{
	ctx->cmd = argc > 0 ? cli_cmd_find(argv[0]) : NULL;
	if (!ctx->cmd || !(ctx->cmd->flags & CLI_OPENS))
		return cli_usage(ctx, "no verb that a daemon runs");
	int code = cli_parse(ctx, argc, argv);
	if (code < 0)
		code = take_action(ctx);
	if (code < 0)
		code = check_count(ctx);
	if (code >= 0)
		return code;
	code = run_verb(ctx);
	/* The same promise as without a mount, where closing the store syncs it. */
	int err = reads(ctx) ? 0 : sfs_store_sync(ctx->store);
	return err < 0 ? cli_fail(ctx, err, "sync", NULL) : code;
}

int cli_serve(struct sfs_store *store, int argc, char **argv, const int fds[4],
	      const atomic_bool *cancelled)
{
	struct cli_ctx ctx;
	if (cli_ctx_init(&ctx, fds, cancelled) < 0)
		return CLI_FAILED;
	ctx.store = store;
	ctx.served = true;
	return cli_ctx_fini(&ctx, serve(&ctx, argc, argv));
}
