/*
 * Which backups a store has: see backups.h. Reading a folder costs some files for each backup, so its list
 * is remembered as long as the folder is as it was; whether one is still valid is looked at each time.
 */
#include "backups.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <storefs/time.h>

#define FOLDERS 2
/** A folder that changed so shortly before it was read may have changed again in the same tick. */
#define SETTLED_NS 50000000

/** One folder as it was when it was read. */
struct list {
	char folder[4096];
	struct stat stat;
	bool settled; /* a later change moves its time */
	struct sfs_backup *items;
	size_t count, cap;
};

struct fs_backup_lists {
	pthread_mutex_t lock; /* protects all below */
	struct list lists[FOLDERS];
};

struct fs_backup_lists *fs_backup_lists_new(void)
{
	struct fs_backup_lists *lists = calloc(1, sizeof *lists);
	if (lists)
		pthread_mutex_init(&lists->lock, NULL);
	return lists;
}

void fs_backup_lists_free(struct fs_backup_lists *lists)
{
	if (!lists)
		return;
	for (size_t i = 0; i < FOLDERS; i++)
		free(lists->lists[i].items);
	pthread_mutex_destroy(&lists->lock);
	free(lists);
}

/** The folders that a store has its backups in. Returns how many. */
static size_t folders_of(struct fs *fs, char ret[FOLDERS][4096])
{
	struct sfs_backup_schedule schedule;
	const char *store = sfs_store_path(fs->store);
	struct sfs_buf own = SFS_BUF_INIT;
	size_t count = 0;
	if (store[0] == '/' && sfs_backup_folder(store, &own) == 0 && own.len <= sizeof ret[0]) {
		memcpy(ret[0], own.data, own.len);
		count++;
	}
	sfs_buf_fini(&own);
	if (sfs_backup_schedule_get(fs->store, &schedule, NULL) < 0 || !schedule.folder[0])
		return count;
	if (count == 0 || strcmp(ret[0], schedule.folder) != 0)
		snprintf(ret[count++], sizeof ret[0], "%s", schedule.folder);
	return count;
}

/* --- one folder --- */

static int collect(void *arg, const struct sfs_backup *backup)
{
	struct list *list = arg;
	if (list->count == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		struct sfs_backup *grown = realloc(list->items, cap * sizeof *grown);
		if (!grown)
			return 1;
		list->items = grown;
		list->cap = cap;
	}
	list->items[list->count++] = *backup;
	return 0;
}

static int64_t ns_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static bool is_as_it_was(const struct list *list, const char *folder, const struct stat *now)
{
	return list->settled && strcmp(list->folder, folder) == 0 &&
	       list->stat.st_dev == now->st_dev && list->stat.st_ino == now->st_ino &&
	       ns_of(&list->stat.st_mtim) == ns_of(&now->st_mtim) &&
	       ns_of(&list->stat.st_ctim) == ns_of(&now->st_ctim);
}

static int read_locked(struct list *list, const char *folder)
{
	struct stat stat_now;
	if (stat(folder, &stat_now) < 0)
		return errno == ENOENT || errno == ENOTDIR ? SFS_ERR_NOT_FOUND : SFS_ERR_IO;
	if (is_as_it_was(list, folder, &stat_now))
		return 0;
	list->count = 0;
	list->settled = false;
	int64_t now_ns = fs_now_ns();
	int err = sfs_backup_each(folder, collect, list);
	if (err < 0) {
		list->count = 0;
		return err == SFS_ERR_CANCELLED ? SFS_ERR_NO_MEMORY : err;
	}
	snprintf(list->folder, sizeof list->folder, "%s", folder);
	list->stat = stat_now;
	list->settled = now_ns - ns_of(&stat_now.st_ctim) > SETTLED_NS;
	return 0;
}

/** It says itself whether it is valid; one that is found damaged loses that. */
static bool is_valid(const char *folder, const char *name)
{
	char path[4200];
	int len = snprintf(path, sizeof path, "%s/%s/VALID", folder, name);
	return len < (int)sizeof path && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void fill(struct fs_backup_entry *entry, const char *folder, const char *name,
		 int64_t time_ns)
{
	snprintf(entry->name, sizeof entry->name, "%s", name);
	snprintf(entry->folder, sizeof entry->folder, "%s", folder);
	entry->time_ns = time_ns;
}

static int each_locked(const struct list *list, fs_backup_fn *fn, void *arg)
{
	struct fs_backup_entry entry;
	for (size_t i = 0; i < list->count; i++) {
		const struct sfs_backup *backup = &list->items[i];
		if (!is_valid(list->folder, backup->name))
			continue;
		fill(&entry, list->folder, backup->name, backup->time_ns);
		if (fn(arg, &entry))
			return 1;
	}
	return 0;
}

/* --- all of them --- */

int fs_backups_each(struct fs *fs, fs_backup_fn *fn, void *arg)
{
	struct fs_backup_lists *lists = fs_backups_lists(fs);
	char folders[FOLDERS][4096];
	size_t count = folders_of(fs, folders);
	int failed = 0, stop = 0;
	pthread_mutex_lock(&lists->lock);
	for (size_t i = 0; i < count && !stop; i++) {
		int err = read_locked(&lists->lists[i], folders[i]);
		if (!err)
			stop = each_locked(&lists->lists[i], fn, arg);
		else if (err != SFS_ERR_NOT_FOUND)
			failed = err;
	}
	pthread_mutex_unlock(&lists->lock);
	return failed;
}

/** "2026-11-22T010203Z" */
static bool is_name(struct sfs_span name, char ret[SFS_BACKUP_NAME_SIZE], int64_t *ret_ns)
{
	const char *text = name.data;
	if (name.len != SFS_BACKUP_NAME_SIZE - 1 || text[4] != '-' || text[7] != '-' ||
	    text[10] != 'T' || text[17] != 'Z' || sfs_time_parse(name, 0, ret_ns, NULL) < 0)
		return false;
	memcpy(ret, text, name.len);
	ret[name.len] = '\0';
	return true;
}

int fs_backups_find(struct fs *fs, struct sfs_span name, struct fs_backup_entry *ret,
		    bool *ret_invalid)
{
	char folders[FOLDERS][4096], text[SFS_BACKUP_NAME_SIZE], path[4200];
	int64_t time_ns;
	*ret_invalid = false;
	if (!is_name(name, text, &time_ns))
		return SFS_ERR_NOT_FOUND;
	size_t count = folders_of(fs, folders);
	for (size_t i = 0; i < count; i++) {
		struct stat stat;
		if (is_valid(folders[i], text)) {
			fill(ret, folders[i], text, time_ns);
			return 0;
		}
		snprintf(path, sizeof path, "%s/%s", folders[i], text);
		*ret_invalid = *ret_invalid || lstat(path, &stat) == 0;
	}
	return SFS_ERR_NOT_FOUND;
}

/* --- one of them --- */

struct choice {
	int64_t time_ns; /* not later than this */
	struct fs_backup_entry last, first;
	bool any; /* these are set */
	struct fs_backup_entry best;
	bool fits; /* this is set */
};

/** Of each folder the one that was taken last: best of the first, last of the second. */
static int look_for_latest(void *arg, const struct fs_backup_entry *entry)
{
	struct choice *choice = arg;
	if (choice->any && strcmp(choice->last.folder, entry->folder) != 0) {
		choice->best = choice->last;
		choice->fits = true;
	}
	choice->last = *entry;
	choice->any = true;
	return 0;
}

int fs_backups_latest(struct fs *fs, struct fs_backup_entry *ret)
{
	struct choice choice = { .any = false };
	int err = fs_backups_each(fs, look_for_latest, &choice);
	if (!choice.any)
		return err ? err : SFS_ERR_NOT_FOUND;
	bool before = choice.fits && choice.best.time_ns > choice.last.time_ns;
	*ret = before ? choice.best : choice.last;
	return 0;
}

static int look_for_time(void *arg, const struct fs_backup_entry *entry)
{
	struct choice *choice = arg;
	if (!choice->any || entry->time_ns < choice->first.time_ns)
		choice->first = *entry;
	choice->any = true;
	if (entry->time_ns > choice->time_ns ||
	    (choice->fits && entry->time_ns < choice->best.time_ns))
		return 0;
	choice->best = *entry;
	choice->fits = true;
	return 0;
}

int fs_backups_at(struct fs *fs, int64_t time_ns, struct fs_backup_entry *ret,
		  struct fs_backup_entry *ret_first)
{
	struct choice choice = { .time_ns = time_ns };
	int err = fs_backups_each(fs, look_for_time, &choice);
	ret_first->name[0] = '\0';
	if (choice.fits) {
		*ret = choice.best;
		return 0;
	}
	if (choice.any)
		*ret_first = choice.first;
	return err ? err : SFS_ERR_NOT_FOUND;
}
