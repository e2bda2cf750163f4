/* storefs version: this program, the store format, what it is built on. */
#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include "json.h"
#include "verbs.h"

static const char *const backends[] = { "kv", "memory", NULL };

static int run(struct cli_ctx *ctx)
{
	char compiled[32];
	snprintf(compiled, sizeof compiled, "%d.%d", FUSE_MAJOR_VERSION, FUSE_MINOR_VERSION);
	if (cli_option(ctx, "json")) {
		struct cli_json json;
		cli_json_init(&json, ctx->out);
		cli_json_open(&json, NULL, '{');
		cli_json_string(&json, "version", sfs_version());
		cli_json_number(&json, "format", SFS_STORE_FORMAT);
		cli_json_open(&json, "backends", '[');
		for (const char *const *name = backends; *name; name++)
			cli_json_string(&json, NULL, *name);
		cli_json_close(&json, ']');
		cli_json_open(&json, "libfuse", '{');
		cli_json_string(&json, "compiled", compiled);
		cli_json_string(&json, "running", fuse_pkgversion());
		cli_json_close(&json, '}');
		cli_json_close(&json, '}');
		cli_json_end(&json);
		return 0;
	}
	fprintf(ctx->out, "storefs %s\nstore format %d\nbackends", sfs_version(), SFS_STORE_FORMAT);
	for (const char *const *name = backends; *name; name++)
		fprintf(ctx->out, " %s", *name);
	fprintf(ctx->out, "\nlibfuse %s (built with %s)\n", fuse_pkgversion(), compiled);
	return 0;
}

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_version = {
	.name = "version",
	.synopsis = "[--json]",
	.summary = "show the version of storefs and of what it is built on",
	.details = "Shows the version of the library, the newest store format that it reads and\n"
		   "writes, the backends, and the version of libfuse.",
	.options = options,
	.examples = "storefs version --json | jq -r .version",
	.max_args = 0,
	.run = run,
};
