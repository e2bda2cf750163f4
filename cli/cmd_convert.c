/*
 * storefs convert: copy a store into a new one of another backend.
 *
 * The copy is made under another name beside the target, compared with its source, and only then gets
 * its name: what has the name is whole. What a kill left there is removed by the next try.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <storefs/copy.h>
#include <storefs/index.h>
#include "json.h"
#include "progress.h"
#include "verbs.h"

#define SENTENCES 20 /* differences that are shown */

struct converting {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	char *target, *part; /* absolute: what is made, and its name until it is whole */
	const char *backend;
	struct sfs_copied copied;
	uint64_t shown;
};

/* --- names --- */

/** Relative paths are the caller's, whose folder is an open descriptor. */
static char *absolute(struct cli_ctx *ctx, const char *path)
{
	char link[64], folder[4096], *ret = NULL;
	if (path[0] == '/')
		return strdup(path);
	snprintf(link, sizeof link, "/proc/self/fd/%d", ctx->cwd_fd);
	ssize_t len = ctx->cwd_fd == AT_FDCWD ? readlink("/proc/self/cwd", folder, sizeof folder)
					      : readlink(link, folder, sizeof folder);
	if (len <= 0 || len == (ssize_t)sizeof folder)
		return NULL;
	return asprintf(&ret, "%.*s/%s", (int)len, folder, path) < 0 ? NULL : ret;
}

/** DIR/NAME is made as DIR/.NAME.converting. */
static char *part_of(const char *target)
{
	char *ret = NULL;
	const char *slash = strrchr(target, '/');
	int dir = (int)(slash - target);
	return asprintf(&ret, "%.*s/.%s.converting", dir, target, slash + 1) < 0 ? NULL : ret;
}

static int set_names(struct converting *converting, const char *argument)
{
	struct cli_ctx *ctx = converting->ctx;
	converting->target = absolute(ctx, argument);
	if (!converting->target) {
		cli_fail(ctx, SFS_ERR_NO_MEMORY, argument, NULL);
		return CLI_FAILED;
	}
	for (size_t len = strlen(converting->target);
	     len > 1 && converting->target[len - 1] == '/';)
		converting->target[--len] = 0;
	if (strcmp(converting->target, "/") == 0)
		return cli_usage(ctx, "'%s' can not be made", argument);
	converting->part = part_of(converting->target);
	if (converting->part)
		return 0;
	cli_fail(ctx, SFS_ERR_NO_MEMORY, argument, NULL);
	return CLI_FAILED;
}

/* --- folders --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_part(const struct converting *converting)
{
	return nftw(converting->part, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/** What an earlier try left. One that is under way has its store open. */
static int clear_part(struct converting *converting)
{
	struct cli_ctx *ctx = converting->ctx;
	struct sfs_store_owner owner = { .pid = 0 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (!converting->part)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	if (access(converting->part, F_OK) < 0)
		return errno == ENOENT ? 0 : cli_fail_errno(ctx, errno, converting->part);
	if (sfs_store_owner(converting->part, &owner, &diag) == 0 && owner.pid != 0) {
		cli_error(ctx, converting->part,
			  "another conversion is under way (process %" PRId64 ")", owner.pid);
		return CLI_OWNED;
	}
	return remove_part(converting) < 0 ? cli_fail_errno(ctx, errno, converting->part) : 0;
}

/** The target does not exist, or is an empty folder, which a rename replaces. */
static int check_target(struct converting *converting)
{
	struct cli_ctx *ctx = converting->ctx;
	DIR *dir = opendir(converting->target);
	size_t entries = 0;
	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return cli_fail_errno(ctx, errno, converting->target);
	while (readdir(dir))
		entries++;
	closedir(dir);
	if (entries <= 2)
		return 0;
	cli_error(ctx, converting->target, "is not empty");
	return CLI_FAILED;
}

static int give_name(struct converting *converting)
{
	struct cli_ctx *ctx = converting->ctx;
	char *slash = strrchr(converting->part, '/');
	if (rename(converting->part, converting->target) < 0)
		return cli_fail_errno(ctx, errno, converting->target);
	*slash = 0;
	int fd = open(converting->part[0] ? converting->part : "/",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	int failed = fd < 0 || fsync(fd) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return failed ? cli_fail_errno(ctx, failed, converting->target) : 0;
}

/* --- copying --- */

static int tell(void *arg, const struct sfs_copied *done, uint64_t expected)
{
	struct converting *converting = arg;
	converting->progress.count = converting->progress.done = done->objects + done->raws;
	converting->progress.total = expected;
	cli_progress_tick(&converting->progress);
	return cli_stopped(converting->ctx);
}

static int differs(void *arg, const char *sentence)
{
	struct converting *converting = arg;
	cli_progress_clear(&converting->progress);
	if (converting->shown++ < SENTENCES)
		cli_error(converting->ctx, NULL, "the copy differs: %s", sentence);
	return cli_stopped(converting->ctx);
}

static int build_indexes(struct converting *converting, struct sfs_store *to, struct sfs_diag *diag)
{
	struct sfs_class_info class = { .id = 0 };
	int err = 0;
	while (!err && sfs_class_next(to, class.id, &class) == 0)
		if (class.kind == SFS_CLASS_OBJECT)
			err = sfs_index_wait(to, class.id, cli_progress_built,
					     &converting->progress, diag);
	/* A function of another program is made up for when that program opens the store. */
	return err == SFS_ERR_UNSUPPORTED ? 0 : err;
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
		err = build_indexes(converting, to, &diag);
	cli_progress_clear(&converting->progress);
	cli_progress_init(&converting->progress, ctx, "comparing", "objects and raws");
	if (!err)
		err = sfs_store_compare(ctx->store, to, &how, &compared, &diag);
	cli_progress_clear(&converting->progress);
	if (err < 0)
		return cli_fail(ctx, err, converting->target, &diag);
	converting->copied.differences = compared.differences;
	return compared.differences ? CLI_DAMAGED : 0;
}

static int make(struct converting *converting)
{
	struct cli_ctx *ctx = converting->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *to = NULL;
	const struct sfs_store_config config = {
		.path = converting->part,
		.backend = converting->backend,
		.owner_note = "storefs convert",
	};
	int err = sfs_store_init(&config, &diag);
	if (err < 0)
		return cli_fail(ctx, err, converting->target, &diag);
	err = sfs_store_open(&config, &to, &diag);
	int code = err < 0 ? cli_fail(ctx, err, converting->target, &diag) : copy(converting, to);
	err = sfs_store_close(to);
	if (code == 0 && err < 0)
		code = cli_fail(ctx, err, converting->target, NULL);
	if (code == 0)
		code = give_name(converting);
	if (code != 0 && remove_part(converting) < 0 && errno != ENOENT)
		cli_error(ctx, converting->part, "is left over: %m");
	return code;
}

static void put_result(struct converting *converting)
{
	struct cli_ctx *ctx = converting->ctx;
	const struct sfs_copied *copied = &converting->copied;
	struct cli_json json;
	if (!cli_option(ctx, "json")) {
		fprintf(ctx->out,
			"%s: %" PRIu64 " classes, %" PRIu64 " objects, %" PRIu64 " raws, %" PRIu64
			" bytes, all compared\n",
			ctx->argv[0], copied->classes, copied->objects, copied->raws,
			copied->bytes);
		return;
	}
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_bytes(&json, "store", sfs_span_str(converting->target));
	cli_json_string(&json, "backend", converting->backend);
	cli_json_number(&json, "classes", copied->classes);
	cli_json_number(&json, "objects", copied->objects);
	cli_json_number(&json, "raws", copied->raws);
	cli_json_number(&json, "bytes", copied->bytes);
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

static int run(struct cli_ctx *ctx)
{
	const char *backend = cli_option(ctx, "backend");
	struct converting converting = { .ctx = ctx, .backend = backend ? backend : "kv" };
	int code = set_names(&converting, ctx->argv[0]);
	if (code == 0)
		code = clear_part(&converting);
	if (code == 0)
		code = check_target(&converting);
	if (code == 0)
		code = make(&converting);
	if (code == 0)
		put_result(&converting);
	free(converting.target);
	free(converting.part);
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
