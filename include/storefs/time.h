/*
 * Times as people type them: one reader for everything that takes one.
 */
#ifndef STOREFS_TIME_H
#define STOREFS_TIME_H

#include <storefs/buf.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Read a moment; in UTC where it names no zone. docs/backups.md lists all spellings:
 *
 *   2026-11-22, 20261122                      the begin of that day
 *   2026-11-22T01:02, … 01:02:03, … 01:02:03.5, with 'T' or a blank, with a zone (Z, +01:00, -0530) or
 *   without; the same without colons (2026-11-22T010203Z, as backups are named) and without dashes
 *   20261122010203456789                      an update time as Python systems write them: all of
 *                                             that microsecond, so its end
 *   now, today, yesterday, tomorrow           days with a time behind them, too: yesterday 14:00
 *   -2h, -90m, -30s, -3d, -1w, -1d12h         before now
 *   @1795309323.5                             seconds since 1970
 *
 * @text    not NUL-terminated.
 * @now_ns  what is now; all times: nanoseconds since 1970.
 * Returns 0, or SFS_ERR_INVALID (it is none of these, or before 1678 or after 2262): diag says what was
 * expected. Threads: any.
 */
SFS_API SFS_MUST_CHECK int sfs_time_parse(struct sfs_span text, int64_t now_ns, int64_t *ret_ns,
					  struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
