/* The library's reading of indexes: storefs/index.h. */
#include "index/read.h"
#include "index/walk.h"
#include "raw_index.h"

/* --- which index --- */

static uint64_t object_count(struct sfs_store *store, const struct sfsi_class *class)
{
	struct sfsi_state state;
	sfsi_class_state(store, class, &state);
	return sfsi_class_things(class, &state);
}

/** One sentence for an index that does not answer. */
static int not_ready(struct sfs_store *store, const struct sfsi_index_table *table,
		     struct sfs_diag *diag)
{
	uint64_t objects = object_count(store, table->class);
	pthread_rwlock_rdlock(&store->index_lock);
	uint64_t built = table->built;
	int error = table->error;
	pthread_rwlock_unlock(&store->index_lock);
	if (error == SFS_ERR_UNSUPPORTED)
		return sfs_diag_set(diag, error,
				    "index %s needs a function that this program does not have",
				    table->name);
	return sfs_diag_set(
		diag, SFS_ERR_NOT_READY, "index %s is being built: %llu of %llu objects so far%s%s",
		table->name, (unsigned long long)built, (unsigned long long)objects,
		error ? "; the last attempt failed: " : "", error ? sfs_err_text(error) : "");
}

int sfsi_index_open(struct sfs_store *store, struct sfsi_class *class, struct sfs_span name,
		    struct sfsi_index_table **ret, struct sfs_diag *diag)
{
	struct sfsi_index_table *table = sfsi_index_named(store, class, name);
	if (!table)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "there is no index %.*s",
				    (int)(name.len < 200 ? name.len : 200),
				    (const char *)name.data);
	if (sfsi_index_state(store, table) != SFSI_INDEX_READY)
		return not_ready(store, table, diag);
	*ret = table;
	return 0;
}

static int open_index(struct sfs_store *store, uint32_t class_id, struct sfs_span name,
		      struct sfsi_index_table **ret, struct sfs_diag *diag)
{
	struct sfsi_class *class;
	int err = sfsi_indexed_class(store, class_id, &class);
	if (err < 0)
		return sfs_diag_set(diag, err, "%s", sfs_err_text(err));
	return sfsi_index_open(store, class, name, ret, diag);
}

int sfsi_index_text_key(const struct sfsi_index_table *table, struct sfs_span text,
			struct sfs_buf *ret, struct sfs_diag *diag)
{
	int err = sfsi_index_parse(table->rule, text, ret);
	if (err < 0)
		return sfs_diag_set(diag, err, "'%.*s' is no key: %s",
				    (int)(text.len < 200 ? text.len : 200), (const char *)text.data,
				    err == SFS_ERR_INVALID
					    ? "what starts with '\"' must be a JSON string"
					    : sfs_err_text(err));
	return 0;
}

/** Table and key of a call. */
static int open_key(struct sfs_store *store, uint32_t class_id, struct sfs_span name,
		    struct sfs_span text, struct sfsi_index_table **ret, struct sfs_buf *ret_key,
		    struct sfs_diag *diag)
{
	int err = open_index(store, class_id, name, ret, diag);
	return err < 0 ? err : sfsi_index_text_key(*ret, text, ret_key, diag);
}

/** A failure without a sentence yet. */
static int fail(struct sfs_diag *diag, int err)
{
	return err < 0 && err != SFS_ERR_CANCELLED
		       ? sfs_diag_set(diag, err, "%s", sfs_err_text(err))
		       : err;
}

/* --- what there is --- */

static int fill_info(struct sfs_store *store, struct sfsi_index_table *table,
		     struct sfs_index_info *ret)
{
	uint64_t entries = 0, keys = 0, missing = 0;
	int err = sfsi_index_totals(store, table, &entries, &keys);
	if (!err)
		err = sfsi_index_count_of(store, table, SFSI_INDEX_NO_KEY, &missing);
	if (err < 0)
		return err;
	*ret = (struct sfs_index_info){
		.id = table->id,
		.name_len = table->name_len,
		.generation = table->generation,
		.keys = keys - (missing ? 1 : 0),
		.entries = entries - missing,
		.missing = missing,
		.expected = object_count(store, table->class),
	};
	memcpy(ret->name, table->name, table->name_len);
	pthread_rwlock_rdlock(&store->index_lock);
	ret->built = table->state == SFSI_INDEX_BUILDING ? table->built : 0;
	ret->state = table->state == SFSI_INDEX_READY ? SFS_INDEX_READY
		     : table->error                   ? SFS_INDEX_FAILED
						      : SFS_INDEX_BUILDING;
	pthread_rwlock_unlock(&store->index_lock);
	return 0;
}

int sfs_index_next(struct sfs_store *store, uint32_t class_id, uint32_t after,
		   struct sfs_index_info *ret)
{
	struct sfsi_class *class;
	struct sfsi_index_table *table, *next = NULL;
	int err = sfsi_indexed_class(store, class_id, &class);
	if (err < 0)
		return err;
	for (size_t i = 0; (table = sfsi_index_at(store, class, i)); i++) {
		struct sfs_span name = { table->name, table->name_len };
		if (table->id > after && (!next || table->id < next->id) &&
		    sfsi_index_named(store, class, name) == table)
			next = table;
	}
	return next ? fill_info(store, next, ret) : SFS_ERR_NOT_FOUND;
}

int sfs_index_find(struct sfs_store *store, uint32_t class_id, struct sfs_span name,
		   struct sfs_index_info *ret)
{
	struct sfsi_class *class;
	int err = sfsi_indexed_class(store, class_id, &class);
	struct sfsi_index_table *table = err < 0 ? NULL : sfsi_index_named(store, class, name);
	return table ? fill_info(store, table, ret) : SFS_ERR_NOT_FOUND;
}

/* --- entries --- */

/** Entries on their way to a callback. */
struct giving {
	struct sfs_store *store;
	const struct sfsi_index_table *table;
	sfs_index_entry_fn *fn;
	void *arg;
	struct sfs_buf key, shown; /* of the last entry */
	struct sfs_buf oid;        /* of a raw */
};

static void giving_fini(struct giving *giving)
{
	sfs_buf_fini(&giving->key);
	sfs_buf_fini(&giving->shown);
	sfs_buf_fini(&giving->oid);
}

static int give(struct giving *giving, const struct sfsi_index_entry *entry)
{
	int err = 0;
	if (!sfs_span_equal(entry->key, sfs_buf_span(&giving->key))) {
		giving->key.len = giving->shown.len = 0;
		err = sfs_buf_append(&giving->key, entry->key.data, entry->key.len);
		if (!err && !sfs_span_equal(entry->key, SFSI_INDEX_NO_KEY))
			err = sfsi_index_key_show(entry->key, &giving->shown);
	}
	struct sfs_span oid = { "", 0 };
	if (!err)
		err = sfsi_thing_oid(giving->store, giving->table->class, entry->oid, &giving->oid,
				     &oid);
	/* A raw that went meanwhile has no name any more. */
	if (err == SFS_ERR_NOT_FOUND)
		return 0;
	struct sfs_index_entry given = {
		.key = sfs_buf_span(&giving->shown),
		.oid = oid,
		.ino = sfs_ino_make(giving->table->class->id, entry->serial),
		.cookie = entry->cookie,
	};
	if (!err && giving->fn(giving->arg, &given))
		err = SFS_ERR_CANCELLED;
	return err;
}

static int get_entries(struct sfs_store *store, struct sfsi_index_table *table,
		       const struct sfsi_index_range *range, size_t limit, struct giving *giving)
{
	struct sfsi_index_walk walk;
	struct sfsi_index_entry entry;
	uint64_t last = 0;
	int err = sfsi_index_walk_init(&walk, store, table, range, false);
	for (size_t i = 0; !err; i++) {
		err = sfsi_index_walk_next(&walk, &entry);
		/* Those that share a cookie stay together: they are resumed by it. */
		if (!err && limit && i >= limit && entry.cookie != last)
			break;
		last = entry.cookie;
		if (!err)
			err = give(giving, &entry);
	}
	sfsi_index_walk_fini(&walk);
	return err < 0 ? err : 0;
}

int sfs_index_get(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		  struct sfs_span text, uint64_t after, size_t limit, sfs_index_entry_fn *fn,
		  void *arg, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf low = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf high = SFS_BUF_INIT;
	struct sfsi_index_table *table;
	uint8_t cookie[8];
	int err = open_key(store, class_id, index, text, &table, &low, diag);
	if (err < 0)
		return err;
	if (after >= INT64_MAX)
		return 0;
	err = sfsi_index_key_end(sfs_buf_span(&low), &high);
	sfsi_put_be64(cookie, after + 1);
	if (!err && after)
		err = sfs_buf_append(&low, cookie, sizeof cookie);
	struct giving giving = { .store = store, .table = table, .fn = fn, .arg = arg };
	struct sfsi_index_range range = { sfs_buf_span(&low), sfs_buf_span(&high) };
	if (!err)
		err = get_entries(store, table, &range, limit, &giving);
	giving_fini(&giving);
	return fail(diag, err);
}

static int append_oid(struct sfs_store *store, const struct sfsi_class *class, struct sfs_span id,
		      struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	struct sfs_span oid;
	int err = sfsi_thing_oid(store, class, id, &path, &oid);
	return err < 0 ? err : sfs_buf_append(ret, oid.data, oid.len);
}

int sfs_index_one(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		  struct sfs_span text, uint64_t n, struct sfs_buf *ret_oid, uint64_t *ret_ino,
		  struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf low = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf high = SFS_BUF_INIT;
	struct sfsi_index_table *table;
	struct sfsi_index_walk walk;
	struct sfsi_index_entry entry;
	int err = open_key(store, class_id, index, text, &table, &low, diag);
	if (err < 0)
		return err;
	err = sfsi_index_key_end(sfs_buf_span(&low), &high);
	struct sfsi_index_range range = { sfs_buf_span(&low), sfs_buf_span(&high) };
	if (!err)
		err = sfsi_index_walk_init(&walk, store, table, &range, false);
	if (err < 0)
		return fail(diag, err);
	err = sfsi_index_walk_skip(&walk, n);
	if (!err)
		err = sfsi_index_walk_next(&walk, &entry);
	if (!err)
		err = append_oid(store, table->class, entry.oid, ret_oid);
	if (!err && ret_ino)
		*ret_ino = sfs_ino_make(class_id, entry.serial);
	sfsi_index_walk_fini(&walk);
	if (err > 0)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND,
				    "the key has not more than %llu objects",
				    (unsigned long long)n);
	return fail(diag, err);
}

int sfsi_index_counted(struct sfs_store *store, struct sfsi_index_table *table, struct sfs_span key,
		       uint64_t *ret)
{
	struct sfsi_index_table *counted;
	int err;
	do {
		counted = table;
		err = sfsi_index_count_of(store, table, key, ret);
		if (!err)
			err = sfsi_index_table_follow(store, &table);
	} while (!err && table != counted);
	return err;
}

int sfs_index_count(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		    struct sfs_span text, uint64_t *ret, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf key = SFS_BUF_INIT;
	struct sfsi_index_table *table;
	int err = open_key(store, class_id, index, text, &table, &key, diag);
	return err < 0 ? err
		       : fail(diag, sfsi_index_counted(store, table, sfs_buf_span(&key), ret));
}

static int look_up(struct sfs_store *store, const struct sfsi_index_table *table,
		   struct sfs_span key, struct sfs_span oid, bool *ret)
{
	struct sfsi_index_row row;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	sfsi_index_row_entry(&row, table->id, key, sfsi_cookie(store, oid), oid);
	int err = sfsi_backend_get(store->backend, table->class->id, sfsi_index_row_span(&row),
				   &value);
	*ret = !err;
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

int sfsi_index_lookup(struct sfs_store *store, struct sfsi_index_table *table, struct sfs_span key,
		      struct sfs_span oid, bool *ret)
{
	struct sfsi_index_table *looked;
	int err;
	if (oid.len == 0 || oid.len > SFS_OID_MAX) {
		*ret = false;
		return 0;
	}
	do {
		looked = table;
		err = look_up(store, table, key, oid, ret);
		if (!err)
			err = sfsi_index_table_follow(store, &table);
	} while (!err && table != looked);
	return err;
}

int sfs_index_has(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		  struct sfs_span text, struct sfs_span oid, bool *ret, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf key = SFS_BUF_INIT;
	struct sfsi_index_table *table;
	int err = open_key(store, class_id, index, text, &table, &key, diag);
	struct sfsi_raw_id buf;
	struct sfs_span id = oid;
	if (!err && table->class->kind == SFS_CLASS_RAW)
		err = fail(diag, sfsi_thing_id(store, table->class, oid, &buf, &id, NULL));
	if (err == SFS_ERR_NOT_FOUND && id.data == oid.data) {
		*ret = false;
		return 0;
	}
	return err < 0 ? err
		       : fail(diag, sfsi_index_lookup(store, table, sfs_buf_span(&key), id, ret));
}

/* --- lists --- */

static int list_plain(struct sfs_store *store, struct sfsi_index_table *table,
		      const struct sfs_index_window *window, struct giving *giving)
{
	struct sfsi_index_range range = { SFSI_INDEX_FIRST_KEY, { "", 0 } };
	struct sfsi_index_walk walk;
	struct sfsi_index_entry entry;
	int err = sfsi_index_walk_init(&walk, store, table, &range,
				       window->order == SFS_ORDER_DOWN);
	if (err < 0)
		return err;
	err = sfsi_index_walk_skip(&walk, window->start);
	for (uint64_t i = 0; i < window->limit && !err; i++) {
		err = sfsi_index_walk_next(&walk, &entry);
		if (!err)
			err = give(giving, &entry);
	}
	sfsi_index_walk_fini(&walk);
	return err < 0 ? err : 0;
}

/** A list in an order that the table has not: key by key. */
struct listing {
	struct sfs_store *store;
	struct sfsi_index_table *table;
	uint64_t skip, left;
	struct giving *giving;
	int err;
};

static int list_key(void *arg, struct sfs_span key, uint64_t count)
{
	struct listing *listing = arg;
	SFSI_AUTO_BUF struct sfs_buf end = SFS_BUF_INIT;
	struct sfsi_index_walk walk;
	struct sfsi_index_entry entry;
	if (listing->skip >= count) {
		listing->skip -= count;
		return 0;
	}
	int err = sfsi_index_key_end(key, &end);
	struct sfsi_index_range range = { key, sfs_buf_span(&end) };
	if (!err)
		err = sfsi_index_walk_init(&walk, listing->store, listing->table, &range, false);
	if (err < 0) {
		listing->err = err;
		return 1;
	}
	err = sfsi_index_walk_skip(&walk, listing->skip);
	listing->skip = 0;
	while (!err && listing->left) {
		err = sfsi_index_walk_next(&walk, &entry);
		if (!err)
			err = give(listing->giving, &entry);
		listing->left -= !err;
	}
	sfsi_index_walk_fini(&walk);
	listing->err = err < 0 ? err : 0;
	return listing->err || !listing->left;
}

static int list_json(struct sfs_store *store, struct sfsi_index_table *table,
		     const struct sfs_index_window *window, struct giving *giving)
{
	struct listing listing = { store, table, window->start, window->limit, giving, 0 };
	struct sfs_index_window all = { .limit = UINT64_MAX, .order = window->order };
	if (window->limit == 0)
		return 0;
	int err = sfsi_index_keys_walk(store, table, &all, list_key, &listing);
	return err == SFS_ERR_CANCELLED ? listing.err : err;
}

int sfs_index_list(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		   const struct sfs_index_window *window, sfs_index_entry_fn *fn, void *arg,
		   struct sfs_diag *diag)
{
	struct sfsi_index_table *table;
	int err = open_index(store, class_id, index, &table, diag);
	if (err < 0)
		return err;
	if ((unsigned)window->order > SFS_ORDER_JSON_DOWN)
		return fail(diag, SFS_ERR_INVALID);
	struct giving giving = { .store = store, .table = table, .fn = fn, .arg = arg };
	bool plain = window->order == SFS_ORDER_UP || window->order == SFS_ORDER_DOWN;
	err = plain ? list_plain(store, table, window, &giving)
		    : list_json(store, table, window, &giving);
	giving_fini(&giving);
	return fail(diag, err);
}

/** Keys as text on their way to a callback. */
struct showing {
	sfs_index_key_fn *fn;
	void *arg;
	struct sfs_buf text;
	int err;
};

static int show_key(void *arg, struct sfs_span key, uint64_t count)
{
	struct showing *showing = arg;
	showing->text.len = 0;
	showing->err = sfsi_index_key_show(key, &showing->text);
	if (!showing->err && showing->fn(showing->arg, sfs_buf_span(&showing->text), count))
		showing->err = SFS_ERR_CANCELLED;
	return showing->err < 0;
}

int sfs_index_keys(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		   const struct sfs_index_window *window, sfs_index_key_fn *fn, void *arg,
		   struct sfs_diag *diag)
{
	struct sfsi_index_table *table;
	int err = open_index(store, class_id, index, &table, diag);
	if (err < 0)
		return err;
	if ((unsigned)window->order > SFS_ORDER_JSON_DOWN)
		return fail(diag, SFS_ERR_INVALID);
	struct showing showing = { .fn = fn, .arg = arg };
	err = sfsi_index_keys_walk(store, table, window, show_key, &showing);
	sfs_buf_fini(&showing.text);
	return fail(diag, err == SFS_ERR_CANCELLED ? showing.err : err);
}

int sfs_index_keys_after(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
			 const struct sfs_span *after, size_t limit, sfs_index_key_fn *fn,
			 void *arg, struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf key = SFS_BUF_INIT;
	struct sfsi_index_table *table;
	int err = open_index(store, class_id, index, &table, diag);
	if (!err && after)
		err = sfsi_index_text_key(table, *after, &key, diag);
	if (err < 0)
		return err;
	struct showing showing = { .fn = fn, .arg = arg };
	err = sfsi_index_keys_from(store, table, sfs_buf_span(&key), limit, show_key, &showing);
	sfs_buf_fini(&showing.text);
	return fail(diag, err == SFS_ERR_CANCELLED ? showing.err : err);
}

/** Keys in full on their way to a callback. */
struct telling {
	sfs_index_key_full_fn *fn;
	void *arg;
	struct sfs_buf text;
	int err;
};

static enum sfs_index_kind kind_of(struct sfs_span key)
{
	switch (sfsi_index_key_kind(key)) {
	case SFSI_INDEX_KEY_NULL: return SFS_INDEX_NULL;
	case SFSI_INDEX_KEY_BOOLEAN: return SFS_INDEX_BOOLEAN;
	case SFSI_INDEX_KEY_NUMBER: return SFS_INDEX_NUMBER;
	case SFSI_INDEX_KEY_STRING: return SFS_INDEX_STRING;
	case SFSI_INDEX_KEY_OTHER:
	case SFSI_INDEX_KEY_NONE: break;
	}
	return SFS_INDEX_OTHER;
}

static int tell_key(void *arg, struct sfs_span key, uint64_t count)
{
	struct telling *telling = arg;
	telling->text.len = 0;
	struct sfs_index_key full = {
		.bytes = key,
		.cut = sfsi_index_key_is_cut(key),
		.kind = kind_of(key),
		.count = count,
	};
	telling->err = sfsi_index_key_show(key, &telling->text);
	if (!telling->err)
		telling->err = sfsi_index_key_hash(key, &full.hash);
	full.text = sfs_buf_span(&telling->text);
	if (!telling->err && telling->fn(telling->arg, &full))
		telling->err = SFS_ERR_CANCELLED;
	return telling->err < 0;
}

int sfs_index_keys_from(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
			struct sfs_span after, bool down, size_t limit, sfs_index_key_full_fn *fn,
			void *arg, struct sfs_diag *diag)
{
	struct sfsi_index_table *table;
	struct telling telling = { .fn = fn, .arg = arg };
	int err = open_index(store, class_id, index, &table, diag);
	if (err < 0)
		return err;
	if (after.len > SFSI_INDEX_KEY_MAX || (down && after.len))
		return fail(diag, SFS_ERR_INVALID);
	struct sfs_index_window window = { .limit = limit ? limit : UINT64_MAX,
					   .order = SFS_ORDER_DOWN };
	err = down ? sfsi_index_keys_walk(store, table, &window, tell_key, &telling)
		   : sfsi_index_keys_from(store, table, after, limit, tell_key, &telling);
	sfs_buf_fini(&telling.text);
	return fail(diag, err == SFS_ERR_CANCELLED ? telling.err : err);
}

int sfs_index_key_of(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		     struct sfs_span text, sfs_index_key_full_fn *fn, void *arg,
		     struct sfs_diag *diag)
{
	SFSI_AUTO_BUF struct sfs_buf key = SFS_BUF_INIT;
	struct sfsi_index_table *table;
	struct telling telling = { .fn = fn, .arg = arg };
	uint64_t count;
	int err = open_key(store, class_id, index, text, &table, &key, diag);
	if (err < 0)
		return err;
	err = sfsi_index_counted(store, table, sfs_buf_span(&key), &count);
	if (!err && tell_key(&telling, sfs_buf_span(&key), count))
		err = telling.err;
	sfs_buf_fini(&telling.text);
	return fail(diag, err);
}

/* --- building --- */

/** Take steps until a table is ready, or something else took its place. */
static int wait_table(struct sfs_store *store, struct sfsi_index_table *table,
		      sfs_index_progress_fn *fn, void *arg)
{
	int err = 0;
	while (!err) {
		pthread_rwlock_rdlock(&store->index_lock);
		bool building = table->state == SFSI_INDEX_BUILDING;
		uint64_t built = table->built;
		pthread_rwlock_unlock(&store->index_lock);
		if (fn && fn(arg, built, object_count(store, table->class)))
			return SFS_ERR_CANCELLED;
		if (!building)
			return 0;
		err = sfsi_indexer_step(store, table);
		if (err == SFS_ERR_NOT_FOUND)
			err = 0;
	}
	return err;
}

static struct sfsi_index_table *table_by_id(struct sfs_store *store, struct sfsi_class *class,
					    uint32_t id)
{
	struct sfsi_index_table *table;
	for (size_t i = 0; (table = sfsi_index_at(store, class, i)); i++)
		if (table->id == id)
			return table;
	return NULL;
}

/** Plan a new table beside the one that there is; one that is being built anyway will do. */
static int renew(struct sfs_store *store, struct sfsi_class *class, struct sfsi_index_table *old,
		 uint32_t *ret_id)
{
	struct sfsi_txn txn;
	struct sfsi_txn_class *copy;
	*ret_id = old->id;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	err = sfsi_txn_class(&txn, class->id, &copy);
	if (!err && old->state == SFSI_INDEX_DROPPING)
		err = SFS_ERR_NOT_FOUND;
	if (!err && old->state == SFSI_INDEX_READY)
		err = sfsi_index_renew(&txn, class, old, true, ret_id);
	return sfsi_txn_end(&txn, err);
}

int sfs_index_rebuild(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		      sfs_index_progress_fn *fn, void *arg, uint64_t *ret, struct sfs_diag *diag)
{
	struct sfsi_class *class;
	uint32_t id;
	int err = sfsi_indexed_class(store, class_id, &class);
	if (err < 0)
		return fail(diag, err);
	struct sfsi_index_table *table = sfsi_index_named(store, class, index);
	if (!table)
		return sfs_diag_set(diag, SFS_ERR_NOT_FOUND, "there is no index %.*s",
				    (int)(index.len < 200 ? index.len : 200),
				    (const char *)index.data);
	err = renew(store, class, table, &id);
	table = err < 0 ? NULL : table_by_id(store, class, id);
	if (!err && !table)
		err = SFS_ERR_NOT_FOUND;
	if (!err)
		err = wait_table(store, table, fn, arg);
	if (err == SFS_ERR_UNSUPPORTED && table)
		return not_ready(store, table, diag);
	if (!err && ret) {
		pthread_rwlock_rdlock(&store->index_lock);
		*ret = table->built;
		pthread_rwlock_unlock(&store->index_lock);
	}
	return fail(diag, err);
}

int sfs_index_wait(struct sfs_store *store, uint32_t class_id, sfs_index_progress_fn *fn, void *arg,
		   struct sfs_diag *diag)
{
	struct sfsi_class *class;
	struct sfsi_index_table *table;
	int err = sfsi_indexed_class(store, class_id, &class);
	for (size_t i = 0; !err && (table = sfsi_index_at(store, class, i)); i++)
		if (sfsi_index_state(store, table) == SFSI_INDEX_BUILDING)
			err = wait_table(store, table, fn, arg);
	return fail(diag, err);
}
