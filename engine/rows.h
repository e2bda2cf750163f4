/*
 * Relations with many targets: each target is a row of its own, so that adding one writes one row
 * and not all of them.
 *
 * The record then holds an empty array in the place of the relation, and a list that says which relations
 * have rows. This is settled where records are written and read (object_change.c, object.c): a record
 * that sfsi_object_load() or sfsi_object_read() gives is whole, and one that sfsi_object_change() gets
 * may have any body. Only what works on one relation alone (relation_rows.c) sees it as it is stored.
 *
 *   L  P  serial u64  n u8  relation[n]  position u64    → oid
 *   L  T  serial u64  n u8  relation[n]  oid             → position
 *
 * Positions order the targets. They are SFSI_ROWS_STRIDE apart, so that some fit in between.
 */
#ifndef SFSI_ROWS_H
#define SFSI_ROWS_H

#include "schema/schema.h"
#include "txn.h"

/** From so many targets on they get rows… */
#define SFSI_ROWS_FROM 64
/** …and keep them as long as there are so many. */
#define SFSI_ROWS_KEEP 32
#define SFSI_ROWS_STRIDE ((uint64_t)1 << 20)

/** One relation of a record that has rows. */
struct sfsi_rows {
	struct sfs_span name;
	struct sfs_span type; /* what all references in it state */
	uint64_t count;
	uint64_t next; /* position of the next one at the end */
	bool regular;  /* the i-th is at (i + 1) * STRIDE */
};

/** The relation's entry in the list of a record. False: it has no rows. */
bool sfsi_rows_find(const struct sfsi_record *record, struct sfs_span name, struct sfsi_rows *ret);
/** A walk over the list. False at the end; the record was checked when it was read. */
bool sfsi_rows_next(struct sfsi_reader *reader, struct sfsi_rows *ret);
SFS_MUST_CHECK int sfsi_rows_put(struct sfs_buf *list, const struct sfsi_rows *rows);

/* --- keys --- */
void sfsi_rows_place(uint64_t serial, struct sfs_span name, uint64_t position,
		     struct sfsi_key *ret);
/** @oid  at most SFS_OID_MAX bytes. */
void sfsi_rows_target(uint64_t serial, struct sfs_span name, struct sfs_span oid,
		      struct sfsi_key *ret);
/** Prefix of one kind of row of a relation, or with an empty name of an object. part: 'P' or 'T'. */
void sfsi_rows_prefix(char part, uint64_t serial, struct sfs_span name, struct sfsi_key *ret);
/** The oid, or the position, in a row. SFS_ERR_CORRUPT. */
SFS_MUST_CHECK int sfsi_rows_oid(struct sfs_span key, struct sfs_span val, struct sfs_span *ret);
SFS_MUST_CHECK int sfsi_rows_position(struct sfs_span key, struct sfs_span val, uint64_t *ret);
/** Position in the key of a row of kind P. */
uint64_t sfsi_rows_key_position(struct sfs_span key);

/** Write both rows of a target, or remove them. */
SFS_MUST_CHECK int sfsi_rows_add(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial,
				 struct sfs_span name, uint64_t position, struct sfs_span oid);
SFS_MUST_CHECK int sfsi_rows_drop(struct sfsi_txn *txn, uint32_t class_id, uint64_t serial,
				  struct sfs_span name, uint64_t position, struct sfs_span oid);

/* --- whole records --- */

/** How rows are read: in a change, or as of the last commit. */
typedef int sfsi_rows_scan_fn(void *arg, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
			      void *fn_arg);

/**
 * Put all targets into the body of a record that was decoded from buf: body and rows.whole become that,
 * behind the record in buf. SFS_ERR_CORRUPT: the rows are not as many as the list says.
 */
SFS_MUST_CHECK int sfsi_rows_assemble(uint32_t class_id, sfsi_rows_scan_fn *scan, void *arg,
				      struct sfs_buf *buf, struct sfsi_record *record);

/* --- rows_store.c --- */

/**
 * Find out how a body is to be stored, and write the rows that differ from those of before.
 * @before  NULL, or the record until now; its rows go when after has another serial, or is NULL.
 * @bufs    the caller's, zeroed: what ret then points to.
 * @ret     after, or the record to be encoded in its place.
 */
SFS_MUST_CHECK int sfsi_rows_store(struct sfsi_txn *txn, uint32_t class_id,
				   const struct sfsi_record *before,
				   const struct sfsi_record *after, struct sfs_buf bufs[2],
				   struct sfsi_record *ret);

#endif
