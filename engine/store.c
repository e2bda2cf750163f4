/*
 * A store as a whole: make it, open it, close it, figures of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <storefs/backup.h>
#include "backref.h"
#include "base/dir.h"
#include "base/errno.h"
#include "cache.h"
#include "memo.h"
#include "departed.h"
#include "index/table.h"
#include "backend/movable.h"
#include "document/msgpack.h"
#include "hash.h"
#include "mirror/frozen.h"
#include "mirror/sidecar.h"
#include "open.h"
#include "raw_missing.h"
#include "recover/recover.h"
#include "trash.h"
#include "twin.h"
#include "txn.h"

#define CACHE_DEFAULT ((size_t)16 << 20)
#define SYNC_MS_DEFAULT 2000
#define MEMORY_PATH "memory:"

/* --- making a store --- */

static int make_folder(const char *path, int *ret_fd, bool *ret_made, struct sfs_diag *diag)
{
	*ret_made = mkdir(path, 0755) == 0;
	if (!*ret_made && errno != EEXIST) {
		int err = sfsi_err_from_errno(errno);
		return sfs_diag_set(diag, err, "make folder %s: %s", path,
				    err == SFS_ERR_NOT_FOUND ? "its parent does not exist"
							     : sfs_err_text(err));
	}
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		int err = sfsi_err_from_errno(errno);
		return sfs_diag_set(diag, err, "%s: %s", path, sfs_err_text(err));
	}
	if (!sfsi_dir_is_empty(fd)) {
		struct stat stat;
		bool store = fstatat(fd, SFSI_STORE_FILE, &stat, 0) == 0;
		close(fd);
		return sfs_diag_set(diag, SFS_ERR_EXISTS,
				    store ? "%s is a store already" : "%s is not empty", path);
	}
	*ret_fd = fd;
	return 0;
}

static int db_path(const struct sfs_store *store, struct sfs_buf *ret)
{
	int err = sfs_buf_printf(ret, "%s/%s", store->home ? store->home : MEMORY_PATH,
				 store->aside ? store->aside : "db");
	return err < 0 ? err : sfs_buf_append(ret, "", 1);
}

/** An empty backend with its catalogue, synced. */
static int init_backend(const struct sfs_store_config *config, struct sfs_diag *diag);

static int init_in(int dir_fd, const struct sfs_store_config *config, const char *backend,
		   struct sfs_diag *diag)
{
	struct sfsi_store_file file = { .format = SFS_STORE_FORMAT };
	int err = sfsi_uuid_make(file.uuid);
	snprintf(file.backend, sizeof file.backend, "%s", backend);
	if (!err && (mkdirat(dir_fd, "db", 0700) < 0 || mkdirat(dir_fd, "raw", 0700) < 0))
		err = sfsi_err_from_errno(errno);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s: %s", config->path, sfs_err_text(err));
	err = init_backend(config, diag);
	/* The last step makes it a store. */
	return err < 0 ? err
		       : sfsi_store_file_write(dir_fd, SFSI_STORE_FILE, config->path, &file, diag);
}

int sfs_store_init(const struct sfs_store_config *config, struct sfs_diag *diag)
{
	const char *backend = config->backend ? config->backend : "kv";
	if (strcmp(config->path, MEMORY_PATH) == 0)
		return sfs_diag_set(diag, SFS_ERR_INVALID, "a memory: store needs no init");
	bool mirror = strcmp(backend, sfsi_mirror_directory.name) == 0;
	if (strcmp(backend, "kv") != 0 && !mirror)
		return sfs_diag_set(diag, SFS_ERR_INVALID,
				    "backend %s: expected kv or directory (a memory store is "
				    "opened as \"memory:\")",
				    backend);
	if (mirror && config->mirror)
		return sfs_diag_set(diag, SFS_ERR_UNSUPPORTED,
				    "a store of backend %s can not have a mirror", backend);
	SFSI_AUTO_FD int dir_fd = -1;
	bool made;
	int err = make_folder(config->path, &dir_fd, &made, diag);
	if (err < 0)
		return err;
	err = mirror ? sfsi_sidecar_init(config, diag) : init_in(dir_fd, config, backend, diag);
	if (!err && config->mirror)
		err = sfsi_twin_init(dir_fd, config->mirror, diag);
	if (err < 0) {
		sfsi_remove_tree(dir_fd, SFSI_STORE_FILE);
		sfsi_remove_tree(dir_fd, SFSI_TWIN_BEHIND);
		sfsi_remove_tree(dir_fd, SFSI_SIDECAR_NAME);
		sfsi_remove_tree(dir_fd, "storefs.json.tmp");
		sfsi_remove_tree(dir_fd, "db");
		sfsi_remove_tree(dir_fd, "raw");
		sfsi_remove_tree(dir_fd, "lock");
		if (made)
			rmdir(config->path);
	}
	return err;
}

/* --- opening --- */

/** A folder for the bytes of a memory store, and removal of those that a crash left. */
static int open_raw_memory(struct sfs_store *store)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char path[64];
		snprintf(path, sizeof path, "%s/storefs-memory-XXXXXX", places[i]);
		if (!mkdtemp(path))
			continue;
		store->raw_temp = strdup(path);
		store->raw_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (!store->raw_temp || store->raw_fd < 0)
			return SFS_ERR_NO_MEMORY;
		/* Held as long as it is in use: see sweep_raw_memory(). */
		return flock(store->raw_fd, LOCK_EX | LOCK_NB) < 0 ? SFS_ERR_IO : 0;
	}
	return SFS_ERR_IO;
}

static void sweep_raw_memory(const char *place)
{
	SFSI_AUTO_FD int place_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(place_fd, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));) {
		if (strncmp(entry->d_name, "storefs-memory-", 15) != 0)
			continue;
		SFSI_AUTO_FD int fd = openat(place_fd, entry->d_name,
					     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		struct stat stat;
		if (fd >= 0 && fstat(fd, &stat) == 0 && stat.st_uid == geteuid() &&
		    flock(fd, LOCK_EX | LOCK_NB) == 0)
			sfsi_remove_tree(place_fd, entry->d_name);
	}
}

static struct sfs_store *store_new(void)
{
	struct sfs_store *store = calloc(1, sizeof *store);
	if (!store)
		return NULL;
	store->dir_fd = store->lock_fd = store->raw_fd = -1;
	pthread_mutex_init(&store->commit_lock, NULL);
	sfsi_errors_init(store);
	sfsi_settings_init(&store->settings);
	pthread_mutex_init(&store->missing.lock, NULL);
	pthread_rwlock_init(&store->catalogue_lock, NULL);
	pthread_rwlock_init(&store->index_lock, NULL);
	return store;
}

/** Give everything back; accepts a half-open store. */
static int store_free(struct sfs_store *store)
{
	int left = sfsi_mirror_stop(store);
	sfsi_backup_schedule_stop(store);
	sfsi_trash_stop(store);
	sfsi_indexer_free(store);
	sfsi_index_close(store);
	int err = sfsi_syncer_stop(store);
	err = err ? err : left;
	sfsi_open_fini(store);
	sfsi_cache_free(store->cache);
	sfsi_memo_free(store->memo);
	sfsi_txn_room_free(store);
	sfsi_departed_free(store->departed);
	sfsi_departed_free(store->removed);
	sfsi_twin_close(store);
	sfsi_backend_close(store->backend);
	sfsi_catalogue_free(store);
	if (store->raw_temp)
		sfsi_remove_tree(AT_FDCWD, store->raw_temp);
	free(store->raw_temp);
	sfsi_twin_free(store);
	if (store->raw_fd >= 0)
		close(store->raw_fd);
	/* The lock goes last: who waits for it finds a store that is closed. */
	if (store->lock_fd >= 0) {
		if (!store->read_only)
			(void)!ftruncate(store->lock_fd, 0);
		close(store->lock_fd);
	}
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	sfsi_errors_fini(store);
	sfsi_settings_fini(&store->settings);
	pthread_mutex_destroy(&store->missing.lock);
	free(store->missing.inos);
	pthread_mutex_destroy(&store->commit_lock);
	pthread_rwlock_destroy(&store->catalogue_lock);
	pthread_rwlock_destroy(&store->index_lock);
	sfsi_mirror_free(store->mirror);
	free(store->owner_note);
	free(store->home);
	free(store->path);
	free(store);
	return err;
}

/** The commit number of the last mark; 0 when there is none. */
static int read_mark(struct sfs_store *store, uint64_t *ret)
{
	SFSI_AUTO_BUF struct sfs_buf note = SFS_BUF_INIT;
	*ret = 0;
	int err = sfsi_backend_marked(store->backend, &note);
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_UNSUPPORTED)
		return 0;
	if (!err)
		err = sfsi_mark_decode(sfs_buf_span(&note), ret);
	return err;
}

static int check_complete(struct sfs_store *store, struct sfs_diag *diag)
{
	int err = read_mark(store, &store->marked);
	uint64_t marked = store->marked;
	uint64_t found = atomic_load(&store->commit);
	if (err < 0)
		return sfs_diag_set(diag, err, "the note of the last sync can not be read: %s",
				    sfs_err_text(err));
	if (found < marked)
		return sfs_diag_set(
			diag, SFS_ERR_CORRUPT,
			"%s was synced at commit %llu, but its engine only has commit %llu: "
			"files of %s/db are missing or damaged; nothing was changed",
			store->path, (unsigned long long)marked, (unsigned long long)found,
			store->path);
	return 0;
}

/**
 * What derives from objects is made for a store of an older format. From then on who does not know it, and
 * would not keep it right, refuses the store; so this comes before anything else is written.
 */
static int upgrade(struct sfs_store *store, struct sfs_diag *diag)
{
	struct sfsi_store_file file = { .format = SFS_STORE_FORMAT };
	memcpy(file.uuid, store->uuid, sizeof file.uuid);
	snprintf(file.backend, sizeof file.backend, "%s", store->backend->ops->name);
	/*
	 * Format 2 has indexes whose counts are all right as they are, and format 3 all that there was: nothing
	 * is to be made.
	 */
	int err = store->format < 2 ? sfsi_backrefs_mark_all(store) : 0;
	if (!err)
		err = sfs_store_sync(store);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s: the store can not be brought to format %d: %s",
				    store->path, SFS_STORE_FORMAT, sfs_err_text(err));
	err = sfsi_store_file_write(store->dir_fd,
				    store->mirror ? SFSI_SIDECAR_FILE : SFSI_STORE_FILE,
				    store->home, &file, diag);
	if (!err)
		store->format = SFS_STORE_FORMAT;
	if (!err)
		sfsi_twin_upgraded(store, &file);
	return err;
}

static int open_parts(struct sfs_store *store, const struct sfs_store_config *config, bool create,
		      struct sfs_diag *diag)
{
	size_t cache = config->cache_bytes ? config->cache_bytes : CACHE_DEFAULT;
	if (store->dir_fd >= 0)
		sfsi_settings_load(store);
	int err = sfsi_cache_new(cache / 2, &store->cache);
	if (!err)
		err = sfsi_memo_new(cache / 2, &store->memo);
	if (!err)
		err = sfsi_departed_new(SFSI_DEPARTED_BYTES, false, &store->departed);
	if (!err)
		err = sfsi_departed_new(SFSI_REMOVED_BYTES, true, &store->removed);
	if (!err)
		err = sfsi_open_init(store);
	if (!err)
		err = sfsi_indexer_new(store);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	err = sfsi_catalogue_load(store, create, diag);
	if (!err)
		err = check_complete(store, diag);
	if (!err && !create)
		err = sfsi_damage_names(store, diag);
	if (err < 0)
		return err;
	err = sfsi_twin_catch_up(store, diag);
	if (err < 0)
		return err;
	err = sfsi_syncer_start(store, config->sync_ms ? config->sync_ms : SYNC_MS_DEFAULT);
	if (!err && create)
		err = sfs_store_sync(store);
	if (!err && !create && !store->read_only && store->format < SFS_STORE_FORMAT) {
		err = upgrade(store, diag);
		if (err < 0)
			return err;
	}
	bool own = !create && !store->read_only && !store->aside;
	if (!err && own)
		err = sfsi_bytes_recover(store);
	if (!err && own)
		sfsi_missing_bring(store);
	if (!err && !create && !store->read_only)
		err = sfsi_index_adopt(store);
	/* What can not be swept now (a full disk) is swept next time. */
	if (!err && own)
		(void)!sfsi_reaped_sweep(store);
	if (!err && own)
		sfsi_bytes_collect(store);
	if (!err && !create)
		(void)!sfsi_backrefs_settle(store);
	return err < 0 ? sfs_diag_set(diag, err, "%s", sfs_err_text(err)) : 0;
}

static int open_folder(struct sfs_store *store, const struct sfs_store_config *config,
		       struct sfs_diag *diag)
{
	store->dir_fd = open(config->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir_fd < 0) {
		int err = sfsi_err_from_errno(errno);
		return sfs_diag_set(diag, err, "%s: %s", config->path,
				    err == SFS_ERR_NOT_FOUND ? "no such folder"
							     : sfs_err_text(err));
	}
	store->path = realpath(config->path, NULL);
	store->home = store->path ? strdup(store->path) : NULL;
	if (!store->home)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	return 0;
}

static int open_backend(struct sfs_store *store, const char *name, bool create,
			struct sfs_diag *diag)
{
	const struct sfsi_backend_ops *ops = sfsi_backend_find(name);
	if (!ops)
		return sfs_diag_set(diag, SFS_ERR_VERSION,
				    "%s has backend %s, which this storefs lacks", store->path,
				    name);
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	int err = db_path(store, &path);
	struct sfsi_backend_config backend = {
		.path = store->dir_fd >= 0 ? path.data : NULL,
		.read_only = store->read_only,
		.share_cache = store->share_cache,
		.create = create,
	};
	return err < 0 ? err : sfsi_backend_open(ops, &backend, &store->backend, diag);
}

static int open_memory(struct sfs_store *store, const struct sfs_store_config *config,
		       struct sfs_diag *diag)
{
	store->path = strdup(MEMORY_PATH);
	store->format = SFS_STORE_FORMAT;
	sweep_raw_memory("/dev/shm");
	sweep_raw_memory("/tmp");
	int err = store->path ? sfsi_uuid_make(store->uuid) : SFS_ERR_NO_MEMORY;
	if (!err)
		err = open_raw_memory(store);
	if (err < 0)
		return sfs_diag_set(diag, err, "memory store: %s", sfs_err_text(err));
	store->hash_seed = sfsi_hash(sfs_span_str(store->uuid), 0);
	err = open_backend(store, "memory", true, diag);
	return err < 0 ? err : open_parts(store, config, true, diag);
}

static void take_file(struct sfs_store *store, const struct sfsi_store_file *file)
{
	store->format = file->format;
	memcpy(store->uuid, file->uuid, sizeof store->uuid);
	store->hash_seed = sfsi_hash(sfs_span_str(store->uuid), 0);
}

static int open_raw(struct sfs_store *store, struct sfs_diag *diag)
{
	store->raw_fd = openat(store->dir_fd, "raw",
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return store->raw_fd >= 0 ? 0
				  : sfs_diag_set(diag, SFS_ERR_CORRUPT,
						 "%s/raw is missing or not a folder", store->path);
}

static int open_disk(struct sfs_store *store, const struct sfs_store_config *config,
		     struct sfs_diag *diag)
{
	store->read_only = config->flags & SFS_STORE_READ_ONLY;
	store->share_cache = config->flags & SFS_STORE_SHARE_CACHE;
	int err = open_folder(store, config, diag);
	struct sfsi_store_file file;
	bool frozen = !err && sfsi_frozen_is(store->dir_fd);
	if (!err)
		err = sfsi_store_file_read(store->dir_fd,
					   frozen ? SFSI_SIDECAR_FILE : SFSI_STORE_FILE,
					   config->path, &file, diag);
	if (!err)
		err = sfsi_store_lock(store->dir_fd, config, &store->lock_fd, diag);
	if (!err)
		err = sfsi_folder_check(store->dir_fd, config->path, diag);
	/* What a restore or a recovery left to do. */
	if (!err && !store->read_only && !frozen)
		err = sfsi_backup_in_place_settle(store->path, NULL, diag);
	if (!err && !store->read_only && sfsi_recover_is_pending(store->dir_fd))
		err = sfsi_recover_settle(store->dir_fd);
	if (!err)
		err = sfsi_damage_check(store, diag);
	if (err < 0)
		return err;
	take_file(store, &file);
	err = open_raw(store, diag);
	if (!err)
		err = open_backend(store, file.backend, false, diag);
	/* A store without its db/ is no less damaged than one with a part of it. */
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_NOT_DIR)
		err = SFS_ERR_CORRUPT;
	if (!err)
		err = frozen ? sfsi_frozen_attach(store, diag)
			     : sfsi_twin_attach(store, config, diag);
	if (!err && !frozen)
		sfsi_damage_watch(store, config);
	return err < 0 ? err : open_parts(store, config, false, diag);
}

int sfsi_store_open_aside(const char *path, const char *name, const struct sfsi_store_file *file,
			  struct sfs_store **ret, struct sfs_diag *diag)
{
	const struct sfs_store_config config = { .path = path };
	struct sfs_store *store = store_new();
	if (!store)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	store->aside = name;
	take_file(store, file);
	int err = open_folder(store, &config, diag);
	if (!err)
		err = open_raw(store, diag);
	if (!err)
		err = open_backend(store, file->backend, false, diag);
	if (!err)
		err = open_parts(store, &config, false, diag);
	if (err < 0) {
		store_free(store);
		return err;
	}
	*ret = store;
	return 0;
}

/** A backend that can move with the sidecar. */
static int open_movable(struct sfs_store *store, bool create, struct sfs_diag *diag)
{
	struct sfsi_backend *movable;
	int err = open_backend(store, "kv", create, diag);
	if (err < 0)
		return err;
	err = sfsi_backend_movable_wrap(store->backend, &movable);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	store->backend = movable;
	return 0;
}

static int open_mirror(struct sfs_store *store, const struct sfs_store_config *config,
		       struct sfs_diag *diag)
{
	bool create;
	store->databases = (struct sfsi_database_config){
		.save_interval_s = config->save_interval_s ? config->save_interval_s : 60,
		.backups = config->database_backups,
		.log = config->log,
		.log_arg = config->log_arg,
	};
	int err = sfsi_sidecar_attach(store, config, &create, diag);
	if (!err && !store->mirror->read_only && !store->mirror->file && store->mirror->settled)
		err = sfsi_backup_in_place_settle(store->mirror->root, SFSI_SIDECAR_NAME, diag);
	if (!err)
		err = open_movable(store, create, diag);
	if (err == SFS_ERR_NOT_FOUND && store->dir_fd >= 0)
		err = SFS_ERR_CORRUPT;
	if (!err && !store->mirror->read_only)
		sfsi_damage_watch(store, config);
	if (!err)
		err = open_parts(store, config, create, diag);
	if (!err && create)
		err = sfsi_sidecar_complete(store, diag);
	if (!err)
		err = sfsi_mirror_start(store, diag);
	/* Only now: what is in the files is taken in also where nobody may change them. */
	if (!err)
		store->read_only = store->mirror->read_only ||
				   (config->flags & SFS_STORE_READ_ONLY);
	return err < 0 ? err : sfsi_mirror_follow(store, diag);
}

/** Has it the file that makes a folder a store, or is it the backup of a mirror? */
static bool is_plain(const char *path)
{
	struct stat stat;
	SFSI_AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fstatat(fd, SFSI_STORE_FILE, &stat, AT_SYMLINK_NOFOLLOW) == 0 ||
				 sfsi_frozen_is(fd)
		       : errno != ENOTDIR;
}

int sfs_store_open(const struct sfs_store_config *given, struct sfs_store **ret,
		   struct sfs_diag *diag)
{
	struct sfs_store_config own = *given, *config = &own;
	struct sfs_store *store = store_new();
	if (!store)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	if (sfs_backup_is(config->path))
		config->flags |= SFS_STORE_READ_ONLY;
	bool memory = strcmp(config->path, MEMORY_PATH) == 0;
	int err;
	if (memory)
		err = open_memory(store, config, diag);
	else if (is_plain(config->path))
		err = open_disk(store, config, diag);
	else if (sfsi_recover_lost_file(config->path))
		err = sfs_diag_set(diag, SFS_ERR_CORRUPT,
				   "%s/" SFSI_STORE_FILE " is missing, expected the file that says "
				   "what the store is",
				   config->path);
	else
		err = open_mirror(store, config, diag);
	if (err < 0) {
		store_free(store);
		return err;
	}
	*ret = store;
	return 0;
}

static int init_backend(const struct sfs_store_config *config, struct sfs_diag *diag)
{
	struct sfs_store *store = store_new();
	if (!store)
		return sfs_diag_set(diag, SFS_ERR_NO_MEMORY, "%s", sfs_err_text(SFS_ERR_NO_MEMORY));
	int err = open_folder(store, config, diag);
	if (!err)
		err = open_backend(store, "kv", true, diag);
	if (!err)
		err = open_parts(store, config, true, diag);
	int closed = store_free(store);
	if (!err && closed < 0)
		err = sfs_diag_set(diag, closed, "%s: %s", config->path, sfs_err_text(closed));
	return err;
}

int sfs_store_close(struct sfs_store *store)
{
	return store ? store_free(store) : 0;
}

/* --- figures --- */

const char *sfs_store_path(const struct sfs_store *store)
{
	return store->path;
}

void sfs_store_listen(struct sfs_store *store, const struct sfs_listener *listener)
{
	SFSI_LOCK_SCOPE(&store->commit_lock);
	store->listener = listener ? *listener : (struct sfs_listener){ .changed = NULL };
}

static void count_classes(struct sfs_store *store, struct sfs_store_stat *ret)
{
	struct sfs_class_info info = { 0 };
	for (uint32_t id = 0; sfs_class_next(store, id, &info) == 0; id = info.id) {
		ret->classes++;
		ret->objects += info.objects;
		ret->refused_texts += info.refused;
		*(info.kind == SFS_CLASS_RAW ? &ret->raws : &ret->scratch) += info.files;
	}
}

int sfs_store_stat(struct sfs_store *store, struct sfs_store_stat *ret)
{
	struct sfs_store_stat stat = {
		.backend = sfsi_store_backend_name(store),
		.format = store->format,
		.read_only = store->read_only,
		.damaged = atomic_load(&store->backend->damaged),
		.commit = atomic_load(&store->commit),
		.commits = atomic_load(&store->commits),
	};
	memcpy(stat.uuid, store->uuid, sizeof stat.uuid);
	sfsi_twin_stat(store, &stat);
	count_classes(store, &stat);
	struct sfs_trash_stat trash = { .entries = 0 };
	/* A figure that can not be read is a matter of the check. */
	if (sfs_trash_stat(store, 0, &trash) == 0) {
		stat.trashed = trash.entries;
		stat.trash_bytes = trash.bytes;
	}
	struct sfsi_sync_stat sync;
	sfsi_syncer_stat(store, &sync);
	stat.commit_synced = sync.synced;
	stat.syncs = sync.syncs;
	struct sfsi_cache_stat cache;
	sfsi_cache_stats(store->cache, &cache);
	stat.cache_bytes = cache.bytes;
	stat.cache_hits = cache.hits;
	stat.cache_misses = cache.misses;
	struct sfsi_backend_stat backend = { 0 };
	if (sfsi_backend_stat(store->backend, &backend) == 0)
		stat.backend_bytes = backend.bytes;
	struct statvfs fs;
	if (fstatvfs(store->raw_fd, &fs) < 0)
		return sfsi_err_from_errno(errno);
	stat.fs_total = (uint64_t)fs.f_blocks * fs.f_frsize;
	stat.fs_free = (uint64_t)fs.f_bfree * fs.f_frsize;
	stat.fs_avail = (uint64_t)fs.f_bavail * fs.f_frsize;
	stat.fs_files = fs.f_files;
	stat.fs_files_free = fs.f_ffree;
	*ret = stat;
	return 0;
}
