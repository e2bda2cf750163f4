/* Rows of the trash, byte for byte: see trash.h, and docs/format.md. */
#include "trash.h"

#define NS_PER_S 1000000000

uint64_t sfsi_trash_second(int64_t removed_ns)
{
	return removed_ns < 0 ? 0 : (uint64_t)(removed_ns / NS_PER_S);
}

void sfsi_trash_entry_key(struct sfsi_key *key, uint64_t second, uint64_t cookie, uint64_t serial)
{
	memcpy(key->data, SFSI_TRASH_ENTRIES, 2);
	sfsi_put_be64(key->data + 2, second);
	sfsi_put_be64(key->data + 10, cookie);
	sfsi_put_be64(key->data + 18, serial);
	key->len = 26;
}

void sfsi_trash_what_key(struct sfsi_key *key, uint64_t serial)
{
	memcpy(key->data, SFSI_TRASH_WHAT, 2);
	sfsi_put_be64(key->data + 2, serial);
	key->len = 10;
}

void sfsi_trash_count_key(struct sfsi_key *key)
{
	memcpy(key->data, "WS", 2);
	key->len = 2;
}

static bool is_type(uint8_t type)
{
	return type == SFS_NODE_OBJECT || type == SFS_NODE_FILE || type == SFS_NODE_SYMLINK;
}

int sfsi_trash_encode(const struct sfsi_trash *trash, struct sfs_span key, struct sfs_buf *ret)
{
	uint8_t head[19];
	if (trash->name.len > UINT16_MAX)
		return SFS_ERR_LIMIT;
	uint8_t *at = sfsi_put_u8(head, (uint8_t)trash->type);
	at = sfsi_put_u64(at, (uint64_t)trash->removed_ns);
	at = sfsi_put_u64(at, trash->bytes);
	sfsi_put_u16(at, (uint16_t)trash->name.len);
	const struct sfs_span parts[] = { { head, sizeof head }, trash->name, trash->what };
	return sfsi_sealed_encode_parts(parts, 3, key, ret);
}

int sfsi_trash_decode(struct sfs_span bytes, struct sfs_span key, struct sfsi_trash *ret)
{
	struct sfs_span content;
	int err = key.len == 10 ? sfsi_sealed_decode(bytes, key, &content) : SFS_ERR_CORRUPT;
	if (err < 0)
		return err;
	struct sfsi_reader r = sfsi_reader(content);
	uint8_t type = sfsi_read_u8(&r);
	struct sfsi_trash trash = {
		.serial = sfsi_get_be64((const uint8_t *)key.data + 2),
		.type = (enum sfs_node_type)type,
		.removed_ns = (int64_t)sfsi_read_u64(&r),
	};
	trash.bytes = sfsi_read_u64(&r);
	uint16_t len = sfsi_read_u16(&r);
	trash.name = sfsi_read_span(&r, len);
	trash.what = sfsi_read_span(&r, r.left);
	if (r.bad || !is_type(type) || !len)
		return SFS_ERR_CORRUPT;
	*ret = trash;
	return 0;
}

int sfsi_trash_entry_encode(const struct sfsi_trash_entry *entry, struct sfs_span key,
			    struct sfs_buf *ret)
{
	uint8_t head[61];
	uint8_t *at = sfsi_put_u8(head, (uint8_t)entry->type);
	at = sfsi_put_u64(at, (uint64_t)entry->removed_ns);
	at = sfsi_put_u64(at, (uint64_t)entry->mtime_ns);
	at = sfsi_put_u64(at, entry->revision);
	at = sfsi_put_u64(at, entry->bytes);
	at = sfsi_put_u64(at, entry->size);
	at = sfsi_put_u64(at, entry->size_msgpack);
	at = sfsi_put_u32(at, entry->mode);
	at = sfsi_put_u32(at, entry->uid);
	sfsi_put_u32(at, entry->gid);
	const struct sfs_span parts[] = { { head, sizeof head }, entry->name };
	return sfsi_sealed_encode_parts(parts, 2, key, ret);
}

int sfsi_trash_entry_decode(struct sfs_span bytes, struct sfs_span key,
			    struct sfsi_trash_entry *ret)
{
	struct sfs_span content;
	const uint8_t *parts = key.data;
	int err = key.len == 26 ? sfsi_sealed_decode(bytes, key, &content) : SFS_ERR_CORRUPT;
	if (err < 0)
		return err;
	struct sfsi_reader r = sfsi_reader(content);
	uint8_t type = sfsi_read_u8(&r);
	struct sfsi_trash_entry entry = {
		.cookie = sfsi_get_be64(parts + 10),
		.serial = sfsi_get_be64(parts + 18),
		.type = (enum sfs_node_type)type,
		.removed_ns = (int64_t)sfsi_read_u64(&r),
	};
	entry.mtime_ns = (int64_t)sfsi_read_u64(&r);
	entry.revision = sfsi_read_u64(&r);
	entry.bytes = sfsi_read_u64(&r);
	entry.size = sfsi_read_u64(&r);
	entry.size_msgpack = sfsi_read_u64(&r);
	entry.mode = sfsi_read_u32(&r);
	entry.uid = sfsi_read_u32(&r);
	entry.gid = sfsi_read_u32(&r);
	entry.name = sfsi_read_span(&r, r.left);
	if (r.bad || !is_type(type) || !entry.name.len ||
	    sfsi_trash_second(entry.removed_ns) != sfsi_get_be64(parts + 2))
		return SFS_ERR_CORRUPT;
	*ret = entry;
	return 0;
}

int sfsi_trash_count_encode(const struct sfs_trash_stat *stat, struct sfs_span key,
			    struct sfs_buf *ret)
{
	uint8_t content[16];
	sfsi_put_u64(sfsi_put_u64(content, stat->entries), stat->bytes);
	return sfsi_sealed_encode((struct sfs_span){ content, sizeof content }, key, ret);
}

int sfsi_trash_count_decode(struct sfs_span bytes, struct sfs_span key, struct sfs_trash_stat *ret)
{
	struct sfs_span content;
	int err = sfsi_sealed_decode(bytes, key, &content);
	if (err < 0)
		return err;
	struct sfsi_reader r = sfsi_reader(content);
	struct sfs_trash_stat stat = { .entries = sfsi_read_u64(&r) };
	stat.bytes = sfsi_read_u64(&r);
	if (r.bad || r.left)
		return SFS_ERR_CORRUPT;
	*ret = stat;
	return 0;
}
