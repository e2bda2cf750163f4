/*
 * Refused texts: what somebody wanted to save as a document and could not, kept so that it is not
 * lost.
 *
 * There is at most one for an oid: the next one replaces it, the next good save of that object, by
 * whatever door, removes it in the same commit. The object itself need not exist. They are kept like
 * everything else of a class: a kill -9 loses nothing, sfs_store_sync() adds power cuts; renaming
 * a class keeps them, removing it drops them.
 *
 * Programs that remove an object and then make it anew would lose it when what they make is refused: the
 * text of an object that was removed within the last minute is kept with the refused text.
 */
#ifndef STOREFS_REFUSED_H
#define STOREFS_REFUSED_H

#include <storefs/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A refused text, without the text. */
struct sfs_refused {
	uint64_t ino; /* its own, never an object's; stays until the text is removed */
	enum sfs_format format;
	uint64_t size;   /* bytes of the text, 1..SFS_DOCUMENT_MAX */
	int64_t time_ns; /* when it was refused */
	/* The text, as JSON, of the object that was removed before; 0: there is none. */
	uint64_t removed_ino;
	uint64_t removed_size;
	/* Why: line, column, offset and text are those of the save that was refused. */
	struct sfs_diag diag;
};

/**
 * Keep a text that was refused, in one commit.
 * @format, @text  1..SFS_DOCUMENT_MAX bytes.
 * @diag           why it was refused.
 * Returns 0, SFS_ERR_INVALID (an empty text), SFS_ERR_LIMIT (oid or text too long), SFS_ERR_NAME
 * (empty oid), SFS_ERR_NOT_FOUND (class), SFS_ERR_WRONG_KIND (a raw class), errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_refused_put(struct sfs_store *store, uint32_t class_id,
					   struct sfs_span oid, enum sfs_format format,
					   struct sfs_span text, const struct sfs_diag *diag);

/**
 * The refused text of an oid. Costs nothing in a class that keeps none.
 * Returns 0, SFS_ERR_NOT_FOUND (also: no such class), SFS_ERR_CORRUPT, SFS_ERR_IO.
 */
SFS_API SFS_MUST_CHECK int sfs_refused_find(struct sfs_store *store, uint32_t class_id,
					    struct sfs_span oid, struct sfs_refused *ret);

/**
 * The same by its inode number, or by that of the removed object's text.
 * @ret_oid  NULL, or appended to.
 */
SFS_API SFS_MUST_CHECK int sfs_refused_stat(struct sfs_store *store, uint64_t ino,
					    struct sfs_refused *ret, struct sfs_buf *ret_oid);

/**
 * The text of an inode number, refused or removed, as it is now.
 * @ret  appended to. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_CORRUPT, SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_refused_get(struct sfs_store *store, uint64_t ino,
					   struct sfs_buf *ret);

/**
 * Remove it.
 * Returns 0, SFS_ERR_NOT_FOUND, errors of a commit.
 */
SFS_API SFS_MUST_CHECK int sfs_refused_remove(struct sfs_store *store, uint32_t class_id,
					      struct sfs_span oid);

/**
 * One entry of a listing. cookie resumes after this entry. Nonzero stops; that entry then does not
 * count as delivered. Arguments are valid during the call; fn must not call the store.
 */
typedef int sfs_refused_list_fn(void *arg, struct sfs_span oid, const struct sfs_refused *refused,
				uint64_t cookie);

/**
 * List the refused texts of a class in cookie order: as sfs_object_list(), which also says what
 * after, limit and shared cookies mean. Texts are not read.
 */
SFS_API SFS_MUST_CHECK int sfs_refused_list(struct sfs_store *store, uint32_t class_id,
					    uint64_t after, size_t limit, sfs_refused_list_fn *fn,
					    void *arg);

#ifdef __cplusplus
}
#endif
#endif
