/* The contract of small scratch files: their bytes are in their inode until they outgrow it. */
#include "case.h"
#include "contract.h"

#define SPAN(literal) ((struct sfs_span){ literal, sizeof(literal) - 1 })
#define LARGE 40000

static struct sfs_raw_file *open_file(struct case_store *c, uint64_t ino)
{
	struct sfs_raw_file *file;
	assert_int_equal(sfs_raw_open(c->store, ino, true, &file), 0);
	return file;
}

static void write_at(struct sfs_raw_file *file, uint64_t off, const char *text)
{
	size_t len;
	assert_int_equal(sfs_raw_write(file, off, text, strlen(text), &len), 0);
	assert_int_equal(len, strlen(text));
}

/** At off there is this, or, for "", the end. */
static void reads(struct sfs_raw_file *file, uint64_t off, const char *expected)
{
	char bytes[64] = "";
	size_t len, want = *expected ? strlen(expected) : 1;
	assert_int_equal(sfs_raw_read(file, off, bytes, want, &len), 0);
	assert_int_equal(len, strlen(expected));
	assert_string_equal(bytes, expected);
}

static struct sfs_attr stat_of(struct case_store *c, uint64_t ino)
{
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_stat(c->store, ino, &attr), 0);
	return attr;
}

/** How many plain files the store has; waits for those that are to go. */
static bool has_plain_files(struct case_store *c, int expected)
{
	char command[300];
	snprintf(command, sizeof command,
		 "for i in $(seq 200); do test $(find '%s/raw' -type f | wc -l) = %d && exit; "
		 "sleep 0.05; done; exit 1",
		 case_home(c), expected);
	/* The plain files of a store in memory are where nobody else finds them. */
	return !case_durable() || system(command) == 0;
}

static void it_has_no_plain_file_and_is_kept(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino;
	struct sfs_raw_file *file = open_file(c, ino);
	assert_int_equal(sfs_raw_fd(file), -1);
	write_at(file, 0, "hello");
	write_at(file, 7, "there");
	assert_int_equal(sfs_raw_flush(file), 0);
	assert_int_equal(sfs_raw_sync(file), 0);
	sfs_raw_close(file);
	assert_true(has_plain_files(c, 0));
	case_reopen(c);
	struct sfs_attr attr = stat_of(c, ino);
	assert_int_equal(attr.size, 12);
	file = open_file(c, ino);
	reads(file, 7, "there");
	reads(file, 12, "");
	reads(file, UINT64_MAX, "");
	sfs_raw_close(file);
}

static void all_who_have_it_open_see_the_same(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino;
	struct sfs_raw_file *one = open_file(c, ino), *two = open_file(c, ino);
	write_at(one, 0, "one");
	reads(two, 0, "one");
	write_at(two, 3, " two");
	reads(one, 0, "one two");
	assert_int_equal(stat_of(c, ino).size, 7);
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_find(c->store, c->scratch, SPAN("tmp"), &attr), 0);
	assert_int_equal(attr.size, 7);
	sfs_raw_close(one);
	sfs_raw_close(two);
	assert_string_equal(case_read(c, ino), "one two");
}

static void what_is_too_large_gets_a_plain_file(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino;
	struct sfs_raw_file *before = open_file(c, ino), *file = open_file(c, ino);
	write_at(file, 0, "first");
	assert_int_equal(sfs_raw_flush(file), 0);
	write_at(file, LARGE, "last");
	assert_true(sfs_raw_fd(file) >= 0);
	assert_true(sfs_raw_fd(before) >= 0);
	reads(before, LARGE, "last");
	write_at(before, 0, "FIRST");
	assert_int_equal(stat_of(c, ino).size, LARGE + 4);
	sfs_raw_close(file);
	sfs_raw_close(before);
	case_reopen(c);
	assert_true(has_plain_files(c, 1));
	assert_int_equal(stat_of(c, ino).size, LARGE + 4);
	assert_string_equal(case_read(c, ino), "FIRST");
	assert_int_equal(sfs_raw_unlink(c->store, c->scratch, SPAN("tmp")), 0);
	assert_int_equal(sfs_store_sync(c->store), 0);
	assert_true(has_plain_files(c, 0));
}

static void a_plain_file_can_be_asked_for(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino;
	case_write(c, ino, "text");
	struct sfs_raw_file *file;
	assert_int_equal(sfs_raw_open(c->store, ino, false, &file), 0);
	assert_int_equal(sfs_raw_plain(file), SFS_ERR_INVALID);
	sfs_raw_close(file);
	file = open_file(c, ino);
	assert_int_equal(sfs_raw_plain(file), 0);
	assert_int_equal(sfs_raw_plain(file), 0);
	assert_true(sfs_raw_fd(file) >= 0);
	reads(file, 0, "text");
	sfs_raw_close(file);
	assert_true(has_plain_files(c, 1));
}

/** Sizes and times, while it is closed or open, and with bytes that are not stored. */
static void set_and_look(struct case_store *c, uint64_t ino)
{
	struct sfs_setattr set = { .mask = SFS_SET_SIZE | SFS_SET_MTIME | SFS_SET_ATIME,
				   .size = 2,
				   .mtime_ns = 1234567890123456789,
				   .atime_ns = 1034567890123456789 };
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_setattr(c->store, ino, &set, &attr), 0);
	assert_int_equal(attr.size, 2);
	assert_true(attr.mtime_ns == set.mtime_ns && attr.atime_ns == set.atime_ns);
	set.mask = SFS_SET_MODE;
	set.mode = 0600;
	assert_int_equal(sfs_raw_setattr(c->store, ino, &set, &attr), 0);
	assert_int_equal(attr.size, 2);
	assert_true(attr.mtime_ns == set.mtime_ns);
	set.mask = SFS_SET_SIZE;
	set.size = 4;
	assert_int_equal(sfs_raw_setattr(c->store, ino, &set, &attr), 0);
	assert_int_equal(attr.size, 4);
	assert_true(attr.mtime_ns != set.mtime_ns);
}

static void size_and_times_are_set(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino;
	case_write(c, ino, "hello");
	set_and_look(c, ino);
	assert_string_equal(case_read(c, ino), "he");
	struct sfs_raw_file *file = open_file(c, ino);
	write_at(file, 0, "HELLO");
	set_and_look(c, ino);
	reads(file, 0, "HE");
	sfs_raw_close(file);
	case_reopen(c);
	assert_int_equal(stat_of(c, ino).size, 4);
	assert_string_equal(case_read(c, ino), "HE");
	struct sfs_setattr set = { .mask = SFS_SET_SIZE, .size = (uint64_t)1 << 40 };
	assert_int_equal(sfs_raw_setattr(c->store, ino, &set, NULL), 0);
	assert_int_equal(stat_of(c, ino).size, (uint64_t)1 << 40);
	assert_string_equal(case_read(c, ino), "HE");
	set.size = (uint64_t)1 << 63;
	assert_int_equal(sfs_raw_setattr(c->store, ino, &set, NULL), SFS_ERR_LIMIT);
}

static void an_open_one_outlives_its_last_name(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino;
	struct sfs_raw_file *file = open_file(c, ino);
	write_at(file, 0, "alive");
	assert_int_equal(sfs_raw_unlink(c->store, c->scratch, SPAN("tmp")), 0);
	write_at(file, 5, "!");
	reads(file, 0, "alive!");
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_file_stat(file, &attr), 0);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(attr.size, 6);
	struct sfs_setattr set = { .mask = SFS_SET_MODE | SFS_SET_SIZE, .mode = 0600, .size = 5 };
	assert_int_equal(sfs_raw_setattr(c->store, ino, &set, &attr), 0);
	assert_int_equal(attr.mode, 0600);
	assert_int_equal(attr.size, 5);
	write_at(file, LARGE, "large");
	reads(file, 0, "alive");
	assert_int_equal(sfs_raw_file_stat(file, &attr), 0);
	assert_int_equal(attr.size, LARGE + 5);
	set.mask = SFS_SET_SIZE;
	assert_int_equal(sfs_raw_setattr(c->store, ino, &set, &attr), 0);
	assert_int_equal(attr.size, 5);
	assert_int_equal(sfs_raw_sync(file), 0);
	assert_true(has_plain_files(c, 0));
	sfs_raw_close(file);
	assert_int_equal(sfs_raw_stat(c->store, ino, &attr), SFS_ERR_NOT_FOUND);
	case_reopen(c);
	assert_true(has_plain_files(c, 0));
	struct sfs_store_stat stat;
	assert_int_equal(sfs_store_stat(c->store, &stat), 0);
	assert_int_equal(stat.scratch, 0);
}

static void names_come_and_go_around_its_bytes(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->scratch, "a", SFS_NODE_FILE).ino;
	struct sfs_raw_file *file = open_file(c, ino);
	write_at(file, 0, "bytes");
	struct sfs_attr attr;
	assert_int_equal(sfs_raw_link(c->store, ino, c->scratch, SPAN("b"), &attr), 0);
	assert_int_equal(attr.nlink, 2);
	assert_int_equal(attr.size, 5);
	assert_int_equal(sfs_raw_unlink(c->store, c->scratch, SPAN("a")), 0);
	case_write(c, case_make(c, c->scratch, "c", SFS_NODE_FILE).ino, "other");
	assert_int_equal(sfs_raw_rename(c->store, c->scratch, SPAN("b"), c->scratch, SPAN("c"), 0),
			 0);
	sfs_raw_close(file);
	case_reopen(c);
	assert_string_equal(case_names(c, c->scratch), "c");
	assert_string_equal(case_read(c, ino), "bytes");
	assert_int_equal(stat_of(c, ino).nlink, 1);
}

static void it_becomes_an_object_with_what_was_written_last(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->scratch, "tmp", SFS_NODE_FILE).ino;
	struct sfs_raw_file *file = open_file(c, ino);
	write_at(file, 0, "{ \"a\": 2 }");
	struct sfs_put put = { .class_id = c->articles,
			       .oid = SPAN("1"),
			       .flags = SFS_PUT_KEEP_TEXT };
	assert_int_equal(sfs_object_put_raw(c->store, &put, c->scratch, SPAN("tmp"), NULL, NULL),
			 0);
	assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{ \"a\": 2 }");
	assert_string_equal(case_names(c, c->scratch), "");
	/* Who has it open still may write; nobody sees it. */
	write_at(file, 0, "[");
	reads(file, 0, "[ \"a\": 2 }");
	sfs_raw_close(file);
	assert_true(has_plain_files(c, 0));
	case_reopen(c);
	if (case_durable())
		assert_string_equal(case_get(c, "1", SFS_FORMAT_JSON), "{ \"a\": 2 }");
}

static void an_object_becomes_one(void **state)
{
	struct case_store *c = *state;
	static char large[LARGE + 16];
	snprintf(large, sizeof large, "{\"a\":\"%0*d\"}", LARGE, 0);
	assert_int_equal(case_put(c, "1", "{ \"a\":1}", SFS_PUT_KEEP_TEXT), 0);
	assert_int_equal(case_put(c, "2", large, SFS_PUT_KEEP_TEXT), 0);
	struct sfs_attr was = case_attr(c, "1"), attr;
	assert_int_equal(sfs_object_to_raw(c->store, c->articles, SPAN("1"), SFS_FORMAT_JSON,
					   c->scratch, SPAN("1~"), &attr),
			 0);
	assert_true(attr.mtime_ns == was.mtime_ns);
	assert_true(has_plain_files(c, 0));
	assert_string_equal(case_read(c, attr.ino), "{ \"a\":1}");
	assert_int_equal(sfs_object_to_raw(c->store, c->articles, SPAN("2"), SFS_FORMAT_JSON,
					   c->scratch, SPAN("2~"), &attr),
			 0);
	assert_int_equal(attr.size, strlen(large));
	assert_true(has_plain_files(c, 1));
}

static void a_raw_is_never_small(void **state)
{
	struct case_store *c = *state;
	uint64_t ino = case_make(c, c->root, "a", SFS_NODE_FILE).ino;
	struct sfs_raw_file *file = open_file(c, ino);
	assert_true(sfs_raw_fd(file) >= 0);
	assert_int_equal(sfs_raw_flush(file), 0);
	assert_int_equal(sfs_raw_plain(file), 0);
	sfs_raw_close(file);
}

int contract_small(const char *backend)
{
	case_backend = backend;
#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)
	const struct CMUnitTest tests[] = {
		CASE(it_has_no_plain_file_and_is_kept),
		CASE(all_who_have_it_open_see_the_same),
		CASE(what_is_too_large_gets_a_plain_file),
		CASE(a_plain_file_can_be_asked_for),
		CASE(size_and_times_are_set),
		CASE(an_open_one_outlives_its_last_name),
		CASE(names_come_and_go_around_its_bytes),
		CASE(it_becomes_an_object_with_what_was_written_last),
		CASE(an_object_becomes_one),
		CASE(a_raw_is_never_small),
	};
	return cmocka_run_group_tests_name("small", tests, NULL, NULL);
}
