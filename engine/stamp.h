/*
 * Update times as Python systems write them: YYYYMMDDhhmmssuuuuuu in UTC as one integer of twenty digits,
 * which is more than 64 bits hold. The digits alone: sfs_stamp_text() of storefs/field.h.
 */
#ifndef SFSI_STAMP_H
#define SFSI_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

/** Append a time as the integer that it is, in msgpack; 0, never, as 0. */
SFS_MUST_CHECK int sfsi_stamp_put(struct sfs_buf *ret, int64_t ns);
/**
 * Read an integer in msgpack. False: it is no such time, or one that nanoseconds of 64 bits do not reach.
 * 0 is no time, and gives 0.
 */
bool sfsi_stamp_read(struct sfs_span value, int64_t *ret);

#endif
