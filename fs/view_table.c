/*
 * The table of views: see view.h. Sixteen hash tables, each with a lock that is held for moments; which
 * one a view is in is said by its node id, which comes from the hash of its identity.
 */
#include <sched.h>
#include <stdlib.h>
#include "name.h"
#include "view_table.h"

#define SHARDS 16
#define BUCKETS_FIRST 64
/* Node ids: bit 63; bit 62 makes inode numbers that nothing else has; then, below slots, the hash. */
#define NODE_BIT FS_NODE_VIEW_BIT
#define NUMBER_BIT ((uint64_t)1 << 62)
#define HASH_MASK (((uint64_t)1 << FS_SLOT_SHIFT) - 1)
#define DOOR_BITS ((uint64_t)FS_SLOT_DOORS << FS_SLOT_SHIFT)

struct shard {
	pthread_mutex_t lock; /* protects all below, and what the views in it count */
	struct fs_view **buckets;
	size_t cap, count; /* cap is a power of two */
};

struct fs_views {
	struct shard shards[SHARDS];
};

int fs_views_start(struct fs *fs)
{
	struct fs_views *views = calloc(1, sizeof *views);
	if (!views)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_init(&views->shards[i].lock, NULL);
	fs->views = views;
	return 0;
}

void fs_views_stop(struct fs *fs)
{
	struct fs_views *views = fs->views;
	if (!views)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &views->shards[i];
		for (size_t k = 0; k < shard->cap; k++) {
			while (shard->buckets[k]) {
				struct fs_view *view = shard->buckets[k];
				shard->buckets[k] = view->chain;
				free(view);
			}
		}
		free(shard->buckets);
		pthread_mutex_destroy(&shard->lock);
	}
	free(views);
	fs->views = NULL;
}

/* --- identity --- */

uint64_t fs_view_number(uint64_t dir, const struct fs_view_ops *ops, struct sfs_span id)
{
	uint64_t seed = fs_name_hash(sfs_span_str(ops->kind), dir);
	return NUMBER_BIT | (ops->is_door ? DOOR_BITS : 0) | (fs_name_hash(id, seed) & HASH_MASK);
}

/** Another number for an identity whose own is taken; of the same shard. */
static uint64_t next_number(uint64_t number)
{
	return (number & ~HASH_MASK) | ((number + SHARDS) & HASH_MASK);
}

static struct shard *shard_of(const struct fs *fs, uint64_t node)
{
	return &fs->views->shards[node % SHARDS];
}

static size_t bucket_of(const struct shard *shard, uint64_t node)
{
	return (node / SHARDS) & (shard->cap - 1);
}

static struct fs_view *peek_locked(const struct shard *shard, uint64_t node)
{
	struct fs_view *view = shard->cap ? shard->buckets[bucket_of(shard, node)] : NULL;
	while (view && view->node != node)
		view = view->chain;
	return view;
}

static bool is_same(const struct fs_view *view, uint64_t dir, const struct fs_view_spec *spec)
{
	return view->ops == spec->ops && view->dir == dir && view->class_id == spec->class_id &&
	       sfs_span_equal(view->id, sfs_buf_span(&spec->id));
}

/* --- coming --- */

static bool grow_locked(struct shard *shard)
{
	size_t cap = shard->cap ? shard->cap * 2 : BUCKETS_FIRST;
	struct fs_view **old = shard->buckets, **buckets = calloc(cap, sizeof(struct fs_view *));
	size_t old_cap = shard->cap;
	if (!buckets)
		return shard->cap > 0;
	shard->buckets = buckets;
	shard->cap = cap;
	for (size_t i = 0; i < old_cap; i++) {
		while (old[i]) {
			struct fs_view *view = old[i];
			old[i] = view->chain;
			size_t bucket = bucket_of(shard, view->node);
			view->chain = buckets[bucket];
			buckets[bucket] = view;
		}
	}
	free(old);
	return true;
}

/** Identity and name stand behind the struct. */
static struct fs_view *make(uint64_t dir, const struct fs_view_spec *spec)
{
	size_t name_len = strlen(spec->name);
	struct fs_view *view = calloc(1, sizeof *view + spec->id.len + name_len + 1);
	if (!view)
		return NULL;
	char *bytes = (char *)(view + 1);
	memcpy(bytes, spec->name, name_len + 1);
	if (spec->id.len)
		memcpy(bytes + name_len + 1, spec->id.data, spec->id.len);
	view->name = bytes;
	view->id = (struct sfs_span){ bytes + name_len + 1, spec->id.len };
	view->dir = dir;
	view->ops = spec->ops;
	view->class_id = spec->class_id;
	view->refs = 1;
	return view;
}

/** A new view under a number that is free; the directory is referenced by the caller. */
static struct fs_view *insert_locked(struct shard *shard, uint64_t number, uint64_t dir,
				     const struct fs_view_spec *spec)
{
	if (shard->count >= shard->cap && !grow_locked(shard))
		return NULL;
	struct fs_view *view = make(dir, spec);
	if (!view)
		return NULL;
	view->number = number;
	view->node = NODE_BIT | number;
	size_t bucket = bucket_of(shard, view->node);
	view->chain = shard->buckets[bucket];
	shard->buckets[bucket] = view;
	shard->count++;
	return view;
}

struct fs_view *fs_view_enter(struct fs *fs, uint64_t dir, struct fs_view *parent,
			      const struct fs_view_spec *spec)
{
	uint64_t number = fs_view_number(parent ? parent->number : dir, spec->ops,
					 sfs_buf_span(&spec->id));
	/* Before the lock: the directory may be in the same table. */
	if (parent)
		fs_view_ref(fs, parent);
	struct shard *shard = shard_of(fs, number);
	bool made = false;
	pthread_mutex_lock(&shard->lock);
	struct fs_view *view = peek_locked(shard, NODE_BIT | number);
	while (view && !is_same(view, dir, spec)) {
		number = next_number(number);
		view = peek_locked(shard, NODE_BIT | number);
	}
	if (view) {
		view->refs++;
	} else {
		view = insert_locked(shard, number, dir, spec);
		made = view != NULL;
		if (made)
			view->parent = parent;
	}
	pthread_mutex_unlock(&shard->lock);
	if (parent && !made)
		fs_view_unref(fs, parent);
	return view;
}

struct fs_view *fs_view_get(struct fs *fs, uint64_t node)
{
	struct shard *shard = shard_of(fs, node);
	pthread_mutex_lock(&shard->lock);
	struct fs_view *view = peek_locked(shard, node);
	if (view)
		view->refs++;
	pthread_mutex_unlock(&shard->lock);
	return view;
}

void fs_view_ref(struct fs *fs, struct fs_view *view)
{
	struct shard *shard = shard_of(fs, view->node);
	pthread_mutex_lock(&shard->lock);
	view->refs++;
	pthread_mutex_unlock(&shard->lock);
}

void fs_view_looked_up(struct fs *fs, struct fs_view *view)
{
	struct shard *shard = shard_of(fs, view->node);
	pthread_mutex_lock(&shard->lock);
	view->lookups++;
	pthread_mutex_unlock(&shard->lock);
}

uint64_t fs_view_count(const struct fs *fs)
{
	uint64_t count = 0;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &fs->views->shards[i];
		pthread_mutex_lock(&shard->lock);
		count += shard->count;
		pthread_mutex_unlock(&shard->lock);
	}
	return count;
}

/* --- going --- */

static void remove_locked(struct shard *shard, struct fs_view *view)
{
	struct fs_view **at = &shard->buckets[bucket_of(shard, view->node)];
	while (*at != view)
		at = &(*at)->chain;
	*at = view->chain;
	shard->count--;
}

/** Free a view that nobody knows, and the directories above it that are then known by nobody. */
static void drop(struct fs *fs, uint64_t node, uint64_t lookups, unsigned refs)
{
	while (node) {
		struct shard *shard = shard_of(fs, node);
		struct fs_view *parent = NULL;
		pthread_mutex_lock(&shard->lock);
		struct fs_view *view = peek_locked(shard, node);
		/* Counts come from the kernel: never below nothing. */
		if (view) {
			view->lookups -= lookups < view->lookups ? lookups : view->lookups;
			view->refs -= refs;
		}
		bool gone = view && view->lookups == 0 && view->refs == 0;
		if (gone) {
			parent = view->parent;
			remove_locked(shard, view);
		}
		pthread_mutex_unlock(&shard->lock);
		if (gone)
			free(view);
		node = parent ? parent->node : 0;
		lookups = 0;
		refs = 1;
	}
}

void fs_view_unref(struct fs *fs, struct fs_view *view)
{
	if (view)
		drop(fs, view->node, 0, 1);
}

void fs_view_forget(struct fs *fs, uint64_t node, uint64_t count)
{
	if (fs_node_kind(node) == FS_NODE_VIEW)
		drop(fs, node, count, 0);
}

/* --- what is noted --- */

void fs_view_note(struct fs *fs, const struct fs_view *view, uint64_t revision, int64_t ns)
{
	struct shard *shard = shard_of(fs, view->node);
	pthread_mutex_lock(&shard->lock);
	struct fs_view *own = peek_locked(shard, view->node);
	if (own) {
		own->noted_revision = revision;
		own->noted_ns = ns;
	}
	pthread_mutex_unlock(&shard->lock);
}

bool fs_view_noted(struct fs *fs, const struct fs_view *view, uint64_t revision, int64_t *ret)
{
	struct shard *shard = shard_of(fs, view->node);
	pthread_mutex_lock(&shard->lock);
	bool noted = revision && view->noted_revision == revision;
	if (noted)
		*ret = view->noted_ns;
	pthread_mutex_unlock(&shard->lock);
	return noted;
}

/* --- who writes --- */

void fs_view_attach(struct fs *fs, struct fs_view *view, struct fs_handle *handle)
{
	struct shard *shard = shard_of(fs, view->node);
	pthread_mutex_lock(&shard->lock);
	handle->sibling = view->writers;
	view->writers = handle;
	pthread_mutex_unlock(&shard->lock);
}

void fs_view_detach(struct fs *fs, struct fs_view *view, struct fs_handle *handle)
{
	struct shard *shard = shard_of(fs, view->node);
	pthread_mutex_lock(&shard->lock);
	struct fs_handle **at = &view->writers;
	while (*at && *at != handle)
		at = &(*at)->sibling;
	if (*at)
		*at = handle->sibling;
	pthread_mutex_unlock(&shard->lock);
}

/** Who saves has the lock of the draft first, then that of the table: SFS_ERR_BUSY instead of waiting. */
static int copy_unsaved_locked(const struct fs_view *view, struct sfs_buf *ret)
{
	struct fs_handle *handle = view->writers;
	while (handle && !atomic_load(&handle->draft.dirty))
		handle = handle->sibling;
	if (!handle)
		return SFS_ERR_NOT_FOUND;
	if (pthread_mutex_trylock(&handle->draft.lock) != 0)
		return SFS_ERR_BUSY;
	struct sfs_span text = fs_draft_span_locked(&handle->draft);
	int err = sfs_buf_append(ret, text.data, text.len);
	pthread_mutex_unlock(&handle->draft.lock);
	return err;
}

static int copy_unsaved(struct fs *fs, const struct fs_view *view, struct sfs_buf *ret)
{
	struct shard *shard = shard_of(fs, view->node);
	int err;
	do {
		pthread_mutex_lock(&shard->lock);
		err = copy_unsaved_locked(view, ret);
		pthread_mutex_unlock(&shard->lock);
		if (err == SFS_ERR_BUSY)
			sched_yield();
	} while (err == SFS_ERR_BUSY);
	return err;
}

int fs_view_unsaved_of(struct fs *fs, const struct fs_view *dir, const struct fs_view_ops *ops,
		       struct sfs_span id, struct sfs_buf *ret)
{
	uint64_t number = fs_view_number(dir->number, ops, id);
	struct fs_view *view = fs_view_get(fs, FS_NODE_VIEW_BIT | number);
	int err = SFS_ERR_NOT_FOUND;
	if (view && view->ops == ops)
		err = copy_unsaved(fs, view, ret);
	fs_view_unref(fs, view);
	return err;
}

bool fs_view_draft_size(struct fs *fs, const struct fs_view *view, pid_t pid, uint64_t *ret)
{
	struct shard *shard = shard_of(fs, view->node);
	pthread_mutex_lock(&shard->lock);
	const struct fs_handle *handle = view->writers;
	while (handle && pid && handle->pid != pid)
		handle = handle->sibling;
	if (handle)
		*ret = fs_draft_size(&handle->draft);
	pthread_mutex_unlock(&shard->lock);
	return handle != NULL;
}
