/*
 * Scratch files of directories of fields: what editors and other programs make beside a field while they
 * save it. They are in the daemon's memory only: until they are removed or renamed onto a
 * field, and for ten minutes after they were last used at most.
 */
#ifndef FS_SCRATCH_H
#define FS_SCRATCH_H

#include "view.h"

int fs_scratch_start(struct fs *fs);
void fs_scratch_stop(struct fs *fs);

/** Is what is made a scratch file? @declared  the class declares a property of that name. */
bool fs_scratch_is(const struct fs_view_make *make, bool declared);

/** A file, or with a target a symlink. SFS_ERR_EXISTS, SFS_ERR_NO_SPACE (too much is kept already), SFS_ERR_NO_MEMORY. */
int fs_scratch_create(struct fs *fs, const struct fs_view *dir, const struct fs_view_make *make);
/** Is there one? @ret  NULL, or filled. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_NO_MEMORY. */
int fs_scratch_find(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		    struct fs_view_spec *ret);
/** Append its content; of a symlink where it leads. */
int fs_scratch_get(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		   struct sfs_buf *ret);
/** The same with what is being written to it and was not saved yet: some programs rename before they close. */
int fs_scratch_latest(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		      struct sfs_buf *ret);
/** Replace its content; made when it is not there. Errors of fs_scratch_create(). */
int fs_scratch_put(struct fs *fs, const struct fs_view *dir, struct sfs_span name,
		   struct sfs_span text);
int fs_scratch_remove(struct fs *fs, const struct fs_view *dir, struct sfs_span name);
/** One that has the new name is replaced. */
int fs_scratch_rename(struct fs *fs, const struct fs_view *dir, struct sfs_span from,
		      struct sfs_span to, unsigned flags);
/** Those of a directory, after a serial: name, cookie as the serial. */
int fs_scratch_list(struct fs *fs, const struct fs_view *dir, uint64_t after, uint64_t base,
		    fs_view_list_fn *fn, void *arg);

extern const struct fs_view_ops fs_scratch_view_ops, fs_scratch_link_ops;

#endif
