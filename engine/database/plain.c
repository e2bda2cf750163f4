/* One pass over a value: see plain.h. What is rare or hard is denied, and made the long way (value.c). */
#include "database/plain.h"
#include "document/json_print.h"
#include "document/json_word.h"
#include "document/msgpack_head.h"
#include "document/utf8.h"

/* Deeper, longer and wider ones are made the long way. */
#define DEPTH 16
#define KEYS 16
#define BYTES ((size_t)1 << 20)

struct measuring {
	const uint8_t *at, *end;
	size_t json;
};

static bool take(struct measuring *m, unsigned level);

static size_t digits(uint64_t value)
{
	size_t count = 1;
	for (; value >= 10; value /= 10)
		count++;
	return count;
}

/** Big-endian. The image was checked: it is all there. */
static uint64_t number_at(const uint8_t *at, size_t len)
{
	uint64_t value = 0;
	for (size_t i = 0; i < len; i++)
		value = value << 8 | at[i];
	return value;
}

/** In the shortest form that there is for it? */
static bool take_natural(struct measuring *m, size_t len)
{
	uint64_t value = number_at(m->at, len);
	uint64_t below = len == 1 ? 0x80 : UINT64_C(1) << (4 * len);
	m->at += len;
	m->json += digits(value);
	return value >= below;
}

static bool take_negative(struct measuring *m, size_t len)
{
	unsigned shift = 64 - 8 * (unsigned)len;
	int64_t value = (int64_t)(number_at(m->at, len) << shift) >> shift;
	int64_t above = len == 1 ? -32 : -(INT64_C(1) << (4 * len - 1));
	m->at += len;
	m->json += 1 + digits(-(uint64_t)value);
	return value < above;
}

static bool take_real(struct measuring *m)
{
	char room[64];
	struct sfs_buf text = { room, 0, sizeof room };
	uint64_t bits = number_at(m->at, 8);
	double value;
	m->at += 8;
	memcpy(&value, &bits, sizeof value);
	/* No infinity, no NaN. */
	if ((bits >> 52 & 0x7ff) == 0x7ff || sfsi_json_print_real(value, &text) < 0)
		return false;
	m->json += text.len;
	return true;
}

/** How many bytes more a JSON string has than the text, without the quotes. */
static size_t escapes(const uint8_t *at, size_t len, bool *ret_ascii)
{
	size_t more = 0;
	uint8_t all = 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = at[i];
		all |= c;
		if (c == '"' || c == '\\')
			more++;
		else if (c < 0x20)
			more += memchr("\b\t\n\f\r", c, 5) ? 1 : 5;
	}
	*ret_ascii = all < 0x80;
	return more;
}

/** @head  length of the length: 0: it is in the first byte. */
static bool take_text(struct measuring *m, size_t head, size_t len, struct sfs_span *ret)
{
	bool ascii;
	if (head) {
		len = number_at(m->at, head);
		m->at += head;
		if (len < (head == 1 ? 32u : head == 2 ? 0x100u : 0x10000u))
			return false;
	}
	*ret = (struct sfs_span){ m->at, len };
	m->at += len;
	if (m->at > m->end)
		return false;
	m->json += len + 2 + escapes(ret->data, len, &ascii);
	return ascii || sfsi_utf8_valid(*ret);
}

static bool take_string(struct measuring *m, uint8_t first, struct sfs_span *ret)
{
	if ((first & 0xe0) == 0xa0)
		return take_text(m, 0, first & 0x1f, ret);
	if (first < 0xd9 || first > 0xdb)
		return false;
	return take_text(m, (size_t)1 << (first - 0xd9), 0, ret);
}

/** Items are on lines of their own, below a head and above a tail of one byte; a comma behind each but the last. */
static size_t layout(size_t count, unsigned level)
{
	return count ? 2 + count * (2 + 2 * ((size_t)level + 1)) - 1 + 1 + 2 * (size_t)level : 2;
}

static bool take_list(struct measuring *m, size_t count, unsigned level)
{
	m->json += layout(count, level);
	for (size_t i = 0; i < count; i++)
		if (!take(m, level + 1))
			return false;
	return true;
}

static bool is_new(const struct sfs_span *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (sfs_span_equal(names[i], names[count]))
			return false;
	return true;
}

static bool take_map(struct measuring *m, size_t count, unsigned level)
{
	struct sfs_span names[KEYS];
	if (count > KEYS)
		return false;
	m->json += layout(count, level) + 2 * count;
	for (size_t i = 0; i < count; i++) {
		if (m->at == m->end || !take_string(m, *m->at++, &names[i]) || !is_new(names, i))
			return false;
		if (count == 1 && sfsi_json_word_of(names[0]) != SFSI_WORD_NONE)
			return false;
		if (!take(m, level + 1))
			return false;
	}
	return true;
}

/** The value at m->at, which is at a level of the document. */
static bool take(struct measuring *m, unsigned level)
{
	struct sfs_span text;
	if (level == DEPTH || m->at == m->end)
		return false;
	uint8_t first = *m->at++;
	if (first < 0x80) {
		m->json += digits(first);
		return true;
	}
	if (first < 0x90)
		return take_map(m, first & 0x0f, level);
	if (first < 0xa0)
		return take_list(m, first & 0x0f, level);
	if (first >= 0xe0) {
		m->json += 1 + digits(256u - first);
		return true;
	}
	switch (first) {
	case 0xc0: m->json += 4; return true;
	case 0xc2: m->json += 5; return true;
	case 0xc3: m->json += 4; return true;
	case 0xcb: return take_real(m);
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf: return take_natural(m, (size_t)1 << (first - 0xcc));
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3: return take_negative(m, (size_t)1 << (first - 0xd0));
	/* A longer list; a map that long has too many keys. */
	case 0xdc:
		m->at += 2;
		return number_at(m->at - 2, 2) > 15 && take_list(m, number_at(m->at - 2, 2), level);
	default: return take_string(m, first, &text);
	}
}

bool sfsi_value_is_plain(struct sfs_span bytes, size_t *ret_len, size_t *ret_json)
{
	const uint8_t *start = bytes.data;
	struct measuring m = { .at = start, .end = start + bytes.len };
	if (!take(&m, 0) || (size_t)(m.at - start) > BYTES)
		return false;
	*ret_len = (size_t)(m.at - start);
	*ret_json = m.json + 1;
	return true;
}
