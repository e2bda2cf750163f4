/*
 * Inside of imports: update times that a text gives, and members that are set on an object that is there
 * already. sfs_import() itself is the face of it.
 */
#ifndef SFSI_IMPORT_H
#define SFSI_IMPORT_H

#include "object.h"

/**
 * Take the member "updates" out of a body.
 * @updates  appended to: its value; nothing when there is none.
 * Returns 0, SFS_ERR_BAD_DOCUMENT (it is no map of names to update times), SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_import_split(struct sfs_buf *body, struct sfs_buf *updates,
				     struct sfs_diag *diag);

/** The update times that came with a text; empty: none. */
static inline struct sfs_span sfsi_prepared_updates(const struct sfsi_prepared *prepared)
{
	const struct sfs_buf *body = &prepared->body;
	return (struct sfs_span){ prepared->updates_len ? (const char *)body->data + body->len : "",
				  prepared->updates_len };
}
/** Keep them behind the body. */
SFS_MUST_CHECK int sfsi_prepared_keep_updates(struct sfsi_prepared *prepared,
					      struct sfs_span updates);

/**
 * Let given update times take effect: those of a new object are as given, others only go up. That of
 * the object is the newest of all.
 * @given  as sfsi_import_split() gives it. @updated_ns, @updates  of a record with this body.
 */
SFS_MUST_CHECK int sfsi_import_times(struct sfs_span given, struct sfs_span body, bool is_new,
				     int64_t *updated_ns, struct sfs_buf *updates);

/**
 * What an object becomes when the members of a text are set and the others stay: prepared anew.
 * The commit lock is held. ret->body is the caller's, also on failure.
 */
SFS_MUST_CHECK int sfsi_import_merge(struct sfs_store *store, const struct sfs_put *put,
				     const struct sfsi_prepared *given,
				     const struct sfsi_record *old, struct sfsi_prepared *ret);

#endif
