/*
 * storefs recover: make the records of a store anew, from what can be read of them and from the newest valid backup.
 */
#include <inttypes.h>
#include <storefs/recover.h>
#include "progress.h"
#include "recovering.h"
#include "text.h"
#include "verbs.h"

static int tell_progress(void *arg, uint64_t rows)
{
	struct cli_recovering *recovering = arg;
	return cli_progress_at(&recovering->progress, rows, 0, 0);
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

static int run(struct cli_ctx *ctx)
{
	struct cli_recovering recovering = { .ctx = ctx, .out = ctx->out };
	unsigned flags = (cli_option(ctx, "dry-run") ? SFS_RECOVER_DRY_RUN : 0u) |
			 (cli_option(ctx, "no-backup") ? SFS_RECOVER_NO_BACKUP : 0u);
	return cli_recover(&recovering, ctx->argv[0], cli_option(ctx, "backups"), flags);
}

static const struct cli_option options[] = {
	{ "dry-run", 'n', NULL, "only say what would be recovered, and what not" },
	{ "backups", 'b', "DIR", "the folder of backups (as storefs backup --to)" },
	{ "no-backup", 'N', NULL, "only what the store itself still has" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_recover = {
	.name = "recover",
	.synopsis = "[--dry-run] [--backups DIR | --no-backup] STORE",
	.summary = "make a store whole again that is damaged",
	.details =
		"The records that can be read of the damaged store, and where it can not be read those\n"
		"of its newest valid backup, become the store. Indexes and all else that follows from\n"
		"records is made anew. Nothing is deleted: the damaged files are set aside in\n"
		"STORE/damaged/TIME, with report.txt, which names what is lost, or older than it was.\n"
		"Without --backups they are looked for where the schedule has them taken, else in the\n"
		"store; a folder that is named and not there (a disk that is not mounted) is refused.\n"
		"An interrupted recovery changes nothing. 'storefs mount' does this by itself when a\n"
		"store is damaged.",
	.options = options,
	.examples = "storefs recover --dry-run /srv/blog\n"
		    "storefs recover --backups /mnt/disk2/blog /srv/blog",
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
