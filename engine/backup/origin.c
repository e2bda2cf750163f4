/*
 * The files of the other program in a backup: see taking.h.
 *
 * What a file was at the moment of the backup is what its row in the sidecar says. Databases are flushed
 * before, and their locks are held until the records are copied, so the files that are open
 * then are those that the rows mean. Of an object or of metadata the row has the stamp of the file: one with
 * another stamp was changed since, and its text is made of the record.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include "backup/taking.h"
#include "base/array.h"
#include "base/dir.h"
#include "base/errno.h"
#include "base/file.h"
#include "database/database.h"
#include "mirror/folder_raw.h"
#include "mirror/frozen.h"
#include "object.h"
#include "open.h"

#define DEPTH_MAX 64
/** So often databases are flushed again that somebody saved into meanwhile. */
#define ROUNDS_MAX 4

struct held {
	struct sfsi_database *database;
	int fd; /* -1: it has no file */
};

struct sfsi_origin {
	struct sfsi_taking *taking;
	struct held *held; /* [held_len] */
	size_t held_len, held_cap;
	bool locked;
	int64_t moment_ns;           /* what is newer was not there yet */
	struct sfs_store *store;     /* the backup itself */
	struct sfsi_folder past;     /* its rows */
	char made[SFSI_FROZEN_PATH]; /* the last folder that was made */
};

/* --- before the records are copied --- */

int sfsi_origin_settle(struct sfs_store *store, const char *folder, struct sfs_diag *diag)
{
	SFSI_LOCK_SCOPE(&store->commit_lock);
	if (folder || store->mirror->settled)
		return 0;
	if (store->read_only)
		return sfs_diag_set(diag, SFS_ERR_READ_ONLY,
				    "%s takes no writes: name a folder for its backups",
				    store->path);
	int err = sfsi_sidecar_settle(store);
	return err < 0 ? sfs_diag_set(diag, err, "%s: %s", store->path, sfs_err_text(err)) : 0;
}

/** Flush it; it stays locked. */
static int hold(struct sfsi_origin *origin, struct sfsi_database *database)
{
	int err = sfsi_array_grow(&origin->held, origin->held_len, &origin->held_cap,
				  sizeof *origin->held);
	if (err < 0)
		return err;
	pthread_mutex_lock(&database->lock);
	origin->held[origin->held_len++] = (struct held){ database, -1 };
	return database->fault ? 0 : sfsi_database_flush(database, origin->taking->diag);
}

static int hold_all(struct sfsi_origin *origin)
{
	struct sfs_store *store = origin->taking->store;
	struct sfs_class_info info = { .id = 0 };
	int err = 0;
	origin->locked = true;
	while (!err && sfs_class_next(store, info.id, &info) == 0) {
		const struct sfsi_class *class = sfsi_class_ref(store, info.id);
		if (class && class->database)
			err = hold(origin, class->database);
	}
	return err;
}

/** @ret_again  somebody has saved since. */
static int flush_again(struct sfsi_origin *origin, bool *ret_again)
{
	int err = 0;
	*ret_again = false;
	for (size_t i = 0; i < origin->held_len && !err; i++) {
		struct sfsi_database *database = origin->held[i].database;
		if (!database->changed || database->fault)
			continue;
		*ret_again = true;
		err = sfsi_database_flush(database, origin->taking->diag);
	}
	return err;
}

static int open_held(struct sfsi_origin *origin)
{
	for (size_t i = 0; i < origin->held_len; i++) {
		const struct sfsi_home *home = &origin->held[i].database->home;
		if (home->dir_fd < 0)
			continue;
		origin->held[i].fd = openat(home->dir_fd, home->file, O_RDONLY | O_CLOEXEC);
		if (origin->held[i].fd < 0 && errno != ENOENT)
			return sfsi_err_from_errno(errno);
	}
	return 0;
}

int sfsi_origin_begin(struct sfsi_taking *taking)
{
	if (!taking->store->mirror)
		return 0;
	taking->origin = calloc(1, sizeof *taking->origin);
	if (!taking->origin)
		return SFS_ERR_NO_MEMORY;
	taking->origin->taking = taking;
	bool again = true;
	int err = hold_all(taking->origin);
	/* What is saved after the last round is in the sidecar, as after a kill. */
	for (unsigned i = 0; i < ROUNDS_MAX && again && !err; i++)
		err = flush_again(taking->origin, &again);
	return err < 0 ? err : open_held(taking->origin);
}

void sfsi_origin_unlock(struct sfsi_taking *taking)
{
	struct sfsi_origin *origin = taking->origin;
	struct timespec now;
	if (!origin || !origin->locked)
		return;
	/* The clock of files. */
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	origin->moment_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	for (size_t i = 0; i < origin->held_len; i++)
		pthread_mutex_unlock(&origin->held[i].database->lock);
	origin->locked = false;
}

void sfsi_origin_end(struct sfsi_taking *taking)
{
	struct sfsi_origin *origin = taking->origin;
	if (!origin)
		return;
	for (size_t i = 0; i < origin->held_len; i++)
		sfsi_close_fd(&origin->held[i].fd);
	free(origin->held);
	free(origin);
	taking->origin = NULL;
}

/* --- one file --- */

/** Its place in the backup; the folders that it is in are made. */
static int place_of(struct sfsi_origin *origin, const char *path, char ret[SFSI_FROZEN_PATH])
{
	int err = sfsi_frozen_path(path, ret);
	if (err < 0)
		return err;
	size_t len = (size_t)(strrchr(ret, '/') - ret);
	if (strncmp(origin->made, ret, len) == 0 && !origin->made[len])
		return 0;
	err = sfsi_backup_make_folders(origin->taking->dir_fd, ret, 0700);
	if (!err)
		snprintf(origin->made, sizeof origin->made, "%.*s", (int)len, ret);
	return err;
}

static int take_fd(struct sfsi_origin *origin, int fd, const char *path)
{
	char place[SFSI_FROZEN_PATH];
	int err = place_of(origin, path, place);
	return err < 0 ? err : sfsi_taking_pooled(origin->taking, fd, false, place);
}

/** A file of its own, with this text. @place  in the backup. */
static int put_text(struct sfsi_taking *taking, const char *place, struct sfs_span text)
{
	char hash[SFS_HASH_SIZE];
	struct sfsi_backup_file file = {
		.path = place, .hash = hash, .stamp = "", .pool = "", .seen = "", .fresh = true
	};
	SFSI_AUTO_FD int fd = openat(taking->dir_fd, place,
				     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	int err = fd < 0 ? sfsi_err_from_errno(errno) : sfsi_write_all(fd, text);
	if (!err)
		err = sfsi_copy_hash(&taking->copying, fd, &file.size, hash, NULL);
	if (err < 0)
		return err;
	taking->backup.new_files++;
	taking->backup.new_bytes += file.size;
	return sfsi_backup_writer_add(&taking->writer, &file);
}

static int take_text(struct sfsi_origin *origin, const char *path, struct sfs_span text)
{
	char place[SFSI_FROZEN_PATH];
	int err = place_of(origin, path, place);
	return err < 0 ? err : put_text(origin->taking, place, text);
}

/** The file below the root as it is now; *ret_same: it is the one of that stamp. -1: there is none. */
static int open_live(const struct sfsi_origin *origin, const char *path,
		     const struct sfsi_folder_stamp *stamp, bool *ret_same)
{
	struct sfsi_folder_stamp now;
	struct stat stat;
	int fd = openat(origin->taking->store->mirror->root_fd, path,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	*ret_same = false;
	if (fd >= 0 && (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)))
		sfsi_close_fd(&fd);
	if (fd < 0)
		return -1;
	sfsi_folder_stamp_of(&stat, &now);
	*ret_same = sfsi_folder_stamp_same(&now, stamp);
	return fd;
}

static struct sfsi_origin *origin_of(struct sfsi_folder *past)
{
	return (struct sfsi_origin *)((char *)past - offsetof(struct sfsi_origin, past));
}

/* --- folders of objects --- */

static int render(struct sfsi_origin *origin, const struct sfsi_class *class, struct sfs_span oid,
		  const struct sfsi_folder_row *row, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	struct sfsi_record record;
	int err = sfsi_object_read_stored(origin->store, class->id, oid, &buf, &record);
	return err < 0 ? err
		       : sfsi_folder_render(origin->store, class, oid, &record, row, ret, &updates);
}

static int take_object(struct sfsi_folder *past, struct sfsi_class *class, struct sfs_span oid,
		       struct sfs_span val)
{
	struct sfsi_origin *origin = origin_of(past);
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_folder_row row;
	bool same = false;
	int err = sfsi_folder_row_decode(val, &row);
	if (!err)
		err = sfsi_folder_row_path(class, oid, &row, &path);
	if (err < 0)
		return err;
	const char *name = path.len ? path.data : "";
	SFSI_AUTO_FD int fd = open_live(origin, name, &row.stamp, &same);
	if (!same)
		err = render(origin, class, oid, &row, &text);
	if (!same && !err)
		return take_text(origin, name, sfs_buf_span(&text));
	/* One that can not be read, or says null, is what it is. */
	if (err < 0 && err != SFS_ERR_NOT_FOUND)
		return err;
	return fd < 0 ? 0 : take_fd(origin, fd, name);
}

static int take_bytes(struct sfsi_origin *origin, uint64_t ino, struct sfs_span folder)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	SFSI_AUTO_FD int fd = -1;
	int err = sfsi_folder_raw_file(folder, SFSI_FOLDER_BLOB, &path);
	if (!err)
		err = sfsi_bytes_open(origin->taking->store, ino, false, &fd);
	/* They were lost before; the check of the backup says so. */
	if (err == SFS_ERR_CORRUPT)
		return 0;
	return err < 0 ? err : take_fd(origin, fd, path.data);
}

static int take_raw(struct sfsi_folder *past, struct sfsi_class *class, struct sfs_span serial,
		    struct sfs_span val)
{
	struct sfsi_origin *origin = origin_of(past);
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_folder_raw_row raw;
	bool same = false;
	int err = serial.len == 8 ? sfsi_folder_raw_decode(val, &raw) : SFS_ERR_CORRUPT;
	if (!err)
		err = sfsi_folder_raw_file(raw.row.path, SFSI_FOLDER_META, &path);
	if (err < 0)
		return err;
	uint64_t ino = sfs_ino_make(class->id, sfsi_get_be64(serial.data));
	const char *name = path.len ? path.data : "";
	SFSI_AUTO_FD int fd = open_live(origin, name, &raw.row.stamp, &same);
	struct sfs_span folder = raw.row.path;
	bool none = raw.row.flags & SFSI_FOLDER_NO_DATA;
	if (same)
		err = take_fd(origin, fd, name);
	else if ((err = sfsi_folder_raw_text(origin->store, class, ino, &raw, &text)) == 0)
		err = take_text(origin, name, sfs_buf_span(&text));
	return err < 0 || none ? err : take_bytes(origin, ino, folder);
}

/* --- what else is there --- */

/** Is it a file that a record would have, if it had been there? */
static bool is_newer(const struct sfsi_origin *origin, const char *path, const struct stat *stat)
{
	static const char blob[] = "/" SFSI_FOLDER_BLOB;
	static const char *const ends[] = { SFSI_FOLDER_JSON, blob, SFSI_DATABASE_EXTENSION };
	int64_t ctime_ns = (int64_t)stat->st_ctim.tv_sec * 1000000000 + stat->st_ctim.tv_nsec;
	size_t len = strlen(path);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t end = strlen(ends[i]);
		if (len > end && strcmp(path + len - end, ends[i]) == 0)
			return ctime_ns >= origin->moment_ns;
	}
	return false;
}

static int take_other(struct sfsi_origin *origin, int at, const char *name, const char *path)
{
	char place[SFSI_FROZEN_PATH];
	struct stat stat;
	int err = sfsi_frozen_path(path, place);
	if (err < 0)
		return err;
	if (faccessat(origin->taking->dir_fd, place, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	SFSI_AUTO_FD int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &stat) < 0)
		return sfsi_err_from_errno(errno);
	return !S_ISREG(stat.st_mode) || is_newer(origin, path, &stat) ? 0
								       : take_fd(origin, fd, path);
}

static int walk(struct sfsi_origin *origin, int at, const char *name, const char *path,
		unsigned depth);

static int walk_entry(struct sfsi_origin *origin, int at, const char *path, const char *name,
		      unsigned depth)
{
	char below[SFSI_FROZEN_PATH];
	struct stat stat, own;
	if (snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", name) >=
	    (int)sizeof below)
		return SFS_ERR_LIMIT;
	if (fstatat(at, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	if (S_ISREG(stat.st_mode))
		return take_other(origin, at, name, below);
	/* The backups themselves may be among it. */
	if (!S_ISDIR(stat.st_mode) || depth == DEPTH_MAX ||
	    fstat(origin->taking->place.fd, &own) < 0 ||
	    (own.st_dev == stat.st_dev && own.st_ino == stat.st_ino))
		return 0;
	return walk(origin, at, name, below, depth + 1);
}

/** All files of a folder but those whose names begin with a dot. One that is not there has none. */
static int walk(struct sfsi_origin *origin, int at, const char *name, const char *path,
		unsigned depth)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(at, name, &dir);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		if (entry->d_name[0] != '.')
			err = walk_entry(origin, dirfd(dir), path, entry->d_name, depth);
	return err;
}

static int walk_below(struct sfsi_origin *origin, const char *path)
{
	int root_fd = origin->taking->store->mirror->root_fd;
	return walk(origin, root_fd, *path ? path : ".", path, 0);
}

/* --- databases --- */

static int take_database(struct sfsi_origin *origin, const struct held *held)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	const char *name = held->database->home.name;
	if (!name)
		return 0;
	int err = sfs_buf_printf(&path, "%s" SFSI_DATABASE_EXTENSION "%c", name, 0);
	if (!err && held->fd >= 0)
		err = take_fd(origin, held->fd, path.data);
	path.len = 0;
	if (!err)
		err = sfs_buf_printf(&path, SFSI_BACKUPS_FOLDER "/%s%c", name, 0);
	return err < 0 ? err : walk_below(origin, path.len ? path.data : "");
}

/* --- all --- */

static int put_note(struct sfsi_taking *taking)
{
	const char *file = taking->store->mirror->file;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	int err = file ? sfs_buf_printf(&text, "file %s\n", file)
		       : sfs_buf_printf(&text, "folder\n");
	if (!err && mkdirat(taking->dir_fd, SFSI_FROZEN_FILES, 0700) < 0)
		err = sfsi_err_from_errno(errno);
	return err < 0 ? err : put_text(taking, SFSI_FROZEN_NOTE, sfs_buf_span(&text));
}

static int take_all(struct sfsi_origin *origin)
{
	const struct sfsi_mirror *mirror = origin->taking->store->mirror;
	int err = 0;
	for (size_t i = 0; i < origin->held_len && !err; i++)
		err = take_database(origin, &origin->held[i]);
	if (mirror->file)
		return err;
	if (!err)
		err = sfsi_folder_each(&origin->past, SFS_CLASS_OBJECT, "FO", take_object);
	if (!err)
		err = sfsi_folder_each(&origin->past, SFS_CLASS_RAW, "FR", take_raw);
	return err < 0 ? err : walk_below(origin, "");
}

int sfsi_origin_take(struct sfsi_taking *taking)
{
	struct sfsi_origin *origin = taking->origin;
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	int err = put_note(taking);
	if (!err)
		err = sfs_buf_printf(&path, "%s/%s%c", taking->place.path, taking->temp, 0);
	if (err < 0)
		return err;
	const struct sfs_store_config config = { .path = path.data, .flags = SFS_STORE_READ_ONLY };
	err = sfs_store_open(&config, &origin->store, taking->diag);
	if (err < 0)
		return err;
	origin->past = (struct sfsi_folder){
		.store = origin->store,
		.mirror = origin->store->mirror,
	};
	err = take_all(origin);
	int closed = sfs_store_close(origin->store);
	return err < 0 ? err : closed;
}
