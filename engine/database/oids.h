/* The keys of a database in their order, a page at a time: others may be removed while they are walked. */
#ifndef SFSI_DATABASE_OIDS_H
#define SFSI_DATABASE_OIDS_H

#include <storefs/object.h>

struct sfsi_oids {
	struct sfs_store *store;
	uint32_t class_id;
	struct sfs_buf page; /* a page of lengths and names */
	size_t at;
	uint64_t cookie;
	size_t count; /* in the page */
	bool begun;
	int err;
};
#define SFSI_OIDS_INIT(the_store, id) { .store = (the_store), .class_id = (id) }

/** The next one, valid until the call after it: 0, 1 at the end, or an error. End with sfsi_oids_fini(). */
SFS_MUST_CHECK int sfsi_oids_next(struct sfsi_oids *oids, struct sfs_span *ret);
void sfsi_oids_fini(struct sfsi_oids *oids);

#endif
