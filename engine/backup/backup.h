/*
 * Inside of backups, shared by the files of this folder.
 *
 *   place.c    the folder that backups are in: lock, names, what is left of interrupted work
 *   copy.c     copying one file, with its hash
 *   files.c    files.ndjson: what a backup consists of
 *   take.c     taking one
 *   verify.c   reading one whole
 *   fresh.c    reading what is new in one
 *   before.c   (before.h) one before something that may lose what is there
 *   prune.c    which are kept
 *   restore.c  a store from one; in_place.c: in the place of another
 *   schedule.c taking them from time to time
 *   find.c     which one is meant by a name or a time
 */
#ifndef SFSI_BACKUP_H
#define SFSI_BACKUP_H

#include <stdio.h>
#include <sys/stat.h>
#include <storefs/backup.h>
#include <storefs/content.h>
#include "backup/before.h"
#include "base/map.h"
#include "mirror/frozen.h"

#define SFSI_BACKUP_POOL "pool"
#define SFSI_BACKUP_FILES "files.ndjson"
#define SFSI_BACKUP_VALID "VALID"
#define SFSI_BACKUP_TEMP ".tmp"
/** Longest path of a file of ours in a backup, and of a name in the pool. */
#define SFSI_BACKUP_PATH 256

/* --- place.c --- */

/** The folder of backups, open; ends with sfsi_backup_place_close(). */
struct sfsi_backup_place {
	const char *path; /* borrowed */
	int fd, pool_fd, lock_fd;
};

#define SFSI_BACKUP_PLACE_INIT { NULL, -1, -1, -1 }

/**
 * Open the folder.
 * @change  take the lock (SFS_ERR_BUSY), make what is missing and remove what was interrupted.
 */
SFS_MUST_CHECK int sfsi_backup_place_open(struct sfsi_backup_place *place, const char *path,
					  bool change, struct sfs_diag *diag);
void sfsi_backup_place_close(struct sfsi_backup_place *place);

/** Time of a name; false: it is none of a backup. */
bool sfsi_backup_time(const char *name, int64_t *ret_ns);
void sfsi_backup_name(int64_t time_ns, char ret[SFS_BACKUP_NAME_SIZE]);

/** All backups of a place in the order of their numbers. *ret is freed with free(). */
SFS_MUST_CHECK int sfsi_backup_list(const struct sfsi_backup_place *place, struct sfs_backup **ret,
				    size_t *ret_count);

/* --- schedule.c --- */

/** That of a store's folder; all 0 when it has none. @dir_fd  -1: a memory store. @path  for diag. */
SFS_MUST_CHECK int sfsi_backup_schedule_read(int dir_fd, const char *path,
					     struct sfs_backup_schedule *ret,
					     struct sfs_diag *diag);

/* --- copy.c --- */

/** What goes on while files are copied. */
struct sfsi_copying {
	const struct sfs_backup_config *config;
	uint64_t files, bytes; /* so far */
	int64_t start_ns;
	int reserve_fd; /* on the disk that must not get full; -1: no matter */
	bool reading;   /* nothing is copied: it counts for nothing, and has no limit */
};

void sfsi_copying_init(struct sfsi_copying *copying, const struct sfs_backup_config *config,
		       int reserve_fd);

enum sfsi_copy_flags {
	SFSI_COPY_SHARE = 1u << 0, /* both may share blocks where the file system can */
	SFSI_COPY_COLD = 1u << 1,  /* nobody uses the source: it is read around the page cache */
	SFSI_COPY_KEEP = 1u << 2,  /* the copy is read soon: it is written through the page cache */
};
/**
 * Copy all of one descriptor to another, which is empty; holes stay holes, times and mode are those of the
 * source. Both may go around the page cache from then on.
 */
SFS_MUST_CHECK int sfsi_copy_bytes(struct sfsi_copying *copying, int from, int to, unsigned flags,
				   uint64_t *ret_size, char ret_hash[SFS_HASH_SIZE]);
/** Make the folders that a path is in. SFS_ERR_LIMIT. */
SFS_MUST_CHECK int sfsi_backup_make_folders(int at, const char *path, unsigned mode);
/** Read a file and give its hash, and its CRC-32C where ret_sum is not NULL. It is read around the page cache. */
SFS_MUST_CHECK int sfsi_copy_hash(struct sfsi_copying *copying, int from, uint64_t *ret_size,
				  char ret_hash[SFS_HASH_SIZE], uint32_t *ret_sum);

/* --- files.c --- */

/** One file of a backup; all borrowed for a call. */
struct sfsi_backup_file {
	const char *path; /* in the backup; shorter than SFSI_FROZEN_PATH */
	uint64_t size;
	const char *hash;
	const char *stamp; /* which state of which file of the store it is; "": always copied */
	const char *pool;  /* its name in the pool; "": it is not in there */
	const char *
		seen; /* sfsi_backup_stamp() of the file in the pool when it was as it was written; "": not known */
	bool fresh; /* only when it is written: it was not read since */
};

/** Writes files.ndjson. */
struct sfsi_backup_writer {
	FILE *out;
	uint64_t sum; /* over all lines */
	uint64_t files, bytes;
	struct sfs_buf fresh; /* a bit for each file, in the order of the lines */
};

/** Which state of a file of the pool, or of a table of a store, it is: its links come and go, which changes the ctime. */
void sfsi_backup_stamp(const struct stat *stat, char ret[SFSI_BACKUP_PATH]);

SFS_MUST_CHECK int sfsi_backup_writer_open(struct sfsi_backup_writer *writer, int dir_fd);
SFS_MUST_CHECK int sfsi_backup_writer_add(struct sfsi_backup_writer *writer,
					  const struct sfsi_backup_file *file);
void sfsi_backup_writer_fini(struct sfsi_backup_writer *writer);
/** The last line: figures, and the sum over all lines. Closes; also after an error. */
SFS_MUST_CHECK int sfsi_backup_writer_end(struct sfsi_backup_writer *writer,
					  struct sfs_backup *backup, int err);

typedef int sfsi_backup_file_fn(void *arg, const struct sfsi_backup_file *file);
/**
 * Read files.ndjson: fn for each file (may be NULL), then the figures.
 * Returns 0, an error of fn, SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT (its sum is wrong), SFS_ERR_IO.
 */
SFS_MUST_CHECK int sfsi_backup_read(int dir_fd, sfsi_backup_file_fn *fn, void *arg,
				    struct sfs_backup *ret, struct sfs_diag *diag);
/** Only the figures, from its last line. */
SFS_MUST_CHECK int sfsi_backup_figures(int dir_fd, struct sfs_backup *ret);

/* --- verify.c --- */

/** Is a file what it was? @ret_sum  its CRC-32C; may be NULL. SFS_ERR_CORRUPT, SFS_ERR_IO, SFS_ERR_CANCELLED. */
SFS_MUST_CHECK int sfsi_backup_compare(struct sfsi_copying *copying, int dir_fd,
				       const struct sfsi_backup_file *file, uint32_t *ret_sum,
				       struct sfs_diag *diag);
/** Open a folder as a store and read all records. */
SFS_MUST_CHECK int sfsi_backup_read_store(const char *path, bool read_only,
					  const struct sfs_backup *backup, struct sfs_diag *diag);
/**
 * Which files of a backup are no longer what was written: they leave the pool, so that the next backup
 * copies them anew. *ret_count: how many.
 */
SFS_MUST_CHECK int sfsi_backup_drop_damaged(const struct sfsi_backup_place *place, int dir_fd,
					    struct sfsi_copying *copying, uint64_t *ret_count);
/** Say that a backup was read whole, or that it can not be any more. */
SFS_MUST_CHECK int sfsi_backup_set_valid(int dir_fd, bool valid);

/* --- restore.c --- */

/**
 * Of the backup of a folder of another program what was in its sidecar, compared, into an empty folder.
 * SFS_ERR_CORRUPT, SFS_ERR_CONFLICT (it is none of such a folder).
 */
SFS_MUST_CHECK int sfsi_backup_restore_sidecar(const char *folder, const char *name, int to_fd,
					       struct sfs_diag *diag);

/* --- in_place.c --- */

/**
 * Do what a kill left of a restore in place. The store is locked.
 * @path  absolute. @sidecar  the folder in it that a mirror has its own in, or NULL.
 */
SFS_MUST_CHECK int sfsi_backup_in_place_settle(const char *path, const char *sidecar,
					       struct sfs_diag *diag);

/* --- fresh.c --- */

/** A backup that is not one yet. */
struct sfsi_backup_fresh {
	struct sfsi_copying *copying;
	int dir_fd;
	const char *path;
	const struct sfs_backup *backup; /* what must be in it */
	const struct sfs_buf *fresh;     /* as in sfsi_backup_writer */
	struct sfs_diag *diag;
};
/**
 * Read what was not read since it was written. The rest has to be as it was seen to be right, the tables those that the
 * engine wrote and no others, and the counts those of the store.
 * @ret_sure  false: nothing is wrong, but this does not say that all is right: read all records.
 */
SFS_MUST_CHECK int sfsi_backup_check_fresh(const struct sfsi_backup_fresh *fresh, bool *ret_sure);

/* --- prune.c --- */

/** The lock is held. @spare  a name that stays in any case; NULL: none. */
SFS_MUST_CHECK int sfsi_backup_prune_locked(const struct sfsi_backup_place *place,
					    const struct sfs_backup_keep *keep, const char *spare,
					    uint64_t *ret_removed);

#endif
