/* JSON string literals, for the writer of documents and for whoever prints a line of JSON. */
#include "document/json.h"
#include "document/utf8.h"

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Nonzero when one of eight bytes is zero, and the others are below 0x80. */
static uint64_t has_zero(uint64_t word)
{
	return (word - EACH_BYTE(1)) & ~word;
}

/* Are eight bytes plain? May deny it without need, never claims it wrongly. */
static bool is_plain_word(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	uint64_t special = word | (word - EACH_BYTE(0x20)) | has_zero(word ^ EACH_BYTE('"')) |
			   has_zero(word ^ EACH_BYTE('\\'));
	return (special & EACH_BYTE(0x80)) == 0;
}

static size_t plain_ascii(const uint8_t *p, size_t len)
{
	size_t at = 0;
	while (len - at >= 8 && is_plain_word(p + at))
		at += 8;
	while (at < len && is_plain(p[at]))
		at++;
	return at;
}

/* Length of what can be copied as it is. *ret_bad: it ends before a byte that is not UTF-8. */
static size_t plain_run(const uint8_t *p, size_t len, bool *ret_bad)
{
	size_t at = 0;
	*ret_bad = false;
	for (;;) {
		at += plain_ascii(p + at, len - at);
		if (at == len || p[at] < 0x80)
			return at;
		size_t step = sfsi_utf8_next(p + at, len - at);
		if (step == 0) {
			*ret_bad = true;
			return at;
		}
		at += step;
	}
}

static int escape(struct sfs_buf *ret, uint8_t c)
{
	static const char letters[] = "\b\t\n\f\r\"\\";
	static const char names[] = "btnfr\"\\";
	const char *at = c ? strchr(letters, c) : NULL;
	if (!at)
		return sfs_buf_printf(ret, "\\u%04X", c);
	const char text[2] = { '\\', names[at - letters] };
	return sfs_buf_append(ret, text, sizeof text);
}

static int quote_special(struct sfs_buf *ret, const uint8_t *p, size_t len)
{
	bool bad;
	int err = sfs_buf_append(ret, "\"", 1);
	for (size_t at = 0; err == 0 && at < len; at++) {
		size_t run = plain_run(p + at, len - at, &bad);
		err = sfs_buf_append(ret, p + at, run);
		at += run;
		if (err == 0 && at < len)
			err = bad ? sfs_buf_append(ret, "\xef\xbf\xbd", 3) : escape(ret, p[at]);
	}
	return err < 0 ? err : sfs_buf_append(ret, "\"", 1);
}

/* Most strings: nothing to escape, len bytes of valid UTF-8. */
static int quote_plain(struct sfs_buf *ret, const uint8_t *p, size_t len)
{
	int err = sfs_buf_reserve(ret, len + 2);
	if (err < 0)
		return err;
	char *end = (char *)ret->data + ret->len;
	end[0] = '"';
	if (len)
		memcpy(end + 1, p, len);
	end[len + 1] = '"';
	ret->len += len + 2;
	return 0;
}

static int quote_text(struct sfs_buf *ret, const uint8_t *p, size_t len)
{
	bool bad;
	if (len > SFS_BUF_MAX - 2)
		return SFS_ERR_LIMIT;
	if (len == 0 || plain_run(p, len, &bad) == len)
		return quote_plain(ret, p, len);
	return quote_special(ret, p, len);
}

int sfsi_json_quote(struct sfs_buf *ret, struct sfs_span text)
{
	size_t old = ret->len;
	int err = quote_text(ret, text.data, text.len);
	if (err < 0)
		ret->len = old;
	return err;
}
