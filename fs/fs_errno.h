/* The one mapping from the engine's error codes to errno. */
#ifndef FS_FS_ERRNO_H
#define FS_FS_ERRNO_H

/** Positive errno of an engine error; 0 for 0. A limit is one of size: EFBIG. */
int fs_errno(int err);

/** The same where what can be too long is a name: ENAMETOOLONG. */
int fs_errno_name(int err);

#endif
