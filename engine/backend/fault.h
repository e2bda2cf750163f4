/*
 * A backend around another that fails when it is told to; for tests.
 */
#ifndef SFSI_BACKEND_FAULT_H
#define SFSI_BACKEND_FAULT_H

#include "backend/backend.h"

enum sfsi_fault_call {
	SFSI_FAULT_GET,
	SFSI_FAULT_SCAN,
	SFSI_FAULT_WRITE,
	SFSI_FAULT_SYNC,
	SFSI_FAULT_MARK,
	SFSI_FAULT_CALLS, /* how many there are */
};

/** What is to fail. */
struct sfsi_fault {
	enum sfsi_fault_call call;
	uint64_t nth;   /* the first one that fails, 1 = the next; 0 = none */
	uint64_t times; /* so many in a row; 0 = all from then on */
	int err;        /* enum sfs_err to fail with */
	bool after;     /* do it first and fail then: as a disk that lies, or a lost answer */
};

/**
 * Put a fault backend around an open one.
 * @inner  taken: closed with the new one. On failure it stays the caller's.
 * Returns 0 or SFS_ERR_NO_MEMORY. Nothing fails until sfsi_backend_fault_set().
 */
SFS_MUST_CHECK int sfsi_backend_fault_wrap(struct sfsi_backend *inner, struct sfsi_backend **ret);

/** Set what fails from now on, in place of what was set before. Threads: any. */
void sfsi_backend_fault_set(struct sfsi_backend *fault, const struct sfsi_fault *what);

/** Calls of one kind since the last set, failed ones included. */
uint64_t sfsi_backend_fault_calls(struct sfsi_backend *fault, enum sfsi_fault_call call);

/** How many calls failed since the last set. */
uint64_t sfsi_backend_fault_failed(struct sfsi_backend *fault);

#endif
