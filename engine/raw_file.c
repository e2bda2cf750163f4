/*
 * Open raws, and bytes whose last name is gone. Where bytes are: raw_bytes.c.
 *
 * A file whose last name is gone keeps its bytes while it is open. Table Z remembers
 * bytes that are to go, so that a crash in between leaves nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "base/array.h"
#include "base/errno.h"
#include "base/file.h"
#include "mirror/mirror.h"
#include "raw.h"
#include "twin.h"
#include "memo.h"
#include "trash.h"

#define REAP_MAX 64
/** So many bytes are not left to wait for the next sync in the background. */
#define GOING_BYTES ((uint64_t)16 << 20)
#define LOW_BYTES ((uint64_t)32 << 20)
/** Nobody fills so much within so short a time: then the disk is not asked again. */
#define ROOMY_BYTES ((uint64_t)4 << 30)
#define ROOMY_NS 100000000

/** An inode that is open at least once. */
struct open_inode {
	struct open_inode *chain;
	uint64_t ino;
	unsigned count, writers;
	bool orphan;
	bool kept;                /* an orphan that is in the trash: its bytes stay */
	bool unnamed;             /* it never had a name, and may get one */
	uint64_t commit;          /* orphan: that made it one */
	struct sfsi_inode inode;  /* orphan: its last state */
	struct sfsi_small *small; /* NULL: each who has it open has a descriptor of its own */
};

struct sfsi_open_table {
	struct open_inode *buckets[1024];
};

/** Bytes that go when the commit that took their last name is synced. */
struct going {
	uint64_t ino, commit;
};

/** Bytes that are to go; inode numbers whose bytes are gone and whose Z records can go. */
struct sfsi_reaped {
	struct going *going; /* [going_len]; protected by open_lock */
	size_t going_len, going_cap;
	uint64_t going_bytes;     /* since a sync was asked for */
	unsigned holds;           /* nothing goes meanwhile */
	_Atomic int64_t roomy_ns; /* until then the disk has room, by the monotonic clock */
	uint64_t *waiting;        /* [len]; protected by open_lock */
	size_t len, cap;
	uint64_t flight[REAP_MAX]; /* in the commit that is being made; protected by commit_lock */
	size_t flight_len;
};

struct sfs_raw_file {
	struct sfs_store *store;
	uint64_t ino;
	int fd; /* -1: small has the bytes, or their descriptor */
	struct sfsi_small *small;
	bool writable;
};

/* --- table of open files --- */

int sfsi_open_init(struct sfs_store *store)
{
	store->open = calloc(1, sizeof *store->open);
	store->reaped = calloc(1, sizeof *store->reaped);
	pthread_mutex_init(&store->open_lock, NULL);
	return store->open && store->reaped ? 0 : SFS_ERR_NO_MEMORY;
}

void sfsi_open_fini(struct sfs_store *store)
{
	if (store->reaped) {
		free(store->reaped->waiting);
		free(store->reaped->going);
	}
	sfsi_gone_fini(store);
	free(store->reaped);
	free(store->open);
	pthread_mutex_destroy(&store->open_lock);
}

static struct open_inode **open_place_locked(struct sfs_store *store, uint64_t ino)
{
	struct open_inode **at = &store->open->buckets[ino % 1024];
	while (*at && (*at)->ino != ino)
		at = &(*at)->chain;
	return at;
}

/** Bytes are gone: their Z record may go with a later commit. Without memory the next sweep does it. */
static void reaped_add_locked(struct sfs_store *store, uint64_t ino)
{
	struct sfsi_reaped *reaped = store->reaped;
	if (sfsi_array_grow(&reaped->waiting, reaped->len, &reaped->cap, sizeof *reaped->waiting) ==
	    0)
		reaped->waiting[reaped->len++] = ino;
}

/** Enough waits to ask for a sync now: who removes files wants their room. */
static bool going_is_much_locked(struct sfs_store *store, uint64_t ino)
{
	struct stat stat;
	char path[SFSI_BYTES_PATH];
	sfsi_bytes_path(ino, path);
	if (fstatat(store->raw_fd, path, &stat, AT_SYMLINK_NOFOLLOW) == 0)
		store->reaped->going_bytes += (uint64_t)stat.st_size;
	if (store->reaped->going_bytes < GOING_BYTES)
		return false;
	store->reaped->going_bytes = 0;
	return true;
}

/**
 * Bytes that nobody can reach any more. They go once the commit that says so is synced: a power cut
 * could else bring their name back without them. Without memory the next open's sweep does it.
 */
static bool going_add_locked(struct sfs_store *store, uint64_t ino, uint64_t commit)
{
	struct sfsi_reaped *reaped = store->reaped;
	if (sfsi_array_grow(&reaped->going, reaped->going_len, &reaped->going_cap,
			    sizeof *reaped->going) < 0)
		return false;
	reaped->going[reaped->going_len++] = (struct going){ ino, commit };
	return going_is_much_locked(store, ino);
}

/** Take one whose commit is synced; 0: there is none. */
static uint64_t going_take(struct sfs_store *store, uint64_t synced)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	struct sfsi_reaped *reaped = store->reaped;
	for (size_t i = reaped->holds ? 0 : reaped->going_len; i > 0; i--) {
		struct going *going = &reaped->going[i - 1];
		if (going->commit > synced)
			continue;
		uint64_t ino = going->ino;
		*going = reaped->going[--reaped->going_len];
		return ino;
	}
	return 0;
}

void sfsi_bytes_reap(struct sfs_store *store, uint64_t synced)
{
	uint64_t ino;
	while ((ino = going_take(store, synced))) {
		sfsi_bytes_remove(store, ino);
		SFSI_LOCK_SCOPE(&store->open_lock);
		reaped_add_locked(store, ino);
	}
}

void sfsi_bytes_hold(struct sfs_store *store, bool hold)
{
	pthread_mutex_lock(&store->open_lock);
	store->reaped->holds += hold ? 1 : -1U;
	pthread_mutex_unlock(&store->open_lock);
	if (!hold)
		sfsi_bytes_reap(store, sfsi_syncer_synced(store));
}

static bool orphan_locked(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode)
{
	uint64_t commit = atomic_load(&store->commit);
	struct open_inode *open = *open_place_locked(store, ino);
	if (!open)
		return !inode->small && going_add_locked(store, ino, commit);
	open->orphan = true;
	open->unnamed = open->kept = false;
	open->commit = commit;
	open->inode = *inode;
	return false;
}

bool sfsi_bytes_low(const struct sfs_store *store)
{
	struct statvfs st;
	struct timespec clock;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &clock);
	int64_t now_ns = (int64_t)clock.tv_sec * 1000000000 + clock.tv_nsec;
	if (now_ns < atomic_load(&store->reaped->roomy_ns) || fstatvfs(store->raw_fd, &st) < 0)
		return false;
	if (st.f_bavail >= ROOMY_BYTES / st.f_frsize)
		atomic_store(&store->reaped->roomy_ns, now_ns + ROOMY_NS);
	return st.f_bavail < LOW_BYTES / st.f_frsize;
}

/**
 * What is known to be synced can go at once. On a disk that is nearly full that is waited for: the
 * next removal needs the room.
 */
static void reap_now(struct sfs_store *store, bool much)
{
	if (sfsi_syncer_synced(store) < UINT64_MAX && sfsi_bytes_low(store))
		(void)!sfs_store_sync(store);
	else if (much)
		sfsi_syncer_ask(store);
	sfsi_bytes_reap(store, sfsi_syncer_synced(store));
}

void sfsi_open_orphan(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode)
{
	pthread_mutex_lock(&store->open_lock);
	bool much = orphan_locked(store, ino, inode);
	pthread_mutex_unlock(&store->open_lock);
	if (!inode->small)
		reap_now(store, much);
}

void sfsi_bytes_unwanted(struct sfs_store *store, uint64_t ino, uint64_t commit)
{
	pthread_mutex_lock(&store->open_lock);
	bool much = going_add_locked(store, ino, commit);
	pthread_mutex_unlock(&store->open_lock);
	reap_now(store, much);
}

void sfsi_open_kept(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	struct open_inode *open = *open_place_locked(store, ino);
	if (!open)
		return;
	open->orphan = open->kept = true;
	open->inode = *inode;
}

void sfsi_open_named(struct sfs_store *store, uint64_t ino)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	struct open_inode *open = *open_place_locked(store, ino);
	if (open)
		open->orphan = open->kept = false;
}

int sfsi_open_orphan_get(struct sfs_store *store, uint64_t ino, struct sfsi_inode *ret)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	struct open_inode *open = *open_place_locked(store, ino);
	if (!open || !open->orphan)
		return sfsi_gone_get_locked(store, ino, ret);
	*ret = open->inode;
	return 0;
}

int sfsi_open_orphan_set(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	struct open_inode *open = *open_place_locked(store, ino);
	if (!open || !open->orphan)
		return sfsi_gone_set_locked(store, ino, inode);
	open->inode = *inode;
	return 0;
}

struct sfsi_small *sfsi_open_small(struct sfs_store *store, uint64_t ino)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	const struct open_inode *open = *open_place_locked(store, ino);
	return open ? sfsi_small_ref(open->small) : NULL;
}

static struct open_inode *open_new(uint64_t ino, const struct sfsi_inode *inode)
{
	struct open_inode *open = calloc(1, sizeof *open);
	if (open && inode->small && sfsi_small_new(inode, &open->small) < 0) {
		free(open);
		return NULL;
	}
	if (open) {
		open->ino = ino;
		open->count = 1;
	}
	return open;
}

static void open_free(struct open_inode *open)
{
	if (open)
		sfsi_small_unref(open->small);
	free(open);
}

/** The inode of a raw that is to be opened: of one in the trash, only to be read. */
static int load_opening(struct sfs_store *store, uint64_t ino, bool writable, struct sfs_buf *buf,
			struct sfsi_inode *ret)
{
	struct sfsi_key key;
	sfsi_key_serial(&key, 'N', sfsi_ino_serial(ino));
	int err = sfsi_memo_get(store, sfs_ino_class(ino), sfsi_key_span(&key), buf);
	if (!err)
		return sfsi_inode_decode(sfs_buf_span(buf), sfsi_ino_serial(ino), ret);
	if (err == SFS_ERR_NOT_FOUND) {
		err = sfsi_trash_inode(store, ino, buf, ret);
		err = !err && writable ? SFS_ERR_READ_ONLY : err;
	}
	return err;
}

/** Count an open; under the lock the inode is looked up, so that it can not be reaped meanwhile. */
static int open_add(struct sfs_store *store, uint64_t ino, bool writable,
		    struct sfsi_small **ret_small)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	struct open_inode **at = open_place_locked(store, ino);
	if (*at) {
		(*at)->count++;
		*ret_small = sfsi_small_ref((*at)->small);
		return 0;
	}
	SFSI_AUTO_BUF struct sfs_buf value = SFS_BUF_INIT;
	struct sfsi_inode inode;
	int err = load_opening(store, ino, writable, &value, &inode);
	if (err < 0)
		return err;
	if (inode.type == SFS_NODE_OBJECT)
		return SFS_ERR_NOT_FOUND;
	if (inode.type != SFS_NODE_FILE)
		return inode.type == SFS_NODE_DIR ? SFS_ERR_IS_DIR : SFS_ERR_INVALID;
	*at = open_new(ino, &inode);
	if (!*at)
		return SFS_ERR_NO_MEMORY;
	*ret_small = sfsi_small_ref((*at)->small);
	return 0;
}

/** One open less; the last one's inode, to be freed, else NULL. */
static struct open_inode *open_take(struct sfs_store *store, uint64_t ino, bool *ret_much)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	struct open_inode **at = open_place_locked(store, ino);
	struct open_inode *open = *at;
	if (!open || --open->count)
		return NULL;
	*at = open->chain;
	if (open->orphan && !open->kept && !open->inode.small)
		*ret_much = going_add_locked(store, ino, open->commit);
	return open;
}

static void open_drop(struct sfs_store *store, uint64_t ino)
{
	bool much = false;
	struct open_inode *open = open_take(store, ino, &much);
	if (open && open->orphan && !open->kept && !open->inode.small)
		reap_now(store, much);
	open_free(open);
}

/* --- files that never had a name --- */

int sfsi_open_unnamed(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode)
{
	struct open_inode *open = open_new(ino, inode);
	if (!open)
		return SFS_ERR_NO_MEMORY;
	open->orphan = open->unnamed = true;
	open->commit = inode->revision;
	open->inode = *inode;
	SFSI_LOCK_SCOPE(&store->open_lock);
	*open_place_locked(store, ino) = open;
	return 0;
}

bool sfsi_open_hold(struct sfs_store *store, uint64_t ino)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	struct open_inode *open = *open_place_locked(store, ino);
	if (!open || !open->unnamed)
		return false;
	open->count++;
	return true;
}

void sfsi_open_release(struct sfs_store *store, uint64_t ino, bool named)
{
	if (named) {
		SFSI_LOCK_SCOPE(&store->open_lock);
		struct open_inode *open = *open_place_locked(store, ino);
		/* Its first name may be gone again already: then it is an orphan as any other. */
		if (open && open->unnamed)
			open->orphan = open->unnamed = false;
	}
	open_drop(store, ino);
}

/** @more  1 or -1 of those who may write. */
static void count_writer(struct sfs_store *store, uint64_t ino, int more)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	struct open_inode *open = *open_place_locked(store, ino);
	if (open)
		open->writers = (unsigned)((int)open->writers + more);
}

static bool has_writers(struct sfs_store *store, uint64_t ino)
{
	SFSI_LOCK_SCOPE(&store->open_lock);
	const struct open_inode *open = *open_place_locked(store, ino);
	return open && open->writers;
}

/**
 * Does anybody have a plain file open or mapped to write? There is no lease to read it then. Returns 0, 1,
 * or -1: nobody can tell.
 */
static int bytes_written(struct sfs_store *store, uint64_t ino)
{
	char path[SFSI_BYTES_PATH];
	sfsi_bytes_path(ino, path);
	SFSI_AUTO_FD int fd = openat(store->raw_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	/* Whoever opens it just now waits a moment, and we get a signal: one that nobody dies of. */
	if (fcntl(fd, F_SETSIG, SIGURG) < 0)
		return -1;
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return errno == EAGAIN ? 1 : -1;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return 0;
}

bool sfsi_open_written(struct sfs_store *store, uint64_t ino)
{
	return has_writers(store, ino) || bytes_written(store, ino) > 0;
}

bool sfs_raw_is_written(struct sfs_store *store, uint64_t ino)
{
	return has_writers(store, ino) || bytes_written(store, ino) != 0;
}

/* --- Z records --- */

/** Was the class removed, or is it now? The commit lock is held: nobody else changes the catalogue. */
static bool is_gone(const struct sfsi_txn *txn, uint32_t class_id)
{
	const struct sfs_store *store = txn->store;
	const struct sfsi_class *class = class_id < store->by_id_len ? store->by_id[class_id]
								     : NULL;
	return !class || class->removed ||
	       (txn->edit.type == SFSI_EDIT_REMOVE && txn->edit.class == class);
}

/** May a commit write to the partition of this class? It does already, or no other ever will. */
static bool touches(const struct sfsi_txn *txn, uint32_t class_id)
{
	for (size_t i = 0; i < txn->classes_len; i++)
		if (txn->classes[i].class->id == class_id)
			return true;
	return txn->store->backend->ops->caps & SFSI_CAP_CROSS_PARTITION && is_gone(txn, class_id);
}

int sfsi_reaped_collect(struct sfsi_txn *txn)
{
	struct sfs_store *store = txn->store;
	struct sfsi_reaped *reaped = store->reaped;
	pthread_mutex_lock(&store->open_lock);
	reaped->flight_len = 0;
	for (size_t i = reaped->len; i > 0 && reaped->flight_len < REAP_MAX; i--) {
		if (!touches(txn, sfs_ino_class(reaped->waiting[i - 1])))
			continue;
		reaped->flight[reaped->flight_len++] = reaped->waiting[i - 1];
		reaped->waiting[i - 1] = reaped->waiting[--reaped->len];
	}
	pthread_mutex_unlock(&store->open_lock);
	int err = 0;
	for (size_t i = 0; i < reaped->flight_len && !err; i++) {
		struct sfsi_key key;
		sfsi_key_serial(&key, 'Z', sfsi_ino_serial(reaped->flight[i]));
		err = sfsi_txn_remove(txn, sfs_ino_class(reaped->flight[i]), sfsi_key_span(&key));
	}
	return err;
}

void sfsi_reaped_done(struct sfsi_txn *txn)
{
	txn->store->reaped->flight_len = 0;
}

void sfsi_reaped_restore(struct sfsi_txn *txn)
{
	struct sfs_store *store = txn->store;
	SFSI_LOCK_SCOPE(&store->open_lock);
	for (size_t i = 0; i < store->reaped->flight_len; i++)
		reaped_add_locked(store, store->reaped->flight[i]);
	store->reaped->flight_len = 0;
}

static int sweep_record(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)val;
	struct sfs_buf *found = arg;
	if (key.len != 9)
		return 0;
	uint64_t serial = sfsi_get_be64((const uint8_t *)key.data + 1);
	return sfs_buf_append(found, &serial, sizeof serial) < 0;
}

/** Of a class that is there, or was. */
static int sweep_class(struct sfs_store *store, uint32_t class_id)
{
	SFSI_AUTO_BUF struct sfs_buf found = SFS_BUF_INIT;
	struct sfsi_scan scan = { .partition = class_id,
				  .prefix = sfs_span_str("Z"),
				  .keys_only = true };
	int err = sfsi_backend_scan(store->backend, &scan, sweep_record, &found);
	if (err < 0 || !found.len)
		return err;
	/* A kill may have left that the names are gone in memory only. */
	err = sfs_store_sync(store);
	struct sfsi_txn txn;
	if (!err)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0)
		return err;
	/* One state must say the number of the commit. */
	struct sfsi_txn_class *class;
	err = sfsi_txn_class(&txn, is_gone(&txn, class_id) ? 0 : class_id, &class);
	for (size_t at = 0; at < found.len && !err; at += 8) {
		uint64_t serial;
		memcpy(&serial, (const char *)found.data + at, sizeof serial);
		sfsi_bytes_remove(store, sfs_ino_make(class_id, serial));
		struct sfsi_key key;
		sfsi_key_serial(&key, 'Z', serial);
		err = sfsi_txn_remove(&txn, class_id, sfsi_key_span(&key));
	}
	return sfsi_txn_end(&txn, err);
}

/** The same of classes that left a note when they were removed; then the notes go. */
static int sweep_gone(struct sfs_store *store)
{
	SFSI_AUTO_BUF struct sfs_buf found = SFS_BUF_INIT;
	struct sfsi_scan scan = { .prefix = sfs_span_str("Z"), .keys_only = true };
	int err = sfsi_backend_scan(store->backend, &scan, sweep_record, &found);
	const uint64_t *ids = found.data;
	size_t count = found.len / sizeof *ids;
	for (size_t i = 0; i < count && !err; i++)
		err = sweep_class(store, (uint32_t)ids[i]);
	struct sfsi_txn txn;
	if (!err && count)
		err = sfsi_txn_begin(store, &txn);
	if (err < 0 || !count)
		return err;
	struct sfsi_txn_class *catalogue;
	err = sfsi_txn_class(&txn, 0, &catalogue);
	for (size_t i = 0; i < count && !err; i++) {
		struct sfsi_key key;
		sfsi_key_serial(&key, 'Z', ids[i]);
		err = sfsi_txn_remove(&txn, 0, sfsi_key_span(&key));
	}
	return sfsi_txn_end(&txn, err);
}

int sfsi_reaped_sweep(struct sfs_store *store)
{
	struct sfs_class_info info = { 0 };
	int err = 0;
	for (uint32_t id = 0; !err && sfs_class_next(store, id, &info) == 0; id = info.id)
		err = sweep_class(store, info.id);
	return err < 0 ? err : sweep_gone(store);
}

int sfsi_reaped_leave(struct sfsi_txn *txn, uint32_t class_id)
{
	SFSI_AUTO_BUF struct sfs_buf found = SFS_BUF_INIT;
	struct sfsi_scan scan = {
		.partition = class_id,
		.prefix = sfs_span_str("Z"),
		.keys_only = true,
		.limit = 1,
	};
	int err = sfsi_backend_scan(txn->store->backend, &scan, sweep_record, &found);
	if (err < 0 || !found.len)
		return err;
	struct sfsi_key key;
	sfsi_key_serial(&key, 'Z', class_id);
	return sfsi_txn_put(txn, 0, sfsi_key_span(&key), (struct sfs_span){ "", 0 });
}

/* --- the public face --- */

int sfs_raw_open(struct sfs_store *store, uint64_t ino, bool writable, struct sfs_raw_file **ret)
{
	if (writable && store->read_only)
		return SFS_ERR_READ_ONLY;
	if (sfsi_ino_serial(ino) == SFSI_SERIAL_ROOT)
		return SFS_ERR_IS_DIR;
	struct sfsi_small *small = NULL;
	int err = open_add(store, ino, writable, &small);
	if (err < 0)
		return err;
	struct sfs_raw_file *file = calloc(1, sizeof *file);
	if (!file)
		err = SFS_ERR_NO_MEMORY;
	else if (small)
		file->fd = -1;
	else
		err = sfsi_bytes_open(store, ino, writable, &file->fd);
	if (err < 0) {
		sfsi_small_unref(small);
		open_drop(store, ino);
		free(file);
		return err;
	}
	file->small = small;
	file->store = store;
	file->ino = ino;
	file->writable = writable;
	if (writable)
		count_writer(store, ino, 1);
	*ret = file;
	return 0;
}

void sfs_raw_close(struct sfs_raw_file *file)
{
	if (!file)
		return;
	if (file->writable) {
		/* Who wants to know calls it before. */
		int err = sfs_raw_flush(file);
		(void)err;
		if (sfs_raw_fd(file) >= 0)
			sfsi_syncer_file(file->store, file->ino);
		if (sfs_raw_fd(file) >= 0 && file->store->mirror)
			sfsi_mirror_wrote_bytes(file->store, file->ino, sfs_raw_fd(file));
		count_writer(file->store, file->ino, -1);
	}
	if (file->fd >= 0)
		close(file->fd);
	sfsi_small_unref(file->small);
	open_drop(file->store, file->ino);
	free(file);
}

int sfs_raw_fd(const struct sfs_raw_file *file)
{
	return file->small ? sfsi_small_fd(file->small) : file->fd;
}

int sfs_raw_plain(struct sfs_raw_file *file)
{
	if (sfs_raw_fd(file) >= 0)
		return 0;
	return file->writable ? sfsi_small_outgrow(file->store, file->ino, file->small)
			      : SFS_ERR_INVALID;
}

int sfs_raw_flush(struct sfs_raw_file *file)
{
	int err = file->small ? sfsi_small_store(file->store, file->ino, file->small) : 0;
	/* Its name may wait for a commit still. */
	return err < 0 ? err : sfsi_backend_settle(file->store->backend);
}

int sfs_raw_file_stat(struct sfs_raw_file *file, struct sfs_attr *ret)
{
	return sfs_raw_stat(file->store, file->ino, ret);
}

int sfs_raw_read(struct sfs_raw_file *file, uint64_t off, void *dst, size_t len, size_t *ret_len)
{
	if (file->small && sfsi_small_read(file->small, off, dst, len, ret_len))
		return 0;
	return sfsi_pread_all(sfs_raw_fd(file), dst, len, off, ret_len);
}

int sfs_raw_write(struct sfs_raw_file *file, uint64_t off, const void *src, size_t len,
		  size_t *ret_len)
{
	size_t done = 0;
	int err = file->writable ? 0 : SFS_ERR_INVALID;
	if (!err && (off > INT64_MAX || len > (uint64_t)INT64_MAX - off))
		err = SFS_ERR_LIMIT;
	bool in_memory = false;
	if (!err && file->small)
		err = sfsi_small_write(file->store, file->ino, file->small, off,
				       (struct sfs_span){ src, len }, &in_memory);
	if (!err && in_memory)
		done = len;
	int fd = sfs_raw_fd(file);
	while (done < len && !err) {
		ssize_t put = pwrite(fd, (const char *)src + done, len - done, (off_t)(off + done));
		if (put < 0 && errno != EINTR)
			err = sfsi_err_from_errno(errno);
		if (put > 0)
			done += (size_t)put;
	}
	*ret_len = done;
	return err;
}

int sfs_raw_sync(struct sfs_raw_file *file)
{
	int err = sfs_raw_flush(file);
	/* A file without a name is nobody's after a power cut. */
	if (!err && sfs_raw_fd(file) >= 0)
		err = sfsi_bytes_sync(file->store, file->ino);
	return err < 0 ? err : sfs_store_sync(file->store);
}
