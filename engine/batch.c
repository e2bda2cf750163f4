/*
 * Batches: changes that are collected, with copies of all that they name, and made in one commit.
 */
#include "base/array.h"
#include "object.h"
#include "relation.h"

#define BATCH_MAX_BYTES ((size_t)64 << 20)

enum item_kind {
	ITEM_PUT,
	ITEM_REMOVE,
	ITEM_RELATION,
};

struct batch_item {
	enum item_kind kind;
	size_t off;         /* of the oid in bytes; behind it the text, or the relation's name */
	struct sfs_put put; /* class_id, oid and ino are of all kinds; spans are set at commit */
	struct sfs_setattr attr;
	struct sfsi_prepared prepared;
	enum sfsi_edit_kind edit;
	size_t name_len;
	size_t targets_off, targets_count; /* in targets */
};

/** A target in bytes. */
struct batch_target {
	uint32_t class_id;
	size_t off, len;
};

struct sfs_batch {
	struct sfs_store *store;
	struct batch_item *items; /* [len] */
	size_t len, cap;
	struct sfs_buf bytes;   /* oids, kept texts, names */
	struct sfs_buf targets; /* struct batch_target */
	size_t weight;          /* of everything held */
};

int sfs_batch_begin(struct sfs_store *store, struct sfs_batch **ret)
{
	struct sfs_batch *batch = calloc(1, sizeof *batch);
	if (!batch)
		return SFS_ERR_NO_MEMORY;
	batch->store = store;
	*ret = batch;
	return 0;
}

void sfs_batch_abort(struct sfs_batch *batch)
{
	if (!batch)
		return;
	for (size_t i = 0; i < batch->len; i++)
		sfs_buf_fini(&batch->items[i].prepared.body);
	free(batch->items);
	sfs_buf_fini(&batch->bytes);
	sfs_buf_fini(&batch->targets);
	free(batch);
}

size_t sfs_batch_count(const struct sfs_batch *batch)
{
	return batch->len;
}

/* --- collecting --- */

static bool is_full(const struct sfs_batch *batch)
{
	return batch->weight >= BATCH_MAX_BYTES;
}

/** Room for one more item. */
static int grow(struct sfs_batch *batch)
{
	return sfsi_array_grow(&batch->items, batch->len, &batch->cap, sizeof *batch->items);
}

/** Copy the oid and what comes behind it. On failure nothing is left. */
static int copy(struct sfs_batch *batch, struct sfs_span oid, struct sfs_span more, size_t *ret_off)
{
	size_t off = batch->bytes.len;
	int err = grow(batch);
	if (!err)
		err = sfs_buf_append(&batch->bytes, oid.data, oid.len);
	if (!err)
		err = sfs_buf_append(&batch->bytes, more.data, more.len);
	if (err < 0)
		batch->bytes.len = off;
	else
		*ret_off = off;
	return err;
}

static void add(struct sfs_batch *batch, const struct batch_item *item)
{
	batch->weight += sizeof *item + item->prepared.body.cap + batch->bytes.len - item->off +
			 item->targets_count * sizeof(struct batch_target);
	batch->items[batch->len++] = *item;
}

int sfs_batch_put(struct sfs_batch *batch, const struct sfs_put *put, struct sfs_diag *diag)
{
	if (is_full(batch))
		return sfs_diag_set(diag, SFS_ERR_LIMIT, "the batch is full, commit it");
	struct batch_item item = { .kind = ITEM_PUT, .put = *put };
	int err = sfsi_object_prepare(batch->store, put, &item.prepared, diag);
	if (err < 0)
		return err;
	struct sfs_span text = put->flags & SFS_PUT_KEEP_TEXT ? put->text
							      : (struct sfs_span){ "", 0 };
	if (put->attr)
		item.attr = *put->attr;
	err = copy(batch, put->oid, text, &item.off);
	if (!err)
		add(batch, &item);
	else
		sfs_buf_fini(&item.prepared.body);
	return err < 0 ? sfs_diag_set(diag, err, "%s", sfs_err_text(err)) : 0;
}

int sfs_batch_remove(struct sfs_batch *batch, uint32_t class_id, struct sfs_span oid, uint64_t ino)
{
	struct batch_item item = {
		.kind = ITEM_REMOVE,
		.put = { .class_id = class_id, .oid = oid, .ino = ino },
	};
	if (is_full(batch))
		return SFS_ERR_LIMIT;
	if (sfsi_oid_check(oid) < 0)
		return SFS_ERR_NOT_FOUND;
	int err = copy(batch, oid, (struct sfs_span){ "", 0 }, &item.off);
	if (!err)
		add(batch, &item);
	return err;
}

static int copy_targets(struct sfs_batch *batch, const struct sfs_target *targets, size_t count)
{
	size_t before = batch->targets.len, bytes = batch->bytes.len;
	int err = 0;
	for (size_t i = 0; i < count && !err; i++) {
		struct batch_target target = { targets[i].class_id, batch->bytes.len,
					       targets[i].oid.len };
		err = target.len > SFS_OID_MAX ? SFS_ERR_LIMIT : 0;
		if (!err)
			err = sfs_buf_append(&batch->bytes, targets[i].oid.data, target.len);
		if (!err)
			err = sfs_buf_append(&batch->targets, &target, sizeof target);
	}
	if (err < 0) {
		batch->targets.len = before;
		batch->bytes.len = bytes;
	}
	return err;
}

static int add_relation(struct sfs_batch *batch, enum sfsi_edit_kind kind,
			const struct sfs_relation *relation, const struct sfs_target *targets,
			size_t count)
{
	struct batch_item item = {
		.kind = ITEM_RELATION,
		.put = { .class_id = relation->class_id, .oid = relation->oid },
		.edit = kind,
		.name_len = relation->name.len,
		.targets_off = batch->targets.len / sizeof(struct batch_target),
		.targets_count = count,
	};
	if (is_full(batch) || relation->oid.len > SFS_OID_MAX ||
	    relation->name.len > SFS_RELATION_NAME_MAX)
		return SFS_ERR_LIMIT;
	int err = copy(batch, relation->oid, relation->name, &item.off);
	if (err < 0)
		return err;
	err = copy_targets(batch, targets, count);
	if (!err)
		add(batch, &item);
	else
		batch->bytes.len = item.off;
	return err;
}

int sfs_batch_relation_set(struct sfs_batch *batch, const struct sfs_relation *relation,
			   const struct sfs_target *targets, size_t count)
{
	return add_relation(batch, SFSI_RELATION_SET, relation, targets, count);
}

int sfs_batch_relation_add(struct sfs_batch *batch, const struct sfs_relation *relation,
			   const struct sfs_target *target)
{
	return add_relation(batch, SFSI_RELATION_ADD, relation, target, 1);
}

int sfs_batch_relation_remove(struct sfs_batch *batch, const struct sfs_relation *relation,
			      const struct sfs_target *target)
{
	return add_relation(batch, SFSI_RELATION_REMOVE, relation, target, 1);
}

int sfs_batch_relation_clear(struct sfs_batch *batch, const struct sfs_relation *relation)
{
	return add_relation(batch, SFSI_RELATION_SET, relation, NULL, 0);
}

/* --- the commit --- */

static int apply_relation(struct sfsi_txn *txn, const struct sfs_batch *batch,
			  const struct batch_item *item)
{
	const char *bytes = batch->bytes.data;
	const struct batch_target *from = (const struct batch_target *)batch->targets.data +
					  item->targets_off;
	SFSI_AUTO_FREE struct sfs_target *targets = calloc(item->targets_count + 1,
							   sizeof *targets);
	if (!targets)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < item->targets_count; i++)
		targets[i] = (struct sfs_target){ from[i].class_id,
						  { bytes + from[i].off, from[i].len } };
	struct sfsi_relation_edit edit = {
		.kind = item->edit,
		.relation = { item->put.class_id,
			      item->put.oid,
			      { (const char *)item->put.oid.data + item->put.oid.len,
				item->name_len } },
		.targets = targets,
		.count = item->targets_count,
	};
	return sfsi_relation_edit(txn, &edit, NULL);
}

static int apply_item(struct sfsi_txn *txn, const struct sfs_batch *batch, struct batch_item *item)
{
	struct sfs_put *put = &item->put;
	put->oid.data = (const char *)batch->bytes.data + item->off;
	if (item->kind == ITEM_REMOVE)
		return sfsi_object_remove(txn, put->class_id, put->oid, put->ino);
	if (item->kind == ITEM_RELATION)
		return apply_relation(txn, batch, item);
	if (put->flags & SFS_PUT_KEEP_TEXT)
		put->text.data = (const char *)put->oid.data + put->oid.len;
	if (put->attr)
		put->attr = &item->attr;
	return sfsi_object_apply(txn, put, &item->prepared, NULL);
}

int sfs_batch_commit(struct sfs_batch *batch, size_t *ret_failed)
{
	struct sfsi_txn txn;
	size_t failed = SIZE_MAX;
	int err = sfsi_txn_begin(batch->store, &txn);
	if (!err) {
		for (size_t i = 0; i < batch->len && !err; i++) {
			err = apply_item(&txn, batch, &batch->items[i]);
			if (err < 0)
				failed = i;
		}
		err = sfsi_txn_end(&txn, err);
	}
	sfs_batch_abort(batch);
	if (err < 0 && ret_failed)
		*ret_failed = failed;
	return err;
}
