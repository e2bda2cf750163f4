/* .storefs/trash/ as far as a rename knows of it: how what was removed comes back. */
#ifndef FS_VIEW_TRASH_H
#define FS_VIEW_TRASH_H

#include "place.h"
#include "view.h"

/** Is this a directory of the trash that holds what was removed? */
bool fs_view_is_trash(struct fs *fs, uint64_t dir);
/**
 * Bring back what has a name there, to a place of its class; under its own name when that has the name that
 * the trash gives it. @replace  what is at the place goes into the trash.
 */
int fs_view_trash_restore(struct fs *fs, uint64_t dir, struct sfs_span name,
			  const struct fs_place *to, bool replace);

/** Is a node a raw in the trash? */
bool fs_view_trash_has(struct fs *fs, uint64_t node);
/** … that the kernel does not have from there, but from when it had a name? */
bool fs_view_trash_is_stale(struct fs *fs, uint64_t node);

#endif
