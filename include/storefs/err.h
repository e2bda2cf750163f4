/*
 * Error codes and diagnostics of the storefs library.
 *
 * Every fallible function returns 0 on success or one negative member of
 * enum sfs_err. Outputs are written on success only, unless a function says
 * otherwise. The library never logs and never aborts on data.
 */
#ifndef STOREFS_ERR_H
#define STOREFS_ERR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks the symbols that the shared library exports. */
#define SFS_API __attribute__((visibility("default")))
/** The result must be looked at. */
#define SFS_MUST_CHECK __attribute__((warn_unused_result))

/** Closed set of error codes. Text for a person: sfs_err_text(). */
enum sfs_err {
	SFS_OK = 0,

	/* Outcomes: a caller is expected to handle them. */
	SFS_ERR_NOT_FOUND = -1,     /* no such store, class, object, raw, key */
	SFS_ERR_EXISTS = -2,        /* the name is taken */
	SFS_ERR_NOT_EMPTY = -3,     /* the class or directory still has entries */
	SFS_ERR_CONFLICT = -4,      /* it is no longer what the caller said it was */
	SFS_ERR_BUSY = -5,          /* another process owns the store; others refer to it */
	SFS_ERR_READ_ONLY = -6,     /* the store or the disk takes no writes */
	SFS_ERR_LIMIT = -7,         /* too long, too deep, too large, too many */
	SFS_ERR_NAME = -8,          /* a name that can not be used */
	SFS_ERR_INVALID = -9,       /* an argument outside its documented range */
	SFS_ERR_BAD_DOCUMENT = -10, /* text that is not a valid document */
	SFS_ERR_UNSUPPORTED = -11,  /* the backend or file system can not do it */
	SFS_ERR_NOT_DIR = -12,      /* a directory was needed */
	SFS_ERR_IS_DIR = -13,       /* a directory was not wanted */
	SFS_ERR_WRONG_KIND = -14,   /* an object class was needed, or a raw class */
	SFS_ERR_CROSS = -15,        /* source and target are in different classes */
	SFS_ERR_LOOP = -16,         /* a directory would be moved into itself */
	SFS_ERR_NOT_STORE = -17,    /* the folder is not a storefs store */
	SFS_ERR_CANCELLED = -18,    /* a callback asked to stop */
	SFS_ERR_NOT_READY = -19,    /* an index is being built */

	/* Faults: pass them up unchanged. */
	SFS_ERR_IO = -32,      /* the system refused a read or a write */
	SFS_ERR_CORRUPT = -33, /* stored bytes fail their checks */
	SFS_ERR_VERSION = -34, /* written by a newer storefs */
	SFS_ERR_NO_MEMORY = -35,
	SFS_ERR_NO_SPACE = -36,   /* disk or quota is full */
	SFS_ERR_PERMISSION = -37, /* the system denies access */
	SFS_ERR_NO_FILES = -38,   /* out of file descriptors */
};

/**
 * What went wrong, for a person. Owned by the caller, usually on the stack,
 * fixed in size so that it also works when memory is gone. Every function that
 * takes one accepts NULL. Untouched on success, but for functions that say that they leave remarks.
 */
struct sfs_diag {
	int err;         /* the enum sfs_err that was returned */
	uint32_t line;   /* 1-based line in the text given, 0 = not applicable */
	uint32_t column; /* 1-based column in bytes, 0 = not applicable */
	uint64_t offset; /* byte offset in the text given */
	char text[480];  /* one sentence, no newline, valid UTF-8, always NUL-terminated */
};

/** Empty diagnostic. */
#define SFS_DIAG_INIT { 0, 0, 0, 0, "" }

/**
 * Short English text of an error code ("not found", "disk full", …).
 * @err  a member of enum sfs_err; any other value gives "unknown error".
 * Returns a static string. Threads: any.
 */
SFS_API const char *sfs_err_text(int err);

/**
 * Fill a diagnostic and return its code: `return sfs_diag_set(diag, SFS_ERR_IO, …)`.
 * @diag  may be NULL: then nothing is written.
 * @err   the code to return.
 * @fmt   printf format of the sentence; cut at the size of text.
 * Returns err. Keeps line, column and offset as they are. Threads: any.
 */
SFS_API int sfs_diag_set(struct sfs_diag *diag, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif
#endif
