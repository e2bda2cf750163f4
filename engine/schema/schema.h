/*
 * The schema of a class in memory: what its definition says. Immutable once it is parsed and
 * reference-counted, so that a save goes on with the rules that it began with.
 *
 *   define.c     the definition document to a schema
 *   notation.c   notation to types; type.c the way back
 *   fit.c        a body against a schema, and into its canonical form; scalar.c single values
 *   json_schema.c  the schema as JSON Schema
 *   infer.c      a definition from existing objects
 */
#ifndef SFSI_SCHEMA_H
#define SFSI_SCHEMA_H

#include <storefs/class.h>
#include "base/arena.h"
#include "index/rule.h"
#include "schema/reference.h"
#include "schema/type.h"
#include "schema/value.h"

struct sfsi_property {
	struct sfs_span name;
	struct sfsi_type type;
};

struct sfsi_relation {
	struct sfs_span name;
	struct sfs_span target; /* name of a class; empty: the class itself */
	bool many;
};

enum sfsi_extra { SFSI_EXTRA_KEEP, SFSI_EXTRA_DROP, SFSI_EXTRA_REFUSE };
enum sfsi_validate { SFSI_VALIDATE_STRICT, SFSI_VALIDATE_WARN, SFSI_VALIDATE_OFF };
enum sfsi_on_remove { SFSI_REMOVE_KEEP, SFSI_REMOVE_REFUSE, SFSI_REMOVE_CLEAR };

struct sfsi_schema {
	unsigned refs; /* atomic */
	struct sfsi_arena arena;
	struct sfs_span text; /* the definition, byte for byte */
	enum sfs_class_kind kind;
	struct sfs_span type; /* empty: not said */
	enum sfs_oid_kind oid;
	enum sfsi_extra extra;
	enum sfsi_validate validate;
	enum sfsi_on_remove on_remove;
	/* [properties_count], in the order of the text; of a raw class: the types of its metadata. */
	const struct sfsi_property *properties;
	const struct sfsi_relation *relations; /* [relations_count] */
	const struct sfsi_index_rule *indexes; /* [indexes_count] */
	uint32_t properties_count, relations_count, indexes_count;
	uint32_t *slots; /* hash of a name to 1 + number of a property, then of a relation */
	uint32_t slots_mask;
};

#define SFSI_SCHEMA_NONE UINT32_MAX
/** Longest definition. */
#define SFSI_SCHEMA_TEXT_MAX ((size_t)1 << 20)
#define SFSI_SCHEMA_NAME_MAX 255

/**
 * Parse a definition.
 * @backend  of the class, which a member "backend" must name. NULL: that was looked at when it was written.
 * Returns 0, SFS_ERR_BAD_DOCUMENT (diag: line, column, member, what was expected), SFS_ERR_LIMIT,
 * SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_schema_parse(struct sfs_span text, const char *backend,
				     struct sfsi_schema **ret, struct sfs_diag *diag);
/** Both accept NULL. */
struct sfsi_schema *sfsi_schema_ref(struct sfsi_schema *schema);
void sfsi_schema_unref(struct sfsi_schema *schema);

/** Number of a property, properties_count + number of a relation, or SFSI_SCHEMA_NONE. */
uint32_t sfsi_schema_find(const struct sfsi_schema *schema, struct sfs_span name);

/** A relation by name; NULL: there is none. */
static inline const struct sfsi_relation *sfsi_schema_relation(const struct sfsi_schema *schema,
							       struct sfs_span name)
{
	uint32_t number = schema ? sfsi_schema_find(schema, name) : SFSI_SCHEMA_NONE;
	if (number == SFSI_SCHEMA_NONE || number < schema->properties_count)
		return NULL;
	return &schema->relations[number - schema->properties_count];
}

/** Does it say anything about documents? */
static inline bool sfsi_schema_has_rules(const struct sfsi_schema *schema)
{
	return schema && (schema->properties_count || schema->relations_count ||
			  schema->extra != SFSI_EXTRA_KEEP);
}

/* --- fit.c --- */

/** One value that does not fit. Valid during the call. */
struct sfsi_misfit {
	const struct sfsi_path *path;
	bool key; /* the name is what is wrong, not the value */
	const char *expected, *found;
};
/** Nonzero: no more of them are wanted. */
typedef int sfsi_misfit_fn(void *arg, const struct sfsi_misfit *misfit);

struct sfsi_fit {
	const struct sfsi_schema *schema;
	struct sfs_span body;
	struct sfs_span class_name; /* whose schema it is: what "¤" means */
	/* Is `type` another name of the class? */
	enum sfsi_reference_type (*is_type)(void *arg, struct sfs_span class_name,
					    struct sfs_span type);
	sfsi_misfit_fn *misfit;
	void *arg; /* of both */
};

struct sfsi_fitted {
	struct sfs_buf body; /* in canonical form; empty when that is the body as it was */
	bool dropped;        /* something was left out: a text says more than the body */
	uint32_t misfits;
};

/**
 * Look at a body, and put it into canonical form: properties in the order of the schema, others,
 * relations; references as {"oid", "type"}; text of a bin property as the bytes that it stands for.
 * A value that does not fit is reported, and stays as it is.
 * Returns 0, SFS_ERR_CORRUPT (no msgpack map), SFS_ERR_LIMIT, SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_schema_fit(const struct sfsi_fit *fit, struct sfsi_fitted *ret);

/** Do two bodies say the same, whatever the order of members and the form of references and bytes? */
SFS_MUST_CHECK int sfsi_schema_same(struct sfs_span a, struct sfs_span b, bool *ret);

/* --- scalar.c: does a value fit a type that is a word, a literal or a range? --- */
bool sfsi_scalar_fits(const struct sfsi_type *type, struct sfs_span value);
/** An array of the nine numbers of a time? */
bool sfsi_is_time_list(struct sfs_span value);

#endif
