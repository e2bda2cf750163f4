/* The verbs in the order of the help, each in its own cmd_*.c. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli.h"

/* clang-format off */
#define CLI_VERBS(VERB) \
	VERB(init) \
	VERB(mount) \
	VERB(umount) \
	VERB(status) \
	VERB(import) \
	VERB(export) \
	VERB(get) \
	VERB(put) \
	VERB(rm) \
	VERB(ls) \
	VERB(class) \
	VERB(rel) \
	VERB(refs) \
	VERB(query) \
	VERB(index) \
	VERB(reindex) \
	VERB(db) \
	VERB(flush) \
	VERB(why) \
	VERB(check) \
	VERB(diff) \
	VERB(gc) \
	VERB(trash) \
	VERB(backup) \
	VERB(restore) \
	VERB(recover) \
	VERB(repair) \
	VERB(compact) \
	VERB(log) \
	VERB(show) \
	VERB(config) \
	VERB(convert) \
	VERB(dump) \
	VERB(load) \
	VERB(version) \
	VERB(help)
/* clang-format on */

#define CLI_VERB_DECLARE(name) extern const struct cli_cmd cli_cmd_##name;
CLI_VERBS(CLI_VERB_DECLARE)
#undef CLI_VERB_DECLARE

#endif
