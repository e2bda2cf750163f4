/* Moments on the command line. */
#ifndef CLI_MOMENT_H
#define CLI_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Read a moment in UTC: "2026-11-22", "2026-11-22T01:02:03.5Z" (from minutes on, with 'T' or a space),
 * "@1795309323.5" (seconds since 1970), or the 20 digits of an update time as Python systems write them,
 * which stand for the whole microsecond: *ret is its end.
 * @ret  nanoseconds since 1970. False: it is none, or is before 1678 or after 2262.
 */
bool cli_moment_read(const char *text, int64_t *ret);

#endif
