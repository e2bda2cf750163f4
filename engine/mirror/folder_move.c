/*
 * A class of a folder is renamed: see folder.h. Its folder gets another name; what is in the files stays as it is,
 * for files state types and not names of classes.
 *
 * Three steps, each on the disk before the next: a row F P says both paths; the commit in which the class has the
 * new one, with the paths in its rows, and behind it the rename of the folder; the row goes. Whoever finds such a row
 * when the store is opened moves the folder to where its class has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "base/errno.h"
#include "mirror/folder.h"
#include "mirror/folder_raw.h"

static struct sfsi_folder *folder_of(const struct sfs_store *store)
{
	return store->mirror && store->mirror->own ? store->mirror->own[0] : NULL;
}

static void move_key(struct sfsi_key *key)
{
	sfsi_folder_key(key, 'P', (struct sfs_span){ "", 0 });
}

/** Both paths of a row, each with a NUL. */
static int decode(struct sfs_span val, const char **ret_old, const char **ret_new)
{
	const char *text = val.data, *end = text + val.len;
	const char *nul = val.len ? memchr(text, '\0', val.len) : NULL;
	if (!nul || nul + 1 == end || end[-1] != '\0')
		return SFS_ERR_CORRUPT;
	*ret_old = text;
	*ret_new = nul + 1;
	return 0;
}

/** Are other classes in a folder? */
static bool has_others(struct sfs_store *store, const char *path)
{
	struct sfs_class_info info = { .id = 0 };
	size_t len = strlen(path);
	while (sfs_class_next(store, info.id, &info) == 0) {
		const struct sfsi_class *class = sfsi_class_ref(store, info.id);
		if (class && class->mirror && strncmp(class->mirror->path, path, len) == 0 &&
		    class->mirror->path[len] == '/')
			return true;
	}
	return false;
}

static int check_free(const struct sfsi_folder *folder, const char *path)
{
	struct sfsi_folder_stamp now;
	int err = sfsi_folder_stamp(folder, path, &now);
	return !err && now.ino ? SFS_ERR_EXISTS : err;
}

static void path_of(struct sfs_span name, char ret[SFS_CLASS_NAME_MAX + 1])
{
	/* A name that is given here has no dots. */
	snprintf(ret, SFS_CLASS_NAME_MAX + 1, "%.*s", (int)name.len, (const char *)name.data);
}

/** @val  empty: it goes. */
static int put_intent(struct sfs_store *store, const struct sfsi_class *class, struct sfs_span val)
{
	struct sfsi_txn_class *copy;
	struct sfsi_key key;
	struct sfsi_txn txn;
	move_key(&key);
	sfsi_txn_begin_inward(store, &txn);
	int err = sfsi_txn_class(&txn, class->id, &copy);
	if (!err)
		err = val.len ? sfsi_txn_put(&txn, class->id, sfsi_key_span(&key), val)
			      : sfsi_txn_remove(&txn, class->id, sfsi_key_span(&key));
	return sfsi_txn_end(&txn, err);
}

int sfsi_folder_move_begin(struct sfs_store *store, struct sfsi_class *class,
			   struct sfs_span new_name)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_folder *folder = folder_of(store);
	struct sfs_class_info info;
	char path[SFS_CLASS_NAME_MAX + 1];
	if (!folder || store->read_only)
		return SFS_ERR_READ_ONLY;
	if (sfs_class_find(store, new_name, &info) == 0)
		return SFS_ERR_EXISTS;
	path_of(new_name, path);
	const char *old = class->mirror->path;
	int err = has_others(store, old) ? SFS_ERR_CROSS : check_free(folder, path);
	if (!err)
		err = sfs_buf_append(&val, old, strlen(old) + 1);
	if (!err)
		err = sfs_buf_append(&val, path, strlen(path) + 1);
	if (!err)
		err = put_intent(store, class, sfs_buf_span(&val));
	/* What is on the disk needs no rows that say what is to be written, and where. */
	return err < 0 ? err : sfsi_folder_clear(folder);
}

/* --- the change --- */

struct moving {
	struct sfsi_folder folder; /* only to read */
	struct sfsi_txn *txn;
	const struct sfsi_class *class;
	const char *path; /* new */
};

static struct moving *moving_of(struct sfsi_folder *folder)
{
	return (struct moving *)((char *)folder - offsetof(struct moving, folder));
}

/** A path in the old folder, in the new one. */
static int replace_path(const struct moving *moving, struct sfs_span path, struct sfs_buf *ret)
{
	size_t len = strlen(moving->class->mirror->path);
	if (path.len < len)
		return SFS_ERR_CORRUPT;
	int err = sfs_buf_append(ret, moving->path, strlen(moving->path));
	return err < 0 ? err : sfs_buf_append(ret, (const char *)path.data + len, path.len - len);
}

static int move_object(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span oid,
		       struct sfs_span val)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT, value = SFS_BUF_INIT;
	const struct moving *moving = moving_of(folder);
	struct sfsi_folder_row row;
	struct sfsi_key key;
	int err = sfsi_folder_row_decode(val, &row);
	if (err < 0 || class != moving->class || !row.path.len)
		return err;
	err = replace_path(moving, row.path, &path);
	row.path = sfs_buf_span(&path);
	if (!err)
		err = sfsi_folder_row_encode(&row, &value);
	sfsi_folder_key(&key, 'O', oid);
	return err < 0 ? err
		       : sfsi_txn_put(moving->txn, class->id, sfsi_key_span(&key),
				      sfs_buf_span(&value));
}

static int move_raw(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span serial,
		    struct sfs_span val)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	const struct moving *moving = moving_of(folder);
	struct sfsi_folder_raw_row raw;
	if (class != moving->class)
		return 0;
	int err = serial.len == 8 ? sfsi_folder_raw_decode(val, &raw) : SFS_ERR_CORRUPT;
	if (!err)
		err = replace_path(moving, raw.row.path, &path);
	raw.row.path = sfs_buf_span(&path);
	return err < 0 ? err
		       : sfsi_folder_raw_put(moving->txn,
					     sfs_ino_make(class->id, sfsi_get_be64(serial.data)),
					     &raw);
}

static int see_task(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span oid,
		    struct sfs_span val)
{
	(void)oid, (void)val;
	return class == moving_of(folder)->class ? SFS_ERR_CONFLICT : 0;
}

static int move_rows(struct moving *moving)
{
	bool raw = moving->class->kind == SFS_CLASS_RAW;
	enum sfs_class_kind kind = moving->class->kind;
	int err = sfsi_folder_each(&moving->folder, kind, raw ? "FV" : "FW", see_task);
	return err < 0 ? err
		       : sfsi_folder_each(&moving->folder, kind, raw ? "FR" : "FO",
					  raw ? move_raw : move_object);
}

int sfsi_folder_move_in(struct sfsi_txn *txn, struct sfsi_class *class, struct sfs_span new_name)
{
	struct sfsi_folder *folder = folder_of(txn->store);
	SFSI_AUTO_BUF struct sfs_buf intent = SFS_BUF_INIT;
	struct moving moving = { .txn = txn, .class = class };
	const char *old, *new;
	struct sfsi_key key;
	char path[SFS_CLASS_NAME_MAX + 1];
	path_of(new_name, path);
	move_key(&key);
	int err = folder ? sfsi_txn_get(txn, class->id, sfsi_key_span(&key), &intent)
			 : SFS_ERR_READ_ONLY;
	if (!err)
		err = decode(sfs_buf_span(&intent), &old, &new);
	if (err == SFS_ERR_NOT_FOUND || (!err && strcmp(new, path) != 0))
		err = SFS_ERR_CONFLICT;
	if (!err)
		err = check_free(folder, path);
	if (err < 0)
		return err;
	moving.folder = (struct sfsi_folder){ .mirror = folder->mirror, .store = folder->store };
	moving.path = path;
	err = move_rows(&moving);
	if (!err)
		err = sfsi_mirror_class_place(txn, class, sfs_span_str(path), &folder->moved);
	if (!err)
		folder->moving = class;
	return err < 0 ? err : sfsi_mirror_staged(txn, &sfsi_mirror_directory);
}

/** The folder that is remembered has another name. */
static void forget_folder(struct sfsi_folder *folder)
{
	if (folder->dir_fd >= 0)
		close(folder->dir_fd);
	free(folder->dir_path);
	folder->dir_fd = -1;
	folder->dir_path = NULL;
	SFSI_LOCK_SCOPE(&folder->lock);
	folder->unsynced_all = true;
}

/** A class without files has no folder. */
static int rename_folder(const struct sfsi_folder *folder, const char *from, const char *to)
{
	int root_fd = folder->mirror->root_fd;
	return renameat2(root_fd, from, root_fd, to, RENAME_NOREPLACE) < 0 && errno != ENOENT
		       ? sfsi_err_from_errno(errno)
		       : 0;
}

void sfsi_folder_move_publish(struct sfsi_folder *folder)
{
	struct sfsi_class *class = folder->moving;
	if (!class)
		return;
	const char *old = class->mirror->path;
	sfsi_mirror_class_moved(class, folder->moved);
	/* Its row says what is to be done. */
	if (rename_folder(folder, old, folder->moved->path) < 0)
		atomic_store(&folder->behind, true);
	forget_folder(folder);
	folder->moving = NULL;
	folder->moved = NULL;
}

void sfsi_folder_move_abort(struct sfsi_folder *folder)
{
	sfsi_mirror_class_free(folder->moved);
	folder->moving = NULL;
	folder->moved = NULL;
}

void sfsi_folder_move_end(struct sfs_store *store, struct sfsi_class *class)
{
	const struct sfsi_folder *folder = folder_of(store);
	/* A folder that could not be moved is by the next look at all files. */
	if (folder && !store->read_only && sfs_store_sync(store) == 0 &&
	    !atomic_load(&folder->behind))
		(void)!put_intent(store, class, (struct sfs_span){ "", 0 });
}

/* --- after a kill --- */

static int see_move(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span oid,
		    struct sfs_span val)
{
	struct sfsi_folder_stamp now, there;
	const char *old, *new, *path = class->mirror->path;
	(void)oid;
	int err = decode(val, &old, &new);
	if (err < 0 || folder->mirror->read_only)
		return err;
	const char *other = strcmp(path, new) == 0 ? old : new;
	err = sfsi_folder_stamp(folder, path, &now);
	if (!err)
		err = sfsi_folder_stamp(folder, other, &there);
	if (!err && !now.ino && there.ino)
		err = rename_folder(folder, other, path);
	/* Of one that is under way the row goes in the end. */
	return err < 0 || folder->scanned
		       ? err
		       : put_intent(folder->store, class, (struct sfs_span){ "", 0 });
}

int sfsi_folder_move_again(struct sfsi_folder *folder)
{
	int err = sfsi_folder_each(folder, SFS_CLASS_OBJECT, "FP", see_move);
	return err < 0 ? err : sfsi_folder_each(folder, SFS_CLASS_RAW, "FP", see_move);
}
