/* The contract of the trash: what removals keep, what comes back, and what goes for ever. */
#include <storefs/content.h>
#include <storefs/export.h>
#include <storefs/trash.h>
#include "contract.h"
#include "relation_case.h"

#define RULES                                                                                    \
	"{\"properties\": {\"title\": \"string\"}, \"relations\": {\"replies\": [\"Article\"]}," \
	" \"indexes\": {\"title\": \"value\"}}"
#define OTHERS "{\n  \"title\": \"one\",   \"a\": 1\n}"

static struct sfs_span span(const char *text)
{
	return sfs_span_str(text);
}

static void remove_object(struct case_store *c, const char *oid)
{
	assert_int_equal(sfs_object_remove(c->store, c->articles, span(oid), 0), 0);
}

static void unlink_raw(struct case_store *c, uint64_t dir, const char *name)
{
	assert_int_equal(sfs_raw_unlink(c->store, dir, span(name)), 0);
}

static uint64_t entries(struct case_store *c)
{
	struct sfs_trash_stat stat;
	assert_int_equal(sfs_trash_stat(c->store, 0, &stat), 0);
	return stat.entries;
}

static char listed[4096];

static int list_one(void *arg, const struct sfs_trashed *trashed)
{
	size_t at = strlen(listed);
	(void)arg;
	snprintf(listed + at, sizeof listed - at, "%s%.*s", at ? " " : "", (int)trashed->name.len,
		 (const char *)trashed->name.data);
	return 0;
}

static const char *list(struct case_store *c, uint32_t class_id)
{
	listed[0] = '\0';
	assert_int_equal(sfs_trash_list(c->store, class_id, NULL, 0, list_one, NULL), 0);
	return listed;
}

static uint64_t newest(struct case_store *c, uint32_t class_id, const char *name)
{
	struct sfs_buf buf = SFS_BUF_INIT;
	struct sfs_trashed trashed;
	assert_int_equal(
		sfs_trash_find_name(c->store, class_id, span(name), INT64_MAX, &trashed, &buf), 0);
	assert_true(sfs_span_equal(trashed.name, span(name)));
	sfs_buf_fini(&buf);
	return trashed.ino;
}

static int restore(struct case_store *c, uint64_t ino, const char *name, bool replace)
{
	const struct sfs_trash_restore how = { .ino = ino, .name = span(name), .replace = replace };
	return sfs_trash_restore(c->store, &how, NULL, NULL);
}

static void sound(struct case_store *c)
{
	assert_string_equal(check_run(c), "");
}

/* --- objects --- */

static void an_object_comes_back_with_everything(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf text = SFS_BUF_INIT;
	struct sfs_trashed trashed;
	struct sfs_buf name = SFS_BUF_INIT;
	assert_int_equal(case_put(c, "1", OTHERS, SFS_PUT_KEEP_TEXT), 0);
	struct sfs_attr before = case_attr(c, "1");
	remove_object(c, "1");
	assert_null(case_get(c, "1", SFS_FORMAT_JSON));
	assert_int_equal(entries(c), 1);
	sound(c);
	case_reopen(c);
	assert_string_equal(list(c, c->articles), "1");
	assert_int_equal(sfs_trash_find(c->store, before.ino, &trashed, &name), 0);
	assert_int_equal(trashed.attr.size, before.size);
	assert_int_equal(trashed.attr.mtime_ns, before.mtime_ns);
	assert_int_equal(trashed.attr.type, SFS_NODE_OBJECT);
	assert_int_equal(sfs_trash_document(c->store, before.ino, SFS_FORMAT_JSON, &text), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&text), span(OTHERS)));
	assert_int_equal(restore(c, before.ino, "", false), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), OTHERS);
	struct sfs_attr after = case_attr(c, "1");
	assert_int_equal(after.ino, before.ino);
	assert_int_equal(after.mtime_ns, before.mtime_ns);
	assert_int_equal(entries(c), 0);
	assert_int_equal(restore(c, before.ino, "", false), SFS_ERR_NOT_FOUND);
	sound(c);
	sfs_buf_fini(&text);
	sfs_buf_fini(&name);
}

static void relations_come_back_in_both_directions(void **state)
{
	struct case_store *c = *state;
	char oid[16];
	assert_int_equal(relation_define(c, "Article", RULES), c->articles);
	for (int i = 0; i < 100; i++) {
		snprintf(oid, sizeof oid, "t%02d", i);
		assert_int_equal(case_put(c, oid, "{}", 0), 0);
	}
	assert_int_equal(case_put(c, "many", "{\"title\": \"m\"}", 0), 0);
	/* So many that they are rows. */
	for (int i = 0; i < 100; i++) {
		snprintf(oid, sizeof oid, "t%02d", i);
		assert_int_equal(relation_add(c, "many", "replies", oid), 0);
	}
	char *before = strdup(relation_targets(c, "many", "replies"));
	assert_int_equal(relation_add(c, "t07", "replies", "many"), 0);
	remove_object(c, "many");
	assert_string_equal(relation_referrers(c, c->articles, "t42"), "");
	relation_sound(c);
	case_reopen(c);
	assert_int_equal(restore(c, newest(c, c->articles, "many"), "", false), 0);
	assert_string_equal(relation_targets(c, "many", "replies"), before);
	assert_string_equal(relation_referrers(c, c->articles, "t42"), "Article/many.replies");
	assert_string_equal(relation_referrers(c, c->articles, "many"), "Article/t07.replies");
	free(before);
	sound(c);
}

static int updates_of(struct case_store *c, const char *oid, struct sfs_buf *ret)
{
	const struct sfs_export how = { .format = SFS_FORMAT_JSON };
	return sfs_export(c->store, c->articles, span(oid), &how, ret, NULL, NULL);
}

static void update_times_are_as_they_were(void **state)
{
	struct case_store *c = *state;
	struct sfs_buf before = SFS_BUF_INIT, after = SFS_BUF_INIT;
	assert_int_equal(case_put(c, "1", "{\"a\": 1, \"b\": 2}", 0), 0);
	assert_int_equal(case_put(c, "1", "{\"a\": 1, \"b\": 3}", 0), 0);
	assert_int_equal(updates_of(c, "1", &before), 0);
	remove_object(c, "1");
	assert_int_equal(restore(c, newest(c, c->articles, "1"), "", false), 0);
	assert_int_equal(updates_of(c, "1", &after), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&before), sfs_buf_span(&after)));
	sfs_buf_fini(&before);
	sfs_buf_fini(&after);
}

static void the_same_oid_may_be_in_it_several_times(void **state)
{
	struct case_store *c = *state;
	uint64_t inos[3];
	for (int i = 0; i < 3; i++) {
		char text[16];
		snprintf(text, sizeof text, "{\"n\": %d}", i);
		assert_int_equal(case_put(c, "1", text, 0), 0);
		inos[i] = case_attr(c, "1").ino;
		remove_object(c, "1");
	}
	assert_string_equal(list(c, c->articles), "1 1 1");
	assert_int_equal(newest(c, c->articles, "1"), inos[2]);
	assert_int_equal(restore(c, inos[0], "", false), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{\n  \"n\": 0\n}\n");
	/* The oid is taken: it stays in the trash, or takes the place, or another name. */
	assert_int_equal(restore(c, inos[1], "", false), SFS_ERR_EXISTS);
	assert_int_equal(restore(c, inos[1], "2", false), 0);
	assert_string_equal(case_get(c, "2", SFS_FORMAT_JSON), "{\n  \"n\": 1\n}\n");
	assert_int_equal(restore(c, inos[2], "1", true), 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{\n  \"n\": 2\n}\n");
	assert_int_equal(newest(c, c->articles, "1"), inos[0]);
	assert_int_equal(entries(c), 1);
	sound(c);
}

static void a_text_that_states_its_oid_becomes_canonical_under_another(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{\"oid\":\"1\",\"a\":1}", SFS_PUT_KEEP_TEXT), 0);
	remove_object(c, "1");
	assert_int_equal(restore(c, newest(c, c->articles, "1"), "other", false), 0);
	assert_string_equal(case_get(c, "other", SFS_FORMAT_JSON), "{\n  \"a\": 1\n}\n");
	sound(c);
}

static void saving_over_is_no_removal(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{\"a\": 1}", 0), 0);
	assert_int_equal(case_put(c, "1", "{\"a\": 2}", 0), 0);
	assert_int_equal(case_put(c, "2", "{\"a\": 3}", 0), 0);
	assert_int_equal(sfs_object_rename(c->store, c->articles, span("2"), span("1"), 0, NULL),
			 0);
	struct sfs_attr scratch = case_make(c, c->scratch, ".1.json.swp", SFS_NODE_FILE);
	case_write(c, scratch.ino, "text");
	unlink_raw(c, c->scratch, ".1.json.swp");
	assert_int_equal(entries(c), 0);
	sound(c);
}

/* --- raws --- */

static void a_raw_comes_back_with_everything(void **state)
{
	struct case_store *c = *state;
	struct sfs_setattr set = { .mask = SFS_SET_MODE | SFS_SET_UID | SFS_SET_MTIME,
				   .mode = 0640,
				   .uid = 12,
				   .mtime_ns = INT64_C(1700000000000000001) };
	unsigned char before[SFS_HASH_LEN], after[SFS_HASH_LEN];
	struct sfs_buf value = SFS_BUF_INIT;
	struct sfs_attr attr;
	struct sfs_attr one = case_make(c, c->root, "one", SFS_NODE_DIR);
	struct sfs_attr two = case_make(c, one.ino, "two", SFS_NODE_DIR);
	struct sfs_attr raw = case_make(c, two.ino, "a.jpg", SFS_NODE_FILE);
	case_write(c, raw.ino, "picture");
	assert_int_equal(sfs_raw_meta_set(c->store, raw.ino, span("width"), span("19"), 0, NULL),
			 0);
	assert_int_equal(sfs_raw_setattr(c->store, raw.ino, &set, NULL), 0);
	assert_int_equal(sfs_raw_hash(c->store, raw.ino, before), 0);
	unlink_raw(c, two.ino, "a.jpg");
	assert_int_equal(sfs_raw_rmdir(c->store, one.ino, span("two")), 0);
	assert_int_equal(sfs_raw_rmdir(c->store, c->root, span("one")), 0);
	sound(c);
	case_reopen(c);
	assert_string_equal(list(c, c->images), "one/two/a.jpg");
	/* It can be read there, and nothing else. */
	struct sfs_raw_file *file;
	assert_string_equal(case_read(c, raw.ino), "picture");
	assert_int_equal(sfs_raw_open(c->store, raw.ino, true, &file), SFS_ERR_READ_ONLY);
	assert_int_equal(restore(c, raw.ino, "", false), 0);
	assert_int_equal(sfs_raw_find_path(c->store, c->images, span("one/two/a.jpg"), &attr), 0);
	assert_int_equal(attr.ino, raw.ino);
	assert_int_equal(attr.mode, 0640);
	assert_int_equal(attr.uid, 12);
	assert_int_equal(attr.mtime_ns, set.mtime_ns);
	assert_string_equal(case_read(c, raw.ino), "picture");
	assert_int_equal(sfs_raw_meta_get(c->store, raw.ino, span("width"), &value), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&value), span("19")));
	assert_int_equal(sfs_raw_hash(c->store, raw.ino, after), 0);
	assert_memory_equal(before, after, sizeof before);
	assert_int_equal(entries(c), 0);
	sfs_buf_fini(&value);
	sound(c);
}

static void it_comes_back_into_indexes(void **state)
{
	struct case_store *c = *state;
	struct sfs_class_make make = { .name = SPAN("Image"), .kind = SFS_CLASS_RAW, .mode = 0755 };
	const char text[] = "{\"kind\": \"raw\", \"meta\": {\"width\": \"int\"},"
			    " \"indexes\": {\"width\": \"value\"}}";
	assert_int_equal(sfs_class_define(c->store, &make, span(text), NULL), 0);
	struct sfs_attr raw = case_make(c, c->root, "a", SFS_NODE_FILE);
	assert_int_equal(sfs_raw_meta_set(c->store, raw.ino, span("width"), span("19"), 0, NULL),
			 0);
	unlink_raw(c, c->root, "a");
	sound(c);
	assert_int_equal(restore(c, raw.ino, "", false), 0);
	sound(c);
}

static void only_the_last_name_goes_into_it(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* a raw has one name */
	struct sfs_attr raw = case_make(c, c->root, "a", SFS_NODE_FILE);
	assert_int_equal(sfs_raw_link(c->store, raw.ino, c->root, span("b"), NULL), 0);
	unlink_raw(c, c->root, "a");
	assert_int_equal(entries(c), 0);
	unlink_raw(c, c->root, "b");
	assert_string_equal(list(c, c->images), "b");
	case_make(c, c->root, "link", SFS_NODE_SYMLINK);
	unlink_raw(c, c->root, "link");
	case_make(c, c->root, ".hidden", SFS_NODE_FILE);
	unlink_raw(c, c->root, ".hidden");
	case_make(c, c->root, "old~", SFS_NODE_FILE);
	unlink_raw(c, c->root, "old~");
	case_make(c, c->root, "pipe", SFS_NODE_FIFO);
	unlink_raw(c, c->root, "pipe");
	assert_int_equal(entries(c), 2);
	assert_int_equal(restore(c, newest(c, c->images, "link"), "", false), 0);
	assert_string_equal(case_names(c, c->root), "link");
	sound(c);
}

static void an_open_raw_may_come_back_and_go(void **state)
{
	struct case_store *c = *state;
	struct sfs_raw_file *file;
	struct sfs_attr attr;
	struct sfs_attr raw = case_make(c, c->root, "a", SFS_NODE_FILE);
	case_write(c, raw.ino, "bytes");
	assert_int_equal(sfs_raw_open(c->store, raw.ino, true, &file), 0);
	unlink_raw(c, c->root, "a");
	assert_int_equal(sfs_raw_file_stat(file, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(restore(c, raw.ino, "back", false), 0);
	assert_int_equal(sfs_raw_file_stat(file, &attr), 0);
	assert_int_equal(attr.nlink, 1);
	sfs_raw_close(file);
	assert_string_equal(case_read(c, raw.ino), "bytes");
	/* Emptied while it is open: its bytes go with the last close. */
	assert_int_equal(sfs_raw_open(c->store, raw.ino, false, &file), 0);
	unlink_raw(c, c->root, "back");
	assert_int_equal(sfs_trash_empty(c->store, 0, INT64_MAX, NULL), 0);
	char text[8] = "";
	size_t len;
	assert_int_equal(sfs_raw_read(file, 0, text, 5, &len), 0);
	assert_string_equal(text, "bytes");
	sfs_raw_close(file);
	assert_int_equal(sfs_raw_stat(c->store, raw.ino, &attr), SFS_ERR_NOT_FOUND);
	sound(c);
}

static void what_has_its_place_is_refused_or_replaced(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr old = case_make(c, c->root, "a", SFS_NODE_FILE);
	case_write(c, old.ino, "old");
	unlink_raw(c, c->root, "a");
	struct sfs_attr young = case_make(c, c->root, "a", SFS_NODE_FILE);
	case_write(c, young.ino, "young");
	assert_int_equal(restore(c, old.ino, "", false), SFS_ERR_EXISTS);
	assert_int_equal(restore(c, old.ino, "a/b", false), SFS_ERR_NOT_DIR);
	assert_int_equal(restore(c, old.ino, "../b", false), SFS_ERR_NAME);
	assert_int_equal(restore(c, old.ino, "x//b", false), SFS_ERR_NAME);
	assert_string_equal(case_names(c, c->root), "a");
	assert_int_equal(restore(c, old.ino, "", true), 0);
	assert_string_equal(case_read(c, old.ino), "old");
	assert_int_equal(newest(c, c->images, "a"), young.ino);
	assert_int_equal(restore(c, young.ino, "new/b", false), 0);
	assert_string_equal(case_read(c, young.ino), "young");
	sound(c);
}

/* --- the end --- */

static void what_is_over_goes_for_ever(void **state)
{
	struct case_store *c = *state;
	struct sfs_trash_stat went;
	char oid[16];
	for (int i = 0; i < 150; i++) {
		snprintf(oid, sizeof oid, "%d", i);
		assert_int_equal(case_put(c, oid, "{}", 0), 0);
		remove_object(c, oid);
	}
	assert_int_equal(sfs_trash_expire(c->store, &went), 0);
	assert_int_equal(went.entries, 0);
	assert_int_equal(entries(c), 150);
	assert_int_equal(sfs_trash_empty(c->store, c->articles, INT64_MAX, &went), 0);
	assert_int_equal(went.entries, 150);
	assert_true(went.bytes > 0);
	assert_int_equal(entries(c), 0);
	sound(c);
	case_no_trash(c);
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	remove_object(c, "1");
	assert_int_equal(entries(c), 0);
}

static void a_thread_removes_what_is_over(void **state)
{
	struct case_store *c = *state;
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	remove_object(c, "1");
	assert_int_equal(sfs_trash_run(c->store), 0);
	assert_int_equal(entries(c), 1);
	case_no_trash(c);
	for (int i = 0; i < 3000 && entries(c); i++)
		usleep(20000);
	assert_int_equal(entries(c), 0);
}

static void a_class_takes_its_trash_along(void **state)
{
	struct case_store *c = *state;
	struct sfs_trash_stat stat;
	assert_int_equal(case_put(c, "1", "{}", 0), 0);
	assert_int_equal(sfs_class_remove(c->store, span("Article")), SFS_ERR_NOT_EMPTY);
	remove_object(c, "1");
	assert_int_equal(sfs_class_remove(c->store, span("Article")), 0);
	assert_int_equal(sfs_trash_stat(c->store, c->articles, &stat), SFS_ERR_NOT_FOUND);
	sound(c);
	case_reopen(c);
	sound(c);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

int contract_trash(const char *backend)
{
	case_backend = backend;
	const struct CMUnitTest tests[] = {
		CASE(an_object_comes_back_with_everything),
		CASE(relations_come_back_in_both_directions),
		CASE(update_times_are_as_they_were),
		CASE(the_same_oid_may_be_in_it_several_times),
		CASE(a_text_that_states_its_oid_becomes_canonical_under_another),
		CASE(saving_over_is_no_removal),
		CASE(a_raw_comes_back_with_everything),
		CASE(it_comes_back_into_indexes),
		CASE(only_the_last_name_goes_into_it),
		CASE(an_open_raw_may_come_back_and_go),
		CASE(what_has_its_place_is_refused_or_replaced),
		CASE(what_is_over_goes_for_ever),
		CASE(a_thread_removes_what_is_over),
		CASE(a_class_takes_its_trash_along),
	};
	return cmocka_run_group_tests_name("trash", tests, NULL, NULL);
}
