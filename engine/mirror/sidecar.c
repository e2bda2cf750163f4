/* Where the sidecar of a mirror is: see sidecar.h. */
#include "mirror/sidecar.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <storefs/backup.h>
#include "backend/movable.h"
#include "base/dir.h"
#include "base/errno.h"
#include "base/file.h"
#include "hash.h"
#include "mirror/frozen.h"

static int fail_errno(struct sfs_diag *diag, const char *path)
{
	int err = sfsi_err_from_errno(errno);
	return sfs_diag_set(diag, err, "%s: %s", path,
			    err == SFS_ERR_NOT_FOUND ? "no such folder" : sfs_err_text(err));
}

/* --- places --- */

/** The folder that caches of this user are in. */
static int cache_base(struct sfs_buf *ret)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	if (cache && *cache == '/')
		return sfs_buf_printf(ret, "%s/storefs", cache);
	if (home && *home == '/')
		return sfs_buf_printf(ret, "%s/.cache/storefs", home);
	return sfs_buf_printf(ret, "/tmp/storefs-%u", (unsigned)geteuid());
}

static int cache_path(int root_fd, const char *file, struct sfs_buf *ret)
{
	struct stat stat;
	if (fstat(root_fd, &stat) < 0)
		return sfsi_err_from_errno(errno);
	int err = cache_base(ret);
	if (!err)
		err = sfs_buf_printf(ret, "/%llx-%llx", (unsigned long long)stat.st_dev,
				     (unsigned long long)stat.st_ino);
	if (!err && file)
		err = sfs_buf_printf(ret, "-%016llx",
				     (unsigned long long)sfsi_hash(sfs_span_str(file), 0));
	return err < 0 ? err : sfs_buf_append(ret, "", 1);
}

void sfsi_sidecar_name(const char *file, char ret[NAME_MAX + 1])
{
	int len = snprintf(ret, NAME_MAX + 1, "%s%s" SFSI_SIDECAR_NAME, file ? "." : "",
			   file ? file : "");
	if (file && len > NAME_MAX)
		snprintf(ret, NAME_MAX + 1, ".%016llx" SFSI_SIDECAR_NAME,
			 (unsigned long long)sfsi_hash(sfs_span_str(file), 0));
}

/** A path to a file: its folder, and its name. */
static int split_file(struct sfsi_sidecar_place *place)
{
	char *slash = strrchr(place->root, '/');
	place->file = slash ? strdup(slash + 1) : NULL;
	if (!place->file)
		return SFS_ERR_NO_MEMORY;
	slash[slash == place->root] = '\0';
	place->root_fd = open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return place->root_fd < 0 ? sfsi_err_from_errno(errno) : 0;
}

int sfsi_sidecar_place(const char *path, struct sfsi_sidecar_place *ret, struct sfs_diag *diag)
{
	struct stat stat;
	*ret = (struct sfsi_sidecar_place){ .root_fd = -1, .root = realpath(path, NULL) };
	int err = 0;
	if (!ret->root)
		err = fail_errno(diag, path);
	else
		ret->root_fd = open(ret->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->root && ret->root_fd < 0 && errno == ENOTDIR && lstat(ret->root, &stat) == 0 &&
	    S_ISREG(stat.st_mode))
		err = split_file(ret);
	if (!err && ret->root_fd < 0)
		err = fail_errno(diag, path);
	if (!err)
		err = cache_path(ret->root_fd, ret->file, &ret->cache);
	if (err < 0)
		sfsi_sidecar_place_fini(ret);
	return err < 0 && diag && !diag->text[0] ? sfs_diag_set(diag, err, "%s", sfs_err_text(err))
						 : err;
}

void sfsi_sidecar_place_fini(struct sfsi_sidecar_place *place)
{
	if (place->root_fd >= 0)
		close(place->root_fd);
	free(place->root);
	free(place->file);
	sfs_buf_fini(&place->cache);
	*place = (struct sfsi_sidecar_place){ .root_fd = -1 };
}

int sfs_backup_folder(const char *path, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf plain = SFS_BUF_INIT;
	struct sfsi_sidecar_place place;
	struct stat stat;
	char name[NAME_MAX + 1];
	int err = sfs_buf_printf(&plain, "%s/" SFSI_STORE_FILE "%c", path, 0);
	if (err < 0)
		return err;
	if (lstat(plain.data, &stat) == 0)
		return sfs_buf_printf(ret, "%s/" SFS_BACKUP_FOLDER "%c", path, 0);
	err = sfsi_sidecar_place(path, &place, NULL);
	if (err < 0)
		return err;
	sfsi_sidecar_name(place.file, name);
	err = sfs_buf_printf(ret, "%s/%s/" SFS_BACKUP_FOLDER "%c", place.root, name, 0);
	sfsi_sidecar_place_fini(&place);
	return err;
}

static bool has_sidecar(int dir_fd)
{
	struct stat stat;
	return dir_fd >= 0 && fstatat(dir_fd, SFSI_SIDECAR_FILE, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(stat.st_mode);
}

/** The folder of a sidecar that counts, or -1. */
static int open_sidecar(int at, const char *name)
{
	int fd = name ? openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd >= 0 && !has_sidecar(fd)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int open_settled(const struct sfsi_sidecar_place *place)
{
	char name[NAME_MAX + 1];
	sfsi_sidecar_name(place->file, name);
	return open_sidecar(place->root_fd, name);
}

bool sfsi_sidecar_lost_file(int dir_fd)
{
	struct stat stat;
	return fstatat(dir_fd, SFSI_SIDECAR_FILE, &stat, AT_SYMLINK_NOFOLLOW) < 0 &&
	       fstatat(dir_fd, SFSI_SIDECAR_SETTLING, &stat, AT_SYMLINK_NOFOLLOW) < 0 &&
	       fstatat(dir_fd, "db/STATE", &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_known(const struct sfsi_sidecar_place *place)
{
	struct sfsi_recognised found = { .storage = false };
	for (size_t i = 0; sfsi_mirror_kinds[i]; i++)
		sfsi_mirror_kinds[i]->recognise(place->root_fd, place->file, &found);
	return sfsi_recognised_any(&found);
}

static bool takes_no_writes(int root_fd);

int sfs_store_recognise(const char *path, struct sfs_recognised *ret, struct sfs_diag *diag)
{
	struct sfsi_sidecar_place place;
	struct sfsi_recognised found = { .storage = false };
	struct stat stat;
	int err = sfsi_sidecar_place(path, &place, diag);
	if (err < 0)
		return err;
	*ret = (struct sfs_recognised){ .read_only = takes_no_writes(place.root_fd) };
	if (!place.file)
		ret->store = fstatat(place.root_fd, SFSI_STORE_FILE, &stat, AT_SYMLINK_NOFOLLOW) ==
			     0;
	SFSI_AUTO_FD int sidecar_fd = open_settled(&place);
	ret->mirror = sidecar_fd >= 0;
	for (size_t i = 0; sfsi_mirror_kinds[i] && !ret->store; i++)
		sfsi_mirror_kinds[i]->recognise(place.root_fd, place.file, &found);
	ret->storage = found.storage;
	ret->storify = found.storify;
	ret->database = found.one_file;
	memcpy(ret->example, found.example, sizeof ret->example);
	sfsi_sidecar_place_fini(&place);
	return 0;
}

static int not_store(const char *path, struct sfs_diag *diag)
{
	return sfs_diag_set(diag, SFS_ERR_NOT_STORE,
			    "%s is not a storefs store: it has no storefs.json, and no files of a "
			    "Python system (Class/oid.json, name.mpack) were found in it",
			    path);
}

int sfsi_sidecar_peek(const char *path, int *ret_fd, struct sfs_diag *diag)
{
	struct sfsi_sidecar_place place;
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd >= 0 && sfsi_frozen_is(*ret_fd))
		return 0;
	sfsi_close_fd(ret_fd);
	int err = sfsi_sidecar_place(path, &place, diag);
	if (err < 0)
		return err;
	*ret_fd = open_settled(&place);
	if (*ret_fd < 0 && !is_known(&place))
		err = not_store(path, diag);
	else if (*ret_fd < 0)
		*ret_fd = open_sidecar(AT_FDCWD, place.cache.data);
	sfsi_sidecar_place_fini(&place);
	return err;
}

/** A folder and those above it, for this user alone. */
static int make_folders(const char *path)
{
	SFSI_AUTO_FREE char *copy = strdup(path);
	struct stat stat;
	if (!copy)
		return SFS_ERR_NO_MEMORY;
	for (char *at = copy + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return sfsi_err_from_errno(errno);
		*at = '/';
	}
	if (mkdir(copy, 0700) < 0 && errno != EEXIST)
		return sfsi_err_from_errno(errno);
	/* /tmp is everybody's. */
	if (lstat(copy, &stat) < 0 || !S_ISDIR(stat.st_mode) || stat.st_uid != geteuid())
		return SFS_ERR_PERMISSION;
	return 0;
}

int sfs_store_socket_folder(const char *path, struct sfs_buf *ret)
{
	struct stat stat;
	struct sfsi_sidecar_place place;
	SFSI_AUTO_BUF struct sfs_buf file = SFS_BUF_INIT;
	int err = sfs_buf_printf(&file, "%s/storefs.json", path);
	if (!err)
		err = sfs_buf_append(&file, "", 1);
	if (!err && lstat(file.data, &stat) == 0)
		return sfs_buf_append(ret, path, strlen(path) + 1);
	if (!err)
		err = sfsi_sidecar_place(path, &place, NULL);
	if (err < 0)
		return err;
	err = make_folders(place.cache.data);
	if (!err)
		err = sfs_buf_append(ret, place.cache.data, place.cache.len);
	sfsi_sidecar_place_fini(&place);
	return err;
}

/* --- copying --- */

static int copy_file(int from, int to, const char *name)
{
	SFSI_AUTO_FD int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	SFSI_AUTO_FD int out = in < 0 ? -1
				      : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
					       0600);
	char block[65536];
	if (out < 0)
		return sfsi_err_from_errno(errno);
	for (;;) {
		ssize_t got = read(in, block, sizeof block);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 || fsync(out) < 0 ? sfsi_err_from_errno(errno) : 0;
		int err = sfsi_write_all(out, (struct sfs_span){ block, (size_t)got });
		if (err < 0)
			return err;
	}
}

static int copy_tree(int from, int to);

static int copy_entry(int from, int to, const struct dirent *entry)
{
	struct stat stat;
	const char *name = entry->d_name;
	if (fstatat(from, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : sfsi_err_from_errno(errno);
	if (S_ISREG(stat.st_mode))
		return copy_file(from, to, name);
	if (!S_ISDIR(stat.st_mode))
		return 0;
	if (mkdirat(to, name, 0700) < 0)
		return sfsi_err_from_errno(errno);
	SFSI_AUTO_FD int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	SFSI_AUTO_FD int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return in < 0 || out < 0 ? sfsi_err_from_errno(errno) : copy_tree(in, out);
}

static bool is_left_out(const char *name)
{
	static const char *const names[] = { SFSI_SIDECAR_FILE, SFS_BACKUP_FOLDER, "lock", "root",
					     "snapshot.tmp" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/** Regular files and folders, but for what makes it a sidecar that counts, and backups. */
static int copy_tree(int from, int to)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(from, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		if (!is_left_out(entry->d_name))
			err = copy_entry(from, to, entry);
	return !err && fsync(to) < 0 ? sfsi_err_from_errno(errno) : err;
}

/* --- attaching --- */

/** Nobody may change this folder. */
static bool takes_no_writes(int root_fd)
{
	struct statvfs st;
	if (fstatvfs(root_fd, &st) == 0 && (st.f_flag & ST_RDONLY))
		return true;
	return faccessat(root_fd, ".", W_OK | X_OK, AT_EACCESS) < 0;
}

/** Empty the folder of a sidecar, but for the socket of a daemon and the lock. */
static void clear(int dir_fd)
{
	static const char *const names[] = {
		SFSI_SIDECAR_FILE,  "store.tmp",          "db", "raw", "errors.ndjson", "root",
		SFSI_SETTINGS_FILE, SFSI_SIDECAR_SETTLING
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		sfsi_remove_tree(dir_fd, names[i]);
}

/** A folder for the sidecar in the cache; made if need be. */
static int open_cache(const struct sfsi_sidecar_place *place, int *ret_fd, struct sfs_diag *diag)
{
	const char *path = place->cache.data;
	int err = make_folders(path);
	*ret_fd = err < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (!err && *ret_fd < 0)
		err = sfsi_err_from_errno(errno);
	return err < 0 ? sfs_diag_set(diag, err, "make folder %s: %s", path, sfs_err_text(err)) : 0;
}

/** Say which root a sidecar in the cache is of. */
static int note_root(const struct sfs_store *store)
{
	const char *root = store->mirror->root;
	SFSI_AUTO_FD int fd = openat(store->dir_fd, "root",
				     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, root, strlen(root)) != (ssize_t)strlen(root))
		return sfsi_err_from_errno(errno);
	return 0;
}

/** The sidecar in a root that may not be written serves as it is, from a copy in the cache. */
static int copy_settled(const struct sfs_store *store, int settled_fd, struct sfs_diag *diag)
{
	clear(store->dir_fd);
	int err = copy_tree(settled_fd, store->dir_fd);
	if (!err)
		err = note_root(store);
	if (!err)
		err = copy_file(settled_fd, store->dir_fd, SFSI_SIDECAR_FILE);
	return err < 0 ? sfs_diag_set(diag, err, "copy %s/" SFSI_SIDECAR_NAME " to %s: %s",
				      store->mirror->root, store->home, sfs_err_text(err))
		       : 0;
}

/** Is there what is left of one in the root? */
static bool is_left(const struct sfsi_sidecar_place *place)
{
	char name[NAME_MAX + 1];
	sfsi_sidecar_name(place->file, name);
	SFSI_AUTO_FD int fd = openat(place->root_fd, name,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && sfsi_sidecar_lost_file(fd);
}

/** Which folder is it? Sets home, dir_fd and settled. *ret_copy: of what it is to be a copy; -1: of none. */
static int choose_folder(struct sfs_store *store, const struct sfsi_sidecar_place *place,
			 const struct sfs_store_config *config, int *ret_copy,
			 struct sfs_diag *diag)
{
	struct sfsi_mirror *mirror = store->mirror;
	char name[NAME_MAX + 1];
	SFSI_AUTO_FD int settled_fd = open_settled(place);
	/* Who only wants to read leaves no trace: what others did is taken in elsewhere. */
	mirror->read_only = takes_no_writes(place->root_fd) ||
			    ((config->flags & SFS_STORE_READ_ONLY) &&
			     !(config->flags & SFS_STORE_TAKE_IN));
	mirror->settled = settled_fd >= 0 && !mirror->read_only;
	if (settled_fd < 0 && !mirror->read_only && is_left(place))
		return sfs_diag_set(diag, SFS_ERR_CORRUPT,
				    "%s: what storefs keeps beside the files has lost its file "
				    "\"" SFSI_SIDECAR_FILE "\"",
				    place->root);
	if (settled_fd < 0 && !is_known(place))
		return not_store(place->root, diag);
	if (mirror->settled) {
		store->dir_fd = settled_fd;
		settled_fd = -1;
		sfsi_sidecar_name(place->file, name);
		return asprintf(&store->home, "%s/%s", place->root, name) < 0 ? SFS_ERR_NO_MEMORY
									      : 0;
	}
	store->home = place->cache.data ? strdup(place->cache.data) : NULL;
	if (!store->home)
		return SFS_ERR_NO_MEMORY;
	*ret_copy = settled_fd;
	settled_fd = -1;
	return open_cache(place, &store->dir_fd, diag);
}

/** One process for each root, wherever its sidecar is. */
static int lock_root(struct sfs_store *store, const struct sfsi_sidecar_place *place,
		     const struct sfs_store_config *config, struct sfs_diag *diag)
{
	struct sfs_store_config how = *config;
	how.flags &= ~(unsigned)SFS_STORE_READ_ONLY;
	int err = sfsi_store_lock(store->dir_fd, &how, &store->lock_fd, diag);
	if (!err && flock(store->mirror->root_fd, LOCK_EX | LOCK_NB) < 0)
		err = sfs_diag_set(diag, SFS_ERR_BUSY, "%s is owned by another process",
				   place->root);
	return err < 0 ? err : sfsi_folder_check(store->mirror->root_fd, place->root, diag);
}

/** Was this sidecar in the cache made for another folder that was at this place? */
static bool is_of_root(const struct sfs_store *store, const char *root)
{
	char was[4096];
	SFSI_AUTO_FD int fd = openat(store->dir_fd, "root", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : read(fd, was, sizeof was);
	return got == (ssize_t)strlen(root) && memcmp(was, root, (size_t)got) == 0;
}

static int begin_folder(struct sfs_store *store)
{
	clear(store->dir_fd);
	if (mkdirat(store->dir_fd, "db", 0700) < 0 || mkdirat(store->dir_fd, "raw", 0700) < 0)
		return sfsi_err_from_errno(errno);
	int err = note_root(store);
	return err < 0 ? err : sfsi_uuid_make(store->uuid);
}

/** What is there of a sidecar, or the beginning of one. */
static int identify(struct sfs_store *store, bool *ret_create, struct sfs_diag *diag)
{
	const struct sfsi_mirror *mirror = store->mirror;
	struct sfsi_store_file file;
	struct stat stat;
	/* An empty one only says that the folder is to be a mirror. */
	*ret_create = fstatat(store->dir_fd, SFSI_SIDECAR_FILE, &stat, AT_SYMLINK_NOFOLLOW) < 0 ||
		      stat.st_size == 0 || (!mirror->settled && !is_of_root(store, mirror->root));
	if (*ret_create) {
		int err = begin_folder(store);
		store->format = SFS_STORE_FORMAT;
		return err < 0 ? sfs_diag_set(diag, err, "%s: %s", store->home, sfs_err_text(err))
			       : 0;
	}
	int err = sfsi_store_file_read(store->dir_fd, SFSI_SIDECAR_FILE, store->home, &file, diag);
	if (err < 0)
		return err;
	store->format = file.format;
	memcpy(store->uuid, file.uuid, sizeof store->uuid);
	return 0;
}

static int open_parts(struct sfs_store *store, const struct sfsi_sidecar_place *place,
		      const struct sfs_store_config *config, bool *ret_create,
		      struct sfs_diag *diag)
{
	struct sfsi_mirror *mirror = store->mirror;
	if (!mirror || !place->root)
		return SFS_ERR_NO_MEMORY;
	mirror->root_fd = fcntl(place->root_fd, F_DUPFD_CLOEXEC, 0);
	mirror->root = strdup(place->root);
	mirror->file = place->file ? strdup(place->file) : NULL;
	if (mirror->root_fd < 0 || !mirror->root || (place->file && !mirror->file))
		return SFS_ERR_NO_MEMORY;
	SFSI_AUTO_FD int copy_fd = -1;
	int err = choose_folder(store, place, config, &copy_fd, diag);
	if (!err)
		err = lock_root(store, place, config, diag);
	if (!err && copy_fd >= 0)
		err = copy_settled(store, copy_fd, diag);
	if (!err)
		err = identify(store, ret_create, diag);
	if (!err && !mirror->read_only)
		err = sfsi_damage_check(store, diag);
	if (err < 0)
		return err;
	store->hash_seed = sfsi_hash(sfs_span_str(store->uuid), 0);
	store->raw_fd = openat(store->dir_fd, "raw",
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return store->raw_fd < 0 ? sfs_diag_set(diag, SFS_ERR_CORRUPT,
						"%s/raw is missing or not a folder", store->home)
				 : 0;
}

int sfsi_sidecar_attach(struct sfs_store *store, const struct sfs_store_config *config,
			bool *ret_create, struct sfs_diag *diag)
{
	struct sfsi_sidecar_place place;
	int err = sfsi_sidecar_place(config->path, &place, diag);
	if (err < 0)
		return err;
	store->mirror = calloc(1, sizeof *store->mirror);
	if (store->mirror) {
		store->mirror->store = store;
		store->mirror->root_fd = -1;
		store->path = realpath(config->path, NULL);
		store->owner_note = config->owner_note ? strdup(config->owner_note) : NULL;
	}
	err = store->path ? open_parts(store, &place, config, ret_create, diag) : SFS_ERR_NO_MEMORY;
	sfsi_sidecar_place_fini(&place);
	return err < 0 && diag && !diag->text[0] ? sfs_diag_set(diag, err, "%s", sfs_err_text(err))
						 : err;
}

int sfsi_sidecar_complete(struct sfs_store *store, struct sfs_diag *diag)
{
	struct sfsi_store_file file = { .format = SFS_STORE_FORMAT, .backend = "kv" };
	memcpy(file.uuid, store->uuid, sizeof file.uuid);
	return sfsi_store_file_write(store->dir_fd, SFSI_SIDECAR_FILE, store->home, &file, diag);
}

/* --- settling --- */

struct settling {
	struct sfs_store *store;
	int to_fd;
};

static int copy_backend(void *arg)
{
	const struct settling *settling = arg;
	return copy_tree(settling->store->dir_fd, settling->to_fd);
}

/** All that was open in the cache is now what was copied. */
static int take_place(struct sfs_store *store, int to_fd, char *home)
{
	const struct sfs_store_config config = { .path = home, .owner_note = store->owner_note };
	SFSI_AUTO_FD int raw_fd = openat(to_fd, "raw", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SFSI_AUTO_FD int lock_fd = -1;
	int err = raw_fd < 0 ? sfsi_err_from_errno(errno) : 0;
	if (!err)
		err = sfsi_store_lock(to_fd, &config, &lock_fd, NULL);
	if (err < 0)
		return err;
	sfsi_errors_moved(store);
	if (dup3(raw_fd, store->raw_fd, O_CLOEXEC) < 0 ||
	    dup3(lock_fd, store->lock_fd, O_CLOEXEC) < 0)
		return sfsi_err_from_errno(errno);
	clear(store->dir_fd);
	if (dup3(to_fd, store->dir_fd, O_CLOEXEC) < 0)
		return sfsi_err_from_errno(errno);
	return 0;
}

static int settle_into(struct sfs_store *store, int to_fd, char *home)
{
	struct settling settling = { store, to_fd };
	SFSI_AUTO_BUF struct sfs_buf from = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf to = SFS_BUF_INIT;
	clear(to_fd);
	SFSI_AUTO_FD int note = openat(to_fd, SFSI_SIDECAR_SETTLING,
				       O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = note < 0 ? sfsi_err_from_errno(errno)
			   : sfs_buf_printf(&from, "%s/db", store->home);
	if (!err)
		err = sfs_buf_append(&from, "", 1);
	if (!err)
		err = sfs_buf_printf(&to, "%s/db", home);
	if (!err)
		err = sfs_buf_append(&to, "", 1);
	if (err < 0)
		return err;
	const struct sfsi_backend_config was = { .path = from.data }, will = { .path = to.data };
	err = sfsi_backend_move(store->backend, &was, &will, copy_backend, &settling);
	return err < 0 ? err : take_place(store, to_fd, home);
}

int sfsi_sidecar_settle(struct sfs_store *store)
{
	struct sfsi_mirror *mirror = store->mirror;
	char *home = NULL, name[NAME_MAX + 1];
	if (mirror->read_only)
		return SFS_ERR_READ_ONLY;
	sfsi_sidecar_name(mirror->file, name);
	if (mkdirat(mirror->root_fd, name, 0777) < 0 && errno != EEXIST)
		return sfsi_err_from_errno(errno);
	SFSI_AUTO_FD int fd = openat(mirror->root_fd, name,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return sfsi_err_from_errno(errno);
	if (asprintf(&home, "%s/%s", mirror->root, name) < 0)
		return SFS_ERR_NO_MEMORY;
	int err = settle_into(store, fd, home);
	if (!err)
		err = sfsi_sidecar_complete(store, NULL);
	if (err < 0) {
		free(home);
		return err;
	}
	unlinkat(fd, SFSI_SIDECAR_SETTLING, 0);
	free(store->home);
	store->home = home;
	mirror->settled = true;
	return 0;
}

int sfsi_sidecar_init(const struct sfs_store_config *config, struct sfs_diag *diag)
{
	SFSI_AUTO_FD int root_fd = open(config->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SFSI_AUTO_FD int fd = -1;
	struct sfs_store *store = NULL;
	if (root_fd < 0 || mkdirat(root_fd, SFSI_SIDECAR_NAME, 0777) < 0)
		return fail_errno(diag, config->path);
	/* Empty, but it is there: this folder is to be a mirror. */
	fd = openat(root_fd, SFSI_SIDECAR_NAME "/" SFSI_SIDECAR_FILE,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_errno(diag, config->path);
	int err = sfs_store_open(config, &store, diag);
	return err < 0 ? err : sfs_store_close(store);
}
