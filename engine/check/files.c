/*
 * Plain files of raws: every file inode has one, and every one belongs to a file inode. One that
 * belongs to nothing is only noted: a raw's file is made before the commit that names it, so a crash
 * in between leaves an empty one behind.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/dir.h"
#include "base/errno.h"
#include "check/check.h"

#define SHARD_BITS 10
#define SHARD_SIZE (1u << SHARD_BITS)

/* A raw that is removed or replaced meanwhile: its file goes a moment before its row, or after it. */
#define LOOKS 5
#define LOOK_US 20000

/** The file of a raw, unless the raw is gone by now: SFS_ERR_NOT_FOUND. */
static int stat_file(struct sfsi_check *check, uint64_t serial, struct stat *ret)
{
	struct sfsi_key key;
	int err = sfsi_bytes_stat(check->store, sfs_ino_make(check->partition, serial), ret);
	sfsi_key_serial(&key, 'N', serial);
	for (int i = 0; i < LOOKS && err == SFS_ERR_CORRUPT; i++) {
		SFSI_AUTO_BUF struct sfs_buf row = SFS_BUF_INIT;
		if (sfsi_check_get(check, sfsi_key_span(&key), &row) == SFS_ERR_NOT_FOUND)
			return SFS_ERR_NOT_FOUND;
		usleep(LOOK_US);
		err = sfsi_bytes_stat(check->store, sfs_ino_make(check->partition, serial), ret);
	}
	return err;
}

void sfsi_check_file(struct sfsi_check *check, uint64_t serial)
{
	struct stat stat;
	uint64_t ino = sfs_ino_make(check->partition, serial);
	int err = stat_file(check, serial, &stat);
	if (err == SFS_ERR_NOT_FOUND)
		return;
	if (err == SFS_ERR_CORRUPT || err == SFS_ERR_NOT_DIR)
		sfsi_check_found(check, SFS_CHECK_FILE_MISSING, "the bytes of the raw are missing")
			->ino = ino;
	else if (!err && !S_ISREG(stat.st_mode))
		sfsi_check_found(check, SFS_CHECK_FILE_MISSING,
				 "the bytes of the raw are no plain file")
			->ino = ino;
	else if (err < 0)
		check->err = err;
}

/** "0000a1" of exactly len digits, as this program writes them. */
static bool read_hex(const char *text, int len, uint64_t *ret)
{
	char again[24];
	char *end;
	if (strlen(text) != (size_t)len)
		return false;
	*ret = strtoull(text, &end, 16);
	snprintf(again, sizeof again, "%0*llx", len, (unsigned long long)*ret);
	return strcmp(text, again) == 0;
}

/* --- one shard: at most 1,024 files --- */

struct shard {
	struct sfsi_check *check;
	uint64_t number;
	bool known[SHARD_SIZE]; /* serials that have an inode of a file */
};

static int mark_inode(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct shard *shard = arg;
	struct sfsi_check_row row = { key, val };
	struct sfsi_inode inode;
	uint64_t serial = 0;
	if (!sfsi_check_serial(key, &serial) || serial >> SHARD_BITS != shard->number)
		return serial >> SHARD_BITS > shard->number;
	shard->known[serial % SHARD_SIZE] = sfsi_check_inode_decode(&row, &inode) &&
					    inode.type == SFS_NODE_FILE;
	return 0;
}

static int mark_inodes(struct shard *shard)
{
	struct sfsi_check *check = shard->check;
	struct sfsi_key after;
	memset(shard->known, 0, sizeof shard->known);
	/* Just before the first serial of the shard. */
	sfsi_key_serial(&after, 'N', shard->number << SHARD_BITS);
	after.len = 8;
	struct sfsi_scan scan = { .partition = check->partition,
				  .prefix = sfs_span_str("N"),
				  .after = sfsi_key_span(&after) };
	int err = sfsi_backend_scan(check->store->backend, &scan, mark_inode, shard);
	/* Damage was reported when the inodes were read. */
	check->skipped |= err == SFS_ERR_CORRUPT;
	return err == SFS_ERR_CANCELLED || err == SFS_ERR_CORRUPT ? 0 : err;
}

/** Is there a row of a table with that serial? An error counts as yes. */
static bool has_row(struct sfsi_check *check, char table, uint64_t serial)
{
	struct sfsi_key key;
	SFSI_AUTO_BUF struct sfs_buf val = SFS_BUF_INIT;
	sfsi_key_serial(&key, table, serial);
	return sfsi_check_get(check, sfsi_key_span(&key), &val) != SFS_ERR_NOT_FOUND;
}

bool sfsi_check_file_needed(struct sfsi_check *check, uint64_t serial)
{
	struct sfsi_inode inode;
	uint64_t ino = sfs_ino_make(check->partition, serial);
	return has_row(check, 'N', serial) || has_row(check, 'Z', serial) ||
	       sfsi_check_trashed(check, serial) != 0 ||
	       sfsi_open_orphan_get(check->store, ino, &inode) != SFS_ERR_NOT_FOUND;
}

/** Files are made and named under the commit lock: with it nobody is in between. */
static int check_stray(struct sfsi_check *check, uint64_t serial)
{
	struct stat stat;
	uint64_t ino = sfs_ino_make(check->partition, serial);
	check->found_count = 0;
	pthread_mutex_lock(&check->store->commit_lock);
	if (!sfsi_check_file_needed(check, serial) &&
	    sfsi_bytes_stat(check->store, ino, &stat) == 0)
		sfsi_check_found(check, SFS_CHECK_FILE_STRAY,
				 "a plain file of %llu bytes that belongs to no raw",
				 (unsigned long long)stat.st_size)
			->ino = ino;
	pthread_mutex_unlock(&check->store->commit_lock);
	return check->err < 0 ? check->err : sfsi_check_report(check);
}

static int report_foreign(struct sfsi_check *check, const char *name)
{
	check->found_count = 0;
	sfsi_check_found(check, SFS_CHECK_FILE_STRAY, "something else in the folder of plain files")
		->name = sfs_span_str(name);
	return sfsi_check_report(check);
}

typedef int name_fn(void *arg, int dir_fd, const char *name);

/** Call fn for each name in a folder; what is not there has none. */
static int each_name(int at_fd, const char *path, name_fn *fn, void *arg)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(at_fd, path, &dir);
	if (err < 0)
		return err == SFS_ERR_NOT_FOUND || err == SFS_ERR_NOT_DIR ? 0 : err;
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		err = fn(arg, dirfd(dir), entry->d_name);
	return err;
}

static int see_file(void *arg, int dir_fd, const char *name)
{
	struct shard *shard = arg;
	uint64_t serial;
	(void)dir_fd;
	if (!read_hex(name, 9, &serial) || serial >> SHARD_BITS != shard->number)
		return report_foreign(shard->check, name);
	return shard->known[serial % SHARD_SIZE] ? 0 : check_stray(shard->check, serial);
}

static int see_shard(void *arg, int dir_fd, const char *name)
{
	struct shard *shard = arg;
	if (!read_hex(name, 7, &shard->number) || shard->number >> (36 - SHARD_BITS))
		return report_foreign(shard->check, name);
	int err = mark_inodes(shard);
	if (!err)
		err = each_name(dir_fd, name, see_file, shard);
	return err < 0 ? err : sfsi_check_tick(shard->check);
}

int sfsi_check_files(struct sfsi_check *check)
{
	char folder[16];
	SFSI_AUTO_FREE struct shard *shard = calloc(1, sizeof *shard);
	if (!shard)
		return SFS_ERR_NO_MEMORY;
	shard->check = check;
	snprintf(folder, sizeof folder, "%06x", check->partition);
	return each_name(check->store->raw_fd, folder, see_shard, shard);
}

/* --- folders of no class --- */

static int see_folder(void *arg, int dir_fd, const char *name)
{
	struct sfsi_check *check = arg;
	uint64_t id;
	(void)dir_fd;
	if (!read_hex(name, 6, &id))
		return report_foreign(check, name);
	if (id == 0 || sfsi_class_ref(check->store, (uint32_t)id))
		return 0;
	check->partition = (uint32_t)id;
	int err = sfsi_check_files(check);
	check->partition = 0;
	return err;
}

int sfsi_check_file_folders(struct sfsi_check *check)
{
	return each_name(check->store->raw_fd, ".", see_folder, check);
}
