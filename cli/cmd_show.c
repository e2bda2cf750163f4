/*
 * storefs show: the document of an object as it was at a time: what it is now, an earlier version, or what the
 * newest backup of before then has.
 */
#include <stdlib.h>
#include <storefs/time.h>
#include "backups.h"
#include "history.h"
#include "json.h"
#include "verbs.h"

#define LATEST "latest"

struct showing {
	struct cli_ctx *ctx;
	struct cli_target target;
	int64_t time_ns; /* INT64_MAX: what the latest backup has */
	/* What was found. */
	struct sfs_buf text;
	int64_t since_ns, until_ns;        /* until 0: it is so still, or nobody knows */
	char backup[SFS_BACKUP_NAME_SIZE]; /* "": in none */
};

/* --- the argument --- */

/** CLASS/OID@TIME; an oid may have an '@', a time has none but at its begin. */
static int split(struct cli_ctx *ctx, char **ret_object, int64_t *ret_ns)
{
	const char *arg = ctx->argv[0], *at = strrchr(arg, '@');
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (!at || at == arg)
		return cli_usage(ctx, "'%s' is no CLASS/OID@TIME", arg);
	/* "@@1795309323": seconds since 1970. */
	const char *time = at + 1;
	if (at[-1] == '@' && at - 1 > arg)
		time = at--;
	if (strcmp(time, LATEST) == 0)
		*ret_ns = INT64_MAX;
	else if (sfs_time_parse(sfs_span_str(time), cli_now_ns(), ret_ns, &diag) < 0)
		return cli_usage(ctx, "%s", diag.text);
	if (ret_object)
		*ret_object = strndup(arg, (size_t)(at - arg));
	return ret_object && !*ret_object ? cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL) : 0;
}

static int check(struct cli_ctx *ctx)
{
	int64_t time_ns;
	return split(ctx, NULL, &time_ns);
}

static int locate(struct cli_ctx *ctx)
{
	int code = cli_backups_locate(ctx);
	return code != 0 ? code : -1;
}

/* --- backups --- */

struct choice {
	struct showing *showing;
	int64_t after_ns, before_ns; /* of this range… */
	int64_t best_ns;             /* …the newest one; INT64_MIN: none */
	struct sfs_buf path;         /* its folder, with a NUL */
	int err;
};

static int choose(void *arg, const char *folder, const struct sfs_backup *backup)
{
	struct choice *choice = arg;
	if (!backup->valid || backup->time_ns <= choice->after_ns ||
	    backup->time_ns > choice->before_ns || backup->time_ns <= choice->best_ns)
		return 0;
	choice->best_ns = backup->time_ns;
	choice->path.len = 0;
	choice->err = sfs_buf_printf(&choice->path, "%s/%s%c", folder, backup->name, 0);
	return choice->err < 0;
}

static int read_backup(struct showing *showing, const char *path)
{
	struct sfs_store *then = NULL;
	struct cli_target target = showing->target;
	struct sfs_store_config config = { .path = path, .flags = SFS_STORE_READ_ONLY };
	int err = sfs_store_open(&config, &then, NULL);
	if (!err)
		err = sfs_class_find(then, sfs_span_str(target.class.name), &target.class);
	if (!err)
		err = cli_history_present(then, &target, &showing->text);
	int closed = sfs_store_close(then);
	if (err < 0 || closed < 0)
		return err < 0 ? err : closed;
	snprintf(showing->backup, sizeof showing->backup, "%s", strrchr(path, '/') + 1);
	return sfs_time_parse(sfs_span_str(showing->backup), 0, &showing->since_ns, NULL);
}

/** Of several folders, and whatever clocks said. */
static int look_in_latest(struct showing *showing)
{
	struct sfs_buf path = SFS_BUF_INIT;
	struct cli_ctx *ctx = showing->ctx;
	int err = sfs_backup_find(sfs_store_path(ctx->store), cli_option(ctx, "backups"), LATEST,
				  cli_now_ns(), &path, NULL);
	if (!err)
		err = read_backup(showing, path.data);
	sfs_buf_fini(&path);
	return err;
}

static int look_in_newest(struct choice *choice)
{
	struct showing *showing = choice->showing;
	struct cli_ctx *ctx = showing->ctx;
	choice->best_ns = INT64_MIN;
	int err = sfs_backup_each_of(sfs_store_path(ctx->store), cli_option(ctx, "backups"), choose,
				     choice);
	if (choice->err < 0)
		return choice->err;
	if (choice->best_ns == INT64_MIN)
		return err < 0 ? err : SFS_ERR_NOT_FOUND;
	return read_backup(showing, choice->path.data);
}

/** The newest backup of a range says what was there. SFS_ERR_NOT_FOUND: none does, or it was not. */
static int look_in_backups(struct showing *showing, int64_t after_ns)
{
	struct choice choice = { showing, after_ns, showing->time_ns, 0, SFS_BUF_INIT, 0 };
	int err;
	/* One that turns out to be damaged: the one before it. */
	while ((err = look_in_newest(&choice)) == SFS_ERR_CORRUPT)
		choice.before_ns = choice.best_ns - 1;
	sfs_buf_fini(&choice.path);
	return err;
}

/* --- what it was --- */

static int take_version(struct showing *showing, const struct sfs_version *version)
{
	showing->since_ns = version->time_ns;
	showing->until_ns = version->until_ns;
	return sfs_history_get(showing->ctx->store, showing->target.class.id, showing->target.rest,
			       version->time_ns, NULL, &showing->text);
}

static int find(struct showing *showing)
{
	struct sfs_store *store = showing->ctx->store;
	enum sfs_history_state state;
	struct sfs_version version;
	if (showing->time_ns == INT64_MAX)
		return look_in_latest(showing);
	int err = sfs_history_at(store, showing->target.class.id, showing->target.rest,
				 showing->time_ns, &state, &version);
	if (err == SFS_ERR_NOT_FOUND)
		return look_in_backups(showing, INT64_MIN);
	if (err < 0)
		return err;
	if (state == SFS_HISTORY_PRESENT) {
		showing->since_ns = version.time_ns;
		return cli_history_present(store, &showing->target, &showing->text);
	}
	if (state == SFS_HISTORY_VERSION)
		return take_version(showing, &version);
	/* Between two versions: a backup of then knows better. */
	err = look_in_backups(showing, version.until_ns);
	if (err == SFS_ERR_NOT_FOUND && state == SFS_HISTORY_BEFORE)
		err = take_version(showing, &version);
	return err;
}

static void put_json(const struct showing *showing)
{
	struct cli_json json;
	struct sfs_span text = sfs_buf_span(&showing->text);
	while (text.len && ((const char *)text.data)[text.len - 1] == '\n')
		text.len--;
	cli_json_init(&json, showing->ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_string(&json, "class", showing->target.class.name);
	cli_json_bytes(&json, "oid", showing->target.rest);
	if (showing->backup[0])
		cli_json_string(&json, "backup", showing->backup);
	cli_json_time(&json, "since", showing->since_ns);
	if (showing->until_ns)
		cli_json_time(&json, "until", showing->until_ns);
	cli_json_value(&json, "document", text);
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

static int show(struct showing *showing, const char *object)
{
	struct cli_ctx *ctx = showing->ctx;
	int code = cli_history_target(ctx, object, &showing->target);
	if (code != 0)
		return code;
	int err = find(showing);
	if (err == SFS_ERR_NOT_FOUND) {
		cli_error(ctx, ctx->argv[0],
			  "no such object then, or neither a version nor a backup says so");
		return CLI_NOT_FOUND;
	}
	if (err < 0)
		return cli_fail(ctx, err, ctx->argv[0], NULL);
	if (cli_option(ctx, "json"))
		put_json(showing);
	else
		fwrite(showing->text.data, 1, showing->text.len, ctx->out);
	return CLI_OK;
}

static int run(struct cli_ctx *ctx)
{
	struct showing showing = { .ctx = ctx };
	char *object = NULL;
	int code = split(ctx, &object, &showing.time_ns);
	if (code == 0)
		code = show(&showing, object);
	sfs_buf_fini(&showing.text);
	free(object);
	return code;
}

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "as JSON, with where it was found" },
	CLI_BACKUPS_OPTION,
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_show = {
	.name = "show",
	.synopsis = "[--backups DIR] [--json] STORE CLASS/OID@TIME",
	.summary = "print an object as it was at a time",
	.details =
		"Prints the document that an object had at a time: 2026-11-22, 2026-11-22T01:02:03,\n"
		"yesterday, -2h, or a time as 'storefs log' prints it. It is what the object is now,\n"
		"an earlier version, or what the newest valid backup of before then has: of\n"
		"STORE/backups and the folder of the schedule, or of --backups DIR. latest is what the\n"
		"newest backup has.",
	.options = options,
	.examples =
		"storefs show /srv/blog Article/42@-2h\n"
		"storefs show /srv/blog Article/42@yesterday | storefs put /srv/blog Article/42",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 1,
	.max_args = 1,
	.locate = locate,
	.check = check,
	.run = run,
};
