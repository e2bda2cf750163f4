/*
 * Names that the kernel was told are not there, and that begin a view once an object is made: the name
 * of an object without its extension. Who makes an object by its document's name does not tell the
 * kernel that this name is there too, so it must be told; but only if it ever asked.
 */
#ifndef FS_MISSING_H
#define FS_MISSING_H

#include "daemon.h"

int fs_missing_start(struct fs *fs);
void fs_missing_stop(struct fs *fs);

/**
 * May the kernel remember for ever that this name is not there? Then it is told when an object makes
 * it appear. Ask before looking whether it is there.
 */
bool fs_missing_keep(struct fs *fs, uint64_t dir, struct sfs_span name);

/** An object was made: does the kernel believe that there is no such name? Asked once for each keep. */
bool fs_missing_take(struct fs *fs, uint64_t dir, struct sfs_span name);

#endif
