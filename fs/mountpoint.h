/*
 * May this store be mounted here? Clear answers before anything is opened or forked.
 */
#ifndef FS_MOUNTPOINT_H
#define FS_MOUNTPOINT_H

#include "fs.h"

/** Returns 0, or a negative enum sfs_err; diag says what is wrong and what to do. */
int fs_mountpoint_check(const struct fs_options *options, struct sfs_diag *diag);

#endif
