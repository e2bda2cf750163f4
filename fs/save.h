/*
 * Saving drafts: the one way from an open handle into the store.
 */
#ifndef FS_SAVE_H
#define FS_SAVE_H

#include "handle.h"

/**
 * Save a writer's draft if it changed since it was last judged, else repeat the verdict. An empty
 * draft is not a save.
 * Returns 0, SFS_ERR_BAD_DOCUMENT (refused, the object stays as it was) or an error of the commit.
 */
int fs_save_flush(struct fs *fs, struct fs_handle *handle);

/**
 * Write: as fs_draft_write(); forgets a modification time that waits for the save.
 * SFS_ERR_BAD_DOCUMENT when what stands at the start can not begin a document: then nothing is
 * written, and shells, which do not look at what close(2) returns, notice too.
 */
int fs_save_write(struct fs *fs, struct fs_handle *handle, uint64_t off, struct sfs_span data,
		  bool at_end);

/**
 * Cut or extend a document: the draft of a writer, else the saved document (a save).
 * @handle  the handle that asks, or NULL.
 */
int fs_save_resize(struct fs *fs, uint64_t node, struct fs_handle *handle, uint64_t size);

/**
 * The last handle of an object was closed: a newborn that nobody wrote to becomes {}, one that was
 * refused is gone. Does nothing for others, or while there are handles.
 */
int fs_save_settle(struct fs *fs, struct fs_open *open);

/**
 * A save failed: keep its text, and say why in the line that the reply leaves.
 * @what  class, oid, format and text count; an empty text is not kept.
 */
void fs_save_keep(struct fs *fs, const struct sfs_put *what, int err, const struct sfs_diag *diag);

/** It was saved, and does not fit its class, which only warns: that leaves a line too. */
void fs_save_remark(struct fs *fs, const struct sfs_put *what, const struct sfs_diag *diag);

/** A handle is about to be closed: an object that was emptied and not saved leaves a line. */
void fs_save_close(struct fs *fs, struct fs_handle *handle);

/**
 * A newborn is renamed onto the name of an object that exists: save its text into that object,
 * which its handles then go on writing to. open->save is held.
 */
int fs_save_newborn_as(struct fs *fs, struct fs_open *open, struct sfs_span oid,
		       enum sfs_format format);

/**
 * An open object or newborn became a scratch file: its handles save to that from now on.
 * open->save is held.
 */
int fs_save_to_raw(struct fs *fs, struct fs_open *open, uint64_t raw_ino);

#endif
