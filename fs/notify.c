/*
 * The notifier: see notify.h.
 *
 * The queue is bounded: when another door changes more than FS_NOTIFY_MAX names and nodes before
 * they could be told (an import), the class's directory is forgotten as a whole, which drops
 * all that is cached below it, and what is open in it is told one by one.
 */
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include "class_name.h"
#include "missing.h"
#include "name.h"
#include "notify.h"
#include "table.h"

#define NOTIFY_MAX 4096
#define PURGE_MAX 64

enum what { TELL_ENTRY, TELL_ATTR, TELL_DATA };

struct item {
	struct item *next;
	enum what what;
	uint64_t node; /* TELL_ENTRY: the directory */
	size_t name_len;
	char name[];
};

struct fs_notifier {
	struct fs *fs;
	pthread_t thread;
	pthread_mutex_t lock; /* protects all below */
	pthread_cond_t work, done;
	struct item *first, **last;
	size_t len;
	uint64_t last_attr;        /* node of the last TELL_ATTR in the queue */
	uint32_t purge[PURGE_MAX]; /* classes to forget; 0: all of them */
	size_t purge_len;
	_Atomic uint64_t queued, told; /* told <= queued; equal: idle; written with the lock held */
	bool stop;
	atomic_uint holds;        /* changes under way; no lock */
	_Atomic uint64_t by_hand; /* told by handlers; no lock */
};

static _Thread_local const struct fs_mark *current;
static _Thread_local uint64_t own_node; /* that the handler will tell of; 0: none */

void fs_mark_begin(const struct fs_mark *mark)
{
	current = mark;
}

void fs_mark_end(void)
{
	current = NULL;
}

void fs_mark_tell(struct fs *fs)
{
	if (!own_node)
		return;
	fuse_lowlevel_notify_inval_inode(fs->session, own_node, -1, 0);
	own_node = 0;
	atomic_fetch_add(&fs->notifier->by_hand, 1);
}

/* --- queueing --- */

static void purge_locked(struct fs_notifier *notifier, uint32_t class_id)
{
	for (size_t i = 0; i < notifier->purge_len; i++) {
		if (notifier->purge[i] == class_id || notifier->purge[i] == 0)
			return;
	}
	if (notifier->purge_len == PURGE_MAX) {
		notifier->purge_len = 0;
		class_id = 0;
	}
	notifier->purge[notifier->purge_len++] = class_id;
}

/** A directory that changes with each of many commits needs to be told once. */
static bool is_last_locked(struct fs_notifier *notifier, enum what what, uint64_t node)
{
	bool same = what == TELL_ATTR && notifier->len && notifier->last_attr == node;
	if (what == TELL_ATTR)
		notifier->last_attr = node;
	return same;
}

static void push(struct fs *fs, enum what what, uint64_t node, struct sfs_span name)
{
	struct fs_notifier *notifier = fs->notifier;
	if (!notifier)
		return;
	struct item *item = malloc(sizeof *item + name.len + 1);
	if (item) {
		*item = (struct item){ .what = what, .node = node, .name_len = name.len };
		if (name.len)
			memcpy(item->name, name.data, name.len);
		item->name[name.len] = '\0';
	}
	pthread_mutex_lock(&notifier->lock);
	if (is_last_locked(notifier, what, node)) {
		pthread_mutex_unlock(&notifier->lock);
		free(item);
		return;
	}
	if (item && notifier->len < NOTIFY_MAX) {
		*notifier->last = item;
		notifier->last = &item->next;
		notifier->len++;
		item = NULL;
	} else {
		purge_locked(notifier, sfs_ino_class(fs_node_ino(node)));
	}
	notifier->queued++;
	pthread_cond_signal(&notifier->work);
	pthread_mutex_unlock(&notifier->lock);
	free(item);
}

void fs_notify_entry(struct fs *fs, uint64_t dir, struct sfs_span name)
{
	push(fs, TELL_ENTRY, dir, name);
}

void fs_notify_attr(struct fs *fs, uint64_t node)
{
	push(fs, TELL_ATTR, node, (struct sfs_span){ NULL, 0 });
}

void fs_notify_data(struct fs *fs, uint64_t node)
{
	push(fs, TELL_DATA, node, (struct sfs_span){ NULL, 0 });
}

/* --- listening to commits --- */

/** The name under which the fields of an object that was made now begin. */
static void stem_appears(struct fs *fs, const struct sfs_change *change)
{
	char name[SFS_NAME_MAX + 1];
	size_t len = fs_name_make_stem(change->name, name);
	struct sfs_span stem = { name, len };
	if (fs_missing_take(fs, change->dir, stem))
		fs_notify_entry(fs, change->dir, stem);
}

static bool knows_node(uint64_t node)
{
	return current && (node == current->nodes[0] || node == current->nodes[1] ||
			   node == current->names[0].dir || node == current->names[1].dir);
}

static bool knows_name(uint64_t dir, struct sfs_span name)
{
	for (unsigned i = 0; current && i < 2; i++) {
		if (current->names[i].dir == dir && sfs_span_equal(current->names[i].name, name))
			return true;
	}
	return false;
}

static void name_changed(struct fs *fs, const struct sfs_change *change)
{
	char primary[SFS_NAME_MAX + 1];
	struct sfs_span name = change->name;
	if (change->object && change->type == SFS_CHANGE_ADDED)
		stem_appears(fs, change);
	if (change->object) {
		size_t len = fs_name_make(name, fs->options->format, primary);
		name = (struct sfs_span){ primary, len };
	}
	bool known = change->type == SFS_CHANGE_ADDED && current && current->name_known;
	if (!known && !knows_name(change->dir, name))
		fs_notify_entry(fs, change->dir, name);
	if (!known && !knows_node(change->dir))
		fs_notify_attr(fs, change->dir);
}

/** A document that is being read gets a new version: who opens it from now on looks it up first. */
static void document_changed(struct fs *fs, const struct sfs_change *change, uint64_t node)
{
	char name[SFS_NAME_MAX + 1];
	if (change->type != SFS_CHANGE_NODE || !fs_open_is_cached(fs, node))
		return;
	size_t len = fs_name_make(change->name, fs->options->format, name);
	if (len && !knows_name(change->dir, (struct sfs_span){ name, len }))
		fs_notify_entry(fs, change->dir, (struct sfs_span){ name, len });
}

static void node_changed(struct fs *fs, const struct sfs_change *change)
{
	uint64_t node = change->object ? fs_primary_node(fs, change->ino) : change->ino;
	if (change->object)
		document_changed(fs, change, node);
	if (knows_node(node))
		return;
	/* A reader of a document keeps its version; only raws are one content for all. */
	if (current && current->tells && !own_node)
		own_node = node;
	else if (change->object || current)
		fs_notify_attr(fs, node);
	else
		fs_notify_data(fs, node);
}

static void begins(void *arg, uint64_t ino)
{
	atomic_fetch_add(&fs_changes_of(arg, ino)->under_way, 1);
}

static void ends(void *arg, uint64_t ino)
{
	atomic_fetch_sub(&fs_changes_of(arg, ino)->under_way, 1);
}

/** Called with the engine's commit lock held: only queues. */
static void changed(void *arg, const struct sfs_change *change)
{
	struct fs *fs = arg;
	fs_sequence_move(fs, change->ino);
	if (change->dir)
		fs_sequence_move(fs, change->dir);
	atomic_store(&fs->heard, change->revision);
	switch (change->type) {
	case SFS_CHANGE_NODE: node_changed(fs, change); break;
	case SFS_CHANGE_ADDED:
	case SFS_CHANGE_REMOVED:
		name_changed(fs, change);
		/* The number of links of a raw; of an object only who has it open can ask. */
		if (!current && (!change->object || atomic_load(&fs->table->open_count)))
			node_changed(fs, change);
		break;
	case SFS_CHANGE_CLASS:
		name_changed(fs, change);
		if (!knows_node(change->ino))
			fs_notify_attr(fs, change->ino);
		break;
	}
}

/* --- telling --- */

static void tell(struct fs *fs, const struct item *item)
{
	switch (item->what) {
	case TELL_ENTRY:
		fuse_lowlevel_notify_inval_entry(fs->session, item->node, item->name,
						 item->name_len);
		break;
	case TELL_ATTR: fuse_lowlevel_notify_inval_inode(fs->session, item->node, -1, 0); break;
	case TELL_DATA: fuse_lowlevel_notify_inval_inode(fs->session, item->node, 0, 0); break;
	}
}

/** Ids of what is open in a class, for inval_inode. Returns how many. */
static size_t open_nodes(struct fs *fs, uint32_t class_id, uint64_t *ret, size_t max)
{
	size_t len = 0;
	pthread_mutex_lock(&fs->table->lock);
	for (const struct fs_handle *handle = fs->table->handles; handle; handle = handle->next) {
		if (sfs_ino_class(fs_node_ino(handle->node)) == class_id && len < max)
			ret[len++] = handle->node;
	}
	pthread_mutex_unlock(&fs->table->lock);
	return len;
}

static void forget_class(struct fs *fs, const struct sfs_class_info *info)
{
	static const size_t max = 4096;
	uint64_t *nodes = calloc(max, sizeof *nodes);
	size_t len = nodes ? open_nodes(fs, info->id, nodes, max) : 0;
	char name[SFS_NAME_MAX + 1];
	size_t name_len = fs_class_name(info->name, name);
	fuse_lowlevel_notify_inval_entry(fs->session, FUSE_ROOT_ID, name, name_len);
	fuse_lowlevel_notify_inval_inode(fs->session, info->attr.ino, -1, 0);
	for (size_t i = 0; i < len; i++)
		fuse_lowlevel_notify_inval_inode(fs->session, nodes[i], 0, 0);
	free(nodes);
}

static void forget(struct fs *fs, uint32_t class_id)
{
	struct sfs_class_info info;
	if (class_id && sfs_class_get(fs->store, class_id, &info) == 0)
		forget_class(fs, &info);
	for (uint32_t id = 0; !class_id && sfs_class_next(fs->store, id, &info) == 0; id = info.id)
		forget_class(fs, &info);
}

/** Do one round; the lock is held at start and end. */
static void round_locked(struct fs_notifier *notifier)
{
	struct item *item = notifier->first;
	uint32_t purge[PURGE_MAX];
	size_t purge_len = notifier->purge_len;
	memcpy(purge, notifier->purge, sizeof purge);
	uint64_t upto = notifier->queued;
	notifier->first = NULL;
	notifier->last = &notifier->first;
	notifier->len = notifier->purge_len = 0;
	notifier->last_attr = 0;
	pthread_mutex_unlock(&notifier->lock);
	while (item) {
		struct item *next = item->next;
		tell(notifier->fs, item);
		free(item);
		item = next;
	}
	for (size_t i = 0; i < purge_len; i++)
		forget(notifier->fs, purge[i]);
	pthread_mutex_lock(&notifier->lock);
	notifier->told = upto;
	pthread_cond_broadcast(&notifier->done);
}

static void *run(void *arg)
{
	struct fs_notifier *notifier = arg;
	pthread_mutex_lock(&notifier->lock);
	while (!notifier->stop) {
		if (notifier->told == notifier->queued)
			pthread_cond_wait(&notifier->work, &notifier->lock);
		else
			round_locked(notifier);
	}
	notifier->told = notifier->queued;
	pthread_cond_broadcast(&notifier->done);
	pthread_mutex_unlock(&notifier->lock);
	return NULL;
}

void fs_notify_drain(struct fs *fs)
{
	struct fs_notifier *notifier = fs->notifier;
	if (!notifier)
		return;
	pthread_mutex_lock(&notifier->lock);
	uint64_t upto = notifier->queued;
	while (notifier->told < upto && !notifier->stop)
		pthread_cond_wait(&notifier->done, &notifier->lock);
	pthread_mutex_unlock(&notifier->lock);
}

uint64_t fs_notify_count(const struct fs *fs)
{
	const struct fs_notifier *notifier = fs->notifier;
	return notifier ? atomic_load(&notifier->told) + atomic_load(&notifier->by_hand) : 0;
}

void fs_notify_hold(struct fs *fs)
{
	if (fs->notifier)
		atomic_fetch_add(&fs->notifier->holds, 1);
}

void fs_notify_release(struct fs *fs)
{
	if (fs->notifier)
		atomic_fetch_sub(&fs->notifier->holds, 1);
}

bool fs_notify_is_settled(const struct fs *fs)
{
	struct fs_notifier *notifier = fs->notifier;
	/* In this order: what is under way may be queued between the two looks. */
	return !notifier || (atomic_load(&notifier->holds) == 0 &&
			     atomic_load(&notifier->queued) == atomic_load(&notifier->told));
}

int fs_notify_start(struct fs *fs)
{
	struct sfs_store_stat stat;
	int err = sfs_store_stat(fs->store, &stat);
	struct fs_notifier *notifier = err ? NULL : calloc(1, sizeof *notifier);
	if (!notifier)
		return err ? err : SFS_ERR_NO_MEMORY;
	notifier->fs = fs;
	notifier->last = &notifier->first;
	pthread_mutex_init(&notifier->lock, NULL);
	pthread_cond_init(&notifier->work, NULL);
	pthread_cond_init(&notifier->done, NULL);
	if (pthread_create(&notifier->thread, NULL, run, notifier) != 0) {
		free(notifier);
		return SFS_ERR_NO_MEMORY;
	}
	fs->notifier = notifier;
	atomic_store(&fs->heard, stat.commit);
	const struct sfs_listener listener = { changed, begins, ends, fs };
	sfs_store_listen(fs->store, &listener);
	return 0;
}

void fs_notify_stop(struct fs *fs)
{
	struct fs_notifier *notifier = fs->notifier;
	if (!notifier)
		return;
	pthread_mutex_lock(&notifier->lock);
	notifier->stop = true;
	pthread_cond_signal(&notifier->work);
	pthread_mutex_unlock(&notifier->lock);
	pthread_join(notifier->thread, NULL);
}

void fs_notify_free(struct fs *fs)
{
	struct fs_notifier *notifier = fs->notifier;
	if (!notifier)
		return;
	sfs_store_listen(fs->store, NULL);
	fs->notifier = NULL;
	while (notifier->first) {
		struct item *item = notifier->first;
		notifier->first = item->next;
		free(item);
	}
	pthread_mutex_destroy(&notifier->lock);
	pthread_cond_destroy(&notifier->work);
	pthread_cond_destroy(&notifier->done);
	free(notifier);
}
