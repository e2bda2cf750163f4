/* Folding of texts: see fold.h. ASCII, which is most text, never looks into a table. */
#include "index/fold.h"
#include "index/unicode.h"

#define SIGMA 0x3a3
#define SIGMA_SMALL 0x3c3
#define SIGMA_FINAL 0x3c2
#define I_WITH_DOT 0x130
#define DOT_ABOVE 0x307

/* A text on its way, and what was made of it so far. There is room for all that is put. */
struct fold {
	const uint8_t *start, *end; /* of the text */
	uint8_t *from, *at;         /* what was made, and its end */
	bool space;                 /* white space was seen, and is written before what follows */
};

static int begin(struct fold *fold, struct sfs_span text, size_t room, struct sfs_buf *out)
{
	int err = text.len > SFS_BUF_MAX / 2 ? SFS_ERR_LIMIT : sfs_buf_reserve(out, room);
	if (err < 0)
		return err;
	fold->start = text.len ? text.data : (const uint8_t *)"";
	fold->end = fold->start + text.len;
	fold->from = fold->at = (uint8_t *)out->data + out->len;
	fold->space = false;
	return 0;
}

static void finish(const struct fold *fold, struct sfs_buf *out)
{
	out->len += (size_t)(fold->at - fold->from);
}

/* The space before what follows. */
static void put_space(struct fold *fold)
{
	if (fold->space && fold->at > fold->from)
		*fold->at++ = ' ';
	fold->space = false;
}

static uint8_t lower_of_ascii(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
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
	uint32_t code;
	size_t len = sfsi_unicode_next(p, fold->end, &code);
	if (sfsi_unicode_is_space(code)) {
		fold->space = true;
		return len;
	}
	uint32_t lower = sfsi_unicode_lower_of(code);
	if (code == SIGMA)
		lower = is_final(fold, p, p + len) ? SIGMA_FINAL : SIGMA_SMALL;
	put_space(fold);
	fold->at += sfsi_unicode_put(fold->at, lower);
	if (code == I_WITH_DOT)
		fold->at += sfsi_unicode_put(fold->at, DOT_ABOVE);
	return len;
}

int sfsi_fold_normalize(struct sfs_span text, struct sfs_buf *ret)
{
	struct fold fold;
	/* Three characters of two bytes become three: U+0130, U+023A and U+023E. */
	int err = begin(&fold, text, text.len + text.len / 2 + 4, ret);
	if (err < 0)
		return err;
	for (const uint8_t *p = fold.start; p < fold.end;) {
		if (*p >= 0x80) {
			p += put_lower(&fold, p);
		} else if (sfsi_unicode_is_space(*p)) {
			fold.space = true;
			p++;
		} else {
			put_space(&fold);
			*fold.at++ = lower_of_ascii(*p++);
		}
	}
	finish(&fold, ret);
	return 0;
}

int sfsi_fold_noaccents(struct sfs_span text, struct sfs_buf *ret)
{
	struct fold fold;
	/* Five letters at most come from three bytes. */
	int err = begin(&fold, text, text.len * 2 + 4, ret);
	if (err < 0)
		return err;
	for (const uint8_t *p = fold.start; p < fold.end;) {
		uint32_t code = *p;
		if (code < 0x80) {
			*fold.at++ = *p++;
			continue;
		}
		p += sfsi_unicode_next(p, fold.end, &code);
		struct sfs_span plain = sfsi_unicode_plain_of(code);
		if (plain.len)
			memcpy(fold.at, plain.data, plain.len);
		fold.at += plain.len;
	}
	finish(&fold, ret);
	return 0;
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void put_word(struct fold *fold, uint8_t c)
{
	if (!is_word(c)) {
		fold->space = true;
		return;
	}
	put_space(fold);
	*fold->at++ = lower_of_ascii(c);
}

int sfsi_fold_keyword(struct sfs_span text, struct sfs_buf *ret)
{
	struct fold fold;
	/* As above: a space takes the place of something else. */
	int err = begin(&fold, text, text.len * 2 + 4, ret);
	if (err < 0)
		return err;
	for (const uint8_t *p = fold.start; p < fold.end;) {
		uint32_t code = *p;
		if (code < 0x80) {
			put_word(&fold, *p++);
			continue;
		}
		p += sfsi_unicode_next(p, fold.end, &code);
		struct sfs_span plain = sfsi_unicode_plain_of(code);
		const uint8_t *c = plain.data;
		for (size_t i = 0; i < plain.len; i++)
			put_word(&fold, c[i]);
	}
	finish(&fold, ret);
	return 0;
}
