/*
 * References back: for each target of a relation a row of table B, in the partition of the class that
 * the relation leads to, which says who refers to it. keys.h has the key; all is in it.
 *
 * They follow from the bodies and the definitions. A save writes them in its commit (derive.c); a change
 * of the catalogue that makes relations lead elsewhere marks the classes concerned in its commit
 * (table M), and sfsi_backrefs_settle() makes them right after it, in commits of their own. A mark that
 * was left by a kill is settled when the store is opened. Until then a row that leads through no
 * relation any more is passed over by readers, so that nothing wrong is ever shown.
 */
#ifndef SFSI_BACKREF_H
#define SFSI_BACKREF_H

#include "derive.h"
#include "schema/schema.h"
#include "txn.h"

/** A reference back, as its key says it; spans point into the key. */
struct sfsi_backref {
	uint64_t hash;
	uint32_t class_id; /* of who refers */
	struct sfs_span relation;
	uint64_t serial; /* of who refers */
	struct sfs_span oid;
};
/** False: the key has not this shape. */
bool sfsi_backref_decode(struct sfs_span key, struct sfsi_backref *ret);

/** Where an oid's references back are. */
static inline void sfsi_backref_prefix(const struct sfs_store *store, struct sfs_span oid,
				       struct sfsi_key *ret)
{
	sfsi_key_backrefs(ret, sfsi_oid_hash(store, oid));
}

/** The class that a relation of a class leads to; NULL: it does not exist. */
struct sfsi_class *sfsi_relation_class(struct sfs_store *store, const struct sfsi_class *class,
				       const struct sfsi_relation *relation);
/** Is the relation of a reference back still there, and does it lead to that class? */
bool sfsi_backref_leads(struct sfs_store *store, uint32_t target_class,
			const struct sfsi_backref *backref);

/** Write or remove one row. */
SFS_MUST_CHECK int sfsi_backref_put(struct sfsi_txn *txn, const struct sfsi_class *target,
				    const struct sfsi_backref *backref, bool remove);

/** The part of sfsi_derive() that is about relations. @class  of the object, with a schema. */
SFS_MUST_CHECK int sfsi_backrefs_derive(struct sfsi_txn *txn, const struct sfsi_class *class,
					const struct sfsi_derive_side *before,
					const struct sfsi_derive_side *after);

/* --- backref_settle.c --- */

/**
 * A change of the catalogue, before it is committed: mark what it leaves to be settled.
 * @class    NULL: a class that is made.
 * @name     that the class will have; empty: it goes, with all references back to it.
 * @schema   that it will have, or NULL.
 */
SFS_MUST_CHECK int sfsi_backrefs_mark(struct sfsi_txn *txn, const struct sfsi_class *class,
				      struct sfs_span name, const struct sfsi_schema *schema);
/** Mark all classes with relations to be filled: a store of format 1 may have no references back. */
SFS_MUST_CHECK int sfsi_backrefs_mark_all(struct sfs_store *store);
/** Settle all that is marked. Without a lock; takes its time, in many small commits. */
SFS_MUST_CHECK int sfsi_backrefs_settle(struct sfs_store *store);

#endif
