/*
 * Do two bodies say the same? A text that was kept is compared with the body that it became: the
 * schema may have put members in another order, and given references and bytes another form.
 */
#include <stdio.h>
#include <stdlib.h>
#include "document/base64.h"
#include "schema/schema.h"

struct pair {
	struct sfs_span key, value;
};

static bool value_same(struct sfs_span a, struct sfs_span b);

static bool head_of(struct sfs_span value, struct sfsi_head *ret)
{
	return sfsi_head_read(value, ret) == SFSI_HEAD_GOOD;
}

/** Bytes, and their text in base64. */
static bool is_text_of(const struct sfsi_head *bytes, const struct sfsi_head *text)
{
	struct sfs_buf decoded = SFS_BUF_INIT;
	if (bytes->kind != SFSI_HEAD_BINARY || text->kind != SFSI_HEAD_STRING)
		return false;
	bool same = sfsi_base64_decode(&decoded, text->body) == 0 &&
		    sfs_span_equal(sfs_buf_span(&decoded), bytes->body);
	sfs_buf_fini(&decoded);
	return same;
}

/** The oid in {"oid": …, …}, or the value itself. */
static bool oid_of(struct sfs_span value, struct sfs_span *ret)
{
	struct sfsi_cursor cursor = sfsi_cursor(value);
	struct sfsi_head head;
	if (sfsi_cursor_next(&cursor, &head) < 0)
		return false;
	*ret = value;
	if (head.kind != SFSI_HEAD_MAP)
		return head.kind != SFSI_HEAD_ARRAY;
	for (uint32_t i = 0; i < head.count; i++) {
		struct sfsi_head key;
		if (sfsi_cursor_next(&cursor, &key) < 0 || sfsi_cursor_skip(&cursor, ret) < 0)
			return false;
		if (key.kind == SFSI_HEAD_STRING && sfs_span_equal(key.body, sfs_span_str("oid")))
			return true;
	}
	return false;
}

/** Text of an oid; numbers are their digits. */
static bool oid_text(struct sfs_span value, char digits[24], struct sfs_span *ret)
{
	struct sfsi_head head;
	struct sfs_span oid;
	int64_t number;
	if (!oid_of(value, &oid) || !head_of(oid, &head))
		return false;
	*ret = head.body;
	if (sfsi_head_integer(&head, &number) || head.kind == SFSI_HEAD_NATURAL) {
		bool natural = head.kind == SFSI_HEAD_NATURAL;
		int len = natural ? snprintf(digits, 24, "%llu", (unsigned long long)head.natural)
				  : snprintf(digits, 24, "%lld", (long long)number);
		*ret = (struct sfs_span){ digits, (size_t)len };
		return true;
	}
	return head.kind == SFSI_HEAD_STRING || head.kind == SFSI_HEAD_EXT;
}

/** A reference in canonical form, and another form of the same. */
static bool is_reference_of(struct sfs_span canonical, struct sfs_span other)
{
	char digits[24], other_digits[24];
	struct sfsi_head head;
	struct sfs_span oid, other_oid;
	return head_of(canonical, &head) && head.kind == SFSI_HEAD_MAP && head.count == 2 &&
	       oid_text(canonical, digits, &oid) && oid_text(other, other_digits, &other_oid) &&
	       sfs_span_equal(oid, other_oid);
}

/** Containers of one kind and size: item by item. */
static bool items_same(const struct sfsi_head *head, struct sfs_span a, struct sfs_span b)
{
	struct sfsi_cursor at = sfsi_cursor(a), bt = sfsi_cursor(b);
	struct sfsi_head skipped;
	uint64_t count = (uint64_t)head->count * (head->kind == SFSI_HEAD_MAP ? 2 : 1);
	if (sfsi_cursor_next(&at, &skipped) < 0 || sfsi_cursor_next(&bt, &skipped) < 0)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		struct sfs_span x, y;
		if (sfsi_cursor_skip(&at, &x) < 0 || sfsi_cursor_skip(&bt, &y) < 0 ||
		    !value_same(x, y))
			return false;
	}
	return true;
}

/** The only item of an array. */
static bool only_item(const struct sfsi_head *head, struct sfs_span value, struct sfs_span *ret)
{
	if (head->kind != SFSI_HEAD_ARRAY || head->count != 1)
		return false;
	const uint8_t *at = value.data;
	*ret = (struct sfs_span){ at + head->len, value.len - head->len };
	return true;
}

/** Nesting is that of documents, which is bounded. */
static bool value_same(struct sfs_span a, struct sfs_span b)
{
	struct sfsi_head x, y;
	struct sfs_span item;
	if (sfs_span_equal(a, b))
		return true;
	if (!head_of(a, &x) || !head_of(b, &y))
		return false;
	if (is_text_of(&x, &y) || is_text_of(&y, &x) || is_reference_of(a, b) ||
	    is_reference_of(b, a))
		return true;
	bool container = x.kind == SFSI_HEAD_ARRAY || x.kind == SFSI_HEAD_MAP;
	if (container && x.kind == y.kind && x.count == y.count)
		return items_same(&x, a, b);
	/* One reference may stand in an array or not; an empty array is null. */
	if (only_item(&x, a, &item) && y.kind != SFSI_HEAD_ARRAY)
		return value_same(item, b);
	if (only_item(&y, b, &item) && x.kind != SFSI_HEAD_ARRAY)
		return value_same(a, item);
	return (x.kind == SFSI_HEAD_NULL && y.kind == SFSI_HEAD_ARRAY && !y.count) ||
	       (y.kind == SFSI_HEAD_NULL && x.kind == SFSI_HEAD_ARRAY && !x.count);
}

static int compare(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = len ? memcmp(x->key.data, y->key.data, len) : 0;
	return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

/** The pairs of a body, sorted by name. */
static int sorted_pairs(struct sfs_span body, struct pair **ret, uint32_t *ret_count)
{
	struct sfsi_cursor cursor = sfsi_cursor(body);
	struct sfsi_head head;
	if (sfsi_cursor_next(&cursor, &head) < 0 || head.kind != SFSI_HEAD_MAP)
		return SFS_ERR_CORRUPT;
	struct pair *pairs = calloc((size_t)head.count + 1, sizeof *pairs);
	if (!pairs)
		return SFS_ERR_NO_MEMORY;
	int err = 0;
	for (uint32_t i = 0; i < head.count && !err; i++) {
		err = sfsi_cursor_skip(&cursor, &pairs[i].key);
		if (!err)
			err = sfsi_cursor_skip(&cursor, &pairs[i].value);
	}
	if (err < 0) {
		free(pairs);
		return err;
	}
	qsort(pairs, head.count, sizeof *pairs, compare);
	*ret = pairs;
	*ret_count = head.count;
	return 0;
}

int sfsi_schema_same(struct sfs_span a, struct sfs_span b, bool *ret)
{
	struct pair *x = NULL, *y = NULL;
	uint32_t x_count = 0, y_count = 0;
	*ret = sfs_span_equal(a, b);
	if (*ret)
		return 0;
	int err = sorted_pairs(a, &x, &x_count);
	if (!err)
		err = sorted_pairs(b, &y, &y_count);
	if (!err) {
		bool same = x_count == y_count;
		for (uint32_t i = 0; i < x_count && same; i++)
			same = sfs_span_equal(x[i].key, y[i].key) &&
			       value_same(x[i].value, y[i].value);
		*ret = same;
	}
	free(x);
	free(y);
	return err;
}
