/*
 * contract BACKEND [GROUP]: run all groups, or one, over a backend.
 *
 * A class that is a database (mpack) has values of any kind, in the order of its file, and no rows of
 * relations, and there are no raws beside it. Groups whose cases are about those run over the others; what a database
 * does there instead is the group databases.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "contract.h"

static const struct {
	const char *name;
	int (*run)(const char *backend);
	bool of_maps; /* of what is below the engine: a mirror has none of its own */
} groups[] = {
	{ "keys", contract_keys, true },
	{ "scans", contract_scans, true },
	{ "threads", contract_threads, true },
	{ "model", contract_model, true },
	{ "object", contract_object, false },
	{ "schema", contract_schema, false },
	{ "lists", contract_lists, false },
	{ "export", contract_export, false },
	{ "raw", contract_raw, false },
	{ "unnamed", contract_unnamed, false },
	{ "raw_whole", contract_raw_whole, false },
	{ "small", contract_small, false },
	{ "deferred", contract_deferred, false },
	{ "check", contract_check, false },
	{ "check_damage", contract_check_damage, false },
	{ "refused", contract_refused, false },
	{ "trash", contract_trash, false },
	{ "fault", contract_fault, false },
	{ "relation", contract_relation, false },
	{ "relation_many", contract_relation_many, false },
	{ "relation_model", contract_relation_model, false },
	{ "field", contract_field, false },
	{ "index", contract_index, false },
	{ "index_own", contract_index_own, false },
	{ "index_keys", contract_index_keys, false },
	{ "index_journal", contract_index_journal, false },
	{ "index_file", contract_index_file, false },
	{ "copy", contract_copy, false },
	{ "diff", contract_diff, false },
	{ "dump", contract_dump, false },
	{ "query", contract_query, false },
	{ "lines", contract_lines, false },
	{ "crossing", contract_crossing, false },
	{ "databases", contract_databases, false },
	{ "history", contract_history, false },
	{ "repair", contract_repair, false },
};

/** Groups that run over databases, too. */
static const char *const of_databases[] = { "deferred",      "index",          "index_own",
					    "index_journal", "relation_model", "databases",
					    "query" };

static bool has_group(const char *backend, size_t i)
{
	if (strcmp(backend, "mpack") != 0)
		return groups[i].run != contract_databases;
	for (size_t k = 0; k < sizeof of_databases / sizeof *of_databases; k++)
		if (strcmp(of_databases[k], groups[i].name) == 0)
			return true;
	return false;
}

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
		if (groups[i].of_maps && strcmp(argv[1], "directory") == 0)
			continue;
		if (!has_group(argv[1], i)) {
			printf("%s: not of %s\n", groups[i].name, argv[1]);
			continue;
		}
		failed += groups[i].run(argv[1]) != 0;
	}
	if (!run) {
		fprintf(stderr, "%s: no group '%s'\n", argv[0], argv[2]);
		return 2;
	}
	return failed != 0;
}
