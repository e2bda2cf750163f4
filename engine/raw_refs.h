/* What becomes of references to raws when names are removed or moved (raw_refs.c). */
#ifndef SFSI_RAW_REFS_H
#define SFSI_RAW_REFS_H

#include "raw.h"

/** A name goes: SFS_ERR_BUSY when others refer to it and the class refuses. Before it is gone. */
SFS_MUST_CHECK int sfsi_raw_removed(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name);

/** A name that moves: its paths before and after. Zeroed before; ends with sfsi_raw_move_end(). */
struct sfsi_raw_move {
	bool referred; /* somebody refers to something in the class */
	struct sfs_buf from, to;
};
/** The path of a name in a directory. SFS_ERR_NOT_FOUND: it is nowhere below the root. */
SFS_MUST_CHECK int sfsi_raw_path(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
				 struct sfs_buf *ret);
/** Before the names change. */
SFS_MUST_CHECK int sfsi_raw_move_begin(struct sfsi_txn *txn, uint64_t dir, struct sfs_span name,
				       uint64_t new_dir, struct sfs_span new_name,
				       struct sfsi_raw_move *ret);
/** After it: whoever refers to it, or to what is in a directory, goes on doing so. */
SFS_MUST_CHECK int sfsi_raw_moved(struct sfsi_txn *txn, uint32_t class_id, bool is_dir,
				  struct sfsi_raw_move *move);
void sfsi_raw_move_end(struct sfsi_raw_move *move);

#endif
