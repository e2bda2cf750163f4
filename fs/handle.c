/*
 * The table of open objects and handles: see handle.h. handle_cache.c says what the kernel may
 * cache of them, newborn.c keeps those that are not saved yet.
 */
#include <stdlib.h>
#include "backing.h"
#include "stream.h"
#include "table.h"
#include "view.h"

static size_t bucket_of(uint64_t ino)
{
	return (ino ^ ino >> 36) % FS_TABLE_BUCKETS;
}

int fs_table_start(struct fs *fs)
{
	fs->table = calloc(1, sizeof *fs->table);
	if (!fs->table)
		return SFS_ERR_NO_MEMORY;
	if (!fs->live)
		fs->table->served = calloc(FS_TABLE_SERVED, sizeof *fs->table->served);
	if (!fs->live && !fs->table->served) {
		free(fs->table);
		fs->table = NULL;
		return SFS_ERR_NO_MEMORY;
	}
	pthread_mutex_init(&fs->table->lock, NULL);
	pthread_cond_init(&fs->table->closed, NULL);
	return 0;
}

void fs_table_stop(struct fs *fs)
{
	struct fs_table *table = fs->table;
	if (!table)
		return;
	while (table->handles)
		fs_open_unref(fs, fs_handle_free(fs, table->handles));
	pthread_mutex_destroy(&table->lock);
	pthread_cond_destroy(&table->closed);
	free(table->served);
	free(table);
	fs->table = NULL;
}

/* --- open objects --- */

struct fs_open *fs_open_peek_locked(const struct fs_table *table, uint64_t ino)
{
	struct fs_open *open = table->buckets[bucket_of(ino)];
	while (open && open->ino != ino)
		open = open->chain;
	return open;
}

struct fs_open *fs_open_new_locked(struct fs_table *table, const struct sfs_attr *attr)
{
	struct fs_open *open = calloc(1, sizeof *open);
	if (!open)
		return NULL;
	open->ino = open->object_ino = attr->ino;
	open->class_id = sfs_ino_class(attr->ino);
	open->attr = *attr;
	open->refs = 1;
	pthread_mutex_init(&open->save, NULL);
	size_t bucket = bucket_of(attr->ino);
	open->chain = table->buckets[bucket];
	table->buckets[bucket] = open;
	atomic_fetch_add(&table->open_count, 1);
	return open;
}

struct fs_open *fs_open_find(struct fs *fs, uint64_t ino)
{
	struct fs_table *table = fs->table;
	if (atomic_load(&table->open_count) == 0)
		return NULL;
	pthread_mutex_lock(&table->lock);
	struct fs_open *open = fs_open_peek_locked(table, ino);
	if (open)
		open->refs++;
	pthread_mutex_unlock(&table->lock);
	return open;
}

int fs_open_get(struct fs *fs, const struct sfs_attr *attr, struct fs_open **ret)
{
	struct fs_table *table = fs->table;
	pthread_mutex_lock(&table->lock);
	struct fs_open *open = fs_open_peek_locked(table, attr->ino);
	if (open)
		open->refs++;
	else
		open = fs_open_new_locked(table, attr);
	pthread_mutex_unlock(&table->lock);
	*ret = open;
	return open ? 0 : SFS_ERR_NO_MEMORY;
}

bool fs_open_is_newborn(struct fs *fs, struct fs_open *open)
{
	pthread_mutex_lock(&fs->table->lock);
	bool newborn = open->newborn;
	pthread_mutex_unlock(&fs->table->lock);
	return newborn;
}

static void unhash_locked(struct fs_table *table, struct fs_open *open)
{
	struct fs_open **at = &table->buckets[bucket_of(open->ino)];
	while (*at != open)
		at = &(*at)->chain;
	*at = open->chain;
	if (open->newborn)
		fs_newborn_set_locked(table, open, false);
	atomic_fetch_sub(&table->open_count, 1);
}

void fs_open_unref(struct fs *fs, struct fs_open *open)
{
	if (!open)
		return;
	pthread_mutex_lock(&fs->table->lock);
	bool last = --open->refs == 0;
	if (last)
		unhash_locked(fs->table, open);
	pthread_mutex_unlock(&fs->table->lock);
	if (!last)
		return;
	sfs_buf_fini(&open->oid);
	pthread_mutex_destroy(&open->save);
	free(open);
}

/* --- handles --- */

static bool has_draft(const struct fs_handle *handle)
{
	return handle->kind == FS_HANDLE_WRITER || handle->kind == FS_HANDLE_SCHEMA ||
	       handle->kind == FS_HANDLE_VIEW;
}

struct fs_handle *fs_handle_new(enum fs_handle_kind kind, uint64_t node, pid_t pid)
{
	struct fs_handle *handle = calloc(1, sizeof *handle);
	if (!handle)
		return NULL;
	handle->kind = kind;
	handle->node = node;
	handle->pid = pid;
	if (has_draft(handle))
		fs_draft_init(&handle->draft, NULL);
	return handle;
}

void fs_handle_attach(struct fs *fs, struct fs_handle *handle, struct fs_open *open)
{
	struct fs_table *table = fs->table;
	pthread_mutex_lock(&table->lock);
	handle->next = table->handles;
	if (table->handles)
		table->handles->prev = handle;
	table->handles = handle;
	if (open) {
		handle->open = open;
		handle->sibling = open->handles;
		open->handles = handle;
		if (handle->kind == FS_HANDLE_WRITER)
			open->writers++;
	}
	pthread_mutex_unlock(&table->lock);
}

static void detach_locked(struct fs_table *table, struct fs_handle *handle)
{
	if (handle->next)
		handle->next->prev = handle->prev;
	if (handle->prev)
		handle->prev->next = handle->next;
	else if (table->handles == handle)
		table->handles = handle->next;
	struct fs_open *open = handle->open;
	if (!open)
		return;
	struct fs_handle **at = &open->handles;
	while (*at != handle)
		at = &(*at)->sibling;
	*at = handle->sibling;
	bool writer = handle->kind == FS_HANDLE_WRITER;
	if (handle->cached ? open->writers > 0 : writer)
		pthread_cond_broadcast(&table->closed);
	if (writer)
		open->writers--;
}

struct fs_open *fs_handle_free(struct fs *fs, struct fs_handle *handle)
{
	if (!handle)
		return NULL;
	pthread_mutex_lock(&fs->table->lock);
	detach_locked(fs->table, handle);
	pthread_mutex_unlock(&fs->table->lock);
	struct fs_open *open = handle->open;
	if (handle->view && handle->kind == FS_HANDLE_VIEW)
		fs_view_detach(fs, handle->view, handle);
	fs_stream_free(handle->stream);
	fs_view_unref(fs, handle->view);
	sfs_doc_unref(handle->doc);
	sfs_buf_fini(&handle->text);
	if (has_draft(handle))
		fs_draft_fini(&handle->draft);
	fs_backing_close(fs, handle);
	free(handle);
	return open;
}
