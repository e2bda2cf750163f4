/*
 * The transport: see loop.h. Threads read /dev/fuse themselves, nothing is handed over and nothing
 * is created for a request: with as many threads as processors a request is mostly handled where it
 * was issued, which costs less than anything else that could be saved here.
 *
 * Most of what can take long (a commit) is over in some 20 µs, less than it costs to wake another
 * thread. So it is a watcher that looks, while there is such work, whether all threads have been
 * stuck in it for a moment.
 */
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "log.h"
#include "loop.h"

#define THREADS_MAX 32
#define WAKE_SIGNAL SIGUSR2
/*
 * So often the watcher looks, and after so many looks at nothing it sleeps until there is work. When it was
 * not needed for so many looks it takes its time: each costs 15 µs, with the timer and two switches.
 */
#define LOOK_NS 1000000
#define LOOKS_IDLE 50
#define LOOKS_CALM 20
#define LOOK_CALM_NS 4000000

struct fs_loop {
	struct fuse_session *session;
	unsigned slots;
	int ended_fd;
	atomic_uint reading; /* threads that wait for a request */
	atomic_uint active;  /* threads that hold a slot; written with the lock held */
	atomic_uint blocks;  /* how often a handler began to block */
	atomic_bool watched; /* the watcher looks by itself */
	atomic_bool stop;
	pthread_mutex_t lock; /* protects all below */
	pthread_cond_t wake, left, watch;
	unsigned freed;         /* how often a handler ended to block */
	unsigned parked, wakes; /* threads without a slot; how many of them shall go on */
	unsigned live, started;
	pthread_t threads[THREADS_MAX];
	pthread_t watcher;
	bool watching; /* the watcher was started */
};

static _Thread_local struct fs_loop *worker_of;

static void *work(void *arg);

struct fs_loop *fs_loop_new(struct fuse_session *session, unsigned slots)
{
	struct fs_loop *loop = calloc(1, sizeof *loop);
	if (!loop)
		return NULL;
	loop->session = session;
	loop->slots = slots < 1 ? 1 : slots > THREADS_MAX / 2 ? THREADS_MAX / 2 : slots;
	loop->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->ended_fd < 0) {
		free(loop);
		return NULL;
	}
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->wake, NULL);
	pthread_cond_init(&loop->left, NULL);
	pthread_cond_init(&loop->watch, NULL);
	return loop;
}

void fs_loop_free(struct fs_loop *loop)
{
	if (!loop)
		return;
	close(loop->ended_fd);
	pthread_mutex_destroy(&loop->lock);
	pthread_cond_destroy(&loop->wake);
	pthread_cond_destroy(&loop->left);
	pthread_cond_destroy(&loop->watch);
	free(loop);
}

int fs_loop_ended_fd(const struct fs_loop *loop)
{
	return loop->ended_fd;
}

static void session_ended(struct fs_loop *loop)
{
	uint64_t one = 1;
	if (write(loop->ended_fd, &one, sizeof one) < 0)
		fs_log(LOG_ERR, "eventfd: errno %d", errno);
}

/* --- slots --- */

static int start_locked(struct fs_loop *loop)
{
	if (loop->started == THREADS_MAX)
		return -1;
	if (pthread_create(&loop->threads[loop->started], NULL, work, loop) != 0)
		return -1;
	loop->started++;
	loop->live++;
	atomic_fetch_add(&loop->active, 1);
	return 0;
}

/** Let one more thread run, if there is one. */
static void hand_over_locked(struct fs_loop *loop)
{
	if (loop->parked > loop->wakes) {
		loop->wakes++;
		atomic_fetch_add(&loop->active, 1);
		pthread_cond_signal(&loop->wake);
	} else {
		start_locked(loop);
	}
}

/** Is there room for another thread, and nobody who waits for requests? */
static bool is_stuck_locked(struct fs_loop *loop)
{
	return atomic_load(&loop->active) < loop->slots && atomic_load(&loop->reading) == 0 &&
	       !atomic_load(&loop->stop);
}

void fs_loop_block_begin(struct fs_loop *loop)
{
	if (!loop || worker_of != loop)
		return;
	atomic_fetch_sub(&loop->active, 1);
	atomic_fetch_add(&loop->blocks, 1);
	if (atomic_load(&loop->watched))
		return;
	pthread_mutex_lock(&loop->lock);
	pthread_cond_signal(&loop->watch);
	pthread_mutex_unlock(&loop->lock);
}

void fs_loop_wait_begin(struct fs_loop *loop)
{
	if (!loop || worker_of != loop)
		return;
	pthread_mutex_lock(&loop->lock);
	atomic_fetch_sub(&loop->active, 1);
	if (is_stuck_locked(loop))
		hand_over_locked(loop);
	pthread_mutex_unlock(&loop->lock);
}

void fs_loop_block_end(struct fs_loop *loop)
{
	if (!loop || worker_of != loop)
		return;
	/* There may be one thread too many now; it parks when it has replied. */
	pthread_mutex_lock(&loop->lock);
	atomic_fetch_add(&loop->active, 1);
	loop->freed++;
	pthread_mutex_unlock(&loop->lock);
}

/** Look again and again, as long as handlers begin to block or are stuck. Drops the lock. */
static void watch_locked(struct fs_loop *loop)
{
	bool stuck = false;
	unsigned calm = 0;
	for (unsigned idle = 0; idle < LOOKS_IDLE && !atomic_load(&loop->stop); idle++) {
		unsigned blocks = atomic_load(&loop->blocks), freed = loop->freed;
		struct timespec pause = { .tv_nsec = calm < LOOKS_CALM ? LOOK_NS : LOOK_CALM_NS };
		pthread_mutex_unlock(&loop->lock);
		nanosleep(&pause, NULL);
		pthread_mutex_lock(&loop->lock);
		/* Nobody got free since the last look, at which all were blocked too. */
		if (stuck && freed == loop->freed && is_stuck_locked(loop))
			hand_over_locked(loop);
		stuck = is_stuck_locked(loop);
		calm = stuck ? 0 : calm + 1;
		if (stuck || blocks != atomic_load(&loop->blocks))
			idle = 0;
	}
}

static void *watcher(void *arg)
{
	struct fs_loop *loop = arg;
	pthread_mutex_lock(&loop->lock);
	while (!atomic_load(&loop->stop)) {
		unsigned blocks = atomic_load(&loop->blocks);
		atomic_store(&loop->watched, false);
		/* Who began to block before that did not wake us: look once more. */
		if (blocks == atomic_load(&loop->blocks) && !is_stuck_locked(loop))
			pthread_cond_wait(&loop->watch, &loop->lock);
		atomic_store(&loop->watched, true);
		watch_locked(loop);
	}
	pthread_mutex_unlock(&loop->lock);
	return NULL;
}

/** Wait for a slot when there are more threads than slots. */
static void park(struct fs_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	if (atomic_load(&loop->active) > loop->slots) {
		atomic_fetch_sub(&loop->active, 1);
		loop->parked++;
		while (!loop->wakes && !atomic_load(&loop->stop))
			pthread_cond_wait(&loop->wake, &loop->lock);
		loop->parked--;
		if (loop->wakes)
			loop->wakes--;
		else
			atomic_fetch_add(&loop->active, 1); /* stopping: as if it had a slot */
	}
	pthread_mutex_unlock(&loop->lock);
}

/* --- threads --- */

/**
 * O_TMPFILE: a request with the arguments and the reply of a CREATE, for the name "/", which no other has
 * (op_open.c). libfuse knows it from 3.17 on only.
 */
static void unnamed_as_create(const struct fuse_buf *buf, size_t len)
{
	struct fuse_in_header *in = buf->mem;
	if (len >= sizeof *in && !(buf->flags & FUSE_BUF_IS_FD) && in->opcode == FUSE_TMPFILE)
		in->opcode = FUSE_CREATE;
}

/** Take one request and run it. Returns false at the end of the session. */
static bool serve(struct fs_loop *loop, struct fuse_buf *buf)
{
	atomic_fetch_add(&loop->reading, 1);
	int len = fuse_session_receive_buf(loop->session, buf);
	atomic_fetch_sub(&loop->reading, 1);
	if (len == -EINTR || len == -EAGAIN)
		return true;
	if (len <= 0)
		return false;
	unnamed_as_create(buf, (size_t)len);
	fuse_session_process_buf(loop->session, buf);
	return true;
}

static void *work(void *arg)
{
	struct fs_loop *loop = arg;
	struct fuse_buf buf = { .mem = NULL };
	sigset_t wake;
	sigemptyset(&wake);
	sigaddset(&wake, WAKE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
	worker_of = loop;
	while (!atomic_load(&loop->stop)) {
		if (atomic_load(&loop->active) > loop->slots)
			park(loop);
		else if (!serve(loop, &buf)) {
			session_ended(loop);
			break;
		}
	}
	free(buf.mem);
	pthread_mutex_lock(&loop->lock);
	atomic_fetch_sub(&loop->active, 1);
	loop->live--;
	pthread_cond_broadcast(&loop->left);
	pthread_mutex_unlock(&loop->lock);
	return NULL;
}

int fs_loop_once(struct fs_loop *loop)
{
	struct fuse_buf buf = { .mem = NULL };
	bool more = serve(loop, &buf);
	free(buf.mem);
	return more ? 0 : -1;
}

static void woken(int number)
{
	(void)number; /* its only purpose: read(2) returns EINTR */
}

int fs_loop_start(struct fs_loop *loop)
{
	struct sigaction action = { .sa_handler = woken };
	sigemptyset(&action.sa_mask);
	sigaction(WAKE_SIGNAL, &action, NULL);
	int err = 0;
	pthread_mutex_lock(&loop->lock);
	while (loop->started < loop->slots && !err)
		err = start_locked(loop);
	bool some = loop->started > 0;
	loop->watching = some && pthread_create(&loop->watcher, NULL, watcher, loop) == 0;
	pthread_mutex_unlock(&loop->lock);
	return loop->watching ? 0 : -1;
}

void fs_loop_stop(struct fs_loop *loop)
{
	atomic_store(&loop->stop, true);
	pthread_mutex_lock(&loop->lock);
	pthread_cond_broadcast(&loop->wake);
	pthread_cond_signal(&loop->watch);
	while (loop->live) {
		/* A signal just before read(2) is lost, so again and again until all have left. */
		for (unsigned i = 0; i < loop->started; i++)
			pthread_kill(loop->threads[i], WAKE_SIGNAL);
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 5000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&loop->left, &loop->lock, &until);
	}
	unsigned started = loop->started;
	pthread_mutex_unlock(&loop->lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(loop->threads[i], NULL);
	if (loop->watching)
		pthread_join(loop->watcher, NULL);
	loop->watching = false;
	loop->started = 0;
}

void fs_loop_stats(struct fs_loop *loop, struct fs_loop_stat *ret)
{
	pthread_mutex_lock(&loop->lock);
	ret->slots = loop->slots;
	ret->threads = loop->live;
	pthread_mutex_unlock(&loop->lock);
}
