/*
 * Recovering what is kept beside files of other programs. Those files are the truth, so what was there is
 * set aside as it is, and made anew: from the newest backup that is whole what nobody else knows, and
 * then from the files. Without a backup from the files alone.
 *
 *   .storefs/recovering/    what the backup had, while it is copied; with the file "store" it is whole
 *   .storefs/damaged/TIME/  what was there, and the report
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "backup/backup.h"
#include "base/errno.h"
#include "mirror/sidecar.h"
#include "recover/recover.h"
#include "settings.h"

#define NEW_FOLDER "recovering"
#define NONE ((struct sfs_span){ "", 0 })

/** What makes a sidecar; the last one says that the others are there. */
static const char *const parts[] = { "db", "raw", SFSI_SIDECAR_RESTORED, SFSI_SIDECAR_FILE };
/** What is made anew together with them, and need not be. */
static const char *const kept[] = { SFSI_SETTINGS_FILE, "errors.ndjson" };
#define KEPT_END ".kept"

static bool has(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/** The folder of the sidecar, whether it counts or not; -1: there is none. *ret_settled: it is in the root. */
static int open_folder(const char *path, bool *ret_settled)
{
	struct sfsi_sidecar_place place;
	char name[NAME_MAX + 1];
	if (sfsi_sidecar_place(path, &place, NULL) < 0)
		return -1;
	sfsi_sidecar_name(place.file, name);
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(place.root_fd, name, flags);
	/* Backups alone may be there before anything else is. */
	*ret_settled = fd >= 0 && (has(fd, SFSI_SIDECAR_FILE) || sfsi_sidecar_lost_file(fd));
	if (!*ret_settled) {
		sfsi_close_fd(&fd);
		fd = open(place.cache.data, flags);
	}
	sfsi_sidecar_place_fini(&place);
	return fd;
}

bool sfsi_recover_is_sidecar(const char *path)
{
	struct stat stat;
	bool settled;
	SFSI_AUTO_FD int root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd >= 0 && (fstatat(root_fd, SFSI_STORE_FILE, &stat, AT_SYMLINK_NOFOLLOW) == 0 ||
			     sfsi_frozen_is(root_fd) || sfsi_recover_lost_file(path)))
		return false;
	SFSI_AUTO_FD int fd = open_folder(path, &settled);
	return fd >= 0;
}

bool sfsi_recover_can_sidecar(const char *path, int err)
{
	bool settled;
	if (!sfsi_recover_is_sidecar(path))
		return false;
	SFSI_AUTO_FD int fd = open_folder(path, &settled);
	return fd >= 0 && (err == SFS_ERR_CORRUPT || has(fd, SFS_RECOVER_NOTE_FILE) ||
			   (settled && sfsi_sidecar_lost_file(fd)));
}

/* --- what is wrong, and what there is instead --- */

/** SFS_ERR_NOT_FOUND: nothing is wrong. */
static int find_damage(struct sfsi_recovery *rec)
{
	const struct sfs_store_config config = {
		.path = rec->path,
		.owner_note = rec->config->owner_note ? rec->config->owner_note : "recovering",
	};
	struct sfs_diag why = SFS_DIAG_INIT;
	struct sfs_store *store;
	int err = sfs_store_open(&config, &store, &why);
	if (!err) {
		err = sfs_store_close(store);
		return err < 0 ? err : SFS_ERR_NOT_FOUND;
	}
	if (err != SFS_ERR_CORRUPT)
		return sfs_diag_set(rec->diag, err, "%s", why.text);
	snprintf(rec->result.why, sizeof rec->result.why, "%s", why.text);
	return sfsi_store_lock(rec->dir_fd, &config, &rec->lock_fd, rec->diag);
}

/** Copy it, if it is wanted; what can not be used is said. 0: it can. */
static int try_backup(struct sfsi_recovery *rec, const char *folder, const char *name)
{
	sfsi_remove_tree(rec->dir_fd, NEW_FOLDER);
	if (mkdirat(rec->dir_fd, NEW_FOLDER, 0700) < 0)
		return sfsi_err_from_errno(errno);
	SFSI_AUTO_FD int fd = openat(rec->dir_fd, NEW_FOLDER,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int err = fd < 0 ? sfsi_err_from_errno(errno)
			 : sfsi_backup_restore_sidecar(folder, name, fd, NULL);
	if (!err)
		return 0;
	sfsi_remove_tree(rec->dir_fd, NEW_FOLDER);
	int said = sfsi_recover_say(rec, SFS_RECOVER_NOTE, 0, NONE, "backup %s is not used: %s",
				    name, sfs_err_text(err));
	return said < 0 ? said : err;
}

/** The newest one that is whole; without any result.backup stays empty. */
static int take_backup(struct sfsi_recovery *rec)
{
	SFSI_AUTO_BUF struct sfs_buf folder = SFS_BUF_INIT;
	struct sfsi_backup_place place;
	struct sfs_backup *items = NULL;
	size_t count = 0;
	bool told;
	int err = sfsi_recover_backups_folder(rec, &folder, &told);
	if (!err && sfsi_backup_place_open(&place, folder.data, false, NULL) < 0)
		return 0;
	if (err < 0)
		return err;
	err = sfsi_backup_list(&place, &items, &count);
	for (size_t i = count; !err && i-- > 0 && !rec->result.backup[0];) {
		if (!items[i].valid)
			continue;
		int tried = try_backup(rec, folder.data, items[i].name);
		if (!tried)
			snprintf(rec->result.backup, sizeof rec->result.backup, "%s",
				 items[i].name);
		else if (tried == SFS_ERR_CANCELLED || tried == SFS_ERR_NO_SPACE)
			err = tried;
	}
	free(items);
	sfsi_backup_place_close(&place);
	return err;
}

/* --- the exchange --- */

static int move(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat(from_fd, from, to_fd, to) < 0 && errno != ENOENT
		       ? sfsi_err_from_errno(errno)
		       : 0;
}

/** The first step: from here on it does not count. */
static int set_aside(const struct sfsi_recovery *rec)
{
	int err = 0;
	for (size_t i = sizeof parts / sizeof *parts; i-- > 0 && !err;)
		err = move(rec->dir_fd, parts[i], rec->new_fd, parts[i]);
	if (!err)
		err = move(rec->dir_fd, SFS_RECOVER_NOTE_FILE, rec->new_fd, SFS_RECOVER_NOTE_FILE);
	return err;
}

/** What the backup had, or a file that only says that here is to be a sidecar. */
static int put_in_place(const struct sfsi_recovery *rec)
{
	char name[NAME_MAX];
	int err = 0;
	if (rec->result.backup[0]) {
		SFSI_AUTO_FD int fd = openat(rec->dir_fd, NEW_FOLDER,
					     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		for (size_t i = 0; i < sizeof parts / sizeof *parts && !err; i++)
			err = move(fd, parts[i], rec->dir_fd, parts[i]);
		sfsi_remove_tree(rec->dir_fd, NEW_FOLDER);
		return !err && fsync(rec->dir_fd) < 0 ? sfsi_err_from_errno(errno) : err;
	}
	for (size_t i = 0; i < sizeof kept / sizeof *kept && !err; i++) {
		snprintf(name, sizeof name, "%s" KEPT_END, kept[i]);
		err = move(rec->dir_fd, kept[i], rec->dir_fd, name);
	}
	SFSI_AUTO_FD int fd = err < 0 ? -1
				      : openat(rec->dir_fd, SFSI_SIDECAR_FILE,
					       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return err < 0 ? err : fd < 0 ? sfsi_err_from_errno(errno) : 0;
}

static int put_back(const struct sfsi_recovery *rec)
{
	char name[NAME_MAX];
	int err = 0;
	for (size_t i = 0; i < sizeof kept / sizeof *kept && !err; i++) {
		snprintf(name, sizeof name, "%s" KEPT_END, kept[i]);
		err = move(rec->dir_fd, name, rec->dir_fd, kept[i]);
	}
	return err;
}

/** Opening it takes in the files. */
static int read_files(struct sfsi_recovery *rec)
{
	const struct sfs_store_config config = { .path = rec->path };
	struct sfs_store_stat stat;
	struct sfs_store *store;
	int err = sfs_store_open(&config, &store, rec->diag);
	if (err < 0)
		return err;
	err = sfs_store_stat(store, &stat);
	if (!err) {
		rec->result.objects = stat.objects;
		rec->result.files = stat.raws + stat.scratch;
	}
	int closed = sfs_store_close(store);
	return err < 0 ? err : closed;
}

/* --- the report --- */

static int tell(struct sfsi_recovery *rec, bool settled)
{
	static const char nobody[] =
		"definitions of classes and their indexes, update times, owners and modes of objects, "
		"earlier versions, the trash, scratch files, refused texts, links and folders of raws, "
		"and raws whose names begin with a dot";
	fprintf(rec->text, "%s, %s\nwhat was wrong: %s\nbackup: %s\n\n", rec->path, rec->started,
		rec->result.why, rec->result.backup[0] ? rec->result.backup : "none");
	int err = sfsi_recover_say(rec, SFS_RECOVER_NOTE, 0, NONE,
				   "objects, raws and databases are read from their files anew");
	/* All of it derives from the files, as long as nothing was saved. */
	if (err < 0 || !settled)
		return err;
	if (rec->result.backup[0])
		err = sfsi_recover_say(rec, SFS_RECOVER_BACKUP, 0, NONE,
				       "as in backup %s, later changes are gone: %s",
				       rec->result.backup, nobody);
	else
		err = sfsi_recover_say(rec, SFS_RECOVER_LOST, 0, NONE,
				       "there is no valid backup: %s", nobody);
	if (!err)
		err = sfsi_recover_say(rec, SFS_RECOVER_LOST, 0, NONE,
				       "saves that were not yet in a file, as those of databases "
				       "since the last flush, if there were any");
	return err;
}

static int exchange(struct sfsi_recovery *rec)
{
	int err = set_aside(rec);
	if (!err)
		err = put_in_place(rec);
	/* Whoever opens it takes the lock. */
	(void)!ftruncate(rec->lock_fd, 0);
	sfsi_close_fd(&rec->lock_fd);
	if (!err)
		err = read_files(rec);
	int back = put_back(rec);
	return err < 0 ? err : back;
}

static void say_folder(struct sfsi_recovery *rec)
{
	char link[32];
	size_t size = sizeof rec->result.folder;
	snprintf(link, sizeof link, "/proc/self/fd/%d", rec->new_fd);
	ssize_t len = readlink(link, rec->result.folder, size - 1);
	rec->result.folder[len < 0 ? 0 : len] = '\0';
}

/** With the lock. @folder  for what is set aside. */
static int recover(struct sfsi_recovery *rec, bool settled, const char *folder)
{
	bool dry = rec->config->flags & SFS_RECOVER_DRY_RUN;
	rec->new_fd = sfsi_recover_open_damaged(rec->dir_fd, folder);
	int err = rec->new_fd < 0 ? sfsi_err_from_errno(errno) : sfsi_recover_report_open(rec);
	if (!err && !(rec->config->flags & SFS_RECOVER_NO_BACKUP))
		err = take_backup(rec);
	if (!err)
		err = tell(rec, settled);
	if (!err && !dry)
		err = exchange(rec);
	if (!err && !dry)
		fprintf(rec->text, "\n%llu objects and %llu files are there now\n",
			(unsigned long long)rec->result.objects,
			(unsigned long long)rec->result.files);
	int closed = sfsi_recover_report_close(rec);
	if (rec->new_fd >= 0)
		unlinkat(rec->new_fd, "strays", 0);
	if (dry) {
		sfsi_remove_tree(rec->dir_fd, NEW_FOLDER);
		sfsi_remove_tree(rec->dir_fd, folder);
		unlinkat(rec->dir_fd, SFS_RECOVER_FOLDER, AT_REMOVEDIR);
	} else if (!err) {
		say_folder(rec);
	}
	return err < 0 ? err : closed;
}

int sfsi_recover_sidecar(struct sfsi_recovery *rec)
{
	char folder[SFSI_RECOVER_NAME_MAX];
	bool settled;
	rec->dir_fd = open_folder(rec->path, &settled);
	if (rec->dir_fd < 0)
		return sfsi_err_from_errno(errno);
	int err = find_damage(rec);
	if (err)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	err = sfsi_recover_name(rec, folder);
	if (!err)
		err = recover(rec, settled, folder);
	if (rec->lock_fd >= 0) {
		(void)!ftruncate(rec->lock_fd, 0);
		sfsi_close_fd(&rec->lock_fd);
	}
	return err;
}
