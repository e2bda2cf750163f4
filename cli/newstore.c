/* A new folder that gets its name when it is whole. See newstore.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <storefs/index.h>
#include "json.h"
#include "newstore.h"

/* --- names --- */

char *cli_caller_path(const struct cli_ctx *ctx, const char *path)
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

/** DIR/NAME is made as DIR/.NAME.SUFFIX. */
static char *part_of(const char *target, const char *suffix)
{
	char *ret = NULL;
	const char *slash = strrchr(target, '/');
	int dir = (int)(slash - target);
	return asprintf(&ret, "%.*s/.%s.%s", dir, target, slash + 1, suffix) < 0 ? NULL : ret;
}

static int set_names(struct cli_newstore *new, const char *argument)
{
	struct cli_ctx *ctx = new->ctx;
	new->target = cli_caller_path(ctx, argument);
	if (!new->target)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, argument, NULL);
	for (size_t len = strlen(new->target); len > 1 && new->target[len - 1] == '/';)
		new->target[--len] = 0;
	if (strcmp(new->target, "/") == 0)
		return cli_usage(ctx, "'%s' can not be made", argument);
	new->part = part_of(new->target, new->how->suffix);
	return new->part ? 0 : cli_fail(ctx, SFS_ERR_NO_MEMORY, argument, NULL);
}

/* --- folders --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_part(const struct cli_newstore *new)
{
	return nftw(new->part, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/** Lock the folder under its other name. */
static int lock_part(struct cli_newstore *new)
{
	new->lock_fd = open(new->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (new->lock_fd < 0)
		return cli_fail_errno(new->ctx, errno, new->part);
	if (flock(new->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return cli_fail_errno(new->ctx, errno, new->part);
	cli_error(new->ctx, new->part, "another %s is under way", new->how->word);
	return CLI_OWNED;
}

static void unlock_part(struct cli_newstore *new)
{
	if (new->lock_fd >= 0)
		close(new->lock_fd);
	new->lock_fd = -1;
}

/** Is a store that is made under this name open? */
static int check_owner(struct cli_newstore *new)
{
	struct sfs_store_owner owner = { .pid = 0 };
	if (sfs_store_owner(new->part, &owner, NULL) < 0 || owner.pid == 0)
		return 0;
	cli_error(new->ctx, new->part, "another %s is under way (process %" PRId64 ")",
		  new->how->word, owner.pid);
	return CLI_OWNED;
}

/** What an earlier try left. */
static int clear_part(struct cli_newstore *new)
{
	if (!new->part)
		return cli_fail(new->ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	if (access(new->part, F_OK) < 0)
		return errno == ENOENT ? 0 : cli_fail_errno(new->ctx, errno, new->part);
	int code = new->how->store ? check_owner(new) : lock_part(new);
	if (code == 0 && remove_part(new) < 0)
		code = cli_fail_errno(new->ctx, errno, new->part);
	unlock_part(new);
	return code;
}

/** The target does not exist, or is an empty folder, which a rename replaces. */
static int check_target(struct cli_newstore *new)
{
	struct cli_ctx *ctx = new->ctx;
	DIR *dir = opendir(new->target);
	size_t entries = 0;
	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return cli_fail_errno(ctx, errno, new->target);
	while (readdir(dir))
		entries++;
	closedir(dir);
	if (entries <= 2)
		return 0;
	cli_error(ctx, new->target, "is not empty");
	return CLI_FAILED;
}

int cli_newstore_begin(struct cli_newstore *new, struct cli_ctx *ctx, const char *argument,
		       const struct cli_newstore_how *how)
{
	*new = (struct cli_newstore){ .ctx = ctx, .how = how, .lock_fd = -1 };
	int code = set_names(new, argument);
	if (code == 0)
		code = clear_part(new);
	if (code == 0)
		code = check_target(new);
	/* A folder of another program has its lock on the folder itself. */
	if (code != 0 || how->store) {
		new->made = code == 0;
		return code;
	}
	if (mkdir(new->part, 0700) < 0)
		return cli_fail_errno(ctx, errno, new->target);
	code = lock_part(new);
	new->made = code == 0;
	return code;
}

static int give_name(struct cli_newstore *new)
{
	char *slash = strrchr(new->part, '/');
	if (rename(new->part, new->target) < 0)
		return cli_fail_errno(new->ctx, errno, new->target);
	*slash = 0;
	int fd = open(new->part[0] ? new->part : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	int failed = fd < 0 || fsync(fd) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return failed ? cli_fail_errno(new->ctx, failed, new->target) : 0;
}

int cli_newstore_end(struct cli_newstore *new, int code)
{
	if (new->made && code == 0)
		code = give_name(new);
	if (new->made && code != 0 && remove_part(new) < 0 && errno != ENOENT)
		cli_error(new->ctx, new->part, "is left over: %m");
	unlock_part(new);
	free(new->target);
	free(new->part);
	return code;
}

/* --- stores --- */

void cli_put_made(struct cli_ctx *ctx, const struct cli_made *made)
{
	struct cli_json json;
	if (!cli_option(ctx, "json")) {
		fprintf(ctx->out,
			"%s: %" PRIu64 " classes, %" PRIu64 " objects, %" PRIu64 " raws, %" PRIu64
			" bytes%s\n",
			made->name, made->classes, made->objects, made->raws, made->bytes,
			made->remark ? made->remark : "");
		return;
	}
	cli_json_init(&json, ctx->out);
	cli_json_open(&json, NULL, '{');
	cli_json_bytes(&json, made->key, sfs_span_str(made->name));
	if (made->backend)
		cli_json_string(&json, "backend", made->backend);
	cli_json_number(&json, "classes", made->classes);
	cli_json_number(&json, "objects", made->objects);
	cli_json_number(&json, "raws", made->raws);
	cli_json_number(&json, "bytes", made->bytes);
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

int cli_build_indexes(struct sfs_store *store, struct cli_progress *progress, struct sfs_diag *diag)
{
	struct sfs_class_info class = { .id = 0 };
	int err = 0;
	while (!err && sfs_class_next(store, class.id, &class) == 0)
		if (class.kind == SFS_CLASS_OBJECT)
			err = sfs_index_wait(store, class.id, cli_progress_built, progress, diag);
	/* A function of another program is made up for when that program opens the store. */
	return err == SFS_ERR_UNSUPPORTED ? 0 : err;
}
