/*
 * The wrapper around backends: what it checks before a backend is called, and the
 * memory backend when there is no memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "backend/backend.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

/* A backend that only counts: nothing optional, one partition in a batch. */
struct counter {
	struct sfsi_backend base;
	int writes;
};

static int counter_open(struct sfsi_backend *b, const struct sfsi_backend_config *cfg,
			struct sfs_diag *diag)
{
	(void)b;
	return cfg->path ? 0 : sfs_diag_set(diag, SFS_ERR_PERMISSION, "no path");
}

static void counter_close(struct sfsi_backend *b)
{
	(void)b;
}

static int counter_get(struct sfsi_backend *b, uint32_t partition, struct sfs_span key,
		       struct sfs_buf *ret)
{
	(void)b;
	(void)partition;
	return sfs_buf_append(ret, key.data, key.len);
}

static int counter_scan(struct sfsi_backend *b, const struct sfsi_scan *scan, sfsi_scan_fn *fn,
			void *arg)
{
	(void)b;
	return fn(arg, scan->prefix, scan->after) ? SFS_ERR_CANCELLED : 0;
}

static int counter_write(struct sfsi_backend *b, const struct sfsi_op *ops, size_t count)
{
	(void)ops;
	(void)count;
	((struct counter *)b)->writes++;
	return 0;
}

static const struct sfsi_backend_ops counter_ops = {
	.name = "counter",
	.size = sizeof(struct counter),
	.open = counter_open,
	.close = counter_close,
	.get = counter_get,
	.scan = counter_scan,
	.write = counter_write,
};

static const struct sfsi_backend_ops reader_ops = {
	.name = "reader",
	.size = sizeof(struct counter),
	.open = counter_open,
	.close = counter_close,
	.get = counter_get,
	.scan = counter_scan,
};

static struct sfsi_backend *must_open(const struct sfsi_backend_ops *ops)
{
	const struct sfsi_backend_config cfg = { .path = "/" };
	struct sfsi_backend *b;
	assert_int_equal(sfsi_backend_open(ops, &cfg, &b, NULL), 0);
	return b;
}

static void backends_are_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(sfsi_backend_find("memory"), &sfsi_backend_memory);
	assert_ptr_equal(sfsi_backend_find("kv"), &sfsi_backend_kv);
	assert_null(sfsi_backend_find("none"));
	assert_null(sfsi_backend_find(""));
}

static void a_failed_open_gives_nothing_but_its_reason(void **state)
{
	(void)state;
	const struct sfsi_backend_config cfg = { .path = NULL };
	struct sfsi_backend *b = NULL;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfsi_backend_open(&counter_ops, &cfg, &b, &diag), SFS_ERR_PERMISSION);
	assert_null(b);
	assert_int_equal(diag.err, SFS_ERR_PERMISSION);
	sfsi_backend_close(NULL);
}

static void a_batch_over_partitions_needs_a_backend_that_can(void **state)
{
	(void)state;
	struct sfsi_backend *b = must_open(&counter_ops);
	const struct sfs_span key = { "k", 1 };
	const struct sfsi_op ops[] = { { 1, key, key, false },
				       { 1, key, key, true },
				       { 2, key, key, false } };
	assert_int_equal(sfsi_backend_write(b, ops, 2), 0);
	assert_int_equal(sfsi_backend_write(b, ops, 3), SFS_ERR_UNSUPPORTED);
	assert_int_equal(sfsi_backend_write(b, ops + 2, 1), 0);
	assert_int_equal(((struct counter *)b)->writes, 2);
	sfsi_backend_close(b);
}

static void what_is_optional_may_be_missing(void **state)
{
	(void)state;
	struct sfsi_backend *b = must_open(&counter_ops);
	struct sfs_buf note = SFS_BUF_INIT;
	struct sfsi_backend_stat stat = { 1, 1 };
	assert_int_equal(sfsi_backend_sync(b), 0);
	assert_int_equal(sfsi_backend_stat(b, &stat), 0);
	assert_int_equal(stat.bytes, 0);
	assert_int_equal(sfsi_backend_mark(b, (struct sfs_span){ "n", 1 }), 0);
	assert_int_equal(sfsi_backend_marked(b, &note), SFS_ERR_NOT_FOUND);
	sfsi_backend_close(b);
}

static void a_backend_without_write_is_read_only(void **state)
{
	(void)state;
	struct sfsi_backend *b = must_open(&reader_ops);
	const struct sfsi_op op = { 1, { "k", 1 }, { "v", 1 }, false };
	assert_true(b->read_only);
	assert_int_equal(sfsi_backend_write(b, &op, 1), SFS_ERR_READ_ONLY);
	sfsi_backend_close(b);
}

static void lengths_are_checked_without_overflow(void **state)
{
	(void)state;
	struct sfsi_backend *b = must_open(&counter_ops);
	const struct sfsi_op ops[] = {
		{ 1, { "k", SIZE_MAX }, { "v", 1 }, false },
		{ 1, { "k", 1 }, { "v", SIZE_MAX }, false },
		{ 1, { "k", SFSI_KEY_MAX }, { "v", SFSI_VALUE_MAX }, false },
		{ 1, { "k", 1 }, { "v", SIZE_MAX }, true },
	};
	assert_int_equal(sfsi_backend_write(b, &ops[0], 1), SFS_ERR_LIMIT);
	assert_int_equal(sfsi_backend_write(b, &ops[1], 1), SFS_ERR_LIMIT);
	assert_int_equal(sfsi_backend_write(b, &ops[2], 1), 0);
	assert_int_equal(sfsi_backend_write(b, &ops[3], 1), 0);
	assert_int_equal(b->count.writes, 2);
	sfsi_backend_close(b);
}

static int count_one(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)key;
	(void)val;
	++*(size_t *)arg;
	return 0;
}

/* In a child whose memory is nearly used up: the middle one of three values can not be kept. */
static int child_without_memory(void)
{
	struct sfsi_backend *b = must_open(&sfsi_backend_memory);
	size_t len = (size_t)150 << 20, keys = 0;
	const void *large = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct sfs_span a = { "a", 1 }, k = { "b", 1 }, c = { "c", 1 };
	const struct sfsi_op old = { 1, a, a, false };
	if (large == MAP_FAILED || sfsi_backend_write(b, &old, 1) < 0)
		return 1;
	const struct rlimit limit = { len + len / 2, len + len / 2 };
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		return 2;
	const struct sfsi_op ops[] = { { 1, a, c, false },
				       { 1, k, { large, len }, false },
				       { 1, c, c, false } };
	if (sfsi_backend_write(b, ops, 3) != SFS_ERR_NO_MEMORY)
		return 3;
	const struct sfsi_scan scan = { .partition = 1 };
	struct sfs_buf got = SFS_BUF_INIT;
	if (sfsi_backend_scan(b, &scan, count_one, &keys) < 0 || keys != 1 ||
	    sfsi_backend_get(b, 1, a, &got) < 0 || !sfs_span_equal(sfs_buf_span(&got), a))
		return 4;
	return sfsi_backend_write(b, ops, 1) < 0 ? 5 : 0;
}

static void without_memory_nothing_of_a_batch_is_kept(void **state)
{
	(void)state;
#ifdef SANITIZED
	print_message("skipped: a sanitizer needs more address space than the limit leaves\n");
	skip();
#endif
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child_without_memory());
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backends_are_found_by_name),
		cmocka_unit_test(a_failed_open_gives_nothing_but_its_reason),
		cmocka_unit_test(a_batch_over_partitions_needs_a_backend_that_can),
		cmocka_unit_test(what_is_optional_may_be_missing),
		cmocka_unit_test(a_backend_without_write_is_read_only),
		cmocka_unit_test(lengths_are_checked_without_overflow),
		cmocka_unit_test(without_memory_nothing_of_a_batch_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
