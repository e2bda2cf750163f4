/* Functions that a program registered: own.c has them, include/storefs/index_function.h says how. */
#ifndef SFSI_INDEX_OWN_H
#define SFSI_INDEX_OWN_H

#include "index/extract.h"

/** Is there a function of that name? */
bool sfsi_own_exists(struct sfs_span name);
/** Its version; 0 when there is none. */
uint32_t sfsi_own_version(struct sfs_span name);
/** Add the keys that it makes. SFS_ERR_UNSUPPORTED: there is none; SFS_ERR_INVALID: it returned nonsense. */
SFS_MUST_CHECK int sfsi_own_call(struct sfs_span name, const struct sfsi_index_input *input,
				 struct sfsi_index_keys *keys);

#endif
