/* The second half of the JSON writer: a logged value to text. json_writer.c and json_print.c. */
#ifndef SFSI_JSON_PRINT_H
#define SFSI_JSON_PRINT_H

#include "document/json.h"

/** One value as the writer logged it. */
struct sfsi_json_log {
	struct sfs_buf values; /* the value as msgpack */
	struct sfs_buf maps;   /* [maps], in the order of the text: 0 an object, 1 {"$map": …} */
};

/**
 * Append the text of a log.
 * Returns 0, SFS_ERR_LIMIT (over SFS_BUF_MAX), SFS_ERR_NO_MEMORY, SFS_ERR_INVALID (no whole value);
 * on failure ret is as it was.
 */
SFS_MUST_CHECK int sfsi_json_print(const struct sfsi_json_log *log, enum sfsi_json_style style,
				   struct sfs_buf *ret);

/** What sfsi_json_print() would return for want of room, found without the room. */
SFS_MUST_CHECK int sfsi_json_print_check(const struct sfsi_json_log *log,
					 enum sfsi_json_style style);

/** Append a double that is finite in its shortest form that is not an integer's: "1.0", "1e22". */
SFS_MUST_CHECK int sfsi_json_print_real(double value, struct sfs_buf *ret);

#endif
