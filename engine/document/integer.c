/* Decimal text to integers: shared by JSON numbers, big integers in msgpack, and oid checks. */
#include <stdbool.h>
#include "document/integer.h"

/* More digits than this do not fit 64 bits. */
#define DIGITS_MAX 20

static bool is_digits(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return len > 0 && (p[0] != '0' || len == 1);
}

/* Absolute value of up to DIGITS_MAX digits; false when it is over 2^64-1. */
static bool magnitude(const char *p, size_t len, uint64_t *ret)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(p[i] - '0'), &sum))
			return false;
	*ret = sum;
	return true;
}

static struct sfsi_integer signed_of(int64_t value)
{
	return (struct sfsi_integer){ .kind = SFSI_INTEGER_SIGNED, .value = value };
}

struct sfsi_integer sfsi_integer_read(struct sfs_span text)
{
	const char *p = text.len ? text.data : "";
	bool minus = p[0] == '-';
	size_t len = text.len - minus;
	uint64_t value = 0;
	p += minus;
	if (!is_digits(p, len) || (minus && p[0] == '0'))
		return (struct sfsi_integer){ .kind = SFSI_INTEGER_NONE };
	if (len > DIGITS_MAX || !magnitude(p, len, &value))
		return (struct sfsi_integer){ .kind = SFSI_INTEGER_BIG };
	if (value <= INT64_MAX)
		return signed_of(minus ? -(int64_t)value : (int64_t)value);
	if (!minus)
		return (struct sfsi_integer){ .kind = SFSI_INTEGER_NATURAL, .natural = value };
	if (value == (uint64_t)INT64_MAX + 1)
		return signed_of(INT64_MIN);
	return (struct sfsi_integer){ .kind = SFSI_INTEGER_BIG };
}
