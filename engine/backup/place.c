/*
 * The folder that backups are in.
 *
 * Whatever has the name of a backup and the ending of unfinished work was interrupted: it goes when
 * the lock is taken the next time. Files of the pool that it brought stay until then, and are used
 * again or removed with the next backup.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include "backup/backup.h"
#include "base/array.h"
#include "base/dir.h"
#include "base/errno.h"
#include "store_private.h"

#define LOCK "lock"

bool sfsi_backup_time(const char *name, int64_t *ret_ns)
{
	struct tm tm = { 0 };
	int end = 0;
	if (strlen(name) != SFS_BACKUP_NAME_SIZE - 1 ||
	    sscanf(name, "%4d-%2d-%2dT%2d%2d%2dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 6 ||
	    end != SFS_BACKUP_NAME_SIZE - 1)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret_ns = (int64_t)timegm(&tm) * 1000000000;
	/* Only the one way to spell that time. */
	char same[SFS_BACKUP_NAME_SIZE];
	sfsi_backup_name(*ret_ns, same);
	return strcmp(same, name) == 0;
}

void sfsi_backup_name(int64_t time_ns, char ret[SFS_BACKUP_NAME_SIZE])
{
	time_t seconds = time_ns / 1000000000;
	struct tm tm = { 0 };
	gmtime_r(&seconds, &tm);
	if (strftime(ret, SFS_BACKUP_NAME_SIZE, "%Y-%m-%dT%H%M%SZ", &tm) == 0)
		ret[0] = '\0';
}

static bool is_unfinished(const char *name)
{
	char stem[SFS_BACKUP_NAME_SIZE];
	int64_t time_ns;
	if (strlen(name) != SFS_BACKUP_NAME_SIZE - 1 + strlen(SFSI_BACKUP_TEMP) ||
	    strcmp(name + SFS_BACKUP_NAME_SIZE - 1, SFSI_BACKUP_TEMP) != 0)
		return false;
	memcpy(stem, name, SFS_BACKUP_NAME_SIZE - 1);
	stem[SFS_BACKUP_NAME_SIZE - 1] = '\0';
	return sfsi_backup_time(stem, &time_ns);
}

static void remove_unfinished(const struct sfsi_backup_place *place)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(place->fd, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		if (is_unfinished(entry->d_name))
			sfsi_remove_tree(place->fd, entry->d_name);
}

static int open_folder(int at, const char *path, bool make, int *ret_fd)
{
	if (make && mkdirat(at, path, 0700) < 0 && errno != EEXIST)
		return sfsi_err_from_errno(errno);
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	*ret_fd = fd;
	return 0;
}

static int take_lock(struct sfsi_backup_place *place, struct sfs_diag *diag)
{
	place->lock_fd = openat(place->fd, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (place->lock_fd >= 0 && flock(place->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	int err = errno == EWOULDBLOCK ? SFS_ERR_BUSY : sfsi_err_from_errno(errno);
	if (err == SFS_ERR_BUSY)
		return sfs_diag_set(diag, err,
				    "%s: somebody else takes or removes backups there now",
				    place->path);
	return sfs_diag_set(diag, err, "%s/" LOCK ": %s", place->path, sfs_err_text(err));
}

static int open_parts(struct sfsi_backup_place *place, bool change, struct sfs_diag *diag)
{
	int err = open_folder(AT_FDCWD, place->path, change, &place->fd);
	if (err == SFS_ERR_NOT_FOUND)
		return sfs_diag_set(diag, err, "%s: no such folder", place->path);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s: %s", place->path, sfs_err_text(err));
	if (!change)
		return 0;
	err = take_lock(place, diag);
	if (err < 0)
		return err;
	err = open_folder(place->fd, SFSI_BACKUP_POOL, true, &place->pool_fd);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s/" SFSI_BACKUP_POOL ": %s", place->path,
				    sfs_err_text(err));
	remove_unfinished(place);
	return 0;
}

int sfsi_backup_place_open(struct sfsi_backup_place *place, const char *path, bool change,
			   struct sfs_diag *diag)
{
	*place = (struct sfsi_backup_place)SFSI_BACKUP_PLACE_INIT;
	place->path = path;
	int err = open_parts(place, change, diag);
	if (err < 0)
		sfsi_backup_place_close(place);
	return err;
}

void sfsi_backup_place_close(struct sfsi_backup_place *place)
{
	sfsi_close_fd(&place->pool_fd);
	sfsi_close_fd(&place->lock_fd);
	sfsi_close_fd(&place->fd);
	*place = (struct sfsi_backup_place)SFSI_BACKUP_PLACE_INIT;
}

/* --- listing --- */

struct list {
	struct sfs_backup *items; /* [count] */
	size_t count, cap;
};

/** Figures of one, as far as they can be read: one that is damaged is listed too. */
static int add(const struct sfsi_backup_place *place, struct list *list, const char *name,
	       int64_t time_ns)
{
	int err = sfsi_array_grow(&list->items, list->count, &list->cap, sizeof *list->items);
	if (err < 0)
		return err;
	struct sfs_backup backup = { .time_ns = time_ns };
	SFSI_AUTO_FD int fd = openat(place->fd, name,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	bool whole = sfsi_backup_figures(fd, &backup) == 0;
	backup.time_ns = time_ns;
	backup.valid = whole && faccessat(fd, SFSI_BACKUP_VALID, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	memcpy(backup.name, name, sizeof backup.name);
	list->items[list->count++] = backup;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct sfs_backup *one = a, *other = b;
	if (one->number != other->number)
		return one->number < other->number ? -1 : 1;
	return strcmp(one->name, other->name);
}

int sfsi_backup_list(const struct sfsi_backup_place *place, struct sfs_backup **ret,
		     size_t *ret_count)
{
	struct list list = { .count = 0 };
	SFSI_AUTO_DIR DIR *dir = NULL;
	int64_t time_ns;
	int err = sfsi_dir_open(place->fd, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		if (sfsi_backup_time(entry->d_name, &time_ns))
			err = add(place, &list, entry->d_name, time_ns);
	if (err < 0) {
		free(list.items);
		return err;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof *list.items, compare);
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}

int sfs_backup_each(const char *folder, int (*fn)(void *arg, const struct sfs_backup *backup),
		    void *arg)
{
	struct sfsi_backup_place place;
	struct sfs_backup *items = NULL;
	size_t count = 0;
	int err = sfsi_backup_place_open(&place, folder, false, NULL);
	if (err < 0)
		return err;
	err = sfsi_backup_list(&place, &items, &count);
	for (size_t i = 0; i < count && !err; i++)
		if (fn(arg, &items[i]))
			err = SFS_ERR_CANCELLED;
	free(items);
	sfsi_backup_place_close(&place);
	return err;
}
