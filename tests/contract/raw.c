/* The contract of raws, scratch files and their directories. */
#include "case.h"
#include "contract.h"

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })

static void bytes_are_written_read_and_kept(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr attr = case_make(c, c->root, "a.jpg", SFS_NODE_FILE);
	assert_int_equal(attr.size, 0);
	case_write(c, attr.ino, "hello");
	struct sfs_raw_file *file;
	size_t len;
	char byte;
	assert_int_equal(sfs_raw_open(c->store, attr.ino, true, &file), 0);
	assert_true(sfs_raw_fd(file) >= 0);
	assert_int_equal(sfs_raw_write(file, 1000000, "x", 1, &len), 0);
	assert_int_equal(sfs_raw_read(file, 1000000, &byte, 1, &len), 0);
	assert_int_equal(byte, 'x');
	assert_int_equal(sfs_raw_read(file, 2000000, &byte, 1, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(sfs_raw_write(file, UINT64_MAX, "x", 1, &len), SFS_ERR_LIMIT);
	assert_int_equal(sfs_raw_sync(file), 0);
	sfs_raw_close(file);
	case_reopen(c);
	assert_int_equal(sfs_raw_find(c->store, c->root, SPAN("a.jpg"), &attr), 0);
	assert_int_equal(attr.size, 1000001);
	assert_string_equal(case_read(c, attr.ino), "hello");
}

static void truncate_and_times_are_those_of_the_bytes(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr attr = case_make(c, c->root, "a", SFS_NODE_FILE);
	case_write(c, attr.ino, "hello");
	struct sfs_setattr set = { .mask = SFS_SET_SIZE | SFS_SET_MTIME,
				   .size = 2,
				   .mtime_ns = 1234567890123456789 };
	assert_int_equal(sfs_raw_setattr(c->store, attr.ino, &set, &attr), 0);
	assert_int_equal(attr.size, 2);
	assert_true(attr.mtime_ns == 1234567890123456789);
	assert_string_equal(case_read(c, attr.ino), "he");
	set.mask = SFS_SET_SIZE;
	set.size = (uint64_t)1 << 63;
	assert_int_equal(sfs_raw_setattr(c->store, attr.ino, &set, NULL), SFS_ERR_LIMIT);
	set.size = (uint64_t)1 << 40;
	assert_int_equal(sfs_raw_setattr(c->store, attr.ino, &set, &attr), 0);
	assert_true(attr.blocks < 100);
	struct sfs_attr dir = case_make(c, c->root, "d", SFS_NODE_DIR);
	assert_int_equal(sfs_raw_setattr(c->store, dir.ino, &set, NULL), SFS_ERR_IS_DIR);
	assert_int_equal(sfs_raw_setattr(c->store, c->root, &set, NULL), SFS_ERR_IS_DIR);
}

static void owner_and_mode_are_kept_for_everything(void **state)
{
	struct case_store *c = *state;
	uint64_t inos[] = {
		case_make(c, c->root, "file", SFS_NODE_FILE).ino,
		case_make(c, c->root, "dir", SFS_NODE_DIR).ino,
		case_make(c, c->root, "link", SFS_NODE_SYMLINK).ino,
		case_make(c, c->root, "fifo", SFS_NODE_FIFO).ino,
		c->root,
	};
	struct sfs_setattr set = {
		.mask = SFS_SET_MODE | SFS_SET_UID | SFS_SET_GID, .mode = 01751, .uid = 7, .gid = 8
	};
	struct sfs_attr before[5], after;
	for (int i = 0; i < 5; i++)
		assert_int_equal(sfs_raw_setattr(c->store, inos[i], &set, &before[i]), 0);
	case_reopen(c);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(sfs_raw_stat(c->store, inos[i], &after), 0);
		assert_memory_equal(&before[i], &after, sizeof after);
		assert_int_equal(after.mode, 01751);
		assert_int_equal(after.uid, 7);
		assert_int_equal(after.gid, 8);
	}
}

static void directories_nest_and_count_their_links(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr a = case_make(c, c->root, "a", SFS_NODE_DIR);
	struct sfs_attr b = case_make(c, a.ino, "b", SFS_NODE_DIR);
	struct sfs_attr f = case_make(c, b.ino, "f", SFS_NODE_FILE), found;
	assert_int_equal(b.parent, a.ino);
	assert_int_equal(sfs_raw_find_path(c->store, c->images, SPAN("a/b/f"), &found), 0);
	assert_int_equal(found.ino, f.ino);
	assert_int_equal(sfs_raw_find_path(c->store, c->images, SPAN(""), &found), 0);
	assert_int_equal(found.ino, c->root);
	assert_int_equal(found.nlink, 3);
	assert_int_equal(sfs_raw_find_path(c->store, c->images, SPAN("a/b/f/g"), &found),
			 SFS_ERR_NOT_DIR);
	assert_int_equal(sfs_raw_find_path(c->store, c->images, SPAN("a//f"), &found),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_rmdir(c->store, c->root, SPAN("a")), SFS_ERR_NOT_EMPTY);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("a")), SFS_ERR_IS_DIR);
	assert_int_equal(sfs_raw_rmdir(c->store, b.ino, SPAN("f")), SFS_ERR_NOT_DIR);
	assert_int_equal(sfs_raw_unlink(c->store, b.ino, SPAN("f")), 0);
	assert_int_equal(sfs_raw_rmdir(c->store, a.ino, SPAN("b")), 0);
	assert_int_equal(sfs_raw_rmdir(c->store, c->root, SPAN("a")), 0);
	assert_int_equal(sfs_raw_stat(c->store, c->root, &found), 0);
	assert_int_equal(found.nlink, 2);
	struct sfs_raw_make make = { .type = SFS_NODE_FILE };
	assert_int_equal(sfs_raw_make(c->store, b.ino, SPAN("x"), &make, NULL), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_make(c->store, f.ino, SPAN("x"), &make, NULL), SFS_ERR_NOT_FOUND);
}

static void names_have_limits(void **state)
{
	struct case_store *c = *state;
	char name[257];
	memset(name, 'n', sizeof name);
	struct sfs_raw_make make = { .type = SFS_NODE_FILE };
	struct sfs_span span = { name, 255 };
	assert_int_equal(sfs_raw_make(c->store, c->root, span, &make, NULL), 0);
	assert_int_equal(sfs_raw_make(c->store, c->root, span, &make, NULL), SFS_ERR_EXISTS);
	span.len = 256;
	assert_int_equal(sfs_raw_make(c->store, c->root, span, &make, NULL), SFS_ERR_LIMIT);
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_find(c->store, c->root, span, &attr), SFS_ERR_LIMIT);
	static const struct sfs_span bad[] = {
		{ "", 0 }, { ".", 1 }, { "..", 2 }, { "a/b", 3 }, { "a\0b", 3 }
	};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(sfs_raw_make(c->store, c->root, bad[i], &make, NULL),
				 SFS_ERR_NAME);
	/* Others say a name in JSON. */
	assert_int_equal(sfs_raw_make(c->store, c->root, SPAN("\xff\n\x01"), &make, NULL),
			 case_mirrored() ? SFS_ERR_NAME : 0);
	make.type = SFS_NODE_OBJECT;
	assert_int_equal(sfs_raw_make(c->store, c->root, SPAN("o"), &make, NULL), SFS_ERR_INVALID);
	make = (struct sfs_raw_make){ .type = SFS_NODE_SYMLINK };
	assert_int_equal(sfs_raw_make(c->store, c->root, SPAN("l"), &make, NULL), SFS_ERR_INVALID);
}

static void hard_links_share_the_bytes(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* a raw has one name */
	struct sfs_attr a = case_make(c, c->root, "a", SFS_NODE_FILE), b;
	struct sfs_attr dir = case_make(c, c->root, "d", SFS_NODE_DIR);
	case_write(c, a.ino, "shared");
	assert_int_equal(sfs_raw_link(c->store, a.ino, dir.ino, SPAN("b"), &b), 0);
	assert_int_equal(b.nlink, 2);
	assert_int_equal(b.ino, a.ino);
	assert_int_equal(sfs_raw_link(c->store, a.ino, dir.ino, SPAN("b"), NULL), SFS_ERR_EXISTS);
	assert_int_equal(sfs_raw_link(c->store, dir.ino, c->root, SPAN("e"), NULL), SFS_ERR_IS_DIR);
	assert_int_equal(sfs_raw_link(c->store, a.ino, c->scratch, SPAN("b"), NULL), SFS_ERR_CROSS);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("a")), 0);
	case_reopen(c);
	assert_string_equal(case_read(c, a.ino), "shared");
	assert_int_equal(sfs_raw_stat(c->store, a.ino, &b), 0);
	assert_int_equal(b.nlink, 1);
	struct sfs_class_info info;
	assert_int_equal(sfs_class_get(c->store, c->images, &info), 0);
	assert_int_equal(info.files, 1);
}

static void an_open_raw_outlives_its_last_name(void **state)
{
	struct case_store *c = *state;
	case_no_trash(c);
	struct sfs_attr attr = case_make(c, c->root, "a", SFS_NODE_FILE);
	case_write(c, attr.ino, "alive");
	struct sfs_raw_file *file;
	char text[8] = "";
	size_t len;
	assert_int_equal(sfs_raw_open(c->store, attr.ino, true, &file), 0);
	assert_int_equal(sfs_raw_unlink(c->store, c->root, SPAN("a")), 0);
	assert_int_equal(sfs_raw_read(file, 0, text, 5, &len), 0);
	assert_string_equal(text, "alive");
	struct sfs_attr open;
	assert_int_equal(sfs_raw_file_stat(file, &open), 0);
	assert_int_equal(open.nlink, 0);
	assert_int_equal(open.size, 5);
	struct sfs_setattr set = { .mask = SFS_SET_MODE | SFS_SET_SIZE, .mode = 0600, .size = 1 };
	assert_int_equal(sfs_raw_setattr(c->store, attr.ino, &set, &open), 0);
	assert_int_equal(open.mode, 0600);
	assert_int_equal(open.size, 1);
	sfs_raw_close(file);
	assert_int_equal(sfs_raw_stat(c->store, attr.ino, &open), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_open(c->store, attr.ino, false, &file), SFS_ERR_NOT_FOUND);
}

static void rename_replaces_as_posix_says(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* directories of raws are not moved */
	struct sfs_attr a = case_make(c, c->root, "a", SFS_NODE_FILE);
	struct sfs_attr b = case_make(c, c->root, "b", SFS_NODE_FILE), found;
	struct sfs_attr dir = case_make(c, c->root, "d", SFS_NODE_DIR);
	struct sfs_attr empty = case_make(c, c->root, "e", SFS_NODE_DIR);
	case_write(c, a.ino, "a");
	case_write(c, b.ino, "b");
	struct sfs_store *s = c->store;
	uint64_t root = c->root;
	assert_int_equal(sfs_raw_rename(s, root, SPAN("a"), root, SPAN("b"), SFS_RENAME_NOREPLACE),
			 SFS_ERR_EXISTS);
	assert_int_equal(sfs_raw_rename(s, root, SPAN("a"), root, SPAN("d"), 0), SFS_ERR_IS_DIR);
	assert_int_equal(sfs_raw_rename(s, root, SPAN("d"), root, SPAN("a"), 0), SFS_ERR_NOT_DIR);
	assert_int_equal(sfs_raw_rename(s, root, SPAN("a"), root, SPAN("b"), 0), 0);
	assert_int_equal(sfs_raw_find(s, root, SPAN("b"), &found), 0);
	assert_int_equal(found.ino, a.ino);
	assert_int_equal(sfs_raw_stat(s, b.ino, &found), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_rename(s, root, SPAN("b"), dir.ino, SPAN("b"), 0), 0);
	assert_int_equal(sfs_raw_rename(s, root, SPAN("e"), root, SPAN("d"), 0), SFS_ERR_NOT_EMPTY);
	assert_int_equal(sfs_raw_rename(s, root, SPAN("d"), root, SPAN("e"), 0), 0);
	assert_int_equal(sfs_raw_stat(s, empty.ino, &found), SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_stat(s, root, &found), 0);
	assert_int_equal(found.nlink, 3);
	assert_string_equal(case_names(c, root), "e");
	assert_string_equal(case_names(c, dir.ino), "b");
	assert_int_equal(sfs_raw_rename(s, root, SPAN("e"), c->scratch, SPAN("e"), 0),
			 SFS_ERR_CROSS);
	assert_int_equal(sfs_raw_rename(s, root, SPAN("none"), root, SPAN("x"), 0),
			 SFS_ERR_NOT_FOUND);
}

static void a_directory_is_not_moved_into_itself(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* directories of raws are not moved */
	struct sfs_attr a = case_make(c, c->root, "a", SFS_NODE_DIR);
	struct sfs_attr b = case_make(c, a.ino, "b", SFS_NODE_DIR), found;
	assert_int_equal(sfs_raw_rename(c->store, c->root, SPAN("a"), b.ino, SPAN("a"), 0),
			 SFS_ERR_LOOP);
	assert_int_equal(sfs_raw_rename(c->store, c->root, SPAN("a"), a.ino, SPAN("x"), 0),
			 SFS_ERR_LOOP);
	assert_int_equal(
		sfs_raw_rename(c->store, a.ino, SPAN("b"), c->root, SPAN("a"), SFS_RENAME_EXCHANGE),
		SFS_ERR_LOOP);
	assert_int_equal(sfs_raw_rename(c->store, a.ino, SPAN("b"), c->root, SPAN("b"), 0), 0);
	assert_int_equal(sfs_raw_stat(c->store, b.ino, &found), 0);
	assert_int_equal(found.parent, c->root);
}

static void exchange_swaps_names(void **state)
{
	struct case_store *c = *state;
	if (case_mirrored())
		skip(); /* two raws do not change places */
	struct sfs_attr file = case_make(c, c->root, "x", SFS_NODE_FILE);
	struct sfs_attr dir = case_make(c, c->root, "d", SFS_NODE_DIR);
	struct sfs_attr sub = case_make(c, dir.ino, "y", SFS_NODE_DIR), found;
	assert_int_equal(sfs_raw_rename(c->store, c->root, SPAN("x"), dir.ino, SPAN("y"),
					SFS_RENAME_EXCHANGE),
			 0);
	case_reopen(c);
	assert_int_equal(sfs_raw_find_path(c->store, c->images, SPAN("d/y"), &found), 0);
	assert_int_equal(found.ino, file.ino);
	assert_int_equal(sfs_raw_find_path(c->store, c->images, SPAN("x"), &found), 0);
	assert_int_equal(found.ino, sub.ino);
	assert_int_equal(found.parent, c->root);
	assert_int_equal(sfs_raw_stat(c->store, c->root, &found), 0);
	assert_int_equal(found.nlink, 4);
	assert_int_equal(sfs_raw_stat(c->store, dir.ino, &found), 0);
	assert_int_equal(found.nlink, 2);
	assert_int_equal(sfs_raw_rename(c->store, c->root, SPAN("x"), c->root, SPAN("none"),
					SFS_RENAME_EXCHANGE),
			 SFS_ERR_NOT_FOUND);
}

static void symlinks_keep_their_target(void **state)
{
	struct case_store *c = *state;
	struct sfs_attr attr = case_make(c, c->root, "l", SFS_NODE_SYMLINK);
	assert_int_equal(attr.size, 6);
	case_reopen(c);
	struct sfs_buf target = SFS_BUF_INIT;
	assert_int_equal(sfs_raw_readlink(c->store, attr.ino, &target), 0);
	assert_int_equal(target.len, 6);
	assert_memory_equal(target.data, "target", 6);
	sfs_buf_fini(&target);
	struct sfs_raw_file *file;
	assert_int_equal(sfs_raw_open(c->store, attr.ino, false, &file), SFS_ERR_INVALID);
	assert_int_equal(sfs_raw_open(c->store, c->root, false, &file), SFS_ERR_IS_DIR);
}

static const char *meta(struct case_store *c, uint64_t ino, const char *key)
{
	static char text[64];
	struct sfs_buf value = SFS_BUF_INIT;
	int err = sfs_raw_meta_get(c->store, ino, sfs_span_str(key), &value);
	if (err == 0)
		snprintf(text, sizeof text, "%.*s", (int)value.len, (const char *)value.data);
	sfs_buf_fini(&value);
	return err == 0 ? text : err == SFS_ERR_NOT_FOUND ? NULL : "error";
}

static void metadata_is_kept_in_order(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->root, "a", SFS_NODE_FILE).ino;
	struct sfs_store *s = c->store;
	assert_int_equal(sfs_raw_meta_set(s, ino, SPAN("width"), SPAN("1920"), 0, NULL), 0);
	assert_int_equal(sfs_raw_meta_set(s, ino, SPAN("a"), SPAN(""), SFS_META_CREATE, NULL), 0);
	assert_int_equal(sfs_raw_meta_set(s, ino, SPAN("a"), SPAN("x"), SFS_META_CREATE, NULL),
			 SFS_ERR_EXISTS);
	assert_int_equal(sfs_raw_meta_set(s, ino, SPAN("b"), SPAN("x"), SFS_META_REPLACE, NULL),
			 SFS_ERR_NOT_FOUND);
	assert_int_equal(sfs_raw_rename(s, c->root, SPAN("a"), c->root, SPAN("z"), 0), 0);
	case_reopen(c);
	s = c->store;
	assert_string_equal(meta(c, ino, "width"), "1920");
	assert_string_equal(meta(c, ino, "a"), "");
	assert_null(meta(c, ino, "none"));
	struct sfs_buf list = SFS_BUF_INIT;
	assert_int_equal(sfs_raw_meta_list(s, ino, &list), 0);
	assert_int_equal(list.len, 8);
	assert_memory_equal(list.data, "width\0a\0", 8);
	sfs_buf_fini(&list);
	assert_int_equal(sfs_raw_meta_remove(s, ino, SPAN("width")), 0);
	assert_int_equal(sfs_raw_meta_remove(s, ino, SPAN("width")), SFS_ERR_NOT_FOUND);
	assert_null(meta(c, ino, "width"));
	assert_int_equal(sfs_raw_meta_set(s, ino + 1, SPAN("k"), SPAN("v"), 0, NULL),
			 SFS_ERR_NOT_FOUND);
}

static void metadata_has_limits(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->root, "a", SFS_NODE_FILE).ino;
	static char big[65537];
	char key[256];
	memset(key, 'k', sizeof key);
	struct sfs_span value = { big, 65536 };
	assert_int_equal(
		sfs_raw_meta_set(c->store, ino, (struct sfs_span){ key, 256 }, value, 0, NULL),
		SFS_ERR_LIMIT);
	assert_int_equal(
		sfs_raw_meta_set(c->store, ino, (struct sfs_span){ key, 0 }, value, 0, NULL),
		SFS_ERR_LIMIT);
	assert_int_equal(sfs_raw_meta_set(c->store, ino, SPAN("k"), (struct sfs_span){ big, 65537 },
					  0, NULL),
			 SFS_ERR_LIMIT);
	int set = 0, err = 0;
	while (!err && set < 20) {
		snprintf(key, sizeof key, "key%d", set);
		err = sfs_raw_meta_set(c->store, ino, sfs_span_str(key), value, 0, NULL);
		set += !err;
	}
	assert_int_equal(err, SFS_ERR_LIMIT);
	assert_int_equal(set, 15);
}

static int see(void *arg, struct sfs_span name, uint64_t ino, enum sfs_node_type type,
	       uint64_t cookie)
{
	(void)ino;
	uint64_t *last = arg;
	assert_int_equal(type, SFS_NODE_FILE);
	assert_true(name.len > 0 && cookie > *last && cookie < (uint64_t)1 << 62);
	*last = cookie;
	return 0;
}

static void a_directory_is_listed_in_pages(void **state)
{
	struct case_store *c = *state;
	char name[16];
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "f%d", i);
		case_make(c, c->root, name, SFS_NODE_FILE);
	}
	uint64_t cookie = 0, before;
	int pages = 0;
	do {
		before = cookie;
		assert_int_equal(sfs_raw_list(c->store, c->root, cookie, 10, see, &cookie), 0);
		pages++;
	} while (cookie != before);
	assert_int_equal(pages, 11);
	assert_int_equal(sfs_raw_list(c->store, c->root + 1, 0, 10, see, &cookie), SFS_ERR_NOT_DIR);
	assert_int_equal(sfs_raw_list(c->store, c->root + 999, 0, 10, see, &cookie),
			 SFS_ERR_NOT_FOUND);
}

static void removed_bytes_leave_the_disk(void **state)
{
	struct case_store *c = *state;
	case_no_trash(c);
	if (!case_durable())
		return;
	char name[16], command[256];
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "f%d", i);
		case_make(c, c->root, name, SFS_NODE_FILE);
	}
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "f%d", i);
		assert_int_equal(sfs_raw_unlink(c->store, c->root, sfs_span_str(name)), 0);
	}
	/* Not before the removals are synced; then at once. */
	assert_int_equal(sfs_store_sync(c->store), 0);
	snprintf(
		command, sizeof command,
		"for i in $(seq 200); do test -z \"$(find '%s/raw' -type f)\" && exit; sleep 0.05; done;"
		"exit 1",
		c->path);
	assert_int_equal(system(command), 0);
	case_reopen(c);
	struct sfs_class_info info;
	assert_int_equal(sfs_class_get(c->store, c->images, &info), 0);
	assert_int_equal(info.files, 0);
	assert_int_equal(sfs_class_remove(c->store, SPAN("Image")), 0);
}

int contract_raw(const char *backend)
{
	case_backend = backend;
#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(bytes_are_written_read_and_kept),
		CASE(truncate_and_times_are_those_of_the_bytes),
		CASE(owner_and_mode_are_kept_for_everything),
		CASE(directories_nest_and_count_their_links),
		CASE(names_have_limits),
		CASE(hard_links_share_the_bytes),
		CASE(an_open_raw_outlives_its_last_name),
		CASE(rename_replaces_as_posix_says),
		CASE(a_directory_is_not_moved_into_itself),
		CASE(exchange_swaps_names),
		CASE(symlinks_keep_their_target),
		CASE(metadata_is_kept_in_order),
		CASE(metadata_has_limits),
		CASE(a_directory_is_listed_in_pages),
		CASE(removed_bytes_leave_the_disk),
	};
	return cmocka_run_group_tests_name("raw", tests, NULL, NULL);
}
