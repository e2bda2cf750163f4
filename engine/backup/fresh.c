/*
 * Is a backup that was just made what it should be, without reading what older ones have verified?
 *
 * Each file that is new is read back from the disk and compared with the hash of what was copied. A table is
 * then compared with the sum that the engine took of it when it wrote it: byte by byte it is what it was, so all its blocks
 * and records are. A file that is shared has to be as it was when this was done. The engine's own list must name exactly these
 * tables; and the counts of objects in the records, which are kept twice (by class, and by ranges of names), those that the store had.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include "backup/backup.h"
#include "base/errno.h"
#include "store_private.h"

struct looking {
	const struct sfsi_backup_fresh *fresh;
	struct sfsi_map tables; /* of the engine's list: path in the backup, and struct sum */
	size_t found;           /* of these in the backup */
	uint64_t next;          /* number of the next file */
	bool sure;
};

/** What the engine's list says of a table. */
struct sum {
	uint64_t size;
	uint32_t sum;
	bool has_sum;
};

static int damaged(const struct looking *looking, const char *path, const char *how)
{
	return sfs_diag_set(looking->fresh->diag, SFS_ERR_CORRUPT, "%s %s", path, how);
}

/* --- as a store --- */

static int remember_table(void *arg, const struct sfsi_backend_file *file)
{
	struct looking *looking = arg;
	const struct sum sum = { file->size, file->sum, file->has_sum };
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	int err = sfs_buf_printf(&path, "db/%s", file->name);
	struct sfsi_map_entry *entry = err ? NULL
					   : sfsi_map_entry_new(
						     &looking->tables, sfs_buf_span(&path),
						     (struct sfs_span){ &sum, sizeof sum });
	if (!entry)
		return SFS_ERR_NO_MEMORY;
	sfsi_map_entry_free(sfsi_map_put(&looking->tables, entry));
	return 0;
}

/** The ranges of a class were added up when it was loaded. */
static bool adds_up(struct sfs_store *store)
{
	for (size_t i = 0; i < store->by_name_len; i++)
		if (store->by_name[i]->positions.stale)
			return false;
	return true;
}

static int check_counts(struct looking *looking, struct sfs_store *store)
{
	const struct sfs_backup *wanted = looking->fresh->backup;
	struct sfs_store_stat stat;
	int err = sfs_store_stat(store, &stat);
	if (err < 0)
		return err;
	if (stat.commit != wanted->commit || stat.objects != wanted->objects ||
	    stat.raws != wanted->raws)
		return sfs_diag_set(looking->fresh->diag, SFS_ERR_CORRUPT,
				    "it has %" PRIu64 " objects and %" PRIu64
				    " raws of commit %" PRIu64 ", the store had %" PRIu64
				    " and %" PRIu64 " of %" PRIu64,
				    stat.objects, stat.raws, stat.commit, wanted->objects,
				    wanted->raws, wanted->commit);
	looking->sure = adds_up(store);
	return 0;
}

/** What it says of itself when it is opened. */
static int check_store(struct looking *looking)
{
	const struct sfs_store_config config = {
		.path = looking->fresh->path,
		.flags = SFS_STORE_READ_ONLY,
	};
	struct sfs_store *store;
	int err = sfs_store_open(&config, &store, looking->fresh->diag);
	if (err < 0)
		return err;
	err = check_counts(looking, store);
	/* A list that is not understood is none that is wrong: the store has opened. */
	if (!err && sfsi_backend_files(store->backend, remember_table, looking) < 0) {
		sfsi_map_fini(&looking->tables);
		sfsi_map_init(&looking->tables);
		looking->sure = false;
	}
	int closed = sfs_store_close(store);
	return err < 0 ? err : closed;
}

/* --- as files --- */

static bool is_fresh(const struct looking *looking)
{
	const struct sfs_buf *fresh = looking->fresh->fresh;
	uint64_t at = looking->next / 8;
	return at >= fresh->len || ((const uint8_t *)fresh->data)[at] & 1u << looking->next % 8;
}

/** Is a file as it was when it was right? */
static bool is_as_seen(const struct looking *looking, const struct sfsi_backup_file *file)
{
	char stamp[SFSI_BACKUP_PATH];
	struct stat stat;
	if (fstatat(looking->fresh->dir_fd, file->path, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	sfsi_backup_stamp(&stat, stamp);
	return strcmp(stamp, file->seen) == 0 && (uint64_t)stat.st_size == file->size;
}

static bool is_table(const char *path)
{
	size_t len = strlen(path);
	return strncmp(path, "db/", 3) == 0 && len > 4 && strcmp(path + len - 4, ".sst") == 0;
}

static int check_table(struct looking *looking, const struct sfsi_backup_file *file, bool read,
		       uint32_t sum)
{
	struct sfs_span path = sfs_span_str(file->path);
	const struct sfsi_map_entry *entry = sfsi_map_seek(&looking->tables, path);
	struct sum wanted;
	if (!entry || !sfs_span_equal(sfsi_map_key(entry), path)) {
		looking->sure = false;
		return 0;
	}
	memcpy(&wanted, sfsi_map_value(entry).data, sizeof wanted);
	looking->found++;
	if (wanted.size != file->size)
		return damaged(looking, file->path,
			       "does not have the size that it was written in");
	if (read && wanted.has_sum && sum != wanted.sum)
		return damaged(looking, file->path,
			       "is damaged, and was when it was copied: its sum is not that of "
			       "what was written");
	if (read && !wanted.has_sum)
		looking->sure = false;
	return 0;
}

static int on_file(void *arg, const struct sfsi_backup_file *file)
{
	struct looking *looking = arg;
	const struct sfsi_backup_fresh *fresh = looking->fresh;
	bool read = is_fresh(looking) || !is_as_seen(looking, file);
	uint32_t sum = 0;
	int err = read ? sfsi_backup_compare(fresh->copying, fresh->dir_fd, file, &sum, fresh->diag)
		       : 0;
	looking->next++;
	return !err && is_table(file->path) ? check_table(looking, file, read, sum) : err;
}

/** A table that is in no line is missing, or nobody has its hash. */
static int check_found(const struct looking *looking)
{
	if (looking->found == looking->tables.count)
		return 0;
	return sfs_diag_set(looking->fresh->diag, SFS_ERR_CORRUPT,
			    "%zu tables are in it, the engine's list has %zu", looking->found,
			    looking->tables.count);
}

int sfsi_backup_check_fresh(const struct sfsi_backup_fresh *fresh, bool *ret_sure)
{
	struct looking looking = { .fresh = fresh };
	struct sfs_backup figures;
	sfsi_map_init(&looking.tables);
	fresh->copying->reading = true;
	int err = check_store(&looking);
	if (!err)
		err = sfsi_backup_read(fresh->dir_fd, on_file, &looking, &figures, fresh->diag);
	if (!err)
		err = check_found(&looking);
	fresh->copying->reading = false;
	sfsi_map_fini(&looking.tables);
	if (!err)
		*ret_sure = looking.sure;
	return err;
}
