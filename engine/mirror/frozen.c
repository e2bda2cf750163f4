/* A mirror in a backup: see frozen.h. */
#include "mirror/frozen.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/errno.h"
#include "store_private.h"

#define FOLDER "folder\n"
#define FILE_IS "file "
#define JSON ".json"

bool sfsi_frozen_is(int dir_fd)
{
	struct stat stat;
	return fstatat(dir_fd, SFSI_FROZEN_NOTE, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(stat.st_mode) &&
	       fstatat(dir_fd, SFSI_FROZEN_FILES, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(stat.st_mode);
}

int sfsi_frozen_file(int dir_fd, char **ret)
{
	char text[NAME_MAX + 16];
	size_t head = strlen(FILE_IS);
	SFSI_AUTO_FD int fd = openat(dir_fd, SFSI_FROZEN_NOTE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (got < 0)
		return sfsi_err_from_errno(errno);
	text[got] = '\0';
	*ret = NULL;
	if (strcmp(text, FOLDER) == 0)
		return 0;
	if ((size_t)got < head + 2 || strncmp(text, FILE_IS, head) != 0 || text[got - 1] != '\n' ||
	    strchr(text, '/') || text[head] == '.')
		return SFS_ERR_CORRUPT;
	*ret = strndup(text + head, (size_t)got - head - 1);
	return *ret ? 0 : SFS_ERR_NO_MEMORY;
}

int sfsi_frozen_attach(struct sfs_store *store, struct sfs_diag *diag)
{
	struct sfsi_mirror *mirror = calloc(1, sizeof *mirror);
	if (!mirror)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	store->mirror = mirror;
	mirror->store = store;
	mirror->read_only = mirror->settled = mirror->frozen = true;
	mirror->root_fd = openat(store->dir_fd, SFSI_FROZEN_FILES,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int err = mirror->root_fd < 0 ? sfsi_err_from_errno(errno)
				      : sfsi_frozen_file(store->dir_fd, &mirror->file);
	if (!err && asprintf(&mirror->root, "%s/" SFSI_FROZEN_FILES, store->path) < 0) {
		mirror->root = NULL;
		err = SFS_ERR_NO_MEMORY;
	}
	return err < 0 ? sfs_diag_set(diag, err, "%s/" SFSI_FROZEN_NOTE ": %s", store->path,
				      sfs_err_text(err))
		       : 0;
}

/** Does it end in ".json" and any number of '~'? */
static bool is_marked(const char *path)
{
	size_t len = strlen(path), end = strlen(JSON);
	while (len && path[len - 1] == '~')
		len--;
	return len >= end && strncmp(path + len - end, JSON, end) == 0;
}

int sfsi_frozen_path(const char *path, char ret[SFSI_FROZEN_PATH])
{
	int len = snprintf(ret, SFSI_FROZEN_PATH, SFSI_FROZEN_FILES "/%s%s", path,
			   is_marked(path) ? "~" : "");
	return len < SFSI_FROZEN_PATH ? 0 : SFS_ERR_LIMIT;
}

void sfsi_frozen_unpath(const char *place, char ret[SFSI_FROZEN_PATH])
{
	size_t head = strlen(SFSI_FROZEN_FILES "/"), len = strlen(place) - head;
	if (is_marked(place) && place[head + len - 1] == '~')
		len--;
	snprintf(ret, SFSI_FROZEN_PATH, "%.*s", (int)len, place + head);
}
