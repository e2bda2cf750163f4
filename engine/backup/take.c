/*
 * Taking a backup.
 *
 * Records are as of one commit: the backend is copied while the commit lock is held, by links, and that copy is
 * then copied for good. Bytes of raws are copied after that; those of raws that are removed meanwhile
 * stay until the end. A raw that is written meanwhile is copied again until it stood still while it was copied.
 *
 * What the last backup has already is linked, not copied: the same file in the same state. What it has verified is not
 * read again either (fresh.c), for a time that is set; then all records are.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include "backup/taking.h"
#include "base/dir.h"
#include "base/errno.h"
#include "base/quiet.h"
#include "open.h"
#include "store_private.h"

/** In the store's folder, while a backup is taken. */
#define SNAPSHOT "snapshot.tmp"
/** In the pool, while it is copied. */
#define INCOMING "incoming" SFSI_BACKUP_TEMP
/** Names of backups that follow each other within a second run ahead of the clock by less than this. */
#define AHEAD_NS ((int64_t)60 * 1000000000)
/** A raw that is written all the time is as good as it is after so many attempts. */
#define ATTEMPTS 3

static int failed(struct sfsi_taking *taking, const char *what, int err)
{
	if (err == SFS_ERR_CANCELLED)
		return err;
	return sfs_diag_set(taking->diag, err, "%s: %s", what, sfs_err_text(err));
}

/* --- what the last one has --- */

static int key_of(const char *path, const char *stamp, struct sfs_buf *ret)
{
	ret->len = 0;
	return sfs_buf_printf(ret, "%s %s", path, stamp);
}

static int remember(void *arg, const struct sfsi_backup_file *file)
{
	struct sfsi_taking *taking = arg;
	SFSI_AUTO_BUF struct sfs_buf key = SFS_BUF_INIT, value = SFS_BUF_INIT;
	if (!file->pool[0])
		return 0;
	int err = key_of(file->path, file->stamp, &key);
	if (!err)
		err = sfs_buf_printf(&value, "%s %s %" PRIu64 " %s", file->pool, file->hash,
				     file->size, file->seen);
	if (!err)
		err = sfs_buf_append(&value, "", 1);
	if (err < 0)
		return err;
	struct sfsi_map_entry *entry = sfsi_map_entry_new(&taking->before, sfs_buf_span(&key),
							  sfs_buf_span(&value));
	if (!entry)
		return SFS_ERR_NO_MEMORY;
	sfsi_map_entry_free(sfsi_map_put(&taking->before, entry));
	return 0;
}

/** SFS_ERR_CORRUPT: its list can not be read. */
static int remember_one(struct sfsi_taking *taking, const char *name)
{
	SFSI_AUTO_FD int fd = openat(taking->place.fd, name,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int err = fd < 0 ? SFS_ERR_CORRUPT
			 : sfsi_backup_read(fd, remember, taking, &taking->base, NULL);
	if (!err)
		return 0;
	sfsi_map_fini(&taking->before);
	sfsi_map_init(&taking->before);
	return err == SFS_ERR_NO_MEMORY ? err : SFS_ERR_CORRUPT;
}

/** From the newest valid backup whose list can be read; without one everything is copied. */
static int remember_last(struct sfsi_taking *taking)
{
	SFSI_AUTO_FREE struct sfs_backup *items = NULL;
	size_t count = 0;
	int err = sfsi_backup_list(&taking->place, &items, &count);
	if (err < 0)
		return err;
	if (count)
		taking->last = items[count - 1];
	err = SFS_ERR_CORRUPT;
	for (size_t i = count; i > 0 && err == SFS_ERR_CORRUPT; i--)
		if (items[i - 1].valid)
			err = remember_one(taking, items[i - 1].name);
	return err == SFS_ERR_CORRUPT ? 0 : err;
}

/* --- one file --- */

/** A file in a backup is a link to one of the pool. */
static int link_pool(struct sfsi_taking *taking, const char *pool, const char *path)
{
	if (linkat(taking->place.pool_fd, pool, taking->dir_fd, path, 0) == 0)
		return 0;
	if (errno == EPERM || errno == EOPNOTSUPP)
		return sfs_diag_set(taking->diag, SFS_ERR_UNSUPPORTED,
				    "%s: its file system has no hard links, backups need them",
				    taking->place.path);
	return sfsi_err_from_errno(errno);
}

static int see_pool(struct sfsi_taking *taking, const char *pool, char ret[SFSI_BACKUP_PATH])
{
	struct stat stat;
	if (fstatat(taking->place.pool_fd, pool, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return sfsi_err_from_errno(errno);
	sfsi_backup_stamp(&stat, ret);
	return 0;
}

/** SFS_ERR_NOT_FOUND: the last backup has no such file, or the pool has it no more. */
static int link_before(struct sfsi_taking *taking, const char *path, const char *stamp)
{
	SFSI_AUTO_BUF struct sfs_buf key = SFS_BUF_INIT;
	char pool[SFSI_BACKUP_PATH], hash[SFS_HASH_SIZE];
	char before[SFSI_BACKUP_PATH] = "", seen[SFSI_BACKUP_PATH];
	struct sfsi_backup_file file = {
		.path = path, .stamp = stamp, .pool = pool, .hash = hash, .seen = seen
	};
	int err = key_of(path, stamp, &key);
	if (err < 0)
		return err;
	const struct sfsi_map_entry *entry = sfsi_map_seek(&taking->before, sfs_buf_span(&key));
	if (!entry || !sfs_span_equal(sfsi_map_key(entry), sfs_buf_span(&key)) ||
	    sscanf(sfsi_map_value(entry).data, "%255s %32s %" SCNu64 " %255s", pool, hash,
		   &file.size, before) < 3)
		return SFS_ERR_NOT_FOUND;
	err = link_pool(taking, pool, path);
	if (!err)
		err = see_pool(taking, pool, seen);
	/* Something has happened to it since: it counts as new. */
	file.fresh = strcmp(before, seen) != 0;
	return err < 0 ? err : sfsi_backup_writer_add(&taking->writer, &file);
}

/** Which state of a file of the store it is. A raw's mtime can be set to what it was. */
static void stamp_of(const struct stat *stat, bool table, char ret[SFSI_BACKUP_PATH])
{
	sfsi_backup_stamp(stat, ret);
	size_t len = strlen(ret);
	if (!table)
		snprintf(ret + len, SFSI_BACKUP_PATH - len, ".%lld.%09ld",
			 (long long)stat->st_ctim.tv_sec, stat->st_ctim.tv_nsec);
}

/** The content, and for raws the time that they show, name a file of the pool. */
static void pool_name(const char *hash, uint64_t size, const struct stat *stat, bool table,
		      char ret[SFSI_BACKUP_PATH])
{
	int len = snprintf(ret, SFSI_BACKUP_PATH, "%s-%" PRIx64, hash, size);
	if (!table && len > 0)
		snprintf(ret + len, SFSI_BACKUP_PATH - (size_t)len, "-%lld.%09ld",
			 (long long)stat->st_mtim.tv_sec, stat->st_mtim.tv_nsec);
}

static int put_into_pool(struct sfsi_taking *taking, const char *pool, uint64_t size)
{
	int pool_fd = taking->place.pool_fd;
	if (faccessat(pool_fd, pool, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return unlinkat(pool_fd, INCOMING, 0) < 0 ? sfsi_err_from_errno(errno) : 0;
	if (renameat(pool_fd, INCOMING, pool_fd, pool) < 0)
		return sfsi_err_from_errno(errno);
	taking->backup.new_files++;
	taking->backup.new_bytes += size;
	return 0;
}

static bool same_state(const struct stat *a, const struct stat *b)
{
	char one[SFSI_BACKUP_PATH], other[SFSI_BACKUP_PATH];
	stamp_of(a, false, one);
	stamp_of(b, false, other);
	return strcmp(one, other) == 0;
}

static int copy_incoming(struct sfsi_taking *taking, int from, unsigned flags, uint64_t *ret_size,
			 char hash[SFS_HASH_SIZE])
{
	int to = openat(taking->place.pool_fd, INCOMING,
			O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return sfsi_err_from_errno(errno);
	int err = sfsi_copy_bytes(&taking->copying, from, to, flags, ret_size, hash);
	if (close(to) < 0 && !err)
		err = sfsi_err_from_errno(errno);
	return err;
}

/** Copy it until it stood still meanwhile; *stat becomes the state that was copied. */
static int copy_still(struct sfsi_taking *taking, int from, bool table, struct stat *stat,
		      uint64_t *ret_size, char hash[SFS_HASH_SIZE])
{
	for (int attempt = 1;; attempt++) {
		struct stat after;
		int err = copy_incoming(taking, from, table ? 0u : SFSI_COPY_SHARE, ret_size, hash);
		if (err < 0 || table)
			return err;
		if (fstat(from, &after) < 0)
			return sfsi_err_from_errno(errno);
		if (same_state(stat, &after) || attempt == ATTEMPTS)
			return 0;
		*stat = after;
	}
}

/** Copy into the pool, and link from there. */
static int copy_pool(struct sfsi_taking *taking, int from, struct stat *stat, bool table,
		     const char *path)
{
	char stamp[SFSI_BACKUP_PATH], pool[SFSI_BACKUP_PATH], hash[SFS_HASH_SIZE];
	char seen[SFSI_BACKUP_PATH];
	struct sfsi_backup_file file = { .path = path,
					 .stamp = stamp,
					 .hash = hash,
					 .pool = pool,
					 .seen = seen,
					 .fresh = true };
	int err = copy_still(taking, from, table, stat, &file.size, hash);
	if (err < 0)
		return err;
	stamp_of(stat, table, stamp);
	pool_name(hash, file.size, stat, table, pool);
	err = put_into_pool(taking, pool, file.size);
	if (!err)
		err = link_pool(taking, pool, path);
	if (!err)
		err = see_pool(taking, pool, seen);
	return err < 0 ? err : sfsi_backup_writer_add(&taking->writer, &file);
}

int sfsi_taking_pooled(struct sfsi_taking *taking, int from, bool table, const char *path)
{
	char stamp[SFSI_BACKUP_PATH];
	struct stat stat;
	if (fstat(from, &stat) < 0)
		return sfsi_err_from_errno(errno);
	stamp_of(&stat, table, stamp);
	int err = link_before(taking, path, stamp);
	return err == SFS_ERR_NOT_FOUND ? copy_pool(taking, from, &stat, table, path) : err;
}

static int take_pooled(struct sfsi_taking *taking, int at, const char *name, bool table,
		       const char *path)
{
	SFSI_AUTO_FD int from = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	/* A file whose last name went before the backup began. */
	if (from < 0 && errno == ENOENT && !table)
		return 0;
	return from < 0 ? sfsi_err_from_errno(errno)
			: sfsi_taking_pooled(taking, from, table, path);
}

/** A small file of the backend or the store: a copy of its own. */
static int take_own(struct sfsi_taking *taking, int at, const char *name, const char *path)
{
	char hash[SFS_HASH_SIZE];
	struct sfsi_backup_file file = {
		.path = path, .hash = hash, .stamp = "", .pool = "", .seen = "", .fresh = true
	};
	SFSI_AUTO_FD int from = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	SFSI_AUTO_FD int to = openat(taking->dir_fd, path,
				     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (from < 0 || to < 0)
		return sfsi_err_from_errno(errno);
	int err = sfsi_copy_bytes(&taking->copying, from, to, 0, &file.size, hash);
	if (err < 0)
		return err;
	taking->backup.new_files++;
	taking->backup.new_bytes += file.size;
	return sfsi_backup_writer_add(&taking->writer, &file);
}

/* --- folders --- */

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);
	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static int take_entry(struct sfsi_taking *taking, int at, const char *name, const char *path);

static int take_folder(struct sfsi_taking *taking, int at, const char *name, const char *path)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	char inner[SFSI_BACKUP_PATH];
	int err = sfsi_dir_open(at, name, &dir);
	if (!err && mkdirat(taking->dir_fd, path, 0700) < 0)
		err = sfsi_err_from_errno(errno);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));) {
		int len = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
		err = len < (int)sizeof inner ? take_entry(taking, dirfd(dir), entry->d_name, inner)
					      : SFS_ERR_NAME;
	}
	return err;
}

static int take_entry(struct sfsi_taking *taking, int at, const char *name, const char *path)
{
	struct stat stat;
	bool raw = strncmp(path, "raw/", 4) == 0;
	if (fstatat(at, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT && raw ? 0 : sfsi_err_from_errno(errno);
	if (S_ISDIR(stat.st_mode))
		return take_folder(taking, at, name, path);
	if (!S_ISREG(stat.st_mode))
		return 0;
	if (raw || ends_with(name, ".sst"))
		return take_pooled(taking, at, name, !raw, path);
	return take_own(taking, at, name, path);
}

struct fixing {
	struct sfsi_taking *taking;
	bool done;
};

/** All that the backup has is in the snapshot, and in no commit that comes: let these go on. */
static void on_fixed(void *arg)
{
	struct fixing *fixing = arg;
	fixing->done = true;
	sfsi_origin_unlock(fixing->taking);
	pthread_mutex_unlock(&fixing->taking->store->commit_lock);
}

/** Called with commit_lock: what is counted is what the snapshot has. */
static int take_figures(struct sfsi_taking *taking)
{
	struct sfs_store_stat stat;
	int err = sfs_store_stat(taking->store, &stat);
	if (err < 0)
		return err;
	taking->backup.commit = stat.commit;
	taking->backup.objects = stat.objects;
	taking->backup.raws = stat.raws;
	return 0;
}

/* --- the whole --- */

static int snapshot(struct sfsi_taking *taking)
{
	struct sfs_store *store = taking->store;
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	int err = sfs_buf_printf(&path, "%s/" SNAPSHOT, store->home);
	if (!err)
		err = sfs_buf_append(&path, "", 1);
	if (err < 0)
		return err;
	sfsi_remove_tree(store->dir_fd, SNAPSHOT);
	if (mkdirat(store->dir_fd, SNAPSHOT, 0700) < 0)
		return failed(taking, path.data, sfsi_err_from_errno(errno));
	/* Much of what has to be written out is written before the lock is taken. */
	err = sfs_store_sync(store);
	if (!err)
		err = sfsi_backend_prepare(store->backend);
	if (!err)
		err = sfsi_origin_begin(taking);
	if (err < 0)
		return failed(taking, store->path, err);
	struct fixing fixing = { .taking = taking };
	const struct sfsi_snapshot_wanted wanted = {
		.path = path.data,
		.fixed = on_fixed,
		.arg = &fixing,
		.diag = taking->diag,
	};
	pthread_mutex_lock(&store->commit_lock);
	err = take_figures(taking);
	if (!err)
		err = sfsi_backend_snapshot(store->backend, &wanted);
	if (!fixing.done)
		pthread_mutex_unlock(&store->commit_lock);
	return err;
}

static int take_parts(struct sfsi_taking *taking)
{
	struct sfs_store *store = taking->store;
	int err = take_folder(taking, store->dir_fd, SNAPSHOT, "db");
	if (!err)
		err = store->mirror
			      ? take_own(taking, store->dir_fd, SFSI_SIDECAR_FILE,
					 SFSI_SIDECAR_FILE)
			      : take_own(taking, store->dir_fd, SFSI_STORE_FILE, SFSI_STORE_FILE);
	if (!err && faccessat(store->dir_fd, SFSI_SETTINGS_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		err = take_own(taking, store->dir_fd, SFSI_SETTINGS_FILE, SFSI_SETTINGS_FILE);
	if (!err)
		err = take_folder(taking, store->raw_fd, ".", "raw");
	if (!err && store->mirror)
		err = sfsi_origin_take(taking);
	return err < 0 && err != SFS_ERR_UNSUPPORTED ? failed(taking, "copying", err) : err;
}

/** Is it time to read all records, also those that an older backup has verified? */
static bool is_due(const struct sfsi_taking *taking, int64_t now_ns)
{
	int64_t passed = now_ns - taking->base.read_ns;
	uint64_t most_s = sfsi_settings_now(taking->store).backup_read_s;
	/* A clock that was set back says nothing. */
	return !taking->base.read_ns || passed < 0 || (uint64_t)passed / 1000000000 >= most_s;
}

static int take_files(struct sfsi_taking *taking)
{
	int err = sfsi_backup_writer_open(&taking->writer, taking->dir_fd);
	if (err < 0)
		return failed(taking, SFSI_BACKUP_FILES, err);
	int64_t now_ns = sfsi_now_ns();
	taking->backup.read_ns = is_due(taking, now_ns) ? now_ns : taking->base.read_ns;
	err = sfsi_backup_writer_end(&taking->writer, &taking->backup, take_parts(taking));
	if (!err && syncfs(taking->dir_fd) < 0)
		err = failed(taking, taking->place.path, sfsi_err_from_errno(errno));
	return err;
}

static int verify(struct sfsi_taking *taking, const char *path)
{
	const struct sfsi_backup_fresh fresh = {
		.copying = &taking->copying,
		.dir_fd = taking->dir_fd,
		.path = path,
		.backup = &taking->backup,
		.fresh = &taking->writer.fresh,
		.diag = taking->diag,
	};
	bool sure = false;
	int err = sfsi_backup_check_fresh(&fresh, &sure);
	if (!err && (!sure || taking->backup.read_ns != taking->base.read_ns))
		err = sfsi_backup_read_store(path, true, &taking->backup, taking->diag);
	return err;
}

/** Verify, and give it its name, valid or not. */
static int finish(struct sfsi_taking *taking)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	int err = sfs_buf_printf(&path, "%s/%s", taking->place.path, taking->temp);
	if (!err)
		err = sfs_buf_append(&path, "", 1);
	if (err < 0)
		return err;
	int damage = verify(taking, path.data);
	if (damage && damage != SFS_ERR_CORRUPT)
		return damage;
	err = damage ? 0 : sfsi_backup_set_valid(taking->dir_fd, true);
	if (!err &&
	    (renameat(taking->place.fd, taking->temp, taking->place.fd, taking->backup.name) < 0 ||
	     fsync(taking->place.fd) < 0))
		err = sfsi_err_from_errno(errno);
	if (err < 0)
		return failed(taking, taking->place.path, err);
	taking->backup.valid = !damage;
	return damage;
}

/** A name that is free: now, or the first second after it that is not before the last one. */
static int make_temp(struct sfsi_taking *taking)
{
	int64_t time_ns = sfsi_now_ns();
	struct sfs_backup *backup = &taking->backup;
	/* A clock that went back further than that is believed. */
	if (taking->last.time_ns > time_ns && taking->last.time_ns - time_ns < AHEAD_NS)
		time_ns = taking->last.time_ns;
	backup->number = taking->last.number + 1;
	do {
		sfsi_backup_name(time_ns, backup->name);
		time_ns += 1000000000;
	} while (faccessat(taking->place.fd, backup->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	if (!sfsi_backup_time(backup->name, &backup->time_ns))
		return failed(taking, "the clock", SFS_ERR_INVALID);
	snprintf(taking->temp, sizeof taking->temp, "%s" SFSI_BACKUP_TEMP, backup->name);
	if (mkdirat(taking->place.fd, taking->temp, 0700) < 0)
		return failed(taking, taking->place.path, sfsi_err_from_errno(errno));
	taking->dir_fd = openat(taking->place.fd, taking->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return taking->dir_fd < 0 ? failed(taking, taking->temp, sfsi_err_from_errno(errno)) : 0;
}

static int take_and_finish(void *arg)
{
	struct sfsi_taking *taking = arg;
	int err = take_files(taking);
	sfsi_origin_end(taking);
	sfsi_remove_tree(taking->store->dir_fd, SNAPSHOT);
	sfsi_bytes_hold(taking->store, false);
	return err < 0 ? err : finish(taking);
}

/** Copy everything into a folder of its own name, and verify it. Only while locks are held it has to be quick. */
static int copy_all(struct sfsi_taking *taking)
{
	int err = make_temp(taking);
	if (err < 0)
		return err;
	sfsi_bytes_hold(taking->store, true);
	err = snapshot(taking);
	sfsi_origin_unlock(taking);
	if (!err)
		return sfsi_quietly(take_and_finish, taking);
	sfsi_origin_end(taking);
	sfsi_remove_tree(taking->store->dir_fd, SNAPSHOT);
	sfsi_bytes_hold(taking->store, false);
	return err;
}

static int take_once(struct sfsi_taking *taking)
{
	int err = remember_last(taking);
	return err < 0 ? err : copy_all(taking);
}

/** What was shared with older backups may have been damaged there: then it is copied anew. */
static int take_again(struct sfsi_taking *taking)
{
	uint64_t count = 0;
	int err = sfsi_backup_drop_damaged(&taking->place, taking->dir_fd, &taking->copying,
					   &count);
	if (err < 0 || !count)
		return SFS_ERR_CORRUPT;
	sfsi_remove_tree(taking->place.fd, taking->backup.name);
	sfsi_close_fd(&taking->dir_fd);
	taking->dir_fd = -1;
	taking->backup = taking->base = (struct sfs_backup){ .valid = false };
	sfsi_map_fini(&taking->before);
	sfsi_map_init(&taking->before);
	sfsi_backup_writer_fini(&taking->writer);
	return copy_all(taking);
}

static int take_locked(struct sfsi_taking *taking)
{
	uint64_t removed;
	int err = take_once(taking);
	if (err == SFS_ERR_CORRUPT && taking->dir_fd >= 0 && taking->backup.commit)
		err = take_again(taking);
	if (!err)
		err = sfsi_backup_prune_locked(&taking->place, &taking->config->keep,
					       taking->backup.name, &removed);
	return err;
}

static int take_in(struct sfsi_taking *taking, const char *folder)
{
	int err = sfsi_backup_place_open(&taking->place, folder, true, taking->diag);
	if (err < 0)
		return err;
	sfsi_copying_init(&taking->copying, taking->config, taking->place.fd);
	sfsi_map_init(&taking->before);
	err = take_locked(taking);
	sfsi_close_fd(&taking->dir_fd);
	if (err < 0 && err != SFS_ERR_CORRUPT && taking->temp[0])
		sfsi_remove_tree(taking->place.fd, taking->temp);
	sfsi_map_fini(&taking->before);
	sfsi_backup_writer_fini(&taking->writer);
	sfsi_backup_place_close(&taking->place);
	return err;
}

int sfs_backup_take(struct sfs_store *store, const struct sfs_backup_config *config,
		    struct sfs_backup *ret, struct sfs_diag *diag)
{
	struct sfsi_taking taking = {
		.store = store, .config = config, .dir_fd = -1, .diag = diag
	};
	SFSI_AUTO_BUF struct sfs_buf folder = SFS_BUF_INIT;
	if (store->dir_fd < 0)
		return sfs_diag_set(diag, SFS_ERR_UNSUPPORTED, "a memory store has no backups");
	int err = store->mirror ? sfsi_origin_settle(store, config->folder, diag) : 0;
	if (!err)
		err = sfs_buf_printf(&folder, "%s/" SFS_BACKUP_FOLDER, store->home);
	if (!err)
		err = sfs_buf_append(&folder, "", 1);
	if (!err)
		err = take_in(&taking, config->folder ? config->folder : folder.data);
	if (!err || err == SFS_ERR_CORRUPT)
		*ret = taking.backup;
	return err;
}
