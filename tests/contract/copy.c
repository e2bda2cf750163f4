/* The contract of copies: a store with everything in it is the same in another backend, and each difference is told. */
#include <storefs/copy.h>
#include <storefs/field.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"

/** A copy goes into memory, whatever backend its source has. */
static struct sfs_store *open_copy(void)
{
	const struct sfs_store_config config = { .path = "memory:" };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store = NULL;
	if (sfs_store_open(&config, &store, &diag))
		fail_msg("%s", diag.text);
	return store;
}

struct said {
	char text[4096];
};

static int note(void *arg, const char *sentence)
{
	struct said *said = arg;
	size_t len = strlen(said->text);
	snprintf(said->text + len, sizeof said->text - len, "%s\n", sentence);
	return 0;
}

static void compare(struct case_store *c, struct sfs_store *copy, struct said *said)
{
	const struct sfs_compare how = { .differs = note, .arg = said };
	struct sfs_copied compared;
	struct sfs_diag diag = SFS_DIAG_INIT;
	said->text[0] = 0;
	if (sfs_store_compare(c->store, copy, &how, &compared, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(compared.differences == 0, said->text[0] == 0);
}

static void copy_all(struct case_store *c, struct sfs_store *copy, struct sfs_copied *ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_store_copy(c->store, copy, NULL, NULL, ret, &diag))
		fail_msg("%s", diag.text);
}

static void define(struct case_store *c, const char *text)
{
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_class_define(c->store, &make, sfs_span_str(text), &diag))
		fail_msg("%s", diag.text);
}

static void a_store_with_everything_is_the_same_in_a_copy(void **state)
{
	struct case_store *c = *state;
	struct sfs_store *copy = open_copy();
	struct said said;
	struct sfs_copied copied;
	check_fill(c);
	copy_all(c, copy, &copied);
	assert_true(copied.objects > 0 && copied.raws > 0 && copied.bytes > 0);
	compare(c, copy, &said);
	assert_string_equal(said.text, "");
	assert_int_equal(sfs_store_close(copy), 0);
}

static void objects_that_do_not_fit_and_their_texts_come_over(void **state)
{
	struct case_store *c = *state;
	struct sfs_store *copy = open_copy();
	struct said said;
	struct sfs_copied copied;
	assert_int_equal(case_put(c, "old", "{\"b\": \"text\",\n\n \"more\": null, \"a\": 1}",
				  SFS_PUT_KEEP_TEXT),
			 0);
	assert_int_equal(case_put(c, "plain", "{\"b\": 5, \"z\": {\"$bin\": \"AP8=\"}}", 0), 0);
	define(c, "{\"extra\": \"refuse\", \"properties\": {\"a\": \"int\", \"b\": \"int\"}, "
		  "\"relations\": {\"to\": [\"Article\"]}, \"indexes\": {\"a\": \"value\"}}");
	assert_int_equal(
		case_put(c, "new", "{\"to\": [\"old\", \"plain\"],   \"b\": 7}", SFS_PUT_KEEP_TEXT),
		0);
	copy_all(c, copy, &copied);
	assert_int_equal(copied.objects, 3);
	compare(c, copy, &said);
	assert_string_equal(said.text, "");
	/* The definition holds in the copy. */
	struct sfs_class_info class;
	assert_int_equal(sfs_class_find(copy, SPAN("Article"), &class), 0);
	struct sfs_put put = { .class_id = class.id, .oid = SPAN("x"), .text = SPAN("{\"c\": 1}") };
	assert_int_equal(sfs_object_put(copy, &put, NULL, NULL), SFS_ERR_BAD_DOCUMENT);
	assert_int_equal(sfs_store_close(copy), 0);
}

static void update_times_and_attributes_come_over(void **state)
{
	struct case_store *c = *state;
	struct sfs_store *copy = open_copy();
	struct said said;
	const char *text = "{\"a\": 1, \"b\": 2, \"updates\": {\"a\": 20200102030405000001, "
			   "\"b\": 20210102030405000002, \"oid\": 20210102030405000002}}";
	assert_int_equal(case_put(c, "1", text, SFS_PUT_IMPORT), 0);
	const struct sfs_setattr set = { .mask = SFS_SET_MODE | SFS_SET_MTIME | SFS_SET_UID,
					 .mode = 0600,
					 .uid = 1234,
					 .mtime_ns = 1234567890123456789 };
	assert_int_equal(sfs_object_setattr(c->store, case_attr(c, "1").ino, &set, NULL), 0);
	copy_all(c, copy, NULL);
	compare(c, copy, &said);
	assert_string_equal(said.text, "");
	struct sfs_class_info class;
	struct sfs_field_of of = { .oid = SPAN("1"), .name = SPAN("a") };
	int64_t ns = 0;
	assert_int_equal(sfs_class_find(copy, SPAN("Article"), &class), 0);
	of.class_id = class.id;
	assert_int_equal(sfs_object_updated(copy, &of, &ns), 0);
	char stamp[SFS_STAMP_SIZE];
	assert_string_equal(sfs_stamp_text(ns, stamp), "20200102030405000001");
	assert_int_equal(sfs_store_close(copy), 0);
}

static void names_holes_and_metadata_of_raws_come_over(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* a raw has one name */
	struct sfs_store *copy = open_copy();
	struct said said;
	struct sfs_attr file = case_make(c, c->root, "file", SFS_NODE_FILE);
	struct sfs_attr dir = case_make(c, c->root, "dir", SFS_NODE_DIR);
	const struct sfs_setattr large = { .mask = SFS_SET_SIZE, .size = 3000000 };
	case_write(c, file.ino, "some bytes");
	assert_int_equal(sfs_raw_setattr(c->store, file.ino, &large, NULL), 0);
	assert_int_equal(sfs_raw_link(c->store, file.ino, dir.ino, SPAN("again"), NULL), 0);
	assert_int_equal(sfs_raw_meta_set(c->store, file.ino, SPAN("k"), SPAN("\xff\0v"), 0, NULL),
			 0);
	const struct sfs_setattr times = { .mask = SFS_SET_MTIME, .mtime_ns = 77 };
	assert_int_equal(sfs_raw_setattr(c->store, dir.ino, &times, NULL), 0);
	case_write(c, case_make(c, c->scratch, ".note.swp", SFS_NODE_FILE).ino, "scratch");
	copy_all(c, copy, NULL);
	compare(c, copy, &said);
	assert_string_equal(said.text, "");
	struct sfs_class_info class;
	struct sfs_attr one, two;
	assert_int_equal(sfs_class_find(copy, SPAN("Image"), &class), 0);
	assert_int_equal(sfs_raw_find_path(copy, class.id, SPAN("file"), &one), 0);
	assert_int_equal(sfs_raw_find_path(copy, class.id, SPAN("dir/again"), &two), 0);
	assert_int_equal(one.ino, two.ino);
	assert_true(one.blocks < 3000000 / 512);
	assert_int_equal(sfs_store_close(copy), 0);
}

/** Each change of one side is told. */
static void every_difference_is_told(void **state)
{
	struct case_store *c = *state;
	struct sfs_store *copy = open_copy();
	struct said said;
	struct sfs_attr file = case_make(c, c->root, "file", SFS_NODE_FILE);
	case_write(c, file.ino, "bytes");
	assert_int_equal(case_put(c, "1", "{\"a\": 1}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"a\": 2}", 0), 0);
	copy_all(c, copy, NULL);
	compare(c, copy, &said);
	assert_string_equal(said.text, "");
	assert_int_equal(case_put(c, "1", "{\"a\":  1}", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(case_put(c, "3", "{}", 0), 0);
	assert_int_equal(sfs_object_remove(c->store, c->articles, SPAN("2"), 0), 0);
	case_write(c, file.ino, "other");
	assert_int_equal(sfs_raw_meta_set(c->store, file.ino, SPAN("k"), SPAN("v"), 0, NULL), 0);
	case_make(c, c->root, "more", SFS_NODE_DIR);
	assert_int_equal(sfs_class_create(c->store,
					  &(struct sfs_class_make){ .name = SPAN("New"),
								    .kind = SFS_CLASS_OBJECT,
								    .mode = 0755 },
					  &(struct sfs_class_info){ 0 }, NULL),
			 0);
	compare(c, copy, &said);
	static const char *const wanted[] = {
		"Article/1: has another text\n", "Article/3: is missing\n",
		"Image/file: has other bytes\n", "Image/file: has other metadata\n",
		"Image/more: is missing\n",      "New: is missing\n",
	};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!strstr(said.text, wanted[i]))
			fail_msg("'%s' is not in: %s", wanted[i], said.text);
	assert_int_equal(sfs_store_close(copy), 0);
}

static int stop(void *arg, const struct sfs_copied *done, uint64_t expected)
{
	assert_true(expected >= 100);
	*(uint64_t *)arg = done->objects;
	return done->objects == 70;
}

static void a_copy_stops_when_asked_and_needs_an_empty_store(void **state)
{
	struct case_store *c = *state;
	struct sfs_store *copy = open_copy();
	uint64_t at = 0;
	for (int i = 0; i < 100; i++) {
		char oid[16];
		snprintf(oid, sizeof oid, "%d", i);
		assert_int_equal(case_put(c, oid, "{}", 0), 0);
	}
	assert_int_equal(sfs_store_copy(c->store, copy, stop, &at, NULL, NULL), SFS_ERR_CANCELLED);
	assert_int_equal(at, 70);
	assert_int_equal(sfs_store_copy(c->store, copy, NULL, NULL, NULL, NULL), SFS_ERR_NOT_EMPTY);
	assert_int_equal(sfs_store_close(copy), 0);
}

int contract_copy(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_store_with_everything_is_the_same_in_a_copy),
		CASE(objects_that_do_not_fit_and_their_texts_come_over),
		CASE(update_times_and_attributes_come_over),
		CASE(names_holes_and_metadata_of_raws_come_over),
		CASE(every_difference_is_told),
		CASE(a_copy_stops_when_asked_and_needs_an_empty_store),
	};
	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
