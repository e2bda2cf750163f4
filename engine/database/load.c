/* Loading and setting aside: see load.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "base/errno.h"
#include "database/load.h"

static bool is_part(const char *part)
{
	return *part && strcmp(part, ".") != 0 && strcmp(part, "..") != 0;
}

/** Go down to the folder of the file; ret->file is what is left of the name. */
static int find_folder(char *path, struct sfsi_home *ret)
{
	for (char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		*slash = '\0';
		if (!is_part(path))
			return SFS_ERR_NAME;
		int fd = openat(ret->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return sfsi_err_from_errno(errno);
		close(ret->dir_fd);
		ret->dir_fd = fd;
	}
	if (!is_part(path))
		return SFS_ERR_NAME;
	int len = snprintf(ret->file, sizeof ret->file, "%s" SFSI_DATABASE_EXTENSION, path);
	return len < (int)sizeof ret->file ? 0 : SFS_ERR_LIMIT;
}

int sfsi_home_open(int root_fd, struct sfs_span name, struct sfsi_home *ret)
{
	struct sfsi_home home = { .root_fd = -1, .dir_fd = -1 };
	if (name.len == 0 || memchr(name.data, '\0', name.len))
		return SFS_ERR_NAME;
	SFSI_AUTO_FREE char *path = strndup(name.data, name.len);
	home.name = strndup(name.data, name.len);
	int err = path && home.name ? 0 : SFS_ERR_NO_MEMORY;
	home.root_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	home.dir_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	if (!err && (home.root_fd < 0 || home.dir_fd < 0))
		err = sfsi_err_from_errno(errno);
	if (!err)
		err = find_folder(path, &home);
	if (err < 0) {
		sfsi_home_close(&home);
		return err;
	}
	*ret = home;
	return 0;
}

void sfsi_home_close(struct sfsi_home *home)
{
	/* A zeroed home has no name, and no descriptors. */
	if (home->name) {
		sfsi_close_fd(&home->root_fd);
		sfsi_close_fd(&home->dir_fd);
	}
	free(home->name);
	*home = (struct sfsi_home){ .root_fd = -1, .dir_fd = -1 };
}

void sfsi_loaded_fini(struct sfsi_loaded *loaded)
{
	sfsi_snapshot_fini(&loaded->snapshot);
}

static int read_image(int dir_fd, const char *name, int temp_fd, struct sfsi_loaded *ret,
		      struct sfs_diag *diag)
{
	int err = sfsi_snapshot_read(dir_fd, name, temp_fd, &ret->snapshot);
	if (err < 0)
		return sfs_diag_set(diag, err, "%.200s: %s", name, sfs_err_text(err));
	err = sfsi_image_check(ret->snapshot.bytes, &ret->image, diag);
	if (err < 0)
		sfsi_snapshot_fini(&ret->snapshot);
	return err;
}

static int read_backups(const struct sfsi_home *home, int fd, int temp_fd, struct sfsi_loaded *ret)
{
	struct sfsi_backups backups;
	int err = sfsi_backups_list(fd, &backups);
	if (err < 0)
		return err;
	err = SFS_ERR_CORRUPT;
	for (size_t i = 0; err && i < backups.count; i++) {
		const char *name = backups.items[i].name;
		sfsi_tell(&home->teller, SFS_LOG_WARNING, "Reading from backup '%s'", name);
		err = read_image(fd, name, temp_fd, ret, NULL);
		if (err < 0) {
			sfsi_tell(&home->teller, SFS_LOG_ERROR, "Failed to read backup");
			continue;
		}
		snprintf(ret->from, sizeof ret->from, "%s", name);
		sfsi_tell(&home->teller, SFS_LOG_WARNING, "Successfully loaded backup '%s'", name);
	}
	sfsi_backups_fini(&backups);
	return err;
}

static int recover(const struct sfsi_home *home, int temp_fd, struct sfsi_loaded *ret,
		   struct sfs_diag *diag)
{
	SFSI_AUTO_FD int fd = -1;
	sfsi_tell(&home->teller, SFS_LOG_TRACEBACK, "Database '%s' corrupted, reading from backup",
		  home->name);
	int err = sfsi_backups_open(home->root_fd, home->name, false, &fd);
	if (!err)
		err = read_backups(home, fd, temp_fd, ret);
	if (!err)
		return 0;
	sfsi_tell(&home->teller, SFS_LOG_ERROR,
		  "Failed to load database, throwing DatabaseLoadError");
	return sfs_diag_set(diag, SFS_ERR_CORRUPT, "Could not load db:%s", home->name);
}

int sfsi_database_load(const struct sfsi_home *home, int temp_fd, bool hot, struct sfsi_loaded *ret,
		       struct sfs_diag *diag)
{
	struct sfsi_loaded loaded = { .missing = false };
	struct sfs_diag why = SFS_DIAG_INIT;
	int err = read_image(home->dir_fd, home->file, temp_fd, &loaded, &why);
	if (err == SFS_ERR_NOT_FOUND) {
		loaded.missing = true;
		err = 0;
	} else if (err == SFS_ERR_CORRUPT && hot) {
		err = sfs_diag_set(diag, SFS_ERR_BUSY, "db:%s is being written: %s", home->name,
				   why.text);
	} else if (err == SFS_ERR_CORRUPT) {
		snprintf(loaded.why, sizeof loaded.why, "%.190s", why.text);
		err = recover(home, temp_fd, &loaded, diag);
	} else if (err < 0) {
		sfs_diag_set(diag, err, "db:%s: %s", home->name, why.text);
	}
	if (!err)
		*ret = loaded;
	return err;
}

/** Give what is at a name a name that nothing has. */
static int move_aside(const struct sfsi_home *home, const char *name, char ret[SFSI_ASIDE_MAX])
{
	for (unsigned i = 0; i < 10000; i++) {
		char end[16] = "";
		if (i)
			snprintf(end, sizeof end, ".%u", i);
		snprintf(ret, SFSI_ASIDE_MAX, "%s.corrupt%s", home->file, end);
		if (renameat2(home->dir_fd, name, home->dir_fd, ret, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return sfsi_err_from_errno(errno);
	}
	return SFS_ERR_EXISTS;
}

static int replace(const struct sfsi_home *home, struct sfs_span bytes, struct sfsi_file_stamp *ret,
		   char ret_aside[SFSI_ASIDE_MAX])
{
	struct sfsi_file_writer writer;
	struct sfsi_snapshot like;
	int err = sfsi_snapshot_read(home->dir_fd, home->file, -1, &like);
	if (err < 0)
		return err;
	err = sfsi_file_begin(home->dir_fd, home->file, (struct sfs_span){ NULL, 0 }, &writer);
	if (!err && (err = sfsi_file_put(&writer, bytes)) < 0)
		sfsi_file_abort(&writer);
	if (!err)
		err = sfsi_file_commit(&writer, home->file, &like, ret);
	sfsi_snapshot_fini(&like);
	return err < 0 ? err : move_aside(home, writer.temp, ret_aside);
}

int sfsi_database_set_aside(const struct sfsi_home *home, struct sfs_span bytes,
			    struct sfsi_file_stamp *ret, char ret_aside[SFSI_ASIDE_MAX])
{
	char aside[SFSI_ASIDE_MAX] = "";
	if (!bytes.data) {
		int err = move_aside(home, home->file, aside);
		*ret = (struct sfsi_file_stamp){ 0 };
		if (!err && fsync(home->dir_fd) < 0)
			err = sfsi_err_from_errno(errno);
		if (!err && ret_aside)
			memcpy(ret_aside, aside, sizeof aside);
		return err;
	}
	int err = replace(home, bytes, ret, aside);
	if (!err && ret_aside)
		memcpy(ret_aside, aside, sizeof aside);
	return err;
}
