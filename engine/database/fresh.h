/*
 * Taking in a file where there is nothing yet: the rows are made sorted, aside, and are there all at once
 * (backend/bulk.h). A kill on the way leaves nothing.
 */
#ifndef SFSI_DATABASE_FRESH_H
#define SFSI_DATABASE_FRESH_H

#include "database/database.h"

/** Below so many items commits are as good, and leave no small tables. */
#define SFSI_FRESH_MIN 1000

struct sfsi_fresh {
	struct sfsi_database *database; /* its lock is held */
	const struct sfsi_image *image;
	int64_t time_ns; /* of all items, and their attributes */
	uint32_t mode, uid, gid;
	uint64_t last_number; /* what the last item of the file got */
};

/**
 * Returns 0; SFS_ERR_UNSUPPORTED, SFS_ERR_BUSY: nothing was done, as the keys repeat or are odd, the class has
 * indexes or is not empty, or the backend can not: take it in key by key; SFS_ERR_NO_SPACE and the like.
 */
SFS_MUST_CHECK int sfsi_database_take_fresh(struct sfsi_fresh *fresh);

#endif
