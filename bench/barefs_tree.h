/*
 * The tree of barefs: names, nodes and content in memory. Knows no FUSE.
 *
 * One lock protects everything: take it with tree_lock() before any other call, and for as long as
 * members of a node are used. Functions that can fail return 0 or an errno.
 */
#ifndef BAREFS_TREE_H
#define BAREFS_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define TREE_ROOT 1                   /* inode number of the root */
#define TREE_SMALL ((size_t)64 << 10) /* files up to here are plain memory */

struct node {
	struct stat st;      /* st_ino is never used again */
	uint64_t lookups;    /* references that the kernel holds */
	struct node *parent; /* directories only */
	bool document;       /* named *.json */

	char *mem; /* small file: [cap] bytes, the first st_size valid */
	size_t cap;
	int fd; /* larger file: its memfd; else -1 */

	struct entry **slots; /* directory: entries in order of making, NULL where removed */
	size_t slot_count, slot_cap, live;
};

struct entry {
	struct node *dir, *node;
	struct entry *chain; /* next in the same bucket of the table of names */
	size_t slot;
	char name[];
};

void tree_lock(void);
void tree_unlock(void);

/** Make the root. */
int tree_init(uid_t uid, gid_t gid);

/** The node of an inode number that the kernel may still name. */
struct node *tree_node(uint64_t ino);
struct entry *tree_find(const struct node *dir, const char *name);

int tree_make(struct node *dir, const char *name, const struct stat *like, struct node **ret);
int tree_remove(struct node *dir, const char *name, bool directory);
int tree_rename(struct node *dir, const char *name, struct node *to, const char *new_name);

/** The kernel gives references back; the node may be freed by it. */
void tree_forget(uint64_t ino, uint64_t count);

int tree_resize(struct node *node, off_t size);
/** Drops and takes the lock again while it writes to a memfd; the file must be open. */
int tree_write(struct node *node, const char *data, size_t size, off_t off);

#endif
