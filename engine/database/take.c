/*
 * Taking in the file of a database when somebody else wrote it, or when it is new to us.
 *
 * It is merged key by key: what we did not change becomes what the file says; what only we changed stays
 * ours and is written with the next flush; of what both changed the file's counts, and ours is put aside in
 * a file of its own before it goes. The keys get the order of the file.
 *
 * A crash on the way does no harm: the state still has the old stamp, so it begins again.
 */
#include <stdio.h>
#include <time.h>
#include "database/changes.h"
#include "database/fresh.h"
#include "database/keys.h"
#include "database/oids.h"
#include "database/value.h"
#include "document/document.h"
#include "document/msgpack.h"
#include "document/utf8.h"
#include "object.h"

#define ITEMS_PER_COMMIT 2000
#define BYTES_PER_COMMIT ((size_t)8 << 20)

struct taking {
	struct sfsi_database *database;
	const struct sfsi_image *image;
	struct sfsi_changes changes;
	bool fresh;   /* there is nothing yet: nobody has to be asked */
	bool ignore;  /* what we changed does not count: a restored image */
	bool shifted; /* a change that nobody knew of came between: begin again */
	uint64_t last_number, file_end;
	uint32_t delivered; /* keys that are shown */
	bool odd;           /* some keys are not shown, or repeat */
	struct sfsi_seen seen;
	struct sfsi_txn txn;
	bool open; /* txn is */
	size_t items;
	int64_t time_ns; /* of the file */
	uint32_t mode, uid, gid;
	struct sfs_buf body, json;
	int err;
};

static bool is_shown(struct sfs_span name)
{
	return name.len > 0 && name.len <= SFS_OID_MAX;
}

/* --- what both changed --- */

static int see_theirs(void *arg, const struct sfsi_item *item)
{
	struct taking *taking = arg;
	struct sfsi_change *change = sfsi_changes_find(&taking->changes, item->name);
	if (!change)
		return 0;
	taking->body.len = 0;
	int err = sfsi_value_body(item->value, taking->image->mixed, &taking->body);
	change->seen = true;
	change->theirs = sfsi_database_hash(sfs_buf_span(&taking->body));
	return err;
}

static enum sfsi_change_end judge(const struct sfsi_change *change)
{
	uint64_t ours = change->exists ? sfsi_database_hash(change->body) : 0;
	if (change->seen == change->was.existed &&
	    (!change->seen || change->theirs == change->was.hash))
		return SFSI_CHANGE_KEEP;
	if (change->seen == change->exists && (!change->seen || change->theirs == ours))
		return SFSI_CHANGE_DONE;
	return SFSI_CHANGE_CONFLICT;
}

static int put_pair(struct sfs_buf *ret, const struct sfsi_change *change)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, ret);
	int err = writer.sink.ops->string(&writer.sink, change->oid);
	return err < 0 ? err : sfs_buf_append(ret, change->body.data, change->body.len);
}

static int conflict_image(const struct taking *taking, struct sfs_buf *ret)
{
	uint32_t kept = 0;
	for (size_t i = 0; i < taking->changes.count; i++)
		kept += taking->changes.items[i].end == SFSI_CHANGE_CONFLICT &&
			taking->changes.items[i].exists;
	int err = sfsi_image_head(ret, SFSI_ROOT_MAP, kept);
	for (size_t i = 0; !err && i < taking->changes.count; i++)
		if (taking->changes.items[i].end == SFSI_CHANGE_CONFLICT &&
		    taking->changes.items[i].exists)
			err = put_pair(ret, &taking->changes.items[i]);
	return err;
}

/** Ours, as a database of its own beside the file. */
static int put_aside(struct taking *taking, size_t conflicts)
{
	struct sfsi_database *database = taking->database;
	const struct sfsi_home *home = &database->home;
	SFSI_AUTO_BUF struct sfs_buf image = SFS_BUF_INIT;
	struct sfsi_file_writer writer;
	struct sfsi_snapshot like = { .mode = 0 };
	struct sfsi_file_stamp stamp;
	struct sfsi_backups none = { .count = 0 };
	char moment[SFSI_BACKUP_NAME_MAX + 1], name[SFSI_ASIDE_MAX + 32];
	sfsi_backups_next(&none, sfsi_now_ns(), moment);
	snprintf(name, sizeof name, "%.220s.conflict-%s", home->file, moment);
	int err = conflict_image(taking, &image);
	if (!err)
		err = sfsi_file_begin(home->dir_fd, name, (struct sfs_span){ NULL, 0 }, &writer);
	if (err < 0)
		return err;
	err = sfsi_file_put(&writer, sfs_buf_span(&image));
	if (err < 0)
		sfsi_file_abort(&writer);
	else
		err = sfsi_file_commit(&writer, name, &like, &stamp);
	if (err < 0)
		return err;
	sfsi_database_note_conflict(database, name, conflicts);
	return 0;
}

static int find_conflicts(struct taking *taking)
{
	size_t conflicts = 0;
	int err = taking->changes.count ? sfsi_image_each(taking->image, see_theirs, taking) : 0;
	for (size_t i = 0; !err && i < taking->changes.count; i++) {
		struct sfsi_change *change = &taking->changes.items[i];
		change->end = judge(change);
		conflicts += change->end == SFSI_CHANGE_CONFLICT;
	}
	return !err && conflicts ? put_aside(taking, conflicts) : err;
}

/* --- keys --- */

static int begin(struct taking *taking)
{
	if (taking->open)
		return 0;
	struct sfsi_txn_class *class;
	sfsi_txn_begin_inward(taking->database->store, &taking->txn);
	taking->open = true;
	taking->items = 0;
	/* The class takes part: a commit is known by the states that have its number. */
	return sfsi_txn_class(&taking->txn, taking->database->class->id, &class);
}

static int end(struct taking *taking, int err)
{
	if (!taking->open)
		return err;
	taking->open = false;
	return sfsi_txn_end(&taking->txn, err);
}

static int end_when_full(struct taking *taking)
{
	taking->items++;
	if (taking->items < ITEMS_PER_COMMIT && taking->txn.bytes.len < BYTES_PER_COMMIT)
		return 0;
	return end(taking, 0);
}

/** The row of a key that changed. SFS_ERR_NOT_FOUND: it did not. */
static int get_change(struct taking *taking, struct sfs_span oid, struct sfsi_database_change *ret)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_database_change_key(oid, &key);
	int err = sfsi_txn_get(&taking->txn, taking->database->class->id, sfsi_key_span(&key),
			       &value);
	return err < 0 ? err : sfsi_database_change_decode(sfs_buf_span(&value), ret);
}

static int drop_change(struct taking *taking, struct sfs_span oid)
{
	struct sfsi_key key;
	sfsi_database_change_key(oid, &key);
	return sfsi_txn_remove(&taking->txn, taking->database->class->id, sfsi_key_span(&key));
}

static int renumber_change(struct taking *taking, struct sfs_span oid,
			   struct sfsi_database_change *row, uint64_t number)
{
	struct sfsi_key key;
	uint8_t bytes[SFSI_DATABASE_CHANGE_SIZE];
	row->number = number;
	sfsi_database_change_encode(row, bytes);
	sfsi_database_change_key(oid, &key);
	return sfsi_txn_put(&taking->txn, taking->database->class->id, sfsi_key_span(&key),
			    (struct sfs_span){ bytes, sizeof bytes });
}

/** The place of a key behind the one before. */
static int place(struct taking *taking, struct sfsi_object *object)
{
	if (object->number <= taking->last_number)
		object->number = sfsi_class_serial(taking->database->class);
	if (!object->number)
		return SFS_ERR_LIMIT;
	taking->last_number = object->number;
	return 0;
}

static int add_key(struct taking *taking, struct sfs_span oid, struct sfs_span body)
{
	struct sfsi_class *class = taking->database->class;
	uint64_t serial = sfsi_class_serial(class);
	struct sfsi_record record = {
		.object = { .serial = serial,
			    .number = serial,
			    .mode = taking->mode,
			    .uid = taking->uid,
			    .gid = taking->gid,
			    .size = taking->json.len,
			    .size_msgpack = body.len,
			    .atime_ns = taking->time_ns,
			    .mtime_ns = taking->time_ns,
			    .ctime_ns = taking->time_ns,
			    .revision = taking->txn.commit },
		.updated_ns = taking->time_ns,
		.body = body,
		.text = { "", 0 },
	};
	struct sfsi_derive_side none = { oid, NULL }, side = { oid, &record };
	if (!serial)
		return SFS_ERR_LIMIT;
	int err = place(taking, &record.object);
	return err < 0 ? err : sfsi_object_change(&taking->txn, class->id, &none, &side);
}

/** @body  what it becomes; the old one: only its place may change. */
static int change_key(struct taking *taking, struct sfs_span oid, const struct sfsi_record *old,
		      struct sfs_span body)
{
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	struct sfsi_record record = *old;
	struct sfsi_derive_side was = { oid, old }, is = { oid, &record };
	bool same = sfs_span_equal(old->body, body);
	int err = place(taking, &record.object);
	if (err < 0 || (same && record.object.number == old->object.number))
		return err;
	record.object.revision = taking->txn.commit;
	record.object.ctime_ns = taking->txn.now_ns;
	if (!same) {
		err = sfsi_updates_make(old, body, taking->time_ns, &record.updated_ns, &updates);
		record.updates = sfs_buf_span(&updates);
		record.body = body;
		record.has_text = false;
		record.text = (struct sfs_span){ "", 0 };
		record.object.size = taking->json.len;
		record.object.size_msgpack = body.len;
		record.object.mtime_ns = taking->time_ns;
	}
	return err < 0 ? err
		       : sfsi_object_change(&taking->txn, taking->database->class->id, &was, &is);
}

/** What becomes of a key that we changed. *ret_done: nothing else does. */
static int take_changed(struct taking *taking, struct sfs_span oid, const struct sfsi_record *old,
			bool *ret_done)
{
	struct sfsi_database_change row;
	const struct sfsi_change *change = sfsi_changes_find(&taking->changes, oid);
	*ret_done = false;
	int err = get_change(taking, oid, &row);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	bool known = change && change->exists == (old != NULL) &&
		     (!old || sfs_span_equal(change->body, old->body));
	if (!taking->ignore && !known) {
		taking->shifted = true;
		return SFS_ERR_BUSY;
	}
	if (taking->ignore || change->end != SFSI_CHANGE_KEEP)
		return drop_change(taking, oid);
	*ret_done = true;
	/* Ours stays, at the file's place for it. */
	if (!old)
		return 0;
	uint64_t before = old->object.number;
	err = change_key(taking, oid, old, old->body);
	if (!err && row.existed && row.number == before)
		err = renumber_change(taking, oid, &row, taking->last_number);
	return err;
}

static int take_key(struct taking *taking, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record old;
	bool done = false;
	int err = taking->fresh ? SFS_ERR_NOT_FOUND
				: sfsi_object_load_stored(&taking->txn, taking->database->class->id,
							  oid, &buf, &old);
	if (err < 0 && err != SFS_ERR_NOT_FOUND)
		return err;
	bool exists = !err;
	err = taking->fresh ? 0 : take_changed(taking, oid, exists ? &old : NULL, &done);
	if (err < 0 || done)
		return err;
	struct sfs_span body = sfs_buf_span(&taking->body);
	return exists ? change_key(taking, oid, &old, body) : add_key(taking, oid, body);
}

static int take_item(void *arg, const struct sfsi_item *item)
{
	struct taking *taking = arg;
	taking->body.len = taking->json.len = 0;
	taking->delivered++;
	taking->odd |= item->number;
	if (!is_shown(item->name))
		return 0;
	int err = sfsi_value_body(item->value, taking->image->mixed, &taking->body);
	if (!err)
		err = sfsi_document_render(SFS_FORMAT_JSON, sfs_buf_span(&taking->body),
					   &taking->json);
	if (!err && !taking->fresh)
		(void)sfsi_seen_add(&taking->seen, item->name);
	if (!err)
		err = begin(taking);
	if (!err)
		err = take_key(taking, item->name);
	return err < 0 ? err : end_when_full(taking);
}

/* --- keys that the file does not have --- */

static int remove_key(struct taking *taking, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record old;
	uint32_t class_id = taking->database->class->id;
	bool done = false;
	int err = begin(taking);
	if (!err)
		err = sfsi_object_load_stored(&taking->txn, class_id, oid, &buf, &old);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	struct sfsi_database_change row;
	err = taking->ignore ? SFS_ERR_NOT_FOUND : get_change(taking, oid, &row);
	const struct sfsi_change *change = sfsi_changes_find(&taking->changes, oid);
	/* What is new since we began is not known yet; it is ours alone. */
	if (!err && !change)
		return 0;
	if (!err && change->end == SFSI_CHANGE_KEEP) {
		done = true;
		/* Behind what the file has; it is met there once more. */
		if (old.object.number < taking->file_end)
			err = change_key(taking, oid, &old, old.body);
	}
	if (!err && !done)
		err = drop_change(taking, oid);
	if (err < 0 && err != SFS_ERR_NOT_FOUND)
		return err;
	struct sfsi_derive_side was = { oid, &old }, none = { oid, NULL };
	err = done ? 0 : sfsi_object_change(&taking->txn, class_id, &was, &none);
	return err < 0 ? err : end_when_full(taking);
}

static int remove_others(struct taking *taking)
{
	const struct sfsi_database *database = taking->database;
	struct sfsi_oids oids = SFSI_OIDS_INIT(database->store, database->class->id);
	struct sfs_span oid;
	int err;
	taking->file_end = taking->last_number;
	while ((err = sfsi_oids_next(&oids, &oid)) == 0) {
		if (sfsi_seen_has(&taking->seen, oid))
			continue;
		err = remove_key(taking, oid);
		if (err < 0)
			break;
	}
	sfsi_oids_fini(&oids);
	return end(taking, err < 0 ? err : 0);
}

/** Changes of keys that neither we have any more nor the file. */
static int drop_done(struct taking *taking)
{
	int err = 0;
	for (size_t i = 0; !err && i < taking->changes.count; i++) {
		const struct sfsi_change *change = &taking->changes.items[i];
		if (change->exists || change->seen)
			continue;
		err = begin(taking);
		if (!err)
			err = drop_change(taking, change->oid);
		if (!err)
			err = end_when_full(taking);
	}
	return end(taking, err);
}

/* --- all of it --- */

static bool is_fresh(const struct sfsi_database *database)
{
	struct sfsi_state state;
	sfsi_class_state(database->store, database->class, &state);
	return state.objects == 0 && !database->changed;
}

/** All keys at once, where there are none. */
static int take_fresh(struct taking *taking)
{
	struct sfsi_fresh fresh = {
		.database = taking->database,
		.image = taking->image,
		.time_ns = taking->time_ns,
		.mode = taking->mode,
		.uid = taking->uid,
		.gid = taking->gid,
	};
	int err = sfsi_database_take_fresh(&fresh);
	taking->delivered = taking->image->count;
	taking->last_number = fresh.last_number;
	/* Somebody saved a key before all were there. */
	taking->shifted = err == SFS_ERR_BUSY;
	return err;
}

/** Key by key. */
static int take_keys(struct taking *taking)
{
	int err = taking->fresh ? 0 : sfsi_seen_init(&taking->seen, (size_t)taking->image->count);
	taking->seen.seed = taking->database->store->hash_seed;
	if (!err && !taking->fresh && !taking->ignore)
		err = sfsi_changes_read(taking->database, &taking->changes);
	if (!err && !taking->ignore)
		err = find_conflicts(taking);
	if (!err)
		err = sfsi_image_each(taking->image, take_item, taking);
	err = end(taking, err);
	if (!err && !taking->fresh)
		err = remove_others(taking);
	if (!err && !taking->fresh)
		err = drop_done(taking);
	return err;
}

static int take_all(struct taking *taking)
{
	int err = taking->fresh ? take_fresh(taking) : SFS_ERR_UNSUPPORTED;
	if (err != SFS_ERR_UNSUPPORTED)
		return err;
	taking->delivered = 0;
	taking->last_number = 0;
	return take_keys(taking);
}

/** Nobody changes the database all the time. */
#define TRIES_MAX 5

static int take_image(struct sfsi_database *database, const struct sfsi_image *image,
		      const struct sfsi_snapshot *like, bool ignore)
{
	int err;
	unsigned tries = 0;
	bool shifted;
	struct taking taking;
	do {
		taking = (struct taking){
			.database = database,
			.image = image,
			.fresh = is_fresh(database),
			.ignore = ignore,
			.time_ns = like->stamp.inode ? like->stamp.mtime_ns : sfsi_now_ns(),
			.mode = like->stamp.inode ? like->mode & 0666 : 0644,
			.uid = like->stamp.inode ? like->uid : geteuid(),
			.gid = like->stamp.inode ? like->gid : getegid(),
		};
		err = take_all(&taking);
		shifted = taking.shifted;
		sfsi_changes_fini(&taking.changes);
		sfsi_seen_fini(&taking.seen);
		sfs_buf_fini(&taking.body);
		sfs_buf_fini(&taking.json);
	} while (err == SFS_ERR_BUSY && shifted && ++tries < TRIES_MAX);
	if (err < 0)
		return err;
	database->state.root = image->root;
	database->state.mixed = image->mixed;
	database->state.plain = !taking.odd && taking.delivered == image->count;
	database->state.last_number = taking.fresh ? taking.last_number : taking.file_end;
	return 0;
}

/** The state as it is now, durable enough: a kill finds it again. */
static int keep_state(struct sfsi_database *database)
{
	struct sfsi_changes none = { .count = 0 };
	database->state.written_ns = sfsi_now_ns();
	return sfsi_changes_written(database, &none);
}

int sfsi_database_take_image(struct sfsi_database *database, const struct sfsi_image *image,
			     struct sfs_diag *diag)
{
	struct sfsi_snapshot like = { .mode = 0 };
	int err = take_image(database, image, &like, true);
	/* Nothing of it is in the file yet: all of it is written anew. */
	database->state.stamp = (struct sfsi_file_stamp){ 0 };
	if (!err)
		err = keep_state(database);
	database->fault = err;
	return err < 0 ? sfs_diag_set(diag, err, "db:%s: %s", database->home.name,
				      sfs_err_text(err))
		       : 0;
}

/** What was loaded from a backup is newer than what we have? */
static bool is_newer(const struct sfsi_database *database, const struct sfsi_loaded *loaded)
{
	return database->state.written_ns == 0 ||
	       loaded->snapshot.stamp.mtime_ns > database->state.written_ns;
}

/** The file is damaged: put what is right in its place. bytes NULL: the next flush does. */
static int replace_damaged(struct sfsi_database *database, struct sfs_span bytes, const char *from)
{
	struct sfsi_file_stamp stamp = { 0 };
	int err = 0;
	snprintf(database->state.from, sizeof database->state.from, "%s", from);
	database->recovered = true;
	if (!database->home.read_only)
		err = sfsi_database_set_aside(&database->home, bytes, &stamp, NULL);
	else
		err = sfsi_file_stamp_read(database->home.dir_fd, database->home.file, &stamp);
	database->state.stamp = stamp;
	return err;
}

static int take_loaded(struct sfsi_database *database, struct sfsi_loaded *loaded)
{
	if (loaded->missing) {
		database->state.stamp = (struct sfsi_file_stamp){ 0 };
		return 0;
	}
	if (loaded->from[0] && !is_newer(database, loaded))
		return replace_damaged(database, (struct sfs_span){ NULL, 0 }, "working copy");
	int err = take_image(database, &loaded->image, &loaded->snapshot, false);
	database->state.stamp = loaded->snapshot.stamp;
	if (!err && loaded->from[0])
		err = replace_damaged(database, loaded->snapshot.bytes, loaded->from);
	return err;
}

/** A file that changed so lately may still be being written: it is not called damaged yet. */
#define SETTLED_NS INT64_C(1000000000)

int sfsi_database_take(struct sfsi_database *database, struct sfs_diag *diag)
{
	struct sfsi_loaded loaded;
	struct sfsi_file_stamp stamp;
	int err = sfsi_file_stamp_read(database->home.dir_fd, database->home.file, &stamp);
	if (err < 0)
		return sfs_diag_set(diag, err, "db:%s: %s", database->home.name, sfs_err_text(err));
	if (!database->fault && sfsi_file_stamp_equal(&stamp, &database->state.stamp))
		return 0;
	if (!database->home.read_only)
		sfsi_file_clean(database->home.dir_fd, database->home.file);
	err = sfsi_database_load(&database->home, database->store->dir_fd,
				 sfsi_now_ns() - stamp.mtime_ns < SETTLED_NS, &loaded, diag);
	if (err == SFS_ERR_CORRUPT && database->state.written_ns) {
		/* Not even a backup, but we have it. */
		err = replace_damaged(database, (struct sfs_span){ NULL, 0 }, "working copy");
		return err < 0 ? err : keep_state(database);
	}
	if (!err) {
		database->fault = 0;
		err = take_loaded(database, &loaded);
		sfsi_loaded_fini(&loaded);
		if (!err)
			err = keep_state(database);
		if (err < 0)
			sfs_diag_set(diag, err, "db:%s: %s", database->home.name,
				     sfs_err_text(err));
	}
	if (err != SFS_ERR_BUSY)
		sfsi_database_set_fault(database, err, diag);
	return err;
}
