/* Any bytes as JSON: refused with a good sentence, or read into a value that survives every way. */
#include "fuzz_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_bytes(SFS_FORMAT_JSON, (struct sfs_span){ data, size });
	return 0;
}
