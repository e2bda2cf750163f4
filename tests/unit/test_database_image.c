/* Images of databases: what is corrupt, which of repeated keys wins, that what is not changed keeps its bytes. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <storefs/store.h>
#include "base/cleanup.h"
#include "database/file.h"
#include "database/image.h"
#include "database/value.h"
#include "document/document.h"

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })

static int check(struct sfs_span bytes)
{
	struct sfsi_image image;
	return sfsi_image_check(bytes, &image, NULL);
}

static void what_the_python_program_calls_corrupt_is(void **state)
{
	(void)state;
	static const struct sfs_span bad[] = {
		{ "", 0 },             /* empty */
		{ "\x80\x80", 2 },     /* trailing bytes */
		{ "\x81\xa1k", 3 },    /* cut */
		{ "\xc1", 1 },         /* never used */
		{ "\x81\xc0\x01", 3 }, /* key nil */
		{ "\x81\xca\0\0\0\0\x01", 7 },
		{ "\x81\xa2\xff\xfe\x01", 5 },              /* key that is not UTF-8 */
		{ "\x81\xc4\x01\xff\x01", 5 },              /* the same as bytes */
		{ "\x91\x81\x90\x01", 4 },                  /* further inside */
		{ "\xd4\xfe\x01", 3 },                      /* extension type -2 */
		{ "\xd5\xff\x01\x02", 4 },                  /* a time of two bytes */
		{ "\xd7\xff\xff\xff\xff\xff\0\0\0\0", 10 }, /* nanoseconds over 10^9 */
		{ "\xdf\xff\xff\xff\xff", 5 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(check(bad[i]), SFS_ERR_CORRUPT);
	assert_int_equal(check(SPAN("\x80")), 0);
	assert_int_equal(check(SPAN("\xd6\xff\x01\x02\x03\x04")), 0);
	assert_int_equal(check(SPAN("\x81\x01\x02")), 0); /* integer keys are read */
}

static int check_nested(const char *open, size_t open_len, unsigned levels)
{
	struct sfs_buf buf = SFS_BUF_INIT;
	for (unsigned i = 0; i < levels; i++)
		assert_int_equal(sfs_buf_append(&buf, open, open_len), 0);
	assert_int_equal(sfs_buf_append(&buf, "\x01", 1), 0);
	int err = check(sfs_buf_span(&buf));
	sfs_buf_fini(&buf);
	return err;
}

static void depth_has_the_limits_of_the_python_program(void **state)
{
	(void)state;
	assert_int_equal(check_nested("\x91", 1, 491), 0);
	assert_int_equal(check_nested("\x91", 1, 492), SFS_ERR_LIMIT);
	assert_int_equal(check_nested("\x91", 1, 495), SFS_ERR_LIMIT);
	assert_int_equal(check_nested("\x91", 1, 496), SFS_ERR_CORRUPT);
	assert_int_equal(check_nested("\x81\xa1k", 3, 491), 0);
	assert_int_equal(check_nested("\x81\xa1k", 3, 991), SFS_ERR_LIMIT);
	assert_int_equal(check_nested("\x81\xa1k", 3, 992), SFS_ERR_CORRUPT);
}

/* --- values as text --- */

struct listing {
	bool mixed;
	struct sfs_buf text;
};

static int list_item(void *arg, const struct sfsi_item *item)
{
	struct listing *listing = arg;
	struct sfs_buf body = SFS_BUF_INIT;
	assert_int_equal(sfsi_value_body(item->value, listing->mixed, &body), 0);
	assert_int_equal(sfs_buf_printf(&listing->text, "%.*s=", (int)item->name.len,
					(const char *)item->name.data),
			 0);
	assert_int_equal(sfsi_value_json(sfs_buf_span(&body), &listing->text), 0);
	assert_int_equal(sfs_buf_append(&listing->text, ";", 1), 0);
	sfs_buf_fini(&body);
	return 0;
}

static void assert_items(struct sfs_span bytes, const char *wanted)
{
	struct sfsi_image image;
	assert_int_equal(sfsi_image_check(bytes, &image, NULL), 0);
	struct listing listing = { image.mixed, SFS_BUF_INIT };
	assert_int_equal(sfsi_image_each(&image, list_item, &listing), 0);
	assert_int_equal(sfs_buf_append(&listing.text, "", 1), 0);
	assert_string_equal(listing.text.data, wanted);
	sfs_buf_fini(&listing.text);
}

static void of_repeated_keys_the_python_rule_decides(void **state)
{
	(void)state;
	/* The same key twice: the last wins, at the place of the first. */
	assert_items(SPAN("\x83\xa1"
			  "a\x01\xa1"
			  "b\x02\xa1"
			  "a\xc0"),
		     "a=null;b=2;");
	assert_items(SPAN("\x82\xa1"
			  "a\x01\xa1"
			  "a\xa0"),
		     "a=\"\";");
	/* Text and bytes: the later one wins unless it is empty. */
	assert_items(SPAN("\x82\xa1"
			  "a\x01\xc4\x01"
			  "a\xa0"),
		     "a=1;");
	assert_items(SPAN("\x82\xa1"
			  "a\x01\xc4\x01"
			  "a\x00"),
		     "a=0;");
	assert_items(SPAN("\x82\xc4\x01"
			  "a\x01\xa1"
			  "a\x90"),
		     "a=1;");
	assert_items(SPAN("\x83\xc4\x01"
			  "a\x01\xa1"
			  "b\x02\xa1"
			  "a\xc2"),
		     "a=false;b=2;");
	/* In a mixed image text is bytes: the last wins, also when it is empty. */
	assert_items(SPAN("\x83\xa1"
			  "a\x01\xc4\x01"
			  "a\xa0\xa1"
			  "z\xa1\xff"),
		     "a=\"\";z={\"$bin\":\"/w==\"};");
	/* The same inside of values. */
	assert_items(SPAN("\x81\xa1"
			  "m\x83\xa1"
			  "a\x01\xc4\x01"
			  "a\x02\xa1"
			  "b\x03"),
		     "m={\"a\":2,\"b\":3};");
	/* A number is its text. */
	assert_items(SPAN("\x82\x07\x01\xd0\xfb\x02"), "7=1;-5=2;");
}

static void bytes_become_text_but_not_in_models(void **state)
{
	(void)state;
	assert_items(SPAN("\x81\xa1k\xc4\x02hi"), "k=\"hi\";");
	assert_items(SPAN("\x81\xa1k\x81\xa7__Box__\xc4\x02hi"),
		     "k={\"__Box__\":{\"$bin\":\"aGk=\"}};");
	assert_items(SPAN("\x81\xa1k\x82\xa7__Box__\xc4\x02hi\xa1x\x01"),
		     "k={\"__Box__\":\"hi\",\"x\":1};");
}

static void other_roots_have_names_for_their_items(void **state)
{
	(void)state;
	assert_items(SPAN("\x93\x01\xa1x\xc0"), "0=1;1=\"x\";2=null;");
	assert_items(SPAN("\x90"), "");
	assert_items(SPAN("\xc0"), "value=null;");
	assert_items(SPAN("\xa2hi"), "value=\"hi\";");
}

static void a_model_is_a_map_of_one_name(void **state)
{
	(void)state;
	assert_true(sfs_span_equal(sfsi_model_name(SPAN("\x81\xa7__Box__\x01")), SPAN("Box")));
	assert_null(sfsi_model_name(SPAN("\x82\xa7__Box__\x01\xa1x\x01")).data);
	assert_null(sfsi_model_name(SPAN("\x81\xa4____\x01")).data);
	assert_null(sfsi_model_name(SPAN("\x91\x01")).data);
	assert_null(sfsi_model_name(SPAN("\x81\xa3"
					 "Box\x01"))
			    .data);
}

/* --- writing --- */

static void assert_graft(struct sfs_span was, struct sfs_span body, struct sfs_span wanted)
{
	struct sfs_buf out = SFS_BUF_INIT;
	assert_int_equal(sfsi_value_graft(was, false, body, &out), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&out), wanted));
	sfs_buf_fini(&out);
}

static void parts_that_did_not_change_keep_their_bytes(void **state)
{
	(void)state;
	/* float 32, a long integer and bytes that are text, as they were. */
	assert_graft(SPAN("\x93\xca\x3f\x80\0\0\xd3\0\0\0\0\0\0\0\x07\xc4\x01x"),
		     SPAN("\x93\xcb\x3f\xf0\0\0\0\0\0\0\x07\xa1x"),
		     SPAN("\x93\xca\x3f\x80\0\0\xd3\0\0\0\0\0\0\0\x07\xc4\x01x"));
	/* One of them changes. */
	assert_graft(SPAN("\x93\xca\x3f\x80\0\0\xd3\0\0\0\0\0\0\0\x07\xc4\x01x"),
		     SPAN("\x93\xcb\x3f\xf0\0\0\0\0\0\0\x08\xa1x"),
		     SPAN("\x93\xca\x3f\x80\0\0\x08\xc4\x01x"));
	assert_graft(SPAN("\x82\xc4\x01"
			  "a\xd0\x01\xa1"
			  "b\x02"),
		     SPAN("\x83\xa1"
			  "a\x01\xa1"
			  "n\x05\xa1"
			  "b\x03"),
		     SPAN("\x83\xc4\x01"
			  "a\xd0\x01\xa1"
			  "n\x05\xa1"
			  "b\x03"));
	/* Integer keys could not be read back. */
	assert_graft(SPAN("\x81\x01\x02"),
		     SPAN("\x81\xa1"
			  "1\x02"),
		     SPAN("\x81\xa1"
			  "1\x02"));
}

static void what_the_python_program_could_not_read_back_is_refused(void **state)
{
	(void)state;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfsi_value_check(SPAN("\x81\x01\x02"), &diag), SFS_ERR_BAD_DOCUMENT);
	assert_non_null(strstr(diag.text, "expected strings as keys"));
	assert_int_equal(sfsi_value_check(SPAN("\xc7\x14\x4e"
					       "18446744073709551616"),
					  &diag),
			 SFS_ERR_BAD_DOCUMENT);
	assert_non_null(strstr(diag.text, "18446744073709551616"));
	assert_int_equal(sfsi_value_check(SPAN("\xd4\xfe\x01"), NULL), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(sfsi_value_check(SPAN("\xd5\xff\x01\x01"), NULL), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(sfsi_value_check(SPAN("\xd6\xff\x01\x01\x01\x01"), NULL), 0);
	assert_int_equal(sfsi_value_check(SPAN("\xd4\x4e\x01"), NULL), 0);
	assert_int_equal(sfsi_value_check(SPAN("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), NULL), 0);
	assert_int_equal(sfsi_value_check(SPAN("\x92\x81\xa1k\xc0\x80"), NULL), 0);
}

/* --- what the Python program wrote --- */

struct copy {
	struct sfs_buf out;
	bool mixed;
};

static int copy_item(void *arg, const struct sfsi_item *item)
{
	struct copy *copy = arg;
	SFSI_AUTO_BUF struct sfs_buf body = SFS_BUF_INIT;
	assert_int_equal(sfsi_value_body(item->value, copy->mixed, &body), 0);
	assert_int_equal(sfsi_value_check(sfs_buf_span(&body), NULL), 0);
	assert_int_equal(sfs_buf_append(&copy->out, item->key.data, item->key.len), 0);
	return sfsi_value_graft(item->value, copy->mixed, sfs_buf_span(&body), &copy->out);
}

static void copy_is_equal(int dir_fd, const char *name)
{
	struct sfsi_snapshot snapshot;
	struct sfsi_image image;
	struct copy copy = { SFS_BUF_INIT, false };
	assert_int_equal(sfsi_snapshot_read(dir_fd, name, -1, &snapshot), 0);
	assert_int_equal(sfsi_image_check(snapshot.bytes, &image, NULL), 0);
	copy.mixed = image.mixed;
	assert_int_equal(sfsi_image_head(&copy.out, image.root, image.count), 0);
	assert_int_equal(sfsi_image_each(&image, copy_item, &copy), 0);
	/* Where keys repeat there is less. */
	if (!strstr(name, "conflict"))
		assert_true(sfs_span_equal(sfs_buf_span(&copy.out), snapshot.bytes));
	sfs_buf_fini(&copy.out);
	sfsi_snapshot_fini(&snapshot);
}

static void what_the_python_program_wrote_is_written_again_as_it_was(void **state)
{
	(void)state;
	static const char *const cases[] = { "sf_backups", "sf_large", "sf_models", "sf_names",
					     "sf_raw",     "sf_roots", "sf_types" };
	unsigned files = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char path[512];
		snprintf(path, sizeof path, "%s/vectors/%s", TEST_DATA, cases[i]);
		DIR *dir = opendir(path);
		assert_non_null(dir);
		for (struct dirent *entry; (entry = readdir(dir));)
			if (strstr(entry->d_name, SFSI_DATABASE_EXTENSION)) {
				copy_is_equal(dirfd(dir), entry->d_name);
				files++;
			}
		closedir(dir);
	}
	assert_true(files >= 23);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_python_program_calls_corrupt_is),
		cmocka_unit_test(depth_has_the_limits_of_the_python_program),
		cmocka_unit_test(of_repeated_keys_the_python_rule_decides),
		cmocka_unit_test(bytes_become_text_but_not_in_models),
		cmocka_unit_test(other_roots_have_names_for_their_items),
		cmocka_unit_test(a_model_is_a_map_of_one_name),
		cmocka_unit_test(parts_that_did_not_change_keep_their_bytes),
		cmocka_unit_test(what_the_python_program_could_not_read_back_is_refused),
		cmocka_unit_test(what_the_python_program_wrote_is_written_again_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
