/* Folders of objects as files, as a kind of mirror: begin, end, and what is synced. See folder.h. */
#include "mirror/folder.h"
#include <errno.h>
#include <fcntl.h>
#include "base/errno.h"

static int folder_open(struct sfsi_mirror *mirror, void **ret, struct sfs_diag *diag)
{
	/* A database of its own has no objects beside it. */
	if (mirror->file)
		return 0;
	struct sfsi_folder *folder = calloc(1, sizeof *folder);
	if (!folder)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	folder->mirror = mirror;
	folder->store = mirror->store;
	folder->dir_fd = -1;
	pthread_mutex_init(&folder->lock, NULL);
	*ret = folder;
	return 0;
}

static void folder_close(void *own)
{
	struct sfsi_folder *folder = own;
	for (size_t i = 0; i < folder->done_len; i++)
		free(folder->done[i].oid);
	for (size_t i = 0; i < folder->unsynced_len; i++)
		free(folder->unsynced[i]);
	free(folder->done);
	free(folder->unsynced);
	free(folder->staged);
	free(folder->dir_path);
	if (folder->dir_fd >= 0)
		close(folder->dir_fd);
	pthread_mutex_destroy(&folder->lock);
	free(folder);
}

/* --- syncing --- */

/** A file and its folder; one that is gone is no error, its folder then says so. */
static int sync_path(int root_fd, const char *path)
{
	SFSI_AUTO_FD int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && fsync(fd) < 0)
		return sfsi_err_from_errno(errno);
	const char *slash = strrchr(path, '/');
	SFSI_AUTO_FREE char *above = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	if (!above)
		return 0;
	SFSI_AUTO_FD int dir_fd = openat(root_fd, above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd >= 0 && fsync(dir_fd) < 0)
		return sfsi_err_from_errno(errno);
	return 0;
}

static int folder_sync(void *own)
{
	struct sfsi_folder *folder = own;
	int root_fd = folder->mirror->root_fd, err = 0;
	pthread_mutex_lock(&folder->lock);
	char **paths = folder->unsynced;
	size_t len = folder->unsynced_len;
	bool all = folder->unsynced_all;
	/* Tasks that are done now are synced by what follows; later ones are not. */
	uint64_t last = 0;
	for (size_t i = 0; i < folder->done_len; i++)
		if (folder->done[i].commit > last)
			last = folder->done[i].commit;
	folder->unsynced = NULL;
	folder->unsynced_len = folder->unsynced_cap = 0;
	folder->unsynced_all = false;
	pthread_mutex_unlock(&folder->lock);
	if (all && syncfs(root_fd) < 0)
		err = sfsi_err_from_errno(errno);
	for (size_t i = 0; i < len; i++) {
		if (!err && !all)
			err = sync_path(root_fd, paths[i]);
		free(paths[i]);
	}
	free(paths);
	SFSI_LOCK_SCOPE(&folder->lock);
	folder->unsynced_all = folder->unsynced_all || err < 0;
	for (size_t i = folder->done_synced; i < folder->done_len && !err; i++) {
		struct sfsi_folder_done done = folder->done[i];
		if (done.commit > last)
			continue;
		folder->done[i] = folder->done[folder->done_synced];
		folder->done[folder->done_synced++] = done;
	}
	return err;
}

static int folder_tick(void *own, bool closing)
{
	struct sfsi_folder *folder = own;
	int err = 0;
	if (atomic_load(&folder->behind))
		err = sfsi_folder_scan(folder);
	return err < 0 || !closing ? err : sfsi_folder_clear(folder);
}

const struct sfsi_mirror_kind sfsi_mirror_directory = {
	.name = "directory",
	.recognise = sfsi_folder_recognise,
	.open = folder_open,
	.scan = sfsi_folder_scan,
	.again = sfsi_folder_again,
	.look = sfsi_folder_look,
	.stage = sfsi_folder_stage,
	.publish = sfsi_folder_publish,
	.abort = sfsi_folder_abort,
	.sync = folder_sync,
	.tick = folder_tick,
	.close = folder_close,
};
