/* Any bytes as a time: refused with a sentence, or a moment that a backup's name can say again. */
#include <storefs/time.h>
#include "backup/backup.h"
#include "fuzz_document.h"

#define SECOND ((int64_t)1000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sfs_diag diag = SFS_DIAG_INIT;
	char name[SFS_BACKUP_NAME_SIZE];
	int64_t ns, again;
	if (sfs_time_parse((struct sfs_span){ data, size }, 1795365015 * SECOND, &ns, &diag) < 0) {
		require(diag.text[0] && sfsi_utf8_valid(sfs_span_str(diag.text)),
			"a sentence says what was expected");
		return 0;
	}
	if (ns < 0)
		return 0;
	sfsi_backup_name(ns, name);
	require(sfs_time_parse(sfs_span_str(name), 0, &again, NULL) == 0, "names are times");
	require(again == ns - ns % SECOND, "that of the same second");
	return 0;
}
