/* storefs index export-dbm and import-dbm: index files of the Python module `storage`. */
#ifndef CLI_INDEX_FILES_H
#define CLI_INDEX_FILES_H

#include "cli.h"

int cli_index_export(struct cli_ctx *ctx);
int cli_index_import(struct cli_ctx *ctx);

#endif
