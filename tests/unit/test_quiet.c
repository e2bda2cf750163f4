/*
 * Quiet work: on which of its threads a step is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <time.h>
#include "base/quiet.h"

struct seen {
	pthread_t thread;
	int policy;
	int slow_ms;
};

static int step(void *arg)
{
	struct seen *seen = arg;
	seen->thread = pthread_self();
	seen->policy = sched_getscheduler(0);
	if (seen->slow_ms)
		poll(NULL, 0, seen->slow_ms);
	return 7;
}

static void elsewhere_a_step_is_just_done(void **state)
{
	(void)state;
	struct seen seen = { .slow_ms = 0 };
	assert_int_equal(sfsi_quiet_step(step, &seen), 7);
	assert_true(pthread_equal(seen.thread, pthread_self()));
}

struct steps {
	struct seen self, quick, slow, after;
};

static int work(void *arg)
{
	struct steps *steps = arg;
	step(&steps->self);
	assert_int_equal(sfsi_quiet_step(step, &steps->quick), 7);
	assert_int_equal(sfsi_quiet_step(step, &steps->slow), 7);
	assert_int_equal(sfsi_quiet_step(step, &steps->after), 7);
	return 3;
}

static void steps_get_what_nobody_else_wants(void **state)
{
	(void)state;
	struct steps steps = { .slow.slow_ms = 0 };
	int before = sched_getscheduler(0);
	assert_int_equal(sfsi_quietly(work, &steps), 3);
	assert_int_equal(steps.self.policy, SCHED_BATCH);
	assert_int_equal(steps.quick.policy, SCHED_IDLE);
	assert_true(pthread_equal(steps.after.thread, steps.quick.thread));
	assert_int_equal(sched_getscheduler(0), before);
	struct seen seen = { .slow_ms = 0 };
	assert_int_equal(sfsi_quiet_step(step, &seen), 7);
	assert_true(pthread_equal(seen.thread, pthread_self()));
}

/* As on a machine where nothing is left. */
static void after_a_step_that_got_nothing_others_are_done_otherwise(void **state)
{
	(void)state;
	struct steps steps = { .slow.slow_ms = 600 };
	assert_int_equal(sfsi_quietly(work, &steps), 3);
	assert_int_equal(steps.slow.policy, SCHED_IDLE);
	assert_int_equal(steps.after.policy, SCHED_BATCH);
	assert_true(pthread_equal(steps.after.thread, steps.self.thread));
}

/* Works for 5 ms; counts what the kernel calls switches of its own will. */
static int work_with_pauses(void *arg)
{
	struct rusage before, after;
	struct timespec start, now;
	getrusage(RUSAGE_THREAD, &before);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	do {
		sfsi_quiet_pause();
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < 5000000);
	getrusage(RUSAGE_THREAD, &after);
	*(long *)arg = after.ru_nvcsw - before.ru_nvcsw;
	return 0;
}

static int step_with_pauses(void *arg)
{
	return sfsi_quiet_step(work_with_pauses, arg);
}

static void quiet_work_pauses(void **state)
{
	(void)state;
	long pauses = 0;
	assert_int_equal(sfsi_quietly(work_with_pauses, &pauses), 0);
	assert_in_range(pauses, 10, 25);
	assert_int_equal(sfsi_quietly(step_with_pauses, &pauses), 0);
	assert_in_range(pauses, 10, 25);
	assert_int_equal(work_with_pauses(&pauses), 0);
	assert_int_equal(pauses, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elsewhere_a_step_is_just_done),
		cmocka_unit_test(steps_get_what_nobody_else_wants),
		cmocka_unit_test(quiet_work_pauses),
		cmocka_unit_test(after_a_step_that_got_nothing_others_are_done_otherwise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
