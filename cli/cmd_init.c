/* storefs init: make a new store. */
#include "json.h"
#include "verbs.h"

static void put_json(struct cli_ctx *ctx, const struct sfs_store_stat *stat, const char *path)
{
	struct cli_json json;
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_bytes(&json, "store", sfs_span_str(path));
	cli_json_string(&json, "uuid", stat->uuid);
	cli_json_string(&json, "backend", stat->backend);
	cli_json_number(&json, "format", stat->format);
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

/* A store is made when it could be opened: what reads it later finds everything in place. */
static int try_out(struct cli_ctx *ctx, const char *path)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_store_config config = { .path = path, .owner_note = "storefs init" };
	struct sfs_store *store = NULL;
	struct sfs_store_stat stat;
	int err = sfs_store_open(&config, &store, &diag);
	if (err == 0)
		err = sfs_store_stat(store, &stat);
	if (err == 0 && cli_option(ctx, "json"))
		put_json(ctx, &stat, sfs_store_path(store));
	int closed = sfs_store_close(store);
	if (err == 0)
		err = closed;
	return err < 0 ? cli_fail(ctx, err, path, &diag) : 0;
}

static int run(struct cli_ctx *ctx)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store_config config = { .path = ctx->argv[0] };
	const char *backend = cli_option(ctx, "backend");
	config.backend = backend ? backend : "kv";
	config.mirror = cli_option(ctx, "mirror");
	int err = sfs_store_init(&config, &diag);
	return err < 0 ? cli_fail(ctx, err, ctx->argv[0], &diag) : try_out(ctx, ctx->argv[0]);
}

static const struct cli_option options[] = {
	{ "backend", 'b', "NAME",
	  "how records are kept: kv (default), or directory: a\n"
	  "JSON file for each object, as the Python storage\n"
	  "module keeps it" },
	{ "mirror", 'm', "DIR", "keep everything in DIR, too: an empty or a new folder" },
	{ "json", 'j', NULL, "what was made, as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_init = {
	.name = "init",
	.synopsis = "[OPTION]... STORE",
	.summary = "make a new, empty store",
	.details =
		"STORE is a folder that does not exist yet, or is empty. The folder that it is in\n"
		"must exist.\n"
		"--mirror: DIR, on another disk, gets a copy of every change, and can be opened as a\n"
		"store when this one is lost. When it fails or is not there the store goes on without\n"
		"it, and makes it the same again when it is opened next.",
	.options = options,
	.examples = "storefs init /srv/blog\n"
		    "storefs init --mirror /mnt/other/blog /srv/blog",
	.exits = 1u << CLI_NOT_FOUND,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
