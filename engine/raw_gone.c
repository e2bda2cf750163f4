/*
 * What has no name any more and no bytes: directories, symlinks, FIFOs and sockets that somebody may
 * still hold, as a working directory or as an open FIFO. Nobody opens them here: who wants to know them on
 * says so, and says what it lets go (the daemon, when the kernel forgets).
 */
#include "raw.h"

#define BUCKETS 256
/** So many are remembered, should they never be forgotten. */
#define GONE_MAX 4096

struct gone_inode {
	struct gone_inode *chain;
	uint64_t ino;
	struct sfsi_inode inode; /* without text */
};

struct sfsi_gone {
	struct gone_inode *buckets[BUCKETS]; /* protected by open_lock, as ring and next */
	uint64_t ring[GONE_MAX]; /* in the order in which they went; some are forgotten */
	size_t next;
	_Atomic size_t count;
};

int sfs_raw_remember(struct sfs_store *store)
{
	if (!store->gone)
		store->gone = calloc(1, sizeof *store->gone);
	return store->gone ? 0 : SFS_ERR_NO_MEMORY;
}

static struct gone_inode **place_locked(struct sfsi_gone *gone, uint64_t ino)
{
	struct gone_inode **at = &gone->buckets[ino % BUCKETS];
	while (*at && (*at)->ino != ino)
		at = &(*at)->chain;
	return at;
}

static void drop_locked(struct sfsi_gone *gone, uint64_t ino)
{
	struct gone_inode **at = place_locked(gone, ino), *found = *at;
	if (!found)
		return;
	*at = found->chain;
	free(found);
	atomic_fetch_sub(&gone->count, 1);
}

void sfsi_gone_fini(struct sfs_store *store)
{
	struct sfsi_gone *gone = store->gone;
	for (size_t i = 0; gone && i < GONE_MAX; i++)
		drop_locked(gone, gone->ring[i]);
	free(gone);
	store->gone = NULL;
}

void sfsi_gone_add(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode)
{
	struct sfsi_gone *gone = store->gone;
	struct gone_inode *made = gone ? malloc(sizeof *made) : NULL;
	/* Who holds it learns without memory that it is stale. */
	if (!made)
		return;
	*made = (struct gone_inode){ .ino = ino, .inode = *inode };
	made->inode.text = made->inode.name = (struct sfs_span){ "", 0 };
	SFSI_LOCK_SCOPE(&store->open_lock);
	uint64_t *oldest = &gone->ring[gone->next++ % GONE_MAX];
	drop_locked(gone, *oldest);
	*oldest = ino;
	*place_locked(gone, ino) = made;
	atomic_fetch_add(&gone->count, 1);
}

int sfsi_gone_get_locked(struct sfs_store *store, uint64_t ino, struct sfsi_inode *ret)
{
	const struct gone_inode *found = store->gone ? *place_locked(store->gone, ino) : NULL;
	if (!found)
		return SFS_ERR_NOT_FOUND;
	*ret = found->inode;
	return 0;
}

int sfsi_gone_set_locked(struct sfs_store *store, uint64_t ino, const struct sfsi_inode *inode)
{
	struct gone_inode *found = store->gone ? *place_locked(store->gone, ino) : NULL;
	if (!found)
		return SFS_ERR_NOT_FOUND;
	found->inode = *inode;
	return 0;
}

void sfs_raw_forget(struct sfs_store *store, uint64_t ino)
{
	if (!store->gone || !atomic_load_explicit(&store->gone->count, memory_order_relaxed))
		return;
	SFSI_LOCK_SCOPE(&store->open_lock);
	drop_locked(store->gone, ino);
}
