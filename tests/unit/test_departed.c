/* Objects that went a moment ago: remembered for a minute, bounded, oldest out first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/cleanup.h"
#include "departed.h"

#define CLASS 3

static struct sfs_span oid_of(int number, char buf[16])
{
	return (struct sfs_span){ buf, (size_t)snprintf(buf, 16, "%d", number) };
}

/** An object with a number and a body of len bytes departs. */
static void add(struct sfsi_departed *departed, int64_t now_ns, int number, size_t len)
{
	char buf[16];
	char *body = malloc(len + 1);
	assert_non_null(body);
	memset(body, 'b', len);
	struct sfsi_record record = {
		.object = { .serial = 7, .number = 100 + (uint64_t)number },
		.body = { body, len },
		.updates = { "uu", 2 },
		.rows = { .list = { body, len },
			  .stored = { body, len },
			  .whole = { body, len },
			  .serial = 7 },
		.has_text = true,
		.text = { "text", 4 },
	};
	sfsi_departed_add(departed, now_ns, CLASS, oid_of(number, buf), &record);
	free(body);
}

static uint64_t number_of(struct sfsi_departed *departed, int64_t now_ns, int number)
{
	char buf[16];
	return sfsi_departed_number(departed, now_ns, CLASS, oid_of(number, buf));
}

static int setup(void **state)
{
	return sfsi_departed_new(SFSI_DEPARTED_BYTES, false, (struct sfsi_departed **)state);
}

static int setup_texts(void **state)
{
	return sfsi_departed_new(SFSI_REMOVED_BYTES, true, (struct sfsi_departed **)state);
}

static int teardown(void **state)
{
	sfsi_departed_free(*state);
	return 0;
}

static void what_departed_can_be_had_back_without_its_text(void **state)
{
	struct sfsi_departed *departed = *state;
	struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	add(departed, 5, 1, 7);
	add(departed, 6, 2, 3);
	assert_int_equal(sfsi_departed_get(departed, 7, CLASS, sfs_span_str("1"), &buf, &record),
			 0);
	assert_int_equal(record.object.number, 101);
	assert_true(sfs_span_equal(record.body, sfs_span_str("bbbbbbb")));
	assert_true(sfs_span_equal(record.updates, sfs_span_str("uu")));
	/* Nothing leads into the memory that the record had. */
	assert_int_equal(record.rows.list.len, 0);
	assert_null(record.rows.whole.data);
	assert_false(record.has_text);
	sfs_buf_fini(&buf);
	assert_int_equal(
		sfsi_departed_get(departed, 7, CLASS + 1, sfs_span_str("1"), &buf, &record),
		SFS_ERR_NOT_FOUND);
	assert_int_equal(buf.len, 0);
}

static void the_text_is_remembered_where_asked_for(void **state)
{
	struct sfsi_departed *departed = *state;
	SFSI_AUTO_BUF struct sfs_buf buf = SFS_BUF_INIT;
	struct sfsi_record record;
	add(departed, 5, 1, 7);
	assert_int_equal(sfsi_departed_get(departed, 7, CLASS, sfs_span_str("1"), &buf, &record),
			 0);
	assert_true(sfs_span_equal(record.body, sfs_span_str("bbbbbbb")));
	assert_true(sfs_span_equal(record.updates, sfs_span_str("uu")));
	assert_true(record.has_text);
	assert_true(sfs_span_equal(record.text, sfs_span_str("text")));
}

static void many_are_found_and_forgotten_in_any_order(void **state)
{
	struct sfsi_departed *departed = *state;
	enum { MANY = 5000 };
	for (int i = 0; i < MANY; i++)
		add(departed, i, i, 10);
	for (int i = MANY - 1; i >= 0; i -= 2) {
		char buf[16];
		sfsi_departed_drop(departed, CLASS, oid_of(i, buf));
	}
	for (int i = 0; i < MANY; i++)
		assert_int_equal(number_of(departed, MANY, i), i % 2 ? 0 : 100 + i);
	assert_int_equal(number_of(departed, SFSI_DEPARTED_NS + MANY / 2, MANY / 2 - 2), 0);
	assert_int_equal(number_of(departed, SFSI_DEPARTED_NS + MANY / 2, MANY - 2), 98 + MANY);
}

static void after_a_minute_it_is_forgotten(void **state)
{
	struct sfsi_departed *departed = *state;
	add(departed, 10, 1, 1);
	assert_int_equal(number_of(departed, 10 + SFSI_DEPARTED_NS, 1), 101);
	assert_int_equal(number_of(departed, 11 + SFSI_DEPARTED_NS, 1), 0);
}

static void the_last_departure_of_an_oid_counts(void **state)
{
	struct sfsi_departed *departed = *state;
	add(departed, 10, 1, 1);
	add(departed, 11, 2, 1);
	add(departed, 20, 1, 1);
	assert_int_equal(number_of(departed, 15 + SFSI_DEPARTED_NS, 1), 101);
	assert_int_equal(number_of(departed, 15 + SFSI_DEPARTED_NS, 2), 0);
	sfsi_departed_drop(departed, CLASS, sfs_span_str("1"));
	sfsi_departed_drop(departed, CLASS, sfs_span_str("no such"));
	assert_int_equal(number_of(departed, 20, 1), 0);
}

static void memory_is_bounded_but_the_last_one_is_kept(void **state)
{
	struct sfsi_departed *departed = *state;
	for (int i = 0; i < 40; i++)
		add(departed, i, i, (size_t)1 << 20);
	assert_int_equal(number_of(departed, 50, 0), 0);
	assert_int_equal(number_of(departed, 50, 39), 139);
	assert_int_equal(number_of(departed, 50, 10), 110);
	add(departed, 60, 99, SFSI_DEPARTED_BYTES * 2);
	assert_int_equal(number_of(departed, 61, 99), 199);
	assert_int_equal(number_of(departed, 61, 39), 0);
	add(departed, 62, 1, 1);
	assert_int_equal(number_of(departed, 63, 99), 0);
	assert_int_equal(number_of(departed, 63, 1), 101);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_departed_can_be_had_back_without_its_text),
		cmocka_unit_test_setup_teardown(the_text_is_remembered_where_asked_for, setup_texts,
						teardown),
		CASE(many_are_found_and_forgotten_in_any_order),
		CASE(after_a_minute_it_is_forgotten),
		CASE(the_last_departure_of_an_oid_counts),
		CASE(memory_is_bounded_but_the_last_one_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
