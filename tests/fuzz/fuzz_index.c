/*
 * Any bytes as a key, as a typed key, and as the body of an object. First byte: which, and by which
 * function. What is accepted comes back as it was, and no key is longer than a key may be.
 */
#include <stdint.h>
#include <stdlib.h>
#include "document/msgpack.h"
#include "index/extract.h"
#include "index/key.h"

static void require(int fact)
{
	if (!fact)
		abort();
}

/* A value has one key. (Compact JSON that is no composite value is one that nobody makes.) */
static void decode(struct sfs_span bytes)
{
	struct sfs_buf value = SFS_BUF_INIT, again = SFS_BUF_INIT, text = SFS_BUF_INIT;
	size_t len = 0;
	uint64_t hash;
	int err = sfsi_index_key_decode(bytes, &value, &len);
	if (err == 0 || err == SFS_ERR_LIMIT) {
		struct sfs_span key = { bytes.data, len };
		require(len > 0 && len <= bytes.len);
		require(sfsi_index_key_decode(key, NULL, NULL) == 0);
		require(sfsi_index_key_is_cut(key) == (err == SFS_ERR_LIMIT) ||
			sfsi_index_key_kind(key) == SFSI_INDEX_KEY_OTHER);
		require(sfsi_index_key_show(key, &text) == 0);
		require(sfsi_index_key_hash(key, &hash) == 0);
		text.len = 0;
		require(sfsi_index_key_same(key, &text, &again) == 0);
		again.len = 0;
		if (!err && sfsi_index_key_kind(key) != SFSI_INDEX_KEY_OTHER) {
			require(sfsi_index_key_encode(sfs_buf_span(&value), &again) == 0);
			require(sfs_span_equal(sfs_buf_span(&again), key));
		}
	}
	sfs_buf_fini(&value);
	sfs_buf_fini(&again);
	sfs_buf_fini(&text);
}

/* What is shown of a typed key means the same key. */
static void parse(struct sfs_span text)
{
	struct sfs_buf key = SFS_BUF_INIT, shown = SFS_BUF_INIT, again = SFS_BUF_INIT;
	if (sfsi_index_key_parse(text, &key) == 0) {
		size_t len = 0;
		require(key.len <= SFSI_INDEX_KEY_MAX);
		require(sfsi_index_key_decode(sfs_buf_span(&key), NULL, &len) == 0);
		require(len == key.len);
		require(sfsi_index_key_show(sfs_buf_span(&key), &shown) == 0);
		if (!sfsi_index_key_is_cut(sfs_buf_span(&key))) {
			require(sfsi_index_key_parse(sfs_buf_span(&shown), &again) == 0);
			require(sfs_span_equal(sfs_buf_span(&key), sfs_buf_span(&again)));
		}
	}
	sfs_buf_fini(&key);
	sfs_buf_fini(&shown);
	sfs_buf_fini(&again);
}

static int check_key(void *arg, struct sfs_span key)
{
	size_t len = 0;
	(void)arg;
	require(key.len <= SFSI_INDEX_KEY_MAX);
	require(sfsi_index_key_decode(key, NULL, &len) == 0 && len == key.len);
	return 0;
}

static void extract(struct sfs_span body, unsigned function)
{
	struct sfsi_index_rule rule = {
		.name = sfs_span_str("p"),
		.function = (enum sfsi_index_function)(function % SFSI_INDEX_PROPERTIES),
		.min = 2,
		.separator = sfs_span_str("/"),
		.compatible = function / SFSI_INDEX_PROPERTIES % 2,
	};
	struct sfsi_index_input input = {
		.body = body,
		.oid = sfs_span_str("7"),
		.updated_ns = (int64_t)function << 55,
	};
	int err = sfsi_index_extract(&rule, &input, check_key, NULL);
	require(err <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct sfs_span rest = { data + 1, size - 1 };
	switch (data[0] % 3) {
	case 0: decode(rest); break;
	case 1: parse(rest); break;
	default: extract(rest, data[0] / 3); break;
	}
	return 0;
}
