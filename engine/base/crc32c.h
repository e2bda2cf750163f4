/* CRC-32C (Castagnoli), the sum that RocksDB keeps of each of its tables. */
#ifndef SFSI_BASE_CRC32C_H
#define SFSI_BASE_CRC32C_H

#include <storefs/buf.h>

/** Of some bytes that come after others. @sum  of those; 0: there are none. */
uint32_t sfsi_crc32c(struct sfs_span bytes, uint32_t sum);
/** The same, on any processor. */
uint32_t sfsi_crc32c_plain(struct sfs_span bytes, uint32_t sum);

#endif
