/*
 * Folders of the Python storage module that we write to: what their format can express, and what is kept
 * beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <storefs/check.h>
#include <storefs/class.h>
#include <storefs/content.h>
#include <storefs/export.h>
#include <storefs/object.h>
#include <storefs/raw.h>
#include <storefs/relation.h>
#include <storefs/store.h>
#include <storefs/trash.h>
#include "folder.h"
#include "mirror/folder.h"

struct folder_case {
	char path[FOLDER_PATH_MAX];
	char root[FOLDER_PATH_MAX + 8];
	struct sfs_store *store;
};

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
	char command[4096];
	va_list args;
	va_start(args, fmt);
	vsnprintf(command, sizeof command, fmt, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void open_store(struct folder_case *c)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_store_config config = { .path = c->root };
	if (sfs_store_open(&config, &c->store, &diag))
		fail_msg("open: %s", diag.text);
}

static void reopen(struct folder_case *c)
{
	assert_int_equal(sfs_store_close(c->store), 0);
	open_store(c);
}

static int setup(void **state)
{
	struct folder_case *c = calloc(1, sizeof *c);
	struct sfs_diag diag = SFS_DIAG_INIT;
	char cache[FOLDER_PATH_MAX + 16];
	assert_non_null(c);
	folder_make(c->path);
	snprintf(cache, sizeof cache, "%s/cache", c->path);
	setenv("XDG_CACHE_HOME", cache, 1);
	snprintf(c->root, sizeof c->root, "%s/root", c->path);
	const struct sfs_store_config config = { .path = c->root, .backend = "directory" };
	if (sfs_store_init(&config, &diag))
		fail_msg("init: %s", diag.text);
	open_store(c);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct folder_case *c = *state;
	int err = sfs_store_close(c->store);
	folder_remove(c->path);
	free(c);
	return err;
}

static uint32_t define(struct folder_case *c, const char *name, const char *text)
{
	const struct sfs_class_make make = { .name = sfs_span_str(name), .mode = 0755 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_class_info info;
	if (sfs_class_define(c->store, &make, sfs_span_str(text), &diag))
		fail_msg("%s: %s", name, diag.text);
	assert_int_equal(sfs_class_find(c->store, make.name, &info), 0);
	return info.id;
}

static void import(struct folder_case *c, uint32_t class_id, unsigned flags, const char *text)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_import(c->store, class_id, SFS_FORMAT_JSON, sfs_span_str(text), flags, NULL, &diag))
		fail_msg("%s: %s", text, diag.text);
}

static char said[65536];

/** A file below the root. */
static const char *file(struct folder_case *c, const char *name)
{
	char path[2 * FOLDER_PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", c->root, name);
	FILE *in = fopen(path, "r");
	size_t len = in ? fread(said, 1, sizeof said - 1, in) : 0;
	said[len] = '\0';
	if (in)
		fclose(in);
	return in ? said : NULL;
}

static const char *export(struct folder_case *c, uint32_t class_id, const char *oid)
{
	const struct sfs_export how = { .depth = 1 };
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_export(c->store, class_id, sfs_span_str(oid), &how, &text, NULL, NULL),
			 0);
	assert_true(text.len < sizeof said);
	memcpy(said, text.data, text.len);
	said[text.len] = '\0';
	sfs_buf_fini(&text);
	return said;
}

static void has(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("missing: %s\nin: %s", part, text ? text : "(nothing)");
}

static int print_problem(void *arg, const struct sfs_check_problem *problem)
{
	(void)arg;
	print_message("%s\n", problem->text);
	return 0;
}

/** Nothing is wrong in it. */
static void sound(struct folder_case *c)
{
	const struct sfs_check check = { .problem = print_problem };
	struct sfs_check_result report;
	assert_int_equal(sfs_store_check(c->store, &check, &report, NULL), 0);
	assert_int_equal(report.problems, 0);
}

static int count_oid(void *arg, uint64_t index, struct sfs_span oid)
{
	unsigned *count = arg;
	(void)index, (void)oid;
	++*count;
	return 0;
}

static void a_relation_to_a_class_that_comes_later_is_a_reference(void **state)
{
	struct folder_case *c = *state;
	uint32_t comment = define(c, "Comment",
				  "{\"type\": \"blog.Comment\", \"relations\":"
				  " {\"author\": \"Account\", \"likes\": [\"Account\"]}}");
	import(c, comment, 0,
	       "{\"oid\": \"c\", \"type\": \"blog.Comment\", \"updates\": {\"oid\": 0}, \"author\":"
	       " [{\"oid\": \"A\", \"type\": \"people.Account\", \"updates\": {\"oid\": 0},"
	       " \"name\": \"copied\"}], \"likes\": [{\"oid\": \"B\", \"type\": \"people.Account\"}]}");
	const char *text = file(c, "Comment/c.json");
	has(text, "\"author\": [{\"oid\": \"A\", \"type\": \"people.Account\"}]");
	has(text, "\"likes\": [{\"oid\": \"B\", \"type\": \"people.Account\"}]");
	assert_null(strstr(text, "copied"));
	/* The class comes, and it is what was meant. */
	uint32_t account = define(c, "Account", "{\"type\": \"people.Account\"}");
	import(c, account, 0, "{\"oid\": \"A\", \"type\": \"people.Account\"}");
	const struct sfs_relation author = { comment, sfs_span_str("c"), sfs_span_str("author") };
	unsigned count = 0;
	assert_int_equal(sfs_relation_get(c->store, &author, 0, 0, count_oid, &count), 0);
	assert_int_equal(count, 1);
	sound(c);
	/* A type of another class is refused as before. */
	const struct sfs_put put = {
		.class_id = comment,
		.oid = sfs_span_str("d"),
		.text = sfs_span_str("{\"author\": {\"oid\": \"A\", \"type\": \"other.Account\"}}"),
	};
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), SFS_ERR_BAD_DOCUMENT);
}

static void never_stays_never(void **state)
{
	struct folder_case *c = *state;
	uint32_t note = define(c, "Note", "{\"properties\": {\"a\": \"int\", \"b\": \"int\"}}");
	import(c, note, 0,
	       "{\"oid\": \"n\", \"updates\": {\"b\": 20250102030405000001, \"oid\": 0},"
	       " \"a\": 1, \"b\": 2}");
	has(export(c, note, "n"), "\"a\": 0");
	has(said, "\"b\": 20250102030405000001");
	import(c, note, 0, "{\"oid\": \"m\", \"updates\": {\"oid\": 0}, \"a\": 1}");
	has(export(c, note, "m"), "\"oid\": 0\n");
	has(file(c, "Note/m.json"), "\"updates\": {\"a\": 0, \"oid\": 0}");
	reopen(c);
	has(export(c, note, "m"), "\"oid\": 0\n");
	sound(c);
}

static void metadata_keeps_the_time_that_a_record_says(void **state)
{
	struct folder_case *c = *state;
	uint32_t image = define(c, "Image", "{\"kind\": \"raw\"}");
	import(c, image, 0,
	       "{\"oid\": \"i\", \"updates\": {\"data\": 20250102030405000001, \"meta\":"
	       " 20240102030405000002, \"oid\": 20250102030405000001}, \"data\": \"YQ==\", \"w\": 1}");
	has(export(c, image, "i"), "\"meta\": 20240102030405000002");
	has(said, "\"data\": 20250102030405000001");
	/* The same again, older: it only goes up. */
	import(c, image, 0,
	       "{\"oid\": \"i\", \"updates\": {\"meta\": 20230102030405000002}, \"w\": 1}");
	has(export(c, image, "i"), "\"meta\": 20240102030405000002");
	import(c, image, 0,
	       "{\"oid\": \"i\", \"updates\": {\"meta\": 20240702030405000002}, \"w\": 1}");
	has(export(c, image, "i"), "\"meta\": 20240702030405000002");
	reopen(c);
	has(export(c, image, "i"), "\"meta\": 20240702030405000002");
	sound(c);
}

static uint64_t find_raw(struct folder_case *c, uint32_t class_id, const char *path)
{
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_find_path(c->store, class_id, sfs_span_str(path), &attr), 0);
	return attr.ino;
}

static void unlink_raw(struct folder_case *c, uint32_t class_id, const char *path)
{
	assert_int_equal(sfs_raw_remove(c->store, class_id, sfs_span_str(path)), 0);
}

static struct sfs_trashed in_trash(struct folder_case *c, uint32_t class_id, const char *name)
{
	struct sfs_trashed found;
	struct sfs_buf text = SFS_BUF_INIT;
	assert_int_equal(sfs_trash_find_name(c->store, class_id, sfs_span_str(name), INT64_MAX,
					     &found, &text),
			 0);
	sfs_buf_fini(&text);
	found.name = (struct sfs_span){ "", 0 };
	return found;
}

static void assert_bytes(struct folder_case *c, uint64_t ino, const char *bytes)
{
	struct sfs_buf found = SFS_BUF_INIT;
	assert_int_equal(sfs_raw_load(c->store, ino, 0, &found), 0);
	assert_int_equal(found.len, strlen(bytes));
	if (found.len)
		assert_memory_equal(found.data, bytes, found.len);
	sfs_buf_fini(&found);
}

static void restore(struct folder_case *c, const struct sfs_trashed *item)
{
	const struct sfs_trash_restore how = { .ino = item->ino };
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_trash_restore(c->store, &how, NULL, &diag))
		fail_msg("%s", diag.text);
}

static void the_trash_keeps_raws_of_a_folder(void **state)
{
	struct folder_case *c = *state;
	/* As the original writes it, with times of its own; one of the two has no data. */
	run("mkdir -p %s/File/a/b %s/File/none", c->root, c->root);
	run("printf '{\"oid\": \"a.b\", \"type\": \"m.File\", \"updates\": {\"data\":"
	    " 20250102030405000001, \"oid\": 20250102030405000001}, \"format\": \"jpeg\"}'"
	    " > %s/File/a/b/meta.json && printf bytes > %s/File/a/b/data.blob",
	    c->root, c->root);
	run("printf '{\"oid\": \"none\", \"type\": \"m.File\", \"updates\": {\"oid\": 0}}'"
	    " > %s/File/none/meta.json",
	    c->root);
	run("cp -r %s/File %s/was", c->root, c->path);
	reopen(c);
	struct sfs_class_info info;
	assert_int_equal(sfs_class_find(c->store, sfs_span_str("File"), &info), 0);
	uint64_t ino = find_raw(c, info.id, "a.b");
	unlink_raw(c, info.id, "a.b");
	unlink_raw(c, info.id, "none");
	assert_null(file(c, "File/a/b/meta.json"));
	assert_null(file(c, "File/a/b/data.blob"));
	run("test -z \"$(find %s -name '*.json')\"", c->root);
	struct sfs_trashed kept = in_trash(c, info.id, "a.b"), none = in_trash(c, info.id, "none");
	assert_int_equal(kept.ino, ino);
	assert_bytes(c, kept.ino, "bytes");
	sound(c);
	reopen(c);
	assert_bytes(c, kept.ino, "bytes");
	restore(c, &kept);
	restore(c, &none);
	assert_int_equal(find_raw(c, info.id, "a.b"), ino);
	run("cmp %s/was/a/b/meta.json %s/File/a/b/meta.json", c->path, c->root);
	run("cmp %s/was/none/meta.json %s/File/none/meta.json", c->path, c->root);
	has(file(c, "File/a/b/data.blob"), "bytes");
	assert_bytes(c, find_raw(c, info.id, "none"), "");
	sound(c);
	reopen(c);
	assert_bytes(c, ino, "bytes");
	/* What goes for good goes with its bytes; another program's removal is none of ours. */
	unlink_raw(c, info.id, "a.b");
	assert_int_equal(sfs_trash_empty(c->store, info.id, INT64_MAX, NULL), 0);
	reopen(c);
	assert_int_equal(sfs_store_sync(c->store), 0);
	run("rm -r %s/File/none", c->root);
	reopen(c);
	struct sfs_trash_stat stat;
	assert_int_equal(sfs_trash_stat(c->store, info.id, &stat), 0);
	assert_int_equal(stat.entries, 0);
	run("test -z \"$(find %s/.storefs/raw -type f)\"", c->root);
	sound(c);
}

static void put(struct folder_case *c, uint32_t class_id, const char *oid, const char *text)
{
	const struct sfs_put put = { .class_id = class_id,
				     .oid = sfs_span_str(oid),
				     .text = sfs_span_str(text) };
	assert_int_equal(sfs_object_put(c->store, &put, NULL, NULL), 0);
}

static uint64_t find(struct folder_case *c, uint32_t class_id, const char *oid)
{
	struct sfs_attr attr;
	assert_int_equal(sfs_object_find(c->store, class_id, sfs_span_str(oid), &attr), 0);
	return attr.ino;
}

static int rename_class(struct folder_case *c, const char *from, const char *to)
{
	return sfs_class_rename(c->store, sfs_span_str(from), sfs_span_str(to));
}

static void a_class_is_renamed_with_its_folder(void **state)
{
	struct folder_case *c = *state;
	struct sfs_class_info info;
	/* An oid that is not that of its path, and a raw. */
	run("mkdir -p %s/A %s/F/r %s/my/coll %s/taken", c->root, c->root, c->root, c->root);
	run("printf '{\"oid\": \"inner\", \"type\": \"m.A\", \"updates\": {\"oid\": 0}}' > %s/A/outer.json",
	    c->root);
	run("printf '{\"oid\": \"k\", \"type\": \"m.K\", \"updates\": {\"oid\": 0}}' > %s/my/coll/k.json",
	    c->root);
	run("printf '{\"oid\": \"k\", \"type\": \"m.K\", \"updates\": {\"oid\": 0}}' > %s/my/k.json",
	    c->root);
	run("printf '{\"oid\": \"r\", \"type\": \"m.F\", \"updates\": {\"oid\": 0}}' > %s/F/r/meta.json"
	    " && printf bytes > %s/F/r/data.blob",
	    c->root, c->root);
	reopen(c);
	uint32_t id = define(c, "A", "{\"type\": \"m.A\", \"properties\": {\"n\": \"int\"}}");
	put(c, id, "1", "{\"n\": 1}");
	put(c, id, "x.y", "{\"n\": 2}");
	uint64_t one = find(c, id, "1"), inner = find(c, id, "inner");
	assert_int_equal(sfs_class_find(c->store, sfs_span_str("F"), &info), 0);
	uint64_t raw = find_raw(c, info.id, "r");
	run("cp -r %s/A %s/was && cp -r %s/F %s/raws", c->root, c->path, c->root, c->path);
	assert_int_equal(rename_class(c, "A", "taken"), SFS_ERR_EXISTS);
	assert_int_equal(rename_class(c, "my", "mine"), SFS_ERR_CROSS);
	assert_int_equal(rename_class(c, "A", "B"), 0);
	assert_int_equal(rename_class(c, "F", "G"), 0);
	for (int round = 0; round < 2; round++) {
		run("diff -r %s/was %s/B && diff -r %s/raws %s/G && test ! -e %s/A -a ! -e %s/F",
		    c->path, c->root, c->path, c->root, c->root, c->root);
		assert_int_equal(sfs_class_find(c->store, sfs_span_str("A"), &info),
				 SFS_ERR_NOT_FOUND);
		assert_int_equal(sfs_class_find(c->store, sfs_span_str("B"), &info), 0);
		assert_int_equal(info.id, id);
		assert_string_equal(info.type, "m.A");
		assert_int_equal(find(c, id, "1"), one);
		assert_int_equal(find(c, id, "inner"), inner);
		assert_bytes(c, raw, "bytes");
		sound(c);
		reopen(c);
	}
	put(c, id, "1", "{\"n\": 3}");
	put(c, id, "new", "{\"n\": 4}");
	has(file(c, "B/1.json"), "\"n\": 3");
	has(file(c, "B/new.json"), "\"type\": \"m.A\"");
	/* The name is free, and without files there is no folder. */
	define(c, "A", "{}");
	assert_int_equal(rename_class(c, "A", "C"), 0);
	put(c, define(c, "C", "{\"extra\": \"keep\"}"), "1", "{}");
	has(file(c, "C/1.json"), "\"oid\": \"1\"");
	sound(c);
}

static void a_kill_leaves_a_renamed_class_in_its_folder(void **state)
{
	struct folder_case *c = *state;
	uint32_t id = define(c, "A", "{\"properties\": {\"n\": \"int\"}}");
	put(c, id, "1", "{\"n\": 1}");
	uint64_t one = find(c, id, "1");
	/* The folder has its new name, the commit is lost. */
	assert_int_equal(
		sfsi_folder_move_begin(c->store, sfsi_class_ref(c->store, id), sfs_span_str("B")),
		0);
	assert_int_equal(sfs_store_close(c->store), 0);
	run("mv %s/A %s/B", c->root, c->root);
	open_store(c);
	assert_int_equal(find(c, id, "1"), one);
	has(file(c, "A/1.json"), "\"n\": 1");
	assert_null(file(c, "B/1.json"));
	/* The commit is there, the folder has its old name. */
	assert_int_equal(rename_class(c, "A", "B"), 0);
	assert_int_equal(
		sfsi_folder_move_begin(c->store, sfsi_class_ref(c->store, id), sfs_span_str("A")),
		0);
	assert_int_equal(sfs_store_close(c->store), 0);
	run("mv %s/B %s/A", c->root, c->root);
	open_store(c);
	assert_int_equal(find(c, id, "1"), one);
	has(file(c, "B/1.json"), "\"n\": 1");
	reopen(c);
	sound(c);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_relation_to_a_class_that_comes_later_is_a_reference),
		CASE(never_stays_never),
		CASE(metadata_keeps_the_time_that_a_record_says),
		CASE(the_trash_keeps_raws_of_a_folder),
		CASE(a_class_is_renamed_with_its_folder),
		CASE(a_kill_leaves_a_renamed_class_in_its_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
