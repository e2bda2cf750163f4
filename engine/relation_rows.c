/*
 * One relation to many targets, as it is stored: in rows. Nothing here costs more because there are
 * more of them, but for a step over the targets before a page, where the rows are not regular.
 */
#include "relation_rows.h"
#include "backref.h"
#include "document/json.h"
#include "index/table.h"
#include "schema/reference.h"

/* --- reading --- */

struct page {
	struct sfsi_target_page *ret;
	uint64_t skip;
	size_t wanted;
	int err;
};

static int read_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct page *page = arg;
	struct sfs_span oid;
	if (page->skip) {
		page->skip--;
		return 0;
	}
	page->err = sfsi_rows_oid(key, val, &oid);
	if (!page->err)
		page->err = sfs_buf_append(&page->ret->bytes, &oid.len, sizeof oid.len);
	if (!page->err)
		page->err = sfs_buf_append(&page->ret->bytes, oid.data, oid.len);
	page->ret->last = sfsi_rows_key_position(key);
	page->ret->count += !page->err;
	return page->err < 0 || page->ret->count == page->wanted;
}

int sfsi_relation_rows_page(struct sfs_store *store, const struct sfs_relation *relation,
			    const struct sfsi_record *record, const struct sfsi_rows *rows,
			    uint64_t start, size_t wanted, struct sfsi_target_page *ret)
{
	struct sfsi_key prefix, after = { .len = 0 };
	struct page page = { .ret = ret, .wanted = wanted };
	uint64_t position = ret->last;
	ret->bytes.len = ret->count = 0;
	/* The first page begins at a number, the others behind the last target. */
	if (!position && rows->regular)
		position = start < rows->count ? start * SFSI_ROWS_STRIDE : rows->next;
	else if (!position)
		page.skip = start;
	sfsi_rows_prefix('P', record->object.serial, relation->name, &prefix);
	if (position)
		sfsi_rows_place(record->object.serial, relation->name, position, &after);
	struct sfsi_scan scan = {
		.partition = relation->class_id,
		.prefix = sfsi_key_span(&prefix),
		.after = sfsi_key_span(&after),
	};
	int err = sfsi_backend_scan(store->backend, &scan, read_row, &page);
	return err == SFS_ERR_CANCELLED ? page.err : err;
}

int sfsi_relation_rows_has(struct sfs_store *store, const struct sfs_relation *relation,
			   const struct sfsi_record *record, struct sfs_span oid)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_rows_target(record->object.serial, relation->name, oid, &key);
	return sfsi_backend_get(store->backend, relation->class_id, sfsi_key_span(&key), &val);
}

/* --- changing --- */

/** A change of a relation's rows under way. */
struct changing {
	struct sfsi_txn *txn;
	const struct sfsi_relation_edit *edit;
	const struct sfsi_class *target; /* NULL: does not exist */
	uint64_t serial;
	struct sfsi_rows rows;
	int64_t json, msgpack; /* bytes that the documents grow by */
	bool changed;
};

/** Position of a target. SFS_ERR_NOT_FOUND. */
static int find_target(struct changing *changing, struct sfs_span oid, uint64_t *ret)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_rows_target(changing->serial, changing->rows.name, oid, &key);
	int err = sfsi_txn_get(changing->txn, changing->edit->relation.class_id,
			       sfsi_key_span(&key), &val);
	return err < 0 ? err : sfsi_rows_position(sfsi_key_span(&key), sfs_buf_span(&val), ret);
}

static unsigned array_header(uint64_t count)
{
	if (count < 16)
		return 1;
	return count < 65536 ? 3 : 5;
}

/** One reference more, or less, in both documents. JSON: two-space indent, a comma, a line each. */
static int measure(struct changing *changing, struct sfs_span oid, int sign)
{
	static const char frame[] = "    {\n      \"oid\": ,\n      \"type\": \n    },\n";
	SFSI_AUTO_BUF struct sfs_buf bytes = SFS_BUF_INIT;
	int err = sfsi_json_quote(&bytes, oid);
	if (!err)
		err = sfsi_json_quote(&bytes, changing->rows.type);
	changing->json += sign * (int64_t)(bytes.len + sizeof frame - 1);
	bytes.len = 0;
	if (!err)
		err = sfsi_reference_put(&bytes, oid, changing->rows.type);
	changing->msgpack += sign * (int64_t)bytes.len;
	changing->msgpack -= array_header(changing->rows.count);
	changing->rows.count += (uint64_t)(int64_t)sign;
	changing->msgpack += array_header(changing->rows.count);
	return err;
}

static int put_backref(struct changing *changing, struct sfs_span oid, bool remove)
{
	struct sfsi_backref backref = {
		.class_id = changing->edit->relation.class_id,
		.relation = changing->rows.name,
		.serial = changing->serial,
		.oid = oid,
	};
	if (!changing->target)
		return 0;
	return sfsi_backref_put(changing->txn, changing->target, &backref, remove);
}

static int put_in(struct changing *changing, uint64_t position, struct sfs_span oid)
{
	int err = sfsi_rows_add(changing->txn, changing->edit->relation.class_id, changing->serial,
				changing->rows.name, position, oid);
	if (!err)
		err = put_backref(changing, oid, false);
	changing->changed = true;
	return err < 0 ? err : measure(changing, oid, 1);
}

static int take_out(struct changing *changing, uint64_t position, struct sfs_span oid)
{
	int err = sfsi_rows_drop(changing->txn, changing->edit->relation.class_id, changing->serial,
				 changing->rows.name, position, oid);
	if (!err)
		err = put_backref(changing, oid, true);
	changing->changed = true;
	return err < 0 ? err : measure(changing, oid, -1);
}

static void left_place(struct sfsi_rows *rows, uint64_t position)
{
	if (rows->regular && position + SFSI_ROWS_STRIDE == rows->next)
		rows->next = position;
	else
		rows->regular = false;
}

static int add(struct changing *changing)
{
	uint64_t position;
	struct sfs_span oid = changing->edit->targets[0].oid;
	struct sfsi_rows *rows = &changing->rows;
	int err = find_target(changing, oid, &position);
	if (err != SFS_ERR_NOT_FOUND)
		return err;
	if (rows->next > UINT64_MAX - SFSI_ROWS_STRIDE || rows->count >= UINT32_MAX)
		return SFS_ERR_LIMIT;
	position = rows->next;
	rows->next += SFSI_ROWS_STRIDE;
	return put_in(changing, position, oid);
}

static int remove_target(struct changing *changing, struct sfs_span oid)
{
	uint64_t position;
	int err = find_target(changing, oid, &position);
	if (!err)
		err = take_out(changing, position, oid);
	if (!err)
		left_place(&changing->rows, position);
	return err;
}

static int follow(struct changing *changing)
{
	struct sfs_span old = changing->edit->targets[0].oid, new = changing->edit->targets[1].oid;
	uint64_t position, there;
	int err = find_target(changing, new, &there);
	if (!err)
		return remove_target(changing, old);
	if (err != SFS_ERR_NOT_FOUND)
		return err;
	err = find_target(changing, old, &position);
	if (!err)
		err = take_out(changing, position, old);
	return err < 0 ? err : put_in(changing, position, new);
}

static int make_change(struct changing *changing)
{
	switch (changing->edit->kind) {
	case SFSI_RELATION_ADD: return add(changing);
	case SFSI_RELATION_REMOVE: return remove_target(changing, changing->edit->targets[0].oid);
	case SFSI_RELATION_FOLLOW: return follow(changing);
	case SFSI_RELATION_SET: break;
	}
	return SFS_ERR_INVALID;
}

/** The list with the relation's entry as it is now. */
static int make_list(const struct changing *changing, const struct sfsi_record *record,
		     struct sfs_buf *ret)
{
	struct sfsi_reader reader = sfsi_reader(record->rows.list);
	struct sfsi_rows rows;
	int err = 0;
	while (!err && sfsi_rows_next(&reader, &rows))
		err = sfsi_rows_put(ret, sfs_span_equal(rows.name, changing->rows.name)
						 ? &changing->rows
						 : &rows);
	return err;
}

static int store(const struct changing *changing, const struct sfsi_record *old)
{
	SFSI_AUTO_BUF struct sfs_buf updates = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf list = SFS_BUF_INIT;
	const struct sfs_relation *relation = &changing->edit->relation;
	struct sfsi_txn *txn = changing->txn;
	struct sfsi_record record = *old;
	struct sfsi_object *object = &record.object;
	struct sfsi_derive_side was = { relation->oid, old }, is = { relation->oid, &record };
	object->size += (uint64_t)changing->json;
	object->size_msgpack += (uint64_t)changing->msgpack;
	if (object->size > SFS_DOCUMENT_MAX || object->size_msgpack > SFS_DOCUMENT_MAX)
		return SFS_ERR_LIMIT;
	int err = make_list(changing, old, &list);
	record.rows.list = sfs_buf_span(&list);
	/* A target that got another oid is the same one: the relation did not change. */
	if (!err && changing->edit->kind != SFSI_RELATION_FOLLOW) {
		err = sfsi_updates_touch(old, relation->name, txn->now_ns, &record.updated_ns,
					 &updates);
		record.updates = sfs_buf_span(&updates);
	}
	object->mtime_ns = object->atime_ns = object->ctime_ns = txn->now_ns;
	object->revision = txn->commit;
	return err < 0 ? err : sfsi_object_change(txn, relation->class_id, &was, &is);
}

/** Does an index read one of the relations that have rows? Its keys are made of the whole body. */
static bool is_indexed(const struct sfsi_class *class, const struct sfsi_record *record)
{
	struct sfsi_reader reader = sfsi_reader(record->rows.list);
	struct sfsi_rows rows;
	while (sfsi_rows_next(&reader, &rows))
		if (sfsi_index_class_reads(class, rows.name))
			return true;
	return false;
}

bool sfsi_relation_rows_can(const struct sfsi_relation_edit *edit, const struct sfsi_class *class,
			    const struct sfsi_record *record, struct sfsi_rows *ret)
{
	/* A kept text goes, and the size of what comes in its place must be counted first. */
	return edit->kind != SFSI_RELATION_SET && !record->has_text && sfsi_rows_valid(record) &&
	       sfsi_rows_find(record, edit->relation.name, ret) && ret->count > SFSI_ROWS_KEEP &&
	       !is_indexed(class, record);
}

int sfsi_relation_rows_edit(struct sfsi_txn *txn, const struct sfsi_relation_edit *edit,
			    const struct sfsi_relation_of *of, const struct sfsi_record *record,
			    const struct sfsi_rows *rows)
{
	struct changing changing = {
		.txn = txn,
		.edit = edit,
		.target = sfsi_relation_class(txn->store, of->class, of->relation),
		.serial = record->object.serial,
		.rows = *rows,
	};
	int err = make_change(&changing);
	if (err == SFS_ERR_NOT_FOUND && edit->quiet)
		return 0;
	return err < 0 || !changing.changed ? err : store(&changing, record);
}
