/*
 * storefs backup: take backups of a store, list them, read them whole, remove old ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <storefs/backup.h>
#include <storefs/settings.h>
#include "json.h"
#include "mounts.h"
#include "progress.h"
#include "rate.h"
#include "verbs.h"

#define KEEP_DEFAULT 5

struct backing {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	struct cli_json json;
	struct sfs_backup_config config;
	struct sfs_buf folder; /* with its NUL */
	bool as_json;
};

/* --- what is printed --- */

static void put_element(struct cli_json *json, const struct sfs_backup *backup)
{
	cli_json_open(json, NULL, '{');
	cli_json_string(json, "name", backup->name);
	cli_json_bool(json, "valid", backup->valid);
	cli_json_number(json, "number", backup->number);
	cli_json_number(json, "commit", backup->commit);
	cli_json_number(json, "objects", backup->objects);
	cli_json_number(json, "raws", backup->raws);
	cli_json_number(json, "files", backup->files);
	cli_json_number(json, "bytes", backup->bytes);
	cli_json_number(json, "new_files", backup->new_files);
	cli_json_number(json, "new_bytes", backup->new_bytes);
	cli_json_close(json, '}');
}

static void put_line(FILE *out, const struct sfs_backup *backup)
{
	fprintf(out, "%s  %-9s %10" PRIu64 " objects %8" PRIu64 " raws %10.1f MiB, %.1f MiB new\n",
		backup->name, backup->valid ? "valid" : "NOT VALID", backup->objects, backup->raws,
		(double)backup->bytes / (1 << 20), (double)backup->new_bytes / (1 << 20));
}

static int put(void *arg, const struct sfs_backup *backup)
{
	struct backing *backing = arg;
	if (backing->as_json)
		put_element(&backing->json, backup);
	else
		put_line(backing->ctx->out, backup);
	return cli_stopped(backing->ctx);
}

static int tell(void *arg, uint64_t files, uint64_t bytes)
{
	struct backing *backing = arg;
	return cli_progress_at(&backing->progress, files, bytes, 0);
}

/* --- the forms --- */

static int take(struct backing *backing)
{
	struct cli_ctx *ctx = backing->ctx;
	struct sfs_backup backup;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_backup_config config = backing->config;
	/* The store knows its own folder, and makes it. */
	if (!cli_option(ctx, "to"))
		config.folder = NULL;
	int err = sfs_backup_take(ctx->store, &config, &backup, &diag);
	cli_progress_clear(&backing->progress);
	if (!err || err == SFS_ERR_CORRUPT)
		put(backing, &backup);
	if (!err)
		return CLI_OK;
	int code = cli_fail(ctx, err, backing->folder.data, &diag);
	return err == SFS_ERR_CORRUPT ? CLI_DAMAGED : code;
}

static int list(struct backing *backing)
{
	if (backing->as_json) {
		cli_json_open(&backing->json, NULL, '{');
		cli_json_open(&backing->json, "backups", '[');
	}
	int err = sfs_backup_each(backing->folder.data, put, backing);
	if (backing->as_json) {
		cli_json_close(&backing->json, ']');
		cli_json_close(&backing->json, '}');
	}
	/* A store that never had one has no folder. */
	if (err == SFS_ERR_NOT_FOUND && !cli_option(backing->ctx, "to"))
		err = 0;
	if (err < 0 && err != SFS_ERR_CANCELLED)
		return cli_fail(backing->ctx, err, backing->folder.data, NULL);
	return err < 0 ? CLI_FAILED : CLI_OK;
}

struct names {
	char (*items)[SFS_BACKUP_NAME_SIZE];
	size_t count;
};

static int add_name(void *arg, const struct sfs_backup *backup)
{
	struct names *names = arg;
	void *more = realloc(names->items, (names->count + 1) * sizeof *names->items);
	if (!more)
		return 1;
	names->items = more;
	memcpy(names->items[names->count++], backup->name, sizeof backup->name);
	return 0;
}

static int verify_one(struct backing *backing, const char *name)
{
	struct cli_ctx *ctx = backing->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfs_backup_verify(&backing->config, name, &diag);
	cli_progress_clear(&backing->progress);
	if (err == SFS_ERR_CORRUPT) {
		fprintf(ctx->out, "%s  NOT VALID: %s\n", name, diag.text);
		return CLI_DAMAGED;
	}
	if (err < 0)
		return cli_fail(ctx, err, name, &diag);
	fprintf(ctx->out, "%s  valid\n", name);
	return CLI_OK;
}

static int verify(struct backing *backing)
{
	const char *name = cli_option(backing->ctx, "verify");
	if (strcmp(name, "all") != 0)
		return verify_one(backing, name);
	struct names names = { NULL, 0 };
	int err = sfs_backup_each(backing->folder.data, add_name, &names);
	int code = err < 0 ? cli_fail(backing->ctx, err, backing->folder.data, NULL) : CLI_OK;
	for (size_t i = 0; i < names.count && !cli_stopped(backing->ctx); i++) {
		int one = verify_one(backing, names.items[i]);
		code = one ? one : code;
	}
	free(names.items);
	return code;
}

static int prune(struct backing *backing)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	uint64_t removed;
	int err = sfs_backup_prune(&backing->config, &removed, &diag);
	if (err < 0)
		return cli_fail(backing->ctx, err, backing->folder.data, &diag);
	fprintf(backing->ctx->out, "removed %" PRIu64 "\n", removed);
	return CLI_OK;
}

/* --- options --- */

static bool take_number(struct cli_ctx *ctx, const char *name, unsigned *ret)
{
	uint64_t number;
	if (!cli_option_number(ctx, name, *ret, &number))
		return false;
	*ret = number > UINT32_MAX ? UINT32_MAX : (unsigned)number;
	return true;
}

static bool take_keep(struct cli_ctx *ctx, struct sfs_backup_keep *keep)
{
	bool other = cli_option(ctx, "hourly") || cli_option(ctx, "daily") ||
		     cli_option(ctx, "weekly") || cli_option(ctx, "monthly");
	keep->newest = other ? 0 : KEEP_DEFAULT;
	return take_number(ctx, "keep", &keep->newest) &&
	       take_number(ctx, "hourly", &keep->hourly) &&
	       take_number(ctx, "daily", &keep->daily) &&
	       take_number(ctx, "weekly", &keep->weekly) &&
	       take_number(ctx, "monthly", &keep->monthly);
}

static bool read_interval(const char *text, uint32_t *ret)
{
	uint64_t seconds;
	if (!sfs_interval_parse(sfs_span_str(text), &seconds) || seconds > UINT32_MAX)
		return false;
	*ret = (uint32_t)seconds;
	return true;
}

static int check(struct cli_ctx *ctx)
{
	struct sfs_backup_keep keep = { 0 };
	uint64_t rate;
	int forms = !!cli_option(ctx, "list") + !!cli_option(ctx, "verify") +
		    !!cli_option(ctx, "prune") + !!cli_option(ctx, "every");
	uint32_t every;
	if (forms > 1)
		return cli_usage(ctx, "--every, --list, --verify and --prune exclude each other");
	if (cli_option(ctx, "every") && !read_interval(cli_option(ctx, "every"), &every))
		return cli_usage(ctx, "--every: '%s' is no number with s, m, h, d or w",
				 cli_option(ctx, "every"));
	return take_keep(ctx, &keep) ? cli_rate(ctx, &rate) : CLI_USAGE;
}

/**
 * The folder that backups are in. Relative paths are the caller's, whose folder is an open descriptor.
 * @store  path of the store.
 */
static int make_folder_path(struct backing *backing, const char *store)
{
	struct cli_ctx *ctx = backing->ctx;
	const char *to = cli_option(ctx, "to");
	struct sfs_buf *folder = &backing->folder;
	int err;
	if (!to)
		return sfs_backup_folder(store, folder);
	else if (to[0] == '/' || ctx->cwd_fd == AT_FDCWD)
		err = sfs_buf_printf(folder, "%s", to);
	else
		err = sfs_buf_printf(folder, "/proc/self/fd/%d/%s", ctx->cwd_fd, to);
	return err < 0 ? err : sfs_buf_append(folder, "", 1);
}

/* --- the schedule --- */

/** As the options say. One that ends leaves the folder known: backups are looked for there. */
static int make_schedule(struct backing *backing, struct sfs_backup_schedule *ret,
			 struct sfs_diag *diag)
{
	struct cli_ctx *ctx = backing->ctx;
	uint32_t every_s = 0;
	int err = read_interval(cli_option(ctx, "every"), &every_s) ? 0 : SFS_ERR_INVALID;
	*ret = (struct sfs_backup_schedule){ .every_s = 0 };
	if (!err && !every_s)
		err = sfs_backup_schedule_get(ctx->store, ret, diag);
	ret->every_s = every_s;
	ret->keep = backing->config.keep;
	if (err < 0 || !cli_option(ctx, "to"))
		return err;
	char *folder = realpath(backing->folder.data, NULL);
	if (!folder)
		return cli_err_from_errno(errno);
	int len = snprintf(ret->folder, sizeof ret->folder, "%s", folder);
	free(folder);
	return len < (int)sizeof ret->folder ? 0 : SFS_ERR_LIMIT;
}

static int set_schedule(struct backing *backing)
{
	struct cli_ctx *ctx = backing->ctx;
	struct sfs_backup_schedule schedule;
	struct sfs_diag diag = SFS_DIAG_INIT;
	const char *to = cli_option(ctx, "to");
	int err = make_schedule(backing, &schedule, &diag);
	if (!err)
		err = sfs_backup_schedule_set(ctx->store, &schedule, &diag);
	if (err < 0)
		return cli_fail(ctx, err, to, &diag);
	if (!backing->as_json && schedule.every_s)
		fprintf(ctx->out, "a backup every %" PRIu32 " s while the store is mounted\n",
			schedule.every_s);
	else if (!backing->as_json)
		fprintf(ctx->out, "no backups by themselves\n");
	return CLI_OK;
}

static int run_form(struct backing *backing)
{
	struct cli_ctx *ctx = backing->ctx;
	if (cli_option(ctx, "every"))
		return set_schedule(backing);
	if (cli_option(ctx, "list"))
		return list(backing);
	if (cli_option(ctx, "verify"))
		return verify(backing);
	if (cli_option(ctx, "prune"))
		return prune(backing);
	return take(backing);
}

static int run_with(struct cli_ctx *ctx, const char *store)
{
	struct backing backing = { .ctx = ctx, .as_json = cli_option(ctx, "json") };
	if (!take_keep(ctx, &backing.config.keep) ||
	    cli_rate(ctx, &backing.config.bytes_per_second) != 0)
		return CLI_USAGE;
	if (make_folder_path(&backing, store) < 0)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	backing.config.folder = backing.folder.data;
	backing.config.progress = tell;
	backing.config.arg = &backing;
	cli_progress_init(&backing.progress, ctx, "copying", "files");
	if (backing.as_json)
		cli_json_init(&backing.json, ctx->out);
	int code = run_form(&backing);
	if (backing.as_json)
		cli_json_end(&backing.json);
	sfs_buf_fini(&backing.folder);
	return code;
}

static int run(struct cli_ctx *ctx)
{
	return run_with(ctx, sfs_store_path(ctx->store));
}

/** What is done to backups alone needs no store that opens. */
static int locate(struct cli_ctx *ctx)
{
	bool alone = cli_option(ctx, "list") || cli_option(ctx, "verify") ||
		     cli_option(ctx, "prune");
	const char *arg = ctx->store_arg ? ctx->store_arg : getenv("STOREFS_STORE");
	if (!ctx->store_arg && ctx->argc == 1)
		arg = ctx->argv[0];
	if (!alone || !arg || ctx->argc > 1)
		return -1;
	int code = check(ctx);
	char *store = NULL;
	int err = code ? 0 : cli_locate(arg, &store);
	if (err < 0)
		return cli_fail(ctx, err, arg, NULL);
	if (!code)
		code = run_with(ctx, store);
	free(store);
	return code;
}

static const struct cli_option options[] = {
	{ "to", 't', "DIR", "the folder of backups (default: STORE/backups)" },
	{ "keep", 'k', "N",
	  "keep the newest N (default: 5, or 0 with one of the\n"
	  "next four; all are kept when all are 0)" },
	{ "hourly", 0, "N", "and the newest of each of N hours that have one" },
	{ "daily", 0, "N", "likewise of N days" },
	{ "weekly", 0, "N", "likewise of N weeks" },
	{ "monthly", 0, "N", "likewise of N months" },
	{ "rate", 'r', "BYTES", "copy at most so many bytes a second (500K, 20M)" },
	{ "wait", 'w', NULL, "wait until it is taken and verified, as is done anyway" },
	{ "every", 'e', "TIME",
	  "take none now, but one from time to time while the store\n"
	  "is mounted: 15m, 6h, 1d; 0: no longer" },
	{ "list", 'l', NULL, "list the backups" },
	{ "verify", 'V', "NAME", "read a backup whole; all: every one" },
	{ "prune", 'p', NULL, "only remove those that are not to be kept" },
	{ "json", 'j', NULL, "as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_backup = {
	.name = "backup",
	.synopsis = "[OPTION]... STORE",
	.summary = "take a consistent copy of a store; list and verify copies",
	.details =
		"Copies the whole store as it is at one moment into a new folder of DIR that is named\n"
		"after the time (UTC), while the store is in use. What the last backup has already is\n"
		"shared with it, so a backup costs what changed. Then what is new is read back, and once\n"
		"a day every record; only after that it counts, and older ones are removed. The last\n"
		"valid one never is.\n"
		"\n"
		"A backup is a store: 'storefs mount -o ro' and all other verbs take it as\n"
		"STORE. 'storefs restore' makes a store from it that can be changed.\n"
		"Exit code 14: what was copied or verified is damaged.",
	.options = options,
	.examples = "storefs backup /srv/blog\n"
		    "storefs backup --to /mnt/disk/blog --hourly 24 --daily 7 /srv/blog\n"
		    "storefs backup --every 6h --daily 7 --weekly 4 /srv/blog\n"
		    "storefs backup --list /srv/blog\n"
		    "storefs backup --verify all --to /mnt/disk/blog /srv/blog",
	.flags = CLI_OPENS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE | 1u << CLI_DAMAGED,
	.min_args = 0,
	.max_args = 0,
	.locate = locate,
	.check = check,
	.run = run,
};
