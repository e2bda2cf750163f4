/* The fault backend: it fails what it was told to, before or after, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "backend/fault.h"

static const struct sfs_span key_a = { "a", 1 }, key_b = { "b", 1 };

static int setup(void **state)
{
	const struct sfsi_backend_config cfg = { .create = true };
	struct sfsi_backend *inner, *b;
	assert_int_equal(sfsi_backend_open(&sfsi_backend_memory, &cfg, &inner, NULL), 0);
	assert_int_equal(sfsi_backend_fault_wrap(inner, &b), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	sfsi_backend_close(*state);
	return 0;
}

/* A batch that sets both keys; the two are always the same. */
static int write_both(struct sfsi_backend *b, struct sfs_span val)
{
	const struct sfsi_op ops[] = { { 1, key_a, val, false }, { 1, key_b, val, false } };
	return sfsi_backend_write(b, ops, 2);
}

static void assert_both(struct sfsi_backend *b, struct sfs_span val)
{
	const struct sfs_span keys[] = { key_a, key_b };
	for (size_t i = 0; i < 2; i++) {
		struct sfs_buf got = SFS_BUF_INIT;
		assert_int_equal(sfsi_backend_get(b, 1, keys[i], &got),
				 val.len ? 0 : SFS_ERR_NOT_FOUND);
		assert_true(sfs_span_equal(sfs_buf_span(&got), val));
		sfs_buf_fini(&got);
	}
}

static int count_one(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)key;
	(void)val;
	++*(size_t *)arg;
	return 0;
}

static void without_a_fault_it_is_the_inner_backend(void **state)
{
	struct sfsi_backend *b = *state;
	size_t count = 0;
	const struct sfsi_scan scan = { .partition = 1 };
	struct sfsi_backend_stat stat;
	struct sfs_buf note = SFS_BUF_INIT;
	assert_int_equal(write_both(b, key_a), 0);
	assert_both(b, key_a);
	assert_int_equal(sfsi_backend_scan(b, &scan, count_one, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(sfsi_backend_sync(b), 0);
	assert_int_equal(sfsi_backend_mark(b, key_a), 0);
	assert_int_equal(sfsi_backend_marked(b, &note), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfsi_backend_stat(b, &stat), 0);
	assert_true(stat.bytes > 0);
	assert_int_equal(sfsi_backend_fault_failed(b), 0);
}

static void the_nth_write_fails_and_changes_nothing(void **state)
{
	struct sfsi_backend *b = *state;
	const struct sfsi_fault fault = { SFSI_FAULT_WRITE, 3, 1, SFS_ERR_NO_SPACE, false };
	sfsi_backend_fault_set(b, &fault);
	assert_int_equal(write_both(b, sfs_span_str("1")), 0);
	assert_int_equal(write_both(b, sfs_span_str("2")), 0);
	assert_int_equal(write_both(b, sfs_span_str("3")), SFS_ERR_NO_SPACE);
	assert_both(b, sfs_span_str("2"));
	assert_int_equal(write_both(b, sfs_span_str("4")), 0);
	assert_both(b, sfs_span_str("4"));
	assert_int_equal(sfsi_backend_fault_calls(b, SFSI_FAULT_WRITE), 4);
	assert_int_equal(sfsi_backend_fault_failed(b), 1);
}

static void a_write_may_fail_after_it_was_done(void **state)
{
	struct sfsi_backend *b = *state;
	const struct sfsi_fault fault = { SFSI_FAULT_WRITE, 1, 1, SFS_ERR_IO, true };
	sfsi_backend_fault_set(b, &fault);
	assert_int_equal(write_both(b, sfs_span_str("1")), SFS_ERR_IO);
	assert_both(b, sfs_span_str("1"));
}

static void faults_come_in_rows_or_for_ever(void **state)
{
	struct sfsi_backend *b = *state;
	const struct sfsi_fault row = { SFSI_FAULT_SYNC, 2, 3, SFS_ERR_IO, false };
	sfsi_backend_fault_set(b, &row);
	for (int i = 1; i <= 6; i++)
		assert_int_equal(sfsi_backend_sync(b), i >= 2 && i <= 4 ? SFS_ERR_IO : 0);
	const struct sfsi_fault ever = { SFSI_FAULT_SYNC, 2, 0, SFS_ERR_IO, true };
	sfsi_backend_fault_set(b, &ever);
	for (int i = 1; i <= 6; i++)
		assert_int_equal(sfsi_backend_sync(b), i >= 2 ? SFS_ERR_IO : 0);
	assert_int_equal(sfsi_backend_fault_failed(b), 5);
	const struct sfsi_fault none = { 0 };
	sfsi_backend_fault_set(b, &none);
	assert_int_equal(sfsi_backend_sync(b), 0);
}

static void reads_fail_with_the_chosen_error(void **state)
{
	struct sfsi_backend *b = *state;
	assert_int_equal(write_both(b, key_a), 0);
	const struct sfsi_fault get = { SFSI_FAULT_GET, 1, 1, SFS_ERR_CORRUPT, false };
	sfsi_backend_fault_set(b, &get);
	struct sfs_buf got = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_get(b, 1, key_a, &got), SFS_ERR_CORRUPT);
	assert_int_equal(got.len, 0);
	assert_both(b, key_a);

	size_t count = 0;
	const struct sfsi_scan scan = { .partition = 1 };
	struct sfsi_fault fault = { SFSI_FAULT_SCAN, 1, 1, SFS_ERR_IO, false };
	sfsi_backend_fault_set(b, &fault);
	assert_int_equal(sfsi_backend_scan(b, &scan, count_one, &count), SFS_ERR_IO);
	assert_int_equal(count, 0);
	fault.after = true;
	sfsi_backend_fault_set(b, &fault);
	assert_int_equal(sfsi_backend_scan(b, &scan, count_one, &count), SFS_ERR_IO);
	assert_int_equal(count, 2);
}

static void a_note_may_fail_to_be_kept(void **state)
{
	struct sfsi_backend *b = *state;
	const struct sfsi_fault fault = { SFSI_FAULT_MARK, 1, 1, SFS_ERR_NO_SPACE, false };
	sfsi_backend_fault_set(b, &fault);
	assert_int_equal(sfsi_backend_mark(b, key_a), SFS_ERR_NO_SPACE);
	assert_int_equal(sfsi_backend_mark(b, key_a), 0);
}

/* Failing each call in turn: after every round both keys hold one value, the old or the new. */
static void whichever_call_fails_a_batch_is_old_or_new(void **state)
{
	struct sfsi_backend *b = *state;
	const struct sfs_span old = sfs_span_str("old"), new = sfs_span_str("new");
	for (uint64_t nth = 1; nth <= 4; nth++)
		for (int after = 0; after < 2; after++) {
			const struct sfsi_fault none = { 0 };
			sfsi_backend_fault_set(b, &none);
			assert_int_equal(write_both(b, old), 0);
			const struct sfsi_fault fault = { SFSI_FAULT_WRITE, nth, 0, SFS_ERR_IO,
							  after };
			sfsi_backend_fault_set(b, &fault);
			int err = 0;
			for (int i = 0; i < 3 && !err; i++)
				err = write_both(b, i == 2 ? new : old);
			sfsi_backend_fault_set(b, &none);
			bool is_new = nth > 3 || (nth == 3 && after);
			assert_int_equal(err, nth > 3 ? 0 : SFS_ERR_IO);
			assert_both(b, is_new ? new : old);
		}
}

static void limits_and_read_only_are_those_of_the_wrapper(void **state)
{
	struct sfsi_backend *b = *state;
	const struct sfsi_op op = { 1, { NULL, 0 }, { NULL, 0 }, false };
	assert_int_equal(sfsi_backend_write(b, &op, 1), SFS_ERR_LIMIT);
	assert_int_equal(sfsi_backend_fault_calls(b, SFSI_FAULT_WRITE), 0);

	const struct sfsi_backend_config cfg = { .read_only = true };
	struct sfsi_backend *inner, *reader;
	assert_int_equal(sfsi_backend_open(&sfsi_backend_memory, &cfg, &inner, NULL), 0);
	assert_int_equal(sfsi_backend_fault_wrap(inner, &reader), 0);
	assert_int_equal(write_both(reader, key_a), SFS_ERR_READ_ONLY);
	sfsi_backend_close(reader);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(without_a_fault_it_is_the_inner_backend),
		CASE(the_nth_write_fails_and_changes_nothing),
		CASE(a_write_may_fail_after_it_was_done),
		CASE(faults_come_in_rows_or_for_ever),
		CASE(reads_fail_with_the_chosen_error),
		CASE(a_note_may_fail_to_be_kept),
		CASE(whichever_call_fails_a_batch_is_old_or_new),
		CASE(limits_and_read_only_are_those_of_the_wrapper),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
