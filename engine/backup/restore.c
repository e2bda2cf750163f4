/*
 * A store from a backup: a copy of every file, compared while it is copied. The copy becomes the store
 * once it has been opened and read.
 */
#include <errno.h>
#include <fcntl.h>
#include "backup/backup.h"
#include "base/errno.h"
#include "mirror/sidecar.h"
#include "store_private.h"

struct restoring {
	struct sfsi_copying copying;
	int from_fd, to_fd;
	bool sidecar_only; /* to_fd is the sidecar */
	bool mirror;       /* files of another program, and a sidecar … */
	char *file;        /* … of one of them; NULL: of all */
	char sidecar[NAME_MAX + 1];
	struct sfs_diag *diag;
};

/** Where a file of the backup goes. Returns the mode of its folder. */
static unsigned path_of(const struct restoring *restoring, const char *path,
			char ret[SFSI_FROZEN_PATH + NAME_MAX])
{
	static const char files[] = SFSI_FROZEN_FILES "/";
	if (!restoring->mirror) {
		snprintf(ret, SFSI_FROZEN_PATH, "%s", path);
	} else if (strncmp(path, files, sizeof files - 1) == 0) {
		sfsi_frozen_unpath(path, ret);
		return 0755;
	} else {
		bool note = strcmp(path, SFSI_FROZEN_NOTE) == 0;
		snprintf(ret, SFSI_FROZEN_PATH + NAME_MAX, "%s/%s", restoring->sidecar,
			 note ? SFSI_SIDECAR_RESTORED : path);
	}
	return 0700;
}

static int copy_one(struct restoring *restoring, const struct sfsi_backup_file *file,
		    uint64_t *ret_size, char hash[SFS_HASH_SIZE])
{
	SFSI_AUTO_FD int from = openat(restoring->from_fd, file->path,
				       O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return sfsi_err_from_errno(errno);
	char path[SFSI_FROZEN_PATH + NAME_MAX];
	unsigned mode = path_of(restoring, file->path, path);
	int err = sfsi_backup_make_folders(restoring->to_fd, path, mode);
	if (err < 0)
		return err;
	SFSI_AUTO_FD int to = openat(restoring->to_fd, path,
				     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return sfsi_err_from_errno(errno);
	/* Tables share nothing, as in a backup; their records are read in the end. */
	bool raw = strncmp(file->path, "raw/", 4) == 0;
	unsigned flags = SFSI_COPY_COLD | (raw ? SFSI_COPY_SHARE : SFSI_COPY_KEEP);
	return sfsi_copy_bytes(&restoring->copying, from, to, flags, ret_size, hash);
}

static int on_file(void *arg, const struct sfsi_backup_file *file)
{
	struct restoring *restoring = arg;
	char hash[SFS_HASH_SIZE];
	uint64_t size = 0;
	if (restoring->sidecar_only &&
	    strncmp(file->path, SFSI_FROZEN_FILES "/", strlen(SFSI_FROZEN_FILES) + 1) == 0)
		return 0;
	int err = copy_one(restoring, file, &size, hash);
	if (err == SFS_ERR_CANCELLED)
		return err;
	if (err == SFS_ERR_NOT_FOUND)
		return sfs_diag_set(restoring->diag, SFS_ERR_CORRUPT, "%s is missing in the backup",
				    file->path);
	if (err < 0)
		return sfs_diag_set(restoring->diag, err, "%s: %s", file->path, sfs_err_text(err));
	if (size != file->size || strcmp(hash, file->hash) != 0)
		return sfs_diag_set(restoring->diag, SFS_ERR_CORRUPT,
				    "the bytes of %s are not those that were backed up",
				    file->path);
	return 0;
}

/** A store without raws has the folder too. */
static int make_raw(const struct restoring *restoring)
{
	char path[SFSI_FROZEN_PATH + NAME_MAX];
	path_of(restoring, "raw/", path);
	return sfsi_backup_make_folders(restoring->to_fd, path, 0700);
}

/** What the backup is of. */
static int begin(struct restoring *restoring)
{
	restoring->mirror = sfsi_frozen_is(restoring->from_fd);
	int err = restoring->mirror ? sfsi_frozen_file(restoring->from_fd, &restoring->file) : 0;
	if (err < 0)
		return sfs_diag_set(restoring->diag, err, SFSI_FROZEN_NOTE ": %s",
				    sfs_err_text(err));
	sfsi_sidecar_name(restoring->file, restoring->sidecar);
	return 0;
}

/** The new store opens, and lacks nothing. */
static int read_back(const struct restoring *restoring, const char *temp,
		     const struct sfs_backup *figures)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	int err = sfs_buf_printf(&path, "%s%s%s%c", temp, restoring->file ? "/" : "",
				 restoring->file ? restoring->file : "", 0);
	return err < 0 ? err
		       : sfsi_backup_read_store(path.data, !restoring->mirror, figures,
						restoring->diag);
}

static int fill(struct restoring *restoring, const char *temp)
{
	struct sfs_backup figures;
	int err = sfsi_backup_read(restoring->from_fd, on_file, restoring, &figures,
				   restoring->diag);
	if (!err)
		err = make_raw(restoring);
	if (!err && syncfs(restoring->to_fd) < 0)
		err = sfsi_err_from_errno(errno);
	return err < 0 ? err : read_back(restoring, temp, &figures);
}

static int restore_into(struct restoring *restoring, const char *temp, const char *path)
{
	if (!temp)
		return SFS_ERR_NO_MEMORY;
	if (mkdir(temp, 0755) < 0) {
		int err = sfsi_err_from_errno(errno);
		return sfs_diag_set(restoring->diag, err, "make folder %s: %s", temp,
				    err == SFS_ERR_NOT_FOUND ? "its parent does not exist"
							     : sfs_err_text(err));
	}
	restoring->to_fd = open(temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = restoring->to_fd < 0 ? sfsi_err_from_errno(errno) : 0;
	restoring->copying.reserve_fd = restoring->to_fd;
	if (!err)
		err = fill(restoring, temp);
	if (!err && renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		err = sfs_diag_set(restoring->diag, sfsi_err_from_errno(errno), "%s: %s", path,
				   strerror(errno));
	if (err < 0)
		sfsi_remove_tree(AT_FDCWD, temp);
	return err;
}

/** NUL-terminated. */
static int join(struct sfs_buf *ret, const char *before, const char *between, const char *after)
{
	int err = sfs_buf_printf(ret, "%s%s%s", before, between, after);
	return err < 0 ? err : sfs_buf_append(ret, "", 1);
}

int sfsi_backup_restore_sidecar(const char *folder, const char *name, int to_fd,
				struct sfs_diag *diag)
{
	const struct sfs_backup_config config = { .folder = folder };
	struct restoring restoring = { .to_fd = to_fd, .sidecar_only = true, .diag = diag };
	SFSI_AUTO_BUF struct sfs_buf from = SFS_BUF_INIT;
	struct sfs_backup figures;
	int err = join(&from, folder, "/", name);
	if (err < 0)
		return err;
	SFSI_AUTO_FD int from_fd = open(from.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	restoring.from_fd = from_fd;
	sfsi_copying_init(&restoring.copying, &config, to_fd);
	err = from_fd < 0 ? sfsi_err_from_errno(errno) : begin(&restoring);
	if (!err && !restoring.mirror)
		err = SFS_ERR_CONFLICT;
	snprintf(restoring.sidecar, sizeof restoring.sidecar, ".");
	if (!err)
		err = sfsi_backup_read(from_fd, on_file, &restoring, &figures, diag);
	if (!err)
		err = make_raw(&restoring);
	if (!err && syncfs(to_fd) < 0)
		err = sfsi_err_from_errno(errno);
	free(restoring.file);
	return err;
}

int sfs_backup_restore(const struct sfs_backup_config *config, const char *name, const char *path,
		       struct sfs_diag *diag)
{
	struct restoring restoring = { .from_fd = -1, .to_fd = -1, .diag = diag };
	SFSI_AUTO_BUF struct sfs_buf from = SFS_BUF_INIT, temp = SFS_BUF_INIT;
	int64_t time_ns;
	struct stat stat;
	int err = join(&from, config->folder, "/", name);
	if (!err)
		err = join(&temp, path, ".restore", SFSI_BACKUP_TEMP);
	if (err < 0)
		return err;
	if (lstat(path, &stat) == 0)
		return sfs_diag_set(diag, SFS_ERR_EXISTS, "%s exists already", path);
	restoring.from_fd = sfsi_backup_time(name, &time_ns)
				    ? open(from.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
				    : -1;
	if (restoring.from_fd < 0)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "%s has no backup %s", config->folder,
				    name);
	sfsi_copying_init(&restoring.copying, config, -1);
	/* What an attempt that was interrupted left. */
	sfsi_remove_tree(AT_FDCWD, temp.data);
	err = begin(&restoring);
	if (!err)
		err = restore_into(&restoring, temp.data, path);
	free(restoring.file);
	sfsi_close_fd(&restoring.from_fd);
	sfsi_close_fd(&restoring.to_fd);
	return err;
}
