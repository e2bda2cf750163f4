/*
 * Values that are their own bodies: those that the file has as storefs would write them, and that say nothing JSON
 * can not say. Most are. Of such a value the body need not be made, nor its document to know how long it is.
 */
#ifndef SFSI_DATABASE_PLAIN_H
#define SFSI_DATABASE_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

/**
 * Is the value at the start of bytes its own body? May deny it without need, never claims it wrongly.
 * @bytes     of a checked image that is not mixed.
 * @ret_len   of the value. @ret_json  of its canonical document.
 */
bool sfsi_value_is_plain(struct sfs_span bytes, size_t *ret_len, size_t *ret_json);

#endif
