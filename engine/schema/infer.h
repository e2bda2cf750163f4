/*
 * A definition from existing objects: bodies are looked at one by one, and for each property it is
 * remembered which types all of its values fit.
 */
#ifndef SFSI_SCHEMA_INFER_H
#define SFSI_SCHEMA_INFER_H

#include "schema/schema.h"

struct sfsi_infer;

SFS_MUST_CHECK int sfsi_infer_new(struct sfsi_infer **ret);
/** Accepts NULL. */
void sfsi_infer_free(struct sfsi_infer *infer);
/** Look at one body. SFS_ERR_CORRUPT, SFS_ERR_NO_MEMORY. */
SFS_MUST_CHECK int sfsi_infer_see(struct sfsi_infer *infer, struct sfs_span body);

/**
 * Append the definition.
 * @type        of the class.
 * @class_name  gives the name of the class that a reference of a type leads to: writes at most 128
 *              bytes and a NUL, or returns false.
 */
SFS_MUST_CHECK int sfsi_infer_end(const struct sfsi_infer *infer, struct sfs_span type,
				  bool (*class_name)(void *arg, struct sfs_span type,
						     char ret[SFS_CLASS_NAME_MAX + 1]),
				  void *arg, struct sfs_buf *ret);

#endif
