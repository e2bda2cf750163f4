/*
 * Changes of the catalogue: classes are made, defined, renamed and removed. Each is one commit, and
 * takes effect with it.
 */
#include "backref.h"
#include "class_private.h"
#include "history.h"
#include "index/table.h"
#include "database/database.h"
#include "mirror/folder.h"
#include "open.h"
#include "trash.h"

/** So often it is tried to rename a folder into which others save. */
#define MOVE_ROUNDS 8

static int put_record(struct sfsi_txn *txn, uint32_t id, const struct sfsi_class_record *record)
{
	struct sfsi_key key;
	sfsi_key_class(&key, id);
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	int err = sfsi_class_encode(record, &value);
	if (!err)
		err = sfsi_txn_put(txn, 0, sfsi_key_span(&key), sfs_buf_span(&value));
	return err;
}

/** The catalogue's directory changed. */
static int touch_root(struct sfsi_txn *txn)
{
	struct sfsi_txn_class *root;
	int err = sfsi_txn_class(txn, 0, &root);
	if (!err)
		root->state.mtime_ns = root->state.ctime_ns = txn->now_ns;
	return err;
}

static int create_in(struct sfsi_txn *txn, const struct sfs_class_make *make,
		     struct sfsi_class *class)
{
	struct sfsi_class_record record = {
		.kind = make->kind,
		.name = make->name,
		.type = sfs_span_str(class->type),
		.definition = sfsi_class_definition(class),
	};
	int err = put_record(txn, class->id, &record);
	if (!err)
		err = touch_root(txn);
	struct sfsi_key key;
	sfsi_key_state(&key);
	class->state = (struct sfsi_state){
		.commit = txn->commit,
		.next_serial = SFSI_SERIAL_ROOT + 1,
		.mode = make->mode & 07777,
		.uid = make->uid,
		.gid = make->gid,
		.nlink = 2,
		.atime_ns = txn->now_ns,
		.mtime_ns = txn->now_ns,
		.ctime_ns = txn->now_ns,
		.revision = txn->commit,
	};
	atomic_store(&class->next_serial, class->state.next_serial);
	uint8_t bytes[SFSI_STATE_SIZE];
	size_t len = sfsi_state_encode(&class->state, bytes);
	if (!err)
		err = sfsi_txn_put(txn, class->id, sfsi_key_span(&key),
				   (struct sfs_span){ bytes, len });
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_CLASS, sfs_ino_make(class->id, 1), SFS_INO_ROOT,
				    false, make->name);
	return err;
}

/** Is the name free, and which id comes next? Commit lock held. */
static int create_id(struct sfs_store *store, struct sfs_span name, uint32_t *ret)
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	bool taken = sfsi_class_named_locked(store, name);
	struct sfsi_class *root = store->by_id[0];
	pthread_rwlock_unlock(&store->catalogue_lock);
	if (taken)
		return SFS_ERR_EXISTS;
	uint64_t id = atomic_load(&root->next_serial);
	if (id > CLASS_ID_MAX)
		return SFS_ERR_LIMIT;
	atomic_store(&root->next_serial, id + 1);
	*ret = (uint32_t)id;
	return 0;
}

int sfsi_class_create_in(struct sfsi_txn *txn, const struct sfs_class_make *make,
			 struct sfsi_schema *schema, const struct sfsi_mirror_class *as,
			 struct sfsi_class **ret)
{
	uint32_t id;
	int err = create_id(txn->store, make->name, &id);
	if (err < 0)
		return err;
	pthread_rwlock_wrlock(&txn->store->catalogue_lock);
	err = sfsi_catalogue_reserve_locked(txn->store, id);
	pthread_rwlock_unlock(&txn->store->catalogue_lock);
	if (err < 0)
		return err;
	struct sfsi_class *class = sfsi_class_new(id, make->kind, make->name, make->type);
	if (!class)
		return SFS_ERR_NO_MEMORY;
	class->schema = sfsi_schema_ref(schema);
	class->tables.next_id = 1;
	err = create_in(txn, make, class);
	if (!err)
		err = sfsi_mirror_class_make(txn, class, as);
	if (!err)
		err = sfsi_backrefs_mark(txn, NULL, make->name, schema);
	if (!err && schema)
		err = sfsi_index_define(txn, class, schema);
	txn->edit = (struct sfsi_class_edit){ .type = SFSI_EDIT_ADD, .class = class };
	*ret = class;
	return err;
}

/** Can a class be made of this? */
static int check_make(const struct sfs_class_make *make, struct sfs_diag *diag)
{
	if (make->name.len > SFS_CLASS_NAME_MAX || make->type.len > SFS_CLASS_NAME_MAX)
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "a class name has at most %d bytes",
				    SFS_CLASS_NAME_MAX);
	if (!sfs_class_name_valid(make->name))
		return sfs_diag_set(
			diag, SFS_ERR_NAME,
			"a class name is a letter or '_', then letters, digits, '_' and '-', "
			"at most %d bytes",
			SFS_CLASS_NAME_MAX);
	if (make->kind != SFS_CLASS_OBJECT && make->kind != SFS_CLASS_RAW)
		return sfs_diag_set(diag, SFS_ERR_INVALID, "a class is of kind object or raw");
	return 0;
}

/**
 * The change is made; the references back that follow from it come after it. What can not be done now
 * (a full disk) is no failure of the change: the indexer's thread tries again, or the next open does.
 */
static void settle(struct sfs_store *store, struct sfs_diag *diag)
{
	int err = sfsi_backrefs_settle(store);
	if (err == 0)
		return;
	(void)sfs_diag_set(diag, 0, "the class is changed, but not yet all references back: %s",
			   sfs_err_text(err));
	sfsi_indexer_settle(store);
}

int sfs_class_create(struct sfs_store *store, const struct sfs_class_make *make,
		     struct sfs_class_info *ret, struct sfs_diag *diag)
{
	struct sfsi_txn txn;
	int err = check_make(make, diag);
	if (err < 0)
		return err;
	err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	struct sfsi_class *class = NULL;
	err = sfsi_txn_end(&txn, sfsi_class_create_in(&txn, make, NULL, NULL, &class));
	if (err < 0) {
		sfsi_class_free(class);
		return sfs_diag_set(diag, err, "class %.*s: %s", (int)make->name.len,
				    (const char *)make->name.data, sfs_err_text(err));
	}
	settle(store, diag);
	return ret && class ? sfs_class_get(store, class->id, ret) : err;
}

/** Class of a name, commit lock held; and a note that it changes. */
static int edit_begin(struct sfsi_txn *txn, struct sfs_span name, struct sfsi_class **ret)
{
	pthread_rwlock_rdlock(&txn->store->catalogue_lock);
	struct sfsi_class *class = sfsi_class_named_locked(txn->store, name);
	pthread_rwlock_unlock(&txn->store->catalogue_lock);
	if (!class)
		return SFS_ERR_NOT_FOUND;
	*ret = class;
	int err = touch_root(txn);
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_CLASS, sfs_ino_make(class->id, 1), SFS_INO_ROOT,
				    false, name);
	return err;
}

/**
 * Write and plan new values of kind, name, type and definition.
 * @schema  of record->definition; NULL: the class keeps what it has.
 */
static int change_class(struct sfsi_txn *txn, struct sfsi_class *class,
			const struct sfsi_class_record *record, struct sfsi_schema *schema)
{
	txn->edit = (struct sfsi_class_edit){
		.type = SFSI_EDIT_CHANGE,
		.class = class,
		.kind = record->kind,
		.schema = schema,
	};
	sfsi_class_text(txn->edit.name, record->name);
	sfsi_class_text(txn->edit.type_name, record->type);
	struct sfsi_txn_class *copy;
	int err = sfsi_txn_class(txn, class->id, &copy);
	if (err < 0)
		return err;
	copy->state.ctime_ns = txn->now_ns;
	copy->state.revision = txn->commit;
	err = sfsi_backrefs_mark(txn, class, record->name, schema ? schema : class->schema);
	return err < 0 ? err : put_record(txn, class->id, record);
}

int sfsi_class_rename_in(struct sfsi_txn *txn, struct sfs_span name, struct sfs_span new_name)
{
	struct sfsi_class *class;
	int err = edit_begin(txn, name, &class);
	if (err < 0)
		return err;
	pthread_rwlock_rdlock(&txn->store->catalogue_lock);
	bool taken = sfsi_class_named_locked(txn->store, new_name);
	pthread_rwlock_unlock(&txn->store->catalogue_lock);
	if (taken)
		return SFS_ERR_EXISTS;
	bool folder = class->mirror && !class->database;
	if (folder) {
		err = sfsi_folder_move_in(txn, class, new_name);
		if (err < 0)
			return err;
	}
	if (class->database) {
		err = sfsi_mirror_class_move(txn, class, new_name);
		if (err < 0)
			return err;
	}
	/* A type that the definition, or a file, states stays; one that is only the name follows it. */
	bool follows = !folder && strcmp(class->type, class->name) == 0 &&
		       !(class->schema && class->schema->type.len);
	err = sfsi_txn_note(txn, SFS_CHANGE_CLASS, sfs_ino_make(class->id, 1), SFS_INO_ROOT, false,
			    new_name);
	struct sfsi_class_record record = {
		.kind = class->kind,
		.name = new_name,
		.type = follows ? new_name : sfs_span_str(class->type),
		.definition = sfsi_class_definition(class),
	};
	if (!err)
		err = change_class(txn, class, &record, NULL);
	return err < 0 ? err : sfsi_index_retype(txn, class);
}

static int rename_class(struct sfs_store *store, struct sfs_span name, struct sfs_span new_name)
{
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	err = sfsi_txn_end(&txn, sfsi_class_rename_in(&txn, name, new_name));
	if (!err)
		settle(store, NULL);
	return err;
}

/** A class that is a folder of files. */
static int rename_folder(struct sfs_store *store, struct sfsi_class *class, struct sfs_span name,
			 struct sfs_span new_name)
{
	int err = SFS_ERR_CONFLICT;
	/* Who saves into it all the time makes it busy. */
	for (int i = 0; i < MOVE_ROUNDS && err == SFS_ERR_CONFLICT; i++) {
		err = sfsi_folder_move_begin(store, class, new_name);
		if (!err)
			err = rename_class(store, name, new_name);
	}
	sfsi_folder_move_end(store, class);
	return err;
}

int sfs_class_rename(struct sfs_store *store, struct sfs_span name, struct sfs_span new_name)
{
	struct sfs_class_info info;
	if (new_name.len > SFS_CLASS_NAME_MAX)
		return SFS_ERR_LIMIT;
	if (!sfs_class_name_valid(new_name))
		return SFS_ERR_NAME;
	if (sfs_span_equal(name, new_name))
		return sfs_class_find(store, name, &info);
	int err = sfs_class_find(store, name, &info);
	struct sfsi_class *class = err < 0 ? NULL : sfsi_class_ref(store, info.id);
	if (class && class->database)
		return sfsi_database_rename(class->database, new_name);
	if (class && class->mirror)
		return rename_folder(store, class, name, new_name);
	return rename_class(store, name, new_name);
}

static int redefine_class(struct sfsi_txn *txn, struct sfs_span name, struct sfsi_schema *schema)
{
	struct sfsi_class *class;
	int err = edit_begin(txn, name, &class);
	if (err < 0)
		return err;
	/* Scratch files and raws are the same thing to the engine, but not to users. */
	bool used = class->state.objects || class->state.files || class->state.nlink > 2;
	if (schema->kind != class->kind && used)
		return SFS_ERR_NOT_EMPTY;
	struct sfsi_class_record record = {
		.kind = schema->kind,
		.name = name,
		.type = schema->type.len ? schema->type
			: class->mirror  ? sfs_span_str(class->type)
					 : name,
		.definition = schema->text,
	};
	/* Before the edit: raws have no documents that could be refused. */
	bool changed = schema->kind != class->kind;
	if (changed && class->database)
		return SFS_ERR_UNSUPPORTED;
	bool retyped = !sfs_span_equal(record.type, sfs_span_str(class->type));
	err = change_class(txn, class, &record, schema);
	if (!err)
		err = sfsi_index_define(txn, class, schema);
	if (!err && retyped)
		err = sfsi_index_retype(txn, class);
	return !err && changed ? sfsi_refused_drop_all(txn, class) : err;
}

/** Has the class this very definition? Commit lock held. */
static bool is_defined(struct sfs_store *store, struct sfs_span name, struct sfs_span text,
		       bool *ret_exists)
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	const struct sfsi_class *class = sfsi_class_named_locked(store, name);
	*ret_exists = class;
	bool is = class && class->schema && sfs_span_equal(class->schema->text, text);
	pthread_rwlock_unlock(&store->catalogue_lock);
	return is;
}

int sfsi_class_define(struct sfs_store *store, const struct sfs_class_make *make,
		      struct sfsi_schema *schema, struct sfs_diag *diag)
{
	struct sfs_class_make wanted = *make;
	wanted.kind = schema->kind;
	wanted.type = schema->type;
	struct sfsi_txn txn;
	struct sfsi_class *made = NULL;
	struct sfs_class_info info;
	bool exists = sfs_class_find(store, make->name, &info) == 0;
	/* One that another program named has its name already. */
	int err = exists ? 0 : check_make(&wanted, diag);
	if (err < 0)
		return err;
	err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	if (!is_defined(store, make->name, schema->text, &exists))
		err = exists ? redefine_class(&txn, make->name, schema)
			     : sfsi_class_create_in(&txn, &wanted, schema, NULL, &made);
	err = sfsi_txn_end(&txn, err);
	if (err < 0)
		sfsi_class_free(made);
	if (err == SFS_ERR_NOT_EMPTY)
		return sfs_diag_set(diag, err,
				    "member \"kind\": a class that is not empty keeps its kind");
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	settle(store, diag);
	return 0;
}

int sfsi_class_remove_in(struct sfsi_txn *txn, struct sfs_span name)
{
	struct sfsi_class *class;
	int err = edit_begin(txn, name, &class);
	if (err < 0)
		return err;
	/* The commit lock is held: the state can not change. */
	if (class->state.objects || class->state.files || class->state.nlink > 2)
		return SFS_ERR_NOT_EMPTY;
	err = txn->inward ? sfsi_txn_remove_all(txn, class->id, sfs_span_str("W"), 0, NULL)
			  : sfsi_trash_none(txn->store, class->id);
	if (err < 0)
		return err;
	txn->edit = (struct sfsi_class_edit){ .type = SFSI_EDIT_REMOVE, .class = class };
	struct sfsi_key key;
	sfsi_key_class(&key, class->id);
	err = sfsi_txn_remove(txn, 0, sfsi_key_span(&key));
	sfsi_key_state(&key);
	if (!err)
		err = sfsi_txn_remove(txn, class->id, sfsi_key_span(&key));
	if (!err)
		err = sfsi_mirror_class_forget(txn, class);
	if (!err)
		err = sfsi_reaped_leave(txn, class->id);
	if (!err)
		err = sfsi_backrefs_mark(txn, class, (struct sfs_span){ "", 0 }, NULL);
	if (!err)
		err = sfsi_index_forget(txn, class);
	if (!err)
		err = sfsi_txn_remove_all(txn, class->id, sfs_span_str("V"), 0, NULL);
	return err < 0 ? err : sfsi_refused_drop_all(txn, class);
}

int sfs_class_remove(struct sfs_store *store, struct sfs_span name)
{
	int err;
	/* What its indexes leave behind goes first, a step at a time. */
	do {
		struct sfs_class_info info;
		struct sfsi_txn txn;
		err = sfs_class_find(store, name, &info);
		struct sfsi_class *class = err < 0 ? NULL : sfsi_class_ref(store, info.id);
		/* What can not be loaded is not empty. */
		if (class && class->database)
			err = sfsi_database_fault(class->database);
		if (!err && class && info.objects == 0)
			err = sfsi_indexer_finish(store, class, SIZE_MAX);
		if (!err && class && !info.objects && !info.files && info.attr.nlink <= 2)
			err = sfsi_history_forget(store, class->id);
		/* Then the trash, if nothing else is in the way. */
		if (!err && class && info.objects == 0 && info.files == 0 && info.attr.nlink <= 2)
			err = sfs_trash_empty(store, info.id, INT64_MAX, NULL);
		if (!err)
			err = sfsi_txn_begin(store, &txn);
		if (!err)
			err = sfsi_txn_end(&txn, sfsi_class_remove_in(&txn, name));
		if (!err && class && class->database)
			sfsi_database_class_removed(class->database);
	} while (err == SFS_ERR_CONFLICT);
	return err;
}

int sfs_class_setattr(struct sfs_store *store, uint32_t id, const struct sfs_setattr *set,
		      struct sfs_attr *ret)
{
	if (set->mask & SFS_SET_SIZE)
		return SFS_ERR_INVALID;
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	struct sfsi_txn_class *copy;
	err = sfsi_txn_class(&txn, id, &copy);
	if (!err) {
		sfsi_state_set(&copy->state, set, txn.now_ns);
		copy->state.revision = txn.commit;
		err = sfsi_txn_note(&txn, SFS_CHANGE_NODE, sfs_ino_make(id, 1), 0, false,
				    (struct sfs_span){ "", 0 });
	}
	err = sfsi_txn_end(&txn, err);
	if (!err && ret) {
		struct sfsi_class *class = sfsi_class_ref(store, id);
		if (!class)
			return SFS_ERR_NOT_FOUND;
		sfsi_class_attr(store, class, ret);
	}
	return err;
}
