/*
 * msgpack to events and events to msgpack. msgpack.c is the only user of msgpack-c.
 */
#ifndef SFSI_MSGPACK_H
#define SFSI_MSGPACK_H

#include "document/sink.h"

/**
 * Read one value and emit it.
 * @ret_len  NULL: the value must take all of bytes, else SFS_ERR_BAD_DOCUMENT. Not NULL: bytes that
 *           the value takes.
 * Lengths in headers are checked against the bytes that are there before anything is believed.
 * Ext type SFSI_EXT_BIGINT with canonical digits beyond 64 bits becomes bigint.
 *
 * Returns 0, SFS_ERR_BAD_DOCUMENT (diag: offset and a sentence), SFS_ERR_LIMIT, SFS_ERR_NO_MEMORY,
 * or what the sink returned.
 */
SFS_MUST_CHECK int sfsi_msgpack_read(struct sfs_span bytes, struct sfsi_sink *sink, size_t *ret_len,
				     struct sfs_diag *diag);

/** Writer of canonical msgpack (shortest encoding, reals as float 64). Caller's memory. */
struct sfsi_msgpack_writer {
	struct sfsi_sink sink; /* feed this */
	struct sfs_buf *out;   /* appended to; borrowed */
};

void sfsi_msgpack_writer_init(struct sfsi_msgpack_writer *writer, struct sfs_buf *out);

/** One key and value of a map, as byte ranges of the map that holds them. */
struct sfsi_msgpack_pair {
	struct sfs_span key;   /* encoded key */
	struct sfs_span name;  /* the key's text when it is a string, else {NULL, 0} */
	struct sfs_span value; /* encoded value */
};

/** Walk of the top level of a map. */
struct sfsi_msgpack_map {
	struct sfs_span rest; /* private */
	uint32_t left;        /* pairs not seen yet */
};

/** Start a walk. @bytes one valid map. Returns 0 or SFS_ERR_BAD_DOCUMENT (not a map). */
SFS_MUST_CHECK int sfsi_msgpack_map_init(struct sfsi_msgpack_map *map, struct sfs_span bytes);
/** The same for the body of an object, which in a database may be no map: then it has no pairs. */
SFS_MUST_CHECK int sfsi_msgpack_body_init(struct sfsi_msgpack_map *map, struct sfs_span body);
static inline bool sfsi_msgpack_is_map(struct sfs_span value)
{
	uint8_t first = value.len ? *(const uint8_t *)value.data : 0;
	return (first & 0xf0) == 0x80 || first == 0xde || first == 0xdf;
}
/** Next pair: 0 pair, 1 end, <0 error. */
SFS_MUST_CHECK int sfsi_msgpack_map_next(struct sfsi_msgpack_map *map,
					 struct sfsi_msgpack_pair *ret);
/** Append the pairs of a map that keep() says true to, without a header; they are counted up. */
SFS_MUST_CHECK int sfsi_msgpack_map_select(struct sfs_span map,
					   bool (*keep)(void *arg,
							const struct sfsi_msgpack_pair *pair),
					   void *arg, struct sfs_buf *ret_pairs, uint32_t *count);
/** Append the header of a map of count pairs. */
SFS_MUST_CHECK int sfsi_msgpack_map_header(struct sfs_buf *ret, uint32_t count);
/** The same of an array. */
SFS_MUST_CHECK int sfsi_msgpack_list_header(struct sfs_buf *ret, uint32_t count);
/** Length of the value at the start of bytes, of which only heads are looked at; 0: there is none. */
size_t sfsi_msgpack_len(struct sfs_span bytes);

#endif
