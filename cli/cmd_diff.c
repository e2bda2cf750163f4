/*
 * storefs diff: what differs between two stores, or two states of one.
 *
 * The arguments are made paths where they are given: a store, what is mounted, a backup by its name. When a
 * daemon has one of the two the verb runs there, whichever of them it is.
 */
#include <stdlib.h>
#include <unistd.h>
#include "backups.h"
#include "differ.h"
#include "mounts.h"
#include "verbs.h"

/* --- what the arguments mean, in the process that was given them --- */

/** One argument as a path. @store  that names are of; NULL: none. */
static int resolve(struct cli_ctx *ctx, const char *word, const char *store, char **ret)
{
	struct sfs_diag why = SFS_DIAG_INIT;
	if (store && strcmp(word, "now") == 0) {
		*ret = strdup(store);
		return *ret ? 0 : cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	}
	int code = cli_backups_find(ctx, store, word, ret, &why);
	if (code >= 0)
		return code;
	if (cli_is_store(word)) {
		int err = cli_locate(word, ret);
		return err < 0 ? cli_fail(ctx, err, word, NULL) : 0;
	}
	cli_error(ctx, word, store ? "is no store, and no backup of %s" : "is no store",
		  store ? store : "");
	return access(word, F_OK) < 0 ? CLI_NOT_FOUND : CLI_NOT_STORE;
}

/** The store that names of backups belong to. *ret stays NULL when the arguments do not say one. */
static int find_named(struct cli_ctx *ctx, char **ret)
{
	const char *word = ctx->store_arg;
	if (!word && ctx->argc == 3) {
		word = *ctx->argv++;
		ctx->argc--;
	}
	/* Of two arguments one is a path, and what is none is a backup of that store. */
	for (int i = 0; i < ctx->argc && !word; i++)
		if (cli_is_store(ctx->argv[i]) && !cli_is_store(ctx->argv[1 - i]))
			word = ctx->argv[i];
	return cli_backups_store_of(ctx, word, ret);
}

static bool is_owned(const char *path)
{
	struct sfs_store_owner owner = { .pid = 0 };
	return sfs_store_owner(path, &owner, NULL) == 0 && owner.pid > 0;
}

/** Paths in the place of arguments; the store to open, or whose daemon to ask, is one of them. */
static int locate(struct cli_ctx *ctx)
{
	char *named = NULL, **paths = cli_own(ctx, calloc(3, sizeof *paths));
	if (!paths)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	if (ctx->argc < 2 || ctx->argc > 3 || (ctx->argc == 3 && ctx->store_arg))
		return cli_usage(ctx, "two stores or backups are compared");
	int code = cli_backups_locate(ctx);
	if (code == 0)
		code = find_named(ctx, &named);
	for (int i = 0; i < 2 && code == 0; i++) {
		code = resolve(ctx, ctx->argv[i], named, &paths[i]);
		cli_own(ctx, paths[i]);
	}
	free(named);
	if (code != 0)
		return code;
	ctx->argv = paths;
	ctx->argc = 2;
	ctx->store_arg = !is_owned(paths[0]) && is_owned(paths[1]) ? paths[1] : paths[0];
	return -1;
}

static int run(struct cli_ctx *ctx)
{
	struct cli_differ differ = { .before = ctx->argv[0], .after = ctx->argv[1] };
	const char **classes = cli_option_all(ctx, "class", &differ.class_count);
	if (!classes)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	differ.classes = classes;
	int code = cli_differ(ctx, &differ);
	free(classes);
	return code;
}

static const struct cli_option options[] = {
	CLI_BACKUPS_OPTION,
	{ "class", 'c', "CLASS", "only this class; may be given several times" },
	{ "jsonl", 'J', NULL, "a line of JSON for each thing that differs" },
	{ "json", 'j', NULL, "the same" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_diff = {
	.name = "diff",
	.synopsis = "[OPTION]... A B\n[OPTION]... STORE A B",
	.summary = "say what differs between two stores or backups",
	.details =
		"A and B are each a store, a place where one is mounted, the folder of a backup, or, of\n"
		"STORE, the name of a backup: 2026-11-22T010203Z, latest (the newest valid one), a time\n"
		"(the one that was in force then: yesterday, 2026-11-22), now (the store itself). It is\n"
		"looked for in STORE/backups, in the folder of the schedule, or in --backups DIR. Of\n"
		"two arguments of which one is no path, that one is a backup of the other.\n"
		"What only B has is added, what only A has is removed; what both have and is not the\n"
		"same is changed, with the value of A and that of B of each property, relation, key of\n"
		"metadata, and so on. Update times and mtimes are told only where nothing else differs.\n"
		"Exit code 14: they differ.",
	.options = options,
	.examples =
		"storefs diff /srv/blog latest now\n"
		"storefs diff --class Article yesterday /srv/blog\n"
		"storefs diff --jsonl /srv/blog /srv/other | jq -r 'select(.change == \"removed\").oid'",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.min_args = 2,
	.max_args = 2,
	.locate = locate,
	.run = run,
};
