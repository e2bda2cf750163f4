/*
 * storefs convert: copy a store into a new one of another backend.
 *
 * The copy is made under another name beside the target, compared with its source, and only then gets
 * its name: what has the name is whole. What a kill left there is removed by the next try.
 */
#include <stdlib.h>
#include <storefs/copy.h>
#include "newstore.h"
#include "progress.h"
#include "verbs.h"

#define SENTENCES 20 /* differences that are shown */

struct converting {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	struct cli_newstore new;
	char *store; /* its absolute path */
	const char *backend;
	struct sfs_copied copied;
	uint64_t shown;
};

/* --- copying --- */

static int tell(void *arg, const struct sfs_copied *done, uint64_t expected)
{
	struct converting *converting = arg;
	uint64_t count = done->objects + done->raws;
	return cli_progress_at(&converting->progress, count, count, expected);
}

static int differs(void *arg, const char *sentence)
{
	struct converting *converting = arg;
	cli_progress_clear(&converting->progress);
	if (converting->shown++ < SENTENCES)
		cli_error(converting->ctx, NULL, "the copy differs: %s", sentence);
	return cli_stopped(converting->ctx);
}

static int copy(struct converting *converting, struct sfs_store *to)
{
	struct cli_ctx *ctx = converting->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_copied compared;
	const struct sfs_compare how = { .differs = differs, .progress = tell, .arg = converting };
	cli_progress_init(&converting->progress, ctx, "copying", "objects and raws");
	int err = sfs_store_copy(ctx->store, to, tell, converting, &converting->copied, &diag);
	cli_progress_clear(&converting->progress);
	cli_progress_init(&converting->progress, ctx, "indexing", "objects");
	if (!err)
		err = cli_build_indexes(to, &converting->progress, &diag);
	cli_progress_clear(&converting->progress);
	cli_progress_init(&converting->progress, ctx, "comparing", "objects and raws");
	if (!err)
		err = sfs_store_compare(ctx->store, to, &how, &compared, &diag);
	cli_progress_clear(&converting->progress);
	if (err < 0)
		return cli_fail(ctx, err, converting->new.target, &diag);
	converting->copied.differences = compared.differences;
	return compared.differences ? CLI_DAMAGED : 0;
}

static int make(struct converting *converting)
{
	struct cli_ctx *ctx = converting->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *to = NULL;
	const struct sfs_store_config config = {
		.path = converting->new.part,
		.backend = converting->backend,
		.owner_note = "storefs convert",
	};
	int err = sfs_store_init(&config, &diag);
	if (err < 0)
		return cli_fail(ctx, err, converting->new.target, &diag);
	err = sfs_store_open(&config, &to, &diag);
	int code = err < 0 ? cli_fail(ctx, err, converting->new.target, &diag)
			   : copy(converting, to);
	err = sfs_store_close(to);
	if (code == 0 && err < 0)
		code = cli_fail(ctx, err, converting->new.target, NULL);
	return code;
}

static void put_result(const struct converting *converting)
{
	struct cli_ctx *ctx = converting->ctx;
	const struct sfs_copied *copied = &converting->copied;
	const struct cli_made made = {
		.key = "store",
		.name = cli_option(ctx, "json") ? converting->store : ctx->argv[0],
		.backend = converting->backend,
		.classes = copied->classes,
		.objects = copied->objects,
		.raws = copied->raws,
		.bytes = copied->bytes,
		.remark = ", all compared",
	};
	cli_put_made(ctx, &made);
}

static int run(struct cli_ctx *ctx)
{
	static const struct cli_newstore_how how = { "converting", "conversion", true };
	const char *backend = cli_option(ctx, "backend");
	struct converting converting = { .ctx = ctx, .backend = backend ? backend : "kv" };
	int code = cli_newstore_begin(&converting.new, ctx, ctx->argv[0], &how);
	if (code == 0)
		code = make(&converting);
	converting.store = converting.new.target ? strdup(converting.new.target) : NULL;
	code = cli_newstore_end(&converting.new, code);
	if (code == 0 && converting.store)
		put_result(&converting);
	free(converting.store);
	return code;
}

static const struct cli_option options[] = {
	{ "backend", 'b', "NAME", "how the new store keeps records (default: kv)" },
	{ "json", 'j', NULL, "what was made, as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_convert = {
	.name = "convert",
	.synopsis = "[OPTION]... STORE NEW",
	.summary = "copy a store into a new one, also of another backend",
	.details =
		"NEW is a folder that does not exist yet, or is empty. Everything of STORE is copied:\n"
		"classes, objects with their texts and update times, raws with their metadata. Then\n"
		"both are compared; only what is the same gets the name NEW. When that fails nothing\n"
		"is left. STORE is not changed; nobody should write to it meanwhile. Backups and the\n"
		"list of refused operations stay behind; inode numbers are new ones.",
	.options = options,
	.examples = "storefs convert --backend directory /srv/blog /srv/blog-files\n"
		    "storefs convert ~/todo_app_data /srv/todo",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
