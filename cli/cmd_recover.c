/*
 * storefs recover and storefs repair: make the records of a store anew, from what can be read of them and,
 * for recover, from the newest valid backup.
 */
#include <inttypes.h>
#include <storefs/check.h>
#include <storefs/recover.h>
#include "progress.h"
#include "recovering.h"
#include "text.h"
#include "verbs.h"

static int tell_progress(void *arg, uint64_t rows)
{
	struct cli_recovering *recovering = arg;
	recovering->progress.count = rows;
	cli_progress_tick(&recovering->progress);
	return cli_stopped(recovering->ctx);
}

/* "lost: Article/42: its record can not be read, and no backup has it". */
static int tell_item(void *arg, const struct sfs_recover_item *item)
{
	struct cli_recovering *recovering = arg;
	FILE *out = recovering->out;
	cli_progress_clear(&recovering->progress);
	fprintf(out, "%s: %s", sfs_recover_kind_text(item->kind),
		item->class_name[0] ? item->class_name : "store");
	if (item->oid.len) {
		fputc('/', out);
		cli_put_bytes(out, item->oid);
	} else if (item->ino) {
		fprintf(out, " inode %" PRIu64, item->ino);
	}
	fprintf(out, ": %s\n", item->text);
	return cli_stopped(recovering->ctx);
}

static void put_summary(const struct cli_recovering *recovering, const char *store,
			const struct sfs_recover_result *result)
{
	FILE *out = recovering->out;
	fprintf(out,
		"%s: %" PRIu64 " objects, %" PRIu64 " files; %" PRIu64 " lost, %" PRIu64
		" older than they were, %" PRIu64 " perhaps so, %" PRIu64 " found, %" PRIu64
		" plain files set aside\n",
		store, result->objects, result->files, result->lost, result->older, result->unsure,
		result->found, result->aside);
	if (result->backup[0])
		fprintf(out, "backup %s was used where the store could not be read\n",
			result->backup);
	if (result->left)
		fprintf(out, "%" PRIu64 " problems are left\n", result->left);
	if (result->folder[0])
		fprintf(out, "what was there, and a report, is in %s%s%s\n",
			result->folder[0] == '/' ? "" : store, result->folder[0] == '/' ? "" : "/",
			result->folder);
	else
		fprintf(out, "nothing was changed\n");
}

int cli_recover(struct cli_recovering *recovering, const char *store, const char *backups,
		unsigned flags)
{
	struct cli_ctx *ctx = recovering->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_recover_result result = { .left = 0 };
	const struct sfs_recover_config config = {
		.path = store,
		.flags = flags,
		.backups = backups,
		.item = tell_item,
		.progress = tell_progress,
		.arg = recovering,
	};
	cli_progress_init(&recovering->progress, ctx, "recovering", "rows");
	int err = sfs_store_recover(&config, &result, &diag);
	cli_progress_clear(&recovering->progress);
	if (err < 0) {
		int code = cli_fail(ctx, err, store, &diag);
		return err == SFS_ERR_CORRUPT ? CLI_DAMAGED : code;
	}
	put_summary(recovering, store, &result);
	return CLI_OK;
}

/* --- recover --- */

static int run_recover(struct cli_ctx *ctx)
{
	struct cli_recovering recovering = { .ctx = ctx, .out = ctx->out };
	unsigned flags = cli_option(ctx, "dry-run") ? SFS_RECOVER_DRY_RUN : 0u;
	return cli_recover(&recovering, ctx->argv[0], cli_option(ctx, "backups"), flags);
}

static const struct cli_option recover_options[] = {
	{ "dry-run", 'n', NULL, "only say what would be recovered, and what not" },
	{ "backups", 'b', "DIR", "the folder of backups (as storefs backup --to)" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_recover = {
	.name = "recover",
	.synopsis = "[--dry-run] [--backups DIR] STORE",
	.summary = "make a store whole again that is damaged",
	.details =
		"The records that can be read of the damaged store, and where it can not be read those\n"
		"of its newest valid backup, become the store. Indexes and all else that follows from\n"
		"records is made anew. Nothing is deleted: the damaged files are set aside in\n"
		"STORE/damaged/TIME, with report.txt, which names what is lost, or older than it was.\n"
		"An interrupted recovery changes nothing. 'storefs mount' does this by itself when a\n"
		"store is damaged.",
	.options = recover_options,
	.examples = "storefs recover --dry-run /srv/blog\n"
		    "storefs recover --backups /mnt/disk2/blog /srv/blog",
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.min_args = 1,
	.max_args = 1,
	.run = run_recover,
};

/* --- repair --- */

struct counting {
	struct cli_ctx *ctx;
	uint64_t told;
};

static int tell_problem(void *arg, const struct sfs_check_problem *problem)
{
	struct counting *counting = arg;
	FILE *out = counting->ctx->out;
	if (problem->severity == SFS_CHECK_NOTE || problem->kind == SFS_CHECK_SCHEMA)
		return 0;
	counting->told++;
	fprintf(out, "problem: %s%s", problem->class_name[0] ? problem->class_name : "store",
		problem->oid.len || problem->name.len ? "/" : "");
	cli_put_bytes(out, problem->oid.len ? problem->oid : problem->name);
	fprintf(out, ": %s: %s\n", sfs_check_kind_text(problem->kind), problem->text);
	return cli_stopped(counting->ctx);
}

/* A backup of the store as it is: of one that is damaged it may not be valid, and stays all the same. */
static int back_up(struct cli_ctx *ctx, struct sfs_store *store)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_backup backup;
	const struct sfs_backup_config config = { .folder = cli_option(ctx, "backups") };
	int err = sfs_backup_take(store, &config, &backup, &diag);
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

static int run_repair(struct cli_ctx *ctx)
{
	struct cli_recovering recovering = { .ctx = ctx, .out = ctx->out };
	const char *store = ctx->argv[0];
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

static const struct cli_option repair_options[] = {
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
		"The store must not be mounted.",
	.options = repair_options,
	.examples = "storefs repair /srv/blog\n"
		    "storefs repair --yes /srv/blog",
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.min_args = 1,
	.max_args = 1,
	.run = run_repair,
};
