/*
 * Objects: records by themselves, and the triangle of record, entry and inode.
 *
 * Who reports what, so that one damage is one finding: a record that lacks its entry or its inode
 * speaks for them; an entry without record speaks for both missing sides; an inode speaks
 * only where neither record nor entry knows it.
 */
#include "check/check.h"
#include "document/document.h"
#include "document/msgpack.h"
#include "hash.h"
#include "object.h"

static struct sfs_span oid_of(struct sfs_span key, size_t skip)
{
	return (struct sfs_span){ (const char *)key.data + skip, key.len - skip };
}

static uint64_t *bucket_of(struct sfsi_check *check, struct sfs_span oid, uint64_t *ret_hash)
{
	*ret_hash = sfsi_hash(oid, check->sums->seed);
	return &check->sums->objects[*ret_hash % SFSI_CHECK_BUCKETS];
}

/** What record and entry have in common. */
static uint64_t attr_sum(uint64_t hash, const struct sfsi_object *object)
{
	uint8_t bytes[SFSI_ENTRY_SIZE];
	size_t len = sfsi_entry_encode(object, bytes);
	return sfsi_hash((struct sfs_span){ bytes, len }, hash);
}

/** What record and inode have in common. */
static uint64_t serial_sum(uint64_t hash, uint64_t serial)
{
	return sfsi_hash((struct sfs_span){ &serial, sizeof serial }, hash ^ 1);
}

bool sfsi_check_objects_suspect(struct sfsi_check *check)
{
	for (size_t i = 0; i < SFSI_CHECK_BUCKETS; i++)
		if (check->sums->objects[i])
			return true;
	return false;
}

bool sfsi_check_object_suspect(struct sfsi_check *check, struct sfs_span oid)
{
	uint64_t hash;
	return *bucket_of(check, oid, &hash) != 0;
}

/* --- a record by itself --- */

/** Number of update times: each a base-128 number of at most 10 bytes. SIZE_MAX: cut off. */
static size_t count_updates(struct sfs_span updates)
{
	const uint8_t *at = updates.data;
	size_t count = 0, len = 0;
	for (size_t i = 0; i < updates.len; i++) {
		if (++len > 10)
			return SIZE_MAX;
		if (!(at[i] & 0x80)) {
			count++;
			len = 0;
		}
	}
	return len ? SIZE_MAX : count;
}

static const struct sfsi_class *class_of(const struct sfsi_check *check)
{
	return sfsi_class_ref(check->store, check->partition);
}

/** Are the objects those of a database: any JSON values? */
static bool is_value(const struct sfsi_check *check)
{
	const struct sfsi_class *class = class_of(check);
	return class && class->database;
}

static void check_updates(struct sfsi_check *check, struct sfs_span oid,
			  const struct sfsi_record *record)
{
	struct sfsi_msgpack_map map;
	bool value = is_value(check);
	int err = value ? sfsi_msgpack_body_init(&map, record->body)
			: sfsi_msgpack_map_init(&map, record->body);
	if (err < 0) {
		sfsi_check_found(check, SFS_CHECK_BODY, "the body is not a msgpack map")->oid = oid;
		return;
	}
	size_t count = count_updates(record->updates);
	if (count && count != map.left)
		sfsi_check_found(check, SFS_CHECK_UPDATES,
				 "the update times are not those of %lu properties",
				 (unsigned long)map.left)
			->oid = oid;
}

/** Parse one text of the object; it must say what the body says. */
static int parse_same(struct sfsi_check *check, enum sfs_format format, struct sfs_span text,
		      struct sfs_span oid, struct sfs_span body)
{
	SFSI_AUTO_BUF struct sfs_buf parsed = SFS_BUF_INIT;
	/* The class may have had another type when it was saved. */
	struct sfsi_document_rules rules = { .oid = oid,
					     .any_type = true,
					     .value = is_value(check) };
	bool same = false;
	int err = sfsi_document_parse(format, text, &rules, &parsed, NULL);
	if (!err)
		err = sfsi_schema_same(body, sfs_buf_span(&parsed), &same);
	return !err && !same ? SFS_ERR_CORRUPT : err;
}

/** A body is what a parser would make of it, byte for byte. */
static int parse_canonical(struct sfsi_check *check, struct sfs_span body, struct sfs_span oid)
{
	SFSI_AUTO_BUF struct sfs_buf parsed = SFS_BUF_INIT;
	struct sfsi_document_rules rules = { .oid = oid,
					     .any_type = true,
					     .value = is_value(check) };
	int err = sfsi_document_parse(SFS_FORMAT_MSGPACK, body, &rules, &parsed, NULL);
	return !err && !sfs_span_equal(sfs_buf_span(&parsed), body) ? SFS_ERR_CORRUPT : err;
}

/** err: a read that failed for want of memory says nothing about the data. */
static bool is_wrong(struct sfsi_check *check, int err)
{
	if (err == SFS_ERR_NO_MEMORY)
		check->err = err;
	return err < 0 && err != SFS_ERR_NO_MEMORY;
}

static void check_sizes(struct sfsi_check *check, struct sfs_span oid,
			const struct sfsi_record *record)
{
	const struct sfsi_object *object = &record->object;
	SFSI_AUTO_BUF struct sfs_buf json = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf msgpack = SFS_BUF_INIT;
	int err = sfsi_object_render(record, SFS_FORMAT_JSON, &json);
	if (!err)
		err = sfsi_object_render(record, SFS_FORMAT_MSGPACK, &msgpack);
	if (is_wrong(check, err))
		sfsi_check_found(check, SFS_CHECK_BODY, "the body can not be shown: %s",
				 sfs_err_text(err))
			->oid = oid;
	else if (!err && (json.len != object->size || msgpack.len != object->size_msgpack))
		sfsi_check_found(
			check, SFS_CHECK_SIZE,
			"the documents have %zu and %zu bytes, the record says %llu and %llu",
			json.len, msgpack.len, (unsigned long long)object->size,
			(unsigned long long)object->size_msgpack)
			->oid = oid;
}

static void check_content(struct sfsi_check *check, struct sfs_span oid,
			  const struct sfsi_record *record)
{
	int err = parse_canonical(check, record->body, oid);
	if (is_wrong(check, err)) {
		sfsi_check_found(check, SFS_CHECK_BODY,
				 "the body is not the canonical msgpack of a document")
			->oid = oid;
		return;
	}
	err = record->has_text
		      ? parse_same(check, record->text_format, record->text, oid, record->body)
		      : 0;
	if (is_wrong(check, err))
		sfsi_check_found(check, SFS_CHECK_TEXT,
				 "the kept text does not say what the object holds")
			->oid = oid;
	check_sizes(check, oid, record);
}

static void check_document(struct sfsi_check *check, struct sfs_span oid,
			   const struct sfsi_record *record)
{
	if (!check->found_count && !(check->wanted->flags & SFS_CHECK_QUICK))
		check_content(check, oid, record);
	if (!check->found_count && !(check->wanted->flags & SFS_CHECK_QUICK))
		sfsi_check_schema_object(check, oid, record->body);
}

static bool decode(const struct sfsi_check_row *row, struct sfsi_record *ret)
{
	return row->key.len > 1 && row->key.len <= 1 + SFS_OID_MAX &&
	       sfsi_record_decode(row->val, row->key, ret) == 0;
}

static void object_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_record record;
	struct sfs_span oid = oid_of(row->key, 1);
	if (!decode(row, &record)) {
		sfsi_check_found(check, SFS_CHECK_RECORD,
				 "the record is damaged: its checksum or its shape is wrong")
			->oid = oid;
		return;
	}
	check_updates(check, oid, &record);
	/* Of one with rows all of it is looked at outside of the scan. */
	if (!sfsi_rows_valid(&record))
		check_document(check, oid, &record);
}

static void object_take(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_record record;
	uint64_t hash;
	if (!decode(row, &record))
		return;
	uint64_t *sum = bucket_of(check, oid_of(row->key, 1), &hash);
	*sum += attr_sum(hash, &record.object) + serial_sum(hash, record.object.serial);
	check->result.objects++;
	sfsi_check_revision(check, record.object.revision);
	sfsi_check_index_object(check, oid_of(row->key, 1), &record, false);
	if (record.object.serial > check->class.max_serial)
		check->class.max_serial = record.object.serial;
}

/* --- entries and inodes of objects: their shares of the sums --- */

void sfsi_check_object_entry(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfs_span oid = oid_of(row->key, SFSI_ENTRY_NAME);
	struct sfsi_object object;
	struct sfsi_key key;
	const char *wrong = NULL;
	if (oid.len > SFS_OID_MAX)
		wrong = "the entry is in the wrong place";
	else if (sfsi_entry_decode(row->val, &object) < 0)
		wrong = "the entry can not be read";
	else
		sfsi_object_entry(check->store, class_of(check), oid, object.number, &key);
	if (!wrong && !sfs_span_equal(sfsi_key_span(&key), row->key))
		wrong = "the entry is in the wrong place";
	if (wrong)
		sfsi_check_found(check, SFS_CHECK_ENTRY, "%s", wrong)->oid = oid;
}

void sfsi_check_object_entry_take(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_object object;
	uint64_t hash;
	if (sfsi_entry_decode(row->val, &object) < 0)
		return;
	uint64_t *sum = bucket_of(check, oid_of(row->key, SFSI_ENTRY_NAME), &hash);
	*sum -= attr_sum(hash, &object);
	check->class.objects++;
}

void sfsi_check_object_inode_take(struct sfsi_check *check, const struct sfsi_inode *inode)
{
	uint64_t hash;
	uint64_t *sum = bucket_of(check, inode->text, &hash);
	*sum -= serial_sum(hash, inode->serial);
}

/* --- the triangle --- */

/** Attributes in the entry of an oid. Returns as sfsi_check_get(), and SFS_ERR_CORRUPT. */
static int get_entry(struct sfsi_check *check, struct sfs_span oid, uint64_t number,
		     struct sfsi_object *ret)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_object_entry(check->store, class_of(check), oid, number, &key);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	return err < 0 ? err : sfsi_entry_decode(sfs_buf_span(&val), ret);
}

/** The serial in the record of an oid; 0: the record is damaged. */
static int get_record(struct sfsi_check *check, struct sfs_span oid, uint64_t *ret)
{
	struct sfsi_key key;
	struct sfsi_record record;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_key_object(&key, oid);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	if (err == SFS_ERR_CORRUPT && check->found_count)
		check->found[check->found_count - 1].problem.oid = oid;
	if (err < 0)
		return err;
	err = sfsi_record_decode(sfs_buf_span(&val), sfsi_key_span(&key), &record);
	*ret = err < 0 ? 0 : record.object.serial;
	return 0;
}

static void settle_entry(struct sfsi_check *check, struct sfs_span oid,
			 const struct sfsi_object *object)
{
	uint8_t mine[SFSI_ENTRY_SIZE], other[SFSI_ENTRY_SIZE];
	struct sfsi_object entry;
	int err = get_entry(check, oid, object->number, &entry);
	struct sfs_check_problem *problem = NULL;
	if (err == SFS_ERR_NOT_FOUND)
		problem = sfsi_check_found(check, SFS_CHECK_ENTRY_MISSING,
					   "the object has no entry: no listing shows it");
	bool differs = false;
	if (!err) {
		size_t len = sfsi_entry_encode(object, mine);
		sfsi_entry_encode(&entry, other);
		differs = memcmp(mine, other, len) != 0;
	}
	if (differs)
		problem = sfsi_check_found(check, SFS_CHECK_ENTRY_DIFFERS,
					   "the entry's attributes are not those of the record");
	if (problem) {
		problem->oid = oid;
		problem->ino = sfs_ino_make(check->partition, object->serial);
	}
}

static void settle_inode(struct sfsi_check *check, struct sfs_span oid, uint64_t serial)
{
	struct sfsi_key key;
	struct sfsi_inode inode;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_key_serial(&key, 'N', serial);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	struct sfs_check_problem *problem = NULL;
	if (err == SFS_ERR_NOT_FOUND)
		problem = sfsi_check_found(check, SFS_CHECK_INODE_MISSING,
					   "the object has no inode: its number leads nowhere");
	/* An inode that can not be read was reported by itself. */
	if (!err && sfsi_inode_decode(sfs_buf_span(&val), serial, &inode) == 0 &&
	    (inode.type != SFS_NODE_OBJECT || !sfs_span_equal(inode.text, oid)))
		problem = sfsi_check_found(check, SFS_CHECK_INODE_DIFFERS,
					   "the inode of the object leads to something else");
	if (problem) {
		problem->oid = oid;
		problem->ino = sfs_ino_make(check->partition, serial);
	}
}

static bool object_needs(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_record record;
	return sfsi_check_refers(check) || (decode(row, &record) && sfsi_rows_valid(&record));
}

static void object_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_record record;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_span oid = oid_of(row->key, 1);
	if (!decode(row, &record))
		return;
	if (sfsi_rows_valid(&record)) {
		int err = sfsi_object_read(check->store, check->partition, oid, &buf, &record);
		if (err == SFS_ERR_NOT_FOUND)
			return;
		if (is_wrong(check, err))
			sfsi_check_found(
				check, SFS_CHECK_ROWS,
				"the rows of a relation are not those that the record says")
				->oid = oid;
		if (err < 0)
			return;
		check_document(check, oid, &record);
		/* Once: what is confirmed was counted before. */
		if (!check->locked)
			sfsi_check_index_object(check, oid, &record, true);
	}
	if (sfsi_check_refers(check))
		sfsi_check_references(check, oid, &record);
}

static bool object_suspect(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfs_span oid = oid_of(row->key, 1);
	return sfsi_check_object_suspect(check, oid) || sfsi_check_index_object_suspect(check, oid);
}

static void object_settle(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_record record;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_span oid = oid_of(row->key, 1);
	if (!decode(row, &record))
		return;
	settle_entry(check, oid, &record.object);
	settle_inode(check, oid, record.object.serial);
	/* What keeps it from being whole was said by object_relate(). */
	if (sfsi_rows_valid(&record) &&
	    sfsi_object_read(check->store, check->partition, oid, &buf, &record) < 0)
		return;
	sfsi_check_index_object_settle(check, oid, &record);
}

void sfsi_check_object_entry_settle(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfs_span oid = oid_of(row->key, SFSI_ENTRY_NAME);
	struct sfsi_object object;
	uint64_t serial;
	if (oid.len > SFS_OID_MAX || sfsi_entry_decode(row->val, &object) < 0)
		return;
	if (get_record(check, oid, &serial) != SFS_ERR_NOT_FOUND)
		return;
	struct sfs_check_problem *problem = sfsi_check_found(
		check, SFS_CHECK_RECORD_MISSING, "an entry leads to an object that has no record");
	problem->oid = oid;
	problem->ino = sfs_ino_make(check->partition, object.serial);
}

void sfsi_check_object_inode_settle(struct sfsi_check *check, const struct sfsi_inode *inode)
{
	struct sfsi_object entry;
	struct sfs_check_problem *problem = NULL;
	uint64_t serial;
	int err = get_record(check, inode->text, &serial);
	/* The entry speaks for a record that can not be read. */
	if (err == SFS_ERR_CORRUPT)
		check->found_count = 0;
	if (err == SFS_ERR_NOT_FOUND &&
	    get_entry(check, inode->text, inode->serial, &entry) == SFS_ERR_NOT_FOUND)
		problem = sfsi_check_found(check, SFS_CHECK_RECORD_MISSING,
					   "an inode leads to an object that does not exist");
	if (!err && serial && serial != inode->serial)
		problem = sfsi_check_found(check, SFS_CHECK_INODE_DIFFERS,
					   "an inode leads to an object that has another number");
	if (problem) {
		problem->oid = inode->text;
		problem->ino = sfs_ino_make(check->partition, inode->serial);
	}
}

const struct sfsi_check_table sfsi_check_object = {
	.letter = 'O',
	.row = object_row,
	.take = object_take,
	.needs = object_needs,
	.relate = object_relate,
	.suspect = object_suspect,
	.settle = object_settle,
};
