/* Making and opening stores: every way it can go wrong is said clearly and changes nothing. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <storefs/raw.h>

static char folder[64], path[96];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/storefs-store-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/store", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static int init(struct sfs_diag *diag)
{
	struct sfs_store_config config = { .path = path };
	return sfs_store_init(&config, diag);
}

static int open_store(struct sfs_store **ret, unsigned flags, struct sfs_diag *diag)
{
	struct sfs_store_config config = { .path = path, .flags = flags, .owner_note = "a test" };
	return sfs_store_open(&config, ret, diag);
}

static void put_file(const char *name, const char *text)
{
	char file[128];
	snprintf(file, sizeof file, "%s/%s", path, name);
	FILE *out = fopen(file, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void init_makes_a_store_once(void **state)
{
	(void)state;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(init(&diag), 0);
	assert_int_equal(init(&diag), SFS_ERR_EXISTS);
	assert_non_null(strstr(diag.text, "is a store already"));
	struct sfs_store *store;
	assert_int_equal(open_store(&store, 0, &diag), 0);
	assert_int_equal(sfs_store_close(store), 0);
}

static void init_refuses_what_it_can_not_use(void **state)
{
	(void)state;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(mkdir(path, 0755), 0);
	put_file("x", "x");
	assert_int_equal(init(&diag), SFS_ERR_EXISTS);
	assert_non_null(strstr(diag.text, "not empty"));
	strcat(path, "/none/deeper");
	assert_int_equal(init(&diag), SFS_ERR_NOT_FOUND);
	snprintf(path, sizeof path, "%s/store/x", folder);
	assert_int_equal(init(&diag), SFS_ERR_NOT_DIR);
	struct sfs_store_config config = { .path = path, .backend = "nosuch" };
	assert_int_equal(sfs_store_init(&config, &diag), SFS_ERR_INVALID);
}

static void open_says_what_is_wrong(void **state)
{
	(void)state;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store;
	assert_int_equal(open_store(&store, 0, &diag), SFS_ERR_NOT_FOUND);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(open_store(&store, 0, &diag), SFS_ERR_NOT_STORE);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(init(NULL), 0);
	put_file("storefs.json",
		 "{\"format\": 99, \"uuid\": \"00000000-0000-4000-8000-000000000000\", "
		 "\"backend\": \"kv\"}");
	assert_int_equal(open_store(&store, 0, &diag), SFS_ERR_VERSION);
	assert_non_null(strstr(diag.text, "format 99"));
	put_file("storefs.json", "{\"format\": 1,\n nonsense");
	assert_int_equal(open_store(&store, 0, &diag), SFS_ERR_CORRUPT);
	assert_non_null(strstr(diag.text, "line 2"));
	put_file("storefs.json", "{\"format\": 1}");
	assert_int_equal(open_store(&store, 0, &diag), SFS_ERR_CORRUPT);
}

static void a_store_has_one_owner_who_is_named(void **state)
{
	(void)state;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store, *second;
	struct sfs_store_owner owner;
	assert_int_equal(init(NULL), 0);
	assert_int_equal(sfs_store_owner(path, &owner, NULL), 0);
	assert_int_equal(owner.pid, 0);
	assert_int_equal(open_store(&store, 0, NULL), 0);
	assert_int_equal(open_store(&second, 0, &diag), SFS_ERR_BUSY);
	char pid[32];
	snprintf(pid, sizeof pid, "process %d", getpid());
	assert_non_null(strstr(diag.text, pid));
	assert_non_null(strstr(diag.text, "a test"));
	assert_int_equal(open_store(&second, SFS_STORE_READ_ONLY, &diag), SFS_ERR_BUSY);
	assert_int_equal(sfs_store_owner(path, &owner, NULL), 0);
	assert_int_equal(owner.pid, getpid());
	assert_string_equal(owner.note, "a test");
	assert_int_equal(sfs_store_close(store), 0);
	assert_int_equal(sfs_store_owner(path, &owner, NULL), 0);
	assert_int_equal(owner.pid, 0);
}

static void a_read_only_store_takes_no_writes(void **state)
{
	(void)state;
	struct sfs_store *store, *second;
	struct sfs_class_make make = { .name = sfs_span_str("A"), .kind = SFS_CLASS_OBJECT };
	struct sfs_class_info info;
	assert_int_equal(init(NULL), 0);
	assert_int_equal(open_store(&store, 0, NULL), 0);
	assert_int_equal(sfs_class_create(store, &make, &info, NULL), 0);
	struct sfs_put put = { .class_id = info.id,
			       .oid = sfs_span_str("1"),
			       .text = sfs_span_str("{}") };
	assert_int_equal(sfs_object_put(store, &put, NULL, NULL), 0);
	assert_int_equal(sfs_store_close(store), 0);

	assert_int_equal(open_store(&store, SFS_STORE_READ_ONLY, NULL), 0);
	assert_int_equal(open_store(&second, SFS_STORE_READ_ONLY, NULL), 0);
	assert_int_equal(sfs_class_find(store, sfs_span_str("A"), &info), 0);
	assert_int_equal(info.objects, 1);
	assert_int_equal(sfs_object_put(store, &put, NULL, NULL), SFS_ERR_READ_ONLY);
	assert_int_equal(sfs_object_remove(store, info.id, put.oid, 0), SFS_ERR_READ_ONLY);
	assert_int_equal(sfs_class_remove(store, sfs_span_str("A")), SFS_ERR_READ_ONLY);
	assert_int_equal(sfs_store_sync(store), 0);
	struct sfs_store_owner owner;
	assert_int_equal(sfs_store_owner(path, &owner, NULL), 0);
	assert_int_equal(owner.pid, -1);
	assert_int_equal(sfs_store_close(store), 0);
	assert_int_equal(sfs_store_close(second), 0);
	/* A copy need not have the lock file. */
	char lock[128];
	snprintf(lock, sizeof lock, "%s/lock", path);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(open_store(&store, SFS_STORE_READ_ONLY, NULL), 0);
	assert_int_equal(sfs_store_close(store), 0);
}

static void lost_engine_files_are_noticed(void **state)
{
	(void)state;
	struct sfs_store *store;
	struct sfs_diag diag = SFS_DIAG_INIT;
	char command[512];
	assert_int_equal(init(NULL), 0);
	snprintf(command, sizeof command, "cp -a '%s/db/db' '%s/old'", path, folder);
	assert_int_equal(system(command), 0);
	assert_int_equal(open_store(&store, 0, NULL), 0);
	struct sfs_class_make make = { .name = sfs_span_str("A"), .kind = SFS_CLASS_OBJECT };
	assert_int_equal(sfs_class_create(store, &make, NULL, NULL), 0);
	assert_int_equal(sfs_store_close(store), 0);
	/* An older copy of the engine's files under a newer note. */
	snprintf(command, sizeof command, "rm -rf '%s/db/db' && mv '%s/old' '%s/db/db'", path,
		 folder, path);
	assert_int_equal(system(command), 0);
	assert_int_equal(open_store(&store, 0, &diag), SFS_ERR_CORRUPT);
	assert_true(strlen(diag.text) > 20);
}

static void a_memory_store_leaves_nothing(void **state)
{
	(void)state;
	struct sfs_store *store;
	struct sfs_store_config config = { .path = "memory:" };
	struct sfs_class_make make = { .name = sfs_span_str("I"), .kind = SFS_CLASS_RAW };
	struct sfs_raw_make file = { .type = SFS_NODE_FILE };
	struct sfs_class_info info;
	assert_int_equal(sfs_store_open(&config, &store, NULL), 0);
	assert_int_equal(sfs_class_create(store, &make, &info, NULL), 0);
	assert_int_equal(sfs_raw_make(store, info.attr.ino, sfs_span_str("f"), &file, NULL), 0);
	assert_string_equal(sfs_store_path(store), "memory:");
	assert_int_equal(sfs_store_close(store), 0);
	assert_int_equal(sfs_store_open(&config, &store, NULL), 0);
	assert_int_equal(sfs_class_find(store, make.name, &info), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_store_close(store), 0);
	assert_int_equal(sfs_store_close(NULL), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(init_makes_a_store_once),           CASE(init_refuses_what_it_can_not_use),
		CASE(open_says_what_is_wrong),           CASE(a_store_has_one_owner_who_is_named),
		CASE(a_read_only_store_takes_no_writes), CASE(lost_engine_files_are_noticed),
		CASE(a_memory_store_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
