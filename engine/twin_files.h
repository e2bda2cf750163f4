/* Inside of the mirror of a store: its state, and its plain files (twin_files.c). */
#ifndef SFSI_TWIN_FILES_H
#define SFSI_TWIN_FILES_H

#include "twin.h"

struct sfsi_twin {
	char *path;
	int dir_fd, lock_fd, raw_fd;
	struct sfsi_backend *pair; /* NULL: the mirror could not be opened */
	bool was_clean;            /* the last one to use it ended well */
	pthread_mutex_t lock;      /* orders changes of plain files */
	atomic_bool files_behind;
	char why[480]; /* why it is behind, when it could not be opened */
};

bool sfsi_twin_is_behind(struct sfs_store *store);
/** Has the folder nothing in it? */
bool sfsi_folder_is_empty(int dir_fd);
/** Has it nothing but a lock file, and what an attempt to make a mirror left? */
bool sfsi_folder_is_new(int dir_fd);
SFS_MUST_CHECK int sfsi_twin_files_compare(struct sfs_store *store, uint64_t *ret_differ);

#endif
