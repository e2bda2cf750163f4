/*
 * Raws: uninterpreted bytes with metadata, in a tree of directories.
 *
 * Each class has one tree. In a raw class it holds the raws; in an object class
 * it holds the scratch files. The root of the tree of class c is
 * sfs_ino_make(c, 1). Bytes are plain files of the store's folder; their size and
 * times are those of that file, names, owners and modes are the store's.
 *
 * A name is 1..SFS_NAME_MAX bytes without '/' and NUL, and not "." or "..".
 * The oid of a raw is its path inside the class ("holiday/a.jpg").
 *
 * Errors that every function here may return besides its own: SFS_ERR_CORRUPT,
 * SFS_ERR_IO, SFS_ERR_NO_MEMORY; functions that change something also SFS_ERR_READ_ONLY,
 * SFS_ERR_NO_SPACE, SFS_ERR_PERMISSION.
 */
#ifndef STOREFS_RAW_H
#define STOREFS_RAW_H

#include <sys/types.h>
#include <stdbool.h>
#include <storefs/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/** So many names (hard links) has one inode at most. */
#define SFS_LINKS_MAX 65000

/**
 * Find a name in a directory.
 * Returns 0, SFS_ERR_NOT_FOUND (no such name, or no such directory), SFS_ERR_NOT_DIR,
 * SFS_ERR_LIMIT (name too long).
 */
SFS_API SFS_MUST_CHECK int sfs_raw_find(struct sfs_store *store, uint64_t dir, struct sfs_span name,
					struct sfs_attr *ret);

/**
 * Find by path below the root of a class, components separated by single '/'.
 * Symlinks are not followed. An empty path is the class's root directory.
 * Errors as sfs_raw_find().
 */
SFS_API SFS_MUST_CHECK int sfs_raw_find_path(struct sfs_store *store, uint32_t class_id,
					     struct sfs_span path, struct sfs_attr *ret);

/** Attributes by inode number. Returns 0 or SFS_ERR_NOT_FOUND. */
SFS_API SFS_MUST_CHECK int sfs_raw_stat(struct sfs_store *store, uint64_t ino,
					struct sfs_attr *ret);

/** What to make. */
struct sfs_raw_make {
	enum sfs_node_type type; /* FILE, DIR, SYMLINK, FIFO, SOCKET */
	uint32_t mode, uid, gid;
	struct sfs_span target; /* SYMLINK: 1..4095 bytes without NUL */
	/* FILE: it need not survive a kill of the process before its first sfs_raw_flush(), or any other
	 * change of the store. A hint, which makes temporary files cheaper. */
	bool flushed_later;
};

/**
 * Make a file, directory or symlink.
 * Returns 0, SFS_ERR_EXISTS, SFS_ERR_NOT_FOUND (directory), SFS_ERR_NOT_DIR, SFS_ERR_NAME,
 * SFS_ERR_LIMIT, SFS_ERR_INVALID.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_make(struct sfs_store *store, uint64_t dir, struct sfs_span name,
					const struct sfs_raw_make *make, struct sfs_attr *ret);

/**
 * Make one more name (hard link) for anything but a directory, in the same class; the first one of a file
 * that sfs_raw_make_unnamed() made.
 * Returns 0, SFS_ERR_EXISTS, SFS_ERR_NOT_FOUND, SFS_ERR_CROSS, SFS_ERR_IS_DIR, SFS_ERR_LIMIT (the name
 * is too long, or there are SFS_LINKS_MAX names).
 */
SFS_API SFS_MUST_CHECK int sfs_raw_link(struct sfs_store *store, uint64_t ino, uint64_t dir,
					struct sfs_span name, struct sfs_attr *ret);

/**
 * Remove a name that is not a directory. The bytes go with the last name, but
 * stay as long as the file is open. What becomes of references to it the definition of its class says.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_IS_DIR, SFS_ERR_BUSY (others refer to it, and the class refuses).
 */
SFS_API SFS_MUST_CHECK int sfs_raw_unlink(struct sfs_store *store, uint64_t dir,
					  struct sfs_span name);

/** Remove an empty directory. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NOT_DIR, SFS_ERR_NOT_EMPTY. */
SFS_API SFS_MUST_CHECK int sfs_raw_rmdir(struct sfs_store *store, uint64_t dir,
					 struct sfs_span name);

/**
 * From now on go on knowing what is removed and has no bytes: directories, symlinks, FIFOs, sockets.
 * sfs_raw_stat() (nlink 0), sfs_raw_setattr() and sfs_raw_list() (nothing) work on until
 * sfs_raw_forget(); only the last 4,096 are known should they not be forgotten.
 * Call it before other threads use the store. Returns 0 or SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_remember(struct sfs_store *store);
/** Nobody holds this any more. Anything that was not removed stays as it is. */
SFS_API void sfs_raw_forget(struct sfs_store *store, uint64_t ino);

/**
 * Rename inside one class, as rename(2) and renameat2(2) do: atomic, replaces a
 * file by a file and an empty directory by a directory. References to what is moved, and to what is in a
 * directory that is moved, get the new path in the same commit.
 * @flags  enum sfs_rename_flags.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_EXISTS (NOREPLACE), SFS_ERR_CROSS, SFS_ERR_LOOP,
 * SFS_ERR_IS_DIR, SFS_ERR_NOT_DIR, SFS_ERR_NOT_EMPTY, SFS_ERR_LIMIT, SFS_ERR_NAME.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_rename(struct sfs_store *store, uint64_t dir,
					  struct sfs_span name, uint64_t new_dir,
					  struct sfs_span new_name, unsigned flags);

/**
 * Change attributes of anything in a tree (also of a class's root); SFS_SET_SIZE truncates
 * or extends a file.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_IS_DIR (size of a directory), SFS_ERR_LIMIT.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_setattr(struct sfs_store *store, uint64_t ino,
					   const struct sfs_setattr *set, struct sfs_attr *ret);

/** Append the target of a symlink to ret. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_INVALID (no symlink). */
SFS_API SFS_MUST_CHECK int sfs_raw_readlink(struct sfs_store *store, uint64_t ino,
					    struct sfs_buf *ret);

/**
 * One entry of a directory. type and ino only: call sfs_raw_stat() for the rest, after
 * the listing returned (fn must not call the store). Nonzero stops.
 */
typedef int sfs_raw_list_fn(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
			    uint64_t cookie);

/**
 * List a directory in cookie order, without "." and "..". Rules of
 * sfs_object_list(). Errors: SFS_ERR_NOT_FOUND, SFS_ERR_NOT_DIR, SFS_ERR_CANCELLED.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_list(struct sfs_store *store, uint64_t dir, uint64_t after,
					size_t limit, sfs_raw_list_fn *fn, void *arg);

/** An open raw. Safe for several threads. */
struct sfs_raw_file;

/**
 * Open the bytes of a file. It can be read and written until it is closed, also
 * after its last name was removed.
 * @writable  whether writes will follow.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_IS_DIR, SFS_ERR_INVALID (no regular file),
 * SFS_ERR_READ_ONLY, SFS_ERR_NO_FILES.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_open(struct sfs_store *store, uint64_t ino, bool writable,
					struct sfs_raw_file **ret);

/**
 * Make a file without a name, open for writing, in the class of a directory. It goes with its last close,
 * or with a crash, unless sfs_raw_link() gave it a name before.
 * @make  type FILE.
 * Returns 0, SFS_ERR_NOT_FOUND (directory), SFS_ERR_NOT_DIR, SFS_ERR_INVALID (another type), SFS_ERR_LIMIT,
 * SFS_ERR_NO_FILES.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_make_unnamed(struct sfs_store *store, uint64_t dir,
						const struct sfs_raw_make *make,
						struct sfs_raw_file **ret);

/** Close it, after a sfs_raw_flush() whose error nobody hears. Accepts NULL. */
SFS_API void sfs_raw_close(struct sfs_raw_file *file);

/**
 * The descriptor of the plain file that holds the bytes, for splice, mmap and
 * sendfile; owned by file. -1 when there is no such file: a scratch file has none while it is small.
 * It may get one with any write; what sfs_raw_fd() has returned once stays.
 */
SFS_API int sfs_raw_fd(const struct sfs_raw_file *file);

/**
 * Put the bytes into a plain file, so that sfs_raw_fd() has a descriptor.
 * Returns 0, SFS_ERR_INVALID (there is none, and the file is not open for writing), errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_plain(struct sfs_raw_file *file);

/**
 * Make what was written survive a kill of the process. Bytes of a plain file always do. Errors of a
 * commit.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_flush(struct sfs_raw_file *file);

/**
 * May somebody be writing a file: has it open to write, or mapped, in this process or any other? (A mapping
 * outlives its descriptor, and a program that a killed daemon served goes on.) Also true where the file system
 * can not tell. A program that opens the plain file to write just then waits a moment.
 */
SFS_API bool sfs_raw_is_written(struct sfs_store *store, uint64_t ino);

/** Attributes of an open file, also after its last name was removed (nlink 0). */
SFS_API SFS_MUST_CHECK int sfs_raw_file_stat(struct sfs_raw_file *file, struct sfs_attr *ret);

/**
 * Read at an offset. *ret_len is less than len only at the end of the file.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_read(struct sfs_raw_file *file, uint64_t off, void *dst,
					size_t len, size_t *ret_len);

/**
 * Write at an offset, all of it or an error; *ret_len says how much was written also on error.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_write(struct sfs_raw_file *file, uint64_t off, const void *src,
					 size_t len, size_t *ret_len);

/** Make content, name and attributes survive a power cut. */
SFS_API SFS_MUST_CHECK int sfs_raw_sync(struct sfs_raw_file *file);

/*
 * Metadata: key → value, in the order of setting. Keys are 1..255 bytes; a value is at most 64 KiB, all
 * of one raw together at most 1 MiB. Values are set and read as text (or any bytes). Where the definition
 * of the class gives a key a type, the text must mean a value of that type, and it is kept as such: a
 * number, a list, …; what is read is its text again, JSON for all that is no text.
 */

/** Append the value of a key to ret. Returns 0, SFS_ERR_NOT_FOUND (raw or key). */
SFS_API SFS_MUST_CHECK int sfs_raw_meta_get(struct sfs_store *store, uint64_t ino,
					    struct sfs_span key, struct sfs_buf *ret);

enum sfs_meta_flags {
	SFS_META_CREATE = 1u << 0,  /* SFS_ERR_EXISTS when the key is there */
	SFS_META_REPLACE = 1u << 1, /* SFS_ERR_NOT_FOUND when it is not */
};

/**
 * Set a key. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_EXISTS, SFS_ERR_LIMIT, SFS_ERR_INVALID (it does not fit
 * its type, or the key is reserved: oid, type, updates, storefs.…; diag: expected and found).
 */
SFS_API SFS_MUST_CHECK int sfs_raw_meta_set(struct sfs_store *store, uint64_t ino,
					    struct sfs_span key, struct sfs_span value,
					    unsigned flags, struct sfs_diag *diag);

/**
 * Append all metadata as one document, values with their types: in JSON the very text that was saved with
 * SFS_PUT_KEEP_TEXT, until metadata changes otherwise. Returns 0, SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_meta_document(struct sfs_store *store, uint64_t ino,
						 enum sfs_format format, struct sfs_buf *ret);

/** Metadata as a document. */
struct sfs_raw_meta_put {
	enum sfs_format format;
	struct sfs_span text;
	/* SFS_PUT_MERGE: keys that it does not have stay as they are. SFS_PUT_KEEP_TEXT. */
	unsigned flags;
};
/**
 * Save metadata as one document: it takes the place of all that there was. It must fit the definition of the
 * class as a document of an object must; "oid" (the path) and "type" may stand in it and must be right. The
 * same document changes nothing.
 * Returns 0, SFS_ERR_BAD_DOCUMENT (diag: line, column, what was expected; nothing changed), SFS_ERR_LIMIT,
 * SFS_ERR_NOT_FOUND, errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_meta_put(struct sfs_store *store, uint64_t ino,
					    const struct sfs_raw_meta_put *put,
					    struct sfs_diag *diag);

/** Update times of a raw, in ns; 0: never. */
struct sfs_raw_updates {
	int64_t data_ns; /* of the bytes: the mtime of the plain file, whoever wrote it */
	int64_t meta_ns; /* of the metadata */
	int64_t oid_ns;  /* the later one */
	int64_t saved_ns; /* when the document of the metadata changed last, if only in white space; of
			   * one that never did when the raw was made */
};
/** Returns 0 or SFS_ERR_NOT_FOUND. */
SFS_API SFS_MUST_CHECK int sfs_raw_updated(struct sfs_store *store, uint64_t ino,
					   struct sfs_raw_updates *ret);

/**
 * The path of anything in the tree of a raw class, from the class on; of a file with several names one.
 * @ret  appended to; nothing for the class's directory. Returns 0 or SFS_ERR_NOT_FOUND.
 */
SFS_API SFS_MUST_CHECK int sfs_raw_path(struct sfs_store *store, uint64_t ino, struct sfs_buf *ret);

/** Append all keys to ret, each with a NUL at its end. Returns 0, SFS_ERR_NOT_FOUND. */
SFS_API SFS_MUST_CHECK int sfs_raw_meta_list(struct sfs_store *store, uint64_t ino,
					     struct sfs_buf *ret);

/** Remove a key. Returns 0, SFS_ERR_NOT_FOUND. */
SFS_API SFS_MUST_CHECK int sfs_raw_meta_remove(struct sfs_store *store, uint64_t ino,
					       struct sfs_span key);

#ifdef __cplusplus
}
#endif
#endif
