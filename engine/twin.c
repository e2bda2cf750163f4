/* The mirror of a store: see twin.h. twin_files.c has its plain files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "backend/pair.h"
#include "base/errno.h"
#include "twin.h"
#include "twin_files.h"

#define PATH_SIZE 4096

/** Written whole, and durable. */
static int write_file(int dir_fd, const char *name, struct sfs_span text)
{
	SFSI_AUTO_FD int fd = openat(dir_fd, name,
				     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len || fsync(fd) < 0 ||
	    fsync(dir_fd) < 0)
		return sfsi_err_from_errno(errno);
	return 0;
}

int sfsi_twin_init(int dir_fd, const char *path, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf line = SFS_BUF_INIT;
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		int err = sfsi_err_from_errno(errno);
		return sfs_diag_set(diag, err, "make the mirror %s: %s", path, sfs_err_text(err));
	}
	SFSI_AUTO_FREE char *real = realpath(path, NULL);
	SFSI_AUTO_FD int fd = real ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0) {
		int err = sfsi_err_from_errno(errno);
		return sfs_diag_set(diag, err, "the mirror %s: %s", path, sfs_err_text(err));
	}
	if (strlen(real) >= PATH_SIZE - 16 || strchr(real, '\n'))
		return sfs_diag_set(diag, SFS_ERR_NAME, "the mirror's path can not be kept: %s",
				    path);
	if (!sfsi_dir_is_empty(fd))
		return sfs_diag_set(diag, SFS_ERR_EXISTS, "the mirror %s is not empty", path);
	int err = sfs_buf_printf(&line, "%s\n", real);
	if (!err)
		err = write_file(dir_fd, SFSI_TWIN_BEHIND, (struct sfs_span){ "", 0 });
	if (!err)
		err = write_file(dir_fd, SFSI_TWIN_FILE, sfs_buf_span(&line));
	return err < 0 ? sfs_diag_set(diag, err, "the mirror %s: %s", path, sfs_err_text(err)) : 0;
}

/** *ret_path empty: the store has no mirror. */
static int read_path(const struct sfs_store *store, char ret_path[PATH_SIZE])
{
	SFSI_AUTO_FD int fd = openat(store->dir_fd, SFSI_TWIN_FILE,
				     O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ret_path[0] = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	ssize_t len = read(fd, ret_path, PATH_SIZE - 1);
	if (len <= 1 || ret_path[len - 1] != '\n' || ret_path[0] != '/') {
		ret_path[0] = 0;
		return SFS_ERR_CORRUPT;
	}
	ret_path[len - 1] = 0;
	return 0;
}

/* --- opening --- */

/** What makes a folder a mirror of this store. A new one is made complete. */
static int prepare(struct sfs_store *store, struct sfsi_twin *twin, bool *ret_create)
{
	struct sfsi_store_file file, mine = { .format = store->format };
	int err = sfsi_store_file_read(twin->dir_fd, SFSI_STORE_FILE, twin->path, &file, NULL);
	*ret_create = err == SFS_ERR_NOT_STORE && sfsi_folder_is_new(twin->dir_fd);
	if (!err && strcmp(file.uuid, store->uuid) != 0)
		return SFS_ERR_CONFLICT;
	/* One that was not there when the store got a newer format. */
	bool older = !err && file.format < store->format;
	if ((!*ret_create && !older) || store->read_only)
		return err;
	memcpy(mine.uuid, store->uuid, sizeof mine.uuid);
	snprintf(mine.backend, sizeof mine.backend, "%s", store->backend->ops->name);
	if (older)
		return sfsi_store_file_write(twin->dir_fd, SFSI_STORE_FILE, twin->path, &mine,
					     NULL);
	sfsi_remove_tree(twin->dir_fd, "db");
	if (mkdirat(twin->dir_fd, "db", 0700) < 0 ||
	    (mkdirat(twin->dir_fd, "raw", 0700) < 0 && errno != EEXIST))
		return sfsi_err_from_errno(errno);
	return sfsi_store_file_write(twin->dir_fd, SFSI_STORE_FILE, twin->path, &mine, NULL);
}

static int open_second(struct sfs_store *store, struct sfsi_twin *twin,
		       const struct sfs_store_config *config, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfs_store_config own = *config;
	bool create = false;
	own.path = twin->path;
	twin->dir_fd = open(twin->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = twin->dir_fd < 0 ? sfsi_err_from_errno(errno) : 0;
	if (!err)
		err = sfsi_store_lock(twin->dir_fd, &own, &twin->lock_fd, diag);
	if (!err)
		err = prepare(store, twin, &create);
	if (!err)
		err = sfs_buf_printf(&path, "%s/db", twin->path);
	if (!err)
		err = sfs_buf_append(&path, "", 1);
	const struct sfsi_backend_config backend = { .path = path.data,
						     .create = create,
						     .read_only = store->read_only };
	struct sfsi_backend *second = NULL, *pair;
	if (!err)
		err = sfsi_backend_open(store->backend->ops, &backend, &second, diag);
	if (!err)
		err = sfsi_backend_pair_wrap(store->backend, second, &pair);
	if (err < 0) {
		sfsi_backend_close(second);
		return err;
	}
	twin->raw_fd = openat(twin->dir_fd, "raw", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A reader does not make it right: what is behind is only compared. */
	if (!store->read_only || !twin->was_clean)
		sfsi_backend_pair_set_behind(pair);
	twin->pair = store->backend = pair;
	return 0;
}

void sfsi_twin_upgraded(struct sfs_store *store, const struct sfsi_store_file *file)
{
	const struct sfsi_twin *twin = store->twin;
	/* One that takes no writes gets it when it is opened the next time. */
	if (twin && twin->pair)
		(void)!sfsi_store_file_write(twin->dir_fd, SFSI_STORE_FILE, twin->path, file, NULL);
}

int sfsi_twin_attach(struct sfs_store *store, const struct sfs_store_config *config,
		     struct sfs_diag *diag)
{
	char path[PATH_SIZE];
	struct sfs_diag why = SFS_DIAG_INIT;
	int err = read_path(store, path);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s/" SFSI_TWIN_FILE " can not be read: %s",
				    store->path, sfs_err_text(err));
	if (!path[0])
		return 0;
	struct sfsi_twin *twin = calloc(1, sizeof *twin);
	if (!twin)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	*twin = (struct sfsi_twin){ .dir_fd = -1, .lock_fd = -1, .raw_fd = -1 };
	store->twin = twin;
	twin->path = strdup(path);
	pthread_mutex_init(&twin->lock, NULL);
	twin->was_clean = faccessat(store->dir_fd, SFSI_TWIN_BEHIND, F_OK, 0) < 0;
	err = twin->path ? 0 : SFS_ERR_NO_MEMORY;
	if (!err && !store->read_only)
		err = write_file(store->dir_fd, SFSI_TWIN_BEHIND, (struct sfs_span){ "", 0 });
	if (err < 0)
		return sfs_diag_set(diag, err, "%s/" SFSI_TWIN_BEHIND ": %s", store->path,
				    sfs_err_text(err));
	err = open_second(store, twin, config, &why);
	if (err == SFS_ERR_CONFLICT)
		return sfs_diag_set(diag, err, "%s is the mirror of another store", path);
	/* The store is there without its mirror, too. */
	if (err < 0)
		snprintf(twin->why, sizeof twin->why, "%.400s",
			 why.text[0] ? why.text : sfs_err_text(err));
	return 0;
}

/* --- catching up --- */

/** Was the mirror used as a store by itself, and has what this one lacks? */
static int check_newer(struct sfs_store *store, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf note = SFS_BUF_INIT;
	uint64_t commit = 0;
	int err = sfsi_backend_pair_marked(store->twin->pair, &note);
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_UNSUPPORTED)
		return 0;
	if (!err)
		err = sfsi_mark_decode(sfs_buf_span(&note), &commit);
	if (err < 0 || commit <= atomic_load(&store->commit))
		return 0; /* what can not be read is written anew */
	return sfs_diag_set(
		diag, SFS_ERR_CONFLICT,
		"the mirror %s is newer than the store: it has commit %llu, this one has "
		"%llu; remove one of them, or %s/" SFSI_TWIN_FILE,
		store->twin->path, (unsigned long long)commit,
		(unsigned long long)atomic_load(&store->commit), store->path);
}

static int match_all(struct sfs_store *store, bool repair, uint64_t *ret_differs)
{
	struct sfsi_twin *twin = store->twin;
	int err = 0;
	for (uint32_t id = 0; id < store->by_id_len && !err; id++)
		err = sfsi_backend_pair_match(twin->pair, id, repair, ret_differs);
	return err;
}

int sfsi_twin_catch_up(struct sfs_store *store, struct sfs_diag *diag)
{
	struct sfsi_twin *twin = store->twin;
	uint64_t rows = 0;
	if (!twin || !twin->pair || store->read_only)
		return 0;
	int err = check_newer(store, diag);
	if (err < 0)
		return err;
	sfsi_backend_pair_resume(twin->pair);
	if (twin->was_clean)
		return 0;
	err = match_all(store, true, &rows);
	if (err < 0)
		snprintf(twin->why, sizeof twin->why, "%s", sfs_err_text(err));
	else
		sfsi_twin_files(store);
	return 0;
}

void sfsi_twin_close(struct sfs_store *store)
{
	struct sfsi_twin *twin = store->twin;
	if (!twin || !twin->pair || store->read_only)
		return;
	sfsi_twin_files(store);
	if (!sfsi_twin_is_behind(store) && fsync(twin->dir_fd) == 0)
		unlinkat(store->dir_fd, SFSI_TWIN_BEHIND, 0);
}

void sfsi_twin_free(struct sfs_store *store)
{
	struct sfsi_twin *twin = store->twin;
	if (!twin)
		return;
	if (twin->raw_fd >= 0)
		close(twin->raw_fd);
	if (twin->lock_fd >= 0) {
		if (!store->read_only)
			(void)!ftruncate(twin->lock_fd, 0);
		close(twin->lock_fd);
	}
	if (twin->dir_fd >= 0)
		close(twin->dir_fd);
	pthread_mutex_destroy(&twin->lock);
	free(twin->path);
	free(twin);
	store->twin = NULL;
}

void sfsi_twin_stat(struct sfs_store *store, struct sfs_store_stat *ret)
{
	struct sfsi_twin *twin = store->twin;
	if (!twin)
		return;
	ret->mirror = twin->path;
	ret->mirror_behind = sfsi_twin_is_behind(store);
	ret->mirror_why = twin->why;
}

bool sfsi_twin_is_behind(struct sfs_store *store)
{
	struct sfsi_twin *twin = store->twin;
	return !twin->pair || sfsi_backend_pair_is_behind(twin->pair) ||
	       atomic_load(&twin->files_behind);
}

int sfsi_twin_compare(struct sfs_store *store, uint64_t *ret_rows, uint64_t *ret_files)
{
	struct sfsi_twin *twin = store->twin;
	if (!twin)
		return SFS_ERR_NOT_FOUND;
	if (!twin->pair)
		return SFS_ERR_IO;
	int err = match_all(store, false, ret_rows);
	return err < 0 ? err : sfsi_twin_files_compare(store, ret_files);
}
