/*
 * Pass-through: see backing.h. What is open is a table by node, with a lock of its own, innermost. The
 * calls of the device and of the engine under it take a moment and wait for nothing; what is given back is
 * given back outside, because that can be the end of a large file.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backing.h"
#include "wire.h"

#define BUCKETS 1024

/** A raw that is open, or may be mapped still. */
struct backing {
	struct backing *chain;
	uint64_t node;
	int id;           /* registered with the kernel; 0: it is not */
	unsigned passed;  /* opens that pass through; mappers among them */
	unsigned cached;  /* opens through the page cache */
	unsigned mappers; /* opens that can make a shared mapping to write */
	bool left;        /* one of them was closed: there can be such a mapping */
};

struct fs_backings {
	pthread_mutex_t lock; /* protects all below that is not atomic */
	struct backing *buckets[BUCKETS];
	atomic_int refused;       /* errno: the kernel will register nothing */
	atomic_bool has_stacked;  /* files of this device can not be registered: */
	_Atomic uint64_t stacked; /* st_dev */
	atomic_uint loud;         /* entries with mappers, or left */
	_Atomic uint64_t count;
};

/** The mount of this process, for commands that run in it. */
static _Atomic(const struct fs *) serving;

static struct backing **place_locked(struct fs_backings *all, uint64_t node)
{
	struct backing **at = &all->buckets[(node ^ node >> 36) % BUCKETS];
	while (*at && (*at)->node != node)
		at = &(*at)->chain;
	return at;
}

static bool is_loud(const struct backing *backing)
{
	return backing->mappers || backing->left;
}

/** Forget a node that is neither open nor mapped. */
static void drop_locked(struct backing **at)
{
	struct backing *backing = *at;
	if (!backing || backing->passed || backing->cached || is_loud(backing))
		return;
	*at = backing->chain;
	free(backing);
}

/* --- is it possible --- */

/** Does a file lie where the kernel can not pass through? */
static bool is_stacked(struct fs_backings *all, int fd)
{
	struct stat stat;
	return atomic_load(&all->has_stacked) && fstat(fd, &stat) == 0 &&
	       stat.st_dev == atomic_load(&all->stacked);
}

/** Remember what will not work the next time either. */
static void remember(struct fs_backings *all, int fd, int error)
{
	struct stat stat;
	if (error == EPERM || error == EOPNOTSUPP || error == ENOTTY || error == EINVAL)
		atomic_store(&all->refused, error);
	if (error != ELOOP || fstat(fd, &stat) < 0)
		return;
	atomic_store(&all->stacked, stat.st_dev);
	atomic_store(&all->has_stacked, true);
}

static bool is_possible(const struct fs *fs)
{
	return fs->backings && atomic_load(&fs->features) & FS_FEATURE_PASS &&
	       !atomic_load(&fs->backings->refused);
}

/** Register a plain file; 0: it goes through the daemon. */
static int try_register(struct fs *fs, int fd)
{
	if (!is_possible(fs) || is_stacked(fs->backings, fd))
		return 0;
	int id = fs_wire_register(fs, fd);
	if (id < 0)
		remember(fs->backings, fd, -id);
	return id > 0 ? id : 0;
}

/** With a file of the store that is always there, so that status knows it before the first raw. */
static void probe(struct fs *fs)
{
	char path[4200];
	int len = snprintf(path, sizeof path, "%s/storefs.json", fs->options->store_path);
	int fd = len < (int)sizeof path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd < 0)
		return;
	int id = try_register(fs, fd);
	if (id)
		fs_wire_unregister(fs, id);
	close(fd);
}

int fs_backing_start(struct fs *fs)
{
	fs->backings = calloc(1, sizeof *fs->backings);
	if (!fs->backings)
		return SFS_ERR_NO_MEMORY;
	pthread_mutex_init(&fs->backings->lock, NULL);
	probe(fs);
	if (!fs->live)
		atomic_store(&serving, fs);
	return 0;
}

void fs_backing_stop(struct fs *fs)
{
	struct fs_backings *all = fs->backings;
	if (!fs->live)
		atomic_store(&serving, NULL);
	if (!all)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (all->buckets[i]) {
			struct backing *backing = all->buckets[i];
			all->buckets[i] = backing->chain;
			free(backing);
		}
	}
	pthread_mutex_destroy(&all->lock);
	free(all);
	fs->backings = NULL;
}

bool fs_backing_is_used(const struct fs *fs, const char **ret_why)
{
	const struct fs_backings *all = fs->backings;
	*ret_why = "the kernel reads and writes the plain files itself";
	if (fs->options->no_pass)
		*ret_why = "turned off with -o nopassthrough";
	else if (!(atomic_load(&fs->features) & FS_FEATURE_PASS))
		*ret_why = "the kernel or libfuse does not offer it";
	else if (atomic_load(&all->refused) == EPERM)
		*ret_why = "the daemon has no CAP_SYS_ADMIN";
	else if (atomic_load(&all->refused))
		*ret_why = "the kernel refuses it";
	else if (atomic_load(&all->has_stacked))
		*ret_why = "the store is on a stacked file system (overlayfs)";
	else
		return true;
	return false;
}

bool fs_raw_io(const char **ret_why)
{
	const struct fs *fs = atomic_load(&serving);
	*ret_why = NULL;
	return fs && fs_backing_is_used(fs, ret_why);
}

uint64_t fs_backing_count(const struct fs *fs)
{
	return atomic_load(&fs->backings->count);
}

/* --- opening --- */

static bool is_raw_class(struct fs *fs, uint64_t node)
{
	struct sfs_class_info info;
	return sfs_class_get(fs->store, sfs_ino_class(fs_node_ino(node)), &info) == 0 &&
	       info.kind == SFS_CLASS_RAW;
}

static bool can_map(const struct fuse_file_info *fi)
{
	return (fi->flags & O_ACCMODE) == O_RDWR;
}

static void passed_locked(struct fs_backings *all, struct backing *backing,
			  struct fs_handle *handle, struct fuse_file_info *fi)
{
	backing->passed++;
	handle->way = FS_WAY_PASSED;
	atomic_fetch_add_explicit(&all->count, 1, memory_order_relaxed);
	if (can_map(fi)) {
		if (!is_loud(backing))
			atomic_fetch_add(&all->loud, 1);
		backing->mappers++;
		handle->way = FS_WAY_MAPPED;
	}
	fs_wire_pass(fi, backing->id);
	/* There is nothing to save, and no page to write back. */
	fi->noflush = 1;
	fi->direct_io = 0;
	fi->keep_cache = 0;
}

/** Through the daemon. What only writes needs no pages; without them it binds no other open. */
static void through_locked(struct backing *backing, struct fs_handle *handle,
			   struct fuse_file_info *fi, bool keep)
{
	if ((fi->flags & O_ACCMODE) == O_WRONLY) {
		fi->direct_io = 1;
		return;
	}
	fi->keep_cache = keep;
	if (backing) {
		backing->cached++;
		handle->way = FS_WAY_CACHED;
	}
}

/** The entry of a node, made if it is not there. NULL: no memory. */
static struct backing *entry_locked(struct fs_backings *all, uint64_t node)
{
	struct backing **at = place_locked(all, node);
	if (!*at && (*at = calloc(1, sizeof **at)))
		(*at)->node = node;
	return *at;
}

static int open_tracked(struct fs *fs, struct fs_handle *handle, struct fuse_file_info *fi)
{
	struct fs_backings *all = fs->backings;
	int fd = sfs_raw_fd(handle->raw);
	pthread_mutex_lock(&all->lock);
	struct backing *backing = entry_locked(all, handle->node);
	if (backing && !backing->passed && !backing->cached && fd >= 0)
		backing->id = try_register(fs, fd);
	if (backing && backing->id) {
		passed_locked(all, backing, handle, fi);
	} else if (backing) {
		/* Pages of before it passed through would be wrong now. */
		through_locked(backing, handle, fi, fd < 0);
		drop_locked(place_locked(all, handle->node));
	}
	pthread_mutex_unlock(&all->lock);
	return backing ? 0 : SFS_ERR_NO_MEMORY;
}

int fs_backing_open(struct fs *fs, struct fs_handle *handle, struct fuse_file_info *fi)
{
	fi->noflush = (fi->flags & O_ACCMODE) == O_RDONLY;
	if (!is_possible(fs) || !is_raw_class(fs, handle->node) ||
	    is_stacked(fs->backings, sfs_raw_fd(handle->raw))) {
		through_locked(NULL, handle, fi, true);
		return 0;
	}
	int err = open_tracked(fs, handle, fi);
	/* What the kernel was told for ever is true no longer. Attributes alone wait for no lock. */
	if (!err && handle->way == FS_WAY_MAPPED && !(fi->flags & O_CREAT))
		fuse_lowlevel_notify_inval_inode(fs->session, handle->node, -1, 0);
	return err;
}

/* --- closing --- */

/** One open less. Returns the id to give back, or 0. */
static int close_locked(struct fs_backings *all, const struct fs_handle *handle)
{
	struct backing **at = place_locked(all, handle->node), *backing = *at;
	int id = 0;
	if (!backing)
		return 0;
	if (handle->way == FS_WAY_CACHED)
		backing->cached--;
	else
		backing->passed--;
	if (handle->way == FS_WAY_MAPPED) {
		backing->mappers--;
		backing->left = true;
	}
	if (!backing->passed) {
		id = backing->id;
		backing->id = 0;
	}
	drop_locked(at);
	return id;
}

/**
 * Look whether what a mapper left is over. Attributes that were read before are not kept. As long as an
 * open passes through the kernel may be about to open the file: it would meet the lease.
 */
static void settle(struct fs *fs, uint64_t node)
{
	struct fs_backings *all = fs->backings;
	pthread_mutex_lock(&all->lock);
	struct backing **at = place_locked(all, node);
	if (*at && (*at)->left && !(*at)->passed &&
	    !sfs_raw_is_written(fs->store, fs_node_ino(node))) {
		(*at)->left = false;
		atomic_fetch_sub(&all->loud, 1);
		fs_sequence_move(fs, fs_node_ino(node));
		drop_locked(at);
	}
	pthread_mutex_unlock(&all->lock);
}

void fs_backing_close(struct fs *fs, struct fs_handle *handle)
{
	struct fs_backings *all = fs->backings;
	int id = 0;
	if (handle->way != FS_WAY_NONE) {
		pthread_mutex_lock(&all->lock);
		id = close_locked(all, handle);
		pthread_mutex_unlock(&all->lock);
	}
	if (id && fs->session)
		fs_wire_unregister(fs, id);
	sfs_raw_close(handle->raw);
	if (handle->way == FS_WAY_MAPPED && fs->session)
		settle(fs, handle->node);
}

bool fs_backing_is_quiet(struct fs *fs, uint64_t node)
{
	struct fs_backings *all = fs->backings;
	if (!all || atomic_load(&all->loud) == 0)
		return true;
	pthread_mutex_lock(&all->lock);
	const struct backing *backing = *place_locked(all, node);
	bool mapped = backing && backing->mappers, left = backing && backing->left;
	pthread_mutex_unlock(&all->lock);
	if (left && !mapped)
		settle(fs, node);
	return !mapped && !left;
}

void fs_backing_forget(struct fs *fs, uint64_t node)
{
	(void)fs_backing_is_quiet(fs, node);
}
