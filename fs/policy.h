/*
 * What the kernel may remember, in one place. Correctness does not come from short times but from
 * notifications: names and attributes that can not change behind the kernel's back are for ever,
 * everything else is asked again each time.
 */
#ifndef FS_POLICY_H
#define FS_POLICY_H

#include <stdbool.h>

struct fs_policy {
	double forever; /* seconds: the kernel clamps it to "always" */
	double never;
	double brief;        /* what may be a little old: names of backups */
	double moment;       /* as long as the system call that asked: a new file's attributes */
	unsigned max_write;  /* bytes of one WRITE request */
	unsigned block_size; /* st_blksize, f_bsize */
	bool xattr;          /* false: ENOSYS, once and for all */
};

#define FS_POLICY_DEFAULT        \
	{ .forever = 1e9,        \
	  .never = 0.0,          \
	  .brief = 1.0,          \
	  .moment = 1e-6,        \
	  .max_write = 1u << 20, \
	  .block_size = 4096,    \
	  .xattr = true }

#endif
