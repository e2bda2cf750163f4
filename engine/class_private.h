/* Inside of the catalogue: class.c and class_change.c. */
#ifndef SFSI_CLASS_PRIVATE_H
#define SFSI_CLASS_PRIVATE_H

#include "schema/schema.h"
#include "txn.h"

#define CLASS_ID_MAX 0xffffffu

/** A class that is not in the catalogue yet. @type  empty: the name. NULL: no memory. */
struct sfsi_class *sfsi_class_new(uint32_t id, enum sfs_class_kind kind, struct sfs_span name,
				  struct sfs_span type);
void sfsi_class_free(struct sfsi_class *class);
void sfsi_class_text(char ret[SFS_CLASS_NAME_MAX + 1], struct sfs_span text);

/**
 * Make a class inside a change. @schema  NULL, or its definition. @as  NULL, or whose files it is.
 * *ret is set when there is a class, also when it fails: to be freed then.
 */
SFS_MUST_CHECK int sfsi_class_create_in(struct sfsi_txn *txn, const struct sfs_class_make *make,
					struct sfsi_schema *schema,
					const struct sfsi_mirror_class *as,
					struct sfsi_class **ret);

/** Rename a class inside a change. */
SFS_MUST_CHECK int sfsi_class_rename_in(struct sfsi_txn *txn, struct sfs_span name,
					struct sfs_span new_name);
/** Remove an empty class inside a change. */
SFS_MUST_CHECK int sfsi_class_remove_in(struct sfsi_txn *txn, struct sfs_span name);

/** The text of its definition; empty when it has none. Commit lock or catalogue_lock is held. */
static inline struct sfs_span sfsi_class_definition(const struct sfsi_class *class)
{
	return class->schema ? class->schema->text : sfs_buf_span(&class->bad_definition);
}

/** Make a class, or change it to a schema, whose text becomes its definition. */
SFS_MUST_CHECK int sfsi_class_define(struct sfs_store *store, const struct sfs_class_make *make,
				     struct sfsi_schema *schema, struct sfs_diag *diag);

/**
 * The first relation from *at on that leads to a class that does not exist. Returns 0, or
 * SFS_ERR_NOT_FOUND when there is none.
 */
int sfsi_class_missing(struct sfs_store *store, const struct sfsi_schema *schema, uint32_t *at);

/* catalogue_lock is held. */
struct sfsi_class *sfsi_class_named_locked(const struct sfs_store *store, struct sfs_span name);
/** Room for one more class of this id; held exclusively. SFS_ERR_NO_MEMORY. */
SFS_MUST_CHECK int sfsi_catalogue_reserve_locked(struct sfs_store *store, uint32_t id);

#endif
