/* Lists of keys: one buffer of bytes, one of places in it. */
#include "index/keylist.h"
#include <stdlib.h>
#include "bytes.h"
#include "index/key.h"
#include "index/key_private.h"

struct item {
	uint64_t begins; /* with these bytes, big-endian: most comparisons need no more */
	uint32_t off, len;
};
_Static_assert(SFSI_INDEX_KEYS_BYTES + SFSI_INDEX_KEY_MAX <= UINT32_MAX, "offsets fit");

static struct item *items_of(const struct sfsi_index_keys *keys)
{
	return keys->items.data;
}

static int compare(const void *a, const void *b, void *bytes)
{
	const struct item *left = a, *right = b;
	if (left->begins != right->begins)
		return left->begins < right->begins ? -1 : 1;
	size_t shared = left->len < right->len ? left->len : right->len;
	int order = memcmp((const char *)bytes + left->off, (const char *)bytes + right->off,
			   shared);
	return order ? order : (left->len > right->len) - (left->len < right->len);
}

void sfsi_keylist_clear(struct sfsi_index_keys *keys)
{
	keys->bytes.len = 0;
	keys->items.len = 0;
	keys->count = 0;
}

/* The first eight bytes; what is missing counts as 0: no key is the beginning of another. */
static uint64_t begins_with(struct sfs_span key)
{
	uint8_t bytes[8] = { 0 };
	memcpy(bytes, key.data, key.len < sizeof bytes ? key.len : sizeof bytes);
	return sfsi_get_be64(bytes);
}

/* What was appended to the bytes from old on is a key. */
static int add(struct sfsi_index_keys *keys, size_t old, int err)
{
	struct item item = { .off = (uint32_t)old, .len = (uint32_t)(keys->bytes.len - old) };
	if (!err && (keys->count >= SFSI_INDEX_KEYS_MAX || keys->bytes.len > SFSI_INDEX_KEYS_BYTES))
		err = SFS_ERR_LIMIT;
	if (!err) {
		item.begins = begins_with(
			(struct sfs_span){ (char *)keys->bytes.data + old, item.len });
		err = sfs_buf_append(&keys->items, &item, sizeof item);
	}
	if (err < 0) {
		keys->bytes.len = old;
		return err;
	}
	keys->count++;
	return 0;
}

int sfsi_keylist_string(struct sfsi_index_keys *keys, struct sfs_span text)
{
	size_t old = keys->bytes.len;
	return add(keys, old, sfsi_index_key_string(text, &keys->bytes));
}

int sfsi_keylist_value(struct sfsi_index_keys *keys, struct sfs_span value)
{
	size_t old = keys->bytes.len;
	return add(keys, old, sfsi_index_key_encode(value, &keys->bytes));
}

int sfsi_keylist_digits(struct sfsi_index_keys *keys, struct sfs_span digits)
{
	size_t old = keys->bytes.len;
	return add(keys, old, sfsi_key_put_bigint(digits, &keys->bytes));
}

void sfsi_keylist_finish(struct sfsi_index_keys *keys)
{
	struct item *items = items_of(keys);
	size_t kept = 0;
	bool sorted = true;
	for (size_t i = 1; i < keys->count && sorted; i++)
		sorted = compare(&items[i - 1], &items[i], keys->bytes.data) < 0;
	if (sorted)
		return;
	qsort_r(items, keys->count, sizeof *items, compare, keys->bytes.data);
	for (size_t i = 1; i < keys->count; i++)
		if (compare(&items[kept], &items[i], keys->bytes.data) != 0)
			items[++kept] = items[i];
	keys->count = kept + 1;
	keys->items.len = keys->count * sizeof *items;
}

struct sfs_span sfsi_index_keys_at(const struct sfsi_index_keys *keys, size_t number)
{
	const struct item *item = &items_of(keys)[number];
	return (struct sfs_span){ (const char *)keys->bytes.data + item->off, item->len };
}

void sfsi_index_keys_fini(struct sfsi_index_keys *keys)
{
	sfs_buf_fini(&keys->bytes);
	sfs_buf_fini(&keys->items);
	sfs_buf_fini(&keys->scratch);
	keys->count = 0;
}
