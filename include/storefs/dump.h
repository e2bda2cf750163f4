/*
 * Dumps: a whole store as plain files, JSON lines and the bytes of raws, in a folder or as a tar stream; and
 * stores made of them. docs/dump.md describes what is in one.
 *
 * A dump has what a copy of a store has (copy.h): classes with their definitions, objects with their texts,
 * attributes and update times, raws and scratch files with bytes, metadata, links and attributes. It does
 * not depend on the backend, nor on the version of the store's own format.
 */
#ifndef STOREFS_DUMP_H
#define STOREFS_DUMP_H

#include <stddef.h>
#include <storefs/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Version of dumps that this library writes, and the newest that it reads. */
#define SFS_DUMP_FORMAT 1

/** How much was dumped, or loaded. */
struct sfs_dumped {
	uint64_t classes, objects;
	uint64_t raws;  /* files, directories, links of raw classes, and scratch files: each name */
	uint64_t bytes; /* of files */
};
/** Called now and then. expected: objects and raws in all, about; 0: not known. Nonzero stops. */
typedef int sfs_dump_progress_fn(void *arg, const struct sfs_dumped *done, uint64_t expected);

/** Where a dump goes. */
struct sfs_dump {
	const char *folder; /* an empty folder that is there; NULL: a tar stream, to write */
	/* All of it. Returns 0 or a negative enum sfs_err. */
	int (*write)(void *arg, const void *data, size_t len);
	sfs_dump_progress_fn *progress; /* NULL, or called */
	void *arg;                      /* of both */
};

/**
 * Dump a store. What others change meanwhile is in the dump or not, as in a copy: of one moment is the dump of
 * a backup. Memory does not grow with the store, but for the paths of directories and of files with several names.
 *
 * @ret  NULL, or how much.
 * Returns 0, SFS_ERR_NOT_EMPTY (the folder), SFS_ERR_CANCELLED, SFS_ERR_NO_SPACE, SFS_ERR_LIMIT (one object is
 * too large for a line), and what reading and writing says; diag says what of which class, or which file.
 * What was written until then has no manifest: it can not be loaded.
 */
SFS_API SFS_MUST_CHECK int sfs_store_dump(struct sfs_store *store, const struct sfs_dump *dump,
					  struct sfs_dumped *ret, struct sfs_diag *diag);

/** Where a dump comes from. */
struct sfs_load {
	const char *folder; /* NULL: a tar stream, also one compressed by gzip, bzip2, xz or zstd */
	/* At most len bytes; *ret_len 0 at the end. Returns 0 or a negative enum sfs_err. */
	int (*read)(void *arg, void *dst, size_t len, size_t *ret_len);
	sfs_dump_progress_fn *progress; /* NULL, or called */
	void *arg;                      /* of both */
};

/**
 * Put all of a dump into a store without classes. Nothing of the dump is believed: every line is under a hash,
 * and so are the bytes of files; paths stay below the dump and inside of their classes.
 *
 * Returns 0, SFS_ERR_NOT_EMPTY (the store has classes), SFS_ERR_CORRUPT (the dump is not whole, or is none),
 * SFS_ERR_VERSION (of a newer format), SFS_ERR_BAD_DOCUMENT (a line that says what it can not), SFS_ERR_CANCELLED,
 * and what writing says; diag names file and line. The store is then in the middle: throw it away.
 */
SFS_API SFS_MUST_CHECK int sfs_store_load(struct sfs_store *store, const struct sfs_load *load,
					  struct sfs_dumped *ret, struct sfs_diag *diag);

#ifdef __cplusplus
}
#endif
#endif
