/*
 * A backup in the place of a store: the new store is made beside the old one, and both change their names at once.
 * So at any moment there is the old store or the new one under the name.
 *
 *   STORE.restoring      the new store while it is made; then the old one, until it is removed
 *   STORE.damaged        the old one, when no backup of it could be taken before
 *   STORE/restored-here  the names are changed, but not all is done: what, and the inode number of the old one
 *
 * A folder of another program is replaced in the same way, with what storefs keeps beside its files. What no backup of it
 * has, files and folders whose names begin with a dot, moves over.
 *
 * Backups, their schedule and settings are those of the old store. They move over after the change of names; what
 * a kill left of that is done by whoever opens the store next, or restores it in place.
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

#define BESIDE ".restoring"
#define UNDONE "restored-here"
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
	int old_fd;   /* lock of the store as it was, to the end */
	int lock_fd;  /* … of the new one */
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

/** The store as it was goes, or is kept where nothing else has it. */
static int end(const struct replacing *replacing, bool keep)
{
	const char *beside = replacing->beside.data;
	if (!keep) {
		sfsi_remove_tree(AT_FDCWD, beside);
		return 0;
	}
	if (renameat2(AT_FDCWD, beside, AT_FDCWD, replacing->aside.data, RENAME_NOREPLACE) == 0)
		return 0;
	return sfs_diag_set(replacing->diag, sfsi_err_from_errno(errno),
			    "the store is restored, but what it was stays in %s: %s", beside,
			    strerror(errno));
}

/** The folder of what the store keeps of its own, in one of the two. */
static int open_own(const struct replacing *replacing, const char *path, int *ret_fd)
{
	SFSI_AUTO_BUF struct sfs_buf own = SFS_BUF_INIT;
	int err = join(&own, path, replacing->sidecar);
	if (err < 0)
		return err;
	*ret_fd = open(own.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? failed(replacing, sfsi_err_from_errno(errno), own.data) : 0;
}

/** In the new store: what is to be done after the change of names. */
struct undone {
	char what[8];  /* "remove" the old one, or "keep" it; all has moved: "removed", "kept" */
	uintmax_t ino; /* of the old one */
};

static int mark(const struct replacing *replacing, int own_fd, const struct undone *undone)
{
	char text[64];
	int len = snprintf(text, sizeof text, "%s %ju\n", undone->what, undone->ino);
	int err = sfsi_file_replace(own_fd, UNDONE, (struct sfs_span){ text, (size_t)len });
	return err < 0 ? failed(replacing, err, UNDONE) : 0;
}

static int mark_new(const struct replacing *replacing)
{
	struct undone undone = { .ino = 0 };
	struct stat stat;
	SFSI_AUTO_FD int fd = -1;
	if (lstat(replacing->path, &stat) < 0)
		return failed(replacing, sfsi_err_from_errno(errno), replacing->path);
	int err = open_own(replacing, replacing->beside.data, &fd);
	if (err < 0)
		return err;
	undone.ino = stat.st_ino;
	snprintf(undone.what, sizeof undone.what, "%s", replacing->damaged ? "keep" : "remove");
	return mark(replacing, fd, &undone);
}

/** Returns 0, or 1: there is nothing to do, or nobody can say what. */
static int read_undone(const struct replacing *replacing, int own_fd, struct undone *ret)
{
	static const char *const words[] = { "remove", "keep", "removed", "kept" };
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	int err = sfsi_file_load(own_fd, UNDONE, 64, &text);
	if (err == SFS_ERR_NOT_FOUND)
		return 1;
	if (!err)
		err = sfs_buf_append(&text, "", 1);
	if (err < 0)
		return failed(replacing, err, UNDONE);
	if (sscanf(text.data, "%7s %ju", ret->what, &ret->ino) != 2)
		return 1;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(ret->what, words[i]) == 0)
			return 0;
	return 1;
}

static int move_all(const struct replacing *replacing, int own_fd, struct undone *undone)
{
	const char *beside = replacing->beside.data;
	int err = move_others(replacing, beside, replacing->path);
	if (!err)
		err = move_kept(replacing, beside, replacing->path);
	if (err < 0)
		return err;
	bool keep = undone->what[0] == 'k';
	snprintf(undone->what, sizeof undone->what, "%s", keep ? "kept" : "removed");
	return mark(replacing, own_fd, undone);
}

/** What is to be done after the change of names, if anything. The store is locked. */
static int settle(const struct replacing *replacing)
{
	struct undone undone;
	struct stat stat;
	SFSI_AUTO_FD int fd = -1;
	int err = open_own(replacing, replacing->path, &fd);
	if (!err)
		err = read_undone(replacing, fd, &undone);
	if (err)
		return err < 0 ? err : 0;
	bool there = lstat(replacing->beside.data, &stat) == 0 && stat.st_ino == undone.ino;
	bool moved = strcmp(undone.what, "removed") == 0 || strcmp(undone.what, "kept") == 0;
	/* The store is elsewhere now: should it come back to the old one, it has what belongs to it. */
	if (!there && !moved)
		return 0;
	if (!moved)
		err = move_all(replacing, fd, &undone);
	if (there && !err)
		err = end(replacing, undone.what[0] == 'k');
	if (!err && ((unlinkat(fd, UNDONE, 0) < 0 && errno != ENOENT) || fsync(fd) < 0))
		err = failed(replacing, sfsi_err_from_errno(errno), UNDONE);
	return err;
}

static void replacing_fini(struct replacing *replacing)
{
	sfsi_close_fd(&replacing->lock_fd);
	sfsi_close_fd(&replacing->old_fd);
	sfs_buf_fini(&replacing->beside);
	sfs_buf_fini(&replacing->aside);
}

static int names(struct replacing *replacing)
{
	int err = join(&replacing->beside, replacing->path, BESIDE);
	return err < 0 ? err : join(&replacing->aside, replacing->path, ASIDE);
}

int sfsi_backup_in_place_settle(const char *path, const char *sidecar, struct sfs_diag *diag)
{
	struct replacing replacing = { .path = path, .old_fd = -1, .lock_fd = -1, .diag = diag };
	int err = names(&replacing);
	if (sidecar)
		snprintf(replacing.sidecar, sizeof replacing.sidecar, "/%s", sidecar);
	if (!err)
		err = settle(&replacing);
	replacing_fini(&replacing);
	/* Only that the old store is not set aside: nothing to keep the new one from being opened. */
	return err == SFS_ERR_EXISTS ? 0 : err;
}

/** Nobody else has what is under the name of the store now. */
static int lock(const struct replacing *replacing, int *ret_fd)
{
	const struct sfs_store_config config = {
		.path = replacing->path,
		.owner_note = "a restore",
	};
	SFSI_AUTO_FD int dir_fd = open(replacing->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return failed(replacing, sfsi_err_from_errno(errno), replacing->path);
	if (!replacing->sidecar[0])
		return sfsi_store_lock(dir_fd, &config, ret_fd, replacing->diag);
	/* What everybody locks who opens such a folder. */
	if (flock(dir_fd, LOCK_EX | LOCK_NB) < 0)
		return sfs_diag_set(replacing->diag, SFS_ERR_BUSY, "%s is owned by another process",
				    replacing->path);
	*ret_fd = dir_fd;
	dir_fd = -1;
	return 0;
}

/** Whoever has the store does it, or did it. */
static int lock_and_settle(struct replacing *replacing)
{
	struct sfs_diag *diag = replacing->diag;
	replacing->diag = NULL;
	int err = lock(replacing, &replacing->lock_fd);
	replacing->diag = diag;
	return err < 0 ? 0 : settle(replacing);
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
	err = lock(replacing, &replacing->old_fd);
	return err < 0 ? err : settle(replacing);
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
	int err = begin(replacing);
	if (!err && replacing->damaged && lstat(replacing->aside.data, &stat) == 0)
		err = sfs_diag_set(replacing->diag, SFS_ERR_EXISTS,
				   "%s can not be opened and is to be set aside, but %s exists",
				   path, (const char *)replacing->aside.data);
	if (!err && (has(beside, "/" SFS_BACKUP_FOLDER) ||
		     has(beside, "/" SFSI_SIDECAR_NAME "/" SFS_BACKUP_FOLDER)))
		err = sfs_diag_set(
			replacing->diag, SFS_ERR_EXISTS,
			"the new store is to be made as %s, but that exists and has backups",
			beside);
	if (err < 0)
		return err;
	sfsi_remove_tree(AT_FDCWD, beside);
	err = sfs_backup_restore(config, name, beside, replacing->diag);
	/* Whose the folder is stays so; that nobody else may say that is no matter. */
	if (!err && lstat(path, &stat) == 0) {
		(void)!chmod(beside, stat.st_mode & 07777);
		(void)!chown(beside, stat.st_uid, stat.st_gid);
	}
	if (!err)
		err = mark_new(replacing);
	if (!err && renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_EXCHANGE) < 0)
		err = failed(replacing, sfsi_err_from_errno(errno), path);
	if (!err)
		err = sync_parent(path);
	return err < 0 ? err : lock_and_settle(replacing);
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
	struct replacing replacing = { .old_fd = -1, .lock_fd = -1, .diag = diag };
	SFSI_AUTO_FREE char *real = realpath(path, NULL);
	replacing.path = real;
	if (!real || !is_store(&replacing))
		return sfs_diag_set(diag, real ? SFS_ERR_NOT_STORE : SFS_ERR_NOT_FOUND,
				    "%s is no store that can be restored in place", path);
	int err = names(&replacing);
	if (!err)
		err = check_kind(&replacing, config->folder, name);
	if (!err)
		err = replace(&replacing, config, name);
	replacing_fini(&replacing);
	return err;
}

int sfs_backup_restore_settle(const char *path, struct sfs_diag *diag)
{
	struct replacing replacing = { .old_fd = -1, .lock_fd = -1, .diag = diag };
	SFSI_AUTO_FREE char *real = realpath(path, NULL);
	replacing.path = real;
	int err = real && is_store(&replacing) ? names(&replacing) : 0;
	if (!err && replacing.beside.len)
		err = lock_and_settle(&replacing);
	replacing_fini(&replacing);
	return err;
}
