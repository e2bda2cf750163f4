/*
 * The bytes of raws as a whole: what they are, where they are, and all of them at once. Reading and
 * writing at an offset, and metadata, are in raw.h. Raws are named by inode number (sfs_raw_find_path()) or, where
 * one is made or removed, by class and path.
 *
 * Errors of all: SFS_ERR_NOT_FOUND, SFS_ERR_IS_DIR (no regular file), SFS_ERR_IO, SFS_ERR_NO_MEMORY,
 * SFS_ERR_CORRUPT (the plain file is missing).
 */
#ifndef STOREFS_CONTENT_H
#define STOREFS_CONTENT_H

#include <storefs/raw.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of a hash, and of its text. */
#define SFS_HASH_LEN 16
#define SFS_HASH_SIZE 33

/**
 * XXH3-128 of the bytes of a raw, in the order in which xxh128sum prints it. It is computed once, by
 * reading all bytes, and kept as long as size and times of the plain file say that they are the same.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_hash(struct sfs_store *store, uint64_t ino,
					unsigned char ret[SFS_HASH_LEN]);
/** A hash as 32 hexadecimal digits. Returns ret. */
SFS_API const char *sfs_hash_text(const unsigned char hash[SFS_HASH_LEN], char ret[SFS_HASH_SIZE]);

/**
 * Append the MIME type that the bytes say they are, as file(1) finds it ("image/png"). Kept like the hash.
 * Besides: SFS_ERR_UNSUPPORTED (the data base of types can not be loaded).
 */
SFS_API SFS_MUST_CHECK int sfs_raw_mime(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret);

/**
 * Append the path of the plain file that holds the bytes, for programs that read it by themselves. A store
 * in memory has such files, too. SFS_ERR_NOT_FOUND also for a scratch file while it is small.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_plain_path(struct sfs_store *store, uint64_t ino,
					      struct sfs_buf *ret);

/** How many bytes it has: now, whoever writes it. */
SFS_API SFS_MUST_CHECK int sfs_raw_size(struct sfs_store *store, uint64_t ino, uint64_t *ret);

/** Append all bytes. SFS_ERR_LIMIT: more than limit (0: no limit). */
SFS_API SFS_MUST_CHECK int sfs_raw_load(struct sfs_store *store, uint64_t ino, uint64_t limit,
					struct sfs_buf *ret);

/** A piece of the bytes of a raw. Nonzero stops. */
typedef int sfs_raw_piece_fn(void *arg, struct sfs_span bytes, uint64_t off);
/** The size of pieces when none is given. */
#define SFS_RAW_PIECE ((size_t)102400)
/**
 * All bytes in pieces: each of the given size, but for the last one. Without bytes there is none.
 * @size  0: SFS_RAW_PIECE; at most 64 MiB. Returns also SFS_ERR_CANCELLED, SFS_ERR_LIMIT.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_stream(struct sfs_store *store, uint64_t ino, size_t size,
					  sfs_raw_piece_fn *fn, void *arg);

/** What becomes a raw. */
struct sfs_raw_put {
	uint32_t class_id;
	struct sfs_span path; /* in the class; directories that are missing are made */
	int fd;               /* -1: bytes. Read from its offset to its end, which it has then */
	struct sfs_span bytes;
	/* NULL, or metadata of the same commit as a new raw; of one that is there they are merged in. */
	const struct sfs_raw_meta_put *meta;
	uint32_t mode, uid, gid; /* of what is made; mode 0: 0644 */
	unsigned flags;          /* SFS_PUT_CREATE, SFS_PUT_UPDATE */
};
/**
 * Make a raw, or replace the bytes of one. What is new gets its name when all its bytes are there: under
 * the name there is the old or the new raw, never half of it.
 *
 * From a descriptor on the same file system bytes are shared where that can do it (FICLONE), else copied
 * in the kernel (copy_file_range), else read and written.
 *
 * @ret  NULL, or its attributes.
 * Returns also SFS_ERR_EXISTS, SFS_ERR_WRONG_KIND, SFS_ERR_NAME, SFS_ERR_LIMIT, SFS_ERR_NOT_DIR,
 * SFS_ERR_BAD_DOCUMENT (metadata; diag), SFS_ERR_NO_SPACE, SFS_ERR_READ_ONLY.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_put(struct sfs_store *store, const struct sfs_raw_put *put,
				       struct sfs_attr *ret, struct sfs_diag *diag);

/** Remove a raw by its path: bytes, metadata, and nothing else. SFS_ERR_BUSY as sfs_raw_unlink(). */
SFS_API SFS_MUST_CHECK int sfs_raw_remove(struct sfs_store *store, uint32_t class_id,
					  struct sfs_span path);

/** One raw of a class: whatever is no directory. Borrowed for the call. Nonzero stops. */
typedef int sfs_raw_each_fn(void *arg, struct sfs_span path, const struct sfs_attr *attr);
/**
 * The raws of a class with all its directories, in the order in which they were made.
 * @start  position of the first one. @limit  at most so many; UINT64_MAX: all. How many there are
 * is struct sfs_class_info.files. Returns also SFS_ERR_CANCELLED. One that is made or removed
 * meanwhile may be given or not; the others are given once.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_each(struct sfs_store *store, uint32_t class_id, uint64_t start,
					uint64_t limit, sfs_raw_each_fn *fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
