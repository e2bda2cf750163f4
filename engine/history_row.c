/* Rows of the history of objects: see history.h. docs/format.md describes the bytes. */
#include "history.h"

/* A version in the head: slot, flags, two times. */
#define ITEM_SIZE 18
#define ITEM_GONE 1u
/* A row of a version: flags, mode, uid, gid, size, time. */
#define ROW_SIZE 27
#define ROW_TEXT 1u
#define ROW_TRASH 2u

static void put_key(struct sfsi_key *key, const uint8_t *table, size_t len, struct sfs_span oid)
{
	memcpy(key->data, table, len);
	key->len = len;
	sfsi_key_append(key, oid);
}

void sfsi_history_key(struct sfsi_key *key, struct sfs_span oid)
{
	put_key(key, (const uint8_t *)"VH", 2, oid);
}

void sfsi_history_slot_key(struct sfsi_key *key, uint8_t slot, struct sfs_span oid)
{
	const uint8_t table[] = { 'V', 'S', slot };
	put_key(key, table, sizeof table, oid);
}

int sfsi_history_encode(const struct sfsi_history *history, struct sfs_span key,
			struct sfs_buf *ret)
{
	uint8_t bytes[SFSI_HISTORY_MAX * ITEM_SIZE], *at = bytes;
	for (size_t i = 0; i < history->count; i++) {
		const struct sfsi_version *item = &history->items[i];
		at = sfsi_put_u8(at, item->slot);
		at = sfsi_put_u8(at, item->gone ? ITEM_GONE : 0);
		at = sfsi_put_u64(at, (uint64_t)item->time_ns);
		at = sfsi_put_u64(at, (uint64_t)item->until_ns);
	}
	return sfsi_sealed_encode((struct sfs_span){ bytes, (size_t)(at - bytes) }, key, ret);
}

int sfsi_history_decode(struct sfs_span bytes, struct sfs_span key, struct sfsi_history *ret)
{
	struct sfs_span content;
	bool taken[SFSI_HISTORY_MAX] = { false };
	int err = sfsi_sealed_decode(bytes, key, &content);
	if (err < 0)
		return err;
	struct sfsi_reader r = sfsi_reader(content);
	if (content.len % ITEM_SIZE || content.len / ITEM_SIZE > SFSI_HISTORY_MAX)
		return SFS_ERR_CORRUPT;
	ret->count = content.len / ITEM_SIZE;
	for (size_t i = 0; i < ret->count; i++) {
		struct sfsi_version *item = &ret->items[i];
		item->slot = sfsi_read_u8(&r);
		item->gone = sfsi_read_u8(&r) & ITEM_GONE;
		item->time_ns = (int64_t)sfsi_read_u64(&r);
		item->until_ns = (int64_t)sfsi_read_u64(&r);
		if (item->slot >= SFSI_HISTORY_MAX || taken[item->slot])
			return SFS_ERR_CORRUPT;
		taken[item->slot] = true;
	}
	return r.bad ? SFS_ERR_CORRUPT : 0;
}

int sfsi_version_encode(const struct sfsi_version_row *row, struct sfs_span key,
			struct sfs_buf *ret)
{
	uint8_t head[ROW_SIZE], serial[8], *at = head;
	at = sfsi_put_u8(at, row->trash ? ROW_TRASH : row->text ? ROW_TEXT : 0);
	at = sfsi_put_u16(at, (uint16_t)row->mode);
	at = sfsi_put_u32(at, row->uid);
	at = sfsi_put_u32(at, row->gid);
	at = sfsi_put_u64(at, row->size);
	sfsi_put_u64(at, (uint64_t)row->time_ns);
	sfsi_put_u64(serial, row->trash);
	const struct sfs_span parts[] = {
		{ head, sizeof head },
		row->trash ? (struct sfs_span){ serial, sizeof serial } : row->bytes,
	};
	return sfsi_sealed_encode_parts(parts, 2, key, ret);
}

int sfsi_version_decode(struct sfs_span bytes, struct sfs_span key, struct sfsi_version_row *ret)
{
	struct sfs_span content;
	int err = sfsi_sealed_decode(bytes, key, &content);
	if (err < 0)
		return err;
	struct sfsi_reader r = sfsi_reader(content);
	uint8_t flags = sfsi_read_u8(&r);
	struct sfsi_version_row row = { .text = flags & ROW_TEXT };
	row.mode = sfsi_read_u16(&r);
	row.uid = sfsi_read_u32(&r);
	row.gid = sfsi_read_u32(&r);
	row.size = sfsi_read_u64(&r);
	row.time_ns = (int64_t)sfsi_read_u64(&r);
	if (flags & ROW_TRASH)
		row.trash = sfsi_read_u64(&r);
	row.bytes = (struct sfs_span){ r.at, r.left };
	if (r.bad || (flags & ROW_TRASH && (!row.trash || row.text || r.left)) ||
	    (row.text && row.bytes.len != row.size))
		return SFS_ERR_CORRUPT;
	*ret = row;
	return 0;
}
