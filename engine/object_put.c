/*
 * Saving objects: validate outside the lock, then compare with what is there and
 * change it in one commit.
 */
#include "database/database.h"
#include "departed.h"
#include "document/document.h"
#include "import.h"

#define MODE_DEFAULT 0644

/* --- preparing: everything that needs no lock --- */

static int check_put(struct sfs_store *store, const struct sfs_put *put, struct sfsi_class **ret,
		     struct sfs_diag *diag)
{
	int err = sfsi_object_class(store, put->class_id, ret);
	if (err < 0)
		return sfs_diag_set(diag, err, "class: %s", sfs_err_text(err));
	err = sfsi_oid_check(put->oid);
	if (err < 0)
		return sfs_diag_set(diag, err, "an oid has 1 to %d bytes, this one has %zu",
				    SFS_OID_MAX, put->oid.len);
	if (put->text.len > SFS_DOCUMENT_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT,
				    "a document has at most %zu bytes, this one has %zu",
				    SFS_DOCUMENT_MAX, put->text.len);
	return 0;
}

/** The names that the document may state, copied: the class may be renamed meanwhile. */
static void rules_of(struct sfs_store *store, const struct sfsi_class *class,
		     char type[SFS_CLASS_NAME_MAX + 1], char name[SFS_CLASS_NAME_MAX + 1])
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	memcpy(type, class->type, SFS_CLASS_NAME_MAX + 1);
	memcpy(name, class->name, SFS_CLASS_NAME_MAX + 1);
	pthread_rwlock_unlock(&store->catalogue_lock);
}

int sfsi_object_prepare(struct sfs_store *store, const struct sfs_put *put,
			struct sfsi_prepared *ret, struct sfs_diag *diag)
{
	struct sfsi_class *class;
	int err = check_put(store, put, &class, diag);
	if (err < 0)
		return err;
	char type[SFS_CLASS_NAME_MAX + 1], name[SFS_CLASS_NAME_MAX + 1];
	rules_of(store, class, type, name);
	struct sfsi_document_rules rules = {
		.oid = put->oid,
		.type = sfs_span_str(type),
		.class_name = sfs_span_str(name),
		.updates = put->flags & SFS_PUT_IMPORT,
		.value = class->database,
	};
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	err = sfsi_document_parse(put->format, put->text, &rules, &body, diag);
	if (!err && rules.value)
		err = sfsi_database_check(class->database, put->oid, sfs_buf_span(&body), diag);
	if (!err && rules.updates && !rules.value)
		err = sfsi_import_split(&body, &updates, diag);
	if (err < 0)
		return err;
	*ret = (struct sfsi_prepared){ .size = 0 };
	err = sfsi_object_fit_body(store, class, put, &body, ret, diag);
	if (err < 0)
		return err == SFS_ERR_BAD_DOCUMENT
			       ? err
			       : sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	err = sfsi_object_measure(put, &body, ret);
	if (err < 0)
		return sfs_diag_set(diag, err, "the document can not be shown as JSON: %s",
				    sfs_err_text(err));
	return sfsi_prepared_keep_updates(ret, sfs_buf_span(&updates));
}

int sfs_object_check(struct sfs_store *store, const struct sfs_put *put, struct sfs_diag *diag)
{
	struct sfsi_prepared prepared;
	int err = sfsi_object_prepare(store, put, &prepared, diag);
	if (!err)
		sfs_buf_fini(&prepared.body);
	return err;
}

/* --- applying: inside a change --- */

void sfsi_object_set(struct sfsi_object *object, const struct sfs_setattr *set)
{
	if (set->mask & SFS_SET_MODE)
		object->mode = set->mode & 07777;
	if (set->mask & SFS_SET_UID)
		object->uid = set->uid;
	if (set->mask & SFS_SET_GID)
		object->gid = set->gid;
	if (set->mask & SFS_SET_ATIME)
		object->atime_ns = set->atime_ns;
	if (set->mask & SFS_SET_MTIME)
		object->mtime_ns = set->mtime_ns;
}

/** Would this save leave every byte of the object's documents as it is? */
static bool is_unchanged(const struct sfs_put *put, const struct sfsi_prepared *new,
			 const struct sfsi_record *old)
{
	bool same_text_kind = old->has_text && old->text_format == put->format;
	if (!(put->flags & SFS_PUT_KEEP_TEXT))
		return sfs_span_equal(old->body, sfs_buf_span(&new->body));
	if (same_text_kind)
		return sfs_span_equal(old->text, put->text);
	return !new->keep_text &&sfs_span_equal(old->body, sfs_buf_span(&new->body));
}

int sfsi_object_departed(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
			 struct sfs_buf *buf, struct sfsi_record *ret)
{
	return sfsi_departed_get(txn->store->departed, sfsi_departed_clock(), class_id, oid, buf,
				 ret);
}

/** Mode and owner of what is new; whose object it is need not be asked where it is said. */
static struct sfsi_object new_object(const struct sfs_setattr *set, uint64_t serial)
{
	bool is_owned = set && set->mask & SFS_SET_UID && set->mask & SFS_SET_GID;
	return (struct sfsi_object){
		.number = serial,
		.mode = MODE_DEFAULT,
		.uid = is_owned ? set->uid : geteuid(),
		.gid = is_owned ? set->gid : getegid(),
	};
}

/** @departed  what the object was until a moment ago, or NULL. */
static int begin_new(struct sfsi_txn *txn, const struct sfs_put *put,
		     const struct sfsi_record *departed, struct sfsi_object *ret)
{
	struct sfsi_txn_class *class;
	int err = sfsi_txn_class(txn, put->class_id, &class);
	if (err < 0)
		return err;
	if (put->ino && sfs_ino_class(put->ino) != put->class_id)
		return SFS_ERR_INVALID;
	uint64_t serial = put->ino ? sfsi_ino_serial(put->ino) : sfsi_class_serial(class->class);
	if (!serial)
		return SFS_ERR_LIMIT;
	if (departed)
		*ret = departed->object;
	else
		*ret = new_object(put->attr, serial);
	ret->serial = serial;
	return 0;
}

/** The record after the save: content, times, attributes. */
static int build(struct sfsi_txn *txn, const struct sfs_put *put, const struct sfsi_prepared *new,
		 const struct sfsi_record *old, struct sfs_buf *updates, struct sfsi_record *record)
{
	int err = sfsi_updates_make(old, sfs_buf_span(&new->body), txn->now_ns, &record->updated_ns,
				    updates);
	if (err < 0)
		return err;
	if (new->updates_len)
		err = sfsi_import_times(sfsi_prepared_updates(new), sfs_buf_span(&new->body),
					!old || txn->inward, &record->updated_ns, updates);
	if (err < 0)
		return err;
	record->body = sfs_buf_span(&new->body);
	record->updates = sfs_buf_span(updates);
	record->has_text = new->keep_text;
	record->text_format = put->format;
	record->text = new->keep_text ? put->text : (struct sfs_span){ "", 0 };
	struct sfsi_object *object = &record->object;
	object->size = new->size;
	object->size_msgpack = new->size_msgpack;
	object->mtime_ns = object->atime_ns = object->ctime_ns = txn->now_ns;
	object->revision = txn->commit;
	if (put->attr)
		sfsi_object_set(object, put->attr);
	return 0;
}

static int replace(struct sfsi_txn *txn, const struct sfs_put *put, const struct sfsi_prepared *new,
		   const struct sfsi_record *old, struct sfs_attr *ret)
{
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf departed_buf = SFS_BUF_INIT;
	struct sfsi_record record = { 0 }, departed;
	const struct sfsi_record *before = old;
	int err = 0;
	if (old) {
		record.object = old->object;
	} else {
		if (sfsi_object_departed(txn, put->class_id, put->oid, &departed_buf, &departed) ==
		    0)
			before = &departed;
		err = begin_new(txn, put, before, &record.object);
	}
	if (!err)
		err = build(txn, put, new, before, &updates, &record);
	struct sfsi_derive_side was = { put->oid, old }, is = { put->oid, &record };
	if (!err)
		err = sfsi_object_change(txn, put->class_id, &was, &is);
	if (!err)
		sfsi_object_attr(put->class_id, &record.object, ret);
	return err;
}

/** The same text: only attributes, if some are given, are set. */
static int keep(struct sfsi_txn *txn, const struct sfs_put *put, const struct sfsi_record *old,
		struct sfs_attr *ret)
{
	struct sfsi_record record = *old;
	int err = 0;
	if (put->attr && put->attr->mask) {
		struct sfsi_derive_side was = { put->oid, old }, is = { put->oid, &record };
		sfsi_object_set(&record.object, put->attr);
		record.object.ctime_ns = txn->now_ns;
		record.object.revision = txn->commit;
		err = sfsi_object_change(txn, put->class_id, &was, &is);
	}
	sfsi_object_attr(put->class_id, &record.object, ret);
	return err;
}

static int apply(struct sfsi_txn *txn, const struct sfs_put *put,
		 const struct sfsi_prepared *prepared, struct sfs_attr *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record old;
	struct sfs_attr attr;
	int err = sfsi_object_load(txn, put->class_id, put->oid, &buf, &old);
	bool exists = !err;
	if (err && err != SFS_ERR_NOT_FOUND)
		return err;
	if (exists && (put->flags & SFS_PUT_CREATE))
		return SFS_ERR_EXISTS;
	if (!exists && (put->flags & SFS_PUT_UPDATE))
		return SFS_ERR_NOT_FOUND;
	if (exists && put->ino && put->ino != sfs_ino_make(put->class_id, old.object.serial))
		return SFS_ERR_CONFLICT;
	struct sfsi_prepared merged = { .size = 0 };
	err = 0;
	if (exists && (put->flags & SFS_PUT_MERGE)) {
		err = sfsi_import_merge(txn->store, put, prepared, &old, &merged);
		prepared = &merged;
	}
	if (!err && exists && is_unchanged(put, prepared, &old))
		err = keep(txn, put, &old, &attr);
	else if (!err)
		err = replace(txn, put, prepared, exists ? &old : NULL, &attr);
	sfs_buf_fini(&merged.body);
	if (!err)
		err = sfsi_refused_drop(txn, put->class_id, put->oid);
	if (!err && ret)
		*ret = attr;
	return err;
}

int sfsi_object_apply(struct sfsi_txn *txn, const struct sfs_put *put,
		      const struct sfsi_prepared *prepared, struct sfs_attr *ret)
{
	struct sfsi_class *class;
	struct sfsi_prepared again;
	int err = sfsi_object_class(txn->store, put->class_id, &class);
	if (err < 0)
		return err;
	/* Definitions change under the commit lock, which is held. */
	if (class->schema_number == prepared->schema_number)
		return apply(txn, put, prepared, ret);
	err = sfsi_object_prepare_again(txn->store, class, put, prepared, &again);
	if (!err)
		err = apply(txn, put, &again, ret);
	sfs_buf_fini(&again.body);
	return err;
}

int sfs_object_put(struct sfs_store *store, const struct sfs_put *put, struct sfs_attr *ret,
		   struct sfs_diag *diag)
{
	struct sfsi_prepared prepared;
	int err = sfsi_object_prepare(store, put, &prepared, diag);
	if (err < 0)
		return err;
	struct sfsi_txn txn;
	struct sfs_attr attr;
	err = sfsi_txn_begin(store, &txn);
	if (!err)
		err = sfsi_txn_end(&txn, sfsi_object_apply(&txn, put, &prepared, &attr));
	sfs_buf_fini(&prepared.body);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	if (ret)
		*ret = attr;
	return 0;
}

int sfs_object_setattr(struct sfs_store *store, uint64_t ino, const struct sfs_setattr *set,
		       struct sfs_attr *ret)
{
	if (set->mask & SFS_SET_SIZE)
		return SFS_ERR_INVALID;
	SFSI_AUTO_BUF struct sfs_buf oid = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_attr attr;
	struct sfsi_record record;
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	/* The commit lock is held: the name can not move. */
	err = sfs_object_stat(store, ino, &attr, &oid);
	struct sfs_put put = { .class_id = sfs_ino_class(ino), .attr = set };
	put.oid = sfs_buf_span(&oid);
	if (!err)
		err = sfsi_object_load(&txn, put.class_id, put.oid, &buf, &record);
	if (!err)
		err = keep(&txn, &put, &record, &attr);
	err = sfsi_txn_end(&txn, err);
	if (!err && ret)
		*ret = attr;
	return err;
}
