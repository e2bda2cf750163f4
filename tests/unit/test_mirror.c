/*
 * Folders that the Python storage module wrote: opened they say what Python reads from them, and they stay as
 * they are until something is saved.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <yyjson.h>
#include <storefs/class.h>
#include <storefs/object.h>
#include <storefs/raw.h>
#include <storefs/refused.h>
#include <storefs/relation.h>
#include <storefs/store.h>
#include "folder.h"

static yyjson_doc *vectors;
static char folder[FOLDER_PATH_MAX];

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
	char command[1024];
	va_list args;
	va_start(args, fmt);
	vsnprintf(command, sizeof command, fmt, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static int setup(void **state)
{
	(void)state;
	folder_make(folder);
	char cache[FOLDER_PATH_MAX + 16];
	snprintf(cache, sizeof cache, "%s/cache", folder);
	setenv("XDG_CACHE_HOME", cache, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_remove(folder);
	return 0;
}

static const char *place(const char *name)
{
	static char path[2 * FOLDER_PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void copy_case(const char *name)
{
	run("cp -r %s/vectors/%s %s/%s", TEST_DATA, name, folder, name);
}

static struct sfs_store *open_case(const char *name, unsigned flags)
{
	struct sfs_store *store = NULL;
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_store_config config = { .path = place(name), .flags = flags };
	if (sfs_store_open(&config, &store, &diag))
		fail_msg("%s: %s", name, diag.text);
	return store;
}

/** All files but those of the sidecar, with their sums and times. */
static void sums(const char *name, const char *to)
{
	run("cd %s/%s && find . -path ./.storefs -prune -o -type f -printf '%%p %%T@ %%i\\n' -exec "
	    "sha256sum {} + | sort > %s/%s",
	    folder, name, folder, to);
}

/* --- the documents against what Python reads --- */

/** A value of expected.json, in its own notation, against one of a document. */
static bool same_value(yyjson_val *wanted, yyjson_val *found);

static bool same_number(const char *text, yyjson_val *found)
{
	const char *raw = yyjson_is_raw(found) ? yyjson_get_raw(found) : NULL;
	return raw && strcmp(raw, text) == 0;
}

static bool same_float(const char *text, yyjson_val *found)
{
	yyjson_val *special = yyjson_obj_get(found, "$float");
	if (special)
		return yyjson_equals_str(special, text);
	return yyjson_is_raw(found) && strtod(yyjson_get_raw(found), NULL) == strtod(text, NULL);
}

/** An object that others are known by: its oid and its type. */
static bool same_reference(yyjson_val *wanted, yyjson_val *found)
{
	yyjson_val *oid = yyjson_obj_get(found, "oid"), *type = yyjson_obj_get(found, "type");
	return oid && type && yyjson_equals_str(oid, yyjson_get_str(yyjson_arr_get_last(wanted))) &&
	       yyjson_equals_str(type, yyjson_get_str(yyjson_arr_get_first(wanted)));
}

static bool same_object(yyjson_val *wanted, yyjson_val *found)
{
	size_t at, max;
	yyjson_val *key, *value;
	if (!yyjson_is_obj(found))
		return false;
	yyjson_val *word = yyjson_obj_get(wanted, "$int");
	if (word)
		return same_number(yyjson_get_str(word), found);
	word = yyjson_obj_get(wanted, "$ref");
	if (word)
		return same_reference(word, found);
	if (yyjson_obj_size(wanted) != yyjson_obj_size(found))
		return false;
	yyjson_obj_foreach(wanted, at, max, key, value)
	{
		yyjson_val *other = yyjson_obj_getn(found, yyjson_get_str(key),
						    yyjson_get_len(key));
		if (!other || !same_value(value, other))
			return false;
	}
	return true;
}

static bool same_array(yyjson_val *wanted, yyjson_val *found)
{
	size_t at, max;
	yyjson_val *value;
	if (!yyjson_is_arr(found) || yyjson_arr_size(wanted) != yyjson_arr_size(found))
		return false;
	yyjson_arr_foreach(wanted, at, max,
			   value) if (!same_value(value, yyjson_arr_get(found, at))) return false;
	return true;
}

static bool same_value(yyjson_val *wanted, yyjson_val *found)
{
	if (yyjson_is_raw(wanted))
		return yyjson_is_raw(found) &&
		       strtod(yyjson_get_raw(wanted), NULL) == strtod(yyjson_get_raw(found), NULL);
	yyjson_val *word = yyjson_is_obj(wanted) ? yyjson_obj_get(wanted, "$int") : NULL;
	if (word)
		return same_number(yyjson_get_str(word), found);
	word = yyjson_is_obj(wanted) ? yyjson_obj_get(wanted, "$float") : NULL;
	if (word)
		return same_float(yyjson_get_str(word), found);
	/* A text that is no Unicode is shown with its bytes. */
	if (yyjson_is_obj(wanted) && yyjson_obj_get(wanted, "$surr"))
		return yyjson_obj_get(found, "$ext");
	if (yyjson_is_obj(wanted))
		return same_object(wanted, found);
	if (yyjson_is_arr(wanted))
		return same_array(wanted, found);
	return yyjson_equals(wanted, found);
}

static uint32_t class_of(struct sfs_store *store, const char *name)
{
	struct sfs_class_info info;
	if (sfs_class_find(store, sfs_span_str(name), &info))
		fail_msg("no class %s", name);
	return info.id;
}

/** A document as JSON, with numbers as they are written. */
static yyjson_doc *document(struct sfs_store *store, uint32_t class_id, const char *oid)
{
	struct sfs_attr attr;
	struct sfs_doc *doc;
	int err = sfs_object_find(store, class_id, sfs_span_str(oid), &attr);
	if (err)
		fail_msg("%s: %s", oid, sfs_err_text(err));
	assert_int_equal(sfs_object_get(store, attr.ino, SFS_FORMAT_JSON, &doc), 0);
	yyjson_doc *json = yyjson_read(doc->bytes.data, doc->bytes.len, YYJSON_READ_NUMBER_AS_RAW);
	assert_non_null(json);
	sfs_doc_unref(doc);
	return json;
}

static void check_members(const char *oid, yyjson_val *wanted, yyjson_val *found)
{
	size_t at, max;
	yyjson_val *key, *value;
	yyjson_obj_foreach(wanted, at, max, key, value)
	{
		yyjson_val *other = yyjson_obj_get(found, yyjson_get_str(key));
		if (!other || !same_value(value, other))
			fail_msg("%s.%s differs", oid, yyjson_get_str(key));
	}
}

/** Targets of relations, whether they are one or many. */
static void check_relations(const char *oid, yyjson_val *wanted, yyjson_val *found)
{
	size_t at, max, i, count;
	yyjson_val *key, *value, *target;
	yyjson_obj_foreach(wanted, at, max, key, value)
	{
		yyjson_val *list = yyjson_obj_get(found, yyjson_get_str(key));
		yyjson_arr_foreach(value, i, count, target)
		{
			yyjson_val *one = yyjson_is_arr(list) ? yyjson_arr_get(list, i) : list;
			if (!same_reference(target, one))
				fail_msg("%s.%s[%zu] differs", oid, yyjson_get_str(key), i);
		}
	}
}

/** The class of the dump, which has its Python name. */
static const char *class_name(const char *name)
{
	return strcmp(name, "Coll") == 0 ? "my.coll" : name;
}

static void check_object(struct sfs_store *store, const char *class, const char *oid,
			 yyjson_val *wanted)
{
	uint32_t class_id = class_of(store, class_name(class));
	/* Cycles, which the original can not load, are fine; what it raises is looked at elsewhere. */
	yyjson_val *error = yyjson_obj_get(wanted, "$error");
	if (yyjson_is_null(wanted) || (error && !yyjson_equals_str(error, "RecursionError")))
		return;
	yyjson_doc *doc = document(store, class_id, oid);
	yyjson_val *root = yyjson_doc_get_root(doc);
	check_members(oid, yyjson_obj_get(wanted, "properties"), root);
	check_relations(oid, yyjson_obj_get(wanted, "relations"), root);
	yyjson_doc_free(doc);
}

static void check_raw(struct sfs_store *store, const char *class, const char *oid,
		      yyjson_val *wanted)
{
	struct sfs_attr attr;
	struct sfs_buf meta = SFS_BUF_INIT;
	uint32_t class_id = class_of(store, class);
	assert_int_equal(sfs_raw_find_path(store, class_id, sfs_span_str(oid), &attr), 0);
	assert_int_equal(attr.size,
			 strtoull(yyjson_get_raw(yyjson_obj_get(wanted, "size")), NULL, 10));
	assert_int_equal(sfs_raw_meta_document(store, attr.ino, SFS_FORMAT_JSON, &meta), 0);
	yyjson_doc *doc = yyjson_read(meta.data, meta.len, YYJSON_READ_NUMBER_AS_RAW);
	assert_non_null(doc);
	if (!same_value(yyjson_obj_get(wanted, "meta"), yyjson_doc_get_root(doc)))
		fail_msg("metadata of %s", oid);
	yyjson_doc_free(doc);
	sfs_buf_fini(&meta);
}

static void each(yyjson_val *classes, struct sfs_store *store,
		 void (*fn)(struct sfs_store *store, const char *class, const char *oid,
			    yyjson_val *wanted))
{
	size_t at, max, i, count;
	yyjson_val *class, *objects, *oid, *wanted;
	yyjson_obj_foreach(classes, at, max, class, objects)
		yyjson_obj_foreach(objects, i, count, oid, wanted)
			fn(store, yyjson_get_str(class), yyjson_get_str(oid), wanted);
}

static void check_case(const char *name)
{
	yyjson_val *cases = yyjson_obj_get(yyjson_doc_get_root(vectors), "cases");
	yyjson_val *dump = yyjson_obj_get(yyjson_obj_get(cases, name), "dump");
	assert_non_null(dump);
	copy_case(name);
	sums(name, "before");
	struct sfs_store *store = open_case(name, 0);
	each(yyjson_obj_get(dump, "objects"), store, check_object);
	each(yyjson_obj_get(dump, "raw"), store, check_raw);
	assert_int_equal(sfs_store_close(store), 0);
	sums(name, "after");
	run("cmp %s/before %s/after && ! test -e %s/%s/.storefs", folder, folder, folder, name);
}

static void every_case_says_what_python_reads_and_stays_as_it_is(void **state)
{
	(void)state;
	static const char *const names[] = {
		"obj_cycle", "obj_empty",   "obj_numbers", "obj_relations", "obj_relations_shallow",
		"obj_types", "obj_unicode", "obj_updates", "obj_damaged",   "raw_all"
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		check_case(names[i]);
}

static void put(struct sfs_store *store, uint32_t class_id, const char *oid, const char *text)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_put what = { .class_id = class_id,
				      .oid = sfs_span_str(oid),
				      .text = sfs_span_str(text) };
	if (sfs_object_put(store, &what, NULL, &diag))
		fail_msg("%s: %s", oid, diag.text);
}

static void assert_file(const char *name, const char *wanted)
{
	char text[65536];
	FILE *file = fopen(place(name), "rb");
	assert_non_null(file);
	size_t len = fread(text, 1, sizeof text - 1, file);
	text[len] = '\0';
	fclose(file);
	assert_string_equal(text, wanted);
}

/* Each object is changed and changed back, with its update times: the bytes are as Python wrote them. */
static void an_object_that_is_as_before_has_the_same_bytes(void **state)
{
	(void)state;
	copy_case("obj_updates");
	struct sfs_store *store = open_case("obj_updates", 0);
	uint32_t accounts = class_of(store, "Account");
	put(store, accounts, "u2", "{\"name\": \"y\"}");
	const struct sfs_put back = {
		.class_id = accounts,
		.oid = sfs_span_str("u1"),
		.text = sfs_span_str("{\"email\": \"e2\", \"name\": \"a\"}"),
	};
	assert_int_equal(sfs_object_put(store, &back, NULL, NULL), 0);
	assert_int_equal(sfs_store_close(store), 0);
	run("cmp %s/vectors/obj_updates/Account/u1.json %s/obj_updates/Account/u1.json", TEST_DATA,
	    folder);
	/* The time that is none stays with the property that did not change. */
	run("grep -q '\"updates\": {\"name\": 2[0-9]*, \"oid\": 2[0-9]*}' "
	    "%s/obj_updates/Account/u2.json",
	    folder);
}

static void what_is_saved_is_as_python_writes_it(void **state)
{
	(void)state;
	copy_case("obj_types");
	struct sfs_store *store = open_case("obj_types", 0);
	put(store, class_of(store, "Account"), "a.b", "{\"name\": \"\xc3\xa9\", \"age\": 1.0}");
	assert_int_equal(sfs_store_close(store), 0);
	run("grep -q '^{\"oid\": \"a.b\", \"type\": \"vecmodels.Account\", \"updates\": "
	    "{\"name\": 2[0-9]*, \"age\": 2[0-9]*, \"oid\": 2[0-9]*}, "
	    "\"name\": \"\\\\u00e9\", \"age\": 1.0}$' %s/obj_types/Account/a/b.json",
	    folder);
	run("! find %s/obj_types/.storefs -name '*.json' | grep .", folder);
	/* … and is there in another process's eyes, whatever becomes of the sidecar. */
	run("rm -r %s/obj_types/.storefs", folder);
	store = open_case("obj_types", SFS_STORE_READ_ONLY);
	yyjson_doc *doc = document(store, class_of(store, "Account"), "a.b");
	assert_true(
		yyjson_equals_str(yyjson_obj_get(yyjson_doc_get_root(doc), "name"), "\xc3\xa9"));
	yyjson_doc_free(doc);
	assert_int_equal(sfs_store_close(store), 0);
}

static void a_definition_makes_relations_of_what_is_embedded(void **state)
{
	(void)state;
	copy_case("obj_relations");
	struct sfs_store *store = open_case("obj_relations", 0);
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfs_class_make make = { .name = sfs_span_str("Comment"), .mode = 0755 };
	if (sfs_class_define(store, &make,
			     sfs_span_str("{\"properties\": {\"message\": \"string\"}, "
					  "\"relations\": {\"author\": \"Account\", "
					  "\"replies\": [\"Comment\"], \"article\": \"Article\"}}"),
			     &diag))
		fail_msg("%s", diag.text);
	put(store, class_of(store, "Comment"), "norel", "{\"message\": \"now\"}");
	assert_int_equal(sfs_store_close(store), 0);
	run("grep -q '\"type\": \"vecmodels.Comment\".*\"message\": \"now\", \"author\": \\[\\], "
	    "\"replies\": \\[\\], \"article\": \\[\\]}$' %s/obj_relations/Comment/norel.json",
	    folder);
}

static void damaged_files_are_said_and_kept(void **state)
{
	(void)state;
	static const char *const bad[] = { "badutf8", "empty",    "garbage",
					   "notdict", "trailing", "trunc" };
	struct sfs_attr attr;
	struct sfs_refused refused;
	copy_case("obj_damaged");
	struct sfs_store *store = open_case("obj_damaged", 0);
	uint32_t accounts = class_of(store, "Account");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sfs_span oid = sfs_span_str(bad[i]);
		assert_int_equal(sfs_object_find(store, accounts, oid, &attr), SFS_ERR_CORRUPT);
		/* An empty file has no bytes to be kept. */
		if (strcmp(bad[i], "empty") != 0)
			assert_int_equal(sfs_refused_find(store, accounts, oid, &refused), 0);
	}
	/* Python reads it as nothing. */
	assert_int_equal(sfs_object_find(store, accounts, sfs_span_str("null"), &attr),
			 SFS_ERR_NOT_FOUND);
	yyjson_doc_free(document(store, accounts, "good"));
	/* An unknown member, and a type that is not there, stay as they are. */
	put(store, accounts, "badclass", "{\"name\": \"x\"}");
	assert_int_equal(sfs_store_close(store), 0);
	run("grep -q '\"type\": \"nomodule.Nope\"' %s/obj_damaged/Account/badclass.json", folder);
	run("cmp %s/vectors/obj_damaged/Account/trunc.json %s/obj_damaged/Account/trunc.json",
	    TEST_DATA, folder);
}

static void changes_between_two_opens_are_taken_in(void **state)
{
	(void)state;
	struct sfs_attr attr;
	copy_case("obj_relations");
	struct sfs_store *store = open_case("obj_relations", 0);
	put(store, class_of(store, "Acc"), "2", "{\"v\": 1}");
	assert_int_equal(sfs_store_close(store), 0);
	run("cd %s/obj_relations && rm Account/B1.json && sed -i 's/new name/newer/' Account/A1.json && "
	    "cp Acc/2.json Acc/3.json && sed -i 's/\"oid\": \"2\"/\"oid\": \"3\"/' Acc/3.json",
	    folder);
	store = open_case("obj_relations", 0);
	uint32_t accounts = class_of(store, "Account");
	assert_int_equal(sfs_object_find(store, accounts, sfs_span_str("B1"), &attr),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_object_find(store, class_of(store, "Acc"), sfs_span_str("3"), &attr),
			 0);
	yyjson_doc *doc = document(store, accounts, "A1");
	assert_true(yyjson_equals_str(yyjson_obj_get(yyjson_doc_get_root(doc), "name"), "newer"));
	yyjson_doc_free(doc);
	assert_int_equal(sfs_store_close(store), 0);
}

static void an_oid_inside_a_file_wins(void **state)
{
	(void)state;
	copy_case("obj_updates");
	run("cd %s/obj_updates/Account && sed 's/\"oid\": \"u1\"/\"oid\": 77/' u1.json > other.json",
	    folder);
	struct sfs_store *store = open_case("obj_updates", 0);
	uint32_t accounts = class_of(store, "Account");
	put(store, accounts, "77", "{\"email\": \"e3\", \"name\": \"a\"}");
	assert_int_equal(sfs_store_close(store), 0);
	run("grep -q '^{\"oid\": 77, .*\"e3\"' %s/obj_updates/Account/other.json && "
	    "! test -e %s/obj_updates/Account/77.json",
	    folder, folder);
}

static void a_file_that_others_changed_is_not_written_over(void **state)
{
	(void)state;
	copy_case("obj_updates");
	struct sfs_store *store = open_case("obj_updates", 0);
	uint32_t accounts = class_of(store, "Account");
	put(store, accounts, "u1", "{\"name\": \"first\"}");
	run("printf '{\"oid\": \"u1\", \"type\": \"vecmodels.Account\", \"name\": \"theirs\"}' > "
	    "%s/obj_updates/Account/u1.json",
	    folder);
	/* At once: it was not heard of yet. */
	const struct sfs_put ours = { .class_id = accounts,
				      .oid = sfs_span_str("u1"),
				      .text = sfs_span_str("{\"name\": \"ours\"}") };
	int err = sfs_object_put(store, &ours, NULL, NULL);
	assert_true(err == SFS_ERR_CONFLICT || err == 0);
	assert_int_equal(sfs_store_close(store), 0);
	if (err)
		run("grep -q theirs %s/obj_updates/Account/u1.json", folder);
}

static void what_can_be_no_file_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "a/b", ".a", "a.", "a..b", "\xff" };
	copy_case("obj_updates");
	struct sfs_store *store = open_case("obj_updates", 0);
	struct sfs_put what = { .class_id = class_of(store, "Account"),
				.text = sfs_span_str("{}") };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		what.oid = sfs_span_str(bad[i]);
		assert_int_equal(sfs_object_put(store, &what, NULL, NULL), SFS_ERR_NAME);
	}
	assert_int_equal(sfs_store_close(store), 0);
}

static void a_raw_is_two_files(void **state)
{
	(void)state;
	struct sfs_attr attr;
	struct sfs_raw_file *file;
	size_t len;
	copy_case("raw_all");
	struct sfs_store *store = open_case("raw_all", 0);
	uint64_t root = sfs_ino_make(class_of(store, "File"), 1);
	const struct sfs_raw_make make = { .type = SFS_NODE_FILE, .mode = 0640 };
	assert_int_equal(sfs_raw_make(store, root, sfs_span_str("n.txt"), &make, &attr), 0);
	assert_int_equal(sfs_raw_open(store, attr.ino, true, &file), 0);
	assert_int_equal(sfs_raw_write(file, 0, "bytes", 5, &len), 0);
	sfs_raw_close(file);
	assert_file("raw_all/File/n/txt/data.blob", "bytes");
	assert_file(
		"raw_all/File/n/txt/meta.json",
		"{\"oid\": \"n.txt\", \"type\": \"vecmodels.File\", \"updates\": {\"oid\": 0}}");
	assert_int_equal(sfs_raw_unlink(store, root, sfs_span_str("a.b")), 0);
	assert_int_equal(
		sfs_raw_rename(store, root, sfs_span_str("text"), root, sfs_span_str("moved"), 0),
		0);
	assert_int_equal(sfs_store_close(store), 0);
	run("cd %s/raw_all/File && ! test -e a/b && ! test -e text && test -s moved/data.blob && "
	    "grep -q '^{\"oid\": \"moved\".*\"contentType\": \"text/plain\"' moved/meta.json && "
	    "test $(stat -c %%a n/txt/data.blob) = 640",
	    folder);
}

static void a_folder_is_recognised(void **state)
{
	(void)state;
	struct sfs_recognised found;
	copy_case("obj_types");
	run("mkdir -p %s/other/sub && echo '{\"name\": \"x\"}' > %s/other/sub/package.json", folder,
	    folder);
	assert_int_equal(sfs_store_recognise(place("obj_types"), &found, NULL), 0);
	assert_true(found.storage && !found.mirror && !found.store);
	assert_int_equal(sfs_store_recognise(place("other"), &found, NULL), 0);
	assert_false(found.storage || found.mirror || found.store);
	struct sfs_store *store;
	const struct sfs_store_config config = { .path = place("other") };
	assert_int_equal(sfs_store_open(&config, &store, NULL), SFS_ERR_NOT_STORE);
}

int main(void)
{
	char path[512];
	snprintf(path, sizeof path, "%s/vectors/expected.json", TEST_DATA);
	vectors = yyjson_read_file(path, YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);
	if (!vectors)
		return 1;
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_case_says_what_python_reads_and_stays_as_it_is),
		CASE(an_object_that_is_as_before_has_the_same_bytes),
		CASE(what_is_saved_is_as_python_writes_it),
		CASE(a_definition_makes_relations_of_what_is_embedded),
		CASE(damaged_files_are_said_and_kept),
		CASE(changes_between_two_opens_are_taken_in),
		CASE(an_oid_inside_a_file_wins),
		CASE(a_file_that_others_changed_is_not_written_over),
		CASE(what_can_be_no_file_is_refused),
		CASE(a_raw_is_two_files),
		CASE(a_folder_is_recognised),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	yyjson_doc_free(vectors);
	return failed;
}
