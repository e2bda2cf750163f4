/*
 * For backends that are put around an open one: made without a folder to open.
 */
#ifndef SFSI_BACKEND_WRAP_H
#define SFSI_BACKEND_WRAP_H

#include "backend/backend.h"

/**
 * Allocate a backend of ops->size zeroed bytes with its base member set up.
 * Returns NULL when there is no memory. sfsi_backend_close() closes and frees it.
 */
struct sfsi_backend *sfsi_backend_new(const struct sfsi_backend_ops *ops, bool read_only);

#endif
