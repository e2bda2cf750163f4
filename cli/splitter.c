/*
 * The splitter's state machine. See splitter.h.
 *
 * Values and lines are taken in runs (value_take, line_take), everything between them byte by byte
 * (byte_take). Positions are counted in one place: advance(), for bytes that were taken.
 */
#include <inttypes.h>
#include <stdio.h>
#include "splitter.h"

enum state {
	STATE_START,        /* before the first byte that is not white space */
	STATE_LINE,         /* lines: in a line, or before it */
	STATE_HELD,         /* lines: the first one is no whole object; is the next one? */
	STATE_FIRST,        /* array: after '[' */
	STATE_ITEM,         /* array: after ',' */
	STATE_VALUE,        /* in an element, or in a member's value that is skipped */
	STATE_AFTER,        /* array: after an element */
	STATE_KEY_FIRST,    /* object: after '{' */
	STATE_KEY_NEXT,     /* object: after ',' */
	STATE_KEY,          /* object: in a key */
	STATE_COLON,        /* object: after a key */
	STATE_MEMBER,       /* object: before a value */
	STATE_MEMBER_AFTER, /* object: after a value */
	STATE_DONE,         /* only white space may follow */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void cli_splitter_init(struct cli_splitter *splitter, enum cli_split mode, const char *member,
		       size_t max)
{
	*splitter = (struct cli_splitter){
		.mode = mode,
		.state = STATE_START,
		.max = max,
		.line = 1,
	};
	if (member)
		splitter->member = sfs_span_str(member);
}

void cli_splitter_fini(struct cli_splitter *splitter)
{
	sfs_buf_fini(&splitter->text);
}

/* The text is broken at the byte that comes next. */
static int broken(struct cli_splitter *s, struct sfs_diag *diag, const char *what)
{
	s->error = SFS_ERR_BAD_DOCUMENT;
	if (diag) {
		diag->line = (uint32_t)s->line;
		diag->column = (uint32_t)(s->offset - s->line_start + 1);
		diag->offset = s->offset;
	}
	return sfs_diag_set(diag, s->error, "%s", what);
}

static int broken_byte(struct cli_splitter *s, struct sfs_diag *diag, char found,
		       const char *expected)
{
	char text[160];
	unsigned char byte = (unsigned char)found;
	if (byte > 0x20 && byte < 0x7f)
		snprintf(text, sizeof text, "found '%c', expected %s", found, expected);
	else
		snprintf(text, sizeof text, "found byte 0x%02x, expected %s", byte, expected);
	return broken(s, diag, text);
}

static void advance(struct cli_splitter *s, const char *data, size_t len)
{
	const char *at = data, *end = data + len;
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		at++;
		s->line++;
		s->line_start = s->offset + (uint64_t)(at - data);
	}
	s->offset += len;
}

/* Start a record (or a key, or a skipped value) at the byte that is skip bytes ahead. */
static void begin(struct cli_splitter *s, size_t skip)
{
	s->text.len = 0;
	s->record.too_long = false;
	s->record.line = s->line;
	s->record.offset = s->offset + skip;
	s->record.column = s->record.offset - s->line_start + 1;
}

static int keep(struct cli_splitter *s, const char *data, size_t len)
{
	if (s->record.too_long)
		return 0;
	if (len > s->max - s->text.len) {
		s->record.too_long = true;
		sfs_buf_fini(&s->text);
		return 0;
	}
	int err = sfs_buf_append(&s->text, data, len);
	if (err < 0)
		s->error = err;
	return err;
}

static int emit(struct cli_splitter *s, struct cli_record *ret)
{
	s->record.number++;
	*ret = s->record;
	ret->text = s->record.too_long ? (struct sfs_span){ NULL, 0 } : sfs_buf_span(&s->text);
	return 1;
}

/* Does the text hold more opening brackets than closing ones? */
static bool is_unbalanced(struct sfs_span text)
{
	int64_t depth = 0;
	bool in_string = false;
	const char *at = text.data;
	for (size_t i = 0; i < text.len; i++) {
		if (in_string && at[i] == '\\')
			i++;
		else if (at[i] == '"')
			in_string = !in_string;
		else if (!in_string && (at[i] == '{' || at[i] == '['))
			depth++;
		else if (!in_string && (at[i] == '}' || at[i] == ']'))
			depth--;
	}
	return depth > 0;
}

/* The line in text is whole. */
static int line_end(struct cli_splitter *s, struct cli_record *ret)
{
	const char *text = s->text.data;
	while (s->text.len > 0 && is_space(text[s->text.len - 1]))
		s->text.len--;
	if (s->text.len == 0 && !s->record.too_long)
		return 0;
	bool check = s->check_first;
	s->check_first = false;
	if (check && !s->record.too_long && is_unbalanced(sfs_buf_span(&s->text))) {
		s->state = STATE_HELD;
		return 0;
	}
	int got = emit(s, ret);
	s->text.len = 0;
	s->record.too_long = false;
	return got;
}

static int line_take(struct cli_splitter *s, const char *data, size_t len, size_t *used,
		     struct cli_record *ret)
{
	size_t skip = 0;
	if (s->text.len == 0 && !s->record.too_long) {
		while (skip < len && is_space(data[skip]) && data[skip] != '\n')
			skip++;
		begin(s, skip);
	}
	const char *newline = skip < len ? memchr(data + skip, '\n', len - skip) : NULL;
	size_t stop = newline ? (size_t)(newline - data) : len;
	*used = newline ? stop + 1 : len;
	if (stop == skip && s->text.len == 0 && !s->record.too_long)
		return 0;
	int err = keep(s, data + skip, stop - skip);
	if (err < 0)
		return err;
	return newline ? line_end(s, ret) : 0;
}

/* One byte inside a value: does the value end with it? */
static bool value_step(struct cli_splitter *s, char c)
{
	if (s->in_string) {
		if (s->escape)
			s->escape = false;
		else if (c == '\\')
			s->escape = true;
		else if (c == '"')
			s->in_string = false;
		return !s->in_string && s->depth == 0;
	}
	switch (c) {
	case '"': s->in_string = true; return false;
	case '{':
	case '[': s->depth++; return false;
	case '}':
	case ']': return --s->depth == 0;
	default: return false;
	}
}

static bool ends_scalar(char c)
{
	return is_space(c) || c == ',' || c == ']' || c == '}';
}

/* Bytes of data that belong to the value; *ended when it ends there. */
static size_t value_length(struct cli_splitter *s, const char *data, size_t len, bool *ended)
{
	*ended = false;
	for (size_t i = 0; i < len; i++) {
		if (s->scalar && ends_scalar(data[i])) {
			*ended = true;
			return i;
		}
		if (!s->scalar && value_step(s, data[i])) {
			*ended = true;
			return i + 1;
		}
	}
	return len;
}

static int value_take(struct cli_splitter *s, const char *data, size_t len, size_t *used,
		      struct cli_record *ret)
{
	bool ended;
	*used = value_length(s, data, len, &ended);
	if (s->keep) {
		int err = keep(s, data, *used);
		if (err < 0)
			return err;
	}
	if (!ended)
		return 0;
	s->state = s->keep ? STATE_AFTER : STATE_MEMBER_AFTER;
	return s->keep ? emit(s, ret) : 0;
}

static void value_begin(struct cli_splitter *s, char c, bool wanted)
{
	begin(s, 0);
	s->state = STATE_VALUE;
	s->depth = 0;
	s->in_string = s->escape = false;
	s->scalar = c != '{' && c != '[' && c != '"';
	s->keep = wanted;
}

/* What a byte means that is not part of a record: */
enum took {
	TOOK = 0, /* taken */
	LEFT = 2, /* the new state will take it */
};

/* Bytes of a byte order mark are taken at the very beginning only. */
static int start_mark(struct cli_splitter *s, char c, struct sfs_diag *diag)
{
	static const char mark[] = "\xef\xbb\xbf";
	if (c != mark[s->mark])
		return broken_byte(s, diag, c, "UTF-8 text");
	s->mark++;
	return TOOK;
}

static int start_byte(struct cli_splitter *s, char c, struct sfs_diag *diag)
{
	if (s->offset == s->mark && s->mark < 3 && (s->mark > 0 || c == '\xef'))
		return start_mark(s, c, diag);
	if (is_space(c))
		return TOOK;
	if (s->member.data) {
		if (c != '{')
			return broken_byte(s, diag, c, "'{': an object with the member asked for");
		s->state = STATE_KEY_FIRST;
		return TOOK;
	}
	if (c == '[' && s->mode != CLI_SPLIT_LINES) {
		s->state = STATE_FIRST;
		return TOOK;
	}
	if (s->mode == CLI_SPLIT_ARRAY)
		return broken_byte(s, diag, c, "'[': an array of objects");
	s->state = STATE_LINE;
	s->check_first = s->mode == CLI_SPLIT_AUTO && c == '{';
	return LEFT;
}

static int held_byte(struct cli_splitter *s, char c, struct cli_record *ret, struct sfs_diag *diag)
{
	if (is_space(c))
		return TOOK;
	if (c == '{') {
		s->state = STATE_LINE;
		int got = emit(s, ret);
		s->text.len = 0;
		return got;
	}
	s->line = s->record.line;
	s->line_start = s->record.offset - (s->record.column - 1);
	s->offset = s->record.offset;
	return broken(s, diag,
		      "one object over several lines, expected an array or one object a line "
		      "(--at MEMBER imports the array in one of its members)");
}

static int item_byte(struct cli_splitter *s, char c, struct sfs_diag *diag)
{
	if (is_space(c))
		return TOOK;
	if (c == ']' && s->state == STATE_FIRST) {
		s->state = s->member.data ? STATE_MEMBER_AFTER : STATE_DONE;
		return TOOK;
	}
	if (c == ',' || c == ']' || c == '}' || c == ':')
		return broken_byte(s, diag, c, "a record");
	value_begin(s, c, true);
	return LEFT;
}

static int after_byte(struct cli_splitter *s, char c, struct sfs_diag *diag)
{
	if (is_space(c))
		return TOOK;
	if (c == ',')
		s->state = STATE_ITEM;
	else if (c == ']')
		s->state = s->member.data ? STATE_MEMBER_AFTER : STATE_DONE;
	else
		return broken_byte(s, diag, c, "',' or ']' after the record");
	return TOOK;
}

static int key_byte(struct cli_splitter *s, char c, struct sfs_diag *diag)
{
	if (is_space(c))
		return TOOK;
	if (c == '}' && s->state == STATE_KEY_FIRST)
		s->state = STATE_DONE;
	else if (c == '"') {
		begin(s, 0);
		s->state = STATE_KEY;
		s->escape = false;
	} else
		return broken_byte(s, diag, c, "a key in quotes");
	return TOOK;
}

static int key_inside(struct cli_splitter *s, char c)
{
	if (c == '"' && !s->escape) {
		s->state = STATE_COLON;
		return TOOK;
	}
	s->escape = !s->escape && c == '\\';
	return keep(s, &c, 1);
}

static int member_byte(struct cli_splitter *s, char c, struct sfs_diag *diag)
{
	if (is_space(c))
		return TOOK;
	bool wanted = !s->found && !s->record.too_long &&
		      sfs_span_equal(sfs_buf_span(&s->text), s->member);
	if (!wanted) {
		if (c == ',' || c == ']' || c == '}' || c == ':')
			return broken_byte(s, diag, c, "a value");
		value_begin(s, c, false);
		return LEFT;
	}
	if (c != '[')
		return broken_byte(s, diag, c, "'[': the member asked for must be an array");
	s->found = true;
	s->state = STATE_FIRST;
	return TOOK;
}

static int member_after_byte(struct cli_splitter *s, char c, struct sfs_diag *diag)
{
	if (is_space(c))
		return TOOK;
	if (c == ',')
		s->state = STATE_KEY_NEXT;
	else if (c == '}')
		s->state = STATE_DONE;
	else
		return broken_byte(s, diag, c, "',' or '}' after the value");
	return TOOK;
}

static int byte_take(struct cli_splitter *s, char c, struct cli_record *ret, struct sfs_diag *diag)
{
	switch ((enum state)s->state) {
	case STATE_START: return start_byte(s, c, diag);
	case STATE_HELD: return held_byte(s, c, ret, diag);
	case STATE_FIRST:
	case STATE_ITEM: return item_byte(s, c, diag);
	case STATE_AFTER: return after_byte(s, c, diag);
	case STATE_KEY_FIRST:
	case STATE_KEY_NEXT: return key_byte(s, c, diag);
	case STATE_KEY: return key_inside(s, c);
	case STATE_COLON:
		if (c == ':')
			s->state = STATE_MEMBER;
		else if (!is_space(c))
			return broken_byte(s, diag, c, "':' after the key");
		return TOOK;
	case STATE_MEMBER: return member_byte(s, c, diag);
	case STATE_MEMBER_AFTER: return member_after_byte(s, c, diag);
	case STATE_DONE:
		return is_space(c) ? TOOK : broken_byte(s, diag, c, "nothing after the end");
	case STATE_LINE:
	case STATE_VALUE: break;
	}
	return SFS_ERR_INVALID;
}

/* A held first line is given out before the byte that decided it is taken. */
static int take(struct cli_splitter *s, const char *data, size_t len, size_t *used,
		struct cli_record *ret, struct sfs_diag *diag)
{
	if (s->state == STATE_LINE)
		return line_take(s, data, len, used, ret);
	if (s->state == STATE_VALUE)
		return value_take(s, data, len, used, ret);
	int got = byte_take(s, data[0], ret, diag);
	*used = got == TOOK ? 1 : 0;
	return got == LEFT ? 0 : got;
}

int cli_splitter_feed(struct cli_splitter *splitter, struct sfs_span bytes, size_t *ret_used,
		      struct cli_record *ret, struct sfs_diag *diag)
{
	const char *data = bytes.data;
	size_t done = 0;
	int got = splitter->error;
	while (done < bytes.len && got == 0) {
		size_t used = 0;
		got = take(splitter, data + done, bytes.len - done, &used, ret, diag);
		advance(splitter, data + done, used);
		done += used;
	}
	*ret_used = done;
	return got;
}

static int ended_inside(struct cli_splitter *s, struct sfs_diag *diag)
{
	char text[160];
	snprintf(text, sizeof text,
		 "the text ends inside record %" PRIu64 ", which begins at line %" PRIu64
		 ", column %" PRIu64,
		 s->record.number + 1, s->record.line, s->record.column);
	return broken(s, diag, text);
}

int cli_splitter_end(struct cli_splitter *splitter, struct cli_record *ret, struct sfs_diag *diag)
{
	struct cli_splitter *s = splitter;
	if (s->error)
		return s->error;
	switch ((enum state)s->state) {
	case STATE_START:
		if (s->mode == CLI_SPLIT_ARRAY || s->member.data)
			return broken(s, diag, "the text is empty, expected an array");
		break;
	case STATE_LINE: s->check_first = false; return line_end(s, ret);
	case STATE_HELD: s->state = STATE_DONE; return emit(s, ret);
	case STATE_VALUE:
		if (s->keep)
			return ended_inside(s, diag);
		return broken(s, diag, "the text ends inside a value");
	case STATE_FIRST:
	case STATE_ITEM:
	case STATE_AFTER: return broken(s, diag, "the text ends inside the array, expected ']'");
	case STATE_KEY_FIRST:
	case STATE_KEY_NEXT:
	case STATE_KEY:
	case STATE_COLON:
	case STATE_MEMBER:
	case STATE_MEMBER_AFTER:
		return broken(s, diag, "the text ends inside the object, expected '}'");
	case STATE_DONE:
		if (s->member.data && !s->found)
			return broken(s, diag, "the object has no such member");
		break;
	}
	return 0;
}
