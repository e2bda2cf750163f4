/*
 * All files of a folder: what a killed process left to do to them, then what others did; and one file
 * that something happened to. See folder.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/dir.h"
#include "base/errno.h"
#include "mirror/folder.h"
#include "mirror/folder_raw.h"
#include "object.h"

#define DEPTH_MAX 64
#define ROWS_MAX 512 /* of one look at a table */

/* --- rows of a class, a page at a time --- */

struct page {
	struct sfs_buf
		keys; /* what is behind the table's two letters, each with its length (u16) */
	struct sfs_buf vals; /* … (u32) */
	struct sfs_buf last; /* key of the last one */
	size_t count;
};

static int page_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct page *page = arg;
	uint16_t key_len = (uint16_t)(key.len - 2);
	uint32_t val_len = (uint32_t)val.len;
	page->last.len = 0;
	int err = sfs_buf_append(&page->last, key.data, key.len);
	if (!err)
		err = sfs_buf_append(&page->keys, &key_len, sizeof key_len);
	if (!err)
		err = sfs_buf_append(&page->keys, (const char *)key.data + 2, key_len);
	if (!err)
		err = sfs_buf_append(&page->vals, &val_len, sizeof val_len);
	if (!err)
		err = sfs_buf_append(&page->vals, val.data, val.len);
	page->count++;
	return err < 0;
}

static int each_of_page(struct sfsi_folder *folder, struct sfsi_class *class,
			const struct page *page, sfsi_folder_row_fn *fn)
{
	const char *key = page->keys.data, *val = page->vals.data;
	int err = 0;
	for (size_t i = 0; i < page->count && !err; i++) {
		uint16_t key_len;
		uint32_t val_len;
		memcpy(&key_len, key, sizeof key_len);
		memcpy(&val_len, val, sizeof val_len);
		key += sizeof key_len;
		val += sizeof val_len;
		err = fn(folder, class, (struct sfs_span){ key, key_len },
			 (struct sfs_span){ val, val_len });
		key += key_len;
		val += val_len;
	}
	return err;
}

/** All rows of one table; fn may change them. */
static int each_row(struct sfsi_folder *folder, struct sfsi_class *class, const char *table,
		    sfsi_folder_row_fn *fn)
{
	struct page page = { .count = 0 };
	bool more = true;
	int err = 0;
	while (more && !err) {
		SFSI_AUTO_BUF struct sfs_buf after = SFS_BUF_INIT;
		err = sfs_buf_append(&after, page.last.data, page.last.len);
		struct sfsi_scan scan = {
			.partition = class->id,
			.prefix = sfs_span_str(table),
			.after = sfs_buf_span(&after),
			.limit = ROWS_MAX,
			.once = true,
		};
		page.keys.len = page.vals.len = page.count = 0;
		if (!err)
			err = sfsi_backend_scan(folder->store->backend, &scan, page_row, &page);
		more = page.count == ROWS_MAX;
		if (!err)
			err = each_of_page(folder, class, &page, fn);
	}
	sfs_buf_fini(&page.keys);
	sfs_buf_fini(&page.vals);
	sfs_buf_fini(&page.last);
	return err;
}

int sfsi_folder_each(struct sfsi_folder *folder, enum sfs_class_kind kind, const char *table,
		     sfsi_folder_row_fn *fn)
{
	struct sfs_class_info info = { 0 };
	int err = 0;
	for (uint32_t id = 0; !err && sfs_class_next(folder->store, id, &info) == 0; id = info.id) {
		struct sfsi_class *class = sfsi_class_ref(folder->store, info.id);
		if (class && class->mirror && class->mirror->kind == &sfsi_mirror_directory &&
		    info.kind == kind)
			err = each_row(folder, class, table, fn);
	}
	return err;
}

/* --- what a killed process left --- */

/** The file was torn by a power cut after we had put it there: it can not be read. */
static bool is_torn(struct sfsi_folder *folder, const char *path, struct sfs_span val,
		    const struct sfsi_folder_stamp *now)
{
	struct sfsi_folder_row row;
	struct sfsi_folder_parsed parsed;
	char bytes[4096];
	if (sfsi_folder_row_decode(val, &row) < 0 || row.stamp.ino != now->ino)
		return false;
	SFSI_AUTO_FD int fd = openat(folder->mirror->root_fd, path,
				     O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
	int err = got < 0 ? SFS_ERR_IO
			  : sfsi_folder_parse((struct sfs_span){ bytes, (size_t)got }, &parsed,
					      NULL);
	if (got >= 0)
		sfsi_folder_parsed_fini(&parsed);
	return now->size < sizeof bytes && err == SFS_ERR_BAD_DOCUMENT;
}

/** Theirs is in the place of ours: ours is kept, and said. */
static int keep_ours(struct sfsi_folder *folder, struct sfsi_txn *txn, struct sfsi_class *class,
		     struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_object_load(txn, class->id, oid, &buf, &record);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	sfs_diag_set(&diag, SFS_ERR_CONFLICT,
		     "another program changed the file at the same time; what it wrote counts");
	err = sfsi_object_render(&record, SFS_FORMAT_JSON, &text);
	(void)folder;
	return err < 0 ? err
		       : sfsi_refused_keep(txn, class->id, oid, SFS_FORMAT_JSON,
					   sfs_buf_span(&text), &diag);
}

/** What becomes of a task: nothing, write again, or theirs counts. */
static int do_task(struct sfsi_folder *folder, struct sfsi_txn *txn, struct sfsi_class *class,
		   struct sfs_span oid, const struct sfsi_folder_task *task, const char *path)
{
	struct sfsi_key key, task_key;
	struct sfsi_folder_row row = { .flags = 0 };
	struct sfsi_folder_stamp now;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_folder_key(&key, 'O', oid);
	sfsi_folder_key(&task_key, 'W', oid);
	int err = sfsi_txn_get(txn, class->id, sfsi_key_span(&key), &value);
	bool is = !err;
	if (err == SFS_ERR_NOT_FOUND)
		err = 0;
	if (!err && is)
		err = sfsi_folder_row_decode(sfs_buf_span(&value), &row);
	if (!err)
		err = sfsi_folder_stamp(folder, path, &now);
	if (err < 0)
		return err;
	if (sfsi_folder_stamp_same(&now, &row.stamp))
		return sfsi_txn_remove(txn, class->id, sfsi_key_span(&task_key));
	bool ours = sfsi_folder_stamp_same(&now, &task->before) ||
		    (is && is_torn(folder, path, sfs_buf_span(&value), &now));
	if (!ours) {
		err = keep_ours(folder, txn, class, oid);
		return err < 0 ? err : sfsi_txn_remove(txn, class->id, sfsi_key_span(&task_key));
	}
	/* As the first time: the row says what the file is now, then it is written. */
	row.stamp = now;
	value.len = 0;
	SFSI_AUTO_BUF struct sfs_buf again = SFS_BUF_INIT;
	err = sfsi_folder_row_encode(&row, &again);
	if (!err)
		err = sfsi_txn_put(txn, class->id, sfsi_key_span(&key), sfs_buf_span(&again));
	return err < 0 ? err : sfsi_folder_stage_object(folder, txn, class, oid);
}

static int see_task(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span oid,
		    struct sfs_span val)
{
	struct sfsi_folder_task task;
	struct sfsi_txn txn;
	struct sfsi_txn_class *copy;
	int err = sfsi_folder_task_decode(val, &task);
	if (err < 0 || folder->mirror->read_only)
		return err;
	SFSI_AUTO_FREE char *path = strndup(task.path.data, task.path.len);
	if (!path)
		return SFS_ERR_NO_MEMORY;
	sfsi_txn_begin_inward(folder->store, &txn);
	err = sfsi_txn_class(&txn, class->id, &copy);
	if (!err)
		err = do_task(folder, &txn, class, oid, &task, path);
	if (!err)
		err = sfsi_mirror_staged(&txn, &sfsi_mirror_directory);
	return sfsi_txn_end(&txn, err);
}

int sfsi_folder_catch_up(struct sfsi_folder *folder)
{
	atomic_store(&folder->behind, false);
	int err = sfsi_folder_move_again(folder);
	if (!err)
		err = sfsi_folder_each(folder, SFS_CLASS_OBJECT, "FW", see_task);
	if (!err)
		err = sfsi_folder_each(folder, SFS_CLASS_RAW, "FV", sfsi_folder_see_gone_task);
	if (!err)
		err = sfsi_folder_each(folder, SFS_CLASS_RAW, "FV", sfsi_folder_see_raw_task);
	if (err < 0)
		atomic_store(&folder->behind, true);
	return err;
}

/* --- what others did --- */

static bool is_json(const char *name)
{
	size_t len = strlen(name), end = strlen(SFSI_FOLDER_JSON);
	return len > end && strcmp(name + len - end, SFSI_FOLDER_JSON) == 0;
}

static bool is_temp(const char *name)
{
	size_t len = strlen(name), end = strlen(SFSI_FOLDER_TEMP);
	return *name == '.' && len > end && strcmp(name + len - end, SFSI_FOLDER_TEMP) == 0;
}

static bool is_folder(int at, const struct dirent *entry)
{
	struct stat stat;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(at, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode);
}

static int walk(struct sfsi_folder_intake *intake, struct sfsi_folder *folder, const char *path,
		unsigned depth, unsigned *again);

static int walk_entry(struct sfsi_folder_intake *intake, struct sfsi_folder *folder, int dir_fd,
		      const char *path, const struct dirent *entry, unsigned depth, unsigned *again)
{
	char below[4096];
	const char *name = entry->d_name;
	if (is_temp(name) && !folder->mirror->read_only) {
		/* Of a process that was killed: the root is locked by us. */
		unlinkat(dir_fd, name, 0);
		return 0;
	}
	if (name[0] == '.' && !is_json(name))
		return 0;
	if (snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", name) >=
	    (int)sizeof below)
		return 0;
	if (is_folder(dir_fd, entry))
		return depth < DEPTH_MAX ? walk(intake, folder, below, depth + 1, again) : 0;
	return is_json(name) && *path ? sfsi_folder_intake_add(intake, below, again) : 0;
}

static int walk(struct sfsi_folder_intake *intake, struct sfsi_folder *folder, const char *path,
		unsigned depth, unsigned *again)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(folder->mirror->root_fd, *path ? path : ".", &dir);
	/* Gone meanwhile, or not for us. */
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND || err == SFS_ERR_PERMISSION ? 0 : err;
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		err = walk_entry(intake, folder, dirfd(dir), path, entry, depth, again);
	return err;
}

/** A file that is gone: its object goes too. */
static int see_file(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span oid,
		    struct sfs_span val)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfsi_folder_row row;
	struct sfsi_folder_stamp now;
	struct sfsi_txn txn;
	int err = sfsi_folder_row_decode(val, &row);
	if (!err)
		err = sfsi_folder_row_path(class, oid, &row, &path);
	if (!err)
		err = sfsi_folder_stamp(folder, path.data, &now);
	if (err < 0 || now.ino)
		return err;
	sfsi_txn_begin_inward(folder->store, &txn);
	return sfsi_txn_end(&txn, sfsi_folder_gone(folder, &txn, class, oid, path.data));
}

int sfsi_folder_gone(struct sfsi_folder *folder, struct sfsi_txn *txn, struct sfsi_class *class,
		     struct sfs_span oid, const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf task = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_derive_side was = { oid, &record }, gone = { oid, NULL };
	struct sfsi_folder_stamp now;
	struct sfsi_txn_class *copy;
	struct sfsi_key key;
	/* The class may have been renamed since this was asked. */
	size_t len = strlen(class->mirror->path);
	if (strncmp(path, class->mirror->path, len) != 0 || path[len] != '/')
		return 0;
	/* It may be back, or still be on its way there. */
	sfsi_folder_key(&key, 'W', oid);
	int err = sfsi_txn_get(txn, class->id, sfsi_key_span(&key), &task);
	if (!err && atomic_load(&folder->behind))
		return 0;
	err = sfsi_folder_stamp(folder, path, &now);
	if (err < 0 || now.ino)
		return err;
	err = sfsi_txn_class(txn, class->id, &copy);
	sfsi_folder_key(&key, 'O', oid);
	if (!err)
		err = sfsi_txn_remove(txn, class->id, sfsi_key_span(&key));
	if (!err)
		err = sfsi_object_load(txn, class->id, oid, &buf, &record);
	if (!err)
		err = sfsi_object_change(txn, class->id, &was, &gone);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

static int count_damaged(struct sfsi_folder *folder, struct sfsi_class *class, struct sfs_span oid,
			 struct sfs_span val)
{
	struct sfsi_folder_row row;
	(void)class, (void)oid;
	if (sfsi_folder_row_decode(val, &row) < 0)
		return 0;
	if (row.flags & SFSI_FOLDER_DAMAGED)
		folder->mirror->damaged++;
	if (row.path.len)
		atomic_store(&folder->odd, true);
	return 0;
}

int sfsi_folder_scan(void *own)
{
	struct sfsi_folder *folder = own;
	struct sfsi_folder_intake *intake;
	unsigned again = 0;
	bool first = !folder->scanned;
	int err = sfsi_folder_catch_up(folder);
	if (!err)
		err = sfsi_folder_each(folder, SFS_CLASS_OBJECT, "FO", see_file);
	if (!err)
		err = sfsi_folder_each(folder, SFS_CLASS_RAW, "FR", sfsi_folder_see_raw);
	if (!err)
		err = sfsi_folder_intake_new(
			folder, first ? SFSI_FOLDER_AT_OPEN : SFSI_FOLDER_NOTICE, &intake);
	if (err < 0)
		return err;
	err = sfsi_folder_intake_end(intake, walk(intake, folder, "", 0, &again));
	folder->mirror->damaged = 0;
	if (!err)
		err = sfsi_folder_each(folder, SFS_CLASS_OBJECT, "FO", count_damaged);
	folder->scanned = true;
	return err;
}

/** If a file is gone, so is what it held. SFS_ERR_EXISTS: it is there. */
static int look_gone(struct sfsi_folder *folder, const char *path)
{
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_folder_stamp now;
	struct sfsi_key key;
	const char *rest;
	int err = sfsi_folder_stamp(folder, path, &now);
	if (err < 0 || now.ino)
		return err < 0 ? err : SFS_ERR_EXISTS;
	struct sfsi_class *class = sfsi_folder_class(folder, path, &rest);
	if (!class)
		return 0;
	if (class->kind == SFS_CLASS_RAW) {
		err = sfsi_folder_raw_gone(folder, path);
		/* Its path may be another one than that of its folder. */
		return err == SFS_ERR_NOT_FOUND ? each_row(folder, class, "FR", sfsi_folder_see_raw)
						: err;
	}
	/* So may that of an object. */
	if (atomic_load(&folder->odd))
		return each_row(folder, class, "FO", see_file);
	err = sfs_buf_append(&oid, rest, strlen(rest) - strlen(SFSI_FOLDER_JSON));
	char *at = oid.data;
	for (size_t i = 0; i < oid.len && !err; i++)
		if (at[i] == '/')
			at[i] = '.';
	if (err < 0 || oid.len > SFS_OID_MAX)
		return err;
	sfsi_folder_key(&key, 'O', sfs_buf_span(&oid));
	err = sfsi_backend_get(folder->store->backend, class->id, sfsi_key_span(&key), &val);
	if (!err)
		err = see_file(folder, class, sfs_buf_span(&oid), sfs_buf_span(&val));
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

int sfsi_folder_look(void *own, const char *path, unsigned *ret_again_ms)
{
	struct sfsi_folder *folder = own;
	struct sfsi_folder_intake *intake;
	const char *name = strrchr(path, '/');
	if (!name)
		return 0;
	if (strcmp(name + 1, SFSI_FOLDER_BLOB) == 0)
		return sfsi_folder_look_blob(folder, path);
	if (!is_json(name + 1) || sfsi_folder_is_own(folder, path))
		return 0;
	int err = look_gone(folder, path);
	if (err != SFS_ERR_EXISTS)
		return err;
	err = sfsi_folder_intake_new(folder, SFSI_FOLDER_NOTICE, &intake);
	return err < 0 ? err
		       : sfsi_folder_intake_end(intake,
						sfsi_folder_intake_add(intake, path, ret_again_ms));
}

int sfsi_folder_clear(struct sfsi_folder *folder)
{
	struct sfsi_txn txn;
	struct sfsi_txn_class *catalogue;
	int err = sfs_store_sync(folder->store);
	if (err < 0 || folder->store->read_only)
		return err;
	bool more = true;
	while (more && !err) {
		sfsi_txn_begin_inward(folder->store, &txn);
		size_t before = folder->done_len;
		err = before ? sfsi_txn_class(&txn, 0, &catalogue) : 0;
		if (!err)
			err = sfsi_folder_stage(folder, &txn, NULL, 0);
		more = folder->done_len < before;
		err = sfsi_txn_end(&txn, err);
	}
	return err;
}
