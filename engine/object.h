/*
 * Inside of objects, shared by reading (object.c), saving (object_put.c) and moving
 * (object_move.c); what they have in common is in object_change.c.
 */
#ifndef SFSI_OBJECT_H
#define SFSI_OBJECT_H

#include "derive.h"
#include "schema/schema.h"
#include "txn.h"

/** Check that a class is there and is an object class. */
SFS_MUST_CHECK int sfsi_object_class(struct sfs_store *store, uint32_t class_id,
				     struct sfsi_class **ret);
/**
 * Key of the entry of an object. Those of a database are in the order of its file, which is that of the
 * numbers that they show; others in that of their cookies.
 */
void sfsi_object_entry(const struct sfs_store *store, const struct sfsi_class *class,
		       struct sfs_span oid, uint64_t number, struct sfsi_key *ret);
/** Check an oid: SFS_ERR_NAME when empty, SFS_ERR_LIMIT when too long. */
SFS_MUST_CHECK int sfsi_oid_check(struct sfs_span oid);

/* --- object_change.c --- */

/** The record of an object inside a change as it is stored (rows.h); ret points into buf. */
SFS_MUST_CHECK int sfsi_object_load_stored(struct sfsi_txn *txn, uint32_t class_id,
					   struct sfs_span oid, struct sfs_buf *buf,
					   struct sfsi_record *ret);
/** Read and decode the record of an object inside a change; ret points into buf, empty before. */
SFS_MUST_CHECK int sfsi_object_load(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
				    struct sfs_buf *buf, struct sfsi_record *ret);
/**
 * Make of an object what it becomes: added (nothing before), replaced, renamed (other oid, same serial)
 * or removed (nothing after). Writes record, entry, inode and what follows from the content (derive.h),
 * counts it, and notes it for cache and listener.
 */
SFS_MUST_CHECK int sfsi_object_change(struct sfsi_txn *txn, uint32_t class_id,
				      const struct sfsi_derive_side *before,
				      const struct sfsi_derive_side *after);

/**
 * What an object was that was renamed away within the last minute: it comes back as the same one.
 * @buf  empty, the caller's; ret points into it. SFS_ERR_NOT_FOUND, SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_object_departed(struct sfsi_txn *txn, uint32_t class_id,
					struct sfs_span oid, struct sfs_buf *buf,
					struct sfsi_record *ret);

/** Flag of a save besides enum sfs_put_flags: others wrote it already, so nothing is refused for its values. */
#define SFSI_PUT_INWARD (1u << 30)

/** A validated document, ready to be saved. */
struct sfsi_prepared {
	struct sfs_buf body;
	uint64_t size, size_msgpack; /* of the two documents after the save */
	bool keep_text;              /* text differs from the canonical form and is kept */
	bool dropped;                /* the schema had something left out of the body */
	uint64_t schema_number;      /* of the definition that it was validated with */
	size_t updates_len; /* update times of an import, behind the bytes of body (import.h) */
};
/** Validate put->text. Errors and diag as sfs_object_put(). */
SFS_MUST_CHECK int sfsi_object_prepare(struct sfs_store *store, const struct sfs_put *put,
				       struct sfsi_prepared *ret, struct sfs_diag *diag);
/** Save inside a change. ret: NULL, or the attributes after it. */
SFS_MUST_CHECK int sfsi_object_apply(struct sfsi_txn *txn, const struct sfs_put *put,
				     const struct sfsi_prepared *prepared, struct sfs_attr *ret);
/** Remove an object inside a change. Errors as sfs_object_remove(); the oid has 1..SFS_OID_MAX bytes. */
SFS_MUST_CHECK int sfsi_object_remove(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
				      uint64_t ino);
/** Apply attributes (not size) to an object. */
void sfsi_object_set(struct sfsi_object *object, const struct sfs_setattr *set);

/** Read and decode a record as of the last commit; ret points into buf, which is empty before. */
SFS_MUST_CHECK int sfsi_object_read(struct sfs_store *store, uint32_t class_id, struct sfs_span oid,
				    struct sfs_buf *buf, struct sfsi_record *ret);

/** The same as it is stored (rows.h). */
SFS_MUST_CHECK int sfsi_object_read_stored(struct sfs_store *store, uint32_t class_id,
					   struct sfs_span oid, struct sfs_buf *buf,
					   struct sfsi_record *ret);

/** The document of a record: the kept text, or the canonical form, appended to ret. */
SFS_MUST_CHECK int sfsi_object_render(const struct sfsi_record *record, enum sfs_format format,
				      struct sfs_buf *ret);

/* --- object_fit.c: the schema of the class --- */

/** A class's rules at one moment, and what a body is compared with. */
struct sfsi_object_fit {
	struct sfs_store *store;
	struct sfsi_schema *schema; /* a reference; may be NULL */
	uint64_t number;
	char class_name[SFS_CLASS_NAME_MAX + 1];
	const struct sfs_put *put; /* NULL, or where the body comes from */
	struct sfs_diag *diag;
	char sentence[440];
};
/** Take the rules. Returns whether there are any; end with sfsi_object_fit_end() in any case. */
int sfsi_object_fit_begin(struct sfs_store *store, const struct sfsi_class *class,
			  struct sfsi_object_fit *ret);
void sfsi_object_fit_end(struct sfsi_object_fit *fit);
/** sfsi_schema_fit() with these rules; arg of fn is fit. ret->body is the caller's. */
SFS_MUST_CHECK int sfsi_object_fit(struct sfsi_object_fit *fit, struct sfs_span body,
				   sfsi_misfit_fn *fn, struct sfsi_fitted *ret);

/** Validate a body that is to be saved, and put it into canonical form. Sets dropped and number. */
SFS_MUST_CHECK int sfsi_object_fit_body(struct sfs_store *store, const struct sfsi_class *class,
					const struct sfs_put *put, struct sfs_buf *body,
					struct sfsi_prepared *ret, struct sfs_diag *diag);
/** Sizes of the documents, and whether the text is kept; takes the body. */
SFS_MUST_CHECK int sfsi_object_measure(const struct sfs_put *put, struct sfs_buf *body,
				       struct sfsi_prepared *ret);
/** A new body: sizes of its canonical documents; a text that was kept is gone. SFS_ERR_LIMIT. */
SFS_MUST_CHECK int sfsi_object_canonical(struct sfsi_record *record);
/** The class was defined anew since a save was prepared: prepare its body once more. */
SFS_MUST_CHECK int sfsi_object_prepare_again(struct sfs_store *store,
					     const struct sfsi_class *class,
					     const struct sfs_put *put,
					     const struct sfsi_prepared *old,
					     struct sfsi_prepared *ret);

/* --- refused.c --- */

/** Keep a text, of 1..SFS_DOCUMENT_MAX bytes, that was refused: as sfs_refused_put(), inside a change. */
SFS_MUST_CHECK int sfsi_refused_keep(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid,
				     enum sfs_format format, struct sfs_span text,
				     const struct sfs_diag *diag);
/** The object is saved well: the refused text of this oid, if there is one, goes. */
SFS_MUST_CHECK int sfsi_refused_drop(struct sfsi_txn *txn, uint32_t class_id, struct sfs_span oid);

/* --- updates.c --- */

/** A walk over the update times of a record's properties, in the order of its body. */
struct sfsi_updates {
	struct sfs_span rest; /* private */
	int64_t updated_ns;
};
void sfsi_updates_init(struct sfsi_updates *updates, const struct sfsi_record *record);
/** Of the next property. */
int64_t sfsi_updates_next(struct sfsi_updates *updates);

/**
 * Update times after a save: of the new body, given the old record (NULL: new object).
 * @ret_updates appended to: nothing when all properties have the time *ret_updated_ns.
 */
SFS_MUST_CHECK int sfsi_updates_make(const struct sfsi_record *old, struct sfs_span body,
				     int64_t now_ns, int64_t *ret_updated_ns,
				     struct sfs_buf *ret_updates);
/** Append what says how long before the object's update time a property changed. */
SFS_MUST_CHECK int sfsi_updates_put_age(struct sfs_buf *ret, uint64_t age);

/**
 * The same after a change of one property's value alone.
 * @record  before it. The property is one of its body.
 */
SFS_MUST_CHECK int sfsi_updates_touch(const struct sfsi_record *record, struct sfs_span name,
				      int64_t now_ns, int64_t *ret_updated_ns,
				      struct sfs_buf *ret_updates);

#endif
