/*
 * From the log to files and folders: see disk.h. A number of an inode may be used again when
 * its file is gone: the log then makes a new one of it.
 */
#include "disk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *must_have(void *memory)
{
	if (!memory) {
		fputs("no memory\n", stderr);
		exit(2);
	}
	return memory;
}

static struct inode *find(const struct disk *disk, uint64_t ino)
{
	struct inode *inode = disk->buckets[ino % 4096];
	while (inode && inode->ino != ino)
		inode = inode->chain;
	return inode;
}

static struct data_op *data_add(struct inode *inode)
{
	if (inode->data_count == inode->data_cap) {
		inode->data_cap = inode->data_cap ? inode->data_cap * 2 : 8;
		inode->data = must_have(
			realloc(inode->data, inode->data_cap * sizeof *inode->data));
	}
	return &inode->data[inode->data_count++];
}

static void entry_add(struct inode *dir, struct entry_op op)
{
	if (dir->entry_count == dir->entry_cap) {
		dir->entry_cap = dir->entry_cap ? dir->entry_cap * 2 : 8;
		dir->entries = must_have(
			realloc(dir->entries, dir->entry_cap * sizeof *dir->entries));
	}
	dir->entries[dir->entry_count++] = op;
}

static char *text(const void *bytes, size_t len)
{
	return must_have(strndup(bytes, len));
}

static void entry_change(struct disk *disk, const struct log_record *r, enum entry_change change,
			 struct inode *inode)
{
	struct inode *dir = find(disk, r->head.dir);
	if (dir && inode)
		entry_add(dir, (struct entry_op){ r->position, change, inode,
						  text(r->name, r->head.name_len), NULL });
}

static void make(struct disk *disk, const struct log_record *r)
{
	struct inode *inode = must_have(calloc(1, sizeof *inode));
	inode->ino = r->head.ino;
	inode->number = disk->inodes++;
	inode->is_dir = r->head.is_dir;
	inode->is_log = r->head.name_len > 4 &&
			memcmp(r->name + r->head.name_len - 4, ".log", 4) == 0;
	inode->chain = disk->buckets[inode->ino % 4096];
	disk->buckets[inode->ino % 4096] = inode;
	if (disk->root)
		entry_change(disk, r, ENTRY_ADD, inode);
	else
		disk->root = inode;
}

static void move(struct disk *disk, const struct log_record *r)
{
	struct inode *from = find(disk, r->head.dir), *to = find(disk, (uint64_t)r->head.off);
	struct inode *inode = find(disk, r->head.ino);
	if (!from || !to || !inode)
		return;
	char *name = text(r->name, r->head.name_len), *new_name = text(r->data, r->head.data_len);
	entry_add(from, (struct entry_op){ r->position, ENTRY_MOVE_OUT, inode, name,
					   from == to ? new_name : NULL });
	if (from != to)
		entry_add(to, (struct entry_op){ r->position, ENTRY_ADD, inode, new_name, NULL });
}

static void synced(struct disk *disk, const struct log_record *r, enum ignore ignore)
{
	uint64_t began = (uint64_t)r->head.off;
	struct inode *inode = r->head.ino ? find(disk, r->head.ino) : NULL;
	bool first = disk->start == 0;
	if (first)
		disk->start = disk->synced = began;
	else if (ignore == IGNORE_ALL || (ignore == IGNORE_LOGS && inode && inode->is_log))
		return;
	else if (began > disk->synced)
		disk->synced = began;
	if (inode && inode->synced < began)
		inode->synced = began;
	for (size_t i = 0; !r->head.ino && i < 4096; i++)
		for (inode = disk->buckets[i]; inode; inode = inode->chain)
			if (inode->synced < began)
				inode->synced = began;
}

static void data_change(struct disk *disk, const struct log_record *r)
{
	struct inode *inode = find(disk, r->head.ino);
	if (inode)
		*data_add(inode) = (struct data_op){
			r->position,
			(uint64_t)r->head.off,
			r->head.data_len,
			r->head.type == LOG_WRITE ? r->data : NULL,
		};
}

static void apply(struct disk *disk, const struct log_record *r, enum ignore ignore)
{
	switch ((enum log_type)r->head.type) {
	case LOG_MAKE: make(disk, r); break;
	case LOG_WRITE:
	case LOG_SIZE: data_change(disk, r); break;
	case LOG_SYNC: synced(disk, r, ignore); break;
	case LOG_LINK: entry_change(disk, r, ENTRY_ADD, find(disk, r->head.ino)); break;
	case LOG_UNLINK: entry_change(disk, r, ENTRY_REMOVE, find(disk, r->head.ino)); break;
	case LOG_RENAME: move(disk, r); break;
	case LOG_MARK: break;
	}
}

void disk_read(struct disk *disk, const struct log_map *map, uint64_t position, enum ignore ignore)
{
	struct log_record r;
	for (uint64_t at = 0; log_next(map, at, position, &r); at = r.end)
		apply(disk, &r, ignore);
}
