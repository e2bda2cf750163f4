/* The verbs, each in its own cmd_*.c. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli.h"

extern const struct cli_cmd cli_cmd_init, cli_cmd_mount, cli_cmd_umount, cli_cmd_status,
	cli_cmd_import, cli_cmd_export, cli_cmd_get, cli_cmd_put, cli_cmd_rm, cli_cmd_ls,
	cli_cmd_class, cli_cmd_rel, cli_cmd_refs, cli_cmd_query, cli_cmd_index, cli_cmd_reindex,
	cli_cmd_db, cli_cmd_flush, cli_cmd_why, cli_cmd_check, cli_cmd_diff, cli_cmd_gc,
	cli_cmd_trash, cli_cmd_backup, cli_cmd_restore, cli_cmd_config, cli_cmd_convert,
	cli_cmd_dump, cli_cmd_load, cli_cmd_version, cli_cmd_help;

#endif
