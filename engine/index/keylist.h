/* Keys of one object on their way into a list: struct sfsi_index_keys of extract.h. */
#ifndef SFSI_INDEX_KEYLIST_H
#define SFSI_INDEX_KEYLIST_H

#include "index/extract.h"

/** Empty a list, keeping its memory. */
void sfsi_keylist_clear(struct sfsi_index_keys *keys);

/*
 * Add a key: of a string, of a msgpack value, of a whole number. Errors of sfsi_index_key_encode(), and
 * SFS_ERR_LIMIT over SFSI_INDEX_KEYS_MAX or _BYTES; the list is then as it was.
 */
SFS_MUST_CHECK int sfsi_keylist_string(struct sfsi_index_keys *keys, struct sfs_span text);
SFS_MUST_CHECK int sfsi_keylist_value(struct sfsi_index_keys *keys, struct sfs_span value);
/** @digits  decimal, of any size, without leading zeros. */
SFS_MUST_CHECK int sfsi_keylist_digits(struct sfsi_index_keys *keys, struct sfs_span digits);

/** Sort, and leave out what is there twice. */
void sfsi_keylist_finish(struct sfsi_index_keys *keys);

#endif
