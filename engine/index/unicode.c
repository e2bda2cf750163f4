/* Characters and what Unicode says of them: searches in the tables of unicode_tables.c. */
#include "index/unicode.h"
#include "document/utf8.h"

static uint32_t decode(const uint8_t *p, size_t len)
{
	static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = p[0] & masks[len];
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (p[i] & 0x3f);
	return code;
}

size_t sfsi_unicode_next(const uint8_t *p, const uint8_t *end, uint32_t *ret)
{
	size_t len = sfsi_utf8_next(p, (size_t)(end - p));
	*ret = len ? decode(p, len) : SFSI_UNICODE_BAD + (uint32_t)*p;
	return len ? len : 1;
}

size_t sfsi_unicode_before(const uint8_t *start, const uint8_t *p, uint32_t *ret)
{
	size_t have = (size_t)(p - start);
	for (size_t len = 1; len <= 4 && len <= have; len++)
		if (sfsi_utf8_next(p - len, len) == len) {
			*ret = decode(p - len, len);
			return len;
		}
	*ret = SFSI_UNICODE_BAD + (uint32_t)p[-1];
	return 1;
}

size_t sfsi_unicode_put(uint8_t ret[4], uint32_t code)
{
	static const uint8_t firsts[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	if (code < 0x80 || code >= SFSI_UNICODE_BAD) {
		ret[0] = (uint8_t)code; /* of a bad byte: the byte */
		return 1;
	}
	for (size_t i = len - 1; i > 0; i--) {
		ret[i] = (uint8_t)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	ret[0] = (uint8_t)(firsts[len] | code);
	return len;
}

static bool is_in(const struct sfsi_unicode_range *table, size_t count, uint32_t code)
{
	size_t low = 0;
	while (low < count) {
		size_t middle = low + (count - low) / 2;
		if (code > table[middle].last)
			low = middle + 1;
		else if (code < table[middle].first)
			count = middle;
		else
			return true;
	}
	return false;
}

uint32_t sfsi_unicode_lower_of(uint32_t code)
{
	size_t low = 0, count = sfsi_unicode_lower_count;
	if (code < 0x80)
		return code >= 'A' && code <= 'Z' ? code + 32 : code;
	if (code == 0x130)
		return 'i';
	while (low < count) {
		size_t middle = low + (count - low) / 2;
		const struct sfsi_unicode_lower *run = &sfsi_unicode_lower[middle];
		if (code > run->last)
			low = middle + 1;
		else if (code < run->first)
			count = middle;
		else
			return (code - run->first) % (uint32_t)run->step == 0
				       ? (uint32_t)((int32_t)code + run->delta)
				       : code;
	}
	return code;
}

struct sfs_span sfsi_unicode_plain_of(uint32_t code)
{
	size_t low = 0, count = sfsi_unicode_plain_count;
	while (low < count) {
		size_t middle = low + (count - low) / 2;
		const struct sfsi_unicode_plain *run = &sfsi_unicode_plain[middle];
		uint32_t number = code - run->first;
		if (code < run->first)
			count = middle;
		else if (number >= run->count)
			low = middle + 1;
		else
			return (struct sfs_span){ sfsi_unicode_texts + run->at +
							  (size_t)number * run->width,
						  run->width };
	}
	return (struct sfs_span){ NULL, 0 };
}

bool sfsi_unicode_is_cased(uint32_t code)
{
	return is_in(sfsi_unicode_cased, sfsi_unicode_cased_count, code);
}

bool sfsi_unicode_is_ignorable(uint32_t code)
{
	return is_in(sfsi_unicode_ignorable, sfsi_unicode_ignorable_count, code);
}

bool sfsi_unicode_is_space(uint32_t code)
{
	if (code < 0x80)
		return code == ' ' || (code >= 0x09 && code <= 0x0d) ||
		       (code >= 0x1c && code <= 0x1f);
	return code == 0x85 || code == 0xa0 || code == 0x1680 ||
	       (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
	       code == 0x202f || code == 0x205f || code == 0x3000;
}

bool sfsi_unicode_is_printable(uint32_t code)
{
	return code < SFSI_UNICODE_BAD &&
	       !is_in(sfsi_unicode_unprintable, sfsi_unicode_unprintable_count, code);
}
