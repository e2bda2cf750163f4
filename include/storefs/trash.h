/*
 * The trash: what was removed, for as long as the store keeps it.
 *
 * Whoever removes an object, or the last name of a raw, by whatever door, puts it there in the same commit:
 * an object with its record, text and update times, a raw with its bytes (the plain file stays where it is),
 * metadata, hash, owner and times. It is known by its old inode number, comes back under it, and leaves the
 * trash then. What was saved over, or replaced by a rename, is no removal.
 *
 * How long is the setting trash_for (settings.h), 0: nothing is kept.
 *
 * Not kept: scratch files, directories, FIFOs and sockets, raws without a name, raws whose name begins with '.' or '#' or ends with
 * '~', what another program removed from its own folder, anything while the disk has less than 32 MiB
 * free. The trash of a class goes with the class. Copies of stores do not have it, backups do.
 */
#ifndef STOREFS_TRASH_H
#define STOREFS_TRASH_H

#include <storefs/raw.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Something in the trash. */
struct sfs_trashed {
	uint64_t ino;         /* it had, and it is known by */
	int64_t removed_ns;   /* when */
	struct sfs_attr attr; /* as it was; number is ino, nlink 1 */
	struct sfs_span name; /* oid, or path in the class of raws; borrowed for the call */
	uint64_t
		cookie; /* of the name, as in listings; with the second and ino the order of a listing */
	uint64_t bytes; /* that it takes: of a raw, or of record and text of an object */
};

/** Nonzero stops: SFS_ERR_CANCELLED. fn must not call the store. */
typedef int sfs_trash_fn(void *arg, const struct sfs_trashed *trashed);

/** Where a listing begins. Zeroed: with the oldest one. */
struct sfs_trash_from {
	int64_t second;  /* since 1970 … */
	uint64_t cookie; /* … in it those of this name or behind it … */
	uint64_t ino;    /* … and of these only those behind this one */
};

/**
 * What the trash of a class holds, the oldest second first.
 * @from   NULL: all.
 * @limit  at most so many; 0: all.
 * Returns 0, SFS_ERR_NOT_FOUND (class), SFS_ERR_CANCELLED, SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_trash_list(struct sfs_store *store, uint32_t class_id,
					  const struct sfs_trash_from *from, size_t limit,
					  sfs_trash_fn *fn, void *arg);

/**
 * Those of one oid or path that were removed in one second, in the order of their numbers. As sfs_trash_list().
 */
SFS_API SFS_MUST_CHECK int sfs_trash_list_name(struct sfs_store *store, uint32_t class_id,
					       int64_t second, struct sfs_span name,
					       sfs_trash_fn *fn, void *arg);

/**
 * One by its number.
 * @ret_name  empty, the caller's; ret->name points into it.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_trash_find(struct sfs_store *store, uint64_t ino,
					  struct sfs_trashed *ret, struct sfs_buf *ret_name);

/**
 * Of those of an oid or path the one that was removed last, but not after a time. Reads the whole list. As
 * sfs_trash_find(). @until_ns  INT64_MAX: the last one.
 */
SFS_API SFS_MUST_CHECK int sfs_trash_find_name(struct sfs_store *store, uint32_t class_id,
					       struct sfs_span name, int64_t until_ns,
					       struct sfs_trashed *ret, struct sfs_buf *ret_name);

/**
 * The document of an object in the trash, appended. Bytes of a raw in it are read with sfs_raw_open() and its
 * number, its metadata as that of any raw; it can not be changed.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_WRONG_KIND (a raw), SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_trash_document(struct sfs_store *store, uint64_t ino,
					      enum sfs_format format, struct sfs_buf *ret);

/** How something comes back. */
struct sfs_trash_restore {
	uint64_t ino;         /* of what */
	struct sfs_span name; /* oid or path that it gets; empty: its own */
	uint64_t dir; /* raws: the directory that name, then a name, is in; 0: name is a path */
	bool replace; /* what has the name now goes into the trash; else SFS_ERR_EXISTS */
};

/**
 * Take something out of the trash, in one commit: the object or raw is there again with everything that it
 * had, in indexes and lists of referrers too, and under its number (in a database under a new one). Directories
 * that a raw was in are made again.
 *
 * @ret  NULL, or its attributes.
 * Returns 0, SFS_ERR_NOT_FOUND (not in the trash), SFS_ERR_EXISTS, SFS_ERR_NAME, SFS_ERR_LIMIT, SFS_ERR_NOT_DIR,
 * SFS_ERR_IS_DIR (a directory is in its place), errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_trash_restore(struct sfs_store *store,
					     const struct sfs_trash_restore *restore,
					     struct sfs_attr *ret, struct sfs_diag *diag);

/** How much there is. */
struct sfs_trash_stat {
	uint64_t entries;
	uint64_t bytes; /* of raws, and of records and texts of objects */
};

/** @class_id  0: of all classes. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT, SFS_ERR_IO. */
SFS_API SFS_MUST_CHECK int sfs_trash_stat(struct sfs_store *store, uint32_t class_id,
					  struct sfs_trash_stat *ret);

/**
 * Remove for ever what was removed before a time, in small commits, the oldest first.
 * @class_id   0: of all classes.
 * @before_ns  INT64_MAX: everything.
 * @ret        NULL, or what went.
 */
SFS_API SFS_MUST_CHECK int sfs_trash_empty(struct sfs_store *store, uint32_t class_id,
					   int64_t before_ns, struct sfs_trash_stat *ret);

/** Remove what is older than the store keeps it. */
SFS_API SFS_MUST_CHECK int sfs_trash_expire(struct sfs_store *store, struct sfs_trash_stat *ret);

/**
 * From now until the store is closed, remove what is over in a thread of its own, and the oldest while the disk
 * has less than 32 MiB free. Does nothing for a read-only store. Not while another thread may do the same.
 */
SFS_API SFS_MUST_CHECK int sfs_trash_run(struct sfs_store *store);

#ifdef __cplusplus
}
#endif
#endif
