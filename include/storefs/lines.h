/*
 * Objects as lines of text, for lists and other programs. sfs_import() (export.h) takes lines of JSON back.
 *
 *   OIDS   the oid
 *   JSONL  the object as JSON on one line, with its oid as the first member; an oid that is no UTF-8 is
 *          {"$bin": base64}
 *   CSV    RFC 4180: the oid, then a column for each property and relation of the class, or, when its
 *          definition names none, for each member of the first object. A string is its text, null and what
 *          is missing an empty field, any other value compact JSON.
 */
#ifndef STOREFS_LINES_H
#define STOREFS_LINES_H

#include <storefs/object.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sfs_lines;

enum sfs_lines_form {
	SFS_LINES_OIDS = 0,
	SFS_LINES_JSONL,
	SFS_LINES_CSV,
};

/** Start. Returns 0, SFS_ERR_NOT_FOUND, SFS_ERR_WRONG_KIND, SFS_ERR_INVALID, SFS_ERR_NO_MEMORY. */
SFS_API SFS_MUST_CHECK int sfs_lines_new(struct sfs_store *store, uint32_t class_id,
					 enum sfs_lines_form form, struct sfs_lines **ret);
/** Accepts NULL. */
SFS_API void sfs_lines_free(struct sfs_lines *lines);

/**
 * Append the line of an object, with its end; the first one of a CSV has the header before it.
 * Returns 0, SFS_ERR_NOT_FOUND (there is no such object, nothing was appended), SFS_ERR_CORRUPT,
 * SFS_ERR_IO, SFS_ERR_NO_MEMORY.
 */
SFS_API SFS_MUST_CHECK int sfs_lines_put(struct sfs_lines *lines, struct sfs_span oid,
					 struct sfs_buf *ret);
/** Append what must follow the last line: the header of a CSV without lines. */
SFS_API SFS_MUST_CHECK int sfs_lines_end(struct sfs_lines *lines, struct sfs_buf *ret);

#ifdef __cplusplus
}
#endif
#endif
