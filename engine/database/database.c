/* One database of an open store: made with its class, what it says of itself. See database.h. */
#include "database/database.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <storefs/errors.h>
#include "base/errno.h"
#include "class_private.h"
#include "database/changes.h"
#include "database/value.h"
#include "document/utf8.h"
#include "index/table.h"
#include "mirror/mirror.h"
#include "object.h"

/* --- rules --- */

/** A new item of a list comes behind all others, and gets its number when it is written. */
static int check_list(struct sfs_span oid, struct sfs_diag *diag)
{
	const uint8_t *at = oid.data;
	bool number = oid.len > 0 && oid.len <= 9 && (at[0] != '0' || oid.len == 1);
	for (size_t i = 0; i < oid.len; i++)
		number = number && at[i] >= '0' && at[i] <= '9';
	if (number)
		return 0;
	return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
			    "the database is a list, expected a number as name");
}

int sfsi_database_check(const struct sfsi_database *database, struct sfs_span oid,
			struct sfs_span body, struct sfs_diag *diag)
{
	if (!sfsi_utf8_valid(oid))
		return sfs_diag_set(diag, SFS_ERR_NAME,
				    "the key of a database is text, expected valid UTF-8");
	if (database->state.root == SFSI_ROOT_SCALAR &&
	    !sfs_span_equal(oid, sfs_span_str(SFSI_SCALAR_NAME)))
		return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
				    "the database is one value, expected the name "
				    "\"" SFSI_SCALAR_NAME "\"");
	int err = database->state.root == SFSI_ROOT_LIST ? check_list(oid, diag) : 0;
	return err < 0 ? err : sfsi_value_check(body, diag);
}

/* --- life --- */

static int read_state(struct sfsi_database *database)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	uint32_t class_id = database->class->id;
	sfsi_database_state_key(&key);
	int err = sfsi_backend_get(database->store->backend, class_id, sfsi_key_span(&key), &value);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	return sfsi_database_state_decode(sfs_buf_span(&value), &database->state);
}

static void log_to_store(void *arg, enum sfs_log_level level, const char *message)
{
	const struct sfs_store *store = arg;
	if (store->databases.log)
		store->databases.log(store->databases.log_arg, level, message);
}

static int open_home(struct sfsi_database *database, const char *path)
{
	const struct sfsi_mirror *mirror = database->store->mirror;
	size_t end = strlen(SFSI_DATABASE_EXTENSION), len = strlen(path);
	if (len <= end)
		return SFS_ERR_CORRUPT;
	int err = sfsi_home_open(mirror->root_fd, (struct sfs_span){ path, len - end },
				 &database->home);
	if (err < 0)
		return err;
	database->home.read_only = mirror->read_only;
	database->home.keep = database->store->databases.backups;
	database->home.teller = (struct sfsi_teller){ log_to_store, database->store };
	return 0;
}

int sfsi_database_again(struct sfsi_database *database)
{
	struct sfsi_file_stamp now, *was = &database->state.stamp;
	if (!was->inode || database->home.dir_fd < 0)
		return 0;
	int err = sfsi_file_stamp_read(database->home.dir_fd, database->home.file, &now);
	if (!err && now.inode && now.size == was->size && now.mtime_ns == was->mtime_ns)
		*was = now;
	return err;
}

int sfsi_database_attach(struct sfs_store *store, struct sfsi_class *class)
{
	struct timespec now;
	struct sfsi_database *database = calloc(1, sizeof *database);
	if (!database)
		return SFS_ERR_NO_MEMORY;
	pthread_mutex_init(&database->lock, NULL);
	database->store = store;
	database->class = class;
	database->state.plain = true;
	database->home = (struct sfsi_home){ .root_fd = -1, .dir_fd = -1 };
	clock_gettime(CLOCK_MONOTONIC, &now);
	database->flushed_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	int err = open_home(database, class->mirror->path);
	/* The folder that it was in is gone: so will it be. */
	if (err == SFS_ERR_NOT_FOUND)
		err = 0;
	if (!err)
		err = read_state(database);
	if (!err && store->mirror->frozen)
		err = sfsi_database_again(database);
	if (err < 0) {
		database->class = NULL;
		sfsi_database_free(database);
		return err;
	}
	class->database = database;
	sfsi_changes_look_locked(database);
	return 0;
}

void sfsi_database_free(struct sfsi_database *database)
{
	if (!database)
		return;
	sfsi_home_close(&database->home);
	pthread_mutex_destroy(&database->lock);
	free(database->why);
	free(database->conflict);
	while (database->kept) {
		struct sfsi_kept *kept = database->kept;
		database->kept = kept->next;
		free(kept->memory);
		free(kept);
	}
	free(database);
}

void sfsi_database_keep(struct sfsi_database *database, void *memory)
{
	struct sfsi_kept *kept = malloc(sizeof *kept);
	/* Without memory it is lost: some bytes, once. */
	if (!kept)
		return;
	*kept = (struct sfsi_kept){ database->kept, memory };
	database->kept = kept;
}

int sfsi_database_put_state(struct sfsi_txn *txn, const struct sfsi_database *database)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_database_state_key(&key);
	int err = sfsi_database_state_encode(&database->state, &value);
	return err < 0 ? err
		       : sfsi_txn_put(txn, database->class->id, sfsi_key_span(&key),
				      sfs_buf_span(&value));
}

struct forgetting {
	struct sfsi_txn *txn;
	uint32_t class_id;
	int err;
};

static int forget_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct forgetting *forgetting = arg;
	(void)val;
	forgetting->err = sfsi_txn_remove(forgetting->txn, forgetting->class_id, key);
	return forgetting->err != 0;
}

int sfsi_database_forget(struct sfsi_txn *txn, const struct sfsi_class *class)
{
	struct sfsi_scan scan = { .partition = class->id, .prefix = { "Q", 1 }, .keys_only = true };
	struct forgetting forgetting = { .txn = txn, .class_id = class->id };
	if (!class->database)
		return 0;
	int err = sfsi_txn_scan(txn, &scan, forget_row, &forgetting);
	return forgetting.err ? forgetting.err : err;
}

int sfsi_database_drop(struct sfsi_database *database)
{
	static const uint8_t nothing[] = { 0x80 };
	struct sfsi_image image;
	struct sfsi_txn txn;
	struct sfsi_class *class = database->class;
	int err = sfsi_image_check((struct sfs_span){ nothing, sizeof nothing }, &image, NULL);
	if (!err)
		err = sfsi_database_take_image(database, &image, NULL);
	if (!err)
		err = sfsi_indexer_finish(database->store, class, SIZE_MAX);
	if (err < 0)
		return err;
	sfsi_txn_begin_inward(database->store, &txn);
	err = sfsi_txn_end(&txn, sfsi_class_remove_in(&txn, sfs_span_str(class->name)));
	if (!err)
		database->class = NULL;
	return err;
}

/* --- what it says --- */

void sfsi_database_set_fault(struct sfsi_database *database, int err, const struct sfs_diag *diag)
{
	const char *why = err < 0 ? (diag && diag->text[0] ? diag->text : sfs_err_text(err)) : NULL;
	free(database->why);
	database->why = why ? strdup(why) : NULL;
	database->fault = err;
}

void sfsi_database_note_conflict(struct sfsi_database *database, const char *file, size_t keys)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	char *copy = strdup(file);
	if (copy) {
		free(database->conflict);
		database->conflict = copy;
	}
	if (sfs_buf_printf(&text,
			   "another program has changed %zu keys that were changed here too: its "
			   "values count, those from here are in %s",
			   keys, file) < 0)
		return;
	struct sfs_error error = {
		.class_name = sfs_span_str(database->class->name),
		.operation = sfs_span_str("flush"),
		.message = sfs_buf_span(&text),
	};
	sfs_errors_add(database->store, &error);
	sfsi_tell(&database->home.teller, SFS_LOG_ERROR, "Database '%s': %.*s", database->home.name,
		  (int)text.len, (const char *)text.data);
}
