/*
 * storefs restore: a store from a backup, under a new name or in the place of one; or parts of a backup into a
 * store that may be in use.
 */
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>
#include "backups.h"
#include "mounts.h"
#include "progress.h"
#include "target.h"
#include "verbs.h"

struct restoring {
	struct cli_ctx *ctx;
	struct cli_progress progress;
};

static int tell(void *arg, uint64_t files, uint64_t bytes)
{
	struct restoring *restoring = arg;
	return cli_progress_at(&restoring->progress, files, bytes, 0);
}

/* --- a whole store --- */

static int restore(struct restoring *restoring, char *folder, const char *name)
{
	struct cli_ctx *ctx = restoring->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_backup_config config = { .folder = folder, .progress = tell, .arg = restoring };
	int err = cli_option(ctx, "in-place")
			  ? sfs_backup_restore_in_place(&config, name, ctx->argv[1], &diag)
			  : sfs_backup_restore(&config, name, ctx->argv[1], &diag);
	cli_progress_clear(&restoring->progress);
	if (err == SFS_ERR_EXISTS && !cli_option(ctx, "in-place")) {
		cli_error(
			ctx, ctx->argv[1],
			"exists already (--in-place makes it what it was; CLASS/OID restores parts)");
		return CLI_FAILED;
	}
	if (err < 0) {
		int code = cli_fail(ctx, err, ctx->argv[0], &diag);
		return err == SFS_ERR_CORRUPT ? CLI_DAMAGED : code;
	}
	fprintf(ctx->out, "%s: %" PRIu64 " files of %s\n", ctx->argv[1], restoring->progress.count,
		name);
	return CLI_OK;
}

static int restore_store(struct cli_ctx *ctx, const char *backup)
{
	struct restoring restoring = { .ctx = ctx };
	char *for_dir = strdup(backup), *for_base = strdup(backup);
	cli_progress_init(&restoring.progress, ctx, "restoring", "files");
	int code = for_dir && for_base ? restore(&restoring, dirname(for_dir), basename(for_base))
				       : cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	free(for_dir);
	free(for_base);
	return code;
}

/* --- parts --- */

static int restore_parts(struct cli_ctx *ctx, struct sfs_store *from)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_restored done;
	size_t count = (size_t)ctx->argc - 1;
	struct sfs_backup_part *parts = calloc(count, sizeof *parts);
	int err = parts ? 0 : SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < count && !err; i++) {
		struct cli_target target;
		cli_target_split(ctx->argv[i + 1], &target);
		parts[i] = (struct sfs_backup_part){ target.class_name, target.rest };
	}
	if (!err)
		err = sfs_backup_restore_parts(from, ctx->store, parts, count,
					       cli_option(ctx, "exact") ? SFS_RESTORE_EXACT : 0,
					       &done, &diag);
	free(parts);
	if (err < 0) {
		int code = cli_fail(ctx, err, ctx->argv[0], &diag);
		return err == SFS_ERR_CORRUPT ? CLI_DAMAGED : code;
	}
	fprintf(ctx->out,
		"%" PRIu64 " objects and %" PRIu64 " raws restored of %s, %" PRIu64 " removed\n",
		done.objects, done.raws, ctx->argv[0], done.removed);
	return CLI_OK;
}

static int run(struct cli_ctx *ctx)
{
	const struct sfs_store_config config = {
		.path = ctx->argv[0],
		.flags = SFS_STORE_READ_ONLY,
	};
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *from;
	int err = sfs_store_open(&config, &from, &diag);
	if (err < 0)
		return cli_fail(ctx, err, ctx->argv[0], &diag);
	int code = restore_parts(ctx, from);
	err = sfs_store_close(from);
	return code == CLI_OK && err < 0 ? cli_fail(ctx, err, ctx->argv[0], NULL) : code;
}

/** The folder that BACKUP means: a path as it is, else a backup of the store. */
static int find_backup(struct cli_ctx *ctx, const char *word, const char *store_arg, char **ret)
{
	struct sfs_diag why = SFS_DIAG_INIT;
	char *store = NULL;
	int code = -1;
	int err = access(word, F_OK) == 0 ? cli_locate(word, ret) : 0;
	if (!err && !*ret && store_arg)
		err = cli_locate(store_arg, &store);
	if (!err && !*ret)
		code = cli_backups_find(ctx, store, word, ret, &why);
	free(store);
	if (err < 0)
		return cli_fail(ctx, err, word, NULL);
	if (*ret)
		return 0;
	if (code > 0)
		return code;
	cli_error(ctx, word, "%s", why.text[0] ? why.text : "is no backup");
	return CLI_NOT_FOUND;
}

/** A whole store is no business of a daemon. */
static int locate_store(struct cli_ctx *ctx)
{
	char *backup = NULL;
	if (ctx->argc + (ctx->store_arg != NULL) < 2)
		return cli_usage(ctx, "too few arguments");
	if (ctx->store_arg)
		return cli_usage(ctx, "--store is for parts");
	if (cli_option(ctx, "exact"))
		return cli_usage(ctx, "--exact is for parts");
	const char *of = access(ctx->argv[1], F_OK) == 0 ? ctx->argv[1] : NULL;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = cli_option(ctx, "in-place") ? sfs_backup_restore_settle(ctx->argv[1], &diag) : 0;
	if (err < 0)
		return cli_fail(ctx, err, ctx->argv[1], &diag);
	int code = find_backup(ctx, ctx->argv[0], of, &backup);
	cli_own(ctx, backup);
	return code != 0 || !backup ? code : restore_store(ctx, backup);
}

/**
 * BACKUP stands before STORE. Parts are restored by the daemon, if there is one, and where BACKUP is must then
 * not depend on whose working directory that is.
 */
static int locate(struct cli_ctx *ctx)
{
	char *backup = NULL;
	int code = cli_backups_locate(ctx);
	if (code != 0)
		return code;
	if (ctx->store_arg ? ctx->argc < 2 : ctx->argc < 3)
		return locate_store(ctx);
	if (cli_option(ctx, "in-place"))
		return cli_usage(ctx, "--in-place is for a whole store");
	const char *word = ctx->argv[0];
	if (!ctx->store_arg) {
		ctx->store_arg = ctx->argv[1];
		ctx->argv[1] = ctx->argv[0];
		ctx->argv++;
		ctx->argc--;
	}
	code = find_backup(ctx, word, ctx->store_arg, &backup);
	ctx->argv[0] = cli_own(ctx, backup);
	return code != 0 ? code : -1;
}

static const struct cli_option options[] = {
	CLI_BACKUPS_OPTION,
	{ "in-place", 'i', NULL, "STORE exists, and becomes what it was" },
	{ "exact", 'x', NULL,
	  "of a class: remove what the backup does not have\n"
	  "(into the trash)" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_restore = {
	.name = "restore",
	.synopsis = "[--in-place] [--backups DIR] BACKUP STORE\n"
		    "[--exact] [--backups DIR] BACKUP STORE CLASS[/OID]...",
	.summary = "make a store from a backup, or restore parts of it",
	.details =
		"BACKUP is the folder of one backup, as STORE/backups/2026-11-22T010203Z or one below\n"
		".storefs/backups of a mount; or the name of a backup of STORE, latest, or a time (the\n"
		"one that was in force then), looked for in STORE/backups, in the folder of the\n"
		"schedule, or in --backups DIR. For a new store that needs --backups.\n\n"
		"Without parts a store is made: STORE must not exist yet. Every file is compared\n"
		"with its hash while it is copied, and the copy is opened and read before it gets\n"
		"its name. With --in-place it takes the place of STORE, which must not be in use: a\n"
		"backup of the present is taken first, and backups, schedule and settings stay.\n\n"
		"With parts, objects, raws, directories of raws and whole classes of STORE, which\n"
		"may be mounted, become what they were: texts, update times, relations, metadata.\n"
		"A class gets its definition, too. A backup of the present is taken first.",
	.options = options,
	.examples = "storefs restore /srv/blog/backups/2026-11-22T010203Z /srv/blog.then\n"
		    "storefs restore --in-place latest /srv/blog\n"
		    "storefs restore yesterday /mnt/blog Article/42",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.min_args = 2,
	.max_args = -1,
	.locate = locate,
	.run = run,
};
