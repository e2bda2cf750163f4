/*
 * Objects as CSV (RFC 4180): one line each, the oid first. A string is its text, any other value compact
 * JSON, a member that is missing an empty field.
 */
#ifndef CLI_CSV_H
#define CLI_CSV_H

#include "text.h"

/** Names of the columns behind the oid. Zeroed: none. */
struct cli_csv {
	struct sfs_buf bytes;   /* names */
	struct sfs_buf columns; /* of struct sfs_span into bytes, once it is complete */
	struct sfs_buf row;
	size_t count;
};

void cli_csv_fini(struct cli_csv *csv);
/** Add a column. Errors of sfs_buf_append(). */
SFS_MUST_CHECK int cli_csv_add(struct cli_csv *csv, struct sfs_span name);
/** The columns of a list of names with commas. */
SFS_MUST_CHECK int cli_csv_add_list(struct cli_csv *csv, const char *list);
/** The members of an object in a JSON text, but for "oid" and "type". */
SFS_MUST_CHECK int cli_csv_add_members(struct cli_csv *csv, struct sfs_span json);

/** The first line, in csv->row. */
SFS_MUST_CHECK int cli_csv_header(struct cli_csv *csv);
/** The line of an object, in csv->row. */
SFS_MUST_CHECK int cli_csv_row(struct cli_csv *csv, struct sfs_span oid, struct sfs_span doc);

#endif
