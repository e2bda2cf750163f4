/* Error texts, diagnostics, and the mapping of errno that backends and files share. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <storefs/store.h>
#include "base/errno.h"

const char *sfs_err_text(int err)
{
	switch ((enum sfs_err)err) {
	case SFS_OK: return "success";
	case SFS_ERR_NOT_FOUND: return "not found";
	case SFS_ERR_EXISTS: return "exists already";
	case SFS_ERR_NOT_EMPTY: return "not empty";
	case SFS_ERR_CONFLICT: return "changed meanwhile";
	case SFS_ERR_BUSY: return "in use";
	case SFS_ERR_READ_ONLY: return "read-only";
	case SFS_ERR_LIMIT: return "over a limit";
	case SFS_ERR_NAME: return "not a usable name";
	case SFS_ERR_INVALID: return "invalid argument";
	case SFS_ERR_BAD_DOCUMENT: return "not a valid document";
	case SFS_ERR_UNSUPPORTED: return "not supported";
	case SFS_ERR_NOT_DIR: return "not a directory";
	case SFS_ERR_IS_DIR: return "is a directory";
	case SFS_ERR_WRONG_KIND: return "wrong kind of class";
	case SFS_ERR_CROSS: return "in another class";
	case SFS_ERR_LOOP: return "directory moved into itself";
	case SFS_ERR_NOT_STORE: return "not a storefs store";
	case SFS_ERR_CANCELLED: return "cancelled";
	case SFS_ERR_NOT_READY: return "not ready yet";
	case SFS_ERR_IO: return "input/output error";
	case SFS_ERR_CORRUPT: return "stored data is damaged";
	case SFS_ERR_VERSION: return "written by a newer storefs";
	case SFS_ERR_NO_MEMORY: return "out of memory";
	case SFS_ERR_NO_SPACE: return "no space left";
	case SFS_ERR_PERMISSION: return "permission denied";
	case SFS_ERR_NO_FILES: return "too many open files";
	}
	return "unknown error";
}

int sfs_diag_set(struct sfs_diag *diag, int err, const char *fmt, ...)
{
	if (!diag)
		return err;
	diag->err = err;
	va_list args;
	va_start(args, fmt);
	vsnprintf(diag->text, sizeof diag->text, fmt, args);
	va_end(args);
	return err;
}

int sfsi_err_from_errno(int error)
{
	switch (error) {
	case ENOENT: return SFS_ERR_NOT_FOUND;
	case EEXIST: return SFS_ERR_EXISTS;
	case ENOTEMPTY: return SFS_ERR_NOT_EMPTY;
	case EROFS: return SFS_ERR_READ_ONLY;
	case ENAMETOOLONG:
	case EFBIG:
	case EOVERFLOW:
	case EMLINK: return SFS_ERR_LIMIT;
	case EINVAL: return SFS_ERR_INVALID;
	case EOPNOTSUPP: return SFS_ERR_UNSUPPORTED;
	case ENOTDIR: return SFS_ERR_NOT_DIR;
	case EISDIR: return SFS_ERR_IS_DIR;
	case EXDEV: return SFS_ERR_CROSS;
	case ENOMEM: return SFS_ERR_NO_MEMORY;
	case ENOSPC:
	case EDQUOT: return SFS_ERR_NO_SPACE;
	case EACCES:
	case EPERM: return SFS_ERR_PERMISSION;
	case EMFILE:
	case ENFILE: return SFS_ERR_NO_FILES;
	default: return SFS_ERR_IO;
	}
}

const char *sfs_version(void)
{
	return SFSI_VERSION;
}
