/*
 * The plain files of a mirror. A file is the same when size and time of its last change are; a copy gets both
 * from its original, and its name when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "open.h"
#include "twin_files.h"

#define TEMP_NAME "copying"
#define DEPTH 3 /* CLASS/SHARD/SERIAL */

bool sfsi_folder_is_new(int dir_fd)
{
	static const char *const left[] = { "lock", "db", "raw", "storefs.json.tmp" };
	SFSI_AUTO_DIR DIR *dir = NULL;
	bool is_new = true;
	int err = sfsi_dir_open(dir_fd, ".", &dir);
	for (const struct dirent *entry; !err && is_new && (entry = sfsi_dir_next(dir, &err));) {
		is_new = false;
		for (size_t i = 0; i < sizeof left / sizeof *left; i++)
			is_new = is_new || strcmp(entry->d_name, left[i]) == 0;
	}
	return !err && is_new;
}

/* --- one file --- */

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int copy_range(int from, int to, off_t size)
{
	off_t in = 0, out = 0;
	while (in < size) {
		ssize_t done = copy_file_range(from, &in, to, &out, (size_t)(size - in), 0);
		if (done < 0)
			return -1;
		if (done == 0)
			break; /* it became shorter */
	}
	return ftruncate(to, size);
}

static void make_folders(int raw_fd, const char *path)
{
	char folder[SFSI_BYTES_PATH];
	snprintf(folder, sizeof folder, "%.6s", path);
	mkdirat(raw_fd, folder, 0700);
	snprintf(folder, sizeof folder, "%.14s", path);
	mkdirat(raw_fd, folder, 0700);
}

/** -1 with errno. */
static int copy_file(const struct sfs_store *store, const char *path)
{
	const struct sfsi_twin *twin = store->twin;
	struct stat from_stat, to_stat;
	SFSI_AUTO_FD int from = openat(store->raw_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0 || fstat(from, &from_stat) < 0)
		return errno == ENOENT ? 0 : -1;
	if (fstatat(twin->raw_fd, path, &to_stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	    is_same(&from_stat, &to_stat))
		return 0;
	SFSI_AUTO_FD int to = openat(twin->raw_fd, TEMP_NAME,
				     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	const struct timespec times[2] = { from_stat.st_atim, from_stat.st_mtim };
	if (to < 0 || copy_range(from, to, from_stat.st_size) < 0 || futimens(to, times) < 0 ||
	    fsync(to) < 0)
		return -1;
	make_folders(twin->raw_fd, path);
	return renameat(twin->raw_fd, TEMP_NAME, twin->raw_fd, path);
}

void sfsi_twin_file(struct sfs_store *store, const char *path)
{
	struct sfsi_twin *twin = store->twin;
	if (!twin || !twin->pair || store->read_only)
		return;
	SFSI_LOCK_SCOPE(&twin->lock);
	if (copy_file(store, path) < 0)
		atomic_store(&twin->files_behind, true);
}

void sfsi_twin_file_gone(struct sfs_store *store, const char *path)
{
	struct sfsi_twin *twin = store->twin;
	if (!twin || !twin->pair)
		return;
	SFSI_LOCK_SCOPE(&twin->lock);
	if (unlinkat(twin->raw_fd, path, 0) < 0 && errno != ENOENT)
		atomic_store(&twin->files_behind, true);
}

/* --- all of them --- */

/** Called for each file below a folder, with its path. A number below 0 stops. */
typedef int each_fn(void *arg, const char *path);

static int each_file(int dir_fd, const char *path, int depth, each_fn *fn, void *arg)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(dir_fd, path[0] ? path : ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));) {
		char below[128];
		int len = snprintf(below, sizeof below, "%s%s%.64s", path, path[0] ? "/" : "",
				   entry->d_name);
		bool folder = depth < DEPTH;
		if (entry->d_name[0] == '.' || len >= (int)sizeof below ||
		    (depth == 1 && strcmp(entry->d_name, TEMP_NAME) == 0))
			continue;
		err = folder ? each_file(dir_fd, below, depth + 1, fn, arg) : fn(arg, below);
	}
	return err;
}

static int bring(void *arg, const char *path)
{
	return copy_file(arg, path);
}

static int sweep(void *arg, const char *path)
{
	struct sfs_store *store = arg;
	struct stat stat;
	if (fstatat(store->raw_fd, path, &stat, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return 0;
	return unlinkat(store->twin->raw_fd, path, 0);
}

void sfsi_twin_files(struct sfs_store *store)
{
	struct sfsi_twin *twin = store->twin;
	if (!twin || !twin->pair)
		return;
	SFSI_LOCK_SCOPE(&twin->lock);
	bool failed = each_file(store->raw_fd, "", 1, bring, store) < 0 ||
		      each_file(twin->raw_fd, "", 1, sweep, store) < 0;
	atomic_store(&twin->files_behind, failed);
}

struct counting {
	int other_fd;
	int from_fd;
	uint64_t differ;
	bool only_missing;
};

static int count_differing(void *arg, const char *path)
{
	struct counting *counting = arg;
	struct stat a, b;
	if (fstatat(counting->from_fd, path, &a, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	int missing = fstatat(counting->other_fd, path, &b, AT_SYMLINK_NOFOLLOW) < 0;
	if (missing && errno != ENOENT)
		return -1;
	counting->differ += missing || (!counting->only_missing && !is_same(&a, &b));
	return 0;
}

int sfsi_twin_files_compare(struct sfs_store *store, uint64_t *ret_differ)
{
	struct sfsi_twin *twin = store->twin;
	struct counting there = { .from_fd = store->raw_fd, .other_fd = twin->raw_fd };
	struct counting back = { .from_fd = twin->raw_fd,
				 .other_fd = store->raw_fd,
				 .only_missing = true };
	SFSI_LOCK_SCOPE(&twin->lock);
	if (each_file(store->raw_fd, "", 1, count_differing, &there) < 0 ||
	    each_file(twin->raw_fd, "", 1, count_differing, &back) < 0)
		return SFS_ERR_IO;
	*ret_differ += there.differ + back.differ;
	return 0;
}
