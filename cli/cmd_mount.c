/* storefs mount: serve a store as a folder, or list the stores that are served. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <storefs/recover.h>
#include "fs.h"
#include "json.h"
#include "mounts.h"
#include "recovering.h"
#include "verbs.h"

#define WAIT_MS 3000
#define WAIT_STEP_MS 50L

/* What fstab and mount(8) say to others, or what is so anyway. */
static const char *const ignored[] = {
	"_netdev", "nofail",   "noauto", "auto",  "user",   "nouser", "users", "owner",
	"group",   "defaults", "rw",     "nodev", "nosuid", "async",  NULL,
};
/* What the kernel is told as it stands. */
static const char *const passed[] = { "noexec", "noatime", NULL };

static bool is_among(const char *const *words, const char *word)
{
	for (; *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static bool is_noise(const char *word)
{
	return is_among(ignored, word) || strncmp(word, "x-", 2) == 0 ||
	       strncmp(word, "comment=", 8) == 0;
}

static int take_threads(struct cli_ctx *ctx, struct fs_options *options, const char *value)
{
	char *end;
	unsigned long number = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || number == 0 || number > 1024)
		return cli_usage(ctx, "-o threads: '%s' is no number from 1 to 1024", value);
	options->threads = (unsigned)number;
	return 0;
}

static int take_format(struct cli_ctx *ctx, struct fs_options *options, const char *value)
{
	if (strcmp(value, "json") == 0)
		options->format = SFS_FORMAT_JSON;
	else if (strcmp(value, "msgpack") == 0)
		options->format = SFS_FORMAT_MSGPACK;
	else
		return cli_usage(ctx, "-o format: '%s' is neither json nor msgpack", value);
	return 0;
}

static int take_views(struct cli_ctx *ctx, struct fs_options *options, const char *value)
{
	options->list_views = strcmp(value, "listed") == 0;
	if (!options->list_views && strcmp(value, "hidden") != 0)
		return cli_usage(ctx, "-o views: '%s' is neither listed nor hidden", value);
	return 0;
}

/* NAME=N with a number from 1 to a million. */
static int take_number(struct cli_ctx *ctx, const char *word, size_t name_len, unsigned *ret)
{
	char *end;
	unsigned long number = strtoul(word + name_len, &end, 10);
	if (!word[name_len] || *end || number < 1 || number > 1000000)
		return cli_usage(ctx, "-o %.*s: '%s' is no number from 1 to 1000000",
				 (int)name_len - 1, word, word + name_len);
	*ret = (unsigned)number;
	return 0;
}

/* One word of -o; more collects what libfuse is told. */
static int take_word(struct cli_ctx *ctx, struct fs_options *options, const char *word,
		     struct sfs_buf *more)
{
	if (!*word)
		return 0;
	if (strncmp(word, "format=", 7) == 0)
		return take_format(ctx, options, word + 7);
	if (strncmp(word, "views=", 6) == 0)
		return take_views(ctx, options, word + 6);
	if (strncmp(word, "threads=", 8) == 0)
		return take_threads(ctx, options, word + 8);
	if (strncmp(word, "save_interval=", 14) == 0)
		return take_number(ctx, word, 14, &options->save_interval_s);
	if (strncmp(word, "db_backups=", 11) == 0)
		return take_number(ctx, word, 11, &options->database_backups);
	if (strncmp(word, "backup_idle=", 12) == 0)
		return take_number(ctx, word, 12, &options->backup_idle_s);
	if (strcmp(word, "noxattr") == 0)
		options->no_xattr = true;
	else if (strcmp(word, "verbose") == 0)
		options->verbose = true;
	else if (strcmp(word, "nopassthrough") == 0)
		options->no_pass = true;
	else if (strcmp(word, "allow_other") == 0)
		options->allow_other = true;
	else if (strcmp(word, "ro") == 0)
		options->read_only = true;
	else if (is_among(passed, word))
		return sfs_buf_printf(more, "%s%s", more->len ? "," : "", word) < 0 ? CLI_FAILED
										    : 0;
	else if (!is_noise(word))
		return cli_usage(ctx, "-o: unknown option '%s'", word);
	return 0;
}

/* All -o, in order. Returns 0 or an exit code. */
static int take_options(struct cli_ctx *ctx, struct fs_options *options, struct sfs_buf *more)
{
	int code = 0;
	for (int i = 0; code == 0 && i < ctx->given_count; i++) {
		if (ctx->given[i].option->letter != 'o')
			continue;
		char *words = strdup(ctx->given[i].value), *rest = words, *word;
		if (!words)
			return CLI_FAILED;
		while (code == 0 && (word = strsep(&rest, ",")))
			code = take_word(ctx, options, word, more);
		free(words);
	}
	if (code == 0 && more->len > 0 && sfs_buf_append(more, "", 1) < 0)
		code = CLI_FAILED;
	options->fuse_options = more->len > 0 ? more->data : NULL;
	return code;
}

static int list_mounts(struct cli_ctx *ctx)
{
	struct cli_mounts mounts;
	struct cli_json json;
	bool as_json = cli_option(ctx, "json");
	int err = cli_mounts_get(&mounts);
	if (err < 0)
		return cli_fail(ctx, err, "/proc/self/mountinfo", NULL);
	cli_json_init(&json, ctx->out);
	if (as_json)
		cli_json_open(&json, NULL, '[');
	for (size_t i = 0; i < mounts.count; i++) {
		const struct cli_mount *mount = &mounts.items[i];
		if (!mount->store)
			continue;
		if (!as_json) {
			fprintf(ctx->out, "%s on %s\n", mount->store, mount->place);
			continue;
		}
		cli_json_open(&json, NULL, '{');
		cli_json_bytes(&json, "store", sfs_span_str(mount->store));
		cli_json_bytes(&json, "mountpoint", sfs_span_str(mount->place));
		cli_json_close(&json, '}');
	}
	if (as_json) {
		cli_json_close(&json, ']');
		cli_json_end(&json);
	}
	cli_mounts_fini(&mounts);
	return 0;
}

/* Where is the store mounted already? Returns 0: nowhere, 1: just there, or an exit code above. */
static int check_mounted(struct cli_ctx *ctx, const struct fs_options *options)
{
	struct cli_mounts mounts;
	int result = 0;
	if (cli_mounts_get(&mounts) < 0)
		return 0;
	const struct cli_mount *there = cli_mounts_find(&mounts, options->mountpoint);
	for (size_t i = 0; result == 0 && i < mounts.count; i++) {
		const struct cli_mount *mount = &mounts.items[i];
		if (!mount->store || strcmp(mount->store, options->store_path) != 0)
			continue;
		if (mount == there && strcmp(mount->place, options->mountpoint) == 0) {
			cli_error(ctx, options->mountpoint, "%s is mounted there already",
				  mount->store);
			result = 1;
		} else {
			cli_error(ctx, options->store_path, "is mounted on %s already",
				  mount->place);
			result = CLI_OWNED;
		}
	}
	cli_mounts_fini(&mounts);
	return result;
}

/* A store that is not there, before the daemon says it in other words. */
static int check_store(struct cli_ctx *ctx, const char *path)
{
	struct sfs_store_owner owner;
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (strcmp(path, "memory:") == 0)
		return 0;
	int err = sfs_store_owner(path, &owner, &diag);
	if ((err != SFS_ERR_NOT_FOUND && err != SFS_ERR_NOT_STORE) ||
	    sfs_store_can_recover(path, err))
		return 0;
	return cli_fail_no_store(ctx, err, path, &diag);
}

/* What others made is said, and served as it can be. */
static void say_what(struct cli_ctx *ctx, struct fs_options *options)
{
	struct sfs_recognised found;
	if (strcmp(options->store_path, "memory:") == 0 ||
	    sfs_store_can_recover(options->store_path, 0) ||
	    sfs_store_recognise(options->store_path, &found, NULL) < 0 || found.store)
		return;
	fprintf(ctx->out, "%s: ", options->store_path);
	if (found.storage && found.storify)
		fputs("objects of the storage module and databases of Storify", ctx->out);
	else if (found.storage)
		fputs("a folder of the storage module", ctx->out);
	else if (found.storify)
		fputs("a folder of Storify", ctx->out);
	else if (found.database)
		fputs("a database of Storify", ctx->out);
	else
		fputs("a folder of objects as files", ctx->out);
	if (found.read_only)
		fputs(", which takes no writes: read-only", ctx->out);
	fputc('\n', ctx->out);
	options->read_only = options->read_only || found.read_only;
}

/*
 * A store that is damaged. In a process of its own: the threads that the engine starts do not come along when
 * the daemon goes to the background.
 */
static int recover(struct cli_ctx *ctx, const char *path)
{
	struct cli_recovering recovering = { .ctx = ctx, .out = ctx->err };
	int status = 0;
	fprintf(ctx->err, "storefs: %s is damaged, and is recovered now\n", path);
	fflush(ctx->out);
	fflush(ctx->err);
	pid_t pid = fork();
	if (pid < 0)
		return cli_fail_errno(ctx, errno, path);
	if (pid == 0) {
		int code = cli_recover(&recovering, path, NULL, 0);
		fflush(ctx->err);
		_exit(code);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return cli_fail_errno(ctx, errno, path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

/* What is in the way of opening it, if that is damage. Who may change nothing recovers nothing. */
static bool can_recover(const struct fs_options *options, int err)
{
	return (err == SFS_ERR_CORRUPT || err == SFS_ERR_NOT_STORE) && !options->read_only &&
	       sfs_store_can_recover(options->store_path, err);
}

static int serve_again(struct cli_ctx *ctx, const struct fs_options *options)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int code = recover(ctx, options->store_path);
	if (code != 0)
		return code;
	int err = fs_run(options, &diag);
	return err < 0 ? cli_fail(ctx, err, options->store_path, &diag) : 0;
}

/* Another command may have the store for a moment. */
static int serve(struct cli_ctx *ctx, const struct fs_options *options)
{
	const struct timespec step = { 0, WAIT_STEP_MS * 1000000 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	fflush(ctx->out);
	fflush(ctx->err);
	int err = fs_run(options, &diag);
	for (long waited = 0; err == SFS_ERR_BUSY && waited < WAIT_MS; waited += WAIT_STEP_MS) {
		nanosleep(&step, NULL);
		diag = (struct sfs_diag)SFS_DIAG_INIT;
		err = fs_run(options, &diag);
	}
	if (err == 0)
		return 0;
	if (can_recover(options, err)) {
		cli_error(ctx, options->store_path, "%s", diag.text);
		return serve_again(ctx, options);
	}
	int code = cli_fail(ctx, err, options->store_path, &diag);
	return err == SFS_ERR_NOT_FOUND ? CLI_FAILED : code;
}

static int mount_at(struct cli_ctx *ctx, struct fs_options *options)
{
	struct stat st;
	if (stat(options->mountpoint, &st) < 0 && errno == ENOTCONN) {
		cli_error(ctx, options->mountpoint,
			  "a mount whose daemon has died is there; storefs umount %s clears it",
			  options->mountpoint);
		return CLI_FAILED;
	}
	if (stat(options->mountpoint, &st) < 0)
		return cli_fail_errno(ctx, errno, options->mountpoint);
	if (!S_ISDIR(st.st_mode))
		return cli_fail_errno(ctx, ENOTDIR, options->mountpoint);
	int code = check_store(ctx, options->store_path);
	if (code == 0)
		code = check_mounted(ctx, options);
	if (code == 1)
		return 0;
	if (code != 0)
		return code;
	say_what(ctx, options);
	return serve(ctx, options);
}

static int run(struct cli_ctx *ctx)
{
	struct fs_options options = {
		.debug = cli_option(ctx, "debug"),
		.foreground = cli_option(ctx, "foreground") || cli_option(ctx, "debug"),
		.command = cli_serve,
	};
	struct sfs_buf more = SFS_BUF_INIT;
	char *store = NULL, *place = NULL;
	if (ctx->argc == 0 && ctx->given_count == (cli_option(ctx, "json") ? 1 : 0))
		return list_mounts(ctx);
	if (ctx->argc != 2)
		return cli_usage(ctx, "expected STORE and MOUNTPOINT");
	int code = take_options(ctx, &options, &more);
	int err = code == 0 ? cli_locate(ctx->argv[0], &store) : 0;
	if (code == 0 && err == 0)
		err = cli_absolute(ctx->argv[1], &place);
	if (err < 0) {
		cli_fail(ctx, err, store ? ctx->argv[1] : ctx->argv[0], NULL);
		code = CLI_FAILED;
	}
	options.store_path = store;
	options.mountpoint = place;
	if (store && sfs_backup_is(store))
		options.read_only = true;
	if (code == 0 && store && place)
		code = mount_at(ctx, &options);
	sfs_buf_fini(&more);
	free(store);
	free(place);
	return code;
}

static const struct cli_option options[] = {
	{ "options", 'o', "LIST",
	  "options of the mount, separated by commas:\n"
	  "format=json|msgpack  the documents that are listed\n"
	  "views=listed         classes list by, their query directories\n"
	  "noxattr              no extended attributes: faster\n"
	  "nopassthrough        all bytes of raws go through the daemon\n"
	  "allow_other          other users may use the mount\n"
	  "ro                   change nothing\n"
	  "threads=N            at most N threads\n"
	  "save_interval=N      write changed databases every N seconds (60)\n"
	  "db_backups=N         keep N backups of each database (5)\n"
	  "backup_idle=N        close backups after N idle seconds (60)\n"
	  "verbose              log also what databases do at each flush\n"
	  "noexec, noatime      as for any mount\n"
	  "Words of fstab (_netdev, nofail, x-...) are ignored." },
	{ "foreground", 'f', NULL, "stay, and log to standard error" },
	{ "debug", 'd', NULL, "log every request (stays too)" },
	{ "json", 'j', NULL, "without arguments: the list as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_mount = {
	.name = "mount",
	.synopsis = "[OPTION]... STORE MOUNTPOINT\n[--json]",
	.summary = "serve a store as a folder, or list what is mounted",
	.details =
		"Returns when the mount can be used, or with the reason why it can not. MOUNTPOINT is\n"
		"an existing folder outside of the store. A store that is mounted just there already\n"
		"is fine. SIGTERM, SIGINT and 'storefs umount' end it cleanly.\n"
		"A store that is damaged is recovered first, as 'storefs recover' does it.\n"
		"\n"
		"Without arguments: the stores that are mounted, and where.",
	.options = options,
	.examples = "storefs mount /srv/blog /mnt/blog\n"
		    "storefs mount -o ro,format=msgpack /srv/blog /mnt/blog\n"
		    "storefs mount --foreground --debug /srv/blog /mnt/blog",
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = 2,
	.run = run,
};
