/*
 * The transport: threads that take requests from the kernel and run them. At most so many run or
 * wait for a request at a time as there are slots; a handler that blocks gives its slot away
 * meanwhile. Another transport can replace this one behind these functions.
 */
#ifndef FS_LOOP_H
#define FS_LOOP_H

struct fs_loop;
struct fuse_session;

/** Make the loop; no thread runs yet. @slots  at least 1. NULL: no memory. */
struct fs_loop *fs_loop_new(struct fuse_session *session, unsigned slots);

/**
 * Handle one request in the calling thread: the first one, INIT. Returns 0 or -1 (session ended).
 */
int fs_loop_once(struct fs_loop *loop);

/** Start the threads. Returns 0 or -1. */
int fs_loop_start(struct fs_loop *loop);

/** Readable when the session ended by itself (unmounted). */
int fs_loop_ended_fd(const struct fs_loop *loop);

/** End all threads after what they are doing. */
void fs_loop_stop(struct fs_loop *loop);

/** Accepts NULL. */
void fs_loop_free(struct fs_loop *loop);

/**
 * The calling handler will do something that can take long (a commit, a big scan): if it does, and
 * nobody else waits for requests, another thread soon starts to. Must be followed by
 * fs_loop_block_end() in the same handler. Does nothing in other threads, and with NULL.
 */
void fs_loop_block_begin(struct fs_loop *loop);
/** The same for what surely takes long (a sync): another thread starts at once. */
void fs_loop_wait_begin(struct fs_loop *loop);
void fs_loop_block_end(struct fs_loop *loop);

/** What status shows. */
struct fs_loop_stat {
	unsigned slots, threads;
};
void fs_loop_stats(struct fs_loop *loop, struct fs_loop_stat *ret);

#endif
