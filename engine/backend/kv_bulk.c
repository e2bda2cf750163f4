/*
 * Many rows at once: tables of RocksDB's own format, which it takes in with one change of its MANIFEST.
 *
 * They lie in bulk/ beside db/ until then, on disk as a whole; what a kill leaves there goes with the next
 * open. Before they are taken in the log is closed: RocksDB would switch it by itself (kv_guard.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "backend/bulk.h"
#include "backend/key.h"
#include "backend/kv.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/errno.h"
#include "base/dir.h"

#define FOLDER "bulk"
#define TABLES_MAX 16
/* As a compaction would make them. */
#define FILE_BYTES ((size_t)32 << 20)
/* Free room for what taking them in writes. */
#define NEEDS ((uint64_t)4 << 20)

/** A table in the making. */
struct table {
	uint32_t partition;
	uint8_t letter;
	rocksdb_sstfilewriter_t *writer; /* NULL: the last file is full */
	size_t bytes;                    /* in its file */
};

struct kv_bulk {
	struct sfsi_bulk base;
	int dir_fd;
	char *path; /* of the backend's folder */
	rocksdb_envoptions_t *env;
	rocksdb_options_t *options;
	struct table tables[TABLES_MAX];
	size_t tables_len;
	char **files; /* [files_len], paths */
	size_t files_len, files_cap;
	struct sfsi_full_key
		full; /* not on the stack, where a hardened build would clear it for each row */
};

void sfsi_kv_bulk_clean(const struct kv *kv)
{
	sfsi_remove_tree(kv->dir_fd, FOLDER);
}

static void bulk_drop(struct sfsi_bulk *base)
{
	struct kv_bulk *bulk = (struct kv_bulk *)base;
	for (size_t i = 0; i < bulk->tables_len; i++)
		if (bulk->tables[i].writer)
			rocksdb_sstfilewriter_destroy(bulk->tables[i].writer);
	for (size_t i = 0; i < bulk->files_len; i++) {
		unlink(bulk->files[i]);
		free(bulk->files[i]);
	}
	/* Another one may be being made beside. */
	unlinkat(bulk->dir_fd, FOLDER, AT_REMOVEDIR);
	sfsi_close_fd(&bulk->dir_fd);
	free(bulk->files);
	free(bulk->path);
	if (bulk->options)
		rocksdb_options_destroy(bulk->options);
	rocksdb_envoptions_destroy(bulk->env);
	free(bulk);
}

static int name_file(struct kv_bulk *bulk, const char **ret)
{
	static _Atomic uint64_t number;
	char *path;
	int err = sfsi_array_grow(&bulk->files, bulk->files_len, &bulk->files_cap, sizeof(char *));
	if (err < 0)
		return err;
	if (asprintf(&path, "%s/" FOLDER "/%06llu.sst", bulk->path,
		     (unsigned long long)atomic_fetch_add(&number, 1)) < 0)
		return SFS_ERR_NO_MEMORY;
	bulk->files[bulk->files_len++] = path;
	*ret = path;
	return 0;
}

static int begin_file(struct kv_bulk *bulk, struct table *table)
{
	const char *path;
	char *text = NULL;
	if (mkdirat(bulk->dir_fd, FOLDER, 0700) < 0 && errno != EEXIST)
		return sfsi_err_from_errno(errno);
	int err = name_file(bulk, &path);
	if (err < 0)
		return err;
	table->bytes = 0;
	table->writer = rocksdb_sstfilewriter_create(bulk->env, bulk->options);
	rocksdb_sstfilewriter_open(table->writer, path, &text);
	return sfsi_kv_error(text);
}

/** On disk as a whole. */
static int end_file(struct table *table)
{
	char *text = NULL;
	rocksdb_sstfilewriter_finish(table->writer, &text);
	rocksdb_sstfilewriter_destroy(table->writer);
	table->writer = NULL;
	return sfsi_kv_error(text);
}

static int find_table(struct kv_bulk *bulk, const struct sfsi_op *op, struct table **ret)
{
	uint8_t letter = *(const uint8_t *)op->key.data;
	for (size_t i = 0; i < bulk->tables_len; i++) {
		*ret = &bulk->tables[i];
		if ((*ret)->letter == letter && (*ret)->partition == op->partition)
			return 0;
	}
	if (bulk->tables_len == TABLES_MAX)
		return SFS_ERR_LIMIT;
	*ret = &bulk->tables[bulk->tables_len++];
	**ret = (struct table){ .partition = op->partition, .letter = letter };
	return 0;
}

static int kv_bulk_put(struct sfsi_bulk *base, const struct sfsi_op *op)
{
	struct kv_bulk *bulk = (struct kv_bulk *)base;
	struct sfsi_full_key *full = &bulk->full;
	struct table *table;
	char *text = NULL;
	int err = find_table(bulk, op, &table);
	if (!err && !table->writer)
		err = begin_file(bulk, table);
	if (err < 0)
		return err;
	sfsi_full_key_set(full, op->partition, op->key);
	const char *key = (const char *)full->bytes;
	if (op->remove)
		rocksdb_sstfilewriter_delete(table->writer, key, full->len, &text);
	else
		rocksdb_sstfilewriter_put(table->writer, key, full->len, op->val.data, op->val.len,
					  &text);
	table->bytes += full->len + op->val.len;
	if (text)
		return sfsi_kv_error(text);
	return table->bytes >= FILE_BYTES ? end_file(table) : 0;
}

int sfsi_kv_bulk_begin(struct sfsi_backend *b, struct sfsi_bulk **ret)
{
	const struct kv *kv = (const struct kv *)b;
	struct kv_bulk *bulk = calloc(1, sizeof *bulk);
	if (!bulk)
		return SFS_ERR_NO_MEMORY;
	bulk->base = (struct sfsi_bulk){ .put = kv_bulk_put, .drop = bulk_drop };
	bulk->env = rocksdb_envoptions_create();
	bulk->dir_fd = fcntl(kv->dir_fd, F_DUPFD_CLOEXEC, 0);
	bulk->path = strdup(kv->path);
	if (!bulk->path || bulk->dir_fd < 0) {
		int err = bulk->path ? sfsi_err_from_errno(errno) : SFS_ERR_NO_MEMORY;
		bulk_drop(&bulk->base);
		return err;
	}
	bulk->options = sfsi_kv_table_options(kv);
	*ret = &bulk->base;
	return 0;
}

static int end_files(struct kv_bulk *bulk)
{
	int err = 0;
	for (size_t i = 0; !err && i < bulk->tables_len; i++)
		if (bulk->tables[i].writer)
			err = end_file(&bulk->tables[i]);
	return err;
}

static bool has_room(const struct kv *kv)
{
	struct statvfs st;
	return fstatvfs(kv->dir_fd, &st) < 0 || st.f_bavail > NEEDS / st.f_frsize;
}

static int take_in(struct kv *kv, const struct kv_bulk *bulk)
{
	char *text = NULL;
	rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
	rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
	rocksdb_ingest_external_file(kv->db, (const char *const *)bulk->files, bulk->files_len,
				     options, &text);
	rocksdb_ingestexternalfileoptions_destroy(options);
	return sfsi_kv_error(text);
}

static int take_in_locked(struct kv *kv, const struct kv_bulk *bulk)
{
	/* A write of nothing: RocksDB goes on after an error, if it had one. */
	int err = has_room(kv) ? sfsi_kv_guard_locked(kv, 0) : SFS_ERR_NO_SPACE;
	if (!err)
		err = sfsi_kv_settle_locked(kv);
	if (err < 0)
		return err;
	pthread_rwlock_rdlock(&kv->use);
	err = kv->db ? take_in(kv, bulk) : SFS_ERR_IO;
	if (!err)
		kv->written = rocksdb_get_latest_sequence_number(kv->db);
	pthread_rwlock_unlock(&kv->use);
	return err;
}

int sfsi_kv_bulk_end(struct sfsi_backend *b, struct sfsi_bulk *base)
{
	struct kv *kv = (struct kv *)b;
	struct kv_bulk *bulk = (struct kv_bulk *)base;
	int err = end_files(bulk);
	if (!err && bulk->files_len) {
		SFSI_LOCK_SCOPE(&kv->write_lock);
		err = take_in_locked(kv, bulk);
	}
	bulk_drop(base);
	return err;
}
