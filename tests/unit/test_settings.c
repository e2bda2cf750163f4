/* Settings of a store: values as a person writes them, ranges, and the file that keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <storefs/settings.h>

static char path[64], file[96];

static int setup(void **state)
{
	struct sfs_store_config config = { .path = path };
	(void)state;
	strcpy(path, "/tmp/storefs-settings-XXXXXX");
	assert_non_null(mkdtemp(path));
	snprintf(file, sizeof file, "%s/settings", path);
	return sfs_store_init(&config, NULL);
}

static int teardown(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", path);
	return system(command);
}

static struct sfs_store *open_store(unsigned flags)
{
	struct sfs_store_config config = { .path = path, .flags = flags };
	struct sfs_store *store = NULL;
	assert_int_equal(sfs_store_open(&config, &store, NULL), 0);
	return store;
}

static const struct sfs_setting *find(const char *name)
{
	const struct sfs_setting *setting = sfs_setting_find(sfs_span_str(name));
	assert_non_null(setting);
	return setting;
}

static void put_file(const char *text)
{
	FILE *out = fopen(file, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void intervals_are_written_as_people_do(void **state)
{
	static const struct {
		const char *text, *shown;
		uint64_t seconds;
	} good[] = { { "90", "90s", 90 },     { "90s", "90s", 90 },     { "15m", "15m", 900 },
		     { "60m", "1h", 3600 },   { "36h", "36h", 129600 }, { "7d", "7d", 604800 },
		     { "2w", "14d", 1209600 } };
	static const char *const bad[] = { "",
					   "d",
					   "-1d",
					   "1y",
					   "1dd",
					   "1 d",
					   "1.5d",
					   "59s",
					   "0",
					   "99999999999999999999",
					   "99999999999999d" };
	struct sfs_settings settings = { .history_for_s = 1 };
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct sfs_buf text = SFS_BUF_INIT;
		assert_int_equal(sfs_setting_parse(&settings, find("history_for"),
						   sfs_span_str(good[i].text), NULL),
				 0);
		assert_int_equal(settings.history_for_s, good[i].seconds);
		assert_int_equal(sfs_setting_text(&settings, find("history_for"), &text), 0);
		assert_true(sfs_span_equal(sfs_buf_span(&text), sfs_span_str(good[i].shown)));
		sfs_buf_fini(&text);
	}
	settings.history_for_s = 61;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sfs_diag diag = SFS_DIAG_INIT;
		assert_int_equal(sfs_setting_parse(&settings, find("history_for"),
						   sfs_span_str(bad[i]), &diag),
				 SFS_ERR_INVALID);
		assert_non_null(strstr(diag.text, "history_for"));
		assert_int_equal(settings.history_for_s, 61);
	}
}

static void a_value_out_of_range_is_refused_with_the_range(void **state)
{
	struct sfs_settings settings;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store = open_store(0);
	(void)state;
	assert_int_equal(sfs_settings_get(store, &settings, NULL), 0);
	assert_int_equal(settings.history, 10);
	assert_int_equal(settings.history_for_s, 604800);
	settings.history = 101;
	assert_int_equal(sfs_settings_set(store, &settings, &diag), SFS_ERR_INVALID);
	assert_non_null(strstr(diag.text, "history: expected 0 to 100, got 101"));
	assert_int_equal(sfs_settings_get(store, &settings, NULL), 0);
	assert_int_equal(settings.history, 10);
	assert_int_equal(sfs_store_close(store), 0);
}

static void settings_are_kept_with_the_store(void **state)
{
	struct sfs_settings settings;
	struct sfs_store *store = open_store(0);
	(void)state;
	assert_int_equal(sfs_settings_get(store, &settings, NULL), 0);
	settings.history = 3;
	assert_int_equal(sfs_settings_set(store, &settings, NULL), 0);
	assert_int_equal(sfs_store_close(store), 0);
	store = open_store(SFS_STORE_READ_ONLY);
	settings.history = 0;
	assert_int_equal(sfs_settings_set(store, &settings, NULL), SFS_ERR_READ_ONLY);
	assert_int_equal(sfs_settings_get(store, &settings, NULL), 0);
	assert_int_equal(settings.history, 3);
	assert_int_equal(sfs_store_close(store), 0);
}

static void a_file_of_another_version_has_members_that_are_passed_over(void **state)
{
	struct sfs_settings settings;
	(void)state;
	put_file("{\"later\": \"x\", \"history\": 4, \"more\": [1]}");
	struct sfs_store *store = open_store(0);
	assert_int_equal(sfs_settings_get(store, &settings, NULL), 0);
	assert_int_equal(settings.history, 4);
	assert_int_equal(settings.history_for_s, 604800);
	assert_int_equal(sfs_store_close(store), 0);
}

static void a_file_that_can_not_be_read_is_said_and_does_no_harm(void **state)
{
	static const char *const bad[] = { "",
					   "{",
					   "[]",
					   "{\"history\": 101}",
					   "{\"history\": -1}",
					   "{\"history\": \"3\"}",
					   "{\"history_for\": 1}" };
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sfs_settings settings;
		struct sfs_diag diag = SFS_DIAG_INIT;
		put_file(bad[i]);
		struct sfs_store *store = open_store(0);
		assert_int_equal(sfs_settings_get(store, &settings, &diag), SFS_ERR_CORRUPT);
		assert_non_null(strstr(diag.text, file));
		assert_int_equal(settings.history, 10);
		assert_int_equal(sfs_settings_set(store, &settings, NULL), 0);
		assert_int_equal(sfs_settings_get(store, &settings, NULL), 0);
		assert_int_equal(sfs_store_close(store), 0);
	}
}

static void a_memory_store_has_settings(void **state)
{
	struct sfs_store_config config = { .path = "memory:" };
	struct sfs_settings settings;
	struct sfs_store *store = NULL;
	(void)state;
	assert_int_equal(sfs_store_open(&config, &store, NULL), 0);
	assert_int_equal(sfs_settings_get(store, &settings, NULL), 0);
	settings.history = 1;
	assert_int_equal(sfs_settings_set(store, &settings, NULL), 0);
	assert_int_equal(sfs_settings_get(store, &settings, NULL), 0);
	assert_int_equal(settings.history, 1);
	assert_int_equal(sfs_store_close(store), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(intervals_are_written_as_people_do, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_value_out_of_range_is_refused_with_the_range,
						setup, teardown),
		cmocka_unit_test_setup_teardown(settings_are_kept_with_the_store, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_of_another_version_has_members_that_are_passed_over, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_file_that_can_not_be_read_is_said_and_does_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(a_memory_store_has_settings, setup, teardown),
	};
	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
