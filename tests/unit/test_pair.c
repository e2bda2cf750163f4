/* Two backends as one: both have every write, reads survive one that does not answer, and what fell behind catches up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "backend/fault.h"
#include "backend/pair.h"

/** A pair of memory backends, each behind one that fails when it is told to. */
struct test {
	struct sfsi_backend *pair, *first, *second;
	int told; /* how often it was said that the second one is behind */
};

static struct sfsi_backend *open_faulty(void)
{
	const struct sfsi_backend_config cfg = { .create = true };
	struct sfsi_backend *inner, *b;
	assert_int_equal(sfsi_backend_open(&sfsi_backend_memory, &cfg, &inner, NULL), 0);
	assert_int_equal(sfsi_backend_fault_wrap(inner, &b), 0);
	return b;
}

static void tell(void *arg, int err)
{
	struct test *test = arg;
	assert_true(err < 0);
	test->told++;
}

static int setup(void **state)
{
	struct test *test = calloc(1, sizeof *test);
	test->first = open_faulty();
	test->second = open_faulty();
	assert_int_equal(sfsi_backend_pair_wrap(test->first, test->second, &test->pair), 0);
	sfsi_backend_pair_tell(test->pair, tell, test);
	*state = test;
	return 0;
}

static int teardown(void **state)
{
	struct test *test = *state;
	sfsi_backend_close(test->pair);
	free(test);
	return 0;
}

static struct sfs_span name(char text[16], unsigned n)
{
	snprintf(text, 16, "key%06u", n);
	return (struct sfs_span){ text, strlen(text) };
}

static int write_one(struct sfsi_backend *b, unsigned n, const char *val)
{
	char text[16];
	const struct sfsi_op op = { 1, name(text, n), sfs_span_str(val), false };
	return sfsi_backend_write(b, &op, 1);
}

static int remove_one(struct sfsi_backend *b, unsigned n)
{
	char text[16];
	const struct sfsi_op op = { 1, name(text, n), { NULL, 0 }, true };
	return sfsi_backend_write(b, &op, 1);
}

static void assert_has(struct sfsi_backend *b, unsigned n, const char *val)
{
	char text[16];
	struct sfs_buf got = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_get(b, 1, name(text, n), &got), val ? 0 : SFS_ERR_NOT_FOUND);
	if (val)
		assert_true(sfs_span_equal(sfs_buf_span(&got), sfs_span_str(val)));
	sfs_buf_fini(&got);
}

static void break_it(struct sfsi_backend *b, enum sfsi_fault_call call, uint64_t nth,
		     uint64_t times)
{
	const struct sfsi_fault what = { call, nth, times, SFS_ERR_IO, false };
	sfsi_backend_fault_set(b, &what);
}

static int count_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	char text[16];
	size_t *count = arg;
	(void)val;
	assert_true(sfs_span_equal(key, name(text, (unsigned)*count)));
	++*count;
	return 0;
}

static size_t count_rows(struct sfsi_backend *b)
{
	size_t count = 0;
	const struct sfsi_scan scan = { .partition = 1 };
	assert_int_equal(sfsi_backend_scan(b, &scan, count_row, &count), 0);
	return count;
}

static void both_have_every_write(void **state)
{
	struct test *test = *state;
	assert_int_equal(write_one(test->pair, 1, "one"), 0);
	assert_has(test->first, 1, "one");
	assert_has(test->second, 1, "one");
	assert_int_equal(remove_one(test->pair, 1), 0);
	assert_has(test->first, 1, NULL);
	assert_has(test->second, 1, NULL);
	assert_int_equal(test->told, 0);
}

static void reads_go_to_the_one_that_answers(void **state)
{
	struct test *test = *state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(write_one(test->pair, i, "v"), 0);
	break_it(test->first, SFSI_FAULT_GET, 1, 0);
	assert_has(test->pair, 3, "v");
	assert_has(test->pair, 99, NULL);
	break_it(test->first, SFSI_FAULT_SCAN, 1, 0);
	assert_int_equal(count_rows(test->pair), 10);
	/* Neither answers. */
	break_it(test->second, SFSI_FAULT_GET, 1, 0);
	break_it(test->first, SFSI_FAULT_GET, 1, 0);
	struct sfs_buf got = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_get(test->pair, 1, sfs_span_str("key000003"), &got),
			 SFS_ERR_IO);
	assert_int_equal(got.len, 0);
}

static void a_scan_goes_on_where_the_first_one_stopped(void **state)
{
	struct test *test = *state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(write_one(test->pair, i, "v"), 0);
	/* It gives everything, and says then that it failed: nothing comes twice. */
	const struct sfsi_fault late = { SFSI_FAULT_SCAN, 1, 0, SFS_ERR_IO, true };
	sfsi_backend_fault_set(test->first, &late);
	assert_int_equal(count_rows(test->pair), 10);
}

static void what_the_first_one_refuses_is_refused(void **state)
{
	struct test *test = *state;
	break_it(test->first, SFSI_FAULT_WRITE, 1, 1);
	assert_int_equal(write_one(test->pair, 1, "one"), SFS_ERR_IO);
	assert_has(test->second, 1, NULL);
	assert_false(sfsi_backend_pair_is_behind(test->pair));
	assert_int_equal(write_one(test->pair, 1, "one"), 0);
	assert_has(test->second, 1, "one");
}

static void the_second_one_falls_behind_and_catches_up(void **state)
{
	struct test *test = *state;
	uint64_t differs = 0;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(write_one(test->pair, i, "old"), 0);
	break_it(test->second, SFSI_FAULT_WRITE, 1, 1);
	assert_int_equal(write_one(test->pair, 500, "new"), 0);
	assert_true(sfsi_backend_pair_is_behind(test->pair));
	assert_int_equal(test->told, 1);
	/* It is left alone, also where it could answer. */
	for (unsigned i = 1000; i < 1400; i++)
		assert_int_equal(write_one(test->pair, i, "more"), 0);
	for (unsigned i = 0; i < 300; i += 3)
		assert_int_equal(remove_one(test->pair, i), 0);
	assert_int_equal(test->told, 1);
	assert_has(test->second, 1001, NULL);
	break_it(test->first, SFSI_FAULT_GET, 1, 1);
	struct sfs_buf got = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_get(test->pair, 1, sfs_span_str("key000500"), &got),
			 SFS_ERR_IO);
	/* A comparison changes nothing. */
	assert_int_equal(sfsi_backend_pair_match(test->pair, 1, false, &differs), 0);
	assert_int_equal(differs, 1 + 400 + 100);
	assert_has(test->second, 1001, NULL);
	/* What is written while it catches up is in both. */
	sfsi_backend_pair_resume(test->pair);
	assert_int_equal(write_one(test->pair, 5000, "meanwhile"), 0);
	differs = 0;
	assert_int_equal(sfsi_backend_pair_match(test->pair, 1, true, &differs), 0);
	assert_int_equal(differs, 1 + 400 + 100);
	differs = 0;
	assert_int_equal(sfsi_backend_pair_match(test->pair, 1, false, &differs), 0);
	assert_int_equal(differs, 0);
	assert_has(test->second, 500, "new");
	assert_has(test->second, 1399, "more");
	assert_has(test->second, 3, NULL);
	assert_has(test->second, 5000, "meanwhile");
	assert_false(sfsi_backend_pair_is_behind(test->pair));
}

static void catching_up_that_fails_is_behind_again(void **state)
{
	struct test *test = *state;
	uint64_t differs = 0;
	sfsi_backend_pair_set_behind(test->pair);
	assert_int_equal(write_one(test->pair, 1, "one"), 0);
	sfsi_backend_pair_resume(test->pair);
	break_it(test->second, SFSI_FAULT_WRITE, 1, 1);
	assert_int_equal(sfsi_backend_pair_match(test->pair, 1, true, &differs), SFS_ERR_IO);
	assert_true(sfsi_backend_pair_is_behind(test->pair));
	assert_int_equal(test->told, 1);
	sfsi_backend_pair_resume(test->pair);
	assert_int_equal(sfsi_backend_pair_match(test->pair, 1, true, &differs), 0);
	assert_has(test->second, 1, "one");
	/* One that has too much loses it. */
	assert_int_equal(write_one(test->second, 7, "stray"), 0);
	assert_int_equal(sfsi_backend_pair_match(test->pair, 1, true, &differs), 0);
	assert_has(test->second, 7, NULL);
}

static void a_sync_that_fails_in_the_second_one_is_no_failure(void **state)
{
	struct test *test = *state;
	break_it(test->second, SFSI_FAULT_SYNC, 1, 1);
	assert_int_equal(sfsi_backend_sync(test->pair), 0);
	assert_true(sfsi_backend_pair_is_behind(test->pair));
	break_it(test->first, SFSI_FAULT_SYNC, 1, 1);
	assert_int_equal(sfsi_backend_sync(test->pair), SFS_ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_have_every_write, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_go_to_the_one_that_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_scan_goes_on_where_the_first_one_stopped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_the_first_one_refuses_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_second_one_falls_behind_and_catches_up, setup,
						teardown),
		cmocka_unit_test_setup_teardown(catching_up_that_fails_is_behind_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_sync_that_fails_in_the_second_one_is_no_failure,
						setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
