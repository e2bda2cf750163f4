/*
 * Backups in the mount: .storefs/backups/NAME is the whole tree as it was. docs/backups.md is for users.
 *
 * A backup that is looked into has a slot, and in it a struct fs with an own read-only store, own views and
 * own handles: the handlers of the store itself serve it. The slot is in bits 52..59 of the node ids that the
 * kernel has of it; route.c takes them off and puts the right struct fs in front of the handlers, and replies
 * put them on again. Live nodes pay one comparison.
 *
 * The store of a slot is closed when nothing was asked of it for a while and nothing in it is open; the next
 * request opens it again. The slot stays with its backup as long as the kernel knows a node of it, so a
 * node never becomes one of another backup. When slots run short the kernel is told to forget the one that was
 * used longest ago.
 */
#ifndef FS_BACKUPS_H
#define FS_BACKUPS_H

#include "daemon.h"
#include <storefs/backup.h>

struct fs_backup;

int fs_backups_start(struct fs *fs);
/** Ends the thread that closes; call it while requests are still being served. */
void fs_backups_stop(struct fs *fs);
/** Closes all of them, when no request runs any more. */
void fs_backups_free(struct fs *fs);

/* --- which there are (backup_list.c); errors: SFS_ERR_NOT_FOUND, or of reading the folders --- */

/** A valid backup. */
struct fs_backup_entry {
	char name[SFS_BACKUP_NAME_SIZE];
	int64_t time_ns;
	char folder[4096]; /* absolute */
};

/** Nonzero stops. Must be quick and not ask for backups: a lock is held. */
typedef int fs_backup_fn(void *arg, const struct fs_backup_entry *entry);
/**
 * All valid ones of the store's folder, then of its schedule's folder, each in the order in which they were taken.
 * A folder that is not there has none. An error comes after what could be read.
 */
int fs_backups_each(struct fs *fs, fs_backup_fn *fn, void *arg);
/** By its name. *ret_invalid: it is there, but is not valid. */
int fs_backups_find(struct fs *fs, struct sfs_span name, struct fs_backup_entry *ret,
		    bool *ret_invalid);
/** The one that was taken last. */
int fs_backups_latest(struct fs *fs, struct fs_backup_entry *ret);
/** The last one that was taken at a time or before. *ret_first: none is so old, and this is the oldest one. */
int fs_backups_at(struct fs *fs, int64_t time_ns, struct fs_backup_entry *ret,
		  struct fs_backup_entry *ret_first);

/** Lists of the folders, remembered. */
struct fs_backup_lists;
struct fs_backup_lists *fs_backup_lists_new(void);
void fs_backup_lists_free(struct fs_backup_lists *lists);

/* --- looking into one (backups.c) --- */

/**
 * Come to the backup of a node that leads away, and open it where it is closed; node becomes the one inside.
 * @ret  NULL: the node is one of the live store after all. Else its fs_backups_leave() must follow.
 * Returns 0, SFS_ERR_NOT_FOUND (the slot or the backup is gone), or why it can not be opened, which has
 * left its line in errors.ndjson.
 */
int fs_backups_enter(struct fs *fs, uint64_t *node, struct fs_backup **ret);
/** What the handlers get. */
struct fs *fs_backup_fs(struct fs_backup *backup);
void fs_backups_leave(struct fs_backup *backup);

/** The kernel forgot a node of a backup so many times. @node  with its slot. */
void fs_backups_forget(struct fs *fs, uint64_t node, uint64_t count);

/* Inside: what both files have. */
struct fs_backup_lists *fs_backups_lists(const struct fs *fs);

#endif
