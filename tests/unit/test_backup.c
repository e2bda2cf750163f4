/*
 * What a backup is verified by when most of it is shared with one that was verified before: whatever is not right makes it one that
 * does not count, or is found by reading everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <storefs/object.h>
#include <storefs/raw.h>
#include <storefs/settings.h>
#include "backup/backup.h"
#include "folder.h"
#include "store_private.h"

#define OBJECTS 3000

struct world {
	char folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX + 8], backups[FOLDER_PATH_MAX + 16];
	struct sfs_store *store;
	uint32_t things;
	struct sfs_backup backup; /* the last one */
	struct sfs_diag diag;
};

static void put(struct world *w, unsigned number, unsigned version)
{
	char oid[16], text[200];
	struct sfs_attr attr;
	snprintf(oid, sizeof oid, "o%05u", number);
	snprintf(text, sizeof text, "{\"n\":%u,\"version\":%u,\"some\":\"%08x%08x\"}", number,
		 version, number * 2654435761u, number * 40503u + version);
	const struct sfs_put one = {
		.class_id = w->things,
		.oid = sfs_span_str(oid),
		.text = sfs_span_str(text),
	};
	assert_int_equal(sfs_object_put(w->store, &one, &attr, NULL), 0);
}

static void put_raw(struct world *w, uint32_t class_id, const char *name)
{
	const struct sfs_raw_make make = { .type = SFS_NODE_FILE, .mode = 0644 };
	struct sfs_raw_file *file;
	struct sfs_attr attr;
	size_t len;
	assert_int_equal(
		sfs_raw_make(w->store, sfs_ino_make(class_id, 1), sfs_span_str(name), &make, &attr),
		0);
	assert_int_equal(sfs_raw_open(w->store, attr.ino, true, &file), 0);
	assert_int_equal(sfs_raw_write(file, 0, name, strlen(name), &len), 0);
	sfs_raw_close(file);
}

static int take(struct world *w)
{
	const struct sfs_backup_config config = { .folder = w->backups };
	return sfs_backup_take(w->store, &config, &w->backup, &w->diag);
}

static uint32_t make_class(struct world *w, const char *name, enum sfs_class_kind kind)
{
	const struct sfs_class_make make = { .name = sfs_span_str(name),
					     .kind = kind,
					     .mode = 0755 };
	struct sfs_class_info info;
	assert_int_equal(sfs_class_create(w->store, &make, &info, NULL), 0);
	return info.id;
}

/** A store with one backup. */
static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	folder_make(w->folder);
	snprintf(w->path, sizeof w->path, "%s/store", w->folder);
	snprintf(w->backups, sizeof w->backups, "%s/backups", w->folder);
	const struct sfs_store_config config = { .path = w->path };
	assert_int_equal(sfs_store_init(&config, NULL), 0);
	assert_int_equal(sfs_store_open(&config, &w->store, NULL), 0);
	w->things = make_class(w, "Thing", SFS_CLASS_OBJECT);
	uint32_t images = make_class(w, "Image", SFS_CLASS_RAW);
	for (unsigned i = 0; i < OBJECTS; i++)
		put(w, i, 0);
	put_raw(w, images, "one");
	put_raw(w, images, "two");
	assert_int_equal(take(w), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	assert_int_equal(sfs_store_close(w->store), 0);
	folder_remove(w->folder);
	free(w);
	return 0;
}

static void change_some(struct world *w)
{
	for (unsigned i = 0; i < OBJECTS; i += 50)
		put(w, i, 1);
	put(w, OBJECTS, 0);
}

/* --- looking at a backup again, as when it was taken --- */

enum { NONE, ALL };

/** @fresh  which of its files count as new. Returns what is said; *ret_sure only then. */
static int look(struct world *w, int fresh, const struct sfs_backup *wanted, bool *ret_sure)
{
	const struct sfs_backup_config none = { .folder = NULL };
	struct sfsi_copying copying;
	struct sfs_buf bits = SFS_BUF_INIT;
	char path[2 * FOLDER_PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", w->backups, w->backup.name);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	sfsi_copying_init(&copying, &none, -1);
	for (uint64_t i = 0; fresh == NONE && i < w->backup.files; i++)
		assert_int_equal(sfs_buf_append(&bits, "", 1), 0);
	const struct sfsi_backup_fresh how = {
		.copying = &copying,
		.dir_fd = fd,
		.path = path,
		.backup = wanted ? wanted : &w->backup,
		.fresh = &bits,
		.diag = &w->diag,
	};
	bool sure = false;
	int err = sfsi_backup_check_fresh(&how, &sure);
	if (!err && ret_sure)
		*ret_sure = sure;
	sfs_buf_fini(&bits);
	close(fd);
	return err;
}

/** The largest table of the last backup. */
static void find_table(const struct world *w, char ret[2 * FOLDER_PATH_MAX])
{
	char folder[2 * FOLDER_PATH_MAX - 300];
	off_t most = 0;
	snprintf(folder, sizeof folder, "%s/%s/db/db", w->backups, w->backup.name);
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		struct stat stat;
		assert_int_equal(fstatat(dirfd(dir), entry->d_name, &stat, 0), 0);
		if (!strstr(entry->d_name, ".sst") || stat.st_size <= most)
			continue;
		most = stat.st_size;
		snprintf(ret, (size_t)2 * FOLDER_PATH_MAX, "%s/%s", folder, entry->d_name);
	}
	closedir(dir);
	assert_true(most > 0);
}

enum { SHOW, HIDE };

/** One bit in the middle. @hidden  as a disk does it: nobody wrote to the file. */
static void flip(const char *path, int hidden)
{
	struct stat stat;
	uint8_t byte;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &stat), 0);
	off_t at = stat.st_size / 2;
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	const struct timespec times[2] = { stat.st_atim, stat.st_mtim };
	const struct timespec now[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
	assert_int_equal(futimens(fd, hidden == HIDE ? times : now), 0);
	close(fd);
}

static int verify(struct world *w)
{
	const struct sfs_backup_config config = { .folder = w->backups };
	return sfs_backup_verify(&config, w->backup.name, &w->diag);
}

/* --- */

static void test_what_was_read_is_not_read_again(void **state)
{
	struct world *w = *state;
	const struct sfs_backup first = w->backup;
	bool sure = false;
	assert_true(first.valid);
	assert_true(first.read_ns > 0);
	change_some(w);
	assert_int_equal(take(w), 0);
	assert_true(w->backup.valid);
	assert_int_equal(w->backup.objects, first.objects + 1);
	assert_true(w->backup.new_files < w->backup.files);
	assert_int_equal(w->backup.read_ns, first.read_ns);
	/* What is shared is enough to be sure, and so is reading it all against the engine's sums. */
	assert_int_equal(look(w, NONE, NULL, &sure), 0);
	assert_true(sure);
	sure = false;
	assert_int_equal(look(w, ALL, NULL, &sure), 0);
	assert_true(sure);
	assert_int_equal(verify(w), 0);
}

static void test_all_is_read_when_it_is_time(void **state)
{
	struct world *w = *state;
	const struct sfs_backup first = w->backup;
	struct sfs_settings settings;
	assert_int_equal(sfs_settings_get(w->store, &settings, NULL), 0);
	settings.backup_read_s = 0;
	assert_int_equal(sfs_settings_set(w->store, &settings, NULL), 0);
	assert_int_equal(take(w), 0);
	assert_true(w->backup.read_ns > first.read_ns);
}

static void test_a_new_table_that_is_damaged(void **state)
{
	struct world *w = *state;
	char path[2 * FOLDER_PATH_MAX];
	find_table(w, path);
	flip(path, HIDE);
	assert_int_equal(look(w, ALL, NULL, NULL), SFS_ERR_CORRUPT);
	assert_non_null(strstr(w->diag.text, strrchr(path, '/') + 1));
}

/** The copy is what the store has, and the store is damaged: only the engine's sum says so. */
static void test_a_table_that_was_damaged_before(void **state)
{
	struct world *w = *state;
	char path[2 * FOLDER_PATH_MAX], own[3 * FOLDER_PATH_MAX];
	find_table(w, path);
	snprintf(own, sizeof own, "%s/db/db/%s", w->path, strrchr(path, '/') + 1);
	flip(own, SHOW);
	assert_int_equal(take(w), SFS_ERR_CORRUPT);
	assert_false(w->backup.valid);
	assert_non_null(strstr(w->diag.text, strrchr(path, '/') + 1));
}

static void test_a_shared_table_that_is_damaged(void **state)
{
	struct world *w = *state;
	char path[2 * FOLDER_PATH_MAX];
	find_table(w, path);
	flip(path, HIDE);
	assert_int_equal(take(w), 0);
	assert_int_equal(look(w, NONE, NULL, NULL), 0);
	assert_int_equal(verify(w), SFS_ERR_CORRUPT);
	assert_non_null(strstr(w->diag.text, strrchr(path, '/') + 1));
	/* It is not handed on from then on. */
	assert_int_equal(take(w), 0);
	assert_true(w->backup.valid);
	assert_int_equal(verify(w), 0);
}

static void test_a_shared_table_that_was_written_to(void **state)
{
	struct world *w = *state;
	char path[2 * FOLDER_PATH_MAX];
	find_table(w, path);
	flip(path, SHOW);
	assert_int_equal(look(w, NONE, NULL, NULL), SFS_ERR_CORRUPT);
	assert_non_null(strstr(w->diag.text, strrchr(path, '/') + 1));
	assert_int_equal(take(w), 0);
	assert_true(w->backup.valid);
	assert_int_equal(verify(w), 0);
}

static void test_a_table_that_is_missing(void **state)
{
	struct world *w = *state;
	char path[2 * FOLDER_PATH_MAX];
	find_table(w, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(look(w, NONE, NULL, NULL), SFS_ERR_CORRUPT);
}

static void test_counts_that_are_wrong(void **state)
{
	struct world *w = *state;
	struct sfs_backup wanted = w->backup;
	wanted.objects++;
	assert_int_equal(look(w, NONE, &wanted, NULL), SFS_ERR_CORRUPT);
	wanted = w->backup;
	wanted.raws--;
	assert_int_equal(look(w, NONE, &wanted, NULL), SFS_ERR_CORRUPT);
	wanted = w->backup;
	wanted.commit--;
	assert_int_equal(look(w, NONE, &wanted, NULL), SFS_ERR_CORRUPT);
}

static int count_file(void *arg, const struct sfsi_backend_file *file)
{
	(void)file;
	++*(unsigned *)arg;
	return 0;
}

/** Any bytes: a list, or an error. */
static void test_a_list_of_tables_that_is_damaged(void **state)
{
	struct world *w = *state;
	char folder[2 * FOLDER_PATH_MAX], name[64] = "";
	struct sfsi_backend *b;
	unsigned count = 0;
	snprintf(folder, sizeof folder, "%s/%s/db", w->backups, w->backup.name);
	const struct sfsi_backend_config config = { .path = folder, .read_only = true };
	assert_int_equal(sfsi_backend_open(&sfsi_backend_kv, &config, &b, NULL), 0);
	assert_int_equal(sfsi_backend_files(b, count_file, &count), 0);
	assert_true(count > 0);
	strcat(folder, "/db");
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		if (strncmp(entry->d_name, "MANIFEST-", 9) == 0)
			snprintf(name, sizeof name, "%.60s", entry->d_name);
	int fd = openat(dirfd(dir), name, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	off_t size = lseek(fd, 0, SEEK_END);
	for (off_t at = 0; at < size; at++) {
		uint8_t byte, other;
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		other = (uint8_t)(at % 3 ? byte ^ 0xff : byte + 1);
		assert_int_equal(pwrite(fd, &other, 1, at), 1);
		(void)!sfsi_backend_files(b, count_file, &count);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	for (off_t len = size; len > 0; len -= 5) {
		assert_int_equal(ftruncate(fd, len), 0);
		(void)!sfsi_backend_files(b, count_file, &count);
	}
	close(fd);
	closedir(dir);
	sfsi_backend_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_was_read_is_not_read_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_all_is_read_when_it_is_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_new_table_that_is_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_table_that_was_damaged_before, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_shared_table_that_is_damaged, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_shared_table_that_was_written_to, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_table_that_is_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts_that_are_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_list_of_tables_that_is_damaged, setup,
						teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
