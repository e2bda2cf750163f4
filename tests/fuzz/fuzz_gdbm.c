/* Any bytes as a gdbm file: refused with a sentence, or read into pairs that lie inside it. */
#include <stdint.h>
#include <stdlib.h>
#include "gdbm/gdbm.h"

struct sums {
	size_t pairs, bytes;
};

static int take(void *arg, struct sfs_span key, struct sfs_span value)
{
	struct sums *sums = arg;
	sums->pairs++;
	sums->bytes += key.len + value.len;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sums sums = { 0 };
	struct sfs_diag diag = SFS_DIAG_INIT;
	int err = sfsi_gdbm_read_bytes((struct sfs_span){ data, size }, take, &sums, &diag);
	if (sums.bytes > size || sums.pairs > size)
		abort();
	if ((err == SFS_ERR_CORRUPT || err == SFS_ERR_UNSUPPORTED) && !diag.text[0])
		abort();
	return 0;
}
