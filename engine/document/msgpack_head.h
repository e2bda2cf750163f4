/* Heads of msgpack values: type, length or count, and the value of what is fixed in size. */
#ifndef SFSI_MSGPACK_HEAD_H
#define SFSI_MSGPACK_HEAD_H

#include <stdint.h>
#include <storefs/buf.h>

enum sfsi_head_kind {
	SFSI_HEAD_NULL,
	SFSI_HEAD_BOOLEAN, /* integer: 0, 1 */
	SFSI_HEAD_INTEGER,
	SFSI_HEAD_NATURAL, /* unsigned form; any value */
	SFSI_HEAD_REAL,
	SFSI_HEAD_STRING, /* body */
	SFSI_HEAD_BINARY, /* body */
	SFSI_HEAD_EXT,    /* body, integer: type */
	SFSI_HEAD_ARRAY,  /* count */
	SFSI_HEAD_MAP,    /* count of pairs */
};

struct sfsi_head {
	enum sfsi_head_kind kind;
	uint32_t count;
	int64_t integer;
	uint64_t natural;
	double real;
	struct sfs_span body;
	size_t len; /* bytes of head and body; of the head alone for containers */
};

/** Why a head can not be read. */
enum sfsi_head_fault {
	SFSI_HEAD_GOOD,
	SFSI_HEAD_CUT,    /* bytes end inside the head */
	SFSI_HEAD_SHORT,  /* a body or container that needs more bytes than there are; kind, and
			      * len of the head, are set */
	SFSI_HEAD_UNUSED, /* 0xc1 */
};

/**
 * Read the head at the start of bytes. A body is all there, and a container's count is possible in
 * the bytes that follow: no length is believed before that was checked.
 */
enum sfsi_head_fault sfsi_head_read(struct sfs_span bytes, struct sfsi_head *ret);

#endif
