/* JSON string literals, for the writer of documents and for whoever prints a line of JSON. */
#include "document/json.h"
#include "document/utf8.h"

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Length of what can be copied as it is. *ret_bad: it ends before a byte that is not UTF-8. */
static size_t plain_run(const uint8_t *p, size_t len, bool *ret_bad)
{
	size_t at = 0;
	*ret_bad = false;
	for (;;) {
		while (at < len && is_plain(p[at]))
			at++;
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

static int quote_text(struct sfs_buf *ret, const uint8_t *p, size_t len)
{
	bool bad;
	size_t at = 0;
	int err = sfs_buf_append(ret, "\"", 1);
	while (err == 0 && at < len) {
		size_t run = plain_run(p + at, len - at, &bad);
		err = sfs_buf_append(ret, p + at, run);
		at += run;
		if (err == 0 && at < len)
			err = bad ? sfs_buf_append(ret, "\xef\xbf\xbd", 3) : escape(ret, p[at]);
		at++;
	}
	return err < 0 ? err : sfs_buf_append(ret, "\"", 1);
}

int sfsi_json_quote(struct sfs_buf *ret, struct sfs_span text)
{
	size_t old = ret->len;
	int err = quote_text(ret, text.data, text.len);
	if (err < 0)
		ret->len = old;
	return err;
}
