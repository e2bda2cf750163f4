/*
 * The kind "mpack" of mirrors: finding databases in a folder, remembering what commits change, flushing
 * from time to time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include "base/array.h"
#include "base/dir.h"
#include "base/errno.h"
#include "class_private.h"
#include "database/database.h"
#include "document/utf8.h"
#include "hash.h"
#include "mirror/mirror.h"
#include "object.h"

/** What is open of this kind. */
struct kind {
	struct sfsi_mirror *mirror;
	struct sfsi_database **staged; /* [staged_count]; the commit lock is held */
	size_t staged_count, staged_cap;
};

#define DEPTH_MAX 8

/* --- names --- */

/** The name of the database whose file has this path; len 0: it is none. */
static struct sfs_span name_of(const char *path)
{
	size_t len = strlen(path), end = strlen(SFSI_DATABASE_EXTENSION);
	bool own = len > end && strcmp(path + len - end, SFSI_DATABASE_EXTENSION) == 0;
	const char *leaf = strrchr(path, '/');
	leaf = leaf ? leaf + 1 : path;
	if (!own || *leaf == '.' || strlen(leaf) <= end)
		return (struct sfs_span){ "", 0 };
	return (struct sfs_span){ path, len - end };
}

/** A class of that name, or of one that is short enough. */
static struct sfs_span class_name(struct sfs_span name, char buf[SFS_CLASS_NAME_MAX + 1])
{
	if (name.len <= SFS_CLASS_NAME_MAX)
		return name;
	size_t keep = SFS_CLASS_NAME_MAX - 17;
	/* Not inside of a character. */
	while (keep && ((const uint8_t *)name.data)[keep] >> 6 == 2)
		keep--;
	int len = snprintf(buf, SFS_CLASS_NAME_MAX + 1, "%.*s~%016llx", (int)keep,
			   (const char *)name.data, (unsigned long long)sfsi_hash(name, 0));
	return (struct sfs_span){ buf, (size_t)len };
}

/* --- what is in a folder --- */

typedef int found_fn(void *arg, const char *path);

static int walk(int at, const char *name, const char *path, unsigned depth, found_fn *fn,
		void *arg);

static int walk_entry(int dir_fd, const char *path, const char *name, unsigned depth, found_fn *fn,
		      void *arg)
{
	struct stat stat;
	SFSI_AUTO_BUF struct sfs_buf below = SFS_BUF_INIT;
	int err = sfs_buf_printf(&below, "%s%s%s", path, *path ? "/" : "", name);
	if (!err)
		err = sfs_buf_append(&below, "", 1);
	if (err < 0 || fstatat(dir_fd, name, &stat, 0) < 0)
		return err;
	if (S_ISREG(stat.st_mode))
		return name_of(below.data).len ? fn(arg, below.data) : 0;
	if (!S_ISDIR(stat.st_mode) || depth == DEPTH_MAX)
		return 0;
	return walk(dir_fd, name, below.data, depth + 1, fn, arg);
}

/** Each database below a folder. Folders in it that can not be opened are passed over. */
static int walk(int at, const char *name, const char *path, unsigned depth, found_fn *fn, void *arg)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(at, name, &dir);
	if (err < 0)
		return depth ? 0 : err;
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		if (entry->d_name[0] != '.')
			err = walk_entry(dirfd(dir), path, entry->d_name, depth, fn, arg);
	return err;
}

static int walk_root(int root_fd, found_fn *fn, void *arg)
{
	return walk(root_fd, ".", "", 0, fn, arg);
}

static int found_one(void *arg, const char *path)
{
	struct sfsi_recognised *ret = arg;
	ret->storify = true;
	snprintf(ret->example, sizeof ret->example, "%.120s", path);
	return 1;
}

static void recognise(int root_fd, const char *file, struct sfsi_recognised *ret)
{
	struct stat stat;
	if (file) {
		ret->one_file = name_of(file).len > 0;
		return;
	}
	(void)walk_root(root_fd, found_one, ret);
	if (!ret->storify)
		ret->storify = fstatat(root_fd, SFSI_BACKUPS_FOLDER, &stat, AT_SYMLINK_NOFOLLOW) ==
				       0 &&
			       S_ISDIR(stat.st_mode);
}

bool sfsi_databases_only(const struct sfsi_mirror *mirror)
{
	struct sfsi_recognised found = { .storage = false };
	for (size_t i = 0; sfsi_mirror_kinds[i]; i++)
		sfsi_mirror_kinds[i]->recognise(mirror->root_fd, NULL, &found);
	return found.storify && !found.storage;
}

/* --- classes --- */

static struct sfsi_class *class_of_path(struct sfs_store *store, const char *path)
{
	struct sfsi_class *found = NULL;
	pthread_rwlock_rdlock(&store->catalogue_lock);
	for (size_t i = 0; i < store->by_name_len && !found; i++) {
		struct sfsi_class *class = store->by_name[i];
		if (class->database && strcmp(class->mirror->path, path) == 0)
			found = class;
	}
	pthread_rwlock_unlock(&store->catalogue_lock);
	return found;
}

static int adopt(struct sfsi_mirror *mirror, const char *path, struct sfsi_class **ret)
{
	char buf[SFS_CLASS_NAME_MAX + 1];
	*ret = class_of_path(mirror->store, path);
	if (*ret)
		return 0;
	struct sfs_class_make make = {
		.name = class_name(name_of(path), buf),
		.kind = SFS_CLASS_OBJECT,
		.mode = 0755,
		.uid = geteuid(),
		.gid = getegid(),
	};
	return sfsi_mirror_class_adopt(mirror, &sfsi_mirror_mpack, &make, path, ret);
}

/** So long a damaged file may be one that is being written. */
#define WAIT_MS 100L
#define WAITS_MAX 12

static int take(struct sfsi_database *database, bool wait)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = SFS_ERR_BUSY;
	for (unsigned i = 0; err == SFS_ERR_BUSY && i < (wait ? WAITS_MAX : 1); i++) {
		if (i)
			nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 1000000 }, NULL);
		SFSI_LOCK_SCOPE(&database->lock);
		err = database->class ? sfsi_database_take(database, &diag) : 0;
	}
	return err;
}

static int scan_file(void *arg, const char *path)
{
	struct sfsi_mirror *mirror = arg;
	struct sfsi_class *class;
	int err = adopt(mirror, path, &class);
	if (!err)
		err = take(class->database, true);
	/* One that can not be loaded is no reason against the others: it says so itself. */
	return err == SFS_ERR_NO_MEMORY || err == SFS_ERR_NO_SPACE ? err : 0;
}

/** The file of a database is gone. What is not in any file stays; else it goes too. */
static int file_gone(struct sfsi_class *class)
{
	struct sfsi_database *database = class->database;
	SFSI_LOCK_SCOPE(&database->lock);
	struct sfsi_file_stamp stamp;
	if (!database->class || (!database->state.stamp.inode && !database->fault))
		return 0;
	int err = sfsi_file_stamp_read(database->home.dir_fd, database->home.file, &stamp);
	if (err < 0 || stamp.inode)
		return err;
	/* The damaged file is gone. */
	sfsi_database_set_fault(database, 0, NULL);
	if (database->changed) {
		database->state.stamp = (struct sfsi_file_stamp){ 0 };
		return 0;
	}
	return sfsi_database_drop(database);
}

/** The next class that is a database; by_id only grows. */
static struct sfsi_class *next_database(struct sfs_store *store, size_t *id)
{
	struct sfsi_class *found = NULL;
	pthread_rwlock_rdlock(&store->catalogue_lock);
	for (; *id < store->by_id_len && !found; ++*id) {
		struct sfsi_class *class = store->by_id[*id];
		if (class && !class->removed && class->database)
			found = class;
	}
	pthread_rwlock_unlock(&store->catalogue_lock);
	return found;
}

static int kind_open(struct sfsi_mirror *mirror, void **ret, struct sfs_diag *diag)
{
	struct kind *kind = calloc(1, sizeof *kind);
	(void)diag;
	if (!kind)
		return SFS_ERR_NO_MEMORY;
	kind->mirror = mirror;
	*ret = kind;
	return 0;
}

static int kind_scan(void *own)
{
	struct kind *kind = own;
	struct sfsi_mirror *mirror = kind->mirror;
	struct stat stat;
	int err = 0;
	if (!mirror->file)
		err = walk_root(mirror->root_fd, scan_file, mirror);
	else if (name_of(mirror->file).len && fstatat(mirror->root_fd, mirror->file, &stat, 0) == 0)
		err = scan_file(mirror, mirror->file);
	size_t id = 1;
	for (struct sfsi_class *class; !err && (class = next_database(mirror->store, &id));)
		err = file_gone(class);
	return err;
}

static int again_one(struct sfsi_database *database)
{
	struct sfsi_txn txn;
	struct sfsi_txn_class *copy;
	SFSI_LOCK_SCOPE(&database->lock);
	int err = sfsi_database_again(database);
	if (err < 0)
		return err;
	sfsi_txn_begin_inward(database->store, &txn);
	err = sfsi_txn_class(&txn, database->class->id, &copy);
	return sfsi_txn_end(&txn, err < 0 ? err : sfsi_database_put_state(&txn, database));
}

static int kind_again(void *own)
{
	const struct kind *kind = own;
	size_t id = 1;
	int err = 0;
	for (struct sfsi_class *class; !err && (class = next_database(kind->mirror->store, &id));)
		err = again_one(class->database);
	return err;
}

#define GONE_MS 300
#define BUSY_MS 200

static int look_gone(struct kind *kind, const char *path, unsigned *ret_again_ms)
{
	struct sfsi_class *class = class_of_path(kind->mirror->store, path);
	struct timespec now;
	if (!class)
		return 0;
	/* Some programs remove a file and make it anew. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (!class->database->gone_ns) {
		class->database->gone_ns = now_ns;
		*ret_again_ms = GONE_MS;
		return 0;
	}
	class->database->gone_ns = 0;
	return file_gone(class);
}

static int kind_look(void *own, const char *path, unsigned *ret_again_ms)
{
	struct kind *kind = own;
	struct sfsi_mirror *mirror = kind->mirror;
	struct sfsi_class *class;
	struct stat stat;
	if (!name_of(path).len || (mirror->file && strcmp(mirror->file, path) != 0))
		return 0;
	if (fstatat(mirror->root_fd, path, &stat, 0) < 0)
		return errno == ENOENT ? look_gone(kind, path, ret_again_ms)
				       : sfsi_err_from_errno(errno);
	if (!S_ISREG(stat.st_mode))
		return 0;
	int err = adopt(mirror, path, &class);
	if (err < 0)
		return err;
	class->database->gone_ns = 0;
	err = take(class->database, false);
	if (err == SFS_ERR_BUSY)
		*ret_again_ms = BUSY_MS;
	return err;
}

/* --- commits --- */

static int note_staged(struct kind *kind, struct sfsi_database *database)
{
	for (size_t i = 0; i < kind->staged_count; i++)
		if (kind->staged[i] == database)
			return 0;
	int err = sfsi_array_grow(&kind->staged, kind->staged_count, &kind->staged_cap,
				  sizeof(struct sfsi_database *));
	if (!err)
		kind->staged[kind->staged_count++] = database;
	return err;
}

/** The first change of a key since the base: remember what it was. */
static int remember(struct sfsi_txn *txn, const struct sfsi_class *class, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_database_change change = { .existed = false };
	struct sfsi_record record;
	struct sfsi_key key;
	uint8_t bytes[SFSI_DATABASE_CHANGE_SIZE];
	sfsi_database_change_key(oid, &key);
	int err = sfsi_txn_get(txn, class->id, sfsi_key_span(&key), &buf);
	if (err != SFS_ERR_NOT_FOUND)
		return err;
	/* The batch is not written yet: the backend has what was before. */
	buf.len = 0;
	err = sfsi_object_read_stored(txn->store, class->id, oid, &buf, &record);
	if (err < 0 && err != SFS_ERR_NOT_FOUND)
		return err;
	if (!err)
		change = (struct sfsi_database_change){ true, sfsi_database_hash(record.body),
							record.object.number };
	sfsi_database_change_encode(&change, bytes);
	return sfsi_txn_put(txn, class->id, sfsi_key_span(&key),
			    (struct sfs_span){ bytes, sizeof bytes });
}

static int kind_stage(void *own, struct sfsi_txn *txn, const struct sfsi_mirror_change *changes,
		      size_t count)
{
	struct kind *kind = own;
	int err = 0;
	kind->staged_count = 0;
	for (size_t i = 0; !err && i < count; i++) {
		struct sfsi_database *database = changes[i].class->database;
		/* Scratch files are ours alone. */
		if (changes[i].raw)
			continue;
		err = sfsi_database_fault(database);
		if (!err)
			err = note_staged(kind, database);
		if (!err)
			err = remember(txn, changes[i].class, changes[i].oid);
	}
	return err;
}

static void kind_publish(void *own)
{
	struct kind *kind = own;
	for (size_t i = 0; i < kind->staged_count; i++)
		kind->staged[i]->changed = true;
	kind->staged_count = 0;
}

static void kind_abort(void *own)
{
	((struct kind *)own)->staged_count = 0;
}

/** The rows are the journal, and the backend syncs them itself. */
static int kind_sync(void *own)
{
	(void)own;
	return 0;
}

static int tick_one(struct sfsi_database *database, bool closing)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t age = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - database->flushed_ns;
	if (!closing && age < (int64_t)database->store->databases.save_interval_s * 1000000000)
		return 0;
	SFSI_LOCK_SCOPE(&database->lock);
	bool due = database->changed || !database->state.stamp.inode;
	return due && !database->fault ? sfsi_database_flush(database, NULL) : 0;
}

static int kind_tick(void *own, bool closing)
{
	struct kind *kind = own;
	size_t id = 1;
	int err = 0;
	/* What was only looked at is not written; nor is a store that is closed before it was loaded. */
	if (kind->mirror->read_only || kind->mirror->store->read_only)
		return 0;
	for (struct sfsi_class *class; (class = next_database(kind->mirror->store, &id));) {
		int failed = tick_one(class->database, closing);
		err = err ? err : failed;
	}
	return err;
}

static void kind_close(void *own)
{
	struct kind *kind = own;
	free(kind->staged);
	free(kind);
}

const struct sfsi_mirror_kind sfsi_mirror_mpack = {
	.name = "mpack",
	.attach = sfsi_database_attach,
	.recognise = recognise,
	.open = kind_open,
	.scan = kind_scan,
	.again = kind_again,
	.look = kind_look,
	.stage = kind_stage,
	.publish = kind_publish,
	.abort = kind_abort,
	.sync = kind_sync,
	.tick = kind_tick,
	.close = kind_close,
};
