/*
 * Long work that others shall not notice.
 *
 * It runs in a thread that lets others go first, and what it does in small steps in one that only gets what nobody else
 * wants of the processors (SCHED_IDLE): all others, which may run for the length of their turn, still keep a save waiting for longer
 * than it takes. Where a step gets next to nothing, on a machine that is always busy, the first thread does the next ones.
 *
 * Both sleep for a moment after each quarter of a millisecond of work: classes and priorities only count among the processes of a
 * session where the kernel gives each session its share (autogroup), and whoever wakes up elsewhere waits for the end of a turn.
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

/**
 * Within such work, where it holds no lock that others wait for: sleeps if it was at work for long. To be called after each part
 * of some ten µs. Anywhere else it does nothing.
 */
void sfsi_quiet_pause(void);

#endif
