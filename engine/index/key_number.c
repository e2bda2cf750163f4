/* Numbers in keys: see key.h for the bytes. Written and read by the same steps, complemented below 0. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/cleanup.h"
#include "document/integer.h"
#include "index/key_private.h"

#define TWO_64 18446744073709551616.0
/* Room for a number that is not large: kind, whole part, tail, fraction. */
#define SMALL_MAX 18
/* Longest decimal text of a double that is an integer. */
#define REAL_DIGITS 330

static size_t put_whole(uint8_t *at, uint64_t whole)
{
	size_t count = 0;
	for (uint64_t rest = whole; rest; rest >>= 8)
		count++;
	for (size_t i = 0; i < count; i++)
		at[i] = (uint8_t)(whole >> (8 * (count - 1 - i)));
	return count;
}

/* Set the kind, and complement what is behind it in a number below 0. */
static int finish(uint8_t *bytes, size_t len, bool minus, unsigned number, struct sfs_buf *ret)
{
	bytes[0] = (uint8_t)(minus ? KIND_MINUS - number : KIND_PLUS + number);
	for (size_t i = 1; i < len && minus; i++)
		bytes[i] = (uint8_t)~bytes[i];
	return sfs_buf_append(ret, bytes, len);
}

static int put_small(bool minus, uint64_t whole, uint8_t tail, double fraction, struct sfs_buf *ret)
{
	uint8_t bytes[SMALL_MAX];
	size_t count = put_whole(bytes + 1, whole), len = 1 + count;
	uint64_t bits;
	bytes[len++] = tail;
	if (tail == TAIL_FRACTION) {
		memcpy(&bits, &fraction, sizeof bits);
		for (int shift = 56; shift >= 0; shift -= 8)
			bytes[len++] = (uint8_t)(bits >> shift);
	}
	return finish(bytes, len, minus, (unsigned)count, ret);
}

/* digits: without sign. shown: with it, for the hashes of one that is too long. */
static int put_large(bool minus, struct sfs_span digits, struct sfs_span shown, uint8_t tail,
		     struct sfs_buf *ret)
{
	uint8_t bytes[1 + 4 + SFSI_INDEX_WHOLE_MAX + 1 + HASHES];
	const char *p = digits.data;
	size_t len = 1;
	if (digits.len > UINT32_MAX)
		return SFS_ERR_LIMIT;
	for (int shift = 24; shift >= 0; shift -= 8)
		bytes[len++] = (uint8_t)(digits.len >> shift);
	bool cut = digits.len > 2 * (size_t)SFSI_INDEX_WHOLE_MAX;
	size_t count = cut ? 2 * (size_t)SFSI_INDEX_WHOLE_MAX : digits.len;
	for (size_t i = 0; i < count; i += 2) {
		unsigned low = i + 1 < count ? (unsigned)(p[i + 1] - '0') : 0;
		bytes[len++] = (uint8_t)((unsigned)(p[i] - '0') << 4 | low);
	}
	bytes[len++] = cut ? TAIL_CUT : tail;
	if (cut) {
		sfsi_key_hashes(shown, bytes + len);
		len += HASHES;
	}
	return finish(bytes, len, minus, NUMBER_LARGE, ret);
}

int sfsi_key_put_integer(bool minus, uint64_t magnitude, struct sfs_buf *ret)
{
	return put_small(minus && magnitude, magnitude, TAIL_INTEGER, 0, ret);
}

int sfsi_key_put_bigint(struct sfs_span digits, struct sfs_buf *ret)
{
	const char *text = digits.data;
	bool minus = text[0] == '-';
	struct sfs_span size = { text + minus, digits.len - minus };
	struct sfsi_integer small = sfsi_integer_read(size);
	/* Below 0, 64 bits end at 2^63. */
	if (small.kind == SFSI_INTEGER_NATURAL || small.kind == SFSI_INTEGER_SIGNED)
		return sfsi_key_put_integer(
			minus,
			small.kind == SFSI_INTEGER_NATURAL ? small.natural : (uint64_t)small.value,
			ret);
	return put_large(minus, size, digits, TAIL_INTEGER, ret);
}

int sfsi_key_put_real(double value, struct sfs_buf *ret)
{
	bool minus = signbit(value);
	double size = fabs(value);
	uint8_t kind = KIND_NAN;
	if (isnan(value))
		return sfs_buf_append(ret, &kind, 1);
	if (isinf(value))
		return finish(&kind, 1, minus, NUMBER_INFINITE, ret);
	if (size < TWO_64) {
		uint64_t whole = (uint64_t)size;
		double fraction = size - (double)whole; /* exact */
		return put_small(minus, whole, fraction > 0 ? TAIL_FRACTION : TAIL_REAL, fraction,
				 ret);
	}
	char digits[REAL_DIGITS];
	int len = snprintf(digits, sizeof digits, "%.0f", size); /* exact as well */
	struct sfs_span text = { digits, (size_t)len };
	return put_large(minus, text, text, TAIL_REAL, ret);
}

/* --- reading --- */

/* The bytes of a number on the way, complemented back. */
struct reader {
	const uint8_t *at, *end;
	uint8_t mask;
};

static bool take(struct reader *reader, uint64_t *ret, size_t count)
{
	if ((size_t)(reader->end - reader->at) < count)
		return false;
	*ret = 0;
	for (size_t i = 0; i < count; i++)
		*ret = *ret << 8 | (uint8_t)(*reader->at++ ^ reader->mask);
	return true;
}

static int read_bcd(struct reader *reader, struct sfsi_key_number *ret)
{
	uint64_t count, byte = 0;
	if (!take(reader, &count, 4) || count < 20)
		return SFS_ERR_CORRUPT;
	ret->digits = (uint32_t)count;
	ret->cut = count > 2 * (uint64_t)SFSI_INDEX_WHOLE_MAX;
	size_t len = ret->cut ? SFSI_INDEX_WHOLE_MAX : (size_t)(count + 1) / 2;
	int err = sfs_buf_reserve(&ret->bcd, len);
	for (size_t i = 0; i < len && !err; i++) {
		if (!take(reader, &byte, 1) || byte >> 4 > 9 || (byte & 15) > 9)
			return SFS_ERR_CORRUPT;
		uint8_t pair = (uint8_t)byte;
		err = sfs_buf_append(&ret->bcd, &pair, 1);
	}
	if (!err && !ret->cut && count % 2 && (byte & 15))
		err = SFS_ERR_CORRUPT;
	if (!err && *(const uint8_t *)ret->bcd.data >> 4 == 0)
		err = SFS_ERR_CORRUPT;
	return err;
}

/* The smallest large number has 20 digits, and so have some that are not. */
static bool is_large(const struct sfsi_key_number *number)
{
	static const uint8_t least[] = {
		0x18, 0x44, 0x67, 0x44, 0x07, 0x37, 0x09, 0x55, 0x16, 0x16
	};
	return number->digits > 20 || memcmp(number->bcd.data, least, sizeof least) >= 0;
}

static int read_large(struct reader *reader, struct sfsi_key_number *ret)
{
	uint64_t tail, byte;
	int err = read_bcd(reader, ret);
	if (err < 0)
		return err;
	if (!is_large(ret) || !take(reader, &tail, 1) || (tail == TAIL_CUT) != ret->cut ||
	    (!ret->cut && tail > TAIL_REAL))
		return SFS_ERR_CORRUPT;
	ret->real = tail == TAIL_REAL;
	for (size_t i = 0; i < HASHES && ret->cut; i++) {
		if (!take(reader, &byte, 1))
			return SFS_ERR_CORRUPT;
		ret->hashes[i] = (uint8_t)byte;
	}
	return 0;
}

static int read_small(struct reader *reader, struct sfsi_key_number *ret)
{
	uint64_t tail, bits;
	if (!take(reader, &ret->whole, ret->count) || !take(reader, &tail, 1) ||
	    tail > TAIL_FRACTION || (ret->count && ret->whole >> (8 * (ret->count - 1)) == 0))
		return SFS_ERR_CORRUPT;
	ret->real = tail != TAIL_INTEGER;
	if (!ret->real)
		return ret->minus && !ret->whole ? SFS_ERR_CORRUPT : 0;
	if (tail == TAIL_FRACTION) {
		if (!take(reader, &bits, 8))
			return SFS_ERR_CORRUPT;
		memcpy(&ret->fraction, &bits, sizeof bits);
		if (!(ret->fraction > 0 && ret->fraction < 1))
			return SFS_ERR_CORRUPT;
	}
	/* It must be a double, and that one must have these two parts. */
	double value = (double)ret->whole + ret->fraction;
	bool same = value < TWO_64 && (uint64_t)value == ret->whole &&
		    value - (double)ret->whole == ret->fraction;
	return same ? 0 : SFS_ERR_CORRUPT;
}

static int read_real_digits(struct sfsi_key_number *number)
{
	struct sfs_buf again = SFS_BUF_INIT;
	double value;
	int err = number->digits < REAL_DIGITS ? sfsi_key_number_real(number, &value)
					       : SFS_ERR_CORRUPT;
	if (!err && isinf(value))
		err = SFS_ERR_CORRUPT;
	if (!err)
		err = sfsi_key_put_real(fabs(value), &again);
	/* Behind the kind and the count. */
	if (!err && (again.len != 6 + number->bcd.len ||
		     memcmp((char *)again.data + 5, number->bcd.data, number->bcd.len) != 0))
		err = SFS_ERR_CORRUPT;
	sfs_buf_fini(&again);
	return err;
}

int sfsi_key_number_read(struct sfs_span bytes, struct sfsi_key_number *ret)
{
	const uint8_t *start = bytes.data;
	int err = 0;
	*ret = (struct sfsi_key_number){ .len = 0 };
	if (bytes.len == 0 || start[0] < KIND_NUMBER_MIN || start[0] > KIND_NAN)
		return SFS_ERR_CORRUPT;
	ret->minus = start[0] <= KIND_MINUS;
	ret->is_nan = start[0] == KIND_NAN;
	ret->count = (uint8_t)(ret->minus ? KIND_MINUS - start[0] : start[0] - KIND_PLUS);
	struct reader reader = { start + 1, start + bytes.len, ret->minus ? 0xff : 0 };
	if (ret->is_nan || ret->count == NUMBER_INFINITE)
		ret->real = true;
	else if (ret->count == NUMBER_LARGE)
		err = read_large(&reader, ret);
	else
		err = read_small(&reader, ret);
	if (!err && ret->count == NUMBER_LARGE && ret->real)
		err = read_real_digits(ret);
	ret->len = (size_t)(reader.at - start);
	return err;
}

int sfsi_key_number_digits(const struct sfsi_key_number *number, struct sfs_buf *ret)
{
	const uint8_t *bcd = number->bcd.data;
	size_t count = number->cut ? 2 * number->bcd.len : number->digits;
	int err = number->minus ? sfs_buf_append(ret, "-", 1) : 0;
	if (!err)
		err = sfs_buf_reserve(ret, count);
	for (size_t i = 0; i < count && !err; i++) {
		char digit = (char)('0' + (i % 2 ? bcd[i / 2] & 15 : bcd[i / 2] >> 4));
		err = sfs_buf_append(ret, &digit, 1);
	}
	return err;
}

int sfsi_key_number_real(const struct sfsi_key_number *number, double *ret)
{
	SFSI_AUTO_BUF struct sfs_buf digits = SFS_BUF_INIT;
	double size = (double)number->whole + number->fraction;
	if (number->is_nan)
		size = (double)NAN;
	else if (number->count == NUMBER_INFINITE)
		size = (double)INFINITY;
	if (number->count != NUMBER_LARGE) {
		*ret = number->minus ? -size : size;
		return 0;
	}
	int err = sfsi_key_number_digits(number, &digits);
	if (!err)
		err = sfs_buf_append(&digits, "", 1);
	if (!err)
		*ret = strtod(digits.data, NULL); /* nothing but digits: the same in every locale */
	return err;
}
