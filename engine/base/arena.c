/* Blocks in a list, filled from the start: see arena.h. */
#include "base/arena.h"
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK_SIZE 4000

struct sfsi_arena_block {
	struct sfsi_arena_block *before;
	size_t used, size;
	alignas(max_align_t) uint8_t bytes[];
};

void sfsi_arena_fini(struct sfsi_arena *arena)
{
	while (arena->last) {
		struct sfsi_arena_block *block = arena->last;
		arena->last = block->before;
		free(block);
	}
}

void *sfsi_arena_alloc(struct sfsi_arena *arena, size_t count, size_t size)
{
	size_t len;
	if (__builtin_mul_overflow(count, size, &len) || len > SFS_BUF_MAX)
		return NULL;
	len = (len + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct sfsi_arena_block *block = arena->last;
	if (!block || len > block->size - block->used) {
		size_t room = len > BLOCK_SIZE ? len : BLOCK_SIZE;
		block = calloc(1, sizeof *block + room);
		if (!block)
			return NULL;
		block->size = room;
		block->before = arena->last;
		arena->last = block;
	}
	void *at = block->bytes + block->used;
	block->used += len;
	return at;
}

bool sfsi_arena_copy(struct sfsi_arena *arena, struct sfs_span bytes, struct sfs_span *ret)
{
	char *copy = sfsi_arena_alloc(arena, bytes.len + 1, 1);
	if (!copy)
		return false;
	if (bytes.len)
		memcpy(copy, bytes.data, bytes.len);
	*ret = (struct sfs_span){ copy, bytes.len };
	return true;
}
