/* Base64 as RFC 4648 section 4: the standard alphabet, with padding, one form per value. */
#ifndef SFSI_BASE64_H
#define SFSI_BASE64_H

#include <storefs/buf.h>

/** Append the base64 text of bytes. Errors of sfs_buf_reserve(). */
SFS_MUST_CHECK int sfsi_base64_encode(struct sfs_buf *ret, struct sfs_span bytes);

/**
 * Append the bytes that text stands for.
 * Returns 0, SFS_ERR_INVALID (other characters, missing or wrong padding, bits left over), or the
 * errors of sfs_buf_reserve(); ret is then as it was.
 */
SFS_MUST_CHECK int sfsi_base64_decode(struct sfs_buf *ret, struct sfs_span text);

#endif
