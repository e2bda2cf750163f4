/* Rows in memory: what the backend said once is not asked again, and nothing old is ever said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "backend/wrap.h"
#include "memo.h"
#include "store_private.h"

#define CLASS 3

/* A backend that says the same of every key, and lets the test in while it is asked. */
static unsigned asked;
static const char *answer;
static void (*meanwhile)(void);

static int say(struct sfsi_backend *b, uint32_t partition, struct sfs_span key, struct sfs_buf *ret)
{
	(void)b, (void)partition, (void)key;
	const char *said = answer;
	asked++;
	if (meanwhile)
		meanwhile();
	return said ? sfs_buf_append(ret, said, strlen(said)) : SFS_ERR_NOT_FOUND;
}

static void close_nothing(struct sfsi_backend *b)
{
	(void)b;
}

static const struct sfsi_backend_ops ops = {
	.name = "says",
	.caps = SFSI_CAP_OWN_LOCKS,
	.size = sizeof(struct sfsi_backend),
	.close = close_nothing,
	.get = say,
};

static struct sfs_store store;

static int setup(void **state)
{
	(void)state;
	asked = 0;
	answer = NULL;
	meanwhile = NULL;
	store.backend = sfsi_backend_new(&ops, false);
	return store.backend ? sfsi_memo_new(500000, &store.memo) : -1;
}

static int teardown(void **state)
{
	(void)state;
	sfsi_memo_free(store.memo);
	sfsi_backend_close(store.backend);
	return 0;
}

/** What a key is now; NULL: missing. */
static void is(const char *key, const char *expected)
{
	struct sfs_buf found = SFS_BUF_INIT;
	int err = sfsi_memo_get(&store, CLASS, sfs_span_str(key), &found);
	assert_int_equal(err, expected ? 0 : SFS_ERR_NOT_FOUND);
	if (expected)
		assert_true(sfs_span_equal(sfs_buf_span(&found), sfs_span_str(expected)));
	sfs_buf_fini(&found);
}

static void write_row(const char *key, const char *val)
{
	struct sfsi_op op = { .partition = CLASS, .key = sfs_span_str(key), .remove = !val };
	if (val)
		op.val = sfs_span_str(val);
	sfsi_memo_wrote(store.memo, &op, 1);
}

static void what_was_said_once_is_not_asked_again(void **state)
{
	(void)state;
	answer = "one";
	is("Oa", "one");
	answer = NULL;
	is("Oa", "one");
	is("Ob", NULL);
	answer = "two";
	is("Ob", NULL);
	assert_int_equal(asked, 2);
	/* A partition has rows of its own. */
	struct sfs_buf found = SFS_BUF_INIT;
	assert_int_equal(sfsi_memo_get(&store, CLASS + 1, sfs_span_str("Oa"), &found), 0);
	assert_int_equal(asked, 3);
	sfs_buf_fini(&found);
}

static void a_peek_does_not_learn(void **state)
{
	(void)state;
	struct sfs_buf found = SFS_BUF_INIT;
	answer = "one";
	assert_int_equal(sfsi_memo_peek(&store, CLASS, sfs_span_str("Oa"), &found), 0);
	assert_int_equal(sfsi_memo_peek(&store, CLASS, sfs_span_str("Oa"), &found), 0);
	assert_int_equal(asked, 2);
	is("Oa", "one");
	assert_int_equal(sfsi_memo_peek(&store, CLASS, sfs_span_str("Oa"), &found), 0);
	assert_int_equal(asked, 3);
	assert_int_equal(found.len, 9);
	sfs_buf_fini(&found);
}

static void a_commit_is_known_at_once(void **state)
{
	(void)state;
	char large[5001];
	memset(large, 'x', 5000);
	large[5000] = '\0';
	answer = "old";
	is("Oa", "old");
	write_row("Oa", "new");
	is("Oa", "new");
	write_row("Oa", large);
	is("Oa", large);
	write_row("Oa", NULL);
	is("Oa", NULL);
	write_row("Db", "entry");
	is("Db", "entry");
	assert_int_equal(asked, 1);
	/* What is new and large nobody asked for; of a number that is gone nobody will. */
	write_row("Oc", large);
	is("Oc", "old");
	write_row("N1", NULL);
	is("N1", "old");
	assert_int_equal(asked, 3);
}

static void of_a_large_commit_only_small_rows_are_new(void **state)
{
	(void)state;
	static char val[1001];
	char keys[100][16];
	struct sfsi_op rows[100];
	memset(val, 'v', 1000);
	for (int i = 0; i < 100; i++) {
		snprintf(keys[i], sizeof keys[i], "O%d", i);
		rows[i] = (struct sfsi_op){ .partition = CLASS, .key = sfs_span_str(keys[i]) };
		rows[i].val = (struct sfs_span){ val, i % 2 ? 1000 : 10 };
	}
	sfsi_memo_wrote(store.memo, rows, 100);
	answer = "backend";
	is("O0", "vvvvvvvvvv");
	is("O1", "backend");
	/* As in a commit of its own. */
	write_row("O3", val);
	is("O3", val);
}

static void write_new(void)
{
	meanwhile = NULL;
	answer = "new";
	write_row("I1", "new");
}

static void what_was_read_before_a_commit_is_not_learned_after_it(void **state)
{
	(void)state;
	answer = "old";
	meanwhile = write_new;
	is("I1", "old");
	is("I1", "new");
	assert_int_equal(asked, 2);
}

static void after_a_write_in_doubt_nothing_is_known_until_the_next_one(void **state)
{
	(void)state;
	answer = "one";
	is("Oa", "one");
	sfsi_memo_doubt(store.memo);
	answer = "two";
	is("Oa", "two");
	answer = "three";
	is("Oa", "three");
	write_row("Db", "entry");
	is("Oa", "three");
	answer = "four";
	is("Oa", "three");
	is("Db", "entry");
}

static void doubt_and_go_on(void)
{
	meanwhile = NULL;
	sfsi_memo_doubt(store.memo);
	write_row("Db", "entry");
}

static void what_was_read_before_a_write_in_doubt_is_not_learned_after_the_next_one(void **state)
{
	(void)state;
	answer = "one";
	meanwhile = doubt_and_go_on;
	is("Oa", "one");
	answer = "two";
	is("Oa", "two");
}

static void the_bound_holds_and_the_oldest_go_first(void **state)
{
	(void)state;
	char key[16];
	answer = "a value of some length, so that the bound is reached soon";
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "O%d", i);
		is(key, answer);
		is("O0", answer);
	}
	assert_int_equal(asked, 5000);
	is("O4999", answer);
	assert_int_equal(asked, 5000);
	is("O1", answer);
	assert_int_equal(asked, 5001);
	static char huge[8001];
	memset(huge, 'h', 8000);
	answer = huge;
	is("Oh", huge);
	is("Oh", huge);
	assert_int_equal(asked, 5003);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_was_said_once_is_not_asked_again),
		CASE(a_peek_does_not_learn),
		CASE(a_commit_is_known_at_once),
		CASE(of_a_large_commit_only_small_rows_are_new),
		CASE(what_was_read_before_a_commit_is_not_learned_after_it),
		CASE(after_a_write_in_doubt_nothing_is_known_until_the_next_one),
		CASE(what_was_read_before_a_write_in_doubt_is_not_learned_after_the_next_one),
		CASE(the_bound_holds_and_the_oldest_go_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
