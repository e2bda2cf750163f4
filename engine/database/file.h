/*
 * Files of databases: read as a snapshot that nobody can change under us, and written atomically.
 *
 * Others write in place while we read, and read while we write. So a file is copied before it is
 * looked at, and is taken only if it did not change meanwhile; and it is written beside and then
 * exchanged with the one that is there.
 */
#ifndef SFSI_DATABASE_FILE_H
#define SFSI_DATABASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

struct stat;

/** Extension of a database's file. */
#define SFSI_DATABASE_EXTENSION ".mpack"

/** What tells whether a file is still the one that was read or written. Zeroed: there is no file. */
struct sfsi_file_stamp {
	uint64_t device, inode, size;
	int64_t mtime_ns, ctime_ns;
};

void sfsi_file_stamp_of(const struct stat *stat, struct sfsi_file_stamp *ret);
/** Stamp of a file; zeroed when there is none. SFS_ERR_IO and the like. */
SFS_MUST_CHECK int sfsi_file_stamp_read(int dir_fd, const char *name, struct sfsi_file_stamp *ret);
static inline bool sfsi_file_stamp_equal(const struct sfsi_file_stamp *a,
					 const struct sfsi_file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/** Content of a file at one moment. Zeroed: none. */
struct sfsi_snapshot {
	struct sfs_span bytes;
	struct sfsi_file_stamp stamp;
	uint32_t mode, uid, gid;
	void *memory; /* private */
	bool mapped;
};

/**
 * Read a file.
 * @temp_fd  a folder where a large copy may lie for a moment; -1: in memory.
 * Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_BUSY (somebody writes it all the time), SFS_ERR_LIMIT (over SFS_BUF_MAX),
 * SFS_ERR_IO and the like.
 */
SFS_MUST_CHECK int sfsi_snapshot_read(int dir_fd, const char *name, int temp_fd,
				      struct sfsi_snapshot *ret);
void sfsi_snapshot_fini(struct sfsi_snapshot *snapshot);

/** A file that is being written beside the one that it will replace. */
struct sfsi_file_writer {
	int dir_fd; /* borrowed */
	int fd;
	char temp[40];
	struct sfs_span old; /* what is compared while it is written */
	uint64_t len;
	bool same; /* as old, so far */
	struct sfs_buf buf;
};

/** Begin to write what shall become the file of that name; what a crash left of an earlier one goes. */
SFS_MUST_CHECK int sfsi_file_begin(int dir_fd, const char *name, struct sfs_span old,
				   struct sfsi_file_writer *ret);
SFS_MUST_CHECK int sfsi_file_put(struct sfsi_file_writer *writer, struct sfs_span bytes);
/** All of it is there and no byte differs from old: there is nothing to do but to abort. */
bool sfsi_file_is_same(const struct sfsi_file_writer *writer);
/**
 * Put it in place, durably. What was there before is at writer->temp then, for the caller to move away or
 * remove.
 * @like  attributes to take, those of the file that is there; stamp zeroed: there is none, then the mode
 *        is 0666 without the umask.
 * @ret   stamp of the file.
 * SFS_ERR_EXISTS: there was no file, but now there is. On failure the old file is in place. The writer has ended in any case.
 */
SFS_MUST_CHECK int sfsi_file_commit(struct sfsi_file_writer *writer, const char *name,
				    const struct sfsi_snapshot *like, struct sfsi_file_stamp *ret);
/**
 * Let two files change places. Where the file system can not do that at once there is no file of that name for a
 * moment.
 */
SFS_MUST_CHECK int sfsi_file_swap(int dir_fd, const char *temp, const char *name);
/** Forget it. */
void sfsi_file_abort(struct sfsi_file_writer *writer);

/** Remove what a crash left beside a file: ours, and a temporary file of the Python program. */
void sfsi_file_clean(int dir_fd, const char *name);

#endif
