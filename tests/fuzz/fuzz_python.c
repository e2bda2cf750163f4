/*
 * Files of the storage module: whatever is in one is read or refused, and what is read says the same when it is
 * written and read once more.
 */
#include <stdint.h>
#include <stdlib.h>
#include "document/json_python.h"
#include "mirror/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sfs_span text = { size ? (const void *)data : "", size };
	struct sfs_buf value = SFS_BUF_INIT, written = SFS_BUF_INIT, again = SFS_BUF_INIT;
	struct sfs_diag diag = SFS_DIAG_INIT;
	struct sfsi_folder_parsed parsed;
	if (sfsi_json_python_read(text, &value, &diag) == 0) {
		if (sfsi_json_python_write(sfs_buf_span(&value), &written) != 0 ||
		    sfsi_json_python_read(sfs_buf_span(&written), &again, NULL) != 0 ||
		    !sfs_span_equal(sfs_buf_span(&value), sfs_buf_span(&again)))
			abort();
	} else if (!diag.text[0]) {
		abort();
	}
	(void)!sfsi_folder_parse(text, &parsed, &diag);
	sfsi_folder_parsed_fini(&parsed);
	sfs_buf_fini(&value);
	sfs_buf_fini(&written);
	sfs_buf_fini(&again);
	return 0;
}
