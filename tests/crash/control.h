/*
 * What the shim is to spoil: shared memory between the daemon (shim.c) and who commands it
 * (arm.c), so that one daemon serves for many faults.
 */
#ifndef CRASH_CONTROL_H
#define CRASH_CONTROL_H

#include <stdatomic.h>

/** Kinds of calls on the store's files. */
enum fault_kind {
	FAULT_WRITE = 1 << 0,    /* write, pwrite, writev */
	FAULT_SYNC = 1 << 1,     /* fsync, fdatasync, syncfs */
	FAULT_RENAME = 1 << 2,   /* rename, link */
	FAULT_CREATE = 1 << 3,   /* open with O_CREAT */
	FAULT_TRUNCATE = 1 << 4, /* ftruncate, fallocate */
	FAULT_MKDIR = 1 << 5,
	FAULT_UNLINK = 1 << 6, /* unlink, rmdir */
	FAULT_OPEN = 1 << 7,   /* every open */
};

struct control {
	atomic_int kinds; /* armed for these; 0: not armed */
	atomic_int seen;  /* calls of these kinds since it was armed */
	atomic_int first; /* the call that fails first, from 1 */
	atomic_int count; /* how many fail; -1: all from then on */
	atomic_int error; /* errno; 0: writes are short instead */
	atomic_int fired; /* how many failed */
	char call[64];    /* the first that did */
};

#endif
