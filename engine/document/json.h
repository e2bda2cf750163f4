/*
 * JSON text to events and events to JSON text. json.c (reading) and json_print.c (digits of
 * doubles) are the only users of yyjson.
 */
#ifndef SFSI_JSON_H
#define SFSI_JSON_H

#include "document/sink.h"

/**
 * Read one JSON text (UTF-8, no byte order mark) and emit it.
 *
 * {"$bin"|"$ext"|"$map"|"$float": …} with one member become binary, ext, map and real; a
 * one-key object of these names with any other value is refused. Integers keep all their digits;
 * other numbers become the nearest double; one that is beyond a double is refused.
 *
 * Nesting is counted in values: a {"$map": …} is one level, the other words are none.
 *
 * Returns 0; SFS_ERR_BAD_DOCUMENT with diag's line, column, offset and a sentence that says what
 * was found and what was expected; SFS_ERR_LIMIT (diag: over SFS_DOCUMENT_MAX or SFS_DEPTH_MAX);
 * SFS_ERR_NO_MEMORY; or what the sink returned.
 */
SFS_MUST_CHECK int sfsi_json_read(struct sfs_span text, struct sfsi_sink *sink,
				  struct sfs_diag *diag);

/** Writer of canonical JSON: two-space indent, newline at the end. */
struct sfsi_json_writer;

SFS_MUST_CHECK int sfsi_json_writer_new(struct sfsi_json_writer **ret);
/** Accepts NULL. */
void sfsi_json_writer_free(struct sfsi_json_writer *writer);
/** The sink to feed with exactly one value. Owned by the writer. */
struct sfsi_sink *sfsi_json_writer_sink(struct sfsi_json_writer *writer);

enum sfsi_json_style {
	SFSI_JSON_PRETTY,  /* canonical */
	SFSI_JSON_COMPACT, /* one line, no newline */
};
/**
 * Append the text of the value fed to ret.
 * @ret  NULL: only find out whether there is room for it.
 * Returns 0, SFS_ERR_LIMIT (over SFS_BUF_MAX), SFS_ERR_NO_MEMORY, SFS_ERR_INVALID (not exactly one
 * whole value was fed).
 */
SFS_MUST_CHECK int sfsi_json_writer_finish(struct sfsi_json_writer *writer,
					   enum sfsi_json_style style, struct sfs_buf *ret);

/** Append a JSON string literal, quotes included. Invalid UTF-8 becomes U+FFFD. */
SFS_MUST_CHECK int sfsi_json_quote(struct sfs_buf *ret, struct sfs_span text);

#endif
