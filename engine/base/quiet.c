/*
 * See quiet.h. A thread of its own: who may not raise priorities (any user but root) could not go back.
 *
 * Not SCHED_IDLE, nor the idle class of disks: on a machine that is always busy the work would never end.
 */
#include "base/quiet.h"
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Steps below what the process has. */
#define NICE 5
/* ioprio_set(2) has no header. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_BEST_EFFORT (2 << 13)
#define IOPRIO_LOWEST 7

struct work {
	int (*fn)(void *arg);
	void *arg;
	int ret;
};

/** Of this thread: on Linux all three are. What is refused does no harm. */
static void step_back(void)
{
	const struct sched_param param = { .sched_priority = 0 };
	int nice = getpriority(PRIO_PROCESS, 0);
	(void)!sched_setscheduler(0, SCHED_BATCH, &param);
	(void)!setpriority(PRIO_PROCESS, 0, nice + NICE);
	(void)!syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_BEST_EFFORT | IOPRIO_LOWEST);
}

static void *run(void *arg)
{
	struct work *work = arg;
	step_back();
	work->ret = work->fn(work->arg);
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
