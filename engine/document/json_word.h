/* The four words that stand for what JSON can not say. */
#ifndef SFSI_JSON_WORD_H
#define SFSI_JSON_WORD_H

#include <storefs/buf.h>

enum sfsi_json_word {
	SFSI_WORD_NONE,
	SFSI_WORD_BIN,
	SFSI_WORD_EXT,
	SFSI_WORD_MAP,
	SFSI_WORD_FLOAT,
};

/** Which word a key is. */
static inline enum sfsi_json_word sfsi_json_word_of(struct sfs_span key)
{
	if (key.len < 4 || *(const char *)key.data != '$')
		return SFSI_WORD_NONE;
	if (sfs_span_equal(key, sfs_span_str("$bin")))
		return SFSI_WORD_BIN;
	if (sfs_span_equal(key, sfs_span_str("$ext")))
		return SFSI_WORD_EXT;
	if (sfs_span_equal(key, sfs_span_str("$map")))
		return SFSI_WORD_MAP;
	if (sfs_span_equal(key, sfs_span_str("$float")))
		return SFSI_WORD_FLOAT;
	return SFSI_WORD_NONE;
}

#endif
