/*
 * storefs show: the document of an object as it was at a time: what it is now, an earlier version, or what the
 * newest backup of before then has.
 */
#include <stdlib.h>
#include <time.h>
#include <storefs/backup.h>
#include <storefs/time.h>
#include "history.h"
#include "json.h"
#include "verbs.h"

struct showing {
	struct cli_ctx *ctx;
	struct cli_target target;
	int64_t time_ns;
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
	struct timespec now;
	if (!at || at == arg)
		return cli_usage(ctx, "'%s' is no CLASS/OID@TIME", arg);
	clock_gettime(CLOCK_REALTIME, &now);
	/* "@@1795309323": seconds since 1970. */
	const char *time = at + 1;
	if (at[-1] == '@' && at - 1 > arg)
		time = at--;
	if (sfs_time_parse(sfs_span_str(time), (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
			   ret_ns, &diag) < 0)
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

/* --- backups --- */

struct choice {
	int64_t after_ns, before_ns; /* of this range… */
	struct sfs_backup best;      /* …the newest one; time_ns 0: none */
};

static int choose(void *arg, const struct sfs_backup *backup)
{
	struct choice *choice = arg;
	if (backup->valid && backup->time_ns > choice->after_ns &&
	    backup->time_ns <= choice->before_ns && backup->time_ns > choice->best.time_ns)
		choice->best = *backup;
	return 0;
}

static int read_backup(struct showing *showing, const char *folder, const char *name)
{
	struct sfs_buf path = SFS_BUF_INIT;
	struct sfs_store *then = NULL;
	struct cli_target target = showing->target;
	int err = sfs_buf_printf(&path, "%s/%s%c", folder, name, 0);
	struct sfs_store_config config = { .path = path.data, .flags = SFS_STORE_READ_ONLY };
	if (!err)
		err = sfs_store_open(&config, &then, NULL);
	if (!err)
		err = sfs_class_find(then, sfs_span_str(target.class.name), &target.class);
	if (!err)
		err = cli_history_present(then, &target, &showing->text);
	int closed = sfs_store_close(then);
	sfs_buf_fini(&path);
	return err < 0 ? err : closed;
}

/** The newest backup of a range says what was there. SFS_ERR_NOT_FOUND: none does, or it was not. */
static int look_in_backups(struct showing *showing, int64_t after_ns)
{
	struct sfs_store *store = showing->ctx->store;
	struct sfs_backup_schedule schedule;
	struct sfs_buf folder = SFS_BUF_INIT;
	struct choice choice = { after_ns, showing->time_ns, { .time_ns = 0 } };
	int err = sfs_backup_schedule_get(store, &schedule, NULL);
	if (err < 0 || !schedule.folder[0])
		err = sfs_backup_folder(sfs_store_path(store), &folder);
	else
		err = sfs_buf_append(&folder, schedule.folder, strlen(schedule.folder) + 1);
	do {
		choice.best.time_ns = 0;
		if (!err)
			err = sfs_backup_each(folder.data, choose, &choice);
		if (!err && !choice.best.time_ns)
			err = SFS_ERR_NOT_FOUND;
		if (err < 0)
			break;
		err = read_backup(showing, folder.data, choice.best.name);
		/* One that turns out to be damaged: the one before it. */
		choice.before_ns = choice.best.time_ns - 1;
	} while (err == SFS_ERR_CORRUPT && (err = 0) == 0);
	sfs_buf_fini(&folder);
	if (err < 0)
		return err;
	showing->since_ns = choice.best.time_ns;
	memcpy(showing->backup, choice.best.name, sizeof showing->backup);
	return 0;
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
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_show = {
	.name = "show",
	.synopsis = "[--json] STORE CLASS/OID@TIME",
	.summary = "print an object as it was at a time",
	.details =
		"Prints the document that an object had at a time: 2026-11-22, 2026-11-22T01:02:03,\n"
		"yesterday, -2h, or a time as 'storefs log' prints it. It is what the object is now,\n"
		"an earlier version, or what the newest valid backup of before then has: of the\n"
		"folder of the schedule, or of STORE/backups.",
	.options = options,
	.examples =
		"storefs show /srv/blog Article/42@-2h\n"
		"storefs show /srv/blog Article/42@yesterday | storefs put /srv/blog Article/42",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 1,
	.max_args = 1,
	.check = check,
	.run = run,
};
