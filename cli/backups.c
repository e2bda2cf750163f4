/* Backups by name or time. See backups.h. */
#include <stdlib.h>
#include <unistd.h>
#include "backups.h"
#include "mounts.h"

static int absolute_text(const char *path, char **ret)
{
	char *cwd = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
	int len = cwd ? asprintf(ret, "%s%s%s", cwd, cwd[0] ? "/" : "", path) : -1;
	free(cwd);
	return len < 0 ? SFS_ERR_NO_MEMORY : 0;
}

int cli_backups_locate(struct cli_ctx *ctx)
{
	const char *folder = cli_option(ctx, "backups");
	char *path = NULL;
	if (!folder)
		return 0;
	int err = cli_absolute(folder, &path);
	/* Who takes a backup makes the folder. */
	if (err == SFS_ERR_NOT_FOUND)
		err = absolute_text(folder, &path);
	if (err < 0)
		return cli_fail(ctx, err, folder, NULL);
	for (int i = 0; i < ctx->given_count; i++)
		if (strcmp(ctx->given[i].option->name, "backups") == 0)
			ctx->given[i].value = path;
	cli_own(ctx, path);
	return 0;
}

int cli_backups_find(struct cli_ctx *ctx, const char *store, const char *word, char **ret,
		     struct sfs_diag *diag)
{
	const char *folder = cli_option(ctx, "backups");
	struct sfs_buf path = SFS_BUF_INIT;
	if (!store && !folder)
		return -1;
	int err = strchr(word, '/')
			  ? SFS_ERR_INVALID
			  : sfs_backup_find(store, folder, word, cli_now_ns(), &path, diag);
	if (!err && !(*ret = strdup(path.data)))
		err = SFS_ERR_NO_MEMORY;
	sfs_buf_fini(&path);
	if (err == SFS_ERR_INVALID || err == SFS_ERR_NOT_FOUND)
		return -1;
	return err < 0 ? cli_fail(ctx, err, word, diag) : 0;
}

int cli_backups_store_of(struct cli_ctx *ctx, const char *word, char **ret)
{
	if (!word)
		word = getenv("STOREFS_STORE");
	if (!word || !*word)
		return 0;
	int err = cli_locate(word, ret);
	return err < 0 ? cli_fail(ctx, err, word, NULL) : 0;
}

int cli_backups_store(struct cli_ctx *ctx, char **ret)
{
	const char *word = ctx->store_arg;
	if (!word && ctx->argc > 0 && cli_is_store(ctx->argv[0]))
		word = ctx->argv[0];
	return cli_backups_store_of(ctx, word, ret);
}
