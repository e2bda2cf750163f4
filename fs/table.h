/*
 * Inside of the table of open objects and handles: for handle.c, handle_cache.c and newborn.c.
 */
#ifndef FS_TABLE_H
#define FS_TABLE_H

#include "handle.h"

#define FS_TABLE_BUCKETS 1024
#define FS_TABLE_SERVED 65536

/** Which version of a document the page cache holds, as far as it is known. */
struct fs_served {
	uint64_t node, revision;
	bool dropped; /* the kernel has forgotten the pages of others before; else it was asked to */
};

struct fs_table {
	pthread_mutex_t lock;
	pthread_cond_t closed; /* a reader that used the page cache, or a writer, has closed */
	struct fs_open *buckets[FS_TABLE_BUCKETS];
	struct fs_handle *handles; /* all of them */
	struct fs_open *newborns;
	atomic_uint open_count;    /* read without the lock: 0 means nothing to look for */
	atomic_uint newborn_count; /* likewise */
	/* [FS_TABLE_SERVED]; NULL in a backup, which has one version of each document. */
	struct fs_served *served;
};

/** The open object of an inode number, without a reference. */
struct fs_open *fs_open_peek_locked(const struct fs_table *table, uint64_t ino);
/** Make one with a reference. NULL: no memory. */
struct fs_open *fs_open_new_locked(struct fs_table *table, const struct sfs_attr *attr);
/** Put it into or out of the list of newborns. */
void fs_newborn_set_locked(struct fs_table *table, struct fs_open *open, bool newborn);

#endif
