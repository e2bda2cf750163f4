/* storefs gc: plain files in the store's folder that belong to nothing. */
#include <inttypes.h>
#include <storefs/gc.h>
#include <storefs/history.h>
#include <storefs/trash.h>
#include "json.h"
#include "progress.h"
#include "verbs.h"

struct collecting {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	struct cli_json json;
	bool as_json;
	struct sfs_trash_stat expired; /* went out of the trash */
	uint64_t versions;             /* of objects, that were removed */
};

/* Why a file that was found is still there; NULL: it is not. */
static const char *left(const struct cli_ctx *ctx, const struct sfs_gc_file *file)
{
	if (file->removed)
		return NULL;
	if (!file->ino)
		return "no file of this store: left alone";
	return cli_option(ctx, "dry-run") ? "would be removed" : "could not be removed";
}

static void put_element(struct cli_json *json, const struct sfs_gc_file *file)
{
	cli_json_open(json, NULL, '{');
	cli_json_bytes(json, "path", sfs_span_str(file->path));
	cli_json_number(json, "bytes", file->bytes);
	cli_json_bool(json, "foreign", file->ino == 0);
	cli_json_bool(json, "removed", file->removed);
	cli_json_close(json, '}');
}

static int tell_file(void *arg, const struct sfs_gc_file *file)
{
	struct collecting *collecting = arg;
	struct cli_ctx *ctx = collecting->ctx;
	const char *why = left(ctx, file);
	cli_progress_clear(&collecting->progress);
	if (collecting->as_json)
		put_element(&collecting->json, file);
	else
		fprintf(ctx->out, "%s: %" PRIu64 " bytes, %s\n", file->path, file->bytes,
			why ? why : "removed");
	return cli_stopped(ctx);
}

static int tell_progress(void *arg, uint64_t looked_at)
{
	struct collecting *collecting = arg;
	return cli_progress_at(&collecting->progress, looked_at, 0, 0);
}

static void put_result(struct collecting *collecting, const struct sfs_gc_result *result)
{
	struct cli_ctx *ctx = collecting->ctx;
	struct cli_json *json = &collecting->json;
	if (!collecting->as_json) {
		fprintf(ctx->out,
			"%" PRIu64 " plain files belong to nothing (%" PRIu64 " bytes), %" PRIu64
			" were removed (%" PRIu64 " bytes)\n",
			result->files, result->bytes, result->removed, result->removed_bytes);
		if (collecting->expired.entries)
			fprintf(ctx->out,
				"%" PRIu64
				" removals are forgotten, their time in the trash is over "
				"(%" PRIu64 " bytes)\n",
				collecting->expired.entries, collecting->expired.bytes);
		if (collecting->versions)
			fprintf(collecting->ctx->out,
				"%" PRIu64 " versions of objects were too old, and were removed\n",
				collecting->versions);
		return;
	}
	cli_json_close(json, ']');
	cli_json_number(json, "files", result->files);
	cli_json_number(json, "bytes", result->bytes);
	cli_json_number(json, "removed", result->removed);
	cli_json_number(json, "removed_bytes", result->removed_bytes);
	cli_json_number(json, "foreign", result->foreign);
	cli_json_number(json, "expired", collecting->expired.entries);
	cli_json_number(json, "expired_bytes", collecting->expired.bytes);
	cli_json_number(json, "versions", collecting->versions);
	cli_json_close(json, '}');
	cli_json_end(json);
}

static bool is_stopped(void *arg)
{
	return cli_stopped(arg);
}

static int run(struct cli_ctx *ctx)
{
	struct collecting collecting = { .ctx = ctx, .as_json = cli_option(ctx, "json") };
	const struct sfs_gc gc = {
		.dry_run = cli_option(ctx, "dry-run"),
		.found = tell_file,
		.progress = tell_progress,
		.arg = &collecting,
	};
	struct sfs_gc_result result;
	struct sfs_diag diag = SFS_DIAG_INIT;
	cli_progress_init(&collecting.progress, ctx, "looking at", "folders of plain files");
	if (collecting.as_json) {
		cli_json_init(&collecting.json, ctx->out);
		cli_json_open(&collecting.json, NULL, '{');
		cli_json_open(&collecting.json, "found", '[');
	}
	int err = gc.dry_run ? 0 : sfs_trash_expire(ctx->store, &collecting.expired);
	if (err < 0)
		return cli_fail(ctx, err, sfs_store_path(ctx->store), NULL);
	err = sfs_store_gc(ctx->store, &gc, &result, &diag);
	if (!err && !gc.dry_run)
		err = sfs_history_expire(ctx->store, is_stopped, ctx, &collecting.versions);
	cli_progress_clear(&collecting.progress);
	put_result(&collecting, &result);
	if (err == SFS_ERR_CANCELLED)
		return CLI_FAILED;
	return err < 0 ? cli_fail(ctx, err, sfs_store_path(ctx->store), &diag) : CLI_OK;
}

static const struct cli_option options[] = {
	{ "dry-run", 'n', NULL, "only say what would be removed" },
	{ "json", 'j', NULL, "as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_gc = {
	.name = "gc",
	.synopsis = "[--dry-run] [--json] STORE",
	.summary = "remove plain files that belong to nothing",
	.details =
		"A crash may leave a plain file behind that no raw has: most of them go when the\n"
		"store is opened, this looks at all. A file that a raw needs, that is open or being\n"
		"written is never touched, nor one that has no name of this store. What has been in\n"
		"the trash for long enough goes, too, and versions of objects that are too old. The\n"
		"store may be in use.",
	.options = options,
	.examples = "storefs gc --dry-run /srv/blog\n"
		    "storefs gc /mnt/blog",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = 0,
	.run = run,
};
