/*
 * Small work on JSON text: walk the members of an object, compact it, read one string.
 *
 * The texts are documents that the engine has checked or will check; here nothing is judged, and
 * text that is not JSON gives "malformed", never more.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stdio.h>
#include <storefs/buf.h>

/** One member of an object. */
struct cli_member {
	struct sfs_span key;   /* the literal, quotes included */
	struct sfs_span value; /* without white space around it */
};

/** A walk over the members of the object in a text. Members are private. */
struct cli_members {
	const char *at, *end;
	bool first;
};

/** Start a walk. text is borrowed. Returns 0 or SFS_ERR_BAD_DOCUMENT (no object). */
SFS_MUST_CHECK int cli_members_init(struct cli_members *members, struct sfs_span text);
/** Returns 1 (*ret is the next member), 0 (end) or SFS_ERR_BAD_DOCUMENT. */
SFS_MUST_CHECK int cli_members_next(struct cli_members *members, struct cli_member *ret);

/**
 * Find a member of the object in a text by its name.
 * Returns 0, SFS_ERR_NOT_FOUND or SFS_ERR_BAD_DOCUMENT.
 */
SFS_MUST_CHECK int cli_member_find(struct sfs_span text, const char *name, struct sfs_span *ret);

/** Is the key (a literal) this name? */
bool cli_member_is(struct sfs_span key, const char *name);

/** Append what a string literal says. Returns 0, SFS_ERR_BAD_DOCUMENT, SFS_ERR_NO_MEMORY. */
SFS_MUST_CHECK int cli_text_unquote(struct sfs_buf *ret, struct sfs_span literal);
/** Is it one valid JSON text? */
bool cli_text_is_json(struct sfs_span text);
/** Append a string literal; invalid UTF-8 becomes U+FFFD. Errors of sfs_buf_append(). */
SFS_MUST_CHECK int cli_text_quote(struct sfs_buf *ret, struct sfs_span text);
/** Append JSON text without its white space. Errors of sfs_buf_append(). */
SFS_MUST_CHECK int cli_text_compact(struct sfs_buf *ret, struct sfs_span text);
/** Append bytes in base64. Errors of sfs_buf_append(). */
SFS_MUST_CHECK int cli_text_base64(struct sfs_buf *ret, struct sfs_span bytes);
/** Length of the valid UTF-8 character at the start of text (1..4), 0: there is none. */
size_t cli_text_character(struct sfs_span text);
/** Bytes for a person: control characters as \\x0a. */
void cli_put_bytes(FILE *out, struct sfs_span bytes);
/** Is it valid UTF-8? */
bool cli_text_is_utf8(struct sfs_span text);

#endif
