/*
 * Positions and sentences for refused JSON. sfsi_json_where_fault() walks the tokens with a small
 * state machine; it says in a person's words what the parser only found to be wrong.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "document/json_token.h"
#include "document/json_where.h"
#include "document/utf8.h"

void sfsi_json_where_offset(struct sfs_span text, size_t off, struct sfs_diag *diag)
{
	const char *start = text.data;
	size_t line_start = 0;
	uint32_t line = 1;
	if (off > text.len)
		off = text.len;
	while (line_start < off) {
		const char *newline = memchr(start + line_start, '\n', off - line_start);
		if (!newline)
			break;
		line_start = (size_t)(newline - start) + 1;
		line++;
	}
	diag->offset = off;
	diag->line = line;
	diag->column = (uint32_t)(off - line_start) + 1;
}

static char punctuation(const struct sfsi_token *token)
{
	return token->kind == SFSI_TOKEN_PUNCTUATION ? *(const char *)token->span.data : 0;
}

void sfsi_json_where_value(struct sfs_span text, size_t number, struct sfs_diag *diag)
{
	struct sfsi_token token;
	size_t off = 0;
	for (;;) {
		sfsi_token_next(text, off, &token);
		off = token.off + token.span.len;
		if (token.kind == SFSI_TOKEN_END || token.kind == SFSI_TOKEN_BAD)
			break;
		char c = punctuation(&token);
		bool is_value = c == 0 || c == '{' || c == '[';
		if (is_value && number-- == 0)
			break;
	}
	sfsi_json_where_offset(text, token.off, diag);
}

/* What may come next. */
enum expect {
	EXPECT_DOCUMENT,
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END, /* after [ */
	EXPECT_KEY,          /* after , */
	EXPECT_KEY_OR_END,   /* after { */
	EXPECT_COLON,
	EXPECT_NEXT,    /* after a value in a container */
	EXPECT_NOTHING, /* after the document */
};

/* Where the state machine is; open has one byte, { or [, for each open container. */
struct course {
	enum expect expect;
	struct sfs_buf open;
};

static char innermost(const struct course *course)
{
	return course->open.len ? ((const char *)course->open.data)[course->open.len - 1] : 0;
}

static const char *expected(const struct course *course)
{
	switch (course->expect) {
	case EXPECT_DOCUMENT:
	case EXPECT_VALUE: return "a value";
	case EXPECT_VALUE_OR_END: return "a value or ']'";
	case EXPECT_KEY: return "a key in double quotes";
	case EXPECT_KEY_OR_END: return "a key in double quotes or '}'";
	case EXPECT_COLON: return "':' after the key";
	case EXPECT_NEXT: return innermost(course) == '{' ? "',' or '}'" : "',' or ']'";
	case EXPECT_NOTHING: return "the end of the text";
	}
	return "something else";
}

static void after_value(struct course *course)
{
	course->expect = course->open.len ? EXPECT_NEXT : EXPECT_NOTHING;
}

static bool wants_value(const struct course *course)
{
	return course->expect <= EXPECT_VALUE_OR_END;
}

static bool begin(struct course *course, char c)
{
	if (!wants_value(course) || sfs_buf_append(&course->open, &c, 1) < 0)
		return false;
	course->expect = c == '{' ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
	return true;
}

static bool end(struct course *course, char open, enum expect empty)
{
	if (innermost(course) != open || (course->expect != EXPECT_NEXT && course->expect != empty))
		return false;
	course->open.len--;
	after_value(course);
	return true;
}

static bool separate(struct course *course)
{
	if (course->expect != EXPECT_NEXT)
		return false;
	course->expect = innermost(course) == '{' ? EXPECT_KEY : EXPECT_VALUE;
	return true;
}

static bool string(struct course *course)
{
	if (course->expect == EXPECT_KEY || course->expect == EXPECT_KEY_OR_END) {
		course->expect = EXPECT_COLON;
		return true;
	}
	if (!wants_value(course))
		return false;
	after_value(course);
	return true;
}

static bool colon(struct course *course)
{
	if (course->expect != EXPECT_COLON)
		return false;
	course->expect = EXPECT_VALUE;
	return true;
}

/* Go over one token; false when it can not stand here. */
static bool step(struct course *course, const struct sfsi_token *token)
{
	switch (punctuation(token)) {
	case '{':
	case '[': return begin(course, punctuation(token));
	case '}': return end(course, '{', EXPECT_KEY_OR_END);
	case ']': return end(course, '[', EXPECT_VALUE_OR_END);
	case ',': return separate(course);
	case ':': return colon(course);
	default: break;
	}
	if (token->kind == SFSI_TOKEN_STRING)
		return string(course);
	if (token->kind != SFSI_TOKEN_NUMBER && token->kind != SFSI_TOKEN_LITERAL)
		return false;
	if (!wants_value(course))
		return false;
	after_value(course);
	return true;
}

static void describe(const struct sfsi_token *token, char *dst, size_t size)
{
	char shown[SFSI_SHOW_SIZE];
	const uint8_t *p = token->span.data;
	sfsi_utf8_show(shown, token->span);
	switch (token->kind) {
	case SFSI_TOKEN_END: snprintf(dst, size, "end of the text"); return;
	case SFSI_TOKEN_STRING: snprintf(dst, size, "string %s", shown); return;
	case SFSI_TOKEN_NUMBER: snprintf(dst, size, "number %s", shown); return;
	case SFSI_TOKEN_LITERAL:
	case SFSI_TOKEN_WORD: snprintf(dst, size, "word '%s'", shown); return;
	case SFSI_TOKEN_PUNCTUATION:
	case SFSI_TOKEN_OTHER:
	case SFSI_TOKEN_BAD: break;
	}
	if (*p < 0x20 || !sfsi_utf8_valid(token->span))
		snprintf(dst, size, "byte 0x%02x", *p);
	else
		snprintf(dst, size, "character '%s'", shown);
}

static bool is_not_finite(struct sfs_span word)
{
	static const char *const words[] = { "NaN", "nan", "NAN", "Infinity", "inf", "Inf" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (sfs_span_equal(word, sfs_span_str(words[i])))
			return true;
	return false;
}

/* What helps with mistakes that are often made. */
static const char *hint(const struct course *course, const struct sfsi_token *token)
{
	char c = punctuation(token);
	char other = token->kind == SFSI_TOKEN_OTHER ? *(const char *)token->span.data : 0;
	if (other == '/' || other == '#')
		return " (JSON has no comments)";
	if (other == '\'')
		return " (strings stand in double quotes)";
	if ((course->expect == EXPECT_VALUE || course->expect == EXPECT_KEY) &&
	    (c == ']' || c == '}'))
		return " (after a comma another one follows)";
	if (token->kind == SFSI_TOKEN_WORD && is_not_finite(token->span))
		return " (write {\"$float\": \"nan\"}, \"inf\" or \"-inf\")";
	return "";
}

static int unexpected(struct sfs_span text, const struct course *course,
		      const struct sfsi_token *token, struct sfs_diag *diag)
{
	char found[SFSI_SHOW_SIZE + 20];
	sfsi_json_where_offset(text, token->off, diag);
	if (token->kind == SFSI_TOKEN_BAD)
		return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT, "%s", token->fault);
	if (token->kind == SFSI_TOKEN_END && course->expect == EXPECT_DOCUMENT)
		return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT,
				    "empty document: expected a JSON object");
	describe(token, found, sizeof found);
	return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT, "unexpected %s, expected %s%s", found,
			    expected(course), hint(course, token));
}

/* Texts in other encodings show in their first bytes. Returns a sentence or NULL. */
static const char *encoding_fault(struct sfs_span text)
{
	const uint8_t *p = text.data;
	if (text.len >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf)
		return "a byte order mark at the start, expected UTF-8 without one";
	if (text.len >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff)))
		return "the text is UTF-16 or UTF-32, expected UTF-8";
	if (text.len >= 2 && (p[0] == 0) != (p[1] == 0))
		return "the text looks like UTF-16 or UTF-32, expected UTF-8";
	return NULL;
}

int sfsi_json_where_fault(struct sfs_span text, size_t off, const char *why, struct sfs_diag *diag)
{
	struct course course = { .expect = EXPECT_DOCUMENT };
	const char *fault = encoding_fault(text);
	if (fault) {
		sfsi_json_where_offset(text, 0, diag);
		return sfs_diag_set(diag, SFS_ERR_BAD_DOCUMENT, "%s", fault);
	}
	struct sfsi_token token = { .kind = SFSI_TOKEN_OTHER };
	size_t at = 0;
	bool good = true;
	while (good && token.kind != SFSI_TOKEN_END) {
		sfsi_token_next(text, at, &token);
		at = token.off + token.span.len;
		good = step(&course, &token);
	}
	int err = SFS_ERR_BAD_DOCUMENT;
	if (token.kind == SFSI_TOKEN_END && course.expect == EXPECT_NOTHING) {
		sfsi_json_where_offset(text, off, diag);
		err = sfs_diag_set(diag, err, "%s", why);
	} else {
		err = unexpected(text, &course, &token, diag);
	}
	sfs_buf_fini(&course.open);
	return err;
}
