/* Contract of a backend: calls from many threads at once. */
#include <stdio.h>
#include "backend_fixture.h"
#include "contract.h"

/* cmocka's asserts jump out of the test's own thread only: threads count what is wrong. */
struct shared {
	struct sfsi_backend *b;
	atomic_bool stop;
	atomic_uint wrong;
	atomic_uint rounds;
};

static struct sfsi_backend *of(void **state)
{
	return *(struct sfsi_backend **)*state;
}

static struct sfs_span span_of(const uint32_t *value)
{
	return (struct sfs_span){ value, sizeof *value };
}

/* Each batch sets key i at both ends of the partition, and removes or sets both of i + 1. */
static void *pair_writer(void *arg)
{
	struct shared *shared = arg;
	for (uint32_t round = 1; !shared->stop; round++) {
		char low[8], high[8];
		uint32_t i = round * 7 % 200;
		struct sfs_span keys[] = { { low, (size_t)snprintf(low, 8, "a%03u", i) },
					   { high, (size_t)snprintf(high, 8, "z%03u", i) } };
		const struct sfsi_op ops[] = {
			{ 3, keys[0], span_of(&round), round % 5 == 0 },
			{ 3, SPAN("m"), span_of(&round), false },
			{ 3, keys[1], span_of(&round), round % 5 == 0 },
		};
		if (sfsi_backend_write(shared->b, ops, 3) < 0)
			shared->wrong++;
		shared->rounds++;
	}
	return NULL;
}

struct pairs {
	uint32_t low[200], high[200];
};

static int pairs_add(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct pairs *pairs = arg;
	const char *text = key.data;
	if (key.len != 4)
		return 0;
	unsigned i = (unsigned)(text[1] - '0') * 100 + (unsigned)(text[2] - '0') * 10 +
		     (unsigned)(text[3] - '0');
	memcpy(text[0] == 'a' ? &pairs->low[i] : &pairs->high[i], val.data, sizeof(uint32_t));
	return 0;
}

static void a_scan_sees_all_or_nothing_of_a_batch(void **state)
{
	struct shared shared = { .b = of(state) };
	pthread_t writer;
	assert_int_equal(pthread_create(&writer, NULL, pair_writer, &shared), 0);
	unsigned scans = 0;
	bool same = true;
	while (same && (scans < 300 || shared.rounds < 3000)) {
		struct pairs pairs = { 0 };
		const struct sfsi_scan scan = { .partition = 3, .once = scans % 2 };
		if (sfsi_backend_scan(shared.b, &scan, pairs_add, &pairs) < 0)
			break;
		same = memcmp(pairs.low, pairs.high, sizeof pairs.low) == 0;
		scans++;
	}
	shared.stop = true;
	pthread_join(writer, NULL);
	assert_true(same);
	assert_true(scans >= 300);
	assert_int_equal(shared.wrong, 0);
}

#define THREADS 8
#define KEYS_EACH 500

struct worker {
	struct shared *shared;
	uint32_t number;
};

/* Its own keys, in its own partition and in one that all share; sometimes a sync. */
static void *worker_main(void *arg)
{
	const struct worker *worker = arg;
	struct shared *shared = worker->shared;
	struct sfs_buf got = SFS_BUF_INIT;
	for (uint32_t i = 0; i < KEYS_EACH; i++) {
		uint32_t key[] = { worker->number, i };
		struct sfs_span span = { key, sizeof key };
		const struct sfsi_op ops[] = { PUT(10, span, span_of(&i)) };
		const struct sfsi_op own[] = { PUT(11 + worker->number, span, span_of(&i)) };
		got.len = 0;
		if (sfsi_backend_write(shared->b, ops, 1) < 0 ||
		    sfsi_backend_write(shared->b, own, 1) < 0 ||
		    sfsi_backend_get(shared->b, 10, span, &got) < 0 ||
		    !sfs_span_equal(sfs_buf_span(&got), span_of(&i)))
			shared->wrong++;
		if (i % 100 == 99 &&
		    (sfsi_backend_sync(shared->b) < 0 || sfsi_backend_mark(shared->b, span) < 0))
			shared->wrong++;
	}
	sfs_buf_fini(&got);
	return NULL;
}

static void writers_do_not_lose_each_others_keys(void **state)
{
	struct shared shared = { .b = of(state) };
	pthread_t threads[THREADS];
	struct worker workers[THREADS];
	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ &shared, i };
		assert_int_equal(pthread_create(&threads[i], NULL, worker_main, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(shared.wrong, 0);
	assert_int_equal(count_keys(shared.b, 10), THREADS * KEYS_EACH);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(count_keys(shared.b, 11 + i), KEYS_EACH);
}

static void *value_writer(void *arg)
{
	struct shared *shared = arg;
	char value[5000];
	for (unsigned round = 0; !shared->stop; round++) {
		memset(value, (int)(round & 0xff), sizeof value);
		size_t len = 1000 + round % 4000;
		const struct sfsi_op op = PUT(1, SPAN("k"), ((struct sfs_span){ value, len }));
		if (sfsi_backend_write(shared->b, &op, 1) < 0)
			shared->wrong++;
		shared->rounds++;
	}
	return NULL;
}

static bool is_whole(const struct sfs_buf *value)
{
	const unsigned char *bytes = value->data;
	for (size_t i = 1; i < value->len; i++)
		if (bytes[i] != bytes[0])
			return false;
	return value->len >= 1000;
}

static void a_get_sees_the_old_or_the_new_value(void **state)
{
	struct shared shared = { .b = of(state) };
	put(shared.b, 1, SPAN("k"), (struct sfs_span){ (const char[1000]){ 0 }, 1000 });
	pthread_t writer;
	assert_int_equal(pthread_create(&writer, NULL, value_writer, &shared), 0);
	struct sfs_buf got = SFS_BUF_INIT;
	bool good = true;
	for (unsigned i = 0; good && (i < 3000 || shared.rounds < 3000); i++) {
		got.len = 0;
		good = sfsi_backend_get(shared.b, 1, SPAN("k"), &got) == 0 && is_whole(&got);
	}
	shared.stop = true;
	pthread_join(writer, NULL);
	sfs_buf_fini(&got);
	assert_true(good);
	assert_int_equal(shared.wrong, 0);
}

int contract_threads(const char *backend)
{
	const struct CMUnitTest tests[] = {
		BACKEND_CASE(a_scan_sees_all_or_nothing_of_a_batch),
		BACKEND_CASE(writers_do_not_lose_each_others_keys),
		BACKEND_CASE(a_get_sees_the_old_or_the_new_value),
	};
	return backend_group("threads", backend, tests, sizeof tests / sizeof tests[0]);
}
