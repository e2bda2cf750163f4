/* What becomes of the references to an object, or a raw, that gets another oid or goes. */
#ifndef SFSI_FOLLOW_H
#define SFSI_FOLLOW_H

#include "txn.h"

/** It has another oid now: whoever refers to it goes on doing so. Not an update of the relations. */
SFS_MUST_CHECK int sfsi_references_follow(struct sfsi_txn *txn, uint32_t class_id,
					  struct sfs_span oid, struct sfs_span new_oid);

/**
 * It goes: what the class's "on_remove" says. References of an object to itself do not count.
 * @serial  its own. SFS_ERR_BUSY: others refer to it, and the class refuses.
 */
SFS_MUST_CHECK int sfsi_references_removed(struct sfsi_txn *txn, uint32_t class_id,
					   struct sfs_span oid, uint64_t serial);

#endif
