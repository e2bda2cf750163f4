/* One relation whose targets are rows (rows.h): read and changed without reading the others. */
#ifndef SFSI_RELATION_ROWS_H
#define SFSI_RELATION_ROWS_H

#include "relation.h"
#include "rows.h"

/** Targets in order: [count] a size_t and so many bytes each. */
struct sfsi_target_page {
	struct sfs_buf bytes;
	size_t count;
	uint64_t last; /* position of the last one; 0: before the first page */
};
/**
 * The next page in place of the last one. record is stored, and rows its list's entry.
 * @start  number of the first target; only for the first page.
 */
SFS_MUST_CHECK int sfsi_relation_rows_page(struct sfs_store *store,
					   const struct sfs_relation *relation,
					   const struct sfsi_record *record,
					   const struct sfsi_rows *rows, uint64_t start,
					   size_t wanted, struct sfsi_target_page *ret);
/** Is it a target? 0 or SFS_ERR_NOT_FOUND. oid: at most SFS_OID_MAX bytes. */
SFS_MUST_CHECK int sfsi_relation_rows_has(struct sfs_store *store,
					  const struct sfs_relation *relation,
					  const struct sfsi_record *record, struct sfs_span oid);

/** Can this change be made on the rows alone? */
bool sfsi_relation_rows_can(const struct sfsi_relation_edit *edit, const struct sfsi_class *class,
			    const struct sfsi_record *record, struct sfsi_rows *ret);
/** Make it. SFS_ERR_NOT_FOUND: what is to be removed is no target. */
SFS_MUST_CHECK int sfsi_relation_rows_edit(struct sfsi_txn *txn,
					   const struct sfsi_relation_edit *edit,
					   const struct sfsi_relation_of *of,
					   const struct sfsi_record *record,
					   const struct sfsi_rows *rows);

#endif
