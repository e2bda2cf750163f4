/* Rows that wait for the next write: every read sees them, and no write overtakes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "backend/backend.h"

/* A backend that keeps the keys of each write as a line of text, and fails when it is told to. */
struct journal {
	struct sfsi_backend base;
	char text[4096];
	int fail;
	int syncs;
};

static char closed[4096]; /* text of the last one that was closed, or copied */

static int journal_open(struct sfsi_backend *b, const struct sfsi_backend_config *cfg,
			struct sfs_diag *diag)
{
	(void)b, (void)cfg, (void)diag;
	return 0;
}

static void journal_close(struct sfsi_backend *b)
{
	snprintf(closed, sizeof closed, "%s", ((struct journal *)b)->text);
}

static int journal_get(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		       struct sfs_buf *ret)
{
	(void)b, (void)partition, (void)key;
	return sfs_buf_append(ret, "old", 3);
}

static int journal_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
			void *arg)
{
	(void)b, (void)scan, (void)fn, (void)arg;
	return 0;
}

static int journal_write(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count)
{
	struct journal *journal = (struct journal *)b;
	if (journal->fail)
		return journal->fail;
	size_t len = strlen(journal->text);
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(journal->text + len, sizeof journal->text - len,
					"%s%u%.*s=%.*s", i ? " " : "", ops[i].partition,
					(int)ops[i].key.len, (const char *)ops[i].key.data,
					ops[i].remove ? 1 : (int)ops[i].val.len,
					ops[i].remove ? "-" : (const char *)ops[i].val.data);
	snprintf(journal->text + len, sizeof journal->text - len, "\n");
	return 0;
}

static int journal_snapshot(struct sfsi_backend *b, const struct sfsi_snapshot_wanted *wanted)
{
	(void)wanted;
	snprintf(closed, sizeof closed, "%s", ((struct journal *)b)->text);
	return 0;
}

static int snapshot(struct sfsi_backend *b)
{
	const struct sfsi_snapshot_wanted wanted = { .path = "copy" };
	return sfsi_backend_snapshot(b, &wanted);
}

static int journal_sync(struct sfsi_backend *b)
{
	((struct journal *)b)->syncs++;
	return 0;
}

static const struct sfsi_backend_ops journal_ops = {
	.name = "journal",
	.caps = SFSI_CAP_CROSS_PARTITION,
	.size = sizeof(struct journal),
	.open = journal_open,
	.close = journal_close,
	.get = journal_get,
	.scan = journal_scan,
	.write = journal_write,
	.sync = journal_sync,
	.snapshot = journal_snapshot,
};

static const struct sfsi_backend_ops narrow_ops = {
	.name = "narrow",
	.size = sizeof(struct journal),
	.open = journal_open,
	.close = journal_close,
	.get = journal_get,
	.scan = journal_scan,
	.write = journal_write,
};

static struct sfsi_backend *open_journal(const struct sfsi_backend_ops *ops)
{
	struct sfsi_backend_config cfg = { .path = NULL };
	struct sfsi_backend *b;
	assert_int_equal(sfsi_backend_open(ops, &cfg, &b, NULL), 0);
	return b;
}

static struct sfsi_op row(uint32_t partition, const char *key, const char *val)
{
	struct sfsi_op op = { .partition = partition, .key = sfs_span_str(key), .remove = !val };
	if (val)
		op.val = sfs_span_str(val);
	return op;
}

static void defer(struct sfsi_backend *b, uint32_t partition, const char *key, const char *val)
{
	struct sfsi_op op = row(partition, key, val);
	assert_int_equal(sfsi_backend_defer(b, &op, 1), 0);
}

static void put(struct sfsi_backend *b, uint32_t partition, const char *key, const char *val)
{
	struct sfsi_op op = row(partition, key, val);
	assert_int_equal(sfsi_backend_write(b, &op, 1), 0);
}

static void is(struct sfsi_backend *b, uint32_t partition, const char *key, const char *expected)
{
	struct sfs_buf val = SFS_BUF_INIT;
	int err = sfsi_backend_get(b, partition, sfs_span_str(key), &val);
	assert_int_equal(err, expected ? 0 : SFS_ERR_NOT_FOUND);
	if (expected)
		assert_true(sfs_span_equal(sfs_buf_span(&val), sfs_span_str(expected)));
	sfs_buf_fini(&val);
}

static void written(struct sfsi_backend *b, const char *text)
{
	assert_string_equal(((struct journal *)b)->text, text);
}

static void every_get_sees_what_waits(void **state)
{
	(void)state;
	struct sfsi_backend *b = open_journal(&journal_ops);
	defer(b, 1, "a", "new");
	defer(b, 1, "b", NULL);
	is(b, 1, "a", "new");
	is(b, 1, "b", NULL);
	is(b, 2, "a", "old");
	is(b, 1, "c", "old");
	defer(b, 1, "a", "newer");
	is(b, 1, "a", "newer");
	written(b, "");
	assert_int_equal(sfsi_backend_settle(b), 0);
	written(b, "1a=newer 1b=-\n");
	is(b, 1, "a", "old");
	assert_int_equal(sfsi_backend_settle(b), 0);
	written(b, "1a=newer 1b=-\n");
	sfsi_backend_close(b);
}

static void a_write_takes_what_waits_along(void **state)
{
	(void)state;
	struct sfsi_backend *b = open_journal(&journal_ops);
	defer(b, 1, "a", "1");
	defer(b, 1, "b", "2");
	put(b, 2, "b", "3");
	written(b, "1a=1 1b=2 2b=3\n");
	/* What is written again need not be written twice. */
	defer(b, 1, "a", "4");
	defer(b, 1, "b", "5");
	put(b, 1, "a", NULL);
	written(b, "1a=1 1b=2 2b=3\n1b=5 1a=-\n");
	put(b, 1, "c", "6");
	written(b, "1a=1 1b=2 2b=3\n1b=5 1a=-\n1c=6\n");
	sfsi_backend_close(b);
}

static int nothing(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)arg, (void)key, (void)val;
	return 0;
}

static void scans_syncs_copies_and_closes_write_first(void **state)
{
	(void)state;
	struct sfsi_backend *b = open_journal(&journal_ops);
	struct sfsi_scan scan = { .partition = 1 };
	defer(b, 1, "a", "1");
	assert_int_equal(sfsi_backend_scan(b, &scan, nothing, NULL), 0);
	written(b, "1a=1\n");
	defer(b, 1, "b", "2");
	assert_int_equal(sfsi_backend_sync(b), 0);
	written(b, "1a=1\n1b=2\n");
	assert_int_equal(((struct journal *)b)->syncs, 1);
	defer(b, 1, "c", "3");
	assert_int_equal(snapshot(b), 0);
	assert_string_equal(closed, "1a=1\n1b=2\n1c=3\n");
	defer(b, 1, "d", "4");
	sfsi_backend_close(b);
	assert_string_equal(closed, "1a=1\n1b=2\n1c=3\n1d=4\n");
}

static void what_could_not_be_written_goes_on_waiting(void **state)
{
	(void)state;
	struct sfsi_backend *b = open_journal(&journal_ops);
	struct journal *journal = (struct journal *)b;
	struct sfsi_scan scan = { .partition = 1 };
	struct sfsi_op op = row(1, "b", "2");
	defer(b, 1, "a", "1");
	journal->fail = SFS_ERR_NO_SPACE;
	assert_int_equal(sfsi_backend_write(b, &op, 1), SFS_ERR_NO_SPACE);
	assert_int_equal(sfsi_backend_settle(b), SFS_ERR_NO_SPACE);
	assert_int_equal(sfsi_backend_sync(b), SFS_ERR_NO_SPACE);
	assert_int_equal(snapshot(b), SFS_ERR_NO_SPACE);
	assert_int_equal(journal->syncs, 0);
	/* Who only reads is not kept from it. */
	assert_int_equal(sfsi_backend_scan(b, &scan, nothing, NULL), 0);
	is(b, 1, "a", "1");
	is(b, 1, "b", "old");
	journal->fail = 0;
	put(b, 1, "c", "3");
	written(b, "1a=1 1c=3\n");
	sfsi_backend_close(b);
}

static void much_is_written_at_once(void **state)
{
	(void)state;
	static char large[5001];
	struct sfsi_backend *b = open_journal(&journal_ops);
	char key[8];
	memset(large, 'x', 5000);
	struct sfsi_op op = row(1, "large", large);
	((struct journal *)b)->fail = SFS_ERR_IO;
	assert_int_equal(sfsi_backend_defer(b, &op, 1), SFS_ERR_IO);
	for (int i = 0; i < SFSI_DEFER_MAX; i++) {
		snprintf(key, sizeof key, "k%d", i);
		defer(b, 1, key, "v");
	}
	op = row(1, "more", "v");
	assert_int_equal(sfsi_backend_defer(b, &op, 1), SFS_ERR_IO);
	((struct journal *)b)->fail = 0;
	assert_int_equal(sfsi_backend_defer(b, &op, 1), 0);
	is(b, 1, "k0", "old");
	sfsi_backend_close(b);
}

static void a_backend_of_one_partition_in_a_batch_defers_nothing(void **state)
{
	(void)state;
	struct sfsi_backend *b = open_journal(&narrow_ops);
	defer(b, 1, "a", "1");
	put(b, 2, "b", "2");
	written(b, "1a=1\n2b=2\n");
	sfsi_backend_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_get_sees_what_waits),
		cmocka_unit_test(a_write_takes_what_waits_along),
		cmocka_unit_test(scans_syncs_copies_and_closes_write_first),
		cmocka_unit_test(what_could_not_be_written_goes_on_waiting),
		cmocka_unit_test(much_is_written_at_once),
		cmocka_unit_test(a_backend_of_one_partition_in_a_batch_defers_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
