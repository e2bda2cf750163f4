/* Rows of table Q, byte for byte: see database.h. Integers are little-endian. */
#include "database/database.h"
#include "hash.h"

#define STATE_VERSION 1
#define CHANGE_VERSION 1
#define STATE_FIXED (1 + 5 * 8 + 2 + 2 * 8)

void sfsi_database_state_key(struct sfsi_key *ret)
{
	memcpy(ret->data, "QS", 2);
	ret->len = 2;
}

void sfsi_database_change_key(struct sfs_span oid, struct sfsi_key *ret)
{
	memcpy(ret->data, "QC", 2);
	ret->len = 2;
	sfsi_key_append(ret, oid);
}

uint64_t sfsi_database_hash(struct sfs_span body)
{
	return sfsi_hash(body, 0);
}

int sfsi_database_state_encode(const struct sfsi_database_state *state, struct sfs_buf *ret)
{
	uint8_t bytes[STATE_FIXED];
	uint8_t *at = sfsi_put_u8(bytes, STATE_VERSION);
	at = sfsi_put_u64(at, state->stamp.device);
	at = sfsi_put_u64(at, state->stamp.inode);
	at = sfsi_put_u64(at, state->stamp.size);
	at = sfsi_put_u64(at, (uint64_t)state->stamp.mtime_ns);
	at = sfsi_put_u64(at, (uint64_t)state->stamp.ctime_ns);
	at = sfsi_put_u8(at, (uint8_t)state->root);
	at = sfsi_put_u8(at, (uint8_t)(state->plain | state->mixed << 1));
	at = sfsi_put_u64(at, state->last_number);
	sfsi_put_u64(at, (uint64_t)state->written_ns);
	int err = sfs_buf_append(ret, bytes, sizeof bytes);
	return err < 0 ? err : sfs_buf_append(ret, state->from, strlen(state->from));
}

int sfsi_database_state_decode(struct sfs_span bytes, struct sfsi_database_state *ret)
{
	struct sfsi_reader reader = sfsi_reader(bytes);
	struct sfsi_database_state state = { .plain = false };
	uint8_t version = sfsi_read_u8(&reader);
	state.stamp.device = sfsi_read_u64(&reader);
	state.stamp.inode = sfsi_read_u64(&reader);
	state.stamp.size = sfsi_read_u64(&reader);
	state.stamp.mtime_ns = (int64_t)sfsi_read_u64(&reader);
	state.stamp.ctime_ns = (int64_t)sfsi_read_u64(&reader);
	uint8_t root = sfsi_read_u8(&reader);
	uint8_t flags = sfsi_read_u8(&reader);
	state.plain = flags & 1;
	state.mixed = flags & 2;
	state.last_number = sfsi_read_u64(&reader);
	state.written_ns = (int64_t)sfsi_read_u64(&reader);
	size_t left = bytes.len < STATE_FIXED ? SIZE_MAX : bytes.len - STATE_FIXED;
	if (version != STATE_VERSION || root > SFSI_ROOT_SCALAR || left > SFSI_BACKUP_NAME_MAX)
		return SFS_ERR_CORRUPT;
	memcpy(state.from, (const char *)bytes.data + STATE_FIXED, left);
	state.root = (enum sfsi_root)root;
	*ret = state;
	return 0;
}

void sfsi_database_change_encode(const struct sfsi_database_change *change,
				 uint8_t ret[SFSI_DATABASE_CHANGE_SIZE])
{
	uint8_t *at = sfsi_put_u8(ret, CHANGE_VERSION);
	at = sfsi_put_u8(at, change->existed);
	at = sfsi_put_u64(at, change->hash);
	sfsi_put_u64(at, change->number);
}

int sfsi_database_change_decode(struct sfs_span bytes, struct sfsi_database_change *ret)
{
	struct sfsi_reader reader = sfsi_reader(bytes);
	if (bytes.len != SFSI_DATABASE_CHANGE_SIZE || sfsi_read_u8(&reader) != CHANGE_VERSION)
		return SFS_ERR_CORRUPT;
	ret->existed = sfsi_read_u8(&reader);
	ret->hash = sfsi_read_u64(&reader);
	ret->number = sfsi_read_u64(&reader);
	return 0;
}
