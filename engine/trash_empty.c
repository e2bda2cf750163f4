/*
 * The end of what is in the trash: when it is over, when somebody empties it, when its class goes, and when
 * the disk is nearly full. Always in small commits, the oldest first; bytes go as those of any removed raw.
 */
#include <errno.h>
#include <stdlib.h>
#include "settings.h"
#include "mirror/mirror.h"
#include "trash.h"

/** So many in a commit. */
#define CHUNK 64
/** The thread looks so often at least, and so often at most. */
#define LOOK_MS 2000
#define NS_PER_S INT64_C(1000000000)
#define LOOK_MIN_MS 100

struct sfsi_trash_keeper {
	struct sfs_store *store;
	pthread_t thread;
	pthread_mutex_t lock; /* protects all below */
	pthread_cond_t wake;
	bool stop, changed;
};

/** What goes with one commit, and raws whose bytes go after it. */
struct chunk {
	struct sfs_trashed items[CHUNK]; /* without names */
	struct sfsi_inode files[CHUNK];
	size_t count, files_count;
	int64_t before_ns, oldest_ns; /* oldest_ns: of those that stay; INT64_MAX: none do */
};

static int take_serial(void *arg, const struct sfs_trashed *trashed)
{
	struct chunk *chunk = arg;
	if (trashed->removed_ns >= chunk->before_ns) {
		chunk->oldest_ns = trashed->removed_ns;
		return 1;
	}
	chunk->items[chunk->count++] = *trashed;
	return chunk->count == CHUNK;
}

static int remove_row(struct sfsi_txn *txn, uint32_t class_id, char table, uint64_t serial)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, table, serial);
	return sfsi_txn_remove(txn, class_id, sfsi_key_span(&key));
}

/** Metadata and hash of a raw go, and its bytes are marked. */
static int purge_raw(struct sfsi_txn *txn, uint32_t class_id, const struct sfsi_trash *trash,
		     struct chunk *chunk)
{
	struct sfsi_inode *inode = &chunk->files[chunk->files_count];
	struct sfsi_key key;
	int err = sfsi_inode_decode(trash->what, trash->serial, inode);
	if (!err)
		err = remove_row(txn, class_id, 'X', trash->serial);
	if (!err)
		err = remove_row(txn, class_id, 'Y', trash->serial);
	if (!err)
		err = sfsi_mirror_forget_raw(txn, sfs_ino_make(class_id, trash->serial));
	if (err < 0 || inode->type != SFS_NODE_FILE)
		return err;
	inode->text = inode->name = (struct sfs_span){ "", 0 };
	inode->nlink = 0;
	chunk->files_count++;
	sfsi_key_serial(&key, 'Z', trash->serial);
	return sfsi_txn_put(txn, class_id, sfsi_key_span(&key), (struct sfs_span){ "", 0 });
}

static int purge(struct sfsi_txn *txn, uint32_t class_id, const struct sfs_trashed *item,
		 struct chunk *chunk, struct sfs_trash_stat *ret)
{
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_trash trash;
	int err = sfsi_trash_listed(txn, class_id, item);
	/* It came back, or somebody else emptied the trash, a moment ago. */
	if (err)
		return err == SFS_ERR_NOT_FOUND ? 0 : err;
	err = sfsi_trash_load(txn, class_id, sfsi_ino_serial(item->ino), &buf, &trash);
	const struct sfsi_trash *known = err ? NULL : &trash;
	if (!err && trash.type != SFS_NODE_OBJECT)
		err = purge_raw(txn, class_id, &trash, chunk);
	/* What can not be read goes by what its entry says; gc finds its bytes. */
	if (err == SFS_ERR_NOT_FOUND || err == SFS_ERR_CORRUPT || err == SFS_ERR_VERSION)
		err = 0;
	if (!err)
		err = sfsi_trash_drop(txn, class_id, item, known);
	ret->entries += !err;
	ret->bytes += err ? 0 : item->bytes;
	return err;
}

/** One commit. Returns 0, 1 when there is nothing more, or an error. */
static int empty_some(struct sfs_store *store, uint32_t class_id, struct chunk *chunk,
		      struct sfs_trash_stat *ret)
{
	struct sfs_trash_stat went = { .entries = 0 };
	struct sfsi_txn_class *class;
	struct sfsi_txn txn;
	chunk->count = chunk->files_count = 0;
	int err = sfs_trash_list(store, class_id, NULL, 0, take_serial, chunk);
	if ((err < 0 && err != SFS_ERR_CANCELLED) || !chunk->count)
		return err < 0 && err != SFS_ERR_CANCELLED ? err : 1;
	err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	err = sfsi_txn_class(&txn, class_id, &class);
	for (size_t i = 0; i < chunk->count && !err; i++)
		err = purge(&txn, class_id, &chunk->items[i], chunk, &went);
	err = sfsi_txn_end(&txn, err);
	for (size_t i = 0; i < chunk->files_count && !err; i++)
		sfsi_open_orphan(store, sfs_ino_make(class_id, chunk->files[i].serial),
				 &chunk->files[i]);
	ret->entries += err ? 0 : went.entries;
	ret->bytes += err ? 0 : went.bytes;
	return err;
}

/** @ret_oldest_ns  lowered to what stays. */
static int empty_class(struct sfs_store *store, uint32_t class_id, int64_t before_ns,
		       struct sfs_trash_stat *ret, int64_t *ret_oldest_ns)
{
	SFSI_AUTO_FREE struct chunk *chunk = calloc(1, sizeof *chunk);
	if (!chunk)
		return SFS_ERR_NO_MEMORY;
	chunk->before_ns = before_ns;
	chunk->oldest_ns = INT64_MAX;
	int err;
	while ((err = empty_some(store, class_id, chunk, ret)) == 0)
		;
	if (chunk->oldest_ns < *ret_oldest_ns)
		*ret_oldest_ns = chunk->oldest_ns;
	return err < 0 ? err : 0;
}

static int empty_all(struct sfs_store *store, int64_t before_ns, struct sfs_trash_stat *ret,
		     int64_t *ret_oldest_ns)
{
	struct sfs_class_info info = { .id = 0 };
	int err = 0;
	while (!err && sfs_class_next(store, info.id, &info) == 0) {
		struct sfs_trash_stat stat;
		err = sfs_trash_stat(store, info.id, &stat);
		if (!err && stat.entries)
			err = empty_class(store, info.id, before_ns, ret, ret_oldest_ns);
		/* Its class was removed meanwhile. */
		err = err == SFS_ERR_NOT_FOUND ? 0 : err;
	}
	return err;
}

int sfs_trash_empty(struct sfs_store *store, uint32_t class_id, int64_t before_ns,
		    struct sfs_trash_stat *ret)
{
	struct sfs_trash_stat went = { .entries = 0 };
	int64_t oldest_ns = INT64_MAX;
	if (store->read_only)
		return SFS_ERR_READ_ONLY;
	int err = class_id ? empty_class(store, class_id, before_ns, &went, &oldest_ns)
			   : empty_all(store, before_ns, &went, &oldest_ns);
	if (ret)
		*ret = went;
	return err;
}

/** What was removed before this moment is over. */
static int64_t limit_ns(struct sfs_store *store)
{
	uint64_t for_s = sfsi_settings_now(store).trash_for_s;
	int64_t now_ns = sfsi_now_ns();
	return (int64_t)for_s > now_ns / NS_PER_S ? 0 : now_ns - (int64_t)for_s * NS_PER_S;
}

int sfs_trash_expire(struct sfs_store *store, struct sfs_trash_stat *ret)
{
	return sfs_trash_empty(store, 0, limit_ns(store), ret);
}

int sfsi_trash_none(struct sfs_store *store, uint32_t class_id)
{
	struct sfs_trash_stat stat;
	int err = sfs_trash_stat(store, class_id, &stat);
	return err < 0 ? err : stat.entries ? SFS_ERR_CONFLICT : 0;
}

/* --- the thread --- */

/** The oldest second of all classes, when the disk needs its room. */
static void make_room(struct sfs_store *store)
{
	struct sfs_trash_stat went;
	int64_t oldest_ns = INT64_MAX;
	while (sfsi_bytes_low(store)) {
		went = (struct sfs_trash_stat){ .entries = 0 };
		oldest_ns = INT64_MAX;
		if (empty_all(store, 0, &went, &oldest_ns) < 0 || oldest_ns == INT64_MAX)
			return;
		int64_t before_ns = (oldest_ns / NS_PER_S + 1) * NS_PER_S;
		if (empty_all(store, before_ns, &went, &oldest_ns) < 0 || !went.entries ||
		    sfs_store_sync(store) < 0)
			return;
	}
}

/** Until there may be something to do, in ms. */
static int64_t work(struct sfs_store *store)
{
	struct sfs_trash_stat went = { .entries = 0 };
	int64_t oldest_ns = INT64_MAX, before_ns = limit_ns(store);
	int err = empty_all(store, before_ns, &went, &oldest_ns);
	if (!err)
		make_room(store);
	int64_t wait_ms = LOOK_MS;
	if (!err && oldest_ns != INT64_MAX && (oldest_ns - before_ns) / 1000000 < wait_ms)
		wait_ms = (oldest_ns - before_ns) / 1000000;
	return wait_ms < LOOK_MIN_MS ? LOOK_MIN_MS : wait_ms;
}

/** False: the end. */
static bool wait_for(struct sfsi_trash_keeper *keeper, int64_t ms)
{
	SFSI_LOCK_SCOPE(&keeper->lock);
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	int error = 0;
	while (!keeper->stop && !keeper->changed && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
	keeper->changed = false;
	return !keeper->stop;
}

static void *run(void *arg)
{
	struct sfsi_trash_keeper *keeper = arg;
	while (wait_for(keeper, work(keeper->store)))
		;
	return NULL;
}

static void keeper_free(struct sfsi_trash_keeper *keeper)
{
	pthread_cond_destroy(&keeper->wake);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}

int sfs_trash_run(struct sfs_store *store)
{
	if (store->read_only || store->trash_keeper)
		return 0;
	struct sfsi_trash_keeper *keeper = calloc(1, sizeof *keeper);
	pthread_condattr_t attr;
	if (!keeper)
		return SFS_ERR_NO_MEMORY;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&keeper->lock, NULL);
	keeper->store = store;
	store->trash_keeper = keeper;
	if (pthread_create(&keeper->thread, NULL, run, keeper) == 0)
		return 0;
	store->trash_keeper = NULL;
	keeper_free(keeper);
	return SFS_ERR_NO_MEMORY;
}

void sfsi_trash_wake(struct sfs_store *store)
{
	struct sfsi_trash_keeper *keeper = store->trash_keeper;
	if (!keeper)
		return;
	SFSI_LOCK_SCOPE(&keeper->lock);
	keeper->changed = true;
	pthread_cond_signal(&keeper->wake);
}

void sfsi_trash_stop(struct sfs_store *store)
{
	struct sfsi_trash_keeper *keeper = store->trash_keeper;
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->stop = true;
	pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
	pthread_join(keeper->thread, NULL);
	store->trash_keeper = NULL;
	keeper_free(keeper);
}
