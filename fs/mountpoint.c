/*
 * Checks before a mount: see mountpoint.h. libfuse would notice most of it later, with messages
 * that help nobody.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mountpoint.h"

static int check_directory(const char *path, struct sfs_diag *diag)
{
	struct stat stat_;
	if (stat(path, &stat_) == 0) {
		if (S_ISDIR(stat_.st_mode))
			return 0;
		return sfs_diag_set(diag, SFS_ERR_NOT_DIR, "mount point %s is not a directory",
				    path);
	}
	if (errno == ENOENT)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND,
				    "mount point %s does not exist: make it with mkdir", path);
	if (errno == ENOTDIR)
		return sfs_diag_set(diag, SFS_ERR_NOT_DIR, "mount point %s is below a file", path);
	if (errno == ENOTCONN)
		return sfs_diag_set(diag, SFS_ERR_EXISTS,
				    "mount point %s holds a dead mount: remove it with "
				    "'fusermount3 -uz %s'",
				    path, path);
	return sfs_diag_set(diag, SFS_ERR_PERMISSION, "mount point %s: %s", path, strerror(errno));
}

static bool is_same(const char *a, const char *b)
{
	struct stat stat_a, stat_b;
	return stat(a, &stat_a) == 0 && stat(b, &stat_b) == 0 && stat_a.st_dev == stat_b.st_dev &&
	       stat_a.st_ino == stat_b.st_ino;
}

/** Is a folder inside another, or the same? Asks for identity, so bind mounts do not fool it. */
static bool is_inside(const char *path, const char *outer)
{
	char *part = strdup(path);
	bool found = part && is_same(part, outer);
	while (part && !found && strcmp(part, "/") != 0) {
		char *slash = strrchr(part, '/');
		if (!slash)
			break;
		slash[slash == part ? 1 : 0] = '\0';
		found = is_same(part, outer);
	}
	free(part);
	return found;
}

/** Undo the octal escapes of /proc. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from;) {
		unsigned code;
		if (*from == '\\' && sscanf(from + 1, "%3o", &code) == 1) {
			*to++ = (char)code;
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/** One line of mountinfo: the store that is mounted at this place, or NULL. Cuts the line up. */
static const char *mounted_store(char *line, const char *mountpoint)
{
	static const char prefix[] = "storefs:";
	char *save, *place = NULL, *type = NULL, *from = NULL;
	unsigned field = 0, after = 0;
	for (char *word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		field++;
		if (field == 5)
			place = word;
		if (after && ++after == 2)
			type = word;
		else if (after == 3)
			from = word;
		if (field > 6 && strcmp(word, "-") == 0 && !after)
			after = 1;
	}
	if (!place || !type || !from || strcmp(type, "fuse.storefs") != 0)
		return NULL;
	unescape(place);
	unescape(from);
	if (strcmp(place, mountpoint) != 0 || strncmp(from, prefix, sizeof prefix - 1) != 0)
		return NULL;
	return from + sizeof prefix - 1;
}

/** A store that is served at this very place would be hidden by one more mount. */
static int check_mounted(const char *mountpoint, struct sfs_diag *diag)
{
	char *line = NULL;
	size_t size = 0;
	int err = 0;
	FILE *info = fopen("/proc/self/mountinfo", "re");
	while (info && !err && getline(&line, &size, info) >= 0) {
		const char *store = mounted_store(line, mountpoint);
		if (store)
			err = sfs_diag_set(diag, SFS_ERR_EXISTS,
					   "store %s is mounted on %s already", store, mountpoint);
	}
	free(line);
	if (info)
		fclose(info);
	return err;
}

static int check_overlap(const char *store, const char *mountpoint, struct sfs_diag *diag)
{
	char *real_store = realpath(store, NULL), *real_mount = realpath(mountpoint, NULL);
	int err = 0;
	if (real_store && real_mount) {
		if (is_inside(real_mount, real_store))
			err = sfs_diag_set(diag, SFS_ERR_INVALID,
					   "mount point %s is inside the store %s", real_mount,
					   real_store);
		else if (is_inside(real_store, real_mount))
			err = sfs_diag_set(
				diag, SFS_ERR_INVALID,
				"store %s is inside the mount point %s, which would hide it",
				real_store, real_mount);
	}
	if (!err && real_mount)
		err = check_mounted(real_mount, diag);
	free(real_store);
	free(real_mount);
	return err;
}

static int check_device(struct sfs_diag *diag)
{
	static const char device[] = "/dev/fuse";
	if (access(device, R_OK | W_OK) == 0)
		return 0;
	if (errno == ENOENT)
		return sfs_diag_set(
			diag, SFS_ERR_UNSUPPORTED,
			"%s does not exist: load the kernel module with 'modprobe fuse', or "
			"give the container the device",
			device);
	return sfs_diag_set(diag, SFS_ERR_PERMISSION,
			    "%s can not be opened (%s): its mode should be 0666, or run as root",
			    device, strerror(errno));
}

int fs_mountpoint_check(const struct fs_options *options, struct sfs_diag *diag)
{
	const char *mountpoint = options->mountpoint;
	int err = check_directory(mountpoint, diag);
	if (!err)
		err = check_overlap(options->store_path, mountpoint, diag);
	if (!err)
		err = check_device(diag);
	if (!err && access(mountpoint, geteuid() ? W_OK | X_OK : X_OK) < 0)
		err = sfs_diag_set(
			diag, SFS_ERR_PERMISSION,
			"mount point %s: %s: you can only mount on a directory that you may "
			"write to",
			mountpoint, strerror(errno));
	return err;
}
