/* Reading and writing all of some bytes: calls that did a part, or were interrupted, go on. */
#ifndef SFSI_BASE_FILE_H
#define SFSI_BASE_FILE_H

#include <stdbool.h>
#include <storefs/buf.h>

/** Read at an offset. *ret_len is less than len only at the end of the file. */
SFS_MUST_CHECK int sfsi_pread_all(int fd, void *dst, size_t len, uint64_t off, size_t *ret_len);
/** Write at an offset. */
SFS_MUST_CHECK int sfsi_pwrite_all(int fd, const void *src, size_t len, uint64_t off);
/** Write where the descriptor stands. */
SFS_MUST_CHECK int sfsi_write_all(int fd, struct sfs_span bytes);

/** Append a file of a folder to ret. SFS_ERR_LIMIT: it has more than max bytes. */
SFS_MUST_CHECK int sfsi_file_load(int dir_fd, const char *name, size_t max, struct sfs_buf *ret);
/** Put a new file in its place, which survives a power cut; there is the old one or the new one. */
SFS_MUST_CHECK int sfsi_file_replace(int dir_fd, const char *name, struct sfs_span bytes);

/** Is there something under a name that is no file: a folder, or a symlink, wherever that leads? */
bool sfsi_file_is_other(int dir_fd, const char *name);

#endif
