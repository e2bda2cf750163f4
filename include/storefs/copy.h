/*
 * Copies of whole stores, whatever their backends: every class with its definition, every object with
 * its text, attributes and update times, every raw with bytes, metadata, links and attributes.
 *
 * What a copy does not have: inode numbers and revisions (they are the target's own), ctimes, backups, the
 * list of refused operations. Update times are those to the microsecond; that of a raw's metadata is
 * the time of the copy.
 */
#ifndef STOREFS_COPY_H
#define STOREFS_COPY_H

#include <storefs/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How much was copied, or compared. */
struct sfs_copied {
	uint64_t classes, objects;
	uint64_t raws;  /* files, directories, links of raw classes, and scratch files */
	uint64_t bytes; /* of raws */
	uint64_t differences;
};

/** Called now and then. expected: objects and raws in all, about. Nonzero stops: SFS_ERR_CANCELLED. */
typedef int sfs_copy_progress_fn(void *arg, const struct sfs_copied *done, uint64_t expected);

/**
 * Copy a store into an empty one.
 *
 * @from  nobody should change it meanwhile: what changes may be in the copy or not.
 * @to    without classes.
 *
 * Returns 0, SFS_ERR_NOT_EMPTY (the target has classes), SFS_ERR_CANCELLED, or what reading and writing
 * says; diag names the class and the object or raw. The target is then in the middle: throw it away.
 */
SFS_API SFS_MUST_CHECK int sfs_store_copy(struct sfs_store *from, struct sfs_store *to,
					  sfs_copy_progress_fn *fn, void *arg,
					  struct sfs_copied *ret, struct sfs_diag *diag);

/** One sentence about a difference. Nonzero stops. */
typedef int sfs_copy_difference_fn(void *arg, const char *sentence);

/** What a comparison tells. */
struct sfs_compare {
	sfs_copy_difference_fn *differs; /* NULL, or called for each difference */
	sfs_copy_progress_fn *progress;  /* NULL, or as in a copy */
	void *arg;
};

/**
 * Compare all that a copy copies.
 * Returns 0, whether or not there are differences; SFS_ERR_CANCELLED, errors of reading.
 */
SFS_API SFS_MUST_CHECK int sfs_store_compare(struct sfs_store *a, struct sfs_store *b,
					     const struct sfs_compare *how, struct sfs_copied *ret,
					     struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
