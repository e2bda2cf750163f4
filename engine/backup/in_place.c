/*
 * A backup in the place of a store: the new store is made beside the old one, and both change their names at once.
 * So at any moment there is the old store or the new one under the name.
 *
 *   STORE.restored   the new store while it is made; then the old one, until it is removed
 *   STORE.damaged    the old one, when no backup of it could be taken before
 *
 * A folder of another program is replaced in the same way, with what storefs keeps beside its files. What no backup of it
 * has, files and folders whose names begin with a dot, moves over.
 *
 * Backups, their schedule and settings are those of the old store. They move over after the change of names; what
 * a kill left of that is done by the next restore in place.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include "backup/backup.h"
#include "base/dir.h"
#include "base/errno.h"
#include "base/file.h"
#include "mirror/sidecar.h"
#include "settings.h"
#include "store_private.h"

#define BESIDE ".restored"
#define ASIDE ".damaged"
#define DEPTH_MAX 64

/** What the store keeps of its own, besides its content. */
static const char *const kept[] = { SFS_BACKUP_FOLDER, "schedule", SFSI_SETTINGS_FILE,
				    "errors.ndjson" };

struct replacing {
	const char *path; /* of the store, absolute */
	/* "/.storefs" of a folder of another program, else "" */
	char sidecar[NAME_MAX + 2];
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

static bool has(const char *path, const char *end)
{
	SFSI_AUTO_BUF struct sfs_buf file = SFS_BUF_INIT;
	struct stat stat;
	return join(&file, path, end) == 0 && lstat(file.data, &stat) == 0;
}

/** Is it a store, or a folder of another program? A single database is none. */
static bool is_store(struct replacing *replacing)
{
	char name[NAME_MAX + 1];
	SFSI_AUTO_FD int sidecar_fd = -1;
	SFSI_AUTO_FD int fd = open(replacing->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || has(replacing->path, "/" SFSI_STORE_FILE))
		return fd >= 0;
	sfsi_sidecar_name(NULL, name);
	snprintf(replacing->sidecar, sizeof replacing->sidecar, "/%s", name);
	return !sfsi_frozen_is(fd) && sfsi_sidecar_peek(replacing->path, &sidecar_fd, NULL) == 0;
}

static int failed(const struct replacing *replacing, int err, const char *what)
{
	return sfs_diag_set(replacing->diag, err, "%s: %s", what, sfs_err_text(err));
}

/** Backups and what else is the store's own, from one folder to another. What is there goes for it. */
static int move_kept(const struct replacing *replacing, const char *from, const char *to)
{
	SFSI_AUTO_BUF struct sfs_buf from_path = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf to_path = SFS_BUF_INIT;
	int err = join(&from_path, from, replacing->sidecar);
	if (!err)
		err = join(&to_path, to, replacing->sidecar);
	if (err < 0 || !from_path.data || !to_path.data)
		return err < 0 ? err : SFS_ERR_NO_MEMORY;
	SFSI_AUTO_FD int from_fd = open(from_path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SFSI_AUTO_FD int to_fd = open(to_path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A folder that was never written to has nothing of ours. */
	if (from_fd < 0 && errno == ENOENT && replacing->sidecar[0])
		return 0;
	if (from_fd < 0 || to_fd < 0)
		return failed(replacing, sfsi_err_from_errno(errno), from_fd < 0 ? from : to);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (renameat(from_fd, kept[i], to_fd, kept[i]) < 0 && errno != ENOENT)
			return failed(replacing, sfsi_err_from_errno(errno), kept[i]);
	return fsync(to_fd) < 0 ? failed(replacing, sfsi_err_from_errno(errno), to) : 0;
}

/* --- what is in no backup --- */

/** A name that the new folder does not have; folders that it is in are made. */
static int move_dot(int from_fd, int root_fd, const char *path, const char *name)
{
	int err = sfsi_backup_make_folders(root_fd, path, 0755);
	if (!err && renameat2(from_fd, name, root_fd, path, RENAME_NOREPLACE) < 0 &&
	    errno != EEXIST && errno != ENOENT)
		err = sfsi_err_from_errno(errno);
	return err;
}

static int move_dots(const struct replacing *replacing, int at, const char *name, int root_fd,
		     const char *path, unsigned depth);

static int move_entry(const struct replacing *replacing, int dir_fd, int root_fd, const char *path,
		      const char *name, unsigned depth)
{
	char below[SFSI_FROZEN_PATH];
	struct stat stat;
	if (!*path && strcmp(name, replacing->sidecar + 1) == 0)
		return 0;
	if (snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", name) >=
	    (int)sizeof below)
		return SFS_ERR_LIMIT;
	if (name[0] == '.')
		return move_dot(dir_fd, root_fd, below, name);
	if (fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(stat.st_mode) ||
	    depth == DEPTH_MAX)
		return 0;
	return move_dots(replacing, dir_fd, name, root_fd, below, depth + 1);
}

static int move_dots(const struct replacing *replacing, int at, const char *name, int root_fd,
		     const char *path, unsigned depth)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(at, name, &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		err = move_entry(replacing, dirfd(dir), root_fd, path, entry->d_name, depth);
	return err;
}

static int move_others(const struct replacing *replacing, const char *from, const char *to)
{
	if (!replacing->sidecar[0])
		return 0;
	SFSI_AUTO_FD int from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SFSI_AUTO_FD int to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from_fd < 0)
		return failed(replacing, sfsi_err_from_errno(errno), from);
	int err = move_dots(replacing, from_fd, ".", to_fd, "", 0);
	return err < 0 ? failed(replacing, err, "what no backup has") : 0;
}

/* --- the exchange --- */

/** A kill came between the change of names and the end: the old store is beside, with its backups. */
static int finish_earlier(const struct replacing *replacing)
{
	char store[2 * NAME_MAX], backups[2 * NAME_MAX];
	const char *beside = replacing->beside.data;
	bool mirror = replacing->sidecar[0];
	snprintf(store, sizeof store, "%s/%s", replacing->sidecar,
		 mirror ? SFSI_SIDECAR_FILE : SFSI_STORE_FILE);
	snprintf(backups, sizeof backups, "%s/" SFS_BACKUP_FOLDER, replacing->sidecar);
	if (!has(beside, store) || !has(beside, backups))
		return 0;
	int err = move_others(replacing, beside, replacing->path);
	return err < 0 ? err : move_kept(replacing, beside, replacing->path);
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
		err = sfsi_backup_before(store, "a restore", true, &diag);
		int closed = sfs_store_close(store);
		err = err < 0 ? err : closed;
		if (err < 0)
			return sfs_diag_set(replacing->diag, err, "%s",
					    diag.text[0] ? diag.text : sfs_err_text(err));
	}
	SFSI_AUTO_FD int dir_fd = open(replacing->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return failed(replacing, sfsi_err_from_errno(errno), replacing->path);
	if (!replacing->sidecar[0])
		return sfsi_store_lock(dir_fd, &config, &replacing->lock_fd, replacing->diag);
	/* What everybody locks who opens such a folder. */
	if (flock(dir_fd, LOCK_EX | LOCK_NB) < 0)
		return sfs_diag_set(replacing->diag, SFS_ERR_BUSY, "%s is owned by another process",
				    replacing->path);
	replacing->lock_fd = dir_fd;
	dir_fd = -1;
	return 0;
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
	/* Backups last: where they are still beside, all of this is done again. */
	if (!err)
		err = move_others(replacing, beside, path);
	if (!err)
		err = move_kept(replacing, beside, path);
	return err < 0 ? err : end(replacing);
}

/** Is the backup one of such a store? One of another kind would take the files of a program away. */
static int check_kind(const struct replacing *replacing, const char *folder, const char *name)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	SFSI_AUTO_FREE char *file = NULL;
	int err = sfs_buf_printf(&path, "%s/%s%c", folder, name, 0);
	SFSI_AUTO_FD int fd = err < 0 ? -1 : open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* That there is none is said by the restore itself. */
	if (fd < 0)
		return err;
	bool mirror = sfsi_frozen_is(fd);
	err = mirror ? sfsi_frozen_file(fd, &file) : 0;
	if (err < 0)
		return failed(replacing, err, name);
	return mirror == (replacing->sidecar[0] != '\0') && !file
		       ? 0
		       : sfs_diag_set(replacing->diag, SFS_ERR_WRONG_KIND,
				      "backup %s is one of another kind of store", name);
}

int sfs_backup_restore_in_place(const struct sfs_backup_config *config, const char *name,
				const char *path, struct sfs_diag *diag)
{
	struct replacing replacing = { .lock_fd = -1, .diag = diag };
	SFSI_AUTO_FREE char *real = realpath(path, NULL);
	replacing.path = real;
	if (!real || !is_store(&replacing))
		return sfs_diag_set(diag, real ? SFS_ERR_NOT_STORE : SFS_ERR_NOT_FOUND,
				    "%s is no store that can be restored in place", path);
	int err = check_kind(&replacing, config->folder, name);
	if (!err)
		err = join(&replacing.beside, real, BESIDE);
	if (!err)
		err = join(&replacing.aside, real, ASIDE);
	if (!err)
		err = replace(&replacing, config, name);
	sfsi_close_fd(&replacing.lock_fd);
	sfs_buf_fini(&replacing.beside);
	sfs_buf_fini(&replacing.aside);
	return err;
}
