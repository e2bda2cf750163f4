/*
 * Which backups are kept.
 *
 * Only valid ones count for a reason to keep one; the newest valid one stays whatever is asked for, and so
 * do those that are newer than it: they may be what somebody looks at to find out what is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include "backup/backup.h"
#include "base/dir.h"
#include "base/errno.h"
#include "store_private.h"

/** Number of the period that a time is in. */
typedef int64_t period_fn(int64_t time_ns);

static int64_t hour_of(int64_t time_ns)
{
	return time_ns / 1000000000 / 3600;
}

static int64_t day_of(int64_t time_ns)
{
	return hour_of(time_ns) / 24;
}

/** 1970-01-01 was a Thursday: weeks begin three days before. */
static int64_t week_of(int64_t time_ns)
{
	return (day_of(time_ns) + 3) / 7;
}

static int64_t month_of(int64_t time_ns)
{
	time_t seconds = time_ns / 1000000000;
	struct tm tm = { 0 };
	gmtime_r(&seconds, &tm);
	return (int64_t)tm.tm_year * 12 + tm.tm_mon;
}

/** From the newest back: the newest of each of so many periods that have one. */
static void keep_periods(const struct sfs_backup *items, size_t count, bool *keep, unsigned periods,
			 period_fn *period)
{
	bool any = false;
	int64_t last = 0;
	for (size_t i = count; i > 0 && periods; i--) {
		if (!items[i - 1].valid)
			continue;
		int64_t now = period(items[i - 1].time_ns);
		if (any && now == last)
			continue;
		any = true;
		last = now;
		keep[i - 1] = true;
		periods--;
	}
}

static void keep_newest(const struct sfs_backup *items, size_t count, bool *keep, unsigned newest)
{
	for (size_t i = count; i > 0 && newest; i--) {
		if (!items[i - 1].valid)
			continue;
		keep[i - 1] = true;
		newest--;
	}
}

static void keep_last_valid(const struct sfs_backup *items, size_t count, bool *keep)
{
	for (size_t i = count; i > 0; i--) {
		keep[i - 1] = true;
		if (items[i - 1].valid)
			break;
	}
}

static void choose(const struct sfs_backup *items, size_t count, bool *keep,
		   const struct sfs_backup_keep *how)
{
	keep_last_valid(items, count, keep);
	keep_newest(items, count, keep, how->newest);
	keep_periods(items, count, keep, how->hourly, hour_of);
	keep_periods(items, count, keep, how->daily, day_of);
	keep_periods(items, count, keep, how->weekly, week_of);
	keep_periods(items, count, keep, how->monthly, month_of);
}

/** What no backup links any more. */
static void sweep_pool(int pool_fd)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	struct stat stat;
	int err = sfsi_dir_open(pool_fd, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		if (fstatat(pool_fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(stat.st_mode) && stat.st_nlink == 1)
			unlinkat(pool_fd, entry->d_name, 0);
}

/** Under another name first: a half removed one is no backup. */
static int remove_one(const struct sfsi_backup_place *place, const char *name)
{
	char temp[SFS_BACKUP_NAME_SIZE + sizeof SFSI_BACKUP_TEMP];
	snprintf(temp, sizeof temp, "%s" SFSI_BACKUP_TEMP, name);
	if (renameat(place->fd, name, place->fd, temp) < 0)
		return sfsi_err_from_errno(errno);
	sfsi_remove_tree(place->fd, temp);
	return 0;
}

static int remove_others(const struct sfsi_backup_place *place, const struct sfs_backup *items,
			 size_t count, const bool *keep, uint64_t *ret_removed)
{
	for (size_t i = 0; i < count; i++) {
		int err = keep[i] ? 0 : remove_one(place, items[i].name);
		if (err < 0)
			return err;
		*ret_removed += !keep[i];
	}
	return 0;
}

int sfsi_backup_prune_locked(const struct sfsi_backup_place *place,
			     const struct sfs_backup_keep *how, const char *spare,
			     uint64_t *ret_removed)
{
	SFSI_AUTO_FREE struct sfs_backup *items = NULL;
	size_t count = 0;
	bool all = !how->newest && !how->hourly && !how->daily && !how->weekly && !how->monthly;
	uint64_t removed = 0;
	int err = all ? 0 : sfsi_backup_list(place, &items, &count);
	if (!err && count) {
		SFSI_AUTO_FREE bool *keep = calloc(count, sizeof *keep);
		if (!keep)
			return SFS_ERR_NO_MEMORY;
		choose(items, count, keep, how);
		for (size_t i = 0; i < count; i++)
			keep[i] = keep[i] || (spare && strcmp(items[i].name, spare) == 0);
		err = remove_others(place, items, count, keep, &removed);
	}
	sweep_pool(place->pool_fd);
	if (!err)
		*ret_removed = removed;
	return err;
}

int sfs_backup_prune(const struct sfs_backup_config *config, uint64_t *ret_removed,
		     struct sfs_diag *diag)
{
	struct sfsi_backup_place place;
	struct stat stat;
	if (lstat(config->folder, &stat) < 0)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "%s: no such folder", config->folder);
	int err = sfsi_backup_place_open(&place, config->folder, true, diag);
	if (err < 0)
		return err;
	uint64_t removed = 0;
	err = sfsi_backup_prune_locked(&place, &config->keep, NULL, &removed);
	sfsi_backup_place_close(&place);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s: %s", config->folder, sfs_err_text(err));
	if (ret_removed)
		*ret_removed = removed;
	return 0;
}
