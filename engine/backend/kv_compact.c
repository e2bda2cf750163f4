/*
 * Compacting everything, while it is in use: rows that are gone or were replaced give their room back, and scans
 * need not walk over them.
 *
 * RocksDB's compaction of a range writes the memtable out first where it has rows of the range, and switches
 * its log for that, which it must not do by itself (kv_guard.c). So it is done in pieces, between files of
 * the tables, each with writers held off and nothing in the memtable. A piece takes some tenths of a second.
 */
#include <stdlib.h>
#include <time.h>
#include "backend/key.h"
#include "backend/kv.h"
#include "base/cleanup.h"

#define PIECE ((uint64_t)16 << 20)

/** Where a table ends, and how large it is. */
struct edge {
	unsigned char *key;
	size_t len;
	uint64_t bytes;
};

struct edges {
	struct edge *items; /* [count], in order of keys */
	size_t count;
	uint64_t bytes;
};

static int compare_edges(const void *a, const void *b)
{
	const struct edge *one = a, *other = b;
	return sfsi_span_compare((struct sfs_span){ one->key, one->len },
				 (struct sfs_span){ other->key, other->len });
}

static void edges_fini(struct edges *edges)
{
	for (size_t i = 0; i < edges->count; i++)
		free(edges->items[i].key);
	free(edges->items);
}

static int edge_copy(const rocksdb_livefiles_t *files, int number, struct edge *ret)
{
	const char *key = rocksdb_livefiles_largestkey(files, number, &ret->len);
	ret->key = malloc(ret->len + 1);
	if (!ret->key)
		return SFS_ERR_NO_MEMORY;
	memcpy(ret->key, key, ret->len);
	ret->bytes = rocksdb_livefiles_size(files, number);
	return 0;
}

static int edges_read(struct kv *kv, struct edges *ret)
{
	struct edges edges = { .count = 0 };
	if (!kv->db)
		return SFS_ERR_IO;
	const rocksdb_livefiles_t *files = rocksdb_livefiles(kv->db);
	int count = rocksdb_livefiles_count(files), err = 0;
	edges.items = calloc((size_t)count + 1, sizeof *edges.items);
	if (!edges.items)
		err = SFS_ERR_NO_MEMORY;
	for (int i = 0; i < count && !err; i++) {
		err = edge_copy(files, i, &edges.items[edges.count]);
		if (!err)
			edges.bytes += edges.items[edges.count++].bytes;
	}
	rocksdb_livefiles_destroy(files);
	if (err < 0) {
		edges_fini(&edges);
		return err;
	}
	qsort(edges.items, edges.count, sizeof *edges.items, compare_edges);
	*ret = edges;
	return 0;
}

/** From behind one edge to another; NULL: from the beginning, or to the end. */
static int compact_piece(struct kv *kv, const struct edge *from, const struct edge *to)
{
	SFSI_LOCK_SCOPE(&kv->write_lock);
	int err = sfsi_kv_settle_locked(kv);
	if (!err)
		err = kv->failed;
	if (err < 0)
		return err;
	pthread_rwlock_rdlock(&kv->use);
	if (kv->db)
		rocksdb_compact_range(kv->db, from ? (const char *)from->key : NULL,
				      from ? from->len : 0, to ? (const char *)to->key : NULL,
				      to ? to->len : 0);
	else
		err = SFS_ERR_IO;
	pthread_rwlock_unlock(&kv->use);
	return err;
}

static void pause_for(uint64_t bytes, uint64_t rate)
{
	if (!rate)
		return;
	double seconds = (double)bytes / (double)rate;
	const struct timespec time = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};
	nanosleep(&time, NULL);
}

static int compact_all(struct kv *kv, const struct edges *edges, const struct sfsi_compact *compact)
{
	const struct edge *from = NULL;
	uint64_t piece = 0, done = 0;
	int err = 0;
	for (size_t i = 0; i < edges->count && !err; i++) {
		piece += edges->items[i].bytes;
		bool last = i + 1 == edges->count;
		if (piece < PIECE && !last)
			continue;
		err = compact_piece(kv, from, last ? NULL : &edges->items[i]);
		from = &edges->items[i];
		done += piece;
		pause_for(piece, compact->rate);
		piece = 0;
		if (!err && compact->progress &&
		    compact->progress(compact->arg, done, edges->bytes))
			err = SFS_ERR_CANCELLED;
	}
	return err;
}

int sfsi_kv_compact(struct sfsi_backend *b, const struct sfsi_compact *compact)
{
	struct kv *kv = (struct kv *)b;
	struct edges edges = { .count = 0 };
	/* What is in the memtable becomes a table, too. */
	int err = sfsi_kv_settle(kv);
	if (!err) {
		pthread_rwlock_rdlock(&kv->use);
		err = edges_read(kv, &edges);
		pthread_rwlock_unlock(&kv->use);
	}
	if (err < 0)
		return err;
	err = compact_all(kv, &edges, compact);
	edges_fini(&edges);
	return err;
}
