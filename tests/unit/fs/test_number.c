/* Inode numbers outside: those of the live store as they are, those of a backup its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "daemon.h"

#define COUNT 5000

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/** Numbers as a store has them: things, their msgpack documents, definitions, views. */
static uint64_t inside(size_t i)
{
	uint64_t ino = sfs_ino_make(1 + i % 7, 1 + i / 7);
	switch (i % 4) {
	case 0: return ino;
	case 1: return fs_node_make(FS_VIEW_MSGPACK, ino);
	case 2: return fs_node_make(FS_VIEW_SCHEMA, ino);
	default: return (uint64_t)1 << 62 | (ino * 0x9e3779b97f4a7c15 & (((uint64_t)1 << 52) - 1));
	}
}

static void the_live_store_shows_its_numbers(void **state)
{
	static const struct fs live = { .slot = 0 };
	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		assert_true(fs_number(&live, inside(i)) == inside(i));
	assert_true(fs_number(&live, SFS_INO_ROOT) == SFS_INO_ROOT);
}

static void two_backups_and_the_store_have_no_number_in_common(void **state)
{
	static const struct fs one = { .slot = (uint64_t)FS_SLOT_FIRST << FS_SLOT_SHIFT,
				       .root_number = 77,
				       .number_keys = { 0x123456789abcdef0, 0xfedcba9876543210 } };
	static const struct fs other = { .slot = (uint64_t)0xff << FS_SLOT_SHIFT,
					 .root_number = 78,
					 .number_keys = { 0x0f1e2d3c4b5a6978,
							  0x8796a5b4c3d2e1f0 } };
	static uint64_t all[2 * COUNT];
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		all[2 * i] = fs_number(&one, inside(i));
		all[2 * i + 1] = fs_number(&other, inside(i));
		/* Nothing of the store itself has the highest bit. */
		assert_true(all[2 * i] >> 63 && all[2 * i + 1] >> 63);
		/* The slot is no part of it. */
		assert_true(fs_number(&one, inside(i) | one.slot) == all[2 * i]);
	}
	qsort(all, (size_t)2 * COUNT, sizeof all[0], compare);
	for (unsigned i = 1; i < 2 * COUNT; i++)
		assert_true(all[i - 1] != all[i]);
	assert_true(fs_number(&one, SFS_INO_ROOT) == 77);
}

static void nodes_say_by_their_bits_where_they_are(void **state)
{
	const uint64_t first = (uint64_t)FS_SLOT_FIRST << FS_SLOT_SHIFT;
	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		assert_false(fs_node_leads_away(inside(i) | FS_NODE_AGAIN));
		assert_int_equal(fs_node_slot(inside(i) | first), FS_SLOT_FIRST);
		assert_true(fs_node_leads_away(inside(i) | first));
		assert_false(fs_node_is_door(inside(i) | first));
	}
	assert_true(fs_node_is_door((uint64_t)FS_SLOT_DOORS << FS_SLOT_SHIFT | FS_NODE_VIEW_BIT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_live_store_shows_its_numbers),
		cmocka_unit_test(two_backups_and_the_store_have_no_number_in_common),
		cmocka_unit_test(nodes_say_by_their_bits_where_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
