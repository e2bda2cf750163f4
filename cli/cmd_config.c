/* storefs config: what users set of a store. */
#include <inttypes.h>
#include <storefs/settings.h>
#include "json.h"
#include "verbs.h"

static struct sfs_span name_of(const char *arg)
{
	return (struct sfs_span){ arg, strcspn(arg, "=") };
}

/** Without NAME=VALUE it changes nothing. */
static bool reads(const struct cli_ctx *ctx)
{
	for (int i = 0; i < ctx->argc; i++)
		if (strchr(ctx->argv[i], '='))
			return false;
	return true;
}

static int check(struct cli_ctx *ctx)
{
	struct sfs_settings settings = { 0 };
	for (int i = 0; i < ctx->argc; i++) {
		const char *arg = ctx->argv[i], *equal = strchr(arg, '=');
		struct sfs_span name = name_of(arg);
		const struct sfs_setting *setting = sfs_setting_find(name);
		struct sfs_diag diag = SFS_DIAG_INIT;
		if (!setting)
			return cli_usage(ctx, "'%.*s' is no setting", (int)name.len,
					 (const char *)name.data);
		if (equal &&
		    sfs_setting_parse(&settings, setting, sfs_span_str(equal + 1), &diag) < 0)
			return cli_usage(ctx, "%s", diag.text);
	}
	return 0;
}

/** Is it one of the arguments? Without any all are. */
static bool is_wanted(const struct cli_ctx *ctx, const struct sfs_setting *setting)
{
	bool is = ctx->argc == 0;
	for (int i = 0; i < ctx->argc && !is; i++)
		is = sfs_setting_find(name_of(ctx->argv[i])) == setting;
	return is;
}

static int put_lines(struct cli_ctx *ctx, const struct sfs_settings *settings)
{
	const struct sfs_setting *setting;
	for (size_t i = 0; (setting = sfs_setting_at(i)); i++) {
		struct sfs_buf text = SFS_BUF_INIT;
		if (!is_wanted(ctx, setting))
			continue;
		if (sfs_setting_text(settings, setting, &text) < 0)
			return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
		fprintf(ctx->out, "%s=%.*s\n", setting->name, (int)text.len,
			(const char *)text.data);
		sfs_buf_fini(&text);
	}
	return CLI_OK;
}

static void put_json(struct cli_ctx *ctx, const struct sfs_settings *settings)
{
	struct cli_json json;
	const struct sfs_setting *setting;
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	for (size_t i = 0; (setting = sfs_setting_at(i)); i++)
		if (is_wanted(ctx, setting))
			cli_json_number(&json, setting->name, sfs_setting_get(settings, setting));
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

static int change(struct cli_ctx *ctx, struct sfs_settings *settings)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = 0;
	for (int i = 0; i < ctx->argc && !err; i++) {
		const char *equal = strchr(ctx->argv[i], '=');
		if (equal)
			err = sfs_setting_parse(settings, sfs_setting_find(name_of(ctx->argv[i])),
						sfs_span_str(equal + 1), &diag);
	}
	if (!err)
		err = sfs_settings_set(ctx->store, settings, &diag);
	return err < 0 ? cli_fail(ctx, err, NULL, &diag) : CLI_OK;
}

static int run(struct cli_ctx *ctx)
{
	struct sfs_settings settings;
	struct sfs_diag diag = SFS_DIAG_INIT;
	bool read_only = reads(ctx);
	int err = sfs_settings_get(ctx->store, &settings, &diag);
	if (err < 0 && read_only)
		return cli_fail(ctx, err, NULL, &diag);
	int code = read_only ? CLI_OK : change(ctx, &settings);
	if (code != CLI_OK)
		return code;
	if (!cli_option(ctx, "json"))
		return put_lines(ctx, &settings);
	put_json(ctx, &settings);
	return CLI_OK;
}

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON; times are in seconds" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_config = {
	.name = "config",
	.synopsis = "[--json] STORE [NAME[=VALUE]]...",
	.summary = "show and change the settings of a store",
	.details =
		"Shows the settings that are named, or all of them; NAME=VALUE changes one. A change\n"
		"counts at once, also in a daemon that has the store mounted, and is kept with the\n"
		"store.\n"
		"\n"
		"history=N       earlier versions that are kept of each object (0 to 100;\n"
		"                default: 10)\n"
		"history_for=T   how long a version is kept after it was replaced: 90s, 15m, 6h,\n"
		"                7d, 2w (1m to 100 years; default: 7d)\n"
		"history_every=T a state that was in force for less is kept only now and then, so that\n"
		"                quick saves do not push out what was there before; 0: each is kept\n"
		"                (0 to 1d; default: 1s)\n"
		"backup_before=N take a backup before a definition that drops properties, a restore\n"
		"                and a repair: 0 or 1 (default: 1)\n"
		"backup_read=T   a backup reads all records again when that was so long ago, not only\n"
		"                what is new (0 to 100 years; 0: always; default: 1d)\n"
		"trash_for=T     how long the trash keeps what was removed (0 to 100 years; 0: there\n"
		"                is none; default: 7d)",
	.options = options,
	.examples = "storefs config /srv/blog\n"
		    "storefs config /srv/blog history=20 history_for=30d",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = -1,
	.reads = reads,
	.check = check,
	.run = run,
};
