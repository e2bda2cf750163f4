/* Files of gdbm: what is written is read, what Python wrote too, and hostile files are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/cleanup.h"
#include "folder.h"
#include "gdbm/gdbm.h"
#include "gdbm/layout.h"

#define VECTORS TEST_DATA "/vectors/"
#define COUNT(array) (sizeof(array) / sizeof *(array))

static char folder[FOLDER_PATH_MAX];
static int dir_fd;

static int set_up(void **state)
{
	(void)state;
	folder_make(folder);
	dir_fd = open(folder, O_RDONLY | O_DIRECTORY);
	return dir_fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(dir_fd);
	folder_remove(folder);
	return 0;
}

/* --- writing and reading --- */

static struct sfs_span numbered(char text[32], const char *what, unsigned n)
{
	snprintf(text, 32, "%s %u", what, n * 2654435761u);
	return (struct sfs_span){ text, strlen(text) };
}

static void write_file(const char *name, unsigned count)
{
	struct sfsi_gdbm_writer *writer;
	assert_int_equal(sfsi_gdbm_writer_new(dir_fd, name, 0666, &writer, NULL), 0);
	for (unsigned i = 0; i < count; i++) {
		char key[32], value[32];
		assert_int_equal(sfsi_gdbm_writer_add(writer, numbered(key, "key", i),
						      numbered(value, "value", i)),
				 0);
	}
	assert_int_equal(sfsi_gdbm_writer_commit(writer, NULL), 0);
	sfsi_gdbm_writer_free(writer);
}

static void read_file(const char *name, struct sfs_buf *ret)
{
	int fd;
	struct stat st;
	assert_int_equal(sfsi_gdbm_open(dir_fd, name, &fd, NULL), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(sfs_buf_resize(ret, (size_t)st.st_size), 0);
	assert_int_equal(pread(fd, ret->data, ret->len, 0), st.st_size);
	close(fd);
}

/** Pairs of write_file(), each seen once. */
struct seen {
	bool *numbers; /* [total] */
	unsigned count, total;
};

static int see(void *arg, struct sfs_span key, struct sfs_span value)
{
	struct seen *seen = arg;
	char text[32], wanted[32];
	assert_true(key.len < sizeof text);
	memcpy(text, key.data, key.len);
	text[key.len] = 0;
	unsigned n = (unsigned)strtoul(text + 4, NULL, 10) * 244002641u;
	assert_true(n < seen->total);
	assert_false(seen->numbers[n]);
	seen->numbers[n] = true;
	seen->count++;
	assert_true(sfs_span_equal(value, numbered(wanted, "value", n)));
	return 0;
}

static void what_is_written_is_read(void **state)
{
	static const unsigned counts[] = { 0, 1, 2, 166, 167, 332, 5000, 60000 };
	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		struct seen seen = { calloc(counts[i] + 1, 1), 0, counts[i] };
		int fd;
		struct stat st;
		write_file("x.dbm", counts[i]);
		assert_int_equal(sfsi_gdbm_open(dir_fd, "x.dbm", &fd, NULL), 0);
		assert_int_equal(sfsi_gdbm_read(fd, see, &seen, NULL), 0);
		assert_int_equal(seen.count, counts[i]);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size % 4096, 0);
		close(fd);
		free(seen.numbers);
	}
}

static int count_pair(void *arg, struct sfs_span key, struct sfs_span value)
{
	size_t *sizes = arg;
	sizes[0]++;
	sizes[1] += key.len;
	sizes[2] += value.len;
	return 0;
}

static void empty_and_large_items_are_kept(void **state)
{
	static const uint8_t large[300000];
	struct sfsi_gdbm_writer *writer;
	size_t sizes[3] = { 0 };
	int fd;
	(void)state;
	assert_int_equal(sfsi_gdbm_writer_new(dir_fd, "x.dbm", 0666, &writer, NULL), 0);
	assert_int_equal(sfsi_gdbm_writer_add(writer, (struct sfs_span){ NULL, 0 },
					      (struct sfs_span){ large, sizeof large }),
			 0);
	assert_int_equal(sfsi_gdbm_writer_add(writer, (struct sfs_span){ large, 70000 },
					      (struct sfs_span){ NULL, 0 }),
			 0);
	assert_int_equal(sfsi_gdbm_writer_commit(writer, NULL), 0);
	sfsi_gdbm_writer_free(writer);
	assert_int_equal(sfsi_gdbm_open(dir_fd, "x.dbm", &fd, NULL), 0);
	assert_int_equal(sfsi_gdbm_read(fd, count_pair, sizes, NULL), 0);
	close(fd);
	assert_int_equal(sizes[0], 2);
	assert_int_equal(sizes[1], 70000);
	assert_int_equal(sizes[2], sizeof large);
}

static int stop(void *arg, struct sfs_span key, struct sfs_span value)
{
	(void)key;
	(void)value;
	return ++*(int *)arg == 3;
}

static void reading_stops_when_asked(void **state)
{
	SFSI_AUTO_BUF struct sfs_buf image = SFS_BUF_INIT;
	int calls = 0;
	(void)state;
	write_file("x.dbm", 10);
	read_file("x.dbm", &image);
	assert_int_equal(sfsi_gdbm_read_bytes(sfs_buf_span(&image), stop, &calls, NULL),
			 SFS_ERR_CANCELLED);
	assert_int_equal(calls, 3);
}

static void the_files_of_python_are_read(void **state)
{
	static const struct {
		const char *name;
		size_t pairs;
	} table[] = {
		{ "vecmodels.Article.status-fwd.dbm", 4 },
		{ "vecmodels.Article.status-bwd.dbm", 7 },
		{ "vecmodels.Article.rank-fwd.dbm", 6 },
		{ "vecmodels.Article.keywords-bwd.dbm", 7 },
		{ "vecmodels.Account.email-fwd.dbm", 3 },
	};
	int vectors = open(VECTORS "index_gdbm", O_RDONLY | O_DIRECTORY);
	(void)state;
	assert_true(vectors >= 0);
	for (size_t i = 0; i < COUNT(table); i++) {
		size_t sizes[3] = { 0 };
		int fd;
		assert_int_equal(sfsi_gdbm_open(vectors, table[i].name, &fd, NULL), 0);
		assert_int_equal(sfsi_gdbm_read(fd, count_pair, sizes, NULL), 0);
		assert_int_equal(sizes[0], table[i].pairs);
		close(fd);
	}
	close(vectors);
}

/* --- hostile files --- */

static int ignore(void *arg, struct sfs_span key, struct sfs_span value)
{
	volatile uint8_t *sum = arg;
	for (size_t i = 0; i < key.len; i++)
		*sum += ((const uint8_t *)key.data)[i];
	for (size_t i = 0; i < value.len; i++)
		*sum += ((const uint8_t *)value.data)[i];
	return 0;
}

static int read_image(const struct sfs_buf *image, struct sfs_diag *diag)
{
	uint8_t sum = 0;
	*diag = (struct sfs_diag)SFS_DIAG_INIT;
	return sfsi_gdbm_read_bytes(sfs_buf_span(image), ignore, &sum, diag);
}

static void a_file_that_ends_anywhere_is_refused(void **state)
{
	SFSI_AUTO_BUF struct sfs_buf image = SFS_BUF_INIT;
	struct sfs_diag diag;
	(void)state;
	write_file("x.dbm", 500);
	read_file("x.dbm", &image);
	size_t whole = image.len;
	for (image.len = 0; image.len < whole; image.len += 61) {
		int err = read_image(&image, &diag);
		assert_true(err == SFS_ERR_CORRUPT || err == SFS_ERR_UNSUPPORTED);
		assert_true(diag.text[0]);
	}
}

static void set32(struct sfs_buf *image, size_t at, uint32_t value)
{
	memcpy((uint8_t *)image->data + at, &(uint32_t){ htole32(value) }, 4);
}

static void an_impossible_header_is_refused_with_a_sentence(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		int err;
		const char *says;
	} table[] = {
		{ 0, 0x12345678, SFS_ERR_UNSUPPORTED, "no gdbm file: it begins with 12345678" },
		{ 0, SFSI_GDBM_MAGIC_32, SFS_ERR_UNSUPPORTED, "another form (magic 13579acd)" },
		{ 0, SFSI_GDBM_MAGIC_SYNC, SFS_ERR_UNSUPPORTED, "another form (magic 13579ad1)" },
		{ 8, 0xfffffff0, SFS_ERR_CORRUPT, "impossible place of its directory" },
		{ 12, 0xffffffff, SFS_ERR_CORRUPT, "impossible place of its directory" },
		{ 16, 4095, SFS_ERR_CORRUPT, "impossible size of its directory: 4095" },
		{ 20, 10, SFS_ERR_CORRUPT, "impossible size of its directory" },
		{ 20, 0x80000000, SFS_ERR_CORRUPT, "impossible number of bits: 2147483648" },
		{ 24, 16, SFS_ERR_CORRUPT, "impossible size of buckets: 16" },
		{ 24, 0xffffffff, SFS_ERR_CORRUPT, "impossible size of buckets" },
		{ 28, 165, SFS_ERR_CORRUPT, "impossible number of elements: 165" },
	};
	SFSI_AUTO_BUF struct sfs_buf image = SFS_BUF_INIT;
	(void)state;
	write_file("x.dbm", 10);
	for (size_t i = 0; i < COUNT(table); i++) {
		struct sfs_diag diag;
		read_file("x.dbm", &image);
		set32(&image, table[i].at, table[i].value);
		assert_int_equal(read_image(&image, &diag), table[i].err);
		if (!strstr(diag.text, table[i].says))
			fail_msg("'%s' does not say '%s'", diag.text, table[i].says);
	}
}

/** The one bucket of a small file, and its first pair. */
static size_t bucket_of(const struct sfs_buf *image, size_t *ret_pair)
{
	uint64_t dir, bucket;
	memcpy(&dir, (uint8_t *)image->data + 8, 8);
	memcpy(&bucket, (uint8_t *)image->data + le64toh(dir), 8);
	bucket = le64toh(bucket);
	for (*ret_pair = (size_t)bucket + SFSI_GDBM_BUCKET_TABLE;; *ret_pair += SFSI_GDBM_ELEMENT)
		if (((uint8_t *)image->data)[*ret_pair + 3] != 0xff)
			return (size_t)bucket;
}

static void a_bucket_that_lies_is_refused_with_a_sentence(void **state)
{
	static const struct {
		bool in_pair;
		size_t at;
		uint32_t value;
		const char *says;
	} table[] = {
		{ false, SFSI_GDBM_BUCKET_BITS, 40, "has more bits than the directory" },
		{ false, SFSI_GDBM_BUCKET_BITS, 1, "is not where the directory should have it" },
		{ false, SFSI_GDBM_BUCKET_COUNT, 167, "has more pairs than there is room for" },
		{ false, SFSI_GDBM_BUCKET_COUNT, 9, "has another number of pairs than it says" },
		{ true, 0, 7, "has a pair with another key" },
		{ true, 4, 7, "has a pair with another key" },
		{ true, 8, 0x7fffffff, "has a pair that is not inside the file" },
		{ true, 12, 0xffffffff, "has a pair that is not inside the file" },
		{ true, 16, 0xffffffff, "has a pair that is not inside the file" },
		{ true, 20, 0x7fffffff, "has a pair that is not inside the file" },
	};
	SFSI_AUTO_BUF struct sfs_buf image = SFS_BUF_INIT;
	(void)state;
	write_file("x.dbm", 10);
	for (size_t i = 0; i < COUNT(table); i++) {
		struct sfs_diag diag;
		size_t pair;
		read_file("x.dbm", &image);
		size_t bucket = bucket_of(&image, &pair);
		set32(&image, (table[i].in_pair ? pair : bucket) + table[i].at, table[i].value);
		assert_int_equal(read_image(&image, &diag), SFS_ERR_CORRUPT);
		if (!strstr(diag.text, table[i].says))
			fail_msg("'%s' does not say '%s'", diag.text, table[i].says);
	}
}

static void any_changed_byte_is_survived(void **state)
{
	SFSI_AUTO_BUF struct sfs_buf image = SFS_BUF_INIT;
	(void)state;
	write_file("x.dbm", 300);
	read_file("x.dbm", &image);
	uint8_t *bytes = image.data;
	for (size_t i = 0; i < image.len; i += i < 64 ? 1 : 37) {
		struct sfs_diag diag;
		uint8_t old = bytes[i];
		bytes[i] ^= (uint8_t)(0x80 | i);
		int err = read_image(&image, &diag);
		assert_true(err == 0 || diag.text[0]);
		bytes[i] = old;
	}
}

/* --- names, locks, modes --- */

static void a_file_that_is_open_elsewhere_is_left_alone(void **state)
{
	struct sfsi_gdbm_writer *writer, *second;
	struct sfs_diag diag = SFS_DIAG_INIT;
	int fd;
	(void)state;
	write_file("x.dbm", 1);
	int other = openat(dir_fd, "x.dbm", O_RDWR);
	assert_int_equal(flock(other, LOCK_EX), 0);
	assert_int_equal(sfsi_gdbm_open(dir_fd, "x.dbm", &fd, &diag), SFS_ERR_BUSY);
	assert_non_null(strstr(diag.text, "x.dbm: another program has it open"));
	assert_int_equal(sfsi_gdbm_writer_new(dir_fd, "x.dbm", 0666, &writer, &diag), SFS_ERR_BUSY);
	/* Who only reads does not keep readers away, but writers. */
	assert_int_equal(flock(other, LOCK_SH), 0);
	assert_int_equal(sfsi_gdbm_writer_new(dir_fd, "x.dbm", 0666, &writer, &diag), SFS_ERR_BUSY);
	assert_int_equal(sfsi_gdbm_open(dir_fd, "x.dbm", &fd, &diag), 0);
	close(fd);
	close(other);
	/* Of two writers one waits for the other, also where there is no file yet. */
	assert_int_equal(sfsi_gdbm_writer_new(dir_fd, "y.dbm", 0666, &writer, &diag), 0);
	assert_int_equal(sfsi_gdbm_writer_new(dir_fd, "y.dbm", 0666, &second, &diag), SFS_ERR_BUSY);
	assert_int_equal(faccessat(dir_fd, "y.dbm.new", F_OK, 0), 0);
	sfsi_gdbm_writer_free(writer);
	assert_int_equal(faccessat(dir_fd, "y.dbm.new", F_OK, 0), -1);
}

static void without_a_commit_nothing_changes(void **state)
{
	SFSI_AUTO_BUF struct sfs_buf before = SFS_BUF_INIT, after = SFS_BUF_INIT;
	struct sfsi_gdbm_writer *writer;
	(void)state;
	write_file("x.dbm", 20);
	read_file("x.dbm", &before);
	assert_int_equal(sfsi_gdbm_writer_new(dir_fd, "x.dbm", 0666, &writer, NULL), 0);
	assert_int_equal(sfsi_gdbm_writer_add(writer, sfs_span_str("k"), sfs_span_str("v")), 0);
	sfsi_gdbm_writer_free(writer);
	read_file("x.dbm", &after);
	assert_true(sfs_span_equal(sfs_buf_span(&before), sfs_buf_span(&after)));
	assert_int_equal(faccessat(dir_fd, "x.dbm.new", F_OK, 0), -1);
}

static void what_is_replaced_gives_its_mode(void **state)
{
	struct stat st;
	(void)state;
	write_file("x.dbm", 1);
	assert_int_equal(fchmodat(dir_fd, "x.dbm", 0604, 0), 0);
	/* What a kill left is used again. */
	close(openat(dir_fd, "x.dbm.new", O_CREAT | O_WRONLY, 0600));
	write_file("x.dbm", 2);
	assert_int_equal(fstatat(dir_fd, "x.dbm", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(faccessat(dir_fd, "x.dbm.new", F_OK, 0), -1);
}

static void file_with(const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void every_kind_of_file_is_recognised(void **state)
{
	static const struct {
		const char *folder;
		enum sfsi_dbm_kind kind;
	} table[] = { { "index_gdbm", SFSI_DBM_GNU },
		      { "index_ndbm", SFSI_DBM_BERKELEY },
		      { "index_dumb", SFSI_DBM_DUMB } };
	enum sfsi_dbm_kind kind;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char path[256];
		snprintf(path, sizeof path, VECTORS "%s", table[i].folder);
		int fd = open(path, O_RDONLY | O_DIRECTORY);
		const char *name = "vecmodels.Article.status-fwd.dbm";
		assert_int_equal(sfsi_dbm_recognise(fd, name, &kind), 0);
		assert_int_equal(kind, table[i].kind);
		close(fd);
	}
	assert_int_equal(sfsi_dbm_recognise(dir_fd, "x.dbm", &kind), 0);
	assert_int_equal(kind, SFSI_DBM_NONE);
	file_with("x.dbm.pag", "");
	file_with("x.dbm.dir", "GDBM");
	assert_int_equal(sfsi_dbm_recognise(dir_fd, "x.dbm", &kind), 0);
	assert_int_equal(kind, SFSI_DBM_NDBM);
	file_with("x.dbm", "SQLite format 3");
	assert_int_equal(sfsi_dbm_recognise(dir_fd, "x.dbm", &kind), 0);
	assert_int_equal(kind, SFSI_DBM_OTHER);
	int fd = openat(dir_fd, "x.dbm", O_WRONLY);
	assert_int_equal(pwrite(fd, "SQLite format 3", 16, 0), 16);
	close(fd);
	assert_int_equal(sfsi_dbm_recognise(dir_fd, "x.dbm", &kind), 0);
	assert_int_equal(kind, SFSI_DBM_SQLITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(empty_and_large_items_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reading_stops_when_asked, set_up, tear_down),
		cmocka_unit_test(the_files_of_python_are_read),
		cmocka_unit_test_setup_teardown(a_file_that_ends_anywhere_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_impossible_header_is_refused_with_a_sentence,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bucket_that_lies_is_refused_with_a_sentence,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_changed_byte_is_survived, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_is_open_elsewhere_is_left_alone, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(without_a_commit_nothing_changes, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_replaced_gives_its_mode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_kind_of_file_is_recognised, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
