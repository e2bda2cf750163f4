/*
 * Entries of an object that changes: the keys that it had against those that it has. Only what
 * differs is written. A table that does not hold what it should (after damage) is given up: a new one
 * is built from the objects.
 */
#include "index/table.h"

void sfsi_index_names(struct sfs_store *store, const struct sfsi_class *class,
		      struct sfsi_index_names *ret)
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	memcpy(ret->name, class->name, sizeof ret->name);
	memcpy(ret->type, class->type, sizeof ret->type);
	pthread_rwlock_unlock(&store->catalogue_lock);
}

int sfsi_index_keys_of(const struct sfsi_index_table *table, const struct sfsi_index_names *names,
		       struct sfs_span oid, const struct sfsi_record *record,
		       struct sfsi_index_keys *ret)
{
	struct sfsi_index_input input = {
		.body = record->body,
		.class_name = sfs_span_str(names->name),
		.type = sfs_span_str(names->type),
		.oid = oid,
		.updated_ns = record->updated_ns,
	};
	return sfsi_index_keys_get(table->rule, &input, ret);
}

int sfsi_index_keys_had(const struct sfsi_index_table *table, const struct sfsi_index_names *names,
			struct sfs_span oid, const struct sfsi_record *record,
			struct sfsi_index_keys *ret)
{
	int err = sfsi_index_keys_of(table, names, oid, record, ret);
	if (err == SFS_ERR_LIMIT) {
		ret->count = 0;
		err = 0;
	}
	return err;
}

/** Keys as they are in the table: one of its own for an object without keys. */
static size_t count_of(const struct sfsi_index_keys *keys)
{
	return keys->count ? keys->count : 1;
}

static struct sfs_span key_at(const struct sfsi_index_keys *keys, size_t i)
{
	return keys->count ? sfsi_index_keys_at(keys, i) : SFSI_INDEX_NO_KEY;
}

/* --- one entry --- */

/** An object at its place in a table. */
struct place {
	struct sfsi_txn *txn;
	struct sfsi_index_table *table;
	struct sfs_span oid;
	uint64_t cookie, serial;
};

static int add_entry(const struct place *at, struct sfs_span key)
{
	struct sfsi_index_row row;
	uint8_t value[SFSI_INDEX_ENTRY_SIZE];
	sfsi_index_row_entry(&row, at->table->id, key, at->cookie, at->oid);
	struct sfs_span whole = sfsi_index_row_span(&row);
	size_t len = sfsi_index_entry_encode(at->serial, value);
	int err = sfsi_txn_put(at->txn, at->table->class->id, whole,
			       (struct sfs_span){ value, len });
	return err < 0 ? err
		       : sfsi_index_tally(at->txn, at->table, sfsi_index_row_tail(whole), key.len,
					  1);
}

/** SFS_ERR_NOT_FOUND: it was not there. */
static int remove_entry(const struct place *at, struct sfs_span key)
{
	struct sfsi_index_row row;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_index_row_entry(&row, at->table->id, key, at->cookie, at->oid);
	struct sfs_span whole = sfsi_index_row_span(&row);
	uint32_t partition = at->table->class->id;
	int err = sfsi_txn_get(at->txn, partition, whole, &value);
	if (!err)
		err = sfsi_txn_remove(at->txn, partition, whole);
	return err < 0 ? err
		       : sfsi_index_tally(at->txn, at->table, sfsi_index_row_tail(whole), key.len,
					  -1);
}

/* --- one object --- */

static int add_all(const struct place *at, const struct sfsi_index_keys *keys)
{
	int err = 0;
	for (size_t i = 0; i < count_of(keys) && !err; i++)
		err = add_entry(at, key_at(keys, i));
	return err;
}

static int remove_all(const struct place *at, const struct sfsi_index_keys *keys)
{
	int err = 0;
	for (size_t i = 0; i < count_of(keys) && !err; i++)
		err = remove_entry(at, key_at(keys, i));
	return err;
}

/** Both lists are in order: what only one of them has is written. */
static int merge(const struct place *at, const struct sfsi_index_keys *old,
		 const struct sfsi_index_keys *new)
{
	size_t i = 0, k = 0;
	int err = 0;
	while (!err && (i < count_of(old) || k < count_of(new))) {
		int order = i == count_of(old) ? 1
			    : k == count_of(new)
				    ? -1
				    : sfsi_span_compare(key_at(old, i), key_at(new, k));
		if (order < 0)
			err = remove_entry(at, key_at(old, i));
		else if (order > 0)
			err = add_entry(at, key_at(new, k));
		i += order <= 0;
		k += order >= 0;
	}
	return err;
}

/** Several keys of one object: queries must see to it that they deliver it once. */
static int note_multi(struct sfsi_txn *txn, struct sfsi_index_table *table,
		      const struct sfsi_index_keys *keys)
{
	struct sfsi_index_edit *edit;
	if (table->multi || keys->count < 2)
		return 0;
	int err = sfsi_index_edit(txn, table, &edit);
	if (!err)
		edit->multi = true;
	return err;
}

int sfsi_index_insert(struct sfsi_txn *txn, struct sfsi_index_table *table, struct sfs_span oid,
		      uint64_t serial, const struct sfsi_index_keys *keys)
{
	struct place at = { txn, table, oid, sfsi_cookie(txn->store, oid), serial };
	int err = sfsi_index_blocks_load_locked(txn->store, table);
	if (!err)
		err = note_multi(txn, table, keys);
	return err < 0 ? err : add_all(&at, keys);
}

/* --- all tables of a class --- */

/** A change of an object, and lists whose memory is used for one table after the other. */
struct change {
	struct sfsi_txn *txn;
	struct sfsi_class *class;
	struct sfsi_index_names names;
	const struct sfsi_derive_side *before, *after;
	struct sfsi_index_keys old, new;
};

/** Has the table entries of this object, or must it have them? */
static bool covers(const struct sfsi_index_table *table, const struct sfsi_derive_side *side)
{
	if (!side->record)
		return false;
	return table->state == SFSI_INDEX_READY ||
	       (table->cursor.len &&
		sfsi_span_compare(side->oid, sfs_buf_span(&table->cursor)) <= 0);
}

/** Keys of most functions follow from the body alone. */
static bool follows_body(const struct sfsi_index_rule *rule)
{
	switch (rule->function) {
	case SFSI_INDEX_VALUE:
	case SFSI_INDEX_NORMALIZE:
	case SFSI_INDEX_NOACCENTS:
	case SFSI_INDEX_KEYWORD:
	case SFSI_INDEX_KEYWORDS:
	case SFSI_INDEX_PATHS: return true;
	case SFSI_INDEX_UPDATE_TIME:
	case SFSI_INDEX_PROPERTIES:
	case SFSI_INDEX_OWN:
	case SFSI_INDEX_FUNCTIONS: break;
	}
	return false;
}

static struct place place_of(struct change *change, struct sfsi_index_table *table,
			     const struct sfsi_derive_side *side)
{
	return (struct place){
		.txn = change->txn,
		.table = table,
		.oid = side->oid,
		.cookie = sfsi_cookie(change->txn->store, side->oid),
		.serial = side->record->object.serial,
	};
}

static int change_table(struct change *change, struct sfsi_index_table *table)
{
	const struct sfsi_derive_side *before = change->before, *after = change->after;
	bool was = covers(table, before), is = covers(table, after);
	bool stays = was && is && sfs_span_equal(before->oid, after->oid) &&
		     before->record->object.serial == after->record->object.serial;
	if ((!was && !is) || (stays && follows_body(table->rule) &&
			      sfs_span_equal(before->record->body, after->record->body)))
		return 0;
	int err = sfsi_index_blocks_load_locked(change->txn->store, table);
	/* Its keys were made once: if that can not be done again, nobody knows what the table has. */
	if (!err && was &&
	    sfsi_index_keys_had(table, &change->names, before->oid, before->record, &change->old) <
		    0)
		err = SFS_ERR_NOT_FOUND;
	if (!err && is)
		err = sfsi_index_keys_of(table, &change->names, after->oid, after->record,
					 &change->new);
	if (!err && is)
		err = note_multi(change->txn, table, &change->new);
	if (err < 0)
		return err;
	if (stays) {
		struct place at = place_of(change, table, after);
		return merge(&at, &change->old, &change->new);
	}
	if (was) {
		struct place at = place_of(change, table, before);
		err = remove_all(&at, &change->old);
	}
	if (!err && is) {
		struct place at = place_of(change, table, after);
		err = add_all(&at, &change->new);
	}
	return err;
}

/** Does the table fail the object, rather than the object the store? */
static bool is_wrong(int err)
{
	return err == SFS_ERR_NOT_FOUND || err == SFS_ERR_UNSUPPORTED || err == SFS_ERR_CORRUPT ||
	       err == SFS_ERR_VERSION;
}

int sfsi_index_change(struct sfsi_txn *txn, struct sfsi_class *class,
		      const struct sfsi_derive_side *before, const struct sfsi_derive_side *after)
{
	struct change change = { .txn = txn, .class = class, .before = before, .after = after };
	int err = 0;
	if (class->tables.len == 0)
		return 0;
	sfsi_index_names(txn->store, class, &change.names);
	for (size_t i = 0; i < class->tables.len && !err; i++) {
		struct sfsi_index_table *table = class->tables.items[i];
		if (sfsi_index_staged_state(txn, table) == SFSI_INDEX_DROPPING)
			continue;
		err = change_table(&change, table);
		if (is_wrong(err))
			err = sfsi_index_renew(txn, class, table, false, NULL);
	}
	sfsi_index_keys_fini(&change.old);
	sfsi_index_keys_fini(&change.new);
	return err;
}
