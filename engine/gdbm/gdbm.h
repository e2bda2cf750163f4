/*
 * Files of gdbm in its standard format with 64-bit offsets, as Python's dbm.gnu opens them: reading one
 * from end to end, and writing a whole new one. They hold the indexes of the Python module `storage`
 * (docs/format.md). Nothing here knows what the keys mean.
 *
 *   header (a block)     magic, sizes, where the directory is
 *   data                 key and value of each pair, one behind the other
 *   directory            2^bits places of buckets, by the first bits of the hash
 *   buckets              tables of up to 166 pairs with hash, place and sizes
 *
 * A file from elsewhere is hostile: every size and place is compared with the size of the file before
 * it is used, a bucket is looked at once, and pairs together are no longer than the file.
 *
 * gdbm locks with flock(2): whoever writes has LOCK_EX, whoever reads LOCK_SH.
 */
#ifndef SFSI_GDBM_H
#define SFSI_GDBM_H

#include <stdint.h>
#include <storefs/buf.h>

/** Longest key and value that are read or written. */
#define SFSI_GDBM_ITEM_MAX ((size_t)256 << 20)

/** What kind of file a name of an index leads to. */
enum sfsi_dbm_kind {
	SFSI_DBM_NONE,     /* there is no such file */
	SFSI_DBM_GNU,      /* X: gdbm, standard format */
	SFSI_DBM_BERKELEY, /* X.db: Berkeley DB, through ndbm */
	SFSI_DBM_NDBM,     /* X.pag and X.dir: gdbm, through its imitation of ndbm */
	SFSI_DBM_DUMB,     /* X.dat and X.dir: Python's own */
	SFSI_DBM_SQLITE,   /* X: SQLite */
	SFSI_DBM_OTHER,    /* X: none of these */
};

/** Name of a kind for a person. */
const char *sfsi_dbm_kind_text(enum sfsi_dbm_kind kind);

/** Look at the files of a name, in a folder. Returns 0, SFS_ERR_IO, SFS_ERR_PERMISSION, SFS_ERR_LIMIT. */
SFS_MUST_CHECK int sfsi_dbm_recognise(int dir_fd, const char *name, enum sfsi_dbm_kind *ret);

/** One pair; spans are valid during the call. Nonzero stops. */
typedef int sfsi_gdbm_fn(void *arg, struct sfs_span key, struct sfs_span value);

/**
 * Read all pairs, in the order of the file.
 *
 * @fd  open for reading, at any position; borrowed. It is not locked here.
 *
 * Returns 0, SFS_ERR_CANCELLED (fn stopped it), SFS_ERR_UNSUPPORTED (no gdbm file of this format),
 * SFS_ERR_CORRUPT (diag: where, expected, found), SFS_ERR_LIMIT, SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_gdbm_read(int fd, sfsi_gdbm_fn *fn, void *arg, struct sfs_diag *diag);
/** The same of a file that is in memory. */
SFS_MUST_CHECK int sfsi_gdbm_read_bytes(struct sfs_span image, sfsi_gdbm_fn *fn, void *arg,
					struct sfs_diag *diag);

/** Open a file for sfsi_gdbm_read(), with LOCK_SH. SFS_ERR_BUSY: somebody has it open for writing. */
SFS_MUST_CHECK int sfsi_gdbm_open(int dir_fd, const char *name, int *ret_fd, struct sfs_diag *diag);

/** A file in the making. Keys must differ: what is added twice is there twice. */
struct sfsi_gdbm_writer;

/**
 * Begin a new file that takes the place of one, when it is whole.
 *
 * @name  in the folder; borrowed until the end. An existing file is locked with LOCK_EX until then.
 * @mode  of the new file; one that is replaced gives its own.
 *
 * Returns 0, SFS_ERR_BUSY (somebody has it open), SFS_ERR_LIMIT (name), errors of the system.
 */
SFS_MUST_CHECK int sfsi_gdbm_writer_new(int dir_fd, const char *name, unsigned mode,
					struct sfsi_gdbm_writer **ret, struct sfs_diag *diag);
/** Add a pair. Returns 0, SFS_ERR_LIMIT (its size), SFS_ERR_NO_MEMORY, errors of the system. */
SFS_MUST_CHECK int sfsi_gdbm_writer_add(struct sfsi_gdbm_writer *writer, struct sfs_span key,
					struct sfs_span value);
/**
 * Complete the file, make it durable and give it its name.
 * Returns 0, SFS_ERR_LIMIT (too many keys have the same hash), SFS_ERR_NO_MEMORY, errors of the system.
 */
SFS_MUST_CHECK int sfsi_gdbm_writer_commit(struct sfsi_gdbm_writer *writer, struct sfs_diag *diag);
/** Free it; without a commit nothing has changed. Accepts NULL. */
void sfsi_gdbm_writer_free(struct sfsi_gdbm_writer *writer);

#endif
