/*
 * Contract of a backend: 20,000 random steps give what a naive model gives, a
 * sorted array. The seeds are fixed, so a failure can be repeated; keys are few and
 * short, of bytes at the ends of the range, so that they meet often.
 */
#include <stdlib.h>
#include "backend_fixture.h"
#include "contract.h"

#define STEPS 20000
#define MODEL_MAX 8192
#define KEY_MAX 4

struct pair {
	uint32_t partition;
	unsigned char key[KEY_MAX];
	size_t key_len;
	uint32_t val;
	size_t val_len; /* 0 to 4 bytes of val */
};

struct model {
	struct pair pairs[MODEL_MAX];
	size_t count;
	uint64_t random;
};

static struct sfsi_backend *of(void **state)
{
	return *(struct sfsi_backend **)*state;
}

static uint32_t random_below(struct model *model, uint32_t limit)
{
	model->random = model->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(model->random >> 33) % limit;
}

static struct sfs_span key_of(const struct pair *pair)
{
	return (struct sfs_span){ pair->key, pair->key_len };
}

static struct sfs_span val_of(const struct pair *pair)
{
	return (struct sfs_span){ &pair->val, pair->val_len };
}

static int compare(const struct pair *a, const struct pair *b)
{
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	size_t shared = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order = memcmp(a->key, b->key, shared);
	if (order)
		return order;
	return a->key_len < b->key_len ? -1 : a->key_len > b->key_len;
}

/* Index of the first pair that is not below; found: it is the same key. */
static size_t model_find(const struct model *model, const struct pair *pair, bool *ret_found)
{
	size_t i = 0;
	while (i < model->count && compare(&model->pairs[i], pair) < 0)
		i++;
	*ret_found = i < model->count && compare(&model->pairs[i], pair) == 0;
	return i;
}

static void model_apply(struct model *model, const struct pair *pair, bool remove)
{
	bool found;
	size_t i = model_find(model, pair, &found);
	struct pair *at = &model->pairs[i];
	if (remove && found) {
		memmove(at, at + 1, (--model->count - i) * sizeof *at);
	} else if (!remove) {
		if (!found) {
			assert_true(model->count < MODEL_MAX);
			memmove(at + 1, at, (model->count++ - i) * sizeof *at);
		}
		*at = *pair;
	}
}

static void random_key(struct model *model, struct pair *pair, uint32_t shortest)
{
	static const unsigned char alphabet[] = { 0x00, 0x01, 'a', 'b', 0xfe, 0xff };
	static const uint32_t partitions[] = { 0, 1, UINT32_MAX };
	memset(pair, 0, sizeof *pair);
	pair->partition = partitions[random_below(model, 3)];
	pair->key_len = shortest + random_below(model, KEY_MAX + 1 - shortest);
	for (size_t i = 0; i < pair->key_len; i++)
		pair->key[i] = alphabet[random_below(model, sizeof alphabet)];
}

static void step_write(struct model *model, struct sfsi_backend *b)
{
	struct pair pairs[8];
	struct sfsi_op ops[8];
	size_t count = 1 + random_below(model, 8);
	for (size_t i = 0; i < count; i++) {
		random_key(model, &pairs[i], 1);
		pairs[i].val = random_below(model, UINT32_MAX);
		pairs[i].val_len = random_below(model, 5);
		bool remove = random_below(model, 2);
		ops[i] = remove ? REMOVE(pairs[i].partition, key_of(&pairs[i]))
				: PUT(pairs[i].partition, key_of(&pairs[i]), val_of(&pairs[i]));
		model_apply(model, &pairs[i], remove);
	}
	assert_int_equal(sfsi_backend_write(b, ops, count), 0);
}

static void step_get(struct model *model, struct sfsi_backend *b)
{
	struct pair pair;
	random_key(model, &pair, 1);
	bool found;
	size_t i = model_find(model, &pair, &found);
	if (found)
		assert_value(b, pair.partition, key_of(&pair), val_of(&model->pairs[i]));
	else
		assert_missing(b, pair.partition, key_of(&pair));
}

struct walk {
	const struct model *model;
	const struct sfsi_scan *scan;
	struct pair after;
	size_t at; /* next pair of the model to look at */
	size_t given;
	size_t stop_at; /* 0 = never */
};

static bool walk_wants(const struct walk *walk, const struct pair *pair)
{
	const struct sfsi_scan *scan = walk->scan;
	if (pair->partition != scan->partition || pair->key_len < scan->prefix.len ||
	    (scan->prefix.len && memcmp(pair->key, scan->prefix.data, scan->prefix.len) != 0))
		return false;
	return scan->after.len == 0 || compare(pair, &walk->after) > 0;
}

/* The next pair of the model that the scan must give; NULL: none is left. */
static const struct pair *walk_next(struct walk *walk)
{
	while (walk->at < walk->model->count) {
		const struct pair *pair = &walk->model->pairs[walk->at++];
		if (walk_wants(walk, pair))
			return pair;
	}
	return NULL;
}

static int walk_check(void *arg, struct sfs_span key, struct sfs_span val)
{
	struct walk *walk = arg;
	const struct pair *pair = walk_next(walk);
	assert_non_null(pair);
	assert_true(sfs_span_equal(key, key_of(pair)));
	assert_true(sfs_span_equal(val, val_of(pair)));
	walk->given++;
	return walk->stop_at && walk->given == walk->stop_at;
}

static void step_scan(struct model *model, struct sfsi_backend *b)
{
	struct pair prefix, after;
	random_key(model, &prefix, 0);
	random_key(model, &after, 0);
	prefix.key_len = random_below(model, (uint32_t)prefix.key_len + 1);
	after.partition = prefix.partition;
	const struct sfsi_scan scan = { .partition = prefix.partition,
					.prefix = key_of(&prefix),
					.after = key_of(&after),
					.limit = random_below(model, 4)
							 ? 0
							 : 1 + random_below(model, 9),
					.once = random_below(model, 2) };
	struct walk walk = { .model = model,
			     .scan = &scan,
			     .after = after,
			     .stop_at = random_below(model, 4) ? 0 : 1 + random_below(model, 9) };
	int err = sfsi_backend_scan(b, &scan, walk_check, &walk);
	if (walk.stop_at && walk.given == walk.stop_at) {
		assert_int_equal(err, SFS_ERR_CANCELLED);
		return;
	}
	assert_int_equal(err, 0);
	if (!scan.limit || walk.given < scan.limit)
		assert_null(walk_next(&walk));
	else
		assert_int_equal(walk.given, scan.limit);
}

static void run(void **state, uint64_t seed)
{
	struct model *model = calloc(1, sizeof *model);
	assert_non_null(model);
	model->random = seed;
	for (int step = 0; step < STEPS; step++) {
		uint32_t which = random_below(model, 1000);
		if (which < 500)
			step_write(model, of(state));
		else if (which < 750)
			step_get(model, of(state));
		else if (which < 999)
			step_scan(model, of(state));
		else
			backend_reopen(state, false);
	}
	assert_true(model->count > 100);
	free(model);
}

static void seed_1_gives_what_the_model_gives(void **state)
{
	run(state, 1);
}

static void seed_20251122_gives_what_the_model_gives(void **state)
{
	run(state, 20251122);
}

static void seed_77777777777_gives_what_the_model_gives(void **state)
{
	run(state, 77777777777);
}

int contract_model(const char *backend)
{
	const struct CMUnitTest tests[] = {
		BACKEND_CASE(seed_1_gives_what_the_model_gives),
		BACKEND_CASE(seed_20251122_gives_what_the_model_gives),
		BACKEND_CASE(seed_77777777777_gives_what_the_model_gives),
	};
	return backend_group("model", backend, tests, sizeof tests / sizeof tests[0]);
}
