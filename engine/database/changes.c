/* Changes since the base: see changes.h. */
#include <stdlib.h>
#include "base/array.h"
#include "database/changes.h"
#include "hash.h"
#include "object.h"

/* --- names --- */

void sfsi_names_fini(struct sfsi_names *names)
{
	free(names->slots);
	*names = (struct sfsi_names){ .count = 0 };
}

static struct sfsi_name_slot *slot_for(const struct sfsi_names *names, struct sfs_span name,
				       uint64_t hash)
{
	size_t at = hash & names->mask;
	while (names->slots[at].name.data &&
	       !(names->slots[at].hash == hash && sfs_span_equal(names->slots[at].name, name)))
		at = (at + 1) & names->mask;
	return &names->slots[at];
}

static int grow(struct sfsi_names *names)
{
	size_t cap = names->slots ? (names->mask + 1) * 2 : 64;
	struct sfsi_names more = { calloc(cap, sizeof *more.slots), cap - 1, names->count };
	if (!more.slots)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; names->slots && i <= names->mask; i++)
		if (names->slots[i].name.data)
			*slot_for(&more, names->slots[i].name,
				  names->slots[i].hash) = names->slots[i];
	free(names->slots);
	*names = more;
	return 0;
}

int sfsi_names_add(struct sfsi_names *names, struct sfs_span name, uint32_t item)
{
	uint64_t hash = sfsi_hash(name, 0);
	if (!names->slots || names->count >= names->mask / 4 * 3) {
		int err = grow(names);
		if (err < 0)
			return err;
	}
	*slot_for(names, name, hash) = (struct sfsi_name_slot){ name, hash, item };
	names->count++;
	return 0;
}

uint32_t sfsi_names_find(const struct sfsi_names *names, struct sfs_span name)
{
	if (!names->count)
		return SFSI_NAMES_NONE;
	const struct sfsi_name_slot *slot = slot_for(names, name, sfsi_hash(name, 0));
	return slot->name.data ? slot->item : SFSI_NAMES_NONE;
}

/* --- reading --- */

struct reading {
	struct sfsi_changes *changes;
	int err;
};

static int add_change(struct sfsi_changes *changes, struct sfs_span key, struct sfs_span val)
{
	struct sfsi_change change = { .exists = false };
	struct sfs_span oid = { (const char *)key.data + 2, key.len - 2 };
	int err = sfsi_database_change_decode(val, &change.was);
	if (!err && !sfsi_arena_copy(&changes->arena, oid, &change.oid))
		err = SFS_ERR_NO_MEMORY;
	if (!err)
		err = sfsi_array_grow(&changes->items, changes->count, &changes->cap,
				      sizeof change);
	if (!err)
		changes->items[changes->count++] = change;
	return err;
}

static int see_change(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct reading *reading = arg;
	reading->err = add_change(reading->changes, key, val);
	return reading->err != 0;
}

static int read_value(struct sfsi_database *database, struct sfsi_changes *changes,
		      struct sfsi_change *change)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	int err = sfsi_object_read_stored(database->store, database->class->id, change->oid, &buf,
					  &record);
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	if (err < 0)
		return err;
	change->exists = true;
	change->number = record.object.number;
	return sfsi_arena_copy(&changes->arena, record.body, &change->body) ? 0 : SFS_ERR_NO_MEMORY;
}

static int read_locked(struct sfsi_database *database, struct sfsi_changes *changes)
{
	struct reading reading = { .changes = changes };
	struct sfsi_scan scan = { .partition = database->class->id, .prefix = { "QC", 2 } };
	int err = sfsi_backend_scan(database->store->backend, &scan, see_change, &reading);
	err = reading.err ? reading.err : err;
	for (size_t i = 0; !err && i < changes->count; i++) {
		err = read_value(database, changes, &changes->items[i]);
		if (!err)
			err = sfsi_names_add(&changes->names, changes->items[i].oid, (uint32_t)i);
	}
	return err;
}

int sfsi_changes_read(struct sfsi_database *database, struct sfsi_changes *ret)
{
	struct sfsi_changes changes = { .count = 0 };
	pthread_mutex_lock(&database->store->commit_lock);
	int err = read_locked(database, &changes);
	pthread_mutex_unlock(&database->store->commit_lock);
	if (err < 0)
		sfsi_changes_fini(&changes);
	else
		*ret = changes;
	return err;
}

void sfsi_changes_fini(struct sfsi_changes *changes)
{
	free(changes->items);
	sfsi_names_fini(&changes->names);
	sfsi_arena_fini(&changes->arena);
	*changes = (struct sfsi_changes){ .count = 0 };
}

struct sfsi_change *sfsi_changes_find(const struct sfsi_changes *changes, struct sfs_span oid)
{
	uint32_t item = sfsi_names_find(&changes->names, oid);
	return item == SFSI_NAMES_NONE ? NULL : &changes->items[item];
}

/* --- forgetting --- */

#define ROWS_PER_COMMIT 1000

/** What is known of a key after what was read of it was written. */
static int settle(struct sfsi_txn *txn, const struct sfsi_database *database,
		  const struct sfsi_change *change)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	struct sfsi_key key;
	uint32_t class_id = database->class->id;
	sfsi_database_change_key(change->oid, &key);
	int err = sfsi_object_load_stored(txn, class_id, change->oid, &buf, &record);
	if (err < 0 && err != SFS_ERR_NOT_FOUND)
		return err;
	bool exists = !err;
	if (exists == change->exists && (!exists || (record.object.number == change->number &&
						     sfs_span_equal(record.body, change->body))))
		return sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	struct sfsi_database_change now = {
		.existed = change->exists,
		.hash = change->exists ? sfsi_database_hash(change->body) : 0,
		.number = change->number,
	};
	uint8_t bytes[SFSI_DATABASE_CHANGE_SIZE];
	sfsi_database_change_encode(&now, bytes);
	return sfsi_txn_put(txn, class_id, sfsi_key_span(&key),
			    (struct sfs_span){ bytes, sizeof bytes });
}

static int settle_some(struct sfsi_database *database, const struct sfsi_changes *changes,
		       size_t first)
{
	struct sfsi_txn txn;
	struct sfsi_txn_class *class;
	sfsi_txn_begin_inward(database->store, &txn);
	/* The class takes part: a commit is known by the states that have its number. */
	int err = sfsi_txn_class(&txn, database->class->id, &class);
	if (!err && first == 0)
		err = sfsi_database_put_state(&txn, database);
	for (size_t i = first; !err && i < changes->count && i < first + ROWS_PER_COMMIT; i++)
		err = settle(&txn, database, &changes->items[i]);
	return sfsi_txn_end(&txn, err);
}

static int stop_at_once(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)key, (void)val;
	*(bool *)arg = true;
	return 1;
}

void sfsi_changes_look_locked(struct sfsi_database *database)
{
	bool found = false;
	struct sfsi_scan scan = { .partition = database->class->id,
				  .prefix = { "QC", 2 },
				  .limit = 1 };
	int err = sfsi_backend_scan(database->store->backend, &scan, stop_at_once, &found);
	database->changed = found || (err < 0 && err != SFS_ERR_CANCELLED);
}

int sfsi_changes_written(struct sfsi_database *database, const struct sfsi_changes *changes)
{
	int err = 0;
	size_t first = 0;
	do {
		err = settle_some(database, changes, first);
		first += ROWS_PER_COMMIT;
	} while (!err && first < changes->count);
	pthread_mutex_lock(&database->store->commit_lock);
	sfsi_changes_look_locked(database);
	pthread_mutex_unlock(&database->store->commit_lock);
	return err;
}
