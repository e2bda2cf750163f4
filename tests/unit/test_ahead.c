/*
 * Files that are read ahead come whole and in order, around the page cache or through it; and the sum that RocksDB keeps of tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/ahead.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "folder.h"

static char *pattern(size_t len)
{
	char *bytes = malloc(len + 1);
	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	return bytes;
}

/** Read it all; expected: what the caller thinks its size is. */
static void read_whole(int fd, const char *bytes, size_t len, size_t expected)
{
	struct sfsi_ahead *ahead;
	struct sfs_span piece;
	size_t at = 0;
	int err;
	assert_int_equal(sfsi_ahead_begin(fd, expected, &ahead), 0);
	while ((err = sfsi_ahead_next(ahead, &piece)) == 0) {
		assert_true(piece.len <= len - at);
		assert_memory_equal(piece.data, bytes + at, piece.len);
		const char *data = piece.data;
		for (size_t i = piece.len; i % SFSI_DIRECT_ALIGN; i++)
			assert_int_equal(data[i], 0);
		at += piece.len;
	}
	assert_int_equal(err, 1);
	assert_int_equal(sfsi_ahead_next(ahead, &piece), 1);
	assert_int_equal(at, len);
	sfsi_ahead_end(ahead);
}

static void test_every_length(void **state)
{
	static const size_t lens[] = { 0,
				       1,
				       4095,
				       4096,
				       4097,
				       SFSI_AHEAD_PIECE - 1,
				       SFSI_AHEAD_PIECE,
				       SFSI_AHEAD_PIECE + 1,
				       4 * SFSI_AHEAD_PIECE,
				       4 * SFSI_AHEAD_PIECE + 4097 };
	char folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX + 8];
	(void)state;
	folder_make(folder);
	snprintf(path, sizeof path, "%s/file", folder);
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		char *bytes = pattern(lens[i]);
		int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(sfsi_pwrite_all(fd, bytes, lens[i], 0), 0);
		read_whole(fd, bytes, lens[i], lens[i]);
		(void)!sfsi_file_direct(fd, true);
		read_whole(fd, bytes, lens[i], lens[i]);
		/* It grew, or was cut, since somebody looked. */
		read_whole(fd, bytes, lens[i], lens[i] / 2);
		read_whole(fd, bytes, lens[i], lens[i] * 2);
		close(fd);
		free(bytes);
	}
	folder_remove(folder);
}

static void test_who_stops_early_waits_for_nothing(void **state)
{
	char folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX + 8];
	struct sfsi_ahead *ahead;
	struct sfs_span piece;
	(void)state;
	folder_make(folder);
	snprintf(path, sizeof path, "%s/file", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, (off_t)100 << 20), 0);
	assert_int_equal(sfsi_ahead_begin(fd, 100 << 20, &ahead), 0);
	assert_int_equal(sfsi_ahead_next(ahead, &piece), 0);
	sfsi_ahead_end(ahead);
	close(fd);
	folder_remove(folder);
}

static void test_crc32c(void **state)
{
	char *bytes = pattern(1000);
	(void)state;
	assert_int_equal(sfsi_crc32c(sfs_span_str("123456789"), 0), 0xe3069283);
	assert_int_equal(sfsi_crc32c_plain(sfs_span_str("123456789"), 0), 0xe3069283);
	for (size_t len = 0; len <= 1000; len += 7) {
		uint32_t sum = sfsi_crc32c((struct sfs_span){ bytes, len }, 0);
		assert_int_equal(sfsi_crc32c_plain((struct sfs_span){ bytes, len }, 0), sum);
		uint32_t half = sfsi_crc32c((struct sfs_span){ bytes, len / 3 }, 0);
		assert_int_equal(
			sfsi_crc32c((struct sfs_span){ bytes + len / 3, len - len / 3 }, half),
			sum);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_who_stops_early_waits_for_nothing),
		cmocka_unit_test(test_crc32c),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
