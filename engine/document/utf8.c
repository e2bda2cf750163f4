/*
 * The UTF-8 checks that msgpack strings, diagnostics and file names share. JSON text is checked
 * by its parser. Runs of ASCII are taken eight bytes at a time: most text is.
 */
#include <stdint.h>
#include "document/utf8.h"

static bool is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The second byte carries the rules against overlong forms, surrogates and > U+10FFFF. */
static bool second_fits(uint8_t first, uint8_t second)
{
	switch (first) {
	case 0xe0: return second >= 0xa0 && second <= 0xbf;
	case 0xed: return second >= 0x80 && second <= 0x9f;
	case 0xf0: return second >= 0x90 && second <= 0xbf;
	case 0xf4: return second >= 0x80 && second <= 0x8f;
	default: return is_tail(second);
	}
}

size_t sfsi_utf8_next(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	if (len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	size_t need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len < need || !second_fits(p[0], p[1]))
		return 0;
	for (size_t i = 2; i < need; i++)
		if (!is_tail(p[i]))
			return 0;
	return need;
}

static size_t ascii_prefix(const uint8_t *p, size_t len)
{
	size_t at = 0;
	uint64_t word;
	while (len - at >= sizeof word) {
		memcpy(&word, p + at, sizeof word);
		if (word & UINT64_C(0x8080808080808080))
			break;
		at += sizeof word;
	}
	while (at < len && p[at] < 0x80)
		at++;
	return at;
}

size_t sfsi_utf8_prefix(struct sfs_span text)
{
	const uint8_t *p = text.data;
	size_t at = 0;
	while (at < text.len) {
		at += ascii_prefix(p + at, text.len - at);
		if (at == text.len)
			break;
		size_t step = sfsi_utf8_next(p + at, text.len - at);
		if (step == 0)
			break;
		at += step;
	}
	return at;
}

bool sfsi_utf8_valid(struct sfs_span text)
{
	return sfsi_utf8_prefix(text) == text.len;
}

/* Control characters of ASCII and of Latin-1 (U+0080..U+009F) move terminals: never shown raw. */
static bool is_control(const uint8_t *p, size_t step)
{
	return (step == 1 && (p[0] < 0x20 || p[0] == 0x7f)) ||
	       (step == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

const char *sfsi_utf8_show(char dst[SFSI_SHOW_SIZE], struct sfs_span text)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *p = text.data;
	size_t at = 0, used = 0;
	while (at < text.len) {
		size_t step = sfsi_utf8_next(p + at, text.len - at);
		bool escape = step == 0 || is_control(p + at, step);
		size_t need = escape ? 4 : step;
		if (used + need > SFSI_SHOW_MAX)
			break;
		if (escape) {
			const char shown[4] = { '\\', 'x', hex[p[at] >> 4], hex[p[at] & 15] };
			memcpy(dst + used, shown, sizeof shown);
			step = 1;
		} else {
			memcpy(dst + used, p + at, step);
		}
		used += need;
		at += step;
	}
	memcpy(dst + used, at < text.len ? "…" : "", at < text.len ? 4 : 1);
	return dst;
}
