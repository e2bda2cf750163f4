/* Memory that is freed all at once: for trees that are built once and then only read. */
#ifndef SFSI_ARENA_H
#define SFSI_ARENA_H

#include <stdbool.h>
#include <storefs/buf.h>

struct sfsi_arena_block;

/** {NULL} is a valid empty arena. Not safe for threads. */
struct sfsi_arena {
	struct sfsi_arena_block *last;
};

void sfsi_arena_fini(struct sfsi_arena *arena);
/** Zeroed memory for count things of size bytes; NULL when there is none. count may be 0. */
void *sfsi_arena_alloc(struct sfsi_arena *arena, size_t count, size_t size);
/** A copy of bytes with a NUL behind it. False when there is no memory. */
bool sfsi_arena_copy(struct sfsi_arena *arena, struct sfs_span bytes, struct sfs_span *ret);

#endif
