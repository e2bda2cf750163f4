/*
 * Drafts: the private text of a handle that is open for writing. It starts as the document (or
 * empty), only its owner sees it, and it is judged when it is flushed.
 */
#ifndef FS_DRAFT_H
#define FS_DRAFT_H

#include <pthread.h>
#include <stdatomic.h>
#include <storefs/object.h>

struct fs_draft {
	pthread_mutex_t lock; /* protects base and text; the _locked functions need it */
	struct sfs_doc *base; /* the text, as long as it was not changed; NULL: text is it */
	struct sfs_buf text;
	atomic_bool dirty; /* changed since the last verdict; written with the lock held */
	/* Of the text: 0, or why it was refused. When it is dirty: 0, or why it could not be saved,
	 * and was not changed since. */
	atomic_int verdict;
	atomic_size_t len; /* of the text; written with the lock held */
};

/** @base  takes over the reference; NULL: empty. */
void fs_draft_init(struct fs_draft *draft, struct sfs_doc *base);
void fs_draft_fini(struct fs_draft *draft);

struct sfs_span fs_draft_span_locked(const struct fs_draft *draft);
/** Length of the text, without waiting for a save that is under way. */
size_t fs_draft_size(const struct fs_draft *draft);

/** Append up to len bytes from an offset to ret. Returns 0 or SFS_ERR_NO_MEMORY. */
int fs_draft_read(struct fs_draft *draft, uint64_t off, size_t len, struct sfs_buf *ret);

/**
 * Write at an offset; what lies between the end and it becomes zero.
 * @at_end  ignore off (O_APPEND).
 * Returns 0, SFS_ERR_LIMIT (over SFS_DOCUMENT_MAX) or SFS_ERR_NO_MEMORY: nothing changed.
 */
int fs_draft_write(struct fs_draft *draft, uint64_t off, struct sfs_span data, bool at_end);

/** Cut, or extend with zeros. Errors of fs_draft_write(). */
int fs_draft_resize(struct fs_draft *draft, uint64_t size);

/** The same, but SFS_ERR_BUSY instead of waiting for a save or a write. */
int fs_draft_try_resize(struct fs_draft *draft, uint64_t size);

#endif
