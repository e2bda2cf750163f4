/*
 * Plain files that belong to nothing: what a crash, or a program from outside, left in the folder of the
 * bytes of raws. They are found by looking at all of it, and removed; never one that a raw needs, that is open,
 * that is being written, or that the caller keeps.
 */
#ifndef STOREFS_GC_H
#define STOREFS_GC_H

#include <storefs/raw.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A plain file that belongs to nothing. Borrowed for the call. */
struct sfs_gc_file {
	uint32_t class_id; /* whose it would be; there may be none of that id */
	uint64_t ino;      /* whose it would be; 0: its name is none that this program gives */
	const char *path;  /* in the store's folder of plain files; or its name alone */
	uint64_t bytes;    /* that it has; 0 if its name is none that this program gives */
	bool removed;      /* it was; else dry_run, keep, or a name that is none of ours */
};

struct sfs_gc {
	bool dry_run;
	/* NULL, or: is the file needed by something else than this store, as a backup? */
	bool (*keep)(void *arg, uint64_t ino);
	/* NULL, or called for each file, with no lock held. Nonzero stops. */
	int (*found)(void *arg, const struct sfs_gc_file *file);
	/* NULL, or called after each folder: how many were looked at. Nonzero stops. */
	int (*progress)(void *arg, uint64_t folders);
	void *arg;
};

struct sfs_gc_result {
	uint64_t files, bytes; /* that belong to nothing */
	uint64_t removed, removed_bytes;
	uint64_t kept;    /* that keep() wanted */
	uint64_t foreign; /* with names that are none of ours: they are left alone */
};

/**
 * Find them, and remove them. The store may be in use.
 * @ret  written also on failure.
 * Returns 0, SFS_ERR_CANCELLED, SFS_ERR_READ_ONLY (without dry_run), SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_store_gc(struct sfs_store *store, const struct sfs_gc *gc,
					struct sfs_gc_result *ret, struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
