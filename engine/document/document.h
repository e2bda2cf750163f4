/*
 * Documents: validate a text, split off what is not data, and make canonical forms.
 */
#ifndef SFSI_DOCUMENT_H
#define SFSI_DOCUMENT_H

#include <storefs/object.h>

/** What a document's top level must agree with. */
struct sfsi_document_rules {
	struct sfs_span oid;        /* a top-level "oid" must be this string (or the number that
				    * spells it) */
	struct sfs_span type;       /* a top-level "type" must be this… */
	struct sfs_span class_name; /* …or this */
	bool any_type;              /* …or any string */
	bool updates;               /* "updates" at the top is let through as a member */
	bool value; /* any JSON value, of a database: nothing at the top is special */
};

/**
 * Validate a document and give its body: a canonical msgpack map of what the document holds without
 * the top-level "oid" and "type".
 *
 * @body  appended to.
 * Returns 0, SFS_ERR_BAD_DOCUMENT, SFS_ERR_LIMIT, SFS_ERR_NO_MEMORY; diag says where and what.
 */
SFS_MUST_CHECK int sfsi_document_parse(enum sfs_format format, struct sfs_span text,
				       const struct sfsi_document_rules *rules,
				       struct sfs_buf *body, struct sfs_diag *diag);

/** Append the canonical document of a body. */
SFS_MUST_CHECK int sfsi_document_render(enum sfs_format format, struct sfs_span body,
					struct sfs_buf *ret);

/** Append one value of a body as compact JSON. */
SFS_MUST_CHECK int sfsi_value_json(struct sfs_span value, struct sfs_buf *ret);

#endif
