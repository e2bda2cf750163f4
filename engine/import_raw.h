/* Imports of raws (import_raw.c): sfs_import() into a class of raws. */
#ifndef SFSI_IMPORT_RAW_H
#define SFSI_IMPORT_RAW_H

#include <storefs/export.h>

/** @oid  what the record says, or a new one. */
SFS_MUST_CHECK int sfsi_import_raw(struct sfs_store *store, const struct sfs_put *put,
				   unsigned flags, struct sfs_imported *ret, struct sfs_diag *diag);

#endif
