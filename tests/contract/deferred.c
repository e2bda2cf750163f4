/*
 * The contract of files that need not survive a kill before their first flush: nobody but a kill can tell
 * them from others.
 */
#include <pthread.h>
#include <stdatomic.h>
#include "case.h"
#include "contract.h"
#include <storefs/check.h>

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })
#define THREADS 3
#define ROUNDS 40

static struct sfs_attr make(struct case_store *c, struct sfs_span name)
{
	struct sfs_raw_make how = { .type = SFS_NODE_FILE, .mode = 0640, .flushed_later = true };
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_make(c->store, c->scratch, name, &how, &attr), 0);
	return attr;
}

static void it_is_seen_at_once(void **state)
{
	struct case_store *c = *state;
	struct sfs_store_stat stat;
	struct sfs_attr made = make(c, SPAN("tmp")), attr;
	assert_int_equal(sfs_raw_find(c->store, c->scratch, SPAN("tmp"), &attr), 0);
	assert_true(attr.ino == made.ino);
	assert_int_equal(attr.mode, 0640);
	assert_int_equal(sfs_raw_stat(c->store, made.ino, &attr), 0);
	assert_int_equal(sfs_store_stat(c->store, &stat), 0);
	assert_int_equal(stat.scratch, 1);
	assert_string_equal(case_names(c, c->scratch), "tmp");
	struct sfs_raw_make how = { .type = SFS_NODE_FILE, .flushed_later = true };
	assert_int_equal(sfs_raw_make(c->store, c->scratch, SPAN("tmp"), &how, &attr),
			 SFS_ERR_EXISTS);
	assert_int_equal(sfs_raw_unlink(c->store, c->scratch, SPAN("tmp")), 0);
	assert_string_equal(case_names(c, c->scratch), "");
	make(c, SPAN("tmp"));
	assert_int_equal(
		sfs_raw_rename(c->store, c->scratch, SPAN("tmp"), c->scratch, SPAN("tmp2"), 0), 0);
	assert_string_equal(case_names(c, c->scratch), "tmp2");
}

static void a_close_of_the_store_keeps_it(void **state)
{
	struct case_store *c = *state;
	make(c, SPAN("one"));
	make(c, SPAN("two"));
	case_reopen(c);
	assert_string_equal(case_names(c, c->scratch), "one two");
	make(c, SPAN("three"));
	assert_int_equal(sfs_store_sync(c->store), 0);
	case_reopen(c);
	assert_string_equal(case_names(c, c->scratch), "one three two");
}

static int print_problem(void *arg, const struct sfs_check_problem *problem)
{
	(void)arg;
	print_error("%s\n", problem->text);
	return 0;
}

static void it_has_no_metadata_until_it_is_given_some(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf value = SFS_BUF_INIT;
	uint64_t ino = make(c, SPAN("tmp")).ino;
	assert_int_equal(sfs_raw_meta_get(c->store, ino, SPAN("user.a"), &value),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_meta_set(c->store, ino, SPAN("user.a"), SPAN("1"), 0, NULL), 0);
	assert_int_equal(sfs_raw_meta_get(c->store, ino, SPAN("user.a"), &value), 0);
	sfs_buf_fini(&value);
	/* With it goes what it was given: a check finds nothing that belongs to nobody. */
	assert_int_equal(sfs_raw_unlink(c->store, c->scratch, SPAN("tmp")), 0);
	assert_int_equal(sfs_raw_meta_get(c->store, ino, SPAN("user.a"), &value),
			 SFS_ERR_NOT_FOUND);
	struct sfs_check check = { .problem = print_problem };
	struct sfs_check_result result;
	assert_int_equal(sfs_store_check(c->store, &check, &result, NULL), 0);
	assert_int_equal(result.problems, 0);
	sfs_buf_fini(&value);
}

struct worker {
	struct case_store *c;
	pthread_t thread;
	int number;
	int failed;
};

static atomic_bool stop;

/** As a program saves: a temporary file, and a rename. */
static int save(struct worker *worker, int round)
{
	struct sfs_store *store = worker->c->store;
	struct sfs_raw_make how = { .type = SFS_NODE_FILE, .mode = 0644, .flushed_later = true };
	char name[32], oid[32], text[64];
	struct sfs_raw_file *file;
	struct sfs_attr attr;
	size_t done;
	snprintf(name, sizeof name, "tmp%d", worker->number);
	snprintf(oid, sizeof oid, "%d", worker->number);
	int len = snprintf(text, sizeof text, "{\"round\": %d}", round);
	int err = sfs_raw_make(store, worker->c->scratch, sfs_span_str(name), &how, &attr);
	if (!err)
		err = sfs_raw_open(store, attr.ino, true, &file);
	if (err)
		return err;
	err = sfs_raw_write(file, 0, text, (size_t)len, &done);
	if (!err)
		err = sfs_raw_flush(file);
	sfs_raw_close(file);
	struct sfs_put put = {
		.class_id = worker->c->articles,
		.oid = sfs_span_str(oid),
		.format = SFS_FORMAT_JSON,
		.flags = SFS_PUT_KEEP_TEXT,
	};
	return err ? err
		   : sfs_object_put_raw(store, &put, worker->c->scratch, sfs_span_str(name), &attr,
					NULL);
}

static void *save_all(void *arg)
{
	struct worker *worker = arg;
	for (int round = 0; round < ROUNDS && !worker->failed; round++)
		worker->failed = save(worker, round);
	return NULL;
}

static int see(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
	       uint64_t cookie)
{
	(void)arg, (void)name, (void)ino, (void)type, (void)cookie;
	return 0;
}

static void *look(void *arg)
{
	struct worker *worker = arg;
	struct sfs_attr attr;
	while (!atomic_load(&stop) && !worker->failed) {
		worker->failed = sfs_raw_list(worker->c->store, worker->c->scratch, 0, 0, see,
					      NULL);
		int err = sfs_raw_find(worker->c->store, worker->c->scratch, SPAN("tmp1"), &attr);
		if (err && err != SFS_ERR_NOT_FOUND)
			worker->failed = err;
	}
	return NULL;
}

static void many_save_while_one_looks(void **state)
{
	struct case_store *c = *state;
	struct worker workers[THREADS + 1];
	char expected[32], oid[16];
	atomic_store(&stop, false);
	for (int i = 0; i <= THREADS; i++) {
		workers[i] = (struct worker){ .c = c, .number = i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL,
						i < THREADS ? save_all : look, &workers[i]),
				 0);
	}
	for (int i = 0; i <= THREADS; i++) {
		atomic_store(&stop, i == THREADS);
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].failed, 0);
	}
	case_reopen(c);
	snprintf(expected, sizeof expected, "{\"round\": %d}", ROUNDS - 1);
	for (int i = 0; i < THREADS; i++) {
		snprintf(oid, sizeof oid, "%d", i);
		const char *found = case_get(c, oid, SFS_FORMAT_JSON);
		assert_true(found || !case_durable());
		if (found && case_durable())
			assert_string_equal(found, expected);
	}
	assert_string_equal(case_names(c, c->scratch), "");
}

int contract_deferred(const char *backend)
{
	case_backend = backend;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_seen_at_once, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_close_of_the_store_keeps_it, case_setup,
						case_teardown),
		cmocka_unit_test_setup_teardown(it_has_no_metadata_until_it_is_given_some,
						case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(many_save_while_one_looks, case_setup,
						case_teardown),
	};
	return cmocka_run_group_tests_name("deferred", tests, NULL, NULL);
}
