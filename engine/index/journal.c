/* The journal of counts: see journal.h. */
#include "index/journal.h"
#include "base/array.h"
#include "index/table.h"

#define VERSION 1
#define HEAD 17 /* bytes before the changes */
#define KIND_MASK 3u
#define HAS_TABLE 4u
#define HAS_COOKIE 8u

/* --- rows --- */

int sfsi_index_note_add(struct sfsi_index_note *note,
			const struct sfsi_index_journal_change *change)
{
	uint8_t bytes[1 + 4 + 8 + 2], *at = bytes + 1;
	bool first = note->changes == 0;
	bytes[0] = (uint8_t)change->kind;
	if (first || note->last.table != change->table) {
		bytes[0] |= HAS_TABLE;
		at = sfsi_put_u32(at, change->table);
	}
	if (first || note->last.cookie != change->cookie) {
		bytes[0] |= HAS_COOKIE;
		at = sfsi_put_u64(at, change->cookie);
	}
	at = sfsi_put_u16(at, (uint16_t)change->key.len);
	int err = sfs_buf_append(&note->bytes, bytes, (size_t)(at - bytes));
	if (!err)
		err = sfs_buf_append(&note->bytes, change->key.data, change->key.len);
	note->last = *change;
	note->changes++;
	return err;
}

int sfsi_index_journal_open(struct sfs_span value, struct sfsi_index_journal_reader *ret)
{
	struct sfsi_reader r = sfsi_reader(value);
	uint8_t version = sfsi_read_u8(&r);
	*ret = (struct sfsi_index_journal_reader){ .commit = sfsi_read_u64(&r) };
	ret->begin = sfsi_read_u64(&r);
	ret->rest = (struct sfs_span){ r.at, r.left };
	if (r.bad || !ret->commit || ret->begin > ret->commit + 1)
		return SFS_ERR_CORRUPT;
	return version == VERSION ? 0 : SFS_ERR_VERSION;
}

int sfsi_index_journal_next(struct sfsi_index_journal_reader *reader)
{
	struct sfsi_reader r = sfsi_reader(reader->rest);
	struct sfsi_index_journal_change *change = &reader->change;
	if (!r.left)
		return 1;
	uint8_t head = sfsi_read_u8(&r);
	change->kind = (enum sfsi_index_change_kind)(head & KIND_MASK);
	if (head & HAS_TABLE)
		change->table = sfsi_read_u32(&r);
	if (head & HAS_COOKIE)
		change->cookie = sfsi_read_u64(&r);
	change->key.len = sfsi_read_u16(&r);
	change->key.data = sfsi_read_bytes(&r, change->key.len);
	if (r.bad || !change->table || !change->key.len || change->key.len > SFSI_INDEX_KEY_MAX)
		return SFS_ERR_CORRUPT;
	reader->rest = (struct sfs_span){ r.at, r.left };
	return 0;
}

/* --- writing --- */

int sfsi_index_journal_reserve(struct sfsi_index_journal *journal)
{
	if (journal->first && journal->first + journal->len == journal->cap) {
		memmove(journal->rows, journal->rows + journal->first,
			journal->len * sizeof *journal->rows);
		journal->first = 0;
	}
	return sfsi_array_grow(&journal->rows, journal->len, &journal->cap, sizeof *journal->rows);
}

size_t sfsi_index_journal_excess(const struct sfsi_index_journal *journal,
				 const struct sfsi_index_note *note, bool *ret_must)
{
	uint64_t changes = journal->changes + note->changes;
	uint64_t bytes = journal->bytes + note->bytes.len;
	size_t over = 0;
	*ret_must = note->settle || journal->len >= SFSI_INDEX_SLOTS;
	if (note->settle)
		return journal->len;
	for (; over < journal->len; over++) {
		const struct sfsi_index_journal_row *row = &journal->rows[journal->first + over];
		if (journal->len - over < SFSI_INDEX_SLOTS && changes <= SFSI_INDEX_CHANGES_MAX &&
		    bytes <= SFSI_INDEX_JOURNAL_BYTES)
			break;
		changes -= row->changes;
		bytes -= row->bytes;
	}
	return over;
}

int sfsi_index_journal_write(struct sfsi_txn *txn, const struct sfsi_index_note *note)
{
	const struct sfsi_index_journal *journal = &note->class->tables.journal;
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_key key;
	uint8_t head[HEAD], *at = sfsi_put_u8(head, VERSION);
	uint64_t begin = note->over < journal->len
				 ? journal->rows[journal->first + note->over].commit
				 : txn->commit + (note->settle ? 1 : 0);
	at = sfsi_put_u64(sfsi_put_u64(at, txn->commit), begin);
	int err = sfs_buf_append(&value, head, (size_t)(at - head));
	if (!err)
		err = sfs_buf_append(&value, note->bytes.data, note->bytes.len);
	sfsi_index_row_journal(&key, journal->next);
	return err < 0 ? err
		       : sfsi_txn_put(txn, note->class->id, sfsi_key_span(&key),
				      sfs_buf_span(&value));
}

void sfsi_index_journal_wrote(struct sfsi_index_journal *journal,
			      const struct sfsi_index_note *note, uint64_t commit)
{
	for (size_t i = 0; i < note->over; i++) {
		journal->changes -= journal->rows[journal->first + i].changes;
		journal->bytes -= journal->rows[journal->first + i].bytes;
	}
	journal->first += note->over;
	journal->len -= note->over;
	if (journal->len == 0)
		journal->first = 0;
	journal->next = (journal->next + 1) % SFSI_INDEX_SLOTS;
	if (journal->used < SFSI_INDEX_SLOTS && journal->used < journal->next)
		journal->used = journal->next;
	if (journal->next == 0)
		journal->used = SFSI_INDEX_SLOTS;
	if (note->settle)
		return;
	journal->rows[journal->first + journal->len++] = (struct sfsi_index_journal_row){
		.commit = commit,
		.changes = (uint32_t)note->changes,
		.bytes = (uint32_t)note->bytes.len,
	};
	journal->changes += note->changes;
	journal->bytes += note->bytes.len;
}

int sfsi_index_journal_forget(struct sfsi_txn *txn, const struct sfsi_class *class)
{
	struct sfsi_key key;
	int err = 0;
	for (uint32_t slot = 0; slot < class->tables.journal.used && !err; slot++) {
		sfsi_index_row_journal(&key, slot);
		err = sfsi_txn_remove(txn, class->id, sfsi_key_span(&key));
	}
	return err;
}

/* --- reading it when a class is loaded --- */

struct loaded {
	uint64_t commit;
	size_t off, len; /* of its value */
};

struct load {
	struct sfs_store *store;
	struct sfsi_class *class;
	struct loaded *rows;
	size_t len, cap;
	struct sfs_buf bytes;
	uint64_t begin, last;
	int err;
};

static int load_row(struct load *load, struct sfs_span key, struct sfs_span val)
{
	struct sfsi_index_journal *journal = &load->class->tables.journal;
	struct sfsi_index_journal_reader reader;
	uint32_t slot;
	int err = sfsi_index_journal_open(val, &reader);
	if (err < 0)
		return err;
	if (!sfsi_index_row_slot(key, &slot) || slot >= SFSI_INDEX_SLOTS)
		return SFS_ERR_CORRUPT;
	if (reader.begin > load->begin)
		load->begin = reader.begin;
	if (slot >= journal->used)
		journal->used = slot + 1;
	if (reader.commit > load->last) {
		load->last = reader.commit;
		journal->next = (slot + 1) % SFSI_INDEX_SLOTS;
	}
	err = sfsi_array_grow(&load->rows, load->len, &load->cap, sizeof *load->rows);
	if (err < 0)
		return err;
	load->rows[load->len++] = (struct loaded){ reader.commit, load->bytes.len, val.len };
	return sfs_buf_append(&load->bytes, val.data, val.len);
}

static int on_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct load *load = arg;
	load->err = load_row(load, key, val);
	return load->err < 0;
}

static int by_commit(const void *a, const void *b)
{
	const struct loaded *x = a, *y = b;
	return (x->commit > y->commit) - (x->commit < y->commit);
}

static struct sfsi_index_table *table_of(const struct sfsi_class *class, uint32_t id)
{
	for (size_t i = 0; i < class->tables.len; i++)
		if (class->tables.items[i]->id == id)
			return class->tables.items[i];
	return NULL;
}

static int replay_key(struct load *load, struct sfsi_index_table *table,
		      const struct sfsi_index_journal_reader *reader)
{
	struct sfsi_index_count *count;
	int err = sfsi_index_count_get(load->store, table, reader->change.key, &count);
	if (err < 0 || reader->commit <= count->lag.written)
		return err;
	switch (reader->change.kind) {
	case SFSI_INDEX_MORE: count->entries++; break;
	case SFSI_INDEX_LESS: count->entries--; break;
	case SFSI_INDEX_FIRST: count->entries = 1; break;
	case SFSI_INDEX_LAST: count->entries = 0; break;
	}
	/* What has none has no row, either. */
	if (count->entries)
		sfsi_index_count_lags_locked(table, count, reader->commit);
	else if (count->lag.since)
		sfsi_index_count_right_locked(table, count, count->lag.written);
	return 0;
}

static void replay_block(struct sfsi_index_table *table, struct sfs_span tail, uint64_t commit,
			 bool more, int64_t entries, int64_t keys)
{
	size_t number = sfsi_index_block_of(table, tail);
	const struct sfsi_index_block *block = table->blocks[number];
	if (commit <= block->lag.written)
		return;
	sfsi_index_block_count_locked(table, number, more ? entries : -entries,
				      more ? keys : -keys);
	sfsi_index_block_lags_locked(table, table->blocks[number], commit);
}

static int replay_change(struct load *load, const struct sfsi_index_journal_reader *reader)
{
	const struct sfsi_index_journal_change *change = &reader->change;
	struct sfsi_index_table *table = table_of(load->class, change->table);
	uint8_t tail[SFSI_INDEX_KEY_MAX + 8];
	bool more = change->kind == SFSI_INDEX_MORE || change->kind == SFSI_INDEX_FIRST;
	bool whole = change->kind == SFSI_INDEX_FIRST || change->kind == SFSI_INDEX_LAST;
	/* A table that went, or goes, has no use for counts. */
	if (!table || table->state == SFSI_INDEX_DROPPING)
		return 0;
	int err = sfsi_index_blocks_load_locked(load->store, table);
	if (!err)
		err = replay_key(load, table, reader);
	if (err < 0)
		return err;
	memcpy(tail, change->key.data, change->key.len);
	sfsi_put_be64(tail + change->key.len, change->cookie);
	replay_block(table, (struct sfs_span){ tail, change->key.len + 8 }, reader->commit, more, 1,
		     0);
	if (whole)
		replay_block(table, change->key, reader->commit, more, 0, 1);
	return 0;
}

static int replay_row(struct load *load, const struct loaded *row)
{
	struct sfsi_index_journal *journal = &load->class->tables.journal;
	struct sfsi_index_journal_reader reader;
	uint32_t changes = 0;
	int err = sfsi_index_journal_reserve(journal);
	if (!err)
		err = sfsi_index_journal_open(
			(struct sfs_span){ (const char *)load->bytes.data + row->off, row->len },
			&reader);
	while (!err) {
		err = sfsi_index_journal_next(&reader);
		if (!err)
			err = replay_change(load, &reader);
		changes += !err;
	}
	if (err < 0)
		return err;
	journal->rows[journal->len++] = (struct sfsi_index_journal_row){
		.commit = row->commit,
		.changes = changes,
		.bytes = (uint32_t)(row->len - HEAD),
	};
	journal->changes += changes;
	journal->bytes += row->len - HEAD;
	return 0;
}

int sfsi_index_journal_load(struct sfs_store *store, struct sfsi_class *class)
{
	struct load load = { .store = store, .class = class };
	struct sfsi_scan scan = {
		.partition = class->id,
		.prefix = sfs_span_str("H"),
		.once = true,
	};
	int err = sfsi_backend_scan(store->backend, &scan, on_row, &load);
	if (err == SFS_ERR_CANCELLED)
		err = load.err;
	if (!err && load.len)
		qsort(load.rows, load.len, sizeof *load.rows, by_commit);
	for (size_t i = 0; i < load.len && !err; i++)
		if (load.rows[i].commit >= load.begin)
			err = replay_row(&load, &load.rows[i]);
	sfs_buf_fini(&load.bytes);
	free(load.rows);
	return err;
}
