/* Small work on JSON text. See text.h. */
#include <yyjson.h>
#include "text.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct cli_members *m)
{
	while (m->at < m->end && is_space(*m->at))
		m->at++;
}

int cli_members_init(struct cli_members *members, struct sfs_span text)
{
	if (text.len == 0)
		return SFS_ERR_BAD_DOCUMENT;
	members->at = text.data;
	members->end = members->at + text.len;
	members->first = true;
	skip_space(members);
	if (members->at == members->end || *members->at != '{')
		return SFS_ERR_BAD_DOCUMENT;
	members->at++;
	return 0;
}

/* Step over a string literal; at stands on its opening quote. False: it does not end. */
static bool skip_string(struct cli_members *m)
{
	m->at++;
	while (m->at < m->end && *m->at != '"') {
		if (*m->at == '\\' && m->at + 1 < m->end)
			m->at++;
		m->at++;
	}
	if (m->at == m->end)
		return false;
	m->at++;
	return true;
}

static bool skip_value(struct cli_members *m)
{
	size_t depth = 0;
	while (m->at < m->end) {
		char c = *m->at;
		if (c == '"') {
			if (!skip_string(m))
				return false;
			if (depth == 0)
				return true;
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}' || c == ']' || is_space(c)))
			return true;
		m->at++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return true;
	}
	return false;
}

/* Step over one byte that must be there. */
static bool skip_byte(struct cli_members *m, char c)
{
	skip_space(m);
	if (m->at >= m->end || *m->at != c)
		return false;
	m->at++;
	skip_space(m);
	return true;
}

int cli_members_next(struct cli_members *members, struct cli_member *ret)
{
	skip_space(members);
	if (members->at < members->end && *members->at == '}')
		return 0;
	if (!members->first && !skip_byte(members, ','))
		return SFS_ERR_BAD_DOCUMENT;
	members->first = false;
	skip_space(members);
	const char *key = members->at;
	if (key >= members->end || *key != '"' || !skip_string(members))
		return SFS_ERR_BAD_DOCUMENT;
	ret->key = (struct sfs_span){ key, (size_t)(members->at - key) };
	if (!skip_byte(members, ':'))
		return SFS_ERR_BAD_DOCUMENT;
	const char *value = members->at;
	if (!skip_value(members) || members->at == value)
		return SFS_ERR_BAD_DOCUMENT;
	ret->value = (struct sfs_span){ value, (size_t)(members->at - value) };
	return 1;
}

bool cli_member_is(struct sfs_span key, const char *name)
{
	size_t len = strlen(name);
	const char *text = key.data;
	if (!memchr(text, '\\', key.len))
		return key.len == len + 2 && memcmp(text + 1, name, len) == 0;
	struct sfs_buf plain = SFS_BUF_INIT;
	bool same = cli_text_unquote(&plain, key) == 0 &&
		    sfs_span_equal(sfs_buf_span(&plain), sfs_span_str(name));
	sfs_buf_fini(&plain);
	return same;
}

int cli_member_find(struct sfs_span text, const char *name, struct sfs_span *ret)
{
	struct cli_members members;
	struct cli_member member;
	int got = cli_members_init(&members, text);
	while (got == 0 && (got = cli_members_next(&members, &member)) == 1) {
		got = 0;
		if (!cli_member_is(member.key, name))
			continue;
		*ret = member.value;
		return 0;
	}
	return got < 0 ? got : SFS_ERR_NOT_FOUND;
}

int cli_text_unquote(struct sfs_buf *ret, struct sfs_span literal)
{
	yyjson_doc *doc = yyjson_read(literal.data, literal.len, YYJSON_READ_NOFLAG);
	yyjson_val *value = yyjson_doc_get_root(doc);
	int err = SFS_ERR_BAD_DOCUMENT;
	if (yyjson_is_str(value))
		err = sfs_buf_append(ret, yyjson_get_str(value), yyjson_get_len(value));
	yyjson_doc_free(doc);
	return err;
}

bool cli_text_is_json(struct sfs_span text)
{
	yyjson_doc *doc = yyjson_read(text.data, text.len, YYJSON_READ_NUMBER_AS_RAW);
	bool is = doc;
	yyjson_doc_free(doc);
	return is;
}

static bool is_tail(struct sfs_span text, size_t index)
{
	return index < text.len && (((const unsigned char *)text.data)[index] & 0xc0) == 0x80;
}

size_t cli_text_character(struct sfs_span text)
{
	const unsigned char *at = text.data;
	if (text.len == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4 || !is_tail(text, 1))
		return 0;
	if (at[0] < 0xe0)
		return 2;
	/* Over-long forms, surrogates, and what is beyond U+10FFFF. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	if (!is_tail(text, 2))
		return 0;
	if (at[0] < 0xf0)
		return 3;
	return is_tail(text, 3) ? 4 : 0;
}

bool cli_text_is_utf8(struct sfs_span text)
{
	while (text.len > 0) {
		size_t len = cli_text_character(text);
		if (len == 0)
			return false;
		text.data = (const char *)text.data + len;
		text.len -= len;
	}
	return true;
}

static int quote_character(struct sfs_buf *ret, struct sfs_span text, size_t len)
{
	unsigned char c = *(const unsigned char *)text.data;
	if (len == 0)
		return sfs_buf_append(ret, "\xef\xbf\xbd", 3);
	if (c == '"' || c == '\\')
		return sfs_buf_printf(ret, "\\%c", c);
	if (c == '\n')
		return sfs_buf_append(ret, "\\n", 2);
	if (c == '\t')
		return sfs_buf_append(ret, "\\t", 2);
	if (c < 0x20 || c == 0x7f)
		return sfs_buf_printf(ret, "\\u%04x", c);
	return sfs_buf_append(ret, text.data, len);
}

int cli_text_quote(struct sfs_buf *ret, struct sfs_span text)
{
	int err = sfs_buf_append(ret, "\"", 1);
	while (err == 0 && text.len > 0) {
		size_t len = cli_text_character(text);
		err = quote_character(ret, text, len);
		len = len ? len : 1;
		text.data = (const char *)text.data + len;
		text.len -= len;
	}
	return err < 0 ? err : sfs_buf_append(ret, "\"", 1);
}

int cli_text_compact(struct sfs_buf *ret, struct sfs_span text)
{
	int err = sfs_buf_reserve(ret, text.len);
	if (err < 0 || text.len == 0)
		return err;
	const char *at = text.data, *end = at + text.len;
	char *out = (char *)ret->data + ret->len;
	bool in_string = false;
	while (at < end) {
		char c = *at++;
		if (!in_string && is_space(c))
			continue;
		*out++ = c;
		if (in_string && c == '\\' && at < end)
			*out++ = *at++;
		else if (c == '"')
			in_string = !in_string;
	}
	ret->len = (size_t)(out - (char *)ret->data);
	return 0;
}

int cli_text_base64(struct sfs_buf *ret, struct sfs_span bytes)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *at = bytes.data;
	int err = 0;
	for (size_t i = 0; i < bytes.len && err == 0; i += 3) {
		size_t left = bytes.len - i;
		unsigned group = (unsigned)at[i] << 16;
		group |= left > 1 ? (unsigned)at[i + 1] << 8 : 0;
		group |= left > 2 ? at[i + 2] : 0;
		char four[4] = { digits[group >> 18], digits[group >> 12 & 63],
				 left > 1 ? digits[group >> 6 & 63] : '=',
				 left > 2 ? digits[group & 63] : '=' };
		err = sfs_buf_append(ret, four, sizeof four);
	}
	return err;
}

void cli_put_bytes(FILE *out, struct sfs_span bytes)
{
	const unsigned char *at = bytes.data;
	for (size_t i = 0; i < bytes.len; i++) {
		if (at[i] < 0x20 || at[i] == 0x7f)
			fprintf(out, "\\x%02x", at[i]);
		else
			fputc(at[i], out);
	}
}
