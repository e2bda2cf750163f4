/*
 * Indexes (H, I, J): every entry is what its object says, every key of an object has its entry, and keys
 * and blocks count what there is.
 *
 * Pass 1 compares sums, as it does for records and entries: what the keys of an object add, the entries
 * of its oid take away. Tables that are being built or dropped are left out, and those that become ready
 * or go meanwhile make buckets differ, which costs a second look. Counts are for index_count.c.
 */
#include "check/check.h"
#include "hash.h"
#include "index/table.h"
#include "raw_index.h"
#include "object.h"

#define TABLES_MAX 4096

/** Of the class that is checked. */
struct sfsi_check_index {
	struct sfsi_class *class;
	struct sfsi_index_names names;
	struct sfsi_index_keys keys;
	uint32_t tables[TABLES_MAX]; /* [count] ids that were ready when it began */
	size_t count;
	uint64_t sums[SFSI_CHECK_BUCKETS]; /* by oid */
};

int sfsi_check_index_begin(struct sfsi_check *check)
{
	struct sfsi_index_table *table;
	struct sfsi_check_index *index = calloc(1, sizeof *index);
	if (!index)
		return SFS_ERR_NO_MEMORY;
	check->index = index;
	index->class = sfsi_class_ref(check->store, check->partition);
	if (!index->class)
		return 0;
	sfsi_index_names(check->store, index->class, &index->names);
	for (size_t i = 0; (table = sfsi_index_at(check->store, index->class, i)); i++)
		if (index->count < TABLES_MAX &&
		    sfsi_index_state(check->store, table) == SFSI_INDEX_READY)
			index->tables[index->count++] = table->id;
	return 0;
}

void sfsi_check_index_end(struct sfsi_check *check)
{
	if (!check->index)
		return;
	sfsi_index_keys_fini(&check->index->keys);
	free(check->index);
	check->index = NULL;
}

static bool is_checked(const struct sfsi_check *check, uint32_t id)
{
	const struct sfsi_check_index *index = check->index;
	for (size_t i = 0; i < index->count; i++)
		if (index->tables[i] == id)
			return true;
	return false;
}

static struct sfsi_index_table *table_of(const struct sfsi_check *check, uint32_t id)
{
	struct sfsi_index_table *table;
	for (size_t i = 0; (table = sfsi_index_at(check->store, check->index->class, i)); i++)
		if (table->id == id)
			return table;
	return NULL;
}

/* --- rows by themselves --- */

static bool split(struct sfs_span key, uint32_t *ret_id, char *ret_table, struct sfs_span *ret_tail)
{
	uint32_t id;
	if (key.len < SFSI_INDEX_PREFIX)
		return false;
	memcpy(&id, (const uint8_t *)key.data + 1, sizeof id);
	*ret_id = be32toh(id);
	*ret_table = ((const char *)key.data)[5];
	*ret_tail = sfsi_index_row_tail(key);
	return true;
}

static bool entry_is_good(struct sfsi_check *check, struct sfs_span tail, struct sfs_span val)
{
	struct sfsi_index_entry entry;
	return sfsi_index_entry_decode(tail, val, &entry) == 0 &&
	       entry.cookie == sfsi_cookie(check->store, entry.oid);
}

static bool row_is_good(struct sfsi_check *check, char table, struct sfs_span tail,
			struct sfs_span val)
{
	struct sfsi_index_tally tally;
	switch (table) {
	case 'E': return entry_is_good(check, tail, val);
	case 'K':
		return sfsi_index_key_len(tail) == tail.len && tail.len &&
		       sfsi_index_count_decode(val, &tally.entries, &tally.commit) == 0;
	case 'B':
		return (!tail.len || sfsi_index_key_len(tail) + 8 == tail.len) &&
		       sfsi_index_block_decode(val, &tally) == 0;
	default: return false;
	}
}

static void index_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfs_span tail;
	uint32_t id;
	char table;
	bool known = split(row->key, &id, &table, &tail);
	const struct sfsi_index_table *of = known ? table_of(check, id) : NULL;
	/* What is dropped goes as it is. */
	if (of && sfsi_index_state(check->store, of) == SFSI_INDEX_DROPPING)
		return;
	if (!known || !row_is_good(check, table, tail, row->val))
		sfsi_check_found(check, SFS_CHECK_INDEX_ROW,
				 "a row of an index can not be read, or is in the wrong place");
	else if (check->index->class && !of)
		sfsi_check_found(check, SFS_CHECK_INDEX_ROW,
				 "a row of an index that does not exist (id %u)", id);
}

static void head_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_index_head head;
	bool good = row->key.len == 1
			    ? row->val.len == 4
			    : row->key.len == 5 && sfsi_index_head_decode(row->val, &head) == 0;
	if (!good)
		sfsi_check_found(check, SFS_CHECK_INDEX_ROW,
				 "what is known of an index can not be read");
}

static void journal_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_index_journal_reader reader;
	uint32_t slot;
	int err = sfsi_index_journal_open(row->val, &reader);
	while (!err)
		err = sfsi_index_journal_next(&reader);
	if (err < 0 || !sfsi_index_row_slot(row->key, &slot) || slot >= SFSI_INDEX_SLOTS)
		sfsi_check_found(check, SFS_CHECK_INDEX_ROW,
				 "a row of the journal of counts can not be read");
}

/* --- sums --- */

static uint64_t entry_sum(const struct sfsi_check *check, uint32_t id, struct sfs_span key,
			  struct sfs_span oid, uint64_t serial)
{
	return sfsi_hash2(key, oid, check->sums->seed ^ id ^ serial << 20);
}

static uint64_t *bucket_of(struct sfsi_check *check, struct sfs_span oid)
{
	return &check->index->sums[sfsi_hash(oid, check->sums->seed) % SFSI_CHECK_BUCKETS];
}

static void index_take(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_index_entry entry;
	struct sfs_span tail;
	uint32_t id;
	char table;
	if ((check->wanted->flags & SFS_CHECK_QUICK) || !split(row->key, &id, &table, &tail) ||
	    table != 'E' || !is_checked(check, id) ||
	    sfsi_index_entry_decode(tail, row->val, &entry) < 0)
		return;
	*bucket_of(check, entry.oid) -= entry_sum(check, id, entry.key, entry.oid, entry.serial);
}

/** Keys as they are in the table. */
static size_t key_count(const struct sfsi_index_keys *keys)
{
	return keys->count ? keys->count : 1;
}

static struct sfs_span key_at(const struct sfsi_index_keys *keys, size_t i)
{
	return keys->count ? sfsi_index_keys_at(keys, i) : SFSI_INDEX_NO_KEY;
}

void sfsi_check_index_object(struct sfsi_check *check, struct sfs_span oid,
			     const struct sfsi_record *record, bool whole)
{
	struct sfsi_check_index *index = check->index;
	if (check->wanted->flags & SFS_CHECK_QUICK)
		return;
	for (size_t i = 0; i < index->count; i++) {
		const struct sfsi_index_table *table = table_of(check, index->tables[i]);
		if (!table || sfsi_index_needs_rows(table, record) != whole ||
		    sfsi_index_keys_had(table, &index->names, oid, record, &index->keys) < 0)
			continue;
		for (size_t k = 0; k < key_count(&index->keys); k++)
			*bucket_of(check, oid) += entry_sum(check, table->id,
							    key_at(&index->keys, k), oid,
							    record->object.serial);
	}
}

bool sfsi_check_index_suspect(struct sfsi_check *check)
{
	for (size_t i = 0; i < SFSI_CHECK_BUCKETS; i++)
		if (check->index->sums[i])
			return true;
	return false;
}

bool sfsi_check_index_object_suspect(struct sfsi_check *check, struct sfs_span oid)
{
	return *bucket_of(check, oid) != 0;
}

/* --- one by one --- */

const struct sfsi_index_table *sfsi_check_index_serving(const struct sfsi_check *check, uint32_t id)
{
	const struct sfsi_index_table *table = table_of(check, id);
	return table && sfsi_index_state(check->store, table) == SFSI_INDEX_READY ? table : NULL;
}

static void settle_key(struct sfsi_check *check, const struct sfsi_index_table *table,
		       struct sfs_span key, struct sfs_span oid, uint64_t serial)
{
	struct sfsi_index_row row;
	struct sfsi_index_entry entry;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_index_row_entry(&row, table->id, key, sfsi_cookie(check->store, oid), oid);
	int err = sfsi_check_get(check, sfsi_index_row_span(&row), &val);
	const char *what = err == SFS_ERR_NOT_FOUND ? "lacks an entry of the object" : NULL;
	struct sfs_span tail = sfsi_index_row_tail(sfsi_index_row_span(&row));
	if (!err && sfsi_index_entry_decode(tail, sfs_buf_span(&val), &entry) == 0 &&
	    entry.serial != serial)
		what = "leads to another number than that of the object";
	if (!what)
		return;
	struct sfs_check_problem *problem = sfsi_check_found(check, SFS_CHECK_INDEX, "index %s %s",
							     table->name, what);
	problem->oid = oid;
	problem->ino = sfs_ino_make(check->partition, serial);
}

void sfsi_check_index_object_settle(struct sfsi_check *check, struct sfs_span oid,
				    const struct sfsi_record *record)
{
	struct sfsi_check_index *index = check->index;
	for (size_t i = 0; i < index->count; i++) {
		const struct sfsi_index_table *table = sfsi_check_index_serving(check,
										index->tables[i]);
		if (!table ||
		    sfsi_index_keys_had(table, &index->names, oid, record, &index->keys) < 0)
			continue;
		for (size_t k = 0; k < key_count(&index->keys); k++)
			settle_key(check, table, key_at(&index->keys, k), oid,
				   record->object.serial);
	}
}

/* --- raws --- */

bool sfsi_check_index_has_raws(const struct sfsi_check *check)
{
	const struct sfsi_class *class = check->index->class;
	return class && class->kind == SFS_CLASS_RAW && check->index->count;
}

/** What an index sees of a raw. False: nothing that can be read. */
static bool read_raw(struct sfsi_check *check, struct sfs_span id, struct sfs_buf *buf,
		     struct sfsi_record *ret)
{
	return sfsi_raw_record_read(check->store, check->partition, id, buf, ret) == 0;
}

void sfsi_check_index_raw(struct sfsi_check *check, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_raw_id id;
	struct sfsi_record record;
	struct sfs_span oid = sfsi_raw_id(serial, &id);
	if (read_raw(check, oid, &buf, &record))
		sfsi_check_index_object(check, oid, &record, false);
}

bool sfsi_check_index_raw_suspect(struct sfsi_check *check, uint64_t serial)
{
	struct sfsi_raw_id id;
	return sfsi_check_index_has_raws(check) &&
	       sfsi_check_index_object_suspect(check, sfsi_raw_id(serial, &id));
}

void sfsi_check_index_raw_settle(struct sfsi_check *check, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_raw_id id;
	struct sfsi_record record;
	struct sfs_span oid = sfsi_raw_id(serial, &id);
	if (read_raw(check, oid, &buf, &record))
		sfsi_check_index_object_settle(check, oid, &record);
}

static bool index_suspect(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_index_entry entry;
	struct sfs_span tail;
	uint32_t id;
	char table;
	return split(row->key, &id, &table, &tail) && table == 'E' && is_checked(check, id) &&
	       sfsi_index_entry_decode(tail, row->val, &entry) == 0 &&
	       sfsi_check_index_object_suspect(check, entry.oid);
}

/** The keys of a record, which is made whole in buf where the table needs that. */
static int keys_of(struct sfsi_check *check, const struct sfsi_index_table *table,
		   struct sfs_span oid, struct sfs_buf *buf, struct sfsi_record *record)
{
	int err = 0;
	if (sfsi_index_needs_rows(table, record))
		err = sfsi_object_read(check->store, check->partition, oid, buf, record);
	return err < 0 ? err
		       : sfsi_index_keys_had(table, &check->index->names, oid, record,
					     &check->index->keys);
}

static bool has_key(const struct sfsi_index_keys *keys, struct sfs_span key)
{
	for (size_t i = 0; i < key_count(keys); i++)
		if (sfs_span_equal(key_at(keys, i), key))
			return true;
	return false;
}

/** Entries that no object stands for; what an object lacks was said with the object. */
static void index_settle(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_check_index *index = check->index;
	struct sfsi_index_entry entry;
	struct sfsi_record record;
	struct sfsi_key key;
	struct sfs_span tail;
	uint32_t id;
	char letter;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	if (!split(row->key, &id, &letter, &tail) ||
	    sfsi_index_entry_decode(tail, row->val, &entry) < 0)
		return;
	const struct sfsi_index_table *table = sfsi_check_index_serving(check, id);
	bool raw = sfsi_check_index_has_raws(check);
	sfsi_key_object(&key, entry.oid);
	int err = !table ? SFS_ERR_CORRUPT
		  : raw  ? sfsi_raw_record_read(check->store, check->partition, entry.oid, &val,
						&record)
			 : sfsi_check_get(check, sfsi_key_span(&key), &val);
	const char *what = err == SFS_ERR_NOT_FOUND
				   ? "has an entry of an object that does not exist"
				   : NULL;
	if (!err && !raw)
		err = sfsi_record_decode(sfs_buf_span(&val), sfsi_key_span(&key), &record);
	if (!err && keys_of(check, table, entry.oid, &val, &record) == 0 &&
	    !has_key(&index->keys, entry.key))
		what = "has an entry of a key that the object does not have";
	if (what)
		sfsi_check_found(check, SFS_CHECK_INDEX, "index %s %s", table->name, what)->oid =
			entry.oid;
}

const struct sfsi_check_table sfsi_check_index_rows = {
	.letter = 'I',
	.row = index_row,
	.take = index_take,
	.suspect = index_suspect,
	.settle = index_settle,
};

const struct sfsi_check_table sfsi_check_index_journal = {
	.letter = 'H',
	.row = journal_row,
};

const struct sfsi_check_table sfsi_check_index_heads = {
	.letter = 'J',
	.row = head_row,
};
