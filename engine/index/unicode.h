/*
 * What Unicode 14.0 says of characters, as tables of our own (tools/unicode-tables): keys of indexes
 * are stored data, and libraries change with every release. It is what Python 3.11 says, whose module
 * the functions of indexes come from. Code points are those of valid UTF-8.
 */
#ifndef SFSI_INDEX_UNICODE_H
#define SFSI_INDEX_UNICODE_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>

/** Raised when a table changes: part of sfsi_index_fingerprint(). */
#define SFSI_UNICODE_VERSION 14

/** Bytes that are no UTF-8 stand for themselves as these: above all code points. */
#define SFSI_UNICODE_BAD 0x110000

/** The character at p (not at the end). Returns its length, 1..4; *ret may be SFSI_UNICODE_BAD + byte. */
size_t sfsi_unicode_next(const uint8_t *p, const uint8_t *end, uint32_t *ret);
/** The character before p (p is above start). Returns its length. */
size_t sfsi_unicode_before(const uint8_t *start, const uint8_t *p, uint32_t *ret);
/** Write it as UTF-8; returns the length. */
size_t sfsi_unicode_put(uint8_t ret[4], uint32_t code);

/** Its lower case; U+0130 becomes two, "i" and U+0307, of which this is the first. */
uint32_t sfsi_unicode_lower_of(uint32_t code);
/** The ASCII that is left of its compatibility decomposition (NFKD); often empty. */
struct sfs_span sfsi_unicode_plain_of(uint32_t code);
/** Upper, lower or title case, and not ignorable. */
bool sfsi_unicode_is_cased(uint32_t code);
/** Passed over when the neighbour of a capital sigma is looked for. */
bool sfsi_unicode_is_ignorable(uint32_t code);
/** White space: what Python's \s is. */
bool sfsi_unicode_is_space(uint32_t code);
/** Shown as it is by Python's repr(). */
bool sfsi_unicode_is_printable(uint32_t code);

/* --- the tables: unicode_tables.c; sorted, no overlaps --- */

/** Every step-th code point from first to last becomes itself + delta. */
struct sfsi_unicode_lower {
	uint32_t first, last;
	int32_t step, delta;
};
struct sfsi_unicode_range {
	uint32_t first, last;
};
/** count code points from first on, with width bytes of sfsi_unicode_texts each, from at on. */
struct sfsi_unicode_plain {
	uint32_t first;
	uint16_t at;
	uint8_t count, width;
};

extern const struct sfsi_unicode_lower sfsi_unicode_lower[];
extern const struct sfsi_unicode_range sfsi_unicode_cased[];
extern const struct sfsi_unicode_range sfsi_unicode_ignorable[];
extern const struct sfsi_unicode_range sfsi_unicode_unprintable[];
extern const struct sfsi_unicode_plain sfsi_unicode_plain[];
extern const char sfsi_unicode_texts[];
extern const size_t sfsi_unicode_lower_count, sfsi_unicode_cased_count,
	sfsi_unicode_ignorable_count, sfsi_unicode_unprintable_count, sfsi_unicode_plain_count;

#endif
