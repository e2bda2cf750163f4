/*
 * Small JSON files of our own: storefs.json, lock, class definitions. Read through the same
 * reader as documents, member by member.
 */
#ifndef SFSI_CONFIG_H
#define SFSI_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

/** A member of the top-level object. Valid during the call. */
struct sfsi_config_member {
	const char *name; /* NUL-terminated, cut at 127 bytes */
	bool is_integer;
	int64_t integer;
	struct sfs_span text; /* of a string; {NULL, 0} for anything else */
};

/** Nonzero stops; sfsi_config_read() returns it (a negative enum sfs_err). */
typedef int sfsi_config_fn(void *arg, const struct sfsi_config_member *member);

/**
 * Read one JSON object and call fn for each of its members, in order. Values that are neither string
 * nor integer are given with text.data NULL and is_integer false.
 * Errors of sfsi_json_read(), SFS_ERR_BAD_DOCUMENT when the top is no object.
 */
SFS_MUST_CHECK int sfsi_config_read(struct sfs_span json, sfsi_config_fn *fn, void *arg,
				    struct sfs_diag *diag);

#endif
