/*
 * JSON as Python's json module reads and writes it: the files of the storage module.
 *
 * Values are canonical msgpack, as in bodies. What JSON can not say is written as documents say
 * it ({"$bin": …}, {"$ext": …}, {"$map": …}), and read back; an object that only looks like one of
 * those stays what it is. A text with lone surrogates, which Python has and Unicode has not, is ext
 * type SFSI_EXT_SURROGATES with its bytes in generalised UTF-8.
 */
#ifndef SFSI_JSON_PYTHON_H
#define SFSI_JSON_PYTHON_H

#include "document/sink.h"

#define SFSI_EXT_SURROGATES 79

/** Longest text that is read: a document of the largest size, with an escape for each byte. */
#define SFSI_JSON_PYTHON_MAX ((size_t)400 << 20)

/**
 * Read what json.loads() reads: UTF-8, with a byte order mark or not, UTF-16 and UTF-32; NaN and
 * Infinity; of duplicate keys the last value, at the place of the first one.
 * @ret  appended to. On failure it is as it was.
 * Returns 0, SFS_ERR_BAD_DOCUMENT (diag: line, column and what was expected), SFS_ERR_LIMIT,
 * SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_json_python_read(struct sfs_span text, struct sfs_buf *ret,
					 struct sfs_diag *diag);

/**
 * Append a value as json.dumps() writes it, byte for byte: one line, ASCII, ", " and ": ", no newline.
 * Returns 0, SFS_ERR_CORRUPT (it is no msgpack), SFS_ERR_LIMIT, SFS_ERR_NO_MEMORY.
 */
SFS_MUST_CHECK int sfsi_json_python_write(struct sfs_span value, struct sfs_buf *ret);

/** Is it a map of one of the words and a value that goes with it? (json_python_word.c) */
bool sfsi_json_python_is_word(struct sfs_span key, struct sfs_span value);
/** What such a map stands for, appended. SFS_ERR_INVALID: it is none after all. */
SFS_MUST_CHECK int sfsi_json_python_word(struct sfs_span key, struct sfs_span value,
					 struct sfs_buf *ret);

#endif
