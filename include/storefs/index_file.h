/*
 * Index files of the Python module `storage`: an index of a class as the two gdbm files that its Indexes
 * open, written from the store, and compared with it.
 *
 *   PREFIX TYPE.INDEX-fwd.dbm   key → signatures of the objects that have it
 *   PREFIX TYPE.INDEX-bwd.dbm   signature → keys of the object; "__index__.lastUpdate" → a time
 *
 * Keys and values are JSON text as Python writes it; a signature is COLLECTION.OID. The signatures of a
 * key are in the order in which their objects changed last, as in files that Python kept.
 *
 * Indexes derive from objects here: a file is never a source. What Python would find in its files is
 * found here when the index is "compatible" (docs/classes.md).
 */
#ifndef STOREFS_INDEX_FILE_H
#define STOREFS_INDEX_FILE_H

#include <storefs/index.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where the files of an index are. Borrowed. */
struct sfs_index_files {
	int dir_fd;                 /* folder, borrowed */
	struct sfs_span prefix;     /* before their names, as it is; no '/' */
	struct sfs_span type;       /* empty: the type of the class */
	struct sfs_span collection; /* empty: the name of the class */
};

/** What was written, or found. */
struct sfs_index_filed {
	uint64_t keys;    /* of the file */
	uint64_t entries; /* pairs of key and object */
	uint64_t objects;
	/* Written: keys that are too long to be known whole here, and are not in the file. It then
	 * has no time of its last update: Python builds such an index anew when it opens it.
	 * Compared: what differs. */
	uint64_t missing;
};

/**
 * Write both files: whole new ones, which take the places of what is there.
 *
 * @fn  NULL, or called every few hundred objects. Nonzero stops: nothing is changed then.
 *
 * Objects that change meanwhile may be in the files as they were or as they are.
 * Returns 0, SFS_ERR_BUSY (a file is open elsewhere, as in a Python process; diag), SFS_ERR_NOT_FOUND
 * (class, index), SFS_ERR_NOT_READY, SFS_ERR_UNSUPPORTED, SFS_ERR_CANCELLED, SFS_ERR_LIMIT (a name), errors
 * of the system.
 */
SFS_API SFS_MUST_CHECK int
sfs_index_file_export(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		      const struct sfs_index_files *files, sfs_index_progress_fn *fn, void *arg,
		      struct sfs_index_filed *ret, struct sfs_diag *diag);

/** One sentence about a difference. Nonzero stops. */
typedef int sfs_index_difference_fn(void *arg, const char *sentence);

/**
 * Compare both files with the index. Changes nothing.
 *
 * @fn   called for each difference.
 * @ret  missing: how many differences there are.
 *
 * Returns 0, whether or not there are differences; SFS_ERR_NOT_FOUND (class, index, or there is no such
 * file: diag says which), SFS_ERR_UNSUPPORTED (files of another library: diag names it; nothing is
 * lost, indexes are built from the objects), SFS_ERR_BUSY, SFS_ERR_CORRUPT, SFS_ERR_CANCELLED,
 * SFS_ERR_NOT_READY, errors of the system.
 */
SFS_API SFS_MUST_CHECK int
sfs_index_file_compare(struct sfs_store *store, uint32_t class_id, struct sfs_span index,
		       const struct sfs_index_files *files, sfs_index_difference_fn *fn, void *arg,
		       struct sfs_index_filed *ret, struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
