/* The contract of what has no name: files that get one later, and what is gone and still held. */
#include <storefs/index.h>
#include "check_case.h"
#include "contract.h"

static const struct sfs_raw_make file_0640 = {
	.type = SFS_NODE_FILE, .mode = 0640, .uid = 12, .gid = 34
};

static void is_whole(struct case_store *c)
{
	assert_string_equal(check_run(c), "");
}

static uint64_t files(struct case_store *c)
{
	struct sfs_class_info info;
	assert_int_equal(sfs_class_get(c->store, c->images, &info), 0);
	return info.files;
}

static struct sfs_raw_file *make(struct case_store *c, const char *text, uint64_t *ret_ino)
{
	struct sfs_raw_file *file;
	struct sfs_attr attr;
	size_t len;
	assert_int_equal(sfs_raw_make_unnamed(c->store, c->root, &file_0640, &file), 0);
	assert_int_equal(sfs_raw_write(file, 0, text, strlen(text), &len), 0);
	assert_int_equal(sfs_raw_file_stat(file, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(attr.mode, 0640);
	assert_int_equal(attr.uid, 12);
	assert_int_equal(attr.size, strlen(text));
	*ret_ino = attr.ino;
	return file;
}

static void a_file_without_a_name_goes_with_its_last_close(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr attr;
	uint64_t ino;
	struct sfs_raw_file *file = make(c, "brief", &ino), *again;
	assert_string_equal(case_names(c, c->root), "");
	assert_int_equal(files(c), 0);
	assert_int_equal(sfs_raw_open(c->store, ino, false, &again), 0);
	sfs_raw_close(file);
	assert_int_equal(sfs_raw_stat(c->store, ino, &attr), 0);
	sfs_raw_close(again);
	assert_int_equal(sfs_raw_stat(c->store, ino, &attr), SFS_ERR_NOT_FOUND);
	is_whole(c);
	case_reopen(c);
	is_whole(c);
}

static void it_may_get_a_name(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* a raw has one name */
	struct sfs_attr attr;
	uint64_t ino;
	struct sfs_raw_file *file = make(c, "lasting", &ino);
	assert_int_equal(sfs_raw_link(c->store, ino, c->root, SPAN("a"), &attr), 0);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(sfs_raw_link(c->store, ino, c->root, SPAN("b"), &attr), 0);
	assert_int_equal(attr.nlink, 2);
	assert_int_equal(files(c), 1);
	sfs_raw_close(file);
	case_reopen(c);
	is_whole(c);
	assert_string_equal(case_names(c, c->root), "a b");
	assert_string_equal(case_read(c, ino), "lasting");
	struct sfs_buf path = SFS_BUF_INIT;
	assert_int_equal(sfs_raw_path(c->store, ino, &path), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&path), SPAN("a")));
	sfs_buf_fini(&path);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("a")), 0);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("b")), 0);
	assert_int_equal(files(c), 0);
}

static void its_first_name_brings_it_into_indexes(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* a raw has one name */
	uint64_t ino;
	struct sfs_class_make image = { .name = SPAN("Image"),
					.kind = SFS_CLASS_RAW,
					.mode = 0755 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	const struct sfs_span text = SPAN(
		"{\"kind\": \"raw\", \"indexes\": {\"width\": \"value\"}}");
	if (sfs_class_define(c->store, &image, text, &diag) ||
	    sfs_index_wait(c->store, c->images, NULL, NULL, &diag))
		fail_msg("%s", diag.text);
	struct sfs_raw_file *file = make(c, "x", &ino);
	assert_int_equal(sfs_raw_link(c->store, ino, c->root, SPAN("a"), NULL), 0);
	assert_int_equal(sfs_raw_link(c->store, ino, c->root, SPAN("b"), NULL), 0);
	is_whole(c);
	sfs_raw_close(file);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("a")), 0);
	is_whole(c);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("b")), 0);
	is_whole(c);
}

static void a_name_that_comes_and_goes_leaves_it_as_it_was(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr attr;
	uint64_t ino;
	case_no_trash(c);
	struct sfs_raw_file *file = make(c, "x", &ino);
	case_make(c, c->root, "taken", SFS_NODE_FILE);
	assert_int_equal(sfs_raw_link(c->store, ino, c->root, SPAN("taken"), NULL), SFS_ERR_EXISTS);
	assert_int_equal(sfs_raw_link(c->store, ino, c->root, SPAN("a"), NULL), 0);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("a")), 0);
	assert_int_equal(sfs_raw_file_stat(file, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	/* It had a name: it is as any file that was removed, which gets none again. */
	assert_int_equal(sfs_raw_link(c->store, ino, c->root, SPAN("b"), NULL), SFS_ERR_NOT_FOUND);
	sfs_raw_close(file);
	assert_int_equal(sfs_raw_stat(c->store, ino, &attr), SFS_ERR_NOT_FOUND);
	assert_int_equal(files(c), 1);
	is_whole(c);
}

static void only_files_are_made_without_a_name(void **state)
{
	struct case_store *c = *state;
	struct sfs_raw_make dir = { .type = SFS_NODE_DIR, .mode = 0755 };
	struct sfs_attr plain = case_make(c, c->root, "plain", SFS_NODE_FILE);
	struct sfs_raw_file *file;
	assert_int_equal(sfs_raw_make_unnamed(c->store, c->root, &dir, &file), SFS_ERR_INVALID);
	assert_int_equal(sfs_raw_make_unnamed(c->store, plain.ino, &file_0640, &file),
			 SFS_ERR_NOT_DIR);
	assert_int_equal(sfs_raw_make_unnamed(c->store, plain.ino + 99, &file_0640, &file),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_make_unnamed(c->store, 1, &file_0640, &file), SFS_ERR_NOT_FOUND);
	uint64_t ino;
	file = make(c, "x", &ino);
	assert_int_equal(sfs_raw_link(c->store, ino, c->scratch, SPAN("a"), NULL), SFS_ERR_CROSS);
	sfs_raw_close(file);
}

static int count_entry(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
		       uint64_t cookie)
{
	size_t *count = arg;
	(void)name, (void)ino, (void)type, (void)cookie;
	++*count;
	return 0;
}

static void a_removed_directory_is_known_until_it_is_forgotten(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr dir = case_make(c, c->root, "d", SFS_NODE_DIR), attr;
	struct sfs_raw_make make = { .type = SFS_NODE_FILE, .mode = 0644 };
	struct sfs_setattr set = { .mask = SFS_SET_MODE, .mode = 0700 };
	size_t count = 0;
	assert_int_equal(sfs_raw_remember(c->store), 0);
	assert_int_equal(sfs_raw_rmdir(c->store, c->root, SPAN("d")), 0);
	assert_int_equal(sfs_raw_stat(c->store, dir.ino, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(attr.type, SFS_NODE_DIR);
	assert_int_equal(sfs_raw_setattr(c->store, dir.ino, &set, &attr), 0);
	assert_int_equal(attr.mode, 0700);
	assert_int_equal(sfs_raw_list(c->store, dir.ino, 0, 0, count_entry, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(sfs_raw_make(c->store, dir.ino, SPAN("x"), &make, NULL),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_find(c->store, dir.ino, SPAN("x"), &attr), SFS_ERR_NOT_FOUND);
	sfs_raw_forget(c->store, dir.ino);
	sfs_raw_forget(c->store, dir.ino);
	assert_int_equal(sfs_raw_stat(c->store, dir.ino, &attr), SFS_ERR_NOT_FOUND);
	is_whole(c);
}

static void the_oldest_of_many_is_forgotten(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr first = case_make(c, c->root, "d", SFS_NODE_FIFO), last = first, attr;
	assert_int_equal(sfs_raw_remember(c->store), 0);
	for (int i = 0; i < 4096; i++) {
		assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("d")), 0);
		last = case_make(c, c->root, "d", SFS_NODE_FIFO);
	}
	assert_int_equal(sfs_raw_stat(c->store, first.ino, &attr), 0);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("d")), 0);
	assert_int_equal(sfs_raw_stat(c->store, first.ino, &attr), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_stat(c->store, last.ino, &attr), 0);
}

static void what_a_rename_replaces_is_known_too(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr gone = case_make(c, c->root, "gone", SFS_NODE_DIR), attr;
	assert_int_equal(sfs_raw_remember(c->store), 0);
	case_make(c, c->root, "d", SFS_NODE_DIR);
	assert_int_equal(sfs_raw_rename(c->store, c->root, SPAN("d"), c->root, SPAN("gone"), 0), 0);
	assert_int_equal(sfs_raw_stat(c->store, gone.ino, &attr), 0);
	assert_int_equal(attr.nlink, 0);
}

static void an_inode_has_as_many_names_as_it_may(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* a raw has one name */
	struct sfs_attr attr = case_make(c, c->root, "a", SFS_NODE_FIFO);
	char name[16];
	for (int i = 1; i < SFS_LINKS_MAX; i++) {
		size_t len = (size_t)snprintf(name, sizeof name, "%d", i);
		struct sfs_span span = { name, len };
		assert_int_equal(sfs_raw_link(c->store, attr.ino, c->root, span, NULL), 0);
	}
	assert_int_equal(sfs_raw_link(c->store, attr.ino, c->root, SPAN("b"), NULL), SFS_ERR_LIMIT);
	assert_int_equal(sfs_raw_stat(c->store, attr.ino, &attr), 0);
	assert_int_equal(attr.nlink, SFS_LINKS_MAX);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("7")), 0);
	assert_int_equal(sfs_raw_link(c->store, attr.ino, c->root, SPAN("b"), NULL), 0);
}

int contract_unnamed(const char *backend)
{
	case_backend = backend;
#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_file_without_a_name_goes_with_its_last_close),
		CASE(it_may_get_a_name),
		CASE(its_first_name_brings_it_into_indexes),
		CASE(a_name_that_comes_and_goes_leaves_it_as_it_was),
		CASE(only_files_are_made_without_a_name),
		CASE(a_removed_directory_is_known_until_it_is_forgotten),
		CASE(the_oldest_of_many_is_forgotten),
		CASE(what_a_rename_replaces_is_known_too),
		CASE(an_inode_has_as_many_names_as_it_may),
	};
	return cmocka_run_group_tests_name("unnamed", tests, NULL, NULL);
}
