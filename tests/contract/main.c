/*
 * contract BACKEND [GROUP]: run all groups, or one, over a backend.
 */
#include <stdio.h>
#include <string.h>
#include "contract.h"

static const struct {
	const char *name;
	int (*run)(const char *backend);
} groups[] = {
	{ "keys", contract_keys },
	{ "scans", contract_scans },
	{ "threads", contract_threads },
	{ "model", contract_model },
	{ "object", contract_object },
	{ "schema", contract_schema },
	{ "lists", contract_lists },
	{ "export", contract_export },
	{ "raw", contract_raw },
	{ "unnamed", contract_unnamed },
	{ "raw_whole", contract_raw_whole },
	{ "small", contract_small },
	{ "deferred", contract_deferred },
	{ "check", contract_check },
	{ "check_damage", contract_check_damage },
	{ "refused", contract_refused },
	{ "fault", contract_fault },
	{ "relation", contract_relation },
	{ "relation_many", contract_relation_many },
	{ "relation_model", contract_relation_model },
	{ "field", contract_field },
	{ "index", contract_index },
	{ "index_own", contract_index_own },
	{ "index_keys", contract_index_keys },
	{ "index_journal", contract_index_journal },
	{ "index_file", contract_index_file },
	{ "copy", contract_copy },
	{ "query", contract_query },
	{ "lines", contract_lines },
	{ "crossing", contract_crossing },
};

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: %s BACKEND [GROUP]\n", argv[0]);
		return 2;
	}
	int failed = 0, run = 0;
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
		if (argc == 3 && strcmp(argv[2], groups[i].name) != 0)
			continue;
		run++;
		failed += groups[i].run(argv[1]) != 0;
	}
	if (!run) {
		fprintf(stderr, "%s: no group '%s'\n", argv[0], argv[2]);
		return 2;
	}
	return failed != 0;
}
