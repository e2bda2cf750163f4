/* Mounted stores and STORE arguments. See mounts.h; proc(5) has the format of mountinfo. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <storefs/backup.h>
#include "cli.h"
#include "mounts.h"

/* mountinfo writes blanks, newlines and backslashes as octal. In place. */
static void unescape(char *text)
{
	char *out = text;
	for (char *at = text; *at; at++) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
		    at[3] >= '0' && at[3] <= '7') {
			*out++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 3;
		} else
			*out++ = *at;
	}
	*out = '\0';
}

static int add(struct cli_mounts *mounts, const char *place, const char *store, unsigned minor)
{
	struct cli_mount *items = realloc(mounts->items,
					  (mounts->count + 1) * sizeof *mounts->items);
	if (!items)
		return SFS_ERR_NO_MEMORY;
	mounts->items = items;
	struct cli_mount *item = &items[mounts->count];
	item->place = strdup(place);
	item->store = store ? strdup(store) : NULL;
	item->minor = minor;
	mounts->count++;
	return item->place && (!store || item->store) ? 0 : SFS_ERR_NO_MEMORY;
}

/* id parent device root PLACE options fields… - TYPE SOURCE super */
static int parse_line(struct cli_mounts *mounts, char *line)
{
	char *save = NULL, *place = NULL, *type = NULL, *source = NULL;
	unsigned minor = 0;
	char *word = strtok_r(line, " \n", &save);
	for (int i = 0; word; i++, word = strtok_r(NULL, " \n", &save)) {
		if (i == 2)
			minor = (unsigned)strtoul(word + strcspn(word, ":") + 1, NULL, 10);
		if (i == 4)
			place = word;
		if (i < 6 || strcmp(word, "-") != 0)
			continue;
		type = strtok_r(NULL, " \n", &save);
		source = strtok_r(NULL, " \n", &save);
		break;
	}
	if (!place || !type || !source)
		return 0;
	unescape(place);
	unescape(source);
	bool ours = strcmp(type, "fuse.storefs") == 0 && strncmp(source, "storefs:", 8) == 0;
	return add(mounts, place, ours ? source + 8 : NULL, minor);
}

int cli_mounts_get(struct cli_mounts *ret)
{
	struct cli_mounts mounts = { NULL, 0 };
	FILE *file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		return cli_err_from_errno(errno);
	char *line = NULL;
	size_t cap = 0;
	int err = 0;
	while (err == 0 && getline(&line, &cap, file) >= 0)
		err = parse_line(&mounts, line);
	free(line);
	fclose(file);
	if (err < 0)
		cli_mounts_fini(&mounts);
	else
		*ret = mounts;
	return err;
}

void cli_mounts_fini(struct cli_mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++) {
		free(mounts->items[i].place);
		free(mounts->items[i].store);
	}
	free(mounts->items);
	*mounts = (struct cli_mounts){ NULL, 0 };
}

static bool is_inside(const char *path, const char *place)
{
	size_t len = strlen(place);
	if (len > 0 && place[len - 1] == '/')
		len--;
	return strncmp(path, place, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

const struct cli_mount *cli_mounts_find(const struct cli_mounts *mounts, const char *path)
{
	const struct cli_mount *best = NULL;
	size_t best_len = 0;
	for (size_t i = 0; i < mounts->count; i++) {
		const struct cli_mount *mount = &mounts->items[i];
		size_t len = strlen(mount->place);
		/* Of several at one place, the last one covers the others. */
		if (len >= best_len && is_inside(path, mount->place)) {
			best = mount;
			best_len = len;
		}
	}
	return best;
}

/* Drop "." and "..", and slashes that mean nothing, by the text alone. In place. */
static void tidy(char *path)
{
	char *out = path;
	for (char *at = path; *at;) {
		while (*at == '/')
			at++;
		size_t len = strcspn(at, "/");
		if (len == 2 && memcmp(at, "..", 2) == 0) {
			while (out > path && *--out != '/')
				;
		} else if (len > 0 && !(len == 1 && *at == '.')) {
			*out++ = '/';
			memmove(out, at, len);
			out += len;
		}
		at += len;
	}
	if (out == path)
		*out++ = '/';
	*out = '\0';
}

/* Without asking any file system on the way: a dead mount answers nothing. */
static char *absolute_text(const char *path)
{
	char *text = NULL;
	if (path[0] == '/') {
		text = strdup(path);
	} else {
		char *cwd = getcwd(NULL, 0);
		if (!cwd || asprintf(&text, "%s/%s", cwd, path) < 0)
			text = NULL;
		free(cwd);
	}
	if (text)
		tidy(text);
	return text;
}

int cli_absolute(const char *path, char **ret)
{
	char *real = realpath(path, NULL);
	int error = errno;
	if (!real && (error == ENOTCONN || error == EIO || error == EACCES))
		real = absolute_text(path);
	if (!real)
		return cli_err_from_errno(error);
	*ret = real;
	return 0;
}

/** The name after .storefs/backups/ of a mount; NULL: the path is not in a backup. *ret_len is its length. */
static const char *name_inside(const struct cli_mount *mount, const char *path, size_t *ret_len)
{
	static const char inside[] = "/.storefs/" SFS_BACKUP_FOLDER "/";
	size_t len = strlen(mount->place);
	if (len == 1)
		len = 0; /* mounted at "/" */
	if (strncmp(path + len, inside, sizeof inside - 1) != 0)
		return NULL;
	const char *name = path + len + sizeof inside - 1;
	*ret_len = strcspn(name, "/");
	return *ret_len ? name : NULL;
}

/**
 * What a path in a mount is of: the store, or a backup of it. One that is not there any more is given as the path where
 * it would be, so that whoever opens it says so; never is the store itself taken for it. NULL: no memory.
 */
static char *store_of(const struct cli_mount *mount, const char *path)
{
	size_t len = 0;
	const char *inside = name_inside(mount, path, &len);
	struct sfs_buf found = SFS_BUF_INIT;
	char *ret = NULL;
	if (!inside)
		return strdup(mount->store);
	char *name = strndup(inside, len);
	if (name && sfs_backup_find(mount->store, NULL, name, cli_now_ns(), &found, NULL) == 0 &&
	    (strcmp(name, "latest") == 0 || strcmp(strrchr(found.data, '/') + 1, name) == 0))
		ret = strdup(found.data);
	else if (name && asprintf(&ret, "%s/" SFS_BACKUP_FOLDER "/%s", mount->store, name) < 0)
		ret = NULL;
	sfs_buf_fini(&found);
	free(name);
	return ret;
}

int cli_locate(const char *arg, char **ret)
{
	char *path = NULL, *store = NULL;
	struct cli_mounts mounts;
	int err = strcmp(arg, "memory:") == 0 ? SFS_ERR_NOT_FOUND : cli_absolute(arg, &path);
	if (err < 0 || !path) {
		*ret = strdup(arg);
		return *ret ? 0 : SFS_ERR_NO_MEMORY;
	}
	if (cli_mounts_get(&mounts) == 0) {
		const struct cli_mount *mount = cli_mounts_find(&mounts, path);
		if (mount && mount->store)
			store = store_of(mount, path);
		cli_mounts_fini(&mounts);
	}
	if (store) {
		free(path);
		path = store;
	}
	*ret = path;
	return 0;
}

bool cli_is_store(const char *arg)
{
	char *store = NULL, *file = NULL;
	if (cli_locate(arg, &store) < 0)
		return false;
	bool is = asprintf(&file, "%s/storefs.json", store) >= 0 && access(file, F_OK) == 0;
	struct sfs_recognised found;
	if (!is && sfs_store_recognise(store, &found, NULL) == 0)
		is = found.mirror || found.storage || found.storify || found.database ||
		     sfs_backup_is(store);
	free(file);
	free(store);
	return is;
}

bool cli_is_mounted(const char *store)
{
	struct cli_mounts mounts;
	bool is = false;
	if (cli_mounts_get(&mounts) < 0)
		return false;
	for (size_t i = 0; i < mounts.count && !is; i++)
		is = mounts.items[i].store && strcmp(mounts.items[i].store, store) == 0;
	cli_mounts_fini(&mounts);
	return is;
}
