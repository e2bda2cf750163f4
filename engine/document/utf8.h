/*
 * UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, nothing over U+10FFFF.
 */
#ifndef SFSI_UTF8_H
#define SFSI_UTF8_H

#include <stdbool.h>
#include <storefs/buf.h>

/**
 * Length of the character at the start of bytes.
 * Returns 1..4, or 0 when there is no whole valid character (also when len is 0).
 */
size_t sfsi_utf8_next(const void *bytes, size_t len);

/** Length of the longest valid beginning; equal to text.len when all of it is valid. */
size_t sfsi_utf8_prefix(struct sfs_span text);

/** Is all of it valid? Empty text is. */
bool sfsi_utf8_valid(struct sfs_span text);

/** Bytes of a shown text: SFSI_SHOW_MAX of text, an ellipsis, a NUL. */
#define SFSI_SHOW_MAX 60
#define SFSI_SHOW_SIZE (SFSI_SHOW_MAX + 4)

/**
 * Write text so that it can stand in a sentence: one line, valid UTF-8, cut with "…" when it is
 * long; control characters and invalid bytes as \xNN, quotes and backslashes as they are.
 * Returns dst.
 */
const char *sfsi_utf8_show(char dst[SFSI_SHOW_SIZE], struct sfs_span text);

#endif
