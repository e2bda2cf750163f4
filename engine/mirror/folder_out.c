/* Commits that are written out to files: see folder.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/array.h"
#include "base/errno.h"
#include "base/file.h"
#include "hash.h"
#include "mirror/folder.h"
#include "mirror/folder_raw.h"
#include "object.h"

#define CLEARED_MAX 64  /* rows of tasks that go with one commit */
#define UNSYNCED_MAX 64 /* files; more are synced all at once */

/* --- folders --- */

/** Open the folder of a path below the root, made if need be; no symlink is followed. */
static int open_folder(int root_fd, const char *path, size_t len, int *ret_fd)
{
	SFSI_AUTO_FREE char *copy = strndup(path, len);
	int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	char *rest = copy, *name;
	if (!copy || fd < 0) {
		if (fd >= 0)
			close(fd);
		return SFS_ERR_NO_MEMORY;
	}
	while (fd >= 0 && (name = strsep(&rest, "/"))) {
		if (!*name)
			continue;
		if (mkdirat(fd, name, 0777) < 0 && errno != EEXIST) {
			int err = sfsi_err_from_errno(errno);
			close(fd);
			return err;
		}
		int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		int error = errno;
		close(fd);
		if (below < 0)
			return sfsi_err_from_errno(error);
		fd = below;
	}
	*ret_fd = fd;
	return 0;
}

static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) : 0;
}

/** The folder of a path, as long as the next call comes. */
static int folder_of(struct sfsi_folder *folder, const char *path, bool again, int *ret_fd)
{
	size_t len = folder_len(path);
	bool same = folder->dir_path && strlen(folder->dir_path) == len &&
		    memcmp(folder->dir_path, path, len) == 0;
	if (same && folder->dir_fd >= 0 && !again) {
		*ret_fd = folder->dir_fd;
		return 0;
	}
	if (folder->dir_fd >= 0)
		close(folder->dir_fd);
	free(folder->dir_path);
	folder->dir_fd = -1;
	folder->dir_path = strndup(path, len);
	int err = folder->dir_path
			  ? open_folder(folder->mirror->root_fd, path, len, &folder->dir_fd)
			  : SFS_ERR_NO_MEMORY;
	*ret_fd = folder->dir_fd;
	return err;
}

void sfsi_folder_tidy(struct sfsi_folder *folder, const char *path)
{
	size_t len = folder_len(path);
	char parent[4096];
	if (!len || len >= sizeof parent)
		return;
	memcpy(parent, path, len);
	parent[len] = '\0';
	unlinkat(folder->mirror->root_fd, parent, AT_REMOVEDIR);
}

/* --- files in the making --- */

/** Mode, owner and time that a new file would not have by itself. */
static int dress(int fd, const struct sfsi_object *as)
{
	struct stat stat;
	if (fstat(fd, &stat) < 0)
		return sfsi_err_from_errno(errno);
	if ((stat.st_mode & 07777) != as->mode && fchmod(fd, as->mode) < 0)
		return sfsi_err_from_errno(errno);
	/* Who may not give files away keeps them. */
	if ((stat.st_uid != as->uid || stat.st_gid != as->gid) && geteuid() == 0 &&
	    fchown(fd, as->uid, as->gid) < 0)
		return sfsi_err_from_errno(errno);
	int64_t age = sfsi_now_ns() - as->mtime_ns;
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ as->mtime_ns / 1000000000, as->mtime_ns % 1000000000 },
	};
	/* The time of a save is that of its file, but for the moment in between. */
	if ((age > 1000000000 || age < 0) && as->mtime_ns >= 0 && futimens(fd, times) < 0)
		return sfsi_err_from_errno(errno);
	return 0;
}

static int open_temp(struct sfsi_folder *folder, const char *path, const char *name, int *ret_fd)
{
	int dir_fd = -1;
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	for (int round = 0; round < 2; round++) {
		/* Somebody may have removed the folder that is remembered. */
		int err = folder_of(folder, path, round > 0, &dir_fd);
		if (err < 0)
			return err;
		*ret_fd = openat(dir_fd, name, flags, 0644);
		if (*ret_fd >= 0)
			return 0;
		if (errno == EEXIST)
			unlinkat(dir_fd, name, 0);
		else if (errno != ENOENT)
			break;
	}
	return sfsi_err_from_errno(errno);
}

int sfsi_folder_write_temp(struct sfsi_folder *folder, const char *path, struct sfs_span bytes,
			   const struct sfsi_object *as, char **ret_temp,
			   struct sfsi_folder_stamp *ret_stamp)
{
	char name[64];
	SFSI_AUTO_FD int fd = -1;
	struct stat stat;
	snprintf(name, sizeof name, ".%llx" SFSI_FOLDER_TEMP, (unsigned long long)++folder->temps);
	if (asprintf(ret_temp, "%.*s/%s", (int)folder_len(path), path, name) < 0) {
		*ret_temp = NULL;
		return SFS_ERR_NO_MEMORY;
	}
	int err = open_temp(folder, path, name, &fd);
	if (!err)
		err = sfsi_write_all(fd, bytes);
	if (!err && as)
		err = dress(fd, as);
	if (!err && fstat(fd, &stat) < 0)
		err = sfsi_err_from_errno(errno);
	if (!err)
		sfsi_folder_stamp_of(&stat, ret_stamp);
	return err;
}

/* --- staging --- */

struct sfsi_folder_staged *sfsi_folder_staged_new(struct sfsi_folder *folder,
						  const struct sfsi_class *class,
						  struct sfs_span oid, const char *path)
{
	if (!path || sfsi_array_grow(&folder->staged, folder->staged_len, &folder->staged_cap,
				     sizeof *folder->staged) < 0)
		return NULL;
	struct sfsi_folder_staged *staged = &folder->staged[folder->staged_len];
	*staged = (struct sfsi_folder_staged){
		.class_id = class->id,
		.oid = malloc(oid.len + 1),
		.oid_len = oid.len,
		.path = strdup(path),
	};
	if (!staged->oid || !staged->path) {
		free(staged->oid);
		free(staged->path);
		return NULL;
	}
	memcpy(staged->oid, oid.data, oid.len);
	folder->staged_len++;
	return staged;
}

static void forget_staged(struct sfsi_folder *folder)
{
	for (size_t i = 0; i < folder->staged_len; i++) {
		struct sfsi_folder_staged *staged = &folder->staged[i];
		free(staged->oid);
		free(staged->path);
		free(staged->temp);
		free(staged->blob);
	}
	folder->staged_len = 0;
}

/** The row of an object's file; zeroed when there is none. */
static int load_row(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		    struct sfs_buf *buf, struct sfsi_folder_row *ret)
{
	struct sfsi_key key;
	*ret = (struct sfsi_folder_row){ .path = { "", 0 },
					 .type = { "", 0 },
					 .updates = { "", 0 } };
	sfsi_folder_key(&key, 'O', oid);
	int err = sfsi_txn_get(txn, class_id, sfsi_key_span(&key), buf);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	return sfsi_folder_row_decode(sfs_buf_span(buf), ret);
}

static int put_task(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
		    const struct sfsi_folder_staged *staged)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_folder_task task = {
		.commit = txn->commit,
		.before = staged->before,
		.path = sfs_span_str(staged->path),
	};
	sfsi_folder_key(&key, 'W', oid);
	int err = sfsi_folder_task_encode(&task, &value);
	return err < 0 ? err
		       : sfsi_txn_put(txn, class_id, sfsi_key_span(&key), sfs_buf_span(&value));
}

/** Write the new text of an object beside its file. */
static int stage_text(struct sfsi_folder *folder, struct sfsi_txn *txn, struct sfsi_class *class,
		      struct sfs_span oid, const struct sfsi_record *record,
		      struct sfsi_folder_row *row, struct sfsi_folder_staged *staged)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	int err = sfsi_folder_render(folder->store, class, oid, record, row, &text, &updates);
	if (!err)
		err = sfsi_folder_write_temp(folder, staged->path, sfs_buf_span(&text),
					     &record->object, &staged->temp, &row->stamp);
	staged->after = row->stamp;
	row->flags &= SFSI_FOLDER_NUMBER;
	row->updates = sfs_buf_span(&updates);
	if (!err)
		err = sfsi_folder_row_encode(row, &value);
	sfsi_folder_key(&key, 'O', oid);
	return err < 0 ? err
		       : sfsi_txn_put(txn, class->id, sfsi_key_span(&key), sfs_buf_span(&value));
}

/** The path of the file, with a NUL. */
static int path_of(const struct sfsi_class *class, struct sfs_span oid,
		   const struct sfsi_folder_row *row, struct sfs_buf *ret)
{
	if (!row->path.len)
		return sfsi_folder_path(class, oid, SFSI_FOLDER_JSON, ret);
	int err = sfs_buf_append(ret, row->path.data, row->path.len);
	return err < 0 ? err : sfs_buf_append(ret, "", 1);
}

/** An oid with a slash is that of another file too: one that others gave keeps its own. */
static int check_oid(struct sfs_span oid, const struct sfsi_folder_row *row)
{
	return !row->path.len && !row->stamp.ino && oid.len && memchr(oid.data, '/', oid.len)
		       ? SFS_ERR_NAME
		       : 0;
}

int sfsi_folder_stage_object(struct sfsi_folder *folder, struct sfsi_txn *txn,
			     struct sfsi_class *class, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf row_buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_folder_row row;
	struct sfsi_folder_stamp now;
	struct sfsi_key key;
	int err = sfsi_object_load(txn, class->id, oid, &buf, &record);
	bool gone = err == SFS_ERR_NOT_FOUND;
	if (!err || gone)
		err = load_row(txn, class->id, oid, &row_buf, &row);
	/* Made and removed in one change. */
	if (!err && gone && !row.stamp.ino)
		return 0;
	if (!err && !gone)
		err = check_oid(oid, &row);
	if (!err)
		err = path_of(class, oid, &row, &path);
	if (!err)
		err = sfsi_folder_stamp(folder, path.data, &now);
	if (err < 0)
		return err;
	/* Theirs is never written over unseen; it is taken in now, and this save is refused. */
	if (!sfsi_folder_stamp_same(&now, &row.stamp) && !(gone && !now.ino))
		return SFS_ERR_CONFLICT;
	struct sfsi_folder_staged *staged = sfsi_folder_staged_new(folder, class, oid, path.data);
	if (!staged)
		return SFS_ERR_NO_MEMORY;
	staged->before = now;
	staged->commit = txn->commit;
	if (!gone)
		err = stage_text(folder, txn, class, oid, &record, &row, staged);
	sfsi_folder_key(&key, 'O', oid);
	if (!err && gone)
		err = sfsi_txn_remove(txn, class->id, sfsi_key_span(&key));
	return err < 0 ? err : put_task(txn, class->id, oid, staged);
}

/** Rows of tasks that are done and synced go with this commit. */
static int clear_done(struct sfsi_folder *folder, struct sfsi_txn *txn)
{
	SFSI_LOCK_SCOPE(&folder->lock);
	int err = 0;
	for (unsigned i = 0; folder->done_synced && i < CLEARED_MAX && !err; i++) {
		struct sfsi_folder_done *done = &folder->done[folder->done_synced - 1];
		struct sfs_span oid = { done->oid, done->oid_len };
		SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
		struct sfsi_folder_task task;
		struct sfsi_key key;
		sfsi_folder_key(&key, done->raw ? 'V' : 'W', oid);
		/* A later task of the same file stays; a class that is gone took its rows along. */
		if (sfsi_class_ref(txn->store, done->class_id) &&
		    sfsi_txn_get(txn, done->class_id, sfsi_key_span(&key), &value) == 0 &&
		    sfsi_folder_task_decode(sfs_buf_span(&value), &task) == 0 &&
		    task.commit == done->commit)
			err = sfsi_txn_remove(txn, done->class_id, sfsi_key_span(&key));
		free(done->oid);
		*done = folder->done[--folder->done_len];
		folder->done_synced--;
	}
	return err;
}

int sfsi_folder_stage(void *own, struct sfsi_txn *txn, const struct sfsi_mirror_change *changes,
		      size_t count)
{
	struct sfsi_folder *folder = own;
	int err = 0;
	for (size_t i = 0; i < count && !err; i++)
		if (!changes[i].raw)
			err = sfsi_folder_stage_object(folder, txn, changes[i].class,
						       changes[i].oid);
	/* Raws that go make room for those that come to their places. */
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < count && !err; i++)
			if (changes[i].raw)
				err = sfsi_folder_stage_raw(folder, txn, &changes[i], round == 0);
	return err < 0 ? err : clear_done(folder, txn);
}

/* --- after the batch --- */

void sfsi_folder_abort(void *own)
{
	struct sfsi_folder *folder = own;
	for (size_t i = 0; i < folder->staged_len; i++)
		if (folder->staged[i].temp)
			unlinkat(folder->mirror->root_fd, folder->staged[i].temp, 0);
	forget_staged(folder);
	sfsi_folder_move_abort(folder);
}

void sfsi_folder_unsynced(struct sfsi_folder *folder, const char *path)
{
	SFSI_LOCK_SCOPE(&folder->lock);
	char *copy = folder->unsynced_len < UNSYNCED_MAX ? strdup(path) : NULL;
	if (!copy || sfsi_array_grow(&folder->unsynced, folder->unsynced_len, &folder->unsynced_cap,
				     sizeof *folder->unsynced) < 0) {
		free(copy);
		folder->unsynced_all = true;
		return;
	}
	folder->unsynced[folder->unsynced_len++] = copy;
}

static void remember_done(struct sfsi_folder *folder, struct sfsi_folder_staged *staged)
{
	SFSI_LOCK_SCOPE(&folder->lock);
	/* Without memory its row is looked at when the store is opened. */
	if (sfsi_array_grow(&folder->done, folder->done_len, &folder->done_cap,
			    sizeof *folder->done) < 0)
		return;
	folder->done[folder->done_len++] = (struct sfsi_folder_done){
		.class_id = staged->class_id,
		.raw = staged->raw,
		.ino = staged->ino,
		.commit = staged->commit,
		.oid = staged->oid,
		.oid_len = staged->oid_len,
	};
	staged->oid = NULL;
}

/** We put a file there: what is heard of it is no news. */
static void note_own(struct sfsi_folder *folder, const char *path,
		     const struct sfsi_folder_stamp *stamp)
{
	uint64_t hash = sfsi_hash(sfs_span_str(path), 0);
	SFSI_LOCK_SCOPE(&folder->lock);
	folder->own[hash % SFSI_FOLDER_OWN] = (struct sfsi_folder_own){ hash, *stamp };
}

bool sfsi_folder_is_own(struct sfsi_folder *folder, const char *path)
{
	uint64_t hash = sfsi_hash(sfs_span_str(path), 0);
	struct sfsi_folder_stamp now;
	struct sfsi_folder_own own;
	pthread_mutex_lock(&folder->lock);
	own = folder->own[hash % SFSI_FOLDER_OWN];
	pthread_mutex_unlock(&folder->lock);
	return own.hash == hash && own.stamp.ino && sfsi_folder_stamp(folder, path, &now) == 0 &&
	       sfsi_folder_stamp_same(&now, &own.stamp);
}

/** Put a file into place, or take it away. */
static bool put_into_place(struct sfsi_folder *folder, const struct sfsi_folder_staged *staged)
{
	int root_fd = folder->mirror->root_fd;
	struct sfsi_folder_stamp now;
	if (sfsi_folder_stamp(folder, staged->path, &now) < 0)
		return false;
	if (!staged->temp && !now.ino)
		return true;
	if (!sfsi_folder_stamp_same(&now, &staged->before))
		return false;
	if (!staged->temp) {
		if (unlinkat(root_fd, staged->path, 0) < 0 && errno != ENOENT)
			return false;
		sfsi_folder_tidy(folder, staged->path);
		return true;
	}
	return renameat(root_fd, staged->temp, root_fd, staged->path) == 0;
}

void sfsi_folder_publish(void *own)
{
	struct sfsi_folder *folder = own;
	sfsi_folder_move_publish(folder);
	for (size_t i = 0; i < folder->staged_len; i++) {
		struct sfsi_folder_staged *staged = &folder->staged[i];
		bool done = staged->raw ? sfsi_folder_publish_raw(folder, staged)
					: put_into_place(folder, staged);
		if (done) {
			if (staged->temp)
				note_own(folder, staged->path, &staged->after);
			sfsi_folder_unsynced(folder, staged->path);
			remember_done(folder, staged);
			continue;
		}
		/* Its row says what is to be done. */
		atomic_store(&folder->behind, true);
		if (staged->temp)
			unlinkat(folder->mirror->root_fd, staged->temp, 0);
	}
	forget_staged(folder);
}
