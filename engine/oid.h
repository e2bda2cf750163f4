/*
 * New oids. Making one has two halves: figures that must not come twice (time, node, random digits),
 * and the text of them; the text is exact integer arithmetic.
 */
#ifndef SFSI_OID_H
#define SFSI_OID_H

#include <storefs/object.h>

/** What a new oid is made of. */
struct sfsi_oid_parts {
	uint64_t tai_ns; /* OID: international atomic time, nanoseconds since 1970 */
	uint64_t utc_us; /* STAMP, TIMESTAMP: microseconds since 1970 */
	uint32_t node;   /* 0 .. SFSI_OID_NODE_MAX */
	uint32_t random; /* OID: 24 bits; STAMP, TIMESTAMP: 0 .. 999 */
};

/** Four digits of base 62. */
#define SFSI_OID_NODE_MAX (62u * 62 * 62 * 62 - 1)

/** The text of an oid of kind OID, STAMP or TIMESTAMP. */
void sfsi_oid_text(enum sfs_oid_kind kind, const struct sfsi_oid_parts *parts,
		   char ret[SFS_OID_MADE_SIZE]);

/**
 * The number of this node: env as decimal when it is not NULL, else what stands behind the last '-' of
 * the first label of hostname, else 0.
 */
uint32_t sfsi_oid_node(const char *env, const char *hostname);

#endif
