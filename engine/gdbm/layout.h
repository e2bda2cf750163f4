/* Places and sizes inside a gdbm file: what reader and writer share. All integers are little-endian. */
#ifndef SFSI_GDBM_LAYOUT_H
#define SFSI_GDBM_LAYOUT_H

#include <stdint.h>
#include <storefs/buf.h>

#define SFSI_GDBM_MAGIC 0x13579acfu
/** The first magic there was; with 64-bit offsets the same format. */
#define SFSI_GDBM_MAGIC_OLD 0x13579aceu
/** Also gdbm, in forms that are not read: 32-bit offsets; with numbers of synchronisations. */
#define SFSI_GDBM_MAGIC_32 0x13579acdu
#define SFSI_GDBM_MAGIC_SYNC_32 0x13579ad0u
#define SFSI_GDBM_MAGIC_SYNC 0x13579ad1u

#define SFSI_GDBM_HEADER 40 /* as much of it as is read */
#define SFSI_GDBM_BUCKET_BITS 104
#define SFSI_GDBM_BUCKET_COUNT 108
#define SFSI_GDBM_BUCKET_TABLE 112
#define SFSI_GDBM_ELEMENT 24
#define SFSI_GDBM_PREFIX 4 /* bytes of the key in its element */
#define SFSI_GDBM_FREE 0xffffffffu
#define SFSI_GDBM_HASH_BITS 31u

/** How many elements a bucket of a size has. */
static inline uint32_t sfsi_gdbm_elements(uint32_t bucket_size)
{
	return (bucket_size - 136) / SFSI_GDBM_ELEMENT + 1;
}

/** The hash of a key, 31 bits. Bytes count as signed. */
static inline uint32_t sfsi_gdbm_hash(struct sfs_span key)
{
	const signed char *at = key.data;
	uint32_t value = 0x238F13AFu * (uint32_t)key.len;
	for (size_t i = 0; i < key.len; i++)
		value = (value + ((uint32_t)(int32_t)at[i] << (i * 5 % 24))) & 0x7FFFFFFFu;
	return (1103515243u * value + 12345u) & 0x7FFFFFFFu;
}

#endif
