/* Files and backups of databases: atomic, numbered, rotated; damaged files are recovered and set aside. */
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
#include "base/cleanup.h"
#include "database/load.h"
#include "folder.h"

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })

static char folder[FOLDER_PATH_MAX];

static int make_folder(void **state)
{
	folder_make(folder);
	*state = (void *)(intptr_t)open(folder, O_RDONLY | O_DIRECTORY);
	return 0;
}

static int remove_folder(void **state)
{
	close((int)(intptr_t)*state);
	folder_remove(folder);
	return 0;
}

static int root_of(void **state)
{
	return (int)(intptr_t)*state;
}

static void put_file(int dir, const char *name, struct sfs_span bytes)
{
	SFSI_AUTO_FD int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.data, bytes.len), bytes.len);
}

static void assert_file(int dir, const char *name, struct sfs_span wanted)
{
	struct sfsi_snapshot snapshot;
	assert_int_equal(sfsi_snapshot_read(dir, name, -1, &snapshot), 0);
	assert_true(sfs_span_equal(snapshot.bytes, wanted));
	sfsi_snapshot_fini(&snapshot);
}

static void write_file(int dir, const char *name, struct sfs_span bytes)
{
	struct sfsi_file_writer writer;
	struct sfsi_snapshot like = { .mode = 0 };
	struct sfsi_file_stamp stamp, now;
	if (sfsi_snapshot_read(dir, name, -1, &like) < 0)
		like = (struct sfsi_snapshot){ .mode = 0 };
	assert_int_equal(sfsi_file_begin(dir, name, like.bytes, &writer), 0);
	assert_int_equal(sfsi_file_put(&writer, bytes), 0);
	assert_int_equal(sfsi_file_is_same(&writer), sfs_span_equal(like.bytes, bytes));
	assert_int_equal(sfsi_file_commit(&writer, name, &like, &stamp), 0);
	assert_int_equal(sfsi_file_stamp_read(dir, name, &now), 0);
	assert_int_equal(now.inode, stamp.inode);
	sfsi_snapshot_fini(&like);
}

static void a_file_is_replaced_as_a_whole_and_keeps_its_mode(void **state)
{
	int dir = root_of(state);
	struct stat stat;
	put_file(dir, "a.mpack", SPAN("\x80"));
	assert_int_equal(fchmodat(dir, "a.mpack", 0640, 0), 0);
	write_file(dir, "a.mpack", SPAN("\x81\xa1k\x01"));
	assert_file(dir, "a.mpack", SPAN("\x81\xa1k\x01"));
	assert_int_equal(fstatat(dir, "a.mpack", &stat, 0), 0);
	assert_int_equal(stat.st_mode & 07777, 0640);
}

static void what_is_left_of_a_crash_is_removed(void **state)
{
	int dir = root_of(state);
	struct sfsi_file_writer writer;
	struct stat stat;
	assert_int_equal(sfsi_file_begin(dir, "a.mpack", SPAN(""), &writer), 0);
	close(writer.fd);
	put_file(dir, "a.mpack.tmp", SPAN(""));
	put_file(dir, "b.mpack.tmp", SPAN("\x80"));
	sfsi_file_clean(dir, "a.mpack");
	sfsi_file_clean(dir, "b.mpack");
	assert_int_equal(fstatat(dir, writer.temp, &stat, 0), -1);
	assert_int_equal(fstatat(dir, "a.mpack.tmp", &stat, 0), -1);
	/* The Python program may be writing this one just now. */
	assert_int_equal(fstatat(dir, "b.mpack.tmp", &stat, 0), 0);
}

/* --- backups --- */

static void assert_names(int fd, const char *wanted)
{
	struct sfsi_backups backups;
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfsi_backups_list(fd, &backups), 0);
	for (size_t i = 0; i < backups.count; i++)
		assert_int_equal(sfs_buf_printf(&text, "%s ", backups.items[i].name), 0);
	assert_int_equal(sfs_buf_append(&text, "", 1), 0);
	assert_string_equal(text.data, wanted);
	sfs_buf_fini(&text);
	sfsi_backups_fini(&backups);
}

#define MOMENT_NS INT64_C(1735787045678901234) /* 2025-01-02 03:04:05.678901 */

static void backups_are_moments_and_only_grow(void **state)
{
	int dir = root_of(state);
	SFSI_AUTO_FD int fd = -1;
	assert_int_equal(sfsi_backups_open(dir, "sub/x", false, &fd), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfsi_backups_open(dir, "sub/x", true, &fd), 0);
	put_file(fd, "41", SPAN("\x80"));
	put_file(fd, "0007", SPAN("\x80"));
	put_file(fd, "junk", SPAN("\x80"));
	put_file(fd, "99", SPAN("\x80"));
	assert_names(fd, "99 41 0007 ");
	for (int i = 0; i < 3; i++) {
		put_file(dir, "old", SPAN("\x90"));
		assert_int_equal(sfsi_backups_take(fd, dir, "old", MOMENT_NS, 0), 0);
	}
	assert_names(fd, "20250102030405678903 20250102030405678902 20250102030405678901 99 41 ");
	assert_file(fd, "junk", SPAN("\x80"));
	put_file(dir, "old", SPAN("\x90"));
	assert_int_equal(sfsi_backups_take(fd, dir, "old", MOMENT_NS, 2), 0);
	assert_names(fd, "20250102030405678904 20250102030405678903 ");
}

static void a_number_of_any_size_can_be_the_newest(void **state)
{
	(void)state;
	struct sfsi_backup item = { .name = "99999999999999999999999" };
	struct sfsi_backups backups = { &item, 1, 1 };
	char next[SFSI_BACKUP_NAME_MAX + 1];
	sfsi_backups_next(&backups, MOMENT_NS, next);
	assert_string_equal(next, "100000000000000000000000");
	snprintf(item.name, sizeof item.name, "0041");
	sfsi_backups_next(&backups, 0, next);
	assert_string_equal(next, "19700101000000000000");
}

/* --- loading --- */

struct told {
	char text[1024];
};

static void tell(void *arg, enum sfs_log_level level, const char *message)
{
	struct told *told = arg;
	size_t len = strlen(told->text);
	snprintf(told->text + len, sizeof told->text - len, "%d:%s\n", (int)level, message);
}

static int load(int dir, const char *name, struct told *told, struct sfsi_loaded *ret,
		struct sfs_diag *diag)
{
	struct sfsi_home home;
	assert_int_equal(sfsi_home_open(dir, sfs_span_str(name), &home), 0);
	home.teller = (struct sfsi_teller){ tell, told };
	int err = sfsi_database_load(&home, -1, false, ret, diag);
	sfsi_home_close(&home);
	return err;
}

static void a_damaged_file_is_read_from_the_newest_backup(void **state)
{
	int dir = root_of(state);
	struct sfsi_loaded loaded;
	struct told told = { "" };
	SFSI_AUTO_FD int fd = -1;
	put_file(dir, "x.mpack", SPAN("\x81\xa1"));
	assert_int_equal(sfsi_backups_open(dir, "x", true, &fd), 0);
	put_file(fd, "8", SPAN("\x81\xa1k\x08"));
	put_file(fd, "9", SPAN("\xc1"));
	put_file(fd, "not a number", SPAN("\x80"));
	assert_int_equal(load(dir, "x", &told, &loaded, NULL), 0);
	assert_string_equal(loaded.from, "8");
	assert_string_equal(loaded.why, "cut off at byte 0");
	assert_true(sfs_span_equal(loaded.snapshot.bytes, SPAN("\x81\xa1k\x08")));
	assert_string_equal(told.text, "5:Database 'x' corrupted, reading from backup\n"
				       "3:Reading from backup '9'\n"
				       "4:Failed to read backup\n"
				       "3:Reading from backup '8'\n"
				       "3:Successfully loaded backup '8'\n");
	sfsi_loaded_fini(&loaded);
}

static void without_a_valid_backup_it_can_not_be_loaded(void **state)
{
	int dir = root_of(state);
	struct sfsi_loaded loaded;
	struct told told = { "" };
	struct sfs_diag diag = SFS_DIAG_INIT;
	put_file(dir, "x.mpack", SPAN(""));
	assert_int_equal(load(dir, "x", &told, &loaded, &diag), SFS_ERR_CORRUPT);
	assert_string_equal(diag.text, "Could not load db:x");
	assert_non_null(
		strstr(told.text, "4:Failed to load database, throwing DatabaseLoadError\n"));
}

static void without_a_file_backups_are_not_looked_at(void **state)
{
	int dir = root_of(state);
	struct sfsi_loaded loaded;
	struct told told = { "" };
	SFSI_AUTO_FD int fd = -1;
	assert_int_equal(sfsi_backups_open(dir, "x", true, &fd), 0);
	put_file(fd, "8", SPAN("\x81\xa1k\x08"));
	assert_int_equal(load(dir, "x", &told, &loaded, NULL), 0);
	assert_true(loaded.missing);
	assert_string_equal(told.text, "");
}

static void a_damaged_file_is_set_aside_and_never_lost(void **state)
{
	int dir = root_of(state);
	struct sfsi_home home;
	struct sfsi_file_stamp stamp;
	char aside[SFSI_ASIDE_MAX];
	assert_int_equal(sfsi_home_open(dir, SPAN("x"), &home), 0);
	put_file(dir, "x.mpack", SPAN("\xc1"));
	assert_int_equal(sfsi_database_set_aside(&home, SPAN("\x80"), &stamp, aside), 0);
	assert_string_equal(aside, "x.mpack.corrupt");
	assert_file(dir, "x.mpack", SPAN("\x80"));
	assert_file(dir, "x.mpack.corrupt", SPAN("\xc1"));
	put_file(dir, "x.mpack", SPAN("\xc1\xc1"));
	assert_int_equal(
		sfsi_database_set_aside(&home, (struct sfs_span){ NULL, 0 }, &stamp, aside), 0);
	assert_string_equal(aside, "x.mpack.corrupt.1");
	assert_file(dir, "x.mpack.corrupt", SPAN("\xc1"));
	assert_file(dir, "x.mpack.corrupt.1", SPAN("\xc1\xc1"));
	assert_int_equal(stamp.inode, 0);
	sfsi_home_close(&home);
}

static void names_stay_inside_of_the_folder(void **state)
{
	int dir = root_of(state);
	struct sfsi_home home;
	assert_int_equal(mkdirat(dir, "sub", 0755), 0);
	assert_int_equal(sfsi_home_open(dir, SPAN("../x"), &home), SFS_ERR_NAME);
	assert_int_equal(sfsi_home_open(dir, SPAN("sub/../../x"), &home), SFS_ERR_NAME);
	assert_int_equal(sfsi_home_open(dir, SPAN(""), &home), SFS_ERR_NAME);
	assert_int_equal(sfsi_home_open(dir, SPAN("/x"), &home), SFS_ERR_NAME);
	assert_int_equal(sfsi_home_open(dir, SPAN("none/x"), &home), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfsi_home_open(dir, SPAN("sub/x"), &home), 0);
	assert_string_equal(home.file, "x.mpack");
	sfsi_home_close(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_replaced_as_a_whole_and_keeps_its_mode,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(what_is_left_of_a_crash_is_removed, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(backups_are_moments_and_only_grow, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_number_of_any_size_can_be_the_newest, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_read_from_the_newest_backup,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(without_a_valid_backup_it_can_not_be_loaded,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(without_a_file_backups_are_not_looked_at,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_set_aside_and_never_lost,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(names_stay_inside_of_the_folder, make_folder,
						remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
