/*
 * The memory backend: everything in one ordered map, gone when it is closed.
 *
 * It is the reference that other backends are compared with, and the one to read
 * first. The wrapper holds the lock: shared for get and scan, exclusive for write.
 */
#include <assert.h>
#include <stdlib.h>
#include "backend/backend.h"
#include "backend/key.h"
#include "base/map.h"

struct memory {
	struct sfsi_backend base;
	struct sfsi_map map;
};

static struct memory *memory_of(struct sfsi_backend *b)
{
	assert(b->ops == &sfsi_backend_memory);
	return (struct memory *)b;
}

static int memory_open(struct sfsi_backend *b, const struct sfsi_backend_config *cfg,
		       struct sfs_diag *diag)
{
	(void)cfg;
	(void)diag;
	sfsi_map_init(&memory_of(b)->map);
	return 0;
}

static void memory_close(struct sfsi_backend *b)
{
	sfsi_map_fini(&memory_of(b)->map);
}

static int memory_get(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		      struct sfs_buf *ret)
{
	struct sfsi_full_key full;
	sfsi_full_key_set(&full, partition, key);
	const struct sfsi_map_entry *entry = sfsi_map_seek(&memory_of(b)->map,
							   sfsi_full_key_span(&full));
	if (!entry || !sfs_span_equal(sfsi_map_key(entry), sfsi_full_key_span(&full)))
		return SFS_ERR_NOT_FOUND;
	struct sfs_span val = sfsi_map_value(entry);
	return sfs_buf_append(ret, val.data, val.len);
}

static int memory_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
		       void *arg)
{
	struct sfsi_full_key prefix, start;
	sfsi_full_key_set(&prefix, scan->partition, scan->prefix);
	sfsi_full_key_start(&start, scan);
	const struct sfsi_map_entry *entry = sfsi_map_seek(&memory_of(b)->map,
							   sfsi_full_key_span(&start));
	if (entry && sfsi_scan_is_after(scan, sfsi_map_key(entry)))
		entry = sfsi_map_next(entry);
	for (size_t given = 0; entry; entry = sfsi_map_next(entry), given++) {
		struct sfs_span key = sfsi_map_key(entry);
		if (!sfsi_span_starts(key, sfsi_full_key_span(&prefix)))
			break;
		if (scan->limit && given == scan->limit)
			break;
		if (fn(arg, sfsi_span_skip(key, SFSI_PARTITION_LEN), sfsi_map_value(entry)))
			return SFS_ERR_CANCELLED;
	}
	return 0;
}

static void entries_free(struct sfsi_map_entry **entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sfsi_map_entry_free(entries[i]);
	free(entries);
}

/* Everything that can fail comes first: an entry for each put, NULL for a remove. */
static struct sfsi_map_entry **entries_make(struct sfsi_map *map, const struct sfsi_op *ops,
					    size_t count)
{
	struct sfsi_map_entry **entries = calloc(count, sizeof *entries);
	if (!entries)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (ops[i].remove)
			continue;
		struct sfsi_full_key full;
		sfsi_full_key_set(&full, ops[i].partition, ops[i].key);
		entries[i] = sfsi_map_entry_new(map, sfsi_full_key_span(&full), ops[i].val);
		if (!entries[i]) {
			entries_free(entries, count);
			return NULL;
		}
	}
	return entries;
}

static int memory_write(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count)
{
	struct sfsi_map *map = &memory_of(b)->map;
	struct sfsi_map_entry **entries = entries_make(map, ops, count);
	if (!entries)
		return SFS_ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		struct sfsi_map_entry *old;
		if (entries[i]) {
			old = sfsi_map_put(map, entries[i]);
		} else {
			struct sfsi_full_key full;
			sfsi_full_key_set(&full, ops[i].partition, ops[i].key);
			old = sfsi_map_take(map, sfsi_full_key_span(&full));
		}
		sfsi_map_entry_free(old);
	}
	free(entries);
	return 0;
}

static int memory_stat(struct sfsi_backend *b, struct sfsi_backend_stat *ret)
{
	const struct sfsi_map *map = &memory_of(b)->map;
	ret->bytes = map->bytes;
	/* An entry has a header, a tower of 1⅓ links on average and the allocator's word. */
	ret->memory_bytes = map->bytes + map->count * 48;
	return 0;
}

const struct sfsi_backend_ops sfsi_backend_memory = {
	.name = "memory",
	.caps = SFSI_CAP_CROSS_PARTITION,
	.size = sizeof(struct memory),
	.open = memory_open,
	.close = memory_close,
	.get = memory_get,
	.scan = memory_scan,
	.write = memory_write,
	.stat = memory_stat,
};
