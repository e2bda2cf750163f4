/*
 * Arrays that grow: items, how many there are, how many there is room for.
 */
#ifndef SFSI_BASE_ARRAY_H
#define SFSI_BASE_ARRAY_H

#include <stdlib.h>
#include <storefs/err.h>

/**
 * Make room for one more item; the room doubles.
 * @array  address of the pointer to the items. @item  size of one.
 */
static inline int sfsi_array_grow(void *array, size_t len, size_t *cap, size_t item)
{
	if (len < *cap)
		return 0;
	size_t more = *cap ? *cap * 2 : 8;
	void *moved = realloc(*(void **)array, more * item);
	if (!moved)
		return SFS_ERR_NO_MEMORY;
	*(void **)array = moved;
	*cap = more;
	return 0;
}

#endif
