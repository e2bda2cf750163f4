/* All rows of a new database at once: see fresh.h. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include "backend/bulk.h"
#include "backend/key.h"
#include "database/fresh.h"
#include "database/plain.h"
#include "database/value.h"
#include "document/document.h"
#include "document/msgpack.h"
#include "document/msgpack_head.h"
#include "object.h"

/** An item that is shown. */
struct row {
	uint64_t prefix; /* first bytes of the name, big-endian: mostly enough to compare */
	uint32_t at;     /* of its key in the image; in a list, of its value */
	uint32_t place;  /* among those that are shown */
	uint32_t len;    /* of its value */
	uint32_t json;   /* length of its document */
};

/** In json: the body is not the value. */
#define MADE 0x80000000u
/** Numbers of items of a list that are all prefix. */
#define LIST_MAX 100000000

struct loading {
	struct sfsi_fresh *fresh;
	const struct sfsi_image *image;
	uint32_t class_id;
	struct sfsi_bulk *bulk;
	struct row *rows; /* [count] */
	size_t count;
	uint64_t first; /* serial */
	uint64_t revision;
	bool sorted; /* so far */
	struct sfs_buf body, json, value;
	struct sfsi_key
		key; /* not on the stack, where a hardened build would clear it for each row */
};

/** What is known of the one that is looked at. */
struct item {
	struct sfs_span name, value, body;
	char digits[SFSI_NUMBER_SIZE];
};

static struct sfs_span image_from(const struct loading *loading, size_t at)
{
	return sfsi_span_skip(loading->image->bytes, at);
}

/** Under loading->key. */
static int put(struct loading *loading, struct sfs_span val)
{
	struct sfsi_op op = { .partition = loading->class_id,
			      .key = sfsi_key_span(&loading->key),
			      .val = val };
	return sfsi_bulk_put(loading->bulk, &op);
}

/* --- in the order of the file: entries and inodes --- */

static struct sfsi_object object_of(const struct loading *loading, const struct row *row,
				    size_t body_len)
{
	const struct sfsi_fresh *fresh = loading->fresh;
	uint64_t serial = loading->first + row->place;
	return (struct sfsi_object){
		.serial = serial,
		.number = serial,
		.mode = fresh->mode,
		.uid = fresh->uid,
		.gid = fresh->gid,
		.size = row->json & ~MADE,
		.size_msgpack = body_len,
		.atime_ns = fresh->time_ns,
		.mtime_ns = fresh->time_ns,
		.ctime_ns = fresh->time_ns,
		.revision = loading->revision,
	};
}

static int put_entry(struct loading *loading, const struct row *row, const struct item *item)
{
	struct sfsi_key *key = &loading->key;
	uint8_t entry[SFSI_ENTRY_SIZE];
	struct sfsi_object object = object_of(loading, row, item->body.len);
	struct sfsi_inode inode = { .type = SFS_NODE_OBJECT,
				    .serial = object.serial,
				    .text = item->name };
	struct sfsi_database *database = loading->fresh->database;
	size_t len = sfsi_entry_encode(&object, entry);
	sfsi_object_entry(database->store, database->class, item->name, object.number, key);
	int err = put(loading, (struct sfs_span){ entry, len });
	loading->value.len = 0;
	if (!err)
		err = sfsi_inode_encode(&inode, &loading->value);
	sfsi_key_serial(key, 'N', object.serial);
	return err < 0 ? err : put(loading, sfs_buf_span(&loading->value));
}

/** The body of a value that is not its own. */
static int make_body(struct loading *loading, struct item *item)
{
	loading->body.len = 0;
	int err = sfsi_value_body(item->value, loading->image->mixed, &loading->body);
	item->body = sfs_buf_span(&loading->body);
	return err;
}

/** Length of value and document at an offset. */
static int measure(struct loading *loading, size_t at, struct row *row, struct item *item)
{
	struct sfs_span rest = image_from(loading, at);
	size_t len, json;
	if (!loading->image->mixed && sfsi_value_is_plain(rest, &len, &json)) {
		row->len = (uint32_t)len;
		row->json = (uint32_t)json;
		item->body = item->value = (struct sfs_span){ rest.data, len };
		return 0;
	}
	row->len = (uint32_t)sfsi_msgpack_len(rest);
	item->value = (struct sfs_span){ rest.data, row->len };
	int err = make_body(loading, item);
	loading->json.len = 0;
	if (!err)
		err = sfsi_document_render(SFS_FORMAT_JSON, item->body, &loading->json);
	row->json = MADE | (uint32_t)loading->json.len;
	return err;
}

static void name_number(struct item *item, uint32_t number)
{
	int len = snprintf(item->digits, sizeof item->digits, "%u", number);
	item->name = (struct sfs_span){ item->digits, (size_t)len };
}

static uint64_t prefix_of(struct sfs_span name)
{
	uint64_t prefix = 0;
	memcpy(&prefix, name.data, name.len < sizeof prefix ? name.len : sizeof prefix);
	return be64toh(prefix);
}

/** The name of an item: of the key at *at, which is passed over, or its number. */
static int name_item(const struct loading *loading, uint32_t place, size_t *at, struct item *item)
{
	struct sfsi_head head;
	if (loading->image->root == SFSI_ROOT_LIST) {
		name_number(item, place);
		return 0;
	}
	if (sfsi_head_read(image_from(loading, *at), &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	/* Numbers as keys. */
	if (head.kind != SFSI_HEAD_STRING && head.kind != SFSI_HEAD_BINARY)
		return SFS_ERR_UNSUPPORTED;
	item->name = head.body;
	*at += head.len;
	return 0;
}

static int compare(const struct loading *loading, const struct row *a, const struct row *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	struct item left, right;
	size_t at = a->at, other = b->at;
	/* They were read before. */
	if (name_item(loading, a->place, &at, &left) < 0 ||
	    name_item(loading, b->place, &other, &right) < 0)
		return 0;
	return sfsi_span_compare(left.name, right.name);
}

static int add_row(struct loading *loading, const struct row *row, const struct item *item)
{
	struct row *added = &loading->rows[loading->count++];
	*added = *row;
	added->prefix = prefix_of(item->name);
	if (loading->count > 1 && loading->sorted)
		loading->sorted = compare(loading, added - 1, added) < 0;
	return put_entry(loading, added, item);
}

static int read_items(struct loading *loading)
{
	size_t at = loading->image->first;
	int err = 0;
	for (uint32_t i = 0; !err && i < loading->image->count; i++) {
		struct row row = { .at = (uint32_t)at, .place = (uint32_t)loading->count };
		struct item item;
		err = name_item(loading, row.place, &at, &item);
		if (!err)
			err = measure(loading, at, &row, &item);
		at += row.len;
		if (!err && item.name.len > 0 && item.name.len <= SFS_OID_MAX)
			err = add_row(loading, &row, &item);
	}
	return err;
}

/* --- in the order of the keys: records --- */

static int by_name(const void *left, const void *right, void *arg)
{
	return compare(arg, left, right);
}

/** SFS_ERR_UNSUPPORTED: some repeat. */
static int sort_rows(struct loading *loading)
{
	if (loading->sorted)
		return 0;
	qsort_r(loading->rows, loading->count, sizeof *loading->rows, by_name, loading);
	for (size_t i = 1; i < loading->count; i++)
		if (compare(loading, &loading->rows[i - 1], &loading->rows[i]) == 0)
			return SFS_ERR_UNSUPPORTED;
	return 0;
}

static int put_record(struct loading *loading, const struct row *row)
{
	struct sfsi_key *key = &loading->key;
	struct item item;
	size_t at = row->at;
	int err = name_item(loading, row->place, &at, &item);
	item.body = item.value = (struct sfs_span){ image_from(loading, at).data, row->len };
	if (!err && row->json & MADE)
		err = make_body(loading, &item);
	struct sfsi_record record = {
		.object = object_of(loading, row, item.body.len),
		.updated_ns = loading->fresh->time_ns,
		.body = item.body,
		.text = { "", 0 },
	};
	if (err < 0)
		return err;
	sfsi_key_object(key, item.name);
	loading->value.len = 0;
	err = sfsi_record_encode(&record, sfsi_key_span(key), &loading->value);
	return err < 0 ? err : put(loading, sfs_buf_span(&loading->value));
}

/* --- the commit --- */

static void tell(void *arg, struct sfsi_txn *txn)
{
	const struct loading *loading = arg;
	struct sfs_store *store = txn->store;
	for (size_t i = 0; i < loading->count; i++) {
		const struct row *row = &loading->rows[i];
		struct item item;
		size_t at = row->at;
		if (name_item(loading, row->place, &at, &item) < 0)
			continue;
		struct sfs_change change = {
			.type = SFS_CHANGE_ADDED,
			.ino = sfs_ino_make(loading->class_id, loading->first + row->place),
			.dir = sfs_ino_make(loading->class_id, SFSI_SERIAL_ROOT),
			.object = true,
			.revision = txn->commit,
			.name = item.name,
		};
		store->listener.changed(store->listener.arg, &change);
	}
}

/** The oid at a place in their order; valid until the next call. */
static struct sfs_span oid_at(void *arg, size_t place)
{
	struct loading *loading = arg;
	const struct row *row = &loading->rows[place];
	struct item item = { .name = { "", 0 } };
	size_t at = row->at;
	(void)!name_item(loading, row->place, &at, &item);
	loading->value.len = 0;
	if (sfs_buf_append(&loading->value, item.name.data, item.name.len) < 0)
		return (struct sfs_span){ NULL, 0 };
	return sfs_buf_span(&loading->value);
}

static bool is_empty(const struct sfsi_database *database)
{
	struct sfsi_state state;
	sfsi_class_state(database->store, database->class, &state);
	const struct sfsi_class *class = database->class;
	return state.objects == 0 && !database->changed && !class->positions.stale &&
	       class->tables.len == 0 && !(class->schema && class->schema->relations_count);
}

static int commit_rows(struct loading *loading)
{
	struct sfsi_txn txn;
	struct sfsi_txn_class *class;
	struct sfsi_database *database = loading->fresh->database;
	sfsi_txn_begin_inward(database->store, &txn);
	txn.bulk = (struct sfsi_txn_bulk){ loading->bulk, tell, loading };
	loading->bulk = NULL;
	/* Somebody saved meanwhile. */
	int err = is_empty(database) ? 0 : SFS_ERR_BUSY;
	if (!err)
		err = sfsi_txn_class(&txn, loading->class_id, &class);
	if (!err) {
		class->state.objects = loading->count;
		class->state.mtime_ns = class->state.ctime_ns = txn.now_ns;
		err = sfsi_positions_fill(&txn, database->class, loading->count, oid_at, loading);
	}
	return sfsi_txn_end(&txn, err);
}

static int load(struct loading *loading)
{
	int err = read_items(loading);
	if (!err)
		err = sort_rows(loading);
	for (size_t i = 0; !err && i < loading->count; i++)
		err = put_record(loading, &loading->rows[i]);
	return err < 0 ? err : commit_rows(loading);
}

static bool is_possible(const struct sfsi_fresh *fresh)
{
	const struct sfsi_image *image = fresh->image;
	if (image->count < SFSI_FRESH_MIN || image->bytes.len > UINT32_MAX / 2)
		return false;
	if (image->root == SFSI_ROOT_LIST)
		return image->count < LIST_MAX;
	return image->root == SFSI_ROOT_MAP;
}

int sfsi_database_take_fresh(struct sfsi_fresh *fresh)
{
	struct sfsi_database *database = fresh->database;
	const struct sfsi_image *image = fresh->image;
	struct loading loading = {
		.fresh = fresh,
		.image = image,
		.class_id = database->class->id,
		.revision = atomic_load(&database->store->commit) + 1,
		.sorted = true,
	};
	if (!is_possible(fresh) || !is_empty(database))
		return SFS_ERR_UNSUPPORTED;
	int err = sfsi_bulk_begin(database->store->backend, &loading.bulk);
	if (err < 0)
		return err;
	loading.rows = calloc(image->count, sizeof *loading.rows);
	loading.first = sfsi_class_serials(database->class, image->count);
	if (!loading.rows || !loading.first)
		err = loading.rows ? SFS_ERR_LIMIT : SFS_ERR_NO_MEMORY;
	if (!err)
		err = load(&loading);
	if (!err)
		fresh->last_number = loading.first + loading.count - 1;
	sfsi_bulk_abort(loading.bulk);
	free(loading.rows);
	sfs_buf_fini(&loading.body);
	sfs_buf_fini(&loading.json);
	sfs_buf_fini(&loading.value);
	return err;
}
