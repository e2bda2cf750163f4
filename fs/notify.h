/*
 * The notifier: tells the kernel what changed behind its back. One thread and a queue, because a
 * notification can wait for a lock that a request in progress holds; handlers and commits only
 * queue. But to wake that thread costs more than most handlers do, so a rename tells of attributes
 * itself: that takes no lock of the kernel which a request holds.
 */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

#include "daemon.h"

int fs_notify_start(struct fs *fs);
/** Ends the thread; what is queued is dropped. Call it while requests are still being served. */
void fs_notify_stop(struct fs *fs);
/** Frees it, when nothing uses the store any more. */
void fs_notify_free(struct fs *fs);

/** Forget a name (also that there is none). */
void fs_notify_entry(struct fs *fs, uint64_t dir, struct sfs_span name);
/** Forget attributes of a node. */
void fs_notify_attr(struct fs *fs, uint64_t node);
/** Forget attributes and content of a node. */
void fs_notify_data(struct fs *fs, uint64_t node);

/** Wait until everything queued so far was told. Never from a handler. */
void fs_notify_drain(struct fs *fs);

/*
 * From before the commit of a handler that tells the kernel itself (fs_mark_tell()) until it has. Before that,
 * as while something is queued, what the kernel believes of a document's size can be older than the
 * document, so that whoever opens one must read around the page cache, or would read it cut off.
 */
void fs_notify_hold(struct fs *fs);
void fs_notify_release(struct fs *fs);
/**
 * Is nothing held and nothing queued? Ask it after the document was read, and when no commit of it
 * is under way.
 */
bool fs_notify_is_settled(const struct fs *fs);

/** How many notifications were sent so far. */
uint64_t fs_notify_count(const struct fs *fs);

/**
 * What the kernel knows by itself of the change that a handler is about to make: a handler that
 * changes the store sets a mark for its thread, so that the listener only queues the rest. Changes
 * without a mark come by another door.
 */
struct fs_mark {
	uint64_t nodes[2]; /* whose attributes the kernel asks for again; 0: none */
	struct {
		uint64_t dir; /* its attributes too; 0: none */
		struct sfs_span name;
	} names[2];
	bool name_known; /* the kernel has the name of the object that is added */
	bool tells;      /* the handler calls fs_mark_tell() after fs_mark_end() */
};

void fs_mark_begin(const struct fs_mark *mark);
void fs_mark_end(void);
/** Tell of the one node whose attributes changed, or do nothing. Where the handler may block. */
void fs_mark_tell(struct fs *fs);

#endif
