/* Long work that others shall not notice. */
#ifndef SFSI_BASE_QUIET_H
#define SFSI_BASE_QUIET_H

/**
 * Run fn in a thread that lets others go first, on processors and disks, and wait for it. It must not hold a lock that
 * others wait for. Where there is no thread it runs in the caller's. Returns what fn returns.
 */
int sfsi_quietly(int (*fn)(void *arg), void *arg);

#endif
