/*
 * Types of values: what a property of a class may hold.
 *
 * A type is a small tree. Its text is the notation that definitions use ("[string]", "int:0-100",
 * "(draft|published)"); what the notation can not say has an object form ({"enum": ["int"]}).
 */
#ifndef SFSI_SCHEMA_TYPE_H
#define SFSI_SCHEMA_TYPE_H

#include <stdbool.h>
#include <stdint.h>
#include <storefs/buf.h>
#include "base/arena.h"

/** The words come first, in the order of sfsi_type_words. */
enum sfsi_type_kind {
	SFSI_TYPE_ANY,
	SFSI_TYPE_BOOL,
	SFSI_TYPE_INT,
	SFSI_TYPE_POSITIVE,
	SFSI_TYPE_FLOAT,
	SFSI_TYPE_NUMBER,
	SFSI_TYPE_STRING,
	SFSI_TYPE_LINE,
	SFSI_TYPE_RICHTEXT,
	SFSI_TYPE_MARKDOWN,
	SFSI_TYPE_HTML,
	SFSI_TYPE_PASSWORD,
	SFSI_TYPE_I18N,
	SFSI_TYPE_EMAIL,
	SFSI_TYPE_URL,
	SFSI_TYPE_PATH,
	SFSI_TYPE_ID,
	SFSI_TYPE_DATE,
	SFSI_TYPE_TIME,
	SFSI_TYPE_DATETIME,
	SFSI_TYPE_BIN,
	SFSI_TYPE_WORDS, /* how many there are */

	SFSI_TYPE_LIST,      /* items[0] */
	SFSI_TYPE_TUPLE,     /* items, one for each place */
	SFSI_TYPE_ONE_OF,    /* items, the alternatives; an enum is one of LITERALs */
	SFSI_TYPE_LITERAL,   /* text: the value as canonical msgpack */
	SFSI_TYPE_MAP,       /* names and items; none of them: any object */
	SFSI_TYPE_REFERENCE, /* text: name of a class; empty: the class itself */
	SFSI_TYPE_RANGE,     /* base, low, high */
};

/** More levels than anybody needs; bounds recursion over types. */
#define SFSI_TYPE_DEPTH 64

struct sfsi_type {
	enum sfsi_type_kind kind;
	enum sfsi_type_kind base; /* RANGE: INT, FLOAT or NUMBER */
	uint32_t count;
	const struct sfsi_type *items; /* [count] */
	const struct sfs_span *names;  /* [count], MAP */
	struct sfs_span text;
	/* RANGE, both included. A long double holds every 64-bit integer exactly. */
	long double low, high;
};

/** "any", "bool", … by kind. */
extern const char *const sfsi_type_words[SFSI_TYPE_WORDS];

/** The kind that a word stands for, or SFSI_TYPE_WORDS. */
enum sfsi_type_kind sfsi_type_word(struct sfs_span word);

/** Append the notation, for people: literals that the notation can not say are JSON. */
SFS_MUST_CHECK int sfsi_type_text(const struct sfsi_type *type, struct sfs_buf *ret);

/**
 * Parse notation.
 * @depth  levels around it.
 * Returns 0, SFS_ERR_BAD_DOCUMENT (why: a sentence of what was expected), SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_type_parse(struct sfsi_arena *arena, struct sfs_span notation,
				   unsigned depth, struct sfsi_type *ret, char why[200]);

/** Append a value as canonical msgpack. */
SFS_MUST_CHECK int sfsi_literal_string(struct sfs_buf *ret, struct sfs_span text);

#endif
