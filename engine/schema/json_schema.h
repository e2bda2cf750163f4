/* A schema as JSON Schema: json_schema.c. */
#ifndef SFSI_SCHEMA_JSON_SCHEMA_H
#define SFSI_SCHEMA_JSON_SCHEMA_H

#include "schema/schema.h"

/**
 * Append the JSON Schema of the documents of a class.
 * @schema  NULL: the class has no definition. @type  of the class.
 */
SFS_MUST_CHECK int sfsi_schema_json(const struct sfsi_schema *schema, struct sfs_span class_name,
				    struct sfs_span type, struct sfs_buf *ret);

#endif
