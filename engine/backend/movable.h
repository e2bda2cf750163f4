/* A backend around another one that can be taken away for a moment and put to another place. */
#ifndef SFSI_BACKEND_MOVABLE_H
#define SFSI_BACKEND_MOVABLE_H

#include "backend/backend.h"

/** Put a movable backend around inner, which it owns from then on. SFS_ERR_NO_MEMORY: inner stays. */
SFS_MUST_CHECK int sfsi_backend_movable_wrap(struct sfsi_backend *inner, struct sfsi_backend **ret);

/**
 * Close the inner backend, call move, and open it at a new place, while all others wait. When that
 * fails it is opened where it was.
 * @to    config of the new place. @from  of the old one.
 * @move  copies what the backend has; an error leaves all as it was.
 */
SFS_MUST_CHECK int sfsi_backend_move(struct sfsi_backend *b, const struct sfsi_backend_config *from,
				     const struct sfsi_backend_config *to, int (*move)(void *arg),
				     void *arg);

#endif
