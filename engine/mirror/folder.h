/*
 * The kind "directory": one JSON file for each object, as the Python storage module keeps them, and for a raw
 * a folder with meta.json and data.blob.
 */
#ifndef SFSI_FOLDER_H
#define SFSI_FOLDER_H

#include "config.h"
#include "mirror/mirror.h"

/** Is there one of the kind in the folder? */
void sfsi_folder_recognise(int root_fd, const char *file, struct sfsi_recognised *ret);

/** Members of the top level of a JSON text in the dialect of Python. Errors as sfsi_config_read(). */
SFS_MUST_CHECK int sfsi_folder_members(struct sfs_span text, sfsi_config_fn *fn, void *arg);

#endif
