/*
 * Which tables a class has: heads, loaded when the store is opened, and what a new definition of the
 * class does to them.
 */
#include "index/table.h"
#include "raw_index.h"

#define ID_MAX UINT32_MAX

void sfsi_index_table_free(struct sfsi_index_table *table)
{
	if (!table)
		return;
	sfsi_index_blocks_free_locked(table);
	sfsi_index_counts_free_locked(table);
	sfsi_schema_unref(table->schema);
	sfs_buf_fini(&table->cursor);
	free(table);
}

void sfsi_index_set_fini(struct sfsi_index_set *set)
{
	for (size_t i = 0; i < set->len; i++)
		sfsi_index_table_free(set->items[i]);
	free(set->items);
	free(set->journal.rows);
}

/** The declaration of a name in a schema, or NULL. */
static const struct sfsi_index_rule *find_rule(const struct sfsi_schema *schema,
					       struct sfs_span name)
{
	for (uint32_t i = 0; schema && i < schema->indexes_count; i++)
		if (sfs_span_equal(schema->indexes[i].name, name))
			return &schema->indexes[i];
	return NULL;
}

static struct sfsi_index_table *table_new(uint32_t id, struct sfsi_class *class,
					  struct sfs_span name)
{
	struct sfsi_index_table *table = calloc(1, sizeof *table);
	if (!table)
		return NULL;
	table->id = id;
	table->class = class;
	table->name_len = name.len < sizeof table->name ? name.len : sizeof table->name - 1;
	memcpy(table->name, name.data, table->name_len);
	return table;
}

static void set_rule(struct sfsi_index_table *table, struct sfsi_schema *schema,
		     const struct sfsi_index_rule *rule)
{
	table->schema = rule ? sfsi_schema_ref(schema) : NULL;
	table->rule = rule;
}

/* --- loading --- */

struct load {
	struct sfsi_class *class;
	int err;
};

int sfsi_index_set_reserve(struct sfsi_index_set *set, size_t more)
{
	if (set->cap - set->len >= more)
		return 0;
	size_t cap = set->len + more + 8;
	struct sfsi_index_table **items = realloc(set->items,
						  cap * sizeof(struct sfsi_index_table *));
	if (!items)
		return SFS_ERR_NO_MEMORY;
	set->items = items;
	set->cap = cap;
	return 0;
}

static int load_table(struct sfsi_class *class, uint32_t id, struct sfs_span val)
{
	struct sfsi_index_head head;
	int err = sfsi_index_head_decode(val, &head);
	if (err < 0)
		return err;
	struct sfsi_index_table *table = table_new(id, class, head.name);
	if (!table)
		return SFS_ERR_NO_MEMORY;
	/* An id is never given again, whatever the counter says. */
	if (id >= class->tables.next_id)
		class->tables.next_id = id == ID_MAX ? id : id + 1;
	const struct sfsi_index_rule *rule = find_rule(class->schema, head.name);
	/* Other keys by now: another version of the function, or the definition can not be read. */
	if (rule && sfsi_index_is_known(rule) && sfsi_index_fingerprint(rule) != head.fingerprint)
		rule = NULL;
	table->state = rule ? head.state : SFSI_INDEX_DROPPING;
	table->multi = head.multi;
	table->generation = head.generation;
	table->fingerprint = head.fingerprint;
	table->built = head.built;
	set_rule(table, class->schema, rule);
	err = sfs_buf_append(&table->cursor, head.cursor.data, head.cursor.len);
	if (!err)
		err = sfsi_index_set_reserve(&class->tables, 1);
	if (err < 0)
		sfsi_index_table_free(table);
	else
		class->tables.items[class->tables.len++] = table;
	return err;
}

static int load_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct load *load = arg;
	uint32_t id = 0;
	struct sfsi_reader r = sfsi_reader(val);
	if (key.len == 1) {
		load->class->tables.next_id = sfsi_read_u32(&r);
		load->err = r.bad || r.left || !load->class->tables.next_id ? SFS_ERR_CORRUPT : 0;
	} else if (key.len == 5) {
		memcpy(&id, (const uint8_t *)key.data + 1, sizeof id);
		load->err = id ? load_table(load->class, be32toh(id), val) : SFS_ERR_CORRUPT;
	} else {
		load->err = SFS_ERR_CORRUPT;
	}
	return load->err < 0;
}

/** Without the journal nobody knows what counts are: the indexes are built anew. */
static int load_counts(struct sfs_store *store, struct sfsi_class *class)
{
	int err = sfsi_index_journal_load(store, class);
	if (err != SFS_ERR_CORRUPT)
		return err;
	for (size_t i = 0; i < class->tables.len; i++)
		class->tables.items[i]->state = SFSI_INDEX_DROPPING;
	struct sfsi_index_journal *journal = &class->tables.journal;
	free(journal->rows);
	*journal = (struct sfsi_index_journal){ .used = SFSI_INDEX_SLOTS, .bad = true };
	return 0;
}

int sfsi_index_load(struct sfs_store *store, struct sfsi_class *class)
{
	struct load load = { .class = class };
	struct sfsi_scan scan = { .partition = class->id, .prefix = sfs_span_str("J") };
	class->tables.next_id = 1;
	int err = sfsi_backend_scan(store->backend, &scan, load_row, &load);
	if (err == SFS_ERR_CANCELLED)
		err = load.err;
	if (!err && class->tables.next_id > 1)
		err = load_counts(store, class);
	return err;
}

/* --- looking --- */

struct sfsi_index_table *sfsi_index_at(struct sfs_store *store, struct sfsi_class *class, size_t n)
{
	pthread_rwlock_rdlock(&store->index_lock);
	struct sfsi_index_table *table = n < class->tables.len ? class->tables.items[n] : NULL;
	pthread_rwlock_unlock(&store->index_lock);
	return table;
}

enum sfsi_index_state sfsi_index_state(struct sfs_store *store,
				       const struct sfsi_index_table *table)
{
	pthread_rwlock_rdlock(&store->index_lock);
	enum sfsi_index_state state = table->state;
	pthread_rwlock_unlock(&store->index_lock);
	return state;
}

struct sfsi_index_table *sfsi_index_named(struct sfs_store *store, struct sfsi_class *class,
					  struct sfs_span name)
{
	struct sfsi_index_table *found = NULL;
	pthread_rwlock_rdlock(&store->index_lock);
	for (size_t i = 0; i < class->tables.len; i++) {
		struct sfsi_index_table *table = class->tables.items[i];
		struct sfs_span own = { table->name, table->name_len };
		if (table->state == SFSI_INDEX_DROPPING || !sfs_span_equal(own, name))
			continue;
		if (!found || table->state == SFSI_INDEX_READY)
			found = table;
	}
	pthread_rwlock_unlock(&store->index_lock);
	return found;
}

/* --- changing --- */

static int put_next_id(struct sfsi_txn *txn, const struct sfsi_class *class)
{
	struct sfsi_key key;
	uint8_t bytes[4];
	sfsi_index_row_head(&key, 0);
	sfsi_put_u32(bytes, class->tables.next_id);
	return sfsi_txn_put(txn, class->id, sfsi_key_span(&key), (struct sfs_span){ bytes, 4 });
}

/** Plan a table; @like what it will be, and from which generation. */
static int add_table(struct sfsi_txn *txn, struct sfsi_class *class, struct sfsi_schema *schema,
		     const struct sfsi_index_rule *rule, const struct sfsi_index_table *like)
{
	if (class->tables.next_id == ID_MAX)
		return SFS_ERR_LIMIT;
	struct sfsi_index_table *table = table_new(class->tables.next_id, class, rule->name);
	if (!table)
		return SFS_ERR_NO_MEMORY;
	/* A number that is not used in the end is no harm. */
	class->tables.next_id++;
	table->state = like->state;
	table->generation = like->generation;
	table->fingerprint = sfsi_index_fingerprint(rule);
	set_rule(table, schema, rule);
	struct sfsi_index_edit *edit;
	int err = put_next_id(txn, class);
	if (!err)
		err = sfsi_index_edit(txn, table, &edit);
	if (err)
		sfsi_index_table_free(table);
	else
		edit->add = true;
	return err;
}

static int drop_table(struct sfsi_txn *txn, struct sfsi_index_table *table)
{
	struct sfsi_index_edit *edit;
	int err = sfsi_index_edit(txn, table, &edit);
	if (!err)
		edit->state = SFSI_INDEX_DROPPING;
	return err;
}

/** Is the index of a table declared in a schema as it was? */
static bool is_same(const struct sfsi_index_table *table, const struct sfsi_schema *schema)
{
	const struct sfsi_index_rule *rule = find_rule(
		schema, (struct sfs_span){ table->name, table->name_len });
	return rule && sfsi_index_fingerprint(rule) == table->fingerprint;
}

static bool has_table(struct sfsi_txn *txn, const struct sfsi_class *class,
		      const struct sfsi_index_rule *rule)
{
	for (size_t i = 0; i < class->tables.len; i++) {
		const struct sfsi_index_table *table = class->tables.items[i];
		struct sfs_span name = { table->name, table->name_len };
		if (sfs_span_equal(name, rule->name) &&
		    sfsi_index_staged_state(txn, table) != SFSI_INDEX_DROPPING)
			return true;
	}
	return false;
}

int sfsi_index_define(struct sfsi_txn *txn, struct sfsi_class *class, struct sfsi_schema *schema)
{
	/* In an empty class there is nothing to be built. */
	struct sfsi_index_table like = {
		.state = sfsi_class_things(class, &class->state) ? SFSI_INDEX_BUILDING
								 : SFSI_INDEX_READY,
		.generation = 1,
	};
	int err = 0;
	for (size_t i = 0; i < class->tables.len && !err; i++) {
		struct sfsi_index_table *table = class->tables.items[i];
		if (table->state != SFSI_INDEX_DROPPING && !is_same(table, schema))
			err = drop_table(txn, table);
	}
	for (uint32_t i = 0; i < schema->indexes_count && !err; i++)
		if (!has_table(txn, class, &schema->indexes[i]))
			err = add_table(txn, class, schema, &schema->indexes[i], &like);
	return err;
}

int sfsi_index_renew(struct sfsi_txn *txn, struct sfsi_class *class, struct sfsi_index_table *old,
		     bool keep, uint32_t *ret_id)
{
	struct sfsi_index_table like = {
		.state = SFSI_INDEX_BUILDING,
		.generation = old->generation + 1,
	};
	int err = add_table(txn, class, old->schema, old->rule, &like);
	if (!err && !keep)
		err = drop_table(txn, old);
	if (!err && ret_id)
		*ret_id = class->tables.next_id - 1;
	return err;
}

/** May keys follow from the type, or from the name, of the class? */
static bool reads_class(const struct sfsi_index_rule *rule)
{
	const struct sfs_span type = sfs_span_str("type");
	bool reads = rule->function == SFSI_INDEX_OWN ||
		     (rule->from_count == 0 && sfs_span_equal(rule->name, type));
	for (uint32_t i = 0; i < rule->from_count; i++)
		reads = reads || sfs_span_equal(rule->from[i], type);
	for (uint32_t i = 0; i < rule->parts_count; i++)
		reads = reads || reads_class(&rule->parts[i]);
	return reads;
}

int sfsi_index_retype(struct sfsi_txn *txn, struct sfsi_class *class)
{
	int err = 0;
	bool any = sfsi_class_things(class, &class->state) != 0;
	for (size_t i = 0; any && i < class->tables.len && !err; i++) {
		struct sfsi_index_table *table = class->tables.items[i];
		if (sfsi_index_staged_state(txn, table) != SFSI_INDEX_DROPPING &&
		    reads_class(table->rule))
			err = sfsi_index_renew(txn, class, table, false, NULL);
	}
	return err;
}

/** Keys without entries have no rows, but blocks do. */
static int forget_blocks(struct sfsi_txn *txn, struct sfsi_index_table *table)
{
	struct sfsi_index_row row;
	int err = sfsi_index_blocks_load_locked(txn->store, table);
	for (size_t i = 0; i < table->blocks_len && !err; i++) {
		const struct sfsi_index_block *block = table->blocks[i];
		sfsi_index_row(&row, table->id, 'B',
			       (struct sfs_span){ block->boundary, block->len });
		err = sfsi_txn_remove(txn, table->class->id, sfsi_index_row_span(&row));
	}
	return err;
}

int sfsi_index_forget(struct sfsi_txn *txn, struct sfsi_class *class)
{
	struct sfsi_key key;
	int err = 0;
	/* It never had one. What it has may be less: tables that went have no row. */
	if (class->tables.next_id == 1)
		return 0;
	for (size_t i = 0; i < class->tables.len && !err; i++) {
		struct sfsi_index_table *table = class->tables.items[i];
		struct sfsi_index_edit *edit;
		if (table->gone)
			continue;
		/* Tables that are dropped may have many rows: they go first. */
		if (table->state == SFSI_INDEX_DROPPING)
			return SFS_ERR_CONFLICT;
		err = forget_blocks(txn, table);
		if (!err)
			err = sfsi_index_edit(txn, table, &edit);
		if (!err) {
			edit->state = SFSI_INDEX_DROPPING;
			edit->gone = true;
		}
	}
	sfsi_index_row_head(&key, 0);
	if (!err)
		err = sfsi_txn_remove(txn, class->id, sfsi_key_span(&key));
	return err < 0 ? err : sfsi_index_journal_forget(txn, class);
}

/* --- opening --- */

/** Does a declared index lack a table? commit_lock is held. */
static bool lacks_table(const struct sfsi_class *class)
{
	struct sfsi_txn none = { .indexes = NULL };
	for (uint32_t i = 0; class->schema && i < class->schema->indexes_count; i++)
		if (!has_table(&none, class, &class->schema->indexes[i]))
			return true;
	return false;
}

/** Counts of a class could not be read: what there is goes, and is built anew. */
static int drop_all(struct sfsi_txn *txn, struct sfsi_class *class)
{
	int err = sfsi_index_journal_forget(txn, class);
	for (size_t i = 0; i < class->tables.len && !err; i++)
		err = drop_table(txn, class->tables.items[i]);
	return err;
}

/** Is there a table for each declared index? Wakes the thread that makes them: it may be at work already. */
static bool is_planned(struct sfs_store *store, const struct sfsi_class *class)
{
	SFSI_LOCK_SCOPE(&store->commit_lock);
	for (size_t i = 0; i < class->tables.len; i++)
		if (class->tables.items[i]->state != SFSI_INDEX_READY)
			sfsi_indexer_wake(store);
	return !lacks_table(class);
}

static int adopt_class(struct sfs_store *store, struct sfsi_class *class)
{
	struct sfsi_txn_class *copy;
	struct sfsi_txn txn;
	bool bad = class->tables.journal.bad;
	if (is_planned(store, class) && !bad)
		return 0;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	err = sfsi_txn_class(&txn, class->id, &copy);
	if (!err && bad)
		err = drop_all(&txn, class);
	if (!err && class->schema)
		err = sfsi_index_define(&txn, class, class->schema);
	err = sfsi_txn_end(&txn, err);
	if (!err && bad)
		class->tables.journal = (struct sfsi_index_journal){ .len = 0 };
	return err;
}

int sfsi_index_adopt(struct sfs_store *store)
{
	struct sfs_class_info info = { 0 };
	int err = 0;
	for (uint32_t id = 0; !err && sfs_class_next(store, id, &info) == 0; id = info.id) {
		struct sfsi_class *class = sfsi_class_ref(store, info.id);
		err = class ? adopt_class(store, class) : 0;
	}
	/* On a full disk it is done next time: until then the index is not there. */
	return err == SFS_ERR_NO_SPACE ? 0 : err;
}
