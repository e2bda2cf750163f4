/* What the readers of definitions share: define.c, define_type.c, define_index.c. */
#ifndef SFSI_SCHEMA_DEFINE_H
#define SFSI_SCHEMA_DEFINE_H

#include "schema/schema.h"

struct sfsi_define {
	struct sfsi_schema *schema; /* in the making */
	struct sfs_span text;
	const char *backend;
	struct sfs_diag *diag;
	unsigned seen; /* bit of each member that was there */
};

/**
 * Refuse a member, or its name: a sentence, and where it is. Returns SFS_ERR_BAD_DOCUMENT.
 */
int sfsi_define_refuse(struct sfsi_define *def, const struct sfsi_path *path, bool key,
		       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** "expected …, found …". */
int sfsi_define_expected(struct sfsi_define *def, const struct sfsi_path *path,
			 struct sfs_span value, const char *expected);

/** A string, copied to the arena. Errors as sfsi_schema_parse(). */
SFS_MUST_CHECK int sfsi_define_string(struct sfsi_define *def, const struct sfsi_path *path,
				      struct sfs_span value, const char *expected,
				      struct sfs_span *ret);
/** Begin to walk an array or an object. */
SFS_MUST_CHECK int sfsi_define_open(struct sfsi_define *def, const struct sfsi_path *path,
				    struct sfs_span value, enum sfsi_head_kind kind,
				    const char *expected, struct sfsi_cursor *ret,
				    uint32_t *ret_count);
/** Next member of an object: path->name (borrowed from the body) and value. */
SFS_MUST_CHECK int sfsi_define_pair(struct sfsi_define *def, struct sfsi_cursor *cursor,
				    struct sfsi_path *path, struct sfs_span *ret_value);

/** Fill one of the items, which is zeroed. @member  its name is in the arena, and has a possible length. */
typedef int sfsi_define_item_fn(struct sfsi_define *def, const struct sfsi_path *member,
				struct sfs_span value, void *item);
/** An object of names and items of a size: properties, relations, indexes. *ret is in the arena. */
SFS_MUST_CHECK int sfsi_define_items(struct sfsi_define *def, const struct sfsi_path *path,
				     struct sfs_span value, const char *expected, size_t size,
				     sfsi_define_item_fn *read, void **ret, uint32_t *ret_count);

/** A type in notation or in the object form. depth: levels around it. */
SFS_MUST_CHECK int sfsi_define_type(struct sfsi_define *def, const struct sfsi_path *path,
				    struct sfs_span value, unsigned depth, struct sfsi_type *ret);
/** The member "indexes". */
SFS_MUST_CHECK int sfsi_define_indexes(struct sfsi_define *def, const struct sfsi_path *path,
				       struct sfs_span value);

#endif
