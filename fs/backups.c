/*
 * Looking into backups: see backups.h. All that is said here is protected by one lock, which is never
 * held while a store is opened or closed; who waits for that waits for a condition.
 *
 * One thread closes what nobody asks for. It also tells the kernel to forget a backup when slots run short:
 * in a handler that could wait for the very request that it answers.
 */
#include "backups.h"
#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <storefs/errors.h>
#include "fs_errno.h"
#include "loop.h"
#include "name.h"
#include "table.h"
#include "view.h"

#define IDLE_S 60
/** So many stores stay open at once although nobody is at work in them; slots that stay free. */
#define OPEN_MAX 8
#define FREE_MIN 8
/** Documents and rows of each that are kept in memory. */
#define CACHE_BYTES ((size_t)2 << 20)
/** Classes with higher ids have no room beside a slot. */
#define CLASS_ID_MAX 0xffffu
/** What could not be opened is not tried again so soon; a slot is waited for so long. */
#define RETRY_MS 1000
#define SLOT_WAIT_MS 5000

enum state { CLOSED, BUSY, OPEN }; /* BUSY: it is being opened or closed */

/** Tells a backup from another one that has its name later: its list of files, which is written once. */
struct identity {
	dev_t dev;
	ino_t ino;
	struct timespec written;
};

struct fs_backup {
	struct fs fs;
	struct fs_options options;
	char *path; /* of the backup */
	struct identity identity;
	char name[SFS_BACKUP_NAME_SIZE];
	uint64_t dir_node; /* of .storefs/backups */
	/* protected by the lock of all: */
	enum state state;
	unsigned users;    /* requests at work in it */
	int64_t used_ms;   /* when the last one ended */
	int64_t failed_ms; /* when it could not be opened, 0: it could */
	int failure;
};

struct fs_backups {
	struct fs_backup_lists *lists;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;   /* protects all below */
	pthread_cond_t changed; /* a state, a user less, a slot more */
	pthread_cond_t work;    /* for the thread */
	struct fs_backup *slots[FS_SLOTS];
	unsigned waiting; /* requests that wait for a slot */
	bool stop;
};

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_until(struct fs_backups *all, pthread_cond_t *cond, int64_t until_ms)
{
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	pthread_cond_timedwait(cond, &all->lock, &until);
}

static int identify(const char *path, struct identity *ret)
{
	char file[4200];
	struct stat stat_now;
	if (snprintf(file, sizeof file, "%s/files.ndjson", path) >= (int)sizeof file)
		return SFS_ERR_LIMIT;
	if (stat(file, &stat_now) < 0)
		return errno == ENOENT || errno == ENOTDIR ? SFS_ERR_NOT_FOUND : SFS_ERR_IO;
	*ret = (struct identity){ stat_now.st_dev, stat_now.st_ino, stat_now.st_mtim };
	return 0;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->written.tv_sec == b->written.tv_sec &&
	       a->written.tv_nsec == b->written.tv_nsec;
}

struct fs_backup_lists *fs_backups_lists(const struct fs *fs)
{
	return fs->backups->lists;
}

struct fs *fs_backup_fs(struct fs_backup *backup)
{
	return &backup->fs;
}

/* --- a slot --- */

static void backup_free(struct fs_backup *backup)
{
	struct fs *fs = &backup->fs;
	fs_parts_stop(fs);
	sfs_store_close(fs->store);
	free(backup->path);
	free(backup);
}

/** The struct fs of a backup: what is the daemon's is shared, what is a store's is its own. */
static void init_fs(struct fs *live, struct fs_backup *backup, const struct fs_view *door,
		    int64_t time_ns, unsigned slot)
{
	struct fs *fs = &backup->fs;
	struct sfs_span path = sfs_span_str(backup->path);
	backup->options = *live->options;
	backup->options.store_path = backup->path;
	backup->options.read_only = true;
	fs->options = &backup->options;
	fs->policy = live->policy;
	fs->session = live->session;
	fs->loop = live->loop;
	fs->started_ns = live->started_ns;
	fs->uid = live->uid;
	fs->gid = live->gid;
	atomic_store(&fs->capabilities, atomic_load(&live->capabilities));
	atomic_store(&fs->features, atomic_load(&live->features));
	atomic_store(&fs->ready, true);
	fs->slot = (uint64_t)(FS_SLOT_FIRST + slot) << FS_SLOT_SHIFT;
	fs->root_number = door->number;
	fs->number_keys[0] = fs_name_hash(path, 1);
	fs->number_keys[1] = fs_name_hash(path, 2);
	fs->backup = backup->name;
	fs->backup_ns = time_ns;
}

static int backup_new(struct fs *live, const struct fs_backup_entry *entry,
		      const struct fs_view *door, unsigned slot, struct fs_backup **ret)
{
	struct fs_backup *backup = calloc(1, sizeof *backup);
	if (!backup)
		return SFS_ERR_NO_MEMORY;
	/* First: what ends a struct fs asks whether it is the daemon's. */
	backup->fs.live = live;
	memcpy(backup->name, entry->name, sizeof backup->name);
	if (asprintf(&backup->path, "%s/%s", entry->folder, entry->name) < 0)
		backup->path = NULL;
	int err = backup->path ? 0 : SFS_ERR_NO_MEMORY;
	if (!err)
		err = identify(backup->path, &backup->identity);
	if (!err) {
		backup->dir_node = door->dir;
		init_fs(live, backup, door, entry->time_ns, slot);
		err = fs_parts_start(&backup->fs);
	}
	if (err < 0)
		backup_free(backup);
	else
		*ret = backup;
	return err;
}

/* --- its store --- */

static bool is_idle_locked(const struct fs_backup *backup)
{
	return backup->state != BUSY && backup->users == 0 && !backup->fs.table->handles;
}

/** A line in errors.ndjson of the store: which backup can not be opened, and why. Returns err. */
static int tell(struct fs *live, const char *backup, int err, const char *why)
{
	char name[64];
	const char *errno_name = strerrorname_np(fs_errno(err));
	snprintf(name, sizeof name, "backups/%s", backup);
	struct sfs_error error = {
		.class_name = sfs_span_str(".storefs"),
		.name = sfs_span_str(name),
		.operation = sfs_span_str("open"),
		.errno_name = sfs_span_str(errno_name ? errno_name : ""),
		.message = sfs_span_str(why),
	};
	sfs_errors_add(live->store, &error);
	fs_log(LOG_ERR, "backup %s can not be opened: %s", backup, why);
	return err;
}

static int tell_of(const struct fs_backup *backup, int err, const struct sfs_diag *diag)
{
	return tell(backup->fs.live, backup->name, err,
		    diag->text[0] ? diag->text : sfs_err_text(err));
}

static int check_classes(struct sfs_store *store, struct sfs_diag *diag)
{
	struct sfs_class_info info;
	if (sfs_class_next(store, CLASS_ID_MAX, &info) != 0)
		return 0;
	return sfs_diag_set(
		diag, SFS_ERR_UNSUPPORTED,
		"class %s has number %u, and only a backup whose classes have numbers up "
		"to %u can be looked into here: mount the backup itself",
		info.name, info.id, CLASS_ID_MAX);
}

/** Without the lock, by whom made it BUSY. */
static int open_store(struct fs_backup *backup)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct identity now;
	char note[64];
	int err = identify(backup->path, &now);
	if (err < 0 && err != SFS_ERR_NOT_FOUND)
		return tell_of(backup, err, &diag);
	/* Another one under the same name is none of which the kernel knows nodes. */
	if (err < 0 || !is_same(&now, &backup->identity))
		return SFS_ERR_NOT_FOUND;
	snprintf(note, sizeof note, "looked into by process %d", (int)getpid());
	struct sfs_store_config config = {
		.path = backup->path,
		.flags = SFS_STORE_READ_ONLY | SFS_STORE_SHARE_CACHE,
		.cache_bytes = CACHE_BYTES,
		.owner_note = note,
	};
	struct sfs_store *store;
	err = sfs_store_open(&config, &store, &diag);
	/* Removed just now? */
	if (err < 0 && identify(backup->path, &now) == SFS_ERR_NOT_FOUND)
		return SFS_ERR_NOT_FOUND;
	if (err < 0)
		return tell_of(backup, err, &diag);
	err = check_classes(store, &diag);
	if (err < 0) {
		sfs_store_close(store);
		return tell_of(backup, err, &diag);
	}
	backup->fs.store = store;
	return 0;
}

/** The lock is held, and given up meanwhile. The backup has a user, so it stays. */
static int ready_locked(struct fs_backups *all, struct fs_backup *backup)
{
	while (backup->state == BUSY)
		pthread_cond_wait(&all->changed, &all->lock);
	if (backup->state == OPEN)
		return 0;
	if (backup->failed_ms && now_ms() - backup->failed_ms < RETRY_MS)
		return backup->failure;
	backup->state = BUSY;
	pthread_mutex_unlock(&all->lock);
	int err = open_store(backup);
	pthread_mutex_lock(&all->lock);
	backup->state = err ? CLOSED : OPEN;
	backup->failure = err;
	backup->failed_ms = err ? now_ms() : 0;
	pthread_cond_broadcast(&all->changed);
	pthread_cond_signal(&all->work);
	return err;
}

static void close_locked(struct fs_backups *all, struct fs_backup *backup)
{
	struct sfs_store *store = backup->fs.store;
	backup->state = BUSY;
	backup->fs.store = NULL;
	pthread_mutex_unlock(&all->lock);
	sfs_store_close(store);
	pthread_mutex_lock(&all->lock);
	backup->state = CLOSED;
	pthread_cond_broadcast(&all->changed);
}

/* --- coming and going --- */

static struct fs_backup *find_locked(const struct fs_backups *all,
				     const struct fs_backup_entry *entry)
{
	char path[4200];
	struct identity now;
	snprintf(path, sizeof path, "%s/%s", entry->folder, entry->name);
	if (identify(path, &now) < 0)
		return NULL;
	for (unsigned i = 0; i < FS_SLOTS; i++) {
		struct fs_backup *backup = all->slots[i];
		if (backup && strcmp(backup->path, path) == 0 && is_same(&backup->identity, &now))
			return backup;
	}
	return NULL;
}

static unsigned free_slot_locked(const struct fs_backups *all)
{
	unsigned slot = 0;
	while (slot < FS_SLOTS && all->slots[slot])
		slot++;
	return slot;
}

/** A slot that is free; FS_SLOTS: there was none for a while. */
static unsigned wait_for_slot_locked(struct fs_backups *all)
{
	int64_t until = now_ms() + SLOT_WAIT_MS;
	unsigned slot;
	while ((slot = free_slot_locked(all)) == FS_SLOTS && now_ms() < until && !all->stop) {
		all->waiting++;
		pthread_cond_signal(&all->work);
		wait_until(all, &all->changed, until);
		all->waiting--;
	}
	return slot;
}

/** The backup in its slot, a new one if it has none. */
static int take_slot_locked(struct fs *live, const struct fs_backup_entry *entry,
			    const struct fs_view *door, struct fs_backup **ret)
{
	struct fs_backups *all = live->backups;
	*ret = find_locked(all, entry);
	unsigned slot = *ret ? 0 : wait_for_slot_locked(all);
	/* Somebody else may have brought it meanwhile. */
	if (!*ret)
		*ret = find_locked(all, entry);
	if (*ret)
		return 0;
	if (slot == FS_SLOTS)
		return SFS_ERR_NO_FILES;
	int err = backup_new(live, entry, door, slot, ret);
	if (!err)
		all->slots[slot] = *ret;
	return err;
}

/** By the node of its directory; *ret NULL: that is another view. */
static int come_by_door(struct fs *live, uint64_t node, struct fs_backup **ret)
{
	struct fs_backup_entry entry;
	bool invalid;
	struct fs_view *door = fs_view_get(live, node);
	*ret = NULL;
	if (!door)
		return SFS_ERR_NOT_FOUND;
	int err = 0;
	if (fs_view_is_backup(door)) {
		err = fs_backups_find(live, door->id, &entry, &invalid);
		pthread_mutex_lock(&live->backups->lock);
		if (!err)
			err = take_slot_locked(live, &entry, door, ret);
		if (!err)
			(*ret)->users++;
		pthread_mutex_unlock(&live->backups->lock);
	}
	if (err == SFS_ERR_NO_FILES)
		tell(live, entry.name, err,
		     "so many backups as can be looked into at a time have files that are open");
	fs_view_unref(live, door);
	return err;
}

static int come_by_node(struct fs *live, uint64_t node, struct fs_backup **ret)
{
	struct fs_backups *all = live->backups;
	pthread_mutex_lock(&all->lock);
	*ret = all->slots[fs_node_slot(node) - FS_SLOT_FIRST];
	if (*ret)
		(*ret)->users++;
	pthread_mutex_unlock(&all->lock);
	return *ret ? 0 : SFS_ERR_NOT_FOUND;
}

int fs_backups_enter(struct fs *fs, uint64_t *node, struct fs_backup **ret)
{
	struct fs_backup *backup = NULL;
	bool door = fs_node_is_door(*node);
	fs_loop_block_begin(fs->loop);
	int err = door ? come_by_door(fs, *node, &backup) : come_by_node(fs, *node, &backup);
	if (!err && backup) {
		pthread_mutex_lock(&fs->backups->lock);
		err = ready_locked(fs->backups, backup);
		pthread_mutex_unlock(&fs->backups->lock);
		if (err < 0)
			fs_backups_leave(backup);
	}
	fs_loop_block_end(fs->loop);
	if (err < 0)
		return err;
	if (backup)
		*node = door ? SFS_INO_ROOT : *node & ~FS_SLOT_MASK;
	*ret = backup;
	return 0;
}

void fs_backups_leave(struct fs_backup *backup)
{
	struct fs_backups *all = backup->fs.live->backups;
	pthread_mutex_lock(&all->lock);
	backup->used_ms = now_ms();
	backup->users--;
	pthread_mutex_unlock(&all->lock);
}

void fs_backups_forget(struct fs *fs, uint64_t node, uint64_t count)
{
	struct fs_backups *all = fs->backups;
	pthread_mutex_lock(&all->lock);
	struct fs_backup *backup = all->slots[fs_node_slot(node) - FS_SLOT_FIRST];
	if (backup) {
		fs_view_forget(&backup->fs, node & ~FS_SLOT_MASK, count);
		int64_t known = atomic_fetch_sub(&backup->fs.known, (int64_t)count);
		if (known <= (int64_t)count && all->waiting)
			pthread_cond_signal(&all->work);
	}
	pthread_mutex_unlock(&all->lock);
}

/* --- the thread --- */

/** What was used longest ago of those that nobody is in; @open  of those that are open. NULL: none. */
static struct fs_backup *oldest_locked(const struct fs_backups *all, bool open)
{
	struct fs_backup *oldest = NULL;
	for (unsigned i = 0; i < FS_SLOTS; i++) {
		struct fs_backup *backup = all->slots[i];
		if (!backup || !is_idle_locked(backup) || (open && backup->state != OPEN))
			continue;
		if (!oldest || backup->used_ms < oldest->used_ms)
			oldest = backup;
	}
	return oldest;
}

static unsigned count_locked(const struct fs_backups *all, bool open)
{
	unsigned count = 0;
	for (unsigned i = 0; i < FS_SLOTS; i++)
		count += all->slots[i] && (!open || all->slots[i]->state == OPEN);
	return count;
}

static void close_idle_locked(struct fs_backups *all, int64_t idle_ms)
{
	struct fs_backup *oldest;
	while ((oldest = oldest_locked(all, true)) &&
	       (now_ms() - oldest->used_ms >= idle_ms || count_locked(all, true) > OPEN_MAX))
		close_locked(all, oldest);
}

/** Slots whose backups the kernel has forgotten. */
static void drop_forgotten_locked(struct fs_backups *all)
{
	for (unsigned i = 0; i < FS_SLOTS; i++) {
		struct fs_backup *backup = all->slots[i];
		if (!backup || backup->state != CLOSED || !is_idle_locked(backup) ||
		    atomic_load(&backup->fs.known) > 0)
			continue;
		all->slots[i] = NULL;
		backup_free(backup);
		pthread_cond_broadcast(&all->changed);
	}
}

/** Have the kernel forget what was used longest ago. */
static void push_out_locked(struct fs *live)
{
	struct fs_backups *all = live->backups;
	struct fs_backup *oldest = oldest_locked(all, false);
	char name[SFS_BACKUP_NAME_SIZE];
	if (!oldest)
		return;
	uint64_t dir = oldest->dir_node;
	memcpy(name, oldest->name, sizeof name);
	/* The next time another one is the oldest, should somebody stay in this one. */
	oldest->used_ms = now_ms();
	if (oldest->state == OPEN)
		close_locked(all, oldest);
	pthread_mutex_unlock(&all->lock);
	fuse_lowlevel_notify_inval_entry(live->session, dir, name, strlen(name));
	pthread_mutex_lock(&all->lock);
}

static void *run(void *arg)
{
	struct fs *live = arg;
	struct fs_backups *all = live->backups;
	unsigned idle_s = live->options->backup_idle_s ? live->options->backup_idle_s : IDLE_S;
	int64_t idle_ms = (int64_t)idle_s * 1000;
	pthread_mutex_lock(&all->lock);
	while (!all->stop) {
		bool short_of = FS_SLOTS - count_locked(all, false) < FREE_MIN;
		if (count_locked(all, true) || short_of)
			wait_until(all, &all->work, now_ms() + (short_of ? 20 : idle_ms / 4));
		else
			pthread_cond_wait(&all->work, &all->lock);
		close_idle_locked(all, idle_ms);
		drop_forgotten_locked(all);
		for (unsigned i = count_locked(all, false); i > FS_SLOTS - FREE_MIN; i--)
			push_out_locked(live);
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

/* --- start and end --- */

int fs_backups_start(struct fs *fs)
{
	struct fs_backups *all = calloc(1, sizeof *all);
	if (!all)
		return SFS_ERR_NO_MEMORY;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->changed, &attr);
	pthread_cond_init(&all->work, &attr);
	pthread_condattr_destroy(&attr);
	fs->backups = all;
	all->lists = fs_backup_lists_new();
	if (!all->lists)
		return SFS_ERR_NO_MEMORY;
	all->running = pthread_create(&all->thread, NULL, run, fs) == 0;
	return all->running ? 0 : SFS_ERR_NO_MEMORY;
}

void fs_backups_stop(struct fs *fs)
{
	struct fs_backups *all = fs->backups;
	if (!all || !all->running)
		return;
	pthread_mutex_lock(&all->lock);
	all->stop = true;
	pthread_cond_broadcast(&all->changed);
	pthread_cond_broadcast(&all->work);
	pthread_mutex_unlock(&all->lock);
	pthread_join(all->thread, NULL);
	all->running = false;
}

void fs_backups_free(struct fs *fs)
{
	struct fs_backups *all = fs->backups;
	if (!all)
		return;
	for (unsigned i = 0; i < FS_SLOTS; i++) {
		if (all->slots[i])
			backup_free(all->slots[i]);
	}
	fs_backup_lists_free(all->lists);
	pthread_mutex_destroy(&all->lock);
	pthread_cond_destroy(&all->changed);
	pthread_cond_destroy(&all->work);
	free(all);
	fs->backups = NULL;
}
