/* Which backup an argument means. See backup_path.h. */
#include <stdlib.h>
#include <storefs/backup.h>
#include <storefs/time.h>
#include "backup_path.h"
#include "mounts.h"

/** The last valid backup that was taken at a time or before. */
struct newest {
	char name[SFS_BACKUP_NAME_SIZE];
	int64_t until_ns;
};

static int take_newest(void *arg, const struct sfs_backup *backup)
{
	struct newest *newest = arg;
	if (backup->valid && backup->time_ns <= newest->until_ns)
		memcpy(newest->name, backup->name, sizeof newest->name);
	return 0;
}

/** The name of the backup that a word means: a name, "latest", a time. False: it means none. */
static bool name_backup(const char *folder, const char *word, char ret[SFS_BACKUP_NAME_SIZE])
{
	struct newest newest = { .name = "", .until_ns = INT64_MAX };
	char *path = NULL;
	bool is = !strchr(word, '/') && strlen(word) < SFS_BACKUP_NAME_SIZE &&
		  asprintf(&path, "%s/%s", folder, word) >= 0 && sfs_backup_is(path);
	free(path);
	if (is) {
		snprintf(ret, SFS_BACKUP_NAME_SIZE, "%s", word);
		return true;
	}
	if (strcmp(word, "latest") != 0 &&
	    sfs_time_parse(sfs_span_str(word), cli_now_ns(), &newest.until_ns, NULL) < 0)
		return false;
	if (sfs_backup_each(folder, take_newest, &newest) < 0)
		return false;
	memcpy(ret, newest.name, sizeof newest.name);
	return ret[0];
}

int cli_backup_of(struct cli_ctx *ctx, const char *store, const char *word, char **ret)
{
	char name[SFS_BACKUP_NAME_SIZE];
	struct sfs_buf folder = SFS_BUF_INIT;
	if (sfs_backup_folder(store, &folder) < 0)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	bool found = name_backup(folder.data, word, name);
	int len = found ? asprintf(ret, "%s/%s", (const char *)folder.data, name) : 0;
	sfs_buf_fini(&folder);
	if (len < 0)
		return cli_fail(ctx, SFS_ERR_NO_MEMORY, NULL, NULL);
	return found ? 0 : -1;
}

int cli_backup_path(struct cli_ctx *ctx, const char *word, char **ret)
{
	static const char inside[] = "/.storefs/" SFS_BACKUP_FOLDER "/";
	char *path = NULL, *store = NULL, *name;
	int err = cli_absolute(word, &path);
	if (!err)
		err = cli_locate(word, &store);
	int code = err < 0 ? cli_fail(ctx, err, word, NULL) : -1;
	if (code < 0 && path && store && strcmp(path, store) != 0 &&
	    (name = strstr(path, inside))) {
		name += sizeof inside - 1;
		name[strcspn(name, "/")] = 0;
		code = cli_backup_of(ctx, store, name, ret);
	}
	if (code < 0) {
		*ret = store;
		store = NULL;
		code = 0;
	}
	free(path);
	free(store);
	return code;
}
