/*
 * Which tables of a folder can be read at all, and from where to where each goes: each is opened alone, by a list
 * (kv_list.h) that has just this one. One that can not be opened would keep all others from being scanned.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/key.h"
#include "backend/kv.h"
#include "backend/kv_tables.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/errno.h"
#include "base/dir.h"

#define PROBE "probe"
/** What each table ends with. RocksDB does not take a list for possible that has an empty one. */
#define FOOTER 48

static void tables_free(struct sfsi_kv_table *tables, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		sfs_buf_fini(&tables[i].first);
		sfs_buf_fini(&tables[i].last);
	}
	free(tables);
}

/** What is put where an end of a table can not be read: before, and behind, all keys there are. */
static int set_widest(struct sfsi_kv_table *table)
{
	uint8_t lowest[SFSI_PARTITION_LEN] = { 0 }, highest[SFSI_FULL_KEY_MAX];
	memset(highest, 0xff, sizeof highest);
	table->first.len = table->last.len = 0;
	int err = sfs_buf_append(&table->first, lowest, sizeof lowest);
	return err < 0 ? err : sfs_buf_append(&table->last, highest, sizeof highest);
}

static int copy_key(struct sfs_buf *ret, const rocksdb_iterator_t *it)
{
	size_t len;
	const char *key = rocksdb_iter_key(it, &len);
	ret->len = 0;
	return sfs_buf_append(ret, key, len);
}

/** The ends that can be read take the place of those that are there. *ret: one can. */
static int read_ends(rocksdb_t *db, struct sfsi_kv_table *table, bool *ret)
{
	rocksdb_readoptions_t *options = sfsi_kv_iterator_options();
	rocksdb_iterator_t *it = rocksdb_create_iterator(db, options);
	int err = 0;
	rocksdb_iter_seek_to_first(it);
	bool first = rocksdb_iter_valid(it);
	if (first)
		err = copy_key(&table->first, it);
	rocksdb_iter_seek_to_last(it);
	bool last = rocksdb_iter_valid(it);
	if (last && !err)
		err = copy_key(&table->last, it);
	rocksdb_iter_destroy(it);
	rocksdb_readoptions_destroy(options);
	*ret = first || last;
	return err;
}

/** A folder of its own with the table and a list of it. */
static int make_probe(int work_fd, const struct sfsi_kv_table *table, const char *name)
{
	sfsi_remove_tree(work_fd, PROBE);
	if (mkdirat(work_fd, PROBE, 0700) < 0)
		return sfsi_err_from_errno(errno);
	SFSI_AUTO_FD int fd = openat(work_fd, PROBE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || renameat(work_fd, name, fd, name) < 0)
		return sfsi_err_from_errno(errno);
	return sfsi_kv_list_write(fd, table, 1);
}

static int give_back(int work_fd, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, PROBE "/%s", name);
	return renameat(work_fd, path, work_fd, name) < 0 ? sfsi_err_from_errno(errno) : 0;
}

static int probe(const struct sfsi_kv_search *search, int work_fd, struct sfsi_kv_table *table,
		 const char *name, bool *ret)
{
	SFSI_AUTO_BUF struct sfs_buf path = SFS_BUF_INIT;
	char *text = NULL;
	int err = make_probe(work_fd, table, name);
	if (!err)
		err = sfs_buf_printf(&path, "%s/" PROBE "%c", search->work, 0);
	if (err < 0)
		return err;
	rocksdb_t *db = rocksdb_open_for_read_only(search->options, path.data, 0, &text);
	rocksdb_free(text);
	*ret = false;
	if (db) {
		err = read_ends(db, table, ret);
		rocksdb_close(db);
	}
	int given = give_back(work_fd, name);
	return err < 0 ? err : given;
}

/** What the old list said of it, if that is known: both ends are right then. */
static int set_known(const struct sfsi_kv_search *search, struct sfsi_kv_table *table,
		     const char *name)
{
	int err = set_widest(table);
	for (size_t i = 0; i < search->known_len && !err; i++) {
		const struct sfsi_salvage_table *known = &search->known[i];
		if (strcmp(known->name, name) != 0 || known->bytes != table->bytes)
			continue;
		table->first.len = table->last.len = 0;
		err = sfs_buf_append(&table->first, known->first.data, known->first.len);
		if (!err)
			err = sfs_buf_append(&table->last, known->last.data, known->last.len);
	}
	return err;
}

/** A file of the folder. *ret: it is a table that can be read. */
static int look_at(const struct sfsi_kv_search *search, int work_fd, const char *name,
		   struct sfsi_kv_table *table, bool *ret)
{
	char own[32];
	struct stat st;
	*table = (struct sfsi_kv_table){ .first = SFS_BUF_INIT, .last = SFS_BUF_INIT };
	*ret = false;
	if (!sfsi_kv_table_number(name, &table->number))
		return 0;
	snprintf(own, sizeof own, "%06" PRIu64 ".sst", table->number);
	if (strcmp(own, name) != 0 || fstatat(work_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_size < FOOTER)
		return 0;
	table->bytes = (uint64_t)st.st_size;
	int err = set_known(search, table, name);
	return err < 0 ? err : probe(search, work_fd, table, name, ret);
}

struct found {
	struct sfsi_kv_table *tables; /* [len] */
	size_t len, cap;
};

static int add(const struct sfsi_kv_search *search, int work_fd, const char *name,
	       struct found *found)
{
	bool there = false;
	int err = sfsi_array_grow(&found->tables, found->len, &found->cap, sizeof *found->tables);
	if (err < 0)
		return err;
	struct sfsi_kv_table *table = &found->tables[found->len];
	err = look_at(search, work_fd, name, table, &there);
	if (there && !err) {
		found->len++;
		return 0;
	}
	sfs_buf_fini(&table->first);
	sfs_buf_fini(&table->last);
	return err;
}

/** All names at once: looking at a table takes it out of the folder for a moment. */
static int names_of(int work_fd, struct sfs_buf *ret)
{
	SFSI_AUTO_DIR DIR *dir = NULL;
	int err = sfsi_dir_open(work_fd, ".", &dir);
	for (const struct dirent *entry; !err && (entry = sfsi_dir_next(dir, &err));)
		err = sfs_buf_append(ret, entry->d_name, strlen(entry->d_name) + 1);
	return err;
}

int sfsi_kv_tables_list(const struct sfsi_kv_search *search)
{
	SFSI_AUTO_BUF struct sfs_buf names = SFS_BUF_INIT;
	SFSI_AUTO_FD int work_fd = open(search->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct found found = { .len = 0 };
	if (work_fd < 0)
		return sfsi_err_from_errno(errno);
	int err = names_of(work_fd, &names);
	const char *name = names.data;
	for (size_t left = names.len; left && !err;) {
		size_t len = strlen(name) + 1;
		err = add(search, work_fd, name, &found);
		name += len;
		left -= len;
	}
	sfsi_remove_tree(work_fd, PROBE);
	if (!err)
		err = sfsi_kv_list_write(work_fd, found.tables, found.len);
	tables_free(found.tables, found.len);
	return err;
}
