/*
 * The trash (W): each row can be read, an entry has what it lists and the other way round, a raw has its plain
 * file, and the class counts them. Rows are compared one by one.
 */
#include <sys/stat.h>
#include "check/check.h"
#include "trash.h"

/** 'E', 'R' or 'S'; 0: no such key. */
static uint8_t part_of(struct sfs_span key)
{
	const uint8_t *bytes = key.data;
	uint8_t part = key.len < 2 ? 0 : bytes[1];
	size_t len = part == 'E' ? 26 : part == 'R' ? 10 : part == 'S' ? 2 : 0;
	return len == key.len ? part : 0;
}

static uint64_t serial_of(struct sfs_span key)
{
	return sfsi_get_be64((const uint8_t *)key.data + key.len - 8);
}

static void found(struct sfsi_check *check, uint64_t serial, const char *what)
{
	sfsi_check_found(check, SFS_CHECK_TRASH, "%s", what)->ino =
		serial ? sfs_ino_make(check->partition, serial) : 0;
}

static int decode_what(const struct sfsi_trash *trash)
{
	struct sfsi_record record;
	struct sfsi_inode inode;
	struct sfsi_key key;
	sfsi_trash_what_key(&key, trash->serial);
	return trash->type == SFS_NODE_OBJECT
		       ? sfsi_record_decode(trash->what, sfsi_key_span(&key), &record)
		       : sfsi_inode_decode(trash->what, trash->serial, &inode);
}

static void trash_row(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	struct sfsi_trash trash;
	struct sfsi_trash_entry entry;
	struct sfs_trash_stat stat;
	uint8_t part = part_of(row->key);
	if (!part)
		found(check, 0, "something in the trash under an impossible key");
	else if (part == 'S' && sfsi_trash_count_decode(row->val, row->key, &stat) < 0)
		found(check, 0, "how much is in the trash can not be read");
	else if (part == 'R' &&
		 (sfsi_trash_decode(row->val, row->key, &trash) < 0 || decode_what(&trash) < 0))
		found(check, serial_of(row->key), "something in the trash is damaged");
	else if (part == 'E' && sfsi_trash_entry_decode(row->val, row->key, &entry) < 0)
		found(check, serial_of(row->key), "an entry of the trash is damaged");
	else if (part == 'E' && entry.cookie != sfsi_cookie(check->store, entry.name))
		found(check, entry.serial, "an entry of the trash is in the wrong place");
}

static void trash_take(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	uint64_t serial = part_of(row->key) == 'S' ? 0 : serial_of(row->key);
	if (serial > check->class.max_serial)
		check->class.max_serial = serial;
}

static bool trash_needs(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	(void)check;
	return part_of(row->key) != 0;
}

/** Is there a row that says the same of the other kind? */
static void relate_entry(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_trash_entry entry;
	struct sfsi_trash trash;
	struct sfsi_key key;
	if (sfsi_trash_entry_decode(row->val, row->key, &entry) < 0)
		return;
	sfsi_trash_what_key(&key, entry.serial);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	if (err == SFS_ERR_NOT_FOUND)
		found(check, entry.serial, "an entry of the trash of nothing");
	else if (!err && sfsi_trash_decode(sfs_buf_span(&val), sfsi_key_span(&key), &trash) == 0 &&
		 (trash.removed_ns != entry.removed_ns || trash.bytes != entry.bytes ||
		  trash.type != entry.type || !sfs_span_equal(trash.name, entry.name)))
		found(check, entry.serial, "an entry of the trash says other things");
}

static void relate_what(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_trash trash;
	struct sfsi_key key;
	struct stat stat;
	if (sfsi_trash_decode(row->val, row->key, &trash) < 0)
		return;
	sfsi_trash_entry_key(&key, sfsi_trash_second(trash.removed_ns),
			     sfsi_cookie(check->store, trash.name), trash.serial);
	if (sfsi_check_get(check, sfsi_key_span(&key), &val) == SFS_ERR_NOT_FOUND)
		found(check, trash.serial, "something in the trash that is not listed");
	uint64_t ino = sfs_ino_make(check->partition, trash.serial);
	if (trash.type == SFS_NODE_FILE &&
	    sfsi_bytes_stat(check->store, ino, &stat) == SFS_ERR_CORRUPT)
		sfsi_check_found(check, SFS_CHECK_FILE_MISSING,
				 "a raw in the trash without its plain file")
			->ino = ino;
}

int sfsi_check_trashed(struct sfsi_check *check, uint64_t serial)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfsi_key key;
	sfsi_trash_what_key(&key, serial);
	int err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	return err == SFS_ERR_NOT_FOUND ? 0 : err < 0 ? err : 1;
}

/** Sums over all entries, with changes held off. */
static int add_entry(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct sfs_trash_stat *stat = arg;
	struct sfsi_trash_entry entry;
	stat->entries++;
	if (sfsi_trash_entry_decode(val, key, &entry) == 0)
		stat->bytes += entry.bytes;
	return 0;
}

void sfsi_check_trash_count(struct sfsi_check *check)
{
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	struct sfs_trash_stat sum = { .entries = 0 }, said = { .entries = 0 };
	struct sfsi_key key;
	struct sfsi_scan scan = {
		.partition = check->partition,
		.prefix = sfs_span_str(SFSI_TRASH_ENTRIES),
	};
	int err = sfsi_backend_scan(check->store->backend, &scan, add_entry, &sum);
	sfsi_trash_count_key(&key);
	if (!err)
		err = sfsi_check_get(check, sfsi_key_span(&key), &val);
	/* What is damaged there was reported with its rows. */
	if (!err && sfsi_trash_count_decode(sfs_buf_span(&val), sfsi_key_span(&key), &said) < 0)
		return;
	if (err == SFS_ERR_CORRUPT)
		check->skipped = true;
	else if (err < 0 && err != SFS_ERR_NOT_FOUND)
		check->err = err;
	else if (sum.entries != said.entries || sum.bytes != said.bytes)
		sfsi_check_found(
			check, SFS_CHECK_COUNTER,
			"the trash counts %llu entries and %llu bytes, there are %llu and %llu",
			(unsigned long long)said.entries, (unsigned long long)said.bytes,
			(unsigned long long)sum.entries, (unsigned long long)sum.bytes);
}

static void trash_relate(struct sfsi_check *check, const struct sfsi_check_row *row)
{
	if (part_of(row->key) == 'E')
		relate_entry(check, row);
	else if (part_of(row->key) == 'R')
		relate_what(check, row);
}

const struct sfsi_check_table sfsi_check_trash = {
	.letter = 'W',
	.row = trash_row,
	.take = trash_take,
	.needs = trash_needs,
	.relate = trash_relate,
};
