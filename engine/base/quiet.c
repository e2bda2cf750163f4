/*
 * See quiet.h. Threads of their own: who may not raise priorities (any user but root) could not go back.
 */
#include "base/quiet.h"
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/cleanup.h"

/* Steps below what the process has. */
#define NICE 5
/* ioprio_set(2) has no header. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_BEST_EFFORT (2 << 13)
#define IOPRIO_LOWEST 7
/* A step that waited for so long got nothing of the processors, or the disk is slow: then it does no harm to go on otherwise… */
#define STARVED_NS 500000000
/* … for so many times as long as that step took. */
#define REST 4

/* So long it has a processor… */
#define BURST_NS 250000
/* … before it leaves it for a moment, to which most kernels add some 50 µs. */
#define PAUSE_NS 20000

/** The thread for steps. */
struct idler {
	pthread_t thread;
	bool started;
	int64_t rest_until_ns; /* no steps for it before */
	pthread_mutex_t lock;  /* protects all below */
	pthread_cond_t changed;
	int (*fn)(void *arg); /* NULL: nothing to do */
	void *arg;
	int ret;
	int64_t cpu_ns; /* of the last step */
	bool end;
};

struct work {
	int (*fn)(void *arg);
	void *arg;
	int ret;
};

/** Of the thread that sfsi_quietly() began. */
static _Thread_local struct idler *own_idler;
/** Is this one of the two threads? */
static _Thread_local bool is_quiet;
/** Time on a processor at the last pause. */
static _Thread_local int64_t paused_ns;

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/** This thread: on Linux all of that is of a thread. What is refused does no harm. */
static void step_back(int policy)
{
	const struct sched_param param = { .sched_priority = 0 };
	int nice = getpriority(PRIO_PROCESS, 0);
	is_quiet = true;
	(void)!sched_setscheduler(0, policy, &param);
	if (policy == SCHED_BATCH)
		(void)!setpriority(PRIO_PROCESS, 0, nice + NICE);
	(void)!syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_BEST_EFFORT | IOPRIO_LOWEST);
}

void sfsi_quiet_pause(void)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	if (!is_quiet)
		return;
	int64_t now_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (now_ns - paused_ns < BURST_NS)
		return;
	nanosleep(&pause, NULL);
	paused_ns = now_ns;
}

static void do_step_locked(struct idler *idler)
{
	int (*fn)(void *arg) = idler->fn;
	void *arg = idler->arg;
	pthread_mutex_unlock(&idler->lock);
	int64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int ret = fn(arg);
	int64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
	pthread_mutex_lock(&idler->lock);
	idler->ret = ret;
	idler->cpu_ns = cpu_ns;
	idler->fn = NULL;
	pthread_cond_signal(&idler->changed);
}

static void *idle(void *arg)
{
	struct idler *idler = arg;
	step_back(SCHED_IDLE);
	pthread_mutex_lock(&idler->lock);
	while (!idler->end) {
		if (idler->fn)
			do_step_locked(idler);
		else
			pthread_cond_wait(&idler->changed, &idler->lock);
	}
	pthread_mutex_unlock(&idler->lock);
	return NULL;
}

int sfsi_quiet_step(int (*fn)(void *arg), void *arg)
{
	struct idler *idler = own_idler;
	int64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	if (!idler || start_ns < idler->rest_until_ns)
		return fn(arg);
	SFSI_LOCK_SCOPE(&idler->lock);
	idler->fn = fn;
	idler->arg = arg;
	pthread_cond_signal(&idler->changed);
	while (idler->fn)
		pthread_cond_wait(&idler->changed, &idler->lock);
	int64_t end_ns = clock_ns(CLOCK_MONOTONIC);
	if (end_ns - start_ns - idler->cpu_ns > STARVED_NS)
		idler->rest_until_ns = end_ns + REST * (end_ns - start_ns);
	return idler->ret;
}

static void idler_start(struct idler *idler)
{
	*idler = (struct idler){ .rest_until_ns = 0 };
	pthread_mutex_init(&idler->lock, NULL);
	pthread_cond_init(&idler->changed, NULL);
	idler->started = pthread_create(&idler->thread, NULL, idle, idler) == 0;
	own_idler = idler->started ? idler : NULL;
}

static void idler_end(struct idler *idler)
{
	own_idler = NULL;
	pthread_mutex_lock(&idler->lock);
	idler->end = true;
	pthread_cond_signal(&idler->changed);
	pthread_mutex_unlock(&idler->lock);
	if (idler->started)
		pthread_join(idler->thread, NULL);
	pthread_cond_destroy(&idler->changed);
	pthread_mutex_destroy(&idler->lock);
}

static void *run(void *arg)
{
	struct work *work = arg;
	struct idler idler;
	step_back(SCHED_BATCH);
	idler_start(&idler);
	work->ret = work->fn(work->arg);
	idler_end(&idler);
	return NULL;
}

int sfsi_quietly(int (*fn)(void *arg), void *arg)
{
	struct work work = { .fn = fn, .arg = arg };
	pthread_t thread;
	if (pthread_create(&thread, NULL, run, &work) != 0)
		return fn(arg);
	pthread_join(thread, NULL);
	return work.ret;
}
