/* What the files of keys share: key.c, key_number.c, key_text.c. The bytes are described in key.h. */
#ifndef SFSI_INDEX_KEY_PRIVATE_H
#define SFSI_INDEX_KEY_PRIVATE_H

#include <stdint.h>
#include "document/msgpack_head.h"
#include "index/key.h"

enum {
	KIND_NULL = 0x10,
	KIND_FALSE = 0x20,
	KIND_TRUE = 0x21,
	KIND_NUMBER_MIN = 0x35,
	KIND_MINUS = 0x3f, /* less the number of bytes of the whole part */
	KIND_PLUS = 0x40,  /* plus … */
	KIND_NAN = 0x4b,
	KIND_STRING = 0x60,
	KIND_OTHER = 0x70,
};

/** Instead of a number of bytes. */
#define NUMBER_LARGE 9
#define NUMBER_INFINITE 10

/** What ends the bytes of a string or other. */
enum { END_WHOLE = 0, END_CUT = 1, END_CUT_QUOTED = 2, END_ESCAPED = 0xff };
/** What ends a number. */
enum { TAIL_INTEGER = 0, TAIL_REAL = 1, TAIL_FRACTION = 2, TAIL_CUT = 3 };

/** Bytes of the two hashes of a cut key. */
#define HASHES 16

/** XXH3-64 of the text that is shown, with seed 0 and 1, big-endian. */
void sfsi_key_hashes(struct sfs_span shown, uint8_t ret[HASHES]);

/** Is the text JSON, so that a string of it must be shown in quotation marks? */
SFS_MUST_CHECK int sfsi_key_needs_quotes(struct sfs_span text, bool *ret);

/* --- key_number.c --- */

SFS_MUST_CHECK int sfsi_key_put_integer(bool minus, uint64_t magnitude, struct sfs_buf *ret);
SFS_MUST_CHECK int sfsi_key_put_real(double value, struct sfs_buf *ret);
/** @digits  "-"? and decimal digits without leading zeros, beyond 64 bits. */
SFS_MUST_CHECK int sfsi_key_put_bigint(struct sfs_span digits, struct sfs_buf *ret);

/** A number, decoded. */
struct sfsi_key_number {
	size_t len; /* of the key */
	bool minus, real, cut;
	uint8_t count; /* bytes of the whole part, NUMBER_LARGE or NUMBER_INFINITE; NaN: is_nan */
	bool is_nan;
	uint64_t whole;         /* count up to 8 */
	double fraction;        /* … and what is behind the point */
	uint32_t digits;        /* LARGE: how many */
	struct sfs_buf bcd;     /* LARGE: two to a byte; to be freed */
	uint8_t hashes[HASHES]; /* cut */
};
/** SFS_ERR_CORRUPT, SFS_ERR_NO_MEMORY. Ends with sfs_buf_fini(&ret->bcd), also when it failed. */
SFS_MUST_CHECK int sfsi_key_number_read(struct sfs_span bytes, struct sfsi_key_number *ret);
/** Its digits as decimal text (LARGE), as many as there are. */
SFS_MUST_CHECK int sfsi_key_number_digits(const struct sfsi_key_number *number,
					  struct sfs_buf *ret);
/** The double that it is. Only for real, and not cut. */
SFS_MUST_CHECK int sfsi_key_number_real(const struct sfsi_key_number *number, double *ret);

/* --- strings and others --- */

/** A string or other, found in its key. */
struct sfsi_key_text {
	size_t len; /* of the key */
	bool cut, quoted;
	struct sfs_span escaped; /* as it stands */
	const uint8_t *hashes;   /* cut */
};
SFS_MUST_CHECK int sfsi_key_text_read(struct sfs_span bytes, struct sfsi_key_text *ret);
/** Append its bytes, or their beginning. */
SFS_MUST_CHECK int sfsi_key_text_put(const struct sfsi_key_text *text, struct sfs_buf *ret);
/** Append the key of compact JSON. */
SFS_MUST_CHECK int sfsi_key_put_other(struct sfs_span json, struct sfs_buf *ret);

#endif
