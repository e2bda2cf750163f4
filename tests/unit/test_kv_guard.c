/*
 * The guard of the kv backend's log: RocksDB never switches the log by itself (a power
 * cut could then lose older changes and keep newer ones), and deletes do not make
 * scans slow for long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include "backend/kv.h"
#include "folder.h"

struct guarded {
	struct sfsi_backend *b;
	char folder[FOLDER_PATH_MAX];
	uint64_t memtable; /* bytes of the active memtable after the last write */
	size_t unflushed;  /* what the guard thought of it */
	unsigned rolls;    /* switches by the guard */
	unsigned others;   /* switches that were not */
};

static int setup(void **state)
{
	struct guarded *g = calloc(1, sizeof *g);
	assert_non_null(g);
	folder_make(g->folder);
	const struct sfsi_backend_config cfg = { .path = g->folder, .create = true };
	assert_int_equal(sfsi_backend_open(&sfsi_backend_kv, &cfg, &g->b, NULL), 0);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct guarded *g = *state;
	sfsi_backend_close(g->b);
	folder_remove(g->folder);
	free(g);
	return 0;
}

/* A memtable that became smaller was switched; the guard starts to count again when it did it. */
static void guarded_write(struct guarded *g, const struct sfsi_op *ops, size_t count)
{
	assert_int_equal(sfsi_backend_write(g->b, ops, count), 0);
	const struct kv *kv = (const struct kv *)g->b;
	uint64_t memtable;
	assert_int_equal(
		rocksdb_property_int(kv->db, "rocksdb.cur-size-active-mem-table", &memtable), 0);
	bool rolled = kv->unflushed < g->unflushed;
	g->rolls += rolled;
	g->others += memtable < g->memtable && !rolled;
	g->memtable = memtable;
	g->unflushed = kv->unflushed;
}

/* The least bytes for the most memory: an entry of a memtable is mostly overhead. */
static void tiny_changes_never_fill_a_memtable(void **state)
{
	struct guarded *g = *state;
	for (uint32_t i = 0; i < 200000; i++) {
		const struct sfsi_op ops[] = { { 1, { &i, 4 }, { NULL, 0 }, false },
					       { 2, { &i, 4 }, { NULL, 0 }, i % 64 == 0 } };
		guarded_write(g, ops, 2);
		assert_true(g->memtable < SFSI_KV_WRITE_BUFFER);
	}
	assert_true(g->rolls >= 2);
	assert_int_equal(g->others, 0);
}

static void documents_never_fill_a_memtable(void **state)
{
	struct guarded *g = *state;
	static char value[300000];
	for (uint32_t i = 0; i < 3000; i++) {
		size_t len = i * 7919 % 40000;
		if (i % 100 == 99)
			len = sizeof value;
		const struct sfsi_op op = { 1, { &i, 4 }, { value, len }, false };
		guarded_write(g, &op, 1);
		assert_true(g->memtable < SFSI_KV_WRITE_BUFFER);
	}
	assert_true(g->rolls >= 3);
	assert_int_equal(g->others, 0);
}

/* Larger than a memtable may be: it is written out before the next change. */
static void huge_changes_are_written_out_at_once(void **state)
{
	struct guarded *g = *state;
	size_t len = (size_t)40 << 20;
	char *value = malloc(len);
	assert_non_null(value);
	memset(value, 'v', len);
	for (uint32_t i = 0; i < 2; i++) {
		const struct sfsi_op huge = { 1, { &i, 4 }, { value, len - i }, false };
		const struct sfsi_op small = { 2, { &i, 4 }, { value, 100 }, false };
		guarded_write(g, &huge, 1);
		assert_true(g->memtable < SFSI_KV_WRITE_BUFFER);
		guarded_write(g, &small, 1);
	}
	assert_int_equal(g->others, 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct sfs_buf got = SFS_BUF_INIT;
		assert_int_equal(sfsi_backend_get(g->b, 1, (struct sfs_span){ &i, 4 }, &got), 0);
		assert_int_equal(got.len, len - i);
		sfs_buf_fini(&got);
	}
	free(value);
}

/* Entries and deletes in table files. */
static void tables_count(const struct guarded *g, uint64_t *ret_entries, uint64_t *ret_deletes)
{
	const rocksdb_livefiles_t *files = rocksdb_livefiles(((const struct kv *)g->b)->db);
	*ret_entries = *ret_deletes = 0;
	for (int i = 0; i < rocksdb_livefiles_count(files); i++) {
		*ret_entries += rocksdb_livefiles_entries(files, i);
		*ret_deletes += rocksdb_livefiles_deletions(files, i);
	}
	rocksdb_livefiles_destroy(files);
}

static void number_write(struct guarded *g, uint32_t number, bool remove)
{
	static char value[200];
	const uint32_t key = htobe32(number);
	const struct sfsi_op op = { 1, { &key, 4 }, { value, sizeof value }, remove };
	guarded_write(g, &op, 1);
}

/* Too few files for RocksDB to compact them on its own account. */
static void many_deletes_are_compacted_away(void **state)
{
	struct guarded *g = *state;
	for (uint32_t i = 0; i < 50000; i++)
		number_write(g, i, false);
	assert_int_equal(sfsi_kv_settle((struct kv *)g->b), 0);
	g->memtable = 0;
	for (uint32_t i = 0; i < 45000; i++)
		number_write(g, i, true);
	assert_int_equal(g->others, 0);
	/* At most the last 20,000 are still in the memtable. */
	uint64_t entries = UINT64_MAX, deletes = UINT64_MAX;
	for (int i = 0; i < 600 && (deletes > 0 || entries > 30000); i++) {
		poll(NULL, 0, 50);
		tables_count(g, &entries, &deletes);
	}
	assert_int_equal(deletes, 0);
	assert_true(entries <= 30000);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(tiny_changes_never_fill_a_memtable),
		CASE(documents_never_fill_a_memtable),
		CASE(huge_changes_are_written_out_at_once),
		CASE(many_deletes_are_compacted_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
