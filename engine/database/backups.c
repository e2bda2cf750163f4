/* Backups of databases: see backups.h. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include "base/array.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/errno.h"
#include "database/backups.h"
#include "database/file.h"

/** Open a folder below fd; made when it is missing and create is set. */
static int enter(int *fd, const char *name, bool create)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int next = openat(*fd, name, flags);
	if (next < 0 && errno == ENOENT && create &&
	    (mkdirat(*fd, name, 0777) == 0 || errno == EEXIST))
		next = openat(*fd, name, flags);
	if (next < 0)
		return sfsi_err_from_errno(errno);
	close(*fd);
	*fd = next;
	return 0;
}

int sfsi_backups_open(int root_fd, const char *name, bool create, int *ret_fd)
{
	SFSI_AUTO_FREE char *copy = strdup(name);
	SFSI_AUTO_FD int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	int err = fd < 0 ? sfsi_err_from_errno(errno) : enter(&fd, SFSI_BACKUPS_FOLDER, create);
	char *rest = copy;
	for (char *part; !err && (part = strsep(&rest, "/"));)
		if (*part)
			err = enter(&fd, part, create);
	if (err < 0)
		return err;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* --- numbers of any size --- */

static const char *digits_of(const char *name)
{
	while (*name == '0' && name[1])
		name++;
	return name;
}

static int compare(const char *a, const char *b)
{
	a = digits_of(a);
	b = digits_of(b);
	size_t a_len = strlen(a), b_len = strlen(b);
	return a_len != b_len ? (a_len > b_len) - (a_len < b_len) : strcmp(a, b);
}

static int newest_first(const void *a, const void *b)
{
	return compare(((const struct sfsi_backup *)b)->name,
		       ((const struct sfsi_backup *)a)->name);
}

static bool is_number(const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)name[i]))
			return false;
	/* One more digit may come in front. */
	return len > 0 && len < SFSI_BACKUP_NAME_MAX;
}

static void add_one(const char *name, char ret[SFSI_BACKUP_NAME_MAX + 1])
{
	char digits[SFSI_BACKUP_NAME_MAX + 1];
	size_t at = strlen(digits_of(name));
	memcpy(digits, digits_of(name), at + 1);
	while (at && digits[at - 1] == '9')
		digits[--at] = '0';
	if (at)
		digits[at - 1]++;
	snprintf(ret, SFSI_BACKUP_NAME_MAX + 1, "%s%.*s", at ? "" : "1", SFSI_BACKUP_NAME_MAX - 1,
		 digits);
}

static void name_moment(int64_t ns, char ret[SFSI_BACKUP_NAME_MAX + 1])
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	snprintf(ret, SFSI_BACKUP_NAME_MAX + 1, "%d%02d%02d%02d%02d%02d%06lld", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (long long)(ns % 1000000000 / 1000));
}

void sfsi_backups_next(const struct sfsi_backups *backups, int64_t now_ns,
		       char ret[SFSI_BACKUP_NAME_MAX + 1])
{
	name_moment(now_ns, ret);
	if (backups->count && compare(ret, backups->items[0].name) <= 0)
		add_one(backups->items[0].name, ret);
}

/* --- the folder --- */

static int add_entry(int fd, const char *name, struct sfsi_backups *ret)
{
	struct stat stat;
	struct sfsi_backup backup = { .size = 0 };
	if (!is_number(name) || fstatat(fd, name, &stat, 0) < 0 || !S_ISREG(stat.st_mode))
		return 0;
	snprintf(backup.name, sizeof backup.name, "%s", name);
	backup.size = (uint64_t)stat.st_size;
	backup.mtime_ns = (int64_t)stat.st_mtim.tv_sec * 1000000000 + stat.st_mtim.tv_nsec;
	int err = sfsi_array_grow(&ret->items, ret->count, &ret->cap, sizeof backup);
	if (!err)
		ret->items[ret->count++] = backup;
	return err;
}

int sfsi_backups_list(int fd, struct sfsi_backups *ret)
{
	*ret = (struct sfsi_backups){ .count = 0 };
	if (fd < 0)
		return 0;
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(fd, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		err = add_entry(fd, entry->d_name, ret);
	if (err < 0)
		sfsi_backups_fini(ret);
	else if (ret->count)
		qsort(ret->items, ret->count, sizeof *ret->items, newest_first);
	return err;
}

void sfsi_backups_fini(struct sfsi_backups *backups)
{
	free(backups->items);
	*backups = (struct sfsi_backups){ .count = 0 };
}

/** Copy a file through one beside it, so that nothing half-written is ever among the backups. */
static int copy_there(int fd, int dir_fd, const char *name, const char *to)
{
	struct sfsi_snapshot snapshot;
	struct stat stat;
	int err = sfsi_snapshot_read(dir_fd, name, -1, &snapshot);
	if (err < 0)
		return err;
	/* The one folder that another file system can give names in is that of the backups itself. */
	SFSI_AUTO_FD int out = openat(fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, snapshot.mode);
	struct sfs_span rest = snapshot.bytes;
	while (out >= 0 && rest.len) {
		ssize_t put = write(out, rest.data, rest.len);
		if (put < 0)
			break;
		rest.data = (const char *)rest.data + put;
		rest.len -= (size_t)put;
	}
	char path[40];
	snprintf(path, sizeof path, "/proc/self/fd/%d", out);
	if (out < 0 || rest.len || fsync(out) < 0 || fstat(out, &stat) < 0 ||
	    linkat(AT_FDCWD, path, fd, to, AT_SYMLINK_FOLLOW) < 0)
		err = sfsi_err_from_errno(errno);
	sfsi_snapshot_fini(&snapshot);
	if (!err && unlinkat(dir_fd, name, 0) < 0)
		err = sfsi_err_from_errno(errno);
	return err;
}

static void rotate(int fd, const struct sfsi_backups *backups, unsigned keep)
{
	/* One more than the list has was just put there. */
	for (size_t i = keep ? keep - 1 : SFSI_BACKUPS_KEEP - 1; i < backups->count; i++)
		unlinkat(fd, backups->items[i].name, 0);
}

int sfsi_backups_take(int fd, int dir_fd, const char *name, int64_t now_ns, unsigned keep)
{
	struct sfsi_backups backups;
	char next[SFSI_BACKUP_NAME_MAX + 1];
	struct timespec now[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
	int err = sfsi_backups_list(fd, &backups);
	if (err < 0)
		return err;
	sfsi_backups_next(&backups, now_ns, next);
	if (renameat2(dir_fd, name, fd, next, RENAME_NOREPLACE) < 0)
		err = errno == EXDEV || errno == EINVAL ? copy_there(fd, dir_fd, name, next)
							: sfsi_err_from_errno(errno);
	if (!err)
		utimensat(fd, next, now, 0);
	if (!err)
		rotate(fd, &backups, keep);
	sfsi_backups_fini(&backups);
	return err;
}
