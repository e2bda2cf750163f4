/* Keys and values of the rows of indexes: see row.h. No I/O. */
#include "index/row.h"
#include "index/key.h"

#define VERSION 1
#define VERSION_COMMIT 2 /* of counts */

#define HEAD_MULTI 1u

static void put_id(uint8_t *at, uint32_t id)
{
	id = htobe32(id);
	memcpy(at, &id, sizeof id);
}

void sfsi_index_row(struct sfsi_index_row *row, uint32_t id, char table, struct sfs_span tail)
{
	row->data[0] = 'I';
	put_id(row->data + 1, id);
	row->data[5] = (uint8_t)table;
	if (tail.len)
		memcpy(row->data + SFSI_INDEX_PREFIX, tail.data, tail.len);
	row->len = SFSI_INDEX_PREFIX + tail.len;
}

void sfsi_index_row_entry(struct sfsi_index_row *row, uint32_t id, struct sfs_span key,
			  uint64_t cookie, struct sfs_span oid)
{
	sfsi_index_row(row, id, 'E', key);
	sfsi_put_be64(row->data + row->len, cookie);
	row->len += 8;
	if (oid.len)
		memcpy(row->data + row->len, oid.data, oid.len);
	row->len += oid.len;
}

void sfsi_index_row_head(struct sfsi_key *key, uint32_t id)
{
	key->data[0] = 'J';
	key->len = 1;
	if (id) {
		put_id(key->data + 1, id);
		key->len = 5;
	}
}

void sfsi_index_row_journal(struct sfsi_key *key, uint32_t slot)
{
	key->data[0] = 'H';
	put_id(key->data + 1, slot);
	key->len = 5;
}

bool sfsi_index_row_slot(struct sfs_span key, uint32_t *ret)
{
	const uint8_t *at = key.data;
	if (key.len != 5 || at[0] != 'H')
		return false;
	*ret = sfsi_get_be32(at + 1);
	return true;
}

size_t sfsi_index_key_len(struct sfs_span tail)
{
	size_t len;
	if (tail.len && *(const uint8_t *)tail.data == *(const uint8_t *)SFSI_INDEX_NO_KEY.data)
		return SFSI_INDEX_NO_KEY.len;
	return sfsi_index_key_decode(tail, NULL, &len) < 0 ? 0 : len;
}

/* --- values --- */

int sfsi_index_entry_decode(struct sfs_span tail, struct sfs_span val, struct sfsi_index_entry *ret)
{
	const uint8_t *at = tail.data, *serial = val.data;
	size_t key = sfsi_index_key_len(tail);
	if (!key || tail.len < key + 9 || tail.len > key + 8 + SFS_OID_MAX || val.len < 1 ||
	    val.len > SFSI_INDEX_ENTRY_SIZE)
		return SFS_ERR_CORRUPT;
	if (serial[0] != VERSION)
		return SFS_ERR_VERSION;
	*ret = (struct sfsi_index_entry){
		.key = { at, key },
		.cookie = sfsi_get_be64(at + key),
		.oid = { at + key + 8, tail.len - key - 8 },
	};
	for (size_t i = val.len - 1; i > 0; i--)
		ret->serial = ret->serial << 8 | serial[i];
	return 0;
}

size_t sfsi_index_entry_encode(uint64_t serial, uint8_t ret[SFSI_INDEX_ENTRY_SIZE])
{
	size_t len = 0;
	ret[len++] = VERSION;
	for (; serial; serial >>= 8)
		ret[len++] = (uint8_t)serial;
	return len;
}

size_t sfsi_index_count_encode(uint64_t entries, uint64_t commit,
			       uint8_t ret[SFSI_INDEX_COUNT_SIZE])
{
	uint8_t *at = sfsi_put_u8(ret, VERSION_COMMIT);
	return (size_t)(sfsi_put_u64(sfsi_put_u64(at, entries), commit) - ret);
}

/** What a count ends with; nothing in version 1. */
static int decode_commit(struct sfsi_reader *r, uint8_t version, uint64_t *ret)
{
	*ret = version == VERSION_COMMIT ? sfsi_read_u64(r) : 0;
	if (r->bad || r->left)
		return SFS_ERR_CORRUPT;
	return version == VERSION || version == VERSION_COMMIT ? 0 : SFS_ERR_VERSION;
}

int sfsi_index_count_decode(struct sfs_span val, uint64_t *ret, uint64_t *ret_commit)
{
	struct sfsi_reader r = sfsi_reader(val);
	uint8_t version = sfsi_read_u8(&r);
	*ret = sfsi_read_u64(&r);
	return decode_commit(&r, version, ret_commit);
}

size_t sfsi_index_block_encode(const struct sfsi_index_tally *tally,
			       uint8_t ret[SFSI_INDEX_BLOCK_SIZE])
{
	uint8_t *at = sfsi_put_u8(ret, VERSION_COMMIT);
	at = sfsi_put_u64(sfsi_put_u64(at, tally->entries), tally->keys);
	return (size_t)(sfsi_put_u64(at, tally->commit) - ret);
}

int sfsi_index_block_decode(struct sfs_span val, struct sfsi_index_tally *ret)
{
	struct sfsi_reader r = sfsi_reader(val);
	uint8_t version = sfsi_read_u8(&r);
	ret->entries = sfsi_read_u64(&r);
	ret->keys = sfsi_read_u64(&r);
	return decode_commit(&r, version, &ret->commit);
}

int sfsi_index_head_encode(const struct sfsi_index_head *head, struct sfs_buf *ret)
{
	uint8_t bytes[40], *at = bytes;
	at = sfsi_put_u8(at, VERSION);
	at = sfsi_put_u8(at, (uint8_t)head->state);
	at = sfsi_put_u8(at, head->multi ? HEAD_MULTI : 0);
	at = sfsi_put_u64(at, head->generation);
	at = sfsi_put_u64(at, head->built);
	at = sfsi_put_u64(at, head->fingerprint);
	at = sfsi_put_u16(at, (uint16_t)head->name.len);
	at = sfsi_put_u16(at, (uint16_t)head->cursor.len);
	int err = sfs_buf_append(ret, bytes, (size_t)(at - bytes));
	if (!err)
		err = sfs_buf_append(ret, head->name.data, head->name.len);
	return err < 0 ? err : sfs_buf_append(ret, head->cursor.data, head->cursor.len);
}

int sfsi_index_head_decode(struct sfs_span val, struct sfsi_index_head *ret)
{
	struct sfsi_reader r = sfsi_reader(val);
	uint8_t version = sfsi_read_u8(&r), state = sfsi_read_u8(&r), flags = sfsi_read_u8(&r);
	struct sfsi_index_head head = {
		.state = (enum sfsi_index_state)state,
		.multi = flags & HEAD_MULTI,
	};
	head.generation = sfsi_read_u64(&r);
	head.built = sfsi_read_u64(&r);
	head.fingerprint = sfsi_read_u64(&r);
	head.name.len = sfsi_read_u16(&r);
	head.cursor.len = sfsi_read_u16(&r);
	head.name.data = sfsi_read_bytes(&r, head.name.len);
	head.cursor.data = sfsi_read_bytes(&r, head.cursor.len);
	if (r.bad || r.left || state < SFSI_INDEX_BUILDING || state > SFSI_INDEX_DROPPING ||
	    head.name.len == 0)
		return SFS_ERR_CORRUPT;
	*ret = head;
	return version == VERSION ? 0 : SFS_ERR_VERSION;
}
