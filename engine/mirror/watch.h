/*
 * Being told what others do to the files of a mirror, by inotify: a thread that passes each path to
 * the kinds, some milliseconds after the last thing that was done to it, and again for as long as a
 * kind asks for it. What the kernel could not tell is found by a scan.
 */
#ifndef SFSI_WATCH_H
#define SFSI_WATCH_H

#include "mirror/mirror.h"

struct sfsi_watch;

/** Begin to collect. *ret is NULL where there is nothing to be watched. */
SFS_MUST_CHECK int sfsi_watch_start(struct sfsi_mirror *mirror, struct sfsi_watch **ret);
/** The first scan is done: pass on what comes, and what came. Accepts NULL. */
SFS_MUST_CHECK int sfsi_watch_run(struct sfsi_watch *watch);
/** Accepts NULL. */
void sfsi_watch_stop(struct sfsi_watch *watch);

#endif
