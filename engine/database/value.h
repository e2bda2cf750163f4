/*
 * Values of a database as bodies of documents, and back.
 *
 * A body is canonical msgpack, as everywhere in the engine; a value may be any msgpack. Most values are
 * their own bodies. Of the others the bytes that the file has are kept beside, and written again as long
 * as the body does not change.
 */
#ifndef SFSI_DATABASE_VALUE_H
#define SFSI_DATABASE_VALUE_H

#include <stdbool.h>
#include <storefs/buf.h>

/**
 * The body of a value of a checked image: as the Python program understands it, but that models keep
 * their bytes, and that only those strings become bytes that are not UTF-8. Integer keys become text.
 * @mixed  of the image.
 * @ret    appended to.
 * Returns 0, SFS_ERR_NO_MEMORY, SFS_ERR_LIMIT.
 */
SFS_MUST_CHECK int sfsi_value_body(struct sfs_span value, bool mixed, struct sfs_buf *ret);

/**
 * Can the Python program read a body back? Refused are keys that are not strings, integers beyond 64
 * bits, and extensions that it does not know.
 * Returns 0 or SFS_ERR_BAD_DOCUMENT (diag: what, and what was expected).
 */
SFS_MUST_CHECK int sfsi_value_check(struct sfs_span body, struct sfs_diag *diag);

/**
 * The value to write for a body, given what the file has: parts whose content did not change keep
 * their bytes.
 * @was    a value of a checked image. @mixed of that image.
 * @ret    appended to.
 */
SFS_MUST_CHECK int sfsi_value_graft(struct sfs_span was, bool mixed, struct sfs_span body,
				    struct sfs_buf *ret);

#endif
