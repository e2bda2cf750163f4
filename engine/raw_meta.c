/*
 * Metadata of raws: one small record per inode, a canonical msgpack map from key
 * to bytes, in the order of setting.
 */
#include "document/msgpack.h"
#include "raw.h"

#define VALUE_MAX ((size_t)64 << 10)
#define META_MAX ((size_t)1 << 20)

static int load(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(ino));
	int err = sfsi_backend_get(store->backend, sfs_ino_class(ino), sfsi_key_span(&key), ret);
	if (err == SFS_ERR_NOT_FOUND)
		err = sfsi_msgpack_map_header(ret, 0);
	return err;
}

/* Value and key are stored as bin; a pair's spans begin with the bin header. */
static int bin_content(struct sfs_span encoded, struct sfs_span *ret)
{
	const uint8_t *at = encoded.data;
	size_t header = 0, len = 0;
	if (encoded.len >= 2 && at[0] == 0xc4) {
		header = 2;
		len = at[1];
	} else if (encoded.len >= 3 && at[0] == 0xc5) {
		header = 3;
		len = (size_t)at[1] << 8 | at[2];
	} else if (encoded.len >= 5 && at[0] == 0xc6) {
		header = 5;
		len = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
	}
	if (!header || encoded.len - header != len)
		return SFS_ERR_CORRUPT;
	*ret = (struct sfs_span){ at + header, len };
	return 0;
}

/** Next key and value: 0 pair, 1 end, <0 error. */
static int next(struct sfsi_msgpack_map *map, struct sfs_span *key, struct sfs_span *value)
{
	struct sfsi_msgpack_pair pair;
	int err = sfsi_msgpack_map_next(map, &pair);
	if (err == 1)
		return 1;
	if (!err)
		err = bin_content(pair.key, key);
	if (!err)
		err = bin_content(pair.value, value);
	return err < 0 ? SFS_ERR_CORRUPT : 0;
}

static int append_pair(struct sfs_buf *to, struct sfs_span key, struct sfs_span value)
{
	struct sfsi_msgpack_writer writer;
	sfsi_msgpack_writer_init(&writer, to);
	int err = writer.sink.ops->binary(&writer.sink, key);
	return err < 0 ? err : writer.sink.ops->binary(&writer.sink, value);
}

int sfs_raw_meta_get(struct sfs_store *store, uint64_t ino, struct sfs_span key,
		     struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf meta = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	int err = load(store, ino, &meta);
	if (!err)
		err = sfsi_msgpack_map_init(&map, sfs_buf_span(&meta));
	struct sfs_span at, value;
	while (!err && (err = next(&map, &at, &value)) == 0) {
		if (sfs_span_equal(at, key))
			return sfs_buf_append(ret, value.data, value.len);
	}
	return err == 1 ? SFS_ERR_NOT_FOUND : err;
}

int sfs_raw_meta_list(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret)
{
	SFSI_AUTO_BUF struct sfs_buf meta = SFS_BUF_INIT;
	struct sfsi_msgpack_map map;
	int err = load(store, ino, &meta);
	if (!err)
		err = sfsi_msgpack_map_init(&map, sfs_buf_span(&meta));
	struct sfs_span key, value;
	while (!err && (err = next(&map, &key, &value)) == 0) {
		err = sfs_buf_append(ret, key.data, key.len);
		if (!err)
			err = sfs_buf_append(ret, "", 1);
	}
	return err == 1 ? 0 : err;
}

int sfsi_meta_check(struct sfs_span meta)
{
	struct sfsi_msgpack_map map;
	struct sfs_span key, value;
	int err = meta.len > META_MAX ? SFS_ERR_CORRUPT : sfsi_msgpack_map_init(&map, meta);
	/* A raw without metadata has no record. */
	if (!err && map.left == 0)
		return SFS_ERR_CORRUPT;
	while (!err && (err = next(&map, &key, &value)) == 0)
		if (key.len == 0 || key.len > 255 || value.len > VALUE_MAX)
			err = SFS_ERR_CORRUPT;
	return err == 1 && map.rest.len == 0 ? 0 : SFS_ERR_CORRUPT;
}

/** Copy all pairs but one; *ret_found tells whether that one was there. */
static int copy_without(struct sfs_span meta, struct sfs_span key, struct sfs_buf *pairs,
			uint32_t *ret_count, bool *ret_found)
{
	struct sfsi_msgpack_map map;
	struct sfs_span at, value;
	*ret_count = 0;
	*ret_found = false;
	int err = sfsi_msgpack_map_init(&map, meta);
	while (!err && (err = next(&map, &at, &value)) == 0) {
		if (sfs_span_equal(at, key)) {
			*ret_found = true;
			continue;
		}
		err = append_pair(pairs, at, value);
		++*ret_count;
	}
	return err == 1 ? 0 : err;
}

static int store_meta(struct sfsi_txn *txn, uint64_t ino, uint32_t count, struct sfs_span pairs)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'X', sfsi_ino_serial(ino));
	if (!count)
		return sfsi_txn_remove(txn, sfs_ino_class(ino), sfsi_key_span(&key));
	SFSI_AUTO_BUF struct sfs_buf whole = SFS_BUF_INIT;
	int err = sfsi_msgpack_map_header(&whole, count);
	if (!err)
		err = sfs_buf_append(&whole, pairs.data, pairs.len);
	if (!err && whole.len > META_MAX)
		err = SFS_ERR_LIMIT;
	if (!err)
		err = sfsi_txn_put(txn, sfs_ino_class(ino), sfsi_key_span(&key),
				   sfs_buf_span(&whole));
	return err;
}

/** The raw's ctime: its metadata changed. */
static int touch(struct sfsi_txn *txn, uint64_t ino)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_inode inode;
	struct sfsi_txn_class *class;
	int err = sfsi_inode_load(txn, ino, &buf, &inode);
	if (err < 0)
		return err;
	inode.ctime_ns = txn->now_ns;
	inode.revision = txn->commit;
	err = sfsi_inode_store(txn, sfs_ino_class(ino), &inode);
	if (!err)
		err = sfsi_txn_class(txn, sfs_ino_class(ino), &class);
	if (!err)
		err = sfsi_txn_note(txn, SFS_CHANGE_NODE, ino, 0, false,
				    (struct sfs_span){ "", 0 });
	return err;
}

/** value NULL: remove. */
static int change(struct sfs_store *store, uint64_t ino, struct sfs_span key,
		  const struct sfs_span *value, unsigned flags)
{
	SFSI_AUTO_BUF struct sfs_buf meta = SFS_BUF_INIT;
	SFSI_AUTO_BUF struct sfs_buf pairs = SFS_BUF_INIT;
	uint32_t count = 0;
	bool found = false;
	struct sfsi_txn txn;
	int err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	/* Only this thread writes while the commit lock is held. */
	err = touch(&txn, ino);
	if (!err)
		err = load(store, ino, &meta);
	if (!err)
		err = copy_without(sfs_buf_span(&meta), key, &pairs, &count, &found);
	if (!err && found && (flags & SFS_META_CREATE))
		err = SFS_ERR_EXISTS;
	if (!err && !found && (!value || (flags & SFS_META_REPLACE)))
		err = SFS_ERR_NOT_FOUND;
	if (!err && value) {
		err = append_pair(&pairs, key, *value);
		count++;
	}
	if (!err)
		err = store_meta(&txn, ino, count, sfs_buf_span(&pairs));
	return sfsi_txn_end(&txn, err);
}

int sfs_raw_meta_set(struct sfs_store *store, uint64_t ino, struct sfs_span key,
		     struct sfs_span value, unsigned flags)
{
	if (key.len == 0 || key.len > 255 || value.len > VALUE_MAX)
		return SFS_ERR_LIMIT;
	return change(store, ino, key, &value, flags);
}

int sfs_raw_meta_remove(struct sfs_store *store, uint64_t ino, struct sfs_span key)
{
	return change(store, ino, key, NULL, 0);
}
