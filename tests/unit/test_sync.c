/*
 * Syncing: what an fsync has promised is known to be on disk soon after, so that its loss is noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <storefs/object.h>
#include "folder.h"
#include "marked.h"

struct synced {
	char folder[FOLDER_PATH_MAX];
	struct sfs_store *store;
	uint32_t things;
};

static int setup(void **state)
{
	static struct synced synced;
	const struct sfs_class_make make = { .name = sfs_span_str("Thing"),
					     .kind = SFS_CLASS_OBJECT };
	struct sfs_class_info info;
	char path[FOLDER_PATH_MAX];
	folder_make(synced.folder);
	folder_join(path, synced.folder, "store");
	const struct sfs_store_config config = { .path = path, .sync_ms = 200 };
	assert_int_equal(sfs_store_init(&config, NULL), 0);
	assert_int_equal(sfs_store_open(&config, &synced.store, NULL), 0);
	assert_int_equal(sfs_class_create(synced.store, &make, &info, NULL), 0);
	synced.things = info.id;
	*state = &synced;
	return 0;
}

static int teardown(void **state)
{
	struct synced *synced = *state;
	int err = sfs_store_close(synced->store);
	folder_remove(synced->folder);
	return err;
}

static void put_and_sync(struct synced *synced, int number)
{
	char text[64];
	snprintf(text, sizeof text, "{\"title\":\"synced %d\"}", number);
	const struct sfs_put put = { .class_id = synced->things,
				     .oid = sfs_span_str("synced"),
				     .text = sfs_span_str(text) };
	assert_int_equal(sfs_object_put(synced->store, &put, NULL, NULL), 0);
	assert_int_equal(sfs_store_sync(synced->store), 0);
}

static void what_was_synced_is_marked_if_nothing_else_is_saved(void **state)
{
	struct synced *synced = *state;
	put_and_sync(synced, 0);
	wait_for_mark(synced->store);
}

static void what_was_synced_is_marked_if_the_next_sync_always_comes_before_it_is_time(void **state)
{
	struct synced *synced = *state;
	wait_for_mark(synced->store);
	uint64_t before = atomic_load(&synced->store->commit);
	for (int i = 0; i < 3000 && marked_now(synced->store) <= before; i++) {
		put_and_sync(synced, i);
		usleep(2000);
	}
	assert_true(marked_now(synced->store) > before);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_was_synced_is_marked_if_nothing_else_is_saved),
		CASE(what_was_synced_is_marked_if_the_next_sync_always_comes_before_it_is_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
