/*
 * Plain files of raws: where they are, which are open, and what waits to be removed.
 */
#ifndef SFSI_OPEN_H
#define SFSI_OPEN_H

#include "store_private.h"

struct sfsi_txn;
struct stat;

/** Make the table of open files. */
SFS_MUST_CHECK int sfsi_open_init(struct sfs_store *store);
void sfsi_open_fini(struct sfs_store *store);

/** Remove what a crash left: bytes of removed raws (table Z). */
SFS_MUST_CHECK int sfsi_reaped_sweep(struct sfs_store *store);
/** A class is being removed: if bytes of it wait for removal, note it for the sweep. */
SFS_MUST_CHECK int sfsi_reaped_leave(struct sfsi_txn *txn, uint32_t class_id);
/* Z records whose bytes are gone ride along with the next commit of the same class. */
SFS_MUST_CHECK int sfsi_reaped_collect(struct sfsi_txn *txn);
void sfsi_reaped_restore(struct sfsi_txn *txn);
void sfsi_reaped_done(struct sfsi_txn *txn);

/** Give raws of the tail that a power cut left without bytes an empty plain file. */
SFS_MUST_CHECK int sfsi_bytes_recover(struct sfs_store *store);

/** Remove plain files that a crash left without a commit that names them. Best effort. */
void sfsi_bytes_collect(struct sfs_store *store);

/** Make an empty plain file for an inode number; replaces one that a crash left. */
SFS_MUST_CHECK int sfsi_bytes_create(struct sfs_store *store, uint64_t ino);
/** Open it. */
SFS_MUST_CHECK int sfsi_bytes_open(struct sfs_store *store, uint64_t ino, bool writable,
				   int *ret_fd);
/** fstat of it. SFS_ERR_CORRUPT when it is missing. */
SFS_MUST_CHECK int sfsi_bytes_stat(struct sfs_store *store, uint64_t ino, struct stat *ret);
/** Remove it. Best effort: the sweep comes again. */
void sfsi_bytes_remove(struct sfs_store *store, uint64_t ino);
/** Size and times of it (the other members of set are not looked at). */
SFS_MUST_CHECK int sfsi_bytes_set(struct sfs_store *store, uint64_t ino,
				  const struct sfs_setattr *set);
/** fdatasync of it and of its folder. Missing is no error. */
SFS_MUST_CHECK int sfsi_bytes_sync(struct sfs_store *store, uint64_t ino);
/** The same for many; sorts them. Each folder is synced once. */
SFS_MUST_CHECK int sfsi_bytes_sync_all(struct sfs_store *store, uint64_t *inos, size_t count);

/* --- bytes that are in the files of a mirror, as data.blob --- */

/** They are made: put them there. @path  below root_fd. SFS_ERR_NOT_FOUND: they are not where new ones are. */
SFS_MUST_CHECK int sfsi_bytes_place(struct sfs_store *store, uint64_t ino, int root_fd,
				    const char *path);
/** They go, once nobody has them open. */
SFS_MUST_CHECK int sfsi_bytes_adopt(struct sfs_store *store, uint64_t ino, int root_fd,
				    const char *path);
/** Mode and owner of the raw, for those who see the file itself. Best effort; only there. */
void sfsi_bytes_dress(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode);

/** The times of it for futimens(2); false: none are given. */
bool sfsi_bytes_times(const struct sfs_setattr *set, struct timespec ret[2]);

/** Sizes and times from the plain file into attributes. */
void sfsi_bytes_attr(const struct stat *stat, struct sfs_attr *attr);

/**
 * The last name of a file was removed by the newest commit: its bytes go when that is synced and the
 * file is closed for the last time. @inode its last state. Call with the commit lock held.
 */
void sfsi_open_orphan(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode);

/** The same of a raw that is in the trash now: its bytes stay, whoever closes it. */
void sfsi_open_kept(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode);
/** A raw came out of the trash: it has a name again. */
void sfsi_open_named(struct sfs_store *store, uint64_t ino);
/** The bytes of a file that has no name and is not open: they go when this commit is synced. */
void sfsi_bytes_unwanted(struct sfs_store *store, uint64_t ino, uint64_t commit);
/** Is the disk with the plain files nearly full? */
bool sfsi_bytes_low(const struct sfs_store *store);

/* --- raw_small.c: small files, whose bytes are in their inode --- */

/** So many bytes a scratch file has at most in its inode. */
#define SFSI_SMALL_MAX ((size_t)32 << 10)

/** The bytes of a small file that is open, as all see them who have it open. Counted. */
struct sfsi_small;
SFS_MUST_CHECK int sfsi_small_new(const struct sfsi_inode *inode, struct sfsi_small **ret);
/** One more reference; accepts NULL, as sfsi_small_unref() does. */
struct sfsi_small *sfsi_small_ref(struct sfsi_small *small);
void sfsi_small_unref(struct sfsi_small *small);
/** A reference to that of an inode number, or NULL. */
struct sfsi_small *sfsi_open_small(struct sfs_store *store, uint64_t ino);

/** The plain file that it outgrew into; -1: it is small. */
int sfsi_small_fd(const struct sfsi_small *small);
/** Read. False: it outgrew, read its plain file. */
bool sfsi_small_read(struct sfsi_small *small, uint64_t off, void *dst, size_t len,
		     size_t *ret_len);
/** Write. *ret_done false: it outgrew (perhaps just now), write to its plain file. */
SFS_MUST_CHECK int sfsi_small_write(struct sfs_store *store, uint64_t ino, struct sfsi_small *small,
				    uint64_t off, struct sfs_span bytes, bool *ret_done);
/** Commit what was written. */
SFS_MUST_CHECK int sfsi_small_store(struct sfs_store *store, uint64_t ino,
				    struct sfsi_small *small);
/** Give it a plain file, if it has none. */
SFS_MUST_CHECK int sfsi_small_outgrow(struct sfs_store *store, uint64_t ino,
				      struct sfsi_small *small);

/** What is open of a small file, and not stored, into its inode; the bytes into buf. */
SFS_MUST_CHECK int sfsi_small_overlay(struct sfs_store *store, uint64_t ino, struct sfs_buf *buf,
				      struct sfsi_inode *inode);
/** Size and times into attributes, which have its ino. */
SFS_MUST_CHECK int sfsi_small_attr(struct sfs_store *store, const struct sfsi_inode *inode,
				   struct sfs_attr *attr);
/** Size and times inside a change. The inode's text is in buf before and after. */
SFS_MUST_CHECK int sfsi_small_set(struct sfs_store *store, uint64_t ino,
				  const struct sfs_setattr *set, struct sfs_buf *buf,
				  struct sfsi_inode *inode);

/** Has anybody it open for writing, or mapped: also another program, behind our back? */
bool sfsi_open_written(struct sfs_store *store, uint64_t ino);
/** Where its plain file is below raw/. */
#define SFSI_BYTES_PATH 40
void sfsi_bytes_path(uint64_t ino, char ret[SFSI_BYTES_PATH]);

/** Remove the bytes whose end was committed and synced: by commits up to this one. */
void sfsi_bytes_reap(struct sfs_store *store, uint64_t synced);
/** Bytes that are to go stay until they are no longer held: a backup may still want them. */
void sfsi_bytes_hold(struct sfs_store *store, bool hold);

/** The inode of an open file without names, or of anything else that is gone. SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_open_orphan_get(struct sfs_store *store, uint64_t ino,
					struct sfsi_inode *ret);
/** Change it (owner, mode). SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_open_orphan_set(struct sfs_store *store, uint64_t ino,
					const struct sfsi_inode *inode);

/** Enter a file that was made without a name as open once, until sfsi_open_release(). */
SFS_MUST_CHECK int sfsi_open_unnamed(struct sfs_store *store, uint64_t ino,
				     const struct sfsi_inode *inode);
/** Open such a file once more, if it is one. Returns whether. */
bool sfsi_open_hold(struct sfs_store *store, uint64_t ino);
/** Close it; @named: it has a name now, and its bytes stay. */
void sfsi_open_release(struct sfs_store *store, uint64_t ino, bool named);

/* --- raw_gone.c: what has neither a name nor bytes, and may still be held; see sfs_raw_remember() --- */

void sfsi_gone_fini(struct sfs_store *store);
void sfsi_gone_add(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode);
SFS_MUST_CHECK int sfsi_gone_get_locked(struct sfs_store *store, uint64_t ino,
					struct sfsi_inode *ret);
SFS_MUST_CHECK int sfsi_gone_set_locked(struct sfs_store *store, uint64_t ino,
					const struct sfsi_inode *inode);

#endif
