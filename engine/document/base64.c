/*
 * Strict base64. Only the canonical text of a value is read, so that {"$bin": …} has one spelling
 * and a document that is read and written again stays the same.
 */
#include <stdint.h>
#include "document/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_three(char dst[4], const uint8_t *src, size_t len)
{
	uint32_t bits = (uint32_t)src[0] << 16;
	if (len > 1)
		bits |= (uint32_t)src[1] << 8;
	if (len > 2)
		bits |= src[2];
	dst[0] = alphabet[bits >> 18];
	dst[1] = alphabet[bits >> 12 & 63];
	dst[2] = len > 1 ? alphabet[bits >> 6 & 63] : '=';
	dst[3] = len > 2 ? alphabet[bits & 63] : '=';
}

int sfsi_base64_encode(struct sfs_buf *ret, struct sfs_span bytes)
{
	if (bytes.len == 0)
		return 0;
	if (bytes.len > SFS_BUF_MAX / 4 * 3)
		return SFS_ERR_LIMIT;
	size_t need = (bytes.len + 2) / 3 * 4;
	int err = sfs_buf_reserve(ret, need);
	if (err < 0)
		return err;
	const uint8_t *src = bytes.data;
	char *dst = (char *)ret->data + ret->len;
	for (size_t at = 0; at < bytes.len; at += 3, dst += 4)
		encode_three(dst, src + at, bytes.len - at);
	ret->len += need;
	return 0;
}

/* Value of a character, or -1. */
static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, pad of them '='. Returns their 24 bits, or -1; bits that are cut must be 0. */
static int32_t decode_four(const uint8_t *src, unsigned pad)
{
	int32_t bits = 0;
	for (unsigned i = 0; i < 4 - pad; i++) {
		int value = value_of(src[i]);
		if (value < 0)
			return -1;
		bits |= value << (18 - 6 * i);
	}
	return bits & ((1 << 8 * pad) - 1) ? -1 : bits;
}

int sfsi_base64_decode(struct sfs_buf *ret, struct sfs_span text)
{
	const uint8_t *src = text.data;
	if (text.len == 0)
		return 0;
	if (text.len % 4 != 0)
		return SFS_ERR_INVALID;
	size_t old = ret->len;
	int err = sfs_buf_reserve(ret, text.len / 4 * 3);
	if (err < 0)
		return err;
	uint8_t *dst = (uint8_t *)ret->data + old;
	for (size_t at = 0; at < text.len; at += 4) {
		unsigned pad = 0;
		if (at + 4 == text.len && src[at + 3] == '=')
			pad = src[at + 2] == '=' ? 2 : 1;
		int32_t bits = decode_four(src + at, pad);
		if (bits < 0)
			return SFS_ERR_INVALID;
		const uint8_t three[3] = { (uint8_t)(bits >> 16), (uint8_t)(bits >> 8),
					   (uint8_t)bits };
		memcpy(dst, three, 3 - pad);
		dst += 3 - pad;
	}
	ret->len = (size_t)(dst - (uint8_t *)ret->data);
	return 0;
}
