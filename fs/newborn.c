/*
 * Newborns: see newborn.h. They are few (each has an open handle), so a list is enough;
 * when there are none, one atomic load says so.
 */
#include "newborn.h"
#include "table.h"

#define SERIAL_MASK (((uint64_t)1 << 36) - 1)

void fs_newborn_set_locked(struct fs_table *table, struct fs_open *open, bool newborn)
{
	open->newborn = newborn;
	if (newborn) {
		open->prev_newborn = NULL;
		open->next_newborn = table->newborns;
		if (table->newborns)
			table->newborns->prev_newborn = open;
		table->newborns = open;
		atomic_fetch_add(&table->newborn_count, 1);
		return;
	}
	if (open->next_newborn)
		open->next_newborn->prev_newborn = open->prev_newborn;
	if (open->prev_newborn)
		open->prev_newborn->next_newborn = open->next_newborn;
	else
		table->newborns = open->next_newborn;
	atomic_fetch_sub(&table->newborn_count, 1);
}

static struct fs_open *find_locked(const struct fs_table *table, uint32_t class_id,
				   struct sfs_span oid)
{
	struct fs_open *open = table->newborns;
	while (open &&
	       !(open->class_id == class_id && sfs_span_equal(sfs_buf_span(&open->oid), oid)))
		open = open->next_newborn;
	return open;
}

static int create_locked(struct fs_table *table, const struct fs_birth *birth,
			 const struct sfs_attr *attr, struct fs_open **ret)
{
	if (find_locked(table, birth->class_id, birth->oid))
		return SFS_ERR_EXISTS;
	struct sfs_buf oid = SFS_BUF_INIT;
	int err = sfs_buf_append(&oid, birth->oid.data, birth->oid.len);
	if (err < 0)
		return err;
	struct fs_open *open = fs_open_new_locked(table, attr);
	if (!open) {
		sfs_buf_fini(&oid);
		return SFS_ERR_NO_MEMORY;
	}
	open->oid = oid;
	open->name_known = birth->name_known;
	fs_newborn_set_locked(table, open, true);
	*ret = open;
	return 0;
}

int fs_newborn_create(struct fs *fs, const struct fs_birth *birth, struct fs_open **ret)
{
	int64_t now = fs_now_ns();
	struct sfs_attr attr = {
		.type = SFS_NODE_OBJECT,
		.mode = birth->mode & 07777,
		.uid = birth->uid,
		.gid = birth->gid,
		.nlink = 1,
		.atime_ns = now,
		.mtime_ns = now,
		.ctime_ns = now,
	};
	int err = sfs_ino_reserve(fs->store, birth->class_id, birth->oid, &attr.ino, &attr.number);
	if (err < 0)
		return err;
	pthread_mutex_lock(&fs->table->lock);
	err = create_locked(fs->table, birth, &attr, ret);
	pthread_mutex_unlock(&fs->table->lock);
	return err;
}

struct fs_open *fs_newborn_get(struct fs *fs, uint32_t class_id, struct sfs_span oid)
{
	struct fs_table *table = fs->table;
	if (atomic_load(&table->newborn_count) == 0)
		return NULL;
	pthread_mutex_lock(&table->lock);
	struct fs_open *open = find_locked(table, class_id, oid);
	if (open)
		open->refs++;
	pthread_mutex_unlock(&table->lock);
	return open;
}

int fs_newborn_find(struct fs *fs, uint32_t class_id, struct sfs_span oid, struct sfs_attr *ret)
{
	struct fs_table *table = fs->table;
	if (atomic_load(&table->newborn_count) == 0)
		return SFS_ERR_NOT_FOUND;
	pthread_mutex_lock(&table->lock);
	const struct fs_open *open = find_locked(table, class_id, oid);
	if (open)
		*ret = open->attr;
	pthread_mutex_unlock(&table->lock);
	return open ? 0 : SFS_ERR_NOT_FOUND;
}

bool fs_newborn_any(struct fs *fs, uint32_t class_id)
{
	struct fs_table *table = fs->table;
	if (atomic_load(&table->newborn_count) == 0)
		return false;
	pthread_mutex_lock(&table->lock);
	const struct fs_open *open = table->newborns;
	while (open && open->class_id != class_id)
		open = open->next_newborn;
	pthread_mutex_unlock(&table->lock);
	return open;
}

int fs_newborn_next(struct fs *fs, uint32_t class_id, uint64_t after, struct sfs_attr *ret,
		    struct sfs_buf *oid)
{
	struct fs_table *table = fs->table;
	if (atomic_load(&table->newborn_count) == 0)
		return SFS_ERR_NOT_FOUND;
	pthread_mutex_lock(&table->lock);
	const struct fs_open *best = NULL;
	for (const struct fs_open *open = table->newborns; open; open = open->next_newborn) {
		bool later = open->class_id == class_id && (open->ino & SERIAL_MASK) > after;
		if (later && (!best || open->ino < best->ino))
			best = open;
	}
	int err = SFS_ERR_NOT_FOUND;
	if (best) {
		*ret = best->attr;
		err = sfs_buf_append(oid, best->oid.data, best->oid.len);
	}
	pthread_mutex_unlock(&table->lock);
	return err;
}

void fs_newborn_end(struct fs *fs, struct fs_open *open, bool removed)
{
	pthread_mutex_lock(&fs->table->lock);
	if (open->newborn)
		fs_newborn_set_locked(fs->table, open, false);
	open->removed = open->removed || removed;
	pthread_mutex_unlock(&fs->table->lock);
}

int fs_newborn_rename(struct fs *fs, struct fs_open *open, struct sfs_span oid)
{
	struct sfs_buf copy = SFS_BUF_INIT;
	int err = sfs_buf_append(&copy, oid.data, oid.len);
	if (err < 0)
		return err;
	pthread_mutex_lock(&fs->table->lock);
	struct sfs_buf old = open->oid;
	open->oid = copy;
	pthread_mutex_unlock(&fs->table->lock);
	sfs_buf_fini(&old);
	return 0;
}

void fs_newborn_set(struct fs *fs, struct fs_open *open, const struct sfs_setattr *set)
{
	pthread_mutex_lock(&fs->table->lock);
	if (set->mask & SFS_SET_MODE)
		open->attr.mode = set->mode & 07777;
	if (set->mask & SFS_SET_UID)
		open->attr.uid = set->uid;
	if (set->mask & SFS_SET_GID)
		open->attr.gid = set->gid;
	if (set->mask & SFS_SET_ATIME)
		open->pending.atime_ns = set->atime_ns;
	if (set->mask & SFS_SET_MTIME)
		open->pending.mtime_ns = set->mtime_ns;
	open->pending.mask |= set->mask & (SFS_SET_ATIME | SFS_SET_MTIME);
	open->attr.ctime_ns = fs_now_ns();
	pthread_mutex_unlock(&fs->table->lock);
}
