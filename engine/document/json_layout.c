/*
 * The layout of JSON texts: see json_layout.h. Most texts that are not canonical are written in one line,
 * or with short arrays in one line, which the first bracket or comma gives away; strings are passed over.
 */
#include "document/json_layout.h"

/** Behind the string that begins at an offset. */
static size_t string_end(struct sfs_span text, size_t off)
{
	const char *bytes = text.data;
	for (size_t at = off + 1; at < text.len; at++) {
		const char *quote = memchr(bytes + at, '"', text.len - at);
		if (!quote)
			break;
		at = (size_t)(quote - bytes);
		size_t first = at;
		while (bytes[first - 1] == '\\')
			first--;
		if ((at - first) % 2 == 0)
			return at + 1;
	}
	return text.len;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/** What canonical JSON has behind a mark, as far as one byte tells. */
static bool is_right(char mark, char next, char after)
{
	switch (mark) {
	case '{': return next == '\n' || next == '}';
	case '[': return next == '\n' || next == ']';
	case ',': return next == '\n';
	case ':': return next == ' ' && !is_space(after);
	default: return true;
	}
}

bool sfsi_json_layout_is_canonical(struct sfs_span text)
{
	const char *bytes = text.data;
	size_t at = 0;
	if (text.len < 3 || bytes[0] != '{' || memcmp(bytes + text.len - 2, "}\n", 2) != 0)
		return false;
	while (at + 2 < text.len) {
		if (bytes[at] == '"')
			at = string_end(text, at);
		else if (is_right(bytes[at], bytes[at + 1], bytes[at + 2]))
			at++;
		else
			return false;
	}
	return true;
}
