/*
 * Inside of relations, shared by reading (relation.c) and changing (relation_edit.c).
 */
#ifndef SFSI_RELATION_H
#define SFSI_RELATION_H

#include <storefs/relation.h>
#include "object.h"

/** A relation, looked up: what its class says about it now. */
struct sfsi_relation_of {
	const struct sfsi_class *class;
	struct sfsi_schema *schema; /* a reference */
	const struct sfsi_relation *relation;
	struct sfs_span type; /* of references to its class: the name that the definition uses */
};
/** Look it up; ends with sfsi_relation_end() when it returned 0. Errors as in storefs/relation.h. */
SFS_MUST_CHECK int sfsi_relation_begin(struct sfs_store *store, const struct sfs_relation *relation,
				       struct sfsi_relation_of *ret, struct sfs_diag *diag);
void sfsi_relation_end(struct sfsi_relation_of *of);

/** Is the target one that the relation can have? SFS_ERR_INVALID, SFS_ERR_NAME, SFS_ERR_LIMIT. */
SFS_MUST_CHECK int sfsi_relation_check(struct sfs_store *store, const struct sfsi_relation_of *of,
				       const struct sfs_target *target, struct sfs_diag *diag);

enum sfsi_edit_kind {
	SFSI_RELATION_SET = 1, /* clearing is setting nothing */
	SFSI_RELATION_ADD,
	SFSI_RELATION_REMOVE,
	SFSI_RELATION_FOLLOW, /* a target got another oid: targets[0] becomes targets[1] */
};

/** One change of one relation. */
struct sfsi_relation_edit {
	enum sfsi_edit_kind kind;
	struct sfs_relation relation;
	const struct sfs_target *targets; /* [count] */
	size_t count;
	bool quiet; /* REMOVE, FOLLOW: not there is no error */
};
/** Make it, inside a change. What leaves all as it is writes nothing. */
SFS_MUST_CHECK int sfsi_relation_edit(struct sfsi_txn *txn, const struct sfsi_relation_edit *edit,
				      struct sfs_diag *diag);

#endif
