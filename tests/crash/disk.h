/*
 * The files of a store as the log tells them: what was done to each file and folder, and how
 * much of that a sync has made safe.
 */
#ifndef CRASH_DISK_H
#define CRASH_DISK_H

#include "log.h"

/** A change of a file's bytes. */
struct data_op {
	uint64_t position; /* in the log */
	uint64_t off, len; /* data NULL: the new size is off */
	const void *data;
};

enum entry_change { ENTRY_ADD, ENTRY_REMOVE, ENTRY_MOVE_OUT };

/** A change of a folder's entries. */
struct entry_op {
	uint64_t position; /* the same for both halves of a rename */
	enum entry_change change;
	struct inode *inode;
	char *name, *to; /* to: the new name, where a rename stays in the folder */
};

struct inode {
	struct inode *chain;
	uint64_t ino, number; /* number: in the order of making */
	bool is_dir;
	bool is_log; /* RocksDB's write-ahead log */
	struct data_op *data;
	size_t data_count, data_cap;
	struct entry_op *entries;
	size_t entry_count, entry_cap;
	uint64_t synced; /* what was done before this position of the log is on disk */
	char *path;      /* where it was put, when it was */
};

struct disk {
	struct inode *buckets[4096];
	struct inode *root;
	uint64_t inodes;
	uint64_t start;  /* of what was recorded: all before was on disk */
	uint64_t synced; /* the newest beginning of any sync */
};

enum ignore { IGNORE_NONE, IGNORE_ALL, IGNORE_LOGS };

/** Read the log up to a position. */
void disk_read(struct disk *disk, const struct log_map *map, uint64_t position, enum ignore ignore);

/** Memory or the end of the program. */
void *must_have(void *memory);

#endif
