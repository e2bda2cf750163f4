/* Contract of a backend: values by key, batches, limits, what lasts. */
#include <stdlib.h>
#include "backend_fixture.h"
#include "contract.h"

static struct sfsi_backend *of(void **state)
{
	return *(struct sfsi_backend **)*state;
}

static void a_new_backend_is_empty(void **state)
{
	struct sfsi_backend *b = of(state);
	assert_int_equal(count_keys(b, 0), 0);
	assert_int_equal(count_keys(b, UINT32_MAX), 0);
	assert_missing(b, 0, SPAN("a"));
	struct sfs_buf note = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_marked(b, &note), SFS_ERR_NOT_FOUND);
}

static void what_is_put_is_got_until_it_is_removed(void **state)
{
	struct sfsi_backend *b = of(state);
	put(b, 1, SPAN("a"), SPAN("one"));
	assert_value(b, 1, SPAN("a"), SPAN("one"));
	put(b, 1, SPAN("a"), SPAN("two, longer"));
	assert_value(b, 1, SPAN("a"), SPAN("two, longer"));
	WRITE(b, REMOVE(1, SPAN("a")));
	assert_missing(b, 1, SPAN("a"));
	WRITE(b, REMOVE(1, SPAN("a")));
	assert_missing(b, 1, SPAN("a"));
}

static void later_changes_of_a_batch_win(void **state)
{
	struct sfsi_backend *b = of(state);
	put(b, 1, SPAN("c"), SPAN("old"));
	WRITE(b, PUT(1, SPAN("a"), SPAN("1")), PUT(1, SPAN("b"), SPAN("1")), REMOVE(1, SPAN("c")),
	      PUT(1, SPAN("a"), SPAN("2")), REMOVE(1, SPAN("b")), PUT(1, SPAN("c"), SPAN("new")),
	      PUT(1, SPAN("d"), SPAN("x")), REMOVE(1, SPAN("d")), PUT(1, SPAN("d"), SPAN("y")));
	assert_value(b, 1, SPAN("a"), SPAN("2"));
	assert_missing(b, 1, SPAN("b"));
	assert_value(b, 1, SPAN("c"), SPAN("new"));
	assert_value(b, 1, SPAN("d"), SPAN("y"));
	assert_int_equal(count_keys(b, 1), 3);
}

static void an_empty_batch_is_fine(void **state)
{
	assert_int_equal(sfsi_backend_write(of(state), NULL, 0), 0);
}

static void get_appends(void **state)
{
	struct sfsi_backend *b = of(state);
	put(b, 1, SPAN("a"), SPAN("tail"));
	struct sfs_buf got = SFS_BUF_INIT;
	assert_int_equal(sfs_buf_append(&got, "head ", 5), 0);
	assert_int_equal(sfsi_backend_get(b, 1, SPAN("none"), &got), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfsi_backend_get(b, 1, SPAN("a"), &got), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&got), SPAN("head tail")));
	sfs_buf_fini(&got);
}

static void keys_have_1_to_2048_bytes(void **state)
{
	struct sfsi_backend *b = of(state);
	char bytes[SFSI_KEY_MAX + 1];
	memset(bytes, 'k', sizeof bytes);
	const struct sfs_span longest = { bytes, SFSI_KEY_MAX }, over = { bytes, SFSI_KEY_MAX + 1 };
	put(b, 1, (struct sfs_span){ bytes, 1 }, SPAN("1"));
	put(b, 1, longest, SPAN("2048"));
	assert_value(b, 1, (struct sfs_span){ bytes, 1 }, SPAN("1"));
	assert_value(b, 1, longest, SPAN("2048"));

	struct sfs_buf got = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_get(b, 1, over, &got), SFS_ERR_LIMIT);
	assert_int_equal(sfsi_backend_get(b, 1, EMPTY, &got), SFS_ERR_LIMIT);
	const struct sfsi_op bad[] = { PUT(1, over, SPAN("")), PUT(1, EMPTY, SPAN("")),
				       REMOVE(1, over), REMOVE(1, EMPTY) };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(sfsi_backend_write(b, &bad[i], 1), SFS_ERR_LIMIT);
	assert_int_equal(count_keys(b, 1), 2);
}

static void values_have_0_bytes_to_their_limit(void **state)
{
	struct sfsi_backend *b = of(state);
	size_t len = (size_t)1 << 20;
	unsigned char *bytes = malloc(len);
	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(i * 7 + (i >> 8));
	put(b, 1, SPAN("empty"), EMPTY);
	put(b, 1, SPAN("large"), (struct sfs_span){ bytes, len });
	assert_value(b, 1, SPAN("empty"), EMPTY);
	assert_value(b, 1, SPAN("large"), (struct sfs_span){ bytes, len });
	free(bytes);
	/* Refused before a byte is read. */
	const struct sfsi_op over = PUT(1, SPAN("over"),
					((struct sfs_span){ "", SFSI_VALUE_MAX + 1 }));
	assert_int_equal(sfsi_backend_write(b, &over, 1), SFS_ERR_LIMIT);
	assert_missing(b, 1, SPAN("over"));
}

static void a_batch_over_its_limit_is_refused(void **state)
{
	struct sfsi_op ops[SFSI_BATCH_MAX / SFSI_VALUE_MAX + 1];
	size_t count = sizeof ops / sizeof ops[0];
	for (size_t i = 0; i < count; i++)
		ops[i] = PUT(1, SPAN("k"), ((struct sfs_span){ "", SFSI_VALUE_MAX }));
	assert_int_equal(sfsi_backend_write(of(state), ops, count), SFS_ERR_LIMIT);
	assert_missing(of(state), 1, SPAN("k"));
}

static void a_refused_batch_leaves_nothing(void **state)
{
	struct sfsi_backend *b = of(state);
	put(b, 1, SPAN("b"), SPAN("old"));
	const struct sfsi_op ops[] = { PUT(1, SPAN("a"), SPAN("1")), PUT(1, SPAN("b"), SPAN("new")),
				       PUT(1, EMPTY, SPAN("2")) };
	assert_int_equal(sfsi_backend_write(b, ops, 3), SFS_ERR_LIMIT);
	assert_missing(b, 1, SPAN("a"));
	assert_value(b, 1, SPAN("b"), SPAN("old"));
}

static void keys_may_hold_every_byte(void **state)
{
	struct sfsi_backend *b = of(state);
	for (unsigned i = 0; i < 256; i++) {
		const unsigned char key[] = { (unsigned char)i, 0, (unsigned char)i, 0xff };
		put(b, 1, (struct sfs_span){ key, sizeof key }, (struct sfs_span){ key, 1 });
		put(b, 1, (struct sfs_span){ key, 1 }, (struct sfs_span){ key, 2 });
	}
	for (unsigned i = 0; i < 256; i++) {
		const unsigned char key[] = { (unsigned char)i, 0, (unsigned char)i, 0xff };
		assert_value(b, 1, (struct sfs_span){ key, sizeof key },
			     (struct sfs_span){ key, 1 });
		assert_value(b, 1, (struct sfs_span){ key, 1 }, (struct sfs_span){ key, 2 });
	}
	assert_int_equal(count_keys(b, 1), 512);
}

static void partitions_do_not_see_each_other(void **state)
{
	struct sfsi_backend *b = of(state);
	static const uint32_t partitions[] = { 0, 1, 255, 256, 0xffffff, 0xff000000, UINT32_MAX };
	for (size_t i = 0; i < 7; i++) {
		put(b, partitions[i], SPAN("\xff"), (struct sfs_span){ &partitions[i], 4 });
		put(b, partitions[i], SPAN("\0"), SPAN("low"));
	}
	for (size_t i = 0; i < 7; i++) {
		assert_value(b, partitions[i], SPAN("\xff"),
			     (struct sfs_span){ &partitions[i], 4 });
		const struct sfsi_scan scan = { .partition = partitions[i] };
		const struct sfs_span keys[] = { SPAN("\0"), SPAN("\xff") };
		assert_scan(b, &scan, keys, 2);
	}
	WRITE(b, REMOVE(255, SPAN("\xff")));
	assert_missing(b, 255, SPAN("\xff"));
	assert_value(b, 256, SPAN("\xff"), (struct sfs_span){ &partitions[3], 4 });
	assert_int_equal(count_keys(b, 2), 0);
}

static void a_batch_over_partitions_is_one_or_refused(void **state)
{
	struct sfsi_backend *b = of(state);
	const struct sfsi_op ops[] = { PUT(1, SPAN("a"), SPAN("1")), PUT(2, SPAN("a"), SPAN("2")) };
	int err = sfsi_backend_write(b, ops, 2);
	if (b->ops->caps & SFSI_CAP_CROSS_PARTITION) {
		assert_int_equal(err, 0);
		assert_value(b, 1, SPAN("a"), SPAN("1"));
		assert_value(b, 2, SPAN("a"), SPAN("2"));
	} else {
		assert_int_equal(err, SFS_ERR_UNSUPPORTED);
		assert_missing(b, 1, SPAN("a"));
		assert_missing(b, 2, SPAN("a"));
	}
}

static void a_batch_may_hold_100000_changes(void **state)
{
	struct sfsi_backend *b = of(state);
	size_t count = 100000;
	struct sfsi_op *ops = calloc(count, sizeof *ops);
	uint32_t *keys = calloc(count, sizeof *keys);
	assert_true(ops && keys);
	for (size_t i = 0; i < count; i++) {
		keys[i] = (uint32_t)(i * 2654435761u);
		ops[i] = PUT(1, ((struct sfs_span){ &keys[i], 4 }),
			     ((struct sfs_span){ &keys[i], 4 }));
	}
	assert_int_equal(sfsi_backend_write(b, ops, count), 0);
	assert_int_equal(count_keys(b, 1), count);
	for (size_t i = 0; i < count; i += 997)
		assert_value(b, 1, ops[i].key, ops[i].val);
	for (size_t i = 0; i < count; i++)
		ops[i].remove = i % 2;
	assert_int_equal(sfsi_backend_write(b, ops, count), 0);
	assert_int_equal(count_keys(b, 1), count / 2);
	free(ops);
	free(keys);
}

static void calls_are_counted(void **state)
{
	struct sfsi_backend *b = of(state);
	WRITE(b, PUT(1, SPAN("a"), SPAN("1")), PUT(1, SPAN("b"), SPAN("2")));
	assert_value(b, 1, SPAN("a"), SPAN("1"));
	assert_missing(b, 1, SPAN("c"));
	assert_int_equal(count_keys(b, 1), 2);
	assert_int_equal(sfsi_backend_sync(b), 0);
	assert_int_equal(b->count.writes, 1);
	assert_int_equal(b->count.ops, 2);
	assert_int_equal(b->count.gets, 2);
	assert_int_equal(b->count.scans, 1);
	assert_int_equal(b->count.syncs, b->ops->sync ? 1 : 0);
}

static void stat_grows_with_what_is_kept(void **state)
{
	struct sfsi_backend *b = of(state);
	struct sfsi_backend_stat before, after;
	assert_int_equal(sfsi_backend_stat(b, &before), 0);
	static char bytes[1 << 20];
	put(b, 1, SPAN("a"), (struct sfs_span){ bytes, sizeof bytes });
	assert_int_equal(sfsi_backend_stat(b, &after), 0);
	assert_true(after.bytes >= before.bytes + sizeof bytes / 2);
}

static void a_read_only_backend_refuses_changes(void **state)
{
	put(of(state), 1, SPAN("a"), SPAN("1"));
	if (!backend_reopen(state, true)) {
		/* Nothing to open again: the flag alone must do. */
		of(state)->read_only = true;
	}
	struct sfsi_backend *b = of(state);
	assert_true(b->read_only);
	const struct sfsi_op ops[] = { PUT(1, SPAN("a"), SPAN("2")), REMOVE(1, SPAN("a")) };
	assert_int_equal(sfsi_backend_write(b, &ops[0], 1), SFS_ERR_READ_ONLY);
	assert_int_equal(sfsi_backend_write(b, &ops[1], 1), SFS_ERR_READ_ONLY);
	assert_int_equal(sfsi_backend_mark(b, SPAN("note")), SFS_ERR_READ_ONLY);
	assert_int_equal(sfsi_backend_sync(b), 0);
	assert_value(b, 1, SPAN("a"), SPAN("1"));
	assert_int_equal(count_keys(b, 1), 1);
}

static void a_durable_backend_keeps_everything_over_a_reopen(void **state)
{
	put(of(state), 1, SPAN("a"), SPAN("1"));
	put(of(state), 7, SPAN("b"), EMPTY);
	WRITE(of(state), PUT(7, SPAN("c"), SPAN("gone")));
	WRITE(of(state), REMOVE(7, SPAN("c")));
	for (int i = 0; i < 3; i++) {
		if (!backend_reopen(state, i == 1))
			return;
		assert_value(of(state), 1, SPAN("a"), SPAN("1"));
		assert_value(of(state), 7, SPAN("b"), EMPTY);
		assert_missing(of(state), 7, SPAN("c"));
		assert_int_equal(of(state)->count.writes, 0);
	}
	put(of(state), 1, SPAN("d"), SPAN("4"));
	assert_true(backend_reopen(state, false));
	assert_value(of(state), 1, SPAN("d"), SPAN("4"));
	assert_value(of(state), 1, SPAN("a"), SPAN("1"));
}

static void assert_note(struct sfsi_backend *b, struct sfs_span expected)
{
	struct sfs_buf note = SFS_BUF_INIT;
	assert_int_equal(sfsi_backend_marked(b, &note), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&note), expected));
	sfs_buf_fini(&note);
}

static void a_durable_backend_keeps_the_last_note(void **state)
{
	static char longest[(64 << 10) + 1];
	memset(longest, 'n', sizeof longest);
	struct sfsi_backend *b = of(state);
	assert_int_equal(sfsi_backend_mark(b, (struct sfs_span){ longest, sizeof longest }),
			 SFS_ERR_LIMIT);
	assert_int_equal(sfsi_backend_mark(b, SPAN("first")), 0);
	if (!(b->ops->caps & SFSI_CAP_DURABLE))
		return;
	assert_note(b, SPAN("first"));
	assert_int_equal(sfsi_backend_mark(b, (struct sfs_span){ longest, sizeof longest - 1 }), 0);
	assert_note(b, (struct sfs_span){ longest, sizeof longest - 1 });
	assert_true(backend_reopen(state, false));
	assert_note(of(state), (struct sfs_span){ longest, sizeof longest - 1 });
	assert_int_equal(sfsi_backend_mark(of(state), EMPTY), 0);
	assert_true(backend_reopen(state, true));
	assert_note(of(state), EMPTY);
}

int contract_keys(const char *backend)
{
	const struct CMUnitTest tests[] = {
		BACKEND_CASE(a_new_backend_is_empty),
		BACKEND_CASE(what_is_put_is_got_until_it_is_removed),
		BACKEND_CASE(later_changes_of_a_batch_win),
		BACKEND_CASE(an_empty_batch_is_fine),
		BACKEND_CASE(get_appends),
		BACKEND_CASE(keys_have_1_to_2048_bytes),
		BACKEND_CASE(values_have_0_bytes_to_their_limit),
		BACKEND_CASE(a_batch_over_its_limit_is_refused),
		BACKEND_CASE(a_refused_batch_leaves_nothing),
		BACKEND_CASE(keys_may_hold_every_byte),
		BACKEND_CASE(partitions_do_not_see_each_other),
		BACKEND_CASE(a_batch_over_partitions_is_one_or_refused),
		BACKEND_CASE(a_batch_may_hold_100000_changes),
		BACKEND_CASE(calls_are_counted),
		BACKEND_CASE(stat_grows_with_what_is_kept),
		BACKEND_CASE(a_read_only_backend_refuses_changes),
		BACKEND_CASE(a_durable_backend_keeps_everything_over_a_reopen),
		BACKEND_CASE(a_durable_backend_keeps_the_last_note),
	};
	return backend_group("keys", backend, tests, sizeof tests / sizeof tests[0]);
}
