/*
 * Databases: a class kept as one Storify file, NAME.mpack.
 */
#ifndef STOREFS_DATABASE_H
#define STOREFS_DATABASE_H

#include <storefs/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How much a message matters. */
enum sfs_log_level {
	SFS_LOG_DEBUG = 1,
	SFS_LOG_INFO = 2,
	SFS_LOG_WARNING = 3,
	SFS_LOG_ERROR = 4,
	SFS_LOG_TRACEBACK = 5, /* an error that was worked around */
};

/** Told what happens to databases, a line at a time, without a newline. Must be quick; any thread. */
typedef void sfs_log_fn(void *arg, enum sfs_log_level level, const char *message);

#ifdef __cplusplus
}
#endif
#endif
