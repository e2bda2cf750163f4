/* Integers as decimal text: which of the three kinds of integer event they are. */
#ifndef SFSI_INTEGER_H
#define SFSI_INTEGER_H

#include <stdint.h>
#include <storefs/buf.h>

enum sfsi_integer_kind {
	SFSI_INTEGER_NONE,    /* not "-"? followed by digits without leading zeros, or "-0" */
	SFSI_INTEGER_SIGNED,  /* fits int64_t */
	SFSI_INTEGER_NATURAL, /* 2^63 .. 2^64-1 */
	SFSI_INTEGER_BIG,     /* beyond 64 bits */
};

/** Value of an integer's text; the member that the kind names is valid. */
struct sfsi_integer {
	enum sfsi_integer_kind kind;
	int64_t value;
	uint64_t natural;
};

/** Read the whole of text as an integer. */
struct sfsi_integer sfsi_integer_read(struct sfs_span text);

#endif
