/* Contract of a backend: scans by prefix, start and limit. */
#include "backend_fixture.h"
#include "contract.h"

static struct sfsi_backend *of(void **state)
{
	return *(struct sfsi_backend **)*state;
}

/* All in ascending order. */
static const struct sfs_span sorted[] = {
	{ "\0", 1 },
	{ "\0\0", 2 },
	{ "\0\xff", 2 },
	{ "a", 1 },
	{ "a\0", 2 },
	{ "aa", 2 },
	{ "ab", 2 },
	{ "ab\0", 3 },
	{ "ab\xff", 3 },
	{ "ac", 2 },
	{ "b", 1 },
	{ "\x7f", 1 },
	{ "\x80", 1 },
	{ "\xfe\xff", 2 },
	{ "\xff", 1 },
	{ "\xff\0", 2 },
	{ "\xff\xff", 2 },
	{ "\xff\xff\0", 3 },
	{ "\xff\xff\xff", 3 },
};
#define SORTED (sizeof sorted / sizeof sorted[0])

static bool has_prefix(struct sfs_span key, struct sfs_span prefix)
{
	return key.len >= prefix.len && memcmp(key.data, prefix.data, prefix.len) == 0;
}

static bool is_above(struct sfs_span a, struct sfs_span b)
{
	size_t shared = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.data, b.data, shared);
	return order ? order > 0 : a.len > b.len;
}

/* Filled in an order of its own, with neighbours in other partitions. */
static void fill(struct sfsi_backend *b, uint32_t partition)
{
	for (size_t i = 0; i < SORTED; i++) {
		struct sfs_span key = sorted[i * 7 % SORTED];
		put(b, partition, key, key);
		put(b, partition - 1, key, EMPTY);
		put(b, partition + 1, key, EMPTY);
	}
}

static void assert_scan_like_list(struct sfsi_backend *b, const struct sfsi_scan *scan)
{
	struct sfs_span expected[SORTED];
	size_t count = 0;
	for (size_t i = 0; i < SORTED; i++) {
		bool in = has_prefix(sorted[i], scan->prefix) &&
			  (!scan->after.len || is_above(sorted[i], scan->after));
		if (in && (!scan->limit || count < scan->limit))
			expected[count++] = sorted[i];
	}
	assert_scan(b, scan, expected, count);
}

static void keys_come_in_order(void **state)
{
	fill(of(state), 5);
	const struct sfsi_scan scan = { .partition = 5 };
	assert_scan(of(state), &scan, sorted, SORTED);
}

static void values_come_with_their_keys(void **state)
{
	fill(of(state), 5);
	struct found found = { 0 };
	const struct sfsi_scan scan = { .partition = 5 };
	assert_int_equal(sfsi_backend_scan(of(state), &scan, found_add, &found), 0);
	assert_true(sfs_span_equal(sfs_buf_span(&found.keys), sfs_buf_span(&found.vals)));
	sfs_buf_fini(&found.keys);
	sfs_buf_fini(&found.vals);
}

static void prefix_after_and_limit_go_together(void **state)
{
	static const uint32_t partitions[] = { 5, 0xff, UINT32_MAX - 1 };
	static const struct sfs_span extra[] = {
		{ "", 0 }, { "zz", 2 }, { "aab", 3 }, { "\xff\xfe", 2 }, { "\xff\xff\xff\xff", 4 }
	};
	struct sfs_span spans[SORTED + 5];
	memcpy(spans, sorted, sizeof sorted);
	memcpy(spans + SORTED, extra, sizeof extra);
	for (size_t p = 0; p < 3; p++) {
		fill(of(state), partitions[p]);
		for (size_t i = 0; i < SORTED + 5; i++)
			for (size_t j = 0; j < SORTED + 5; j++)
				for (size_t limit = 0; limit < 4; limit++) {
					const struct sfsi_scan scan = { .partition = partitions[p],
									.prefix = spans[i],
									.after = spans[j],
									.limit = limit };
					assert_scan_like_list(of(state), &scan);
				}
	}
}

static void prefix_ff_ff_ends_with_its_partition(void **state)
{
	fill(of(state), 5);
	const struct sfsi_scan scan = { .partition = 5, .prefix = SPAN("\xff\xff") };
	assert_scan(of(state), &scan, sorted + SORTED - 3, 3);
	put(of(state), UINT32_MAX, SPAN("\xff\xff"), EMPTY);
	put(of(state), UINT32_MAX, SPAN("\xff\xfe"), EMPTY);
	const struct sfsi_scan last = { .partition = UINT32_MAX, .prefix = SPAN("\xff\xff") };
	assert_scan(of(state), &last, sorted + SORTED - 3, 1);
}

static void after_outside_the_prefix_is_no_way_around_it(void **state)
{
	fill(of(state), 5);
	const struct sfsi_scan below = { .partition = 5, .prefix = SPAN("ab"), .after = SPAN("a") };
	assert_scan(of(state), &below, sorted + 6, 3);
	const struct sfsi_scan above = { .partition = 5, .prefix = SPAN("ab"), .after = SPAN("b") };
	assert_scan(of(state), &above, NULL, 0);
}

static void pages_join_to_the_whole(void **state)
{
	fill(of(state), 5);
	struct found all = { 0 };
	unsigned char last[8];
	struct sfs_span after = { last, 0 };
	for (size_t before = SIZE_MAX; before != all.count;) {
		before = all.count;
		const struct sfsi_scan scan = { .partition = 5, .after = after, .limit = 2 };
		assert_int_equal(sfsi_backend_scan(of(state), &scan, found_add, &all), 0);
		after.len = sorted[all.count - 1].len;
		memcpy(last, sorted[all.count - 1].data, after.len);
	}
	assert_int_equal(all.count, SORTED);
	sfs_buf_fini(&all.keys);
	sfs_buf_fini(&all.vals);
}

static void a_callback_stops_the_scan(void **state)
{
	fill(of(state), 5);
	struct found found = { .stop_at = 3 };
	const struct sfsi_scan scan = { .partition = 5 };
	assert_int_equal(sfsi_backend_scan(of(state), &scan, found_add, &found), SFS_ERR_CANCELLED);
	assert_int_equal(found.count, 3);
	sfs_buf_fini(&found.keys);
	sfs_buf_fini(&found.vals);
}

static void hints_change_nothing(void **state)
{
	fill(of(state), 5);
	for (int i = 0; i < 4; i++) {
		const struct sfsi_scan scan = { .partition = 5, .keys_only = i & 1, .once = i & 2 };
		assert_scan(of(state), &scan, sorted, SORTED);
	}
}

static void removed_keys_are_passed_over(void **state)
{
	fill(of(state), 5);
	for (size_t i = 0; i < SORTED; i++)
		if (i != 4)
			WRITE(of(state), REMOVE(5, sorted[i]));
	const struct sfsi_scan scan = { .partition = 5 };
	assert_scan(of(state), &scan, sorted + 4, 1);
	const struct sfsi_scan none = { .partition = 5, .after = sorted[4] };
	assert_scan(of(state), &none, NULL, 0);
}

static void spans_over_the_key_limit_are_refused(void **state)
{
	static const char bytes[SFSI_KEY_MAX + 1];
	const struct sfs_span over = { bytes, sizeof bytes }, longest = { bytes, SFSI_KEY_MAX };
	const struct sfsi_scan prefix = { .prefix = over }, after = { .after = over };
	const struct sfsi_scan fine = { .prefix = longest, .after = longest };
	struct found found = { 0 };
	assert_int_equal(sfsi_backend_scan(of(state), &prefix, found_add, &found), SFS_ERR_LIMIT);
	assert_int_equal(sfsi_backend_scan(of(state), &after, found_add, &found), SFS_ERR_LIMIT);
	assert_int_equal(sfsi_backend_scan(of(state), &fine, found_add, &found), 0);
	assert_int_equal(found.count, 0);
}

int contract_scans(const char *backend)
{
	const struct CMUnitTest tests[] = {
		BACKEND_CASE(keys_come_in_order),
		BACKEND_CASE(values_come_with_their_keys),
		BACKEND_CASE(prefix_after_and_limit_go_together),
		BACKEND_CASE(prefix_ff_ff_ends_with_its_partition),
		BACKEND_CASE(after_outside_the_prefix_is_no_way_around_it),
		BACKEND_CASE(pages_join_to_the_whole),
		BACKEND_CASE(a_callback_stops_the_scan),
		BACKEND_CASE(hints_change_nothing),
		BACKEND_CASE(removed_keys_are_passed_over),
		BACKEND_CASE(spans_over_the_key_limit_are_refused),
	};
	return backend_group("scans", backend, tests, sizeof tests / sizeof tests[0]);
}
