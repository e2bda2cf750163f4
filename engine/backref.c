/* References back: see backref.h. */
#include "backref.h"
#include <stdlib.h>
#include "backend/key.h"
#include "class_private.h"
#include "document/msgpack.h"
#include "targets.h"

#define VERSION 1

bool sfsi_backref_decode(struct sfs_span key, struct sfsi_backref *ret)
{
	const uint8_t *at = key.data;
	if (key.len <= SFSI_BACKREF_NAME || at[0] != 'B')
		return false;
	size_t name = at[SFSI_BACKREF_NAME - 1];
	size_t used = SFSI_BACKREF_NAME + name + SFSI_BACKREF_OID;
	if (key.len <= used || key.len > used + SFS_OID_MAX)
		return false;
	*ret = (struct sfsi_backref){
		.hash = sfsi_get_be64(at + 1),
		.class_id = sfsi_get_be32(at + 9),
		.relation = { at + SFSI_BACKREF_NAME, name },
		.serial = sfsi_get_be64(at + SFSI_BACKREF_NAME + name),
		.oid = { at + used, key.len - used },
	};
	return true;
}

struct sfsi_class *sfsi_relation_class(struct sfs_store *store, const struct sfsi_class *class,
				       const struct sfsi_relation *relation)
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	struct sfsi_class *target = relation->target.len
					    ? sfsi_class_named_locked(store, relation->target)
					    : store->by_id[class->id];
	pthread_rwlock_unlock(&store->catalogue_lock);
	return target;
}

bool sfsi_backref_leads(struct sfs_store *store, uint32_t target_class,
			const struct sfsi_backref *backref)
{
	uint64_t number;
	const struct sfsi_class *class = sfsi_class_ref(store, backref->class_id);
	struct sfsi_schema *schema = class ? sfsi_class_schema(store, class, &number) : NULL;
	const struct sfsi_relation *relation = sfsi_schema_relation(schema, backref->relation);
	const struct sfsi_class *target = relation ? sfsi_relation_class(store, class, relation)
						   : NULL;
	sfsi_schema_unref(schema);
	return target && target->id == target_class;
}

int sfsi_backref_put(struct sfsi_txn *txn, const struct sfsi_class *target,
		     const struct sfsi_backref *backref, bool remove)
{
	static const uint8_t value[] = { VERSION };
	struct sfsi_key key;
	sfsi_backref_prefix(txn->store, backref->oid, &key);
	sfsi_key_backref_relation(&key, backref->class_id, backref->relation);
	sfsi_key_backref_serial(&key, backref->serial, backref->oid);
	if (remove)
		return sfsi_txn_remove(txn, target->id, sfsi_key_span(&key));
	return sfsi_txn_put(txn, target->id, sfsi_key_span(&key),
			    (struct sfs_span){ value, sizeof value });
}

/* --- what follows from a change --- */

/** Values of the relations of a class, before and after. */
struct values {
	struct sfs_span before, after;
};

#define VALUES_FEW 16

/** The values of all relations in one walk over the body. */
static int find_values(const struct sfsi_schema *schema, const struct sfsi_derive_side *side,
		       bool after, struct values *values)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	if (!side->record)
		return 0;
	int err = sfsi_msgpack_body_init(&map, side->record->body);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		uint32_t number = pair.name.data ? sfsi_schema_find(schema, pair.name)
						 : SFSI_SCHEMA_NONE;
		if (number == SFSI_SCHEMA_NONE || number < schema->properties_count)
			continue;
		struct values *found = &values[number - schema->properties_count];
		*(after ? &found->after : &found->before) = pair.value;
	}
	return err < 0 ? SFS_ERR_CORRUPT : 0;
}

struct change {
	struct sfsi_txn *txn;
	const struct sfsi_class *target;
	struct sfsi_backref backref; /* but for the oid */
	uint64_t serial_before, serial_after;
};

static int put_one(struct change *change, struct sfs_span oid, bool remove)
{
	change->backref.oid = oid;
	change->backref.serial = remove ? change->serial_before : change->serial_after;
	return sfsi_backref_put(change->txn, change->target, &change->backref, remove);
}

/** Rows of the oids that are only in one of two sets; of all when who refers has another serial. */
static int put_difference(struct change *change, const struct sfsi_target_set *before,
			  const struct sfsi_target_set *after)
{
	size_t b = 0, a = 0;
	int err = 0;
	bool same_source = change->serial_before == change->serial_after;
	while (!err && (b < before->count || a < after->count)) {
		int order = b == before->count ? 1 : -1;
		if (b < before->count && a < after->count)
			order = sfsi_span_compare(before->oids[b], after->oids[a]);
		if (order < 0 || (order == 0 && !same_source))
			err = put_one(change, before->oids[b], true);
		if (!err && (order > 0 || (order == 0 && !same_source)))
			err = put_one(change, after->oids[a], false);
		b += order <= 0;
		a += order >= 0;
	}
	return err;
}

static int derive_relation(struct change *change, const struct values *values)
{
	struct sfsi_target_set before = { .count = 0 }, after = { .count = 0 };
	int err = sfsi_target_set_make(values->before, &before);
	if (!err)
		err = sfsi_target_set_make(values->after, &after);
	if (!err)
		err = put_difference(change, &before, &after);
	sfsi_target_set_fini(&before);
	sfsi_target_set_fini(&after);
	return err;
}

static int derive_values(struct change *change, const struct sfsi_class *class,
			 const struct values *values)
{
	const struct sfsi_schema *schema = class->schema;
	bool same_source = change->serial_before == change->serial_after;
	int err = 0;
	for (uint32_t i = 0; i < schema->relations_count && !err; i++) {
		if (same_source && sfs_span_equal(values[i].before, values[i].after))
			continue;
		change->target = sfsi_relation_class(change->txn->store, class,
						     &schema->relations[i]);
		change->backref.relation = schema->relations[i].name;
		if (change->target)
			err = derive_relation(change, &values[i]);
	}
	return err;
}

int sfsi_backrefs_derive(struct sfsi_txn *txn, const struct sfsi_class *class,
			 const struct sfsi_derive_side *before,
			 const struct sfsi_derive_side *after)
{
	struct values few[VALUES_FEW] = { { { NULL, 0 }, { NULL, 0 } } }, *more = NULL;
	const struct sfsi_schema *schema = class->schema;
	const struct sfsi_record *was = before->record, *is = after->record;
	/* Attributes alone, or another name. */
	if (was && is && was->object.serial == is->object.serial &&
	    sfs_span_equal(was->body, is->body))
		return 0;
	if (schema->relations_count > VALUES_FEW) {
		more = calloc(schema->relations_count, sizeof *more);
		if (!more)
			return SFS_ERR_NO_MEMORY;
	}
	struct values *values = more ? more : few;
	struct change change = { .txn = txn, .backref = { .class_id = class->id } };
	change.serial_before = was ? was->object.serial : is->object.serial;
	change.serial_after = is ? is->object.serial : was->object.serial;
	int err = find_values(schema, before, false, values);
	if (!err)
		err = find_values(schema, after, true, values);
	if (!err)
		err = derive_values(&change, class, values);
	free(more);
	return err;
}
