/*
 * Where and why a JSON text is wrong. Runs only when a text was refused, so it may take its time.
 */
#ifndef SFSI_JSON_WHERE_H
#define SFSI_JSON_WHERE_H

#include <storefs/buf.h>

/** Set offset, line and column of diag (not NULL) to a byte offset of text. */
void sfsi_json_where_offset(struct sfs_span text, size_t off, struct sfs_diag *diag);

/**
 * Set offset, line and column of diag (not NULL) to a value or key of a well-formed text.
 * @number  how many values and keys start before it in the text.
 */
void sfsi_json_where_value(struct sfs_span text, size_t number, struct sfs_diag *diag);

/**
 * Find the first place where text is not JSON, and say what is there and what was expected.
 * @off, @why  what the parser says: used when no fault is found.
 * @diag       not NULL.
 * Returns SFS_ERR_BAD_DOCUMENT.
 */
int sfsi_json_where_fault(struct sfs_span text, size_t off, const char *why, struct sfs_diag *diag);

#endif
