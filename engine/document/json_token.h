/* Tokens of JSON text, for messages about it. json_where.c and json_token.c. */
#ifndef SFSI_JSON_TOKEN_H
#define SFSI_JSON_TOKEN_H

#include <storefs/buf.h>

enum sfsi_token_kind {
	SFSI_TOKEN_END,         /* of the text */
	SFSI_TOKEN_PUNCTUATION, /* one of { } [ ] : , */
	SFSI_TOKEN_STRING,
	SFSI_TOKEN_NUMBER,
	SFSI_TOKEN_LITERAL, /* true, false, null */
	SFSI_TOKEN_WORD,    /* another word */
	SFSI_TOKEN_OTHER,   /* a character that begins no token */
	SFSI_TOKEN_BAD,     /* a string or number that is broken; fault says how */
};

struct sfsi_token {
	enum sfsi_token_kind kind;
	struct sfs_span span; /* its bytes */
	size_t off;           /* where it starts in the text; BAD: where it is broken */
	char fault[160];      /* BAD: a sentence */
};

/** Next token from off on; off + span.len of the one before is where to go on. */
void sfsi_token_next(struct sfs_span text, size_t off, struct sfsi_token *ret);

#endif
