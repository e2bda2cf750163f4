/*
 * The texts that index functions make: lower case, accents gone, words. As the Python original makes
 * them, character for character, by the tables of unicode.h. Bytes that are no UTF-8 stay as they are
 * in normalize, and are dropped by the others.
 */
#ifndef SFSI_INDEX_FOLD_H
#define SFSI_INDEX_FOLD_H

#include <storefs/buf.h>

/*
 * All append to ret and return 0, SFS_ERR_LIMIT (over SFS_BUF_MAX) or SFS_ERR_NO_MEMORY.
 */

/** Lower case; each run of white space is one space; none at the ends. */
SFS_MUST_CHECK int sfsi_fold_normalize(struct sfs_span text, struct sfs_buf *ret);
/** What ASCII is left of the compatibility decomposition; case and spaces stay. */
SFS_MUST_CHECK int sfsi_fold_noaccents(struct sfs_span text, struct sfs_buf *ret);
/** noaccents, all but letters and digits as spaces, normalize. */
SFS_MUST_CHECK int sfsi_fold_keyword(struct sfs_span text, struct sfs_buf *ret);

#endif
