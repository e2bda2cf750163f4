/*
 * Reading a whole file piece by piece, ahead: a thread reads the next pieces while the caller is at work with one.
 *
 * Small files, what comes from the page cache, and systems that give no thread, are read by the caller itself.
 */
#ifndef SFSI_BASE_AHEAD_H
#define SFSI_BASE_AHEAD_H

#include <stdbool.h>
#include <storefs/buf.h>

/** Size of a piece; a file that is smaller is one. */
#define SFSI_AHEAD_PIECE ((size_t)4 << 20)
/** Smaller files are not worth going around the page cache for. */
#define SFSI_DIRECT_MIN ((size_t)1 << 20)
/** What goes around the page cache begins and ends at multiples of it. */
#define SFSI_DIRECT_ALIGN ((size_t)4096)

/**
 * So much is read or written in one call: most kernels let nobody else have the processor before they have handed that over,
 * and a save takes less time than 1 MiB does.
 */
#define SFSI_FILE_AT_ONCE ((size_t)256 << 10)

/** Let a descriptor go around the page cache, or not. False: it can not. */
bool sfsi_file_direct(int fd, bool direct);

struct sfsi_ahead;

/**
 * Begin to read at offset 0. fd is the reader's until the end; one that goes around the page cache does so as far as it can.
 * @size  of the file, about.
 */
SFS_MUST_CHECK int sfsi_ahead_begin(int fd, uint64_t size, struct sfsi_ahead **ret);
/**
 * The next piece, valid until the next call; zeros follow it up to a multiple of SFSI_DIRECT_ALIGN.
 * Returns 0, 1 (the end), SFS_ERR_IO.
 */
SFS_MUST_CHECK int sfsi_ahead_next(struct sfsi_ahead *ahead, struct sfs_span *ret);
/** Accepts NULL. */
void sfsi_ahead_end(struct sfsi_ahead *ahead);

#endif
