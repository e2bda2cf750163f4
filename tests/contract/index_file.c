/*
 * The contract of index files: what is written agrees, what changes afterwards is told, one by one. What
 * Python makes of the files, and they of Python's, tests/mount/index_files.bats says.
 */
#include <storefs/index_file.h>
#include "case.h"
#include "check_case.h"
#include "contract.h"
#include "folder.h"

struct files {
	struct case_store *c;
	char folder[FOLDER_PATH_MAX];
	struct sfs_index_files where;
	char said[4096]; /* differences, a line each */
	int calls;
};

static int setup_files(void **state)
{
	static const char definition[] =
		"{\"indexes\": {\"tag\": {\"extract\": \"value\", \"compatible\": true}}}";
	struct files *files = calloc(1, sizeof *files);
	void *inner = NULL;
	assert_int_equal(case_setup(&inner), 0);
	files->c = inner;
	struct sfs_class_make make = { .name = SPAN("Article"), .mode = 0755 };
	assert_int_equal(sfs_class_define(files->c->store, &make, sfs_span_str(definition), NULL),
			 0);
	assert_int_equal(sfs_index_wait(files->c->store, files->c->articles, NULL, NULL, NULL), 0);
	folder_make(files->folder);
	files->where.dir_fd = open(files->folder, O_RDONLY | O_DIRECTORY);
	*state = files;
	return 0;
}

static int teardown_files(void **state)
{
	struct files *files = *state;
	void *inner = files->c;
	close(files->where.dir_fd);
	folder_remove(files->folder);
	free(files);
	return case_teardown(&inner);
}

static void write_files(struct files *files, struct sfs_index_filed *ret)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	if (sfs_index_file_export(files->c->store, files->c->articles, SPAN("tag"), &files->where,
				  NULL, NULL, ret, &diag))
		fail_msg("%s", diag.text);
}

static int note(void *arg, const char *sentence)
{
	struct files *files = arg;
	size_t len = strlen(files->said);
	snprintf(files->said + len, sizeof files->said - len, "%s\n", sentence);
	return 0;
}

/** How many differences there are; files->said has them. */
static uint64_t differences(struct files *files)
{
	struct sfs_index_filed found;
	struct sfs_diag diag = SFS_DIAG_INIT;
	files->said[0] = 0;
	if (sfs_index_file_compare(files->c->store, files->c->articles, SPAN("tag"), &files->where,
				   note, files, &found, &diag))
		fail_msg("%s", diag.text);
	return found.missing;
}

static void assert_said(const struct files *files, const char *part)
{
	if (!strstr(files->said, part))
		fail_msg("'%s' is not in: %s", part, files->said);
}

static void put_some(struct files *files)
{
	assert_int_equal(case_put(files->c, "1", "{\"tag\": [\"a\", \"b\"]}", 0), 0);
	assert_int_equal(case_put(files->c, "2", "{\"tag\": [\"b\", 3, -1.5, null]}", 0), 0);
	assert_int_equal(case_put(files->c, "3", "{}", 0), 0);
	assert_int_equal(case_put(files->c, "4", "{\"tag\": {\"x\": [1]}}", 0), 0);
}

static void what_was_written_agrees(void **state)
{
	struct files *files = *state;
	struct sfs_index_filed filed;
	write_files(files, &filed);
	assert_int_equal(filed.objects, 0);
	assert_int_equal(differences(files), 0);
	put_some(files);
	write_files(files, &filed);
	assert_int_equal(filed.objects, 4);
	assert_int_equal(filed.keys, 6);
	assert_int_equal(filed.entries, 8);
	assert_int_equal(filed.missing, 0);
	assert_int_equal(differences(files), 0);
}

static void what_changed_since_is_told(void **state)
{
	struct files *files = *state;
	put_some(files);
	write_files(files, NULL);
	assert_int_equal(case_put(files->c, "5", "{\"tag\": \"b\"}", 0), 0);
	assert_int_equal(differences(files), 2);
	assert_said(files, "-fwd.dbm: \"b\" leads to 2 objects, but 3 have this key\n");
	assert_said(files, "-bwd.dbm: the object 5 is missing\n");
	assert_int_equal(sfs_object_remove(files->c->store, files->c->articles, SPAN("5"), 0), 0);
	assert_int_equal(differences(files), 0);
	assert_int_equal(case_put(files->c, "1", "{\"tag\": \"a\"}", 0), 0);
	assert_int_equal(differences(files), 2);
	assert_said(files, "-fwd.dbm: \"b\" leads to 1, which does not have this key\n");
	assert_said(files, "-bwd.dbm: 1 has a key there that it does not have\n");
	assert_int_equal(case_put(files->c, "1", "{\"tag\": [\"a\", \"b\", \"new\"]}", 0), 0);
	assert_int_equal(differences(files), 2);
	assert_said(files, "-fwd.dbm: the key new of 1 objects is missing\n");
	assert_said(files, "-bwd.dbm: 1 has 2 of its 3 keys there\n");
	write_files(files, NULL);
	assert_int_equal(differences(files), 0);
}

static int stop(void *arg, uint64_t done, uint64_t all)
{
	struct files *files = arg;
	assert_true(done <= all);
	files->calls++;
	return files->calls == 2;
}

static void an_export_that_is_stopped_changes_nothing(void **state)
{
	struct files *files = *state;
	put_some(files);
	write_files(files, NULL);
	for (int i = 10; i < 1500; i++) {
		char oid[16];
		snprintf(oid, sizeof oid, "%d", i);
		assert_int_equal(case_put(files->c, oid, "{\"tag\": \"many\"}", 0), 0);
	}
	assert_int_equal(sfs_index_file_export(files->c->store, files->c->articles, SPAN("tag"),
					       &files->where, stop, files, NULL, NULL),
			 SFS_ERR_CANCELLED);
	assert_int_equal(differences(files), 1 + 1490);
	assert_said(files, "-fwd.dbm: the key many of 1490 objects is missing\n");
	assert_int_equal(folder_each(files->folder, ".new", NULL, NULL), 0);
	assert_int_equal(folder_each(files->folder, ".dbm", NULL, NULL), 2);
}

static int cancel(void *arg, const char *sentence)
{
	(void)sentence;
	++*(int *)arg;
	return 1;
}

static void a_comparison_stops_when_asked(void **state)
{
	struct files *files = *state;
	int calls = 0;
	write_files(files, NULL);
	put_some(files);
	assert_int_equal(sfs_index_file_compare(files->c->store, files->c->articles, SPAN("tag"),
						&files->where, cancel, &calls, NULL, NULL),
			 SFS_ERR_CANCELLED);
	assert_int_equal(calls, 1);
}

static void what_is_not_there_is_said(void **state)
{
	struct files *files = *state;
	struct sfs_diag diag = SFS_DIAG_INIT;
	assert_int_equal(sfs_index_file_compare(files->c->store, files->c->articles, SPAN("tag"),
						&files->where, NULL, NULL, NULL, &diag),
			 SFS_ERR_NOT_FOUND);
	assert_string_equal(diag.text, "there is no index file Article.tag-fwd.dbm");
	assert_int_equal(sfs_index_file_export(files->c->store, files->c->articles, SPAN("nothing"),
					       &files->where, NULL, NULL, NULL, &diag),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_index_file_export(files->c->store, files->c->images, SPAN("tag"),
					       &files->where, NULL, NULL, NULL, &diag),
			 SFS_ERR_WRONG_KIND);
	files->where.prefix = SPAN("../");
	assert_int_equal(sfs_index_file_export(files->c->store, files->c->articles, SPAN("tag"),
					       &files->where, NULL, NULL, NULL, &diag),
			 SFS_ERR_NAME);
}

int contract_index_file(const char *backend)
{
	case_backend = backend;
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup_files, teardown_files)
	const struct CMUnitTest tests[] = {
		CASE(what_was_written_agrees),
		CASE(what_changed_since_is_told),
		CASE(an_export_that_is_stopped_changes_nothing),
		CASE(a_comparison_stops_when_asked),
		CASE(what_is_not_there_is_said),
	};
	return cmocka_run_group_tests_name("index_file", tests, NULL, NULL);
}
