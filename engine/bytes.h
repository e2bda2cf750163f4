/* Fixed-width integers in stored bytes: big-endian in keys (they sort), little-endian in values. */
#ifndef SFSI_BYTES_H
#define SFSI_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

static inline uint8_t *sfsi_put_be64(uint8_t *at, uint64_t value)
{
	value = htobe64(value);
	memcpy(at, &value, 8);
	return at + 8;
}

static inline uint8_t *sfsi_put_be32(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, 4);
	return at + 4;
}

static inline uint32_t sfsi_get_be32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, 4);
	return be32toh(value);
}

static inline uint64_t sfsi_get_be64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, 8);
	return be64toh(value);
}

/** Writer of a value into a fixed array that is known to be large enough. */
static inline uint8_t *sfsi_put_u8(uint8_t *at, uint8_t value)
{
	*at = value;
	return at + 1;
}

static inline uint8_t *sfsi_put_u16(uint8_t *at, uint16_t value)
{
	value = htole16(value);
	memcpy(at, &value, 2);
	return at + 2;
}

static inline uint8_t *sfsi_put_u32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, 4);
	return at + 4;
}

static inline uint8_t *sfsi_put_u64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, 8);
	return at + 8;
}

/** Reader of a value: one bounds check for all, bad stays set. */
struct sfsi_reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static inline struct sfsi_reader sfsi_reader(struct sfs_span bytes)
{
	return (struct sfsi_reader){ bytes.data, bytes.len, false };
}

/** The next len bytes; NULL and bad when there are fewer. */
static inline const uint8_t *sfsi_read_bytes(struct sfsi_reader *r, size_t len)
{
	if (r->bad || len > r->left) {
		r->bad = true;
		return NULL;
	}
	const uint8_t *at = r->at;
	r->at += len;
	r->left -= len;
	return at;
}

/** The same as a span, which points into the bytes; empty where there are fewer. */
static inline struct sfs_span sfsi_read_span(struct sfsi_reader *r, size_t len)
{
	const uint8_t *at = sfsi_read_bytes(r, len);
	return at ? (struct sfs_span){ at, len } : (struct sfs_span){ "", 0 };
}

static inline uint8_t sfsi_read_u8(struct sfsi_reader *r)
{
	const uint8_t *at = sfsi_read_bytes(r, 1);
	return at ? *at : 0;
}

static inline uint16_t sfsi_read_u16(struct sfsi_reader *r)
{
	uint16_t value = 0;
	const uint8_t *at = sfsi_read_bytes(r, 2);
	if (at)
		memcpy(&value, at, 2);
	return le16toh(value);
}

static inline uint32_t sfsi_read_u32(struct sfsi_reader *r)
{
	uint32_t value = 0;
	const uint8_t *at = sfsi_read_bytes(r, 4);
	if (at)
		memcpy(&value, at, 4);
	return le32toh(value);
}

static inline uint64_t sfsi_read_u64(struct sfsi_reader *r)
{
	uint64_t value = 0;
	const uint8_t *at = sfsi_read_bytes(r, 8);
	if (at)
		memcpy(&value, at, 8);
	return le64toh(value);
}

#endif
