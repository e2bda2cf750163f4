/*
 * Writing the file of a database.
 *
 * Usually the new file is the old one with some keys changed, added or left out: runs of bytes that did not
 * change are copied without a look into them, which costs no more than the file has bytes, and the
 * commit lock is held only while the changed keys are read. Where a key is to get to another place than the end, or
 * the old file is gone or has keys that repeat, all keys are read in their order instead.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/array.h"
#include "base/errno.h"
#include "database/changes.h"
#include "database/spool.h"
#include "database/value.h"
#include "document/msgpack.h"
#include "object.h"

/** Takes the image, piece by piece. */
struct output {
	struct sfsi_file_writer *file; /* or … */
	struct sfs_buf *memory;
};

struct flushing {
	struct sfsi_database *database;
	struct sfsi_changes changes;
	struct sfsi_snapshot base; /* bytes.data NULL: there is none */
	struct sfsi_image image;   /* of the base */
	struct output out;
	struct sfsi_change **added; /* [added_count], in their order */
	size_t added_count, added_cap;
	struct sfs_buf scratch;
	bool shifted;         /* items of a list came or went: others get other names */
	uint64_t last_number; /* of the new image */
};

static int put(struct flushing *flushing, struct sfs_span bytes)
{
	if (!bytes.len)
		return 0;
	return flushing->out.file ? sfsi_file_put(flushing->out.file, bytes)
				  : sfs_buf_append(flushing->out.memory, bytes.data, bytes.len);
}

static int put_head(struct flushing *flushing, uint32_t count)
{
	SFSI_AUTO_BUF struct sfs_buf head = SFS_BUF_INIT;
	int err = sfsi_image_head(&head, flushing->database->state.root, count);
	return err < 0 ? err : put(flushing, sfs_buf_span(&head));
}

/** @key   as the base has it; empty: the name.  @was  its value in the base, or empty. */
static int put_item(struct flushing *flushing, struct sfs_span name, struct sfs_span key,
		    struct sfs_span was, struct sfs_span body)
{
	struct sfs_buf *scratch = &flushing->scratch;
	struct sfsi_msgpack_writer writer;
	int err = 0;
	scratch->len = 0;
	sfsi_msgpack_writer_init(&writer, scratch);
	if (flushing->database->state.root == SFSI_ROOT_MAP)
		err = key.len ? sfs_buf_append(scratch, key.data, key.len)
			      : writer.sink.ops->string(&writer.sink, name);
	if (!err && was.len)
		err = sfsi_value_graft(was, flushing->image.mixed, body, scratch);
	else if (!err)
		err = sfs_buf_append(scratch, body.data, body.len);
	return err < 0 ? err : put(flushing, sfs_buf_span(scratch));
}

/* --- the base with changes --- */

/** Is it at the place in the base that it has now? */
static bool stays(const struct sfsi_change *change)
{
	return change->exists && change->was.existed && change->was.number == change->number;
}

static int by_number(const void *a, const void *b)
{
	const struct sfsi_change *one = *(struct sfsi_change *const *)a;
	const struct sfsi_change *two = *(struct sfsi_change *const *)b;
	return (one->number > two->number) - (one->number < two->number);
}

/**
 * What comes behind the base. *ret_count: items of the new image, of the base's count.
 * Returns 0, or SFS_ERR_UNSUPPORTED when something belongs between.
 */
static int find_added(struct flushing *flushing, uint32_t *ret_count)
{
	const struct sfsi_database_state *state = &flushing->database->state;
	int err = 0;
	for (size_t i = 0; !err && i < flushing->changes.count; i++) {
		struct sfsi_change *change = &flushing->changes.items[i];
		bool stay = stays(change);
		if (change->was.existed && !stay) {
			--*ret_count;
			flushing->shifted = state->root == SFSI_ROOT_LIST;
		}
		if (!change->exists || stay)
			continue;
		if (change->number <= state->last_number)
			return SFS_ERR_UNSUPPORTED;
		++*ret_count;
		flushing->shifted = state->root == SFSI_ROOT_LIST;
		err = sfsi_array_grow(&flushing->added, flushing->added_count, &flushing->added_cap,
				      sizeof *flushing->added);
		if (!err)
			flushing->added[flushing->added_count++] = change;
	}
	if (!err && flushing->added_count)
		qsort(flushing->added, flushing->added_count, sizeof *flushing->added, by_number);
	return err;
}

static int put_added(struct flushing *flushing)
{
	int err = 0;
	struct sfs_span none = { NULL, 0 };
	for (size_t i = 0; !err && i < flushing->added_count; i++) {
		const struct sfsi_change *change = flushing->added[i];
		err = put_item(flushing, change->oid, none, none, change->body);
		flushing->last_number = change->number;
	}
	return err;
}

/** Bytes of the base from one offset to another. */
static struct sfs_span range(const struct flushing *flushing, size_t from, size_t to)
{
	return (struct sfs_span){ (const char *)flushing->base.bytes.data + from, to - from };
}

static int put_patched(struct flushing *flushing)
{
	const struct sfsi_image *image = &flushing->image;
	struct sfsi_image_cursor cursor = SFSI_IMAGE_CURSOR_INIT(image);
	struct sfsi_item item;
	size_t copied = image->first, left = flushing->changes.count - flushing->added_count;
	int err = 0;
	for (size_t start = cursor.at; !err && left && sfsi_image_next(image, &cursor, &item) == 0;
	     start = cursor.at) {
		const struct sfsi_change *change = sfsi_changes_find(&flushing->changes, item.name);
		if (cursor.at == start)
			return SFS_ERR_CORRUPT;
		if (!change)
			continue;
		err = put(flushing, range(flushing, copied, start));
		if (!err && stays(change))
			err = put_item(flushing, item.name, item.key, item.value, change->body);
		copied = cursor.at;
		left -= stays(change) || !change->exists;
	}
	if (!err)
		err = put(flushing, range(flushing, copied, image->bytes.len));
	return err < 0 ? err : put_added(flushing);
}

/* --- all keys --- */

/** What the base has of each name, the right one where names repeat. */
struct known {
	struct sfsi_names names;
	struct known_item {
		struct sfs_span key, value;
	} *items;
	size_t count, cap;
	struct sfsi_arena arena;
	uint32_t hidden; /* names that can not be shown */
	struct flushing *flushing;
	bool writing; /* put the hidden ones */
};

static bool is_hidden(struct sfs_span name)
{
	return name.len == 0 || name.len > SFS_OID_MAX;
}

static int know_item(void *arg, const struct sfsi_item *item)
{
	struct known *known = arg;
	struct sfs_span name = item->name;
	if (is_hidden(name)) {
		known->hidden++;
		return known->writing ? put_item(known->flushing, name, item->key, item->value,
						 item->value)
				      : 0;
	}
	if (known->writing)
		return 0;
	/* Numbers become text. */
	struct known_item value = { item->key, item->value };
	if (item->number)
		value.key.len = 0;
	if ((item->number || !item->key.len) && !sfsi_arena_copy(&known->arena, name, &name))
		return SFS_ERR_NO_MEMORY;
	int err = sfsi_array_grow(&known->items, known->count, &known->cap, sizeof value);
	if (err < 0)
		return err;
	known->items[known->count++] = value;
	return sfsi_names_add(&known->names, name, (uint32_t)known->count - 1);
}

static int put_key(struct flushing *flushing, const struct known *known,
		   const struct sfsi_spooled *spooled)
{
	struct sfs_span none = { NULL, 0 };
	uint32_t item = sfsi_names_find(&known->names, spooled->oid);
	bool found = item != SFSI_NAMES_NONE;
	flushing->last_number = spooled->number;
	return put_item(flushing, spooled->oid, found ? known->items[item].key : none,
			found ? known->items[item].value : none, spooled->body);
}

static int put_keys(struct flushing *flushing, const struct known *known)
{
	const struct sfsi_database *database = flushing->database;
	struct sfsi_spool spool;
	int err = sfsi_spool_read(database->store, database->class->id, &spool);
	for (size_t i = 0; !err && i < spool.count; i++) {
		struct sfsi_spooled spooled;
		sfsi_spool_at(&spool, i, &spooled);
		err = put_key(flushing, known, &spooled);
	}
	sfsi_spool_fini(&spool);
	return err;
}

/** The commit lock is held: what is written is one moment. */
static int put_all(struct flushing *flushing)
{
	struct known known = { .flushing = flushing };
	struct sfsi_state state;
	bool base = flushing->base.bytes.data != NULL;
	sfsi_class_state(flushing->database->store, flushing->database->class, &state);
	int err = base ? sfsi_image_each(&flushing->image, know_item, &known) : 0;
	if (!err && state.objects + known.hidden > UINT32_MAX)
		err = SFS_ERR_LIMIT;
	if (!err)
		err = put_head(flushing, (uint32_t)state.objects + known.hidden);
	known.writing = true;
	if (!err && known.hidden)
		err = sfsi_image_each(&flushing->image, know_item, &known);
	if (!err)
		err = put_keys(flushing, &known);
	/* A value that nobody ever set. */
	if (!err && flushing->database->state.root == SFSI_ROOT_SCALAR && state.objects == 0)
		err = put(flushing, (struct sfs_span){ "\xc0", 1 });
	free(known.items);
	sfsi_names_fini(&known.names);
	sfsi_arena_fini(&known.arena);
	return err;
}

/* --- one image --- */

static int put_image(struct flushing *flushing)
{
	struct sfsi_database *database = flushing->database;
	uint32_t count = flushing->image.count;
	bool patch = flushing->base.bytes.data && database->state.plain;
	int err = patch ? find_added(flushing, &count) : SFS_ERR_UNSUPPORTED;
	flushing->last_number = database->state.last_number;
	/* A scalar always has its one item. */
	if (!err && database->state.root == SFSI_ROOT_SCALAR && count != 1)
		err = SFS_ERR_UNSUPPORTED;
	if (!err && (err = put_head(flushing, count)) == 0)
		return put_patched(flushing);
	if (err != SFS_ERR_UNSUPPORTED)
		return err;
	pthread_mutex_lock(&database->store->commit_lock);
	err = put_all(flushing);
	pthread_mutex_unlock(&database->store->commit_lock);
	flushing->shifted = database->state.root == SFSI_ROOT_LIST;
	return err;
}

static void flushing_fini(struct flushing *flushing)
{
	sfsi_changes_fini(&flushing->changes);
	sfsi_snapshot_fini(&flushing->base);
	sfs_buf_fini(&flushing->scratch);
	free(flushing->added);
}

/** Changes and base, at one moment. SFS_ERR_CONFLICT: the file is another one again. */
static int prepare(struct sfsi_database *database, struct flushing *ret)
{
	const struct sfsi_home *home = &database->home;
	*ret = (struct flushing){ .database = database };
	int err = sfsi_changes_read(database, &ret->changes);
	if (err < 0 || !database->state.stamp.inode)
		return err;
	err = sfsi_snapshot_read(home->dir_fd, home->file, database->store->dir_fd, &ret->base);
	if (err == SFS_ERR_NOT_FOUND)
		return SFS_ERR_CONFLICT;
	if (!err && !sfsi_file_stamp_equal(&ret->base.stamp, &database->state.stamp))
		return SFS_ERR_CONFLICT;
	/* It was checked when it was taken in, or is what was written: its stamp says so. */
	return err < 0 ? err
		       : sfsi_image_known(ret->base.bytes, database->state.mixed, &ret->image);
}

int sfsi_database_render(struct sfsi_database *database, struct sfs_buf *ret)
{
	struct flushing flushing;
	int err = prepare(database, &flushing);
	flushing.out.memory = ret;
	if (err == SFS_ERR_CONFLICT || err == SFS_ERR_CORRUPT) {
		/* The base is not there any more: without what only it has. */
		sfsi_snapshot_fini(&flushing.base);
		err = 0;
	}
	if (!err)
		err = put_image(&flushing);
	flushing_fini(&flushing);
	return err;
}

/* --- the file --- */

/** The old file, that of the base, is at temp now. Is it that, or did somebody write meanwhile? */
static bool was_base(const struct flushing *flushing, const char *temp)
{
	struct sfsi_file_stamp now;
	const struct sfsi_file_stamp *base = &flushing->base.stamp;
	if (sfsi_file_stamp_read(flushing->database->home.dir_fd, temp, &now) < 0)
		return false;
	return now.inode == base->inode && now.size == base->size && now.mtime_ns == base->mtime_ns;
}

static int keep_old(struct flushing *flushing, const char *temp)
{
	const struct sfsi_home *home = &flushing->database->home;
	SFSI_AUTO_FD int fd = -1;
	sfsi_tell(&home->teller, SFS_LOG_DEBUG, "Backing up db `%s`...", home->name);
	int err = sfsi_backups_open(home->root_fd, home->name, true, &fd);
	if (!err)
		err = sfsi_backups_take(fd, home->dir_fd, temp, sfsi_now_ns(), home->keep);
	/* The new file is durable: that its predecessor is not kept is said, and undoes nothing. */
	if (err < 0)
		sfsi_tell(&home->teller, SFS_LOG_ERROR, "Backup of db `%s` failed: %s", home->name,
			  sfs_err_text(err));
	return 0;
}

static int install(struct flushing *flushing, struct sfsi_file_writer *writer)
{
	struct sfsi_database *database = flushing->database;
	const struct sfsi_home *home = &database->home;
	struct sfsi_file_stamp stamp;
	int err = sfsi_file_commit(writer, home->file, &flushing->base, &stamp);
	if (err < 0)
		return err == SFS_ERR_EXISTS ? SFS_ERR_CONFLICT : err;
	if (flushing->base.stamp.inode && !was_base(flushing, writer->temp)) {
		/* Theirs is never overwritten: it goes back, and is taken in first. */
		if (sfsi_file_swap(home->dir_fd, writer->temp, home->file) < 0)
			return SFS_ERR_IO;
		unlinkat(home->dir_fd, writer->temp, 0);
		return SFS_ERR_CONFLICT;
	}
	if (flushing->base.stamp.inode)
		err = keep_old(flushing, writer->temp);
	database->state.stamp = stamp;
	database->state.plain = true;
	database->state.last_number = flushing->last_number;
	return err;
}

static int write_file(struct flushing *flushing)
{
	struct sfsi_database *database = flushing->database;
	const struct sfsi_home *home = &database->home;
	struct sfsi_file_writer writer;
	sfsi_tell(&home->teller, SFS_LOG_WARNING, "Syncing data to disk for db `%s`", home->name);
	int err = sfsi_file_begin(home->dir_fd, home->file, flushing->base.bytes, &writer);
	if (err < 0)
		return err;
	flushing->out.file = &writer;
	err = put_image(flushing);
	bool same = !err && sfsi_file_is_same(&writer);
	if (err < 0 || same)
		sfsi_file_abort(&writer);
	else
		err = install(flushing, &writer);
	return err;
}

int sfsi_database_rewrite(struct sfsi_database *database, struct sfs_span bytes,
			  struct sfs_diag *diag)
{
	const struct sfsi_home *home = &database->home;
	struct flushing flushing = { .database = database };
	struct sfsi_file_writer writer;
	bool plain = database->state.plain;
	int err = database->state.stamp.inode
			  ? sfsi_snapshot_read(home->dir_fd, home->file, database->store->dir_fd,
					       &flushing.base)
			  : 0;
	if (!err)
		err = sfsi_file_begin(home->dir_fd, home->file, flushing.base.bytes, &writer);
	if (!err) {
		err = sfsi_file_put(&writer, bytes);
		flushing.last_number = database->state.last_number;
		if (err < 0 || sfsi_file_is_same(&writer))
			sfsi_file_abort(&writer);
		else
			err = install(&flushing, &writer);
	}
	database->state.plain = plain;
	/* Nobody could change anything that was not taken from these bytes but us, just now. */
	if (!err)
		err = sfsi_changes_written(database, &flushing.changes);
	flushing_fini(&flushing);
	return err < 0 ? sfs_diag_set(diag, err, "db:%s: %s", home->name, sfs_err_text(err)) : 0;
}

/** Items of a list have other numbers now: they are read as they are written. */
static int number_again(struct sfsi_database *database)
{
	database->state.stamp = (struct sfsi_file_stamp){ 0 };
	return sfsi_database_take(database, NULL);
}

static int flush_once(struct sfsi_database *database, struct sfs_diag *diag)
{
	struct flushing flushing;
	int err = sfsi_database_take(database, diag);
	if (err < 0 || (!database->changed && database->state.stamp.inode))
		return err;
	err = prepare(database, &flushing);
	if (!err && flushing.changes.count == 0 && database->state.stamp.inode) {
		flushing_fini(&flushing);
		return 0;
	}
	if (!err)
		err = write_file(&flushing);
	database->state.written_ns = sfsi_now_ns();
	if (!err)
		err = sfsi_changes_written(database, &flushing.changes);
	bool shifted = flushing.shifted && flushing.changes.count;
	flushing_fini(&flushing);
	return !err && shifted ? number_again(database) : err;
}

/** Somebody else writes the file each time that we want to. */
#define TRIES_MAX 8

int sfsi_database_flush(struct sfsi_database *database, struct sfs_diag *diag)
{
	int err = SFS_ERR_CONFLICT;
	if (database->home.read_only || !database->class)
		return 0;
	for (unsigned i = 0; err == SFS_ERR_CONFLICT && i < TRIES_MAX; i++)
		err = flush_once(database, diag);
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	database->flushed_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (err < 0 && diag && !diag->text[0])
		sfs_diag_set(diag, err, "db:%s: %s", database->home.name, sfs_err_text(err));
	return err;
}
