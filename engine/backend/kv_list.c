/*
 * See kv_list.h. A MANIFEST is a log (kv_log.c) of edits; an edit is tags and their values, integers as varints.
 */
#include "backend/kv_list.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/errno.h"
#include "base/file.h"
#include "bytes.h"

#define BLOCK ((size_t)32768)
#define HEAD ((size_t)7) /* checksum u32, length u16, type u8 */
enum { WHOLE = 1, FIRST = 2, MIDDLE = 3, LAST = 4 };
enum { COMPARATOR = 1, LOG = 2, NEXT_FILE = 3, LAST_CHANGE = 4, TABLE = 100 };
/** Behind all changes there ever are: each has a number of 56 bits. */
#define CHANGE_LAST ((uint64_t)1 << 55)
/** A change as it is in a key: its number, and its kind in the lowest byte. The highest comes first. */
#define CHANGE_BEFORE ((((uint64_t)1 << 56) - 1) << 8 | 1)
#define CHANGE_BEHIND ((uint64_t)0)

bool sfsi_kv_table_number(const char *name, uint64_t *ret)
{
	char *end;
	uint64_t number = strtoull(name, &end, 10);
	if (end == name || strcmp(end, ".sst") != 0 || number == UINT64_MAX)
		return false;
	*ret = number;
	return true;
}

/* --- the log --- */

uint32_t sfsi_kv_sum(struct sfs_span part)
{
	uint32_t crc = sfsi_crc32c(part, 0);
	return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/** A part of a record. Its type is summed up with it. */
static int put_part(struct sfs_buf *ret, uint8_t type, struct sfs_span part)
{
	uint8_t head[HEAD];
	size_t at = ret->len;
	int err = sfs_buf_append(ret, head, HEAD);
	if (!err)
		err = sfs_buf_append(ret, part.data, part.len);
	if (err < 0)
		return err;
	uint8_t *bytes = (uint8_t *)ret->data + at;
	bytes[6] = type;
	sfsi_put_u32(bytes, sfsi_kv_sum((struct sfs_span){ bytes + 6, 1 + part.len }));
	sfsi_put_u16(bytes + 4, (uint16_t)part.len);
	return 0;
}

/** A record, in as many blocks as it takes. */
static int put_record(struct sfs_buf *ret, struct sfs_span record)
{
	static const uint8_t zeros[HEAD];
	bool first = true;
	int err = 0;
	do {
		size_t room = BLOCK - ret->len % BLOCK;
		if (room < HEAD) {
			err = sfs_buf_append(ret, zeros, room);
			room = BLOCK;
		}
		size_t len = record.len < room - HEAD ? record.len : room - HEAD;
		bool last = len == record.len;
		uint8_t type = first ? (last ? WHOLE : FIRST) : last ? LAST : MIDDLE;
		if (!err)
			err = put_part(ret, type, (struct sfs_span){ record.data, len });
		record = (struct sfs_span){ (const char *)record.data + len, record.len - len };
		first = false;
	} while (!err && record.len);
	return err;
}

/* --- edits --- */

static int put_varint(struct sfs_buf *ret, uint64_t value)
{
	uint8_t bytes[10];
	size_t len = 0;
	for (; value >= 0x80; value >>= 7)
		bytes[len++] = (uint8_t)value | 0x80;
	bytes[len++] = (uint8_t)value;
	return sfs_buf_append(ret, bytes, len);
}

static int put_pair(struct sfs_buf *ret, uint64_t tag, uint64_t value)
{
	int err = put_varint(ret, tag);
	return err < 0 ? err : put_varint(ret, value);
}

static int put_key(struct sfs_buf *ret, struct sfs_span key, uint64_t change)
{
	uint8_t tail[8];
	sfsi_put_u64(tail, change);
	int err = put_varint(ret, key.len + sizeof tail);
	if (!err)
		err = sfs_buf_append(ret, key.data, key.len);
	return err < 0 ? err : sfs_buf_append(ret, tail, sizeof tail);
}

static int put_head(struct sfs_buf *ret, uint64_t next)
{
	static const char comparator[] = "leveldb.BytewiseComparator";
	int err = put_pair(ret, COMPARATOR, sizeof comparator - 1);
	if (!err)
		err = sfs_buf_append(ret, comparator, sizeof comparator - 1);
	if (!err)
		err = put_pair(ret, LOG, 0);
	if (!err)
		err = put_pair(ret, NEXT_FILE, next);
	return err < 0 ? err : put_pair(ret, LAST_CHANGE, CHANGE_LAST);
}

/** Of level 0, and without changes: tables of which that is said are not compared with each other. */
static int put_table(struct sfs_buf *ret, const struct sfsi_kv_table *table)
{
	int err = put_pair(ret, TABLE, 0);
	if (!err)
		err = put_pair(ret, table->number, table->bytes);
	if (!err)
		err = put_key(ret, sfs_buf_span(&table->first), CHANGE_BEFORE);
	if (!err)
		err = put_key(ret, sfs_buf_span(&table->last), CHANGE_BEHIND);
	return err < 0 ? err : put_pair(ret, 0, 0);
}

static int make(struct sfs_buf *ret, const struct sfsi_kv_table *tables, size_t count,
		uint64_t next)
{
	SFSI_AUTO_BUF struct sfs_buf edit = SFS_BUF_INIT;
	int err = put_head(&edit, next);
	if (!err)
		err = put_record(ret, sfs_buf_span(&edit));
	for (size_t i = 0; i < count && !err; i++) {
		edit.len = 0;
		err = put_table(&edit, &tables[i]);
		if (!err)
			err = put_record(ret, sfs_buf_span(&edit));
	}
	return err;
}

static int write_file(int dir_fd, const char *name, struct sfs_span bytes)
{
	SFSI_AUTO_FD int fd = openat(dir_fd, name,
				     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? sfsi_err_from_errno(errno) : sfsi_write_all(fd, bytes);
}

int sfsi_kv_list_write(int dir_fd, const struct sfsi_kv_table *tables, size_t count)
{
	SFSI_AUTO_BUF struct sfs_buf list = SFS_BUF_INIT;
	char name[40], current[48];
	uint64_t number = 0;
	for (size_t i = 0; i < count; i++)
		number = tables[i].number > number ? tables[i].number : number;
	snprintf(name, sizeof name, "MANIFEST-%06" PRIu64, ++number);
	snprintf(current, sizeof current, "%s\n", name);
	int err = make(&list, tables, count, number + 1);
	if (!err)
		err = write_file(dir_fd, name, sfs_buf_span(&list));
	return err < 0 ? err : write_file(dir_fd, "CURRENT", sfs_span_str(current));
}
