/*
 * What the kernel may cache of an object that is open.
 *
 * A reader sees one saved version until it is closed. The page cache is shared by all readers of a
 * node, so it may hold one version only: pages are kept when they are known to be this version,
 * and a reader goes around the page cache while another version is being read through it.
 * Attributes are not for keeping while a writer is open (the kernel changes its idea of the
 * size with each write) or while an older version is being read (each side then asks for its size).
 *
 * Pages are kept for the next reader of a version only when one of it has read: until then the kernel may not
 * have forgotten those of the version before, as it does that at the end of an open(2) that it was told of,
 * and two open(2) can end in any order.
 *
 * The size is shared too, and the kernel looks at it for each cached read: two versions read at one
 * time could each be cut at the other's size. So a document that is looked up while an older
 * version is being read gets a second node; while a writer is open nobody begins to use the page
 * cache; and a writer waits a moment for those who just did.
 */
#include "loop.h"
#include "notify.h"
#include "table.h"

/* So long a writer waits for somebody who just opened the document to read, a step at a time. */
#define READ_NS 100000000
#define WAIT_NS 2000000
/* So long a reader waits for the end of a writer that was closed not longer ago than that. */
#define RELEASE_NS 10000000
#define CLOSED_NS 1000000000

static struct fs_served *served_slot(struct fs_table *table, uint64_t node)
{
	uint64_t mixed = (node ^ node >> 29) * 0x9e3779b97f4a7c15u;
	return &table->served[mixed >> 48 & (FS_TABLE_SERVED - 1)];
}

static bool is_served(const struct fs_served *served, const struct fs_handle *handle)
{
	return served->node == handle->node && served->revision == handle->doc->attr.revision;
}

/** A reader of another version than this through the page cache of the node, or NULL. */
static const struct fs_handle *other_version_locked(const struct fs_open *open, uint64_t node,
						    uint64_t revision)
{
	const struct fs_handle *handle = open->handles;
	while (handle &&
	       !(handle->cached && handle->node == node && handle->doc->attr.revision != revision))
		handle = handle->sibling;
	return handle;
}

bool fs_open_is_outdated(struct fs *fs, uint64_t node, uint64_t revision)
{
	struct fs_table *table = fs->table;
	if (atomic_load(&table->open_count) == 0)
		return false;
	pthread_mutex_lock(&table->lock);
	const struct fs_open *open = fs_open_peek_locked(table, fs_node_ino(node));
	bool outdated = open && other_version_locked(open, node, revision);
	pthread_mutex_unlock(&table->lock);
	return outdated;
}

bool fs_open_is_cached(struct fs *fs, uint64_t node)
{
	/* No commit has this number. */
	return fs_open_is_outdated(fs, node, UINT64_MAX);
}

static int64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/**
 * Is a handle's version the one that is saved, and does everybody know it? If the object was saved after
 * it was read, the kernel may have been told the size of the new version, for good; a reader of the old one would
 * make it cut the new one at the end of the old. In this order: a commit that is over has moved the
 * sequence and queued what it has to tell. One that begins later finds the handle, which is marked by now.
 */
static bool is_current(struct fs *fs, const struct fs_handle *handle, uint64_t sequence)
{
	uint64_t ino = fs_node_ino(handle->node);
	return !fs_commit_is_under_way(fs, ino) && sequence == fs_sequence(fs, ino) &&
	       fs_notify_is_settled(fs);
}

enum fs_cache_mode fs_handle_cache_mode(struct fs *fs, struct fs_handle *handle, uint64_t sequence)
{
	struct fs_table *table = fs->table;
	enum fs_cache_mode mode = FS_CACHE_AVOID;
	uint64_t revision = handle->doc->attr.revision;
	/* What is in a backup never is another version. */
	if (fs->live)
		return FS_CACHE_KEEP;
	pthread_mutex_lock(&table->lock);
	handle->cached = true;
	handle->cached_ns = clock_ns();
	if (handle->open->writers == 0 && is_current(fs, handle, sequence) &&
	    !other_version_locked(handle->open, handle->node, revision)) {
		struct fs_served *served = served_slot(table, handle->node);
		bool dropped = is_served(served, handle) && served->dropped;
		*served = (struct fs_served){ handle->node, revision, dropped };
		mode = dropped ? FS_CACHE_KEEP : FS_CACHE_DROP;
		atomic_store(&handle->drops, !dropped);
	} else {
		handle->cached = false;
	}
	pthread_mutex_unlock(&table->lock);
	return mode;
}

void fs_handle_was_opened(struct fs *fs, struct fs_handle *handle)
{
	struct fs_table *table = fs->table;
	if (!atomic_load(&handle->drops) || !atomic_exchange(&handle->drops, false))
		return;
	pthread_mutex_lock(&table->lock);
	struct fs_served *served = served_slot(table, handle->node);
	if (is_served(served, handle))
		served->dropped = true;
	pthread_mutex_unlock(&table->lock);
}

/**
 * Did a reader begin just now to use the page cache? Not the writer's own thread, which may have
 * its old descriptor still: it can not be reading.
 */
static bool just_begun_locked(const struct fs_open *open, pid_t writer)
{
	int64_t now = clock_ns();
	for (const struct fs_handle *handle = open->handles; handle; handle = handle->sibling) {
		if (handle->cached && handle->pid != writer && now - handle->cached_ns < READ_NS)
			return true;
	}
	return false;
}

/** A step of waiting for a handle to be closed. */
static void wait_locked(struct fs_table *table)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&table->closed, &table->lock, &until);
}

void fs_open_wait_for_readers(struct fs *fs, struct fs_open *open, pid_t writer)
{
	struct fs_table *table = fs->table;
	pthread_mutex_lock(&table->lock);
	while (just_begun_locked(open, writer))
		wait_locked(table);
	pthread_mutex_unlock(&table->lock);
}

void fs_handle_flushed(struct fs_handle *handle)
{
	atomic_store(&handle->flushed_ns, clock_ns());
}

/** Has the document writers, and is each of them likely to end now? */
static bool all_closing_locked(const struct fs_open *open)
{
	if (!open || !open->writers)
		return false;
	for (const struct fs_handle *handle = open->handles; handle; handle = handle->sibling) {
		if (handle->kind == FS_HANDLE_WRITER &&
		    clock_ns() - atomic_load(&handle->flushed_ns) > CLOSED_NS)
			return false;
	}
	return true;
}

void fs_open_wait_for_release(struct fs *fs, uint64_t node)
{
	struct fs_table *table = fs->table;
	if (atomic_load(&table->open_count) == 0)
		return;
	int64_t until = clock_ns() + RELEASE_NS;
	pthread_mutex_lock(&table->lock);
	bool closing = all_closing_locked(fs_open_peek_locked(table, fs_node_ino(node)));
	pthread_mutex_unlock(&table->lock);
	if (!closing)
		return;
	/* The end of the writer may need this thread's place. */
	fs_loop_wait_begin(fs->loop);
	pthread_mutex_lock(&table->lock);
	while (all_closing_locked(fs_open_peek_locked(table, fs_node_ino(node))) &&
	       clock_ns() < until)
		wait_locked(table);
	pthread_mutex_unlock(&table->lock);
	fs_loop_block_end(fs->loop);
}

/** The size that a document has for this handle. */
static uint64_t handle_size(const struct fs_handle *handle)
{
	if (handle->kind == FS_HANDLE_WRITER)
		return fs_draft_size(&handle->draft);
	return handle->doc ? handle->doc->bytes.len : handle->text.len;
}

/** The asker's own version of the document. */
static void overlay_handle(const struct fs_handle *handle, struct sfs_attr *attr)
{
	attr->size = attr->size_msgpack = handle_size(handle);
	if (handle->doc)
		attr->mtime_ns = handle->doc->attr.mtime_ns;
}

/**
 * The draft of the process that asks, if it has one: fstat(2) comes without a handle. Everybody
 * else sees what is saved, of a newborn: nothing.
 */
static const struct fs_handle *own_draft_locked(const struct fs_open *open, pid_t pid)
{
	const struct fs_handle *handle = pid ? open->handles : NULL;
	while (handle && !(handle->kind == FS_HANDLE_WRITER && handle->pid == pid))
		handle = handle->sibling;
	return handle;
}

/**
 * A node whose page cache is in use for an older version keeps the size of that one, so that its
 * reader is not cut; the new version is looked up as another node. Not after a save through this
 * node: who made it wants to see it.
 */
static void overlay_outdated_locked(const struct fs_open *open, uint64_t node,
				    struct sfs_attr *attr)
{
	const struct fs_handle *old = other_version_locked(open, node, attr->revision);
	if (!old || open->attr.revision == attr->revision)
		return;
	attr->size = old->doc->attr.size;
	attr->size_msgpack = old->doc->attr.size_msgpack;
	attr->mtime_ns = old->doc->attr.mtime_ns;
}

static void overlay_pending_locked(const struct fs_open *open, struct sfs_attr *attr)
{
	if (open->pending.mask & SFS_SET_ATIME)
		attr->atime_ns = open->pending.atime_ns;
	if (open->pending.mask & SFS_SET_MTIME)
		attr->mtime_ns = open->pending.mtime_ns;
}

bool fs_open_overlay(struct fs *fs, uint64_t node, const struct fs_handle *handle, pid_t pid,
		     struct sfs_attr *attr)
{
	struct fs_table *table = fs->table;
	bool keep = true;
	if (atomic_load(&table->open_count) == 0)
		return true;
	pthread_mutex_lock(&table->lock);
	struct fs_open *open = fs_open_peek_locked(table, fs_node_ino(node));
	if (open) {
		keep = open->writers == 0 && !open->newborn && open->ino == open->object_ino &&
		       !other_version_locked(open, node, attr->revision);
		const struct fs_handle *own = handle ? NULL : own_draft_locked(open, pid);
		if (!handle)
			overlay_outdated_locked(open, node, attr);
		if (own)
			attr->size = attr->size_msgpack = fs_draft_size(&own->draft);
		overlay_pending_locked(open, attr);
	}
	pthread_mutex_unlock(&table->lock);
	if (handle && (handle->kind == FS_HANDLE_READER || handle->kind == FS_HANDLE_WRITER))
		overlay_handle(handle, attr);
	return keep;
}

int fs_open_attr(struct fs *fs, uint64_t ino, struct sfs_attr *ret)
{
	struct fs_table *table = fs->table;
	if (atomic_load(&table->open_count) == 0)
		return SFS_ERR_NOT_FOUND;
	int err = SFS_ERR_NOT_FOUND;
	pthread_mutex_lock(&table->lock);
	const struct fs_open *open = fs_open_peek_locked(table, ino);
	if (open) {
		*ret = open->attr;
		ret->nlink = open->newborn ? 1 : 0;
		err = 0;
	}
	pthread_mutex_unlock(&table->lock);
	return err;
}
