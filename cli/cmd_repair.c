/*
 * storefs repair: a store that can be read agrees with itself again. When nobody has it open, all its records are made
 * anew; while it is mounted its daemon makes anew what follows from records, and says what has to wait.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <storefs/check.h>
#include <storefs/recover.h>
#include <storefs/repair.h>
#include "backups.h"
#include "mounts.h"
#include "recovering.h"
#include "text.h"
#include "verbs.h"

struct counting {
	struct cli_ctx *ctx;
	uint64_t told;
};

/* "problem: Article/42: entry-missing: the object has no entry". */
static void put_problem(FILE *out, const struct sfs_check_problem *problem)
{
	fprintf(out, "problem: %s%s", problem->class_name[0] ? problem->class_name : "store",
		problem->oid.len || problem->name.len ? "/" : "");
	cli_put_bytes(out, problem->oid.len ? problem->oid : problem->name);
	fprintf(out, ": %s: %s\n", sfs_check_kind_text(problem->kind), problem->text);
}

/* --- a store that nobody has open --- */

static int tell_problem(void *arg, const struct sfs_check_problem *problem)
{
	struct counting *counting = arg;
	if (problem->severity == SFS_CHECK_NOTE || problem->kind == SFS_CHECK_SCHEMA)
		return 0;
	counting->told++;
	put_problem(counting->ctx->out, problem);
	return cli_stopped(counting->ctx);
}

/* A backup of the store as it is: of one that is damaged it may not be valid, and stays all the same. */
static int back_up(struct cli_ctx *ctx, struct sfs_store *store)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_backup backup;
	struct sfs_backup_schedule schedule;
	struct sfs_backup_config config = { .folder = cli_option(ctx, "backups") };
	int err = sfs_backup_schedule_get(store, &schedule, &diag);
	if (!err && !config.folder && schedule.folder[0])
		config.folder = schedule.folder;
	if (!err)
		err = sfs_backup_take(store, &config, &backup, &diag);
	if (err == 0)
		fprintf(ctx->out, "backup %s was taken\n", backup.name);
	else if (err == SFS_ERR_CORRUPT)
		fprintf(ctx->out, "the backup that was taken is not valid: %s\n", diag.text);
	else
		return cli_fail(ctx, err, "backup", &diag);
	return 0;
}

/* What a check finds, and with wanted also a backup. The store is closed again. */
static int look(struct cli_ctx *ctx, const char *path, bool backup, uint64_t *ret)
{
	const struct sfs_store_config config = {
		.path = path,
		.flags = backup ? 0u : (unsigned)SFS_STORE_READ_ONLY,
		.owner_note = "repairing",
	};
	struct counting counting = { .ctx = ctx };
	const struct sfs_check check = { .problem = tell_problem, .arg = &counting };
	struct sfs_check_result result;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store;
	int err = sfs_store_open(&config, &store, &diag);
	if (err < 0)
		return cli_fail(ctx, err, path, &diag);
	err = sfs_store_check(store, &check, &result, &diag);
	int code = err < 0 ? cli_fail(ctx, err, path, &diag) : 0;
	if (code == 0 && backup && counting.told)
		code = back_up(ctx, store);
	err = sfs_store_close(store);
	if (code == 0 && err < 0)
		code = cli_fail(ctx, err, path, NULL);
	*ret = counting.told;
	return code;
}

static int repair_offline(struct cli_ctx *ctx, const char *store)
{
	struct cli_recovering recovering = { .ctx = ctx, .out = ctx->out };
	uint64_t problems = 0;
	bool yes = cli_option(ctx, "yes");
	int code = look(ctx, store, yes, &problems);
	if (code != 0)
		return code;
	if (!problems) {
		fprintf(ctx->out, "%s: no problem, nothing to do\n", store);
		return CLI_OK;
	}
	code = cli_recover(&recovering, store, NULL,
			   SFS_RECOVER_NO_BACKUP | (yes ? 0u : SFS_RECOVER_DRY_RUN));
	if (code == CLI_OK && !yes)
		fprintf(ctx->out, "storefs repair --yes %s does it, after a backup\n", store);
	return code;
}

/**
 * A daemon that has the store repairs it; else it is repaired here, where nothing but its folder is needed.
 * What is no store any more, to all appearance, is taken as it was said.
 */
static int locate(struct cli_ctx *ctx)
{
	struct sfs_store_owner owner = { .pid = 0 };
	char *store = NULL;
	int code = cli_backups_locate(ctx);
	if (code == 0)
		code = cli_backups_store(ctx, &store);
	if (code != 0)
		return code;
	if (!store && ctx->argc == 1)
		store = strdup(ctx->argv[0]);
	cli_own(ctx, store);
	if (ctx->argc > 1)
		return cli_usage(ctx, "too many arguments: '%s'", ctx->argv[1]);
	if (!store)
		return cli_usage(ctx, "STORE is missing");
	if (cli_is_mounted(store) || (sfs_store_owner(store, &owner, NULL) == 0 && owner.pid > 0))
		return -1;
	return repair_offline(ctx, store);
}

/* --- a store that is in use --- */

struct serving {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	int code; /* of the backup */
};

static int tell_served(void *arg, const struct sfs_check_problem *problem, const char *advice)
{
	struct serving *serving = arg;
	FILE *out = serving->ctx->out;
	cli_progress_clear(&serving->progress);
	put_problem(out, problem);
	fprintf(out, "  %s\n", advice ? advice : "it is made anew while the store is in use");
	return cli_stopped(serving->ctx);
}

static int tell_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct serving *serving = arg;
	serving->progress.doing = what;
	serving->progress.count = serving->progress.done = done;
	serving->progress.total = total;
	cli_progress_tick(&serving->progress);
	return cli_stopped(serving->ctx);
}

static int before(void *arg)
{
	struct serving *serving = arg;
	cli_progress_clear(&serving->progress);
	serving->code = back_up(serving->ctx, serving->ctx->store);
	return serving->code != 0;
}

static int put_result(struct cli_ctx *ctx, const struct sfs_repair_result *result, bool yes)
{
	const char *store = sfs_store_path(ctx->store);
	uint64_t here = result->problems - result->others;
	if (!result->problems)
		fprintf(ctx->out, "%s: no problem, nothing to do\n", store);
	else if (!yes && here)
		fprintf(ctx->out,
			"nothing was changed; storefs repair --yes %s repairs %" PRIu64
			" of %" PRIu64 " problems, after a backup\n",
			store, here, result->problems);
	else
		fprintf(ctx->out,
			"%" PRIu64 " indexes were built anew%s; %" PRIu64 " problems are left\n",
			result->indexes, result->backrefs ? ", and references back" : "",
			result->left);
	return yes && result->left ? CLI_DAMAGED : CLI_OK;
}

static int run(struct cli_ctx *ctx)
{
	struct serving serving = { .ctx = ctx };
	struct sfs_repair_result result;
	struct sfs_diag diag = SFS_DIAG_INIT;
	bool yes = cli_option(ctx, "yes");
	const struct sfs_repair repair = {
		.dry_run = !yes,
		.problem = tell_served,
		.before = before,
		.progress = tell_progress,
		.arg = &serving,
	};
	cli_progress_init(&serving.progress, ctx, "checking", "objects");
	int err = sfs_store_repair(ctx->store, &repair, &result, &diag);
	cli_progress_clear(&serving.progress);
	if (serving.code != 0)
		return serving.code;
	if (err == SFS_ERR_CANCELLED)
		return CLI_FAILED;
	if (err < 0)
		return cli_fail(ctx, err, sfs_store_path(ctx->store), &diag);
	return put_result(ctx, &result, yes);
}

static bool reads(const struct cli_ctx *ctx)
{
	return !cli_option(ctx, "yes");
}

static const struct cli_option options[] = {
	{ "yes", 'y', NULL, "do it" },
	{ "backups", 'b', "DIR", "where the backup before it goes" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_repair = {
	.name = "repair",
	.synopsis = "[--yes] [--backups DIR] STORE",
	.summary = "make a store agree with itself again",
	.details =
		"For a store that can be read, and in which 'storefs check' finds problems. Says what\n"
		"was found and what a repair would do; with --yes a backup is taken, and it is done:\n"
		"entries, indexes, positions, references back and counters are made anew from the\n"
		"records; what has no name comes to lost+found of its class; plain files that belong\n"
		"to nothing are set aside in STORE/damaged/TIME, with the records as they were.\n"
		"While the store is mounted, its daemon makes indexes and references back anew, also\n"
		"after a backup; of everything else that was found it says what to do.\n"
		"Exit code 14: problems are left.",
	.options = options,
	.examples = "storefs repair /srv/blog\n"
		    "storefs repair --yes /srv/blog",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.min_args = 0,
	.max_args = 0,
	.reads = reads,
	.locate = locate,
	.run = run,
};
