/* See dir.h. */
#include "base/dir.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/errno.h"

int sfsi_dir_open(int at, const char *name, DIR **ret)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	DIR *dir = fdopendir(fd);
	if (!dir) {
		int err = sfsi_err_from_errno(errno);
		close(fd);
		return err;
	}
	*ret = dir;
	return 0;
}

const struct dirent *sfsi_dir_next(DIR *dir, int *ret_err)
{
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry && errno)
			*ret_err = sfsi_err_from_errno(errno);
		if (!entry || (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0))
			return entry;
	}
}

bool sfsi_dir_is_empty(int dir_fd)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(dir_fd, ".", &dir);
	return dir && !sfsi_dir_next(dir, &err) && !err;
}

void sfsi_remove_tree(int dir_fd, const char *name)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return;
	int err = sfsi_dir_open(dir_fd, name, &dir);
	for (const struct dirent *entry; dir && !err && (entry = sfsi_dir_next(dir, &err));)
		sfsi_remove_tree(dirfd(dir), entry->d_name);
	unlinkat(dir_fd, name, AT_REMOVEDIR);
}
