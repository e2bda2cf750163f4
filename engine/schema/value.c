/* Values in msgpack and their paths: see value.h. path_locate.c finds a path in JSON text. */
#include "schema/value.h"
#include <stdio.h>
#include "document/sink.h"
#include "document/utf8.h"

int sfsi_cursor_next(struct sfsi_cursor *cursor, struct sfsi_head *ret)
{
	struct sfs_span rest = { cursor->at, (size_t)(cursor->end - cursor->at) };
	if (sfsi_head_read(rest, ret) != SFSI_HEAD_GOOD)
		return SFS_ERR_CORRUPT;
	cursor->at += ret->len;
	return 0;
}

int sfsi_cursor_skip(struct sfsi_cursor *cursor, struct sfs_span *ret)
{
	const uint8_t *start = cursor->at;
	struct sfsi_head head;
	uint64_t left = 1;
	while (left) {
		if (sfsi_cursor_next(cursor, &head) < 0)
			return SFS_ERR_CORRUPT;
		left--;
		if (head.kind == SFSI_HEAD_ARRAY)
			left += head.count;
		else if (head.kind == SFSI_HEAD_MAP)
			left += (uint64_t)head.count * 2;
	}
	if (ret)
		*ret = (struct sfs_span){ start, (size_t)(cursor->at - start) };
	return 0;
}

bool sfsi_head_integer(const struct sfsi_head *head, int64_t *ret)
{
	if (head->kind == SFSI_HEAD_NATURAL && head->natural > INT64_MAX)
		return false;
	if (head->kind != SFSI_HEAD_INTEGER && head->kind != SFSI_HEAD_NATURAL)
		return false;
	*ret = head->kind == SFSI_HEAD_NATURAL ? (int64_t)head->natural : head->integer;
	return true;
}

bool sfsi_head_bigint(const struct sfsi_head *head, bool *ret_minus)
{
	if (head->kind != SFSI_HEAD_EXT || head->integer != SFSI_EXT_BIGINT || !head->body.len)
		return false;
	*ret_minus = *(const char *)head->body.data == '-';
	return true;
}

/* --- paths --- */

static bool is_word(struct sfs_span name)
{
	const char *text = name.data;
	for (size_t i = 0; i < name.len; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		bool later = (c >= '0' && c <= '9') || c == '-';
		if (!letter && !(later && i > 0))
			return false;
	}
	return name.len > 0;
}

/** Returns how much of dst is used. */
static size_t put_path(char *dst, size_t size, const struct sfsi_path *path)
{
	char shown[SFSI_SHOW_SIZE];
	size_t used = path->up ? put_path(dst, size, path->up) : 0;
	int len;
	if (used >= size)
		return used;
	if (!path->name.data)
		len = snprintf(dst + used, size - used, "[%u]", path->index);
	else if (is_word(path->name))
		len = snprintf(dst + used, size - used, "%s%s", used ? "." : "",
			       sfsi_utf8_show(shown, path->name));
	else
		len = snprintf(dst + used, size - used, "[\"%s\"]",
			       sfsi_utf8_show(shown, path->name));
	return used + (len > 0 ? (size_t)len : 0);
}

const char *sfsi_path_text(char dst[SFSI_PATH_SIZE], const struct sfsi_path *path)
{
	dst[0] = '\0';
	if (path && put_path(dst, SFSI_PATH_SIZE, path) >= SFSI_PATH_SIZE)
		/* Cut: no half character may stay at the end. */
		dst[sfsi_utf8_prefix(sfs_span_str(dst))] = '\0';
	return dst;
}

/* --- what a value is --- */

static void put_quoted(char *dst, const char *what, struct sfs_span text)
{
	char shown[SFSI_SHOW_SIZE];
	snprintf(dst, SFSI_FOUND_SIZE, "%s\"%s\"", what, sfsi_utf8_show(shown, text));
}

static void put_ext(char *dst, const struct sfsi_head *head)
{
	char shown[SFSI_SHOW_SIZE];
	if (head->integer == SFSI_EXT_BIGINT)
		snprintf(dst, SFSI_FOUND_SIZE, "number %s", sfsi_utf8_show(shown, head->body));
	else
		snprintf(dst, SFSI_FOUND_SIZE, "an extension of type %d", (int)head->integer);
}

static void put_count(char *dst, const char *what, uint32_t count, const char *items)
{
	snprintf(dst, SFSI_FOUND_SIZE, "%s of %u %s%s", what, count, items, count == 1 ? "" : "s");
}

const char *sfsi_value_text(char dst[SFSI_FOUND_SIZE], struct sfs_span value)
{
	struct sfsi_head head;
	if (sfsi_head_read(value, &head) != SFSI_HEAD_GOOD)
		head.kind = SFSI_HEAD_NULL;
	switch (head.kind) {
	case SFSI_HEAD_NULL: snprintf(dst, SFSI_FOUND_SIZE, "null"); break;
	case SFSI_HEAD_BOOLEAN:
		snprintf(dst, SFSI_FOUND_SIZE, "%s", head.integer ? "true" : "false");
		break;
	case SFSI_HEAD_INTEGER:
		snprintf(dst, SFSI_FOUND_SIZE, "number %lld", (long long)head.integer);
		break;
	case SFSI_HEAD_NATURAL:
		snprintf(dst, SFSI_FOUND_SIZE, "number %llu", (unsigned long long)head.natural);
		break;
	case SFSI_HEAD_REAL: snprintf(dst, SFSI_FOUND_SIZE, "number %.17g", head.real); break;
	case SFSI_HEAD_STRING: put_quoted(dst, "string ", head.body); break;
	case SFSI_HEAD_BINARY:
		snprintf(dst, SFSI_FOUND_SIZE, "binary data of %zu bytes", head.body.len);
		break;
	case SFSI_HEAD_EXT: put_ext(dst, &head); break;
	case SFSI_HEAD_ARRAY: put_count(dst, "an array", head.count, "item"); break;
	case SFSI_HEAD_MAP: put_count(dst, "an object", head.count, "member"); break;
	}
	return dst;
}
