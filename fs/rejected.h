/*
 * .storefs/rejected/CLASS/OID.json: texts that a save refused, and OID.json.error beside each: why; and
 * OID.json.removed, if the object was removed just before to be made anew: what it was.
 * The engine keeps them (storefs/refused.h); here they are files. Knows no FUSE.
 *
 * They come, change and go with saves under other names, so the kernel keeps nothing of them: names
 * and attributes are asked for each time, and content is read around the page cache.
 */
#ifndef FS_REJECTED_H
#define FS_REJECTED_H

#include <storefs/refused.h>
#include "meta.h"

/** Find a name in rejected/ or in rejected/CLASS. */
int fs_rejected_find(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_found *ret);

/** Attributes of one of the directories or files. */
int fs_rejected_attr(struct fs *fs, uint64_t node, const struct fs_handle *handle,
		     struct fs_found *ret);

/** Append what a file holds now. */
int fs_rejected_text(struct fs *fs, uint64_t node, struct sfs_buf *ret);

/** List one of the directories after a cookie. */
int fs_rejected_list(struct fs *fs, uint64_t dir, uint64_t after, fs_meta_list_fn *fn, void *arg);

/** Remove a text. SFS_ERR_READ_ONLY for everything that is none. */
int fs_rejected_remove(struct fs *fs, uint64_t dir, struct sfs_span name);

/**
 * What happened, for a person: "refused 2026-…Z: line 3, column 5: …".
 * @ret  appended to, without a newline at its end.
 */
int fs_rejected_sentence(const struct sfs_refused *refused, struct sfs_buf *ret);

#endif
