/* Earlier versions of one object: what log and show share. */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

#include <storefs/history.h>
#include "target.h"

/** CLASS/OID of an object that is there or was: as cli_target_class(), and only of object classes. */
SFS_MUST_CHECK int cli_history_target(struct cli_ctx *ctx, const char *text,
				      struct cli_target *ret);
/** Append the document of an object as it is now. SFS_ERR_NOT_FOUND, errors of sfs_object_get(). */
SFS_MUST_CHECK int cli_history_present(struct sfs_store *store, const struct cli_target *target,
				       struct sfs_buf *ret);

#endif
