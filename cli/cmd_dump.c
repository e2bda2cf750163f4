/*
 * storefs dump: a whole store as plain files, in a folder or as a tar stream.
 *
 * A folder, and a file, is written under another name beside it and gets its own when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <storefs/dump.h>
#include "backups.h"
#include "mounts.h"
#include "newstore.h"
#include "progress.h"
#include "verbs.h"

struct dumping {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	struct sfs_dumped dumped;
	int fd; /* of a file that is written; -1: standard output */
};

static int tell(void *arg, const struct sfs_dumped *done, uint64_t expected)
{
	struct dumping *dumping = arg;
	uint64_t count = done->objects + done->raws;
	return cli_progress_at(&dumping->progress, count, count, expected);
}

/** Of standard output the end of the run says what went wrong. */
static int take(void *arg, const void *data, size_t len)
{
	struct dumping *dumping = arg;
	struct cli_ctx *ctx = dumping->ctx;
	if (dumping->fd < 0)
		return fwrite(data, 1, len, ctx->out) == len ? 0 : SFS_ERR_CANCELLED;
	if (cli_write_all(ctx, dumping->fd, data, len) == 0)
		return 0;
	return errno == ECANCELED ? SFS_ERR_CANCELLED : cli_err_from_errno(errno);
}

static void put_result(const struct dumping *dumping, const char *to)
{
	const struct sfs_dumped *dumped = &dumping->dumped;
	const struct cli_made made = {
		.key = "dump",
		.name = to,
		.classes = dumped->classes,
		.objects = dumped->objects,
		.raws = dumped->raws,
		.bytes = dumped->bytes,
	};
	cli_put_made(dumping->ctx, &made);
}

/** @folder  NULL: a stream. */
static int dump(struct dumping *dumping, const char *folder, const char *to)
{
	struct cli_ctx *ctx = dumping->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_dump how = {
		.folder = folder, .write = take, .progress = tell, .arg = dumping
	};
	cli_progress_init(&dumping->progress, ctx, "dumping", "objects and raws");
	int err = sfs_store_dump(ctx->store, &how, &dumping->dumped, &diag);
	cli_progress_clear(&dumping->progress);
	if (err == SFS_ERR_CANCELLED)
		return CLI_FAILED;
	return err < 0 ? cli_fail(ctx, err, to, &diag) : 0;
}

static int dump_folder(struct dumping *dumping, const char *to)
{
	static const struct cli_newstore_how how = { "dumping", "dump", false };
	struct cli_newstore new;
	int code = cli_newstore_begin(&new, dumping->ctx, to, &how);
	if (code == 0)
		code = dump(dumping, new.part, to);
	code = cli_newstore_end(&new, code);
	if (code == 0)
		put_result(dumping, to);
	return code;
}

static int give_name(struct dumping *dumping, const char *part, const char *to)
{
	struct cli_ctx *ctx = dumping->ctx;
	if (fsync(dumping->fd) < 0 || renameat(ctx->cwd_fd, part, ctx->cwd_fd, to) < 0)
		return cli_fail_errno(ctx, errno, to);
	return 0;
}

static int dump_file(struct dumping *dumping, const char *to)
{
	struct cli_ctx *ctx = dumping->ctx;
	char *part = NULL;
	if (asprintf(&part, "%s.dumping", to) < 0)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	dumping->fd = openat(ctx->cwd_fd, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int code = dumping->fd < 0 ? cli_fail_errno(ctx, errno, part) : dump(dumping, NULL, to);
	if (code == 0)
		code = give_name(dumping, part, to);
	if (code != 0 && dumping->fd >= 0)
		unlinkat(ctx->cwd_fd, part, 0);
	if (dumping->fd >= 0)
		close(dumping->fd);
	free(part);
	if (code == 0)
		put_result(dumping, to);
	return code;
}

/** With --at the store is a backup of the one that is named. */
static int locate(struct cli_ctx *ctx)
{
	const char *word = cli_option(ctx, "at");
	char *store = NULL, *path = NULL;
	struct sfs_diag why = SFS_DIAG_INIT;
	int code = cli_backups_locate(ctx);
	if (code != 0 || !word)
		return code != 0 ? code : -1;
	code = cli_backups_store(ctx, &store);
	if (code == 0)
		code = cli_backups_find(ctx, store, word, &path, &why);
	free(store);
	if (code < 0) {
		cli_error(ctx, word, "%s", why.text[0] ? why.text : "is no backup");
		return CLI_NOT_FOUND;
	}
	if (code != 0)
		return code;
	if (!ctx->store_arg && ctx->argc > 0 && cli_is_store(ctx->argv[0])) {
		ctx->argv++;
		ctx->argc--;
	}
	ctx->store_arg = cli_own(ctx, path);
	return -1;
}

static int check(struct cli_ctx *ctx)
{
	if (!cli_option(ctx, "tar") && !cli_option(ctx, "output"))
		return cli_usage(ctx, "where to is missing: --output DIR, or --tar");
	return 0;
}

static int run(struct cli_ctx *ctx)
{
	const char *to = cli_option(ctx, "output");
	struct dumping dumping = { .ctx = ctx, .fd = -1 };
	if (!cli_option(ctx, "tar"))
		return dump_folder(&dumping, to);
	if (to && strcmp(to, "-") != 0)
		return dump_file(&dumping, to);
	if (ctx->out_is_tty)
		return cli_usage(ctx, "a tar stream is not for a terminal: --output FILE");
	return dump(&dumping, NULL, NULL);
}

static const struct cli_option options[] = {
	{ "output", 'o', "PATH",
	  "a new folder; with --tar a file, or - for standard output\n"
	  "(the default)" },
	{ "tar", 't', NULL, "one tar stream" },
	{ "at", 'a', "TIME", "of the backup of STORE that has this name, or was in force then" },
	CLI_BACKUPS_OPTION,
	{ "json", 'j', NULL, "what was dumped, as JSON (not on standard output)" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_dump = {
	.name = "dump",
	.synopsis = "--output DIR [--at TIME] [--json] STORE\n"
		    "--tar [--output FILE] [--at TIME] [--json] STORE",
	.summary = "write a whole store as plain files, for 'storefs load'",
	.details =
		"Everything that a copy of a store has, as JSON lines and as the bytes of raws, under\n"
		"hashes: classes with their definitions, objects with their texts and update times,\n"
		"raws and scratch files with metadata, links and times. It can be loaded by other\n"
		"versions, into any backend. While others write, what they change is in it or not:\n"
		"dump a backup to have one moment. A folder or file has its name only when it is whole.",
	.options = options,
	.examples = "storefs dump --output /media/blog.dump /srv/blog\n"
		    "storefs dump --tar --at latest /srv/blog | zstd >blog.tar.zst\n"
		    "storefs dump --tar /srv/blog | ssh host storefs load - /srv/blog",
	.flags = CLI_OPENS | CLI_READS,
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_NOT_STORE,
	.min_args = 0,
	.max_args = 0,
	.locate = locate,
	.check = check,
	.run = run,
};
