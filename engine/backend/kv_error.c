/*
 * RocksDB's errors are English texts: "<kind>: [<detail>: ]<what>[: <path>: <text of errno>]".
 * The C interface gives nothing else, so the code is read from the two ends of the text;
 * the middle may be a path and is never looked at, but for the lock.
 */
#include <errno.h>
#include <string.h>
#include "backend/kv.h"
#include "base/errno.h"

static bool starts(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool ends(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);
	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static const struct {
	const char *start;
	int err;
} kinds[] = {
	{ "Corruption: ", SFS_ERR_CORRUPT },
	{ "Memory limit", SFS_ERR_NO_MEMORY },
	{ "Not implemented: ", SFS_ERR_UNSUPPORTED },
	{ "IO error: No space left on device", SFS_ERR_NO_SPACE },
	{ "IO error: Space limit reached", SFS_ERR_NO_SPACE },
	{ "IO error: While lock file: ", SFS_ERR_BUSY },
	{ "IO error: lock hold by current process", SFS_ERR_BUSY },
	/* A file that the MANIFEST names is gone. */
	{ "IO error: No such file or directory", SFS_ERR_CORRUPT },
};

/* Where a file is expected. */
static const int misplaced[] = { EISDIR, ENOTDIR, ELOOP };
static const int errnos[] = { ENOSPC, EDQUOT, EROFS, EACCES, EPERM, EMFILE, ENFILE, ENOMEM };

static int code_of(const char *text)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (starts(text, kinds[i].start))
			return kinds[i].err;
	for (size_t i = 0; i < sizeof misplaced / sizeof misplaced[0]; i++)
		if (ends(text, strerrordesc_np(misplaced[i])))
			return SFS_ERR_CORRUPT;
	for (size_t i = 0; i < sizeof errnos / sizeof errnos[0]; i++)
		if (ends(text, strerrordesc_np(errnos[i])))
			return sfsi_err_from_errno(errnos[i]);
	return SFS_ERR_IO;
}

int sfsi_kv_error(char *text)
{
	if (!text)
		return 0;
	int err = code_of(text);
	rocksdb_free(text);
	return err;
}

int sfsi_kv_error_diag(char *text, struct sfs_diag *diag, const char *what)
{
	if (!text)
		return 0;
	int err = sfs_diag_set(diag, code_of(text), "%s: %s", what, text);
	rocksdb_free(text);
	return err;
}
