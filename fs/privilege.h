/*
 * Set-id bits of files go with a write, a truncation or a new owner: when the kernel leaves that
 * to the daemon (FS_FEATURE_KILLPRIV), it says with which requests.
 */
#ifndef FS_PRIVILEGE_H
#define FS_PRIVILEGE_H

#include "attr.h"

/** Make the change of a file take its set-id bits too, as far as it has any. */
int fs_privilege_fold(struct fs *fs, uint64_t node, struct fs_handle *handle, pid_t pid,
		      struct sfs_setattr *set);

/** Take them before a write through a handle, or before a truncation (handle NULL). */
int fs_privilege_drop(struct fs *fs, uint64_t node, struct fs_handle *handle, pid_t pid);

#endif
