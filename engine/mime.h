/* What kind of content some bytes are. The only user of libmagic. */
#ifndef SFSI_MIME_H
#define SFSI_MIME_H

#include <storefs/err.h>
#include <storefs/buf.h>

/** So many bytes from the start of a content are looked at. */
#define SFSI_MIME_BYTES ((size_t)256 << 10)
/** Longest type, with its NUL. */
#define SFSI_MIME_SIZE 128

/**
 * The MIME type of a content, as file(1) says: "image/png". "application/octet-stream" where nobody knows.
 * The data base of types is loaded by the first call. Threads: any.
 * @bytes  from its start, up to SFSI_MIME_BYTES. Returns 0 or SFS_ERR_UNSUPPORTED (no data base).
 */
SFS_MUST_CHECK int sfsi_mime_of(struct sfs_span bytes, char ret[SFSI_MIME_SIZE]);

#endif
