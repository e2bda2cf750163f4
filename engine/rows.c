/* Rows of relations with many targets: see rows.h. */
#include "rows.h"
#include "document/msgpack.h"
#include "schema/reference.h"

/* --- the list in a record --- */

bool sfsi_rows_next(struct sfsi_reader *reader, struct sfsi_rows *ret)
{
	if (!reader->left)
		return false;
	uint8_t name = sfsi_read_u8(reader), type = sfsi_read_u8(reader);
	ret->regular = sfsi_read_u8(reader);
	ret->count = sfsi_read_u64(reader);
	ret->next = sfsi_read_u64(reader);
	ret->name = (struct sfs_span){ sfsi_read_bytes(reader, name), name };
	ret->type = (struct sfs_span){ sfsi_read_bytes(reader, type), type };
	return !reader->bad;
}

bool sfsi_rows_find(const struct sfsi_record *record, struct sfs_span name, struct sfsi_rows *ret)
{
	struct sfsi_reader reader = sfsi_reader(record->rows.list);
	while (sfsi_rows_next(&reader, ret))
		if (sfs_span_equal(ret->name, name))
			return true;
	return false;
}

int sfsi_rows_put(struct sfs_buf *list, const struct sfsi_rows *rows)
{
	uint8_t head[19];
	uint8_t *at = sfsi_put_u8(head, (uint8_t)rows->name.len);
	at = sfsi_put_u8(at, (uint8_t)rows->type.len);
	at = sfsi_put_u8(at, rows->regular);
	at = sfsi_put_u64(at, rows->count);
	at = sfsi_put_u64(at, rows->next);
	int err = sfs_buf_append(list, head, (size_t)(at - head));
	if (!err)
		err = sfs_buf_append(list, rows->name.data, rows->name.len);
	return err < 0 ? err : sfs_buf_append(list, rows->type.data, rows->type.len);
}

/* --- keys and values --- */

void sfsi_rows_prefix(char part, uint64_t serial, struct sfs_span name, struct sfsi_key *ret)
{
	uint8_t len = (uint8_t)name.len;
	ret->data[0] = 'L';
	ret->data[1] = (uint8_t)part;
	sfsi_put_be64(ret->data + 2, serial);
	ret->len = 10;
	if (!len)
		return;
	sfsi_key_append(ret, (struct sfs_span){ &len, 1 });
	sfsi_key_append(ret, name);
}

void sfsi_rows_place(uint64_t serial, struct sfs_span name, uint64_t position, struct sfsi_key *ret)
{
	sfsi_rows_prefix('P', serial, name, ret);
	sfsi_put_be64(ret->data + ret->len, position);
	ret->len += 8;
}

void sfsi_rows_target(uint64_t serial, struct sfs_span name, struct sfs_span oid,
		      struct sfsi_key *ret)
{
	sfsi_rows_prefix('T', serial, name, ret);
	sfsi_key_append(ret, oid);
}

int sfsi_rows_oid(struct sfs_span key, struct sfs_span val, struct sfs_span *ret)
{
	int err = sfsi_sealed_decode(val, key, ret);
	return !err && (ret->len == 0 || ret->len > SFS_OID_MAX) ? SFS_ERR_CORRUPT : err;
}

int sfsi_rows_position(struct sfs_span key, struct sfs_span val, uint64_t *ret)
{
	struct sfs_span content;
	int err = sfsi_sealed_decode(val, key, &content);
	struct sfsi_reader reader = sfsi_reader(content);
	if (err < 0)
		return err;
	*ret = sfsi_read_u64(&reader);
	return reader.bad || reader.left ? SFS_ERR_CORRUPT : 0;
}

uint64_t sfsi_rows_key_position(struct sfs_span key)
{
	return key.len < 8 ? 0 : sfsi_get_be64((const uint8_t *)key.data + key.len - 8);
}

static int put_sealed(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_key *key,
		      struct sfs_span content)
{
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	int err = sfsi_sealed_encode(content, sfsi_key_span(key), &value);
	return err < 0 ? err
		       : sfsi_txn_put(txn, class_id, sfsi_key_span(key), sfs_buf_span(&value));
}

int sfsi_rows_add(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial, struct sfs_span name,
		  uint64_t position, struct sfs_span oid)
{
	struct sfsi_key key;
	uint8_t bytes[8];
	sfsi_rows_place(serial, name, position, &key);
	int err = put_sealed(txn, class_id, &key, oid);
	sfsi_rows_target(serial, name, oid, &key);
	sfsi_put_u64(bytes, position);
	return err < 0 ? err : put_sealed(txn, class_id, &key, (struct sfs_span){ bytes, 8 });
}

int sfsi_rows_drop(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial, struct sfs_span name,
		   uint64_t position, struct sfs_span oid)
{
	struct sfsi_key key;
	sfsi_rows_place(serial, name, position, &key);
	int err = sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
	sfsi_rows_target(serial, name, oid, &key);
	return err < 0 ? err : sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
}

/* --- whole records --- */

struct assembling {
	const struct sfsi_rows *rows;
	struct sfs_buf *out;
	uint64_t count;
	int err;
};

static int append_target(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct assembling *assembling = arg;
	struct sfs_span oid;
	assembling->err = sfsi_rows_oid(key, val, &oid);
	if (!assembling->err)
		assembling->err = sfsi_reference_put(assembling->out, oid, assembling->rows->type);
	assembling->count++;
	return assembling->err < 0;
}

/** The value of one relation from its rows. */
static int append_rows(uint32_t class_id, uint64_t serial, const struct sfsi_rows *rows,
		       sfsi_rows_scan_fn *scan, void *arg, struct sfs_buf *out)
{
	struct sfsi_key prefix;
	struct sfsi_msgpack_writer writer;
	struct assembling assembling = { .rows = rows, .out = out };
	sfsi_rows_prefix('P', serial, rows->name, &prefix);
	struct sfsi_scan rows_scan = { .partition = class_id, .prefix = sfsi_key_span(&prefix) };
	sfsi_msgpack_writer_init(&writer, out);
	int err = rows->count > UINT32_MAX
			  ? SFS_ERR_CORRUPT
			  : writer.sink.ops->array_begin(&writer.sink, (uint32_t)rows->count);
	if (!err)
		err = scan(arg, &rows_scan, append_target, &assembling);
	if (err == SFS_ERR_CANCELLED)
		err = assembling.err;
	return !err && assembling.count != rows->count ? SFS_ERR_CORRUPT : err;
}

static int append_body(uint32_t class_id, const struct sfsi_record *record, sfsi_rows_scan_fn *scan,
		       void *arg, struct sfs_buf *out)
{
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	struct sfsi_rows rows;
	int err = sfsi_msgpack_map_init(&map, record->body);
	if (!err)
		err = sfsi_msgpack_map_header(out, map.left);
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0) {
		err = sfs_buf_append(out, pair.key.data, pair.key.len);
		if (err < 0)
			return err;
		if (pair.name.data && sfsi_rows_find(record, pair.name, &rows))
			err = append_rows(class_id, record->object.serial, &rows, scan, arg, out);
		else
			err = sfs_buf_append(out, pair.value.data, pair.value.len);
	}
	return err < 0 ? err : 0;
}

/** The same place in bytes that moved. */
static void rebase(struct sfs_span *span, const void *from, const void *to)
{
	if (span->len)
		span->data = (const char *)to + ((const char *)span->data - (const char *)from);
}

int sfsi_rows_assemble(uint32_t class_id, sfsi_rows_scan_fn *scan, void *arg, struct sfs_buf *buf,
		       struct sfsi_record *record)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	const void *from = buf->data;
	size_t end = buf->len;
	int err = append_body(class_id, record, scan, arg, &body);
	if (!err)
		err = sfs_buf_append(buf, body.data, body.len);
	if (err < 0)
		return err;
	struct sfs_span *spans[] = { &record->updates, &record->text, &record->rows.list,
				     &record->rows.stored };
	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
		rebase(spans[i], from, buf->data);
	record->body = (struct sfs_span){ (const char *)buf->data + end, body.len };
	record->rows.whole = record->body;
	return 0;
}
