/*
 * Versions: a number says every byte of a document or raw. The low four bits count how often
 * something was appended, so that the version before an append is its beginning.
 */
#ifndef CRASH_CONTENT_H
#define CRASH_CONTENT_H

#include "mark.h"

#define APPENDS_MAX 15u
/** A version with this bit is a document of 9 MiB: it makes RocksDB write tables. */
#define VERSION_LARGE ((uint64_t)1 << 56)

struct content {
	char *bytes; /* to be freed */
	size_t len;
};

/** The content of a version. */
struct content content_of(enum slot_kind kind, uint64_t version);
/** The version of a content; STATE_ANY: of none, or not all of it. */
uint64_t content_version(enum slot_kind kind, const char *bytes, size_t len);

/** What is on the mount. */
struct seen {
	uint64_t state;
	struct content content; /* files only */
	int error;              /* errno of looking, other than ENOENT and the like; else 0 */
};

struct seen slot_look(const char *mount, unsigned thread, unsigned slot);

#endif
