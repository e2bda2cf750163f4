/*
 * The contract of repairing while a store is in use: what follows from records is made anew, what can not be is
 * named with what to do, and a dry run changes nothing.
 */
#include <storefs/index.h>
#include <storefs/repair.h>
#include "relation_case.h"

/** What was told. */
struct told {
	struct case_store *c;
	uint64_t problems, others, backups, steps;
	char advice[200]; /* the last one */
	bool stop_before, stop_later;
};

static int tell_problem(void *arg, const struct sfs_check_problem *problem, const char *advice)
{
	struct told *told = arg;
	told->problems++;
	told->others += advice != NULL;
	assert_true((advice != NULL) == (sfs_repair_advice(problem->kind) != NULL));
	if (advice)
		snprintf(told->advice, sizeof told->advice, "%s", advice);
	return 0;
}

static int tell_before(void *arg)
{
	struct told *told = arg;
	told->backups++;
	return told->stop_before;
}

/** Others go on saving meanwhile. */
static int tell_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct told *told = arg;
	(void)what, (void)done, (void)total;
	if (told->steps++ < 3)
		assert_int_equal(case_put(told->c, "meanwhile", "{\"v\": 1, \"to\": \"1\"}", 0), 0);
	return told->stop_later && told->backups > 0;
}

static int repair(struct told *told, bool dry_run, struct sfs_repair_result *ret)
{
	const struct sfs_repair how = {
		.dry_run = dry_run,
		.problem = tell_problem,
		.before = tell_before,
		.progress = tell_progress,
		.arg = told,
	};
	return sfs_store_repair(told->c->store, &how, ret, NULL);
}

static void fill(struct case_store *c)
{
	char oid[16], text[64];
	relation_define(c, "Article",
			"{\"relations\": {\"to\": \"Article\"}, \"indexes\": {\"v\": \"value\", "
			"\"w\": \"value\"}}");
	for (int i = 0; i < 20; i++) {
		snprintf(oid, sizeof oid, "%d", i);
		snprintf(text, sizeof text, "{\"v\": %d, \"to\": \"%d\"}", i % 5, (i + 1) % 20);
		assert_int_equal(case_put(c, oid, text, 0), 0);
	}
	assert_int_equal(sfs_index_wait(c->store, c->articles, NULL, NULL, NULL), 0);
	assert_string_equal(check_run(c), "");
}

static int take_key(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct sfsi_key *ret = arg;
	(void)val;
	memcpy(ret->data, key.data, key.len);
	ret->len = key.len;
	return 1;
}

/** The first row of a table goes, behind the engine's back. */
static void drop_first(struct case_store *c, struct sfs_span prefix)
{
	struct sfsi_key key = { .len = 0 };
	struct sfsi_scan scan = { .partition = c->articles, .prefix = prefix };
	(void)!sfsi_backend_scan(c->store->backend, &scan, take_key, &key);
	assert_true(key.len > 0);
	check_drop_row(c, c->articles, &key);
}

/** An entry of the first index. */
static void drop_entry(struct case_store *c)
{
	drop_first(c, SPAN("I\0\0\0\1E"));
}

static void what_follows_from_records_is_made_anew(void **state)
{
	struct case_store *c = *state;
	struct told told = { .c = c };
	struct sfs_repair_result result;
	fill(c);
	drop_entry(c);
	drop_first(c, SPAN("B"));
	drop_first(c, SPAN("B"));
	assert_int_equal(repair(&told, true, &result), 0);
	assert_true(result.problems >= 3 && result.others == 0);
	assert_int_equal(result.left, result.problems);
	assert_int_equal(told.problems, result.problems);
	assert_int_equal(told.backups, 0);
	assert_string_not_equal(check_run(c), "");
	assert_int_equal(repair(&told, false, &result), 0);
	assert_int_equal(told.backups, 1);
	assert_int_equal(result.left, 0);
	assert_int_equal(result.indexes, 2);
	assert_true(result.backrefs);
	assert_string_equal(check_run(c), "");
	assert_string_equal(relation_referrers(c, c->articles, "1"),
			    "Article/0.to Article/meanwhile.to");
	/* Nothing is wrong any more: no backup, nothing to do. */
	assert_int_equal(repair(&told, false, &result), 0);
	assert_int_equal(told.backups, 1);
	assert_int_equal(result.problems + result.indexes, 0);
}

static void what_has_to_wait_is_named_and_the_rest_is_done(void **state)
{
	struct case_store *c = *state;
	struct told told = { .c = c };
	struct sfs_repair_result result;
	struct sfsi_key key;
	fill(c);
	drop_entry(c);
	check_entry_key(c, SFSI_DIR_OBJECTS, "7", &key);
	check_drop_row(c, c->articles, &key);
	assert_int_equal(repair(&told, false, &result), 0);
	assert_int_equal(told.others, 1);
	assert_int_equal(result.others, 1);
	assert_int_equal(result.indexes, 2);
	assert_int_equal(result.left, 1);
	assert_non_null(strstr(told.advice, "unmount it"));
	assert_string_equal(check_run(c), "entry-missing");
	/* That alone is no reason for a backup. */
	assert_int_equal(repair(&told, false, &result), 0);
	assert_int_equal(told.backups, 1);
}

static void a_repair_can_be_stopped(void **state)
{
	struct case_store *c = *state;
	struct told told = { .c = c, .stop_before = true };
	struct sfs_repair_result result;
	fill(c);
	drop_entry(c);
	assert_int_equal(repair(&told, false, &result), SFS_ERR_CANCELLED);
	assert_int_equal(result.indexes, 0);
	assert_string_not_equal(check_run(c), "");
	told.stop_before = false;
	told.stop_later = true;
	told.backups = 0;
	assert_int_equal(repair(&told, false, &result), SFS_ERR_CANCELLED);
	assert_int_equal(sfs_index_wait(c->store, c->articles, NULL, NULL, NULL), 0);
}

int contract_repair(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_follows_from_records_is_made_anew),
		CASE(what_has_to_wait_is_named_and_the_rest_is_done),
		CASE(a_repair_can_be_stopped),
	};
	return cmocka_run_group_tests_name("repair", tests, NULL, NULL);
}
