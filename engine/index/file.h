/* What writing (file_export.c) and comparing (file_compare.c) index files have in common: file.c. */
#ifndef SFSI_INDEX_FILE_H
#define SFSI_INDEX_FILE_H

#include <storefs/index_file.h>
#include "gdbm/gdbm.h"
#include "index/read.h"

/** Key of the time of the last update, in the backward file. */
#define SFSI_INDEX_FILE_LAST_UPDATE "__index__.lastUpdate"

/** An index and its files. */
struct sfsi_index_filing {
	struct sfs_store *store;
	struct sfsi_class *class;
	struct sfsi_index_table *table;
	struct sfsi_index_names names;
	const struct sfs_index_files *files;
	struct sfs_span collection;
	char forward[512], backward[512]; /* names of the files */
	struct sfs_diag *diag;
};

/** Errors and diag as sfs_index_file_export(). */
SFS_MUST_CHECK int sfsi_index_filing_init(struct sfsi_index_filing *ret, struct sfs_store *store,
					  uint32_t class_id, struct sfs_span index,
					  const struct sfs_index_files *files,
					  struct sfs_diag *diag);

/** Append a text as JSON in the way of Python. */
SFS_MUST_CHECK int sfsi_index_file_quote(struct sfs_span text, struct sfs_buf *ret);
/** Append the signature of an object, as text. */
SFS_MUST_CHECK int sfsi_index_file_signature(const struct sfsi_index_filing *filing,
					     struct sfs_span oid, struct sfs_buf *ret);
/** The keys of an object as it is now; count 0 when it has none. SFS_ERR_NOT_FOUND: it is gone. */
SFS_MUST_CHECK int sfsi_index_file_keys(const struct sfsi_index_filing *filing, struct sfs_span oid,
					struct sfsi_index_keys *ret);

/** Called for each object of the class. Returns 0 to go on, or what the walk returns. */
typedef int sfsi_index_file_fn(void *arg, struct sfs_span oid);
/** Walk over the objects of the class. No lock is held while fn runs. */
SFS_MUST_CHECK int sfsi_index_file_objects(const struct sfsi_index_filing *filing,
					   sfsi_index_file_fn *fn, void *arg);

#endif
