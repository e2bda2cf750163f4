/*
 * The contract of checking: a store with everything in it is clean, writers are no problem, and no
 * bytes whatever make a check crash or loop. check_damage.c has what it finds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include "backend/fault.h"
#include "check_case.h"

/* --- the rest --- */

static void a_store_with_everything_is_clean(void **state)
{
	struct case_store *c = *state;
	struct report report;
	assert_string_equal(check_run(c), "");
	check_fill(c);
	assert_string_equal(check_run_flags(c, 0, &report), "");
	assert_int_equal(report.result.classes, 2);
	assert_int_equal(report.result.objects, 50);
	assert_int_equal(report.result.files, 2 + 4);
	assert_int_equal(report.result.expected, 56);
	assert_true(report.result.bytes > 5000);
	assert_string_equal(check_run_flags(c, SFS_CHECK_QUICK, &report), "");
	case_reopen(c);
	assert_string_equal(check_run(c), "");
}

static void an_open_file_without_name_is_clean(void **state)
{
	struct case_store *c = *state;
	struct sfs_raw_file *file;
	uint64_t ino = case_make(c, c->root, "a", SFS_NODE_FILE).ino;
	assert_int_equal(sfs_raw_open(c->store, ino, true, &file), 0);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("a")), 0);
	assert_string_equal(check_run(c), "");
	assert_int_equal(sfs_class_remove(c->store, SPAN("Image")), 0);
	assert_string_equal(check_run(c), "");
	sfs_raw_close(file);
	assert_string_equal(check_run(c), "");
}

static void a_quick_check_does_not_read_documents(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* a class keeps its name */
	struct report report;
	check_fill(c);
	check_damage(c, "a kept text of something else");
	assert_string_equal(check_run_flags(c, SFS_CHECK_QUICK, &report), "");
	assert_string_equal(check_run_flags(c, 0, &report), "text");
	assert_non_null(strstr(report.last, "Renamed 7  the kept text"));
}

static void a_finding_says_where(void **state)
{
	struct case_store *c = *state;
	struct report report;
	check_fill(c);
	check_damage(c, "a name of nothing");
	assert_string_equal(check_run_flags(c, 0, &report), "inode-missing");
	assert_non_null(strstr(report.last, "Image  extra a name leads to no inode"));
	assert_int_equal(report.result.problems, 1);
	assert_int_equal(report.result.notes, 0);
	struct sfs_check check = {
		.problem = check_collect, .arg = &report, .classes = &c->articles, .class_count = 1
	};
	assert_int_equal(sfs_store_check(c->store, &check, &report.result, NULL), 0);
	assert_int_equal(report.result.problems, 0);
	assert_int_equal(report.result.classes, 1);
	uint32_t none = 77;
	check.classes = &none;
	assert_int_equal(sfs_store_check(c->store, &check, &report.result, NULL),
			 SFS_ERR_NOT_FOUND);
	assert_false(report.result.complete);
}

static int stop_problem(void *arg, const struct sfs_check_problem *problem)
{
	(void)arg, (void)problem;
	return 1;
}

static int stop_progress(void *arg, const struct sfs_check_result *so_far)
{
	(void)arg, (void)so_far;
	return 1;
}

static void a_callback_stops_it(void **state)
{
	struct case_store *c = *state;
	struct sfs_check_result result;
	check_fill(c);
	check_damage(c, "a byte of a record");
	struct sfs_check check = { .problem = stop_problem };
	assert_int_equal(sfs_store_check(c->store, &check, &result, NULL), SFS_ERR_CANCELLED);
	assert_int_equal(result.problems, 1);
	check = (struct sfs_check){ .problem = stop_problem, .progress = stop_progress };
	assert_int_equal(sfs_store_check(c->store, &check, &result, NULL), SFS_ERR_CANCELLED);
	assert_false(result.complete);
}

static void many_pages_and_many_problems_are_all_reported(void **state)
{
	struct case_store *c = *state;
	struct report report;
	char oid[32];
	for (int i = 0; i < 5000; i++) {
		snprintf(oid, sizeof oid, "%d", i);
		struct sfsi_key key;
		struct sfsi_object object = { .serial = 10 + (uint64_t)i };
		uint8_t bytes[SFSI_ENTRY_SIZE];
		size_t len = sfsi_entry_encode(&object, bytes);
		check_entry_key(c, SFSI_DIR_OBJECTS, oid, &key);
		check_put_row(c, c->articles, &key, (struct sfs_span){ bytes, len });
	}
	check_run_flags(c, 0, &report);
	assert_int_equal(report.result.problems, 5000);
}

/** Check with the nth call, and those after it, failing; false: there was no such call. */
static bool run_failing(struct case_store *c, const struct sfsi_fault *fault, struct report *report)
{
	struct sfs_check check = { .problem = check_collect, .arg = report };
	memset(report, 0, sizeof *report);
	sfsi_backend_fault_set(c->store->backend, fault);
	int err = sfs_store_check(c->store, &check, &report->result, NULL);
	bool came = sfsi_backend_fault_failed(c->store->backend) > 0;
	sfsi_backend_fault_set(c->store->backend, &(struct sfsi_fault){ .nth = 0 });
	assert_int_equal(err, came && fault->err == SFS_ERR_IO ? SFS_ERR_IO : 0);
	if (came && fault->call == SFSI_FAULT_SCAN)
		assert_false(report->result.complete);
	for (size_t i = 0; i < report->count; i++)
		assert_string_equal(report->kinds[i], "unreadable");
	return came;
}

static void what_can_not_be_read_is_said_and_nothing_else(void **state)
{
	struct case_store *c = *state;
	struct report report;
	check_fill(c);
	/* Then the syncer sleeps, and does not look at the backend. */
	assert_int_equal(sfs_store_sync(c->store), 0);
	assert_int_equal(sfsi_backend_fault_wrap(c->store->backend, &c->store->backend), 0);
	for (uint64_t times = 0; times < 2; times++) {
		struct sfsi_fault fault = { SFSI_FAULT_SCAN, 1, times, SFS_ERR_CORRUPT, false };
		while (run_failing(c, &fault, &report))
			fault.nth++;
		assert_true(fault.nth > 3);
		fault = (struct sfsi_fault){ SFSI_FAULT_GET, 1, times, SFS_ERR_CORRUPT, false };
		while (run_failing(c, &fault, &report))
			fault.nth++;
		assert_true(fault.nth > 3);
	}
	struct sfsi_fault fault = { SFSI_FAULT_SCAN, 2, 1, SFS_ERR_IO, false };
	assert_true(run_failing(c, &fault, &report));
	assert_string_equal(check_run(c), "");
}

/* --- writers --- */

struct writer {
	struct case_store *c;
	unsigned seed;
	atomic_bool *stop;
};

static void change_objects(struct writer *w, unsigned n)
{
	char oid[16], other[16], text[64];
	snprintf(oid, sizeof oid, "w%u", n % 40);
	snprintf(other, sizeof other, "w%u", n % 37);
	snprintf(text, sizeof text, "{ \"n\":%u}", n);
	(void)!case_put(w->c, oid, text, n % 3 ? SFS_PUT_KEEP_TEXT : 0);
	if (n % 5 == 0)
		(void)!sfs_object_remove(w->c->store, w->c->articles, sfs_span_str(other), 0);
	if (n % 7 == 0)
		(void)!sfs_object_rename(w->c->store, w->c->articles, sfs_span_str(oid),
					 sfs_span_str(other), 0, NULL);
}

static void change_raws(struct writer *w, unsigned n)
{
	struct sfs_store *store = w->c->store;
	struct sfs_raw_make file = { .type = SFS_NODE_FILE, .mode = 0644 };
	struct sfs_raw_make dir = { .type = SFS_NODE_DIR, .mode = 0755 };
	struct sfs_attr attr;
	char name[16], other[16];
	snprintf(name, sizeof name, "f%u", n % 11);
	snprintf(other, sizeof other, "d%u", n % 7);
	uint64_t root = w->c->root;
	if (sfs_raw_make(store, root, sfs_span_str(name), &file, &attr) == 0)
		(void)!sfs_raw_meta_set(store, attr.ino, SPAN("k"), SPAN("v"), 0, NULL);
	(void)!sfs_raw_make(store, root, sfs_span_str(other), &dir, NULL);
	if (sfs_raw_find(store, root, sfs_span_str(other), &attr) == 0) {
		(void)!sfs_raw_rename(store, root, sfs_span_str(name), attr.ino, SPAN("in"), 0);
		(void)!sfs_raw_rename(store, root, SPAN("d0"), attr.ino, SPAN("sub"), 0);
	}
	if (n % 3 == 0 && sfs_raw_find(store, root, sfs_span_str(name), &attr) == 0)
		(void)!sfs_raw_link(store, attr.ino, root, SPAN("hard"), NULL);
	if (n % 4 == 0)
		(void)!sfs_raw_unlink(store, root, SPAN("hard"));
	(void)!sfs_raw_unlink(store, root, sfs_span_str(name));
	if (sfs_raw_find(store, root, sfs_span_str(other), &attr) == 0 && n % 5 == 0) {
		(void)!sfs_raw_rmdir(store, attr.ino, SPAN("sub"));
		(void)!sfs_raw_unlink(store, attr.ino, SPAN("in"));
		(void)!sfs_raw_rmdir(store, root, sfs_span_str(other));
	}
}

static void change_classes(struct writer *w, unsigned n)
{
	struct sfs_class_make make = { .name = SPAN("Temp"), .kind = SFS_CLASS_RAW };
	struct sfs_raw_make file = { .type = SFS_NODE_FILE, .mode = 0644 };
	struct sfs_class_info info;
	if (n % 16)
		return;
	if (sfs_class_create(w->c->store, &make, &info, NULL) == 0) {
		uint64_t root = sfs_ino_make(info.id, 1);
		(void)!sfs_raw_make(w->c->store, root, SPAN("x"), &file, NULL);
		(void)!sfs_raw_unlink(w->c->store, root, SPAN("x"));
	}
	(void)!sfs_class_rename(w->c->store, SPAN("Temp"), SPAN("Temp2"));
	(void)!sfs_class_remove(w->c->store, SPAN("Temp2"));
}

static void *write_on(void *arg)
{
	struct writer *w = arg;
	for (unsigned n = w->seed; !atomic_load(w->stop); n++) {
		change_objects(w, n);
		change_raws(w, n);
		change_classes(w, n);
	}
	return NULL;
}

static void writers_are_no_problem(void **state)
{
	struct case_store *c = *state;
	struct report report;
	atomic_bool stop = false;
	pthread_t threads[2];
	struct writer writers[2] = { { c, 0, &stop }, { c, 1000, &stop } };
	check_fill(c);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_on, &writers[i]), 0);
	uint64_t problems = 0;
	char text[512] = "";
	for (int i = 0; i < 40 && !problems; i++) {
		check_run_flags(c, 0, &report);
		problems = report.result.problems + report.result.notes;
		snprintf(text, sizeof text, "%.200s %.300s", report.text, report.last);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	if (problems)
		fail_msg("%s", text);
	assert_string_equal(check_run(c), "");
}

/* --- bytes of all kinds --- */

static uint64_t random_state = 88172645463325252u;

static unsigned next_random(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 33) % below);
}

/** All rows of a partition, to choose from. */
struct rows {
	struct sfsi_key keys[512];
	struct sfs_buf vals[512];
	size_t count;
};

static int add_row(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct rows *rows = arg;
	struct sfsi_key *to = &rows->keys[rows->count];
	if (key.len > sizeof to->data)
		return 0;
	memcpy(to->data, key.data, key.len);
	to->len = key.len;
	rows->vals[rows->count] = (struct sfs_buf)SFS_BUF_INIT;
	assert_int_equal(sfs_buf_append(&rows->vals[rows->count], val.data, val.len), 0);
	return ++rows->count == 512;
}

static void random_bytes(uint8_t *bytes, size_t len)
{
	static const uint8_t special[] = { 0, 1, 2, 3, 0x7f, 0x80, 0xff, 0xfe, 0x20 };
	for (unsigned i = 0; i < 1 + next_random(4) && len; i++)
		bytes[next_random((unsigned)len)] = next_random(2)
							    ? special[next_random(sizeof special)]
							    : (uint8_t)next_random(256);
}

static void damage_row(struct case_store *c, uint32_t partition, struct rows *rows)
{
	size_t i = next_random((unsigned)rows->count);
	struct sfsi_key key = rows->keys[i];
	struct sfs_buf *val = &rows->vals[i];
	size_t len = val->len;
	switch (next_random(5)) {
	case 0: check_drop_row(c, partition, &key); return;
	case 1: random_bytes(key.data, key.len); break;
	case 2: key.len = 1 + next_random((unsigned)key.len); break;
	case 3: len = next_random((unsigned)len + 1); break;
	default: random_bytes(val->data, val->len); break;
	}
	check_put_row(c, partition, &key, (struct sfs_span){ len ? val->data : "", len });
}

static void any_bytes_are_reported_or_harmless(void **state)
{
	(void)state;
	struct rows *rows = calloc(1, sizeof *rows);
	assert_non_null(rows);
	size_t found = 0, rounds = case_durable() ? 10 : 40;
	for (size_t round = 0; round < rounds; round++) {
		void *own;
		assert_int_equal(case_setup(&own), 0);
		struct case_store *c = own;
		check_fill(c);
		for (int i = 0; i < 30; i++) {
			uint32_t partition = next_random(3);
			struct sfsi_scan scan = { .partition = partition };
			int err = sfsi_backend_scan(c->store->backend, &scan, add_row, rows);
			assert_true(err == 0 || err == SFS_ERR_CANCELLED);
			for (unsigned n = 0; rows->count && n < 1 + next_random(4); n++)
				damage_row(c, partition, rows);
			for (size_t n = 0; n < rows->count; n++)
				sfs_buf_fini(&rows->vals[n]);
			rows->count = 0;
			found += strlen(check_run(c)) > 0;
		}
		(void)!case_teardown(&own);
	}
	free(rows);
	assert_true(found > rounds * 25);
}

int contract_check(const char *backend)
{
	case_backend = backend;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_store_with_everything_is_clean, case_setup,
						case_teardown),
		cmocka_unit_test_setup_teardown(an_open_file_without_name_is_clean, case_setup,
						case_teardown),
		cmocka_unit_test_setup_teardown(a_quick_check_does_not_read_documents, case_setup,
						case_teardown),
		cmocka_unit_test_setup_teardown(a_finding_says_where, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_callback_stops_it, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(many_pages_and_many_problems_are_all_reported,
						case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(what_can_not_be_read_is_said_and_nothing_else,
						case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(writers_are_no_problem, case_setup, case_teardown),
		cmocka_unit_test(any_bytes_are_reported_or_harmless),
	};
	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
