/*
 * Which tables a RocksDB folder consists of, and the sum that each had when it was written.
 *
 * The MANIFEST is a log of changes of that list, in the format of the write-ahead log (kv_log.c): records of tagged
 * members. RocksDB reads the same when it opens, but tells nobody the sums.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "backend/kv.h"
#include "base/cleanup.h"
#include "base/errno.h"
#include "base/file.h"
#include "base/map.h"
#include "bytes.h"

#define BLOCK ((size_t)32768)
#define HEAD 7 /* checksum u32, length u16, type u8 */
enum { WHOLE = 1, FIRST = 2, MIDDLE = 3, LAST = 4 };
/* RocksDB begins a new one far earlier (kv_open.c). */
#define MANIFEST_MAX ((size_t)256 << 20)

/* Tags of RocksDB's VersionEdit, and how what is behind them is passed over. */
enum {
	TAG_COMPARATOR = 1, /* bytes */
	TAG_LOG_NUMBER =
		2, /* of the oldest log that is not in tables; a number, as are the next two */
	TAG_NEXT_FILE = 3,
	TAG_LAST_SEQUENCE = 4,
	TAG_COMPACT_CURSOR = 5, /* a number and bytes */
	TAG_DELETED = 6,        /* level and number of a table */
	TAG_PREVIOUS_LOG = 9,   /* a number, as is the next one */
	TAG_MIN_LOG = 10,
	TAG_NEW_TABLE = 103,
	TAG_COLUMN_FAMILY = 200,     /* a number, as is MAX_COLUMN_FAMILY */
	TAG_ADD_COLUMN_FAMILY = 201, /* bytes */
	TAG_MAX_COLUMN_FAMILY = 203,
	TAG_ATOMIC_GROUP = 300, /* a number */
	TAG_MAY_PASS = 1 << 13, /* all with this bit: bytes */
};
/* Members of a new table: each a tag and bytes. */
enum { TABLE_END = 1, TABLE_SUM = 7, TABLE_SUM_NAME = 8 };
#define SUM_NAME "FileChecksumCrc32c"

/** Value in the map; the key is the number, big-endian. */
struct table {
	uint64_t size;
	uint32_t sum;
	bool has_sum;
};

struct listing {
	struct sfsi_map tables;
	uint64_t log;          /* older logs are in tables */
	uint64_t newest;       /* change in any table that was ever listed */
	struct sfs_buf record; /* as far as it came */
};

/** Seven bits in each byte, the lowest first. */
static uint64_t read_varint(struct sfsi_reader *r)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = sfsi_read_u8(r);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	r->bad = true;
	return 0;
}

static struct sfs_span read_slice(struct sfsi_reader *r)
{
	uint64_t len = read_varint(r);
	if (len > r->left) {
		r->bad = true;
		return (struct sfs_span){ "", 0 };
	}
	return sfsi_read_span(r, (size_t)len);
}

static void drop_table(struct listing *listing, uint64_t number)
{
	uint8_t key[8];
	sfsi_put_be64(key, number);
	sfsi_map_entry_free(sfsi_map_take(&listing->tables, (struct sfs_span){ key, sizeof key }));
}

static int add_table(struct listing *listing, uint64_t number, const struct table *table)
{
	uint8_t key[8];
	sfsi_put_be64(key, number);
	struct sfsi_map_entry *entry = sfsi_map_entry_new(
		&listing->tables, (struct sfs_span){ key, sizeof key },
		(struct sfs_span){ table, sizeof *table });
	if (!entry)
		return SFS_ERR_NO_MEMORY;
	sfsi_map_entry_free(sfsi_map_put(&listing->tables, entry));
	return 0;
}

static int see_new_table(struct listing *listing, struct sfsi_reader *r)
{
	struct table table = { .has_sum = false };
	struct sfs_span sum = { "", 0 }, name = { "", 0 };
	(void)read_varint(r); /* level */
	uint64_t number = read_varint(r);
	table.size = read_varint(r);
	/* Smallest and largest key, and their sequence numbers. */
	(void)read_slice(r);
	(void)read_slice(r);
	(void)read_varint(r);
	uint64_t newest = read_varint(r);
	for (uint64_t tag; !r->bad && (tag = read_varint(r)) != TABLE_END;) {
		struct sfs_span value = read_slice(r);
		if (tag == TABLE_SUM)
			sum = value;
		else if (tag == TABLE_SUM_NAME)
			name = value;
	}
	if (r->bad)
		return 0;
	if (newest > listing->newest)
		listing->newest = newest;
	table.has_sum = sum.len == sizeof table.sum && sfs_span_equal(name, sfs_span_str(SUM_NAME));
	if (table.has_sum)
		table.sum = sfsi_get_be32(sum.data);
	return add_table(listing, number, &table);
}

/** One member of a record. What is not known ends it: nothing is said about the tables then. */
static int see_member(struct listing *listing, struct sfsi_reader *r)
{
	uint64_t tag = read_varint(r);
	switch (tag) {
	case TAG_NEW_TABLE: return see_new_table(listing, r);
	case TAG_DELETED:
		(void)read_varint(r); /* level */
		drop_table(listing, read_varint(r));
		return 0;
	case TAG_COMPACT_CURSOR:
		(void)read_varint(r);
		(void)read_slice(r);
		return 0;
	case TAG_LOG_NUMBER: listing->log = read_varint(r); return 0;
	case TAG_NEXT_FILE:
	case TAG_LAST_SEQUENCE:
	case TAG_PREVIOUS_LOG:
	case TAG_MIN_LOG:
	case TAG_COLUMN_FAMILY:
	case TAG_MAX_COLUMN_FAMILY:
	case TAG_ATOMIC_GROUP: (void)read_varint(r); return 0;
	default:
		if (tag != TAG_COMPARATOR && tag != TAG_ADD_COLUMN_FAMILY && !(tag & TAG_MAY_PASS))
			return SFS_ERR_UNSUPPORTED;
		(void)read_slice(r);
		return 0;
	}
}

static int see_record(struct listing *listing)
{
	struct sfsi_reader r = sfsi_reader(sfs_buf_span(&listing->record));
	int err = 0;
	while (r.left && !r.bad && !err)
		err = see_member(listing, &r);
	return err < 0 ? err : r.bad ? SFS_ERR_CORRUPT : 0;
}

/** Records of a block. Its last bytes are zeros where no head fits any more. */
static int see_block(struct listing *listing, const uint8_t *block, size_t len)
{
	int err = 0;
	for (size_t at = 0; at + HEAD <= len && !err;) {
		size_t size = block[at + 4] | (size_t)block[at + 5] << 8;
		uint8_t type = block[at + 6];
		if (type < WHOLE || type > LAST || size > len - at - HEAD)
			return SFS_ERR_CORRUPT;
		if (type == WHOLE || type == FIRST)
			listing->record.len = 0;
		err = sfs_buf_append(&listing->record, block + at + HEAD, size);
		if (!err && (type == WHOLE || type == LAST))
			err = see_record(listing);
		at += HEAD + size;
	}
	return err;
}

static int see_manifest(struct listing *listing, const struct kv *kv)
{
	SFSI_AUTO_BUF struct sfs_buf text = SFS_BUF_INIT;
	char name[32];
	uint64_t number, size;
	int err = sfsi_kv_manifest(kv, &number, &size, NULL);
	if (err < 0)
		return err;
	snprintf(name, sizeof name, "MANIFEST-%06" PRIu64, number);
	err = sfsi_file_load(kv->db_fd, name, MANIFEST_MAX, &text);
	const uint8_t *bytes = text.data;
	for (size_t at = 0; at < text.len && !err; at += BLOCK)
		err = see_block(listing, bytes + at, text.len - at < BLOCK ? text.len - at : BLOCK);
	return err;
}

static int give(const struct listing *listing, sfsi_backend_file_fn *fn, void *arg)
{
	const struct sfsi_map_entry *at = sfsi_map_seek(&listing->tables,
							(struct sfs_span){ "", 0 });
	int err = 0;
	for (; at && !err; at = sfsi_map_next(at)) {
		char name[64];
		struct table table;
		memcpy(&table, sfsi_map_value(at).data, sizeof table);
		snprintf(name, sizeof name, "db/%06" PRIu64 ".sst",
			 sfsi_get_be64(sfsi_map_key(at).data));
		const struct sfsi_backend_file file = {
			.name = name,
			.size = table.size,
			.has_sum = table.has_sum,
			.sum = table.sum,
		};
		err = fn(arg, &file);
	}
	return err;
}

/** What can not be read is named by others; up to there it is right. */
static void look_through(struct listing *listing, const struct kv *kv)
{
	sfsi_map_init(&listing->tables);
	int err = see_manifest(listing, kv);
	(void)err;
	sfsi_map_fini(&listing->tables);
	sfs_buf_fini(&listing->record);
}

uint64_t sfsi_kv_oldest_log(const struct kv *kv)
{
	struct listing listing = { .record = SFS_BUF_INIT };
	look_through(&listing, kv);
	return listing.log;
}

uint64_t sfsi_kv_newest_in_tables(const struct kv *kv)
{
	struct listing listing = { .record = SFS_BUF_INIT };
	look_through(&listing, kv);
	return listing.newest;
}

int sfsi_kv_files(struct sfsi_backend *b, sfsi_backend_file_fn *fn, void *arg)
{
	struct listing listing = { .record = SFS_BUF_INIT };
	sfsi_map_init(&listing.tables);
	int err = see_manifest(&listing, (const struct kv *)b);
	if (!err)
		err = give(&listing, fn, arg);
	sfsi_map_fini(&listing.tables);
	sfs_buf_fini(&listing.record);
	return err;
}
