/*
 * Walking over values in msgpack, saying where one is (a path) and what it is, and finding the
 * place of a path in JSON text.
 */
#ifndef SFSI_SCHEMA_VALUE_H
#define SFSI_SCHEMA_VALUE_H

#include <stdbool.h>
#include "document/msgpack_head.h"

/** What is not walked yet: borrowed bytes of well-formed msgpack. */
struct sfsi_cursor {
	const uint8_t *at, *end;
};

static inline struct sfsi_cursor sfsi_cursor(struct sfs_span bytes)
{
	const uint8_t *at = bytes.data;
	return (struct sfsi_cursor){ at, at + bytes.len };
}

/**
 * Read the head of the next value and go over it: over all of it, but of a container only over the
 * head. SFS_ERR_CORRUPT.
 */
SFS_MUST_CHECK int sfsi_cursor_next(struct sfsi_cursor *cursor, struct sfsi_head *ret);
/** Go over one whole value. ret: NULL, or its bytes. SFS_ERR_CORRUPT. */
SFS_MUST_CHECK int sfsi_cursor_skip(struct sfsi_cursor *cursor, struct sfs_span *ret);

/** Is it an integer of 64 bits? */
bool sfsi_head_integer(const struct sfsi_head *head, int64_t *ret);
/** Is it an integer of more than 64 bits, and is it negative? */
bool sfsi_head_bigint(const struct sfsi_head *head, bool *ret_minus);

/** Where a value is, innermost step first. NULL: the top. */
struct sfsi_path {
	const struct sfsi_path *up;
	struct sfs_span name; /* a member of an object, or… */
	uint32_t index;       /* … an item of an array, when name.data is NULL */
};

#define SFSI_PATH_SIZE 160
/** As "tags[2]" or "address.city", cut in the middle of nowhere when it is long. Returns dst. */
const char *sfsi_path_text(char dst[SFSI_PATH_SIZE], const struct sfsi_path *path);

/** What a value is: "string \"draft\"", "number 12", "an array". Returns dst. */
#define SFSI_FOUND_SIZE 120
const char *sfsi_value_text(char dst[SFSI_FOUND_SIZE], struct sfs_span value);

/**
 * Set line, column and offset of diag (not NULL) to where the value of a path starts in a JSON text,
 * or its key. Left as they are when the path is not there.
 */
void sfsi_path_locate(const struct sfsi_path *path, bool key, struct sfs_span json,
		      struct sfs_diag *diag);

#endif
