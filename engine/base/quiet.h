/*
 * Long work that others shall not notice.
 *
 * It runs in a thread that lets others go first, and what it does in small steps in one that only gets what nobody else
 * wants of the processors (SCHED_IDLE): all others, which may run for the length of their turn, still keep a save waiting for longer
 * than it takes. Where a step gets next to nothing, on a machine that is always busy, the first thread does the next ones.
 */
#ifndef SFSI_BASE_QUIET_H
#define SFSI_BASE_QUIET_H

/**
 * Run fn in a thread that lets others go first, on processors and disks, and wait for it. It must not hold a lock that
 * others wait for. Where there is no thread it runs in the caller's. Returns what fn returns.
 */
int sfsi_quietly(int (*fn)(void *arg), void *arg);

/**
 * A step of such work, of some milliseconds, that holds no lock either. Anywhere else it is just done.
 * Returns what fn returns.
 */
int sfsi_quiet_step(int (*fn)(void *arg), void *arg);

#endif
