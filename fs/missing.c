/*
 * Names that are missing: see missing.h. A table of hashes, one for each slot: when another name has
 * the slot, the kernel is not allowed to remember the new one, which only costs it a request.
 */
#include <stdlib.h>
#include "missing.h"
#include "name.h"

#define SLOTS 16384

struct fs_missing {
	_Atomic uint64_t slots[SLOTS]; /* hash of directory and name; 0: free */
	atomic_uint count;             /* that are not free */
};

int fs_missing_start(struct fs *fs)
{
	fs->missing = calloc(1, sizeof *fs->missing);
	return fs->missing ? 0 : SFS_ERR_NO_MEMORY;
}

void fs_missing_stop(struct fs *fs)
{
	free(fs->missing);
	fs->missing = NULL;
}

static uint64_t hash_of(uint64_t dir, struct sfs_span name)
{
	return fs_name_hash(name, dir) | 1;
}

static _Atomic uint64_t *slot_of(struct fs *fs, uint64_t hash)
{
	return &fs->missing->slots[hash >> 1 & (SLOTS - 1)];
}

bool fs_missing_keep(struct fs *fs, uint64_t dir, struct sfs_span name)
{
	uint64_t hash = hash_of(dir, name), free_slot = 0;
	/* No object is named like this. */
	if (name.len == 0 || *(const char *)name.data == '.' || *(const char *)name.data == '#')
		return true;
	_Atomic uint64_t *slot = slot_of(fs, hash);
	if (atomic_compare_exchange_strong(slot, &free_slot, hash)) {
		atomic_fetch_add(&fs->missing->count, 1);
		return true;
	}
	return free_slot == hash;
}

bool fs_missing_take(struct fs *fs, uint64_t dir, struct sfs_span name)
{
	if (!fs->missing || atomic_load(&fs->missing->count) == 0)
		return false;
	uint64_t hash = hash_of(dir, name);
	if (!atomic_compare_exchange_strong(slot_of(fs, hash), &hash, 0))
		return false;
	atomic_fetch_sub(&fs->missing->count, 1);
	return true;
}
