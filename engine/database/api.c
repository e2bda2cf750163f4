/* Databases as callers of the library see them: storefs/database.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/errno.h"
#include "class_private.h"
#include "database/changes.h"
#include "database/oids.h"
#include "document/document.h"
#include "document/json.h"
#include "document/msgpack.h"
#include "index/table.h"
#include "mirror/mirror.h"
#include "object.h"

static struct sfsi_database *find(struct sfs_store *store, uint32_t class_id)
{
	const struct sfsi_class *class = class_id ? sfsi_class_ref(store, class_id) : NULL;
	return class ? class->database : NULL;
}

static int fail(const struct sfsi_database *database, int err, struct sfs_diag *diag)
{
	if (err < 0 && diag && !diag->text[0])
		sfs_diag_set(diag, err, "db:%s: %s",
			     database && database->home.name ? database->home.name : "",
			     sfs_err_text(err));
	return err;
}

/* --- what is known --- */

int sfs_database_get(struct sfs_store *store, uint32_t class_id, struct sfs_database_info *ret)
{
	struct sfsi_database *database = find(store, class_id);
	if (!database)
		return SFS_ERR_NOT_FOUND;
	SFSI_LOCK_SCOPE(&database->lock);
	const struct sfsi_database_state *state = &database->state;
	*ret = (struct sfs_database_info){
		.class_id = class_id,
		.root = (enum sfs_database_root)state->root,
		.changed = database->changed,
		.exists = state->stamp.inode != 0,
		.fault = database->fault,
		.file_bytes = state->stamp.size,
		.written_ns = state->written_ns,
	};
	snprintf(ret->why, sizeof ret->why, "%s", database->why ? database->why : "");
	snprintf(ret->conflict, sizeof ret->conflict, "%s",
		 database->conflict ? database->conflict : "");
	if (database->recovered)
		memcpy(ret->recovered_from, state->from, sizeof ret->recovered_from);
	return 0;
}

int sfs_database_path(struct sfs_store *store, uint32_t class_id, struct sfs_buf *ret)
{
	struct sfsi_database *database = find(store, class_id);
	if (!database)
		return SFS_ERR_NOT_FOUND;
	SFSI_LOCK_SCOPE(&database->lock);
	return sfs_buf_printf(ret, "%s/%s" SFSI_DATABASE_EXTENSION, store->mirror->root,
			      database->home.name);
}

static int flush_all(struct sfs_store *store, struct sfs_diag *diag)
{
	struct sfs_class_info info = { .id = 0 };
	int err = 0;
	while (sfs_class_next(store, info.id, &info) == 0) {
		struct sfs_diag why = SFS_DIAG_INIT;
		int failed = find(store, info.id) ? sfs_database_flush(store, info.id, &why) : 0;
		if (failed < 0 && !err) {
			err = failed;
			sfs_diag_set(diag, err, "%s", why.text);
		}
	}
	return err;
}

int sfs_database_flush(struct sfs_store *store, uint32_t class_id, struct sfs_diag *diag)
{
	struct sfsi_database *database = find(store, class_id);
	if (!class_id)
		return flush_all(store, diag);
	if (!database || store->read_only)
		return 0;
	SFSI_LOCK_SCOPE(&database->lock);
	return sfsi_database_flush(database, diag);
}

int sfs_database_image(struct sfs_store *store, uint32_t class_id, struct sfs_buf *ret)
{
	struct sfsi_database *database = find(store, class_id);
	size_t before = ret->len;
	if (!database)
		return SFS_ERR_NOT_FOUND;
	SFSI_LOCK_SCOPE(&database->lock);
	int err = database->fault ? database->fault : sfsi_database_render(database, ret);
	if (err < 0)
		ret->len = before;
	return err;
}

/* --- other content --- */

static int load_locked(struct sfsi_database *database, struct sfs_span bytes, struct sfs_diag *diag)
{
	struct sfsi_image image;
	struct sfs_diag why = SFS_DIAG_INIT;
	int err = sfsi_image_check(bytes, &image, &why);
	if (err < 0)
		return sfs_diag_set(diag, err == SFS_ERR_CORRUPT ? SFS_ERR_BAD_DOCUMENT : err,
				    "the image can not be read: %s", why.text);
	/* What is not in the file yet becomes a backup with the file. */
	err = database->fault ? 0 : sfsi_database_flush(database, diag);
	struct sfsi_file_stamp stamp = database->state.stamp;
	database->fault = 0;
	if (!err)
		err = sfsi_database_take_image(database, &image, diag);
	/* The file is still the one that we know: it will be the backup. */
	database->state.stamp = stamp;
	if (!err)
		err = sfsi_database_rewrite(database, bytes, diag);
	return fail(database, err, diag);
}

static int check_writable(const struct sfs_store *store, const struct sfsi_database *database,
			  struct sfs_diag *diag)
{
	if (!database)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "no such database");
	return store->read_only ? sfs_diag_set(diag, SFS_ERR_READ_ONLY, "%s",
					       sfs_err_text(SFS_ERR_READ_ONLY))
				: 0;
}

int sfs_database_load(struct sfs_store *store, uint32_t class_id, struct sfs_span image,
		      struct sfs_diag *diag)
{
	struct sfsi_database *database = find(store, class_id);
	int err = check_writable(store, database, diag);
	if (err < 0)
		return err;
	SFSI_LOCK_SCOPE(&database->lock);
	return load_locked(database, image, diag);
}

int sfs_database_reset(struct sfs_store *store, uint32_t class_id, struct sfs_diag *diag)
{
	struct sfsi_database *database = find(store, class_id);
	struct sfsi_file_stamp stamp;
	int err = check_writable(store, database, diag);
	if (err < 0)
		return err;
	SFSI_LOCK_SCOPE(&database->lock);
	const struct sfsi_home *home = &database->home;
	err = sfsi_file_stamp_read(home->dir_fd, home->file, &stamp);
	if (!err && stamp.inode)
		err = sfsi_database_set_aside(home, (struct sfs_span){ NULL, 0 }, &stamp, NULL);
	database->state.stamp = (struct sfsi_file_stamp){ 0 };
	struct sfsi_image image;
	struct sfs_span empty = { "\x80", 1 };
	if (!err)
		err = sfsi_image_check(empty, &image, NULL);
	sfsi_database_set_fault(database, 0, NULL);
	if (!err)
		err = sfsi_database_take_image(database, &image, diag);
	if (!err)
		err = sfsi_database_flush(database, diag);
	return fail(database, err, diag);
}

/* --- backups --- */

/** The folder of the backups; *ret -1: there are none. */
static int open_backups(struct sfsi_database *database, int *ret)
{
	SFSI_LOCK_SCOPE(&database->lock);
	int err = sfsi_backups_open(database->home.root_fd, database->home.name, false, ret);
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

int sfs_database_backups(struct sfs_store *store, uint32_t class_id, sfs_backup_fn *fn, void *arg)
{
	struct sfsi_database *database = find(store, class_id);
	struct sfsi_backups backups;
	SFSI_AUTO_FD int fd = -1;
	int err = database ? open_backups(database, &fd) : SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfsi_backups_list(fd, &backups);
	if (err < 0)
		return err;
	for (size_t i = 0; !err && i < backups.count; i++)
		if (fn(arg, backups.items[i].name, backups.items[i].size,
		       backups.items[i].mtime_ns))
			err = SFS_ERR_CANCELLED;
	sfsi_backups_fini(&backups);
	return err;
}

static int take_name(void *arg, const char *name, uint64_t size, int64_t mtime_ns)
{
	(void)size, (void)mtime_ns;
	snprintf(arg, SFS_BACKUP_NAME_MAX + 1, "%s", name);
	return 1;
}

int sfs_database_backup(struct sfs_store *store, uint32_t class_id, const char *name,
			struct sfs_buf *ret)
{
	struct sfsi_database *database = find(store, class_id);
	struct sfsi_snapshot snapshot;
	char newest[SFS_BACKUP_NAME_MAX + 1] = "";
	SFSI_AUTO_FD int fd = -1;
	int err = database ? open_backups(database, &fd) : SFS_ERR_NOT_FOUND;
	if (!err && !name) {
		err = sfs_database_backups(store, class_id, take_name, newest);
		err = err == SFS_ERR_CANCELLED ? 0 : err;
		name = newest;
	}
	/* Digits alone: never another folder. */
	if (!err && (fd < 0 || !*name || strspn(name, "0123456789") != strlen(name)))
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = sfsi_snapshot_read(fd, name, store->dir_fd, &snapshot);
	if (err < 0)
		return err;
	err = sfs_buf_append(ret, snapshot.bytes.data, snapshot.bytes.len);
	sfsi_snapshot_fini(&snapshot);
	return err;
}

int sfs_database_restore(struct sfs_store *store, uint32_t class_id, const char *name,
			 struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf image = SFS_BUF_INIT;
	int err = sfs_database_backup(store, class_id, name, &image);
	if (err < 0)
		return sfs_diag_set(diag, err, "backup %s: %s", name ? name : "",
				    sfs_err_text(err));
	return sfs_database_load(store, class_id, sfs_buf_span(&image), diag);
}

/* --- begin and end --- */

static int root_image(struct sfs_span json, struct sfs_buf *ret, struct sfs_diag *diag)
{
	struct sfsi_msgpack_writer writer;
	if (!json.len)
		json = sfs_span_str("{}");
	sfsi_msgpack_writer_init(&writer, ret);
	return sfsi_json_read(json, &writer.sink, diag);
}

int sfs_database_create(struct sfs_store *store, const struct sfs_class_make *make,
			struct sfs_span root, uint32_t *ret_id, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf image = SFS_BUF_INIT;
	struct sfs_class_info info;
	int err = root_image(root, &image, diag);
	if (!err && !(store->mirror && sfsi_databases_only(store->mirror)))
		err = sfs_diag_set(diag, SFS_ERR_UNSUPPORTED, "%s is no folder of databases",
				   store->path);
	if (!err)
		err = sfs_class_create(store, make, &info, diag);
	if (!err)
		err = sfs_database_load(store, info.id, sfs_buf_span(&image), diag);
	if (!err)
		*ret_id = info.id;
	return err;
}

/** The file goes: among the backups, or for ever. */
static int end_file(struct sfsi_database *database, enum sfs_database_end how)
{
	const struct sfsi_home *home = &database->home;
	SFSI_AUTO_FD int fd = -1;
	struct sfsi_file_stamp stamp;
	int err = sfsi_file_stamp_read(home->dir_fd, home->file, &stamp);
	if (err < 0 || !stamp.inode)
		return err;
	if (how == SFS_DATABASE_REMOVE)
		return unlinkat(home->dir_fd, home->file, 0) < 0 ? sfsi_err_from_errno(errno) : 0;
	err = sfsi_backups_open(home->root_fd, home->name, true, &fd);
	return err < 0 ? err
		       : sfsi_backups_take(fd, home->dir_fd, home->file, sfsi_now_ns(), home->keep);
}

int sfs_database_end(struct sfs_store *store, uint32_t class_id, enum sfs_database_end how,
		     struct sfs_diag *diag)
{
	struct sfsi_database *database = find(store, class_id);
	struct sfs_class_info info;
	int err = check_writable(store, database, diag);
	if (!err)
		err = sfs_class_get(store, class_id, &info);
	if (err < 0)
		return err;
	SFSI_LOCK_SCOPE(&database->lock);
	if (info.files)
		return sfs_diag_set(diag, SFS_ERR_NOT_EMPTY, "db:%s has %llu scratch files",
				    database->home.name, (unsigned long long)info.files);
	if (how == SFS_DATABASE_DESTROY && !database->fault)
		err = sfsi_database_flush(database, diag);
	if (!err)
		err = end_file(database, how);
	database->fault = 0;
	if (!err)
		err = sfsi_database_drop(database);
	return fail(database, err, diag);
}

/** The backups of one name become those of another that has none. */
static void move_backups(const struct sfsi_home *from, const struct sfsi_home *to)
{
	SFSI_AUTO_BUF struct sfs_buf old = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf new = SFS_BUF_INIT;
	if (sfs_buf_printf(&old, SFSI_BACKUPS_FOLDER "/%s%c", from->name, 0) < 0 ||
	    sfs_buf_printf(&new, SFSI_BACKUPS_FOLDER "/%s%c", to->name, 0) < 0)
		return;
	/* Where there are some already both stay: nothing is lost, and numbering goes on. */
	(void)!renameat2(from->root_fd, old.data, to->root_fd, new.data, RENAME_NOREPLACE);
}

static int rename_class(struct sfsi_database *database, struct sfs_span new_name)
{
	struct sfsi_txn txn;
	char name[SFS_CLASS_NAME_MAX + 1];
	snprintf(name, sizeof name, "%s", database->class->name);
	int err = sfsi_txn_begin(database->store, &txn);
	if (err < 0)
		return err;
	err = sfsi_class_rename_in(&txn, sfs_span_str(name), new_name);
	if (!err)
		err = sfsi_database_put_state(&txn, database);
	return sfsi_txn_end(&txn, err);
}

int sfsi_database_rename(struct sfsi_database *database, struct sfs_span new_name)
{
	struct sfsi_home home;
	struct sfs_class_info info;
	SFSI_LOCK_SCOPE(&database->lock);
	if (database->store->read_only || !database->class)
		return SFS_ERR_READ_ONLY;
	if (sfs_class_find(database->store, new_name, &info) == 0)
		return SFS_ERR_EXISTS;
	int err = database->fault ? 0 : sfsi_database_flush(database, NULL);
	if (!err)
		err = sfsi_home_open(database->store->mirror->root_fd, new_name, &home);
	if (err < 0)
		return err;
	home.keep = database->home.keep;
	home.teller = database->home.teller;
	struct sfsi_home old = database->home;
	if (database->state.stamp.inode &&
	    renameat2(old.dir_fd, old.file, home.dir_fd, home.file, RENAME_NOREPLACE) < 0)
		err = sfsi_err_from_errno(errno);
	if (!err) {
		move_backups(&old, &home);
		database->home = home;
		err = sfsi_file_stamp_read(home.dir_fd, home.file, &database->state.stamp);
		if (!err)
			err = rename_class(database, new_name);
	}
	sfsi_home_close(err < 0 && database->home.name != home.name ? &home : &old);
	return err;
}

void sfsi_database_class_removed(struct sfsi_database *database)
{
	SFSI_LOCK_SCOPE(&database->lock);
	/* It was empty. Where the file can not go it is a class again at the next opening. */
	(void)!end_file(database, SFS_DATABASE_DESTROY);
	database->class = NULL;
}

/* --- lists --- */

static int check_list(struct sfs_store *store, uint32_t class_id, struct sfs_diag *diag)
{
	struct sfs_database_info info;
	int err = sfs_database_get(store, class_id, &info);
	if (!err && info.root != SFS_DATABASE_LIST)
		err = sfs_diag_set(diag, SFS_ERR_WRONG_KIND, "the database is no list");
	return err < 0 ? fail(NULL, err, diag) : info.fault;
}

int sfs_database_append(struct sfs_store *store, uint32_t class_id, enum sfs_format format,
			struct sfs_span text, struct sfs_diag *diag)
{
	int err = check_list(store, class_id, diag);
	struct sfs_class_info info;
	struct sfs_diag why = SFS_DIAG_INIT;
	if (!err)
		err = sfs_class_get(store, class_id, &info);
	if (err < 0)
		return err;
	/* The names of a list that was read have no gaps; one that has them is tried further on. */
	for (uint64_t number = info.objects; number < info.objects + 1000000; number++) {
		char name[SFSI_NUMBER_SIZE];
		int len = snprintf(name, sizeof name, "%llu", (unsigned long long)number);
		struct sfs_put put = {
			.class_id = class_id,
			.oid = { name, (size_t)len },
			.format = format,
			.text = text,
			.flags = SFS_PUT_CREATE,
		};
		err = sfs_object_put(store, &put, NULL, &why);
		if (err != SFS_ERR_EXISTS)
			break;
	}
	if (err < 0 && diag)
		*diag = why;
	return err;
}

/** Document of an item, then it goes. */
static int pop_item(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		    enum sfs_format format, struct sfs_buf *ret)
{
	struct sfs_attr attr;
	struct sfs_doc *doc = NULL;
	int err = sfs_object_find(store, class_id, oid, &attr);
	if (!err)
		err = sfs_object_get(store, attr.ino, format, &doc);
	if (err < 0 || !doc)
		return err;
	if (ret)
		err = sfs_buf_append(ret, doc->bytes.data, doc->bytes.len);
	sfs_doc_unref(doc);
	return err < 0 ? err : sfs_object_remove(store, class_id, oid, attr.ino);
}

int sfs_database_pop(struct sfs_store *store, uint32_t class_id, int64_t index,
		     enum sfs_format format, struct sfs_buf *ret, struct sfs_diag *diag)
{
	struct sfs_class_info info;
	struct sfsi_oids oids = SFSI_OIDS_INIT(store, class_id);
	struct sfs_span oid;
	int err = check_list(store, class_id, diag);
	if (!err)
		err = sfs_class_get(store, class_id, &info);
	if (err < 0)
		return err;
	if (index < 0)
		index += (int64_t)info.objects;
	err = index < 0 || (uint64_t)index >= info.objects ? 1 : sfsi_oids_next(&oids, &oid);
	while (!err && index-- > 0)
		err = sfsi_oids_next(&oids, &oid);
	if (!err)
		err = pop_item(store, class_id, oid, format, ret);
	sfsi_oids_fini(&oids);
	return err == 1 ? sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "the list has %llu items",
				       (unsigned long long)info.objects)
			: fail(NULL, err, diag);
}

static int parse_value(enum sfs_format format, struct sfs_span text, struct sfs_buf *ret,
		       struct sfs_diag *diag)
{
	struct sfsi_document_rules rules = { .value = true };
	return sfsi_document_parse(format, text, &rules, ret, diag);
}

static int has_value(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
		     struct sfs_span body)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	int err = sfsi_object_read_stored(store, class_id, oid, &buf, &record);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	return sfs_span_equal(record.body, body);
}

int sfs_database_remove(struct sfs_store *store, uint32_t class_id, enum sfs_format format,
			struct sfs_span text, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_oids oids = SFSI_OIDS_INIT(store, class_id);
	struct sfs_span oid;
	int found = 0;
	int err = check_list(store, class_id, diag);
	if (!err)
		err = parse_value(format, text, &body, diag);
	while (!err && !found && (err = sfsi_oids_next(&oids, &oid)) == 0) {
		found = has_value(store, class_id, oid, sfs_buf_span(&body));
		err = found < 0 ? found : 0;
	}
	if (!err)
		err = sfs_object_remove(store, class_id, oid, 0);
	sfsi_oids_fini(&oids);
	return err == 1 ? sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "no item has this value")
			: fail(NULL, err, diag);
}

int sfs_model_name(struct sfs_span value, struct sfs_buf *ret)
{
	struct sfs_span name = sfsi_model_name(value);
	return name.data ? sfs_buf_append(ret, name.data, name.len) : SFS_ERR_NOT_FOUND;
}

int sfs_database_model(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	struct sfs_doc *doc = NULL;
	if (!find(store, sfs_ino_class(ino)))
		return SFS_ERR_NOT_FOUND;
	int err = sfs_object_get(store, ino, SFS_FORMAT_MSGPACK, &doc);
	if (err < 0)
		return err;
	err = sfs_model_name(doc->bytes, ret);
	sfs_doc_unref(doc);
	return err;
}
