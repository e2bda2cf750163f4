/*
 * The contract: the same cases for every backend. Each function runs one cmocka
 * group over the backend of that name and returns how many cases failed. main.c
 * runs them in the order of its table; a new one is declared here and named there.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

int contract_keys(const char *backend);
int contract_scans(const char *backend);
int contract_threads(const char *backend);
int contract_model(const char *backend);
int contract_object(const char *backend);
int contract_lists(const char *backend);
int contract_export(const char *backend);
int contract_raw(const char *backend);
int contract_unnamed(const char *backend);
int contract_raw_whole(const char *backend);
int contract_small(const char *backend);
int contract_deferred(const char *backend);
int contract_schema(const char *backend);
int contract_relation(const char *backend);
int contract_relation_many(const char *backend);
int contract_relation_model(const char *backend);
int contract_field(const char *backend);
int contract_check(const char *backend);
int contract_check_damage(const char *backend);
int contract_refused(const char *backend);
int contract_trash(const char *backend);
int contract_index(const char *backend);
int contract_index_own(const char *backend);
int contract_index_keys(const char *backend);
int contract_index_journal(const char *backend);
int contract_index_file(const char *backend);
int contract_copy(const char *backend);
int contract_diff(const char *backend);
int contract_dump(const char *backend);
int contract_query(const char *backend);
int contract_lines(const char *backend);
int contract_crossing(const char *backend);
int contract_history(const char *backend);
int contract_databases(const char *backend);
int contract_repair(const char *backend);
int contract_fault(const char *backend);

#endif
