/*
 * Values as text in the way of Python 3.11: str(), repr() and json.dumps(). Keys of the original are
 * made of them.
 */
#ifndef SFSI_INDEX_PYTHON_H
#define SFSI_INDEX_PYTHON_H

#include <storefs/buf.h>

enum sfsi_python_style {
	SFSI_PYTHON_STR,  /* a string as it is, else as REPR */
	SFSI_PYTHON_REPR, /* [None, True, 'a'] */
	SFSI_PYTHON_JSON, /* [null, true, "a"]: ASCII, ", " and ": " */
};

/**
 * Append one msgpack value as text.
 * Returns 0, SFS_ERR_CORRUPT (no msgpack), SFS_ERR_LIMIT (nested over SFS_DEPTH_MAX),
 * SFS_ERR_NO_MEMORY; ret may then have the beginning.
 */
SFS_MUST_CHECK int sfsi_python_text(struct sfs_span value, enum sfsi_python_style style,
				    struct sfs_buf *ret);

#endif
