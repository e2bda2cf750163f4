/* Decoder of msgpack heads, for the reader and for walks over stored bodies. */
#include "document/msgpack_head.h"

static uint64_t load(const uint8_t *p, unsigned size)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < size; i++)
		value = value << 8 | p[i];
	return value;
}

/* Two's complement of fewer bits than 64; sign is the highest of them. */
static int64_t signed_of(uint64_t value, uint64_t sign)
{
	return (int64_t)((value ^ sign) - sign);
}

/* What is left after the head is enough for count items of at least one byte each. */
static enum sfsi_head_fault container(struct sfs_span bytes, struct sfsi_head *ret, size_t head,
				      uint32_t count)
{
	uint64_t items = ret->kind == SFSI_HEAD_MAP ? (uint64_t)count * 2 : count;
	if (items > bytes.len - head)
		return SFSI_HEAD_SHORT;
	ret->count = count;
	ret->len = head;
	return SFSI_HEAD_GOOD;
}

static enum sfsi_head_fault body(struct sfs_span bytes, struct sfsi_head *ret, size_t head,
				 uint64_t len)
{
	if (len > bytes.len - head)
		return SFSI_HEAD_SHORT;
	ret->body = (struct sfs_span){ (const uint8_t *)bytes.data + head, (size_t)len };
	ret->len = head + (size_t)len;
	return SFSI_HEAD_GOOD;
}

static enum sfsi_head_fault real32(const uint8_t *p, struct sfsi_head *ret)
{
	uint32_t bits = (uint32_t)load(p + 1, 4);
	float value;
	memcpy(&value, &bits, sizeof value);
	ret->kind = SFSI_HEAD_REAL;
	ret->real = (double)value;
	return SFSI_HEAD_GOOD;
}

static enum sfsi_head_fault real64(const uint8_t *p, struct sfsi_head *ret)
{
	uint64_t bits = load(p + 1, 8);
	memcpy(&ret->real, &bits, sizeof bits);
	ret->kind = SFSI_HEAD_REAL;
	return SFSI_HEAD_GOOD;
}

static enum sfsi_head_fault integer(const uint8_t *p, struct sfsi_head *ret)
{
	static const uint64_t sign_bits[] = { 0x80, 0x8000, 0x80000000, UINT64_C(1) << 63 };
	uint64_t value = load(p + 1, 1u << (p[0] & 3));
	ret->kind = p[0] < 0xd0 ? SFSI_HEAD_NATURAL : SFSI_HEAD_INTEGER;
	ret->natural = value;
	ret->integer = signed_of(value, sign_bits[p[0] & 3]);
	return SFSI_HEAD_GOOD;
}

/* Extra bytes of a head, by its first byte from 0xc0 to 0xdf. */
static const uint8_t head_extra[32] = {
	0, 0, 0, 0, 1, 2, 4, 2, 3, 5, 4, 8, 1, 2, 4, 8,
	1, 2, 4, 8, 1, 1, 1, 1, 1, 1, 2, 4, 2, 4, 2, 4,
};

/* First bytes 0xc0..0xdf; the whole head is there. */
static enum sfsi_head_fault long_head(struct sfs_span bytes, struct sfsi_head *ret, size_t head)
{
	const uint8_t *p = bytes.data;
	unsigned extra = (unsigned)head - 1;
	switch (p[0]) {
	case 0xc0: ret->kind = SFSI_HEAD_NULL; return SFSI_HEAD_GOOD;
	case 0xc1: return SFSI_HEAD_UNUSED;
	case 0xc2:
	case 0xc3:
		ret->kind = SFSI_HEAD_BOOLEAN;
		ret->integer = p[0] & 1;
		return SFSI_HEAD_GOOD;
	case 0xc4:
	case 0xc5:
	case 0xc6: ret->kind = SFSI_HEAD_BINARY; return body(bytes, ret, head, load(p + 1, extra));
	case 0xc7:
	case 0xc8:
	case 0xc9:
		ret->kind = SFSI_HEAD_EXT;
		ret->integer = signed_of(p[head - 1], 0x80);
		return body(bytes, ret, head, load(p + 1, extra - 1));
	case 0xca: return real32(p, ret);
	case 0xcb: return real64(p, ret);
	case 0xd4:
	case 0xd5:
	case 0xd6:
	case 0xd7:
	case 0xd8:
		ret->kind = SFSI_HEAD_EXT;
		ret->integer = signed_of(p[1], 0x80);
		return body(bytes, ret, head, UINT64_C(1) << (p[0] - 0xd4));
	case 0xd9:
	case 0xda:
	case 0xdb: ret->kind = SFSI_HEAD_STRING; return body(bytes, ret, head, load(p + 1, extra));
	case 0xdc:
	case 0xdd:
		ret->kind = SFSI_HEAD_ARRAY;
		return container(bytes, ret, head, (uint32_t)load(p + 1, extra));
	case 0xde:
	case 0xdf:
		ret->kind = SFSI_HEAD_MAP;
		return container(bytes, ret, head, (uint32_t)load(p + 1, extra));
	default: return integer(p, ret);
	}
}

enum sfsi_head_fault sfsi_head_read(struct sfs_span bytes, struct sfsi_head *ret)
{
	const uint8_t *p = bytes.data;
	if (bytes.len == 0)
		return SFSI_HEAD_CUT;
	uint8_t first = p[0];
	ret->len = 1;
	if (first >= 0xc0 && first <= 0xdf) {
		ret->len = 1 + (size_t)head_extra[first - 0xc0];
		return ret->len > bytes.len ? SFSI_HEAD_CUT : long_head(bytes, ret, ret->len);
	}
	if (first >= 0xa0 && first <= 0xbf) {
		ret->kind = SFSI_HEAD_STRING;
		return body(bytes, ret, 1, first & 0x1f);
	}
	if (first >= 0x80 && first <= 0x9f) {
		ret->kind = first < 0x90 ? SFSI_HEAD_MAP : SFSI_HEAD_ARRAY;
		return container(bytes, ret, 1, first & 0x0f);
	}
	ret->kind = SFSI_HEAD_INTEGER;
	ret->integer = signed_of(first, 0x80);
	return SFSI_HEAD_GOOD;
}
