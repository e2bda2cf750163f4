/*
 * What is known of the bytes of a raw: hash and MIME type, in table Y, with the stamp of the plain file
 * that they belong to. They are computed when somebody asks, and hold while the stamp is that of the file.
 *
 * A value is the XXH3-64 of the key and of everything that follows, the version byte; size u64, mtime
 * and ctime i64 (ns) of the plain file; flags u8 (1: it has a hash); 16 bytes of hash; and the MIME type.
 */
#ifndef SFSI_RAW_CONTENT_H
#define SFSI_RAW_CONTENT_H

#include <storefs/content.h>
#include "mime.h"
#include "raw.h"

/** A plain file at one moment. */
struct sfsi_stamp {
	uint64_t size;
	int64_t mtime_ns, ctime_ns;
};

struct sfsi_content {
	struct sfsi_stamp stamp;
	bool hashed;
	unsigned char hash[SFS_HASH_LEN];
	char mime[SFSI_MIME_SIZE]; /* empty: not known */
};
SFS_MUST_CHECK int sfsi_content_decode(struct sfs_span bytes, struct sfs_span key,
				       struct sfsi_content *ret);

/** What is stored. SFS_ERR_NOT_FOUND. */
SFS_MUST_CHECK int sfsi_content_load(struct sfs_store *store, uint64_t ino,
				     struct sfsi_content *ret);
/** Store it, if the raw is still there. */
SFS_MUST_CHECK int sfsi_content_save(struct sfs_store *store, uint64_t ino,
				     const struct sfsi_content *content);

/** The stamp of a plain file. */
SFS_MUST_CHECK int sfsi_stamp_of(int fd, struct sfsi_stamp *ret);
/** Do two stamps say that nothing was written in between? */
bool sfsi_stamp_equal(const struct sfsi_stamp *a, const struct sfsi_stamp *b);
/**
 * Is a stamp one that a later write would change? Not while somebody writes (a page that is mapped and
 * dirty takes more writes without one), and not for a moment after the last write: clocks of files tick.
 */
bool sfsi_stamp_settled(struct sfs_store *store, uint64_t ino, const struct sfsi_stamp *stamp);

/** Called after each piece. Nonzero stops. */
typedef int sfsi_piece_fn(void *arg, size_t len);
/** Hash all bytes of a plain file. SFS_ERR_CANCELLED. @fn  may be NULL. */
SFS_MUST_CHECK int sfsi_content_hash(int fd, sfsi_piece_fn *fn, void *arg,
				     unsigned char ret[SFS_HASH_LEN]);

#endif
