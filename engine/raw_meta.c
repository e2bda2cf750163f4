/*
 * Metadata of raws, as it is read: one small record per inode, a map in the order of setting (raw_meta.h).
 * Outside values are text; as a document they are what they are (docs/raw.md).
 */
#include <storefs/export.h>
#include "bytes.h"
#include "document/document.h"
#include "memo.h"
#include "raw_meta.h"
#include "schema/type.h"

#define MARK 0xc1
#define HEAD (1 + 8 + 8 + 4)

static const uint8_t empty_map[] = { 0x80 };

int sfsi_meta_decode(struct sfs_span bytes, struct sfsi_meta *ret)
{
	struct sfsi_meta meta = { .map = bytes, .text = { "", 0 } };
	struct sfsi_reader r = sfsi_reader(bytes);
	if (bytes.len && *(const uint8_t *)bytes.data == MARK) {
		(void)sfsi_read_u8(&r);
		meta.updated_ns = (int64_t)sfsi_read_u64(&r);
		meta.saved_ns = (int64_t)sfsi_read_u64(&r);
		uint32_t len = sfsi_read_u32(&r);
		if (r.bad || len > r.left)
			return SFS_ERR_CORRUPT;
		meta.map = (struct sfs_span){ r.at, len };
		meta.text = (struct sfs_span){ r.at + len, r.left - len };
	}
	*ret = meta;
	return 0;
}

int sfsi_meta_encode(const struct sfsi_meta *meta, struct sfs_buf *ret)
{
	uint8_t head[HEAD];
	uint8_t *at = sfsi_put_u8(head, MARK);
	at = sfsi_put_u64(at, (uint64_t)meta->updated_ns);
	at = sfsi_put_u64(at, (uint64_t)meta->saved_ns);
	sfsi_put_u32(at, (uint32_t)meta->map.len);
	if (meta->map.len > SFSI_META_MAX)
		return SFS_ERR_LIMIT;
	int err = sfs_buf_append(ret, head, sizeof head);
	if (!err)
		err = sfs_buf_append(ret, meta->map.data, meta->map.len);
	/* A text that is longer than all of it may be is not kept. */
	if (!err && meta->text.len <= SFSI_META_MAX)
		err = sfs_buf_append(ret, meta->text.data, meta->text.len);
	return err;
}

int sfsi_meta_load_in(struct sfsi_txn *txn, uint64_t ino, struct sfs_buf *buf,
		      struct sfsi_meta *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(ino));
	int err = sfsi_txn_get(txn, sfs_ino_class(ino), sfsi_key_span(&key), buf);
	if (err == SFS_ERR_NOT_FOUND)
		err = sfs_buf_append(buf, empty_map, sizeof empty_map);
	return err < 0 ? err : sfsi_meta_decode(sfs_buf_span(buf), ret);
}

int sfsi_meta_load(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
		   struct sfsi_meta *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(ino));
	int err = sfsi_memo_get(store, sfs_ino_class(ino), sfsi_key_span(&key), buf);
	if (err == SFS_ERR_NOT_FOUND) {
		*ret = (struct sfsi_meta){ .map = { empty_map, sizeof empty_map },
					   .text = { "", 0 } };
		return 0;
	}
	return err < 0 ? err : sfsi_meta_decode(sfs_buf_span(buf), ret);
}

int sfsi_meta_next(struct sfsi_msgpack_map *map, struct sfs_span *key, struct sfs_span *value)
{
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_next(map, &pair);
	if (err == 1)
		return 1;
	struct sfsi_head head;
	if (err < 0 || sfsi_head_read(pair.key, &head) != SFSI_HEAD_GOOD ||
	    head.kind != SFSI_HEAD_BINARY)
		return SFS_ERR_CORRUPT;
	*key = head.body;
	*value = pair.value;
	return 0;
}

int sfsi_meta_pair(struct sfs_buf *to, struct sfs_span key, struct sfs_span value)
{
	int err = sfsi_meta_binary(to, key);
	return err < 0 ? err : sfs_buf_append(to, value.data, value.len);
}

/** The text of a value: bytes and strings are themselves, the rest is JSON. */
static int value_text(struct sfs_span value, struct sfs_buf *ret)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	if (head.kind == SFSI_HEAD_BINARY || head.kind == SFSI_HEAD_STRING)
		return sfs_buf_append(ret, head.body.data, head.body.len);
	int err = sfsi_value_json(value, ret);
	return err == SFS_ERR_BAD_DOCUMENT ? SFS_ERR_CORRUPT : err;
}

/** Begin a walk over the pairs of an inode. */
static int walk(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
		struct sfsi_msgpack_map *ret)
{
	struct sfsi_meta meta;
	int err = sfsi_meta_load(store, ino, buf, &meta);
	return err < 0 ? err : sfsi_msgpack_map_init(ret, meta.map);
}

int sfs_raw_meta_get(struct sfs_store *store, uint64_t ino, struct sfs_span key,
		     struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	struct sfs_span at, value;
	int err = walk(store, ino, &buf, &map);
	while (!err && (err = sfsi_meta_next(&map, &at, &value)) == 0) {
		if (sfs_span_equal(at, key))
			return value_text(value, ret);
	}
	return err == 1 ? SFS_ERR_NOT_FOUND : err;
}

int sfs_raw_meta_list(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	struct sfs_span key, value;
	int err = walk(store, ino, &buf, &map);
	while (!err && (err = sfsi_meta_next(&map, &key, &value)) == 0) {
		err = sfs_buf_append(ret, key.data, key.len);
		if (!err)
			err = sfs_buf_append(ret, "", 1);
	}
	return err == 1 ? 0 : err;
}

static int each_of(const struct sfsi_meta *meta, sfsi_meta_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	struct sfsi_msgpack_pair pair;
	struct sfsi_head key;
	int err = sfsi_meta_body(meta->map, &body);
	if (!err)
		err = sfsi_msgpack_map_init(&map, sfs_buf_span(&body));
	while (!err && (err = sfsi_msgpack_map_next(&map, &pair)) == 0)
		err = sfsi_head_read(pair.key, &key) == SFSI_HEAD_GOOD
			      ? fn(arg, key.body, pair.value)
			      : SFS_ERR_CORRUPT;
	return err == 1 ? 0 : err;
}

int sfsi_meta_each(struct sfs_store *store, uint64_t ino, sfsi_meta_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_meta meta;
	int err = sfsi_meta_load(store, ino, &buf, &meta);
	return err < 0 ? err : each_of(&meta, fn, arg);
}

int sfsi_meta_each_in(struct sfsi_txn *txn, uint64_t ino, sfsi_meta_fn *fn, void *arg)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_meta meta;
	int err = sfsi_meta_load_in(txn, ino, &buf, &meta);
	return err < 0 ? err : each_of(&meta, fn, arg);
}

int sfs_raw_meta_document(struct sfs_store *store, uint64_t ino, enum sfs_format format,
			  struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	struct sfsi_meta meta;
	int err = sfsi_meta_load(store, ino, &buf, &meta);
	if (!err && meta.text.len && format == SFS_FORMAT_JSON)
		return sfs_buf_append(ret, meta.text.data, meta.text.len);
	if (!err)
		err = sfsi_meta_body(meta.map, &body);
	return err < 0 ? err : sfsi_document_render(format, sfs_buf_span(&body), ret);
}

/** When it was made: the times of the bytes are those of the plain file, the inode keeps its own. */
static int made_ns(struct sfs_store *store, uint64_t ino, int64_t *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_key key;
	struct sfsi_inode inode;
	sfsi_key_serial(&key, 'N', sfsi_ino_serial(ino));
	int err = sfsi_memo_get(store, sfs_ino_class(ino), sfsi_key_span(&key), &buf);
	if (!err)
		err = sfsi_inode_decode(sfs_buf_span(&buf), sfsi_ino_serial(ino), &inode);
	if (!err)
		*ret = inode.mtime_ns;
	/* Open, and without a name. */
	return err == SFS_ERR_NOT_FOUND ? 0 : err;
}

int sfs_raw_updated(struct sfs_store *store, uint64_t ino, struct sfs_raw_updates *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_meta meta;
	struct sfs_attr attr;
	int err = sfs_raw_stat(store, ino, &attr);
	if (!err)
		err = sfsi_meta_load(store, ino, &buf, &meta);
	if (err < 0)
		return err;
	/* Metadata that was never set is as old as the raw. */
	if (!meta.saved_ns)
		err = made_ns(store, ino, &meta.saved_ns);
	*ret = (struct sfs_raw_updates){
		.data_ns = attr.type == SFS_NODE_FILE ? attr.mtime_ns : 0,
		.meta_ns = meta.updated_ns,
		.saved_ns = meta.saved_ns,
	};
	ret->oid_ns = ret->data_ns > ret->meta_ns ? ret->data_ns : ret->meta_ns;
	return err;
}

int sfsi_meta_check(struct sfs_span bytes)
{
	struct sfsi_msgpack_map map;
	struct sfsi_meta meta;
	struct sfs_span key, value;
	int err = sfsi_meta_decode(bytes, &meta);
	if (!err)
		err = meta.map.len > SFSI_META_MAX || meta.text.len > SFSI_META_MAX
			      ? SFS_ERR_CORRUPT
			      : sfsi_msgpack_map_init(&map, meta.map);
	/* Without metadata there is only a record to say since when. */
	if (!err && map.left == 0 && !meta.updated_ns)
		return SFS_ERR_CORRUPT;
	while (!err && (err = sfsi_meta_next(&map, &key, &value)) == 0)
		if (key.len == 0 || key.len > SFSI_META_KEY_MAX ||
		    value.len > SFSI_META_VALUE_MAX + 5)
			err = SFS_ERR_CORRUPT;
	return err == 1 && map.rest.len == 0 ? 0 : SFS_ERR_CORRUPT;
}
