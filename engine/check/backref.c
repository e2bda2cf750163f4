/*
 * References: what objects refer to is there, and has a reference back (O); who is said to refer does
 * so (B). Rows of a class that waits to be settled after a change of the catalogue are not
 * judged: backref.h.
 */
#include "backref.h"
#include "check/check.h"
#include "document/utf8.h"
#include "object.h"
#include "targets.h"

/** Will a class's references be made right anyway? */
static bool is_pending(struct sfsi_check *check, uint32_t class_id)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_key_serial(&key, 'M', class_id);
	return sfsi_backend_get(check->store->backend, 0, sfsi_key_span(&key), &val) == 0;
}

/* --- from who refers --- */

struct source {
	struct sfsi_check *check;
	const struct sfsi_class *class, *target;
	struct sfsi_backref backref;
	struct sfs_span oid;
	unsigned dangling; /* that were said */
};

/** So many are said of one object: there is room for what is worse. */
#define DANGLING_MAX 4

static int target_exists(const struct source *source)
{
	struct sfs_attr attr;
	struct sfs_store *store = source->check->store;
	if (source->target->kind == SFS_CLASS_OBJECT)
		return sfs_object_find(store, source->target->id, source->backref.oid, &attr);
	return sfs_raw_find_path(store, source->target->id, source->backref.oid, &attr);
}

static void found(const struct source *source, enum sfs_check_kind kind, const char *what)
{
	char name[SFSI_SHOW_SIZE], oid[SFSI_SHOW_SIZE];
	sfsi_check_found(source->check, kind, "relation %s leads to %s/%s, which %s",
			 sfsi_utf8_show(name, source->backref.relation), source->target->name,
			 sfsi_utf8_show(oid, source->backref.oid), what)
		->oid = source->oid;
}

static void check_target(struct source *source)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	const struct sfsi_backref *backref = &source->backref;
	struct sfsi_check *check = source->check;
	sfsi_backref_prefix(check->store, backref->oid, &key);
	sfsi_key_backref_relation(&key, backref->class_id, backref->relation);
	sfsi_key_backref_serial(&key, backref->serial, backref->oid);
	int err = sfsi_backend_get(check->store->backend, source->target->id, sfsi_key_span(&key),
				   &val);
	if (err == SFS_ERR_NOT_FOUND && !is_pending(check, source->class->id))
		found(source, SFS_CHECK_BACKREF, "has no reference back");
	if (source->dangling == DANGLING_MAX)
		return;
	err = target_exists(source);
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_NOT_DIR || err == SFS_ERR_LIMIT)
		found(source, SFS_CHECK_DANGLING,
		      ++source->dangling < DANGLING_MAX ? "does not exist"
							: "does not exist, as maybe others of it");
}

void sfsi_check_references(struct sfsi_check *check, struct sfs_span oid,
			   const struct sfsi_record *record)
{
	const struct sfsi_class *class = sfsi_class_ref(check->store, check->partition);
	uint64_t number;
	struct sfsi_schema *schema = class ? sfsi_class_schema(check->store, class, &number) : NULL;
	struct source source = { .check = check, .class = class, .oid = oid };
	source.backref.class_id = check->partition;
	source.backref.serial = record->object.serial;
	for (uint32_t i = 0; schema && i < schema->relations_count; i++) {
		struct sfsi_targets targets;
		struct sfs_span value;
		source.target = sfsi_relation_class(check->store, class, &schema->relations[i]);
		source.backref.relation = schema->relations[i].name;
		if (!source.target ||
		    sfsi_body_member(record->body, source.backref.relation, &value) < 0)
			continue;
		sfsi_targets_init(&targets, value);
		while (sfsi_targets_next(&targets, &source.backref.oid))
			check_target(&source);
	}
	sfsi_schema_unref(schema);
}

bool sfsi_check_refers(struct sfsi_check *check)
{
	uint64_t number;
	const struct sfsi_class *class = sfsi_class_ref(check->store, check->partition);
	if (!class || check->wanted->flags & SFS_CHECK_QUICK)
		return false;
	struct sfsi_schema *schema = sfsi_class_schema(check->store, class, &number);
	bool refers = schema && schema->relations_count;
	sfsi_schema_unref(schema);
	return refers;
}

/* --- from the reference back --- */

static void backref_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_backref backref;
	bool good = sfsi_backref_decode(row->key, &backref) &&
		    backref.hash == sfsi_oid_hash(check->store, backref.oid) && row->val.len == 1;
	if (!good)
		sfsi_check_found(check, SFS_CHECK_BACKREF, "a reference back can not be read");
}

static bool backref_needs(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	(void)row;
	return !(check->wanted->flags & SFS_CHECK_QUICK);
}

/** Does its source refer to the oid? An error: that can not be told, and is reported elsewhere. */
static int source_refers(struct sfsi_check *check, const struct sfsi_backref *backref,
			 bool *ret_refers)
{
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_attr attr;
	struct sfsi_record record;
	struct sfsi_targets targets;
	struct sfs_span value, target;
	int err = sfs_object_stat(check->store, sfs_ino_make(backref->class_id, backref->serial),
				  &attr, &oid);
	if (!err)
		err = sfsi_object_read(check->store, backref->class_id, sfs_buf_span(&oid), &buf,
				       &record);
	*ret_refers = false;
	if (!err)
		err = sfsi_body_member(record.body, backref->relation, &value);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	sfsi_targets_init(&targets, value);
	while (!*ret_refers && sfsi_targets_next(&targets, &target))
		*ret_refers = sfs_span_equal(target, backref->oid);
	return 0;
}

static void backref_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_backref backref;
	bool refers = false;
	if (!sfsi_backref_decode(row->key, &backref))
		return;
	bool leads = sfsi_backref_leads(check->store, check->partition, &backref);
	if (leads && source_refers(check, &backref, &refers) < 0)
		return;
	if (refers || is_pending(check, check->partition))
		return;
	sfsi_check_found(check, SFS_CHECK_BACKREF,
			 "a reference back from somebody who does not refer to it")
		->oid = backref.oid;
}

const struct sfsi_check_table sfsi_check_backref = {
	.letter = 'B',
	.row = backref_row,
	.needs = backref_needs,
	.relate = backref_relate,
};

/* --- classes that wait to be settled --- */

static void pending_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint64_t id;
	if (!sfsi_check_serial(row->key, &id) || row->val.len != 10)
		sfsi_check_found(
			check, SFS_CHECK_BACKREF,
			"a mark that references back are to be made right can not be read");
}

const struct sfsi_check_table sfsi_check_pending = { .letter = 'M', .row = pending_row };
