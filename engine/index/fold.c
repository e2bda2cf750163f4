/* Folding of texts: see fold.h. ASCII, which is most text, never looks into a table. */
#include "index/fold.h"
#include "index/unicode.h"

#define SIGMA 0x3a3
#define SIGMA_SMALL 0x3c3
#define SIGMA_FINAL 0x3c2
#define DOT_ABOVE 0x307

/* A text on its way, and what was made of it so far. */
struct fold {
	const uint8_t *start, *end;
	struct sfs_buf *out;
	size_t from; /* where in out it starts */
	bool space;  /* white space was seen, and is written before what follows */
};

static struct fold fold_of(struct sfs_span text, struct sfs_buf *out)
{
	const uint8_t *start = text.len ? text.data : (const uint8_t *)"";
	return (struct fold){ start, start + text.len, out, out->len, false };
}

/** Write len bytes, for which there is room, and the space before them. */
static void put(struct fold *fold, const uint8_t *bytes, size_t len)
{
	uint8_t *out = fold->out->data;
	if (fold->space && fold->out->len > fold->from)
		out[fold->out->len++] = ' ';
	fold->space = false;
	memcpy(out + fold->out->len, bytes, len);
	fold->out->len += len;
}

/*
 * A capital sigma is a final one when the next character before it, and not the next one behind it,
 * is cased; ignorable ones do not count. Ignorables between two sigmas are walked over twice at most.
 */
static bool is_final(const struct fold *fold, const uint8_t *at, const uint8_t *after)
{
	uint32_t code = 0;
	bool before = false, behind = false;
	while (at > fold->start) {
		at -= sfsi_unicode_before(fold->start, at, &code);
		if (!sfsi_unicode_is_ignorable(code)) {
			before = sfsi_unicode_is_cased(code);
			break;
		}
	}
	while (before && after < fold->end) {
		after += sfsi_unicode_next(after, fold->end, &code);
		if (!sfsi_unicode_is_ignorable(code)) {
			behind = sfsi_unicode_is_cased(code);
			break;
		}
	}
	return before && !behind;
}

static size_t put_lower(struct fold *fold, const uint8_t *p)
{
	uint8_t bytes[4];
	uint32_t code;
	size_t len = sfsi_unicode_next(p, fold->end, &code);
	if (sfsi_unicode_is_space(code)) {
		fold->space = true;
		return len;
	}
	uint32_t lower = sfsi_unicode_lower_of(code);
	if (code == SIGMA)
		lower = is_final(fold, p, p + len) ? SIGMA_FINAL : SIGMA_SMALL;
	put(fold, bytes, sfsi_unicode_put(bytes, lower));
	if (code == 0x130)
		put(fold, bytes, sfsi_unicode_put(bytes, DOT_ABOVE));
	return len;
}

int sfsi_fold_normalize(struct sfs_span text, struct sfs_buf *ret)
{
	struct fold fold = fold_of(text, ret);
	/* Three characters of two bytes become three: U+0130, U+023A and U+023E. */
	if (text.len > SFS_BUF_MAX / 2)
		return SFS_ERR_LIMIT;
	int err = sfs_buf_reserve(ret, text.len + text.len / 2 + 8);
	if (err < 0)
		return err;
	for (const uint8_t *p = fold.start; p < fold.end;) {
		if (*p >= 0x80) {
			p += put_lower(&fold, p);
			continue;
		}
		uint8_t c = (uint8_t)sfsi_unicode_lower_of(*p++);
		if (sfsi_unicode_is_space(c))
			fold.space = true;
		else
			put(&fold, &c, 1);
	}
	return 0;
}

int sfsi_fold_noaccents(struct sfs_span text, struct sfs_buf *ret)
{
	struct fold fold = fold_of(text, ret);
	uint32_t code;
	int err = 0;
	for (const uint8_t *p = fold.start; p < fold.end && !err;) {
		const uint8_t *run = p;
		while (p < fold.end && *p < 0x80)
			p++;
		err = sfs_buf_append(ret, run, (size_t)(p - run));
		if (err < 0 || p == fold.end)
			break;
		p += sfsi_unicode_next(p, fold.end, &code);
		struct sfs_span plain = sfsi_unicode_plain_of(code);
		err = sfs_buf_append(ret, plain.data, plain.len);
	}
	return err;
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/** A character of ASCII, on its way into a keyword. There is room. */
static void put_word(struct fold *fold, uint8_t c)
{
	uint8_t lower = (uint8_t)sfsi_unicode_lower_of(c);
	if (is_word(c))
		put(fold, &lower, 1);
	else
		fold->space = true;
}

int sfsi_fold_keyword(struct sfs_span text, struct sfs_buf *ret)
{
	struct fold fold = fold_of(text, ret);
	int err = sfs_buf_reserve(ret, text.len + 1);
	for (const uint8_t *p = fold.start; p < fold.end && !err;) {
		uint32_t code = *p;
		if (code < 0x80) {
			put_word(&fold, *p++);
			continue;
		}
		p += sfsi_unicode_next(p, fold.end, &code);
		struct sfs_span plain = sfsi_unicode_plain_of(code);
		const uint8_t *c = plain.data;
		/* A character may become several: room for it, and for the rest of the text. */
		err = sfs_buf_reserve(ret, 2 * plain.len + (size_t)(fold.end - p) + 1);
		for (size_t i = 0; i < plain.len && !err; i++)
			put_word(&fold, c[i]);
	}
	return err;
}
