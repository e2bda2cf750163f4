/*
 * A backup in the place of a store: the new store is made beside the old one, and both change their names at once.
 * So at any moment there is the old store or the new one under the name.
 *
 *   STORE.restored   the new store while it is made; then the old one, until it is removed
 *   STORE.damaged    the old one, when no backup of it could be taken before
 *
 * Backups, their schedule and settings are those of the old store. They move over after the change of names; what
 * a kill left of that is done by the next restore in place.
 */
#include <errno.h>
#include <fcntl.h>
#include "backup/backup.h"
#include "base/errno.h"
#include "base/file.h"
#include "settings.h"
#include "store_private.h"

#define BESIDE ".restored"
#define ASIDE ".damaged"

/** What the store keeps of its own, besides its content. */
static const char *const kept[] = { SFS_BACKUP_FOLDER, "schedule", SFSI_SETTINGS_FILE,
				    "errors.ndjson" };

struct replacing {
	const char *path; /* of the store, absolute */
	struct sfs_buf beside, aside;
	int lock_fd;  /* of the store as it was */
	bool damaged; /* it can not be opened: it is set aside */
	struct sfs_diag *diag;
};

static int join(struct sfs_buf *ret, const char *path, const char *end)
{
	int err = sfs_buf_printf(ret, "%s%s", path, end);
	return err < 0 ? err : sfs_buf_append(ret, "", 1);
}

static bool is_store(const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf file = SFS_BUF_INIT;
	struct stat stat;
	return join(&file, path, "/" SFSI_STORE_FILE) == 0 && lstat(file.data, &stat) == 0;
}

static int failed(const struct replacing *replacing, int err, const char *what)
{
	return sfs_diag_set(replacing->diag, err, "%s: %s", what, sfs_err_text(err));
}

/** Backups and what else is the store's own, from one folder to another. What is there goes for it. */
static int move_kept(const struct replacing *replacing, const char *from, const char *to)
{
	SFSI_AUTO_FD int from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SFSI_AUTO_FD int to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from_fd < 0 || to_fd < 0)
		return failed(replacing, sfsi_err_from_errno(errno), from_fd < 0 ? from : to);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (renameat(from_fd, kept[i], to_fd, kept[i]) < 0 && errno != ENOENT)
			return failed(replacing, sfsi_err_from_errno(errno), kept[i]);
	return fsync(to_fd) < 0 ? failed(replacing, sfsi_err_from_errno(errno), to) : 0;
}

/** A kill came between the change of names and the end: the old store is beside, with its backups. */
static int finish_earlier(const struct replacing *replacing)
{
	SFSI_AUTO_BUF struct sfs_buf backups = SFS_BUF_INIT;
	const char *beside = replacing->beside.data;
	struct stat stat;
	int err = join(&backups, beside, "/" SFS_BACKUP_FOLDER);
	if (err < 0)
		return err;
	if (is_store(beside) && lstat(backups.data, &stat) == 0)
		err = move_kept(replacing, beside, replacing->path);
	return err;
}

/** Nobody has the store; a backup of the present, where it can be opened. */
static int begin(struct replacing *replacing)
{
	const struct sfs_store_config config = {
		.path = replacing->path,
		.owner_note = "a restore",
	};
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store;
	int err = sfs_store_open(&config, &store, &diag);
	if (err == SFS_ERR_BUSY || err == SFS_ERR_PERMISSION || err == SFS_ERR_VERSION)
		return sfs_diag_set(replacing->diag, err, "%s", diag.text);
	replacing->damaged = err < 0;
	if (!err) {
		err = sfsi_backup_before(store, "a restore", &diag);
		int closed = sfs_store_close(store);
		err = err < 0 ? err : closed;
		if (err < 0)
			return sfs_diag_set(replacing->diag, err, "%s",
					    diag.text[0] ? diag.text : sfs_err_text(err));
	}
	SFSI_AUTO_FD int dir_fd = open(replacing->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return failed(replacing, sfsi_err_from_errno(errno), replacing->path);
	return sfsi_store_lock(dir_fd, &config, &replacing->lock_fd, replacing->diag);
}

/** The store as it was goes, or is kept where nothing else has it. */
static int end(const struct replacing *replacing)
{
	const char *beside = replacing->beside.data;
	if (!replacing->damaged) {
		sfsi_remove_tree(AT_FDCWD, beside);
		return 0;
	}
	if (renameat2(AT_FDCWD, beside, AT_FDCWD, replacing->aside.data, RENAME_NOREPLACE) == 0)
		return 0;
	return sfs_diag_set(replacing->diag, sfsi_err_from_errno(errno),
			    "the store is restored, but what it was stays in %s: %s", beside,
			    strerror(errno));
}

/** The disk knows of a change of names in the folder that the store is in. */
static int sync_parent(const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf parent = SFS_BUF_INIT;
	int err = join(&parent, path, "/..");
	SFSI_AUTO_FD int fd = err ? -1 : open(parent.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? sfsi_err_from_errno(errno) : 0;
}

static int replace(struct replacing *replacing, const struct sfs_backup_config *config,
		   const char *name)
{
	const char *path = replacing->path, *beside = replacing->beside.data;
	struct stat stat;
	int err = finish_earlier(replacing);
	if (!err)
		err = begin(replacing);
	if (!err && replacing->damaged && lstat(replacing->aside.data, &stat) == 0)
		err = sfs_diag_set(replacing->diag, SFS_ERR_EXISTS,
				   "%s can not be opened and is to be set aside, but %s exists",
				   path, (const char *)replacing->aside.data);
	if (err < 0)
		return err;
	sfsi_remove_tree(AT_FDCWD, beside);
	err = sfs_backup_restore(config, name, beside, replacing->diag);
	/* Whose the folder is stays so; that nobody else may say that is no matter. */
	if (!err && lstat(path, &stat) == 0) {
		(void)!chmod(beside, stat.st_mode & 07777);
		(void)!chown(beside, stat.st_uid, stat.st_gid);
	}
	if (!err && renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_EXCHANGE) < 0)
		err = failed(replacing, sfsi_err_from_errno(errno), path);
	if (!err)
		err = sync_parent(path);
	if (!err)
		err = move_kept(replacing, beside, path);
	return err < 0 ? err : end(replacing);
}

int sfs_backup_restore_in_place(const struct sfs_backup_config *config, const char *name,
				const char *path, struct sfs_diag *diag)
{
	struct replacing replacing = { .lock_fd = -1, .diag = diag };
	SFSI_AUTO_FREE char *real = realpath(path, NULL);
	if (!real || !is_store(real))
		return sfs_diag_set(diag, real ? SFS_ERR_NOT_STORE : SFS_ERR_NOT_FOUND,
				    "%s is no store that can be restored in place", path);
	replacing.path = real;
	int err = join(&replacing.beside, real, BESIDE);
	if (!err)
		err = join(&replacing.aside, real, ASIDE);
	if (!err)
		err = replace(&replacing, config, name);
	sfsi_close_fd(&replacing.lock_fd);
	sfs_buf_fini(&replacing.beside);
	sfs_buf_fini(&replacing.aside);
	return err;
}
