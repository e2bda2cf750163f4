/*
 * Bytes that wait for removal, and the records that say so: they go, also when their class went before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <storefs/raw.h>
#include "store_private.h"

static char folder[64], path[96];

static int setup(void **state)
{
	(void)state;
	struct sfs_store_config config = { .path = path };
	strcpy(folder, "/tmp/storefs-reaped-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/store", folder);
	return sfs_store_init(&config, NULL);
}

static int teardown(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static struct sfs_store *open_store(void)
{
	struct sfs_store_config config = { .path = path };
	struct sfs_store *store;
	assert_int_equal(sfs_store_open(&config, &store, NULL), 0);
	return store;
}

static struct sfs_class_info make_class(struct sfs_store *store, const char *name)
{
	struct sfs_class_make make = { .name = sfs_span_str(name), .kind = SFS_CLASS_RAW };
	struct sfs_class_info info;
	assert_int_equal(sfs_class_create(store, &make, &info, NULL), 0);
	return info;
}

static uint64_t make_file(struct sfs_store *store, uint64_t dir)
{
	struct sfs_raw_make make = { .type = SFS_NODE_FILE };
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_make(store, dir, sfs_span_str("f"), &make, &attr), 0);
	return attr.ino;
}

static int count(void *arg, struct sfs_span key, struct sfs_span val)
{
	(void)key, (void)val;
	++*(size_t *)arg;
	return 0;
}

/** Records of removals in the partition of a class. */
static size_t removals(struct sfs_store *store, uint32_t class_id)
{
	struct sfsi_scan scan = { .partition = class_id, .prefix = sfs_span_str("Z") };
	size_t found = 0;
	assert_int_equal(sfsi_backend_scan(store->backend, &scan, count, &found), 0);
	return found;
}

static void they_go_with_any_commit_when_their_class_is_gone(void **state)
{
	(void)state;
	struct sfs_store *store = open_store();
	struct sfs_class_info info = make_class(store, "Image");
	struct sfs_raw_file *file;
	uint64_t ino = make_file(store, info.attr.ino);
	assert_int_equal(sfs_raw_open(store, ino, false, &file), 0);
	assert_int_equal(sfs_raw_unlink(store, info.attr.ino, sfs_span_str("f")), 0);
	assert_int_equal(sfs_class_remove(store, sfs_span_str("Image")), 0);
	assert_int_equal(removals(store, info.id), 1);
	sfs_raw_close(file);
	char name[16];
	for (int i = 0; i < 1000 && removals(store, info.id); i++) {
		assert_int_equal(sfs_store_sync(store), 0);
		snprintf(name, sizeof name, "C%d", i);
		make_class(store, name);
	}
	assert_int_equal(removals(store, info.id), 0);
	assert_int_equal(sfs_store_close(store), 0);
}

static void a_class_that_leaves_nothing_is_not_noted(void **state)
{
	(void)state;
	struct sfs_store *store = open_store();
	make_class(store, "Image");
	assert_int_equal(sfs_class_remove(store, sfs_span_str("Image")), 0);
	assert_int_equal(removals(store, 0), 0);
	assert_int_equal(sfs_store_close(store), 0);
}

static void an_open_sweeps_what_is_left_of_classes_that_are_gone(void **state)
{
	(void)state;
	struct sfs_store *store = open_store();
	struct sfs_class_info info = make_class(store, "Image");
	make_file(store, info.attr.ino);
	assert_int_equal(sfs_raw_unlink(store, info.attr.ino, sfs_span_str("f")), 0);
	assert_int_equal(sfs_class_remove(store, sfs_span_str("Image")), 0);
	/* The catalogue knows, so that an open need not look at all classes that ever were. */
	assert_int_equal(removals(store, 0), 1);
	assert_int_equal(sfs_store_close(store), 0);
	store = open_store();
	assert_int_equal(removals(store, info.id), 0);
	assert_int_equal(removals(store, 0), 0);
	uint64_t commit = atomic_load(&store->commit);
	assert_int_equal(sfs_store_close(store), 0);
	/* The commit of the sweep is counted for good. */
	store = open_store();
	assert_int_equal(atomic_load(&store->commit), commit);
	assert_int_equal(sfs_store_close(store), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(they_go_with_any_commit_when_their_class_is_gone),
		CASE(a_class_that_leaves_nothing_is_not_noted),
		CASE(an_open_sweeps_what_is_left_of_classes_that_are_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
