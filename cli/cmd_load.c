/*
 * storefs load: a new store of what 'storefs dump' wrote.
 *
 * The store is made under another name beside its own, which it gets when all of the dump was read and
 * every hash was right.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <storefs/dump.h>
#include "newstore.h"
#include "progress.h"
#include "verbs.h"

struct loading {
	struct cli_ctx *ctx;
	struct cli_progress progress;
	struct cli_newstore new;
	const char *backend;
	struct sfs_dumped loaded;
	int fd; /* of a stream */
};

static int tell(void *arg, const struct sfs_dumped *done, uint64_t expected)
{
	struct loading *loading = arg;
	uint64_t count = done->objects + done->raws;
	return cli_progress_at(&loading->progress, count, count, expected);
}

static int give(void *arg, void *dst, size_t len, size_t *ret_len)
{
	struct loading *loading = arg;
	ssize_t got = cli_read(loading->ctx, loading->fd, dst, len);
	if (got < 0)
		return errno == ECANCELED ? SFS_ERR_CANCELLED : cli_err_from_errno(errno);
	*ret_len = (size_t)got;
	return 0;
}

/** The folder of a dump, or a stream. Returns 0, or an exit code after saying why. */
static int open_dump(struct loading *loading, const char *path, const char **ret_folder)
{
	struct cli_ctx *ctx = loading->ctx;
	struct stat stat;
	*ret_folder = NULL;
	if (strcmp(path, "-") == 0) {
		loading->fd = ctx->in_fd;
		return 0;
	}
	loading->fd = openat(ctx->cwd_fd, path, O_RDONLY | O_CLOEXEC);
	if (loading->fd < 0 || fstat(loading->fd, &stat) < 0)
		return cli_fail_errno(ctx, errno, path);
	if (S_ISDIR(stat.st_mode))
		*ret_folder = path;
	return 0;
}

static int load_into(struct loading *loading, struct sfs_store *store, const char *folder)
{
	struct cli_ctx *ctx = loading->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_load how = {
		.folder = folder, .read = give, .progress = tell, .arg = loading
	};
	cli_progress_init(&loading->progress, ctx, "loading", "objects and raws");
	int err = sfs_store_load(store, &how, &loading->loaded, &diag);
	cli_progress_clear(&loading->progress);
	cli_progress_init(&loading->progress, ctx, "indexing", "objects");
	if (!err)
		err = cli_build_indexes(store, &loading->progress, &diag);
	cli_progress_clear(&loading->progress);
	if (err == SFS_ERR_CANCELLED)
		return CLI_FAILED;
	if (err < 0)
		cli_fail(ctx, err, ctx->argv[0], &diag);
	return err == SFS_ERR_CORRUPT ? CLI_DAMAGED : cli_exit_code(err);
}

static int make(struct loading *loading, const char *folder)
{
	struct cli_ctx *ctx = loading->ctx;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store = NULL;
	const struct sfs_store_config config = {
		.path = loading->new.part,
		.backend = loading->backend,
		.owner_note = "storefs load",
	};
	int err = sfs_store_init(&config, &diag);
	if (!err)
		err = sfs_store_open(&config, &store, &diag);
	if (err < 0)
		return cli_fail(ctx, err, loading->new.target, &diag);
	int code = load_into(loading, store, folder);
	err = sfs_store_close(store);
	if (code == 0 && err < 0)
		code = cli_fail(ctx, err, loading->new.target, NULL);
	return code;
}

static void put_result(const struct loading *loading)
{
	const struct sfs_dumped *loaded = &loading->loaded;
	const struct cli_made made = {
		.key = "store",
		.name = loading->ctx->argv[1],
		.backend = loading->backend,
		.classes = loaded->classes,
		.objects = loaded->objects,
		.raws = loaded->raws,
		.bytes = loaded->bytes,
	};
	cli_put_made(loading->ctx, &made);
}

static int run(struct cli_ctx *ctx)
{
	static const struct cli_newstore_how how = { "loading", "load", true };
	const char *backend = cli_option(ctx, "backend"), *folder;
	struct loading loading = { .ctx = ctx, .backend = backend ? backend : "kv", .fd = -1 };
	int code = open_dump(&loading, ctx->argv[0], &folder);
	if (code == 0) {
		code = cli_newstore_begin(&loading.new, ctx, ctx->argv[1], &how);
		if (code == 0)
			code = make(&loading, folder);
		code = cli_newstore_end(&loading.new, code);
	}
	if (code == 0)
		put_result(&loading);
	if (loading.fd >= 0 && loading.fd != ctx->in_fd)
		close(loading.fd);
	return code;
}

static const struct cli_option options[] = {
	{ "backend", 'b', "NAME", "how the new store keeps records (default: kv)" },
	{ "json", 'j', NULL, "what was loaded, as JSON" },
	{ NULL, 0, NULL, NULL },
};

const struct cli_cmd cli_cmd_load = {
	.name = "load",
	.synopsis = "[OPTION]... DUMP STORE",
	.summary = "make a new store of a dump",
	.details =
		"DUMP is a folder or a tar file that 'storefs dump' wrote (also compressed by gzip, bzip2,\n"
		"xz or zstd), or - for standard input. STORE is a folder that does not exist yet, or is\n"
		"empty. It gets its name when all of the dump was read and every hash in it was right;\n"
		"when that fails nothing is left. 'storefs check --against' compares it with the store\n"
		"that was dumped.\n"
		"Exit code 12: a line says what can not be; 14: the dump is not whole.",
	.options = options,
	.examples = "storefs load /media/blog.dump /srv/blog\n"
		    "storefs load --backend directory blog.tar.zst /srv/blog-files\n"
		    "storefs check --against /srv/blog-files /srv/blog",
	.exits = 1u << CLI_NOT_FOUND | 1u << CLI_OWNED | 1u << CLI_REFUSED | 1u << CLI_NOT_STORE |
		 1u << CLI_DAMAGED,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
