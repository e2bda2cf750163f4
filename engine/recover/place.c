/*
 * The new rows take the place of the old ones, in one step: two folders change their names with each other. From
 * then on the store is the recovered one; what else is to be done is done by whoever comes next, if this
 * one does not come to it: the damaged rows, and what belongs to nothing, go to damaged/TIME/.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/dir.h"
#include "base/errno.h"
#include "open.h"
#include "recover/recover.h"

/* --- what is said in files --- */

static int write_file(int dir_fd, const char *name, const char *text)
{
	SFSI_AUTO_FD int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd) < 0)
		return sfsi_err_from_errno(errno);
	return 0;
}

/** "damaged/2026-11-22T010203Z", as it was chosen. */
static bool read_done(int dir_fd, const char *path, char ret[SFSI_RECOVER_NAME_MAX])
{
	SFSI_AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t len = fd < 0 ? -1 : read(fd, ret, SFSI_RECOVER_NAME_MAX - 1);
	if (len <= 0 || strncmp(ret, SFS_RECOVER_FOLDER "/", strlen(SFS_RECOVER_FOLDER) + 1) != 0)
		return false;
	ret[len] = '\0';
	return strstr(ret, "..") == NULL;
}

int sfsi_recover_name(const struct sfsi_recovery *rec, char ret[SFSI_RECOVER_NAME_MAX])
{
	struct stat st;
	for (int i = 0; i < 1000; i++) {
		int len = snprintf(ret, SFSI_RECOVER_NAME_MAX, SFS_RECOVER_FOLDER "/%s",
				   rec->started);
		if (i)
			snprintf(ret + len, SFSI_RECOVER_NAME_MAX - (size_t)len, "-%d", i);
		if (fstatat(rec->dir_fd, ret, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	}
	return SFS_ERR_EXISTS;
}

int sfsi_recover_open_damaged(int dir_fd, const char *name)
{
	if ((mkdirat(dir_fd, SFS_RECOVER_FOLDER, 0700) < 0 && errno != EEXIST) ||
	    (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST))
		return -1;
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* --- after the swap --- */

/** A file or folder, if it is there; what has the name already stays. */
static int move(int from_fd, const char *from, int to_fd, const char *to)
{
	if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0 || errno == ENOENT ||
	    errno == EEXIST)
		return 0;
	return sfsi_err_from_errno(errno);
}

static int make_folders(int at, const char *path)
{
	char folder[128];
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
		if (mkdirat(at, folder, 0700) < 0 && errno != EEXIST)
			return sfsi_err_from_errno(errno);
	}
	return 0;
}

/** Is it a path below raw/ as we write it? */
static bool is_bytes_path(const char *path)
{
	unsigned long long class, shard, serial;
	char own[SFSI_BYTES_PATH];
	if (sscanf(path, "%llx/%llx/%llx", &class, &shard, &serial) != 3 || class > 0xffffff ||
	    serial >> 36)
		return false;
	sfsi_bytes_path(sfs_ino_make((uint32_t)class, serial), own);
	return strcmp(own, path) == 0;
}

static int move_stray(int dir_fd, int damaged_fd, const char *path)
{
	char name[160];
	if (!is_bytes_path(path))
		return 0;
	snprintf(name, sizeof name, "raw/%s", path);
	int err = make_folders(damaged_fd, name);
	return err < 0 ? err : move(dir_fd, name, damaged_fd, name);
}

static int move_strays(int dir_fd, int damaged_fd)
{
	int fd = openat(dir_fd, "db/strays", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
	char line[128];
	int err = 0;
	if (!list) {
		sfsi_close_fd(&fd);
		return 0;
	}
	while (!err && fgets(line, sizeof line, list)) {
		line[strcspn(line, "\n")] = '\0';
		err = move_stray(dir_fd, damaged_fd, line);
	}
	fclose(list);
	return err;
}

static int place_brought(int dir_fd, int from_fd, const char *name)
{
	char path[NAME_MAX + 8];
	snprintf(path, sizeof path, "raw/%s", name);
	for (char *at = path; *at; at++)
		if (*at == '-')
			*at = '/';
	if (!is_bytes_path(path + 4))
		return 0;
	int err = make_folders(dir_fd, path);
	return err < 0 ? err : move(from_fd, name, dir_fd, path);
}

/** Plain files that were copied from the backup. */
static int move_brought(int dir_fd)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = 0;
	if (sfsi_dir_open(dir_fd, "db/bring", &dir) < 0)
		return 0;
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		err = place_brought(dir_fd, dirfd(dir), entry->d_name);
	return err;
}

/** storefs.json, where it had to be made anew. */
static int place_store_file(int dir_fd, int damaged_fd)
{
	struct stat st;
	if (fstatat(dir_fd, "db/" SFSI_STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	int err = move(dir_fd, SFSI_STORE_FILE, damaged_fd, SFSI_STORE_FILE);
	if (!err && renameat(dir_fd, "db/" SFSI_STORE_FILE, dir_fd, SFSI_STORE_FILE) < 0)
		err = sfsi_err_from_errno(errno);
	return err;
}

static int clean_up(int dir_fd, int damaged_fd)
{
	static const char *const reports[] = { "report.txt", "report.ndjson" };
	int err = move(dir_fd, SFSI_RECOVER_NEW, damaged_fd, "db");
	if (!err)
		err = move_strays(dir_fd, damaged_fd);
	if (!err)
		err = move_brought(dir_fd);
	if (!err)
		err = place_store_file(dir_fd, damaged_fd);
	if (!err)
		err = move(dir_fd, SFS_RECOVER_NOTE_FILE, damaged_fd, SFS_RECOVER_NOTE_FILE);
	for (size_t i = 0; i < sizeof reports / sizeof *reports && !err; i++) {
		char path[32];
		snprintf(path, sizeof path, "db/%s", reports[i]);
		err = move(dir_fd, path, damaged_fd, reports[i]);
	}
	if (err < 0)
		return err;
	sfsi_remove_tree(dir_fd, "db/bring");
	sfsi_remove_tree(dir_fd, "db/strays");
	/* The last step: from here on nothing is left to do. */
	if (fsync(damaged_fd) < 0 || fsync(dir_fd) < 0 ||
	    unlinkat(dir_fd, "db/" SFSI_RECOVER_DONE, 0) < 0)
		return sfsi_err_from_errno(errno);
	return 0;
}

bool sfsi_recover_is_pending(int dir_fd)
{
	struct stat st;
	return fstatat(dir_fd, "db/" SFSI_RECOVER_DONE, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       fstatat(dir_fd, SFSI_RECOVER_NEW, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       fstatat(dir_fd, SFSI_RECOVER_WORK, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int sfsi_recover_settle(int dir_fd)
{
	char name[SFSI_RECOVER_NAME_MAX];
	struct stat st;
	bool has_db = fstatat(dir_fd, "db", &st, AT_SYMLINK_NOFOLLOW) == 0;
	/* Where folders can not change names with each other there is a moment without the old one. */
	if (!has_db && read_done(dir_fd, SFSI_RECOVER_NEW "/" SFSI_RECOVER_DONE, name) &&
	    renameat(dir_fd, SFSI_RECOVER_NEW, dir_fd, "db") < 0)
		return sfsi_err_from_errno(errno);
	if (read_done(dir_fd, "db/" SFSI_RECOVER_DONE, name)) {
		SFSI_AUTO_FD int damaged = sfsi_recover_open_damaged(dir_fd, name);
		int err = damaged < 0 ? sfsi_err_from_errno(errno) : clean_up(dir_fd, damaged);
		if (err < 0)
			return err;
	} else {
		sfsi_remove_tree(dir_fd, SFSI_RECOVER_NEW);
	}
	sfsi_remove_tree(dir_fd, SFSI_RECOVER_WORK);
	return 0;
}

/* --- the swap --- */

/** Two steps, where one is not to be had. */
static int swap_slowly(int dir_fd, const char *name)
{
	SFSI_AUTO_FD int damaged = sfsi_recover_open_damaged(dir_fd, name);
	if (damaged < 0)
		return sfsi_err_from_errno(errno);
	int err = move(dir_fd, "db", damaged, "db");
	if (!err && renameat(dir_fd, SFSI_RECOVER_NEW, dir_fd, "db") < 0)
		err = sfsi_err_from_errno(errno);
	return err;
}

int sfsi_recover_swap(struct sfsi_recovery *rec)
{
	char name[SFSI_RECOVER_NAME_MAX];
	int err = sfsi_recover_name(rec, name);
	if (!err)
		err = write_file(rec->new_fd, SFSI_RECOVER_DONE, name);
	if (!err && syncfs(rec->dir_fd) < 0)
		err = sfsi_err_from_errno(errno);
	if (err < 0)
		return err;
	if (renameat2(rec->dir_fd, SFSI_RECOVER_NEW, rec->dir_fd, "db", RENAME_EXCHANGE) < 0)
		err = swap_slowly(rec->dir_fd, name);
	if (!err && fsync(rec->dir_fd) < 0)
		err = sfsi_err_from_errno(errno);
	if (!err)
		err = sfsi_recover_settle(rec->dir_fd);
	if (!err)
		snprintf(rec->result.folder, sizeof rec->result.folder, "%s", name);
	return err;
}
