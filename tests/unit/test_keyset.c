/* Sets of keys: duplicates in small and large maps, in nested ones, and of both kinds of keys. */
#include "document_check.h"
#include "document/keyset.h"

static int add_number(struct sfsi_keyset *set, struct sfsi_keyset_map *map, char (*text)[16],
		      unsigned i)
{
	snprintf(*text, sizeof *text, "key %u", i);
	return sfsi_keyset_add(set, map, sfs_span_str(*text));
}

static void duplicates_are_found_at_every_size(void **state)
{
	static char texts[3000][16];
	static char again[16];
	(void)state;
	for (unsigned count = 1; count < 3000; count += count < 50 ? 1 : 491) {
		struct sfsi_keyset set;
		struct sfsi_keyset_map map;
		sfsi_keyset_init(&set);
		sfsi_keyset_open(&set, &map);
		for (unsigned i = 0; i < count; i++)
			assert_int_equal(add_number(&set, &map, &texts[i], i), 0);
		for (unsigned i = 0; i < count; i += 7)
			assert_int_equal(add_number(&set, &map, &again, i), SFS_ERR_EXISTS);
		assert_int_equal(set.count, count);
		sfsi_keyset_close(&set, &map);
		sfsi_keyset_fini(&set);
	}
}

static void an_open_map_is_not_disturbed_by_maps_inside(void **state)
{
	static char outer_texts[100][16], inner_texts[200][16];
	char again[16];
	struct sfsi_keyset set;
	struct sfsi_keyset_map outer, inner;
	(void)state;
	sfsi_keyset_init(&set);
	sfsi_keyset_open(&set, &outer);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(add_number(&set, &outer, &outer_texts[i], i), 0);
		sfsi_keyset_open(&set, &inner);
		for (unsigned j = 0; j < 2 * i; j++)
			assert_int_equal(add_number(&set, &inner, &inner_texts[j], j), 0);
		sfsi_keyset_close(&set, &inner);
		for (unsigned j = 0; j <= i; j++)
			assert_int_equal(add_number(&set, &outer, &again, j), SFS_ERR_EXISTS);
	}
	sfsi_keyset_close(&set, &outer);
	assert_int_equal(set.count, 0);
	sfsi_keyset_fini(&set);
}

static int add_encoded(struct sfsi_keyset *set, struct sfsi_keyset_map *map, const void *bytes,
		       size_t len)
{
	size_t off = set->encoded.len;
	assert_int_equal(sfs_buf_append(&set->encoded, bytes, len), 0);
	return sfsi_keyset_add_encoded(set, map, off);
}

static void strings_and_other_keys_are_different(void **state)
{
	struct sfsi_keyset set;
	struct sfsi_keyset_map map;
	(void)state;
	sfsi_keyset_init(&set);
	sfsi_keyset_open(&set, &map);
	assert_int_equal(sfsi_keyset_add(&set, &map, sfs_span_str("\x05")), 0);
	assert_int_equal(sfsi_keyset_add(&set, &map, (struct sfs_span){ NULL, 0 }), 0);
	assert_int_equal(sfsi_keyset_add(&set, &map, sfs_span_str("")), SFS_ERR_EXISTS);
	assert_int_equal(add_encoded(&set, &map, "\x05", 1), 0);
	assert_int_equal(add_encoded(&set, &map, "\x05", 1), SFS_ERR_EXISTS);
	for (uint32_t i = 0; i < 1000; i++) {
		const uint8_t bytes[3] = { 0xcd, (uint8_t)(i >> 8), (uint8_t)i };
		assert_int_equal(add_encoded(&set, &map, bytes, sizeof bytes), 0);
		assert_int_equal(add_encoded(&set, &map, bytes, sizeof bytes), SFS_ERR_EXISTS);
		assert_int_equal(sfsi_keyset_add(&set, &map, sfs_span_str("\x05")), SFS_ERR_EXISTS);
	}
	sfsi_keyset_close(&set, &map);
	sfsi_keyset_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duplicates_are_found_at_every_size),
		cmocka_unit_test(an_open_map_is_not_disturbed_by_maps_inside),
		cmocka_unit_test(strings_and_other_keys_are_different),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
