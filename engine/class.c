/*
 * Classes: the catalogue in memory, its records in partition 0, and the state of each
 * class (counters and root directory) in its own partition.
 *
 * The catalogue is small and always loaded; every change of it (class_change.c) is a commit first
 * and becomes visible under catalogue_lock afterwards.
 */
#include <stdio.h>
#include "class_private.h"
#include "departed.h"
#include "index/table.h"
#include "database/database.h"
#include "mirror/mirror.h"

#define SERIAL_MAX (((uint64_t)1 << 36) - 1)

bool sfs_class_name_valid(struct sfs_span name)
{
	const unsigned char *text = name.data;
	if (name.len == 0 || name.len > SFS_CLASS_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		bool later = (c >= '0' && c <= '9') || c == '-';
		if (!letter && !(later && i > 0))
			return false;
	}
	return true;
}

/* --- the catalogue in memory --- */

static int compare_name(const struct sfsi_class *class, struct sfs_span name)
{
	size_t len = strlen(class->name);
	int order = memcmp(class->name, name.data, len < name.len ? len : name.len);
	if (order)
		return order;
	return (len > name.len) - (len < name.len);
}

/** Place of a name in by_name: of the class itself, or where it would be. Lock held. */
static size_t name_place(const struct sfs_store *store, struct sfs_span name)
{
	size_t low = 0, high = store->by_name_len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare_name(store->by_name[mid], name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct sfsi_class *sfsi_class_named_locked(const struct sfs_store *store, struct sfs_span name)
{
	size_t at = name_place(store, name);
	if (at == store->by_name_len || compare_name(store->by_name[at], name) != 0)
		return NULL;
	return store->by_name[at];
}

/** Room for one more class of this id. Lock held exclusively. */
int sfsi_catalogue_reserve_locked(struct sfs_store *store, uint32_t id)
{
	if (id >= store->by_id_len) {
		size_t len = (size_t)id + 16;
		struct sfsi_class **by_id = realloc(store->by_id,
						    len * sizeof(struct sfsi_class *));
		if (!by_id)
			return SFS_ERR_NO_MEMORY;
		memset(by_id + store->by_id_len, 0,
		       (len - store->by_id_len) * sizeof(struct sfsi_class *));
		store->by_id = by_id;
		store->by_id_len = len;
	}
	struct sfsi_class **by_name = realloc(store->by_name, (store->by_name_len + 1) *
								      sizeof(struct sfsi_class *));
	if (!by_name)
		return SFS_ERR_NO_MEMORY;
	store->by_name = by_name;
	return 0;
}

static void name_insert_locked(struct sfs_store *store, struct sfsi_class *class)
{
	size_t at = name_place(store, sfs_span_str(class->name));
	memmove(store->by_name + at + 1, store->by_name + at,
		(store->by_name_len - at) * sizeof(struct sfsi_class *));
	store->by_name[at] = class;
	store->by_name_len++;
}

static void name_remove_locked(struct sfs_store *store, const struct sfsi_class *class)
{
	size_t at = name_place(store, sfs_span_str(class->name));
	store->by_name_len--;
	memmove(store->by_name + at, store->by_name + at + 1,
		(store->by_name_len - at) * sizeof(struct sfsi_class *));
}

void sfsi_class_text(char ret[SFS_CLASS_NAME_MAX + 1], struct sfs_span text)
{
	memcpy(ret, text.data, text.len);
	ret[text.len] = '\0';
}

struct sfsi_class *sfsi_class_new(uint32_t id, enum sfs_class_kind kind, struct sfs_span name,
				  struct sfs_span type)
{
	struct sfsi_class *class = calloc(1, sizeof *class);
	if (!class)
		return NULL;
	class->id = id;
	class->kind = kind;
	sfsi_class_text(class->name, name);
	sfsi_class_text(class->type, type.len ? type : name);
	return class;
}

void sfsi_class_free(struct sfsi_class *class)
{
	if (!class)
		return;
	sfsi_schema_unref(class->schema);
	sfs_buf_fini(&class->bad_definition);
	sfsi_mirror_class_free(class->mirror);
	sfsi_database_free(class->database);
	sfsi_positions_fini(&class->positions);
	sfsi_index_set_fini(&class->tables);
	free(class);
}

struct sfsi_schema *sfsi_class_schema(struct sfs_store *store, const struct sfsi_class *class,
				      uint64_t *ret_number)
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	struct sfsi_schema *schema = sfsi_schema_ref(class->schema);
	*ret_number = class->schema_number;
	pthread_rwlock_unlock(&store->catalogue_lock);
	return schema;
}

struct sfsi_class *sfsi_class_ref(struct sfs_store *store, uint32_t id)
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	struct sfsi_class *class = id < store->by_id_len ? store->by_id[id] : NULL;
	if (class && class->removed)
		class = NULL;
	pthread_rwlock_unlock(&store->catalogue_lock);
	return class;
}

void sfsi_class_state(struct sfs_store *store, const struct sfsi_class *class,
		      struct sfsi_state *ret)
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	*ret = class->state;
	pthread_rwlock_unlock(&store->catalogue_lock);
}

static void attr_locked(const struct sfs_store *store, const struct sfsi_class *class,
			struct sfs_attr *ret)
{
	const struct sfsi_state *state = &class->state;
	*ret = (struct sfs_attr){
		.ino = sfs_ino_make(class->id, SFSI_SERIAL_ROOT),
		.number = sfs_ino_make(class->id, SFSI_SERIAL_ROOT),
		.parent = SFS_INO_ROOT,
		.type = SFS_NODE_DIR,
		.mode = state->mode,
		.uid = state->uid,
		.gid = state->gid,
		.nlink = class->id ? state->nlink : 2 + (uint32_t)store->by_name_len,
		.atime_ns = state->atime_ns,
		.mtime_ns = state->mtime_ns,
		.ctime_ns = state->ctime_ns,
		.revision = state->revision,
	};
}

void sfsi_class_attr(struct sfs_store *store, const struct sfsi_class *class, struct sfs_attr *ret)
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	attr_locked(store, class, ret);
	pthread_rwlock_unlock(&store->catalogue_lock);
}

uint64_t sfsi_class_serial(struct sfsi_class *class)
{
	uint64_t serial = atomic_fetch_add(&class->next_serial, 1);
	return serial <= SERIAL_MAX ? serial : 0;
}

uint64_t sfsi_class_serials(struct sfsi_class *class, uint64_t count)
{
	uint64_t first = atomic_fetch_add(&class->next_serial, count);
	return first <= SERIAL_MAX && count <= SERIAL_MAX - first ? first : 0;
}

static void info_locked(const struct sfs_store *store, const struct sfsi_class *class,
			struct sfs_class_info *ret)
{
	ret->id = class->id;
	ret->kind = class->kind;
	memcpy(ret->name, class->name, sizeof ret->name);
	memcpy(ret->type, class->type, sizeof ret->type);
	ret->objects = class->state.objects;
	ret->files = class->state.files;
	ret->refused = class->state.refused;
	ret->refused_ns = class->state.refused_ns;
	ret->database = class->database != NULL;
	attr_locked(store, class, &ret->attr);
}

int sfs_class_find(struct sfs_store *store, struct sfs_span name, struct sfs_class_info *ret)
{
	pthread_rwlock_rdlock(&store->catalogue_lock);
	const struct sfsi_class *class = sfsi_class_named_locked(store, name);
	if (class)
		info_locked(store, class, ret);
	pthread_rwlock_unlock(&store->catalogue_lock);
	return class ? 0 : SFS_ERR_NOT_FOUND;
}

int sfs_class_next(struct sfs_store *store, uint32_t after, struct sfs_class_info *ret)
{
	int err = SFS_ERR_NOT_FOUND;
	pthread_rwlock_rdlock(&store->catalogue_lock);
	for (size_t id = (size_t)after + 1; id < store->by_id_len && err; id++) {
		const struct sfsi_class *class = store->by_id[id];
		if (class && !class->removed) {
			info_locked(store, class, ret);
			err = 0;
		}
	}
	pthread_rwlock_unlock(&store->catalogue_lock);
	return err;
}

int sfs_class_get(struct sfs_store *store, uint32_t id, struct sfs_class_info *ret)
{
	if (id == 0)
		return SFS_ERR_NOT_FOUND;
	struct sfs_class_info info;
	int err = sfs_class_next(store, id - 1, &info);
	if (err || info.id != id)
		return SFS_ERR_NOT_FOUND;
	*ret = info;
	return 0;
}

/* --- what a commit does to it --- */

static void set_schema_locked(struct sfsi_class *class, struct sfsi_schema *schema)
{
	struct sfsi_schema *before = class->schema;
	class->schema = sfsi_schema_ref(schema);
	class->schema_number++;
	sfs_buf_fini(&class->bad_definition);
	sfsi_schema_unref(before);
}

void sfsi_catalogue_apply_locked(struct sfs_store *store, const struct sfsi_class_edit *edit)
{
	struct sfsi_class *class = edit->class;
	switch (edit->type) {
	case SFSI_EDIT_NONE: break;
	case SFSI_EDIT_ADD:
		store->by_id[class->id] = class;
		name_insert_locked(store, class);
		break;
	case SFSI_EDIT_CHANGE:
		name_remove_locked(store, class);
		class->kind = edit->kind;
		memcpy(class->name, edit->name, sizeof class->name);
		memcpy(class->type, edit->type_name, sizeof class->type);
		name_insert_locked(store, class);
		if (edit->schema)
			set_schema_locked(class, edit->schema);
		break;
	case SFSI_EDIT_REMOVE:
		name_remove_locked(store, class);
		class->removed = true;
		break;
	}
}

int sfs_ino_reserve(struct sfs_store *store, uint32_t class_id, struct sfs_span oid, uint64_t *ret,
		    uint64_t *ret_number)
{
	struct sfsi_class *class = class_id ? sfsi_class_ref(store, class_id) : NULL;
	if (!class)
		return SFS_ERR_NOT_FOUND;
	uint64_t serial = sfsi_class_serial(class);
	if (!serial)
		return SFS_ERR_LIMIT;
	uint64_t number = sfsi_departed_number(store->departed, sfsi_departed_clock(), class_id,
					       oid);
	*ret = sfs_ino_make(class_id, serial);
	if (ret_number)
		*ret_number = sfs_ino_make(class_id, number ? number : serial);
	return 0;
}

void sfsi_state_set(struct sfsi_state *state, const struct sfs_setattr *set, int64_t now_ns)
{
	if (set->mask & SFS_SET_MODE)
		state->mode = set->mode & 07777;
	if (set->mask & SFS_SET_UID)
		state->uid = set->uid;
	if (set->mask & SFS_SET_GID)
		state->gid = set->gid;
	if (set->mask & SFS_SET_ATIME)
		state->atime_ns = set->atime_ns;
	if (set->mask & SFS_SET_MTIME)
		state->mtime_ns = set->mtime_ns;
	state->ctime_ns = now_ns;
}

/* --- loading --- */

struct load {
	struct sfs_store *store;
	int err;
};

/**
 * The rules of a class. A definition that can not be read is kept as it is, and reported by a check:
 * the objects must not become unreachable for its sake.
 */
static int load_definition(struct sfsi_class *class, struct sfs_span text)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (!text.len)
		return 0;
	int err = sfsi_schema_parse(text, NULL, &class->schema, &diag);
	if (err < 0 && err != SFS_ERR_NO_MEMORY)
		err = sfs_buf_append(&class->bad_definition, text.data, text.len);
	return err;
}

static int load_class(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct load *load = arg;
	struct sfsi_class_record record;
	load->err = SFS_ERR_CORRUPT;
	if (key.len != 9)
		return 1;
	uint64_t id = sfsi_get_be64((const uint8_t *)key.data + 1);
	if (id == 0 || id > CLASS_ID_MAX)
		return 1;
	load->err = sfsi_class_decode(val, &record);
	if (!load->err &&
	    (record.name.len == 0 || sfsi_class_named_locked(load->store, record.name)))
		load->err = SFS_ERR_CORRUPT;
	if (!load->err)
		load->err = sfsi_catalogue_reserve_locked(load->store, (uint32_t)id);
	if (load->err)
		return 1;
	struct sfsi_class *class = sfsi_class_new((uint32_t)id, record.kind, record.name,
						  record.type);
	if (!class) {
		load->err = SFS_ERR_NO_MEMORY;
		return 1;
	}
	load->store->by_id[id] = class;
	name_insert_locked(load->store, class);
	load->err = load_definition(class, record.definition);
	return load->err < 0;
}

static int load_state(struct sfs_store *store, struct sfsi_class *class)
{
	struct sfsi_key key;
	sfsi_key_state(&key);
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	int err = sfsi_backend_get(store->backend, class->id, sfsi_key_span(&key), &value);
	if (!err)
		err = sfsi_state_decode(sfs_buf_span(&value), &class->state);
	if (err < 0)
		return err;
	atomic_store(&class->next_serial, class->state.next_serial);
	if (class->state.commit > atomic_load(&store->commit))
		atomic_store(&store->commit, class->state.commit);
	return class->id ? sfsi_positions_load(store, class) : 0;
}

/** A new store: the catalogue's own state is its first commit. */
static int catalogue_make(struct sfs_store *store, struct sfsi_class *root)
{
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	atomic_store(&root->next_serial, 1);
	struct sfsi_txn_class *copy;
	err = sfsi_txn_class(&txn, 0, &copy);
	if (!err)
		copy->state = (struct sfsi_state){
			.mode = 0755,
			.uid = geteuid(),
			.gid = getegid(),
			.nlink = 2,
			.atime_ns = txn.now_ns,
			.mtime_ns = txn.now_ns,
			.ctime_ns = txn.now_ns,
		};
	return sfsi_txn_end(&txn, err);
}

int sfsi_catalogue_load(struct sfs_store *store, bool create, struct sfs_diag *diag)
{
	int err = sfsi_catalogue_reserve_locked(store, 0);
	if (err < 0)
		return err;
	struct sfsi_class *root = sfsi_class_new(0, SFS_CLASS_RAW, sfs_span_str(""),
						 sfs_span_str(""));
	if (!root)
		return SFS_ERR_NO_MEMORY;
	store->by_id[0] = root;
	if (create)
		return catalogue_make(store, root);
	struct load load = { store, 0 };
	struct sfsi_scan scan = { .partition = 0, .prefix = sfs_span_str("C") };
	err = sfsi_backend_scan(store->backend, &scan, load_class, &load);
	if (err == SFS_ERR_CANCELLED)
		err = load.err;
	for (size_t id = 0; id < store->by_id_len && !err; id++) {
		if (store->by_id[id])
			err = load_state(store, store->by_id[id]);
		if (store->by_id[id] && !err)
			err = sfsi_index_load(store, store->by_id[id]);
		if (store->by_id[id] && !err)
			err = sfsi_mirror_class_load(store, store->by_id[id]);
		/* Every class has a state, so a missing one is damage. */
		if (err == SFS_ERR_NOT_FOUND)
			err = SFS_ERR_CORRUPT;
	}
	if (err < 0)
		return sfs_diag_set(diag, err, "the catalogue of classes can not be read: %s",
				    sfs_err_text(err));
	return 0;
}

void sfsi_catalogue_free(struct sfs_store *store)
{
	for (size_t id = 0; id < store->by_id_len; id++)
		sfsi_class_free(store->by_id[id]);
	free(store->by_id);
	free(store->by_name);
}
