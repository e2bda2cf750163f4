/*
 * Queries as directories: CLASS/by/INDEX/KEY/ and what can follow (docs/queries.md). Knows no FUSE.
 *
 *   by.c         by/, by/INDEX/, sort/, limit/, offset/: what names mean; results
 *   by_key.c     keys as file names, and the listing of an index
 *   by_window.c  is an object in a part of the results?
 *   by_file.c    .count, .explain, .oids, .jsonl, .csv
 *
 * A directory of results is a step: it adds one condition (or order, limit, offset) to those of the
 * directories above it. So the views above a node are its query, in any order: each look at a name, and
 * each listing, asks the store anew, and nothing outlives a commit.
 */
#ifndef FS_BY_H
#define FS_BY_H

#include <storefs/query.h>
#include "view.h"

#define FS_BY_NAME "by"
/** Directories above each other. */
#define FS_BY_DEPTH_MAX 256

/** What begins in the directory of a class. */
int fs_by_begin(struct fs *fs, uint64_t dir, struct sfs_span name, struct fs_view_spec *ret);
/** Is a name of a class's directory one that only a query can have? */
bool fs_by_is_reserved(struct sfs_span name);
/** "by" as the directory of a class lists it. False: the class has no index. */
bool fs_by_entry(struct fs *fs, uint32_t class_id, uint64_t dir, uint64_t *ret_number);

int fs_windows_start(struct fs *fs);
void fs_windows_stop(struct fs *fs);

/* --- between these files --- */

/** Kinds of steps: the first byte of the id of a directory of results. */
enum fs_by_step {
	FS_BY_WHERE = 'w',  /* enum sfs_query_op as a byte, the index, values */
	FS_BY_KEY = 'k',    /* the index, bytes of a key */
	FS_BY_SORT = 's',   /* '+' or '-', then the index */
	FS_BY_LIMIT = 'l',  /* a number, 8 bytes */
	FS_BY_OFFSET = 'o', /* likewise */
};

extern const struct fs_view_ops fs_by_result_ops;

/**
 * The query of a directory of results, of a directory in one, or of a file in one.
 * @view  NULL: all objects of the class.
 */
int fs_by_query(struct fs *fs, const struct fs_view *view, uint32_t class_id,
		struct sfs_query **ret);
/**
 * Can the step whose id is in ret follow? Makes it one of results.
 * @dir  the directory that it is in.
 */
int fs_by_check_step(struct fs *fs, const struct fs_view *dir, struct fs_view_spec *ret);
/** Is an object among the results of a directory, whose query this is? */
int fs_by_has(struct fs *fs, const struct fs_view *dir, struct sfs_query *query,
	      struct sfs_span oid, bool *ret, struct sfs_diag *diag);
/** Leave a sentence for a path that can not be, and say that nothing is there. */
int fs_by_wrong(struct sfs_diag *diag, int err);
/** Attributes of what changes with the class. */
int fs_by_attr(struct fs *fs, uint32_t class_id, struct sfs_attr *ret);

/** by/INDEX/. Its id: a byte for the operator, then the index. */
extern const struct fs_view_ops fs_by_index_ops;
/** The index of a file name in by/ or sort/. SFS_ERR_NOT_FOUND, with a sentence. */
int fs_by_index_find(struct fs *fs, uint32_t class_id, struct sfs_span name, bool operators,
		     enum sfs_query_op *ret_op, struct sfs_buf *ret_index);

/** A file in a directory of results, or of a class. SFS_ERR_NOT_FOUND. */
int fs_by_file_find(struct sfs_span name, bool in_class, struct fs_view_spec *ret);

/* What an id holds. */
static inline int fs_by_put_span(struct sfs_buf *id, struct sfs_span bytes)
{
	uint16_t len = (uint16_t)bytes.len;
	int err = sfs_buf_append(id, &len, sizeof len);
	return err < 0 ? err : sfs_buf_append(id, bytes.data, bytes.len);
}

static inline struct sfs_span fs_by_take_span(struct sfs_span *rest)
{
	uint16_t len;
	memcpy(&len, rest->data, sizeof len);
	struct sfs_span taken = { (const char *)rest->data + sizeof len, len };
	rest->data = (const char *)taken.data + len;
	rest->len -= sizeof len + len;
	return taken;
}

#endif
