/*
 * What the benches of the library share: failing loudly, clocks, medians, scattered numbers. Times are in
 * microseconds.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <storefs/err.h>

/** End the program when err is an error. @diag  more about it, or NULL. */
static inline void check(int err, const char *what, const struct sfs_diag *diag)
{
	if (err >= 0)
		return;
	fprintf(stderr, "%s: %s: %s%s%s\n", program_invocation_short_name, what, sfs_err_text(err),
		diag && diag->text[0] ? ": " : "", diag ? diag->text : "");
	exit(1);
}

/** @clock  CLOCK_MONOTONIC, or CLOCK_PROCESS_CPUTIME_ID: all threads, background work included. */
static inline double now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline int measure_order(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

/** Sorts the values. @count  at least 1. */
static inline double median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, measure_order);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/** A bijection: numbers in a row become numbers all over the place, each another one. */
static inline uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * 0x7fb5d329728ea185u;
	x = (x ^ x >> 27) * 0x81dadef4bc2dd44du;
	return x ^ x >> 33;
}

/** The next number of a generator, below a limit. */
static inline unsigned long pick(uint64_t *state, unsigned long below)
{
	*state = mix(*state + 0x9e3779b97f4a7c15u);
	return (unsigned long)(*state % below);
}

#endif
