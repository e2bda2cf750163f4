/*
 * Inside of sfs_store_check(). One file for each group of tables:
 *
 *   check.c       what is done in which order; pages; findings and their confirmation
 *   catalogue.c   partition 0: C, K; partitions without class
 *   state.c       K of a class: last commit, next serial
 *   object.c      O, and entries and inodes of objects
 *   tree.c        D and N of directories, each row by itself; parents
 *   names.c       names against inodes and counters, from one snapshot
 *   raw.c         X, Z
 *   refused.c     R
 *   index.c       H, I, J
 *   index_count.c counts of H and I, from one snapshot
 *   files.c       plain files; gc.c removes those that belong to nothing
 *   data.c        the bytes of raws
 *   schema.c      documents against definitions
 *   backref.c     B, and what objects refer to
 *   rows.c        L
 *   mirror.c      F
 *   history.c     V
 *   trash.c       W
 *   repair.c      what is made anew while the store is in use
 *
 * Pass 1 walks a partition in pages. Each row is judged by itself and adds to sums: what a record
 * says must be what its entry and its inode say, so what one adds the others take away, and a bucket
 * of the sums that is not 0 has something wrong in it, or was changed meanwhile. Only then pass 2
 * looks at the rows of such buckets one by one. So a store in order is read once, in order.
 */
#ifndef SFSI_CHECK_H
#define SFSI_CHECK_H

#include <storefs/check.h>
#include "raw.h"

#define SFSI_CHECK_BUCKETS 65536
#define SFSI_CHECK_FOUND_MAX 8
#define SFSI_CHECK_SEEN 65536

/** A finding in the making; spans point into the row that is looked at. */
struct sfsi_check_finding {
	struct sfs_check_problem problem;
	char text[200];
};

/** Sums over all rows of a class; see above. */
struct sfsi_check_sums {
	uint64_t seed;
	uint64_t objects[SFSI_CHECK_BUCKETS]; /* by oid */
	uint64_t tree[SFSI_CHECK_BUCKETS];    /* by serial */
	uint64_t seen[SFSI_CHECK_SEEN];       /* directories known to end at the root; by serial */
};

/** What pass 1 counted in a class. */
struct sfsi_check_class {
	struct sfs_class_info info;
	uint64_t objects, files;
	uint64_t max_serial, max_revision;
	uint64_t last_dir; /* directory of the last entry */
	bool tables[256];  /* unknown tables that were reported */
};

struct sfsi_check_rules;
struct sfsi_check_index;
struct sfsi_index_table;

struct sfsi_check {
	struct sfs_store *store;
	const struct sfs_check *wanted;
	struct sfs_check_result result;
	struct sfsi_check_sums *sums;
	struct sfsi_check_class class;
	struct sfsi_check_rules *rules; /* of the class */
	struct sfsi_check_index *index; /* of the class */
	uint32_t partition;
	struct sfsi_check_finding found[SFSI_CHECK_FOUND_MAX];
	size_t found_count;
	bool locked;           /* a finding is being confirmed: commit_lock is held */
	bool skipped;          /* something could not be read */
	int err;               /* of a read, in a function that can not return it */
	int64_t data_start_ns; /* when bytes began to be read; 0: not yet */
};

/** One pair of the backend. */
struct sfsi_check_row {
	struct sfs_span key, val;
};

/** Looks at a row, and says what it finds with sfsi_check_found(). */
typedef void sfsi_check_fn(struct sfsi_check *check, const struct sfsi_check_row *row);
typedef bool sfsi_check_test(struct sfsi_check *check, const struct sfsi_check_row *row);

/** How one table is checked. Members but letter and row may be NULL. */
struct sfsi_check_table {
	uint8_t letter;
	sfsi_check_fn *row; /* by itself; runs inside a scan: no reading */
	/* Rows that are good by themselves: count, add to the sums. Inside a scan. */
	sfsi_check_fn *take;
	/* Pass 1: must this row be looked at with others, and does it agree with them? */
	sfsi_check_test *needs; /* inside a scan */
	sfsi_check_fn *relate;
	/* Pass 2: is it in a bucket that is not 0, and does it agree with others? */
	sfsi_check_test *suspect; /* inside a scan */
	sfsi_check_fn *settle;
};

extern const struct sfsi_check_table sfsi_check_catalogue_class, sfsi_check_catalogue_state,
	sfsi_check_entry, sfsi_check_state, sfsi_check_inode, sfsi_check_object, sfsi_check_meta,
	sfsi_check_removal, sfsi_check_another, sfsi_check_content, sfsi_check_refused,
	sfsi_check_positions, sfsi_check_index_rows, sfsi_check_index_heads,
	sfsi_check_index_journal, sfsi_check_backref, sfsi_check_rows, sfsi_check_pending,
	sfsi_check_database, sfsi_check_outside, sfsi_check_catalogue_outside, sfsi_check_history,
	sfsi_check_trash;

/* --- check.c --- */

/** Say what is wrong. Returns the problem, for oid, name, dir and ino. */
struct sfs_check_problem *sfsi_check_found(struct sfsi_check *check, enum sfs_check_kind kind,
					   const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** Report what was found, with no lock held. Returns 0 or SFS_ERR_CANCELLED. */
SFS_MUST_CHECK int sfsi_check_report(struct sfsi_check *check);
/** Look again with changes held off, and report. The row is read again; gone: nothing is wrong. */
SFS_MUST_CHECK int sfsi_check_confirm(struct sfsi_check *check, struct sfs_span key,
				      sfsi_check_fn *fn);
/**
 * Read in the partition that is checked. Returns 0, or SFS_ERR_NOT_FOUND, or another error that was
 * noted: as a finding when the backend's files are damaged there.
 */
SFS_MUST_CHECK int sfsi_check_get(struct sfsi_check *check, struct sfs_span key,
				  struct sfs_buf *ret);
/** Does the state count the refused texts that there are? commit_lock is held. (refused.c) */
void sfsi_check_refused_count(struct sfsi_check *check, const struct sfsi_state *state);
/** Tell about progress. Returns 0 or SFS_ERR_CANCELLED. */
SFS_MUST_CHECK int sfsi_check_tick(struct sfsi_check *check);
/** Is the class still there? Meaningful with commit_lock held. */
bool sfsi_check_has_class(struct sfsi_check *check);

/** Serial of the keys with a table and a serial. False: it is no such key. */
static inline bool sfsi_check_serial(struct sfs_span key, uint64_t *ret)
{
	if (key.len != 9)
		return false;
	*ret = sfsi_get_be64((const uint8_t *)key.data + 1);
	return *ret > 0 && *ret < (uint64_t)1 << 36;
}

/* --- catalogue.c --- */
SFS_MUST_CHECK int sfsi_check_catalogue(struct sfsi_check *check);
SFS_MUST_CHECK int sfsi_check_partitions(struct sfsi_check *check);

/* --- state.c --- */
SFS_MUST_CHECK int sfsi_check_class_state(struct sfsi_check *check);
void sfsi_check_revision(struct sfsi_check *check, uint64_t revision);

/* --- object.c: the parts of D and N that are about objects --- */
void sfsi_check_object_entry(struct sfsi_check *check, const struct sfsi_check_row *row);
void sfsi_check_object_entry_take(struct sfsi_check *check, const struct sfsi_check_row *row);
void sfsi_check_object_entry_settle(struct sfsi_check *check, const struct sfsi_check_row *row);
void sfsi_check_object_inode_take(struct sfsi_check *check, const struct sfsi_inode *inode);
void sfsi_check_object_inode_settle(struct sfsi_check *check, const struct sfsi_inode *inode);
bool sfsi_check_object_suspect(struct sfsi_check *check, struct sfs_span oid);
/** Is a bucket of objects not 0? */
bool sfsi_check_objects_suspect(struct sfsi_check *check);

/* --- positions.c --- */
/** Do the ranges count what there is? Where records are missing it is they that say so. */
SFS_MUST_CHECK int sfsi_check_ranges(struct sfsi_check *check);

/* --- tree.c --- */

/** An entry of a directory, decoded. */
struct sfsi_check_name {
	uint64_t dir;
	struct sfs_span name;
	struct sfsi_name value;
};
/** False: the row can not be read. */
bool sfsi_check_name_decode(const struct sfsi_check_row *row, struct sfsi_check_name *ret);
bool sfsi_check_inode_decode(const struct sfsi_check_row *row, struct sfsi_inode *ret);
/** The root directory has no inode: its state takes away what its sub-directories gave. */
void sfsi_check_root_take(struct sfsi_check *check, uint32_t nlink);
uint32_t sfsi_check_tree_bucket(const struct sfsi_check *check, uint64_t serial);

/* --- names.c --- */
SFS_MUST_CHECK int sfsi_check_names(struct sfsi_check *check);

/* --- schema.c --- */
SFS_MUST_CHECK int sfsi_check_schema_begin(struct sfsi_check *check);
void sfsi_check_schema_end(struct sfsi_check *check);
/** Values of an object that do not fit. Inside a scan. */
void sfsi_check_schema_object(struct sfsi_check *check, struct sfs_span oid, struct sfs_span body);
/** The definition itself. */
SFS_MUST_CHECK int sfsi_check_schema_class(struct sfsi_check *check);

/* --- backref.c --- */
/** Must the references of objects of the class be looked at? */
bool sfsi_check_refers(struct sfsi_check *check);
/** What an object refers to: is it there, and does it know? Outside of a scan. */
void sfsi_check_references(struct sfsi_check *check, struct sfs_span oid,
			   const struct sfsi_record *record);

/* --- index.c --- */
SFS_MUST_CHECK int sfsi_check_index_begin(struct sfsi_check *check);
void sfsi_check_index_end(struct sfsi_check *check);
/**
 * The share of an object in the sums. @whole  false: a record as it is stored, inside a scan; true: one
 * that was made whole, for the tables that need that.
 */
void sfsi_check_index_object(struct sfsi_check *check, struct sfs_span oid,
			     const struct sfsi_record *record, bool whole);
/** Is a bucket not 0? */
bool sfsi_check_index_suspect(struct sfsi_check *check);
bool sfsi_check_index_object_suspect(struct sfsi_check *check, struct sfs_span oid);
/** Does every key of the object have its entry? */
void sfsi_check_index_object_settle(struct sfsi_check *check, struct sfs_span oid,
				    const struct sfsi_record *record);
/** The same for a raw, which has its number in indexes. Outside of scans, but for _suspect(). */
bool sfsi_check_index_has_raws(const struct sfsi_check *check);
void sfsi_check_index_raw(struct sfsi_check *check, uint64_t serial);
bool sfsi_check_index_raw_suspect(struct sfsi_check *check, uint64_t serial);
void sfsi_check_index_raw_settle(struct sfsi_check *check, uint64_t serial);
/** Counts of keys and blocks. */
SFS_MUST_CHECK int sfsi_check_index_counts(struct sfsi_check *check);
/** A table that serves at this moment, or NULL. */
const struct sfsi_index_table *sfsi_check_index_serving(const struct sfsi_check *check,
							uint32_t id);

/* --- trash.c --- */
/** Is something of that serial in the trash? 1 yes, 0 no, <0 can not be said. */
int sfsi_check_trashed(struct sfsi_check *check, uint64_t serial);
/** Does it count what there is? commit_lock is held. */
void sfsi_check_trash_count(struct sfsi_check *check);

/* --- files.c --- */
void sfsi_check_file(struct sfsi_check *check, uint64_t serial);
/** Plain files of a class (or of what was one) that belong to nothing. */
SFS_MUST_CHECK int sfsi_check_files(struct sfsi_check *check);
/** Is there something that a plain file of the partition belongs to? commit_lock is held. */
bool sfsi_check_file_needed(struct sfsi_check *check, uint64_t serial);
/** Folders of classes that do not exist. */
SFS_MUST_CHECK int sfsi_check_file_folders(struct sfsi_check *check);

/* --- data.c --- */
/** The bytes of all raws of a class. */
SFS_MUST_CHECK int sfsi_check_data(struct sfsi_check *check);

#endif
