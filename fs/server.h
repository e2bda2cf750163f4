/*
 * The command socket, the daemon's side: see protocol.h.
 */
#ifndef FS_SERVER_H
#define FS_SERVER_H

#include "daemon.h"

/**
 * Listen and serve in threads of its own. Does nothing without options->command or for a memory
 * store.
 */
int fs_server_start(struct fs *fs, struct sfs_diag *diag);

/** Take no more commands and wait for those that run. @cancel  tell them to end early. */
void fs_server_stop(struct fs *fs, bool cancel);

#endif
