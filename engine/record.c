/*
 * Encoding of stored values. Every value starts with a version byte; an object
 * record starts with an XXH3-64 of its key and all that follows, so that a damaged
 * or misplaced record is found whatever the backend checks. Decoders trust nothing.
 */
#include "record.h"
#include "base/cleanup.h"
#include "bytes.h"
#include "hash.h"

#define VERSION 1
/* checksum, version, flags, attributes (at most), updated, lengths of body, updates, text and rows */
#define RECORD_HEADER (8 + 2 + 74 + 8 + 16)
/* A file that has its bytes behind its attributes. */
#define VERSION_SMALL 2
/* An inode that notes a name of its own: length u8 and name, before the text. */
#define VERSION_NAMED 3
/* In the mode of an object: the number that it shows is not its serial, and follows. */
#define MODE_NUMBER 0x8000

enum record_flags {
	RECORD_TEXT = 1u << 0,
	RECORD_TEXT_MSGPACK = 1u << 1,
	RECORD_ROWS = 1u << 2,
};

static uint8_t *put_object(uint8_t *at, const struct sfsi_object *o)
{
	bool other = o->number != o->serial;
	at = sfsi_put_u16(at, (uint16_t)(o->mode | (other ? MODE_NUMBER : 0)));
	at = sfsi_put_u32(at, o->uid);
	at = sfsi_put_u32(at, o->gid);
	at = sfsi_put_u64(at, o->serial);
	if (other)
		at = sfsi_put_u64(at, o->number);
	at = sfsi_put_u64(at, o->size);
	at = sfsi_put_u64(at, o->size_msgpack);
	at = sfsi_put_u64(at, (uint64_t)o->atime_ns);
	at = sfsi_put_u64(at, (uint64_t)o->mtime_ns);
	at = sfsi_put_u64(at, (uint64_t)o->ctime_ns);
	return sfsi_put_u64(at, o->revision);
}

static void read_object(struct sfsi_reader *r, struct sfsi_object *ret)
{
	uint16_t mode = sfsi_read_u16(r);
	ret->mode = mode & ~MODE_NUMBER;
	ret->uid = sfsi_read_u32(r);
	ret->gid = sfsi_read_u32(r);
	ret->serial = sfsi_read_u64(r);
	ret->number = mode & MODE_NUMBER ? sfsi_read_u64(r) : ret->serial;
	ret->size = sfsi_read_u64(r);
	ret->size_msgpack = sfsi_read_u64(r);
	ret->atime_ns = (int64_t)sfsi_read_u64(r);
	ret->mtime_ns = (int64_t)sfsi_read_u64(r);
	ret->ctime_ns = (int64_t)sfsi_read_u64(r);
	ret->revision = sfsi_read_u64(r);
}

/** Put the checksum in front of what was appended since start, or, on an error, take that back. */
static int seal(int err, struct sfs_span key, size_t start, struct sfs_buf *ret)
{
	if (err < 0) {
		ret->len = start;
		return err;
	}
	uint8_t *bytes = (uint8_t *)ret->data + start;
	struct sfs_span rest = { bytes + 8, ret->len - start - 8 };
	sfsi_put_u64(bytes, sfsi_hash2(key, rest, 0));
	return 0;
}

int sfsi_record_encode(const struct sfsi_record *record, struct sfs_span key, struct sfs_buf *ret)
{
	size_t limit = UINT32_MAX;
	bool rows = sfsi_rows_valid(record);
	struct sfs_span body = rows ? record->rows.stored : record->body;
	if (body.len > limit || record->updates.len > limit || record->text.len > limit)
		return SFS_ERR_LIMIT;
	uint8_t header[RECORD_HEADER];
	uint8_t flags = 0;
	if (record->has_text)
		flags |= RECORD_TEXT;
	if (record->has_text && record->text_format == SFS_FORMAT_MSGPACK)
		flags |= RECORD_TEXT_MSGPACK;
	if (rows)
		flags |= RECORD_ROWS;
	uint8_t *at = sfsi_put_u64(header, 0);
	at = sfsi_put_u8(at, VERSION);
	at = sfsi_put_u8(at, flags);
	at = put_object(at, &record->object);
	at = sfsi_put_u64(at, (uint64_t)record->updated_ns);
	at = sfsi_put_u32(at, (uint32_t)body.len);
	at = sfsi_put_u32(at, (uint32_t)record->updates.len);
	at = sfsi_put_u32(at, (uint32_t)record->text.len);
	if (rows)
		at = sfsi_put_u32(at, (uint32_t)record->rows.list.len);

	size_t start = ret->len;
	/* All at once; each of them is below 4 GiB. */
	size_t whole = (size_t)(at - header) + body.len + record->updates.len + record->text.len;
	int err = sfs_buf_reserve(ret, whole);
	if (!err)
		err = sfs_buf_append(ret, header, (size_t)(at - header));
	if (!err)
		err = sfs_buf_append(ret, body.data, body.len);
	if (!err)
		err = sfs_buf_append(ret, record->updates.data, record->updates.len);
	if (!err)
		err = sfs_buf_append(ret, record->text.data, record->text.len);
	if (!err && rows)
		err = sfs_buf_append(ret, record->rows.list.data, record->rows.list.len);
	return seal(err, key, start, ret);
}

int sfsi_record_decode(struct sfs_span bytes, struct sfs_span key, struct sfsi_record *ret)
{
	struct sfsi_reader r = sfsi_reader(bytes);
	uint64_t sum = sfsi_read_u64(&r);
	if (r.bad || sum != sfsi_hash2(key, (struct sfs_span){ r.at, r.left }, 0))
		return SFS_ERR_CORRUPT;
	if (sfsi_read_u8(&r) != VERSION)
		return SFS_ERR_VERSION;
	uint8_t flags = sfsi_read_u8(&r);
	struct sfsi_record record = { 0 };
	read_object(&r, &record.object);
	record.updated_ns = (int64_t)sfsi_read_u64(&r);
	uint32_t body = sfsi_read_u32(&r);
	uint32_t updates = sfsi_read_u32(&r);
	uint32_t text = sfsi_read_u32(&r);
	uint32_t rows = flags & RECORD_ROWS ? sfsi_read_u32(&r) : 0;
	record.body = sfsi_read_span(&r, body);
	record.updates = sfsi_read_span(&r, updates);
	record.text = sfsi_read_span(&r, text);
	record.rows.list = sfsi_read_span(&r, rows);
	record.rows.stored = record.rows.whole = record.body;
	record.rows.serial = record.object.serial;
	record.has_text = flags & RECORD_TEXT;
	record.text_format = flags & RECORD_TEXT_MSGPACK ? SFS_FORMAT_MSGPACK : SFS_FORMAT_JSON;
	if (r.bad || r.left)
		return SFS_ERR_CORRUPT;
	*ret = record;
	return 0;
}

size_t sfsi_entry_encode(const struct sfsi_object *object, uint8_t ret[SFSI_ENTRY_SIZE])
{
	uint8_t *at = sfsi_put_u8(ret, VERSION);
	return (size_t)(put_object(at, object) - ret);
}

int sfsi_entry_decode(struct sfs_span bytes, struct sfsi_object *ret)
{
	struct sfsi_reader r = sfsi_reader(bytes);
	struct sfsi_object object;
	uint8_t version = sfsi_read_u8(&r);
	read_object(&r, &object);
	if (r.bad || r.left)
		return SFS_ERR_CORRUPT;
	if (version != VERSION)
		return SFS_ERR_VERSION;
	*ret = object;
	return 0;
}

void sfsi_object_attr(uint32_t class_id, const struct sfsi_object *object, struct sfs_attr *ret)
{
	*ret = (struct sfs_attr){
		.ino = sfs_ino_make(class_id, object->serial),
		.number = sfs_ino_make(class_id, object->number),
		.type = SFS_NODE_OBJECT,
		.mode = object->mode,
		.uid = object->uid,
		.gid = object->gid,
		.nlink = 1,
		.size = object->size,
		.size_msgpack = object->size_msgpack,
		.blocks = (object->size + 511) / 512,
		.atime_ns = object->atime_ns,
		.mtime_ns = object->mtime_ns,
		.ctime_ns = object->ctime_ns,
		.revision = object->revision,
	};
}

size_t sfsi_name_encode(struct sfsi_name name, uint8_t ret[SFSI_NAME_SIZE])
{
	uint8_t *at = sfsi_put_u8(ret, VERSION);
	at = sfsi_put_u8(at, (uint8_t)name.type);
	return (size_t)(sfsi_put_u64(at, name.serial) - ret);
}

static bool type_known(uint8_t type)
{
	return type >= SFS_NODE_OBJECT && type <= SFS_NODE_SOCKET;
}

int sfsi_name_decode(struct sfs_span bytes, struct sfsi_name *ret)
{
	struct sfsi_reader r = sfsi_reader(bytes);
	uint8_t version = sfsi_read_u8(&r);
	uint8_t type = sfsi_read_u8(&r);
	uint64_t serial = sfsi_read_u64(&r);
	if (r.bad || r.left || !type_known(type))
		return SFS_ERR_CORRUPT;
	if (version != VERSION)
		return SFS_ERR_VERSION;
	*ret = (struct sfsi_name){ serial, (enum sfs_node_type)type };
	return 0;
}

int sfsi_inode_encode(const struct sfsi_inode *inode, struct sfs_buf *ret)
{
	uint8_t bytes[64];
	uint8_t version = inode->name.len ? VERSION_NAMED : inode->small ? VERSION_SMALL : VERSION;
	if (inode->name.len > SFS_NAME_MAX || (inode->name.len && inode->small))
		return SFS_ERR_INVALID;
	uint8_t *at = sfsi_put_u8(bytes, version);
	at = sfsi_put_u8(at, (uint8_t)inode->type);
	if (inode->type != SFS_NODE_OBJECT) {
		at = sfsi_put_u16(at, (uint16_t)inode->mode);
		at = sfsi_put_u32(at, inode->uid);
		at = sfsi_put_u32(at, inode->gid);
		at = sfsi_put_u32(at, inode->nlink);
		at = sfsi_put_u64(at, inode->parent);
		at = sfsi_put_u64(at, (uint64_t)inode->atime_ns);
		at = sfsi_put_u64(at, (uint64_t)inode->mtime_ns);
		at = sfsi_put_u64(at, (uint64_t)inode->ctime_ns);
		at = sfsi_put_u64(at, inode->revision);
	}
	if (inode->name.len)
		at = sfsi_put_u8(at, (uint8_t)inode->name.len);
	int err = sfs_buf_append(ret, bytes, (size_t)(at - bytes));
	if (!err)
		err = sfs_buf_append(ret, inode->name.data, inode->name.len);
	if (!err)
		err = sfs_buf_append(ret, inode->text.data, inode->text.len);
	return err;
}

int sfsi_inode_decode(struct sfs_span bytes, uint64_t serial, struct sfsi_inode *ret)
{
	struct sfsi_reader r = sfsi_reader(bytes);
	uint8_t version = sfsi_read_u8(&r);
	uint8_t type = sfsi_read_u8(&r);
	if (r.bad || !type_known(type))
		return SFS_ERR_CORRUPT;
	if (version != VERSION && version != VERSION_SMALL && version != VERSION_NAMED)
		return SFS_ERR_VERSION;
	struct sfsi_inode inode = {
		.type = (enum sfs_node_type)type,
		.serial = serial,
		.small = version == VERSION_SMALL,
	};
	if (inode.small && inode.type != SFS_NODE_FILE)
		return SFS_ERR_CORRUPT;
	if (inode.type != SFS_NODE_OBJECT) {
		inode.mode = sfsi_read_u16(&r);
		inode.uid = sfsi_read_u32(&r);
		inode.gid = sfsi_read_u32(&r);
		inode.nlink = sfsi_read_u32(&r);
		inode.parent = sfsi_read_u64(&r);
		inode.atime_ns = (int64_t)sfsi_read_u64(&r);
		inode.mtime_ns = (int64_t)sfsi_read_u64(&r);
		inode.ctime_ns = (int64_t)sfsi_read_u64(&r);
		inode.revision = sfsi_read_u64(&r);
	}
	if (version == VERSION_NAMED) {
		inode.name = sfsi_read_span(&r, sfsi_read_u8(&r));
		r.bad |= inode.name.len == 0 || inode.type == SFS_NODE_OBJECT;
	}
	inode.text = sfsi_read_span(&r, r.left);
	if (r.bad)
		return SFS_ERR_CORRUPT;
	*ret = inode;
	return 0;
}

size_t sfsi_state_encode(const struct sfsi_state *state, uint8_t ret[SFSI_STATE_SIZE])
{
	uint8_t *at = sfsi_put_u8(ret, VERSION);
	at = sfsi_put_u64(at, state->commit);
	at = sfsi_put_u64(at, state->next_serial);
	at = sfsi_put_u64(at, state->objects);
	at = sfsi_put_u64(at, state->files);
	at = sfsi_put_u32(at, state->mode);
	at = sfsi_put_u32(at, state->uid);
	at = sfsi_put_u32(at, state->gid);
	at = sfsi_put_u32(at, state->nlink);
	at = sfsi_put_u64(at, (uint64_t)state->atime_ns);
	at = sfsi_put_u64(at, (uint64_t)state->mtime_ns);
	at = sfsi_put_u64(at, (uint64_t)state->ctime_ns);
	at = sfsi_put_u64(at, state->revision);
	at = sfsi_put_u64(at, state->refused);
	return (size_t)(sfsi_put_u64(at, (uint64_t)state->refused_ns) - ret);
}

int sfsi_state_decode(struct sfs_span bytes, struct sfsi_state *ret)
{
	struct sfsi_reader r = sfsi_reader(bytes);
	uint8_t version = sfsi_read_u8(&r);
	struct sfsi_state state = { .commit = sfsi_read_u64(&r) };
	state.next_serial = sfsi_read_u64(&r);
	state.objects = sfsi_read_u64(&r);
	state.files = sfsi_read_u64(&r);
	state.mode = sfsi_read_u32(&r);
	state.uid = sfsi_read_u32(&r);
	state.gid = sfsi_read_u32(&r);
	state.nlink = sfsi_read_u32(&r);
	state.atime_ns = (int64_t)sfsi_read_u64(&r);
	state.mtime_ns = (int64_t)sfsi_read_u64(&r);
	state.ctime_ns = (int64_t)sfsi_read_u64(&r);
	state.revision = sfsi_read_u64(&r);
	/* A class that was not changed since refused texts are kept does not count them. */
	if (r.left) {
		state.refused = sfsi_read_u64(&r);
		state.refused_ns = (int64_t)sfsi_read_u64(&r);
	}
	if (r.bad || r.left)
		return SFS_ERR_CORRUPT;
	if (version != VERSION)
		return SFS_ERR_VERSION;
	*ret = state;
	return 0;
}

/* --- refused texts --- */

int sfsi_sealed_encode_parts(const struct sfs_span *parts, size_t count, struct sfs_span key,
			     struct sfs_buf *ret)
{
	size_t start = ret->len, len = 0;
	uint8_t head[9];
	sfsi_put_u8(sfsi_put_u64(head, 0), VERSION);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > SFS_BUF_MAX - len)
			return SFS_ERR_LIMIT;
		len += parts[i].len;
	}
	int err = sfs_buf_reserve(ret, sizeof head + len);
	if (!err)
		err = sfs_buf_append(ret, head, sizeof head);
	for (size_t i = 0; i < count && !err; i++)
		err = sfs_buf_append(ret, parts[i].data, parts[i].len);
	return seal(err, key, start, ret);
}

int sfsi_sealed_encode(struct sfs_span content, struct sfs_span key, struct sfs_buf *ret)
{
	return sfsi_sealed_encode_parts(&content, 1, key, ret);
}

int sfsi_sealed_decode(struct sfs_span bytes, struct sfs_span key, struct sfs_span *ret)
{
	struct sfsi_reader r = sfsi_reader(bytes);
	uint64_t sum = sfsi_read_u64(&r);
	if (r.bad || sum != sfsi_hash2(key, (struct sfs_span){ r.at, r.left }, 0))
		return SFS_ERR_CORRUPT;
	uint8_t version = sfsi_read_u8(&r);
	if (r.bad)
		return SFS_ERR_CORRUPT;
	if (version != VERSION)
		return SFS_ERR_VERSION;
	*ret = (struct sfs_span){ r.at, r.left };
	return 0;
}

/** With the format: the number and size of a removed object's text follow. */
#define HAS_REMOVED 0x80

int sfsi_refused_encode(const struct sfsi_refused *refused, struct sfs_span key,
			struct sfs_buf *ret)
{
	uint8_t head[57];
	uint8_t *at = sfsi_put_u64(head, refused->serial);
	at = sfsi_put_u64(at, (uint64_t)refused->time_ns);
	at = sfsi_put_u64(at, refused->size);
	at = sfsi_put_u64(at, refused->offset);
	at = sfsi_put_u32(at, refused->line);
	at = sfsi_put_u32(at, refused->column);
	at = sfsi_put_u8(at, (uint8_t)(refused->format | (refused->removed ? HAS_REMOVED : 0)));
	if (refused->removed)
		at = sfsi_put_u64(sfsi_put_u64(at, refused->removed), refused->removed_size);
	const struct sfs_span parts[] = { { head, (size_t)(at - head) }, refused->sentence };
	return sfsi_sealed_encode_parts(parts, 2, key, ret);
}

int sfsi_refused_decode(struct sfs_span bytes, struct sfs_span key, struct sfsi_refused *ret)
{
	struct sfs_span content;
	int err = sfsi_sealed_decode(bytes, key, &content);
	if (err < 0)
		return err;
	struct sfsi_reader r = sfsi_reader(content);
	struct sfsi_refused refused = { .serial = sfsi_read_u64(&r) };
	refused.time_ns = (int64_t)sfsi_read_u64(&r);
	refused.size = sfsi_read_u64(&r);
	refused.offset = sfsi_read_u64(&r);
	refused.line = sfsi_read_u32(&r);
	refused.column = sfsi_read_u32(&r);
	uint8_t format = sfsi_read_u8(&r);
	if (format & HAS_REMOVED) {
		refused.removed = sfsi_read_u64(&r);
		refused.removed_size = sfsi_read_u64(&r);
		format &= (uint8_t)~HAS_REMOVED;
	}
	refused.sentence = sfsi_read_span(&r, r.left);
	if (r.bad || format > SFS_FORMAT_MSGPACK)
		return SFS_ERR_CORRUPT;
	refused.format = (enum sfs_format)format;
	*ret = refused;
	return 0;
}

/* A class record with the text of a definition behind it. */
#define VERSION_DEFINED 2

int sfsi_class_encode(const struct sfsi_class_record *record, struct sfs_buf *ret)
{
	if (record->name.len > SFS_CLASS_NAME_MAX || record->type.len > SFS_CLASS_NAME_MAX)
		return SFS_ERR_LIMIT;
	uint8_t version = record->definition.len ? VERSION_DEFINED : VERSION;
	uint8_t bytes[4] = { version, (uint8_t)record->kind, (uint8_t)record->name.len,
			     (uint8_t)record->type.len };
	int err = sfs_buf_append(ret, bytes, sizeof bytes);
	if (!err)
		err = sfs_buf_append(ret, record->name.data, record->name.len);
	if (!err)
		err = sfs_buf_append(ret, record->type.data, record->type.len);
	if (!err)
		err = sfs_buf_append(ret, record->definition.data, record->definition.len);
	return err;
}

int sfsi_class_decode(struct sfs_span bytes, struct sfsi_class_record *ret)
{
	struct sfsi_reader r = sfsi_reader(bytes);
	uint8_t version = sfsi_read_u8(&r);
	uint8_t kind = sfsi_read_u8(&r);
	uint8_t name = sfsi_read_u8(&r);
	uint8_t type = sfsi_read_u8(&r);
	struct sfsi_class_record record = { .kind = (enum sfs_class_kind)kind };
	record.name = sfsi_read_span(&r, name);
	record.type = sfsi_read_span(&r, type);
	if (version == VERSION_DEFINED)
		record.definition = sfsi_read_span(&r, r.left);
	if (r.bad || r.left || name > SFS_CLASS_NAME_MAX || type > SFS_CLASS_NAME_MAX)
		return SFS_ERR_CORRUPT;
	if ((version != VERSION && version != VERSION_DEFINED) ||
	    (kind != SFS_CLASS_OBJECT && kind != SFS_CLASS_RAW))
		return SFS_ERR_VERSION;
	*ret = record;
	return 0;
}
