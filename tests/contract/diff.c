/* The contract of comparisons: each thing that differs is told once, with what differs of it, and no other. */
#include <storefs/copy.h>
#include <storefs/diff.h>
#include <storefs/field.h>
#include <storefs/relation.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"

/** A copy of the case's store, in memory. */
static struct sfs_store *copy_of(struct case_store *c)
{
	const struct sfs_store_config config = { .path = "memory:" };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_store *store = NULL;
	if (sfs_store_open(&config, &store, &diag) ||
	    sfs_store_copy(c->store, store, NULL, NULL, NULL, &diag))
		fail_msg("%s", diag.text);
	return store;
}

struct said {
	char text[16384];
	size_t len, stop_after, count;
};

static void put_span(struct said *said, struct sfs_span span)
{
	if (!span.data)
		span = SPAN("-");
	assert_true(said->len + span.len < sizeof said->text);
	memcpy(said->text + said->len, span.data, span.len);
	said->len += span.len;
	said->text[said->len] = 0;
}

/** "changed Article/1 [property n: 1 -> 2] [updated n: …]": times are left out. */
static int note(void *arg, const struct sfs_difference *difference)
{
	static const char *const words[] = { "", "added ", "removed ", "changed " };
	struct said *said = arg;
	put_span(said, sfs_span_str(words[difference->change]));
	put_span(said, sfs_span_str(difference->class_name));
	put_span(said, SPAN("/"));
	put_span(said, difference->name);
	for (size_t i = 0; i < difference->count; i++) {
		const struct sfs_diff_member *member = &difference->members[i];
		bool time = member->aspect == SFS_DIFF_MTIME || member->aspect == SFS_DIFF_UPDATED;
		put_span(said, SPAN(" ["));
		put_span(said, sfs_span_str(sfs_diff_aspect_text(member->aspect)));
		put_span(said, SPAN(" "));
		put_span(said, member->name);
		put_span(said, SPAN(": "));
		put_span(said, time ? SPAN("t") : member->before);
		put_span(said, SPAN(" -> "));
		put_span(said, time ? SPAN("t") : member->after);
		put_span(said, SPAN("]"));
	}
	put_span(said, SPAN("\n"));
	return said->stop_after && ++said->count == said->stop_after;
}

static struct said said;

/** What differs, from the copy to the case's store. */
static const char *diff_flags(struct case_store *c, struct sfs_store *copy, unsigned flags)
{
	const struct sfs_diff how = { .flags = flags, .differs = note, .arg = &said };
	struct sfs_diff_result result;
	struct sfs_diag diag = SFS_DIAG_INIT;
	said = (struct said){ .len = 0 };
	if (sfs_store_diff(copy, c->store, &how, &result, &diag))
		fail_msg("%s", diag.text);
	size_t lines = 0;
	for (const char *at = said.text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(result.added + result.removed + result.changed, lines);
	return said.text;
}

static const char *diff(struct case_store *c, struct sfs_store *copy)
{
	return diff_flags(c, copy, 0);
}

static void done(struct sfs_store *copy)
{
	assert_int_equal(sfs_store_close(copy), 0);
}

static void a_store_does_not_differ_from_itself_and_its_copy(void **state)
{
	struct case_store *c = *state;
	check_fill(c);
	struct sfs_store *copy = copy_of(c);
	const struct sfs_diff how = { .flags = SFS_DIFF_EXACT, .differs = note, .arg = &said };
	said = (struct said){ .len = 0 };
	assert_int_equal(sfs_store_diff(c->store, copy, &how, NULL, NULL), 0);
	assert_string_equal(said.text, "");
	assert_string_equal(diff(c, c->store), "");
	assert_string_equal(diff_flags(c, c->store, SFS_DIFF_EXACT), "");
	done(copy);
}

static void objects_are_told_in_order_of_oids(void **state)
{
	struct case_store *c = *state;
	char oid[16];
	/* More than a page of each side, and the sides end at other places. */
	for (int i = 0; i < 300; i++) {
		snprintf(oid, sizeof oid, "%03d", i);
		assert_int_equal(case_put(c, oid, "{\"n\": 1}", 0), 0);
	}
	struct sfs_store *copy = copy_of(c);
	for (int i = 0; i < 128; i++) {
		snprintf(oid, sizeof oid, "%03d", i);
		assert_int_equal(sfs_object_remove(c->store, c->articles, sfs_span_str(oid), 0), 0);
	}
	assert_int_equal(case_put(c, "200", "{\"n\": 2}", 0), 0);
	assert_int_equal(case_put(c, "200a", "{\"n\": 2}", 0), 0);
	assert_int_equal(case_put(c, "z", "{}", 0), 0);
	const char *text = diff(c, copy);
	assert_memory_equal(text, "removed Article/000\nremoved Article/001\n", 40);
	const char *rest = strstr(text, "removed Article/127\n");
	assert_non_null(rest);
	assert_string_equal(rest, "removed Article/127\n"
				  "changed Article/200 [property n: 1 -> 2]\n"
				  "added Article/200a\n"
				  "added Article/z\n");
	done(copy);
}

static void each_property_is_told_with_both_values(void **state)
{
	struct case_store *c = *state;
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	assert_int_equal(sfs_class_define(c->store, &make,
					  SPAN("{\"relations\": {\"to\": \"Article\"}}"), NULL),
			 0);
	assert_int_equal(case_put(c, "1", "{\"a\": 1, \"b\": [1, 2], \"c\": null}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"a\": 1, \"to\": \"1\"}", 0), 0);
	struct sfs_store *copy = copy_of(c);
	assert_int_equal(
		case_put(c, "1", "{\"c\": \"x\\ny\", \"a\": 1, \"b\": [1, 2], \"d\": 9}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"a\": 1}", 0), 0);
	assert_string_equal(
		diff(c, copy),
		"changed Article/1 [property c: null -> \"x\\ny\"] [property d: - -> 9]\n"
		"changed Article/2 [relation to: {\"oid\":\"1\",\"type\":\"Article\"} -> -]\n");
	assert_non_null(strstr(diff_flags(c, copy, SFS_DIFF_EXACT), "[updated c: t -> t]"));
	done(copy);
}

static void what_is_no_content_is_told_where_it_alone_differs(void **state)
{
	struct case_store *c = *state;
	const struct sfs_setattr mode = { .mask = SFS_SET_MODE, .mode = 0600 };
	const struct sfs_setattr time = { .mask = SFS_SET_MTIME, .mtime_ns = 77 };
	static const char *const oids[] = { "1", "2", "3", "4" };
	for (size_t i = 0; i < sizeof oids / sizeof *oids; i++)
		assert_int_equal(case_put(c, oids[i], "{\"a\": 1}", 0), 0);
	struct sfs_store *copy = copy_of(c);
	assert_int_equal(sfs_object_setattr(c->store, case_attr(c, "1").ino, &mode, NULL), 0);
	assert_int_equal(sfs_object_setattr(c->store, case_attr(c, "2").ino, &time, NULL), 0);
	assert_int_equal(case_put(c, "3", "{\"a\":  1}", SFS_PUT_KEEP_TEXT), 0);
	/* There and back: only the update time tells. */
	assert_int_equal(case_put(c, "4", "{\"a\": 2}", 0), 0);
	assert_int_equal(case_put(c, "4", "{\"a\": 1}", 0), 0);
	const char *text = diff(c, copy);
	assert_non_null(strstr(text, "changed Article/1 [mode : \"0644\" -> \"0600\"]\n"));
	assert_non_null(strstr(text, "changed Article/2 [mtime : t -> t]\n"));
	assert_non_null(strstr(text, "changed Article/3 [text : \"{\\n  \\\"a\\\": 1\\n}\\n\" -> "
				     "\"{\\\"a\\\":  1}\"]\n"));
	assert_non_null(strstr(text, "changed Article/4 [updated a: t -> t]"));
	done(copy);
}

static void raws_are_told_by_their_paths(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* what is no folder with data is not theirs */
	struct sfs_attr dir = case_make(c, c->root, "dir", SFS_NODE_DIR);
	struct sfs_attr file = case_make(c, dir.ino, "file", SFS_NODE_FILE);
	struct sfs_attr other = case_make(c, c->root, "other", SFS_NODE_FILE);
	case_write(c, file.ino, "bytes");
	case_write(c, other.ino, "bytes");
	assert_int_equal(sfs_raw_meta_set(c->store, file.ino, SPAN("k"), SPAN("v"), 0, NULL), 0);
	case_make(c, case_make(c, c->root, "gone", SFS_NODE_DIR).ino, "in it", SFS_NODE_FILE);
	struct sfs_store *copy = copy_of(c);
	case_write(c, file.ino, "other");
	case_write(c, other.ino, "longer than that");
	assert_int_equal(sfs_raw_meta_set(c->store, file.ino, SPAN("k"), SPAN("w"), 0, NULL), 0);
	assert_int_equal(sfs_raw_meta_set(c->store, file.ino, SPAN("n"), SPAN("x"), 0, NULL), 0);
	assert_int_equal(sfs_raw_unlink(c->store, check_ino(c, c->root, "gone"), SPAN("in it")), 0);
	assert_int_equal(sfs_raw_rmdir(c->store, c->root, SPAN("gone")), 0);
	case_make(c, case_make(c, c->root, "new", SFS_NODE_DIR).ino, "pipe", SFS_NODE_FIFO);
	const char *text = diff(c, copy);
	static const char *const wanted[] = {
		"changed Image/dir/file [bytes : ",
		"] [meta k: \"v\" -> \"w\"] [meta n: - -> \"x\"]\n",
		"changed Image/other [size : 5 -> 16]\n",
		"removed Image/gone\n",
		"removed Image/gone/in it\n",
		"added Image/new\n",
		"added Image/new/pipe\n",
	};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!strstr(text, wanted[i]))
			fail_msg("'%s' is not in: %s", wanted[i], text);
	assert_null(strstr(text, "Image/dir "));
	done(copy);
}

static void large_directories_are_read_in_pages(void **state)
{
	struct case_store *c = *state;
	char name[16];
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof name, "s%d", i);
		case_make(c, c->scratch, name, SFS_NODE_SYMLINK);
	}
	struct sfs_store *copy = copy_of(c);
	assert_string_equal(diff(c, copy), "");
	assert_int_equal(sfs_raw_unlink(c->store, c->scratch, SPAN("s700")), 0);
	case_make(c, c->scratch, "t", SFS_NODE_SYMLINK);
	assert_string_equal(diff(c, copy), "removed Article/s700\nadded Article/t\n");
	done(copy);
}

static void classes_come_and_go_with_what_is_in_them(void **state)
{
	struct case_store *c = *state;
	struct sfs_class_make make = { .name = SPAN("New"),
				       .kind = SFS_CLASS_OBJECT,
				       .mode = 0755 };
	struct sfs_class_info info;
	struct sfs_store *copy = copy_of(c);
	assert_int_equal(sfs_class_create(c->store, &make, &info, NULL), 0);
	const struct sfs_put put = { .class_id = info.id, .oid = SPAN("1"), .text = SPAN("{}") };
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
	make.name = SPAN("Article");
	assert_int_equal(sfs_class_define(c->store, &make,
					  SPAN("{\"properties\": {\"a\": \"int\"}, "
					       "\"indexes\": {\"a\": \"value\"}}"),
					  NULL),
			 0);
	assert_string_equal(diff(c, copy), "changed Article/ [index a: - -> \"value\"] "
					   "[definition properties.a: - -> \"int\"]\n"
					   "added New/\nadded New/1\n");
	const char *const only[] = { "New" };
	struct sfs_diff how = { .classes = only, .class_count = 1, .differs = note, .arg = &said };
	said = (struct said){ .len = 0 };
	assert_int_equal(sfs_store_diff(c->store, copy, &how, NULL, NULL), 0);
	assert_string_equal(said.text, "removed New/\nremoved New/1\n");
	said = (struct said){ .stop_after = 1 };
	assert_int_equal(sfs_store_diff(c->store, copy, &how, NULL, NULL), SFS_ERR_CANCELLED);
	const char *const none[] = { "Nothing" };
	struct sfs_diag diag = SFS_DIAG_INIT;
	how.classes = none;
	assert_int_equal(sfs_store_diff(c->store, copy, &how, NULL, &diag), SFS_ERR_NOT_FOUND);
	assert_string_equal(diag.text, "neither has a class 'Nothing'");
	done(copy);
}

/** Opened once more, which only a store in memory can not be, a store is not looked into again. */
static void of_two_states_of_a_store_the_same_records_are_passed_over(void **state)
{
	struct case_store *c = *state;
	struct sfs_diff_result result;
	const struct sfs_diff how = { .differs = note, .arg = &said };
	assert_int_equal(case_put(c, "1", "{\"a\": 1}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"a\": 1}", 0), 0);
	struct sfs_store *copy = copy_of(c);
	said = (struct said){ .len = 0 };
	assert_int_equal(sfs_store_diff(c->store, c->store, &how, &result, NULL), 0);
	assert_int_equal(result.same, 2);
	assert_int_equal(sfs_store_diff(c->store, copy, &how, &result, NULL), 0);
	assert_int_equal(result.same, 0);
	assert_int_equal(result.objects, 2);
	assert_string_equal(said.text, "");
	done(copy);
}

int contract_diff(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_store_does_not_differ_from_itself_and_its_copy),
		CASE(objects_are_told_in_order_of_oids),
		CASE(each_property_is_told_with_both_values),
		CASE(what_is_no_content_is_told_where_it_alone_differs),
		CASE(raws_are_told_by_their_paths),
		CASE(large_directories_are_read_in_pages),
		CASE(classes_come_and_go_with_what_is_in_them),
		CASE(of_two_states_of_a_store_the_same_records_are_passed_over),
	};
	return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
