/*
 * Raws whose plain files are gone: see raw_missing.h. Which ones were missed is in the file "missing" of the store's
 * folder, a path below raw/ a line, until the store is opened the next time.
 *
 * A file is copied beside, and put in its place when it is whole and has the bytes that were copied into
 * the backup: whatever interrupts this leaves a raw that is missing, or one that is not.
 */
#include "raw_missing.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <storefs/errors.h>
#include "backup/bring.h"
#include "base/errno.h"
#include "base/file.h"
#include "open.h"
#include "raw.h"

#define MISSING_FILE "missing"
#define MISSING_TEMP MISSING_FILE ".tmp"
/** As many as are noted at a time; the others are missed the next time. */
#define MISSING_MAX 4096
#define TEXT_MAX ((size_t)MISSING_MAX * SFSI_BYTES_PATH)

/* --- what is missed --- */

/** Is it a raw that has bytes, and has not just been removed? */
static bool is_wanted(struct sfs_store *store, uint64_t ino)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_inode inode;
	struct sfsi_key key;
	uint64_t serial = sfsi_ino_serial(ino);
	sfsi_key_serial(&key, 'N', serial);
	return sfsi_backend_get(store->backend, sfs_ino_class(ino), sfsi_key_span(&key), &val) ==
		       0 &&
	       sfsi_inode_decode(sfs_buf_span(&val), serial, &inode) == 0 &&
	       inode.type == SFS_NODE_FILE && !inode.small;
}

static bool is_new_locked(struct sfsi_missing *missing, uint64_t ino)
{
	for (size_t i = 0; i < missing->len; i++)
		if (missing->inos[i] == ino)
			return false;
	if (!missing->inos)
		missing->inos = calloc(MISSING_MAX, sizeof *missing->inos);
	if (!missing->inos || missing->len == MISSING_MAX)
		return false;
	missing->inos[missing->len++] = ino;
	return true;
}

void sfsi_missing_note(struct sfs_store *store, uint64_t ino)
{
	char line[SFSI_BYTES_PATH + 1];
	struct sfsi_missing *missing = &store->missing;
	if (store->read_only || store->mirror || store->aside || store->raw_temp ||
	    store->dir_fd < 0 || !is_wanted(store, ino))
		return;
	SFSI_LOCK_SCOPE(&missing->lock);
	if (!is_new_locked(missing, ino))
		return;
	sfsi_bytes_path(ino, line);
	memcpy(line + strlen(line), "\n", 2);
	SFSI_AUTO_FD int fd = openat(store->dir_fd, MISSING_FILE,
				     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		(void)!sfsi_write_all(fd, sfs_span_str(line));
}

/* --- what comes back --- */

struct bringing_back {
	struct sfs_store *store;
	uint64_t inos[MISSING_MAX];
	size_t len;
};

static bool is_there(struct sfs_store *store, uint64_t ino)
{
	char path[SFSI_BYTES_PATH];
	struct stat st;
	sfsi_bytes_path(ino, path);
	return fstatat(store->raw_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/** Only what is just as this program writes it. */
static void read_line(struct bringing_back *back, const char *line)
{
	unsigned long long class, shard, serial;
	char own[SFSI_BYTES_PATH];
	if (back->len == MISSING_MAX ||
	    sscanf(line, "%llx/%llx/%llx", &class, &shard, &serial) != 3 || class > 0xffffff ||
	    serial >> 36)
		return;
	uint64_t ino = sfs_ino_make((uint32_t)class, serial);
	sfsi_bytes_path(ino, own);
	if (strcmp(own, line) == 0 && !is_there(back->store, ino) && is_wanted(back->store, ino))
		back->inos[back->len++] = ino;
}

static int read_lines(struct bringing_back *back)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	char *rest = NULL;
	int err = sfsi_file_load(back->store->dir_fd, MISSING_FILE, TEXT_MAX, &text);
	if (!err)
		err = sfs_buf_append(&text, "", 1);
	if (err < 0)
		return err;
	for (char *line = strtok_r(text.data, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		read_line(back, line);
	return 0;
}

static int make_folders(struct sfs_store *store, const char *path)
{
	char folder[SFSI_BYTES_PATH];
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
		if (mkdirat(store->raw_fd, folder, 0700) < 0 && errno != EEXIST)
			return sfsi_err_from_errno(errno);
	}
	return 0;
}

static int bring(struct sfs_store *store, struct sfsi_bringing *bringing, const char *path)
{
	SFSI_AUTO_FD int fd = openat(store->dir_fd, MISSING_TEMP,
				     O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = fd < 0 ? sfsi_err_from_errno(errno) : sfsi_bring(bringing, path, fd);
	if (!err)
		err = make_folders(store, path);
	if (!err && renameat(store->dir_fd, MISSING_TEMP, store->raw_fd, path) < 0)
		err = sfsi_err_from_errno(errno);
	if (err < 0)
		(void)!unlinkat(store->dir_fd, MISSING_TEMP, 0);
	return err;
}

static void tell(struct sfs_store *store, uint64_t ino, const char *backup)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfs_class_info info = { 0 };
	char text[200];
	snprintf(
		text, sizeof text,
		"its plain file was gone: its bytes are those of backup %s now, and what was written to "
		"it since is lost",
		backup);
	if (sfs_raw_path(store, ino, &path) < 0)
		path.len = 0;
	(void)!sfs_class_next(store, sfs_ino_class(ino) - 1, &info);
	const struct sfs_error error = {
		.class_name = sfs_span_str(info.name),
		.name = sfs_buf_span(&path),
		.operation = sfs_span_str("recover"),
		.message = sfs_span_str(text),
	};
	sfs_errors_add(store, &error);
	if (store->log)
		store->log(store->log_arg, SFS_LOG_ERROR, text);
}

/** Those that this backup has; the others stay in the list. */
static void bring_from(struct bringing_back *back, const char *folder, const char *name)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfsi_store_file file;
	struct sfsi_bringing bringing;
	char raw[SFSI_BYTES_PATH];
	size_t left = 0;
	if (sfs_buf_printf(&path, "%s/%s%c", folder, name, 0) < 0)
		return;
	SFSI_AUTO_FD int fd = open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || sfsi_store_file_read(fd, "storefs.json", path.data, &file, NULL) < 0 ||
	    strcmp(file.uuid, back->store->uuid) != 0)
		return;
	sfsi_bringing_init(&bringing, path.data, back->store->dir_fd);
	for (size_t i = 0; i < back->len; i++) {
		sfsi_bytes_path(back->inos[i], raw);
		if (bring(back->store, &bringing, raw) == 0)
			tell(back->store, back->inos[i], name);
		else
			back->inos[left++] = back->inos[i];
	}
	back->len = left;
	sfsi_bringing_fini(&bringing);
}

/** SFS_ERR_NOT_FOUND: the backups are not there now. */
static int bring_all(struct bringing_back *back)
{
	SFSI_AUTO_BUF struct sfs_buf folder = SFS_BUF_INIT;
	struct sfs_backup_schedule schedule = { 0 };
	struct sfsi_backup_place place;
	struct sfs_backup *items = NULL;
	size_t count = 0;
	if (sfs_backup_schedule_get(back->store, &schedule, NULL) < 0)
		schedule.folder[0] = '\0';
	int err = schedule.folder[0] ? sfs_buf_printf(&folder, "%s%c", schedule.folder, 0)
				     : sfs_buf_printf(&folder, "%s/" SFS_BACKUP_FOLDER "%c",
						      back->store->home, 0);
	if (!err)
		err = sfsi_backup_place_open(&place, folder.data, false, NULL);
	if (err < 0)
		return err;
	err = sfsi_backup_list(&place, &items, &count);
	for (size_t i = count; i-- > 0 && back->len && !err;)
		if (items[i].valid)
			bring_from(back, folder.data, items[i].name);
	free(items);
	sfsi_backup_place_close(&place);
	return err;
}

void sfsi_missing_bring(struct sfs_store *store)
{
	struct stat st;
	if (store->mirror || fstatat(store->dir_fd, MISSING_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	SFSI_AUTO_FREE struct bringing_back *back = calloc(1, sizeof *back);
	if (!back)
		return;
	back->store = store;
	int err = read_lines(back);
	if (!err && back->len)
		err = bring_all(back);
	/* Without its backups it is tried again the next time. */
	if (!err)
		(void)!unlinkat(store->dir_fd, MISSING_FILE, 0);
}
