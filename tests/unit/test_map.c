/* The ordered map: the order, replacing and taking out, and that searching stays cheap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <endian.h>
#include <stdbool.h>
#include "base/map.h"

static int setup(void **state)
{
	static struct sfsi_map map;
	sfsi_map_init(&map);
	*state = &map;
	return 0;
}

static int teardown(void **state)
{
	sfsi_map_fini(*state);
	return 0;
}

static bool put(struct sfsi_map *map, struct sfs_span key, struct sfs_span val)
{
	struct sfsi_map_entry *entry = sfsi_map_entry_new(map, key, val);
	assert_non_null(entry);
	struct sfsi_map_entry *old = sfsi_map_put(map, entry);
	sfsi_map_entry_free(old);
	return old != NULL;
}

static void an_empty_map_has_nothing(void **state)
{
	assert_null(sfsi_map_seek(*state, sfs_span_str("")));
	assert_null(sfsi_map_take(*state, sfs_span_str("a")));
	sfsi_map_entry_free(NULL);
}

static void entries_are_in_order_shorter_first(void **state)
{
	static const char *const words[] = { "b", "abc", "", "ab", "a", "ba" };
	static const char *const sorted[] = { "", "a", "ab", "abc", "b", "ba" };
	struct sfsi_map *map = *state;
	for (size_t i = 0; i < 6; i++)
		assert_false(put(map, sfs_span_str(words[i]), sfs_span_str(words[i])));
	const struct sfsi_map_entry *entry = sfsi_map_seek(map, sfs_span_str(""));
	for (size_t i = 0; i < 6; i++, entry = sfsi_map_next(entry)) {
		assert_non_null(entry);
		assert_true(sfs_span_equal(sfsi_map_key(entry), sfs_span_str(sorted[i])));
		assert_true(sfs_span_equal(sfsi_map_value(entry), sfs_span_str(sorted[i])));
	}
	assert_null(entry);
	assert_int_equal(map->count, 6);
	assert_int_equal(map->bytes, 2 * 9);
}

static void a_put_replaces_and_a_take_removes(void **state)
{
	struct sfsi_map *map = *state;
	assert_false(put(map, sfs_span_str("a"), sfs_span_str("1")));
	assert_true(put(map, sfs_span_str("a"), sfs_span_str("22")));
	assert_int_equal(map->count, 1);
	assert_int_equal(map->bytes, 3);
	struct sfsi_map_entry *taken = sfsi_map_take(map, sfs_span_str("a"));
	assert_non_null(taken);
	assert_true(sfs_span_equal(sfsi_map_value(taken), sfs_span_str("22")));
	sfsi_map_entry_free(taken);
	assert_int_equal(map->count, 0);
	assert_int_equal(map->bytes, 0);
	assert_null(sfsi_map_seek(map, sfs_span_str("")));
}

/* Many entries, in a mixed order, half of them taken out again. */
static void many_entries_are_fine(void **state)
{
	struct sfsi_map *map = *state;
	uint32_t count = 300000;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t key = htobe32(i * 2654435761u);
		assert_false(put(map, (struct sfs_span){ &key, 4 }, (struct sfs_span){ &i, 4 }));
	}
	assert_int_equal(map->count, count);
	for (uint32_t i = 0; i < count; i += 2) {
		uint32_t key = htobe32(i * 2654435761u);
		struct sfsi_map_entry *taken = sfsi_map_take(map, (struct sfs_span){ &key, 4 });
		assert_non_null(taken);
		sfsi_map_entry_free(taken);
	}
	uint32_t last = 0, seen = 0;
	const struct sfsi_map_entry *entry = sfsi_map_seek(map, sfs_span_str(""));
	for (; entry; entry = sfsi_map_next(entry), seen++) {
		uint32_t key, val;
		memcpy(&key, sfsi_map_key(entry).data, 4);
		memcpy(&val, sfsi_map_value(entry).data, 4);
		assert_true(be32toh(key) >= last && val % 2 == 1);
		last = be32toh(key);
	}
	assert_int_equal(seen, count / 2);
	assert_int_equal(map->count, count / 2);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_empty_map_has_nothing),
		CASE(entries_are_in_order_shorter_first),
		CASE(a_put_replaces_and_a_take_removes),
		CASE(many_entries_are_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
