/*
 * All values of a database in the order of its file. Records are read in the order of their keys, which is one pass,
 * and put in order aside: in memory, or, when they are many, in a file without a name.
 */
#ifndef SFSI_DATABASE_SPOOL_H
#define SFSI_DATABASE_SPOOL_H

#include <storefs/store.h>

struct sfsi_spool {
	struct sfsi_spool_item {
		uint64_t number;
		uint64_t off; /* of the oid; the body is behind it */
		uint32_t oid_len, body_len;
	} *items; /* [count] */
	size_t count, cap;
	struct sfs_buf buf; /* all of it, or what is not in the file yet */
	int fd;             /* -1: none */
	uint64_t written;   /* in the file */
	char *map;          /* of the file; NULL: it is in buf */
	bool sorted;
};

struct sfsi_spooled {
	struct sfs_span oid, body;
	uint64_t number;
};

/**
 * The commit lock is held. Needs sfsi_spool_fini() also when it fails.
 * Returns 0, SFS_ERR_CORRUPT, SFS_ERR_NO_SPACE, SFS_ERR_NO_MEMORY and the like.
 */
SFS_MUST_CHECK int sfsi_spool_read(struct sfs_store *store, uint32_t class_id,
				   struct sfsi_spool *ret);
/** Item number n in order, valid as long as the spool. */
void sfsi_spool_at(const struct sfsi_spool *spool, size_t n, struct sfsi_spooled *ret);
void sfsi_spool_fini(struct sfsi_spool *spool);

#endif
