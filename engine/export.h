/* Inside of exports: storefs/export.h. */
#ifndef SFSI_EXPORT_H
#define SFSI_EXPORT_H

#include "record.h"

struct sfs_store;
struct sfsi_class;

/**
 * The export of a record at depth 1 as msgpack, for the files of Python programs: its types state a module
 * where the class does.
 * @record  with the targets of all its relations. @ret  appended to.
 */
SFS_MUST_CHECK int sfsi_export_record(struct sfs_store *store, const struct sfsi_class *class,
				      struct sfs_span oid, const struct sfsi_record *record,
				      struct sfs_buf *ret);

#endif
